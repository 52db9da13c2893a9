import { connect, type Socket } from 'node:net';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  AGENT_CALLS,
  type BodyFormats,
  JAEGER_THRIFT,
  OTLP_JSON,
  OTLP_PROTOBUF,
  ZIPKIN_JSON,
  ZIPKIN_PROTOBUF,
  ZIPKIN_THRIFT,
} from '../../src/receive/body-formats.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { type Receiving, receiving, send } from './receiving.ts';

// Senders that stall, lie, go away or mean harm: whatever they do, the next request is taken.

const plain = fixture('otlp-proto/plain.pb');
const GOOD = { path: '/v1/traces', headers: { 'Content-Type': 'application/x-protobuf' }, body: plain };
const head = (...lines: string[]) =>
  ['POST /v1/traces HTTP/1.1', 'Host: localhost', 'Content-Type: application/x-protobuf', ...lines, '', ''].join(
    '\r\n',
  );

interface RawSocket {
  readonly socket: Socket;
  /** All that came, once the other side has closed the connection. */
  readonly closed: Promise<string>;
}

function raw(port: number): RawSocket {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', data => {
    text += data.toString('latin1');
  });
  socket.on('error', () => {});
  return { socket, closed: new Promise(resolve => socket.on('close', () => resolve(text))) };
}

const statusesOf = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));

async function expectAlive(receiver: Receiving): Promise<void> {
  expect((await send(receiver.port, GOOD)).status).toBe(200);
}

describe('a connection over which comes', () => {
  test.each([
    ['no HTTP', 'how do you do?\r\n\r\n', [400]],
    ['HTTP/2 without being asked', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
    ['a length that is no number', head('Content-Length: many'), [400]],
    ['a length below zero', head('Content-Length: -1'), [400]],
    ['two lengths', head('Content-Length: 3', 'Content-Length: 4'), [400]],
    ['a chunk whose length is no number', `${head('Transfer-Encoding: chunked')}zz\r\n`, [400]],
    ['headers without an end', `${head().slice(0, -2)}X-Filler: ${'x'.repeat(40_000)}`, [431]],
    // What stands behind the body is read as the next request.
    ['a body longer than it says', `${head('Content-Length: 4')}no fields of anything`, [400]],
  ])('%s is answered and closed', async (_, sent, statuses) => {
    const receiver = await receiving('otlp-http', { requestTimeoutMs: 500 });
    const { socket, closed } = raw(receiver.port);
    socket.write(sent);
    expect(statusesOf(await closed)).toEqual(statuses);
    await expectAlive(receiver);
    expect((await receiver.finish()).spans).toEqual((await readDump(plain)).spans);
  });

  test.each([
    ['nothing', ''],
    ['half a request line', 'POST /v1/tra'],
    ['half of the headers', head().slice(0, 40)],
    ['half a body', `${head(`Content-Length: ${plain.length}`)}${plain.subarray(0, 20).toString('latin1')}`],
    ['half a chunk', `${head('Transfer-Encoding: chunked')}ff\r\n${plain.subarray(0, 20).toString('latin1')}`],
  ])('%s and no more is closed in time', async (_, sent) => {
    const receiver = await receiving('otlp-http', { requestTimeoutMs: 300 });
    const { socket, closed } = raw(receiver.port);
    socket.write(Buffer.from(sent, 'latin1'));
    expect([[408], []]).toContainEqual(statusesOf(await closed));
    await expectAlive(receiver);
  });

  test('half a body before the sender goes away is counted; nothing of it is kept', async () => {
    const receiver = await receiving('otlp-http');
    const { socket } = raw(receiver.port);
    socket.write(head(`Content-Length: ${plain.length}`));
    socket.write(plain.subarray(0, plain.length - 1), () => socket.destroy());
    await expect.poll(() => receiver.session.countsOf('otlp-http').refused).toBe(1);
    await expectAlive(receiver);
    const { account, spans } = await receiver.finish();
    expect(spans).toEqual((await readDump(plain)).spans);
    expect(account.skipped).toMatchObject([
      {
        reason: 'refused-request',
        first: { detail: `otlp-http: a body that was cut off after ${plain.length - 1} bytes` },
      },
    ]);
  });

  test('the word that ten gigabytes follow is answered before they do', async () => {
    const receiver = await receiving('otlp-http');
    const { socket, closed } = raw(receiver.port);
    socket.write(head('Content-Length: 10000000000'));
    socket.write(Buffer.alloc(100_000));
    expect(statusesOf(await closed)).toEqual([413]);
    await expectAlive(receiver);
  });

  test('a body without an end is answered and hung up on', async () => {
    const receiver = await receiving('otlp-http', { requestBytes: 1_000_000 });
    const { socket, closed } = raw(receiver.port);
    socket.write(head('Transfer-Encoding: chunked'));
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')]);
    let sent = 0;
    const pour = () => {
      while (!socket.destroyed && sent < 200_000_000) {
        sent += chunk.length;
        if (!socket.write(chunk)) return void socket.once('drain', pour);
      }
    };
    pour();
    expect(statusesOf(await closed)).toEqual([413]);
    // The limit, what is read of the rest out of politeness, and the buffers of two sockets.
    expect(sent).toBeLessThan(60_000_000);
    await expectAlive(receiver);
  });

  test('no gRPC, at the port of gRPC, ends with that connection', async () => {
    const receiver = await receiving('otlp-grpc');
    for (const sent of [
      'GET / HTTP/1.1\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\0\0\0\x04\x08',
      'x'.repeat(100_000),
    ]) {
      const { socket } = raw(receiver.port);
      await new Promise(resolve => socket.write(sent, resolve));
      socket.end();
    }
    const { Client, credentials } = await import('@grpc/grpc-js');
    const client = new Client(`127.0.0.1:${receiver.port}`, credentials.createInsecure());
    onTestFinished(() => client.close());
    const asIs = (bytes: Buffer) => bytes;
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(
        '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        asIs,
        asIs,
        plain,
        error => (error === null ? resolve() : reject(error)),
      );
    });
    expect((await receiver.finish()).spans).toEqual((await readDump(plain)).spans);
  });
});

