import type { Aggregate } from '../traceql/ast.ts';
import { nearestDouble, type SqlValue } from './sql-value.ts';

const INT64 = 'BETWEEN -9223372036854775808 AND 9223372036854775807';

/**
 * The columns `int` and `float` of an aggregate over the spans of a group, of which `value` is the value of its expression in a span;
 * both are NULL where no value is a number. `order` makes the sum of doubles the same every time.
 */
export function aggregateColumns({ name }: Aggregate, value: SqlValue, order: string): { int: string; float: string } {
  const none = { int: 'NULL::BIGINT', float: 'NULL::DOUBLE' };
  if (name === 'count') return { ...none, int: 'count(*)' };
  const { int, float } = value;
  if (int === undefined && float === undefined) return none;
  if (name === 'min' || name === 'max') return extreme(name, int, float);
  const count = [int, float].flatMap(column => (column === undefined ? [] : `count(${column})`)).join(' + ');
  const exact = int === undefined ? undefined : `sum(${int})`;
  const double =
    float === undefined
      ? nearestDouble(`${exact}`)
      : `sum(${int === undefined ? float : `coalesce(${float}, ${int}::DOUBLE)`} ORDER BY ${order})`;
  const isWhole = float === undefined ? 'true' : `count(${float}) = 0`;
  if (name === 'avg') {
    const sum = exact === undefined ? double : `CASE WHEN ${isWhole} THEN ${nearestDouble(exact)} ELSE ${double} END`;
    return { ...none, float: `CASE WHEN ${count} > 0 THEN ${sum} / (${count}) END` };
  }
  if (exact === undefined) return { ...none, float: double };
  return {
    int: `CASE WHEN ${isWhole} AND ${exact} ${INT64} THEN ${exact}::BIGINT END`,
    float: `CASE WHEN ${isWhole} THEN CASE WHEN NOT ${exact} ${INT64} THEN ${nearestDouble(exact)} END ELSE ${double} END`,
  };
}

function extreme(
  name: 'min' | 'max',
  int: string | undefined,
  float: string | undefined,
): { int: string; float: string } {
  const ofInt = int === undefined ? 'NULL::BIGINT' : `${name}(${int})`;
  if (float === undefined) return { int: ofInt, float: 'NULL::DOUBLE' };
  // To DuckDB NaN is above all else; to TraceQL it is neither.
  const ofFloat = `${name}(CASE WHEN NOT isnan(${float}) THEN ${float} END)`;
  if (int === undefined) return { int: ofInt, float: ofFloat };
  const isInt = `${ofFloat} IS NULL OR ${ofInt} ${name === 'min' ? '<=' : '>='} ${ofFloat}`;
  return {
    int: `CASE WHEN ${isInt} THEN ${ofInt} END`,
    float: `CASE WHEN NOT (${isInt}) OR ${ofInt} IS NULL THEN ${ofFloat} END`,
  };
}
