import { describe, expect, test } from 'vitest';
import {
  called,
  encoded,
  i32,
  i64,
  list,
  type ProtocolName,
  type Struct,
  struct,
  text,
} from '../../fixtures/programs/thrift.ts';
import { type DecodedDump, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

const read = (file: string): Promise<DecodedDump> => decodeDump(fixture(file));
const PROTOCOLS: readonly ProtocolName[] = ['binary', 'compact'];
const PROCESS = struct({ 1: text('shop') });
const span = (changes: Struct = {}): Struct => ({
  1: i64(10),
  2: i64(0),
  3: i64(1),
  4: i64(0),
  5: text('x'),
  7: i32(1),
  8: i64(7),
  9: i64(5),
  ...changes,
});

test.each(['plain', 'compact', 'emit-batch-binary', 'emit-batch-compact', 'both-protocols'])(
  '%s holds the spans of Jaeger JSON, with flags',
  async name => {
    const { account, spans } = await read(`jaeger-thrift/${name}.bin`);
    expect(account).toMatchObject({ format: 'jaeger-thrift', documents: 1, spans: 4, skipped: [], repaired: [] });
    const { spans: expected } = await read('jaeger-json/plain.json');
    expect(spans).toEqual(expected.map(each => ({ ...each, flags: 1 })));
  },
);

test.each(PROTOCOLS)('odd spans in the %s protocol', async protocol => {
  const { account, spans } = await read(`jaeger-thrift/odd-${protocol}.bin`);
  expect(account).toMatchObject({ format: 'jaeger-thrift', documents: 1, spans: 26, skipped: [], repaired: [] });
  const [first] = spans;
  const start = 1_793_606_400_000_000_000n;
  expect(first).toEqual({
    traceId: first?.traceId,
    spanId: '0000000000000001',
    parentSpanId: undefined,
    name: 'span 1',
    kind: 'producer',
    serviceName: 'odd',
    startTimeUnixNano: start + 1_000_000n,
    durationNano: 100_000_000n,
    status: { code: 'error', message: '' },
    attributes: {
      string: 'täxt',
      double: 0.25,
      'bool.true': true,
      'bool.false': false,
      long: -9223372036854775808n,
      binary: new Uint8Array([0, 1, 255]),
      'no.value': null,
      'other.value': 5n,
    },
    resource: { 'service.name': 'odd', 'host.name': 'node-1' },
    scope: { name: '', version: '', attributes: {} },
    events: [
      { timeUnixNano: start + 1_500_000n, name: 'error', attributes: { attempt: 2n } },
      { timeUnixNano: start + 1_600_000n, name: '', attributes: {} },
    ],
    links: [],
    flags: 1,
    quirks: 0,
  });
  const link = (traceId: string | undefined, spanId: string) => ({
    traceId,
    spanId,
    attributes: { 'opentracing.ref_type': 'follows_from' },
  });
  expect(spans.slice(1, 6).map(({ spanId, parentSpanId, links }) => [spanId, parentSpanId, links])).toEqual([
    ['ffffffffffffff02', '0000000000000001', []],
    ['0000000000000003', 'ffffffffffffff02', []],
    ['0000000000000004', '0000000000000003', [link(first?.traceId, '0000000000000001')]],
    ['0000000000000005', '0000000000000001', [link('00000000000000000000000000c0ffee', '0000000000000009')]],
    ['0000000000000006', undefined, []],
  ]);
  expect(spans[2]?.attributes).toEqual({ incomplete: true });
  expect(spans[5]?.traceId).toBe('00000000000000000000000000c0ffee');
  expect(spans.slice(6).map(({ spanId }) => Number(`0x${spanId}`))).toEqual(
    Array.from({ length: 20 }, (_, at) => 100 + at),
  );
});

describe('a batch', () => {
  test.each(PROTOCOLS)('may have its process behind its spans, or none (%s)', async protocol => {
    // Fields in the order of their numbers are what every encoder writes: the process goes out as field 3 here.
    const spans = list([span(), span({ 3: i64(2) })]);
    const behind = swapped(protocol, called(protocol, 'emitBatch', struct({ 2: spans })), PROCESS);
    expect((await decodeDump(behind)).spans).toMatchObject([{ serviceName: 'shop' }, { serviceName: 'shop' }]);
    const none = await decodeDump(called(protocol, 'emitBatch', struct({ 2: spans })));
    expect(none.spans).toMatchObject([{ serviceName: 'unknown_service' }, { serviceName: 'unknown_service' }]);
    expect(none.account.repaired).toMatchObject([{ reason: 'unknown-process', count: 1 }]);
  });

  test('may be empty', async () => {
    const { account, spans } = await decodeDump(encoded('binary', struct({ 1: PROCESS, 2: list([]) })));
    expect(account).toMatchObject({ format: 'jaeger-thrift', documents: 1, skipped: [] });
    expect(spans).toEqual([]);
  });

  test('may be called in the protocol of before 2008, without a version', async () => {
    const strict = called('binary', 'emitBatch', struct({ 1: PROCESS, 2: list([span()]) }));
    const name = Buffer.from('emitBatch');
    const old = Buffer.concat([strict.subarray(4, 8), name, Buffer.of(4), strict.subarray(8 + name.length)]);
    expect((await decodeDump(old)).spans).toMatchObject([{ spanId: '0000000000000001', serviceName: 'shop' }]);
  });
});

/** Puts the process behind the spans of the one batch that is called. */
function swapped(protocol: ProtocolName, call: Buffer, process: typeof PROCESS): Buffer {
  // Behind the batch stand its end and that of the arguments.
  const [head, process1] = [call.subarray(0, -2), encoded(protocol, struct({ 1: process }))];
  // The compact protocol counts up from the field before: field 1 behind field 2 is written out.
  const field = protocol === 'compact' ? Buffer.concat([Buffer.of(0x0c, 0x02), process1.subarray(1)]) : process1;
  return Buffer.concat([head, field, Buffer.of(0)]);
}

describe('bad content', () => {
  test('spans without ids are skipped, and reading goes on', async () => {
    const spans = [span(), span({ 1: undefined, 2: undefined }), span({ 3: undefined }), span({ 5: i64(1) })];
    const { account, spans: decoded } = await decodeDump(encoded('compact', struct({ 1: PROCESS, 2: list(spans) })));
    expect(decoded.map(({ name }) => name)).toEqual(['x', '']);
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['missing-trace-id', 1],
      ['missing-span-id', 1],
    ]);
  });

  test('times that cannot be are left out', async () => {
    const spans = [span({ 8: i64(-7) }), span({ 9: i64(-5) }), span({ 9: i64(2n ** 62n) })];
    const { account, spans: decoded } = await decodeDump(encoded('binary', struct({ 1: PROCESS, 2: list(spans) })));
    expect(decoded.map(({ startTimeUnixNano, durationNano }) => [startTimeUnixNano, durationNano])).toEqual([
      [0n, 5000n],
      [7000n, 0n],
      [7000n, 0n],
    ]);
    expect(account.repaired.map(({ reason, count }) => [reason, count])).toEqual([
      ['invalid-time', 2],
      ['end-before-start', 1],
    ]);
  });

  test('a value nested too deeply, a type that is none and a size that is none end reading', async () => {
    const good = encoded('binary', struct({ 1: PROCESS, 2: list([span()]) }));
    const head = Buffer.from('0c0001', 'hex');
    const deep = Buffer.concat([head, Buffer.from('0c0009'.repeat(100), 'hex')]);
    const type = Buffer.concat([head, Buffer.from('630001', 'hex')]);
    const size = Buffer.concat([head, Buffer.from('0b0001ffffffff', 'hex')]);
    for (const bad of [deep, type, size]) {
      const { account, spans } = await decodeDump(Buffer.concat([good, bad, good]));
      expect(spans).toHaveLength(1);
      expect(account.skipped).toMatchObject([{ reason: 'malformed-thrift', count: 1, first: { offset: good.length } }]);
    }
  });

  test('nothing but a broken batch is refused', async () => {
    const bytes = encoded('binary', struct({ 1: PROCESS, 2: list([span()]) }));
    bytes[bytes.indexOf('shop') + 5] = 0x63;
    const { account } = await decodeDump(bytes);
    expect(account).toMatchObject({ spans: 0, documents: 0 });
    expect(account.fault).toBeDefined();
  });

  test.each(['plain.bin', 'compact.bin', 'emit-batch-compact.bin'])(
    'every cut of %s gives spans of the whole, and no byte makes it throw',
    async file => {
      const bytes = fixture(`jaeger-thrift/${file}`);
      const whole = (await decodeDump(bytes)).spans;
      for (let length = 0; length < bytes.length; length += 3) {
        const { spans } = await decodeDump(bytes.subarray(0, length));
        expect(whole.slice(0, spans.length)).toEqual(spans);
      }
      for (let at = 0; at < bytes.length; at += 2) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ (at % 3 === 0 ? 0xff : 0x41);
        const { account, spans } = await decodeDump(changed);
        expect(account.spans).toBe(spans.length);
      }
    },
  );
});
