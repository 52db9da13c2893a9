import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Attributes, AttributeValue } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';
import { SPAN_KINDS, STATUS_CODES } from '../../src/model/status.ts';
import { type Comparison, type Condition, EVERYTHING, type Filter } from '../../src/query/filter.ts';
import { spanPredicate, sqlText, tracePredicate } from '../../src/query/to-sql.ts';
import type { Database } from '../../src/store/database.ts';
import { readSpans } from '../../src/store/read-trace.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START, draw, drawnIdOf } from '../support/drawn-trace.ts';
import { openStore, storeOf } from '../support/load.ts';
import { passes } from './evaluate.ts';

const HOSTILE = [
  "'",
  "''",
  "it's",
  '\\',
  '%',
  '_',
  '"',
  "'; DROP TABLE span; --",
  '\0',
  "a\0'b",
  '\n',
  '$1',
  '?',
  'ü😀',
];

async function passing(database: Database, filter: Filter): Promise<string[]> {
  return (await readSpans(database, spanPredicate(filter))).map(({ spanId }) => drawnIdOf(spanId));
}

const attribute = (key: string, comparison: Comparison, value: string): Filter => ({
  conditions: [{ on: 'attribute', scope: 'any', key, comparison, value }],
});

/** One span for each value, all of one trace; its drawn id is the place of the value. */
async function spansWith(...values: readonly AttributeValue[]): Promise<Database> {
  const [span] = draw('a | 0-1');
  const store = await storeOf(
    values.map((value, index) => ({
      ...span!,
      spanId: Buffer.from(String(index)).toString('hex').padStart(16, '0'),
      startTimeUnixNano: span!.startTimeUnixNano + BigInt(index),
      attributes: { k: value },
    })),
  );
  return store.database;
}

describe('an attribute equals a text', () => {
  const VALUES: readonly AttributeValue[] = [
    '5', // 0
    5n, // 1
    5, // 2
    '5.0', // 3
    ['a', 5n], // 4
    [5.5, 'b'], // 5
    true, // 6
    'true', // 7
    9007199254740993n, // 8
    9007199254740992, // 9
    new Uint8Array([0]), // 10
    { a: 'b' }, // 11
    null, // 12
    '', // 13
    Number.NaN, // 14
    1e21, // 15
    0, // 16
    [], // 17
    ['5.0'], // 18
    [true, null], // 19
    0.1, // 20
  ];

  test.each([
    ['5', [0, 1, 2, 4]],
    ['5.0', [1, 2, 3, 4, 18]],
    ['05', [1, 2, 4]],
    ['50e-1', [1, 2, 4]],
    ['0.5e1', [1, 2, 4]],
    ['5.5', [5]],
    ['5.50', [5]],
    ['true', [6, 7, 19]],
    ['9007199254740993', [8, 9]],
    ['9007199254740992', [9]],
    ['9007199254740993.0', [8, 9]],
    ['AA==', [10]],
    ['{"a":"b"}', [11]],
    ['', [12, 13]],
    ['NaN', [14]],
    ['1e21', [15]],
    ['1000000000000000000000', [15]],
    ['0', [16]],
    ['-0', [16]],
    ['0e999999999', [16]],
    ['0.1', [20]],
    ['1e-1', [20]],
    ['1e999', []],
    ['a', [4]],
    ['["a",5]', []],
    ['null', []],
    ['5 ', []],
    ['0x5', []],
  ])('%j', async (value, places) => {
    const database = await spansWith(...VALUES);
    const all = VALUES.map((_, place) => place);
    expect(await passing(database, attribute('k', '=', value))).toEqual(places.map(String));
    expect(await passing(database, attribute('k', '!=', value))).toEqual(
      all.filter(place => !places.includes(place)).map(String),
    );
  });
});

test('an array with half a surrogate pair, which is no JSON to DuckDB, is no obstacle', async () => {
  const database = await spansWith(['\ud800'], ['a']);
  expect(await passing(database, attribute('k', '=', 'a'))).toEqual(['1']);
  expect(await passing(database, attribute('k', '=~', '.'))).toEqual(['0', '1']);
});

