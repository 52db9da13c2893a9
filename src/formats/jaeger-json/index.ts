import type { AttributeValue } from '../../model/attributes.ts';
import { serviceNameOf, UNKNOWN_SERVICE } from '../../model/carried-fields.ts';
import { Quirk } from '../../model/span-batch.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { ByteDictionary } from '../columns/byte-dictionary.ts';
import type { ByteSource } from '../columns/bytes.ts';
import { NO_SERVICE } from '../drafts/jaeger.ts';
import type { DecodeContext, JsonFormat } from '../format.ts';
import { BadRecord, type JsonCursor, JsonKind } from '../json/cursor.ts';
import { IdForm, IdReader } from '../json/ids.ts';
import { KeyTable } from '../json/key-table.ts';
import { Mending } from '../json/mending.ts';
import { microsToNanos, readInteger64, readPlainValue, readSmallInteger } from '../json/scalars.ts';
import type { Shape } from '../json/shape.ts';
import { TagField, TagFields } from '../json/tags.ts';
import { type JaegerHost, LANE_FIELD, LaneField, LaneForm, NOT_FOR_THE_LANE } from '../lane/lane.ts';
import { readProcessTags, TagReader } from './tags.ts';

// What Jaeger's query API and the "JSON" button of its UI give.
// https://github.com/jaegertracing/jaeger/blob/main/internal/uimodel/model.go
// {"data":[{"traceID":"151e…","spans":[{"traceID":"151e…","spanID":"137c…","operationName":"op","references":
//   [{"refType":"CHILD_OF","traceID":"151e…","spanID":"7606…"}],"startTime":1695943858153000,"duration":5303,
//   "tags":[{"key":"span.kind","type":"string","value":"server"}],"logs":[],"processID":"p1"}],
//   "processes":{"p1":{"serviceName":"front","tags":[]}}}],"errors":null}
// Also: one trace instead of an array, traces and spans without an envelope, processes inside the spans. Times are
// microseconds. Downloads of the UI repeat a parent whole inside each reference; those copies are no spans.

type Container = 'answer' | 'trace' | 'span';

const SPAN_KEYS = new KeyTable({
  traceID: 1,
  spanID: 2,
  parentSpanID: 3,
  flags: 4,
  operationName: 5,
  references: 6,
  startTime: 7,
  duration: 8,
  tags: 9,
  logs: 10,
  processID: 11,
  process: 12,
  warnings: 13,
});
const REFERENCE_KEYS = new KeyTable({ refType: 1, traceID: 2, spanID: 3 });
const LOG_KEYS = new KeyTable({ timestamp: 1, fields: 2 });

/** How a trace begins as Jaeger writes it; its spans begin alike, but have no `spans`. */
const TRACE_START = /\{\s*"traceID"\s*:\s*"[^"]{0,64}"\s*,\s*"spans"/;

/** The attribute under which Jaeger itself keeps its warnings when it writes OTLP. */
const WARNINGS = '@jaeger@warnings';
const REFERENCE_TYPE = 'opentracing.ref_type';

interface Reference {
  isChildOf: boolean;
  hasTraceId: boolean;
  trace0: number;
  trace1: number;
  trace2: number;
  trace3: number;
  spanLow: number;
  spanHigh: number;
}

export const jaegerJson: JsonFormat = {
  name: 'jaeger-json',
  title: 'Jaeger JSON',
  family: 'json',
  isStateless: true,
  isSlow: true,
  recognised: '`spans` with `spanID` and `operationName`, in a trace with `processes`',

  sniff({ paths, complete }) {
    for (const start of ['.data[]', '.data', '[]', '']) {
      const container: Container = start.startsWith('.data') ? 'answer' : 'trace';
      if (paths.has(`${start}.spans[].spanID`) || paths.has(`${start}.spans[].traceID`)) return { container };
      if (paths.has(`${start}.processes`) && paths.has(`${start}.traceID`)) return { container };
    }
    for (const start of ['[]', '']) {
      const has = (key: string) => paths.has(`${start}.${key}`);
      const isSpan = has('spanID') && has('operationName');
      // Elasticsearch documents of Jaeger have these and `startTimeMillis`, rows of a table a service: other formats.
      const isRow = ['serviceName', 'service_name', 'service'].some(has) && !has('process') && !has('processID');
      if (complete && isSpan && !has('startTimeMillis') && !isRow) return { container: 'span' satisfies Container };
    }
    const isAnswer = paths.has('.data') && (paths.has('.errors') || (paths.has('.limit') && paths.has('.offset')));
    return complete && isAnswer ? { container: 'answer' satisfies Container } : undefined;
  },

  open(context, offsetOf) {
    const reader = new JaegerJsonReader(context, offsetOf);
    return container => reader.shapeOf(container);
  },
};

