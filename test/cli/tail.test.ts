import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { send } from '../receive/receiving.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { answer, answerJson, type Finished, REPOSITORY, type RunOptions, TEST_NOW, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, ORPHAN, PAGE, PAGE_ID, PAYMENT, PAYMENT_ID, refusal, shopFile } from './shop.ts';

const FREE = ['--port-http', '0', '--port-grpc', '0'];
const IN_MEMORY = ['--db', ':memory:', ...FREE];
const newDatabase = () => join(temporaryFolder(), 'kept.duckdb');

function sendSpans(port: number, spans: readonly Span[]) {
  const headers = { 'Content-Type': 'application/json' };
  return send(port, { path: '/v1/traces', headers, body: otlpJson(spans) });
}

/** Resolves once a line that matches was written. */
class Written {
  text = '';
  readonly #waiting: { readonly pattern: RegExp; readonly resolve: () => void }[] = [];

  add(text: string): void {
    this.text += text;
    for (const { pattern, resolve } of this.#waiting) if (pattern.test(this.text)) resolve();
  }

  has(pattern: RegExp): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (pattern.test(this.text)) resolve();
    this.#waiting.push({ pattern, resolve });
    return promise;
  }
}

interface Running {
  readonly stdout: Written;
  readonly stderr: Written;
  /** Where OTLP/HTTP is received. */
  readonly port: number;
  stop(): void;
}

/** Runs `tail`; once it receives, or follows, `work` is called. */
async function tail(
  args: readonly string[],
  work: (running: Running) => Promise<unknown> = async () => {},
  options: RunOptions = {},
): Promise<Finished> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const [stdout, stderr] = [new Written(), new Written()];
  let working: Promise<unknown> | undefined;
  const finished = await tailspan(['tail', ...args], {
    ...options,
    signal: stop.signal,
    onStdout: text => stdout.add(text),
    onStderr: text => {
      stderr.add(text);
      const port = /^listening for OTLP\/HTTP on \S+:(\d+),/.exec(text)?.[1];
      if (port === undefined && !text.startsWith('following ')) return;
      working = work({ stdout, stderr, port: Number(port), stop: () => stop.abort() });
      // It is awaited below; should it fail before, there is nothing to wait for.
      working.catch(() => stop.abort());
    },
  });
  await working;
  return finished;
}

