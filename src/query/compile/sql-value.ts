import { textOfDouble, ValueType } from '../../model/attributes.ts';
import { Kind, Status } from '../../model/status.ts';
import type { Literal } from '../traceql/ast.ts';
import type { ArithmeticOperator, ComparisonOperator } from '../traceql/operators.ts';

// Values of TraceQL in SQL. What an attribute holds is not known before it is read, so a value is several columns, one a type, of which
// at most one is not NULL in any row; nil is all of them NULL. Where the type is known there is one column only.

/** The types, each with what SQL has in its column. */
export interface SqlValue {
  /** Never nil: its only column is never NULL. */
  readonly isSure?: true;
  /** The number that it is, where that stands in the query. */
  readonly number?: bigint | number;
  /** BIGINT; a duration is its nanoseconds. */
  readonly int?: string;
  /** DOUBLE. */
  readonly float?: string;
  /** VARCHAR. */
  readonly string?: string;
  /** BOOLEAN. */
  readonly bool?: string;
  /** The OTLP number of a status code. */
  readonly status?: string;
  /** The OTLP number of a span kind. */
  readonly kind?: string;
  /** VARCHAR: a JSON array as `textOfValue` writes it. */
  readonly array?: string;
}

export const TYPES = ['int', 'float', 'string', 'bool', 'status', 'kind', 'array'] as const;
const SCALARS = ['int', 'float', 'string', 'bool', 'status', 'kind'] as const;

export const NIL: SqlValue = {};

/** Returns a text as an SQL expression: a literal, or several, because a statement ends at a NUL. */
export function sqlText(text: string): string {
  const parts = text.split('\0').map(part => `'${part.replaceAll("'", "''")}'`);
  return parts.length === 1 ? parts.join('') : `(${parts.join(' || chr(0) || ')})`;
}

/** Returns a double as an SQL expression. */
function sqlDouble(value: number): string {
  return `'${textOfDouble(value)}'::DOUBLE`;
}

function sqlInteger(value: bigint): string {
  // Without the sign the least of int64 would be none.
  return value < 0n ? `(${value})::BIGINT` : String(value);
}

export function literalValue(literal: Literal): SqlValue {
  const number = typeof literal.value === 'bigint' || typeof literal.value === 'number' ? literal.value : undefined;
  return { ...columnOf(literal), isSure: true, ...(number === undefined ? {} : { number }) };
}

function columnOf(literal: Literal): SqlValue {
  switch (literal.type) {
    case 'string':
      return { string: sqlText(literal.value) };
    case 'int':
    case 'duration':
      return { int: sqlInteger(literal.value) };
    case 'float':
      return { float: sqlDouble(literal.value) };
    case 'bool':
      return { bool: String(literal.value) };
    case 'status':
      return { status: String(Status[literal.value]) };
    case 'kind':
      return { kind: String(Kind[literal.value]) };
  }
}

/** The value in columns `type` and `value` of `alias`, which has the columns of the table `attribute`. */
export function attributeValue(alias: string): SqlValue {
  const of = (types: readonly number[], sql: string) =>
    `CASE WHEN ${alias}.type ${types.length === 1 ? `= ${types[0]}` : `IN (${types.join(', ')})`} THEN ${sql} END`;
  const text = `${alias}.value`;
  return {
    int: of([ValueType.int], `TRY_CAST(${text} AS BIGINT)`),
    float: of([ValueType.double], `TRY_CAST(${text} AS DOUBLE)`),
    string: of([ValueType.string, ValueType.bytes, ValueType.map], text),
    bool: of([ValueType.bool], `${text} = 'true'`),
    array: of([ValueType.array], text),
  };
}

/** A predicate: the value is not nil. */
export function isPresent(value: SqlValue): string {
  if (value.isSure) return 'true';
  const columns = TYPES.flatMap(type => value[type] ?? []);
  return columns.length === 0 ? 'false' : `(${columns.map(column => `${column} IS NOT NULL`).join(' OR ')})`;
}

/** Returns a predicate that is never NULL: the comparison as docs/query-language.md defines it. */
export function compare(operator: ComparisonOperator, left: SqlValue, right: SqlValue): string {
  const cases = [...scalarCases(operator, left, right), ...arrayCases(operator, left, right)];
  const [only] = cases;
  // As it is, it can be tried on whole row groups.
  if (left.isSure && right.isSure && cases.length === 1 && only !== undefined) return `(${only})`;
  return cases.length === 0 ? 'false' : `coalesce(${cases.join(', ')}, false)`;
}

