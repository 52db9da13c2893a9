import { type Attributes, type AttributeValue, displayValue } from '../../src/model/attributes.ts';
import type { Span, SpanLink } from '../../src/model/span.ts';

// Spans as Jaeger's query API writes them (https://github.com/jaegertracing/jaeger/blob/main/internal/uimodel/model.go); made apart
// from the decoder, as otlp-json.ts is.

/** Returns a line with one trace of the given spans, which are of one trace. */
export function jaegerJson(spans: readonly Span[]): string {
  const services = [...new Set(spans.map(({ serviceName }) => serviceName))];
  const trace = {
    traceID: spans[0]?.traceId ?? '1',
    spans: spans.map(span => spanJson(span, `p${services.indexOf(span.serviceName) + 1}`)),
    processes: Object.fromEntries(
      services.map((serviceName, index) => [`p${index + 1}`, { serviceName, tags: [stringTag('ip', '10.0.0.1')] }]),
    ),
    warnings: null,
  };
  return `${JSON.stringify({ data: [trace], total: 0, limit: 0, offset: 0, errors: null })}\n`;
}

function spanJson(span: Span, processID: string): object {
  const { code, message } = span.status;
  return {
    traceID: span.traceId,
    spanID: span.spanId,
    flags: span.flags & 1,
    operationName: span.name,
    references: [
      ...(span.parentSpanId === undefined
        ? []
        : [{ refType: 'CHILD_OF', traceID: span.traceId, spanID: span.parentSpanId }]),
      ...span.links.map(({ traceId, spanId }: SpanLink) => ({
        refType: 'FOLLOWS_FROM',
        traceID: traceId,
        spanID: spanId,
      })),
    ],
    startTime: micros(span.startTimeUnixNano),
    duration: micros(span.durationNano),
    tags: [
      ...tagsOf(span.attributes),
      ...(span.kind === 'unspecified' ? [] : [stringTag('span.kind', span.kind)]),
      ...(code === 'error' ? [{ key: 'error', type: 'bool', value: true }] : []),
      ...(code === 'unset' ? [] : [stringTag('otel.status_code', code.toUpperCase())]),
      ...(message === '' ? [] : [stringTag('otel.status_description', message)]),
      ...(span.scope.name === '' ? [] : [stringTag('otel.scope.name', span.scope.name)]),
    ],
    logs: span.events.map(event => ({
      timestamp: micros(event.timeUnixNano),
      fields: [stringTag('event', event.name), ...tagsOf(event.attributes)],
    })),
    processID,
    warnings: null,
  };
}

function micros(nanos: bigint): number {
  return Number(nanos / 1000n);
}

function tagsOf(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => tagOf(key, value));
}

function tagOf(key: string, value: AttributeValue): object {
  switch (typeof value) {
    case 'boolean':
      return { key, type: 'bool', value };
    case 'bigint':
      return { key, type: 'int64', value: Number.isSafeInteger(Number(value)) ? Number(value) : String(value) };
    case 'number':
      return { key, type: 'float64', value: Number.isFinite(value) ? value : String(value) };
    default:
      if (value instanceof Uint8Array) return { key, type: 'binary', value: Buffer.from(value).toString('base64') };
      return stringTag(key, displayValue(value));
  }
}

function stringTag(key: string, value: string): object {
  return { key, type: 'string', value };
}
