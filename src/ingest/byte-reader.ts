import { SourceDamage } from './damage.ts';

/** A stream of chunks that can be looked into and given back. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Returns up to `size` of the next bytes without taking them; fewer only at the end. */
  async peek(size: number): Promise<Uint8Array> {
    if (this.#held.length < size && !this.#ended) await this.#gather(size);
    return this.#held.subarray(0, size);
  }

  async #gather(size: number): Promise<void> {
    const parts = this.#held.length === 0 ? [] : [this.#held];
    let length = this.#held.length;
    let owned = 0;
    for (let asked = 0; length < size; asked++) {
      // A chunk is only valid until the next but one is asked for.
      for (; asked > 0 && owned < parts.length; owned++) parts[owned] = new Uint8Array(parts[owned] ?? []);
      const next = await this.#chunks.next();
      if (next.done === true) {
        this.#ended = true;
        break;
      }
      parts.push(next.value);
      length += next.value.length;
    }
    this.#held = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  /** Takes the next bytes, at most `size`; undefined at the end. */
  async take(size: number): Promise<Uint8Array | undefined> {
    const piece = await this.peek(1);
    if (piece.length === 0) return undefined;
    const taken = this.#held.subarray(0, size);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  /** Takes exactly `size` bytes. */
  async takeExactly(size: number): Promise<Uint8Array> {
    const bytes = await this.peek(size);
    if (bytes.length < size) throw new SourceDamage('is cut off');
    this.#held = this.#held.subarray(size);
    return bytes;
  }

  /** Gives bytes back, to be taken next. */
  giveBack(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#held = this.#held.length === 0 ? bytes : Buffer.concat([bytes, this.#held]);
  }

  /** All that is left, chunk by chunk. */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#held.length > 0) {
      const held = this.#held;
      this.#held = new Uint8Array(0);
      yield held;
    }
    while (!this.#ended) {
      const next = await this.#chunks.next();
      if (next.done === true) return;
      yield next.value;
    }
  }
}
