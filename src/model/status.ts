// Span kind and status in OpenTelemetry's words.
// https://opentelemetry.io/docs/specs/otel/trace/api/#spankind and #set-status

/** Kinds by their OTLP number. */
export const SPAN_KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
export type SpanKind = (typeof SPAN_KINDS)[number];

/** Status codes by their OTLP number. */
export const STATUS_CODES = ['unset', 'ok', 'error'] as const;
export type StatusCode = (typeof STATUS_CODES)[number];

export const Kind = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export const Status = { unset: 0, ok: 1, error: 2 } as const;

/** Returns the word for an OTLP kind number; `unspecified` for numbers OTLP does not know. */
export function kindWord(kind: number): SpanKind {
  return SPAN_KINDS[kind] ?? 'unspecified';
}

/** Returns the word for an OTLP status number; `unset` for numbers OTLP does not know. */
export function statusWord(code: number): StatusCode {
  return STATUS_CODES[code] ?? 'unset';
}

/** Returns the OTLP number of a kind word in any case; -1 for what is none. */
export function kindOfWord(word: string): number {
  const words: readonly string[] = SPAN_KINDS;
  return words.indexOf(word.toLowerCase());
}
