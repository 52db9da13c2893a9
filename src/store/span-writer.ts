import type { Assembly } from '../model/assembly.ts';
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
    for (let from = 0; from < total; ) {
      const to = Math.min(from + table.room, total);
      fillNumbers(table.words(0), table.row, to - from, this.nextSpanNo + from);
      this.#fillStored(assembly, pending, from, to);
      this.#fillAssembled(assembly, from, to);
      table.advance(to - from);
      from = to;
    }
  }

  /** Fills in what stands in the columns of the input, in the order of assembly. */
  #fillStored(assembly: Assembly, pending: PendingSpans, from: number, to: number): void {
    const table = this.#span;
    const first = table.row;
    const rows = assembly.row.subarray(from, to);
    gather(pending.operation.items, rows, table.words(7), first);
    gather(pending.resource.items, rows, table.words(8), first);
    gather(pending.status.items, rows, table.words(9), first);
    table.setLists(15, pending.attributes.items, pending.attributeEnd.items, rows);
  }

  /** Fills in what stands in the columns of the output. */
  #fillAssembled(assembly: Assembly, from: number, to: number): void {
    const table = this.#span;
    const first = table.row;
    const fill = (column: number, source: Uint32Array, width: number) =>
      table.words(column).set(source.subarray(from * width, to * width), first * width);
    fill(1, assembly.traceId, 4);
    fill(2, assembly.spanId, 2);
    fill(3, assembly.parentId, 2);
    fill(4, assembly.start, 2);
    fill(5, assembly.duration, 2);
    fill(6, assembly.self, 2);
    table.bytes(10).set(assembly.parentage.subarray(from, to), first);
    fill(11, assembly.component, 1);
    fill(12, assembly.left, 1);
    fill(13, assembly.right, 1);
    fill(14, assembly.depth, 1);
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
    const firstSpanNo = table.words(1);
    const rootSpanNo = table.words(5);
    const operation = table.words(6);
    const { traces } = assembly;
    let service = 0;
    for (let trace = 0; trace < traces.count; trace++) {
      const at = table.row;
      const first = traces.first[trace]!;
      const root = traces.root[trace]!;
      for (let word = 0; word < 4; word++) traceId[at * 4 + word] = assembly.traceId[first * 4 + word]!;
      setInteger(firstSpanNo, at, this.nextSpanNo + first);
      table.words(2)[at] = traces.size[trace]!;
      for (let word = 0; word < 2; word++) {
        table.words(3)[at * 2 + word] = traces.start[trace * 2 + word]!;
        table.words(4)[at * 2 + word] = traces.duration[trace * 2 + word]!;
      }
      if (root < 0) table.setNull(5);
      setInteger(rootSpanNo, at, root < 0 ? 0 : this.nextSpanNo + root);
      operation[at] = pending.operation.items[assembly.row[Math.max(root, first)]!]!;
      table.words(7)[at] = traces.roots[trace]!;
      table.words(8)[at] = traces.orphans[trace]!;
      table.words(9)[at] = traces.cuts[trace]!;
      table.words(10)[at] = traces.failed[trace]!;
      table.bytes(11)[at] = traces.complete[trace]!;
      table.setList(12, traces.services, service, traces.serviceEnd[trace]!);
      service = traces.serviceEnd[trace]!;
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

/** Sets rows of a 64-bit column to `first` and the numbers behind it. */
function fillNumbers(words: Uint32Array, at: number, count: number, first: number): void {
  for (let index = 0; index < count; index++) setInteger(words, at + index, first + index);
}

/** Copies the items at `rows`, in their order, to `at`. */
function gather(source: Uint32Array, rows: Uint32Array, target: Uint32Array, at: number): void {
  for (let index = 0; index < rows.length; index++) target[at + index] = source[rows[index]!]!;
}

/** Sets a 64-bit column to an integer from 0 to 2^53. */
export function setInteger(words: Uint32Array, row: number, value: number): void {
  const high = Math.floor(value / 4294967296);
  words[row * 2] = value - high * 4294967296;
  words[row * 2 + 1] = high;
}
