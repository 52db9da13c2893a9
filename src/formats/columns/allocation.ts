import type { Definitions, EventColumns, LinkColumns, SpanColumns, ValueColumns } from '../../model/span-batch.ts';

// Columns of a batch: made, and made larger.

export function emptyDefinitions(): Definitions {
  return { names: [], keys: [], operations: [], resources: [], scopes: [], statuses: [] };
}

export function newSpans(rows: number, attributes = rows * 8): SpanColumns {
  return emptySpans({
    traceId: new Uint32Array(rows * 4),
    spanId: new Uint32Array(rows * 2),
    parentId: new Uint32Array(rows * 2),
    start: new Uint32Array(rows * 2),
    duration: new Uint32Array(rows * 2),
    operation: new Uint32Array(rows),
    resource: new Uint32Array(rows),
    status: new Uint32Array(rows),
    attributeEnd: new Uint32Array(rows),
    attributes: new Uint32Array(attributes),
  });
}

export function newEvents(rows: number): EventColumns {
  return emptyEvents({
    span: new Uint32Array(rows),
    time: new Uint32Array(rows * 2),
    name: new Uint32Array(rows),
    attributeEnd: new Uint32Array(rows),
    attributes: new Uint32Array(rows * 2),
  });
}

export function newLinks(rows: number): LinkColumns {
  return emptyLinks({
    span: new Uint32Array(rows),
    traceId: new Uint32Array(rows * 4),
    spanId: new Uint32Array(rows * 2),
    attributeEnd: new Uint32Array(rows),
    attributes: new Uint32Array(rows * 2),
  });
}

export function newValues(rows: number, firstId: number, text = rows * 32): ValueColumns {
  return emptyValues(
    {
      key: new Uint32Array(rows),
      type: new Uint8Array(rows),
      textEnd: new Uint32Array(rows),
      text: new Uint8Array(text),
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
  const larger = column instanceof Uint8Array ? new Uint8Array(size) : new Uint32Array(size);
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
