// Zipkin v2 JSON: one array of spans.
// https://zipkin.io/zipkin-api/#/default/post_spans

import { type Attribute, Kind, type Span, type SpanEvent, Status } from './span.ts';

/** Returns the element of the array for a span. What Zipkin has no field for is a tag, as the Collector maps it. */
export function zipkinSpanJson(span: Span): string {
  const { service } = span.resource;
  const parent = span.parentSpanId === undefined ? '' : `"parentId":"${span.parentSpanId}",`;
  const kind = zipkinKind(span.kind);
  const annotations = span.event === undefined ? '' : `,"annotations":[${annotationJson(span.event)}]`;
  return (
    `{"traceId":"${span.traceId}",${parent}"id":"${span.spanId}",${kind}"name":${JSON.stringify(span.name)}` +
    `,"timestamp":${micros(span.startTimeUnixNano)},"duration":${micros(span.endTimeUnixNano - span.startTimeUnixNano)}` +
    `,"localEndpoint":{"serviceName":"${service.name}","ipv4":"10.0.${service.number}.1"}` +
    `${annotations},"tags":{${[...span.attributes, ...carriedTags(span)].map(tagJson).join(',')}}}`
  );
}

function zipkinKind(kind: Kind): string {
  switch (kind) {
    case Kind.internal:
      return '';
    case Kind.server:
      return '"kind":"SERVER",';
    case Kind.client:
      return '"kind":"CLIENT",';
    case Kind.producer:
      return '"kind":"PRODUCER",';
    case Kind.consumer:
      return '"kind":"CONSUMER",';
  }
}

function carriedTags({ status, statusMessage, scope }: Span): Attribute[] {
  const tags: Attribute[] = [];
  if (status === Status.error) tags.push(['error', statusMessage || 'true'], ['otel.status_code', 'ERROR']);
  if (status === Status.ok) tags.push(['otel.status_code', 'OK']);
  tags.push(['otel.scope.name', scope.name]);
  if (scope.version !== '') tags.push(['otel.scope.version', scope.version]);
  return tags;
}

/** The Collector writes an event as an annotation whose text is the JSON of its name and attributes. */
function annotationJson({ timeUnixNano, name, attributes }: SpanEvent): string {
  const plain = Object.fromEntries(attributes.map(([key, value]) => [key, plainValue(value)]));
  return `{"timestamp":${micros(timeUnixNano)},"value":${JSON.stringify(JSON.stringify({ [name]: plain }))}}`;
}

function plainValue(value: Attribute[1]): string | boolean | number {
  return typeof value === 'bigint' ? Number(value) : value;
}

function tagJson([key, value]: Attribute): string {
  return `"${key}":${JSON.stringify(String(value))}`;
}

function micros(nanos: bigint): bigint {
  return nanos / 1000n;
}
