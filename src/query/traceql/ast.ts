import type { SpanKind, StatusCode } from '../../model/status.ts';
import type { AttributeScope, Holder, IntrinsicName } from './fields.ts';
import type {
  ArithmeticOperator,
  ComparisonOperator,
  LogicalOperator,
  MetricsOperator,
  OrderOperator,
  StructuralOperator,
} from './operators.ts';

// What a TraceQL query says, as data. Nodes are immutable and carry their place in the text. One meaning has one tree:
// parentheses leave no node, a chain of one logical operator is one node, a pipeline in a pipeline is spliced into it,
// and comparisons with nil are `exists`. So trees can be compared, and no tree is deeper than `MAX_DEPTH` of parser.ts.

/** Where a node stands in the text: UTF-16 offsets, `to` exclusive. */
export interface Place {
  readonly from: number;
  readonly to: number;
}

export interface Query extends Place {
  readonly kind: 'query';
  readonly root: Pipeline | MetricsExpression;
  readonly hints: readonly Hint[];
}

/** `with(name=value)`. */
export interface Hint extends Place {
  readonly kind: 'hint';
  readonly name: string;
  readonly value: Literal;
}

// Pipelines: each stage turns the spansets of one trace into others.

export interface Pipeline extends Place {
  readonly kind: 'pipeline';
  /** At least one; none is itself a pipeline. */
  readonly stages: readonly Stage[];
}

export type Stage = SpansetExpression | GroupStage | CoalesceStage | SelectStage | ScalarFilter;

/** `by(expression)`: a spanset for each value of the expression. */
export interface GroupStage extends Place {
  readonly kind: 'by';
  readonly expression: FieldExpression;
}

/** `coalesce()`: undoes grouping. */
export interface CoalesceStage extends Place {
  readonly kind: 'coalesce';
}

/** `select(field, …)`: what to show of the spans that match. */
export interface SelectStage extends Place {
  readonly kind: 'select';
  readonly fields: readonly Field[];
}

/** Keeps the spansets for which a comparison of numbers holds, such as `count() > 2`. */
export interface ScalarFilter extends Place {
  readonly kind: 'scalar-filter';
  readonly operator: OrderOperator;
  readonly left: ScalarExpression;
  readonly right: ScalarExpression;
}

// Spansets

export type SpansetExpression = SpansetFilter | SpansetCombination | SpansetRelation | Pipeline;

/** `{ condition }`; `{ }` has the condition `true`. */
export interface SpansetFilter extends Place {
  readonly kind: 'filter';
  readonly condition: FieldExpression;
}

/** `A && B && …` or `A || B || …`: the union of all, where each of them (or one of them) has spans in the trace. */
export interface SpansetCombination extends Place {
  readonly kind: 'spanset-logical';
  readonly operator: LogicalOperator;
  /** At least two; the first is not of the same operator. */
  readonly operands: readonly SpansetExpression[];
}

/** `A >> B` and its kin; `STRUCTURE` of operators.ts takes the operator apart. */
export interface SpansetRelation extends Place {
  readonly kind: 'structural';
  readonly operator: StructuralOperator;
  readonly left: SpansetExpression;
  readonly right: SpansetExpression;
}

// Numbers about a spanset

export type ScalarExpression = NumericLiteral | Aggregate | ScalarOperation | ScalarPipeline;

export type AggregateName = 'count' | 'avg' | 'min' | 'max' | 'sum';

export interface Aggregate extends Place {
  readonly kind: 'aggregate';
  readonly name: AggregateName;
  /** Undefined for `count()` only. */
  readonly expression: FieldExpression | undefined;
}

export interface ScalarOperation extends Place {
  readonly kind: 'scalar-binary';
  readonly operator: ArithmeticOperator;
  readonly left: ScalarExpression;
  readonly right: ScalarExpression;
}

/** `(stages | number)`: a number about the spansets that other stages leave. */
export interface ScalarPipeline extends Place {
  readonly kind: 'scalar-pipeline';
  /** At least one; none is itself a pipeline. */
  readonly stages: readonly Stage[];
  readonly value: ScalarExpression;
}

// Metrics

export type MetricsExpression = MetricsQuery | MetricsOperation;

export interface MetricsQuery extends Place {
  readonly kind: 'metrics';
  /** At least one; none is itself a pipeline. */
  readonly stages: readonly Stage[];
  readonly function: MetricsFunction;
  readonly secondStages: readonly SecondStage[];
}

/** Arithmetic between the series of two metrics queries, or of one and a number. */
export interface MetricsOperation extends Place {
  readonly kind: 'metrics-binary';
  readonly operator: MetricsOperator;
  readonly left: MetricsExpression | NumericLiteral;
  readonly right: MetricsExpression | NumericLiteral;
  readonly secondStages: readonly SecondStage[];
}

export type MetricsFunction = SpanMetric | FieldMetric | QuantileMetric | CompareMetric;

export interface SpanMetric extends Place {
  readonly kind: 'span-metric';
  readonly name: 'rate' | 'count_over_time';
  readonly by: readonly Field[];
}

export interface FieldMetric extends Place {
  readonly kind: 'field-metric';
  readonly name: 'min_over_time' | 'max_over_time' | 'avg_over_time' | 'sum_over_time' | 'histogram_over_time';
  readonly field: Field;
  readonly by: readonly Field[];
}

export interface QuantileMetric extends Place {
  readonly kind: 'quantile-metric';
  readonly name: 'quantile_over_time';
  readonly field: Field;
  /** At least one, each from 0 to 1. */
  readonly quantiles: readonly NumericLiteral[];
  readonly by: readonly Field[];
}

