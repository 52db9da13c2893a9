import type { AssemblyInput } from '../model/assembled-columns.ts';
import { Quirk, type SpanBatch, type SpanColumns } from '../model/span-batch.ts';
import { copyShifted, cutEnd } from '../model/words.ts';
import type { Dictionaries, IdList, ProducerIds } from './dictionaries.ts';

// Spans that wait for the rest of their traces: flat columns that batches are copied into, with ids of the database.

/** A column that grows; `items` is larger than what is in use. */
export class Growing<T extends Uint32Array | Uint8Array> {
  items: T;
  readonly #make: (size: number) => T;

  constructor(make: (size: number) => T) {
    this.#make = make;
    this.items = make(256);
  }

  /** Makes room for `size` items in all, in the place that is given if it is large enough and what there is too small. */
  reserve(size: number, place?: T): T {
    if (size > this.items.length) {
      const isEnough = place !== undefined && size <= place.length;
      const larger = isEnough ? place : this.#make(Math.max(this.items.length * 2, size));
      larger.set(this.items);
      this.items = larger;
    }
    return this.items;
  }
}

/** Where a window may lie, so that assembly need not copy it: a place for each of its columns. */
export interface WindowMemory
  extends Readonly<Omit<SpanColumns, 'count'>>,
    Pick<AssemblyInput, 'kind' | 'quirks' | 'service' | 'failed'> {
  /** Keeps only `rows` (ascending), in their order, of a window of which all columns are in their places. */
  keep(rows: Uint32Array): void;
}

const words = () => new Growing<Uint32Array>(size => new Uint32Array(size));
const bytes = () => new Growing<Uint8Array>(size => new Uint8Array(size));

/** Events or links: what belongs to a span beside its own columns. */
export class Parts {
  count = 0;
  readonly span = words();
  readonly a = words();
  readonly b = words();
  readonly attributeEnd = words();
  readonly attributes = words();
  /** Words of an item in `a` and in `b`. */
  readonly aWidth: number;
  readonly bWidth: number;
  /** What `firstBySpan` returned last, and for how many spans; none since parts were added. */
  readonly #first = words();
  #indexedSpans: number | undefined;

  constructor(aWidth: number, bWidth: number) {
    this.aWidth = aWidth;
    this.bWidth = bWidth;
  }

  get attributeCount(): number {
    return this.count === 0 ? 0 : this.attributeEnd.items[this.count - 1]!;
  }

  /** Adds rows whose spans stand behind `firstSpan`. */
  add(
    rows: {
      count: number;
      span: Uint32Array;
      a: Uint32Array;
      b: Uint32Array;
      attributeEnd: Uint32Array;
      attributes: Uint32Array;
    },
    firstSpan: number,
  ): void {
    if (rows.count === 0) return;
    this.#indexedSpans = undefined;
    const from = this.count;
    const to = from + rows.count;
    const attributeFrom = this.attributeCount;
    const attributeCount = rows.attributeEnd[rows.count - 1]!;
    const span = this.span.reserve(to);
    const attributeEnd = this.attributeEnd.reserve(to);
    copyShifted(rows.span, 0, rows.count, span, from, firstSpan);
    copyShifted(rows.attributeEnd, 0, rows.count, attributeEnd, from, attributeFrom);
    this.a.reserve(to * this.aWidth).set(rows.a.subarray(0, rows.count * this.aWidth), from * this.aWidth);
    this.b.reserve(to * this.bWidth).set(rows.b.subarray(0, rows.count * this.bWidth), from * this.bWidth);
    this.attributes
      .reserve(attributeFrom + attributeCount)
      .set(rows.attributes.subarray(0, attributeCount), attributeFrom);
    this.count = to;
  }

