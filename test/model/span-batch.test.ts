import { expect, test } from 'vitest';
import { buffersOf, type SpanBatch } from '../../src/model/span-batch.ts';

test('the buffers of a batch are those of all its columns, each once', () => {
  const words = () => new Uint32Array(2);
  const parts = () => ({ count: 0, span: words(), attributeEnd: words(), attributes: words() });
  const batch: SpanBatch = {
    producer: 0,
    definitions: { names: ['a'], keys: [], operations: [], resources: [], scopes: [], statuses: [] },
    values: { count: 0, firstId: 1, key: words(), type: new Uint8Array(2), textEnd: words(), text: new Uint8Array(2) },
    spans: {
      count: 0,
      traceId: words(),
      spanId: words(),
      parentId: words(),
      start: words(),
      duration: words(),
      operation: words(),
      resource: words(),
      status: words(),
      attributeEnd: words(),
      attributes: words(),
    },
    events: { ...parts(), time: words(), name: words() },
    links: { ...parts(), traceId: words(), spanId: words() },
  };
  const columns = [batch.values, batch.spans, batch.events, batch.links].flatMap(part =>
    Object.values(part).filter(column => typeof column !== 'number'),
  );
  expect(new Set(buffersOf(batch))).toEqual(new Set(columns.map(column => column.buffer)));
  expect(buffersOf(batch)).toHaveLength(columns.length);
  const moved = structuredClone(batch, { transfer: buffersOf(batch) });
  expect(moved.spans.traceId).toHaveLength(2);
  expect(batch.spans.traceId).toHaveLength(0);
});
