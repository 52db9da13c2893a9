import { type ByteSource, equalBytes, hashBytes, SLACK } from './bytes.ts';

// The dictionary of attribute values, the hottest structure of the way in: 6 to 12 look-ups a span.
//
// Two levels. The near one is small enough for the processor's cache: direct-mapped, one slot a hash. Behind it an
// exact table holds the values of keys that repeat themselves; a key whose values hardly ever come again (request ids,
// URLs), or with more than `EXACT_VALUES` of them, leaves it and lives in the near level alone, so that the table stays
// small. A value that both have forgotten is defined again, which is allowed (model/span-batch.ts).
//
// Bytes are always compared, never only hashes. A ring of recent bytes serves values outside the exact table; positions
// in it only ever rise, so that a slot knows whether its bytes have been overwritten.

const NEAR_BITS = 15;
const NEAR_MASK = (1 << NEAR_BITS) - 1;
/** Words of an entry: hash, key and class, position of the bytes, id (0 = empty). */
const ENTRY = 4;
const RING = 1 << 22;
const RING_MASK = RING - 1;
/** Longer values are not worth a place in the ring. */
const RING_VALUE = 4096;
const EXACT_VALUES = 65_536;
/** Every so many new values of a key, it is asked whether its values come again at all: one look-up for 64 of them. */
const TRIAL_VALUES = 4096;
const EXACT_VALUE_BYTES = 65_536;
const EXACT_BYTES = 96 << 20;
const EXACT_ENTRIES = 1 << 21;
const MAX_PROBES = 64;
const MAX_KEYS = 1 << 20;
/** Positions at or above this are in the exact arena, below it in the ring. */
const EXACT_BASE = 0x4000_0000;

/**
 * How the bytes of a look-up are to be read. 0 to 7 are `ValueType` with the value's stored text; the others are forms
 * in which a format writes a value, remembered so that its text is made once.
 */
export const ValueClass = {
  /** The 8 bytes of a double. */
  doubleBits: 8,
  /** The bytes of a protobuf varint. */
  varint: 9,
  /** A JSON number that stands for a double. */
  jsonNumber: 10,
  /** An OTLP/JSON `arrayValue` and `kvlistValue`. */
  jsonArray: 11,
  jsonMap: 12,
  /** An OTLP protobuf ArrayValue and KeyValueList. */
  protoArray: 13,
  protoMap: 14,
} as const;

export class ValueDictionary {
  readonly #near = new Int32Array((NEAR_MASK + 1) * ENTRY);
  #ring: Uint8Array | undefined;
  #ringView: DataView = new DataView(new ArrayBuffer(SLACK));
  #ringTop = 0;
  #exactMask = 1023;
  #exact = new Int32Array(1024 * ENTRY);
  #exactEntries = 0;
  #arena = new Uint8Array(1 << 14);
  #arenaView: DataView = new DataView(this.#arena.buffer);
  #arenaEnd = 0;
  /** By key: values entered into the exact table, and look-ups of any value. */
  #distinct = new Uint32Array(256);
  #lookups = new Uint32Array(256);

