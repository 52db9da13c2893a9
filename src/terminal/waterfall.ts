import { fitLine } from './columns.ts';
import { formatDuration } from './format.ts';
import type { Glyphs, TreeGlyphs } from './glyphs.ts';
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
  /** Stands behind the label where there is room. */
  readonly aside?: Line;
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
/** The space behind the tree and the lines to the left and right of the bars. */
const FRAME = 3;
const NUMBER = 8;
/** Below this width the tree is drawn with less room between its levels. */
const NARROW = 110;
/** Below this one there is no room for self time. */
const TIGHT = 56;
/** Levels of the tree that are drawn; a deeper row says how many there are above. */
export const MAX_GUIDES = 24;

/** Where the tree ends and the bars begin: the same for all rows of a picture, however few of them are drawn. */
export interface WaterfallLayout extends WaterfallOptions {
  readonly labelWidth: number;
  /** Columns of the bars. */
  readonly cells: number;
}

/** Draws the rows, a line with the axis first. */
export function drawWaterfall(rows: readonly (WaterfallRow | WaterfallHeading)[], options: WaterfallOptions): Line[] {
  const layout = layOutWaterfall(rows, options);
  const lines: Line[] = [drawAxis(layout)];
  for (const row of rows) {
    if ('heading' in row) lines.push(drawHeading(row.heading, layout));
    else {
      lines.push(drawRow(row, layout));
      if (row.message !== undefined) lines.push(drawMessage(row, row.message, layout));
    }
  }
  return lines;
}

/** Decides how much of the width the tree of these rows gets. */
export function layOutWaterfall(
  rows: Iterable<WaterfallRow | WaterfallHeading>,
  options: WaterfallOptions,
): WaterfallLayout {
  const { width } = options;
  const numbers = width < TIGHT ? NUMBER : 2 * NUMBER;
  const shared = width - MARK - FRAME - numbers;
  // The tree may take up to half of what the numbers leave; the bars get the rest.
  const most = Math.max(16, Math.floor(shared * (width >= 120 ? 0.42 : 0.5)));
  let natural = 12;
  for (const row of rows) {
    if ('heading' in row) continue;
    natural = Math.max(natural, lineWidth(labelOf(row, options, width)));
    if (natural >= most) break;
  }
  const labelWidth = Math.min(natural, most);
  return { ...options, labelWidth, cells: Math.max(8, shared - labelWidth) };
}

/** Draws a line across the whole width, such as the heading of a part. */
export function drawHeading(heading: Line, { width, glyphs }: WaterfallLayout): Line {
  return fitLine(heading, width, 'left', glyphs.ellipsis, true);
}

/** Draws a row: its place in the tree, its bars, its numbers. */
export function drawRow(row: WaterfallRow, layout: WaterfallLayout): Line {
  const { width, glyphs, labelWidth, cells } = layout;
  return [
    row.isOnPath ? styled(pad(glyphs.onPath, MARK), 'bold') : styled(pad('', MARK)),
    ...fitLine(labelOf(row, layout, labelWidth), labelWidth, 'left', glyphs.ellipsis),
    styled(' '),
    styled(glyphs.axis, 'dim'),
    ...bar(row, cells, layout),
    styled(glyphs.axis, 'dim'),
    styled(number(row.durationNano, layout)),
    ...(width < TIGHT ? [] : [styled(number(row.selfNano, layout), 'dim')]),
  ];
}

/** Draws the message of a row, which stands below it. */
export function drawMessage(row: WaterfallRow, message: Line, layout: WaterfallLayout): Line {
  const indent = [styled(pad('', MARK)), ...guidesBelow(row, layout, layout.labelWidth)];
  return fitLine([...indent, ...message], layout.width, 'left', layout.glyphs.ellipsis, true);
}

function number(nanos: bigint | undefined, { unicode }: WaterfallOptions): string {
  return pad(nanos === undefined ? '' : formatDuration(nanos, unicode), NUMBER, 'right');
}

function labelOf(row: WaterfallRow, options: WaterfallOptions, labelWidth: number): Line {
  const label = [...guides(row, options, labelWidth), ...row.label];
  if (row.aside === undefined || lineWidth(label) + lineWidth(row.aside) > labelWidth) return label;
  return [...label, ...row.aside];
}

