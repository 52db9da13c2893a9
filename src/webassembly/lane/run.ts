import * as answers from "./answers";
import * as host from "./host";
import {
  ANSWER, ATTRIBUTES, ATTRIBUTE_END, BUCKETS, BUCKET_BYTES, DURATION, ENTRY_HEADER, EVENT_ATTRIBUTES, EVENT_ATTRIBUTE_END, EVENT_NAME, EVENT_SPAN,
  EVENT_TIME, KEYS, LINK_ATTRIBUTES, LINK_ATTRIBUTE_END, LINK_SPAN, LINK_SPAN_ID, LINK_TRACE_ID, LIST, LONGEST, OPERATION, PARENT_ID, PART_SEEN,
  PART_SEEN_AT, RESOURCE, RING, RING_BYTES, RUN_ATTRIBUTES, RUN_EVENTS, RUN_EVENT_ATTRIBUTES, RUN_LINKS, RUN_LINK_ATTRIBUTES, RUN_SPANS, SEEN,
  SEEN_AT, SLOTS, SPAN_ID, START, STATUS, TOTAL_USES, TRACE_ID, USES,
} from "./memory";
import { copy, equal, hashOf } from "./texts";
import * as values from "./values";

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

/** Ends the run: its values have their ids. */
export function endRun(): void {
  values.settleCommitted();
}

/** Begins a run at `from` in the input; the next new value gets the given id. Where all of its spans are of one resource and scope, these are the given ones. */
export function beginRun(newContext: u32, newResource: u32, from: u32, nextValueId: u32): void {
  values.continueIds(nextValueId);
  committed = from;
  spans = attributes = events = eventAttributes = links = linkAttributes = 0;
  for (let at: u32 = 0; at < keyEnd * 4; at += 4) store<u32>(TOTAL_USES + at, load<u32>(TOTAL_USES + at) + load<u32>(USES + at));
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

/** Has the value that was found go to `at`: now, or when it has its id. */
@inline
function place(at: u32, value: u32): void {
  if (foundWaits) values.sendTo(at);
  else store<u32>(at, value);
}

/** The same in place of another value, which may still wait. */
function replace(at: u32, value: u32): void {
  if (!foundWaits) values.settle();
  place(at, value);
}

/** Adds an attribute; a key that the span has already takes the new value. False where there is no room. */
@inline
export function addAttribute(key: u32, value: u32): bool {
  if (key >= KEYS) return false;
  const seen = SEEN + key * 4;
  store<u32>(USES + key * 4, load<u32>(USES + key * 4) + 1);
  if (key >= keyEnd) keyEnd = key + 1;
  if (load<u32>(seen) == spanSerial) {
    replace(ATTRIBUTES + load<u32>(SEEN_AT + key * 4) * 4, value);
    return true;
  }
  if (handAttributes == RUN_ATTRIBUTES) return false;
  store<u32>(seen, spanSerial);
  store<u32>(SEEN_AT + key * 4, handAttributes);
  place(ATTRIBUTES + handAttributes * 4, value);
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
    replace(EVENT_ATTRIBUTES + load<u32>(PART_SEEN_AT + key * 4) * 4, value);
    return true;
  }
  store<u32>(PART_SEEN + key * 4, partSerial);
  store<u32>(PART_SEEN_AT + key * 4, handEventAttributes);
  place(EVENT_ATTRIBUTES + handEventAttributes * 4, value);
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
    replace(LINK_ATTRIBUTES + load<u32>(PART_SEEN_AT + key * 4) * 4, value);
    return true;
  }
  store<u32>(PART_SEEN + key * 4, partSerial);
  store<u32>(PART_SEEN_AT + key * 4, handLinkAttributes);
  place(LINK_ATTRIBUTES + handLinkAttributes * 4, value);
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
  values.commit();
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
/** Keys of attributes, by what else a format says by them. */
export const FORM_KEY: u32 = 12;
export const FORM_JAEGER_KEY: u32 = 13;
export const FORM_ZIPKIN_KEY: u32 = 14;
/** Statuses: `foundValue` is the id. */
export const FORM_JSON_STATUS: u32 = 15;
export const FORM_PROTO_STATUS: u32 = 16;
const FORM_BITS: u32 = 5;

/** Where the next text goes, counted on; from the ring's size on, so that an empty slot is too far back. */
let ringTop: u32 = RING_BYTES;
/** What was found, or made, last. */
export let foundKey: u32 = 0;
export let foundValue: u32 = 0;
export let foundList: u32 = 0;
/** Whether the value waits for its id: then `foundValue` says nothing. */
let foundWaits: bool = false;
export function lastFound(): u32 { return foundValue; }

/** So many bytes behind a text in the ring `copy` may write to, which are those of the oldest text. */
const OVERSHOOT: u32 = 16;

@inline
function aligned(length: u32): u32 {
  return (length + 3) & ~3;
}

