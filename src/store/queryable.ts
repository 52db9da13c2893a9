import type { ColumnChunk } from './column-chunk.ts';
import type { SqlResult } from './sql.ts';
import type { SqlValue } from './values.ts';

// What answers ask of a database: of one that this process has open (database.ts), or of one that another process has and serves
// (served/). Whoever asks cannot tell them apart.

export type SqlParameter = string | bigint | number | boolean | undefined;
export type Row = Record<string, SqlValue>;

/** A database that can be read. Temporary tables are the caller's own and go when it is closed. */
export interface Queryable {
  /** `:memory:`, or the file as it was named. */
  readonly path: string;
  /** Runs statements without parameters and drops what they return. */
  run(sql: string): Promise<void>;
  /** Runs one statement and returns all its rows, columns by name. */
  rows(sql: string, parameters?: readonly SqlParameter[]): Promise<Row[]>;
  /** Returns the first column of the first row, undefined where there is no row. */
  value(sql: string, parameters?: readonly SqlParameter[]): Promise<SqlValue | undefined>;
  /** Runs one statement and returns the columns of its result chunk by chunk, at most 2,048 rows each, as they are made. */
  scan(sql: string): AsyncGenerator<ColumnChunk>;
  /**
   * Runs SQL of the user's and returns what its last statement does. Throws `UserError` for SQL that DuckDB refuses, and for
   * statements that write unless `mayWrite`.
   */
  sql(text: string, mayWrite: boolean): Promise<SqlResult>;
  /** Sets how many threads queries may use at most, as far as there are cores; of a database of another process that process decides. */
  setThreads(most: number): Promise<void>;
  close(): void;
}

/** The first column of the first of some rows, undefined where there is none. */
export function firstValue([row]: readonly Row[]): SqlValue | undefined {
  return row === undefined ? undefined : Object.values(row)[0];
}
