import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AttributeValue } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';
import { buildTrace, type Trace } from '../../src/model/trace.ts';
import { compileMetricsFor } from '../../src/query/compile/metrics.ts';
import { compileMetrics } from '../../src/query/evaluate/metrics.ts';
import { combineSeries, metricsQueriesOf } from '../../src/query/metrics/combine.ts';
import { comparedSides } from '../../src/query/metrics/compare.ts';
import { type Series, seriesOfCells } from '../../src/query/metrics/series.ts';
import { startBounds } from '../../src/query/metrics/start-bounds.ts';
import { findInterval, roundStep, type TimeGrid, timeGrid, timeOfInterval } from '../../src/query/metrics/time-grid.ts';
import type { MetricsExpression, MetricsQuery, Query } from '../../src/query/traceql/ast.ts';
import { formatDuration } from '../../src/query/traceql/literals.ts';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import { printQuery } from '../../src/query/traceql/printer.ts';
import type { Database } from '../../src/store/database.ts';
import { readTrace } from '../../src/store/read-trace.ts';
import { firstColumn } from '../../src/store/spansets.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START, draw, spanIdOf } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';
import { metricsQueries } from './arbitrary-query.ts';

// Metrics, by the SQL and by the evaluator: both are held to the same answers, and to each other.

/** Generated queries; `QUERIES=10000` tries longer. */
const QUERIES = Number(process.env.QUERIES ?? 300);

function expressionOf({ root }: Query): MetricsExpression {
  if (root.kind === 'pipeline') throw new TypeError('no metrics query');
  return root;
}

function inMemory(expression: MetricsExpression, traces: readonly Trace[], grid: TimeGrid): readonly Series[] {
  const collector = compileMetrics(expression, grid);
  for (const trace of traces) collector.add(trace);
  return collector.series();
}

async function inSql(expression: MetricsExpression, database: Database, grid: TimeGrid): Promise<readonly Series[]> {
  const answers = new Map<MetricsQuery, readonly Series[]>();
  for (const query of metricsQueriesOf(expression)) {
    const { sql, seriesOf } = await compileMetricsFor(query, grid, ids => firstColumn(database, ids));
    answers.set(query, seriesOf(await database.rows(sql)));
  }
  return combineSeries(expression, query => answers.get(query) ?? []);
}

/** The traces of a database in its order, as it has them. */
async function tracesOf(database: Database): Promise<Trace[]> {
  const ids = await database.rows('SELECT trace_id FROM trace ORDER BY first_span_no');
  const traces: Trace[] = [];
  for (const { trace_id: id } of ids) {
    traces.push(buildTrace(await readTrace(database, (id as bigint).toString(16).padStart(32, '0'))));
  }
  return traces;
}

/** Series as a test reads them: labels, points (`undefined` where there is none), lengths of exemplars. */
function shown(series: readonly Series[]) {
  return series.map(({ labels, points, exemplars }) => [
    labels.map(({ name, text }) => `${name}=${text}`).join(' '),
    [...points].map(point => (Number.isNaN(point) ? undefined : point)),
    exemplars.map(({ interval, durationNano }) => `${interval}: ${durationNano}`),
  ]);
}

test('SQL and evaluator answer alike, in generated traces for generated queries', async () => {
  const samples = fc.sample(traceSpans({ maxSpans: 12, hasAttributes: true }), { numRuns: 30, seed: 7 });
  const { database } = await storeOf(...samples);
  const traces = await tracesOf(database);
  const starts = traces.flatMap(({ nodes }) => nodes.map(({ span }) => span.startTimeUnixNano)).sort();
  const grid = timeGrid(starts[0]!, starts.at(-1)!, 7n);
  expect(grid.count).toBeGreaterThan(4);
  await fc.assert(
    fc.asyncProperty(metricsQueries, async query => {
      const expression = expressionOf(query);
      const bySql = shown(await inSql(expression, database, grid));
      expect(bySql, printQuery(query)).toEqual(shown(inMemory(expression, traces, grid)));
    }),
    { numRuns: QUERIES },
  );
}, 600_000);

type Answer = readonly (readonly [labels: string, points: readonly (number | undefined)[]])[];

