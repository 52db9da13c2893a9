import { describe, expect, test } from 'vitest';
import type { SearchOutcome } from '../../src/tui/feed.ts';
import { draw } from '../support/drawn-trace.ts';
import { feedOf, ORDER, ORDER_ID, shopFeed } from './traces.ts';

const NEWEST = { field: 'start', ascending: false } as const;

/** What was found: how many of how many. */
function counts(outcome: SearchOutcome): unknown {
  return outcome.kind === 'found' ? [outcome.traces.length, outcome.total] : outcome.fault;
}

describe('traces out of a database', () => {
  test('are the newest ones, the last of them last; counts are of all', async () => {
    const { traces, counts: all } = (await shopFeed({ limit: 5 })).snapshot();
    expect(traces).toHaveLength(5);
    expect(traces.map(({ durationNano }) => Number(durationNano) / 1e6)).toEqual([153, 160, 167, 174, 181]);
    expect(all).toEqual({ traces: 26, spans: 69, failed: 5 });
  });

  test.each([
    ['{ status = error }', [5, 5]],
    ['status = error', [5, 5]],
    ['status = error && name = "POST /orders"', [1, 1]],
    ['({ status = error } >> { name = "POST" })', [1, 1]],
    ['', [8, 26]],
    ['name = "GET /products/{id}"', [8, 24]],
  ])('that match %s', async (query, found) => {
    const feed = await shopFeed({ limit: 8 });
    expect(counts(await feed.search({ query, order: NEWEST }))).toEqual(found);
  });

  test.each([
    ['status = eror', { from: 9, to: 13 }],
    ['{ status = eror }', { from: 11, to: 15 }],
    ['status =', { from: 8, to: 8 }],
    ['{ } | rate()', { from: 0, to: 12 }],
  ])('%s is no query for traces: it is said where', async (query, place) => {
    expect(counts(await (await shopFeed()).search({ query, order: NEWEST }))).toMatchObject(place);
  });

  test('are found by the old name of an attribute where --semconv says so', async () => {
    const traces = [draw('a | 0-1 | shop | GET | http.method=GET')];
    const query = 'span.http.request.method = "GET"';
    expect(counts(await (await feedOf(traces)).search({ query, order: NEWEST }))).toEqual([0, 0]);
    const feed = await feedOf(traces, 10, { withSpellings: true });
    expect(counts(await feed.search({ query, order: NEWEST }))).toEqual([1, 1]);
    expect(feed.commandLines({ query, traceId: undefined, spanId: undefined })[0]).toMatch(/ --semconv$/);
  });

  test('are not found by what only tailspan understands where --strict-traceql says so', async () => {
    const query = 'parent.name = "POST /orders"';
    expect(counts(await (await feedOf([ORDER])).search({ query, order: NEWEST }))).toEqual([1, 1]);
    const feed = await feedOf([ORDER], 10, { isStrict: true });
    expect(counts(await feed.search({ query, order: NEWEST }))).toMatchObject({ from: 0, to: 'parent.name'.length });
  });

  test('are in the order that is asked for, the first of all of them', async () => {
    const feed = await shopFeed({ limit: 2 });
    const first = await feed.search({ query: '', order: { field: 'duration', ascending: false } });
    expect(first.kind === 'found' && first.traces.map(({ durationNano }) => Number(durationNano) / 1e6)).toEqual([
      500, 181,
    ]);
  });

  test('are read whole, one at a time; one that is not there is not', async () => {
    const feed = await shopFeed();
    expect((await feed.loadTrace(ORDER_ID))?.nodes).toHaveLength(ORDER.length);
    expect(await feed.loadTrace('f'.repeat(32))).toBeUndefined();
  });

  test('are asked for one after the other, whatever is asked at once', async () => {
    const feed = await shopFeed();
    const queries = ['status = error', 'status = eror', 'name = "POST /orders"', ''];
    const outcomes = await Promise.all(queries.map(query => feed.search({ query, order: NEWEST })));
    expect(outcomes.map(outcome => (outcome.kind === 'found' ? outcome.total : 'fault'))).toEqual([5, 'fault', 1, 26]);
  });

  test('have command lines that show the same', async () => {
    const feed = await shopFeed();
    const lines = (query: string, traceId?: string, spanId?: string) => feed.commandLines({ query, traceId, spanId });
    expect(lines('')).toEqual(['tailspan sql "FROM traces ORDER BY start_ns DESC" shop.jsonl']);
    expect(lines('name = "x"', 'abc')).toEqual([
      'tailspan show abc shop.jsonl',
      `tailspan search '{ name = "x" }' shop.jsonl`,
      `tailspan sql "FROM spans WHERE trace_id = 'abc' ORDER BY start_ns" shop.jsonl`,
    ]);
    expect(lines('', 'abc', 'def')[0]).toBe('tailspan show abc shop.jsonl --span def');
  });
});
