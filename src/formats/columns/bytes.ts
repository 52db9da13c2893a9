// Byte strings inside larger buffers: hashing and comparing without making a string or a subarray.
// Every buffer passed here must have `SLACK` readable bytes behind the last one that counts.

/** Bytes behind the content of a buffer that the functions here may read (never interpret). */
export const SLACK = 16;

/** A buffer and its 32-bit view, kept together because hot code needs both. */
export interface ByteSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Returns an empty source of at least `size` bytes and the slack. */
export function byteSource(size: number): ByteSource {
  const bytes = new Uint8Array(size + SLACK);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Returns a source that holds `text` as UTF-8 from offset 0, and its length in bytes. */
export function sourceOfText(text: string): { source: ByteSource; length: number } {
  const length = Buffer.byteLength(text);
  const source = byteSource(length);
  new TextEncoder().encodeInto(text, source.bytes);
  return { source, length };
}

/**
 * Returns a 32-bit hash of the bytes `from`..`to`. Not keyed: the tables that use it bound their probe length, so bytes
 * made to collide cost repeated definitions, never time or a wrong answer.
 */
export function hashBytes(view: DataView, from: number, to: number, seed: number): number {
  let a = seed | 0;
  let b = 0x2545f491 ^ (to - from);
  let at = from;
  for (; at + 8 <= to; at += 8) {
    a = Math.imul(a ^ view.getInt32(at, true), 0x9e3779b1);
    b = Math.imul(b ^ view.getInt32(at + 4, true), 0x85ebca6b);
    a ^= b >>> 15;
  }
  let rest = to - at;
  if (rest >= 4) {
    a = Math.imul(a ^ view.getInt32(at, true), 0x9e3779b1);
    at += 4;
    rest -= 4;
  }
  if (rest > 0) b = Math.imul(b ^ (view.getInt32(at, true) & ((1 << (rest << 3)) - 1)), 0x85ebca6b);
  a ^= a >>> 15;
  b ^= b >>> 13;
  a = Math.imul(a ^ ((b << 13) | (b >>> 19)), 0xc2b2ae35);
  return a ^ (a >>> 16);
}

/**
 * Copies the bytes `from`..`to` to `at` and returns whether all of them are ASCII. A loop, because for texts as short as
 * most attribute values a call into native code costs more than the bytes.
 */
export function copyBytes(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): boolean {
  if (to - from > 256) {
    target.set(source.subarray(from, to), at);
    return false;
  }
  let all = 0;
  for (let offset = at - from; from < to; from++) {
    const byte = source[from]!;
    all |= byte;
    target[from + offset] = byte;
  }
  return all < 128;
}

/** Says whether `length` bytes at `a` in one view equal those at `b` in another. */
export function equalBytes(viewA: DataView, a: number, viewB: DataView, b: number, length: number): boolean {
  let left = length;
  for (; left >= 4; left -= 4, a += 4, b += 4) {
    if (viewA.getInt32(a, true) !== viewB.getInt32(b, true)) return false;
  }
  if (left === 0) return true;
  return ((viewA.getInt32(a, true) ^ viewB.getInt32(b, true)) & ((1 << (left << 3)) - 1)) === 0;
}
