import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { sqlText } from '../../src/query/compile/sql-value.ts';
import { Database } from '../../src/store/database.ts';
import { SCHEMA_VERSION, Store } from '../../src/store/store.ts';
import { draw } from '../support/drawn-trace.ts';
import { loadDump, openStore, temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { TEST_NOW } from '../support/run.ts';

const now = () => TEST_NOW;
const HINT_NEW = 'load the dumps again into a new database';

async function refusalOf(path: string, readOnly = false): Promise<{ message: string; hint: string | undefined }> {
  const error = await Store.open({ path, now, readOnly }).then(
    store => {
      store.close();
      throw new Error(`${path} was opened`);
    },
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message, hint } = error as UserError;
  return { message: message.replace(path, 'FILE'), hint };
}

/** Makes a DuckDB file with statements of the test's own. */
async function fileWith(sql: string): Promise<string> {
  const path = join(temporaryFolder(), 'db');
  const database = await Database.open({ path });
  await database.run(sql);
  database.close();
  return path;
}

describe('a file is refused', () => {
  test('that is not a database, and is left as it is', async () => {
    const path = join(temporaryFolder(), 'db');
    writeFileSync(path, '{"resourceSpans":[]}\n'.repeat(500));
    expect(await refusalOf(path)).toEqual({
      message: 'FILE is not a database',
      hint: 'to read it as a trace dump, give it as a source, without --db',
    });
    expect(readFileSync(path, 'utf8')).toBe('{"resourceSpans":[]}\n'.repeat(500));
  });

  test.each([
    ['a table of another name', 'CREATE TABLE orders (id INT)'],
    ['a table that has the name of one of ours', 'CREATE TABLE meta (id INT)'],
    ['a view alone', 'CREATE VIEW spans AS SELECT 1'],
    ['a table in another schema', 'CREATE SCHEMA shop; CREATE TABLE shop.orders (id INT)'],
  ])('that is someone else’s: %s', async (_, sql) => {
    const path = await fileWith(sql);
    const size = statSync(path).size;
    expect(await refusalOf(path)).toEqual({
      message: 'FILE is a DuckDB database, but not one of tailspan',
      hint: 'name another file with --db',
    });
    expect(statSync(path).size).toBe(size);
  });

  test.each([
    ['newer', SCHEMA_VERSION + 1],
    ['older', SCHEMA_VERSION - 1],
    ['older', 'none'],
  ])('that a %s version wrote (%s)', async (age, version) => {
    const path = join(temporaryFolder(), 'db');
    const store = await Store.open({ path, now });
    await store.database.run(`UPDATE meta SET value = '${version}' WHERE key = 'schema_version'`);
    store.close();
    expect(await refusalOf(path)).toEqual({
      message: `FILE was written by ${age === 'newer' ? 'a newer' : 'an older'} version of tailspan`,
      hint: `use that version, or ${HINT_NEW} (--db)`,
    });
  });

  test('that is not there, when it is only to be read', async () => {
    const path = join(temporaryFolder(), 'db');
    expect((await refusalOf(path, true)).message).toBe('there is no database at FILE');
    expect(existsSync(path)).toBe(false);
  });

  test('that is an empty database, when it is only to be read', async () => {
    expect((await refusalOf(await fileWith('SELECT 1'), true)).message).toBe('FILE is an empty database');
  });

  test('in a folder that is not there', async () => {
    expect(await refusalOf(join(temporaryFolder(), 'none', 'db'))).toEqual({
      message: expect.stringMatching(/^the database FILE cannot be opened/),
      hint: 'check that its folder exists and may be written, or name another with --db',
    });
  });

  test('that is a folder', async () => {
    expect((await refusalOf(temporaryFolder())).message).toMatch(/^the database FILE cannot be opened/);
  });

  test.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, 5000)],
    [
      'overwritten within',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 7)]),
    ],
  ])('that is damaged: %s', async (_, damage) => {
    const path = join(temporaryFolder(), 'db');
    const store = await Store.open({ path, now });
    await loadDump(store, otlpJson(draw('a | 0-1')));
    await (await store.loader()).checkpoint();
    store.close();
    writeFileSync(path, damage(readFileSync(path)));
    expect((await refusalOf(path)).hint).toBe(
      `if it is damaged, ${HINT_NEW.replace('a new database', 'a new one')} (--db)`,
    );
  });
});

