import { availableParallelism } from 'node:os';
import duckdb from '@duckdb/node-bindings';
import { UserError } from '../errors.ts';
import { IDS_AT_A_TIME } from './attribute-tables.ts';
import { ColumnChunk, type ColumnVector } from './column-chunk.ts';
import { firstValue, type Queryable, type Row, type SqlParameter } from './queryable.ts';
import type { SqlResult } from './sql.ts';
import type { SqlValue } from './values.ts';

// The connection to DuckDB, on the bindings below @duckdb/node-api: importing that package costs more than everything
// else a short command does, and whole columns are handed over here without an object a value (docs/performance.md).
//
// One thread owns DuckDB. Opening a file a second time in the same process succeeds silently, and drops the file's lock
// when either is closed: never do it.

/** From so many subqueries on, an order of joins is not looked for. */
const MANY_SUBQUERIES = 24;

export interface DatabaseOptions {
  /** `:memory:` or a file. */
  readonly path: string;
  readonly readOnly?: boolean;
  /** Bytes that DuckDB may hold in memory. */
  readonly memoryLimit?: number;
}

/** Another process has the database open, and its lock. */
export class DatabaseInUse extends UserError {
  constructor(path: string, owner: string | undefined, cause: unknown) {
    super(`${path} is in use by another process${owner === undefined ? '' : ` (${owner})`}`, {
      hint: 'wait for it to end, or name another database with --db',
      cause,
    });
  }
}

/** The version of DuckDB, such as `v1.5.6`. */
export function duckdbVersion(): string {
  return duckdb.library_version();
}

/** A database that this process has open, by a connection of its own. */
export class Database implements Queryable {
  readonly connection: duckdb.Connection;
  readonly path: string;
  readonly #instance: Instance;
  readonly #isFirst: boolean;
  #isClosed = false;

  private constructor(path: string, instance: Instance, connection: duckdb.Connection, isFirst: boolean) {
    this.path = path;
    this.#instance = instance;
    this.connection = connection;
    this.#isFirst = isFirst;
  }

  /** Opens a database; a file that does not exist is made, unless it is to be read only. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const config = duckdb.create_config();
    const set = (name: string, value: string) => duckdb.set_config(config, name, value);
    if (options.readOnly === true) set('access_mode', 'READ_ONLY');
    else set('write_buffer_row_group_count', '1');
    // An appender's flush runs as a query: with a second thread the caller spins while a pool thread inserts.
    set('threads', '1');
    set('storage_compatibility_version', 'latest');
    set('autoinstall_known_extensions', 'false');
    set('autoload_known_extensions', 'false');
    set('preserve_insertion_order', 'true');
    // For more rows than this a join does not say which vectors of the other side may be skipped (read-attributes.ts).
    set('dynamic_or_filter_threshold', String(IDS_AT_A_TIME));
    if (options.memoryLimit !== undefined) set('memory_limit', inBytes(options.memoryLimit));
    try {
      const database = await duckdb.open(options.path, config);
      const connection = await duckdb.connect(database);
      return new Database(options.path, new Instance(database, options.memoryLimit), connection, true);
    } catch (error) {
      throw explainOpening(options.path, error);
    }
  }

  /**
   * Opens another connection to the same database, with transactions and temporary tables of its own. Close it before the one
   * that `open` gave.
   */
  async connect(): Promise<Database> {
    return new Database(this.path, this.#instance, await duckdb.connect(this.#instance.native), false);
  }

  async run(sql: string): Promise<void> {
    await this.planned(sql, () => duckdb.query(this.connection, sql));
  }

  /**
   * Has the statements that `work` runs, those of `sql`, joined as they are written if they have many subqueries: to find a better order
   * takes DuckDB minutes from 200 on.
   */
  async planned<T>(sql: string, work: () => Promise<T>): Promise<T> {
    return sql.split('IN (SELECT').length <= MANY_SUBQUERIES ? work() : this.#instance.withoutJoinOrder(work);
  }

  async rows(sql: string, parameters: readonly SqlParameter[] = []): Promise<Row[]> {
    const rows: Row[] = [];
    if (parameters.length === 0) {
      const result = await this.planned(sql, () => duckdb.query(this.connection, sql));
      for await (const chunk of chunksOf(result)) rows.push(...chunk.rows());
      return rows;
    }
    const statement = await this.#prepare(sql, parameters);
    try {
      for await (const chunk of chunksOf(await duckdb.execute_prepared(statement))) rows.push(...chunk.rows());
      return rows;
    } finally {
      duckdb.destroy_prepare_sync(statement);
    }
  }

  async *scan(sql: string): AsyncGenerator<ColumnChunk> {
    const statement = await this.#prepare(sql, []);
    try {
      yield* chunksOf(await duckdb.execute_prepared_streaming(statement));
    } finally {
      duckdb.destroy_prepare_sync(statement);
    }
  }

  async #prepare(sql: string, parameters: readonly SqlParameter[]): Promise<duckdb.PreparedStatement> {
    const statement = await duckdb.prepare(this.connection, sql);
    bindAll(statement, parameters);
    return statement;
  }

