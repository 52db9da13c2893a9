import { ordered, orderTraces } from "./groups";
import {
  DURATION, FAILED, FIRST_ROW, FROM, IDS, KEYS, KEYS_SPARE, KIND, LAST_ROW, MEMBERS, MEMBER_BYTES, MOST_MEMBERS, MOST_SERVICES, OUT_COMPONENT,
  OUT_DEPTH, OUT_DURATION, OUT_LEFT, OUT_PARENTAGE, OUT_PARENT_ID, OUT_RIGHT, OUT_ROW, OUT_SELF, OUT_SPAN_ID, OUT_START, OUT_TRACE_ID, PARENT_ID,
  QUIRKS, RECORD_BYTES, ROWS, SERVICE, SPAN_ID, START, TRACE_COMPLETE, TRACE_CUTS, TRACE_DURATION, TRACE_FAILED, TRACE_FIRST, TRACE_ID, TRACE_OF,
  TRACE_ORPHANS, TRACE_ROOT, TRACE_ROOTS, TRACE_SERVICES, TRACE_SERVICE_END, TRACE_SHARED, TRACE_SIZE, TRACE_START, UNSETTLED,
} from "./memory";
import { QUIRK_END_UNKNOWN, QUIRK_SHARED_PARENT, SHARED_SPAN_MASK } from "./quirks";
import { NUMBER, sortRecords } from "./sort";

// Traces one after the other, as src/model/assembly.ts defines them. One that has anything odd about it is left where it is met: the
// caller assembles it in the same place, and goes on.

// Members: the spans of the trace in hand, by start. References are addresses; 0 is none.
const MEMBER_START: usize = 0;
const MEMBER_END: usize = 8;
const MEMBER_SPAN_ID: usize = 16;
const MEMBER_PARENT_ID: usize = 24;
const MEMBER_PARENT: usize = 32;
const MEMBER_FIRST_CHILD: usize = 36;
/** The next sibling; of a top, the next top. */
const MEMBER_NEXT: usize = 40;
const MEMBER_ROW: usize = 44;
const MEMBER_POSITION: usize = 48;
const MEMBER_KIND: usize = 52;
const MEMBER_PARENTAGE: usize = 53;

// As in `Parentage`, and in `Kind` (src/model/status.ts).
const CHILD: u8 = 0;
const ROOT: u8 = 1;
const ORPHAN: u8 = 2;
const SERVER: u8 = 2;
const PRODUCER: u8 = 4;
const CONSUMER: u8 = 5;

/** What a span may last: longer ones TypeScript compares as doubles, which round. */
const LONGEST: u64 = 1 << 53;

// What `assembleTraces` returns.
const DONE: u32 = 0;
const MORE: u32 = 1;
const ODD: u32 = 2;

let order: u32 = 0;
let next: u32 = 0;
let settledBefore: u32 = 0;
/** Positions and traces that are taken. */
let positions: u32 = 0;
let traces: u32 = 0;
let inHand: u32 = 0;
export function position(): u32 { return positions; }
export function traceCount(): u32 { return traces; }
export function traceInHand(): u32 { return inHand; }

export function beginAssembly(groups: u32, settled: u32, completeBefore: u32): void {
  order = orderTraces(groups, completeBefore);
  settledBefore = settled;
  next = positions = traces = 0;
}

/** Assembles so many traces at most. Says whether these were all, or whether `traceInHand` is an odd one, which the caller must assemble and `settle`. */
export function assembleTraces(limit: u32): u32 {
  for (; limit > 0; limit--) {
    if (next == ordered) return DONE;
    inHand = load<u32>(order + next * RECORD_BYTES, NUMBER);
    next++;
    if (!assembleTrace(inHand)) return ODD;
    settle();
  }
  return MORE;
}

/** Keeps the trace in hand, unless more of it may come. */
export function settle(): void {
  const last = LAST_ROW + inHand * 4;
  if (load<u32>(last) >= settledBefore && load<u8>(TRACE_COMPLETE + traces) == 0) {
    // The next trace takes its places.
    store<u32>(last, u32.MAX_VALUE);
    return;
  }
  positions += load<u32>(FROM + inHand * 4, 4) - load<u32>(FROM + inHand * 4);
  traces++;
}

