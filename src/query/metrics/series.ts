import { UserError } from '../../errors.ts';
import { type AttributeValue, displayValue, textOfValue } from '../../model/attributes.ts';
import type { Field } from '../traceql/ast.ts';
import { formatDuration } from '../traceql/literals.ts';
import { printExpression } from '../traceql/printer.ts';
import { typeOfField } from '../traceql/types.ts';
import type { TimeGrid } from './time-grid.ts';

// What a metrics query answers: series of numbers over time, told apart by labels.

/** The longest span of a series, or of one of its intervals. */
export interface Exemplar {
  readonly interval: number;
  readonly durationNano: bigint;
  /** The number by which whoever counted the span knows it. */
  readonly spanNumber: bigint;
}

export interface Label {
  readonly name: string;
  /** Undefined for nil. */
  readonly value: AttributeValue | undefined;
  /** As it is shown: texts as they are, durations such as `1.5s`, `nil`. */
  readonly text: string;
}

export interface Series {
  /** In the order of by(), what the function adds behind. */
  readonly labels: readonly Label[];
  /** A value an interval; NaN where there is none. */
  readonly points: Float64Array;
  /** The longest first. */
  readonly exemplars: readonly Exemplar[];
}

/** What is known of the spans of a series that start in one interval. */
export interface Cell {
  /** The values of `labelNames`, in their order. */
  readonly key: readonly (AttributeValue | undefined)[];
  readonly interval: number;
  readonly value: number;
  readonly exemplar: Exemplar;
}

export interface SeriesShape {
  readonly grid: TimeGrid;
  readonly labels: readonly LabelShape[];
  /** What an interval has in which there is nothing: 0 of what is counted, NaN of what is measured. */
  readonly nothing: number;
}

export interface LabelShape {
  readonly name: string;
  readonly isDuration: boolean;
}

/** How the fields of by() are labels: each once, as it is printed. */
export function labelsOfFields(fields: readonly Field[]): { readonly shape: LabelShape; readonly field: Field }[] {
  const labels = new Map<string, { shape: LabelShape; field: Field }>();
  for (const field of fields) {
    const name = printExpression(field);
    labels.set(name, { shape: { name, isDuration: typeOfField(field) === 'duration' }, field });
  }
  return [...labels.values()];
}

/**
 * Puts cells together to series, in the order of their labels. A cell without a value makes none; but where spans are counted, and
 * without labels, there is a series all the same.
 */
export function seriesOfCells(cells: Iterable<Cell>, { grid, labels, nothing }: SeriesShape): Series[] {
  const known = new Map<string, { labels: Label[]; points: Float64Array; exemplars: Exemplar[] }>();
  for (const { key, interval, value, exemplar } of cells) {
    if (Number.isNaN(value)) continue;
    const own = labels.map((shape, index) => labelOf(shape, key[index]));
    const identity = identityOf(own);
    let series = known.get(identity);
    if (series === undefined) {
      if ((known.size + 1) * grid.count > MOST_POINTS) throw tooManySeries(known.size);
      series = { labels: own, points: new Float64Array(grid.count).fill(nothing), exemplars: [] };
      known.set(identity, series);
    }
    series.points[interval] = value;
    series.exemplars.push(exemplar);
  }
  if (known.size === 0 && labels.length === 0 && nothing === 0) {
    return [{ labels: [], points: new Float64Array(grid.count), exemplars: [] }];
  }
  return [...known.values()]
    .map(series => ({ ...series, exemplars: series.exemplars.sort(compareExemplars) }))
    .sort(compareSeries);
}

/** Points of all series, 160 MB. */
const MOST_POINTS = 20_000_000;

function tooManySeries(count: number): UserError {
  return new UserError(`the query makes more than ${count} series, which is more than fit into memory`, {
    hint: 'leave a field with many values out of by(), or take longer intervals: --step 1h',
  });
}

/** Makes a label; a double that is whole is the integer that it equals. */
export function labelOf({ name, isDuration }: LabelShape, value: AttributeValue | undefined): Label {
  const whole = typeof value === 'number' ? findInteger(value) : undefined;
  return { name, value: whole ?? value, text: labelText(whole ?? value, isDuration) };
}

/** The int64 that a double equals. */
export function findInteger(value: number): bigint | undefined {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? BigInt(value) : undefined;
}

function labelText(value: AttributeValue | undefined, isDuration: boolean): string {
  if (value === undefined) return 'nil';
  return isDuration && typeof value === 'bigint' ? formatDuration(value) : displayValue(value);
}

function compareExemplars(a: Exemplar, b: Exemplar): number {
  if (a.durationNano !== b.durationNano) return a.durationNano > b.durationNano ? -1 : 1;
  return a.spanNumber < b.spanNumber ? -1 : 1;
}

/** A text that is the same for equal labels. */
export function identityOf(labels: readonly Label[]): string {
  return JSON.stringify(labels.map(({ name, value }) => [name, typeNumber(value), textOf(value)]));
}

/** Orders series by their labels: numbers by value, before texts by code points; nil is last. */
export function compareSeries(a: Series, b: Series): number {
  for (const [index, { name, value }] of a.labels.entries()) {
    const other = b.labels[index];
    if (other === undefined) return 1;
    const order = compareText(name, other.name) || compareLabelValues(value, other.value);
    if (order !== 0) return order;
  }
  return a.labels.length - b.labels.length;
}

function compareLabelValues(a: AttributeValue | undefined, b: AttributeValue | undefined): number {
  const order = typeNumber(a) - typeNumber(b);
  if (order !== 0) return order;
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  return compareText(textOf(a), textOf(b));
}

function textOf(value: AttributeValue | undefined): string {
  return value === undefined ? '' : textOfValue(value);
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isNumber(value: AttributeValue | undefined): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function typeNumber(value: AttributeValue | undefined): number {
  if (value === undefined) return 4;
  if (isNumber(value)) return 0;
  return typeof value === 'string' ? 1 : typeof value === 'boolean' ? 2 : 3;
}

/** Says whether a series has a value in some interval. */
export function hasPoints({ points }: Series): boolean {
  return points.some(point => !Number.isNaN(point));
}
