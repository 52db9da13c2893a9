import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BatchWriter } from '../../src/formats/columns/batch-writer.ts';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import type { SourceAccount } from '../../src/ingest/account.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { type DecodeThread, startDecodeThread, type ThreadListener } from '../../src/ingest/decode-thread.ts';
import type { ThreadsOptions } from '../../src/ingest/decode-threads.ts';
import { DeferredTarget } from '../../src/ingest/deferred-target.ts';
import { ingest } from '../../src/ingest/ingest.ts';
import { findSources, type Source } from '../../src/ingest/source.ts';
import type { IngestHooks, IngestTarget } from '../../src/ingest/target.ts';
import type { SpanBatch } from '../../src/model/span-batch.ts';
import { FIRST_ATTRIBUTE_ID } from '../../src/store/attribute-tables.ts';
import type { LoadResult } from '../../src/store/loader.ts';
import { readSpans } from '../../src/store/read-trace.ts';
import type { Store } from '../../src/store/store.ts';
import { fixture, fixturePath } from '../support/fixtures.ts';
import { openStore, temporaryFolder } from '../support/load.ts';

// Sources into a store: on this thread and through the worker, in order, and undone where the user stops.

const OPTIONS = { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS };

async function sourcesOf(...paths: readonly string[]): Promise<Source[]> {
  const { sources, problems } = await findSources(paths);
  expect(problems).toEqual([]);
  return sources;
}

/** The same sources, said to be small: they are decoded on this thread. */
const onThisThread = (sources: readonly Source[]) => sources.map(source => ({ ...source, bytes: 1 }));

async function load(store: Store, sources: readonly Source[], hooks: IngestHooks = {}, threads?: ThreadsOptions) {
  return ingest(sources, await store.loader(), OPTIONS, hooks, threads);
}

/** Two workers share what is large enough for one. */
const SHARED: ThreadsOptions = {
  sharedBytes: 4 << 20,
  segmentBytes: 300_000,
  onlySlow: false,
  start: startDecodeThread,
};

const spansIn = (store: Store) => readSpans(store.database, 'TRUE', 's.trace_id, s.span_no');

const hex = (number: number, digits: number) => number.toString(16).padStart(digits, '0');

/** OTLP JSON lines of more than 4 MiB: 100 spans a line, in traces of 50, some with events, links and odd fields. */
const LARGE = (() => {
  const span = (number: number) => ({
    traceId: hex(Math.floor(number / 50) + 1, 32),
    spanId: hex(number + 1, 16),
    ...(number % 50 === 0 ? {} : { parentSpanId: hex(number - (number % 7 === 0 ? 7 : 1) + 1, 16) }),
    name: `operation ${number % 13}`,
    kind: number % 6,
    startTimeUnixNano: String(1_793_606_400_000_000_000n + BigInt(number) * 1_000_003n),
    endTimeUnixNano: String(1_793_606_400_000_000_000n + BigInt(number + 40) * 1_000_003n),
    attributes: [
      { key: 'number', value: { intValue: String(number) } },
      { key: 'http.route', value: { stringValue: `/route/${number % 17}` } },
      { key: 'text', value: { stringValue: 'lorem ipsum '.repeat(60 + (number % 30)) } },
      { key: 'ratio', value: { doubleValue: number / 8 } },
      ...(number % 9 === 0
        ? [{ key: 'list', value: { arrayValue: { values: [{ intValue: number }, { boolValue: true }] } } }]
        : []),
    ],
    ...(number % 11 === 0
      ? {
          events: [
            {
              timeUnixNano: String(1_793_606_400_000_000_000n + BigInt(number)),
              name: 'event',
              attributes: [{ key: 'n', value: { intValue: number } }],
            },
          ],
        }
      : {}),
    ...(number % 23 === 0 ? { links: [{ traceId: hex(number + 7, 32), spanId: hex(7, 16) }] } : {}),
    status: number % 31 === 0 ? { code: 2, message: `failure ${number % 5}` } : {},
    ...(number % 501 === 0 ? { name: { text: 'no name' } } : {}),
  });
  const line = (first: number) =>
    JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: `service ${first % 3}` } }] },
          scopeSpans: [
            { scope: { name: 'lib' }, spans: Array.from({ length: 100 }, (_, index) => span(first + index)) },
          ],
        },
      ],
    });
  return Buffer.from(`${Array.from({ length: 40 }, (_, index) => line(index * 100)).join('\n')}\n`);
})();

