import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dumpOf as dumpPieces } from '../../src/commands/dump-file.ts';
import type { Span } from '../../src/model/span.ts';
import { Quirk } from '../../src/model/span-batch.ts';
import { readSpans } from '../../src/store/read-trace.ts';
import { readTraces } from '../../src/store/read-traces.ts';
import type { Store } from '../../src/store/store.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { fixture, fixtureFolders, fixturesIn } from '../support/fixtures.ts';
import { loadDump, openStore, storeOf } from '../support/load.ts';

async function dumpOf({ database }: Store, firstSpanNo = 0n): Promise<string> {
  let text = '';
  for await (const lines of dumpPieces(database, firstSpanNo)) text += lines;
  return text;
}

async function tracesOf({ database }: Store, partSpans?: number): Promise<(readonly Span[])[]> {
  const traces: (readonly Span[])[] = [];
  for await (const spans of readTraces(database, 0n, partSpans)) traces.push(spans);
  return traces;
}

/** What OTLP has no words for: marks of Zipkin's shared spans, and that a start is not its span's own. */
function withoutMarks(spans: readonly Span[]): Span[] {
  return spans.map(span => ({ ...span, quirks: span.quirks & Quirk.endUnknown }));
}

/** Traces of several loads, and spans of one id that start and end alike, have no order of their own. */
function textOf(span: Span): string {
  return inspect(span, { depth: null, sorted: true, maxArrayLength: null, maxStringLength: null });
}

const FOLDERS = fixtureFolders().filter(folder => folder !== 'programs');

describe('the dump of', () => {
  test.each(FOLDERS)('all of %s is read as the same traces', async folder => {
    const store = await openStore();
    for (const file of fixturesIn(folder)) await loadDump(store, fixture(file));
    const text = await dumpOf(store);
    const again = await openStore();
    const { account } = await loadDump(again, text);
    expect(account.skipped).toEqual([]);
    const [before, after] = [await tracesOf(store), await tracesOf(again)];
    expect(after.flatMap(withoutMarks).map(textOf).sort()).toEqual(before.flatMap(withoutMarks).map(textOf).sort());
    expect(text.split('\n')).toHaveLength(before.length + 1);
  });

  test('its own dump is that dump', async () => {
    const store = await openStore();
    await loadDump(store, fixture('otlp-json/shop.jsonl'));
    const text = await dumpOf(store);
    const again = await openStore();
    await loadDump(again, text);
    expect(await dumpOf(again)).toBe(text);
  });

  test('any traces is read as these traces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(traceSpans({ hasAttributes: true }), { minLength: 1, maxLength: 3 }), async traces => {
        const store = await storeOf(traces.flat());
        const again = await openStore();
        await loadDump(again, await dumpOf(store));
        expect(await readSpans(again.database, 'true')).toEqual(await readSpans(store.database, 'true'));
      }),
      { numRuns: 30 },
    );
  });
});

describe('traces', () => {
  test('are the same in parts of any size; only a trace larger than a part is in several', async () => {
    const store = await openStore();
    for (const file of ['otlp-json/shop.jsonl', 'zipkin-json/shared-spans.json']) await loadDump(store, fixture(file));
    const whole = await tracesOf(store);
    const sizes = whole.map(({ length }) => length);
    expect(Math.max(...sizes)).toBeGreaterThan(8);
    for (const size of [1, 2, 3, 8, 1000]) {
      const parts = await tracesOf(store, size);
      expect(parts.flat()).toEqual(whole.flat());
      expect(Math.max(...parts.map(({ length }) => length))).toBe(Math.min(size, Math.max(...sizes)));
      const cut = whole.filter(({ length }) => length <= size).map(([span]) => span?.traceId);
      for (const traceId of cut) expect(parts.filter(([span]) => span?.traceId === traceId)).toHaveLength(1);
    }
  });

  test('from a number on are those written since, and those that grew', async () => {
    const store = await openStore();
    const lines = fixture('otlp-json/shop.jsonl').toString().trim().split('\n');
    expect(lines.length).toBeGreaterThan(3);
    await loadDump(store, lines.slice(0, 2).join('\n'));
    const first = await store.database.value('SELECT max(span_no) + 1 FROM span');
    expect(await dumpOf(store, BigInt(String(first)))).toBe('');
    await loadDump(store, lines.slice(2).join('\n'));
    const later = await openStore();
    await loadDump(later, await dumpOf(store, BigInt(String(first))));
    const ids = async (wanted: Store, from = 0n) =>
      (await wanted.database.rows(`SELECT DISTINCT trace_id FROM span WHERE span_no >= ${from} ORDER BY ALL`)).map(
        ({ trace_id }) => trace_id,
      );
    expect(await ids(later)).toEqual(await ids(store, BigInt(String(first))));
  });

  test('of an empty database are none', async () => {
    expect(await dumpOf(await openStore())).toBe('');
  });

  test("a Zipkin span names the half that is its parent, so that the tree is there without Zipkin's marks", async () => {
    const store = await openStore();
    await loadDump(store, fixture('zipkin-json/shared-spans.json'));
    const spans = (await tracesOf(store)).flat();
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(ids.size).toBe(spans.length);
    const again = await openStore();
    await loadDump(again, await dumpOf(store));
    const depths = (wanted: Store) => wanted.database.rows('SELECT span_id, depth, self_ns FROM span ORDER BY span_no');
    expect(await depths(again)).toEqual(await depths(store));
  });
});
