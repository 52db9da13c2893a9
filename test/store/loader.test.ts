import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { SourceDecoder } from '../../src/ingest/decoding.ts';
import type { Span } from '../../src/model/span.ts';
import { buildTrace } from '../../src/model/trace.ts';
import type { Database } from '../../src/store/database.ts';
import type { LoadResult } from '../../src/store/loader.ts';
import { readTrace } from '../../src/store/read-trace.ts';
import { Store } from '../../src/store/store.ts';
import { DRAWING_START, draw, drawnIdOf } from '../support/drawn-trace.ts';
import { chunked, loadDump, openStore, storeOf, temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { TEST_NOW } from '../support/run.ts';
import { overlappingLoads } from './overlapping-loads.ts';
import { snapshotOf } from './snapshot.ts';
import { type ZipkinSpan, zipkinJson, zipkinTraces } from './zipkin.ts';

async function tableSizes(database: Database): Promise<Record<string, number>> {
  const tables = ['span', 'trace', 'event', 'link', 'ingest', 'ingest_issue'];
  const sizes = tables.map(async table => [table, Number(await database.value(`SELECT count(*) FROM ${table}`))]);
  return Object.fromEntries(await Promise.all(sizes));
}

describe('a load', () => {
  test('says how many spans and traces it stored', async () => {
    const store = await openStore();
    const { result } = await loadDump(
      store,
      otlpJson([...draw('a | 0-9\n b | 1-2', { traceId: '1' }), ...draw('c | 0-9', { traceId: '2' })]),
    );
    expect(result).toEqual({ spans: 3, traces: 2, duplicates: 0, sharedIds: 0, cuts: 0 });
  });

  test('stores a span once that comes twice in a source, and counts it', async () => {
    const store = await openStore();
    const spans = draw('a | 0-9 | | | event: e @ 1\n b | 1-2');
    const { result } = await loadDump(store, otlpJson([...spans, ...spans]));
    expect(result).toEqual({ spans: 2, traces: 1, duplicates: 2, sharedIds: 0, cuts: 0 });
    expect(await tableSizes(store.database)).toMatchObject({ span: 2, trace: 1, event: 1 });
  });

  test('stores two different spans of one id, and counts them', async () => {
    const store = await openStore();
    const { result } = await loadDump(store, otlpJson(draw('a | 0-9\n b | 1-2 | | one\n b | 1-2 | | two')));
    expect(result).toEqual({ spans: 3, traces: 1, duplicates: 0, sharedIds: 2, cuts: 0 });
    const rows = await store.database.rows(
      'SELECT name FROM span JOIN operation USING (operation_id) WHERE depth = 1 ORDER BY name',
    );
    expect(rows).toEqual([{ name: 'one' }, { name: 'two' }]);
  });

  test('knows each of two different spans of one id again', async () => {
    const spans = draw('a | 0-9\n b | 1-2 | | one\n b | 1-2 | | two');
    const store = await storeOf(spans);
    const { result } = await loadDump(store, otlpJson(spans.toReversed()));
    expect(result).toEqual({ spans: 0, traces: 1, duplicates: 3, sharedIds: 0, cuts: 0 });
  });

  test('counts the edges that were cut', async () => {
    const store = await openStore();
    const { result } = await loadDump(store, otlpJson(draw('a | 0-9 | | | parent: b\nb | 1-2 | | | parent: a')));
    expect(result.cuts).toBe(1);
  });

  test('counts an edge that is cut because the rest of the cycle comes now', async () => {
    const store = await openStore();
    await loadDump(store, otlpJson(draw('a | 0-9 | | | parent: b')));
    const { result } = await loadDump(store, otlpJson(draw('b | 1-2 | | | parent: a')));
    expect(result.cuts).toBe(1);
  });

  test.each([
    ['name', { name: 'other' }],
    ['service', { resource: { 'service.name': 'other' }, serviceName: 'other' }],
    ['kind', { kind: 'client' }],
    ['start', { startTimeUnixNano: DRAWING_START + 1n }],
    ['duration', { durationNano: 1n }],
    ['parent', { parentSpanId: 'feedfeedfeedfeed' }],
    ['status', { status: { code: 'ok', message: '' } }],
    ['status message', { status: { code: 'error', message: 'yes' } }],
    ['flags', { flags: 1 }],
    ['attribute', { attributes: { k: 'w' } }],
    ['attribute’s type', { attributes: { k: 1n } }],
    ['attribute’s key', { attributes: { l: 'v' } }],
    ['attributes', { attributes: { k: 'v', l: 'v' } }],
    ['resource', { resource: { 'service.name': 'service', k: 'v' } }],
    ['scope', { scope: { name: 's', version: '', attributes: {} } }],
    ['scope’s version', { scope: { name: '', version: '1', attributes: {} } }],
    ['scope’s attributes', { scope: { name: '', version: '', attributes: { k: 'v' } } }],
    ['event', { events: [] }],
    ['event’s time', { events: [{ timeUnixNano: 2n, name: 'e', attributes: { k: 'v' } }] }],
    ['event’s name', { events: [{ timeUnixNano: 1n, name: 'f', attributes: { k: 'v' } }] }],
    ['event’s attributes', { events: [{ timeUnixNano: 1n, name: 'e', attributes: { k: 'w' } }] }],
    ['link', { links: [] }],
    ['link’s span', { links: [{ traceId: 'a'.repeat(32), spanId: 'c'.repeat(16), attributes: {} }] }],
    ['link’s attributes', { links: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), attributes: { k: 'v' } }] }],
    ['trace state', { traceState: 'a=b' }],
    ['count of dropped attributes', { droppedAttributesCount: 1 }],
  ] as const)('takes spans for different that differ in their %s', async (_, difference) => {
    const [span] = draw('a | 0-9');
    const one: Span = {
      ...span!,
      status: { code: 'error', message: 'no' },
      attributes: { k: 'v' },
      events: [{ timeUnixNano: 1n, name: 'e', attributes: { k: 'v' } }],
      links: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), attributes: {} }],
    };
    const other: Span = { ...one, ...difference };
    const store = await openStore();
    await loadDump(store, otlpJson([one]));
    expect((await loadDump(store, otlpJson([other]))).result).toMatchObject({ spans: 1, duplicates: 0, sharedIds: 2 });
  });

  test.each(['\0', '\u0001', '\u0003', ' ', "'"])(
    'is not deceived by texts that look like several: with %j between',
    async separator => {
      const [span] = draw('a | 0-9');
      const store = await openStore();
      for (const other of [
        { attributes: { a: `1${separator}b${separator}1${separator}2` } },
        { attributes: { a: '1', b: '2' } },
        { scope: { name: `a${separator}b`, version: 'c', attributes: {} } },
        { scope: { name: 'a', version: `b${separator}c`, attributes: {} } },
      ]) {
        const { result } = await loadDump(store, otlpJson([{ ...span!, ...other }]));
        expect(result).toMatchObject({ spans: 1, duplicates: 0 });
      }
      const { spans } = await snapshotOf(store.database);
      const scopes = spans.map(({ scope }) => [scope.name, scope.version]).filter(([name]) => name !== '');
      expect(scopes).toHaveLength(2);
      expect(scopes).toEqual(
        expect.arrayContaining([
          ['a', `b${separator}c`],
          [`a${separator}b`, 'c'],
        ]),
      );
    },
  );
});

