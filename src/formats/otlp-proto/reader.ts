import type { AttributeValue } from '../../model/attributes.ts';
import { CARRIED_FIELDS, serviceNameOf, UNKNOWN_SERVICE } from '../../model/carried-fields.ts';
import { inventedId } from '../../model/ids.ts';
import { AttributeForm } from '../columns/attribute-cache.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { ByteDictionary } from '../columns/byte-dictionary.ts';
import { ValueClass } from '../columns/value-dictionary.ts';
import type { DecodeContext } from '../format.ts';
import type { OtlpHost } from '../lane/lane.ts';
import { WireError, WireReader } from '../protobuf/wire.ts';

// ResourceSpans to columns, in one pass over the bytes. A span that is broken is passed over by its length; what stands
// around it is kept. Unknown fields are passed over.

const MAX_DEPTH = 64;
const EMPTY_VALUE = 0;
const utf8 = new TextDecoder();

/** A value nested too deeply: the span that holds it is passed over. */
class TooDeep extends Error {}

export class OtlpProtoReader {
  readonly #context: DecodeContext;
  readonly #writer: BatchWriter;
  readonly #wire = new WireReader();
  readonly #carried: Record<keyof typeof CARRIED_FIELDS, number>;
  readonly #originalTraceId: number;
  readonly #originalSpanId: number;
  readonly #resourceTexts = new ByteDictionary(() => {});
  readonly #resourceIds: number[] = [];
  readonly #scopeTexts = new ByteDictionary(() => {});
  readonly #scopeIds: number[] = [];
  /** Offset in the source of the buffer's first byte. */
  #offset = 0;
  #key = 0;
  #value = EMPTY_VALUE;
  readonly #laneHost: OtlpHost = {
    value: EMPTY_VALUE,
    attribute: (from, to) => {
      this.#wire.position = from;
      // The lane remembers attributes itself.
      this.#parseAttribute(to);
      this.#laneHost.value = this.#value;
      return this.#key;
    },
    key: (from, to) => this.#writer.keyOf(this.#wire, from, to),
    status: (from, to) => {
      this.#wire.position = from;
      this.#readStatus(to);
      return this.#writer.status;
    },
  };

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#writer = context.writer;
    const key = (name: string) => this.#writer.keyOfText(name);
    this.#carried = {
      traceState: key(CARRIED_FIELDS.traceState),
      droppedAttributesCount: key(CARRIED_FIELDS.droppedAttributesCount),
      droppedEventsCount: key(CARRIED_FIELDS.droppedEventsCount),
      droppedLinksCount: key(CARRIED_FIELDS.droppedLinksCount),
    };
    this.#originalTraceId = key('tailspan.trace_id');
    this.#originalSpanId = key('tailspan.span_id');
  }

  /** Reads the ResourceSpans field, tag and length included, at `bytes[from..to]`. */
  readResourceSpans(bytes: Uint8Array, view: DataView, from: number, to: number, offset: number): void {
    const wire = this.#wire;
    wire.reset(bytes, view);
    wire.position = from;
    this.#offset = offset;
    try {
      wire.varint(to);
      wire.lengthEnd(to);
      const start = wire.position;
      this.#readResource(start, to);
      wire.position = start;
      while (wire.position < to) {
        const tag = wire.varint(to);
        // 2 is scope_spans, 1000 the instrumentation_library_spans of before 2022: the same inside.
        if (tag === 18 || tag === 8002) this.#readScopeSpans(wire.lengthEnd(to));
        else wire.skip(tag & 7, to);
      }
    } catch (error) {
      if (error instanceof TooDeep) this.#context.report.skip('too-deep', offset + from, error.message);
      else if (error instanceof WireError) {
        this.#context.report.skip('malformed-protobuf', offset + error.position, error.message);
      } else throw error;
    }
  }

  /** Finds the resource, which may stand anywhere in the message, and makes it current. */
  #readResource(from: number, to: number): void {
    const wire = this.#wire;
    wire.position = from;
    while (wire.position < to) {
      const tag = wire.varint(to);
      if (tag !== 10) {
        wire.skip(tag & 7, to);
        continue;
      }
      // The same few resources come again and again, so they are known by their bytes.
      const end = wire.lengthEnd(to);
      const start = wire.position;
      const known = this.#resourceTexts.idOf(wire, start, end);
      this.#resourceIds[known] ??= this.#parseResource(end);
      this.#writer.resource = this.#resourceIds[known];
      return;
    }
    this.#writer.resource = this.#writer.resourceOf(UNKNOWN_SERVICE, new Map());
  }

  #parseResource(end: number): number {
    const wire = this.#wire;
    const attributes = new Map<string, AttributeValue>();
    while (wire.position < end) {
      const field = wire.varint(end);
      if (field === 10) attributes.set(...this.#makeKeyValue(wire.lengthEnd(end), 0));
      else wire.skip(field & 7, end);
    }
    return this.#writer.resourceOf(serviceNameOf(attributes), attributes);
  }

  #readScopeSpans(to: number): void {
    const wire = this.#wire;
    const start = wire.position;
    this.#readScope(to);
    wire.position = start;
    while (wire.position < to) {
      this.#readRun(to);
      if (wire.position === to) return;
      const tag = wire.varint(to);
      if (tag !== 18) {
        wire.skip(tag & 7, to);
        continue;
      }
      const end = wire.lengthEnd(to);
      const from = wire.position;
      try {
        this.#readSpan(end);
      } catch (error) {
        if (error instanceof TooDeep) {
          this.#context.report.skip('too-deep', this.#offset + from, error.message);
        } else if (error instanceof WireError) {
          this.#context.report.skip('malformed-protobuf', this.#offset + error.position, `${error.message} in a span`);
        } else throw error;
      }
      wire.position = end;
    }
  }

  /** Reads as many spans as the fast lane can. */
  #readRun(to: number): void {
    const { lane } = this.#context;
    const wire = this.#wire;
    if (lane === undefined || wire.bytes !== lane.protoWindow.bytes) return;
    wire.position = lane.readProto(this.#laneHost, wire.position, to);
  }

  /** Finds the scope and makes it current. */
  #readScope(to: number): void {
    const wire = this.#wire;
    while (wire.position < to) {
      const tag = wire.varint(to);
      if (tag !== 10) {
        wire.skip(tag & 7, to);
        continue;
      }
      const end = wire.lengthEnd(to);
      const start = wire.position;
      const known = this.#scopeTexts.idOf(wire, start, end);
      this.#scopeIds[known] ??= this.#parseScope(end);
      this.#writer.scope = this.#scopeIds[known];
      return;
    }
    this.#writer.scope = this.#writer.scopeOf('', '');
  }

  #parseScope(end: number): number {
    const wire = this.#wire;
    const attributes = new Map<string, AttributeValue>();
    let name = '';
    let version = '';
    while (wire.position < end) {
      const field = wire.varint(end);
      if (field === 10) name = this.#text(wire.lengthEnd(end));
      else if (field === 18) version = this.#text(wire.lengthEnd(end));
      else if (field === 26) attributes.set(...this.#makeKeyValue(wire.lengthEnd(end), 0));
      else wire.skip(field & 7, end);
    }
    return this.#writer.scopeOf(name, version, attributes);
  }

  #readSpan(end: number): void {
    const wire = this.#wire;
    const writer = this.#writer;
    const { view } = wire;
    const from = wire.position;
    writer.beginSpan();
    let traceIdLength = 0;
    let spanIdLength = 0;
    let endLow = 0;
    let endHigh = 0;
    while (wire.position < end) {
      const tag = wire.varint(end);
      switch (tag) {
        case 10: {
          const to = wire.lengthEnd(end);
          traceIdLength = to - wire.position;
          this.#readTraceId(to);
          break;
        }
        case 18: {
          const to = wire.lengthEnd(end);
          const at = wire.position;
          spanIdLength = to - at;
          if (spanIdLength === 8) {
            writer.spanIdLow = view.getUint32(at + 4);
            writer.spanIdHigh = view.getUint32(at);
          } else if (spanIdLength > 0) {
            const hash = this.#invent(at, to, this.#originalSpanId);
            writer.spanIdLow = hash.getUint32(4);
            writer.spanIdHigh = hash.getUint32(0);
          }
          wire.position = to;
          break;
        }
        case 26: {
          const to = wire.lengthEnd(end);
          if (to > wire.position) {
            const key = this.#carried.traceState;
            writer.addAttribute(key, writer.stringValue(key, wire, wire.position, to));
          }
          wire.position = to;
          break;
        }
        case 34: {
          const to = wire.lengthEnd(end);
          const at = wire.position;
          // As the id of the span that it names is read.
          const id = to - at === 8 ? view : this.#hashOf(at, to);
          if (id !== undefined) {
            const from = id === view ? at : 0;
            writer.parentIdLow = id.getUint32(from + 4);
            writer.parentIdHigh = id.getUint32(from);
          }
          wire.position = to;
          break;
        }
        case 42: {
          const to = wire.lengthEnd(end);
          writer.name = writer.nameOf(wire, wire.position, to);
          wire.position = to;
          break;
        }
        case 48: {
          const kind = wire.varint(end);
          writer.kind = kind <= 5 ? kind : 0;
          break;
        }
        case 57: {
          const high = this.#fixed64(end);
          if (high < 0x8000_0000) {
            writer.startLow = view.getUint32(wire.position - 8, true);
            writer.startHigh = high;
          } else this.#context.report.repair('invalid-time', this.#offset + from, 'start_time_unix_nano');
          break;
        }
        case 65: {
          const high = this.#fixed64(end);
          if (high < 0x8000_0000) {
            endLow = view.getUint32(wire.position - 8, true);
            endHigh = high;
          } else this.#context.report.repair('invalid-time', this.#offset + from, 'end_time_unix_nano');
          break;
        }
        case 74: {
          const to = wire.lengthEnd(end);
          this.#readAttribute(to);
          writer.addAttribute(this.#key, this.#value);
          wire.position = to;
          break;
        }
        case 80:
          this.#carryCount(this.#carried.droppedAttributesCount, end);
          break;
        case 90:
          this.#readEvent(wire.lengthEnd(end));
          break;
        case 96:
          this.#carryCount(this.#carried.droppedEventsCount, end);
          break;
        case 106:
          this.#readLink(wire.lengthEnd(end));
          break;
        case 112:
          this.#carryCount(this.#carried.droppedLinksCount, end);
          break;
        case 122:
          this.#readStatus(wire.lengthEnd(end));
          break;
        case 133:
          if (wire.position + 4 > end) throw new WireError('a field longer than its message', wire.position);
          writer.flags = view.getUint32(wire.position, true);
          wire.position += 4;
          break;
        default:
          wire.skip(tag & 7, end);
      }
    }
    if (traceIdLength === 0) {
      this.#context.report.skip('missing-trace-id', this.#offset + from, 'a span without trace_id');
      return;
    }
    if (spanIdLength === 0) {
      this.#context.report.skip('missing-span-id', this.#offset + from, 'a span without span_id');
      return;
    }
    const mended = writer.setEnd(endLow, endHigh);
    if (mended !== undefined) this.#context.report.repair(mended, this.#offset + from, 'the times of a span');
    if ((writer.traceId0 | writer.traceId1 | writer.traceId2 | writer.traceId3) === 0) {
      this.#context.report.repair('zero-id', this.#offset + from, 'trace_id');
    }
    if ((writer.spanIdLow | writer.spanIdHigh) === 0) {
      this.#context.report.repair('zero-id', this.#offset + from, 'span_id');
    }
    writer.commitSpan();
  }

  /** Moves past a fixed64 and returns its high word. */
  #fixed64(end: number): number {
    const wire = this.#wire;
    if (wire.position + 8 > end) throw new WireError('a field longer than its message', wire.position);
    wire.position += 8;
    return wire.view.getUint32(wire.position - 4, true);
  }

  #readTraceId(to: number): void {
    const wire = this.#wire;
    const writer = this.#writer;
    const { view } = wire;
    const at = wire.position;
    const length = to - at;
    if (length === 16 || length === 8) {
      writer.traceId0 = view.getUint32(to - 4);
      writer.traceId1 = view.getUint32(to - 8);
      writer.traceId2 = length === 16 ? view.getUint32(at + 4) : 0;
      writer.traceId3 = length === 16 ? view.getUint32(at) : 0;
    } else if (length > 0) {
      const hash = this.#invent(at, to, this.#originalTraceId);
      writer.traceId0 = hash.getUint32(12);
      writer.traceId1 = hash.getUint32(8);
      writer.traceId2 = hash.getUint32(4);
      writer.traceId3 = hash.getUint32(0);
    }
    wire.position = to;
  }

  /** An id of the wrong length is replaced by a hash and stays to be seen, as an attribute. */
  #invent(from: number, to: number, key: number): DataView {
    const id = this.#wire.bytes.slice(from, to);
    this.#context.report.repair('invented-id', this.#offset + from, `an id of ${to - from} bytes`);
    this.#writer.addAttribute(key, this.#writer.value(key, Buffer.from(id).toString('hex')));
    return viewOf(inventedId(id, 16));
  }

  /** The hash that stands for an id of the wrong length in another span; undefined where it is empty, or names no span. */
  #hashOf(from: number, to: number): DataView | undefined {
    const id = this.#wire.bytes.slice(from, to);
    return id.some(byte => byte !== 0) ? viewOf(inventedId(id, 16)) : undefined;
  }

  #carryCount(key: number, end: number): void {
    const count = this.#wire.varint(end);
    if (count > 0) this.#writer.addAttribute(key, this.#writer.value(key, BigInt(count)));
  }

  #readStatus(to: number): void {
    const wire = this.#wire;
    let code = 0;
    let from = to;
    let messageEnd = to;
    while (wire.position < to) {
      const tag = wire.varint(to);
      if (tag === 24) code = wire.varint(to);
      else if (tag === 18) {
        messageEnd = wire.lengthEnd(to);
        from = wire.position;
        wire.position = messageEnd;
      } else wire.skip(tag & 7, to);
    }
    this.#writer.status = this.#writer.statusOf(code, wire, from, messageEnd);
  }

  #readEvent(to: number): void {
    const wire = this.#wire;
    const writer = this.#writer;
    writer.beginEvent();
    while (wire.position < to) {
      const tag = wire.varint(to);
      switch (tag) {
        case 9: {
          const high = this.#fixed64(to);
          if (high < 0x8000_0000) writer.setEventTime(wire.view.getUint32(wire.position - 8, true), high);
          else
            this.#context.report.repair('invalid-time', this.#offset + wire.position - 8, 'time_unix_nano of an event');
          break;
        }
        case 18: {
          const end = wire.lengthEnd(to);
          writer.setEventName(writer.nameOf(wire, wire.position, end));
          wire.position = end;
          break;
        }
        case 26: {
          const end = wire.lengthEnd(to);
          this.#readAttribute(end);
          writer.addEventAttribute(this.#key, this.#value);
          wire.position = end;
          break;
        }
        case 32: {
          const count = wire.varint(to);
          const key = this.#carried.droppedAttributesCount;
          if (count > 0) writer.addEventAttribute(key, writer.value(key, BigInt(count)));
          break;
        }
        default:
          wire.skip(tag & 7, to);
      }
    }
  }

  #readLink(to: number): void {
    const wire = this.#wire;
    const writer = this.#writer;
    const { view } = wire;
    writer.beginLink();
    while (wire.position < to) {
      const tag = wire.varint(to);
      switch (tag) {
        case 10: {
          const end = wire.lengthEnd(to);
          const at = wire.position;
          if (end - at === 16) {
            writer.setLinkTraceId(
              view.getUint32(at + 12),
              view.getUint32(at + 8),
              view.getUint32(at + 4),
              view.getUint32(at),
            );
          } else if (end - at === 8) writer.setLinkTraceId(view.getUint32(at + 4), view.getUint32(at), 0, 0);
          else {
            const hash = this.#hashOf(at, end);
            if (hash !== undefined) {
              writer.setLinkTraceId(hash.getUint32(12), hash.getUint32(8), hash.getUint32(4), hash.getUint32(0));
            }
          }
          wire.position = end;
          break;
        }
        case 18: {
          const end = wire.lengthEnd(to);
          const at = wire.position;
          if (end - at === 8) writer.setLinkSpanId(view.getUint32(at + 4), view.getUint32(at));
          else {
            const hash = this.#hashOf(at, end);
            if (hash !== undefined) writer.setLinkSpanId(hash.getUint32(4), hash.getUint32(0));
          }
          wire.position = end;
          break;
        }
        case 26: {
          const end = wire.lengthEnd(to);
          const key = this.#carried.traceState;
          if (end > wire.position) writer.addLinkAttribute(key, writer.stringValue(key, wire, wire.position, end));
          wire.position = end;
          break;
        }
        case 34: {
          const end = wire.lengthEnd(to);
          this.#readAttribute(end);
          writer.addLinkAttribute(this.#key, this.#value);
          wire.position = end;
          break;
        }
        case 40: {
          const count = wire.varint(to);
          const key = this.#carried.droppedAttributesCount;
          if (count > 0) writer.addLinkAttribute(key, writer.value(key, BigInt(count)));
          break;
        }
        default:
          wire.skip(tag & 7, to);
      }
    }
  }

  /** Reads a KeyValue into `#key` and `#value`. */
  #readAttribute(to: number): void {
    const wire = this.#wire;
    const writer = this.#writer;
    const { cache } = writer;
    const start = wire.position;
    if (cache.find(AttributeForm.otlpProto, wire, start, to)) {
      this.#key = cache.key;
      this.#value = cache.value;
      return;
    }
    this.#parseAttribute(to);
    cache.remember(AttributeForm.otlpProto, wire, start, to, this.#key, this.#value);
  }

  #parseAttribute(to: number): void {
    const wire = this.#wire;
    const writer = this.#writer;
    let key = -1;
    let from = -1;
    let end = 0;
    while (wire.position < to) {
      const tag = wire.varint(to);
      if (tag === 10) {
        const keyEnd = wire.lengthEnd(to);
        key = writer.keyOf(wire, wire.position, keyEnd);
        wire.position = keyEnd;
      } else if (tag === 18) {
        end = wire.lengthEnd(to);
        from = wire.position;
        wire.position = end;
      } else wire.skip(tag & 7, to);
    }
    // An empty key is not written.
    if (key < 0) key = writer.keyOfText('');
    this.#key = key;
    this.#value = EMPTY_VALUE;
    if (from >= 0) {
      wire.position = from;
      this.#readAnyValue(key, end);
    }
    if (this.#value === EMPTY_VALUE) this.#value = writer.value(key, null);
  }

  #readAnyValue(key: number, to: number): void {
    const wire = this.#wire;
    const writer = this.#writer;
    while (wire.position < to) {
      const tag = wire.varint(to);
      const from = wire.position;
      switch (tag) {
        case 10: {
          const end = wire.lengthEnd(to);
          this.#value = writer.stringValue(key, wire, wire.position, end);
          wire.position = end;
          break;
        }
        case 16:
          this.#value = writer.boolValue(key, wire.varint(to) !== 0);
          break;
        case 24: {
          const number = wire.varint(to);
          const end = wire.position;
          // Up to seven bytes a varint is positive and a double holds it.
          if (end - from <= 7) this.#value = writer.smallIntegerValue(key, number);
          else {
            wire.position = from;
            this.#value = writer.value(key, wire.int64(end));
          }
          break;
        }
        case 33:
          this.#fixed64(to);
          this.#value = writer.doubleValue(key, wire, from);
          break;
        case 42:
        case 50: {
          const end = wire.lengthEnd(to);
          const start = wire.position;
          const valueClass = tag === 42 ? ValueClass.protoArray : ValueClass.protoMap;
          this.#value = writer.findEncoded(key, valueClass, wire, start, end);
          if (this.#value === EMPTY_VALUE) {
            wire.position = start;
            const made = tag === 42 ? this.#makeArray(end, 1) : this.#makeMap(end, 1);
            this.#value = writer.rememberEncoded(key, valueClass, wire, start, end, made);
          }
          wire.position = end;
          break;
        }
        case 58: {
          const end = wire.lengthEnd(to);
          this.#value = writer.value(key, wire.bytes.slice(wire.position, end));
          wire.position = end;
          break;
        }
        default:
          wire.skip(tag & 7, to);
      }
    }
  }

  #text(end: number): string {
    const wire = this.#wire;
    const text = utf8.decode(wire.bytes.subarray(wire.position, end));
    wire.position = end;
    return text;
  }

  #makeKeyValue(to: number, depth: number): [string, AttributeValue] {
    const wire = this.#wire;
    let key = '';
    let value: AttributeValue = null;
    while (wire.position < to) {
      const tag = wire.varint(to);
      if (tag === 10) key = this.#text(wire.lengthEnd(to));
      else if (tag === 18) value = this.#makeValue(wire.lengthEnd(to), depth);
      else wire.skip(tag & 7, to);
    }
    return [key, value];
  }

  #makeValue(to: number, depth: number): AttributeValue {
    if (depth > MAX_DEPTH) throw new TooDeep(`an attribute nested more than ${MAX_DEPTH} deep`);
    const wire = this.#wire;
    let value: AttributeValue = null;
    while (wire.position < to) {
      const tag = wire.varint(to);
      switch (tag) {
        case 10:
          value = this.#text(wire.lengthEnd(to));
          break;
        case 16:
          value = wire.varint(to) !== 0;
          break;
        case 24:
          value = wire.int64(to);
          break;
        case 33:
          this.#fixed64(to);
          value = wire.view.getFloat64(wire.position - 8, true);
          break;
        case 42:
          value = this.#makeArray(wire.lengthEnd(to), depth + 1);
          break;
        case 50:
          value = this.#makeMap(wire.lengthEnd(to), depth + 1);
          break;
        case 58: {
          const end = wire.lengthEnd(to);
          value = wire.bytes.slice(wire.position, end);
          wire.position = end;
          break;
        }
        default:
          wire.skip(tag & 7, to);
      }
    }
    return value;
  }

  #makeArray(to: number, depth: number): AttributeValue[] {
    const wire = this.#wire;
    const items: AttributeValue[] = [];
    while (wire.position < to) {
      const tag = wire.varint(to);
      if (tag === 10) items.push(this.#makeValue(wire.lengthEnd(to), depth));
      else wire.skip(tag & 7, to);
    }
    return items;
  }

  #makeMap(to: number, depth: number): AttributeValue {
    const wire = this.#wire;
    const entries: [string, AttributeValue][] = [];
    while (wire.position < to) {
      const tag = wire.varint(to);
      if (tag === 10) entries.push(this.#makeKeyValue(wire.lengthEnd(to), depth));
      else wire.skip(tag & 7, to);
    }
    return Object.fromEntries(entries);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
