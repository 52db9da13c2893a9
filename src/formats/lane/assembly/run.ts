import * as answers from "./answers";
import * as host from "./host";
import {
  ANSWER, ATTRIBUTES, ATTRIBUTE_END, DURATION, EVENT_ATTRIBUTES, EVENT_ATTRIBUTE_END, EVENT_NAME, EVENT_SPAN, EVENT_TIME, KEYS, LINK_ATTRIBUTES,
  LINK_ATTRIBUTE_END, LINK_SPAN, LINK_SPAN_ID, LINK_TRACE_ID, LIST, LONGEST, OPERATION, PARENT_ID, PART_SEEN, PART_SEEN_AT, RESOURCE, RING,
  RING_BYTES, RUN_ATTRIBUTES, RUN_EVENTS, RUN_EVENT_ATTRIBUTES, RUN_LINKS, RUN_LINK_ATTRIBUTES, RUN_SPANS, SEEN, SEEN_AT, SLOTS, SLOT_BYTES,
  SLOT_COUNT, SPAN_ID, START, STATUS, TRACE_ID, USES,
} from "./memory";

// A run: the spans read since the last `beginRun`, as columns, and the caches that outlive it.

// ---- committed, and in hand

export let spans: u32 = 0;
let attributes: u32 = 0;
let events: u32 = 0;
let eventAttributes: u32 = 0;
let links: u32 = 0;
let linkAttributes: u32 = 0;

let handAttributes: u32 = 0;
let handEvents: u32 = 0;
let handEventAttributes: u32 = 0;
let handLinks: u32 = 0;
let handLinkAttributes: u32 = 0;
/** Count spans, and events and links, so that SEEN and PART_SEEN need not be emptied. */
let spanSerial: u32 = 0;
let partSerial: u32 = 0;
/** One more than the highest key used in this run. */
let keyEnd: u32 = 0;

/** Stands for the service and scope of the span in hand. */
let context: u32 = 0;
let resource: u32 = 0;
let operation: u32 = 0;
export let name: u32 = 0;
export let kind: u32 = 0;
let flags: u32 = 0;
let quirks: u32 = 0;
let status: u32 = 0;
/** Nanoseconds; 0 is no time. */
let start: u64 = 0;
let duration: u64 = 0;

export function setContext(value: u32): void { context = value; }
export function setResource(value: u32): void { resource = value; }
export function setName(value: u32): void { name = value; }
export function setKind(value: u32): void { kind = value; }
export function setFlags(value: u32): void { flags = value; }
export function setQuirks(value: u32): void { quirks = value; }
export function setStatus(value: u32): void { status = value; }
export function setStart(value: u64): void { start = value; }
export function setDuration(value: u64): void { duration = value; }

/** Where the last span of the run ends, also where an exception of the host ended the run. */
let committed: u32 = 0;
export function committedTo(): u32 { return committed; }
export function setCommitted(at: u32): void { committed = at; }

/** Begins a run at `from` in the input. Where all of its spans are of one resource and scope, these are the given ones. */
export function beginRun(newContext: u32, newResource: u32, from: u32): void {
  committed = from;
  spans = attributes = events = eventAttributes = links = linkAttributes = 0;
  memory.fill(USES, 0, keyEnd * 4);
  keyEnd = 0;
  context = newContext;
  resource = newResource;
}

export function isFull(): bool {
  return spans == RUN_SPANS;
}

export function beginSpan(emptyName: u32): void {
  handAttributes = attributes;
  handEvents = events;
  handEventAttributes = eventAttributes;
  handLinks = links;
  handLinkAttributes = linkAttributes;
  if (spanSerial == 0xffff_ffff) {
    memory.fill(SEEN, 0, KEYS * 4);
    spanSerial = 0;
  }
  spanSerial++;
  name = emptyName;
  kind = flags = quirks = status = 0;
  start = duration = 0;
  const row = spans;
  store<u64>(TRACE_ID + row * 16, 0);
  store<u64>(TRACE_ID + row * 16, 0, 8);
  store<u64>(SPAN_ID + row * 8, 0);
  store<u64>(PARENT_ID + row * 8, 0);
}

@inline
export function setTraceId(high: u64, low: u64): void {
  store<u64>(TRACE_ID + spans * 16, low);
  store<u64>(TRACE_ID + spans * 16, high, 8);
}
@inline
export function traceIdHigh(): u64 { return load<u64>(TRACE_ID + spans * 16, 8); }
@inline
export function traceIdLow(): u64 { return load<u64>(TRACE_ID + spans * 16); }
@inline
export function setSpanId(id: u64): void { store<u64>(SPAN_ID + spans * 8, id); }
@inline
export function spanId(): u64 { return load<u64>(SPAN_ID + spans * 8); }
@inline
export function setParentId(id: u64): void { store<u64>(PARENT_ID + spans * 8, id); }

