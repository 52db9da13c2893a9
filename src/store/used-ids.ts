import { TableAppender } from './appender.ts';
import { ATTRIBUTE_TABLES } from './attribute-tables.ts';
import type { ColumnChunk } from './column-chunk.ts';
import type { Database } from './database.ts';
import { IdList } from './dictionaries.ts';

// Which rows of the dictionary tables nothing refers to any more. Spans are read once, as columns, and an id is a bit: several
// times as fast as DISTINCT over all attribute ids of a database, and the memory is a bit an id.

/** What is asked for rows of dictionaries (tables, but for attributes a view of two), with the column of the id. */
export const DICTIONARIES = {
  status: 'status_id',
  event_name: 'name_id',
  resource: 'resource_id',
  operation: 'operation_id',
  scope: 'scope_id',
  service: 'service_id',
  attribute: 'attribute_id',
  key: 'key_id',
} as const;
export type Dictionary = keyof typeof DICTIONARIES;

/** The tables that have the rows of a dictionary: one of its name, but two of attributes. */
export function tablesOf(dictionary: Dictionary): readonly string[] {
  return dictionary === 'attribute' ? ATTRIBUTE_TABLES : [dictionary];
}

/** A set of ids from 0 to 2^32 − 1. */
class IdSet {
  #words = new Uint32Array(1 << 10);

  add(id: number): void {
    const at = id >>> 5;
    if (at >= this.#words.length) {
      const larger = new Uint32Array(Math.max(this.#words.length * 2, at + 1));
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at] = this.#words[at]! | (1 << (id & 31));
  }

  has(id: number): boolean {
    return ((this.#words[id >>> 5] ?? 0) & (1 << (id & 31))) !== 0;
  }
}

type UsedIds = Readonly<Record<Dictionary, IdSet>>;

/** What refers to dictionaries, in an order in which a dictionary that refers to others comes behind all that refer to it. */
const REFERENCES: readonly {
  readonly table: string;
  /** The dictionary that the table is: of its rows only those count that are used. */
  readonly own?: Dictionary;
  /** The columns that hold ids, and whose they are. */
  readonly columns: Readonly<Record<string, Dictionary>>;
}[] = [
  {
    table: 'span',
    columns: { operation_id: 'operation', resource_id: 'resource', status_id: 'status', attribute_ids: 'attribute' },
  },
  { table: 'trace', columns: { operation_id: 'operation', service_ids: 'service' } },
  { table: 'event', columns: { name_id: 'event_name', attribute_ids: 'attribute' } },
  { table: 'link', columns: { attribute_ids: 'attribute' } },
  { table: 'resource', own: 'resource', columns: { service_id: 'service', attribute_ids: 'attribute' } },
  { table: 'operation', own: 'operation', columns: { service_id: 'service', scope_id: 'scope' } },
  { table: 'scope', own: 'scope', columns: { attribute_ids: 'attribute' } },
  { table: 'attribute', own: 'attribute', columns: { key_id: 'key' } },
];

/** Ids of a dictionary that nothing refers to. */
export interface UnusedIds {
  readonly dictionary: Dictionary;
  /** The column of the id, in the dictionary and in `ids`. */
  readonly column: string;
  /** A temporary table of the ids; the caller drops it. */
  readonly ids: string;
}

/** Finds the rows of dictionaries that nothing refers to; a dictionary without any is left out. */
export async function findUnusedIds(database: Database): Promise<readonly UnusedIds[]> {
  const used: UsedIds = {
    status: new IdSet(),
    event_name: new IdSet(),
    service: new IdSet(),
    operation: new IdSet(),
    resource: new IdSet(),
    scope: new IdSet(),
    attribute: new IdSet(),
    key: new IdSet(),
  };
  for (const { table, own, columns } of REFERENCES) {
    const names = Object.keys(columns);
    const selected = own === undefined ? names : [...names, DICTIONARIES[own]];
    for await (const chunk of database.scan(`SELECT ${selected.join(', ')} FROM "${table}"`)) {
      const rows = own === undefined ? undefined : rowsIn(chunk, names.length, used[own]);
      for (const [index, [name, to]] of Object.entries(columns).entries()) {
        if (name.endsWith('_ids')) addLists(chunk, index, rows, used[to]);
        else addIds(chunk, index, rows, used[to]);
      }
    }
  }
  const found: UnusedIds[] = [];
  for (const table of Object.keys(DICTIONARIES) as Dictionary[]) {
    const unused = await collectUnused(database, table, used[table]);
    if (unused !== undefined) found.push(unused);
  }
  return found;
}

/** Returns for each row of a chunk 1 where the id in a column is in a set, else 0. */
function rowsIn(chunk: ColumnChunk, column: number, used: IdSet): Uint8Array {
  const ids = chunk.words(column, 4);
  const rows = new Uint8Array(chunk.rowCount);
  for (let row = 0; row < rows.length; row++) rows[row] = used.has(ids[row]!) ? 1 : 0;
  return rows;
}

function addIds(chunk: ColumnChunk, column: number, rows: Uint8Array | undefined, used: IdSet): void {
  const ids = chunk.words(column, 4);
  for (let row = 0; row < chunk.rowCount; row++) if (rows === undefined || rows[row] === 1) used.add(ids[row]!);
}

function addLists(chunk: ColumnChunk, column: number, rows: Uint8Array | undefined, used: IdSet): void {
  // Between the lists of a chunk there may be items of rows that were deleted.
  const { from, to, items } = chunk.lists(column);
  for (let row = 0; row < chunk.rowCount; row++) {
    if (rows !== undefined && rows[row] === 0) continue;
    for (let at = from[row]!; at < to[row]!; at++) used.add(items[at]!);
  }
}

async function collectUnused(database: Database, dictionary: Dictionary, used: IdSet): Promise<UnusedIds | undefined> {
  const column = DICTIONARIES[dictionary];
  const unused = new IdList();
  for await (const chunk of database.scan(`SELECT ${column} FROM "${dictionary}"`)) {
    const ids = chunk.words(0, 4);
    for (let row = 0; row < chunk.rowCount; row++) if (!used.has(ids[row]!)) unused.push(ids[row]!);
  }
  if (unused.count === 0) return undefined;
  const ids = `unused_${column}`;
  await database.run(`CREATE OR REPLACE TEMP TABLE ${ids} (${column} UINTEGER)`);
  const appender = new TableAppender(database, ids, ['UINTEGER']);
  const words = appender.words(0);
  for (const id of unused.ids.subarray(0, unused.count)) {
    words[appender.row] = id;
    appender.next();
  }
  appender.close();
  return { dictionary, column, ids };
}