  /** Where the parts of each span begin: `first[row]` to `first[row + 1]`. Parts stand in the order of their spans. */
  firstBySpan(spanCount: number): Uint32Array {
    if (this.#indexedSpans === spanCount) return this.#first.items;
    const first = this.#first.reserve(spanCount + 1);
    const span = this.span.items;
    let row = 0;
    for (let part = 0; part < this.count; part++) for (const of = span[part]!; row <= of; row++) first[row] = part;
    first.fill(this.count, row, spanCount + 1);
    this.#indexedSpans = spanCount;
    return first;
  }

  /** Keeps the parts of the spans in `runs`. */
  keep(runs: readonly Run[], spanCount: number): void {
    const first = this.firstBySpan(spanCount);
    this.#indexedSpans = undefined;
    let count = 0;
    let attributeCount = 0;
    for (const run of runs) {
      const from = first[run.from]!;
      const to = first[run.from + run.length]!;
      if (from === to) continue;
      const attributeFrom = from === 0 ? 0 : this.attributeEnd.items[from - 1]!;
      const attributeTo = this.attributeEnd.items[to - 1]!;
      this.attributes.items.copyWithin(attributeCount, attributeFrom, attributeTo);
      this.a.items.copyWithin(count * this.aWidth, from * this.aWidth, to * this.aWidth);
      this.b.items.copyWithin(count * this.bWidth, from * this.bWidth, to * this.bWidth);
      const ends = this.attributeEnd.items;
      copyShifted(this.span.items, from, to, this.span.items, count, run.to - run.from);
      copyShifted(ends, from, to, ends, count, attributeCount - attributeFrom);
      count += to - from;
      attributeCount += attributeTo - attributeFrom;
    }
    this.count = count;
  }
}

/** Rows that move together: `length` rows from `from` on go to `to`. */
interface Run {
  readonly from: number;
  readonly length: number;
  readonly to: number;
}

/** Takes ascending rows, which are to become rows 0, 1, 2 …, as runs. */
function runsOf(rows: Uint32Array): Run[] {
  const runs: Run[] = [];
  for (let to = 0; to < rows.length; ) {
    const from = rows[to]!;
    let length = 1;
    while (to + length < rows.length && rows[to + length] === from + length) length++;
    runs.push({ from, length, to });
    to += length;
  }
  return runs;
}

export class PendingSpans {
  count = 0;
  readonly traceId = words();
  readonly spanId = words();
  readonly parentId = words();
  readonly start = words();
  readonly duration = words();
  readonly operation = words();
  readonly resource = words();
  readonly status = words();
  readonly attributeEnd = words();
  readonly attributes = words();
  /** Time in `a` (2 words), name id in `b`. */
  readonly events = new Parts(2, 1);
  /** Trace id in `a` (4 words), span id in `b` (2 words). */
  readonly links = new Parts(4, 2);
  /** True once a span came that joins its trace by the low 64 bits of the id. */
  hasZipkin = false;
  readonly #kind = bytes();
  readonly #quirks = bytes();
  readonly #service = words();
  readonly #failed = bytes();
  readonly #memoryFor: (spans: number) => WindowMemory | undefined;
  #memory: WindowMemory | undefined;

  /** `memoryFor` has a place for a window of so many spans, which nothing else uses meanwhile. */
  constructor(memoryFor: (spans: number) => WindowMemory | undefined = () => undefined) {
    this.#memoryFor = memoryFor;
  }

  /** Adds a batch and takes it over: its columns get ids of the database. */
  add(batch: SpanBatch, producer: ProducerIds, dictionaries: Dictionaries): void {
    const { spans, events, links } = batch;
    translateNames(events.name, events.count, producer, dictionaries);
    this.events.add({ ...events, a: events.time, b: events.name }, this.count);
    this.links.add({ ...links, a: links.traceId, b: links.spanId }, this.count);
    this.addSpans(spans, dictionaries, producer);
  }

  /** Adds spans of a producer, or without one spans whose columns have ids of the database already. */
  addSpans(spans: SpanColumns, dictionaries: Dictionaries, producer?: ProducerIds): void {
    const from = this.count;
    const to = from + spans.count;
    this.#memory ??= this.#memoryFor(to);
    const memory = this.#memory;
    const copy = (column: Growing<Uint32Array>, source: Uint32Array, width: number, place?: Uint32Array) =>
      column.reserve(to * width, place).set(source.subarray(0, spans.count * width), from * width);
    copy(this.traceId, spans.traceId, 4, memory?.traceId);
    copy(this.spanId, spans.spanId, 2, memory?.spanId);
    copy(this.parentId, spans.parentId, 2, memory?.parentId);
    copy(this.start, spans.start, 2, memory?.start);
    copy(this.duration, spans.duration, 2, memory?.duration);
    const copyIds = (column: Growing<Uint32Array>, source: Uint32Array, ids?: IdList, place?: Uint32Array) => {
      if (ids === undefined) copy(column, source, 1, place);
      else translate(source, spans.count, ids, column.reserve(to, place), from);
    };
    copyIds(this.operation, spans.operation, producer?.operations, memory?.operation);
    copyIds(this.resource, spans.resource, producer?.resources, memory?.resource);
    copyIds(this.status, spans.status, producer?.statuses, memory?.status);
    const attributeFrom = from === 0 ? 0 : this.attributeEnd.items[from - 1]!;
    const attributeCount = spans.count === 0 ? 0 : spans.attributeEnd[spans.count - 1]!;
    const attributeEnd = this.attributeEnd.reserve(to, memory?.attributeEnd);
    copyShifted(spans.attributeEnd, 0, spans.count, attributeEnd, from, attributeFrom);
    this.attributes
      .reserve(attributeFrom + attributeCount, memory?.attributes)
      .set(spans.attributes.subarray(0, attributeCount), attributeFrom);
    this.count = to;
    this.#describe(from, to, dictionaries);
  }