/** Adds an attribute; a key that the span has already takes the new value. False where there is no room. */
@inline
export function addAttribute(key: u32, value: u32): bool {
  if (key >= KEYS) return false;
  const seen = SEEN + key * 4;
  store<u32>(USES + key * 4, load<u32>(USES + key * 4) + 1);
  if (key >= keyEnd) keyEnd = key + 1;
  if (load<u32>(seen) == spanSerial) {
    store<u32>(ATTRIBUTES + load<u32>(SEEN_AT + key * 4) * 4, value);
    return true;
  }
  if (handAttributes == RUN_ATTRIBUTES) return false;
  store<u32>(seen, spanSerial);
  store<u32>(SEEN_AT + key * 4, handAttributes);
  store<u32>(ATTRIBUTES + handAttributes * 4, value);
  handAttributes++;
  return true;
}

function beginPart(): void {
  if (partSerial == 0xffff_ffff) {
    memory.fill(PART_SEEN, 0, KEYS * 4);
    partSerial = 0;
  }
  partSerial++;
}

export function beginEvent(emptyName: u32): bool {
  if (handEvents == RUN_EVENTS) return false;
  const row = handEvents++;
  beginPart();
  store<u32>(EVENT_SPAN + row * 4, spans);
  store<u64>(EVENT_TIME + row * 8, 0);
  store<u32>(EVENT_NAME + row * 4, emptyName);
  store<u32>(EVENT_ATTRIBUTE_END + row * 4, handEventAttributes);
  return true;
}

export function setEventTime(time: u64): void { store<u64>(EVENT_TIME + (handEvents - 1) * 8, time); }
export function setEventName(id: u32): void { store<u32>(EVENT_NAME + (handEvents - 1) * 4, id); }

export function addEventAttribute(key: u32, value: u32): bool {
  if (key >= KEYS || handEventAttributes == RUN_EVENT_ATTRIBUTES) return false;
  if (load<u32>(PART_SEEN + key * 4) == partSerial) {
    store<u32>(EVENT_ATTRIBUTES + load<u32>(PART_SEEN_AT + key * 4) * 4, value);
    return true;
  }
  store<u32>(PART_SEEN + key * 4, partSerial);
  store<u32>(PART_SEEN_AT + key * 4, handEventAttributes);
  store<u32>(EVENT_ATTRIBUTES + handEventAttributes * 4, value);
  handEventAttributes++;
  store<u32>(EVENT_ATTRIBUTE_END + (handEvents - 1) * 4, handEventAttributes);
  return true;
}

export function beginLink(): bool {
  if (handLinks == RUN_LINKS) return false;
  const row = handLinks++;
  beginPart();
  store<u32>(LINK_SPAN + row * 4, spans);
  store<u64>(LINK_TRACE_ID + row * 16, 0);
  store<u64>(LINK_TRACE_ID + row * 16, 0, 8);
  store<u64>(LINK_SPAN_ID + row * 8, 0);
  store<u32>(LINK_ATTRIBUTE_END + row * 4, handLinkAttributes);
  return true;
}

export function setLinkTraceId(high: u64, low: u64): void {
  const at = LINK_TRACE_ID + (handLinks - 1) * 16;
  store<u64>(at, low);
  store<u64>(at, high, 8);
}
export function setLinkSpanId(id: u64): void { store<u64>(LINK_SPAN_ID + (handLinks - 1) * 8, id); }

export function addLinkAttribute(key: u32, value: u32): bool {
  if (key >= KEYS || handLinkAttributes == RUN_LINK_ATTRIBUTES) return false;
  if (load<u32>(PART_SEEN + key * 4) == partSerial) {
    store<u32>(LINK_ATTRIBUTES + load<u32>(PART_SEEN_AT + key * 4) * 4, value);
    return true;
  }
  store<u32>(PART_SEEN + key * 4, partSerial);
  store<u32>(PART_SEEN_AT + key * 4, handLinkAttributes);
  store<u32>(LINK_ATTRIBUTES + handLinkAttributes * 4, value);
  handLinkAttributes++;
  store<u32>(LINK_ATTRIBUTE_END + (handLinks - 1) * 4, handLinkAttributes);
  return true;
}

