import * as answers from "./answers";
import * as host from "./host";
import {
  begin, expectHex, high, integer, isHex, isKey, isWithin, key, low, microseconds, moveTo, next, open, passScalar, passValue, position, spanId, take,
  text, textFrom, textTo, traceId,
} from "./json";
import * as run from "./run";
import * as tags from "./tags";
import * as words from "./words";

// Spans of Zipkin v2 JSON. What is odd about a span ends the run before it: no timestamp, links among the tags, ids that are no hex, values
// that have to be reported.

// As in src/model/span-batch.ts and status.ts.
const QUIRK_SHARED: u32 = 1;
const QUIRK_END_UNKNOWN: u32 = 4;
const QUIRK_SHARED_PARENT: u32 = 8;
const SHARED_SPAN_MASK: u64 = 0x6861_6c66_7365_7276;
const KIND_INTERNAL: u32 = 1;

// The span in hand.
let service: u32 = 0;
let resourceTags: u32 = 0;
let hasDuration: bool = false;
let isShared: bool = false;

/** Reads spans as `otlpJsonSpans` does. */
export function zipkinJsonSpans(from: u32, to: u32, emptyName: u32, isFirst: u32): void {
  begin(from, to);
  let first = isFirst != 0;
  while (!run.isFull()) {
    if (!first && !take(44)) return;
    first = false;
    run.beginSpan(emptyName);
    if (!span(emptyName) || !isWithin() || !run.isSound()) return;
    run.setQuirks(QUIRK_SHARED_PARENT | (isShared ? QUIRK_SHARED : 0) | (hasDuration ? 0 : QUIRK_END_UNKNOWN));
    if (isShared) run.setSpanId(run.spanId() ^ SHARED_SPAN_MASK);
    tags.finish(answers.READER_ZIPKIN, service, resourceTags);
    run.commitSpan();
    run.setCommitted(position);
  }
}

function span(emptyName: u32): bool {
  if (!take(123)) return false;
  tags.begin();
  run.setKind(KIND_INTERNAL);
  service = resourceTags = 0;
  hasDuration = isShared = false;
  expectHex();
  while (true) {
    if (!text() || !take(58)) return false;
    switch (textTo - textFrom) {
      case 2:
        if (key() == words.ID) {
          if (!spanId()) return false;
          run.setSpanId(low);
        } else if (!passValue()) return false;
        break;
      case 4: {
        const word = key();
        if (word == words.TAGS) {
          if (!spanTags()) return false;
        } else if (word == words.NAME) {
          if (!text()) return false;
          run.find(run.FORM_NAME, textFrom, textTo);
          run.setName(run.foundValue);
        } else if (word == words.KIND) {
          if (!text()) return false;
          run.find(run.FORM_ZIPKIN_KIND, textFrom, textTo);
          run.setKind(run.foundValue);
        } else if (!passValue()) return false;
        break;
      }
      case 5:
        if (key() == words.DEBUG) {
          if (!flag()) return false;
          // "debug" means sampled at any cost.
          if (isSet) run.setFlags(1);
        } else if (!passValue()) return false;
        break;
      case 6:
        if (key() == words.SHARED) {
          if (!flag()) return false;
          isShared = isSet;
        } else if (!passValue()) return false;
        break;
      case 7:
        if (key() == words.TRACE_ID) {
          if (!traceId()) return false;
          run.setTraceId(high, low);
        } else if (!passValue()) return false;
        break;
      case 8: {
        const word = key();
        if (word == words.PARENT_ID) {
          if (!spanId()) return false;
          run.setParentId(low);
        } else if (word == words.DURATION) {
          if (!microseconds()) return false;
          run.setDuration(integer);
          hasDuration = true;
        } else if (!passValue()) return false;
        break;
      }
      case 9:
        if (isKey(words.TIMESTAMP, words.TIMESTAMP_END)) {
          if (!microseconds()) return false;
          run.setStart(integer);
        } else if (!passValue()) return false;
        break;
      case 11:
        if (isKey(words.ANNOTATIONS, words.ANNOTATIONS_END)) {
          if (!annotations(emptyName)) return false;
        } else if (!passValue()) return false;
        break;
      case 13:
        if (isKey(words.LOCAL_ENDPOINT, words.LOCAL_ENDPOINT_END)) {
          if (!endpoint(run.FORM_ZIPKIN_LOCAL)) return false;
        } else if (!passValue()) return false;
        break;
      case 14:
        if (isKey(words.REMOTE_ENDPOINT, words.REMOTE_ENDPOINT_END)) {
          if (!endpoint(run.FORM_ZIPKIN_REMOTE)) return false;
        } else if (!passValue()) return false;
        break;
      default:
        if (!passValue()) return false;
    }
    const more = next(125);
    if (more < 0) return false;
    if (more == 0) return isHex;
  }
}

