import { UserError } from '../../errors.ts';
import type { Place } from './ast.ts';

/** What is wrong with a query: `parse` is its form, `validation` its meaning (types, ranges, unknown hints). */
export type TraceqlErrorKind = 'parse' | 'validation';

/** A query that cannot be run. The message is for people, as that of every `UserError`. */
export class TraceqlError extends UserError {
  readonly kind: TraceqlErrorKind;
  /** Where the fault is: UTF-16 offsets into the query, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** What could have stood there instead; empty where that does not say it. */
  readonly expected: readonly string[];

  constructor(
    kind: TraceqlErrorKind,
    place: Place,
    message: string,
    { hint, expected = [] }: { hint?: string | undefined; expected?: readonly string[] } = {},
  ) {
    super(message, hint === undefined ? {} : { hint });
    this.name = 'TraceqlError';
    this.kind = kind;
    this.from = place.from;
    this.to = place.to;
    this.expected = expected;
  }
}

const ELLIPSIS = '…';
/** Characters that take two columns of a terminal. */
const WIDE = /[\p{Emoji_Presentation}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\uff01-\uff60]/u;

/**
 * Returns two lines: the line of the query that a place is in, and carets below the place. A line longer than `width`
 * is cut around the place; tabs and control characters become blanks, so that the carets stand where they should.
 */
export function renderCaret(query: string, { from, to }: Place, width = 100): [line: string, carets: string] {
  const start = query.lastIndexOf('\n', from - 1) + 1;
  const newline = query.indexOf('\n', from);
  const end = newline === -1 ? query.length : newline;
  const before = [...shown(query.slice(start, from))];
  const marked = [...shown(query.slice(from, Math.min(Math.max(to, from + 1), end)))];
  const after = [...shown(query.slice(from + marked.join('').length, end))];

  const markedWidth = Math.min(marked.length, Math.floor(width / 2));
  const room = Math.max(8, width - markedWidth);
  const left = cutStart(before, Math.max(Math.floor(room / 2), room - after.length - (marked.length - markedWidth)));
  const right = cutEnd([...marked, ...after], width - left.length);
  const below = right.slice(0, Math.max(1, marked.length));
  return [left.join('') + right.join(''), ' '.repeat(columnsOf(left)) + '^'.repeat(Math.max(1, columnsOf(below)))];
}

function shown(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not reach a terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
}

function columnsOf(characters: readonly string[]): number {
  return characters.reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0);
}

function cutStart(characters: string[], room: number): string[] {
  return characters.length <= room ? characters : [ELLIPSIS, ...characters.slice(characters.length - room + 1)];
}

function cutEnd(characters: string[], room: number): string[] {
  return characters.length <= room ? characters : [...characters.slice(0, room - 1), ELLIPSIS];
}
