import { type AttributeValue, valueOfText } from '../model/attributes.ts';
import { CARRIED_FIELDS } from '../model/carried-fields.ts';
import { spanIdOf, type TraceReference, traceIdOf } from '../model/ids.ts';
import type { Span, SpanEvent, SpanLink } from '../model/span.ts';
import { kindWord, statusWord } from '../model/status.ts';
import type { Queryable, Row } from './queryable.ts';

// Spans with everything that belongs to them, as objects: for answers about a single trace and for spans that are shown.

/** A trace that an id or the beginning of one may mean. */
export interface TraceCandidate {
  readonly traceId: string;
  readonly startTimeUnixNano: bigint;
  readonly serviceName: string;
  readonly name: string;
}

export type FoundTrace =
  | { readonly found: 'one'; readonly traceId: string }
  /** At most ten, in order of their ids. */
  | { readonly found: 'several'; readonly candidates: readonly TraceCandidate[] }
  /** Traces whose ids share the longest beginning with what was asked for; at most three. */
  | { readonly found: 'none'; readonly nearest: readonly TraceCandidate[] };

/** The shortest beginning of an id that is looked up. */
export const SHORTEST_PREFIX = 6;

/** Finds the trace that a person's reference means: an id, an id without its leading zeros, or the beginning of one. */
export async function findTrace(database: Queryable, { digits }: TraceReference): Promise<FoundTrace> {
  const exact = BigInt(`0x${digits}`);
  const isThere = await database.value('SELECT count(*) FROM trace WHERE trace_id = ?::UHUGEINT', [exact.toString()]);
  if (isThere !== 0n) return { found: 'one', traceId: traceIdOf(exact) };
  if (digits.length >= SHORTEST_PREFIX) {
    const candidates = await candidatesBetween(database, digits, 11);
    const [only] = candidates;
    if (candidates.length === 1 && only !== undefined) return { found: 'one', traceId: only.traceId };
    if (candidates.length > 1) return { found: 'several', candidates: candidates.slice(0, 10) };
  }
  const longest = digits.length < SHORTEST_PREFIX ? digits.length : Math.min(digits.length - 1, 16);
  for (let length = longest; length >= 3; length--) {
    const nearest = await candidatesBetween(database, digits.slice(0, length), 3);
    if (nearest.length > 0) return { found: 'none', nearest };
  }
  return { found: 'none', nearest: [] };
}

/** Traces whose id begins with `prefix`, as 32 digits, or as the 16 digits of a 64-bit id. */
async function candidatesBetween(database: Queryable, prefix: string, limit: number): Promise<TraceCandidate[]> {
  const range = (width: number) => {
    const low = BigInt(`0x${prefix.padEnd(width, '0')}`);
    const high = BigInt(`0x${prefix.padEnd(width, 'f')}`);
    return `t.trace_id BETWEEN ${low}::UHUGEINT AND ${high}::UHUGEINT`;
  };
  const ranges = prefix.length < 16 ? [range(32), range(16)] : [range(32)];
  const rows = await database.rows(`
    SELECT t.trace_id, t.start_ns, v.name AS service, o.name
    FROM trace t JOIN operation o USING (operation_id) JOIN service v USING (service_id)
    WHERE ${ranges.join(' OR ')} ORDER BY t.trace_id LIMIT ${limit}`);
  return rows.map(row => ({
    traceId: traceIdOf(row.trace_id as bigint),
    startTimeUnixNano: row.start_ns as bigint,
    serviceName: String(row.service),
    name: String(row.name),
  }));
}

/** Returns the spans of a trace in display order; none where there is no such trace. */
export async function readTrace(database: Queryable, traceId: string): Promise<Span[]> {
  const [range] = await database.rows('SELECT first_span_no, span_count FROM trace WHERE trace_id = ?::UHUGEINT', [
    BigInt(`0x${traceId}`).toString(),
  ]);
  if (range === undefined) return [];
  const first = range.first_span_no as bigint;
  return readSpans(database, `span_no BETWEEN ${first} AND ${first + BigInt(Number(range.span_count)) - 1n}`);
}

