import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { traceIdOf } from '../../src/model/ids.ts';
import type { Span } from '../../src/model/span.ts';
import { type FoundTrace, findTrace, readSpans, readTrace } from '../../src/store/read-trace.ts';
import { attributeMaps, traceSpans } from '../support/arbitraries.ts';
import { draw, drawnIdOf } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

const IDS = [
  '4bf92f3577b34da6a3ce929d0e0e4736',
  '4bf92f3577b34da6ffffffffffffffff',
  '4bf92f0000000000000000000000abcd',
  'a3ce929d0e0e4736',
  '00c0ffee00000001',
  '7b',
];

async function foundBy(digits: string, ids = IDS): Promise<string> {
  const { database } = await storeOf(ids.flatMap(traceId => draw('a | 0-1 | web | get', { traceId })));
  return describeFound(await findTrace(database, { digits }));
}

function describeFound(found: FoundTrace): string {
  switch (found.found) {
    case 'one':
      return found.traceId;
    case 'several':
      return `several: ${found.candidates.map(({ traceId }) => traceId).join(' ')}`;
    case 'none':
      return `none, near: ${found.nearest.map(({ traceId }) => traceId).join(' ')}`;
  }
}

describe('a trace is found', () => {
  test.each([
    ['by its id', IDS[0]!, IDS[0]!],
    ['by the beginning of its id', '4bf92f3577b34da6a', IDS[0]!],
    ['by its short id', IDS[3]!, IDS[3]!.padStart(32, '0')],
    ['by the beginning of its short id', 'a3ce929', IDS[3]!.padStart(32, '0')],
    ['by the beginning of its short id, with zeros', '00c0ff', IDS[4]!.padStart(32, '0')],
    ['by its short id without the zeros before it', 'c0ffee00000001', IDS[4]!.padStart(32, '0')],
    ['by its id without the zeros before it, however short', '7b', '7b'.padStart(32, '0')],
    ['by its id with all its zeros', '7b'.padStart(32, '0'), '7b'.padStart(32, '0')],
  ])('%s', async (_, digits, id) => {
    expect(await foundBy(digits)).toBe(id);
  });
});

describe('several traces are found', () => {
  test('by a beginning that they share, in order of their ids', async () => {
    expect(await foundBy('4bf92f')).toBe(`several: ${IDS[2]} ${IDS[0]} ${IDS[1]}`);
  });

  test('and ten of them are named', async () => {
    const ids = Array.from({ length: 12 }, (_, index) => `abcdef${index.toString(16)}`.padEnd(32, '0'));
    expect(await foundBy('abcdef', ids)).toBe(`several: ${ids.slice(0, 10).join(' ')}`);
  });

  test('with what they are', async () => {
    const { database } = await storeOf(
      draw('a | 5-6 | web | get', { traceId: 'abcdef1'.padEnd(32, '0') }),
      draw('o | 7-8 | db | query | parent: gone', { traceId: 'abcdef2'.padEnd(32, '0') }),
    );
    const found = await findTrace(database, { digits: 'abcdef' });
    expect(found).toMatchObject({
      found: 'several',
      candidates: [
        { serviceName: 'web', name: 'get', startTimeUnixNano: 1_795_165_200_005_000_000n },
        { serviceName: 'db', name: 'query', startTimeUnixNano: 1_795_165_200_007_000_000n },
      ],
    });
  });
});

describe('no trace is found', () => {
  test.each([
    [
      'by another id; those that begin alike for longest are near',
      '4bf92f3577b34da6a3ce929d0e0e4737',
      `${IDS[0]} ${IDS[1]}`,
    ],
    ['by a beginning of five digits, though it is one', '4bf92', `${IDS[2]} ${IDS[0]} ${IDS[1]}`],
    ['by a beginning that goes wrong', '4bf92f35aa', `${IDS[0]} ${IDS[1]}`],
    ['by a short id that goes wrong', 'a3ce929d0e0e4735', IDS[3]!.padStart(32, '0')],
    ['by what nothing begins like', 'dddddddd', ''],
    ['by one digit', '4', ''],
  ])('%s', async (_, digits, nearest) => {
    expect(await foundBy(digits)).toBe(`none, near: ${nearest}`);
  });

  test('by too short a beginning; those that begin with it are near, before those that only begin like it', async () => {
    const ids = ['abcd0', 'abcd1', 'abcd2', 'abcde'].map(beginning => beginning.padEnd(32, '0'));
    expect(await foundBy('abcde', ids)).toBe(`none, near: ${ids[3]}`);
  });

  test('and no more than three are near', async () => {
    const ids = Array.from({ length: 5 }, (_, index) => `abcdef${index}`.padEnd(32, '0'));
    expect(await foundBy('abcdefff', ids)).toBe(`none, near: ${ids.slice(0, 3).join(' ')}`);
  });
});

test('a trace is found by any beginning that it alone has', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.bigInt({ min: 1n, max: 2n ** 128n - 1n }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 6, max: 32 }),
      async (integers, length) => {
        const ids = integers.map(traceIdOf);
        const [wanted] = ids;
        const digits = wanted!.slice(0, length);
        fc.pre(ids.filter(id => id.startsWith(digits)).length === 1 && !digits.startsWith('0'));
        expect(await foundBy(digits, ids)).toBe(wanted);
      },
    ),
    { numRuns: 20 },
  );
});