describe('traces that are received', () => {
  test('are shown as they complete, and stored', async () => {
    const db = newDatabase();
    const { exitCode, stdout, stderr } = await tail(
      ['--db', db, ...FREE, '--max-traces', '2'],
      async ({ port, stdout }) => {
        await sendSpans(port, PAGE);
        await stdout.has(/cart/);
        await sendSpans(port, PAYMENT);
      },
    );
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      [
        [PAGE_ID, '2026-11-20T09:00:00.000000000Z', '100ms', 'web', 'GET /cart', 5, 0, 'web, cart', 'yes', '\n'],
        [PAYMENT_ID, '2026-11-20T09:01:00.000000000Z', '40ms', 'web', 'POST /pay', 3, 3, 'web, bank', 'yes', '\n'],
      ]
        .map(fields => fields.join('\t'))
        .join(''),
    );
    expect(stderr).toMatch(
      /^listening for OTLP\/HTTP on .*\nreceived 8 spans in 2 traces from network \(OTLP JSON\)\nshowed 2 traces\n$/,
    );
    expect(linesOf(await answer(['search', '--db', db]))).toHaveLength(2);
  });

  test('are shown within a second', async () => {
    let latency = Number.POSITIVE_INFINITY;
    await tail([...IN_MEMORY, '--max-traces', '2'], async ({ port, stdout }) => {
      // What is loaded for the first request does not count.
      await sendSpans(port, PAGE);
      await stdout.has(/cart/);
      const sent = performance.now();
      await sendSpans(port, PAYMENT);
      await stdout.has(/pay/);
      latency = performance.now() - sent;
    });
    expect(latency).toBeLessThan(1000);
  });

  test('and grow are shown again, marked', async () => {
    const working = async ({ port, stdout, stop }: Running) => {
      await sendSpans(port, PAGE.slice(0, 2));
      await stdout.has(/cart/);
      await sendSpans(port, PAGE);
      await stdout.has(/cart[\s\S]*cart/);
      stop();
    };
    const { stdout, stderr } = await tail([...IN_MEMORY, '--format', 'ndjson'], working);
    expect(linesOf(stdout).map(line => JSON.parse(line))).toMatchObject([
      { traceId: PAGE_ID, spanCount: 2 },
      { traceId: PAGE_ID, spanCount: 5, update: true },
    ]);
    expect(linesOf(stdout)[0]).not.toContain('update');
    expect(stderr).toContain('showed 1 trace and 1 update\n');
    const table = await tail([...IN_MEMORY, '--format', 'table'], working);
    expect(table.stdout).toMatch(/ {2}web GET \/cart .*\n.* {2}\+3 spans: web GET \/cart /);
  });

  test('and are not complete are shown at the end, marked', async () => {
    const { stdout } = await tail([...IN_MEMORY, '--format', 'table', '--until-idle', '500ms'], async ({ port }) => {
      await sendSpans(port, ORPHAN);
      await sendSpans(port, draw('a | 0-10 | web | late\n  b | 5-20 | web | b', { traceId: 'ab' }));
    });
    expect(stdout).toMatch(/ {2}no root: bank GET \/health /);
    expect(stdout).toMatch(/ {2}incomplete: web late /);
  });

  test('are shown where a query matches; others are stored all the same', async () => {
    const db = newDatabase();
    const { stdout } = await tail(
      ['{ status = error } >> { name = "POST /pay" }', '--db', db, ...FREE, '--max-traces', '1', '--fields', 'traceId'],
      async ({ port }) => {
        await sendSpans(port, PAGE);
        await sendSpans(port, PAYMENT);
      },
    );
    expect(stdout).toBe(`${PAYMENT_ID}\n`);
    expect(linesOf(await answer(['search', '--db', db]))).toHaveLength(2);
  });

  test('are shown where filter flags match', async () => {
    const args = ['--service', 'bank', '--status', 'error', '--max-traces', '1', '--format', 'ndjson'];
    const { stdout } = await tail([...IN_MEMORY, ...args], async ({ port }) => {
      await sendSpans(port, PAGE);
      await sendSpans(port, PAYMENT);
    });
    expect(linesOf(stdout).map(line => JSON.parse(line).spanSets[0].spans[0].name)).toEqual(['POST /pay']);
  });

  test('--spans shows spans, as search has them', async () => {
    const args = ['{ kind = client }', '--spans', '--format', 'ndjson'];
    const db = newDatabase();
    const { stdout } = await tail([...args, '--db', db, ...FREE, '--max-traces', '1'], ({ port }) =>
      sendSpans(port, PAGE),
    );
    const shown = linesOf(stdout).map(line => JSON.parse(line));
    expect(shown.map(({ name }) => name)).toEqual(['GET', 'SELECT', 'SELECT']);
    expect(shown).toEqual(
      linesOf(await answer(['search', ...args, '--sort', 'start:asc', '--db', db])).map(line => JSON.parse(line)),
    );
  });

  test('--since shows what the database has, oldest first, and goes on from there', async () => {
    const db = newDatabase();
    await answer(['load', shopFile(PAYMENT, PAGE), '--db', db]);
    const late = draw('z | 0-1 | web | z', { traceId: 'ab', start: DRAWING_START - 86_400_000_000_000n });
    const since = ['--since', '2026-11-20T00:00Z', '--max-traces', '3', '--format', 'ndjson'];
    const { stdout } = await tail(['--db', db, ...FREE, ...since], ({ port }) => sendSpans(port, late));
    expect(linesOf(stdout).map(line => JSON.parse(line).rootSpanName)).toEqual(['GET /cart', 'POST /pay', 'z']);
  });

  test('--lines shows the newest traces of the database first', async () => {
    const db = newDatabase();
    await answer(['load', shopFile(), '--db', db]);
    const { stdout } = await tail(['--db', db, ...FREE, '-n', '2', '--for', '1ms', '--fields', 'startTimeUnixNano']);
    expect(stdout).toBe('2026-11-20T09:01:00.000000000Z\n2026-11-20T09:02:00.000000000Z\n');
  });

  test('--until stops at the trace that matches, shown or not', async () => {
    const args = ['{ name = "SELECT" }', '--until', '{ status = error }', '--fields', 'traceId'];
    const { stdout, exitCode } = await tail([...IN_MEMORY, ...args], async ({ port, stdout }) => {
      await sendSpans(port, PAGE);
      await stdout.has(/c0ffee01/);
      await sendSpans(port, PAYMENT);
    });
    expect({ stdout, exitCode }).toEqual({ stdout: `${PAGE_ID}\n`, exitCode: 0 });
  });

  test('--until-idle stops when nothing has come for a while', async () => {
    const { exitCode, stdout } = await tail([...IN_MEMORY, '--until-idle', '700ms'], ({ port }) =>
      sendSpans(port, PAGE),
    );
    expect({ exitCode, lines: linesOf(stdout).length }).toEqual({ exitCode: 0, lines: 1 });
  });

  test('--exit-status: 1 where nothing was shown', async () => {
    expect(await tail([...IN_MEMORY, '--for', '1ms', '-e'])).toMatchObject({ exitCode: 1, stdout: '' });
  });
});