function fileOf(content: Uint8Array | string, name = 'traces.json'): string {
  const path = `${temporaryFolder()}/${name}`;
  writeFileSync(path, content);
  return path;
}

describe('a large file', () => {
  test('is the same through the worker as on this thread', async () => {
    expect(LARGE.length).toBeGreaterThan(4 << 20);
    const sources = await sourcesOf(fileOf(LARGE));
    const [here, there] = [await openStore(), await openStore()];
    const local = await load(here, onThisThread(sources));
    const remote = await load(there, sources);
    expect(remote).toEqual(local);
    expect(local[0]).toMatchObject({
      account: { spans: 4000, documents: 40, bytes: LARGE.length, skipped: [], fault: undefined },
      result: { spans: 4000, traces: 80, duplicates: 0 },
    });
    expect(local[0]!.account.repaired).toMatchObject([{ reason: 'unexpected-type', count: 8 }]);
    expect(await spansIn(there)).toEqual(await spansIn(here));
  });

  test('is the same through two workers', async () => {
    // A line that is no document: from there on one of them reads alone, and the other one is started anew for the next source.
    const half = LARGE.indexOf('\n', LARGE.length / 2) + 1;
    const mixed = fileOf(Buffer.concat([LARGE.subarray(0, half), Buffer.from('text\n'), LARGE.subarray(half)]));
    const sources = await sourcesOf(fileOf(LARGE), mixed, fileOf(LARGE.subarray(0, -1000)));
    const [here, there] = [await openStore(), await openStore()];
    const local = await load(here, onThisThread(sources));
    const seen: number[] = [];
    const onProgress: IngestHooks['onProgress'] = ({ source, bytes }) => {
      if (source === sources[0]) seen.push(bytes);
    };
    expect(await load(there, sources, { onProgress }, SHARED)).toEqual(local);
    expect(await spansIn(there)).toEqual(await spansIn(here));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(LARGE.length);
    const twice = await there.database.value('SELECT count(*) - count(DISTINCT attribute_id) FROM attribute');
    expect(twice).toBe(0n);
  });

  test('may follow a small one and be followed by one, and by a large one again', async () => {
    const small = fixturePath('otlp-json/shop.jsonl');
    const other = fixturePath('jaeger-json/plain.json');
    // Not one byte of it is spans, but that is only known at its end.
    const blank = fileOf(Buffer.concat([fixture('zipkin-json/shared-spans.json'), Buffer.alloc(5 << 20, ' ')]));
    const sources = await sourcesOf(small, fileOf(LARGE), other, blank);
    const [here, there] = [await openStore(), await openStore()];
    const local = await load(here, onThisThread(sources));
    const remote = await load(there, sources);
    expect(remote).toEqual(local);
    expect(remote.map(({ result }) => result.spans)).toEqual([53, 4000, 4, 5]);
    expect(await spansIn(there)).toEqual(await spansIn(here));
  });

  test('that cannot be read to its end says so, and the next one is read', async () => {
    const broken = fileOf(LARGE.subarray(0, -1000));
    const store = await openStore();
    const [cut, whole] = await load(store, await sourcesOf(broken, fixturePath('otlp-json/plain.json')));
    expect(cut?.account.fault?.message).toMatch(/^is cut off: /);
    expect(cut?.result.spans).toBe(3999);
    expect(whole?.result.spans).toBe(4);
  });

  test('tells how far it is', async () => {
    const seen: { bytes: number; spans: number }[] = [];
    const sources = await sourcesOf(fileOf(LARGE));
    await load(await openStore(), sources, {
      onProgress: ({ source, bytes, spans }) => {
        expect(source).toBe(sources[0]);
        seen.push({ bytes, spans });
      },
    });
    expect(seen.at(-1)?.bytes).toBe(LARGE.length);
    expect(seen.map(({ bytes }) => bytes)).toEqual(seen.map(({ bytes }) => bytes).toSorted((a, b) => a - b));
  });
});

