import { decimalText, type JsonRecord, type JsonValue } from './record.ts';

// Times as formats write them, exact to the nanosecond: decimal numbers in some unit, and RFC 3339.

/**
 * Returns nanoseconds for a number of units of 10^-`digits` seconds: 0 for seconds, 3 for ms, 6 for µs, 9 for ns. Digits below a
 * nanosecond are cut off. The number may be a string. Undefined for what is none.
 */
export function nanosOf(value: JsonValue | undefined, digits: 0 | 3 | 6 | 9): bigint | undefined {
  if (typeof value === 'bigint') return value * 10n ** BigInt(9 - digits);
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '';
  // A double is written with its shortest digits, which are those of the source up to 15 of them.
  const match = /^([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?$/i.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const places = 9 - digits + Number(exponent) - fraction.length;
  const mantissa = BigInt(whole + fraction);
  const nanos = places >= 0 ? mantissa * 10n ** BigInt(places) : mantissa / 10n ** BigInt(-places);
  return sign === '-' ? -nanos : nanos;
}

/** As `nanosOf`, for the field of a record, with all digits that it has; what is there and no number is reported. */
export function readNanos(
  record: JsonRecord,
  key: string,
  digits: 0 | 3 | 6 | 9,
  repair: (reason: 'invalid-time', detail: string) => void,
): bigint | undefined {
  const value = decimalText(record, key);
  const nanos = nanosOf(value, digits);
  if (nanos === undefined && value !== undefined && value !== null) {
    repair('invalid-time', `${key}: ${typeof value === 'object' ? 'no number' : value}`);
  }
  return nanos;
}

/**
 * Returns nanoseconds since the epoch for an RFC 3339 time, with any number of fraction digits, a space for the `T`, and any zone
 * (`Z`, `+02:00`, `+0200`, ` UTC`); without one it is UTC. Undefined for what is no time.
 */
export function nanosOfRfc3339(text: string): bigint | undefined {
  const match =
    /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(?:Z|UTC|GMT|([+-]\d{2}):?(\d{2})(?:\s+\w+)?)?$/i.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = '00', fraction = '', zoneHour = '+00', zoneMinute = '00'] = match;
  const millis = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zoneHour}:${zoneMinute}`);
  return Number.isNaN(millis) ? undefined : BigInt(millis) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}

/** As `nanosOfRfc3339`; what is there and no time is reported. */
export function readRfc3339(
  value: JsonValue | undefined,
  repair: (reason: 'invalid-time', detail: string) => void,
): bigint | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const nanos = typeof value === 'string' ? nanosOfRfc3339(value) : undefined;
  if (nanos === undefined) repair('invalid-time', typeof value === 'object' ? 'no text for a time' : String(value));
  return nanos;
}
