import { createRequire } from 'node:module';

// Width of text in terminal columns. What nearly all text consists of is known here; the rest is asked of string-width,
// the library that Ink measures with, which is loaded when the first such text comes.

let stringWidth: ((text: string) => number) | undefined;
let graphemes: Intl.Segmenter | undefined;

/** ASCII, Latin letters with accents, punctuation, arrows, box drawing and blocks: one column each. */
const NARROW =
  /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0373\u0400-\u0482\u2010-\u2027\u2030-\u205e\u2190-\u2193\u23ce\u2500-\u259f\u25b8\u25cf\u25c6\u2716]*$/;

/** Returns the columns that a text takes on a terminal. The text must be sanitized. */
export function widthOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  stringWidth ??= loadStringWidth();
  return stringWidth(text);
}

function loadStringWidth(): (text: string) => number {
  const loaded: { default: (text: string) => number } = createRequire(import.meta.url)('string-width');
  return loaded.default;
}

/** Returns the text cut to at most `width` columns, with `ellipsis` at its end where something was cut. */
export function cut(text: string, width: number, ellipsis = '…'): string {
  if (width <= 0) return '';
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(ellipsis);
  if (room < 0) return '';
  let out = '';
  let used = 0;
  for (const { segment } of NARROW.test(text) ? chars(text) : graphemesOf(text)) {
    const next = widthOf(segment);
    if (used + next > room) break;
    out += segment;
    used += next;
  }
  return out + ellipsis;
}

/** Returns the text cut to at most `width` columns, with `ellipsis` at its beginning where something was cut. */
export function cutStart(text: string, width: number, ellipsis = '…'): string {
  if (width <= 0) return '';
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(ellipsis);
  if (room < 0) return '';
  let out = '';
  let used = 0;
  for (const segment of [...graphemesOf(text)].map(({ segment: part }) => part).reverse()) {
    const next = widthOf(segment);
    if (used + next > room) break;
    out = segment + out;
    used += next;
  }
  return ellipsis + out;
}

/** Returns the text in pieces, the first of at most `first` columns, the others of at most `width`; none is empty. */
export function piecesOf(text: string, first: number, width: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let room = first;
  for (const { segment } of NARROW.test(text) ? chars(text) : graphemesOf(text)) {
    const own = widthOf(segment);
    if (own > room && piece !== '') {
      pieces.push(piece);
      piece = '';
      room = width;
    }
    piece += segment;
    room -= own;
  }
  return piece === '' ? pieces : [...pieces, piece];
}

function graphemesOf(text: string): Intl.Segments {
  graphemes ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return graphemes.segment(text);
}

function* chars(text: string): Generator<{ segment: string }> {
  for (const segment of text) yield { segment };
}

/** Returns the text padded with spaces to `width` columns. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const missing = Math.max(0, width - widthOf(text));
  return align === 'left' ? text + ' '.repeat(missing) : ' '.repeat(missing) + text;
}
