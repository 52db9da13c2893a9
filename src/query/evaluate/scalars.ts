import { isInt64 } from '../../model/attributes.ts';
import type { Trace } from '../../model/trace.ts';
import type { Aggregate, AggregateName, ScalarExpression, Stage } from '../traceql/ast.ts';
import { compileValue } from './expressions.ts';
import { someOf } from './fields.ts';
import type { Spans } from './tree.ts';
import { compareNumbers, compute, isNumeric, type NumericValue } from './values.ts';

// Numbers about a set of spans.

/** Computes a number about spans of a trace; nil where there is nothing to compute it from. */
export type Scalar = (spans: Spans, trace: Trace) => NumericValue | undefined;

/** Compiles the stages of a pipeline in a pipeline: the spans that are left in any of the spansets. */
export type CompilePipeline = (stages: readonly Stage[]) => (spans: Spans, trace: Trace) => Spans;

/** Compiles an expression of aggregates and numbers. */
export function compileScalar(expression: ScalarExpression, compilePipeline: CompilePipeline): Scalar {
  switch (expression.kind) {
    case 'literal':
      return () => expression.value;
    case 'aggregate':
      return compileAggregate(expression);
    case 'scalar-binary': {
      const { operator } = expression;
      const left = compileScalar(expression.left, compilePipeline);
      const right = compileScalar(expression.right, compilePipeline);
      return (spans, trace) => compute(operator, left(spans, trace), right(spans, trace));
    }
    case 'scalar-pipeline': {
      const run = compilePipeline(expression.stages);
      const value = compileScalar(expression.value, compilePipeline);
      return (spans, trace) => value(run(spans, trace), trace);
    }
  }
}

/** Returns the aggregates over the spans in hand, not those of a pipeline in brackets, from left to right. */
export function aggregatesOf(expression: ScalarExpression): readonly Aggregate[] {
  if (expression.kind === 'aggregate') return [expression];
  if (expression.kind !== 'scalar-binary') return [];
  return [...aggregatesOf(expression.left), ...aggregatesOf(expression.right)];
}

/** Compiles an aggregate; all but `count()` leave out what is no number, and are nil where nothing is left. */
export function compileAggregate({ name, expression }: Aggregate): Scalar {
  if (name === 'count' || expression === undefined) return spans => BigInt(spans.length);
  const some = someOf(compileValue(expression));
  const numbersOf = (spans: Spans, trace: Trace) => {
    const numbers: NumericValue[] = [];
    for (const node of spans) {
      some(node, trace, value => {
        if (isNumeric(value)) numbers.push(value);
        return false;
      });
    }
    return numbers;
  };
  const reduce = REDUCTIONS[name];
  return (spans, trace) => {
    const numbers = numbersOf(spans, trace);
    return numbers.length === 0 ? undefined : reduce(numbers);
  };
}

type Reduction = (numbers: readonly NumericValue[]) => NumericValue | undefined;

const REDUCTIONS: Readonly<Record<Exclude<AggregateName, 'count'>, Reduction>> = {
  sum: sumOf,
  avg: averageOf,
  min: numbers => extremeOf(numbers, -1),
  max: numbers => extremeOf(numbers, 1),
};

/** Exact for whole numbers, as a double where int64 does not hold the sum; else doubles, added in display order. */
function sumOf(numbers: readonly NumericValue[]): NumericValue {
  const exact = exactSumOf(numbers);
  if (exact === undefined) return floatSumOf(numbers);
  return isInt64(exact) ? exact : Number(exact);
}

function averageOf(numbers: readonly NumericValue[]): number {
  return Number(exactSumOf(numbers) ?? floatSumOf(numbers)) / numbers.length;
}

/** The sum of whole numbers; undefined where there are others. */
function exactSumOf(numbers: readonly NumericValue[]): bigint | undefined {
  let total = 0n;
  for (const number of numbers) {
    if (typeof number !== 'bigint') return undefined;
    total += number;
  }
  return total;
}

function floatSumOf(numbers: readonly NumericValue[]): number {
  return numbers.reduce<number>((total, number) => total + Number(number), 0);
}

/** The greatest number where `sign` is 1, the least where it is -1. NaN is neither. */
function extremeOf(numbers: readonly NumericValue[], sign: 1 | -1): NumericValue | undefined {
  let extreme: NumericValue | undefined;
  for (const number of numbers) {
    const order = extreme === undefined ? sign : compareNumbers(number, extreme);
    if (!Number.isNaN(number) && order === sign) extreme = number;
  }
  return extreme;
}
