import { type Assembly, Parentage } from '../model/assembly.ts';
import { TableAppender } from './appender.ts';
import type { Database } from './database.ts';
import type { PendingSpans } from './pending-spans.ts';

/** Writes assembled spans with their events, links and traces, in display order, one trace after the other. */
export class SpanWriter {
  readonly #span: TableAppender;
  readonly #trace: TableAppender;
  readonly #event: TableAppender;
  readonly #link: TableAppender;
  /** The number that the next span gets. */
  nextSpanNo: number;

  constructor(database: Database, nextSpanNo: number) {
    this.nextSpanNo = nextSpanNo;
    this.#span = new TableAppender(database, 'span', [
      'BIGINT',
      'UHUGEINT',
      'UBIGINT',
      'UBIGINT',
      'BIGINT',
      'BIGINT',
      'BIGINT',
      'UINTEGER',
      'UINTEGER',
      'UINTEGER',
      'UTINYINT',
      'UINTEGER',
      'UINTEGER',
      'UINTEGER',
      'UINTEGER',
      'UINTEGER[]',
    ]);
    this.#trace = new TableAppender(database, 'trace', [
      'UHUGEINT',
      'BIGINT',
      'UINTEGER',
      'BIGINT',
      'BIGINT',
      'BIGINT',
      'UINTEGER',
      'UINTEGER',
      'UINTEGER',
      'UINTEGER',
      'UINTEGER',
      'BOOLEAN',
      'UINTEGER[]',
    ]);
    this.#event = new TableAppender(database, 'event', ['BIGINT', 'BIGINT', 'UINTEGER', 'UINTEGER[]']);
    this.#link = new TableAppender(database, 'link', ['BIGINT', 'UHUGEINT', 'UBIGINT', 'UINTEGER[]']);
  }

  write(assembly: Assembly, pending: PendingSpans): void {
    this.#writeSpans(assembly, pending);
    this.#writeEvents(assembly, pending);
    this.#writeLinks(assembly, pending);
    this.#writeTraces(assembly, pending);
    this.nextSpanNo += assembly.row.length;
  }

  #writeSpans(assembly: Assembly, pending: PendingSpans): void {
    const table = this.#span;
    const total = assembly.row.length;
    const place: Place = { trace: 0, path: [] };
    for (let from = 0; from < total; ) {
      const to = Math.min(from + table.room, total);
      this.#fillIds(assembly, pending, from, to, place);
      this.#fillStored(assembly, pending, from, to);
      this.#fillAssembled(assembly, from, to);
      table.advance(to - from);
      from = to;
    }
  }

  /** Fills in what depends on the spans before. */
  #fillIds(assembly: Assembly, pending: PendingSpans, from: number, to: number, place: Place): void {
    const table = this.#span;
    const spanNo = table.words(0);
    const traceId = table.words(1);
    const parentId = table.words(3);
    const { row: rows, depth, parentage, traces } = assembly;
    const spanIds = pending.spanId.items;
    const parentIds = pending.parentId.items;
    const { path } = place;
    let trace = traces[place.trace]!;
    let end = trace.first + trace.count;
    for (let position = from, at = table.row; position < to; position++, at++) {
      if (position === end) {
        trace = traces[++place.trace]!;
        end += trace.count;
      }
      const { id } = trace;
      const row = rows[position]!;
      const level = depth[position]!;
      path[level] = row;
      setInteger(spanNo, at, this.nextSpanNo + position);
      traceId[at * 4] = id[0];
      traceId[at * 4 + 1] = id[1];
      traceId[at * 4 + 2] = id[2];
      traceId[at * 4 + 3] = id[3];
      // The parent that assembly found: for a Zipkin span it may have another id than the one it names.
      const isChild = parentage[position] === Parentage.child;
      const named = isChild ? spanIds : parentIds;
      const of = isChild ? path[level - 1]! * 2 : row * 2;
      parentId[at * 2] = named[of]!;
      parentId[at * 2 + 1] = named[of + 1]!;
    }
  }

  /** Fills in what stands in the columns of the input, in the order of assembly. */
  #fillStored(assembly: Assembly, pending: PendingSpans, from: number, to: number): void {
    const table = this.#span;
    const first = table.row;
    const rows = assembly.row.subarray(from, to);
    gatherPairs(pending.spanId.items, rows, table.words(2), first);
    gatherPairs(pending.start.items, rows, table.words(4), first);
    gatherPairs(pending.duration.items, rows, table.words(5), first);
    gather(pending.operation.items, rows, table.words(7), first);
    gather(pending.resource.items, rows, table.words(8), first);
    gather(pending.status.items, rows, table.words(9), first);
    table.setLists(15, pending.attributes.items, pending.attributeEnd.items, rows);
  }

  /** Fills in what stands in the columns of the output. */
  #fillAssembled({ self, parentage, component, left, right, depth }: Assembly, from: number, to: number): void {
    const table = this.#span;
    const first = table.row;
    table.words(6).set(self.subarray(from * 2, to * 2), first * 2);
    table.bytes(10).set(parentage.subarray(from, to), first);
    table.words(11).set(component.subarray(from, to), first);
    table.words(12).set(left.subarray(from, to), first);
    table.words(13).set(right.subarray(from, to), first);
    table.words(14).set(depth.subarray(from, to), first);
  }

  #writeEvents(assembly: Assembly, pending: PendingSpans): void {
    const { events } = pending;
    if (events.count === 0) return;
    const table = this.#event;
    const first = events.firstBySpan(pending.count);
    const spanNo = table.words(0);
    const time = table.words(1);
    const name = table.words(2);
    for (let position = 0; position < assembly.row.length; position++) {
      const row = assembly.row[position]!;
      for (let event = first[row]!; event < first[row + 1]!; event++) {
        const at = table.row;
        setInteger(spanNo, at, this.nextSpanNo + position);
        time[at * 2] = events.a.items[event * 2]!;
        time[at * 2 + 1] = events.a.items[event * 2 + 1]!;
        name[at] = events.b.items[event]!;
        const from = event === 0 ? 0 : events.attributeEnd.items[event - 1]!;
        table.setList(3, events.attributes.items, from, events.attributeEnd.items[event]!);
        table.next();
      }
    }
  }

  #writeLinks(assembly: Assembly, pending: PendingSpans): void {
    const { links } = pending;
    if (links.count === 0) return;
    const table = this.#link;
    const first = links.firstBySpan(pending.count);
    const spanNo = table.words(0);
    const traceId = table.words(1);
    const spanId = table.words(2);
    for (let position = 0; position < assembly.row.length; position++) {
      const row = assembly.row[position]!;
      for (let link = first[row]!; link < first[row + 1]!; link++) {
        const at = table.row;
        setInteger(spanNo, at, this.nextSpanNo + position);
        for (let word = 0; word < 4; word++) traceId[at * 4 + word] = links.a.items[link * 4 + word]!;
        spanId[at * 2] = links.b.items[link * 2]!;
        spanId[at * 2 + 1] = links.b.items[link * 2 + 1]!;
        const from = link === 0 ? 0 : links.attributeEnd.items[link - 1]!;
        table.setList(3, links.attributes.items, from, links.attributeEnd.items[link]!);
        table.next();
      }
    }
  }

  #writeTraces(assembly: Assembly, pending: PendingSpans): void {
    const table = this.#trace;
    const traceId = table.words(0);
    for (const trace of assembly.traces) {
      const at = table.row;
      for (let word = 0; word < 4; word++) traceId[at * 4 + word] = trace.id[word]!;
      setInteger(table.words(1), at, this.nextSpanNo + trace.first);
      table.words(2)[at] = trace.count;
      const start = table.words(3);
      start[at * 2] = trace.startLow;
      start[at * 2 + 1] = trace.startHigh;
      const duration = table.words(4);
      duration[at * 2] = trace.durationLow;
      duration[at * 2 + 1] = trace.durationHigh;
      if (trace.root < 0) table.setNull(5);
      setInteger(table.words(5), at, trace.root < 0 ? 0 : this.nextSpanNo + trace.root);
      table.words(6)[at] = pending.operation.items[assembly.row[Math.max(trace.root, trace.first)]!]!;
      table.words(7)[at] = trace.roots;
      table.words(8)[at] = trace.orphans;
      table.words(9)[at] = trace.cuts;
      table.words(10)[at] = trace.failed;
      table.bytes(11)[at] = trace.complete ? 1 : 0;
      table.setList(12, trace.services);
      table.next();
    }
  }

  /** Makes the rows so far visible to queries of the transaction. */
  flush(): void {
    for (const table of [this.#span, this.#trace, this.#event, this.#link]) table.flush();
  }

  discard(): void {
    for (const table of [this.#span, this.#trace, this.#event, this.#link]) table.discard();
  }

  close(): void {
    for (const table of [this.#span, this.#trace, this.#event, this.#link]) table.close();
  }
}

/** Where writing stands: the trace in hand, and the row of the span at each depth above the one in hand. */
interface Place {
  trace: number;
  readonly path: number[];
}

/** Copies the items at `rows`, in their order, to `at`. */
function gather(source: Uint32Array, rows: Uint32Array, target: Uint32Array, at: number): void {
  for (let index = 0; index < rows.length; index++) target[at + index] = source[rows[index]!]!;
}

/** The same for columns of two words a row. */
function gatherPairs(source: Uint32Array, rows: Uint32Array, target: Uint32Array, at: number): void {
  for (let index = 0, to = at * 2; index < rows.length; index++, to += 2) {
    const from = rows[index]! * 2;
    target[to] = source[from]!;
    target[to + 1] = source[from + 1]!;
  }
}

/** Sets a 64-bit column to an integer from 0 to 2^53. */
export function setInteger(words: Uint32Array, row: number, value: number): void {
  const high = Math.floor(value / 4294967296);
  words[row * 2] = value - high * 4294967296;
  words[row * 2 + 1] = high;
}
