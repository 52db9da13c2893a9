// Memory for requests, shared by all receivers: bodies that are being read and that wait to be stored. What does not fit is put
// off before it is held, so that senders wait and not this process grows.

const LEAST_BUDGET_BYTES = 256 << 20;

/** How long a sender whose request did not fit is asked to wait. */
export const RETRY_AFTER_MS = 1000;

/**
 * Returns how much memory requests may take together. The largest one fits as it was sent, decompressed in pieces, and put
 * together, or its sender would be told to try again for ever.
 */
export function budgetBytesFor(requestBytes: number): number {
  return Math.max(LEAST_BUDGET_BYTES, 4 * requestBytes);
}

/** There is no memory for a request: its sender is to come again. */
export class OverBudget extends Error {}

export class Budget {
  readonly #limit: number;
  #held = 0;

  constructor(bytes = LEAST_BUDGET_BYTES) {
    this.#limit = bytes;
  }

  /** Begins to hold nothing. */
  open(): Hold {
    let own = 0;
    return {
      take: bytes => {
        if (this.#held + bytes > this.#limit) throw new OverBudget();
        this.#held += bytes;
        own += bytes;
      },
      give: bytes => {
        this.#held -= bytes;
        own -= bytes;
      },
      [Symbol.dispose]: () => {
        this.#held -= own;
        own = 0;
      },
    };
  }
}

/** What one request holds; disposing of it gives all back. */
export interface Hold extends Disposable {
  /** Holds so many bytes more. Throws `OverBudget` where there is no room for them. */
  take(bytes: number): void;
  /** Holds so many bytes less. */
  give(bytes: number): void;
}

/** What a piece costs beside its bytes, so that a sender of single bytes costs what it costs. */
const PIECE_OVERHEAD = 256;

/** A body as it comes, in pieces. */
export class Pieces {
  readonly #hold: Hold;
  #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(hold: Hold) {
    this.#hold = hold;
  }

  /** Bytes that came so far. */
  get length(): number {
    return this.#length;
  }

  /** Throws `OverBudget` where there is no room for the piece. */
  add(piece: Uint8Array): void {
    this.#hold.take(piece.length + PIECE_OVERHEAD);
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** Returns as many of the first bytes, fewer where no more came. */
  head(size: number): Buffer {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (const piece of this.#pieces) {
      if (length >= size) break;
      pieces.push(piece.subarray(0, size - length));
      length += piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** Puts the pieces together. Throws `OverBudget` where there is no room for that; the pieces themselves are let go of. */
  whole(): Uint8Array {
    const [only] = this.#pieces;
    if (this.#pieces.length === 1 && only !== undefined) return only;
    this.#hold.take(this.#length);
    const whole = Buffer.concat(this.#pieces, this.#length);
    this.#hold.give(this.#length + this.#pieces.length * PIECE_OVERHEAD);
    this.#pieces = [];
    return whole;
  }
}
