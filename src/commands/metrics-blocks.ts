import { comparedSides } from '../query/metrics/compare.ts';
import { identityOf, type Label, type Series } from '../query/metrics/series.ts';
import { type TimeGrid, timeOfInterval } from '../query/metrics/time-grid.ts';
import type { MetricsExpression, MetricsQuery, NumericLiteral } from '../query/traceql/ast.ts';
import { formatDuration as formatLiteral } from '../query/traceql/literals.ts';
import { typeOfField } from '../query/traceql/types.ts';
import type { Block } from '../report/report.ts';
import { chartAxis, chartLine } from '../terminal/chart.ts';
import type { TableColumn } from '../terminal/columns.ts';
import {
  formatCount,
  formatDuration,
  formatNumber,
  formatRate,
  formatShare,
  formatTime,
  plural,
  rateUnitOf,
} from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { heatLine } from '../terminal/heat-map.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { nameText, serviceName } from './names.ts';
import { traceIdColumn } from './short-ids.ts';
import { timeRange } from './time-range.ts';

// Series as people see them: a row with a chart each, a heat map for a histogram, a table for compare().

export interface MetricsView {
  readonly root: MetricsExpression;
  readonly grid: TimeGrid;
  /** Those that are shown. */
  readonly series: readonly Series[];
  /** The trace of the longest span of a series. */
  exampleOf(series: Series): string | undefined;
}

type Unit = 'rate' | 'seconds' | 'number';

/** What the values of an expression are; undefined where they are of different kinds. */
function unitOf(expression: MetricsExpression | NumericLiteral): Unit | undefined {
  switch (expression.kind) {
    case 'literal':
      return expression.type === 'duration' ? 'seconds' : 'number';
    case 'metrics-binary': {
      const { operator, left, right } = expression;
      const [a, b] = [unitOf(left), unitOf(right)];
      if (operator === '+' || operator === '-') return a === b ? a : undefined;
      if (b === 'number') return a;
      if (operator === '/') return a === b ? 'number' : undefined;
      return a === 'number' ? b : undefined;
    }
    case 'metrics': {
      const { name } = expression.function;
      if (name === 'rate') return 'rate';
      return name !== 'histogram_over_time' && isOfDurations(expression) ? 'seconds' : 'number';
    }
  }
}

function isOfDurations({ function: measure }: MetricsQuery): boolean {
  const isOfField = measure.kind === 'field-metric' || measure.kind === 'quantile-metric';
  return isOfField && typeOfField(measure.field) === 'duration';
}

/** How the values of a table are written. */
function formatOf(unit: Unit | undefined, values: readonly number[], unicode: boolean): (value: number) => string {
  switch (unit) {
    case 'rate': {
      const rateUnit = rateUnitOf(values.map(Math.abs));
      return value => (value < 0 ? `-${formatRate(-value, rateUnit)}` : formatRate(value, rateUnit));
    }
    case 'seconds':
      return value => formatSeconds(value, unicode);
    default:
      return formatNumber;
  }
}

function formatSeconds(value: number, unicode: boolean): string {
  return Number.isFinite(value) ? formatDuration(BigInt(Math.round(value * 1e9)), unicode) : formatNumber(value);
}

/** Columns of a chart: those that are not needed beside it, within bounds. */
export function chartWidth({ width }: Screen): number {
  return Math.max(20, Math.min(120, width - 70));
}

/** Values in as many columns as there are: of several in one column what `merge` makes of them. */
function inColumns(values: readonly number[], columns: number, merge: (values: readonly number[]) => number): number[] {
  const each = Math.max(1, Math.ceil(values.length / columns));
  return Array.from({ length: Math.ceil(values.length / each) }, (_, column) => {
    const present = values.slice(column * each, (column + 1) * each).filter(value => !Number.isNaN(value));
    return present.length === 0 ? Number.NaN : merge(present);
  });
}

const greatest = (values: readonly number[]) => Math.max(...values);
const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

const STATISTICS = ['MIN', 'AVG', 'MAX', 'LAST'] as const;

