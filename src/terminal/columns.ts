import { cut, cutStart, pad, widthOf } from './measure.ts';
import { type Line, lineWidth, type Segment } from './styled.ts';

// Tables without borders: columns take what they need; where that is too much, ids are shortened, then text gives way,
// then the least important columns go. No line is ever wider than the table may be.

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** The least width that is of use; a column without one is never cut, for a number or a time would be another. */
  readonly least?: number;
  /** The higher, the sooner the column goes where there is no room; 0 stays as long as it can. */
  readonly expendable?: number;
  /** The cells in a shorter form that says the same, by row; taken before anything is cut. */
  readonly shorter?: readonly Line[];
  /** Where a cell is cut; a path is told by its end. */
  readonly cutAt?: 'start' | 'end';
}

export interface TableLayout {
  readonly lines: readonly Line[];
  /** Titles of the columns that are not expendable and had no room all the same, from the left. */
  readonly missing: readonly string[];
}

const GAP = 2;

/** Lays out a table of one-line cells within `width` columns, a header line first. */
export function layoutTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly Line[])[],
  width: number,
  ellipsis: string,
): TableLayout {
  const full = naturalWidths(columns, rows, width);
  const isTight = full.reduce((sum, value) => sum + value, 0) + GAP * (columns.length - 1) > width;
  const cells = isTight ? shortened(columns, rows) : rows;
  const natural = isTight ? naturalWidths(columns, cells, width) : full;
  const { widths, missing } = fitColumns(columns, natural, width);
  const lines = [headerOf(columns), ...cells].map(row => lineOf(columns, widths, row, ellipsis));
  return { lines, missing: missing.map(index => columns[index]?.title ?? '') };
}

/** A column whose width does not depend on what is in it. */
export interface FixedColumn extends TableColumn {
  /** The columns of the terminal that it takes where there is room. */
  readonly width: number;
}

/** A table whose rows come one by one, so that its columns must not move. */
export interface FixedTable {
  readonly header: Line;
  row(cells: readonly Line[]): Line;
  /** What a column has; 0 where there was no room for it. */
  widthOf(index: number): number;
}

/** Lays out a table before its rows are known. */
export function fixedTable(columns: readonly FixedColumn[], width: number, ellipsis: string): FixedTable {
  const natural = columns.map(column => column.width);
  const { widths } = fitColumns(columns, natural, width);
  return {
    header: lineOf(columns, widths, headerOf(columns), ellipsis),
    row: cells => lineOf(columns, widths, cells, ellipsis),
    widthOf: index => widths.get(index) ?? 0,
  };
}

function headerOf(columns: readonly TableColumn[]): Line[] {
  return columns.map(({ title }) => [{ text: title, styles: ['dim'] as const }]);
}

/** Puts the cells of a row beside each other; `widths` has the columns that are shown. */
function lineOf(
  columns: readonly TableColumn[],
  widths: ReadonlyMap<number, number>,
  row: readonly Line[],
  ellipsis: string,
): Line {
  return [...widths].flatMap(([index, room], place) => {
    const { align = 'left', cutAt = 'end' } = columns[index] ?? {};
    const isLast = place === widths.size - 1 && align === 'left';
    const cell = row[index] ?? [];
    const fitted = fitLine(
      cutAt === 'start' ? cutLineStart(cell, room, ellipsis) : cell,
      room,
      align,
      ellipsis,
      isLast,
    );
    return place === 0 ? fitted : [{ text: ' '.repeat(GAP) }, ...fitted];
  });
}

/** The columns that contents and title take, but no more than the whole table may have. */
function naturalWidths(
  columns: readonly TableColumn[],
  rows: readonly (readonly Line[])[],
  width: number,
): readonly number[] {
  return columns.map(({ title }, index) => {
    const widest = rows.reduce((most, row) => Math.max(most, lineWidth(row[index] ?? [])), widthOf(title));
    return Math.min(width, widest);
  });
}

