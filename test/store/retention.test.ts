import { statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import type { Database } from '../../src/store/database.ts';
import { findTraces } from '../../src/store/find-traces.ts';
import { countPrunable, isPruningDue, prune } from '../../src/store/retention.ts';
import { storageSize, usedBytes } from '../../src/store/storage-size.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { loadDump, openStore, storeOf, temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { loadPlain } from './batches.ts';
import { snapshotOf } from './snapshot.ts';
import { danglingRows, unusedRows } from './soundness.ts';

const MS = 1_000_000n;

/** Traces 1 to `count`, a second apart, each with all that a span can have, and values of its own. */
function traces(count: number, from = 1): Span[] {
  return Array.from({ length: count }, (_, index) => from + index).flatMap(number => [
    ...draw(
      `a | 0-900 | shop | GET / | request=${number}, shared=yes, event: begun-${number} @ 5, resource pod=p${number}
         b | 10-90 | bank${number} | charge ${number} | error: no money ${number}, order=o${number}, bill=${`${number}-`.repeat(40)}`,
      { traceId: number.toString(16), start: DRAWING_START + BigInt(number) * 1000n * MS },
    ),
  ]);
}

const endOf = (number: number) => DRAWING_START + BigInt(number) * 1000n * MS + 900n * MS;

async function traceIds(database: Database): Promise<number[]> {
  const rows = await database.rows('SELECT trace_id FROM trace ORDER BY trace_id');
  return rows.map(row => Number(row.trace_id));
}

describe('what ended before a time', () => {
  test('goes with all that only it has; the rest is as if it had never been', async () => {
    const store = await storeOf(traces(6), traces(6, 4));
    const kept = await storeOf(traces(4, 6));
    const pruned = await prune(store.database, { endedBefore: endOf(6) });
    expect(pruned).toMatchObject({ traces: 5, spans: 10 });
    expect(await snapshotOf(store.database)).toEqual(await snapshotOf(kept.database));
    expect(await unusedRows(store.database)).toEqual({});
    expect(await danglingRows(store.database)).toEqual({});
  });

  test('is told by the end of a trace, which may lie far behind its start; at the time itself it stays', async () => {
    const store = await storeOf(
      draw('a | 0-10\n b | 2-50', { traceId: '1' }),
      draw('a | 0-10', { traceId: '2' }),
      draw('a | 20-40', { traceId: '3' }),
    );
    await prune(store.database, { endedBefore: DRAWING_START + 40n * MS });
    expect(await traceIds(store.database)).toEqual([1, 3]);
    await prune(store.database, { endedBefore: DRAWING_START + 40n * MS + 1n });
    expect(await traceIds(store.database)).toEqual([1]);
  });

  test('is counted beforehand, and nothing is dropped by that', async () => {
    const store = await storeOf(traces(5));
    const before = await snapshotOf(store.database);
    const limits = { endedBefore: endOf(3) };
    expect(await countPrunable(store.database, limits)).toEqual({ traces: 2, spans: 4, endTimeUnixNano: endOf(2) });
    expect(await snapshotOf(store.database)).toEqual(before);
    expect(await prune(store.database, limits)).toMatchObject({ traces: 2, spans: 4 });
    expect(await countPrunable(store.database, limits)).toEqual({ traces: 0, spans: 0, endTimeUnixNano: undefined });
  });

  test('is due when it is a hundredth of the spans', async () => {
    const store = await storeOf(traces(200));
    const isDue = (number: number) => isPruningDue(store.database, { endedBefore: endOf(number) });
    expect([await isDue(1), await isDue(2), await isDue(3)]).toEqual([false, false, true]);
    await prune(store.database, { endedBefore: endOf(3) });
    expect([await isDue(3), await isDue(5)]).toEqual([false, true]);
    expect(await isPruningDue(store.database, {})).toBe(false);
    expect(await isPruningDue((await openStore()).database, { endedBefore: endOf(1) })).toBe(false);
  });

  test('may be everything; what comes then is stored as into a new database', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'all.duckdb');
    const store = await openStore(path);
    await loadDump(store, otlpJson(traces(4)));
    expect(await prune(store.database, { endedBefore: endOf(9) })).toMatchObject({ traces: 4, spans: 8 });
    expect(await unusedRows(store.database)).toEqual({});
    store.close();
    const again = await openStore(path);
    await loadDump(again, otlpJson(traces(4)));
    expect(await snapshotOf(again.database)).toEqual(await snapshotOf((await storeOf(traces(4))).database));
  });

  test('may come again: a dump loaded once more brings back what went, and no duplicate of what stayed', async () => {
    const path = join(temporaryFolder(), 'again.duckdb');
    const store = await openStore(path);
    await loadDump(store, otlpJson(traces(6)));
    await prune(store.database, { endedBefore: endOf(4) });
    store.close();
    const again = await openStore(path);
    const { result } = await loadDump(again, otlpJson(traces(6)));
    expect(result).toMatchObject({ duplicates: 6, spans: 6, traces: 6 });
    expect(await snapshotOf(again.database)).toEqual(await snapshotOf((await storeOf(traces(6))).database));
  });

  test('leaves every trace its services, whichever services are gone', async () => {
    const store = await storeOf(traces(4));
    await prune(store.database, { endedBefore: endOf(3) });
    const found = await findTraces(store.database, {
      where: 'TRUE',
      order: 'start',
      ascending: true,
      limit: undefined,
    });
    expect(found.map(({ services }) => services)).toEqual([
      ['shop', 'bank3'],
      ['shop', 'bank4'],
    ]);
  });

  test('whatever the traces: pruning a database is loading what is left', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(traceSpans({ maxSpans: 8 }), { maxLength: 6 }), fc.nat(5), async (drawn, cut) => {
        const all = drawn.map((spans, index) =>
          spans.map(span => ({ ...span, traceId: (index + 1).toString(16).padStart(32, '0') })),
        );
        const ends = all.map(
          spans =>
            spans
              .map(span => span.startTimeUnixNano + span.durationNano)
              .toSorted((a, b) => Number(a - b))
              .at(-1)!,
        );
        const endedBefore = ends[cut] ?? 0n;
        const store = await storeOf(...all);
        const kept = await storeOf(...all.filter((_, index) => ends[index]! >= endedBefore));
        const { traces: dropped } = await prune(store.database, { endedBefore });
        expect(dropped).toBe(ends.filter(end => end < endedBefore).length);
        expect(await snapshotOf(store.database)).toEqual(await snapshotOf(kept.database));
        // What a decoder defined without using it goes with the first trace.
        if (dropped > 0) expect(await unusedRows(store.database)).toEqual({});
        store.close();
        kept.close();
      }),
      { numRuns: 25 },
    );
  });
});