  async value(sql: string, parameters: readonly SqlParameter[] = []): Promise<SqlValue | undefined> {
    return firstValue(await this.rows(sql, parameters));
  }

  async sql(text: string, mayWrite: boolean): Promise<SqlResult> {
    const { runSql } = await import('./sql.ts');
    return runSql(this, text, mayWrite);
  }

  /**
   * Lets DuckDB hold so many bytes in memory, but never more than it was opened with; undefined for what it was opened
   * with.
   */
  async limitMemory(limit: number | undefined): Promise<void> {
    await this.#instance.limitMemory(limit);
  }

  /** Has DuckDB hold as much memory as it was opened with for as long as `work` takes, whatever `limitMemory` says. */
  async withFullMemory<T>(work: () => Promise<T>): Promise<T> {
    return this.#instance.withFullMemory(work);
  }

  /** Ends the transaction in hand in the database file itself: what is in its log first is written twice. */
  async commitPastLog(): Promise<void> {
    const name = 'wal_autocheckpoint';
    const usual = await this.value(`SELECT current_setting('${name}')`);
    try {
      await this.run(`SET ${name} = '1 byte'; COMMIT`);
    } finally {
      // Behind a full disk DuckDB may do nothing any more, and why is what it said first.
      await this.run(`SET ${name} = '${usual}'`).catch(() => {});
    }
  }

  async setThreads(most: number): Promise<void> {
    // Threads beyond the cores only take turns, and each costs processor time.
    await this.run(`SET threads = ${Math.min(most, availableParallelism())}`);
  }

  /** Stops the statement that this connection runs, if it runs one: it fails. */
  interrupt(): void {
    if (!this.#isClosed) duckdb.interrupt(this.connection);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    duckdb.disconnect_sync(this.connection);
    if (this.#isFirst) this.#instance.close();
  }
}

/** What the connections of this process to one database share: settings that DuckDB has for all of them only. */
class Instance {
  readonly native: duckdb.Database;
  /** Bytes; undefined for DuckDB's default, until that is known. */
  #openedWith: number | undefined;
  /** The limit that is wanted, and the one that holds: undefined for the one that it was opened with. */
  #memoryLimit: number | undefined;
  #narrowed: number | undefined;
  /** Who wants all the memory there is, and who no order of joins. */
  readonly #users = { memory: 0, joins: 0 };
  /** A connection for settings alone: on another one a statement would end the result that is being read. */
  #settings: duckdb.Connection | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(native: duckdb.Database, memoryLimit: number | undefined) {
    this.native = native;
    this.#openedWith = memoryLimit;
  }

  async limitMemory(limit: number | undefined): Promise<void> {
    this.#memoryLimit = limit;
    await this.#changeMemory();
  }

  async withFullMemory<T>(work: () => Promise<T>): Promise<T> {
    return this.#using('memory', () => this.#changeMemory(), work);
  }

  async withoutJoinOrder<T>(work: () => Promise<T>): Promise<T> {
    const change = () =>
      this.#change(settings =>
        duckdb.query(settings, `SET disabled_optimizers = '${this.#users.joins > 0 ? 'join_order' : ''}'`),
      );
    return this.#using('joins', change, work);
  }

