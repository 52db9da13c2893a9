import { type Attributes, jsonOfValue } from '../model/attributes.ts';
import { endOf, type Span } from '../model/span.ts';
import type { Field } from '../report/report.ts';

// A span as JSON, the same in every command: OTLP's names, 64-bit integers as bigint (written as strings).

/** What only the place of a span in its trace tells. */
export interface SpanPlace {
  readonly selfNano: bigint;
  readonly criticalPathNano: bigint;
  readonly depth: number;
  readonly orphan: boolean;
}

/** Returns a span as JSON; with its place where the trace around it is known. */
export function spanJson(span: Span, place?: SpanPlace): Record<string, unknown> {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: span.kind,
    serviceName: span.serviceName,
    startTimeUnixNano: span.startTimeUnixNano,
    endTimeUnixNano: endOf(span),
    durationNano: span.durationNano,
    durationMs: Number(span.durationNano) / 1e6,
    ...place,
    status: { code: span.status.code, ...(span.status.message === '' ? {} : { message: span.status.message }) },
    attributes: attributesJson(span.attributes),
    resource: attributesJson(span.resource),
    scope: {
      ...(span.scope.name === '' ? {} : { name: span.scope.name }),
      ...(span.scope.version === '' ? {} : { version: span.scope.version }),
      ...(Object.keys(span.scope.attributes).length === 0 ? {} : { attributes: attributesJson(span.scope.attributes) }),
    },
    events: span.events.map(event => ({
      timeUnixNano: event.timeUnixNano,
      name: event.name,
      attributes: attributesJson(event.attributes),
    })),
    links: span.links.map(link => ({
      traceId: link.traceId,
      spanId: link.spanId,
      attributes: attributesJson(link.attributes),
    })),
    ...(span.flags === 0 ? {} : { flags: span.flags }),
    ...(span.traceState === undefined ? {} : { traceState: span.traceState }),
    ...(span.droppedAttributesCount === 0 ? {} : { droppedAttributesCount: span.droppedAttributesCount }),
    ...(span.droppedEventsCount === 0 ? {} : { droppedEventsCount: span.droppedEventsCount }),
    ...(span.droppedLinksCount === 0 ? {} : { droppedLinksCount: span.droppedLinksCount }),
  };
}

function attributesJson(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, jsonOfValue(value)]));
}

/** The fields of a span in tables. */
export function spanFields(hasPlace = false): Field[] {
  const place: Field[] = [
    { name: 'selfNano', type: 'duration', title: 'self' },
    { name: 'criticalPathNano', type: 'duration', title: 'on path' },
    { name: 'depth', type: 'integer' },
    { name: 'orphan', type: 'flag' },
  ];
  return [
    { name: 'traceId', type: 'id', title: 'trace' },
    { name: 'spanId', type: 'id', title: 'span' },
    { name: 'parentSpanId', type: 'id', title: 'parent' },
    { name: 'startTimeUnixNano', type: 'time', title: 'start' },
    { name: 'durationNano', type: 'duration', title: 'duration' },
    ...(hasPlace ? place : []),
    { name: 'serviceName', type: 'text', title: 'service' },
    { name: 'name', type: 'text' },
    { name: 'kind', type: 'text' },
    { name: 'status.code', type: 'text', title: 'status' },
    { name: 'status.message', type: 'text', title: 'message', isExtra: true },
    { name: 'endTimeUnixNano', type: 'time', title: 'end', isExtra: true },
    { name: 'durationMs', type: 'millis', isExtra: true },
    { name: 'status', type: 'object', isExtra: true },
    { name: 'attributes', type: 'object', isExtra: true },
    { name: 'resource', type: 'object', isExtra: true },
    { name: 'scope', type: 'object', isExtra: true },
    { name: 'events', type: 'object', isExtra: true },
    { name: 'links', type: 'object', isExtra: true },
  ];
}