test.each([2n ** 63n - 1n, 2n ** 63n - 2n, 2n ** 63n - 2n ** 32n, 2n ** 62n + 7n])(
  'a span that ends at %d is stored with its times',
  async end => {
    const [span] = draw('a | 0-9');
    const durationNano = end - DRAWING_START;
    const { database } = await storeOf([{ ...span!, durationNano }]);
    const stored = await database.rows('SELECT start_ns, duration_ns, self_ns FROM span');
    expect(stored).toEqual([{ start_ns: DRAWING_START, duration_ns: durationNano, self_ns: durationNano }]);
    expect(await database.rows('SELECT start_ns, duration_ns FROM trace')).toEqual([
      { start_ns: DRAWING_START, duration_ns: durationNano },
    ]);
  },
);

describe('the same dump again', () => {
  const spans = [
    ...draw('a | 0-9 | web | get | event: e @ 1, resource host.name=h, k=v\n b | 1-2 | db | q | error: no', {
      traceId: '1',
    }),
    ...draw('c | 0-9 | | | parent: x', { traceId: '2' }),
  ].map(span => ({ ...span, links: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), attributes: {} }] }));

  test('adds nothing, in memory', async () => {
    const store = await storeOf(spans);
    await store.ensureViews();
    const before = [
      await snapshotOf(store.database),
      await tableSizes(store.database),
      await viewSizes(store.database),
    ];
    const { result } = await loadDump(store, otlpJson(spans));
    expect(result).toEqual({ spans: 0, traces: 2, duplicates: 3, sharedIds: 0, cuts: 0 });
    const after = [await snapshotOf(store.database), await tableSizes(store.database), await viewSizes(store.database)];
    expect(after).toEqual([before[0], { ...(before[1] as object), ingest: 2 }, before[2]]);
  });

  test('adds nothing to a file that is opened again', async () => {
    const path = join(temporaryFolder(), 'db');
    const before = await withFile(path, async store => {
      await loadDump(store, otlpJson(spans));
      return [await snapshotOf(store.database), await viewSizes(store.database)];
    });
    const after = await withFile(path, async store => {
      const { result } = await loadDump(store, otlpJson(spans.toReversed()));
      expect(result).toEqual({ spans: 0, traces: 2, duplicates: 3, sharedIds: 0, cuts: 0 });
      return [await snapshotOf(store.database), await viewSizes(store.database)];
    });
    expect(after).toEqual(before);
  });

  test('adds what is new in it', async () => {
    const store = await storeOf(spans);
    const more = draw('d | 3-4 | db', { traceId: '1' }).map(span => ({ ...span, parentSpanId: spans[0]!.spanId }));
    const { result } = await loadDump(store, otlpJson([...spans, ...more]));
    expect(result).toEqual({ spans: 1, traces: 2, duplicates: 3, sharedIds: 0, cuts: 0 });
    expect(await snapshotOf(store.database)).toEqual(await snapshotOf((await storeOf([...spans, ...more])).database));
  });

  async function viewSizes(database: Database): Promise<unknown> {
    const views = ['spans', 'traces', 'span_attributes', 'span_events', 'span_links', 'resources', 'services'];
    return database.rows(
      views.map(view => `SELECT '${view}' AS view, count(*) AS rows FROM ${view}`).join(' UNION ALL '),
    );
  }
});

