import { describe, expect, test } from 'vitest';
import { answer, answerJson, tailspan } from '../support/run.ts';
import { EXAMPLE, linesOf, shopFile } from './shop.ts';

interface Answered {
  readonly operations: readonly { readonly serviceName: string; readonly name: string; readonly kind: string }[];
}

describe('operations', () => {
  test('counts all spans of a service, name and kind', async () => {
    const { operations } = await answerJson<Answered>(['operations', shopFile(), '--service', 'cart']);
    expect(operations).toMatchObject([
      { serviceName: 'cart', name: 'GET /cart', kind: 'server', requestCount: 1, p50Nano: '70000000', impact: 1 },
      {
        serviceName: 'cart',
        name: 'SELECT',
        kind: 'client',
        requestCount: 2,
        errorCount: 0,
        p50Nano: '30000000',
        maxNano: '30000000',
        selfNano: '60000000',
        impact: 60 / 70,
      },
    ]);
  });

  test.each([
    ['name', 'web GET, cart GET /cart, web GET /cart, bank GET /health'],
    ['service', 'bank GET /health, bank POST /pay, cart GET /cart, cart SELECT'],
    ['service:desc', 'web GET, web GET /cart, web POST, web POST /pay'],
    ['requests', 'cart SELECT, bank GET /health, bank POST /pay, cart GET /cart'],
    ['error-rate', 'bank POST /pay, web POST, web POST /pay, bank GET /health'],
    ['max', 'web GET /cart, web GET, cart GET /cart, web POST /pay'],
  ])('--sort %s', async (order, expected) => {
    const { operations } = await answerJson<Answered>(['operations', shopFile(), '--sort', order, '-n', '4']);
    expect(operations.map(({ serviceName, name }) => `${serviceName} ${name}`).join(', ')).toBe(expected);
  });

  test('shows thirty and says how many more there are', async () => {
    const { stdout, stderr } = await tailspan(['operations', EXAMPLE, '-n', '5']);
    expect(linesOf(stdout)).toHaveLength(5);
    expect(stderr).toContain('16 more (--limit 0 shows all)\n');
    expect(linesOf(await answer(['operations', EXAMPLE]))).toHaveLength(21);
  });

  test('--kind tells what a service does from what it asks others', async () => {
    const kinds = async (kind: string) =>
      (await answerJson<Answered>(['operations', EXAMPLE, '--service', 'checkout', '--kind', kind])).operations.map(
        ({ name }) => name,
      );
    expect(await kinds('server')).toEqual(['POST /api/orders']);
    expect(await kinds('client')).toEqual(['POST', 'GET']);
    expect(await kinds('producer')).toEqual(['send order-confirmations']);
  });
});
