import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, refusal, shopFile } from './shop.ts';

const COUNT = 'SELECT service_name, count(*) AS n FROM spans GROUP BY ALL ORDER BY n DESC, service_name';

describe('sql', () => {
  test('answers with columns and rows', async () => {
    expect(await answerJson(['sql', COUNT, shopFile()])).toEqual({
      schemaVersion: 1,
      columns: [
        { name: 'service_name', type: 'VARCHAR' },
        { name: 'n', type: 'BIGINT' },
      ],
      rows: [
        ['web', 4],
        ['cart', 3],
        ['bank', 2],
      ],
    });
  });

  test.each([
    ['plain', 'web\t4\ncart\t3\nbank\t2\n'],
    ['csv', 'service_name,n\nweb,4\ncart,3\nbank,2\n'],
    ['ndjson', '{"service_name":"web","n":4}\n{"service_name":"cart","n":3}\n{"service_name":"bank","n":2}\n'],
    ['markdown', '| service\\_name | n |\n| --- | --: |\n| web | 4 |\n| cart | 3 |\n| bank | 2 |\n'],
    [
      'table',
      [
        '┌──────────────┬───┐',
        '│ service_name │ n │',
        '├──────────────┼───┤',
        '│ web          │ 4 │',
        '│ cart         │ 3 │',
        '│ bank         │ 2 │',
        '└──────────────┴───┘',
        '3 rows',
        '',
      ].join('\n'),
    ],
  ])('--format %s', async (format, expected) => {
    expect(await answer(['sql', COUNT, shopFile(), '--format', format])).toBe(expected);
  });

  test('64-bit integers are exact, and NULL is nothing or null', async () => {
    const query = "SELECT 9223372036854775807 AS big, 9007199254740991 AS safe, NULL AS none, '' AS empty";
    expect((await answerJson<{ rows: unknown[][] }>(['sql', query, shopFile()])).rows).toEqual([
      ['9223372036854775807', 9007199254740991, null, ''],
    ]);
    expect(await answer(['sql', query, shopFile(), '--format', 'csv'])).toBe(
      'big,safe,none,empty\n9223372036854775807,9007199254740991,,\n',
    );
  });

  test.each([
    ['as the first argument', [COUNT], undefined],
    ['on stdin', [], COUNT],
  ])('takes the query %s', async (_, args, input) => {
    expect(await answer(['sql', ...args, shopFile()], input === undefined ? {} : { input })).toBe(
      'web\t4\ncart\t3\nbank\t2\n',
    );
  });

  test('takes the query from the file of -f', async () => {
    const file = join(temporaryFolder(), 'query.sql');
    writeFileSync(file, `-- how many\n${COUNT};\n`);
    expect(await answer(['sql', '-f', file, shopFile()])).toBe('web\t4\ncart\t3\nbank\t2\n');
    const missing = await refusal(['sql', '-f', `${file}.none`, shopFile()]);
    expect(missing.error).toBe(`${file}.none does not exist`);
    expect((await refusal(['sql', '-f', temporaryFolder(), shopFile()])).error).toContain(
      'cannot be read: it is a folder',
    );
  });

  test('of several statements answers the last', async () => {
    expect(await answer(['sql', 'SET threads = 1; SELECT 1; SELECT 2 AS two', shopFile(), '--format', 'csv'])).toBe(
      'two\n2\n',
    );
  });

  test.each(['', ' ', ';', '\n ; \n'])('refuses the query %j', async query => {
    expect((await refusal(['sql', shopFile()], { input: query })).error).toBe('sql needs a query');
  });

  test('explains bad SQL, with a caret below the place', async () => {
    const { error, hint } = await refusal(['sql', 'SELECT serv FROM spans', shopFile()]);
    expect(error).toMatch(/^SQL: Binder Error: Referenced column "serv" not found/);
    const [, line = '', caret = ''] = hint.split('\n');
    expect(line.trim()).toBe('LINE 1: SELECT serv FROM spans');
    expect(line.indexOf('serv')).toBe(caret.indexOf('^'));
  });

  test('the caret is in its place also below the first line of the hint', async () => {
    const { stderr } = await tailspan(['sql', 'SELEC 1', shopFile()]);
    const [, line = '', caret = ''] = /^hint: (?=LINE)/m.test(stderr) ? stderr.split('\n').slice(-4) : [];
    expect(line.indexOf('SELEC')).toBe(caret.indexOf('^'));
  });

  describe('only reads', () => {
    test.each(['DROP VIEW spans', 'DELETE FROM span', "COPY (SELECT 1) TO 'x.csv'", 'CREATE TABLE x AS SELECT 1'])(
      'so %s is refused',
      async statement => {
        const { error, hint } = await refusal(['sql', statement, shopFile()]);
        expect(error).toMatch(/^sql only reads/);
        expect(hint).toBe('add --write to change the database');
      },
    );

    test('unless --write is given', async () => {
      const folder = temporaryFolder();
      const db = join(folder, 'kept.duckdb');
      await answer(['load', shopFile(), '--db', db]);
      const create = ['sql', 'CREATE TABLE mine AS SELECT 42 AS answer', '--db', db];
      await refusal(create);
      await answer([...create, '--write']);
      expect(await answer(['sql', 'FROM mine', '--db', db])).toBe('42\n');
      await answer(['sql', `COPY spans TO '${join(folder, 'spans.parquet')}'`, '--db', db, '--write']);
      expect(existsSync(join(folder, 'spans.parquet'))).toBe(true);
    });
  });

  test('--fields picks columns', async () => {
    expect(await answer(['sql', COUNT, shopFile(), '--fields', 'n'])).toBe('4\n3\n2\n');
    expect((await refusal(['sql', COUNT, shopFile(), '--fields', 'm'])).error).toBe(
      "there is no field 'm'; did you mean 'n'?",
    );
  });

  describe('in a table', () => {
    const table = (query: string, width: number, ...more: string[]) =>
      answer(['sql', query, EXAMPLE, '--format', 'table', '--width', String(width), ...more]);

    test.each([60, 80, 120, 200])('columns that do not fit into %i are left out, and counted', async width => {
      const text = await table('FROM spans LIMIT 3', width);
      const shown = (linesOf(text)[1]?.split('│').length ?? 0) - 2;
      const note = linesOf(text).slice(8).join(' ').replace(/ +/g, ' ');
      expect(note).toMatch(
        new RegExp(
          `^${shown} of \\d+ columns shown, for the others there is no room: name the ones you want, or add --format json, csv or plain$`,
        ),
      );
      expect(Math.max(...linesOf(text).map(line => line.length))).toBeLessThanOrEqual(width);
    });

    test('numbers and times are never cut', async () => {
      const text = await table('SELECT trace_id, name, start_time, duration_ns FROM spans LIMIT 1', 100);
      expect(text).toMatch(/│ +\d{7,9} │/);
      expect(text).toMatch(/│ 2026-11-02 09:0\d:\d\d\.\d+ │/);
    });

    test('all columns are there where there is room, without a note', async () => {
      expect(await table('SELECT 1 AS a, 2 AS b', 80)).toBe(
        '┌───┬───┐\n│ a │ b │\n├───┼───┤\n│ 1 │ 2 │\n└───┴───┘\n1 row\n',
      );
    });

    test('a hundred rows are shown, all with --limit 0', async () => {
      const text = await table('SELECT range AS n FROM range(250)', 80);
      expect(text).toMatch(/250 rows, 100 shown \(--limit 0 shows all\)\n$/);
      expect(linesOf(text)).toHaveLength(105);
      expect(linesOf(await table('SELECT range AS n FROM range(250)', 80, '-n', '0'))).toHaveLength(255);
    });

    test('without a row there is the header', async () => {
      expect(await table('SELECT 1 AS a LIMIT 0', 80)).toBe('┌───┐\n│ a │\n└───┘\n0 rows\n');
    });
  });

  test('other formats write all rows', async () => {
    const query = 'SELECT range AS n FROM range(250)';
    expect(linesOf(await answer(['sql', query, EXAMPLE]))).toHaveLength(250);
  });

  test('needs a query', async () => {
    expect(await refusal(['sql'])).toMatchObject({ error: 'sql needs a query' });
    expect(await refusal(['sql', EXAMPLE])).toMatchObject({ error: 'sql needs a query' });
  });
});
