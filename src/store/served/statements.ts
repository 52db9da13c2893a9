import duckdb from '@duckdb/node-bindings';
import { UserError } from '../../errors.ts';
import type { ColumnChunk } from '../column-chunk.ts';
import { bindAll, chunksOf, type Database } from '../database.ts';
import type { SqlParameter } from '../queryable.ts';
import type { SqlResult } from '../sql.ts';

// What a reader may have the owner of a database run. Its connection is in a transaction that only reads, in which DuckDB refuses whatever
// writes to the database; what else has an effect beyond the connection is refused here, by the type of the statement.

const { StatementType } = duckdb;

/** What the questions of tailspan consist of. Tables are temporary ones, or the transaction refuses. */
const OWN: ReadonlySet<duckdb.StatementType> = new Set([
  StatementType.SELECT,
  StatementType.CREATE,
  StatementType.INSERT,
  StatementType.DROP,
]);
/** CREATE is also what makes secrets and macros. */
const TEMPORARY_TABLE = /^\s*CREATE\s+(OR\s+REPLACE\s+)?TEMP\s+TABLE\s/i;

/** Table functions that do something: to DuckDB their statements are SELECTs. */
const ACTING = /\b((?:en|dis)able_logging|truncate_duckdb_logs|(?:force_)?checkpoint)"?\s*\(/i;

/** Settings of a connection. */
const OWN_SETTING =
  /^\s*(?:SET|RESET)\s+(?:(?:SESSION|LOCAL)\s+)?(?:VARIABLE\s|(?:TimeZone|Calendar|schema|search_path)\b)/i;

/** Runs statements of tailspan's own. With `wantsRows` returns what the last one does; else they are run to their end. */
export async function* runStatements(
  database: Database,
  sql: string,
  parameters: readonly SqlParameter[],
  wantsRows: boolean,
): AsyncGenerator<ColumnChunk> {
  const { connection } = database;
  let last: duckdb.PreparedStatement | undefined;
  try {
    const result = await database.planned(sql, async () => {
      const { extracted_statements: statements, statement_count: count } = await duckdb.extract_statements(
        connection,
        sql,
      );
      if (count === 0) throw new Error(duckdb.extract_statements_error(statements));
      let answer: duckdb.Result | undefined;
      for (let index = 0; index < count; index++) {
        if (last !== undefined) duckdb.destroy_prepare_sync(last);
        last = await duckdb.prepare_extracted_statement(connection, statements, index);
        refuseWriting(duckdb.prepared_statement_type(last), sql, count);
        bindAll(last, parameters);
        const isStreamed = wantsRows && index === count - 1;
        answer = isStreamed ? await duckdb.execute_prepared_streaming(last) : await duckdb.execute_prepared(last);
      }
      return answer;
    });
    if (wantsRows && result !== undefined) yield* chunksOf(result);
  } finally {
    if (last !== undefined) duckdb.destroy_prepare_sync(last);
  }
}

function refuseWriting(type: duckdb.StatementType, sql: string, count: number): void {
  const isOwn = OWN.has(type) && (type !== StatementType.CREATE || (count === 1 && TEMPORARY_TABLE.test(sql)));
  if (!isOwn) throw new Error(`a reader may not run ${StatementType[type]}`);
}

/** Runs SQL of a user's who only reads. Throws `UserError` as `runSql` does. */
export async function* runUserSql(database: Database, sql: string): AsyncGenerator<SqlResult> {
  const text = withoutTexts(sql);
  const acting = ACTING.exec(text)?.[1];
  if (acting !== undefined) {
    throw new UserError(`sql only reads: ${acting.toLowerCase()} is not allowed`, {
      hint: 'another process has the database and answers; ask again when it has ended',
    });
  }
  const statements = text.split(';').filter(statement => statement.trim() !== '');
  // Where a name holds a semicolon the places are not those of DuckDB.
  const maySet = (index: number, count: number) =>
    statements.length === count && OWN_SETTING.test(statements[index] ?? '');
  // With it comes a client of DuckDB's that other questions do without.
  const { answerSql } = await import('../sql.ts');
  yield* answerSql(database.connection, sql, false, maySet);
}

/** SQL without comments and with nothing in its texts. */
function withoutTexts(sql: string): string {
  return sql.replace(PASSED_OVER, found => (/^(--|\/\*)/.test(found) ? ' ' : found.startsWith('"') ? found : "''"));
}

/** Comments, names in quotes, texts, texts with escapes, and texts between dollars. */
const PASSED_OVER =
  /--[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"]|"")*"|\be'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|(\$\w*\$)[\s\S]*?\1/gi;
