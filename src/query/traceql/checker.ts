import { SPAN_KINDS, STATUS_CODES } from '../../model/status.ts';
import {
  type Aggregate,
  type Binary,
  type CompareMetric,
  childrenOf,
  type Exists,
  type Field,
  type FieldExpression,
  type Hint,
  type Logical,
  type MetricsExpression,
  type MetricsFunction,
  type Node,
  type Place,
  type Query,
  type ScalarFilter,
  type SecondStage,
  type Unary,
} from './ast.ts';
import { INTRINSICS, type StaticType, spellIntrinsic } from './fields.ts';
import { parseDuration } from './literals.ts';
import { printExpression } from './printer.ts';
import { faultOfRegex } from './re2.ts';
import { nearest } from './suggestions.ts';
import { TraceqlError } from './traceql-error.ts';
import { allows, isNumeric, matches, operatorsOf, plural, TYPE_NAMES, typeOfField } from './types.ts';

// What can be known to be wrong with a query before a span is read. The rules are those of Tempo's ast_validate.go.

/** What a hint takes. */
const HINTS: Readonly<Record<string, readonly StaticType[]>> = {
  most_recent: ['bool'],
  exemplars: ['bool', 'int'],
  sample: ['bool', 'int', 'float'],
  span_sample: ['bool', 'int', 'float'],
  trace_sample: ['bool', 'int', 'float'],
};

/** Throws `TraceqlError` of kind `validation` for the first thing in a query that cannot mean anything. */
export function checkQuery(query: Query): void {
  check(query);
}

/** Parts are checked before what they are parts of, so the fault that is told is the innermost one. */
function check(node: Node): void {
  for (const child of childrenOf(node)) check(child);
  switch (node.kind) {
    case 'query':
      return checkHints(node.hints);
    case 'filter':
      return requireCondition(node.condition, 'the condition in braces');
    case 'by':
      return requireField(node.expression, 'by()');
    case 'aggregate':
      return checkAggregate(node);
    case 'scalar-filter':
      return checkScalarFilter(node);
    case 'unary':
      return checkUnary(node);
    case 'exists':
      return checkExists(node);
    case 'logical':
      return checkLogical(node);
    case 'binary':
      return checkBinary(node);
    case 'span-metric':
    case 'field-metric':
    case 'quantile-metric':
    case 'compare-metric':
      return checkMetricsFunction(node);
    case 'metrics':
    case 'metrics-binary':
      return checkMetrics(node);
    case 'rank':
    case 'series-filter':
      return checkSecondStage(node);
    default:
      return undefined;
  }
}

// Expressions over one span

function checkUnary(node: Unary): void {
  const type = typeOfField(node.operand);
  if (type === 'any' || (node.operator === '!' ? type === 'bool' : isNumeric(type))) return;
  const what = `${printExpression(node.operand)} is ${TYPE_NAMES[type]}`;
  if (node.operator === '!')
    throw fault(node, `! negates a condition, but ${what}`, 'write a comparison: !(name = "GET /")');
  throw fault(node, `- negates a number, but ${what}`, 'only numbers and durations can be negative');
}

function checkExists({ operand, isNegated, ...place }: Exists): void {
  if (operand.kind !== 'intrinsic' || !isNegated || operand.holder !== 'self') return;
  if (INTRINSICS[operand.name].mayBeNil) return;
  const name = spellIntrinsic(operand.holder, operand.name);
  throw fault(
    place,
    `${name} is never nil`,
    `every span has it; an attribute of that name is .${name.replace(/^.*:/, '')}`,
  );
}

function checkLogical(node: Logical): void {
  for (const operand of node.operands) requireCondition(operand, `what ${node.operator} joins`);
}

function requireCondition(node: FieldExpression, what: string): void {
  const type = typeOfField(node);
  if (type === 'any' || type === 'bool') return;
  throw fault(
    node,
    `${what} must be true or false, but ${printExpression(node)} is ${TYPE_NAMES[type]}`,
    hintForCondition(node, type),
  );
}

function hintForCondition(node: FieldExpression, type: StaticType): string {
  const text = printExpression(node);
  if (type === 'nil') return `compare it with nil: ${text} != nil`;
  if (node.kind === 'literal') {
    const field =
      { string: 'name', status: 'status', kind: 'kind', duration: 'duration' }[String(type)] ?? 'span:childCount';
    return `compare something with it: ${field} = ${text}`;
  }
  const example = { string: '"GET /"', status: 'error', kind: 'server', duration: '1s' }[String(type)] ?? '1';
  return `compare it: ${text} ${isNumeric(type) ? '>' : '='} ${example}`;
}

