import type { JsonValue } from '../drafts/record.ts';
import { type RecordContext, recordContext } from '../drafts/record-format.ts';
import type { DecodeContext } from '../format.ts';
import type { Reason } from '../reasons.ts';
import type { Heading } from '../rows/heading.ts';
import { type RowReader, readerFor } from '../rows/row-reader.ts';

// From the cells of rows to spans, wherever in a document or on a line the rows stand.

/** Writes the spans of a table's rows. */
export class Rows {
  readonly #context: DecodeContext;
  readonly #records: RecordContext;
  #offset = 0;
  #columns: readonly string[] = [];
  #read: RowReader | undefined;

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#records = recordContext(context, () => this.#offset);
  }

  begin({ columns, map }: Heading): void {
    this.#columns = columns;
    this.#read = readerFor(columns, map, this.#records.repair);
  }

  end(): void {
    this.#read = undefined;
  }

  get hasBegun(): boolean {
    return this.#read !== undefined;
  }

  isHeading(row: readonly JsonValue[]): boolean {
    return row.length === this.#columns.length && row.every((cell, index) => cell === this.#columns[index]);
  }

  skip(reason: Reason, offset: number, detail: string): void {
    this.#context.report.skip(reason, offset, detail);
  }

  repair(reason: Reason, offset: number, detail: string): void {
    this.#context.report.repair(reason, offset, detail);
  }

  /** Writes the rows that columns, all of which begin at `offset`, are together. */
  writeColumns(columns: readonly (readonly JsonValue[])[], offset: number): void {
    const length = columns.reduce((most, cells) => Math.max(most, cells.length), 0);
    if (length === 0) this.skip('no-spans', offset, 'a table without rows');
    for (let row = 0; row < length; row++) {
      const short = columns.findIndex(cells => cells.length <= row);
      if (short < 0)
        this.write(
          columns.map(cells => cells[row] ?? null),
          offset,
        );
      else this.skip('malformed-row', offset, `row ${row + 1} has no cell in the column ${this.#columns[short] ?? ''}`);
    }
  }

  write(row: readonly JsonValue[], offset: number): void {
    const read = this.#read;
    const columns = this.#columns;
    if (read === undefined) return;
    if (row.length < columns.length || row.slice(columns.length).some(cell => cell !== null && cell !== '')) {
      this.skip('malformed-row', offset, `a row of ${row.length} cells below ${columns.length} columns`);
      return;
    }
    this.#offset = offset;
    const cells = Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null]));
    this.#records.emit(() => read(cells));
  }
}
