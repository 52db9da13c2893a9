import type { TraceSummary } from '../store/find-traces.ts';
import { fitLine } from '../terminal/columns.ts';
import { formatCount, formatDuration, formatTime } from '../terminal/format.ts';
import { type Glyphs, glyphs } from '../terminal/glyphs.ts';
import { pad } from '../terminal/measure.ts';
import { nameText, serviceName, spanName } from '../terminal/names.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { type Line, styled } from '../terminal/styled.ts';
import type { ListOrder } from './feed.ts';
import type { Pane } from './layout.ts';
import { MARK_WIDTH, markedRow } from './row-line.ts';
import type { Setting, State } from './state.ts';

// The list of traces. Columns are as wide as the screen makes them, not as their contents do: they stand still while one scrolls.

interface Column {
  readonly title: string;
  readonly width: number;
  readonly align: 'left' | 'right';
  /** What the list is ordered by when this column is what it is ordered by. */
  readonly order?: readonly ListOrder['field'][];
  cell(trace: TraceSummary): Line;
}

const GAP = 2;
/** From this width on service and name of the root have columns of their own. */
const SPLIT_WIDTH = 52;
/** Names longer than this are cut, however wide the screen is. */
const MOST_FOR_NAMES = 90;
const LEAST_FOR_BARS = 76;
/** From this width on times are whole. */
const WIDE = 110;
/** Below this width the count of spans goes. */
const NARROW = 66;

/** Draws the title and the rows that are seen. */
export function traceListLines({ list }: State, pane: Pane, setting: Setting): Line[] {
  const columns = columnsOf(list.traces, pane.width - MARK_WIDTH, setting);
  const sign = glyphs(setting.unicode);
  const direction = list.order.ascending ? sign.ascending : sign.descending;
  const { ellipsis } = sign;
  const line = (cellOf: (column: Column) => Line): Line =>
    columns.flatMap((column, index) => [
      ...(index === 0 ? [] : [styled(' '.repeat(GAP))]),
      ...fitLine(cellOf(column), column.width, column.align, ellipsis),
    ]);
  const title = line(({ title: text, order }) => [
    styled(order?.includes(list.order.field) === true ? `${text}${direction}` : text, 'dim'),
  ]);
  const rows = list.traces.slice(list.top, list.top + pane.height - 1).map(trace =>
    markedRow(
      line(column => column.cell(trace)),
      { isSelected: trace.traceId === list.selected, isFocused: true },
      pane.width,
      setting,
    ),
  );
  if (list.traces.length > 0) return [[styled(pad('', MARK_WIDTH)), ...title], ...rows];
  const text =
    list.query !== ''
      ? `no trace matches ${sanitize(list.query, setting.unicode)}; Esc clears the filter`
      : 'no traces yet; they appear here as they are complete';
  return [[], [styled(`  ${text}`, 'dim')]];
}

function columnsOf(traces: readonly TraceSummary[], width: number, setting: Setting): Column[] {
  const scale = scaleOf(traces, setting);
  const time = timeColumn(scale, width, setting);
  const [spans, duration, errors] = numberColumns(setting);
  const numbers = width < NARROW ? [duration, errors] : [spans, duration, errors];
  const room = width - [time, ...numbers].reduce((sum, column) => sum + column.width + GAP, 0);
  // What names do not need is for the bars.
  const barWidth = Math.max(Math.min(24, width >> 3), room - MOST_FOR_NAMES - GAP);
  if (width < LEAST_FOR_BARS || setting.isReadAloud) return [time, ...nameColumns(room, setting), ...numbers];
  const bar = barColumn(scale.longestNano, barWidth, setting);
  return [time, ...nameColumns(room - barWidth - GAP, setting), ...numbers.slice(0, -1), bar, errors];
}

function numberColumns({ unicode }: Setting): [spans: Column, duration: Column, errors: Column] {
  const { dot, error } = glyphs(unicode);
  return [
    {
      title: 'SPANS',
      width: 7,
      align: 'right',
      order: ['spans'],
      cell: trace => [styled(formatCount(trace.spanCount))],
    },
    {
      title: 'DURATION',
      width: 9,
      align: 'right',
      order: ['duration'],
      cell: trace => [styled(formatDuration(trace.durationNano, unicode))],
    },
    {
      title: 'ERRORS',
      width: 7,
      align: 'left',
      order: ['errors'],
      cell: trace =>
        trace.errorCount === 0 ? [styled(dot, 'dim')] : [styled(`${error} ${formatCount(trace.errorCount)}`, 'error')],
    },
  ];
}

