import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childrenOf, type Node } from '../../src/query/traceql/ast.ts';
import { formatDuration, formatFloat, parseDuration, quoteString } from '../../src/query/traceql/literals.ts';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import { printExpression, printNode, printQuery } from '../../src/query/traceql/printer.ts';
import { renderCaret, TraceqlError } from '../../src/query/traceql/traceql-error.ts';
import { conditions, metricsQueries, searchQueries, spansets, withoutPlaces } from './arbitrary-query.ts';
import { readQueries } from './queries.ts';

const FILES = ['valid', 'extensions', 'parse-errors', 'validation-errors'];
const written = FILES.flatMap(name => readQueries(name).map(({ query }) => query));

/** Reads a query; undefined where that is refused, and only by a `TraceqlError`. */
function read(query: string) {
  try {
    return parseQuery(query);
  } catch (error) {
    if (!(error instanceof TraceqlError)) throw error;
    expect(error.from).toBeGreaterThanOrEqual(0);
    expect(error.to).toBeGreaterThanOrEqual(error.from);
    expect(error.to).toBeLessThanOrEqual(query.length);
    expect(error.hint?.length).toBeGreaterThan(0);
    expect(error.message).not.toMatch(/undefined|^[A-Z]/);
    const [line, carets] = renderCaret(query, error, 80);
    expect(carets).toMatch(/^ *\^+$/);
    expect([...line].length).toBeLessThanOrEqual(81);
    return undefined;
  }
}

describe('printing and reading', () => {
  test.each([
    ['searches', searchQueries],
    ['metrics', metricsQueries],
  ])('%s come back as they were', (_, queries) => {
    fc.assert(
      fc.property(queries, query => {
        expect(withoutPlaces(parseQuery(printQuery(query)))).toEqual(withoutPlaces(query));
      }),
      { numRuns: 1000 },
    );
  });

  test('parts come back as they were', () => {
    fc.assert(
      fc.property(conditions, spansets, (condition, spanset) => {
        const { root } = parseQuery(`{ ${printExpression(condition)} } | ${printNode(spanset)}`);
        const stages = childrenOf(root);
        expect(withoutPlaces(childrenOf(stages[0] ?? root)[0] ?? root)).toEqual(withoutPlaces(condition));
        expect(stages.slice(1).map(withoutPlaces)).toEqual(
          (spanset.kind === 'pipeline' ? spanset.stages : [spanset]).map(withoutPlaces),
        );
      }),
    );
  });

  test('nodes stand where their text is, within what they are part of and in its order', () => {
    const check = (node: Node, query: string) => {
      expect([node.from, node.to]).toEqual([expect.any(Number), expect.any(Number)]);
      let end = node.from;
      for (const child of childrenOf(node)) {
        expect(child.from).toBeGreaterThanOrEqual(end);
        expect(child.to).toBeLessThanOrEqual(node.to);
        end = child.to;
        check(child, query);
      }
    };
    fc.assert(
      fc.property(fc.oneof(searchQueries, metricsQueries), query => {
        const text = printQuery(query);
        const parsed = parseQuery(text);
        expect([parsed.from, parsed.to]).toEqual([0, text.length]);
        check(parsed, text);
      }),
    );
  });
});

describe('any text is read, or refused with a place and a hint', () => {
  test('characters of queries in any order', () => {
    const character = fc.constantFrom(...'{}()=~!<>&|^,.:+-*/%"`\\ \nabn019_µ🦊');
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 40 }), query => void read(query)),
      { numRuns: 2000 },
    );
  });

  test('words of queries in any order', () => {
    const words = [...new Set(written.flatMap(query => query.match(/\w+|\S/g) ?? []))];
    const query = fc.array(fc.constantFrom(...words), { maxLength: 20 }).map(chosen => chosen.join(' '));
    fc.assert(
      fc.property(query, text => void read(text)),
      { numRuns: 2000 },
    );
  });

  test('queries that were cut, joined and changed', () => {
    const cut = fc.tuple(fc.constantFrom(...written), fc.nat(), fc.nat(), fc.string({ maxLength: 3 }));
    fc.assert(
      fc.property(cut, ([query, a, b, between]) => {
        const [start, end] = [a % (query.length + 1), b % (query.length + 1)];
        read(query.slice(0, start) + between + query.slice(end));
      }),
      { numRuns: 3000 },
    );
  });

  test('what is read prints as text that is read alike', () => {
    const mixed = fc.tuple(
      fc.constantFrom(...written),
      fc.constantFrom(...written),
      fc.constantFrom('|', '&&', '>>', '+'),
    );
    fc.assert(
      fc.property(mixed, ([left, right, operator]) => {
        const query = read(`(${left}) ${operator} (${right})`);
        if (query === undefined) return;
        expect(withoutPlaces(parseQuery(printQuery(query)))).toEqual(withoutPlaces(query));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('literals', () => {
  test('durations come back exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), nanos => {
        expect(parseDuration(formatDuration(nanos))).toBe(nanos);
      }),
    );
  });

  test.each([
    ['1h30m', 5_400_000_000_000n],
    ['1.5s', 1_500_000_000n],
    ['0.000000001s', 1n],
    ['1.0000000019s', 1_000_000_001n],
    ['106751d23h47m16s854ms', 9_223_372_036_854_000_000n],
    ['2562047h47m16.854775807s', 2n ** 63n - 1n],
    ['.5ms', 500_000n],
    ['1.h', 3_600_000_000_000n],
    ['1µs', 1000n],
    ['1μs', 1000n],
    ['2w', 1_209_600_000_000_000n],
    ['1m1h', 3_660_000_000_000n],
  ])('%s', (text, nanos) => {
    expect(parseDuration(text)).toBe(nanos);
  });

  test.each([
    '2562047h47m16.854775808s',
    '1d1us',
    '1s1s1d',
    '1.5w',
    '1.w',
    's',
    '.s',
    '1',
    '',
    '1 s',
    '1S',
    '1e3s',
    '-1s',
  ])('%j is no duration', text => {
    expect(parseDuration(text)).toBeTypeOf('string');
  });

  test('doubles come back as doubles', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
        const text = formatFloat(value);
        expect(text).toMatch(/[.e]/);
        expect(Number(text)).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  test('strings come back, whatever is in them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const { root } = parseQuery(`{ name = ${quoteString(text)} }`);
        expect(withoutPlaces(root)).toMatchObject({ stages: [{ condition: { right: { value: text } } }] });
      }),
    );
  });
});
