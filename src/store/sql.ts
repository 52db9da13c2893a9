import { DuckDBConnection, type DuckDBResult, type DuckDBType, DuckDBTypeId, type Json } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { UserError } from '../errors.ts';
import type { Database } from './database.ts';

// SQL of the user's: any statement, any type. Read through @duckdb/node-api, which knows all of DuckDB's types; it is loaded for this
// alone.

export interface SqlResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Json[])[];
}

const { StatementType } = duckdb;

const VIEWS = 'views are spans, traces, span_attributes, span_events, span_links, resources, services, ingests';

/** Statements that change nothing. */
const READING: ReadonlySet<duckdb.StatementType> = new Set([
  StatementType.SELECT,
  StatementType.EXPLAIN,
  StatementType.RELATION,
  StatementType.LOGICAL_PLAN,
  StatementType.VARIABLE_SET,
  StatementType.SET,
]);

/** White space, comments and semicolons. */
const NOTHING = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*$/;

/**
 * Runs statements and returns what the last one does. Throws `UserError` for SQL that DuckDB refuses, and for statements
 * that write unless `mayWrite`.
 */
export async function runSql(database: Database, sql: string, mayWrite: boolean): Promise<SqlResult> {
  if (mayWrite) return collect(answerSql(database.connection, sql, true));
  // What a statement writes in passing (EXPLAIN ANALYZE runs what it explains) does not show in its type.
  await database.run('BEGIN TRANSACTION READ ONLY');
  try {
    return await collect(answerSql(database.connection, sql, false));
  } finally {
    await database.run('ROLLBACK');
  }
}

async function collect(pieces: AsyncIterable<SqlResult>): Promise<SqlResult> {
  let columns: SqlResult['columns'] = [];
  const rows: SqlResult['rows'][number][] = [];
  for await (const piece of pieces) {
    ({ columns } = piece);
    for (const row of piece.rows) rows.push(row);
  }
  return { columns, rows };
}

/**
 * As `runSql`, piece by piece; the first one has the columns and no rows. Unless `mayWrite`, the connection has to be in a transaction that
 * only reads. `maySet` says of a statement that sets something, by its place, whether it may.
 */
export async function* answerSql(
  native: duckdb.Connection,
  sql: string,
  mayWrite: boolean,
  maySet: (index: number, count: number) => boolean = () => true,
): AsyncGenerator<SqlResult> {
  if (NOTHING.test(sql)) throw new UserError('there is no SQL to run', { hint: `for example FROM traces; ${VIEWS}` });
  const connection = new DuckDBConnection(native);
  try {
    const statements = await connection.extractStatements(sql);
    for (let index = 0; index < statements.count; index++) {
      const statement = await statements.prepare(index);
      try {
        const type = statement.statementType as number;
        // PRAGMAs that only tell are SELECTs to DuckDB once prepared.
        if (!READING.has(type) && !mayWrite) throw onlyReads(`: ${StatementType[type]} is not allowed`);
        if (type === StatementType.SET && !maySet(index, statements.count)) throw sharedSetting();
        if (index < statements.count - 1) await statement.run();
        else yield* read(mayWrite ? await statement.run() : await statement.stream());
      } finally {
        // One that is left keeps the database open behind its close.
        statement.destroySync();
      }
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw explain(error);
  }
}

function sharedSetting(): UserError {
  return new UserError('this setting would reach beyond the question: another process has the database and answers', {
    hint: 'only SET VARIABLE, TimeZone, Calendar, schema and search_path may be set until it has ended',
  });
}

function onlyReads(why: string): UserError {
  return new UserError(`sql only reads${why}`, { hint: 'add --write to change the database' });
}

async function* read(result: DuckDBResult): AsyncGenerator<SqlResult> {
  const types = result.columnTypes();
  const columns = result.deduplicatedColumnNames().map((name, index) => ({ name, type: String(types[index]) }));
  yield { columns, rows: [] };
  for await (const rows of result.yieldRowsJson()) {
    yield { columns, rows: rows.map(row => row.map((value, index) => jsonOf(value, types[index]))) };
  }
}

/** A value as JSON shows it: integers are numbers where JSON holds them exactly, maps are objects. */
function jsonOf(value: Json, type: DuckDBType | undefined): Json {
  if (value === null || type === undefined) return value;
  switch (type.typeId) {
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return Array.isArray(value) ? value.map(item => jsonOf(item, type.valueType)) : value;
    case DuckDBTypeId.STRUCT:
      return Array.isArray(value) || typeof value !== 'object'
        ? value
        : Object.fromEntries(
            type.entryNames.map((name, index) => [name, jsonOf(value[name] ?? null, type.entryTypes[index])]),
          );
    case DuckDBTypeId.MAP:
      return Array.isArray(value) ? Object.fromEntries(value.flatMap(entry => entryOf(entry, type.valueType))) : value;
    default:
      return value;
  }
}

/** An entry of a map as DuckDB's client gives it: `{key, value}`. */
function entryOf(entry: Json, valueType: DuckDBType): [string, Json][] {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return [];
  return [[String(entry.key), jsonOf(entry.value ?? null, valueType)]];
}

/** DuckDB's message as a sentence, with the line and caret it gives as the hint. */
function explain(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (/launched in read-only mode/.test(error.message)) return onlyReads('');
  const [sentence = '', ...rest] = error.message
    .replace(/^Failed to extract statements: /, '')
    .split('\n')
    .filter(line => line.trim() !== '');
  const where = rest.filter(line => /^LINE \d+:|^\s*\^/.test(line));
  const said = rest.find(line => /did you mean|candidate/i.test(line));
  const hint = [...(said === undefined ? [] : [said.trim()]), ...where].join('\n');
  return new UserError(`SQL: ${sentence}`, { hint: hint === '' ? VIEWS : hint, cause: error });
}
