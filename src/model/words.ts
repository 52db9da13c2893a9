// 64-bit and 128-bit values of columns: words of 32 bits, low first (model/span-batch.ts).

/** Compares 64-bit values of two rows as unsigned integers. */
export function compareWords(words: Uint32Array, a: number, b: number): number {
  return words[a * 2 + 1]! - words[b * 2 + 1]! || words[a * 2]! - words[b * 2]!;
}

/** Compares the trace ids of two rows as unsigned integers. */
export function compareIds(words: Uint32Array, a: number, b: number): number {
  for (let word = 3; word >= 0; word--) {
    const difference = words[a * 4 + word]! - words[b * 4 + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

export function hashWords(low: number, high: number): number {
  const hash = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

/** The 64-bit value of a row. Never in a loop over spans. */
export function integerOfWords(words: Uint32Array, row: number): bigint {
  return (BigInt(words[row * 2 + 1]!) << 32n) | BigInt(words[row * 2]!);
}

/** Sets the 64-bit value of a row, which is not negative. */
export function setWords(words: Uint32Array, row: number, value: bigint): void {
  words[row * 2] = Number(value & 0xffff_ffffn);
  words[row * 2 + 1] = Number((value >> 32n) & 0xffff_ffffn);
}

/** Has a span end at 2^63 - 1 where it would end later, so that its end is an int64 as its start is. */
export function cutEnd(start: Uint32Array, duration: Uint32Array, row: number): void {
  const low = start[row * 2]! + duration[row * 2]!;
  const high = start[row * 2 + 1]! + duration[row * 2 + 1]! + (low > 0xffff_ffff ? 1 : 0);
  if (high < 0x8000_0000) return;
  duration[row * 2] = 0xffff_ffff - start[row * 2]!;
  duration[row * 2 + 1] = 0x7fff_ffff - start[row * 2 + 1]!;
}

/** Copies numbers `from` to `to` that grow by `shift` on the way; a column may be moved down in itself. */
export function copyShifted(
  source: Uint32Array,
  from: number,
  to: number,
  target: Uint32Array,
  at: number,
  shift: number,
): void {
  for (let row = from, index = at; row < to; row++, index++) target[index] = source[row]! + shift;
}