test('an amount of memory is the limit', async () => {
  const database = await Database.open({ path: ':memory:', memoryLimit: 512 << 20 });
  const limit = () => database.value('SELECT memory_limit FROM pragma_database_size()');
  expect(await limit()).toBe('512.0 MiB');
  // A limit for a while narrows it, never widens it.
  await database.limitMemory(100 << 20);
  expect(await limit()).toBe('100.0 MiB');
  await database.limitMemory(1 << 30);
  expect(await limit()).toBe('512.0 MiB');
  await database.limitMemory(undefined);
  expect(await limit()).toBe('512.0 MiB');
  // Who needs all of it has it, and together with others.
  await database.limitMemory(100 << 20);
  let answers: unknown[] = [];
  await database.withFullMemory(async () => {
    answers = await Promise.all([database.withFullMemory(limit), limit()]);
    answers.push(await limit());
  });
  expect([...answers, await limit()]).toEqual(['512.0 MiB', '512.0 MiB', '512.0 MiB', '100.0 MiB']);
  database.close();
});

test('memory without a limit has none again behind one for a while', async () => {
  const database = await Database.open({ path: ':memory:' });
  const limit = () => database.value('SELECT memory_limit FROM pragma_database_size()');
  const before = await limit();
  await database.limitMemory(100 << 20);
  expect(await limit()).toBe('100.0 MiB');
  await database.limitMemory(undefined);
  expect(await limit()).toBe(before);
  database.close();
});

describe('a database file', () => {
  test('is made with its tables and views', async () => {
    const path = join(temporaryFolder(), 'db');
    (await Store.open({ path, now })).close();
    const store = await Store.open({ path, now, readOnly: true });
    expect(await store.database.value('SELECT count(*) FROM spans')).toBe(0n);
    store.close();
  });

  test('takes the place of one without tables', async () => {
    const path = await fileWith('SELECT 1');
    const store = await Store.open({ path, now });
    expect(await store.database.value('SELECT count(*) FROM traces')).toBe(0n);
    store.close();
  });

  test('that is opened to be read cannot be written', async () => {
    const path = join(temporaryFolder(), 'db');
    (await Store.open({ path, now })).close();
    const store = await Store.open({ path, now, readOnly: true });
    await expect(store.database.run('DELETE FROM span')).rejects.toThrow(/read-only/);
    store.close();
  });

  test('may be closed twice', async () => {
    const store = await openStore();
    store.close();
    expect(() => store.close()).not.toThrow();
  });
});

