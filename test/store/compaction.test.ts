import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { type CompactionOptions, compact } from '../../src/store/compaction.ts';
import { prune } from '../../src/store/retention.ts';
import { Store } from '../../src/store/store.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { loadDump, openStore, temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { TEST_NOW } from '../support/run.ts';
import { loadPlain } from './batches.ts';
import { snapshotOf } from './snapshot.ts';
import { danglingRows, unusedRows } from './soundness.ts';

const now = () => TEST_NOW;

async function compactFile(path: string, options: Partial<CompactionOptions> = {}) {
  return compact(await Store.open({ path, now }), { now, ...options });
}

/** A trace of two spans with attributes, an event, an error and a resource of its own. */
function trace(number: number): Span[] {
  return draw(
    `a | 0-900 | shop | GET / | request=${number}, shared=yes, event: begun-${number} @ 5, event: done @ 8, resource pod=p${number}
       b | 10-90 | bank${number % 3} | charge | client, error: no money ${number}, order=o${number}, bill=${`${number}-`.repeat(40)}`,
    { traceId: number.toString(16), start: DRAWING_START + BigInt(number) * 1_000_000_000n },
  );
}

/** A database of loads that overlap, out of order, and of which something was dropped. */
async function grown(path: string): Promise<void> {
  for (const numbers of [
    [7, 8, 9, 10, 11, 12],
    [3, 4, 5, 6, 7],
    [1, 2, 9, 13],
  ]) {
    const store = await openStore(path);
    await loadDump(store, otlpJson(numbers.flatMap(trace)), { name: `load-${numbers[0]}` });
    store.close();
  }
  const store = await openStore(path);
  await prune(store.database, { endedBefore: DRAWING_START + 3_500_000_000n });
  store.close();
}

async function inspect(path: string) {
  const store = await openStore(path);
  const { database } = store;
  const seen = {
    snapshot: await snapshotOf(database),
    ingests: await database.rows('FROM ingest ORDER BY ingest_id'),
    issues: await database.rows('FROM ingest_issue ORDER BY ALL'),
    meta: await database.rows('FROM meta ORDER BY ALL'),
    events: await database.rows(`
      SELECT trace_id, span_id, time_ns, name, attributes::VARCHAR AS attributes FROM span_events ORDER BY ALL`),
    dangling: await danglingRows(database),
    unused: await unusedRows(database),
    // In the order of the rows: span numbers ascend without a gap, and so do the starts of traces.
    spanNumbers: (await database.rows('SELECT span_no FROM span ORDER BY rowid')).map(row => Number(row.span_no)),
    traceStarts: (await database.rows('SELECT start_ns FROM trace ORDER BY rowid')).map(row => Number(row.start_ns)),
    firsts: (await database.rows('SELECT first_span_no FROM trace ORDER BY rowid')).map(row =>
      Number(row.first_span_no),
    ),
  };
  store.close();
  return seen;
}

