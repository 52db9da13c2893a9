import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorGroup, type ErrorInput, errorTypeOf, groupErrors, OriginFinder } from '../../src/analysis/errors.ts';
import type { FailureDetails } from '../../src/model/failure.ts';
import type { Span } from '../../src/model/span.ts';
import { failureDetails } from '../../src/store/error-details.ts';
import { operationRates } from '../../src/store/rates.ts';
import { readOperations, scanTraces } from '../../src/store/scan-traces.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START, type DrawOptions, draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

const NO_DETAILS: FailureDetails = {
  statusMessage: '',
  exceptionType: undefined,
  exceptionMessage: undefined,
  errorType: undefined,
  grpcStatus: undefined,
  httpStatus: undefined,
};

/** The error groups of traces that have been through the store. */
async function groupsOf(...traces: readonly (readonly Span[])[]): Promise<ErrorGroup[]> {
  const { database } = await storeOf(traces.flat());
  const operations = await readOperations(database);
  const finder = new OriginFinder();
  await scanTraces(database, operations, 'true', trace => finder.visit(trace));
  const details = await failureDetails(
    database,
    finder.origins.map(({ spanNo }) => spanNo),
  );
  const rates = await operationRates(database, 'true');
  return groupErrors(
    finder,
    operations,
    spanNo => details.get(spanNo) ?? NO_DETAILS,
    ({ serviceName, name }) =>
      rates
        .filter(rate => rate.serviceName === serviceName && rate.name === name)
        .reduce((sum, { spanCount }) => sum + spanCount, 0),
  );
}

const errorsOf = (drawing: string, options: DrawOptions = {}) => groupsOf(draw(drawing, options));

describe('an error begins', () => {
  test.each([
    {
      name: 'at a failed span without children',
      drawing: 'a | 0-10 | web | get | error: no',
      origins: ['get'],
    },
    {
      name: 'at the failed span furthest down, and not at those it failed above it',
      drawing: `
        a | 0-100 | web | get | error: 500
          b | 10-90 | cart | add | error: upstream
            c | 20-80 | bank | charge | error: declined
            d | 20-30 | bank | look up
      `,
      origins: ['charge'],
    },
    {
      name: 'at each of two failed siblings',
      drawing: `
        a | 0-100 | web | get | error: 500
          b | 10-20 | cart | add | error: one
          c | 20-30 | bank | charge | error: two
      `,
      origins: ['add', 'charge'],
    },
    {
      name: 'also at a span above one that did not fail, whatever failed below that one',
      drawing: `
        a | 0-100 | web | get | error: 500
          b | 10-20 | cart | add
            c | 12-18 | bank | charge | error: declined
      `,
      origins: ['charge', 'get'],
    },
    {
      name: 'also at a producer, whose consumer it does not wait for',
      drawing: `
        a | 0-100 | web | send | producer, error: queue full
          b | 10-90 | mail | take | consumer, error: no address
      `,
      origins: ['send', 'take'],
    },
    {
      name: 'also at a span that had ended when its failed child began',
      drawing: `
        a | 0-10 | web | get | error: 500
          b | 20-30 | cart | log | error: disk full
      `,
      origins: ['get', 'log'],
    },
    {
      name: 'not at a span whose failed child began as it ended',
      drawing: `
        a | 0-10 | web | get | error: 500
          b | 10-30 | cart | log | error: disk full
      `,
      origins: ['log'],
    },
    {
      name: 'at an orphan whose failed parent is not there',
      drawing: `
        a | 0-10 | web | get
        b | 2-3 | cart | add | error: no, parent: gone
      `,
      origins: ['add'],
    },
    { name: 'nowhere where nothing failed', drawing: 'a | 0-10 | web | get | ok', origins: [] },
  ])('$name', async ({ drawing, origins }) => {
    const groups = await errorsOf(drawing);
    expect(groups.map(({ name }) => name).sort()).toEqual(origins);
  });
});

