import type { Definitions, SpanBatch } from '../../src/model/span-batch.ts';
import type { LoadResult } from '../../src/store/loader.ts';
import type { Store } from '../../src/store/store.ts';

// Spans as batches of columns, for tests of more spans than one would write as text.

/** A span by small numbers: ids, nanoseconds, and indices in the definitions of its producer. */
export interface PlainSpan {
  readonly trace: number;
  readonly span: number;
  /** 0 for none. */
  readonly parent?: number;
  readonly start?: number;
  readonly duration?: number;
  readonly operation?: number;
  readonly resource?: number;
  readonly status?: number;
  /** Index in `names` of an event that it has. */
  readonly event?: number | undefined;
}

/** One service `web`, one operation `get`, no status. */
export const PLAIN: Definitions = {
  names: ['web', 'get'],
  keys: [],
  operations: [{ serviceName: 0, name: 1, kind: 2, scope: 0, flags: 0, quirks: 0 }],
  resources: [{ serviceName: 0, attributes: [] }],
  scopes: [{ name: '', version: '', attributes: [] }],
  statuses: [{ code: 0, message: '' }],
};

const BATCH_SPANS = 4096;
const NO_DEFINITIONS: Definitions = { names: [], keys: [], operations: [], resources: [], scopes: [], statuses: [] };

/** Loads `count` spans as one source of a producer of their own. */
export async function loadPlain(
  store: Store,
  count: number,
  spanAt: (index: number) => PlainSpan,
  definitions: Definitions = PLAIN,
): Promise<LoadResult> {
  const loader = await store.loader();
  const producer = loader.newProducer();
  await loader.begin();
  for (let from = 0; from < count; from += BATCH_SPANS) {
    const spans = Array.from({ length: Math.min(BATCH_SPANS, count - from) }, (_, index) => spanAt(from + index));
    loader.add(batchOf(producer, spans, from === 0 ? definitions : NO_DEFINITIONS, loader.nextAttributeId));
  }
  const source = { source: 'plain', format: 'plain', documents: 1, bytes: 0, contentBytes: 0 };
  return loader.finish({ ...source, skipped: [], repaired: [], fault: undefined });
}

function batchOf(producer: number, spans: readonly PlainSpan[], definitions: Definitions, firstId: number): SpanBatch {
  /** A column of words, of which each span has its number in the first one and `high` in the second one. */
  const words = (perSpan: number, numberOf: (span: PlainSpan) => number, high = 0) => {
    const column = new Uint32Array(spans.length * perSpan);
    for (const [row, span] of spans.entries()) {
      if (perSpan > 1) column[row * perSpan + 1] = high;
      column[row * perSpan] = numberOf(span);
    }
    return column;
  };
  const events = spans.flatMap(({ event, start = 0 }, span) => (event === undefined ? [] : [{ span, event, start }]));
  const none = new Uint32Array(0);
  return {
    producer,
    definitions,
    values: { count: 0, firstId, key: none, type: new Uint8Array(0), textEnd: none, text: new Uint8Array(0) },
    spans: {
      count: spans.length,
      traceId: words(4, ({ trace }) => trace),
      spanId: words(2, ({ span }) => span),
      parentId: words(2, ({ parent = 0 }) => parent),
      start: words(2, ({ start = 0 }) => start, 1),
      duration: words(2, ({ duration = 0 }) => duration),
      operation: words(1, ({ operation = 0 }) => operation),
      resource: words(1, ({ resource = 0 }) => resource),
      status: words(1, ({ status = 0 }) => status),
      attributeEnd: new Uint32Array(spans.length),
      attributes: none,
    },
    events: {
      count: events.length,
      span: Uint32Array.from(events, ({ span }) => span),
      time: Uint32Array.from(events.flatMap(({ start }) => [start, 1])),
      name: Uint32Array.from(events, ({ event }) => event),
      attributeEnd: new Uint32Array(events.length),
      attributes: none,
    },
    links: { count: 0, span: none, traceId: none, spanId: none, attributeEnd: none, attributes: none },
  };
}
