import { describe, expect, test } from 'vitest';
import { CARRIED_FIELDS } from '../../src/model/carried-fields.ts';
import { type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { PLAIN } from './plain-spans.ts';

// Jaeger JSON, file by file as fixtures/README.md tells it.

const cut = (nanos: bigint) => (nanos / 1000n) * 1000n;

/** The spans of `plain.json` as Jaeger can say them. */
const JAEGER_PLAIN = PLAIN.map(
  (span): DecodedSpan => ({
    ...span,
    startTimeUnixNano: cut(span.startTimeUnixNano),
    durationNano: cut(span.durationNano),
    attributes: Object.fromEntries(
      Object.entries(span.attributes)
        .filter(([key]) => key !== CARRIED_FIELDS.droppedAttributesCount)
        .map(([key, value]) => [key, Array.isArray(value) ? JSON.stringify(value) : value]),
    ),
    events: span.events.map(event => ({ ...event, timeUnixNano: cut(event.timeUnixNano) })),
    links: span.links.map(link => ({ ...link, attributes: { 'opentracing.ref_type': 'follows_from' } })),
    flags: 0,
  }),
);
const FIRST_TRACE = JAEGER_PLAIN.slice(0, 3);

describe('the spans of plain.json', () => {
  test.each([
    ['plain.json', JAEGER_PLAIN],
    ['array-of-traces.json', JAEGER_PLAIN],
    ['span-array.json', JAEGER_PLAIN],
    ['processes-first.json', JAEGER_PLAIN],
    ['lines.jsonl', JAEGER_PLAIN],
    ['single-trace.json', FIRST_TRACE],
    ['data-object.json', FIRST_TRACE],
    ['ui-download.json', FIRST_TRACE],
  ])('are in %s, and nothing in it is mended or left out', async (file, expected) => {
    const { account, spans } = await decodeDump(fixture(`jaeger-json/${file}`));
    expect(spans).toEqual(expected);
    expect(account).toMatchObject({ format: 'jaeger-json', skipped: [], repaired: [], fault: undefined });
  });

  test('are in api-v3.json as OTLP has them', async () => {
    expect((await decodeDump(fixture('jaeger-json/api-v3.json'))).spans).toEqual(PLAIN);
  });
});

describe('references', () => {
  test('give the parent: the first CHILD_OF within the trace, else FOLLOWS_FROM, else parentSpanID; the others are links', async () => {
    const { spans } = await decodeDump(fixture('jaeger-json/follows-from.json'));
    const here = spans[0]!.traceId;
    const elsewhere = '00000000000000000000000000c0ffee';
    const link = (traceId: string, spanId: string, type: string) => ({
      traceId,
      spanId: spanId.padStart(16, '0'),
      attributes: { 'opentracing.ref_type': type },
    });
    expect(spans.map(({ name, parentSpanId, links }) => [name, parentSpanId?.replace(/^0+/, ''), links])).toEqual([
      ['span 1', undefined, []],
      ['span 2', '1', []],
      ['span 3', '1', [link(here, '2', 'follows_from')]],
      ['span 4', '2', [link(here, '3', 'child_of')]],
      ['span 5', undefined, [link(elsewhere, 'ab', 'follows_from'), link(elsewhere, 'ac', 'child_of')]],
      ['span 6', '1', []],
    ]);
  });

  test('and ids may lack their leading zeros, and a reference its trace', async () => {
    const { spans } = await decodeDump(fixture('jaeger-json/short-ids.json'));
    const traceId = '000000000000000000000000000002f3';
    expect(spans.map(span => [span.traceId, span.spanId, span.parentSpanId])).toEqual([
      [traceId, '00000000000002f3', undefined],
      [traceId, '000000000000000a', '00000000000002f3'],
      [traceId, '000000000000000b', '000000000000000a'],
    ]);
  });
});

describe('tags', () => {
  test('of every type, as text, of foreign types and of none', async () => {
    const { account, spans } = await readDump(fixture('jaeger-json/tag-types.json'));
    expect(spans[0]?.attributes).toEqual({
      string: 'text',
      bool: true,
      'bool.as.text': true,
      int64: -7n,
      'int64.as.text': 9_007_199_254_740_993n,
      'int64.min': -9_223_372_036_854_775_808n,
      float64: 0.25,
      'float64.whole': 2,
      'float64.as.text': 1.5,
      binary: Uint8Array.of(0, 1, 2, 253, 254, 255),
      'other.int': 1n,
      'other.long': 2n,
      'other.number': 3n,
      'other.double': 4.5,
      'missing.type.text': 'x',
      'missing.type.number': 5n,
      'missing.type.bool': false,
      object: { a: [1n, 'b', null] },
      null: null,
      'number.as.string': 200n,
      twice: 'last',
    });
    expect(account).toMatchObject({ skipped: [], repaired: [] });
  });

  test('mark an error; a mark is no attribute, what is none stays one', async () => {
    const { spans } = await decodeDump(fixture('jaeger-json/error-tags.json'));
    expect(spans.map(({ name, status, attributes }) => [name, status.code, status.message, attributes])).toEqual([
      ['{"error":true}', 'error', '', {}],
      ['{"error":"true"}', 'error', '', {}],
      ['{"error":1}', 'error', '', {}],
      ['{"error":false}', 'unset', '', { error: false }],
      ['{"error":"false"}', 'unset', '', { error: 'false' }],
      ['{"error":0}', 'unset', '', { error: 0n }],
      ['{"otel.status_code":"ERROR","otel.status_description":"described"}', 'error', 'described', {}],
      ['{"otel.status_code":"OK"}', 'ok', '', {}],
      [
        '{"http.status_code":503,"span.kind":"server","http.status_message":"Service Unavailable"}',
        'unset',
        '',
        { 'http.status_code': 503n, 'http.status_message': 'Service Unavailable' },
      ],
      ['{"http.status_code":"500","span.kind":"server"}', 'unset', '', { 'http.status_code': '500' }],
      ['{"http.status_code":404,"span.kind":"client"}', 'unset', '', { 'http.status_code': 404n }],
      ['{"http.status_code":404,"span.kind":"server"}', 'unset', '', { 'http.status_code': 404n }],
    ]);
  });

  test.each([
    [{ 'otel.scope.name': 'lib', 'otel.scope.version': '1' }, { scope: { name: 'lib', version: '1', attributes: {} } }],
    [{ 'otel.library.name': 'lib' }, { scope: { name: 'lib', version: '', attributes: {} } }],
    [{ 'otel.status_code': 'ok' }, { status: { code: 'ok', message: '' } }],
    [{ 'otel.status_code': 'OK', error: true }, { status: { code: 'error', message: '' } }],
    [{ 'span.kind': 'Producer' }, { kind: 'producer' }],
    [{ 'span.kind': 'unspecified' }, { kind: 'unspecified' }],
    [{ 'span.kind': 'none' }, { kind: 'unspecified', attributes: { 'span.kind': 'none' } }],
    [
      { 'otel.status_code': 'FINE' },
      { status: { code: 'unset', message: '' }, attributes: { 'otel.status_code': 'FINE' } },
    ],
    [{ 'otel.status_code': 'UNSET' }, { status: { code: 'unset', message: '' } }],
    [{ 'w3c.tracestate': 'a=b' }, { attributes: { 'w3c.tracestate': 'a=b' } }],
  ])('%j say it as OpenTelemetry exporters do, as a list and as an object', async (tags, expected) => {
    const list = Object.entries(tags).map(([key, value]) => ({
      key,
      type: typeof value === 'string' ? 'string' : 'bool',
      value,
    }));
    for (const form of [
      list,
      tags,
      list.map(({ type, ...rest }) => ({ value: rest.value, vType: type, key: rest.key })),
    ]) {
      expect((await decodeDump(traceWith({ tags: form }))).spans[0]).toMatchObject({ attributes: {}, ...expected });
    }
  });
});

test('an old client of OpenTracing', async () => {
  const { account, spans } = await readDump(fixture('jaeger-json/opentracing.json'));
  const shared = {
    traceId: '00000000000000005c3f1a9d00000001',
    serviceName: 'customer',
    resource: {
      'service.name': 'customer',
      'host.name': 'node-1',
      ip: '10.0.0.17',
      'jaeger.version': 'Go-2.30.0',
      'client-uuid': '3d1a4b5c6d7e8f90',
    },
    flags: 1,
  };
  const start = 1_793_606_400_000_000_000n;
  expect(spans).toMatchObject([
    {
      ...shared,
      spanId: '5c3f1a9d00000001',
      parentSpanId: undefined,
      name: 'HTTP GET',
      kind: 'server',
      startTimeUnixNano: start,
      durationNano: 5_303_000n,
      status: { code: 'unset', message: '' },
      attributes: { 'sampler.type': 'const', 'sampler.param': true, 'internal.span.format': 'jaeger' },
      events: [],
    },
    {
      ...shared,
      spanId: '5c3f1a9d00000002',
      parentSpanId: '5c3f1a9d00000001',
      name: 'SQL SELECT',
      kind: 'client',
      startTimeUnixNano: start + 1_000_000n,
      durationNano: 2_000_000n,
      status: { code: 'error', message: '' },
      attributes: {
        'peer.service': 'mysql',
        '@jaeger@warnings': ['clock skew adjustment disabled; not applying calculated delta of 1.5ms'],
      },
      events: [
        {
          timeUnixNano: start + 2_500_000n,
          name: 'error',
          attributes: { 'error.object': 'Deadlock found', stack: 'at query (db.go:17)' },
        },
        { timeUnixNano: start + 2_600_000n, name: '', attributes: { message: 'no event field here' } },
      ],
    },
  ]);
  expect(account).toMatchObject({ skipped: [], repaired: [] });
});

describe('processes', () => {
  test('that are not described are counted once, and their spans are of an unknown service', async () => {
    const { account, spans } = await decodeDump(fixture('jaeger-json/unknown-process.json'));
    expect(spans.map(({ name, serviceName, resource }) => [name, serviceName, resource])).toEqual([
      ['span 1', 'odd', { 'service.name': 'odd' }],
      ['span 2', 'unknown_service', {}],
      ['span 3', 'unknown_service', {}],
    ]);
    expect(account.repaired).toEqual([{ reason: 'unknown-process', count: 1, first: { offset: 452, detail: 'p9' } }]);
  });

  test('are those of their trace only', async () => {
    const span = (traceID: string) => ({ traceID, spanID: '1', operationName: 'a', startTime: 1, processID: 'p1' });
    const trace = (traceID: string, serviceName?: string) => ({
      traceID,
      spans: [span(traceID)],
      ...(serviceName === undefined ? {} : { processes: { p1: { serviceName } } }),
    });
    const traces = [trace('1', 'first'), trace('2', 'second'), trace('3')];
    for (const text of [
      JSON.stringify({ data: traces }),
      JSON.stringify(traces),
      traces.map(each => JSON.stringify(each)).join('\n'),
    ]) {
      const { account, spans } = await decodeDump(text);
      expect(spans.map(({ serviceName }) => serviceName)).toEqual(['first', 'second', 'unknown_service']);
      expect(account.repaired.map(({ reason, count }) => [reason, count])).toEqual([['unknown-process', 1]]);
    }
  });

  test('within their spans are told apart, also where they have no id', async () => {
    const span = (spanID: string, process: object, processID?: string) => ({
      traceID: '1',
      spanID,
      operationName: 'a',
      startTime: 1,
      process,
      processID,
    });
    const text = JSON.stringify([
      span('1', { serviceName: 'a' }),
      span('2', { serviceName: 'b', tags: { x: 1 } }, 'p1'),
      span('3', { serviceName: 'c' }, 'p1'),
    ]);
    const { account, spans } = await decodeDump(text, { chunk: 3 });
    expect(spans.map(({ resource }) => resource)).toEqual([
      { 'service.name': 'a' },
      { 'service.name': 'b', x: 1n },
      { 'service.name': 'c' },
    ]);
    expect(account.repaired).toEqual([]);
  });

  test.each([
    [{ serviceName: '', tags: [{ key: 'service.name', value: 'from a tag' }] }, 'from a tag'],
    [{ serviceName: 'named', tags: [{ key: 'service.name', value: 'from a tag' }] }, 'named'],
    [{ serviceName: 'OTLPResourceNoServiceName', tags: [] }, 'unknown_service'],
    [{ serviceName: null }, 'unknown_service'],
    [{ serviceName: { a: 1 }, tags: 'none' }, 'unknown_service'],
    [{}, 'unknown_service'],
  ])('%j are of the service %s', async (process, service) => {
    const { spans } = await decodeDump(traceWith({ process }));
    expect(spans[0]?.serviceName).toBe(service);
  });
});

describe('an answer without a trace', () => {
  test('is empty, which is no fault', async () => {
    const { account } = await decodeDump(fixture('jaeger-json/empty-answer.json'));
    expect(account).toMatchObject({ format: 'jaeger-json', documents: 1, spans: 0, skipped: [], fault: undefined });
  });

  test('is refused with what the API says', async () => {
    const { account } = await decodeDump(fixture('jaeger-json/error-answer.json'));
    expect(account.fault).toEqual({
      message: 'is the error answer of an API: trace not found',
      hint: 'ask the API for the trace again',
    });
    expect(account.skipped).toEqual([
      { reason: 'api-error', count: 1, first: { offset: 23, detail: 'trace not found' } },
    ]);
  });

  test('beside traces is counted, and no fault of the file', async () => {
    const { account } = await decodeDump(
      fixture('jaeger-json/error-answer.json').toString() + fixture('jaeger-json/opentracing.json').toString(),
    );
    expect(account).toMatchObject({ documents: 2, spans: 2, fault: undefined });
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['api-error', 1]]);
  });
});

