import type { DecodeContext, JsonFormat } from '../format.ts';
import { BadRecord, type JsonCursor } from '../json/cursor.ts';
import type { Outline } from '../json/outline.ts';
import type { Shape } from '../json/shape.ts';
import type { Reason } from '../reasons.ts';
import { type JsonValue, parseJson } from './record.ts';
import { DraftWriter, type SpanDraft } from './span-draft.ts';

// JSON formats read record by record: each record is parsed whole and turned into drafts.

/** What a reader of records may do with what it finds. */
export interface RecordContext {
  /** Writes a span. Where it, or the function that makes it, throws `BadRecord`, this span is passed over. */
  emit(draft: SpanDraft | (() => SpanDraft)): void;
  /** The record, or a part of it, gave no span. */
  skip(reason: Reason, detail: string): void;
  /** Something in the record was mended. */
  repair(reason: Reason, detail: string): void;
}

export interface RecordReader {
  /** Called before the first record of a source: what an earlier source said does not hold for it. */
  beginSource?(): void;
  /** Reads one record. May throw `BadRecord`: the record is passed over. */
  read(record: JsonValue): void;
  /** Called where a document ends: what waited for later records of it is written now. */
  endDocument?(): void;
}

export interface RecordFormat {
  readonly name: string;
  readonly title: string;
  readonly recognised: string;
  /**
   * Where records may stand in a document, in the order in which they are looked for: `''` is the document itself, `[]` the items
   * of its array, `.hits.hits[]._source` deeper.
   */
  readonly places: readonly string[];
  /**
   * Says whether records of this format stand at a place: `has('.traceId')` asks for a path below it. `complete` says that
   * no more paths will be seen.
   */
  matches(has: (path: string) => boolean, complete: boolean): boolean;
  /** Keys whose numbers may have more digits than a double holds: `decimalText` gives them. */
  readonly decimals?: readonly string[];
  /** As in `JsonFormat`. */
  readonly isConsoleOutput?: boolean;
  open(context: RecordContext): RecordReader;
}

/** Makes a format of a `RecordFormat`. */
export function recordFormat(format: RecordFormat): JsonFormat {
  const { name, title, recognised, places, isConsoleOutput = false } = format;
  return {
    name,
    title,
    recognised,
    isConsoleOutput,
    family: 'json',
    sniff(outline) {
      const container = places.find(place => isThere(format, place, outline));
      return container === undefined ? undefined : { container };
    },
    open(context, offsetOf) {
      const records = new Records(format, context, offsetOf);
      const shapes = new Map(places.map(place => [place, records.shapeAt(place)]));
      return container => shapes.get(container) ?? {};
    },
  };
}

function isThere({ matches }: RecordFormat, place: string, { paths, complete, opening }: Outline): boolean {
  if (place.startsWith('[') !== (opening === '[')) return false;
  return matches(path => paths.has(place + path), complete);
}

class Records {
  readonly #reader: RecordReader;
  readonly #offsetOf: (position: number) => number;
  readonly #decimals: ReadonlySet<string>;
  /** Where the record in hand begins. */
  #offset = Number.POSITIVE_INFINITY;

  constructor(format: RecordFormat, context: DecodeContext, offsetOf: (position: number) => number) {
    this.#offsetOf = offsetOf;
    this.#decimals = new Set(format.decimals);
    this.#reader = format.open(recordContext(context, () => this.#offset));
  }

  /** The shape of a document whose records stand at a place. */
  shapeAt(place: string): Shape {
    const steps = place.match(/\[\]|\.[^.[\]]+/g) ?? [];
    const innermost: Shape = { value: cursor => this.#read(cursor) };
    const shape = steps.reduceRight<Shape>(
      (inner, step) => (step === '[]' ? { items: inner } : { fields: { [step.slice(1)]: inner } }),
      innermost,
    );
    const close = () => this.#reader.endDocument?.();
    return steps.length === 0
      ? {
          value: cursor => {
            this.#read(cursor);
            close();
          },
        }
      : { ...shape, close };
  }

  #read(cursor: JsonCursor): void {
    const offset = this.#offsetOf(cursor.position);
    const record = readRecord(cursor, this.#decimals);
    // Offsets only grow within a source.
    if (offset <= this.#offset) this.#reader.beginSource?.();
    this.#offset = offset;
    this.#reader.read(record);
  }
}

/** What a reader of records is given; `offset` is where the record in hand begins. */
export function recordContext({ writer, report }: DecodeContext, offset: () => number): RecordContext {
  const repair = (reason: Reason, detail: string) => report.repair(reason, offset(), detail);
  const skip = (reason: Reason, detail: string) => report.skip(reason, offset(), detail);
  const drafts = new DraftWriter(writer, repair);
  return {
    emit: draft => {
      try {
        drafts.write(typeof draft === 'function' ? draft() : draft);
      } catch (error) {
        // One span of a record of many is no reason to lose the others.
        if (!(error instanceof BadRecord)) throw error;
        skip(error.reason, error.message);
      }
    },
    skip,
    repair,
  };
}

/** Reads the value at the cursor whole. Throws `BadRecord` where it is not JSON after all. */
export function readRecord(cursor: JsonCursor, decimals?: ReadonlySet<string>): JsonValue {
  const start = cursor.position;
  cursor.skipValue();
  const { buffer, byteOffset } = cursor.bytes;
  const text = Buffer.from(buffer, byteOffset + start, cursor.position - start).toString('utf8');
  try {
    return parseJson(text, decimals);
  } catch (error) {
    // What is nested so deeply that no stack holds it.
    if (error instanceof RangeError) throw new BadRecord('too-deep', error.message);
    throw new BadRecord('malformed-json', error instanceof Error ? error.message : String(error));
  }
}
