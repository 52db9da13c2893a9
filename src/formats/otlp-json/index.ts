import type { AttributeValue } from '../../model/attributes.ts';
import { CARRIED_FIELDS, serviceNameOf, UNKNOWN_SERVICE } from '../../model/carried-fields.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { ByteDictionary } from '../columns/byte-dictionary.ts';
import { PROVISIONAL } from '../columns/operations.ts';
import type { DecodeContext, JsonFormat } from '../format.ts';
import { BadRecord, type JsonCursor, JsonKind } from '../json/cursor.ts';
import { IdForm, IdReader } from '../json/ids.ts';
import { KeyTable } from '../json/key-table.ts';
import { Mending } from '../json/mending.ts';
import { readInteger64, readSmallInteger } from '../json/scalars.ts';
import type { Shape } from '../json/shape.ts';
import { NOT_FOR_THE_LANE, type OtlpHost } from '../lane/lane.ts';
import { AttributeReader } from './attributes.ts';
import { kindNumber, statusNumber } from './enums.ts';

// OTLP/JSON: ExportTraceServiceRequest and TracesData as JSON, and what producers make of it.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
// {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
//   "scopeSpans":[{"scope":{"name":"lib"},"spans":[{"traceId":"5b8e…","spanId":"eee1…","name":"GET /x","kind":2,…}]}]}]}
// Read beside the specified form: snake_case names, `instrumentationLibrarySpans`, base64 ids, enum names, numbers
// as strings and strings as numbers, Long and Buffer objects, attributes as a plain object.

type Container = 'document' | 'resourceSpans' | 'span';

const SPAN_KEYS = new KeyTable({
  traceId: 1,
  trace_id: 1,
  spanId: 2,
  span_id: 2,
  traceState: 3,
  trace_state: 3,
  parentSpanId: 4,
  parent_span_id: 4,
  flags: 5,
  name: 6,
  kind: 7,
  startTimeUnixNano: 8,
  start_time_unix_nano: 8,
  endTimeUnixNano: 9,
  end_time_unix_nano: 9,
  attributes: 10,
  droppedAttributesCount: 11,
  dropped_attributes_count: 11,
  events: 12,
  droppedEventsCount: 13,
  dropped_events_count: 13,
  links: 14,
  droppedLinksCount: 15,
  dropped_links_count: 15,
  status: 16,
});
const EVENT_KEYS = new KeyTable({
  timeUnixNano: 1,
  time_unix_nano: 1,
  name: 2,
  attributes: 3,
  droppedAttributesCount: 4,
  dropped_attributes_count: 4,
});
const LINK_KEYS = new KeyTable({
  traceId: 1,
  trace_id: 1,
  spanId: 2,
  span_id: 2,
  traceState: 3,
  trace_state: 3,
  attributes: 4,
  droppedAttributesCount: 5,
  dropped_attributes_count: 5,
});
const STATUS_KEYS = new KeyTable({ code: 1, message: 2 });

/** The other signals of OTLP, by the field that a document of theirs begins with. */
const OTHER_SIGNALS = [
  ['otlp-logs', ['resourceLogs', 'resource_logs', 'scopeLogs', 'scope_logs']],
  ['otlp-metrics', ['resourceMetrics', 'resource_metrics', 'scopeMetrics', 'scope_metrics']],
  ['otlp-profiles', ['resourceProfiles', 'resource_profiles', 'scopeProfiles', 'scope_profiles']],
] as const;

const RESOURCE_SPANS_FIELDS = ['resourceSpans', 'resource_spans', 'batches'];
const SCOPE_SPANS_FIELDS = [
  'scopeSpans',
  'scope_spans',
  'instrumentationLibrarySpans',
  'instrumentation_library_spans',
];
/** Envelopes around a document: Tempo v2, Jaeger v3, a draft file format. */
const ENVELOPES = ['trace', 'result', 'rs'];

