import { type AssembledColumns, type Assembly, type AssemblyInput, newColumns } from './assembled-columns.ts';
import { Quirk, SHARED_SPAN_MASK } from './span-batch.ts';
import { SpanIndex } from './span-index.ts';
import { Kind } from './status.ts';
import { TraceGroups } from './trace-groups.ts';
import { compareWords, cutEnd, integerOfWords, setWords } from './words.ts';

// Assembly: spans in any order become traces, with parents, roots, orphans and nested-set numbers. The definitions are
// in docs/definitions.md ("Trace assembly"); this is their only implementation, for whole databases and single traces
// alike. It works on columns; n spans cost O(n log n) and a few dozen bytes each.
//
//   trace 4bf9…        a ├────────────────┤         root: no parent id            component 0   left 1  right 8
//                      b   ├─────┤                  child of a                                   2        5
//                      c     ├─┤                    child of b                                   3        4
//                      d          ├───┤             child of a                                   6        7
//                      e     ├──┤                   orphan: its parent is not here  component 1  9       10

/** How a span hangs in its trace. */
export const Parentage = {
  child: 0,
  root: 1,
  /** It names a parent that is not in the data. */
  orphan: 2,
  /** It was the earliest span of a cycle, or its own parent: the edge to its parent is cut. */
  cut: 3,
} as const;

/** Assembles spans once; who does it again and again keeps an `Assembler`. */
export function assemble(input: AssemblyInput): Assembly {
  return new Assembler().assemble(input);
}

const NO_SPANS: AssemblyInput = {
  count: 0,
  traceId: new Uint32Array(0),
  spanId: new Uint32Array(0),
  parentId: new Uint32Array(0),
  start: new Uint32Array(0),
  duration: new Uint32Array(0),
  kind: new Uint8Array(0),
  quirks: new Uint8Array(0),
  service: new Uint32Array(0),
  failed: new Uint8Array(0),
};

/** Assembles spans, window after window, in the same memory. */
export class Assembler {
  #input = NO_SPANS;
  readonly #groups = new TraceGroups();
  #output = newColumns(0, 0);
  #unsettled = new Uint32Array(0);
  // The trace in hand, by place: members sorted by start.
  #members = new Uint32Array(64);
  #scratch = new Uint32Array(64);
  /** Start of each member as a distance from one of them, rounded where it is 2^53 ns and more (104 days). */
  #offset = new Float64Array(64);
  #offsetScratch = new Float64Array(64);
  #length = new Float64Array(64);
  /** Whether `#offset`, `#length` and their sums are exact. */
  #isExact = true;
  #parent = new Int32Array(64);
  #firstChild = new Int32Array(64);
  #nextSibling = new Int32Array(64);
  #lastChild = new Int32Array(64);
  #state = new Uint8Array(64);
  #stack = new Int32Array(64);
  /** The members in display order. */
  #placeAt = new Uint32Array(64);
  #size = 0;
  /** The members by their span ids. */
  readonly #index = new SpanIndex();
  #hasShared = false;
  #hasSharedIds = false;

