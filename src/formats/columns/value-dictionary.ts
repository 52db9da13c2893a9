import { type ByteSource, copyBytes, equalBytes, hashBytes, SLACK } from './bytes.ts';

// The dictionary of attribute values: ids for the values of keys that repeat themselves. A key whose values hardly ever
// come again (request ids, URLs), or with more than `MAX_VALUES` of them, leaves it, so that the table stays small; its values
// are defined anew each time, which is allowed (model/span-batch.ts). In front of it stands attribute-cache.ts.

const MAX_VALUES = 65_536;
/** Every so many new values of a key, it is asked whether its values come again at all: one use for 64 of them. */
const TRIAL_VALUES = 4096;
/** In place of the number of values of a key: they hardly ever come again. */
const SINGLE_USE = MAX_VALUES + 1;
const MAX_VALUE_BYTES = 65_536;
const MAX_BYTES = 96 << 20;
const MAX_ENTRIES = 1 << 21;
const MAX_PROBES = 64;
const MAX_KEYS = 1 << 20;
/** Words of a slot, of which few have to be looked at, far apart in memory: hash, and offset in the arena + 1 (0 = empty). */
const SLOT = 2;
/** Bytes before those of a value in the arena: key and class, id, length. */
const HEADER = 12;

/**
 * How the bytes of a look-up are to be read. 0 to 7 are `ValueType` with the value's stored text; the others are forms
 * in which a format writes a value, remembered so that its text is made once.
 */
export const ValueClass = {
  /** The 8 bytes of a double. */
  doubleBits: 8,
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
  #mask = 1023;
  #table = new Int32Array(1024 * SLOT);
  #entries = 0;
  #arena = new Uint8Array(1 << 14);
  #arenaView: DataView = new DataView(this.#arena.buffer);
  #arenaEnd = 0;
  /** By key: values entered, and spans that had the key. */
  #distinct = new Uint32Array(256);
  #uses = new Uint32Array(256);

  /** Counts a use of a key, whether or not its value was looked up here. */
  countUse(key: number): void {
    if (key < this.#uses.length) this.#uses[key] = this.#uses[key]! + 1;
  }

  /** Counts uses of the first `keyCount` keys. */
  countAll(uses: Uint32Array, keyCount: number): void {
    const known = Math.min(keyCount, this.#uses.length);
    for (let key = 0; key < known; key++) this.#uses[key] = this.#uses[key]! + uses[key]!;
  }

  /** Returns the id remembered for these bytes, or 0. */
  find(key: number, valueClass: number, source: ByteSource, from: number, to: number): number {
    if (!this.#takes(key)) return 0;
    const tag = (key << 4) | valueClass;
    const hash = hashBytes(source.view, from, to, tag);
    const table = this.#table;
    const length = to - from;
    let place = hash & this.#mask;
    const arena = this.#arenaView;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const offset = table[place * SLOT + 1]! - 1;
      if (offset < 0) return 0;
      if (
        table[place * SLOT] === hash &&
        arena.getInt32(offset, true) === tag &&
        arena.getInt32(offset + 8, true) === length &&
        equalBytes(arena, offset + HEADER, source.view, from, length)
      ) {
        return arena.getUint32(offset + 4, true);
      }
      place = (place + 1) & this.#mask;
    }
    return 0;
  }

  /** Remembers `id` for bytes that `find` did not know. */
  remember(key: number, valueClass: number, source: ByteSource, from: number, to: number, id: number): void {
    const length = to - from;
    if (length > MAX_VALUE_BYTES || !this.#takes(key)) return;
    if (this.#entries >= MAX_ENTRIES || this.#arenaEnd + length > MAX_BYTES) return;
    if (this.#entries * 3 > this.#mask * 2) this.#grow();
    const tag = (key << 4) | valueClass;
    const hash = hashBytes(source.view, from, to, tag);
    let place = hash & this.#mask;
    for (let probe = 0; this.#table[place * SLOT + 1] !== 0; probe++) {
      if (probe === MAX_PROBES) return;
      place = (place + 1) & this.#mask;
    }
    const offset = this.#arenaEnd;
    const end = offset + HEADER + length;
    if (end + SLACK > this.#arena.length) {
      const grown = new Uint8Array(Math.max(this.#arena.length * 2, end + SLACK));
      grown.set(this.#arena);
      this.#arena = grown;
      this.#arenaView = new DataView(grown.buffer);
    }
    this.#arenaView.setInt32(offset, tag, true);
    this.#arenaView.setUint32(offset + 4, id, true);
    this.#arenaView.setInt32(offset + 8, length, true);
    copyBytes(source.bytes, from, to, this.#arena, offset + HEADER);
    this.#table[place * SLOT] = hash;
    this.#table[place * SLOT + 1] = offset + 1;
    this.#arenaEnd = (end + 3) & ~3;
    this.#entries++;
    // A form in which a value is written is not another value.
    if (valueClass < ValueClass.doubleBits) this.#countDistinct(key);
  }

  /** Says whether values of a key come again, as far as is known. */
  comesAgain(key: number): boolean {
    return key >= this.#distinct.length || this.#distinct[key] !== SINGLE_USE;
  }

  /** Says whether values of a key are remembered. */
  #takes(key: number): boolean {
    return key < this.#distinct.length ? this.#distinct[key]! < MAX_VALUES : key < MAX_KEYS;
  }

  #countDistinct(key: number): void {
    if (key >= this.#distinct.length) {
      const size = Math.max(this.#distinct.length * 2, key + 1);
      const distinct = new Uint32Array(size);
      const uses = new Uint32Array(size);
      distinct.set(this.#distinct);
      uses.set(this.#uses);
      this.#distinct = distinct;
      this.#uses = uses;
    }
    const distinct = this.#distinct[key]! + 1;
    const isTrial = distinct % TRIAL_VALUES === 0;
    this.#distinct[key] = isTrial && this.#uses[key]! - distinct < distinct / 64 ? SINGLE_USE : distinct;
  }

  #grow(): void {
    const old = this.#table;
    this.#mask = this.#mask * 2 + 1;
    // Written once before it is read: a page that is read first is the kernel's page of zeros, and is given a place by a second
    // fault, which stops the other threads. The entries come to stand on all of them.
    const table = new Int32Array((this.#mask + 1) * SLOT).fill(0);
    this.#table = table;
    for (let at = 0; at < old.length; at += SLOT) {
      if (old[at + 1] === 0) continue;
      let place = old[at]! & this.#mask;
      while (table[place * SLOT + 1] !== 0) place = (place + 1) & this.#mask;
      table[place * SLOT] = old[at]!;
      table[place * SLOT + 1] = old[at + 1]!;
    }
  }
}
