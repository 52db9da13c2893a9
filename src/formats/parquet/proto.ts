import type { AttributeValue } from '../../model/attributes.ts';
import type { LinkDraft } from '../drafts/span-draft.ts';
import { fieldsOf, type ProtoField } from '../protobuf/fields.ts';

// Protobuf inside the cells of Tempo's blocks before vParquet4: the values of event attributes, and the links of a span.
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto

const MAX_DEPTH = 64;

const NONE = new Uint8Array(0);

/** Returns the value of an `AnyValue`. Throws `WireError` where the bytes are none, `RangeError` where it is nested too deeply. */
export function anyValueOf(message: Uint8Array, depth = 0): AttributeValue {
  if (depth > MAX_DEPTH) throw new RangeError(`values nested more than ${MAX_DEPTH} deep`);
  let value: AttributeValue = null;
  for (const field of fieldsOf(message)) {
    const { number } = field;
    if (number === 1) value = textOf(field);
    else if (number === 2) value = integerOf(field) !== 0n;
    else if (number === 3) value = integerOf(field);
    else if (number === 4) value = doubleOf(field);
    else if (number === 5) value = Array.from(partsOf(bytesOf(field), 1), item => anyValueOf(item, depth + 1));
    else if (number === 6) value = Object.fromEntries(keyValuesOf(partsOf(bytesOf(field), 1), depth + 1));
    else if (number === 7) value = bytesOf(field);
  }
  return value;
}

/** Returns the links of a `LinkSlice`. Throws as `anyValueOf` does. */
export function linksOf(message: Uint8Array): LinkDraft[] {
  return Array.from(partsOf(message, 1), link => {
    let traceId: Uint8Array = NONE;
    let spanId: Uint8Array = NONE;
    const attributes = new Map<string, AttributeValue>();
    for (const field of fieldsOf(link)) {
      const { number } = field;
      const bytes = bytesOf(field);
      const count = integerOf(field);
      if (number === 1) traceId = bytes;
      else if (number === 2) spanId = bytes;
      else if (number === 3 && bytes.length > 0) attributes.set('traceState', textOf(field));
      else if (number === 4) for (const [key, value] of keyValuesOf([bytes], 0)) attributes.set(key, value);
      else if (number === 5 && count > 0n) attributes.set('droppedAttributesCount', count);
    }
    return { traceId, spanId, attributes };
  });
}

/** Yields the messages that stand in one repeated field. */
function* partsOf(message: Uint8Array, number: number): Generator<Uint8Array> {
  for (const field of fieldsOf(message)) if (field.number === number) yield bytesOf(field);
}

function* keyValuesOf(messages: Iterable<Uint8Array>, depth: number): Generator<[string, AttributeValue]> {
  for (const message of messages) {
    let key = '';
    let value: AttributeValue = null;
    for (const field of fieldsOf(message)) {
      if (field.number === 1) key = textOf(field);
      else if (field.number === 2) value = anyValueOf(bytesOf(field), depth);
    }
    yield [key, value];
  }
}

function bytesOf({ value }: ProtoField): Uint8Array {
  return value instanceof Uint8Array ? value : NONE;
}

function textOf(field: ProtoField): string {
  return Buffer.from(bytesOf(field)).toString('utf8');
}

function integerOf({ value }: ProtoField): bigint {
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) : 0n;
}

/** The double whose bits a fixed64 is. */
function doubleOf({ value }: ProtoField): number {
  return new Float64Array(BigUint64Array.of(typeof value === 'bigint' ? value : 0n).buffer)[0] ?? 0;
}
