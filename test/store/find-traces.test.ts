import { describe, expect, test } from 'vitest';
import { findTraces, type TraceOrder, type TraceQuery, traceTotals } from '../../src/store/find-traces.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

const MS = 1_000_000n;
const idOf = (digit: string) => digit.padStart(32, '0');

// By id: start, duration, spans, errors.
const TRACES = [
  draw('a | 10-110 | web | get | server\n b | 20-30 | db | query\n c | 40-50 | web | log', { traceId: '1' }),
  draw('a | 20-520 | web | buy | server, error: no\n b | 30-40 | db | query | error: no', { traceId: '2' }),
  draw('o | 30-80 | mail | send | parent: gone', { traceId: '3' }),
  draw('a | 30-80 | web | get | server\nb | 40-50 | web | get | server, error: no', { traceId: '4' }),
];
const ALL: TraceQuery = { where: 'TRUE', order: 'start', ascending: true, limit: undefined };

async function idsOf(query: Partial<TraceQuery>): Promise<string> {
  const { database } = await storeOf(TRACES.flat());
  return (await findTraces(database, { ...ALL, ...query })).map(({ traceId }) => traceId.slice(-1)).join('');
}

test('a trace is found with its root, its times, what it holds and what it lacks', async () => {
  const { database } = await storeOf(TRACES.flat());
  expect(await findTraces(database, { ...ALL, limit: 3 })).toEqual([
    {
      traceId: idOf('1'),
      rootServiceName: 'web',
      rootSpanName: 'get',
      firstServiceName: 'web',
      firstSpanName: 'get',
      startTimeUnixNano: DRAWING_START + 10n * MS,
      durationNano: 100n * MS,
      spanCount: 3,
      errorCount: 0,
      services: ['web', 'db'],
      complete: true,
    },
    {
      traceId: idOf('2'),
      rootServiceName: 'web',
      rootSpanName: 'buy',
      firstServiceName: 'web',
      firstSpanName: 'buy',
      startTimeUnixNano: DRAWING_START + 20n * MS,
      durationNano: 500n * MS,
      spanCount: 2,
      errorCount: 2,
      services: ['web', 'db'],
      complete: true,
    },
    {
      traceId: idOf('3'),
      rootServiceName: undefined,
      rootSpanName: undefined,
      firstServiceName: 'mail',
      firstSpanName: 'send',
      startTimeUnixNano: DRAWING_START + 30n * MS,
      durationNano: 50n * MS,
      spanCount: 1,
      errorCount: 0,
      services: ['mail'],
      complete: false,
    },
  ]);
});

describe('traces are in order', () => {
  test.each<[TraceOrder, boolean, string]>([
    ['start', true, '1234'],
    ['start', false, '3421'],
    ['duration', true, '3412'],
    ['duration', false, '2134'],
    ['spans', true, '3421'],
    ['spans', false, '1423'],
    ['errors', true, '3142'],
    ['errors', false, '2431'],
  ])('of %s, ascending: %s; then the later one, then the smaller id', async (order, ascending, ids) => {
    expect(await idsOf({ order, ascending })).toBe(ids);
  });

  test.each([
    [0, ''],
    [1, '1'],
    [3, '123'],
    [9, '1234'],
  ])('and no more than %i of them', async (limit, ids) => {
    expect(await idsOf({ limit })).toBe(ids);
  });

  test('of those that are asked for', async () => {
    expect(await idsOf({ where: 't.error_count > 0' })).toBe('24');
  });
});

describe('totals', () => {
  test('over all traces', async () => {
    const { database } = await storeOf(TRACES.flat());
    expect(await traceTotals(database, 'TRUE')).toEqual({
      traces: 4,
      spans: 8,
      errors: 3,
      failed: 2,
      incomplete: 2,
      startTimeUnixNano: DRAWING_START + 10n * MS,
      endTimeUnixNano: DRAWING_START + 520n * MS,
    });
  });

  test('over none', async () => {
    const { database } = await storeOf(TRACES.flat());
    expect(await traceTotals(database, 'FALSE')).toEqual({
      traces: 0,
      spans: 0,
      errors: 0,
      failed: 0,
      incomplete: 0,
      startTimeUnixNano: undefined,
      endTimeUnixNano: undefined,
    });
  });

  test('over a trace that ends with the last nanosecond of int64', async () => {
    const last = 2n ** 63n - 1n;
    const { database } = await storeOf(draw('a | 0-5', { start: last - 5n, unit: 1n }));
    expect(await traceTotals(database, 'TRUE')).toMatchObject({
      startTimeUnixNano: last - 5n,
      endTimeUnixNano: last,
    });
  });
});
