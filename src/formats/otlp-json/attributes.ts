import { type AttributeValue, isInt64 } from '../../model/attributes.ts';
import { AttributeForm } from '../columns/attribute-cache.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { ValueClass } from '../columns/value-dictionary.ts';
import { BadRecord, type JsonCursor, JsonKind } from '../json/cursor.ts';
import { KeyTable } from '../json/key-table.ts';
import type { Mending } from '../json/mending.ts';
import { readInteger64, readPlainValue } from '../json/scalars.ts';

// Attributes of OTLP/JSON: `[{"key":"http.route","value":{"stringValue":"/cart"}}]`, or a plain object.

const MAX_DEPTH = 64;
const NO_KEY = 'an attribute without a key';

const ATTRIBUTE_KEYS = new KeyTable({ key: 1, value: 2 });
const VALUE_KEYS = new KeyTable({
  stringValue: 1,
  string_value: 1,
  boolValue: 2,
  bool_value: 2,
  intValue: 3,
  int_value: 3,
  doubleValue: 4,
  double_value: 4,
  arrayValue: 5,
  array_value: 5,
  kvlistValue: 6,
  kvlist_value: 6,
  bytesValue: 7,
  bytes_value: 7,
});

/** Reads attributes into a writer, one after the other, and those of resources and scopes as they are. */
export class AttributeReader {
  readonly #writer: BatchWriter;
  readonly #mending: Mending;
  /** The attribute read last, as ids of the writer's. */
  key = 0;
  value = 0;

  constructor(writer: BatchWriter, mending: Mending) {
    this.#writer = writer;
    this.#mending = mending;
  }

  /** Reads the attributes of a resource or scope, which are few; of a key that comes twice the last value counts. */
  readAll(cursor: JsonCursor): Map<string, AttributeValue> {
    const attributes = new Map<string, AttributeValue>();
    const kind = cursor.kind();
    if (kind === JsonKind.object) {
      cursor.tryOpenObject();
      for (let first = true; cursor.nextKey(first); first = false) {
        const key = cursor.textString();
        attributes.set(key, readPlainValue(cursor));
      }
    } else if (kind === JsonKind.array) {
      cursor.tryOpenArray();
      for (let first = true; cursor.nextItem(first); first = false) {
        cursor.peek();
        const at = cursor.position;
        const [key, value] = this.#readKeyValue(cursor, 0);
        if (key !== undefined) attributes.set(key, value);
        else this.#mending.tell('unexpected-type', at, NO_KEY);
      }
    } else this.#mending.passOver(cursor, 'attributes');
    return attributes;
  }

  /** Reads `{"key":…,"value":{…}}`. Returns false where it has no key. */
  read(cursor: JsonCursor): boolean {
    const writer = this.#writer;
    const { cache } = writer;
    if (cursor.kind() !== JsonKind.object) {
      this.#mending.passOver(cursor, 'attribute');
      return false;
    }
    const start = cursor.position;
    cursor.skipValue();
    const end = cursor.position;
    if (cache.find(AttributeForm.otlpJson, cursor, start, end)) {
      this.key = cache.key;
      this.value = cache.value;
      return true;
    }
    if (!this.parse(cursor, start)) return false;
    cache.remember(AttributeForm.otlpJson, cursor, start, end, this.key, this.value);
    return true;
  }

