import { type Attributes, type AttributeValue, isInt64, textOfValue } from '../../model/attributes.ts';
import { SPAN_KINDS, type SpanKind, STATUS_CODES, type StatusCode } from '../../model/status.ts';
import type { ArithmeticOperator, OrderOperator } from '../traceql/operators.ts';

// What TraceQL compares and computes with. Whole numbers are `bigint`, so 64-bit integers and nanoseconds stay exact;
// nil is `undefined`.

/** A span status or span kind. There is one object a word, so equal ones are identical. */
export interface Word {
  readonly type: 'status' | 'kind';
  readonly word: StatusCode | SpanKind;
}

export type NumericValue = bigint | number;
/** A value that is not an array: a string, a whole number or duration in nanoseconds, a double, a boolean, or a word. */
export type ScalarValue = string | NumericValue | boolean | Word;
/** Of an array only strings, booleans and numbers are compared; whatever else is in it is passed over. */
export type PresentValue = ScalarValue | readonly AttributeValue[];
/** Any value; nil is undefined. */
export type Value = PresentValue | undefined;

const STATUS_WORDS = new Map(STATUS_CODES.map(word => [word, Object.freeze({ type: 'status', word } as const)]));
const KIND_WORDS = new Map(SPAN_KINDS.map(word => [word, Object.freeze({ type: 'kind', word } as const)]));

/** Returns the value that stands for a status. */
export function statusValue(code: StatusCode): Value {
  return STATUS_WORDS.get(code);
}

/** Returns the value that stands for a span kind. */
export function kindValue(kind: SpanKind): Value {
  return KIND_WORDS.get(kind);
}

/** Returns the value of an attribute; nil where it is missing or empty. */
export function attributeOf(attributes: Attributes, name: string): Value {
  return Object.hasOwn(attributes, name) ? valueOfAttribute(attributes[name] ?? null) : undefined;
}

/** Returns an attribute value as TraceQL sees it: bytes and maps are strings (base64, JSON), the empty value is nil. */
export function valueOfAttribute(value: AttributeValue): Value {
  if (value === null) return undefined;
  return typeof value !== 'object' || isArray(value) ? value : textOfValue(value);
}

/** Says whether a value is an array. */
export function isArray(value: Value | AttributeValue): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

/** Says whether a value is a whole number, a duration or a double. */
export function isNumeric(value: Value): value is NumericValue {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** Compares two texts by code points, which is the order of their bytes in UTF-8. */
export function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const unitA = a.charCodeAt(at);
    const unitB = b.charCodeAt(at);
    if (unitA === unitB) continue;
    // Halves of surrogate pairs stand for code points above all that a single unit can be.
    const isPairA = unitA >= 0xd800 && unitA < 0xe000;
    const isPairB = unitB >= 0xd800 && unitB < 0xe000;
    return isPairA === isPairB ? unitA - unitB : isPairA ? 1 : -1;
  }
  return a.length - b.length;
}

/** Compares two numbers of any kind without rounding; NaN where either is NaN. */
export function compareNumbers(a: NumericValue, b: NumericValue): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : 0;
}

/**
 * Says whether a comparison holds. Nil and values of unlike types compare as false, also by `!=`. With an array on one
 * side it has to hold for some item; `!=` holds where no item is equal.
 */
export function compareValues(operator: OrderOperator, left: Value, right: Value): boolean {
  if (left === undefined || right === undefined) return false;
  if (isArray(left)) {
    if (isArray(right)) return false;
    if (operator === '!=') return !left.some(item => isPlain(item) && compareScalars('=', item, right));
    return left.some(item => isPlain(item) && compareScalars(operator, item, right));
  }
  if (isArray(right)) {
    if (operator === '!=') return !right.some(item => isPlain(item) && compareScalars('=', left, item));
    return right.some(item => isPlain(item) && compareScalars(operator, left, item));
  }
  return compareScalars(operator, left, right);
}

function isPlain(item: AttributeValue): item is string | boolean | NumericValue {
  return typeof item !== 'object';
}

