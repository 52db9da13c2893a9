import { Quirk, SHARED_SPAN_MASK } from './span-batch.ts';
import { Kind } from './status.ts';

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

/** Spans as assembly needs them; 64-bit columns are words, low first, ids least significant word first. */
export interface AssemblyInput {
  readonly count: number;
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly parentId: Uint32Array;
  readonly start: Uint32Array;
  readonly duration: Uint32Array;
  readonly kind: Uint8Array;
  /** Bits of `Quirk`. */
  readonly quirks: Uint8Array;
  /** Any number that is equal for spans of one service. */
  readonly service: Uint32Array;
  /** 1 where the status is error. */
  readonly failed: Uint8Array;
}

/** One assembled trace; its spans are at positions `first` to `first + count` of the output. */
export interface AssembledTrace {
  /** The trace id, least significant word first. */
  readonly id: readonly [number, number, number, number];
  readonly first: number;
  readonly count: number;
  /** Earliest start, and the time from it to the latest end, as words. */
  readonly startLow: number;
  readonly startHigh: number;
  readonly durationLow: number;
  readonly durationHigh: number;
  /** Position of the root that lasts longest; -1 where the trace has none. */
  readonly root: number;
  readonly roots: number;
  readonly orphans: number;
  readonly cuts: number;
  readonly components: number;
  readonly failed: number;
  /** Distinct services in display order. */
  readonly services: readonly number[];
  /** One root, no orphan, no cut, and nothing that ends after the root except behind an async edge. */
  readonly complete: boolean;
  /** Some spans share an id: exact duplicates must be told from different spans, which needs their contents. */
  readonly hasSharedIds: boolean;
}

/** Columns of the output by position: within a trace, spans stand in display order (depth first, siblings by start). */
export interface Assembly {
  /** Input row of the span at each position. */
  readonly row: Uint32Array;
  readonly parentage: Uint8Array;
  readonly component: Uint32Array;
  readonly left: Uint32Array;
  readonly right: Uint32Array;
  readonly depth: Uint32Array;
  /** Self time in nanoseconds; 2 words a span, low first. */
  readonly self: Uint32Array;
  readonly traces: readonly AssembledTrace[];
  /** Input rows of traces that were left out, for more of them may come; ascending. */
  readonly unsettled: Uint32Array;
}

/**
 * Assembles the traces whose last span is before row `settledBefore`, and complete ones whose last span is before
 * `completeBefore` (not less); traces come in order of their start. Ids and starts that assembly decides (the server
 * half of a call that shares its id, a start that was not recorded) are written back into the input.
 */
export function assemble(input: AssemblyInput, settledBefore = input.count, completeBefore = settledBefore): Assembly {
  return new Assembler(input).run(settledBefore, completeBefore);
}

/**
 * Nanoseconds from one 64-bit time to another; exact where the distance is below 2^53. The words of the later time may
 * be sums: a carry from low to high is made here.
 */
function distance(low: number, high: number, laterLow: number, laterHigh: number): number {
  return (laterHigh - high) * 4294967296 + (laterLow - low);
}

class Assembler {
  readonly #input: AssemblyInput;
  // The trace in hand, by place: members sorted by start.
  #members = new Uint32Array(64);
  #scratch = new Uint32Array(64);
  #parent = new Int32Array(64);
  #firstChild = new Int32Array(64);
  #nextSibling = new Int32Array(64);
  #lastChild = new Int32Array(64);
  #state = new Uint8Array(64);
  #stack = new Int32Array(64);
  #size = 0;
  /** Span ids of the trace in hand: place + 1 by hash. */
  #table = new Int32Array(128);
  #tableMask = 127;
  #hasShared = false;
  #hasSharedIds = false;

  constructor(input: AssemblyInput) {
    this.#input = input;
  }

