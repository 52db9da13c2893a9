// Attribute values and the one text form in which they are stored.
// https://opentelemetry.io/docs/specs/otel/common/#anyvalue

/** A typed attribute value: int64 is a `bigint`, double a `number`, bytes a `Uint8Array`, an empty AnyValue `null`. */
export type AttributeValue =
  | string
  | boolean
  | bigint
  | number
  | Uint8Array
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Type codes as stored beside an attribute's text; the numbers are OTLP's AnyValue field numbers, 0 is the empty value. */
export const ValueType = { empty: 0, string: 1, bool: 2, int: 3, double: 4, array: 5, map: 6, bytes: 7 } as const;
export type ValueType = (typeof ValueType)[keyof typeof ValueType];

/** The words for the type codes, in code order; what the SQL view `span_attributes` shows. */
export const VALUE_TYPE_WORDS = ['empty', 'string', 'bool', 'int', 'double', 'array', 'map', 'bytes'] as const;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Says whether an integer fits OTLP's int64. */
export function isInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}

/** Returns the type code of a value. */
export function typeOfValue(value: AttributeValue): ValueType {
  switch (typeof value) {
    case 'string':
      return ValueType.string;
    case 'boolean':
      return ValueType.bool;
    case 'bigint':
      return ValueType.int;
    case 'number':
      return ValueType.double;
    default:
      if (value === null) return ValueType.empty;
      if (value instanceof Uint8Array) return ValueType.bytes;
      return Array.isArray(value) ? ValueType.array : ValueType.map;
  }
}

/**
 * Returns the stored text of a value: the string itself, `true`/`false`, decimal digits, the shortest decimal that
 * reads back as the same double, base64, and for arrays and maps JSON in which integers are bare, doubles carry a
 * point or an exponent, and bytes and non-finite doubles are `{"$bytes":"…"}` and `{"$double":"NaN"}` (a map that looks
 * like one of these has another `$` before its key).
 */
export function textOfValue(value: AttributeValue): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number':
      return textOfDouble(value);
    default:
      if (value === null) return '';
      if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
      return nestedText(value);
  }
}

/** Returns the shortest decimal that reads back as the same double; `-0` keeps its sign. */
export function textOfDouble(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function nestedText(value: AttributeValue): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number': {
      if (!Number.isFinite(value)) return `{"$double":"${value}"}`;
      const text = textOfDouble(value);
      return /[.e]/.test(text) ? text : `${text}.0`;
    }
    default:
      if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString('base64')}"}`;
      if (Array.isArray(value)) return `[${value.map(nestedText).join(',')}]`;
      return mapText(Object.entries(value));
  }
}

function mapText(entries: readonly (readonly [string, AttributeValue])[]): string {
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && typeof only[1] === 'string' && MARKED.test(only[0])) {
    return `{${quoted(`$${only[0]}`)}:${quoted(only[1])}}`;
  }
  return `{${entries.map(([key, item]) => `${quoted(key)}:${nestedText(item)}`).join(',')}}`;
}

/** A text in JSON; halves of surrogate pairs, which are no UTF-8 and no JSON to DuckDB, become U+FFFD. */
function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

/** The key of a map of one text that stands for bytes or a double, or has one `$` too many in order not to. */
const MARKED = /^\$+(bytes|double)$/;

/** Returns the value that `textOfValue` made this text from. */
export function valueOfText(type: number, text: string): AttributeValue {
  switch (type) {
    case ValueType.bool:
      return text === 'true';
    case ValueType.int:
      return BigInt(text);
    case ValueType.double:
      return Number(text);
    case ValueType.bytes:
      return new Uint8Array(Buffer.from(text, 'base64'));
    case ValueType.array:
    case ValueType.map:
      return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
        typeof value === 'object' ? unmarked(value) : exactNumber(value, context),
      );
    case ValueType.empty:
      return null;
    default:
      return text;
  }
}

/** What a map that `mapText` marked stands for; anything else is itself. */
function unmarked(value: object | null): unknown {
  if (value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length !== 1 || only === undefined || typeof only[1] !== 'string' || !MARKED.test(only[0])) return value;
  const [key, text] = only;
  if (key === '$bytes') return new Uint8Array(Buffer.from(text, 'base64'));
  return key === '$double' ? Number(text) : { [key.slice(1)]: text };
}

/**
 * Parses JSON into attribute values without rounding: a number without point and exponent becomes a `bigint` where it
 * fits int64, every other number a double.
 */
export function parseExactJson(text: string): AttributeValue {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => exactNumber(value, context));
}

/** A number as it is written; anything else is itself. */
function exactNumber(value: unknown, context: { source?: string } | undefined): unknown {
  if (typeof value !== 'number') return value;
  const source = context?.source ?? String(value);
  if (!/^-?\d+$/.test(source) || source === '-0') return value;
  const integer = BigInt(source);
  return isInt64(integer) ? integer : value;
}

/**
 * Returns what JSON output shows: integers within ±2^53 as numbers, larger ones and non-finite doubles as strings,
 * bytes as base64.
 */
export function jsonOfValue(value: AttributeValue): unknown {
  switch (typeof value) {
    case 'bigint':
      return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : String(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
      if (Array.isArray(value)) return value.map(jsonOfValue);
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOfValue(item)]));
    default:
      return value;
  }
}

/** Returns a value as a person reads it: strings bare, everything else as in JSON. */
export function displayValue(value: AttributeValue): string {
  if (typeof value === 'string') return value;
  const shown = jsonOfValue(value);
  return typeof shown === 'string' ? shown : JSON.stringify(shown);
}
