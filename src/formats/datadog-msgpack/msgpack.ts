import type { JsonValue } from '../drafts/record.ts';

// MessagePack, as far as traces need it. https://github.com/msgpack/msgpack/blob/master/spec.md
// Integers come as `bigint`, floats as numbers, bytes as base64; extension types have no meaning here and are null.

/** The bytes end inside of a value. */
export const NEED_MORE = Symbol('need more input');

/** The bytes are no MessagePack. */
export class BadMessage extends Error {}

const MAX_DEPTH = 64;
const decoder = new TextDecoder();

export class Unpacker {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.position = position;
  }

  /** Reads the header of an array; undefined, having read nothing, where something else stands here. */
  arrayLength(): number | undefined {
    const byte = this.#peek();
    if (byte >= 0x90 && byte <= 0x9f) return this.#header(byte - 0x90, 1);
    if (byte === 0xdc) return this.#header(this.#uint(1, 2), 3);
    if (byte === 0xdd) return this.#header(this.#uint(1, 4), 5);
    return undefined;
  }

  /** Reads the header of a map; undefined, having read nothing, where something else stands here. */
  mapLength(): number | undefined {
    const byte = this.#peek();
    if (byte >= 0x80 && byte <= 0x8f) return this.#header(byte - 0x80, 1);
    if (byte === 0xde) return this.#header(this.#uint(1, 2), 3);
    if (byte === 0xdf) return this.#header(this.#uint(1, 4), 5);
    return undefined;
  }

  /** Moves past a value, however large and deep. */
  skip(): void {
    for (let left = 1; left > 0; left--) {
      const items = this.arrayLength() ?? double(this.mapLength());
      if (items === undefined) this.#need(this.#sizeOfScalar());
      else left += items;
    }
  }

  read(depth = 0): JsonValue {
    if (depth > MAX_DEPTH) throw new BadMessage(`values nested more than ${MAX_DEPTH} deep`);
    const items = this.arrayLength();
    if (items !== undefined) {
      const list: JsonValue[] = [];
      for (let index = 0; index < items; index++) list.push(this.read(depth + 1));
      return list;
    }
    const pairs = this.mapLength();
    if (pairs !== undefined) {
      const entries: [string, JsonValue][] = [];
      for (let index = 0; index < pairs; index++) {
        const key = this.read(depth + 1);
        entries.push([typeof key === 'object' ? '' : String(key), this.read(depth + 1)]);
      }
      return Object.fromEntries(entries);
    }
    return this.#readScalar();
  }

  #header(count: number, size: number): number {
    this.#need(size);
    return count;
  }

  #peek(): number {
    const byte = this.bytes[this.position];
    if (byte === undefined) throw NEED_MORE;
    return byte;
  }

  /** Moves past a number of bytes and returns where they begin. */
  #need(size: number): number {
    const from = this.position;
    if (from + size > this.bytes.length) throw NEED_MORE;
    this.position += size;
    return from;
  }

  #uint(at: number, size: 1 | 2 | 4): number {
    const from = this.position + at;
    if (from + size > this.bytes.length) throw NEED_MORE;
    return size === 1
      ? this.#view.getUint8(from)
      : size === 2
        ? this.#view.getUint16(from)
        : this.#view.getUint32(from);
  }

  /** Bytes of a value that is neither array nor map, with its first. */
  #sizeOfScalar(): number {
    const byte = this.#peek();
    if (byte < 0x80 || byte >= 0xe0) return 1;
    if (byte >= 0xa0 && byte <= 0xbf) return 1 + byte - 0xa0;
    switch (byte) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return 1;
      case 0xcc:
      case 0xd0:
        return 2;
      case 0xcd:
      case 0xd1:
        return 3;
      case 0xce:
      case 0xd2:
      case 0xca:
        return 5;
      case 0xcf:
      case 0xd3:
      case 0xcb:
        return 9;
      case 0xc4:
      case 0xd9:
        return 2 + this.#uint(1, 1);
      case 0xc5:
      case 0xda:
        return 3 + this.#uint(1, 2);
      case 0xc6:
      case 0xdb:
        return 5 + this.#uint(1, 4);
      case 0xc7:
        return 3 + this.#uint(1, 1);
      case 0xc8:
        return 4 + this.#uint(1, 2);
      case 0xc9:
        return 6 + this.#uint(1, 4);
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return 2 + (1 << (byte - 0xd4));
      default:
        throw new BadMessage(`byte 0x${byte.toString(16)} begins no value`);
    }
  }

  #readScalar(): JsonValue {
    const byte = this.#peek();
    const from = this.#need(this.#sizeOfScalar());
    const view = this.#view;
    if (byte < 0x80) return BigInt(byte);
    if (byte >= 0xe0) return BigInt(byte - 0x100);
    if (byte <= 0xbf) return this.#text(from + 1);
    switch (byte) {
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#base64(from + 2);
      case 0xc5:
        return this.#base64(from + 3);
      case 0xc6:
        return this.#base64(from + 5);
      case 0xca:
        return view.getFloat32(from + 1);
      case 0xcb:
        return view.getFloat64(from + 1);
      case 0xcc:
        return BigInt(view.getUint8(from + 1));
      case 0xcd:
        return BigInt(view.getUint16(from + 1));
      case 0xce:
        return BigInt(view.getUint32(from + 1));
      case 0xcf:
        return view.getBigUint64(from + 1);
      case 0xd0:
        return BigInt(view.getInt8(from + 1));
      case 0xd1:
        return BigInt(view.getInt16(from + 1));
      case 0xd2:
        return BigInt(view.getInt32(from + 1));
      case 0xd3:
        return view.getBigInt64(from + 1);
      case 0xd9:
        return this.#text(from + 2);
      case 0xda:
        return this.#text(from + 3);
      case 0xdb:
        return this.#text(from + 5);
      default:
        return null;
    }
  }

  #text(from: number): string {
    return decoder.decode(this.bytes.subarray(from, this.position));
  }

  #base64(from: number): string {
    return Buffer.from(this.bytes.subarray(from, this.position)).toString('base64');
  }
}

/** The number of keys and values in a map. */
function double(pairs: number | undefined): number | undefined {
  return pairs === undefined ? undefined : pairs * 2;
}