describe('several loads are as one', () => {
  test('in memory', async () => {
    await fc.assert(
      fc.asyncProperty(overlappingLoads, async loads => {
        const together = await loadedOnce([otlpJson(loads.flat())]);
        const apart = await loadedOnce(loads.map(otlpJson));
        expect(apart.snapshot).toEqual(together.snapshot);
        expect(apart.snapshot.faults).toBe(0);
        expect(total(apart.results, 'spans')).toBe(total(together.results, 'spans'));
        expect(total(apart.results, 'duplicates')).toBe(total(together.results, 'duplicates'));
      }),
      { numRuns: 12 },
    );
  });

  test('into a file that is opened for each', async () => {
    await fc.assert(
      fc.asyncProperty(overlappingLoads, async loads => {
        const path = join(temporaryFolder(), 'db');
        for (const load of loads) await withFile(path, store => loadDump(store, otlpJson(load)));
        const apart = await withFile(path, store => snapshotOf(store.database));
        expect(apart).toEqual((await loadedOnce([otlpJson(loads.flat())])).snapshot);
      }),
      { numRuns: 5 },
    );
  });

  test('whose spans are read back and assembled again as they are stored', async () => {
    await fc.assert(
      fc.asyncProperty(overlappingLoads, async loads => {
        const store = await openStore();
        for (const load of loads) await loadDump(store, otlpJson(load));
        for (const { traceId } of new Map(loads.flat().map(span => [span.traceId, span])).values()) {
          const trace = buildTrace(await readTrace(store.database, traceId));
          const stored = await store.database.rows(
            `SELECT span_id, self_ns AS self, depth, parentage FROM span
             WHERE trace_id = ${BigInt(`0x${traceId}`)}::UHUGEINT ORDER BY span_no`,
          );
          expect(
            trace.nodes.map(({ span, selfNano, depth, parentage }) => ({
              span_id: BigInt(`0x${span.spanId}`),
              self: selfNano,
              depth,
              parentage: ['child', 'root', 'orphan', 'cut'].indexOf(parentage),
            })),
          ).toEqual(stored);
        }
      }),
      { numRuns: 8 },
    );
  });
});

