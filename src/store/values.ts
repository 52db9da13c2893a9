import duckdb from '@duckdb/node-bindings';
import type { ColumnVector } from './column-chunk.ts';

// DuckDB vectors as JavaScript values, for the types that tailspan's own queries return. What a user's SQL may return
// besides is read by @duckdb/node-api (sql.ts).

/** 64-bit and larger integers are `bigint`; times are `bigint` in the unit of their type. */
export type SqlValue = string | number | bigint | boolean | null | SqlValue[];

const { Type } = duckdb;

/** Returns the first `count` values of a vector. */
export function readColumn(vector: ColumnVector, count: number): SqlValue[] {
  const read = readerOf(vector, count);
  const validity = vector.validity(count);
  const values: SqlValue[] = new Array(count);
  for (let row = 0; row < count; row++) {
    const isValid = validity === null || ((validity[row >> 3]! >> (row & 7)) & 1) === 1;
    values[row] = isValid ? read(row) : null;
  }
  return values;
}

/** Bytes of a value of the types that have a fixed width. */
export const WIDTHS: ReadonlyMap<duckdb.Type, number> = new Map([
  [Type.BOOLEAN, 1],
  [Type.TINYINT, 1],
  [Type.UTINYINT, 1],
  [Type.SMALLINT, 2],
  [Type.USMALLINT, 2],
  [Type.INTEGER, 4],
  [Type.UINTEGER, 4],
  [Type.BIGINT, 8],
  [Type.UBIGINT, 8],
  [Type.HUGEINT, 16],
  [Type.UHUGEINT, 16],
  [Type.FLOAT, 4],
  [Type.DOUBLE, 8],
  [Type.TIMESTAMP, 8],
  [Type.TIMESTAMP_NS, 8],
  [Type.TIMESTAMP_TZ, 8],
]);

function readerOf(vector: ColumnVector, rows: number): (row: number) => SqlValue {
  const { type } = vector;
  const view = (width: number): DataView => {
    const bytes = vector.data(rows * width);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  switch (type) {
    case Type.BOOLEAN: {
      const data = view(1);
      return row => data.getUint8(row) !== 0;
    }
    case Type.TINYINT: {
      const data = view(1);
      return row => data.getInt8(row);
    }
    case Type.UTINYINT: {
      const data = view(1);
      return row => data.getUint8(row);
    }
    case Type.SMALLINT: {
      const data = view(2);
      return row => data.getInt16(row * 2, true);
    }
    case Type.USMALLINT: {
      const data = view(2);
      return row => data.getUint16(row * 2, true);
    }
    case Type.INTEGER: {
      const data = view(4);
      return row => data.getInt32(row * 4, true);
    }
    case Type.UINTEGER: {
      const data = view(4);
      return row => data.getUint32(row * 4, true);
    }
    case Type.BIGINT:
    case Type.TIMESTAMP:
    case Type.TIMESTAMP_NS:
    case Type.TIMESTAMP_TZ: {
      const data = view(8);
      return row => data.getBigInt64(row * 8, true);
    }
    case Type.UBIGINT: {
      const data = view(8);
      return row => data.getBigUint64(row * 8, true);
    }
    case Type.HUGEINT: {
      const data = view(16);
      return row => {
        const high = data.getBigInt64(row * 16 + 8, true);
        const low = data.getBigUint64(row * 16, true);
        // Sums are rarely beyond 64 bits, and arithmetic makes an object a step.
        return high === 0n ? low : (high << 64n) | low;
      };
    }
    case Type.UHUGEINT: {
      const data = view(16);
      return row => (data.getBigUint64(row * 16 + 8, true) << 64n) | data.getBigUint64(row * 16, true);
    }
    case Type.FLOAT: {
      const data = view(4);
      return row => data.getFloat32(row * 4, true);
    }
    case Type.DOUBLE: {
      const data = view(8);
      return row => data.getFloat64(row * 8, true);
    }
    case Type.VARCHAR:
      return row => {
        const text = vector.text(row);
        return Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8');
      };
    case Type.LIST: {
      const data = view(16);
      const { vector: child, count } = vector.items();
      const items = readColumn(child, count);
      return row => {
        const start = Number(data.getBigUint64(row * 16, true));
        return items.slice(start, start + Number(data.getBigUint64(row * 16 + 8, true)));
      };
    }
    default:
      throw new Error(`a query of tailspan returns the DuckDB type ${Type[type]}, which values.ts does not read`);
  }
}
