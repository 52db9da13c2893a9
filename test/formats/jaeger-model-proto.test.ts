import { describe, expect, test } from 'vitest';
import { framed } from '../../fixtures/programs/frames.ts';
import { postSpansRequest } from '../../fixtures/programs/jaeger-model-proto.ts';
import { type DecodedDump, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

const read = (file: string): Promise<DecodedDump> => decodeDump(fixture(file));

const SPAN = {
  traceId: Buffer.from('0000000000000000000000000000000a', 'hex'),
  spanId: Buffer.from('0000000000000001', 'hex'),
  operationName: 'get',
  startTime: { seconds: 1_793_606_400, nanos: 7 },
  duration: { nanos: 5 },
};
const PROCESS = { serviceName: 'shop' };
const encoded = (...spans: readonly object[]) => postSpansRequest({ spans, process: PROCESS });

test.each(['plain', 'unknown-fields'])('%s holds the spans of Jaeger JSON, with flags', async name => {
  const { account, spans } = await read(`jaeger-model-proto/${name}.pb`);
  expect(account).toMatchObject({ format: 'jaeger-model-proto', documents: 1, spans: 4, skipped: [], repaired: [] });
  const { spans: expected } = await read('jaeger-json/plain.json');
  expect(spans).toEqual(expected.map(span => ({ ...span, flags: 1 })));
});

test('odd spans', async () => {
  const { account, spans } = await read('jaeger-model-proto/odd.pb');
  expect(account).toMatchObject({ format: 'jaeger-model-proto', documents: 1, spans: 5, skipped: [] });
  const [first, second, third, fourth, fifth] = spans;
  expect(first).toEqual({
    traceId: first?.traceId,
    spanId: '0000000000000001',
    parentSpanId: undefined,
    name: 'span 1',
    kind: 'producer',
    serviceName: 'odd',
    startTimeUnixNano: 1_793_606_400_001_000_001n,
    durationNano: 2_000_000_500n,
    status: { code: 'error', message: '' },
    attributes: {
      text: 'täxt',
      empty: '',
      true: true,
      false: false,
      least: -9223372036854775808n,
      zero: 0n,
      double: 0.25,
      nan: Number.NaN,
      bytes: new Uint8Array([0, 1, 255]),
      '@jaeger@warnings': ['clock skew'],
    },
    resource: { 'service.name': 'odd', 'host.name': 'node-1' },
    scope: { name: '', version: '', attributes: {} },
    events: [
      { timeUnixNano: 1_793_606_400_001_500_001n, name: 'retry', attributes: { attempt: 2n } },
      { timeUnixNano: 0n, name: '', attributes: {} },
    ],
    links: [],
    flags: 1,
    quirks: 0,
  });
  expect(second).toMatchObject({
    parentSpanId: '0000000000000001',
    links: [
      {
        traceId: '00000000000000000000000000c0ffee',
        spanId: '0000000000000009',
        attributes: { 'opentracing.ref_type': 'child_of' },
      },
    ],
  });
  expect(third).toMatchObject({ serviceName: 'other', resource: { 'service.name': 'other', 'host.name': 'node-2' } });
  expect(fourth).toMatchObject({
    spanId: 'ffffffffffffff04',
    parentSpanId: undefined,
    name: '',
    startTimeUnixNano: 0n,
    durationNano: 0n,
    flags: 0,
  });
  expect(fifth).toMatchObject({ name: 'span 5', resource: {} });
  expect(account.repaired).toMatchObject([
    { reason: 'unknown-process', count: 1, first: { detail: 'a batch without a process' } },
  ]);
});

describe('what it is', () => {
  test('is told from OTLP by its ids', async () => {
    expect((await decodeDump(encoded(SPAN))).account.format).toBe('jaeger-model-proto');
    for (const file of ['plain', 'shop']) {
      expect((await read(`otlp-proto/${file}.pb`)).account.format).toBe('otlp-proto');
    }
  });

  test('of a span larger than what is looked at, the ids are enough', async () => {
    const large = { ...SPAN, tags: [{ key: 'big', vStr: 'x'.repeat(200_000) }] };
    const { account, spans } = await decodeDump(encoded(large), { chunk: 1000 });
    expect(account.format).toBe('jaeger-model-proto');
    expect(spans).toHaveLength(1);
  });

  test('may be in frames, as gRPC has it', async () => {
    const { account, spans } = await decodeDump(framed([encoded(SPAN), encoded({ ...SPAN, operationName: 'put' })]));
    expect(account).toMatchObject({ format: 'jaeger-model-proto', documents: 2 });
    expect(spans.map(({ name }) => name)).toEqual(['get', 'put']);
  });
});

describe('bad content', () => {
  test('a span without ids, or with odd ones, behind a good one', async () => {
    const { account, spans } = await decodeDump(
      encoded(
        SPAN,
        { ...SPAN, traceId: Buffer.alloc(0) },
        { ...SPAN, spanId: Buffer.alloc(0) },
        { ...SPAN, spanId: Buffer.from('0102030405060708090a', 'hex') },
        SPAN,
      ),
    );
    expect(spans).toHaveLength(3);
    expect(spans[1]?.attributes).toMatchObject({ 'tailspan.span_id': '0102030405060708090a' });
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['missing-trace-id', 1],
      ['missing-span-id', 1],
    ]);
    expect(account.repaired.map(({ reason, count }) => [reason, count])).toEqual([['invented-id', 1]]);
  });

  test('a span that is broken inside is passed over; the others keep their process', async () => {
    const good = encoded(SPAN, { ...SPAN, tags: [{ key: 'the key', vStr: 'the value' }] }, SPAN);
    const broken = Buffer.from(good);
    // The length of the key says more than its tag holds.
    broken[broken.indexOf('the key') - 1] = 120;
    const { account, spans } = await decodeDump(broken);
    expect(spans.map(({ serviceName }) => serviceName)).toEqual(['shop', 'shop']);
    expect(account.skipped).toMatchObject([{ reason: 'malformed-protobuf', count: 1 }]);
  });

  test('of a batch that is broken the spans before the fault are kept', async () => {
    const good = encoded(SPAN);
    const header = good.length - 2;
    const broken = Buffer.concat([Buffer.from([0x0a, header + 2]), good.subarray(2), Buffer.from('0000', 'hex')]);
    const { account, spans } = await decodeDump(Buffer.concat([broken, encoded(SPAN)]));
    expect(spans).toHaveLength(2);
    expect(account.skipped).toMatchObject([{ reason: 'malformed-protobuf', count: 1 }]);
  });

  test('a batch over the limit is passed over', async () => {
    const large = encoded({ ...SPAN, tags: [{ key: 'big', vStr: 'x'.repeat(100_000) }] });
    const bytes = Buffer.concat([encoded(SPAN), large, encoded(SPAN)]);
    const { account, spans } = await decodeDump(bytes, { chunk: 1000, limits: { recordBytes: 10_000 } });
    expect(spans).toHaveLength(2);
    expect(account.skipped).toMatchObject([
      { reason: 'record-too-large', count: 1, first: { offset: encoded(SPAN).length } },
    ]);
  });

  test.each([
    ['invalid-time', { startTime: { seconds: -62_135_596_800 } }, { startTimeUnixNano: 0n }],
    ['invalid-time', { startTime: { seconds: '9223372036854775807' } }, { startTimeUnixNano: 0n }],
    ['end-before-start', { duration: { seconds: -1 } }, { durationNano: 0n }],
  ])('%s: %o is left out', async (reason, changes, expected) => {
    const { account, spans } = await decodeDump(encoded({ ...SPAN, ...changes }));
    expect(spans).toMatchObject([expected]);
    expect(account.repaired).toMatchObject([{ reason, count: 1 }]);
  });

  test('no cut and no byte makes it throw', async () => {
    const bytes = encoded(SPAN, { ...SPAN, tags: [{ key: 'k', vType: 'FLOAT64', vFloat64: 1 }], logs: [{}] });
    for (let length = 0; length < bytes.length; length++) {
      expect((await decodeDump(bytes.subarray(0, length))).spans).toEqual([]);
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [0xff, 0x80, 0x01]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const { account, spans } = await decodeDump(changed);
        expect(account.spans).toBe(spans.length);
      }
    }
  });
});
