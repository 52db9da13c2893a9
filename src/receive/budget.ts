// Memory for requests, shared by all receivers: bodies that are being read and that wait to be stored. What does not fit is put
// off before it is held, so that senders wait and not this process grows.

/** Enough for three requests of the largest size, with what they were compressed to, at once. */
export const DEFAULT_BUDGET_BYTES = 256 << 20;

/** How long a sender whose request did not fit is asked to wait. */
export const RETRY_AFTER_MS = 1000;

export class Budget {
  readonly #limit: number;
  #held = 0;

  constructor(bytes = DEFAULT_BUDGET_BYTES) {
    this.#limit = bytes;
  }

  /** Begins to hold nothing. */
  open(): Hold {
    let own = 0;
    return {
      take: bytes => {
        if (this.#held + bytes > this.#limit) return false;
        this.#held += bytes;
        own += bytes;
        return true;
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
  /** Returns whether so many bytes more may be held. */
  take(bytes: number): boolean;
}
