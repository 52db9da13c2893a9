import { isUtf8 } from 'node:buffer';
import type { AttributeValue } from '../../model/attributes.ts';
import { HEX_VALUE } from '../../model/ids.ts';
import { SPAN_KINDS, type SpanKind, STATUS_CODES, type StatusCode } from '../../model/status.ts';
import { nanosOfUnixTime } from '../../model/time.ts';
import type { JaegerReference } from '../drafts/jaeger.ts';
import {
  attributeOf,
  flatAttributesOf,
  integerOf,
  isRecord,
  type JsonValue,
  listOf,
  parseJson,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import type { DraftId, EventDraft, LinkDraft } from '../drafts/span-draft.ts';
import { nanosOf, nanosOfRfc3339 } from '../drafts/times.ts';
import type { Reason } from '../reasons.ts';
import { parseLiteral } from './literals.ts';

// What a cell of a table says, however its table writes it: as a value of JSON or Parquet, or as text in a CSV.

/** A cell: a JSON value, or bytes (of Parquet). */
export type Cell = JsonValue | Uint8Array;
export type Row = { readonly [column: string]: Cell };

/** Is told what was mended of the row in hand. */
export type Mend = (reason: Reason, detail: string) => void;

/** The places of units of time: 10^-n seconds. */
export const UNIT_DIGITS = { s: 0, ms: 3, us: 6, ns: 9 } as const;
export type Unit = keyof typeof UNIT_DIGITS;

/** Words that stand for "no value". */
const NO_VALUE = /^(?:|\\N|null|none|nan|nil|undefined)$/i;
/** Words by which a table says that a span has no parent. */
const NO_PARENT = /^(?:|\\N|null|none|nan|nil|undefined|root|-1)$/i;

/** Says whether a cell holds nothing: `null`, no text, or the `\N` of SQL dumps. */
export function isEmptyCell(cell: Cell | undefined): boolean {
  return (
    cell === undefined ||
    cell === null ||
    cell === '' ||
    cell === '\\N' ||
    (cell instanceof Uint8Array && cell.length === 0)
  );
}

/** The value; bytes are taken for the text that they are. */
export function jsonOfCell(cell: Cell | undefined): JsonValue | undefined {
  return cell instanceof Uint8Array ? textOfBytes(cell) : cell;
}

/** The text that bytes are: some writers of Parquet do not mark their texts as such. Undefined for what is none. */
export function textOfBytes(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes) || bytes.some(byte => byte < 32 && (byte < 9 || byte > 13))) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** An id; `isParent` where the words for "none" may stand in its place. */
export function idOfCell(cell: Cell | undefined, isParent = false): DraftId {
  if (typeof cell === 'bigint') return cell === -1n && isParent ? undefined : cell;
  // Bytes are the id itself, unless they are its digits.
  if (cell instanceof Uint8Array && !cell.every(byte => HEX_VALUE[byte] !== 255)) return cell;
  const text = textOf(jsonOfCell(cell));
  return text === undefined || (isParent ? NO_PARENT : NO_VALUE).test(text.trim()) ? undefined : text;
}

/** The attribute that a cell is. */
export function attributeOfCell(cell: Cell): AttributeValue {
  return cell instanceof Uint8Array ? (textOfBytes(cell) ?? cell) : attributeOf(cell);
}

/**
 * A point in time in nanoseconds: RFC 3339 (also with a space, and without a zone, which is UTC), or a number of `unit`s since the
 * epoch, whose unit is told by its magnitude where it is not given. Undefined for what is none.
 */
export function timeOfCell(cell: Cell | undefined, unit?: Unit): bigint | undefined {
  const value = jsonOfCell(cell);
  if (typeof value === 'string') {
    const time = nanosOfRfc3339(value);
    if (time !== undefined) return time;
  }
  return nanosOf(value ?? '', UNIT_DIGITS[unit ?? unitByMagnitude(value)]);
}

