import { describe, expect, test } from 'vitest';
import {
  binary,
  bool,
  called,
  encoded,
  i32,
  i64,
  list,
  type Struct,
  struct,
  text,
} from '../../fixtures/programs/thrift.ts';
import { type DecodedDump, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

const read = (file: string): Promise<DecodedDump> => decodeDump(fixture(file));
const span = (changes: Struct = {}): Struct => ({
  1: i64(10),
  3: text('x'),
  4: i64(1),
  10: i64(7),
  11: i64(5),
  ...changes,
});

describe('the spans of v1 JSON', () => {
  test.each(['calls', 'messages', 'incomplete', 'values'])('%s', async name => {
    const { account, spans } = await read(`zipkin-thrift/${name}.bin`);
    expect(account).toMatchObject({ format: 'zipkin-thrift', documents: 1, skipped: [], repaired: [] });
    expect(spans).toEqual((await read(`zipkin-v1-json/${name}.json`)).spans);
  });

  test.each(['lists', 'single-spans', 'emit-zipkin-batch-binary', 'emit-zipkin-batch-compact'])('%s', async name => {
    const { account, spans } = await read(`zipkin-thrift/${name}.bin`);
    expect(account).toMatchObject({ format: 'zipkin-thrift', documents: 1, skipped: [], repaired: [] });
    expect(spans).toEqual((await read('zipkin-v1-json/lines.jsonl')).spans);
  });
});

test('ids have all their bits; fields of the future are passed over', async () => {
  const odd = span({
    1: i64(-1),
    4: i64(-2),
    5: i64(-3),
    12: i64(1),
    9: bool(true),
    30: list([{ 1: struct({ 2: text('new') }) }]),
  });
  const { spans } = await decodeDump(encoded('binary', list([odd])));
  expect(spans).toMatchObject([
    {
      traceId: `0000000000000001${'f'.repeat(16)}`,
      spanId: 'fffffffffffffffe',
      parentSpanId: 'fffffffffffffffd',
      flags: 1,
    },
  ]);
});

describe('bad content', () => {
  test('spans without ids are skipped, and reading goes on', async () => {
    const spans = [span(), span({ 1: undefined }), span({ 4: undefined }), span()];
    const { account, spans: decoded } = await decodeDump(encoded('binary', list(spans)));
    expect(decoded).toHaveLength(2);
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['missing-trace-id', 1],
      ['missing-span-id', 1],
    ]);
  });

  test('times that cannot be are left out', async () => {
    const spans = [span({ 10: i64(-7) }), span({ 11: i64(-5) }), span({ 10: i64(2n ** 62n) }), span({ 10: text('7') })];
    const { account, spans: decoded } = await decodeDump(encoded('binary', list(spans)));
    expect(decoded.map(({ startTimeUnixNano, durationNano }) => [startTimeUnixNano, durationNano])).toEqual([
      [0n, 5000n],
      [7000n, 0n],
      [0n, 5000n],
      [0n, 5000n],
    ]);
    expect(account.repaired.map(({ reason, count }) => [reason, count])).toEqual([
      ['invalid-time', 2],
      ['end-before-start', 1],
    ]);
  });

  test('annotations of the wrong shape', async () => {
    const odd = span({
      6: list([{ 1: text('x') }, { 2: text('e'), 3: text('no endpoint') }]),
      8: list([{}, { 1: text('k'), 2: i32(1) }, { 1: text('short'), 2: binary(Buffer.of(1)), 3: i32(4) }]),
    });
    const { spans } = await decodeDump(encoded('binary', list([odd])));
    expect(spans[0]?.events.map(({ name }) => name)).toEqual(['', 'e']);
    expect(spans[0]?.attributes).toEqual({ '': null, k: null, short: new Uint8Array([1]) });
  });

  test('behind what is no Thrift reading ends; what was read is kept', async () => {
    const good = encoded('binary', list([span(), span()]));
    const { account, spans } = await decodeDump(Buffer.concat([good, Buffer.from('630001', 'hex'), good]));
    expect(spans).toHaveLength(2);
    expect(account.skipped).toMatchObject([{ reason: 'malformed-thrift', count: 1, first: { offset: good.length } }]);
  });

  test('a call of another method is named', async () => {
    const bytes = [called('binary', 'emitZipkinBatch', list([span()])), called('binary', 'ping', list([]))];
    const { account, spans } = await decodeDump(Buffer.concat(bytes));
    expect(spans).toHaveLength(1);
    expect(account.skipped).toMatchObject([{ reason: 'malformed-thrift', first: { detail: 'a call of "ping"' } }]);
  });

  test('a span over the limit ends reading, for nothing says where the next begins', async () => {
    const bytes = encoded('binary', list([span(), span({ 3: text('x'.repeat(100_000)) }), span()]));
    for (const chunk of [1000, bytes.length]) {
      const { account, spans } = await decodeDump(bytes, { chunk, limits: { recordBytes: 10_000 } });
      // In one chunk the span is whole before it has to be held.
      expect([1, 3]).toContain(spans.length);
      expect(account.skipped.length).toBe(spans.length === 1 ? 1 : 0);
    }
  });

  test.each(['calls.bin', 'single-spans.bin', 'emit-zipkin-batch-compact.bin'])(
    'every cut of %s gives spans of the whole, and no byte makes it throw',
    async file => {
      const bytes = fixture(`zipkin-thrift/${file}`);
      const whole = (await decodeDump(bytes)).spans;
      for (let length = 0; length < bytes.length; length += 3) {
        const { account, spans } = await decodeDump(bytes.subarray(0, length));
        expect(whole.slice(0, spans.length)).toEqual(spans);
        if (file !== 'single-spans.bin') expect(account.fault).toBeDefined();
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
