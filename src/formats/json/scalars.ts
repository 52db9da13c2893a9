import type { AttributeValue } from '../../model/attributes.ts';
import { parseTime } from '../../model/time.ts';
import { BadRecord, type JsonCursor, JsonKind } from './cursor.ts';

// Scalars in the forms in which producers write them.

const MAX_DEPTH = 64;

/**
 * Reads a 64-bit time or count into the cursor's `low` and `high`: digits as a string or a bare number, an exponent, a
 * protobufjs Long (`{"low":…,"high":…}`), an OpenTelemetry JS hrTime (`[seconds, nanos]`), an RFC 3339 time.
 * `null` and `""` read as 0. Returns false, having moved past the value, where it is none of these.
 */
export function readInteger64(cursor: JsonCursor): boolean {
  if (cursor.readScalar()) {
    if (cursor.parseInteger64()) return true;
    const text = cursor.textString();
    if (text === '') return set(cursor, 0n);
    const number = Number(text);
    if (Number.isFinite(number)) return set(cursor, BigInt(Math.trunc(number)));
    const time = parseTime(text, 0n);
    return time === undefined || !/^\d{4}-/.test(text) ? false : set(cursor, time);
  }
  const kind = cursor.kind();
  const start = cursor.position;
  cursor.skipValue();
  if (kind === JsonKind.null) return set(cursor, 0n);
  if (kind !== JsonKind.object && kind !== JsonKind.array) return false;
  const value: unknown = JSON.parse(Buffer.from(cursor.bytes.subarray(start, cursor.position)).toString('utf8'));
  if (Array.isArray(value)) {
    const [seconds, nanos] = value;
    if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(nanos)) return false;
    return set(cursor, BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
  }
  if (typeof value === 'object' && value !== null && 'low' in value && 'high' in value) {
    const { low, high } = value;
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high)) return false;
    cursor.low = Number(low) >>> 0;
    cursor.high = Number(high) >>> 0;
    return true;
  }
  return false;
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