/** The unit in which a number is a time of these decades. */
export function unitByMagnitude(value: JsonValue | undefined): Unit {
  const seconds = nanosOf(value ?? '', 0);
  if (seconds === undefined || seconds <= 0n) return 'ns';
  const integer = seconds / 1_000_000_000n;
  const factor = integer === 0n ? 1n : nanosOfUnixTime(integer) / integer;
  if (factor === 1_000_000_000n) return 's';
  return factor === 1_000_000n ? 'ms' : factor === 1_000n ? 'us' : 'ns';
}

/** A span of time in nanoseconds: a number of `unit`s. Undefined for what is none. */
export function durationOfCell(cell: Cell | undefined, unit: Unit): bigint | undefined {
  return nanosOf(jsonOfCell(cell) ?? '', UNIT_DIGITS[unit]);
}

/** A kind: its word in any case, also behind `SPAN_KIND_` or `SpanKind.`, or OTLP's number. Undefined for what is none. */
export function kindOfCell(cell: Cell | undefined): SpanKind | undefined {
  const text = textOf(jsonOfCell(cell));
  if (text === undefined) return undefined;
  if (/^\d(?:\.0+)?$/.test(text)) return SPAN_KINDS[Number(text)];
  const word = text.toLowerCase().replace(/^span_?kind[_.]/, '');
  return SPAN_KINDS.find(kind => kind === word);
}

/** A status code: its word in any case, also behind `STATUS_CODE_`, or OTLP's number. Undefined for what is none. */
export function statusOfCell(cell: Cell | undefined): StatusCode | undefined {
  const text = textOf(jsonOfCell(cell));
  if (text === undefined) return undefined;
  if (/^\d(?:\.0+)?$/.test(text)) return STATUS_CODES[Number(text)];
  const word = text.toLowerCase().replace(/^status_?code[_.]/, '');
  return STATUS_CODES.find(code => code === word);
}

/** Whether a cell that marks failures marks one. Undefined for what is neither. */
export function isErrorCell(cell: Cell | undefined): boolean | undefined {
  const text = textOf(jsonOfCell(cell))?.toLowerCase();
  if (text === undefined) return undefined;
  if (text === 'true' || text === '1' || text === 'yes') return true;
  return text === 'false' || text === '0' || text === 'no' || text === '' ? false : undefined;
}

export function countOfCell(cell: Cell | undefined): number | undefined {
  const count = integerOf(jsonOfCell(cell));
  return count !== undefined && count > 0n && count < 1n << 32n ? Number(count) : undefined;
}

