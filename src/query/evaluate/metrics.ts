import type { Span } from '../../model/span.ts';
import type { Trace, TraceNode } from '../../model/trace.ts';
import { combineSeries, metricsQueriesOf } from '../metrics/combine.ts';
import {
  bucketOf,
  countValue,
  type Measure,
  quantileOf,
  quantilesOf,
  shapeOf,
  sumValue,
  unitOf,
} from '../metrics/measures.ts';
import { type Cell, type Exemplar, labelsOfFields, type Series, seriesOfCells } from '../metrics/series.ts';
import { findInterval, type TimeGrid } from '../metrics/time-grid.ts';
import type { MetricsExpression, MetricsQuery } from '../traceql/ast.ts';
import { compileStages } from './evaluator.ts';
import { compileValue } from './expressions.ts';
import { type Reader, someOf } from './fields.ts';
import { ComparisonCollector } from './metrics-compare.ts';
import { firstValue, labelValue } from './metrics-labels.ts';
import { groupKeyOf, isNumeric, type NumericValue, type Value } from './values.ts';

// TraceQL metrics over traces in memory: what the SQL of compile/metrics.ts is held to. Traces are added one by one; what is kept of them
// is what the functions need, which is every number for quantiles and nothing but counts for rates.

/** Collects the spans of a metrics query. */
export interface MetricsCollector {
  /** Counts the spans of a trace; each trace once, as a whole. */
  add(trace: Trace): void;
  /** The series of all traces so far. */
  series(): readonly Series[];
  /** The span behind the number of an exemplar. */
  spanOf(exemplar: Exemplar): Span | undefined;
}

/**
 * Compiles a metrics expression, to be asked of many traces. Throws `TraceqlError` of kind `validation` for a regular expression that
 * JavaScript does not have.
 */
export function compileMetrics(expression: MetricsExpression, grid: TimeGrid): MetricsCollector {
  const numbers = new SpanNumbers();
  const collectors = new Map(
    metricsQueriesOf(expression).map(query => [query, compileCollector(query, grid, numbers)] as const),
  );
  return {
    add: trace => {
      numbers.add(trace);
      for (const collector of collectors.values()) collector.add(trace);
    },
    series: () => combineSeries(expression, query => collectors.get(query)?.series() ?? []),
    spanOf: ({ spanNumber }) => numbers.spanOf(spanNumber),
  };
}

/** Numbers spans in the order in which they come. */
class SpanNumbers {
  readonly #spans: Span[] = [];
  #first = 0;

  add({ nodes }: Trace): void {
    this.#first = this.#spans.length;
    for (const { span } of nodes) this.#spans.push(span);
  }

  /** The number of a span of the trace that was added last. */
  of({ index }: TraceNode): bigint {
    return BigInt(this.#first + index);
  }

  spanOf(number: bigint): Span | undefined {
    return this.#spans[Number(number)];
  }
}

type Collector = Pick<MetricsCollector, 'add' | 'series'>;

function compileCollector(query: MetricsQuery, grid: TimeGrid, numbers: SpanNumbers): Collector {
  const spansets = compileStages(query.stages);
  const spansOf = (trace: Trace) => spansets(trace).flatMap(({ spans }) => spans);
  const collector =
    query.function.kind === 'compare-metric'
      ? new ComparisonCollector(query.function, grid)
      : new MeasureCollector(query.function, grid, numbers);
  return {
    add: trace => {
      for (const node of spansOf(trace)) {
        const interval = findInterval(grid, node.span.startTimeUnixNano);
        if (interval !== undefined) collector.add(node, trace, interval);
      }
    },
    series: () => collector.series(),
  };
}

interface Collected {
  readonly key: readonly Value[];
  readonly interval: number;
  count: number;
  readonly numbers: NumericValue[];
  exemplar: Exemplar;
}

class MeasureCollector {
  readonly #measure: Measure;
  readonly #grid: TimeGrid;
  readonly #spanNumbers: SpanNumbers;
  readonly #keys: readonly Reader[];
  readonly #field: Reader | undefined;
  readonly #cells = new Map<string, Collected>();

  constructor(measure: Measure, grid: TimeGrid, spanNumbers: SpanNumbers) {
    this.#measure = measure;
    this.#grid = grid;
    this.#spanNumbers = spanNumbers;
    this.#keys = labelsOfFields(measure.by).map(({ field }) => compileValue(field));
    this.#field = measure.kind === 'span-metric' ? undefined : compileValue(measure.field);
  }

  add(node: TraceNode, trace: Trace, interval: number): void {
    const key = this.#keys.map(reader => firstValue(reader, node, trace));
    if (this.#field === undefined) {
      this.#cell(key, interval, node).count++;
      return;
    }
    someOf(this.#field)(node, trace, value => {
      if (isNumeric(value) && !Number.isNaN(value)) this.#addNumber(key, interval, node, value);
      return false;
    });
  }

  #addNumber(key: Collected['key'], interval: number, node: TraceNode, value: NumericValue): void {
    if (this.#measure.name === 'histogram_over_time') {
      this.#cell([...key, bucketOf(this.#measure, Number(value))], interval, node).count++;
    } else this.#cell(key, interval, node).numbers.push(value);
  }

  #cell(key: Collected['key'], interval: number, node: TraceNode): Collected {
    const identity = JSON.stringify([interval, ...key.map(groupKeyOf)]);
    const { durationNano } = node.span;
    const exemplar = { interval, durationNano, spanNumber: this.#spanNumbers.of(node) };
    const known = this.#cells.get(identity);
    if (known === undefined) {
      const cell = { key, interval, count: 0, numbers: [], exemplar };
      this.#cells.set(identity, cell);
      return cell;
    }
    if (durationNano > known.exemplar.durationNano) known.exemplar = exemplar;
    return known;
  }

  series(): readonly Series[] {
    return seriesOfCells(
      [...this.#cells.values()].flatMap(cell => this.#valuesOf(cell)),
      shapeOf(this.#measure, this.#grid),
    );
  }

  #valuesOf({ key: values, interval, count, numbers, exemplar }: Collected): Cell[] {
    const measure = this.#measure;
    const key = values.map(labelValue);
    const one = (value: number): Cell[] => [{ key, interval, value, exemplar }];
    switch (measure.name) {
      case 'rate':
      case 'count_over_time':
      case 'histogram_over_time':
        return one(countValue(measure, count, this.#grid));
      case 'min_over_time':
        return one(
          numbers.reduce<number>((least, value) => Math.min(least, Number(value)), Infinity) / unitOf(measure),
        );
      case 'max_over_time':
        return one(numbers.reduce<number>((most, value) => Math.max(most, Number(value)), -Infinity) / unitOf(measure));
      case 'sum_over_time':
      case 'avg_over_time':
        return one(sumValue(measure, sumOf(numbers)));
      case 'quantile_over_time': {
        const sorted = numbers.map(Number).sort((a, b) => a - b);
        return quantilesOf(measure).map(quantile => ({
          key: [...key, Number(quantile.value)],
          interval,
          value: quantileOf(quantile, sorted) / unitOf(measure),
          exemplar,
        }));
      }
    }
  }
}

function sumOf(numbers: readonly NumericValue[]) {
  const others = numbers.filter(value => typeof value === 'number').sort((a, b) => a - b);
  return {
    count: numbers.length,
    whole: numbers.reduce<bigint>((sum, value) => (typeof value === 'bigint' ? sum + value : sum), 0n),
    others: others.reduce((sum, value) => sum + value, 0),
  };
}
