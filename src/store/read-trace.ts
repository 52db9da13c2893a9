import type { AttributeValue } from '../model/attributes.ts';
import { CARRIED_FIELDS } from '../model/carried-fields.ts';
import { spanIdOf, type TraceReference, traceIdOf } from '../model/ids.ts';
import type { Span, SpanEvent, SpanLink } from '../model/span.ts';
import { kindWord, statusWord } from '../model/status.ts';
import { numberList } from './number-list.ts';
import type { Queryable, Row } from './queryable.ts';
import { readAttributes } from './read-attributes.ts';

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
  const [range] = await database.rows(
    `SELECT first_span_no, span_count FROM trace WHERE trace_id = ${BigInt(`0x${traceId}`)}::UHUGEINT`,
  );
  if (range === undefined) return [];
  const first = range.first_span_no as bigint;
  return readSpans(database, `span_no BETWEEN ${first} AND ${first + BigInt(Number(range.span_count)) - 1n}`);
}

/** Returns the spans for which `where` (over `span s`) holds, in the order of `order` (columns of `s`) or of their numbers. */
export async function readSpans(database: Queryable, where: string, order?: string): Promise<Span[]> {
  const sorting = order === undefined ? '' : `ORDER BY ${order}`;
  const rows = await database.rows(`
    SELECT s.span_no, s.trace_id, s.span_id, s.parent_id, s.start_ns, s.duration_ns, s.operation_id, s.status_id,
      s.resource_id, s.attribute_ids
    FROM span s WHERE ${where} ${sorting}`);
  if (rows.length === 0) return [];
  // To sort the few of a trace here takes less time than DuckDB does to plan it.
  if (order === undefined) rows.sort((a, b) => compare(a.span_no as bigint, b.span_no as bigint));
  const parts = await readParts(database, rows);
  const attributes = await readAttributes(
    database,
    [rows, ...Object.values(parts)].flatMap(some => some.map(row => row.attribute_ids)),
  );
  const operations = byId(parts.operation);
  const statuses = byId(parts.status);
  const resources = new Map(parts.resource.map(row => [Number(row.id), attributes.of(row.attribute_ids)] as const));
  const scopes = new Map(
    parts.operation.map(row => {
      const scope = {
        name: String(row.scope),
        version: String(row.version),
        attributes: attributes.of(row.attribute_ids),
      };
      return [Number(row.id), scope] as const;
    }),
  );
  const eventsOf = Map.groupBy(parts.event, event => event.id as bigint);
  const linksOf = Map.groupBy(parts.link, link => link.id as bigint);
  return rows.map(row => {
    const own = attributes.of(row.attribute_ids);
    const carried = takeCarried(own);
    const operation = operations.get(Number(row.operation_id))!;
    const status = statuses.get(Number(row.status_id))!;
    return {
      traceId: traceIdOf(row.trace_id as bigint),
      spanId: spanIdOf(row.span_id as bigint),
      parentSpanId: row.parent_id === 0n ? undefined : spanIdOf(row.parent_id as bigint),
      name: String(operation.name),
      kind: kindWord(Number(operation.kind)),
      serviceName: String(operation.service),
      startTimeUnixNano: row.start_ns as bigint,
      durationNano: row.duration_ns as bigint,
      status: { code: statusWord(Number(status.code)), message: String(status.message) },
      attributes: own,
      resource: resources.get(Number(row.resource_id)) ?? {},
      scope: scopes.get(Number(row.operation_id))!,
      events: (eventsOf.get(row.span_no as bigint) ?? []).toSorted(compareEvents).map(
        (event): SpanEvent => ({
          timeUnixNano: event.time_ns as bigint,
          name: String(event.name),
          attributes: attributes.of(event.attribute_ids),
        }),
      ),
      links: (linksOf.get(row.span_no as bigint) ?? []).toSorted(compareLinks).map(
        (link): SpanLink => ({
          traceId: traceIdOf(link.trace_id as bigint),
          spanId: spanIdOf(link.span_id as bigint),
          attributes: attributes.of(link.attribute_ids),
        }),
      ),
      flags: Number(operation.flags),
      quirks: Number(operation.quirks),
      ...carried,
    };
  });
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareEvents(a: Row, b: Row): number {
  return compare(a.time_ns as bigint, b.time_ns as bigint) || compare(String(a.name), String(b.name));
}

function compareLinks(a: Row, b: Row): number {
  return compare(a.trace_id as bigint, b.trace_id as bigint) || compare(a.span_id as bigint, b.span_id as bigint);
}

function byId(rows: readonly Row[]): Map<number, Row> {
  return new Map(rows.map(row => [Number(row.id), row]));
}

/** What belongs to spans, in rows of dictionaries (their `id` is their own) and of what spans have (it is the span's number). */
type Parts = Readonly<Record<'operation' | 'status' | 'resource' | 'event' | 'link', readonly Row[]>>;

/** In one statement: each costs a fifth of what all of it does. Some rows of dictionaries may be others than those of the spans. */
async function readParts(database: Queryable, spans: readonly Row[]): Promise<Parts> {
  const isIn = spanNumbersIn(spans.map(row => row.span_no as bigint));
  const found = await database.rows(`
    SELECT 'operation' AS part, o.operation_id AS id, o.name, o.kind, o.flags, o.quirks, v.name AS service,
      c.name AS scope, c.version, c.attribute_ids
    FROM operation o JOIN service v USING (service_id) JOIN scope c USING (scope_id)
    WHERE ${idsIn(spans, 'operation_id')}
    UNION ALL BY NAME
    SELECT 'status' AS part, status_id AS id, code, message FROM status WHERE ${idsIn(spans, 'status_id')}
    UNION ALL BY NAME
    SELECT 'resource' AS part, resource_id AS id, attribute_ids FROM resource WHERE ${idsIn(spans, 'resource_id')}
    UNION ALL BY NAME
    SELECT 'event' AS part, span_no AS id, time_ns, n.name, attribute_ids
    FROM event JOIN event_name n USING (name_id) WHERE ${isIn}
    UNION ALL BY NAME
    SELECT 'link' AS part, span_no AS id, trace_id, span_id, attribute_ids FROM link WHERE ${isIn}`);
  const {
    operation = [],
    status = [],
    resource = [],
    event = [],
    link = [],
  } = Object.groupBy(found, row => String(row.part));
  return { operation, status, resource, event, link };
}

/** More ids than this take DuckDB longer to read than the rows of the whole range do. */
const MOST_LISTED = 1000;

/** A predicate that holds for the ids that spans have in a column, of which there may be a few or all. */
function idsIn(spans: readonly Row[], column: 'operation_id' | 'status_id' | 'resource_id'): string {
  const ids = [...new Set(spans.map(row => Number(row[column])))].sort((a, b) => a - b);
  return ids.length > MOST_LISTED ? `${column} BETWEEN ${ids[0]} AND ${ids.at(-1)}` : `${column} IN (${ids.join(',')})`;
}

/** A predicate that holds for the given span numbers: a range where they lie together. */
function spanNumbersIn(numbers: readonly bigint[]): string {
  const sorted = numbers.toSorted(compare);
  const first = sorted[0]!;
  const last = sorted[sorted.length - 1]!;
  const isRange = last - first + 1n === BigInt(sorted.length);
  return isRange
    ? `span_no BETWEEN ${first} AND ${last}`
    : `span_no IN (SELECT unnest(${numberList(sorted, 'BIGINT')}))`;
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
