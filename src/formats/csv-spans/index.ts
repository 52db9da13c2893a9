import { DraftWriter } from '../drafts/span-draft.ts';
import type { DecodeContext, LineDecoder, Reason, TextFormat } from '../format.ts';
import { BadRecord } from '../json/cursor.ts';
import type { Row } from '../rows/cells.ts';
import { isSpanTable, type RowReader, readerFor } from '../rows/row-reader.ts';

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
    const first = lines.find(line => line.trim() !== '') ?? '';
    return separatorOf(withoutMark(first), columns => isSpanTable(columns, columnMap)) !== undefined;
  },

  open: context => new CsvDecoder(context),
};

const SEPARATORS = [',', '\t', ';', '|'] as const;
type Separator = (typeof SEPARATORS)[number];

function separatorOf(header: string, isTable: (columns: readonly string[]) => boolean): Separator | undefined {
  if (/^\s*[{[]/.test(header)) return undefined;
  return SEPARATORS.find(separator => header.includes(separator) && isTable(cellsOf(header, separator)));
}

function withoutMark(line: string): string {
  return line.replace(/^\ufeff/, '');
}

class CsvDecoder implements LineDecoder {
  readonly #context: DecodeContext;
  readonly #drafts: DraftWriter;
  /** Where the row in hand begins. */
  #offset = 0;
  #separator: Separator = ',';
  #header = '';
  #columns: readonly string[] = [];
  #read: RowReader | undefined;
  #rows = 0;
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
    } else if (text.trim() === '') return;
    else if (this.#read === undefined) this.#readHeader(text);
    // Tables one after the other have the header again.
    else if (text !== this.#header) {
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

  #readHeader(text: string): void {
    const header = withoutMark(text);
    const { columnMap } = this.#context;
    this.#separator = separatorOf(header, columns => isSpanTable(columns, columnMap)) ?? ',';
    this.#header = header;
    this.#columns = distinct(cellsOf(header, this.#separator));
    this.#read = readerFor(this.#columns, columnMap, this.#repair);
  }

  #take(cells: readonly string[], offset: number): void {
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

/** Columns that have the same name are told apart by numbers. */
function distinct(columns: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return columns.map(column => {
    const count = (seen.get(column) ?? 0) + 1;
    seen.set(column, count);
    return count === 1 ? column : `${column}_${count}`;
  });
}

/** Takes one line apart. */
function cellsOf(line: string, separator: Separator): string[] {
  const row = new RowParser(separator);
  row.feed(line);
  return row.cells;
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
