import { Wire, WireError } from './wire.ts';

// Protobuf messages field by field, for messages as small as a span: https://protobuf.dev/programming-guides/encoding/

/** The value of a field: varints and fixed widths as `bigint`, strings, bytes and messages as `Uint8Array`. */
export interface ProtoField {
  readonly number: number;
  readonly wire: number;
  readonly value: bigint | Uint8Array;
}

/** Where a field ends, or what is wrong; undefined where the bytes end inside its header. */
export interface FieldHeader {
  readonly number: number;
  readonly wire: number;
  /** Where the value begins; of a varint it is where the field ends. */
  readonly from: number;
  readonly to: number;
  /** Of a varint, its value. */
  readonly value: bigint;
}

/**
 * Reads the header of the field at `at`; its value may lie beyond `end`. Undefined where the header does. Throws `WireError` where no
 * field stands.
 */
export function fieldHeaderAt(bytes: Uint8Array, at: number, end: number): FieldHeader | undefined {
  const tag = varintAt(bytes, at, end);
  if (tag === undefined) return undefined;
  const number = Number(tag.value >> 3n);
  const wire = Number(tag.value & 7n);
  if (number === 0 || tag.value >= 1n << 32n) throw new WireError('a field without a number', at);
  const from = tag.to;
  if (wire === Wire.fixed64) return { number, wire, from, to: from + 8, value: 0n };
  if (wire === Wire.fixed32) return { number, wire, from, to: from + 4, value: 0n };
  if (wire !== Wire.varint && wire !== Wire.bytes) throw new WireError(`a field of the wire type ${wire}`, at);
  const content = varintAt(bytes, from, end);
  if (content === undefined) return undefined;
  if (wire === Wire.varint) return { number, wire, from: content.to, to: content.to, value: content.value };
  if (content.value > 1n << 31n) throw new WireError('a field of more than 2 GiB', at);
  return { number, wire, from: content.to, to: content.to + Number(content.value), value: 0n };
}

/** Goes through the fields of a whole message. Throws `WireError` where it is none. */
export function* fieldsOf(bytes: Uint8Array): Generator<ProtoField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const header = fieldHeaderAt(bytes, at, bytes.length);
    if (header === undefined || header.to > bytes.length) throw new WireError('a field longer than its message', at);
    const { number, wire, from, to } = header;
    let value: bigint | Uint8Array = header.value;
    if (wire === Wire.bytes) value = bytes.subarray(from, to);
    else if (wire === Wire.fixed64) value = view.getBigUint64(from, true);
    else if (wire === Wire.fixed32) value = BigInt(view.getUint32(from, true));
    yield { number, wire, value };
    at = to;
  }
}

/** Returns the fields of a whole message, the last of each number. Throws `WireError` where it is none. */
export function messageOf(bytes: Uint8Array): ReadonlyMap<number, ProtoField['value']> {
  return new Map(Array.from(fieldsOf(bytes), ({ number, value }) => [number, value] as const));
}

/** Bytes of a field; none where it is absent or of another type. */
export function bytesOf(value: ProtoField['value'] | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

/** Text of a field; bytes that are no UTF-8 become U+FFFD. */
export function textOf(value: ProtoField['value'] | undefined): string {
  const bytes = bytesOf(value);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** An unsigned integer of a field; 0 where it is absent or of another type. */
export function integerOf(value: ProtoField['value'] | undefined): bigint {
  return typeof value === 'bigint' ? value : 0n;
}

function varintAt(bytes: Uint8Array, at: number, end: number): { value: bigint; to: number } | undefined {
  let value = 0n;
  for (let count = 0; count < 10; count++) {
    const byte = at + count < end ? bytes[at + count] : undefined;
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 127) << BigInt(count * 7);
    if (byte < 128) return { value: BigInt.asUintN(64, value), to: at + count + 1 };
  }
  throw new WireError('a number without an end', at);
}
