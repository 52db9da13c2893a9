import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { draw } from '../support/drawn-trace.ts';
import { temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { Owner } from '../support/owner.ts';
import { answer, answerJson, PROGRAM, REPOSITORY, runProcess, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, namesOf, ORPHAN, PAGE, PAGE_ID, PAYMENT, refusal } from './shop.ts';

// Commands that only read a database which another process has: they answer, without being told of it, and see what was stored a moment ago.

const PAGE_DUMP = otlpJson(PAGE);
const PAYMENT_DUMP = otlpJson(PAYMENT);
const ORPHAN_DUMP = otlpJson(ORPHAN);
const newDatabase = () => join(temporaryFolder(), 'live.duckdb');

async function namesIn(db: string): Promise<string[]> {
  const { traces } = await answerJson<{ traces: { traceId: string }[] }>(['search', '--db', db]);
  return namesOf(traces).sort();
}

describe('every command answers as it does where nobody has the database', () => {
  let owned = '';
  let copy = '';
  // The owner's, which ends with the test, so each asks its own.
  let example: Buffer;
  beforeAll(() => {
    example = readFileSync(EXAMPLE);
  });

  test.each([
    [['summary']],
    [['search'], ['search', '--spans', '--status', 'error'], ['search', '--limit', '0', '--sort', 'duration']],
    [
      ['search', '{ span.http.response.status_code >= 500 } >> { status = error }'],
      ['search', '{ } | by(name) | count() > 2'],
    ],
    [
      ['search', '--name', 'nothing of the kind'],
      ['search', '{ duration > 1s && name =~ "GET.*" }', '--explain'],
    ],
    [
      ['show', '2d82b215'],
      ['show', '2d82b215', '--tree'],
      ['show', 'ffffffff'],
    ],
    [['services'], ['services', '--status', 'error'], ['operations'], ['operations', '--service', 'cart']],
    [['errors'], ['errors', '--service', 'frontend'], ['critical-path'], ['critical-path', '2d82b215']],
    [['metrics'], ['metrics', '{ } | quantile_over_time(duration, .5, .99) by (resource.service.name)']],
    [
      ['metrics', '{ } | histogram_over_time(duration)'],
      ['metrics', '{ } | compare({ status = error })'],
    ],
    [
      ['sql', 'FROM spans ORDER BY ALL LIMIT 50'],
      ['sql', 'SELEC'],
      ['sql', 'DROP VIEW spans'],
      ['sql', 'SUMMARIZE spans'],
    ],
  ])('%j …', async (...commands) => {
    owned = newDatabase();
    const owner = await Owner.start(owned);
    await owner.order({ load: example.toString() });
    // Of what is committed the file is a copy once it is closed; the owner has it in its log until then.
    copy = join(temporaryFolder(), 'live.duckdb');
    const shown = async (args: readonly string[], db: string, more: readonly string[]) => {
      const { exitCode, stdout, stderr } = await tailspan([...args, '--db', db, ...more]);
      return { exitCode, stdout: stdout.replaceAll(db, 'DB'), stderr: stderr.replaceAll(db, 'DB') };
    };
    const asked = commands.flatMap(args => [[], ['--json'], ['--format', 'table']].map(more => ({ args, more })));
    const served = [];
    for (const { args, more } of asked) served.push(await shown(args, owned, more));
    await owner.order({ close: 0 });
    copyFileSync(owned, copy);
    for (const [index, { args, more }] of asked.entries()) {
      expect(served[index], args.join(' ')).toEqual(await shown(args, copy, more));
    }
  });
});

describe('while another process stores', () => {
  test('each command sees what was stored before it', async () => {
    const db = newDatabase();
    const owner = await Owner.start(db);
    await owner.order({ load: PAGE_DUMP });
    expect(await namesIn(db)).toEqual(['page']);
    await owner.order({ load: PAYMENT_DUMP });
    expect(await namesIn(db)).toEqual(['page', 'payment']);
    await owner.order({ pending: ORPHAN_DUMP });
    expect(await namesIn(db)).toEqual(['orphan', 'page', 'payment']);
    expect(await answer(['sql', 'SELECT count(*) FROM spans', '--db', db])).toBe('9\n');
  });

  test('a process of its own does, too', async () => {
    const db = newDatabase();
    const owner = await Owner.start(db);
    await owner.order({ load: PAGE_DUMP });
    const { exitCode, stdout, stderr } = await runProcess(['show', PAGE_ID.slice(0, 8), '--db', db]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('GET /cart');
  });

  test('a file that SQL names is looked for where the command was given', async () => {
    const db = newDatabase();
    const folder = join(temporaryFolder(), "it's here");
    mkdirSync(folder);
    writeFileSync(join(folder, 'only-here.csv'), 'id\n7\n');
    await Owner.start(db);
    const child = spawn(process.execPath, [PROGRAM, 'sql', "SELECT sum(id) FROM 'only-here.csv'", '--db', db], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(await text(child.stdout)).toBe('7\n');
  });

  test('twenty commands at once are answered', async () => {
    const db = newDatabase();
    const owner = await Owner.start(db);
    await owner.order({ load: PAGE_DUMP });
    await owner.order({ pending: PAYMENT_DUMP });
    const answers = await Promise.all(Array.from({ length: 20 }, () => namesIn(db)));
    expect(new Set(answers.map(String))).toEqual(new Set(['page,payment']));
  });

  test('its socket is for its user alone', async () => {
    const db = newDatabase();
    const { socket } = await Owner.start(db);
    expect(socket).toBe(`${realpathSync(db)}.sock`);
    expect(lstatSync(socket).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['load', ['load', EXAMPLE]],
    ['sources into it', ['summary', EXAMPLE]],
    ['SQL that writes', ['sql', 'DELETE FROM span', '--write']],
    ['listen', ['listen', '--for', '1s']],
  ])('what would write is told who has it: %s', async (_, args) => {
    const db = newDatabase();
    const { pid } = await Owner.start(db);
    const { error, hint } = await refusal([...args, '--db', db]);
    expect(error).toBe(`${db} is in use by another process (${pid})`);
    expect(hint).toBe(
      'it receives spans: commands that only read work meanwhile; stop it first, or name another database with --db',
    );
  });

  test('another version of tailspan is told so', async () => {
    const db = newDatabase();
    const { pid } = await Owner.start(db, { version: '99.0.0' });
    const { error, hint } = await refusal(['search', '--db', db]);
    expect(error).toMatch(new RegExp(`^${db} is in use by tailspan 99\\.0\\.0 \\(${pid}\\), and this is \\d`));
    expect(hint).toBe('use one version for both, or wait for that process to end');
  });
});

describe('when the process that stores', () => {
  test('is killed, nobody has to clear up behind it', async () => {
    const db = newDatabase();
    const owner = await Owner.start(db);
    await owner.order({ load: PAGE_DUMP });
    await owner.signal('SIGKILL');
    expect(existsSync(owner.socket)).toBe(true);
    expect(await namesIn(db)).toEqual(['page']);
    const next = await Owner.start(db);
    expect(next.socket).toBe(owner.socket);
    await next.order({ load: PAYMENT_DUMP });
    expect(await namesIn(db)).toEqual(['page', 'payment']);
    await next.signal('SIGKILL');
    await answer(['load', EXAMPLE, '--db', db]);
    expect(linesOf(await answer(['search', '--limit', '0', '--db', db]))).toHaveLength(27);
  });

  test('ends, its socket is gone and the file is free', async () => {
    const db = newDatabase();
    const owner = await Owner.start(db);
    await owner.order({ load: PAGE_DUMP });
    await owner.order({ close: 0 });
    expect(existsSync(owner.socket)).toBe(false);
    expect(await namesIn(db)).toEqual(['page']);
  });

  test('is killed in the middle of an answer, that is one sentence', async () => {
    const db = newDatabase();
    const owner = await Owner.start(db);
    await owner.order({ load: PAGE_DUMP });
    const endless = 'SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3';
    const asked = refusal(['sql', endless, '--db', db]);
    await new Promise(resolve => setTimeout(resolve, 500));
    await owner.signal('SIGKILL');
    expect((await asked).error).toBe(`the process that has ${db} open (${owner.pid}) ended before it had answered`);
  });

  test('stands still, the reader gives up', async () => {
    const db = newDatabase();
    const owner = await Owner.start(db);
    await owner.signal('SIGSTOP');
    const { error } = await refusal(['search', '--db', db]);
    expect(error).toBe(`${db} is in use by another process, which does not answer`);
  });

  test('is one that does not serve, the sentence is about the lock', async () => {
    const db = newDatabase();
    await answer(['load', EXAMPLE, '--db', db]);
    const holder = spawn(process.execPath, [PROGRAM, 'load', '-', '--db', db, '-q'], {
      cwd: REPOSITORY,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    try {
      holder.stdin.write(PAGE_DUMP);
      await new Promise(resolve => setTimeout(resolve, 800));
      const begun = performance.now();
      const { error, hint } = await refusal(['search', '--db', db]);
      expect(error).toBe(`${db} is in use by another process (${holder.pid})`);
      expect(hint).toBe('wait for it to end, or name another database with --db');
      expect(performance.now() - begun).toBeLessThan(4000);
    } finally {
      holder.kill('SIGKILL');
    }
  });
});

test('Ctrl-C in a reader ends what the owner does for it', async () => {
  const db = newDatabase();
  const owner = await Owner.start(db, { limits: { statements: 1 } });
  await owner.order({ load: PAGE_DUMP });
  const endless = 'SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3';
  const child = spawn(process.execPath, [PROGRAM, 'sql', endless, '--db', db], { cwd: REPOSITORY, stdio: 'ignore' });
  const ended = new Promise(resolve => child.on('close', (_, signal) => resolve(signal)));
  await new Promise(resolve => setTimeout(resolve, 1500));
  child.kill('SIGINT');
  expect(await ended).toBe('SIGINT');
  // It has one turn, so an answer says that it has it back.
  expect(await namesIn(db)).toEqual(['page']);
});

test('a database with a name too long for a socket is read all the same', async () => {
  const db = join(temporaryFolder(), `${'long'.repeat(40)}.duckdb`);
  const owner = await Owner.start(db);
  await owner.order({ load: otlpJson(draw('a | 0-1')) });
  expect(Buffer.byteLength(owner.socket)).toBeLessThanOrEqual(103);
  expect(await answer(['sql', 'SELECT count(*) FROM spans', '--db', db])).toBe('1\n');
  await owner.order({ close: 0 });
  expect(existsSync(owner.socket)).toBe(false);
});
