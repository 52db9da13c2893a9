import type { AttributeValue } from '../../model/attributes.ts';
import { isEverything } from '../flags.ts';
import {
  bucketBound,
  countValue,
  type Measure,
  quantileDecimal,
  quantilesOf,
  shapeOf,
  sumValue,
  unitOf,
} from '../metrics/measures.ts';
import { type Cell, type Exemplar, labelsOfFields, type Series, seriesOfCells } from '../metrics/series.ts';
import { type TimeGrid, timeOfInterval } from '../metrics/time-grid.ts';
import type { MetricsQuery, Stage } from '../traceql/ast.ts';
import { AttributeIds } from './attribute-ids.ts';
import { compilePipeline } from './compile.ts';
import { conditionSql, firstKey, valueSql } from './conditions.ts';
import { valueOfKey } from './keys.ts';
import { compileComparison } from './metrics-compare.ts';
import { Scope } from './scope.ts';
import type { SqlValue } from './sql-value.ts';

// A metrics query as one SQL statement, before its second stages: one scan of the spans, grouped by interval and by the values of by().
// What comes out is turned into numbers by query/metrics/, as the evaluator's is, so both round alike.

/** A row of an answer, columns by name. */
export type MetricsRow = Readonly<Record<string, unknown>>;

export interface CompiledMetrics {
  readonly sql: string;
  /** The series that the rows of the answer make. */
  seriesOf(rows: readonly MetricsRow[]): readonly Series[];
}

/** The spans of some stages: the FROM clause grows with the scope. */
export interface ScopedSpans {
  readonly scope: Scope;
  /** Predicates over `span s`. */
  readonly conditions: readonly string[];
}

/** Compiles a metrics query over the intervals of a grid, without its second stages. */
export function compileMetrics(query: MetricsQuery, grid: TimeGrid, ids?: AttributeIds): CompiledMetrics {
  const { scope, conditions } = spansOf(query.stages, ids);
  const spans = { scope, conditions: [...conditions, isInGrid(grid)] };
  return query.function.kind === 'compare-metric'
    ? compileComparison(query.function, spans, grid)
    : compileMeasure(query.function, spans, grid);
}

/** A metrics query for one database. */
export interface DatabaseMetrics extends CompiledMetrics {
  /** A query of the ids of the traces that have one of the spans; undefined where all have. */
  readonly tracesSql: string | undefined;
}

/** The same for one database; `ask` runs a query of ids there. */
export async function compileMetricsFor(
  query: MetricsQuery,
  grid: TimeGrid,
  ask: (sql: string) => Promise<readonly number[]>,
): Promise<DatabaseMetrics> {
  const ids = new AttributeIds();
  compileMetrics(query, grid, ids);
  await ids.answer(ask);
  return { ...compileMetrics(query, grid, ids), tracesSql: tracesOfStages(query.stages, ids) };
}

function tracesOfStages(stages: readonly Stage[], ids: AttributeIds): string | undefined {
  if (isEverything({ kind: 'pipeline', stages, from: 0, to: 0 })) return undefined;
  const { scope, conditions } = spansOf(stages, ids);
  return `SELECT s.trace_id FROM ${scope.from} WHERE ${['true', ...conditions].join(' AND ')}`;
}

/** Filters are asked of the spans in hand; what else there is has to be run first. A span is in one spanset at most. */
function spansOf(stages: readonly Stage[], ids: AttributeIds | undefined): ScopedSpans {
  const filters = stages.flatMap(stage => (stage.kind === 'filter' ? [stage.condition] : []));
  const isSimple = stages.every(({ kind }) => kind === 'filter' || kind === 'select');
  if (isSimple) {
    const scope = new Scope('span s', ids);
    return { scope, conditions: filters.map(condition => conditionSql(condition, scope)) };
  }
  const { sql } = compilePipeline({ kind: 'pipeline', stages, from: 0, to: 0 }, ids);
  return { scope: new Scope(`(${sql}) m JOIN span s ON s.span_no = m.span_no`, ids), conditions: [] };
}

function isInGrid(grid: TimeGrid): string {
  return `s.start_ns >= ${grid.startUnixNano} AND s.start_ns < ${timeOfInterval(grid, grid.count)}`;
}

/** The interval of a span. */
export function intervalSql({ startUnixNano, stepNano }: TimeGrid): string {
  return `((s.start_ns - ${startUnixNano}) // ${stepNano})::INTEGER`;
}

/** More than any span number; the product with any duration is in the range of HUGEINT. */
const SPAN_NUMBERS = 2n ** 64n;
/** The longest span, of equal ones the one with the smallest number, in one number: the aggregate of one column is fast. */
const LONGEST = `max(s.duration_ns::HUGEINT * ${SPAN_NUMBERS} - s.span_no)`;

function longestOf(row: MetricsRow): Exemplar {
  const longest = bigintOf(row.longest);
  // The span number was taken away from the next multiple.
  const durationNano = (longest + SPAN_NUMBERS - 1n) / SPAN_NUMBERS;
  return { interval: Number(row.i), durationNano, spanNumber: durationNano * SPAN_NUMBERS - longest };
}