/** Lists the rows that wait for more of their traces. */
export function listUnsettled(count: u32, completeBefore: u32): void {
  let at = UNSETTLED;
  for (let row: u32 = 0; row < count; row++) {
    if (load<u32>(LAST_ROW + load<u32>(TRACE_OF + row * 4) * 4) < completeBefore) continue;
    store<u32>(at, row);
    at += 4;
  }
}

let roots: u32 = 0;
let orphans: u32 = 0;

function assembleTrace(trace: u32): bool {
  const from = load<u32>(FROM + trace * 4);
  const size = load<u32>(FROM + trace * 4, 4) - from;
  if (size > MOST_MEMBERS) return false;
  for (let place: u32 = 0; place < size; place++) {
    const row = load<u32>(ROWS + (from + place) * 4);
    store<u64>(KEYS + place * RECORD_BYTES, load<u64>(START + row * 8));
    store<u32>(KEYS + place * RECORD_BYTES, row, NUMBER);
  }
  // Of spans that share their ids, too, it does not matter which is first: they are odd.
  const keys = sortRecords(KEYS, KEYS_SPARE, size, (a, b) => load<u64>(SPAN_ID + a * 8) > load<u64>(SPAN_ID + b * 8));
  if (!readMembers(keys, size)) return false;
  const top = findParents(size);
  return top != 0 && placeSpans(top, size, load<u32>(FIRST_ROW + trace * 4));
}

let idShift: u64 = 0;
let idMask: u32 = 0;

@inline
function slotOf(id: u64): u32 {
  return <u32>((id * 0x9e37_79b9_7f4a_7c15) >> idShift);
}

/** Makes members of sorted rows, and enters their ids; false where there is anything odd about one of them. */
function readMembers(keys: u32, size: u32): bool {
  let bits: u32 = 5;
  while ((<u32>1 << bits) < size * 2) bits++;
  idShift = 64 - bits;
  idMask = (1 << bits) - 1;
  for (let at = IDS; at < IDS + (idMask + 1) * 4; at += 16) v128.store(at, i64x2.splat(0));
  let quirks: u32 = 0;
  let longest: u64 = 0;
  for (let place: u32 = 0; place < size; place++) {
    const member = MEMBERS + place * MEMBER_BYTES;
    const row = load<u32>(keys + place * RECORD_BYTES, NUMBER);
    const start = load<u64>(keys + place * RECORD_BYTES);
    const id = load<u64>(SPAN_ID + row * 8);
    const parentId = load<u64>(PARENT_ID + row * 8);
    const duration = load<u64>(DURATION + row * 8);
    const kind = load<u8>(KIND + row);
    const ofRow = <u32>load<u8>(QUIRKS + row);
    quirks |= ofRow;
    longest |= duration;
    if (id == 0) return false;
    // A server half that an assembly before this one made.
    if ((ofRow & QUIRK_SHARED_PARENT) != 0 && kind == SERVER && (id ^ parentId) == SHARED_SPAN_MASK) return false;
    store<u64>(member, start, MEMBER_START);
    store<u64>(member, start + duration, MEMBER_END);
    store<u64>(member, id, MEMBER_SPAN_ID);
    store<u64>(member, parentId, MEMBER_PARENT_ID);
    store<u32>(member, 0, MEMBER_FIRST_CHILD);
    store<u32>(member, row, MEMBER_ROW);
    store<u8>(member, kind, MEMBER_KIND);
    let slot = slotOf(id);
    for (;;) {
      const known = load<u32>(IDS + slot * 4);
      if (known == 0) break;
      if (load<u64>(known, MEMBER_SPAN_ID) == id) return false;
      slot = (slot + 1) & idMask;
    }
    store<u32>(IDS + slot * 4, member);
  }
  return (quirks & ~(QUIRK_END_UNKNOWN | QUIRK_SHARED_PARENT)) == 0 && longest < LONGEST;
}

