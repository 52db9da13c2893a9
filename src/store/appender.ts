import duckdb from '@duckdb/node-bindings';
import { type Database, INLINE_BYTES } from './database.ts';

// Rows into a table by whole vectors: fields are written into typed arrays of 2,048 rows, which are copied into DuckDB
// column by column when they are full. Copying is unchecked by the binding, so that the widths here and the column types of
// the table must agree: they are compared when the appender is made.

const ROWS = 2048;
/** Full chunks between flushes: a third of a row group, so that little is left for the end. */
const CHUNKS_PER_FLUSH = 20;

const { Type } = duckdb;

/** Column types that are appended, and the 32-bit words that a value takes. */
const WORDS = { UTINYINT: 0, BOOLEAN: 0, UINTEGER: 1, BIGINT: 2, UBIGINT: 2, UHUGEINT: 4 } as const;
export type ColumnType = keyof typeof WORDS | 'VARCHAR' | 'UINTEGER[]';

const utf8 = new TextEncoder();

/** The address of a text none of whose pieces has one. */
const NOWHERE = new Uint32Array(2);

/** Appends rows to one table. Set every column of a row, then `next`. */
export class TableAppender {
  readonly #database: Database;
  readonly #table: string;
  readonly #types: readonly ColumnType[];
  readonly #columns: Column[];
  /** Made when there is something to append: many tables get no row from most sources. */
  #native: Native | undefined;
  #row = 0;
  #chunks = 0;
  #isClosed = false;

  constructor(database: Database, table: string, types: readonly ColumnType[]) {
    this.#database = database;
    this.#table = table;
    this.#types = types;
    this.#columns = types.map(newColumn);
  }

