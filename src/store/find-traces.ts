import { traceIdOf } from '../model/ids.ts';
import type { Queryable, Row } from './queryable.ts';

// Traces as one row each: for lists, and for what a summary points at.

export interface TraceSummary {
  readonly traceId: string;
  /** Absent where the root is not in the data. */
  readonly rootServiceName: string | undefined;
  readonly rootSpanName: string | undefined;
  /** Those of the first span in display order: the root's where there is one. */
  readonly firstServiceName: string;
  readonly firstSpanName: string;
  readonly startTimeUnixNano: bigint;
  readonly durationNano: bigint;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly string[];
  readonly complete: boolean;
}

/** What lists of traces can be ordered by, and whether the largest comes first unless told otherwise. */
export const TRACE_ORDERS = {
  start: 'start_ns',
  duration: 'duration_ns',
  spans: 'span_count',
  errors: 'error_count',
} as const;
export type TraceOrder = keyof typeof TRACE_ORDERS;

export interface TraceQuery {
  /** A predicate over columns of `trace t`. */
  readonly where: string;
  readonly order: TraceOrder;
  readonly ascending: boolean;
  /** Undefined for all. */
  readonly limit: number | undefined;
}

const COLUMNS = `t.trace_id, t.start_ns, t.duration_ns, t.span_count, t.error_count, t.complete,
  t.root_span_no IS NOT NULL AS has_root, o.name, v.name AS service,
  list_transform(t.service_ids, lambda id: names[id + 1]) AS services`;

/** Returns traces in a total order: the one asked for, then the start, then the id. */
export async function findTraces(database: Queryable, query: TraceQuery): Promise<TraceSummary[]> {
  const direction = query.ascending ? 'ASC' : 'DESC';
  const order = `ORDER BY t.${TRACE_ORDERS[query.order]} ${direction}, t.start_ns DESC, t.trace_id`;
  // Names are looked up for the traces that are shown only.
  const shown = `SELECT * FROM trace t WHERE ${query.where} ${query.limit === undefined ? '' : `${order} LIMIT ${query.limit}`}`;
  const rows = await database.rows(`
    SELECT ${COLUMNS}
    FROM (${shown}) t JOIN operation o USING (operation_id) JOIN service v USING (service_id),
      (SELECT list(name ORDER BY place) AS names
       FROM range((SELECT max(service_id) + 1 FROM service)) AS r(place) LEFT JOIN service ON service_id = place)
    ${order}`);
  return rows.map(summaryOf);
}

function summaryOf(row: Row): TraceSummary {
  const hasRoot = row.has_root === true;
  const firstServiceName = String(row.service);
  const firstSpanName = String(row.name);
  return {
    traceId: traceIdOf(row.trace_id as bigint),
    rootServiceName: hasRoot ? firstServiceName : undefined,
    rootSpanName: hasRoot ? firstSpanName : undefined,
    firstServiceName,
    firstSpanName,
    startTimeUnixNano: row.start_ns as bigint,
    durationNano: row.duration_ns as bigint,
    spanCount: Number(row.span_count),
    errorCount: Number(row.error_count),
    services: Array.isArray(row.services) ? row.services.map(String) : [],
    complete: row.complete === true,
  };
}

export interface TraceTotals {
  readonly traces: number;
  readonly spans: number;
  readonly errors: number;
  /** Traces with an error. */
  readonly failed: number;
  readonly incomplete: number;
  readonly startTimeUnixNano: bigint | undefined;
  readonly endTimeUnixNano: bigint | undefined;
}

/** Returns totals over the traces for which `where` (over `trace t`) holds. */
export async function traceTotals(database: Queryable, where: string): Promise<TraceTotals> {
  const [row = {}] = await database.rows(`
    SELECT count(*) AS traces, coalesce(sum(span_count), 0)::BIGINT AS spans, coalesce(sum(error_count), 0)::BIGINT AS errors,
      count(*) FILTER (error_count > 0) AS failed, count(*) FILTER (NOT complete) AS incomplete, min(start_ns) AS first, max(start_ns + duration_ns) AS last
    FROM trace t WHERE ${where}`);
  return {
    traces: Number(row.traces),
    spans: Number(row.spans),
    errors: Number(row.errors),
    failed: Number(row.failed),
    incomplete: Number(row.incomplete),
    startTimeUnixNano: typeof row.first === 'bigint' ? row.first : undefined,
    endTimeUnixNano: typeof row.last === 'bigint' ? row.last : undefined,
  };
}