describe('times and counts', () => {
  test.each([
    [
      { startTime: '1793606400000000', duration: '5' },
      { startTimeUnixNano: 1_793_606_400_000_000_000n, durationNano: 5000n },
      [],
    ],
    [
      { startTime: 1.7936064e15, duration: 2.9 },
      { startTimeUnixNano: 1_793_606_400_000_000_000n, durationNano: 2000n },
      [],
    ],
    [{ startTime: 1_793_606_400_000_000, duration: -5 }, { durationNano: 0n }, ['end-before-start']],
    [
      { startTime: 'never', duration: {} },
      { startTimeUnixNano: 0n, durationNano: 0n },
      ['invalid-time', 'invalid-time'],
    ],
    [{ logs: [{ timestamp: 'x' }] }, { events: [{ timeUnixNano: 0n, name: '', attributes: {} }] }, ['invalid-time']],
    [{ flags: 3 }, { flags: 1 }, []],
    [{ flags: 'x' }, { flags: 0 }, []],
    [
      { operationName: {}, tags: 5, logs: 'x', references: {} },
      { name: '', attributes: {}, events: [], links: [] },
      ['unexpected-type', 'unexpected-type', 'unexpected-type', 'unexpected-type'],
    ],
  ])('%j', async (changes, expected, repaired) => {
    const { account, spans } = await decodeDump(traceWith(changes));
    expect(spans[0]).toMatchObject(expected);
    expect(account.repaired.flatMap(({ reason, count }) => Array.from({ length: count }, () => reason))).toEqual(
      repaired,
    );
  });
});