describe('a compacted database', () => {
  test('says the same as before, in the order of time and without what nothing refers to', async () => {
    const path = join(temporaryFolder(), 'grown.duckdb');
    await grown(path);
    const before = await inspect(path);
    const { bytesBefore, bytesAfter } = await compactFile(path);
    expect(bytesAfter).toBe(statSync(path).size);
    expect(bytesBefore).toBeGreaterThanOrEqual(bytesAfter);
    const after = await inspect(path);
    for (const part of ['snapshot', 'ingests', 'issues', 'meta', 'events'] as const) {
      expect(after[part]).toEqual(before[part]);
    }
    expect([after.dangling, after.unused]).toEqual([{}, {}]);
    expect(after.spanNumbers).toEqual(after.spanNumbers.map((_, index) => index + 1));
    expect(after.spanNumbers).toHaveLength(22);
    expect(after.traceStarts).toEqual(after.traceStarts.toSorted((a, b) => a - b));
    expect(after.firsts).toEqual(after.firsts.toSorted((a, b) => a - b));
  });

  test('is loaded into as any other', async () => {
    const path = join(temporaryFolder(), 'grown.duckdb');
    await grown(path);
    await compactFile(path);
    const store = await openStore(path);
    const { result } = await loadDump(store, otlpJson([12, 13, 14, 15].flatMap(trace)));
    expect(result).toMatchObject({ spans: 4, duplicates: 4, traces: 4 });
    const fresh = await openStore();
    for (let number = 3; number <= 15; number++) await loadDump(fresh, otlpJson(trace(number)));
    expect((await snapshotOf(store.database)).spans).toEqual((await snapshotOf(fresh.database)).spans);
    store.close();
  });

  test('may be compacted again, may be empty, and keeps its mode', async () => {
    const path = join(temporaryFolder(), 'empty.duckdb');
    (await openStore(path)).close();
    chmodSync(path, 0o640);
    for (let time = 0; time < 2; time++) await compactFile(path);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    const store = await openStore(path);
    expect(await store.database.value('SELECT count(*) FROM traces')).toBe(0n);
    store.close();
  });

  test('stays where a link to it leads', async () => {
    const folder = temporaryFolder();
    const [path, link] = [join(folder, 'grown.duckdb'), join(folder, 'link.duckdb')];
    await grown(path);
    const before = await inspect(path);
    symlinkSync(path, link);
    await compactFile(link);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect((await inspect(path)).snapshot).toEqual(before.snapshot);
    expect(readdirSync(folder).sort()).toEqual(['grown.duckdb', 'link.duckdb']);
  });

  test('of more spans than are written at a time has all of them', { timeout: 60_000 }, async () => {
    const path = join(temporaryFolder(), 'large.duckdb');
    const store = await openStore(path);
    // Two loads whose traces take turns, and one trace that is larger than a part.
    for (const offset of [0, 1]) {
      await loadPlain(store, 30_000, index => {
        const number = Math.floor(index / 10) * 2 + offset;
        return {
          trace: number + 1,
          span: index + 1,
          start: number * 1000 + (index % 10),
          event: index % 7 ? undefined : 1,
        };
      });
    }
    await loadPlain(store, 260_000, index => ({ trace: 99_999, span: index + 1, start: 5_000_000 + index }));
    const sums = `
      SELECT count(*) AS spans, count(DISTINCT trace_id) AS traces, sum(span_id)::BIGINT AS ids, sum(hash(trace_id, span_id, start_ns))::VARCHAR AS contents,
        (SELECT count(*) FROM event JOIN span USING (span_no)) AS events,
        (SELECT sum(hash(trace_id, span_id, time_ns))::VARCHAR FROM event JOIN span USING (span_no)) AS event_contents
      FROM span`;
    const before = await store.database.rows(sums);
    const progress: number[] = [];
    await compact(store, { now, onProgress: ({ spansWritten }) => progress.push(spansWritten) });
    const after = await openStore(path);
    expect(await after.database.rows(sums)).toEqual(before);
    expect(progress).toEqual([0, 245_760]);
    // Numbers ascend with the rows, without a gap.
    expect(
      await after.database.value('SELECT count(*) FROM (SELECT span_no - rowid AS step FROM span) WHERE step <> 1'),
    ).toBe(0n);
    expect(await danglingCount(after)).toBe(0n);
    after.close();
  });
});

async function danglingCount(store: Store) {
  return store.database.value(`
    SELECT count(*) FROM span s JOIN trace t USING (trace_id)
    WHERE s.span_no NOT BETWEEN t.first_span_no AND t.first_span_no + t.span_count - 1`);
}

describe('a compaction that does not come to its end', () => {
  test('leaves the database as it was, and nothing beside it', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'grown.duckdb');
    await grown(path);
    const before = await inspect(path);
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('ended'));
    await expect(compactFile(path, { signal: stop.signal, onProgress })).rejects.toThrow('ended');
    expect(readdirSync(folder)).toEqual(['grown.duckdb']);
    expect(await inspect(path)).toEqual(before);
  });

  test('and was killed leaves files that the next one removes', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'grown.duckdb');
    await grown(path);
    const before = await inspect(path);
    writeFileSync(`${path}.compacting`, 'half a database');
    writeFileSync(`${path}.compacting.wal`, 'half a log');
    mkdirSync(`${path}.compacting.tmp`);
    writeFileSync(join(`${path}.compacting.tmp`, 'spilled'), 'rows');
    // The database is as it was; whoever reads it does not mind.
    expect(await inspect(path)).toEqual(before);
    await compactFile(path);
    expect(readdirSync(folder)).toEqual(['grown.duckdb']);
    expect((await inspect(path)).snapshot).toEqual(before.snapshot);
  });

  test('refuses a database with tables of the user’s own', async () => {
    const path = join(temporaryFolder(), 'mine.duckdb');
    await grown(path);
    const store = await openStore(path);
    await store.database.run('CREATE TABLE mine (x INTEGER); CREATE VIEW seen AS FROM mine');
    store.close();
    const bytes = readFileSync(path);
    await expect(compactFile(path)).rejects.toMatchObject({
      message: `${path} holds the table mine and 1 more, which compacting would lose`,
      hint: 'move what is yours to another database first, or drop it: tailspan sql --write',
    });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(existsSync(`${path}.compacting`)).toBe(false);
  });

  test('refuses a database whose spans and traces do not belong together', async () => {
    const path = join(temporaryFolder(), 'damaged.duckdb');
    await grown(path);
    const store = await openStore(path);
    await store.database.run('DELETE FROM trace WHERE trace_id = 9');
    store.close();
    await expect(compactFile(path)).rejects.toMatchObject({
      message: `${path} is damaged: its spans and its traces do not belong together`,
    });
    const again = await openStore(path);
    expect(await again.database.value('SELECT count(*) FROM span')).toBe(22n);
    again.close();
  });
});
