import {
  begin, expectHex, hex16, integer, isHex, isKey, isWithin, key, moveTo, next, number, open, passObject, position, scan, take, text, textFrom,
  textTo,
} from "./json";
import * as run from "./run";
import * as words from "./words";

// Spans of OTLP JSON in the form that the specification gives and nearly all producers write. Whatever else stands there ends the run
// before its span: unknown and snake_case keys, escapes in names, odd ids, enum names, values that have to be reported.

/**
 * Reads spans from `from`: objects with commas between, where `isFirst` is 0 behind a comma. `to` is the end of the window; `emptyName` the
 * id of the empty name.
 */
export function otlpJsonSpans(from: u32, to: u32, emptyName: u32, isFirst: u32): void {
  begin(from, to);
  let first = isFirst != 0;
  while (!run.isFull()) {
    if (!first && !take(44)) return;
    first = false;
    run.beginSpan(emptyName);
    if (!span(emptyName) || !isWithin() || !run.commitEnded(endTime)) return;
    run.setCommitted(position);
  }
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

/** The end of the span in hand. */
let endTime: u64 = 0;

function span(emptyName: u32): bool {
  if (!take(123)) return false;
  endTime = 0;
  expectHex();
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
        } else if (word != words.LINKS || !links()) return false;
        break;
      }
      case 6: {
        const word = key();
        if (word == words.SPAN_ID) {
          if (!text() || textTo - textFrom != 16) return false;
          run.setSpanId(hex16(textFrom));
        } else if (word == words.STATUS) {
          if (!status()) return false;
        } else if (word != words.EVENTS || !events(emptyName)) return false;
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
        endTime = integer;
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
    if (more == 0) return isHex;
  }
}

function status(): bool {
  const from = position;
  if (load<u16>(from) == 0x7d7b) { // {}
    moveTo(from + 2);
    return true;
  }
  // {"code":N}
  const code = <u32>load<u8>(from, 8) - 48;
  if (load<u64>(from) == 0x3a2265646f63227b && code <= 2 && load<u8>(from, 9) == 125) {
    run.setStatus(code);
    moveTo(from + 10);
    return true;
  }
  if (load<u8>(from) != 123 || !passObject()) return false;
  run.find(run.FORM_JSON_STATUS, from, position);
  run.setStatus(run.foundValue);
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
  if (end != 0 && load<u16>(end) == 0x7d7d) moveTo(end + 2);
  else if (!passObject()) return false;
  if (!isWithin()) return false;
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

function events(emptyName: u32): bool {
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

function links(): bool {
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
  return has == 0;
}
