import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../support/load.ts';
import { answer, PROGRAM, REPOSITORY, runProcess, runShell } from '../support/run.ts';
import { EXAMPLE, linesOf } from './shop.ts';

// The program as a process of its own: pipes, signals, what it loads, what the environment does. Needs `npm run build`.

const example = readFileSync(EXAMPLE);
const ESC = String.fromCharCode(27);

/** Runs a line of shell that must succeed wholly. */
async function shell(line: string, env: Readonly<Record<string, string>> = {}) {
  const finished = await runShell(`set -o pipefail\n${line}`, env);
  expect(finished).toMatchObject({ exitCode: 0 });
  return finished;
}

describe('dumps on stdin', () => {
  test.each([
    ['from a pipe, without an argument', `cat '${EXAMPLE}' | tailspan summary`],
    ['from a pipe, as -', `cat '${EXAMPLE}' | tailspan summary -`],
    ['from a file', `tailspan summary < '${EXAMPLE}'`],
    ['compressed', `gzip -c '${EXAMPLE}' | tailspan summary`],
    [
      'that come late and in parts',
      `(sleep 0.4; head -c 70000 '${EXAMPLE}'; sleep 0.4; tail -c +70001 '${EXAMPLE}') | tailspan summary`,
    ],
  ])('%s', async (_, line) => {
    const { stdout, stderr } = await shell(line);
    expect(stdout).toMatch(/^303 spans · 25 traces · 6 services · 26 errors in 5 traces\n/);
    expect(stderr).toBe('read 303 spans in 25 traces from stdin (OTLP JSON)\n');
  });

  // More than is looked at before a thread is started for them, which reads on.
  const LARGE = `for copy in {1..40}; do cat '${EXAMPLE}'; done`;
  test.each([
    ['from a pipe', `(${LARGE}) | tailspan summary`, 'stdin'],
    [
      'from a pipe in which nothing comes for a while',
      `(${LARGE} | (head -c 6000000; sleep 0.4; cat)) | tailspan summary`,
      'stdin',
    ],
    ['from a file', `(${LARGE}) > large; tailspan summary < large`, 'stdin'],
    ['compressed', `(${LARGE}) | gzip -c | tailspan summary`, 'stdin'],
    ['by the name of a pipe', `tailspan summary <(${LARGE})`, '/dev/fd/'],
  ])('that are large, %s', async (_, line, source) => {
    const { stdout, stderr } = await shell(`cd '${temporaryFolder()}'; ${line}`);
    expect(stdout).toMatch(/^303 spans · 25 traces · 6 services · 26 errors in 5 traces\n/);
    expect(stderr).toMatch(/^read 303 spans in 25 traces from .* \(OTLP JSON\); left out 11,817 duplicates\n$/);
    expect(stderr).toContain(source);
  });

  test('of a process that pipes it in', async () => {
    for (const stdin of [example, gzipSync(example)]) {
      const { stdout, exitCode } = await runProcess(['search', '-', '--limit', '0'], { stdin });
      expect({ exitCode, rows: linesOf(stdout).length }).toEqual({ exitCode: 0, rows: 25 });
    }
  });

  test('that are an archive are named after stdin and the file in it', async () => {
    const { stderr } = await shell(`tar -cf - -C '${dirname(EXAMPLE)}' checkout.jsonl | tailspan summary`);
    expect(stderr).toBe('read 303 spans in 25 traces from stdin:checkout.jsonl (OTLP JSON)\n');
  });

  test('that hold nothing', async () => {
    const { exitCode, stderr } = await runShell('tailspan summary - < /dev/null');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^error: stdin is empty\nhint: /);
  });

  test('SQL on stdin is a query where there is none', async () => {
    expect((await shell(`echo 'SELECT 42' | tailspan sql '${EXAMPLE}'`)).stdout).toBe('42\n');
    expect((await shell(`cat '${EXAMPLE}' | tailspan sql 'SELECT count(*) FROM spans'`)).stdout).toBe('303\n');
    expect((await shell(`cat '${EXAMPLE}' | tailspan sql 'SELECT count(*) FROM spans' -`)).stdout).toBe('303\n');
  });

  test('are read where no database is named', async () => {
    const db = join(temporaryFolder(), 'kept.duckdb');
    await shell(`head -1 '${EXAMPLE}' | tailspan load - --db '${db}' -q`);
    const rows = async (more: string, env = {}) =>
      linesOf((await shell(`tailspan search --limit 0 -q ${more} < '${EXAMPLE}'`, env)).stdout).length;
    expect(await rows('')).toBe(25);
    expect(await rows(`--db '${db}'`)).toBe(3);
    expect(await rows('', { TAILSPAN_DB: db })).toBe(3);
  });
});

