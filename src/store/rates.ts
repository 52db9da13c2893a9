import { kindWord, type SpanKind } from '../model/status.ts';
import type { Queryable } from './queryable.ts';
import type { SqlValue } from './values.ts';

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

/** Returns the rates of every service with a span for which `where` (over `span s`) holds, by name. */
export async function serviceRates(database: Queryable, where: string): Promise<Rates[]> {
  const sql = `
    SELECT v.name AS service, '' AS name, 0 AS kind, ${measures(IS_ENTRY)}
    FROM span s JOIN operation o USING (operation_id) JOIN service v USING (service_id) JOIN status t USING (status_id)
    WHERE ${where} GROUP BY v.name ORDER BY v.name`;
  return readRates(database, sql, String, rates => rates);
}

/**
 * Returns the rates of every operation (service, span name, kind) with such a span, by service, name and kind. Spans are grouped by the
 * least id of their operation's equals: to group them by the texts takes as long as all the rest does.
 */
export async function operationRates(database: Queryable, where: string): Promise<OperationRates[]> {
  // There are few services; their names, as texts of thousands of rows, would take as long to read as all the numbers do.
  const services = new Map<unknown, string>();
  for (const { service_id, name } of await database.rows('SELECT service_id, name FROM service')) {
    services.set(service_id, String(name));
  }
  const sql = `
    SELECT o.service_id AS service, o.name, o.kind, r.* EXCLUDE (least_id)
    FROM (
      SELECT e.least_id, ${measures()}
      FROM span s JOIN status t USING (status_id) JOIN (
        SELECT operation_id, min(operation_id) OVER (PARTITION BY service.name, operation.name, kind) AS least_id
        FROM operation JOIN service USING (service_id)
      ) e USING (operation_id)
      WHERE ${where} GROUP BY e.least_id
    ) r
    JOIN operation o ON o.operation_id = r.least_id JOIN service v USING (service_id)
    ORDER BY v.name, o.name, o.kind`;
  const serviceName = (id: SqlValue) => services.get(id) ?? '';
  return readRates(database, sql, serviceName, (rates, name, kind) =>
    Object.assign(rates, { name, kind: kindWord(kind) }),
  );
}

/** What is measured of the spans of a group, in the order in which `readRates` reads it; requests are all of them where none is said. */
function measures(isRequest?: string): string {
  const ofRequests = isRequest === undefined ? '' : `FILTER (${isRequest})`;
  const isError = `${isRequest === undefined ? '' : `${isRequest} AND `}t.code = 2`;
  return `
    count(*) AS spans,
    count(*) ${ofRequests} AS requests,
    count(*) FILTER (${isError}) AS errors,
    quantile_disc(s.duration_ns, [0.5, 0.9, 0.95, 0.99]) ${ofRequests} AS quantiles,
    max(s.duration_ns) ${ofRequests} AS longest,
    sum(s.duration_ns) ${ofRequests} AS total,
    sum(s.self_ns) AS self`;
}

/** Reads service, name, kind and `measures`. There may be thousands of rows: objects by the names of columns take as long as half the query. */
async function readRates<T>(
  database: Queryable,
  sql: string,
  serviceName: (service: SqlValue) => string,
  make: (rates: Rates, name: string, kind: number) => T,
): Promise<T[]> {
  const found: T[] = [];
  for await (const chunk of database.scan(sql)) {
    const columns = chunk.names.map((_, index) => chunk.column(index));
    const [services, names, kinds, spans, requests, errors, quantiles, longest, total, self] = columns;
    for (let row = 0; row < chunk.rowCount; row++) {
      // Of no requests there is none of these.
      const [p50, p90, p95, p99] = (quantiles![row] ?? NO_QUANTILES) as bigint[];
      const rates = {
        serviceName: serviceName(services![row]!),
        spanCount: Number(spans![row]),
        requestCount: Number(requests![row]),
        errorCount: Number(errors![row]),
        p50Nano: p50!,
        p90Nano: p90!,
        p95Nano: p95!,
        p99Nano: p99!,
        maxNano: (longest![row] ?? 0n) as bigint,
        totalNano: (total![row] ?? 0n) as bigint,
        selfNano: self![row] as bigint,
      };
      found.push(make(rates, String(names![row]), Number(kinds![row])));
    }
  }
  return found;
}

const NO_QUANTILES = [0n, 0n, 0n, 0n];

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