describe('an attribute is larger or smaller than a text', () => {
  const VALUES: readonly AttributeValue[] = [
    1n, // 0
    2n, // 1
    1.5, // 2
    '1', // 3
    'b', // 4
    'Z', // 5
    'é', // 6
    2n ** 63n - 1n, // 7
    -(2n ** 63n), // 8
    Number.NaN, // 9
    Number.POSITIVE_INFINITY, // 10
    [3n], // 11
    true, // 12
    null, // 13
  ];

  test.each<[Comparison, string, number[]]>([
    ['>', '1', [1, 2, 7, 10]],
    ['>=', '1', [0, 1, 2, 7, 10]],
    ['<', '2', [0, 2, 8]],
    ['<=', '2', [0, 1, 2, 8]],
    ['>', '1.5', [1, 7, 10]],
    ['>=', '1.5', [1, 2, 7, 10]],
    ['<', '1.5', [0, 8]],
    ['<=', '1.5', [0, 2, 8]],
    ['<=', '-0.5', [8]],
    ['>=', '-0.5', [0, 1, 2, 7, 10]],
    ['>', '9223372036854775806', [7, 10]],
    ['>', '9223372036854775807', [10]],
    ['>=', '9223372036854775807.5', [10]],
    ['<', '-9223372036854775808', []],
    ['<=', '-9223372036854775808', [8]],
    ['>', '1e400', []],
    ['<', '1e400', [0, 1, 2, 7, 8]],
    ['>', '-1e999999999', [0, 1, 2, 7, 8, 10]],
    ['>', '1e-999999999', [0, 1, 2, 7, 10]],
    ['>', 'a', [4, 6]],
    ['<', 'a', [3, 5]],
    ['>=', 'b', [4, 6]],
    ['<=', 'é', [3, 4, 5, 6]],
    ['>', '', [3, 4, 5, 6]],
  ])('%s %j', async (comparison, value, places) => {
    const database = await spansWith(...VALUES);
    expect(await passing(database, attribute('k', comparison, value))).toEqual(places.map(String));
  });
});

describe('a pattern matches the whole text', () => {
  test.each([
    ['a.*', ['a', 'ab', 'a\nb', ['x', 'ab']], ['0', '1', '2', '3']],
    ['b', ['ab', 'b', ['ab']], ['1']],
    ['a|b', ['a', 'b', 'ab', 'axb'], ['0', '1']],
    ['(?i)A', ['a', 'A', 'b'], ['0', '1']],
    ['\\d+', [5n, 5, 5.5, '5', true], ['0', '1', '3']],
    ['.', ['ü', '😀', 'ab', ''], ['0', '1']],
    ['', ['', 'a', [], null], ['0', '3']],
    ["it's", ["it's", 'its'], ['0']],
  ])('%j', async (pattern, values, places) => {
    const database = await spansWith(...(values as AttributeValue[]));
    expect(await passing(database, attribute('k', '=~', pattern))).toEqual(places);
  });
});

describe('where an attribute is looked for', () => {
  const spans = async () => {
    const [span] = draw('a | 0-1');
    const make = (id: string, attributes: Attributes, resource: Attributes): Span => ({
      ...span!,
      spanId: Buffer.from(id).toString('hex').padStart(16, '0'),
      attributes,
      resource: { 'service.name': 'service', ...resource },
    });
    const store = await storeOf([
      make('neither', {}, {}),
      make('span', { k: 'v' }, {}),
      make('res', {}, { k: 'v' }),
      make('both', { k: 'w' }, { k: 'v' }),
    ]);
    return store.database;
  };

  test.each<['span' | 'resource' | 'any', Comparison | 'exists' | 'absent', string[]]>([
    ['any', '=', ['res', 'span']],
    ['any', '!=', ['both']],
    ['any', 'exists', ['both', 'res', 'span']],
    ['any', 'absent', ['neither']],
    ['span', '=', ['span']],
    ['span', '!=', ['both']],
    ['span', 'exists', ['both', 'span']],
    ['span', 'absent', ['neither', 'res']],
    ['resource', '=', ['both', 'res']],
    ['resource', '!=', []],
    ['resource', 'exists', ['both', 'res']],
    ['resource', 'absent', ['neither', 'span']],
  ])('%s %s', async (scope, comparison, ids) => {
    const filter: Filter = { conditions: [{ on: 'attribute', scope, key: 'k', comparison, value: 'v' }] };
    expect((await passing(await spans(), filter)).sort()).toEqual(ids);
  });
});

test.each([
  [['it', "it's"], "'it', 'it''s'"],
  [['a\0b', '\0'], "('a' || chr(0) || 'b'), ('' || chr(0) || '')"],
])('%j is quoted', (texts, sql) => {
  expect(texts.map(sqlText).join(', ')).toBe(sql);
});

test('any text comes back from SQL as it was', async () => {
  const { database } = await openStore();
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary' })), async text => {
      expect(await database.value(`SELECT ${sqlText(text)}`)).toBe(text);
    }),
  );
});

test('a filter without conditions is true, of spans and of traces', () => {
  expect([spanPredicate(EVERYTHING), tracePredicate(EVERYTHING, 't.trace_id')]).toEqual(['true', 'true']);
});

test('a trace passes where one of its spans meets all conditions', async () => {
  const { database } = await storeOf(
    draw('a | 0-9 | web | get | client\n b | 1-2 | db | query | server', { traceId: '1' }),
    draw('a | 0-9 | web | get | server', { traceId: '2' }),
  );
  const filter: Filter = {
    conditions: [
      { on: 'service', comparison: '=', value: 'web' },
      { on: 'kind', value: 'server' },
    ],
  };
  const rows = await database.rows(`SELECT trace_id FROM trace t WHERE ${tracePredicate(filter, 't.trace_id')}`);
  expect(rows).toEqual([{ trace_id: 2n }]);
});

