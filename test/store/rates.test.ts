import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endOf, type Span } from '../../src/model/span.ts';
import { operationRates, type Rates, requestsOverTime, serviceRates } from '../../src/store/rates.ts';
import { assembleTrace } from '../model/assembled.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

const MS = 1_000_000n;

const SPANS = [
  ...draw(
    'a | 0-100 | web | get | server\n b | 10-60 | db | query | client, error: no\n  c | 20-30 | db | query | server',
    {
      traceId: '1',
    },
  ),
  ...draw('a | 0-40 | web | get | server, error: no\n b | 5-15 | mail | send | consumer', { traceId: '2' }),
  ...draw('r | 0-10 | cron | tick | internal\no | 0-7 | web | orphan | parent: gone', { traceId: '3' }),
];

/** Counts and times in milliseconds: spans, requests, errors; p50 p90 p95 p99 max; total, self. */
function shown({ serviceName, ...rates }: Rates): unknown[] {
  const inMs = (nanos: bigint) => Number(nanos) / 1e6;
  const { spanCount, requestCount, errorCount, p50Nano, p90Nano, p95Nano, p99Nano, maxNano, totalNano, selfNano } =
    rates;
  return [
    serviceName,
    [spanCount, requestCount, errorCount],
    [p50Nano, p90Nano, p95Nano, p99Nano, maxNano].map(inMs),
    [totalNano, selfNano].map(inMs),
  ];
}

describe('rates', () => {
  test('of services are those of entry spans: servers, consumers and roots; self time is that of all', async () => {
    const { database } = await storeOf(SPANS);
    expect((await serviceRates(database, 'TRUE')).map(shown)).toEqual([
      ['cron', [1, 1, 0], [10, 10, 10, 10, 10], [10, 10]],
      ['db', [2, 1, 0], [10, 10, 10, 10, 10], [10, 50]],
      ['mail', [1, 1, 0], [10, 10, 10, 10, 10], [10, 10]],
      ['web', [3, 2, 1], [40, 100, 100, 100, 100], [140, 87]],
    ]);
  });

  test('of operations are those of all their spans, by service, name and kind', async () => {
    const { database } = await storeOf(SPANS);
    const rows = await operationRates(database, 'TRUE');
    expect(rows.map(({ name, kind, ...rates }) => [name, kind, ...shown(rates)])).toEqual([
      ['tick', 'internal', 'cron', [1, 1, 0], [10, 10, 10, 10, 10], [10, 10]],
      ['query', 'server', 'db', [1, 1, 0], [10, 10, 10, 10, 10], [10, 10]],
      ['query', 'client', 'db', [1, 1, 1], [50, 50, 50, 50, 50], [50, 40]],
      ['send', 'consumer', 'mail', [1, 1, 0], [10, 10, 10, 10, 10], [10, 10]],
      ['get', 'server', 'web', [2, 2, 1], [40, 100, 100, 100, 100], [140, 80]],
      ['orphan', 'internal', 'web', [1, 1, 0], [7, 7, 7, 7, 7], [7, 7]],
    ]);
  });

  test('of operations are one where only scope or flags differ', async () => {
    const traces = ['1', '2', '3'].map(traceId => draw(`a | 0-${traceId}0 | web | get | server`, { traceId })[0]!);
    const scope = { name: 'http', version: '2', attributes: {} };
    const { database } = await storeOf([traces[0]!, { ...traces[1]!, scope }, { ...traces[2]!, flags: 0x101 }]);
    expect(await database.value('SELECT count(*) FROM operation')).toBe(3n);
    expect((await operationRates(database, 'TRUE')).map(shown)).toEqual([
      ['web', [3, 3, 0], [20, 30, 30, 30, 30], [60, 60]],
    ]);
  });

  test('are of the spans that are asked for', async () => {
    const { database } = await storeOf(SPANS);
    expect((await serviceRates(database, 's.trace_id = 2')).map(({ serviceName }) => serviceName)).toEqual([
      'mail',
      'web',
    ]);
  });

  test('of a service without entry spans are of no request', async () => {
    const { database } = await storeOf(draw('a | 0-9 | web | get\n b | 1-4 | db | query | client'));
    expect(shown((await serviceRates(database, 'TRUE'))[0]!)).toEqual(['db', [1, 0, 0], [0, 0, 0, 0, 0], [0, 3]]);
  });

  test('have percentiles that are durations of spans', async () => {
    const spans = Array.from(
      { length: 100 },
      (_, index) => draw(`a | 0-${index + 1}`, { traceId: String(index + 1) })[0]!,
    );
    const { database } = await storeOf(spans);
    expect(shown((await serviceRates(database, 'TRUE'))[0]!)[2]).toEqual([50, 90, 95, 99, 100]);
  });

  test('have sums beyond int64', async () => {
    const long = (traceId: string) => draw('a | 0-9', { traceId }).map(span => ({ ...span, durationNano: 2n ** 62n }));
    const { database } = await storeOf([...long('1'), ...long('2'), ...long('3')]);
    const [rates] = await serviceRates(database, 'TRUE');
    expect([rates!.totalNano, rates!.selfNano]).toEqual([3n * 2n ** 62n, 3n * 2n ** 62n]);
  });

  test('of any spans add up', async () => {
    await fc.assert(
      fc.asyncProperty(traceSpans(), async spans => {
        const { database } = await storeOf(spans);
        const self = assembleTrace(spans).spans.reduce((sum, place) => sum + place.self, 0n);
        const sumOf = (rows: readonly Rates[], field: 'selfNano' | 'totalNano') =>
          rows.reduce((sum, row) => sum + row[field], 0n);
        const services = await serviceRates(database, 'TRUE');
        const operations = await operationRates(database, 'TRUE');
        expect([sumOf(services, 'selfNano'), sumOf(operations, 'selfNano')]).toEqual([self, self]);
        expect(sumOf(operations, 'totalNano')).toBe(spans.reduce((sum, span) => sum + span.durationNano, 0n));
        expect(services.reduce((sum, row) => sum + row.spanCount, 0)).toBe(spans.length);
      }),
      { numRuns: 15 },
    );
  });
});

describe('requests over time', () => {
  const overTime = async (spans: readonly Span[], buckets: number) => {
    const { database } = await storeOf(spans);
    const end = spans.map(endOf).sort((a, b) => Number(b - a))[0]!;
    return Object.fromEntries(await requestsOverTime(database, 'TRUE', DRAWING_START, end, buckets));
  };

  test('are entry spans, counted by service and by part of the time', async () => {
    const at = (traceId: string, start: number, service: string) =>
      draw(`a | ${start}-${start + 1} | ${service}\n b | ${start}-${start + 1} | db | | client`, { traceId });
    const spans = [...at('1', 0, 'web'), ...at('2', 24, 'web'), ...at('3', 26, 'mail'), ...at('4', 99, 'web')];
    expect(await overTime(spans, 4)).toEqual({ web: [2, 0, 0, 1], mail: [0, 1, 0, 0] });
  });

  test('are all in the first part where they start together', async () => {
    expect(await overTime(draw('a | 0-0 | web'), 3)).toEqual({ web: [1, 0, 0] });
  });

  test('are in the last part where they start with the end', async () => {
    const { database } = await storeOf(draw('a | 100-100 | web'));
    const found = await requestsOverTime(database, 'TRUE', DRAWING_START, DRAWING_START + 100n * MS, 4);
    expect([...found]).toEqual([['web', [0, 0, 0, 1]]]);
  });
});
