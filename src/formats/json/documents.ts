import type { DecodeContext, JsonFormat, Reason, Sighting } from '../format.ts';
import { BadRecord, JsonCursor, JsonKind, JsonSyntaxError, NEED_MORE } from './cursor.ts';
import { type Outline, outlineOf } from './outline.ts';
import type { Shape } from './shape.ts';

// Reads a stream of JSON documents: one value or many, on lines or across them, one after the other or with commas
// between. Each document is recognised by itself, for real files mix signals and formats line by line.
//
// A document may be larger than memory. Its containers are walked with a stack of frames and its records read whole; the
// window of input in memory is only ever as large as the largest record (and a chunk).

/** How much of a document is looked at, in growing steps, before it is given up as unknown. */
const OUTLINE_STEPS = [1 << 10, 1 << 14, 1 << 18, 1 << 22];
const WINDOW = 1 << 16;
const NEWLINE = Uint8Array.of(10);

interface Frame {
  readonly shape: Shape;
  readonly isArray: boolean;
  /** True until the first item or key. */
  first: boolean;
}

/** A value that is passed over without being held: where in its nesting and its strings the input stands. */
interface Skip {
  depth: number;
  inString: boolean;
  escaped: boolean;
}

export class JsonDocuments {
  readonly #context: DecodeContext;
  readonly #formats: readonly JsonFormat[];
  readonly #shapes: Map<JsonFormat, (container: string) => Shape>;
  readonly #cursor = new JsonCursor(WINDOW);
  /** Offset in the source of the window's first byte. */
  #windowOffset = 0;
  #documentOffset = 0;
  #frames: Frame[] = [];
  #format: JsonFormat | undefined;
  #skip: Skip | undefined;
  #ended = false;
  /** Where reading goes on when the window ends before the step in hand does. */
  #checkpoint = 0;
  /** Where the value in hand begins, or -1 where none is. */
  #valueStart = -1;
  /** The window must be this large before the step in hand is tried again: what is tried twice is then at least doubled. */
  #needed = 0;
  /** What was mended in the record in hand; it counts once the record is read to its end. */
  #repairs: { reason: Reason; offset: number; detail: string }[] = [];
  #isReading = false;
  /** Between documents: inside a stretch that is not JSON, up to the end of its line. */
  #junk = false;

