import { piecesOf, widthOf } from './measure.ts';
import { type Line, type Segment, styled } from './styled.ts';

/** Returns a line broken at spaces into lines of at most `width` columns; all but the first are indented. */
export function wrapLine(line: Line, width: number, indent = 0): Line[] {
  const hang = Math.max(0, Math.min(indent, width - 2));
  const lines: Segment[][] = [[]];
  let used = 0;
  const append = (text: string, styles: Segment['styles']) => {
    lines.at(-1)?.push(styles === undefined ? { text } : { text, styles });
    used += widthOf(text);
  };
  const breakLine = () => {
    lines.push(hang > 0 ? [styled(' '.repeat(hang))] : []);
    used = hang;
  };
  for (const { text, styles } of line) {
    // Words with the space before them, so that a break swallows it.
    for (const word of text.match(/ *[^ ]+| +/g) ?? []) {
      const fits = used + widthOf(word) <= width;
      if (fits) {
        append(word, styles);
        continue;
      }
      if (used > hang) breakLine();
      // A word that no line has room for is broken where it must be.
      for (const [index, piece] of piecesOf(word.trimStart(), width - used, width - hang).entries()) {
        if (index > 0) breakLine();
        append(piece, styles);
      }
    }
  }
  return lines;
}
