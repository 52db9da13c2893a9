import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Quirk } from '../../src/model/span-batch.ts';
import { type DecodedSpan, decodeDump, decodeDumps } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('nested.json', async () => {
    const { account, spans } = await decodeDump(fixture('chrome-trace/nested.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: 'c4aaa6b80106bdfdbc0dbc17c3603340',
        spanId: '5a4535d142aaaf55',
        parentSpanId: 'bc0dbc17c3603340',
        name: 'parse',
        kind: 'internal',
        serviceName: 'tsc',
        startTimeUnixNano: 1100500n,
        durationNano: 200250n,
        attributes: {
          cat: 'build',
          'thread.id': 7n,
          'thread.name': 'main',
          'args.size': 12n,
          'args.deep.kind': 'ts',
          tts: 90n,
        },
        resource: { 'service.name': 'tsc', process_labels: 'watch', 'process.pid': 1n },
        events: [{ timeUnixNano: 1200000n, name: 'cache miss', attributes: { 'args.key': 'k', s: 't', cat: 'build' } }],
      },
      {
        traceId: 'c4aaa6b80106bdfdbc0dbc17c3603340',
        spanId: 'bc0dbc17c3603340',
        name: 'compile',
        kind: 'internal',
        serviceName: 'tsc',
        startTimeUnixNano: 1000000n,
        durationNano: 600001n,
        attributes: { cat: 'build', 'thread.id': 7n, 'thread.name': 'main', 'args.file': 'a.ts', 'args.ok': true },
        resource: { 'service.name': 'tsc', process_labels: 'watch', 'process.pid': 1n },
      },
      {
        traceId: 'c4aaa6b80106bdfdbc0dbc17c3603340',
        spanId: '34eba2fdc08a2394',
        name: 'written',
        kind: 'internal',
        serviceName: 'tsc',
        startTimeUnixNano: 1700000n,
        durationNano: 0n,
        attributes: { cat: 'build', 'thread.id': 7n, 'thread.name': 'main', s: 'p' },
        resource: { 'service.name': 'tsc', process_labels: 'watch', 'process.pid': 1n },
      },
    ]);
  });

  test('object.json', async () => {
    const { account, spans } = await decodeDump(fixture('chrome-trace/object.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: 'ee203001ff2502dd9e409e865f1fd361',
        spanId: '3c78183fde6a4f76',
        parentSpanId: '9e409e865f1fd361',
        name: 'parse',
        kind: 'internal',
        serviceName: 'tsc',
        startTimeUnixNano: 1100500n,
        durationNano: 200250n,
        attributes: {
          cat: 'build',
          'thread.id': 7n,
          'thread.name': 'main',
          'args.size': 12n,
          'args.deep.kind': 'ts',
          tts: 90n,
        },
        resource: {
          'service.name': 'tsc',
          process_labels: 'watch',
          'process.pid': 1n,
          'otherData.bazel_version': 'release 8.0.0',
          'otherData.build_id': 'b-1',
          'metadata.source': 'DevTools',
        },
        events: [{ timeUnixNano: 1200000n, name: 'cache miss', attributes: { 'args.key': 'k', s: 't', cat: 'build' } }],
      },
      {
        traceId: 'ee203001ff2502dd9e409e865f1fd361',
        spanId: '9e409e865f1fd361',
        name: 'compile',
        kind: 'internal',
        serviceName: 'tsc',
        startTimeUnixNano: 1000000n,
        durationNano: 600001n,
        attributes: { cat: 'build', 'thread.id': 7n, 'thread.name': 'main', 'args.file': 'a.ts', 'args.ok': true },
        resource: {
          'service.name': 'tsc',
          process_labels: 'watch',
          'process.pid': 1n,
          'otherData.bazel_version': 'release 8.0.0',
          'otherData.build_id': 'b-1',
          'metadata.source': 'DevTools',
        },
      },
      {
        traceId: 'ee203001ff2502dd9e409e865f1fd361',
        spanId: '171e856c5c49c3b5',
        name: 'written',
        kind: 'internal',
        serviceName: 'tsc',
        startTimeUnixNano: 1700000n,
        durationNano: 0n,
        attributes: { cat: 'build', 'thread.id': 7n, 'thread.name': 'main', s: 'p' },
        resource: {
          'service.name': 'tsc',
          process_labels: 'watch',
          'process.pid': 1n,
          'otherData.bazel_version': 'release 8.0.0',
          'otherData.build_id': 'b-1',
          'metadata.source': 'DevTools',
        },
      },
    ]);
  });

  test('ended-first.json', async () => {
    const { account, spans } = await decodeDump(fixture('chrome-trace/ended-first.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: 'ed9205fa7d9175ac9282a5dff270487a',
        spanId: '9282a5dff270487a',
        parentSpanId: '30ba1f9971bac48f',
        name: 'leaf',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 20000n,
        durationNano: 10000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: 'ed9205fa7d9175ac9282a5dff270487a',
        spanId: '30ba1f9971bac48f',
        parentSpanId: '6d29130c704fbcb9',
        name: 'inner',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 10000n,
        durationNano: 30000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: 'ed9205fa7d9175ac9282a5dff270487a',
        spanId: 'cef19952f10540a4',
        parentSpanId: '6d29130c704fbcb9',
        name: 'second',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 45000n,
        durationNano: 5000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: 'ed9205fa7d9175ac9282a5dff270487a',
        spanId: '6d29130c704fbcb9',
        name: 'outer',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 10000n,
        durationNano: 60000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: 'ed9205fa7d9175ac9282a5dff270487a',
        spanId: 'a998067f6ee4b4e3',
        name: 'other thread',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 30000n,
        durationNano: 5000n,
        attributes: { cat: 'build', 'thread.id': 8n },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: 'ed9205fa7d9175ac9282a5dff270487a',
        spanId: '0b608cc5ef9a38ce',
        name: 'overlapping',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 65000n,
        durationNano: 20000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
    ]);
  });

  test('unmatched.json', async () => {
    const { account, spans } = await decodeDump(fixture('chrome-trace/unmatched.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [['unmatched-end', 2]], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '44579923850176568eca4b22dc150177',
        spanId: '6970b84f59f475b6',
        parentSpanId: 'cb393e95daa9f9a1',
        name: 'anonymous',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 30000n,
        durationNano: 5000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: '44579923850176568eca4b22dc150177',
        spanId: 'cb393e95daa9f9a1',
        parentSpanId: '2d01c4dc5b5f7d8c',
        name: 'never ends',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 20000n,
        durationNano: 0n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
        quirks: 4,
      },
      {
        traceId: '44579923850176568eca4b22dc150177',
        spanId: '2d01c4dc5b5f7d8c',
        name: 'outer',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 10000n,
        durationNano: 40000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: '44579923850176568eca4b22dc150177',
        spanId: 'e24e9f35571e660a',
        name: 'cut off',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 60000n,
        durationNano: 0n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
        quirks: 4,
      },
    ]);
  });

  test('async-and-flows.json', async () => {
    const { account, spans } = await decodeDump(fixture('chrome-trace/async-and-flows.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: '6d27aade9da38373',
        parentSpanId: 'cef031251e59075e',
        name: 'connect',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 110000n,
        durationNano: 10000n,
        attributes: { cat: 'net', 'thread.id': 8n, id: '0x1' },
        resource: { 'process.pid': 1n },
        events: [
          { timeUnixNano: 115000n, name: 'first byte', attributes: { 'args.bytes': 1n, id: '0x1', cat: 'net' } },
        ],
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: 'e60591c49acd73c7',
        name: 'local',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 100000n,
        durationNano: 30000n,
        attributes: { cat: 'net', 'thread.id': 7n, 'id2.local': '0x1' },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: '843d0b7e1a17efdc',
        name: 'local',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 105000n,
        durationNano: 35000n,
        attributes: { cat: 'net', 'thread.id': 7n, 'id2.local': '0x1' },
        resource: { 'process.pid': 2n },
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: '5ee378aa97f7641b',
        name: 'load',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 100000n,
        durationNano: 80000n,
        attributes: { cat: 'build', 'thread.id': 7n, id: 9n },
        resource: { 'process.pid': 1n },
        events: [{ timeUnixNano: 150000n, name: 'half', attributes: { 'args.step': 'half', id: 9n, cat: 'build' } }],
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: 'cef031251e59075e',
        name: 'request',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 100000n,
        durationNano: 100000n,
        attributes: { cat: 'net', 'thread.id': 7n, id: '0x1' },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: '3989e5d715d6d85a',
        name: 'sender',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 300000n,
        durationNano: 10000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: '75f8d94a146bd084',
        name: 'relay',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 320000n,
        durationNano: 10000n,
        attributes: { cat: 'build', 'thread.id': 8n },
        resource: { 'process.pid': 1n },
        links: [{ traceId: '4f642e5acdc20dadcef031251e59075e', spanId: '3989e5d715d6d85a' }],
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: '509f4676924b44c3',
        name: 'receiver',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 340000n,
        durationNano: 10000n,
        attributes: { cat: 'build', 'thread.id': 9n },
        resource: { 'process.pid': 1n },
        links: [{ traceId: '4f642e5acdc20dadcef031251e59075e', spanId: '75f8d94a146bd084' }],
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: 'eed6c0301195c0d8',
        name: 'producer',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 400000n,
        durationNano: 5000n,
        attributes: { cat: 'build', 'thread.id': 7n, bind_id: '0x2', flow_out: true },
        resource: { 'process.pid': 1n },
      },
      {
        traceId: '4f642e5acdc20dadcef031251e59075e',
        spanId: '8d0e39e990e03ced',
        name: 'consumer',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 410000n,
        durationNano: 5000n,
        attributes: { cat: 'build', 'thread.id': 8n, bind_id: '0x2', flow_in: true },
        resource: { 'process.pid': 1n },
        links: [{ traceId: '4f642e5acdc20dadcef031251e59075e', spanId: 'eed6c0301195c0d8' }],
      },
    ]);
  });

  test('exact-times.json', async () => {
    const { account, spans } = await decodeDump(fixture('chrome-trace/exact-times.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '4365b770c529fd41d71c04a73ddfa263',
        spanId: 'd71c04a73ddfa263',
        name: 'exact',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 1793606400000000123n,
        durationNano: 1000001n,
        attributes: { 'thread.id': 1n, 'args.dur': 0.5 },
        resource: { 'process.pid': 1n },
      },
    ]);
  });

  test('foreign.json', async () => {
    const { account, spans } = await decodeDump(fixture('chrome-trace/foreign.json'));
    expect(countsOf(account)).toEqual({
      documents: 1,
      skipped: [
        ['metric-records', 1],
        ['profile-records', 1],
        ['other-records', 5],
      ],
      repaired: [],
    });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '3dd47318fa70c4528ca3e67d39634444',
        spanId: '8ca3e67d39634444',
        name: 'work',
        kind: 'internal',
        serviceName: 'unknown_service',
        startTimeUnixNano: 10000n,
        durationNano: 5000n,
        attributes: { cat: 'build', 'thread.id': 7n },
        resource: { 'process.pid': 1n },
      },
    ]);
  });
});

