import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import { AccountKeeper } from '../../src/ingest/account.ts';
import type { Span } from '../../src/model/span.ts';
import { OTLP_JSON } from '../../src/receive/body-formats.ts';
import { RequestDecoder } from '../../src/receive/request-decoder.ts';
import { type Commit, EVERYTHING_SETTLED, type Loader, type Settled } from '../../src/store/loader.ts';
import type { Store } from '../../src/store/store.ts';
import { draw } from '../support/drawn-trace.ts';
import { loadDump, openStore } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { overlappingLoads } from './overlapping-loads.ts';
import { snapshotOf } from './snapshot.ts';

// A source that goes on: committed as it comes, with spans that wait from one transaction to the next.

const ACCOUNT = {
  source: 'network',
  format: 'otlp-json',
  documents: 1,
  bytes: 0,
  contentBytes: 0,
  skipped: [],
  repaired: [],
  fault: undefined,
};

/** Spans into a loader, a batch a call. */
class Feed {
  readonly loader: Loader;
  #decoder: RequestDecoder;
  #time = 0;
  #sequence = 0;

  private constructor(loader: Loader) {
    this.loader = loader;
    this.#decoder = this.#newDecoder();
  }

  static async open(store: Store): Promise<Feed> {
    const loader = await store.loader();
    await loader.begin();
    return new Feed(loader);
  }

