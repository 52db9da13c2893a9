import duckdb from '@duckdb/node-bindings';

// DuckDB vectors as JavaScript values, for the types that tailspan's own queries return. What a user's SQL may return
// besides is read by @duckdb/node-api (sql.ts).

/** 64-bit and larger integers are `bigint`; times are `bigint` in the unit of their type. */
export type SqlValue = string | number | bigint | boolean | null | SqlValue[];

const { Type } = duckdb;

/** Returns `count` values of a vector from row `from` on. */
export function readColumn(
  vector: duckdb.Vector,
  logicalType: duckdb.LogicalType,
  from: number,
  count: number,
): SqlValue[] {
  const type = duckdb.get_type_id(logicalType);
  const rows = from + count;
  const read = readerOf(vector, type, logicalType, rows);
  const validity = duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8);
  const values: SqlValue[] = new Array(count);
  for (let index = 0; index < count; index++) {
    const row = from + index;
    values[index] = duckdb.validity_row_is_valid(validity, row) ? read(row) : null;
  }
  return values;
}

function readerOf(
  vector: duckdb.Vector,
  type: duckdb.Type,
  logicalType: duckdb.LogicalType,
  rows: number,
): (row: number) => SqlValue {
  const view = (width: number): DataView => {
    const bytes = duckdb.vector_get_data(vector, rows * width);
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
      return row => (data.getBigInt64(row * 16 + 8, true) << 64n) | data.getBigUint64(row * 16, true);
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
    case Type.VARCHAR: {
      const bytes = duckdb.vector_get_data(vector, rows * 16);
      const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return row => textAt(bytes, data, row * 16);
    }
    case Type.LIST: {
      const data = view(16);
      const child = duckdb.list_vector_get_child(vector);
      const childType = duckdb.list_type_child_type(logicalType);
      const items = readColumn(child, childType, 0, duckdb.list_vector_get_size(vector));
      return row => {
        const start = Number(data.getBigUint64(row * 16, true));
        return items.slice(start, start + Number(data.getBigUint64(row * 16 + 8, true)));
      };
    }
    default:
      throw new Error(`a query of tailspan returns the DuckDB type ${Type[type]}, which values.ts does not read`);
  }
}

/** A string_t: the length, then the text itself up to 12 bytes, else four bytes of it and a pointer. */
function textAt(bytes: Uint8Array, data: DataView, at: number): string {
  const length = data.getUint32(at, true);
  const text =
    length <= 12
      ? bytes.subarray(at + 4, at + 4 + length)
      : duckdb.get_data_from_pointer(bytes.buffer as ArrayBuffer, bytes.byteOffset + at + 8, length);
  return Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8');
}
