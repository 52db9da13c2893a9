import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type DecodedDump, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';

const read = (file: string): Promise<DecodedDump> => decodeDump(fixture(file));
const lines = (...documents: readonly unknown[]): string =>
  documents.map(document => `${typeof document === 'string' ? document : JSON.stringify(document)}\n`).join('');

const DOCUMENT = {
  traceID: '0a',
  spanID: '1',
  operationName: 'op',
  startTime: 1_793_606_400_000_001,
  startTimeMillis: 1_793_606_400_000,
  duration: 5,
};

describe('containers', () => {
  test('documents of Jaeger 2 are the spans of Jaeger JSON, with nanoseconds and flags', async () => {
    const { account, spans } = await read('jaeger-es/plain.jsonl');
    const { spans: expected } = await read('jaeger-json/plain.json');
    expect(account).toMatchObject({ format: 'jaeger-es', documents: 4, spans: 4, skipped: [], repaired: [] });
    expect(spans).toEqual(
      expected.map(span => ({
        ...span,
        startTimeUnixNano: span.startTimeUnixNano + (span.spanId === 'fbefbe0000000004' ? 1n : 789n),
        flags: span.spanId === 'fbefbe0000000003' ? 769 : 257,
      })),
    );
  });

  test.each(['search-answer.json', 'msearch-answer.json', 'array.json'])('%s holds the same', async file => {
    const { account, spans } = await read(`jaeger-es/${file}`);
    expect(account).toMatchObject({ format: 'jaeger-es', documents: 1, skipped: [], repaired: [] });
    expect(spans).toEqual((await read('jaeger-es/plain.jsonl')).spans);
  });

  test('of a dump of all indices the documents of the others are passed over', async () => {
    const { account, spans } = await read('jaeger-es/elasticdump.jsonl');
    expect(account).toMatchObject({ format: 'jaeger-es', documents: 4, spans: 4, repaired: [] });
    expect(account.skipped).toEqual([
      { reason: 'no-spans', count: 5, first: { offset: 2941, detail: 'a service document of Jaeger' } },
    ]);
    const { spans: expected } = await read('jaeger-json/plain.json');
    // With tags as fields an integer beyond 2^53 was written as text by our generator, and 3.0 as 3 by Elasticsearch.
    const asFields = { big: '9007199254740993', negative: '-9223372036854775808', whole: 3n };
    expect(spans).toEqual(
      expected.map(span => ({
        ...span,
        attributes: { ...span.attributes, ...(span.name === 'POST' ? asFields : {}) },
        flags: 1,
      })),
    );
  });

  test('action lines of a bulk file are passed over', async () => {
    const { account, spans } = await read('jaeger-es/bulk.jsonl');
    expect(account.skipped).toEqual([
      { reason: 'no-spans', count: 6, first: { offset: 0, detail: 'an action line of a bulk file' } },
    ]);
    expect(spans).toEqual((await read('jaeger-es/elasticdump.jsonl')).spans);
  });

  test('hits of other indices in one answer are passed over', async () => {
    const hits = [DOCUMENT, { serviceName: 'a', operationName: 'b' }, DOCUMENT].map(_source => ({ _source }));
    const text = JSON.stringify({ hits: { hits } });
    const { account, spans } = await decodeDump(text);
    expect(spans).toHaveLength(2);
    expect(account.skipped).toEqual([
      {
        reason: 'no-spans',
        count: 1,
        first: { offset: text.indexOf('{"serviceName"'), detail: 'a document of another index' },
      },
    ]);
  });

  test.each([
    ['a service document of Jaeger', { serviceName: 'a', operationName: 'b' }],
    ['a service document of Jaeger', { _source: { operationName: 'b', serviceName: 'a' } }],
    ['a dependencies document of Jaeger', { timestamp: 1, dependencies: [{ parent: 'a', child: 'b', callCount: 1 }] }],
    ['an action line of a bulk file', { index: { _index: 'jaeger-span-2026-11-02', _id: 'x' } }],
    ['an action line of a bulk file', { create: {} }],
    ['an action line of a bulk file', { index: { _index: 'a', routing: 'r', if_seq_no: 1, version_type: 'external' } }],
    ['a search without hits', { took: 1, hits: { total: { value: 0 }, hits: [] } }],
  ])('%s alone is no span', async (detail, document) => {
    const { account, spans } = await decodeDump(JSON.stringify(document));
    expect(spans).toEqual([]);
    expect(account.skipped).toEqual([{ reason: 'no-spans', count: 1, first: { offset: 0, detail } }]);
  });
});