describe('Zipkin’s spans', () => {
  test('in several loads are as in one', async () => {
    await fc.assert(
      fc.asyncProperty(zipkinTraces, fc.infiniteStream(fc.nat(2)), async (spans, dice) => {
        const loads: ZipkinSpan[][] = [[], [], []];
        for (const span of spans) loads[dice.next().value!]!.push(span);
        const together = await loadedOnce([zipkinJson(spans)]);
        const apart = await loadedOnce(loads.filter(load => load.length > 0).map(zipkinJson));
        expect(apart.snapshot).toEqual(together.snapshot);
      }),
      { numRuns: 15 },
    );
  });

  const CLIENT: ZipkinSpan = {
    traceId: 'a1',
    id: 'b',
    parentId: 'a',
    kind: 'CLIENT',
    service: 'web',
    start: 2,
    duration: 6,
  };
  const SERVER: ZipkinSpan = { ...CLIENT, kind: 'SERVER', service: 'bank', start: 3, duration: 4 };
  const ROOT: ZipkinSpan = { traceId: 'a1', id: 'a', kind: 'SERVER', service: 'web', start: 1, duration: 9 };
  const QUERY: ZipkinSpan = {
    traceId: 'a1',
    id: 'c',
    parentId: 'b',
    kind: 'CLIENT',
    service: 'bank',
    start: 4,
    duration: 1,
  };

  test.each([
    ['all at once', [[ROOT, CLIENT, SERVER, QUERY]]],
    ['the server half later', [[ROOT, CLIENT, QUERY], [SERVER]]],
    ['the client half later', [[ROOT, SERVER, QUERY], [CLIENT]]],
    ['a child of the server half last of all', [[ROOT, CLIENT, SERVER], [QUERY]]],
    ['each alone', [[QUERY], [SERVER], [CLIENT], [ROOT]]],
    ['the server half alone, and once more with its client half', [[SERVER], [ROOT, CLIENT, SERVER, QUERY]]],
    [
      'a half twice',
      [
        [ROOT, SERVER, CLIENT, QUERY],
        [SERVER, CLIENT],
      ],
    ],
  ])('of one id are a client half, its server half, and a child of that: %s', async (_, loads) => {
    const { snapshot, results } = await loadedOnce(loads.map(zipkinJson));
    expect(snapshot.spans.map(({ serviceName, kind }) => `${serviceName} ${kind}`)).toEqual([
      'web server',
      'web client',
      'bank server',
      'bank client',
    ]);
    expect(snapshot.places.map(({ depth }) => depth)).toEqual([0, 1, 2, 3]);
    expect([total(results, 'spans'), results.at(-1)!.sharedIds]).toEqual([4, 0]);
  });

  test.each([
    ['the short form first', [['48485a3953bb6124'], ['463ac35c9f6413ad48485a3953bb6124']]],
    ['the long form first', [['463ac35c9f6413ad48485a3953bb6124'], ['48485a3953bb6124']]],
    ['both at once', [['48485a3953bb6124', '463ac35c9f6413ad48485a3953bb6124']]],
  ])('whose trace id is short here and long there are of one trace: %s', async (_, loads) => {
    const dump = (traceIds: readonly string[]) =>
      zipkinJson(traceIds.map(traceId => ({ ...(traceId.length > 16 ? ROOT : CLIENT), traceId })));
    const { snapshot, results } = await loadedOnce(loads.map(dump));
    expect(snapshot.spans.map(({ traceId, spanId }) => [traceId, spanId])).toEqual([
      ['463ac35c9f6413ad48485a3953bb6124', '000000000000000a'],
      ['463ac35c9f6413ad48485a3953bb6124', '000000000000000b'],
    ]);
    expect(results.at(-1)!.traces).toBe(1);
  });

  test('below a half are below the client half, where neither half is of their service', async () => {
    const other: ZipkinSpan = { ...QUERY, service: 'cart' };
    const shared: ZipkinSpan = { ...SERVER, shared: true };
    for (const loads of [
      [[ROOT, CLIENT, shared, other]],
      [[ROOT, shared, other], [CLIENT]],
      [[other], [CLIENT, shared], [ROOT]],
    ]) {
      const { snapshot } = await loadedOnce(loads.map(zipkinJson));
      expect(snapshot.spans.map(({ serviceName }, place) => `${serviceName} ${snapshot.places[place]!.depth}`)).toEqual(
        ['web 0', 'web 1', 'bank 2', 'cart 2'],
      );
    }
  });

  test('that would end after the last nanosecond of int64 end with it', async () => {
    const start = 1_795_165_200_000_000_000n;
    const { snapshot } = await loadedOnce([zipkinJson([{ ...ROOT, start: 0, duration: 9_000_000_000_000 }])]);
    expect(snapshot.spans.map(span => span.startTimeUnixNano + span.durationNano)).toEqual([2n ** 63n - 1n]);
    expect(snapshot.places.map(place => place.self_ns)).toEqual([2n ** 63n - 1n - start]);
    expect(snapshot.traces.map(trace => trace.duration_ns)).toEqual([2n ** 63n - 1n - start]);
  });

  test('do not take in spans of another format whose trace id ends like theirs', async () => {
    const store = await openStore();
    await loadDump(store, zipkinJson([{ ...ROOT, traceId: '48485a3953bb6124' }]));
    await loadDump(store, otlpJson(draw('a | 0-1', { traceId: '463ac35c9f6413ad48485a3953bb6124' })));
    expect(await store.database.value('SELECT count(*) FROM trace')).toBe(2n);
  });
});