describe('lines on a screen', () => {
  const screens = [80, 200].flatMap(width => [
    ['traces', width, []] as const,
    ['spans', width, ['--spans', '{ status = error }']] as const,
    ['ascii', width, ['--ascii']] as const,
  ]);

  test.each(screens)('%s, %i columns', async (name, width, args) => {
    const { stdout } = await tail([EXAMPLE, '--from-start', '--for', '1s', '--no-tui', '--utc', ...args], undefined, {
      isTty: true,
      width,
    });
    for (const line of linesOf(stdout)) expect(line.length).toBeLessThanOrEqual(width);
    await expect(stdout).toMatchFileSnapshot(`golden/tail/${name}.width-${width}.txt`);
  });

  test('name the day where it is another one', async () => {
    const at = (day: number) => ({ traceId: `a${day}`, start: DRAWING_START + BigInt(day) * 86_400_000_000_000n });
    const file = shopFile(
      draw('a | 0-1', at(0)),
      draw('b | 0-1', at(1)),
      draw('c | 0-1', at(2)),
      draw('d | 0-1', { ...at(2), traceId: 'd' }),
    );
    const { stdout } = await tail(
      [file, '--from-start', '--max-traces', '4', '--format', 'table', '--utc'],
      undefined,
      {
        now: TEST_NOW,
      },
    );
    expect(linesOf(stdout).map(line => line.replace(/ .*/, ''))).toEqual([
      'START',
      '09:00:00.000',
      '2026-11-21',
      '09:00:00.000',
      '2026-11-22',
      '09:00:00.000',
      '09:00:00.000',
    ]);
  });

  test('have columns that do not move, whatever comes', async () => {
    const names = ['x', 'a very long name of a span that does not fit '.repeat(5), '日本語の名前'];
    const spans = names.map((name, index) =>
      draw(`a | 0-${10 ** (index * 3)} | s | ${name}`, { traceId: `${index + 1}` }),
    );
    const { stdout } = await tail([
      shopFile(...spans),
      '--from-start',
      '--max-traces',
      '3',
      '--format',
      'table',
      '--width',
      '90',
    ]);
    const [header = '', ...rows] = linesOf(stdout);
    const end = header.indexOf('DURATION') + 'DURATION'.length;
    const { widthOf } = await import('../../src/terminal/measure.ts');
    const { cut } = await import('../../src/terminal/measure.ts');
    for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(90);
    expect(rows.map(row => cut(row, end, '').trimEnd().split(/ +/).at(-1))).toEqual(['1ms', '1s', '16m40s']);
  });

  test('names cannot drive the terminal', async () => {
    const file = shopFile(draw('a | 0-1 | s | \u001b[2Jgone', { traceId: '1' }));
    const { stdout } = await tail([file, '--from-start', '--max-traces', '1'], undefined, { isTty: true });
    expect(stdout).toContain('\\x1b[2Jgone');
  });

  test('--header begins lines in a pipe with the names of their fields', async () => {
    const { stdout } = await tail([EXAMPLE, '--from-start', '--max-traces', '1', '--header']);
    expect(linesOf(stdout)[0]?.split('\t')).toEqual([
      ...['traceId', 'startTimeUnixNano', 'durationNano', 'rootServiceName', 'rootSpanName', 'spanCount', 'errorCount'],
      ...['services', 'complete', 'update'],
    ]);
  });
});

