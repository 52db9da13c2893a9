import { type ByteSource, equalBytes, hashBytes, sourceOfText } from '../columns/bytes.ts';

// The keys that a format knows in one kind of object, as small numbers to switch on. Producers write the keys of a kind
// of object in the same order every time, so the table remembers what followed each key last and tries that first.

/** What `match` returns for a key that the table does not hold. */
export const UNKNOWN_KEY = 0;

export class KeyTable {
  readonly #keys: { readonly source: ByteSource; readonly length: number; readonly code: number }[] = [];
  readonly #byHash = new Map<number, number[]>();
  readonly #next: Int32Array;
  #last = 0;

  /** `codes` gives every spelling of a key its number; numbers begin at 1, spellings of one key share one. */
  constructor(codes: Readonly<Record<string, number>>) {
    for (const [key, code] of Object.entries(codes)) {
      const { source, length } = sourceOfText(key);
      const hash = hashBytes(source.view, 0, length, length);
      this.#byHash.set(hash, [...(this.#byHash.get(hash) ?? []), this.#keys.length]);
      this.#keys.push({ source, length, code });
    }
    this.#next = new Int32Array(this.#keys.length).fill(-1);
  }

  /** Returns the number of the key `source.bytes[from..to]`, or `UNKNOWN_KEY`. */
  match(source: ByteSource, from: number, to: number): number {
    const guess = this.#next[this.#last]!;
    if (guess >= 0) {
      const key = this.#keys[guess]!;
      if (key.length === to - from && equalBytes(key.source.view, 0, source.view, from, key.length)) {
        this.#last = guess;
        return key.code;
      }
    }
    for (const index of this.#byHash.get(hashBytes(source.view, from, to, to - from)) ?? []) {
      const key = this.#keys[index]!;
      if (key.length === to - from && equalBytes(key.source.view, 0, source.view, from, key.length)) {
        this.#next[this.#last] = index;
        this.#last = index;
        return key.code;
      }
    }
    return UNKNOWN_KEY;
  }
}
