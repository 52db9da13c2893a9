import type { AttributeValue } from '../../model/attributes.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { type JsonCursor, JsonKind } from '../json/cursor.ts';
import { KeyTable } from '../json/key-table.ts';
import type { Mending } from '../json/mending.ts';
import { readPlainValue } from '../json/scalars.ts';
import { TagField, type TagFields } from '../json/tags.ts';

// Tags of Jaeger: `{"key":"http.method","type":"string","value":"GET"}`, of spans, of logs (their fields) and of processes.

const TAG_KEYS = new KeyTable({ key: 1, type: 2, vType: 2, value: 3 });

/** Reads tags of spans and logs, one after the other. */
export class TagReader {
  readonly #writer: BatchWriter;
  readonly #fields: TagFields;
  readonly #mending: Mending;

  // The tag read last: an attribute, or what it says of the span.
  key = 0;
  field: number = TagField.none;
  /** Id of the attribute's value, or what `TagFields` takes. */
  value = 0;
  /** The value was a string, and is still the cursor's text. */
  isText = false;

  constructor(writer: BatchWriter, fields: TagFields, mending: Mending) {
    this.#writer = writer;
    this.#fields = fields;
    this.#mending = mending;
  }

  /** Reads the tags of the span in hand, an array or a plain object, and gives it them. */
  readAll(cursor: JsonCursor): void {
    const writer = this.#writer;
    if (cursor.kind() === JsonKind.object) {
      cursor.tryOpenObject();
      for (let first = true; cursor.nextKey(first); first = false) {
        this.key = writer.keyOf(cursor.text, cursor.from, cursor.to);
        this.#readValue(cursor, TagType.none, true);
        this.#take();
      }
      return;
    }
    if (!cursor.tryOpenArray()) return this.#mending.passOver(cursor, 'tags');
    for (let first = true; cursor.nextItem(first); first = false) {
      if (this.read(cursor, true)) this.#take();
    }
  }

  /** Gives the span in hand the tag read last. */
  #take(): void {
    const field = this.field;
    if (field === TagField.none) this.#writer.addAttribute(this.key, this.value);
    else if (field === TagField.kind) this.#writer.kind = this.value;
    else this.#fields.take(field, this.value);
  }

  /** Reads `{"key":…,"type":…,"value":…}`. Returns false where it is no tag. */
  read(cursor: JsonCursor, ofSpan: boolean): boolean {
    const writer = this.#writer;
    if (!cursor.tryOpenObject()) {
      this.#mending.passOver(cursor, 'tag');
      return false;
    }
    let hasKey = false;
    let type: TagType = TagType.none;
    let valueAt = -1;
    let isRead = false;
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = TAG_KEYS.match(cursor.text, cursor.from, cursor.to);
      if (field === 3) {
        cursor.peek();
        valueAt = cursor.position;
        // Key and type nearly always stand before the value, and nothing behind it.
        isRead = hasKey && type !== TagType.none;
        if (isRead) this.#readValue(cursor, type, ofSpan);
        else cursor.skipValue();
        continue;
      }
      isRead = false;
      if (field === 1 && cursor.readScalar()) {
        this.key = writer.keyOf(cursor.text, cursor.from, cursor.to);
        hasKey = true;
      } else if (field === 2 && cursor.readScalar()) type = tagType(cursor.text.bytes, cursor.from);
      else cursor.skipValue();
    }
    if (!hasKey || valueAt < 0) return false;
    if (isRead) return true;
    const { position } = cursor;
    cursor.position = valueAt;
    this.#readValue(cursor, type, ofSpan);
    cursor.position = position;
    return true;
  }

  /** Reads the value of the tag whose key is in `key`. */
  #readValue(cursor: JsonCursor, type: TagType, ofSpan: boolean): void {
    const writer = this.#writer;
    this.field = ofSpan ? this.#fields.fieldOf(this.key) : TagField.none;
    if (this.field !== TagField.none && this.#readField(cursor)) return;
    this.field = TagField.none;
    const kind = cursor.kind();
    const key = this.key;
    this.isText = kind === JsonKind.string;
    if (kind === JsonKind.string) {
      cursor.readString();
      if (type === TagType.string || type === TagType.none) {
        this.value = writer.stringValue(key, cursor.text, cursor.from, cursor.to);
      } else if (type === TagType.int) {
        this.value = writer.integerValue(key, cursor.text, cursor.from, cursor.to);
      } else this.value = writer.value(key, typedValue(type, cursor.textString()));
    } else if (kind === JsonKind.number) {
      cursor.readBare();
      const isDouble = type === TagType.double || hasFraction(cursor);
      this.value = isDouble
        ? writer.numberValue(key, cursor.text, cursor.from, cursor.to)
        : writer.integerValue(key, cursor.text, cursor.from, cursor.to);
    } else if (kind === JsonKind.true || kind === JsonKind.false) {
      this.value = writer.boolValue(key, cursor.readWord() === true);
    } else this.value = writer.value(key, readPlainValue(cursor));
  }

  /** Reads the value of a tag that is a field of the span. Returns false, having read nothing, where it stays an attribute. */
  #readField(cursor: JsonCursor): boolean {
    const start = cursor.position;
    if (this.field === TagField.error) {
      const value = readPlainValue(cursor);
      this.value = 0;
      // Clients write the mark as a bool, as "true" and as 1; the Jaeger UI takes the first two.
      if (value === true || value === 'true' || value === 1n) return true;
    } else {
      if (!cursor.readScalar()) return false;
      this.value = this.#fields.valueOf(this.field, cursor.text, cursor.from, cursor.to);
      if (this.value >= 0) return true;
    }
    cursor.position = start;
    return false;
  }
}

