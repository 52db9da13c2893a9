import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { runSql } from '../../src/store/sql.ts';
import { openStore, temporaryFolder } from '../support/load.ts';

async function shownOf(expression: string): Promise<unknown> {
  const { database } = await openStore();
  const { columns, rows } = await runSql(database, `SELECT ${expression} AS value`, false);
  return { type: columns[0]!.type, value: rows[0]![0] };
}

async function refusalOf(sql: string, mayWrite = false): Promise<{ message: string; hint: string | undefined }> {
  const { database } = await openStore();
  const error = await runSql(database, sql, mayWrite).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  const { message, hint } = error as UserError;
  return { message, hint };
}

describe('a value is shown as JSON can hold it', () => {
  test.each([
    ['1::TINYINT', 'TINYINT', 1],
    ['4294967295::UINTEGER', 'UINTEGER', 4294967295],
    ['9007199254740991::BIGINT', 'BIGINT', 9007199254740991],
    ['9007199254740992::BIGINT', 'BIGINT', '9007199254740992'],
    ['(-9223372036854775808)::BIGINT', 'BIGINT', '-9223372036854775808'],
    ['18446744073709551615::UBIGINT', 'UBIGINT', '18446744073709551615'],
    ['7::HUGEINT', 'HUGEINT', 7],
    ['170141183460469231731687303715884105727::HUGEINT', 'HUGEINT', '170141183460469231731687303715884105727'],
    ['340282366920938463463374607431768211455::UHUGEINT', 'UHUGEINT', '340282366920938463463374607431768211455'],
    ['7::UHUGEINT', 'UHUGEINT', 7],
    ['1.50::DECIMAL(10,2)', 'DECIMAL(10,2)', '1.50'],
    ['12345678901234567890123456789.5::DECIMAL(38,1)', 'DECIMAL(38,1)', '12345678901234567890123456789.5'],
    ['1.5::FLOAT', 'FLOAT', 1.5],
    ['0.1::DOUBLE', 'DOUBLE', 0.1],
    ["'NaN'::DOUBLE", 'DOUBLE', 'NaN'],
    ["'-inf'::DOUBLE", 'DOUBLE', '-Infinity'],
    ['true', 'BOOLEAN', true],
    ['NULL', 'INTEGER', null],
    ["'it''s ü'", 'VARCHAR', "it's ü"],
    ["'\\x00A\\xFF'::BLOB", 'BLOB', '\\x00A\\xFF'],
    ["DATE '2026-01-02'", 'DATE', '2026-01-02'],
    ["TIME '01:02:03.4'", 'TIME', '01:02:03.4'],
    ["TIMESTAMP '2026-01-02 03:04:05.123456'", 'TIMESTAMP', '2026-01-02 03:04:05.123456'],
    ['make_timestamp_ns(1795165200000000001)', 'TIMESTAMP_NS', '2026-11-20 09:00:00.000000001'],
    ["TIMESTAMPTZ '2026-01-02 03:04:05Z'", 'TIMESTAMP WITH TIME ZONE', '2026-01-02 03:04:05+00'],
    ["'a'::ENUM('a', 'b')", "ENUM('a', 'b')", 'a'],
    ['[1, NULL, 9007199254740993]::BIGINT[]', 'BIGINT[]', [1, null, '9007199254740993']],
    ['array_value(1, 2)::BIGINT[2]', 'BIGINT[2]', [1, 2]],
    ["{'a': 1::BIGINT, 'b': NULL}", 'STRUCT("a" BIGINT, "b" INTEGER)', { a: 1, b: null }],
    ["MAP {'k': 1::BIGINT}", 'MAP(VARCHAR, BIGINT)', { k: 1 }],
    ["MAP {1: 'a'}", 'MAP(INTEGER, VARCHAR)', { 1: 'a' }],
    ["[{'m': MAP {'k': [2::HUGEINT]}}]", 'STRUCT("m" MAP(VARCHAR, HUGEINT[]))[]', [{ m: { k: [2] } }]],
  ])('%s', async (expression, type, value) => {
    expect(await shownOf(expression)).toEqual({ type, value });
  });

  test('columns of one name are told apart', async () => {
    const { database } = await openStore();
    const { columns, rows } = await runSql(database, 'SELECT 1 AS a, 2 AS a', false);
    expect([columns.map(({ name }) => name), rows]).toEqual([['a', 'a:1'], [[1, 2]]]);
  });

  test('of several statements the last one is shown', async () => {
    const { database } = await openStore();
    expect((await runSql(database, "SELECT 1; SET VARIABLE x = 2; SELECT getvariable('x')", false)).rows).toEqual([
      [2],
    ]);
  });

  test('a result may have more rows than a chunk', async () => {
    const { database } = await openStore();
    const { rows } = await runSql(database, 'FROM range(5000)', false);
    expect(rows).toEqual(Array.from({ length: 5000 }, (_, row) => [row]));
  });
});

