import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AttributeCache, AttributeForm } from '../../src/formats/columns/attribute-cache.ts';
import { BatchWriter } from '../../src/formats/columns/batch-writer.ts';
import { ByteDictionary } from '../../src/formats/columns/byte-dictionary.ts';
import { byteSource, copyBytes, equalBytes, hashBytes, sourceOfText } from '../../src/formats/columns/bytes.ts';
import { ValueClass, ValueDictionary } from '../../src/formats/columns/value-dictionary.ts';
import { KeyTable, UNKNOWN_KEY } from '../../src/formats/json/key-table.ts';
import { ValueType, valueOfText } from '../../src/model/attributes.ts';
import type { SpanBatch } from '../../src/model/span-batch.ts';

// Dictionaries over bytes, and the writer of columns: what is found must be what was put in, whatever was forgotten.

/** A source with text in the middle of other bytes. */
function embedded(text: string): { source: ReturnType<typeof byteSource>; from: number; to: number } {
  const bytes = Buffer.from(text);
  const source = byteSource(bytes.length + 7);
  source.bytes.fill(0xa5);
  source.bytes.set(bytes, 3);
  return { source, from: 3, to: 3 + bytes.length };
}

const texts = fc.oneof(
  fc.constantFrom('', 'a', 'abcd', 'abcde', 'abcdefgh', 'abcdefghi'),
  fc.string({ maxLength: 40 }),
);

describe('byte strings', () => {
  test('are equal and hash alike exactly where their bytes are the same', () => {
    fc.assert(
      fc.property(texts, texts, (first, second) => {
        const [a, b] = [embedded(first), embedded(second)];
        const isSame = Buffer.from(first).equals(Buffer.from(second));
        const length = a.to - a.from;
        if (length === b.to - b.from) {
          expect(equalBytes(a.source.view, a.from, b.source.view, b.from, length)).toBe(isSame);
        }
        if (isSame) expect(hashBytes(a.source.view, a.from, a.to, 1)).toBe(hashBytes(b.source.view, b.from, b.to, 1));
        const copy = new Uint8Array(length);
        const isAscii = copyBytes(a.source.bytes, a.from, a.to, copy, 0);
        expect(Buffer.from(copy).toString()).toBe(Buffer.from(first).toString());
        expect(isAscii).toBe(copy.every(byte => byte < 128));
      }),
    );
  });
});

describe('a dictionary of byte strings', () => {
  const dictionary = () => {
    const defined: string[] = [];
    const ids = new ByteDictionary((id, source, from, to) => {
      defined[id] = Buffer.from(source.bytes.subarray(from, to)).toString();
    });
    const idOf = (text: string) => {
      const { source, from, to } = embedded(text);
      return ids.idOf(source, from, to);
    };
    return { defined, idOf };
  };

  test('gives each its id, once, counted from 0', () => {
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 200 }), asked => {
        const { defined, idOf } = dictionary();
        const known = new Map<string, number>();
        for (const text of asked) {
          const bytes = Buffer.from(text).toString();
          if (!known.has(bytes)) known.set(bytes, known.size);
          expect(idOf(text)).toBe(known.get(bytes));
        }
        expect(defined).toEqual([...known.keys()]);
      }),
    );
  });

  test('forgets past its limit and goes on counting', () => {
    const { defined, idOf } = dictionary();
    const count = 300_000;
    for (let number = 0; number < count; number++) expect(idOf(`name ${number}`)).toBe(number);
    const again = idOf('name 0');
    expect(again).toBe(count);
    expect(defined[again]).toBe('name 0');
    expect(idOf('name 0')).toBe(again);
  });

  test('defines what is too long for it anew each time', () => {
    const { defined, idOf } = dictionary();
    const long = 'x'.repeat(70 << 20);
    expect([idOf('a'), idOf(long), idOf(long), idOf('a')]).toEqual([0, 1, 2, 0]);
    expect(defined[2]).toBe(long);
  });
});

test('a table of keys knows its keys in any order, and no others', () => {
  const codes = { traceId: 1, trace_id: 1, spanId: 2, name: 3, n: 4, '': 5, ключ: 6 };
  const table = new KeyTable(codes);
  const keys = fc.oneof(fc.constantFrom(...Object.keys(codes)), fc.string({ maxLength: 9 }));
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 60 }), asked => {
      for (const key of asked) {
        const { source, from, to } = embedded(key);
        expect(table.match(source, from, to)).toBe(
          Object.hasOwn(codes, key) ? codes[key as keyof typeof codes] : UNKNOWN_KEY,
        );
      }
    }),
  );
});

test('the cache of attributes finds what was put in or nothing, also when its ring has gone round', () => {
  const cache = new AttributeCache();
  let found = 0;
  // 9 MB go through a ring of 2.
  for (let round = 0; round < 60_000; round++) {
    const number = (Math.imul(round, 2_654_435_761) >>> 8) % 9_000;
    const text = `${number} ${'v'.repeat(number % 300)}`;
    const { otlpJson, otlpProto } = AttributeForm;
    const [form, otherForm] = number % 2 === 0 ? [otlpJson, otlpProto] : [otlpProto, otlpJson];
    const { source, from, to } = embedded(text);
    if (cache.find(form, source, from, to)) {
      found++;
      expect([cache.key, cache.value]).toEqual([number, number * 3]);
    } else cache.remember(form, source, from, to, number, number * 3);
    // The same bytes in another form are another attribute.
    expect(cache.find(otherForm, source, from, to)).toBe(false);
  }
  expect(found).toBeGreaterThan(1000);
});