function checkBinary(node: Binary): void {
  const { operator, left, right } = node;
  const [leftType, rightType] = [typeOfField(left), typeOfField(right)];
  if (operator === '=~' || operator === '!~') return checkRegex(node, leftType, rightType);
  for (const [operand, type] of [
    [left, leftType],
    [right, rightType],
  ] as const) {
    if (type === 'nil')
      throw fault(
        operand,
        `${printExpression(operand)} can only be compared with nil`,
        'write parent = nil or parent != nil; parent:name is the name of the parent',
      );
  }
  if (!matches(leftType, rightType)) {
    const [a, b] = [printExpression(left), printExpression(right)];
    const message = `${operator} takes two values of one type, but ${a} is ${TYPE_NAMES[leftType]} and ${b} ${TYPE_NAMES[rightType]}`;
    throw fault(node, message, hintForMismatch(node, leftType, rightType));
  }
  const wrong = [leftType, rightType].find(type => !allows(operator, type));
  if (wrong === undefined) return;
  const message = `${operator} does not work on ${plural(wrong)}`;
  throw fault(node, message, `${plural(wrong)} are compared with ${operatorsOf(wrong).join(' ')}`);
}

function checkRegex({ operator, left, right }: Binary, leftType: StaticType, rightType: StaticType): void {
  if (right.kind !== 'literal') {
    throw fault(
      right,
      `${operator} takes a regular expression in quotes, but ${printExpression(right)} is ${TYPE_NAMES[rightType]}`,
      'two attributes are compared with = or !=',
    );
  }
  if (right.type !== 'string') {
    throw fault(
      right,
      `${operator} takes a regular expression in quotes, but ${printExpression(right)} is ${TYPE_NAMES[rightType]}`,
      `write ${operator} "…", or compare with =`,
    );
  }
  if (leftType !== 'any' && leftType !== 'string') {
    throw fault(
      left,
      `${operator} compares strings, but ${printExpression(left)} is ${TYPE_NAMES[leftType]}`,
      `${plural(leftType)} are compared with ${operatorsOf(leftType).join(' ')}`,
    );
  }
  const wrong = faultOfRegex(right.value);
  if (wrong !== undefined) {
    throw fault(
      right,
      `the regular expression ${wrong}`,
      'regular expressions are RE2 and match the whole value: https://github.com/google/re2/wiki/Syntax',
    );
  }
}

/** Names what was probably meant by a comparison of unlike types. */
function hintForMismatch({ operator, left, right }: Binary, leftType: StaticType, rightType: StaticType): string {
  const [literal, other] = left.kind === 'literal' ? [left, right] : [right, left];
  const text = literal.kind === 'literal' && literal.type === 'string' ? literal.value : undefined;
  const compare = (value: string) => `${printExpression(other)} ${operator} ${value}`;
  const types = [leftType, rightType];
  const worded = types.find(type => type === 'status' || type === 'kind');
  if (worded !== undefined) {
    const words: readonly string[] = worded === 'status' ? STATUS_CODES : SPAN_KINDS;
    if (text === undefined) return `a ${worded} is one of ${words.join(', ')}`;
    return `a ${worded} is a word without quotes: ${compare(nearest(text, words) ?? words[0] ?? '')}`;
  }
  if (types.includes('bool') && [left, right].some(side => side.kind !== 'literal' && typeOfField(side) === 'bool')) {
    return 'comparisons group from the left; brackets or && may be missing';
  }
  if (text !== undefined && types.includes('duration')) {
    return `a duration has no quotes: ${compare(typeof parseDuration(text) === 'bigint' ? text : '1s')}`;
  }
  if (text !== undefined && types.some(isNumeric)) return 'numbers have no quotes';
  if (literal.kind === 'literal' && types.includes('string'))
    return `a string stands in quotes: ${compare(`"${printExpression(literal)}"`)}`;
  return 'values of different types are never equal';
}

// Numbers about spansets

function checkAggregate({ name, expression }: Aggregate): void {
  if (expression === undefined) return;
  const type = typeOfField(expression);
  if (type !== 'any' && !isNumeric(type)) {
    throw fault(
      expression,
      `${name}() takes numbers, but ${printExpression(expression)} is ${TYPE_NAMES[type]}`,
      `such as ${name}(duration) or ${name}(span.http.response.body.size)`,
    );
  }
  requireField(expression, `${name}()`);
}

