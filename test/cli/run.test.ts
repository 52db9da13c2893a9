import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { childEnvironment, serviceNameIn } from '../../src/commands/run/environment.ts';
import { languageOf, serviceNameOf } from '../../src/commands/run/program.ts';
import { shellWord, splitWords } from '../../src/commands/shell.ts';
import { temporaryFolder } from '../support/load.ts';
import { answerJson, type Finished, PROGRAM, REPOSITORY, runProcess, runShell, tailspan } from '../support/run.ts';
import { linesOf, PAGE, refusal, shopFile } from './shop.ts';

// `tailspan run` as a process that starts real programs. Needs `npm run build`.

const APP = fileURLToPath(new URL('run-app/app.ts', import.meta.url));

interface Env extends Readonly<Record<string, string>> {}

/** The command line of the instrumented program, see run-app/app.ts. */
const app = (...steps: string[]) => ['--', process.execPath, APP, ...steps];

const run = (args: readonly string[], options: { stdin?: string | Uint8Array; env?: Env } = {}): Promise<Finished> =>
  runProcess(['run', ...args], options);

interface Found {
  readonly traceId: string;
  readonly rootSpanName?: string;
  readonly rootServiceName?: string;
  readonly spanCount: number;
  readonly complete: boolean;
}

/** Runs the program and returns its traces, the latest first. */
async function tracesOf(args: readonly string[], env: Env = {}): Promise<readonly Found[]> {
  const { exitCode, stdout, stderr } = await run(['--then', 'search --json', ...args], { env });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout).traces;
}

interface ShownSpan {
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: string;
  readonly serviceName: string;
  readonly status: { readonly code: string; readonly message?: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly object[];
}

/** Runs the program and returns its spans, in the order of their start, with the exit code. */
async function spansOf(args: readonly string[], env: Env = {}): Promise<{ exitCode: number; spans: ShownSpan[] }> {
  const { exitCode, stdout } = await run(['--then', 'search --spans --json --sort start:asc', ...args], { env });
  return { exitCode, spans: JSON.parse(stdout).spans };
}

describe('the traces of a command', () => {
  test('are one trace with the command as its root, through all that it starts', async () => {
    const { spans } = await spansOf(app('work', 'call', 'work', 'call', 'work'));
    const [root, ...others] = spans;
    const line = [process.execPath, APP, 'work', 'call', 'work', 'call', 'work'].join(' ');
    expect(others.map(({ name }) => name)).toEqual([
      ...['work', 'step', 'call'],
      ...['work', 'step', 'call'],
      ...['work', 'step'],
    ]);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(others.filter(({ parentSpanId = '' }) => !ids.has(parentSpanId))).toEqual([]);
    expect(root).toMatchObject({
      name: line.length > 80 ? `${line.slice(0, 79)}…` : line,
      kind: 'internal',
      serviceName: 'tailspan',
      status: { code: 'unset' },
      attributes: {
        'process.executable.name': 'node',
        'process.command': process.execPath,
        'process.command_args': [process.execPath, APP, 'work', 'call', 'work', 'call', 'work'],
        'process.exit.code': 0,
        'process.pid': expect.any(Number),
      },
      links: [],
    });
    expect(root?.parentSpanId).toBeUndefined();
  });

  test('are their own where it takes no notice of TRACEPARENT: nothing is added to them', async () => {
    expect(await tracesOf(app('apart', 'apart'))).toMatchObject([
      { rootSpanName: 'apart', spanCount: 1, complete: true },
      { rootSpanName: 'apart', spanCount: 1, complete: true },
    ]);
  });

  test('end in an error where it fails; one that is in a trace already is linked to that', async () => {
    const outer = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { exitCode, spans } = await spansOf(app('work', 'exit=7'), { TRACEPARENT: outer, TRACESTATE: 'a=b' });
    expect(exitCode).toBe(7);
    expect(spans[0]).toMatchObject({
      status: { code: 'error', message: 'exit code 7' },
      attributes: { 'process.exit.code': 7, 'error.type': '7' },
      links: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }],
    });
  });

