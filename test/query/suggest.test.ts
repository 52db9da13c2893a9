import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { compilePipeline } from '../../src/query/compile/compile.ts';
import { withSpellings } from '../../src/query/semconv.ts';
import { type Clue, cluesOf } from '../../src/query/suggest.ts';
import { alikeKeys, mostAlike } from '../../src/query/suggest-alike.ts';
import type { Pipeline } from '../../src/query/traceql/ast.ts';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';
import { searchQueries } from './arbitrary-query.ts';

// What is said of a query that finds nothing, as data; test/cli/explain.test.ts has the sentences.

const SHOP = draw(
  `
  a | 0-100 | shop     | POST /orders | server, error: no funds, http.response.status_code=500, resource k8s.pod.name=pod-1
    b | 10-60 | shop     | GET          | client, http.route=/carts/{id}
      c | 12-55 | checkout | GET /carts   | server
    d | 70-90 | bank     | charge       | client, exception: Refused: card expired @ 80, retries=3
  `,
);

function pipelineOf(query: string): Pipeline {
  const { root } = parseQuery(query);
  if (root.kind !== 'pipeline') throw new TypeError('a metrics query');
  return root;
}

async function cluesFor(query: string, ...dumps: readonly (readonly Span[])[]): Promise<readonly Clue[]> {
  const { database } = await storeOf(...(dumps.length === 0 ? [SHOP] : dumps));
  return cluesOf(pipelineOf(query), sql => database.rows(sql));
}

describe('a condition that nothing fulfils', () => {
  test.each<[query: string, finding: object | undefined]>([
    ['{ resource.service.name = "chekout" }', { kind: 'alike', values: [{ key: 'scheckout', spanCount: 1 }] }],
    ['{ resource.service.name = "Checkout" }', { kind: 'alike', values: [{ key: 'scheckout', spanCount: 1 }] }],
    ['{ name = "/carts" }', { kind: 'alike', values: [{ key: 'sGET /carts', spanCount: 1 }] }],
    [
      '{ resource.service.name = "mail" }',
      {
        kind: 'values',
        values: [
          { key: 'sshop', spanCount: 2 },
          { key: 'sbank', spanCount: 1 },
          { key: 'scheckout', spanCount: 1 },
        ],
        isOfNearest: false,
      },
    ],
    ['{ duration > 1s }', { kind: 'range', least: 20_000_000n, most: 100_000_000n, isOfNearest: false }],
    ['{ .retries > 3 }', { kind: 'range', least: 3n, most: 3n, isOfNearest: false }],
    ['{ .retries = 4 }', { kind: 'values', values: [{ key: 'i3', spanCount: 1 }], isOfNearest: false }],
    [
      '{ status = ok }',
      {
        kind: 'values',
        values: [
          { key: 't0', spanCount: 3 },
          { key: 't2', spanCount: 1 },
        ],
        isOfNearest: false,
      },
    ],
    ['{ name =~ "cart" }', { kind: 'part-of-value', spanCount: 1 }],
    [
      '{ span.http.statuscode = 500 }',
      {
        kind: 'no-such-key',
        alike: [{ scope: 'span', name: 'http.response.status_code', type: 'int', spanCount: 1 }],
        intrinsic: undefined,
      },
    ],
    [
      '{ span.http.status_code = 500 }',
      {
        kind: 'no-such-key',
        alike: [{ scope: 'span', name: 'http.response.status_code', type: 'int', spanCount: 1 }],
        intrinsic: undefined,
      },
    ],
    ['{ .status = "error" }', { kind: 'no-such-key', intrinsic: 'status' }],
    ['{ .wholly.different != nil }', { kind: 'no-such-key', alike: [], intrinsic: undefined }],
    [
      '{ span.k8s.pod.name = "pod-1" }',
      { kind: 'elsewhere', found: { scope: 'resource', name: 'k8s.pod.name', type: 'string', spanCount: 1 } },
    ],
    [
      '{ .exception.type != nil }',
      { kind: 'elsewhere', found: { scope: 'event', name: 'exception.type', type: 'string', spanCount: 1 } },
    ],
    [
      '{ .http.response.status_code = "500" }',
      {
        kind: 'other-type',
        found: { scope: 'span', name: 'http.response.status_code', type: 'int', spanCount: 1 },
        literal: '500',
      },
    ],
    [
      '{ .http.route >= 3 }',
      {
        kind: 'other-type',
        found: { scope: 'span', name: 'http.route', type: 'string', spanCount: 1 },
        literal: undefined,
      },
    ],
    ['{ .retries = 4 || .retries = "4" }', { kind: 'values', values: [{ key: 'i3', spanCount: 1 }] }],
    ['{ "chekout" = resource.service.name }', { kind: 'alike' }],
    ['{ !(kind != nil || name != "") }', undefined],
  ])('%s', async (query, finding) => {
    const [clue, ...others] = await cluesFor(query);
    expect(others).toEqual([]);
    expect(clue).toMatchObject({ kind: 'condition', nearest: undefined });
    if (finding === undefined) expect(clue).toMatchObject({ finding: undefined });
    else expect(clue).toMatchObject({ finding });
  });

  test('among others: what the spans have that fulfil these', async () => {
    expect(await cluesFor('{ resource.service.name = "shop" && kind = client && duration > 1s }')).toMatchObject([
      {
        text: 'duration > 1s',
        nearest: { spanCount: 1 },
        finding: { kind: 'range', least: 50_000_000n, most: 50_000_000n, isOfNearest: true },
      },
    ]);
    expect(await cluesFor('{ resource.service.name = "shop" && name = "charge" }')).toMatchObject([
      { text: 'name = "charge"', nearest: { spanCount: 2 }, finding: { kind: 'values', isOfNearest: true } },
    ]);
  });

  test('is told of before one that only does not fit the others', async () => {
    expect(await cluesFor('{ name = "charge" && duration < 10ms && resource.service.name = "shp" }')).toMatchObject([
      { text: 'duration < 10ms' },
      { text: 'resource.service.name = "shp"', finding: { kind: 'alike' } },
    ]);
  });

  test('and others that never come together', async () => {
    expect(await cluesFor('{ name = "charge" && kind = server && duration > 45ms && status != error }')).toEqual([
      {
        kind: 'apart',
        texts: ['name = "charge"', 'kind = server', 'duration > 45ms', 'status != error'],
        passing: [{ spanCount: 1 }, { spanCount: 2 }, { spanCount: 2 }, { spanCount: 3 }],
      },
    ]);
  });
});