describe('a failure goes up', () => {
  const wayOf = async (drawing: string, origin: string) => {
    const group = (await errorsOf(drawing)).find(({ name }) => name === origin)!;
    return {
      path: group.path.map(step => `${step.name}${step.failed ? '!' : ''}`).join(' '),
      reached: group.entryPoints.map(({ serviceName, name }) => `${serviceName} ${name}`),
      swallowed: group.swallowedCount,
    };
  };

  test.each([
    {
      name: 'to the entry point',
      drawing: 'a | 0-9 | web | get | error: x\n b | 1-8 | cart | add | error: x\n  c | 2-7 | bank | pay | error: x',
      origin: 'pay',
      way: { path: 'get! add! pay!', reached: ['web get'], swallowed: 0 },
    },
    {
      name: 'until a span that waited did not fail',
      drawing: 'a | 0-9 | web | get\n b | 1-8 | cart | add | error: x\n  c | 2-7 | bank | pay | error: x',
      origin: 'pay',
      way: { path: 'get add! pay!', reached: [], swallowed: 1 },
    },
    {
      name: 'and no further, though the entry point failed for another reason',
      drawing: 'a | 0-9 | web | get | error: x\n b | 1-8 | cart | add\n  c | 2-7 | bank | pay | error: x',
      origin: 'pay',
      way: { path: 'get! add pay!', reached: [], swallowed: 1 },
    },
    {
      name: 'to the consumer whose producer does not wait for it',
      drawing: `
        a | 0-9 | web | send | producer, error: x
          b | 1-8 | mail | take | consumer, error: x
            c | 2-7 | bank | pay | error: x
      `,
      origin: 'pay',
      way: { path: 'send! take! pay!', reached: ['mail take'], swallowed: 0 },
    },
    {
      name: 'to itself, at the entry',
      drawing: 'a | 0-9 | web | get | error: x',
      origin: 'get',
      way: { path: 'get!', reached: ['web get'], swallowed: 0 },
    },
  ])('$name', async ({ drawing, origin, way }) => {
    expect(await wayOf(drawing, origin)).toEqual(way);
  });
});

describe('errors are one group', () => {
  const keysOf = async (drawing: string) =>
    (await errorsOf(drawing)).map(
      ({ serviceName, name, errorType, message, spanCount }) =>
        `${spanCount} ${serviceName} ${name}: ${errorType}: ${message}`,
    );

  test.each([
    {
      name: 'of one service, name, type and message',
      drawing: `
        a | 0-9 | web | get
          b | 1-2 | bank | pay | exception: Timeout: after 5 s @ 2, error
          c | 3-4 | bank | pay | exception: Timeout: after 71 s @ 4, error
      `,
      keys: ['2 bank pay: Timeout: after <n> s'],
    },
    {
      name: 'but not of two services',
      drawing: 'a | 0-9 | web\n b | 1-2 | bank | pay | error: no\n c | 3-4 | shop | pay | error: no',
      keys: ['1 bank pay: error: no', '1 shop pay: error: no'],
    },
    {
      name: 'but not of two names',
      drawing: 'a | 0-9 | web\n b | 1-2 | bank | refund | error: no\n c | 3-4 | bank | pay | error: no',
      keys: ['1 bank pay: error: no', '1 bank refund: error: no'],
    },
    {
      name: 'but not of two types',
      drawing: `
        a | 0-9 | web
          b | 1-2 | bank | pay | error: no, error.type=timeout
          c | 3-4 | bank | pay | error: no, error.type=refused
      `,
      keys: ['1 bank pay: refused: no', '1 bank pay: timeout: no'],
    },
    {
      name: 'but not of two messages',
      drawing: 'a | 0-9 | web\n b | 1-2 | bank | pay | error: no\n c | 3-4 | bank | pay | error: never',
      keys: ['1 bank pay: error: never', '1 bank pay: error: no'],
    },
    {
      name: 'whatever their kinds',
      drawing: 'a | 0-9 | web\n b | 1-2 | bank | pay | error: no, client\n c | 3-4 | bank | pay | error: no, server',
      keys: ['2 bank pay: error: no'],
    },
    {
      name: 'by the exception’s message where there is one',
      drawing: 'a | 0-9 | bank | pay | exception: Timeout: slow @ 3, error: failed to pay',
      keys: ['1 bank pay: Timeout: slow'],
    },
    {
      name: 'that says nothing but that it failed',
      drawing: 'a | 0-9 | bank | pay | error',
      keys: ['1 bank pay: error: '],
    },
  ])('$name', async ({ drawing, keys }) => {
    expect(await keysOf(drawing)).toEqual(keys);
  });
});

