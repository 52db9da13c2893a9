import { describe, expect, test } from 'vitest';
import {
  attributeCondition,
  durationCondition,
  EVERYTHING,
  EVERYTHING_TEXT,
  isEverything,
  kindCondition,
  nameCondition,
  narrowed,
  queryOfConditions,
  serviceCondition,
  startCondition,
  statusCondition,
} from '../../src/query/flags.ts';
import type { FieldExpression } from '../../src/query/traceql/ast.ts';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import { printQuery } from '../../src/query/traceql/printer.ts';
import { withoutPlaces } from './arbitrary-query.ts';

const printed = (...conditions: FieldExpression[]) => printQuery(queryOfConditions(conditions));

describe('a condition on an attribute', () => {
  test.each([
    ['http.route', '.http.route != nil'],
    ['!http.route', '.http.route = nil'],
    ['! http.route', '.http.route = nil'],
    ['k=v', '.k = "v"'],
    ['k!=v', '.k != nil && !(.k = "v")'],
    ['k=~v.*', '.k =~ "v.*"'],
    ['k!~v.*', '.k != nil && !(.k =~ "v.*")'],
    ['k>1', '.k > 1'],
    ['k>=1', '.k >= 1'],
    ['k<1', '.k < 1'],
    ['k<=-1.5', '.k <= -1.5'],
    ['k>abc', '.k > "abc"'],
    [' k = v ', '.k = "v"'],
    ['k=', '.k = ""'],
    ['k==v', '.k = "=v"'],
    ['k=a=b', '.k = "a=b"'],
    ['k=a\nb', '.k = "a\\nb"'],
    ['k=!~<>', '.k = "!~<>"'],
    ['k=5', '.k = 5 || .k = "5"'],
    ['k=5s', '.k = "5s"'],
    ['k=1e3', '.k = 1000.0 || .k = "1e3"'],
    ['k=9223372036854775808', '.k = 9223372036854776000.0 || .k = "9223372036854775808"'],
    ['k=1e999', '.k = "1e999"'],
    ['k!=5', '.k != nil && !(.k = 5 || .k = "5")'],
    ['k=true', '.k = true || .k = "true"'],
    ['span.k=v', 'span.k = "v"'],
    ['resource.service.name=web', 'resource.service.name = "web"'],
    ['!resource.k8s.pod', 'resource.k8s.pod = nil'],
    ['spank=v', '.spank = "v"'],
    ['"a=v', '."\\"a" = "v"'],
  ])('%j', (text, query) => {
    const condition = attributeCondition(text);
    if (condition === undefined) throw new Error('not understood');
    expect(printed(condition)).toBe(`{ ${query} }`);
    // What is made here is what is read there.
    expect(withoutPlaces(parseQuery(`{ ${query} }`))).toEqual(withoutPlaces(queryOfConditions([condition])));
  });

  test.each(['', ' ', '=v', '!=v', '~v', '!', 'k~v', 'k!', 'a b', 'a b=c', '!k=v', '!!k'])('cannot be %j', text => {
    expect(attributeCondition(text)).toBeUndefined();
  });
});

describe('flags as a query', () => {
  test.each<[string, FieldExpression]>([
    ['resource.service.name = "cart"', serviceCondition('=', 'cart')],
    ['resource.service.name =~ "ca.*"', serviceCondition('=~', 'ca.*')],
    ['name = "say \\"hi\\""', nameCondition('=', 'say "hi"')],
    ['kind = server', kindCondition('server')],
    ['status = error', statusCondition('error')],
    ['duration >= 1.5ms', durationCondition('>=', 1_500_000n)],
    ['duration <= 0s', durationCondition('<=', 0n)],
    ['span:startTime >= 1795165200000000000', startCondition('>=', 1_795_165_200_000_000_000n)],
  ])('{ %s }', (text, condition) => {
    expect(printed(condition)).toBe(`{ ${text} }`);
    expect(withoutPlaces(parseQuery(`{ ${text} }`))).toEqual(withoutPlaces(queryOfConditions([condition])));
  });

  test('hold all for one span', () => {
    expect(printed(kindCondition('client'), statusCondition('unset'))).toBe('{ kind = client && status = unset }');
  });

  test('are every span where there are none', () => {
    expect(printQuery(EVERYTHING)).toBe(EVERYTHING_TEXT);
    expect(isEverything(EVERYTHING.root)).toBe(true);
    expect(queryOfConditions([])).toBe(EVERYTHING);
  });
});

describe('flags beside a query narrow what it sees', () => {
  test.each([
    ['{ }', '{ kind = client && .k = "v" }'],
    ['{ false }', '{ false && kind = client && .k = "v" }'],
    ['{ status = error }', '{ status = error && kind = client && .k = "v" }'],
    ['{ .a || .b }', '{ (.a || .b) && kind = client && .k = "v" }'],
    ['{ .a && .b } | count() > 1', '{ .a && .b && kind = client && .k = "v" } | count() > 1'],
    ['{ .a } >> { .b }', '{ kind = client && .k = "v" } | { .a } >> { .b }'],
  ])('%s', (text, expected) => {
    const query = parseQuery(text);
    if (query.root.kind !== 'pipeline') throw new Error('a metrics query');
    const value = attributeCondition('k=v');
    if (value === undefined) throw new Error('not understood');
    const root = narrowed(query.root, [kindCondition('client'), value]);
    const printedText = printQuery({ ...query, root });
    expect(withoutPlaces(parseQuery(printedText).root)).toEqual(withoutPlaces(parseQuery(expected).root));
    expect(withoutPlaces(root)).toEqual(withoutPlaces(parseQuery(expected).root));
  });

  test('or not, where there are none', () => {
    expect(narrowed(EVERYTHING.root, [])).toBe(EVERYTHING.root);
  });
});
