import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { loadDump, openStore, temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { answer, answerJson, TEST_NOW, tailspan } from '../support/run.ts';

const EXAMPLE = 'fixtures/example/checkout.jsonl';
const HOUR = 3_600_000_000_000n;

/** A trace that ends a second after the full hour from 0 to 3 hours before the tests' clock. */
function hourly(hour: number): string {
  return otlpJson(
    draw('a | 0-1000 | shop | GET / | user=u1\n  b | 10-700 | bank | charge | error: no, note=höchst ärgerlich', {
      traceId: `${hour + 1}`,
      start: DRAWING_START + BigInt(hour) * HOUR,
    }),
  );
}

/** A database of the example, and of four traces an hour apart that came in two overlapping loads. */
async function setUp(): Promise<string> {
  const path = join(temporaryFolder(), 'traces.duckdb');
  const lost = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"lost"}]}]}]}\n';
  const store = await openStore(path);
  await loadDump(store, [2, 3].map(hourly).join(''), { name: 'first.jsonl' });
  await loadDump(store, readFileSync(EXAMPLE), { name: 'checkout.jsonl' });
  await loadDump(store, [0, 1, 2].map(hourly).join('') + lost, { name: 'second.jsonl' });
  await (await store.loader()).checkpoint();
  store.close();
  return path;
}

describe('db info', () => {
  test('says what a database holds and takes', async () => {
    const database = await setUp();
    const info = await answerJson<Record<string, unknown>>(['db', 'info', '--db', database]);
    const { size } = statSync(database);
    expect(info).toMatchObject({
      schemaVersion: 1,
      database,
      fileBytes: size,
      walBytes: 0,
      journalBytes: 0,
      spanCount: expect.any(Number),
      databaseSchemaVersion: 2,
      duckdbVersion: expect.stringMatching(/^v\d+\.\d+/),
    });
    const totals = await answerJson<Record<string, unknown>>(['summary', '--db', database]);
    for (const key of ['spanCount', 'traceCount', 'startTimeUnixNano', 'endTimeUnixNano']) {
      expect(info[key]).toEqual(totals[key]);
    }
    expect(info.bytesPerSpan).toBe(Math.round((size - Number(info.freeBytes)) / Number(info.spanCount)));
    expect(info).not.toHaveProperty('receivers');
    expect(info.ingests).toMatchObject([
      { format: 'otlp-json', spans: 4, traces: 2, duplicates: 0, skipped: [] },
      { source: 'checkout.jsonl', duplicates: 0 },
      { spans: 4, traces: 3, duplicates: 2, skipped: [{ reason: 'missing-trace-id', count: 1 }] },
    ]);
  });

  test('says which attributes are the largest over all spans', async () => {
    const folder = temporaryFolder();
    const dump = join(folder, 'dump.jsonl');
    writeFileSync(dump, [0, 1, 2].map(hourly).join(''));
    const database = join(folder, 'small.duckdb');
    await answer(['load', dump, '--db', database]);
    const { attributes } = await answerJson<{ attributes: unknown }>(['db', 'info', '--db', database]);
    // UTF-8: ö and ä are two bytes each.
    expect(attributes).toEqual([
      { key: 'note', bytes: 3 * 18, valueCount: 1, spanCount: 3 },
      { key: 'user', bytes: 3 * 2, valueCount: 1, spanCount: 3 },
    ]);
    expect(await answer(['db', 'info', '--db', database, '--format', 'csv'])).toBe(
      'key,bytes,valueCount,spanCount\r\nnote,54,1,3\r\nuser,6,1,3\r\n'.replaceAll('\r\n', '\n'),
    );
  });

  test('looks the same on every terminal', async () => {
    const database = await setUp();
    const shown = await answer(['db', 'info', '--db', database, '--utc'], { isTty: true });
    const text = shown
      .replaceAll(database, 'FOLDER/traces.duckdb')
      .replaceAll(/[\d.]+ [kM]B, of which [\d.]+ k?M?B/g, 'SIZE, of which SIZE')
      .replaceAll(/[\d,]+ bytes each/g, 'N bytes each')
      .replaceAll(/DuckDB v[\d.]+/g, 'DuckDB VERSION');
    await expect(text).toMatchFileSnapshot('golden/db/info.width-100.txt');
  });

  test('shows what the last listener counted', async () => {
    const database = await setUp();
    const store = await Store.open({ path: database, now: () => TEST_NOW });
    await store.setNote(
      'receivers',
      JSON.stringify({ 'otlp-http': { requests: 12, spans: 3400, lost: 1, putOff: 0 } }),
    );
    store.close();
    expect(await answerJson(['db', 'info', '--db', database])).toMatchObject({
      receivers: { 'otlp-http': { requests: 12, spans: 3400, lost: 1, putOff: 0 } },
    });
    const shown = await answer(['db', 'info', '--db', database], { isTty: true });
    expect(shown).toMatch(/RECEIVER +REQUESTS +SPANS +LOST +PUT OFF\notlp-http +12 +3,400 +1 +0\n/);
  });

  test('answers about a database without spans, and reads nothing that is piped in', async () => {
    const database = join(temporaryFolder(), 'empty.duckdb');
    (await Store.open({ path: database, now: () => TEST_NOW })).close();
    const info = await answerJson(['db', 'info'], { env: { TAILSPAN_DB: database }, input: 'no dump' });
    expect(info).toMatchObject({ spanCount: 0, traceCount: 0, attributes: [], ingests: [] });
    expect(info).not.toHaveProperty('bytesPerSpan');
    expect(await answer(['db', 'info', '--db', database])).toContain('none: there are no spans');
  });
});