/** A cell that holds a value of several parts, also as text: JSON, or a literal of ClickHouse or Python. */
export function valueOfCell(cell: Cell | undefined): JsonValue | undefined {
  const value = jsonOfCell(cell);
  if (typeof value !== 'string' || !/^\s*[{[(]/.test(value)) return value;
  try {
    return parseJson(value);
  } catch {
    return parseLiteral(value) ?? value;
  }
}

/**
 * The attributes that a cell holds: an object, whose objects are taken apart, or OTLP's list of `{key, value}`. Undefined for what
 * is neither.
 */
export function attributesOfCell(cell: Cell | undefined): Map<string, AttributeValue> | undefined {
  const value = valueOfCell(cell);
  if (isRecord(value)) return flatAttributesOf(value);
  if (!Array.isArray(value)) return undefined;
  const attributes = new Map<string, AttributeValue>();
  for (const item of listOf(value)) {
    const { key, Key, value: given, Value } = recordOf(item);
    const name = textOf(key ?? Key);
    if (name === undefined) return undefined;
    attributes.set(name, attributeOf(plainValue(given ?? Value ?? null)));
  }
  return attributes;
}

/** The value inside OTLP's AnyValue; other values as they are. */
export function plainValue(value: JsonValue): JsonValue {
  if (!isRecord(value)) return value;
  const [[kind, inner] = ['', null], another] = Object.entries(value);
  if (another !== undefined) return value;
  switch (kind.replaceAll('_', '').toLowerCase()) {
    case 'stringvalue':
    case 'boolvalue':
    case 'bytesvalue':
      return inner;
    case 'doublevalue':
      return typeof inner === 'bigint' ? Number(inner) : inner;
    case 'intvalue':
      return integerOf(inner) ?? inner;
    case 'arrayvalue':
      return listOf(recordOf(inner).values).map(plainValue);
    case 'kvlistvalue':
      return Object.fromEntries(
        listOf(recordOf(inner).values).map(item => [
          textOf(recordOf(item).key) ?? '',
          plainValue(recordOf(item).value ?? null),
        ]),
      );
    default:
      return value;
  }
}

/** The items of a cell that holds a list; each may be the text of its JSON. */
function itemsOf(cell: Cell | undefined): readonly JsonValue[] | undefined {
  const value = valueOfCell(cell);
  return Array.isArray(value) ? listOf(value).map(item => valueOfCell(item) ?? null) : undefined;
}

/** The events that a cell holds: objects with a name and a time. Undefined for what is no list of objects. */
export function eventsOfCell(cell: Cell | undefined): EventDraft[] | undefined {
  const items = itemsOf(cell);
  if (items === undefined || !items.every(isRecord)) return undefined;
  return items.map(event => {
    const { name, attributes, attributeMap, fields, ...rest } = event;
    const time = fieldOf(rest, TIME_FIELDS);
    const timeUnixNano = timeOfCell(rest[time ?? '']);
    const all = attributesAnd(attributes ?? attributeMap ?? fields, rest, [time]);
    // Of Jaeger's logs the field `event` is the name.
    const named = name === undefined && fields !== undefined ? all.get('event') : undefined;
    if (typeof named !== 'string') return { timeUnixNano, name: textOf(name) ?? '', attributes: all };
    all.delete('event');
    return { timeUnixNano, name: named, attributes: all };
  });
}

/** The links that a cell holds: objects with a trace id and a span id. Undefined for what is no list of objects. */
export function linksOfCell(cell: Cell | undefined): LinkDraft[] | undefined {
  const items = itemsOf(cell);
  if (items === undefined || !items.every(isRecord)) return undefined;
  return items.map(link => {
    const { attributes, ...rest } = link;
    const trace = fieldOf(rest, TRACE_ID_FIELDS);
    const span = fieldOf(rest, SPAN_ID_FIELDS);
    return {
      traceId: idOfCell(rest[trace ?? '']),
      spanId: idOfCell(rest[span ?? '']),
      attributes: attributesAnd(attributes, rest, [trace, span]),
    };
  });
}

/** The references of Jaeger that a cell holds, one of which may be to the parent; undefined for what is no list of such. */
export function referencesOfCell(cell: Cell | undefined): JaegerReference[] | undefined {
  const items = itemsOf(cell);
  if (items === undefined || !items.every(item => isRecord(item) && item.refType !== undefined)) return undefined;
  return items.map(recordOf).map(reference => ({
    isChildOf: reference.refType === 'CHILD_OF',
    traceId: idOfCell(reference[fieldOf(reference, TRACE_ID_FIELDS) ?? '']),
    spanId: idOfCell(reference[fieldOf(reference, SPAN_ID_FIELDS) ?? '']),
  }));
}

const TIME_FIELDS = ['timeUnixNano', 'time_unix_nano', 'timestamp', 'time'];
const TRACE_ID_FIELDS = ['traceId', 'trace_id', 'traceID'];
const SPAN_ID_FIELDS = ['spanId', 'span_id', 'spanID'];

function fieldOf(record: { readonly [key: string]: JsonValue }, names: readonly string[]): string | undefined {
  return names.find(name => record[name] !== undefined);
}

/** Attributes, and the fields beside them that were not read otherwise and are not empty. */
function attributesAnd(
  attributes: JsonValue | undefined,
  rest: { readonly [key: string]: JsonValue },
  without: readonly (string | undefined)[],
): Map<string, AttributeValue> {
  const all = attributesOfCell(attributes) ?? new Map<string, AttributeValue>();
  for (const [key, value] of Object.entries(rest)) {
    if (without.includes(key) || value === null || value === '' || value === 0n || all.has(key)) continue;
    all.set(key, attributeOf(value));
  }
  return all;
}
