import { describe, expect, test } from 'vitest';
import { draw } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer, answerJson, type RunOptions, tailspan } from '../support/run.ts';
import { shopFile } from './shop.ts';

// --explain, why nothing matched, and --semconv, as people see them.

const QUERY =
  '{ resource.service.name = "web" && kind = client && status = error } > { kind = server } | count() = 1 | select(.http.route)';

describe('--explain', () => {
  /** The plan: the SQL is the compiler's. */
  const planOf = (stdout: string) => stdout.split('\nSQL\n')[0];

  test.each<[what: string, options: RunOptions]>([
    ['width-80', { isTty: true, width: 80 }],
    ['width-120', { isTty: true, width: 120 }],
    // Without times, which would differ.
    ['pipe', {}],
  ])('says what each part keeps: %s', async (what, options) => {
    const stdout = await answer(['search', QUERY, shopFile(), '--explain'], options);
    await expect(planOf(stdout)).toMatchFileSnapshot(`golden/explain/relation.${what}.txt`);
  });

  test('of flags', async () => {
    const stdout = await answer(['summary', shopFile(), '--service', 'bank', '--attr', 'http.route=/', '--explain']);
    await expect(planOf(stdout)).toMatchFileSnapshot('golden/explain/flags.pipe.txt');
  });

  test('ends with the SQL, unbroken where there is room', async () => {
    const args = ['search', QUERY, shopFile(), '--explain'];
    const { sql } = await answerJson<{ sql: string }>(args);
    expect((await answer([...args, '--width', '1000'])).split('\nSQL\n')[1]).toBe(`${sql}\n`);
  });

  test('as JSON', async () => {
    const explained = await answerJson<{ sql: string }>([
      'search',
      '{ resource.service.name = "web" && status = error } >> { }',
      shopFile(),
      '--explain',
    ]);
    const web = '{ resource.service.name = "web" && status = error }';
    expect(explained).toEqual({
      schemaVersion: 1,
      query: `${web} >> { }`,
      spanCount: 9,
      traceCount: 3,
      steps: [
        {
          name: 'step1',
          text: web,
          spanCount: 2,
          traceCount: 1,
          conjuncts: [
            {
              text: 'resource.service.name = "web"',
              spanCount: 4,
              traceCount: 2,
              aloneSpanCount: 4,
              aloneTraceCount: 2,
            },
            { text: 'status = error', spanCount: 2, traceCount: 1, aloneSpanCount: 3, aloneTraceCount: 1 },
          ],
        },
        { name: 'step2', text: '{ }', spanCount: 9, traceCount: 3, conjuncts: [] },
        { name: 'step3', text: `${web} >> { }`, spanCount: 2, traceCount: 1, conjuncts: [] },
      ],
      sql: explained.sql,
    });
    expect(explained.sql).toMatch(/^WITH step1 AS \(\n {2}SELECT /);
  });

  test.each(['search', 'search --spans', 'show', 'errors', 'critical-path', 'services', 'operations', 'summary'])(
    'is the same of %s',
    async command => {
      const file = shopFile();
      const explained = await answerJson<object>([...command.split(' '), file, '{ status = error }', '--explain']);
      expect(explained).toMatchObject({ query: '{ status = error }', steps: [{ spanCount: 3, traceCount: 1 }] });
    },
  );

  test('as a table of steps', async () => {
    expect(await answer(['search', '{ status = error }', shopFile(), '--explain', '--format', 'csv'])).toBe(
      'name,text,spanCount,traceCount\nstep1,{ status = error },3,1\n',
    );
  });

  test('of what finds nothing says why', async () => {
    const { stderr } = await tailspan(['search', '{ name = "POST /pya" }', shopFile(), '--explain', '--quiet']);
    expect(stderr).toBe('');
    const told = await tailspan(['search', '{ name = "POST /pya" }', shopFile(), '--explain']);
    expect(told.stderr).toContain('name = "POST /pya": did you mean "POST /pay" (2 spans)?\n');
  });
});

describe('an answer without a match says why', () => {
  const odd = () =>
    dumpFile(
      draw(
        `
        a | 0-100 | shop | GET / | server, resource k8s.pod.name=pod-1, http.status_code=200
          b | 10-20 | shop | GET\u001b[31m | client, event: retry @ 12
        `,
      ),
    );

  test.each<[args: string[], sentences: string]>([
    [['{ resource.service.name = "bnak" }'], 'resource.service.name = "bnak": did you mean "bank" (2 spans)?'],
    [
      ['{ resource.service.name = "bnak" && status = error }'],
      'resource.service.name = "bnak": did you mean "bank" (1 span)? Without this condition 3 spans would match',
    ],
    [
      ['--service', 'bank', '--min-duration', '1s'],
      'duration >= 1s: of the 2 spans that fulfil the rest it is from 10ms to 20ms',
    ],
    [
      ['--service', 'bank', '--kind', 'client'],
      'resource.service.name = "bank": the 4 spans that fulfil the rest have "cart" (2 spans), "web" (2 spans)',
    ],
    [
      ['--service', 'bank', '--since', '2026-11-20T11:00Z'],
      'without span:startTime >= 2026-11-20T11:00:00Z 2 spans would match',
    ],
    [['{ .db.systm = "x" }'], 'nothing has the attribute .db.systm; did you mean .db.system (string, 2 spans)?'],
    [
      ['{ span.http.status_code = 200 }'],
      'nothing has the attribute span.http.status_code; did you mean span.http.response.status_code (int, 2 spans)?',
    ],
    [['{ .kind = "x" }'], 'nothing has the attribute .kind; did you mean the intrinsic kind?'],
    [
      ['{ .nowhere.at.all = "x" }'],
      "nothing has the attribute .nowhere.at.all (tailspan sql 'SELECT DISTINCT key FROM span_attributes' lists those of spans)",
    ],
    [
      ['{ span.deployment.environment = "prod" }'],
      'span.deployment.environment is on resources: resource.deployment.environment (string, 1 span)',
    ],
    [['{ .http.response.status_code = "500" }'], '.http.response.status_code is of type int here: write 500'],
    [['{ .db.system > 5 }'], '.db.system is of type string here: what is of unlike types is never compared'],
    [
      ['{ name =~ "pay" }'],
      'name =~ "pay": a pattern must match the whole value; with .* on both sides it matches 2 spans',
    ],
    [
      ['{ resource.service.name = "bank" } >> { resource.service.name = "web" }'],
      '2 spans match the left side of >> and 4 the right one, both in 1 trace, but none on the right is below one on the left; with << 2 spans match',
    ],
    [
      ['{ resource.service.name = "bank" } >> { resource.service.name = "cart" }'],
      '2 spans match the left side of >> and 3 the right one, but no trace has both',
    ],
    [['{ } !>> { name = "SELECT" }'], 'each of the 2 spans on the right of !>> is below one on the left'],
    [
      ['{ resource.service.name = "bank" } && { resource.service.name = "cart" }'],
      'each of these is in some trace, but no trace has them all: { resource.service.name = "bank" }, { resource.service.name = "cart" }',
    ],
    [['{ } | count() > 9'], 'count() > 9: count() is from 1 to 5'],
    [['{ name = "SELECT" } | avg(duration) > 1s'], 'avg(duration) > 1s: avg(duration) is always 30ms'],
    [
      ['{ name = "SELECT" && kind = server && status = error && duration > 50ms }'],
      'each condition holds for some spans, but they never come together: name = "SELECT" (2 spans), kind = server (5 spans), status = error (3 spans), duration > 50ms (3 spans)',
    ],
  ])('%j', async (args, sentences) => {
    const { exitCode, stdout, stderr } = await tailspan(['search', shopFile(), ...args]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr.split('\n').slice(2).join('\n')).toBe(`${sentences}\n`);
  });

  test('show says it as a hint', async () => {
    const { exitCode, stderr } = await tailspan(['show', shopFile(), '{ resource.service.name = "bnak" }']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('hint: resource.service.name = "bnak": did you mean "bank" (2 spans)?\n');
  });

  test('only what its query leaves out: a list may be empty for other reasons', async () => {
    const { stderr } = await tailspan(['errors', shopFile(), '{ resource.service.name = "cart" }']);
    expect(stderr.split('\n').slice(1)).toEqual([
      'no errors in traces that match { resource.service.name = "cart" }',
      '',
    ]);
  });

  test('names of the data cannot drive a terminal', async () => {
    const { stderr } = await tailspan(['search', odd(), '{ name = "GET\\u001b[31" }'], { isTty: true });
    expect(stderr).toContain('did you mean');
    expect(stderr).not.toContain('\u001b');
  });
});

describe('--semconv', () => {
  const mixed = () =>
    dumpFile(
      draw('a | 0-10 | old | GET / | server, http.method=GET, http.status_code=200', { traceId: '1' }),
      draw('b | 0-10 | new | GET / | server, http.request.method=GET, http.response.status_code=503', { traceId: '2' }),
    );
  const servicesOf = async (args: readonly string[]) => {
    const { traces } = await answerJson<{ traces: { rootServiceName: string }[] }>(['search', mixed(), ...args]);
    return traces.map(({ rootServiceName }) => rootServiceName).toSorted();
  };

  test('finds the old name by the new one, and the other way round', async () => {
    expect(await servicesOf(['{ span.http.method = "GET" }'])).toEqual(['old']);
    expect(await servicesOf(['{ span.http.method = "GET" }', '--semconv'])).toEqual(['new', 'old']);
    expect(await servicesOf(['{ span.http.request.method = "GET" }', '--semconv'])).toEqual(['new', 'old']);
    expect(await servicesOf(['--attr', 'http.status_code>=500', '--semconv'])).toEqual(['new']);
    expect(await servicesOf(['--attr', '!http.method', '--semconv'])).toEqual([]);
  });

  test('says which names it does not reach', async () => {
    const { stderr } = await tailspan(['search', mixed(), '{ } | by(.http.method)', '--semconv']);
    expect(stderr).toContain(
      '.http.method is in no condition there, so it stands for this name only (--semconv: http.request.method)\n',
    );
  });
});
