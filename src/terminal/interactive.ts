import { closeSync, openSync } from 'node:fs';
import { ReadStream, type WriteStream } from 'node:tty';

// A terminal with a person at it: where keys come from, what is drawn on, and how it is left as it was.

export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: WriteStream;
  /** The size that may be drawn on, in columns and rows. */
  size(): { readonly columns: number; readonly rows: number };
  /** Calls the listener before others that hear of a new size. Returns what ends that. */
  onResize(listener: () => void): () => void;
  /** Puts a text on the clipboard of the terminal, where it allows that (OSC 52). */
  copy(text: string): void;
  /** Leaves the terminal to the shell; resolves when it is ours again. */
  suspend(): Promise<void>;
  /** Lets go of the keys. Those that nobody has read are dropped, so that the shell does not run them. */
  close(): Promise<void>;
}

/** Keys that a person pressed while the program was leaving are dropped for so long. */
const DRAIN_MS = 20;
/** A signal to stop has come by then; a timer does not run while the program is stopped. */
const STOP_MS = 100;

/** Returns the terminal; undefined where stdout is none, or no keys can come. Close it. */
export function openTerminal(): Terminal | undefined {
  const { stdout } = process;
  if (stdout.isTTY !== true || process.env.TERM === 'dumb') return undefined;
  if (process.stdin.isTTY === true) return terminalOf(process.stdin, stdout, () => {});
  // stdin is data: keys come from the terminal itself.
  if (process.platform === 'win32') return undefined;
  let file: number;
  try {
    file = openSync('/dev/tty', 'r');
  } catch {
    return undefined;
  }
  try {
    const keys = new ReadStream(file);
    return terminalOf(keys, stdout, () => keys.destroy());
  } catch {
    closeSync(file);
    return undefined;
  }
}

function terminalOf(stdin: NodeJS.ReadStream, stdout: WriteStream, release: () => void): Terminal {
  // A console of Windows scrolls when its last cell is written.
  const margin = process.platform === 'win32' ? 1 : 0;
  return {
    stdin,
    stdout,
    size: () => ({ columns: stdout.columns, rows: stdout.rows - margin }),
    onResize(listener) {
      stdout.prependListener('resize', listener);
      return () => stdout.off('resize', listener);
    },
    copy(text) {
      stdout.write(`\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`);
    },
    async suspend() {
      if (process.platform === 'win32') return;
      // The whole job stops, with the shell scripts around it. Where no shell would continue it, the system lets it run on.
      process.kill(0, 'SIGTSTP');
      await new Promise(resolve => setTimeout(resolve, STOP_MS));
    },
    async close() {
      stdin.setRawMode(true);
      stdin.resume();
      await new Promise(resolve => setTimeout(resolve, DRAIN_MS));
      stdin.pause();
      stdin.setRawMode(false);
      release();
    },
  };
}

/** Loads what React is part of in its fast form, which is chosen when it is loaded; programs that are started later do not see it. */
export async function loadForProduction<Module>(load: () => Promise<Module>): Promise<Module> {
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  try {
    return await load();
  } finally {
    if (before === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = before;
  }
}