/** Reads the tags of a process, which are few, as they are. */
export function readProcessTags(cursor: JsonCursor): [string, AttributeValue][] {
  const tags: [string, AttributeValue][] = [];
  const value = readPlainValue(cursor);
  if (Array.isArray(value)) {
    for (const tag of value) {
      if (typeof tag !== 'object' || tag === null || !('key' in tag) || typeof tag.key !== 'string') continue;
      const type = Buffer.from(String(tag.type ?? tag.vType ?? ' '));
      tags.push([tag.key, typedValue(tagType(type, 0), tag.value ?? null)]);
    }
  } else if (typeof value === 'object' && value !== null) tags.push(...Object.entries(value));
  return tags;
}

function hasFraction(cursor: JsonCursor): boolean {
  const { bytes } = cursor.text;
  for (let at = cursor.from; at < cursor.to; at++) {
    const byte = bytes[at]!;
    if (byte === 46 || byte === 69 || byte === 101 || byte === 78 || byte === 73) return true;
  }
  return false;
}

/** The types of tags. */
const TagType = { none: 0, string: 1, bool: 2, int: 3, double: 4, binary: 5 } as const;
type TagType = (typeof TagType)[keyof typeof TagType];

/** Reads `string`, `bool`, `int64` (`int`, `long`), `float64` (`double`, `float`), `binary` in any case. */
function tagType(bytes: Uint8Array, from: number): TagType {
  switch (bytes[from]! | 32) {
    case 115:
      return TagType.string;
    case 98:
      return (bytes[from + 1]! | 32) === 105 ? TagType.binary : TagType.bool;
    case 105:
    case 108:
      return TagType.int;
    case 102:
    case 100:
      return TagType.double;
    default:
      return TagType.none;
  }
}

/** The value of a tag whose JSON may be of another type than the tag names. */
function typedValue(type: TagType, value: AttributeValue): AttributeValue {
  switch (type) {
    case TagType.bool:
      return value === 'true' ? true : value === 'false' ? false : value;
    case TagType.int:
      return typeof value === 'string' && /^-?\d{1,18}$/.test(value) ? BigInt(value) : value;
    case TagType.double:
      return typeof value === 'bigint' ||
        (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value)))
        ? Number(value)
        : value;
    case TagType.binary:
      return typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : value;
    default:
      return value;
  }
}
