import { describe, expect, test } from 'vitest';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import { MAX_LENGTH } from '../../src/query/traceql/parser.ts';
import { printQuery } from '../../src/query/traceql/printer.ts';
import { renderCaret, TraceqlError } from '../../src/query/traceql/traceql-error.ts';
import { outcomeOf, readQueries } from './queries.ts';

const faultOf = (query: string): TraceqlError => {
  try {
    parseQuery(query);
  } catch (error) {
    if (error instanceof TraceqlError) return error;
    throw error;
  }
  throw new Error(`no fault: ${query.slice(0, 100)}`);
};

describe('queries that are sound', () => {
  test.each(readQueries('valid'))('$query', ({ query, block }) => {
    expect(outcomeOf(query, { strict: true })).toBe(block);
  });

  test.each(readQueries('valid'))('as printed: $query', ({ query }) => {
    const text = printQuery(parseQuery(query));
    expect(printQuery(parseQuery(text, { strict: true }))).toBe(text);
  });
});

describe('queries that are no TraceQL', () => {
  test.each(readQueries('parse-errors'))('$query', ({ query, block }) => {
    expect(outcomeOf(query)).toBe(block);
  });

  test.each(['', ' ', '\n\t', '// nothing', '/* nothing */'])('%j', query => {
    expect(faultOf(query)).toMatchObject({
      kind: 'parse',
      message: 'expected a query, found the end of the query',
      hint: 'the query { } finds every span',
      from: query.length,
      to: query.length,
    });
  });

  test('say what could have stood there', () => {
    expect(faultOf('{ .a').expected).toEqual(['}', 'an operator']);
    expect(faultOf('{ span:nmae = 1 }').expected).toContain('span:name');
    expect(faultOf('{ name = 1 }').expected).toEqual([]);
  });
});

describe('queries that can mean nothing', () => {
  test.each(readQueries('validation-errors'))('$query', ({ query, block }) => {
    expect(outcomeOf(query)).toBe(block);
  });
});

describe('extensions of tailspan', () => {
  test.each(readQueries('extensions'))('$query', ({ query, block }) => {
    const [sound, ...refused] = block.split(/^= .*\n/m);
    const strict = outcomeOf(query, { strict: true });
    expect(outcomeOf(query)).toBe(block.replace(/\n {2}[ ^]+\n!.*\n>.*$/, ''));
    expect(strict).toBe(`${sound}${refused.join('')}`);
  });
});

