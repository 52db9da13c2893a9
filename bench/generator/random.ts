// Random numbers that are the same on every machine: sfc32 (http://pracrand.sourceforge.net), seeded by one integer.

const BYTE_HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A stream of pseudo-random numbers. The same seed gives the same stream. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: number) {
    this.#a = Math.imul(seed, 0x9e3779b1) | 0;
    this.#b = seed | 0;
    this.#c = 0x243f6a88;
    this.#counter = 1;
    // The first numbers after seeding still show the seed's bits.
    for (let round = 0; round < 20; round++) this.#next32();
  }

  /** Returns a number in [0, 1). */
  fraction(): number {
    return this.#next32() / 2 ** 32;
  }

  /** Returns a number in [low, high). */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }

  /** Returns an integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  /** Returns true with the given probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Returns an exponentially distributed number: most are small, a few are many times the mean. */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  /** Returns an element of a list that is not empty; an element listed twice is picked twice as often. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Returns random bytes as lowercase hex. */
  hex(bytes: number): string {
    let text = '';
    for (let at = 0; at < bytes; at += 4) {
      const word = this.#next32();
      for (let byte = 0; byte < Math.min(4, bytes - at); byte++) text += BYTE_HEX[(word >>> (8 * byte)) & 0xff];
    }
    return text;
  }

  /** Returns a version 4 UUID. */
  uuid(): string {
    const hex = this.hex(16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  #next32(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }
}
