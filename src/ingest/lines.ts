const NEWLINE = 10;

/** A line of a stream, without its end. */
export interface Line {
  readonly text: string;
  /** Its first byte in the stream. */
  readonly offset: number;
}

/** Takes a stream of text apart into lines. One longer than the limit is told and passed over. */
export class Lines {
  readonly #limit: number;
  readonly #onTooLong: (length: number, offset: number) => void;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #offset = 0;

  constructor(limit: number, onTooLong: (length: number, offset: number) => void) {
    this.#limit = limit;
    this.#onTooLong = onTooLong;
  }

  /** Returns the lines that end in a chunk. */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, at);
      if (end < 0) break;
      this.#take(chunk.subarray(at, end), lines);
      at = end + 1;
    }
    this.#hold(chunk.subarray(at));
    return lines;
  }

  /** Returns the last line, if it has no end. */
  end(): Line[] {
    const lines: Line[] = [];
    if (this.#heldBytes > 0) this.#take(new Uint8Array(0), lines);
    return lines;
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#limit) this.#held = [];
    // A chunk is only valid for a while, and the `slice` of a Buffer is no copy.
    else this.#held.push(new Uint8Array(bytes));
  }

  #take(rest: Uint8Array, lines: Line[]): void {
    const length = this.#heldBytes + rest.length;
    if (length > this.#limit) this.#onTooLong(length, this.#offset);
    else {
      const bytes = this.#held.length === 0 ? rest : Buffer.concat([...this.#held, rest]);
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
      lines.push({ text: text.endsWith('\r') ? text.slice(0, -1) : text, offset: this.#offset });
    }
    this.#offset += length + 1;
    this.#held = [];
    this.#heldBytes = 0;
  }
}