describe('stopping', () => {
  const places = [
    ['in the worker', (sources: readonly Source[]) => sources, undefined],
    ['in two workers', (sources: readonly Source[]) => sources, SHARED],
    ['on this thread', onThisThread, undefined],
  ] as const;

  test.each(places)('in the middle of a source leaves nothing of it behind: %s', async (_, at, threads) => {
    const store = await openStore();
    const [first] = await sourcesOf(fixturePath('otlp-json/shop.jsonl'));
    const large = at(await sourcesOf(fileOf(LARGE)));
    const controller = new AbortController();
    const hooks: IngestHooks = {
      signal: controller.signal,
      onProgress: ({ source, spans }) => {
        if (source !== first && spans === 0) controller.abort(new Error('stopped by the user'));
      },
    };
    const stopped = load(store, [first!, ...large], hooks, threads);
    await expect(stopped).rejects.toThrow('stopped by the user');
    expect((await spansIn(store)).length).toBe(53);
    expect(await store.database.value('SELECT count(*) FROM ingest')).toBe(1n);

    // The loader goes on: producers begin anew, and ids are given once.
    const again = await load(store, [...large, ...(await sourcesOf(fixturePath('otlp-json/plain.json')))]);
    expect(again.map(({ result }) => result.spans)).toEqual([4000, 4]);
    const fresh = await openStore();
    await load(fresh, [first!, ...large, ...(await sourcesOf(fixturePath('otlp-json/plain.json')))]);
    expect(await spansIn(store)).toEqual(await spansIn(fresh));
    const twice = await store.database.value('SELECT count(*) - count(DISTINCT attribute_id) FROM attribute');
    expect(twice).toBe(0n);
  });

  test('before the first source does nothing', async () => {
    const store = await openStore();
    const stopped = load(store, await sourcesOf(fixturePath('otlp-json/plain.json')), { signal: AbortSignal.abort() });
    await expect(stopped).rejects.toThrow('aborted');
    expect(await spansIn(store)).toEqual([]);
    expect((await load(store, await sourcesOf(fixturePath('otlp-json/plain.json'))))[0]?.result.spans).toBe(4);
  });
});