/** Reads `true` and `false` into `isSet`. */
let isSet: bool = false;
function flag(): bool {
  if (load<u32>(position) == 0x6575_7274) { // true
    isSet = true;
    moveTo(position + 4);
    return true;
  }
  isSet = false;
  if (load<u32>(position) != 0x736c_6166 || load<u8>(position, 4) != 101) return false; // false
  moveTo(position + 5);
  return true;
}

/** Finds the field that begins here: `"key":value`. */
@inline
function pair(form: u32): bool {
  const from = position;
  if (!text() || !take(58) || !passScalar() || !isWithin()) return false;
  run.find(form, from, position);
  return true;
}

function endpoint(form: u32): bool {
  let has = open(123, 125);
  while (has == 1) {
    if (form == run.FORM_ZIPKIN_LOCAL ? !pair(run.FORM_ZIPKIN_LOCAL) : !pair(run.FORM_ZIPKIN_REMOTE)) return false;
    if (run.foundKey < tags.FIELD) {
      if (!run.addAttribute(run.foundKey, run.foundValue)) return false;
    } else if (run.foundKey == tags.SERVICE) service = run.foundValue;
    has = next(125);
  }
  return has == 0;
}

function spanTags(): bool {
  let has = open(123, 125);
  while (has == 1) {
    if (!pair(run.FORM_ZIPKIN_TAG)) return false;
    const found = run.foundKey;
    if (found < tags.FIELD) {
      if (!run.addAttribute(found, run.foundValue)) return false;
    } else if (found == tags.KIND) {
      if (run.kind == KIND_INTERNAL && run.foundValue != 0) run.setKind(run.foundValue);
    } else if (found == tags.RESOURCE_TAG) addResourceTag(run.foundValue);
    else if (!tags.take(found, run.foundValue)) return false;
    has = next(125);
  }
  return has == 0;
}

function addResourceTag(tag: u32): void {
  const question = answers.RESOURCE_TAG | answers.READER_ZIPKIN;
  if (!answers.knows(question, resourceTags, tag, 0, 0)) {
    answers.learn(question, resourceTags, tag, 0, 0, host.withResourceTag(resourceTags, tag), 0);
  }
  resourceTags = answers.answer;
}

function annotations(emptyName: u32): bool {
  let has = open(91, 93);
  while (has == 1) {
    if (!run.beginEvent(emptyName) || !take(123)) return false;
    let more: i32 = 1;
    while (more == 1) {
      if (!text() || !take(58)) return false;
      const length = textTo - textFrom;
      if (length == 9 && isKey(words.TIMESTAMP, words.TIMESTAMP_END)) {
        if (!microseconds()) return false;
        run.setEventTime(integer);
      } else if (length == 5 && key() == words.VALUE) {
        if (!annotationValue()) return false;
      } else if (!passValue()) return false;
      more = next(125);
    }
    if (more < 0) return false;
    has = next(93);
  }
  return has == 0;
}

function annotationValue(): bool {
  const from = position;
  if (load<u8>(from) != 34 || !passScalar() || !isWithin()) return false;
  run.find(run.FORM_ZIPKIN_EVENT, from, position);
  run.setEventName(run.foundValue);
  let at = run.foundList;
  for (let index: u32 = 0; index < run.foundKey; index++, at += 8) {
    if (!run.addEventAttribute(load<u32>(at), load<u32>(at, 4))) return false;
  }
  return true;
}
