import { kindWord, type SpanKind } from '../model/status.ts';
import type { Queryable, Row } from './queryable.ts';

// Rates, errors and durations (docs/definitions.md), by service and by operation, in SQL: a million spans in tens of
// milliseconds.

export interface Rates {
  readonly serviceName: string;
  readonly spanCount: number;
  /** Entry spans: SERVER, CONSUMER and roots. Of an operation, all its spans. */
  readonly requestCount: number;
  readonly errorCount: number;
  readonly p50Nano: bigint;
  readonly p90Nano: bigint;
  readonly p95Nano: bigint;
  readonly p99Nano: bigint;
  readonly maxNano: bigint;
  /** Sum over the requests. */
  readonly totalNano: bigint;
  /** Sum of the self time of all spans. */
  readonly selfNano: bigint;
}

export interface OperationRates extends Rates {
  readonly name: string;
  readonly kind: SpanKind;
}

/** SERVER, CONSUMER, and spans without a parent. */
const IS_ENTRY = '(o.kind IN (2, 5) OR s.parentage = 1)';

const measures = (isRequest: string) => `
  count(*) AS spans,
  count(*) FILTER (${isRequest}) AS requests,
  count(*) FILTER (${isRequest} AND t.code = 2) AS errors,
  quantile_disc(s.duration_ns, [0.5, 0.9, 0.95, 0.99]) FILTER (${isRequest}) AS quantiles,
  max(s.duration_ns) FILTER (${isRequest}) AS longest,
  coalesce(sum(s.duration_ns) FILTER (${isRequest}), 0)::HUGEINT AS total,
  sum(s.self_ns)::HUGEINT AS self`;

const FROM =
  'FROM span s JOIN operation o USING (operation_id) JOIN service v USING (service_id) JOIN status t USING (status_id)';

/** Returns the rates of every service with a span for which `where` (over `span s`) holds, by name. */
export async function serviceRates(database: Queryable, where: string): Promise<Rates[]> {
  const rows = await database.rows(`
    SELECT v.name AS service, ${measures(IS_ENTRY)} ${FROM} WHERE ${where} GROUP BY v.name ORDER BY v.name`);
  return rows.map(ratesOf);
}

/** Returns the rates of every operation (service, span name, kind) with such a span, by service, name and kind. */
export async function operationRates(database: Queryable, where: string): Promise<OperationRates[]> {
  const rows = await database.rows(`
    SELECT v.name AS service, o.name, o.kind, ${measures('true')} ${FROM}
    WHERE ${where} GROUP BY v.name, o.name, o.kind ORDER BY v.name, o.name, o.kind`);
  return rows.map(row => ({ ...ratesOf(row), name: String(row.name), kind: kindWord(Number(row.kind)) }));
}

function ratesOf(row: Row): Rates {
  const quantiles = Array.isArray(row.quantiles) ? row.quantiles : [];
  const nanos = (value: unknown) => (typeof value === 'bigint' ? value : 0n);
  return {
    serviceName: String(row.service),
    spanCount: Number(row.spans),
    requestCount: Number(row.requests),
    errorCount: Number(row.errors),
    p50Nano: nanos(quantiles[0]),
    p90Nano: nanos(quantiles[1]),
    p95Nano: nanos(quantiles[2]),
    p99Nano: nanos(quantiles[3]),
    maxNano: nanos(row.longest),
    totalNano: nanos(row.total),
    selfNano: nanos(row.self),
  };
}

/**
 * Counts entry spans in `buckets` equal parts of the time from `start` to `end`, by service: what a sparkline shows.
 * Services without entry spans are left out.
 */
export async function requestsOverTime(
  database: Queryable,
  where: string,
  start: bigint,
  end: bigint,
  buckets: number,
): Promise<Map<string, number[]>> {
  const width = (end - start) / BigInt(buckets) + 1n;
  const rows = await database.rows(`
    SELECT v.name AS service, ((s.start_ns - ${start}) // ${width})::INTEGER AS bucket, count(*) AS requests
    FROM span s JOIN operation o USING (operation_id) JOIN service v USING (service_id)
    WHERE ${where} AND ${IS_ENTRY} GROUP BY ALL`);
  const counts = new Map<string, number[]>();
  for (const row of rows) {
    const service = String(row.service);
    let series = counts.get(service);
    if (series === undefined) {
      series = new Array<number>(buckets).fill(0);
      counts.set(service, series);
    }
    const bucket = Math.min(buckets - 1, Math.max(0, Number(row.bucket)));
    series[bucket] = (series[bucket] ?? 0) + Number(row.requests);
  }
  return counts;
}
