import { describe, expect, test } from 'vitest';
import { Quirk } from '../../src/model/span-batch.ts';
import { decodeDump, decodeDumps } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';

// Zipkin v2 JSON, file by file as fixtures/README.md tells it.

/** The id of the server half of span 2: that of the client half, turned. */
const SERVER_HALF = '68616c6673657274';
const START = 1_793_606_400_000_000_000n;

const short = (spanId: string | undefined) => spanId?.replace(/^0+(?=.)/, '');

describe('a call whose halves share an id', () => {
  const treeOf = async (file: string) => {
    const { spans, result } = await readDump(fixture(`zipkin-json/${file}`));
    const tree = spans.map(span => [
      span.name,
      span.serviceName,
      span.kind,
      short(span.spanId),
      short(span.parentSpanId),
    ]);
    return { tree, result };
  };
  const TREE = [
    ['get /', 'frontend', 'server', '1', undefined],
    ['get', 'frontend', 'client', '2', '1'],
    ['encode', 'frontend', 'internal', '3', '2'],
    ['get /api', 'backend', 'server', SERVER_HALF, '2'],
    ['query', 'backend', 'client', '4', SERVER_HALF],
  ];

  test.each(['shared-spans.json', 'shared-spans-unmarked.json'])(
    'becomes two spans in %s, and each child stays with its half',
    async file => {
      const { tree, result } = await treeOf(file);
      expect(tree).toEqual(TREE);
      expect(result).toMatchObject({ spans: 5, duplicates: 0, sharedIds: 0 });
    },
  );

  test('whose client half never came hangs where the client half would', async () => {
    const { tree } = await treeOf('shared-server-alone.json');
    expect(tree).toEqual([
      ['get /', 'frontend', 'server', '1', undefined],
      ['get /api', 'backend', 'server', SERVER_HALF, '1'],
      ['query', 'backend', 'client', '4', SERVER_HALF],
    ]);
  });

  test('and that was answered twice has two server halves', async () => {
    const { tree, result } = await treeOf('shared-spans-twice.json');
    expect(tree).toEqual([
      ['get /', 'frontend', 'server', '1', undefined],
      ['get', 'frontend', 'client', '2', '1'],
      ['get /api', 'backend', 'server', SERVER_HALF, '2'],
      ['get /api', 'backend', 'server', SERVER_HALF, '2'],
    ]);
    expect(result).toMatchObject({ spans: 4, duplicates: 0, sharedIds: 2 });
  });

  test('is marked, so that its halves are known for what they are', async () => {
    const { spans } = await decodeDump(fixture('zipkin-json/shared-spans.json'));
    expect(spans.map(({ name, quirks }) => [name, quirks])).toEqual([
      ['query', Quirk.sharedParent],
      ['get /api', Quirk.sharedParent | Quirk.shared],
      ['encode', Quirk.sharedParent],
      ['get', Quirk.sharedParent],
      ['get /', Quirk.sharedParent],
    ]);
  });
});

test('ids of 32 and of 16 digits are one trace', async () => {
  const { spans, result } = await readDump(fixture('zipkin-json/mixed-64-128.json'));
  expect(result.traces).toBe(1);
  expect(spans.map(span => [span.traceId, short(span.spanId), short(span.parentSpanId)])).toEqual([
    ['34e419fa6a200c93b33e6200fe1f1b02', '1', undefined],
    ['34e419fa6a200c93b33e6200fe1f1b02', '2', '1'],
    ['34e419fa6a200c93b33e6200fe1f1b02', '3', '2'],
    ['34e419fa6a200c93b33e6200fe1f1b02', '4', '3'],
  ]);
});

test('an array of arrays, a span a line and an array a line hold the same spans', async () => {
  const files = ['arrays-of-arrays.json', 'lines.jsonl', 'batches.jsonl'];
  const dumps = await decodeDumps(files.map(file => fixture(`zipkin-json/${file}`)));
  const other = '00000000000000000000000000c0ffee';
  for (const { account, spans } of dumps) {
    expect(
      spans.map(span => [span.name, short(span.spanId), short(span.parentSpanId), span.traceId === other]),
    ).toEqual([
      ['get /', '1', undefined, false],
      ['work', '2', '1', false],
      ['other', '3', undefined, true],
    ]);
    expect(account).toMatchObject({ skipped: [], repaired: [] });
  }
  expect(dumps.map(({ account }) => account.documents)).toEqual([1, 3, 2]);
});

