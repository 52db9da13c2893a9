import * as host from "./host";
import { scan } from "./json";
import {
  ARENA, ARENA_BYTES, DIGITS, DISTINCT, KEYS, LONGEST_VALUE, NEW_COUNT, NEW_KEY, NEW_TEXT, NEW_TEXT_BYTES, NEW_TEXT_END, NEW_TYPE, NOWHERE,
  TABLE, TABLE_SLOTS, TOTAL_USES, USES, WAITING, WAITING_BYTES, WAITING_COUNT,
} from "./memory";
import * as run from "./run";
import { copy, equal, hashOf } from "./texts";

// Attribute values: those of the common types are read, looked up and given ids here; all else is asked of the host, which gives ids
// of the same row (src/formats/lane/lane.ts takes what is new here before it asks). What is said at the top of
// src/formats/columns/value-dictionary.ts holds here, too: values that hardly ever come again are not remembered but defined anew.

// `ValueType` of src/model/attributes.ts.
const STRING: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const TYPE_BITS: u32 = 3;

/** As in src/formats/columns/value-dictionary.ts. */
const MAX_VALUES: u32 = 65_536;
const TRIAL_VALUES: u32 = 4096;
const SINGLE_USE: u32 = MAX_VALUES + 1;
const MAX_PROBES: u32 = 64;
const FIRST_SLOTS: u32 = 1 << 13;
/**
 * No two decimals of at most so many digits read as the same double. So one that ends in no zero is the shortest that reads as its own: the
 * form in which doubles are stored, which has an exponent below 10^-6.
 */
const EXACT_DIGITS: u32 = 15;
const ABOVE_EXACT: f64 = 1e15;
const LEAST_PLAIN: f64 = 1e-6;
/** Bytes before those of a value in the arena: key and type, id, length. */
const HEADER: u32 = 12;

// ---- ids

let nextId: u32 = 0;
let newCount: u32 = 0;
let arenaEnd: u32 = ARENA;
let entries: u32 = 0;
let slots: u32 = FIRST_SLOTS;

/** Has the next new value take this id. */
export function continueIds(next: u32): void {
  nextId = next;
}

/** How many values are new since the host took them. */
export function newValueCount(): u32 { return newCount; }

/** The host has taken what is new. */
export function valuesTaken(): void { newCount = 0; }

@inline
function newTextEnd(): u32 {
  return newCount == 0 ? 0 : load<u32>(NEW_TEXT_END + (newCount - 1) * 4);
}

// ---- reading

let keyFrom: u32 = 0;
let keyTo: u32 = 0;
let type: u32 = 0;
let textFrom: u32 = 0;
let textTo: u32 = 0;

/**
 * Reads the attribute that is written in the bytes: `run.foundKey`, and a value that waits for its id. False where it is for the host: a value
 * of a rarer type or form, or a key that says something else of its span than an attribute.
 */
export function read(form: u32, from: u32, to: u32): bool {
  let keyForm = run.FORM_KEY;
  if (form == run.FORM_PROTO_ATTRIBUTE) {
    if (!readProto(from, to)) return false;
  } else if (form == run.FORM_JSON_ATTRIBUTE) {
    if (!readOtlpJson(from, to)) return false;
  } else if (form == run.FORM_JAEGER_TAG || form == run.FORM_JAEGER_FIELD) {
    if (!readJaeger(from, to)) return false;
    keyForm = run.FORM_JAEGER_KEY;
  } else if (form == run.FORM_ZIPKIN_TAG) {
    if (!readZipkin(from, to)) return false;
    keyForm = run.FORM_ZIPKIN_KEY;
  } else return false;
  if (textTo - textFrom > LONGEST_VALUE || !isAscii(textFrom, textTo)) return false;
  const key = run.keyOf(keyForm, keyFrom, keyTo);
  if (key >= KEYS) return false;
  wait(form, from, to, key);
  run.setFoundKey(key);
  return true;
}

@inline
function isAscii(from: u32, to: u32): bool {
  let at = from;
  for (; at + 16 <= to; at += 16) if (i8x16.bitmask(v128.load(at)) != 0) return false;
  return at == to || (i8x16.bitmask(v128.load(at)) & ((1 << (to - at)) - 1)) == 0;
}

