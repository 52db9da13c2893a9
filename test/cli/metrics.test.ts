import { describe, expect, test } from 'vitest';
import { DRAWING_START, draw, spanIdOf } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, PAGE_ID, PAYMENT_ID, refusal, shopFile } from './shop.ts';

interface Matrix {
  readonly query: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly stepNano: string;
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [number, string])[];
    readonly exemplars?: readonly { readonly traceId: string; readonly timestamp: number }[];
  }[];
}

const MINUTE = ['--step', '1m'];
/** 2026-11-20T09:00:00Z. */
const START = 1_795_165_200;

describe('metrics', () => {
  test('answers in full, as Prometheus writes a matrix', async () => {
    const query = '{ status = error } | count_over_time() by (resource.service.name)';
    expect(await answerJson(['metrics', query, shopFile(), ...MINUTE])).toEqual({
      schemaVersion: 1,
      query,
      startTimeUnixNano: `${START}000000000`,
      endTimeUnixNano: `${START + 180}000000000`,
      stepNano: '60000000000',
      resultType: 'matrix',
      result: [
        {
          metric: { 'resource.service.name': 'bank' },
          values: [
            [START, '0'],
            [START + 60, '1'],
            [START + 120, '0'],
          ],
          exemplars: [{ traceId: PAYMENT_ID, spanId: spanIdOf('r'), timestamp: START + 60.01, value: '0.02' }],
        },
        {
          metric: { 'resource.service.name': 'web' },
          values: [
            [START, '0'],
            [START + 60, '2'],
            [START + 120, '0'],
          ],
          exemplars: [{ traceId: PAYMENT_ID, spanId: spanIdOf('p'), timestamp: START + 60, value: '0.04' }],
        },
      ],
      trust: {
        traceCount: 1,
        spanCount: 3,
        incompleteTraceCount: 0,
        orphanCount: 0,
        missingParents: [],
        sampledSpanCount: 0,
        skippedRecordCount: 0,
      },
    });
  });

  test('without a query counts requests by service', async () => {
    const { query, result } = await answerJson<Matrix>(['metrics', shopFile(), ...MINUTE]);
    expect(query).toBe('{ } | rate() by (resource.service.name)');
    expect(
      result.map(({ metric, values }) => [metric['resource.service.name'], values.map(([, value]) => value)]),
    ).toEqual([
      ['bank', ['0', String(1 / 60), String(1 / 60)]],
      ['cart', ['0.05', '0', '0']],
      ['web', [String(2 / 60), String(2 / 60), '0']],
    ]);
  });

  test('leaves out points where there is nothing to measure', async () => {
    const { result } = await answerJson<Matrix>([
      'metrics',
      '{ } | max_over_time(duration) by (kind)',
      shopFile(),
      ...MINUTE,
    ]);
    expect(result.map(({ metric, values }) => [metric.kind, values])).toEqual([
      [
        'client',
        [
          [START, '0.08'],
          [START + 60, '0.03'],
        ],
      ],
      [
        'server',
        [
          [START, '0.1'],
          [START + 60, '0.04'],
          [START + 120, '0.01'],
        ],
      ],
    ]);
  });

  test('on a terminal is a row a series, with a chart', async () => {
    const text = await answer(['metrics', shopFile(), ...MINUTE, '--utc'], { isTty: true });
    expect(linesOf(text)).toEqual([
      'resource.service.name  OVER TIME    MIN       AVG    MAX   LAST  EXAMPLE',
      `bank                    ██        0/min  0.67/min  1/min  1/min  ${PAYMENT_ID}`,
      `cart                   █          0/min     1/min  3/min  0/min  ${PAGE_ID}`,
      `web                    ██         0/min  1.33/min  2/min  0/min  ${PAGE_ID}`,
      '',
      '3 intervals of 1m · 2026-11-20 09:00:00 to 09:03:00 UTC',
      '',
      'incomplete: 1 of 3 traces: 1 span without its parent; missing: callers of bank',
    ]);
  });

  test('in a pipe is a line a point', async () => {
    const query = '{ kind = client } | sum_over_time(duration) by (resource.service.name)';
    expect(linesOf(await answer(['metrics', query, shopFile(), ...MINUTE, '--header']))).toEqual([
      'timeUnixNano\tresource.service.name\tvalue',
      '2026-11-20T09:00:00.000000000Z\tcart\t0.06',
      '2026-11-20T09:00:00.000000000Z\tweb\t0.08',
      '2026-11-20T09:01:00.000000000Z\tweb\t0.03',
    ]);
    expect(linesOf(await answer(['metrics', query, shopFile(), ...MINUTE, '--format', 'csv']))).toEqual([
      'timeUnixNano,resource.service.name,value',
      `${START}000000000,cart,0.06`,
      `${START}000000000,web,0.08`,
      `${START + 60}000000000,web,0.03`,
    ]);
  });

  test('as NDJSON is a line a series', async () => {
    const lines = linesOf(await answer(['metrics', shopFile(), ...MINUTE, '--format', 'ndjson']));
    expect(lines.map(line => JSON.parse(line).metric['resource.service.name'])).toEqual(['bank', 'cart', 'web']);
  });

  test('writes only the fields that are asked for', async () => {
    const { result } = await answerJson<Matrix>(['metrics', shopFile(), ...MINUTE, '--fields', 'metric']);
    expect(result[0]).toEqual({ metric: { 'resource.service.name': 'bank' } });
    expect(linesOf(await answer(['metrics', shopFile(), ...MINUTE, '--fields', 'value']))[0]).toBe('0');
  });

  test('puts quantiles, each with its label, in order', async () => {
    const query = '{ } | quantile_over_time(duration, 1, .5)';
    const { result } = await answerJson<Matrix>(['metrics', query, shopFile(), ...MINUTE]);
    expect(result.map(({ metric, values }) => [metric, values.map(([, value]) => value)])).toEqual([
      [{ p: '0.5' }, ['0.07', '0.03', '0.01']],
      [{ p: '1' }, ['0.1', '0.04', '0.01']],
    ]);
  });

  test('draws a histogram as a heat map, a map a label, with the buckets in between', async () => {
    const spans = draw(
      'a | 0-1 | shop | GET |\nb | 1000-1001 | shop | GET |\nc | 1000-1004 | shop | GET |\nd | 2-3 | bank | pay |',
    );
    const query = '{ } | histogram_over_time(duration) by (name)';
    expect(linesOf(await answer(['metrics', query, dumpFile(spans), '--ascii', '--utc'], { isTty: true }))).toEqual([
      'name = GET',
      ' UP TO  OVER TIME  SPANS',
      '4.19ms   #             1',
      '2.10ms                 0',
      '1.05ms  ##             2',
      '',
      'name = pay',
      ' UP TO  OVER TIME  SPANS',
      '1.05ms  #              1',
      '',
      '2 intervals of 1s - 2026-11-20 09:00:00 to 09:00:02 UTC',
      '',
      'incomplete: 1 of 1 trace',
    ]);
  });

  test.each([
    ['({ } | rate()) * 2', '10/min'],
    ['({ } | rate()) - ({ } | rate()) - ({ } | rate())', '-5/min'],
    ['({ } | rate()) / ({ } | rate())', '1'],
    ['({ } | max_over_time(duration)) + 1s', '1.10s'],
    ['({ } | max_over_time(duration)) / ({ } | count_over_time())', '14.4ms'],
    ['({ } | histogram_over_time(duration)) * 10', '20'],
  ])('writes the values of %s in their unit', async (query, greatest) => {
    const text = await answer(['metrics', query, shopFile(), ...MINUTE], { isTty: true });
    expect(text).toContain(` ${greatest} `);
  });

  test('compares selected spans with the others', async () => {
    const args = ['metrics', '{ } | compare({ status = error })', shopFile()];
    const text = linesOf(await answer([...args, '-n', '2'], { isTty: true }));
    expect(text.slice(0, 5)).toEqual([
      'ATTRIBUTE       VALUE      SELECTED  BASELINE  SPANS',
      'status          error          100%        0%      3',
      'trace:rootName  POST /pay      100%        0%      3',
      '',
      'selected 3 spans · baseline 6 spans · 2 of 25 values',
    ]);
    expect(linesOf(await answer([...args, '--format', 'csv'])).slice(0, 2)).toEqual([
      'name,value,selectedCount,selectedShare,baselineCount,baselineShare',
      'status,error,3,1,0,0',
    ]);
    const { result } = await answerJson<Matrix>([...args, ...MINUTE]);
    expect(
      result.find(({ metric }) => metric.__meta_type === 'selection' && metric.status === 'error')?.values,
    ).toEqual([
      [START, '0'],
      [START + 60, '3'],
      [START + 120, '0'],
    ]);
  });

  describe('exemplars', () => {
    const traceIds = async (hint: string) => {
      const query = `{ resource.service.name = "web" } | rate()${hint}`;
      const { result } = await answerJson<Matrix>(['metrics', query, shopFile(), ...MINUTE]);
      return result.map(({ exemplars }) => exemplars?.map(({ traceId }) => traceId));
    };

    test.each([
      ['', [PAGE_ID]],
      [' with(exemplars=true)', [PAGE_ID, PAYMENT_ID]],
      [' with(exemplars=1)', [PAGE_ID]],
      [' with(exemplars=5)', [PAGE_ID, PAYMENT_ID]],
      [' with(exemplars=false)', undefined],
      [' with(exemplars=0)', undefined],
    ])('with%s', async (hint, expected) => {
      expect(await traceIds(hint)).toEqual([expected]);
    });
  });

  test('is exact whatever the hints about samples say', async () => {
    const query = '{ } | rate() by (name)';
    const args = [shopFile(), '--json'];
    const { query: _, ...sampled } = JSON.parse(
      await answer(['metrics', `${query} with(sample=0.1, most_recent=true)`, ...args]),
    );
    expect(JSON.parse(await answer(['metrics', query, ...args]))).toMatchObject(sampled);
  });

  describe('the time', () => {
    const rangeOf = async (...args: string[]) => {
      const { startTimeUnixNano, endTimeUnixNano, stepNano } = await answerJson<Matrix>([
        'metrics',
        shopFile(),
        ...args,
      ]);
      const seconds = (nanos: string) => Number(BigInt(nanos) / 1_000_000_000n);
      return [seconds(startTimeUnixNano) - START, seconds(endTimeUnixNano) - START, seconds(stepNano)];
    };

    test('is that of the data, in at most 60 intervals', async () => {
      expect(await rangeOf()).toEqual([0, 125, 5]);
    });

    test('is the one that is asked for', async () => {
      expect(await rangeOf('--since', '2026-11-20T08:59:30Z', '--until', '2026-11-20T09:00:30Z')).toEqual([-30, 30, 1]);
      expect(await rangeOf('--since', '2026-11-20T09:01:30Z')).toEqual([90, 121, 1]);
    });

    test('of nothing is one interval', async () => {
      expect(await rangeOf('--since', '2026-11-21T09:00:00Z')).toEqual([86_400, 86_401, 1]);
    });

    test('on a terminal has as many intervals as a chart has columns', async () => {
      const intervals = async (width: number) =>
        /(\d+) intervals of (\w+)/.exec(await answer(['metrics', shopFile()], { isTty: true, width }))?.slice(1);
      expect(await intervals(80)).toEqual(['13', '10s']);
      expect(await intervals(120)).toEqual(['25', '5s']);
      expect(await intervals(300)).toEqual(['61', '2s']);
    });

    test('of days has days at the ends of the chart', async () => {
      const args = ['metrics', shopFile(), '--since', '2026-11-01', '--until', '2026-11-21', '--utc'];
      const lines = linesOf(await answer(args, { isTty: true, width: 120 }));
      expect(lines[0]).toMatch(/2026-11-01 +2026-11-21/);
      expect(lines).toContain('40 intervals of 12h · 2026-11-01 00:00:00 to 2026-11-21 00:00:00 UTC');
      const years = await answer([...args, '--since', '2006-11-01'], { isTty: true });
      expect(years).toContain('intervals of 500d');
    });

    test('of more intervals than columns is drawn in fewer columns', async () => {
      const text = await answer(['metrics', shopFile(), '--step', '1s'], { isTty: true, width: 80 });
      expect(Math.max(...linesOf(text).map(line => line.length))).toBeLessThanOrEqual(80);
      expect(text).toContain('121 intervals of 1s');
    });

    test('leaves out spans that have none, and says so', async () => {
      const [timeless, ...others] = draw('a | 0-1 | shop | GET |\nb | 0-1 | shop | GET |');
      const file = dumpFile([{ ...timeless!, startTimeUnixNano: 0n }, ...others]);
      const { stdout, stderr } = await tailspan(['metrics', '{ } | count_over_time()', file, '--json']);
      expect(JSON.parse(stdout)).toMatchObject({
        startTimeUnixNano: String(DRAWING_START),
        result: [{ values: [[START, '1']] }],
      });
      expect(stderr).toContain('1 span without a start time is in no interval');
    });
  });

  test('narrows each part of a query by the filter flags', async () => {
    const query = '({ status = error } | count_over_time()) / ({ } | count_over_time())';
    const { query: asked, result } = await answerJson<Matrix>([
      ...['metrics', query, shopFile(), ...MINUTE, '--service', 'bank'],
    ]);
    expect(asked).toContain('{ resource.service.name = "bank" }');
    expect(result[0]?.values).toEqual([
      [START + 60, '1'],
      [START + 120, '0'],
    ]);
  });

  test('shows so many series, and says how many more there are', async () => {
    const { stdout, stderr } = await tailspan(['metrics', shopFile(), '-n', '1', '--json']);
    expect(JSON.parse(stdout).result).toHaveLength(1);
    expect(stderr).toContain('2 more (--limit 0 shows all');
    expect((await answerJson<Matrix>(['metrics', shopFile(), '-n', '0'])).result).toHaveLength(3);
  });

  test('says when nothing matches, and exits with 1 if told to', async () => {
    const args = ['metrics', '{ name = "none" } | rate()', shopFile()];
    const { exitCode, stderr } = await tailspan(args);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('no span matches { name = "none" } | rate()')]);
    expect(await tailspan([...args, '-e'])).toMatchObject({ exitCode: 1 });
    expect(await tailspan(['metrics', shopFile(), '-e'])).toMatchObject({ exitCode: 0 });
    expect((await tailspan(['metrics', '{ } | rate() > 1000', shopFile()])).stderr).toContain('no series is left by');
  });

  test('gives the same bytes for the same spans in another order', async () => {
    const spans = draw('a | 0-10 | shop | GET |\nb | 5-9 | bank | pay |\nc | 1000-1010 | shop | GET |');
    const args = ['--json', '--step', '100ms'];
    const [one, other] = [dumpFile(spans), dumpFile(spans.toReversed())];
    expect(await answer(['metrics', one, ...args])).toBe(await answer(['metrics', other, ...args]));
  });

  describe('refuses', () => {
    test.each([
      ['a query for traces', ['{ status = error }'], 'asks for traces, not for metrics', '{ status = error } | rate()'],
      ['what is no TraceQL', ['{ } | rate('], '', ''],
      [
        'a hint that there is not',
        ['{ } | rate() with(exemplar=true)'],
        'there is no hint exemplar',
        'did you mean exemplars?',
      ],
      ['a step of nothing', ['--step', '0'], '--step takes a duration above 0', 'for example 500ms'],
      ['a step that is none', ['--step', 'fast'], '--step takes a duration above 0', 'for example 500ms'],
      ['too many intervals', ['--step', '1ms'], '--step 1ms makes 120,001 intervals', '--step 1s is long enough'],
    ])('%s', async (_, args, error, hint) => {
      const refused = await refusal(['metrics', ...args, shopFile()]);
      expect(refused.error).toContain(error);
      expect(refused.hint).toContain(hint);
    });

    test('a metrics query where traces are searched for', async () => {
      const { error, hint } = await refusal(['search', '{ } | rate()', EXAMPLE]);
      expect(error).toBe('the query asks for metrics, not for traces');
      expect(hint).toBe("tailspan metrics '{ } | rate()'");
    });
  });
});
