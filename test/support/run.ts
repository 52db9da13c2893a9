import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/cli.ts';

// The program as a test runs it: in this process with a world of the test's own, or as a process of its own.

export interface RunOptions {
  /** Columns; golden files name it. */
  readonly width?: number;
  /** stdout and stderr are a terminal. */
  readonly isTty?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** What `readInput` gives: SQL on stdin. Dumps on stdin need a process (`runProcess`). */
  readonly input?: string;
  readonly now?: Date;
  readonly platform?: string;
  readonly signal?: AbortSignal;
  /** Are given what stdout and stderr get, as they get it. */
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The clock of every test that does not set its own. */
export const TEST_NOW = new Date('2026-11-20T12:00:00Z');

/** Runs `tailspan …args` in this process: UTF-8, no colour, 100 columns, a pipe, a fixed clock, an empty environment. */
export async function tailspan(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  const isTTY = options.isTty === true;
  const exitCode = await run(args, {
    env: {
      LANG: 'C.UTF-8',
      PAGER: '',
      NO_COLOR: '1',
      HOME: '/nonexistent',
      XDG_CACHE_HOME: '/nonexistent/cache',
      ...options.env,
    },
    platform: options.platform ?? 'linux',
    stdout: {
      isTTY,
      columns: options.width ?? 100,
      rows: 1_000_000,
      write: async text => {
        stdout += text;
        options.onStdout?.(text);
      },
    },
    stderr: {
      isTTY,
      write: async text => {
        stderr += text;
        options.onStderr?.(text);
      },
    },
    now: () => options.now ?? TEST_NOW,
    hasPipedInput: options.input !== undefined,
    readInput: async () => options.input ?? '',
    signal: options.signal ?? new AbortController().signal,
  });
  return { exitCode, stdout, stderr };
}

/** As `tailspan`, but the run must succeed and say nothing that begins with `error:`. Returns what stdout got. */
export async function answer(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await tailspan(args, options);
  if (exitCode !== 0 || stderr.includes('error:')) {
    throw new Error(`tailspan ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  }
  return stdout;
}

/** As `answer`, with `--json`, parsed. */
export async function answerJson<Answer>(args: readonly string[], options: RunOptions = {}): Promise<Answer> {
  return JSON.parse(await answer([...args, '--json'], options));
}

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
export const PROGRAM = fileURLToPath(new URL('../../bin/tailspan.js', import.meta.url));

/** Runs the built program as a process, with `stdin` as its standard input. Needs `npm run build`. */
export async function runProcess(
  args: readonly string[],
  { stdin, env }: { readonly stdin?: string | Uint8Array; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: REPOSITORY,
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/nonexistent', TZ: 'UTC', ...env },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const texts: [string, string] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', text => {
    texts[0] += text;
  });
  child.stderr?.setEncoding('utf8').on('data', text => {
    texts[1] += text;
  });
  // A program that refuses its arguments does not read its input.
  child.stdin?.on('error', () => {});
  child.stdin?.end(stdin);
  const exitCode = await new Promise<number>(resolve => child.on('close', code => resolve(code ?? -1)));
  return { exitCode, stdout: texts[0], stderr: texts[1] };
}

/** Runs a line of shell in the repository, in which `tailspan` is the built program. */
export async function runShell(line: string, env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const script = `tailspan() { "${process.execPath}" "${PROGRAM}" "$@"; }\n${line}`;
  return new Promise(resolve => {
    execFile(
      'bash',
      ['-c', script],
      {
        cwd: REPOSITORY,
        env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/nonexistent', TZ: 'UTC', ...env },
        maxBuffer: 64 << 20,
      },
      (error, stdout, stderr) => resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}
