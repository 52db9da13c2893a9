import type { AttributeValue } from '../../model/attributes.ts';
import { serviceNameOf } from '../../model/carried-fields.ts';
import { Quirk, SHARED_SPAN_MASK } from '../../model/span-batch.ts';
import { Kind } from '../../model/status.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import type { ByteSource } from '../columns/bytes.ts';
import { KeyRoles } from '../columns/key-roles.ts';
import { encodedEvent, LINK_TAG, linkOf, RESOURCE_TAG } from '../drafts/zipkin.ts';
import type { DecodeContext, JsonFormat } from '../format.ts';
import { BadRecord, type JsonCursor, JsonKind } from '../json/cursor.ts';
import { IdForm, IdReader } from '../json/ids.ts';
import { KeyTable } from '../json/key-table.ts';
import { Mending } from '../json/mending.ts';
import { microsToNanos, readInteger64, readPlainValue } from '../json/scalars.ts';
import type { Shape } from '../json/shape.ts';
import { TagField, TagFields } from '../json/tags.ts';
import { LANE_FIELD, LaneField, LaneForm, NOT_FOR_THE_LANE, type ZipkinHost } from '../lane/lane.ts';
import { ResourceTags } from './resource-tags.ts';

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

/** How a span begins as nearly all that write it do; nothing else in a span does. */
const SPAN_START = /\{\s*"(?:traceId|parentId|id)"\s*:/;

/** What a tag, or a field of an endpoint, is; beside what `TagField` has. */
const Field = { ...TagField, ...LaneField, link: 11 } as const;

export const zipkinJson: JsonFormat = {
  name: 'zipkin-json',
  title: 'Zipkin v2 JSON',
  family: 'json',
  isStateless: true,
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
  readonly #mending: Mending;
  readonly #fields: TagFields;
  /** What a tag key is beside an attribute: a `Field`. */
  readonly #roles: KeyRoles;
  readonly #resourceTags = new ResourceTags();
  /** Resources by the number of their tags and the name of their service. */
  readonly #resources = new Map<number, number>();

  readonly #localAddress: number;
  readonly #localPort: number;
  readonly #peerService: number;
  readonly #peerAddress: number;
  readonly #peerPort: number;
  readonly #noStart: number;
  readonly #originalTraceId: number;
  readonly #originalSpanId: number;

  /** Names of local endpoints by id. */
  readonly #serviceNames = new Map<number, string>();
  // The span in hand. A service that is not named has the id of the empty name.
  #service = 0;
  #tags = this.#resourceTags.none;
  #links: string[] = [];

  // The tag, or field of an endpoint, read last: an attribute, or what it says of the span.
  #key = 0;
  #field: number = Field.none;
  /** Id of the attribute's value, or what `TagFields` takes. */
  #value = 0;
  /** The text of a resource tag or a link. */
  #text = '';
  /** Keys and values of the event read last. */
  #eventAttributes: number[] = [];

  constructor(context: DecodeContext, offsetOf: (position: number) => number) {
    this.#context = context;
    this.#writer = context.writer;
    this.#offsetOf = offsetOf;
    this.#mending = new Mending(context, offsetOf);
    this.#fields = new TagFields(this.#writer);
    this.#roles = new KeyRoles(this.#writer, key =>
      RESOURCE_TAG.test(key) ? Field.resourceTag : LINK_TAG.test(key) ? Field.link : Field.none,
    );
    const key = (name: string) => this.#writer.keyOfText(name);
    this.#localAddress = key('network.local.address');
    this.#localPort = key('network.local.port');
    this.#peerService = key('peer.service');
    this.#peerAddress = key('network.peer.address');
    this.#peerPort = key('network.peer.port');
    this.#noStart = key('otel.zipkin.absentField.startTime');
    this.#originalTraceId = key('tailspan.trace_id');
    this.#originalSpanId = key('tailspan.span_id');
    this.shape = {
      record: cursor => this.#readSpan(cursor),
      run: (cursor, isFirst) => this.#readRun(cursor, isFirst),
      repeatable: true,
      start: SPAN_START,
    };
  }

  /** Reads as many spans as the fast lane can. */
  #readRun(cursor: JsonCursor, isFirst: boolean): void {
    const { lane } = this.#context;
    if (lane === undefined || cursor.bytes !== lane.jsonWindow.bytes) return;
    this.#cursor = cursor;
    cursor.position = lane.readZipkinJson(this.#laneHost, cursor.position, cursor.end, isFirst);
  }

  #cursor: JsonCursor | undefined;
  readonly #laneHost: ZipkinHost = {
    value: 0,
    attribute: (from, to, form) => {
      const cursor = this.#cursorAt(from);
      const host = this.#laneHost;
      if (form === LaneForm.zipkinKind) {
        host.value = this.#kindOf(cursor, from, to);
        return LANE_FIELD + LaneField.nothing;
      }
      cursor.nextKey(true);
      if (form === LaneForm.zipkinTag) this.#readTag(cursor);
      else this.#readEndpointField(cursor, form === LaneForm.zipkinLocal);
      if (cursor.position !== to || this.#field === Field.link) throw NOT_FOR_THE_LANE;
      host.value =
        this.#field === Field.resourceTag
          ? this.#resourceTags.numberOf(this.#writer.keys[this.#key]!, this.#text)
          : this.#value;
      return this.#field === Field.none ? this.#key : LANE_FIELD + this.#field;
    },
    key: (from, to) => {
      const key = this.#writer.keyOf(this.#cursorAt(from), from, to);
      return this.#fields.fieldOf(key) !== Field.none || this.#roles.of(key) !== Field.none ? LANE_FIELD : key;
    },
    status: (hasError, code, description, errorText) => this.#fields.statusOf(hasError, code, description, errorText),
    place: (service, tags, scopeName, scopeVersion) => {
      this.#service = service;
      this.#tags = this.#resourceTags.find(tags);
      this.#writer.resource = this.#resourceOf();
      this.#writer.scope = this.#fields.scopeOf(scopeName, scopeVersion);
    },
    withResourceTag: (tags, tag) => {
      const before = this.#resourceTags.find(tags);
      const { key, value } = this.#resourceTags.find(tag);
      return this.#resourceTags.with(before, key, value).number;
    },
    event: (from, to) => {
      const cursor = this.#cursorAt(from);
      cursor.readString();
      if (cursor.position !== to) throw NOT_FOR_THE_LANE;
      return { name: this.#readEvent(cursor), attributes: this.#eventAttributes };
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
    writer.kind = Kind.internal;
    this.#service = writer.emptyName;
    this.#tags = this.#resourceTags.none;
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
          if (form === IdForm.invented) this.#mending.keepOriginal(this.#ids, start, this.#originalTraceId);
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
          if (form === IdForm.invented) this.#mending.keepOriginal(this.#ids, start, this.#originalSpanId);
          break;
        }
        case 4:
          if (cursor.readScalar()) writer.kind = this.#kindOf(cursor.text, cursor.from, cursor.to);
          else this.#mending.passOver(cursor, 'kind');
          break;
        case 5:
          if (cursor.readScalar()) writer.name = writer.nameOf(cursor.text, cursor.from, cursor.to);
          else this.#mending.passOver(cursor, 'name');
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
    this.#reportZeroIds(start);
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
    // Both numbers are below 2^26: names and lists of tags are made one by one.
    const known = this.#service * 2 ** 26 + this.#tags.number;
    let resource = this.#resources.get(known);
    if (resource === undefined) {
      const attributes = new Map<string, AttributeValue>();
      const service = this.#serviceNames.get(this.#service);
      if (service !== undefined) attributes.set('service.name', service);
      for (const [key, value] of this.#resourceTags.tagsOf(this.#tags)) attributes.set(key, value);
      resource = this.#writer.resourceOf(serviceNameOf(attributes), attributes);
      if (this.#resources.size >= 1 << 16) this.#resources.clear();
      this.#resources.set(known, resource);
    }
    return resource;
  }

  /** The kind that a text names; a span that names none is internal. */
  #kindOf(text: ByteSource, from: number, to: number): number {
    return Math.max(Kind.internal, this.#fields.valueOf(Field.kind, text, from, to));
  }

  #reportZeroIds(start: number): void {
    const { traceId0, traceId1, traceId2, traceId3, spanIdLow, spanIdHigh } = this.#writer;
    const { report } = this.#context;
    if ((traceId0 | traceId1 | traceId2 | traceId3) === 0) report.repair('zero-id', this.#offsetOf(start), 'traceId');
    if ((spanIdLow | spanIdHigh) === 0) report.repair('zero-id', this.#offsetOf(start), 'id');
  }

  #readFlag(cursor: JsonCursor, field: string): boolean {
    const word = cursor.readWord();
    if (word === undefined) this.#mending.passOver(cursor, field);
    return word === true;
  }

  #readTimestamp(cursor: JsonCursor, start: number): boolean {
    const writer = this.#writer;
    if (!readInteger64(cursor) || !microsToNanos(cursor) || cursor.high >= 0x8000_0000) {
      this.#mending.tell('invalid-time', start, 'timestamp');
      return false;
    }
    writer.startLow = cursor.low;
    writer.startHigh = cursor.high;
    return (cursor.low | cursor.high) !== 0;
  }

  #readDuration(cursor: JsonCursor, start: number): boolean {
    const writer = this.#writer;
    if (!readInteger64(cursor)) this.#mending.tell('invalid-time', start, 'duration');
    else if (cursor.high >= 0x8000_0000) {
      this.#mending.tell('end-before-start', start, 'a negative duration');
    } else if (!microsToNanos(cursor) || cursor.high >= 0x8000_0000) {
      this.#mending.tell('invalid-time', start, 'duration');
    } else {
      writer.durationLow = cursor.low;
      writer.durationHigh = cursor.high;
      return true;
    }
    return false;
  }

  #readEndpoint(cursor: JsonCursor, isLocal: boolean): void {
    if (!cursor.tryOpenObject()) return this.#mending.passOver(cursor, isLocal ? 'localEndpoint' : 'remoteEndpoint');
    for (let first = true; cursor.nextKey(first); first = false) {
      this.#readEndpointField(cursor, isLocal);
      if (this.#field === Field.none) this.#writer.addAttribute(this.#key, this.#value);
      else if (this.#field === Field.service) this.#service = this.#value;
    }
  }

  /** Reads the field of an endpoint whose key was read last. */
  #readEndpointField(cursor: JsonCursor, isLocal: boolean): void {
    const writer = this.#writer;
    const field = ENDPOINT_KEYS.match(cursor.text, cursor.from, cursor.to);
    this.#field = Field.nothing;
    if (field === 0 || !cursor.readScalar()) {
      cursor.skipValue();
      return;
    }
    const { text, from, to } = cursor;
    if (from === to) return;
    if (field === 1 && isLocal) {
      this.#field = Field.service;
      this.#value = writer.nameOf(text, from, to);
      if (!this.#serviceNames.has(this.#value)) this.#serviceNames.set(this.#value, cursor.textString());
      return;
    }
    this.#field = Field.none;
    if (field === 4) {
      this.#key = isLocal ? this.#localPort : this.#peerPort;
      this.#value = writer.integerValue(this.#key, text, from, to);
      return;
    }
    this.#key = field === 1 ? this.#peerService : isLocal ? this.#localAddress : this.#peerAddress;
    this.#value = writer.stringValue(this.#key, text, from, to);
  }

  #readTags(cursor: JsonCursor): void {
    const writer = this.#writer;
    if (!cursor.tryOpenObject()) return this.#mending.passOver(cursor, 'tags');
    for (let first = true; cursor.nextKey(first); first = false) {
      this.#readTag(cursor);
      switch (this.#field) {
        case Field.none:
          writer.addAttribute(this.#key, this.#value);
          break;
        case Field.kind:
          if (writer.kind === Kind.internal) writer.kind = this.#value || Kind.internal;
          break;
        case Field.link:
          this.#links.push(this.#text);
          break;
        case Field.resourceTag:
          this.#tags = this.#resourceTags.with(this.#tags, writer.keys[this.#key]!, this.#text);
          break;
        default:
          this.#fields.take(this.#field, this.#value);
      }
    }
  }

  /** Reads the value of the tag whose key was read last. */
  #readTag(cursor: JsonCursor): void {
    const writer = this.#writer;
    const fields = this.#fields;
    const key = writer.keyOf(cursor.text, cursor.from, cursor.to);
    this.#key = key;
    this.#field = Field.none;
    if (cursor.kind() !== JsonKind.string) {
      // Zipkin's tags are strings; a value of another type keeps its type.
      const value = readPlainValue(cursor);
      if (fields.fieldOf(key) === Field.error && value === true) {
        this.#field = Field.error;
        this.#value = 0;
      } else if (value === null) this.#field = Field.nothing;
      else this.#value = writer.value(key, value);
      return;
    }
    cursor.readString();
    const { text, from, to } = cursor;
    const field = fields.fieldOf(key);
    if (field !== Field.none) {
      this.#value = field === Field.error ? this.#errorOf(cursor) : fields.valueOf(field, text, from, to);
      if (this.#value >= 0) {
        this.#field = field;
        return;
      }
    } else {
      const role = this.#roles.of(key);
      if (role !== Field.none) {
        this.#field = role;
        this.#text = cursor.textString();
        return;
      }
    }
    this.#value = writer.stringValue(key, text, from, to);
  }

  /** The tag `error` marks a failed span whatever it says, but for "false" (-1); what it says is the description. */
  #errorOf(cursor: JsonCursor): number {
    switch (cursor.textString()) {
      case 'false':
        return -1;
      case 'true':
        return 0;
      default:
        return this.#fields.valueOf(Field.error, cursor.text, cursor.from, cursor.to);
    }
  }

  #readAnnotations(cursor: JsonCursor): void {
    const writer = this.#writer;
    if (!cursor.tryOpenArray()) return this.#mending.passOver(cursor, 'annotations');
    for (let first = true; cursor.nextItem(first); first = false) {
      if (!cursor.tryOpenObject()) {
        this.#mending.passOver(cursor, 'annotation');
        continue;
      }
      writer.beginEvent();
      for (let firstKey = true; cursor.nextKey(firstKey); firstKey = false) {
        const field = ANNOTATION_KEYS.match(cursor.text, cursor.from, cursor.to);
        const at = cursor.position;
        if (field === 1) {
          if (readInteger64(cursor) && microsToNanos(cursor) && cursor.high < 0x8000_0000) {
            writer.setEventTime(cursor.low, cursor.high);
          } else this.#mending.tell('invalid-time', at, 'timestamp of an annotation');
        } else if (field === 2 && cursor.readScalar()) this.#takeEvent(cursor);
        else cursor.skipValue();
      }
    }
  }

  #takeEvent(cursor: JsonCursor): void {
    const writer = this.#writer;
    writer.setEventName(this.#readEvent(cursor));
    const attributes = this.#eventAttributes;
    for (let at = 0; at < attributes.length; at += 2) writer.addEventAttribute(attributes[at]!, attributes[at + 1]!);
  }

  /**
   * Reads the cursor's text, an annotation: an event's name, or an event with attributes as an OpenTelemetry exporter encoded it.
   * Returns the id of its name and leaves its attributes in `#eventAttributes`.
   */
  #readEvent(cursor: JsonCursor): number {
    const writer = this.#writer;
    const { text, from, to } = cursor;
    this.#eventAttributes.length = 0;
    const opening = text.bytes[from];
    const mayBeEncoded = to - from > 2 && (opening === 123 || opening === 34 || text.bytes[to - 1]! < 58);
    const event = mayBeEncoded ? encodedEvent(cursor.textString()) : undefined;
    if (event === undefined) return writer.nameOf(text, from, to);
    const [name, attributes] = event;
    for (const [key, value] of Object.entries(attributes)) {
      const id = writer.keyOfText(key);
      this.#eventAttributes.push(id, writer.value(id, value));
    }
    return writer.nameOfText(name);
  }

  #addLink(text: string): void {
    const writer = this.#writer;
    const ids = this.#ids;
    const { traceId, spanId, attributes } = linkOf(text);
    writer.beginLink();
    ids.parseText(traceId, 16);
    writer.setLinkTraceId(ids.word0, ids.word1, ids.word2, ids.word3);
    ids.parseText(spanId, 8);
    writer.setLinkSpanId(ids.word0, ids.word1);
    for (const [name, value] of attributes) {
      const key = writer.keyOfText(name);
      writer.addLinkAttribute(key, writer.value(key, value));
    }
  }
}
