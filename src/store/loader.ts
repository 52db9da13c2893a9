import { UserError } from '../errors.ts';
import { REASONS } from '../formats/reasons.ts';
import type { Assembly } from '../model/assembled-columns.ts';
import type { SpanBatch } from '../model/span-batch.ts';
import { type Arrival, Arrivals } from './arrivals.ts';
import { writeAttributes } from './attribute-writer.ts';
import type { Database } from './database.ts';
import { Dictionaries, ProducerIds } from './dictionaries.ts';
import { FastAssembler } from './fast-assembler.ts';
import { PendingSpans } from './pending-spans.ts';
import { decimalOf, reassemble } from './reassembly.ts';
import { SpanWriter } from './span-writer.ts';

// Batches into tables: one source is one transaction. What comes from the network is a source without an end: it is committed
// again and again, by `commit`, and traces whose spans are still coming wait from one transaction to the next.
//
// Spans wait until their trace seems complete, that is, until so many others have come behind its last one; then the
// trace is assembled and written whole. What waits is bounded, so memory is, whatever the size of the source; a
// trace whose spans lie further apart is written in several goes and assembled again at the end (reassembly.ts).

/** Spans that wait before settled traces are written. */
const WINDOW_SPANS = 150_000;
/** A trace is settled when this many spans have come behind its last one. */
const SETTLED_AFTER = 60_000;

/** Bytes that DuckDB may hold while it is appended to; a load of any size stays under 1 GB with it (docs/performance.md). */
const APPENDING_MEMORY = 256e6;

/** Sources of fewer spans are committed to DuckDB's log, from which many are moved into the database file at once. */
const LOGGED_SPANS = 100_000;

/** Ids of attribute values are 32 bits, and none is given twice. */
const MOST_IDS = 2 ** 32;

/** What decoding says of a source; see ingest/account.ts, whose objects have these fields and more. */
interface LoadedSource {
  readonly source: string;
  readonly format: string | undefined;
  readonly documents: number;
  readonly bytes: number;
  readonly contentBytes: number;
  readonly skipped: readonly Issue[];
  readonly repaired: readonly Issue[];
  readonly fault: { readonly message: string } | undefined;
}

interface Issue {
  readonly reason: keyof typeof REASONS;
  readonly count: number;
  readonly first: { readonly offset: number; readonly detail: string };
}

/** What became of a source's spans. */
export interface LoadResult {
  /** Spans stored. */
  readonly spans: number;
  /** Traces that its spans belong to, those included that were stored already. */
  readonly traces: number;
  /** Spans that were stored already, by this source or an earlier one. */
  readonly duplicates: number;
  /** Spans that share their id with a different span of their trace; both are stored. */
  readonly sharedIds: number;
  /** Edges cut because parents formed a cycle. */
  readonly cuts: number;
}

/** Which traces a commit writes, by the time at which their last span arrived. */
export interface Settled {
  /** Complete traces to which nothing came since. */
  readonly completeBefore: number;
  /** Any traces to which nothing came since; not later. */
  readonly anyBefore: number;
}

/** All traces, whatever may come. */
export const EVERYTHING_SETTLED: Settled = { completeBefore: Infinity, anyBefore: Infinity };

/** What a commit of a source that goes on did. */
export interface Commit extends LoadResult {
  /** What it wrote has span numbers from here on: new traces, and those that grew, which are written anew. */
  readonly firstSpanNo: number;
  /** Spans that it wrote and that were not stored before. */
  readonly newSpans: number;
  /** The number of the first batch of which spans wait still; undefined where all are stored. */
  readonly oldestWaiting: number | undefined;
}

export class Loader {
  readonly #database: Database;
  readonly #isFile: boolean;
  readonly #now: () => Date;
  #dictionaries: Dictionaries;
  #producers = new Map<number, ProducerIds>();
  #producerCount = 0;
  #writer: SpanWriter | undefined;
  /** It has what waits in its memory; traces that are assembled again have one of their own. */
  readonly #assembler = new FastAssembler();
  readonly #reassembler = new FastAssembler();
  #pending = this.#newPending();
  #arrivals = new Arrivals();
  #nextSpanNo: number;
  #nextIngestId: number;

  // The source in hand.
  #firstSpanNo = 0;
  #received = 0;
  #duplicates = 0;
  #sharedIds = 0;
  /** Spans committed, of a source that goes on. */
  #stored = 0;
  #hasAccount = false;
  /** Traces of it that were dropped again since. */
  #droppedTraces = 0;

