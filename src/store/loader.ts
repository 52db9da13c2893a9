import { REASONS } from '../formats/format.ts';
import { assemble } from '../model/assembly.ts';
import type { SpanBatch } from '../model/span-batch.ts';
import type { Database } from './database.ts';
import { Dictionaries, ProducerIds } from './dictionaries.ts';
import { PendingSpans } from './pending-spans.ts';
import { decimalOf, reassemble } from './reassembly.ts';
import { SpanWriter } from './span-writer.ts';

// Batches into tables: one source is one transaction.
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

export class Loader {
  readonly #database: Database;
  readonly #isFile: boolean;
  readonly #now: () => Date;
  #dictionaries: Dictionaries;
  #producers = new Map<number, ProducerIds>();
  #producerCount = 0;
  #writer: SpanWriter | undefined;
  #pending = new PendingSpans();
  #nextSpanNo: number;
  #nextIngestId: number;

  // The source in hand.
  #firstSpanNo = 0;
  #received = 0;
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

  /** Returns a number for a new producer of batches. */
  newProducer(): number {
    return this.#producerCount++;
  }

  async begin(): Promise<void> {
    // What is appended is written soon and not asked for: holding more of it is of no use.
    if (this.#isFile) await this.#database.limitMemory(APPENDING_MEMORY);
    await this.#database.run('BEGIN TRANSACTION');
    this.#dictionaries.open(this.#database);
    this.#writer = new SpanWriter(this.#database, this.#nextSpanNo);
    this.#firstSpanNo = this.#nextSpanNo;
    this.#received = this.#traces = this.#flushes = this.#cuts = 0;
    this.#flagged = [];
  }

  /** Batches are always taken over at once. */
  async ready(): Promise<void> {}

  /** Takes a batch over. */
  add(batch: SpanBatch): void {
    let producer = this.#producers.get(batch.producer);
    if (producer === undefined) {
      producer = new ProducerIds();
      this.#producers.set(batch.producer, producer);
    }
    this.#dictionaries.define(producer, batch.definitions);
    this.#addAttributes(batch, producer);
    this.#pending.add(batch, producer, this.#dictionaries);
    this.#received += batch.spans.count;
    if (this.#pending.count >= WINDOW_SPANS) this.#writeSettled(this.#pending.count - SETTLED_AFTER);
  }

  #addAttributes({ values }: SpanBatch, producer: ProducerIds): void {
    if (values.count === 0) return;
    const table = this.#dictionaries.appenders.attribute;
    const id = table.words(0);
    const key = table.words(1);
    const type = table.bytes(2);
    let from = 0;
    for (let row = 0; row < values.count; row++) {
      const at = table.row;
      id[at] = values.firstId + row;
      key[at] = producer.keys.ids[values.key[row]!]!;
      type[at] = values.type[row]!;
      const to = values.textEnd[row]!;
      table.setUtf8(3, values.text.subarray(from, to));
      from = to;
      table.next();
    }
    this.#dictionaries.nextAttributeId = Math.max(this.#dictionaries.nextAttributeId, values.firstId + values.count);
  }

  #writeSettled(settledBefore: number): void {
    const pending = this.#pending;
    if (pending.count === 0) return;
    const assembly = assemble(pending.assemblyInput, settledBefore);
    // Where hardly anything is settled, waiting longer would not help: the spans of each trace are far apart.
    if (assembly.row.length < pending.count / 8 && settledBefore < pending.count) {
      this.#writeSettled(pending.count);
      return;
    }
    for (const trace of assembly.traces) {
      this.#cuts += trace.cuts;
      if (trace.hasSharedIds) this.#flagged.push(decimalOf(trace.id));
    }
    this.#traces += assembly.traces.length;
    this.#flushes++;
    this.#writer?.write(assembly, pending);
    if (assembly.unsettled.length === 0) {
      this.#pending = new PendingSpans();
      this.#pending.hasZipkin = pending.hasZipkin;
    } else pending.keep(assembly.unsettled);
  }

  /** Ends the source: everything is assembled, accounted for and committed. */
  async finish(source: LoadedSource): Promise<LoadResult> {
    const writer = this.#writer;
    if (writer === undefined) throw new Error('no source was begun');
    this.#writeSettled(this.#pending.count);
    if (this.#isFile) await this.#database.limitMemory(undefined);
    const hasZipkin = this.#pending.hasZipkin;
    const hadTraces = this.#firstSpanNo > 1;
    let duplicates = 0;
    let sharedIds = 0;
    let traces = this.#traces;
    let cuts = this.#cuts;
    const needsReassembly =
      writer.nextSpanNo > this.#firstSpanNo && (hadTraces || this.#flushes > 1 || this.#flagged.length > 0);
    if (needsReassembly) {
      writer.flush();
      for (const appender of Object.values(this.#dictionaries.appenders)) appender.flush();
      ({ traces, duplicates, sharedIds } = await reassemble(
        this.#database,
        this.#dictionaries,
        writer,
        this.#firstSpanNo,
        this.#flagged,
        hasZipkin,
      ));
      // The rest of a cycle may have come before.
      const sum = await this.#database.value(
        `SELECT coalesce(sum(cut_count), 0)::BIGINT FROM trace WHERE first_span_no >= ${this.#firstSpanNo}`,
      );
      cuts = Number(sum);
    }
    writer.close();
    this.#nextSpanNo = writer.nextSpanNo;
    this.#writer = undefined;
    this.#dictionaries.close();
    const result = { spans: this.#received - duplicates, traces, duplicates, sharedIds, cuts };
    await this.#writeAccount(source, result);
    await this.#database.run('COMMIT');
    return result;
  }

  async #writeAccount(source: LoadedSource, result: LoadResult): Promise<void> {
    const id = this.#nextIngestId++;
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
    this.#pending = new PendingSpans();
    this.#producers = new Map();
    await this.#database.run('ROLLBACK');
    if (this.#isFile) await this.#database.limitMemory(undefined);
    this.#dictionaries = await Dictionaries.read(this.#database);
  }

  /** Moves what was committed into the database file proper. */
  async checkpoint(): Promise<void> {
    if (this.#isFile) await this.#database.run('CHECKPOINT');
  }
}
