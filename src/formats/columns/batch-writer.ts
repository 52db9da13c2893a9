import { isUtf8 } from 'node:buffer';
import {
  type AttributeValue,
  isInt64,
  textOfDouble,
  textOfValue,
  typeOfValue,
  ValueType,
} from '../../model/attributes.ts';
import {
  type EventColumns,
  type LinkColumns,
  Quirk,
  type SpanBatch,
  type SpanColumns,
  type ValueColumns,
} from '../../model/span-batch.ts';
import {
  emptyDefinitions,
  emptyEvents,
  emptyLinks,
  emptySpans,
  emptyValues,
  growEvents,
  growLinks,
  grown,
  growSpans,
  growValues,
  newEvents,
  newLinks,
  newSpans,
  newValues,
  resized,
} from './allocation.ts';
import { AttributeCache } from './attribute-cache.ts';
import { ByteDictionary } from './byte-dictionary.ts';
import { type ByteSource, byteSource, copyBytes, SLACK, sourceOfText } from './bytes.ts';
import { Operations } from './operations.ts';
import { appendEvents, appendLinks, appendSpans, appendValues, type NewValues, type Run } from './run.ts';
import { ValueClass, ValueDictionary } from './value-dictionary.ts';

// The one way from a decoder to columns. A decoder sets the fields of the span in hand, adds attributes, events and
// links, and commits; what is not committed is taken back, so a decoder may stop anywhere in a record and begin again.

const BATCH_SPANS = 16_384;
const BATCH_ATTRIBUTES = 1 << 18;
const BATCH_TEXT = 4 << 20;
/** Batches that wait to be filled again: as many as may wait for the other thread (ingest/ingest.ts), and come back at once. */
const MAX_SPARE = 14;
/** High word of 10^15 ns, eleven days after the epoch: from here on a time was taken from a real clock. */
const EPOCH_HIGH = 232_830;

/** Ids for attribute values are taken in blocks of so many where several writers give them at once. */
const ID_BLOCK = 1 << 17;
/** Where a batch begins with fewer left than this, it begins with the next block: one that ends inside a batch cuts it in two. */
const FEW_IDS = ID_BLOCK / 4;

/** Which of how many writers one is that give ids at once: of n, each takes every n-th block. */
export interface WriterTurn {
  readonly index: number;
  readonly of: number;
}

/** What a new writer must know of the database it feeds, and where its batches go. */
export interface BatchWriterOptions {
  readonly producer: number;
  /** The first id for attribute values; greater than any id already stored. */
  readonly firstValueId: number;
  /** Whether batches go to another thread: their columns lie in shared memory then, and come back by `recycle`. */
  readonly isShared?: boolean;
  readonly onBatch: (batch: SpanBatch) => void;
}

export class BatchWriter {
  // The span in hand. 64-bit values are low and high words; an id's words run from least to most significant.
  traceId0 = 0;
  traceId1 = 0;
  traceId2 = 0;
  traceId3 = 0;
  spanIdLow = 0;
  spanIdHigh = 0;
  parentIdLow = 0;
  parentIdHigh = 0;
  startLow = 0;
  startHigh = 0;
  durationLow = 0;
  durationHigh = 0;
  /** Id from `nameOf`. */
  name = 0;
  kind = 0;
  flags = 0;
  quirks = 0;
  /** Id from `statusOf`. */
  status = 0;
  /** Id from `resourceOf`. */
  resource = 0;
  /** Id from `scopeOf`. */
  scope = 0;

  /** Attributes by the bytes in which a format writes them. */
  readonly cache = new AttributeCache();

  /** Spans committed so far. */
  spanCount = 0;
  /** The id that the next new attribute value will get. */
  nextValueId: number;
  /** Where the block of ids in hand ends, and how far behind it the writer's next one begins. */
  #blockEnd = Infinity;
  #betweenBlocks = 0;

  readonly #options: BatchWriterOptions;
  readonly #isShared: boolean;
  /** Where texts that come as strings are encoded. */
  #scratch = byteSource(1024);
  #definitions = emptyDefinitions();
  #values: ValueColumns;
  #spans: SpanColumns;
  #events: EventColumns;
  #links: LinkColumns;
  #spanAttributes = 0;
  #eventCount = 0;
  #eventAttributes = 0;
  #linkCount = 0;
  #linkAttributes = 0;
  #full = false;
  /** Batches that came back, whose columns are used again. */
  readonly #spare: SpanBatch[] = [];

