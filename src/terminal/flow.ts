import { type Line, lineWidth, type Segment, styled } from './styled.ts';

/** Returns items one after the other on as few lines of at most `width` columns as they take, none of them broken. */
export function flow(items: readonly Line[], width: number, gap = 2): Line[] {
  const lines: Segment[][] = [];
  let used = 0;
  for (const item of items) {
    const own = lineWidth(item);
    const last = lines.at(-1);
    if (last !== undefined && used + gap + own <= width) {
      last.push(styled(' '.repeat(gap)), ...item);
      used += gap + own;
    } else {
      lines.push([...item]);
      used = own;
    }
  }
  return lines;
}
