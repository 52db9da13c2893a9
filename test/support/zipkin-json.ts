import { type Attributes, displayValue } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';

// Spans as Zipkin's API v2 writes them (https://zipkin.io/zipkin-api/#/default/post_spans), with what OpenTelemetry's exporters add;
// made apart from the decoder, as otlp-json.ts is.

/** Returns a line with an array of the spans. */
export function zipkinJson(spans: readonly Span[]): string {
  return `${JSON.stringify(spans.map(spanJson))}\n`;
}

function spanJson(span: Span): object {
  const { code, message } = span.status;
  const kind = span.kind === 'unspecified' || span.kind === 'internal' ? {} : { kind: span.kind.toUpperCase() };
  return {
    traceId: span.traceId,
    ...(span.parentSpanId === undefined ? {} : { parentId: span.parentSpanId }),
    id: span.spanId,
    ...kind,
    name: span.name,
    timestamp: micros(span.startTimeUnixNano),
    ...(span.durationNano === 0n ? {} : { duration: micros(span.durationNano) }),
    localEndpoint: { serviceName: span.serviceName, ipv4: '10.0.0.1', port: 8080 },
    annotations: span.events.map(event => ({
      timestamp: micros(event.timeUnixNano),
      value: Object.keys(event.attributes).length === 0 ? event.name : encoded(event.name, event.attributes),
    })),
    tags: {
      ...textsOf(span.attributes),
      'service.version': '1.2.0',
      'telemetry.sdk.name': span.scope.name,
      ...(code === 'unset' ? {} : { 'otel.status_code': code.toUpperCase() }),
      ...(code === 'error' ? { error: message } : {}),
      'otel.scope.name': span.scope.name,
    },
    ...(span.flags === 0 ? {} : { debug: true }),
  };
}

function micros(nanos: bigint): number {
  return Number(nanos / 1000n);
}

function encoded(name: string, attributes: Attributes): string {
  return JSON.stringify({ [name]: textsOf(attributes) });
}

function textsOf(attributes: Attributes): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, displayValue(value)]));
}