/** The values of a series in short: the least, the mean, the greatest and the last that there are. */
function statisticsOf({ points }: Series): readonly number[] {
  const present = [...points].filter(point => !Number.isNaN(point));
  const sum = present.reduce((total, point) => total + point, 0);
  const least = present.reduce((least, point) => Math.min(least, point), Infinity);
  const most = present.reduce((most, point) => Math.max(most, point), -Infinity);
  return [least, sum / present.length, most, present.at(-1) ?? Number.NaN];
}

/** A row a series: its labels, a chart of its values, and the values in short. */
export function seriesBlocks({ root, grid, series, exampleOf }: MetricsView, screen: Screen): Block[] {
  if (series.length === 0) return [];
  const marks = glyphs(screen.unicode);
  const statistics = series.map(statisticsOf);
  const format = formatOf(unitOf(root), statistics.flat(), screen.unicode);
  const examples = series.map(one => exampleOf(one) ?? '');
  return [
    {
      kind: 'table',
      columns: [
        ...labelColumns(series[0]?.labels ?? []),
        { title: axisOf(grid, screen) },
        ...STATISTICS.map((title): TableColumn => ({ title, align: 'right', expendable: EXPENDABLE[title] })),
        { ...traceIdColumn(examples, 'EXAMPLE'), expendable: 4 },
      ],
      rows: series.map((one, index) => [
        ...one.labels.map(label => labelCell(label, screen)),
        [styled(chartLine(inColumns([...one.points], chartWidth(screen), greatest), marks))],
        ...(statistics[index] ?? []).map((value): Line => [styled(format(value))]),
        [styled(examples[index] ?? '', 'dim')],
      ]),
    },
    footOf(grid, screen),
  ];
}

const EXPENDABLE = { MIN: 3, AVG: 1, MAX: 0, LAST: 2 } as const;

function labelColumns(labels: readonly Label[]): TableColumn[] {
  return labels.map(({ name }) => ({ title: nameText(name), least: 16 }));
}

function labelCell({ name, value, text }: Label, screen: Screen): Line {
  if (value === undefined) return [styled(text, 'dim')];
  return name === 'resource.service.name' ? [serviceName(text, screen)] : [styled(nameText(text, screen.unicode))];
}

/** The times at the ends of a chart, as its heading. */
function axisOf(grid: TimeGrid, screen: Screen): string {
  const isOfDays = grid.stepNano * BigInt(grid.count) >= DAY;
  const clock = (interval: number) => {
    const format = { utc: screen.utc, digits: digitsOf(grid), date: isOfDays };
    const text = formatTime(timeOfInterval(grid, interval), format);
    return isOfDays ? text.slice(0, 10) : text;
  };
  const columns = Math.ceil(grid.count / Math.ceil(grid.count / chartWidth(screen)));
  return chartAxis(clock(0), clock(grid.count), columns, 'OVER TIME');
}

const DAY = 86_400_000_000_000n;

/** A step as `--step` takes it: `15s`, `1h30m`, `20d`. */
export function stepText(stepNano: bigint): string {
  return stepNano % DAY === 0n ? `${stepNano / DAY}d` : formatLiteral(stepNano);
}

/** Digits of seconds that tell intervals apart. */
function digitsOf({ stepNano }: TimeGrid): 0 | 3 {
  return stepNano % 1_000_000_000n === 0n ? 0 : 3;
}

function footOf(grid: TimeGrid, screen: Screen): Block {
  const range = timeRange(timeOfInterval(grid, 0), timeOfInterval(grid, grid.count), screen, digitsOf(grid));
  const intervals = `${plural(grid.count, 'interval')} of ${stepText(grid.stepNano)}`;
  const text = `${intervals} ${glyphs(screen.unicode).dot} ${range}`;
  return { kind: 'lines', lines: [[], [styled(text, 'dim')]] };
}

/** What a histogram's series has besides its bucket, as one text. */
export function withoutBucket({ labels }: Series): string {
  return identityOf(labels.slice(0, -1));
}

