import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { send } from '../receive/receiving.ts';
import { temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { REPOSITORY, tailspan } from '../support/run.ts';
import { PAGE } from './shop.ts';

/** `ROUNDS=100 npx vitest run test/cli/durability.test.ts` for the long run. */
const ROUNDS = Number(process.env.ROUNDS ?? 8);
const SENDERS = 8;

interface Listener {
  readonly process: ChildProcess;
  readonly port: number;
  /** Resolves with its end. */
  readonly ended: Promise<unknown>;
  stderr(): string;
}

/** Starts `tailspan listen` on free ports as a process of its own. */
async function listener(db: string, ...args: string[]): Promise<Listener> {
  const child = spawn(
    process.execPath,
    [`${REPOSITORY}bin/tailspan.js`, 'listen', '--db', db, '--port-http', '0', '--port-grpc', '0', '--json', ...args],
    { env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/nonexistent' }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  const ended = new Promise<unknown>(resolve => child.on('close', (code, by) => resolve(code ?? by)));
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
      const found = /OTLP\/HTTP on http:\/\/127\.0\.0\.1:(\d+)/.exec(stderr)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    void ended.then(() => reject(new Error(stderr)));
  });
  return { process: child, port, ended, stderr: () => stderr };
}

/** A trace of its own, by its number: a root, and spans that come in a second request. */
function requestsOf(number: number): [Buffer, Buffer] {
  const traceId = number.toString(16).padStart(32, '0');
  const spans = PAGE.map((span): Span => ({ ...span, traceId }));
  return [Buffer.from(otlpJson(spans.slice(0, 2))), Buffer.from(otlpJson(spans.slice(2)))];
}

describe('kill -9', () => {
  test(`under load, ${ROUNDS} times: every span that was acknowledged is there, once`, {
    timeout: 600_000,
  }, async () => {
    const db = join(temporaryFolder(), 'kept.duckdb');
    /** Spans acknowledged, by trace. */
    const acknowledged = new Map<number, number>();
    let next = 1;
    for (let round = 0; round < ROUNDS; round++) {
      const { process: child, port, ended } = await listener(db);
      let isOver = false;
      const keepSending = async () => {
        while (!isOver) {
          const number = next++;
          for (const [part, body] of requestsOf(number).entries()) {
            try {
              const headers = { 'Content-Type': 'application/json' };
              const { status } = await send(port, { path: '/v1/traces', headers, body });
              if (status === 200) acknowledged.set(number, (acknowledged.get(number) ?? 0) + (part === 0 ? 2 : 3));
            } catch {
              // It was killed before it answered.
            }
          }
        }
      };
      const sending = Array.from({ length: SENDERS }, keepSending);
      // From amid the first requests to amid a commit.
      await new Promise(resolve => setTimeout(resolve, 50 + ((round * 211) % 1700)));
      child.kill('SIGKILL');
      expect(await ended).toBe('SIGKILL');
      isOver = true;
      await Promise.all(sending);
    }
    const sql = 'SELECT trace_id AS id, count(*) AS n, count(DISTINCT span_id) AS different FROM spans GROUP BY ALL';
    const { stdout, exitCode, stderr } = await tailspan(['sql', '--db', db, '--json', sql]);
    expect(exitCode, stderr).toBe(0);
    const { rows } = JSON.parse(stdout) as { rows: [string, string, string][] };
    const stored = new Map(rows.map(([id, count]) => [Number.parseInt(id, 16), Number(count)]));
    const missing = [...acknowledged].filter(([number, count]) => (stored.get(number) ?? 0) < count);
    expect(missing).toEqual([]);
    expect(rows.filter(([, count, different]) => count !== different)).toEqual([]);
    expect(acknowledged.size).toBeGreaterThan(ROUNDS * 10);
    expect(existsSync(`${db}.journal`)).toBe(false);
  });

  test('what was acknowledged is told of by the next command, whichever it is', async () => {
    const db = join(temporaryFolder(), 'kept.duckdb');
    const { process: child, port, ended } = await listener(db);
    const [body] = requestsOf(1);
    await send(port, { path: '/v1/traces', headers: { 'Content-Type': 'application/json' }, body });
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(`${db}.journal`)).toBe(true);
    const { stderr, stdout } = await tailspan(['search', '--db', db, '--json']);
    expect(stderr).toContain('stored 2 spans of a listener that was broken off');
    expect(JSON.parse(stdout).traces).toMatchObject([{ spanCount: 2 }]);
    expect(existsSync(`${db}.journal`)).toBe(false);
  });

  test('with --fast there is no journal', async () => {
    const db = join(temporaryFolder(), 'kept.duckdb');
    const { process: child, port, ended } = await listener(db, '--fast');
    const [body] = requestsOf(1);
    await send(port, { path: '/v1/traces', headers: { 'Content-Type': 'application/json' }, body });
    expect(existsSync(`${db}.journal`)).toBe(false);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  });
});