/** The branches before a label. Where the tree is deeper than there is room, it goes on at the left. */
function guides(row: WaterfallRow, { glyphs, width }: WaterfallOptions, labelWidth: number): Segment[] {
  if (row.guides.length === 0) return [];
  const { drawn, lead } = visibleGuides(row, labelWidth, width);
  const tree = treeGlyphs(glyphs, width);
  const branches = drawn.map((follows, level) => {
    if (level < drawn.length - 1) return follows ? tree.trunk : tree.gap;
    return follows ? tree.branch : tree.lastBranch;
  });
  return [styled(lead + branches.join(''), 'dim')];
}

/** A level of the tree takes a column less where the screen is narrow. */
function treeGlyphs(glyphs: Glyphs, width: number): TreeGlyphs {
  return width < NARROW ? glyphs.narrow : glyphs;
}

/**
 * The levels that are drawn, and what stands before them: `+8 ` says that the row is eight levels deeper than it looks.
 * All rows of a level begin in the same column, so that a subtree stays one picture.
 */
function visibleGuides(
  { guides, skippedLevels }: WaterfallRow,
  labelWidth: number,
  width: number,
): { drawn: readonly boolean[]; lead: string } {
  const columns = width < NARROW ? 2 : 3;
  const room = Math.min(MAX_GUIDES, Math.max(1, Math.floor(labelWidth / 2 / columns)));
  const level = skippedLevels + guides.length;
  const above = Math.floor((level - 1) / room) * room;
  return { drawn: guides.slice(above - level), lead: above > 0 ? `+${above} ` : '' };
}

/** What continues of the branches below a row: the indent of its message. */
function guidesBelow(row: WaterfallRow, { glyphs, width }: WaterfallOptions, labelWidth: number): Segment[] {
  if (row.guides.length === 0) return [];
  const { drawn, lead } = visibleGuides(row, labelWidth, width);
  const tree = treeGlyphs(glyphs, width);
  const trunks = drawn.map(follows => (follows ? tree.trunk : tree.gap));
  return [styled(' '.repeat(widthOf(lead)) + trunks.join(''), 'dim')];
}

/** Draws the line above the bars: times at round distances. */
export function drawAxis(options: WaterfallLayout): Line {
  const { glyphs, width, labelWidth, cells } = options;
  let text = `${glyphs.axis}0`;
  for (const { cell, label } of axisTicks(cells, options)) {
    if (cell + widthOf(label) <= cells) text = pad(text, cell) + label;
  }
  const head = pad('', MARK + labelWidth + 1);
  const numbers = width < TIGHT ? ['time'] : ['time', 'self'];
  const titles = numbers.map(title => pad(title, NUMBER, 'right')).join('');
  return [styled(`${head}${glyphs.axis}${pad(text.slice(1), cells)}${glyphs.axis}${titles}`, 'dim')];
}

interface AxisTick {
  readonly cell: number;
  readonly label: string;
}

/** The least room between one time and the next. */
const TICK_GAP = 2;

/** As many times after the start as stand beside each other. */
function axisTicks(cells: number, { durationNano, glyphs, unicode }: WaterfallOptions): AxisTick[] {
  const total = Number(durationNano);
  for (let parts = Math.floor(cells / 6); parts > 0 && total > 0; parts--) {
    const step = roundStep(total, parts);
    const count = Math.ceil(total / step) - 1;
    const ticks = Array.from({ length: count }, (_, index): AxisTick => {
      const time = (index + 1) * step;
      return { cell: Math.floor((time * cells) / total), label: `${glyphs.axis}${tickLabel(time, unicode)}` };
    });
    const room = (step * cells) / total;
    if (ticks.every(({ label }) => widthOf(label) + TICK_GAP <= room)) return ticks;
  }
  return [];
}

/** Steps of an axis from ten seconds on; below they are 1, 2, 2.5 or 5 × 10ⁿ. */
const LONG_STEPS = [10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** The smallest round step that divides `total` nanoseconds into at most `parts`. */
function roundStep(total: number, parts: number): number {
  const least = total / parts;
  const long = least > 5e9 ? LONG_STEPS.find(seconds => seconds * 1e9 >= least) : undefined;
  if (long !== undefined) return long * 1e9;
  if (least > 5e9) return Math.ceil(least / 86_400e9) * 86_400e9;
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 2.5, 5].find(known => known * power >= least) ?? 10;
  // There is nothing between nanoseconds.
  return Math.max(1, factor * power === 2.5 ? 5 : factor * power);
}