  /** Reads the attribute object that begins at `start`. Returns false where it has no key. */
  parse(cursor: JsonCursor, start: number): boolean {
    const writer = this.#writer;
    cursor.position = start + 1;
    let key = -1;
    let late = -1;
    this.value = 0;
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = ATTRIBUTE_KEYS.match(cursor.text, cursor.from, cursor.to);
      if (field === 1 && cursor.readScalar()) key = writer.keyOf(cursor.text, cursor.from, cursor.to);
      else if (field === 2) {
        if (key >= 0) this.value = this.#readAnyValue(cursor, key);
        else {
          late = cursor.position;
          cursor.skipValue();
        }
      } else cursor.skipValue();
    }
    if (key < 0) {
      this.#mending.tell('unexpected-type', start, NO_KEY);
      return false;
    }
    if (late >= 0) {
      // The value stood before its key.
      const { position } = cursor;
      cursor.position = late;
      this.value = this.#readAnyValue(cursor, key);
      cursor.position = position;
    }
    this.key = key;
    if (this.value === 0) this.value = writer.value(key, null);
    return true;
  }

  /** Reads the value of a plain object's field whose key was read last. Returns false where it is null: absent. */
  readPlain(cursor: JsonCursor): boolean {
    const writer = this.#writer;
    const key = writer.keyOf(cursor.text, cursor.from, cursor.to);
    this.key = key;
    if (cursor.kind() === JsonKind.string) {
      cursor.readString();
      this.value = writer.stringValue(key, cursor.text, cursor.from, cursor.to);
      return true;
    }
    const value = readPlainValue(cursor);
    if (value === null) return false;
    this.value = writer.value(key, value);
    return true;
  }

  /** Reads an AnyValue and returns its id; 0 where it is empty. */
  #readAnyValue(cursor: JsonCursor, key: number): number {
    const writer = this.#writer;
    if (!cursor.tryOpenObject()) {
      // Not an AnyValue but the value itself.
      if (cursor.kind() === JsonKind.null) {
        cursor.skipValue();
        return 0;
      }
      return writer.value(key, readPlainValue(cursor));
    }
    let value = 0;
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = VALUE_KEYS.match(cursor.text, cursor.from, cursor.to);
      const kind = cursor.kind();
      if (kind === JsonKind.null) cursor.skipValue();
      else if (field === 1 && kind === JsonKind.string) {
        cursor.readString();
        value = writer.stringValue(key, cursor.text, cursor.from, cursor.to);
      } else if (field === 3 && (kind === JsonKind.string || kind === JsonKind.number)) {
        cursor.readScalar();
        value = writer.integerValue(key, cursor.text, cursor.from, cursor.to);
      } else if (field === 2 && (kind === JsonKind.true || kind === JsonKind.false)) {
        value = writer.boolValue(key, cursor.readWord() === true);
      } else if (field === 4 && kind === JsonKind.number) {
        cursor.readBare();
        value = writer.numberValue(key, cursor.text, cursor.from, cursor.to);
      } else if (field === 5 || field === 6) {
        const start = cursor.position;
        cursor.skipValue();
        const end = cursor.position;
        const valueClass = field === 5 ? ValueClass.jsonArray : ValueClass.jsonMap;
        value = writer.findEncoded(key, valueClass, cursor, start, end);
        if (value === 0) {
          cursor.position = start;
          const made = this.#makeValue(cursor, field, 0);
          value = writer.rememberEncoded(key, valueClass, cursor, start, end, made);
        }
        cursor.position = end;
      } else value = writer.value(key, this.#makeValue(cursor, field, 0));
    }
    return value;
  }

  /** Makes the value of an AnyValue field that is not a plain scalar. */
  #makeValue(cursor: JsonCursor, field: number, depth: number): AttributeValue {
    if (depth > MAX_DEPTH) throw new BadRecord('too-deep', `an attribute nested more than ${MAX_DEPTH} deep`);
    const kind = cursor.kind();
    if (kind === JsonKind.null) {
      cursor.skipValue();
      return null;
    }
    switch (field) {
      case 1:
      case 2: {
        const value = readPlainValue(cursor, depth);
        if (field === 2 && (value === 'true' || value === 'false')) return value === 'true';
        return value;
      }
      case 3: {
        if (kind === JsonKind.object) {
          // A protobufjs Long.
          if (!readInteger64(cursor)) return null;
          return BigInt.asIntN(64, (BigInt(cursor.high) << 32n) | BigInt(cursor.low));
        }
        const value = readPlainValue(cursor, depth);
        if (typeof value === 'string' && /^[-+]?\d+$/.test(value)) {
          const integer = BigInt(value.replace(/^\+/, ''));
          return isInt64(integer) ? integer : value;
        }
        return value;
      }
      case 4: {
        const value = readPlainValue(cursor, depth);
        return typeof value === 'string' || typeof value === 'bigint' ? Number(value) : value;
      }
      case 5:
        return this.#makeList(cursor, () => this.#makeAny(cursor, depth + 1));
      case 6: {
        const entries: [string, AttributeValue][] = [];
        this.#makeList(cursor, () => {
          const [key, value] = this.#readKeyValue(cursor, depth + 1);
          if (key !== undefined) entries.push([key, value]);
          return null;
        });
        return Object.fromEntries(entries);
      }
      case 7: {
        const value = readPlainValue(cursor, depth);
        if (typeof value === 'string') return new Uint8Array(Buffer.from(value, 'base64'));
        const data = typeof value === 'object' && value !== null && 'data' in value ? value.data : value;
        const bytes = Object.values(typeof data === 'object' && data !== null ? data : {});
        return Uint8Array.from(bytes, byte => Number(byte));
      }
      default:
        return readPlainValue(cursor, depth);
    }
  }

  /** Reads `{"values":[…]}`, or the array itself. */
  #makeList(cursor: JsonCursor, item: () => AttributeValue): AttributeValue[] {
    const items: AttributeValue[] = [];
    const readItems = () => {
      if (!cursor.tryOpenArray()) return cursor.skipValue();
      for (let first = true; cursor.nextItem(first); first = false) items.push(item());
    };
    if (cursor.tryOpenObject()) {
      for (let first = true; cursor.nextKey(first); first = false) {
        if (cursor.textString() === 'values') readItems();
        else cursor.skipValue();
      }
    } else readItems();
    return items;
  }

  #makeAny(cursor: JsonCursor, depth: number): AttributeValue {
    if (depth > MAX_DEPTH) throw new BadRecord('too-deep', `an attribute nested more than ${MAX_DEPTH} deep`);
    if (!cursor.tryOpenObject()) return readPlainValue(cursor, depth);
    let value: AttributeValue = null;
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = VALUE_KEYS.match(cursor.text, cursor.from, cursor.to);
      value = this.#makeValue(cursor, field, depth);
    }
    return value;
  }

  #readKeyValue(cursor: JsonCursor, depth: number): [string | undefined, AttributeValue] {
    let key: string | undefined;
    let value: AttributeValue = null;
    if (!cursor.tryOpenObject()) {
      cursor.skipValue();
      return [key, value];
    }
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = ATTRIBUTE_KEYS.match(cursor.text, cursor.from, cursor.to);
      if (field === 1 && cursor.readScalar()) key = cursor.textString();
      else if (field === 2) value = this.#makeAny(cursor, depth);
      else cursor.skipValue();
    }
    return [key, value];
  }
}