function barColumn(longestNano: bigint, width: number, { unicode }: Setting): Column {
  const sign = glyphs(unicode);
  return {
    title: '',
    width,
    align: 'left',
    cell: trace => [
      styled(durationBar(trace.durationNano, longestNano, width, sign), `service:${trace.firstServiceName}`),
    ],
  };
}

/** The root: its service and its name, in one column where there is little room. */
function nameColumns(width: number, { unicode }: Setting): Column[] {
  const noRoot = (trace: TraceSummary): Line =>
    trace.rootServiceName === undefined ? [styled('no root: ', 'warning')] : [];
  if (width < SPLIT_WIDTH) {
    const span = (trace: TraceSummary) => ({ serviceName: trace.firstServiceName, name: trace.firstSpanName });
    const cell = (trace: TraceSummary) => [...noRoot(trace), ...spanName(span(trace), { unicode })];
    return [{ title: 'ROOT', width, align: 'left', cell }];
  }
  const serviceWidth = Math.min(24, Math.floor(width * 0.35));
  return [
    {
      title: 'SERVICE',
      width: serviceWidth,
      align: 'left',
      cell: trace => [serviceName(trace.firstServiceName, { unicode })],
    },
    {
      title: 'ROOT',
      width: width - serviceWidth - GAP,
      align: 'left',
      cell: trace => [...noRoot(trace), styled(nameText(trace.firstSpanName, unicode))],
    },
  ];
}

/** The times: with the date in the title where all have the same, else in the cells. */
function timeColumn({ day, isOneYear }: Scale, width: number, { utc }: Setting): Column {
  const whole = (trace: TraceSummary, digits: 0 | 3) =>
    formatTime(trace.startTimeUnixNano, { utc, digits, date: true });
  const base = { align: 'left', order: ['start', 'arrival'] } as const;
  if (day !== undefined) {
    return { ...base, title: day, width: 12, cell: trace => [styled(whole(trace, 3).slice(day.length + 1), 'dim')] };
  }
  if (width >= WIDE) return { ...base, title: 'TIME', width: 23, cell: trace => [styled(whole(trace, 3), 'dim')] };
  // Where there is little room, the year goes if all have the same.
  const from = isOneYear ? '2026-'.length : 0;
  const cell = (trace: TraceSummary) => [styled(whole(trace, 0).slice(from), 'dim')];
  return { ...base, title: 'TIME', width: '2026-11-20 09:00:01'.length - from, cell };
}

/** What the rows of a list have in common. */
interface Scale {
  readonly longestNano: bigint;
  /** The day that all of them began on. */
  readonly day: string | undefined;
  readonly isOneYear: boolean;
}

const SCALES = new WeakMap<readonly TraceSummary[], Scale>();

function scaleOf(traces: readonly TraceSummary[], { utc }: Setting): Scale {
  const known = SCALES.get(traces);
  if (known !== undefined) return known;
  let longestNano = 0n;
  let first = traces[0]?.startTimeUnixNano ?? 0n;
  let last = first;
  for (const { durationNano, startTimeUnixNano } of traces) {
    if (durationNano > longestNano) longestNano = durationNano;
    if (startTimeUnixNano < first) first = startTimeUnixNano;
    if (startTimeUnixNano > last) last = startTimeUnixNano;
  }
  const dayOf = (nanos: bigint) => formatTime(nanos, { utc, digits: 0, date: true }).slice(0, '2026-11-20'.length);
  const [firstDay, lastDay] = [dayOf(first), dayOf(last)];
  const isOneYear = firstDay.slice(0, '2026'.length) === lastDay.slice(0, '2026'.length);
  const scale = { longestNano, day: firstDay === lastDay ? firstDay : undefined, isOneYear };
  SCALES.set(traces, scale);
  return scale;
}

/** A bar to an eighth of a column; what takes any time at all is seen. */
function durationBar(nanos: bigint, longestNano: bigint, width: number, { eighths }: Glyphs): string {
  if (longestNano === 0n || nanos === 0n) return '';
  const filled = Math.max(1, Math.round((Number(nanos) * width * 8) / Number(longestNano)));
  return (eighths[7] ?? '').repeat(filled >> 3) + ((filled & 7) === 0 ? '' : (eighths[(filled & 7) - 1] ?? ''));
}