  test.each(['grpc', 'http/json', 'http/protobuf'])('come over %s where the user says so', async protocol => {
    const traces = await tracesOf(app('work'), { OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
    expect(traces).toMatchObject([{ spanCount: 3, complete: true }]);
  });

  test('come here whatever endpoint is set, which is said', async () => {
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' };
    const { exitCode, stdout, stderr } = await run(['--json', ...app('work')], { env });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ traceCount: 1, spanCount: 3 });
    expect(stderr).toBe(
      'traces come here for once, and not to http://collector:4318/v1/traces (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)\n',
    );
    expect((await run(['--json', '-q', ...app('work')], { env })).stderr).toBe('');
  });
});

describe('the command', () => {
  test('keeps its stdin, stdout and stderr, byte for byte', async () => {
    const file = join(temporaryFolder(), 'summary.json');
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    const child = spawn(process.execPath, [PROGRAM, 'run', '--json', '-o', file, ...app('work', 'echo', 'say=Ä\n')], {
      cwd: REPOSITORY,
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
    });
    const parts: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', part => parts.push(part));
    child.stderr.on('data', part => {
      stderr += part;
    });
    child.stdin.end(bytes);
    expect(await new Promise(resolve => child.on('close', resolve))).toBe(0);
    expect(Buffer.concat(parts).equals(Buffer.concat([bytes, Buffer.from('Ä\n')]))).toBe(true);
    expect(stderr).toBe('Ä\n');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ traceCount: 1, spanCount: 3 });
  });

  test.each([
    ['its exit code', ['sh', '-c', 'exit 3'], 3],
    ['the number of the signal that ended it', ['sh', '-c', 'kill -9 $$'], 137],
    ['what a shell says of SIGINT', ['sh', '-c', 'kill -INT $$'], 130],
  ])('keeps %s', async (_, words, expected) => {
    expect((await run(['-q', '--', ...words])).exitCode).toBe(expected);
  });

  test('that is not there, or no program, is told as a shell tells it', async () => {
    expect(await run(['--', 'no-such-program', '--x'])).toEqual({
      exitCode: 127,
      stdout: '',
      stderr:
        'error: no-such-program cannot be run: there is no such program\nhint: it has to be in PATH, or be named with its folder: ./program\n',
    });
    expect(await run(['--', 'npm test'])).toMatchObject({
      exitCode: 127,
      stderr: expect.stringContaining("hint: a line for a shell is given to one: tailspan run -- sh -c 'npm test'\n"),
    });
    expect(await run(['--', './package.json'])).toEqual({
      exitCode: 126,
      stdout: '',
      stderr:
        'error: ./package.json cannot be run: permission denied\nhint: see whether the file is a program, and may be executed (chmod +x)\n',
    });
  });

  /** Starts the program; calls `act` once it says that it waits. */
  async function signalled(steps: readonly string[], act: (send: (signal: NodeJS.Signals) => void) => void) {
    const child = spawn(process.execPath, [PROGRAM, 'run', '--json', ...app(...steps)], {
      cwd: REPOSITORY,
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A session of its own, so that there is no terminal that could have sent what we send.
      detached: true,
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text;
      if (text === 'waiting\n' || text === 'staying\n') act(signal => child.kill(signal));
    });
    const ended = await new Promise(resolve => child.on('close', (code, signal) => resolve(code ?? signal)));
    return { ended, stdout };
  }

  test('is passed a signal, and answered for when it has ended', async () => {
    const { ended, stdout } = await signalled(['work', 'wait', 'exit=5'], send => send('SIGTERM'));
    expect(ended).toBe(5);
    const [waiting, ...rest] = linesOf(stdout);
    expect(waiting).toBe('waiting');
    expect(JSON.parse(rest.join('\n'))).toMatchObject({ spanCount: 3, errorCount: 1 });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
  ] as const)('is ended by %s as without us', async (signal, expected) => {
    expect((await signalled(['wait'], send => send(signal))).ended).toBe(expected);
  });

  test('gets what the terminal sends once, as often as it is sent', async () => {
    if (spawnSync('tmux', ['-V']).status !== 0) return;
    const folder = temporaryFolder();
    // A program that takes Ctrl-C, like a prompt: it ends with how often it came, some time after the second.
    const prompt = join(folder, 'prompt.cjs');
    writeFileSync(
      prompt,
      `let count = 0;
      process.on('SIGINT', () => { console.log('taken', ++count); if (count === 2) setTimeout(() => process.exit(count), 500); });
      setInterval(() => {}, 1000);
      console.log('ready', process.stdin.isTTY, process.stdout.isTTY);`,
    );
    const server = ['-L', `tailspan-${process.pid}`];
    const tmux = (...args: string[]) => spawnSync('tmux', [...server, ...args], { encoding: 'utf8' }).stdout;
    onTestFinished(() => void tmux('kill-server'));
    // The shell is one more that the terminal sends it to.
    const line = `trap : INT; '${process.execPath}' '${PROGRAM}' run -q -- '${process.execPath}' '${prompt}'; echo "code $?"; sleep 60`;
    tmux('-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '24', `sh -c ${shellWord(line)}`);
    const shown = async (text: string) => {
      await expect.poll(() => tmux('capture-pane', '-p'), { timeout: 20_000, interval: 100 }).toContain(text);
    };
    await shown('ready true true');
    tmux('send-keys', 'C-c');
    await shown('taken 1');
    tmux('send-keys', 'C-c');
    await shown('code 2');
  });

  test('that does not end is killed by the second signal', async () => {
    // It says that it stays when the first has come.
    const { ended, stdout } = await signalled(['work', 'sleep=600', 'stay'], send => send('SIGTERM'));
    expect(ended).toBe(137);
    expect(stdout).toMatch(/^waiting\nstaying\n\{/);
    expect(JSON.parse(stdout.slice(stdout.indexOf('{')))).toMatchObject({ spanCount: 3 });
  });
});

