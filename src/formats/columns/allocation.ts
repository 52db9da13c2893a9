import type { Definitions, EventColumns, LinkColumns, SpanColumns, ValueColumns } from '../../model/span-batch.ts';

// Columns of a batch: made, and made larger. Those that cross to another thread lie in memory that both share. Memory that is handed over
// instead is accounted for by each thread anew, which has both collect garbage all the time.

function newWords(length: number, isShared: boolean): Uint32Array {
  return isShared ? new Uint32Array(new SharedArrayBuffer(length * 4)) : new Uint32Array(length);
}

function newBytes(length: number, isShared: boolean): Uint8Array {
  return isShared ? new Uint8Array(new SharedArrayBuffer(length)) : new Uint8Array(length);
}

export function emptyDefinitions(): Definitions {
  return { names: [], keys: [], operations: [], resources: [], scopes: [], statuses: [] };
}

export function newSpans(isShared: boolean, rows: number, attributes = rows * 8): SpanColumns {
  return emptySpans({
    traceId: newWords(rows * 4, isShared),
    spanId: newWords(rows * 2, isShared),
    parentId: newWords(rows * 2, isShared),
    start: newWords(rows * 2, isShared),
    duration: newWords(rows * 2, isShared),
    operation: newWords(rows, isShared),
    resource: newWords(rows, isShared),
    status: newWords(rows, isShared),
    attributeEnd: newWords(rows, isShared),
    attributes: newWords(attributes, isShared),
  });
}

export function newEvents(isShared: boolean, rows: number): EventColumns {
  return emptyEvents({
    span: newWords(rows, isShared),
    time: newWords(rows * 2, isShared),
    name: newWords(rows, isShared),
    attributeEnd: newWords(rows, isShared),
    attributes: newWords(rows * 2, isShared),
  });
}

export function newLinks(isShared: boolean, rows: number): LinkColumns {
  return emptyLinks({
    span: newWords(rows, isShared),
    traceId: newWords(rows * 4, isShared),
    spanId: newWords(rows * 2, isShared),
    attributeEnd: newWords(rows, isShared),
    attributes: newWords(rows * 2, isShared),
  });
}

export function newValues(isShared: boolean, rows: number, firstId: number, text = rows * 32): ValueColumns {
  return emptyValues(
    {
      key: newWords(rows, isShared),
      type: newBytes(rows, isShared),
      textEnd: newWords(rows, isShared),
      text: newBytes(text, isShared),
    },
    firstId,
  );
}

// Columns that are new and columns that came back are put together in one place each, so that the hot code that writes
// them sees objects of one hidden class.

export function emptySpans(columns: Omit<SpanColumns, 'count'>): SpanColumns {
  const { traceId, spanId, parentId, start, duration, operation, resource, status, attributeEnd, attributes } = columns;
  return {
    count: 0,
    traceId,
    spanId,
    parentId,
    start,
    duration,
    operation,
    resource,
    status,
    attributeEnd,
    attributes,
  };
}

export function emptyEvents({ span, time, name, attributeEnd, attributes }: Omit<EventColumns, 'count'>): EventColumns {
  return { count: 0, span, time, name, attributeEnd, attributes };
}

export function emptyLinks({
  span,
  traceId,
  spanId,
  attributeEnd,
  attributes,
}: Omit<LinkColumns, 'count'>): LinkColumns {
  return { count: 0, span, traceId, spanId, attributeEnd, attributes };
}

export function emptyValues(
  { key, type, textEnd, text }: Omit<ValueColumns, 'count' | 'firstId'>,
  firstId: number,
): ValueColumns {
  return { count: 0, firstId, key, type, textEnd, text };
}

type Column = Uint32Array | Uint8Array;

export function resized<T extends Column>(column: T, size: number): T;
export function resized(column: Column, size: number): Column {
  const isShared = column.buffer instanceof SharedArrayBuffer;
  const larger = column instanceof Uint8Array ? newBytes(size, isShared) : newWords(size, isShared);
  larger.set(column);
  return larger;
}

/** The column with room for `least` elements, and twice what it had. */
export function grown<T extends Column>(column: T, least: number): T {
  return resized(column, Math.max(column.length * 2, least));
}

export function growSpans(columns: SpanColumns): void {
  columns.traceId = grown(columns.traceId, 4);
  columns.spanId = grown(columns.spanId, 2);
  columns.parentId = grown(columns.parentId, 2);
  columns.start = grown(columns.start, 2);
  columns.duration = grown(columns.duration, 2);
  columns.operation = grown(columns.operation, 1);
  columns.resource = grown(columns.resource, 1);
  columns.status = grown(columns.status, 1);
  columns.attributeEnd = grown(columns.attributeEnd, 1);
}

export function growEvents(columns: EventColumns): void {
  columns.span = grown(columns.span, 1);
  columns.time = grown(columns.time, 2);
  columns.name = grown(columns.name, 1);
  columns.attributeEnd = grown(columns.attributeEnd, 1);
}

export function growLinks(columns: LinkColumns): void {
  columns.span = grown(columns.span, 1);
  columns.traceId = grown(columns.traceId, 4);
  columns.spanId = grown(columns.spanId, 2);
  columns.attributeEnd = grown(columns.attributeEnd, 1);
}

export function growValues(columns: ValueColumns): void {
  columns.key = grown(columns.key, 1);
  columns.type = grown(columns.type, 1);
  columns.textEnd = grown(columns.textEnd, 1);
}
