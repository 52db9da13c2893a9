import { fitLine } from './columns.ts';
import { formatDuration } from './format.ts';
import type { Glyphs } from './glyphs.ts';
import { pad, widthOf } from './measure.ts';
import { type Line, lineWidth, type Segment, type Style, styled } from './styled.ts';

// The picture of a trace: a tree on the left, bars on one time axis on the right, precise to an eighth of a cell.
//
//   ● frontend GET /checkout        │█░░░░░░░░░░░░░░░░░░░█│  812ms    31ms
//   ● └─ checkout PlaceOrder        │▐█░░░░░░██████████▌  │  740ms   402ms
//     ├─ cart GetCart               │ ▐▌                  │   52ms    52ms
//   ● └─ payment Charge             │  ▐███████▌          │  301ms   301ms
//        ✖ CardDeclined: the card was declined

/** A stretch of time in nanoseconds from the start of the axis. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

export interface WaterfallRow {
  /** From the top of the tree: for each level above, whether a sibling follows there; the last is the row's own. */
  readonly guides: readonly boolean[];
  /** Levels that `guides` leaves out because the tree is deeper than it shows. */
  readonly skippedLevels: number;
  readonly label: Line;
  /** The style of the bar: the service's. */
  readonly style: Style;
  readonly bars: readonly Stretch[];
  /** The row's own time on the critical path. */
  readonly path: readonly Stretch[];
  readonly isOnPath: boolean;
  readonly ticks: readonly { readonly at: number; readonly isError: boolean }[];
  readonly durationNano: bigint | undefined;
  readonly selfNano: bigint | undefined;
  /** A line of its own below the row, across the whole width. */
  readonly message?: Line;
}

/** A row without bars: a heading among the rows. */
export interface WaterfallHeading {
  readonly heading: Line;
}

export interface WaterfallOptions {
  readonly width: number;
  readonly durationNano: bigint;
  readonly glyphs: Glyphs;
  readonly unicode: boolean;
}

const MARK = 2;
const NUMBER = 8;
/** Below this width the tree is drawn with less room between its levels. */
const NARROW = 110;
/** Levels of the tree that are drawn; a deeper row says how many there are above. */
export const MAX_GUIDES = 24;

/** Draws the rows, a line with the axis first. */
export function drawWaterfall(rows: readonly (WaterfallRow | WaterfallHeading)[], options: WaterfallOptions): Line[] {
  const { width, glyphs } = options;
  const labels = rows.map(row => ('heading' in row ? [] : labelOf(row, options, width)));
  const natural = Math.max(12, ...labels.map(lineWidth));
  // The tree may take up to half of what the numbers leave; the bars get the rest.
  const shared = width - MARK - 2 - 2 * NUMBER - 2;
  const labelWidth = Math.min(natural, Math.max(16, Math.floor(shared * (width >= 120 ? 0.42 : 0.5))));
  const cells = Math.max(8, shared - labelWidth - 1);
  const lines: Line[] = [axis(labelWidth, cells, options)];
  for (const [index, row] of rows.entries()) {
    if ('heading' in row) {
      lines.push(row.heading);
      continue;
    }
    const label = fitLine(labelOf(row, options, labelWidth), labelWidth, 'left', glyphs.ellipsis);
    lines.push([
      row.isOnPath ? styled(pad(glyphs.onPath, MARK), 'bold') : styled(pad('', MARK)),
      ...(labels[index] === undefined ? [] : label),
      styled(' '),
      styled(glyphs.axis, 'dim'),
      ...bar(row, cells, options),
      styled(glyphs.axis, 'dim'),
      styled(number(row.durationNano, options)),
      styled(number(row.selfNano, options), 'dim'),
    ]);
    if (row.message !== undefined) {
      const indent = [styled(pad('', MARK)), ...guidesBelow(row, options, labelWidth)];
      lines.push(fitLine([...indent, ...row.message], width, 'left', glyphs.ellipsis, true));
    }
  }
  return lines;
}

function number(nanos: bigint | undefined, { unicode }: WaterfallOptions): string {
  return pad(nanos === undefined ? '' : formatDuration(nanos, unicode), NUMBER, 'right');
}

function labelOf(row: WaterfallRow, options: WaterfallOptions, width: number): Line {
  return [...guides(row, options, width), ...row.label];
}

/** The branches before a label. Where they would take most of the room, only the nearest are drawn. */
function guides(row: WaterfallRow, { glyphs, width }: WaterfallOptions, labelWidth: number): Segment[] {
  if (row.guides.length === 0) return [];
  const { drawn, lead } = nearest(row, labelWidth, width);
  const branches = drawn.map((follows, level) => {
    if (level < drawn.length - 1) return follows ? glyphs.trunk : glyphs.gap;
    return follows ? glyphs.branch : glyphs.lastBranch;
  });
  return [styled(lead + branches.map(branch => compact(branch, width)).join(''), 'dim')];
}

/** A level of the tree takes a column less where the screen is narrow. */
function compact(branch: string, width: number): string {
  return width < NARROW ? branch.slice(0, 1) + branch.slice(2) : branch;
}

