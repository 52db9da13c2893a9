import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { SourceDecoder } from '../../src/ingest/decoding.ts';
import type { SpanBatch } from '../../src/model/span-batch.ts';
import { BatchReader } from '../support/decode.ts';
import { fixture, fixtureFolders, fixturesIn } from '../support/fixtures.ts';
import { chunked } from '../support/load.ts';

// Every decoder is total: whatever became of a file, it gives spans that the store takes, and an account of them.

/** How many changed inputs are tried of every fixture; `MUTATIONS=1000 npx vitest run test/formats/changed-input.test.ts` takes half an hour. */
const MUTATIONS = Number(process.env.MUTATIONS ?? 4);

/** What stands in the place of a text, a number or a word. */
const ODD_VALUES = [
  ...[
    'null',
    'true',
    '-1',
    '-0',
    '1.5',
    '1e400',
    '1e-400',
    'NaN',
    'Infinity',
    '0x10',
    '""',
    '[]',
    '{}',
    '[[]]',
    '{"a":1}',
  ],
  ...['18446744073709551615', '9223372036854775808', '-9223372036854775809', '99999999999999999999999999'],
  ...['"x"', '"0xzz"', '"🙂"', '"\\ud800"', '"\\u0000"', '"\x7f\x1b[31m"', '"1970-01-01T00:00:00Z"', '"9999-99-99"'],
  ...[`"${'a'.repeat(3000)}"`, '['.repeat(600), '{"a":'.repeat(600)],
];
/** What is put between two bytes: no UTF-8, ends of lines, quotes, a number that does not end, a byte order mark. */
const ODD_BYTES = [
  'ff',
  'c080',
  'eda080',
  'f4908080',
  '00',
  '0d0a',
  '22',
  '7d',
  '2c',
  'e280a8',
  '80808080808080808001',
  'efbbbf',
];

type Change = (bytes: Buffer) => Buffer;

const place = fc.nat(2 ** 30);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(
    ([at, byte]): Change =>
      bytes => {
        const copy = Buffer.from(bytes);
        copy[at % copy.length] = byte;
        return copy;
      },
  ),
  // Left out, or there twice.
  fc.tuple(place, fc.nat(512), fc.boolean()).map(
    ([at, length, isTwice]): Change =>
      bytes => {
        const from = at % bytes.length;
        const to = Math.min(bytes.length, from + length);
        return Buffer.concat(
          isTwice ? [bytes.subarray(0, to), bytes.subarray(from)] : [bytes.subarray(0, from), bytes.subarray(to)],
        );
      },
  ),
  fc.tuple(place, fc.constantFrom(...ODD_BYTES)).map(
    ([at, hex]): Change =>
      bytes => {
        const from = at % bytes.length;
        return Buffer.concat([bytes.subarray(0, from), Buffer.from(hex, 'hex'), bytes.subarray(from)]);
      },
  ),
  fc.tuple(place, fc.constantFrom(...ODD_VALUES)).map(
    ([at, value]): Change =>
      bytes => {
        const values = /"(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;
        values.lastIndex = at % bytes.length;
        const found = values.exec(bytes.toString('latin1'));
        if (found === null) return bytes;
        const end = found.index + found[0].length;
        return Buffer.concat([bytes.subarray(0, found.index), Buffer.from(value), bytes.subarray(end)]);
      },
  ),
  place.map(
    (at): Change =>
      bytes =>
        bytes.subarray(0, at % bytes.length),
  ),
);

const FILES = fixtureFolders()
  .filter(folder => folder !== 'programs')
  .flatMap(fixturesIn);

test.each(FILES)('%s', { timeout: 10_000 + MUTATIONS * 200 }, async file => {
  const bytes = fixture(file);
  const changes = fc.array(change, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(changes, fc.boolean(), fc.integer({ min: 1, max: 4096 }), async (some, lane, chunk) => {
      const changed = some.reduce((before, each) => (before.length === 0 ? before : each(before)), bytes);
      const reader = new BatchReader();
      const onBatch = (batch: SpanBatch) => {
        expectStorable(batch);
        reader.read(batch);
      };
      const decoder = new SourceDecoder(
        { producer: 0, firstValueId: 1, onBatch },
        { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS, lane },
      );
      const source = { name: 'dump', path: undefined, bytes: changed.length };
      const account = await decoder.decode(source, undefined, chunked(changed, chunk));
      decoder.writer.flush();
      expect(account.spans).toBe(reader.spans.length);
      for (const { startTimeUnixNano, durationNano } of reader.spans) {
        expect(startTimeUnixNano).toBeGreaterThanOrEqual(0n);
        expect(durationNano).toBeGreaterThanOrEqual(0n);
      }
    }),
    { numRuns: MUTATIONS },
  );
});

/** DuckDB takes texts that are UTF-8, and nothing else checks them. */
function expectStorable({ values, definitions }: SpanBatch): void {
  let from = 0;
  for (const end of values.textEnd.subarray(0, values.count)) {
    // Of shared memory only a copy can be checked.
    expect(isUtf8(values.text.slice(from, end))).toBe(true);
    from = end;
  }
  for (const text of [...definitions.names, ...definitions.keys]) expect(text.isWellFormed()).toBe(true);
}