/** Hangs members under their parents. Returns the first top: roots, then orphans; 0 where there is none, or a member is its own parent. */
function findParents(size: u32): u32 {
  let firstRoot: u32 = 0;
  let lastRoot: u32 = 0;
  let firstOrphan: u32 = 0;
  roots = orphans = 0;
  // From the last to the first: each goes to the head of its list.
  for (let member = MEMBERS + size * MEMBER_BYTES; member > MEMBERS;) {
    member -= MEMBER_BYTES;
    const id = load<u64>(member, MEMBER_PARENT_ID);
    let parent: u32 = 0;
    if (id != 0) {
      let slot = slotOf(id);
      for (;;) {
        parent = load<u32>(IDS + slot * 4);
        if (parent == 0 || load<u64>(parent, MEMBER_SPAN_ID) == id) break;
        slot = (slot + 1) & idMask;
      }
    }
    store<u32>(member, parent, MEMBER_PARENT);
    if (parent == member) return 0;
    if (parent != 0) {
      store<u8>(member, CHILD, MEMBER_PARENTAGE);
      store<u32>(member, load<u32>(parent, MEMBER_FIRST_CHILD), MEMBER_NEXT);
      store<u32>(parent, member, MEMBER_FIRST_CHILD);
    } else if (id == 0) {
      roots++;
      store<u8>(member, ROOT, MEMBER_PARENTAGE);
      store<u32>(member, firstRoot, MEMBER_NEXT);
      firstRoot = member;
      if (lastRoot == 0) lastRoot = member;
    } else {
      orphans++;
      store<u8>(member, ORPHAN, MEMBER_PARENTAGE);
      store<u32>(member, firstOrphan, MEMBER_NEXT);
      firstOrphan = member;
    }
  }
  if (firstRoot == 0) return firstOrphan;
  store<u32>(lastRoot, firstOrphan, MEMBER_NEXT);
  return firstRoot;
}

/** Writes the spans in display order, and what is to be said of the trace; false where some hang in a cycle. */
function placeSpans(top: u32, size: u32, idRow: u32): bool {
  const traceId = v128.load(TRACE_ID + idRow * 16);
  const first = positions;
  const end = first + size;
  const firstService = traces == 0 ? TRACE_SERVICES : TRACE_SERVICES + load<u32>(TRACE_SERVICE_END + (traces - 1) * 4) * 4;
  let serviceEnd = firstService;
  let previousService: u32 = 0;
  let failed: u32 = 0;
  let lastEnd: u64 = 0;
  let root: u32 = 0;
  let rootLength: u64 = 0;
  let at = first;
  let number: u32 = 1;
  let component: u32 = 0;
  let depth: u32 = 0;
  let member = top;
  for (;;) {
    const row = load<u32>(member, MEMBER_ROW);
    const start = load<u64>(member, MEMBER_START);
    const spanEnd = load<u64>(member, MEMBER_END);
    const parentage = load<u8>(member, MEMBER_PARENTAGE);
    store<u32>(OUT_ROW + at * 4, row);
    v128.store(OUT_TRACE_ID + at * 16, traceId);
    store<u64>(OUT_SPAN_ID + at * 8, load<u64>(member, MEMBER_SPAN_ID));
    store<u64>(OUT_PARENT_ID + at * 8, load<u64>(member, MEMBER_PARENT_ID));
    store<u64>(OUT_START + at * 8, start);
    store<u64>(OUT_DURATION + at * 8, spanEnd - start);
    store<u64>(OUT_SELF + at * 8, selfTime(member));
    store<u8>(OUT_PARENTAGE + at, parentage);
    store<u32>(OUT_COMPONENT + at * 4, component);
    store<u32>(OUT_LEFT + at * 4, number++);
    store<u32>(OUT_DEPTH + at * 4, depth);
    store<u32>(member, at, MEMBER_POSITION);
    failed += load<u8>(FAILED + row);
    if (spanEnd > lastEnd) lastEnd = spanEnd;
    if (parentage == ROOT && (root == 0 || spanEnd - start > rootLength)) {
      root = member;
      rootLength = spanEnd - start;
    }
    const service = load<u32>(SERVICE + row * 4);
    if (service != previousService || at == first) {
      previousService = service;
      let known = firstService;
      while (known < serviceEnd && load<u32>(known) != service) known += 4;
      if (known == serviceEnd) {
        if (serviceEnd - firstService == MOST_SERVICES * 4) return false;
        store<u32>(serviceEnd, service);
        serviceEnd += 4;
      }
    }
    at++;
    const child = load<u32>(member, MEMBER_FIRST_CHILD);
    if (child != 0) {
      depth++;
      member = child;
      continue;
    }
    // Leave spans until one has a sibling, or is followed by another top, to go on with.
    for (;;) {
      store<u32>(OUT_RIGHT + load<u32>(member, MEMBER_POSITION) * 4, number++);
      if (depth == 0) component++;
      const sibling = load<u32>(member, MEMBER_NEXT);
      if (sibling != 0 || depth == 0) {
        member = sibling;
        break;
      }
      member = load<u32>(member, MEMBER_PARENT);
      depth--;
    }
    if (member == 0) break;
  }
  if (at != end) return false;
  const start = load<u64>(MEMBERS, MEMBER_START);
  store<u32>(TRACE_FIRST + traces * 4, first);
  store<u32>(TRACE_SIZE + traces * 4, size);
  store<u64>(TRACE_START + traces * 8, start);
  store<u64>(TRACE_DURATION + traces * 8, lastEnd - start);
  store<u32>(TRACE_ROOT + traces * 4, root == 0 ? u32.MAX_VALUE : load<u32>(root, MEMBER_POSITION));
  store<u32>(TRACE_ROOTS + traces * 4, roots);
  store<u32>(TRACE_ORPHANS + traces * 4, orphans);
  store<u32>(TRACE_CUTS + traces * 4, 0);
  store<u32>(TRACE_FAILED + traces * 4, failed);
  const isComplete = roots == 1 && orphans == 0 && (lastEnd == load<u64>(root, MEMBER_END) || endsWithRoot(root));
  store<u8>(TRACE_COMPLETE + traces, isComplete ? 1 : 0);
  store<u8>(TRACE_SHARED + traces, 0);
  store<u32>(TRACE_SERVICE_END + traces * 4, (serviceEnd - TRACE_SERVICES) / 4);
  return true;
}

