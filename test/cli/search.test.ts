import { describe, expect, test } from 'vitest';
import { draw } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, namesOf, ORPHAN_ID, PAYMENT_ID, refusal, shopFile } from './shop.ts';

interface Found {
  readonly traces: readonly { readonly traceId: string; readonly spanSets: readonly object[] }[];
}

describe('search', () => {
  test('answers in full, newest first', async () => {
    expect(await answerJson(['search', shopFile(), '--status', 'error'])).toEqual({
      schemaVersion: 1,
      query: '{ status = error }',
      traces: [
        {
          traceId: PAYMENT_ID,
          rootServiceName: 'web',
          rootSpanName: 'POST /pay',
          startTimeUnixNano: '1795165260000000000',
          durationNano: '40000000',
          durationMs: 40,
          spanCount: 3,
          errorCount: 3,
          services: ['web', 'bank'],
          complete: true,
          spanSets: [
            {
              matched: 3,
              attributes: {},
              spans: ['p', 'q', 'r'].map(id => ({
                spanId: Buffer.from(id).toString('hex').padStart(16, '0'),
                name: { p: 'POST /pay', q: 'POST', r: 'POST /pay' }[id],
                serviceName: { p: 'web', q: 'web', r: 'bank' }[id],
                startTimeUnixNano: { p: '1795165260000000000', q: '1795165260005000000', r: '1795165260010000000' }[id],
                durationNano: { p: '40000000', q: '30000000', r: '20000000' }[id],
                attributes: {},
              })),
            },
          ],
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

  test('of a trace without its root says what comes first', async () => {
    const { traces, trust } = await answerJson<Found & { trust: object }>([
      'search',
      shopFile(),
      '--max-duration',
      '10ms',
    ]);
    expect(traces[0]).toMatchObject({
      traceId: ORPHAN_ID,
      firstServiceName: 'bank',
      firstSpanName: 'GET /health',
      complete: false,
    });
    expect(traces[0]).not.toHaveProperty('rootSpanName');
    expect(trust).toMatchObject({
      incompleteTraceCount: 1,
      orphanCount: 1,
      missingParents: [{ calledService: 'bank', traceCount: 1 }],
    });
  });

  test('shows of each trace at most three matching spans, with the attributes that were asked for', async () => {
    const { traces } = await answerJson<Found>(['search', shopFile(), '--attr', 'service.name=~.*']);
    expect(traces.map(trace => trace.spanSets)).toMatchObject([
      [{ matched: 1, spans: [{ attributes: { 'service.name': 'bank' } }] }],
      [{ matched: 3 }],
      [{ matched: 5, spans: { length: 3 } }],
    ]);
  });

  test.each([
    ['start', 'orphan payment page'],
    ['start:asc', 'page payment orphan'],
    ['duration', 'page payment orphan'],
    ['duration:asc', 'orphan payment page'],
    ['spans', 'page payment orphan'],
    ['spans:desc', 'page payment orphan'],
    ['errors', 'payment orphan page'],
  ])('--sort %s', async (order, expected) => {
    const { traces } = await answerJson<Found>(['search', shopFile(), '--sort', order]);
    expect(namesOf(traces).join(' ')).toBe(expected);
  });

  test.each([
    ['strat', "--sort does not know 'strat'", 'did you mean start? It takes start, duration, spans, errors'],
    ['start:up', "--sort does not know 'start:up'", 'it takes start, duration, spans, errors, with :asc or :desc'],
  ])('--sort %s is refused', async (order, error, hint) => {
    const refused = await refusal(['search', EXAMPLE, '--sort', order]);
    expect(refused.error).toBe(error);
    expect(refused.hint).toContain(hint);
  });

  test('--limit says how many, and stderr how many there are besides', async () => {
    const { stdout, stderr } = await tailspan(['search', EXAMPLE]);
    expect(linesOf(stdout)).toHaveLength(20);
    expect(stderr).toContain('5 more (--limit 0 shows all)\n');
    expect(linesOf(await answer(['search', EXAMPLE, '-n', '3']))).toHaveLength(3);
    const all = await tailspan(['search', EXAMPLE, '--limit', '0']);
    expect(linesOf(all.stdout)).toHaveLength(25);
    expect(all.stderr).not.toContain('more');
  });

  test.each(['x', '-1', '1.5', ''])('--limit %s is refused', async limit => {
    const { error, hint } = await refusal(['search', EXAMPLE, `--limit=${limit}`]);
    expect(error).toBe(`--limit takes a whole number from 0 on, not '${limit}'`);
    expect(hint).toBe('for example --limit 100');
  });

  test('in a table ids are shortened where they would take the room of the rest, and can be typed as they are', async () => {
    const args = ['search', EXAMPLE, '--format', 'table', '--name', 'send digest'];
    const [, wide = ''] = linesOf(await answer([...args, '--width', '160']));
    const [, narrow = ''] = linesOf(await answer([...args, '--width', '80']));
    expect(wide).toMatch(/^3c6532a0ad6259ae955b32d73276c5f9 {2}/);
    expect(narrow).toMatch(/^3c6532a0ad62 {2}/);
    expect(await answer(['show', narrow.split(' ')[0] ?? '', EXAMPLE])).toContain('3c6532a0ad6259ae955b32d73276c5f9');
  });

  test('a query and flags: the query sees what passes the flags', async () => {
    const { query, traces } = await answerJson<{ query: string; traces: object[] }>([
      'search',
      '{ status = error } | count() > 3',
      EXAMPLE,
      '--service',
      'frontend',
    ]);
    expect(query).toBe('{ status = error && resource.service.name = "frontend" } | count() > 3');
    // Traces fail more than once, but never twice in the frontend.
    expect(
      (await answerJson<{ traces: object[] }>(['search', '{ status = error } | count() > 3', EXAMPLE])).traces,
    ).not.toEqual([]);
    expect(traces).toEqual([]);
  });

  test('a query that cannot be read is told with its place', async () => {
    const query = '{ status = eror }';
    const { stderr, exitCode } = await tailspan(['search', query, EXAMPLE]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`\n  ${query}\n             ^^^^\n`);
    const json = await tailspan(['search', query, EXAMPLE, '--json']);
    expect(json.exitCode).toBe(2);
    expect(json.stdout).toBe('');
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { kind: 'parse', query, from: 11, to: 15 } });
    const unsound = await tailspan(['search', '{ 1 + "a" }', EXAMPLE, '--format=ndjson']);
    expect(JSON.parse(unsound.stderr)).toMatchObject({ error: { kind: 'validation' } });
  });

  test('a query may begin with a blank, or with a number', async () => {
    expect((await answerJson<{ query: string }>(['search', ' { status = error }', EXAMPLE])).query).toBe(
      '{ status = error }',
    );
    expect((await answerJson<{ query: string }>(['metrics', '2 * ({ } | rate())', EXAMPLE])).query).toBe(
      '2 * ({ } | rate())',
    );
  });

  test('hundreds of conditions are answered like one', async () => {
    const conditions = Array.from({ length: 300 }, (_, index) => `.http.route != "x${index}"`).join(' && ');
    const spanSetsOf = async (query: string) =>
      (await answerJson<{ traces: { spanSets: { matched: number }[] }[] }>(['search', query, EXAMPLE])).traces.map(
        ({ spanSets }) => spanSets.map(({ matched }) => matched),
      );
    expect(await spanSetsOf(`{ ${conditions} }`)).toEqual(await spanSetsOf('{ .http.route != nil }'));
  });

  test('an attribute called duration is a number, the duration of a span a time', async () => {
    const [span] = draw('a | 0-5');
    const file = dumpFile([{ ...span!, attributes: { duration: 5_000_000n } }]);
    const { stdout } = await tailspan([
      'search',
      '{ } | select(span.duration, duration)',
      '--spans',
      file,
      '--format',
      'table',
    ]);
    expect(stdout).toMatch(/ 5000000 /);
    expect(stdout).toMatch(/ 5ms *\n/);
  });

  test('two queries, and one for metrics, are refused', async () => {
    expect((await refusal(['search', '{ }', '{ .a }', EXAMPLE])).error).toBe("'{ }' and '{ .a }' are both queries");
    expect((await refusal(['search', '{ } | rate()', EXAMPLE])).hint).toBe("tailspan metrics '{ } | rate()'");
  });

  test('--strict-traceql refuses what Tempo does not know', async () => {
    const { error } = await refusal(['search', '{ ancestor.x = 1 }', EXAMPLE, '--strict-traceql']);
    expect(error).toBe('ancestor. is an extension of tailspan');
  });

  test('spansets are told apart by what by() and aggregates say of them', async () => {
    const { traces } = await answerJson<{
      traces: { spanSets: { matched: number; attributes: object; spans: { attributes: object }[] }[] }[];
    }>(['search', '{ kind = server } | by(resource.service.name) | count() > 0', EXAMPLE, '-n', '1']);
    const [trace] = traces;
    expect(trace?.spanSets.length).toBeGreaterThan(1);
    for (const { matched, attributes } of trace?.spanSets ?? []) {
      expect(attributes).toEqual({ 'by(resource.service.name)': expect.any(String), 'count()': matched });
    }
  });
});

describe('search --spans', () => {
  test('answers with whole spans, latest first', async () => {
    const { spans } = await answerJson<{ spans: Record<string, unknown>[] }>([
      'search',
      shopFile(),
      '--spans',
      '--service',
      'bank',
    ]);
    expect(spans.map(span => span.name)).toEqual(['GET /health', 'POST /pay']);
    expect(spans[1]).toEqual({
      traceId: PAYMENT_ID,
      spanId: '0000000000000072',
      parentSpanId: '0000000000000071',
      name: 'POST /pay',
      kind: 'server',
      serviceName: 'bank',
      startTimeUnixNano: '1795165260010000000',
      endTimeUnixNano: '1795165260030000000',
      durationNano: '20000000',
      durationMs: 20,
      status: { code: 'error', message: 'no funds' },
      attributes: {},
      resource: { 'service.name': 'bank' },
      scope: {},
      events: [
        {
          timeUnixNano: '1795165260028000000',
          name: 'exception',
          attributes: { 'exception.type': 'CardDeclined', 'exception.message': 'card declined' },
        },
      ],
      links: [],
    });
  });

  test.each([
    ['duration', [100, 80, 70, 40, 30, 30, 30, 20, 10]],
    ['duration:asc', [10, 20, 30, 30, 30, 40, 70, 80, 100]],
  ])('--sort %s', async (order, expected) => {
    const args = ['search', shopFile(), '--spans', '--sort', order];
    const { spans } = await answerJson<{ spans: { durationMs: number }[] }>(args);
    expect(spans.map(span => span.durationMs)).toEqual(expected);
    const cut = await answerJson<{ spans: { durationMs: number }[] }>([...args, '-n', '4']);
    expect(cut.spans.map(span => span.durationMs)).toEqual(expected.slice(0, 4));
  });

  test('orders spans by nothing that only traces have', async () => {
    expect((await refusal(['search', EXAMPLE, '--spans', '--sort', 'errors'])).hint).toBe(
      'it takes start, duration, with :asc or :desc behind them',
    );
  });

  test('--fields reaches into attributes, resource and status', async () => {
    const fields =
      'name,status.code,status.message,resource.deployment.environment,attributes.http.response.status_code';
    const text = await answer(['search', shopFile(), '--spans', '--kind', 'server', '--fields', fields]);
    expect(linesOf(text)).toEqual([
      'GET /health\tunset\t\t\t',
      'POST /pay\terror\tno funds\t\t',
      'POST /pay\terror\tpayment failed\t\t500',
      'GET /cart\tunset\t\t\t',
      'GET /cart\tunset\t\tprod\t200',
    ]);
  });

  test('a table asked for with more fields than there is room for says which are missing', async () => {
    const fields = 'traceId,spanId,parentSpanId,startTimeUnixNano,endTimeUnixNano,durationNano,name';
    const text = await answer([
      'search',
      shopFile(),
      '--spans',
      '--fields',
      fields,
      '--format',
      'table',
      '--width',
      '60',
    ]);
    expect(text.replace(/\n {2}/g, ' ')).toMatch(
      /\n4 columns do not fit: START, END, DURATION, NAME \(--format json, csv or plain shows all\)\n$/,
    );
    expect(Math.max(...linesOf(text).map(line => line.length))).toBeLessThanOrEqual(60);
  });
});
