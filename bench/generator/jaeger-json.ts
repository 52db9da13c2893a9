// Jaeger's query JSON: one document `{"data":[<trace>,…],…}`, as its HTTP API answers and its UI downloads.
// https://github.com/jaegertracing/jaeger/blob/main/internal/uimodel/model.go

import { type Attribute, Kind, type Resource, type Span, type SpanEvent, Status } from './span.ts';

export const JAEGER_HEAD = '{"data":[';
export const JAEGER_TAIL = '],"total":0,"limit":0,"offset":0,"errors":null}';

const KIND_WORDS = Object.fromEntries(Object.entries(Kind).map(([word, kind]) => [kind, word]));

/** Returns the element of `data` for a trace. */
export function jaegerTraceJson(spans: readonly Span[]): string {
  const processIds = new Map<Resource, string>();
  for (const { resource } of spans) {
    if (!processIds.has(resource)) processIds.set(resource, `p${processIds.size + 1}`);
  }
  const spanTexts = spans.map(span => spanJson(span, processIds.get(span.resource)!)).join(',');
  const processes = [...processIds].map(([resource, id]) => `"${id}":${processJson(resource)}`).join(',');
  return `{"traceID":"${spans[0]!.traceId}","spans":[${spanTexts}],"processes":{${processes}},"warnings":null}`;
}

function spanJson(span: Span, processId: string): string {
  const { traceId, parentSpanId } = span;
  const parent =
    parentSpanId === undefined ? [] : [`{"refType":"CHILD_OF","traceID":"${traceId}","spanID":"${parentSpanId}"}`];
  const link =
    span.link === undefined
      ? []
      : [`{"refType":"FOLLOWS_FROM","traceID":"${span.link.traceId}","spanID":"${span.link.spanId}"}`];
  const logs = span.event === undefined ? '' : logJson(span.event);
  return (
    `{"traceID":"${traceId}","spanID":"${span.spanId}","operationName":${JSON.stringify(span.name)}` +
    `,"references":[${[...parent, ...link].join(',')}]` +
    `,"startTime":${micros(span.startTimeUnixNano)},"duration":${micros(span.endTimeUnixNano - span.startTimeUnixNano)}` +
    `,"tags":${tagsJson([...span.attributes, ...carriedTags(span)])},"logs":[${logs}]` +
    `,"processID":"${processId}","warnings":null}`
  );
}

/** What OTLP has fields for and Jaeger tags. */
function carriedTags({ kind, status, statusMessage, scope }: Span): Attribute[] {
  const tags: Attribute[] = [['span.kind', KIND_WORDS[kind]!]];
  if (status === Status.error) tags.push(['error', true], ['otel.status_code', 'ERROR']);
  if (status === Status.ok) tags.push(['otel.status_code', 'OK']);
  if (statusMessage !== '') tags.push(['otel.status_description', statusMessage]);
  tags.push(['otel.scope.name', scope.name]);
  if (scope.version !== '') tags.push(['otel.scope.version', scope.version]);
  return tags;
}

function logJson({ timeUnixNano, name, attributes }: SpanEvent): string {
  return `{"timestamp":${micros(timeUnixNano)},"fields":${tagsJson([['event', name], ...attributes])}}`;
}

function processJson({ service, attributes }: Resource): string {
  const tags = attributes.filter(([key]) => key !== 'service.name');
  return `{"serviceName":"${service.name}","tags":${tagsJson(tags)}}`;
}

function tagsJson(attributes: readonly Attribute[]): string {
  return `[${attributes.map(tagJson).join(',')}]`;
}

function tagJson([key, value]: Attribute): string {
  switch (typeof value) {
    case 'string':
      return `{"key":"${key}","type":"string","value":${JSON.stringify(value)}}`;
    case 'boolean':
      return `{"key":"${key}","type":"bool","value":${value}}`;
    case 'bigint':
      return `{"key":"${key}","type":"int64","value":${value}}`;
    case 'number':
      return `{"key":"${key}","type":"float64","value":${value}}`;
  }
}

function micros(nanos: bigint): bigint {
  return nanos / 1000n;
}
