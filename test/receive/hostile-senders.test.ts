import { connect, type Socket } from 'node:net';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  AGENT_CALLS,
  type BodyFormats,
  JAEGER_PROTOBUF,
  JAEGER_THRIFT,
  OTLP_JSON,
  OTLP_PROTOBUF,
  ZIPKIN_JSON,
  ZIPKIN_PROTOBUF,
  ZIPKIN_THRIFT,
} from '../../src/receive/body-formats.ts';
import { Budget } from '../../src/receive/budget.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { brief, call, clientOf, EXPORT, framed, rawCall, sessionTo } from './grpc-calls.ts';
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

async function expectGrpcAlive(receiver: Receiving): Promise<void> {
  expect(brief(await call(clientOf(receiver.port), { method: EXPORT, body: plain }))).toBe('OK');
}

/** What requests may hold, the one that is being decoded, and what waits to be collected. */
const MEMORY = 900e6;

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
    await expect.poll(() => receiver.intake.countsOf('otlp-http').refused).toBe(1);
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
    await expectGrpcAlive(receiver);
    expect((await receiver.finish()).spans).toEqual((await readDump(plain)).spans);
  });
});

describe('many connections', () => {
  test('1,000 over HTTP, of which half send at once and half say nothing', async () => {
    const receiver = await receiving('otlp-http');
    const sockets = Array.from({ length: 1000 }, () => raw(receiver.port));
    await Promise.all(sockets.map(({ socket }) => new Promise(resolve => socket.once('connect', resolve))));
    const before = process.memoryUsage().rss;
    const request = Buffer.concat([Buffer.from(head(`Content-Length: ${plain.length}`)), plain]);
    const answers = await Promise.all(
      sockets.slice(500).map(({ socket }) => {
        socket.write(request);
        return new Promise(resolve => socket.once('data', data => resolve(statusesOf(data.toString('latin1'))[0])));
      }),
    );
    expect(new Set(answers)).toEqual(new Set([200]));
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
    await expectAllOf500(receiver);
    await Promise.all(sockets.map(({ closed }) => closed));
  });

  test('1,000 over gRPC, of which half call at once and half say nothing', async () => {
    const receiver = await receiving('otlp-grpc');
    const sessions = Array.from({ length: 1000 }, () => sessionTo(receiver.port));
    await Promise.all(sessions.map(session => new Promise(resolve => session.once('remoteSettings', resolve))));
    const before = process.memoryUsage().rss;
    const answers = await Promise.all(sessions.slice(500).map(session => rawCall(session, { bytes: framed(plain) })));
    expect(new Set(answers)).toEqual(new Set(['OK']));
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
    await expectAllOf500(receiver);
  });

  /** Stops while 500 connections are idle: they are no reason to wait. */
  async function expectAllOf500(receiver: Receiving): Promise<void> {
    const begun = performance.now();
    const { counts, result } = await receiver.finish();
    expect(performance.now() - begun).toBeLessThan(5000);
    const { spans } = await readDump(plain);
    expect(counts).toMatchObject({ requests: 500, spans: 500 * spans.length });
    expect(result).toMatchObject({ spans: spans.length, duplicates: 499 * spans.length });
  }

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
  const tenGigabytesOfGzip = times(gzipSync(MEMBER), 640);
  const gigabyteOfZstd = times(zstdCompressSync(MEMBER), 64);
  /** A block that says it is four gigabytes long. */
  const snappy = Buffer.from('ffffffff0f00', 'hex');

  // What does not fit into memory beside the others is put off, and they are refused.
  test.each([
    ['gzip', tenGigabytesOfGzip],
    ['zstd', gigabyteOfZstd],
    ['snappy', snappy],
  ])('of %s over HTTP is refused, and twenty at once cost no more than there is memory for', async (encoding, body) => {
    const receiver = await receiving('otlp-http');
    const before = process.memoryUsage().rss;
    const bomb = { ...GOOD, headers: { ...GOOD.headers, 'Content-Encoding': encoding }, body };
    expect((await send(receiver.port, bomb)).status).toBe(413);
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(receiver.port, bomb)));
    expect([413, 429]).toEqual(expect.arrayContaining([...new Set(answers.map(({ status }) => status))]));
    expect(process.memoryUsage().rss - before).toBeLessThan(MEMORY);
    await expectAlive(receiver);
  });

  test.each([
    ['gzip', tenGigabytesOfGzip],
    ['zstd', gigabyteOfZstd],
    ['snappy', snappy],
  ])('of %s over gRPC is refused, and twenty at once cost no more than there is memory for', async (encoding, body) => {
    const receiver = await receiving('otlp-grpc');
    const before = process.memoryUsage().rss;
    const session = sessionTo(receiver.port);
    const bomb = { bytes: framed(body, true), headers: { 'grpc-encoding': encoding } };
    expect(await rawCall(session, bomb)).toBe('RESOURCE_EXHAUSTED');
    const answers = await Promise.all(Array.from({ length: 20 }, () => rawCall(session, bomb)));
    expect(new Set(answers)).toEqual(new Set(['RESOURCE_EXHAUSTED']));
    expect(process.memoryUsage().rss - before).toBeLessThan(MEMORY);
    await expectGrpcAlive(receiver);
  });
});

