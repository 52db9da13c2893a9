import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sanitize, sanitizeLines } from '../../src/terminal/sanitize.ts';

const UNSAFE = /\p{Cc}|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;

describe('sanitize', () => {
  test.each([
    ['plain text, 日本語, 👩‍👩‍👧', 'plain text, 日本語, 👩‍👩‍👧'],
    ['\u001b[31mred', '\\x1b[31mred'],
    ['\u009b31m', '\\x9b31m'],
    ['a\tb', 'a→b'],
    ['a\nb', 'a⏎b'],
    ['a\r\nb', 'a⏎b'],
    ['a\rb', 'a\\x0db'],
    ['a\u0000b\u007f', 'a\\x00b\\x7f'],
    ['\u202eevil', '\\u202eevil'],
    ['\u2028', '\\u2028'],
    ['\ufeff', '\\ufeff'],
  ])('%j becomes %j', (text, safe) => {
    expect(sanitize(text)).toBe(safe);
  });

  test('without Unicode tabs and line ends are ASCII', () => {
    expect(sanitize('a\tb\nc', false)).toBe('a>b|c');
  });

  test('leaves nothing that a terminal acts on, and changes nothing twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const safe = sanitize(text);
        expect(UNSAFE.test(safe)).toBe(false);
        expect(sanitize(safe)).toBe(safe);
      }),
    );
  });
});

describe('sanitizeLines', () => {
  test('keeps the lines of a stack trace, tabs as spaces, and no empty ones at its end', () => {
    expect(sanitizeLines('Error: x\r\n\tat a\r\tat b\n\n')).toEqual(['Error: x', '    at a', '    at b']);
    expect(sanitizeLines('\u001b[1mx')).toEqual(['\\x1b[1mx']);
    expect(sanitizeLines('')).toEqual(['']);
  });
});
