import { describe, expect, test } from 'vitest';
import { type Condition, describeFilter, EVERYTHING, parseAttributeCondition } from '../../src/query/filter.ts';

const attribute = (
  scope: 'span' | 'resource' | 'any',
  key: string,
  comparison: Extract<Condition, { on: 'attribute' }>['comparison'],
  value = '',
): Condition => ({ on: 'attribute', scope, key, comparison, value });

describe('a condition on an attribute', () => {
  test.each([
    ['http.route', attribute('any', 'http.route', 'exists')],
    ['!http.route', attribute('any', 'http.route', 'absent')],
    ['! http.route', attribute('any', 'http.route', 'absent')],
    ['k=v', attribute('any', 'k', '=', 'v')],
    ['k!=v', attribute('any', 'k', '!=', 'v')],
    ['k=~v.*', attribute('any', 'k', '=~', 'v.*')],
    ['k!~v.*', attribute('any', 'k', '!~', 'v.*')],
    ['k>1', attribute('any', 'k', '>', '1')],
    ['k>=1', attribute('any', 'k', '>=', '1')],
    ['k<1', attribute('any', 'k', '<', '1')],
    ['k<=1', attribute('any', 'k', '<=', '1')],
    [' k = v ', attribute('any', 'k', '=', 'v')],
    ['k=', attribute('any', 'k', '=', '')],
    ['k==v', attribute('any', 'k', '=', '=v')],
    ['k=a=b', attribute('any', 'k', '=', 'a=b')],
    ['k=a\nb', attribute('any', 'k', '=', 'a\nb')],
    ['k=!~<>', attribute('any', 'k', '=', '!~<>')],
    ['span.k=v', attribute('span', 'k', '=', 'v')],
    ['resource.service.name=web', attribute('resource', 'service.name', '=', 'web')],
    ['!resource.k8s.pod', attribute('resource', 'k8s.pod', 'absent')],
    ['span.', attribute('any', 'span.', 'exists')],
    ['spank=v', attribute('any', 'spank', '=', 'v')],
  ])('%j', (text, condition) => {
    expect(parseAttributeCondition(text)).toEqual(condition);
  });

  test.each(['', ' ', '=v', '!=v', '~v', '!', 'k~v', 'k!', 'a b', 'a b=c', '!k=v', '!!k'])('cannot be %j', text => {
    expect(parseAttributeCondition(text)).toBeUndefined();
  });
});

describe('a filter is described in TraceQL', () => {
  test.each<[string, Condition]>([
    ['resource.service.name = "cart"', { on: 'service', comparison: '=', value: 'cart' }],
    ['resource.service.name =~ "ca.*"', { on: 'service', comparison: '=~', value: 'ca.*' }],
    ['name = "say \\"hi\\""', { on: 'name', comparison: '=', value: 'say "hi"' }],
    ['kind = server', { on: 'kind', value: 'server' }],
    ['status = error', { on: 'status', value: 'error' }],
    ['duration >= 1500000ns', { on: 'duration', comparison: '>=', value: 1_500_000n }],
    ['duration <= 0ns', { on: 'duration', comparison: '<=', value: 0n }],
    ['span:startTime >= 1795165200000000000', { on: 'start', comparison: '>=', value: 1_795_165_200_000_000_000n }],
    ['span:startTime < 1', { on: 'start', comparison: '<', value: 1n }],
    ['.k != nil', attribute('any', 'k', 'exists')],
    ['span.k = nil', attribute('span', 'k', 'absent')],
    ['resource.k8s.pod-name = "a"', attribute('resource', 'k8s.pod-name', '=', 'a')],
    ['."a b" = "c"', attribute('any', 'a b', '=', 'c')],
    ['.k = 5', attribute('any', 'k', '=', '5')],
    ['.k > -1.5', attribute('any', 'k', '>', '-1.5')],
    ['.k < 1e-3', attribute('any', 'k', '<', '1e-3')],
    ['.k = "5s"', attribute('any', 'k', '=', '5s')],
    ['.k =~ "5"', attribute('any', 'k', '=~', '5')],
    ['.k !~ "5"', attribute('any', 'k', '!~', '5')],
  ])('{ %s }', (text, condition) => {
    expect(describeFilter({ conditions: [condition] })).toBe(`{ ${text} }`);
  });

  test('of several conditions all of which hold', () => {
    expect(
      describeFilter({
        conditions: [
          { on: 'kind', value: 'client' },
          { on: 'status', value: 'unset' },
        ],
      }),
    ).toBe('{ kind = client && status = unset }');
  });

  test('that every span passes', () => {
    expect(describeFilter(EVERYTHING)).toBe('{}');
  });
});
