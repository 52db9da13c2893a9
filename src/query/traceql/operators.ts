// The operators of TraceQL, how tightly they bind, and what the structural ones mean.
// https://github.com/grafana/tempo/blob/main/pkg/traceql/expr.y lists them in the same order.

export type LogicalOperator = '&&' | '||';
export type OrderOperator = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type ComparisonOperator = OrderOperator | '=~' | '!~';
export type MetricsOperator = '+' | '-' | '*' | '/';
export type ArithmeticOperator = MetricsOperator | '%' | '^';
export type StructuralOperator = keyof typeof STRUCTURE;

const LOGICAL: readonly string[] = ['&&', '||'] satisfies LogicalOperator[];
const ORDER: readonly string[] = ['=', '!=', '<', '<=', '>', '>='] satisfies OrderOperator[];
const METRICS: readonly string[] = ['+', '-', '*', '/'] satisfies MetricsOperator[];

/**
 * What a structural operator asks of a span of the right side, seen from the left one: `{A} >> {B}` keeps the spans of
 * B that are descendants of a span of A. `not` keeps those of the right side for which no span of the left one stands so;
 * `both` keeps the spans of either side that take part.
 */
export const STRUCTURE = {
  '>': { relation: 'child', keeps: 'right' },
  '>>': { relation: 'descendant', keeps: 'right' },
  '<': { relation: 'parent', keeps: 'right' },
  '<<': { relation: 'ancestor', keeps: 'right' },
  '~': { relation: 'sibling', keeps: 'right' },
  '!>': { relation: 'child', keeps: 'not' },
  '!>>': { relation: 'descendant', keeps: 'not' },
  '!<': { relation: 'parent', keeps: 'not' },
  '!<<': { relation: 'ancestor', keeps: 'not' },
  '!~': { relation: 'sibling', keeps: 'not' },
  '&>': { relation: 'child', keeps: 'both' },
  '&>>': { relation: 'descendant', keeps: 'both' },
  '&<': { relation: 'parent', keeps: 'both' },
  '&<<': { relation: 'ancestor', keeps: 'both' },
  '&~': { relation: 'sibling', keeps: 'both' },
} as const;

/** How one span stands to another. */
export type Relation = (typeof STRUCTURE)[StructuralOperator]['relation'];

/** The relation seen from the other side. */
export const INVERSE: Readonly<Record<Relation, Relation>> = {
  child: 'parent',
  parent: 'child',
  descendant: 'ancestor',
  ancestor: 'descendant',
  sibling: 'sibling',
};

/**
 * How tightly operators bind. `&&` and `||` bind alike, from the left; a structural operator binds as a comparison does.
 * Unary minus binds as loosely as subtraction, so `-a * b` is `-(a * b)`, and `!` a little tighter than that.
 */
export const Binding = { logical: 1, comparison: 2, sum: 3, not: 4, product: 5, power: 6, operand: 7 } as const;
export type Binding = (typeof Binding)[keyof typeof Binding];

/** Returns how tightly an infix operator binds; undefined for what is none. */
export function bindingOf(operator: string): Binding | undefined {
  if (isLogical(operator)) return Binding.logical;
  if (isComparison(operator) || isStructural(operator)) return Binding.comparison;
  if (operator === '+' || operator === '-') return Binding.sum;
  if (operator === '*' || operator === '/' || operator === '%') return Binding.product;
  return operator === '^' ? Binding.power : undefined;
}

export function isLogical(operator: string): operator is LogicalOperator {
  return LOGICAL.includes(operator);
}

export function isOrder(operator: string): operator is OrderOperator {
  return ORDER.includes(operator);
}

export function isComparison(operator: string): operator is ComparisonOperator {
  return ORDER.includes(operator) || operator === '=~' || operator === '!~';
}

export function isMetricsOperator(operator: string): operator is MetricsOperator {
  return METRICS.includes(operator);
}

export function isArithmetic(operator: string): operator is ArithmeticOperator {
  return METRICS.includes(operator) || operator === '%' || operator === '^';
}

export function isStructural(operator: string): operator is StructuralOperator {
  return Object.hasOwn(STRUCTURE, operator);
}