/** Finds or makes the attribute (or name, or status) in the bytes; see `foundKey` and `foundValue`. */
export function find(form: u32, from: u32, to: u32): void {
  const length = to - from;
  const hash = hashOf(from, length, form);
  foundWaits = false;
  if (!isKnown(form, from, length, hash)) make(form, from, to, hash);
}

/** Finds what was made of the bytes before, if it was. */
export function knows(form: u32, from: u32, to: u32): bool {
  const length = to - from;
  return isKnown(form, from, length, hashOf(from, length, form));
}

/** The slots that a text may stand in: the other halves of the hashes of four, then their positions in the ring. */
@inline
function bucketOf(hash: u64): u32 {
  return SLOTS + (<u32>hash & (BUCKETS - 1)) * BUCKET_BYTES;
}

@inline
function isKnown(form: u32, from: u32, length: u32, hash: u64): bool {
  const bucket = bucketOf(hash);
  let alike: u32 = i32x4.bitmask(i32x4.eq(v128.load(bucket), i32x4.splat(<u32>(hash >> 32))));
  for (; alike != 0; alike &= alike - 1) {
    const slot = bucket + (ctz(alike) << 2);
    const position = load<u32>(slot, 16);
    const entry = RING + (position & (RING_BYTES - 1));
    // Written over since, or partly so by `copy`.
    if (ringTop - position >= RING_BYTES - OVERSHOOT || load<u32>(entry) != ((length << FORM_BITS) | form)) continue;
    if (!equal(entry + ENTRY_HEADER, from, length)) continue;
    foundKey = load<u32>(entry, 4);
    foundValue = load<u32>(entry, 8);
    if (form == FORM_ZIPKIN_EVENT) foundList = entry + ENTRY_HEADER + aligned(length);
    if (slot != bucket) promote(slot);
    return true;
  }
  return false;
}

/** Has a slot change places with the one before it: a new text drives the last one out, which came again longest ago. */
function promote(slot: u32): void {
  for (let at = slot; at <= slot + 16; at += 16) {
    const before = load<u32>(at - 4);
    store<u32>(at - 4, load<u32>(at));
    store<u32>(at, before);
  }
}

function make(form: u32, from: u32, to: u32, hash: u64): void {
  if (form == FORM_NAME) {
    foundKey = 0;
    foundValue = host.nameOf(from, to);
  } else if (form == FORM_JSON_STATUS || form == FORM_PROTO_STATUS) {
    foundKey = 0;
    foundValue = host.statusOf(from, to);
  } else if (form == FORM_ZIPKIN_EVENT) {
    foundValue = host.eventName(from, to);
    foundKey = host.eventAttributeCount();
    foundList = LIST;
  } else if (values.read(form, from, to)) {
    foundWaits = true;
    return;
  } else {
    foundKey = host.attributeKey(form, from, to);
    foundValue = load<u32>(ANSWER);
    if (load<u32>(ANSWER, 4) == 0) return;
  }
  keep(form, from, to - from, hash);
}

/** Id of an attribute key in the bytes; one of `FIELD` or more (tags.ts) is none of an attribute, or not always. */
export function keyOf(form: u32, from: u32, to: u32): u32 {
  const length = to - from;
  const hash = hashOf(from, length, form);
  if (!isKnown(form, from, length, hash)) {
    foundKey = host.keyOf(form, from, to);
    keep(form, from, length, hash);
  }
  return foundKey;
}

export function setFoundKey(key: u32): void { foundKey = key; }

/** Remembers the attribute that was made of the bytes. */
export function remember(form: u32, from: u32, to: u32, key: u32, value: u32): void {
  const length = to - from;
  const hash = hashOf(from, length, form);
  if (isKnown(form, from, length, hash)) return;
  foundKey = key;
  foundValue = value;
  keep(form, from, length, hash);
}

/** Remembers what was made of the bytes. */
function keep(form: u32, from: u32, length: u32, hash: u64): void {
  if (length > LONGEST) return;
  if (ringTop > 0x7000_0000) {
    memory.fill(SLOTS, 0, BUCKETS * BUCKET_BYTES);
    ringTop = RING_BYTES;
  }
  const entry = RING + (ringTop & (RING_BYTES - 1));
  store<u32>(entry, (length << FORM_BITS) | form);
  store<u32>(entry, foundKey, 4);
  store<u32>(entry, foundValue, 8);
  copy(entry + ENTRY_HEADER, from, length);
  const last = bucketOf(hash) + 12;
  store<u32>(last, <u32>(hash >> 32));
  store<u32>(last, ringTop, 16);
  ringTop += ENTRY_HEADER + aligned(length);
  if (form == FORM_ZIPKIN_EVENT) {
    memory.copy(entry + ENTRY_HEADER + aligned(length), LIST, foundKey * 8);
    ringTop += aligned(foundKey * 8);
  }
}
