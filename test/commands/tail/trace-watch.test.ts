import { describe, expect, onTestFinished, test } from 'vitest';
import { type History, type LookOptions, TraceWatch } from '../../../src/commands/tail/trace-watch.ts';
import type { Span } from '../../../src/model/span.ts';
import { EVERYTHING } from '../../../src/query/flags.ts';
import type { Pipeline } from '../../../src/query/traceql/ast.ts';
import { parseQuery } from '../../../src/query/traceql/parse-query.ts';
import { namesOf, ORPHAN, PAGE, PAYMENT } from '../../cli/shop.ts';
import { DRAWING_START, draw } from '../../support/drawn-trace.ts';
import { loadDump, openStore } from '../../support/load.ts';
import { otlpJson } from '../../support/otlp-json.ts';

// Which traces are shown, and when. Time passes when a test says so; it begins an hour after the traces.

const HOUR_MS = 3_600_000;

function queryOf(text: string) {
  const query = parseQuery(text);
  return { ...query, root: query.root as Pipeline };
}

interface Watched {
  readonly query?: string;
  readonly until?: string;
  readonly shows?: 'traces' | 'spans';
  readonly history?: History;
  /** What the database holds before. */
  readonly before?: readonly (readonly Span[])[];
}

async function watching({ query, until, shows = 'traces', history, before = [] }: Watched = {}) {
  const store = await openStore();
  for (const spans of before) await loadDump(store, otlpJson(spans));
  const reading = await store.database.connect();
  onTestFinished(() => reading.close());
  let clock = 0;
  const start = Number(DRAWING_START / 1_000_000n) + HOUR_MS;
  const watch = new TraceWatch({
    query: query === undefined ? EVERYTHING : queryOf(query),
    until: until === undefined ? undefined : queryOf(until),
    shows,
    now: () => new Date(start + clock),
    monotonicMs: () => clock,
  });
  await watch.begin(reading, history);
  const pages = async (options: LookOptions = {}) => {
    const found = [];
    for (let page = await watch.next(reading, options); page !== undefined; page = await watch.next(reading, options)) {
      found.push(page);
    }
    return found;
  };
  return {
    store,
    watch,
    pages,
    commit: (spans: readonly Span[]) => loadDump(store, otlpJson(spans)),
    /** Lets time pass, and returns what is shown then: the name of a trace, and by how much it has grown. */
    async later(ms: number, options: LookOptions = {}): Promise<string[]> {
      clock += ms;
      return (await pages(options)).flatMap(({ traces, spans }) => [
        ...traces.map(({ trace, grownBy }) => `${namesOf([trace])}${grownBy === undefined ? '' : ` +${grownBy}`}`),
        ...spans.map(({ span }) => span.name),
      ]);
    },
  };
}

describe('a trace', () => {
  test('that is complete is shown at once, and once', async () => {
    const { commit, later } = await watching();
    await commit(PAGE);
    expect(await later(0)).toEqual(['page']);
    await commit(PAYMENT);
    expect(await later(0)).toEqual(['payment']);
    expect(await later(60_000)).toEqual([]);
  });

  test('that is not complete waits for its rest', async () => {
    const { commit, later, watch } = await watching();
    await commit(PAGE.slice(2));
    expect(await later(0)).toEqual([]);
    expect(watch.dueInMs).toBe(10_000);
    await commit(PAGE.slice(0, 2));
    expect(await later(3000)).toEqual(['page']);
    expect(watch.dueInMs).toBeUndefined();
    expect(await later(60_000)).toEqual([]);
  });

  test('whose rest does not come is shown as it is, and again when it comes', async () => {
    const { commit, later } = await watching();
    await commit(PAGE.slice(2, 4));
    expect(await later(9_999)).toEqual([]);
    await commit(PAGE.slice(4));
    // What is added makes it wait anew.
    expect(await later(1)).toEqual([]);
    expect(await later(9_999)).toEqual([]);
    expect(await later(1)).toEqual(['page']);
    await commit(PAGE);
    expect(await later(0)).toEqual(['page +2']);
  });

  test('that is not complete is shown at the end', async () => {
    const { commit, later } = await watching();
    await commit(ORPHAN);
    expect(await later(0, { isLast: true })).toEqual(['orphan']);
  });

  test('that waited before it was stored does not wait again', async () => {
    const { commit, later } = await watching();
    await commit(ORPHAN);
    expect(await later(0, { hasWaited: true })).toEqual(['orphan']);
  });

  test('that ended in the future, by the clock of who sent it, waits no longer for it', async () => {
    const { commit, later } = await watching();
    await commit(
      draw('o | 0-10 | bank | GET | parent: x', { start: DRAWING_START + 86_400_000_000_000n, traceId: 'f' }),
    );
    expect(await later(0, { hasWaited: true })).toEqual([]);
    expect(await later(9_999, { hasWaited: true })).toEqual([]);
    expect(await later(1, { hasWaited: true })).toHaveLength(1);
  });

  test('that grows is shown again, and says so', async () => {
    const { commit, later, pages } = await watching();
    await commit(PAGE.slice(0, 2));
    expect(await later(0)).toEqual(['page']);
    await commit(PAGE);
    const [page] = await pages();
    expect(page?.traces).toMatchObject([{ grownBy: 3, json: { spanCount: 5, update: true } }]);
  });

  test('that was sent twice is shown once', async () => {
    const { commit, later } = await watching();
    await commit(PAGE);
    expect(await later(0)).toEqual(['page']);
    await commit(PAGE);
    expect(await later(0)).toEqual([]);
  });

  test('has the JSON of search', async () => {
    const { commit, pages } = await watching({ query: '{ resource.service.name = "cart" }' });
    await commit(PAGE);
    const [page] = await pages();
    expect(page?.traces.map(({ json }) => json)).toMatchObject([
      { rootServiceName: 'web', spanCount: 5, complete: true, spanSets: [{ matched: 3, spans: [{}, {}, {}] }] },
    ]);
    expect(page?.traces[0]?.json).not.toHaveProperty('update');
  });
});

