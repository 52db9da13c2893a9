import { traceIdOf } from '../model/ids.ts';
import type { Queryable } from './queryable.ts';

// What a query selected, kept for as long as the command runs: columns `trace_id` and `span_no`, then `g0` … that tell the spansets of a
// trace apart, and `a0` … that describe them.

/** The table of the selection, for this connection alone. */
const SELECTION = 'matched';

/** Returns the first column of a query, of ids. */
export async function firstColumn(database: Queryable, sql: string): Promise<number[]> {
  return (await database.rows(sql)).map(row => Number(Object.values(row)[0]));
}

/** Runs the query of a selection once. */
export async function keepSelection(database: Queryable, sql: string): Promise<void> {
  await database.run(`CREATE OR REPLACE TEMP TABLE ${SELECTION} AS ${sql}`);
}

/** A predicate over a column of `table` that the selection has too. */
export function inSelection(table: string, column: 'trace_id' | 'span_no'): string {
  return `${table}.${column} IN (SELECT ${column} FROM ${SELECTION})`;
}

export interface MatchedSpanset {
  readonly traceId: string;
  readonly matched: number;
  /** The first spans in display order. */
  readonly spanNumbers: readonly bigint[];
  /** Keys, in the order of `a0` … */
  readonly attributes: readonly string[];
}

export interface SpansetQuery {
  /** Every span is selected; there is no table. */
  readonly isEverything: boolean;
  readonly groupCount: number;
  readonly attributeCount: number;
}

/** The spansets of some traces, those of one trace in the order of their first span, each with its first `perSpanset` spans. */
export async function matchedSpansets(
  database: Queryable,
  { isEverything, groupCount, attributeCount }: SpansetQuery,
  traceIds: readonly string[],
  perSpanset: number,
): Promise<MatchedSpanset[]> {
  if (traceIds.length === 0) return [];
  const ids = traceIds.map(id => `${BigInt(`0x${id}`)}::UHUGEINT`).join(',');
  const groups = Array.from({ length: groupCount }, (_, index) => `, g${index}`).join('');
  const attributes = Array.from({ length: attributeCount }, (_, index) => `a${index}`);
  const rows = await database.rows(`
    SELECT trace_id, count(*) AS matched, list(span_no ORDER BY span_no)[1:${perSpanset}] AS numbers
      ${attributes.map(name => `, any_value(${name}) AS ${name}`).join('')}
    FROM ${isEverything ? 'span' : SELECTION} WHERE trace_id IN (${ids})
    GROUP BY trace_id${groups} ORDER BY min(span_no)${groups}`);
  return rows.map(row => ({
    traceId: traceIdOf(row.trace_id as bigint),
    matched: Number(row.matched),
    spanNumbers: (Array.isArray(row.numbers) ? row.numbers : []) as bigint[],
    attributes: attributes.map(name => String(row[name])),
  }));
}
