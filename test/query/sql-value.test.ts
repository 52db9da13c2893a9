import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arithmeticSelect, compare, literalValue, type SqlValue } from '../../src/query/compile/sql-value.ts';
import { compute, type NumericValue } from '../../src/query/evaluate/values.ts';
import type { ArithmeticOperator } from '../../src/query/traceql/operators.ts';
import { openStore } from '../support/load.ts';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const numbers: fc.Arbitrary<NumericValue> = fc.oneof(
  int64,
  fc.bigInt({ min: -20n, max: 20n }),
  fc.double(),
  fc.constantFrom(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 3_292_066_219_129_576_705n, 0, -0, 0.5, 2 ** 63, -(2 ** 63)),
);
// Powers of doubles are left to the C library there and to V8 here.
const operators = fc.constantFrom<ArithmeticOperator>('+', '-', '*', '/', '%');
const sums = fc.oneof(
  fc.tuple(operators, numbers, numbers),
  fc.tuple(fc.constant<ArithmeticOperator>('^'), fc.bigInt({ min: -9n, max: 9n }), fc.bigInt({ min: 0n, max: 19n })),
);

function sqlOf(value: NumericValue): SqlValue {
  return literalValue(
    typeof value === 'bigint'
      ? { kind: 'literal', type: 'int', value, from: 0, to: 0 }
      : { kind: 'literal', type: 'float', value, from: 0, to: 0 },
  );
}

test('arithmetic in SQL is what it is in memory, to the last bit', async () => {
  const { database } = await openStore();
  await fc.assert(
    fc.asyncProperty(fc.array(sums, { minLength: 1, maxLength: 40 }), async list => {
      const queries = list.map(
        ([operator, a, b], index) =>
          `SELECT ${index} AS place, "int", "float" FROM (${arithmeticSelect(operator, sqlOf(a), sqlOf(b))})`,
      );
      const rows = await database.rows(`${queries.join(' UNION ALL ')} ORDER BY place`);
      expect(rows.map(row => row.int ?? row.float ?? undefined)).toEqual(
        list.map(([operator, a, b]) => compute(operator, a, b)),
      );
    }),
    { numRuns: 60 },
  );
});

test('nil is not unlike NaN, as it is not unlike anything', async () => {
  const { database } = await openStore();
  const nil: SqlValue = { float: 'NULL::DOUBLE' };
  const nan: SqlValue = { float: "'NaN'::DOUBLE" };
  for (const [left, right] of [
    [nil, nan],
    [nan, nil],
    [nil, nil],
  ] as const) {
    expect(await database.value(`SELECT ${compare('!=', left, right)}`)).toBe(false);
  }
  expect(await database.value(`SELECT ${compare('!=', nan, nan)}`)).toBe(true);
});
