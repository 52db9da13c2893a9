import type { Binary, Exists, Field, FieldExpression, Literal } from '../traceql/ast.ts';
import { childrenOf } from '../traceql/ast.ts';
import { asId, INTRINSICS, type IntrinsicName } from '../traceql/fields.ts';
import type { ComparisonOperator } from '../traceql/operators.ts';
import { isComparison } from '../traceql/operators.ts';
import type { AttributeIds } from './attribute-ids.ts';
import { attributesOfKey, isParentOf, Scope, SERVICE_NAME } from './scope.ts';
import {
  arithmeticSelect,
  attributeValue,
  compare,
  isPresent,
  keyOf,
  literalValue,
  NIL,
  type SqlValue,
} from './sql-value.ts';

// Conditions on one span as predicates. A field against a literal, which is nearly every condition there is, is asked of the
// dictionaries first, and spans are asked by id; anything else joins what it needs to the span.

/** What a condition on a field is asked of: a value of it, in SQL, gives a predicate that is never NULL. */
type Test = (value: SqlValue) => string;

/** Returns a predicate over `span s`, never NULL: the condition is true of the span. */
export function conditionSql(expression: FieldExpression, scope: Scope): string {
  switch (expression.kind) {
    case 'literal':
      return String(expression.type === 'bool' && expression.value);
    case 'attribute':
    case 'intrinsic':
      return fieldTest(expression, scope, isBoolean(true));
    case 'logical': {
      const word = expression.operator === '&&' ? ' AND ' : ' OR ';
      return `(${expression.operands.map(operand => conditionSql(operand, scope)).join(word)})`;
    }
    case 'unary':
      return denial(expression.operand, scope);
    case 'exists':
      return presence(expression, scope);
    case 'binary':
      return isComparison(expression.operator) ? comparison(expression, expression.operator, scope) : 'false';
  }
}

const isBoolean =
  (wanted: boolean): Test =>
  ({ bool }) =>
    bool === undefined ? 'false' : `coalesce(${bool} = ${wanted}, false)`;

/** `!operand` */
function denial(operand: FieldExpression, scope: Scope): string {
  switch (operand.kind) {
    case 'attribute':
    case 'intrinsic':
      return fieldTest(operand, scope, isBoolean(false));
    case 'literal':
      return String(operand.type === 'bool' && !operand.value);
    case 'binary':
      // What is no boolean is not false either.
      return isComparison(operand.operator) ? `NOT ${conditionSql(operand, scope)}` : 'false';
    default:
      return `NOT ${conditionSql(operand, scope)}`;
  }
}

function presence({ operand, isNegated }: Exists, scope: Scope): string {
  const not = isNegated ? 'NOT ' : '';
  if (operand.kind === 'intrinsic' && operand.name === 'parent') {
    return `${not}${operand.holder === 'self' ? 's.parentage = 0' : 'false'}`;
  }
  if (isField(operand)) return `${not}${fieldTest(operand, scope, isPresent)}`;
  return `${not}${rowTest([operand], scope, ([value = NIL]) => isPresent(value))}`;
}

function comparison({ left, right }: Binary, operator: ComparisonOperator, scope: Scope): string {
  if (isField(left) && right.kind === 'literal') {
    const literal = normalId(left, right, operator);
    const byId = operator === '=' ? idTest(left, literal) : undefined;
    if (byId !== undefined) return byId;
    return fieldTest(left, scope, value => compare(operator, value, literalValue(literal)));
  }
  if (left.kind === 'literal' && isField(right)) {
    const literal = normalId(right, left, operator);
    return fieldTest(right, scope, value => compare(operator, literalValue(literal), value));
  }
  return rowTest([left, right], scope, ([a = NIL, b = NIL]) => compare(operator, a, b));
}

function isField(expression: FieldExpression): expression is Field {
  return expression.kind === 'attribute' || expression.kind === 'intrinsic';
}

/** A literal as it is compared with a field. */
function normalId(field: Field, literal: Literal, operator: ComparisonOperator): Literal {
  const isEquality = operator === '=' || operator === '!=';
  if (field.kind !== 'intrinsic' || !isEquality || literal.type !== 'string') return literal;
  return { ...literal, value: asId(field.name, literal.value) };
}

