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
    const spanNo = table.words(0);
    const traceId = table.words(1);
    const spanId = table.words(2);
    const parentId = table.words(3);
    const start = table.words(4);
    const duration = table.words(5);
    const self = table.words(6);
    const operation = table.words(7);
    const resource = table.words(8);
    const status = table.words(9);
    const parentage = table.bytes(10);
    const component = table.words(11);
    const left = table.words(12);
    const right = table.words(13);
    const depth = table.words(14);
    const attributes = pending.attributes.items;
    const attributeEnd = pending.attributeEnd.items;
    /** The row of the span at each depth above the one in hand. */
    const path: number[] = [];
    let number = this.nextSpanNo;
    for (const trace of assembly.traces) {
      const [id0, id1, id2, id3] = trace.id;
      for (let position = trace.first; position < trace.first + trace.count; position++) {
        const row = assembly.row[position]!;
        const level = assembly.depth[position]!;
        path[level] = row;
        const at = table.row;
        const at2 = at * 2;
        const row2 = row * 2;
        setInteger(spanNo, at, number++);
        traceId[at * 4] = id0;
        traceId[at * 4 + 1] = id1;
        traceId[at * 4 + 2] = id2;
        traceId[at * 4 + 3] = id3;
        spanId[at2] = pending.spanId.items[row2]!;
        spanId[at2 + 1] = pending.spanId.items[row2 + 1]!;
        // The parent that assembly found: for a Zipkin span it may have another id than the one it names.
        const isChild = assembly.parentage[position] === Parentage.child;
        const named = isChild ? pending.spanId.items : pending.parentId.items;
        const of = isChild ? path[level - 1]! * 2 : row2;
        parentId[at2] = named[of]!;
        parentId[at2 + 1] = named[of + 1]!;
        start[at2] = pending.start.items[row2]!;
        start[at2 + 1] = pending.start.items[row2 + 1]!;
        duration[at2] = pending.duration.items[row2]!;
        duration[at2 + 1] = pending.duration.items[row2 + 1]!;
        self[at2] = assembly.self[position * 2]!;
        self[at2 + 1] = assembly.self[position * 2 + 1]!;
        operation[at] = pending.operation.items[row]!;
        resource[at] = pending.resource.items[row]!;
        status[at] = pending.status.items[row]!;
        parentage[at] = assembly.parentage[position]!;
        component[at] = assembly.component[position]!;
        left[at] = assembly.left[position]!;
        right[at] = assembly.right[position]!;
        depth[at] = level;
        table.setList(15, attributes, row === 0 ? 0 : attributeEnd[row - 1]!, attributeEnd[row]!);
        table.next();
      }
    }
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

/** Sets a 64-bit column to an integer from 0 to 2^53. */
export function setInteger(words: Uint32Array, row: number, value: number): void {
  const high = Math.floor(value / 4294967296);
  words[row * 2] = value - high * 4294967296;
  words[row * 2 + 1] = high;
}
