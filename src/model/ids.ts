// Trace and span ids: 16 and 8 bytes inside, lowercase hex outside.
// In columns an id is 32-bit words, least significant first (4 for a trace, 2 for a span): the byte order in which
// DuckDB keeps UHUGEINT and UBIGINT, so whole columns are copied without a conversion.

const HEX_DIGITS = Uint8Array.from('0123456789abcdef', digit => digit.charCodeAt(0));

/** Value of an ASCII hex digit, 255 for any other byte. */
export const HEX_VALUE: Readonly<Uint8Array> = (() => {
  const table = new Uint8Array(256).fill(255);
  for (let digit = 0; digit < 16; digit++) {
    const text = digit.toString(16);
    table[text.charCodeAt(0)] = digit;
    table[text.toUpperCase().charCodeAt(0)] = digit;
  }
  return table;
})();

/** Returns the lowercase hex of `count` words that begin at `words[at]`, least significant word first. */
export function hexOfWords(words: Uint32Array, at: number, count: 2 | 4): string {
  const text = new Uint8Array(count * 8);
  let out = 0;
  for (let word = at + count - 1; word >= at; word--) {
    const value = words[word] ?? 0;
    for (let shift = 28; shift >= 0; shift -= 4) text[out++] = HEX_DIGITS[(value >>> shift) & 15] ?? 0;
  }
  return String.fromCharCode(...text);
}

/** Returns the id as an unsigned integer, as DuckDB keeps it. `hex` must be hex digits only. */
export function integerOfHex(hex: string): bigint {
  return hex === '' ? 0n : BigInt(`0x${hex}`);
}

/** Returns the 32 lowercase hex digits of a trace id. */
export function traceIdOf(integer: bigint): string {
  return integer.toString(16).padStart(32, '0');
}

/** Returns the 16 lowercase hex digits of a span id. */
export function spanIdOf(integer: bigint): string {
  return integer.toString(16).padStart(16, '0');
}

/** A trace id, or the beginning of one, as a person gave it. */
export interface TraceReference {
  /** 1 to 32 lowercase hex digits; a prefix of the full id, or the id without its leading zeros. */
  readonly digits: string;
}

/**
 * Reads the ways in which people hold a trace id: hex (64 or 128 bit, with or without leading zeros, `0x`, dashes of a
 * UUID or of X-Ray's `1-…-…`), a prefix of it, a W3C `traceparent`, a `b3` header, an `uber-trace-id`.
 * Returns undefined when the text is none of these.
 */
export function parseTraceReference(text: string): TraceReference | undefined {
  const value = text
    .trim()
    .replace(/^(traceparent|b3|uber-trace-id)\s*[:=]\s*/i, '')
    .replace(/%3a/gi, ':')
    .toLowerCase();
  const header =
    /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/.exec(value) ?? // traceparent
    /^([0-9a-f]{1,32}):[0-9a-f]{1,16}:[0-9a-f]{1,16}:[0-9a-f]{1,2}$/.exec(value) ?? // uber-trace-id
    /^([0-9a-f]{32}|[0-9a-f]{16})-[0-9a-f]{16}(-[01d])?(-[0-9a-f]{16})?$/.exec(value); // b3
  const plain = header?.[1] ?? value.replace(/^(0x|1-(?=[0-9a-f]{8}-[0-9a-f]{24}$))/, '').replaceAll('-', '');
  return /^[0-9a-f]{1,32}$/.test(plain) ? { digits: plain } : undefined;
}

/** Returns `size` bytes that stand for an id which is not one: the beginning of its SHA-256, the same every time. */
export function inventedId(original: string | Uint8Array, size: 16 | 8): Uint8Array {
  // Loaded when the first such id comes: hardly any data has one, and node:crypto is slow to load.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(original).digest().subarray(0, size);
}
