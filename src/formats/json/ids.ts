import type { AttributeValue } from '../../model/attributes.ts';
import { HEX_VALUE, inventedId } from '../../model/ids.ts';
import { type JsonCursor, JsonKind } from './cursor.ts';
import { readOddValue } from './scalars.ts';

// Trace and span ids as JSON holds them: hex of any length and case, base64 (protobuf's own JSON mapping), UUIDs,
// Buffers and byte arrays of serialised objects, integers. Decided id by id, for files mix them.

/** What was found where an id was expected. */
export const IdForm = { absent: 0, hex: 1, base64: 2, invented: 3 } as const;

export class IdReader {
  /** The id read last, least significant word first; a span id has two. */
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;
  /** What an invented id stands for. */
  original = '';

  /** Returns true where the id read last is zero. */
  get isZero(): boolean {
    return (this.word0 | this.word1 | this.word2 | this.word3) === 0;
  }

  /** Reads the id that stands at the cursor; `size` is 16 or 8 bytes. Returns its `IdForm`. */
  read(cursor: JsonCursor, size: 16 | 8): number {
    if (cursor.peek() === 34) {
      cursor.readString();
      return this.parse(cursor.text.bytes, cursor.from, cursor.to, size);
    }
    return this.#readOdd(cursor, size);
  }

  /** Reads the id written in `bytes[from..to]`. */
  parse(bytes: Uint8Array, from: number, to: number, size: 16 | 8): number {
    this.word0 = this.word1 = this.word2 = this.word3 = 0;
    if (from === to) return IdForm.absent;
    if (to - from <= size * 2) {
      let shift = 0;
      let word = 0;
      let index = 0;
      let at = to - 1;
      for (; at >= from; at--) {
        const digit = HEX_VALUE[bytes[at]!]!;
        if (digit === 255) break;
        word |= digit << shift;
        shift += 4;
        if (shift === 32) {
          this.#set(index++, word);
          word = shift = 0;
        }
      }
      if (at < from) {
        if (shift > 0) this.#set(index, word);
        return IdForm.hex;
      }
    }
    return this.parseText(Buffer.from(bytes.subarray(from, to)).toString('utf8'), size);
  }

  /** Reads an id that is not plain hex of at most the right length. */
  parseText(text: string, size: 16 | 8): number {
    const value = text.trim();
    if (value === '') return this.#absent();
    const hex = value.replace(/^0x/i, '').replaceAll('-', '');
    if (/^[0-9a-f]+$/i.test(hex) && hex.length <= size * 2) {
      this.#fromBytes(Buffer.from(hex.padStart(size * 2, '0'), 'hex'));
      return IdForm.hex;
    }
    if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(value)) {
      const bytes = Buffer.from(value, 'base64');
      // Eight bytes stand in a trace id field where the producer knew 64-bit ids only.
      if (bytes.length === size || (size === 16 && bytes.length === 8)) {
        this.#fromBytes(bytes);
        return IdForm.base64;
      }
    }
    this.original = text;
    this.#fromBytes(inventedId(value, size));
    return IdForm.invented;
  }

  /** Takes the bytes of an id. Those of another length than an id's are no id: 8 are one in the place of a trace id, too. */
  parseBytes(bytes: Uint8Array, size: 16 | 8): number {
    if (bytes.length === 0) return this.#absent();
    if (bytes.length === size || (size === 16 && bytes.length === 8)) {
      this.#fromBytes(bytes);
      return IdForm.base64;
    }
    this.original = Buffer.from(bytes).toString('hex');
    this.#fromBytes(inventedId(bytes, size));
    return IdForm.invented;
  }

  #set(index: number, word: number): void {
    const value = word >>> 0;
    if (index === 0) this.word0 = value;
    else if (index === 1) this.word1 = value;
    else if (index === 2) this.word2 = value;
    else this.word3 = value;
  }

  #absent(): number {
    this.word0 = this.word1 = this.word2 = this.word3 = 0;
    return IdForm.absent;
  }

  #fromBytes(bytes: Uint8Array): void {
    this.word0 = this.word1 = this.word2 = this.word3 = 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = bytes.length - 4, index = 0; at >= 0; at -= 4) this.#set(index++, view.getUint32(at));
  }

  /** A number, a Buffer (`{"type":"Buffer","data":[…]}`), an array of bytes or an object with index keys. */
  #readOdd(cursor: JsonCursor, size: 16 | 8): number {
    const kind = cursor.kind();
    if (kind === JsonKind.number) {
      cursor.readBare();
      const text = cursor.textString();
      if (!/^-?\d+$/.test(text)) return this.parseText(text, size);
      const integer = BigInt.asUintN(size * 8, BigInt(text));
      return this.parseText(integer.toString(16), size);
    }
    const start = cursor.position;
    const value = readOddValue(cursor);
    if (kind !== JsonKind.object && kind !== JsonKind.array) return this.#absent();
    const data = isRecord(value) && 'data' in value ? value.data : value;
    const items = typeof data === 'object' && data !== null ? Object.values(data) : [];
    if (value !== undefined && items.length === 0) return this.#absent();
    if ((items.length !== size && items.length !== 8) || !items.every(isByte)) {
      return this.parseText(Buffer.from(cursor.bytes.subarray(start, cursor.position)).toString('utf8'), size);
    }
    this.#fromBytes(Uint8Array.from(items, Number));
    return IdForm.base64;
  }
}

function isRecord(value: AttributeValue | undefined): value is { readonly [key: string]: AttributeValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Java's bytes have a sign. */
function isByte(value: AttributeValue): boolean {
  return typeof value === 'bigint' && value >= -128n && value < 256n;
}
