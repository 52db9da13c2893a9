import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Definitions } from '../../src/model/span-batch.ts';
import type { Database } from '../../src/store/database.ts';
import { runSql } from '../../src/store/sql.ts';
import { openStore, temporaryFolder } from '../support/load.ts';
import { loadPlain, PLAIN, type PlainSpan } from './batches.ts';

// Loads of more spans than wait at a time, and of more texts than are kept in mind.

/** Traces and spans; traces that are not in one piece, spans below the wrong parent, events of no span. */
async function checkOf(database: Database): Promise<Record<string, number>> {
  const [row] = await database.rows(`
    SELECT (SELECT count(*) FROM trace) AS traces, (SELECT count(*) FROM span) AS spans,
      (SELECT count(*) FROM trace t WHERE span_count <> (
        SELECT count(*) FROM span s WHERE s.trace_id = t.trace_id
          AND s.span_no BETWEEN t.first_span_no AND t.first_span_no + t.span_count - 1)) AS torn,
      (SELECT count(*) FROM span WHERE parentage = 2) AS orphans,
      (SELECT count(*) FROM event) AS events,
      (SELECT count(*) FROM event e JOIN span s USING (span_no) WHERE e.time_ns <> s.start_ns) AS displaced,
      (SELECT count(*) - count(DISTINCT span_no) FROM span) AS doubled`);
  return Object.fromEntries(Object.entries(row!).map(([name, value]) => [name, Number(value)]));
}

const SOUND = { torn: 0, orphans: 0, displaced: 0, doubled: 0 };

describe('a source of more spans than wait for their traces', () => {
  test('has its traces in one piece, though one began at its start and ends at its end', async () => {
    const count = 250_000;
    const { database, store } = await openedStore();
    const result = await loadPlain(store, count, (index): PlainSpan => {
      const isLong = index % 50_000 === 0 || index === count - 1;
      const trace = isLong ? 1 : 2 + Math.floor(index / 10);
      const isRoot = isLong ? index === 0 : index % 10 === 1;
      const parent = isRoot ? 0 : isLong ? 1 : index - (index % 10) + 2;
      return { trace, span: index + 1, parent, start: index, duration: 5, event: index % 7 === 0 ? 1 : undefined };
    });
    expect(result).toEqual({ spans: count, traces: 25_001, duplicates: 0, sharedIds: 0, cuts: 0 });
    expect(await checkOf(database)).toEqual({ ...SOUND, traces: 25_001, spans: count, events: Math.ceil(count / 7) });
    const long = await database.rows(
      'SELECT span_count, start_ns, duration_ns, root_count FROM trace WHERE trace_id = 1',
    );
    expect(long).toEqual([{ span_count: 6, start_ns: 2n ** 32n, duration_ns: BigInt(count - 1 + 5), root_count: 1 }]);
  });

  test('has its traces in one piece, though the spans of each are far apart', async () => {
    const traces = 65_000;
    const { database, store } = await openedStore();
    const result = await loadPlain(store, traces * 4, (index): PlainSpan => {
      const trace = 1 + (index % traces);
      const round = Math.floor(index / traces);
      // The root comes last.
      return { trace, span: 4 - round, parent: round === 3 ? 0 : 1, start: index, event: round === 2 ? 1 : undefined };
    });
    expect(result).toEqual({ spans: traces * 4, traces, duplicates: 0, sharedIds: 0, cuts: 0 });
    expect(await checkOf(database)).toEqual({ ...SOUND, traces, spans: traces * 4, events: traces });
    expect(await database.value('SELECT count(*) FROM span WHERE depth = 1')).toBe(BigInt(traces * 3));
  });

  test('is committed to the database file past its log, which is used again afterwards', async () => {
    const store = await openStore(join(temporaryFolder(), 'a.duckdb'));
    const { database } = store;
    const log = `${database.path}.wal`;
    const logged = () => (existsSync(log) ? statSync(log).size : 0);
    await loadPlain(store, 100_000, index => ({ trace: 1 + index, span: 1 }));
    expect(logged()).toBe(0);
    await loadPlain(store, 100, index => ({ trace: 200_000 + index, span: 1 }));
    expect(logged()).toBeGreaterThan(0);
    expect(await checkOf(database)).toEqual({ ...SOUND, traces: 100_100, spans: 100_100, events: 0 });
  });

  test('adds nothing when it is loaded again', async () => {
    const count = 160_000;
    const spanAt = (index: number): PlainSpan => ({
      trace: 1 + Math.floor(index / 20),
      span: index + 1,
      parent: index % 20 === 0 ? 0 : index - (index % 20) + 1,
      start: index,
      event: index % 3 === 0 ? 1 : undefined,
    });
    const { database, store } = await openedStore();
    await loadPlain(store, count, spanAt);
    const before = await checkOf(database);
    expect(await loadPlain(store, count, spanAt)).toMatchObject({ spans: 0, duplicates: count });
    expect(await checkOf(database)).toEqual(before);
  });
});

describe('more texts than are kept in mind', () => {
  const MANY = 262_144 + 10;
  const texts = Array.from({ length: MANY }, (_, index) => `text ${index}`);
  /** A definition each of a text, and one more of the first. */
  const numbers = [...texts.keys(), 0];

  test('are those of their spans: names of services, spans and events, messages of statuses', async () => {
    const { database, store } = await openedStore();
    const definitions: Definitions = {
      ...PLAIN,
      names: ['web', 'get', ...texts],
      operations: numbers.map(number => ({ ...PLAIN.operations[0]!, name: number + 2 })),
      resources: numbers.map(number => ({ serviceName: number + 2, attributes: [] })),
      statuses: numbers.map(number => ({ code: 2, message: texts[number]! })),
    };
    await loadPlain(
      store,
      numbers.length,
      index => ({
        trace: 1 + index,
        span: 1,
        start: index,
        operation: index,
        resource: index,
        status: index,
        event: numbers[index]! + 2,
      }),
      definitions,
    );
    const [found] = await database.rows(`
      SELECT count(*) AS spans, count(*) FILTER (o.name <> text) AS names, count(*) FILTER (v.name <> text) AS services,
        count(*) FILTER (n.name <> text) AS events, count(*) FILTER (t.message <> text) AS messages
      FROM (SELECT *, 'text ' || (start_ns - 4294967296) % ${MANY} AS text FROM span) s
      JOIN operation o USING (operation_id) JOIN resource r USING (resource_id)
      JOIN service v ON v.service_id = r.service_id JOIN status t USING (status_id)
      JOIN event e USING (span_no) JOIN event_name n USING (name_id)`);
    expect(found).toEqual({ spans: BigInt(numbers.length), names: 0n, services: 0n, events: 0n, messages: 0n });
  });

  test('a span is known again whose service was forgotten', async () => {
    const { database, store } = await openedStore();
    const once = () => loadPlain(store, 1, () => ({ trace: 1, span: 1 }));
    await once();
    await loadPlain(store, 1, () => ({ trace: 2, span: 1, resource: MANY - 1 }), {
      ...PLAIN,
      names: ['web', 'get', ...texts],
      resources: texts.map((_, index) => ({ serviceName: index + 2, attributes: [] })),
    });
    expect(await once()).toMatchObject({ spans: 0, duplicates: 1 });
    expect(await database.value("SELECT count(*) FROM service WHERE name = 'web'")).toBe(2n);
    const { rows } = await runSql(database, "SELECT span_count FROM services WHERE service_name = 'web'", false);
    expect(rows).toEqual([[2]]);
  });
});

async function openedStore() {
  const store = await openStore();
  return { store, database: store.database };
}