/** Both ways to answer, over the spans of some traces, in intervals of a second from `DRAWING_START` on. */
const WAYS: readonly (readonly [
  string,
  (text: string, ...traces: (readonly Span[])[]) => Promise<readonly Series[]>,
])[] = [
  [
    'SQL',
    async (text, ...traces) => inSql(expressionOf(parseQuery(text)), (await storeOf(...traces)).database, SECONDS),
  ],
  [
    'the evaluator',
    async (text, ...traces) => inMemory(expressionOf(parseQuery(text)), traces.map(buildTrace), SECONDS),
  ],
];

/** Four seconds. */
const SECONDS = timeGrid(DRAWING_START, DRAWING_START + 3_999_999_999n, 1_000_000_000n);

function pointsOf(series: readonly Series[]): Answer {
  return shown(series).map(([labels, points]) => [String(labels), points as (number | undefined)[]]);
}

/** Spans of one service, a line each: start and end in ms, then an attribute `x`. */
function spansWith(...values: readonly (readonly [times: string, x?: AttributeValue])[]): Span[] {
  const drawing = values.map(([times], index) => `s${index} | ${times} | shop | GET |`).join('\n');
  return draw(drawing).map((span, index) => {
    const x = values[index]?.[1];
    return x === undefined ? span : { ...span, attributes: { x } };
  });
}

