import { type AttributeValue, displayValue } from '../../model/attributes.ts';
import { SPAN_KINDS, type SpanKind } from '../../model/status.ts';
import { carried } from '../drafts/carried.ts';
import {
  addFields,
  attributeOf,
  integerOf,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  omit,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import type { RecordContext } from '../drafts/record-format.ts';
import type { EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import { readRfc3339 } from '../drafts/times.ts';
import { LABEL_NAMES, SERVICE_LABELS } from './v1.ts';

// A span of the API v2: what is posted to `projects.traces.batchWrite`, and `projects.traces.spans.createSpan` answers.
// https://cloud.google.com/trace/docs/reference/v2/rest/v2/projects.traces/batchWrite
// {"name":"projects/shop/traces/4bf92f3577b34da6a3ce929d0e0e4736/spans/d182d5edf67422da","spanId":"d182d5edf67422da","parentSpanId":"",
//  "displayName":{"value":"/checkout"},"startTime":"2024-05-01T12:00:00.123456789Z","endTime":"…","spanKind":"SERVER",
//  "attributes":{"attributeMap":{"/http/method":{"stringValue":{"value":"GET"}},"n":{"intValue":"7"}},"droppedAttributesCount":1},
//  "timeEvents":{"timeEvent":[{"time":"…","annotation":{"description":{"value":"retry"},"attributes":{…}}}]},
//  "links":{"link":[{"traceId":"…","spanId":"…","type":"PARENT_LINKED_SPAN"}]},"status":{"code":13,"message":"boom"}}

/** `projects/[PROJECT]/traces/[TRACE]/spans/[SPAN]` */
const RESOURCE_NAME = /^projects\/([^/]+)\/traces\/([^/]+)\/spans\/([^/]+)$/;
/** What OpenTelemetry's exporter calls attributes that the v1 has no labels for. */
const ATTRIBUTE_NAMES: Readonly<Record<string, string>> = {
  ...LABEL_NAMES,
  '/http/status_code': 'http.response.status_code',
};
const FIELDS = [
  ...['name', 'spanId', 'parentSpanId', 'displayName', 'startTime', 'endTime', 'attributes', 'timeEvents', 'links'],
  ...['status', 'spanKind', 'childSpanCount', 'sameProcessAsParentSpan'],
];
const ALL_FIELDS = [...FIELDS, ...FIELDS.map(snakeCase)];

/** Returns the span. */
export function draftOfV2(span: JsonRecord, { repair }: RecordContext): SpanDraft {
  const [, project, traceId, spanId] = RESOURCE_NAME.exec(textOf(span.name) ?? '') ?? [];
  const written = recordOf(span.attributes);
  const attributes = attributesOf(written);
  addFields(attributes, omit(span, ALL_FIELDS), 'gcp.trace.');
  const childCount = integerOf(fieldOf(span, 'childSpanCount'));
  if (childCount !== undefined && childCount > 0n) attributes.set('gcp.trace.childSpanCount', childCount);
  const isSameProcess = fieldOf(span, 'sameProcessAsParentSpan');
  if (typeof isSameProcess === 'boolean') attributes.set('gcp.trace.sameProcessAsParentSpan', isSameProcess);
  const resource = new Map<string, AttributeValue>();
  const service = SERVICE_LABELS.map(label => attributes.get(label)).find(value => value !== undefined);
  if (service !== undefined) resource.set('service.name', displayValue(service));
  if (project !== undefined) resource.set('cloud.account.id', project);
  const timeEvents = recordOf(fieldOf(span, 'timeEvents'));
  const links = recordOf(span.links);
  return {
    traceId,
    spanId: textOf(fieldOf(span, 'spanId')) || spanId,
    parentSpanId: textOf(fieldOf(span, 'parentSpanId')),
    name: truncatable(fieldOf(span, 'displayName')),
    kind: kindOf(fieldOf(span, 'spanKind')),
    startTimeUnixNano: readRfc3339(fieldOf(span, 'startTime'), repair),
    endTimeUnixNano: readRfc3339(fieldOf(span, 'endTime'), repair),
    status: statusOf(span.status),
    attributes,
    resource,
    events: listOf(fieldOf(timeEvents, 'timeEvent'))
      .filter(isRecord)
      .map(event => eventOf(event, repair)),
    links: listOf(links.link).filter(isRecord).map(linkOf),
    droppedAttributesCount: countOf(written, 'droppedAttributesCount'),
    droppedEventsCount:
      countOf(timeEvents, 'droppedAnnotationsCount') + countOf(timeEvents, 'droppedMessageEventsCount'),
    droppedLinksCount: countOf(links, 'droppedLinksCount'),
  };
}

/** A field under its name in JSON, or under that in the definition, which some writers of JSON keep. */
function fieldOf(record: JsonRecord, name: string): JsonValue | undefined {
  return record[name] ?? record[snakeCase(name)];
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

/** `{"value":"…","truncatedByteCount":3}`. */
function truncatable(value: JsonValue | undefined): string | undefined {
  return textOf(isRecord(value) ? value.value : value);
}

/** `{"attributeMap":{"key":{"stringValue":{"value":"…"}}}}`. */
function attributesOf(attributes: JsonRecord): Map<string, AttributeValue> {
  const found = new Map<string, AttributeValue>();
  for (const [key, value] of Object.entries(recordOf(fieldOf(attributes, 'attributeMap')))) {
    if (value === null) continue;
    const name = Object.hasOwn(ATTRIBUTE_NAMES, key) ? ATTRIBUTE_NAMES[key] : undefined;
    found.set(name ?? key, attributeValueOf(value));
  }
  return found;
}

function attributeValueOf(value: JsonValue): AttributeValue {
  if (!isRecord(value)) return attributeOf(value);
  const text = truncatable(fieldOf(value, 'stringValue'));
  if (text !== undefined) return text;
  const integer = fieldOf(value, 'intValue');
  if (integer !== undefined) return attributeOf(integerOf(integer) ?? integer);
  return attributeOf(fieldOf(value, 'boolValue') ?? value);
}

/** A kind: its word, or its number, which is that of OpenTelemetry. */
function kindOf(value: JsonValue | undefined): SpanKind {
  if (typeof value === 'bigint') return SPAN_KINDS[Number(value)] ?? 'unspecified';
  const word = textOf(value)?.toLowerCase();
  return SPAN_KINDS.find(kind => kind === word) ?? 'unspecified';
}

/** `google.rpc.Status`: a code other than 0 is an error. */
function statusOf(value: JsonValue | undefined): SpanDraft['status'] {
  if (!isRecord(value)) return undefined;
  const message = textOf(value.message) || undefined;
  const code = integerOf(value.code);
  if (code === undefined || code === 0n) return { code: code === 0n ? 'ok' : 'unset', message };
  return { code: 'error', message: message ?? RPC_CODES[Number(code)] };
}

/** https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto */
const RPC_CODES: readonly (string | undefined)[] = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'],
  ...['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
];

/** An annotation, named by its description, or a message that was sent or received. */
function eventOf(event: JsonRecord, repair: RecordContext['repair']): EventDraft {
  const annotation = recordOf(event.annotation);
  const message = recordOf(fieldOf(event, 'messageEvent'));
  const written = recordOf(annotation.attributes);
  const attributes = attributesOf(written);
  const sizeOf = (name: string) => integerOf(fieldOf(message, name)) ?? null;
  addFields(attributes, {
    'message.type': message.type ?? null,
    'message.id': integerOf(message.id) ?? null,
    'message.uncompressed_size': sizeOf('uncompressedSizeBytes'),
    'message.compressed_size': sizeOf('compressedSizeBytes'),
  });
  return {
    timeUnixNano: readRfc3339(event.time, repair),
    name: truncatable(annotation.description) ?? (Object.keys(message).length > 0 ? 'message' : ''),
    attributes: carried(attributes, {
      droppedAttributesCount: BigInt(countOf(written, 'droppedAttributesCount')),
    }),
  };
}

function linkOf(link: JsonRecord): LinkDraft {
  const written = recordOf(link.attributes);
  const attributes = attributesOf(written);
  const type = textOf(link.type) ?? '';
  if (type !== '' && type !== 'TYPE_UNSPECIFIED') attributes.set('gcp.trace.link_type', type);
  return {
    traceId: textOf(fieldOf(link, 'traceId')),
    spanId: textOf(fieldOf(link, 'spanId')),
    attributes: carried(attributes, { droppedAttributesCount: BigInt(countOf(written, 'droppedAttributesCount')) }),
  };
}

function countOf(record: JsonRecord, name: string): number {
  const count = integerOf(fieldOf(record, name)) ?? 0n;
  return count > 0n && count < 1n << 31n ? Number(count) : 0;
}
