import type { AttributeValue } from '../../model/attributes.ts';
import { SPAN_KINDS, STATUS_CODES } from '../../model/status.ts';
import { attributeOf, parseJson } from '../drafts/record.ts';
import type { EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import { type Mend, plainValue } from '../rows/cells.ts';
import type { ParquetRow } from './file.ts';
import { anyValueOf, linksOf } from './proto.ts';

// Blocks of Grafana Tempo (`data.parquet`), vParquet3 to vParquet5: a row a trace.
// https://github.com/grafana/tempo/blob/main/tempodb/encoding/vparquet4/schema.go
// TraceID, …, rs: [{Resource: {ServiceName, Attrs: […], …}, ss: [{Scope: {Name, Version}, Spans: [{SpanID, ParentSpanID, Name, Kind,
//   StartTimeUnixNano, DurationNano, StatusCode, StatusMessage, Attrs: [{Key, Value, ValueInt, …}], Events: […], Links, HttpMethod, …}]}]}]

/** The columns that are read; the others repeat them for searches. */
export const TEMPO_COLUMNS = ['TraceID', 'rs'];

export function isTempoBlock(columns: readonly string[]): boolean {
  return TEMPO_COLUMNS.every(column => columns.includes(column));
}

type Fields = { readonly [field: string]: unknown };
type Attributes = Map<string, AttributeValue>;

/** Attributes that have columns of their own. */
const RESOURCE_COLUMNS: readonly (readonly [string, string])[] = [
  ['ServiceName', 'service.name'],
  ['Cluster', 'cluster'],
  ['Namespace', 'namespace'],
  ['Pod', 'pod'],
  ['Container', 'container'],
  ['K8sClusterName', 'k8s.cluster.name'],
  ['K8sNamespaceName', 'k8s.namespace.name'],
  ['K8sPodName', 'k8s.pod.name'],
  ['K8sContainerName', 'k8s.container.name'],
];
const SPAN_COLUMNS: readonly (readonly [string, string])[] = [
  ['HttpMethod', 'http.method'],
  ['HttpUrl', 'http.url'],
  ['HttpStatusCode', 'http.status_code'],
];

/** Yields the spans of a row. */
export function* tempoDrafts(row: ParquetRow, mend: Mend): Generator<SpanDraft> {
  const traceId = bytesOf(row.TraceID);
  for (const resourceSpans of listOf(row.rs)) {
    const { Resource, ss } = fieldsOf(resourceSpans);
    const resource = attributesOf(fieldsOf(Resource), RESOURCE_COLUMNS);
    for (const scopeSpans of listOf(ss)) {
      const { Scope, Spans } = fieldsOf(scopeSpans);
      const { Name, Version, Attrs } = fieldsOf(Scope);
      const scope = { name: textOf(Name), version: textOf(Version), attributes: attributesOf({ Attrs }, []) };
      for (const span of listOf(Spans)) yield draftOf(fieldsOf(span), { traceId, resource, scope }, mend);
    }
  }
}

function draftOf(span: Fields, above: Pick<SpanDraft, 'traceId' | 'resource' | 'scope'>, mend: Mend): SpanDraft {
  const start = integerOf(span.StartTimeUnixNano);
  const duration = integerOf(span.DurationNano);
  return {
    ...above,
    spanId: bytesOf(span.SpanID),
    parentSpanId: bytesOf(span.ParentSpanID),
    name: textOf(span.Name),
    kind: SPAN_KINDS[Number(integerOf(span.Kind))],
    startTimeUnixNano: start,
    // Of a span without an end the duration is the start below zero.
    durationNano: duration < 1n << 63n ? duration : undefined,
    status: { code: STATUS_CODES[Number(integerOf(span.StatusCode))] ?? 'unset', message: textOf(span.StatusMessage) },
    attributes: attributesOf(span, SPAN_COLUMNS),
    events: listOf(span.Events).map(event => eventOf(fieldsOf(event), start)),
    links:
      span.Links instanceof Uint8Array
        ? linksOfProto(span.Links, mend)
        : listOf(span.Links).map(link => linkOf(fieldsOf(link))),
    traceState: textOf(span.TraceState),
    droppedAttributesCount: countOf(span) - listOf(span.Attrs).filter(isKeptAsDropped).length,
    droppedEventsCount: Number(integerOf(span.DroppedEventsCount)),
    droppedLinksCount: Number(integerOf(span.DroppedLinksCount)),
  };
}

/** vParquet3 counts values that it has no column for as dropped, but keeps them. */
function isKeptAsDropped(attribute: unknown): boolean {
  return textOf(fieldsOf(attribute).ValueDropped) !== '';
}

function eventOf(event: Fields, start: bigint): EventDraft {
  const attributes = attributesOf(event, []);
  if (countOf(event) > 0) attributes.set('droppedAttributesCount', BigInt(countOf(event)));
  const { TimeUnixNano, TimeSinceStartNano } = event;
  return {
    timeUnixNano:
      TimeUnixNano === undefined ? BigInt.asUintN(64, start + integerOf(TimeSinceStartNano)) : integerOf(TimeUnixNano),
    name: textOf(event.Name),
    attributes,
  };
}

function linkOf(link: Fields): LinkDraft {
  const attributes = attributesOf(link, []);
  if (textOf(link.TraceState) !== '') attributes.set('traceState', textOf(link.TraceState));
  if (countOf(link) > 0) attributes.set('droppedAttributesCount', BigInt(countOf(link)));
  return { traceId: bytesOf(link.TraceID), spanId: bytesOf(link.SpanID), attributes };
}

function linksOfProto(bytes: Uint8Array, mend: Mend): LinkDraft[] {
  try {
    return linksOf(bytes);
  } catch (error) {
    mend('unexpected-type', `links that are not the protobuf they should be: ${String(error)}`);
    return [];
  }
}

/** The attributes of a resource, scope, span, event or link, wherever they stand. */
function attributesOf(owner: Fields, columns: readonly (readonly [string, string])[]): Attributes {
  const attributes: Attributes = new Map();
  for (const [column, key] of columns) {
    const value = plainOf(owner[column]);
    if (value !== undefined && value !== '') attributes.set(key, value);
  }
  // Which attributes these are stands in the block's meta.json.
  addDedicated(attributes, owner.DedicatedAttributes);
  for (const attribute of listOf(owner.Attrs)) {
    const fields = fieldsOf(attribute);
    attributes.set(textOf(fields.Key), valueOfAttribute(fields));
  }
  return attributes;
}

function addDedicated(attributes: Attributes, columns: unknown): void {
  for (const [column, value] of Object.entries(fieldsOf(columns))) {
    // A list since vParquet5, where an attribute may be an array; of most it has one item.
    const items = listOf(value).flatMap(item => plainOf(item) ?? []);
    const plain = isList(value) ? (items.length > 1 ? items : items[0]) : plainOf(value);
    if (plain !== undefined) attributes.set(`DedicatedAttributes.${column}`, plain);
    else if (!isList(value)) addDedicated(attributes, value);
  }
}

const VALUES = ['Value', 'ValueInt', 'ValueDouble', 'ValueBool'] as const;

function valueOfAttribute(attribute: Fields): AttributeValue {
  const json = textOf(attribute.ValueUnsupported) || textOf(attribute.ValueDropped);
  if (json !== '') return valueOfJson(json);
  // The attributes of events, in vParquet3.
  if (attribute.Value instanceof Uint8Array) return valueOfProto(attribute.Value);
  for (const column of VALUES) {
    const value = attribute[column];
    if (isList(value)) {
      const items = listOf(value).map(item => typed(column, item));
      if (attribute.IsArray === true && items.length > 0) return items;
      if (items[0] !== undefined) return items[0];
    } else if (value !== undefined && value !== null) return typed(column, value);
  }
  return attribute.IsArray === true ? [] : null;
}

function typed(column: (typeof VALUES)[number], value: unknown): AttributeValue {
  return column === 'ValueInt' ? integerOf(value) : (plainOf(value) ?? null);
}

function valueOfJson(json: string): AttributeValue {
  try {
    return attributeOf(plainValue(parseJson(json)));
  } catch {
    return json;
  }
}

function valueOfProto(bytes: Uint8Array): AttributeValue {
  try {
    return anyValueOf(bytes);
  } catch {
    // Older blocks have JSON there.
    return valueOfJson(Buffer.from(bytes).toString('utf8'));
  }
}

function isList(value: unknown): boolean {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof Uint8Array));
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isList(value) ? Array.from(Object.values(fieldsOf(value))) : [];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** The text of a column; some writers do not mark texts as such. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';
}

function plainOf(value: unknown): AttributeValue | undefined {
  if (value instanceof Uint8Array) return textOf(value);
  return typeof value === 'string' ||
    typeof value === 'bigint' ||
    typeof value === 'number' ||
    typeof value === 'boolean'
    ? value
    : undefined;
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array && value.length > 0 ? value : undefined;
}

function integerOf(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : 0n;
}

function countOf(owner: Fields): number {
  return Number(integerOf(owner.DroppedAttributesCount));
}
