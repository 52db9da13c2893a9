import { describe, expect, test } from 'vitest';
import { draw, spanIdOf } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, ORPHAN_ID, PAGE, PAGE_ID, PAYMENT, PAYMENT_ID, refusal, shopFile } from './shop.ts';

interface Shown {
  readonly traceId: string;
  readonly spans: readonly { readonly name: string; readonly depth: number; readonly orphan: boolean }[];
}

describe('show', () => {
  test('answers with the spans in display order, each with its place', async () => {
    const answered = await answerJson<Shown & { trust: object }>(['show', PAGE_ID, shopFile()]);
    expect(Object.keys(answered)).toEqual([
      'schemaVersion',
      'traceId',
      'startTimeUnixNano',
      'durationNano',
      'durationMs',
      'complete',
      'spans',
      'trust',
    ]);
    expect(answered).toMatchObject({
      traceId: PAGE_ID,
      startTimeUnixNano: '1795165200000000000',
      durationNano: '100000000',
      durationMs: 100,
      complete: true,
      trust: { traceCount: 1, spanCount: 5 },
    });
    const place = (span: Record<string, unknown>) =>
      [span.spanId, span.name, span.depth, span.selfNano, span.criticalPathNano, span.orphan] as const;
    expect(answered.spans.map(span => place(span as unknown as Record<string, unknown>))).toEqual([
      [spanIdOf('a'), 'GET /cart', 0, '20000000', '20000000', false],
      [spanIdOf('b'), 'GET', 1, '10000000', '10000000', false],
      [spanIdOf('c'), 'GET /cart', 2, '10000000', '10000000', false],
      [spanIdOf('d'), 'SELECT', 3, '30000000', '30000000', false],
      [spanIdOf('e'), 'SELECT', 3, '30000000', '30000000', false],
    ]);
  });

  test.each([
    ['the whole id', PAGE_ID],
    ['the whole id in upper case', PAGE_ID.toUpperCase()],
    ['its beginning', 'decade'],
    ['a UUID', 'c0ffee01-0000-0000-0000-000000000001'],
    ['a traceparent', `00-${PAGE_ID}-00f067aa0ba902b7-01`],
    ['a b3 header', `b3: ${PAGE_ID}-00f067aa0ba902b7-1`],
    ['a Jaeger header', `uber-trace-id: ${PAGE_ID}:00f067aa0ba902b7:0:1`],
  ])('finds a trace by %s', async (_, reference) => {
    const { traceId } = await answerJson<Shown>(['show', reference, shopFile()]);
    expect(traceId).toBe(reference === 'decade' ? ORPHAN_ID : PAGE_ID);
  });

  test('finds a 64-bit id with and without the zeros before it', async () => {
    const file = dumpFile(draw('a | 0-1 | web | x |', { traceId: '00ab34ef12cd5678' }));
    for (const reference of ['00ab34ef12cd5678', 'ab34ef12cd5678', '00ab34ef', `${'0'.repeat(16)}00ab34ef12cd5678`])
      expect((await answerJson<Shown>(['show', reference, file])).traceId).toBe('000000000000000000ab34ef12cd5678');
  });

  test('needs no id where there is one trace, or one that the filters pass', async () => {
    expect((await answerJson<Shown>(['show', shopFile(PAGE)])).traceId).toBe(PAGE_ID);
    expect((await answerJson<Shown>(['show', shopFile(), '--status', 'error'])).traceId).toBe(PAYMENT_ID);
  });

  test('asks which one where there are several, and offers the slowest', async () => {
    const { error, hint } = await refusal(['show', shopFile()]);
    expect(error).toBe('there are 3 traces: say which one by its id');
    expect(linesOf(`${hint}\n`).map(line => line.trim())).toEqual([
      'the slowest are:',
      'c0ffee010000  2026-11-20 09:00:00  web GET /cart',
      'c0ffee020000  2026-11-20 09:01:00  web POST /pay',
      'decade030000  2026-11-20 09:02:00  bank GET /health',
    ]);
  });

  test('of a beginning that several traces have, says which', async () => {
    const { error, hint } = await refusal(['show', 'c0ffee', shopFile()]);
    expect(error).toBe('c0ffee is the beginning of 2 traces or more');
    expect(hint).toContain('c0ffee010000');
    expect(hint).toContain('c0ffee020000');
  });

  test('of an id that does not exist, offers the nearest', async () => {
    const { error, hint, stdout } = await refusal(['show', 'decadf', shopFile()]);
    expect(error).toBe('there is no trace decadf');
    expect(hint).toMatch(/^the nearest are:\n +decade030000 {2}2026-11-20 09:02:00 {2}bank GET \/health$/);
    expect(stdout).toBe('');
  });

  test.each([
    ['abcdef123456', 'there is no trace abcdef123456', 'tailspan search lists the traces that there are'],
    ['c0f', 'there is no trace c0f (6 digits are the least)', 'the nearest are:'],
    ['nonsense', "'nonsense' is neither a file nor a trace id", 'a trace id is 32 hex digits'],
  ])('refuses %s', async (reference, error, hint) => {
    const refused = await refusal(['show', reference, shopFile()]);
    expect(refused.error).toBe(error);
    expect(refused.hint).toContain(hint);
  });

  test('shows one trace at a time', async () => {
    const { error } = await refusal(['show', PAGE_ID, PAYMENT_ID, shopFile()]);
    expect(error).toBe(`'${PAGE_ID}' and '${PAYMENT_ID}' both look like trace ids`);
  });

  test('no trace passes the filters', async () => {
    const { error } = await refusal(['show', shopFile(), '--service', 'nobody']);
    expect(error).toBe('no trace matches { resource.service.name = "nobody" }');
  });
});

