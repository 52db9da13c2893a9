import type { DecodeContext, JsonFormat, Sighting } from '../format.ts';
import type { Reason } from '../reasons.ts';
import { BadRecord, JsonCursor, JsonKind, JsonSyntaxError, NEED_MORE, type Skip } from './cursor.ts';
import { byDocuments, byItems, type Division, isSamePlace, type Place, type PlaceInDocument } from './division.ts';
import { type Outline, outlineOf } from './outline.ts';
import type { Shape } from './shape.ts';

// Reads a stream of JSON documents: one value or many, on lines or across them, one after the other or with commas
// between. Each document is recognised by itself, for real files mix signals and formats line by line. A document may also
// stand behind other text on its line, as loggers print it; then it must be one that a trace format knows.
//
// A document may be larger than memory. Its containers are walked with a stack of frames and its records read whole; the
// window of input in memory is only ever as large as the largest record (and a chunk).

/** How much of a document is looked at, in growing steps, before it is given up as unknown. */
const OUTLINE_STEPS = [1 << 10, 1 << 14, 1 << 18, 1 << 22];
const WINDOW = 1 << 16;
const LINE_END = 10;
const NEWLINE = Uint8Array.of(LINE_END);
/** How much of a line is looked at to tell JSON from text. */
const LINE_HEAD = 60;
/** How a line begins that is JSON and not text such as `[INFO] ready`, `[2026-11-02 08:00:00]` or `{'a': 1}`. */
const JSON_START =
  /^(?:\{\s*(?:["}]|$)|\[\s*(?:["{[\]]|$|(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null|NaN|-?Infinity)\s*(?:[,\]]|$)))/i;

/** How much of a line that is text is looked through for the document behind it, and how many places in it are tried. */
const PREFIX = 512;
const MAX_PLACES = 4;
/** Where a document of records may begin behind other text. */
export const EMBEDDED_JSON = /\{\s*"|\[\s*\{\s*"/;

/** A container that is being walked: an array of `items`, or an object with `fields`. */
interface Frame {
  readonly items: Shape | undefined;
  readonly run?: Shape['run'];
  readonly fields: Readonly<Record<string, Shape>>;
  readonly close: (() => void) | undefined;
  readonly mayStayOpen?: boolean | undefined;
  /** The field that is being walked. */
  field?: string;
  /** True until the first item or key. */
  first: boolean;
}

const NO_FIELDS = {};

export class JsonDocuments {
  readonly #context: DecodeContext;
  readonly #formats: readonly JsonFormat[];
  /** The formats met so far, opened. */
  readonly #shapes = new Map<JsonFormat, (container: string) => Shape>();
  readonly #open: (format: JsonFormat) => (container: string) => Shape;
  readonly #cursor: JsonCursor;
  /** Offset in the source of the window's first byte. */
  #windowOffset = 0;
  #documentOffset = 0;
  /** Where the first document began, or what stands in its place. */
  #firstOffset: number | undefined;
  #frames: Frame[] = [];
  #format: JsonFormat | undefined;
  #container = '';
  /** All documents so far are of formats that keep nothing of one document for the next. */
  #isStateless = true;
  /** A format that was met takes longer to decode than to store. */
  #isSlow = false;
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
  /** Between documents, in what is not JSON: the rest of a line, or of a broken document (up to a line that begins one). */
  #junk: 'line' | 'document' | undefined;
  /** The document in hand stands behind other text on its line. */
  #isPrefixed = false;
  /** The input is known to be a log: it is the program's console output as soon as one document in it is a trace's. */
  #isLog = false;
  /** A document of console output was read: whatever else stands in this input is the program's own. */
  #isConsoleOutput = false;
  /** What holds no trace format, until it is known whether it stands among console output. */
  readonly #others = new Map<'not-json' | 'unrecognised-json', { count: number; offset: number; detail: string }>();

  constructor(formats: readonly JsonFormat[], context: DecodeContext) {
    this.#formats = formats;
    this.#context = context;
    this.#cursor = new JsonCursor(WINDOW, context.lane?.jsonWindow);
    const offsetOf = (position: number) => this.#windowOffset + position;
    const forFormats: DecodeContext = {
      ...context,
      report: {
        skip: (reason, offset, detail) => {
          // Some documents are known to be none of their format only when they are read.
          if (reason === 'unrecognised-json') this.#format = undefined;
          context.report.skip(reason, offset, detail);
        },
        repair: (reason, offset, detail) => {
          if (this.#isReading) this.#repairs.push({ reason, offset, detail });
          else context.report.repair(reason, offset, detail);
        },
        document: format => context.report.document(format),
      },
    };
    this.#open = format => format.open(forFormats, offsetOf);
  }

  /** Begins a new input, whose first byte is at `offset` of its source; `isLog` says that it is known to be a log. */
  begin(offset: number, isLog = false): void {
    this.#cursor.reset();
    this.#windowOffset = offset;
    this.#firstOffset = undefined;
    this.#frames = [];
    this.#format = undefined;
    this.#isStateless = true;
    this.#isSlow = false;
    this.#skip = undefined;
    this.#ended = false;
    this.#needed = 0;
    this.#junk = undefined;
    this.#isPrefixed = false;
    this.#isLog = isLog;
    this.#isConsoleOutput = false;
    this.#others.clear();
  }

  /** Reads as far as `chunk` allows. */
  push(chunk: Uint8Array): void {
    const cursor = this.#cursor;
    this.#windowOffset += cursor.position;
    cursor.fill(cursor.position, chunk);
    if (this.#ended || cursor.end >= this.#needed) this.#run();
  }

  /** Begins in the middle of an input, at a place where another reader stands. */
  beginAt(offset: number, { document }: Place): void {
    this.begin(offset);
    if (document === undefined) return;
    const format = this.#formats.find(({ name }) => name === document.format);
    if (format === undefined) throw new Error(`no format is called ${document.format}`);
    this.#format = format;
    this.#container = document.container;
    this.#documentOffset = document.offset;
    let shape = this.#shapeOf(format, document.container);
    for (const step of document.path) {
      const isEntered = step === undefined ? this.#tryEnterArray(shape) : this.#tryEnterObject(shape);
      const frame = this.#frames[this.#frames.length - 1];
      const inner = step === undefined ? frame?.items : frame?.fields[step];
      if (!isEntered || frame === undefined || inner === undefined) throw new Error(`${format.name} has no such place`);
      frame.first = false;
      if (step !== undefined) frame.field = step;
      shape = inner;
    }
  }

  /** How what follows may be cut for other readers; undefined where it cannot, or where that is not known yet. */
  get division(): Division | undefined {
    if (!this.#isPlain) return undefined;
    if (this.#firstOffset !== undefined && this.#documentOffset > this.#firstOffset) return byDocuments(this.#isSlow);
    // The innermost array that nobody waits for the end of.
    let division: Division | undefined;
    for (let depth = 0; depth < this.#frames.length; depth++) {
      const { close, items } = this.#frames[depth]!;
      if (close !== undefined) break;
      const document = items?.start === undefined ? undefined : this.#placeIn(depth + 1);
      if (document !== undefined && items?.start !== undefined) division = byItems(document, items.start, this.#isSlow);
    }
    return division;
  }

  /**
   * Reads what has come as far as it goes, and says whether that is all and reading stands at the place: so whatever follows is
   * read as by a reader that begins there.
   */
  isAt(place: Place): boolean {
    const cursor = this.#cursor;
    if (cursor.position < cursor.end) this.#run();
    if (cursor.position < cursor.end || this.#skip !== undefined || this.#junk !== undefined) return false;
    if (!this.#isPlain || this.#frames.some(({ first, close }) => first || close !== undefined)) return false;
    const document = this.#placeIn(this.#frames.length);
    return (document === undefined) === (this.#frames.length === 0) && isSamePlace(place, { document });
  }

  /** Nothing that was read so far has a say in what follows but the document in hand. */
  get #isPlain(): boolean {
    return this.#isStateless && !this.#isLog && !this.#isConsoleOutput && this.#others.size === 0;
  }

  /** The place in the document in hand that its outermost frames are. */
  #placeIn(depth: number): PlaceInDocument | undefined {
    if (this.#format === undefined || depth === 0) return undefined;
    return {
      format: this.#format.name,
      container: this.#container,
      offset: this.#documentOffset,
      path: this.#frames.slice(0, depth).map(({ items, field }) => (items === undefined ? field : undefined)),
    };
  }

  /** Reads what is left; what the input broke off in the middle is closed and reported. */
  end(): void {
    this.#ended = true;
    this.push(NEWLINE);
    const cursor = this.#cursor;
    if (this.#isAllRead()) this.#abandon();
    else if (this.#frames.length > 0 || this.#skip !== undefined || cursor.end - cursor.position > 1) {
      this.#context.report.skip(
        'truncated',
        this.#documentOffset,
        'the input ends before the document that begins here does',
      );
      this.#abandon();
    }
    cursor.position = cursor.end;
    this.#reportOthers();
  }

  /** Takes note of something that holds no trace format. */
  #passOver(reason: 'not-json' | 'unrecognised-json', detail: string): void {
    const known = this.#others.get(reason);
    if (known === undefined) this.#others.set(reason, { count: 1, offset: this.#documentOffset, detail });
    else known.count++;
  }

  #reportOthers(): void {
    for (const [reason, { count, offset, detail }] of [...this.#others].sort(([, a], [, b]) => a.offset - b.offset)) {
      const called = this.#isConsoleOutput ? 'log-lines' : reason;
      for (let time = 0; time < count; time++) this.#context.report.skip(called, offset, detail);
    }
  }

  #run(): void {
    const cursor = this.#cursor;
    this.#needed = 0;
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
          // Where documents stand behind text, the next one does not begin its line either.
          this.#junk = this.#isPrefixed ? 'line' : 'document';
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

  /** Says whether all that is missing is the end of an array that needs none. */
  #isAllRead(): boolean {
    const { bytes, position, end } = this.#cursor;
    const [frame] = this.#frames;
    if (frame?.mayStayOpen !== true || this.#frames.length > 1 || this.#skip !== undefined) return false;
    return bytes.subarray(position, end).every(isBetweenDocuments);
  }

  /** Closes what is open, innermost first, so that what was read is kept. */
  #abandon(): void {
    for (let frame = this.#frames.pop(); frame !== undefined; frame = this.#frames.pop()) frame.close?.();
    if (this.#format !== undefined) this.#context.report.document(this.#format.name);
    this.#format = undefined;
    this.#skip = undefined;
  }

  /** Moves to the next document and decides how it is read. Returns false where the input ends first. */
  #startDocument(): boolean {
    const cursor = this.#cursor;
    const { bytes } = cursor;
    if (this.#junk !== undefined && !this.#passJunk(this.#junk)) return false;
    let byte = bytes[cursor.position]!;
    while (cursor.position < cursor.end && isBetweenDocuments(byte)) byte = bytes[++cursor.position]!;
    if (cursor.position >= cursor.end) return false;
    this.#documentOffset = this.#windowOffset + cursor.position;
    // What stands before it has been dealt with.
    this.#checkpoint = cursor.position;
    const head = this.#lineHead();
    if (head === undefined) return false;
    this.#firstOffset ??= this.#documentOffset;
    this.#isPrefixed = false;
    if (JSON_START.test(head)) return this.#recognise();
    const found = this.#recogniseBehindText();
    if (found === undefined) return false;
    if (found) return true;
    this.#passOver('not-json', head);
    this.#junk = 'line';
    return true;
  }

  /** Looks for a document behind other text on its line. Returns undefined where more input is needed to tell. */
  #recogniseBehindText(): boolean | undefined {
    const cursor = this.#cursor;
    const { position, end, bytes } = cursor;
    const limit = Math.min(end, position + PREFIX);
    const lineEnd = bytes.subarray(position, limit).indexOf(LINE_END);
    if (lineEnd < 0 && limit < position + PREFIX && !this.#ended) return undefined;
    const line = Buffer.from(bytes.subarray(position, lineEnd < 0 ? limit : position + lineEnd)).toString('latin1');
    let place = 0;
    for (let tries = 0; tries < MAX_PLACES; tries++) {
      const next = line.slice(place).search(EMBEDDED_JSON);
      if (next < 0) return false;
      place += next;
      cursor.position = position + place;
      const sighting = this.#sightBehindText();
      if (sighting === 'more') {
        cursor.position = position;
        return undefined;
      }
      if (sighting !== undefined) {
        this.#documentOffset = this.#windowOffset + cursor.position;
        this.#isPrefixed = true;
        this.#isLog = true;
        this.#begin(...sighting);
        return true;
      }
      cursor.position = position;
      place++;
    }
    return false;
  }

  /** Recognises the document here, if it is a trace's or another signal's beyond doubt; `more` input may be needed. */
  #sightBehindText(): [JsonFormat, Sighting] | 'more' | undefined {
    const cursor = this.#cursor;
    for (const step of OUTLINE_STEPS) {
      let outline = outlineOf(cursor, step);
      const isCut = cursor.position + step > cursor.end;
      if (isCut ? this.#ended : step === OUTLINE_STEPS.at(-1)) outline = { ...outline, complete: true };
      // Prose shows documents that are none; in a log it is a document that was cut off.
      if (outline.error !== undefined && !this.#isLog) return undefined;
      for (const format of this.#formats) {
        if (format.isLoose === true) continue;
        const sighting = format.sniff(outline, this.#context.columnMap);
        if (sighting === undefined) continue;
        // An answer of any API may look like that of a tracer; of what holds no spans, only OTLP's other signals are sure.
        const isSure = 'container' in sighting ? isOfTraces(outline) : sighting.skip.startsWith('otlp-');
        if (isSure) return [format, sighting];
      }
      if (outline.complete) return undefined;
      if (isCut) return 'more';
    }
    return undefined;
  }

  /** Passes over what is not JSON. Returns false where the input ends first. */
  #passJunk(junk: 'line' | 'document'): boolean {
    const cursor = this.#cursor;
    const { bytes, end } = cursor;
    let at = cursor.position;
    while (at < end && !(bytes[at] === LINE_END && (junk === 'line' || isOpening(bytes[at + 1]!)))) at++;
    // A line end at the very end of the window may be the one that a document follows.
    if (at === end && !this.#ended && bytes[at - 1] === LINE_END) at--;
    cursor.position = at;
    if (at >= end - 1) return false;
    this.#junk = undefined;
    return true;
  }

  /** Returns the beginning of the line from here on; undefined where more input is needed for it. */
  #lineHead(): string | undefined {
    const { bytes, position, end } = this.#cursor;
    const limit = Math.min(end, position + LINE_HEAD);
    const line = bytes.subarray(position, limit).indexOf(LINE_END);
    if (line < 0 && limit < position + LINE_HEAD && !this.#ended) return undefined;
    return Buffer.from(bytes.subarray(position, line < 0 ? limit : position + line))
      .toString('utf8')
      .trimEnd();
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
        const sighting = format.sniff(outline, this.#context.columnMap);
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
    this.#passOver('unrecognised-json', detail);
    this.#startSkip();
    return true;
  }

  #begin(format: JsonFormat, sighting: Sighting): void {
    if ('skip' in sighting) {
      this.#context.report.skip(sighting.skip, this.#documentOffset, sighting.detail ?? '');
      this.#startSkip();
      return;
    }
    const shape = this.#shapeOf(format, sighting.container);
    this.#format = format;
    this.#container = sighting.container;
    this.#isStateless &&= format.isStateless === true;
    this.#isSlow ||= format.isSlow === true;
    this.#isConsoleOutput ||= this.#isLog || format.isConsoleOutput === true;
    this.#enter(shape);
    if (this.#frames.length === 0 && this.#skip === undefined) this.#finishDocument();
  }

  #shapeOf(format: JsonFormat, container: string): Shape {
    let shapeOf = this.#shapes.get(format);
    if (shapeOf === undefined) {
      shapeOf = this.#open(format);
      this.#shapes.set(format, shapeOf);
    }
    return shapeOf(container);
  }

  #finishDocument(): void {
    if (this.#format !== undefined) this.#context.report.document(this.#format.name);
    this.#format = undefined;
  }

  /** Takes one step in the innermost container: a key and its value, an item, or the container's end. */
  #step(): void {
    const cursor = this.#cursor;
    const frame = this.#frames[this.#frames.length - 1]!;
    const { items, fields } = frame;
    if (items !== undefined) {
      this.#runItems(frame);
      if (!cursor.nextItem(frame.first)) return this.#leave(frame);
      const records = items.record;
      this.#enter(items);
      frame.first = false;
      // Runs of records are the bulk of every document: stay with them.
      if (records !== undefined) this.#readRun(frame, items);
      return;
    }
    if (!cursor.nextKey(frame.first)) return this.#leave(frame);
    const key = cursor.textString();
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    frame.field = key;
    if (field === undefined) this.#startSkip();
    else this.#enter(field);
    frame.first = false;
  }

  #readRun(frame: Frame, items: Shape): void {
    const cursor = this.#cursor;
    while (this.#skip === undefined && this.#frames[this.#frames.length - 1] === frame) {
      this.#checkpoint = cursor.position;
      this.#valueStart = -1;
      this.#runItems(frame);
      if (!cursor.nextItem(false)) return this.#leave(frame);
      this.#enter(items);
    }
  }

  /** Lets the format read many items at once. */
  #runItems(frame: Frame): void {
    if (frame.run === undefined) return;
    const cursor = this.#cursor;
    frame.run(cursor, frame.first);
    if (cursor.position === this.#checkpoint) return;
    this.#checkpoint = cursor.position;
    frame.first = false;
  }

  #leave(frame: Frame): void {
    this.#frames.pop();
    frame.close?.();
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
    if (
      kind === JsonKind.array ? this.#tryEnterArray(shape) : kind === JsonKind.object && this.#tryEnterObject(shape)
    ) {
      cursor.position++;
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

  #tryEnterArray(shape: Shape): boolean {
    if (shape.items !== undefined) {
      const { items, run, close, mayStayOpen } = shape;
      this.#frames.push({ items, run, fields: NO_FIELDS, close, mayStayOpen, first: true });
      shape.open?.();
      return true;
    }
    if (shape.repeatable !== true) return false;
    this.#frames.push({ items: shape, run: shape.run, fields: NO_FIELDS, close: undefined, first: true });
    return true;
  }

  #tryEnterObject({ fields, open, close }: Shape): boolean {
    if (fields === undefined) return false;
    this.#frames.push({ items: undefined, fields, close, first: true });
    open?.();
    return true;
  }

  #startSkip(): void {
    this.#skip = { depth: 0, inString: false, escaped: false, last: 0 };
  }

  /** Passes over a value, however large, keeping nothing of it. Returns false where the input ends first. */
  #skipOn(skip: Skip): boolean {
    const cursor = this.#cursor;
    const isBegun = skip.depth > 0 || skip.inString;
    if (isBegun || cursor.kind() <= JsonKind.string) return cursor.passOn(skip) && this.#endSkip();
    cursor.skipValue();
    return this.#endSkip();
  }

  #endSkip(): boolean {
    this.#skip = undefined;
    if (this.#frames.length === 0) this.#finishDocument();
    return true;
  }
}

function isOfTraces({ paths }: Outline): boolean {
  return [...paths].some(path => /span|trace/i.test(path));
}

function isOpening(byte: number): boolean {
  return byte === 123 || byte === 91;
}

/** White space, commas, NUL padding, the RS of JSON text sequences, and the bytes of a byte order mark. */
function isBetweenDocuments(byte: number): boolean {
  return byte <= 32 || byte === 44 || byte === 0xef || byte === 0xbb || byte === 0xbf;
}
