import type { AttributeValue } from '../../model/attributes.ts';
import type { SpanKind } from '../../model/status.ts';
import { SPAN_KINDS } from '../../model/status.ts';
import {
  addFields,
  flatAttributesOf,
  integerOf,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  omit,
  parseJson,
  recordOf,
  textOf,
} from './record.ts';
import type { RecordContext } from './record-format.ts';
import type { DraftId, EventDraft, LinkDraft, SpanDraft } from './span-draft.ts';

// Datadog's spans, as they stand in JSON and in msgpack.
// https://github.com/DataDog/datadog-agent/blob/main/pkg/proto/datadog/trace/span.proto

/** What the tracers' fields are called in the JSON of protobuf. */
const ALIASES: Readonly<Record<string, string>> = {
  traceID: 'trace_id',
  spanID: 'span_id',
  parentID: 'parent_id',
  metaStruct: 'meta_struct',
  spanLinks: 'span_links',
  spanEvents: 'span_events',
};
const SPAN_FIELDS = [
  ...['trace_id', 'span_id', 'parent_id', 'name', 'resource', 'service', 'start', 'duration', 'error'],
  ...['meta', 'metrics', 'meta_struct', 'span_links', 'span_events', 'type'],
];
/** Tags that are fields of a span, or that hold for all of a service. */
const FIELD_TAGS = ['span.kind', '_dd.p.tid', 'env', 'version'];
const KIND_OF_TYPE: Readonly<Record<string, SpanKind>> = {
  web: 'server',
  http: 'client',
  sql: 'client',
  db: 'client',
  cache: 'client',
  redis: 'client',
  memcached: 'client',
  mongodb: 'client',
  elasticsearch: 'client',
  cassandra: 'client',
};
const UINT64 = 1n << 64n;

/** What holds for the spans of a chunk. */
interface Surroundings {
  /** The payload around the chunk but for its chunks: what the tracer says of its process. */
  readonly payload: JsonRecord;
  /** The chunk but for its spans. */
  readonly chunk: JsonRecord;
}
const NOTHING: Surroundings = { payload: {}, chunk: {} };
/** The priority of a chunk that has none. */
const NO_PRIORITY = -128n;

/**
 * Writes the spans of a TracerPayload: chunks, and what holds for all of them.
 * https://github.com/DataDog/datadog-agent/blob/main/pkg/proto/datadog/trace/tracer_payload.proto
 */
export function emitPayload(record: JsonRecord, context: RecordContext): void {
  const payload = omit(record, ['chunks']);
  if (!Array.isArray(record.chunks ?? [])) context.skip('unexpected-type', 'chunks that are no array');
  for (const chunk of listOf(record.chunks)) {
    if (isRecord(chunk)) emitChunk(listOf(chunk.spans), context, { payload, chunk: omit(chunk, ['spans']) });
    else context.skip('unexpected-type', 'a chunk that is no object');
  }
}

/** Writes the spans of a chunk: what one process knows of one trace. */
export function emitChunk(spans: readonly JsonValue[], context: RecordContext, around: Surroundings = NOTHING): void {
  const records = spans.map(span => withKnownNames(recordOf(span)));
  // The upper half of a 128-bit trace id stands on one span of a chunk only, or on the chunk.
  const upper = [...records.map(span => span.meta), around.chunk.tags]
    .map(tags => textOf(recordOf(tags)['_dd.p.tid']))
    .find(text => text !== undefined);
  for (const span of records) context.emit(() => draftOf(span, upper, around, context));
}

function withKnownNames(span: JsonRecord): JsonRecord {
  if (!Object.keys(ALIASES).some(name => Object.hasOwn(span, name))) return span;
  return Object.fromEntries(Object.entries(span).map(([key, value]) => [ALIASES[key] ?? key, value]));
}

function draftOf(
  span: JsonRecord,
  upper: string | undefined,
  { payload, chunk }: Surroundings,
  { repair }: RecordContext,
): SpanDraft {
  const meta = recordOf(span.meta);
  const attributes = attributesOfChunk(chunk);
  const linksInTag = recordsIn(meta['_dd.span_links']);
  const eventsInTag = recordsIn(meta.events);
  const fieldTags = [
    ...FIELD_TAGS,
    ...(linksInTag === undefined ? [] : ['_dd.span_links']),
    ...(eventsInTag === undefined ? [] : ['events']),
  ];
  for (const [key, value] of Object.entries(omit(meta, fieldTags))) addFields(attributes, { [key]: value });
  addFields(attributes, span.metrics);
  addFields(attributes, span.meta_struct, 'meta_struct.');
  addFields(attributes, { name: span.name ?? null, type: span.type || null }, '', {
    name: 'operation.name',
    type: 'span.type',
  });
  addFields(attributes, omit(span, SPAN_FIELDS), 'datadog.');
  const failed = span.error === true || (integerOf(span.error) ?? 0n) !== 0n;
  const start = integerOf(span.start);
  const duration = integerOf(span.duration);
  for (const [field, value] of [
    ['start', start],
    ['duration', duration],
  ] as const) {
    if (value === undefined && span[field] !== undefined && span[field] !== null) {
      repair('invalid-time', `${field}: ${textOf(span[field]) ?? 'no number'}`);
    }
  }
  return {
    traceId: traceIdOf(span.trace_id, upper),
    spanId: idOf(span.span_id),
    parentSpanId: idOf(span.parent_id),
    name: textOf(span.resource) || textOf(span.name),
    kind: kindOf(meta, textOf(span.type) ?? ''),
    startTimeUnixNano: start,
    durationNano: duration,
    status: failed ? { code: 'error', message: textOf(meta['error.message']) ?? textOf(meta['error.msg']) } : undefined,
    attributes,
    resource: resourceOf(span, meta, payload),
    links: [...listOf(span.span_links).filter(isRecord), ...(linksInTag ?? [])].map(linkOf),
    events: [...listOf(span.span_events).filter(isRecord), ...(eventsInTag ?? [])].map(eventOf),
  };
}