/** Sets the text to `true` or `false`. */
function setBool(value: bool): void {
  type = BOOL;
  store<u64>(DIGITS, value ? 0x6575_7274 : 0x65_736c_6166);
  textFrom = DIGITS;
  textTo = DIGITS + (value ? 4 : 5);
}

/** Sets the text to the digits of an integer. */
function setInteger(value: u64): void {
  type = INT;
  textTo = DIGITS + 24;
  let at = textTo;
  let rest = value;
  do {
    const quotient = rest / 10;
    store<u8>(--at, <u8>(48 + (rest - quotient * 10)));
    rest = quotient;
  } while (rest != 0);
  textFrom = at;
}

/** Sets the text to that of a double. False where it is longer than is known to be the shortest, or has an exponent. */
function setDouble(value: f64): bool {
  const size = abs(value);
  // Neither for NaN.
  if (!(size < ABOVE_EXACT && (size >= LEAST_PLAIN || size == 0))) return false;
  let decimals: u32 = 0;
  // 10^22 is the last power of ten that is a double: dividing by one rounds once, as reading the decimal does.
  let power: f64 = 1;
  let digits = nearest(size);
  while (digits / power != size) {
    decimals++;
    power *= 10;
    digits = nearest(size * power);
    if (digits >= ABOVE_EXACT) return false;
  }
  type = DOUBLE;
  textTo = DIGITS + 40;
  let at = textTo;
  let rest = <u64>digits;
  do {
    const quotient = rest / 10;
    store<u8>(--at, <u8>(48 + (rest - quotient * 10)));
    rest = quotient;
    if (decimals > 0 && --decimals == 0) store<u8>(--at, 46);
  } while (rest != 0 || decimals > 0 || load<u8>(at) == 46);
  if (<i64>reinterpret<u64>(value) < 0) store<u8>(--at, 45);
  textFrom = at;
  return true;
}

/** Takes the number at `at` as a double in the form in which it is stored; returns where it ends, or 0. */
function doubleEnd(at: u32): u32 {
  type = DOUBLE;
  textFrom = at;
  const first = at + u32(load<u8>(at) == 45);
  at = first;
  while (<u32>load<u8>(at) - 48 < 10) at++;
  const wholeEnd = at;
  if (at == first || (load<u8>(first) == 48 && at > first + 1)) return 0;
  textTo = at;
  if (load<u8>(at) == 46) {
    let digit: u32 = <u32>load<u8>(++at) - 48;
    if (digit > 9) return 0;
    for (; digit < 10; digit = <u32>load<u8>(at) - 48) {
      at++;
      if (digit != 0) textTo = at;
    }
  }
  const isFraction = textTo > wholeEnd;
  if (textTo - first - u32(isFraction) > EXACT_DIGITS) return 0;
  return isFraction && load<u64>(first) == 0x3030_3030_3030_2e30 ? 0 : at; // 0.000000
}

/** Takes the digits at `at` as an integer in the form in which it is stored; returns where they end, or 0. */
function integerEnd(at: u32): u32 {
  textFrom = at;
  type = INT;
  const isNegative = load<u8>(at) == 45;
  at += u32(isNegative);
  const first = at;
  while (<u32>load<u8>(at) - 48 < 10) at++;
  const count = at - first;
  // 18 digits always fit int64.
  if (count == 0 || count > 18 || (load<u8>(first) == 48 && (count > 1 || isNegative))) return 0;
  textTo = at;
  return at;
}

/** Takes the text at `at` up to its quote; returns where it ends behind that, or 0 where the text has an escape. */
@inline
function stringEnd(at: u32): u32 {
  type = STRING;
  textFrom = at;
  textTo = scan(at);
  return load<u8>(textTo) == 34 ? textTo + 1 : 0;
}

