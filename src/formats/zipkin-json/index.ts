import { type AttributeValue, parseExactJson } from '../../model/attributes.ts';
import { CARRIED_FIELDS, serviceNameOf, UNKNOWN_SERVICE } from '../../model/carried-fields.ts';
import { Quirk, SHARED_SPAN_MASK } from '../../model/span-batch.ts';
import { Kind } from '../../model/status.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { KeyRoles } from '../columns/key-roles.ts';
import type { DecodeContext, JsonFormat } from '../format.ts';
import { BadRecord, type JsonCursor, JsonKind } from '../json/cursor.ts';
import { IdForm, IdReader } from '../json/ids.ts';
import { KeyTable } from '../json/key-table.ts';
import { microsToNanos, readInteger64, readPlainValue } from '../json/scalars.ts';
import type { Shape } from '../json/shape.ts';
import { KindWords, TagField, TagFields } from '../json/tags.ts';

// Zipkin v2 JSON: what Zipkin's API takes and gives. https://zipkin.io/zipkin-api/#/default/post_spans
// [{"traceId":"4d1e…","parentId":"8615…","id":"4d1e…","kind":"CLIENT","name":"get","timestamp":1472470996199000,
//   "duration":207000,"localEndpoint":{"serviceName":"frontend","ipv4":"10.0.0.1","port":8080},
//   "remoteEndpoint":{…},"annotations":[{"timestamp":1472470996238000,"value":"foo"}],"tags":{"http.path":"/api"}}]
// An array of spans, an array of arrays (`/api/v2/traces`), or a span a line. Times are microseconds.
//
// Client and server half of a call may share one id. The server half (`shared`) gets an id of its own, derived from the
// client half's; assembly makes the client half its parent, and gives each child to the half it belongs to.

const SPAN_KEYS = new KeyTable({
  traceId: 1,
  parentId: 2,
  id: 3,
  kind: 4,
  name: 5,
  timestamp: 6,
  duration: 7,
  localEndpoint: 8,
  remoteEndpoint: 9,
  annotations: 10,
  tags: 11,
  debug: 12,
  shared: 13,
});
const ENDPOINT_KEYS = new KeyTable({ serviceName: 1, ipv4: 2, ipv6: 3, port: 4 });
const ANNOTATION_KEYS = new KeyTable({ timestamp: 1, value: 2 });

/** Tags that OpenTelemetry's exporters made from resource attributes. */
const RESOURCE_TAG = /^(service|telemetry|k8s)\./;
/** `otlp.link.0`: `traceId|spanId|traceState|{attributes}|dropped`, as the Collector writes links. */
const LINK_TAG = /^otlp\.link\.\d+$/;

export const zipkinJson: JsonFormat = {
  name: 'zipkin-json',
  title: 'Zipkin v2 JSON',
  family: 'json',
  recognised: 'spans with `traceId` and `id`, and no `binaryAnnotations`',

  sniff({ paths, complete }) {
    for (const start of ['[]', '[][]', '']) {
      if (!paths.has(`${start}.traceId`) || !paths.has(`${start}.id`) || paths.has(`${start}.spanId`)) continue;
      if (paths.has(`${start}.binaryAnnotations`) || paths.has(`${start}.annotations[].endpoint`)) return undefined;
      const known = ['localEndpoint', 'remoteEndpoint', 'tags', 'duration', 'timestamp', 'kind', 'name'];
      // v1 has the same two ids, a name and times; what only v2 has decides, or the end of the document.
      if (known.slice(0, 3).some(key => paths.has(`${start}.${key}`))) return { container: 'spans' };
      if (complete && known.some(key => paths.has(`${start}.${key}`))) return { container: 'spans' };
    }
    return undefined;
  },

  open(context, offsetOf) {
    const reader = new ZipkinJsonReader(context, offsetOf);
    return () => reader.shape;
  },
};

class ZipkinJsonReader {
  readonly shape: Shape;
  readonly #writer: BatchWriter;
  readonly #context: DecodeContext;
  readonly #offsetOf: (position: number) => number;
  readonly #ids = new IdReader();
  readonly #fields: TagFields;
  readonly #kinds = new KindWords();
  /** What a tag key is beside an attribute: 1 part of the resource, 2 a link. */
  readonly #roles: KeyRoles;
  readonly #resources = new Map<number, number>();

  readonly #localAddress: number;
  readonly #localPort: number;
  readonly #peerService: number;
  readonly #peerAddress: number;
  readonly #peerPort: number;
  readonly #noStart: number;
  readonly #originalTraceId: number;
  readonly #originalSpanId: number;
  readonly #unknownService: number;

