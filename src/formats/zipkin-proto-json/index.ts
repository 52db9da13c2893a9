import type { AttributeValue } from '../../model/attributes.ts';
import type { SpanKind } from '../../model/status.ts';
import {
  attributeOf,
  integerOf,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { Tag } from '../drafts/tag-fields.ts';
import { nanosOf } from '../drafts/times.ts';
import { addressOfBytes, draftOfZipkin, type ZipkinEndpoint } from '../drafts/zipkin.ts';

// Zipkin's protobuf `ListOfSpans` in protobuf's JSON mapping: what protobuf libraries print.
// https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto
// {"spans":[{"traceId":"QoVouqoJRn5CjmiKqglGfw==","id":"AAAAAAAAAAI=","parentId":"AAAAAAAAAAE=","kind":"CLIENT","name":"get",
//   "timestamp":"1472470996199000","duration":"207000","localEndpoint":{"serviceName":"shop","ipv4":"CisRKg=="},"tags":{…}}]}
// Also with the names of the definition (`trace_id`). Ids and addresses are base64, times microseconds.

const KNOWN_KEYS = new Set([
  'traceId',
  'parentId',
  'id',
  'kind',
  'name',
  'timestamp',
  'duration',
  'localEndpoint',
  'remoteEndpoint',
  'annotations',
  'tags',
  'debug',
  'shared',
]);
/** One of these stands beside the ids of every span that says anything. */
const MORE_FIELDS = ['.timestamp', '.localEndpoint', '.local_endpoint', '.remoteEndpoint', '.remote_endpoint', '.tags'];
/** By number: not OpenTelemetry's. */
const KINDS: readonly (SpanKind | undefined)[] = [undefined, 'client', 'server', 'producer', 'consumer'];

export const zipkinProtoJson = recordFormat({
  name: 'zipkin-proto-json',
  title: 'Zipkin protobuf as JSON',
  recognised: '`spans` with `trace_id` (or `traceId`) and `id`',
  places: ['.spans[]', '[].spans[]'],
  matches: has =>
    (has('.trace_id') || has('.traceId')) && has('.id') && !has('.spanId') && !has('.span_id') && MORE_FIELDS.some(has),
  open: context => ({
    read: record => {
      if (isRecord(record)) readSpan(camelCased(record), context);
      else context.skip('missing-trace-id', 'not an object');
    },
  }),
});

function readSpan(span: JsonRecord, context: RecordContext): void {
  const time = (value: JsonValue | undefined, field: string) => {
    const nanos = nanosOf(value, 6);
    if (nanos === undefined && value !== undefined && value !== null) context.repair('invalid-time', field);
    return nanos;
  };
  const duration = time(span.duration, 'duration');
  context.emit(
    draftOfZipkin({
      traceId: textOf(span.traceId),
      parentId: textOf(span.parentId),
      id: textOf(span.id),
      kind: kindOf(span.kind),
      name: textOf(span.name),
      timestampNano: time(span.timestamp, 'timestamp'),
      durationNano: duration === 0n ? undefined : duration,
      localEndpoint: endpointOf(span.localEndpoint),
      remoteEndpoint: endpointOf(span.remoteEndpoint),
      annotations: listOf(span.annotations).map(item => {
        const { timestamp, value } = recordOf(item);
        return { timeUnixNano: time(timestamp, 'timestamp of an annotation'), value: textOf(value) ?? '' };
      }),
      tags: [...tagsOf(span.tags), ...restOf(span)],
      debug: span.debug === true,
      shared: span.shared === true,
    }),
  );
}

/** `trace_id` becomes `traceId`. */
function camelCased(record: JsonRecord): JsonRecord {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => {
      const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return [KNOWN_KEYS.has(name) ? name : key, value];
    }),
  );
}

/** A name or a number. */
function kindOf(value: JsonValue | undefined): SpanKind | undefined {
  const number = integerOf(value);
  if (number !== undefined) return KINDS[Number(number)];
  const word = textOf(value)?.toLowerCase();
  return KINDS.find(kind => kind !== undefined && kind === word);
}

function endpointOf(value: JsonValue | undefined): ZipkinEndpoint {
  const endpoint = recordOf(value);
  return {
    serviceName: textOf(endpoint.serviceName ?? endpoint.service_name),
    ipv4: addressOf(textOf(endpoint.ipv4)),
    ipv6: addressOf(textOf(endpoint.ipv6)),
    port: Number(integerOf(endpoint.port) ?? 0n),
  };
}

/** Bytes in base64; an address that is text already stays so. */
function addressOf(text: string | undefined): string | undefined {
  if (text === undefined || /[.:]/.test(text)) return text;
  return addressOfBytes(Buffer.from(text, 'base64')) ?? text;
}

function tagsOf(value: JsonValue | undefined): Tag[] {
  return Object.entries(recordOf(value)).flatMap(([key, item]) => (item === null ? [] : [[key, attributeOf(item)]]));
}

/** Fields that Zipkin does not know are kept under their names. */
function restOf(span: JsonRecord): [string, AttributeValue][] {
  return Object.entries(span).flatMap(([key, value]) =>
    KNOWN_KEYS.has(key) || value === null ? [] : [[key, attributeOf(value)]],
  );
}
