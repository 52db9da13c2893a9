import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Kind } from '../../src/model/status.ts';
import { readSpans } from '../../src/store/read-trace.ts';
import { readOperations, scanTraces } from '../../src/store/scan-traces.ts';
import type { Store } from '../../src/store/store.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { draw } from '../support/drawn-trace.ts';
import { openStore, storeOf } from '../support/load.ts';
import { loadPlain } from './batches.ts';

interface Scanned {
  readonly traceId: bigint;
  readonly baseNano: bigint;
  readonly spans: readonly object[];
}

async function scanned({ database }: Store, where = 'true'): Promise<Scanned[]> {
  const operations = await readOperations(database);
  const traces: Scanned[] = [];
  await scanTraces(database, operations, where, trace => {
    traces.push({
      traceId: trace.traceId,
      baseNano: trace.baseNano,
      spans: Array.from({ length: trace.count }, (_, span) => ({
        spanNo: trace.spanNo[span],
        spanId: (BigInt(trace.spanId[span * 2 + 1]!) << 32n) | BigInt(trace.spanId[span * 2]!),
        start: trace.baseNano + BigInt(trace.start[span]!),
        duration: BigInt(trace.duration[span]!),
        self: BigInt(trace.self[span]!),
        depth: trace.depth[span],
        kind: trace.kind[span],
        failed: trace.failed[span],
        isRoot: trace.isRoot[span],
        operation: operations[trace.operation[span]!],
      })),
    });
  });
  return traces;
}

test('a scan gives each trace once, with all its spans in display order', async () => {
  const traces = fc
    .array(traceSpans({ maxSpans: 12 }), { minLength: 1, maxLength: 4 })
    .map(several => [...new Map(several.map(spans => [spans[0]!.traceId, spans])).values()]);
  await fc.assert(
    fc.asyncProperty(traces, async several => {
      const store = await storeOf(several.flat());
      const found = await scanned(store);
      const spans = await readSpans(store.database, 'TRUE');
      const rows = await store.database.rows('SELECT span_no, self_ns, depth, parentage FROM span ORDER BY span_no');
      expect(found.flatMap(trace => trace.spans)).toEqual(
        spans.map((span, index) => ({
          spanNo: Number(rows[index]!.span_no),
          spanId: BigInt(`0x${span.spanId}`),
          start: span.startTimeUnixNano,
          duration: span.durationNano,
          self: rows[index]!.self_ns,
          depth: rows[index]!.depth,
          kind: Kind[span.kind],
          failed: span.status.code === 'error' ? 1 : 0,
          isRoot: rows[index]!.parentage === 1 ? 1 : 0,
          operation: { serviceName: span.serviceName, name: span.name, kind: Kind[span.kind] },
        })),
      );
      expect(found.map(({ traceId }) => traceId)).toEqual([...new Set(spans.map(span => BigInt(`0x${span.traceId}`)))]);
    }),
    { numRuns: 20 },
  );
});

test('a scan is of the traces that are asked for', async () => {
  const store = await storeOf(
    draw('a | 0-1', { traceId: '1' }),
    draw('a | 0-1', { traceId: '2' }),
    draw('a | 0-1', { traceId: 'f'.repeat(32) }),
  );
  expect((await scanned(store, 'trace_id <> 2')).map(({ traceId }) => traceId)).toEqual([1n, 2n ** 128n - 1n]);
  expect(await scanned(store, 'false')).toEqual([]);
});

test('a scan gives traces that are longer than what DuckDB gives at a time', async () => {
  const store = await openStore();
  const sizes = [3000, 1, 5000];
  const traceOf = (index: number) => (index < 3000 ? 1 : index === 3000 ? 2 : 3);
  await loadPlain(store, 8001, index => ({
    trace: traceOf(index),
    span: index + 1,
    parent: [0, 3000, 3001].includes(index) ? 0 : [1, 0, 3002][traceOf(index) - 1]!,
    start: index,
  }));
  const found = await scanned(store);
  expect(found.map(({ spans }) => spans.length)).toEqual(sizes);
  expect(found.flatMap(({ spans }) => spans.map(span => Reflect.get(span, 'spanNo')))).toEqual(
    Array.from({ length: 8001 }, (_, index) => index + 1),
  );
});

test('a scan of an empty database gives nothing', async () => {
  expect(await scanned(await openStore())).toEqual([]);
});