/** Takes the `true` or `false` at `at`; returns where it ends, or 0. */
function boolEnd(at: u32): u32 {
  const word = load<u32>(at);
  if (word == 0x6575_7274) { // true
    setBool(true);
    return at + 4;
  }
  if (word != 0x736c_6166 || load<u8>(at, 4) != 101) return 0; // false
  setBool(false);
  return at + 5;
}

/** A KeyValue of protobuf: 0a K key, 12 V and one field of an AnyValue. */
function readProto(from: u32, to: u32): bool {
  const keyLength: u32 = load<u8>(from, 1);
  keyFrom = from + 2;
  keyTo = keyFrom + keyLength;
  if (load<u8>(from) != 10 || keyLength > 127 || keyTo + 3 > to || load<u8>(keyTo) != 18) return false;
  let at = keyTo + 1;
  let length: u32 = load<u8>(at++);
  if (length > 127) length = (length & 127) | (<u32>load<u8>(at++) << 7);
  if (length < 2 || at + length != to) return false;
  const tag = load<u8>(at++);
  if (tag == 10) {
    length = load<u8>(at++);
    if (length > 127) length = (length & 127) | (<u32>load<u8>(at++) << 7);
    if (at + length != to) return false;
    type = STRING;
    textFrom = at;
    textTo = to;
    return true;
  }
  if (tag == 24) {
    // Of ten bytes: a negative number.
    if (to - at > 9) return false;
    let value: u64 = 0;
    let shift: u64 = 0;
    for (; at < to; at++, shift += 7) {
      const byte: u64 = load<u8>(at);
      if (byte > 127 != at + 1 < to) return false;
      value |= (byte & 127) << shift;
    }
    setInteger(value);
    return true;
  }
  if (tag == 33) return at + 8 == to && setDouble(load<f64>(at));
  if (tag != 16 || at + 1 != to || load<u8>(at) > 1) return false;
  setBool(load<u8>(at) == 1);
  return true;
}

/** `{"key":"K","value":{"stringValue":"V"}}`, `{"intValue":"1"}`, `{"intValue":1}`, `{"doubleValue":1.5}`, `{"boolValue":true}`. */
function readOtlpJson(from: u32, to: u32): bool {
  if (load<u64>(from) != 0x223a_2279_656b_227b) return false; // {"key":"
  keyFrom = from + 8;
  keyTo = scan(keyFrom);
  // ","value":{"
  if (load<u32>(keyTo) != 0x7622_2c22 || load<u64>(keyTo, 4) != 0x227b_3a22_6575_6c61) return false;
  const word = load<u64>(keyTo, 12);
  let end: u32 = 0;
  if (word == 0x6156_676e_6972_7473 && load<u32>(keyTo, 20) == 0x2265_756c && load<u16>(keyTo, 24) == 0x223a) { // stringValue":"
    end = stringEnd(keyTo + 26);
  } else if (word == 0x6575_6c61_5674_6e69 && load<u16>(keyTo, 20) == 0x3a22) { // intValue":
    const isQuoted = load<u8>(keyTo, 22) == 34;
    end = integerEnd(keyTo + 22 + u32(isQuoted));
    if (end == 0) return false;
    if (isQuoted && load<u8>(end++) != 34) return false;
  } else if (word == 0x756c_6156_6c6f_6f62 && load<u16>(keyTo, 20) == 0x2265 && load<u8>(keyTo, 22) == 58) { // boolValue":
    end = boolEnd(keyTo + 23);
  } else if (word == 0x6156_656c_6275_6f64 && load<u32>(keyTo, 20) == 0x2265_756c && load<u8>(keyTo, 24) == 58) { // doubleValue":
    end = doubleEnd(keyTo + 25);
  }
  return end != 0 && end + 2 == to && load<u16>(end) == 0x7d7d;
}

