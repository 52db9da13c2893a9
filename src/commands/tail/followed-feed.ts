import { DEFAULT_LIMITS } from '../../formats/format.ts';
import { lostRecords, type ReasonCount, type SourceAccount } from '../../ingest/account.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../ingest/compression.ts';
import { type DecodeOptions, SourceDecoder } from '../../ingest/decoding.ts';
import { describeAccount } from '../../ingest/describe-account.ts';
import { type FollowedPiece, Follower } from '../../ingest/follow.ts';
import { shownName } from '../../ingest/source.ts';
import type { Database } from '../../store/database.ts';
import { EVERYTHING_SETTLED, type Loader, type LoadResult } from '../../store/loader.ts';
import type { Queryable } from '../../store/queryable.ts';
import type { Store } from '../../store/store.ts';
import { monotonicMs } from '../../terminal/clock.ts';
import { plural } from '../../terminal/format.ts';
import type { CommandContext, Option } from '../command.ts';
import { openForWriting } from '../data.ts';
import type { Ending } from '../ending.ts';
import { DB, MAP, MAX_RECORD_SIZE, STRICT } from '../options.ts';
import { shellWord } from '../shell.ts';
import { askBeside, type CommitFeed, inSnapshot } from './feed.ts';
import { INCOMPLETE_MS } from './trace-watch.ts';

export const FROM_START: Option<boolean> = {
  flags: '--from-start',
  description: 'begin with what the files hold already, rather than with what is added to them',
  group: 'Input',
};

/** How often files are looked at where the system gives no notice. */
const POLL_MS = 200;
/** A complete trace is committed when nothing more came to it for this long. */
const SETTLE_MS = 200;
/** Of what is kept in memory, so many spans are enough: then a new database is begun, between two traces if there is such a time. */
const ENOUGH_SPANS = 150_000;

/** A database that spans of files go into. */
interface Kept {
  readonly store: Store;
  readonly loader: Loader;
  /** What is stored is looked at beside who stores it: with its own transactions, and temporary tables of the names of real ones. */
  readonly reading: Database;
}

/** Files that grow, into a database in memory, or into the one that is named. */
export class FollowedFeed implements CommitFeed {
  readonly hasWaited = true;
  readonly #context: CommandContext;
  readonly #follower: Follower;
  readonly #ending: Ending;
  readonly #decodeOptions: DecodeOptions;
  readonly #isInMemory: boolean;
  readonly #enoughSpans: number;
  #kept: Kept;
  #decoder: SourceDecoder;
  /** Spans stored in the database in hand. */
  #stored = 0;
  #isForgetting = false;
  #isFinished = false;
  #sequence = 0;
  #account: SourceAccount;
  /** What became of spans in databases that are gone. */
  #gone: LoadResult = NO_RESULT;
  #result: LoadResult = NO_RESULT;
  /** Files of which something was said about what is in them. */
  readonly #judged = new Set<string>();