describe('files that are followed', () => {
  test('show what is added to them, across rotation, and files that come later', async () => {
    const folder = temporaryFolder();
    const [file, later] = [join(folder, 'a.jsonl'), join(folder, 'later/b.jsonl')];
    writeFileSync(file, otlpJson(ORPHAN));
    const { stdout, stderr, exitCode } = await tail(
      [file, later, '--max-traces', '3', '--fields', 'rootSpanName'],
      async ({ stdout }) => {
        const page = otlpJson(PAGE);
        appendFileSync(file, page.slice(0, 300));
        await new Promise(resolve => setTimeout(resolve, 300));
        appendFileSync(file, page.slice(300));
        await stdout.has(/cart/);
        renameSync(file, `${file}.1`);
        writeFileSync(file, otlpJson(PAYMENT));
        await stdout.has(/pay/);
        mkdirSync(join(folder, 'later'));
        writeFileSync(later, otlpJson(draw('z | 0-1 | web | z', { traceId: 'ab' })));
      },
    );
    expect({ stdout, exitCode }).toEqual({ stdout: 'GET /cart\nPOST /pay\nz\n', exitCode: 0 });
    expect(stderr).toContain('following 2 files from here on; --from-start begins with what is there\n');
    expect(stderr).toContain('later/b.jsonl does not exist yet; it is waited for\n');
    expect(stderr).toContain('later/b.jsonl is there now\n');
    expect(stderr).toContain('read 9 spans in 3 traces from 2 files (OTLP JSON)\nshowed 3 traces\n');
  });

  test('of several formats, and logs with spans among them', async () => {
    const folder = temporaryFolder();
    const files = ['zipkin.json', 'app.log', 'otlp.jsonl'].map(name => join(folder, name));
    for (const file of files) writeFileSync(file, 'started\n');
    const [zipkin = '', log = '', otlp = ''] = files;
    const { stdout } = await tail([...files, '--max-traces', '3', '--fields', 'rootSpanName'], async ({ stdout }) => {
      appendFileSync(
        zipkin,
        '[{"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a2fb4a1d1a96d312","name":"get /api","timestamp":1793606400000000,"duration":100000,"localEndpoint":{"serviceName":"web"}}]\n',
      );
      await stdout.has(/get \/api/);
      appendFileSync(log, `2026-11-20 09:00:00 INFO ready\n2026-11-20 09:00:01 DEBUG ${otlpJson(PAGE)}`);
      await stdout.has(/cart/);
      appendFileSync(otlp, otlpJson(PAYMENT));
    });
    expect(stdout).toBe('get /api\nGET /cart\nPOST /pay\n');
  });

  test('go into a database that is named, and others can ask it', async () => {
    const db = newDatabase();
    const file = shopFile(PAGE, PAYMENT);
    await tail([file, '--from-start', '--db', db, '--for', '1s']);
    const { traces } = await answerJson<{ traces: object[] }>(['search', '--db', db]);
    expect(traces).toHaveLength(2);
    // Once more gives nothing new, and nothing to show.
    const again = await tail([file, '--from-start', '--db', db, '--for', '1s']);
    expect(again.stderr).toContain('left out 8 duplicates');
    expect((await answerJson<{ traces: object[] }>(['search', '--db', db])).traces).toHaveLength(2);
  });

  test('say what cannot be followed, and end where nothing is left', async () => {
    const file = join(temporaryFolder(), 'traces.jsonl.gz');
    writeFileSync(file, gzipSync(otlpJson(PAGE)));
    expect(await tailspan(['tail', file])).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /error: \S+ is compressed: only text can be followed\nhint: tailspan summary \S+\n$/,
      ),
    });
  });

  test('say once what is in them that is no trace', async () => {
    const file = join(temporaryFolder(), 'app.log');
    writeFileSync(file, '');
    const { stderr } = await tail([file, '--for', '1500ms'], async () => {
      for (let line = 0; line < 4; line++) {
        appendFileSync(file, `{"level":"info","line":${line}}\n`);
        await new Promise(resolve => setTimeout(resolve, 250));
      }
    });
    expect(
      stderr.match(/holds JSON but no trace format that is read: .*; it is followed all the same\n/g),
    ).toHaveLength(1);
  });
});

describe('tail refuses', () => {
  test.each([
    [['--format', 'json'], "--format does not know 'json'", 'takes auto, table, plain or ndjson'],
    [['--since', 'soon'], "--since takes a time, not 'soon'", 'for example 5m (ago), yesterday'],
    [['--until', '{ status = }'], 'expected a value, an attribute or an intrinsic, found "}"', 'such as .http.route'],
    [['{ } | rate()'], 'the query asks for metrics, not for traces', "tailspan metrics '{ } | rate()'"],
    [['--fields', 'nothing'], "there is no field 'nothing'", 'fields are traceId, startTimeUnixNano'],
    [['--from-start'], '--from-start is about files, and none is named', '--since 5m begins with'],
    [[EXAMPLE, '--since', '5m'], '--since is about a database, and files are followed', '--from-start begins with'],
    [[EXAMPLE, '-n', '5'], '--lines is about a database, and files are followed', '--from-start begins with'],
    [['--max-traces', '0'], "--max-traces takes a whole number from 1 on, not '0'", 'for example --max-traces 100'],
  ])('%j', async (args, error, hint) => {
    expect(await refusal(['tail', ...args])).toMatchObject({ error, hint: expect.stringContaining(hint) });
  });
});

