import type { Trace, TraceNode } from '../../model/trace.ts';
import type { Binary, Exists, Field, FieldExpression, Literal, Unary } from '../traceql/ast.ts';
import { asId } from '../traceql/fields.ts';
import { isArithmetic, isOrder } from '../traceql/operators.ts';
import { compileField, type Reader, type ReadSome, someOf } from './fields.ts';
import { compileRegex } from './regex.ts';
import type { Value } from './values.ts';
import { compareValues, compute, kindValue, matchesPattern, negate, type PresentValue, statusValue } from './values.ts';

// Expressions over one span as functions. What compares or joins is a condition, true or false and never nil; where an
// operand has many values, it is true if it holds for some choice of them.

/** Says whether something holds for a span. */
export type Condition = (node: TraceNode, trace: Trace) => boolean;

/** Compiles an expression to what it is for a span. Throws `TraceqlError` for a regular expression that cannot be run. */
export function compileValue(expression: FieldExpression): Reader {
  switch (expression.kind) {
    case 'literal': {
      const value = valueOfLiteral(expression);
      return { isMany: false, read: () => value };
    }
    case 'attribute':
    case 'intrinsic':
      return compileField(expression);
    case 'exists':
    case 'logical':
      return { isMany: false, read: compileCondition(expression) };
    case 'unary':
      return expression.operator === '!'
        ? { isMany: false, read: compileCondition(expression) }
        : mapped(compileValue(expression.operand), negate);
    case 'binary':
      return isArithmetic(expression.operator)
        ? compileArithmetic(expression)
        : { isMany: false, read: compileCondition(expression) };
  }
}

/** Compiles an expression to whether it is true of a span: anything but `true` is not. */
export function compileCondition(expression: FieldExpression): Condition {
  switch (expression.kind) {
    case 'logical': {
      const conditions = expression.operands.map(compileCondition);
      const decisive = expression.operator === '||';
      return (node, trace) => {
        for (const condition of conditions) if (condition(node, trace) === decisive) return decisive;
        return !decisive;
      };
    }
    case 'exists':
      return compileExists(expression);
    case 'unary':
      if (expression.operator === '!') return compileNot(expression);
      break;
    case 'binary':
      if (!isArithmetic(expression.operator)) return compileComparison(expression);
  }
  return compileTest(expression, value => value === true);
}

function compileExists({ operand, isNegated }: Exists): Condition {
  const exists: Condition =
    operand.kind === 'intrinsic' && operand.name === 'parent'
      ? node => node.parent !== undefined
      : compileTest(operand, () => true);
  return isNegated ? (node, trace) => !exists(node, trace) : exists;
}

/** True of what is false; of what is neither true nor false, nil too, not. */
function compileNot({ operand }: Unary): Condition {
  return compileTest(operand, value => value === false);
}

/** Compiles whether some value of an expression passes a test. */
function compileTest(expression: FieldExpression, test: (value: PresentValue) => boolean): Condition {
  if (dependOnOneAncestor(expression)) return inherited(compileTest(withOwnField(expression), test));
  const reader = compileValue(expression);
  if (reader.isMany) return (node, trace) => reader.some(node, trace, test);
  return (node, trace) => {
    const value = reader.read(node, trace);
    return value !== undefined && test(value);
  };
}

function compileComparison(comparison: Binary): Condition {
  const { operator, left, right } = comparison;
  if (dependOnOneAncestor(left, right)) {
    return inherited(compileComparison({ ...comparison, left: withOwnField(left), right: withOwnField(right) }));
  }
  if (!isOrder(operator)) {
    if (right.kind !== 'literal' || right.type !== 'string') throw new TypeError(`${operator} without a pattern`);
    const pattern = compileRegex(right);
    return compileTest(left, value => matchesPattern(pattern, operator === '!~', value));
  }
  const isEquality = operator === '=' || operator === '!=';
  const a = compileValue(isEquality ? padded(left, right) : left);
  const b = compileValue(isEquality ? padded(right, left) : right);
  if (!a.isMany && !b.isMany) {
    return (node, trace) => compareValues(operator, a.read(node, trace), b.read(node, trace));
  }
  const [someOfA, someOfB] = [someOf(a), someOf(b)];
  return (node, trace) =>
    someOfA(node, trace, left => someOfB(node, trace, right => compareValues(operator, left, right)));
}

