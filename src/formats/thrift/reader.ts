// The two protocols in which Apache Thrift writes structs, read into values by field number.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md and thrift-compact-protocol.md
//
// Not the package `thrift`: it brings five packages (websockets among them) into every installation, wants classes that
// its compiler generates, and neither its buffers nor its recursion are bounded. The fixtures are written by it.

/** A value: integers of every width are `bigint`, text and bytes `Uint8Array`, sets are lists, maps lists of pairs. */
export type ThriftValue = boolean | bigint | number | Uint8Array | ThriftList | ThriftStruct;
export type ThriftList = readonly ThriftValue[];
/** Values by field number. */
export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

/** Types of values, by the numbers of the binary protocol. */
export const Type = {
  stop: 0,
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  text: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
  uuid: 16,
} as const;

/** Thrown where the bytes end inside a value. */
export const NEED_MORE = Symbol('need more bytes');

/** The bytes are not what they should be. */
export class ThriftError extends Error {}

const MAX_DEPTH = 64;

export interface Field {
  readonly id: number;
  readonly type: number;
  /** The compact protocol has the value of a bool in its type. */
  readonly value?: boolean;
}

export abstract class ThriftReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.position = position;
  }

  /** Reads the header of a message, with the name of the method that is called. */
  abstract readMessage(): string;
  /** Reads the header of a field; `last` is the id of the field before. Undefined where the struct ends. */
  abstract readField(last: number): Field | undefined;
  abstract readListHeader(): { type: number; size: number };
  protected abstract readMapHeader(): { keyType: number; valueType: number; size: number };
  protected abstract readInteger(type: number): bigint;
  protected abstract readLength(): number;
  protected abstract readDouble(): number;
  protected abstract readBool(): boolean;

  /** Returns the next byte and stays before it. */
  peek(): number {
    const byte = this.readByte();
    this.position--;
    return byte;
  }

  /** Reads the value of a field. */
  readFieldValue({ type, value }: Field): ThriftValue {
    return value ?? this.readValue(type, 0);
  }

  /** Reads a struct to its end. */
  readStruct(depth = 0): ThriftStruct {
    const struct = new Map<number, ThriftValue>();
    let last = 0;
    for (let field = this.readField(last); field !== undefined; field = this.readField(last)) {
      struct.set(field.id, field.value ?? this.readValue(field.type, depth + 1));
      last = field.id;
    }
    return struct;
  }

  protected readValue(type: number, depth: number): ThriftValue {
    if (depth > MAX_DEPTH) throw new ThriftError(`values nested more than ${MAX_DEPTH} deep`);
    switch (type) {
      case Type.bool:
        return this.readBool();
      case Type.byte:
      case Type.i16:
      case Type.i32:
      case Type.i64:
        return this.readInteger(type);
      case Type.double:
        return this.readDouble();
      case Type.text:
        return this.take(this.readLength()).slice();
      case Type.uuid:
        return this.take(16).slice();
      case Type.struct:
        return this.readStruct(depth);
      case Type.list:
      case Type.set: {
        const { type: itemType, size } = this.readListHeader();
        return this.#readItems(size, () => this.readValue(itemType, depth + 1));
      }
      case Type.map: {
        const { keyType, valueType, size } = this.readMapHeader();
        return this.#readItems(size, () => [this.readValue(keyType, depth + 1), this.readValue(valueType, depth + 1)]);
      }
      default:
        throw new ThriftError(`a value of the unknown type ${type}`);
    }
  }

  /** Every item takes a byte at least, so that the bytes end before the memory does. */
  #readItems(size: number, read: () => ThriftValue): ThriftValue[] {
    const items: ThriftValue[] = [];
    for (let at = 0; at < size; at++) items.push(read());
    return items;
  }

  /** Moves past `length` bytes and returns them, in place. */
  protected take(length: number): Uint8Array {
    const from = this.position;
    if (length > this.#bytes.length - from) throw NEED_MORE;
    this.position = from + length;
    return this.#bytes.subarray(from, from + length);
  }

  /** Moves past `length` bytes and returns where they are in `view`. */
  protected skip(length: number): number {
    this.take(length);
    return this.position - length;
  }

  protected get view(): DataView {
    return this.#view;
  }

  protected readByte(): number {
    return this.view.getUint8(this.skip(1));
  }

  protected textOf(length: number): string {
    return Buffer.from(this.take(length)).toString('utf8');
  }
}

/** A size as read; negative ones are none. */
function sizeOf(size: number): number {
  if (size < 0 || size > 0x7fff_ffff) throw new ThriftError(`a size of ${size}`);
  return size;
}