test('times that were not recorded are taken from the parent, and it is known which', async () => {
  const { spans } = await readDump(fixture('zipkin-json/absent-timestamps.json'));
  const absent = { 'otel.zipkin.absentField.startTime': true };
  expect(
    spans.map(span => [
      short(span.spanId),
      span.startTimeUnixNano - START,
      span.durationNano,
      span.quirks - Quirk.sharedParent,
      span.attributes,
    ]),
  ).toEqual([
    ['1', 1_000_000n, 100_000_000n, 0, {}],
    ['3', 1_000_000n, 0n, Quirk.startUnknown | Quirk.endUnknown, absent],
    ['4', 1_000_000n, 500_000n, Quirk.startUnknown, { only: 'a duration', ...absent }],
    // It says zero, which is no time, and a duration of zero, which is one.
    ['5', 1_000_000n, 0n, Quirk.startUnknown, absent],
    ['2', 2_000_000n, 0n, Quirk.endUnknown, {}],
  ]);
});

test('the tag error marks a failure whatever it says but false', async () => {
  const { spans } = await decodeDump(fixture('zipkin-json/error-tags.json'));
  expect(spans.map(({ name, status, attributes }) => [name, status.code, status.message, attributes])).toEqual([
    ['none', 'unset', '', {}],
    ['empty', 'error', '', {}],
    ['true', 'error', '', {}],
    ['false', 'unset', '', { error: 'false' }],
    ['text', 'error', 'connection refused: 10.0.0.2:5432', {}],
    ['code', 'error', '', {}],
    ['code and text', 'error', 'no route', {}],
    ['ok', 'ok', '', {}],
    ['description', 'error', 'described', {}],
    ['http only', 'unset', '', { 'http.status_code': '500' }],
  ]);
});

test('annotations are events, with attributes where an exporter encoded some', async () => {
  const { spans } = await decodeDump(fixture('zipkin-json/annotations.json'));
  expect(spans[0]?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
    ['cache miss', {}],
    ['ws', {}],
    ['retry 3', {}],
    ['a|b|3', {}],
    ['{"not": "an event"}', {}],
    ['"quoted"', {}],
    ['exception', { 'exception.type': 'Timeout', 'exception.message': 'no answer | after 5s' }],
    ['checkpoint', { bytes: 9_007_199_254_740_993n, ok: true, 'otel.dropped_attributes_count': 2n }],
    ['exception', { 'exception.type': 'Timeout', attempts: [1n, 2n] }],
  ]);
  expect(spans[0]?.events.map(({ timeUnixNano }) => timeUnixNano - START - 1_000_000n)).toEqual([
    0n,
    1000n,
    2000n,
    3000n,
    4000n,
    5000n,
    6000n,
    7000n,
    8000n,
  ]);
});

test('tags of exporters become links, scope, resource and counts again', async () => {
  const { account, spans } = await readDump(fixture('zipkin-json/links-and-resource-tags.json'));
  expect(spans).toMatchObject([
    {
      name: 'process orders',
      kind: 'consumer',
      serviceName: 'worker',
      attributes: {
        'network.local.address': '2001:db8::1',
        'network.local.port': 40_000n,
        'peer.service': 'kafka',
        'network.peer.address': '10.0.0.9',
        'network.peer.port': 9092n,
        'messaging.batch.message_count': '2',
      },
      resource: {
        'service.name': 'worker',
        'service.version': '1.0',
        'service.instance.id': 'worker-1',
        'telemetry.sdk.name': 'opentelemetry',
        'k8s.pod.name': 'worker-5d8f7c9b4-x2x9q',
      },
      scope: { name: 'kafka', version: '0.3.0', attributes: {} },
      links: [
        {
          traceId: 'a1fbefbeffb0c1d2e3f405162738495a',
          spanId: 'fbefbe0000000003',
          attributes: { 'w3c.tracestate': 'vendor=x', reason: 'a|b', count: 2n },
        },
        { traceId: 'b2fbefbeffb0c1d2e3f405162738495b', spanId: 'fbefbe0000000004', attributes: {} },
      ],
      flags: 1,
      traceState: 'ot=th:8',
      droppedAttributesCount: 2,
    },
  ]);
  expect(account).toMatchObject({ skipped: [], repaired: [] });
});

describe('endpoints', () => {
  test('may have no service, no address, or be missing', async () => {
    const { spans } = await decodeDump(fixture('zipkin-json/odd-endpoints.json'));
    expect(spans.map(({ serviceName, resource, attributes }) => [serviceName, resource, attributes])).toEqual([
      ['unknown_service', {}, { 'network.local.address': '10.0.0.1', 'network.peer.port': 443n }],
      ['unknown_service', {}, {}],
      ['Front End', { 'service.name': 'Front End' }, { 'network.peer.address': '10.0.0.3' }],
    ]);
  });

  test('name the service together with the tag service.name, which is told once', async () => {
    const span = (id: string, serviceName: string | undefined, tag?: string) => ({
      traceId: '1',
      id,
      timestamp: 1,
      localEndpoint: { serviceName },
      tags: tag === undefined ? {} : { 'service.name': tag, 'service.version': '1' },
    });
    const { spans } = await decodeDump(
      JSON.stringify([span('1', 'a', 'a'), span('2', 'a', 'b'), span('3', undefined, 'c'), span('4', 'a')]),
    );
    expect(spans.map(({ serviceName, resource, attributes }) => [serviceName, resource, attributes])).toEqual([
      ['a', { 'service.name': 'a', 'service.version': '1' }, {}],
      ['b', { 'service.name': 'b', 'service.version': '1' }, {}],
      ['c', { 'service.name': 'c', 'service.version': '1' }, {}],
      ['a', { 'service.name': 'a' }, {}],
    ]);
  });
});

