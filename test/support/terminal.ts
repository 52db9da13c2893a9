import { Console } from 'node:console';
import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';
import { onTestFinished } from 'vitest';
import { loadForProduction, type Terminal } from '../../src/terminal/interactive.ts';
import type { TuiOptions, TuiResult } from '../../src/tui/app.tsx';

// A terminal for the screen to be drawn on, and hands for its keys: what Ink writes goes into an emulator, and what is asked of
// it is what a person would see.

export interface ScreenOptions
  extends Partial<Pick<TuiOptions, 'query' | 'order' | 'traceId' | 'isReadAloud' | 'signal' | 'onRender'>> {
  readonly columns?: number;
  readonly rows?: number;
  /** As of `Screen`; none unless a test asks for styles. */
  readonly colour?: 0 | 1 | 2 | 3;
  readonly unicode?: boolean;
}

/** How a cell looks, beside its character. */
export interface CellStyle {
  readonly isInverse: boolean;
  readonly isBold: boolean;
  readonly isDim: boolean;
  /** The number of a colour of the palette; undefined for the terminal's own. */
  readonly colour: number | undefined;
}

const { openTui } = await loadForProduction(() => import('../../src/tui/app.tsx'));

const KEYS: Readonly<Record<string, string>> = {
  up: '\u001b[A',
  down: '\u001b[B',
  right: '\u001b[C',
  left: '\u001b[D',
  home: '\u001b[H',
  end: '\u001b[F',
  pageup: '\u001b[5~',
  pagedown: '\u001b[6~',
  delete: '\u001b[3~',
  enter: '\r',
  tab: '\t',
  'shift-tab': '\u001b[Z',
  escape: '\u001b',
  backspace: '\u007f',
};

/** Nothing is drawn for so long when all is drawn: longer than a frame of Ink, and than it waits behind an Escape. */
const QUIET_MS = 60;
/** Nothing that a test waits for takes this long. */
const PATIENCE_MS = 5_000;

// Vitest's console has no constructor, of which Ink makes one that does not write into the screen.
console.Console = Console;

/** What Ink asks of a terminal that it draws on. */
class FakeStdout extends EventEmitter {
  readonly isTTY = true;
  readonly writable = true;
  readonly emulator: InstanceType<typeof xterm.Terminal>;
  columns: number;
  rows: number;
  /** All that was written. */
  written = '';
  lastWriteMs = 0;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
    // The driver of a terminal makes a line end of each line feed.
    const options = { convertEol: true, allowProposedApi: true, scrollback: 100 };
    this.emulator = new xterm.Terminal({ cols: columns, rows, ...options });
  }

  write(text: string, done?: () => void): boolean {
    this.written += text;
    if (text !== '') this.lastWriteMs = performance.now();
    this.emulator.write(text, done);
    return true;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.emulator.resize(columns, rows);
    this.emit('resize');
  }
}

class FakeStdin extends EventEmitter {
  readonly isTTY = true;
  isRaw = false;
  readonly #chunks: string[] = [];

  send(chunk: string): void {
    this.#chunks.push(chunk);
    this.emit('readable');
  }

  read(): string | null {
    return this.#chunks.shift() ?? null;
  }

  setRawMode(isRaw: boolean): this {
    this.isRaw = isRaw;
    return this;
  }

