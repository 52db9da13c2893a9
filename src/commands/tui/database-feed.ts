import { UserError } from '../../errors.ts';
import { buildTrace, type Trace } from '../../model/trace.ts';
import { findTraces, type TraceSummary, traceTotals } from '../../store/find-traces.ts';
import type { Queryable } from '../../store/queryable.ts';
import { readTrace } from '../../store/read-trace.ts';
import type { FeedSnapshot, Place, SearchOutcome, SearchRequest, TraceFeed } from '../../tui/feed.ts';
import type { SearchQuery } from '../query.ts';
import { select } from '../selection.ts';
import { shellWord } from '../shell.ts';

// Traces for the screen out of a database that does not change: lists of limited length, and one trace at a time. Never all spans.

export interface DatabaseFeedOptions {
  readonly title: string;
  /** Rows of a list at the most; undefined for all. */
  readonly limit: number | undefined;
  /** What behind a command makes it read the same data; undefined where nothing does. */
  readonly sameData: string | undefined;
}

export class DatabaseFeed implements TraceFeed {
  readonly title: string;
  readonly isLive = false;
  readonly #database: Queryable;
  readonly #limit: number | undefined;
  readonly #sameData: string | undefined;
  readonly #snapshot: FeedSnapshot;
  /** One question at a time: what a query selects is kept in a table of its connection. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(database: Queryable, { title, limit, sameData }: DatabaseFeedOptions, snapshot: FeedSnapshot) {
    this.title = title;
    this.#database = database;
    this.#limit = limit;
    this.#sameData = sameData;
    this.#snapshot = snapshot;
  }

  static async open(database: Queryable, options: DatabaseFeedOptions): Promise<DatabaseFeed> {
    const { traces: count, spans, failed } = await traceTotals(database, 'true');
    const { limit } = options;
    const newest = await findTraces(database, { where: 'true', order: 'start', ascending: false, limit });
    const counts = { traces: count, spans, failed };
    return new DatabaseFeed(database, options, { version: 0, traces: newest.reverse(), counts });
  }

  snapshot(): FeedSnapshot {
    return this.#snapshot;
  }

  subscribe(): () => void {
    return () => {};
  }

  loadTrace(traceId: string): Promise<Trace | undefined> {
    return this.#inTurn(async () => {
      const spans = await readTrace(this.#database, traceId);
      return spans.length === 0 ? undefined : buildTrace(spans);
    });
  }

  search({ query, order }: SearchRequest): Promise<SearchOutcome> {
    return this.#inTurn(async () => {
      const where = await whereOf(this.#database, query);
      if (typeof where !== 'string') return where;
      const { traces: total } = await traceTotals(this.#database, where);
      // A file has no order of arrival.
      const { field, ascending } =
        order.field === 'arrival' ? { field: 'start' as const, ascending: false } : { ...order, field: order.field };
      const limit = this.#limit;
      const traces: TraceSummary[] = await findTraces(this.#database, { where, order: field, ascending, limit });
      return { kind: 'found', traces, total };
    });
  }

  commandLines({ query, traceId, spanId }: Place): readonly string[] {
    const data = this.#sameData;
    if (data === undefined) return [];
    // Ids are digits: the text is one word of a shell between quotes.
    const sql = (text: string) => `tailspan sql "${text}"${data}`;
    const ofTrace = `trace_id = '${traceId}'`;
    const ofQuery = query === '' ? [] : [`tailspan search ${shellWord(spelledOut(query).text)}${data}`];
    if (traceId === undefined) return [...ofQuery, sql('FROM traces ORDER BY start_ns DESC')];
    if (spanId === undefined) {
      return [`tailspan show ${traceId}${data}`, ...ofQuery, sql(`FROM spans WHERE ${ofTrace} ORDER BY start_ns`)];
    }
    return [
      `tailspan show ${traceId}${data} --span ${spanId}`,
      `tailspan show ${traceId}${data}`,
      sql(`FROM spans WHERE ${ofTrace} AND span_id = '${spanId}'`),
    ];
  }

  #inTurn<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#turn.then(ask);
    this.#turn = answer.catch(() => {});
    return answer;
  }
}

/** A condition over `trace t` that a query comes to, or what is wrong with the query. */
async function whereOf(database: Queryable, text: string): Promise<string | SearchOutcome> {
  if (text === '') return 'true';
  const query = await readQuery(text);
  if (query.kind === 'fault') return query;
  try {
    return (await select(database, query)).traces('t');
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { kind: 'fault', fault: { from: 0, to: text.length, message: error.message } };
  }
}

async function readQuery(typed: string): Promise<SearchQuery | (SearchOutcome & { readonly kind: 'fault' })> {
  const { parseQuery } = await import('../../query/traceql/parse-query.ts');
  const { TraceqlError } = await import('../../query/traceql/traceql-error.ts');
  const { text, added } = spelledOut(typed);
  const place = (offset: number) => Math.min(typed.length, Math.max(0, offset - added));
  try {
    const query = parseQuery(text);
    const { root } = query;
    if (root.kind === 'pipeline') return { ...query, root };
    return { kind: 'fault', fault: { from: 0, to: typed.length, message: 'this asks for metrics, not for traces' } };
  } catch (error) {
    if (!(error instanceof TraceqlError)) throw error;
    const { from, to, message, hint } = error;
    const whole = hint === undefined ? message : `${message}: ${hint}`;
    return { kind: 'fault', fault: { from: place(from), to: place(to), message: whole } };
  }
}

/** A query as the language has it: the braces around a condition alone may be left out. */
function spelledOut(typed: string): { text: string; added: number } {
  return /^\s*[{(]/.test(typed) ? { text: typed, added: 0 } : { text: `{ ${typed} }`, added: 2 };
}
