import { describe, expect, test } from 'vitest';
import { draw, spanIdOf } from '../support/drawn-trace.ts';
import { dumpFile } from '../support/load.ts';
import { answer, answerJson } from '../support/run.ts';
import { EXAMPLE, linesOf, ORPHAN_ID, PAGE_ID, PAYMENT_ID, refusal, shopFile } from './shop.ts';

describe('critical-path of one trace', () => {
  test('is its sections, from the start of the root to its end without a gap', async () => {
    const answered = await answerJson<{ sections: Record<string, unknown>[] }>(['critical-path', PAGE_ID, shopFile()]);
    expect(answered).toMatchObject({
      traceId: PAGE_ID,
      rootSpanId: spanIdOf('a'),
      durationNano: '100000000',
      durationMs: 100,
    });
    const start = 1_795_165_200_000_000_000n;
    const milliseconds = (time: unknown) => Number((BigInt(String(time)) - start) / 1_000_000n);
    expect(
      answered.sections.map(section => [
        section.spanId,
        milliseconds(section.startTimeUnixNano),
        milliseconds(section.endTimeUnixNano),
        section.durationNano,
        section.share,
      ]),
    ).toEqual([
      [spanIdOf('a'), 0, 10, '10000000', 0.1],
      [spanIdOf('b'), 10, 15, '5000000', 0.05],
      [spanIdOf('c'), 15, 20, '5000000', 0.05],
      [spanIdOf('d'), 20, 50, '30000000', 0.3],
      [spanIdOf('e'), 50, 80, '30000000', 0.3],
      [spanIdOf('c'), 80, 85, '5000000', 0.05],
      [spanIdOf('b'), 85, 90, '5000000', 0.05],
      [spanIdOf('a'), 90, 100, '10000000', 0.1],
    ]);
  });

  test('cp is its short name', async () => {
    const file = shopFile();
    expect(await answer(['cp', PAGE_ID, file])).toBe(await answer(['critical-path', PAGE_ID, file]));
  });

  test('in a table --limit keeps the longest sections where they stand and puts the rest together', async () => {
    const args = ['critical-path', PAGE_ID, shopFile(), '--width', '80'];
    const rows = async (...more: string[]) =>
      linesOf(await answer([...args, ...more]))
        .filter(line => /^ *\+/.test(line))
        .map(line => line.replace(/ +/g, ' ').trim());
    expect(await rows()).toHaveLength(8);
    expect(await rows('-n', '2')).toEqual([
      '+0 20ms 20.0% ███████████ … 3 shorter sections',
      '+20ms 30ms 30.0% ████████████████ cart SELECT',
      '+50ms 30ms 30.0% ████████████████ cart SELECT',
      '+80ms 20ms 20.0% ███████████ … 3 shorter sections',
    ]);
    expect(await rows('-n', '4')).toContain('+10ms 10ms 10.0% █████ … 2 shorter sections');
    const { sections } = await answerJson<{ sections: object[] }>([...args, '-n', '2']);
    expect(sections).toHaveLength(8);
  });

  const pathOf = async (drawing: string, ...flags: string[]) => {
    const args = ['critical-path', '1', dumpFile(draw(drawing)), ...flags];
    const { sections } = await answerJson<{ sections: { name: string; share: number }[] }>(args);
    return sections.map(({ name, share }) => `${name} ${Math.round(share * 100)}`).join(', ');
  };

  test('--policy decides whether a child that still runs may be on it', async () => {
    const drawing = `
      a | 0-100 | web | root | server
        b | 10-60 | web | first |
        c | 50-90 | web | second |
    `;
    expect(await pathOf(drawing)).toBe('root 50, second 40, root 10');
    expect(await pathOf(drawing, '--policy', 'end')).toBe('root 50, second 40, root 10');
    expect(await pathOf(drawing, '--policy', 'overlap')).toBe('root 10, first 40, second 40, root 10');
  });

  test('--async decides whether work that nothing waits for may be on it', async () => {
    const drawing = `
      a | 0-100 | web | root | server
        p | 20-80 | web | send | producer
          c | 30-70 | mail | process | consumer
    `;
    expect(await pathOf(drawing)).toBe('root 20, send 60, root 20');
    expect(await pathOf(drawing, '--async', 'exclude')).toBe('root 20, send 60, root 20');
    expect(await pathOf(drawing, '--async', 'include')).toBe('root 20, send 10, process 40, send 10, root 20');
    expect(await answer(['critical-path', '1', dumpFile(draw(drawing))])).toContain(
      'off the path: 1 span that nothing waits for (--async include)',
    );
  });

  test.each([
    ['--policy', 'overlpa', 'did you mean overlap? It takes end or overlap'],
    ['--async', 'maybe', 'it takes exclude or include'],
  ])('%s %s is refused', async (option, value, hint) => {
    expect(await refusal(['critical-path', EXAMPLE, option, value])).toMatchObject({
      error: `${option} does not know '${value}'`,
      hint,
    });
  });

  test('says what is not connected to the root', async () => {
    const file = dumpFile(
      draw(`
        a | 0-100 | web | GET / | server
        o | 20-30 | bank | GET | server, parent: x
      `),
    );
    expect(await answer(['critical-path', '1', file])).toContain(
      'off the path: 1 part of the trace not connected to its root',
    );
  });
});

