import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { compressionAlgorithms } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { postSpansRequest } from '../../fixtures/programs/jaeger-model-proto.ts';
import { Budget } from '../../src/receive/budget.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { REPOSITORY } from '../support/run.ts';
import { brief } from './answers.ts';
import { brief as briefCall, call, clientOf, EXPORT, POST_SPANS } from './grpc-calls.ts';
import { type HttpSent, receiving, send, tableOf } from './receiving.ts';

const V2 = '/api/v2/spans';
const V1 = '/api/v1/spans';
const BATCHES = '/api/traces?format=jaeger.thrift';

function sent(path: string, contentType: string | undefined, body: HttpSent['body'] = '', more = {}): HttpSent {
  return { path, body, headers: { ...(contentType === undefined ? {} : { 'Content-Type': contentType }), ...more } };
}

/** What is sent, and the fixture whose spans it stores. */
const CASES: Readonly<Record<string, readonly [sent: HttpSent, file?: string]>> = {
  'Zipkin: v2 JSON': [sent(V2, 'application/json', fixture('zipkin-json/shop.json')), 'zipkin-json/shop.json'],
  'Zipkin: v2 JSON, gzip': [
    sent(V2, 'application/json', gzipSync(fixture('zipkin-json/shop.json')), { 'Content-Encoding': 'gzip' }),
    'zipkin-json/shop.json',
  ],
  'Zipkin: v2 JSON, without a content type': [
    sent(V2, undefined, fixture('zipkin-json/shop.json')),
    'zipkin-json/shop.json',
  ],
  'Zipkin: v2 protobuf': [sent(V2, 'application/x-protobuf', fixture('zipkin-proto/shop.pb')), 'zipkin-proto/shop.pb'],
  'Zipkin: v1 JSON': [
    sent(V1, 'application/json', fixture('zipkin-v1-json/zipkin-js.json')),
    'zipkin-v1-json/zipkin-js.json',
  ],
  'Zipkin: v1 Thrift': [
    sent(V1, 'application/x-thrift', fixture('zipkin-thrift/lists.bin')),
    'zipkin-thrift/lists.bin',
  ],
  'Zipkin: an empty list': [sent(V2, 'application/json', '[]')],
  'Zipkin: garbage': [sent(V2, 'application/json', 'no JSON')],
  'Zipkin: v1 Thrift at the address of v2': [sent(V2, 'application/x-thrift', fixture('zipkin-thrift/lists.bin'))],
  'Jaeger: a batch as application/x-thrift': [
    sent(BATCHES, 'application/x-thrift', fixture('jaeger-thrift/plain.bin')),
    'jaeger-thrift/plain.bin',
  ],
  'Jaeger: a batch as application/vnd.apache.thrift.binary': [
    sent(BATCHES, 'application/vnd.apache.thrift.binary', fixture('jaeger-thrift/plain.bin')),
    'jaeger-thrift/plain.bin',
  ],
  'Jaeger: garbage': [sent(BATCHES, 'application/x-thrift', 'no Thrift at all')],
  'Jaeger: JSON': [sent(BATCHES, 'application/json', fixture('jaeger-json/plain.json'))],
};

const ROWS = tableOf(readFileSync(join(REPOSITORY, 'docs/receivers.md'), 'utf8'), 'Zipkin and Jaeger');

describe('Zipkin and Jaeger over HTTP, as docs/receivers.md has it', () => {
  test('every row is a case', () => {
    expect(Object.keys(CASES)).toEqual(ROWS.map(([request]) => request));
  });

  test.each(ROWS)('%s: %s', async (row, answer) => {
    const [request, file] = CASES[row]!;
    const receiver = await receiving(row.startsWith('Zipkin') ? 'zipkin' : 'jaeger-http');
    expect(brief(await send(receiver.port, request))).toBe(answer);
    const { spans } = await receiver.finish();
    expect(spans).toEqual(file === undefined ? [] : (await readDump(fixture(file))).spans);
  });
});

const GRPC_ROWS = tableOf(readFileSync(join(REPOSITORY, 'docs/receivers.md'), 'utf8'), "Jaeger's gRPC");
const batches = fixture('jaeger-model-proto/plain.pb');
const SPAN = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), operationName: 'get' };