  #newDecoder(): RequestDecoder {
    const options = {
      producer: this.loader.newProducer(),
      firstValueId: this.loader.nextAttributeId,
      onBatch: (batch: Parameters<Loader['add']>[0]) =>
        this.loader.add(batch, { time: this.#time, sequence: ++this.#sequence }),
    };
    return new RequestDecoder(options, DEFAULT_LIMITS, new AccountKeeper());
  }

  /** Adds spans that arrive at a time. */
  add(spans: readonly Span[], time: number): void {
    this.#time = time;
    this.#decoder.decode(OTLP_JSON, Buffer.from(otlpJson(spans)));
    this.#decoder.writer.flush();
  }

  /** Begins anew, as behind a pruning. */
  renew(): void {
    this.#decoder = this.#newDecoder();
  }

  commit(settled: Settled): Promise<Commit | undefined> {
    return this.loader.commit(ACCOUNT, settled);
  }
}

const at = (completeBefore: number, anyBefore = completeBefore): Settled => ({ completeBefore, anyBefore });
const WHOLE = draw('a | 0-9\n b | 1-2', { traceId: '1' });
const [ROOT, CHILD] = WHOLE;
const ORPHAN = draw('a | 0-9\n b | 1-2', { traceId: '2' }).slice(1);

async function storedOf(store: Store): Promise<object[]> {
  return store.database.rows('SELECT trace_id::VARCHAR AS id, span_count AS spans, complete FROM trace ORDER BY 1');
}

describe('a commit', () => {
  test('writes complete traces when they are quiet, and others when they are quiet for longer', async () => {
    const store = await openStore();
    const feed = await Feed.open(store);
    feed.add(WHOLE, 10);
    feed.add(ORPHAN, 20);
    expect(await feed.commit(at(10))).toBeUndefined();
    expect(await feed.commit(at(15, 5))).toMatchObject({ firstSpanNo: 1, newSpans: 2, traces: 1, oldestWaiting: 2 });
    expect(await storedOf(store)).toEqual([{ id: '1', spans: 2, complete: true }]);
    expect(await feed.commit(at(100, 20))).toBeUndefined();
    expect(feed.loader.waiting).toBe(1);
    expect(await feed.commit(at(100, 21))).toMatchObject({ newSpans: 1, traces: 2, oldestWaiting: undefined });
    expect(await feed.loader.finish(ACCOUNT)).toMatchObject({ spans: 3, traces: 2 });
  });

  test('waits while something comes to a trace', async () => {
    const store = await openStore();
    const feed = await Feed.open(store);
    feed.add([ROOT!], 10);
    feed.add([CHILD!], 20);
    expect(await feed.commit(at(15))).toBeUndefined();
    expect(feed.loader.waitingSince).toBe(10);
    expect(await feed.commit(at(21))).toMatchObject({ newSpans: 2 });
    expect(feed.loader.waitingSince).toBeUndefined();
  });

  test('writes a trace that grew anew, under new numbers', async () => {
    const store = await openStore();
    const feed = await Feed.open(store);
    feed.add([ROOT!], 1);
    expect(await feed.commit(EVERYTHING_SETTLED)).toMatchObject({ firstSpanNo: 1, newSpans: 1, traces: 1 });
    feed.add([CHILD!, ROOT!], 2);
    const commit = await feed.commit(EVERYTHING_SETTLED);
    expect(commit).toMatchObject({ newSpans: 1, traces: 1, duplicates: 1 });
    const first = await store.database.value('SELECT min(span_no) FROM span');
    expect(Number(first)).toBeGreaterThanOrEqual(commit?.firstSpanNo ?? 0);
    expect(await storedOf(store)).toEqual([{ id: '1', spans: 2, complete: true }]);
  });

  test('keeps one account of the source, which says what came so far', async () => {
    const store = await openStore();
    const feed = await Feed.open(store);
    const spans = () => store.database.rows('SELECT source, spans, traces FROM ingest');
    feed.add(WHOLE, 1);
    await feed.commit(EVERYTHING_SETTLED);
    expect(await spans()).toEqual([{ source: 'network', spans: 2n, traces: 1n }]);
    feed.add(ORPHAN, 2);
    await feed.commit(EVERYTHING_SETTLED);
    expect(await spans()).toEqual([{ source: 'network', spans: 3n, traces: 2n }]);
    await feed.loader.finish(ACCOUNT);
    await loadDump(store, otlpJson(draw('z | 0-1', { traceId: '9' })));
    expect(await spans()).toHaveLength(2);
  });

  test('is kept when what comes behind it is broken off', async () => {
    const store = await openStore();
    const feed = await Feed.open(store);
    feed.add(WHOLE, 1);
    await feed.commit(EVERYTHING_SETTLED);
    feed.add(ORPHAN, 2);
    await feed.loader.abort();
    expect(await storedOf(store)).toEqual([{ id: '1', spans: 2, complete: true }]);
  });

  test('counts traces that were dropped since', async () => {
    const store = await openStore();
    const feed = await Feed.open(store);
    feed.add(WHOLE, 1);
    await feed.commit(EVERYTHING_SETTLED);
    await feed.loader.betweenTransactions(() => store.database.run('DELETE FROM span; DELETE FROM trace'));
    feed.renew();
    feed.add(ORPHAN, 2);
    expect(await feed.loader.finish(ACCOUNT)).toMatchObject({ spans: 3, traces: 2 });
    expect(await storedOf(store)).toHaveLength(1);
  });

  test('leaves a note that is there with it, and not before', async () => {
    const store = await openStore();
    const feed = await Feed.open(store);
    const reader = await store.database.connect();
    const note = () => reader.value("SELECT value FROM meta WHERE key = 'k'");
    await feed.loader.note('k', 'one');
    expect(await note()).toBeUndefined();
    feed.add(WHOLE, 1);
    await feed.commit(EVERYTHING_SETTLED);
    expect(await note()).toBe('one');
    await feed.loader.note('k', 'two');
    await feed.loader.finish(ACCOUNT);
    expect(await note()).toBe('two');
    reader.close();
  });
});

describe('what is committed as it comes', () => {
  test('is in the end what it would be in one load', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(overlappingLoads, fc.infiniteStream(fc.nat(99)), async (loads, dice) => {
        const roll = () => dice.next().value!;
        const store = await openStore();
        const feed = await Feed.open(store);
        const spans = loads.flat();
        let time = 0;
        let seen = 0;
        let last = 1;
        for (let from = 0; from < spans.length; ) {
          const count = 1 + (roll() % 4);
          feed.add(spans.slice(from, from + count), ++time);
          from += count;
          seen = Math.min(spans.length, from);
          if (roll() < 50) {
            const settled = roll() < 20 ? EVERYTHING_SETTLED : at(time - (roll() % 3), time - 3);
            const commit = await feed.commit(settled);
            if (commit === undefined) continue;
            expect(commit.spans + commit.duplicates + feed.loader.waiting).toBe(seen);
            expect(commit.firstSpanNo).toBeGreaterThanOrEqual(last);
            last = commit.firstSpanNo;
          }
          if (roll() < 10) {
            await feed.commit(EVERYTHING_SETTLED);
            await feed.loader.betweenTransactions(async () => {});
            feed.renew();
          }
        }
        const result = await feed.loader.finish(ACCOUNT);
        const together = await openStore();
        const { result: once } = await loadDump(together, otlpJson(spans));
        expect(await snapshotOf(store.database)).toEqual(await snapshotOf(together.database));
        expect(result).toMatchObject({ spans: once.spans, traces: once.traces, duplicates: once.duplicates });
      }),
      { numRuns: 15 },
    );
  });
});