  run(settledBefore: number, completeBefore: number): Assembly {
    const { count } = this.#input;
    const { traceOf, traceCount, firstRow } = this.#groupByTrace();
    const sizes = new Uint32Array(traceCount + 1);
    const lastRow = new Int32Array(traceCount);
    for (let row = 0; row < count; row++) {
      const trace = traceOf[row]!;
      sizes[trace + 1] = sizes[trace + 1]! + 1;
      lastRow[trace] = row;
    }
    for (let trace = 0; trace < traceCount; trace++) sizes[trace + 1] = sizes[trace + 1]! + sizes[trace]!;
    const offsets = sizes.slice(0, traceCount);
    const rows = new Uint32Array(count);
    let candidateSpans = 0;
    for (let row = 0; row < count; row++) {
      const trace = traceOf[row]!;
      const at = offsets[trace]!;
      rows[at] = row;
      offsets[trace] = at + 1;
      if (lastRow[trace]! < completeBefore) candidateSpans++;
    }
    const output: Output = {
      row: new Uint32Array(candidateSpans),
      parentage: new Uint8Array(candidateSpans),
      component: new Uint32Array(candidateSpans),
      left: new Uint32Array(candidateSpans),
      right: new Uint32Array(candidateSpans),
      depth: new Uint32Array(candidateSpans),
      self: new Uint32Array(candidateSpans * 2),
    };
    const traces: AssembledTrace[] = [];
    let position = 0;
    for (const trace of this.#byStart(traceCount, rows, sizes, firstRow)) {
      if (lastRow[trace]! >= completeBefore) continue;
      const from = sizes[trace]!;
      const to = sizes[trace + 1]!;
      const assembled = this.#assembleTrace(rows, from, to, position, output, firstRow[trace]!);
      if (lastRow[trace]! >= settledBefore && !assembled.complete) {
        // The next trace takes its places.
        lastRow[trace] = count;
        continue;
      }
      traces.push(assembled);
      position += to - from;
    }
    const unsettled = new Uint32Array(count - position);
    if (position < count) {
      let at = 0;
      for (let row = 0; row < count; row++) if (lastRow[traceOf[row]!]! >= completeBefore) unsettled[at++] = row;
    }
    return { ...(position < candidateSpans ? firstPlaces(output, position) : output), traces, unsettled };
  }

