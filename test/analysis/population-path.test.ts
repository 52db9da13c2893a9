import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_PATH_OPTIONS, type PathOptions } from '../../src/analysis/critical-path.ts';
import { PathPopulation, type PathRow, type PathTrace } from '../../src/analysis/population-path.ts';
import { tracePath } from '../../src/analysis/trace-path.ts';
import { buildTrace } from '../../src/model/trace.ts';
import { readTrace } from '../../src/store/read-trace.ts';
import { readOperations, scanTraces } from '../../src/store/scan-traces.ts';
import type { Store } from '../../src/store/store.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

const MS = 1_000_000n;
const OPTIONS = (['end', 'overlap'] as const).flatMap(policy =>
  (['exclude', 'include'] as const).map((async): PathOptions => ({ policy, async })),
);

async function populationOf({ database }: Store, options = DEFAULT_PATH_OPTIONS): Promise<PathPopulation> {
  const operations = await readOperations(database);
  const population = new PathPopulation(operations, options);
  await scanTraces(database, operations, 'true', trace => population.visit(trace));
  return population;
}

const nameOf = ({ serviceName, name }: { serviceName: string; name: string }) => `${serviceName} ${name}`;

describe('the paths of several traces', () => {
  const traces = [
    draw('r | 0-100 | web | get\n a | 10-40 | bank | pay\n b | 50-60 | cart | add | client', { traceId: '1' }),
    draw('r | 0-100 | web | get\n a | 10-90 | bank | pay\n b | 20-60 | cart | add | server', { traceId: '2' }),
    draw('r | 0-10 | web | get\n b | 0-10 | cart | add | client', { traceId: '3' }),
    draw('r | 0-20 | web | log', { traceId: '4' }),
  ];

  test('are added up by service and name, largest share first', async () => {
    const population = await populationOf(await storeOf(traces.flat()));
    const row = (found: PathRow) => [
      nameOf(found),
      found.selfNano / MS,
      found.share,
      found.traceCount,
      found.dragNano / MS,
      found.exemplarTraceId,
    ];
    expect([population.traceCount, population.totalNano]).toEqual([4, 230n * MS]);
    expect(population.rows().map(row)).toEqual([
      ['bank pay', 110n, 110 / 230, 2, 60n, 2n],
      ['web get', 80n, 80 / 230, 2, 80n, 1n],
      ['cart add', 20n, 20 / 230, 2, 20n, 1n],
      ['web log', 20n, 20 / 230, 1, 20n, 4n],
    ]);
  });

  test('stand in order of service and name where they have as much', async () => {
    const drawing = 'r | 0-40\n a | 0-10 | b | z\n b | 10-20 | b | y\n c | 20-30 | a | z\n d | 30-40 | c | a';
    const population = await populationOf(await storeOf(draw(drawing)));
    expect(population.rows().map(nameOf)).toEqual(['a z', 'b y', 'b z', 'c a']);
  });

  test('have percentiles of what an operation has in each trace that it is in', async () => {
    const spans = Array.from({ length: 100 }, (_, index) =>
      draw(`r | 0-${index + 1} | web | get\n a | 0-${index / 2} | bank | pay`, { traceId: String(index + 1) }),
    );
    const rows = (await populationOf(await storeOf(spans.flat()))).rows();
    const percentiles = rows.map(row => [nameOf(row), row.traceCount, row.p50Nano, row.p95Nano, row.p99Nano]);
    // `pay` has 0.5, 1, 1.5 … 49.5 ms in 99 traces, the root the rest: 1, 1.5 … 50.5 ms in 100.
    expect(percentiles).toEqual([
      ['web get', 100, 25_500_000n, 48n * MS, 50n * MS],
      ['bank pay', 99, 25n * MS, 47_500_000n, 49_500_000n],
    ]);
  });

  test('count an operation once in a trace, however often it is on the path there', async () => {
    const [row] = (
      await populationOf(await storeOf(draw('r | 0-9 | web | get\n a | 0-3 | web | get\n b | 4-9 | web | get')))
    ).rows();
    expect([row!.traceCount, row!.selfNano, row!.p50Nano]).toEqual([1, 9n * MS, 9n * MS]);
  });

  test('count what is off the path', async () => {
    const population = await populationOf(
      await storeOf(
        draw('r | 0-9 | | | producer\n a | 1-5 | | | consumer\n b | 20-30', { traceId: '1' }),
        draw('r | 10-20\n a | 1-5', { traceId: '2' }),
      ),
    );
    expect([population.outsideCount, population.asyncCount]).toEqual([1, 2]);
  });

  test('of nothing are nothing', async () => {
    const population = await populationOf(await storeOf(draw('r | 5-5')));
    expect([population.traceCount, population.totalNano, population.rows()]).toEqual([1, 0n, []]);
    const empty = new PathPopulation([], DEFAULT_PATH_OPTIONS);
    expect([empty.traceCount, empty.totalNano, empty.rows()]).toEqual([0, 0n, []]);
  });
});