function compareScalars(operator: OrderOperator, left: ScalarValue, right: ScalarValue): boolean {
  if (typeof left === 'string') {
    if (typeof right !== 'string') return false;
    if (operator === '=') return left === right;
    if (operator === '!=') return left !== right;
    return holds(operator, compareTexts(left, right));
  }
  if (isNumeric(left)) return isNumeric(right) && holds(operator, compareNumbers(left, right));
  if (!isComparable(left, right)) return false;
  return (operator === '=' && left === right) || (operator === '!=' && left !== right);
}

function isComparable(left: boolean | Word, right: ScalarValue): boolean {
  if (typeof left === 'boolean') return typeof right === 'boolean';
  return typeof right === 'object' && left.type === right.type;
}

/** Of NaN, which orders nothing, only `!=` is true. */
function holds(operator: OrderOperator, order: number): boolean {
  switch (operator) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** Says whether a value, or some item of it, is a text that matches; negated, whether none does. */
export function matchesPattern(pattern: RegExp, isNegated: boolean, value: Value): boolean {
  if (isArray(value)) return value.some(item => typeof item === 'string' && pattern.test(item)) !== isNegated;
  return typeof value === 'string' && pattern.test(value) !== isNegated;
}

/**
 * Computes with two numbers; nil where either is none. Whole numbers stay whole and exact, and division truncates as in
 * Go; by zero it is nil. A result that no int64 holds is a double, as is all that has to do with doubles.
 */
export function compute(operator: ArithmeticOperator, left: Value, right: Value): NumericValue | undefined {
  if (!isNumeric(left) || !isNumeric(right)) return undefined;
  if (typeof left === 'bigint' && typeof right === 'bigint') return computeExactly(operator, left, right);
  const [a, b] = [Number(left), Number(right)];
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    case '^':
      return power(a, b);
  }
}

function computeExactly(operator: ArithmeticOperator, a: bigint, b: bigint): NumericValue | undefined {
  switch (operator) {
    case '+':
      return fitted(a + b);
    case '-':
      return fitted(a - b);
    case '*':
      return fitted(a * b);
    case '/':
      return b === 0n ? undefined : fitted(a / b);
    case '%':
      return b === 0n ? undefined : a % b;
    case '^':
      return powerExactly(a, b);
  }
}

function powerExactly(base: bigint, exponent: bigint): NumericValue {
  const isUnit = base >= -1n && base <= 1n;
  if (exponent >= 0n && isUnit) return base ** (exponent < 2n ? exponent : 2n + (exponent & 1n));
  // Every other base has left the int64s at its 64th power.
  const exact = exponent >= 0n && exponent < 64n ? base ** exponent : undefined;
  return exact !== undefined && isInt64(exact) ? exact : power(Number(base), Number(exponent));
}

/** The power of IEEE 754, of which JavaScript's deviates: 1 to any power is 1, and so is -1 to an infinite one. */
function power(base: number, exponent: number): number {
  const isOne = base === 1 || (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY);
  return isOne ? 1 : base ** exponent;
}

/** Returns the number with its sign turned; nil for what is no number. */
export function negate(value: Value): NumericValue | undefined {
  if (typeof value === 'bigint') return fitted(-value);
  return typeof value === 'number' ? -value : undefined;
}

/** An integer where an int64 holds it, else the nearest double. */
function fitted(integer: bigint): NumericValue {
  return isInt64(integer) ? integer : Number(integer);
}

/** Returns a text that is the same for values of one group: numbers that are equal, and all nils, are one. */
export function groupKeyOf(value: Value): string {
  if (value === undefined) return 'nil';
  if (isArray(value)) return `array ${textOfValue(value)}`;
  switch (typeof value) {
    case 'object':
      return `${value.type} ${value.word}`;
    case 'number':
      return `number ${Number.isInteger(value) ? BigInt(value) : value}`;
    case 'bigint':
      return `number ${value}`;
    default:
      return `${typeof value} ${value}`;
  }
}
