import { DatabaseFeed, type DatabaseFeedOptions } from '../../src/commands/tui/database-feed.ts';
import type { Span } from '../../src/model/span.ts';
import { DRAWING_START, draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

// Traces of a shop, for tests of the screen: one with everything that a waterfall has, one in parts, and some for the list.

const MINUTE = 60_000_000_000n;

/** Errors, events, a run, asynchronous work, two levels of services. */
export const ORDER_ID = '0dde0000000000000000000000000001';
export const ORDER: Span[] = draw(
  `
  a | 0-400 | shop | POST /orders | server, error: payment refused, http.response.status_code=402
    b | 10-60 | shop | GET | client
      c | 12-55 | cart | GET /carts/{id} | server
        d | 14-50 | cart | HGETALL | client, event: cache miss @ 20
    e | 70-230 | stock | reserve | server
      f | 75-105 | stock | SELECT stock | client
      g | 106-136 | stock | SELECT stock | client
      h | 137-167 | stock | SELECT stock | client
      i | 168-198 | stock | SELECT stock | client
      j | 199-225 | stock | UPDATE stock | client
    k | 240-390 | shop | POST | client, error
      l | 245-385 | bank | POST /charges | server, error, exception: Refused: card expired @ 380, resource host.name=bank-1
    m | 391-391 | shop | publish order.failed | producer
      n | 450-500 | mail | process order.failed | consumer
  `,
  { traceId: ORDER_ID, start: DRAWING_START + 3n * MINUTE },
);

/** A root, two orphans of the same missing parent, and a cycle. */
export const PARTS_ID = 'bad00000000000000000000000000002';
export const PARTS: Span[] = draw(
  `
  a | 0-100 | web | GET /report | server
    b | 10-40 | web | render |
  o | 20-60 | db | SELECT rows | server, parent: x
    p | 30-50 | db | scan |
  q | 62-90 | db | SELECT sums | server, parent: x
  s | 70-80 | job | ping | parent: t
  t | 72-78 | job | pong | parent: s
  `,
  { traceId: PARTS_ID, start: DRAWING_START + 2n * MINUTE },
);

/** Twenty-four traces, the later the longer; every sixth one failed. */
export const PAGES: readonly Span[][] = Array.from({ length: 24 }, (_, index) =>
  draw(
    `
    a | 0-${20 + index * 7} | shop | GET /products/{id} | server${index % 6 === 5 ? ', error: out of stock' : ''}
      b | 5-${15 + index * 3} | ${index % 2 === 0 ? 'cart' : 'stock'} | SELECT | client
    `,
    { traceId: `${index + 16}`.padStart(32, 'c'), start: DRAWING_START + 4n * MINUTE + BigInt(index) * 1_500_000_000n },
  ),
);

/** A feed of these traces out of a database that the test closes. */
export async function shopFeed({ limit = 10_000 }: { readonly limit?: number } = {}): Promise<DatabaseFeed> {
  return feedOf([ORDER, PARTS, ...PAGES], limit);
}

export async function feedOf(
  traces: readonly (readonly Span[])[],
  limit = 10_000,
  options: Pick<DatabaseFeedOptions, 'isStrict' | 'withSpellings'> = {},
): Promise<DatabaseFeed> {
  const store = await storeOf(...traces);
  const named = { title: 'tui · shop.jsonl', limit, sameData: ' shop.jsonl' };
  return DatabaseFeed.open(store.database, { ...named, ...options });
}
