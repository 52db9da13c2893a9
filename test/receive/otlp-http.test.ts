import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { snappyCompress } from 'hysnappy';
import { compressFrameSync } from 'lz4-napi';
import { describe, expect, test } from 'vitest';
import { Budget } from '../../src/receive/budget.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { REPOSITORY } from '../support/run.ts';
import { brief, partialSuccessOf, statusOf } from './answers.ts';
import { type HttpSent, type Receiving, receiving, send, tableOf } from './receiving.ts';

const PROTOBUF = { 'Content-Type': 'application/x-protobuf' };
const JSON_TYPE = { 'Content-Type': 'application/json' };
const TRACES = '/v1/traces';
const plainProtobuf = fixture('otlp-proto/plain.pb');
const plainJson = fixture('otlp-json/plain.json');

const protobuf = (sent: HttpSent = {}): HttpSent => ({
  path: TRACES,
  body: plainProtobuf,
  ...sent,
  headers: { ...PROTOBUF, ...sent.headers },
});
const json = (sent: HttpSent = {}): HttpSent => ({
  path: TRACES,
  body: plainJson,
  ...sent,
  headers: { ...JSON_TYPE, ...sent.headers },
});
const encoded = (encoding: string, body: Uint8Array): HttpSent =>
  protobuf({ body, headers: { 'Content-Encoding': encoding } });

/** A stream of one chunk, stored as it is, behind its masked CRC-32C. */
function framedSnappy(content: Uint8Array): Buffer {
  let crc = 0xffffffff;
  for (const byte of content) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc >>> 0;
  const header = Buffer.from('ff060000734e61507059' + '01000000' + '00000000', 'hex');
  header.writeUIntLE(content.length + 4, 11, 3);
  header.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 14);
  return Buffer.concat([header, content]);
}

/** What a row of the table sends, and what is special about the receiver. */
interface Case {
  readonly sent: HttpSent;
  readonly options?: Parameters<typeof receiving>[1];
  /** What is done before it is sent. */
  readonly before?: (receiver: Receiving) => Promise<void>;
  /** The spans that it stores; none unless it is told. */
  readonly spans?: 'those of the body' | number;
}

const SPANS = { spans: 'those of the body' } as const;
const LIMIT = { requestBytes: 10_000 };
const page = { Origin: 'https://shop.example', 'Access-Control-Request-Headers': 'content-type,x-tenant' };

