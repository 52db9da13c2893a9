import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PAGE, PAYMENT } from '../cli/shop.ts';
import { send } from '../receive/receiving.ts';
import { dumpFile, temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { PROGRAM } from '../support/run.ts';
import { ORDER, PAGES, PARTS } from './traces.ts';

// The built program in a real terminal: raw mode, the screen of its own, sizes, signals and exit codes. Needs `npm run build`.

function isThere(program: string): boolean {
  try {
    execFileSync(program, ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const PATIENCE_MS = 15_000;

/** A terminal with an interactive shell in it. */
class Tmux {
  readonly folder = temporaryFolder();
  readonly #socket = join(this.folder, 'tmux');

  constructor(columns: number, rows: number) {
    const shell = `env -i PATH="${process.env.PATH}" HOME="${this.folder}" LANG=C.UTF-8 TERM=screen-256color TZ=UTC HISTFILE=/dev/null PS1='$ ' bash --norc -i`;
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', `${columns}`, '-y', `${rows}`, shell);
    onTestFinished(() => {
      this.#tmux('kill-server');
    });
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  /** Types a line into the shell. */
  run(line: string): void {
    this.#tmux('send-keys', '-l', line);
    this.#tmux('send-keys', 'Enter');
  }

  press(...keys: readonly string[]): void {
    for (const key of keys) this.#tmux('send-keys', key);
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', `${columns}`, '-y', `${rows}`);
  }

  screen(): string {
    return this.#tmux('capture-pane', '-p').trimEnd();
  }

  async until(text: string | RegExp): Promise<void> {
    const from = performance.now();
    const isSeen = () => (typeof text === 'string' ? this.screen().includes(text) : text.test(this.screen()));
    while (!isSeen()) {
      if (performance.now() - from > PATIENCE_MS) throw new Error(`${text} is not seen:\n${this.screen()}`);
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
}

const program = `"${process.execPath}" "${PROGRAM}"`;

describe.runIf(isThere('tmux'))('in a terminal', () => {
  test('the program comes, takes keys and sizes, and leaves the terminal as it was', async () => {
    const tmux = new Tmux(80, 24);
    tmux.run('echo before');
    tmux.run(`${program} tui ${dumpFile(ORDER, PARTS, ...PAGES)} --quiet; echo "code $?"; stty -a | grep -o ' icanon'`);
    await tmux.until('1 of 26');
    expect(tmux.screen()).not.toContain('before');
    tmux.press('s', 'Enter');
    await tmux.until('HGETALL');
    tmux.resize(140, 40);
    await tmux.until(/trace 0dde0000000000000000000000000001$/m);
    expect(tmux.screen().split('\n')).toHaveLength(40);
    tmux.resize(70, 15);
    await tmux.until(/^↑↓ move .* q quit$/m);
    expect(tmux.screen().split('\n')).toHaveLength(15);
    tmux.press('o', 'Escape');
    await tmux.until('row 1 of 11');
    tmux.press('q');
    await tmux.until('code 0\n icanon');
    expect(tmux.screen()).toContain('tailspan show 0dde0000000000000000000000000001');
  }, 60_000);

  test('Ctrl-Z gives the shell back, fg the screen', async () => {
    const tmux = new Tmux(80, 24);
    tmux.run(`${program} tui ${dumpFile(ORDER)} --quiet`);
    await tmux.until('1 of 1');
    tmux.press('C-z');
    await tmux.until('Stopped');
    tmux.run('stty -a | grep -o " icanon"; fg; echo "code $?"');
    await tmux.until('1 of 1');
    tmux.press('Enter');
    await tmux.until('HGETALL');
    tmux.press('C-c');
    await tmux.until('code 130');
  }, 60_000);

  test('keys come from the terminal where stdin is data', async () => {
    const tmux = new Tmux(80, 24);
    tmux.run(`cat ${dumpFile(ORDER, PARTS)} | ${program} tui - --quiet; echo "code $?"`);
    await tmux.until('1 of 2');
    tmux.press('j');
    await tmux.until('2 of 2');
    tmux.press('q');
    await tmux.until('code 0');
  }, 60_000);

  test('show --interactive begins with its trace; Esc leads to its row in the list', async () => {
    const tmux = new Tmux(80, 24);
    tmux.run(`${program} show -i 0dde00 ${dumpFile(ORDER, PARTS, ...PAGES)} --quiet`);
    await tmux.until('HGETALL');
    tmux.press('Escape');
    await tmux.until('25 of 26');
    tmux.press('q');
  }, 60_000);

  test('SIGTERM ends it, and the terminal is as it was', async () => {
    const tmux = new Tmux(80, 24);
    const pidFile = join(tmux.folder, 'pid');
    const line = `echo $$ > ${pidFile}; exec ${program} tui ${dumpFile(ORDER)} --quiet`;
    tmux.run(`echo before; sh -c '${line}'; echo "code $?"; stty -a | grep -o ' icanon'`);
    await tmux.until('1 of 1');
    expect(existsSync(pidFile)).toBe(true);
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
    await tmux.until('code 143\n icanon');
    expect(tmux.screen()).toContain('before');
  }, 60_000);

  test('tail shows what comes, opens it, and stores it', async () => {
    const tmux = new Tmux(100, 24);
    const db = join(tmux.folder, 'kept.duckdb');
    tmux.run(`${program} tail --db ${db} --port-http 0 --port-grpc 0; echo "code $?"`);
    await tmux.until(/tail · otlp-http 127\.0\.0\.1:\d+/);
    const port = Number(/otlp-http 127\.0\.0\.1:(\d+)/.exec(tmux.screen())?.[1]);
    const post = (body: string) =>
      send(port, { path: '/v1/traces', headers: { 'Content-Type': 'application/json' }, body });
    await post(otlpJson(PAYMENT));
    await tmux.until('POST /pay');
    await tmux.until('failed 1');
    // What comes is read beside what is looked at, from the same database.
    tmux.press('Enter');
    await tmux.until('CardDeclined');
    await post(otlpJson(PAGE));
    tmux.press('Escape');
    await tmux.until('2 traces');
    tmux.press('/');
    tmux.run('status = error');
    await tmux.until('1 of 1');
    tmux.press('q');
    await tmux.until('received 8 spans in 2 traces');
    await tmux.until('showed 2 traces');
    await tmux.until('code 0');
    tmux.run(`${program} search --db ${db} --no-pager | wc -l`);
    await tmux.until(/^2$/m);
  });

  test('tail --no-tui shows lines', async () => {
    const tmux = new Tmux(100, 24);
    tmux.run(`${program} tail --no-tui --db :memory: --port-http 0 --port-grpc 0 --max-traces 1; echo "code $?"`);
    await tmux.until(/OTLP\/HTTP on http:\/\/127\.0\.0\.1:\d+/);
    const port = Number(/OTLP\/HTTP on http:\/\/127\.0\.0\.1:(\d+)/.exec(tmux.screen())?.[1]);
    await send(port, {
      path: '/v1/traces',
      headers: { 'Content-Type': 'application/json' },
      body: otlpJson(PAYMENT),
    });
    await tmux.until('code 0');
    expect(tmux.screen()).toMatch(/web POST \/pay +3 +40ms/);
  });
});
