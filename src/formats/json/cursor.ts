import { type ByteSource, byteSource, SLACK } from '../columns/bytes.ts';
import type { Reason } from '../reasons.ts';

// JSON read as bytes, in place: no string, no object, no number is made that the caller did not ask for.
// `JSON.parse` reads a tenth as many spans a second and rounds 64-bit integers (docs/performance.md).
//
// The cursor stands on a window of the input. Where a value runs past the window, reading throws `NEED_MORE`; the
// walker then widens the window and begins again at the start of the record in hand. RFC 8259, read leniently: control
// characters in strings and numbers such as `NaN` are taken.

/** Thrown where the window ends inside a value. Not an error: the walker catches it and comes back with more input. */
export const NEED_MORE = Symbol('need more input');

/** The input is not JSON at `position` (an index into the cursor's window). */
export class JsonSyntaxError extends Error {
  readonly position: number;

  constructor(message: string, position: number) {
    super(message);
    this.position = position;
  }
}

/** A record that is JSON but not what its format allows: counted under `reason` and passed over. */
export class BadRecord extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

const LINE_END = 10;
const QUOTE = 34;
const BACKSLASH = 92;
const BRACE_OPEN = 123;
const BRACE_CLOSE = 125;
const BRACKET_OPEN = 91;
const BRACKET_CLOSE = 93;
const COMMA = 44;
const COLON = 58;

/** A container or string that is passed over piece by piece: where in its nesting and its strings the input stands. */
export interface Skip {
  depth: number;
  inString: boolean;
  escaped: boolean;
  /** The last byte before the window that is no white space. */
  last: number;
}

/** The fault of a string in which a line ends: it was cut off there. */
function brokenString(position: number): JsonSyntaxError {
  return new JsonSyntaxError('expected the end of a string before the end of the line', position);
}

/** What a value is, told by its first byte. */
export const JsonKind = { object: 0, array: 1, string: 2, number: 3, true: 4, false: 5, null: 6 } as const;

export class JsonCursor implements ByteSource {
  bytes: Uint8Array;
  view: DataView;
  /** Next byte to read. */
  position = 0;
  /** End of the window. The byte there is 0, which ends every inner loop. */
  end = 0;
  /** The string read last is `text.bytes[from..to]`: in the window, or in the scratch where it held escapes. */
  text: ByteSource;
  from = 0;
  to = 0;
  /** The integer read last by `readInteger64`: two's complement words. */
  low = 0;
  high = 0;
  #scratch: ByteSource;
  /** The window as what makes strings of it: made once, for it costs more than a short string. */
  #buffer: Buffer;

  readonly #home: ByteSource;

  /** A cursor with a window of `size` bytes, or with `home`; it grows for larger records. */
  constructor(size: number, home: ByteSource = byteSource(size)) {
    this.#home = home;
    this.bytes = home.bytes;
    this.view = home.view;
    this.#buffer = bufferOf(home.bytes);
    this.#scratch = byteSource(256);
    this.text = this;
  }

  /** Forgets the input. A window that grew large for one record is given back. */
  reset(): void {
    this.bytes = this.#home.bytes;
    this.view = this.#home.view;
    this.position = this.end = 0;
    this.bytes[0] = 0;
  }

  /** Drops what lies before `keepFrom` and adds `chunk` behind the rest. */
  fill(keepFrom: number, chunk: Uint8Array): void {
    const kept = this.end - keepFrom;
    const size = kept + chunk.length;
    if (size + SLACK > this.bytes.length) {
      const { bytes, view } = byteSource(Math.max(this.bytes.length, size + (size >> 1)));
      bytes.set(this.bytes.subarray(keepFrom, this.end));
      this.bytes = bytes;
      this.view = view;
    } else if (keepFrom > 0) this.bytes.copyWithin(0, keepFrom, this.end);
    this.bytes.set(chunk, kept);
    this.end = size;
    this.bytes[size] = 0;
    this.position -= keepFrom;
  }

  /** Moves past white space and returns the byte there. */
  peek(): number {
    const { bytes } = this;
    let at = this.position;
    let byte = bytes[at]!;
    while (byte === 32 || byte === 10 || byte === 13 || byte === 9) byte = bytes[++at]!;
    this.position = at;
    if (at >= this.end) throw NEED_MORE;
    return byte;
  }

