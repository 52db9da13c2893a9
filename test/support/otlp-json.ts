import type { Attributes, AttributeValue } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';
import { Kind, Status } from '../../src/model/status.ts';

// Spans as an OTLP JSON line, after https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding; made apart from
// the decoder, so that what one gets wrong the other does not.

/** Returns a traces request in one line, a ResourceSpans a span, in the order of the spans. */
export function otlpJson(spans: readonly Span[]): string {
  const resourceSpans = spans.map(span => ({
    resource: { attributes: keyValues(span.resource) },
    scopeSpans: [{ scope: { ...span.scope, attributes: keyValues(span.scope.attributes) }, spans: [spanJson(span)] }],
  }));
  return `${JSON.stringify({ resourceSpans })}\n`;
}

function spanJson(span: Span): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    ...(span.traceState === undefined ? {} : { traceState: span.traceState }),
    flags: span.flags,
    name: span.name,
    kind: Kind[span.kind],
    startTimeUnixNano: String(span.startTimeUnixNano),
    endTimeUnixNano: String(span.startTimeUnixNano + span.durationNano),
    attributes: keyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount,
    events: span.events.map(event => ({
      timeUnixNano: String(event.timeUnixNano),
      name: event.name,
      attributes: keyValues(event.attributes),
    })),
    droppedEventsCount: span.droppedEventsCount,
    links: span.links.map(link => ({
      traceId: link.traceId,
      spanId: link.spanId,
      attributes: keyValues(link.attributes),
    })),
    droppedLinksCount: span.droppedLinksCount,
    status: { code: Status[span.status.code], message: span.status.message },
  };
}

function keyValues(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: AttributeValue): object {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'bigint':
      return { intValue: String(value) };
    case 'number':
      // JSON.stringify writes -0 as 0.
      return { doubleValue: Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value) };
    default:
      if (value === null) return {};
      if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') };
      if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
      return { kvlistValue: { values: keyValues(value as Attributes) } };
  }
}