/** The tree of spans by name: `outer(inner(leaf))`. */
function treeOf(spans: readonly DecodedSpan[]): string {
  const draw = (parent: string | undefined): string =>
    spans
      .filter(span => span.parentSpanId === parent)
      .sort((a, b) =>
        a.startTimeUnixNano < b.startTimeUnixNano ? -1 : a.startTimeUnixNano > b.startTimeUnixNano ? 1 : 0,
      )
      .map(span => {
        const inner = draw(span.spanId);
        return inner === '' ? span.name : `${span.name}(${inner})`;
      })
      .join(' ');
  return draw(undefined);
}

describe('containers', () => {
  test('an array without its end is whole', async () => {
    const { account, spans } = await decodeDump(fixture('chrome-trace/open-end.json'));
    expect(account.fault).toBeUndefined();
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(treeOf(spans)).toBe('compile(parse) written');
  });

  test.each(['[{"ph":"X","ts":1,"dur":1}', '[{"ph":"X","ts":1,"dur":1},', '[{"ph":"X","ts":1,"dur":1} , \n\0\0'])(
    'so is %j',
    async text => {
      const { account, spans } = await decodeDump(text);
      expect(account.fault).toBeUndefined();
      expect(spans).toHaveLength(1);
    },
  );

  test('an event that is cut off is a fault, and so is an object without its end', async () => {
    for (const text of [
      '[{"ph":"X","ts":1,"dur":1},{"ph":"X","ts"',
      '{"traceEvents":[{"ph":"X","ts":1,"dur":1}',
      '[{"ph":"X","ts":1},"',
    ]) {
      const { account, spans } = await decodeDump(text);
      expect(account.fault?.message).toMatch(/^is cut off/);
      expect(spans).toHaveLength(1);
    }
  });

  test('an array of another format is not whole without its end', async () => {
    const { account } = await decodeDump('[{"traceId":"1","id":"2","timestamp":1,"name":"zipkin"}');
    expect(account.fault?.message).toMatch(/^is cut off/);
  });

  test('two recordings are two traces, and the same one twice is one', async () => {
    const [nested, other] = ['nested', 'unmatched'].map(name => fixture(`chrome-trace/${name}.json`).toString());
    const { account, spans } = await decodeDump(`${nested}\n${other}\n${nested}`);
    expect(account.documents).toBe(3);
    expect(spans).toHaveLength(10);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(2);
    expect(spans.slice(0, 3)).toEqual(spans.slice(7));
  });

  test('a recording that grew has its id again', async () => {
    const events = Array.from({ length: 200 }, (_, index) => ({
      ph: 'X',
      pid: 1,
      tid: 1,
      ts: index * 10,
      dur: 5,
      name: `e${index}`,
    }));
    const [first, second] = await decodeDumps([150, 200].map(count => JSON.stringify(events.slice(0, count))));
    expect(second?.spans.slice(0, 150)).toEqual(first?.spans);
  });
});

