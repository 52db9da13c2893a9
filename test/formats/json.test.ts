import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadRecord, JsonCursor, JsonSyntaxError, NEED_MORE } from '../../src/formats/json/cursor.ts';
import { IdForm, IdReader } from '../../src/formats/json/ids.ts';
import { outlineOf } from '../../src/formats/json/outline.ts';
import { microsToNanos, readInteger64, readPlainValue } from '../../src/formats/json/scalars.ts';
import type { AttributeValue } from '../../src/model/attributes.ts';

// JSON read in place (src/formats/json/) against JSON.parse, wherever JSON.parse is exact, and where it is not.

/** A cursor at the beginning of a text, with a line end behind it as every input has. */
function cursorOn(text: string): JsonCursor {
  const cursor = new JsonCursor(16);
  cursor.fill(0, Buffer.from(`${text}\n`));
  return cursor;
}

function plainValueOf(text: string): AttributeValue {
  return readPlainValue(cursorOn(text));
}

/** What a call throws, which may be no error. */
function thrownBy(call: () => void): unknown {
  try {
    call();
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}

/** What JSON.parse makes of the same text: integers are doubles there. */
function rounded(value: AttributeValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}

/** Escapes each character of a JSON text's strings; the white space between tokens is what `space` says. */
function dressed(value: unknown, space: string, isEscaped: boolean): string {
  const text = (content: string) =>
    isEscaped
      ? `"${Array.from({ length: content.length }, (_, at) => `\\u${content.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(content);
  if (typeof value === 'string') return text(value);
  const list = (items: readonly string[]) => items.join(`${space},${space}`);
  if (Array.isArray(value)) return `[${space}${list(value.map(item => dressed(item, space, isEscaped)))}${space}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(
    ([key, item]) => `${text(key)}${space}:${space}${dressed(item, space, isEscaped)}`,
  );
  return `{${space}${list(fields)}${space}}`;
}

const jsonValues = fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 });
const whiteSpace = fc.stringMatching(/^[ \t\r\n]{0,3}$/);

describe('a value', () => {
  test('is what JSON.parse makes of it, with any white space and any escapes', () => {
    fc.assert(
      fc.property(jsonValues, whiteSpace, fc.boolean(), (value, space, isEscaped) => {
        const text = dressed(value, space, isEscaped);
        expect(rounded(plainValueOf(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test('is exact where it is an integer of 64 bits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), integer => {
        expect(plainValueOf(String(integer))).toBe(integer);
      }),
    );
  });

  test.each([
    ['9223372036854775807', 2n ** 63n - 1n],
    ['9223372036854775808', 2 ** 63],
    ['-9223372036854775808', -(2n ** 63n)],
    ['-9223372036854775809', -(2 ** 63)],
    ['123456789012345678901234567890', 1.2345678901234568e29],
    ['-0', -0],
    ['0', 0n],
    ['1e3', 1000],
    ['-2.5E-3', -0.0025],
    // What some producers write, though it is no JSON.
    ['NaN', Number.NaN],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['"a\u0000\u0007\tb"', 'a\u0000\u0007\tb'],
    ['[1,2,]', [1n, 2n]],
    ['{"a":1,}', { a: 1n }],
    // Half a surrogate pair has no UTF-8.
    ['"\\ud83d\\ude00 \\ud83d \\ude00"', '😀 \ufffd \ufffd'],
    ['"\\/\\b\\f\\n\\r\\t\\"\\\\"', '/\b\f\n\r\t"\\'],
    ['{"__proto__":{"a":1}}', JSON.parse('{"__proto__":1}', (key, value) => (key === '__proto__' ? { a: 1n } : value))],
  ])('%s is read as it is meant', (text, value) => {
    expect(plainValueOf(text)).toEqual(value);
  });

  test('may be nested 64 deep and no deeper', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(JSON.stringify(plainValueOf(nested(65)))).toBe(nested(65));
    expect(() => plainValueOf(nested(66))).toThrow(new BadRecord('too-deep', 'values nested more than 64 deep'));
    expect(() => plainValueOf(nested(100_000))).toThrow(BadRecord);
  });

  test.each([
    ['nul', 'expected a value, found nul', 3],
    ['[tru', 'expected a value, found tru', 4],
    ['nope', 'expected a value, found nope', 0],
    ['[1 2]', "expected ',' or ']', found '2'", 3],
    ['{"a" 1}', "expected ':', found '1'", 5],
    ['{a:1}', "expected a key, found 'a'", 1],
    ['["a', 'expected the end of a string before the end of the line', 3],
    ['["\\u12x4"]', 'expected four hex digits behind \\u', 4],
    ['[\u0001]', 'expected a value, found byte 0x1', 1],
  ])('%s is at fault where it is', (text, message, position) => {
    expect(() => plainValueOf(text)).toThrow(expect.objectContaining({ message, position }));
    expect(() => plainValueOf(text)).toThrow(JsonSyntaxError);
  });
});

describe('passing over a value', () => {
  test('ends where the value ends', () => {
    fc.assert(
      fc.property(jsonValues, whiteSpace, fc.boolean(), (value, space, isEscaped) => {
        const text = dressed(value, space, isEscaped);
        const cursor = cursorOn(`${text} ,next`);
        cursor.skipValue();
        expect(cursor.position).toBe(Buffer.byteLength(text));
      }),
    );
  });

  test('asks for more wherever the value is cut, and finds its end when the rest has come', () => {
    fc.assert(
      fc.property(fc.array(jsonValues, { minLength: 1, maxLength: 3 }), fc.nat(), (value, cut) => {
        const bytes = Buffer.from(JSON.stringify(value));
        const at = cut % bytes.length;
        const cursor = new JsonCursor(16);
        cursor.fill(0, bytes.subarray(0, at));
        expect(thrownBy(() => cursor.skipValue())).toBe(NEED_MORE);
        cursor.position = 0;
        cursor.fill(0, bytes.subarray(at));
        cursor.skipValue();
        expect(cursor.position).toBe(bytes.length);
      }),
    );
  });

  test('is no matter of depth', () => {
    const cursor = cursorOn('['.repeat(1_000_000) + ']'.repeat(1_000_000));
    cursor.skipValue();
    expect(cursor.position).toBe(2_000_000);
  });

  test.each(['{"a":[1\n{"b":2}', '{"a":{"b":"c"\n[1]}', '[{"a":tr\n{"b":2}]'])(
    'ends where a line begins that cannot be part of it: %j',
    text => {
      expect(() => cursorOn(text).skipValue()).toThrow(expect.objectContaining({ position: text.indexOf('\n') + 1 }));
    },
  );
});

describe('a 64-bit time or count', () => {
  const nanosOf = (text: string): bigint | undefined => {
    const cursor = cursorOn(text);
    if (!readInteger64(cursor)) return undefined;
    return (BigInt(cursor.high) << 32n) | BigInt(cursor.low);
  };

  test('is exact as a number, a string, a Long and a pair of seconds and nanoseconds', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
        const words = { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
        const pair = [value / 1_000_000_000n, value % 1_000_000_000n];
        for (const text of [`${value}`, `"${value}"`, JSON.stringify({ ...words, unsigned: true }), `[${pair}]`]) {
          expect(nanosOf(text)).toBe(value);
        }
      }),
    );
  });

  test.each([
    ['1e3', 1000n],
    ['1.5e18', 1_500_000_000_000_000_000n],
    ['"1.795165200123456789E+18"', 1_795_165_200_123_456_789n],
    ['12.999', 12n],
    ['1793606520000000.5', 1_793_606_520_000_000n],
    ['25e-1', 2n],
    ['5e-1', 0n],
    ['0.000e30', 0n],
    ['"  7 "', 7n],
    ['"+7"', 7n],
    ['007', 7n],
    ['""', 0n],
    ['null', 0n],
    ['-0', 0n],
    ['"2026-11-20T09:00:00.123456789Z"', 1_795_165_200_123_456_789n],
    ['"2026-11-20T10:00:00+01:00"', 1_795_165_200_000_000_000n],
    ['"2026-11-20 09:00:00Z"', 1_795_165_200_000_000_000n],
    ['18446744073709551615', 2n ** 64n - 1n],
    ['18446744073709551616', undefined],
    ['-1', 2n ** 64n - 1n],
    ['-1.5', undefined],
    ['1e99', undefined],
    ['1e9999', undefined],
    ['"yesterday"', undefined],
    ['"0x10"', undefined],
    ['NaN', undefined],
    ['true', undefined],
    ['{}', undefined],
    ['{"low":1}', undefined],
    ['{"low":"1","high":0}', undefined],
    ['[]', undefined],
    ['[1.5,0]', undefined],
    ['[-5,0]', undefined],
    ['[1,NaN]', undefined],
    [`${'['.repeat(100)}${']'.repeat(100)}`, undefined],
  ])('%s is %s', (text, value) => {
    expect(nanosOf(text)).toBe(value);
  });

  test('in microseconds does not wrap when it becomes nanoseconds', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
        const cursor = cursorOn(String(value));
        readInteger64(cursor);
        const fits = microsToNanos(cursor);
        expect(fits).toBe(value * 1000n < 2n ** 64n);
        if (fits) expect((BigInt(cursor.high) << 32n) | BigInt(cursor.low)).toBe(value * 1000n);
      }),
    );
  });
});

describe('an id', () => {
  const formName = (form: number) => Object.entries(IdForm).find(([, code]) => code === form)?.[0];
  const idOf = (text: string, size: 16 | 8): readonly [form: string | undefined, hex: string] => {
    const ids = new IdReader();
    const form = ids.read(cursorOn(text), size);
    const words = [ids.word3, ids.word2, ids.word1, ids.word0].map(word => word.toString(16).padStart(8, '0'));
    return [formName(form), words.slice(4 - size / 4).join('')];
  };

  test('is read back from hex of any case and base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), bytes => {
        const buffer = Buffer.from(bytes);
        const hex = buffer.toString('hex');
        for (const text of [hex, hex.toUpperCase(), `0x${hex}`]) {
          expect(idOf(`"${text}"`, 16)).toEqual(['hex', hex]);
        }
        for (const text of [`"${buffer.toString('base64')}"`, JSON.stringify(buffer), JSON.stringify([...bytes])]) {
          expect(idOf(text, 16)).toEqual(['base64', hex]);
        }
        expect(idOf(JSON.stringify(bytes), 16)).toEqual(['base64', hex]);
        expect(idOf(JSON.stringify([...new Int8Array(bytes)]), 16)).toEqual(['base64', hex]);
      }),
    );
  });

  test.each([
    ['"2f3"', 16, 'hex', '000000000000000000000000000002f3'],
    ['"2f3"', 8, 'hex', '00000000000002f3'],
    ['" 0B "', 8, 'hex', '000000000000000b'],
    ['"123e4567-e89b-12d3-a456-426614174000"', 16, 'hex', '123e4567e89b12d3a456426614174000'],
    ['255', 8, 'hex', '00000000000000ff'],
    ['-3944181038374441761', 8, 'hex', 'c943743e25dc2cdf'],
    ['18446744073709551615', 8, 'hex', 'ffffffffffffffff'],
    ['"6bfvkGBj/QQ="', 8, 'base64', 'e9b7ef906063fd04'],
    // Eight bytes in a trace id: a producer that knows 64 bits only.
    ['"6bfvkGBj/QQ="', 16, 'base64', '0000000000000000e9b7ef906063fd04'],
    ['""', 16, 'absent', '00000000000000000000000000000000'],
    ['"  "', 8, 'absent', '0000000000000000'],
    ['null', 8, 'absent', '0000000000000000'],
    ['true', 8, 'absent', '0000000000000000'],
    ['[]', 8, 'absent', '0000000000000000'],
    ['{}', 8, 'absent', '0000000000000000'],
    ['"AAAAAAAAAAA="', 8, 'base64', '0000000000000000'],
    ['0', 8, 'hex', '0000000000000000'],
  ] as const)('%s of %i bytes is %s %s', (text, size, form, hex) => {
    expect(idOf(text, size)).toEqual([form, hex]);
  });

  test.each([
    '"trace-123"',
    '"not an id"',
    '"0123456789abcdef0"',
    '[1,2,3]',
    '{"a":NaN}',
    '[1,2,3,4,5,6,7,300]',
    '1.5',
  ])('%s is replaced by a hash of it, the same each time', text => {
    const [form, hex] = idOf(text, 8);
    expect(form).toBe('invented');
    expect(hex).toMatch(/^[0-9a-f]{16}$/);
    expect(idOf(text, 8)).toEqual([form, hex]);
    expect(hex).not.toBe(idOf('"another"', 8)[1]);
  });
});

describe('an outline', () => {
  const pathsOf = (text: string, bytes = 1024) => {
    const { paths, ...rest } = outlineOf(cursorOn(text), bytes);
    return { paths: [...paths], ...rest };
  };

  test('is the set of key paths', () => {
    expect(pathsOf('{"data":[{"traceID":"a","spans":[{"spanID":1}]},{"spans":[{"tags":[]}]}],"errors":null}')).toEqual({
      paths: [
        '.data',
        '.data[]',
        '.data[].traceID',
        '.data[].spans',
        '.data[].spans[]',
        '.data[].spans[].spanID',
        '.data[].spans[].tags',
        '.errors',
      ],
      opening: '{',
      complete: true,
    });
  });

  test('of a document that goes on is that of its beginning', () => {
    expect(pathsOf('[{"a":1,"b":{"c":2}}]', 12)).toEqual({
      paths: ['[]', '[].a', '[].b'],
      opening: '[',
      complete: false,
    });
  });

  test('leaves the cursor as it was', () => {
    const cursor = cursorOn('{"a":[1,2,3]}');
    outlineOf(cursor, 5);
    expect(readPlainValue(cursor)).toEqual({ a: [1n, 2n, 3n] });
  });

  test('stops at what is not JSON and says so', () => {
    const { paths, error } = pathsOf('{"a":1,b:2}');
    expect(paths).toEqual(['.a']);
    expect(error).toMatchObject({ message: "expected a key, found 'b'", position: 7 });
  });

  test('is bounded, whatever the document', () => {
    const wide = pathsOf(
      JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, key) => [`k${key}`, 1]))),
      1 << 20,
    );
    expect(wide.paths).toHaveLength(400);
    expect(wide.complete).toBe(true);
    const deep = pathsOf(`${'{"a":'.repeat(50)}1${'}'.repeat(50)}`);
    expect(deep.paths.at(-1)).toBe('.a.a.a.a.a.a.a.a');
  });
});
