import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

const read = (file: string) => decodeDump(fixture(file));

const SPAN = {
  traceId: 'AAAAAAAAAAAAAAAAAAAAEQ==',
  spanId: 'AAAAAAAAAAM=',
  operationName: 'op',
  startTime: '2026-11-02T08:00:00.123456789Z',
  duration: '0.000005s',
  process: { serviceName: 'shop', tags: [{ key: 'hostname', vStr: 'node-1' }] },
};

describe('containers', () => {
  test('span lines are the spans of Jaeger JSON, with flags', async () => {
    const { account, spans } = await read('jaeger-model-json/plain.jsonl');
    expect(account).toMatchObject({ format: 'jaeger-model-json', documents: 4, spans: 4, skipped: [], repaired: [] });
    const { spans: expected } = await read('jaeger-json/plain.json');
    expect(spans).toEqual(expected.map(span => ({ ...span, flags: 1 })));
  });

  test.each([
    ['array.json', 1],
    ['spans.json', 1],
    ['api-v2.jsonl', 4],
    ['snake-case.json', 1],
    ['batches.jsonl', 3],
  ])('%s holds the same', async (file, documents) => {
    const { account, spans } = await read(`jaeger-model-json/${file}`);
    expect(account).toMatchObject({ format: 'jaeger-model-json', documents, skipped: [], repaired: [] });
    expect(spans).toEqual((await read('jaeger-model-json/plain.jsonl')).spans);
  });

  test('a trace names its processes behind its spans', async () => {
    const { spans } = await read('jaeger-model-json/process-map.json');
    expect(spans).toEqual((await read('jaeger-model-json/plain.jsonl')).spans.slice(0, 3));
  });

  test('of a cut list the spans before the cut are kept', async () => {
    const text = JSON.stringify({ spans: [SPAN, { ...SPAN, spanId: '2' }] });
    const { account, spans } = await decodeDump(text.slice(0, -20));
    expect(spans).toMatchObject([{ spanId: '0000000000000003', serviceName: 'shop' }]);
    expect(account.skipped).toMatchObject([{ reason: 'truncated', count: 1 }]);
  });
});

test('a span by itself', async () => {
  const { spans } = await decodeDump(
    JSON.stringify({
      ...SPAN,
      flags: 3,
      references: [
        { traceId: 'AAAAAAAAAAAAAAAAAAAAEQ==', spanId: 'AAAAAAAAAAE=' },
        { refType: 'FOLLOWS_FROM', traceId: 'AAAAAAAAAAAAAAAAAAAA/w==', spanId: 'AAAAAAAAAP8=' },
      ],
      tags: [
        { key: 'text', vType: 'STRING', vStr: 'x' },
        { key: 'empty' },
        { key: 'false', vType: 'BOOL' },
        { key: 'zero', vType: 'INT64' },
        { key: 'number', vType: 2, vInt64: '9223372036854775807' },
        { key: 'nan', vType: 'FLOAT64', vFloat64: 'NaN' },
        { key: 'whole', vType: 'FLOAT64', vFloat64: 2 },
        { key: 'bytes', vType: 'BINARY', vBinary: 'AAEC/f7/' },
        { key: 'span.kind', vStr: 'client' },
        { key: 'error', vType: 'BOOL', vBool: true },
      ],
      logs: [
        {
          timestamp: '2026-11-02T08:00:00.1Z',
          fields: [
            { key: 'event', vStr: 'retry' },
            { key: 'n', vType: 'INT64', vInt64: 2 },
          ],
        },
      ],
      warnings: ['clock skew'],
      newField: { a: 1 },
    }),
  );
  expect(spans).toEqual([
    {
      traceId: '00000000000000000000000000000011',
      spanId: '0000000000000003',
      parentSpanId: '0000000000000001',
      name: 'op',
      kind: 'client',
      serviceName: 'shop',
      startTimeUnixNano: 1_793_606_400_123_456_789n,
      durationNano: 5000n,
      status: { code: 'error', message: '' },
      attributes: {
        text: 'x',
        empty: '',
        false: false,
        zero: 0n,
        number: 9223372036854775807n,
        nan: Number.NaN,
        whole: 2,
        bytes: new Uint8Array([0, 1, 2, 253, 254, 255]),
        newField: { a: 1n },
        '@jaeger@warnings': ['clock skew'],
      },
      resource: { 'service.name': 'shop', 'host.name': 'node-1' },
      scope: { name: '', version: '', attributes: {} },
      events: [{ timeUnixNano: 1_793_606_400_100_000_000n, name: 'retry', attributes: { n: 2n } }],
      links: [
        {
          traceId: '000000000000000000000000000000ff',
          spanId: '00000000000000ff',
          attributes: { 'opentracing.ref_type': 'follows_from' },
        },
      ],
      flags: 1,
      quirks: 0,
    },
  ]);
});

