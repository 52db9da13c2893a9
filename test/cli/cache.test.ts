import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { draw } from '../support/drawn-trace.ts';
import { temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { tailspan } from '../support/run.ts';

// Dumps of 8 MiB and more are kept as databases; a second question does not read them again, and never gets a stale answer.

const PADDING = 'x'.repeat(1000);

/** A dump large enough to be kept: `count` traces of one span. */
function largeDump(folder: string, count = 7000): string {
  const file = join(folder, 'large.jsonl');
  const lines = Array.from({ length: count }, (_, index) =>
    otlpJson(draw(`a | 0-${index + 1} | shop | GET / | note=${PADDING}`, { traceId: (index + 1).toString(16) })),
  );
  writeFileSync(file, lines.join(''));
  return file;
}

function setUp(count?: number) {
  const folder = temporaryFolder();
  const file = largeDump(folder, count);
  const cache = join(folder, 'cache', 'tailspan');
  const env = { XDG_CACHE_HOME: join(folder, 'cache') };
  const ask = async (args: readonly string[] = [], more: Record<string, string> = {}) => {
    const result = await tailspan(['services', file, '--json', ...args], { env: { ...env, ...more } });
    return { ...result, isKept: result.stderr.includes('kept from before:') };
  };
  const kept = () => (existsSync(cache) ? readdirSync(cache) : []);
  return { folder, file, cache, env, ask, kept };
}

describe('a dump that was read before', { timeout: 60_000 }, () => {
  test('gives the same answer from what was kept', async () => {
    const { ask, kept } = setUp();
    const first = await ask();
    const second = await ask();
    expect([first.isKept, second.isKept]).toEqual([false, true]);
    expect(second.stdout).toBe(first.stdout);
    expect(second.exitCode).toBe(0);
    expect(kept()).toHaveLength(1);
  });

  test('counts a trace once that is in two of its files', async () => {
    const { folder, file, env } = setUp();
    const other = join(folder, 'other.jsonl');
    writeFileSync(other, otlpJson(draw('z | 0-5 | late', { traceId: '1' })));
    for (const verb of ['read', 'kept from before:']) {
      const { stderr } = await tailspan(['services', file, other], { env });
      expect(stderr).toContain(`${verb} 7,001 spans in 7,000 traces`);
    }
  });

  test('is read again when it has grown', async () => {
    const { ask, file } = setUp();
    await ask();
    appendFileSync(file, otlpJson(draw('z | 0-5 | late', { traceId: 'ffff' })));
    const again = await ask();
    expect(again.isKept).toBe(false);
    expect(again.stdout).toContain('"late"');
  });

  test('is read again when it has changed in place, its time set back', async () => {
    const { ask, file } = setUp();
    await ask();
    const longAgo = new Date('2026-01-01T00:00:00Z');
    utimesSync(file, longAgo, longAgo);
    expect((await ask()).isKept).toBe(false);
  });

  test('is read again with other limits, without the cache, and where it is off', async () => {
    const { ask } = setUp();
    await ask();
    expect((await ask(['--max-record-size', '1MiB'])).isKept).toBe(false);
    expect((await ask(['--no-cache'])).isKept).toBe(false);
    expect((await ask([], { TAILSPAN_CACHE: 'off' })).isKept).toBe(false);
    expect((await ask()).isKept).toBe(true);
  });

  test('is read again where what was kept is damaged', async () => {
    const { ask, cache, kept } = setUp();
    const first = await ask();
    const [name = ''] = kept();
    truncateSync(join(cache, name), 20_000);
    const again = await ask();
    expect([again.isKept, again.exitCode, again.stdout]).toEqual([false, 0, first.stdout]);
    expect((await ask()).isKept).toBe(true);
  });

  test('is read again where what was kept turns out to be damaged when it is asked', async () => {
    const { ask, cache, kept } = setUp();
    const first = await ask();
    const [name = ''] = kept();
    const bytes = readFileSync(join(cache, name));
    // The head of the file, which says what it holds, is as it was.
    writeFileSync(join(cache, name), bytes.fill(0x55, 262_144));
    const again = await ask();
    expect([again.exitCode, again.stdout]).toEqual([0, first.stdout]);
    expect(again.stderr).toMatch(/^read 7,000 spans/m);
    expect((await ask()).isKept).toBe(true);
  });

  test('says again what was wrong with it', async () => {
    const { ask, file } = setUp();
    appendFileSync(file, '{"resourceSpans":[{"resource":');
    const first = await ask();
    const second = await ask();
    expect(first.exitCode).toBe(2);
    expect([second.isKept, second.exitCode]).toEqual([true, 2]);
    const third = await ask(['--quiet']);
    expect(third.stderr).toContain('is cut off');
  });

  test('is answered from where nothing can be kept', async () => {
    const { ask, folder } = setUp();
    writeFileSync(join(folder, 'file'), '');
    const { exitCode, stderr } = await ask([], { XDG_CACHE_HOME: join(folder, 'file') });
    expect([exitCode, stderr.includes('error:')]).toEqual([0, false]);
  });

  test('may be asked by several processes at once', async () => {
    const { ask, kept } = setUp();
    const answers = await Promise.all([ask(), ask(['--no-cache'])]);
    expect(new Set(answers.map(({ stdout }) => stdout)).size).toBe(1);
    expect(kept().filter(name => name.endsWith('.duckdb'))).toHaveLength(1);
  });

  test('goes when the cache is larger than allowed', async () => {
    const { ask, cache, kept } = setUp();
    mkdirSync(cache, { recursive: true });
    const old = join(cache, `${'0'.repeat(32)}.duckdb`);
    writeFileSync(old, Buffer.alloc(12 << 20));
    utimesSync(old, new Date('2026-01-01'), new Date('2026-01-01'));
    await ask([], { TAILSPAN_CACHE: '12MB' });
    expect(existsSync(old)).toBe(false);
    expect(kept()).toHaveLength(1);
  });

  test('is not changed by SQL that writes', async () => {
    const { ask, file, env } = setUp();
    await ask();
    const { exitCode, stderr } = await tailspan(['sql', 'CREATE TABLE t (x INT)', file, '--write'], { env });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect((await ask()).isKept).toBe(true);
  });
});

test('db cache shows what is kept and removes it', { timeout: 60_000 }, async () => {
  const { ask, env, cache, kept } = setUp();
  await ask();
  const shown = await tailspan(['db', 'cache', '--json'], { env });
  expect(JSON.parse(shown.stdout)).toMatchObject({ folder: cache, databases: [{ bytes: expect.any(Number) }] });
  // As a run leaves it that is killed.
  writeFileSync(join(cache, 'killed.partial'), Buffer.alloc(3 << 20));
  const left = await tailspan(['db', 'cache', '--json'], { env });
  expect(JSON.parse(left.stdout)).toMatchObject({ unfinishedBytes: 3 << 20, databases: [{}] });
  expect((await tailspan(['db', 'cache'], { env })).stderr).toMatch(
    /^1 database, .*\nbeside them 1 unfinished file, 3.15 MB: /,
  );
  const cleared = await tailspan(['db', 'cache', '--clear'], { env });
  expect(cleared.stderr).toMatch(/^removed 1 database, /);
  expect(kept()).toEqual([]);
});