test.each(OPTIONS)('of any traces the sums are those of each alone: policy $policy, async: $async', async options => {
  await fc.assert(
    fc.asyncProperty(distinctTraces, async traces => {
      const store = await storeOf(traces.flat());
      const population = await populationOf(store, options);
      const expected = new Map<string, { selfNano: bigint; traceCount: number; values: bigint[] }>();
      let total = 0n;
      for (const spans of traces) {
        const trace = buildTrace(await readTrace(store.database, spans[0]!.traceId));
        const { root, ownNano } = tracePath(trace, options);
        total += root!.span.durationNano;
        const inTrace = new Map<string, bigint>();
        for (const { span, index } of trace.nodes) {
          if (ownNano[index]! > 0n) inTrace.set(nameOf(span), (inTrace.get(nameOf(span)) ?? 0n) + ownNano[index]!);
        }
        for (const [name, own] of inTrace) {
          const known = expected.get(name) ?? { selfNano: 0n, traceCount: 0, values: [] };
          expected.set(name, {
            selfNano: known.selfNano + own,
            traceCount: known.traceCount + 1,
            values: [...known.values, own].sort((a, b) => Number(a - b)),
          });
        }
      }
      const rows = population.rows();
      expect(population.totalNano).toBe(total);
      expect(rows.reduce((sum, { selfNano }) => sum + selfNano, 0n)).toBe(total);
      expect(new Map(rows.map(row => [nameOf(row), [row.selfNano, row.traceCount, row.p99Nano]]))).toEqual(
        new Map(
          [...expected].map(([name, { selfNano, traceCount, values }]) => [
            name,
            [selfNano, traceCount, values[Math.ceil(values.length * 0.99) - 1]],
          ]),
        ),
      );
      for (const row of rows) expect(row.dragNano).toBeLessThanOrEqual(row.selfNano);
    }),
    { numRuns: 15 },
  );
});

test('sums are exact where they are longer than a double can tell', () => {
  const population = new PathPopulation([{ serviceName: 'web', name: 'get' }], DEFAULT_PATH_OPTIONS);
  const odd = 2 ** 52 + 1;
  for (let count = 0; count < 10; count++) population.visit(oneSpan(odd));
  const [row] = population.rows();
  expect([population.totalNano, row!.selfNano, row!.dragNano]).toEqual(Array(3).fill(10n * BigInt(odd)));
});

const distinctTraces = fc
  .array(traceSpans({ maxSpans: 12 }), { minLength: 1, maxLength: 4 })
  .map(traces => [...new Map(traces.map(spans => [spans[0]!.traceId, spans])).values()]);

function oneSpan(duration: number): PathTrace {
  return {
    traceId: 1n,
    count: 1,
    start: Float64Array.of(0),
    duration: Float64Array.of(duration),
    depth: Uint32Array.of(0),
    kind: Uint8Array.of(0),
    spanId: Uint32Array.of(1, 0),
    isRoot: Uint8Array.of(1),
    operation: Uint32Array.of(0),
  };
}
