import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/load.ts';
import { answer, type Finished, tailspan } from '../support/run.ts';
import { EXAMPLE, FIXTURES, linesOf, PAGE, PAYMENT, refusal, shopFile } from './shop.ts';

// What nobody means to give: told in one sentence each, with what to do, and never at the cost of the rest.

/** A file of the running test. */
function fileOf(name: string, content: string | Uint8Array): string {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, content);
  return file;
}

/** What stderr has of errors: each a sentence, a hint behind the first of its kind, and no stack. */
function errorsOf({ stderr }: Finished): string[] {
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr).not.toContain('bug in tailspan');
  return [...stderr.matchAll(/^error: (.*)$/gm)].map(([, sentence = '']) => sentence);
}

const dump = readFileSync(EXAMPLE);
const firstHalf = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);
const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

describe('a source that is no trace dump', () => {
  test.each([
    ['an empty file', 'a.json', '', 'is empty'],
    ['white space', 'a.json', ' \n\t \n', 'holds only white space'],
    ['binary junk', 'a.bin', Uint8Array.from({ length: 4096 }, (_, index) => (index * 7919) % 251), 'is '],
    ['an image', 'a.png', readFileSync(`${FIXTURES}invalid/image.png`), 'is no trace dump but a PNG image'],
    [
      'an image that is compressed',
      'a.gz',
      gzipSync(readFileSync(`${FIXTURES}invalid/image.png`)),
      'is no trace dump but',
    ],
    ['a table', 'a.csv', 'a,b,c\n1,2,3\n4,5,6\n', 'is no trace dump that is read but a CSV table'],
    ['a page', 'a.html', '<!doctype html><html><body>502</body></html>', 'is no trace dump but HTML or XML'],
    ['a text', 'a.txt', 'Dear all,\nplease find attached\n', 'is text in no format that is read'],
    ['JSON of something else', 'a.json', '{"logs":[{"body":"hello"}]}', 'holds JSON but no trace'],
    ['a word', 'a.json', 'null', ''],
    ['100,000 arrays in each other', 'a.json', nested, ''],
    ['an unfinished 100,000 arrays', 'a.json', '['.repeat(100_000), ''],
    [
      'a DuckDB database',
      'a.duckdb',
      Buffer.from('........DUCK................'),
      'is no trace dump but a DuckDB database',
    ],
  ])('%s', async (_, name, content, message) => {
    const file = fileOf(name, content);
    const { error, stdout } = await refusal(['summary', file]);
    expect(error.slice(0, file.length + 1 + message.length)).toBe(`${file} ${message}`);
    expect(stdout).toBe('');
  });

  test.each(['search', 'show', 'services', 'operations', 'critical-path', 'errors'])(
    'is refused by %s as well',
    async command => {
      expect(await refusal([command, `${FIXTURES}invalid/empty.json`])).toMatchObject({
        error: `${FIXTURES}invalid/empty.json is empty`,
        stdout: '',
      });
    },
  );

  test('is refused by sql, which answers from nothing', async () => {
    const finished = await tailspan(['sql', 'SELECT count(*) FROM spans', `${FIXTURES}invalid/empty.json`]);
    expect(finished).toMatchObject({ exitCode: 2, stdout: '0\n' });
    expect(errorsOf(finished)).toHaveLength(1);
  });

  test('is answered by load with an account, and by exit code 2', async () => {
    const file = fileOf('a.csv', 'a,b,c\n1,2,3\n');
    const finished = await tailspan(['load', file, '--db', join(temporaryFolder(), 'x.duckdb'), '--json']);
    expect(finished.exitCode).toBe(2);
    expect(errorsOf(finished)).toEqual([`${file} is no trace dump that is read but a CSV table`]);
    expect(JSON.parse(finished.stdout).sources).toMatchObject([{ source: file, spans: 0, fault: expect.any(String) }]);
  });
});

describe('a dump that is cut off', () => {
  test.each([
    ['a gzip file', 'a.jsonl.gz', firstHalf(gzipSync(dump))],
    ['half a JSON document', 'a.json', firstHalf(readFileSync(`${FIXTURES}otlp-json/shop.json`))],
    ['half a line', 'a.jsonl', firstHalf(dump)],
    ['protobuf', 'a.pb', firstHalf(readFileSync(`${FIXTURES}otlp-proto/shop-framed.pb`))],
  ])('%s: what came before is answered from', async (_, name, content) => {
    const finished = await tailspan(['search', fileOf(name, content), '--limit', '0']);
    expect(linesOf(finished.stdout).length).toBeGreaterThan(0);
    errorsOf(finished);
    expect(finished.stderr).toMatch(/cut off|ends/);
  });

  test('--strict calls that trouble', async () => {
    const { exitCode, stdout } = await tailspan(['search', fileOf('a.jsonl', firstHalf(dump)), '--strict']);
    expect(exitCode).toBe(2);
    expect(stdout).not.toBe('');
  });
});