  #service = 0;
  /** Names of local endpoints by id. */
  readonly #serviceNames = new Map<number, string>();
  #resourceTags: [string, string][] = [];
  #links: string[] = [];

  constructor(context: DecodeContext, offsetOf: (position: number) => number) {
    this.#context = context;
    this.#writer = context.writer;
    this.#offsetOf = offsetOf;
    this.#fields = new TagFields(this.#writer);
    this.#roles = new KeyRoles(this.#writer, key => (RESOURCE_TAG.test(key) ? 1 : LINK_TAG.test(key) ? 2 : 0));
    const key = (name: string) => this.#writer.keyOfText(name);
    this.#localAddress = key('network.local.address');
    this.#localPort = key('network.local.port');
    this.#peerService = key('peer.service');
    this.#peerAddress = key('network.peer.address');
    this.#peerPort = key('network.peer.port');
    this.#noStart = key('otel.zipkin.absentField.startTime');
    this.#originalTraceId = key('tailspan.trace_id');
    this.#originalSpanId = key('tailspan.span_id');
    this.#unknownService = this.#writer.nameOfText(UNKNOWN_SERVICE);
    this.shape = { record: cursor => this.#readSpan(cursor), repeatable: true };
  }

  #readSpan(cursor: JsonCursor): void {
    const writer = this.#writer;
    const ids = this.#ids;
    const fields = this.#fields;
    const start = cursor.position;
    writer.beginSpan();
    fields.begin();
    writer.kind = Kind.internal;
    this.#service = this.#unknownService;
    this.#resourceTags.length = 0;
    this.#links.length = 0;
    let hasTraceId = false;
    let hasSpanId = false;
    let hasStart = false;
    let hasDuration = false;
    let isShared = false;
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
          if (form === IdForm.invented) this.#keepOriginal(start, this.#originalTraceId);
          break;
        }
        case 2:
          ids.read(cursor, 8);
          writer.parentIdLow = ids.word0;
          writer.parentIdHigh = ids.word1;
          break;
        case 3: {
          const form = ids.read(cursor, 8);
          hasSpanId = form !== IdForm.absent;
          writer.spanIdLow = ids.word0;
          writer.spanIdHigh = ids.word1;
          if (form === IdForm.invented) this.#keepOriginal(start, this.#originalSpanId);
          break;
        }
        case 4:
          if (cursor.readScalar()) writer.kind = this.#kinds.of(cursor) || Kind.internal;
          else this.#passOver(cursor, 'kind');
          break;
        case 5:
          if (cursor.readScalar()) writer.name = writer.nameOf(cursor.text, cursor.from, cursor.to);
          else this.#passOver(cursor, 'name');
          break;
        case 6:
          hasStart = this.#readTimestamp(cursor, start);
          break;
        case 7:
          hasDuration = this.#readDuration(cursor, start);
          break;
        case 8:
          this.#readEndpoint(cursor, true);
          break;
        case 9:
          this.#readEndpoint(cursor, false);
          break;
        case 10:
          this.#readAnnotations(cursor);
          break;
        case 11:
          this.#readTags(cursor);
          break;
        case 12:
          // "debug" means sampled at any cost.
          if (this.#readFlag(cursor, 'debug')) writer.flags = 1;
          break;
        case 13:
          isShared = this.#readFlag(cursor, 'shared');
          break;
        default:
          cursor.skipValue();
      }
    }
    if (!hasTraceId) throw new BadRecord('missing-trace-id', 'a span without traceId');
    if (!hasSpanId) throw new BadRecord('missing-span-id', 'a span without id');
    writer.quirks = Quirk.sharedParent;
    if (isShared) {
      writer.quirks |= Quirk.shared;
      writer.spanIdLow = (writer.spanIdLow ^ SHARED_SPAN_MASK.low) >>> 0;
      writer.spanIdHigh = (writer.spanIdHigh ^ SHARED_SPAN_MASK.high) >>> 0;
    }
    if (!hasStart) {
      writer.quirks |= Quirk.startUnknown;
      writer.addAttribute(this.#noStart, writer.boolValue(this.#noStart, true));
    }
    if (!hasDuration) writer.quirks |= Quirk.endUnknown;
    for (const link of this.#links) this.#addLink(link);
    writer.status = fields.status();
    writer.scope = fields.scope();
    writer.resource = this.#resourceOf();
    writer.commitSpan();
  }

  #resourceOf(): number {
    const known = this.#resourceTags.length === 0 ? this.#resources.get(this.#service) : undefined;
    if (known !== undefined) return known;
    const attributes = new Map<string, AttributeValue>();
    const service = this.#serviceNames.get(this.#service);
    if (service !== undefined) attributes.set('service.name', service);
    for (const [key, value] of this.#resourceTags) attributes.set(key, value);
    const resource = this.#writer.resourceOf(serviceNameOf(attributes), attributes);
    if (this.#resourceTags.length === 0) this.#resources.set(this.#service, resource);
    return resource;
  }

  #readFlag(cursor: JsonCursor, field: string): boolean {
    const word = cursor.readWord();
    if (word === undefined) this.#passOver(cursor, field);
    return word === true;
  }

  #passOver(cursor: JsonCursor, field: string): void {
    if (cursor.kind() !== JsonKind.null) {
      this.#context.report.repair('unexpected-type', this.#offsetOf(cursor.position), field);
    }
    cursor.skipValue();
  }

  #keepOriginal(start: number, key: number): void {
    const { original } = this.#ids;
    this.#context.report.repair('invented-id', this.#offsetOf(start), original);
    this.#writer.addAttribute(key, this.#writer.value(key, original));
  }

  #readTimestamp(cursor: JsonCursor, start: number): boolean {
    const writer = this.#writer;
    if (!readInteger64(cursor) || !microsToNanos(cursor) || cursor.high >= 0x8000_0000) {
      this.#context.report.repair('invalid-time', this.#offsetOf(start), 'timestamp');
      return false;
    }
    writer.startLow = cursor.low;
    writer.startHigh = cursor.high;
    return (cursor.low | cursor.high) !== 0;
  }

  #readDuration(cursor: JsonCursor, start: number): boolean {
    const writer = this.#writer;
    if (!readInteger64(cursor)) this.#context.report.repair('invalid-time', this.#offsetOf(start), 'duration');
    else if (cursor.high >= 0x8000_0000) {
      this.#context.report.repair('end-before-start', this.#offsetOf(start), 'a negative duration');
    } else if (!microsToNanos(cursor) || cursor.high >= 0x8000_0000) {
      this.#context.report.repair('invalid-time', this.#offsetOf(start), 'duration');
    } else {
      writer.durationLow = cursor.low;
      writer.durationHigh = cursor.high;
      return true;
    }
    return false;
  }

  #readEndpoint(cursor: JsonCursor, isLocal: boolean): void {
    const writer = this.#writer;
    if (!cursor.tryOpenObject()) return this.#passOver(cursor, isLocal ? 'localEndpoint' : 'remoteEndpoint');
    const address = isLocal ? this.#localAddress : this.#peerAddress;
    const port = isLocal ? this.#localPort : this.#peerPort;
    for (let first = true; cursor.nextKey(first); first = false) {
      const field = ENDPOINT_KEYS.match(cursor.text, cursor.from, cursor.to);
      if (field === 0 || !cursor.readScalar()) {
        cursor.skipValue();
        continue;
      }
      if (cursor.from === cursor.to) continue;
      if (field === 1) {
        if (isLocal) this.#setService(cursor);
        else {
          const key = this.#peerService;
          writer.addAttribute(key, writer.stringValue(key, cursor.text, cursor.from, cursor.to));
        }
      } else if (field === 4) writer.addAttribute(port, writer.integerValue(port, cursor.text, cursor.from, cursor.to));
      else writer.addAttribute(address, writer.stringValue(address, cursor.text, cursor.from, cursor.to));
    }
  }

  #setService(cursor: JsonCursor): void {
    this.#service = this.#writer.nameOf(cursor.text, cursor.from, cursor.to);
    if (!this.#serviceNames.has(this.#service)) this.#serviceNames.set(this.#service, cursor.textString());
  }

  #readTags(cursor: JsonCursor): void {
    const writer = this.#writer;
    const fields = this.#fields;
    if (!cursor.tryOpenObject()) return this.#passOver(cursor, 'tags');
    for (let first = true; cursor.nextKey(first); first = false) {
      const key = writer.keyOf(cursor.text, cursor.from, cursor.to);
      const kind = cursor.kind();
      if (kind !== JsonKind.string) {
        // Zipkin's tags are strings; a value of another type keeps its type.
        const value = readPlainValue(cursor);
        if (fields.fieldOf(key) === TagField.error && value === true) fields.takeError();
        else if (value !== null) writer.addAttribute(key, writer.value(key, value));
        continue;
      }
      cursor.readString();
      const field = fields.fieldOf(key);
      if (field === TagField.error) this.#takeError(cursor, key);
      else if (field === TagField.kind) {
        if (writer.kind === Kind.internal) writer.kind = this.#kinds.of(cursor) || Kind.internal;
      } else if (field !== TagField.none) fields.take(field, cursor.text, cursor.from, cursor.to);
      else {
        const role = this.#roles.of(key);
        if (role === 2) this.#links.push(cursor.textString());
        else if (role === 1) this.#resourceTags.push([writer.keys[key] ?? '', cursor.textString()]);
        else writer.addAttribute(key, writer.stringValue(key, cursor.text, cursor.from, cursor.to));
      }
    }
  }

  /** The tag `error` marks a failed span whatever it says, but for "false"; what it says is the description. */
  #takeError(cursor: JsonCursor, key: number): void {
    const text = cursor.textString();
    if (text === 'false') this.#writer.addAttribute(key, this.#writer.value(key, text));
    else if (text === 'true') this.#fields.takeError();
    else this.#fields.takeError(cursor.text, cursor.from, cursor.to);
  }

  #readAnnotations(cursor: JsonCursor): void {
    const writer = this.#writer;
    if (!cursor.tryOpenArray()) return this.#passOver(cursor, 'annotations');
    for (let first = true; cursor.nextItem(first); first = false) {
      if (!cursor.tryOpenObject()) {
        this.#passOver(cursor, 'annotation');
        continue;
      }
      writer.beginEvent();
      for (let firstKey = true; cursor.nextKey(firstKey); firstKey = false) {
        const field = ANNOTATION_KEYS.match(cursor.text, cursor.from, cursor.to);
        const at = cursor.position;
        if (field === 1) {
          if (readInteger64(cursor) && microsToNanos(cursor) && cursor.high < 0x8000_0000) {
            writer.setEventTime(cursor.low, cursor.high);
          } else this.#context.report.repair('invalid-time', this.#offsetOf(at), 'timestamp of an annotation');
        } else if (field === 2 && cursor.readScalar()) this.#readAnnotationValue(cursor);
        else cursor.skipValue();
      }
    }
  }

  /** An annotation is an event's name, or an event with attributes as an OpenTelemetry exporter encoded it. */
  #readAnnotationValue(cursor: JsonCursor): void {
    const writer = this.#writer;
    const opening = cursor.text.bytes[cursor.from];
    if (cursor.to - cursor.from > 2) {
      const text =
        opening === 123 || opening === 34 || cursor.text.bytes[cursor.to - 1]! < 58 ? cursor.textString() : '';
      const event = text === '' ? undefined : encodedEvent(text);
      if (event !== undefined) {
        writer.setEventName(writer.nameOfText(event.name));
        for (const [key, value] of Object.entries(event.attributes)) {
          const id = writer.keyOfText(key);
          writer.addEventAttribute(id, writer.value(id, value));
        }
        return;
      }
    }
    writer.setEventName(writer.nameOf(cursor.text, cursor.from, cursor.to));
  }

  #addLink(text: string): void {
    const writer = this.#writer;
    const ids = this.#ids;
    const [trace = '', span = '', state = '', ...rest] = text.split('|');
    writer.beginLink();
    ids.parseText(trace, 16);
    writer.setLinkTraceId(ids.word0, ids.word1, ids.word2, ids.word3);
    ids.parseText(span, 8);
    writer.setLinkSpanId(ids.word0, ids.word1);
    const add = (name: string, value: AttributeValue) => {
      const key = writer.keyOfText(name);
      writer.addLinkAttribute(key, writer.value(key, value));
    };
    if (state !== '') add('w3c.tracestate', state);
    const attributes = parseObject(rest.slice(0, -1).join('|'));
    for (const [name, value] of Object.entries(attributes ?? {})) add(name, value);
  }
}

