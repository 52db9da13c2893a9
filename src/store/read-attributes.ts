import { type AttributeValue, valueOfText } from '../model/attributes.ts';
import { ATTRIBUTE_TABLES, IDS_AT_A_TIME } from './attribute-tables.ts';
import { numberList } from './number-list.ts';
import type { Queryable } from './queryable.ts';

// Attributes by their ids. Those of one trace lie in some ten or twenty places of their tables; DuckDB tells them from all others by the
// number of the row, for which it knows what is in each vector, but not by their id, for which it only knows what is in a row group. So
// their rows are found first, in the ids alone, and then only their vectors are decompressed.

/** The attributes behind the ids that rows have. */
export class AttributeTable {
  readonly #keys: string[] = [];
  readonly #values: AttributeValue[] = [];

  set(id: number, key: string, value: AttributeValue): void {
    this.#keys[id] = key;
    this.#values[id] = value;
  }

  /** The attributes of one list of ids, as a row has it: an array, or nothing. */
  of(ids: unknown): Record<string, AttributeValue> {
    if (!Array.isArray(ids)) return {};
    return Object.fromEntries(ids.map(id => [this.#keys[Number(id)]!, this.#values[Number(id)]!] as const));
  }
}

/** Reads the attributes of lists of ids, as rows have them. */
export async function readAttributes(database: Queryable, lists: readonly unknown[]): Promise<AttributeTable> {
  const ids = new Set<number>();
  for (const list of lists) for (const id of Array.isArray(list) ? list : []) ids.add(Number(id));
  const table = new AttributeTable();
  const sorted = [...ids].sort((a, b) => a - b);
  for (let from = 0; from < sorted.length; from += IDS_AT_A_TIME) {
    const isIn = `attribute_id IN (SELECT unnest(${numberList(sorted.slice(from, from + IDS_AT_A_TIME), 'UINTEGER')}))`;
    const found = ATTRIBUTE_TABLES.map(
      name => `SELECT * FROM ${name} WHERE rowid IN (SELECT rowid FROM ${name} WHERE ${isIn})`,
    );
    const rows = await database.rows(
      `SELECT attribute_id, k.name, type, value FROM (${found.join(' UNION ALL ')}) JOIN key k USING (key_id)`,
    );
    for (const row of rows) {
      table.set(Number(row.attribute_id), String(row.name), valueOfText(Number(row.type), String(row.value)));
    }
  }
  return table;
}