describe('without leave to write', () => {
  test.each([
    'SELECT 1',
    'FROM spans',
    'VALUES (1)',
    'WITH x AS (SELECT 1) FROM x',
    'DESCRIBE spans',
    'SHOW TABLES',
    'SUMMARIZE spans',
    'PRAGMA table_info(spans)',
    'EXPLAIN FROM spans',
    'EXPLAIN ANALYZE FROM spans',
    'SET VARIABLE x = 1',
  ])('%s is allowed', async sql => {
    const { database } = await openStore();
    expect((await runSql(database, sql, false)).columns.length).toBeGreaterThan(0);
  });

  test.each([
    'DELETE FROM span',
    'INSERT INTO key VALUES (1, NULL)',
    'UPDATE trace SET complete = true',
    'DROP VIEW spans',
    'CREATE TABLE x (a INT)',
    'CREATE TEMP TABLE x (a INT)',
    'ALTER TABLE span DROP COLUMN depth',
    'EXPLAIN ANALYZE DELETE FROM span',
    'PREPARE p AS DELETE FROM span',
    "COPY (SELECT 1) TO 'x.csv'",
    "EXPORT DATABASE 'x'",
    "ATTACH 'x.duckdb'",
    'CHECKPOINT',
    'VACUUM',
    'BEGIN',
    'LOAD httpfs',
    'SELECT 1; DELETE FROM span',
  ])('%s is not', async sql => {
    const refusal = await refusalOf(sql);
    expect(refusal.message).toMatch(/^sql only reads/);
    expect(refusal.hint).toBe('add --write to change the database');
  });

  test('nothing is changed by what was refused, and the next query goes on', async () => {
    const { database } = await openStore();
    await database.run("INSERT INTO key VALUES (1, 'a')");
    await expect(runSql(database, 'EXPLAIN ANALYZE DELETE FROM key', false)).rejects.toThrow('sql only reads');
    expect((await runSql(database, 'FROM key', false)).rows).toEqual([[1, 'a']]);
  });

  test('no file is written', async () => {
    const file = join(temporaryFolder(), 'x.csv');
    await refusalOf(`COPY (SELECT 1) TO '${file}'`);
    expect(existsSync(file)).toBe(false);
  });
});

test('with leave to write, what is written stays', async () => {
  const { database } = await openStore();
  await runSql(
    database,
    "CREATE TABLE note (text VARCHAR); INSERT INTO note VALUES ('a'); BEGIN; DELETE FROM note; ROLLBACK",
    true,
  );
  expect((await runSql(database, 'FROM note', false)).rows).toEqual([['a']]);
});

describe('SQL that DuckDB refuses is a sentence and where it is', () => {
  test.each([
    ['SELEC 1', 'SQL: Parser Error: syntax error at or near "SELEC"', 'LINE 1: SELEC 1\n        ^'],
    [
      'SELECT nope FROM spans',
      'SQL: Binder Error: Referenced column "nope" not found in FROM clause!',
      expect.stringMatching(/^Candidate bindings: .*\nLINE 1: SELECT nope FROM spans\n {15}\^$/),
    ],
    [
      'FROM span_attribute',
      'SQL: Catalog Error: Table with name span_attribute does not exist!',
      expect.stringContaining('Did you mean "span_attributes"?'),
    ],
    [
      "SELECT 'a'::INT",
      "SQL: Conversion Error: Could not convert string 'a' to INT32",
      expect.stringContaining('LINE 1: '),
    ],
    [
      "SELECT error('no')",
      'SQL: Invalid Input Error: no',
      'views are spans, traces, span_attributes, span_events, span_links, resources, services, ingests',
    ],
  ])('%s', async (sql, message, hint) => {
    expect(await refusalOf(sql)).toEqual({ message, hint });
  });

  test.each(['', ' ;\n', '-- spans', '/* a */ ; -- b\n/* c ** / */'])('%j is no SQL', async sql => {
    expect(await refusalOf(sql)).toEqual({
      message: 'there is no SQL to run',
      hint: expect.stringContaining('FROM traces'),
    });
  });

  test('comments before SQL are no matter, however many', async () => {
    const { database } = await openStore();
    const comments = `${'-- '.repeat(5000)}\n${'/* */ '.repeat(5000)}`;
    expect((await runSql(database, `${comments}SELECT 1`, false)).rows).toEqual([[1]]);
  });
});