/** `compare({ selection }, topN, start, end)`: what sets the selected spans apart from the others. */
export interface CompareMetric extends Place {
  readonly kind: 'compare-metric';
  readonly name: 'compare';
  readonly selection: SpansetFilter;
  /** How many values of an attribute to keep; 10 where undefined. */
  readonly topN: NumericLiteral | undefined;
  /** Only spans that start in [from, to), in Unix nanoseconds, can be selected. */
  readonly window: { readonly start: NumericLiteral; readonly end: NumericLiteral } | undefined;
}

export type SecondStage = RankStage | SeriesFilter;

/** `topk(n)`, `bottomk(n)`: at each time the n series with the highest or lowest values. */
export interface RankStage extends Place {
  readonly kind: 'rank';
  readonly name: 'topk' | 'bottomk';
  readonly count: NumericLiteral;
}

/** `> 10` behind a metrics function: keeps the points for which it holds. A duration stands for its seconds. */
export interface SeriesFilter extends Place {
  readonly kind: 'series-filter';
  readonly operator: OrderOperator;
  readonly value: NumericLiteral;
}

// Expressions over one span

export type FieldExpression = Literal | Field | Unary | Exists | Logical | Binary;

export type Literal = NumericLiteral | StringLiteral | BooleanLiteral | StatusLiteral | KindLiteral;
export type NumericLiteral = IntegerLiteral | FloatLiteral | DurationLiteral;

export interface StringLiteral extends Place {
  readonly kind: 'literal';
  readonly type: 'string';
  readonly value: string;
}

/** An int64. */
export interface IntegerLiteral extends Place {
  readonly kind: 'literal';
  readonly type: 'int';
  readonly value: bigint;
}

/** A finite double. */
export interface FloatLiteral extends Place {
  readonly kind: 'literal';
  readonly type: 'float';
  readonly value: number;
}

/** Nanoseconds, an int64. */
export interface DurationLiteral extends Place {
  readonly kind: 'literal';
  readonly type: 'duration';
  readonly value: bigint;
}

export interface BooleanLiteral extends Place {
  readonly kind: 'literal';
  readonly type: 'bool';
  readonly value: boolean;
}

export interface StatusLiteral extends Place {
  readonly kind: 'literal';
  readonly type: 'status';
  readonly value: StatusCode;
}

export interface KindLiteral extends Place {
  readonly kind: 'literal';
  readonly type: 'kind';
  readonly value: SpanKind;
}

export type Field = Attribute | Intrinsic;

export interface Attribute extends Place {
  readonly kind: 'attribute';
  /** Whose attribute it is: the span's own, its parent's, or that of any of its ancestors. */
  readonly holder: Holder;
  readonly scope: AttributeScope;
  readonly name: string;
}

export interface Intrinsic extends Place {
  readonly kind: 'intrinsic';
  readonly holder: Holder;
  readonly name: IntrinsicName;
}

export interface Unary extends Place {
  readonly kind: 'unary';
  readonly operator: '-' | '!';
  /** Not a number literal under `-`: that is a negative literal. */
  readonly operand: FieldExpression;
}

/** `operand != nil`, and negated `operand = nil`. */
export interface Exists extends Place {
  readonly kind: 'exists';
  readonly isNegated: boolean;
  readonly operand: FieldExpression;
}

/** `a && b && …` or `a || b || …`, taken together from the left: `((a || b) || c)`. */
export interface Logical extends Place {
  readonly kind: 'logical';
  readonly operator: LogicalOperator;
  /** At least two; the first is not of the same operator. */
  readonly operands: readonly FieldExpression[];
}

export interface Binary extends Place {
  readonly kind: 'binary';
  readonly operator: ArithmeticOperator | ComparisonOperator;
  readonly left: FieldExpression;
  readonly right: FieldExpression;
}

export type Node =
  | Query
  | Hint
  | Stage
  | ScalarExpression
  | MetricsExpression
  | MetricsFunction
  | SecondStage
  | FieldExpression;

/** Returns the nodes directly below a node, in the order of the text. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'query':
      return [node.root, ...node.hints];
    case 'hint':
      return [node.value];
    case 'pipeline':
      return node.stages;
    case 'by':
      return [node.expression];
    case 'select':
      return node.fields;
    case 'filter':
      return [node.condition];
    case 'spanset-logical':
    case 'logical':
      return node.operands;
    case 'structural':
    case 'scalar-filter':
    case 'scalar-binary':
    case 'binary':
      return [node.left, node.right];
    case 'aggregate':
      return node.expression === undefined ? [] : [node.expression];
    case 'scalar-pipeline':
      return [...node.stages, node.value];
    case 'metrics':
      return [...node.stages, node.function, ...node.secondStages];
    case 'metrics-binary':
      return [node.left, node.right, ...node.secondStages];
    case 'span-metric':
      return node.by;
    case 'field-metric':
      return [node.field, ...node.by];
    case 'quantile-metric':
      return [node.field, ...node.quantiles, ...node.by];
    case 'compare-metric':
      return [
        node.selection,
        ...(node.topN === undefined ? [] : [node.topN]),
        ...(node.window === undefined ? [] : [node.window.start, node.window.end]),
      ];
    case 'rank':
      return [node.count];
    case 'series-filter':
      return [node.value];
    case 'unary':
    case 'exists':
      return [node.operand];
    case 'coalesce':
    case 'literal':
    case 'attribute':
    case 'intrinsic':
      return [];
  }
}