/** Returns the spans for which `where` (over `span s`) holds, in the order of `order` (columns of `s`). */
export async function readSpans(database: Queryable, where: string, order = 's.span_no'): Promise<Span[]> {
  const rows = await database.rows(`
    SELECT s.span_no, s.trace_id, s.span_id, s.parent_id, s.start_ns, s.duration_ns, s.attribute_ids, s.resource_id,
      o.name, o.kind, o.flags, o.quirks, v.name AS service, t.code, t.message, o.scope_id
    FROM (SELECT * FROM span s WHERE ${where}) s
    JOIN operation o USING (operation_id) JOIN service v USING (service_id) JOIN status t USING (status_id)
    ORDER BY ${order}`);
  if (rows.length === 0) return [];
  const numbers = rows.map(row => row.span_no as bigint);
  const isIn = await spanNumbersIn(database, numbers);
  const events = await database.rows(`
    SELECT e.span_no, e.time_ns, n.name, e.attribute_ids FROM event e JOIN event_name n USING (name_id)
    WHERE e.${isIn} ORDER BY e.span_no, e.time_ns, n.name`);
  const links = await database.rows(
    `SELECT span_no, trace_id, span_id, attribute_ids FROM link WHERE ${isIn} ORDER BY span_no, trace_id, span_id`,
  );
  const resources = await rowsById(database, 'resource', rows, 'resource_id');
  const scopes = await rowsById(database, 'scope', rows, 'scope_id');
  const attributes = await readAttributes(database, [
    ...rows,
    ...events,
    ...links,
    ...resources.values(),
    ...scopes.values(),
  ]);
  const eventsOf = groupBySpan(events);
  const linksOf = groupBySpan(links);
  const resourceAttributes = new Map(
    [...resources].map(([id, row]) => [id, attributes.of(row.attribute_ids)] as const),
  );
  return rows.map(row => {
    const own = attributes.of(row.attribute_ids);
    const carried = takeCarried(own);
    const scope = scopes.get(Number(row.scope_id));
    return {
      traceId: traceIdOf(row.trace_id as bigint),
      spanId: spanIdOf(row.span_id as bigint),
      parentSpanId: row.parent_id === 0n ? undefined : spanIdOf(row.parent_id as bigint),
      name: String(row.name),
      kind: kindWord(Number(row.kind)),
      serviceName: String(row.service),
      startTimeUnixNano: row.start_ns as bigint,
      durationNano: row.duration_ns as bigint,
      status: { code: statusWord(Number(row.code)), message: String(row.message) },
      attributes: own,
      resource: resourceAttributes.get(Number(row.resource_id)) ?? {},
      scope: {
        name: String(scope?.name ?? ''),
        version: String(scope?.version ?? ''),
        attributes: attributes.of(scope?.attribute_ids),
      },
      events: (eventsOf.get(row.span_no as bigint) ?? []).map(
        (event): SpanEvent => ({
          timeUnixNano: event.time_ns as bigint,
          name: String(event.name),
          attributes: attributes.of(event.attribute_ids),
        }),
      ),
      links: (linksOf.get(row.span_no as bigint) ?? []).map(
        (link): SpanLink => ({
          traceId: traceIdOf(link.trace_id as bigint),
          spanId: spanIdOf(link.span_id as bigint),
          attributes: attributes.of(link.attribute_ids),
        }),
      ),
      flags: Number(row.flags),
      quirks: Number(row.quirks),
      ...carried,
    };
  });
}

/** A predicate that holds for the given span numbers: a range where they lie together. */
async function spanNumbersIn(database: Queryable, numbers: readonly bigint[]): Promise<string> {
  const sorted = numbers.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const first = sorted[0]!;
  const last = sorted[sorted.length - 1]!;
  if (last - first + 1n === BigInt(sorted.length)) return `span_no BETWEEN ${first} AND ${last}`;
  if (sorted.length <= 200) return `span_no IN (${sorted.join(',')})`;
  await database.run('CREATE OR REPLACE TEMP TABLE wanted_span (span_no BIGINT)');
  for (let from = 0; from < sorted.length; from += 10_000) {
    const values = sorted.slice(from, from + 10_000).map(number => `(${number})`);
    await database.run(`INSERT INTO wanted_span VALUES ${values.join(',')}`);
  }
  return 'span_no IN (FROM wanted_span)';
}

