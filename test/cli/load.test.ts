import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, FIXTURES, linesOf, PAGE, PAYMENT, refusal, shopFile } from './shop.ts';

interface Loaded {
  readonly database: string;
  readonly spans: number;
  readonly traces: number;
  readonly sources: readonly Record<string, unknown>[];
}

const newDatabase = () => join(temporaryFolder(), 'kept.duckdb');

describe('load', () => {
  test('answers what came of every source', async () => {
    const db = newDatabase();
    const file = shopFile();
    expect(await answerJson<Loaded>(['load', file, '--db', db])).toEqual({
      schemaVersion: 1,
      database: db,
      sources: [
        {
          source: file,
          format: 'otlp-json',
          documents: 3,
          spans: 9,
          traces: 3,
          duplicates: 0,
          skipped: [],
          repaired: [],
        },
      ],
      spans: 9,
      traces: 3,
    });
  });

  test('adds nothing where the same is loaded again', async () => {
    const db = newDatabase();
    await answer(['load', shopFile(), '--db', db]);
    const again = await answerJson<Loaded>(['load', shopFile(), '--db', db]);
    expect(again).toMatchObject({ spans: 0, sources: [{ spans: 0, duplicates: 9 }] });
    const { spans } = await answerJson<{ spans: object[] }>(['search', '--spans', '--db', db]);
    expect(spans).toHaveLength(9);
  });

  test('brings together what several sources have of a trace', async () => {
    const db = newDatabase();
    await answer(['load', shopFile(PAGE.slice(0, 2)), '--db', db]);
    await answer(['load', shopFile(PAGE.slice(2)), shopFile(PAYMENT), '--db', db]);
    const { traces } = await answerJson<{ traces: { spanCount: number; complete: boolean }[] }>(['search', '--db', db]);
    expect(traces).toMatchObject([
      { spanCount: 3, complete: true },
      { spanCount: 5, complete: true },
    ]);
  });

  test('counts a trace once that several sources have, and not what was there before', async () => {
    const db = newDatabase();
    const loaded = (...files: string[]) => answerJson<Loaded>(['load', ...files, '--db', db]);
    expect(await loaded(shopFile(PAGE.slice(0, 2)), shopFile(PAGE.slice(2)))).toMatchObject({ spans: 5, traces: 1 });
    expect(await loaded(shopFile(PAGE), shopFile(PAYMENT))).toMatchObject({ spans: 3, traces: 1 });
    expect(await loaded(shopFile(PAGE), shopFile(PAYMENT))).toMatchObject({ spans: 0, traces: 0 });
  });

  test('loads folders and patterns, and says of every file where it went', async () => {
    const answered = await answerJson<Loaded>([
      'load',
      join(FIXTURES, 'zipkin-json'),
      join(FIXTURES, 'otlp-json/shop.json*'),
      '--db',
      newDatabase(),
    ]);
    const sources = answered.sources.map(({ source }) => String(source).replace(FIXTURES, ''));
    expect(sources).toContain('otlp-json/shop.jsonl');
    expect(sources).toContain('zipkin-json/shop.json');
    expect(sources.filter(source => source.startsWith('zipkin-json'))).toEqual(
      sources.filter(source => source.startsWith('zipkin-json')).sort(),
    );
  });

  test('on a terminal is a table with what there is to tell', async () => {
    const table = async (...files: string[]) =>
      linesOf(await answer(['load', ...files, '--db', newDatabase()], { isTty: true, width: 200 }));
    const plain = await table(EXAMPLE);
    expect(plain[0]).toMatch(/^SOURCE +FORMAT +DOCUMENTS +SPANS +TRACES$/);
    expect(plain[1]).toMatch(/checkout\.jsonl +otlp-json +13 +303 +25$/);
    const odd = await table(
      join(FIXTURES, 'otlp-json/duplicate-spans.jsonl'),
      join(FIXTURES, 'invalid/broken-line.jsonl'),
    );
    expect(odd[0]).toMatch(/TRACES {2}DUPLICATES {2}LOST$/);
    expect(odd[1]).toMatch(/ 3 +1 +2 +·$/);
    expect(odd[2]).toMatch(/ 4 +1 +· +1$/);
  });

  test('on a narrow terminal keeps the end of a path', async () => {
    const text = await answer(['load', EXAMPLE, '--db', newDatabase()], { isTty: true, width: 60 });
    expect(text).toMatch(/^…\S*example\/checkout\.jsonl /m);
  });

  test('needs a source', async () => {
    expect(await refusal(['load'])).toMatchObject({
      error: 'load needs something to load',
      hint: 'tailspan load traces.json',
    });
  });

  test('of records that cannot be read tells how many; --strict makes that trouble', async () => {
    const args = ['load', join(FIXTURES, 'invalid/broken-line.jsonl'), '--db', newDatabase()];
    const { exitCode, stdout } = await tailspan([...args, '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).sources[0]).toMatchObject({
      spans: 4,
      skipped: [{ count: 1, first: { offset: expect.any(Number), detail: expect.any(String) } }],
    });
    const strict = await tailspan([...args, '--strict']);
    expect(strict.exitCode).toBe(2);
    expect(strict.stderr).toMatch(/^error: .*broken-line\.jsonl: 1 record could not be read \(--strict\)$/m);
    expect(strict.stdout).toMatch(/broken-line\.jsonl\totlp-json\t/);
  });
});