describe('db prune', () => {
  const left = async (database: string) => {
    const { rows } = await answerJson<{ rows: string[][] }>([
      'sql',
      "SELECT trace_id FROM traces WHERE trace_id LIKE '000000%' ORDER BY start_time",
      '--db',
      database,
    ]);
    return rows.map(([id]) => Number(id));
  };

  test('--keep drops what ended before, seen from now', async () => {
    const database = await setUp();
    expect(await left(database)).toEqual([1, 2, 3, 4]);
    // It is 12:00; the traces end at 9, 10, 11 and 12 o'clock and a second.
    const dry = await answerJson(['db', 'prune', '--keep', '90m', '--dry-run', '--db', database]);
    expect(dry).toMatchObject({ isDryRun: true, endTimeUnixNano: String(DRAWING_START + HOUR + 1_000_000_000n) });
    expect(await left(database)).toEqual([1, 2, 3, 4]);
    const pruned = await answerJson<Record<string, number>>(['db', 'prune', '--keep', '90m', '--db', database]);
    expect(pruned).toMatchObject({
      isDryRun: false,
      endedBeforeUnixNano: String(DRAWING_START + HOUR + HOUR / 2n),
      traceCount: (dry as Record<string, number>).traceCount,
      spanCount: (dry as Record<string, number>).spanCount,
    });
    expect(pruned.freedBytes).toBe(Math.max(0, pruned.bytesBefore! - pruned.bytesAfter!));
    expect(statSync(database).size).toBe(pruned.bytesAfter);
    expect(await left(database)).toEqual([3, 4]);
    expect(await answerJson(['db', 'prune', '--keep', '90m', '--db', database])).toMatchObject({ traceCount: 0 });
  });

  test('--max-size drops the oldest until the file is as small', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder();
    const dump = join(folder, 'large.jsonl');
    // Text that hardly compresses, for a file of some 25 MB.
    let state = 1;
    const noise = () => {
      const bytes = Buffer.alloc(6000);
      for (let at = 0; at < bytes.length; at++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        bytes[at] = state >>> 24;
      }
      return bytes.toString('base64');
    };
    const traceOf = (number: number) =>
      otlpJson(
        draw(`a | 0-900 | shop | GET / | noise=${noise()}`, {
          traceId: String(number),
          start: DRAWING_START + BigInt(number) * 1_000_000_000n,
        }),
      );
    writeFileSync(dump, Array.from({ length: 4000 }, (_, index) => traceOf(index + 1)).join(''));
    const database = join(folder, 'large.duckdb');
    await answer(['load', dump, '--db', database, '--quiet']);
    const before = statSync(database).size;
    expect(before).toBeGreaterThan(20e6);
    const dry = await answerJson<Record<string, number>>([
      'db',
      'prune',
      '--max-size',
      '16MB',
      '--dry-run',
      '--db',
      database,
    ]);
    expect(statSync(database).size).toBe(before);
    const pruned = await answerJson<Record<string, number>>(['db', 'prune', '--max-size', '16MB', '--db', database]);
    expect(statSync(database).size).toBe(pruned.bytesAfter);
    expect(pruned.bytesAfter).toBeLessThanOrEqual(16e6);
    expect(pruned.bytesAfter).toBeGreaterThan(12e6);
    expect(Math.abs(pruned.traceCount! - dry.traceCount!)).toBeLessThan(400);
    const first = await answerJson<{ rows: number[][] }>([
      'sql',
      'SELECT min(trace_id)::INT, max(trace_id)::INT, count(*) FROM traces',
      '--db',
      database,
    ]);
    expect(first.rows.map(row => row.map(Number))).toEqual([[pruned.traceCount! + 1, 4000, 4000 - pruned.traceCount!]]);
    const small = await answerJson(['db', 'prune', '--max-size', '2GB', '--db', database]);
    expect(small).toMatchObject({ traceCount: 0, freedBytes: 0 });
  });

  test.each([
    [['db', 'prune'], 'db prune needs to know what to keep', 'tailspan db prune --keep 7d, or --max-size 2GB, or both'],
    [
      ['db', 'prune', '--keep', 'long'],
      "--keep takes a time, not 'long'",
      'for example 15m (ago), yesterday, 2026-01-31,',
    ],
    [['db', 'prune', '--max-size', '1MB'], "--max-size takes 16MB or more, not '1MB'", 'for example --max-size 2GB'],
  ])('%j is told what is wrong', async (args, message, hint) => {
    const { exitCode, stderr } = await tailspan(args, { env: { TAILSPAN_DB: '/nonexistent/traces.duckdb' } });
    expect(exitCode).toBe(2);
    expect(stderr.startsWith(`error: ${message}\nhint: ${hint}`)).toBe(true);
  });
});

