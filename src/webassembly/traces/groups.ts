import {
  EARLIEST, FIRST_ROW, FROM, LAST_ROW, NEXT, ORDER, ORDER_SPARE, QUIRKS, RECORD_BYTES, ROWS, SLOTS, START, TRACE_ID, TRACE_OF,
} from "./memory";
import { QUIRK_SHARED_PARENT, QUIRK_START_UNKNOWN } from "./quirks";
import { NUMBER, sortRecords } from "./sort";

// Rows by trace, as src/model/trace-groups.ts has them.

let allQuirks: u32 = 0;
export function hasZipkin(): bool { return (allQuirks & QUIRK_SHARED_PARENT) != 0; }

/** Gives every row the number of its trace, and returns how many there are. */
export function numberTraces(count: u32): u32 {
  let bits: u64 = 6;
  while ((<u32>1 << <u32>bits) < count * 2) bits++;
  const mask: u32 = (1 << <u32>bits) - 1;
  memory.fill(SLOTS, 0, (mask + 1) * 4);
  let traces: u32 = 0;
  let quirks: u32 = 0;
  let previous: u32 = 0;
  let previousLow: u64 = 0;
  let previousHigh: u64 = 0;
  for (let row: u32 = 0; row < count; row++) {
    quirks |= load<u8>(QUIRKS + row);
    const low = load<u64>(TRACE_ID + row * 16);
    const high = load<u64>(TRACE_ID + row * 16, 8);
    // Spans of a trace often come together.
    if (low == previousLow && high == previousHigh && row > 0) {
      store<u32>(TRACE_OF + row * 4, previous);
      continue;
    }
    previousLow = low;
    previousHigh = high;
    let slot = <u32>(((low ^ rotl<u64>(high, 29)) * 0x9e37_79b9_7f4a_7c15) >> (64 - bits));
    for (;;) {
      const known = load<u32>(SLOTS + slot * 4);
      if (known == 0) {
        store<u32>(FIRST_ROW + traces * 4, row);
        previous = traces++;
        store<u32>(SLOTS + slot * 4, traces);
        break;
      }
      const other = TRACE_ID + load<u32>(FIRST_ROW + (known - 1) * 4) * 16;
      if (load<u64>(other) == low && load<u64>(other, 8) == high) {
        previous = known - 1;
        break;
      }
      slot = (slot + 1) & mask;
    }
    store<u32>(TRACE_OF + row * 4, previous);
  }
  allQuirks = quirks;
  return traces;
}

/** Lists the rows of each trace. False where a start is not a time, which is not for here. */
export function groupRows(count: u32, traces: u32): bool {
  memory.fill(FROM, 0, (traces + 1) * 4);
  // No start is known as yet: later than any.
  memory.fill(EARLIEST, 0xff, traces * 8);
  let allStarts: u64 = 0;
  for (let row: u32 = 0; row < count; row++) {
    const trace = load<u32>(TRACE_OF + row * 4);
    const size = FROM + trace * 4;
    store<u32>(size, load<u32>(size, 4) + 1, 4);
    store<u32>(LAST_ROW + trace * 4, row);
    const start = load<u64>(START + row * 8);
    allStarts |= start;
    if ((load<u8>(QUIRKS + row) & QUIRK_START_UNKNOWN) == 0 && start < load<u64>(EARLIEST + trace * 8)) {
      store<u64>(EARLIEST + trace * 8, start);
    }
  }
  if (<i64>allStarts < 0) return false;
  for (let trace: u32 = 0; trace < traces; trace++) {
    const from = load<u32>(FROM + trace * 4);
    store<u32>(NEXT + trace * 4, from);
    store<u32>(FROM + trace * 4, load<u32>(FROM + trace * 4, 4) + from, 4);
  }
  for (let row: u32 = 0; row < count; row++) {
    const next = NEXT + load<u32>(TRACE_OF + row * 4) * 4;
    const at = load<u32>(next);
    store<u32>(ROWS + at * 4, row);
    store<u32>(next, at + 1);
  }
  return true;
}

/** Sorts the traces whose last row is before `completeBefore` by start, then by id; returns where their records are, which `ordered` counts. */
export function orderTraces(traces: u32, completeBefore: u32): u32 {
  ordered = 0;
  for (let trace: u32 = 0; trace < traces; trace++) {
    if (load<u32>(LAST_ROW + trace * 4) >= completeBefore) continue;
    let earliest = load<u64>(EARLIEST + trace * 8);
    if (earliest == u64.MAX_VALUE) earliest = load<u64>(START + load<u32>(ROWS + load<u32>(FROM + trace * 4) * 4) * 8);
    const record = ORDER + ordered * RECORD_BYTES;
    store<u64>(record, earliest);
    store<u32>(record, trace, NUMBER);
    ordered++;
  }
  return sortRecords(ORDER, ORDER_SPARE, ordered, (a, b) => {
    const id = TRACE_ID + load<u32>(FIRST_ROW + a * 4) * 16;
    const other = TRACE_ID + load<u32>(FIRST_ROW + b * 4) * 16;
    const high = load<u64>(id, 8);
    const otherHigh = load<u64>(other, 8);
    return high > otherHigh || (high == otherHigh && load<u64>(id) > load<u64>(other));
  });
}

export let ordered: u32 = 0;
