import { type Attributes, textOfValue } from '../../model/attributes.ts';
import { Kind, type SpanKind, Status, type StatusCode } from '../../model/status.ts';
import type { Trace, TraceNode } from '../../model/trace.ts';
import {
  COMPARED_INTRINSICS,
  type COMPARED_SCOPES,
  type ComparedCount,
  keptValues,
  seriesOfComparison,
} from '../metrics/compare.ts';
import { findInteger, type Series } from '../metrics/series.ts';
import type { TimeGrid } from '../metrics/time-grid.ts';
import type { CompareMetric } from '../traceql/ast.ts';
import { printExpression } from '../traceql/printer.ts';
import { type Condition, compileCondition } from './expressions.ts';
import { compileField, type ReadSome, someOf } from './fields.ts';
import { labelValue } from './metrics-labels.ts';
import { attributeOf, compareTexts, isArray, type PresentValue } from './values.ts';

// compare() over traces in memory.

const NOWHERE = { from: 0, to: 0 };

interface Intrinsic {
  readonly name: string;
  readonly some: ReadSome;
}

/** How often the spans of either side that start in an interval have a value. */
interface Counted {
  readonly value: PresentValue;
  readonly counts: Map<string, ComparedCount & { count: number }>;
  readonly totals: { selected: number; baseline: number };
}

export class ComparisonCollector {
  readonly #metric: CompareMetric;
  readonly #grid: TimeGrid;
  readonly #isSelected: Condition;
  readonly #intrinsics: readonly Intrinsic[];
  /** By the name of the attribute, then by the key of the value. */
  readonly #counted = new Map<string, Map<string, Counted>>();

  constructor(metric: CompareMetric, grid: TimeGrid) {
    this.#metric = metric;
    this.#grid = grid;
    this.#isSelected = compileCondition(metric.selection.condition);
    this.#intrinsics = COMPARED_INTRINSICS.map(name => ({
      name,
      some: someOf(compileField({ kind: 'intrinsic', holder: 'self', name, ...NOWHERE })),
    }));
  }

  add(node: TraceNode, trace: Trace, interval: number): void {
    const isSelected = this.#isInWindow(node.span.startTimeUnixNano) && this.#isSelected(node, trace);
    for (const [name, values] of this.#valuesOf(node, trace)) {
      for (const [key, value] of values) this.#count(name, key, value, isSelected, interval);
    }
  }

  #isInWindow(start: bigint): boolean {
    const { window } = this.#metric;
    return window === undefined || (start >= window.start.value && start < window.end.value);
  }

  /** What a span has, each value once. */
  #valuesOf(node: TraceNode, trace: Trace): Map<string, Map<string, PresentValue>> {
    const found = new Map<string, Map<string, PresentValue>>();
    const add = (name: string, value: PresentValue) => {
      const values = found.get(name) ?? new Map<string, PresentValue>();
      found.set(name, values.set(keyOfValue(value), value));
    };
    for (const { name, some } of this.#intrinsics) {
      some(node, trace, value => {
        if (value !== '' || name !== 'statusMessage') add(name, value);
        return false;
      });
    }
    const addAll = (scope: (typeof COMPARED_SCOPES)[number], attributes: Attributes) => {
      for (const name of Object.keys(attributes)) {
        const value = attributeOf(attributes, name);
        const field = { kind: 'attribute', holder: 'self', scope, name, ...NOWHERE } as const;
        if (value !== undefined) add(printExpression(field), value);
      }
    };
    const { span } = node;
    addAll('span', span.attributes);
    addAll('resource', { ...span.resource, 'service.name': span.serviceName });
    addAll('instrumentation', span.scope.attributes);
    for (const event of span.events) addAll('event', event.attributes);
    return found;
  }

  #count(name: string, key: string, value: PresentValue, isSelected: boolean, interval: number): void {
    const values = this.#counted.get(name) ?? new Map<string, Counted>();
    this.#counted.set(name, values);
    const counted = values.get(key) ?? { value, counts: new Map(), totals: { selected: 0, baseline: 0 } };
    values.set(key, counted);
    const place = `${isSelected} ${interval}`;
    const count = counted.counts.get(place) ?? { name, value: labelValue(value), isSelected, interval, count: 0 };
    counted.counts.set(place, count);
    count.count++;
    counted.totals[isSelected ? 'selected' : 'baseline']++;
  }

  series(): readonly Series[] {
    const most = keptValues(this.#metric);
    const counts: ComparedCount[] = [];
    const crowded: string[] = [];
    for (const [name, values] of this.#counted) {
      const [selected, baseline] = [ranked(values, 'selected'), ranked(values, 'baseline')];
      if (Math.max(selected.length, baseline.length) > most) crowded.push(name);
      const kept = new Set([...selected.slice(0, most), ...baseline.slice(0, most)]);
      for (const counted of values.values()) {
        for (const count of counted.counts.values()) {
          counts.push({ ...count, value: undefined });
          if (kept.has(counted)) counts.push(count);
        }
      }
    }
    return seriesOfComparison(counts, crowded, this.#grid);
  }
}

/** The values that a side has, the most frequent first. */
function ranked(values: ReadonlyMap<string, Counted>, side: keyof Counted['totals']): readonly Counted[] {
  return [...values]
    .filter(([, { totals }]) => totals[side] > 0)
    .sort(([a, one], [b, other]) => other.totals[side] - one.totals[side] || compareTexts(a, b))
    .map(([, counted]) => counted);
}

/** The text that `keyOf` of compile/sql-value.ts makes of a value, so that of equally frequent ones both keep the same. */
function keyOfValue(value: PresentValue): string {
  if (isArray(value)) return `a${textOfValue(value)}`;
  switch (typeof value) {
    case 'string':
      return `s${value}`;
    case 'boolean':
      return `b${value}`;
    case 'object':
      return value.type === 'kind' ? `k${Kind[value.word as SpanKind]}` : `t${Status[value.word as StatusCode]}`;
    case 'bigint':
      return `i${value}`;
    case 'number': {
      const whole = findInteger(value);
      return whole === undefined ? `f${value}` : `i${whole}`;
    }
  }
}
