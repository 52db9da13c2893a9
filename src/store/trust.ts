import { CARRIED_FIELDS } from '../model/carried-fields.ts';
import type { Queryable } from './queryable.ts';
import type { SqlValue } from './values.ts';

// What an answer rests on: how much was looked at, and what is known to be missing from it.

/** A service whose spans seem to be missing, told by spans whose parent is not in the data. */
export interface MissingParent {
  /** The presumed service of the missing parents; undefined where nothing tells. */
  readonly serviceName: string | undefined;
  /** The service of the spans whose parents are missing. */
  readonly calledService: string;
  readonly traceCount: number;
}

export interface Trust {
  readonly traceCount: number;
  readonly spanCount: number;
  /** Traces without a single root, with orphans, or with work that outlasts the root without being asynchronous. */
  readonly incompleteTraceCount: number;
  readonly orphanCount: number;
  /** At most ten, most traces first. */
  readonly missingParents: readonly MissingParent[];
  /** Spans that were sampled with a known probability; counts here are raw, not weighted by it. */
  readonly sampledSpanCount: number;
  /** Records that were lost while loading, in the whole database. */
  readonly skippedRecordCount: number;
}

/** Orphans that are asked for who called them. */
const MAX_ORPHANS = 100_000;

/** Returns what an answer over the traces for which `where` (over `trace t`) holds rests on. */
export async function trustOf(database: Queryable, where: string): Promise<Trust> {
  const [row = {}] = await database.rows(`
    SELECT count(*) AS traces, coalesce(sum(span_count), 0)::BIGINT AS spans, count(*) FILTER (NOT complete) AS incomplete,
      coalesce(sum(orphan_count), 0)::BIGINT AS orphans,
      (SELECT coalesce(sum(count), 0)::BIGINT FROM ingest_issue WHERE NOT repaired AND severity = 'lost') AS lost,
      (SELECT list(key_id) FROM key WHERE name = '${CARRIED_FIELDS.traceState}') AS state_keys
    FROM trace t WHERE ${where}`);
  const orphanCount = Number(row.orphans);
  return {
    traceCount: Number(row.traces),
    spanCount: Number(row.spans),
    incompleteTraceCount: Number(row.incomplete),
    orphanCount,
    missingParents: orphanCount === 0 ? [] : await missingParents(database, where),
    sampledSpanCount: Array.isArray(row.state_keys) ? await sampledSpans(database, where, row.state_keys) : 0,
    skippedRecordCount: Number(row.lost),
  };
}

/**
 * Who the missing parents are: for a called span (SERVER, CONSUMER) the peer that it names, for any other its own
 * service, since only the same process could have been its parent.
 */
async function missingParents(database: Queryable, where: string): Promise<MissingParent[]> {
  const rows = await database.rows(`
    WITH orphan AS (
      SELECT s.trace_id, s.span_no, s.attribute_ids, o.kind, v.name AS service
      FROM span s JOIN operation o USING (operation_id) JOIN service v USING (service_id)
      WHERE s.parentage = 2 AND s.trace_id IN (SELECT t.trace_id FROM trace t WHERE ${where})
      LIMIT ${MAX_ORPHANS}
    ), peer AS (
      SELECT i.span_no, arg_min(a.value, k.name) AS name
      FROM (SELECT span_no, unnest(attribute_ids) AS attribute_id FROM orphan WHERE kind IN (2, 5)) i
      JOIN attribute a USING (attribute_id) JOIN key k USING (key_id)
      WHERE k.name IN ('peer.service', 'service.peer.name') GROUP BY i.span_no
    )
    SELECT CASE WHEN kind IN (2, 5) THEN peer.name ELSE service END AS missing, service, count(DISTINCT trace_id) AS traces
    FROM orphan LEFT JOIN peer USING (span_no)
    GROUP BY ALL ORDER BY traces DESC, missing NULLS LAST, service LIMIT 10`);
  return rows.map(row => ({
    serviceName: row.missing === null || row.missing === undefined ? undefined : String(row.missing),
    calledService: String(row.service),
    traceCount: Number(row.traces),
  }));
}

/**
 * Spans whose tracestate (an attribute of one of `keys`) carries a sampling threshold (`ot=th:…`) other than "all". The keys stand in the
 * statement as numbers: for those of a subquery DuckDB matches the values of all keys before it looks at the key.
 */
async function sampledSpans(database: Queryable, where: string, keys: readonly SqlValue[]): Promise<number> {
  const ids = await database.rows(`
    SELECT attribute_id FROM attribute
    WHERE key_id IN (${keys.join(',')})
      AND regexp_matches(value, '(^|,)\\s*ot=([^,]*;)?(th:[0-9a-f]*[1-9a-f]|p:[1-9])')`);
  if (ids.length === 0) return 0;
  const count = await database.value(`
    SELECT count(DISTINCT span_no) FROM (
      SELECT span_no, unnest(attribute_ids) AS id FROM span s
      WHERE s.trace_id IN (SELECT t.trace_id FROM trace t WHERE ${where})
    ) WHERE id IN (${ids.map(row => String(row.attribute_id)).join(',')})`);
  return Number(count);
}