/** What a chunk says of its trace, under the tags by which an agent writes it onto a span. */
function attributesOfChunk(chunk: JsonRecord): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  const { priority = null, origin = null, tags } = chunk;
  addFields(
    attributes,
    { priority: priority === NO_PRIORITY ? null : priority, origin: origin === '' ? null : origin },
    '',
    { priority: '_sampling_priority_v1', origin: '_dd.origin' },
  );
  for (const [key, value] of Object.entries(omit(recordOf(tags), ['_dd.p.tid'])))
    addFields(attributes, { [key]: value });
  for (const [key, value] of Object.entries(omit(chunk, ['priority', 'origin', 'tags']))) {
    if (value !== false) addFields(attributes, { [key]: value }, 'datadog.', { droppedTrace: 'datadog.dropped_trace' });
  }
  return attributes;
}

/** What describes the process, under the names of protobuf's JSON and of MessagePack. */
const PAYLOAD_NAMES: Readonly<Record<string, string>> = {
  containerID: 'container.id',
  container_id: 'container.id',
  languageName: 'telemetry.sdk.language',
  language_name: 'telemetry.sdk.language',
  languageVersion: 'process.runtime.version',
  language_version: 'process.runtime.version',
  tracerVersion: 'telemetry.sdk.version',
  tracer_version: 'telemetry.sdk.version',
  runtimeID: 'service.instance.id',
  runtime_id: 'service.instance.id',
  hostname: 'host.name',
  env: 'deployment.environment.name',
  appVersion: 'service.version',
  app_version: 'service.version',
};

function resourceOf(span: JsonRecord, meta: JsonRecord, payload: JsonRecord): Map<string, AttributeValue> {
  const resource = new Map<string, AttributeValue>();
  for (const [key, value] of Object.entries(recordOf(payload.tags))) addFields(resource, { [key]: value });
  // MessagePack has all fields, also those that say nothing.
  const said = Object.entries(omit(payload, ['tags'])).filter(([, value]) => value !== '');
  addFields(resource, Object.fromEntries(said), 'datadog.', PAYLOAD_NAMES);
  addFields(resource, { service: span.service || null, env: meta.env || null, version: meta.version || null }, '', {
    service: 'service.name',
    env: 'deployment.environment.name',
    version: 'service.version',
  });
  return resource;
}

/** Numbers are decimal, also as text; some loggers write hex. */
function idOf(value: JsonValue | undefined): DraftId {
  const integer = integerOf(value);
  return integer === undefined ? textOf(value) : BigInt.asUintN(64, integer);
}

function traceIdOf(value: JsonValue | undefined, upper: string | undefined): DraftId {
  const integer = integerOf(value);
  if (integer === undefined) return textOf(value);
  const high = upper !== undefined && /^[0-9a-f]{1,16}$/i.test(upper) ? BigInt(`0x${upper}`) : 0n;
  return integer >= UINT64 ? integer : (high << 64n) | BigInt.asUintN(64, integer);
}

function kindOf(meta: JsonRecord, type: string): SpanKind {
  const word = textOf(meta['span.kind'])?.toLowerCase();
  const kind = SPAN_KINDS.find(known => known === word);
  return kind ?? (Object.hasOwn(KIND_OF_TYPE, type) ? KIND_OF_TYPE[type] : undefined) ?? 'unspecified';
}

/** The objects of a list that stands as JSON in a tag; undefined where it is none (tags are cut off at some length). */
function recordsIn(text: JsonValue | undefined): JsonRecord[] | undefined {
  if (typeof text !== 'string' || !text.startsWith('[')) return undefined;
  try {
    const list = listOf(parseJson(text));
    return list.every(isRecord) ? list.filter(isRecord) : undefined;
  } catch {
    return undefined;
  }
}

function linkOf(link: JsonRecord): LinkDraft {
  const attributes = flatAttributesOf(link.attributes);
  addFields(attributes, omit(link, ['trace_id', 'trace_id_high', 'span_id', 'attributes']));
  // In the tag ids are hex, in the field they are numbers.
  const isText = typeof link.trace_id === 'string';
  const high = BigInt.asUintN(64, integerOf(link.trace_id_high) ?? 0n);
  return {
    traceId: isText ? textOf(link.trace_id) : (high << 64n) | BigInt.asUintN(64, integerOf(link.trace_id) ?? 0n),
    spanId: typeof link.span_id === 'string' ? link.span_id : idOf(link.span_id),
    attributes,
  };
}

function eventOf(event: JsonRecord): EventDraft {
  const attributes = new Map<string, AttributeValue>();
  for (const [key, value] of Object.entries(recordOf(event.attributes))) addFields(attributes, { [key]: plain(value) });
  addFields(attributes, omit(event, ['name', 'time_unix_nano', 'attributes']));
  return { timeUnixNano: integerOf(event.time_unix_nano), name: textOf(event.name) ?? '', attributes };
}

/** A value of an event: plain in the tag, `{"type":0,"string_value":"…"}` in the field. */
function plain(value: JsonValue): JsonValue {
  if (!isRecord(value) || value.type === undefined) return value;
  const { string_value, bool_value, int_value, double_value, array_value } = value;
  if (isRecord(array_value)) return listOf(array_value.values).map(plain);
  return string_value ?? bool_value ?? int_value ?? double_value ?? value;
}
