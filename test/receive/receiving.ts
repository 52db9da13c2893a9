import { request } from 'node:http';
import { onTestFinished } from 'vitest';
import type { SourceAccount } from '../../src/ingest/account.ts';
import type { Span } from '../../src/model/span.ts';
import { Budget } from '../../src/receive/budget.ts';
import { RECEIVERS } from '../../src/receive/index.ts';
import { Intake, type ReceiverCounts } from '../../src/receive/intake.ts';
import { DEFAULT_REQUEST_BYTES, DEFAULT_REQUEST_TIMEOUT_MS, type ReceiverOptions } from '../../src/receive/receiver.ts';
import type { LoadResult } from '../../src/store/loader.ts';
import { readSpans } from '../../src/store/read-trace.ts';
import { openStore } from '../support/load.ts';

// A receiver of a test's own, on a free port of the loopback, into a database in memory. It stops with its test.

export interface Received {
  readonly account: SourceAccount;
  readonly result: LoadResult;
  readonly counts: ReceiverCounts;
  /** In order of trace id and place in the trace. */
  readonly spans: readonly Span[];
}

export interface Receiving {
  readonly port: number;
  readonly endpoint: string;
  readonly intake: Intake;
  /** Stops the receiver; what is under way gets this long. */
  stop(graceMs?: number): Promise<void>;
  /** Stops the receiver and commits; returns what came. */
  finish(): Promise<Received>;
}

/** Starts a receiver by its name. */
export async function receiving(name: string, options: Partial<ReceiverOptions> = {}): Promise<Receiving> {
  const entry = RECEIVERS.find(known => known.name === name);
  if (entry === undefined) throw new Error(`there is no receiver ${name}`);
  const store = await openStore();
  const requestBytes = options.requestBytes ?? DEFAULT_REQUEST_BYTES;
  const loader = await store.loader();
  await loader.begin();
  const intake: Intake = new Intake({
    limits: { recordBytes: requestBytes },
    producer: { number: loader.newProducer(), firstValueId: loader.nextAttributeId },
    onBatch: batch => {
      loader.add(batch);
      intake.taken(batch);
    },
  });
  const receiver = await entry.start({
    host: '127.0.0.1',
    port: 0,
    sink: intake,
    budget: new Budget(),
    origins: [],
    requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
    ...options,
    requestBytes,
  });
  let stopped: Promise<void> | undefined;
  const stop = (graceMs = 500) => {
    stopped ??= receiver.stop(graceMs);
    return stopped;
  };
  onTestFinished(async () => {
    await stop(0);
    intake.close();
  });
  return {
    port: receiver.port,
    endpoint: receiver.endpoint,
    intake,
    stop,
    async finish() {
      await stop();
      intake.close();
      const { account } = intake;
      const result = await loader.finish(account);
      const spans = await readSpans(store.database, 'TRUE', 's.trace_id, s.span_no');
      return { account, result, counts: intake.countsOf(name), spans };
    },
  };
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface HttpSent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Without a Content-Length, in chunks of this size. */
  readonly chunk?: number;
}

/** Sends one request, with the headers that are given and no others, on a connection of its own. */
export function send(port: number, { method = 'POST', path = '/', headers = {}, body = '', chunk }: HttpSent) {
  return new Promise<HttpAnswer>((resolve, reject) => {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const length = chunk === undefined ? { 'Content-Length': String(bytes.length) } : {};
    const sent = request({ host: '127.0.0.1', port, method, path, headers: { ...length, ...headers }, agent: false });
    sent.on('response', response => {
      const parts: Buffer[] = [];
      response.on('data', part => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    const write = () => {
      for (let at = 0; at < bytes.length; at += chunk ?? bytes.length) {
        sent.write(bytes.subarray(at, at + (chunk ?? bytes.length)));
      }
      sent.end();
    };
    if (headers.Expect === undefined) write();
    else {
      sent.on('continue', write);
      sent.flushHeaders();
    }
  });
}

/** The rows of a table of docs/receivers.md, without the marks of code. */
export function tableOf(document: string, heading: string): (readonly [string, string])[] {
  const section = document.split(/^## /m).find(part => part.startsWith(`${heading}\n`)) ?? '';
  const cells = [...section.matchAll(/^\| (.*?) +\| (.*?) +\|$/gm)].map(
    ([, request = '', answer = '']) => [request.replaceAll('`', ''), answer.replaceAll('`', '')] as const,
  );
  return cells.slice(2);
}
