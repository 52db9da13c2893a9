import type { Assembly } from '../model/assembled-columns.ts';
import { TableAppender } from './appender.ts';
import type { Database } from './database.ts';
import type { Parts, PendingSpans } from './pending-spans.ts';

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
    this.#writeParts(this.#event, pending.events, assembly, pending.count);
    this.#writeParts(this.#link, pending.links, assembly, pending.count);
    this.#writeTraces(assembly, pending);
    this.nextSpanNo += assembly.row.length;
  }

  #writeSpans(assembly: Assembly, pending: PendingSpans): void {
    const table = this.#span;
    appendRows(table, assembly.row.length, (from, to) => {
      const first = table.row;
      const rows = assembly.row.subarray(from, to);
      // What stands in the columns of the input, in the order of assembly.
      gather(pending.operation.items, 1, rows, table.words(7), first);
      gather(pending.resource.items, 1, rows, table.words(8), first);
      gather(pending.status.items, 1, rows, table.words(9), first);
      table.setLists(15, pending.attributes.items, pending.attributeEnd.items, rows);
      fillNumbers(table.words(0), first, to - from, this.nextSpanNo + from);
      // What stands in the columns of the output.
      table.setRows(1, assembly.traceId, from, to);
      table.setRows(2, assembly.spanId, from, to);
      table.setRows(3, assembly.parentId, from, to);
      table.setRows(4, assembly.start, from, to);
      table.setRows(5, assembly.duration, from, to);
      table.setRows(6, assembly.self, from, to);
      table.setRows(10, assembly.parentage, from, to);
      table.setRows(11, assembly.component, from, to);
      table.setRows(12, assembly.left, from, to);
      table.setRows(13, assembly.right, from, to);
      table.setRows(14, assembly.depth, from, to);
    });
  }

  /** Writes events or links: the number of the span, their two columns, their attributes. */
  #writeParts(table: TableAppender, parts: Parts, assembly: Assembly, spanCount: number): void {
    if (parts.count === 0) return;
    const part = new Uint32Array(parts.count);
    const position = new Uint32Array(parts.count);
    const count = partsInOrder(parts.firstBySpan(spanCount), assembly.row, part, position);
    appendRows(table, count, (from, to) => {
      const first = table.row;
      const rows = part.subarray(from, to);
      fillNumbersAt(table.words(0), first, position.subarray(from, to), this.nextSpanNo);
      gather(parts.a.items, parts.aWidth, rows, table.words(1), first);
      gather(parts.b.items, parts.bWidth, rows, table.words(2), first);
      table.setLists(3, parts.attributes.items, parts.attributeEnd.items, rows);
    });
  }

  #writeTraces(assembly: Assembly, pending: PendingSpans): void {
    const table = this.#trace;
    const { traces } = assembly;
    appendRows(table, traces.count, (from, to) => {
      const first = table.row;
      const firstSpans = traces.first.subarray(from, to);
      const roots = traces.root.subarray(from, to);
      gather(assembly.traceId, 4, firstSpans, table.words(0), first);
      fillNumbersAt(table.words(1), first, firstSpans, this.nextSpanNo);
      table.setRows(2, traces.size, from, to);
      table.setRows(3, traces.start, from, to);
      table.setRows(4, traces.duration, from, to);
      // Where there is no root, the first span stands for it.
      const heads = headsOf(roots, firstSpans);
      fillNumbersAt(table.words(5), first, heads, this.nextSpanNo);
      for (let row = roots.indexOf(-1); row >= 0; row = roots.indexOf(-1, row + 1)) table.setNull(5, first + row);
      gather(
        pending.operation.items,
        1,
        heads.map(head => assembly.row[head]!),
        table.words(6),
        first,
      );
      table.setRows(7, traces.roots, from, to);
      table.setRows(8, traces.orphans, from, to);
      table.setRows(9, traces.cuts, from, to);
      table.setRows(10, traces.failed, from, to);
      table.setRows(11, traces.complete, from, to);
      table.setLists(
        12,
        traces.services,
        traces.serviceEnd,
        Uint32Array.from(roots, (_, row) => from + row),
      );
    });
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

/** Appends so many rows, as many at a time as there is room for: `fill` sets the columns of rows `from` to `to`, from `table.row` on. */
function appendRows(table: TableAppender, count: number, fill: (from: number, to: number) => void): void {
  for (let from = 0; from < count; ) {
    const to = Math.min(from + table.room, count);
    fill(from, to);
    table.advance(to - from);
    from = to;
  }
}

// Loops over rows are functions of their own, as in pending-spans.ts.

/** Finds the parts of the spans at `rows`, in their order: the row of each goes to `part`, its span's position to `position`. Returns how many. */
function partsInOrder(first: Uint32Array, rows: Uint32Array, part: Uint32Array, position: Uint32Array): number {
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    const end = first[row + 1]!;
    for (let of = first[row]!; of < end; of++) {
      part[count] = of;
      position[count++] = index;
    }
  }
  return count;
}

/** The positions of the roots, or where there is none (-1) of the first span. */
function headsOf(roots: Int32Array, firstSpans: Uint32Array): Uint32Array {
  const heads = new Uint32Array(roots.length);
  for (let row = 0; row < heads.length; row++) heads[row] = roots[row]! < 0 ? firstSpans[row]! : roots[row]!;
  return heads;
}

/** Sets rows of a 64-bit column to `first` and the numbers behind it. */
function fillNumbers(words: Uint32Array, at: number, count: number, first: number): void {
  for (let index = 0; index < count; index++) setInteger(words, at + index, first + index);
}

/** Sets rows of a 64-bit column to the numbers that are `first` and these more. */
function fillNumbersAt(words: Uint32Array, at: number, more: Uint32Array, first: number): void {
  for (let index = 0; index < more.length; index++) setInteger(words, at + index, first + more[index]!);
}

/** Copies the items at `rows`, each of so many words, in their order to `at`. */
function gather(source: Uint32Array, width: number, rows: Uint32Array, target: Uint32Array, at: number): void {
  if (width === 1) for (let index = 0; index < rows.length; index++) target[at + index] = source[rows[index]!]!;
  else {
    let to = at * width;
    for (let index = 0; index < rows.length; index++) {
      const from = rows[index]! * width;
      for (let word = 0; word < width; word++) target[to++] = source[from + word]!;
    }
  }
}

/** Sets a 64-bit column to an integer from 0 to 2^53. */
export function setInteger(words: Uint32Array, row: number, value: number): void {
  const high = Math.floor(value / 4294967296);
  words[row * 2] = value - high * 4294967296;
  words[row * 2 + 1] = high;
}