/**
 * Reads `{"name":{…}}` and `"name":{…}` (OpenTelemetry SDKs) and `name|{…}|dropped` (the Collector); undefined where the
 * text is none of these.
 */
function encodedEvent(text: string): { name: string; attributes: Record<string, AttributeValue> } | undefined {
  if (text.startsWith('{') || text.startsWith('"')) {
    const whole = parseObject(text.startsWith('{') ? text : `{${text}}`);
    const entries = Object.entries(whole ?? {});
    const [only] = entries;
    if (entries.length !== 1 || only === undefined) return undefined;
    const [name, attributes] = only;
    return isObject(attributes) ? { name, attributes } : undefined;
  }
  const [, name = '', encoded = '', dropped] = /^(.*?)\|(\{.*\})\|(\d+)$/s.exec(text) ?? [];
  const attributes = dropped === undefined ? undefined : parseObject(encoded);
  if (attributes === undefined) return undefined;
  const count = dropped === '0' ? {} : { [CARRIED_FIELDS.droppedAttributesCount]: BigInt(dropped ?? 0) };
  return { name, attributes: { ...attributes, ...count } };
}

function parseObject(text: string): Record<string, AttributeValue> | undefined {
  try {
    const value = parseExactJson(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: AttributeValue): value is { [key: string]: AttributeValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
