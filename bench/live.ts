// Measures `tailspan listen` under load from a second process on the loopback, durable: what was acknowledged must be stored.
// One line a case: spans acknowledged a second, the time to an answer, what the listener took of the processor and of memory.
//   node bench/live.ts --data bench/data/s100k --seconds 60
//   node bench/live.ts --data bench/data/s100k --seconds 600 --soak
//   node bench/live.ts --data bench/data/s100k --seconds 30 --tail    from the arrival of a trace to its line

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LoadReport } from './live/load.ts';
import { positiveNumber, readOptions } from './options.ts';
import { describeMachine, formatCount, markdownTable } from './report.ts';
import { withWorkspace } from './workspace.ts';

const options = readOptions(import.meta.filename, {
  data: { type: 'string', default: 'bench/data/s100k' },
  seconds: { type: 'string', default: '60' },
  folder: { type: 'string', default: 'bench/data' },
  only: { type: 'string' },
  soak: { type: 'boolean', default: false },
  tail: { type: 'boolean', default: false },
});

const BIN = join(import.meta.dirname, '../bin/tailspan.js');

interface Case {
  readonly name: string;
  readonly protocol: 'http' | 'grpc';
  readonly batch: number;
  readonly connections: number;
  /** Spans a second that are offered; undefined for as many as are taken. */
  readonly rate?: number;
  /** What is asked of it. */
  readonly wanted: string;
}

const CASES: readonly Case[] = [
  { name: 'OTLP/HTTP, 512 spans', protocol: 'http', batch: 512, connections: 8, wanted: '200,000/s' },
  { name: 'OTLP/gRPC, 512 spans', protocol: 'grpc', batch: 512, connections: 8, wanted: '150,000/s' },
  { name: 'OTLP/HTTP, 32 spans', protocol: 'http', batch: 32, connections: 32, wanted: '50,000/s' },
  { name: 'OTLP/gRPC, 32 spans', protocol: 'grpc', batch: 32, connections: 32, wanted: '50,000/s' },
  {
    name: 'OTLP/HTTP at 100,000/s',
    protocol: 'http',
    batch: 512,
    connections: 8,
    rate: 100_000,
    wanted: 'p99 < 100 ms',
  },
  { name: 'OTLP/gRPC at 75,000/s', protocol: 'grpc', batch: 512, connections: 8, rate: 75_000, wanted: 'p99 < 100 ms' },
];

const SOAK: Case = {
  name: 'soak at 20,000/s, --max-size 300MB',
  protocol: 'http',
  batch: 512,
  connections: 4,
  rate: 20_000,
  wanted: 'flat',
};

const seconds = positiveNumber('--seconds', options.seconds);
console.log(describeMachine());
await withWorkspace(options.folder, async folder => {
  if (options.soak) await soak(folder);
  else if (options.tail) await tail(folder);
  else await measureAll(folder);
});

async function measureAll(folder: string): Promise<void> {
  const rows: string[][] = [];
  for (const [index, one] of CASES.entries()) {
    if (options.only !== undefined && !one.name.includes(options.only)) continue;
    const listener = await listen(join(folder, `${index}.duckdb`), ['--json']);
    const { report } = await load(one, listener, seconds);
    const { cpuSeconds, peakRss } = usageOf(listener.process);
    const stored = await stop(listener);
    rows.push([
      one.name,
      one.wanted,
      `${formatCount(Math.round(report.acknowledgedSpans / report.seconds))}/s`,
      formatCount(report.acknowledgedSpans),
      formatCount(stored.spans),
      formatCount(report.others),
      `${report.p50.toFixed(1)} / ${report.p99.toFixed(1)} / ${report.max.toFixed(0)} ms`,
      `${((cpuSeconds / report.seconds) * 100).toFixed(0)} %`,
      `${Math.round(peakRss / 1e6)} MB`,
      `${stored.stopSeconds.toFixed(1)} s`,
    ]);
  }
  console.log(
    markdownTable(
      [
        'case',
        'asked',
        'acknowledged',
        'spans',
        'stored',
        'not 200',
        'p50 / p99 / max',
        'processor',
        'peak RSS',
        'exit',
      ],
      rows,
    ),
  );
}

