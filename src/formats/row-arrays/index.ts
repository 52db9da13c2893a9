import { type JsonValue, listOf, parseJson } from '../drafts/record.ts';
import type { DecodeContext, LineDecoder, TextFormat } from '../format.ts';
import { headingOf, isTypeRow } from '../rows/heading.ts';
import { rowArraysDocument } from './documents.ts';
import { Rows } from './rows.ts';

// Tables of spans whose rows (or columns, see documents.ts) are JSON arrays, as ClickHouse's compact formats write them.
// https://clickhouse.com/docs/interfaces/formats/JSONCompactEachRowWithNames
// ["Timestamp","TraceId","SpanId","ParentSpanId","SpanName","Duration",…]
// ["DateTime64(9)","String","String","String","LowCardinality(String)","UInt64",…]        (WithNamesAndTypes)
// ["2026-11-02 00:00:00.123456789","a1fbefbeffb0c1d2e3f405162738495a","fbefbe0000000001","","GET /","1200",…]

const NAME = {
  name: 'row-arrays',
  title: 'JSON arrays of a table of spans',
  recognised:
    'rows that are arrays, behind one with the names of the columns or below `meta` with their names, or columns that are arrays',
} as const;

/** The whole answer of a query, in one document. */
export const rowArrayDocuments = rowArraysDocument(NAME);

/** A row a line. */
export const rowArrays: TextFormat = {
  ...NAME,
  family: 'text',
  sniff(lines, _whole, columnMap) {
    const row = rowOfLine(lines.find(line => line.trim() !== '') ?? '');
    // An array of arrays is a table by itself.
    return row !== undefined && !row.every(Array.isArray) && headingOf(row, columnMap) !== undefined;
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
