import type { Attributes } from './attributes.ts';
import type { SpanKind, StatusCode } from './status.ts';

/** One span in OpenTelemetry's terms. Ids are lowercase hex of full length; times are nanoseconds since the epoch. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Absent for a root. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly serviceName: string;
  readonly startTimeUnixNano: bigint;
  readonly durationNano: bigint;
  readonly status: { readonly code: StatusCode; readonly message: string };
  readonly attributes: Attributes;
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string; readonly attributes: Attributes };
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  /** OTLP flags: bits 0-7 are the W3C trace flags. */
  readonly flags: number;
  readonly traceState: string | undefined;
  readonly droppedAttributesCount: number;
  readonly droppedEventsCount: number;
  readonly droppedLinksCount: number;
  /** What the source did not record, or recorded in its own way: bits of `Quirk`. */
  readonly quirks: number;
}

export interface SpanEvent {
  readonly timeUnixNano: bigint;
  readonly name: string;
  readonly attributes: Attributes;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

/** Returns the end of a span. */
export function endOf(span: Span): bigint {
  return span.startTimeUnixNano + span.durationNano;
}