const CASES: Readonly<Record<string, Case>> = {
  protobuf: { sent: protobuf(), ...SPANS },
  JSON: { sent: json(), ...SPANS },
  'protobuf to /': { sent: protobuf({ path: '/' }), ...SPANS },
  'JSON to /, with a query': { sent: json({ path: '/?tenant=1' }), ...SPANS },
  'content type Application/JSON; charset=UTF-8': {
    sent: json({ headers: { 'Content-Type': 'Application/JSON; charset=UTF-8' } }),
    ...SPANS,
  },
  'content type application/protobuf': {
    sent: protobuf({ headers: { 'Content-Type': 'application/protobuf' } }),
    ...SPANS,
  },
  'content encoding gzip': { sent: encoded('gzip', gzipSync(plainProtobuf)), ...SPANS },
  'content encoding zstd': { sent: encoded('zstd', zstdCompressSync(plainProtobuf)), ...SPANS },
  'content encoding deflate': { sent: encoded('deflate', deflateSync(plainProtobuf)), ...SPANS },
  "content encoding deflate, without zlib's header": {
    sent: encoded('deflate', deflateRawSync(plainProtobuf)),
    ...SPANS,
  },
  'content encoding snappy, a block': { sent: encoded('snappy', snappyCompress(plainProtobuf)), ...SPANS },
  'content encoding snappy, framed': { sent: encoded('snappy', framedSnappy(plainProtobuf)), ...SPANS },
  'content encoding lz4': { sent: encoded('lz4', compressFrameSync(plainProtobuf)), ...SPANS },
  'content encoding identity': { sent: encoded('identity', plainProtobuf), ...SPANS },
  chunked: { sent: protobuf({ chunk: 97 }), ...SPANS },
  'Expect: 100-continue': { sent: protobuf({ headers: { Expect: '100-continue' } }), ...SPANS },
  'protobuf without spans (an empty body)': { sent: protobuf({ body: '' }) },
  'JSON without spans ({})': { sent: json({ body: ' {}\n' }) },
  'metrics, as protobuf': { sent: protobuf({ path: '/v1/metrics' }) },
  'logs, as JSON': { sent: json({ path: '/v1/logs', body: '{"resourceLogs":[]}' }) },
  'profiles, as protobuf': { sent: protobuf({ path: '/v1development/profiles' }) },
  'protobuf: spans without ids beside others': {
    sent: protobuf({ body: fixture('otlp-proto/missing-ids.pb') }),
    spans: 3,
  },
  'JSON: a span nested too deeply': { sent: json({ body: fixture('invalid/too-deep.json') }), spans: 2 },
  'JSON: a field of the wrong type': { sent: json({ body: fixture('invalid/wrong-types.json') }), spans: 5 },
  'protobuf: garbage': { sent: protobuf({ body: 'these are no fields' }) },
  'protobuf: a message that is cut off before its first span': {
    sent: protobuf({ body: plainProtobuf.subarray(0, 9) }),
  },
  'JSON: garbage': { sent: json({ body: 'no {JSON' }) },
  'JSON: another document': { sent: json({ body: '{"query":"{ spans }"}' }) },
  'JSON: an empty body': { sent: json({ body: '' }) },
  'content encoding gzip, but it is none': { sent: encoded('gzip', plainProtobuf) },
  'content encoding lz4, but it is none': { sent: encoded('lz4', plainProtobuf) },
  'a wrong token': {
    sent: protobuf({ headers: { Authorization: 'Bearer guessed' } }),
    options: { token: 'secret' },
  },
  'another path': { sent: protobuf({ path: '/v2/traces' }) },
  GET: { sent: { method: 'GET', path: TRACES } },
  'more than the limit': { sent: protobuf({ body: Buffer.alloc(10_001) }), options: LIMIT },
  'more than the limit, chunked': { sent: protobuf({ body: Buffer.alloc(10_001), chunk: 1000 }), options: LIMIT },
  'more than the limit once decompressed': { sent: encoded('gzip', gzipSync(Buffer.alloc(10_001))), options: LIMIT },
  'content type text/plain': { sent: protobuf({ headers: { 'Content-Type': 'text/plain' } }) },
  'no content type': { sent: { path: TRACES, body: plainProtobuf } },
  'content encoding br': { sent: encoded('br', plainProtobuf) },
  'more than there is memory for': { sent: protobuf(), options: { budget: new Budget(plainProtobuf.length - 1) } },
  'when the session is ending': {
    sent: protobuf(),
    before: async ({ intake }) => {
      intake.close();
    },
  },
  'preflight of a page that may send': {
    sent: { method: 'OPTIONS', path: TRACES, headers: page },
    options: { origins: ['https://shop.example'] },
  },
  'preflight of another page': {
    sent: { method: 'OPTIONS', path: TRACES, headers: page },
    options: { origins: ['https://else.example'] },
  },
};

const ROWS = tableOf(readFileSync(join(REPOSITORY, 'docs/receivers.md'), 'utf8'), 'OTLP/HTTP');

describe('OTLP/HTTP, as docs/receivers.md has it', () => {
  test('every row is a case', () => {
    expect(Object.keys(CASES)).toEqual(ROWS.map(([request]) => request));
  });

  test.each(ROWS)('%s: %s', async (request, answer) => {
    const { sent, options, before, spans = 0 } = CASES[request]!;
    const receiver = await receiving('otlp-http', options);
    await before?.(receiver);
    expect(brief(await send(receiver.port, sent))).toBe(answer);
    if (before !== undefined) return;
    const received = await receiver.finish();
    if (spans === 'those of the body') {
      const isJson = answer.endsWith('{}');
      expect(received.spans).toEqual((await readDump(isJson ? plainJson : plainProtobuf)).spans);
      expect(received.account).toMatchObject({ skipped: [], repaired: [] });
    } else expect(received.spans).toHaveLength(spans);
  });
});