describe('the wait for what is still to come', () => {
  test('goes on until a program that was left behind has sent its part', async () => {
    // The span between those of the command and those that were sent last comes 800 ms after the command has ended.
    const [trace] = await tracesOf(app('work', 'leave', 'call', 'work'));
    expect(trace).toMatchObject({ spanCount: 6 });
  });

  test('is bounded, and what is missing then is said', async () => {
    const { exitCode, stdout, stderr } = await run(['--json', '--wait', '600ms', ...app('work', 'orphan', 'apart')]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ traceCount: 2, trust: { incompleteTraceCount: 1, orphanCount: 1 } });
    expect(stderr).toBe(
      '1 of 2 traces still incomplete after 600ms\nhint: programs that end without a flush lose spans; --wait 30s gives those that live on more time\n',
    );
  });

  test('is ended by a signal, with the answer', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'run', '--json', '--wait', '1m', ...app('orphan', 'say=done')], {
      cwd: REPOSITORY,
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let stdout = '';
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text;
      // Time enough for the program to end.
      if (text === 'done') setTimeout(() => child.kill('SIGTERM'), 2500);
    });
    expect(await new Promise(resolve => child.on('close', resolve))).toBe(0);
    expect(JSON.parse(stdout.slice('done'.length))).toMatchObject({ traceCount: 1, spanCount: 2 });
    expect(stderr).toBe('DONE');
  });
});

describe('a command that sends nothing', () => {
  test('is told of, with what may be the reason', async () => {
    const { exitCode, stdout, stderr } = await run(['--', 'sh', '-c', 'exit 4']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      "no traces came from sh -c 'exit 4'",
      'hint: is it instrumented? https://opentelemetry.io/docs/zero-code/ says how without a change to the code',
      expect.stringMatching(/^hint: an exporter that is set up in code has to read OTEL_EXPORTER_OTLP_ENDPOINT/),
      expect.stringMatching(/^hint: spans are lost where a program ends without a flush/),
      '',
    ]);
    expect(await run(['-q', '--', 'true'])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    const brokenOff = await run(['--', 'sh', '-c', 'kill $$']);
    expect(brokenOff).toEqual({ exitCode: 143, stdout: '', stderr: "no traces came from sh -c 'kill $$'\n" });
  });

  test.each([
    [{ OTEL_SDK_DISABLED: 'true' }, 'OTEL_SDK_DISABLED is true: SDKs record nothing'],
    [
      { OTEL_TRACES_EXPORTER: 'console' },
      'OTEL_TRACES_EXPORTER is console: traces go there; unset it, or set it to otlp',
    ],
    [
      { OTEL_TRACES_SAMPLER: 'parentbased_always_off' },
      'OTEL_TRACES_SAMPLER is parentbased_always_off: nothing is sampled',
    ],
  ])('because of %j', async (env, reason) => {
    expect((await run(['--', 'true'], { env })).stderr).toBe(`no traces came from true\nhint: ${reason}\n`);
  });

  test.each([
    ['/v1/traces', 'garbage', '1 request came that could not be read'],
    ['/v1/metrics', '{}', '1 request came with metrics or logs, and none with traces'],
  ])('that could be taken for traces: %s', async (path, body, reason) => {
    const url = `process.env.OTEL_EXPORTER_OTLP_ENDPOINT + "${path}"`;
    const headers = '{ "Content-Type": "application/json" }';
    const script = `fetch(${url}, { method: "POST", headers: ${headers}, body: "${body}" })`;
    const { stderr } = await run(['--', process.execPath, '-e', script]);
    expect(linesOf(stderr).slice(1)).toEqual([`hint: ${reason}`]);
  });

  test('and whose traces are to be checked could not be checked', async () => {
    const { exitCode, stderr } = await run(['-q', '--fail-on', '{ status = error }', '--', 'true']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr:
        'error: no traces came, so that there is nothing to --fail-on\nhint: without it the exit code is that of the command alone\n',
    });
    expect((await run(['-q', '--fail-on', '{ }', '--', 'sh', '-c', 'exit 9'])).exitCode).toBe(9);
  });
});