  /** Changes a setting for the first who wants it, and back behind the last. */
  async #using<T>(setting: 'memory' | 'joins', change: () => Promise<void>, work: () => Promise<T>): Promise<T> {
    this.#users[setting]++;
    try {
      await (this.#users[setting] === 1 ? change() : this.#changing);
      return await work();
    } finally {
      this.#users[setting]--;
      if (this.#users[setting] === 0) await change();
    }
  }

  async #changeMemory(): Promise<void> {
    await this.#change(async settings => {
      const narrowed = this.#users.memory > 0 ? undefined : this.#memoryLimit;
      if (narrowed === this.#narrowed) return;
      this.#narrowed = narrowed;
      this.#openedWith ??= await memoryLimitOf(settings);
      const bytes = Math.min(narrowed ?? Infinity, this.#openedWith);
      await duckdb.query(settings, `SET memory_limit = '${inBytes(bytes)}'`);
    });
  }

  /** Has changes made one after the other. */
  async #change(change: (settings: duckdb.Connection) => Promise<unknown>): Promise<void> {
    const changed = this.#changing.then(async () => {
      this.#settings ??= await duckdb.connect(this.native);
      await change(this.#settings);
    });
    this.#changing = changed.catch(() => {});
    await changed;
  }

  close(): void {
    if (this.#settings !== undefined) duckdb.disconnect_sync(this.#settings);
    duckdb.close_sync(this.native);
  }
}