test('of an attribute with several spellings the one that is in the data is told of', async () => {
  const { database } = await storeOf(SHOP);
  const pipeline = withSpellings(pipelineOf('{ .http.status_code > 500 }'));
  expect(await cluesOf(pipeline, sql => database.rows(sql))).toMatchObject([
    { field: { name: 'http.response.status_code' }, finding: { kind: 'range', least: 500n, most: 500n } },
  ]);
});

describe('a query of several parts', () => {
  test('fails by the side that is empty', async () => {
    expect(await cluesFor('{ name = "charge" } >> { resource.service.name = "chekout" }')).toMatchObject([
      { kind: 'condition', text: 'resource.service.name = "chekout"' },
    ]);
    expect(await cluesFor('{ name = "chargd" } >> { }')).toMatchObject([{ text: 'name = "chargd"' }]);
    expect(await cluesFor('({ } | { name = "chargd" }) && { }')).toMatchObject([{ text: 'name = "chargd"' }]);
  });

  test('fails by how they stand to each other', async () => {
    const sides = { kind: 'unrelated', left: { spanCount: 1 }, right: { spanCount: 1 }, traceCount: 1 };
    expect(await cluesFor('{ name = "charge" } > { name = "POST /orders" }')).toMatchObject([
      { ...sides, operator: '>', instead: { operator: '<', spanCount: 1 } },
    ]);
    expect(await cluesFor('{ name = "POST /orders" } > { name = "GET /carts" }')).toMatchObject([
      { ...sides, instead: { operator: '>>', spanCount: 1 } },
    ]);
    expect(await cluesFor('{ name = "charge" } >> { name = "GET /carts" }')).toMatchObject([
      { ...sides, instead: undefined },
    ]);
    expect(await cluesFor('{ } !>> { name = "charge" }')).toMatchObject([{ operator: '!>>', left: { spanCount: 4 } }]);
  });

  test('fails because no trace has all of them', async () => {
    const other = draw('e | 0-10 | mail | send', { traceId: '2' });
    expect(await cluesFor('{ name = "charge" } && { name = "send" }', SHOP, other)).toEqual([
      { kind: 'in-no-trace', texts: ['{ name = "charge" }', '{ name = "send" }'] },
    ]);
    expect(await cluesFor('{ name = "charge" } ~ { name = "send" }', SHOP, other)).toMatchObject([
      { kind: 'unrelated', traceCount: 0, instead: undefined },
    ]);
  });

  test('fails by a number', async () => {
    expect(await cluesFor('{ } | by(resource.service.name) | count() > 2')).toEqual([
      { kind: 'scalar', text: 'count() > 2', aggregate: 'count()', isDuration: false, least: 1, most: 2 },
    ]);
    expect(await cluesFor('{ } | avg(.retrys) > 1')).toMatchObject([
      { text: 'avg(.retrys) > 1', finding: { kind: 'no-such-key', alike: [{ name: 'retries' }] } },
    ]);
    expect(await cluesFor('{ kind = client } | max(duration) > 1s')).toEqual([
      {
        kind: 'scalar',
        text: 'max(duration) > 1s',
        aggregate: 'max(duration)',
        isDuration: true,
        least: 5e7,
        most: 5e7,
      },
    ]);
  });

  test('fails in the stage behind which nothing is left', async () => {
    expect(await cluesFor('{ } | { kind = client } | by(name) | { duration > 1s } | count() > 9')).toMatchObject([
      { text: 'duration > 1s', finding: { least: 20_000_000n, most: 50_000_000n } },
    ]);
  });
});