class JaegerJsonReader {
  readonly #writer: BatchWriter;
  readonly #context: DecodeContext;
  readonly #offsetOf: (position: number) => number;
  readonly #ids = new IdReader();
  readonly #mending: Mending;
  readonly #fields: TagFields;
  readonly #tags: TagReader;
  readonly #referenceType: number;
  readonly #warnings: number;
  readonly #originalTraceId: number;
  readonly #originalSpanId: number;
  readonly #event: number;

  /** Counts traces. */
  #trace = 0;
  // The trace in hand. Processes have numbers in order of appearance until the trace ends.
  #traceWords: [number, number, number, number] | undefined;
  #numbers = new Map<string, number>();
  #processes = new Map<string, number>();
  /** Resources of processes that stood inside their spans, by number. */
  #embedded: (number | undefined)[] = [];
  /** Offsets of the first span of each process, by number. */
  #firstUse: number[] = [];
  readonly #processTexts = new ByteDictionary(() => {});
  readonly #processResources: number[] = [];

  // The references of the span in hand; kept to be used again.
  readonly #references: Reference[] = [];
  #referenceCount = 0;

  constructor(context: DecodeContext, offsetOf: (position: number) => number) {
    this.#context = context;
    this.#writer = context.writer;
    this.#offsetOf = offsetOf;
    this.#mending = new Mending(context, offsetOf);
    this.#fields = new TagFields(this.#writer);
    this.#tags = new TagReader(this.#writer, this.#fields, this.#mending);
    const key = (name: string) => this.#writer.keyOfText(name);
    this.#referenceType = key(REFERENCE_TYPE);
    this.#warnings = key(WARNINGS);
    this.#originalTraceId = key('tailspan.trace_id');
    this.#originalSpanId = key('tailspan.span_id');
    this.#event = key('event');
  }

