import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { compressionAlgorithms } from '@grpc/grpc-js';
import { snappyCompress } from 'hysnappy';
import { describe, expect, test } from 'vitest';
import { Budget } from '../../src/receive/budget.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { REPOSITORY } from '../support/run.ts';
import {
  brief,
  type Call,
  type CallAnswer,
  clientOf,
  EXPORT,
  framed,
  call as makeCall,
  type RawCall,
  rawCall,
  sessionTo,
} from './grpc-calls.ts';
import { type Receiving, receiving, tableOf } from './receiving.ts';

const plain = fixture('otlp-proto/plain.pb');

/** Makes a call that exports `plain`, unless it says otherwise. */
function call(client: ReturnType<typeof clientOf>, changes: Partial<Call>): Promise<CallAnswer> {
  return makeCall(client, { method: EXPORT, body: plain, ...changes });
}

interface Case {
  readonly call?: Partial<Call>;
  /** What a client of the library does not send. */
  readonly raw?: RawCall;
  readonly options?: Parameters<typeof receiving>[1];
  readonly before?: (receiver: Receiving) => Promise<void>;
  readonly spans?: 'those of the body' | number;
}

const SPANS = { spans: 'those of the body' } as const;
const LIMIT = { requestBytes: 10_000 };
const collector = (service: string) => `/opentelemetry.proto.collector.${service}/Export`;

const CASES: Readonly<Record<string, Case>> = {
  Export: { call: {}, ...SPANS },
  'Export, gzip': { call: { compression: compressionAlgorithms.gzip }, ...SPANS },
  'Export, deflate': { call: { compression: compressionAlgorithms.deflate }, ...SPANS },
  'Export, zstd': {
    raw: { bytes: framed(zstdCompressSync(plain), true), headers: { 'grpc-encoding': 'zstd' } },
    ...SPANS,
  },
  'Export, snappy': {
    raw: { bytes: framed(snappyCompress(plain), true), headers: { 'grpc-encoding': 'snappy' } },
    ...SPANS,
  },
  'Export, content type Application/GRPC+Proto; v=1': {
    raw: { bytes: framed(plain), headers: { 'content-type': 'Application/GRPC+Proto; v=1' } },
    ...SPANS,
  },
  'Export without spans': { call: { body: Buffer.alloc(0) } },
  'Export of metrics': { call: { method: collector('metrics.v1.MetricsService') } },
  'Export of logs': { call: { method: collector('logs.v1.LogsService') } },
  'Export of profiles': { call: { method: collector('profiles.v1development.ProfilesService') } },
  'spans without ids beside others': { call: { body: fixture('otlp-proto/missing-ids.pb') }, spans: 3 },
  garbage: { call: { body: Buffer.from('these are no fields') } },
  'gzip, but it is none': { raw: { bytes: framed(plain, true), headers: { 'grpc-encoding': 'gzip' } } },
  'compressed, but no encoding is named': { raw: { bytes: framed(plain, true) } },
  'no message': { raw: { bytes: Buffer.alloc(0) } },
  'two messages': { raw: { bytes: Buffer.concat([framed(plain), framed(plain)]) } },
  'a message shorter than its length': { raw: { bytes: framed(plain).subarray(0, -1) } },
  'a message that does not come': {
    raw: { bytes: framed(plain).subarray(0, 30), isOpen: true },
    options: { requestTimeoutMs: 200 },
  },
  'another method': { call: { method: '/opentelemetry.proto.collector.trace.v1.TraceService/Import' } },
  'the encoding br': { raw: { bytes: framed(plain), headers: { 'grpc-encoding': 'br' } } },
  'a wrong token': { call: { token: 'guessed' }, options: { token: 'secret' } },
  'more than the limit': { call: { body: Buffer.alloc(10_001) }, options: LIMIT },
  'more than the limit once decompressed': {
    call: { body: Buffer.alloc(1_000_000), compression: compressionAlgorithms.gzip },
    options: LIMIT,
  },
  'more than there is memory for': { call: {}, options: { budget: new Budget(plain.length - 1) } },
  'when the session is ending': {
    call: {},
    before: async ({ intake }) => {
      intake.close();
    },
  },
  'content type application/json': { raw: { bytes: framed(plain), headers: { 'content-type': 'application/json' } } },
};

const ROWS = tableOf(readFileSync(join(REPOSITORY, 'docs/receivers.md'), 'utf8'), 'OTLP/gRPC');

describe('OTLP/gRPC, as docs/receivers.md has it', () => {
  test('every row is a case', () => {
    expect(Object.keys(CASES)).toEqual(ROWS.map(([request]) => request));
  });

  test.each(ROWS)('%s: %s', async (row, answer) => {
    const { call: sent = {}, raw, options, before, spans = 0 } = CASES[row]!;
    const receiver = await receiving('otlp-grpc', options);
    await before?.(receiver);
    const client = clientOf(receiver.port, { 'grpc.default_compression_algorithm': sent.compression ?? 0 });
    expect(raw === undefined ? brief(await call(client, sent)) : await rawCall(sessionTo(receiver.port), raw)).toBe(
      answer,
    );
    if (before !== undefined) return;
    const received = await receiver.finish();
    if (spans === 'those of the body') {
      expect(received.spans).toEqual((await readDump(plain)).spans);
      expect(received.account).toMatchObject({ skipped: [], repaired: [] });
    } else expect(received.spans).toHaveLength(spans);
  });
});

describe('OTLP/gRPC', () => {
  test('takes calls of the right token', async () => {
    const receiver = await receiving('otlp-grpc', { token: 'secret' });
    const client = clientOf(receiver.port);
    expect(brief(await call(client, { token: 'secret' }))).toBe('OK');
    expect(brief(await call(client, {}))).toBe('UNAUTHENTICATED');
    expect((await receiver.finish()).counts).toMatchObject({ requests: 2, refused: 1 });
  });

  test('takes many calls at a time on one connection', async () => {
    const receiver = await receiving('otlp-grpc');
    const client = clientOf(receiver.port);
    const answers = await Promise.all(Array.from({ length: 500 }, () => call(client, {})));
    expect(new Set(answers.map(brief))).toEqual(new Set(['OK']));
    const { spans } = await readDump(plain);
    expect((await receiver.finish()).counts).toMatchObject({ requests: 500, spans: 500 * spans.length, refused: 0 });
  });

  test('says what was left out, and counts what never came to be a message', async () => {
    const receiver = await receiving('otlp-grpc', LIMIT);
    const client = clientOf(receiver.port);
    const refused = await call(client, { body: Buffer.from('these are no fields') });
    expect(refused).toMatchObject({
      error: { details: 'broken protobuf message: not a field of an OTLP message' },
    });
    await call(client, { body: Buffer.alloc(10_001) });
    const { counts, account } = await receiver.finish();
    expect(counts).toMatchObject({ requests: 2, refused: 2 });
    expect(account.skipped).toMatchObject([
      { reason: 'malformed-protobuf', count: 1 },
      { reason: 'refused-request', count: 1 },
    ]);
  });
});