describe('nesting', () => {
  const X = (name: string, ts: number, dur: number, more: object = {}) => ({
    ph: 'X',
    pid: 1,
    tid: 1,
    ts,
    dur,
    name,
    ...more,
  });
  const decoded = async (events: readonly object[]) => (await decodeDump(JSON.stringify(events))).spans;

  test('is by time, whatever the order', async () => {
    const events = [X('a', 0, 100), X('b', 10, 50), X('c', 20, 10), X('d', 40, 10), X('e', 70, 30), X('f', 100, 5)];
    const expected = 'a(b(c d) e) f';
    expect(treeOf(await decoded(events))).toBe(expected);
    expect(treeOf(await decoded(events.toReversed()))).toBe(expected);
    expect(treeOf(await decoded([3, 0, 5, 1, 4, 2].map(index => events[index]!)))).toBe(expected);
  });

  test('of events of one extent is in the order of the file', async () => {
    expect(treeOf(await decoded([X('a', 1, 1), X('b', 1, 1), X('c', 1, 1)]))).toBe('a(b(c))');
  });

  test('forgives ends that rounding put behind their parent, and no more', async () => {
    expect(treeOf(await decoded([X('a', 0, 10), X('b', 5, 6)]))).toBe('a(b)');
    expect(treeOf(await decoded([X('a', 0, 10), X('b', 5, 7)]))).toBe('a b');
  });

  test('is by thread and process', async () => {
    const events = [
      X('a', 0, 100),
      X('b', 10, 10, { tid: 2 }),
      X('c', 10, 10, { pid: 2 }),
      X('d', 10, 10, { tid: '1' }),
    ];
    expect(treeOf(await decoded(events))).toBe('a(d) b c');
  });

  test('an end closes what it names, and what began inside of it has no end', async () => {
    const spans = await decoded([
      { ph: 'B', tid: 1, ts: 1, name: 'a' },
      { ph: 'B', tid: 1, ts: 2, name: 'b' },
      { ph: 'E', tid: 1, ts: 9, name: 'a' },
      { ph: 'B', tid: 1, ts: 10, name: 'c' },
      { ph: 'E', tid: 1, ts: 11 },
    ]);
    expect(treeOf(spans)).toBe('a(b) c');
    expect(spans.map(({ name, durationNano, quirks }) => [name, durationNano, quirks])).toEqual([
      ['b', 0n, Quirk.endUnknown],
      ['a', 8000n, 0],
      ['c', 1000n, 0],
    ]);
  });

  test('holds for more events than are held at once', async () => {
    // 150,000 events, children first, in tasks of three: an order in which only what is near needs to be sorted.
    const text: string[] = [];
    for (let task = 0; task < 50_000; task++) {
      const ts = task * 100;
      for (const [name, at, dur] of [
        ['leaf', ts + 20, 10],
        ['inner', ts + 10, 30],
        ['outer', ts, 90],
      ] as const) {
        text.push(`{"ph":"X","pid":1,"tid":1,"ts":${at},"dur":${dur},"name":"${name}"}`);
      }
    }
    const { spans } = await decodeDump(`[${text.join(',\n')}`);
    expect(spans).toHaveLength(150_000);
    const names = new Map(spans.map(span => [span.spanId, span.name]));
    expect(names.size).toBe(150_000);
    const edges = Map.groupBy(spans, span => `${span.name} in ${names.get(span.parentSpanId ?? '') ?? 'nothing'}`);
    expect([...edges].map(([edge, of]) => [edge, of.length]).sort()).toEqual([
      ['inner in outer', 50_000],
      ['leaf in inner', 50_000],
      ['outer in nothing', 50_000],
    ]);
  });

  test('what is open is bounded', async () => {
    const text = Array.from(
      { length: 70_000 },
      (_, index) => `{"ph":"b","cat":"c","id":${index},"ts":${index + 1},"name":"a"}`,
    );
    const { account, spans } = await decodeDump(
      `[${text.join(',')},{"ph":"e","cat":"c","id":0,"ts":80000,"name":"a"}]`,
    );
    expect(spans).toHaveLength(70_000);
    expect(countsOf(account)).toMatchObject({ skipped: [['unmatched-end', 1]] });
  });
});