/** The levels nearest to the row, as many as fit, and how many there are above them. */
function nearest(row: WaterfallRow, labelWidth: number, width: number): { drawn: readonly boolean[]; lead: string } {
  const room = Math.max(1, Math.floor((labelWidth * 0.55) / (width < NARROW ? 2 : 3)));
  const drawn = row.guides.slice(-room);
  const above = row.skippedLevels + row.guides.length - drawn.length;
  return { drawn, lead: above > 0 ? `+${above} ` : '' };
}

/** What continues of the branches below a row: the indent of its message. */
function guidesBelow(row: WaterfallRow, { glyphs, width }: WaterfallOptions, labelWidth: number): Segment[] {
  const { drawn, lead } = nearest(row, labelWidth, width);
  const trunks = drawn.map(follows => compact(follows ? glyphs.trunk : glyphs.gap, width));
  return [styled(' '.repeat(widthOf(lead)) + trunks.join(''), 'dim')];
}

/** The line above the bars: times at round distances. */
function axis(labelWidth: number, cells: number, options: WaterfallOptions): Line {
  const { durationNano, glyphs, unicode } = options;
  const total = Number(durationNano);
  const step = roundStep(total, Math.max(1, Math.floor(cells / 9)));
  let text = '';
  for (let tick = 0; tick * step < total || tick === 0; tick++) {
    const cell = total === 0 ? 0 : Math.floor((tick * step * cells) / total);
    if (cell < widthOf(text)) continue;
    const label = `${glyphs.axis}${tick === 0 ? '0' : formatDuration(BigInt(Math.round(tick * step)), unicode)}`;
    if (cell + widthOf(label) > cells) break;
    text = pad(text, cell) + label;
    if (step === 0) break;
  }
  const head = pad('', MARK + labelWidth + 1);
  return [
    styled(
      `${head}${glyphs.axis}${pad(text.slice(1), cells)}${glyphs.axis}${pad('time', NUMBER, 'right')}${pad('self', NUMBER, 'right')}`,
      'dim',
    ),
  ];
}

/** The smallest of 1, 2, 5 × 10ⁿ that divides `total` into at most `parts`. */
function roundStep(total: number, parts: number): number {
  if (total <= 0) return 0;
  const least = total / parts;
  const power = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= least) return factor * power;
  return 10 * power;
}

interface Cell {
  glyph: string;
  styles: readonly Style[];
}

function bar(row: WaterfallRow, cells: number, options: WaterfallOptions): Segment[] {
  const { durationNano, glyphs } = options;
  const total = Math.max(1, Number(durationNano));
  const eighth = (nanos: number) => (nanos * cells * 8) / total;
  const line: Cell[] = Array.from({ length: cells }, () => ({ glyph: ' ', styles: [] }));
  for (const stretch of row.bars) {
    const from = Math.min(cells * 8 - 1, Math.max(0, Math.floor(eighth(stretch.from))));
    const to = Math.min(cells * 8, Math.max(from + 1, Math.round(eighth(stretch.to))));
    for (let cell = from >> 3; cell <= (to - 1) >> 3; cell++) {
      const left = Math.max(0, from - cell * 8);
      const right = Math.min(8, to - cell * 8);
      const isPath = row.path.some(part => coversCell(eighth(part.from), eighth(part.to), cell));
      line[cell] = {
        glyph: cellGlyph(left, right, isPath, glyphs),
        styles: isPath ? [row.style, 'bold'] : [row.style],
      };
    }
  }
  for (const tick of row.ticks) {
    const cell = Math.min(cells - 1, Math.max(0, Math.floor(eighth(tick.at) / 8)));
    line[cell] = { glyph: glyphs.event, styles: tick.isError ? ['error'] : [row.style] };
  }
  return merge(line);
}

/** Says whether a stretch covers at least half of a cell, or lies within it. */
function coversCell(from: number, to: number, cell: number): boolean {
  const overlap = Math.min(to, cell * 8 + 8) - Math.max(from, cell * 8);
  return overlap >= 4 || (overlap > 0 && from >= cell * 8 && to <= cell * 8 + 8);
}

/** The glyph of a cell that is filled from `left` to `right` eighths. */
function cellGlyph(left: number, right: number, isPath: boolean, glyphs: Glyphs): string {
  if (left === 0 && right === 8) return isPath ? glyphs.solid : glyphs.light;
  if (right === 8)
    return left <= 2 ? (isPath ? glyphs.solid : glyphs.light) : left <= 5 ? glyphs.rightHalf : glyphs.rightEighth;
  return glyphs.eighths[right - left - 1] ?? glyphs.solid;
}

/** Joins neighbouring cells of one style. */
function merge(cells: readonly Cell[]): Segment[] {
  const segments: { text: string; styles: readonly Style[] }[] = [];
  for (const { glyph, styles } of cells) {
    const last = segments.at(-1);
    if (last !== undefined && last.styles.join() === styles.join()) last.text += glyph;
    else segments.push({ text: glyph, styles });
  }
  return segments;
}