@inline
function isAsyncEdge(parent: u32, child: u32): bool {
  return load<u8>(parent, MEMBER_KIND) == PRODUCER && load<u8>(child, MEMBER_KIND) == CONSUMER;
}

@inline
function selfTime(member: u32): u64 {
  const start = load<u64>(member, MEMBER_START);
  const end = load<u64>(member, MEMBER_END);
  let self = end - start;
  let until = start;
  for (let child = load<u32>(member, MEMBER_FIRST_CHILD); child != 0; child = load<u32>(child, MEMBER_NEXT)) {
    const childStart = load<u64>(child, MEMBER_START);
    // No other child starts earlier.
    if (childStart > end) break;
    if (isAsyncEdge(member, child)) continue;
    const from = max(childStart, until);
    const to = min(load<u64>(child, MEMBER_END), end);
    if (to > from) {
      self -= to - from;
      until = to;
    }
  }
  return self;
}

/** Says whether nothing ends after the root, but what nothing waits for and what is below that. */
function endsWithRoot(root: u32): bool {
  const end = load<u64>(root, MEMBER_END);
  let member = load<u32>(root, MEMBER_FIRST_CHILD);
  while (member != 0) {
    const parent = load<u32>(member, MEMBER_PARENT);
    const isWaitedFor = !isAsyncEdge(parent, member) && load<u64>(member, MEMBER_START) <= load<u64>(parent, MEMBER_END);
    if (isWaitedFor && load<u64>(member, MEMBER_END) > end) return false;
    const child = load<u32>(member, MEMBER_FIRST_CHILD);
    if (isWaitedFor && child != 0) {
      member = child;
      continue;
    }
    while (member != root && load<u32>(member, MEMBER_NEXT) == 0) member = load<u32>(member, MEMBER_PARENT);
    if (member == root) return true;
    member = load<u32>(member, MEMBER_NEXT);
  }
  return true;
}
