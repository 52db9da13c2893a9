import type { Queryable } from './queryable.ts';

// What a database holds, as a whole: for who looks after it.

export interface Contents {
  readonly spans: number;
  readonly traces: number;
  readonly services: number;
  /** Start of the first span; undefined where there is none. */
  readonly startTimeUnixNano: bigint | undefined;
  /** End of the last span. */
  readonly endTimeUnixNano: bigint | undefined;
  /** Version of the tables. */
  readonly schemaVersion: number;
}

/** A key of span attributes. */
export interface AttributeSize {
  readonly key: string;
  /** Bytes of its values, as UTF-8 text, counted once a span that has it. What is stored is less: each value is stored once. */
  readonly bytes: number;
  /** Distinct values. */
  readonly values: number;
  /** Spans that have it. */
  readonly spans: number;
}

/** A source that was loaded. */
export interface Ingest {
  readonly source: string;
  readonly format: string | undefined;
  readonly spans: number;
  readonly traces: number;
  readonly duplicates: number;
  /** Records that gave no span, by reason. */
  readonly skipped: readonly { readonly reason: string; readonly count: number }[];
  /** Why it was not read to its end. */
  readonly fault: string | undefined;
  readonly loadedAtUnixNano: bigint | undefined;
}

/** Returns totals over a database. */
export async function readContents(database: Queryable): Promise<Contents> {
  const [row = {}] = await database.rows(`
    SELECT count(*) AS traces, coalesce(sum(span_count), 0)::BIGINT AS spans, min(start_ns) AS first,
      max(start_ns + duration_ns) AS last,
      (SELECT count(DISTINCT v.name) FROM service v WHERE service_id IN (SELECT unnest(service_ids) FROM trace)) AS services,
      (SELECT value FROM meta WHERE key = 'schema_version') AS schema_version
    FROM trace`);
  return {
    spans: Number(row.spans),
    traces: Number(row.traces),
    services: Number(row.services),
    startTimeUnixNano: typeof row.first === 'bigint' ? row.first : undefined,
    endTimeUnixNano: typeof row.last === 'bigint' ? row.last : undefined,
    schemaVersion: Number(row.schema_version),
  };
}

/** Returns the keys of span attributes whose values are the most bytes over all spans, the largest first. */
export async function largestAttributes(database: Queryable, limit: number): Promise<AttributeSize[]> {
  const rows = await database.rows(`
    WITH used AS (
      SELECT attribute_id, count(*) AS spans FROM (SELECT unnest(attribute_ids) AS attribute_id FROM span) GROUP BY attribute_id
    ), largest AS (
      SELECT k.name, sum(strlen(a.value) * u.spans)::BIGINT AS bytes, sum(u.spans)::BIGINT AS spans
      FROM used u JOIN attribute a USING (attribute_id) JOIN key k USING (key_id)
      GROUP BY k.name ORDER BY bytes DESC, k.name LIMIT ${limit}
    )
    SELECT name, max(l.bytes) AS bytes, max(l.spans) AS spans, count(DISTINCT (a.type, a.value)) AS "values"
    FROM largest l JOIN key k USING (name) JOIN attribute a USING (key_id) SEMI JOIN used USING (attribute_id)
    GROUP BY name ORDER BY bytes DESC, name`);
  return rows.map(row => ({
    key: String(row.name),
    bytes: Number(row.bytes),
    values: Number(row.values),
    spans: Number(row.spans),
  }));
}

/** Returns the sources that were loaded, in the order in which they were. */
export async function readIngests(database: Queryable): Promise<Ingest[]> {
  const rows = await database.rows(`
    SELECT ingest_id, source, format, spans, traces, duplicates, fault, epoch_ns(loaded_at) AS loaded_at
    FROM ingest ORDER BY ingest_id`);
  const issues = await database.rows(`
    SELECT ingest_id, reason, count FROM ingest_issue WHERE NOT repaired ORDER BY ingest_id, count DESC, reason`);
  const skipped = Map.groupBy(issues, issue => Number(issue.ingest_id));
  return rows.map(row => ({
    source: String(row.source),
    format: typeof row.format === 'string' ? row.format : undefined,
    spans: Number(row.spans),
    traces: Number(row.traces),
    duplicates: Number(row.duplicates),
    skipped: (skipped.get(Number(row.ingest_id)) ?? []).map(({ reason, count }) => ({
      reason: String(reason),
      count: Number(count),
    })),
    fault: typeof row.fault === 'string' ? row.fault : undefined,
    loadedAtUnixNano: typeof row.loaded_at === 'bigint' ? row.loaded_at : undefined,
  }));
}

/** What each receiver of the last listener counted, by receiver and by what was counted. */
export type ReceiverCounters = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Where a listener notes its counters. */
export const RECEIVERS_NOTE = 'receivers';

/** Returns the counters that the last listener left; undefined where none did. */
export async function receiverCounters(database: Queryable): Promise<ReceiverCounters | undefined> {
  const note = await database.value('SELECT last(value ORDER BY rowid) FROM meta WHERE key = ?', [RECEIVERS_NOTE]);
  return typeof note === 'string' ? JSON.parse(note) : undefined;
}