export class BinaryProtocol extends ThriftReader {
  readMessage(): string {
    const first = this.view.getInt32(this.skip(4));
    // Since 2008 a version stands before the name; without it the length of the name is the first.
    const isStrict = first < 0;
    if (isStrict && first >>> 16 !== 0x8001) throw new ThriftError('a message of an unknown version');
    const name = this.textOf(sizeOf(isStrict ? this.view.getInt32(this.skip(4)) : first));
    this.skip(isStrict ? 4 : 5);
    return name;
  }

  readField(): Field | undefined {
    const type = this.readByte();
    return type === Type.stop ? undefined : { type, id: this.view.getInt16(this.skip(2)) };
  }

  readListHeader(): { type: number; size: number } {
    return { type: this.readByte(), size: this.readLength() };
  }

  protected readMapHeader(): { keyType: number; valueType: number; size: number } {
    return { keyType: this.readByte(), valueType: this.readByte(), size: this.readLength() };
  }

  protected readLength(): number {
    return sizeOf(this.view.getInt32(this.skip(4)));
  }

  protected readInteger(type: number): bigint {
    switch (type) {
      case Type.byte:
        return BigInt(this.view.getInt8(this.skip(1)));
      case Type.i16:
        return BigInt(this.view.getInt16(this.skip(2)));
      case Type.i32:
        return BigInt(this.view.getInt32(this.skip(4)));
      default:
        return this.view.getBigInt64(this.skip(8));
    }
  }

  protected readDouble(): number {
    return this.view.getFloat64(this.skip(8));
  }

  protected readBool(): boolean {
    return this.readByte() !== 0;
  }
}

/** Types of the compact protocol, by number; 1 and 2 are the bools true and false. */
const COMPACT_TYPES = [
  Type.stop,
  Type.bool,
  Type.bool,
  Type.byte,
  Type.i16,
  Type.i32,
  Type.i64,
  Type.double,
  Type.text,
  Type.list,
  Type.set,
  Type.map,
  Type.struct,
  Type.uuid,
];

export class CompactProtocol extends ThriftReader {
  readMessage(): string {
    const protocol = this.readByte();
    if (protocol !== 0x82 || (this.readByte() & 0x1f) !== 1) throw new ThriftError('a message of an unknown version');
    this.#readVarint();
    return this.textOf(this.readLength());
  }

  readField(last: number): Field | undefined {
    const header = this.readByte();
    if (header === 0) return undefined;
    const delta = header >> 4;
    const type = header & 15;
    const id = delta === 0 ? Number(this.readInteger(Type.i16)) : last + delta;
    return type === 1 || type === 2 ? { id, type: Type.bool, value: type === 1 } : { id, type: typeOfCompact(type) };
  }

  readListHeader(): { type: number; size: number } {
    const header = this.readByte();
    const type = typeOfCompact(header & 15);
    return { type, size: header >> 4 === 15 ? this.readLength() : header >> 4 };
  }

  protected readMapHeader(): { keyType: number; valueType: number; size: number } {
    const size = this.readLength();
    const types = size === 0 ? 0x11 : this.readByte();
    return { keyType: typeOfCompact(types >> 4), valueType: typeOfCompact(types & 15), size };
  }

  protected readLength(): number {
    return sizeOf(Number(this.#readVarint()));
  }

  protected readInteger(type: number): bigint {
    if (type === Type.byte) return BigInt(this.view.getInt8(this.skip(1)));
    // Zigzag: 0, -1, 1, -2, …
    const value = this.#readVarint();
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  }

  protected readDouble(): number {
    return this.view.getFloat64(this.skip(8), true);
  }

  protected readBool(): boolean {
    return this.readByte() === 1;
  }

  #readVarint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.readByte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new ThriftError('a number without an end');
  }
}

function typeOfCompact(type: number): number {
  const known = COMPACT_TYPES[type];
  if (known === undefined || known === Type.stop) throw new ThriftError(`a value of the unknown type ${type}`);
  return known;
}

/** The text of a value of type text. */
export function textOfThrift(value: ThriftValue | undefined): string | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined;
}

export function integerOfThrift(value: ThriftValue | undefined): bigint | undefined {
  return typeof value === 'bigint' ? value : undefined;
}

export function structOfThrift(value: ThriftValue | undefined): ThriftStruct | undefined {
  return value instanceof Map ? value : undefined;
}

/** The structs of a list; none where it is no list. */
export function structsOfThrift(value: ThriftValue | undefined): ThriftStruct[] {
  return Array.isArray(value) ? value.filter((item: ThriftValue): item is ThriftStruct => item instanceof Map) : [];
}