  readonly #names: ByteDictionary;
  readonly #keys: ByteDictionary;
  readonly #dictionary = new ValueDictionary();
  /** Id of the empty name. */
  readonly emptyName: number;
  readonly #keyTexts: string[] = [];
  #spanKeySeen = new Uint32Array(256);
  #spanKeyAt = new Uint32Array(256);
  #partKeySeen = new Uint32Array(256);
  #partKeyAt = new Uint32Array(256);
  #spanSerial = 1;
  #partSerial = 1;

  readonly #operations = new Operations(definition => this.#definitions.operations.push(definition));
  readonly #resources = new Map<string, number>();
  readonly #resourceService: number[] = [];
  readonly #contexts = new Map<string, number>();
  #contextCount = 0;
  readonly #scopes = new Map<string, number>();
  #scopeCount = 0;
  readonly #statuses = new Map<string, number>();
  #statusCount = 0;
  #statusMessages: ByteDictionary;
  readonly #statusOfMessage: number[][] = [[], [], []];
  /** The first row of the spans that are held. */
  #heldFrom: number | undefined;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.nextValueId = options.firstValueId;
    this.#isShared = options.isShared === true;
    this.#values = newValues(this.#isShared, 256, this.nextValueId);
    this.#spans = newSpans(this.#isShared, 256);
    this.#events = newEvents(this.#isShared, 64);
    this.#links = newLinks(this.#isShared, 16);
    this.#names = new ByteDictionary((_id, source, from, to) => {
      this.#definitions.names.push(validText(source, from, to));
    });
    this.#keys = new ByteDictionary((id, source, from, to) => {
      const key = validText(source, from, to);
      this.#definitions.keys.push(key);
      if (id >= this.#spanKeySeen.length) this.#growKeys(id);
      this.#keyTexts.push(key);
    });
    this.#statusMessages = new ByteDictionary(() => {});
    this.emptyName = this.nameOfText('');
    for (const code of [0, 1, 2]) this.#defineStatus(code, '');
  }

  /** The attribute keys defined so far, by id. */
  get keys(): readonly string[] {
    return this.#keyTexts;
  }

  /** Leaves out ids below `next`: another producer has given them. Call it between sources only, after `flush`. */
  skipValueIds(next: number): void {
    this.#blockEnd = Infinity;
    this.#continueIds(Math.max(next, this.nextValueId));
  }

  /**
   * Shares the ids from `first` on with other writers, for as long as a source takes: call it between sources only, after `flush`. No
   * id from there on may have been given.
   */
  takeTurns(first: number, { index, of }: WriterTurn): void {
    this.#betweenBlocks = (of - 1) * ID_BLOCK;
    this.#blockEnd = first + (index + 1) * ID_BLOCK;
    this.#continueIds(first + index * ID_BLOCK);
  }

  /** Takes all ids from here on. None of those of other writers may have been used. */
  takeAllTurns(): void {
    this.#blockEnd = Infinity;
  }

  /** Sees to it that the next `count` new values, not more than a quarter of a block, get ids in a row. */
  reserveValueIds(count: number): void {
    if (this.nextValueId + count > this.#blockEnd) this.#nextBlock();
  }

  #nextBlock(): void {
    if (this.#values.count > 0) this.#sendValues();
    const first = this.#blockEnd + this.#betweenBlocks;
    this.#blockEnd = first + ID_BLOCK;
    this.#continueIds(first);
  }

  #continueIds(next: number): void {
    this.nextValueId = next;
    if (this.#values.count === 0) this.#values.firstId = next;
  }

  /** Sends off the new values ahead of the spans that have them, which may have to be held. */
  #sendValues(): void {
    const isShared = this.#isShared;
    const batch: SpanBatch = {
      producer: this.#options.producer,
      definitions: this.#definitions,
      values: this.#values,
      spans: newSpans(isShared, 0),
      events: newEvents(isShared, 0),
      links: newLinks(isShared, 0),
    };
    this.#definitions = emptyDefinitions();
    this.#values = newValues(isShared, 256, this.nextValueId);
    this.#full = false;
    this.#options.onBatch(batch);
  }

  /** Id of a name (of a span, an event or a service) given as bytes. */
  nameOf(source: ByteSource, from: number, to: number): number {
    return this.#names.idOf(source, from, to);
  }

  /** Id of a name given as text; for names that do not come once a span. */
  nameOfText(text: string): number {
    const length = this.#encode(text);
    return this.#names.idOf(this.#scratch, 0, length);
  }

  /** Id of an attribute key given as bytes. */
  keyOf(source: ByteSource, from: number, to: number): number {
    return this.#keys.idOf(source, from, to);
  }

  /** Id of an attribute key given as text. */
  keyOfText(text: string): number {
    const length = this.#encode(text);
    return this.#keys.idOf(this.#scratch, 0, length);
  }

  /** Id of a string value. */
  stringValue(key: number, source: ByteSource, from: number, to: number): number {
    return (
      this.#dictionary.find(key, ValueType.string, source, from, to) ||
      this.#newValue(key, ValueType.string, source, from, to)
    );
  }

  /** Id of a boolean value. */
  boolValue(key: number, value: boolean): number {
    const { source, length } = value ? TRUE : FALSE;
    return (
      this.#dictionary.find(key, ValueType.bool, source, 0, length) ||
      this.#newValue(key, ValueType.bool, source, 0, length)
    );
  }

  /**
   * Id of an integer given as decimal digits. A form that is not canonical (`007`, `+1`) is made so; an integer beyond
   * int64 is kept as the string it is.
   */
  integerValue(key: number, source: ByteSource, from: number, to: number): number {
    const found = this.#dictionary.find(key, ValueType.int, source, from, to);
    if (found !== 0) return found;
    if (isCanonicalInteger(source.bytes, from, to)) return this.#newValue(key, ValueType.int, source, from, to);
    const text = latin1(source.bytes, from, to).trim();
    if (!/^[-+]?\d+$/.test(text)) {
      const number = Number(text);
      return this.value(key, text !== '' && Number.isFinite(number) ? number : text);
    }
    const integer = BigInt(text.replace(/^\+/, ''));
    return this.value(key, isInt64(integer) ? integer : text);
  }

  /** Id of a double given as a JSON number. */
  numberValue(key: number, source: ByteSource, from: number, to: number): number {
    const found = this.#dictionary.find(key, ValueClass.jsonNumber, source, from, to);
    if (found !== 0) return found;
    return this.rememberEncoded(key, ValueClass.jsonNumber, source, from, to, Number(latin1(source.bytes, from, to)));
  }

  /** Id of a double given as its 8 little-endian bytes at `from`. */
  doubleValue(key: number, source: ByteSource, from: number): number {
    const found = this.#dictionary.find(key, ValueClass.doubleBits, source, from, from + 8);
    if (found !== 0) return found;
    const value = source.view.getFloat64(from, true);
    return this.rememberEncoded(key, ValueClass.doubleBits, source, from, from + 8, value);
  }

  /**
   * Returns the id remembered for a value written in a form that is costly to read, known by its bytes, or 0: then make
   * the value and call `rememberEncoded`. `valueClass` keeps forms of different meaning apart.
   */
  findEncoded(key: number, valueClass: number, source: ByteSource, from: number, to: number): number {
    return this.#dictionary.find(key, valueClass, source, from, to);
  }

  /** Id of the value that the bytes stand for, remembered for the next time. */
  rememberEncoded(
    key: number,
    valueClass: number,
    source: ByteSource,
    from: number,
    to: number,
    value: AttributeValue,
  ): number {
    const id = this.value(key, value);
    this.#dictionary.remember(key, valueClass, source, from, to, id);
    return id;
  }

  /** Says whether values of a key come again, as far as is known: else they are not worth remembering. */
  comesAgain(key: number): boolean {
    return this.#dictionary.comesAgain(key);
  }

  /** Id of any value; for values that do not come once a span. */
  value(key: number, value: AttributeValue): number {
    const type = typeOfValue(value);
    const length = this.#encode(typeof value === 'number' ? textOfDouble(value) : textOfValue(value));
    return this.#valueInScratch(key, type, length);
  }

  /** Id of an integer that a double holds exactly. */
  smallIntegerValue(key: number, value: number): number {
    const { bytes } = this.#scratch;
    let length = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) length++;
    for (let at = length - 1, rest = value; at >= 0; at--) {
      const quotient = Math.floor(rest / 10);
      bytes[at] = 48 + rest - quotient * 10;
      rest = quotient;
    }
    return this.#valueInScratch(key, ValueType.int, length);
  }

  #valueInScratch(key: number, type: number, length: number): number {
    const source = this.#scratch;
    return this.#dictionary.find(key, type, source, 0, length) || this.#newValue(key, type, source, 0, length);
  }

  /** Writes a text into the scratch as UTF-8 and returns its length in bytes. */
  #encode(text: string): number {
    if (text.length * 3 > this.#scratch.bytes.length - SLACK) this.#scratch = byteSource(text.length * 3);
    return encoder.encodeInto(text, this.#scratch.bytes).written;
  }

  /** Id of a status. */
  statusOf(code: number, source: ByteSource, from: number, to: number): number {
    if (from === to) return code >= 0 && code <= 2 ? code : 0;
    const ids = this.#statusOfMessage[code] ?? this.#statusOfMessage[0]!;
    const message = this.#statusMessages.idOf(source, from, to);
    ids[message] ??= this.#defineStatus(code, validText(source, from, to));
    return ids[message];
  }

  /** Id of a status whose message is given as text. */
  statusOfText(code: number, message: string): number {
    const length = this.#encode(message);
    return this.statusOf(code, this.#scratch, 0, length);
  }

  #defineStatus(code: number, message: string): number {
    const known = `${code} ${message}`;
    let id = this.#statuses.get(known);
    if (id === undefined) {
      id = this.#statusCount++;
      this.#definitions.statuses.push({ code: code >= 0 && code <= 2 ? code : 0, message });
      if (this.#statuses.size < 1 << 16) this.#statuses.set(known, id);
    }
    return id;
  }

  /** Id of a resource of a service, with its attributes in the order of the source. */
  resourceOf(serviceName: string, attributes: ReadonlyMap<string, AttributeValue>): number {
    const service = this.nameOfText(serviceName);
    const ids = this.#idsOf(attributes);
    const known = `${service} ${ids.join(' ')}`;
    let id = this.#resources.get(known);
    if (id === undefined) {
      id = this.#resourceService.length;
      this.#resourceService.push(service);
      this.#definitions.resources.push({ serviceName: service, attributes: ids });
      if (this.#resources.size >= 1 << 16) this.#resources.clear();
      this.#resources.set(known, id);
    }
    return id;
  }

  /** Id of a scope; name and version are empty where the source has none. */
  scopeOf(name: string, version: string, attributes?: ReadonlyMap<string, AttributeValue>): number {
    const ids = attributes === undefined ? [] : this.#idsOf(attributes);
    const known = `${name}\0${version}\0${ids.join(' ')}`;
    let id = this.#scopes.get(known);
    if (id === undefined) {
      id = this.#scopeCount++;
      this.#definitions.scopes.push({ name, version, attributes: ids });
      if (this.#scopes.size >= 1 << 16) this.#scopes.clear();
      this.#scopes.set(known, id);
    }
    return id;
  }

  #idsOf(attributes: ReadonlyMap<string, AttributeValue>): number[] {
    return Array.from(attributes, ([key, value]) => this.value(this.keyOfText(key), value));
  }

  /** Begins a span: forgets what was set and not committed. */
  beginSpan(): void {
    this.traceId0 = this.traceId1 = this.traceId2 = this.traceId3 = 0;
    this.spanIdLow = this.spanIdHigh = this.parentIdLow = this.parentIdHigh = 0;
    this.startLow = this.startHigh = this.durationLow = this.durationHigh = 0;
    this.name = this.emptyName;
    this.kind = this.flags = this.quirks = this.status = 0;
    const row = this.#spans.count;
    this.#spanAttributes = row === 0 ? 0 : this.#spans.attributeEnd[row - 1]!;
    const events = this.#events.count;
    this.#eventCount = events;
    this.#eventAttributes = events === 0 ? 0 : this.#events.attributeEnd[events - 1]!;
    const links = this.#links.count;
    this.#linkCount = links;
    this.#linkAttributes = links === 0 ? 0 : this.#links.attributeEnd[links - 1]!;
    this.#spanSerial++;
  }

  /**
   * Sets the duration of the span in hand from its start and the given end, both nanoseconds since the epoch with 0 for
   * "not recorded". Returns the reason where something had to be mended.
   */
  setEnd(low: number, high: number): 'end-before-start' | 'missing-start' | undefined {
    const hasStart = (this.startLow | this.startHigh) !== 0;
    const hasEnd = (low | high) !== 0;
    if (!hasEnd) {
      this.quirks |= hasStart ? Quirk.endUnknown : Quirk.endUnknown | Quirk.startUnknown;
      return undefined;
    }
    if (!hasStart && high >= EPOCH_HIGH) {
      // All that is known is when it ended: it stands there, without a duration.
      this.startLow = low;
      this.startHigh = high;
      this.quirks |= Quirk.endUnknown;
      return 'missing-start';
    }
    const durationLow = low - this.startLow;
    const durationHigh = high - this.startHigh - (durationLow < 0 ? 1 : 0);
    if (durationHigh < 0) return 'end-before-start';
    this.durationLow = durationLow >>> 0;
    this.durationHigh = durationHigh;
    return undefined;
  }

  /** Adds an attribute to the span in hand; a key that it already has takes the new value. Returns false then. */
  addAttribute(key: number, value: number): boolean {
    const columns = this.#spans;
    this.#dictionary.countUse(key);
    if (this.#spanKeySeen[key] === this.#spanSerial) {
      columns.attributes[this.#spanKeyAt[key]!] = value;
      return false;
    }
    const at = this.#spanAttributes++;
    if (at === columns.attributes.length) columns.attributes = grown(columns.attributes, at + 1);
    this.#spanKeySeen[key] = this.#spanSerial;
    this.#spanKeyAt[key] = at;
    columns.attributes[at] = value;
    return true;
  }

  /** Begins an event of the span in hand. Name and time may be set until the next event or link begins. */
  beginEvent(): void {
    const row = this.#eventCount++;
    const columns = this.#events;
    if (row === columns.span.length) growEvents(columns);
    columns.time[row * 2] = 0;
    columns.time[row * 2 + 1] = 0;
    columns.name[row] = this.emptyName;
    columns.attributeEnd[row] = this.#eventAttributes;
    this.#partSerial++;
  }

  setEventTime(low: number, high: number): void {
    const at = (this.#eventCount - 1) * 2;
    this.#events.time[at] = low;
    this.#events.time[at + 1] = high;
  }

  setEventName(name: number): void {
    this.#events.name[this.#eventCount - 1] = name;
  }

  /** Adds an attribute to the event begun last. */
  addEventAttribute(key: number, value: number): void {
    const columns = this.#events;
    if (this.#partKeySeen[key] === this.#partSerial) {
      columns.attributes[this.#partKeyAt[key]!] = value;
      return;
    }
    const at = this.#eventAttributes++;
    if (at === columns.attributes.length) columns.attributes = grown(columns.attributes, at + 1);
    this.#partKeySeen[key] = this.#partSerial;
    this.#partKeyAt[key] = at;
    columns.attributes[at] = value;
    columns.attributeEnd[this.#eventCount - 1] = at + 1;
  }

  /** Begins a link of the span in hand. */
  beginLink(): void {
    const row = this.#linkCount++;
    const columns = this.#links;
    if (row === columns.span.length) growLinks(columns);
    columns.traceId.fill(0, row * 4, row * 4 + 4);
    columns.spanId.fill(0, row * 2, row * 2 + 2);
    columns.attributeEnd[row] = this.#linkAttributes;
    this.#partSerial++;
  }

  setLinkTraceId(word0: number, word1: number, word2: number, word3: number): void {
    const at = (this.#linkCount - 1) * 4;
    const words = this.#links.traceId;
    words[at] = word0;
    words[at + 1] = word1;
    words[at + 2] = word2;
    words[at + 3] = word3;
  }

  setLinkSpanId(low: number, high: number): void {
    const at = (this.#linkCount - 1) * 2;
    this.#links.spanId[at] = low;
    this.#links.spanId[at + 1] = high;
  }

  /** Adds an attribute to the link begun last. */
  addLinkAttribute(key: number, value: number): void {
    const columns = this.#links;
    if (this.#partKeySeen[key] === this.#partSerial) {
      columns.attributes[this.#partKeyAt[key]!] = value;
      return;
    }
    const at = this.#linkAttributes++;
    if (at === columns.attributes.length) columns.attributes = grown(columns.attributes, at + 1);
    this.#partKeySeen[key] = this.#partSerial;
    this.#partKeyAt[key] = at;
    columns.attributes[at] = value;
    columns.attributeEnd[this.#linkCount - 1] = at + 1;
  }

  /** Stores the span in hand; sends the batch off when it is full. */
  commitSpan(): void {
    const columns = this.#spans;
    const row = columns.count;
    if (row === columns.operation.length) growSpans(columns);
    const at4 = row * 4;
    const at2 = row * 2;
    columns.traceId[at4] = this.traceId0;
    columns.traceId[at4 + 1] = this.traceId1;
    columns.traceId[at4 + 2] = this.traceId2;
    columns.traceId[at4 + 3] = this.traceId3;
    columns.spanId[at2] = this.spanIdLow;
    columns.spanId[at2 + 1] = this.spanIdHigh;
    columns.parentId[at2] = this.parentIdLow;
    columns.parentId[at2 + 1] = this.parentIdHigh;
    columns.start[at2] = this.startLow;
    columns.start[at2 + 1] = this.startHigh;
    columns.duration[at2] = this.durationLow;
    columns.duration[at2 + 1] = this.durationHigh;
    columns.operation[row] = this.operationOf(this.name, this.kind, this.flags, this.quirks);
    columns.resource[row] = this.resource;
    columns.status[row] = this.status;
    columns.attributeEnd[row] = this.#spanAttributes;
    columns.count = row + 1;
    for (let event = this.#events.count; event < this.#eventCount; event++) this.#events.span[event] = row;
    this.#events.count = this.#eventCount;
    for (let link = this.#links.count; link < this.#linkCount; link++) this.#links.span[link] = row;
    this.#links.count = this.#linkCount;
    this.spanCount++;
    if (row + 1 >= BATCH_SPANS || this.#spanAttributes >= BATCH_ATTRIBUTES || this.#full) this.flush();
  }

  /**
   * Returns a number for the current resource's service (while spans are held, for the lack of one) and scope: the same for the
   * same two, never 0.
   */
  operationContext(): number {
    const service =
      this.#heldFrom === undefined ? this.#resourceService[this.resource] : `held ${this.#operations.heldFrom}`;
    const key = `${service} ${this.scope}`;
    let context = this.#contexts.get(key);
    if (context === undefined) {
      context = ++this.#contextCount;
      if (this.#contexts.size >= 1 << 16) this.#contexts.clear();
      this.#contexts.set(key, context);
    }
    return context;
  }

  /** Id of an operation of the current resource's service and scope; while spans are held, one that `release` replaces. */
  operationOf(name: number, kind: number, flags: number, quirks: number): number {
    if (this.#heldFrom !== undefined) return this.#operations.heldIdOf(name, kind, this.scope, flags, quirks);
    return this.#operations.idOf(this.#resourceService[this.resource]!, name, kind, this.scope, flags, quirks);
  }

  /** Stores the spans of a run; sends the batch off when it is full. */
  appendRun(run: Run): void {
    const spans = this.#spans;
    const row = spans.count;
    appendSpans(run, spans);
    appendEvents(run, this.#events, row);
    appendLinks(run, this.#links, row);
    this.spanCount += run.spanCount;
    this.#dictionary.countAll(run.uses, run.keyCount);
    const attributes = spans.count === 0 ? 0 : spans.attributeEnd[spans.count - 1]!;
    if (spans.count >= BATCH_SPANS || attributes >= BATCH_ATTRIBUTES || this.#full) this.flush();
  }

  /** Stores values that have the ids from `nextValueId` on. */
  appendValues(added: NewValues): void {
    const values = this.#values;
    appendValues(added, values);
    this.nextValueId += added.count;
    if (values.textEnd[values.count - 1]! >= BATCH_TEXT) this.#full = true;
  }

  /**
   * Begins to hold spans back because their resources are not known yet (Jaeger names processes after the spans, JSON
   * may put `resource` last). Until `release`, `resource` holds the caller's own numbers, counted from 0, and `scope`
   * may hold such a number plus `PROVISIONAL`.
   */
  hold(): void {
    if (this.#heldFrom !== undefined) return;
    this.#heldFrom = this.#spans.count;
    this.#operations.beginHold();
  }

  get isHolding(): boolean {
    return this.#heldFrom !== undefined;
  }

  /** Ends a hold: `resources[n]` and `scopes[n]` are the real ones for the caller's number n. */
  release(resources: readonly number[], scopes: readonly number[] = []): void {
    const firstRow = this.#heldFrom;
    if (firstRow === undefined) return;
    this.#heldFrom = undefined;
    const { operation, resource, count } = this.#spans;
    for (let row = firstRow; row < count; row++) {
      const id = resources[resource[row]!]!;
      resource[row] = id;
      operation[row] = this.#operations.releasedIdOf(this.#resourceService[id]!, operation[row]!, scopes);
    }
    if (count >= BATCH_SPANS || this.#full) this.flush();
  }

  #newValue(key: number, type: number, source: ByteSource, from: number, to: number): number {
    if (this.nextValueId === this.#blockEnd) this.#nextBlock();
    const values = this.#values;
    const row = values.count++;
    if (row === values.key.length) growValues(values);
    const id = this.nextValueId++;
    values.key[row] = key;
    values.type[row] = type;
    const start = row === 0 ? 0 : values.textEnd[row - 1]!;
    let end = start + to - from;
    if (end > values.text.length) values.text = grown(values.text, end);
    if (!copyBytes(source.bytes, from, to, values.text, start)) {
      const copied = values.text.subarray(start, end);
      if (!isUtf8(copied)) {
        // U+FFFD in the place of what is no UTF-8, which DuckDB refuses.
        const mended = Buffer.from(decoder.decode(copied));
        end = start + mended.length;
        if (end > values.text.length) values.text = grown(values.text, end);
        values.text.set(mended, start);
      }
    }
    values.textEnd[row] = end;
    if (end >= BATCH_TEXT) this.#full = true;
    this.#dictionary.remember(key, type, source, from, to, id);
    return id;
  }

  #growKeys(id: number): void {
    const size = Math.max(this.#spanKeySeen.length * 2, id + 1);
    this.#spanKeySeen = resized(this.#spanKeySeen, size);
    this.#spanKeyAt = resized(this.#spanKeyAt, size);
    this.#partKeySeen = resized(this.#partKeySeen, size);
    this.#partKeyAt = resized(this.#partKeyAt, size);
  }

  /** Sends off what is committed, also when the batch is not full; nothing is sent where there is nothing new. */
  flush(): void {
    if (this.#heldFrom !== undefined) return;
    const { count } = this.#spans;
    const hasDefinitions = Object.values(this.#definitions).some(list => list.length > 0);
    if (count === 0 && this.#values.count === 0 && !hasDefinitions) return;
    const batch: SpanBatch = {
      producer: this.#options.producer,
      definitions: this.#definitions,
      values: this.#values,
      spans: this.#spans,
      events: this.#events,
      links: this.#links,
    };
    const spare = this.#spare.pop();
    this.#definitions = emptyDefinitions();
    if (spare !== undefined) {
      this.#spans = emptySpans(spare.spans);
      this.#values = emptyValues(spare.values, this.nextValueId);
      this.#events = emptyEvents(spare.events);
      this.#links = emptyLinks(spare.links);
    } else {
      // The next batch is probably like this one; its columns are made a little larger than this one needed.
      const size = (used: number, least: number) => Math.max(least, used + (used >> 3));
      const attributes = count === 0 ? 0 : batch.spans.attributeEnd[count - 1]!;
      const text = batch.values.count === 0 ? 0 : batch.values.textEnd[batch.values.count - 1]!;
      const isShared = this.#isShared;
      this.#spans = newSpans(isShared, size(Math.min(count, BATCH_SPANS), 256), size(attributes, 2048));
      this.#values = newValues(isShared, size(batch.values.count, 256), this.nextValueId, size(text, 4096));
      this.#events = newEvents(isShared, size(batch.events.count, 64));
      this.#links = newLinks(isShared, size(batch.links.count, 16));
    }
    this.#full = false;
    this.#options.onBatch(batch);
    this.reserveValueIds(FEW_IDS);
  }

  /** Gives a batch back whose contents have been taken over: its columns serve for the next one. */
  recycle(batch: SpanBatch): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(batch);
  }
}

const TRUE = sourceOfText('true');
const FALSE = sourceOfText('false');

function isCanonicalInteger(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from;
  if (bytes[at] === 45 /* - */) at++;
  const digits = to - at;
  // 18 digits always fit int64; longer ones take the careful way.
  if (digits < 1 || digits > 18) return false;
  if (bytes[at] === 48 /* 0 */) return digits === 1 && at === from;
  for (; at < to; at++) {
    const digit = bytes[at]!;
    if (digit < 48 || digit > 57) return false;
  }
  return true;
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function validText(source: ByteSource, from: number, to: number): string {
  return decoder.decode(source.bytes.subarray(from, to));
}
