import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { selfSigned } from '../receive/certificate.ts';
import { send } from '../receive/receiving.ts';
import { fixture } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { answer, answerJson, type Finished, REPOSITORY, type RunOptions, tailspan } from '../support/run.ts';
import { linesOf, namesOf, PAGE, PAYMENT, refusal } from './shop.ts';

interface Listened {
  readonly database: string;
  readonly receivers: readonly { readonly name: string; readonly endpoint: string; readonly spans: number }[];
  readonly spans: number;
  readonly traces: number;
  readonly skipped: readonly { readonly reason: string; readonly count: number }[];
  readonly stoppedBy: string;
}

const FREE = ['--port-http', '0', '--port-grpc', '0'];
const JSON_TYPE = { 'Content-Type': 'application/json' };
const page = { path: '/v1/traces', headers: JSON_TYPE, body: otlpJson(PAGE) };
const payment = { path: '/v1/traces', headers: JSON_TYPE, body: otlpJson(PAYMENT) };
const newDatabase = () => join(temporaryFolder(), 'kept.duckdb');

/** Runs `listen` on free ports; once it listens, `sending` is called with its ports, by the schemes in front of them. */
async function listen(
  args: readonly string[],
  sending: (ports: readonly number[], stop: AbortController) => Promise<unknown> = async () => {},
  options: RunOptions = {},
): Promise<Finished> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  let sent: Promise<unknown> | undefined;
  const finished = await tailspan(['listen', ...FREE, ...args], {
    width: 1000,
    ...options,
    signal: stop.signal,
    onStderr: text => {
      if (!text.startsWith('listening for ')) return;
      sent = sending(
        [...text.matchAll(/:(\d+)(?=,|\n)/g)].map(([, port]) => Number(port)),
        stop,
      );
      // It is awaited below; should it fail before, the listener is not to wait for more.
      sent.catch(() => stop.abort());
    },
  });
  await sent;
  return finished;
}

