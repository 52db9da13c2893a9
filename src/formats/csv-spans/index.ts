import { DraftWriter } from '../drafts/span-draft.ts';
import type { DecodeContext, LineDecoder, TextFormat } from '../format.ts';
import { BadRecord } from '../json/cursor.ts';
import type { Reason } from '../reasons.ts';
import type { Row } from '../rows/cells.ts';
import type { ColumnMap } from '../rows/columns.ts';
import { type Heading, headingOf, isTypeRow } from '../rows/heading.ts';
import { type RowReader, readerFor } from '../rows/row-reader.ts';

// Tables of spans as text: a header with the names of the columns, then a row a span (RFC 4180; also with `;`, `|` or tabs).
// https://www.rfc-editor.org/rfc/rfc4180
// TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration
// 007a9a8c23e5b028ade0a0dbad006969,b0699b90efd97a03,root,frontend-579b9bff58-t2dbm,hipstershop.Frontend/Recv.,1661141965391007814,…

export const csvSpans: TextFormat = {
  name: 'csv-spans',
  title: 'CSV table of spans',
  family: 'text',
  recognised: 'a header with columns for trace id, span id and start',

  sniff(lines, _whole, columnMap) {
    const first = new FirstRow(columnMap);
    for (const line of lines) {
      const found = line.trim() === '' && !first.hasBegun ? 'more' : first.feed(line);
      if (found !== 'more') return found !== undefined;
    }
    return false;
  },

  open: context => new CsvDecoder(context),
};

const SEPARATORS = [',', '\t', ';', '|'] as const;
type Separator = (typeof SEPARATORS)[number];

/** How a table is written. */
interface Layout {
  readonly separator: Separator;
  readonly heading: Heading;
  /** The cells of its first row. */
  readonly cells: readonly string[];
}

/** Finds out from the first row, which may go over many lines, how a table is written. */
class FirstRow {
  readonly #map: ColumnMap | undefined;
  /** What the row may be; undefined before its first line. */
  #rows: readonly { readonly separator: Separator; readonly row: RowParser }[] | undefined;

  constructor(map: ColumnMap | undefined) {
    this.#map = map;
  }

  get hasBegun(): boolean {
    return this.#rows !== undefined;
  }