describe('a load that is broken off', () => {
  test('leaves nothing, and the next one is as if it had not been', async () => {
    const store = await storeOf(draw('z | 0-9', { traceId: '9' }));
    const spans = draw('a | 0-9 | web | get | event: e @ 1, k=v\n b | 1-2 | | | error: no');
    const before = [await snapshotOf(store.database), await dictionarySizes(store.database)];
    await breakOff(store, otlpJson(spans));
    expect([await snapshotOf(store.database), await dictionarySizes(store.database)]).toEqual(before);
    const { result } = await loadDump(store, otlpJson(spans));
    expect(result.spans).toBe(2);
    expect((await snapshotOf(store.database)).spans.map(({ spanId }) => drawnIdOf(spanId))).toEqual(['a', 'b', 'z']);
  });

  test('leaves a file as it was', async () => {
    const path = join(temporaryFolder(), 'db');
    const before = await withFile(path, async store => {
      await loadDump(store, otlpJson(draw('z | 0-9', { traceId: '9' })));
      return snapshotOf(store.database);
    });
    await withFile(path, store => breakOff(store, otlpJson(draw('a | 0-9'))));
    expect(await withFile(path, store => snapshotOf(store.database))).toEqual(before);
  });

  /** Loads a dump but for its end, and then gives up. */
  async function breakOff(store: Store, dump: string): Promise<void> {
    const loader = await store.loader();
    const decoder = new SourceDecoder(
      { producer: loader.newProducer(), firstValueId: loader.nextAttributeId, onBatch: batch => loader.add(batch) },
      { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS },
    );
    await loader.begin();
    await decoder.decode(
      { name: 'dump', path: undefined, bytes: dump.length },
      undefined,
      chunked(Buffer.from(dump), 99),
    );
    decoder.writer.flush();
    await loader.abort();
  }

  async function dictionarySizes(database: Database): Promise<unknown> {
    const tables = ['attribute', 'key', 'event_name', 'service', 'operation', 'resource', 'scope', 'status', 'ingest'];
    return database.rows(
      tables.map(table => `SELECT '${table}' AS name, count(*) AS rows FROM ${table}`).join(' UNION ALL '),
    );
  }
});

function total(results: readonly LoadResult[], count: 'spans' | 'duplicates'): number {
  return results.reduce((sum, result) => sum + result[count], 0);
}

async function loadedOnce(dumps: readonly string[]) {
  const store = await Store.open({ path: ':memory:', now: () => TEST_NOW });
  try {
    const results: LoadResult[] = [];
    for (const dump of dumps) results.push((await loadDump(store, dump)).result);
    return { snapshot: await snapshotOf(store.database), results };
  } finally {
    store.close();
  }
}

/** Opens a database file for as long as `use` takes. */
async function withFile<Result>(path: string, use: (store: Store) => Promise<Result>): Promise<Result> {
  const store = await Store.open({ path, now: () => TEST_NOW });
  try {
    return await use(store);
  } finally {
    store.close();
  }
}