/** Has retention keep the file small, and prints memory and sizes as time goes. */
async function soak(folder: string): Promise<void> {
  const db = join(folder, 'soak.duckdb');
  const listener = await listen(db, ['--json', '--max-size', '300MB']);
  const rows: string[][] = [];
  const begun = performance.now();
  const look = () => {
    const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    rows.push([
      `${Math.round((performance.now() - begun) / 1000)} s`,
      `${Math.round(usageOf(listener.process).rss / 1e6)} MB`,
      `${Math.round(sizeOf(db) / 1e6)} MB`,
      `${Math.round(sizeOf(`${db}.wal`) / 1e6)} MB`,
    ]);
  };
  const timer = setInterval(look, (seconds * 1000) / 20);
  const { report } = await load(SOAK, listener, seconds);
  clearInterval(timer);
  look();
  const stored = await stop(listener);
  console.log(markdownTable(['after', 'RSS', 'file', 'WAL'], rows));
  console.log(
    `${formatCount(report.acknowledgedSpans)} spans acknowledged, ${formatCount(stored.spans)} received; p99 ${report.p99.toFixed(1)} ms`,
  );
}

/** Sends a trace of one span ten times a second, and takes the time until its line is there: alone, and beside other load. */
async function tail(folder: string): Promise<void> {
  const rows: string[][] = [];
  for (const rate of [undefined, 20_000]) {
    const tailing = await listen(join(folder, `tail-${rate ?? 0}.duckdb`), ['--format', 'ndjson'], 'tail');
    const sentAt = new Map<string, number>();
    const times: number[] = [];
    createInterface({ input: tailing.process.stdout! }).on('line', line => {
      const sent = sentAt.get(JSON.parse(line).traceId);
      if (sent !== undefined) times.push(performance.now() - sent);
    });
    const beside = rate === undefined ? undefined : load({ ...SOAK, rate }, tailing, seconds);
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const traceId = randomBytes(16).toString('hex');
      const now = `${Date.now()}000000`;
      const span = { traceId, spanId: traceId.slice(16), name: 'probe', startTimeUnixNano: now, endTimeUnixNano: now };
      await fetch(`http://127.0.0.1:${tailing.ports.http}/v1/traces`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
      });
      sentAt.set(traceId, performance.now());
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    await beside;
    await new Promise(resolve => setTimeout(resolve, 2000));
    tailing.process.kill('SIGINT');
    await tailing.answer;
    times.sort((a, b) => a - b);
    const at = (share: number) => `${Math.round(times[Math.floor((times.length - 1) * share)] ?? Number.NaN)} ms`;
    rows.push([
      rate === undefined ? 'alone' : `beside ${formatCount(rate)} spans/s`,
      `${times.length} of ${sentAt.size}`,
      at(0.5),
      at(0.99),
      at(1),
    ]);
  }
  console.log(markdownTable(['from the answer to the line', 'shown', 'p50', 'p99', 'max'], rows));
}

interface Listening {
  readonly process: ChildProcess;
  readonly ports: { readonly http: number; readonly grpc: number };
  readonly answer: Promise<string>;
}

async function listen(db: string, more: readonly string[], command = 'listen'): Promise<Listening> {
  const args = [command, '--db', db, '--port-http', '0', '--port-grpc', '0', ...more];
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  const answer = new Promise<string>(resolve => child.on('close', () => resolve(stdout)));
  const ports = await new Promise<Listening['ports']>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
      const found = /OTLP\/HTTP on \S+:(\d+), OTLP\/gRPC on \S+:(\d+)/.exec(stderr);
      if (found !== null) resolve({ http: Number(found[1]), grpc: Number(found[2]) });
    });
    child.on('close', () => reject(new Error(stderr)));
  });
  return { process: child, ports, answer };
}

async function load(one: Case, { ports }: Listening, forSeconds: number): Promise<{ report: LoadReport }> {
  const args = ['--data', options.data, '--protocol', one.protocol, '--port', String(ports[one.protocol])];
  args.push('--batch', String(one.batch), '--connections', String(one.connections), '--seconds', String(forSeconds));
  if (one.rate !== undefined) args.push('--rate', String(one.rate));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'live/load.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  await new Promise(resolve => child.on('close', resolve));
  return { report: JSON.parse(stdout) };
}

/** Ends a listener, and returns what it says that it stored. */
async function stop({ process: child, answer }: Listening): Promise<{ spans: number; stopSeconds: number }> {
  const begun = performance.now();
  child.kill('SIGINT');
  const { spans } = JSON.parse(await answer);
  return { spans, stopSeconds: (performance.now() - begun) / 1000 };
}

/** What a process has used so far, as Linux says. */
function usageOf({ pid }: ChildProcess): { cpuSeconds: number; rss: number; peakRss: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
  return {
    // Ticks are hundredths of a second.
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    rss: kilobytes('VmRSS'),
    peakRss: kilobytes('VmHWM'),
  };
}