describe('db compact', () => {
  test('changes no answer', { timeout: 60_000 }, async () => {
    const database = await setUp();
    await answer(['db', 'prune', '--keep', '2h30m', '--db', database]);
    const views = {
      spans: '* EXCLUDE (span_no, resource_id)',
      traces: '*',
      span_attributes: '* EXCLUDE (span_no)',
      span_events: '* EXCLUDE (span_no)',
      span_links: '* EXCLUDE (span_no)',
      resources: '* EXCLUDE (resource_id)',
      services: '*',
      ingests: '*',
    };
    const questions = [
      ['summary'],
      ['search', '--limit', '0'],
      ['search', '--spans', '--limit', '0'],
      ['search', '{ status = error }'],
      ['show', '00000000000000000000000000000004'],
      ['services'],
      ['operations'],
      ['errors'],
      ['critical-path'],
      ['metrics'],
      ...Object.entries(views).map(([view, columns]) => ['sql', `SELECT ${columns} FROM ${view} ORDER BY ALL`]),
    ];
    const ask = async () => {
      const answers: string[] = [];
      for (const question of questions) {
        for (const format of ['json', 'plain']) {
          answers.push(await answer([...question, '--db', database, '--format', format]));
        }
      }
      return answers;
    };
    const before = await ask();
    expect(before.join('')).toContain('höchst ärgerlich');
    const bytesBefore = statSync(database).size;
    const compacted = await answerJson<Record<string, number>>(['db', 'compact', '--db', database]);
    expect(compacted).toMatchObject({ database, bytesBefore, bytesAfter: statSync(database).size });
    expect(compacted.freedBytes).toBe(bytesBefore - compacted.bytesAfter!);
    expect(await ask()).toEqual(before);
  });

  test('says both sizes', async () => {
    const database = await setUp();
    expect(await answer(['db', 'compact', '--db', database])).toMatch(/^before +[\d.]+ MB\nafter +[\d.]+ MB\n$/);
  });

  test('makes no database where there is none, and touches no other file', async () => {
    const folder = temporaryFolder();
    const missing = join(folder, 'missing.duckdb');
    for (const word of [['compact'], ['prune', '--keep', '1d'], ['info']]) {
      const { exitCode, stderr } = await tailspan(['db', ...word, '--db', missing]);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`error: there is no database at ${missing}\n`)]);
    }
    expect(existsSync(missing)).toBe(false);
    const { stderr } = await tailspan(['db', 'compact', '--db', EXAMPLE]);
    expect(stderr).toContain(`error: ${EXAMPLE} is not a database\n`);
  });
});

test.each([
  [['db'], 'db needs to know what of it', 'tailspan db info, prune, compact or cache'],
  [['db', 'nothing'], "db knows nothing of 'nothing'", 'tailspan db info, prune, compact or cache'],
  [['db', 'inof'], "db knows nothing of 'inof'", 'did you mean tailspan db info?'],
  [['db', 'info', 'x.duckdb'], "db info does not take 'x.duckdb'", 'a database is named with --db FILE'],
  [['db', 'info', '--keep', '7d'], 'db info does not take --keep', 'it is for db prune'],
  [['db', 'compact', '--dry-run'], 'db compact does not take --dry-run', 'it is for db prune'],
  [['db', 'info', '--no-progress'], 'db info does not take --no-progress', 'it is for db prune and db compact'],
  [['db', 'prune', '--clear'], 'db prune does not take --clear', 'it is for db cache'],
])('%j is told what db knows', async (args, message, hint) => {
  const { exitCode, stderr } = await tailspan(args);
  expect([exitCode, stderr]).toEqual([2, `error: ${message}\nhint: ${hint}\n`]);
});