describe.each(WAYS)('%s', (_, series) => {
  const answer = async (text: string, ...traces: (readonly Span[])[]) => pointsOf(await series(text, ...traces));
  const gap = undefined;

  test('counts spans in the interval that holds their start', async () => {
    const spans = spansWith(['0-5000'], ['999-1000'], ['1000-1001'], ['3999-4000']);
    expect(await answer('{ } | count_over_time()', spans)).toEqual([['', [2, 1, 0, 1]]]);
    expect(await answer('{ duration > 1s } | count_over_time()', spans)).toEqual([['', [1, 0, 0, 0]]]);
  });

  test('leaves out what starts before and behind the intervals', async () => {
    const [a, b, c] = spansWith(['0-1'], ['3999-4000'], ['0-1']);
    const spans = [
      { ...a!, startTimeUnixNano: DRAWING_START - 1n },
      { ...b!, startTimeUnixNano: DRAWING_START + 4_000_000_000n },
      c!,
    ];
    expect(await answer('{ } | count_over_time()', spans)).toEqual([['', [1, 0, 0, 0]]]);
  });

  test('divides rates by the seconds of an interval', async () => {
    expect(await answer('{ } | rate()', spansWith(['0-1'], ['1-2'], ['2500-2600']))).toEqual([['', [2, 0, 1, 0]]]);
  });

  test('counts nothing as zero without labels, and not at all with some', async () => {
    const spans = spansWith(['0-1']);
    expect(await answer('{ name = "none" } | rate()', spans)).toEqual([['', [0, 0, 0, 0]]]);
    expect(await answer('{ name = "none" } | rate() by (name)', spans)).toEqual([]);
    expect(await answer('{ name = "none" } | max_over_time(duration)', spans)).toEqual([]);
    expect(await answer('{ } | max_over_time(.none)', spans)).toEqual([]);
  });

  test('measures durations in seconds, and nothing where there is nothing', async () => {
    const spans = spansWith(['0-100'], ['10-40'], ['2000-4500']);
    expect(await answer('{ } | min_over_time(duration)', spans)).toEqual([['', [0.03, gap, 2.5, gap]]]);
    expect(await answer('{ } | max_over_time(duration)', spans)).toEqual([['', [0.1, gap, 2.5, gap]]]);
    expect(await answer('{ } | sum_over_time(duration)', spans)).toEqual([['', [0.13, gap, 2.5, gap]]]);
    expect(await answer('{ } | avg_over_time(duration)', spans)).toEqual([['', [0.065, gap, 2.5, gap]]]);
  });

  test('measures numbers of all kinds as they are, and passes over what is none', async () => {
    const spans = spansWith(['0-1', 3n], ['1-2', 0.5], ['2-3', 'text'], ['3-4', true], ['4-5', Number.NaN], ['5-6']);
    expect(await answer('{ } | sum_over_time(.x)', spans)).toEqual([['', [3.5, gap, gap, gap]]]);
    expect(await answer('{ } | avg_over_time(.x)', spans)).toEqual([['', [1.75, gap, gap, gap]]]);
    expect(await answer('{ } | min_over_time(.x)', spans)).toEqual([['', [0.5, gap, gap, gap]]]);
    expect(await answer('{ } | max_over_time(.x)', spans)).toEqual([['', [3, gap, gap, gap]]]);
    expect(await answer('{ } | quantile_over_time(.x, 1)', spans)).toEqual([['p=1', [3, gap, gap, gap]]]);
  });

  test('adds whole numbers without rounding on the way', async () => {
    const spans = spansWith(['0-1', 2n ** 60n], ['1-2', 1n], ['2-3', -(2n ** 60n)], ['3-4', 2n]);
    expect(await answer('{ } | sum_over_time(.x)', spans)).toEqual([['', [3, gap, gap, gap]]]);
  });

  test('adds doubles in an order of their own', async () => {
    const values = [1e16, 1, -1e16, 0.1, 3];
    const sum = -1e16 + 0.1 + 1 + 3 + 1e16;
    const spans = spansWith(...values.map((value, index) => [`${index}-9`, value] as const));
    expect(await answer('{ } | sum_over_time(.x)', spans)).toEqual([['', [sum, gap, gap, gap]]]);
  });

  test('takes quantiles by nearest rank, each asked for once', async () => {
    const spans = spansWith(...Array.from({ length: 100 }, (_, index) => [`${index}-${index * 2 + 1}`] as const));
    expect(await answer('{ } | quantile_over_time(duration, .5, 0, 1, .07, 0.50, 1e-9)', spans)).toEqual([
      ['p=0', [0.001, gap, gap, gap]],
      ['p=1e-9', [0.001, gap, gap, gap]],
      // 7 exactly; as doubles 0.07 times 100 is more.
      ['p=0.07', [0.007, gap, gap, gap]],
      ['p=0.5', [0.05, gap, gap, gap]],
      ['p=1', [0.1, gap, gap, gap]],
    ]);
  });

  test('puts durations into buckets up to powers of two of nanoseconds', async () => {
    const nanos = [0n, 1n, 2n, 3n, 1024n, 1025n, 2n ** 50n + 1n];
    const spans = spansWith(...nanos.map(() => ['0-1'] as const));
    const made = spans.map((span, index) => ({ ...span, durationNano: nanos[index]! }));
    expect((await answer('{ } | histogram_over_time(duration)', made)).map(([labels]) => labels)).toEqual([
      '__bucket=0',
      '__bucket=1e-9',
      '__bucket=2e-9',
      '__bucket=4e-9',
      '__bucket=0.000001024',
      '__bucket=0.000002048',
      `__bucket=${2 ** 51 / 1e9}`,
    ]);
  });

  test('puts numbers into buckets by interval and label', async () => {
    const spans = spansWith(['0-1', 5n], ['1-2', 8n], ['2000-2001', 8.5], ['3000-3001', -1n], ['3-4', 0.3]);
    expect(await answer('{ } | histogram_over_time(.x) by (name)', spans)).toEqual([
      ['name=GET __bucket=0', [0, 0, 0, 1]],
      ['name=GET __bucket=0.5', [1, 0, 0, 0]],
      ['name=GET __bucket=8', [2, 0, 0, 0]],
      ['name=GET __bucket=16', [0, 0, 1, 0]],
    ]);
  });

  test('has a series for every value of by(), in order, nil at the end', async () => {
    const values: readonly AttributeValue[] = [10n, 9n, 10, 'a', '10', true, null, [1n, 'b']];
    const spans = spansWith(...values.map((value, index) => [`${index}-9`, value] as const));
    expect(await answer('{ } | count_over_time() by (.x, .x)', spans)).toEqual([
      ['.x=9', [1, 0, 0, 0]],
      ['.x=10', [2, 0, 0, 0]],
      ['.x=10', [1, 0, 0, 0]],
      ['.x=a', [1, 0, 0, 0]],
      ['.x=true', [1, 0, 0, 0]],
      ['.x=[1,"b"]', [1, 0, 0, 0]],
      ['.x=nil', [1, 0, 0, 0]],
    ]);
  });

  test('names fields as they are printed, and durations as they are written', async () => {
    const spans = spansWith(['0-1500']);
    expect(await answer('{ } | rate() by (span:duration, span:status, kind)', spans)).toEqual([
      ['duration=1.5s status=unset kind=internal', [1, 0, 0, 0]],
    ]);
  });

  test('measures all events of a span, and groups by its first', async () => {
    const spans = draw('a | 0-100 | shop | GET | event: late @ 50, event: early @ 10\nb | 1000-1100 | shop | GET |');
    expect(await answer('{ } | sum_over_time(event:timeSinceStart)', spans)).toEqual([['', [0.06, gap, gap, gap]]]);
    expect(await answer('{ } | count_over_time() by (event:name)', spans)).toEqual([
      ['event:name=early', [1, 0, 0, 0]],
      ['event:name=nil', [0, 1, 0, 0]],
    ]);
  });

  test('counts what structure, groups and scalar filters leave', async () => {
    const spans = draw(`
      a | 0-100 | shop | GET |
        b | 10-20 | bank | pay | error
        c | 1030-1040 | bank | pay |
    `);
    expect(await answer('{ name = "GET" } > { } | count_over_time() by (parent:name)', spans)).toEqual([
      ['parent:name=GET', [1, 1, 0, 0]],
    ]);
    expect(await answer('{ } | by(name) | count() > 1 | count_over_time()', spans)).toEqual([['', [1, 1, 0, 0]]]);
    expect(await answer('{ } | count() > 3 | count_over_time()', spans)).toEqual([['', [0, 0, 0, 0]]]);
  });

  /** Three series: a 3 1 0 0, b 1 2 0 0, c 1 0 0 1. */
  const named = draw(
    ['a 0', 'a 1', 'a 2', 'a 1000', 'b 3', 'b 1001', 'b 1002', 'c 4', 'c 3000']
      .map((text, index) => {
        const [name, start] = text.split(' ');
        return `s${index} | ${start}-${Number(start) + 1} | shop | ${name} |`;
      })
      .join('\n'),
  );

  test('topk and bottomk rank at each time, the first of equals', async () => {
    expect(await answer('{ } | count_over_time() by (name) | topk(1)', named)).toEqual([
      ['name=a', [3, gap, 0, gap]],
      ['name=b', [gap, 2, gap, gap]],
      ['name=c', [gap, gap, gap, 1]],
    ]);
    expect(await answer('{ } | count_over_time() by (name) | bottomk(1)', named)).toEqual([
      ['name=a', [gap, gap, 0, 0]],
      ['name=c', [gap, 0, gap, gap]],
      ['name=b', [1, gap, gap, gap]],
    ]);
    expect(await answer('{ } | count_over_time() by (name) | topk(9)', named)).toHaveLength(3);
  });

  test('comparisons keep points, with durations as seconds, one after the other', async () => {
    expect(await answer('{ } | count_over_time() by (name) >= 1 | topk(1)', named)).toEqual([
      ['name=a', [3, gap, gap, gap]],
      ['name=b', [gap, 2, gap, gap]],
      ['name=c', [gap, gap, gap, 1]],
    ]);
    expect(await answer('{ } | count_over_time() by (name) != 0 < 2', named)).toEqual([
      ['name=a', [gap, 1, gap, gap]],
      ['name=b', [1, gap, gap, gap]],
      ['name=c', [1, gap, gap, 1]],
    ]);
    expect(await answer('{ } | max_over_time(duration) = 1ms', named)).toEqual([['', [0.001, 0.001, gap, 0.001]]]);
    expect(await answer('{ } | max_over_time(duration) > 1ms', named)).toEqual([]);
  });

  test('arithmetic joins series with equal labels; no value counts as 0', async () => {
    expect(
      await answer(
        '({ name != "c" } | max_over_time(duration) by (name)) + ({ name != "a" } | count_over_time() by (name))',
        named,
      ),
    ).toEqual([['name=b', [1.001, 2.001, 0, 0]]]);
    expect(
      await answer('({ name = "b" } | count_over_time() by (name) > 1) - ({ } | max_over_time(.x) by (name))', named),
    ).toEqual([]);
  });

  test('arithmetic with a series without labels is with every series; a division by zero has no value', async () => {
    expect(await answer('({ } | count_over_time() by (name)) / ({ } | count_over_time())', named)).toEqual([
      ['name=a', [0.6, 1 / 3, gap, 0]],
      ['name=b', [0.2, 2 / 3, gap, 0]],
      ['name=c', [0.2, 0, gap, 1]],
    ]);
    expect(await answer('({ } | count_over_time()) - ({ name = "b" } | count_over_time() by (name))', named)).toEqual([
      ['name=b', [4, 1, 0, 1]],
    ]);
  });

  test('arithmetic with numbers, durations being seconds', async () => {
    expect(await answer('2 * ({ name = "b" } | count_over_time()) - 500ms', named)).toEqual([
      ['', [1.5, 3.5, -0.5, -0.5]],
    ]);
    expect(await answer('2 / ({ name = "b" } | count_over_time())', named)).toEqual([['', [2, 1, gap, gap]]]);
  });

  test('the exemplars of a series are the longest spans of its intervals, the longest first', async () => {
    const spans = draw(`
      a | 0-10 | shop | GET |
      b | 1-30 | shop | GET |
      c | 2000-2500 | shop | GET |
    `);
    const [only] = await series('{ } | count_over_time()', spans);
    expect(only?.exemplars.map(({ interval, durationNano }) => [interval, durationNano])).toEqual([
      [2, 500_000_000n],
      [0, 29_000_000n],
    ]);
  });

  describe('compare()', () => {
    const spans = draw(`
      a | 0-10 | shop | GET | server, error, http.status=500
      b | 1-2 | shop | GET | server, http.status=200
      c | 1000-1001 | bank | pay | http.status=200, event: retry @ 1000, event: retry @ 1001
    `);

    test('counts the attributes of both sides by interval', async () => {
      const all = new Map(await answer('{ } | compare({ status = error })', spans));
      expect(all.get('__meta_type=selection span.http.status=500')).toEqual([1, 0, 0, 0]);
      expect(all.get('__meta_type=baseline span.http.status=200')).toEqual([1, 1, 0, 0]);
      expect(all.get('__meta_type=baseline_total span.http.status=nil')).toEqual([1, 1, 0, 0]);
      expect(all.get('__meta_type=selection_total resource.service.name=nil')).toEqual([1, 0, 0, 0]);
      expect(all.get('__meta_type=baseline event:name=retry')).toEqual([0, 1, 0, 0]);
      expect(all.get('__meta_type=baseline kind=server')).toEqual([1, 0, 0, 0]);
      expect([...all.keys()].filter(labels => /duration|trace:id|span:id|statusMessage/.test(labels))).toEqual([]);
    });

    test('keeps the values that are most frequent on either side, with their count on the other', async () => {
      const all = new Map(await answer('{ } | compare({ status = error }, 1)', spans));
      expect([...all.keys()].filter(labels => labels.includes('resource.service.name'))).toEqual([
        '__meta_error=__too_many_values__ resource.service.name=nil',
        '__meta_type=baseline resource.service.name=bank',
        '__meta_type=baseline resource.service.name=shop',
        '__meta_type=baseline_total resource.service.name=nil',
        '__meta_type=selection resource.service.name=shop',
        '__meta_type=selection_total resource.service.name=nil',
      ]);
    });

    test('selects only what starts in its window', async () => {
      const window = `${DRAWING_START + 1_000_000n}, ${DRAWING_START + 2_000_000n}`;
      const all = await series(`{ } | compare({ true }, 10, ${window})`, spans);
      expect(comparedSides(all)).toMatchObject({ selected: 1, baseline: 2 });
    });

    test('is a table of shares, those that differ most first', async () => {
      const { values, ...sides } = comparedSides(await series('{ } | compare({ status = error })', spans));
      expect(sides).toEqual({ selected: 1, baseline: 2, crowded: [] });
      expect(values.find(({ name, value }) => name === 'name' && value === 'GET')).toEqual({
        name: 'name',
        value: 'GET',
        selectedCount: 1,
        baselineCount: 1,
        selectedShare: 1,
        baselineShare: 0.5,
      });
      const differences = values.map(({ selectedShare, baselineShare }) => Math.abs(selectedShare - baselineShare));
      expect(differences).toEqual(differences.toSorted((a, b) => b - a));
    });
  });
});

