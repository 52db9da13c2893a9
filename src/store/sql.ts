import { DuckDBConnection, type DuckDBResultReader, DuckDBTypeId, type Json } from '@duckdb/node-api';
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

/** Statements that change nothing. */
const READING: ReadonlySet<duckdb.StatementType> = new Set([
  StatementType.SELECT,
  StatementType.EXPLAIN,
  StatementType.RELATION,
  StatementType.LOGICAL_PLAN,
  StatementType.VARIABLE_SET,
  StatementType.SET,
]);

/**
 * Runs statements and returns what the last one does. Throws `UserError` for SQL that DuckDB refuses, and for statements
 * that write unless `mayWrite`.
 */
export async function runSql(database: Database, sql: string, mayWrite: boolean): Promise<SqlResult> {
  const connection = new DuckDBConnection(database.connection);
  try {
    const statements = await connection.extractStatements(sql);
    let result: SqlResult = { columns: [], rows: [] };
    for (let index = 0; index < statements.count; index++) {
      const statement = await statements.prepare(index);
      const isReading = READING.has(statement.statementType as number);
      // PRAGMAs that only tell are SELECTs to DuckDB once prepared.
      if (!isReading && !mayWrite) {
        throw new UserError(`sql only reads: ${StatementType[statement.statementType as number]} is not allowed`, {
          hint: 'add --write to change the database',
        });
      }
      result = await readAll(await statement.runAndReadAll());
    }
    return result;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw explain(error);
  }
}

async function readAll(reader: DuckDBResultReader): Promise<SqlResult> {
  const types = reader.columnTypes();
  const isMap = types.map(type => type.typeId === DuckDBTypeId.MAP);
  const isInteger = types.map(
    type =>
      type.typeId === DuckDBTypeId.BIGINT ||
      type.typeId === DuckDBTypeId.UBIGINT ||
      type.typeId === DuckDBTypeId.HUGEINT,
  );
  return {
    columns: reader.deduplicatedColumnNames().map((name, index) => ({ name, type: String(types[index]) })),
    rows: reader.getRowsJson().map(row =>
      row.map((value, index) => {
        if (isMap[index] && Array.isArray(value)) return objectOf(value);
        // A 64-bit integer is a number where JSON holds it exactly.
        if (isInteger[index] && typeof value === 'string' && Number.isSafeInteger(Number(value))) return Number(value);
        return value;
      }),
    ),
  };
}

/** A map as DuckDB's client gives it, `[{key, value}]`, as an object. */
function objectOf(entries: readonly Json[]): Json {
  return Object.fromEntries(
    entries.flatMap(entry =>
      typeof entry === 'object' && entry !== null && !Array.isArray(entry)
        ? [[String(entry.key), entry.value ?? null]]
        : [],
    ),
  );
}

/** DuckDB's message as a sentence, with the line and caret it gives as the hint. */
function explain(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const [sentence = '', ...rest] = error.message.split('\n').filter(line => line.trim() !== '');
  const where = rest.filter(line => /^LINE \d+:|^\s*\^/.test(line));
  const said = rest.find(line => /did you mean|candidate/i.test(line));
  const hint = [...(said === undefined ? [] : [said.trim()]), ...where].join('\n');
  const views = 'views are spans, traces, span_attributes, span_events, span_links, resources, services, ingests';
  return new UserError(`SQL: ${sentence}`, { hint: hint === '' ? views : hint, cause: error });
}
