import { DraftWriter, type SpanDraft } from './drafts/span-draft.ts';
import type { DecodeContext } from './format.ts';
import { BadRecord } from './json/cursor.ts';
import type { Reason } from './reasons.ts';

// What formats of console output share: lines without the colours of a terminal, and the account of spans found among them. What
// logs put around each line is taken off before (ingest/log-wrappers.ts); colours may stand on few lines only, such as the level of
// a logger.

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences begin with one
const TERMINAL_SEQUENCES = /\x1b\[[0-9;]*[A-Za-z]/g;

/** Returns a line without the colours of a terminal. */
export function withoutColours(line: string): string {
  return line.includes('\x1b') ? line.replace(TERMINAL_SEQUENCES, '') : line;
}

/** Returns the text of a field of a line that is a JSON object; undefined where it has none. */
export function fieldOf(line: string, ...names: readonly string[]): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const fields = new Map<string, unknown>(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  return names.map(name => fields.get(name)).find(text => typeof text === 'string');
}

/** Writes the spans that are found among lines, and keeps account of the lines that are none. */
export class ConsoleSpans {
  readonly #report: DecodeContext['report'];
  readonly #drafts: DraftWriter;
  /** Where the span in hand begins. */
  #offset = 0;
  #lastLogLine = { offset: 0, text: '' };

  constructor({ writer, report }: DecodeContext) {
    this.#report = report;
    this.#drafts = new DraftWriter(writer, this.repair);
  }

  /** Something in the span in hand was mended. */
  readonly repair = (reason: Reason, detail: string): void => this.#report.repair(reason, this.#offset, detail);

  /** Writes a span that begins at an offset; `make` may throw `BadRecord`. */
  emit(offset: number, make: () => SpanDraft): void {
    this.#offset = offset;
    try {
      this.#drafts.write(make());
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      this.#report.skip(error.reason, offset, error.message);
    }
  }

  skip(reason: Reason, offset: number, detail: string): void {
    this.#report.skip(reason, offset, detail);
  }

  /** Takes note of a line that is no part of a span. */
  logLine(offset: number, text: string): void {
    this.#lastLogLine = { offset, text };
    if (text.trim() !== '') this.#report.skip('log-lines', offset, text.slice(0, 60).trimEnd());
  }

  /** The input ends inside a line that is no part of a span, but may be the beginning of one: `start` is how such a line begins. */
  truncatedLine(start: string): void {
    const { offset, text } = this.#lastLogLine;
    const word = text.split('\t').at(-1) ?? '';
    if (word !== '' && (start.startsWith(word) || word.startsWith(start))) this.truncated(offset);
  }

  /** The input ends inside the span that begins at an offset. */
  truncated(offset: number): void {
    this.#report.skip('truncated', offset, 'the input ends before the span that begins here does');
  }
}