describe('many connections', () => {
  test('500 of which each sends, and 500 that say nothing', async () => {
    const receiver = await receiving('otlp-http');
    const silent = Array.from({ length: 500 }, () => raw(receiver.port));
    const answers = await Promise.all(Array.from({ length: 500 }, () => send(receiver.port, GOOD)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const begun = performance.now();
    const { counts, result } = await receiver.finish();
    expect(performance.now() - begun).toBeLessThan(5000);
    const { spans } = await readDump(plain);
    expect(counts).toMatchObject({ requests: 500, spans: 500 * spans.length });
    expect(result).toMatchObject({ spans: spans.length, duplicates: 499 * spans.length });
    await Promise.all(silent.map(({ closed }) => closed));
  });

  test('a request that is under way is answered while the receiver stops; one that stalls is broken off', async () => {
    const receiver = await receiving('otlp-http');
    const [slow, stalled] = [raw(receiver.port), raw(receiver.port)];
    for (const { socket } of [slow, stalled]) {
      socket.write(head(`Content-Length: ${plain.length}`));
      await new Promise(resolve => socket.write(plain.subarray(0, 30), resolve));
    }
    // Until both are seen to have begun.
    await expectAlive(receiver);
    const stopped = receiver.stop(700);
    slow.socket.write(plain.subarray(30));
    expect(statusesOf(await slow.closed)).toEqual([200]);
    await stopped;
    expect(await stalled.closed).toBe('');
    await expect(send(receiver.port, GOOD)).rejects.toThrow('ECONNREFUSED');
    expect((await receiver.finish()).counts).toMatchObject({ requests: 3, refused: 1 });
  });
});

describe('a bomb', () => {
  const MEMBER = Buffer.alloc(16 << 20);
  const times = (bytes: Buffer, count: number) => Buffer.concat(Array.from({ length: count }, () => bytes));
  const gigabyteOfGzip = times(gzipSync(MEMBER), 64);
  const gigabyteOfZstd = times(zstdCompressSync(MEMBER), 64);
  /** A block that says it is four gigabytes long. */
  const snappy = Buffer.from('ffffffff0f00', 'hex');

  test.each([
    ['gzip', gigabyteOfGzip],
    ['zstd', gigabyteOfZstd],
    ['snappy', snappy],
  ])('of %s is refused, and costs no more than the largest request', async (encoding, body) => {
    const receiver = await receiving('otlp-http');
    const before = process.memoryUsage().rss;
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        send(receiver.port, { ...GOOD, headers: { ...GOOD.headers, 'Content-Encoding': encoding }, body }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([413, 413, 413, 413]);
    expect(process.memoryUsage().rss - before).toBeLessThan(700e6);
    await expectAlive(receiver);
  });
});

describe('bodies without sense', () => {
  const SEEDS: readonly (readonly [name: string, formats: BodyFormats, seed: string])[] = [
    ['OTLP protobuf', OTLP_PROTOBUF, 'otlp-proto/plain.pb'],
    ['OTLP JSON', OTLP_JSON, 'otlp-json/plain.json'],
    ['Zipkin protobuf', ZIPKIN_PROTOBUF, 'zipkin-proto/shared-spans.pb'],
    ['Zipkin JSON', ZIPKIN_JSON, 'zipkin-json/shared-spans.json'],
    ['Zipkin Thrift', ZIPKIN_THRIFT, 'zipkin-thrift/lists.bin'],
    ['Jaeger Thrift', JAEGER_THRIFT, 'jaeger-thrift/plain.bin'],
    ["calls of Jaeger's agent", AGENT_CALLS, 'jaeger-thrift/emit-batch-compact.bin'],
  ];

  test.each(SEEDS)('of %s are refused or taken in part; what follows is taken whole', async (_, formats, seed) => {
    const receiver = await receiving('otlp-http');
    const good = fixture(seed);
    const accept = (body: Uint8Array) => receiver.session.accept({ receiver: 'otlp-http', formats, body });
    const mutated = fc
      .tuple(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
        fc.nat(good.length),
        fc.uint8Array({ maxLength: 20 }),
      )
      .map(([changes, cut, tail]) => {
        const body = Buffer.concat([good.subarray(0, cut), tail]);
        for (const [at, byte] of changes) if (at < body.length) body[at] = byte;
        return body;
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), async body => {
        const { kind } = await accept(Buffer.from(body));
        expect(['accepted', 'partial', 'refused']).toContain(kind);
      }),
      { numRuns: 400 },
    );
    const before = receiver.session.countsOf('otlp-http').spans;
    expect(await accept(good)).toEqual({ kind: 'accepted' });
    const { spans } = await readDump(good);
    expect(receiver.session.countsOf('otlp-http').spans - before).toBe(spans.length);
    await receiver.finish();
  });

  test.each([
    ['JSON of 100,000 arrays', OTLP_JSON, '['.repeat(100_000), 'refused'],
    ['JSON of 100,000 objects', OTLP_JSON, '{"resourceSpans":'.repeat(100_000), 'refused'],
    ['Zipkin JSON of 100,000 arrays', ZIPKIN_JSON, '['.repeat(100_000), 'refused'],
    ['protobuf of 100,000 messages', OTLP_PROTOBUF, nestedArrays(50_000), 'partial'],
  ] as const)('%s in one another do no harm', async (_, formats, body, kind) => {
    const receiver = await receiving('otlp-http');
    const outcome = await receiver.session.accept({ receiver: 'otlp-http', formats, body: Buffer.from(body) });
    expect(outcome).toMatchObject({ kind });
    await expectAlive(receiver);
  });
});

/** A ResourceSpans whose resource has an attribute that is an array of an array of … */
function nestedArrays(depth: number): Buffer {
  // From the inside: the array of an AnyValue and the value of an ArrayValue; around them KeyValue, Resource and ResourceSpans.
  const tags = Array.from({ length: depth * 2 - 1 }, (_, level) => (level % 2 === 0 ? 0x2a : 0x0a));
  const parts: Buffer[] = [];
  let length = 0;
  for (const tag of [...tags, 0x12, 0x0a, 0x0a, 0x0a]) {
    const size: number[] = [];
    let rest = length;
    for (; rest > 127; rest >>>= 7) size.push((rest & 127) | 128);
    const header = Buffer.from([tag, ...size, rest]);
    parts.push(header);
    length += header.length;
  }
  return Buffer.concat(parts.reverse());
}