async function rowsById(
  database: Queryable,
  table: 'resource' | 'scope',
  rows: readonly Row[],
  column: 'resource_id' | 'scope_id',
): Promise<Map<number, Row>> {
  const ids = [...new Set(rows.map(row => Number(row[column])))];
  const found = await database.rows(`SELECT * FROM ${table} WHERE ${column} IN (${ids.join(',')})`);
  return new Map(found.map(row => [Number(row[column]), row]));
}

function groupBySpan(rows: readonly Row[]): Map<bigint, Row[]> {
  return Map.groupBy(rows, row => row.span_no as bigint);
}

/** The attributes behind the ids that rows have. */
class AttributeTable {
  readonly #keys: string[] = [];
  readonly #values: AttributeValue[] = [];

  set(id: number, key: string, value: AttributeValue): void {
    this.#keys[id] = key;
    this.#values[id] = value;
  }

  of(ids: unknown): Record<string, AttributeValue> {
    if (!Array.isArray(ids)) return {};
    return Object.fromEntries(ids.map(id => [this.#keys[Number(id)]!, this.#values[Number(id)]!] as const));
  }
}

/** Ids that lie closer together than this, four of DuckDB's vectors, are cheaper to read in one go. */
const LEAST_GAP = 8192;
/** A run is a scan of its own, which costs about what decompressing ten thousand values does. */
const MOST_RUNS = 32;

/**
 * Cuts ascending ids where the gaps are widest. DuckDB skips what is outside a range without decompressing it, but for a list of ids it
 * reads the values of whole row groups: 21 ms in place of 7 for the attributes of one trace among a million spans.
 */
function runsOf(ids: readonly number[]): number[][] {
  const gaps = ids.slice(1).map((id, index) => id - ids[index]!);
  const widest = gaps.toSorted((a, b) => b - a);
  const least = Math.max(LEAST_GAP, widest[MOST_RUNS - 1] ?? 0);
  const runs: number[][] = [];
  for (const [index, id] of ids.entries()) {
    if (index === 0 || gaps[index - 1]! > least) runs.push([]);
    runs[runs.length - 1]!.push(id);
  }
  return runs;
}

async function readAttributes(database: Queryable, rows: readonly Row[]): Promise<AttributeTable> {
  const ids = new Set<number>();
  for (const row of rows)
    for (const id of Array.isArray(row.attribute_ids) ? row.attribute_ids : []) ids.add(Number(id));
  const table = new AttributeTable();
  const sorted = [...ids].sort((a, b) => a - b);
  for (let from = 0; from < sorted.length; from += 5000) {
    const runs = runsOf(sorted.slice(from, from + 5000)).map(
      run => `
      SELECT * FROM attribute
      WHERE attribute_id BETWEEN ${run[0]} AND ${run[run.length - 1]} AND attribute_id IN (${run.join(',')})`,
    );
    const found = await database.rows(
      `SELECT attribute_id, k.name, type, value FROM (${runs.join(' UNION ALL ')}) JOIN key k USING (key_id)`,
    );
    for (const row of found) {
      table.set(Number(row.attribute_id), String(row.name), valueOfText(Number(row.type), String(row.value)));
    }
  }
  return table;
}

type Carried = Pick<Span, 'traceState' | 'droppedAttributesCount' | 'droppedEventsCount' | 'droppedLinksCount'>;

/** Takes the fields that travel as attributes out of the attributes. */
function takeCarried(attributes: Record<string, AttributeValue>): Carried {
  const take = (key: string): AttributeValue | undefined => {
    const value = attributes[key];
    delete attributes[key];
    return value;
  };
  const count = (key: string) => Number(take(key) ?? 0) || 0;
  const state = take(CARRIED_FIELDS.traceState);
  return {
    traceState: typeof state === 'string' ? state : undefined,
    droppedAttributesCount: count(CARRIED_FIELDS.droppedAttributesCount),
    droppedEventsCount: count(CARRIED_FIELDS.droppedEventsCount),
    droppedLinksCount: count(CARRIED_FIELDS.droppedLinksCount),
  };
}
