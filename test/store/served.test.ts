import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { compileFor } from '../../src/query/compile/compile.ts';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import type { Queryable } from '../../src/store/queryable.ts';
import { isServed, openServed } from '../../src/store/served/client.ts';
import { FrameReader, jsonFrame, jsonOf, Kind, PROTOCOL_VERSION } from '../../src/store/served/protocol.ts';
import { type ServedOptions, type ServedReads, serveReads } from '../../src/store/served/server.ts';
import { firstColumn } from '../../src/store/spansets.ts';
import { Store } from '../../src/store/store.ts';
import { readQueries } from '../query/queries.ts';
import { draw } from '../support/drawn-trace.ts';
import { loadDump, openStore, temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { REPOSITORY, TEST_NOW } from '../support/run.ts';

// What a reader gets over the socket is what the owner of the database would get itself, and nothing that a reader does harms the owner.
// Both are in this process here; test/cli/served.test.ts has them in two.

const VERSION = '1.2.3';

interface Served {
  readonly store: Store;
  readonly path: string;
  readonly served: ServedReads;
}

/** Opens a database in a file and serves it until the test ends. */
async function serve(options: Partial<ServedOptions> & { readonly path?: string } = {}): Promise<Served> {
  const path = options.path ?? join(temporaryFolder(), 'db.duckdb');
  const store = await openStore(path);
  const served = await serveReads(store.database, { version: VERSION, beforeRead: async () => {}, ...options });
  onTestFinished(() => served.close(0));
  return { store, path, served };
}

async function reader(path: string): Promise<Queryable> {
  const database = await openServed(path, VERSION);
  if (database === undefined) throw new Error('nobody serves the database');
  onTestFinished(() => database.close());
  return database;
}

/** A database that tests have in common as long as they do not change it. */
let common: Promise<Pick<Served, 'store' | 'served'> & { readonly folder: string }> | undefined;

/** It as its owner has it, and as a reader of the running test. */
async function pair(): Promise<{ local: Queryable; remote: Queryable; path: string }> {
  common ??= openCommon();
  const { database } = (await common).store;
  return { local: database, remote: await reader(database.path), path: database.path };
}

async function openCommon() {
  const folder = mkdtempSync(join(tmpdir(), 'tailspan-test-'));
  const store = await Store.open({ path: join(folder, 'db.duckdb'), now: () => TEST_NOW });
  await loadDump(store, readFileSync(join(REPOSITORY, 'fixtures/example/checkout.jsonl')));
  const served = await serveReads(store.database, { version: VERSION, beforeRead: async () => {} });
  return { store, served, folder };
}

afterAll(async () => {
  if (common === undefined) return;
  const { store, served, folder } = await common;
  await served.close(0);
  store.close();
  rmSync(folder, { recursive: true });
});

/** What a promise comes to, so that two can be compared. */
async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    value => ({ value }),
    (error: Error) => ({ error: error.message, hint: error instanceof UserError ? error.hint : undefined }),
  );
}

