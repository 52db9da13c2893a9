import { cut, pad, widthOf } from './measure.ts';
import { type Line, lineWidth, type Segment } from './styled.ts';

// Tables without borders: columns take what they need; where that is too much, text gives way first, then the least
// important columns go.

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** The least width that is of use; a column without one is never cut. */
  readonly least?: number;
  /** The higher, the sooner the column goes where there is no room; 0 stays always. */
  readonly expendable?: number;
}

export interface TableLayout {
  readonly lines: readonly Line[];
  /** Titles of the columns that had no room. */
  readonly dropped: readonly string[];
}

const GAP = 2;

/** Lays out a table of one-line cells within `width` columns, a header line first. */
export function layoutTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly Line[])[],
  width: number,
  ellipsis: string,
): TableLayout {
  const natural = columns.map((column, index) =>
    rows.reduce((most, row) => Math.max(most, lineWidth(row[index] ?? [])), widthOf(column.title)),
  );
  const shown = new Set(columns.keys());
  const dropped: string[] = [];
  let widths = columnWidths(columns, natural, shown, width);
  while (widths === undefined) {
    const [next] = [...shown]
      .filter(index => (columns[index]?.expendable ?? 0) > 0)
      .sort((a, b) => (columns[b]?.expendable ?? 0) - (columns[a]?.expendable ?? 0) || b - a);
    if (next === undefined) {
      widths = new Map(
        [...shown].map(index => [index, Math.min(natural[index] ?? 0, columns[index]?.least ?? natural[index] ?? 0)]),
      );
      break;
    }
    shown.delete(next);
    dropped.push(columns[next]?.title ?? '');
    widths = columnWidths(columns, natural, shown, width);
  }
  const indexes = [...shown];
  const line = (cells: readonly Line[]): Line =>
    indexes.flatMap((index, place) => {
      const isLast = place === indexes.length - 1;
      const align = columns[index]?.align ?? 'left';
      const cell = fitLine(cells[index] ?? [], widths.get(index) ?? 0, align, ellipsis, isLast && align === 'left');
      return place === 0 ? cell : [{ text: ' '.repeat(GAP) }, ...cell];
    });
  const header = line(columns.map(({ title }) => [{ text: title, styles: ['dim'] as const }]));
  return { lines: [header, ...rows.map(line)], dropped: dropped.reverse() };
}

/** Widths that fit, the widest shrinkable columns cut first; undefined where even the least widths do not fit. */
function columnWidths(
  columns: readonly TableColumn[],
  natural: readonly number[],
  shown: ReadonlySet<number>,
  width: number,
): Map<number, number> | undefined {
  const widths = new Map([...shown].map(index => [index, natural[index] ?? 0]));
  let excess = [...widths.values()].reduce((sum, value) => sum + value, 0) + GAP * (shown.size - 1) - width;
  while (excess > 0) {
    const shrinkable = [...shown].filter(index => {
      const least = columns[index]?.least;
      return least !== undefined && (widths.get(index) ?? 0) > least;
    });
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