test.each([{ startTime: undefined }, { startTime: null }])(
  'a span without a start takes that of its parent, and is counted: %j',
  async times => {
    const span = { traceID: '1', processID: 'p1', duration: 1 };
    const spans = [
      { ...span, spanID: '1', operationName: 'parent', startTime: 1_793_606_400_000_000 },
      { ...span, spanID: '2', operationName: 'child', parentSpanID: '1', ...times },
    ];
    const text = JSON.stringify({ data: [{ traceID: '1', spans, processes: { p1: { serviceName: 'a' } } }] });
    const dump = await readDump(text);
    expect(dump.spans.map(({ name, startTimeUnixNano }) => [name, startTimeUnixNano])).toEqual([
      ['parent', 1_793_606_400_000_000_000n],
      ['child', 1_793_606_400_000_000_000n],
    ]);
    expect(dump.account.repaired.map(({ reason, count }) => [reason, count])).toEqual([['missing-start', 1]]);
  },
);

test('ids of nothing but zeros are counted', async () => {
  const { account, spans } = await decodeDump(traceWith({ traceID: '0'.repeat(32), spanID: '0'.repeat(16) }));
  expect(spans[0]).toMatchObject({ traceId: '0'.repeat(32), spanId: '0'.repeat(16) });
  expect(account.repaired.map(({ reason, count }) => [reason, count])).toEqual([['zero-id', 2]]);
});

test('a span without its trace id has that of the trace around it, and without either is left out', async () => {
  const span = { spanID: '1', operationName: 'a' };
  const text = JSON.stringify({
    data: [{ traceID: 'abc', spans: [span] }, { spans: [span, { ...span, spanID: null }] }],
  });
  const { account, spans } = await decodeDump(text);
  expect(spans.map(({ traceId }) => traceId)).toEqual(['abc'.padStart(32, '0')]);
  expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['missing-trace-id', 2]]);
});

/** An answer of one trace of one span with changes. */
function traceWith(changes: object): string {
  const span = { traceID: '1', spanID: '1', operationName: 'a', startTime: 1, processID: 'p1', ...changes };
  return JSON.stringify({ data: [{ traceID: '1', spans: [span], processes: { p1: { serviceName: 'odd' } } }] });
}