  /**
   * Assembles the traces whose last span is before row `settledBefore`, and complete ones whose last span is before
   * `completeBefore` (not less); traces come in order of their start. Ids and starts that assembly decides (the server
   * half of a call that shares its id, a start that was not recorded) are written back into the input. What is returned
   * holds until the next call.
   */
  assemble(input: AssemblyInput, settledBefore = input.count, completeBefore = settledBefore): Assembly {
    this.#input = input;
    const { count } = input;
    const groups = this.#groups;
    groups.group(input);
    const { traceCount, traceOf, lastRow, from, rows, firstRow } = groups;
    let candidateSpans = 0;
    for (let trace = 0; trace < traceCount; trace++) {
      if (lastRow[trace]! < completeBefore) candidateSpans += from[trace + 1]! - from[trace]!;
    }
    if (candidateSpans > this.#output.row.length || traceCount > this.#output.traces.size.length) {
      this.#output = newColumns(candidateSpans, traceCount);
    }
    const output = this.#output;
    const { traces } = output;
    traces.count = 0;
    let position = 0;
    for (const trace of groups.byStart(input)) {
      if (lastRow[trace]! >= completeBefore) continue;
      const members = rows.subarray(from[trace]!, from[trace + 1]!);
      this.#assembleTrace(members, position, output, firstRow[trace]!);
      if (lastRow[trace]! >= settledBefore && traces.complete[traces.count] === 0) {
        // The next trace takes its places.
        lastRow[trace] = count;
        continue;
      }
      traces.count++;
      position += members.length;
    }
    if (count - position > this.#unsettled.length) this.#unsettled = new Uint32Array(count - position);
    const unsettled = this.#unsettled.subarray(0, count - position);
    if (position < count) {
      let at = 0;
      for (let row = 0; row < count; row++) if (lastRow[traceOf[row]!]! >= completeBefore) unsettled[at++] = row;
    }
    this.#end();
    return { ...output, row: output.row.subarray(0, position), unsettled };
  }

  /**
   * Assembles one trace: `rows` are all of its rows, and `idRow` is one that bears its full id. It becomes trace `output.traces.count`,
   * which leaves the count as it is, with its spans from position `first` on. Writes back into the input what `assemble` does.
   */
  assembleTrace(input: AssemblyInput, rows: Uint32Array, first: number, output: AssembledColumns, idRow: number): void {
    this.#input = input;
    this.#assembleTrace(rows, first, output, idRow);
    this.#end();
  }

  #isKnown(row: number): boolean {
    return (this.#input.quirks[row]! & Quirk.startUnknown) === 0;
  }

  #assembleTrace(rows: Uint32Array, first: number, output: AssembledColumns, idRow: number): void {
    const input = this.#input;
    const size = rows.length;
    this.#begin(size);
    const members = this.#members;
    let quirks = 0;
    for (let place = 0; place < size; place++) {
      const row = rows[place]!;
      members[place] = row;
      quirks |= input.quirks[row]!;
    }
    this.#hasShared = (quirks & Quirk.shared) !== 0;
    if (quirks & Quirk.sharedParent) this.#recogniseServerHalves();
    if (quirks & Quirk.startUnknown) this.#inheritStarts();
    this.#sort(size);
    if (this.#indexIds()) {
      // Ids were given: siblings stand in order of the ids that they have now.
      this.#sort(size);
      this.#indexIds();
    }
    this.#measure(size);
    const parentless = this.#findParents();
    const walk: Walk = { first, idRow, position: first, number: 1, component: 0 };
    for (const wanted of TOPS) {
      for (const place of parentless) if (this.#state[place] === wanted) this.#walk(place, output, walk);
    }
    if (walk.position < first + size) this.#cutCycles(output, walk);
    this.#summarise(first, size, output);
  }

  #begin(size: number): void {
    if (size > this.#members.length) {
      const room = size * 2;
      this.#members = new Uint32Array(room);
      this.#scratch = new Uint32Array(room);
      this.#offset = new Float64Array(room);
      this.#offsetScratch = new Float64Array(room);
      this.#length = new Float64Array(room);
      this.#parent = new Int32Array(room);
      this.#firstChild = new Int32Array(room);
      this.#nextSibling = new Int32Array(room);
      this.#lastChild = new Int32Array(room);
      this.#state = new Uint8Array(room);
      this.#stack = new Int32Array(room);
      this.#placeAt = new Uint32Array(room);
    }
    this.#size = size;
  }