  #open(): Native {
    if (this.#native !== undefined) return this.#native;
    const table = this.#table;
    const types = this.#types;
    const appender = duckdb.appender_create(this.#database.connection, 'main', table);
    const expected = types.map(logicalType);
    for (const [index, type] of expected.entries()) {
      const found = duckdb.get_type_id(duckdb.appender_column_type(appender, index));
      if (found !== duckdb.get_type_id(type))
        throw new Error(`${table}: column ${index} is ${Type[found]}, not ${types[index]}`);
    }
    if (duckdb.appender_column_count(appender) !== types.length) throw new Error(`${table}: columns are missing`);
    const chunk = duckdb.create_data_chunk(expected);
    const vectors = types.map((_, index) => duckdb.data_chunk_get_vector(chunk, index));
    const texts = duckdb.create_data_chunk([duckdb.create_logical_type(Type.BLOB)]);
    this.#native = { appender, chunk, vectors, texts, text: duckdb.data_chunk_get_vector(texts, 0) };
    return this.#native;
  }

  /** The row in hand, as an index into the columns that `words` and `bytes` return. */
  get row(): number {
    return this.#row;
  }

  /** Rows that the columns have room for, the row in hand among them. */
  get room(): number {
    return ROWS - this.#row;
  }

  /** The words of a fixed-width column; they are the same array for every chunk. */
  words(column: number): Uint32Array {
    const { words } = this.#columns[column]!;
    if (words === undefined) throw new Error(`column ${column} is not of words`);
    return words;
  }

  /** The bytes of a column of single bytes. */
  bytes(column: number): Uint8Array {
    const { bytes } = this.#columns[column]!;
    if (bytes === undefined) throw new Error(`column ${column} is not of bytes`);
    return bytes;
  }

  /** Sets a field to NULL: of the row in hand, or of one behind it. */
  setNull(column: number, row: number): void {
    const { validity } = this.#columns[column]!;
    validity[row >> 3] = validity[row >> 3]! & ~(1 << (row & 7));
    this.#columns[column]!.hasNulls = true;
  }

  setText(column: number, text: string): void {
    duckdb.vector_assign_string_element_len(this.#open().vectors[column]!, this.#row, utf8.encode(text));
  }

  /**
   * Sets the texts of this row and those behind it, as many as `rows`, to pieces of `text`: piece r ends at `ends[r]`, where the next one
   * begins. It must be valid UTF-8: of one that is not, DuckDB refuses the rows when they are flushed.
   */
  setTexts(column: number, text: Uint8Array, ends: Uint32Array, rows: Uint32Array): void {
    if (rows.length > this.room) throw new Error('more texts than there is room for');
    if (rows.length === 0) return;
    const { entries, entryBytes } = this.#columns[column]!;
    const from = rows[0] === 0 ? 0 : ends[rows[0]! - 1]!;
    const to = ends[rows.at(-1)!]!;
    const address = to - from > INLINE_BYTES ? this.#addressOf(text.subarray(from, to)) : NOWHERE;
    fillEntries(entries, entryBytes, text, ends, rows, from, address);
    copy(this.#open().vectors[column]!, entries, rows.length * 16, this.#row * 16);
  }

  /**
   * Has DuckDB keep a text of more than `INLINE_BYTES` until the rows in hand are appended, and returns where it lies, as words: one call
   * in place of one for each long piece of it.
   */
  #addressOf(text: Uint8Array): Uint32Array {
    const { text: vector } = this.#open();
    duckdb.vector_assign_string_element_len(vector, this.#row, text);
    const entries = duckdb.vector_get_data(vector, (this.#row + 1) * 16);
    return new Uint32Array(entries.buffer, entries.byteOffset + this.#row * 16 + 8, 2);
  }

  /** Sets a list to `items[from..to]`. */
  setList(column: number, items: ArrayLike<number> & Iterable<number>, from = 0, to = items.length): void {
    const target = this.#columns[column]!;
    const length = to - from;
    const list = roomFor(target, length);
    const { entries } = target;
    let count = target.itemCount;
    entries[this.#row * 4] = count;
    entries[this.#row * 4 + 2] = length;
    for (let at = from; at < to; at++) list[count++] = items[at]!;
    target.itemCount = count;
  }

  /**
   * Sets the lists of this row and those behind it, as many as `rows`, to lists of `items`: list r ends at `ends[r]`, where the next one
   * begins.
   */
  setLists(column: number, items: Uint32Array, ends: Uint32Array, rows: Uint32Array): void {
    const target = this.#columns[column]!;
    const count = setEntries(target.entries, this.#row, target.itemCount, ends, rows);
    gatherLists(items, ends, rows, roomFor(target, count - target.itemCount), target.itemCount);
    target.itemCount = count;
  }

  /** Sets the values of this row and those behind it to rows `from` to `to` of `source`: of a column of which no value is set otherwise. */
  setRows(column: number, source: Uint32Array | Uint8Array, from: number, to: number): void {
    if (to - from > this.room) throw new Error('more rows than there is room for');
    const target = this.#columns[column]!;
    const { width } = target;
    target.isSetAtOnce = true;
    const bytes = width * (to - from);
    copy(this.#open().vectors[column]!, source, bytes, this.#row * width, from * width);
  }

  /** Ends the row. */
  next(): void {
    this.advance(1);
  }

  /** Ends this row and those behind it, as many as `rows` and no more than there is room for. */
  advance(rows: number): void {
    this.#row += rows;
    if (this.#row === ROWS) this.#push();
  }

  #push(): void {
    const rows = this.#row;
    if (rows === 0) return;
    const { appender, chunk, vectors, texts } = this.#open();
    for (const [index, column] of this.#columns.entries()) {
      const vector = vectors[index]!;
      if (column.isSetAtOnce) column.isSetAtOnce = false;
      else if (column.words !== undefined) copy(vector, column.words, rows * column.width);
      else if (column.bytes !== undefined) copy(vector, column.bytes, rows);
      else if (column.isList) {
        duckdb.list_vector_reserve(vector, column.itemCount);
        duckdb.list_vector_set_size(vector, column.itemCount);
        if (column.itemCount > 0) copy(duckdb.list_vector_get_child(vector), column.items, column.itemCount * 4);
        copy(vector, column.entries, rows * 16);
        column.itemCount = 0;
      }
      if (column.hasNulls) {
        duckdb.vector_ensure_validity_writable(vector);
        duckdb.copy_data_to_vector_validity(
          vector,
          0,
          column.validity.buffer as ArrayBuffer,
          0,
          Math.ceil(rows / 64) * 8,
        );
        column.validity.fill(255);
        column.hasNulls = false;
      }
    }
    duckdb.data_chunk_set_size(chunk, rows);
    duckdb.append_data_chunk(appender, chunk);
    duckdb.data_chunk_reset(chunk);
    duckdb.data_chunk_reset(texts);
    this.#row = 0;
    if (++this.#chunks % CHUNKS_PER_FLUSH === 0) duckdb.appender_flush_sync(appender);
  }

  /** Makes the rows so far visible to queries of the transaction. */
  flush(): void {
    this.#push();
    if (this.#native !== undefined) duckdb.appender_flush_sync(this.#native.appender);
  }

  /** Drops what was appended and not flushed. An appender that is merely let go would flush it when it is collected. */
  discard(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#native === undefined) return;
    duckdb.appender_clear(this.#native.appender);
    duckdb.appender_close_sync(this.#native.appender);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#push();
    if (this.#native !== undefined) duckdb.appender_close_sync(this.#native.appender);
  }
}

interface Native {
  readonly appender: duckdb.Appender;
  readonly chunk: duckdb.DataChunk;
  /** Of the columns. */
  readonly vectors: readonly duckdb.Vector[];
  /** Has one column, `text`: texts whose pieces rows of `chunk` point to. */
  readonly texts: duckdb.DataChunk;
  readonly text: duckdb.Vector;
}

interface Column {
  /** Bytes of a value. */
  readonly width: number;
  readonly words: Uint32Array | undefined;
  readonly bytes: Uint8Array | undefined;
  readonly isList: boolean;
  /**
   * Lists: offset and length of each row, as 64-bit integers; beside them the items. Texts: what `setTexts` is about to copy, from the
   * first row of that call on; texts lie in DuckDB's vector as soon as they are set.
   */
  readonly entries: Uint32Array;
  /** The same memory. */
  readonly entryBytes: Uint8Array;
  items: Uint32Array;
  itemCount: number;
  readonly validity: Uint8Array;
  hasNulls: boolean;
  /** Whether the rows lie in DuckDB's vector already. */
  isSetAtOnce: boolean;
}

function newColumn(type: ColumnType): Column {
  const isList = type === 'UINTEGER[]';
  const words = type === 'VARCHAR' || isList ? undefined : WORDS[type];
  const entries = new Uint32Array(isList || type === 'VARCHAR' ? ROWS * 4 : 0);
  return {
    width: words === 0 ? 1 : (words ?? 0) * 4,
    words: words === undefined || words === 0 ? undefined : new Uint32Array(ROWS * words),
    bytes: words === 0 ? new Uint8Array(ROWS) : undefined,
    isList,
    entries,
    entryBytes: new Uint8Array(entries.buffer),
    items: new Uint32Array(isList ? ROWS * 8 : 0),
    itemCount: 0,
    validity: new Uint8Array(ROWS / 8).fill(255),
    hasNulls: false,
    isSetAtOnce: false,
  };
}

// Loops are functions of their own, as in pending-spans.ts.

/** Makes entries of texts; what begins at `base` lies at `address`. */
function fillEntries(
  entries: Uint32Array,
  entryBytes: Uint8Array,
  text: Uint8Array,
  ends: Uint32Array,
  rows: Uint32Array,
  base: number,
  address: Uint32Array,
): void {
  const low = address[0]!;
  const high = address[1]!;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    const from = row === 0 ? 0 : ends[row - 1]!;
    const length = ends[row]! - from;
    const entry = index * 4;
    entries[entry] = length;
    entries[entry + 1] = entries[entry + 2] = entries[entry + 3] = 0;
    const isInline = length <= INLINE_BYTES;
    for (let at = 0, to = entry * 4 + 4, end = isInline ? length : 4; at < end; at++)
      entryBytes[to + at] = text[from + at]!;
    if (isInline) continue;
    const lowest = low + (from - base);
    entries[entry + 2] = lowest;
    entries[entry + 3] = lowest < 4294967296 ? high : high + 1;
  }
}

/** Makes entries of lists, the first of which begins behind `count` items, from row `first` on; returns how many items there are then. */
function setEntries(entries: Uint32Array, first: number, count: number, ends: Uint32Array, rows: Uint32Array): number {
  let items = count;
  for (let index = 0, at = first * 4; index < rows.length; index++, at += 4) {
    const row = rows[index]!;
    const length = ends[row]! - (row === 0 ? 0 : ends[row - 1]!);
    entries[at] = items;
    entries[at + 2] = length;
    items += length;
  }
  return items;
}

/** Copies the items of lists to `at`, one list behind the other. */
function gatherLists(items: Uint32Array, ends: Uint32Array, rows: Uint32Array, target: Uint32Array, at: number): void {
  let to = at;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    const end = ends[row]!;
    for (let item = row === 0 ? 0 : ends[row - 1]!; item < end; item++) target[to++] = items[item]!;
  }
}

/** The items of a column of lists, with room for so many more. */
function roomFor(column: Column, items: number): Uint32Array {
  const least = column.itemCount + items;
  if (least > column.items.length) {
    const larger = new Uint32Array(Math.max(column.items.length * 2, least));
    larger.set(column.items);
    column.items = larger;
  }
  return column.items;
}

function logicalType(type: ColumnType): duckdb.LogicalType {
  return type === 'UINTEGER[]'
    ? duckdb.create_list_type(duckdb.create_logical_type(Type.UINTEGER))
    : duckdb.create_logical_type(Type[type]);
}

function copy(vector: duckdb.Vector, column: Uint32Array | Uint8Array, bytes: number, to = 0, from = 0): void {
  if (from + bytes > column.byteLength) throw new Error('a column is shorter than its rows');
  duckdb.copy_data_to_vector(vector, to, column.buffer as ArrayBuffer, column.byteOffset + from, bytes);
}