describe('many sources', () => {
  test('of all formats, one after the other, give what each gives', async () => {
    const names = [
      'otlp-json/plain.json',
      'jaeger-json/opentracing.json',
      'zipkin-json/annotations.json',
      'otlp-proto/nested-values.pb',
      'invalid/image.png',
      'otlp-json/conflicting-ids.jsonl',
    ];
    const store = await openStore();
    const loaded = await load(store, await sourcesOf(...names.map(fixturePath)));
    expect(
      loaded.map(({ account, result }) => [account.format, result.spans, result.traces, account.fault?.message]),
    ).toEqual([
      ['otlp-json', 4, 2, undefined],
      ['jaeger-json', 2, 1, undefined],
      ['zipkin-json', 1, 1, undefined],
      ['otlp-proto', 1, 1, undefined],
      [undefined, 0, 0, 'is no trace dump but a PNG image'],
      ['otlp-json', 3, 1, undefined],
    ]);
  });

  test('two hundred of them make one store', async () => {
    const folder = temporaryFolder();
    const lines = LARGE.toString().split('\n').slice(0, 25);
    for (let file = 0; file < 200; file++) {
      const content = file % 8 === 0 ? lines[file / 8]! : JSON.stringify({ resourceSpans: [] });
      writeFileSync(`${folder}/${hex(file, 3)}.json`, file % 16 === 0 ? gzipSync(content) : content);
    }
    const [many, one] = [await openStore(), await openStore()];
    const loaded = await load(many, await sourcesOf(folder));
    expect(loaded).toHaveLength(200);
    expect(loaded.reduce((sum, { result }) => sum + result.spans, 0)).toBe(2500);
    await load(one, await sourcesOf(fileOf(lines.join('\n'))));
    expect(await spansIn(many)).toEqual(await spansIn(one));
    expect(await many.database.value('SELECT count(*) FROM ingest')).toBe(200n);
  });

  test('that hold the same spans leave out the duplicates', async () => {
    const store = await openStore();
    const copy = fileOf(fixture('otlp-json/shop.json'));
    const loaded = await load(store, await sourcesOf(fixturePath('otlp-json/shop.jsonl'), copy));
    expect(loaded.map(({ result }) => [result.spans, result.duplicates])).toEqual([
      [53, 0],
      [0, 53],
    ]);
  });

  test('go on where one is not there any more', async () => {
    const missing: Source = { name: 'gone.json', path: `${temporaryFolder()}/gone.json`, bytes: 10 };
    const large = { ...missing, bytes: 10 << 20 };
    const loaded = await load(await openStore(), [
      missing,
      large,
      ...(await sourcesOf(fixturePath('otlp-json/plain.json'))),
    ]);
    expect(loaded.map(({ account, result }) => [account.fault?.message, result.spans])).toEqual([
      ['does not exist', 0],
      ['does not exist', 0],
      [undefined, 4],
    ]);
  });
});

/** A target that writes down what is asked of it. */
class Notes implements IngestTarget<number> {
  readonly calls: string[] = [];
  nextAttributeId = FIRST_ATTRIBUTE_ID;
  #producers = 0;
  #spans = 0;
  failAt: string | undefined;

  #note(call: string): void {
    this.calls.push(call);
    if (call === this.failAt) throw new Error(`${call} failed`);
  }

  newProducer(): number {
    this.#note(`producer ${this.#producers}`);
    return this.#producers++;
  }

  async begin(): Promise<void> {
    this.#spans = 0;
    this.#note('begin');
  }

  async ready(): Promise<void> {}

  add(batch: SpanBatch): void {
    this.#spans += batch.spans.count;
    this.nextAttributeId = Math.max(this.nextAttributeId, batch.values.firstId + batch.values.count);
    this.#note('add');
  }

  async finish({ source }: SourceAccount): Promise<number> {
    this.#note(`finish ${source.split('/').at(-1)}`);
    return this.#spans;
  }

  async abort(): Promise<void> {
    this.#note('abort');
  }
}

