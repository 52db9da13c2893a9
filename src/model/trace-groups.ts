import type { AssemblyInput } from './assembled-columns.ts';
import { Quirk } from './span-batch.ts';
import { compareIds, compareWords, hashWords } from './words.ts';

// Rows by trace: the first step of assembly. Its arrays serve for one window of spans after the other; fresh memory costs a fault of
// the kernel a page.

export class TraceGroups {
  traceCount = 0;
  /** The number of each row's trace. */
  traceOf = new Uint32Array(0);
  /** By trace: a row that bears its full id. */
  firstRow = new Uint32Array(0);
  /** By trace: its last row. */
  lastRow = new Uint32Array(0);
  /** The rows of trace t, ascending: `rows[from[t]]` to `rows[from[t + 1]]`. */
  rows = new Uint32Array(0);
  from = new Uint32Array(1);
  #table = new Int32Array(0);
  #next = new Uint32Array(0);
  #earliest = new Uint32Array(0);
  #offset = new Float64Array(0);
  #order = new Uint32Array(0);
  #spare = new Uint32Array(0);

  /** Groups the rows of `input`. */
  group(input: AssemblyInput): void {
    const { count } = input;
    if (count > this.traceOf.length) {
      this.traceOf = new Uint32Array(count);
      this.rows = new Uint32Array(count);
      this.firstRow = new Uint32Array(count);
    }
    this.#numberTraces(input);
    const { traceCount, traceOf, rows } = this;
    if (traceCount >= this.from.length) {
      this.from = new Uint32Array(traceCount * 2 + 1);
      this.lastRow = new Uint32Array(traceCount * 2);
      this.#next = new Uint32Array(traceCount * 2);
      this.#earliest = new Uint32Array(traceCount * 2);
      this.#offset = new Float64Array(traceCount * 2);
      this.#order = new Uint32Array(traceCount * 2);
      this.#spare = new Uint32Array(traceCount * 2);
    }
    const { from, lastRow } = this;
    const next = this.#next;
    from.fill(0, 0, traceCount + 1);
    for (let row = 0; row < count; row++) {
      const trace = traceOf[row]!;
      from[trace + 1] = from[trace + 1]! + 1;
      lastRow[trace] = row;
    }
    for (let trace = 0; trace < traceCount; trace++) {
      next[trace] = from[trace]!;
      from[trace + 1] = from[trace + 1]! + from[trace]!;
    }
    for (let row = 0; row < count; row++) {
      const trace = traceOf[row]!;
      const at = next[trace]!;
      rows[at] = row;
      next[trace] = at + 1;
    }
  }

  /** Gives every row the number of its trace. */
  #numberTraces(input: AssemblyInput): void {
    const { count, traceId, quirks } = input;
    const { traceOf, firstRow } = this;
    let slots = 64;
    while (slots < count * 2) slots *= 2;
    if (slots > this.#table.length) this.#table = new Int32Array(slots);
    // Fresh memory is filled, too: a page that is read before it is written is faulted in twice.
    this.#table.fill(0, 0, slots);
    const table = this.#table;
    const mask = slots - 1;
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
    const hasZipkin = (allQuirks & Quirk.sharedParent) !== 0;
    this.traceCount = hasZipkin ? joinShortIds(input, traceCount, traceOf, firstRow) : traceCount;
  }

  /** The traces in order of their earliest start, then of their ids. */
  byStart(input: AssemblyInput): Uint32Array {
    const { start, traceId } = input;
    const { traceCount, firstRow } = this;
    this.#findEarliest(input);
    const earliest = this.#earliest;
    const offset = this.#offset;
    let order = this.#order;
    for (let trace = 0; trace < traceCount; trace++) order[trace] = trace;
    const compare = (a: number, b: number) =>
      offset[a]! - offset[b]! ||
      compareWords(start, earliest[a]!, earliest[b]!) ||
      compareIds(traceId, firstRow[a]!, firstRow[b]!);
    // A merge sort from below, which passes over what is in order: traces come nearly so.
    for (let width = 1; width < traceCount; width *= 2) {
      const target = this.#spare;
      for (let begin = 0; begin < traceCount; begin += width * 2) {
        const middle = Math.min(begin + width, traceCount);
        const end = Math.min(begin + width * 2, traceCount);
        let a = begin;
        let b = middle;
        let at = begin;
        if (b < end && compare(order[b - 1]!, order[b]!) > 0) {
          while (a < middle && b < end) target[at++] = compare(order[a]!, order[b]!) <= 0 ? order[a++]! : order[b++]!;
        }
        while (a < middle) target[at++] = order[a++]!;
        while (b < end) target[at++] = order[b++]!;
      }
      this.#spare = order;
      this.#order = order = target;
    }
    return order.subarray(0, traceCount);
  }

  /** Finds the row of each trace that starts first among those whose start is known, and its distance from one row. */
  #findEarliest({ count, start, quirks }: AssemblyInput): void {
    const { traceCount, traceOf, rows, from } = this;
    const earliest = this.#earliest;
    const offset = this.#offset;
    const low = start[0]!;
    const high = start[1]!;
    // Rounded where it is 2^53 ns and more, but never in the wrong order.
    const offsetOf = (row: number) => (start[row * 2 + 1]! - high) * 4294967296 + (start[row * 2]! - low);
    offset.fill(Infinity, 0, traceCount);
    for (let row = 0; row < count; row++) {
      if (quirks[row]! & Quirk.startUnknown) continue;
      const trace = traceOf[row]!;
      const distance = offsetOf(row);
      if (distance > offset[trace]!) continue;
      if (distance === offset[trace]! && compareWords(start, row, earliest[trace]!) >= 0) continue;
      offset[trace] = distance;
      earliest[trace] = row;
    }
    for (let trace = 0; trace < traceCount; trace++) {
      if (offset[trace] !== Infinity) continue;
      earliest[trace] = rows[from[trace]!]!;
      offset[trace] = offsetOf(earliest[trace]!);
    }
  }
}

/**
 * Zipkin writes the id of one trace in 128 bits here and in its low 64 bits there: spans of the short form go to the
 * trace with the long one. Of several (which no sound system has) the one with the smallest id takes them. Numbers of traces
 * are changed in place; returns how many traces are left.
 */
export function joinShortIds(
  { count, traceId, quirks }: AssemblyInput,
  traceCount: number,
  traceOf: Uint32Array,
  firstRow: Uint32Array,
): number {
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
  if (short.length === 0 || long.length === 0) return traceCount;
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
  return joinedCount;
}