  /** Takes a line of the row; returns undefined where it begins no table of spans, and `more` where it is not whole. */
  feed(line: string): Layout | 'more' | undefined {
    const first = this.#rows === undefined ? line.replace(/^\ufeff/, '') : line;
    if (this.#rows === undefined && /^\s*[{[]/.test(first)) return undefined;
    this.#rows ??= SEPARATORS.map(separator => ({ separator, row: new RowParser(separator) }));
    const open: { readonly separator: Separator; readonly row: RowParser }[] = [];
    for (const { separator, row } of this.#rows) {
      if (!row.feed(first)) open.push({ separator, row });
      else if (row.cells.length > 1) {
        const heading = headingOf(row.cells, this.#map);
        if (heading !== undefined) return { separator, heading, cells: row.cells };
      }
    }
    this.#rows = open;
    return open.length > 0 ? 'more' : undefined;
  }
}

class CsvDecoder implements LineDecoder {
  readonly #context: DecodeContext;
  readonly #drafts: DraftWriter;
  /** Where the row in hand begins. */
  #offset = 0;
  #separator: Separator = ',';
  /** The line that names the columns; undefined where none does. */
  #header: string | undefined;
  #isBehindHeader = false;
  #columns: readonly string[] = [];
  #read: RowReader | undefined;
  #rows = 0;
  /** The first row, until it is whole. */
  #first: { readonly row: FirstRow; readonly offset: number; size: number } | undefined;
  /** The row whose cell in quotes goes on in the next line. */
  #open: { readonly row: RowParser; readonly offset: number; size: number } | undefined;
  /** The row before the last, of which it is not known yet whether it is the last. */
  #waiting: { readonly cells: readonly string[]; readonly offset: number } | undefined;

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#drafts = new DraftWriter(context.writer, this.#repair);
  }

  readonly #repair = (reason: Reason, detail: string) => this.#context.report.repair(reason, this.#offset, detail);

  begin(): void {
    this.#read = undefined;
    this.#rows = 0;
    this.#first = undefined;
    this.#open = undefined;
    this.#waiting = undefined;
  }

  line(text: string, offset: number): void {
    const open = this.#open;
    if (open !== undefined) {
      open.size += text.length + 1;
      if (open.row.feed(text)) {
        this.#open = undefined;
        this.#take(open.row.cells, open.offset);
      } else if (open.size > this.#context.limits.recordBytes) {
        this.#context.report.skip('record-too-large', open.offset, `a row of over ${open.size} signs`);
        this.#open = undefined;
      }
    } else if (this.#read === undefined) this.#readFirst(text, offset);
    else if (text.trim() === '') return;
    // Tables one after the other have the header again.
    else if (text === this.#header) this.#isBehindHeader = true;
    else {
      const row = new RowParser(this.#separator);
      if (row.feed(text)) this.#take(row.cells, offset);
      else this.#open = { row, offset, size: text.length };
    }
  }

  end(isLastLineOpen: boolean): void {
    const { report } = this.#context;
    const isHeaderOnly = this.#rows === 0 && this.#open === undefined;
    this.#flush(this.#open === undefined);
    if (isHeaderOnly && isLastLineOpen) report.skip('truncated', 0, 'the input ends inside the header of a table');
    else if (isHeaderOnly) report.skip('no-spans', 0, 'a table without rows');
    if (this.#open !== undefined) {
      report.skip('truncated', this.#open.offset, 'the input ends inside a cell in quotes');
    }
    this.begin();
  }

  #readFirst(text: string, offset: number): void {
    if (text.trim() === '' && this.#first === undefined) return;
    this.#first ??= { row: new FirstRow(this.#context.columnMap), offset, size: 0 };
    const { row, offset: start } = this.#first;
    this.#first.size += text.length + 1;
    const layout = row.feed(text);
    if (layout === 'more' && this.#first.size <= this.#context.limits.recordBytes) return;
    this.#first = undefined;
    if (layout === 'more' || layout === undefined) {
      this.#context.report.skip('malformed-row', start, 'a row that does not say what the columns are');
      return;
    }
    const { separator, heading, cells } = layout;
    this.#separator = separator;
    this.#columns = heading.columns;
    this.#read = readerFor(heading.columns, heading.map, this.#repair);
    this.#header = heading.isFirstRow ? text.replace(/^\ufeff/, '') : undefined;
    this.#isBehindHeader = heading.isFirstRow;
    if (!heading.isFirstRow) this.#take(cells, start);
  }

  #take(cells: readonly string[], offset: number): void {
    const isOfTypes = this.#isBehindHeader && isTypeRow(cells);
    this.#isBehindHeader = false;
    if (isOfTypes) return;
    this.#flush(false);
    this.#rows++;
    this.#waiting = { cells, offset };
  }

  /** Writes the row that waits. A last row that is short is one that was cut off. */
  #flush(isLast: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined || this.#read === undefined) return;
    const { cells, offset } = waiting;
    const { report } = this.#context;
    const columns = this.#columns;
    this.#offset = offset;
    const isLong = cells.slice(columns.length).some(cell => cell !== '');
    if (cells.length < columns.length || isLong) {
      const what = `a row of ${cells.length} cells below ${columns.length} columns`;
      if (isLast && !isLong) report.skip('truncated', offset, `the input ends inside ${what}`);
      else report.skip('malformed-row', offset, what);
      return;
    }
    const row: Row = Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']));
    try {
      this.#drafts.write(this.#read(row));
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      report.skip(error.reason, offset, error.message);
    }
  }
}

/** Takes a row apart, line by line. */
class RowParser {
  readonly cells: string[] = [];
  readonly #separator: Separator;
  /** The cell in quotes that has not ended. */
  #open: string[] | undefined;

  constructor(separator: Separator) {
    this.#separator = separator;
  }

  /** Takes a line of the row; returns true where the row ends with it. */
  feed(line: string): boolean {
    let at = 0;
    if (this.#open !== undefined) {
      this.#open.push('\n');
      at = this.#readQuoted(line, 0, this.#open);
    } else if (!line.includes('"')) {
      this.cells.push(...line.split(this.#separator));
      return true;
    }
    while (at <= line.length) {
      if (line[at] === '"') {
        this.#open = [];
        at = this.#readQuoted(line, at + 1, this.#open);
      } else {
        const end = this.#endOfCell(line, at);
        this.cells.push(line.slice(at, end));
        at = end + 1;
      }
    }
    return this.#open === undefined;
  }

  /** Reads on in a cell in quotes; returns where the next one begins. */
  #readQuoted(line: string, from: number, parts: string[]): number {
    let at = from;
    for (;;) {
      const quote = line.indexOf('"', at);
      if (quote < 0) {
        parts.push(line.slice(at));
        return line.length + 1;
      }
      parts.push(line.slice(at, quote));
      at = quote + 1;
      if (line[at] !== '"') break;
      parts.push('"');
      at++;
    }
    // Nothing should stand between the closing quote and the next cell; where it does, it is kept.
    const end = this.#endOfCell(line, at);
    this.cells.push(parts.join('') + line.slice(at, end));
    this.#open = undefined;
    return end + 1;
  }

  #endOfCell(line: string, from: number): number {
    const end = line.indexOf(this.#separator, from);
    return end < 0 ? line.length : end;
  }
}
