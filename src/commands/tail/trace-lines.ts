import { type FixedColumn, type FixedTable, fixedTable } from '../../terminal/columns.ts';
import { formatCount, formatDuration, formatTime, plural } from '../../terminal/format.ts';
import { type Glyphs, glyphs } from '../../terminal/glyphs.ts';
import type { Screen } from '../../terminal/screen.ts';
import { type Line, styled } from '../../terminal/styled.ts';
import { rootName, spanName } from '../names.ts';
import { shortTraceId } from '../short-ids.ts';
import type { ShownSpan, ShownTrace } from './trace-watch.ts';

// Traces and spans as lines below each other. Columns have the width that the terminal gives them, whatever comes, and a bar means the
// same in every line.

/** Digits of a trace id: `show` takes them. */
const ID_DIGITS = 8;
/** A bar begins here, and is full at ten thousand times as much; every quarter of it is ten times as long. */
const SHORTEST_NANO = 1e6;
const DECADES = 4;
/** What is called names takes what is left, up to here. */
const WIDEST_NAME = 80;

const TIME: FixedColumn = { title: 'START', width: 12 };
const TRACE: FixedColumn = { title: 'TRACE', width: ID_DIGITS, expendable: 2 };
const DURATION: FixedColumn = { title: 'DURATION', width: 8, align: 'right' };

/** Lays out lines for a screen. */
export class TraceLines {
  readonly #screen: Screen;
  readonly #glyphs: Glyphs;
  readonly #table: FixedTable;
  readonly #bar: number;
  /** The day of the line before. */
  #day: string;

  constructor(shows: 'traces' | 'spans', screen: Screen) {
    this.#screen = screen;
    this.#glyphs = glyphs(screen.unicode);
    const bar: FixedColumn = { title: '', width: barWidth(screen.width), expendable: 3 };
    const columns = shows === 'traces' ? traceColumns(bar) : spanColumns(bar);
    this.#table = fixedTable(columns, screen.width, this.#glyphs.ellipsis);
    this.#bar = this.#table.widthOf(columns.indexOf(bar));
    this.#day = this.#timeOf(BigInt(screen.now().getTime()) * 1_000_000n).day;
  }

  /** What stands above the lines. */
  get header(): Line {
    return this.#table.header;
  }

  /** A trace; with its day above, where that is another one than before. */
  trace({ trace, grownBy }: ShownTrace): Line[] {
    const { day, clock } = this.#timeOf(trace.startTimeUnixNano);
    const { error } = this.#glyphs;
    const cells: Line[] = [
      [styled(clock, 'dim')],
      [styled(shortTraceId(trace.traceId, ID_DIGITS))],
      [...marks(trace, grownBy), ...rootName(trace, this.#screen)],
      [styled(formatCount(trace.spanCount))],
      [styled(formatDuration(trace.durationNano, this.#screen.unicode))],
      [styled(this.#barOf(trace.durationNano), trace.errorCount > 0 ? 'error' : 'dim')],
      trace.errorCount === 0 ? [] : [styled(`${error} ${formatCount(trace.errorCount)}`, 'error')],
    ];
    return [...this.#dayLine(day), this.#table.row(cells)];
  }

  /** A span; with its day above, where that is another one than before. */
  span({ span }: ShownSpan): Line[] {
    const { day, clock } = this.#timeOf(span.startTimeUnixNano);
    const isFailed = span.status.code === 'error';
    const cells: Line[] = [
      [styled(clock, 'dim')],
      [styled(shortTraceId(span.traceId, ID_DIGITS))],
      [styled(span.spanId)],
      spanName(span, this.#screen),
      [styled(span.kind, 'dim')],
      [styled(formatDuration(span.durationNano, this.#screen.unicode))],
      [styled(this.#barOf(span.durationNano), isFailed ? 'error' : 'dim')],
      isFailed ? [styled(`${this.#glyphs.error} error`, 'error')] : [styled(span.status.code, 'dim')],
    ];
    return [...this.#dayLine(day), this.#table.row(cells)];
  }

  #timeOf(nanos: bigint): { day: string; clock: string } {
    const [day = '', clock = day] = formatTime(nanos, { utc: this.#screen.utc, digits: 3, date: true }).split(' ');
    return { day, clock };
  }

  #dayLine(day: string): Line[] {
    if (day === this.#day) return [];
    this.#day = day;
    return [[styled(day, 'dim')]];
  }

  #barOf(nanos: bigint): string {
    const share = Math.log10(Math.max(1, Number(nanos) / SHORTEST_NANO)) / DECADES;
    const eighths = Math.round(Math.min(1, share) * this.#bar * 8);
    const part = this.#glyphs.eighths[(eighths % 8) - 1] ?? '';
    return (this.#glyphs.eighths[7] ?? '').repeat(eighths >> 3) + part;
  }
}

/** A multiple of the decades, so that each has the same width. */
function barWidth(width: number): number {
  return width >= 160 ? 20 : width >= 100 ? 8 : 4;
}

function traceColumns(bar: FixedColumn): readonly FixedColumn[] {
  return [
    TIME,
    TRACE,
    { title: 'ROOT', width: WIDEST_NAME, least: 16 },
    { title: 'SPANS', width: 5, align: 'right', expendable: 1 },
    DURATION,
    bar,
    { title: 'ERRORS', width: 6 },
  ];
}

function spanColumns(bar: FixedColumn): readonly FixedColumn[] {
  return [
    TIME,
    TRACE,
    { title: 'SPAN ID', width: 16, expendable: 4 },
    { title: 'SPAN', width: WIDEST_NAME, least: 16 },
    { title: 'KIND', width: 8, expendable: 1 },
    DURATION,
    bar,
    { title: 'STATUS', width: 7 },
  ];
}

/** What is to be known of a trace before its name. */
function marks({ complete, rootServiceName }: ShownTrace['trace'], grownBy: number | undefined): Line {
  return [
    ...(grownBy === undefined ? [] : [styled(`${grownBy < 0 ? '' : '+'}${plural(grownBy, 'span')}: `, 'bold')]),
    // What has no root says so where its name would stand.
    ...(complete || rootServiceName === undefined ? [] : [styled('incomplete: ', 'warning')]),
  ];
}
