import { RECORD_BYTES } from "./memory";

// Records of a start (u64) and a number (u32), of 16 bytes.

export const NUMBER: usize = 8;

/** Says whether the one with the first number stands behind the one with the second, where both start together. */
type IsBehind = (a: u32, b: u32) => bool;

/** Sorts `count` records by start: a merge sort from below, which passes over what is in order, as it nearly is. Returns where they are then. */
export function sortRecords(at: u32, spare: u32, count: u32, isBehind: IsBehind): u32 {
  const RUN: u32 = 16;
  for (let from: u32 = 0; from < count; from += RUN) insertionSort(at, from, min(from + RUN, count), isBehind);
  let source = at;
  let target = spare;
  for (let width = RUN; width < count; width *= 2) {
    for (let from: u32 = 0; from < count; from += width * 2) {
      const middle = min(from + width, count);
      merge(source, target, from, middle, min(middle + width, count), isBehind);
    }
    const sorted = target;
    target = source;
    source = sorted;
  }
  return source;
}

function insertionSort(base: u32, from: u32, to: u32, isBehind: IsBehind): void {
  for (let index = from + 1; index < to; index++) {
    let at = base + index * RECORD_BYTES;
    const record = v128.load(at);
    const start = load<u64>(at);
    const first = base + from * RECORD_BYTES;
    while (at > first) {
      const before = load<u64>(at - RECORD_BYTES);
      if (before < start) break;
      if (before == start && !isBehind(load<u32>(at - RECORD_BYTES, NUMBER), <u32>v128.extract_lane<u32>(record, 2))) break;
      v128.store(at, v128.load(at - RECORD_BYTES));
      at -= RECORD_BYTES;
    }
    v128.store(at, record);
  }
}

function merge(source: u32, target: u32, from: u32, middle: u32, to: u32, isBehind: IsBehind): void {
  let a = source + from * RECORD_BYTES;
  let b = source + middle * RECORD_BYTES;
  const aEnd = b;
  const bEnd = source + to * RECORD_BYTES;
  let at = target + from * RECORD_BYTES;
  if (b < bEnd && isRecordBehind(b - RECORD_BYTES, b, isBehind)) {
    while (a < aEnd && b < bEnd) {
      if (isRecordBehind(a, b, isBehind)) {
        v128.store(at, v128.load(b));
        b += RECORD_BYTES;
      } else {
        v128.store(at, v128.load(a));
        a += RECORD_BYTES;
      }
      at += RECORD_BYTES;
    }
  }
  memory.copy(at, a, aEnd - a);
  memory.copy(at + (aEnd - a), b, bEnd - b);
}

@inline
function isRecordBehind(a: u32, b: u32, isBehind: IsBehind): bool {
  const start = load<u64>(a);
  const other = load<u64>(b);
  return start > other || (start == other && isBehind(load<u32>(a, NUMBER), load<u32>(b, NUMBER)));
}
