import * as host from "./host";
import {
  ATTRIBUTES, ATTRIBUTE_END, DURATION, EVENT_ATTRIBUTES, EVENT_ATTRIBUTE_END, EVENT_NAME, EVENT_SPAN, EVENT_TIME, KEYS, LINK_ATTRIBUTES,
  LINK_ATTRIBUTE_END, LINK_SPAN, LINK_SPAN_ID, LINK_TRACE_ID, LONGEST, OPERATION, OPERATION_SLOTS, OPERATION_SLOT_COUNT, PARENT_ID, RING,
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
/** Counts spans and parts, so that SEEN need not be emptied. */
let serial: u32 = 0;
let spanSerial: u32 = 0;
/** One more than the highest key used in this run. */
let keyEnd: u32 = 0;
/** Stands for the service and scope in hand. */
let context: u32 = 0;

export let name: u32 = 0;
export let kind: u32 = 0;
export let flags: u32 = 0;
export let status: u32 = 0;
export let start: u64 = 0;
export let end: u64 = 0;

export function setName(value: u32): void { name = value; }
export function setKind(value: u32): void { kind = value; }
export function setFlags(value: u32): void { flags = value; }
export function setStatus(value: u32): void { status = value; }
export function setStart(value: u64): void { start = value; }
export function setEnd(value: u64): void { end = value; }

/** Where the last span of the run ends, also where an exception of the host ended the run. */
let committed: u32 = 0;
export function committedTo(): u32 { return committed; }
export function setCommitted(at: u32): void { committed = at; }

/** Begins a run of spans of one service and scope, which `newContext` stands for, at `from` in the input. */
export function beginRun(newContext: u32, from: u32): void {
  committed = from;
  spans = attributes = events = eventAttributes = links = linkAttributes = 0;
  memory.fill(USES, 0, keyEnd * 4);
  keyEnd = 0;
  context = newContext;
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
  if (serial > 0xf000_0000) {
    memory.fill(SEEN, 0, KEYS * 4);
    serial = 0;
  }
  spanSerial = ++serial;
  name = emptyName;
  kind = flags = status = 0;
  start = end = 0;
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
export function setSpanId(id: u64): void { store<u64>(SPAN_ID + spans * 8, id); }
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

/** Begins an event. Attributes of the span must not follow it: events and links share SEEN with their span. */
export function beginEvent(emptyName: u32): bool {
  if (handEvents == RUN_EVENTS) return false;
  const row = handEvents++;
  serial++;
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
  if (load<u32>(SEEN + key * 4) == serial) {
    store<u32>(EVENT_ATTRIBUTES + load<u32>(SEEN_AT + key * 4) * 4, value);
    return true;
  }
  store<u32>(SEEN + key * 4, serial);
  store<u32>(SEEN_AT + key * 4, handEventAttributes);
  store<u32>(EVENT_ATTRIBUTES + handEventAttributes * 4, value);
  handEventAttributes++;
  store<u32>(EVENT_ATTRIBUTE_END + (handEvents - 1) * 4, handEventAttributes);
  return true;
}

export function beginLink(): bool {
  if (handLinks == RUN_LINKS) return false;
  const row = handLinks++;
  serial++;
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
  if (load<u32>(SEEN + key * 4) == serial) {
    store<u32>(LINK_ATTRIBUTES + load<u32>(SEEN_AT + key * 4) * 4, value);
    return true;
  }
  store<u32>(SEEN + key * 4, serial);
  store<u32>(SEEN_AT + key * 4, handLinkAttributes);
  store<u32>(LINK_ATTRIBUTES + handLinkAttributes * 4, value);
  handLinkAttributes++;
  store<u32>(LINK_ATTRIBUTE_END + (handLinks - 1) * 4, handLinkAttributes);
  return true;
}

/** Adds the span in hand to the run. False, and nothing is added, where it is one that only TypeScript reads. */
export function commitSpan(): bool {
  const row = spans;
  const hasTraceId = (load<u64>(TRACE_ID + row * 16) | load<u64>(TRACE_ID + row * 16, 8)) != 0;
  if (!hasTraceId || load<u64>(SPAN_ID + row * 8) == 0) return false;
  // Times that are absent or in the wrong order have to be reported.
  if (start == 0 || end < start || <i64>end < 0) return false;
  store<u64>(START + row * 8, start);
  store<u64>(DURATION + row * 8, end - start);
  store<u32>(OPERATION + row * 4, operation());
  store<u32>(STATUS + row * 4, status);
  store<u32>(ATTRIBUTE_END + row * 4, handAttributes);
  attributes = handAttributes;
  events = handEvents;
  eventAttributes = handEventAttributes;
  links = handLinks;
  linkAttributes = handLinkAttributes;
  spans = row + 1;
  return true;
}

function operation(): u32 {
  let hash: u32 = name * 0x9e37_79b1 ^ context * 0x85eb_ca6b ^ (kind << 24 ^ flags) * 0xc2b2_ae35;
  hash ^= hash >> 15;
  const at = OPERATION_SLOTS + (hash & (OPERATION_SLOT_COUNT - 1)) * 20;
  const known = load<u32>(at, 16);
  if (
    known != 0 && load<u32>(at) == context && load<u32>(at, 4) == name && load<u32>(at, 8) == kind && load<u32>(at, 12) == flags
  ) return known - 1;
  const id = host.operationOf(name, kind, flags);
  store<u32>(at, context);
  store<u32>(at, name, 4);
  store<u32>(at, kind, 8);
  store<u32>(at, flags, 12);
  store<u32>(at, id + 1, 16);
  return id;
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

let ringTop: u32 = 0;
/** What was found, or made, last. */
export let foundKey: u32 = 0;
export let foundValue: u32 = 0;

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
  const slot = SLOTS + (<u32>hash & (SLOT_COUNT - 1)) * SLOT_BYTES;
  if (load<u64>(slot) == hash && load<u32>(slot, 12) == ((length << 2) | form)) {
    const position = load<u32>(slot, 8) - 1;
    if (ringTop - position < RING_BYTES && equal(RING + (position & (RING_BYTES - 1)), from, length)) {
      foundKey = load<u32>(slot, 16);
      foundValue = load<u32>(slot, 20);
      return;
    }
  }
  make(form, from, to, hash, slot);
}

function make(form: u32, from: u32, to: u32, hash: u64, slot: u32): void {
  if (form == FORM_NAME) {
    foundKey = 0;
    foundValue = host.nameOf(from, to);
  } else {
    foundKey = host.attributeKey(from, to);
    foundValue = host.attributeValue();
  }
  const length = to - from;
  if (length > LONGEST) return;
  if (ringTop > 0x7000_0000) {
    memory.fill(SLOTS, 0, SLOT_COUNT * SLOT_BYTES);
    ringTop = 0;
  }
  memory.copy(RING + (ringTop & (RING_BYTES - 1)), from, length);
  store<u64>(slot, hash);
  store<u32>(slot, ringTop + 1, 8);
  store<u32>(slot, (length << 2) | form, 12);
  store<u32>(slot, foundKey, 16);
  store<u32>(slot, foundValue, 20);
  ringTop += (length + 15) & ~15;
}
