import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AttributeValue,
  displayValue,
  isInt64,
  jsonOfValue,
  parseExactJson,
  textOfDouble,
  textOfValue,
  typeOfValue,
  VALUE_TYPE_WORDS,
  valueOfText,
} from '../../src/model/attributes.ts';
import { serviceNameOf } from '../../src/model/carried-fields.ts';
import { attributeValues } from '../support/arbitraries.ts';

const BYTES = new Uint8Array([0, 255, 16]);

describe('the stored text of a value', () => {
  test.each<{ value: AttributeValue; type: string; text: string }>([
    { value: null, type: 'empty', text: '' },
    { value: '', type: 'string', text: '' },
    { value: 'GET /', type: 'string', text: 'GET /' },
    { value: 'true', type: 'string', text: 'true' },
    { value: true, type: 'bool', text: 'true' },
    { value: false, type: 'bool', text: 'false' },
    { value: 0n, type: 'int', text: '0' },
    { value: 2n ** 63n - 1n, type: 'int', text: '9223372036854775807' },
    { value: -(2n ** 63n), type: 'int', text: '-9223372036854775808' },
    { value: 1, type: 'double', text: '1' },
    { value: 0.1, type: 'double', text: '0.1' },
    { value: -0, type: 'double', text: '-0' },
    { value: 5e-324, type: 'double', text: '5e-324' },
    { value: 1e21, type: 'double', text: '1e+21' },
    { value: Number.NaN, type: 'double', text: 'NaN' },
    { value: Number.NEGATIVE_INFINITY, type: 'double', text: '-Infinity' },
    { value: BYTES, type: 'bytes', text: 'AP8Q' },
    { value: [], type: 'array', text: '[]' },
    { value: ['a"b', 1n, 1, -0, 1e21, true, null], type: 'array', text: '["a\\"b",1,1.0,-0.0,1e+21,true,null]' },
    { value: [Number.NaN, BYTES], type: 'array', text: '[{"$double":"NaN"},{"$bytes":"AP8Q"}]' },
    { value: {}, type: 'map', text: '{}' },
    { value: { a: 2n ** 62n, b: [{ c: 'd' }] }, type: 'map', text: '{"a":4611686018427387904,"b":[{"c":"d"}]}' },
    { value: { $bytes: 'AP8Q' }, type: 'map', text: '{"$$bytes":"AP8Q"}' },
    { value: { $$double: '1' }, type: 'map', text: '{"$$$double":"1"}' },
    { value: { $bytes: 'AP8Q', a: 'b' }, type: 'map', text: '{"$bytes":"AP8Q","a":"b"}' },
    { value: { $double: 1n }, type: 'map', text: '{"$double":1}' },
  ])('$type $text', ({ value, type, text }) => {
    expect(VALUE_TYPE_WORDS[typeOfValue(value)]).toBe(type);
    expect(textOfValue(value)).toBe(text);
    expect(valueOfText(typeOfValue(value), text)).toStrictEqual(value);
  });

  test('has U+FFFD within arrays and maps for half a surrogate pair, which is no UTF-8', () => {
    expect(textOfValue(['\ud800', { '\udc00': 'a\ud800' }])).toBe('["\ufffd",{"\ufffd":"a\ufffd"}]');
  });

  test('reads back as the value, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(attributeValues, lookalikes), value => {
        expect(valueOfText(typeOfValue(value), textOfValue(value))).toStrictEqual(value);
      }),
      { numRuns: 2000 },
    );
  });

  test('is a different one for values of one type that differ', () => {
    fc.assert(
      fc.property(lookalikes, lookalikes, (one, other) => {
        fc.pre(typeOfValue(one) === typeOfValue(other) && textOfValue(one) === textOfValue(other));
        expect(one).toStrictEqual(other);
      }),
      { numRuns: 300 },
    );
  });

  test('of a double is the shortest that reads back as the same', () => {
    fc.assert(
      fc.property(fc.double(), value => {
        expect(Number(textOfDouble(value))).toBe(value);
      }),
    );
  });
});

/** Maps that look like the text of bytes and doubles, alone and within others. */
const lookalikes: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<AttributeValue>('NaN', 'AA==', 1n, 1, null, BYTES, Number.NaN),
    fc.array(tie('value'), { maxLength: 2 }),
    fc
      .tuple(fc.constantFrom('$bytes', '$double', '$$bytes', '$$$double', 'bytes', '$'), tie('value'))
      .map(([key, value]) => ({ [key]: value })),
  ),
})).value;

test.each([
  ['1', 1n],
  ['-1', -1n],
  ['9223372036854775807', 2n ** 63n - 1n],
  ['9223372036854775808', 2 ** 63],
  ['-9223372036854775808', -(2n ** 63n)],
  ['1.0', 1],
  ['1e3', 1000],
  ['-0', -0],
  ['{"$bytes":"AA=="}', { $bytes: 'AA==' }],
  ['[{"a":[12345678901234567890]}]', [{ a: [1.2345678901234567e19] }]],
  ['{"__proto__":1}', Object.fromEntries([['__proto__', 1n]])],
] as const)('JSON %s is read without rounding', (text, value) => {
  expect(parseExactJson(text)).toStrictEqual(value);
});

test.each([
  [2n ** 63n - 1n, true],
  [2n ** 63n, false],
  [-(2n ** 63n), true],
  [-(2n ** 63n) - 1n, false],
])('whether %s fits int64: %s', (value, fits) => {
  expect(isInt64(value)).toBe(fits);
});

test.each<{ value: AttributeValue; json: unknown; shown: string }>([
  { value: 'a\n"b"', json: 'a\n"b"', shown: 'a\n"b"' },
  { value: true, json: true, shown: 'true' },
  { value: 9007199254740991n, json: 9007199254740991, shown: '9007199254740991' },
  { value: 9007199254740992n, json: '9007199254740992', shown: '9007199254740992' },
  { value: -9007199254740992n, json: '-9007199254740992', shown: '-9007199254740992' },
  { value: 1.5, json: 1.5, shown: '1.5' },
  { value: Number.NaN, json: 'NaN', shown: 'NaN' },
  { value: Number.POSITIVE_INFINITY, json: 'Infinity', shown: 'Infinity' },
  { value: null, json: null, shown: 'null' },
  { value: BYTES, json: 'AP8Q', shown: 'AP8Q' },
  { value: ['a', 1n, [2n ** 60n]], json: ['a', 1, ['1152921504606846976']], shown: '["a",1,["1152921504606846976"]]' },
  { value: { k: BYTES, n: null }, json: { k: 'AP8Q', n: null }, shown: '{"k":"AP8Q","n":null}' },
])('$shown in JSON and for people', ({ value, json, shown }) => {
  expect(jsonOfValue(value)).toStrictEqual(json);
  expect(displayValue(value)).toBe(shown);
});

test.each<[AttributeValue | undefined, string]>([
  ['cart', 'cart'],
  [undefined, 'unknown_service'],
  ['', 'unknown_service'],
  [null, 'unknown_service'],
  [7n, '7'],
  [['a'], '["a"]'],
])('a resource whose service.name is $0 is of the service $1', (value, service) => {
  expect(serviceNameOf(new Map(value === undefined ? [] : [['service.name', value]]))).toBe(service);
});