/** `{"key":"K","type":"string","value":"V"}`, `"int64","value":1`, `"float64","value":1.5`, `"bool","value":true`. */
function readJaeger(from: u32, to: u32): bool {
  if (load<u64>(from) != 0x223a_2279_656b_227b) return false; // {"key":"
  keyFrom = from + 8;
  keyTo = scan(keyFrom);
  // ","type":"
  if (load<u64>(keyTo) != 0x2265_7079_7422_2c22 || load<u16>(keyTo, 8) != 0x223a) return false;
  const typeEnd = scan(keyTo + 10);
  // ","value":
  if (load<u64>(typeEnd) != 0x6575_6c61_7622_2c22 || load<u16>(typeEnd, 8) != 0x3a22) return false;
  const at = typeEnd + 10;
  const word = load<u64>(keyTo, 10);
  let end: u32 = 0;
  if (word << 16 == 0x676e_6972_7473 << 16 && typeEnd == keyTo + 16) { // string
    if (load<u8>(at) == 34) end = stringEnd(at + 1);
  } else if (word << 24 == 0x34_3674_6e69 << 24 && typeEnd == keyTo + 15) end = integerEnd(at); // int64
  else if (word << 8 == 0x34_3674_616f_6c66 << 8 && typeEnd == keyTo + 17) end = doubleEnd(at); // float64
  else if (<u32>word == 0x6c6f_6f62 && typeEnd == keyTo + 14) end = boolEnd(at); // bool
  return end != 0 && end + 1 == to && load<u8>(end) == 125;
}

/** `"K":"V"`. */
function readZipkin(from: u32, to: u32): bool {
  keyFrom = from + 1;
  keyTo = scan(keyFrom);
  if (load<u16>(keyTo) != 0x3a22 || load<u8>(keyTo, 2) != 34) return false;
  return stringEnd(keyTo + 3) == to;
}

// ---- ids of values

// The dictionary is larger than what a processor keeps at hand, so to look a value up is to wait for memory twice: for its slot, and for
// what is known there. So values wait until there are some of them; then memory is asked for all at once, which takes hardly longer than for one.

let waiting: u32 = 0;
/** Those of spans that belong to the run. */
let committed: u32 = 0;

// Of one that waits: where its id goes, key and type, its text, the hash of that, and the bytes that it was read from; then its text, where
// that is not in the input.
const TAG: usize = 4;
const FROM: usize = 8;
const LENGTH: usize = 12;
const HASH: usize = 16;
const FORM: usize = 24;
const INPUT_FROM: usize = 28;
const INPUT_TO: usize = 32;
/** While ids are looked up: what is known in its slot. */
const PLACE: usize = 36;
const OWN_TEXT: u32 = 40;

/** Has the value that was read wait for its id. */
function wait(form: u32, from: u32, to: u32, key: u32): void {
  if (waiting == WAITING_COUNT) settle();
  const at = WAITING + waiting * WAITING_BYTES;
  waiting++;
  const length = textTo - textFrom;
  const tag = (key << TYPE_BITS) | type;
  store<u32>(at, NOWHERE);
  store<u32>(at, tag, TAG);
  store<u32>(at, length, LENGTH);
  store<u64>(at, hashOf(textFrom, length, tag), HASH);
  store<u32>(at, form, FORM);
  store<u32>(at, from, INPUT_FROM);
  store<u32>(at, to, INPUT_TO);
  if (textFrom >= from && textFrom < to) store<u32>(at, textFrom, FROM);
  else {
    copy(at + OWN_TEXT, textFrom, length);
    store<u32>(at, at + OWN_TEXT, FROM);
  }
}

/** Has the id of the value that was read last go to `at`. */
export function sendTo(at: u32): void {
  store<u32>(WAITING + (waiting - 1) * WAITING_BYTES, at);
}

/** The span in hand belongs to the run. */
export function commit(): void { committed = waiting; }

/** Gives ids to all values that wait; one that is new is defined. */
export function settle(): void {
  const end = WAITING + waiting * WAITING_BYTES;
  for (let at = WAITING; at < end; at += WAITING_BYTES) {
    const slot = slotOf(load<u64>(at, HASH));
    store<u32>(at, load<u32>(slot) == <u32>(load<u64>(at, HASH) >> 32) ? load<u32>(slot, 4) : 0, PLACE);
  }
  let touched: u32 = 0;
  for (let at = WAITING; at < end; at += WAITING_BYTES) touched |= load<u32>(load<u32>(at, PLACE));
  store<u32>(NOWHERE, touched);
  for (let at = WAITING; at < end; at += WAITING_BYTES) store<u32>(load<u32>(at), idOf(at));
  waiting = committed = 0;
}