describe('critical-path of many traces', () => {
  test('adds up what each operation has on the path, and names the slowest trace of it', async () => {
    const answered = await answerJson<{ traceCount: number; totalNano: string; rows: Record<string, unknown>[] }>([
      'critical-path',
      shopFile(),
    ]);
    expect(answered).toMatchObject({ traceCount: 3, totalNano: '150000000' });
    const row = (serviceName: string, name: string) =>
      answered.rows.find(one => one.serviceName === serviceName && one.name === name);
    expect(row('cart', 'SELECT')).toEqual({
      serviceName: 'cart',
      name: 'SELECT',
      selfNano: '60000000',
      share: 0.4,
      traceCount: 1,
      p50Nano: '60000000',
      p95Nano: '60000000',
      p99Nano: '60000000',
      dragNano: '60000000',
      exemplarTraceId: PAGE_ID,
    });
    expect(row('web', 'POST /pay')).toMatchObject({ selfNano: '10000000', exemplarTraceId: PAYMENT_ID });
    expect(row('bank', 'GET /health')).toMatchObject({ selfNano: '10000000', exemplarTraceId: ORPHAN_ID });
    const sum = answered.rows.reduce((total, one) => total + BigInt(String(one.selfNano)), 0n);
    expect(sum).toBe(150_000_000n);
  });

  test.each([
    ['self', 'cart SELECT, bank POST /pay'],
    ['self:asc', 'bank GET /health, cart GET /cart'],
    ['drag', 'cart SELECT, bank POST /pay'],
    ['p95:desc', 'cart SELECT, bank POST /pay'],
    ['service', 'bank POST /pay, bank GET /health'],
    ['service:desc', 'web GET /cart, web GET'],
    ['name:desc', 'cart SELECT, bank POST /pay'],
    ['traces', 'cart SELECT, bank POST /pay'],
  ])('--sort %s', async (order, expected) => {
    const args = ['critical-path', shopFile(), '--sort', order, '-n', '2'];
    const { rows } = await answerJson<{ rows: { serviceName: string; name: string }[] }>(args);
    expect(rows.map(({ serviceName, name }) => `${serviceName} ${name}`).join(', ')).toBe(expected);
  });

  test('of the example: one query a line of the order, and the bank', async () => {
    const { rows } = await answerJson<{ rows: { serviceName: string; name: string; share: number }[] }>([
      'critical-path',
      EXAMPLE,
      '-n',
      '2',
    ]);
    expect(rows).toMatchObject([
      { serviceName: 'inventory', name: 'SELECT stock' },
      { serviceName: 'payment', name: 'POST' },
    ]);
  });
});
