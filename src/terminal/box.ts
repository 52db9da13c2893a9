import { createRequire } from 'node:module';
import { glyphs } from './glyphs.ts';
import { cut, pad, widthOf } from './measure.ts';
import type { Screen } from './screen.ts';
import { type Line, styled } from './styled.ts';

// A table in a box, as people who type SQL know it. cli-table3 draws it; columns are made to fit before.

/** A column of a box. */
export interface BoxColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Its values are numbers or times, which mean something else when they are cut. */
  readonly isWhole: boolean;
}

export interface Box {
  readonly lines: readonly Line[];
  /** Columns that are drawn: the first ones. */
  readonly columnCount: number;
}

/** A text or a title may be cut to this width. */
const LEAST = 16;
/** Columns of a cell's border and padding. */
const BORDER = 3;

/** Draws a table with a header within the screen's width: texts are cut where they must be, then the last columns go. */
export function drawBox(columns: readonly BoxColumn[], rows: readonly (readonly string[])[], screen: Screen): Box {
  const { ellipsis } = glyphs(screen.unicode);
  const widths = boxWidths(columns, rows, screen.width);
  const fitted = (row: readonly string[], isTitle: boolean) =>
    widths.map((width, index) =>
      pad(cut(row[index] ?? '', width, ellipsis), width, isTitle ? 'left' : (columns[index]?.align ?? 'left')),
    );
  const Table = createRequire(import.meta.url)('cli-table3') as typeof import('cli-table3');
  // Colours are ours to add; the library would paint borders into a pipe as well.
  const box = new Table({
    head: fitted(
      columns.map(({ title }) => title),
      true,
    ),
    style: { head: [], border: [] },
    ...(screen.unicode ? {} : { chars: ASCII }),
  });
  box.push(...rows.map(row => fitted(row, false)));
  const lines = box.toString().split('\n');
  // Without the rules between rows, which are every second line below the header: they double the height and say nothing.
  const kept = lines.filter((_, index) => index < 3 || index % 2 === 1 || index === lines.length - 1);
  return { lines: kept.map(line => [styled(line)]), columnCount: widths.length };
}

/** The widths of the columns that fit, from the left; at least one. */
function boxWidths(columns: readonly BoxColumn[], rows: readonly (readonly string[])[], width: number): number[] {
  const natural: number[] = [];
  const leasts: number[] = [];
  for (const [index, { title, isWhole }] of columns.entries()) {
    const content = rows.reduce((most, row) => Math.max(most, widthOf(row[index] ?? '')), 0);
    natural.push(Math.min(width, Math.max(content, widthOf(title))));
    const least = Math.max(isWhole ? content : Math.min(content, LEAST), Math.min(widthOf(title), LEAST));
    leasts.push(Math.min(width, least));
  }
  const total = (all: readonly number[]) => all.reduce((sum, own) => sum + own + BORDER, 1);
  let count = 1;
  while (count < columns.length && total(leasts.slice(0, count + 1)) <= width) count++;
  const widths = natural.slice(0, count);
  const slack = (index: number) => (widths[index] ?? 0) - (leasts[index] ?? 0);
  for (let excess = total(widths) - width; excess > 0; excess--) {
    const soft = [...widths.keys()].filter(index => slack(index) > 0);
    const [widest = 0] = soft.sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0) || a - b);
    widths[widest] = Math.max(1, (widths[widest] ?? 1) - 1);
  }
  return widths;
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