describe('stdout', () => {
  test.each([
    ['plain', ''],
    ['JSON', '--json'],
    ['a table', '--format table'],
  ])('that nobody reads to its end is quiet success: %s', async (_, format) => {
    const { stdout, stderr } = await shell(`tailspan search '${EXAMPLE}' --spans --limit 0 -q ${format} | head -1`);
    expect(linesOf(stdout)).toHaveLength(1);
    expect(stderr).toBe('');
  });

  test('that nobody reads at all is quiet success', async () => {
    const { stderr } = await shell(`tailspan search '${EXAMPLE}' --spans --limit 0 --json -q | true`);
    expect(stderr).toBe('');
  });

  test('gets the whole answer, however long', async () => {
    const { stdout } = await shell(`tailspan search '${EXAMPLE}' --spans --limit 0 --json -q | cat`);
    expect(stdout.length).toBeGreaterThan(200_000);
    expect(JSON.parse(stdout).spans).toHaveLength(303);
  });

  test('that is full is an error', async () => {
    if (!existsSync('/dev/full')) return;
    const { exitCode, stderr } = await runShell(`tailspan summary '${EXAMPLE}' -q > /dev/full`);
    expect(exitCode).toBe(2);
    expect(stderr).toBe('error: the answer cannot be written: the disk is full\nhint: see where stdout leads\n');
  });

  test('to a file is plain, in UTC, without colour', async () => {
    const file = join(temporaryFolder(), 'answer');
    await shell(`tailspan show 2d82b215 '${EXAMPLE}' > '${file}'`, { TERM: 'xterm-256color', TZ: 'Asia/Tokyo' });
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('2026-11-02 09:06:28.600 UTC');
    expect(text).not.toContain(ESC);
  });

  test('FORCE_COLOR colours it all the same, NO_COLOR not', async () => {
    const show = (env: Readonly<Record<string, string>>) =>
      runProcess(['show', '2d82b215', EXAMPLE, '-q'], { env }).then(({ stdout }) => stdout);
    expect(await show({ FORCE_COLOR: '1' })).toContain(`${ESC}[31m`);
    expect(await show({ FORCE_COLOR: '1', NO_COLOR: '1' })).not.toContain(ESC);
    expect(await show({})).not.toContain(ESC);
  });

  test('--output /dev/stdout is stdout', async () => {
    const { stdout } = await shell(`tailspan search '${EXAMPLE}' -q -n 2 -o /dev/stdout | cat`);
    expect(linesOf(stdout)).toHaveLength(2);
  });

  test('feeds the next program', async () => {
    const hasJq = (await runShell('command -v jq')).exitCode === 0;
    const script = "JSON.parse(require('fs').readFileSync(0)).traces.forEach(t => console.log(t.traceId))";
    const reader = hasJq ? 'jq -r .traces[].traceId' : `'${process.execPath}' -e "${script}"`;
    const { stdout } = await shell(`tailspan search '${EXAMPLE}' --status error --json -q | ${reader}`);
    expect(linesOf(stdout)).toEqual([
      '502d098018dd970fe12d5423892b79d8',
      '2d82b21542c91b01e21826b8509090aa',
      '04c3ed614f392bd23f5f801c1fe43ef5',
      'f72cffed8785da4b6663a67f38276519',
      '33322b5d4a47ca50bb52043e13e52711',
    ]);
  });
});

describe('the environment', () => {
  test.each([{ LANG: 'C' }, { LANG: 'de_DE.ISO-8859-1' }, { LANG: '', LC_ALL: '', LC_CTYPE: '' }, { LC_ALL: 'POSIX' }])(
    '%j: pictures are ASCII',
    async env => {
      const { stdout } = await runProcess(['show', '2d82b215', EXAMPLE, '-q'], { env });
      expect(stdout).toMatch(/^[\n -~]+$/);
    },
  );

  test('TZ is for terminals: in a pipe the same bytes everywhere', async () => {
    const asked = (TZ: string) => runProcess(['search', EXAMPLE, '--json'], { env: { TZ } });
    expect((await asked('Asia/Tokyo')).stdout).toBe((await asked('UTC')).stdout);
  });

  test('SOURCE_DATE_EPOCH is what times count from', async () => {
    const env = { SOURCE_DATE_EPOCH: String(Date.parse('2026-11-02T09:05:00Z') / 1000) };
    const { stdout } = await runProcess(['search', EXAMPLE, '--since', '1m', '--json', '-q'], { env });
    // Of 25 traces those that have a span after 09:04:00.
    expect(JSON.parse(stdout).traces).toHaveLength(14);
  });

  test('an old Node.js is told what is needed', async () => {
    const hook = join(temporaryFolder(), 'old.cjs');
    writeFileSync(hook, "Object.defineProperty(process.versions, 'node', { value: '20.11.0' });");
    const { exitCode, stderr } = await runProcess(['--version'], { env: { NODE_OPTIONS: `--require=${hook}` } });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: 'error: tailspan needs Node.js 22.15 or newer; this is 20.11.0\n',
    });
  });
});