describe('a target', () => {
  test('is asked for each source in turn, and its results come back in order', async () => {
    const target = new Notes();
    const loaded = await ingest(
      await sourcesOf(fixturePath('otlp-json/plain.json'), fixturePath('jaeger-json/plain.json')),
      target,
      OPTIONS,
    );
    expect(loaded.map(({ result }) => result)).toEqual([4, 4]);
    expect(target.calls).toEqual([
      'begin',
      'producer 0',
      'add',
      'finish plain.json',
      'begin',
      'add',
      'finish plain.json',
    ]);
  });

  test.each(['begin', 'add', 'finish traces.json'])('that fails at "%s" ends the ingest', async failAt => {
    for (const place of ['worker', 'workers', 'thread']) {
      const target = new Notes();
      target.failAt = failAt;
      const sources = await sourcesOf(fileOf(LARGE));
      const threads = place === 'workers' ? SHARED : undefined;
      const failed = ingest(place === 'thread' ? onThisThread(sources) : sources, target, OPTIONS, {}, threads);
      await expect(failed).rejects.toThrow(`${failAt} failed`);
      expect(target.calls.filter(call => call === 'abort')).toHaveLength(failAt === 'begin' ? 0 : 1);
      expect(target.calls.at(-1)).toBe(failAt === 'begin' ? 'begin' : 'abort');
    }
  });

  test('that is still being opened takes what was decoded in the meantime', async () => {
    for (const name of ['small', 'large']) {
      const target = new Notes();
      const opening = Promise.withResolvers<IngestTarget<number>>();
      const deferred = new DeferredTarget(opening.promise, FIRST_ATTRIBUTE_ID);
      const sources = await sourcesOf(
        name === 'small' ? fixturePath('otlp-json/plain.json') : fileOf(LARGE),
        fixturePath('jaeger-json/plain.json'),
      );
      const ingesting = ingest(sources, deferred, OPTIONS);
      await new Promise(resolve => setTimeout(resolve, 50));
      expect(target.calls).toEqual([]);
      opening.resolve(target);
      const loaded = await ingesting;
      expect(loaded.map(({ result }) => result)).toEqual([name === 'small' ? 4 : 4000, 4]);
      expect(target.calls.slice(0, 3)).toEqual(['producer 0', 'begin', 'add']);
    }
  });

  test('that cannot be opened fails the ingest with its own error', async () => {
    for (const path of [fixturePath('otlp-json/plain.json'), fileOf(LARGE)]) {
      const opening = Promise.reject<IngestTarget<LoadResult>>(new Error('no disk'));
      const deferred = new DeferredTarget(opening, FIRST_ATTRIBUTE_ID);
      await expect(ingest(await sourcesOf(path), deferred, OPTIONS)).rejects.toThrow('no disk');
    }
  });

  test('that is still being opened when the user stops is left alone', async () => {
    const target = new Notes();
    const opening = Promise.withResolvers<IngestTarget<number>>();
    const deferred = new DeferredTarget(opening.promise, FIRST_ATTRIBUTE_ID);
    const controller = new AbortController();
    const stopped = ingest(await sourcesOf(fixturePath('otlp-json/plain.json')), deferred, OPTIONS, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('stopped')),
    });
    controller.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
    opening.resolve(target);
    await opening.promise;
    expect(target.calls).toEqual([]);
  });

  test('of a thread that is ahead is left between two batches when the user stops', async () => {
    const batches: SpanBatch[] = [];
    const writer = new BatchWriter({
      producer: 0,
      firstValueId: FIRST_ATTRIBUTE_ID,
      onBatch: batch => batches.push(batch),
    });
    writer.beginSpan();
    writer.resource = writer.resourceOf('a', new Map());
    writer.commitSpan();
    writer.flush();
    const [batch] = batches;
    let listener: ThreadListener | undefined;
    const ahead: DecodeThread = {
      // All at once, as a port hands over what waits.
      send: ({ type }) => {
        if (type === 'decode')
          for (let sent = 0; sent < 100; sent++) listener?.onMessage({ type: 'batch', batch: batch! });
      },
      listen: next => {
        listener = next;
      },
      end: async () => {},
    };
    const controller = new AbortController();
    class StoppedAtOnce extends Notes {
      override add(added: SpanBatch): void {
        super.add(added);
        setImmediate(() => controller.abort(new Error('stopped')));
      }
    }
    const target = new StoppedAtOnce();
    const threads = { ...SHARED, sharedBytes: Number.POSITIVE_INFINITY, start: async () => ahead };
    const sources = await sourcesOf(fileOf(LARGE));
    await expect(ingest(sources, target, OPTIONS, { signal: controller.signal }, threads)).rejects.toThrow('stopped');
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(target.calls).toEqual(['begin', 'producer 0', 'add', 'abort']);
  });

  test('gives the store what the store itself would get', async () => {
    const [direct, deferred] = [await openStore(), await openStore()];
    const sources = await sourcesOf(fixturePath('otlp-json/shop.jsonl'), fixturePath('zipkin-json/shared-spans.json'));
    const expected = await load(direct, sources);
    expect(await ingest(sources, new DeferredTarget(deferred.loader(), FIRST_ATTRIBUTE_ID), OPTIONS)).toEqual(expected);
    expect(await spansIn(deferred)).toEqual(await spansIn(direct));
  });
});