  constructor(formats: readonly JsonFormat[], context: DecodeContext) {
    this.#formats = formats;
    this.#context = context;
    const offsetOf = (position: number) => this.#windowOffset + position;
    const forFormats: DecodeContext = {
      ...context,
      report: {
        skip: (reason, offset, detail) => context.report.skip(reason, offset, detail),
        repair: (reason, offset, detail) => {
          if (this.#isReading) this.#repairs.push({ reason, offset, detail });
          else context.report.repair(reason, offset, detail);
        },
        document: format => context.report.document(format),
      },
    };
    this.#shapes = new Map(formats.map(format => [format, format.open(forFormats, offsetOf)]));
  }

  /** Begins a new input, whose first byte is at `offset` of its source. */
  begin(offset: number): void {
    this.#cursor.reset();
    this.#windowOffset = offset;
    this.#frames = [];
    this.#format = undefined;
    this.#skip = undefined;
    this.#ended = false;
    this.#needed = 0;
    this.#junk = false;
  }

  /** Reads as far as `chunk` allows. */
  push(chunk: Uint8Array): void {
    const cursor = this.#cursor;
    this.#windowOffset += cursor.position;
    cursor.fill(cursor.position, chunk);
    if (this.#ended || cursor.end >= this.#needed) this.#run();
  }

  /** Reads what is left; what the input broke off in the middle is closed and reported. */
  end(): void {
    this.#ended = true;
    this.push(NEWLINE);
    const cursor = this.#cursor;
    if (this.#frames.length > 0 || this.#skip !== undefined || cursor.end - cursor.position > 1) {
      this.#context.report.skip(
        'truncated',
        this.#documentOffset,
        'the input ends before the document that begins here does',
      );
      this.#abandon();
    }
    cursor.position = cursor.end;
  }

  #run(): void {
    const cursor = this.#cursor;
    for (;;) {
      this.#checkpoint = cursor.position;
      this.#valueStart = -1;
      try {
        if (this.#skip !== undefined) {
          if (!this.#skipOn(this.#skip)) return;
        } else if (this.#frames.length > 0) this.#step();
        else if (!this.#startDocument()) return;
      } catch (error) {
        if (error === NEED_MORE) {
          if (!this.#passOverTooLarge()) return;
        } else if (error instanceof JsonSyntaxError) {
          // At the very end it is the input that is cut, not the JSON that is wrong: `end` says so.
          if (this.#ended && error.position >= cursor.end - 1) {
            cursor.position = this.#checkpoint;
            return;
          }
          this.#context.report.skip(
            'malformed-json',
            this.#windowOffset + error.position,
            `${error.message}; the document begins at byte ${this.#documentOffset}`,
          );
          this.#abandon();
          // The line end before the fault may be the one that the next document follows.
          cursor.position = Math.max(error.position - 1, this.#checkpoint);
          this.#junk = true;
        } else throw error;
      }
    }
  }

  /** The window ended inside the step in hand: asks for more, or gives the value up. Returns true in the second case. */
  #passOverTooLarge(): boolean {
    const cursor = this.#cursor;
    const held = cursor.end - this.#checkpoint;
    const { recordBytes } = this.#context.limits;
    if (held <= recordBytes || this.#valueStart < 0) {
      cursor.position = this.#checkpoint;
      this.#needed = held * 2;
      return false;
    }
    cursor.position = this.#valueStart;
    this.#context.report.skip('record-too-large', this.#windowOffset + this.#valueStart, `over ${recordBytes} bytes`);
    const frame = this.#frames[this.#frames.length - 1];
    if (frame !== undefined) frame.first = false;
    this.#startSkip();
    return true;
  }

  /** Closes what is open, innermost first, so that what was read is kept. */
  #abandon(): void {
    for (let frame = this.#frames.pop(); frame !== undefined; frame = this.#frames.pop()) frame.shape.close?.();
    if (this.#format !== undefined) this.#context.report.document(this.#format.name);
    this.#format = undefined;
    this.#skip = undefined;
  }

  /** Moves to the next document and decides how it is read. Returns false where the input ends first. */
  #startDocument(): boolean {
    const cursor = this.#cursor;
    const { bytes } = cursor;
    if (this.#junk) {
      // A broken document ends where a line begins with a new one.
      let at = cursor.position;
      while (at < cursor.end && !(bytes[at] === 10 && (bytes[at + 1] === 123 || bytes[at + 1] === 91))) at++;
      // The line end at the very end of the window may be the one.
      if (at === cursor.end && !this.#ended && bytes[at - 1] === 10) at--;
      cursor.position = at;
      if (at >= cursor.end - 1) return false;
      this.#junk = false;
    }
    let byte = bytes[cursor.position]!;
    while (cursor.position < cursor.end && isBetweenDocuments(byte)) byte = bytes[++cursor.position]!;
    if (cursor.position >= cursor.end) return false;
    this.#documentOffset = this.#windowOffset + cursor.position;
    if (byte !== 123 && byte !== 91) {
      const line = bytes.indexOf(10, cursor.position);
      if ((line < 0 || line >= cursor.end) && !this.#ended && cursor.end - cursor.position < WINDOW) return false;
      const to = line < 0 || line > cursor.end ? cursor.end : line;
      const text = Buffer.from(bytes.subarray(cursor.position, Math.min(to, cursor.position + 60))).toString('utf8');
      this.#context.report.skip('not-json', this.#documentOffset, text);
      cursor.position = to;
      this.#junk = to === cursor.end && line !== to;
      if (this.#junk) return false;
      return true;
    }
    return this.#recognise();
  }

  #recognise(): boolean {
    const cursor = this.#cursor;
    let outline: Outline | undefined;
    for (const step of OUTLINE_STEPS) {
      outline = outlineOf(cursor, step);
      // Behind the last step, and where the input ends, what is seen is all there is to decide on.
      const isCut = cursor.position + step > cursor.end;
      if (isCut ? this.#ended : step === OUTLINE_STEPS.at(-1)) outline = { ...outline, complete: true };
      for (const format of this.#formats) {
        const sighting = format.sniff(outline);
        if (sighting === undefined) continue;
        this.#begin(format, sighting);
        return true;
      }
      if (outline.error !== undefined) throw outline.error;
      if (outline.complete) break;
      if (cursor.position + step > cursor.end) return false;
    }
    const keys = [...(outline?.paths ?? [])].filter(path => !path.slice(1).includes('.')).slice(0, 6);
    const detail = outline?.opening === '[' ? 'an array' : `an object with ${keys.join(' ') || 'no keys'}`;
    this.#context.report.skip('unrecognised-json', this.#documentOffset, detail);
    this.#startSkip();
    return true;
  }

  #begin(format: JsonFormat, sighting: Sighting): void {
    if ('skip' in sighting) {
      this.#context.report.skip(sighting.skip, this.#documentOffset, sighting.detail ?? '');
      this.#startSkip();
      return;
    }
    const shape = this.#shapes.get(format)?.(sighting.container);
    if (shape === undefined) throw new Error(`${format.name} has no container ${sighting.container}`);
    this.#format = format;
    this.#enter(shape);
    if (this.#frames.length === 0 && this.#skip === undefined) this.#finishDocument();
  }

  #finishDocument(): void {
    if (this.#format !== undefined) this.#context.report.document(this.#format.name);
    this.#format = undefined;
  }

  /** Takes one step in the innermost container: a key and its value, an item, or the container's end. */
  #step(): void {
    const cursor = this.#cursor;
    const frame = this.#frames[this.#frames.length - 1]!;
    if (frame.isArray) {
      if (!cursor.nextItem(frame.first)) return this.#leave(frame);
      const { items } = frame.shape;
      if (items === undefined) throw new Error('an array was entered without a shape for its items');
      const records = items.record;
      this.#enter(items);
      frame.first = false;
      // Runs of records are the bulk of every document: stay with them.
      if (records !== undefined) this.#readRun(frame, items);
      return;
    }
    if (!cursor.nextKey(frame.first)) return this.#leave(frame);
    const field = frame.shape.fields?.[cursor.textString()];
    if (field === undefined) this.#startSkip();
    else this.#enter(field);
    frame.first = false;
  }

  #readRun(frame: Frame, items: Shape): void {
    const cursor = this.#cursor;
    while (this.#skip === undefined && this.#frames[this.#frames.length - 1] === frame) {
      this.#checkpoint = cursor.position;
      this.#valueStart = -1;
      if (!cursor.nextItem(false)) return this.#leave(frame);
      this.#enter(items);
    }
  }

  #leave(frame: Frame): void {
    this.#frames.pop();
    frame.shape.close?.();
    if (this.#frames.length === 0) this.#finishDocument();
  }

  /** Begins the value that stands here: reads a record, enters a container, or passes the value over. */
  #enter(shape: Shape): void {
    const cursor = this.#cursor;
    const kind = cursor.kind();
    const start = cursor.position;
    this.#valueStart = start;
    const read = shape.value ?? (kind === JsonKind.object ? shape.record : undefined);
    if (read !== undefined) {
      this.#repairs.length = 0;
      this.#isReading = true;
      try {
        read(cursor);
        for (const { reason, offset, detail } of this.#repairs) this.#context.report.repair(reason, offset, detail);
      } catch (error) {
        if (!(error instanceof BadRecord)) throw error;
        cursor.position = start;
        cursor.skipValue();
        this.#context.report.skip(error.reason, this.#windowOffset + start, error.message);
      } finally {
        this.#isReading = false;
      }
      return;
    }
    const isArray = kind === JsonKind.array;
    if ((isArray && shape.items !== undefined) || (kind === JsonKind.object && shape.fields !== undefined)) {
      cursor.position++;
      this.#frames.push({ shape, isArray, first: true });
      shape.open?.();
      return;
    }
    if (kind !== JsonKind.null) {
      this.#context.report.repair(
        'unexpected-type',
        this.#windowOffset + start,
        'neither the object nor the array expected here',
      );
    }
    this.#startSkip();
  }

  #startSkip(): void {
    this.#skip = { depth: 0, inString: false, escaped: false };
  }

  /** Passes over a value, however large, keeping nothing of it. Returns false where the input ends first. */
  #skipOn(skip: Skip): boolean {
    const cursor = this.#cursor;
    if (skip.depth === 0 && !skip.inString) {
      const byte = cursor.peek();
      if (byte !== 34 && byte !== 123 && byte !== 91) {
        cursor.skipValue();
        return this.#endSkip();
      }
    }
    const { bytes, end } = cursor;
    for (let at = cursor.position; at < end; at++) {
      const byte = bytes[at]!;
      if (skip.inString) {
        if (skip.escaped) skip.escaped = false;
        else if (byte === 92) skip.escaped = true;
        else if (byte === 34) {
          skip.inString = false;
          if (skip.depth === 0) {
            cursor.position = at + 1;
            return this.#endSkip();
          }
        }
      } else if (byte === 34) skip.inString = true;
      else if (byte === 123 || byte === 91) skip.depth++;
      else if ((byte === 125 || byte === 93) && --skip.depth === 0) {
        cursor.position = at + 1;
        return this.#endSkip();
      }
    }
    cursor.position = end;
    return false;
  }

  #endSkip(): boolean {
    this.#skip = undefined;
    if (this.#frames.length === 0) this.#finishDocument();
    return true;
  }
}

/** White space, commas, NUL padding, the RS of JSON text sequences, and the bytes of a byte order mark. */
function isBetweenDocuments(byte: number): boolean {
  return byte <= 32 || byte === 44 || byte === 0xef || byte === 0xbb || byte === 0xbf;
}