/** Says of a value that is the same for every span that it is. */
function requireField(expression: FieldExpression, what: string): void {
  if (mentionsField(expression)) return;
  throw fault(
    expression,
    `${what} takes something of a span, but ${printExpression(expression)} is the same for all`,
    `such as ${what.replace('()', '(duration)')}`,
  );
}

function mentionsField(node: Node): boolean {
  return node.kind === 'attribute' || node.kind === 'intrinsic' || childrenOf(node).some(mentionsField);
}

function checkScalarFilter(node: ScalarFilter): void {
  if (mentionsAggregate(node)) return;
  throw fault(node, 'both sides are the same for all spans', 'compare an aggregate: { } | count() > 2');
}

function mentionsAggregate(node: Node): boolean {
  return node.kind === 'aggregate' || childrenOf(node).some(mentionsAggregate);
}

// Metrics

function checkMetricsFunction(node: MetricsFunction): void {
  switch (node.kind) {
    case 'span-metric':
      return;
    case 'field-metric':
      return requireNumber(node.field, node.name);
    case 'quantile-metric':
      requireNumber(node.field, node.name);
      for (const quantile of node.quantiles) {
        const isInRange = quantile.type !== 'duration' && Number(quantile.value) >= 0 && Number(quantile.value) <= 1;
        if (!isInRange) throw fault(quantile, 'a quantile is a number from 0 to 1', 'the 99th percentile is 0.99');
      }
      return;
    case 'compare-metric':
      return checkCompare(node);
  }
}

function requireNumber(field: Field, name: string): void {
  const type = typeOfField(field);
  if (type === 'any' || isNumeric(type)) return;
  throw fault(
    field,
    `${name}() takes numbers, but ${printExpression(field)} is ${TYPE_NAMES[type]}`,
    `such as ${name}(duration)`,
  );
}

function checkCompare({ topN, window }: CompareMetric): void {
  if (topN !== undefined && (topN.type !== 'int' || topN.value <= 0n)) {
    throw fault(
      topN,
      'compare() takes the number of values to keep, a whole number above 0',
      'such as compare({ status = error }, 10)',
    );
  }
  if (window === undefined) return;
  const { start, end } = window;
  for (const time of [start, end]) {
    if (time.type !== 'int' || time.value <= 0n) {
      throw fault(time, 'compare() takes times as Unix nanoseconds', 'such as 1793606400000000000');
    }
  }
  if (end.value <= start.value)
    throw fault(end, 'the selection of compare() ends before it starts', 'the start comes first');
}

function checkMetrics(node: MetricsExpression): void {
  const operands = node.kind === 'metrics' ? [node] : [node.left, node.right];
  for (const operand of operands) {
    if (operand.kind !== 'metrics' || operand.function.kind !== 'compare-metric') continue;
    if (node.kind === 'metrics-binary' || node.secondStages.length > 0) {
      throw fault(
        operand.function,
        'compare() cannot be combined with anything',
        'it gives a table of attributes, not numbers over time',
      );
    }
  }
}

function checkSecondStage(node: SecondStage): void {
  if (node.kind === 'rank' && (node.count.type !== 'int' || node.count.value <= 0n)) {
    throw fault(node.count, `${node.name}() takes a whole number above 0`, `such as ${node.name}(5)`);
  }
}

// Hints

function checkHints(hints: readonly Hint[]): void {
  const seen = new Set<string>();
  for (const hint of hints) {
    const { name, value } = hint;
    const types = Object.hasOwn(HINTS, name) ? HINTS[name] : undefined;
    if (types === undefined) {
      const near = nearest(name, Object.keys(HINTS));
      throw fault(
        hint,
        `there is no hint ${name}`,
        near === undefined ? `there are ${Object.keys(HINTS).join(', ')}` : `did you mean ${near}?`,
      );
    }
    if (seen.has(name)) throw fault(hint, `the hint ${name} is given twice`, 'leave one out');
    seen.add(name);
    if (!types.includes(value.type)) {
      throw fault(
        value,
        `the hint ${name} takes ${types.includes('int') ? 'true, false or a number' : 'true or false'}`,
        `such as with(${name}=true)`,
      );
    }
  }
}

function fault(place: Place, message: string, hint: string | undefined): TraceqlError {
  return new TraceqlError('validation', place, message, { hint });
}