/** Says whether the span in hand can be added as it is: whatever has to be mended or reported is for TypeScript. */
export function isSound(): bool {
  const row = spans;
  const hasTraceId = (load<u64>(TRACE_ID + row * 16) | load<u64>(TRACE_ID + row * 16, 8)) != 0;
  return hasTraceId && load<u64>(SPAN_ID + row * 8) != 0 && <i64>start > 0 && <i64>duration >= 0;
}

/** Adds the span in hand to the run; it is sound, and its operation is known. */
export function commitSpan(): void {
  const row = spans;
  store<u64>(START + row * 8, start);
  store<u64>(DURATION + row * 8, duration);
  store<u32>(OPERATION + row * 4, operation);
  store<u32>(RESOURCE + row * 4, resource);
  store<u32>(STATUS + row * 4, status);
  store<u32>(ATTRIBUTE_END + row * 4, handAttributes);
  attributes = handAttributes;
  events = handEvents;
  eventAttributes = handEventAttributes;
  links = handLinks;
  linkAttributes = handLinkAttributes;
  spans = row + 1;
}

/** Adds the span in hand, of which the end is known, and whose service and scope are current in the host. False as `isSound`. */
export function commitEnded(end: u64): bool {
  if (end < start) return false;
  duration = end - start;
  if (!isSound() || <i64>end < 0) return false;
  if (!knowsOperation(answers.READER_OTLP)) askOperation(answers.READER_OTLP);
  commitSpan();
  return true;
}

/** Finds the operation of the span in hand among those that were asked for before. */
@inline
export function knowsOperation(reader: u32): bool {
  if (!answers.knows(answers.OPERATION | reader, context, name, kind | quirks << 8, flags)) return false;
  operation = answers.answer;
  return true;
}

/** Asks for the operation of the span in hand, whose service and scope are current in the host. */
export function askOperation(reader: u32): void {
  operation = host.operationOf(name, kind, flags, quirks);
  answers.learn(answers.OPERATION | reader, context, name, kind | quirks << 8, flags, operation, 0);
}

export function spanCount(): u32 { return spans; }
export function attributeCount(): u32 { return attributes; }
export function eventCount(): u32 { return events; }
export function eventAttributeCount(): u32 { return eventAttributes; }
export function linkCount(): u32 { return links; }
export function linkAttributeCount(): u32 { return linkAttributes; }
export function keyCount(): u32 { return keyEnd; }

// ---- the cache: attributes and names by the bytes in which they are written (see columns/attribute-cache.ts)

/** Which way of writing; equal bytes mean different things in different forms. */
export const FORM_NAME: u32 = 0;
export const FORM_JSON_ATTRIBUTE: u32 = 1;
export const FORM_PROTO_ATTRIBUTE: u32 = 2;
export const FORM_JAEGER_TAG: u32 = 3;
export const FORM_JAEGER_FIELD: u32 = 4;
export const FORM_JAEGER_REFERENCE: u32 = 5;
export const FORM_ZIPKIN_TAG: u32 = 6;
export const FORM_ZIPKIN_LOCAL: u32 = 7;
export const FORM_ZIPKIN_REMOTE: u32 = 8;
export const FORM_ZIPKIN_KIND: u32 = 9;
/** A whole event: `foundValue` is its name, `foundKey` how many pairs of attribute key and value stand at `foundList`. */
export const FORM_ZIPKIN_EVENT: u32 = 10;
export const FORM_JAEGER_PROCESS: u32 = 11;
const FORM_BITS: u32 = 4;

let ringTop: u32 = 0;
/** What was found, or made, last. */
export let foundKey: u32 = 0;
export let foundValue: u32 = 0;
export let foundList: u32 = 0;
export function lastFound(): u32 { return foundValue; }

@inline
function aligned(length: u32): u32 {
  return (length + 15) & ~15;
}

const K1: u64 = 0x9E37_79B9_7F4A_7C15;
const K2: u64 = 0xC2B2_AE3D_27D4_EB4F;

/** Reads up to 8 bytes before and 16 behind the text. */
@inline
function hashOf(from: u32, length: u32, form: u32): u64 {
  let a: u64 = <u64>length * K1 + form;
  let b: u64 = K2;
  if (length >= 16) {
    const last = from + length - 16;
    for (let at = from; at < last; at += 16) {
      a = (a ^ load<u64>(at)) * K1;
      b = (b ^ load<u64>(at, 8)) * K2;
      a ^= a >> 32;
      b ^= b >> 29;
    }
    a = (a ^ load<u64>(last)) * K1;
    b = (b ^ load<u64>(last, 8)) * K2;
  } else if (length >= 8) {
    a = (a ^ load<u64>(from)) * K1;
    b = (b ^ load<u64>(from + length - 8)) * K2;
  } else if (length > 0) a = (a ^ (load<u64>(from) << ((8 - length) << 3))) * K1;
  a ^= a >> 32;
  b ^= b >> 29;
  a = (a ^ rotl<u64>(b, 23)) * K2;
  a ^= a >> 29;
  a *= K1;
  return a ^ (a >> 32);
}

