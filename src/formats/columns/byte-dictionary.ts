import { type ByteSource, equalBytes, hashBytes, SLACK } from './bytes.ts';

// A dictionary of byte strings (names, attribute keys) with ids counted from 0. Bounded: past its limits it forgets
// what it knew and goes on counting, so that one content may come to have two ids. See model/span-batch.ts.

const MAX_ENTRIES = 1 << 18;
const MAX_BYTES = 64 << 20;
const MAX_PROBES = 64;
/** Longer ones are not worth a place. */
const LONGEST = 1 << 20;
/** Words of a table entry: hash, offset in the arena, length, id + 1 (0 = empty). */
const ENTRY = 4;

export class ByteDictionary {
  #mask: number;
  #table: Int32Array;
  #arena: Uint8Array;
  #arenaView: DataView;
  #arenaEnd = 0;
  #entries = 0;
  #nextId = 0;
  readonly #define: (id: number, source: ByteSource, from: number, to: number) => void;

  /** `define` is called once for every id, in order, with the bytes it stands for. */
  constructor(define: (id: number, source: ByteSource, from: number, to: number) => void) {
    this.#define = define;
    this.#mask = 255;
    this.#table = new Int32Array(256 * ENTRY);
    this.#arena = new Uint8Array(4096);
    this.#arenaView = new DataView(this.#arena.buffer);
  }

  /** Returns the id of the bytes `from`..`to` of `source`. */
  idOf(source: ByteSource, from: number, to: number): number {
    const length = to - from;
    if (length > LONGEST) return this.#next(source, from, to);
    const hash = hashBytes(source.view, from, to, length);
    const table = this.#table;
    let slot = hash & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = slot * ENTRY;
      const id = table[at + 3]!;
      if (id === 0) return this.#insert(at, hash, source, from, to);
      if (
        table[at] === hash &&
        table[at + 2] === length &&
        equalBytes(this.#arenaView, table[at + 1]!, source.view, from, length)
      ) {
        return id - 1;
      }
      slot = (slot + 1) & this.#mask;
    }
    return this.#next(source, from, to);
  }

  #next(source: ByteSource, from: number, to: number): number {
    const id = this.#nextId++;
    this.#define(id, source, from, to);
    return id;
  }

  #insert(at: number, hash: number, source: ByteSource, from: number, to: number): number {
    const length = to - from;
    if (this.#entries >= MAX_ENTRIES || this.#arenaEnd + length > MAX_BYTES) this.#forget();
    else if (this.#entries * 2 > this.#mask) this.#grow();
    else {
      this.#put(at, hash, source, from, length);
      return this.#next(source, from, to);
    }
    return this.idOf(source, from, to);
  }

  #put(at: number, hash: number, source: ByteSource, from: number, length: number): void {
    const end = this.#arenaEnd + length;
    if (end + SLACK > this.#arena.length) {
      const grown = new Uint8Array(Math.max(this.#arena.length * 2, end + SLACK));
      grown.set(this.#arena);
      this.#arena = grown;
      this.#arenaView = new DataView(grown.buffer);
    }
    this.#arena.set(source.bytes.subarray(from, from + length), this.#arenaEnd);
    this.#table[at] = hash;
    this.#table[at + 1] = this.#arenaEnd;
    this.#table[at + 2] = length;
    this.#table[at + 3] = this.#nextId + 1;
    this.#arenaEnd = end;
    this.#entries++;
  }

  #grow(): void {
    const old = this.#table;
    this.#mask = this.#mask * 2 + 1;
    this.#table = new Int32Array((this.#mask + 1) * ENTRY);
    for (let at = 0; at < old.length; at += ENTRY) {
      if (old[at + 3] === 0) continue;
      let slot = old[at]! & this.#mask;
      while (this.#table[slot * ENTRY + 3] !== 0) slot = (slot + 1) & this.#mask;
      for (let word = 0; word < ENTRY; word++) this.#table[slot * ENTRY + word] = old[at + word]!;
    }
  }

  #forget(): void {
    this.#table.fill(0);
    this.#arenaEnd = 0;
    this.#entries = 0;
  }
}
