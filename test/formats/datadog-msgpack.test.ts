import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { Unpacker } from '../../src/formats/datadog-msgpack/msgpack.ts';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { countsOf } from './brief.ts';

const SPAN = { service: 's', name: 'n', resource: 'r', trace_id: 1n, span_id: 2n, start: 1n, duration: 1n };
const pack = (value: unknown) => Buffer.from(encode(value, { useBigInt64: true }));

describe('fixtures', () => {
  test('version 0.4 holds what the JSON holds', async () => {
    const { account, spans } = await decodeDump(fixture('datadog-msgpack/v04.msgpack'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [['zero-id', 1]] });
    expect(spans).toEqual((await decodeDump(fixture('datadog-json/traces.json'))).spans);
  });

  test('so does version 0.5, but for the fields of links and events', async () => {
    const { account, spans } = await decodeDump(fixture('datadog-msgpack/v05.msgpack'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [['zero-id', 1]] });
    const { spans: whole } = await decodeDump(fixture('datadog-json/traces.json'));
    expect(spans).toEqual(
      whole.map(span => (span.serviceName === 'postgres' ? { ...span, links: [], events: [] } : span)),
    );
  });

  test('version 0.7 holds what its JSON does', async () => {
    const { account, spans } = await decodeDump(fixture('datadog-msgpack/v07.msgpack'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans).toEqual((await decodeDump(fixture('datadog-json/tracer-payload.jsonl'))).spans);
  });

  test('bodies may stand one after the other', async () => {
    const { account, spans } = await decodeDump(fixture('datadog-msgpack/bodies.msgpack'));
    expect(countsOf(account)).toEqual({ documents: 2, skipped: [], repaired: [['zero-id', 1]] });
    expect(spans).toEqual((await decodeDump(fixture('datadog-json/traces.json'))).spans);
  });
});

describe('MessagePack', () => {
  test.each([
    [0n],
    [127n],
    [128n],
    [255n],
    [65_535n],
    [65_536n],
    [4_294_967_296n],
    [18_446_744_073_709_551_615n],
    [-1n],
    [-32n],
    [-33n],
    [-129n],
    [-32_769n],
    [-2_147_483_649n],
    [-9_223_372_036_854_775_808n],
  ])('reads %s', value => {
    expect(new Unpacker(pack(value)).read()).toBe(value);
  });

  test.each([[0], [17], [200], [1000], [70_000], [-5], [-100], [-1000], [-70_000]])(
    'reads the short form of %i',
    value => {
      expect(new Unpacker(Buffer.from(encode(value))).read()).toBe(BigInt(value));
    },
  );

  test.each([[1.5], [-0.1], [true], [false], [null], [''], ['ä'.repeat(20)], ['x'.repeat(300)], ['y'.repeat(70_000)]])(
    'reads %j',
    value => {
      expect(new Unpacker(pack(value)).read()).toBe(value);
    },
  );

  test('reads floats of 32 bits, bytes and extensions', () => {
    expect(new Unpacker(Buffer.from(encode(0.5, { forceFloat32: true }))).read()).toBe(0.5);
    expect(new Unpacker(pack(Uint8Array.of(1, 2))).read()).toBe('AQI=');
    expect(new Unpacker(pack(new Date(0))).read()).toBeNull();
  });

  test.each([[[]], [Array.from({ length: 20 }, () => 'a')], [{}], [{ a: { b: ['c', true] } }]])(
    'reads and passes over %j',
    value => {
      const bytes = Buffer.concat([pack(value), pack('behind')]);
      const unpacker = new Unpacker(bytes);
      expect(unpacker.read()).toEqual(value);
      expect(unpacker.read()).toBe('behind');
      const skipping = new Unpacker(bytes);
      skipping.skip();
      expect(skipping.read()).toBe('behind');
    },
  );
});

describe('faults', () => {
  test('a body that is cut off keeps its whole traces', async () => {
    const whole = pack([[SPAN], [{ ...SPAN, span_id: 3n }]]);
    for (let length = whole.length - 1; length > whole.length / 2 + 5; length--) {
      const { account, spans } = await decodeDump(whole.subarray(0, length));
      expect(account.fault?.message).toMatch(/^is cut off/);
      expect(spans).toHaveLength(1);
    }
  });

  test('a body of v0.7 that is cut off is said to be', async () => {
    const whole = fixture('datadog-msgpack/v07.msgpack');
    for (const length of [whole.length - 1, Math.floor(whole.length / 2)]) {
      const { account, spans } = await decodeDump(Buffer.concat([whole, whole.subarray(0, length)]), { chunk: 99 });
      expect(account.fault?.message).toBe(
        `is cut off: the input ends inside a MessagePack body (byte ${whole.length})`,
      );
      expect(countsOf(account)).toEqual({ documents: 2, skipped: [['truncated', 1]], repaired: [] });
      expect(spans).toHaveLength(3);
    }
  });

  test('odd bodies of v0.7 are counted and what stands around them is read', async () => {
    const deep = Array.from({ length: 100 }).reduce<unknown>(inner => [inner], 1);
    const bodies = [{ chunks: [{ spans: [SPAN] }, 7n] }, { chunks: [{ spans: deep }] }, [[SPAN]], { chunks: 'x' }];
    const bytes = Buffer.concat(bodies.map(body => Buffer.from(encode(body, { useBigInt64: true, maxDepth: 200 }))));
    const { account, spans } = await decodeDump(bytes);
    expect(spans).toHaveLength(2);
    expect(account.skipped.map(({ reason, count }) => [reason, count]).sort()).toEqual([
      ['too-deep', 1],
      ['unexpected-type', 2],
    ]);
    const large = { chunks: [{ spans: [{ ...SPAN, meta: { text: 'x'.repeat(1500) } }] }] };
    const over = await decodeDump(Buffer.concat([pack([[SPAN]]), pack(large), pack([[SPAN]])]), {
      limits: { recordBytes: 1000 },
    });
    expect(countsOf(over.account)).toMatchObject({ skipped: [['record-too-large', 1]] });
    expect(over.spans).toHaveLength(2);
  });

  test('what begins no value ends reading', async () => {
    const bytes = Buffer.concat([pack([[SPAN]]), Buffer.from([0xc1, 0xc1])]);
    const { account, spans } = await decodeDump(bytes);
    expect(countsOf(account)).toMatchObject({ skipped: [['malformed-msgpack', 1]] });
    expect(spans).toHaveLength(1);
  });

  test('a trace over the limit is passed over, one far over it ends reading', async () => {
    const large = (size: number) => [{ ...SPAN, span_id: 3n, meta: { text: 'x'.repeat(size) } }];
    const over = await decodeDump(pack([[SPAN], large(1500), [SPAN]]), { limits: { recordBytes: 1000 } });
    expect(countsOf(over.account)).toMatchObject({ skipped: [['record-too-large', 1]] });
    expect(over.spans).toHaveLength(2);
    const far = await decodeDump(pack([[SPAN], large(200_000), [SPAN]]), { limits: { recordBytes: 1000 }, chunk: 100 });
    expect(countsOf(far.account)).toMatchObject({ skipped: [['record-too-large', 1]] });
    expect(far.spans).toHaveLength(1);
  });

  test('a length of four billion is not believed', async () => {
    const { account, spans } = await decodeDump(
      Buffer.concat([Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), pack([SPAN])]),
    );
    expect(account.fault?.message).toMatch(/^is cut off/);
    expect(spans).toHaveLength(1);
  });

  test('odd traces and spans are counted and the others read', async () => {
    const deep = Array.from({ length: 100 }).reduce<unknown>(inner => [inner], 1);
    const body = [
      [SPAN],
      7n,
      [{ ...SPAN, span_id: 3n, meta_struct: deep }],
      [null, 'x'],
      [{ ...SPAN, span_id: 4n, meta: 7n, metrics: [] }],
    ];
    const { account, spans } = await decodeDump(Buffer.from(encode(body, { useBigInt64: true, maxDepth: 200 })));
    expect(spans.map(({ spanId }) => spanId)).toEqual(['0000000000000002', '0000000000000004']);
    expect(account.skipped.map(({ reason, count }) => [reason, count]).sort()).toEqual([
      ['missing-trace-id', 2],
      ['too-deep', 1],
      ['unexpected-type', 1],
    ]);
  });

  test('other MessagePack is not taken for traces', async () => {
    const others = [
      [[{ other: 1 }]],
      [['a'], 7, 8],
      [1, 2],
      { a: 1 },
      { env: 'x' },
      { chunks: 1 },
      { env: 'x', b: [] },
    ];
    for (const value of others) {
      const { account } = await decodeDump(Buffer.concat([pack(value), Buffer.from([1, 2, 3])]));
      expect(account.format).toBeUndefined();
    }
  });
});