describe('a signal', () => {
  /** Starts a load from a pipe in which half a dump came and nothing follows; sends a signal once it has been read. */
  async function interrupted(db: string, signal: NodeJS.Signals) {
    const child = spawn(process.execPath, [PROGRAM, 'load', '-', '--db', db], {
      cwd: REPOSITORY,
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.stdin.on('error', () => {});
    const ended = new Promise(resolve => child.on('close', (_, by) => resolve(by)));
    await new Promise(resolve => child.stdin.write(example.subarray(0, 100_000), resolve));
    await new Promise(resolve => setTimeout(resolve, 700));
    const begun = performance.now();
    child.kill(signal);
    return { endedBy: await ended, stderr, milliseconds: performance.now() - begun };
  }

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends a run at once, as a shell expects it, and the database has nothing of half a source',
    async signal => {
      const db = join(temporaryFolder(), 'kept.duckdb');
      const { endedBy, stderr, milliseconds } = await interrupted(db, signal);
      expect({ endedBy, stderr }).toEqual({ endedBy: signal, stderr: '' });
      expect(milliseconds).toBeLessThan(2000);
      const { stderr: said } = await runProcess(['search', '--db', db]);
      expect(said).toContain(`the database ${db} holds no spans`);
      await answer(['load', EXAMPLE, '--db', db]);
      expect(linesOf(await answer(['search', '--db', db, '--limit', '0']))).toHaveLength(25);
    },
  );
});

describe('a database that another process has', () => {
  test('is refused with one clear error; nothing is lost', async () => {
    const db = join(temporaryFolder(), 'kept.duckdb');
    const holder = `(head -1 '${EXAMPLE}'; sleep 2) | tailspan load - --db '${db}' -q &`;
    const { stdout, stderr } = await runShell(
      `${holder}\nsleep 0.8\ntailspan load '${EXAMPLE}' --db '${db}'; echo "exit $?"\nwait`,
    );
    expect(stdout).toContain('exit 2\n');
    expect(stderr).toMatch(
      new RegExp(
        `^error: ${db} is in use by another process( \\(\\d+\\))?\nhint: wait for it to end, or name another database with --db\n`,
      ),
    );
    expect(stderr.match(/^error: /gm)).toHaveLength(1);
    await answer(['load', EXAMPLE, '--db', db]);
    expect(linesOf(await answer(['search', '--db', db, '--limit', '0']))).toHaveLength(25);
  });
});

describe('what is loaded', () => {
  /** Modules that a run loads, by what they resolve to. */
  async function modulesOf(...args: string[]): Promise<string[]> {
    const folder = temporaryFolder();
    const record = join(folder, 'modules');
    const hook = join(folder, 'hook.mjs');
    writeFileSync(
      hook,
      `import { appendFileSync } from 'node:fs';
      import { registerHooks } from 'node:module';
      registerHooks({
        resolve(specifier, context, next) {
          const resolved = next(specifier, context);
          appendFileSync(${JSON.stringify(record)}, resolved.url + '\\n');
          return resolved;
        },
      });`,
    );
    const env = { NODE_OPTIONS: `--import=${pathToFileURL(hook)}` };
    expect(await runProcess(args, { env })).toMatchObject({ exitCode: 0 });
    return linesOf(readFileSync(record, 'utf8'));
  }

  const HEAVY =
    /duckdb|chalk|cli-table3|cli-progress|string-width|tinyglobby|env-paths|decode-worker|grpc-js|\/(?:ink|react)\//;

  test.each([
    ['--version'],
    ['--help'],
    ['help', 'exit-codes'],
    ['summary', '--help'],
    ['show', '--help'],
    ['tui', '--help'],
    ['listen', '--help'],
    ['run', '--help'],
  ])('%s %s loads nothing that only answers need', async (...args) => {
    const modules = await modulesOf(...args);
    expect(modules.filter(url => HEAVY.test(url.slice(url.indexOf('node_modules'))))).toEqual([]);
  });

  test('a summary in a pipe loads DuckDB, and neither colours nor boxes nor the SQL client', async () => {
    const modules = await modulesOf('summary', EXAMPLE);
    const heavy = modules.filter(url => HEAVY.test(url)).map(url => /node_modules\/(@[^/]+\/)?[^/]+/.exec(url)?.[0]);
    expect([...new Set(heavy)].filter(name => !name?.includes('node-bindings'))).toEqual([]);
  });
});
