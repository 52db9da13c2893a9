import type { MetricsFunction, NumericLiteral, QuantileMetric } from '../traceql/ast.ts';
import { typeOfField } from '../traceql/types.ts';
import { type LabelShape, labelsOfFields, type SeriesShape } from './series.ts';
import type { TimeGrid } from './time-grid.ts';

// What metrics functions compute of the spans of a series in an interval, whoever collects them. Durations come out in
// seconds; NaN counts as no number.

/** The functions of numbers over time; compare() gives counts of attributes. */
export type Measure = Exclude<MetricsFunction, { kind: 'compare-metric' }>;

/** The label that a quantile has beside those of by(). */
const QUANTILE_LABEL: LabelShape = { name: 'p', isDuration: false };
/** The label of the upper bound of a bucket. */
const BUCKET_LABEL: LabelShape = { name: '__bucket', isDuration: false };

/** What the series of a function look like. */
export function shapeOf(measure: Measure, grid: TimeGrid): SeriesShape {
  const labels = labelsOfFields(measure.by).map(({ shape }) => shape);
  const isHistogram = measure.name === 'histogram_over_time';
  return {
    grid,
    labels: [...labels, ...(measure.kind === 'quantile-metric' ? [QUANTILE_LABEL] : isHistogram ? [BUCKET_LABEL] : [])],
    nothing: measure.kind === 'span-metric' || isHistogram ? 0 : Number.NaN,
  };
}

/** How many of the numbers of a field make one of its series: nanoseconds a second for durations, else 1. */
export function unitOf(measure: Measure): number {
  return measure.kind !== 'span-metric' && typeOfField(measure.field) === 'duration' ? 1e9 : 1;
}

/** What a number of spans is worth: for rate() the spans per second. */
export function countValue({ name }: Measure, count: number, { stepNano }: TimeGrid): number {
  return name === 'rate' ? count / (Number(stepNano) / 1e9) : count;
}

/** Numbers added up: whole ones exactly, the others from the smallest to the largest. */
export interface Sum {
  readonly count: number;
  readonly whole: bigint;
  readonly others: number;
}

/** The value of sum_over_time() or avg_over_time(). */
export function sumValue(measure: Measure, { count, whole, others }: Sum): number {
  const sum = (Number(whole) + others) / unitOf(measure);
  return measure.name === 'avg_over_time' ? sum / count : sum;
}

/**
 * Returns the smallest power of two that a number is not above, in seconds for durations: the bucket of a histogram. What is not above
 * 0 is in the bucket 0.
 */
export function bucketOf(measure: Measure, value: number): number {
  if (value <= 0) return 0;
  const exponent = Math.ceil(Math.log2(value));
  // The logarithm is rounded.
  const exact = 2 ** exponent < value ? exponent + 1 : 2 ** (exponent - 1) >= value ? exponent - 1 : exponent;
  return bucketBound(measure, exact);
}

/** The bound of the bucket of an exponent; undefined is the bucket 0. */
export function bucketBound(measure: Measure, exponent: number | undefined): number {
  return exponent === undefined ? 0 : 2 ** exponent / unitOf(measure);
}

/** Digits behind the point of a quantile. */
const QUANTILE_DIGITS = 18;

/** A quantile as a decimal, as it was written, for ranks that no rounding of doubles changes. */
export function quantileDecimal({ value }: NumericLiteral): { readonly digits: bigint; readonly scale: number } {
  const [, whole = '0', fraction = '', exponent = '0'] = /^(\d+)(?:\.(\d+))?(?:e([-+]\d+))?$/.exec(String(value)) ?? [];
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return scale <= QUANTILE_DIGITS
    ? { digits: digits * 10n ** BigInt(Math.max(0, -scale)), scale: Math.max(0, scale) }
    : { digits: digits / 10n ** BigInt(scale - QUANTILE_DIGITS), scale: QUANTILE_DIGITS };
}

/** Returns the quantile of sorted numbers by nearest rank: the smallest that so many of them are not above. */
export function quantileOf(quantile: NumericLiteral, sorted: readonly (number | bigint)[]): number {
  const { digits, scale } = quantileDecimal(quantile);
  const one = 10n ** BigInt(scale);
  const rank = Number((digits * BigInt(sorted.length) + one - 1n) / one);
  return Number(sorted[Math.max(1, rank) - 1]);
}

/** The quantiles that are asked for, each once. */
export function quantilesOf({ quantiles }: QuantileMetric): readonly NumericLiteral[] {
  return [...new Map(quantiles.map(quantile => [Number(quantile.value), quantile])).values()];
}