/** An id that equals a literal is compared as a number. */
function idTest(field: Field, literal: Literal): string | undefined {
  if (field.kind !== 'intrinsic' || field.holder !== 'self' || literal.type !== 'string') return undefined;
  const column = { 'trace:id': 's.trace_id', 'span:id': 's.span_id', 'span:parentID': 's.parent_id' }[
    String(field.name)
  ];
  if (column === undefined) return undefined;
  const isId = /^(?:[0-9a-f]{16}){1,2}$/.test(literal.value) && literal.value === asId(field.name, literal.value);
  // No parent is stored as zero, which is no id.
  if (!isId || (field.name === 'span:parentID' && /^0+$/.test(literal.value))) return 'false';
  return `${column} = ${BigInt(`0x${literal.value}`)}`;
}

/** A predicate over `s`: the test holds for the field, or for one of its values where it has many. */
function fieldTest(field: Field, scope: Scope, test: Test): string {
  if (field.holder === 'self') return ownFieldTest(field, scope, test);
  const own = ownFieldTest({ ...field, holder: 'self' }, new Scope('span s', scope.ids), test, true);
  switch (field.holder) {
    case 'parent':
      return `s.span_no IN (SELECT c.span_no FROM span c JOIN (SELECT s.* FROM span s WHERE ${own}) p ON ${isParentOf('p', 'c')})`;
    case 'ancestor':
      return `s.span_no IN (${descendantsOf(`SELECT s.span_no FROM span s WHERE ${own}`)})`;
  }
}

/**
 * The spans below any of `spans` (a query of `span_no`): in display order a span is below one of those before it if one of
 * them reaches further than it does.
 */
function descendantsOf(spans: string): string {
  return `SELECT span_no FROM (SELECT span_no, nested_set_right, max(CASE WHEN span_no IN (${spans}) THEN nested_set_right END) OVER (PARTITION BY trace_id ORDER BY nested_set_left ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach FROM span) WHERE reach > nested_set_right`;
}

/** The same for a field of the span itself; `isAlone` says that the predicate stands where nothing can be joined. */
function ownFieldTest(field: Field, scope: Scope, test: Test, isAlone = false): string {
  return field.kind === 'attribute'
    ? attributeTest(field.scope, field.name, scope.ids, test)
    : (intrinsicTest(field.name, test) ?? rowTest([field], scope, ([value = NIL]) => test(value), isAlone));
}

/** The test of an attribute's row in the dictionary. */
function attributeTest(scope: string, name: string, ids: AttributeIds | undefined, test: Test): string {
  const ofKey = `SELECT attribute_id FROM attribute a WHERE ${attributesOfKey(name)}`;
  const passing = `${ofKey} AND ${test(attributeValue('a'))}`;
  const holds = (owner: string, attributes: string) => having(owner, attributes, ids);
  switch (scope) {
    case 'span':
      return holds('span', passing);
    case 'resource':
      return name === SERVICE_NAME ? serviceTest(test) : holds('resource', passing);
    case 'any': {
      const own = holds('span', passing);
      if (name !== SERVICE_NAME && ids?.of(ownersOf('resource', ofKey))?.length === 0) return own;
      return `(${own} OR (${attributeTest('resource', name, ids, test)} AND NOT ${holds('span', ofKey)}))`;
    }
    case 'instrumentation':
      return operationIn(`scope_id IN (${ownersOf('scope', passing)})`);
    default:
      return `s.span_no IN (${ownersOf(scope, passing)})`;
  }
}

/** A predicate over `s`: the span, or its resource, has one of the attributes of a query. */
function having(table: string, attributes: string, known: AttributeIds | undefined): string {
  const column = OWNERS[table];
  const ids = known?.of(attributes);
  if (ids?.length === 0) return 'false';
  if (table === 'span' && ids !== undefined && ids.length <= FEW_IDS) {
    return `(${ids.map(id => `list_contains(s.attribute_ids, ${id})`).join(' OR ')})`;
  }
  return `s.${column} IN (${ownersOf(table, ids === undefined ? attributes : ids.join(', '))})`;
}

/** A list is looked through so often; to look every id up is faster from four on where few spans have them, from nine on where many do. */
const FEW_IDS = 3;

const OWNERS: Readonly<Record<string, string>> = {
  span: 'span_no',
  event: 'span_no',
  link: 'span_no',
  resource: 'resource_id',
  scope: 'scope_id',
};

/** The owners that have one of some attributes, which are ids or a query of ids. */
function ownersOf(table: string, attributes: string): string {
  const owner = OWNERS[table];
  return `SELECT ${owner} FROM (SELECT ${owner}, unnest(attribute_ids) AS attribute_id FROM ${table}) WHERE attribute_id IN (${attributes})`;
}

function operationIn(where: string): string {
  return `s.operation_id IN (SELECT operation_id FROM operation WHERE ${where})`;
}