describe('what goes wrong with us', () => {
  // DuckDB needs more to store a span.
  const noMemory = ['--memory', '1MB'];

  test('is told when the command has ended, whose own failure wins', async () => {
    const { exitCode, stdout, stderr } = await run([...noMemory, ...app('work', 'say=done')]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: 'done' });
    expect(stderr).toMatch(/^DONEerror: /);
    expect(await run([...noMemory, ...app('work', 'exit=7')])).toMatchObject({
      exitCode: 7,
      stderr: expect.stringMatching(/^error: /),
    });
  });

  test('with stdout does not hide the exit code of the command', async () => {
    const line = (redirection: string, code: number) =>
      `tailspan run -q -- '${process.execPath}' '${APP}' work exit=${code} ${redirection}; echo "\${PIPESTATUS[0]}"`;
    expect((await runShell(line('| true', 3))).stdout).toBe('3\n');
    expect((await runShell(line('| true', 0))).stdout).toBe('0\n');
    if (!existsSync('/dev/full')) return;
    expect((await runShell(line('> /dev/full', 3))).stdout).toBe('3\n');
    expect((await runShell(line('> /dev/full', 0))).stdout).toBe('2\n');
  });
});

describe('--then', () => {
  test('asks anything, in turn, with the flags about output of both', async () => {
    const { exitCode, stdout, stderr } = await run([
      ...['--then', 'errors --format ndjson', '--then', 'tailspan search \'{ name = "step" }\' --json --limit 1'],
      ...['--then', 'sql "SELECT count(*) FROM spans"', '--format', 'csv', ...app('work', 'fail')],
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [group, ...rest] = linesOf(stdout);
    expect(JSON.parse(group ?? '')).toMatchObject({ name: 'fail', message: 'it was to fail' });
    expect(rest.slice(-2)).toEqual(['count_star()', '4']);
    expect(JSON.parse(rest.slice(0, -2).join('\n'))).toMatchObject({ traces: [{ spanCount: 4 }] });
  });

  test('has the exit code of what it asks, where the command succeeded', async () => {
    const asked = ['-q', '--then', "search '{ name = `x` }' --exit-status"];
    expect((await run([...asked, ...app('work')])).exitCode).toBe(1);
    expect((await run([...asked, ...app('work', 'exit=6')])).exitCode).toBe(6);
  });

  test.each([
    ['serch', "'serch' is no command that answers from traces", 'did you mean search?'],
    ['load x.json', "'load' is no command that answers from traces", /^these do: summary, search, show, /],
    ['', "'' is no command that answers from traces", /^these do: /],
    ['errors --limt 3', /unknown option '--limt'/, 'tailspan errors --help explains the options'],
    ["search '{ status = err }'", /err/, /./],
    ["search '{", "--then 'search '\\''{' has a quote that does not end", "close it with '"],
    [
      'errors --db x.duckdb',
      "'errors --db x.duckdb' names a database, but is asked of what is open",
      'leave out its --db',
    ],
    ['errors --help', "'errors --help' asks for help", 'tailspan errors --help shows it'],
    ["sql 'DELETE FROM spans' --write", 'what is open can only be asked, not changed', 'leave out --write'],
  ])('%s: is refused before the command is started', async (line, error, hint) => {
    const started = join(temporaryFolder(), 'started');
    const refused = await refusal(['run', '--then', line, '--', 'touch', started]);
    expect(refused.error).toMatch(error);
    expect(refused.hint).toMatch(hint);
    expect(existsSync(started)).toBe(false);
  });

  test('takes no source', async () => {
    const file = shopFile(PAGE);
    const { error } = await refusal(['run', '--then', `errors ${file}`, '--', 'true']);
    expect(error).toBe(`${file} is a source, but the question is asked of what is open`);
  });

  test('twice writes no file', async () => {
    const { error } = await refusal(['run', '--then', 'errors', '--then', 'summary', '-o', 'x', '--', 'true']);
    expect(error).toBe('--output takes one answer, and --then asks for several');
  });
});

describe('--fail-on', () => {
  test('names the query and traces that match', async () => {
    const { exitCode, stdout, stderr } = await run([
      ...['--json', '--fail-on', '{ name = "nothing" }', '--fail-on', '{ name = "apart" }'],
      ...app('work', 'apart', 'apart', 'apart', 'apart'),
    ]);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ traceCount: 5 });
    const [error, hint] = linesOf(stderr);
    expect(error).toMatch(
      /^error: --fail-on '\{ name = "apart" \}': 4 traces match: [0-9a-f]{12}, [0-9a-f]{12}, [0-9a-f]{12}, and 1 more$/,
    );
    expect(hint).toMatch(/^hint: --then 'search .*' lists them; --db FILE keeps them for tailspan show$/);
  });

  test('passes where nothing matches; the failure of the command wins', async () => {
    const check = ['-q', '--json', '--fail-on', '{ status = error }'];
    expect(await run([...check, ...app('work')])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await run([...check, ...app('fail', 'exit=3')])).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('1 trace matches: '),
    });
  });

  test('that cannot be read is refused before the command is started', async () => {
    const started = join(temporaryFolder(), 'started');
    const { error } = await refusal(['run', '--fail-on', '{ status = }', '--', 'touch', started]);
    expect(error).toMatch(/./);
    expect(existsSync(started)).toBe(false);
  });
});