describe('a reader gets the values that the owner would', () => {
  test('of any type that queries of our own use', async () => {
    const { local, remote } = await pair();
    const integers = (bits: bigint, signed: boolean) =>
      fc
        .bigInt(signed ? { min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n } : { min: 0n, max: 2n ** bits - 1n })
        .map(value => `'${value}'`);
    const text = fc
      .string({ unit: 'binary', maxLength: 30 })
      .map(value => `'${value.replaceAll('\0', '').replaceAll("'", "''")}'`);
    const doubles = fc.double().map(value => `'${Object.is(value, -0) ? '-0' : value}'`);
    const types: Record<string, fc.Arbitrary<unknown>> = {
      BOOLEAN: fc.boolean(),
      TINYINT: integers(8n, true),
      UTINYINT: integers(8n, false),
      SMALLINT: integers(16n, true),
      USMALLINT: integers(16n, false),
      INTEGER: integers(32n, true),
      UINTEGER: integers(32n, false),
      BIGINT: integers(64n, true),
      UBIGINT: integers(64n, false),
      HUGEINT: integers(127n, true),
      UHUGEINT: integers(128n, false),
      FLOAT: fc.float().map(value => `'${value}'`),
      DOUBLE: doubles,
      VARCHAR: text,
      TIMESTAMP: fc.constantFrom("'1970-01-01 00:00:00'", "'2026-11-21 10:11:12.123456'", "'infinity'"),
      TIMESTAMP_NS: fc.constantFrom("'2026-11-21 10:11:12.123456789'"),
    };
    const columns = fc.constantFrom(...Object.keys(types)).chain(type => {
      const value = types[type] ?? fc.constant('NULL');
      const nullable = fc.option(value, { nil: 'NULL', freq: 4 });
      return fc.oneof(
        fc.record({ type: fc.constant(type), values: fc.array(nullable, { minLength: 70, maxLength: 70 }) }),
        fc.record({
          type: fc.constant(`${type}[]`),
          values: fc.array(
            fc
              .option(fc.array(nullable, { maxLength: 4 }), { nil: undefined })
              .map(items => (items ? `[${items}]` : 'NULL')),
            { minLength: 70, maxLength: 70 },
          ),
        }),
      );
    });
    await fc.assert(
      fc.asyncProperty(fc.array(columns, { minLength: 1, maxLength: 6 }), async drawn => {
        const rows = Array.from({ length: 70 }, (_, row) =>
          drawn.map(({ type, values }) => `CAST(${values[row]} AS ${type})`).join(','),
        );
        const sql = `VALUES ${rows.map(row => `(${row})`).join(',')}`;
        const expected = await local.rows(sql);
        expect(expected).toHaveLength(70);
        expect(await remote.rows(sql)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('of columns over many chunks, as values, words and lists', async () => {
    const { local, remote } = await pair();
    const sql = `SELECT i::UINTEGER AS number, i::BIGINT << 33 AS wide, i::UHUGEINT << 100 AS id,
        list_resize([i::UINTEGER], (i % 3)::BIGINT, 9) AS list, repeat('ü', (i % 20)::BIGINT) AS text,
        CASE WHEN i % 7 > 0 THEN i / 0.0 END AS "double"
      FROM range(10000) r(i)`;
    const columnsOf = async (database: Queryable) => {
      const chunks: unknown[] = [];
      for await (const chunk of database.scan(sql)) {
        chunks.push([
          chunk.rowCount,
          chunk.names,
          [...chunk.words(0, 4)],
          [...chunk.words(1, 8)],
          [...chunk.words(2, 16)],
          chunk.lists(3),
          chunk.rows(),
        ]);
      }
      return chunks;
    };
    const expected = await columnsOf(local);
    expect(expected).toHaveLength(5);
    expect(await columnsOf(remote)).toEqual(expected);
  });

  test.each([
    ['text', "it's \ud800", ''],
    ['an integer', 5, '::BIGINT'],
    ['a number beyond 2^53', 2n ** 63n - 1n, '::BIGINT'],
    ['a fraction', 0.1, '::DOUBLE'],
    ['no number', Number.NaN, '::DOUBLE'],
    ['truth', true, ''],
    ['nothing', undefined, ''],
  ])('of a parameter: %s', async (_, parameter, type) => {
    const { local, remote } = await pair();
    const expected = await local.value(`SELECT ?${type}`, [parameter]);
    expect(await remote.value(`SELECT ?${type}`, [parameter])).toEqual(expected);
  });

  test.each([
    ['no row', 'SELECT 1 AS a WHERE false'],
    ['a type that is none of ours', 'SELECT {a: 1}'],
    ['what does not parse', 'SELEC 1'],
    ['what does not exist', 'SELECT nope FROM span'],
    ['what fails on its way', "SELECT CASE WHEN i > 5000 THEN error('late') ELSE i END FROM range(9000) r(i)"],
    ['two columns of one name', 'SELECT 1 AS a, 2 AS a'],
  ])('of %s', async (_, sql) => {
    const { local, remote } = await pair();
    expect(await outcomeOf(remote.rows(sql))).toEqual(await outcomeOf(local.rows(sql)));
  });

  test('of every query of the language', async () => {
    const { local, remote } = await pair();
    let compared = 0;
    for (const { query } of readQueries('valid')) {
      const { root } = parseQuery(query);
      if (root.kind !== 'pipeline') continue;
      const compile = (database: Queryable) => compileFor(root, sql => firstColumn(database, sql));
      const { sql } = await compile(local);
      expect((await compile(remote)).sql).toBe(sql);
      const ordered = `SELECT * FROM (${sql}) ORDER BY ALL`;
      expect(await remote.rows(ordered)).toEqual(await local.rows(ordered));
      compared++;
    }
    expect(compared).toBeGreaterThan(100);
  });
});

describe('SQL of the user’s answers as it does where the file is open', () => {
  test.each([
    "SELECT 1::TINYINT, 4294967295::UINTEGER, 9007199254740992::BIGINT, '340282366920938463463374607431768211455'::UHUGEINT",
    "SELECT 12345678901234567890123456789.5::DECIMAL(38,1), 'NaN'::DOUBLE, '-inf'::DOUBLE, 1.5::FLOAT, true, NULL",
    "SELECT '\\x00A\\xFF'::BLOB, DATE '2026-01-02', TIME '01:02:03.4', TIMESTAMP '2026-01-02 03:04:05.123456'",
    "SELECT make_timestamp_ns(1795165200000000001), 'a'::ENUM('a', 'b'), uuid() IS NULL, INTERVAL 3 DAY",
    "SELECT [1, NULL, 9007199254740993]::BIGINT[], array_value(1, 2)::BIGINT[2], {'a': 1::BIGINT, 'b': NULL}",
    "SELECT MAP {'k': 1::BIGINT}, [{'m': MAP {'k': [2::HUGEINT]}}], union_value(n := 5)",
    'SELECT 1 AS a, 2 AS a',
    'SELECT range AS n, repeat(chr(10), 3) FROM range(7000)',
    "SELECT 1; SET VARIABLE x = 2; SELECT getvariable('x')",
    "SET SESSION TimeZone = 'Asia/Tokyo'; SELECT 1",
    "/* ; */ SET VARIABLE a = 'b;c'; -- SET threads = 1;\nSELECT getvariable('a')",
    'DESCRIBE spans',
    'EXPLAIN FROM spans',
    'PRAGMA table_info(spans)',
    'SELECT count(*) FROM traces; FROM meta',
    "SELECT 'checkpoint(' AS text",
    'SELEC 1',
    'SELECT nope FROM spans',
    "SELECT 'a'::INT",
    '-- nothing',
    'DELETE FROM span',
    'INSERT INTO key VALUES (1, NULL)',
    'UPDATE trace SET complete = true',
    'DROP VIEW spans',
    'CREATE TABLE x (a INT)',
    'CREATE TEMP TABLE x (a INT)',
    'CREATE SECRET (TYPE http)',
    'EXPLAIN ANALYZE DELETE FROM span',
    'PREPARE p AS DELETE FROM span',
    "COPY (SELECT 1) TO 'x.csv'",
    "EXPORT DATABASE 'x'",
    "ATTACH 'x.duckdb'",
    'CHECKPOINT',
    'VACUUM',
    'BEGIN',
    'COMMIT',
    'ROLLBACK',
    'LOAD httpfs',
    'SELECT 1; DELETE FROM span',
    'ROLLBACK; DELETE FROM span',
  ])('%s', async sql => {
    const { local, remote } = await pair();
    expect(await outcomeOf(remote.sql(sql, false))).toEqual(await outcomeOf(local.sql(sql, false)));
  });

  test.each([
    'SET threads = 3',
    'SET GLOBAL memory_limit = 1000',
    "PRAGMA memory_limit='1GB'",
    'RESET threads',
    'SELECT 1; SET VARIABLE a = 1; SET threads = 3',
    'SELECT 1 AS "a;b"; SET threads = 3',
  ])('but what reaches beyond the reader is refused: %s', async sql => {
    const { local, remote } = await pair();
    const settings = "SELECT current_setting('threads')::VARCHAR || current_setting('memory_limit')";
    const before = await local.value(settings);
    expect(await outcomeOf(remote.sql(sql, false))).toEqual({
      error: 'this setting would reach beyond the question: another process has the database and answers',
      hint: 'only SET VARIABLE, TimeZone, Calendar, schema and search_path may be set until it has ended',
    });
    expect(await local.value(settings)).toBe(before);
  });

  test.each(['FROM enable_logging()', 'FROM "checkpoint" ()', 'SELECT 1; FROM force_checkpoint()'])(
    'and so is what acts: %s',
    async sql => {
      const { remote } = await pair();
      expect(await outcomeOf(remote.sql(sql, false))).toMatchObject({
        error: expect.stringMatching(/^sql only reads: /),
      });
    },
  );
});

describe('a reader only reads', () => {
  test.each([
    'DELETE FROM key',
    'INSERT INTO key VALUES (2, NULL)',
    'DROP TABLE key',
    'CREATE TABLE x (a INT)',
    'CREATE TEMP TABLE x (a INT); DELETE FROM key',
    'COMMIT',
    'ROLLBACK',
    "ATTACH ':memory:' AS other",
    "COPY key TO 'key.csv'",
    'SET threads = 3',
    'CREATE SECRET (TYPE http)',
    'CREATE TEMP MACRO f(a) AS a',
    'CHECKPOINT',
  ])('also in questions of tailspan’s own: %s', async sql => {
    const { local, remote } = await pair();
    const keys = await local.rows('FROM key ORDER BY key_id');
    await expect(remote.run(sql)).rejects.toThrow(/may not run|launched in read-only mode/);
    await expect(remote.rows(sql)).rejects.toThrow(/./);
    expect(await local.rows('FROM key ORDER BY key_id')).toEqual(keys);
    expect(existsSync('key.csv')).toBe(false);
  });

  test('temporary tables are its own, and go with it', async () => {
    const { local, remote, path } = await pair();
    const other = await reader(path);
    await remote.run('CREATE OR REPLACE TEMP TABLE matched AS SELECT 1 AS a');
    await remote.run('CREATE OR REPLACE TEMP TABLE matched AS SELECT 2 AS a');
    await other.run('CREATE OR REPLACE TEMP TABLE matched AS SELECT 3 AS a');
    await other.run('INSERT INTO matched VALUES (4)');
    expect(await remote.rows('FROM matched')).toEqual([{ a: 2 }]);
    expect(await other.rows('FROM matched')).toEqual([{ a: 3 }, { a: 4 }]);
    await other.run('DROP TABLE matched');
    await expect(local.rows('FROM matched')).rejects.toThrow('does not exist');
  });
});

describe('the state that a reader sees', () => {
  const dump = (id: number) => otlpJson(draw('a | 0-1', { traceId: id.toString(16) }));
  const count = (database: Queryable) => database.value('SELECT count(*) FROM trace');

  test('has all that was to be committed before, and stays as it is', async () => {
    const pending = [dump(1)];
    const { store, path } = await serve({
      async beforeRead() {
        for (const text of pending.splice(0)) await loadDump(store, text);
      },
    });
    const first = await reader(path);
    expect(await count(first)).toBe(1n);
    pending.push(dump(2));
    const second = await reader(path);
    expect([await count(first), await count(second)]).toEqual([1n, 2n]);
    await (await store.loader()).checkpoint();
    await loadDump(store, dump(3));
    expect([await count(first), await count(second), await count(await reader(path))]).toEqual([1n, 2n, 3n]);
  });

  test('is waited for; readers that come meanwhile share what comes next', async () => {
    const begun: (() => void)[] = [];
    const { path } = await serve({ beforeRead: () => new Promise<void>(resolve => begun.push(resolve)) });
    const first = openServed(path, VERSION);
    await vi.waitFor(() => expect(begun).toHaveLength(1));
    const others = [1, 2, 3].map(() => openServed(path, VERSION));
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(begun).toHaveLength(1);
    begun[0]!();
    const readers = [await first];
    await vi.waitFor(() => expect(begun).toHaveLength(2));
    begun[1]!();
    readers.push(...(await Promise.all(others)));
    for (const database of readers) expect(await count(database!)).toBe(0n);
    expect(begun).toHaveLength(2);
    for (const database of readers) database?.close();
  });

  test('is not waited for by an owner that closes', async () => {
    const { path, served } = await serve({ beforeRead: () => new Promise(() => {}) });
    const asked = openServed(path, VERSION);
    await vi.waitFor(async () => expect(await isServed(path)).toBe(true));
    await served.close();
    expect(await asked).toBeUndefined();
  });

  test('is told to be none where what is pending cannot be stored', async () => {
    let isFull = true;
    const { path } = await serve({
      async beforeRead() {
        if (isFull) throw new UserError('the disk is full', { hint: 'make room' });
      },
    });
    await expect(openServed(path, VERSION)).rejects.toThrow('the disk is full');
    isFull = false;
    expect(await count(await reader(path))).toBe(0n);
  });
});

describe('questions', () => {
  test('that are asked together are answered in turn', async () => {
    const { remote } = await pair();
    const answers = await Promise.all([1, 2, 3].map(value => remote.value(`SELECT ${value}`)));
    expect(answers).toEqual([1, 2, 3]);
  });

  test('may be given up', async () => {
    const { remote } = await pair();
    for await (const chunk of remote.scan('FROM range(10000000)')) {
      expect(chunk.rowCount).toBe(2048);
      break;
    }
    expect(await remote.value('SELECT 1')).toBe(1);
  });

  test('that fail leave the next one its answer', async () => {
    const { remote } = await pair();
    await expect(remote.rows('SELECT nope FROM span')).rejects.toThrow('nope');
    expect(await remote.value('SELECT 1')).toBe(1);
  });

  test('with hundreds of subqueries are planned at once, whoever asks', async () => {
    const { remote, local, path } = await pair();
    const other = await reader(path);
    const ids = Array.from(
      { length: 300 },
      (_, id) => `trace_id IN (SELECT trace_id FROM span WHERE span_no <> ${id})`,
    );
    const sql = `SELECT count(*) FROM span WHERE ${ids.join(' AND ')}`;
    const answers = await Promise.all([remote.value(sql), other.value(sql), local.value(sql)]);
    expect(new Set(answers)).toEqual(new Set([303n]));
    expect(await local.value("SELECT current_setting('disabled_optimizers')")).toBe('');
  });

  test('longer than any frame are refused by the reader', async () => {
    const { remote } = await pair();
    await expect(remote.rows(`SELECT '${'x'.repeat(64 << 20)}'`)).rejects.toThrow('the question is too long');
    expect(await remote.value(`SELECT length('${'x'.repeat(10 << 20)}')`)).toBe(BigInt(10 << 20));
  });

  test('are answered no faster than the answer is taken', async () => {
    const { remote } = await pair();
    let rows = 0;
    for await (const chunk of remote.scan("SELECT repeat('x', 10000) AS text FROM range(60000)")) {
      if (rows === 0) {
        const before = process.memoryUsage().rss;
        await new Promise(resolve => setTimeout(resolve, 300));
        // Of 600 MB a few chunks wait.
        expect(process.memoryUsage().rss - before).toBeLessThan(250e6);
      }
      rows += chunk.rowCount;
    }
    expect(rows).toBe(60_000);
  });
});

describe('the owner lives on when a reader', () => {
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  const plug = async (path: string) => {
    const socket = connect(path);
    sockets.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  const hello = (fields = {}) =>
    jsonFrame(Kind.hello, { protocol: PROTOCOL_VERSION, version: VERSION, pid: 1, ...fields });
  const closed = (socket: Socket) => (socket.closed ? undefined : once(socket, 'close'));
  const answersOf = (socket: Socket) => {
    const answers: { kind: number; body: unknown }[] = [];
    const frames = new FrameReader(({ kind, body }) =>
      answers.push({ kind, body: kind === Kind.chunk ? 0 : jsonOf(body) }),
    );
    frames.allow(1 << 20);
    socket.on('data', bytes => frames.push(bytes));
    return answers;
  };
  const lives = async ({ path }: Served) => expect(await (await reader(path)).value('SELECT 1')).toBe(1);

  test.each([
    ['is something else', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['claims gigabytes', Buffer.from([255, 255, 255, 255, 0, 0, 0, 0])],
    ['says no hello first', jsonFrame(Kind.ask, { sql: 'SELECT 1', parameters: [] })],
    ['says a hello that is none', jsonFrame(Kind.hello, [1, null])],
    ['says what is no JSON', Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"a')])],
    ['says zeros', Buffer.alloc(4096)],
    ['asks before it is ready', Buffer.concat([hello(), jsonFrame(Kind.run, { sql: 'SELECT 1', parameters: [] })])],
  ])('%s', async (_, bytes) => {
    const served = await serve({ beforeRead: () => new Promise(resolve => setTimeout(resolve, 50)) });
    const socket = await plug(served.served.socket);
    socket.resume();
    socket.write(bytes);
    await closed(socket);
    await lives(served);
  });

  test.each([
    ['asks in no known form', jsonFrame(Kind.ask, { sql: 1 })],
    ['says what only the owner says', jsonFrame(Kind.end, {})],
    [
      'asks twice at once',
      Buffer.concat([1, 2].map(() => jsonFrame(Kind.ask, { sql: 'FROM range(9000000)', parameters: [] }))),
    ],
  ])('%s', async (_, bytes) => {
    const served = await serve();
    const socket = await plug(served.served.socket);
    const answers = answersOf(socket);
    socket.write(hello());
    await vi.waitFor(() => expect(answers.at(-1)?.kind).toBe(Kind.ready));
    socket.write(bytes);
    await closed(socket);
    await lives(served);
  });

  test('says anything at all', async () => {
    const served = await serve();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 8, maxLength: 200 }), fc.boolean(), async (bytes, isGreeting) => {
        const socket = await plug(served.served.socket);
        if (isGreeting) socket.write(hello());
        socket.end(bytes);
        socket.resume();
        await closed(socket);
      }),
      { numRuns: 100 },
    );
    await lives(served);
  });

  test('says nothing', async () => {
    const served = await serve({ limits: { helloMs: 50 } });
    await closed(await plug(served.served.socket));
    await lives(served);
  });

  test('asks nothing more', async () => {
    const served = await serve({ limits: { idleMs: 50 } });
    const database = await reader(served.path);
    await new Promise(resolve => setTimeout(resolve, 200));
    await expect(database.value('SELECT 1')).rejects.toThrow(
      `the process that has ${served.path} open (${process.pid}) ended before it had answered`,
    );
    await lives(served);
  });

  test('does not take its answer', async () => {
    const served = await serve({ limits: { stallMs: 50, statements: 1 } });
    const socket = await plug(served.served.socket);
    const answers = answersOf(socket);
    socket.write(hello());
    await vi.waitFor(() => expect(answers.at(-1)?.kind).toBe(Kind.ready));
    socket.pause();
    socket.write(jsonFrame(Kind.ask, { sql: 'FROM range(100000000)', parameters: [] }));
    await lives(served);
    await new Promise(resolve => setTimeout(resolve, 300));
    socket.resume();
    await closed(socket);
    expect(answers.map(({ kind }) => kind)).not.toContain(Kind.end);
    await lives(served);
  });

  test('goes while its statement runs: the statement ends', async () => {
    const served = await serve({ limits: { statements: 1 } });
    const socket = await plug(served.served.socket);
    const answers = answersOf(socket);
    socket.write(hello());
    await vi.waitFor(() => expect(answers.at(-1)?.kind).toBe(Kind.ready));
    const sql = 'SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3';
    socket.write(jsonFrame(Kind.ask, { sql, parameters: [] }));
    await new Promise(resolve => setTimeout(resolve, 100));
    socket.destroy();
    // There is one turn, and it would take the statement years to give it back.
    await lives(served);
  });

  test('is one too many: it is told so', async () => {
    const served = await serve({ limits: { readers: 2 } });
    const readers = [await reader(served.path), await reader(served.path)];
    await expect(openServed(served.path, VERSION)).rejects.toThrow('is being read by too many others');
    readers[0]!.close();
    await vi.waitFor(() => lives(served));
  });

  test.each([
    ['of another version', { version: '9.9.9' }],
    ['that speaks another protocol', { protocol: PROTOCOL_VERSION + 1 }],
  ])('is one %s: each is told what the other is', async (_, fields) => {
    const served = await serve();
    const socket = await plug(served.served.socket);
    const answers = answersOf(socket);
    socket.write(hello(fields));
    await closed(socket);
    expect(answers).toEqual([
      { kind: Kind.hello, body: { protocol: PROTOCOL_VERSION, version: VERSION, pid: process.pid } },
    ]);
    await lives(served);
  });
});

describe('a reader', () => {
  test('of another version says which both are', async () => {
    const { path } = await serve();
    const error = await outcomeOf(openServed(path, '9.9.9'));
    expect(error).toEqual({
      error: `${path} is in use by tailspan ${VERSION} (${process.pid}), and this is 9.9.9`,
      hint: 'use one version for both, or wait for that process to end',
    });
  });

  test('finds nobody where nobody serves', async () => {
    const path = join(temporaryFolder(), 'db.duckdb');
    await openStore(path);
    expect(await openServed(path, VERSION)).toBeUndefined();
    expect(await isServed(path)).toBe(false);
    expect(await openServed(`${path}.none`, VERSION)).toBeUndefined();
  });

  test.each([
    ['nobody listens any more', (socket: string) => writeFileSync(socket, '')],
    ['there is a folder', (socket: string) => mkdirSync(socket)],
    ['a link leads elsewhere', (socket: string) => symlinkSync('/nonexistent', socket)],
  ])('finds nobody where %s', async (_, make) => {
    const path = join(temporaryFolder(), 'db.duckdb');
    await openStore(path);
    make(`${realpathSync(path)}.sock`);
    expect(await openServed(path, VERSION)).toBeUndefined();
  });

  test.each([
    ['what is no frame', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['another frame', jsonFrame(Kind.ready, {})],
    ['no process', jsonFrame(Kind.hello, { protocol: PROTOCOL_VERSION, version: VERSION })],
  ])('finds nobody where something else says %s', async (_, bytes) => {
    const path = join(temporaryFolder(), 'db.duckdb');
    await openStore(path);
    const server = createServer(socket => socket.on('error', () => {}).end(bytes));
    server.listen(`${realpathSync(path)}.sock`);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    expect(await openServed(path, VERSION)).toBeUndefined();
  });

  test('is told in one sentence when the owner ends before it has answered', async () => {
    const { path, served } = await serve();
    const database = await reader(path);
    const answer = outcomeOf(
      database.value('SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3'),
    );
    await new Promise(resolve => setTimeout(resolve, 50));
    const begun = performance.now();
    await served.close(200);
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(await answer).toEqual({
      error: `the process that has ${path} open (${process.pid}) ended before it had answered`,
      hint: 'ask again: what it stored is in the database',
    });
  });

  test('that is answering when the owner closes has a moment to get done', async () => {
    const { path, served } = await serve();
    const database = await reader(path);
    const closing = served.close(5000);
    expect(await database.value('SELECT 1')).toBe(1);
    expect(await openServed(path, VERSION)).toBeUndefined();
    database.close();
    await closing;
  });

  test('gives up where the other side says what is no answer', async () => {
    const { path, store, served } = await serve();
    await served.close(0);
    const answers = [
      jsonFrame(Kind.hello, { protocol: PROTOCOL_VERSION, version: VERSION, pid: 1 }),
      jsonFrame(Kind.ready, {}),
      jsonFrame(Kind.columns, ['a']),
      Buffer.concat([Buffer.from([24, 0, 0, 0, Kind.chunk, 0, 0, 0]), Buffer.alloc(24, 1)]),
    ];
    const server = createServer(socket => socket.on('error', () => {}).write(Buffer.concat(answers)));
    server.listen(served.socket);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const database = await reader(path);
    await expect(database.rows('SELECT 1')).rejects.toThrow(/columns came|ends before/);
    database.close();
    expect(await store.database.value('SELECT 1')).toBe(1);
  });
});

test('frames are the same however the stream is cut', () => {
  const body = fc.uint8Array({ maxLength: 40 }).map(bytes => ({ bytes: [...bytes] }));
  fc.assert(
    fc.property(
      fc.array(body, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (bodies, cuts) => {
        const read: unknown[] = [];
        const frames = new FrameReader(({ kind, body: content }) =>
          read.push([kind, jsonOf(content), content.byteOffset % 8]),
        );
        const stream = Buffer.concat(bodies.map(content => jsonFrame(Kind.ask, content)));
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const end = at + (cuts[turn % cuts.length] ?? 1);
          frames.push(stream.subarray(at, end));
          at = end;
        }
        expect(read).toEqual(bodies.map(content => [Kind.ask, content, 0]));
      },
    ),
  );
});

describe('the socket', () => {
  test('is beside the database, and for its user alone from its first moment', async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const path = join(temporaryFolder(), 'db.duckdb');
    const store = await openStore(path);
    const serving = serveReads(store.database, { version: VERSION, beforeRead: async () => {} });
    const socket = `${realpathSync(path)}.sock`;
    expect(lstatSync(socket).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(0);
    const served = await serving;
    expect(served.socket).toBe(socket);
    expect(lstatSync(socket).mode & 0o777).toBe(0o600);
    await served.close();
    expect(existsSync(socket)).toBe(false);
  });

  test('is found through a link to the database', async () => {
    const { path } = await serve();
    const link = join(temporaryFolder(), 'link.duckdb');
    symlinkSync(path, link);
    expect(await (await reader(link)).value('SELECT 1')).toBe(1);
  });

  test('that a killed process left is replaced', async () => {
    const path = join(temporaryFolder(), 'db.duckdb');
    await (await openStore(path)).close();
    const left = createServer().listen(`${realpathSync(path)}.sock`);
    await once(left, 'listening');
    onTestFinished(() => void left.close());
    const { served } = await serve({ path });
    expect(served.socket).toBe(`${realpathSync(path)}.sock`);
    expect(await (await reader(path)).value('SELECT 1')).toBe(1);
  });

  test('is elsewhere where there is another file of its name, which stays', async () => {
    const path = join(temporaryFolder(), 'db.duckdb');
    writeFileSync(`${path}.sock`, 'mine');
    const { served } = await serve({ path });
    expect(served.socket).not.toContain('db.duckdb');
    expect(await (await reader(path)).value('SELECT 1')).toBe(1);
    expect(readFileSync(`${path}.sock`, 'utf8')).toBe('mine');
  });

  test('of a long path is in a folder of the user’s own', async () => {
    const folder = join(temporaryFolder(), 'x'.repeat(120));
    mkdirSync(folder);
    const { path, served } = await serve({ path: join(folder, 'db.duckdb') });
    expect(Buffer.byteLength(served.socket)).toBeLessThanOrEqual(103);
    expect(statSync(join(served.socket, '..')).mode & 0o777).toBe(0o700);
    expect(lstatSync(served.socket).mode & 0o777).toBe(0o600);
    expect(await (await reader(path)).value('SELECT 1')).toBe(1);
  });

  test('is not put into a folder that others can write to', async () => {
    const temporary = temporaryFolder();
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(() => void vi.unstubAllEnvs());
    const open = join(temporary, `tailspan-${process.getuid?.()}`);
    mkdirSync(open);
    chmodSync(open, 0o777);
    const path = join(temporaryFolder(), `${'x'.repeat(120)}.duckdb`);
    const store = await openStore(path);
    const error = await outcomeOf(serveReads(store.database, { version: VERSION, beforeRead: async () => {} }));
    expect(error).toEqual({
      error: `other commands cannot read ${path} while it is written: ${open} is not a folder of this user alone`,
      hint: 'a socket is made beside the database or among the temporary files: put the database elsewhere with --db, or set TMPDIR',
    });
    // Nor is one in it believed.
    chmodSync(open, 0o700);
    const served = await serveReads(store.database, { version: VERSION, beforeRead: async () => {} });
    onTestFinished(() => served.close(0));
    expect(await (await reader(path)).value('SELECT 1')).toBe(1);
    chmodSync(open, 0o777);
    expect(await openServed(path, VERSION)).toBeUndefined();
  });
});