describe('the parent', () => {
  test('is parentSpanID, else a reference; other references are links', async () => {
    const { spans } = await read('jaeger-es/references.jsonl');
    const [first] = spans;
    const link = (spanId: string, type: string, traceId = first?.traceId) => ({
      traceId,
      spanId: spanId.padStart(16, '0'),
      attributes: { 'opentracing.ref_type': type },
    });
    expect(spans.map(({ parentSpanId, links }) => [Number(parentSpanId ?? 0), links])).toEqual([
      [0, []],
      [1, [link('3', 'child_of')]],
      [1, [link('2', 'follows_from')]],
      [3, []],
      [4, []],
      [0, [link('1', 'child_of', '00000000000000000000000000c0ffee')]],
    ]);
  });

  test.each([
    ['no leading zeros', { traceID: '0a', references: [{ refType: 'CHILD_OF', traceID: 'a', spanID: 'F' }] }],
    ['upper case', { traceID: 'a', references: [{ refType: 'CHILD_OF', traceID: '000A', spanID: '0f' }] }],
    ['no trace', { traceID: 'a', references: [{ refType: 'CHILD_OF', spanID: '0x0f' }] }],
    ['zeros for none', { parentSpanID: '0000000000000000', references: [{ traceID: '0a', spanID: '0f' }] }],
  ])('is found with %s', async (_, changes) => {
    const { spans } = await decodeDump(JSON.stringify({ ...DOCUMENT, ...changes }));
    expect(spans).toMatchObject([{ parentSpanId: '000000000000000f', links: [] }]);
  });
});

describe('tags', () => {
  test('have the types that they name, as text or as they are; bytes are hex', async () => {
    const [texts, native] = (await read('jaeger-es/tag-types.jsonl')).spans;
    expect(texts?.attributes).toEqual({
      string: 'text',
      bool: false,
      int64: -9223372036854775808n,
      float64: 72.5,
      'float64.exponent': 1e21,
      'float64.infinite': Number.NEGATIVE_INFINITY,
      binary: new Uint8Array([0, 255, 127]),
      'not.int64': 'many',
      'not.hex': 'AAAwOQ==',
      'other.type': '5s',
    });
    expect(native).toMatchObject({
      kind: 'server',
      status: { code: 'error', message: 'described' },
      scope: { name: 'lib', version: '2' },
      attributes: {
        string: 'text',
        bool: false,
        int64: -7n,
        float64: 2,
        binary: new Uint8Array(0),
        'number.as.string': 200n,
        null: null,
      },
    });
  });

  test('that stand in fields have dots where Jaeger put @', async () => {
    const [, , span] = (await read('jaeger-es/tag-types.jsonl')).spans;
    expect(span).toMatchObject({
      spanId: '0000000000000003',
      parentSpanId: '0000000000000001',
      kind: 'client',
      status: { code: 'error', message: '' },
      attributes: { 'http.method': 'GET', 'http.status_code': 503n, ratio: 0.5, 'mail.address': 'a@b' },
      resource: { 'service.name': 'odd', 'host.name': 'node-1', 'k8s.pod.name': 'odd-0' },
    });
  });

  test('keep what is no kind, no status and no error', async () => {
    const tags = { 'span.kind': 'batch', 'otel.status_code': 'maybe', error: 'false' };
    const { spans } = await decodeDump(
      JSON.stringify({ ...DOCUMENT, tags: Object.entries(tags).map(([key, value]) => ({ key, value })) }),
    );
    expect(spans).toMatchObject([{ kind: 'unspecified', status: { code: 'unset', message: '' }, attributes: tags }]);
  });
});

