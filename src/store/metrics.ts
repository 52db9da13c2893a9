import { spanIdOf, traceIdOf } from '../model/ids.ts';
import type { Queryable } from './queryable.ts';

// What metrics need besides their own query: the time that the data covers, and the spans behind exemplars.

export interface StartTimes {
  /** Unix nanoseconds of the first and last start of a span that has one; undefined where none has. */
  readonly first: bigint | undefined;
  readonly last: bigint | undefined;
  /** Spans that have no start, and so are in no interval. */
  readonly timelessSpanCount: number;
}

/** Returns when spans start. */
export async function startTimes(database: Queryable): Promise<StartTimes> {
  const [row = {}] = await database.rows(
    'SELECT min(start_ns) FILTER (start_ns > 0) AS first, max(start_ns) FILTER (start_ns > 0) AS last, count(*) FILTER (start_ns <= 0) AS timeless FROM span',
  );
  return {
    first: typeof row.first === 'bigint' ? row.first : undefined,
    last: typeof row.last === 'bigint' ? row.last : undefined,
    timelessSpanCount: Number(row.timeless),
  };
}

export interface SpanReference {
  readonly traceId: string;
  readonly spanId: string;
  readonly startTimeUnixNano: bigint;
}

/** Returns some spans by their numbers. */
export async function spanReferences(
  database: Queryable,
  spanNumbers: readonly bigint[],
): Promise<ReadonlyMap<bigint, SpanReference>> {
  if (spanNumbers.length === 0) return new Map();
  const rows = await database.rows(
    `SELECT span_no, trace_id, span_id, start_ns FROM span WHERE span_no IN (${[...new Set(spanNumbers)].join(',')})`,
  );
  return new Map(
    rows.map(row => [
      row.span_no as bigint,
      {
        traceId: traceIdOf(row.trace_id as bigint),
        spanId: spanIdOf(row.span_id as bigint),
        startTimeUnixNano: row.start_ns as bigint,
      },
    ]),
  );
}
