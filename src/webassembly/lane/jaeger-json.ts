import * as answers from "./answers";
import * as host from "./host";
import {
  begin, blank, expectHex, high, integer, isHex, isKey, isNull, isWithin, key, low, microseconds, moveTo, next, number, open, passObject,
  passScalar, passValue, position, scan, spanId, take, text, textFrom, textTo, traceId,
} from "./json";
import { LENGTHS, LENGTHS_OF_SET, LENGTH_SETS, REFERENCES, REFERENCE_BYTES, REFERENCE_COUNT } from "./memory";
import * as run from "./run";
import * as tags from "./tags";
import * as words from "./words";

// Spans of a Jaeger trace as Jaeger's query API and downloads of its UI have them. What is odd about a span ends the run before it: ids that
// are no hex, tags as an object, warnings, values that have to be reported.

/** Stands for the trace in hand, whose processes have numbers of their own. */
let trace: u32 = 0;
/** Stands for spans whose service is not known yet. */
let unplaced: u32 = 0;

// The span in hand.
let references: u32 = 0;
let parentId: u64 = 0;
let processFrom: u32 = 0;
let processTo: u32 = 0;
/** One more than the resource that the span describes itself; 0 where it names one of its trace. */
let embedded: u32 = 0;

/** Reads spans as `otlpJsonSpans` does, into a run whose resources are numbers of processes. */
export function jaegerJsonSpans(from: u32, to: u32, emptyName: u32, isFirst: u32, newTrace: u32, context: u32): void {
  begin(from, to);
  trace = newTrace;
  unplaced = context;
  let first = isFirst != 0;
  while (!run.isFull()) {
    if (!first && !take(44)) return;
    first = false;
    run.beginSpan(emptyName);
    blank();
    const start = position;
    if (!span(emptyName) || !isWithin() || !run.isSound() || !useReferences()) return;
    tags.finish(answers.READER_JAEGER, unplaced, 0);
    // Asked for last: a process that is asked for is one that a span of the trace has.
    if (!setProcess(start)) return;
    run.commitSpan();
    run.setCommitted(position);
  }
}

