import { isRecord, type JsonValue, listOf, parseJson, textOf } from '../drafts/record.ts';
import { type RecordContext, readRecord, recordContext } from '../drafts/record-format.ts';
import type { DecodeContext, JsonFormat, LineDecoder, TextFormat } from '../format.ts';
import type { JsonCursor } from '../json/cursor.ts';
import { type Heading, headingOf, isTypeRow } from '../rows/heading.ts';
import { type RowReader, readerFor } from '../rows/row-reader.ts';

// Tables of spans whose rows are JSON arrays, as ClickHouse's compact formats write them.
// https://clickhouse.com/docs/interfaces/formats/JSONCompactEachRowWithNames
// ["Timestamp","TraceId","SpanId","ParentSpanId","SpanName","Duration",…]
// ["DateTime64(9)","String","String","String","LowCardinality(String)","UInt64",…]        (WithNamesAndTypes)
// ["2026-11-02 00:00:00.123456789","a1fbefbeffb0c1d2e3f405162738495a","fbefbe0000000001","","GET /","1200",…]
// {"meta":[{"name":"Timestamp","type":"DateTime64(9)"},…],"data":[[…],[…]],"rows":2}       (JSONCompact)

const NAME = {
  name: 'row-arrays',
  title: 'JSON arrays of a table of spans',
  recognised: 'rows that are arrays, behind one with the names of the columns, or below `meta` with their names',
} as const;

/** A row a line. */
export const rowArrays: TextFormat = {
  ...NAME,
  family: 'text',
  sniff(lines, _whole, columnMap) {
    const row = rowOfLine(lines.find(line => line.trim() !== '') ?? '');
    return row !== undefined && headingOf(row, columnMap) !== undefined;
  },
  open: context => new RowLines(context),
};

/** Returns the cells of a line that is a JSON array; undefined for any other. */
function rowOfLine(line: string): readonly JsonValue[] | undefined {
  if (!/^\s*\[/.test(line)) return undefined;
  try {
    return listOf(parseJson(line));
  } catch (error) {
    // Cut off or broken, or nested so deeply that no stack holds it.
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Writes the spans of a table's rows. */
class Rows {
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

  skip(reason: 'malformed-row' | 'unrecognised-json' | 'truncated' | 'no-spans', offset: number, detail: string): void {
    this.#context.report.skip(reason, offset, detail);
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

class RowLines implements LineDecoder {
  readonly #context: DecodeContext;
  readonly #rows: Rows;
  #lines = 0;
  #isBehindHeading = false;
  /** The line before, which is no row: it was cut off, if it is the last one. */
  #broken: { readonly offset: number; readonly text: string } | undefined;

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#rows = new Rows(context);
  }

  begin(): void {
    this.#rows.end();
    this.#lines = 0;
    this.#isBehindHeading = false;
    this.#broken = undefined;
  }

  line(text: string, offset: number): void {
    if (text.trim() === '') return;
    this.#reportBroken();
    const row = rowOfLine(text);
    if (row === undefined) {
      this.#broken = { offset, text: text.slice(0, 60) };
      return;
    }
    if (!this.#rows.hasBegun) {
      const heading = headingOf(row, this.#context.columnMap);
      if (heading === undefined) return this.#rows.skip('malformed-row', offset, 'a row before the names of columns');
      this.#rows.begin(heading);
      this.#isBehindHeading = heading.isFirstRow;
      if (heading.isFirstRow) return;
    }
    // Tables one after the other have their heading again.
    if (this.#rows.isHeading(row)) {
      this.#isBehindHeading = true;
      return;
    }
    const isOfTypes = this.#isBehindHeading && isTypeRow(row);
    this.#isBehindHeading = false;
    if (isOfTypes) return;
    this.#lines++;
    this.#rows.write(row, offset);
  }

  #reportBroken(): void {
    if (this.#broken === undefined) return;
    this.#rows.skip('malformed-row', this.#broken.offset, `a line that is no JSON array: ${this.#broken.text}`);
    this.#broken = undefined;
  }

  end(isLastLineOpen: boolean): void {
    if (this.#broken !== undefined && isLastLineOpen) {
      this.#rows.skip('truncated', this.#broken.offset, 'the input ends inside a row');
      this.#broken = undefined;
    } else if (this.#lines === 0 && this.#broken === undefined) {
      this.#rows.skip('no-spans', 0, 'a table without rows');
    }
    this.#reportBroken();
    this.begin();
  }
}

/** The whole answer of a query, in one document. */
export const rowArraysDocument: JsonFormat = {
  ...NAME,
  family: 'json',
  sniff: ({ paths }) =>
    ['.meta[].name', '.meta[].type', '.data[][]'].every(path => paths.has(path)) ? { container: '' } : undefined,

  open(context, offsetOf) {
    const rows = new Rows(context);
    let isTold = false;
    const readMeta = (cursor: JsonCursor) => {
      const columns = listOf(readRecord(cursor)).map(column => (isRecord(column) ? (textOf(column.name) ?? '') : ''));
      const heading = headingOf(columns, context.columnMap);
      if (heading === undefined) rows.end();
      else rows.begin(heading);
    };
    const readRow = (cursor: JsonCursor) => {
      const offset = offsetOf(cursor.position);
      const row = readRecord(cursor);
      if (rows.hasBegun) return rows.write(listOf(row), offset);
      if (!isTold) rows.skip('unrecognised-json', offset, 'rows of a table that is none of spans');
      isTold = true;
    };
    return () => ({
      open: () => {
        rows.end();
        isTold = false;
      },
      fields: { meta: { value: readMeta }, data: { items: { value: readRow } } },
    });
  },
};