  /** Gives every row the number of its trace; `firstRow` is a row that bears the trace's full id. */
  #groupByTrace(): TraceGroups {
    const { count, traceId, quirks } = this.#input;
    let bits = 6;
    while (1 << bits < count * 2) bits++;
    const mask = (1 << bits) - 1;
    const table = new Int32Array(mask + 1);
    const traceOf = new Uint32Array(count);
    const firstRow = new Uint32Array(count);
    let traceCount = 0;
    let previous = -1;
    let allQuirks = 0;
    for (let row = 0; row < count; row++) {
      allQuirks |= quirks[row]!;
      const at = row * 4;
      const word0 = traceId[at]!;
      const word1 = traceId[at + 1]!;
      const word2 = traceId[at + 2]!;
      const word3 = traceId[at + 3]!;
      // Spans of a trace often come together.
      if (previous >= 0) {
        const other = firstRow[previous]! * 4;
        if (
          traceId[other] === word0 &&
          traceId[other + 1] === word1 &&
          traceId[other + 2] === word2 &&
          traceId[other + 3] === word3
        ) {
          traceOf[row] = previous;
          continue;
        }
      }
      let slot = hashWords(hashWords(word0, word1), hashWords(word2, word3)) & mask;
      for (;;) {
        const trace = table[slot]! - 1;
        if (trace < 0) {
          table[slot] = traceCount + 1;
          firstRow[traceCount] = row;
          traceOf[row] = previous = traceCount++;
          break;
        }
        const other = firstRow[trace]! * 4;
        if (
          traceId[other] === word0 &&
          traceId[other + 1] === word1 &&
          traceId[other + 2] === word2 &&
          traceId[other + 3] === word3
        ) {
          traceOf[row] = previous = trace;
          break;
        }
        slot = (slot + 1) & mask;
      }
    }
    const groups = { traceOf, traceCount, firstRow: firstRow.subarray(0, traceCount) };
    return (allQuirks & Quirk.sharedParent) === 0 ? groups : this.#joinShortIds(groups);
  }

  /**
   * Zipkin writes the id of one trace in 128 bits here and in its low 64 bits there: spans of the short form go to the
   * trace with the long one. Of several (which no sound system has) the one with the smallest id takes them.
   */
  #joinShortIds({ traceOf, traceCount, firstRow }: TraceGroups): TraceGroups {
    const { count, traceId, quirks } = this.#input;
    const isZipkin = new Uint8Array(traceCount);
    for (let row = 0; row < count; row++) if (quirks[row]! & Quirk.sharedParent) isZipkin[traceOf[row]!] = 1;
    const short: number[] = [];
    const long: number[] = [];
    for (let trace = 0; trace < traceCount; trace++) {
      if (isZipkin[trace] === 0) continue;
      const at = firstRow[trace]! * 4;
      if ((traceId[at + 2]! | traceId[at + 3]!) === 0) short.push(trace);
      else long.push(trace);
    }
    if (short.length === 0 || long.length === 0) return { traceOf, traceCount, firstRow };
    let slots = 64;
    while (slots < long.length * 2) slots *= 2;
    const table = new Int32Array(slots);
    /** The slot that a trace's low 64 bits have, or would take. */
    const slotOf = (trace: number): number => {
      const at = firstRow[trace]! * 4;
      let slot = hashWords(traceId[at]!, traceId[at + 1]!) & (slots - 1);
      for (; table[slot] !== 0; slot = (slot + 1) & (slots - 1)) {
        const known = firstRow[table[slot]! - 1]! * 4;
        if (traceId[known] === traceId[at] && traceId[known + 1] === traceId[at + 1]) break;
      }
      return slot;
    };
    for (const trace of long) {
      const slot = slotOf(trace);
      const known = table[slot]! - 1;
      if (known < 0 || compareIds(traceId, firstRow[trace]!, firstRow[known]!) < 0) table[slot] = trace + 1;
    }
    const target = new Int32Array(traceCount).fill(-1);
    for (const trace of short) target[trace] = table[slotOf(trace)]! - 1;
    // Numbers that are free now are closed up.
    const number = new Uint32Array(traceCount);
    let joinedCount = 0;
    for (let trace = 0; trace < traceCount; trace++) {
      if (target[trace]! >= 0) continue;
      firstRow[joinedCount] = firstRow[trace]!;
      number[trace] = joinedCount++;
    }
    for (const trace of short) if (target[trace]! >= 0) number[trace] = number[target[trace]!]!;
    for (let row = 0; row < count; row++) traceOf[row] = number[traceOf[row]!]!;
    return { traceOf, traceCount: joinedCount, firstRow: firstRow.subarray(0, joinedCount) };
  }

  /** The traces in order of their earliest start, then of their ids. */
  #byStart(traceCount: number, rows: Uint32Array, sizes: Uint32Array, firstRow: Uint32Array): Uint32Array {
    const { start, traceId } = this.#input;
    const earliest = new Uint32Array(traceCount);
    for (let trace = 0; trace < traceCount; trace++) {
      let best = rows[sizes[trace]!]!;
      for (let at = sizes[trace]! + 1; at < sizes[trace + 1]!; at++) {
        const row = rows[at]!;
        if (this.#isKnown(row) && (!this.#isKnown(best) || compareWords(start, row, best) < 0)) best = row;
      }
      earliest[trace] = best;
    }
    return new Uint32Array(traceCount)
      .map((_, trace) => trace)
      .sort(
        (a, b) => compareWords(start, earliest[a]!, earliest[b]!) || compareIds(traceId, firstRow[a]!, firstRow[b]!),
      );
  }

  #isKnown(row: number): boolean {
    return (this.#input.quirks[row]! & Quirk.startUnknown) === 0;
  }

  #assembleTrace(
    rows: Uint32Array,
    from: number,
    to: number,
    first: number,
    output: Output,
    idRow: number,
  ): AssembledTrace {
    const input = this.#input;
    const size = to - from;
    this.#begin(size);
    const members = this.#members;
    let quirks = 0;
    for (let place = 0; place < size; place++) {
      const row = rows[from + place]!;
      members[place] = row;
      quirks |= input.quirks[row]!;
    }
    this.#hasShared = (quirks & Quirk.shared) !== 0;
    if (quirks & Quirk.sharedParent) this.#recogniseServerHalves();
    if (quirks & Quirk.startUnknown) this.#inheritStarts();
    this.#sort(size);
    if (this.#indexIds()) {
      // Ids were given: siblings stand in order of the ids that they have now.
      this.#clearIndex();
      this.#sort(size);
      this.#indexIds();
    }
    this.#findParents();

    // Tops in order: true roots, then orphans, each by start.
    const parent = this.#parent;
    const parentage = this.#state;
    const tops: number[] = [];
    for (const wanted of [Parentage.root, Parentage.orphan, Parentage.cut]) {
      for (let place = 0; place < size; place++)
        if (parent[place]! < 0 && parentage[place] === wanted) tops.push(place);
    }
    const walk: Walk = { position: first, number: 1, component: 0 };
    for (const top of tops) this.#walk(top, output, walk);
    if (walk.position < first + size) this.#cutCycles(output, walk);
    return this.#summarise(first, size, output, idRow);
  }

  #begin(size: number): void {
    if (size > this.#members.length) {
      const room = size * 2;
      this.#members = new Uint32Array(room);
      this.#scratch = new Uint32Array(room);
      this.#parent = new Int32Array(room);
      this.#firstChild = new Int32Array(room);
      this.#nextSibling = new Int32Array(room);
      this.#lastChild = new Int32Array(room);
      this.#state = new Uint8Array(room);
      this.#stack = new Int32Array(room);
    }
    this.#size = size;
    this.#hasSharedIds = false;
    let slots = 128;
    while (slots < size * 2) slots *= 2;
    if (slots > this.#table.length) this.#table = new Int32Array(slots);
    else this.#table.fill(0, 0, slots);
    this.#tableMask = slots - 1;
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
    this.#clearIndex();
  }

  /** Sorts the members as `#compare` says: a merge sort, insertion sort for short runs. */
  #sort(size: number): void {
    const RUN = 16;
    for (let from = 0; from < size; from += RUN) {
      const to = Math.min(from + RUN, size);
      const members = this.#members;
      for (let place = from + 1; place < to; place++) {
        const row = members[place]!;
        let at = place - 1;
        for (; at >= from && this.#compare(members[at]!, row) > 0; at--) members[at + 1] = members[at]!;
        members[at + 1] = row;
      }
    }
    for (let width = RUN; width < size; width *= 2) {
      const source = this.#members;
      const target = this.#scratch;
      for (let from = 0; from < size; from += width * 2) {
        const middle = Math.min(from + width, size);
        const to = Math.min(from + width * 2, size);
        let a = from;
        let b = middle;
        for (let at = from; at < to; at++) {
          const takeA = a < middle && (b >= to || this.#compare(source[a]!, source[b]!) <= 0);
          target[at] = takeA ? source[a++]! : source[b++]!;
        }
      }
      this.#members = target;
      this.#scratch = source;
    }
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
    let zeros = 0;
    let hasGiven = false;
    for (let place = 0; place < this.#size; place++) {
      const row = this.#members[place]!;
      if ((spanId[row * 2]! | spanId[row * 2 + 1]!) === 0 && ++zeros > 1) this.#hasSharedIds = true;
      const known = this.#enter(place, spanId[row * 2]!, spanId[row * 2 + 1]!);
      if (known < 0) continue;
      // The two halves of a Zipkin call whose server did not say `shared`: the server half gets an id of its own.
      const other = this.#members[known]!;
      const isZipkin = (quirks[row]! & quirks[other]! & Quirk.sharedParent) !== 0;
      if (isZipkin && kind[row] === Kind.server && kind[other] === Kind.client) {
        this.#share(place);
        hasGiven = true;
      } else if (isZipkin && kind[row] === Kind.client && kind[other] === Kind.server) {
        this.#replace(known, place);
        this.#share(known);
        hasGiven = true;
      } else this.#hasSharedIds = true;
    }
    return hasGiven;
  }

  #clearIndex(): void {
    this.#table.fill(0, 0, this.#tableMask + 1);
    this.#hasSharedIds = false;
  }

  /** Makes the span at `place` a server half: its id becomes its own, its client half becomes its parent. */
  #share(place: number): void {
    const { spanId, quirks } = this.#input;
    const row = this.#members[place]!;
    spanId[row * 2] = (spanId[row * 2]! ^ SHARED_SPAN_MASK.low) >>> 0;
    spanId[row * 2 + 1] = (spanId[row * 2 + 1]! ^ SHARED_SPAN_MASK.high) >>> 0;
    quirks[row] = quirks[row]! | Quirk.shared;
    this.#hasShared = true;
    if (this.#enter(place, spanId[row * 2]!, spanId[row * 2 + 1]!) >= 0) this.#hasSharedIds = true;
  }

  /** Enters an id and returns -1, or returns the place that has it already. Zero is no id to be found by. */
  #enter(place: number, low: number, high: number): number {
    if ((low | high) === 0) return -1;
    const table = this.#table;
    const { spanId } = this.#input;
    let slot = hashWords(low, high) & this.#tableMask;
    for (;;) {
      const known = table[slot]! - 1;
      if (known < 0) {
        table[slot] = place + 1;
        return -1;
      }
      const at = this.#members[known]! * 2;
      if (spanId[at] === low && spanId[at + 1] === high) return known;
      slot = (slot + 1) & this.#tableMask;
    }
  }

  /** Has `place` stand for the id that `known` stood for. */
  #replace(known: number, place: number): void {
    const at = this.#members[known]! * 2;
    const { spanId } = this.#input;
    let slot = hashWords(spanId[at]!, spanId[at + 1]!) & this.#tableMask;
    while (this.#table[slot] !== known + 1) slot = (slot + 1) & this.#tableMask;
    this.#table[slot] = place + 1;
  }

  #find(low: number, high: number): number {
    const { spanId } = this.#input;
    let slot = hashWords(low, high) & this.#tableMask;
    for (;;) {
      const place = this.#table[slot]! - 1;
      if (place < 0) return -1;
      const at = this.#members[place]! * 2;
      if (spanId[at] === low && spanId[at + 1] === high) return place;
      slot = (slot + 1) & this.#tableMask;
    }
  }

  #findParents(): void {
    const { parentId } = this.#input;
    const size = this.#size;
    this.#firstChild.fill(-1, 0, size);
    for (let place = 0; place < size; place++) {
      const row = this.#members[place]!;
      const low = parentId[row * 2]!;
      const high = parentId[row * 2 + 1]!;
      let parent = -1;
      if (this.#hasShared) parent = this.#findSharedParent(row, low, high);
      else if ((low | high) !== 0) parent = this.#find(low, high);
      const isRoot = (low | high) === 0 && parent < 0;
      if (parent === place) {
        this.#parent[place] = -1;
        this.#state[place] = Parentage.cut;
        continue;
      }
      this.#parent[place] = parent;
      this.#state[place] = parent >= 0 ? Parentage.child : isRoot ? Parentage.root : Parentage.orphan;
      if (parent < 0) continue;
      this.#nextSibling[place] = -1;
      if (this.#firstChild[parent]! < 0) this.#firstChild[parent] = place;
      else this.#nextSibling[this.#lastChild[parent]!] = place;
      this.#lastChild[parent] = place;
    }
  }

  /** The parent in a trace that has server halves: see formats/zipkin-json. */
  #findSharedParent(row: number, low: number, high: number): number {
    const { spanId, quirks, service } = this.#input;
    const halfOf = (idLow: number, idHigh: number) =>
      this.#find((idLow ^ SHARED_SPAN_MASK.low) >>> 0, (idHigh ^ SHARED_SPAN_MASK.high) >>> 0);
    const isShared = (place: number) => place >= 0 && (quirks[this.#members[place]!]! & Quirk.shared) !== 0;
    if (quirks[row]! & Quirk.shared) {
      const client = halfOf(spanId[row * 2]!, spanId[row * 2 + 1]!);
      if (client >= 0 && !isShared(client)) return client;
    }
    if ((low | high) === 0) return -1;
    let named = this.#find(low, high);
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
  #walk(top: number, output: Output, walk: Walk): void {
    const stack = this.#stack;
    const { row, parentage, component, left, right, depth } = output;
    const position = this.#lastChild; // a place's output position, once it is visited: its last child is not needed then
    let height = 0;
    let place = top;
    for (;;) {
      const at = walk.position++;
      row[at] = this.#members[place]!;
      parentage[at] = this.#state[place]!;
      component[at] = walk.component;
      depth[at] = height;
      left[at] = walk.number++;
      this.#selfTime(place, at, output);
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

  /** What no top leads to hangs in, or from, a cycle: each is cut at its earliest span. */
  #cutCycles(output: Output, walk: Walk): void {
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
  #selfTime(place: number, at: number, output: Output): void {
    const { start, duration, kind } = this.#input;
    const row = this.#members[place]!;
    const low = start[row * 2]!;
    const high = start[row * 2 + 1]!;
    const length = duration[row * 2 + 1]! * 4294967296 + duration[row * 2]!;
    if (length > Number.MAX_SAFE_INTEGER) {
      this.#longSelfTime(place, at, output);
      return;
    }
    let covered = 0;
    let until = 0;
    for (let child = this.#firstChild[place]!; child >= 0; child = this.#nextSibling[child]!) {
      const childRow = this.#members[child]!;
      const childLow = start[childRow * 2]!;
      const childHigh = start[childRow * 2 + 1]!;
      const from = distance(low, high, childLow, childHigh);
      // No other child starts earlier.
      if (from > length) break;
      if (isAsyncEdge(kind[row]!, kind[childRow]!)) continue;
      const to = distance(low, high, childLow + duration[childRow * 2]!, childHigh + duration[childRow * 2 + 1]!);
      const clippedFrom = Math.max(from, until);
      const clippedTo = Math.min(to, length);
      if (clippedTo > clippedFrom) {
        covered += clippedTo - clippedFrom;
        until = clippedTo;
      }
    }
    const self = length - covered;
    const selfHigh = Math.floor(self / 4294967296);
    output.self[at * 2] = self - selfHigh * 4294967296;
    output.self[at * 2 + 1] = selfHigh;
  }

  /** The same for a span of 2^53 nanoseconds or more (104 days), whose times a double cannot tell apart. */
  #longSelfTime(place: number, at: number, output: Output): void {
    const { start, duration, kind } = this.#input;
    const row = this.#members[place]!;
    const spanStart = integerOfWords(start, row);
    const spanEnd = spanStart + integerOfWords(duration, row);
    let covered = 0n;
    let until = spanStart;
    for (let child = this.#firstChild[place]!; child >= 0; child = this.#nextSibling[child]!) {
      const childRow = this.#members[child]!;
      let from = integerOfWords(start, childRow);
      if (from > spanEnd) break;
      if (isAsyncEdge(kind[row]!, kind[childRow]!)) continue;
      let to = from + integerOfWords(duration, childRow);
      if (from < until) from = until;
      if (to > spanEnd) to = spanEnd;
      if (to > from) {
        covered += to - from;
        until = to;
      }
    }
    const self = spanEnd - spanStart - covered;
    output.self[at * 2] = Number(self & 0xffff_ffffn);
    output.self[at * 2 + 1] = Number(self >> 32n);
  }

  #summarise(first: number, size: number, output: Output, idRow: number): AssembledTrace {
    const { traceId, start, duration, service, failed } = this.#input;
    const end = first + size;
    let earliest = output.row[first]!;
    for (let at = first + 1; at < end; at++) {
      if (compareWords(start, output.row[at]!, earliest) < 0) earliest = output.row[at]!;
    }
    const low = start[earliest * 2]!;
    const high = start[earliest * 2 + 1]!;
    let lastLow = low;
    let lastHigh = high;
    let root = -1;
    let rootLength = -1;
    let roots = 0;
    let orphans = 0;
    let cuts = 0;
    let failures = 0;
    const services: number[] = [];
    let known: Set<number> | undefined;
    for (let at = first; at < end; at++) {
      const row = output.row[at]!;
      const length = duration[row * 2 + 1]! * 4294967296 + duration[row * 2]!;
      const endSum = start[row * 2]! + duration[row * 2]!;
      const endLow = endSum >>> 0;
      const endHigh = start[row * 2 + 1]! + duration[row * 2 + 1]! + (endSum > 0xffff_ffff ? 1 : 0);
      if (endHigh > lastHigh || (endHigh === lastHigh && endLow > lastLow)) {
        lastLow = endLow;
        lastHigh = endHigh;
      }
      failures += failed[row]!;
      const serviceOfRow = service[row]!;
      if (known === undefined ? !services.includes(serviceOfRow) : !known.has(serviceOfRow)) {
        services.push(serviceOfRow);
        known?.add(serviceOfRow);
        if (services.length === MANY_SERVICES) known = new Set(services);
      }
      switch (output.parentage[at]) {
        case Parentage.root:
          roots++;
          if (length > rootLength) {
            rootLength = length;
            root = at;
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
    const id = idRow * 4;
    return {
      id: [traceId[id]!, traceId[id + 1]!, traceId[id + 2]!, traceId[id + 3]!],
      first,
      count: size,
      startLow: low,
      startHigh: high,
      durationLow: (lastLow - low) >>> 0,
      durationHigh: lastHigh - high - (lastLow < low ? 1 : 0),
      root,
      roots,
      orphans,
      cuts,
      components: roots + orphans + cuts,
      failed: failures,
      services,
      complete: roots === 1 && orphans === 0 && cuts === 0 && this.#endsWithRoot(first, end, output),
      hasSharedIds: this.#hasSharedIds,
    };
  }

  /** Says whether no span ends after the root at `first`, but for those behind an async edge. */
  #endsWithRoot(first: number, end: number, output: Output): boolean {
    const { start, duration, kind } = this.#input;
    const rootRow = output.row[first]!;
    // The row of the span at each depth above the one in hand.
    const path: number[] = [rootRow];
    for (let at = first + 1; at < end; at++) {
      const row = output.row[at]!;
      const depth = output.depth[at]!;
      const parentRow = path[depth - 1]!;
      path[depth] = row;
      if (isAsyncEdge(kind[parentRow]!, kind[row]!) || compareToEnd(start, duration, row, parentRow, false) > 0) {
        // Nothing below an async edge is waited for: go on behind the subtree.
        at += (output.right[at]! - output.left[at]! - 1) / 2;
        continue;
      }
      if (compareToEnd(start, duration, row, rootRow, true) > 0) return false;
    }
    return true;
  }
}

/** Rows by trace, and a row of each trace that bears its full id. */
interface TraceGroups {
  readonly traceOf: Uint32Array;
  readonly traceCount: number;
  readonly firstRow: Uint32Array;
}

/** From so many services in a trace on, a list is too slow to be searched. */
const MANY_SERVICES = 32;

/** Mark of a place that has its output position. */
const VISITED = 255;
/** Mark of a place on the way up from another one. */
const CLIMBED = 254;

interface Output {
  row: Uint32Array;
  parentage: Uint8Array;
  component: Uint32Array;
  left: Uint32Array;
  right: Uint32Array;
  depth: Uint32Array;
  self: Uint32Array;
}

function firstPlaces(output: Output, count: number): Output {
  return {
    row: output.row.subarray(0, count),
    parentage: output.parentage.subarray(0, count),
    component: output.component.subarray(0, count),
    left: output.left.subarray(0, count),
    right: output.right.subarray(0, count),
    depth: output.depth.subarray(0, count),
    self: output.self.subarray(0, count * 2),
  };
}

/** Where numbering stands. */
interface Walk {
  position: number;
  number: number;
  component: number;
}

/** Says whether a parent does not wait for a child of these kinds: PRODUCER to CONSUMER. */
export function isAsyncEdge(parentKind: number, childKind: number): boolean {
  return parentKind === Kind.producer && childKind === Kind.consumer;
}

/** Has a span end at 2^63 - 1 where it would end later, so that its end is an int64 as its start is. */
export function cutEnd(start: Uint32Array, duration: Uint32Array, row: number): void {
  const low = start[row * 2]! + duration[row * 2]!;
  const high = start[row * 2 + 1]! + duration[row * 2 + 1]! + (low > 0xffff_ffff ? 1 : 0);
  if (high < 0x8000_0000) return;
  duration[row * 2] = 0xffff_ffff - start[row * 2]!;
  duration[row * 2 + 1] = 0x7fff_ffff - start[row * 2 + 1]!;
}

function hashWords(low: number, high: number): number {
  const hash = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

/** The 64-bit value of a row. Never in a loop over spans. */
function integerOfWords(words: Uint32Array, row: number): bigint {
  return (BigInt(words[row * 2 + 1]!) << 32n) | BigInt(words[row * 2]!);
}

/** Compares the start of a row, or its end, with the end of another row. */
function compareToEnd(start: Uint32Array, duration: Uint32Array, row: number, other: number, ofEnd: boolean): number {
  const low = start[row * 2]! + (ofEnd ? duration[row * 2]! : 0);
  const high = start[row * 2 + 1]! + (ofEnd ? duration[row * 2 + 1]! : 0);
  const otherLow = start[other * 2]! + duration[other * 2]!;
  const otherHigh = start[other * 2 + 1]! + duration[other * 2 + 1]!;
  return distance(otherLow, otherHigh, low, high);
}

/** Compares 64-bit values of two rows as unsigned integers. */
function compareWords(words: Uint32Array, a: number, b: number): number {
  return words[a * 2 + 1]! - words[b * 2 + 1]! || words[a * 2]! - words[b * 2]!;
}

/** Compares the trace ids of two rows as unsigned integers. */
function compareIds(words: Uint32Array, a: number, b: number): number {
  for (let word = 3; word >= 0; word--) {
    const difference = words[a * 4 + word]! - words[b * 4 + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