/** The same for those of spans that belong to the run; the others are forgotten. */
export function settleCommitted(): void {
  waiting = committed;
  settle();
}

/** Id of the value that waits at `at`. */
function idOf(at: u32): u32 {
  const tag = load<u32>(at, TAG);
  const key = tag >> TYPE_BITS;
  const from = load<u32>(at, FROM);
  const length = load<u32>(at, LENGTH);
  const distinct = load<u32>(DISTINCT + key * 4);
  if (distinct >= MAX_VALUES) return define(tag, from, length);
  if (entries * 3 > slots * 2 && slots < TABLE_SLOTS) grow();
  const hash = load<u64>(at, HASH);
  const check = <u32>(hash >> 32);
  let slot = slotOf(hash);
  let probes: u32 = 0;
  for (; probes < MAX_PROBES; probes++) {
    const place = load<u32>(slot, 4);
    if (place == 0) break;
    if (load<u32>(slot) == check && load<u32>(place) == tag && load<u32>(place, 8) == length && equal(place + HEADER, from, length)) {
      const id = load<u32>(place, 4);
      // It has come again, so it may come often. What came once only would drive out what does.
      run.remember(load<u32>(at, FORM), load<u32>(at, INPUT_FROM), load<u32>(at, INPUT_TO), key, id);
      return id;
    }
    slot = slotAfter(slot);
  }
  const id = define(tag, from, length);
  const end = arenaEnd + HEADER + length;
  if (probes == MAX_PROBES || end > ARENA + ARENA_BYTES) return id;
  store<u32>(slot, check);
  store<u32>(slot, arenaEnd, 4);
  store<u32>(arenaEnd, tag);
  store<u32>(arenaEnd, id, 4);
  store<u32>(arenaEnd, length, 8);
  copy(arenaEnd + HEADER, from, length);
  arenaEnd = (end + 3) & ~3;
  entries++;
  const count = distinct + 1;
  const uses = load<u32>(TOTAL_USES + key * 4) + load<u32>(USES + key * 4);
  const isSingleUse = count % TRIAL_VALUES == 0 && <i32>(uses - count) < <i32>(count / 64);
  store<u32>(DISTINCT + key * 4, isSingleUse ? SINGLE_USE : count);
  return id;
}

@inline
function slotOf(hash: u64): u32 {
  return TABLE + (<u32>hash & (slots - 1)) * 8;
}

@inline
function slotAfter(slot: u32): u32 {
  const next = slot + 8;
  return next == TABLE + slots * 8 ? TABLE : next;
}

/** Twice as many slots: values are entered again, in the order in which they lie in the arena. */
function grow(): void {
  slots *= 2;
  memory.fill(TABLE, 0, slots * 8);
  for (let place = ARENA; place < arenaEnd; ) {
    const length = load<u32>(place, 8);
    const hash = hashOf(place + HEADER, length, load<u32>(place));
    let slot = slotOf(hash);
    let probes: u32 = 0;
    for (; load<u32>(slot, 4) != 0 && probes < MAX_PROBES; probes++) slot = slotAfter(slot);
    if (probes < MAX_PROBES) {
      store<u32>(slot, <u32>(hash >> 32));
      store<u32>(slot, place, 4);
    }
    place = (place + HEADER + length + 3) & ~3;
  }
}

/** Gives a value an id of its own. */
function define(tag: u32, textFrom: u32, length: u32): u32 {
  let from = newTextEnd();
  if (newCount == NEW_COUNT || from + length > NEW_TEXT_BYTES) {
    host.takeValues();
    from = 0;
  }
  store<u32>(NEW_KEY + newCount * 4, tag >> TYPE_BITS);
  store<u8>(NEW_TYPE + newCount, tag & ((1 << TYPE_BITS) - 1));
  store<u32>(NEW_TEXT_END + newCount * 4, from + length);
  copy(NEW_TEXT + from, textFrom, length);
  newCount++;
  return nextId++;
}
