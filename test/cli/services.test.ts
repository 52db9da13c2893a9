import { describe, expect, test } from 'vitest';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, refusal, shopFile } from './shop.ts';

interface Service {
  readonly serviceName: string;
  readonly [field: string]: unknown;
}
interface Answered {
  readonly services: readonly Service[];
}

describe('services', () => {
  test('counts requests, errors and durations of entry spans, and the self time of all', async () => {
    const { services, ...rest } = await answerJson<Answered>(['services', shopFile()]);
    expect(rest).toMatchObject({
      schemaVersion: 1,
      startTimeUnixNano: '1795165200000000000',
      endTimeUnixNano: '1795165320010000000',
    });
    const seconds = 120.01;
    const web = {
      serviceName: 'web',
      spanCount: 4,
      requestCount: 2,
      errorCount: 1,
      p50Nano: '40000000',
      p90Nano: '100000000',
      p95Nano: '100000000',
      p99Nano: '100000000',
      maxNano: '100000000',
      // 20 and 10 of the page, 10 and 10 of the payment.
      selfNano: '50000000',
      ratePerSecond: 2 / seconds,
      errorRate: 0.5,
      impact: 1,
    };
    const cart = {
      serviceName: 'cart',
      spanCount: 3,
      requestCount: 1,
      errorCount: 0,
      p50Nano: '70000000',
      p90Nano: '70000000',
      p95Nano: '70000000',
      p99Nano: '70000000',
      maxNano: '70000000',
      selfNano: '70000000',
      ratePerSecond: 1 / seconds,
      errorRate: 0,
      impact: 0.5,
    };
    const bank = {
      serviceName: 'bank',
      spanCount: 2,
      requestCount: 2,
      errorCount: 1,
      p50Nano: '10000000',
      p90Nano: '20000000',
      p95Nano: '20000000',
      p99Nano: '20000000',
      maxNano: '20000000',
      selfNano: '30000000',
      ratePerSecond: 2 / seconds,
      errorRate: 0.5,
      impact: 30 / 140,
    };
    expect(services).toEqual([web, cart, bank]);
  });

  test.each([
    ['impact', 'web cart bank'],
    ['impact:asc', 'bank cart web'],
    ['service', 'bank cart web'],
    ['service:desc', 'web cart bank'],
    ['requests', 'bank web cart'],
    ['errors', 'bank web cart'],
    ['error-rate', 'bank web cart'],
    ['p50', 'cart web bank'],
    ['p95', 'web cart bank'],
    ['p99', 'web cart bank'],
    ['max', 'web cart bank'],
    ['self', 'cart web bank'],
  ])('--sort %s, ties by name', async (order, expected) => {
    const { services } = await answerJson<Answered>(['services', shopFile(), '--sort', order]);
    expect(services.map(({ serviceName }) => serviceName).join(' ')).toBe(expected);
  });

  test('--sort by what is near a field suggests it', async () => {
    expect((await refusal(['services', EXAMPLE, '--sort', 'p59'])).hint).toMatch(
      /^did you mean p50\? It takes service, impact/,
    );
  });

  test('--limit cuts the list and says so', async () => {
    const { stdout, stderr } = await tailspan(['services', shopFile(), '-n', '1']);
    expect(linesOf(stdout)).toHaveLength(1);
    expect(stderr).toContain('2 more (--limit 0 shows all)\n');
  });

  test('in a table what it is ordered by is always to be seen', async () => {
    const header = async (order: string) =>
      linesOf(await answer(['services', EXAMPLE, '--format', 'table', '--width', '60', '--sort', order]))[0];
    expect(await header('self')).toMatch(/ SELF\b/);
    expect(await header('max')).toMatch(/ MAX\b/);
    expect(await header('p99')).not.toMatch(/ (SELF|MAX)\b/);
  });

  test('in a table rates have one unit', async () => {
    const [, ...rows] = linesOf(await answer(['services', EXAMPLE, '--format', 'table', '--width', '120']));
    const rates = [...rows.join('\n').matchAll(/[\d.]+(\/\w+)/g)].map(([, unit]) => unit);
    expect(new Set(rates)).toEqual(new Set(['/min']));
  });
});
