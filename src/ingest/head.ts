import { SourceDamage } from './damage.ts';

// The beginning of a stream, which says what it is.

/** How much of a stream is looked at before it is decided what it is. */
const HEAD = 1 << 16;

/** A stream whose first 64 KiB have been read, so that what it is does not depend on how it comes in chunks. */
export class HeadedStream {
  readonly #following: AsyncIterator<Uint8Array>;
  readonly #buffer = Buffer.allocUnsafeSlow(HEAD);
  #length = 0;
  /** What of the last chunk stands behind the head. */
  #rest: Uint8Array = new Uint8Array(0);
  #damage: SourceDamage | undefined;
  #isEnded = false;

  private constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#following = chunks[Symbol.asyncIterator]();
  }

  static async open(chunks: AsyncIterable<Uint8Array>): Promise<HeadedStream> {
    const stream = new HeadedStream(chunks);
    await stream.#fill();
    return stream;
  }

  get head(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** There is no more of the stream than its head. */
  get isWhole(): boolean {
    return this.#length < HEAD;
  }

  async #fill(): Promise<void> {
    try {
      while (this.#length < HEAD) {
        const next = await this.#following.next();
        if (next.done === true) {
          this.#isEnded = true;
          return;
        }
        const added = next.value.subarray(0, HEAD - this.#length);
        this.#buffer.set(added, this.#length);
        this.#length += added.length;
        this.#rest = next.value.subarray(added.length);
      }
    } catch (error) {
      // What was read before is good, and is looked at first.
      if (!(error instanceof SourceDamage)) throw error;
      this.#damage = error;
      this.#isEnded = true;
    }
  }

  /** Yields the stream from its beginning. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    if (this.#length > 0) yield this.head;
    if (this.#rest.length > 0) yield this.#rest;
    while (!this.#isEnded) {
      const next = await this.#following.next();
      if (next.done === true) break;
      yield next.value;
    }
    this.#isEnded = true;
    if (this.#damage !== undefined) throw this.#damage;
  }

  /** Throws what is wrong with the head itself, for who reads no further. */
  throwIfDamaged(): void {
    if (this.#damage !== undefined) throw this.#damage;
  }

  /** Gives up what is left of the stream. */
  async close(): Promise<void> {
    this.#isEnded = true;
    await this.#following.return?.();
  }
}

/** Says whether the beginning of a stream is text. NUL is not held against it: files are padded with it after a crash. */
export function isPlainText(head: Uint8Array): boolean {
  for (const byte of head.subarray(0, 1024)) {
    if (byte > 0 && byte < 32 && (byte < 9 || byte > 13) && byte !== 27 && byte !== 30) return false;
  }
  return true;
}