describe('OTLP/HTTP', () => {
  test('says what was left out, in the encoding of the request', async () => {
    const { port } = await receiving('otlp-http');
    const partial = await send(port, protobuf({ body: fixture('otlp-proto/missing-ids.pb') }));
    expect(partialSuccessOf(partial.body)).toEqual({
      rejectedSpans: '2',
      errorMessage: '2 left out; the first: span without a trace id: a span without trace_id',
    });
    const refused = await send(port, protobuf({ body: 'these are no fields' }));
    expect(statusOf(refused.body)).toMatchObject({
      code: 3,
      message: 'broken protobuf message: not a field of an OTLP message',
    });
    const json400 = await send(port, json({ body: '{"query":"{ spans }"}' }));
    expect(JSON.parse(json400.body.toString())).toEqual({
      code: 3,
      message: 'JSON document that holds no trace format: an object with .query',
    });
  });

  test('lets a page know that it may send', async () => {
    const { port } = await receiving('otlp-http', { origins: ['https://shop.example'] });
    const preflight = await send(port, { method: 'OPTIONS', path: TRACES, headers: page });
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://shop.example',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type,x-tenant',
      vary: 'Origin',
    });
    const answer = await send(port, json({ headers: { Origin: 'https://shop.example' } }));
    expect(answer.headers['access-control-allow-origin']).toBe('https://shop.example');
    const other = await send(port, json({ headers: { Origin: 'https://else.example' } }));
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('takes the token, whatever the case of its scheme', async () => {
    const receiver = await receiving('otlp-http', { token: 'secret' });
    for (const [Authorization, status] of [
      ['Bearer secret', 200],
      ['bearer secret', 200],
      ['Bearer secret2', 401],
      ['Basic secret', 401],
      ['', 401],
    ] as const) {
      expect((await send(receiver.port, protobuf({ headers: { Authorization } }))).status).toBe(status);
    }
    expect((await receiver.finish()).counts).toMatchObject({ requests: 5, refused: 3 });
  });

  test('counts everything that came', async () => {
    const receiver = await receiving('otlp-http', LIMIT);
    for (const sent of [
      protobuf(),
      protobuf(),
      protobuf({ path: '/v1/metrics' }),
      protobuf({ path: '/v1/logs' }),
      protobuf({ path: '/nowhere' }),
      protobuf({ body: 'these are no fields' }),
      protobuf({ body: Buffer.alloc(10_001) }),
      protobuf({ body: fixture('otlp-proto/missing-ids.pb') }),
    ]) {
      await send(receiver.port, sent);
    }
    const { counts, account, result } = await receiver.finish();
    const { spans } = await readDump(plainProtobuf);
    expect(counts).toEqual({
      requests: 8,
      spans: 2 * spans.length + 3,
      lost: 3,
      refused: 3,
      dropped: 2,
      putOff: 0,
    });
    expect(result).toMatchObject({ spans: spans.length + 3, duplicates: spans.length });
    expect(account).toMatchObject({ source: 'network', format: 'otlp-proto', documents: 3 });
    expect(account.skipped.map(({ reason, count, first }) => [reason, count, first.detail])).toEqual([
      ['otlp-logs', 1, 'otlp-http'],
      ['otlp-metrics', 1, 'otlp-http'],
      ['malformed-protobuf', 1, 'not a field of an OTLP message'],
      ['refused-request', 2, 'otlp-http: 404 nothing is received at this path; try /v1/traces'],
      ['missing-trace-id', 1, 'a span without trace_id'],
      ['missing-span-id', 1, 'a span without span_id'],
    ]);
  });
});