test('the evaluator knows the span behind an exemplar', () => {
  const traces = [draw('a | 0-10 | shop | GET |', { traceId: '1' }), draw('b | 0-20 | shop | GET |', { traceId: '2' })];
  const collector = compileMetrics(expressionOf(parseQuery('{ } | rate()')), SECONDS);
  for (const spans of traces) collector.add(buildTrace(spans));
  const [exemplar] = collector.series()[0]!.exemplars;
  expect(collector.spanOf(exemplar!)?.spanId).toBe(spanIdOf('b'));
});

test('series that would not fit into memory are refused', () => {
  const cells = Array.from({ length: 3 }, (_, index) => ({
    key: [`${index}`],
    interval: 0,
    value: 1,
    exemplar: { interval: 0, durationNano: 1n, spanNumber: 1n },
  }));
  const shape = { grid: timeGrid(0n, 9_999_999n, 1n), labels: [{ name: 'name', isDuration: false }], nothing: 0 };
  expect(() => seriesOfCells(cells, shape)).toThrow('more than 2 series');
});

describe('intervals', () => {
  const times = fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n });

  test('begin at multiples of the step and hold every time between', () => {
    fc.assert(
      fc.property(
        times,
        fc.bigInt({ min: 0n, max: 10n ** 13n }),
        fc.bigInt({ min: 1n, max: 10n ** 12n }),
        (first, range, step) => {
          const last = first + range;
          const grid = timeGrid(first, last, step);
          expect(timeOfInterval(grid, 0) % step).toBe(0n);
          expect(findInterval(grid, first)).toBe(0);
          expect(findInterval(grid, last)).toBe(grid.count - 1);
          expect(findInterval(grid, timeOfInterval(grid, grid.count))).toBeUndefined();
          expect(findInterval(grid, timeOfInterval(grid, 0) - 1n)).toBeUndefined();
        },
      ),
    );
  });

  test.each([
    ['one instant', 0n, 60, '1s'],
    ['a minute', 59n * 1_000_000_000n, 60, '1s'],
    ['a minute and a second', 60n * 1_000_000_000n, 60, '2s'],
    ['an hour', 3_600n * 1_000_000_000n, 60, '2m'],
    ['a day', 86_400n * 1_000_000_000n, 60, '30m'],
    ['a day on a narrow screen', 86_400n * 1_000_000_000n, 20, '2h'],
    ['a year', 365n * 86_400n * 1_000_000_000n, 60, '240h'],
    ['a century', 36_500n * 86_400n * 1_000_000_000n, 60, '24000h'],
  ])('of %s have a round step', (_, range, most, step) => {
    expect(formatDuration(roundStep(0n, range, most))).toBe(step);
  });
});

test('what filters say of the start of spans is the time that is asked for', () => {
  const boundsOf = (...queries: string[]) =>
    startBounds(queries.flatMap(text => metricsQueriesOf(expressionOf(parseQuery(text))).map(({ stages }) => stages)));
  const [nothing, both] = ['{ } | rate()', '{ span:startTime >= 5 && name = "a" && span:startTime < 9 } | rate()'];
  expect(boundsOf(nothing)).toEqual({ first: undefined, last: undefined });
  expect(boundsOf(both)).toEqual({ first: 5n, last: 8n });
  expect(boundsOf('{ span:startTime > 5 && span:startTime >= 7 && span:startTime <= 9 } | rate()')).toEqual({
    first: 7n,
    last: 9n,
  });
  expect(boundsOf('{ span:startTime >= 5 || name = "a" } | rate()').first).toBeUndefined();
  expect(boundsOf('{ parent:startTime >= 5 } | rate()').first).toBeUndefined();
  expect(boundsOf(both, '{ span:startTime >= 2 && span:startTime < 4 } | rate()')).toEqual({ first: 2n, last: 8n });
  expect(boundsOf(both, nothing)).toEqual({ first: undefined, last: undefined });
});
