import type { Span } from '../../model/span.ts';
import { findTraces, type TraceSummary } from '../../store/find-traces.ts';
import { mainSchema, narrowTo } from '../../store/narrowing.ts';
import type { Queryable } from '../../store/queryable.ts';
import { readSpans } from '../../store/read-trace.ts';
import type { SearchQuery } from '../query.ts';
import { type Selection, select } from '../selection.ts';
import { shownFields, valuesOfSpans } from '../span-fields.ts';
import { spanJson } from '../span-json.ts';
import { jsonOfValues, type TraceJson, tracesJson } from '../trace-json.ts';

// Which traces are to be shown, told by span numbers alone: whatever is committed has higher ones than what was there before, and a
// trace that grew is written anew. So nothing is missed and nothing seen twice, whoever commits and however often one looks.

/** A trace that is to be shown. */
export interface ShownTrace {
  readonly trace: TraceSummary;
  readonly json: TraceJson;
  /** How many spans have come since it was shown before; undefined where it was not. */
  readonly grownBy: number | undefined;
}

/** A span that is to be shown. */
export interface ShownSpan {
  readonly span: Span;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Some of what is to be shown, in order of start. */
export interface Page {
  readonly traces: readonly ShownTrace[];
  readonly spans: readonly ShownSpan[];
  /** A trace was among them for which the query of `until` holds. */
  readonly isReached: boolean;
}

export interface WatchOptions {
  readonly query: SearchQuery;
  readonly until?: SearchQuery | undefined;
  readonly shows: 'traces' | 'spans';
  /** The clock that spans are stamped by. */
  readonly now: () => Date;
  /** Milliseconds of a clock that does not go back. */
  readonly monotonicMs: () => number;
}

export interface LookOptions {
  /** What waits is shown as it is, too. */
  readonly isLast?: boolean;
  /** What ended a while ago and is not complete has waited for its rest before it was stored. */
  readonly hasWaited?: boolean;
}

/** What was there before, and is shown first. */
export interface History {
  /** Traces that ended at or after this time, in nanoseconds. */
  readonly since?: bigint | undefined;
  /** The newest so many of them. */
  readonly most?: number | undefined;
}

/** A trace without a root, with orphans, or with work that outlasts its root, waits so long for the rest. */
export const INCOMPLETE_MS = 10_000;
/** Traces that wait for their rest; beyond, the one that waits longest is shown as it is. */
const MOST_WAITING = 20_000;
/** Traces that are known to have been shown; one that was forgotten and grows is shown as if it were new. */
const MOST_SHOWN = 100_000;
/** Spans that are known to have been shown. */
const MOST_SHOWN_SPANS = 200_000;
/** Traces that are looked for at a time, and spans that are read at a time. */
const LOOKED_FOR = 5_000;
const READ_TRACES = 1_000;
const READ_SPANS = 50_000;

/** A trace of which it is to be decided whether it is shown. */
interface Candidate {
  readonly id: bigint;
  readonly firstSpanNo: number;
  readonly spanCount: number;
}

export class TraceWatch {
  readonly #options: WatchOptions;
  /** Traces from here on have not been looked at. */
  #nextSpanNo = 0;
  readonly #due = new Map<bigint, Candidate>();
  /** Incomplete traces, and until when they wait, in the order in which they came. */
  readonly #waiting = new Map<bigint, Candidate & { readonly until: number }>();
  /** How many spans traces had when they were shown; those that were shown last come last. */
  readonly #shown = new Map<string, number>();
  readonly #shownSpans = new Map<string, Set<string>>();
  #shownSpanCount = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Begins behind what the database holds; `history` says what of it is shown all the same. */
  async begin(database: Queryable, history: History | undefined): Promise<void> {
    const main = await mainSchema(database);
    const next = await database.value(`SELECT coalesce(max(first_span_no + span_count), 0) FROM ${main}.trace`);
    if (history !== undefined) {
      const { since, most } = history;
      const rows = await database.rows(`
        SELECT trace_id, first_span_no, span_count FROM ${main}.trace
        ${since === undefined ? '' : `WHERE start_ns + duration_ns >= ${since}`}
        ORDER BY start_ns DESC, trace_id ${most === undefined ? '' : `LIMIT ${most}`}`);
      for (const candidate of rows.reverse().map(candidateOf)) this.#due.set(candidate.id, candidate);
    }
    this.#nextSpanNo = Number(next);
  }

  /** Begins with another database, which is empty but for what is new; what was shown is remembered. */
  beginAnew(): void {
    this.#nextSpanNo = 0;
    this.#due.clear();
    this.#waiting.clear();
  }

  /** There is more to show than was asked for so far. */
  get isBehind(): boolean {
    return this.#due.size > 0;
  }