  setEncoding(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/** The screen of a running program. It is left when the test ends, unless it was before. */
export class TestScreen {
  readonly left: Promise<TuiResult>;
  /** What was put on the clipboard. */
  readonly copied: string[] = [];
  suspensions = 0;
  #failure: unknown;
  readonly #stdout: FakeStdout;
  readonly #stdin = new FakeStdin();

  constructor(feed: TuiOptions['feed'], options: ScreenOptions = {}) {
    const { columns = 80, rows = 24, colour = 0, unicode = true, signal, onRender } = options;
    const stdout = new FakeStdout(columns, rows);
    this.#stdout = stdout;
    const end = new AbortController();
    const terminal: Terminal = {
      // Ink uses of a stream what the fakes have.
      stdin: this.#stdin as unknown as Terminal['stdin'],
      stdout: stdout as unknown as Terminal['stdout'],
      size: () => ({ columns: stdout.columns, rows: stdout.rows }),
      onResize: listener => {
        stdout.prependListener('resize', listener);
        return () => stdout.off('resize', listener);
      },
      copy: text => this.copied.push(text),
      suspend: async () => {
        this.suspensions++;
      },
      close: async () => {},
    };
    this.left = openTui({
      feed,
      terminal,
      screen: { colour, unicode, utc: true },
      isReadAloud: options.isReadAloud ?? false,
      query: options.query ?? '',
      order:
        options.order ?? (feed.isLive ? { field: 'arrival', ascending: true } : { field: 'start', ascending: false }),
      traceId: options.traceId,
      signal: signal ?? end.signal,
      ...(onRender === undefined ? {} : { onRender }),
    });
    this.left.catch(error => {
      this.#failure = error;
    });
    onTestFinished(async () => {
      end.abort();
      await this.left.catch(() => {});
      stdout.emulator.dispose();
    });
  }

  /** Presses keys one after the other, each read by itself: names (`enter`, `ctrl-d`) or characters. Waits until all is drawn. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const control = /^ctrl-([a-z])$/.exec(key)?.[1];
      this.#stdin.send(control === undefined ? (KEYS[key] ?? key) : String.fromCharCode(control.charCodeAt(0) - 96));
      // An Escape and a key that are read at once are one key with Alt.
      if (key === 'escape') await new Promise(resolve => setTimeout(resolve, QUIET_MS));
    }
    await this.idle();
  }

  /** Sends text as a terminal does that is fast, in one read. Waits until all is drawn. */
  async send(text: string): Promise<void> {
    this.#stdin.send(text);
    await this.idle();
  }

  async resize(columns: number, rows: number): Promise<void> {
    this.#stdout.resize(columns, rows);
    await this.idle();
  }

  /** Resolves when nothing has been drawn for a while. */
  async idle(): Promise<void> {
    const from = performance.now();
    for (;;) {
      await new Promise(resolve => setTimeout(resolve, QUIET_MS / 4));
      const now = performance.now();
      if (now - Math.max(from, this.#stdout.lastWriteMs) >= QUIET_MS) break;
    }
    await new Promise<void>(resolve => this.#stdout.emulator.write('', resolve));
  }

  /** Resolves when a text is seen. Rejects, with what is seen instead, where it does not come. */
  async until(text: string | RegExp): Promise<void> {
    const from = performance.now();
    const isSeen = () => (typeof text === 'string' ? this.text().includes(text) : text.test(this.text()));
    while (!isSeen()) {
      if (this.#failure !== undefined) throw this.#failure;
      if (performance.now() - from > PATIENCE_MS) throw new Error(`${text} is not seen:\n${this.text()}`);
      await this.idle();
    }
  }

  /** The rows of the screen, without the blanks at their ends. */
  lines(): string[] {
    const { active } = this.#stdout.emulator.buffer;
    return Array.from(
      { length: this.#stdout.rows },
      (_, row) =>
        active
          .getLine(active.viewportY + row)
          ?.translateToString(true)
          .trimEnd() ?? '',
    );
  }

  text(): string {
    return this.lines().join('\n');
  }

  /** The row in which the keys are: the one with the mark. */
  selectedLine(): string | undefined {
    return this.lines().find(line => /^[▸>]/.test(line));
  }

  styleAt(x: number, y: number): CellStyle {
    const { active } = this.#stdout.emulator.buffer;
    const cell = active.getLine(active.viewportY + y)?.getCell(x);
    if (cell === undefined) throw new Error(`the screen has no cell ${x}, ${y}`);
    return {
      isInverse: cell.isInverse() !== 0,
      isBold: cell.isBold() !== 0,
      isDim: cell.isDim() !== 0,
      colour: cell.isFgDefault() ? undefined : cell.getFgColor(),
    };
  }

  cursor(): { x: number; y: number } {
    const { cursorX, cursorY } = this.#stdout.emulator.buffer.active;
    return { x: cursorX, y: cursorY };
  }

  /** The program draws on a screen of its own; what was there before comes back when it ends. */
  isAlternate(): boolean {
    return this.#stdout.emulator.buffer.active.type === 'alternate';
  }

  isRaw(): boolean {
    return this.#stdin.isRaw;
  }

  /** All that was ever written to the terminal. */
  written(): string {
    return this.#stdout.written;
  }
}