  // The transaction in hand.
  #firstOfCommit = 0;
  #traces = 0;
  #flushes = 0;
  #cuts = 0;
  #flagged: string[] = [];

  private constructor(
    database: Database,
    dictionaries: Dictionaries,
    nextSpanNo: number,
    nextIngestId: number,
    now: () => Date,
  ) {
    this.#database = database;
    this.#isFile = database.path !== ':memory:';
    this.#dictionaries = dictionaries;
    this.#nextSpanNo = nextSpanNo;
    this.#nextIngestId = nextIngestId;
    this.#now = now;
  }

  /** `isNew` says that the database has no rows yet. */
  static async open(database: Database, now: () => Date, isNew: boolean): Promise<Loader> {
    if (isNew) return new Loader(database, new Dictionaries(), 1, 1, now);
    const [last = {}] = await database.rows(
      'SELECT (SELECT max(span_no) FROM span) AS span_no, (SELECT max(ingest_id) FROM ingest) AS ingest_id',
    );
    return new Loader(
      database,
      await Dictionaries.read(database),
      Number(last.span_no ?? 0) + 1,
      Number(last.ingest_id ?? 0) + 1,
      now,
    );
  }

  /** The first id that a new producer may give to an attribute. */
  get nextAttributeId(): number {
    return this.#dictionaries.nextAttributeId;
  }

  /** The number that the next span gets. */
  get nextSpanNo(): number {
    return this.#nextSpanNo;
  }

  /** Returns a number for a new producer of batches. */
  newProducer(): number {
    return this.#producerCount++;
  }

  /** Begins a source. DuckDB may hold so many bytes while it is appended to. */
  async begin(memoryLimit = APPENDING_MEMORY): Promise<void> {
    // What is appended is written soon and not asked for: holding more of it is of no use.
    if (this.#isFile) await this.#database.limitMemory(memoryLimit);
    this.#firstSpanNo = this.#nextSpanNo;
    this.#received = this.#stored = this.#duplicates = this.#sharedIds = this.#droppedTraces = 0;
    this.#hasAccount = false;
    await this.#beginTransaction();
  }

  async #beginTransaction(): Promise<void> {
    await this.#database.run('BEGIN TRANSACTION');
    this.#dictionaries.open(this.#database);
    this.#writer = new SpanWriter(this.#database, this.#nextSpanNo);
    this.#firstOfCommit = this.#nextSpanNo;
    this.#traces = this.#flushes = this.#cuts = 0;
    this.#flagged = [];
  }

  /** Batches are always taken over at once. */
  async ready(): Promise<void> {}

  /** What the source in hand writes has span numbers from here on. */
  get firstSpanNo(): number {
    return this.#firstSpanNo;
  }

  /** Leaves a note in the database, with the next commit. */
  async note(key: string, value: string): Promise<void> {
    await this.#database.rows('DELETE FROM meta WHERE key = ?', [key]);
    await this.#database.rows('INSERT INTO meta VALUES (?, ?)', [key, value]);
  }

  /** Spans that wait for the rest of their traces. */
  get waiting(): number {
    return this.#pending.count;
  }

  /** Since when the first of them waits, in the time of its arrival. */
  get waitingSince(): number | undefined {
    return this.#arrivals.oldestTime;
  }

  /** Takes a batch over. `arrival` is for a source that is committed as it comes. */
  add(batch: SpanBatch, arrival?: Arrival): void {
    let producer = this.#producers.get(batch.producer);
    if (producer === undefined) {
      producer = new ProducerIds();
      this.#producers.set(batch.producer, producer);
    }
    this.#dictionaries.define(producer, batch.definitions);
    this.#addAttributes(batch, producer);
    if (arrival !== undefined) this.#arrivals.add(arrival, this.#pending.count);
    this.#pending.add(batch, producer, this.#dictionaries);
    this.#received += batch.spans.count;
    if (this.#pending.count >= WINDOW_SPANS) this.#makeRoom();
  }

  #newPending(): PendingSpans {
    return new PendingSpans(spans => this.#assembler.memoryFor(spans));
  }

  #addAttributes({ values }: SpanBatch, producer: ProducerIds): void {
    if (values.count === 0) return;
    if (values.firstId + values.count > MOST_IDS) {
      throw new UserError(`${this.#database.path} has no ids left for attribute values`, {
        hint: 'go on with a new database: --db names it',
      });
    }
    writeAttributes(this.#dictionaries.appenders, values, producer.keys.ids);
    this.#dictionaries.nextAttributeId = Math.max(this.#dictionaries.nextAttributeId, values.firstId + values.count);
  }

  /** Writes what makes room for more. */
  #makeRoom(): void {
    const { count } = this.#pending;
    const assembly = this.#assembler.assemble(this.#pending.assemblyInput, count - SETTLED_AFTER);
    // Where hardly anything is settled, waiting longer would not help: the spans of each trace are far apart.
    this.#write(assembly.row.length < count / 8 ? this.#assembler.assemble(this.#pending.assemblyInput) : assembly);
  }

