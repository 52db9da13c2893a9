import duckdb from '@duckdb/node-bindings';
import { UserError } from '../errors.ts';
import { readColumn, type SqlValue } from './values.ts';

// The connection to DuckDB, on the bindings below @duckdb/node-api: importing that package costs more than everything
// else a short command does, and whole columns are handed over here without an object a value (docs/performance.md).
//
// One thread owns DuckDB. Opening a file a second time in the same process succeeds silently, and drops the file's lock
// when either is closed: never do it.

export type SqlParameter = string | bigint | number | boolean | undefined;
export type Row = Record<string, SqlValue>;

/** From so many subqueries on, an order of joins is not looked for. */
const MANY_SUBQUERIES = 24;

export interface DatabaseOptions {
  /** `:memory:` or a file. */
  readonly path: string;
  readonly readOnly?: boolean;
  /** Bytes that DuckDB may hold in memory. */
  readonly memoryLimit?: number;
}

/** The version of DuckDB, such as `v1.5.6`. */
export function duckdbVersion(): string {
  return duckdb.library_version();
}

export class Database {
  readonly connection: duckdb.Connection;
  readonly path: string;
  readonly #database: duckdb.Database;
  #isClosed = false;

  readonly #memoryLimit: number | undefined;

  private constructor(
    { path, memoryLimit }: DatabaseOptions,
    database: duckdb.Database,
    connection: duckdb.Connection,
  ) {
    this.path = path;
    this.#memoryLimit = memoryLimit;
    this.#database = database;
    this.connection = connection;
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
    if (options.memoryLimit !== undefined) set('memory_limit', inBytes(options.memoryLimit));
    try {
      const database = await duckdb.open(options.path, config);
      return new Database(options, database, await duckdb.connect(database));
    } catch (error) {
      throw explainOpening(options.path, error);
    }
  }

  /** Runs statements without parameters and drops what they return. */
  async run(sql: string): Promise<void> {
    await this.#planned(sql, () => duckdb.query(this.connection, sql));
  }

  /** Has a statement with many subqueries joined as it is written: to find a better order takes DuckDB minutes from 200 on. */
  async #planned<T>(sql: string, work: () => Promise<T>): Promise<T> {
    if (sql.split('IN (SELECT').length <= MANY_SUBQUERIES) return work();
    await duckdb.query(this.connection, "SET disabled_optimizers = 'join_order'");
    try {
      return await work();
    } finally {
      await duckdb.query(this.connection, 'RESET disabled_optimizers');
    }
  }

  /** Runs one statement and returns all its rows, columns by name. */
  async rows(sql: string, parameters: readonly SqlParameter[] = []): Promise<Row[]> {
    const rows: Row[] = [];
    if (parameters.length === 0) {
      const result = await this.#planned(sql, () => duckdb.query(this.connection, sql));
      for await (const chunk of chunksOf(result)) rows.push(...rowsOf(chunk));
      return rows;
    }
    const statement = await this.#prepare(sql, parameters);
    try {
      for await (const chunk of chunksOf(await duckdb.execute_prepared(statement))) rows.push(...rowsOf(chunk));
      return rows;
    } finally {
      duckdb.destroy_prepare_sync(statement);
    }
  }

  /** Runs one statement and returns the columns of its result chunk by chunk, at most 2,048 rows each, as they are made. */
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
    for (const [index, parameter] of parameters.entries()) bind(statement, index + 1, parameter);
    return statement;
  }

  /** Returns the first column of the first row, undefined where there is no row. */
  async value(sql: string, parameters: readonly SqlParameter[] = []): Promise<SqlValue | undefined> {
    const [row] = await this.rows(sql, parameters);
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /**
   * Lets DuckDB hold so many bytes in memory, but never more than it was opened with; undefined for what it was opened
   * with.
   */
  async limitMemory(limit: number | undefined): Promise<void> {
    const bytes = Math.min(limit ?? Infinity, this.#memoryLimit ?? Infinity);
    await this.run(bytes === Infinity ? 'RESET memory_limit' : `SET memory_limit = '${inBytes(bytes)}'`);
  }

  /** Sets how many threads queries may use. */
  async useThreads(count: number): Promise<void> {
    await this.run(`SET threads = ${count}`);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    duckdb.disconnect_sync(this.connection);
    duckdb.close_sync(this.#database);
  }
}

/** A size as DuckDB reads it. */
function inBytes(bytes: number): string {
  return `${bytes}B`;
}

/** Up to 2,048 rows of a result, column by column. */
export interface ColumnChunk {
  readonly rowCount: number;
  readonly names: readonly string[];
  /** The values of a column. */
  column(index: number): SqlValue[];
  /** The bytes of a fixed-width column without NULLs, as 32-bit words. */
  words(index: number, bytesPerRow: 4 | 8 | 16): Uint32Array;
  /** A column of lists of UINTEGER: where each row's list begins and ends in `items`. */
  lists(index: number): { from: Uint32Array; to: Uint32Array; items: Uint32Array };
}

/** The chunks of a result, one after the other. */
async function* chunksOf(result: duckdb.Result): AsyncGenerator<ColumnChunk> {
  const count = duckdb.column_count(result);
  const names = Array.from({ length: count }, (_, index) => duckdb.column_name(result, index));
  const types = names.map((_, index) => duckdb.column_logical_type(result, index));
  for (;;) {
    const chunk = await duckdb.fetch_chunk(result);
    const rowCount = chunk === null ? 0 : duckdb.data_chunk_get_size(chunk);
    if (chunk === null || rowCount === 0) return;
    yield {
      rowCount,
      names,
      column: index => {
        const type = types[index];
        if (type === undefined) throw new Error(`the result has no column ${index}`);
        return readColumn(duckdb.data_chunk_get_vector(chunk, index), type, 0, rowCount);
      },
      words: (index, bytesPerRow) => {
        const vector = duckdb.data_chunk_get_vector(chunk, index);
        const bytes = duckdb.vector_get_data(vector, rowCount * bytesPerRow);
        return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
      },
      lists: index => listColumn(duckdb.data_chunk_get_vector(chunk, index), rowCount),
    };
  }
}

function rowsOf(chunk: ColumnChunk): Row[] {
  const columns = chunk.names.map((_, index) => chunk.column(index));
  return Array.from({ length: chunk.rowCount }, (_, row) =>
    Object.fromEntries(chunk.names.map((name, index) => [name, columns[index]?.[row] ?? null])),
  );
}

function listColumn(
  vector: duckdb.Vector,
  rowCount: number,
): { from: Uint32Array; to: Uint32Array; items: Uint32Array } {
  const bytes = duckdb.vector_get_data(vector, rowCount * 16);
  const entries = new Uint32Array(bytes.buffer, bytes.byteOffset, rowCount * 4);
  const size = duckdb.list_vector_get_size(vector);
  const child = duckdb.vector_get_data(duckdb.list_vector_get_child(vector), size * 4);
  const items = new Uint32Array(child.buffer, child.byteOffset, size);
  const from = new Uint32Array(rowCount);
  const to = new Uint32Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    from[row] = entries[row * 4] ?? 0;
    to[row] = (entries[row * 4] ?? 0) + (entries[row * 4 + 2] ?? 0);
  }
  return { from, to, items };
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
  if (/Could not set lock|Conflicting lock/i.test(message)) {
    const owner = /PID (\d+)/.exec(message)?.[1];
    return new UserError(`${path} is in use by another process${owner === undefined ? '' : ` (${owner})`}`, {
      hint: 'wait for it to end, or name another database with --db',
      cause: error,
    });
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
