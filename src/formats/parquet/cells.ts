import type { JsonValue } from '../drafts/record.ts';
import { type Cell, type Row, textOfBytes } from '../rows/cells.ts';
import type { ParquetRow } from './file.ts';

// Values of Parquet as cells of a table.

export function rowOfParquet(row: ParquetRow): Row {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, cellOf(value)]));
}

function cellOf(value: unknown): Cell {
  return value instanceof Uint8Array ? value : plainOf(value);
}

function plainOf(value: unknown): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
    case 'number':
      return value;
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array) return textOfBytes(value) ?? Buffer.from(value).toString('base64');
      if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(Object.values(value), plainOf);
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainOf(item)]));
    default:
      return null;
  }
}