test.each([
  ['1.5s', 1_500_000_000n],
  ['0s', 0n],
  ['3.000000001s', 3_000_000_001n],
  ['2000ns', 2000n],
  ['1.5ms', 1_500_000n],
  ['7µs', 7000n],
])('a duration of %s', async (duration, durationNano) => {
  expect((await decodeDump(JSON.stringify({ ...SPAN, duration }))).spans).toMatchObject([{ durationNano }]);
});

describe('bad content', () => {
  test.each([
    ['invalid-time', { duration: 'long' }, { durationNano: 0n }],
    ['invalid-time', { duration: 5 }, { durationNano: 0n }],
    ['end-before-start', { duration: '-1s' }, { durationNano: 0n }],
    ['invalid-time', { startTime: 'yesterday' }, { startTimeUnixNano: 0n }],
    ['invalid-time', { startTime: 1_793_606_400_000_000 }, { startTimeUnixNano: 0n }],
    ['invented-id', { traceId: '!' }, { attributes: { 'tailspan.trace_id': '!' } }],
    ['unknown-process', { process: undefined, processId: 'p9' }, { serviceName: 'unknown_service' }],
  ])('%s: %o is mended', async (reason, changes, expected) => {
    const { account, spans } = await decodeDump(JSON.stringify({ ...SPAN, ...changes }));
    expect(spans).toMatchObject([expected]);
    expect(account.repaired).toMatchObject([{ reason, count: 1 }]);
  });

  test.each([
    ['missing-trace-id', { traceId: '' }],
    ['missing-span-id', { spanId: null }],
  ])('%s: %o is skipped, and reading goes on', async (reason, changes) => {
    for (const document of [
      [{ ...SPAN, ...changes }, SPAN],
      { spans: [{ ...SPAN, ...changes }, SPAN] },
      { spans: [{ ...SPAN, ...changes, process: undefined }, { ...SPAN, process: undefined }, 7], process: {} },
    ]) {
      const { account, spans } = await decodeDump(JSON.stringify(document));
      expect(spans).toHaveLength(1);
      expect(account.skipped).toContainEqual(expect.objectContaining({ reason }));
    }
  });

  test('fields of the wrong types are left out', async () => {
    const wrong = { references: 7, tags: {}, logs: 'x', process: 'p', flags: 'f', operationName: {}, warnings: 'w' };
    const { spans } = await decodeDump(JSON.stringify({ ...SPAN, ...wrong }));
    expect(spans).toMatchObject([{ name: '', attributes: {}, events: [], links: [], resource: {}, flags: 0 }]);
  });
});

test('trace summaries are refused by name', async () => {
  const { account } = await decodeDump(
    JSON.stringify({ summaries: [{ traceId: '1', rootServiceName: 'a', spanCount: 2 }] }),
  );
  expect(account.spans).toBe(0);
  expect(account.fault?.message).toContain("Jaeger's API v3");
});