describe('any query', () => {
  test('that finds nothing has a few clues, for a bounded number of questions', async () => {
    const traces = fc.sample(traceSpans({ maxSpans: 8, hasAttributes: true }), { numRuns: 6, seed: 3 });
    const { database } = await storeOf(
      traces.flatMap((spans, index) => spans.map(span => ({ ...span, traceId: `${index + 1}`.padStart(32, '0') }))),
    );
    await fc.assert(
      fc.asyncProperty(searchQueries, async ({ root }) => {
        if (root.kind !== 'pipeline') return;
        fc.pre((await database.value(`SELECT count(*) FROM (${compilePipeline(root).sql})`)) === 0n);
        let questions = 0;
        const clues = await cluesOf(root, sql => {
          questions++;
          return database.rows(sql);
        });
        expect(questions).toBeLessThanOrEqual(16);
        expect(clues.length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 150 },
    );
  });
});

describe('words', () => {
  test.each<[wanted: string, known: string, isAlike: boolean]>([
    ['chekout', 'checkout', true],
    ['CHECKOUT', 'checkout', true],
    ['check-out', 'checkout', true],
    ['bnak', 'bank', true],
    ['http.status_code', 'http.response.status_code', true],
    ['status_code', 'http.response.status_code', true],
    ['GET /carts', '/carts', true],
    ['a', 'b', false],
    ['shop', 'bank', false],
    ['', 'bank', false],
    ['it', 'credit', false],
  ])('%j and %j', (wanted, known, expected) => {
    expect(mostAlike(wanted, [known])).toEqual(expected ? [0] : []);
    expect(mostAlike(known, [wanted])).toEqual(expected ? [0] : []);
  });

  test('what is spelled alike hides what is only a part', () => {
    expect(mostAlike('POST /pya', ['POST', 'POST /pay', 'GET'])).toEqual([1]);
    expect(mostAlike('/pay', ['POST', 'POST /pay', 'GET'])).toEqual([1]);
  });

  test('the other names of an attribute come first', () => {
    const known = ['http.methods', 'http.request.method', 'db.system'];
    expect(alikeKeys('http.method', known, ['http.method', 'http.request.method'])).toEqual([
      'http.request.method',
      'http.methods',
    ]);
  });
});