  /** Returns the kind of the value that begins here, without reading it. */
  kind(): number {
    const byte = this.peek();
    switch (byte) {
      case BRACE_OPEN:
        return JsonKind.object;
      case BRACKET_OPEN:
        return JsonKind.array;
      case QUOTE:
        return JsonKind.string;
      case 116:
        return JsonKind.true;
      case 102:
        return JsonKind.false;
      case 110:
        return JsonKind.null;
      default:
        // A digit or a minus; `N` and `I` begin the NaN and Infinity that some producers write bare.
        if ((byte >= 48 && byte <= 57) || byte === 45 || byte === 78 || byte === 73) return JsonKind.number;
        throw this.unexpected('a value');
    }
  }

  unexpected(expected: string): JsonSyntaxError {
    const byte = this.bytes[this.position]!;
    const found = byte > 32 && byte < 127 ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16)}`;
    return new JsonSyntaxError(`expected ${expected}, found ${found}`, this.position);
  }

  /** Moves past `{`, if one stands here. */
  tryOpenObject(): boolean {
    if (this.peek() !== BRACE_OPEN) return false;
    this.position++;
    return true;
  }

  /** Moves past `[`, if one stands here. */
  tryOpenArray(): boolean {
    if (this.peek() !== BRACKET_OPEN) return false;
    this.position++;
    return true;
  }

  /**
   * Moves to the next key of the object that is open and reads it and its colon; returns false at the object's end.
   * `first` is true before the first key.
   */
  nextKey(first: boolean): boolean {
    let byte = this.peek();
    if (byte === BRACE_CLOSE) {
      this.position++;
      return false;
    }
    if (!first) {
      if (byte !== COMMA) throw this.unexpected("',' or '}'");
      this.position++;
      byte = this.peek();
      if (byte === BRACE_CLOSE) {
        this.position++;
        return false;
      }
    }
    if (byte !== QUOTE) throw this.unexpected('a key');
    this.readString();
    if (this.bytes[this.position] === COLON) this.position++;
    else {
      if (this.peek() !== COLON) throw this.unexpected("':'");
      this.position++;
    }
    return true;
  }

  /** Moves to the next item of the array that is open; returns false at the array's end. */
  nextItem(first: boolean): boolean {
    let byte = this.peek();
    if (byte === BRACKET_CLOSE) {
      this.position++;
      return false;
    }
    if (!first) {
      if (byte !== COMMA) throw this.unexpected("',' or ']'");
      this.position++;
      byte = this.peek();
      if (byte === BRACKET_CLOSE) {
        this.position++;
        return false;
      }
    }
    return true;
  }

  /** Reads the string that begins here into `text`, `from`, `to`. */
  readString(): void {
    const { bytes } = this;
    const start = this.position + 1;
    let at = start;
    let byte = bytes[at]!;
    // Control characters are taken, but for a line end: a string that holds one was cut off there.
    while (byte !== QUOTE && byte !== BACKSLASH && byte > 10) byte = bytes[++at]!;
    while (byte < 10 && at < this.end) {
      do byte = bytes[++at]!;
      while (byte !== QUOTE && byte !== BACKSLASH && byte > 10);
    }
    if (byte === QUOTE) {
      this.text = this;
      this.from = start;
      this.to = at;
      this.position = at + 1;
    } else if (byte === BACKSLASH) this.#readEscaped(start, at);
    else if (at >= this.end) throw NEED_MORE;
    else throw brokenString(at);
  }

  /** Unescapes into the scratch; `at` is the first backslash. */
  #readEscaped(start: number, at: number): void {
    const close = this.#closingQuote(at);
    if (this.#scratch.bytes.length < close - start + SLACK) this.#scratch = byteSource((close - start) * 2);
    const out = this.#scratch.bytes;
    const { bytes } = this;
    out.set(bytes.subarray(start, at));
    let to = at - start;
    while (at < close) {
      const byte = bytes[at++]!;
      if (byte !== BACKSLASH) {
        out[to++] = byte;
        continue;
      }
      const letter = bytes[at++]!;
      if (letter !== 117 /* u */) {
        out[to++] = UNESCAPED[letter]! || letter;
        continue;
      }
      let unit = this.#hex4(at, close);
      at += 4;
      if (unit >= 0xd800 && unit < 0xdc00 && bytes[at] === BACKSLASH && bytes[at + 1] === 117) {
        const second = this.#hex4(at + 2, close);
        if (second >= 0xdc00 && second < 0xe000) {
          unit = 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
          at += 6;
        }
      }
      // A surrogate without its other half has no UTF-8.
      if (unit >= 0xd800 && unit < 0xe000) unit = 0xfffd;
      to = encodeUtf8(out, to, unit);
    }
    this.text = this.#scratch;
    this.from = 0;
    this.to = to;
    this.position = close + 1;
  }

  /** The position of the quote that closes a string; `at` is inside it. */
  #closingQuote(at: number): number {
    const { bytes } = this;
    let byte = bytes[at]!;
    for (;;) {
      while (byte !== QUOTE && byte !== BACKSLASH && byte > 10) byte = bytes[++at]!;
      if (byte === QUOTE) return at;
      if (at >= this.end) throw NEED_MORE;
      if (byte === BACKSLASH) byte = bytes[++at]!;
      if (byte === LINE_END) throw brokenString(at);
      if (at >= this.end) throw NEED_MORE;
      byte = bytes[++at]!;
    }
  }

  #hex4(at: number, close: number): number {
    const digits = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + at, Math.min(4, close - at)).toString(
      'latin1',
    );
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new JsonSyntaxError('expected four hex digits behind \\u', at);
    return Number.parseInt(digits, 16);
  }

  /** Reads the number (or other bare word) that begins here into `text`, `from`, `to`. */
  readBare(): void {
    const { bytes } = this;
    const start = this.position;
    let at = start;
    let byte = bytes[at]!;
    // Digits, sign, point, exponent, and the letters of NaN and Infinity.
    while ((byte >= 48 && byte <= 57) || byte === 45 || byte === 46 || byte === 43 || (byte | 32) > 96) {
      if ((byte | 32) > 122) break;
      byte = bytes[++at]!;
    }
    if (at >= this.end) throw NEED_MORE;
    if (at === start) throw this.unexpected('a value');
    this.text = this;
    this.from = start;
    this.to = at;
    this.position = at;
  }

  /**
   * Reads a string or a bare number into `text`, `from`, `to`; returns false, having read nothing, when something else
   * stands here.
   */
  readScalar(): boolean {
    const kind = this.kind();
    if (kind === JsonKind.string) this.readString();
    else if (kind === JsonKind.number) this.readBare();
    else return false;
    return true;
  }

  /** Returns the text read last as a string. */
  textString(): string {
    if (this.text === this) return this.stringOf(this.from, this.to);
    return bufferOf(this.text.bytes).toString('utf8', this.from, this.to);
  }

  /** Returns bytes of the window as a string. */
  stringOf(from: number, to: number): string {
    if (this.#buffer.buffer !== this.bytes.buffer) this.#buffer = bufferOf(this.bytes);
    return this.#buffer.toString('utf8', from, to);
  }

  /**
   * Reads decimal digits of the text read last as a 64-bit integer into `low` and `high`. Returns false when the text
   * is not an integer or does not fit 64 bits unsigned; a minus gives the two's complement.
   */
  parseInteger64(): boolean {
    const { bytes } = this.text;
    let at = this.from;
    const { to } = this;
    const negative = bytes[at] === 45;
    if (negative) at++;
    if (at >= to || to - at > 20) return false;
    // Ten digits fit a double's integers twice over: read in two halves and join them exactly.
    let upper = 0;
    const middle = to - at > 10 ? to - 10 : at;
    for (; at < middle; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) return false;
      upper = upper * 10 + digit;
    }
    let lower = 0;
    for (; at < to; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) return false;
      lower = lower * 10 + digit;
    }
    // upper * 10^10 + lower, in 32-bit words: 10^10 = 2 * 2^32 + 1410065408.
    const product = (upper % 65536) * 1410065408;
    const productHigh = Math.floor(upper / 65536) * 1410065408;
    let low = (product % 4294967296) + (productHigh % 65536) * 65536 + lower;
    let high = Math.floor(product / 4294967296) + Math.floor(productHigh / 65536) + upper * 2;
    high += Math.floor(low / 4294967296);
    low %= 4294967296;
    if (high >= 4294967296) return false;
    if (negative) {
      low = (~low + 1) >>> 0;
      high = (~high + (low === 0 ? 1 : 0)) >>> 0;
    }
    this.low = low >>> 0;
    this.high = high >>> 0;
    return true;
  }

  /**
   * Moves past the value that begins here, however deeply it is nested. It is not checked, but for what a document that
   * was cut off in the middle looks like where the next one follows on a line of its own.
   */
  skipValue(): void {
    const byte = this.peek();
    if (byte === QUOTE) {
      this.#skipString();
      return;
    }
    if (byte !== BRACE_OPEN && byte !== BRACKET_OPEN) {
      if (this.readWord() === undefined) this.readBare();
      return;
    }
    const { bytes, end } = this;
    let depth = 1;
    let at = this.position + 1;
    for (;;) {
      const next = bytes[at]!;
      if (next === QUOTE) {
        this.position = at;
        this.#skipString();
        at = this.position;
        continue;
      }
      at++;
      if (next === BRACE_OPEN || next === BRACKET_OPEN) {
        depth++;
        if (bytes[at - 2] === LINE_END) this.#expectPlaceForValue(at - 1, 0, 0);
      } else if (next === BRACE_CLOSE || next === BRACKET_CLOSE) {
        if (--depth === 0) break;
      } else if (next === 0 && at > end) throw NEED_MORE;
    }
    this.position = at;
  }

  /**
   * Passes over a container or string, however large, keeping nothing of it: moves to its end, or to that of the window,
   * and returns whether its end was found.
   */
  passOn(skip: Skip): boolean {
    const { bytes, end, position: start } = this;
    let { depth, inString, escaped } = skip;
    let at = start;
    while (at < end) {
      let byte = bytes[at]!;
      if (inString) {
        if (!escaped) while (byte !== QUOTE && byte !== BACKSLASH && byte > LINE_END) byte = bytes[++at]!;
        if (at >= end) break;
        if (byte === LINE_END) throw brokenString(at);
        at++;
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (depth > 0) continue;
          this.position = at;
          return true;
        }
        continue;
      }
      at++;
      if (byte === QUOTE) inString = true;
      else if (byte === BRACE_OPEN || byte === BRACKET_OPEN) {
        if (depth > 0 && bytes[at - 2] === LINE_END) this.#expectPlaceForValue(at - 1, start, skip.last);
        depth++;
      } else if ((byte === BRACE_CLOSE || byte === BRACKET_CLOSE) && --depth === 0) {
        this.position = at;
        return true;
      }
    }
    skip.last = this.#lastBefore(end, start, skip.last);
    skip.depth = depth;
    skip.inString = inString;
    skip.escaped = escaped;
    // A line end stays in the window: it tells the next byte that it begins a line.
    this.position = end > start && bytes[end - 1] === LINE_END ? end - 1 : end;
    return false;
  }

  /** Throws where no value can stand at `at`, the beginning of a line inside a value: what is open was cut off before it. */
  #expectPlaceForValue(at: number, start: number, beforeStart: number): void {
    const last = this.#lastBefore(at, start, beforeStart);
    if (last === COMMA || last === COLON || last === BRACKET_OPEN) return;
    this.position = at;
    throw this.unexpected("',' or an end");
  }

  /** The last byte between `start` and `at` that is no white space, or `otherwise`. */
  #lastBefore(at: number, start: number, otherwise: number): number {
    let before = at - 1;
    while (before >= start && this.bytes[before]! <= 32) before--;
    return before < start ? otherwise : this.bytes[before]!;
  }

  #skipString(): void {
    this.position = this.#closingQuote(this.position + 1) + 1;
  }

  /** Reads `true`, `false` or `null`; returns undefined, having read nothing, when something else stands here. */
  readWord(): boolean | null | undefined {
    const kind = this.kind();
    if (kind !== JsonKind.true && kind !== JsonKind.false && kind !== JsonKind.null) return undefined;
    this.readBare();
    const word = this.textString();
    if (word === 'true') return true;
    if (word === 'false') return false;
    if (word === 'null') return null;
    // A word that only breaks off is at fault where it ends: there the input may be cut off.
    const isCut = ['true', 'false', 'null'].some(whole => whole.startsWith(word));
    throw new JsonSyntaxError(`expected a value, found ${word}`, isCut ? this.to : this.from);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

const UNESCAPED = (() => {
  const table = new Uint8Array(256);
  for (const [letter, byte] of [
    ['n', 10],
    ['t', 9],
    ['r', 13],
    ['b', 8],
    ['f', 12],
  ] as const) {
    table[letter.charCodeAt(0)] = byte;
  }
  return table;
})();

function encodeUtf8(out: Uint8Array, at: number, point: number): number {
  if (point < 0x80) out[at++] = point;
  else if (point < 0x800) {
    out[at++] = 0xc0 | (point >> 6);
    out[at++] = 0x80 | (point & 63);
  } else if (point < 0x10000) {
    out[at++] = 0xe0 | (point >> 12);
    out[at++] = 0x80 | ((point >> 6) & 63);
    out[at++] = 0x80 | (point & 63);
  } else {
    out[at++] = 0xf0 | (point >> 18);
    out[at++] = 0x80 | ((point >> 12) & 63);
    out[at++] = 0x80 | ((point >> 6) & 63);
    out[at++] = 0x80 | (point & 63);
  }
  return at;
}
