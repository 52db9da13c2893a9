import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64WidthOf, framingOf, isBase64Lines } from '../../src/ingest/frames.ts';
import { decodeDump } from '../support/decode.ts';
import { fixture, fixturesIn } from '../support/fixtures.ts';

// Messages behind their lengths, in each way that lengths are written, and a line each.

const MESSAGES = [fixture('otlp-proto/plain.pb'), fixture('otlp-proto/bare.pb'), fixture('otlp-proto/shop.pb')];

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.of(...bytes, rest);
}

const wrapped = (message: Uint8Array, width: number, end = '\n') =>
  Buffer.from(message)
    .toString('base64')
    .replaceAll(new RegExp(`.{1,${width}}`, 'g'), `$&${end}`);

const WAYS: Readonly<Record<string, (message: Uint8Array) => Buffer>> = {
  'lengths of 32 bits': message => Buffer.concat([uint32(message.length), message]),
  'gRPC frames': message => Buffer.concat([Buffer.of(0), uint32(message.length), message]),
  'varint lengths': message => Buffer.concat([varint(message.length), message]),
  'lines of base64': message => Buffer.from(`${Buffer.from(message).toString('base64')}\n`),
  'base64 in lines of 76': message => Buffer.from(wrapped(message, 76, '\r\n')),
  'base64 in lines of 64': message => Buffer.from(`${wrapped(message, 64)}\n`),
};

describe.each(Object.entries(WAYS))('%s', (way, frame) => {
  test.each([1, 7, 1000, 100_000])('are taken apart in chunks of %i', async chunk => {
    const { account, spans } = await decodeDump(Buffer.concat(MESSAGES.map(frame)), { chunk });
    expect(spans).toHaveLength(4 + 1 + 53);
    expect(account).toMatchObject({ format: 'otlp-proto', documents: 3, skipped: [], fault: undefined });
  });

  test('may hold a single message', async () => {
    for (const message of MESSAGES) {
      const { account } = await decodeDump(frame(message));
      expect(account).toMatchObject({ documents: 1, skipped: [], fault: undefined });
    }
  });

  test('that end inside a message give those before it, and say so', async () => {
    const whole = Buffer.concat(MESSAGES.map(frame));
    const { account, spans } = await decodeDump(whole.subarray(0, whole.length - 100), { chunk: 333 });
    // Of a line what is there of its message is read, too.
    expect(spans).toHaveLength(way.includes('base64') ? 52 : 5);
    expect(account.fault?.message).toMatch(/^is cut off: the (input ends inside a frame|message ends inside a field) /);
  });

  test('pass over a message over the limit', async () => {
    const bytes = Buffer.concat([...MESSAGES, ...MESSAGES].map(frame));
    for (const chunk of [50, 1 << 20]) {
      const { account, spans } = await decodeDump(bytes, { chunk, limits: { recordBytes: 5000 } });
      expect(spans).toHaveLength(10);
      expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['record-too-large', 2]]);
    }
  });

  test('may be compressed message by message', async () => {
    const messages: Buffer[] = MESSAGES.map((message, at) =>
      at % 2 === 0 ? gzipSync(message) : zstdCompressSync(message),
    );
    // A gRPC frame says so in its flag, and in front of a varint only bare messages are told.
    if (frame === WAYS['varint lengths']) messages[0] = MESSAGES[0]!;
    const bytes = Buffer.concat(messages.map(frame));
    if (frame === WAYS['gRPC frames']) bytes[0] = 1;
    expect((await decodeDump(bytes)).spans).toHaveLength(58);
  });
});