describe('a field', () => {
  test.each([
    [{ shared: 'true' }, { spanId: '0000000000000001' }, ['unexpected-type']],
    [{ shared: 1, debug: {} }, { flags: 0 }, ['unexpected-type', 'unexpected-type']],
    [{ shared: null, debug: false }, { flags: 0 }, []],
    [{ kind: 'client' }, { kind: 'client' }, []],
    [{ kind: 'OTHER' }, { kind: 'internal' }, []],
    [{ kind: 7, name: [] }, { kind: 'internal', name: '' }, ['unexpected-type']],
    [{ tags: { 'span.kind': 'producer' } }, { kind: 'producer', attributes: {} }, []],
    [{ kind: 'SERVER', tags: { 'span.kind': 'producer' } }, { kind: 'server', attributes: {} }, []],
    [
      { tags: { a: 1, b: true, c: null, d: ['x'], error: true } },
      { attributes: { a: 1n, b: true, d: ['x'] }, status: { code: 'error', message: '' } },
      [],
    ],
    [{ tags: [] }, { attributes: {} }, ['unexpected-type']],
    [{ annotations: 'a' }, { events: [] }, ['unexpected-type']],
    [
      { annotations: [null, 'a', { value: 5 }, {}] },
      {
        events: [
          { timeUnixNano: 0n, name: '5', attributes: {} },
          { timeUnixNano: 0n, name: '', attributes: {} },
        ],
      },
      ['unexpected-type'],
    ],
    [{ localEndpoint: 'a', remoteEndpoint: null }, { serviceName: 'unknown_service' }, ['unexpected-type']],
    [
      { remoteEndpoint: { ipv4: '', ipv6: '::1', port: '80' } },
      { attributes: { 'network.peer.address': '::1', 'network.peer.port': 80n } },
      [],
    ],
    [
      { timestamp: 'x' },
      { startTimeUnixNano: 0n, quirks: Quirk.sharedParent | Quirk.startUnknown | Quirk.endUnknown },
      ['invalid-time'],
    ],
    [{ timestamp: 1.5, duration: -1 }, { startTimeUnixNano: 1000n, durationNano: 0n }, ['end-before-start']],
    [
      { timestamp: '1793606520000000.5', duration: 0.9 },
      { startTimeUnixNano: 1_793_606_520_000_000_000n, durationNano: 0n },
      [],
    ],
    [{ parentId: '0000000000000000' }, { parentSpanId: undefined }, []],
    [{ traceId: '0'.repeat(32), id: '0'.repeat(16) }, { spanId: '0'.repeat(16) }, ['zero-id', 'zero-id']],
    [{ tags: { 'span.kind': 'odd' } }, { kind: 'internal', attributes: { 'span.kind': 'odd' } }, []],
    [{ tags: { 'otel.status_code': 'odd' } }, { attributes: { 'otel.status_code': 'odd' } }, []],
    [{ parentId: null }, { parentSpanId: undefined }, []],
  ])('%j is read as it is meant', async (changes, expected, repaired) => {
    const span = { traceId: '1', id: '1', timestamp: 1, tags: {}, ...changes };
    const { account, spans } = await decodeDump(JSON.stringify([span]));
    expect(spans[0]).toMatchObject(expected);
    expect(account.repaired.flatMap(({ reason, count }) => Array.from({ length: count }, () => reason))).toEqual(
      repaired,
    );
    expect(account.skipped).toEqual([]);
  });

  test('that is missing costs the span where it is an id', async () => {
    const { account, spans } = await decodeDump(
      JSON.stringify([
        { traceId: '1', id: '1', timestamp: 1 },
        { id: '2', timestamp: 1 },
        { traceId: '1', timestamp: 1 },
        { traceId: 'not an id', id: 'nor this', timestamp: 1 },
      ]),
    );
    expect(spans.map(({ spanId, attributes }) => [short(spanId), attributes])).toEqual([
      ['1', {}],
      [short(spans[1]!.spanId), { 'tailspan.trace_id': 'not an id', 'tailspan.span_id': 'nor this' }],
    ]);
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['missing-trace-id', 1],
      ['missing-span-id', 1],
    ]);
    expect(account.repaired).toEqual([{ reason: 'invented-id', count: 2, first: { offset: 95, detail: 'not an id' } }]);
  });
});