@inline
function equal(a: u32, b: u32, length: u32): bool {
  if (length >= 16) {
    const last = length - 16;
    for (let at: u32 = 0; at < last; at += 16) {
      if (v128.any_true(v128.xor(v128.load(a + at), v128.load(b + at)))) return false;
    }
    return !v128.any_true(v128.xor(v128.load(a + last), v128.load(b + last)));
  }
  if (length >= 8) return load<u64>(a) == load<u64>(b) && load<u64>(a + length - 8) == load<u64>(b + length - 8);
  return length == 0 || (load<u64>(a) ^ load<u64>(b)) << ((8 - length) << 3) == 0;
}

/** Finds or makes the attribute (or name) in the bytes; see `foundKey` and `foundValue`. */
@inline
export function find(form: u32, from: u32, to: u32): void {
  const length = to - from;
  const hash = hashOf(from, length, form);
  if (!isKnown(form, from, length, hash)) make(form, from, to, hash);
}

/** Finds what was made of the bytes before, if it was. */
export function knows(form: u32, from: u32, to: u32): bool {
  const length = to - from;
  return isKnown(form, from, length, hashOf(from, length, form));
}

/** The first of the two slots that a text may stand in. */
@inline
function slotsOf(hash: u64): u32 {
  return SLOTS + (<u32>hash & (SLOT_COUNT / 2 - 1)) * (2 * SLOT_BYTES);
}

@inline
function isKnown(form: u32, from: u32, length: u32, hash: u64): bool {
  const slot = slotsOf(hash);
  if (!holds(slot, form, from, length, hash)) {
    if (!holds(slot + SLOT_BYTES, form, from, length, hash)) return false;
    promote(slot);
  }
  foundKey = load<u32>(slot, 16);
  foundValue = load<u32>(slot, 20);
  if (form == FORM_ZIPKIN_EVENT) foundList = textIn(slot) + aligned(length);
  return true;
}

/** Where the text of a slot stands, if it was not written over. */
@inline
function textIn(slot: u32): u32 {
  return RING + ((load<u32>(slot, 8) - 1) & (RING_BYTES - 1));
}

@inline
function holds(slot: u32, form: u32, from: u32, length: u32, hash: u64): bool {
  if (load<u64>(slot) != hash || load<u32>(slot, 12) != ((length << FORM_BITS) | form)) return false;
  return ringTop - (load<u32>(slot, 8) - 1) < RING_BYTES && equal(textIn(slot), from, length);
}

/** Has the second of two slots change places with the first, out of which no new text drives it: it came again. */
function promote(slot: u32): void {
  for (let at = slot; at < slot + SLOT_BYTES; at += 16) {
    const first = v128.load(at);
    v128.store(at, v128.load(at, SLOT_BYTES));
    v128.store(at, first, SLOT_BYTES);
  }
}

function make(form: u32, from: u32, to: u32, hash: u64): void {
  if (form == FORM_NAME) {
    foundKey = 0;
    foundValue = host.nameOf(from, to);
  } else if (form == FORM_ZIPKIN_EVENT) {
    foundValue = host.eventName(from, to);
    foundKey = host.eventAttributeCount();
    foundList = LIST;
  } else {
    foundKey = host.attributeKey(form, from, to);
    foundValue = load<u32>(ANSWER);
    if (load<u32>(ANSWER, 4) == 0) return;
  }
  const length = to - from;
  if (length > LONGEST) return;
  if (ringTop > 0x7000_0000) {
    memory.fill(SLOTS, 0, SLOT_COUNT * SLOT_BYTES);
    ringTop = 0;
  }
  const text = RING + (ringTop & (RING_BYTES - 1));
  memory.copy(text, from, length);
  const slot = slotsOf(hash) + SLOT_BYTES;
  store<u64>(slot, hash);
  store<u32>(slot, ringTop + 1, 8);
  store<u32>(slot, (length << FORM_BITS) | form, 12);
  store<u32>(slot, foundKey, 16);
  store<u32>(slot, foundValue, 20);
  ringTop += aligned(length);
  if (form == FORM_ZIPKIN_EVENT) {
    memory.copy(text + aligned(length), LIST, foundKey * 8);
    ringTop += aligned(foundKey * 8);
  }
}
