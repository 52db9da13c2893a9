import { describe, expect, test } from 'vitest';
import { readSpans } from '../../src/store/read-trace.ts';
import { draw } from '../support/drawn-trace.ts';
import { storeOf } from '../support/load.ts';

const LENGTHS = [0, 1, 12, 13, 63, 64, 65, 66, 5000];

/** A span with an attribute of each length, which is its key. */
function spanOfLengths(character: string) {
  const [span] = draw('a | 0-10 | shop | GET /');
  const bytes = Buffer.byteLength(character);
  const texts = LENGTHS.map(length => [
    `length.${length}`,
    character.repeat(length / bytes) + 'x'.repeat(length % bytes),
  ]);
  return { ...span!, attributes: Object.fromEntries(texts) as Record<string, string> };
}

describe('a value is read back whatever its length', () => {
  test.each(['a', 'é', '€', '😀'])('of %s', async character => {
    const span = spanOfLengths(character);
    const { database } = await storeOf([span]);
    const [read] = await readSpans(database, 'true');
    expect(read!.attributes).toEqual(span.attributes);
    const rows = await database.rows("SELECT key, value FROM span_attributes WHERE key LIKE 'length.%'");
    expect(Object.fromEntries(rows.map(({ key, value }) => [key, value]))).toEqual(span.attributes);
  });
});

test('only values of more than 64 bytes are compressed', async () => {
  const { database } = await storeOf([spanOfLengths('é')]);
  const lengthsIn = (table: string) =>
    database.value(
      `SELECT list(strlen(value) ORDER BY attribute_id) FROM ${table} WHERE value IS NULL OR value = '' OR value LIKE 'é%' OR value = 'x'`,
    );
  expect(await lengthsIn('short_attribute')).toEqual([0n, 1n, 12n, 13n, 63n, 64n]);
  expect(await lengthsIn('long_attribute')).toEqual([65n, 66n, 5000n]);
});
