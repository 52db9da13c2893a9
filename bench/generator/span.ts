// The generated spans as the writers see them. Deliberately not the product's own types: a change there must not change
// the data that its speed is measured on.

/** An int64 is a `bigint`, a double a `number`. */
export type AttributeValue = string | boolean | bigint | number;

/** A key and its value; keys need no escaping in JSON. */
export type Attribute = readonly [key: string, value: AttributeValue];

export interface Service {
  readonly name: string;
  readonly language: string;
  /** Its place in the list of services; ports and addresses are made from it. */
  readonly number: number;
}

/** One running instance of a service. `service.name` is its first attribute. */
export interface Resource {
  readonly service: Service;
  readonly attributes: readonly Attribute[];
}

/** An instrumentation library. There is one object for each, so scopes are compared by identity. */
export interface Scope {
  readonly name: string;
  /** Empty where the library states none. */
  readonly version: string;
}

/** Kinds by their OTLP number. */
export const Kind = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Status codes by their OTLP number. */
export const Status = { unset: 0, ok: 1, error: 2 } as const;
export type Status = (typeof Status)[keyof typeof Status];

export interface SpanEvent {
  readonly timeUnixNano: bigint;
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Span {
  /** Ids are lowercase hex. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** W3C trace flags, and in bits 8 and 9 what OTLP says of the parent being remote. */
  readonly flags: number;
  readonly name: string;
  readonly kind: Kind;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly attributes: readonly Attribute[];
  readonly event: SpanEvent | undefined;
  readonly link: SpanLink | undefined;
  readonly status: Status;
  /** Empty where there is none. */
  readonly statusMessage: string;
  readonly resource: Resource;
  readonly scope: Scope;
}