/** Loads `count` spans, ten a trace, as traces `firstTrace` and following; each ends later than the one before. */
async function flow(store: Awaited<ReturnType<typeof openStore>>, firstTrace: number, count: number): Promise<void> {
  await loadPlain(store, count, index => {
    const trace = firstTrace + Math.floor(index / 10);
    // Numbers that no compression makes smaller.
    const span = Math.imul(trace * 10 + (index % 10) + 1, 2_654_435_761) >>> 0;
    return { trace, span, start: trace * 2000 + (index % 10), duration: (Math.imul(span, 40_503) >>> 0) % 1000 };
  });
}

describe('a limit of the size', { timeout: 60_000 }, () => {
  test('drops the oldest traces, whole, until the file is as small; then nothing more', async () => {
    const path = join(temporaryFolder(), 'size.duckdb');
    const store = await openStore(path);
    await flow(store, 1, 300_000);
    await (await store.loader()).checkpoint();
    const maxBytes = Math.floor(statSync(path).size * 0.95);
    expect(await isPruningDue(store.database, { maxBytes })).toBe(true);
    const pruned = await prune(store.database, { maxBytes });
    expect(await isPruningDue(store.database, { maxBytes })).toBe(false);
    const size = await storageSize(store.database);
    expect(usedBytes(size)).toBeLessThanOrEqual(maxBytes);
    expect(pruned.fileBytes).toBe(size.fileBytes);
    expect(pruned.spans).toBe(pruned.traces * 10);
    const ids = await traceIds(store.database);
    expect(ids).toEqual(Array.from({ length: 30_000 - pruned.traces }, (_, index) => pruned.traces + 1 + index));
    // Some room is left for what comes next, and how much what goes takes is known only afterwards.
    expect(ids.length).toBeGreaterThan(10_000);
    expect(await danglingRows(store.database)).toEqual({});
    expect(await prune(store.database, { maxBytes })).toMatchObject({ traces: 0, spans: 0 });
  });

  test('keeps a file flat under a steady flow', async () => {
    const path = join(temporaryFolder(), 'flow.duckdb');
    const store = await openStore(path);
    const maxBytes = 8e6;
    const sizes: number[] = [];
    for (let round = 0; round < 15; round++) {
      await flow(store, 1 + round * 4000, 40_000);
      await (await store.loader()).checkpoint();
      await prune(store.database, { maxBytes });
      sizes.push(statSync(path).size);
    }
    expect(Math.max(...sizes)).toBeLessThan(maxBytes * 1.25);
    const ids = await traceIds(store.database);
    expect(ids.at(-1)).toBe(60_000);
    expect(ids).toHaveLength(60_000 - ids[0]! + 1);
    expect(ids.length).toBeGreaterThan(10_000);
  });

  test('costs no more traces while another connection reads, however often it is asked for', async () => {
    const store = await openStore(join(temporaryFolder(), 'reader.duckdb'));
    await flow(store, 1, 300_000);
    await (await store.loader()).checkpoint();
    const maxBytes = Math.floor((await storageSize(store.database)).fileBytes * 0.95);
    const reader = await store.database.connect();
    await reader.run('BEGIN TRANSACTION');
    expect(await reader.value('SELECT count(*) FROM span')).toBe(300_000n);
    const dropped: number[] = [];
    for (let time = 0; time < 3; time++) dropped.push((await prune(store.database, { maxBytes })).traces);
    expect(await reader.value('SELECT count(*) FROM span')).toBe(300_000n);
    expect(dropped[0]).toBeGreaterThan(0);
    expect(dropped.slice(1)).toEqual([0, 0]);
    expect(30_000 - dropped[0]!).toBeGreaterThan(10_000);
    await reader.run('COMMIT');
    reader.close();
    await prune(store.database, { maxBytes });
    expect(usedBytes(await storageSize(store.database))).toBeLessThanOrEqual(maxBytes);
    expect((await traceIds(store.database)).length).toBeGreaterThan(10_000);
  });

  test('gives back a file that is mostly free', async () => {
    const path = join(temporaryFolder(), 'large.duckdb');
    const store = await openStore(path);
    await flow(store, 1, 600_000);
    await (await store.loader()).checkpoint();
    const before = statSync(path).size;
    await prune(store.database, { maxBytes: before * 0.6 });
    expect(statSync(path).size).toBeLessThan(before * 0.7);
    expect((await traceIds(store.database)).at(-1)).toBe(60_000);
  });

  test('asks hardly anything of a database that is small enough', async () => {
    const path = join(temporaryFolder(), 'small.duckdb');
    const store = await openStore(path);
    await loadDump(store, otlpJson(traces(3)));
    const before = await storageSize(store.database);
    expect(await prune(store.database, { maxBytes: 100e6 })).toMatchObject({ traces: 0, spans: 0 });
    // Not even a checkpoint.
    expect(await storageSize(store.database)).toEqual(before);
  });

  test('means nothing in memory', async () => {
    const store = await storeOf(traces(3));
    expect(await prune(store.database, { maxBytes: 1 })).toMatchObject({ traces: 0, spans: 0, freedBytes: 0 });
  });
});

test('what another connection is reading it reads to the end', async () => {
  const store = await openStore(join(temporaryFolder(), 'snapshot.duckdb'));
  await flow(store, 1, 50_000);
  const reader = await store.database.connect();
  await reader.run('BEGIN TRANSACTION');
  const before = await reader.value('SELECT sum(span_no)::BIGINT FROM span');
  const pruned = await prune(store.database, { endedBefore: (1n << 32n) + 2000n * 1001n });
  expect(pruned).toMatchObject({ traces: 1000, spans: 10_000 });
  expect(await reader.value('SELECT sum(span_no)::BIGINT FROM span')).toBe(before);
  await reader.run('COMMIT');
  expect(await reader.value('SELECT count(*) FROM span')).toBe(40_000n);
  reader.close();
});
