// OTLP JSON, one ExportTraceServiceRequest a line, as the Collector's file exporter writes it.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

import { type ExportRequest, type ResourceSpans, SCHEMA_URL, type ScopeSpans } from './requests.ts';
import { type Attribute, type AttributeValue, type Span, type SpanEvent, Status } from './span.ts';

/** Returns the line of a request, newline included. */
export function otlpJsonLine(request: ExportRequest): string {
  return `{"resourceSpans":[${request.map(resourceSpansJson).join(',')}]}\n`;
}

function resourceSpansJson({ resource, scopeSpans }: ResourceSpans): string {
  const scopes = scopeSpans.map(scopeSpansJson).join(',');
  const attributes = attributesJson(resource.attributes);
  return `{"resource":{"attributes":${attributes}},"scopeSpans":[${scopes}],"schemaUrl":"${SCHEMA_URL}"}`;
}

function scopeSpansJson({ scope, spans }: ScopeSpans): string {
  const version = scope.version === '' ? '' : `,"version":"${scope.version}"`;
  return `{"scope":{"name":"${scope.name}"${version}},"spans":[${spans.map(spanJson).join(',')}]}`;
}

function spanJson(span: Span): string {
  const events = span.event === undefined ? '' : `,"events":[${eventJson(span.event)}]`;
  const { link } = span;
  const links = link === undefined ? '' : `,"links":[{"traceId":"${link.traceId}","spanId":"${link.spanId}"}]`;
  return (
    `{"traceId":"${span.traceId}","spanId":"${span.spanId}","parentSpanId":"${span.parentSpanId ?? ''}"` +
    `,"flags":${span.flags},"name":${JSON.stringify(span.name)},"kind":${span.kind}` +
    `,"startTimeUnixNano":"${span.startTimeUnixNano}","endTimeUnixNano":"${span.endTimeUnixNano}"` +
    `,"attributes":${attributesJson(span.attributes)}${events}${links},"status":${statusJson(span)}}`
  );
}

function eventJson({ timeUnixNano, name, attributes }: SpanEvent): string {
  return `{"timeUnixNano":"${timeUnixNano}","name":${JSON.stringify(name)},"attributes":${attributesJson(attributes)}}`;
}

function statusJson({ status, statusMessage }: Span): string {
  if (status === Status.unset) return '{}';
  const message = statusMessage === '' ? '' : `"message":${JSON.stringify(statusMessage)},`;
  return `{${message}"code":${status}}`;
}

function attributesJson(attributes: readonly Attribute[]): string {
  return `[${attributes.map(([key, value]) => `{"key":"${key}","value":${valueJson(value)}}`).join(',')}]`;
}

function valueJson(value: AttributeValue): string {
  switch (typeof value) {
    case 'string':
      return `{"stringValue":${JSON.stringify(value)}}`;
    case 'boolean':
      return `{"boolValue":${value}}`;
    case 'bigint':
      return `{"intValue":"${value}"}`;
    case 'number':
      return `{"doubleValue":${value}}`;
  }
}