describe('--db', () => {
  test('keeps what came; summary and --fail-on are about this run', async () => {
    const db = join(temporaryFolder(), 'run.duckdb');
    const kept = ['--db', db, '--json', '--fail-on', '{ status = error }'];
    expect(await run([...kept, ...app('fail', 'apart')])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/hint: tailspan show [0-9a-f]{12} --db .*run\.duckdb\n$/),
    });
    const { exitCode, stdout } = await run([...kept, ...app('work')]);
    expect({ exitCode, ...JSON.parse(stdout) }).toMatchObject({ exitCode: 0, traceCount: 1, spanCount: 3 });
    expect(await answerJson(['summary', '--db', db])).toMatchObject({ traceCount: 3, spanCount: 6 });
  });
});

describe('--instrument', () => {
  /** A folder in which the package is installed: what it loads says so. */
  function instrumentedFolder(): string {
    const folder = join(temporaryFolder(), 'a folder');
    const register = join(folder, 'node_modules/@opentelemetry/auto-instrumentations-node/register.js');
    mkdirSync(dirname(register), { recursive: true });
    writeFileSync(join(dirname(register), 'package.json'), '{ "exports": { "./register": "./register.js" } }');
    const said = '`loaded $' + '{process.env.OTEL_NODE_RESOURCE_DETECTORS} $' + "{process.env.EXTRA ?? ''}\\n`";
    writeFileSync(register, `process.stdout.write(${said});`);
    writeFileSync(join(folder, 'extra.cjs'), 'process.env.EXTRA = "after extra";');
    return folder;
  }

  /** Runs `run` in a folder. */
  async function runIn(folder: string, args: readonly string[], env: Env = {}) {
    const child = spawn(process.execPath, [PROGRAM, 'run', '-q', ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const texts: [string, string] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', text => {
      texts[0] += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      texts[1] += text;
    });
    const exitCode = await new Promise(resolve => child.on('close', resolve));
    return { exitCode, stdout: texts[0], stderr: texts[1] };
  }

  const node = (script: string) => ['--', process.execPath, '-e', script];

  test('loads the instrumentations into the program, behind what NODE_OPTIONS loads', async () => {
    const script =
      'require("node:child_process").execFileSync(process.execPath, ["-e", ""], { stdio: "inherit", cwd: "/" })';
    const env = { NODE_OPTIONS: '--require ./extra.cjs', OTEL_NODE_RESOURCE_DETECTORS: 'all' };
    expect(await runIn(instrumentedFolder(), ['--instrument', ...node('')], env)).toEqual({
      exitCode: 0,
      stdout: 'loaded all after extra\n',
      stderr: '',
    });
    // Wherever it is started.
    expect(await runIn(instrumentedFolder(), ['--instrument', ...node(script)])).toEqual({
      exitCode: 0,
      stdout: 'loaded env,host,os,process,serviceinstance \n'.repeat(2),
      stderr: '',
    });
  });

  test('says how to install them where they are not', async () => {
    expect(await runIn(temporaryFolder(), ['--instrument', ...node('console.log("started")')])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'error: @opentelemetry/auto-instrumentations-node is not installed here\nhint: npm install --save-dev @opentelemetry/api @opentelemetry/auto-instrumentations-node\n',
    });
  });

  test.each([
    ['python3', 'tailspan run -- opentelemetry-instrument python3 app'],
    ['java', 'set JAVA_TOOL_OPTIONS=-javaagent:opentelemetry-javaagent.jar'],
  ])('says what does it for %s', async (program, does) => {
    const { error, hint } = await refusal(['run', '--instrument', '--', program, 'app']);
    expect(error).toBe(`--instrument is for Node.js, and ${program} runs something else`);
    expect(hint).toBe(does);
  });
});

