import { cut, widthOf } from './measure.ts';
import { type Line, type Segment, styled } from './styled.ts';

/** Returns a line broken at spaces into lines of at most `width` columns; all but the first are indented. */
export function wrapLine(line: Line, width: number, indent = 0): Line[] {
  const lines: Segment[][] = [[]];
  let used = 0;
  const append = (text: string, styles: Segment['styles']) => {
    lines.at(-1)?.push(styles === undefined ? { text } : { text, styles });
    used += widthOf(text);
  };
  const breakLine = () => {
    lines.push(indent > 0 ? [styled(' '.repeat(indent))] : []);
    used = indent;
  };
  for (const { text, styles } of line) {
    // Words with the space before them, so that a break swallows it.
    for (const word of text.match(/ *[^ ]+| +/g) ?? []) {
      let rest = word;
      if (used + widthOf(rest) > width && used > indent) {
        breakLine();
        rest = rest.trimStart();
      }
      while (used + widthOf(rest) > width) {
        const head = cut(rest, width - used, '');
        if (head === '') break;
        append(head, styles);
        rest = rest.slice(head.length);
        breakLine();
      }
      if (rest !== '') append(rest, styles);
    }
  }
  return lines;
}
