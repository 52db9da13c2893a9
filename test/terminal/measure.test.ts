import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cut, cutStart, pad, piecesOf, widthOf } from '../../src/terminal/measure.ts';

const texts = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.constantFrom('a', 'é', 'e\u0301', '日', '👩‍👩‍👧', '🇫🇷', '☺️', '│', '░', '…', '\u200b', 'ｱ', 'ﾞ'))
    .map(parts => parts.join('')),
);

describe('the width', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['äöüß', 4],
    ['─│█░▏…→⏎●◆✖×µ', 13],
    ['日本語', 6],
    ['ｗｉｄｅ', 8],
    ['e\u0301', 1],
    [`Z${'\u0301'.repeat(20)}`, 1],
    ['👩‍👩‍👧‍👦', 2],
    ['🇫🇷', 2],
    ['a\u200bb', 2],
    ['日a本', 5],
  ])('of %j is %i', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });
});

describe('a text that is cut', () => {
  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['abcdef', 1, '…'],
    ['abcdef', 0, ''],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['日本語', 2, '…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['👩‍👩‍👧‍👦!!', 3, '👩‍👩‍👧‍👦…'],
  ])('%j to %i is %j', (text, width, expected) => {
    expect(cut(text, width)).toBe(expected);
  });

  test.each([
    ['a/b/c.json', 10, 'a/b/c.json'],
    ['a/b/c.json', 7, '…c.json'],
    ['日本語', 5, '…本語'],
    ['abc', 0, ''],
  ])('%j at its start to %i is %j', (text, width, expected) => {
    expect(cutStart(text, width)).toBe(expected);
  });

  test('is never wider than it may be, and whole where it fits', () => {
    fc.assert(
      fc.property(texts, fc.nat(20), (text, width) => {
        for (const short of [cut(text, width), cutStart(text, width), cut(text, width, '~')]) {
          expect(widthOf(short)).toBeLessThanOrEqual(width);
          if (widthOf(text) <= width && width > 0) expect(short).toBe(text);
        }
      }),
    );
  });
});

describe('a text in pieces', () => {
  test('loses nothing, and no piece is too wide unless it is one character', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (text, first, width) => {
        const pieces = piecesOf(text, first, width);
        expect(pieces.join('')).toBe(text);
        for (const [index, piece] of pieces.entries()) {
          const characters = [...new Intl.Segmenter().segment(piece)].length;
          if (characters > 1) expect(widthOf(piece)).toBeLessThanOrEqual(index === 0 ? first : width);
        }
      }),
    );
  });

  test('of a megabyte takes no time', () => {
    const begun = performance.now();
    expect(piecesOf('x'.repeat(1_000_000), 80, 80)).toHaveLength(12_500);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});

test('padding counts columns', () => {
  expect([pad('日', 4), pad('日', 4, 'right'), pad('abc', 2), pad('', 2)]).toEqual(['日  ', '  日', 'abc', '  ']);
});