/** A heat map for every histogram: a row a bucket, the largest on top. */
export function heatMapBlocks({ root, grid, series }: MetricsView, screen: Screen): Block[] {
  if (series.length === 0) return [];
  const marks = glyphs(screen.unicode);
  const isOfSeconds = root.kind === 'metrics' && isOfDurations(root);
  const histograms = [...Map.groupBy(series, withoutBucket).values()];
  const bound = (value: number) => (isOfSeconds ? formatSeconds(value, screen.unicode) : formatNumber(value));
  const blocks = histograms.flatMap((buckets, index): Block[] => {
    const rows = withGaps(buckets).map(([upTo, points]) => ({
      upTo,
      counts: inColumns(points, chartWidth(screen), total),
      count: total(points.filter(point => !Number.isNaN(point))),
    }));
    const most = Math.max(...rows.flatMap(({ counts }) => counts.filter(count => !Number.isNaN(count))));
    const labels = buckets[0]?.labels.slice(0, -1) ?? [];
    const heading: Line = labels.flatMap((label, place) => [
      styled(`${place === 0 ? '' : '  '}${nameText(label.name)} = `, 'dim'),
      ...labelCell(label, screen),
    ]);
    return [
      ...(labels.length === 0 ? [] : headingBlocks(heading, index)),
      {
        kind: 'table',
        columns: [
          { title: 'UP TO', align: 'right' },
          { title: axisOf(grid, screen) },
          { title: 'SPANS', align: 'right' },
        ],
        rows: rows.map(({ upTo, counts, count }) => [
          [styled(bound(upTo))],
          [styled(heatLine(counts, most, marks))],
          [styled(formatNumber(count))],
        ]),
      },
    ];
  });
  return [...blocks, footOf(grid, screen)];
}

function headingBlocks(heading: Line, index: number): Block[] {
  return [{ kind: 'lines', lines: index === 0 ? [heading] : [[], heading] }];
}

/** Bounds with their points from the largest down, those in between that are empty too. */
function withGaps(buckets: readonly Series[]): (readonly [upTo: number, points: readonly number[]])[] {
  const rows = buckets.map(({ labels, points }) => [Number(labels.at(-1)?.value), [...points]] as const);
  const filled = rows
    .sort(([a], [b]) => b - a)
    .flatMap((row, index): typeof rows => {
      const below = rows[index + 1]?.[0] ?? row[0];
      // Far apart, or down to 0 and up to infinity, they are not next to each other in the picture either.
      const gap = below > 0 && Number.isFinite(row[0]) ? Math.round(Math.log2(row[0] / below)) - 1 : 0;
      const isNear = gap > 0 && gap <= MOST_EMPTY_BUCKETS;
      const empty = Array.from({ length: isNear ? gap : 0 }, (_, step) => [row[0] / 2 ** (step + 1), []] as const);
      return [row, ...empty];
    });
  return filled;
}

const MOST_EMPTY_BUCKETS = 8;

/** What sets the selected spans apart: values whose shares differ most first. */
export function compareBlocks({ series }: MetricsView, screen: Screen, limit: number | undefined): Block[] {
  const { selected, baseline, values, crowded } = comparedSides(series);
  if (values.length === 0) return [];
  const { dot } = glyphs(screen.unicode);
  const rows = values.slice(0, limit);
  const sides = `selected ${plural(selected, 'span')} ${dot} baseline ${plural(baseline, 'span')}`;
  const listed =
    rows.length < values.length ? ` ${dot} ${formatCount(rows.length)} of ${plural(values.length, 'value')}` : '';
  const more = `${plural(crowded.length, 'attribute')} with more values than are compared`;
  return [
    {
      kind: 'table',
      columns: [
        { title: 'ATTRIBUTE', least: 16 },
        { title: 'VALUE', least: 12 },
        { title: 'SELECTED', align: 'right' },
        { title: 'BASELINE', align: 'right' },
        { title: 'SPANS', align: 'right', expendable: 1 },
      ],
      rows: rows.map(({ name, value, selectedShare, baselineShare, selectedCount, baselineCount }) => [
        [styled(nameText(name, screen.unicode))],
        [styled(nameText(value, screen.unicode))],
        [styled(formatShare(selectedShare))],
        [styled(formatShare(baselineShare))],
        [styled(formatCount(selectedCount + baselineCount), 'dim')],
      ]),
    },
    { kind: 'lines', lines: [[], [styled(`${sides}${listed}`, 'dim')]] },
    ...(crowded.length === 0 ? [] : [{ kind: 'prose' as const, text: [styled(more, 'dim')] }]),
  ];
}
