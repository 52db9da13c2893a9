import type {
  MetricsExpression,
  MetricsOperation,
  MetricsQuery,
  NumericLiteral,
  RankStage,
  SecondStage,
  SeriesFilter,
} from '../traceql/ast.ts';
import type { OrderOperator } from '../traceql/operators.ts';
import { hasPoints, identityOf, type Series } from './series.ts';

// What is done with series: comparisons with a number, topk and bottomk, arithmetic. All of it interval by interval.

/** Returns the queries of an expression that ask for spans, from left to right. */
export function metricsQueriesOf(expression: MetricsExpression | NumericLiteral): readonly MetricsQuery[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'metrics':
      return [expression];
    case 'metrics-binary':
      return [...metricsQueriesOf(expression.left), ...metricsQueriesOf(expression.right)];
  }
}

/**
 * Computes an expression from what `seriesOf` gives for each of its queries before their second stages: series in the order of their
 * labels. Behind topk() or bottomk() the series with the highest or lowest value comes first.
 */
export function combineSeries(
  expression: MetricsExpression,
  seriesOf: (query: MetricsQuery) => readonly Series[],
): readonly Series[] {
  const series = expression.kind === 'metrics' ? seriesOf(expression) : operate(expression, seriesOf);
  return expression.secondStages.reduce(applyStage, series);
}

function applyStage(series: readonly Series[], stage: SecondStage): readonly Series[] {
  return stage.kind === 'rank' ? ranked(series, stage) : filtered(series, stage);
}

/** A number as series have it: a duration is its seconds. */
function numberOf({ type, value }: NumericLiteral): number {
  return type === 'duration' ? Number(value) / 1e9 : Number(value);
}

function filtered(series: readonly Series[], { operator, value }: SeriesFilter): readonly Series[] {
  const limit = numberOf(value);
  return mapPoints(series, point => (holds(operator, point, limit) ? point : Number.NaN));
}

/** The series with their points changed; those that have none left go. */
function mapPoints(series: readonly Series[], change: (point: number) => number): readonly Series[] {
  return series.map(one => ({ ...one, points: one.points.map(change) })).filter(hasPoints);
}

function holds(operator: OrderOperator, point: number, limit: number): boolean {
  if (Number.isNaN(point)) return false;
  switch (operator) {
    case '=':
      return point === limit;
    case '!=':
      return point !== limit;
    case '<':
      return point < limit;
    case '<=':
      return point <= limit;
    case '>':
      return point > limit;
    case '>=':
      return point >= limit;
  }
}

/** Of equal values those of the series that come first are kept. */
function ranked(series: readonly Series[], { name, count }: RankStage): readonly Series[] {
  const sign = name === 'topk' ? -1 : 1;
  const kept = series.map(one => ({ ...one, points: new Float64Array(one.points.length).fill(Number.NaN) }));
  const intervals = series[0]?.points.length ?? 0;
  for (let interval = 0; interval < intervals; interval++) {
    const present = series.flatMap(({ points }, index) => {
      const value = points[interval] ?? Number.NaN;
      return Number.isNaN(value) ? [] : [{ index, value }];
    });
    present.sort((a, b) => sign * compareNumbers(a.value, b.value) || a.index - b.index);
    for (const { index, value } of present.slice(0, Number(count.value))) {
      const points = kept[index]?.points;
      if (points !== undefined) points[interval] = value;
    }
  }
  return kept
    .filter(hasPoints)
    .map(one => ({
      one,
      extreme: one.points.reduce(
        (most, point) => (sign * (point - most) < 0 || Number.isNaN(most) ? point : most),
        Number.NaN,
      ),
    }))
    .sort((a, b) => sign * compareNumbers(a.extreme, b.extreme))
    .map(({ one }) => one);
}

function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function operate(
  { operator, left, right }: MetricsOperation,
  seriesOf: (query: MetricsQuery) => readonly Series[],
): readonly Series[] {
  const compute = ARITHMETIC[operator];
  if (left.kind === 'literal') {
    const number = numberOf(left);
    return right.kind === 'literal' ? [] : mapPoints(combineSeries(right, seriesOf), point => compute(number, point));
  }
  if (right.kind === 'literal') {
    const number = numberOf(right);
    return mapPoints(combineSeries(left, seriesOf), point => compute(point, number));
  }
  return joined(combineSeries(left, seriesOf), combineSeries(right, seriesOf), compute);
}

type Compute = (left: number, right: number) => number;

/** A division by zero has no value. */
const ARITHMETIC: Readonly<Record<MetricsOperation['operator'], Compute>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => (right === 0 ? Number.NaN : left / right),
};

/**
 * Series with equal labels, one of either side; a series without labels goes with all of the other side. In an interval where one of the
 * two has no value that counts as 0.
 */
function joined(left: readonly Series[], right: readonly Series[], compute: Compute): readonly Series[] {
  const isRightForAll = right.some(({ labels }) => labels.length === 0);
  const [each, others] = isRightForAll ? [left, right] : [right, left];
  const partners = new Map(others.map(series => [identityOf(series.labels), series]));
  return each
    .flatMap(series => {
      const partner = partners.get(identityOf(series.labels)) ?? partners.get(identityOf([]));
      if (partner === undefined) return [];
      const [a, b] = isRightForAll ? [series, partner] : [partner, series];
      const points = a.points.map((point, interval) => withGaps(compute, point, b.points[interval] ?? Number.NaN));
      return [{ labels: series.labels, points, exemplars: a.exemplars.length > 0 ? a.exemplars : b.exemplars }];
    })
    .filter(hasPoints);
}

function withGaps(compute: Compute, left: number, right: number): number {
  if (Number.isNaN(left) && Number.isNaN(right)) return Number.NaN;
  return compute(Number.isNaN(left) ? 0 : left, Number.isNaN(right) ? 0 : right);
}