  /** Returns the id remembered for these bytes, or 0. */
  find(key: number, valueClass: number, source: ByteSource, from: number, to: number): number {
    const tag = (key << 4) | valueClass;
    const hash = hashBytes(source.view, from, to, tag);
    if (key < this.#lookups.length) this.#lookups[key] = this.#lookups[key]! + 1;
    const near = this.#near;
    const slot = (hash & NEAR_MASK) * ENTRY;
    if (near[slot] === hash && near[slot + 1] === tag && near[slot + 3] !== 0) {
      if (this.#holds(near[slot + 2]!, source, from, to - from)) return near[slot + 3]!;
    }
    if (!this.#isExact(key)) return 0;
    const exact = this.#exact;
    let place = (hash >>> 7) & this.#exactMask;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = place * ENTRY;
      const id = exact[at + 3]!;
      if (id === 0) return 0;
      if (exact[at] === hash && exact[at + 1] === tag && this.#holds(exact[at + 2]!, source, from, to - from)) {
        near[slot] = hash;
        near[slot + 1] = tag;
        near[slot + 2] = exact[at + 2]!;
        near[slot + 3] = id;
        return id;
      }
      place = (place + 1) & this.#exactMask;
    }
    return 0;
  }

  /** Remembers `id` for bytes that `find` did not know. */
  remember(key: number, valueClass: number, source: ByteSource, from: number, to: number, id: number): void {
    const tag = (key << 4) | valueClass;
    const hash = hashBytes(source.view, from, to, tag);
    const position = this.#rememberExact(key, tag, hash, source, from, to, id) ?? this.#rememberRing(source, from, to);
    if (position === undefined) return;
    const slot = (hash & NEAR_MASK) * ENTRY;
    this.#near[slot] = hash;
    this.#near[slot + 1] = tag;
    this.#near[slot + 2] = position;
    this.#near[slot + 3] = id;
  }

  /** Says whether the stored bytes at `position` (their length stands before them) equal the given ones. */
  #holds(position: number, source: ByteSource, from: number, length: number): boolean {
    if (position >= EXACT_BASE) {
      const at = position - EXACT_BASE;
      return (
        this.#arenaView.getInt32(at, true) === length && equalBytes(this.#arenaView, at + 4, source.view, from, length)
      );
    }
    if (this.#ringTop - position >= RING) return false;
    const at = position & RING_MASK;
    return (
      this.#ringView.getInt32(at, true) === length && equalBytes(this.#ringView, at + 4, source.view, from, length)
    );
  }

  #isExact(key: number): boolean {
    return key < this.#distinct.length ? this.#distinct[key]! < EXACT_VALUES : key < MAX_KEYS;
  }

  #rememberExact(
    key: number,
    tag: number,
    hash: number,
    source: ByteSource,
    from: number,
    to: number,
    id: number,
  ): number | undefined {
    const length = to - from;
    if (length > EXACT_VALUE_BYTES || key >= MAX_KEYS || !this.#isExact(key)) return undefined;
    if (this.#exactEntries >= EXACT_ENTRIES || this.#arenaEnd + length > EXACT_BYTES) return undefined;
    if (this.#exactEntries * 2 > this.#exactMask) this.#growExact();
    let place = (hash >>> 7) & this.#exactMask;
    for (let probe = 0; this.#exact[place * ENTRY + 3] !== 0; probe++) {
      if (probe === MAX_PROBES) return undefined;
      place = (place + 1) & this.#exactMask;
    }
    const end = this.#arenaEnd + 4 + length;
    if (end + SLACK > this.#arena.length) {
      const grown = new Uint8Array(Math.max(this.#arena.length * 2, end + SLACK));
      grown.set(this.#arena);
      this.#arena = grown;
      this.#arenaView = new DataView(grown.buffer);
    }
    const position = EXACT_BASE + this.#arenaEnd;
    this.#arenaView.setInt32(this.#arenaEnd, length, true);
    this.#arena.set(source.bytes.subarray(from, to), this.#arenaEnd + 4);
    this.#arenaEnd = (end + 3) & ~3;
    const at = place * ENTRY;
    this.#exact[at] = hash;
    this.#exact[at + 1] = tag;
    this.#exact[at + 2] = position;
    this.#exact[at + 3] = id;
    this.#exactEntries++;
    this.#countDistinct(key);
    return position;
  }

  #countDistinct(key: number): void {
    if (key >= this.#distinct.length) {
      const size = Math.max(this.#distinct.length * 2, key + 1);
      const distinct = new Uint32Array(size);
      const lookups = new Uint32Array(size);
      distinct.set(this.#distinct);
      lookups.set(this.#lookups);
      this.#distinct = distinct;
      this.#lookups = lookups;
    }
    const distinct = this.#distinct[key]! + 1;
    const isTrial = distinct % TRIAL_VALUES === 0;
    this.#distinct[key] = isTrial && this.#lookups[key]! - distinct < distinct / 64 ? EXACT_VALUES : distinct;
  }

  #rememberRing(source: ByteSource, from: number, to: number): number | undefined {
    const length = to - from;
    if (length > RING_VALUE) return undefined;
    if (this.#ring === undefined) {
      // Entries are written whole past the mask, so the ring has room for one more behind its end.
      this.#ring = new Uint8Array(RING + RING_VALUE + 4 + SLACK);
      this.#ringView = new DataView(this.#ring.buffer);
    }
    if (this.#ringTop + RING_VALUE + 8 >= EXACT_BASE) {
      this.#near.fill(0);
      this.#ringTop = 0;
    }
    const position = this.#ringTop;
    const at = position & RING_MASK;
    this.#ringView.setInt32(at, length, true);
    this.#ring.set(source.bytes.subarray(from, to), at + 4);
    this.#ringTop = (position + 4 + length + 3) & ~3;
    return position;
  }

  #growExact(): void {
    const old = this.#exact;
    this.#exactMask = this.#exactMask * 4 + 3;
    this.#exact = new Int32Array((this.#exactMask + 1) * ENTRY);
    for (let at = 0; at < old.length; at += ENTRY) {
      if (old[at + 3] === 0) continue;
      let place = (old[at]! >>> 7) & this.#exactMask;
      while (this.#exact[place * ENTRY + 3] !== 0) place = (place + 1) & this.#exactMask;
      this.#exact.set(old.subarray(at, at + ENTRY), place * ENTRY);
    }
  }
}
