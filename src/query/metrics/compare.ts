import type { AttributeValue } from '../../model/attributes.ts';
import type { CompareMetric } from '../traceql/ast.ts';
import { compareSeries, identityOf, type Label, labelOf, type Series } from './series.ts';
import type { TimeGrid } from './time-grid.ts';

// compare(): the attributes of selected spans beside those of all others, as series like those of Grafana Tempo:
// {__meta_type="selection", span.x="1"} counts the selected spans with the value, {__meta_type="selection_total", span.x="nil"} those with
// any value, and the same for the baseline. An attribute of which not all values are there has a series {__meta_error=…} without points.

/** The intrinsics that are compared; ids, times and durations have too many values. */
export const COMPARED_INTRINSICS = [
  'name',
  'kind',
  'status',
  'statusMessage',
  'trace:rootName',
  'trace:rootService',
  'instrumentation:name',
  'instrumentation:version',
  'event:name',
] as const;

/** The scopes whose attributes are compared. */
export const COMPARED_SCOPES = ['span', 'resource', 'instrumentation', 'event'] as const;

/** Spans that have an attribute, counted. */
export interface ComparedCount {
  /** The attribute or intrinsic, as it is printed. */
  readonly name: string;
  /** Undefined where spans with any value are counted. */
  readonly value: AttributeValue | undefined;
  readonly isSelected: boolean;
  readonly interval: number;
  readonly count: number;
}

/** How many values of an attribute are kept of either side; the other side's count of them comes with them. */
export function keptValues({ topN }: CompareMetric): number {
  return topN === undefined ? 10 : Number(topN.value);
}

const TYPE = '__meta_type';
const ERROR = '__meta_error';
const TOO_MANY = '__too_many_values__';

/** Makes series of counts; `crowded` are the names of which not all values are among them. */
export function seriesOfComparison(
  counts: Iterable<ComparedCount>,
  crowded: Iterable<string>,
  grid: TimeGrid,
): readonly Series[] {
  const known = new Map<string, Series>();
  for (const { name, value, isSelected, interval, count } of counts) {
    const type = `${isSelected ? 'selection' : 'baseline'}${value === undefined ? '_total' : ''}`;
    const labels = [textLabel(TYPE, type), labelOf({ name, isDuration: false }, value)];
    const identity = identityOf(labels);
    const series = known.get(identity) ?? { labels, points: new Float64Array(grid.count), exemplars: [] };
    known.set(identity, series);
    series.points[interval] = (series.points[interval] ?? 0) + count;
  }
  const errors = [...crowded].map(name => ({
    labels: [textLabel(ERROR, TOO_MANY), labelOf({ name, isDuration: false }, undefined)],
    points: new Float64Array(grid.count).fill(Number.NaN),
    exemplars: [],
  }));
  return [...errors, ...known.values()].sort(compareSeries);
}

function textLabel(name: string, text: string): Label {
  return labelOf({ name, isDuration: false }, text);
}

/** A value of an attribute beside how often it occurs on either side. */
export interface ComparedValue {
  readonly name: string;
  readonly value: string;
  readonly selectedCount: number;
  readonly baselineCount: number;
  /** Shares of all spans of the side. */
  readonly selectedShare: number;
  readonly baselineShare: number;
}

export interface ComparedSides {
  readonly selected: number;
  readonly baseline: number;
  /** Those whose shares differ most first. */
  readonly values: readonly ComparedValue[];
  /** The attributes of which not all values are there. */
  readonly crowded: readonly string[];
}

/** Reads what `seriesOfComparison` made as a table over the whole time. */
export function comparedSides(series: readonly Series[]): ComparedSides {
  const totals = { selection: 0, baseline: 0 };
  const crowded: string[] = [];
  const counted = new Map<string, { name: string; value: string; selection: number; baseline: number }>();
  for (const { labels, points } of series) {
    const [type, attribute] = labels;
    if (type === undefined || attribute === undefined) continue;
    const count = points.reduce((sum, point) => sum + point, 0);
    if (type.name === ERROR) crowded.push(attribute.name);
    else if (type.text === 'selection' || type.text === 'baseline') {
      const identity = identityOf([attribute]);
      const value = counted.get(identity) ?? { name: attribute.name, value: attribute.text, selection: 0, baseline: 0 };
      value[type.text] = count;
      counted.set(identity, value);
    } else if (attribute.name === EVERY_SPAN_HAS) {
      totals[type.text === 'selection_total' ? 'selection' : 'baseline'] = count;
    }
  }
  const share = (count: number, of: number) => (of === 0 ? 0 : count / of);
  const values = [...counted.values()].map(({ name, value, selection, baseline }) => ({
    name,
    value,
    selectedCount: selection,
    baselineCount: baseline,
    selectedShare: share(selection, totals.selection),
    baselineShare: share(baseline, totals.baseline),
  }));
  const difference = ({ selectedShare, baselineShare }: ComparedValue) => Math.abs(selectedShare - baselineShare);
  // What is more frequent among the selected spans goes before what is less; then the order of series decides.
  values.sort((a, b) => difference(b) - difference(a) || b.selectedShare - a.selectedShare);
  return { selected: totals.selection, baseline: totals.baseline, values, crowded };
}

/** Its total counts all spans of a side. */
const EVERY_SPAN_HAS = 'name';
