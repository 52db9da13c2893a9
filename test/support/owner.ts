import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Order, OwnerOptions } from './owner-process.ts';
import { REPOSITORY } from './run.ts';

// Another process that has a database and serves it.

const SCRIPT = fileURLToPath(new URL('./owner-process.ts', import.meta.url));

export class Owner {
  readonly pid: number;
  readonly socket: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess, answers: AsyncIterator<string>, socket: string) {
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#answers = answers;
    this.socket = socket;
  }

  /** Starts a process that opens a database and serves it; it is killed when the test ends. */
  static async start(
    database: string,
    options: OwnerOptions & { readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<Owner> {
    const { env, ...rest } = options;
    const child = spawn(process.execPath, [SCRIPT, database, JSON.stringify(rest)], {
      cwd: REPOSITORY,
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8', TZ: 'UTC', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdin.on('error', () => {});
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value, done } = await answers.next();
    if (done === true) throw new Error(`the owner of ${database} ended before it served`);
    return new Owner(child, answers, JSON.parse(value).socket);
  }

  /** Has it do something, and waits until it is done. */
  async order(order: Order): Promise<void> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    const { done } = await this.#answers.next();
    if (done === true) throw new Error('the owner ended');
  }

  /** Sends a signal; with SIGKILL waits until the process has gone. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const gone = new Promise(resolve => this.#child.once('close', resolve));
    this.#child.kill(signal);
    if (signal === 'SIGKILL') await gone;
  }
}