function serviceTest(test: Test): string {
  return operationIn(`service_id IN (SELECT service_id FROM service WHERE ${test({ string: 'name' })})`);
}

/** The test of an intrinsic that a dictionary or a column of the span itself answers. */
function intrinsicTest(name: IntrinsicName, test: Test): string | undefined {
  switch (name) {
    case 'name':
      return operationIn(test({ string: 'name' }));
    case 'kind':
      return operationIn(test({ kind: 'kind' }));
    case 'status':
      return `s.status_id IN (SELECT status_id FROM status WHERE ${test({ status: 'code' })})`;
    case 'statusMessage':
      return `s.status_id IN (SELECT status_id FROM status WHERE ${test({ string: 'message' })})`;
    case 'trace:duration':
      return `s.trace_id IN (SELECT trace_id FROM trace WHERE ${test({ int: 'duration_ns' })})`;
    case 'event:name':
      return `s.span_no IN (SELECT span_no FROM event WHERE name_id IN (SELECT name_id FROM event_name WHERE ${test({ string: 'name' })}))`;
    case 'duration':
      return test({ int: 's.duration_ns', isSure: true });
    case 'span:startTime':
      return test({ int: 's.start_ns', isSure: true });
    default:
      return undefined;
  }
}

/**
 * A predicate over values of expressions. Their fields are joined to the span of `scope`; but where one has many values, or the
 * predicate stands alone, in a query of its own, whose spans are those for which it holds in some row.
 */
function rowTest(
  expressions: readonly FieldExpression[],
  scope: Scope,
  test: (values: readonly SqlValue[]) => string,
  isAlone = false,
): string {
  if (!isAlone && !expressions.some(hasManyValues)) {
    return test(expressions.map(expression => valueSql(expression, scope)));
  }
  const inner = new Scope('span s', scope.ids);
  const predicate = test(expressions.map(expression => valueSql(expression, inner)));
  return `s.span_no IN (SELECT s.span_no FROM ${inner.from} WHERE ${predicate})`;
}

/** Says whether an expression can have several values for one span. */
export function hasManyValues(expression: FieldExpression): boolean {
  if (isField(expression)) return isManyValued(expression);
  return childrenOf(expression).some(child => hasManyValues(child as FieldExpression));
}

function isManyValued(field: Field): boolean {
  if (field.holder === 'ancestor') return true;
  if (field.kind === 'attribute') return field.scope === 'event' || field.scope === 'link';
  const { of } = INTRINSICS[field.name];
  return of === 'event' || of === 'link';
}

/** An expression as a value of the row in hand. */
export function valueSql(expression: FieldExpression, scope: Scope): SqlValue {
  switch (expression.kind) {
    case 'literal':
      return literalValue(expression);
    case 'attribute':
    case 'intrinsic':
      return scope.value(expression);
    case 'unary':
      return expression.operator === '!'
        ? truth(expression, scope)
        : arithmetic(
            '*',
            literalValue({ kind: 'literal', type: 'int', value: -1n, from: 0, to: 0 }),
            valueSql(expression.operand, scope),
            scope,
          );
    case 'binary': {
      const { operator } = expression;
      return isComparison(operator)
        ? truth(expression, scope)
        : arithmetic(operator, valueSql(expression.left, scope), valueSql(expression.right, scope), scope);
    }
    case 'exists':
    case 'logical':
      return truth(expression, scope);
  }
}

/** A condition as a value: a column, since subqueries cannot stand everywhere. */
function truth(expression: FieldExpression, scope: Scope): SqlValue {
  return { bool: `${scope.let(`SELECT ${conditionSql(expression, scope)} AS value`)}.value`, isSure: true };
}

function arithmetic(
  operator: Parameters<typeof arithmeticSelect>[0],
  left: SqlValue,
  right: SqlValue,
  scope: Scope,
): SqlValue {
  const alias = scope.let(arithmeticSelect(operator, left, right));
  return { int: `${alias}.int`, float: `${alias}.float` };
}

/** The key of the value of an expression, for each span: of the first value where there are many. */
export function firstKey(expression: FieldExpression, scope: Scope): string {
  if (!hasManyValues(expression)) return keyOf(valueSql(expression, scope));
  const inner = new Scope('span s', scope.ids);
  const value = valueSql(expression, inner);
  const first = scope.perSpan(
    `SELECT s.span_no AS owner, first(${keyOf(value)} ORDER BY ${inner.order}) AS key FROM ${inner.from} WHERE ${isPresent(value)} GROUP BY s.span_no`,
  );
  return `coalesce(${first}.key, 'n')`;
}
