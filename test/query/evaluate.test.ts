import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { buildTrace, type Trace, type TraceNode } from '../../src/model/trace.ts';
import { sqlText } from '../../src/query/compile/sql-value.ts';
import { compileEvaluator, evaluateQuery } from '../../src/query/evaluate/evaluator.ts';
import { compileRegex } from '../../src/query/evaluate/regex.ts';
import { compareNumbers, compareTexts, compute } from '../../src/query/evaluate/values.ts';
import { STRUCTURE } from '../../src/query/traceql/operators.ts';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import { TraceqlError } from '../../src/query/traceql/traceql-error.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { draw } from '../support/drawn-trace.ts';
import { openStore } from '../support/load.ts';
import { searchQueries } from './arbitrary-query.ts';
import { testSemantics } from './semantics/cases.ts';

testSemantics((query, trace) =>
  evaluateQuery(query, trace).map(({ spans, attributes }) => ({
    names: spans.map(({ span }) => span.name),
    attributes,
  })),
);

/** Indexes of the spans that a query finds. */
function find(query: string, trace: Trace): number[] {
  return evaluateQuery(parseQuery(query), trace).flatMap(({ spans }) => spans.map(({ index }) => index));
}

const traces = traceSpans({ maxSpans: 16 }).map(buildTrace);

describe('structural operators are what their definitions say of each pair of spans', () => {
  const isAbove = (above: TraceNode, below: TraceNode): boolean =>
    below.parent !== undefined && (below.parent === above || isAbove(above, below.parent));
  const areSiblings = (a: TraceNode, b: TraceNode) => {
    if (a === b) return false;
    if (a.parentage === 'orphan' && b.parentage === 'orphan') return a.span.parentSpanId === b.span.parentSpanId;
    return a.parent !== undefined && a.parent === b.parent;
  };
  /** Says whether `b`, of the right side, stands to `a` as the operator asks. */
  const relates: Record<string, (a: TraceNode, b: TraceNode) => boolean> = {
    child: (a, b) => b.parent === a,
    parent: (a, b) => a.parent === b,
    descendant: isAbove,
    ancestor: (a, b) => isAbove(b, a),
    sibling: areSiblings,
  };

  test.each(Object.entries(STRUCTURE))('%s', (operator, { relation, keeps }) => {
    const stands = relates[relation]!;
    fc.assert(
      fc.property(traces, trace => {
        const left = trace.nodes.filter(({ span }) => span.serviceName !== 'bank');
        const right = trace.nodes.filter(({ span }) => span.status.code !== 'ok');
        const expected = trace.nodes.filter(node => {
          const isRelated = right.includes(node) && left.some(a => stands(a, node));
          if (keeps === 'not') return right.includes(node) && !isRelated;
          return isRelated || (keeps === 'both' && left.includes(node) && right.some(b => stands(node, b)));
        });
        expect(find(`{ resource.service.name != "bank" } ${operator} { status != ok }`, trace)).toEqual(
          expected.map(({ index }) => index),
        );
      }),
    );
  });
});

test('what is asked of ancestors and parents is what structural operators find', () => {
  fc.assert(
    fc.property(traces, trace => {
      const below = find('{ kind = server } >> { }', trace);
      expect(find('{ ancestor:kind = server }', trace)).toEqual(below);
      // Not asked once for all spans, since the other side is not the same for all of them.
      expect(find('{ ancestor:kind = server || (ancestor:kind = kind && kind = server) }', trace)).toEqual(below);
      expect(find('{ parent:kind = server }', trace)).toEqual(find('{ kind = server } > { }', trace));
    }),
  );
});