describe('times in another unit than that of the format', () => {
  const span = (start: number | string) => ({
    ...{ traceId: 'a1', spanId: 'b1', name: 'n', startTimeUnixNano: start, endTimeUnixNano: start },
  });
  const told = async (start: number | string) => {
    const { exitCode, stderr } = await tailspan([
      'search',
      fileOf('a.json', JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span(start)] }] }] })),
    ]);
    expect(exitCode).toBe(0);
    return stderr.split('\n').filter(line => line.includes('1970'));
  };

  test.each([
    ['seconds', 1_793_606_400],
    ['milliseconds', 1_793_606_400_000],
    ['microseconds', '1793606400000000'],
  ])('are told: %s', async (_, start) => {
    expect(await told(start)).toEqual([
      '1 trace begins in January 1970: the times are probably in another unit than that of the format',
    ]);
  });

  test.each([
    ['nanoseconds', '1793606400000000000'],
    ['of a clock that began with the program', 12_345],
  ])('nothing is told of %s', async (_, start) => {
    expect(await told(start)).toEqual([]);
  });
});

describe('good sources among bad ones', () => {
  test('of a folder the good files are answered from, each bad one is told, and the exit code is 2', async () => {
    const folder = temporaryFolder();
    copyFileSync(shopFile(PAGE), join(folder, 'a-good.jsonl'));
    writeFileSync(join(folder, 'b-bad.csv'), 'a,b,c\n1,2,3\n');
    writeFileSync(join(folder, 'c-empty.json'), '');
    copyFileSync(shopFile(PAYMENT), join(folder, 'd-good.jsonl'));
    const finished = await tailspan(['search', folder]);
    expect(finished.exitCode).toBe(2);
    expect(linesOf(finished.stdout)).toHaveLength(2);
    expect(errorsOf(finished)).toEqual([
      `${folder}/b-bad.csv is no trace dump that is read but a CSV table`,
      `${folder}/c-empty.json is empty`,
    ]);
    expect(finished.stderr.match(/^hint: .*--map|^hint: .*formats FILE/gm)).toHaveLength(2);
  });

  test('of arguments, the ones that exist are answered from', async () => {
    const finished = await tailspan(['search', shopFile(PAGE), '/nonexistent/traces.json', '/nonexistent/*.json']);
    expect(finished.exitCode).toBe(2);
    expect(linesOf(finished.stdout)).toHaveLength(1);
    expect(errorsOf(finished)).toEqual([
      '/nonexistent/traces.json does not exist',
      '/nonexistent/*.json matches no file',
    ]);
  });

  test('a broken line is counted and left out, and the exit code is 0', async () => {
    const finished = await tailspan(['search', '--spans', `${FIXTURES}invalid/broken-line.jsonl`]);
    expect(finished.exitCode).toBe(0);
    expect(linesOf(finished.stdout)).toHaveLength(4);
    expect(finished.stderr).toMatch(/skipped 1 /);
  });
});

describe('a path', () => {
  test.each([
    ['/nonexistent/traces.json', 'does not exist'],
    ['/nonexistent/*.json', 'matches no file'],
    [`${EXAMPLE}/below`, ''],
    [`/nonexistent/${'x'.repeat(300)}.json`, ''],
  ])('%s', async (path, message) => {
    expect((await refusal(['summary', path])).error.slice(0, path.length + 1 + message.length)).toBe(
      `${path} ${message}`,
    );
  });

  test('a folder without files', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'empty'));
    expect((await refusal(['summary', folder])).error).toBe(`${folder} is an empty folder`);
  });

  test('nothing at all, as a variable that is not set gives', async () => {
    expect(await refusal(['summary', ''])).toMatchObject({
      error: 'an argument is empty',
      hint: 'a variable of the shell may not be set',
    });
  });
});

