import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { Session } from '../../src/receive/session.ts';
import type { Commit } from '../../src/store/loader.ts';
import { readSpans } from '../../src/store/read-trace.ts';
import { Store } from '../../src/store/store.ts';
import { PAGE } from '../cli/shop.ts';
import { temporaryFolder } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { TEST_NOW } from '../support/run.ts';
import { send } from './receiving.ts';

interface Begun {
  readonly store: Store;
  readonly session: Session;
  readonly commits: readonly Commit[];
  /** Sends spans; resolves when they are acknowledged. */
  export(spans: readonly Span[]): Promise<void>;
}

/** A session of a test's own, with a journal, on a free port. */
async function begun(settleMs: number): Promise<Begun> {
  const path = join(temporaryFolder(), 'kept.duckdb');
  const store = await Store.open({ path, now: () => TEST_NOW });
  const commits: Commit[] = [];
  const session = await Session.start(
    await store.loader(),
    {
      receivers: [{ name: 'otlp-http', port: 0 }],
      journal: `${path}.journal`,
      host: '127.0.0.1',
      budgetBytes: 64 << 20,
      requestBytes: 16 << 20,
      requestTimeoutMs: 10_000,
      origins: [],
    },
    { settleMs, onCommit: commit => commits.push(commit) },
  );
  onTestFinished(async () => {
    await session.stop(0).catch(() => {});
    store.close();
  });
  const [{ port } = { port: 0 }] = session.receivers;
  return {
    store,
    session,
    commits,
    async export(spans) {
      const headers = { 'Content-Type': 'application/json' };
      const { status } = await send(port, { path: '/v1/traces', headers, body: otlpJson(spans) });
      expect(status).toBe(200);
    },
  };
}

/** The page as another trace, with an attribute and a name of its own. */
const pageOf = (number: number): Span[] =>
  PAGE.map(span => ({
    ...span,
    traceId: number.toString(16).padStart(32, '0'),
    name: `${span.name} ${number}`,
    attributes: { ...span.attributes, number: BigInt(number) },
  }));

test('commits a complete trace by itself, soon', async () => {
  const { commits, export: exportSpans } = await begun(50);
  await exportSpans(pageOf(1));
  await expect.poll(() => commits, { timeout: 5000 }).toMatchObject([{ newSpans: 5, traces: 1, firstSpanNo: 1 }]);
});

test('commits all that was acknowledged when it is asked to', async () => {
  const { session, store, export: exportSpans } = await begun(60_000);
  await exportSpans(pageOf(1).slice(0, 2));
  await session.commit();
  expect(await store.database.value('SELECT count(*) FROM span')).toBe(2n);
  await exportSpans(pageOf(1).slice(2));
  expect(await session.stop(0)).toMatchObject({ result: { spans: 5, traces: 1 }, firstSpanNo: 1 });
  // Who asks later sees what there is.
  await session.commit();
});

test('takes requests while rows are dropped, and what they hold is whole afterwards', async () => {
  const { session, store, export: exportSpans } = await begun(60_000);
  let next = 1;
  for (; next <= 20; next++) await exportSpans(pageOf(next));
  const { database } = store;
  for (let round = 0; round < 3; round++) {
    const released = Promise.withResolvers<void>();
    const dropping = session.betweenTransactions(async () => {
      await database.run(
        'DELETE FROM span; DELETE FROM trace; DELETE FROM short_attribute; DELETE FROM long_attribute; DELETE FROM operation',
      );
      await database.run(
        'DELETE FROM resource; DELETE FROM scope; DELETE FROM status; DELETE FROM service; DELETE FROM key',
      );
      await released.promise;
    });
    // They are acknowledged though the database is busy.
    const until = next + 10;
    for (; next < until; next++) await exportSpans(pageOf(next));
    released.resolve();
    await dropping;
  }
  const { result } = await session.stop(0);
  expect(result).toMatchObject({ spans: 50 * 5, traces: 50, duplicates: 0 });
  const spans = await readSpans(database, 'TRUE', 's.trace_id, s.span_no');
  const last = spans.filter(({ traceId }) => Number.parseInt(traceId, 16) > 40);
  expect(last).toEqual(Array.from({ length: 10 }, (_, at) => pageOf(41 + at)).flat());
});