export const otlpJson: JsonFormat = {
  name: 'otlp-json',
  title: 'OTLP JSON',
  family: 'json',
  isStateless: true,
  recognised: 'a `resourceSpans` (or `scopeSpans`) field, or spans with `traceId` and `spanId`',

  sniff({ paths, opening }) {
    const start = opening === '[' ? '[]' : '';
    const places = [start, ...ENVELOPES.map(envelope => `${start}.${envelope}`)];
    const has = (fields: readonly string[]) =>
      places.some(place => fields.some(field => paths.has(`${place}.${field}`)));
    if (has(RESOURCE_SPANS_FIELDS)) return { container: 'document' satisfies Container };
    if (has(SCOPE_SPANS_FIELDS)) return { container: 'resourceSpans' satisfies Container };
    for (const [skip, fields] of OTHER_SIGNALS) if (has(fields)) return { skip };
    const both = (trace: string, span: string) => paths.has(`${start}.${trace}`) && paths.has(`${start}.${span}`);
    if (both('traceId', 'spanId') || both('trace_id', 'span_id')) {
      // Flat span documents of other tools have the same two ids; OTLP's own names for the times decide.
      for (const time of ['startTimeUnixNano', 'start_time_unix_nano', 'endTimeUnixNano', 'end_time_unix_nano']) {
        if (paths.has(`${start}.${time}`)) return { container: 'span' satisfies Container };
      }
    }
    return undefined;
  },

  open(context, offsetOf) {
    const reader = new OtlpJsonReader(context, offsetOf);
    return container => reader.shapeOf(container);
  },
};

class OtlpJsonReader {
  readonly #writer: BatchWriter;
  readonly #context: DecodeContext;
  readonly #offsetOf: (position: number) => number;
  readonly #ids = new IdReader();
  readonly #mending: Mending;
  readonly #attributes: AttributeReader;
  readonly #carried: Record<keyof typeof CARRIED_FIELDS, number>;
  readonly #originalTraceId: number;
  readonly #originalSpanId: number;
  readonly #noScope: number;
  readonly #resourceTexts = new ByteDictionary(() => {});
  readonly #resourceIds: number[] = [];
  readonly #scopeTexts = new ByteDictionary(() => {});
  readonly #scopeIds: number[] = [];
  #resource: number | undefined;
  #unknownResource: number | undefined;
  #scope: number | undefined;
  /** Scopes that were not known when their spans came; index n stands behind `PROVISIONAL + n`. */
  #lateScopes: number[] = [];
  #scopeIsLate = false;
  /** What the answer of an API says beside the trace, and where its status stands. */
  readonly #answer = new Map<string, string>();
  #answerOffset = 0;
  #endLow = 0;
  #endHigh = 0;