  /** Looks up what assembly must know of each span. */
  #describe(from: number, to: number, dictionaries: Dictionaries): void {
    const { operationKind, operationQuirks, operationService, statusFailed } = dictionaries;
    const operation = this.operation.items;
    const memory = this.#memory;
    lookUp(this.#kind.reserve(to, memory?.kind), from, to, operation, operationKind);
    lookUp(this.#service.reserve(to, memory?.service), from, to, operation, operationService);
    lookUp(this.#failed.reserve(to, memory?.failed), from, to, this.status.items, statusFailed);
    const allQuirks = lookUp(this.#quirks.reserve(to, memory?.quirks), from, to, operation, operationQuirks);
    if (allQuirks & Quirk.sharedParent) this.hasZipkin = true;
    cutEnds(this.start.items, this.duration.items, from, to);
  }

  /** The spans as assembly reads (and, for what it decides, writes) them. */
  get assemblyInput(): AssemblyInput {
    return {
      count: this.count,
      traceId: this.traceId.items,
      spanId: this.spanId.items,
      parentId: this.parentId.items,
      start: this.start.items,
      duration: this.duration.items,
      kind: this.#kind.items,
      quirks: this.#quirks.items,
      service: this.#service.items,
      failed: this.#failed.items,
    };
  }

  /** Keeps only `rows` (ascending), in their order. */
  keep(rows: Uint32Array): void {
    const runs = runsOf(rows);
    this.events.keep(runs, this.count);
    this.links.keep(runs, this.count);
    if (this.#memory !== undefined && this.#isIn(this.#memory)) this.#memory.keep(rows);
    else {
      for (const column of [
        this.operation,
        this.resource,
        this.status,
        this.#kind,
        this.#quirks,
        this.#service,
        this.#failed,
      ]) {
        moveRuns(column.items, 1, runs);
      }
      for (const column of [this.spanId, this.parentId, this.start, this.duration]) moveRuns(column.items, 2, runs);
      moveRuns(this.traceId.items, 4, runs);
      moveLists(this.attributeEnd.items, this.attributes.items, runs);
    }
    this.count = rows.length;
  }

  #isIn(memory: WindowMemory): boolean {
    const { traceId, spanId, parentId, start, duration, operation, resource, status, attributeEnd, attributes } = this;
    const columns: Record<Exclude<keyof WindowMemory, 'keep'>, Growing<Uint32Array> | Growing<Uint8Array>> = {
      ...{ traceId, spanId, parentId, start, duration, operation, resource, status, attributeEnd, attributes },
      ...{ kind: this.#kind, quirks: this.#quirks, service: this.#service, failed: this.#failed },
    };
    return (Object.keys(columns) as (keyof typeof columns)[]).every(name => columns[name].items === memory[name]);
  }
}

// Loops over columns are functions of their own: V8 compiles them once, and while the first batches are added.

/** Copies ids to row `at` of `target`, as what `ids` has for them. */
function translate(source: Uint32Array, count: number, { ids }: IdList, target: Uint32Array, at: number): void {
  for (let row = 0; row < count; row++) target[at + row] = ids[source[row]!]!;
}

/** Event names get their ids when an event first has them. */
function translateNames(column: Uint32Array, count: number, producer: ProducerIds, dictionaries: Dictionaries): void {
  for (let row = 0; row < count; row++) {
    const name = column[row]!;
    column[row] = producer.eventNames.ids[name]! || dictionaries.eventNameId(producer, name);
  }
}

/** Sets `column` to what `ids` has for each of `keys`; returns all bits that it set. */
function lookUp(
  column: Uint32Array | Uint8Array,
  from: number,
  to: number,
  keys: Uint32Array,
  { ids }: IdList,
): number {
  let bits = 0;
  for (let row = from; row < to; row++) {
    const id = ids[keys[row]!]!;
    column[row] = id;
    bits |= id;
  }
  return bits;
}

function cutEnds(start: Uint32Array, duration: Uint32Array, from: number, to: number): void {
  for (let row = from; row < to; row++) {
    if (start[row * 2 + 1]! + duration[row * 2 + 1]! >= 0x7fff_ffff) cutEnd(start, duration, row);
  }
}

function moveRuns(column: Uint32Array | Uint8Array, width: number, runs: readonly Run[]): void {
  for (const { from, length, to } of runs) column.copyWithin(to * width, from * width, (from + length) * width);
}

/** Moves lists of `items`, which end at `ends`. */
function moveLists(ends: Uint32Array, items: Uint32Array, runs: readonly Run[]): void {
  let itemCount = 0;
  for (const { from, length, to } of runs) {
    const itemFrom = from === 0 ? 0 : ends[from - 1]!;
    const itemTo = ends[from + length - 1]!;
    items.copyWithin(itemCount, itemFrom, itemTo);
    copyShifted(ends, from, from + length, ends, to, itemCount - itemFrom);
    itemCount += itemTo - itemFrom;
  }
}
