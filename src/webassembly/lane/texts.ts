// Texts in memory, all of which may be read (never interpreted) some bytes beyond their ends.

const K1: u64 = 0x9E37_79B9_7F4A_7C15;
const K2: u64 = 0xC2B2_AE3D_27D4_EB4F;

/** Reads up to 8 bytes before and 16 behind the text. */
@inline
export function hashOf(from: u32, length: u32, seed: u32): u64 {
  let a: u64 = <u64>length * K1 + seed;
  let b: u64 = K2;
  if (length >= 16) {
    const last = from + length - 16;
    for (let at = from; at < last; at += 16) {
      a = (a ^ load<u64>(at)) * K1;
      b = (b ^ load<u64>(at, 8)) * K2;
      a ^= a >> 32;
      b ^= b >> 29;
    }
    a = (a ^ load<u64>(last)) * K1;
    b = (b ^ load<u64>(last, 8)) * K2;
  } else if (length >= 8) {
    a = (a ^ load<u64>(from)) * K1;
    b = (b ^ load<u64>(from + length - 8)) * K2;
  } else if (length > 0) a = (a ^ (load<u64>(from) << ((8 - length) << 3))) * K1;
  a ^= a >> 32;
  b ^= b >> 29;
  a = (a ^ rotl<u64>(b, 23)) * K2;
  a ^= a >> 29;
  a *= K1;
  return a ^ (a >> 32);
}

@inline
export function equal(a: u32, b: u32, length: u32): bool {
  if (length >= 16) {
    const last = length - 16;
    for (let at: u32 = 0; at < last; at += 16) {
      if (v128.any_true(v128.xor(v128.load(a + at), v128.load(b + at)))) return false;
    }
    return !v128.any_true(v128.xor(v128.load(a + last), v128.load(b + last)));
  }
  if (length >= 8) return load<u64>(a) == load<u64>(b) && load<u64>(a + length - 8) == load<u64>(b + length - 8);
  return length == 0 || (load<u64>(a) ^ load<u64>(b)) << ((8 - length) << 3) == 0;
}

/** Copies the text, and up to 15 bytes behind it: what stands there in the target is written next, or is never read. */
@inline
export function copy(to: u32, from: u32, length: u32): void {
  for (let at: u32 = 0; at < length; at += 16) v128.store(to + at, v128.load(from + at));
}