describe('what is told apart', () => {
  test('every committed dump is what it was: none but the framed ones has a framing', () => {
    const files = [
      'otlp-proto',
      'otlp-json',
      'zipkin-proto',
      'zipkin-thrift',
      'jaeger-thrift',
      'jaeger-model-proto',
      'datadog-msgpack',
      'parquet',
    ];
    const framed = files
      .flatMap(fixturesIn)
      .filter(file => framingOf(fixture(file).subarray(0, 1 << 16), 256 << 20) !== undefined);
    expect(framed).toEqual([
      'otlp-proto/grpc-frames.pb',
      'otlp-proto/mixed-signals-framed.pb',
      'otlp-proto/shop-framed-zstd.pb',
      'otlp-proto/shop-framed.pb',
      'otlp-proto/varint-delimited.pb',
      'otlp-json/framed-zstd.json',
      'zipkin-proto/framed.pb',
    ]);
  });

  test('noise has no framing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        fc.pre(bytes[4] !== 0x0a && bytes[4] !== 123 && bytes[4] !== 91);
        expect(framingOf(bytes, 256 << 20)).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['words', 'thisisaverylongwordwithoutspaces\nandthisisanotherone1234567\n'],
    ['ids', '5b8efff798038103d269b633813fc60c\neee19b7ec3c1b174eee19b7ec3c1b174\n'],
    ['base64 of something else', `${Buffer.from('nothing of the kind, for sure').toString('base64')}\n`],
    ['a token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln\n'],
    ['base64 of something else, wrapped', wrapped(Buffer.from('nothing of the kind, for sure '.repeat(20)), 76)],
    ['a certificate', `-----BEGIN CERTIFICATE-----\n${wrapped(MESSAGES[2]!, 64)}-----END CERTIFICATE-----\n`],
    ['a width that breaks groups', wrapped(MESSAGES[2]!, 75)],
    ['base64 that gets wider', `${wrapped(MESSAGES[2]!, 64).slice(0, 65)}${wrapped(MESSAGES[2]!, 76)}`],
  ])('lines of %s are no messages', (_, text) => {
    expect(isBase64Lines(Buffer.from(text), true)).toBe(false);
    expect(base64WidthOf(Buffer.from(text), true)).toBeUndefined();
  });

  test('a message on lines of one width is no line a message', () => {
    const text = Buffer.from(wrapped(MESSAGES[2]!, 76));
    expect([isBase64Lines(text, true), base64WidthOf(text, true)]).toEqual([false, 76]);
    // What is looked at may end inside it.
    expect(base64WidthOf(text.subarray(0, 1000), false)).toBe(76);
  });

  test('a message whose last line is full ends at an empty one', async () => {
    const [message = Buffer.alloc(0)] = MESSAGES;
    const width = 148;
    expect(message.toString('base64').length % width).toBe(0);
    const { account, spans } = await decodeDump(`${wrapped(message, width)}\n${wrapped(message, width)}`);
    expect(account).toMatchObject({ documents: 2, skipped: [], fault: undefined });
    expect(spans).toHaveLength(8);
  });

  test('a line among wrapped ones that is no base64 is counted', async () => {
    const message = wrapped(MESSAGES[0]!, 76);
    const { account, spans } = await decodeDump(`${message}what is this?\n${message}`);
    expect(spans).toHaveLength(8);
    expect(account.skipped).toMatchObject([
      {
        reason: 'malformed-protobuf',
        count: 1,
        first: { offset: message.length, detail: 'a line that is not 76 characters of base64' },
      },
    ]);
  });

  test('a line of base64 longer than the head is told by its beginning', async () => {
    const long = Buffer.concat(Array.from({ length: 10 }, () => MESSAGES[2]!));
    const { account, spans } = await decodeDump(`${long.toString('base64')}\n`, { chunk: 10_000 });
    expect(spans).toHaveLength(530);
    expect(account.fault).toBeUndefined();
  });

  test('a line among them that is no message is counted', async () => {
    const line = MESSAGES[0]!.toString('base64');
    const { account, spans } = await decodeDump(`${`${line}\n`.repeat(2000)}what is this?\n${line}\n`);
    expect(spans).toHaveLength(8004);
    expect(account.skipped).toMatchObject([
      { reason: 'malformed-protobuf', count: 1, first: { detail: 'a line that is not base64' } },
    ]);
  });
});