describe('what show leaves out', () => {
  const run = dumpFileOf(`
    r | 0-100 | web | GET / | server
      a | 1-11 | web | SELECT | client
      b | 11-21 | web | SELECT | client
      c | 21-31 | web | SELECT | client
      d | 31-41 | web | SELECT | client
      e | 50-90 | web | render |
        f | 60-62 | web | part |
  `);

  function dumpFileOf(drawing: string): () => string {
    return () => dumpFile(draw(drawing));
  }

  const tree = async (...args: string[]) =>
    linesOf(await answer(['show', ...args, '--width', '120']))
      .filter(line => line.includes('│'))
      .slice(1)
      .map(line => line.slice(2, line.indexOf('│', line.lastIndexOf('─') + 1)).trimEnd());

  test('folds a run of alike siblings, unless --unfold', async () => {
    expect(await tree(run())).toEqual(['web GET /', '├─ ×4 SELECT', '└─ render', '   └─ part']);
    expect(await tree(run(), '--unfold')).toEqual([
      'web GET /',
      '├─ SELECT',
      '├─ SELECT',
      '├─ SELECT',
      '├─ SELECT',
      '└─ render',
      '   └─ part',
    ]);
  });

  test('--depth shows so many levels and counts what is below', async () => {
    expect(await tree(run(), '--depth', '1')).toEqual(['web GET /', '├─ ×4 SELECT', '└─ render +1 below']);
    expect(await tree(run(), '--depth', '0')).toEqual(['web GET / +6 below']);
  });

  test('--min-duration leaves short spans out and says how many', async () => {
    expect(await tree(run(), '--min-duration', '20ms')).toEqual([
      'web GET /',
      '├─ ×4 SELECT',
      '└─ render',
      '   └─ … 1 shorter span',
    ]);
  });

  test('--limit leaves the shortest out, and stderr says so', async () => {
    const { stderr } = await tailspan(['show', run(), '--limit', '3']);
    expect(stderr).toMatch(/showing \d of 7 spans: those of \d+ms and more, and errors \(--limit 0 shows all\)\n/);
  });

  test('never leaves a failed span out', async () => {
    const file = dumpFile(
      draw(`
        r | 0-100 | web | GET / | server
          a | 1-2 | web | SELECT | client
          b | 2-3 | web | SELECT | client, error: deadlock
          c | 3-4 | web | SELECT | client
      `),
    );
    expect((await answer(['show', file, '--min-duration', '50ms'])).replace(/\s+/g, ' ')).toMatch(
      /✖ SELECT.* deadlock/,
    );
  });

  test('JSON has all spans, whatever the picture shows', async () => {
    for (const flags of [
      ['--depth', '0'],
      ['--limit', '1'],
      ['--min-duration', '1s'],
    ])
      expect((await answerJson<Shown>(['show', run(), ...flags])).spans).toHaveLength(7);
  });

  test.each(['x', '-1', '1.5'])('--depth %s is refused', async depth => {
    const { error } = await refusal(['show', EXAMPLE, `--depth=${depth}`]);
    expect(error).toBe(`--depth takes a whole number from 0 on, not '${depth}'`);
  });
});

describe('show --span', () => {
  test('has everything about one span', async () => {
    const { span } = await answerJson<{ span: object }>(['show', PAYMENT_ID, shopFile(), '--span', spanIdOf('r')]);
    expect(span).toEqual({
      traceId: PAYMENT_ID,
      spanId: spanIdOf('r'),
      parentSpanId: spanIdOf('q'),
      name: 'POST /pay',
      kind: 'server',
      serviceName: 'bank',
      startTimeUnixNano: '1795165260010000000',
      endTimeUnixNano: '1795165260030000000',
      durationNano: '20000000',
      durationMs: 20,
      selfNano: '20000000',
      criticalPathNano: '20000000',
      depth: 2,
      orphan: false,
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

  test('is found by the beginning of its id, and without the zeros', async () => {
    const spanIdOfAnswer = async (reference: string) =>
      (await answerJson<{ span: { spanId: string } }>(['show', PAYMENT_ID, shopFile(), '--span', reference])).span
        .spanId;
    expect(await spanIdOfAnswer('72')).toBe(spanIdOf('r'));
    expect(await spanIdOfAnswer('0000000000000072')).toBe(spanIdOf('r'));
  });

  test('of an id that is none or that several have, offers others', async () => {
    const none = await refusal(['show', PAYMENT_ID, shopFile(), '--span', '00ff']);
    expect(none.error).toBe('the trace has no span 00ff');
    expect(none.hint).toMatch(/^the nearest are:\n +0{14}70 {2}web POST \/pay\n/);
    const several = await refusal(['show', PAYMENT_ID, shopFile(), '--span', '0000']);
    expect(several.error).toBe('0000 is the beginning of 3 span ids');
    expect(several.hint).toMatch(/^one of:\n/);
    const far = await refusal(['show', PAYMENT_ID, shopFile(), '--span', 'ee']);
    expect(far.hint).toBe(`tailspan show ${PAYMENT_ID} --json lists its spans`);
  });

  test('cuts no value: what is long goes on below', async () => {
    const statement = Array.from({ length: 40 }, (_, index) => `column_${index}`).join(' ');
    const [span] = PAYMENT;
    const file = dumpFile([{ ...span!, attributes: { 'db.statement': statement } }]);
    const text = await answer(['show', file, '--span', span!.spanId, '--width', '60']);
    expect(text.replace(/\n +/g, ' ')).toContain(statement);
    expect(Math.max(...linesOf(text).map(line => line.length))).toBeLessThanOrEqual(60);
  });
});