describe('a trace is read', () => {
  test('in display order', async () => {
    const { database } = await storeOf(
      draw('b | 5-6 | | | parent: a\na | 0-9\n c | 1-2', { traceId: '1' }),
      draw('d | 0-1', { traceId: '2' }),
    );
    const spans = await readTrace(database, '1'.padStart(32, '0'));
    expect(spans.map(({ spanId }) => drawnIdOf(spanId))).toEqual(['a', 'c', 'b']);
  });

  test('of which there is none as no spans', async () => {
    const { database } = await storeOf(draw('a | 0-1'));
    expect(await readTrace(database, 'f'.repeat(32))).toEqual([]);
  });
});

describe('spans are read', () => {
  test('as they were, with all that belongs to them', async () => {
    const span: Span = {
      ...draw('a | 0-1 | web | get | server, error: no')[0]!,
      startTimeUnixNano: 2n ** 63n - 2n,
      durationNano: 1n,
      flags: 0x301,
      traceState: 'ot=th:8',
      droppedAttributesCount: 1,
      droppedEventsCount: 2,
      droppedLinksCount: 3,
      attributes: { whole: 2n ** 63n - 1n, least: -(2n ** 63n), bytes: new Uint8Array([1]), nested: { a: [1n, null] } },
      resource: { 'service.name': 'web', pid: 7n },
      scope: { name: 'lib', version: '1.0', attributes: { k: 'v' } },
      events: [
        { timeUnixNano: 2n ** 63n - 1n, name: 'late', attributes: { n: 1n } },
        { timeUnixNano: 3n, name: 'early', attributes: {} },
        { timeUnixNano: 3n, name: 'also early', attributes: { k: 'v' } },
      ],
      links: [
        { traceId: 'f'.repeat(32), spanId: 'e'.repeat(16), attributes: { k: 1.5 } },
        { traceId: '1'.padStart(32, '0'), spanId: '2'.padStart(16, '0'), attributes: {} },
      ],
    };
    const { database } = await storeOf([span]);
    expect(await readSpans(database, 'TRUE')).toEqual([
      {
        ...span,
        events: [span.events[2], span.events[1], span.events[0]],
        links: [span.links[1], span.links[0]],
      },
    ]);
  });

  test('by any numbers, few or many', async () => {
    const spans = Array.from(
      { length: 1000 },
      (_, index) => draw(`a | ${index}-${index + 1} | | | event: e @ ${index}`, { traceId: String(index + 1) })[0]!,
    );
    const { database } = await storeOf(spans);
    for (const step of [1, 2, 100]) {
      const read = await readSpans(database, `span_no % ${step} = 0`);
      expect(read).toHaveLength(1000 / step);
      for (const span of read)
        expect(span.events).toEqual([{ timeUnixNano: span.startTimeUnixNano, name: 'e', attributes: {} }]);
    }
  });

  test('with more operations and attributes than are asked for at a time', async () => {
    const [span] = draw('a | 0-10 | shop | GET /');
    const spans = Array.from({ length: 1200 }, (_, index) => ({
      ...span!,
      spanId: (index + 1).toString(16).padStart(16, '0'),
      name: `GET /${index}`,
      attributes: Object.fromEntries(Array.from({ length: 5 }, (_, key) => [`key.${key}`, `${index} of ${key}`])),
    }));
    const { database } = await storeOf(spans);
    const read = await readSpans(database, 'true', 's.span_id');
    expect(read.map(({ name, attributes }) => ({ name, attributes }))).toEqual(
      spans.map(({ name, attributes }) => ({ name, attributes })),
    );
  });

  test('in the order that is asked for', async () => {
    const { database } = await storeOf(draw('a | 0-9\n b | 1-3\n c | 2-9'));
    const spans = await readSpans(database, 's.depth = 1', 's.duration_ns DESC');
    expect(spans.map(({ spanId }) => drawnIdOf(spanId))).toEqual(['c', 'b']);
  });

  test('of which there are none', async () => {
    const { database } = await storeOf(draw('a | 0-9'));
    expect(await readSpans(database, 'FALSE')).toEqual([]);
  });

  test('with attributes that were stored far apart', async () => {
    const spans = draw('a | 0-9\n many | 1-2\n b | 3-4\n c | 5-6');
    const values = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, index) => [`k${index % 50}.${index}`, `v${index}`]),
    );
    const attributes = [{ first: 'a' }, values, { first: 'b' }, { last: 'c' }];
    const { database } = await storeOf(spans.map((span, index): Span => ({ ...span, attributes: attributes[index]! })));
    const read = await readSpans(
      database,
      's.span_id NOT IN (SELECT span_id FROM span WHERE len(attribute_ids) > 1000)',
    );
    expect(read.map(span => span.attributes)).toEqual([{ first: 'a' }, { first: 'b' }, { last: 'c' }]);
    const all = await readSpans(database, 'TRUE');
    expect(all.map(span => span.attributes)).toEqual(attributes);
  });

  test('with any attributes, of span, resource, scope, event and link', async () => {
    await fc.assert(
      fc.asyncProperty(
        traceSpans({ maxSpans: 3 }),
        fc.array(attributeMaps, { minLength: 5, maxLength: 5 }),
        async (spans, maps) => {
          const full = spans.map((span, index): Span => {
            const of = (part: number) => maps[(index + part) % 5]!;
            return {
              ...span,
              attributes: of(0),
              resource: { ...of(1), 'service.name': span.serviceName },
              scope: { name: 's', version: '', attributes: of(2) },
              events: [{ timeUnixNano: 1n, name: 'e', attributes: of(3) }],
              links: [{ traceId: span.traceId, spanId: span.spanId, attributes: of(4) }],
            };
          });
          const { database } = await storeOf(full);
          const byId = (a: Span, b: Span) => (a.spanId < b.spanId ? -1 : 1);
          expect((await readSpans(database, 'TRUE')).sort(byId)).toEqual(full.toSorted(byId));
        },
      ),
      { numRuns: 15 },
    );
  });
});
