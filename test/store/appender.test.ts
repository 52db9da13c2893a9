import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TableAppender } from '../../src/store/appender.ts';
import { Database } from '../../src/store/database.ts';

let database: Database;

beforeEach(async () => {
  database = await Database.open({ path: ':memory:' });
  await database.run('CREATE TABLE texts (number UINTEGER, value VARCHAR)');
});
afterEach(() => database.close());

/** Appends texts by the pieces in which they come, those of `rows` of each piece. */
function append(
  pieces: readonly (readonly string[])[],
  rowsOf = (piece: readonly string[]) => [...piece.keys()],
): void {
  const appender = new TableAppender(database, 'texts', ['UINTEGER', 'VARCHAR']);
  let number = 0;
  for (const piece of pieces) {
    const ends = new Uint32Array(piece.length);
    let length = 0;
    for (const [index, text] of piece.entries()) ends[index] = length += Buffer.byteLength(text);
    const rows = Uint32Array.from(rowsOf(piece));
    for (let from = 0; from < rows.length; ) {
      const some = rows.subarray(from, from + appender.room);
      for (let at = 0; at < some.length; at++) appender.words(0)[appender.row + at] = number++;
      appender.setTexts(1, Buffer.from(piece.join('')), ends, some);
      appender.advance(some.length);
      from += some.length;
    }
  }
  appender.close();
}

async function stored(): Promise<unknown[]> {
  return (await database.rows('SELECT value FROM texts ORDER BY number')).map(row => row.value);
}

describe('texts are stored as they are given', () => {
  test('of every length around the longest that DuckDB keeps beside its length', async () => {
    const texts = Array.from({ length: 40 }, (_, length) => 'abcdefghij'.repeat(4).slice(0, length));
    append([texts]);
    expect(await stored()).toEqual(texts);
    // What stands behind a text counts when texts are compared.
    expect(
      await database.value(`SELECT count(*) FROM texts WHERE value IN ('', 'abc', 'abcdefghijab', 'abcdefghijabc')`),
    ).toBe(4n);
  });

  test('with characters of several bytes and NULs, across any pieces', async () => {
    const text = fc.oneof(
      fc.string({ maxLength: 14 }),
      fc.string({ maxLength: 14, unit: 'grapheme' }),
      fc.stringMatching(/^[\0é€😀a]{0,14}$/u),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(text, { maxLength: 30 }), { maxLength: 4 }), async pieces => {
        const texts = pieces.map(piece => piece.map(each => each.toWellFormed()));
        await database.run('DELETE FROM texts');
        append(texts);
        expect(await stored()).toEqual(texts.flat());
      }),
      { numRuns: 30 },
    );
  });

  test('where a chunk ends and the next begins, short ones in the places of long ones', async () => {
    const texts = Array.from({ length: 10_000 }, (_, index) => `${index}`.repeat(1 + (((index >> 11) + index) % 4)));
    append([texts.slice(0, 1), texts.slice(1, 2049), texts.slice(2049, 2050), texts.slice(2050)]);
    expect(await stored()).toEqual(texts);
  });

  test('where only some of those at hand are wanted', async () => {
    const texts = ['none', 'one', 'two, which is longer', 'three', 'four, which is longer, too'];
    append([texts], () => [1, 2, 4]);
    expect(await stored()).toEqual([texts[1], texts[2], texts[4]]);
  });

  test('beside texts that are set one by one', async () => {
    const appender = new TableAppender(database, 'texts', ['UINTEGER', 'VARCHAR']);
    const texts = ['one', 'one of more than twelve bytes', '', 'é'];
    for (const [index, text] of texts.entries()) {
      appender.words(0)[appender.row] = index;
      if (index % 2 === 0) appender.setText(1, text);
      else appender.setTexts(1, Buffer.from(text), Uint32Array.of(Buffer.byteLength(text)), Uint32Array.of(0));
      appender.next();
    }
    appender.close();
    expect(await stored()).toEqual(texts);
  });
});

test.each([1, 12, 13, 100])('a text of %i bytes that is no UTF-8 is refused', length => {
  const appender = new TableAppender(database, 'texts', ['UINTEGER', 'VARCHAR']);
  appender.setTexts(1, new Uint8Array(length).fill(0xff), Uint32Array.of(length), Uint32Array.of(0));
  appender.advance(1);
  expect(() => appender.close()).toThrow(/unicode/);
});

test('more texts than there is room for are refused', () => {
  const appender = new TableAppender(database, 'texts', ['UINTEGER', 'VARCHAR']);
  const rows = new Uint32Array(appender.room + 1);
  expect(() => appender.setTexts(1, Buffer.from(''), new Uint32Array(1), rows)).toThrow('more texts than');
  appender.discard();
});
