import type duckdb from '@duckdb/node-bindings';
import type { Row } from './queryable.ts';
import { readColumn, type SqlValue } from './values.ts';

// Rows of a result, column by column. A column is read from a vector; where that lies, in DuckDB or in bytes that another
// process sent, is not known here, so both give the same values.

/** The values of a column as DuckDB keeps them: little-endian, of a fixed width but for texts. */
export interface ColumnVector {
  readonly type: duckdb.Type;
  /** The first bytes of its values; of a list they are 64-bit offset and length of a row's items. Not for texts. */
  data(byteCount: number): Uint8Array;
  /** A bit a row, set where there is a value; null where all rows have one. */
  validity(rowCount: number): Uint8Array | null;
  /** The UTF-8 bytes of a row, of a column of texts. */
  text(row: number): Uint8Array;
  /** The items of all rows, of a column of lists. */
  items(): { readonly vector: ColumnVector; readonly count: number };
}

/** Up to 2,048 rows of a result. */
export class ColumnChunk {
  readonly rowCount: number;
  readonly names: readonly string[];
  readonly #vectorAt: (index: number) => ColumnVector;

  constructor(rowCount: number, names: readonly string[], vectorAt: (index: number) => ColumnVector) {
    this.rowCount = rowCount;
    this.names = names;
    this.#vectorAt = vectorAt;
  }

  vector(index: number): ColumnVector {
    if (index >= this.names.length) throw new Error(`the result has no column ${index}`);
    return this.#vectorAt(index);
  }

  /** The values of a column. */
  column(index: number): SqlValue[] {
    return readColumn(this.vector(index), this.rowCount);
  }

  /** The bytes of a fixed-width column without NULLs, as 32-bit words. */
  words(index: number, bytesPerRow: 4 | 8 | 16): Uint32Array {
    return wordsOf(this.vector(index).data(this.rowCount * bytesPerRow));
  }

  /** A column of lists of UINTEGER: where each row's list begins and ends in `items`. */
  lists(index: number): { from: Uint32Array; to: Uint32Array; items: Uint32Array } {
    const vector = this.vector(index);
    const entries = wordsOf(vector.data(this.rowCount * 16));
    const { vector: child, count } = vector.items();
    const from = new Uint32Array(this.rowCount);
    const to = new Uint32Array(this.rowCount);
    for (let row = 0; row < this.rowCount; row++) {
      from[row] = entries[row * 4] ?? 0;
      to[row] = (entries[row * 4] ?? 0) + (entries[row * 4 + 2] ?? 0);
    }
    return { from, to, items: wordsOf(child.data(count * 4)) };
  }

  rows(): Row[] {
    const { names } = this;
    const columns = names.map((_, index) => this.column(index));
    const rows: Row[] = new Array(this.rowCount);
    for (let row = 0; row < rows.length; row++) {
      const values: Record<string, SqlValue> = {};
      for (let index = 0; index < names.length; index++) values[names[index]!] = columns[index]![row]!;
      rows[row] = values;
    }
    return rows;
  }
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}