  constructor(context: DecodeContext, offsetOf: (position: number) => number) {
    this.#context = context;
    this.#writer = context.writer;
    this.#offsetOf = offsetOf;
    this.#mending = new Mending(context, offsetOf);
    this.#attributes = new AttributeReader(context.writer, this.#mending);
    const key = (name: string) => this.#writer.keyOfText(name);
    this.#carried = {
      traceState: key(CARRIED_FIELDS.traceState),
      droppedAttributesCount: key(CARRIED_FIELDS.droppedAttributesCount),
      droppedEventsCount: key(CARRIED_FIELDS.droppedEventsCount),
      droppedLinksCount: key(CARRIED_FIELDS.droppedLinksCount),
    };
    this.#originalTraceId = key('tailspan.trace_id');
    this.#originalSpanId = key('tailspan.span_id');
    this.#noScope = this.#writer.scopeOf('', '');
  }

  shapeOf(container: string): Shape {
    const span: Shape = { record: cursor => this.#readSpan(cursor) };
    const scope: Shape = { record: cursor => this.#readScope(cursor) };
    const scopeSpans: Shape = {
      fields: {
        scope,
        instrumentationLibrary: scope,
        instrumentation_library: scope,
        spans: { items: span, run: (cursor, isFirst) => this.#readRun(cursor, isFirst) },
      },
      open: () => this.#openScope(),
      close: () => this.#closeScope(),
    };
    const resourceSpans: Shape = {
      fields: {
        resource: { record: cursor => this.#readResource(cursor) },
        ...Object.fromEntries(SCOPE_SPANS_FIELDS.map(field => [field, { items: scopeSpans }])),
      },
      open: () => this.#openResource(),
      close: () => this.#closeResource(),
    };
    switch (container as Container) {
      case 'document': {
        const fields: Record<string, Shape> = {};
        for (const field of RESOURCE_SPANS_FIELDS) fields[field] = { items: resourceSpans };
        // Envelopes may stand one in the other.
        for (const envelope of ENVELOPES) fields[envelope] = { fields };
        // Tempo's API v2 says of a trace that it is not whole: {"trace":{…},"status":"PARTIAL","message":"…"}
        const answer = {
          status: { value: (cursor: JsonCursor) => this.#readAnswer(cursor, 'status') },
          message: { value: (cursor: JsonCursor) => this.#readAnswer(cursor, 'message') },
        };
        return {
          fields: { ...fields, ...answer },
          repeatable: true,
          open: () => this.#answer.clear(),
          close: () => this.#closeAnswer(),
        };
      }
      case 'resourceSpans': {
        const fields = Object.fromEntries(ENVELOPES.map(envelope => [envelope, resourceSpans]));
        return { ...resourceSpans, fields: { ...resourceSpans.fields, ...fields }, repeatable: true };
      }
      case 'span':
        return { record: cursor => this.#readBareSpan(cursor), repeatable: true };
    }
  }

  #readAnswer(cursor: JsonCursor, field: string): void {
    if (field === 'status') this.#answerOffset = this.#offsetOf(cursor.position);
    if (cursor.readScalar()) this.#answer.set(field, cursor.textString());
    else cursor.skipValue();
  }

  #closeAnswer(): void {
    const status = this.#answer.get('status');
    // The number is that of the enum, as some marshallers write it.
    if (status !== 'PARTIAL' && status !== '1') return;
    const message = this.#answer.get('message') ?? '';
    this.#context.report.repair('partial-trace', this.#answerOffset, message || 'no reason is given');
  }

  #openResource(): void {
    this.#resource = undefined;
    this.#scope = undefined;
    this.#lateScopes = [];
  }

  #closeResource(): void {
    if (this.#writer.isHolding) this.#writer.release([this.#resource ?? this.#noResource()], this.#lateScopes);
    this.#resource = undefined;
    this.#scope = undefined;
  }

  #openScope(): void {
    this.#scope = undefined;
    this.#scopeIsLate = false;
  }

  #closeScope(): void {
    if (this.#scopeIsLate) this.#lateScopes[this.#lateScopes.length - 1] = this.#scope ?? this.#noScope;
    this.#scope = undefined;
    this.#scopeIsLate = false;
  }

  #noResource(): number {
    this.#unknownResource ??= this.#writer.resourceOf(UNKNOWN_SERVICE, new Map());
    return this.#unknownResource;
  }

  /** Reads a resource. The same few come again and again, so they are known by their bytes. */
  #readResource(cursor: JsonCursor): void {
    const start = cursor.position;
    cursor.skipValue();
    const end = cursor.position;
    const known = this.#resourceTexts.idOf(cursor, start, end);
    let resource = this.#resourceIds[known];
    if (resource === undefined) {
      cursor.position = start;
      this.#mending.hasMended = false;
      resource = this.#parseResource(cursor);
      // What had to be mended is told each time that it comes.
      if (!this.#mending.hasMended) this.#resourceIds[known] = resource;
      cursor.position = end;
    }
    this.#resource = resource;
  }

  #parseResource(cursor: JsonCursor): number {
    let attributes = new Map<string, AttributeValue>();
    cursor.tryOpenObject();
    for (let first = true; cursor.nextKey(first); first = false) {
      if (cursor.textString() === 'attributes') attributes = this.#attributes.readAll(cursor);
      else cursor.skipValue();
    }
    return this.#writer.resourceOf(serviceNameOf(attributes), attributes);
  }

  #readScope(cursor: JsonCursor): void {
    const start = cursor.position;
    cursor.skipValue();
    const end = cursor.position;
    const known = this.#scopeTexts.idOf(cursor, start, end);
    let scope = this.#scopeIds[known];
    if (scope === undefined) {
      cursor.position = start;
      this.#mending.hasMended = false;
      scope = this.#parseScope(cursor);
      if (!this.#mending.hasMended) this.#scopeIds[known] = scope;
      cursor.position = end;
    }
    this.#scope = scope;
  }

  #parseScope(cursor: JsonCursor): number {
    let attributes = new Map<string, AttributeValue>();
    let name = '';
    let version = '';
    cursor.tryOpenObject();
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = cursor.textString();
      if (field === 'attributes') attributes = this.#attributes.readAll(cursor);
      else if ((field === 'name' || field === 'version') && cursor.readScalar()) {
        if (field === 'name') name = cursor.textString();
        else version = cursor.textString();
      } else cursor.skipValue();
    }
    return this.#writer.scopeOf(name, version, attributes);
  }

  /** A span outside any ResourceSpans. */
  #readBareSpan(cursor: JsonCursor): void {
    this.#resource = this.#noResource();
    this.#scope = this.#noScope;
    this.#readSpan(cursor);
  }

  /** Reads as many spans as the fast lane can. */
  #readRun(cursor: JsonCursor, isFirst: boolean): void {
    const { lane } = this.#context;
    const writer = this.#writer;
    if (lane === undefined || cursor.bytes !== lane.jsonWindow.bytes) return;
    if (this.#resource === undefined || this.#scope === undefined || writer.isHolding) return;
    writer.resource = this.#resource;
    writer.scope = this.#scope;
    this.#cursor = cursor;
    cursor.position = lane.readOtlpJson(this.#laneHost, cursor.position, cursor.end, isFirst);
  }

  #cursor: JsonCursor | undefined;
  readonly #laneHost: OtlpHost = {
    value: 0,
    attribute: (from, to) => {
      // The lane remembers attributes itself.
      const cursor = this.#cursorAt(from);
      if (!this.#attributes.parse(cursor, from) || cursor.position !== to) throw NOT_FOR_THE_LANE;
      this.#laneHost.value = this.#attributes.value;
      return this.#attributes.key;
    },
    key: (from, to) => this.#writer.keyOf(this.#cursorAt(from), from, to),
    status: from => this.#readStatus(this.#cursorAt(from)),
  };

  #cursorAt(position: number): JsonCursor {
    if (this.#cursor === undefined) throw NOT_FOR_THE_LANE;
    this.#cursor.position = position;
    return this.#cursor;
  }

  #readSpan(cursor: JsonCursor): void {
    const writer = this.#writer;
    const ids = this.#ids;
    const start = cursor.position;
    writer.beginSpan();
    this.#endLow = this.#endHigh = 0;
    let hasTraceId = false;
    let hasSpanId = false;
    let statusCode = 0;
    cursor.tryOpenObject();
    for (let first = true; cursor.nextKey(first); first = false) {
      switch (SPAN_KEYS.match(cursor.text, cursor.from, cursor.to)) {
        case 1: {
          const form = ids.read(cursor, 16);
          hasTraceId = form !== IdForm.absent;
          writer.traceId0 = ids.word0;
          writer.traceId1 = ids.word1;
          writer.traceId2 = ids.word2;
          writer.traceId3 = ids.word3;
          if (form === IdForm.invented) this.#mending.keepOriginal(this.#ids, start, this.#originalTraceId);
          if (hasTraceId && ids.isZero) this.#mending.tell('zero-id', start, 'traceId');
          break;
        }
        case 2: {
          const form = ids.read(cursor, 8);
          hasSpanId = form !== IdForm.absent;
          writer.spanIdLow = ids.word0;
          writer.spanIdHigh = ids.word1;
          if (form === IdForm.invented) this.#mending.keepOriginal(this.#ids, start, this.#originalSpanId);
          if (hasSpanId && ids.isZero) this.#mending.tell('zero-id', start, 'spanId');
          break;
        }
        case 3:
          if (!cursor.readScalar()) cursor.skipValue();
          else if (cursor.to > cursor.from) {
            const key = this.#carried.traceState;
            writer.addAttribute(key, writer.stringValue(key, cursor.text, cursor.from, cursor.to));
          }
          break;
        case 4:
          ids.read(cursor, 8);
          writer.parentIdLow = ids.word0;
          writer.parentIdHigh = ids.word1;
          break;
        case 5:
          writer.flags = readSmallInteger(cursor) ?? 0;
          break;
        case 6:
          if (cursor.readScalar()) writer.name = writer.nameOf(cursor.text, cursor.from, cursor.to);
          else this.#mending.passOver(cursor, 'name');
          break;
        case 7:
          if (cursor.readScalar()) writer.kind = kindNumber(cursor.text.bytes, cursor.from, cursor.to);
          else this.#mending.passOver(cursor, 'kind');
          break;
        case 8:
          if (readInteger64(cursor) && cursor.high < 0x8000_0000) {
            writer.startLow = cursor.low;
            writer.startHigh = cursor.high;
          } else this.#mending.tell('invalid-time', start, 'startTimeUnixNano');
          break;
        case 9:
          if (readInteger64(cursor) && cursor.high < 0x8000_0000) {
            this.#endLow = cursor.low;
            this.#endHigh = cursor.high;
          } else this.#mending.tell('invalid-time', start, 'endTimeUnixNano');
          break;
        case 10:
          this.#readSpanAttributes(cursor);
          break;
        case 11:
          this.#carryCount(cursor, this.#carried.droppedAttributesCount);
          break;
        case 12:
          this.#readEvents(cursor);
          break;
        case 13:
          this.#carryCount(cursor, this.#carried.droppedEventsCount);
          break;
        case 14:
          this.#readLinks(cursor);
          break;
        case 15:
          this.#carryCount(cursor, this.#carried.droppedLinksCount);
          break;
        case 16:
          statusCode = this.#readStatus(cursor);
          break;
        default:
          cursor.skipValue();
      }
    }
    if (!hasTraceId) throw new BadRecord('missing-trace-id', 'a span without traceId');
    if (!hasSpanId) throw new BadRecord('missing-span-id', 'a span without spanId');
    writer.status = statusCode;
    this.#setDuration(start);
    this.#place();
    writer.commitSpan();
  }

  /** Gives the span its resource and scope, or holds it until they are known. */
  #place(): void {
    const writer = this.#writer;
    if (this.#resource === undefined || this.#scope === undefined) writer.hold();
    if (!writer.isHolding) {
      writer.resource = this.#resource!;
      writer.scope = this.#scope!;
      return;
    }
    writer.resource = 0;
    if (this.#scope !== undefined && !this.#scopeIsLate) {
      writer.scope = this.#scope;
      return;
    }
    if (!this.#scopeIsLate) {
      this.#scopeIsLate = true;
      this.#lateScopes.push(this.#noScope);
    }
    writer.scope = PROVISIONAL + this.#lateScopes.length - 1;
  }

  #setDuration(start: number): void {
    const mended = this.#writer.setEnd(this.#endLow, this.#endHigh);
    if (mended !== undefined) this.#mending.tell(mended, start, 'the times of a span');
  }

  #carryCount(cursor: JsonCursor, key: number): void {
    const count = readSmallInteger(cursor) ?? 0;
    if (count > 0) this.#writer.addAttribute(key, this.#writer.value(key, BigInt(count)));
  }

  #readStatus(cursor: JsonCursor): number {
    const writer = this.#writer;
    if (!cursor.tryOpenObject()) {
      this.#mending.passOver(cursor, 'status');
      return 0;
    }
    let code = 0;
    let status = -1;
    let message = '';
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = STATUS_KEYS.match(cursor.text, cursor.from, cursor.to);
      if (field === 1 && cursor.readScalar()) code = statusNumber(cursor.text.bytes, cursor.from, cursor.to);
      else if (field === 2 && cursor.readScalar()) {
        if (cursor.to > cursor.from) message = cursor.textString();
      } else cursor.skipValue();
    }
    status = message === '' ? code : writer.statusOfText(code, message);
    return status;
  }

  #readSpanAttributes(cursor: JsonCursor): void {
    const writer = this.#writer;
    const kind = cursor.kind();
    if (kind === JsonKind.array) {
      cursor.tryOpenArray();
      for (let first = true; cursor.nextItem(first); first = false) {
        if (this.#attributes.read(cursor)) writer.addAttribute(this.#attributes.key, this.#attributes.value);
      }
    } else if (kind === JsonKind.object) {
      cursor.tryOpenObject();
      for (let first = true; cursor.nextKey(first); first = false) {
        if (this.#attributes.readPlain(cursor)) writer.addAttribute(this.#attributes.key, this.#attributes.value);
      }
    } else this.#mending.passOver(cursor, 'attributes');
  }

  #readEvents(cursor: JsonCursor): void {
    const writer = this.#writer;
    if (!cursor.tryOpenArray()) return this.#mending.passOver(cursor, 'events');
    for (let first = true; cursor.nextItem(first); first = false) {
      if (!cursor.tryOpenObject()) {
        this.#mending.passOver(cursor, 'event');
        continue;
      }
      writer.beginEvent();
      for (let firstKey = true; cursor.nextKey(firstKey); firstKey = false) {
        switch (EVENT_KEYS.match(cursor.text, cursor.from, cursor.to)) {
          case 1: {
            const at = cursor.position;
            if (readInteger64(cursor) && cursor.high < 0x8000_0000) writer.setEventTime(cursor.low, cursor.high);
            else this.#mending.tell('invalid-time', at, 'timeUnixNano of an event');
            break;
          }
          case 2:
            if (cursor.readScalar()) writer.setEventName(writer.nameOf(cursor.text, cursor.from, cursor.to));
            else this.#mending.passOver(cursor, 'name of an event');
            break;
          case 3:
            this.#readPartAttributes(cursor, false);
            break;
          case 4: {
            const count = readSmallInteger(cursor) ?? 0;
            const key = this.#carried.droppedAttributesCount;
            if (count > 0) writer.addEventAttribute(key, writer.value(key, BigInt(count)));
            break;
          }
          default:
            cursor.skipValue();
        }
      }
    }
  }

  #readLinks(cursor: JsonCursor): void {
    const writer = this.#writer;
    const ids = this.#ids;
    if (!cursor.tryOpenArray()) return this.#mending.passOver(cursor, 'links');
    for (let first = true; cursor.nextItem(first); first = false) {
      if (!cursor.tryOpenObject()) {
        this.#mending.passOver(cursor, 'link');
        continue;
      }
      writer.beginLink();
      for (let firstKey = true; cursor.nextKey(firstKey); firstKey = false) {
        switch (LINK_KEYS.match(cursor.text, cursor.from, cursor.to)) {
          case 1:
            ids.read(cursor, 16);
            writer.setLinkTraceId(ids.word0, ids.word1, ids.word2, ids.word3);
            break;
          case 2:
            ids.read(cursor, 8);
            writer.setLinkSpanId(ids.word0, ids.word1);
            break;
          case 3:
            if (!cursor.readScalar()) cursor.skipValue();
            else if (cursor.to > cursor.from) {
              const key = this.#carried.traceState;
              writer.addLinkAttribute(key, writer.stringValue(key, cursor.text, cursor.from, cursor.to));
            }
            break;
          case 4:
            this.#readPartAttributes(cursor, true);
            break;
          case 5: {
            const count = readSmallInteger(cursor) ?? 0;
            const key = this.#carried.droppedAttributesCount;
            if (count > 0) writer.addLinkAttribute(key, writer.value(key, BigInt(count)));
            break;
          }
          default:
            cursor.skipValue();
        }
      }
    }
  }

  /** Reads the attributes of the event or link in hand. */
  #readPartAttributes(cursor: JsonCursor, ofLink: boolean): void {
    const writer = this.#writer;
    const kind = cursor.kind();
    const isArray = kind === JsonKind.array;
    if (!isArray && kind !== JsonKind.object) return this.#mending.passOver(cursor, 'attributes');
    cursor.position++;
    for (let first = true; isArray ? cursor.nextItem(first) : cursor.nextKey(first); first = false) {
      if (!(isArray ? this.#attributes.read(cursor) : this.#attributes.readPlain(cursor))) continue;
      if (ofLink) writer.addLinkAttribute(this.#attributes.key, this.#attributes.value);
      else writer.addEventAttribute(this.#attributes.key, this.#attributes.value);
    }
  }
}