/** What the comparison is for each pair of columns that can be compared. */
function scalarCases(operator: ComparisonOperator, left: SqlValue, right: SqlValue): string[] {
  const cases: string[] = [];
  const isPattern = operator === '=~' || operator === '!~';
  const isOrder = !isPattern && operator !== '=' && operator !== '!=';
  if (left.string !== undefined && right.string !== undefined) {
    const matches = `regexp_full_match(${left.string}, ${re2Pattern(right.string)}, 's')`;
    if (isPattern) cases.push(operator === '=~' ? matches : `NOT ${matches}`);
    else cases.push(`${left.string} ${operator} ${right.string}`);
  }
  if (isPattern) return cases;
  if (left.int !== undefined && right.int !== undefined) cases.push(`${left.int} ${operator} ${right.int}`);
  if (left.int !== undefined && right.float !== undefined) cases.push(...compareKinds(operator, left, right));
  if (left.float !== undefined && right.int !== undefined) cases.push(...compareKinds(MIRRORED[operator], right, left));
  if (left.float !== undefined && right.float !== undefined) {
    const isNumber = `NOT isnan(${left.float}) AND NOT isnan(${right.float})`;
    // To DuckDB NaN is equal to itself and above all else.
    cases.push(
      operator === '!='
        ? `CASE WHEN ${left.float} IS NOT NULL AND ${right.float} IS NOT NULL THEN NOT (${left.float} = ${right.float} AND ${isNumber}) END`
        : `(${left.float} ${operator} ${right.float} AND ${isNumber})`,
    );
  }
  if (isOrder) return cases;
  for (const type of ['bool', 'status', 'kind'] as const) {
    if (left[type] !== undefined && right[type] !== undefined) cases.push(`${left[type]} ${operator} ${right[type]}`);
  }
  return cases;
}