describe('hostile queries', () => {
  const sentence = 'the query nests more than 200 levels deep';

  test.each([
    ['brackets around values', `{ ${'('.repeat(10_000)}.a${')'.repeat(10_000)} }`],
    ['brackets around spans', `${'('.repeat(10_000)}{ }${')'.repeat(10_000)}`],
    ['open brackets', '('.repeat(100_000)],
    ['open braces of values', `{ ${'('.repeat(100_000)}`],
    ['negations', `{ ${'!'.repeat(100_000)}.a }`],
    ['minus signs', `{ ${'-'.repeat(100_000)}.a = 1 }`],
    ['powers', `{ ${'2 ^ '.repeat(20_000)}2 = 1 }`],
    ['sums', `{ ${'1 + '.repeat(20_000)}1 = 1 }`],
    ['comparisons', `{ ${'.a = '.repeat(20_000)}.a }`],
    ['alternations', `{ ${'.a && .b || '.repeat(9000)}.a }`],
    ['relations', `${'{ } >> '.repeat(15_000)}{ }`],
    ['sums of numbers', `{ } | ${'count() + '.repeat(10_000)}1 > 1`],
    ['sums of metrics', `${'({ } | rate()) + '.repeat(7000)}1`],
    ['sums under sums', `{ ${'('.repeat(150)}.a${' + 1)'.repeat(150)}${' + 1'.repeat(150)} = 1 }`],
  ])('%s get a sentence', (_, query) => {
    expect(faultOf(query)).toMatchObject({ kind: 'parse', message: sentence });
  });

  test('long chains of one operator are read', () => {
    const conditions = Array.from({ length: 5000 }, (_, index) => `.id = ${index}`);
    const query = `{ ${conditions.join(' || ')} }`;
    expect(printQuery(parseQuery(query))).toBe(query);
    const sets = `${'{ .a } && '.repeat(5000)}{ .a }`;
    expect(printQuery(parseQuery(sets))).toBe(sets);
  });

  test('many stages, keys and second stages are read', () => {
    const stages = `{ }${' | { .a }'.repeat(5000)}`;
    expect(printQuery(parseQuery(stages))).toBe(stages);
    const series = `{ } | rate() by (${Array.from({ length: 5000 }, () => '.a').join(', ')})${' > 1'.repeat(5000)}`;
    expect(printQuery(parseQuery(series))).toBe(series);
  });

  test.each([
    ['a string', `{ name = "${'a'.repeat(1_000_000)}" }`],
    ['blanks', ' '.repeat(1_000_000)],
    ['brackets', '('.repeat(1_000_000)],
  ])('%s of a megabyte is too long', (_, query) => {
    expect(faultOf(query)).toMatchObject({
      kind: 'parse',
      message: `the query is ${query.length} characters long, and at most ${MAX_LENGTH} are read`,
      hint: 'ask in several queries',
    });
  });

  test.each([
    ['string', `"${'a'.repeat(120_000)}"`],
    ['string of escapes', `"${'\\n'.repeat(60_000)}"`],
    ['name', `."${'\\"'.repeat(60_000)}" = "a"`],
    ['number', `.a = ${'9'.repeat(300)}.0`],
    ['comment', `/*${'*'.repeat(120_000)}*/ "a"`],
  ])('a long %s is read, or told', (_, value) => {
    expect(() => parseQuery(`{ name = ${value} }`)).not.toThrow(RangeError);
  });

  test('an unending comment, string and name are told at their start', () => {
    expect(faultOf(`{ ${'/* '.repeat(40_000)}`)).toMatchObject({ from: 2, message: 'a comment has no end' });
    expect(faultOf(`{ name = "${'a'.repeat(120_000)}`)).toMatchObject({ from: 9, message: 'a string has no end' });
    expect(faultOf(`{ ."${'a'.repeat(120_000)}`)).toMatchObject({ from: 3 });
  });

  test('a very long regular expression is checked', () => {
    expect(faultOf(`{ name =~ "${'('.repeat(1000)}" }`).message).toBe(
      'the regular expression nests more than 250 groups',
    );
    expect(parseQuery(`{ name =~ "${'(a|b)*'.repeat(10_000)}" }`).root.kind).toBe('pipeline');
  });
});

describe('carets', () => {
  test('stand below the fault, in its line', () => {
    const query = '{ name = "a" }\n| by(nmae)\n| count() > 1';
    expect(renderCaret(query, faultOf(query))).toEqual(['| by(nmae)', '     ^^^^']);
  });

  test('stand behind the last character where something is missing', () => {
    expect(renderCaret('{ .a', faultOf('{ .a'))).toEqual(['{ .a', '    ^']);
  });

  test('stand below one character where the fault goes on in the next line', () => {
    expect(renderCaret('{ 1 +\n"a" }', { from: 2, to: 9 })).toEqual(['{ 1 +', '  ^^^']);
  });

  test('count columns, and blanks for what cannot be shown', () => {
    const query = '{ name = "🦊🦊"\t&& x }';
    expect(renderCaret(query, faultOf(query))).toEqual(['{ name = "🦊🦊" && x }', '                   ^']);
  });

  test('stay in a long line, which is cut around them', () => {
    const query = `{ ${'.a && '.repeat(100)}nmae = "a"${' && .b'.repeat(100)} }`;
    const [line, carets] = renderCaret(query, faultOf(query), 60);
    expect(line).toHaveLength(60);
    expect(line.slice(carets.indexOf('^'), carets.length)).toBe('nmae');
    expect([line.at(0), line.at(-1)]).toEqual(['…', '…']);
  });

  test('fit where all of a long line is wrong', () => {
    const [line, carets] = renderCaret('x'.repeat(500), { from: 0, to: 500 }, 40);
    expect([line.length, carets]).toEqual([40, '^'.repeat(40)]);
  });
});