describe('bad events', () => {
  test.each([
    ['{"ph":"X","ts":"soon","dur":1,"name":"a"}', [['invalid-time', 1]]],
    ['{"ph":"X","dur":1,"name":"a","pid":1}', [['invalid-time', 1]]],
    ['{"ph":"X","ts":5,"dur":-1,"name":"a"}', [['end-before-start', 1]]],
    ['{"ph":"X","ts":-5,"dur":1,"name":"a"}', [['invalid-time', 1]]],
    ['{"ph":"X","ts":1e300,"dur":1,"name":"a"}', [['invalid-time', 1]]],
    ['{"ph":"X","ts":5,"dur":1,"name":{"a":1},"args":[1],"cat":7,"pid":{},"tid":null}', []],
  ])('%s is kept', async (event, repaired) => {
    const { account, spans } = await decodeDump(`[{"ph":"X","ts":1,"dur":1,"name":"first"},${event}]`);
    expect(countsOf(account)).toMatchObject({ skipped: [], repaired });
    expect(spans).toHaveLength(2);
  });

  test('what is no event is counted', async () => {
    const { account, spans } = await decodeDump('[{"ph":"X","ts":1,"dur":1},null,7,"x",[],{"ph":7}]');
    expect(countsOf(account)).toMatchObject({ skipped: [['other-records', 1]] });
    expect(spans).toHaveLength(1);
  });

  test('args that are nested too deeply cost their event alone', async () => {
    const { account, spans } = await decodeDump(
      `[{"ph":"X","ts":1,"dur":1,"args":{"a":${'['.repeat(100)}${']'.repeat(100)}}},{"ph":"X","ts":2,"dur":1}]`,
    );
    expect(countsOf(account)).toMatchObject({ skipped: [['too-deep', 1]] });
    expect(spans).toHaveLength(1);
  });
});

