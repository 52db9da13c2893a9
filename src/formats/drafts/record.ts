import type { AttributeValue } from '../../model/attributes.ts';
import { BadRecord } from '../json/cursor.ts';
import { NAN_TEXT, strictJson } from './strict-json.ts';

// JSON records as values, for formats that are read by way of drafts: parsed whole, integers exact.

/** A JSON value; a number written without point and exponent is a `bigint`, of any size. */
export type JsonValue =
  | string
  | boolean
  | bigint
  | number
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type JsonRecord = { readonly [key: string]: JsonValue };

/** Numbers with a fraction as their text, of objects that were parsed with `decimals`. */
const DECIMAL_TEXTS = new WeakMap<object, Map<string, string>>();

/**
 * Parses JSON without rounding integers. Of numbers with a fraction that stand under one of the keys `decimals`, `decimalText` gives the
 * text. What the JSON cursor takes though it is not JSON is taken here too. Throws `SyntaxError`, and `RangeError` where values are nested too deeply for the stack.
 */
export function parseJson(text: string, decimals?: ReadonlySet<string>): JsonValue {
  function revive(this: object, key: string, value: unknown, context?: { source?: string }): unknown {
    if (typeof value !== 'number') return value;
    const source = context?.source ?? String(value);
    if (/^-?\d+$/.test(source) && source !== '-0') return BigInt(source);
    if (source === NAN_TEXT) return Number.NaN;
    if (decimals?.has(key) === true) {
      const texts = DECIMAL_TEXTS.get(this) ?? new Map<string, string>();
      DECIMAL_TEXTS.set(this, texts.set(key, source));
    }
    return value;
  }
  try {
    return JSON.parse(text, revive);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return JSON.parse(strictJson(text), revive);
  }
}

/** The value of a field; of a number with a fraction the text, where it was parsed with `decimals`. */
export function decimalText(record: JsonRecord, key: string): JsonValue | undefined {
  return DECIMAL_TEXTS.get(record)?.get(key) ?? record[key];
}

export function isRecord(value: JsonValue | undefined): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value where it is an object; else an empty one. */
export function recordOf(value: JsonValue | undefined): JsonRecord {
  return isRecord(value) ? value : {};
}

/** The items where the value is an array; else none. */
export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** The text of a string, number or boolean; undefined for what has none. */
export function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

/** An integer, also one written as a string or with a fraction of zero; undefined for what is none. */
export function integerOf(value: JsonValue | undefined): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'string' && /^\s*-?\d+\s*$/.test(value)) return BigInt(value);
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined;
}

const MAX_DEPTH = 64;
/** Levels of objects that `addFields` takes apart. */
const MAX_PATH = 8;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * A JSON value as an attribute: integers beyond int64 become text, so that no digit is lost. Throws `BadRecord` where it is nested more
 * than 64 deep.
 */
export function attributeOf(value: JsonValue, depth = 0): AttributeValue {
  if (typeof value === 'bigint') return value >= INT64_MIN && value <= INT64_MAX ? value : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) throw new BadRecord('too-deep', `values nested more than ${MAX_DEPTH} deep`);
  if (Array.isArray(value)) return value.map(item => attributeOf(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, attributeOf(item, depth + 1)]));
}

/** The fields of an object as attributes, `null` ones left out; `prefix` stands before each key. */
export function attributesOf(value: JsonValue | undefined, prefix = ''): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  for (const [key, item] of Object.entries(recordOf(value))) {
    if (item !== null) attributes.set(prefix + key, attributeOf(item));
  }
  return attributes;
}

/** As `attributesOf`, with objects taken apart: `{a: {b: 1}}` gives `a.b`. */
export function flatAttributesOf(value: JsonValue | undefined, prefix = ''): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  for (const [key, item] of Object.entries(recordOf(value))) {
    if (isRecord(item)) {
      for (const [inner, attribute] of flatAttributesOf(item, `${prefix}${key}.`)) attributes.set(inner, attribute);
    } else if (item !== null) attributes.set(prefix + key, attributeOf(item));
  }
  return attributes;
}

/**
 * Adds the fields of an object to attributes: under the name that `names` has for a field, else under its own behind `prefix`. Objects
 * are taken apart, and named by their path (`request.method`); `null` is left out.
 */
export function addFields(
  attributes: Map<string, AttributeValue>,
  value: JsonValue | undefined,
  prefix = '',
  names: Readonly<Record<string, string>> = {},
  path: readonly string[] = [],
): void {
  for (const [key, item] of Object.entries(recordOf(value))) {
    const inner = [...path, key];
    const field = inner.join('.');
    const name = Object.hasOwn(names, field) ? names[field] : undefined;
    const isApart = isRecord(item) && name === undefined && path.length < MAX_PATH && Object.keys(item).length > 0;
    if (isApart) addFields(attributes, item, prefix, names, inner);
    else if (item !== null) attributes.set(name ?? prefix + field, attributeOf(item));
  }
}

/** An object's fields but for some. */
export function omit(record: JsonRecord, keys: readonly string[]): JsonRecord {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));
}

/** Some of an object's fields, where they are there. */
export function pick(record: JsonRecord, keys: readonly string[]): JsonRecord {
  return Object.fromEntries(Object.entries(record).filter(([key]) => keys.includes(key)));
}