/** What is called, with which options of the receiver, and whether the spans of `batches` are stored. */
const GRPC_CASES: Readonly<Record<string, readonly [changes: object, options: object, spans: number]>> = {
  PostSpans: [{}, {}, 4],
  'PostSpans, gzip': [{ compression: compressionAlgorithms.gzip }, {}, 4],
  'PostSpans without spans': [{ body: Buffer.alloc(0) }, {}, 0],
  'PostSpans of a batch without spans': [{ body: postSpansRequest({ process: { serviceName: 'shop' } }) }, {}, 0],
  'a span without a trace id beside another': [
    { body: postSpansRequest({ spans: [{ ...SPAN, traceId: Buffer.alloc(0) }, SPAN], process: { serviceName: 'a' } }) },
    {},
    1,
  ],
  garbage: [{ body: Buffer.from('these are no fields') }, {}, 0],
  'a message that is cut off': [{ body: batches.subarray(0, 100) }, {}, 0],
  "OTLP's method": [{ method: EXPORT }, {}, 0],
  'a wrong token': [{ token: 'guessed' }, { token: 'secret' }, 0],
  'more than the limit': [{}, { requestBytes: 1000 }, 0],
  'more than there is memory for': [{}, { budget: new Budget(1000) }, 0],
};

describe("Jaeger's gRPC, as docs/receivers.md has it", () => {
  test('every row is a case', () => {
    expect(Object.keys(GRPC_CASES)).toEqual(GRPC_ROWS.map(([request]) => request));
  });

  test.each(GRPC_ROWS)('%s: %s', async (row, answer) => {
    const [changes, options, count] = GRPC_CASES[row]!;
    const sent = { method: POST_SPANS, body: batches, ...changes };
    const receiver = await receiving('jaeger-grpc', options);
    const algorithm = 'compression' in sent ? compressionAlgorithms.gzip : compressionAlgorithms.identity;
    const client = clientOf(receiver.port, { 'grpc.default_compression_algorithm': algorithm });
    expect(briefCall(await call(client, sent))).toBe(answer);
    const { spans } = await receiver.finish();
    expect(spans).toHaveLength(count);
    if (count === 4) expect(spans).toEqual((await readDump(batches)).spans);
  });
});

describe('Jaeger over UDP', () => {
  async function sendDatagrams(port: number, datagrams: readonly Uint8Array[]): Promise<void> {
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    for (const datagram of datagrams) {
      await new Promise<void>((resolve, reject) => {
        socket.send(datagram, port, '127.0.0.1', error => (error === null ? resolve() : reject(error)));
      });
    }
  }

  test.each([
    ['jaeger-compact', 'jaeger-thrift/emit-batch-compact.bin'],
    ['jaeger-binary', 'jaeger-thrift/emit-batch-binary.bin'],
    ['jaeger-binary', 'jaeger-thrift/emit-batch-compact.bin'],
    ['jaeger-compact', 'zipkin-thrift/emit-zipkin-batch-compact.bin'],
  ])('%s takes %s', async (name, file) => {
    const receiver = await receiving(name);
    await sendDatagrams(receiver.port, [fixture(file)]);
    await expect.poll(() => receiver.intake.countsOf(name).requests).toBe(1);
    expect((await receiver.finish()).spans).toEqual((await readDump(fixture(file))).spans);
  });

  test('counts what cannot be read and takes what follows', async () => {
    const receiver = await receiving('jaeger-compact');
    const good = fixture('jaeger-thrift/emit-batch-compact.bin');
    await sendDatagrams(receiver.port, [
      Buffer.from('garbage'),
      good.subarray(0, good.length - 9),
      Buffer.alloc(0),
      Buffer.alloc(60_000, 0x82),
      good,
    ]);
    await expect.poll(() => receiver.intake.countsOf('jaeger-compact').requests).toBe(5);
    const { counts, account, spans } = await receiver.finish();
    // Of the one that is cut off the spans before the cut are kept; they come again.
    expect(spans).toEqual((await readDump(good)).spans);
    expect(counts).toMatchObject({ refused: 3, lost: 4 });
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['unread-format', 'truncated']);
  });
});