test('the dictionary of values keeps keys and classes apart, and leaves out keys whose values do not repeat', () => {
  const values = new ValueDictionary();
  const ask = (key: number, valueClass: number, text: string, id: number) => {
    const { source, from, to } = embedded(text);
    const known = values.find(key, valueClass, source, from, to);
    if (known === 0) values.remember(key, valueClass, source, from, to, id);
    return known;
  };
  expect(ask(1, ValueType.string, '1', 10)).toBe(0);
  expect(ask(2, ValueType.string, '1', 11)).toBe(0);
  expect(ask(1, ValueType.int, '1', 12)).toBe(0);
  expect(ask(1, ValueClass.jsonNumber, '1', 13)).toBe(0);
  expect([ask(1, ValueType.string, '1', 0), ask(2, ValueType.string, '1', 0), ask(1, ValueType.int, '1', 0)]).toEqual([
    10, 11, 12,
  ]);
  for (let number = 0; number < 10_000; number++) {
    values.countUse(7);
    ask(7, ValueType.string, `request ${number}`, 100 + number);
  }
  expect(ask(7, ValueType.string, 'request 9999', 0)).toBe(0);
  expect([values.comesAgain(7), values.comesAgain(1), values.comesAgain(1000)]).toEqual([false, true, true]);
  expect(ask(1, ValueType.string, '1', 0)).toBe(10);
});

describe('a writer', () => {
  const written = (write: (writer: BatchWriter) => void): SpanBatch => {
    const batches: SpanBatch[] = [];
    const writer = new BatchWriter({ producer: 0, firstValueId: 1, onBatch: batch => batches.push(batch) });
    write(writer);
    writer.flush();
    return batches[0]!;
  };
  const valuesOf = ({ values }: SpanBatch) =>
    Array.from({ length: values.count }, (_, row) => {
      const from = row === 0 ? 0 : values.textEnd[row - 1]!;
      return valueOfText(values.type[row]!, Buffer.from(values.text.subarray(from, values.textEnd[row])).toString());
    });

  test('for another thread fills shared memory, however large a batch gets, and fills it again', () => {
    const batches: SpanBatch[] = [];
    const writer = new BatchWriter({
      producer: 0,
      firstValueId: 1,
      isShared: true,
      onBatch: batch => batches.push(batch),
    });
    const write = (spans: number) => {
      for (let number = 0; number < spans; number++) {
        writer.beginSpan();
        writer.resource = writer.resourceOf('a', new Map());
        writer.addAttribute(writer.keyOfText('k'), writer.value(writer.keyOfText('k'), `v${number}`));
        writer.beginEvent();
        writer.beginLink();
        writer.commitSpan();
      }
      writer.flush();
    };
    write(1000);
    const [first] = batches;
    const columns = [first!.values, first!.spans, first!.events, first!.links].flatMap(part =>
      Object.values(part).filter(column => typeof column !== 'number'),
    );
    expect(columns.map(column => column.buffer.constructor)).toEqual(columns.map(() => SharedArrayBuffer));
    writer.recycle(first!);
    write(1);
    write(2);
    expect(batches.map(({ spans }) => spans.traceId === first!.spans.traceId)).toEqual([true, false, true]);
    expect(batches[2]!.spans.count).toBe(2);
  });

  test('makes integers of any spelling what they are', () => {
    const spellings = [
      '0',
      '-0',
      '00',
      '7',
      '+7',
      '007',
      '-7',
      '123456789012345678',
      '9223372036854775807',
      '-9223372036854775808',
      '9223372036854775808',
      ' 5 ',
      '1e3',
      'x',
      '-',
      '',
    ];
    const batch = written(writer => {
      for (const [index, spelling] of spellings.entries()) {
        const { source, from, to } = embedded(spelling);
        writer.integerValue(writer.keyOfText(`key ${index}`), source, from, to);
      }
    });
    expect(valuesOf(batch)).toEqual([
      0n,
      0n,
      0n,
      7n,
      7n,
      7n,
      -7n,
      123456789012345678n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      '9223372036854775808',
      5n,
      1000,
      'x',
      '-',
      '',
    ]);
  });

  test('writes small integers as it writes large ones', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 ** 49 - 1 }), { minLength: 1 }), numbers => {
        const batch = written(writer => {
          const key = writer.keyOfText('key');
          for (const number of numbers) {
            const { source, length } = sourceOfText(String(number));
            expect(writer.smallIntegerValue(key, number)).toBe(writer.integerValue(key, source, 0, length));
          }
        });
        expect(valuesOf(batch)).toEqual([...new Set(numbers)].map(BigInt));
      }),
    );
  });

  test('takes back what is not committed', () => {
    const batch = written(writer => {
      const key = writer.keyOfText('key');
      const attribute = (number: number) => writer.smallIntegerValue(key, number);
      writer.resource = writer.resourceOf('service', new Map());
      writer.scope = writer.scopeOf('', '');
      for (const isCommitted of [true, false, true, false]) {
        writer.beginSpan();
        writer.addAttribute(key, attribute(1));
        writer.addAttribute(key, attribute(2));
        writer.beginEvent();
        writer.addEventAttribute(key, attribute(3));
        writer.addEventAttribute(key, attribute(4));
        writer.beginLink();
        writer.addLinkAttribute(key, attribute(5));
        if (isCommitted) writer.commitSpan();
      }
    });
    const lengths = [batch.spans, batch.events, batch.links].map(({ count, attributeEnd }) => [
      count,
      ...attributeEnd.subarray(0, count),
    ]);
    // Of two values of one key the last counts.
    expect(lengths).toEqual([
      [2, 1, 2],
      [2, 1, 2],
      [2, 1, 2],
    ]);
    expect(batch.spans.attributes[0]).toBe(batch.values.firstId + 1);
    expect([...batch.events.span.subarray(0, 2)]).toEqual([0, 1]);
  });
});