  /** Lets go of the input. */
  #end(): void {
    this.#input = NO_SPANS;
    this.#index.end();
  }

  /** Marks server halves that an assembly before this one made: `#share` leaves no mark in what is stored. */
  #recogniseServerHalves(): void {
    const { spanId, parentId, kind, quirks } = this.#input;
    for (let place = 0; place < this.#size; place++) {
      const row = this.#members[place]!;
      const isHalf =
        (quirks[row]! & Quirk.sharedParent) !== 0 &&
        kind[row] === Kind.server &&
        (parentId[row * 2]! ^ spanId[row * 2]!) >>> 0 === SHARED_SPAN_MASK.low &&
        (parentId[row * 2 + 1]! ^ spanId[row * 2 + 1]!) >>> 0 === SHARED_SPAN_MASK.high;
      if (!isHalf) continue;
      quirks[row] = quirks[row]! | Quirk.shared;
      this.#hasShared = true;
    }
  }

  /** Spans without a start take their parent's, or the nearest ancestor's that has one, or the trace's earliest. */
  #inheritStarts(): void {
    const { start, duration } = this.#input;
    const size = this.#size;
    // What stands there is nothing, or what an assembly before this one put there: which of several spans of one id
    // comes first must not depend on it.
    for (let place = 0; place < size; place++) {
      const row = this.#members[place]!;
      if (!this.#isKnown(row)) start[row * 2] = start[row * 2 + 1] = 0;
    }
    this.#sort(size);
    this.#indexIds();
    this.#findParents();
    let earliest = -1;
    for (let place = 0; place < size && earliest < 0; place++) {
      if (this.#isKnown(this.#members[place]!)) earliest = this.#members[place]!;
    }
    const state = this.#state;
    for (let place = 0; place < size; place++) state[place] = this.#isKnown(this.#members[place]!) ? VISITED : 0;
    for (let place = 0; place < size && earliest >= 0; place++) {
      let height = 0;
      let ancestor = place;
      for (; ancestor >= 0 && state[ancestor] === 0; ancestor = this.#parent[ancestor]!) {
        state[ancestor] = CLIMBED;
        this.#stack[height++] = ancestor;
      }
      // Nothing above, or a cycle in which no start is known.
      const isLost = ancestor < 0 || state[ancestor] === CLIMBED;
      const source = isLost ? earliest : this.#members[ancestor]!;
      while (height > 0) {
        const heir = this.#stack[--height]!;
        const row = this.#members[heir]!;
        start[row * 2] = start[source * 2]!;
        start[row * 2 + 1] = start[source * 2 + 1]!;
        cutEnd(start, duration, row);
        state[heir] = VISITED;
      }
    }
  }

  /** Sorts the members by start, else as `#compare` says: a merge sort, insertion sort for short runs. */
  #sort(size: number): void {
    const RUN = 16;
    this.#measureStarts(size);
    for (let from = 0; from < size; from += RUN) {
      const to = Math.min(from + RUN, size);
      const members = this.#members;
      const offset = this.#offset;
      for (let place = from + 1; place < to; place++) {
        const row = members[place]!;
        const start = offset[place]!;
        let at = place - 1;
        for (; at >= from; at--) {
          const difference = offset[at]! - start || this.#compare(members[at]!, row);
          if (difference <= 0) break;
          members[at + 1] = members[at]!;
          offset[at + 1] = offset[at]!;
        }
        members[at + 1] = row;
        offset[at + 1] = start;
      }
    }
    for (let width = RUN; width < size; width *= 2) {
      const source = this.#members;
      const target = this.#scratch;
      const offset = this.#offset;
      const targetOffset = this.#offsetScratch;
      for (let from = 0; from < size; from += width * 2) {
        const middle = Math.min(from + width, size);
        const to = Math.min(from + width * 2, size);
        let a = from;
        let b = middle;
        for (let at = from; at < to; at++) {
          const takeA =
            a < middle && (b >= to || (offset[a]! - offset[b]! || this.#compare(source[a]!, source[b]!)) <= 0);
          const taken = takeA ? a++ : b++;
          target[at] = source[taken]!;
          targetOffset[at] = offset[taken]!;
        }
      }
      this.#members = target;
      this.#scratch = source;
      this.#offset = targetOffset;
      this.#offsetScratch = offset;
    }
  }

  /** Sets the offsets of the members from the first of them; a smaller one is never that of a later start. */
  #measureStarts(size: number): void {
    const { start } = this.#input;
    const members = this.#members;
    const offset = this.#offset;
    const first = members[0]! * 2;
    const low = start[first]!;
    const high = start[first + 1]!;
    for (let place = 0; place < size; place++) {
      const at = members[place]! * 2;
      offset[place] = (start[at + 1]! - high) * 4294967296 + (start[at]! - low);
    }
  }

  /** Sets the lengths of the sorted members, and whether numbers tell their times exactly. */
  #measure(size: number): void {
    const { duration } = this.#input;
    const members = this.#members;
    const offset = this.#offset;
    const length = this.#length;
    let longest = 0;
    for (let place = 0; place < size; place++) {
      const at = members[place]! * 2;
      const nanoseconds = duration[at + 1]! * 4294967296 + duration[at]!;
      length[place] = nanoseconds;
      if (nanoseconds > longest) longest = nanoseconds;
    }
    const farthest = Math.max(-offset[0]!, offset[size - 1]!);
    this.#isExact = farthest + longest < Number.MAX_SAFE_INTEGER / 2;
  }

  /** By start, then span id; spans that share both by all else that assembly knows of them. */
  #compare(a: number, b: number): number {
    const { start, spanId, duration, parentId, kind, quirks, failed } = this.#input;
    return (
      compareWords(start, a, b) ||
      compareWords(spanId, a, b) ||
      compareWords(duration, a, b) ||
      compareWords(parentId, a, b) ||
      kind[a]! - kind[b]! ||
      quirks[a]! - quirks[b]! ||
      failed[a]! - failed[b]!
    );
  }

  /**
   * Enters the members' span ids into the table; the first of several with one id stands for it. Says whether it gave an
   * id to a span.
   */
  #indexIds(): boolean {
    const { spanId, kind, quirks } = this.#input;
    this.#index.begin(spanId, this.#members, this.#size);
    this.#hasSharedIds = false;
    let zeros = 0;
    let hasGiven = false;
    for (let place = 0; place < this.#size; place++) {
      const row = this.#members[place]!;
      if ((spanId[row * 2]! | spanId[row * 2 + 1]!) === 0 && ++zeros > 1) this.#hasSharedIds = true;
      const known = this.#index.enter(place, spanId[row * 2]!, spanId[row * 2 + 1]!);
      if (known < 0) continue;
      // The two halves of a Zipkin call whose server did not say `shared`: the server half gets an id of its own.
      const other = this.#members[known]!;
      const isZipkin = (quirks[row]! & quirks[other]! & Quirk.sharedParent) !== 0;
      if (isZipkin && kind[row] === Kind.server && kind[other] === Kind.client) {
        this.#share(place);
        hasGiven = true;
      } else if (isZipkin && kind[row] === Kind.client && kind[other] === Kind.server) {
        this.#index.replace(known, place);
        this.#share(known);
        hasGiven = true;
      } else this.#hasSharedIds = true;
    }
    return hasGiven;
  }

  /** Makes the span at `place` a server half: its id becomes its own, its client half becomes its parent. */
  #share(place: number): void {
    const { spanId, quirks } = this.#input;
    const row = this.#members[place]!;
    spanId[row * 2] = (spanId[row * 2]! ^ SHARED_SPAN_MASK.low) >>> 0;
    spanId[row * 2 + 1] = (spanId[row * 2 + 1]! ^ SHARED_SPAN_MASK.high) >>> 0;
    quirks[row] = quirks[row]! | Quirk.shared;
    this.#hasShared = true;
    if (this.#index.enter(place, spanId[row * 2]!, spanId[row * 2 + 1]!) >= 0) this.#hasSharedIds = true;
  }

  /** Finds the parents of all members, and returns those that have none, by start. */
  #findParents(): readonly number[] {
    const { parentId } = this.#input;
    const size = this.#size;
    const parentless: number[] = [];
    this.#firstChild.fill(-1, 0, size);
    for (let place = 0; place < size; place++) {
      const row = this.#members[place]!;
      const low = parentId[row * 2]!;
      const high = parentId[row * 2 + 1]!;
      let parent = -1;
      if (this.#hasShared) parent = this.#findSharedParent(row, low, high);
      else if ((low | high) !== 0) parent = this.#index.find(low, high);
      const isRoot = (low | high) === 0 && parent < 0;
      if (parent === place) {
        this.#parent[place] = -1;
        this.#state[place] = Parentage.cut;
        parentless.push(place);
        continue;
      }
      this.#parent[place] = parent;
      this.#state[place] = parent >= 0 ? Parentage.child : isRoot ? Parentage.root : Parentage.orphan;
      if (parent < 0) {
        parentless.push(place);
        continue;
      }
      this.#nextSibling[place] = -1;
      if (this.#firstChild[parent]! < 0) this.#firstChild[parent] = place;
      else this.#nextSibling[this.#lastChild[parent]!] = place;
      this.#lastChild[parent] = place;
    }
    return parentless;
  }

  /** The parent in a trace that has server halves: see formats/zipkin-json. */
  #findSharedParent(row: number, low: number, high: number): number {
    const { spanId, quirks, service } = this.#input;
    const halfOf = (idLow: number, idHigh: number) =>
      this.#index.find((idLow ^ SHARED_SPAN_MASK.low) >>> 0, (idHigh ^ SHARED_SPAN_MASK.high) >>> 0);
    const isShared = (place: number) => place >= 0 && (quirks[this.#members[place]!]! & Quirk.shared) !== 0;
    if (quirks[row]! & Quirk.shared) {
      const client = halfOf(spanId[row * 2]!, spanId[row * 2 + 1]!);
      if (client >= 0 && !isShared(client)) return client;
    }
    if ((low | high) === 0) return -1;
    let named = this.#index.find(low, high);
    if ((quirks[row]! & Quirk.sharedParent) === 0) return named;
    let server = halfOf(low, high);
    if (isShared(named)) {
      // Where an assembly before this one found a server half, its id stands now for the one that was named.
      const client = server;
      server = named;
      named = client;
    }
    if (!isShared(server) || this.#members[server] === row) return named;
    return named < 0 || service[this.#members[server]!] === service[row] ? server : named;
  }

  /** Numbers the component under `top`, depth first. */
  #walk(top: number, output: AssembledColumns, walk: Walk): void {
    const stack = this.#stack;
    const placeAt = this.#placeAt;
    const { row, parentage, component, left, right, depth } = output;
    const position = this.#lastChild; // a place's output position, once it is visited: its last child is not needed then
    let height = 0;
    let place = top;
    for (;;) {
      const at = walk.position++;
      placeAt[at - walk.first] = place;
      row[at] = this.#members[place]!;
      parentage[at] = this.#state[place]!;
      component[at] = walk.component;
      depth[at] = height;
      left[at] = walk.number++;
      this.#selfTime(place, at, output);
      this.#copyStored(place, at, output, walk.idRow);
      position[place] = at;
      this.#state[place] = VISITED;
      stack[height++] = place;
      let next = this.#firstChild[place]!;
      while (next < 0) {
        // Leave spans until one has a sibling to go on with.
        const leaving = stack[--height]!;
        right[position[leaving]!] = walk.number++;
        if (height === 0) {
          walk.component++;
          return;
        }
        next = this.#nextSibling[leaving]!;
      }
      place = next;
    }
  }

  /** Sets what is stored of a span as it came, but for what assembly decided. */
  #copyStored(place: number, at: number, output: AssembledColumns, idRow: number): void {
    const { traceId, spanId, parentId, start, duration } = this.#input;
    const row = this.#members[place]!;
    const parent = this.#parent[place]!;
    const named = parent < 0 ? parentId : spanId;
    const namedRow = parent < 0 ? row : this.#members[parent]!;
    for (let word = 0; word < 4; word++) output.traceId[at * 4 + word] = traceId[idRow * 4 + word]!;
    output.spanId[at * 2] = spanId[row * 2]!;
    output.spanId[at * 2 + 1] = spanId[row * 2 + 1]!;
    output.parentId[at * 2] = named[namedRow * 2]!;
    output.parentId[at * 2 + 1] = named[namedRow * 2 + 1]!;
    output.start[at * 2] = start[row * 2]!;
    output.start[at * 2 + 1] = start[row * 2 + 1]!;
    output.duration[at * 2] = duration[row * 2]!;
    output.duration[at * 2 + 1] = duration[row * 2 + 1]!;
  }

  /** What no top leads to hangs in, or from, a cycle: each is cut at its earliest span. */
  #cutCycles(output: AssembledColumns, walk: Walk): void {
    const parent = this.#parent;
    const state = this.#state;
    for (let place = 0; place < this.#size; place++) {
      if (state[place] === VISITED) continue;
      // Up from here until a span comes again: that one is in the cycle.
      let seen = place;
      for (; state[seen] !== CLIMBED; seen = parent[seen]!) state[seen] = CLIMBED;
      let earliest = seen;
      for (let at = parent[seen]!; at !== seen; at = parent[at]!) earliest = Math.min(earliest, at);
      for (let at = place; state[at] === CLIMBED; at = parent[at]!) state[at] = Parentage.child;
      this.#unlink(earliest);
      state[earliest] = Parentage.cut;
      this.#walk(earliest, output, walk);
    }
  }

  #unlink(place: number): void {
    const parent = this.#parent[place]!;
    let at = this.#firstChild[parent]!;
    if (at === place) this.#firstChild[parent] = this.#nextSibling[place]!;
    else {
      while (this.#nextSibling[at] !== place) at = this.#nextSibling[at]!;
      this.#nextSibling[at] = this.#nextSibling[place]!;
    }
    this.#parent[place] = -1;
  }

  /**
   * Duration less the union of the children's intervals, each clipped to the span; children behind an async edge do
   * not count. Children stand in order of start, so one sweep does it.
   */
  #selfTime(place: number, at: number, output: AssembledColumns): void {
    const { duration, kind } = this.#input;
    const row = this.#members[place]!;
    const firstChild = this.#firstChild[place]!;
    if (firstChild < 0) {
      output.self[at * 2] = duration[row * 2]!;
      output.self[at * 2 + 1] = duration[row * 2 + 1]!;
      return;
    }
    if (!this.#isExact) {
      setWords(output.self, at, this.#longSelfTime(place));
      return;
    }
    const spanKind = kind[row]!;
    const spanStart = this.#offset[place]!;
    const spanEnd = spanStart + this.#length[place]!;
    let covered = 0;
    let until = spanStart;
    for (let child = firstChild; child >= 0; child = this.#nextSibling[child]!) {
      let from = this.#offset[child]!;
      // No other child starts earlier.
      if (from > spanEnd) break;
      if (isAsyncEdge(spanKind, kind[this.#members[child]!]!)) continue;
      const to = Math.min(from + this.#length[child]!, spanEnd);
      if (from < until) from = until;
      if (to > from) {
        covered += to - from;
        until = to;
      }
    }
    const self = this.#length[place]! - covered;
    const selfHigh = Math.floor(self / 4294967296);
    output.self[at * 2] = self - selfHigh * 4294967296;
    output.self[at * 2 + 1] = selfHigh;
  }

  /** The same where a double cannot tell the times of the trace apart. */
  #longSelfTime(place: number): bigint {
    const { kind } = this.#input;
    const members = this.#members;
    const spanStart = this.#startOf(place);
    const spanEnd = this.#endOf(place);
    let covered = 0n;
    let until = spanStart;
    for (let child = this.#firstChild[place]!; child >= 0; child = this.#nextSibling[child]!) {
      let from = this.#startOf(child);
      if (from > spanEnd) break;
      if (isAsyncEdge(kind[members[place]!]!, kind[members[child]!]!)) continue;
      let to = this.#endOf(child);
      if (from < until) from = until;
      if (to > spanEnd) to = spanEnd;
      if (to > from) {
        covered += to - from;
        until = to;
      }
    }
    return spanEnd - spanStart - covered;
  }

  #summarise(first: number, size: number, output: AssembledColumns): void {
    const { start, service, failed } = this.#input;
    const { traces } = output;
    const trace = traces.count;
    const members = this.#members;
    const length = this.#length;
    const placeAt = this.#placeAt;
    const earliest = members[0]! * 2;
    let root = -1;
    let rootLength = -1;
    let roots = 0;
    let orphans = 0;
    let cuts = 0;
    let failures = 0;
    const firstService = trace === 0 ? 0 : traces.serviceEnd[trace - 1]!;
    let serviceEnd = firstService;
    let known: Set<number> | undefined;
    let previousService = -1;
    for (let index = 0; index < size; index++) {
      const place = placeAt[index]!;
      const row = members[place]!;
      failures += failed[row]!;
      const serviceOfRow = service[row]!;
      if (serviceOfRow !== previousService) {
        previousService = serviceOfRow;
        const isNew =
          known === undefined
            ? !includes(traces.services, firstService, serviceEnd, serviceOfRow)
            : !known.has(serviceOfRow);
        if (isNew) {
          traces.services[serviceEnd++] = serviceOfRow;
          known?.add(serviceOfRow);
          if (serviceEnd - firstService === MANY_SERVICES) {
            known = new Set(traces.services.subarray(firstService, serviceEnd));
          }
        }
      }
      switch (output.parentage[first + index]) {
        case Parentage.root:
          roots++;
          if (length[place]! > rootLength) {
            rootLength = length[place]!;
            root = first + index;
          }
          break;
        case Parentage.orphan:
          orphans++;
          break;
        case Parentage.cut:
          cuts++;
          break;
        default:
      }
    }
    const [durationLow, durationHigh] = this.#traceDuration(size);
    const isWhole = roots === 1 && orphans === 0 && cuts === 0;
    traces.first[trace] = first;
    traces.size[trace] = size;
    traces.start[trace * 2] = start[earliest]!;
    traces.start[trace * 2 + 1] = start[earliest + 1]!;
    traces.duration[trace * 2] = durationLow;
    traces.duration[trace * 2 + 1] = durationHigh;
    traces.root[trace] = root;
    traces.roots[trace] = roots;
    traces.orphans[trace] = orphans;
    traces.cuts[trace] = cuts;
    traces.failed[trace] = failures;
    traces.complete[trace] = isWhole && this.#endsWithRoot(first, size, output) ? 1 : 0;
    traces.hasSharedIds[trace] = this.#hasSharedIds ? 1 : 0;
    traces.serviceEnd[trace] = serviceEnd;
  }

  /** From the earliest start of the sorted members to the latest end, as words. */
  #traceDuration(size: number): readonly [number, number] {
    const offset = this.#offset;
    if (this.#isExact) {
      const length = this.#length;
      const first = offset[0]!;
      let last = first;
      for (let place = 0; place < size; place++) {
        const end = offset[place]! + length[place]!;
        if (end > last) last = end;
      }
      const high = Math.floor((last - first) / 4294967296);
      return [last - first - high * 4294967296, high];
    }
    const first = this.#startOf(0);
    let last = first;
    for (let place = 0; place < size; place++) {
      const end = this.#endOf(place);
      if (end > last) last = end;
    }
    return [Number((last - first) & 0xffff_ffffn), Number((last - first) >> 32n)];
  }

  /** Says whether no span ends after the root at `first`, but for those behind an async edge. */
  #endsWithRoot(first: number, size: number, output: AssembledColumns): boolean {
    const { kind } = this.#input;
    const members = this.#members;
    const placeAt = this.#placeAt;
    const { depth, left, right } = output;
    const root = placeAt[0]!;
    /** The place of the span at each depth above the one in hand. */
    const path = this.#stack;
    path[0] = root;
    for (let index = 1; index < size; index++) {
      const place = placeAt[index]!;
      const at = first + index;
      const parent = path[depth[at]! - 1]!;
      path[depth[at]!] = place;
      if (isAsyncEdge(kind[members[parent]!]!, kind[members[place]!]!) || this.#startsBehind(place, parent)) {
        // Nothing below an async edge is waited for: go on behind the subtree.
        index += (right[at]! - left[at]! - 1) / 2;
        continue;
      }
      if (this.#endsBehind(place, root)) return false;
    }
    return true;
  }

  /** Says whether a member starts after another one has ended. */
  #startsBehind(place: number, other: number): boolean {
    const offset = this.#offset;
    if (this.#isExact) return offset[place]! > offset[other]! + this.#length[other]!;
    return this.#startOf(place) > this.#endOf(other);
  }

  /** Says whether a member ends after another one. */
  #endsBehind(place: number, other: number): boolean {
    const offset = this.#offset;
    const length = this.#length;
    if (this.#isExact) return offset[place]! + length[place]! > offset[other]! + length[other]!;
    return this.#endOf(place) > this.#endOf(other);
  }

  /** Start of a member; only where numbers are not exact. */
  #startOf(place: number): bigint {
    return integerOfWords(this.#input.start, this.#members[place]!);
  }

  #endOf(place: number): bigint {
    return this.#startOf(place) + integerOfWords(this.#input.duration, this.#members[place]!);
  }
}

/** Spans without a parent in display order: true roots, then orphans, then cut ones, each by start. */
const TOPS = [Parentage.root, Parentage.orphan, Parentage.cut] as const;

/** From so many services in a trace on, a list is too slow to be searched. */
const MANY_SERVICES = 32;

/** Mark of a place that has its output position. */
const VISITED = 255;
/** Mark of a place on the way up from another one. */
const CLIMBED = 254;

function includes(items: Uint32Array, from: number, to: number, item: number): boolean {
  for (let at = from; at < to; at++) if (items[at] === item) return true;
  return false;
}

/** Where numbering stands. */
interface Walk {
  /** Position of the trace's first span. */
  readonly first: number;
  /** A row that bears the trace's full id. */
  readonly idRow: number;
  position: number;
  number: number;
  component: number;
}

/** Says whether a parent does not wait for a child of these kinds: PRODUCER to CONSUMER. */
export function isAsyncEdge(parentKind: number, childKind: number): boolean {
  return parentKind === Kind.producer && childKind === Kind.consumer;
}