/** Runs tailspan as a process of its own, and returns its stdout. */
function processOf(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [`${REPOSITORY}bin/tailspan.js`, ...args], (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}

const first = ([port = 0]: readonly number[]) => port;

describe('listen', () => {
  test('stores what is sent, and answers what came', async () => {
    const db = newDatabase();
    const { exitCode, stdout, stderr } = await listen(['--db', db, '--until-idle', '200ms', '--json'], async ports => {
      expect((await send(first(ports), page)).status).toBe(200);
      expect((await send(first(ports), payment)).status).toBe(200);
    });
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /^listening for OTLP\/HTTP on http:\/\/127\.0\.0\.1:\d+, OTLP\/gRPC on http:\/\/127\.0\.0\.1:\d+\nreceived 8 spans in 2 traces from network \(OTLP JSON\)\n$/,
    );
    expect(JSON.parse(stdout)).toEqual({
      schemaVersion: 1,
      database: db,
      receivers: [
        {
          name: 'otlp-http',
          endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
          requests: 2,
          spans: 8,
          lost: 0,
          refused: 0,
          dropped: 0,
          putOff: 0,
        },
        expect.objectContaining({ name: 'otlp-grpc', requests: 0, spans: 0 }),
      ],
      spans: 8,
      traces: 2,
      duplicates: 0,
      skipped: [],
      repaired: [],
      stoppedBy: 'until-idle',
      summary: expect.objectContaining({ traceCount: 2, spanCount: 8, services: expect.any(Array) }),
    });
    const { traces } = await answerJson<{ traces: { traceId: string; complete: boolean }[] }>(['search', '--db', db]);
    expect(namesOf(traces).sort()).toEqual(['page', 'payment']);
  });

  test('adds to a database what is not in it, and keeps a trace together', async () => {
    const db = newDatabase();
    const session = (...parts: (typeof page)[]) =>
      listen(['--db', db, '--max-spans', '1', '--json'], async ports => {
        for (const part of parts) await send(first(ports), part);
      });
    await session({ ...page, body: otlpJson(PAGE.slice(0, 2)) });
    const { stdout } = await session(page);
    expect(JSON.parse(stdout)).toMatchObject({ spans: 3, traces: 1, duplicates: 2, stoppedBy: 'max-spans' });
    const { traces } = await answerJson<{ traces: object[] }>(['search', '--db', db]);
    expect(traces).toMatchObject([{ spanCount: 5, complete: true }]);
  });

  test('writes into the default database where none is named', async () => {
    const folder = temporaryFolder();
    const env = { XDG_DATA_HOME: folder };
    await listen(['--max-spans', '5'], ports => send(first(ports), page), { env });
    expect(existsSync(join(folder, 'tailspan/traces.duckdb'))).toBe(true);
    const { traces } = await answerJson<{ traces: { traceId: string }[] }>(['search'], { env });
    expect(namesOf(traces)).toEqual(['page']);
  });

  test.each([
    ['--for', '150ms', 'for', 0],
    ['--max-traces', '2', 'max-traces', 3],
    ['--max-spans', '6', 'max-spans', 2],
  ])('stops after %s %s', async (option, value, stoppedBy, requests) => {
    const { stdout, exitCode } = await listen(['--db', ':memory:', option, value, '--json'], async ports => {
      const bodies = [page, page, payment].slice(0, requests);
      for (const body of bodies) await send(first(ports), body);
    });
    expect(exitCode).toBe(0);
    const listened: Listened = JSON.parse(stdout);
    expect(listened.stoppedBy).toBe(stoppedBy);
    // The second request brings the first's spans again: ten have come, five are stored.
    expect(listened.spans).toBe([0, 5, 5, 8][requests]);
  });

  test('waits for the first request before quiet ends it', async () => {
    const { stdout } = await listen(['--db', ':memory:', '--until-idle', '50ms', '--json'], async ports => {
      await new Promise(resolve => setTimeout(resolve, 300));
      await send(first(ports), page);
    });
    expect(JSON.parse(stdout)).toMatchObject({ spans: 5, stoppedBy: 'until-idle' });
  });

  test('a signal ends it in order', async () => {
    const db = newDatabase();
    const { stdout, exitCode } = await listen(['--db', db, '--json'], async (ports, stop) => {
      await send(first(ports), page);
      stop.abort();
    });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ spans: 5, stoppedBy: 'signal' });
    expect(linesOf(await answer(['search', '--db', db]))).toHaveLength(1);
  });

  test('shows a line a receiver on a terminal, with what went wrong where something did', async () => {
    const { stdout } = await listen(
      ['--db', ':memory:', '--max-spans', '3', '--zipkin', '--port-zipkin', '0'],
      async ([http = 0]) => {
        await send(http, { ...page, body: 'garbage' });
        await send(http, { ...page, path: '/v1/metrics' });
        await send(http, {
          path: '/v1/traces',
          headers: { 'Content-Type': 'application/x-protobuf' },
          body: fixture('otlp-proto/missing-ids.pb'),
        });
      },
      { isTty: true, width: 100 },
    );
    const table = stdout.split('\n\n')[0] ?? '';
    expect(`${table}\n`.replaceAll(/:\d+/g, ':PORT').replaceAll(/ {3,}/g, '   ')).toBe(
      [
        'RECEIVER   ENDPOINT   REQUESTS  SPANS  LOST  REFUSED  DROPPED',
        'otlp-http  http://127.0.0.1:PORT   3   3   3   1   1',
        'otlp-grpc  http://127.0.0.1:PORT   ·   ·   ·   ·   ·',
        'zipkin   http://127.0.0.1:PORT   ·   ·   ·   ·   ·',
        '',
      ].join('\n'),
    );
  });

  test('--strict: what could not be read makes it exit with 2', async () => {
    const sending = async (ports: readonly number[]) => {
      await send(first(ports), { ...page, body: 'garbage' });
      await send(first(ports), page);
    };
    const args = ['--db', ':memory:', '--max-spans', '5'];
    expect(await listen(args, sending)).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining(
        'received 5 spans in 1 trace from network (OTLP JSON); skipped 1 stretch of text',
      ),
    });
    const { exitCode, stderr } = await listen([...args, '--strict'], sending);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('error: 1 record could not be read (--strict)\nhint: '),
    });
  });

  test('--tls-cert and --tls-key: over TLS only; --token-file: with the token only', async () => {
    const folder = temporaryFolder();
    const { cert, key } = selfSigned();
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'token'), 'secret\n');
    const tls = ['--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem')];
    const statusOverTls = (port: number, authorization: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { ...JSON_TYPE, Authorization: authorization };
        const sent = request({
          host: '127.0.0.1',
          port,
          path: page.path,
          method: 'POST',
          headers,
          ca: cert,
          agent: false,
        });
        sent.on('response', response => resolve(response.resume().statusCode)).on('error', reject);
        sent.end(page.body);
      });
    const { stdout } = await listen(
      ['--db', ':memory:', ...tls, '--token-file', join(folder, 'token'), '--max-spans', '9', '--json'],
      async ([http = 0, grpc = 0]) => {
        await expect(send(http, page)).rejects.toThrow(/ECONNRESET|socket hang up/);
        expect(await statusOverTls(http, 'Bearer guessed')).toBe(401);
        expect(await statusOverTls(http, 'Bearer secret')).toBe(200);
        const client = new Client(`127.0.0.1:${grpc}`, credentials.createSsl(Buffer.from(cert)), {
          'grpc.ssl_target_name_override': 'localhost',
        });
        onTestFinished(() => client.close());
        const metadata = new Metadata();
        metadata.set('authorization', 'Bearer secret');
        const asIs = (bytes: Buffer) => bytes;
        await new Promise<void>((resolve, reject) => {
          client.makeUnaryRequest(
            '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
            asIs,
            asIs,
            fixture('otlp-proto/plain.pb'),
            metadata,
            error => (error === null ? resolve() : reject(error)),
          );
        });
      },
    );
    const { receivers }: Listened = JSON.parse(stdout);
    expect(receivers).toMatchObject([
      { endpoint: expect.stringMatching(/^https:/), requests: 2, refused: 1, spans: 5 },
      { endpoint: expect.stringMatching(/^https:/), requests: 1, spans: 4 },
    ]);
  });

  test('--until stops with the first trace that matches, of those that came since', async () => {
    const db = newDatabase();
    await listen(['--db', db, '--max-spans', '5'], ports => send(first(ports), page));
    const query = '{ span.http.response.status_code = 500 }';
    const { stdout } = await listen(['--db', db, '--until', query, '--json'], async ports => {
      await send(first(ports), { ...page, body: otlpJson(PAGE.map(span => ({ ...span, traceId: 'f'.repeat(32) }))) });
      await send(first(ports), payment);
    });
    expect(JSON.parse(stdout)).toMatchObject({ stoppedBy: 'until', spans: 8, summary: { traceCount: 2 } });
    expect(await refusal(['listen', '--db', ':memory:', '--until', '{ name ='])).toMatchObject({
      error: expect.stringContaining('query'),
    });
  });

  test('-o writes a dump in place of a database, with --db beside it', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'traces.jsonl');
    const { stdout } = await listen(['-o', file, '--max-spans', '8', '--json'], async ports => {
      await send(first(ports), page);
      await send(first(ports), payment);
    });
    expect(JSON.parse(stdout)).toMatchObject({ file, spans: 8 });
    expect(readdirSync(folder)).toEqual(['traces.jsonl']);
    const { traces } = await answerJson<{ traces: { traceId: string }[] }>(['search', file]);
    expect(namesOf(traces).sort()).toEqual(['page', 'payment']);
    // Only what came this time is dumped.
    const db = join(folder, 'kept.duckdb');
    await listen(['--db', db, '--max-spans', '5'], ports => send(first(ports), page));
    await listen(['--db', db, '-o', file, '--max-spans', '3'], ports => send(first(ports), payment));
    const { traces: dumped } = await answerJson<{ traces: { traceId: string }[] }>(['search', file]);
    expect(namesOf(dumped)).toEqual(['payment']);
    writeFileSync(join(folder, 'other.jsonl.duckdb'), '');
    expect(await refusal(['listen', '-o', join(folder, 'other.jsonl')])).toMatchObject({
      error: expect.stringContaining('a listener that was broken off has left its traces in it'),
    });
    expect(await refusal(['listen', '-o', '/nonexistent/folder/x'])).toMatchObject({
      error: '/nonexistent/folder/x cannot be written: there is no folder /nonexistent/folder',
    });
  });

  test('what comes is seen by other commands at once, and says what came in `db info`', async () => {
    const db = newDatabase();
    await listen(['--db', db, '--max-spans', '8', '--json'], async ports => {
      await send(first(ports), page);
      const seen = await processOf(['search', '--db', db, '--json']);
      expect(JSON.parse(seen)).toMatchObject({ traces: [{ rootSpanName: PAGE[0]?.name, spanCount: 5 }] });
      await send(first(ports), payment);
    });
    expect(await answerJson(['db', 'info', '--db', db])).toMatchObject({
      receivers: { 'otlp-http': { requests: 2, spans: 8 } },
    });
  });

  test('warns where other machines can send without a token', async () => {
    const { stderr } = await listen(['--db', ':memory:', '--for', '0', '--host', '0.0.0.0']);
    expect(stderr).toContain('whoever reaches this machine can send; --token-file asks them for a token\n');
  });
});