describe('a database', () => {
  test.each([
    ['a text', 'a.db', 'hello', 'is not a database'],
    ['an empty file', 'a.db', '', 'is not a database'],
    ['a trace dump', 'a.jsonl', dump, 'is not a database'],
    ['an SQLite database', 'a.db', 'SQLite format 3\0 and so on, page by page', 'is not a database'],
    ['one that is cut off', 'a.duckdb', Buffer.concat([Buffer.from('........DUCK'), Buffer.alloc(4000)]), ''],
  ])('%s: is refused and left as it was', async (_, name, content, message) => {
    const db = fileOf(name, content);
    const args = [
      ['search', '--db', db],
      ['load', EXAMPLE, '--db', db],
      ['sql', 'SELECT 1', '--db', db],
    ];
    for (const asked of args) {
      const { error } = await refusal(asked);
      expect(error).toContain(db);
      expect(error).toContain(message);
      expect(readFileSync(db).equals(Buffer.from(content))).toBe(true);
    }
  });

  test('of another program', async () => {
    const folder = temporaryFolder();
    const ours = join(folder, 'ours.duckdb');
    const theirs = join(folder, 'theirs.duckdb');
    await answer(['load', shopFile(), '--db', ours]);
    await answer(['sql', `ATTACH '${theirs}' AS t; CREATE TABLE t.orders (id INT)`, '--db', ours, '--write']);
    for (const args of [['search'], ['load', EXAMPLE], ['sql', 'SELECT 1']]) {
      expect(await refusal([...args, '--db', theirs])).toMatchObject({
        error: `${theirs} is a DuckDB database, but not one of tailspan`,
        hint: 'name another file with --db',
      });
    }
  });

  test.each([
    ['in a folder that does not exist', '/nonexistent/x.duckdb'],
    ['that is a folder', tmpdir()],
  ])('%s', async (_, db) => {
    for (const args of [['search'], ['load', EXAMPLE]]) {
      const { error } = await refusal([...args, '--db', db]);
      expect(error).toMatch(/cannot be opened|there is no database at/);
      expect(error).toContain(db);
    }
  });

  test('that may not be written', async () => {
    const db = join(temporaryFolder(), 'kept.duckdb');
    await answer(['load', shopFile(PAGE), '--db', db]);
    chmodSync(db, 0o400);
    // Root may write whatever it likes.
    if (process.getuid?.() === 0) return;
    expect((await refusal(['load', EXAMPLE, '--db', db])).error).toContain('permission denied');
  });

  test('whose default folder cannot be made', async () => {
    const env = { XDG_DATA_HOME: fileOf('file', '') };
    expect((await refusal(['load', EXAMPLE], { env })).error).toMatch(
      /^the folder .*file\/tailspan of the database cannot be made: what should be a folder is a file$/,
    );
  });

  test('without a span', async () => {
    const db = join(temporaryFolder(), 'kept.duckdb');
    await tailspan(['load', `${FIXTURES}invalid/empty.json`, '--db', db]);
    for (const command of ['summary', 'search', 'show', 'errors']) {
      expect(await refusal([command, '--db', db])).toMatchObject({
        error: `the database ${db} holds no spans`,
        hint: 'load some first: tailspan load traces.json',
      });
    }
  });
});

describe('a question over no data', () => {
  test('is refused with where to look', async () => {
    const file = fileOf('a.json', '{"resourceSpans":[]}');
    const { error, hint } = await refusal(['summary', file]);
    expect(error).toBe(`there are no spans in ${file}`);
    expect(hint).toContain('tailspan load FILE --json');
    expect((await refusal(['summary', file, file.replace('a.json', '*')])).error).toContain('there are no spans in');
  });
});

describe('an unexpected error', () => {
  const fails = () => {
    throw new TypeError('the clock stands still\n    at nowhere');
  };

  test('is told in one sentence and asks for a report', async () => {
    const finished = await tailspanWithClock(fails, []);
    expect(finished).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'error: the clock stands still\nhint: this is a bug in tailspan; run again with --debug and report what it prints\n',
    });
  });

  test('--debug shows its stack', async () => {
    const { stderr } = await tailspanWithClock(fails, ['--debug']);
    expect(stderr).toMatch(/^error: the clock stands still$/m);
    expect(stderr).toMatch(/^\s+at /m);
  });

  /** A clock that throws is the only part of the world that a test hands over and a command relies on. */
  function tailspanWithClock(now: () => Date, args: readonly string[]): Promise<Finished> {
    const clock = new Proxy(new Date(0), { get: () => now });
    return tailspan(['search', shopFile(), '--since', '1h', ...args], { now: clock });
  }
});

describe('flags that contradict each other or what they are given', () => {
  test.each([
    [['search', EXAMPLE, '--json', '--format', 'csv'], '--json and --format csv contradict each other'],
    [['search', EXAMPLE, '--since', '1m', '--until', '1h'], '--since 1m is not before --until 1h'],
    [
      ['search', EXAMPLE, '--min-duration', '2s', '--max-duration', '1s'],
      '--min-duration 2s is longer than --max-duration 1s',
    ],
    [['search', EXAMPLE, '-o', EXAMPLE], `--output ${EXAMPLE} would overwrite what is read`],
    [['search', EXAMPLE, '--limit', 'many'], "--limit takes a whole number from 0 on, not 'many'"],
    [['show', EXAMPLE, '--depth', 'two'], "--depth takes a whole number from 0 on, not 'two'"],
    [['sql', 'SELECT', EXAMPLE], 'SQL: '],
    [['sql', 'SELECT nothing FROM nowhere', EXAMPLE], 'SQL: Catalog Error: Table with name nowhere does not exist!'],
  ])('%j', async (args, error) => {
    expect((await refusal(args)).error.slice(0, error.length)).toBe(error);
  });
});