test('any filter passes in SQL the spans that it passes in memory', async () => {
  await fc.assert(
    fc.asyncProperty(
      spansWithAttributes,
      fc.array(filters, { minLength: 20, maxLength: 20 }),
      async (spans, wanted) => {
        const { database } = await storeOf(spans);
        const stored = await readSpans(database, 'TRUE');
        for (const filter of wanted) {
          const expected = stored.filter(span => passes(span, filter));
          expect([filter, (await readSpans(database, spanPredicate(filter))).map(({ spanId }) => spanId)]).toEqual([
            filter,
            expected.map(({ spanId }) => spanId),
          ]);
        }
      },
    ),
    { numRuns: 12 },
  );
});

const keys = fc.constantFrom('k', 'peer', 'http.route', "it's", 'a\0b');
const texts = fc.oneof(
  fc.constantFrom('5', '5.0', '05', '5e0', '-0', '0', '1e21', '1.5', '9223372036854775807', '9223372036854775808'),
  fc.constantFrom('', 'a', 'b', 'true', 'NaN', 'GET /', 'k', '-1', '1e-3', ...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc.double({ noDefaultInfinity: true, noNaN: true, min: -10, max: 10 }).map(String),
);
const scalars: fc.Arbitrary<AttributeValue> = fc.oneof(
  texts,
  fc.boolean(),
  fc.constantFrom<AttributeValue>(
    5n,
    0n,
    -1n,
    2n ** 63n - 1n,
    5,
    1.5,
    0,
    1e21,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    null,
  ),
  fc.bigInt({ min: -3n, max: 8n }),
);
const values: fc.Arbitrary<AttributeValue> = fc.oneof(
  { weight: 4, arbitrary: scalars },
  { weight: 2, arbitrary: fc.array(scalars, { maxLength: 3 }) },
  fc.constantFrom<AttributeValue>({ a: 5n }, new Uint8Array([1]), [['a']], [{ b: 5 }]),
);
const attributeMaps: fc.Arbitrary<Attributes> = fc
  .uniqueArray(fc.tuple(keys, values), { selector: ([key]) => key, maxLength: 3 })
  .map(entries => Object.fromEntries(entries));

const spansWithAttributes: fc.Arbitrary<readonly Span[]> = fc
  .tuple(
    traceSpans({ maxSpans: 30 }),
    fc.array(fc.tuple(attributeMaps, attributeMaps, texts), { minLength: 30, maxLength: 30 }),
  )
  .map(([spans, drafts]) =>
    spans.map((span, index): Span => {
      const [attributes, resource, service] = drafts[index]!;
      const serviceName = index % 3 === 0 && service !== '' ? service : span.serviceName;
      return { ...span, serviceName, attributes, resource: { ...resource, 'service.name': serviceName } };
    }),
  );

/** Patterns that RE2 and JavaScript read alike. */
const patterns = fc.oneof(
  fc.constantFrom(
    '.*',
    '',
    'a',
    'a|b',
    '[0-9.]+',
    '.',
    'GET.*',
    '(web|cart)',
    '\\d+',
    "it's",
    '[^a]*',
    'x?',
    '-?5(\\.0)?',
  ),
  texts.map(text => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')),
);

const conditions: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    on: fc.constantFrom('service' as const, 'name' as const),
    comparison: fc.constant('=' as const),
    value: fc.oneof(texts, fc.constantFrom('web', 'cart', 'SELECT')),
  }),
  fc.record({
    on: fc.constantFrom('service' as const, 'name' as const),
    comparison: fc.constant('=~' as const),
    value: patterns,
  }),
  fc.record({ on: fc.constant('kind' as const), value: fc.constantFrom(...SPAN_KINDS) }),
  fc.record({ on: fc.constant('status' as const), value: fc.constantFrom(...STATUS_CODES) }),
  fc.record({
    on: fc.constant('duration' as const),
    comparison: fc.constantFrom('>=' as const, '<=' as const),
    value: fc.bigInt({ min: 0n, max: 40n }),
  }),
  fc.record({
    on: fc.constant('start' as const),
    comparison: fc.constantFrom('>=' as const, '<' as const),
    value: fc.bigInt({ min: DRAWING_START, max: DRAWING_START + 40n }),
  }),
  ...(['=', '!=', '>', '>=', '<', '<=', 'exists', 'absent'] as const).map(comparison =>
    attributeCondition(comparison, texts),
  ),
  ...(['=~', '!~'] as const).map(comparison => attributeCondition(comparison, patterns)),
);
const filters: fc.Arbitrary<Filter> = fc
  .array(conditions, { minLength: 1, maxLength: 2 })
  .map(wanted => ({ conditions: wanted }));

function attributeCondition(
  comparison: Comparison | 'exists' | 'absent',
  value: fc.Arbitrary<string>,
): fc.Arbitrary<Condition> {
  return fc.record({
    on: fc.constant('attribute' as const),
    scope: fc.constantFrom('span' as const, 'resource' as const, 'any' as const),
    key: keys,
    comparison: fc.constant(comparison),
    value,
  });
}
