import { type AttributeValue, displayValue } from './attributes.ts';

// Fields of OTLP's Span that have no column of their own. They travel as attributes, under the names that the
// specification gives them in formats that have no such field, and are fields again wherever a span is shown.
// https://opentelemetry.io/docs/specs/otel/common/mapping-to-non-otlp/

export const CARRIED_FIELDS = {
  traceState: 'w3c.tracestate',
  droppedAttributesCount: 'otel.dropped_attributes_count',
  droppedEventsCount: 'otel.dropped_events_count',
  droppedLinksCount: 'otel.dropped_links_count',
} as const;

/** The `service.name` of a resource that does not say it. https://opentelemetry.io/docs/specs/semconv/resource/#service */
export const UNKNOWN_SERVICE = 'unknown_service';

/** Returns the service that a resource names, `unknown_service` where it names none. */
export function serviceNameOf(attributes: ReadonlyMap<string, AttributeValue>): string {
  const name = attributes.get('service.name');
  return name === undefined || name === null || name === '' ? UNKNOWN_SERVICE : displayValue(name);
}
