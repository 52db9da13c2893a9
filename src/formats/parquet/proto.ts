import type { AttributeValue } from '../../model/attributes.ts';
import type { LinkDraft } from '../drafts/span-draft.ts';

// Protobuf inside the cells of Tempo's blocks before vParquet4: the values of event attributes, and the links of a span.
// https://protobuf.dev/programming-guides/encoding/

const MAX_DEPTH = 64;

/** A field of a message: its number, and its value as an integer, eight or four bytes, or bytes. */
interface Field {
  readonly number: number;
  readonly integer: bigint;
  readonly bytes: Uint8Array;
}

/** Yields the fields of a message. Throws `RangeError` where it is none. */
function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new RangeError('a varint without an end');
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw new RangeError('a field longer than its message');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, integer: BigInt.asIntN(64, varint()), bytes: NONE };
        break;
      case 1:
        yield { number, integer: 0n, bytes: take(8) };
        break;
      case 2:
        yield { number, integer: 0n, bytes: take(Number(varint())) };
        break;
      case 5:
        yield { number, integer: 0n, bytes: take(4) };
        break;
      default:
        throw new RangeError('no such wire type');
    }
  }
}

const NONE = new Uint8Array(0);

/** Returns the value of an `AnyValue`. Throws `RangeError` where the bytes are none. */
export function anyValueOf(message: Uint8Array, depth = 0): AttributeValue {
  if (depth > MAX_DEPTH) throw new RangeError(`values nested more than ${MAX_DEPTH} deep`);
  let value: AttributeValue = null;
  for (const { number, integer, bytes } of fieldsOf(message)) {
    if (number === 1) value = text(bytes);
    else if (number === 2) value = integer !== 0n;
    else if (number === 3) value = integer;
    else if (number === 4 && bytes.length === 8) value = Buffer.from(bytes).readDoubleLE(0);
    else if (number === 5) value = Array.from(partsOf(bytes, 1), item => anyValueOf(item, depth + 1));
    else if (number === 6) value = Object.fromEntries(keyValuesOf(partsOf(bytes, 1), depth + 1));
    else if (number === 7) value = bytes;
  }
  return value;
}

/** Returns the links of a `LinkSlice`. Throws `RangeError` where the bytes are none. */
export function linksOf(message: Uint8Array): LinkDraft[] {
  return Array.from(partsOf(message, 1), link => {
    let traceId: Uint8Array = NONE;
    let spanId: Uint8Array = NONE;
    const attributes = new Map<string, AttributeValue>();
    for (const { number, integer, bytes } of fieldsOf(link)) {
      if (number === 1) traceId = bytes;
      else if (number === 2) spanId = bytes;
      else if (number === 3 && bytes.length > 0) attributes.set('traceState', text(bytes));
      else if (number === 4) for (const [key, value] of keyValuesOf([bytes], 0)) attributes.set(key, value);
      else if (number === 5 && integer > 0n) attributes.set('droppedAttributesCount', integer);
    }
    return { traceId, spanId, attributes };
  });
}

/** Yields the messages that stand in one repeated field. */
function* partsOf(message: Uint8Array, number: number): Generator<Uint8Array> {
  for (const field of fieldsOf(message)) if (field.number === number) yield field.bytes;
}

function* keyValuesOf(messages: Iterable<Uint8Array>, depth: number): Generator<[string, AttributeValue]> {
  for (const message of messages) {
    let key = '';
    let value: AttributeValue = null;
    for (const { number, bytes } of fieldsOf(message)) {
      if (number === 1) key = text(bytes);
      else if (number === 2) value = anyValueOf(bytes, depth);
    }
    yield [key, value];
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