  #write(assembly: Assembly): void {
    const pending = this.#pending;
    const { traces, traceId } = assembly;
    for (let trace = 0; trace < traces.count; trace++) {
      this.#cuts += traces.cuts[trace]!;
      if (traces.hasSharedIds[trace] === 1) this.#flagged.push(decimalOf(traceId, traces.first[trace]!));
    }
    this.#traces += traces.count;
    this.#flushes++;
    this.#writer?.write(assembly, pending);
    if (assembly.unsettled.length === 0) {
      this.#pending = this.#newPending();
      this.#pending.hasZipkin = pending.hasZipkin;
    } else pending.keep(assembly.unsettled);
    this.#arrivals.keep(assembly.unsettled);
  }

  #writeAll(): void {
    if (this.#pending.count > 0) this.#write(this.#assembler.assemble(this.#pending.assemblyInput));
  }

  /**
   * Commits what is settled of a source that goes on. Undefined where there is nothing to commit. Nothing may be added until it is
   * done. After an error only `abort` is left, which undoes what was not committed.
   */
  async commit(source: LoadedSource, { completeBefore, anyBefore }: Settled): Promise<Commit | undefined> {
    const { count } = this.#pending;
    if (count > 0) {
      const settled = this.#arrivals.rowAt(anyBefore, count);
      const complete = this.#arrivals.rowAt(completeBefore, count);
      if (complete > 0) {
        const assembly = this.#assembler.assemble(this.#pending.assemblyInput, settled, complete);
        if (assembly.row.length > 0) this.#write(assembly);
      }
    }
    const firstSpanNo = this.#firstOfCommit;
    const received = this.#received - this.#pending.count;
    if (this.#writer?.nextSpanNo === firstSpanNo) return undefined;
    const storedBefore = this.#stored;
    await this.#endTransaction();
    this.#stored = received - this.#duplicates;
    const result = {
      spans: this.#stored,
      duplicates: this.#duplicates,
      sharedIds: this.#sharedIds,
      ...(await this.#countTraces()),
    };
    await this.#writeAccount(source, result);
    await this.#database.run('COMMIT');
    await this.#beginTransaction();
    const newSpans = this.#stored - storedBefore;
    return { ...result, firstSpanNo, newSpans, oldestWaiting: this.#arrivals.oldest };
  }

  /** Ends the source: everything is assembled, accounted for and committed. */
  async finish(source: LoadedSource): Promise<LoadResult> {
    this.#writeAll();
    if (this.#isFile) await this.#database.limitMemory(undefined);
    const ofTransaction = await this.#endTransaction();
    const result = {
      spans: this.#received - this.#duplicates,
      duplicates: this.#duplicates,
      sharedIds: this.#sharedIds,
      ...(this.#hasAccount ? await this.#countTraces() : ofTransaction),
    };
    await this.#writeAccount(source, result);
    if (this.#received < LOGGED_SPANS) await this.#database.run('COMMIT');
    else await this.#database.commitPastLog();
    this.#nextIngestId++;
    return result;
  }

  /** Counts over all commits of the source in hand. What grew has new numbers, so each trace counts once. */
  async #countTraces(): Promise<{ readonly traces: number; readonly cuts: number }> {
    const [{ traces, cuts } = {}] = await this.#database.rows(`
      SELECT count(*) AS traces, coalesce(sum(cut_count), 0)::BIGINT AS cuts
      FROM trace WHERE first_span_no >= ${this.#firstSpanNo}`);
    return { traces: Number(traces) + this.#droppedTraces, cuts: Number(cuts) };
  }

  /**
   * Does something to the database between two transactions of a source that goes on: it may drop rows, those of dictionaries, too.
   * Nothing may wait (`commit` with everything settled), and all producers begin anew behind it.
   */
  async betweenTransactions<T>(work: () => Promise<T>): Promise<T> {
    if (this.#pending.count > 0) throw new Error('spans wait for their traces');
    await this.#endTransaction();
    await this.#database.run('COMMIT');
    const { traces } = await this.#countTraces();
    const result = await work();
    this.#droppedTraces += traces - (await this.#countTraces()).traces;
    this.#producers = new Map();
    this.#dictionaries = await Dictionaries.read(this.#database);
    await this.#beginTransaction();
    return result;
  }

  /** Sees to it that all that was written is in its tables, and each trace once; the account and COMMIT come next. */
  async #endTransaction(): Promise<{ readonly traces: number; readonly cuts: number }> {
    const writer = this.#writer;
    if (writer === undefined) throw new Error('no source was begun');
    const first = this.#firstOfCommit;
    const hadTraces = first > 1;
    let traces = this.#traces;
    let cuts = this.#cuts;
    if (writer.nextSpanNo > first && (hadTraces || this.#flushes > 1 || this.#flagged.length > 0)) {
      writer.flush();
      for (const appender of Object.values(this.#dictionaries.appenders)) appender.flush();
      const again = await reassemble(
        this.#database,
        this.#dictionaries,
        writer,
        this.#reassembler,
        first,
        this.#flagged,
        this.#pending.hasZipkin,
      );
      traces = again.traces;
      this.#duplicates += again.duplicates;
      this.#sharedIds += again.sharedIds;
      // The rest of a cycle may have come before.
      const sum = await this.#database.value(
        `SELECT coalesce(sum(cut_count), 0)::BIGINT FROM trace WHERE first_span_no >= ${first}`,
      );
      cuts = Number(sum);
    }
    writer.close();
    this.#nextSpanNo = writer.nextSpanNo;
    this.#writer = undefined;
    this.#dictionaries.close();
    return { traces, cuts };
  }

  /** Writes the account of the source in hand, in place of the one that an earlier commit of it wrote. */
  async #writeAccount(source: LoadedSource, result: LoadResult): Promise<void> {
    const id = this.#nextIngestId;
    if (this.#hasAccount) {
      await this.#database.run(
        `DELETE FROM ingest WHERE ingest_id = ${id}; DELETE FROM ingest_issue WHERE ingest_id = ${id}`,
      );
    }
    this.#hasAccount = true;
    await this.#database.rows('INSERT INTO ingest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?::TIMESTAMP)', [
      id,
      source.source,
      source.format,
      source.documents,
      result.spans,
      result.traces,
      result.duplicates,
      source.bytes,
      source.contentBytes,
      source.fault?.message,
      this.#now().toISOString().replace('T', ' ').replace('Z', ''),
    ]);
    const issues = [
      ...source.skipped.map(issue => ({ ...issue, isRepaired: false })),
      ...source.repaired.map(issue => ({ ...issue, isRepaired: true })),
    ];
    for (const { isRepaired, reason, count, first } of issues) {
      await this.#database.rows('INSERT INTO ingest_issue VALUES (?, ?, ?, ?, ?, ?, ?)', [
        id,
        isRepaired,
        reason,
        REASONS[reason].severity,
        count,
        first.offset,
        first.detail,
      ]);
    }
  }

  /** Undoes everything since `begin`. Producers must begin anew: what they defined is gone. */
  async abort(): Promise<void> {
    this.#writer?.discard();
    this.#writer = undefined;
    this.#dictionaries.discard();
    this.#pending = this.#newPending();
    this.#arrivals = new Arrivals();
    this.#producers = new Map();
    // There is no transaction where COMMIT has failed.
    await this.#database.run('ROLLBACK').catch(() => {});
    if (this.#isFile) await this.#database.limitMemory(undefined);
    this.#dictionaries = await Dictionaries.read(this.#database);
  }

  /** Moves what was committed into the database file proper; while others read, that is left to whoever comes next. */
  async checkpoint(): Promise<void> {
    if (!this.#isFile) return;
    try {
      await this.#database.run('CHECKPOINT');
    } catch (error) {
      if (!(error instanceof Error && /Cannot CHECKPOINT/.test(error.message))) throw error;
    }
  }
}