describe('tail as a process', () => {
  /** A file that is the program, from its sources: threads of it are started as it was. */
  function program(): string {
    const file = join(temporaryFolder(), 'tailspan.mjs');
    writeFileSync(file, `import { main } from ${JSON.stringify(`${REPOSITORY}src/cli.ts`)}; await main();`);
    return file;
  }
  type Child = ChildProcessByStdio<null, Readable, Readable>;

  function start(args: readonly string[]): { child: Child; stdout: Written; stderr: Written; ended: Promise<unknown> } {
    const child = spawn(process.execPath, [program(), ...args], {
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/nonexistent', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [stdout, stderr] = [new Written(), new Written()];
    child.stdout.setEncoding('utf8').on('data', text => stdout.add(text));
    child.stderr.setEncoding('utf8').on('data', text => stderr.add(text));
    return {
      child,
      stdout,
      stderr,
      ended: new Promise(resolve => child.on('close', (code, by) => resolve(code ?? by))),
    };
  }

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s: what came is stored and shown, and the exit code is 0',
    async signal => {
      const file = shopFile(PAGE);
      const db = newDatabase();
      const { child, stdout, stderr, ended } = start(['tail', file, '--db', db]);
      await stderr.has(/following/);
      appendFileSync(file, otlpJson(PAYMENT));
      await stdout.has(/pay/);
      appendFileSync(file, otlpJson(ORPHAN).trimEnd());
      await new Promise(resolve => setTimeout(resolve, 300));
      child.kill(signal);
      expect(await ended).toBe(0);
      // The last line had no end: now there will be none.
      await stdout.has(/decade03/);
      await stderr.has(/read 4 spans in 2 traces from \S+ \(OTLP JSON\)\nshowed 2 traces\n$/);
      expect(linesOf(await answer(['search', '--db', db]))).toHaveLength(2);
    },
  );

  test('that nobody reads any more ends quietly, and what came is stored', async () => {
    const file = shopFile(PAGE);
    const db = newDatabase();
    const { child, stdout, stderr, ended } = start(['tail', file, '--db', db]);
    await stderr.has(/following/);
    appendFileSync(file, otlpJson(PAYMENT));
    await stdout.has(/pay/);
    child.stdout.destroy();
    appendFileSync(file, otlpJson(draw('z | 0-1 | web | z', { traceId: 'ab' })) + otlpJson(ORPHAN));
    expect(await ended).toBe(0);
    expect(stderr.text).toMatch(/^following .*\n$/);
    expect(linesOf(await answer(['search', '--db', db]))).toHaveLength(3);
  });

  test('shows what another process receives, that process goes on, and tail ends with it', async () => {
    const db = newDatabase();
    const listener = start(['listen', '--db', db, ...FREE]);
    await listener.stderr.has(/OTLP\/HTTP on \S+:\d+/);
    const port = Number(/OTLP\/HTTP on \S+:(\d+)/.exec(listener.stderr.text)?.[1]);
    await sendSpans(port, PAGE);
    const shown = start(['tail', '--db', db, '-n', '5', '--fields', 'rootSpanName']);
    await shown.stdout.has(/^GET \/cart\n$/);
    await shown.stderr.has(/another process stores into \S+; what it receives is shown\n/);
    await sendSpans(port, PAYMENT);
    await shown.stdout.has(/^GET \/cart\nPOST \/pay\n$/);
    // What it receives last is shown, too.
    await sendSpans(port, ORPHAN);
    listener.child.kill('SIGINT');
    expect(await listener.ended).toBe(0);
    expect(await shown.ended).toBe(0);
    await shown.stderr.has(/the process that had \S+ has ended\nshowed 3 traces\n$/);
  });

  test('reads stdin, and ends with it', async () => {
    const file = shopFile(PAGE, PAYMENT);
    const child = spawn(
      'bash',
      ['-c', `(cat '${file}'; sleep 0.5) | "$0" "$1" tail - --fields rootSpanName`, process.execPath, program()],
      {
        env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/nonexistent' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    const stdout = new Written();
    child.stdout.setEncoding('utf8').on('data', text => stdout.add(text));
    expect(await new Promise(resolve => child.on('close', resolve))).toBe(0);
    await stdout.has(/^GET \/cart\nPOST \/pay\n$/);
  });

  test('whose stdin nobody writes to ends all the same', async () => {
    const child = spawn(process.execPath, [program(), 'tail', '-', '--for', '300ms'], {
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/nonexistent' },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    expect(await new Promise(resolve => child.on('close', resolve))).toBe(0);
  });
});