function shortened(columns: readonly TableColumn[], rows: readonly (readonly Line[])[]): (readonly Line[])[] {
  return rows.map((row, number) => row.map((cell, index) => columns[index]?.shorter?.[number] ?? cell));
}

/** The columns that are shown, in order, with their widths, and those that are not though they should be. */
function fitColumns(
  columns: readonly TableColumn[],
  natural: readonly number[],
  width: number,
): { widths: Map<number, number>; missing: number[] } {
  const leasts = columns.map(({ least }, index) => Math.min(natural[index] ?? 0, least ?? natural[index] ?? 0));
  const shown = [...columns.keys()];
  const missing: number[] = [];
  for (;;) {
    const widths = shrink(shown, natural, leasts, width);
    if (widths !== undefined) return { widths, missing: missing.sort((a, b) => a - b) };
    const next = leastImportant(columns, shown);
    if (next !== undefined) {
      shown.splice(shown.indexOf(next), 1);
      continue;
    }
    // Nothing is expendable: the last ones go.
    const [first, ...others] = shown;
    if (first === undefined) return { widths: new Map(), missing };
    if (others.length === 0) return { widths: new Map([[first, Math.min(width, natural[first] ?? 0)]]), missing };
    missing.push(shown.pop() ?? first);
  }
}

function leastImportant(columns: readonly TableColumn[], shown: readonly number[]): number | undefined {
  const expendable = (index: number) => columns[index]?.expendable ?? 0;
  return shown.filter(index => expendable(index) > 0).sort((a, b) => expendable(b) - expendable(a) || b - a)[0];
}

/** Widths that fit, the widest columns cut first; undefined where even the least widths do not fit. */
function shrink(
  shown: readonly number[],
  natural: readonly number[],
  leasts: readonly number[],
  width: number,
): Map<number, number> | undefined {
  const widths = new Map(shown.map(index => [index, natural[index] ?? 0]));
  let excess = [...widths.values()].reduce((sum, value) => sum + value, 0) + GAP * (shown.length - 1) - width;
  while (excess > 0) {
    const shrinkable = shown.filter(index => (widths.get(index) ?? 0) > (leasts[index] ?? 0));
    if (shrinkable.length === 0) return undefined;
    const widest = Math.max(...shrinkable.map(index => widths.get(index) ?? 0));
    for (const index of shrinkable) {
      if (excess > 0 && widths.get(index) === widest) {
        widths.set(index, widest - 1);
        excess--;
      }
    }
  }
  return widths;
}

/** Returns a line whose beginning is cut off so that it fits into `width` columns. */
function cutLineStart(line: Line, width: number, ellipsis: string): Line {
  if (lineWidth(line) <= width) return line;
  const text = cutStart(line.map(segment => segment.text).join(''), width, ellipsis);
  const styles = line.at(-1)?.styles;
  return [styles === undefined ? { text } : { text, styles }];
}

/** Returns a line cut and padded to exactly `width` columns; not padded where nothing follows. */
export function fitLine(line: Line, width: number, align: 'left' | 'right', ellipsis: string, isLast = false): Line {
  const taken: Segment[] = [];
  let room = width;
  let left = lineWidth(line);
  for (const segment of line) {
    const own = widthOf(segment.text);
    left -= own;
    // Whole, if what follows (or its ellipsis) still has room; else it is cut here.
    if (own + Math.min(left, left > 0 ? widthOf(ellipsis) : 0) <= room) {
      taken.push(segment);
      room -= own;
      continue;
    }
    const text =
      own <= room ? cut(`${segment.text}${ellipsis}${ellipsis}`, room, ellipsis) : cut(segment.text, room, ellipsis);
    taken.push({ ...segment, text });
    room -= widthOf(text);
    break;
  }
  if (room <= 0 || isLast) return taken;
  const padding = { text: pad('', room) };
  return align === 'left' ? [...taken, padding] : [padding, ...taken];
}