/** The bytes that DuckDB may hold by default. They are read, for RESET changes the limit that is shown and not the one that holds. */
async function memoryLimitOf(connection: duckdb.Connection): Promise<number> {
  const sql = "SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'";
  for await (const chunk of chunksOf(await duckdb.query(connection, sql))) {
    const [, count = '', unit = ''] = /^([\d.]+) (\w+)$/.exec(String(chunk.column(0)[0])) ?? [];
    // The tenth that is shown is rounded down.
    return Math.ceil(Number(count) * 1024) * 1024 ** (['bytes', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(unit) - 1);
  }
  throw new Error('DuckDB has no limit of memory');
}

/** A size as DuckDB reads it. */
function inBytes(bytes: number): string {
  return `${bytes}B`;
}

/** The chunks of a result, one after the other. */
export async function* chunksOf(result: duckdb.Result): AsyncGenerator<ColumnChunk> {
  const count = duckdb.column_count(result);
  const names = Array.from({ length: count }, (_, index) => duckdb.column_name(result, index));
  const types = names.map((_, index) => duckdb.column_logical_type(result, index));
  for (;;) {
    const chunk = await duckdb.fetch_chunk(result);
    const rowCount = chunk === null ? 0 : duckdb.data_chunk_get_size(chunk);
    if (chunk === null || rowCount === 0) return;
    yield new ColumnChunk(
      rowCount,
      names,
      index => new NativeVector(duckdb.data_chunk_get_vector(chunk, index), types[index]!, rowCount),
    );
  }
}

/**
 * The longest text that stands in its 16-byte entry itself, behind its length as 32 bits, with zeros up to the end. That of a longer one
 * has its first four bytes there, and its address (`duckdb_string_t` of DuckDB's C API).
 */
export const INLINE_BYTES = 12;
/** As many bytes of texts are asked for together, and one text more. */
const RUN_BYTES = 1 << 24;
const NO_TEXTS: { readonly address: number; readonly bytes: Uint8Array } = { address: 0, bytes: new Uint8Array(0) };

/** A vector of DuckDB's, for as long as its chunk is the one in hand. */
class NativeVector implements ColumnVector {
  readonly type: duckdb.Type;
  readonly #vector: duckdb.Vector;
  readonly #logicalType: duckdb.LogicalType;
  readonly #rowCount: number;
  #texts: DataView<ArrayBuffer> | undefined;
  /** Texts that were read together, and where they lie. */
  #run = NO_TEXTS;

  constructor(vector: duckdb.Vector, logicalType: duckdb.LogicalType, rowCount: number) {
    this.type = duckdb.get_type_id(logicalType);
    this.#vector = vector;
    this.#logicalType = logicalType;
    this.#rowCount = rowCount;
  }

  data(byteCount: number): Uint8Array {
    return duckdb.vector_get_data(this.#vector, byteCount);
  }

  validity(rowCount: number): Uint8Array | null {
    return duckdb.vector_get_validity(this.#vector, Math.ceil(rowCount / 64) * 8);
  }

  /** Of an entry as `INLINE_BYTES` says. */
  text(row: number): Uint8Array {
    this.#texts ??= viewOf(this.data(this.#rowCount * 16));
    const { buffer, byteOffset } = this.#texts;
    const length = this.#texts.getUint32(row * 16, true);
    if (length <= INLINE_BYTES) return new Uint8Array(buffer, byteOffset + row * 16 + 4, length);
    const from = this.#addressAt(row) - this.#run.address;
    if (from >= 0 && from + length <= this.#run.bytes.length) return this.#run.bytes.subarray(from, from + length);
    this.#run = this.#runFrom(row);
    return this.#run.bytes.subarray(0, length);
  }

  /** Where a text of more than `INLINE_BYTES` lies. */
  #addressAt(row: number): number {
    return Number(this.#texts!.getBigUint64(row * 16 + 8, true));
  }

  /**
   * The text of a row, and with it those that begin where the one before them ends, as nearly all do: to ask for each takes three times as
   * long as to read it.
   */
  #runFrom(row: number): { readonly address: number; readonly bytes: Uint8Array } {
    const texts = this.#texts!;
    const validity = this.validity(this.#rowCount);
    const address = this.#addressAt(row);
    let end = address + texts.getUint32(row * 16, true);
    for (let next = row + 1; next < this.#rowCount && end - address < RUN_BYTES; next++) {
      const isNull = validity !== null && ((validity[next >> 3]! >> (next & 7)) & 1) === 0;
      const length = isNull ? 0 : texts.getUint32(next * 16, true);
      if (length <= INLINE_BYTES) continue;
      if (this.#addressAt(next) !== end) break;
      end += length;
    }
    const { buffer, byteOffset } = texts;
    return { address, bytes: duckdb.get_data_from_pointer(buffer, byteOffset + row * 16 + 8, end - address) };
  }

  items(): { vector: ColumnVector; count: number } {
    const count = duckdb.list_vector_get_size(this.#vector);
    const type = duckdb.list_type_child_type(this.#logicalType);
    return { vector: new NativeVector(duckdb.list_vector_get_child(this.#vector), type, count), count };
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView<ArrayBuffer> {
  return new DataView(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** Gives a prepared statement its parameters. */
export function bindAll(statement: duckdb.PreparedStatement, parameters: readonly SqlParameter[]): void {
  for (const [index, parameter] of parameters.entries()) bind(statement, index + 1, parameter);
}

function bind(statement: duckdb.PreparedStatement, index: number, parameter: SqlParameter): void {
  switch (typeof parameter) {
    case 'string':
      duckdb.bind_varchar(statement, index, parameter);
      return;
    case 'bigint':
      duckdb.bind_int64(statement, index, parameter);
      return;
    case 'boolean':
      duckdb.bind_boolean(statement, index, parameter);
      return;
    case 'number':
      if (Number.isInteger(parameter)) duckdb.bind_int64(statement, index, BigInt(parameter));
      else duckdb.bind_double(statement, index, parameter);
      return;
    default:
      duckdb.bind_null(statement, index);
  }
}

/** Turns DuckDB's reasons for not opening a file into a sentence and a hint. */
function explainOpening(path: string, error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (/not a valid DuckDB database file/i.test(message)) {
    return new UserError(`${path} is not a database`, {
      hint: 'to read it as a trace dump, give it as a source, without --db',
      cause: error,
    });
  }
  // On Windows there is no lock but that of an open file.
  if (/Could not set lock|Conflicting lock|being used by another process/i.test(message)) {
    const owner = /PID (\d+)/.exec(message)?.[1];
    return new DatabaseInUse(path, owner, error);
  }
  if (/(newer|older|different) version|version number/i.test(message)) {
    return new UserError(`${path} was written by another version of DuckDB than this one`, {
      hint: 'load the dumps again into a new database, or use the version of tailspan that wrote it',
      cause: error,
    });
  }
  const denied = /permission denied/i.test(message);
  if (denied || /Cannot open file|No such file|Is a directory|cannot open database/i.test(message)) {
    const why = denied
      ? ': permission denied'
      : /does not exist|No such file/i.test(message)
        ? ': it does not exist'
        : '';
    return new UserError(`the database ${path} cannot be opened${why}`, {
      hint: 'check that its folder exists and may be written, or name another with --db',
      cause: error,
    });
  }
  return new UserError(`the database ${path} cannot be opened: ${firstLine(message)}`, {
    hint: 'if it is damaged, load the dumps again into a new one (--db)',
    cause: error,
  });
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
