// The entries of a log as one JSON array, which may be indented: each becomes a line, as other logs have them.

const LINE_END = 10;
const QUOTE = 34;
const BACKSLASH = 92;

/** Makes lines of the items of JSON arrays, whatever the pieces in which they come; text around the arrays passes as it is. */
export class ItemLines {
  /** Brackets and braces that are open; the first one is the array's. */
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Between arrays: only white space has stood on this line. */
  #isLineStart = true;

  push(chunk: Uint8Array): Uint8Array {
    const lines = Buffer.allocUnsafe(chunk.length);
    let length = 0;
    for (const byte of chunk) {
      const written = this.#step(byte);
      if (written >= 0) lines[length++] = written;
    }
    return lines.subarray(0, length);
  }

  /** Takes a byte; returns the one that stands for it, or -1. */
  #step(byte: number): number {
    if (this.#depth === 0) return this.#between(byte);
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isInString = false;
      // A line end in a string is no JSON; there the item is broken off.
      return byte;
    }
    switch (byte) {
      case QUOTE:
        this.#isInString = true;
        return byte;
      case 0x5b:
      case 0x7b:
        this.#depth++;
        return byte;
      case 0x5d:
      case 0x7d:
        this.#depth--;
        return this.#depth === 0 ? LINE_END : byte;
      case 0x2c:
        return this.#depth === 1 ? LINE_END : byte;
      default:
        return byte === LINE_END || byte === 13 || (this.#depth === 1 && byte <= 32) ? -1 : byte;
    }
  }

  #between(byte: number): number {
    if (byte === 0x5b && this.#isLineStart) {
      this.#depth = 1;
      return -1;
    }
    this.#isLineStart = byte === LINE_END || (this.#isLineStart && (byte <= 32 || byte >= 0x80));
    return byte;
  }
}
