import type { AttributeValue } from '../../model/attributes.ts';
import { parseTime } from '../../model/time.ts';
import { BadRecord, type JsonCursor, JsonKind } from './cursor.ts';

// Scalars in the forms in which producers write them.

const MAX_DEPTH = 64;

/**
 * Reads a 64-bit time or count into the cursor's `low` and `high`: digits as a string or a bare number, a point or an
 * exponent (what lies behind the point is cut off), a protobufjs Long (`{"low":…,"high":…}`), an OpenTelemetry JS hrTime
 * (`[seconds, nanos]`), an RFC 3339 time. `null` and `""` read as 0. Returns false, having moved past the value, where it
 * is none of these.
 */
export function readInteger64(cursor: JsonCursor): boolean {
  if (cursor.readScalar()) {
    if (cursor.parseInteger64()) return true;
    const text = cursor.textString().trim();
    if (text === '') return set(cursor, 0n);
    const integer = wholePartOf(text);
    if (integer !== undefined) return set(cursor, integer);
    const time = parseTime(text, 0n);
    return time === undefined || !/^\d{4}-/.test(text) ? false : set(cursor, time);
  }
  const value = readOddValue(cursor);
  if (value === null) return set(cursor, 0n);
  if (Array.isArray(value)) {
    const [seconds, nanos] = value;
    if (typeof seconds !== 'bigint' || typeof nanos !== 'bigint') return false;
    return set(cursor, seconds * 1_000_000_000n + nanos);
  }
  if (typeof value === 'object' && 'low' in value && 'high' in value) {
    const { low, high } = value;
    if (typeof low !== 'bigint' || typeof high !== 'bigint') return false;
    cursor.low = Number(BigInt.asUintN(32, low));
    cursor.high = Number(BigInt.asUintN(32, high));
    return true;
  }
  return false;
}

/** Longer numbers than any 64-bit one, with room for zeros in front. */
const MAX_DIGITS = 32;

/** Returns a decimal number such as `1.5e18` without what lies behind its point, exactly; undefined where it is none. */
function wholePartOf(text: string): bigint | undefined {
  const match = /^([-+]?)(\d+)(?:\.(\d*))?(?:e([-+]?\d{1,3}))?$/i.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const length = whole.length + Number(exponent);
  if (length > MAX_DIGITS) return undefined;
  return length <= 0 ? 0n : BigInt(sign + `${whole}${fraction}`.slice(0, length).padEnd(length, '0'));
}

/** Reads a value that may be an odd form of a scalar, exactly; undefined where it is nested too deeply to be one. */
export function readOddValue(cursor: JsonCursor): AttributeValue | undefined {
  const start = cursor.position;
  try {
    return readPlainValue(cursor);
  } catch (error) {
    if (!(error instanceof BadRecord)) throw error;
    cursor.position = start;
    cursor.skipValue();
    return undefined;
  }
}

function set(cursor: JsonCursor, value: bigint): boolean {
  if (value < 0n || value >= 2n ** 64n) return false;
  cursor.low = Number(value & 0xffff_ffffn);
  cursor.high = Number(value >> 32n);
  return true;
}

/** Multiplies the cursor's `low` and `high` by 1000: microseconds to nanoseconds. Returns false on overflow. */
export function microsToNanos(cursor: JsonCursor): boolean {
  const low = cursor.low * 1000;
  const high = cursor.high * 1000 + Math.floor(low / 4294967296);
  cursor.low = low % 4294967296;
  cursor.high = high % 4294967296;
  return high < 4294967296;
}

/** Reads a small unsigned integer (a count, flags); returns undefined, having moved past the value, where it is none. */
export function readSmallInteger(cursor: JsonCursor): number | undefined {
  if (!readInteger64(cursor) || cursor.high !== 0) return undefined;
  return cursor.low;
}

/**
 * Reads any JSON value as an attribute value, exactly: a number without point and exponent becomes a `bigint`.
 * Throws `BadRecord` where it is nested more than 64 deep.
 */
export function readPlainValue(cursor: JsonCursor, depth = 0): AttributeValue {
  if (depth > MAX_DEPTH) throw new BadRecord('too-deep', `values nested more than ${MAX_DEPTH} deep`);
  const kind = cursor.kind();
  switch (kind) {
    case JsonKind.string:
      cursor.readString();
      return cursor.textString();
    case JsonKind.number: {
      cursor.readBare();
      const text = cursor.textString();
      if (/^-?\d{1,18}$/.test(text) && text !== '-0') return BigInt(text);
      if (/^-?\d+$/.test(text) && cursor.parseInteger64() && isInt64Text(cursor, text)) return BigInt(text);
      return Number(text);
    }
    case JsonKind.object: {
      cursor.tryOpenObject();
      const entries: [string, AttributeValue][] = [];
      for (let first = true; cursor.nextKey(first); first = false) {
        const key = cursor.textString();
        entries.push([key, readPlainValue(cursor, depth + 1)]);
      }
      return Object.fromEntries(entries);
    }
    case JsonKind.array: {
      cursor.tryOpenArray();
      const items: AttributeValue[] = [];
      for (let first = true; cursor.nextItem(first); first = false) items.push(readPlainValue(cursor, depth + 1));
      return items;
    }
    default:
      return cursor.readWord() ?? null;
  }
}

function isInt64Text(cursor: JsonCursor, text: string): boolean {
  return text.startsWith('-') ? cursor.high >= 0x8000_0000 : cursor.high < 0x8000_0000;
}
