import { attributeOf, isRecord, type JsonRecord, type JsonValue, listOf, recordOf, textOf } from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import { nanosOf } from '../drafts/times.ts';
import { draftOfZipkin, type ZipkinEndpoint } from '../drafts/zipkin.ts';
import { splitV1, type V1Annotation, type V1BinaryAnnotation } from '../drafts/zipkin-v1.ts';

// Zipkin v1 JSON: what Zipkin's API took and gave before v2. https://zipkin.io/zipkin-api/zipkin-api.yaml
// [{"traceId":"83c1…","id":"d673…","parentId":"83c1…","name":"get","timestamp":1461750491274000,"duration":51000,
//   "annotations":[{"timestamp":1461750491274000,"value":"cs","endpoint":{"serviceName":"web","ipv4":"127.0.0.1"}},…],
//   "binaryAnnotations":[{"key":"http.path","value":"/api","endpoint":{…}},{"key":"sa","value":true,"endpoint":{…}}]}]
// An array of spans, an array of arrays (`/api/v1/traces`), or a span a line. Times are microseconds. A span holds what both
// sides of a call say of it: it becomes a span for each.

const KNOWN_KEYS = new Set([
  'traceId',
  'id',
  'parentId',
  'name',
  'timestamp',
  'duration',
  'annotations',
  'binaryAnnotations',
  'debug',
]);

export const zipkinV1Json = recordFormat({
  name: 'zipkin-v1-json',
  title: 'Zipkin v1 JSON',
  recognised: 'spans with `traceId`, `id` and `binaryAnnotations`, or with annotations that have an `endpoint`',
  places: ['[]', '[][]', ''],
  matches: has =>
    has('.traceId') &&
    has('.id') &&
    !has('.spanId') &&
    !has('.localEndpoint') &&
    !has('.remoteEndpoint') &&
    !has('.tags') &&
    (has('.binaryAnnotations') || has('.annotations[].endpoint')),
  open: context => ({
    read: record => {
      if (isRecord(record)) readSpan(record, context);
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
  const annotations = listOf(span.annotations).map(item => {
    const { timestamp, value, endpoint } = recordOf(item);
    return {
      timeUnixNano: time(timestamp, 'timestamp of an annotation'),
      value: textOf(value) ?? '',
      endpoint: endpointOf(endpoint),
    } satisfies V1Annotation;
  });
  const parts = splitV1({
    traceId: idOf(span.traceId),
    parentId: idOf(span.parentId),
    id: idOf(span.id),
    name: textOf(span.name),
    timestampNano: time(span.timestamp, 'timestamp'),
    durationNano: time(span.duration, 'duration'),
    annotations,
    binaryAnnotations: listOf(span.binaryAnnotations).flatMap(item => binaryAnnotationOf(recordOf(item))),
    debug: span.debug === true,
  });
  const rest = Object.entries(span).filter(([key, value]) => !KNOWN_KEYS.has(key) && value !== null);
  for (const part of parts) {
    const tags = [...part.tags, ...rest.map(([key, value]) => [key, attributeOf(value)] as const)];
    context.emit(draftOfZipkin({ ...part, tags }));
  }
}

/** Ids are hex; a number is one of Thrift written as JSON. */
function idOf(value: JsonValue | undefined): string | bigint | undefined {
  return typeof value === 'bigint' ? value : textOf(value);
}

function endpointOf(value: JsonValue | undefined): ZipkinEndpoint | undefined {
  const endpoint = recordOf(value);
  const {
    serviceName = '',
    ipv4 = '',
    ipv6 = '',
  } = {
    serviceName: textOf(endpoint.serviceName),
    ipv4: textOf(endpoint.ipv4),
    ipv6: textOf(endpoint.ipv6),
  };
  const port = Number(textOf(endpoint.port) ?? 0);
  if (serviceName === '' && ipv4 === '' && ipv6 === '' && port === 0) return undefined;
  return { serviceName, ipv4, ipv6, port: Number.isInteger(port) ? port : 0 };
}

/** `type` is given where the value is none of bool and text. */
function binaryAnnotationOf({ key, value, type, endpoint }: JsonRecord): V1BinaryAnnotation[] {
  const name = textOf(key);
  if (name === undefined || value === undefined || value === null) return [];
  return [{ key: name, value: typedValue(value, textOf(type)), endpoint: endpointOf(endpoint) }];
}

function typedValue(value: JsonValue, type: string | undefined): V1BinaryAnnotation['value'] {
  if (typeof value !== 'string')
    return type === 'DOUBLE' && typeof value === 'bigint' ? Number(value) : attributeOf(value);
  switch (type) {
    case 'I16':
    case 'I32':
    case 'I64':
      return /^-?\d+$/.test(value) ? attributeOf(BigInt(value)) : value;
    case 'DOUBLE':
      return value.trim() === '' || Number.isNaN(Number(value)) ? value : Number(value);
    case 'BYTES':
      return new Uint8Array(Buffer.from(value, 'base64'));
    case 'BOOL':
      return value === 'true' ? true : value === 'false' ? false : value;
    default:
      return value;
  }
}
