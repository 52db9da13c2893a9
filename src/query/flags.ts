import type { SpanKind, StatusCode } from '../model/status.ts';
import type { Binary, Exists, FieldExpression, Literal, Logical, Pipeline, Query, Unary } from './traceql/ast.ts';
import type { AttributeScope, IntrinsicName } from './traceql/fields.ts';
import type { ComparisonOperator } from './traceql/operators.ts';

// What the filter flags say, as TraceQL: `--service cart --status error` is `{ resource.service.name = "cart" && status = error }`.

const PLACE = { from: 0, to: 0 } as const;

const literal = {
  string: (value: string): Literal => ({ kind: 'literal', type: 'string', value, ...PLACE }),
  int: (value: bigint): Literal => ({ kind: 'literal', type: 'int', value, ...PLACE }),
  float: (value: number): Literal => ({ kind: 'literal', type: 'float', value, ...PLACE }),
  bool: (value: boolean): Literal => ({ kind: 'literal', type: 'bool', value, ...PLACE }),
};

const binary = (left: FieldExpression, operator: ComparisonOperator, right: FieldExpression): Binary => ({
  kind: 'binary',
  operator,
  left,
  right,
  ...PLACE,
});
const logical = (operator: '&&' | '||', operands: readonly FieldExpression[]): Logical => ({
  kind: 'logical',
  operator,
  operands,
  ...PLACE,
});
const not = (operand: FieldExpression): Unary => ({ kind: 'unary', operator: '!', operand, ...PLACE });
const exists = (operand: FieldExpression, isNegated = false): Exists => ({
  kind: 'exists',
  isNegated,
  operand,
  ...PLACE,
});
const intrinsic = (name: IntrinsicName): FieldExpression => ({ kind: 'intrinsic', holder: 'self', name, ...PLACE });
const attribute = (scope: AttributeScope, name: string): FieldExpression => ({
  kind: 'attribute',
  holder: 'self',
  scope,
  name,
  ...PLACE,
});

type TextComparison = '=' | '=~';

export const serviceCondition = (comparison: TextComparison, value: string): FieldExpression =>
  binary(attribute('resource', 'service.name'), comparison, literal.string(value));

export const nameCondition = (comparison: TextComparison, value: string): FieldExpression =>
  binary(intrinsic('name'), comparison, literal.string(value));

export const kindCondition = (value: SpanKind): FieldExpression =>
  binary(intrinsic('kind'), '=', { kind: 'literal', type: 'kind', value, ...PLACE });

export const statusCondition = (value: StatusCode): FieldExpression =>
  binary(intrinsic('status'), '=', { kind: 'literal', type: 'status', value, ...PLACE });

export const durationCondition = (comparison: '>=' | '<=', value: bigint): FieldExpression =>
  binary(intrinsic('duration'), comparison, { kind: 'literal', type: 'duration', value, ...PLACE });

/** A condition on the start, in Unix nanoseconds. */
export const startCondition = (comparison: '>=' | '<', value: bigint): FieldExpression =>
  binary(intrinsic('span:startTime'), comparison, literal.int(value));

/**
 * Reads one `--attr` argument: `key=value`, `key!=value`, `key=~regex`, `key!~regex`, `key>1`, `>=`, `<`, `<=`, `key`
 * (it has the attribute), `!key` (it has not). A key may begin with `span.` or `resource.`. Undefined where the text is
 * none of these. A value has no type of its own here: `5` is the number and the text, and what is not equal may be of any type.
 */
export function attributeCondition(text: string): FieldExpression | undefined {
  const absent = /^!\s*([^=<>~!\s]+)$/.exec(text.trim());
  if (absent?.[1] !== undefined) return exists(keyed(absent[1]), true);
  const match = /^\s*([^=<>~!\s]+)\s*(?:(=~|!~|!=|>=|<=|=|>|<)(.*))?$/s.exec(text);
  if (match?.[1] === undefined) return undefined;
  const field = keyed(match[1]);
  const value = (match[3] ?? '').trim();
  switch (match[2]) {
    case undefined:
      return exists(field);
    case '=':
      return equals(field, value);
    case '!=':
      return logical('&&', [exists(field), not(equals(field, value))]);
    case '=~':
      return binary(field, '=~', literal.string(value));
    case '!~':
      return logical('&&', [exists(field), not(binary(field, '=~', literal.string(value)))]);
    default:
      return binary(field, match[2] as ComparisonOperator, numberOf(value) ?? literal.string(value));
  }
}

function keyed(key: string): FieldExpression {
  const scoped = /^(span|resource)\.(.+)$/s.exec(key);
  const scope = scoped?.[1] === 'span' || scoped?.[1] === 'resource' ? scoped[1] : 'any';
  return attribute(scope, scoped?.[2] ?? key);
}

function equals(field: FieldExpression, value: string): FieldExpression {
  const asText = binary(field, '=', literal.string(value));
  const typed = value === 'true' || value === 'false' ? literal.bool(value === 'true') : numberOf(value);
  return typed === undefined ? asText : logical('||', [binary(field, '=', typed), asText]);
}

function numberOf(text: string): Literal | undefined {
  if (/^-?\d+$/.test(text)) {
    const integer = BigInt(text);
    if (integer === BigInt.asIntN(64, integer)) return literal.int(integer);
  }
  const isNumber = /^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i.test(text) && Number.isFinite(Number(text));
  return isNumber ? literal.float(Number(text)) : undefined;
}

/** The query that every span passes. */
export const EVERYTHING: Query & { readonly root: Pipeline } = {
  kind: 'query',
  root: { kind: 'pipeline', stages: [{ kind: 'filter', condition: literal.bool(true), ...PLACE }], ...PLACE },
  hints: [],
  ...PLACE,
};

/** That query, printed. */
export const EVERYTHING_TEXT = '{ }';

/** Says whether a pipeline keeps every span of every trace. */
export function isEverything({ stages }: Pipeline): boolean {
  const [only] = stages;
  return (
    stages.length === 1 && only?.kind === 'filter' && only.condition.kind === 'literal' && only.condition.value === true
  );
}

/** The query of conditions that hold for one and the same span. */
export function queryOfConditions(conditions: readonly FieldExpression[]): typeof EVERYTHING {
  if (conditions.length === 0) return EVERYTHING;
  return { ...EVERYTHING, root: { ...EVERYTHING.root, stages: [filterOf(conditions)] } };
}

/** The pipeline seeing only spans for which all conditions hold: of a single filter they become part. */
export function narrowed(pipeline: Pipeline, conditions: readonly FieldExpression[]): Pipeline {
  if (conditions.length === 0) return pipeline;
  const [first, ...rest] = pipeline.stages;
  if (first?.kind !== 'filter') return { ...pipeline, stages: [filterOf(conditions), ...pipeline.stages] };
  const isAll = first.condition.kind === 'literal' && first.condition.value === true;
  return { ...pipeline, stages: [filterOf(isAll ? conditions : [first.condition, ...conditions]), ...rest] };
}

function filterOf(conditions: readonly FieldExpression[]): Pipeline['stages'][number] {
  // A chain of one operator is one node.
  const operands = conditions.flatMap((condition, index) =>
    index === 0 && condition.kind === 'logical' && condition.operator === '&&' ? condition.operands : [condition],
  );
  const [only] = operands;
  const condition = operands.length === 1 && only !== undefined ? only : logical('&&', operands);
  return { kind: 'filter', condition, ...PLACE };
}
