import { createRequire } from 'node:module';
import { glyphs } from './glyphs.ts';
import { cut, pad, widthOf } from './measure.ts';
import type { Screen } from './screen.ts';
import { type Line, styled } from './styled.ts';

// A table in a box, as people who type SQL know it. cli-table3 draws it; columns are made to fit before.

const LEAST = 6;
/** Columns of a cell's border and padding. */
const BORDER = 3;

/** Draws a table with a header within the screen's width; cells are cut where they must be, columns never left out. */
export function drawBox(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  isRight: readonly boolean[],
  screen: Screen,
): Line[] {
  const { ellipsis } = glyphs(screen.unicode);
  const widths = titles.map((title, index) =>
    rows.reduce((most, row) => Math.max(most, widthOf(row[index] ?? '')), widthOf(title)),
  );
  let excess = widths.reduce((sum, width) => sum + width + BORDER, 1) - screen.width;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= LEAST) break;
    const index = widths.indexOf(widest);
    widths[index] = widest - 1;
    excess--;
  }
  const fitted = (row: readonly string[], isTitle: boolean) =>
    row.map((cell, index) => {
      const width = widths[index] ?? LEAST;
      return pad(cut(cell, width, ellipsis), width, !isTitle && isRight[index] === true ? 'right' : 'left');
    });
  const Table = createRequire(import.meta.url)('cli-table3') as typeof import('cli-table3');
  // Colours are ours to add; the library would paint borders into a pipe as well.
  const box = new Table({
    head: fitted(titles, true),
    style: { head: [], border: [] },
    ...(screen.unicode ? {} : { chars: ASCII }),
  });
  box.push(...rows.map(row => fitted(row, false)));
  const lines = box.toString().split('\n');
  // Without the rules between rows: they double the height and say nothing.
  const kept = lines.filter(
    (line, index) => index < 3 || index === lines.length - 1 || !/^[├|+]/.test(line) || !/[─-]{3}/.test(line),
  );
  return kept.map(line => [styled(line)]);
}

const ASCII = {
  top: '-',
  'top-mid': '+',
  'top-left': '+',
  'top-right': '+',
  bottom: '-',
  'bottom-mid': '+',
  'bottom-left': '+',
  'bottom-right': '+',
  left: '|',
  'left-mid': '+',
  mid: '-',
  'mid-mid': '+',
  right: '|',
  'right-mid': '+',
  middle: '|',
};
