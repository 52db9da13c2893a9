// JSON read in place, where it looks as machines write it; whatever else stands there is answered with false, and is for TypeScript.

export let position: u32 = 0;
let limit: u32 = 0;
/** The string read last, without its quotes. */
export let textFrom: u32 = 0;
export let textTo: u32 = 0;

/** Begins reading at `from`; the window ends at `to`. */
export function begin(from: u32, to: u32): void {
  position = from;
  limit = to;
}

/** Says whether what was read lies within the window. */
@inline
export function isWithin(): bool {
  return position <= limit;
}

export function moveTo(at: u32): void { position = at; }

/** Moves past white space. */
@inline
export function blank(): void {
  let byte: u32 = load<u8>(position);
  while (byte == 32 || byte == 10 || byte == 13 || byte == 9) byte = load<u8>(++position);
}

/** Moves past a byte, and the white space before and behind it. */
@inline
export function take(byte: u32): bool {
  if (load<u8>(position) != byte) {
    blank();
    if (load<u8>(position) != byte) return false;
  }
  position++;
  if (load<u8>(position) <= 32) blank();
  return true;
}

/** Behind a value in a container: 1 where another follows, 0 at the end, -1 for what is neither. */
@inline
export function next(close: u32): i32 {
  let byte: u32 = load<u8>(position);
  if (byte <= 32) {
    blank();
    byte = load<u8>(position);
  }
  position++;
  if (byte == 44) {
    if (load<u8>(position) <= 32) blank();
    return 1;
  }
  return byte == close ? 0 : -1;
}

/** The first quote, backslash or control character at or behind `at`; past the limit there may be none. */
@inline
export function scan(at: u32): u32 {
  const quote = i8x16.splat(34);
  const backslash = i8x16.splat(92);
  const control = i8x16.splat(31);
  while (true) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(
      v128.or(v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, backslash)), i8x16.le_u(bytes, control)),
    );
    if (mask != 0) return at + ctz(mask);
    at += 16;
    if (at > limit) return at;
  }
}

/** Reads a string without escapes. */
@inline
export function text(): bool {
  if (load<u8>(position) != 34) return false;
  textFrom = position + 1;
  textTo = scan(textFrom);
  if (textTo >= limit || load<u8>(textTo) != 34) return false;
  position = textTo + 1;
  return true;
}

/** Moves past a string, escapes and all; `position` is behind its opening quote. */
function passText(): bool {
  while (true) {
    position = scan(position);
    if (position >= limit) return false;
    const byte = load<u8>(position);
    if (byte == 34) {
      position++;
      return true;
    }
    if (byte != 92) return false;
    position += 2;
  }
}

/** Moves past the object that begins here. False where it does not end, or may be one that was cut off before a new line. */
export function passObject(): bool {
  let depth: u32 = 0;
  while (true) {
    const byte = load<u8>(position++);
    if (byte == 34) {
      if (!passText()) return false;
    } else if (byte == 123 || byte == 91) {
      if (depth > 0 && load<u8>(position - 2) == 10) return false;
      depth++;
    } else if (byte == 125 || byte == 93) {
      if (--depth == 0) return true;
    } else if (byte == 0) return false;
    if (position >= limit) return false;
  }
}

/** Eight digits at once. https://lemire.me/blog/2022/01/21/swar-explained-parsing-eight-digits/ */
@inline
function eight(digits: u64): u64 {
  let value = digits & 0x0f0f_0f0f_0f0f_0f0f;
  value = (value * 2561) >> 8 & 0x00ff_00ff_00ff_00ff;
  value = (value * 6553601) >> 16 & 0x0000_ffff_0000_ffff;
  return (value * 42949672960001) >> 32;
}

/** Reads an unsigned integer, bare or as a string, below 2^63, into `integer`. */
export let integer: u64 = 0;
@inline
export function number(): bool {
  const isQuoted = load<u8>(position) == 34;
  let at = position + u32(isQuoted);
  const isDigit = i8x16.lt_u(i8x16.sub(v128.load(at), i8x16.splat(48)), i8x16.splat(10));
  const count: u32 = ctz(~i8x16.bitmask(isDigit));
  if (count == 0) return false;
  // Bytes shifted in before the digits are zeros, as good as digits.
  if (count <= 8) integer = eight(load<u64>(at) << ((8 - count) << 3));
  else integer = eight(load<u64>(at) << ((16 - count) << 3)) * 100_000_000 + eight(load<u64>(at + count - 8));
  at += count;
  if (count == 16) {
    // Nanoseconds since the epoch have 19 digits until the year 2286.
    const most = at + 3;
    let digit: u32 = <u32>load<u8>(at) - 48;
    while (digit < 10 && at < most) {
      integer = integer * 10 + digit;
      digit = <u32>load<u8>(++at) - 48;
    }
  }
  const behind: u32 = load<u8>(at);
  position = at + u32(isQuoted);
  if (<i64>integer < 0) return false;
  return isQuoted ? behind == 34 : behind == 44 || behind == 125 || behind <= 32;
}