/** A time on the axis: `250ms`, `1.5s`, `1m`, without the zeros that a duration has for comparison. */
function tickLabel(nanos: number, unicode: boolean): string {
  return formatDuration(BigInt(Math.round(nanos)), unicode)
    .replace(/\.(\d*?)0+(?=\D+$)/, (_, kept) => (kept === '' ? '' : `.${kept}`))
    .replace(/(?<=[dhm])00[hms]$/, '');
}

interface Cell {
  glyph: string;
  styles: readonly Style[];
}

/** The bars of a row, cell by cell; bars that meet in a cell are drawn as what they cover of it together. */
function bar(row: WaterfallRow, cells: number, options: WaterfallOptions): Segment[] {
  const { durationNano, glyphs } = options;
  const total = Math.max(1, Number(durationNano));
  const eighth = (nanos: number) => (nanos * cells * 8) / total;
  const covered = new Uint8Array(cells * 8);
  for (const stretch of row.bars) {
    const from = Math.min(cells * 8 - 1, Math.max(0, Math.floor(eighth(stretch.from))));
    const to = Math.min(cells * 8, Math.max(from + 1, Math.round(eighth(stretch.to))));
    covered.fill(1, from, to);
  }
  const inBars = shareOfCells(row.bars, cells, total);
  const inPath = shareOfCells(row.path, cells, total);
  const line = Array.from({ length: cells }, (_, cell): Cell => {
    const eighths = covered.subarray(cell * 8, cell * 8 + 8);
    if (!eighths.includes(1)) return { glyph: ' ', styles: [] };
    const path = inPath[cell] ?? 0;
    const isPath = path > 0 && path * 2 >= (inBars[cell] ?? 0);
    return { glyph: cellGlyph(eighths, isPath, glyphs), styles: isPath ? [row.style, 'bold'] : [row.style] };
  });
  for (const tick of row.ticks) {
    const cell = Math.min(cells - 1, Math.max(0, Math.floor(eighth(tick.at) / 8)));
    line[cell] = { glyph: glyphs.event, styles: tick.isError ? ['error'] : [row.style] };
  }
  return merge(line);
}

/** How much of each cell stretches take, in nanoseconds. */
function shareOfCells(stretches: readonly Stretch[], cells: number, total: number): Float64Array {
  const shares = new Float64Array(cells);
  const size = total / cells;
  for (const { from, to } of stretches) {
    const last = Math.min(cells - 1, Math.floor(to / size));
    for (let cell = Math.max(0, Math.floor(from / size)); cell <= last; cell++) {
      shares[cell] = (shares[cell] ?? 0) + Math.min(to, (cell + 1) * size) - Math.max(from, cell * size);
    }
  }
  return shares;
}

/** The glyph of a cell of which some eighths are covered: what is nearest to it among the blocks that fonts have. */
function cellGlyph(eighths: Uint8Array, isPath: boolean, glyphs: Glyphs): string {
  const full = isPath ? glyphs.solid : glyphs.light;
  const count = eighths.reduce((sum, is) => sum + is, 0);
  const firstGap = eighths.indexOf(0);
  if (firstGap < 0) return full;
  const fromLeft = firstGap;
  const fromRight = 7 - eighths.lastIndexOf(0);
  if (fromLeft === 0 && fromRight === 0) {
    // Somewhere within: to the left or right by its middle.
    const middle = (eighths.indexOf(1) + eighths.lastIndexOf(1)) / 2;
    if (middle > 3.5 && count <= 4) return count <= 2 ? glyphs.rightEighth : glyphs.rightHalf;
    return glyphs.eighths[count - 1] ?? full;
  }
  if (fromLeft >= fromRight) return glyphs.eighths[fromLeft - 1] ?? full;
  if (fromRight >= 6) return full;
  return fromRight >= 3 ? glyphs.rightHalf : glyphs.rightEighth;
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