  shapeOf(container: string): Shape {
    const span: Shape = { record: cursor => this.#readSpan(cursor) };
    const spans: Shape = { items: span, run: (cursor, isFirst) => this.#readRun(cursor, isFirst) };
    const trace: Shape = {
      fields: {
        traceID: { value: cursor => this.#readTraceId(cursor) },
        spans,
        processes: { record: cursor => this.#readProcesses(cursor) },
      },
      repeatable: true,
      start: TRACE_START,
      open: () => this.#openTrace(),
      close: () => this.#closeTrace(),
    };
    switch (container as Container) {
      case 'answer': {
        const errors: Shape = { items: { value: cursor => this.#readError(cursor) } };
        return { fields: { data: trace, errors }, repeatable: true };
      }
      case 'trace':
        return trace;
      case 'span': {
        // Spans without a trace around them: each array, or each single span, is held like one.
        const bare: Shape = { record: cursor => this.#readBareSpan(cursor) };
        return { ...bare, ...spans, open: () => this.#openTrace(), close: () => this.#closeTrace() };
      }
    }
  }

  #openTrace(): void {
    this.#trace++;
    this.#traceWords = undefined;
    this.#numbers.clear();
    this.#processes.clear();
    this.#embedded = [];
    this.#firstUse = [];
    this.#writer.hold();
  }

  #closeTrace(): void {
    const resources: number[] = [];
    for (const [process, number] of this.#numbers) {
      const known = this.#embedded[number] ?? this.#processes.get(process);
      if (known === undefined && process !== '') {
        this.#context.report.repair('unknown-process', this.#firstUse[number] ?? 0, process);
      }
      resources[number] = known ?? this.#writer.resourceOf(UNKNOWN_SERVICE, new Map());
    }
    this.#writer.release(resources);
  }

  #readBareSpan(cursor: JsonCursor): void {
    this.#openTrace();
    try {
      this.#readSpan(cursor);
    } finally {
      this.#closeTrace();
    }
  }

  #readError(cursor: JsonCursor): void {
    const at = cursor.position;
    const value = readPlainValue(cursor);
    const message = typeof value === 'object' && value !== null && 'msg' in value ? String(value.msg) : String(value);
    this.#context.report.skip('api-error', this.#offsetOf(at), message);
  }

  #readTraceId(cursor: JsonCursor): void {
    const ids = this.#ids;
    if (ids.read(cursor, 16) !== IdForm.absent) this.#traceWords = [ids.word0, ids.word1, ids.word2, ids.word3];
  }

  #readProcesses(cursor: JsonCursor): void {
    cursor.tryOpenObject();
    for (let first = true; cursor.nextKey(first); first = false) {
      const name = cursor.textString();
      const resource = this.#readProcess(cursor);
      if (resource !== undefined) this.#processes.set(name, resource);
    }
  }

  /** Reads a process as a resource. The same few are repeated in every trace, so they are known by their bytes. */
  #readProcess(cursor: JsonCursor): number | undefined {
    const isObject = cursor.kind() === JsonKind.object;
    const start = cursor.position;
    const { lane } = this.#context;
    if (isObject && lane !== undefined && cursor.bytes === lane.jsonWindow.bytes) {
      this.#cursor = cursor;
      const end = lane.readJaegerProcess(this.#laneHost, start, cursor.end);
      cursor.position = end;
      if (end > start) return this.#laneHost.value;
    }
    cursor.skipValue();
    if (!isObject) return undefined;
    const end = cursor.position;
    const known = this.#processTexts.idOf(cursor, start, end);
    if (this.#processResources[known] === undefined) {
      cursor.position = start;
      this.#processResources[known] = this.#parseProcess(cursor);
      cursor.position = end;
    }
    return this.#processResources[known];
  }

  /** Reads `{"serviceName":…,"tags":[…]}`. */
  #parseProcess(cursor: JsonCursor): number {
    cursor.tryOpenObject();
    let service = '';
    let tags: [string, AttributeValue][] = [];
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = cursor.textString();
      if (field === 'serviceName' && cursor.readScalar()) service = cursor.textString();
      else if (field === 'tags') tags = readProcessTags(cursor);
      else cursor.skipValue();
    }
    if (service === NO_SERVICE) service = '';
    const attributes = new Map<string, AttributeValue>(service === '' ? [] : [['service.name', service]]);
    for (const [key, value] of tags) {
      const name = key === 'hostname' ? 'host.name' : key;
      if (name !== 'service.name' || service === '') attributes.set(name, value);
    }
    return this.#writer.resourceOf(serviceNameOf(attributes), attributes);
  }

  /** Reads as many spans as the fast lane can. */
  #readRun(cursor: JsonCursor, isFirst: boolean): void {
    const { lane } = this.#context;
    if (lane === undefined || cursor.bytes !== lane.jsonWindow.bytes) return;
    this.#writer.scope = 0;
    this.#cursor = cursor;
    cursor.position = lane.readJaegerJson(this.#laneHost, cursor.position, cursor.end, isFirst, this.#trace);
  }