describe('listen refuses', () => {
  const folderWith = (files: Readonly<Record<string, string>>) => {
    const folder = temporaryFolder();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  };
  const refused = (...args: string[]) => refusal(['listen', '--db', ':memory:', '--for', '0', ...args]);

  test('a port that is in use, naming it and the option', async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await refused('--port-http', '0', '--port-grpc', String(port))).toMatchObject({
      error: `port ${port} for OTLP/gRPC is in use`,
      hint: '--port-grpc names another port, 0 takes any free one',
    });
    expect(await refused('--port-grpc', '0', '--port-http', String(port))).toMatchObject({
      error: `port ${port} for OTLP/HTTP is in use`,
      hint: '--port-http names another port, 0 takes any free one',
    });
  });

  test.each([
    [['traces.jsonl'], "listen takes no arguments, not 'traces.jsonl'"],
    [['--for', 'soon'], "--for takes a duration, not 'soon'"],
    [['--until-idle', '30d'], '--until-idle 30d is too long'],
    [['--keep', 'soon'], "--keep takes a time, not 'soon'"],
    [['--max-size', '3MB'], "--max-size takes 16MB or more, not '3MB'"],
    [['--max-spans', '0'], "--max-spans takes a whole number from 1 on, not '0'"],
    [['--port-http', '70000'], "--port-http takes a whole number from 0 to 65535, not '70000'"],
    [[...FREE, '--host', '203.0.113.7'], '203.0.113.7 is no address of this machine'],
    [['--tls-cert', 'cert.pem'], '--tls-cert and --tls-key belong together'],
    [['--token-file', '/nonexistent/token'], '/nonexistent/token cannot be read: its folder does not exist'],
    [['--token-file', '/dev/null'], '/dev/null holds no token'],
    [['--token-file', '/dev/null', '--jaeger'], '--jaeger takes datagrams, which carry no token'],
  ])('%j', async (args, error) => {
    expect(await refused(...args)).toMatchObject({ error });
  });

  test('a certificate that is none', async () => {
    const folder = folderWith({ 'cert.pem': 'no certificate', 'key.pem': 'no key' });
    const { error } = await refused('--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem'));
    expect(error).toMatch(/cert\.pem and .*key\.pem cannot be used for TLS: /);
  });
});

describe('listen as a process', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s: what came is committed, and the exit code is 0', async signal => {
    const db = newDatabase();
    const args = ['listen', ...FREE, '--db', db, '--json'];
    const child = spawn(process.execPath, [`${REPOSITORY}bin/tailspan.js`, ...args], {
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/nonexistent' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text;
    });
    const ended = new Promise<unknown>(resolve => child.on('close', (code, by) => resolve(code ?? by)));
    const port = await new Promise<number>(resolve => {
      child.stderr.setEncoding('utf8').on('data', text => {
        stderr += text;
        const found = /OTLP\/HTTP on http:\/\/127\.0\.0\.1:(\d+)/.exec(stderr)?.[1];
        if (found !== undefined) resolve(Number(found));
      });
    });
    expect((await send(port, page)).status).toBe(200);
    const begun = performance.now();
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(JSON.parse(stdout)).toMatchObject({ spans: 5, stoppedBy: 'signal' });
    expect(stderr).toContain('received 5 spans in 1 trace');
    const { traces } = await answerJson<{ traces: { traceId: string }[] }>(['search', '--db', db]);
    expect(namesOf(traces)).toEqual(['page']);
  });
});