  private constructor(
    context: CommandContext,
    names: readonly string[],
    follower: Follower,
    ending: Ending,
    kept: Kept,
    enoughSpans: number,
  ) {
    this.#context = context;
    this.#follower = follower;
    this.#ending = ending;
    this.#decodeOptions = {
      limits: { recordBytes: context.get(MAX_RECORD_SIZE) ?? DEFAULT_LIMITS.recordBytes },
      compression: DEFAULT_COMPRESSION_LIMITS,
      columnMap: context.get(MAP),
    };
    this.#isInMemory = kept.store.database.path === ':memory:';
    this.#enoughSpans = enoughSpans;
    this.#kept = kept;
    this.#decoder = this.#newDecoder();
    this.#account = { ...NO_ACCOUNT, source: titleOf(names) };
  }

  /** Begins to follow files, and stdin where a name is `-`. `begin` is called before, with what the database holds. */
  static async start(
    context: CommandContext,
    names: readonly string[],
    ending: Ending,
    begin: (database: Queryable) => Promise<void>,
    enoughSpans = ENOUGH_SPANS,
  ): Promise<FollowedFeed> {
    const kept = await openKept(await openForWriting(context, context.get(DB) ?? ':memory:'));
    const fromStart = context.get(FROM_START) === true;
    let follower: Follower;
    try {
      await inSnapshot(kept.reading, begin);
      follower = await Follower.start(names, {
        fromStart,
        columnMap: context.get(MAP),
        monotonicMs,
        onNotice: ({ name, message }) => context.say(`${name} ${message}`),
        onProblem: ({ name, message, hint }) => context.complain(`${name} ${message}`, hint),
      });
    } catch (error) {
      closeKept(kept);
      throw error;
    }
    const isAll = fromStart || names.every(name => name === '-');
    await context.say(
      `following ${titleOf(names)}${isAll ? '' : ' from here on; --from-start begins with what is there'}`,
    );
    return new FollowedFeed(context, names, follower, ending, kept, enoughSpans);
  }

  get isForgetting(): boolean {
    return this.#isForgetting;
  }

  get isEnded(): boolean {
    return this.#follower.isEnded;
  }

  #newDecoder(): SourceDecoder {
    const { loader } = this.#kept;
    return new SourceDecoder(
      {
        producer: loader.newProducer(),
        firstValueId: loader.nextAttributeId,
        onBatch: batch => loader.add(batch, { time: monotonicMs(), sequence: ++this.#sequence }),
      },
      this.#decodeOptions,
    );
  }

  async poll(): Promise<void> {
    if (this.#isForgetting) await this.#beginAnew();
    const pieces = await this.#follower.poll();
    for (const piece of pieces) await this.#decode(piece);
    if (pieces.length > 0) this.#ending.onReceived({ requests: this.#sequence });
    const now = monotonicMs();
    const { loader } = this.#kept;
    const isEnough = this.#stored >= this.#enoughSpans && loader.waiting === 0;
    this.#isForgetting = this.#isInMemory && (isEnough || this.#stored >= 2 * this.#enoughSpans);
    const settled = this.#isForgetting
      ? EVERYTHING_SETTLED
      : { completeBefore: now - SETTLE_MS, anyBefore: now - INCOMPLETE_MS };
    const commit = await loader.commit(this.#account, settled);
    if (commit === undefined) return;
    this.#stored += commit.newSpans;
    this.#result = sumOf(this.#gone, commit);
  }

  /** Decodes a piece as a source of its own: it is read for itself. */
  async #decode({ name, bytes, offset }: FollowedPiece): Promise<void> {
    const whole = async function* () {
      yield bytes;
    };
    const source = { name, path: undefined, bytes: bytes.length };
    const account = await this.#decoder.decode(source, undefined, whole());
    this.#decoder.writer.flush();
    this.#account = joined(this.#account, account, offset);
    if (account.spans > 0) this.#judged.add(name);
    if (account.fault === undefined || this.#judged.has(name)) return;
    // Programs print other things, too; once is enough.
    this.#judged.add(name);
    await this.#context.say(`${shownName(name)} ${account.fault.message}; it is followed all the same`);
  }

  async #beginAnew(): Promise<void> {
    this.#gone = this.#result;
    closeKept(this.#kept);
    this.#kept = await openKept(await openForWriting(this.#context, ':memory:'));
    this.#decoder = this.#newDecoder();
    this.#stored = 0;
    this.#isForgetting = false;
  }

  read<T>(work: (database: Queryable) => Promise<T>): Promise<T> {
    return inSnapshot(this.#kept.reading, work);
  }

  ask<T>(question: (database: Queryable) => Promise<T>): Promise<T> {
    return askBeside(this.#kept.store.database, question);
  }

  get title(): string {
    return this.#account.source;
  }

  get sameData(): string | undefined {
    return this.#isInMemory ? undefined : ` --db ${shellWord(this.#kept.store.database.path)}`;
  }

  wait(longestMs: number, signal: AbortSignal): Promise<void> {
    return this.#follower.wait(Math.min(longestMs, POLL_MS), signal);
  }

  async finish(): Promise<void> {
    for (const piece of [...(await this.#follower.poll()), ...this.#follower.rest()]) await this.#decode(piece);
    const { loader } = this.#kept;
    this.#result = sumOf(this.#gone, await loader.finish(this.#account));
    await loader.checkpoint();
    this.#isFinished = true;
  }

  async tell(): Promise<void> {
    const result = this.#result;
    await this.#context.say(describeAccount('read', [{ account: this.#account, result }], result.traces));
    const lost = lostRecords(this.#account);
    if (this.#context.get(STRICT) !== true || lost === 0) return;
    await this.#context.complain(
      `${plural(lost, 'record')} could not be read (--strict)`,
      'tailspan load FILE --json says which',
    );
  }

  async close(): Promise<void> {
    await this.#follower.close();
    if (!this.#isFinished) await this.#kept.loader.abort().catch(() => {});
    closeKept(this.#kept);
  }
}

function closeKept({ reading, store }: Kept): void {
  reading.close();
  store.close();
}

async function openKept(store: Store): Promise<Kept> {
  const loader = await store.loader();
  await loader.begin();
  return { store, loader, reading: await store.database.connect() };
}

function titleOf(names: readonly string[]): string {
  const [only = ''] = names;
  return names.length === 1 ? shownName(only) : plural(names.length, 'file');
}

const NO_RESULT: LoadResult = { spans: 0, traces: 0, duplicates: 0, sharedIds: 0, cuts: 0 };

function sumOf(one: LoadResult, other: LoadResult): LoadResult {
  return {
    spans: one.spans + other.spans,
    traces: one.traces + other.traces,
    duplicates: one.duplicates + other.duplicates,
    sharedIds: one.sharedIds + other.sharedIds,
    cuts: one.cuts + other.cuts,
  };
}

const NO_ACCOUNT: Omit<SourceAccount, 'source'> = {
  format: undefined,
  documents: 0,
  spans: 0,
  bytes: 0,
  contentBytes: 0,
  skipped: [],
  repaired: [],
  fault: undefined,
};

/** The account of what was read so far and of a piece that stands at `offset`. */
function joined(sum: SourceAccount, piece: SourceAccount, offset: number): SourceAccount {
  const formats = new Set([sum.format, piece.format].flatMap(format => format?.split('+') ?? []));
  return {
    source: sum.source,
    format: formats.size === 0 ? undefined : [...formats].join('+'),
    documents: sum.documents + piece.documents,
    spans: sum.spans + piece.spans,
    bytes: sum.bytes + piece.bytes,
    contentBytes: sum.contentBytes + piece.contentBytes,
    skipped: joinedReasons(sum.skipped, piece.skipped, offset),
    repaired: joinedReasons(sum.repaired, piece.repaired, offset),
    fault: undefined,
  };
}

function joinedReasons(sum: readonly ReasonCount[], more: readonly ReasonCount[], offset: number): ReasonCount[] {
  const known = new Map(sum.map(counted => [counted.reason, counted]));
  for (const { reason, count, first } of more) {
    const before = known.get(reason);
    known.set(
      reason,
      before === undefined
        ? { reason, count, first: { ...first, offset: first.offset + offset } }
        : { ...before, count: before.count + count },
    );
  }
  return [...known.values()];
}