  #cursor: JsonCursor | undefined;
  readonly #laneHost: JaegerHost = {
    value: 0,
    attribute: (from, to, form) => {
      const cursor = this.#cursorAt(from);
      const host = this.#laneHost;
      if (form === LaneForm.jaegerReference) {
        host.value = this.#referenceValue(isChildOf(cursor, from));
        return this.#referenceType;
      }
      if (form === LaneForm.jaegerProcess) {
        host.value = this.#parseProcess(cursor);
        if (cursor.position !== to) throw NOT_FOR_THE_LANE;
        return LANE_FIELD + LaneField.nothing;
      }
      const ofSpan = form === LaneForm.jaegerTag;
      if (!this.#tags.read(cursor, ofSpan) || cursor.position !== to) throw NOT_FOR_THE_LANE;
      if (!ofSpan && this.#isEventName) {
        host.value = this.#writer.nameOf(cursor.text, cursor.from, cursor.to);
        return LANE_FIELD + LaneField.eventName;
      }
      host.value = this.#tags.value;
      return this.#tags.field === TagField.none ? this.#tags.key : LANE_FIELD + this.#tags.field;
    },
    key: (from, to) => {
      const key = this.#writer.keyOf(this.#cursorAt(from), from, to);
      return key === this.#event || this.#fields.fieldOf(key) !== TagField.none ? LANE_FIELD : key;
    },
    status: (hasError, code, description, errorText) => this.#fields.statusOf(hasError, code, description, errorText),
    place: (_service, _resourceTags, scopeName, scopeVersion) => {
      this.#writer.scope = this.#fields.scopeOf(scopeName, scopeVersion);
    },
    process: (from, to, span, embedded) => {
      const cursor = this.#cursorAt(from);
      return this.#numberOf(cursor.stringOf(from, to), embedded, span);
    },
  };

  #cursorAt(position: number): JsonCursor {
    if (this.#cursor === undefined) throw NOT_FOR_THE_LANE;
    this.#cursor.position = position;
    return this.#cursor;
  }

  #readSpan(cursor: JsonCursor): void {
    const writer = this.#writer;
    const ids = this.#ids;
    const fields = this.#fields;
    const start = cursor.position;
    writer.beginSpan();
    fields.begin();
    this.#referenceCount = 0;
    let hasTraceId = false;
    let hasSpanId = false;
    let process = '';
    let embedded: number | undefined;
    let oldParentLow = 0;
    let oldParentHigh = 0;
    let hasStart = false;
    let hasBadStart = false;
    cursor.tryOpenObject();
    for (let first = true; cursor.nextKey(first); first = false) {
      switch (SPAN_KEYS.match(cursor.text, cursor.from, cursor.to)) {
        case 1: {
          const form = ids.read(cursor, 16);
          hasTraceId = form !== IdForm.absent;
          this.#setTraceId(ids.word0, ids.word1, ids.word2, ids.word3);
          if (form === IdForm.invented) this.#mending.keepOriginal(this.#ids, start, this.#originalTraceId);
          break;
        }
        case 2: {
          const form = ids.read(cursor, 8);
          hasSpanId = form !== IdForm.absent;
          writer.spanIdLow = ids.word0;
          writer.spanIdHigh = ids.word1;
          if (form === IdForm.invented) this.#mending.keepOriginal(this.#ids, start, this.#originalSpanId);
          break;
        }
        case 3:
          ids.read(cursor, 8);
          oldParentLow = ids.word0;
          oldParentHigh = ids.word1;
          break;
        case 4:
          writer.flags = (readSmallInteger(cursor) ?? 0) & 1;
          break;
        case 5:
          if (cursor.readScalar()) writer.name = writer.nameOf(cursor.text, cursor.from, cursor.to);
          else this.#mending.passOver(cursor, 'operationName');
          break;
        case 6:
          this.#readReferences(cursor);
          break;
        case 7:
          // A time of 0 is one: traces that were made for a test count from there.
          if (cursor.kind() === JsonKind.null) cursor.skipValue();
          else if (readInteger64(cursor) && microsToNanos(cursor) && cursor.high < 0x8000_0000) {
            hasStart = true;
            writer.startLow = cursor.low;
            writer.startHigh = cursor.high;
          } else {
            hasBadStart = true;
            this.#mending.tell('invalid-time', start, 'startTime');
          }
          break;
        case 8:
          this.#readDuration(cursor, start);
          break;
        case 9:
          this.#tags.readAll(cursor);
          break;
        case 10:
          this.#readLogs(cursor);
          break;
        case 11:
          if (cursor.readScalar()) process = cursor.textString();
          else this.#mending.passOver(cursor, 'processID');
          break;
        case 12:
          embedded = this.#readProcess(cursor);
          break;
        case 13:
          this.#readWarnings(cursor);
          break;
        default:
          cursor.skipValue();
      }
    }
    if (!hasTraceId) {
      if (this.#traceWords === undefined) throw new BadRecord('missing-trace-id', 'a span without traceID');
      this.#setTraceId(...this.#traceWords);
    }
    if (!hasSpanId) throw new BadRecord('missing-span-id', 'a span without spanID');
    this.#reportZeroIds(start);
    if (!hasStart) {
      writer.quirks |= Quirk.startUnknown;
      if (!hasBadStart) this.#mending.tell('missing-start', start, 'a span without startTime');
    }
    this.#useReferences(oldParentLow, oldParentHigh);
    writer.status = fields.status();
    writer.scope = fields.scope();
    writer.resource = this.#numberOf(process, embedded, start);
    writer.commitSpan();
  }

