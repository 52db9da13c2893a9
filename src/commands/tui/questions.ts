import { UserError } from '../../errors.ts';
import { buildTrace, type Trace } from '../../model/trace.ts';
import { findTraces, traceTotals } from '../../store/find-traces.ts';
import type { Queryable } from '../../store/queryable.ts';
import { readTrace } from '../../store/read-trace.ts';
import type { Place, SearchOutcome, SearchRequest } from '../../tui/feed.ts';
import type { SearchQuery } from '../query.ts';
import { select } from '../selection.ts';
import { shellWord } from '../shell.ts';

// What the screen asks of a database: lists of limited length, and one trace at a time. Never all spans.

export interface QuestionOptions {
  /** Rows of a list at the most; undefined for all. */
  readonly limit: number | undefined;
  /** What behind a command makes it read the same data; undefined where nothing does. */
  readonly sameData: string | undefined;
  /** As `--strict-traceql` and `--semconv` say, for what is typed. */
  readonly isStrict?: boolean;
  readonly withSpellings?: boolean;
}

/** A trace of a database; undefined where it is not there. */
export async function traceOf(database: Queryable, traceId: string): Promise<Trace | undefined> {
  const spans = await readTrace(database, traceId);
  return spans.length === 0 ? undefined : buildTrace(spans);
}

/** The first traces that a request is about, and how many there are. */
export async function searchOf(
  database: Queryable,
  { query, order }: SearchRequest,
  options: QuestionOptions,
): Promise<SearchOutcome> {
  const where = await whereOf(database, query, options);
  if (typeof where !== 'string') return where;
  const { traces: total } = await traceTotals(database, where);
  // A file has no order of arrival.
  const field = order.field === 'arrival' ? 'start' : order.field;
  const ascending = order.field !== 'arrival' && order.ascending;
  const traces = await findTraces(database, { where, order: field, ascending, limit: options.limit });
  return { kind: 'found', traces, total };
}

/** Command lines that show a place outside of the screen; none where no command reads the same data. */
export function commandLinesOf(
  { query, traceId, spanId }: Place,
  { sameData: data, withSpellings = false }: QuestionOptions,
): readonly string[] {
  if (data === undefined) return [];
  // Ids are digits: the text is one word of a shell between quotes.
  const sql = (text: string) => `tailspan sql "${text}"${data}`;
  const ofTrace = `trace_id = '${traceId}'`;
  const ofQuery =
    query === ''
      ? []
      : [`tailspan search ${shellWord(spelledOut(query).text)}${data}${withSpellings ? ' --semconv' : ''}`];
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

/** A condition over `trace t` that a query comes to, or what is wrong with the query. */
async function whereOf(database: Queryable, text: string, options: QuestionOptions): Promise<string | SearchOutcome> {
  if (text === '') return 'true';
  const query = await readQuery(text, options);
  if (query.kind === 'fault') return query;
  try {
    return (await select(database, query)).traces('t');
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { kind: 'fault', fault: { from: 0, to: text.length, message: error.message } };
  }
}

async function readQuery(
  typed: string,
  { isStrict = false, withSpellings = false }: QuestionOptions,
): Promise<SearchQuery | (SearchOutcome & { readonly kind: 'fault' })> {
  const { parseQuery } = await import('../../query/traceql/parse-query.ts');
  const { TraceqlError } = await import('../../query/traceql/traceql-error.ts');
  const { text, added } = spelledOut(typed);
  const place = (offset: number) => Math.min(typed.length, Math.max(0, offset - added));
  try {
    const query = parseQuery(text, { strict: isStrict });
    const { root } = query;
    if (root.kind === 'pipeline') {
      if (!withSpellings) return { ...query, root };
      const semconv = await import('../../query/semconv.ts');
      return { ...query, root: semconv.withSpellings(root) };
    }
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