describe('a query', () => {
  test('is asked of what is new alone', async () => {
    const { commit, later } = await watching({ query: '{ status = error } >> { kind = server }', before: [PAYMENT] });
    await commit(PAGE);
    expect(await later(0)).toEqual([]);
    await commit(draw('a | 0-9 | web | a | error\n  b | 1-2 | web | b | server', { traceId: 'ab' }));
    expect(await later(0)).toHaveLength(1);
  });

  test('that a trace matches only when it has grown finds it then, as a new one', async () => {
    const { commit, later } = await watching({ query: '{ name = "SELECT" }' });
    await commit(PAGE.slice(0, 2));
    expect(await later(0)).toEqual([]);
    await commit(PAGE);
    expect(await later(0)).toEqual(['page']);
  });

  test('that ends it is told of any trace', async () => {
    const { commit, pages } = await watching({ query: '{ name = "SELECT" }', until: '{ status = error }' });
    await commit(PAGE);
    expect((await pages()).map(({ isReached }) => isReached)).toEqual([false]);
    await commit(PAYMENT);
    expect(await pages()).toEqual([{ traces: [], spans: [], isReached: true }]);
  });

  test('leaves the tables of the database as they are', async () => {
    const { commit, later, store } = await watching({ query: '{ name = "SELECT" }' });
    await commit(PAGE);
    await commit(PAYMENT);
    await later(0);
    expect(await store.database.value('SELECT count(*) FROM span')).toBe(8n);
    expect(await store.database.value('SELECT count(*) FROM trace')).toBe(2n);
  });
});

describe('what the database holds', () => {
  const before = [PAYMENT, PAGE, ORPHAN];

  test('is not shown', async () => {
    const { later } = await watching({ before });
    expect(await later(60_000)).toEqual([]);
  });

  test('is shown first, oldest first, incomplete or not; then what comes', async () => {
    const { commit, later } = await watching({ before, history: { since: DRAWING_START } });
    await commit(draw('z | 0-1 | web | z', { traceId: 'aa' }));
    expect((await later(0)).map(name => name.slice(-7))).toEqual(
      ['page', 'payment', 'orphan', '00000aa'].map(name => name.slice(-7)),
    );
    expect(await later(60_000)).toEqual([]);
  });

  test('is shown from a time on: what ended before is not', async () => {
    const since = DRAWING_START + 60_000_000_000n;
    expect(await (await watching({ before, history: { since } })).later(0)).toEqual(['payment', 'orphan']);
  });

  test('is shown as far as the newest so many', async () => {
    expect(await (await watching({ before, history: { most: 2 } })).later(0)).toEqual(['payment', 'orphan']);
    expect(await (await watching({ before, history: { most: 0 } })).later(0)).toEqual([]);
  });

  test('and grows is shown again if it was shown', async () => {
    const { commit, later } = await watching({ before: [PAGE.slice(0, 2)], history: { most: 1 } });
    expect(await later(0)).toEqual(['page']);
    await commit(PAGE);
    expect(await later(0)).toEqual(['page +3']);
  });

  test('is much: nothing is missing and nothing twice', async () => {
    const traces = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) =>
        draw('a | 0-1', { traceId: (from + index).toString(16), start: DRAWING_START + BigInt(from + index) }),
      ).flat();
    const { commit, pages } = await watching({ before: [traces(1, 2500)], history: { since: 0n } });
    await commit(traces(2501, 6000));
    const ids = (await pages()).flatMap(page => page.traces.map(({ trace }) => Number(`0x${trace.traceId}`)));
    expect(ids).toEqual(Array.from({ length: 8500 }, (_, index) => index + 1));
  });
});

describe('spans', () => {
  test('are shown as they come, each once', async () => {
    const { commit, later } = await watching({ shows: 'spans', query: '{ kind = client }' });
    await commit(PAGE.slice(3, 4));
    expect(await later(0)).toEqual(['SELECT']);
    await commit(PAGE);
    expect(await later(0)).toEqual(['GET', 'SELECT']);
  });

  test('have the JSON of search, with what select() names', async () => {
    const { commit, pages } = await watching({
      shows: 'spans',
      query: '{ status = error } | select(resource.service.name)',
    });
    await commit(PAYMENT);
    const [page] = await pages();
    expect(page?.spans.map(({ json }) => json.selected)).toEqual([
      { 'service.name': 'web' },
      { 'service.name': 'web' },
      { 'service.name': 'bank' },
    ]);
  });
});

test('with another database it begins anew, and knows what was shown', async () => {
  const { commit, later, watch } = await watching();
  await commit(PAGE.slice(0, 2));
  expect(await later(0)).toEqual(['page']);
  const store = await openStore();
  const reading = await store.database.connect();
  onTestFinished(() => reading.close());
  await loadDump(store, otlpJson(PAGE));
  watch.beginAnew();
  expect((await watch.next(reading))?.traces).toMatchObject([{ grownBy: 3 }]);
});