describe('fields', () => {
  test('that Jaeger does not know are attributes; a resource may be empty or missing', async () => {
    const { spans, account } = await read('jaeger-es/foreign-fields.jsonl');
    expect(account.repaired).toEqual([]);
    expect(spans).toMatchObject([
      {
        startTimeUnixNano: 1_793_606_400_001_000_000n,
        attributes: { '@version': '1', '@timestamp': '2026-11-02T08:00:00.001Z', beat: { hostname: 'b1' } },
        flags: 769,
      },
      { serviceName: 'unknown_service', resource: {} },
      // Without startTime the milliseconds are the start.
      { serviceName: 'unknown_service', resource: {}, startTimeUnixNano: 1_793_606_400_003_000_000n },
    ]);
  });

  test('logs are events, named by their field event', async () => {
    const fields = [
      { key: 'event', type: 'string', value: 'error' },
      { key: 'n', type: 'int64', value: '2' },
    ];
    const logs = [{ timestamp: 7, fields }, { timestamp: 8, fields: [{ key: 'event', type: 'int64', value: 1 }] }, {}];
    const { spans } = await decodeDump(JSON.stringify({ ...DOCUMENT, logs, warnings: ['shifted'] }));
    expect(spans[0]?.events).toEqual([
      { timeUnixNano: 7000n, name: 'error', attributes: { n: 2n } },
      { timeUnixNano: 8000n, name: '', attributes: { event: 1n } },
      { timeUnixNano: 0n, name: '', attributes: {} },
    ]);
    expect(spans[0]?.attributes).toEqual({ '@jaeger@warnings': ['shifted'] });
  });
});

describe('bad content', () => {
  test.each([
    ['missing-trace-id', { traceID: undefined, x: 1 }],
    ['missing-trace-id', { traceID: '' }],
    ['missing-span-id', { spanID: null }],
  ])('%s: the span is skipped and reading goes on', async (reason, changes) => {
    const { account, spans } = await decodeDump(JSON.stringify([DOCUMENT, { ...DOCUMENT, ...changes }, DOCUMENT]));
    expect(spans).toHaveLength(2);
    expect(account.skipped).toMatchObject([
      { reason, count: 1, first: { offset: JSON.stringify(DOCUMENT).length + 2 } },
    ]);
  });

  test.each([
    ['invalid-time', { startTime: 'yesterday' }, { startTimeUnixNano: 1_793_606_400_000_000_000n }],
    ['invalid-time', { startTime: {} }, { startTimeUnixNano: 1_793_606_400_000_000_000n }],
    ['invalid-time', { duration: true }, { durationNano: 0n }],
    ['invalid-time', { duration: '99999999999999999999' }, { durationNano: 0n }],
    ['invalid-time', { startTime: '99999999999999999999' }, { startTimeUnixNano: 0n }],
    ['invalid-time', { startTime: -1 }, { startTimeUnixNano: 0n }],
    ['invalid-time', { startTime: 9_500_000_000_000_000 }, { startTimeUnixNano: 0n }],
    ['end-before-start', { duration: -5 }, { durationNano: 0n }],
    ['invented-id', { traceID: 'not hex' }, { attributes: { 'tailspan.trace_id': 'not hex' } }],
    ['invented-id', { spanID: '0123456789abcdef0' }, { attributes: { 'tailspan.span_id': '0123456789abcdef0' } }],
  ])('%s: %o is mended', async (reason, changes, expected) => {
    const { account, spans } = await decodeDump(JSON.stringify({ ...DOCUMENT, ...changes }));
    expect(spans).toMatchObject([expected]);
    expect(account.skipped).toEqual([]);
    expect(account.repaired).toMatchObject([{ reason, count: 1 }]);
  });

  test('fields of the wrong types are left out', async () => {
    const wrong = { references: {}, tags: 'x', tag: [], logs: 7, process: 'p', flags: 'many', operationName: [1] };
    const { spans } = await decodeDump(JSON.stringify({ ...DOCUMENT, ...wrong }));
    expect(spans).toMatchObject([
      { name: '', attributes: {}, events: [], links: [], resource: {}, flags: 0, serviceName: 'unknown_service' },
    ]);
  });

  test('numbers keep all their digits; fractions below a nanosecond are cut off', async () => {
    const { spans } = await decodeDump(
      lines(
        `{"traceID":"a","spanID":"1","startTimeMillis":0,"operationName":"x","startTime":"1793606400000001.2345","duration":0.0019,"tags":[{"key":"n","type":"int64","value":9223372036854775807},{"key":"more","type":"int64","value":9223372036854775808}]}`,
      ),
    );
    expect(spans).toMatchObject([
      {
        startTimeUnixNano: 1_793_606_400_000_001_234n,
        durationNano: 1n,
        attributes: { n: 9223372036854775807n, more: '9223372036854775808' },
      },
    ]);
  });

  test('hostile keys and texts are content', async () => {
    const text = '\u001b[31m\u0000"\\<script>\u202e';
    const { spans } = await decodeDump(
      JSON.stringify({ ...DOCUMENT, operationName: text, tag: { constructor: text, toString: 1 }, __proto__: 1 }),
    );
    expect(spans[0]?.name).toBe(text);
    expect(Object.entries(spans[0]?.attributes ?? {})).toEqual([
      ['constructor', text],
      ['toString', 1n],
    ]);
  });

  test('a broken line loses that line, a cut one what it was', async () => {
    const { account, spans } = await decodeDump(
      `${lines(DOCUMENT, '{"traceID":"a","spanID":x}', DOCUMENT)}${JSON.stringify(DOCUMENT).slice(0, -9)}`,
    );
    expect(spans).toHaveLength(2);
    expect(account.skipped.map(({ reason }) => reason).sort()).toEqual(['malformed-json', 'truncated']);
  });

  test('cycles are only spans here', async () => {
    const { spans } = await decodeDump(
      lines(
        { ...DOCUMENT, parentSpanID: '2' },
        { ...DOCUMENT, spanID: '2', parentSpanID: '1' },
        { ...DOCUMENT, parentSpanID: '1' },
      ),
    );
    expect(spans.map(({ spanId, parentSpanId }) => [Number(spanId), Number(parentSpanId)])).toEqual([
      [1, 2],
      [2, 1],
      [1, 1],
    ]);
  });
});

