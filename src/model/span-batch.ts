// Spans as columns: what decoders fill, what crosses from the decode thread to the thread that owns the database, and
// what the store appends. No object exists per span. All 64-bit columns are pairs of 32-bit words, low word first.
//
// Repeated things are dictionary ids. Ids are counted by the producer of the batches (one `producer` number a decoder);
// a definition arrives in the batch that first uses it, or in an earlier one. The same content may be defined more than
// once: dictionaries are bounded caches, so equal ids mean equal content, but unequal ids do not mean unequal content.

/** A span name, kind, service, scope and flags: what spans of one operation share. */
export interface OperationDefinition {
  /** Index in `names`. */
  readonly serviceName: number;
  /** Index in `names`. */
  readonly name: number;
  readonly kind: number;
  /** Index in `scopes`. */
  readonly scope: number;
  /** OTLP span flags: bits 0-7 W3C trace flags, 0x100 "remote is known", 0x200 "parent is remote". */
  readonly flags: number;
  /** Bits of `Quirk`. */
  readonly quirks: number;
}

/** What the source did not say, or said in its own way, and assembly must know. */
export const Quirk = {
  /** The server half of a Zipkin shared span: its id was derived from the client half's (see `SHARED_SPAN_MASK`). */
  shared: 1,
  /** The start time was not recorded; assembly takes it from the parent. */
  startUnknown: 2,
  /** The end time was not recorded (an unfinished span); the duration is 0. */
  endUnknown: 4,
  /** The span names its parent as Zipkin does: by an id that a client and a server half may share. */
  sharedParent: 8,
} as const;

/**
 * The low and high word by which the id of a shared server half differs from its client half's. Exclusive or, so that
 * either can be had from the other.
 */
export const SHARED_SPAN_MASK = { low: 0x7365_7276, high: 0x6861_6c66 } as const;

export interface ResourceDefinition {
  /** Index in `names`: the value of `service.name`, or of what the format has in its place. */
  readonly serviceName: number;
  /** Ids of the resource's attributes. */
  readonly attributes: readonly number[];
}

export interface ScopeDefinition {
  readonly name: string;
  readonly version: string;
  readonly attributes: readonly number[];
}

export interface StatusDefinition {
  readonly code: number;
  readonly message: string;
}

/** Definitions new in a batch; the id of each is its position in the concatenation over all batches of the producer. */
export interface Definitions {
  names: string[];
  keys: string[];
  operations: OperationDefinition[];
  resources: ResourceDefinition[];
  scopes: ScopeDefinition[];
  statuses: StatusDefinition[];
}

/** Attribute values new in a batch; row `i` has id `firstId + i`. */
export interface ValueColumns {
  count: number;
  firstId: number;
  /** Index in `keys`. */
  key: Uint32Array;
  /** `ValueType`. */
  type: Uint8Array;
  /** End of the row's text in `text`; it begins where the row before ended. */
  textEnd: Uint32Array;
  /** Valid UTF-8. */
  text: Uint8Array;
}

export interface SpanColumns {
  count: number;
  /** 4 words a row. */
  traceId: Uint32Array;
  /** 2 words a row. */
  spanId: Uint32Array;
  /** 2 words a row; zero where the span has no parent. */
  parentId: Uint32Array;
  /** 2 words a row: nanoseconds since the epoch. */
  start: Uint32Array;
  /** 2 words a row: nanoseconds, not negative. */
  duration: Uint32Array;
  operation: Uint32Array;
  resource: Uint32Array;
  status: Uint32Array;
  /** End of the row's ids in `attributes`. */
  attributeEnd: Uint32Array;
  attributes: Uint32Array;
}

export interface EventColumns {
  count: number;
  /** Row of the span in the batch; ascending. */
  span: Uint32Array;
  time: Uint32Array;
  /** Index in `names`. */
  name: Uint32Array;
  attributeEnd: Uint32Array;
  attributes: Uint32Array;
}

export interface LinkColumns {
  count: number;
  /** Row of the span in the batch; ascending. */
  span: Uint32Array;
  traceId: Uint32Array;
  spanId: Uint32Array;
  attributeEnd: Uint32Array;
  attributes: Uint32Array;
}

export interface SpanBatch {
  readonly producer: number;
  readonly definitions: Definitions;
  readonly values: ValueColumns;
  readonly spans: SpanColumns;
  readonly events: EventColumns;
  readonly links: LinkColumns;
}

/** The buffers of a batch, to be handed to another thread without a copy. */
export function buffersOf(batch: SpanBatch): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const columns of [batch.values, batch.spans, batch.events, batch.links]) {
    for (const column of Object.values(columns)) {
      if (ArrayBuffer.isView(column) && column.buffer instanceof ArrayBuffer) buffers.push(column.buffer);
    }
  }
  return buffers;
}
