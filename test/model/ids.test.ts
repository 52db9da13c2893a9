import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  HEX_VALUE,
  hexOfWords,
  integerOfHex,
  inventedId,
  parseTraceReference,
  spanIdOf,
  traceIdOf,
} from '../../src/model/ids.ts';

const LONG = '4bf92f3577b34da6a3ce929d0e0e4736';
const SHORT = 'a3ce929d0e0e4736';

test.each([
  ['128 bits', LONG, LONG],
  ['64 bits', SHORT, SHORT],
  ['upper case', LONG.toUpperCase(), LONG],
  ['a beginning', '4bf92f', '4bf92f'],
  ['without its leading zeros', '7b', '7b'],
  ['with white space around', `  ${LONG}\n`, LONG],
  ['with 0x', `0x${SHORT}`, SHORT],
  ['a UUID', '4bf92f35-77b3-4da6-a3ce-929d0e0e4736', LONG],
  ['X-Ray', '1-4bf92f35-77b34da6a3ce929d0e0e4736', LONG],
  ['traceparent', `00-${LONG}-00f067aa0ba902b7-01`, LONG],
  ['traceparent of a later version', `cc-${LONG}-00f067aa0ba902b7-01-what-the-future-will-be-like`, LONG],
  ['traceparent as a header', `traceparent: 00-${LONG}-00f067aa0ba902b7-01`, LONG],
  ['b3 of 128 bits', `${LONG}-00f067aa0ba902b7-1-05e3ac9a4f6e3b90`, LONG],
  ['b3 of 64 bits', `b3: ${SHORT}-00f067aa0ba902b7-d`, SHORT],
  ['b3 without a decision', `${SHORT}-00f067aa0ba902b7`, SHORT],
  ['uber-trace-id', `${SHORT}:00f067aa0ba902b7:0:1`, SHORT],
  ['uber-trace-id without leading zeros', 'uber-trace-id=7b:1:0:1', '7b'],
  ['uber-trace-id in a URL', `${SHORT}%3A00f067aa0ba902b7%3a0%3A1`, SHORT],
])('a trace is named by its id: %s', (_, text, digits) => {
  expect(parseTraceReference(text)).toEqual({ digits });
});

test.each([
  ['nothing', ''],
  ['a word', 'checkout'],
  ['dashes', '----'],
  ['more than 128 bits', `${LONG}0`],
  ['a file', './abc'],
  ['two ids', `${SHORT} ${SHORT}`],
  ['a b3 decision alone', 'b3: d?'],
  ['a letter that is no hex digit', '4bf92g'],
])('a trace is not named by %s', (_, text) => {
  expect(parseTraceReference(text)).toBeUndefined();
});

test('words become the hex that a number of them has', () => {
  fc.assert(
    fc.property(fc.uint32Array({ minLength: 8, maxLength: 8 }), fc.nat(4), (words, at) => {
      const integer = (count: number) =>
        words.slice(at, at + count).reduceRight((value, word) => (value << 32n) | BigInt(word), 0n);
      expect(hexOfWords(words, at, 2)).toBe(spanIdOf(integer(2)));
      expect(hexOfWords(words, at, 4)).toBe(traceIdOf(integer(4)));
      expect(integerOfHex(hexOfWords(words, at, 4))).toBe(integer(4));
    }),
  );
});

test('no digits are zero', () => {
  expect(integerOfHex('')).toBe(0n);
});

test('every byte that is a hex digit has its value', () => {
  const digits = Array.from(HEX_VALUE).flatMap((value, byte) => (value === 255 ? [] : [String.fromCharCode(byte)]));
  expect(digits.join('')).toBe('0123456789ABCDEFabcdef');
  for (const digit of digits) expect(HEX_VALUE[digit.charCodeAt(0)]).toBe(Number.parseInt(digit, 16));
});

test('an invented id is the beginning of the SHA-256 of what it stands for', () => {
  const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(Buffer.from(inventedId('abc', 16)).toString('hex')).toBe(digest.slice(0, 32));
  expect(Buffer.from(inventedId(Buffer.from('abc'), 8)).toString('hex')).toBe(digest.slice(0, 16));
});