describe('a value of a query of our own', () => {
  test.each([
    ['true', true],
    ['(-128)::TINYINT', -128],
    ['255::UTINYINT', 255],
    ['(-32768)::SMALLINT', -32768],
    ['65535::USMALLINT', 65535],
    ['(-2147483648)::INTEGER', -2147483648],
    ['4294967295::UINTEGER', 4294967295],
    ['(-9223372036854775808)::BIGINT', -(2n ** 63n)],
    ['18446744073709551615::UBIGINT', 2n ** 64n - 1n],
    ['(-170141183460469231731687303715884105727)::HUGEINT', -(2n ** 127n) + 1n],
    ['(-1)::HUGEINT', -1n],
    ['340282366920938463463374607431768211455::UHUGEINT', 2n ** 128n - 1n],
    ['1.5::FLOAT', 1.5],
    ['0.1::DOUBLE', 0.1],
    ["''", ''],
    ["'twelve bytes'", 'twelve bytes'],
    ["'thirteen byte'", 'thirteen byte'],
    ["'ü😀' || chr(0) || repeat('x', 20)", `ü😀\0${'x'.repeat(20)}`],
    ["TIMESTAMP '1970-01-01 00:00:01'", 1_000_000n],
    ['make_timestamp_ns(1795165200000000001)', 1_795_165_200_000_000_001n],
    ['[]::BIGINT[]', []],
    ["['a', NULL, 'a longer text than twelve']", ['a', null, 'a longer text than twelve']],
    ['[[1], [], NULL, [2, 3]]::UINTEGER[][]', [[1], [], null, [2, 3]]],
    ['NULL::BIGINT', null],
  ])('%s', async (expression, value) => {
    const { database } = await openStore();
    expect(await database.value(`SELECT ${expression}`)).toEqual(value);
  });

  test('is there in every row, over many chunks', async () => {
    const { database } = await openStore();
    const rows = await database.rows(
      "SELECT i, CASE WHEN i % 3 > 0 THEN 'row number ' || i END AS t, [i, i + 1] AS l FROM range(5000) r(i)",
    );
    expect(rows).toEqual(
      Array.from({ length: 5000 }, (_, i) => ({
        i: BigInt(i),
        t: i % 3 > 0 ? `row number ${i}` : null,
        l: [BigInt(i), BigInt(i + 1)],
      })),
    );
  });

  test('is the text of its row, wherever texts lie', async () => {
    const { database } = await openStore();
    const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 30 }).map(each => each.toWellFormed()));
    const ORDERS = ['number', 'number DESC', 'value, number', 'hash(number)', '(SELECT 1)'];
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 60 }), fc.constantFrom(...ORDERS), async (texts, order) => {
        const values = texts.map((each, index) => `(${index}, ${each === null ? 'NULL' : sqlText(each)})`);
        const rows = await database.rows(`
          SELECT number, value, value AS same
          FROM (VALUES ${[...values, "(-1, '')"]}) v(number, value) ORDER BY ${order}`);
        for (const { number, value, same } of rows) {
          const given = number === -1 ? '' : texts[Number(number)];
          expect([value, same]).toEqual([given, given]);
        }
        expect(rows).toHaveLength(texts.length + 1);
      }),
    );
  });

  test('is not read where its type is none that we use', async () => {
    const { database } = await openStore();
    await expect(database.rows('SELECT {a: 1}')).rejects.toThrow('the DuckDB type STRUCT');
  });

  test('of no row is undefined', async () => {
    const { database } = await openStore();
    expect(await database.value('SELECT 1 WHERE false')).toBeUndefined();
  });
});

test.each([
  ['text', "it's", "it's"],
  ['an integer', 5, 5n],
  ['a number beyond 2^53', 2n ** 63n - 1n, 2n ** 63n - 1n],
  ['a fraction', 1.5, 1.5],
  ['truth', true, true],
  ['nothing', undefined, null],
])('a parameter may be %s', async (_, parameter, value) => {
  const { database } = await openStore();
  const type = typeof parameter === 'bigint' || parameter === 5 ? '::BIGINT' : '';
  expect(await database.value(`SELECT ?${type}`, [parameter])).toEqual(value);
});

test('a scan gives its columns chunk by chunk', async () => {
  const { database } = await openStore();
  let sum = 0;
  const items: number[] = [];
  let chunks = 0;
  for await (const chunk of database.scan(
    'SELECT i::UINTEGER AS number, list_resize([i::UINTEGER], (i % 3)::BIGINT, 9) AS list FROM range(5000) r(i)',
  )) {
    expect(chunk.names).toEqual(['number', 'list']);
    expect(chunk.rowCount).toBeLessThanOrEqual(2048);
    sum += chunk.words(0, 4).reduce((total, word) => total + word, 0);
    const { from, to, items: all } = chunk.lists(1);
    for (let row = 0; row < chunk.rowCount; row++) items.push(...all.subarray(from[row], to[row]));
    chunks++;
  }
  expect([sum, chunks]).toEqual([(5000 * 4999) / 2, 3]);
  expect(items).toEqual(Array.from({ length: 5000 }, (_, i) => [[], [i], [i, 9]][i % 3]!).flat());
});

test('a scan that is given up leaves the connection free', async () => {
  const { database } = await openStore();
  for await (const chunk of database.scan('FROM range(100000)')) {
    expect(chunk.rowCount).toBe(2048);
    break;
  }
  expect(await database.value('SELECT 1')).toBe(1);
});