function compileMeasure(measure: Measure, { scope, conditions }: ScopedSpans, grid: TimeGrid): CompiledMetrics {
  const keys = labelsOfFields(measure.by).map(({ field }, index) => `${firstKey(field, scope)} AS k${index}`);
  const value = measure.kind === 'span-metric' ? undefined : numberSql(valueSql(measure.field, scope));
  const { columns, group = [], valuesOf } = measureSql(measure, value, grid);
  const grouped = [...keys, `${intervalSql(grid)} AS i`, ...group];
  const where = value === undefined ? conditions : [...conditions, `${value.double} IS NOT NULL`];
  return {
    sql: `SELECT ${[...grouped, ...columns, `${LONGEST} AS longest`].join(', ')} FROM ${scope.from} WHERE ${where.join(' AND ')} GROUP BY ${grouped.map((_, index) => index + 1).join(', ')}`,
    seriesOf: rows =>
      seriesOfCells(
        rows.flatMap(row => {
          const key = keys.map((_, index) => valueOfKey(String(row[`k${index}`])));
          const exemplar = longestOf(row);
          return valuesOf(row).map(
            ({ added = [], value }): Cell => ({
              key: [...key, ...added],
              interval: exemplar.interval,
              value,
              exemplar,
            }),
          );
        }),
        shapeOf(measure, grid),
      ),
  };
}

/** The numbers among the values of a field; NaN is none. */
interface NumberSql {
  /** BIGINT, of whole numbers. */
  readonly whole: string | undefined;
  /** DOUBLE, of the others. */
  readonly other: string | undefined;
  /** All of them: BIGINT where there are no others, else DOUBLE. */
  readonly double: string;
}

function numberSql({ int, float }: SqlValue): NumberSql {
  if (float === undefined) return { whole: int, other: undefined, double: int ?? 'NULL::BIGINT' };
  const other = `CASE WHEN NOT isnan(${float}) THEN ${float} END`;
  return { whole: int, other, double: int === undefined ? other : `coalesce(${other}, ${int}::DOUBLE)` };
}

interface MeasureSql {
  /** What to group by besides the labels of by() and the interval. */
  readonly group?: readonly string[];
  readonly columns: readonly string[];
  /** The values of a row, with what the function adds to the labels. */
  valuesOf(row: MetricsRow): readonly { readonly added?: readonly AttributeValue[]; readonly value: number }[];
}

function measureSql(measure: Measure, numbers: NumberSql | undefined, grid: TimeGrid): MeasureSql {
  const { whole, other, double } = numbers ?? { whole: undefined, other: undefined, double: 'NULL' };
  switch (measure.name) {
    case 'rate':
    case 'count_over_time':
      return { columns: ['count(*) AS n'], valuesOf: row => [{ value: countValue(measure, Number(row.n), grid) }] };
    case 'min_over_time':
    case 'max_over_time': {
      const extreme = measure.name === 'min_over_time' ? 'min' : 'max';
      return {
        columns: [`${extreme}(${double}) AS v`],
        valuesOf: row => [{ value: Number(row.v) / unitOf(measure) }],
      };
    }
    case 'sum_over_time':
    case 'avg_over_time':
      return {
        columns: [
          `count(${double}) AS n`,
          `${whole === undefined ? '0::HUGEINT' : `coalesce(sum(${whole}), 0)::HUGEINT`} AS whole`,
          // In the order of the values the sum of doubles does not depend on that of the spans.
          `${other === undefined ? '0::DOUBLE' : `coalesce(sum(${other} ORDER BY ${other}), 0)`} AS others`,
        ],
        valuesOf: row => {
          const sum = { count: Number(row.n), whole: bigintOf(row.whole), others: Number(row.others) };
          return [{ value: sumValue(measure, sum) }];
        },
      };
    case 'histogram_over_time':
      return {
        group: [`${bucketExponent(`${double}::DOUBLE`)} AS exponent`],
        columns: ['count(*) AS n'],
        valuesOf: row => {
          const bound = bucketBound(measure, row.exponent === null ? undefined : Number(row.exponent));
          return [{ added: [bound], value: countValue(measure, Number(row.n), grid) }];
        },
      };
    case 'quantile_over_time': {
      const quantiles = quantilesOf(measure);
      const list = quantiles.map(decimalSql).join(', ');
      return {
        columns: [`quantile_disc(${double}, [${list}]) AS v`],
        valuesOf: row => {
          const values = Array.isArray(row.v) ? row.v : [];
          return quantiles.map((quantile, index) => ({
            added: [Number(quantile.value)],
            value: Number(values[index]) / unitOf(measure),
          }));
        },
      };
    }
  }
}

/** As `bucketOf` of query/metrics/measures.ts: the least whole exponent, NULL for what is not above 0. */
function bucketExponent(double: string): string {
  const exponent = `ceil(log2(CASE WHEN ${double} > 0 THEN ${double} END))`;
  return `CASE WHEN pow(2, ${exponent}) < ${double} THEN ${exponent} + 1 WHEN pow(2, ${exponent} - 1) >= ${double} THEN ${exponent} - 1 ELSE ${exponent} END`;
}

/** A quantile as a DECIMAL, with which DuckDB computes ranks without rounding. */
function decimalSql(quantile: Parameters<typeof quantileDecimal>[0]): string {
  const { digits, scale } = quantileDecimal(quantile);
  const text = String(digits).padStart(scale + 1, '0');
  return scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
}

function bigintOf(value: unknown): bigint {
  return typeof value === 'bigint' ? value : 0n;
}