/** A text that an id is compared with as ids are written: in lowercase, with all their zeros. */
function padded(expression: FieldExpression, other: FieldExpression): FieldExpression {
  if (other.kind !== 'intrinsic' || expression.kind !== 'literal' || expression.type !== 'string') return expression;
  return { ...expression, value: asId(other.name, expression.value) };
}

function compileArithmetic({ operator, left, right }: Binary): Reader {
  if (!isArithmetic(operator)) throw new TypeError(`${operator} computes nothing`);
  const [a, b] = [compileValue(left), compileValue(right)];
  if (!a.isMany && !b.isMany) {
    return { isMany: false, read: (node, trace) => compute(operator, a.read(node, trace), b.read(node, trace)) };
  }
  const [someOfA, someOfB] = [someOf(a), someOf(b)];
  const some: ReadSome = (node, trace, test) =>
    someOfA(node, trace, left =>
      someOfB(node, trace, right => {
        const value = compute(operator, left, right);
        return value !== undefined && test(value);
      }),
    );
  return { isMany: true, some };
}

function mapped(reader: Reader, change: (value: Value) => Value): Reader {
  if (!reader.isMany) return { isMany: false, read: (node, trace) => change(reader.read(node, trace)) };
  const some: ReadSome = (node, trace, test) =>
    reader.some(node, trace, before => {
      const value = change(before);
      return value !== undefined && test(value);
    });
  return { isMany: true, some };
}

function valueOfLiteral(literal: Literal): Value {
  switch (literal.type) {
    case 'status':
      return statusValue(literal.value);
    case 'kind':
      return kindValue(literal.value);
    default:
      return literal.value;
  }
}

// Ancestors. Asking each span to walk up to its top is quadratic in a deep trace. Where a condition depends on nothing but
// one field of an ancestor, it is asked once of every span that has children, and handed down:
//
//   { ancestor.x = 1 }     a x=1      asked: yes
//                            b        asked: no, has one above: true
//                              c      has one above: true

/** Says whether expressions compute with one field of an ancestor, and otherwise only with what is the same for all spans. */
function dependOnOneAncestor(...expressions: readonly FieldExpression[]): boolean {
  const fields: Field[] = [];
  return (
    expressions.every(expression => collectFields(expression, fields)) &&
    fields.length === 1 &&
    fields[0]?.holder === 'ancestor'
  );
}

/** Collects the fields of what computes a value; says whether there is nothing else in it. */
function collectFields(expression: FieldExpression, fields: Field[]): boolean {
  switch (expression.kind) {
    case 'literal':
      return true;
    case 'attribute':
    case 'intrinsic':
      fields.push(expression);
      return true;
    case 'unary':
      return expression.operator === '-' && collectFields(expression.operand, fields);
    case 'binary':
      return (
        isArithmetic(expression.operator) &&
        collectFields(expression.left, fields) &&
        collectFields(expression.right, fields)
      );
    default:
      return false;
  }
}

/** The expression with `ancestor.` taken from its field. */
function withOwnField(expression: FieldExpression): FieldExpression {
  switch (expression.kind) {
    case 'attribute':
    case 'intrinsic':
      return { ...expression, holder: 'self' };
    case 'unary':
      return { ...expression, operand: withOwnField(expression.operand) };
    case 'binary':
      return { ...expression, left: withOwnField(expression.left), right: withOwnField(expression.right) };
    default:
      return expression;
  }
}

/** Turns a condition on a span into one that holds where it holds for some ancestor of the span. */
function inherited(condition: Condition): Condition {
  const known = new WeakMap<Trace, Uint8Array>();
  return (node, trace) => {
    let holdsAbove = known.get(trace);
    if (holdsAbove === undefined) {
      holdsAbove = holdsAboveOf(condition, trace);
      known.set(trace, holdsAbove);
    }
    return holdsAbove[node.index] === 1;
  };
}

/** By index, whether a condition holds for some ancestor; parents come before their children. */
function holdsAboveOf(condition: Condition, trace: Trace): Uint8Array {
  const holdsAbove = new Uint8Array(trace.nodes.length);
  for (const node of trace.nodes) {
    if (node.children.length === 0) continue;
    const holds = holdsAbove[node.index] === 1 || condition(node, trace);
    if (holds) for (const child of node.children) holdsAbove[child.index] = 1;
  }
  return holdsAbove;
}