describe('a group', () => {
  const failing = (traceId: string, at: number) =>
    draw('a | 0-9 | web | get | error: x\n b | 1-2 | bank | pay | error: no\n c | 3-4 | bank | pay | error: no', {
      traceId,
      start: DRAWING_START + BigInt(at) * 1_000_000_000n,
    });
  const fine = draw('a | 0-9 | cart | get\n b | 1-2 | bank | pay\n c | 2-3 | bank | pay', { traceId: 'f' });

  test('counts its spans and traces, and their share of the operation’s spans', async () => {
    const [group] = await groupsOf(failing('1', 0), failing('2', 60), fine);
    expect([group!.spanCount, group!.traceCount, group!.share]).toEqual([4, 2, 4 / 6]);
  });

  test('knows when it was seen first and last, and every time between', async () => {
    const [group] = await groupsOf(failing('1', 60), failing('2', 0));
    const times = [1, 3, 60_001, 60_003].map(ms => DRAWING_START + BigInt(ms) * 1_000_000n);
    expect(group!.times).toEqual(times);
    expect([group!.firstSeenUnixNano, group!.lastSeenUnixNano]).toEqual([times[0], times[3]]);
  });

  test('shows the five latest of its traces, latest first', async () => {
    const [group] = await groupsOf(...[4, 2, 7, 1, 3, 6, 5].map(n => failing(String(n), n)));
    expect(group!.exemplarTraceIds).toEqual([7n, 6n, 5n, 4n, 3n]);
  });

  test('shows the way that is taken most often, and says how many there are', async () => {
    const other = draw('a | 0-9 | shop | buy\n c | 3-4 | bank | pay | error: no');
    const [group] = await groupsOf(other, failing('2', 0));
    expect([group!.pathCount, group!.path.map(({ serviceName }) => serviceName)]).toEqual([2, ['web', 'bank']]);
  });

  test('names what failed because of it, most traces first', async () => {
    const other = (traceId: string) =>
      draw('a | 0-9 | shop | buy | error: x\n c | 3-4 | bank | pay | error: no', { traceId });
    const [group] = await groupsOf(failing('1', 0), other('2'), other('3'));
    expect(group!.entryPoints).toEqual([
      { serviceName: 'shop', name: 'buy', traceCount: 2 },
      { serviceName: 'web', name: 'get', traceCount: 1 },
    ]);
  });

  test('has an id that is the same in any data', async () => {
    const [alone] = await groupsOf(failing('1', 0));
    const groups = await groupsOf(fine, failing('8', 7), draw('z | 0-1 | zoo | z | error: z', { traceId: '9' }));
    expect(alone!.id).toMatch(/^[0-9a-f]{8}$/);
    expect(groups.map(({ id, name }) => [name, id === alone!.id])).toEqual([
      ['pay', true],
      ['z', false],
    ]);
  });

  test('stands before those with fewer traces, then with fewer spans', async () => {
    const groups = await groupsOf(
      draw('a | 0-1 | web | one | error: x', { traceId: '1' }),
      draw('a | 0-9 | web | ok\n b | 0-1 | web | two | error: x\n c | 0-1 | web | two | error: x', { traceId: '2' }),
      draw('a | 0-1 | web | three | error: x', { traceId: '3' }),
      draw('a | 0-1 | web | three | error: x', { traceId: '4' }),
    );
    expect(groups.map(({ name }) => name)).toEqual(['three', 'two', 'one']);
  });
});