describe('which database', () => {
  const rows = async (args: readonly string[], env: Record<string, string>) =>
    linesOf(await answer(['search', ...args], { env })).length;

  test('--db, then TAILSPAN_DB, then the data folder', async () => {
    const folder = temporaryFolder();
    const db = newDatabase();
    const variable = newDatabase();
    const env = { XDG_DATA_HOME: folder };
    await answer(['load', shopFile(PAGE)], { env });
    expect(existsSync(join(folder, 'tailspan/traces.duckdb'))).toBe(true);
    await answer(['load', shopFile(PAGE, PAYMENT)], { env: { ...env, TAILSPAN_DB: variable } });
    await answer(['load', shopFile(), '--db', db], { env: { ...env, TAILSPAN_DB: variable } });
    expect(await rows([], env)).toBe(1);
    expect(await rows([], { ...env, TAILSPAN_DB: '' })).toBe(1);
    expect(await rows([], { ...env, TAILSPAN_DB: variable })).toBe(2);
    expect(await rows(['--db', db], { ...env, TAILSPAN_DB: variable })).toBe(3);
  });

  test('sources without --db are answered from memory: nothing is kept', async () => {
    const folder = temporaryFolder();
    expect(await rows([shopFile()], { XDG_DATA_HOME: folder })).toBe(3);
    expect(existsSync(join(folder, 'tailspan'))).toBe(false);
  });

  test('sources with --db are loaded into it first', async () => {
    const db = newDatabase();
    expect(await rows([shopFile(PAGE), '--db', db], {})).toBe(1);
    expect(await rows([shopFile(PAYMENT), '--db', db], {})).toBe(2);
    expect(await rows(['--db', db], {})).toBe(2);
  });

  test('none: how to make one', async () => {
    const { error, hint } = await refusal(['summary'], { env: { XDG_DATA_HOME: '/nonexistent' } });
    expect(error).toBe('there is no database at /nonexistent/tailspan/traces.duckdb');
    expect(hint).toContain('tailspan load traces.json');
  });

  test('every command answers the same from a database as from the file', async () => {
    const db = newDatabase();
    await answer(['load', EXAMPLE, '--db', db]);
    const commands = ['summary', 'search', 'services', 'operations', 'critical-path', 'errors', 'show 2d82b21542c9'];
    for (const command of commands) {
      const args = [...command.split(' '), '--json'];
      expect([command, await answer([...args, '--db', db])]).toEqual([command, await answer([...args, EXAMPLE])]);
    }
    const query = ['sql', 'SELECT count(*), sum(duration_ns) FROM spans'];
    expect(await answer([...query, '--db', db])).toBe(await answer([...query, EXAMPLE]));
  });

  test('a question does not change it', async () => {
    const db = newDatabase();
    await answer(['load', shopFile(), '--db', db]);
    const before = readFileSync(db);
    for (const args of [['summary'], ['search'], ['sql', 'FROM ingests']]) await answer([...args, '--db', db]);
    expect(readFileSync(db).equals(before)).toBe(true);
  });

  test('--memory is what DuckDB may use', async () => {
    expect(await answer(['sql', "SELECT current_setting('memory_limit')", EXAMPLE, '--memory', '512MiB'])).toBe(
      '512.0 MiB\n',
    );
    expect(await refusal(['search', EXAMPLE, '--memory', 'plenty'])).toMatchObject({
      error: "--memory takes a size, not 'plenty'",
      hint: 'for example 64MiB or 2GB',
    });
  });

  test('--max-record-size bounds what is read as one', async () => {
    const [large, ...others] = PAGE;
    const file = shopFile([{ ...large!, attributes: { body: 'x'.repeat(3_000_000) } }], others);
    const args = ['load', file, '--db', newDatabase()];
    const bounded = await tailspan([...args, '--max-record-size', '1MB']);
    expect(bounded.stdout).toMatch(/\t4\t1\t0\t/);
    expect(bounded.stderr).toMatch(/skipped 1 .*size limit/);
    expect((await tailspan(args)).stderr).not.toContain('skipped');
  });

  test.each([
    ['--max-record-size', '12x', "--max-record-size takes a size, not '12x'"],
    ['--max-record-size', 'MB', "--max-record-size takes a size, not 'MB'"],
    ['--max-compression-ratio', '0', "--max-compression-ratio takes a whole number from 1 on, not '0'"],
  ])('%s %s is refused', async (option, value, error) => {
    expect((await refusal(['load', EXAMPLE, option, value])).error).toBe(error);
  });
});
