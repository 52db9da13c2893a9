// Cuts a text that grows into pieces that can be read for themselves. A piece ends where a line does, and not inside a JSON
// document that goes over many lines. What only a reader of its format could tell, the end of a record of console output, is
// told by time: who prints a record prints it in one go.

/** A stretch of a file, of whole lines unless it is the last one. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** Where it stands in the file. */
  readonly offset: number;
}

/**
 * How much of what has come is taken: `nothing`; `documents` that have ended, where nothing but documents stands before them; `lines`
 * with everything that stands on them; `open` ones, too, of a document that has not ended; or `all`, for there will be no more.
 */
export type Patience = 'nothing' | 'documents' | 'lines' | 'open' | 'all';

const NEWLINE = 10;
const QUOTE = 34;
const APOSTROPHE = 39;
const COMMA = 44;
const BACKSLASH = 92;
const BACKTICK = 96;
const RECORD_SEPARATOR = 30;
const SMALLEST = 1 << 16;

export class GrowingText {
  #buffer = Buffer.allocUnsafeSlow(SMALLEST);
  #length = 0;
  /** Where the first byte that is held stands in the file. */
  #offset: number;
  #scanned = 0;
  /** The end of the last line before which nothing stands but whole documents. */
  #documents = 0;
  /** The end of the last line on which no document is open. */
  #lines = 0;
  /** The end of the last line. */
  #open = 0;

  // Where the scan stands. Strings of JavaScript's and Python's console output may stand in any quotes.
  #at: 'line start' | 'document' | 'behind document' | 'text' = 'line start';
  #depth = 0;
  #quote = 0;
  #isEscaped = false;

  /** `offset` is where the text begins in its file. */
  constructor(offset: number) {
    this.#offset = offset;
  }

  /** Bytes that are held. */
  get length(): number {
    return this.#length;
  }

  /** Takes bytes over; they are copied. */
  push(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = needed;
    this.#scan();
  }

  /** Hands over what is whole; undefined where nothing is. */
  take(patience: Patience): Piece | undefined {
    const end = this.#endOf(patience);
    if (end === 0) return undefined;
    const piece = { bytes: new Uint8Array(this.#buffer.subarray(0, end)), offset: this.#offset };
    const isInside = end !== this.#lines && end !== this.#documents;
    this.#buffer.copyWithin(0, end, this.#length);
    this.#length -= end;
    this.#offset += end;
    // What a large document needed is given back.
    if (this.#length < SMALLEST && this.#buffer.length > SMALLEST * 16) {
      this.#buffer = Buffer.from(new Uint8Array(this.#buffer.subarray(0, SMALLEST)));
    }
    const less = (position: number) => Math.max(0, position - end);
    this.#documents = less(this.#documents);
    this.#lines = less(this.#lines);
    this.#open = less(this.#open);
    this.#scanned = less(this.#scanned);
    if (isInside) {
      this.#at = 'line start';
      this.#depth = this.#quote = this.#scanned = 0;
      this.#isEscaped = false;
      this.#scan();
    }
    return piece;
  }

  #endOf(patience: Patience): number {
    switch (patience) {
      case 'nothing':
        return 0;
      case 'documents':
        return this.#documents;
      case 'lines':
        return this.#lines;
      case 'open':
        return this.#open;
      case 'all':
        return this.#length;
    }
  }

  #scan(): void {
    const buffer = this.#buffer;
    const to = this.#length;
    for (let at = this.#scanned; at < to; at++) {
      const byte = buffer.readUInt8(at);
      if (this.#at === 'document') this.#scanDocument(byte);
      else if (this.#at === 'line start' && isOpening(byte)) this.#begin();
      else if (this.#at === 'behind document' && isOpening(byte)) this.#begin();
      else if (this.#at === 'line start' && !isBetween(byte)) this.#at = 'text';
      if (byte !== NEWLINE) continue;
      this.#open = at + 1;
      if (this.#at === 'document') continue;
      // Behind a line of text, what follows may belong to it.
      if (this.#at !== 'text' && this.#documents === this.#lines) this.#documents = at + 1;
      this.#lines = at + 1;
      this.#at = 'line start';
    }
    this.#scanned = to;
  }

  #begin(): void {
    this.#at = 'document';
    this.#depth = 1;
    this.#quote = 0;
    this.#isEscaped = false;
  }

  #scanDocument(byte: number): void {
    if (this.#quote !== 0) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      // No string goes over the end of a line: what seemed to begin one was an apostrophe.
      else if (byte === this.#quote || (byte === NEWLINE && this.#quote !== BACKTICK)) this.#quote = 0;
      return;
    }
    if (byte === QUOTE || byte === APOSTROPHE || byte === BACKTICK) this.#quote = byte;
    else if (isOpening(byte)) this.#depth++;
    else if (isClosing(byte) && --this.#depth === 0) this.#at = 'behind document';
  }
}

/** An opening brace or bracket. */
function isOpening(byte: number): boolean {
  return byte === 123 || byte === 91;
}

function isClosing(byte: number): boolean {
  return byte === 125 || byte === 93;
}

/** White space, commas and record separators between documents, and a byte order mark before the first one. */
function isBetween(byte: number): boolean {
  return (
    byte === 32 ||
    (byte >= 9 && byte <= 13) ||
    byte === COMMA ||
    byte === RECORD_SEPARATOR ||
    byte === 0xef ||
    byte === 0xbb ||
    byte === 0xbf
  );
}