/** A pattern with named groups as every RE2 knows them: `(?<name>` is new there. Classes and escapes stay as they are. */
function re2Pattern(pattern: string): string {
  return pattern.replaceAll(/\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|\(\?<(?=[A-Za-z_])/g, part =>
    part === '(?<' ? '(?P<' : part,
  );
}

const MIRRORED = { '=': '=', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;
type OrderOperator = keyof typeof MIRRORED;

/** Compares an integer with a double, of which one may be known. */
function compareKinds(operator: OrderOperator, left: SqlValue, right: SqlValue): string[] {
  const { int = 'NULL', number: integer } = left;
  const { float = 'NULL', number: double } = right;
  if (typeof integer === 'bigint' && BigInt.asIntN(53, integer) === integer) {
    const mirrored = MIRRORED[operator];
    const comparison = `${float} ${mirrored} ${sqlInteger(integer)}`;
    // To DuckDB NaN is above all else.
    return [mirrored === '>' || mirrored === '>=' ? `(${comparison} AND NOT isnan(${float}))` : comparison];
  }
  if (typeof double === 'number' && Number.isInteger(double) && Math.abs(double) <= Number.MAX_SAFE_INTEGER) {
    return [`${int} ${operator} ${sqlInteger(BigInt(double))}`];
  }
  return [compareIntWithFloat(operator, int, float)];
}

/** Compares exactly, where a cast to DOUBLE would round: above 2.5 is above 2, below it is below 3. */
function compareIntWithFloat(operator: OrderOperator, int: string, float: string): string {
  const isBelow = String(operator === '<' || operator === '<=' || operator === '!=');
  const isAbove = String(operator === '>' || operator === '>=' || operator === '!=');
  const whole = operator === '<' || operator === '>=' ? `ceil(${float})` : `floor(${float})`;
  const inRange = `${int} ${operator} TRY_CAST(${whole} AS HUGEINT)`;
  const exact =
    operator === '='
      ? `(${float} = floor(${float}) AND ${inRange})`
      : operator === '!='
        ? `(${float} <> floor(${float}) OR ${inRange})`
        : inRange;
  return `CASE WHEN ${int} IS NULL OR ${float} IS NULL THEN NULL WHEN isnan(${float}) THEN ${String(operator === '!=')} WHEN ${float} > 1e30 THEN ${isBelow} WHEN ${float} < -1e30 THEN ${isAbove} ELSE ${exact} END`;
}

/** An array on one side: some item passes; of `!=` and `!~`, no item passes what they deny. */
function arrayCases(operator: ComparisonOperator, left: SqlValue, right: SqlValue): string[] {
  const cases: string[] = [];
  const denied = operator === '!=' ? '=' : operator === '!~' ? '=~' : undefined;
  const some = (array: string, { array: _, ...scalar }: SqlValue, mirrored: boolean) => {
    if (SCALARS.every(type => scalar[type] === undefined)) return;
    const item = itemValue('item');
    const passes = coalesced(
      mirrored ? scalarCases(denied ?? operator, scalar, item) : scalarCases(denied ?? operator, item, scalar),
    );
    const count = `len(list_filter(json_extract(${array}, '$[*]'), lambda item: ${passes}))`;
    cases.push(
      `CASE WHEN ${array} IS NOT NULL AND ${isPresent(scalar)} THEN ${count} ${denied === undefined ? '> 0' : '= 0'} END`,
    );
  };
  if (left.array !== undefined) some(left.array, right, false);
  if (right.array !== undefined) some(right.array, left, true);
  return cases;
}

function coalesced(cases: readonly string[]): string {
  return cases.length === 0 ? 'false' : `coalesce(${cases.join(', ')}, false)`;
}

/** An item of a JSON array. */
function itemValue(item: string): SqlValue {
  const type = `json_type(${item})`;
  return {
    int: `CASE WHEN ${type} IN ('BIGINT', 'UBIGINT') THEN TRY_CAST(${item}::VARCHAR AS BIGINT) END`,
    float: `CASE ${type} WHEN 'DOUBLE' THEN TRY_CAST(${item}::VARCHAR AS DOUBLE) WHEN 'OBJECT' THEN TRY_CAST(${item} ->> '$."$double"' AS DOUBLE) END`,
    string: `CASE WHEN ${type} = 'VARCHAR' THEN ${item} ->> '$' END`,
    bool: `CASE WHEN ${type} = 'BOOLEAN' THEN ${item}::VARCHAR = 'true' END`,
  };
}

const INT64 = 'BETWEEN -9223372036854775808 AND 9223372036854775807';

/**
 * Arithmetic of two numbers, each in columns `int` and `float` of a relation; returns a SELECT of one row with the columns `int` and
 * `float`. Integers are exact; a result outside int64 is a double, a division by zero is nil.
 */
export function arithmeticSelect(operator: ArithmeticOperator, left: SqlValue, right: SqlValue): string {
  const a = left.int ?? 'NULL::BIGINT';
  const b = right.int ?? 'NULL::BIGINT';
  const x = `coalesce(${left.float ?? 'NULL::DOUBLE'}, ${a}::DOUBLE)`;
  const y = `coalesce(${right.float ?? 'NULL::DOUBLE'}, ${b}::DOUBLE)`;
  const exact = exactly(operator);
  const double = operator === '^' ? 'pow(x, y)' : `x ${operator} y`;
  // DuckDB divides a double by zero to NULL.
  const divided =
    operator === '/' ? `CASE WHEN x IS NOT NULL AND y = 0 THEN ${DIVIDED_BY_ZERO} ELSE x / y END` : undefined;
  const remainder =
    operator === '%'
      ? `CASE WHEN x IS NULL OR y IS NULL THEN NULL WHEN y = 0 OR isinf(x) THEN 'NaN'::DOUBLE ELSE x % y END`
      : undefined;
  return `SELECT CASE WHEN isint AND exact ${INT64} THEN exact::BIGINT END AS "int", CASE WHEN isint AND exact ${INT64} THEN NULL WHEN isint AND nothing THEN NULL ELSE coalesce(${nearestDouble('exact')}, ${divided ?? remainder ?? double}) END AS "float" FROM (SELECT *, CASE WHEN isint THEN ${exact} END AS exact, isint AND ${operator === '/' || operator === '%' ? 'b = 0' : 'false'} AS nothing FROM (SELECT ${a}::HUGEINT AS a, ${b}::HUGEINT AS b, ${x} AS x, ${y} AS y, ${a} IS NOT NULL AND ${b} IS NOT NULL AS isint))`;
}

/** The double nearest to a HUGEINT: DuckDB's own cast rounds both halves of one. */
export function nearestDouble(hugeint: string): string {
  return `${hugeint}::VARCHAR::DOUBLE`;
}

const DIVIDED_BY_ZERO = `CASE WHEN x = 0 OR isnan(x) THEN 'NaN'::DOUBLE WHEN (x > 0) = (atan2(0.0, y) = 0) THEN 'Infinity'::DOUBLE ELSE '-Infinity'::DOUBLE END`;

function exactly(operator: ArithmeticOperator): string {
  switch (operator) {
    case '/':
      return 'CASE WHEN b <> 0 THEN a // b END';
    case '%':
      return 'CASE WHEN b <> 0 THEN a % b END';
    case '^':
      // A product of factors as long as it is far from overflowing; what is beyond int64 is a double.
      return `CASE WHEN b < 0 THEN NULL WHEN a IN (0, 1) THEN CASE WHEN b = 0 THEN 1 ELSE a END WHEN a = -1 THEN CASE WHEN b % 2 = 0 THEN 1 ELSE -1 END WHEN abs(pow(x, y)) < 1e19 THEN list_reduce(list_transform(range(b::BIGINT), lambda _: a), lambda p, q: p * q, 1::HUGEINT) END`;
    default:
      return `a ${operator} b`;
  }
}

/**
 * A value as a text that says its type, equal for equal values: `n`il, `i`nteger, `f`loat, `s`tring, `b`ool, s`t`atus, `k`ind, `a`rray.
 * `scalarOfKey` reads it back.
 */
export function keyOf(value: SqlValue): string {
  const { int, float, string, bool, status, kind, array } = value;
  const parts = [
    int === undefined ? [] : `'i' || ${int}`,
    // What is equal as a number is one group.
    float === undefined
      ? []
      : `CASE WHEN ${float} = floor(${float}) AND ${float} >= -9223372036854775808 AND ${float} < 9223372036854775808 THEN 'i' || ${float}::BIGINT ELSE 'f' || ${float} END`,
    string === undefined ? [] : `'s' || ${string}`,
    bool === undefined ? [] : `'b' || (${bool})`,
    status === undefined ? [] : `'t' || ${status}`,
    kind === undefined ? [] : `'k' || ${kind}`,
    array === undefined ? [] : `'a' || ${array}`,
  ].flat();
  return `coalesce(${[...parts, "'n'"].join(', ')})`;
}