test.each([
  ['the exception’s type', { exceptionType: 'E', errorType: 'timeout', grpcStatus: '4', httpStatus: '504' }, 'E'],
  ['else error.type', { errorType: 'timeout', grpcStatus: '4', httpStatus: '504' }, 'timeout'],
  ['else the gRPC status', { grpcStatus: '4', httpStatus: '504' }, 'gRPC 4'],
  ['which may be a word', { grpcStatus: 'DEADLINE_EXCEEDED' }, 'gRPC DEADLINE_EXCEEDED'],
  ['else the HTTP status', { httpStatus: '504' }, 'HTTP 504'],
  ['of the client’s fault too', { httpStatus: '404' }, 'HTTP 404'],
  ['but no HTTP status that is fine', { httpStatus: '200' }, 'error'],
  ['nor a gRPC status that is', { grpcStatus: '0', httpStatus: '500' }, 'HTTP 500'],
  ['nor the word for it', { grpcStatus: 'OK' }, 'error'],
  ['nor a type of no letters', { exceptionType: '', errorType: '' }, 'error'],
  ['else that it failed', { statusMessage: 'no' }, 'error'],
])('the type of an error is %s', (_, details, type) => {
  expect(errorTypeOf({ ...NO_DETAILS, ...details })).toBe(type);
});

describe('the origins of any trace', () => {
  test('are the failed spans without a failed child that they waited for', async () => {
    await fc.assert(
      fc.asyncProperty(traceSpans(), async spans => {
        const { database } = await storeOf(spans);
        const finder = new OriginFinder();
        await scanTraces(database, await readOperations(database), 'true', trace => finder.visit(trace));
        const found = await database.rows(`
          WITH child AS (
            SELECT p.span_no FROM span p JOIN operation po USING (operation_id)
            JOIN span c ON c.component = p.component AND c.depth = p.depth + 1
              AND c.nested_set_left BETWEEN p.nested_set_left AND p.nested_set_right
            JOIN operation co ON co.operation_id = c.operation_id JOIN status cs ON cs.status_id = c.status_id
            WHERE cs.code = 2 AND c.start_ns <= p.start_ns + p.duration_ns AND NOT (po.kind = 4 AND co.kind = 5)
          )
          SELECT span_no FROM span JOIN status USING (status_id)
          WHERE code = 2 AND span_no NOT IN (FROM child) ORDER BY span_no`);
        expect(finder.origins.map(({ spanNo }) => spanNo)).toEqual(found.map(row => Number(row.span_no)));
      }),
      { numRuns: 40 },
    );
  });

  test('are found in a failed trace of a hundred thousand spans, one below the other', () => {
    const finder = new OriginFinder();
    finder.visit(input(100_000, span => span));
    expect(finder.origins.map(({ spanNo }) => spanNo)).toEqual([99_999]);
  });

  test('are found below a hundred thousand spans', () => {
    const finder = new OriginFinder();
    finder.visit(input(100_000, span => Math.min(span, 50_000)));
    expect(finder.origins).toHaveLength(50_000);
    const [group, ...others] = groupErrors(
      finder,
      [{ serviceName: 'web', name: 'get' }],
      () => NO_DETAILS,
      () => 100_000,
    );
    expect(others).toEqual([]);
    expect([group!.spanCount, group!.path.length, group!.pathCount]).toEqual([50_000, 50_001, 1]);
  });

  function input(count: number, depthOf: (span: number) => number): ErrorInput {
    return {
      count,
      traceId: 1n,
      baseNano: 0n,
      start: new Float64Array(count),
      duration: new Float64Array(count),
      depth: Uint32Array.from({ length: count }, (_, span) => depthOf(span)),
      kind: new Uint8Array(count),
      failed: new Uint8Array(count).fill(1),
      operation: new Uint32Array(count),
      spanNo: Float64Array.from({ length: count }, (_, span) => span),
    };
  }
});