function span(emptyName: u32): bool {
  if (!take(123)) return false;
  tags.begin();
  references = 0;
  parentId = 0;
  processFrom = processTo = embedded = 0;
  expectHex();
  while (true) {
    if (!text() || !take(58)) return false;
    switch (textTo - textFrom) {
      case 4: {
        const word = key();
        if (word == words.TAGS) {
          if (!spanTags()) return false;
        } else if (word == words.LOGS) {
          if (!logs(emptyName)) return false;
        } else if (!passValue()) return false;
        break;
      }
      case 5:
        if (key() == words.FLAGS) {
          if (!number() || integer > 0xffff_ffff) return false;
          run.setFlags(<u32>integer & 1);
        } else if (!passValue()) return false;
        break;
      case 6:
        if (key() == words.JAEGER_SPAN_ID) {
          if (!spanId()) return false;
          run.setSpanId(low);
        } else if (!passValue()) return false;
        break;
      case 7: {
        const word = key();
        if (word == words.JAEGER_TRACE_ID) {
          if (!traceId()) return false;
          run.setTraceId(high, low);
        } else if (word == words.PROCESS) {
          if (!process()) return false;
          embedded = run.foundValue + 1;
        } else if (!passValue()) return false;
        break;
      }
      case 8: {
        const word = key();
        if (word == words.DURATION) {
          if (!microseconds()) return false;
          run.setDuration(integer);
        } else if (word == words.WARNINGS) {
          if (!isNothing()) return false;
        } else if (!passValue()) return false;
        break;
      }
      case 9:
        if (isKey(words.JAEGER_START, words.JAEGER_START_END)) {
          if (!microseconds()) return false;
          run.setStart(integer);
        } else if (isKey(words.JAEGER_PROCESS_ID, words.JAEGER_PROCESS_ID_END)) {
          if (!text()) return false;
          processFrom = textFrom;
          processTo = textTo;
        } else if (!passValue()) return false;
        break;
      case 10:
        if (isKey(words.REFERENCES, words.REFERENCES_END)) {
          if (!readReferences()) return false;
        } else if (!passValue()) return false;
        break;
      case 12:
        if (isKey(words.JAEGER_PARENT_SPAN_ID, words.JAEGER_PARENT_SPAN_ID_END)) {
          if (!spanId()) return false;
          parentId = low;
        } else if (!passValue()) return false;
        break;
      case 13:
        if (isKey(words.OPERATION_NAME, words.OPERATION_NAME_END)) {
          if (!text()) return false;
          run.find(run.FORM_NAME, textFrom, textTo);
          run.setName(run.foundValue);
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

/** Moves past `null` and `[]`. */
function isNothing(): bool {
  return isNull() || open(91, 93) == 0;
}

/** Finds the tag that begins here, mostly `{"key":"…","type":"…","value":…}`. */
@inline
function tag(form: u32): bool {
  const from = position;
  if (!passTag(from)) {
    moveTo(from);
    if (load<u8>(from) != 123 || !passObject()) return false;
  }
  if (!isWithin()) return false;
  run.find(form, from, position);
  return true;
}

@inline
function passTag(from: u32): bool {
  if (load<u64>(from) != 0x223a_2279_656b_227b) return false; // {"key":"
  const keyEnd = scan(from + 8);
  // ","type":"
  if (load<u64>(keyEnd) != 0x2265_7079_7422_2c22 || load<u16>(keyEnd, 8) != 0x223a) return false;
  const typeEnd = scan(keyEnd + 10);
  // ","value":
  if (load<u64>(typeEnd) != 0x6575_6c61_7622_2c22 || load<u16>(typeEnd, 8) != 0x3a22) return false;
  moveTo(typeEnd + 10);
  if (!passScalar() || load<u8>(position) != 125) return false;
  moveTo(position + 1);
  return true;
}

function spanTags(): bool {
  if (isNull()) return true;
  const has = open(91, 93);
  if (has <= 0) return has == 0;
  while (true) {
    if (!tag(run.FORM_JAEGER_TAG)) return false;
    if (run.foundKey < tags.FIELD) {
      if (!run.addAttribute(run.foundKey, run.foundValue)) return false;
    } else if (run.foundKey == tags.KIND) run.setKind(run.foundValue);
    else if (!tags.take(run.foundKey, run.foundValue)) return false;
    const more = next(93);
    if (more <= 0) return more == 0;
  }
}

function logs(emptyName: u32): bool {
  if (isNull()) return true;
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
      } else if (length == 6 && key() == words.FIELDS) {
        if (!logFields()) return false;
      } else if (!passValue()) return false;
      more = next(125);
    }
    if (more < 0) return false;
    has = next(93);
  }
  return has == 0;
}

function logFields(): bool {
  if (isNull()) return true;
  let isNamed = false;
  let item = open(91, 93);
  while (item == 1) {
    if (!tag(run.FORM_JAEGER_FIELD)) return false;
    if (run.foundKey != tags.EVENT_NAME) {
      if (!run.addEventAttribute(run.foundKey, run.foundValue)) return false;
    } else if (isNamed) return false;
    else {
      isNamed = true;
      run.setEventName(run.foundValue);
    }
    item = next(93);
  }
  return item == 0;
}

// A reference: trace id (high, low), span id, its type's text, whether it names a trace, whether it is CHILD_OF.

function readReferences(): bool {
  if (isNull()) return true;
  let has = open(91, 93);
  while (has == 1) {
    if (references == REFERENCE_COUNT || !take(123)) return false;
    const at = REFERENCES + references * REFERENCE_BYTES;
    references++;
    memory.fill(at, 0, REFERENCE_BYTES);
    let more: i32 = 1;
    while (more == 1) {
      if (!text() || !take(58)) return false;
      const word = textTo - textFrom > 7 ? 0 : key();
      if (word == words.REFERENCE_TYPE) {
        if (!text()) return false;
        store<u32>(at, textFrom, 24);
        store<u32>(at, textTo, 28);
        store<u32>(at, u32((load<u8>(textFrom) | 32) == 99), 36);
      } else if (word == words.JAEGER_TRACE_ID) {
        if (!traceId()) return false;
        store<u64>(at, high);
        store<u64>(at, low, 8);
        store<u32>(at, 1, 32);
      } else if (word == words.JAEGER_SPAN_ID) {
        if (!spanId()) return false;
        store<u64>(at, low, 16);
      } else if (!passValue()) return false; // Downloads of the UI have the whole parent here.
      more = next(125);
    }
    // One that does not say its type is a parent, and has no text for a link.
    if (more < 0 || load<u32>(at, 24) == 0) return false;
    has = next(93);
  }
  return has == 0;
}

/** Sets parent and links of the span in hand as `#useReferences` of src/formats/jaeger-json does. */
function useReferences(): bool {
  const none = REFERENCE_COUNT;
  const traceHigh = run.traceIdHigh();
  const traceLow = run.traceIdLow();
  let parent = none;
  for (let index: u32 = 0; index < references; index++) {
    const at = REFERENCES + index * REFERENCE_BYTES;
    if (load<u32>(at, 32) != 0 && (load<u64>(at) != traceHigh || load<u64>(at, 8) != traceLow)) continue;
    if (load<u32>(at, 36) != 0) {
      parent = index;
      break;
    }
    if (parent == none) parent = index;
  }
  run.setParentId(parent == none ? parentId : load<u64>(REFERENCES + parent * REFERENCE_BYTES, 16));
  for (let index: u32 = 0; index < references; index++) {
    if (index == parent) continue;
    const at = REFERENCES + index * REFERENCE_BYTES;
    if (!run.beginLink()) return false;
    if (load<u32>(at, 32) != 0) run.setLinkTraceId(load<u64>(at), load<u64>(at, 8));
    else run.setLinkTraceId(traceHigh, traceLow);
    run.setLinkSpanId(load<u64>(at, 16));
    run.find(run.FORM_JAEGER_REFERENCE, load<u32>(at, 24), load<u32>(at, 28));
    if (!run.addLinkAttribute(run.foundKey, run.foundValue)) return false;
  }
  return true;
}

/** Sets the number of the process that the span at `start` names. False for a name of more than 8 bytes. */
function setProcess(start: u32): bool {
  const length = processTo - processFrom;
  if (length > 8 || embedded >= 1 << 28) return false;
  const word: u64 = length == 0 ? 0 : load<u64>(processTo - 8) >> ((8 - length) << 3);
  const question = answers.PROCESS | answers.READER_JAEGER;
  const kind = embedded << 4 | length;
  if (!answers.knows(question, trace, kind, <u32>word, <u32>(word >> 32))) {
    const number = host.processOf(processFrom, processTo, start, embedded);
    answers.learn(question, trace, kind, <u32>word, <u32>(word >> 32), number, 0);
  }
  run.setResource(answers.answer);
  return true;
}

/** Finds the process that begins at `from`; `lastFound` is its resource. Returns where it ends, or 0. */
export function jaegerProcess(from: u32, to: u32): u32 {
  begin(from, to);
  return process() ? position : 0;
}

/**
 * Finds the process that begins here. Processes are long and come again and again, so those are tried first that begin alike: whether
 * one stands here is known without looking for its end.
 */
function process(): bool {
  const from = position;
  if (load<u8>(from) != 123) return false;
  const hash = (load<u64>(from, 16) * 0x9e37_79b9_7f4a_7c15 ^ load<u64>(from, 24)) * 0xc2b2_ae3d_27d4_eb4f;
  const set = LENGTHS + (<u32>(hash >> 32) & (LENGTH_SETS - 1)) * LENGTHS_OF_SET * 4;
  for (let at = set; at < set + LENGTHS_OF_SET * 4; at += 4) {
    const length = load<u32>(at);
    if (length == 0) break;
    moveTo(from + length);
    if (!isWithin() || load<u8>(position - 1) != 125) continue;
    if (run.knows(run.FORM_JAEGER_PROCESS, from, position)) return true;
  }
  moveTo(from);
  if (!passObject() || !isWithin()) return false;
  run.find(run.FORM_JAEGER_PROCESS, from, position);
  // The newest stands first.
  memory.copy(set + 4, set, (LENGTHS_OF_SET - 1) * 4);
  store<u32>(set, position - from);
  return true;
}