describe('the arguments', () => {
  test.each([
    [[], 'run needs a command', 'tailspan run -- npm test'],
    [['--'], 'run needs a command', 'tailspan run -- npm test'],
    [['npm', 'test'], "'npm' stands in front of --", 'what is run stands behind it: tailspan run -- npm test'],
    [['x.json', '--', 'ls'], "'x.json' stands in front of --", 'what is run stands behind it: tailspan run -- ls'],
    [['--wait', 'long', '--', 'ls'], "--wait takes a duration, not 'long'", /250ms/],
  ])('%j', async (args, error, hint) => {
    const refused = await refusal(['run', ...args]);
    expect(refused.error).toBe(error);
    expect(refused.hint).toMatch(hint);
  });

  test('behind -- are those of the command alone', async () => {
    const { stderr } = await tailspan(['run', '--fail-on', '{ status', '--', 'x', '--json', '--debug']);
    expect(stderr).toMatch(/^error: (?!.*\n +at )/s);
    const { stdout, exitCode } = await run(['-q', '--', 'echo', '--help', '--json', '--', '-q']);
    expect({ stdout, exitCode }).toEqual({ stdout: '--help --json -- -q\n', exitCode: 0 });
  });
});

describe('the environment of the command', () => {
  const endpoints = { http: 'http://127.0.0.1:1000', grpc: 'http://127.0.0.1:2000' };
  const environment = (env: Env) => childEnvironment(env, { endpoints, serviceName: 'shop', traceparent: '00-…' });

  test('where nothing is set', () => {
    expect(environment({ PATH: '/bin' })).toEqual({
      PATH: '/bin',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1000',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1000/v1/traces',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '200',
      OTEL_SERVICE_NAME: 'shop',
      TRACEPARENT: '00-…',
      TRACESTATE: undefined,
    });
  });

  test('what the user chose stays, but where traces go', () => {
    const chosen = {
      OTEL_TRACES_EXPORTER: 'otlp,console',
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_LOGS_EXPORTER: 'console',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_SERVICE_NAME: 'cart',
    };
    const others = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', TRACEPARENT: '00-x', TRACESTATE: 'a=b' };
    expect(environment({ ...chosen, ...others })).toMatchObject({
      ...chosen,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1000',
      TRACEPARENT: '00-…',
      TRACESTATE: undefined,
    });
  });

  test.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, endpoints.grpc, endpoints.grpc],
    [{ OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' }, endpoints.http, endpoints.grpc],
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
      endpoints.grpc,
      `${endpoints.http}/v1/traces`,
    ],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: '' }, endpoints.http, `${endpoints.http}/v1/traces`],
  ])('%j: each protocol has its port', (env, ofAll, ofTraces) => {
    expect(environment(env)).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: ofAll,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ofTraces,
    });
  });

  test('a service that names itself is left its name', () => {
    expect(environment({ OTEL_SERVICE_NAME: '' }).OTEL_SERVICE_NAME).toBe('');
    expect(serviceNameIn({ OTEL_RESOURCE_ATTRIBUTES: 'a=b, service.name=cart' })).toBe('cart');
    expect(serviceNameIn({ OTEL_SERVICE_NAME: 'shop', OTEL_RESOURCE_ATTRIBUTES: 'service.name=cart' })).toBe('shop');
    expect(serviceNameIn({ OTEL_SERVICE_NAME: '' })).toBeUndefined();
    expect(environment({ OTEL_RESOURCE_ATTRIBUTES: 'a=b, service.name=cart' }).OTEL_SERVICE_NAME).toBeUndefined();
    expect(environment({ OTEL_RESOURCE_ATTRIBUTES: 'my.service.name=cart' }).OTEL_SERVICE_NAME).toBe('shop');
  });

  test('a proxy is not asked for the loopback', () => {
    expect(environment({ HTTP_PROXY: 'http://proxy:3128' })).toMatchObject({
      no_proxy: '127.0.0.1',
      NO_PROXY: '127.0.0.1',
    });
    expect(environment({ http_proxy: 'http://proxy:3128', NO_PROXY: '.corp' })).toMatchObject({
      NO_PROXY: '.corp,127.0.0.1',
    });
    expect(environment({}).NO_PROXY).toBeUndefined();
  });

  test('is what the documentation says', () => {
    const table = readFileSync(join(REPOSITORY, 'docs/run.md'), 'utf8').match(/^\| `.*/gm) ?? [];
    const documented = table.flatMap(row => row.split(' | ')[0]?.match(/\w{6,}/g) ?? []);
    const { no_proxy: _, TRACESTATE: __, ...variables } = environment({ HTTP_PROXY: 'http://proxy:3128' });
    expect([...documented, 'HTTP_PROXY'].sort()).toEqual(Object.keys(variables).sort());
  });

  test('the service is named by its package, its script or its program', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'job.py'), '');
    const nameOf = (...words: string[]) => serviceNameOf(words, join(folder, 'src'));
    expect(nameOf('python3', '-u', '../job.py', 'x')).toBe('job');
    expect(nameOf('python3', '-m', 'http.server')).toBe('python3');
    expect(nameOf('/usr/bin/make', 'check')).toBe('make');
    expect(nameOf('./smoke.sh')).toBe('smoke');
    expect(nameOf('npm', 'test')).toBe('npm');
    writeFileSync(join(folder, 'package.json'), '{ "name": "@shop/web" }');
    expect(nameOf('npm', 'test')).toBe('@shop/web');
    expect(nameOf('/usr/local/bin/node', 'app.js')).toBe('@shop/web');
    writeFileSync(join(folder, 'package.json'), '{');
    expect(nameOf('node', '../job.py')).toBe('job');
  });

  test.each([
    ['node', 'node'],
    ['/opt/node/bin/npx', 'node'],
    ['npm.cmd', 'node'],
    ['python3.12', 'python'],
    ['./gradlew', 'java'],
    ['./smoke.sh', undefined],
    ['pythonic', undefined],
  ])('%s is %s', (program, language) => {
    expect(languageOf([program])).toBe(language);
  });
});

test.each([
  ['errors', ['errors']],
  ['  show  4bf9\t--ascii ', ['show', '4bf9', '--ascii']],
  [`search '{ name = "a b" }'`, ['search', '{ name = "a b" }']],
  [`search "{ name = \\"a\\\\b\\" && span.x = 'y' }"`, ['search', `{ name = "a\\b" && span.x = 'y' }`]],
  [`a'b c'"d e"f\\ g`, ['ab cd ef g']],
  [`sql ''`, ['sql', '']],
  ['', []],
])('%s is split as a shell does it', (line, words) => {
  expect(splitWords(line, '--then')).toEqual(words);
});