describe('calls of gRPC that', () => {
  /** Frames of HTTP/2, as no client library sends them. */
  const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const frame = (type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)) => {
    const header = Buffer.alloc(9);
    header.writeUIntBE(payload.length, 0, 3);
    header[3] = type;
    header[4] = flags;
    header.writeUInt32BE(stream, 5);
    return Buffer.concat([header, payload]);
  };
  const literal = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const HEADERS = Buffer.concat([
    // POST and http, of the static table.
    Buffer.from([0x83, 0x86]),
    literal(':path', EXPORT),
    literal(':authority', 'localhost'),
    literal('content-type', 'application/grpc'),
  ]);

  test('begin with half a message and stall hold no more than there is memory for, and end in time', async () => {
    const receiver = await receiving('otlp-grpc', { budget: new Budget(8 << 20), requestTimeoutMs: 1500 });
    const half = { bytes: framed(Buffer.alloc(1 << 20), false, 60 << 20), isOpen: true };
    const sessions = Array.from({ length: 4 }, () => sessionTo(receiver.port));
    const stalled = sessions.flatMap(session => Array.from({ length: 20 }, () => rawCall(session, half)));
    const answers = new Set(await Promise.all(stalled));
    expect(answers).toEqual(new Set(['RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED']));
    expect(receiver.intake.countsOf('otlp-grpc')).toMatchObject({ requests: 80, spans: 0 });
    await expectGrpcAlive(receiver);
  });

  test('have headers and no message, or a length that lies, end in time', async () => {
    const receiver = await receiving('otlp-grpc', { requestTimeoutMs: 300 });
    const session = sessionTo(receiver.port);
    const endless = [Buffer.alloc(0), framed(plain).subarray(0, 3), framed(plain, false, plain.length + 1)];
    const answers = await Promise.all([
      ...endless.map(bytes => rawCall(session, { bytes, isOpen: true })),
      rawCall(session, { bytes: framed(plain, false, 0xffff_ffff), isOpen: true }),
      rawCall(session, { bytes: framed(plain, false, 4) }),
    ]);
    expect(answers).toEqual([
      'DEADLINE_EXCEEDED',
      'DEADLINE_EXCEEDED',
      'DEADLINE_EXCEEDED',
      'RESOURCE_EXHAUSTED',
      'INVALID_ARGUMENT',
    ]);
    await expectGrpcAlive(receiver);
  });

  test('come one byte at a time cost what they cost', async () => {
    const receiver = await receiving('otlp-grpc', { budget: new Budget(100_000) });
    const { socket, closed } = raw(receiver.port);
    socket.write(Buffer.concat([PREFACE, frame(4, 0, 0), frame(1, 4, 1, HEADERS)]));
    socket.write(frame(0, 0, 1, framed(Buffer.alloc(0), false, 60_000)));
    // Without what an object costs, all of them would fit.
    for (let count = 0; count < 2000 && receiver.intake.countsOf('otlp-grpc').putOff === 0; count++) {
      await new Promise(resolve => socket.write(frame(0, 0, 1, Buffer.alloc(1)), resolve));
      if (count % 50 === 0) await new Promise(resolve => setTimeout(resolve, 1));
    }
    await expect.poll(() => receiver.intake.countsOf('otlp-grpc').putOff).toBe(1);
    socket.destroy();
    await closed;
    await expectGrpcAlive(receiver);
  });

  test('are 10,000 on one connection are all answered', async () => {
    const receiver = await receiving('otlp-grpc');
    const client = clientOf(receiver.port);
    const answers = await Promise.all(
      Array.from({ length: 10_000 }, () => call(client, { method: EXPORT, body: plain })),
    );
    expect(new Set(answers.map(brief))).toEqual(new Set(['OK']));
    expect(receiver.intake.countsOf('otlp-grpc')).toMatchObject({ requests: 10_000, refused: 0 });
  });

  test.each([
    [
      'are given up as soon as they are begun',
      (at: number) => [frame(1, 4, at * 2 + 1, HEADERS), frame(3, 0, at * 2 + 1, Buffer.from([0, 0, 0, 8]))],
    ],
    ['ping without an end', () => [frame(6, 0, 0, Buffer.alloc(8))]],
    ['change settings without an end', () => [frame(4, 0, 0)]],
    [
      'have headers without an end',
      (at: number) => [at === 0 ? frame(1, 0, 1, HEADERS) : frame(9, 0, 1, literal('x', 'y'.repeat(100)))],
    ],
  ] as const)('%s lose their connection; the others live on', async (_, framesOf) => {
    const receiver = await receiving('otlp-grpc');
    const { socket, closed } = raw(receiver.port);
    // Answers are not read.
    socket.pause();
    socket.write(Buffer.concat([PREFACE, frame(4, 0, 0)]));
    const ended = closed.then(() => true);
    let hasEnded = false;
    for (let at = 0; at < 1_000_000 && !hasEnded; ) {
      const many = Array.from({ length: 200 }, () => framesOf(at++)).flat();
      hasEnded = await Promise.race([
        ended,
        new Promise<boolean>(resolve => socket.write(Buffer.concat(many), error => resolve(error != null))),
      ]);
    }
    expect(hasEnded).toBe(true);
    await expectGrpcAlive(receiver);
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
    ["Jaeger's protobuf", JAEGER_PROTOBUF, 'jaeger-model-proto/plain.pb'],
  ];

  test.each(SEEDS)('of %s are refused or taken in part; what follows is taken whole', async (_, formats, seed) => {
    const receiver = await receiving('otlp-http');
    const good = fixture(seed);
    const accept = (body: Uint8Array) => receiver.intake.accept({ receiver: 'otlp-http', formats, body });
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
    const before = receiver.intake.countsOf('otlp-http').spans;
    expect(await accept(good)).toEqual({ kind: 'accepted' });
    const { spans } = await readDump(good);
    expect(receiver.intake.countsOf('otlp-http').spans - before).toBe(spans.length);
    await receiver.finish();
  });

  test.each([
    ['JSON of 100,000 arrays', OTLP_JSON, '['.repeat(100_000), 'refused'],
    ['JSON of 100,000 objects', OTLP_JSON, '{"resourceSpans":'.repeat(100_000), 'refused'],
    ['Zipkin JSON of 100,000 arrays', ZIPKIN_JSON, '['.repeat(100_000), 'refused'],
    ['protobuf of 100,000 messages', OTLP_PROTOBUF, nestedArrays(50_000), 'partial'],
  ] as const)('%s in one another do no harm', async (_, formats, body, kind) => {
    const receiver = await receiving('otlp-http');
    const outcome = await receiver.intake.accept({ receiver: 'otlp-http', formats, body: Buffer.from(body) });
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