  /** Milliseconds until something that waits is shown as it is; undefined where nothing waits. */
  get dueInMs(): number | undefined {
    const first = Math.min(...[...this.#waiting.values()].map(({ until }) => until));
    return first === Infinity ? undefined : Math.max(0, first - this.#options.monotonicMs());
  }

  /** Returns some of what is to be shown now, undefined where nothing is. */
  async next(database: Queryable, { isLast = false, hasWaited = false }: LookOptions = {}): Promise<Page | undefined> {
    const main = await mainSchema(database);
    for (;;) {
      const mayBeMore = this.#due.size === 0 && (await this.#look(database, main, hasWaited));
      this.#endWaiting(isLast);
      if (this.#due.size === 0) {
        if (mayBeMore) continue;
        return undefined;
      }
      const page = await this.#read(database, this.#takeSome());
      if (page.traces.length > 0 || page.spans.length > 0 || page.isReached) return page;
    }
  }

  /** Looks for traces that were written since; says whether there may be more of them. */
  async #look(database: Queryable, main: string, hasWaited: boolean): Promise<boolean> {
    const rows = await database.rows(`
      SELECT trace_id, first_span_no, span_count, complete, start_ns + duration_ns AS end_ns FROM ${main}.trace
      WHERE first_span_no >= ${this.#nextSpanNo} ORDER BY first_span_no LIMIT ${LOOKED_FOR}`);
    const now = this.#options.monotonicMs();
    const clock = this.#options.now().getTime();
    for (const row of rows) {
      const candidate = candidateOf(row);
      const { id, firstSpanNo, spanCount } = candidate;
      this.#nextSpanNo = firstSpanNo + spanCount;
      this.#waiting.delete(id);
      if (row.complete === true || this.#options.shows === 'spans') this.#due.set(id, candidate);
      else {
        const end = Number((row.end_ns as bigint) / 1_000_000n);
        const waited = hasWaited ? Math.max(0, clock - end) : 0;
        this.#waiting.set(id, { ...candidate, until: now + Math.max(0, INCOMPLETE_MS - waited) });
      }
    }
    return rows.length === LOOKED_FOR;
  }

  /** Lets go what has waited long enough. */
  #endWaiting(isLast: boolean): void {
    const now = this.#options.monotonicMs();
    for (const [id, candidate] of this.#waiting) {
      if (!isLast && candidate.until > now && this.#waiting.size <= MOST_WAITING) continue;
      this.#waiting.delete(id);
      this.#due.set(id, candidate);
    }
  }

  #takeSome(): Candidate[] {
    const taken: Candidate[] = [];
    let spans = 0;
    for (const [id, candidate] of this.#due) {
      if (taken.length === READ_TRACES || (taken.length > 0 && spans + candidate.spanCount > READ_SPANS)) break;
      taken.push(candidate);
      spans += candidate.spanCount;
      this.#due.delete(id);
    }
    return taken;
  }

  async #read(database: Queryable, candidates: readonly Candidate[]): Promise<Page> {
    const first = Math.min(...candidates.map(({ firstSpanNo }) => firstSpanNo));
    const ids = candidates.map(({ id }) => id);
    await narrowTo(database, first, ids);
    const selection = await select(database, this.#options.query);
    const page =
      this.#options.shows === 'traces'
        ? { traces: await this.#traces(database, selection), spans: [] }
        : { traces: [], spans: await this.#spans(database, selection) };
    return { ...page, isReached: await this.#isReached(database) };
  }

  async #isReached(database: Queryable): Promise<boolean> {
    const { until } = this.#options;
    if (until === undefined) return false;
    const selection = await select(database, until);
    return (await database.value(`SELECT count(*) FROM trace t WHERE ${selection.traces('t')}`)) !== 0n;
  }

  async #traces(database: Queryable, selection: Selection): Promise<ShownTrace[]> {
    const where = selection.traces('t');
    const found = await findTraces(database, { where, order: 'start', ascending: true, limit: undefined });
    // What was sent twice is written anew, too.
    const traces = found.filter(({ traceId, spanCount }) => this.#shown.get(traceId) !== spanCount);
    const { rows } = await tracesJson(database, selection, traces);
    return traces.map((trace, index) => {
      const before = this.#shown.get(trace.traceId);
      this.#remember(trace);
      const grownBy = before === undefined ? undefined : trace.spanCount - before;
      const json = rows[index] ?? {};
      return { trace, json: grownBy === undefined ? json : { ...json, update: true }, grownBy };
    });
  }

  #remember({ traceId, spanCount }: TraceSummary): void {
    this.#shown.delete(traceId);
    this.#shown.set(traceId, spanCount);
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > MOST_SHOWN && oldest !== undefined) this.#shown.delete(oldest);
  }

  async #spans(database: Queryable, selection: Selection): Promise<ShownSpan[]> {
    const order = 's.start_ns, s.span_no';
    const spans = await readSpans(database, selection.spans, order);
    const fields = shownFields(selection.query).filter(({ isSelected }) => isSelected);
    const numbers =
      fields.length === 0
        ? []
        : (await database.rows(`SELECT span_no FROM span s WHERE ${selection.spans} ORDER BY ${order}`)).map(
            row => row.span_no as bigint,
          );
    const values = await valuesOfSpans(database, fields, numbers);
    const shown: ShownSpan[] = [];
    for (const [index, span] of spans.entries()) {
      if (!this.#isNew(span)) continue;
      const number = numbers[index];
      const selected = number === undefined ? {} : { selected: jsonOfValues(values.get(number) ?? {}) };
      shown.push({ span, json: { ...spanJson(span), ...selected } });
    }
    return shown;
  }

  /** Says whether a span was not shown yet, and remembers it. The two halves of a call may share an id. */
  #isNew({ traceId, spanId, kind }: Span): boolean {
    const known = this.#shownSpans.get(traceId) ?? new Set();
    // A trace that goes on is remembered longer.
    this.#shownSpans.delete(traceId);
    this.#shownSpans.set(traceId, known);
    const key = `${spanId} ${kind}`;
    if (known.has(key)) return false;
    known.add(key);
    this.#shownSpanCount++;
    for (const [oldest, spans] of this.#shownSpans) {
      if (this.#shownSpanCount <= MOST_SHOWN_SPANS || oldest === traceId) break;
      this.#shownSpans.delete(oldest);
      this.#shownSpanCount -= spans.size;
    }
    return true;
  }
}

function candidateOf(row: Readonly<Record<string, unknown>>): Candidate {
  return {
    id: row.trace_id as bigint,
    firstSpanNo: Number(row.first_span_no),
    spanCount: Number(row.span_count),
  };
}