/** Reads microseconds, below 2^63 nanoseconds; `integer` is in nanoseconds. */
@inline
export function microseconds(): bool {
  if (!number() || integer > 9_223_372_036_854_775) return false;
  integer *= 1000;
  return true;
}

/** False where an id was met, since this was set to true, that is no hex. */
export let isHex: bool = true;
export function expectHex(): void { isHex = true; }

/** The 16 hex digits at `at`. */
@inline
export function hex16(at: u32): u64 {
  return valueOfHex(v128.load(at));
}

/** The 1 to 16 hex digits that end at `to`. */
@inline
function hexBefore(to: u32, count: u32): u64 {
  // Zeros stand for what is before them.
  const isDigit = i8x16.ge_u(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(<i8>(16 - count)));
  return valueOfHex(v128.bitselect(v128.load(to - 16), i8x16.splat(48), isDigit));
}

/** Reads a trace id of 1 to 32 hex digits into `high` and `low`. */
export let high: u64 = 0;
export let low: u64 = 0;
export function traceId(): bool {
  if (!text()) return false;
  const count = textTo - textFrom;
  if (count == 32) {
    high = hex16(textFrom);
    low = hex16(textFrom + 16);
  } else if (count == 16) {
    high = 0;
    low = hex16(textFrom);
  } else if (count < 16) {
    high = 0;
    low = hexBefore(textTo, count);
  } else {
    high = hexBefore(textTo - 16, count - 16);
    low = hex16(textTo - 16);
  }
  return count - 1 < 32;
}

/** Reads a span id of 1 to 16 hex digits into `low`. */
export function spanId(): bool {
  if (!text()) return false;
  const count = textTo - textFrom;
  low = count == 16 ? hex16(textFrom) : hexBefore(textTo, count);
  return count - 1 < 16;
}

@inline
function valueOfHex(bytes: v128): u64 {
  const lower = v128.or(bytes, i8x16.splat(32));
  const decimal = i8x16.sub(bytes, i8x16.splat(48));
  const letter = i8x16.sub(lower, i8x16.splat(97));
  const isDecimal = i8x16.lt_u(decimal, i8x16.splat(10));
  const isLetter = i8x16.lt_u(letter, i8x16.splat(6));
  if (!i8x16.all_true(v128.or(isDecimal, isLetter))) isHex = false;
  const nibbles = v128.bitselect(decimal, i8x16.add(letter, i8x16.splat(10)), isDecimal);
  // Pairs of nibbles to bytes: high nibble first.
  const pairs = v128.and(v128.or(i16x8.shl(nibbles, 4), i16x8.shr_u(nibbles, 8)), i16x8.splat(255));
  return bswap<u64>(i64x2.extract_lane(i8x16.narrow_i16x8_u(pairs, pairs), 0));
}

/** The key read last, of at most 8 bytes, as a word. */
@inline
export function key(): u64 {
  const shift = (8 - (textTo - textFrom)) << 3;
  return load<u64>(textFrom) << shift >> shift;
}

/** Says whether the key read last, of at least 8 bytes, begins and ends with these. */
@inline
export function isKey(first: u64, last: u64): bool {
  return load<u64>(textFrom) == first && load<u64>(textTo - 8) == last;
}

/** Begins a list: 1 where it has items, 0 where it is empty, -1 for what is no list. */
@inline
export function open(bracket: u32, close: u32): i32 {
  if (!take(bracket)) return -1;
  if (load<u8>(position) != close) return 1;
  position++;
  return 0;
}

/** Moves past `null`, if it stands here. */
@inline
export function isNull(): bool {
  if (load<u32>(position) != 0x6c6c_756e) return false;
  position += 4;
  return true;
}

/** Moves past a string or a bare word such as a number, whatever is in it. */
@inline
export function passScalar(): bool {
  if (load<u8>(position) == 34) {
    position++;
    return passText();
  }
  const from = position;
  let byte: u32 = load<u8>(position);
  // Digits, signs, point and letters.
  while (byte - 48 < 10 || byte == 45 || byte == 46 || byte == 43 || (byte | 32) - 97 < 26) byte = load<u8>(++position);
  return position != from;
}

/** Moves past any value. A bare word must be one of JSON's, or begin as a number. */
export function passValue(): bool {
  const from = position;
  const byte: u32 = load<u8>(from);
  if (byte == 123 || byte == 91) return passObject();
  if (!passScalar()) return false;
  if (byte == 34 || byte == 45 || byte - 48 < 10) return true;
  const length = position - from;
  const word = load<u32>(from);
  // null, true, false
  return length == 4 ? word == 0x6c6c_756e || word == 0x6575_7274 : length == 5 && word == 0x736c_6166 && load<u8>(from, 4) == 101;
}