  /** The number of a process in this trace. One that stands inside its span is told apart by what it describes. */
  #numberOf(process: string, embedded: number | undefined, start: number): number {
    const name = embedded === undefined ? process : `${process}\0${embedded}`;
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(name, number);
      this.#embedded[number] = embedded;
      this.#firstUse[number] = this.#offsetOf(start);
    }
    return number;
  }

  #setTraceId(word0: number, word1: number, word2: number, word3: number): void {
    const writer = this.#writer;
    writer.traceId0 = word0;
    writer.traceId1 = word1;
    writer.traceId2 = word2;
    writer.traceId3 = word3;
  }

  #reportZeroIds(start: number): void {
    const { traceId0, traceId1, traceId2, traceId3, spanIdLow, spanIdHigh } = this.#writer;
    const { report } = this.#context;
    if ((traceId0 | traceId1 | traceId2 | traceId3) === 0) report.repair('zero-id', this.#offsetOf(start), 'traceID');
    if ((spanIdLow | spanIdHigh) === 0) report.repair('zero-id', this.#offsetOf(start), 'spanID');
  }

  #readDuration(cursor: JsonCursor, start: number): void {
    const writer = this.#writer;
    if (!readInteger64(cursor)) {
      this.#mending.tell('invalid-time', start, 'duration');
    } else if (cursor.high >= 0x8000_0000) {
      this.#mending.tell('end-before-start', start, 'a negative duration');
    } else if (microsToNanos(cursor) && cursor.high < 0x8000_0000) {
      writer.durationLow = cursor.low;
      writer.durationHigh = cursor.high;
    } else this.#mending.tell('invalid-time', start, 'duration');
  }

  #readWarnings(cursor: JsonCursor): void {
    const warnings = readPlainValue(cursor);
    if (!Array.isArray(warnings) || warnings.length === 0) return;
    this.#writer.addAttribute(this.#warnings, this.#writer.value(this.#warnings, warnings));
  }

  #readReferences(cursor: JsonCursor): void {
    if (!cursor.tryOpenArray()) return this.#mending.passOver(cursor, 'references');
    const ids = this.#ids;
    for (let first = true; cursor.nextItem(first); first = false) {
      if (!cursor.tryOpenObject()) {
        this.#mending.passOver(cursor, 'reference');
        continue;
      }
      const reference = this.#nextReference();
      for (let firstKey = true; cursor.nextKey(firstKey); firstKey = false) {
        switch (REFERENCE_KEYS.match(cursor.text, cursor.from, cursor.to)) {
          case 1:
            if (!cursor.readScalar()) cursor.skipValue();
            else reference.isChildOf = isChildOf(cursor.text, cursor.from);
            break;
          case 2:
            reference.hasTraceId = ids.read(cursor, 16) !== IdForm.absent;
            reference.trace0 = ids.word0;
            reference.trace1 = ids.word1;
            reference.trace2 = ids.word2;
            reference.trace3 = ids.word3;
            break;
          case 3:
            ids.read(cursor, 8);
            reference.spanLow = ids.word0;
            reference.spanHigh = ids.word1;
            break;
          default:
            cursor.skipValue();
        }
      }
    }
  }

  #nextReference(): Reference {
    const reference = this.#references[this.#referenceCount] ?? {
      isChildOf: true,
      hasTraceId: false,
      trace0: 0,
      trace1: 0,
      trace2: 0,
      trace3: 0,
      spanLow: 0,
      spanHigh: 0,
    };
    this.#references[this.#referenceCount++] = reference;
    reference.isChildOf = true;
    reference.hasTraceId = false;
    reference.spanLow = reference.spanHigh = 0;
    return reference;
  }

  /**
   * The parent is the first CHILD_OF within the trace, else the first FOLLOWS_FROM within it, else the deprecated
   * parentSpanID; every other reference is a link.
   */
  #useReferences(oldParentLow: number, oldParentHigh: number): void {
    const writer = this.#writer;
    let parent = -1;
    for (let index = 0; index < this.#referenceCount; index++) {
      const reference = this.#references[index]!;
      if (!this.#isWithinTrace(reference)) continue;
      if (reference.isChildOf) {
        parent = index;
        break;
      }
      if (parent < 0) parent = index;
    }
    const found = this.#references[parent];
    writer.parentIdLow = parent >= 0 && found !== undefined ? found.spanLow : oldParentLow;
    writer.parentIdHigh = parent >= 0 && found !== undefined ? found.spanHigh : oldParentHigh;
    for (let index = 0; index < this.#referenceCount; index++) {
      if (index === parent) continue;
      const reference = this.#references[index]!;
      writer.beginLink();
      if (reference.hasTraceId) {
        writer.setLinkTraceId(reference.trace0, reference.trace1, reference.trace2, reference.trace3);
      } else writer.setLinkTraceId(writer.traceId0, writer.traceId1, writer.traceId2, writer.traceId3);
      writer.setLinkSpanId(reference.spanLow, reference.spanHigh);
      writer.addLinkAttribute(this.#referenceType, this.#referenceValue(reference.isChildOf));
    }
  }

  #referenceValue(isChild: boolean): number {
    return this.#writer.value(this.#referenceType, isChild ? 'child_of' : 'follows_from');
  }

  #isWithinTrace(reference: Reference): boolean {
    const writer = this.#writer;
    return (
      !reference.hasTraceId ||
      (reference.trace0 === writer.traceId0 &&
        reference.trace1 === writer.traceId1 &&
        reference.trace2 === writer.traceId2 &&
        reference.trace3 === writer.traceId3)
    );
  }

  #readLogs(cursor: JsonCursor): void {
    const writer = this.#writer;
    if (!cursor.tryOpenArray()) return this.#mending.passOver(cursor, 'logs');
    for (let first = true; cursor.nextItem(first); first = false) {
      if (!cursor.tryOpenObject()) {
        this.#mending.passOver(cursor, 'log');
        continue;
      }
      writer.beginEvent();
      for (let firstKey = true; cursor.nextKey(firstKey); firstKey = false) {
        const field = LOG_KEYS.match(cursor.text, cursor.from, cursor.to);
        const at = cursor.position;
        if (field === 1) {
          if (readInteger64(cursor) && microsToNanos(cursor) && cursor.high < 0x8000_0000) {
            writer.setEventTime(cursor.low, cursor.high);
          } else this.#mending.tell('invalid-time', at, 'timestamp of a log');
        } else if (field === 2) this.#readLogFields(cursor);
        else cursor.skipValue();
      }
    }
  }

  /** Says whether the field of a log that was read last names its event. */
  get #isEventName(): boolean {
    return this.#tags.key === this.#event && this.#tags.isText;
  }

  #readLogFields(cursor: JsonCursor): void {
    const writer = this.#writer;
    if (!cursor.tryOpenArray()) return this.#mending.passOver(cursor, 'fields');
    let isNamed = false;
    for (let first = true; cursor.nextItem(first); first = false) {
      if (!this.#tags.read(cursor, false)) continue;
      if (this.#isEventName && !isNamed) {
        // The field `event` is the event's name.
        isNamed = true;
        writer.setEventName(writer.nameOf(cursor.text, cursor.from, cursor.to));
      } else writer.addEventAttribute(this.#tags.key, this.#tags.value);
    }
  }
}

/** CHILD_OF or FOLLOWS_FROM: the first letter tells. */
function isChildOf({ bytes }: ByteSource, from: number): boolean {
  return (bytes[from]! | 32) === 99;
}