test.each([
  ['jaeger-json', { data: [{ traceID: 'a', spans: [DOCUMENT], processes: {} }] }],
  ['jaeger-json', [{ ...DOCUMENT, startTimeMillis: undefined }]],
])('what is %s stays so', async (format, document) => {
  expect((await decodeDump(JSON.stringify(document))).account.format).toBe(format);
});

describeRealData('real documents', () => {
  test('the fixture of Jaeger itself', async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('jaeger-es/es_01.json')));
    expect(account).toMatchObject({ format: 'jaeger-es', documents: 1, spans: 1, skipped: [], repaired: [] });
    const trace = '00000000000000000000000000000001';
    expect(spans).toEqual([
      {
        traceId: trace,
        spanId: '0000000000000002',
        parentSpanId: '0000000000000003',
        name: 'test-general-conversion',
        kind: 'unspecified',
        serviceName: 'service-x',
        startTimeUnixNano: 1_485_467_191_639_875_000n,
        durationNano: 5000n,
        status: { code: 'error', message: '' },
        attributes: {
          'peer.service': 'service-y',
          'peer.ipv4': 23456n,
          temperature: 72.5,
          blob: new Uint8Array([0, 0, 0x30, 0x39]),
        },
        resource: { 'service.name': 'service-x', 'peer.ipv4': 23456n, error: true },
        scope: { name: '', version: '', attributes: {} },
        events: [
          { timeUnixNano: 1_485_467_191_639_875_000n, name: '', attributes: { event: 123415n } },
          { timeUnixNano: 1_485_467_191_639_875_000n, name: '', attributes: { x: 'y' } },
        ],
        links: [
          { traceId: trace, spanId: '0000000000000004', attributes: { 'opentracing.ref_type': 'follows_from' } },
          {
            traceId: '000000000000000000000000000000ff',
            spanId: '00000000000000ff',
            attributes: { 'opentracing.ref_type': 'child_of' },
          },
        ],
        flags: 1,
        quirks: 0,
      },
    ]);
  });
});