test('nested-set numbers say who is above whom, and no number is used twice', () => {
  fc.assert(
    fc.property(traces, trace => {
      const numbers = trace.nodes.flatMap(({ index }) => {
        const numberOf = (name: string) => {
          const [spanset] = evaluateQuery(parseQuery(`{ } | by(span:id) | min(${name}) > 0 | { }`), trace).filter(
            ({ spans }) => spans[0]?.index === index,
          );
          return Number(spanset?.attributes.at(-1)?.value);
        };
        return [numberOf('nestedSetLeft'), numberOf('nestedSetRight')];
      });
      expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
      for (const node of trace.nodes) {
        for (let above = node.parent; above !== undefined; above = above.parent) {
          expect(numbers[above.index * 2]).toBeLessThan(numbers[node.index * 2]!);
          expect(numbers[above.index * 2 + 1]).toBeGreaterThan(numbers[node.index * 2 + 1]!);
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('grouping takes every span once, and coalesce() gives all of them back', () => {
  fc.assert(
    fc.property(traces, trace => {
      const groups = evaluateQuery(parseQuery('{ } | by(name) | by(kind)'), trace);
      const all = trace.nodes.map(({ index }) => index);
      expect(groups.flatMap(({ spans }) => spans.map(({ index }) => index)).toSorted((a, b) => a - b)).toEqual(all);
      const firsts = groups.map(({ spans }) => spans[0]!.index);
      expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
      expect(find('{ } | by(name) | by(kind) | coalesce()', trace)).toEqual(all);
    }),
  );
});

test('spansets are not empty, in display order, and share no span', () => {
  const rich = traceSpans({ maxSpans: 12, hasAttributes: true }).map(buildTrace);
  fc.assert(
    fc.property(searchQueries, rich, (query, trace) => {
      const spansets = evaluateQuery(query, trace).map(({ spans }) => spans.map(({ index }) => index));
      for (const indexes of spansets) expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
      expect(spansets.filter(({ length }) => length === 0)).toEqual([]);
      expect(new Set(spansets.flat()).size).toBe(spansets.flat().length);
    }),
    { numRuns: 1000 },
  );
});

describe('a trace of 100,000 spans', () => {
  const [drawn] = draw('a | 0-100');
  const spans = (parentOf: (index: number) => number | undefined): Span[] =>
    Array.from({ length: 100_000 }, (_, index) => ({
      ...drawn!,
      spanId: idOf(index),
      parentSpanId: parentOf(index) === undefined ? undefined : idOf(parentOf(index)!),
      name: index % 2 === 0 ? 'even' : 'odd',
      startTimeUnixNano: drawn!.startTimeUnixNano + BigInt(index),
      attributes: index === 50_000 ? { x: 1n } : {},
    }));
  const idOf = (index: number) => (index + 1).toString(16).padStart(16, '0');

  test('one below the other', () => {
    const trace = buildTrace(spans(index => (index === 0 ? undefined : index - 1)));
    expect(find('{ .x = 1 } >> { }', trace)).toHaveLength(49_999);
    expect(find('{ .x = 1 } << { }', trace)).toHaveLength(50_000);
    expect(find('{ ancestor.x = 1 }', trace)).toHaveLength(49_999);
    expect(find('{ name = "odd" } &>> { name = "even" }', trace)).toHaveLength(99_998);
    expect(find('{ nestedSetRight - nestedSetLeft = 1 }', trace)).toEqual([99_999]);
  });

  test('all beside each other', () => {
    const trace = buildTrace(spans(index => (index === 0 ? undefined : 0)));
    expect(find('{ name = "odd" } ~ { name = "even" }', trace)).toHaveLength(49_999);
    expect(find('{ } !>> { }', trace)).toEqual([0]);
    expect(find('{ parent:name = name }', trace)).toHaveLength(49_999);
  });
});

describe('values', () => {
  const integers = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

  /** A finite double as a multiple of the least one there is. */
  function multipleOfLeast(value: number): bigint {
    const bits = new BigUint64Array(new Float64Array([value]).buffer)[0]!;
    const exponent = (bits >> 52n) & 0x7ffn;
    const fraction = bits & 0xfffffffffffffn;
    const size = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
    return value < 0 ? -size : size;
  }

  test('an integer and a double compare as the numbers that they are', () => {
    const near = integers.chain(integer =>
      fc.tuple(fc.constant(integer), fc.constantFrom(Number(integer), Number(integer) / 2)),
    );
    const any = fc.tuple(integers, fc.double({ noNaN: true, noDefaultInfinity: true }));
    fc.assert(
      fc.property(fc.oneof(near, any), ([integer, double]) => {
        const [a, b] = [integer * 2n ** 1074n, multipleOfLeast(double)];
        expect(compareNumbers(integer, double)).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  test('texts compare as their UTF-8 bytes', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\uf8ff', '\ud7ff', '😀', '🚀'), maxLength: 4 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareTexts(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });

  test('whole numbers compute exactly where an int64 holds the result', () => {
    const isInt64 = (value: bigint) => BigInt.asIntN(64, value) === value;
    fc.assert(
      fc.property(integers, integers, (a, b) => {
        for (const [operator, exact] of [
          ['+', a + b],
          ['-', a - b],
          ['*', a * b],
        ] as const) {
          expect(compute(operator, a, b)).toBe(isInt64(exact) ? exact : Number(exact));
        }
        if (b !== 0n) expect(BigInt(compute('/', a, b)!) * b + BigInt(compute('%', a, b)!)).toBe(a);
      }),
      {
        examples: [
          [2n ** 63n - 1n, 1n],
          [0n, 0n],
        ],
      },
    );
  });

  test('powers are those of IEEE 754, and whole where they can be', () => {
    expect(compute('^', 1, Number.NaN)).toBe(1);
    expect(compute('^', -1, Number.POSITIVE_INFINITY)).toBe(1);
    expect(compute('^', 2n, -1n)).toBe(0.5);
    expect(compute('^', 0n, -1n)).toBe(Number.POSITIVE_INFINITY);
    expect(compute('^', 0n, 0n)).toBe(1n);
    expect(compute('^', -1n, 2n ** 62n + 1n)).toBe(-1n);
    expect(compute('^', 7n, 22n)).toBe(7n ** 22n);
    expect(compute('^', 7n, 23n)).toBe(7 ** 23);
    expect(compute('^', '2', 2n)).toBeUndefined();
  });
});

describe('regular expressions', () => {
  const regexOf = (pattern: string) =>
    compileRegex({ kind: 'literal', type: 'string', value: pattern, from: 3, to: 9 });

  const PATTERNS = [
    '',
    '(?m)^a$\n^b$',
    '^a$\n^b$',
    '(?m:a$)\nb',
    ...String.raw`
      . .* a A ab|cd (ab|cd)+ a*?b a{2} a{,2} a{2,} (?:)* ^*a$+ ()|a (|a)* ((a)|b)* (?P<n>a)(?P<m>b) (?U)a+
      (?i)a (?i:a)b a(?i)b (a(?i)b|c)d (?i)a(?-i)b (?i)k (?i)s+ (?i)ω (?i)[a-f]+ (?i)[^a] (?s). (?-s). (?ms)^.*$
      \d+ \D \w+ \W \s \S [\d] [^\d] [\s] [^\s] [\S] [^\S] [\W] [\w.]+
      \pL+ \PL \p{L} \p{Lu} \p{^Lu} \P{^Lu} \p{Greek} \P{Greek} [\p{Greek}a] \pN \p{Any}
      [[:alpha:]]+ [[:^alpha:]] [[:space:]] [[:punct:]]+ [^[:punct:]] [[:word:]]+ [[:xdigit:]]+ [[:cntrl:]]
      [[:ascii:]] [[:blank:]] [[:graph:]] [[:print:]] [[:lower:][:digit:]]+ [[:^digit:][:digit:]]
      []a] [^]a] [a-] [-a] [a\-c] [a-c] [\]] [[] [&&a] [a^] [\^a] [{}] [\n] [\x61-\x63] [^a] [^\n]
      \x61 \x{61} \x{1F600} [\x{1F600}-\x{1F64F}] \141 \012 \0 \a \t \v \f \n \r
      \Qa.b\E \Qa.b \Qa\E+ \. a\.b \- \/ \" \{ { a{ a{x} } ] a}b]
      \Aa\z \ba\b \Ba a\b.b \b \B (a|b\b)+ .b ..`
      .trim()
      .split(/\s+/),
  ];
  const TEXTS = [
    ...'aAbBkKsSωΩ\u2126\u212a\u017féß😀🚀\u00a0\u2028\n\r\t\v\f\u0007\u0000\u007f !07٣_.-/"{}[]^&\\fFgl',
    ...' ab AB aB Ab cd abcd aBd Cd cD cdab aa aab aaa a.b axb sS 12 .. a{ a{x} a{,2} a}b] !? abc a+ z9_ A1f'.split(
      ' ',
    ),
    ...['a\nb', 'a\n', '\nb', 'a b'],
  ];

  test('match what RE2 matches', async () => {
    const { database } = await openStore();
    const list = (texts: readonly string[]) => `[${texts.map(sqlText).join(', ')}]`;
    const rows = await database.rows(`
      SELECT p, t FROM (SELECT unnest(${list(PATTERNS)}) AS p), (SELECT unnest(${list(TEXTS)}) AS t)
      WHERE regexp_full_match(t, p, 's')`);
    const matched = new Set(rows.map(({ p, t }) => JSON.stringify([p, t])));
    const pairs = PATTERNS.flatMap(pattern => TEXTS.map(text => [pattern, text] as const));
    const found = pairs.filter(([pattern, text]) => regexOf(pattern).test(text)).map(pair => JSON.stringify(pair));
    expect(found.filter(pair => !matched.has(pair))).toEqual([]);
    expect([...matched].filter(pair => !found.includes(pair))).toEqual([]);
  });

  test('that JavaScript does not have are refused, with their place', () => {
    const query = parseQuery('{ name = "a" && name =~ `(?i)[[:^lower:]]` }');
    expect(() => compileEvaluator(query)).toThrow(TraceqlError);
    expect(() => compileEvaluator(query)).toThrow(expect.objectContaining({ kind: 'validation', from: 24, to: 42 }));
  });
});

test('a metrics query is not for spansets', () => {
  expect(() => compileEvaluator(parseQuery('{ } | rate()'))).toThrow(TypeError);
});