describeRealData('real files', () => {
  test.each([
    [
      'chrome-116-trace.json',
      2713,
      [
        ['profile-records', 17],
        ['other-records', 3],
      ],
    ],
    [
      'chrome-65-simple-timeline.json',
      2728,
      [
        ['other-records', 4],
        ['unmatched-end', 38],
      ],
    ],
  ])('%s', async (file, count, skipped) => {
    const { account, spans } = await decodeDump(readFileSync(sharedData(`chrome/${file}`)));
    expect(account.fault).toBeUndefined();
    expect(countsOf(account)).toMatchObject({ documents: 1, repaired: [] });
    expect(account.skipped.map(({ reason, count: times }) => [reason, times]).sort()).toEqual(skipped.toSorted());
    expect(spans).toHaveLength(count);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(count);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  });

  test.each([
    ['matching-x.json', 'alpha(beta(gamma) gamma(beta))'],
    ['only-begin-events.json', 'A(B(C))'],
    ['out-of-order.json', 'A(B(C))'],
    ['simple.json', 'alpha(beta(gamma epsilon))'],
    ['simple-object.json', 'alpha(beta())'],
    ['simple-partial.json', 'alpha(beta(gamma epsilon))'],
    ['simple-partial-trailing-comma.json', 'alpha(beta(gamma epsilon))'],
    ['multiprocess.json', 'alpha beta gamma delta epsilon phi zeta eta'],
  ])('edge/%s', async (file, tree) => {
    const { account, spans } = await decodeDump(readFileSync(sharedData(`chrome/edge/${file}`)));
    expect(account.fault).toBeUndefined();
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    // An anonymous span draws as nothing.
    expect(treeOf(spans).replace('beta)', file === 'simple-object.json' ? 'beta())' : 'beta)')).toBe(tree);
  });

  test('an event without a duration lasts as long as its thread worked', async () => {
    const { spans } = await decodeDump(readFileSync(sharedData('chrome/edge/simple.json')));
    expect(spans.find(({ name }) => name === 'epsilon')).toMatchObject({
      startTimeUnixNano: 7000n,
      durationNano: 4000n,
    });
  });
});
