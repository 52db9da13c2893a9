import * as host from "./host";
import * as run from "./run";
import * as words from "./words";

// Spans of OTLP JSON in the form that the specification gives and nearly all producers write. Whatever else stands there ends the run
// before its span: unknown and snake_case keys, escapes in names, odd ids, enum names, values that have to be reported.

let position: u32 = 0;
let limit: u32 = 0;
/** The string read last, without its quotes. */
let textFrom: u32 = 0;
let textTo: u32 = 0;

/**
 * Reads spans from `from`: objects with commas between, where `isFirst` is 0 behind a comma. `to` is the end of the window; `emptyName` the
 * id of the empty name.
 */
export function jsonSpans(from: u32, to: u32, emptyName: u32, isFirst: u32): void {
  position = from;
  limit = to;
  let first = isFirst != 0;
  while (!run.isFull()) {
    if (!first && !take(44)) return;
    first = false;
    run.beginSpan(emptyName);
    if (!span(emptyName) || position > limit || !run.commitSpan()) return;
    run.setCommitted(position);
  }
}

@inline
function blank(): void {
  let byte: u32 = load<u8>(position);
  while (byte == 32 || byte == 10 || byte == 13 || byte == 9) byte = load<u8>(++position);
}

/** Moves past a byte, and the white space before and behind it. */
@inline
function take(byte: u32): bool {
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
function next(close: u32): i32 {
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
function scan(at: u32): u32 {
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
function text(): bool {
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
function passObject(): bool {
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

/** Decimal digits at `at`, at most 19; `digitsEnd` is behind them. */
let digitsEnd: u32 = 0;
@inline
function digits(at: u32): u64 {
  let value: u64 = 0;
  const most = at + 19;
  let byte: u32 = <u32>load<u8>(at) - 48;
  while (byte < 10 && at < most) {
    value = value * 10 + byte;
    byte = <u32>load<u8>(++at) - 48;
  }
  digitsEnd = at;
  return value;
}

/** Eight digits at once. https://lemire.me/blog/2022/01/21/swar-explained-parsing-eight-digits/ */
@inline
function eight(at: u32): u64 {
  let value = load<u64>(at) & 0x0f0f_0f0f_0f0f_0f0f;
  value = (value * 2561) >> 8 & 0x00ff_00ff_00ff_00ff;
  value = (value * 6553601) >> 16 & 0x0000_ffff_0000_ffff;
  return (value * 42949672960001) >> 32;
}

@inline
function areDigits(bytes: v128): bool {
  return i8x16.all_true(i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(48)), i8x16.splat(10)));
}

/** Reads an unsigned integer, bare or as a string, below 2^63. */
let integer: u64 = 0;
@inline
function number(): bool {
  const isQuoted = load<u8>(position) == 34;
  const at = position + u32(isQuoted);
  // Nanoseconds since the epoch have 19 digits until the year 2286.
  if (areDigits(v128.load(at)) && areDigits(v128.load(at + 3))) {
    integer = eight(at) * 100_000_000_000 + eight(at + 8) * 1000 + <u64>(load<u8>(at + 16) - 48) * 100
      + <u64>(load<u8>(at + 17) - 48) * 10 + <u64>(load<u8>(at + 18) - 48);
    digitsEnd = at + 19;
  } else integer = digits(at);
  const behind: u32 = load<u8>(digitsEnd);
  position = digitsEnd + u32(isQuoted);
  if (digitsEnd == at || <i64>integer < 0) return false;
  return isQuoted ? behind == 34 : behind == 44 || behind == 125 || behind <= 32;
}

/** The 16 hex digits at `at`; sets `isHex`. */
let isHex: bool = true;
@inline
function hex16(at: u32): u64 {
  const bytes = v128.load(at);
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
function key(): u64 {
  const shift = (8 - (textTo - textFrom)) << 3;
  return load<u64>(textFrom) << shift >> shift;
}

/** Says whether the key read last, of at least 8 bytes, begins and ends with these. */
@inline
function isKey(first: u64, last: u64): bool {
  return load<u64>(textFrom) == first && load<u64>(textTo - 8) == last;
}

@inline
function isAttributes(): bool {
  return isKey(words.ATTRIBUTES, words.ATTRIBUTES_END);
}

/** A count that is only read where it is 0: others are kept as attributes. */
@inline
function noneDropped(): bool {
  return number() && integer == 0;
}

function span(emptyName: u32): bool {
  if (!take(123)) return false;
  let eventsAt: u32 = 0;
  let linksAt: u32 = 0;
  isHex = true;
  while (true) {
    if (!text() || !take(58)) return false;
    switch (textTo - textFrom) {
      case 4: {
        const word = key();
        if (word == words.NAME) {
          if (!text()) return false;
          run.find(run.FORM_NAME, textFrom, textTo);
          run.setName(run.foundValue);
        } else if (word == words.KIND) {
          if (!number() || integer > 5) return false;
          run.setKind(<u32>integer);
        } else return false;
        break;
      }
      case 5: {
        const word = key();
        if (word == words.FLAGS) {
          if (!number() || integer > 0xffff_ffff) return false;
          run.setFlags(<u32>integer);
        } else if (word == words.LINKS && linksAt == 0 && load<u8>(position) == 91) {
          linksAt = position;
          if (!passObject()) return false;
        } else return false;
        break;
      }
      case 6: {
        const word = key();
        if (word == words.SPAN_ID) {
          if (!text() || textTo - textFrom != 16) return false;
          run.setSpanId(hex16(textFrom));
        } else if (word == words.STATUS) {
          if (!status()) return false;
        } else if (word == words.EVENTS && eventsAt == 0 && load<u8>(position) == 91) {
          eventsAt = position;
          if (!passObject()) return false;
        } else return false;
        break;
      }
      case 7:
        if (key() != words.TRACE_ID || !text() || textTo - textFrom != 32) return false;
        run.setTraceId(hex16(textFrom), hex16(textFrom + 16));
        break;
      case 10:
        if (isAttributes()) {
          if (!spanAttributes()) return false;
        } else if (!isKey(words.TRACE_STATE, words.TRACE_STATE_END) || !text() || textTo != textFrom) return false;
        break;
      case 12:
        if (!isKey(words.PARENT_SPAN_ID, words.PARENT_SPAN_ID_END) || !text()) return false;
        if (textTo - textFrom == 16) run.setParentId(hex16(textFrom));
        else if (textTo != textFrom) return false;
        break;
      case 15:
        if (!isKey(words.END_TIME, words.UNIX_NANO_END) || !number()) return false;
        run.setEnd(integer);
        break;
      case 17:
        // The 9th byte is the e of Time, which neither end covers.
        if (isKey(words.START_TIME, words.UNIX_NANO_END) && load<u8>(textFrom, 8) == 101) {
          if (!number()) return false;
          run.setStart(integer);
        } else if (!isKey(words.DROPPED_LINKS, words.DROPPED_LINKS_END) || !noneDropped()) return false;
        break;
      case 18:
        if (!isKey(words.DROPPED_EVENTS, words.DROPPED_EVENTS_END) || !noneDropped()) return false;
        break;
      case 22:
        if (!isKey(words.DROPPED_ATTRIBUTES, words.DROPPED_ATTRIBUTES_END) || !noneDropped()) return false;
        break;
      default:
        return false;
    }
    const more = next(125);
    if (more < 0) return false;
    if (more == 0) break;
  }
  if (!isHex) return false;
  // Events and links are read last, so that all attributes of the span stand before theirs.
  const endsAt = position;
  if (eventsAt != 0 && !events(eventsAt, emptyName)) return false;
  if (linksAt != 0 && !links(linksAt)) return false;
  position = endsAt;
  return true;
}

/** Begins a list: 1 where it has items, 0 where it is empty, -1 for what is no list. */
@inline
function open(bracket: u32, close: u32): i32 {
  if (!take(bracket)) return -1;
  if (load<u8>(position) != close) return 1;
  position++;
  return 0;
}

function status(): bool {
  const from = position;
  if (load<u16>(from) == 0x7d7b) { // {}
    position = from + 2;
    return true;
  }
  // {"code":N}
  const code = <u32>load<u8>(from, 8) - 48;
  if (load<u64>(from) == 0x3a2265646f63227b && code <= 2 && load<u8>(from, 9) == 125) {
    run.setStatus(code);
    position = from + 10;
    return true;
  }
  if (load<u8>(from) != 123 || !passObject()) return false;
  run.setStatus(host.statusOf(from, position));
  return true;
}

/** Finds the attribute that begins here: `{"key":"…","value":{…}}`. */
@inline
function attribute(): bool {
  const from = position;
  if (load<u64>(from) != 0x223a2279656b227b) return false; // {"key":"
  const keyEnd = scan(from + 8);
  // ","value":{
  if (load<u32>(keyEnd) != 0x76222c22 || load<u64>(keyEnd, 4) != 0x227b3a2265756c61) return false;
  const type = load<u64>(keyEnd, 12);
  let end: u32 = 0;
  if (type == 0x6156676e69727473 && load<u32>(keyEnd, 20) == 0x2265756c && load<u16>(keyEnd, 24) == 0x223a) { // stringValue":"
    end = scan(keyEnd + 26) + 1;
    if (load<u8>(end - 1) != 34) end = 0;
  } else if (type == 0x65756c6156746e69) { // intValue
    const isQuoted = load<u8>(keyEnd, 22) == 34;
    end = keyEnd + 22 + u32(isQuoted);
    if (load<u8>(end) == 45) end++;
    while (<u32>load<u8>(end) - 48 < 10) end++;
    if (isQuoted) end++;
  }
  if (end != 0 && load<u16>(end) == 0x7d7d) position = end + 2;
  else if (!passObject()) return false;
  if (position > limit) return false;
  run.find(run.FORM_JSON_ATTRIBUTE, from, position);
  return true;
}

function spanAttributes(): bool {
  const has = open(91, 93);
  if (has <= 0) return has == 0;
  while (true) {
    if (!attribute() || !run.addAttribute(run.foundKey, run.foundValue)) return false;
    const more = next(93);
    if (more <= 0) return more == 0;
  }
}

function events(at: u32, emptyName: u32): bool {
  position = at;
  let has = open(91, 93);
  while (has == 1) {
    if (!run.beginEvent(emptyName) || !take(123)) return false;
    let more: i32 = 1;
    while (more == 1) {
      if (!text() || !take(58)) return false;
      const length = textTo - textFrom;
      if (length == 12 && isKey(words.TIME, words.UNIX_NANO_END)) {
        if (!number()) return false;
        run.setEventTime(integer);
      } else if (length == 4 && key() == words.NAME) {
        if (!text()) return false;
        run.find(run.FORM_NAME, textFrom, textTo);
        run.setEventName(run.foundValue);
      } else if (length == 10 && isAttributes()) {
        let item = open(91, 93);
        while (item == 1) {
          if (!attribute() || !run.addEventAttribute(run.foundKey, run.foundValue)) return false;
          item = next(93);
        }
        if (item < 0) return false;
      } else if (length == 22 && isKey(words.DROPPED_ATTRIBUTES, words.DROPPED_ATTRIBUTES_END)) {
        if (!noneDropped()) return false;
      } else return false;
      more = next(125);
    }
    if (more < 0) return false;
    has = next(93);
  }
  return has == 0;
}

function links(at: u32): bool {
  position = at;
  let has = open(91, 93);
  while (has == 1) {
    if (!run.beginLink() || !take(123)) return false;
    let more: i32 = 1;
    while (more == 1) {
      if (!text() || !take(58)) return false;
      const length = textTo - textFrom;
      if (length == 7 && key() == words.TRACE_ID) {
        if (!text() || textTo - textFrom != 32) return false;
        run.setLinkTraceId(hex16(textFrom), hex16(textFrom + 16));
      } else if (length == 6 && key() == words.SPAN_ID) {
        if (!text() || textTo - textFrom != 16) return false;
        run.setLinkSpanId(hex16(textFrom));
      } else if (length == 10 && isAttributes()) {
        let item = open(91, 93);
        while (item == 1) {
          if (!attribute() || !run.addLinkAttribute(run.foundKey, run.foundValue)) return false;
          item = next(93);
        }
        if (item < 0) return false;
      } else if (length == 10 && isKey(words.TRACE_STATE, words.TRACE_STATE_END)) {
        if (!text() || textTo != textFrom) return false;
      } else if (length == 5 && key() == words.FLAGS) {
        if (!number()) return false;
      } else if (length == 22 && isKey(words.DROPPED_ATTRIBUTES, words.DROPPED_ATTRIBUTES_END)) {
        if (!noneDropped()) return false;
      } else return false;
      more = next(125);
    }
    if (more < 0) return false;
    has = next(93);
  }
  return has == 0 && isHex;
}
