import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Client,
  type ClientOptions,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Budget } from '../../src/receive/budget.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { REPOSITORY } from '../support/run.ts';
import { partialSuccessOf, retryDelayOf, statusOf } from './answers.ts';
import { type Receiving, receiving, tableOf } from './receiving.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const plain = fixture('otlp-proto/plain.pb');
const asIs = (bytes: Buffer) => bytes;

function clientOf(port: number, options: ClientOptions = {}): Client {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  onTestFinished(() => client.close());
  return client;
}

interface Call {
  readonly method?: string;
  readonly body?: Uint8Array;
  readonly compression?: compressionAlgorithms;
  readonly token?: string;
}

type CallAnswer = { readonly response: Buffer } | { readonly error: ServiceError };

function call(client: Client, { method = EXPORT, body = plain, token }: Call): Promise<CallAnswer> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return new Promise(resolve => {
    client.makeUnaryRequest(method, asIs, asIs, Buffer.from(body), metadata, (error, response) => {
      resolve(error === null ? { response: response ?? Buffer.alloc(0) } : { error });
    });
  });
}

/** An answer in short, as docs/receivers.md writes it. */
function brief(answer: CallAnswer): string {
  if ('response' in answer) {
    const partial = partialSuccessOf(answer.response);
    return partial === undefined ? 'OK' : `OK, partial success, ${partial.rejectedSpans} rejected`;
  }
  const { code, metadata } = answer.error;
  const [details] = metadata.get('grpc-status-details-bin');
  const delay = Buffer.isBuffer(details) ? `, RetryInfo ${retryDelayOf(statusOf(details))}` : '';
  return `${status[code]}${delay}`;
}

interface Case {
  readonly call: Call;
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
  'Export without spans': { call: { body: Buffer.alloc(0) } },
  'Export of metrics': { call: { method: collector('metrics.v1.MetricsService') } },
  'Export of logs': { call: { method: collector('logs.v1.LogsService') } },
  'Export of profiles': { call: { method: collector('profiles.v1development.ProfilesService') } },
  'spans without ids beside others': { call: { body: fixture('otlp-proto/missing-ids.pb') }, spans: 3 },
  garbage: { call: { body: Buffer.from('these are no fields') } },
  'another method': { call: { method: '/opentelemetry.proto.collector.trace.v1.TraceService/Import' } },
  'a wrong token': { call: { token: 'guessed' }, options: { token: 'secret' } },
  'more than the limit': { call: { body: Buffer.alloc(10_001) }, options: LIMIT },
  'more than the limit once decompressed': {
    call: { body: Buffer.alloc(1_000_000), compression: compressionAlgorithms.gzip },
    options: LIMIT,
  },
  'more than there is memory for': { call: {}, options: { budget: new Budget(plain.length - 1) } },
  'when the session is ending': {
    call: {},
    before: async ({ session }) => {
      await session.finish();
    },
  },
};

const ROWS = tableOf(readFileSync(join(REPOSITORY, 'docs/receivers.md'), 'utf8'), 'OTLP/gRPC');

describe('OTLP/gRPC, as docs/receivers.md has it', () => {
  test('every row is a case', () => {
    expect(Object.keys(CASES)).toEqual(ROWS.map(([request]) => request));
  });

  test.each(ROWS)('%s: %s', async (row, answer) => {
    const { call: sent, options, before, spans = 0 } = CASES[row]!;
    const receiver = await receiving('otlp-grpc', options);
    await before?.(receiver);
    const client = clientOf(receiver.port, { 'grpc.default_compression_algorithm': sent.compression ?? 0 });
    expect(brief(await call(client, sent))).toBe(answer);
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
