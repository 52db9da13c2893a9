import type { FieldExpression } from '../traceql/ast.ts';
import { printExpression } from '../traceql/printer.ts';
import type { Step } from './compile.ts';
import { conditionSql } from './conditions.ts';
import { Scope } from './scope.ts';

// What the parts of a filter keep: of `{ a && b && c }` each of the three by itself, and as many as are asked up to it.

/** More conditions than this are not tried one by one: DuckDB plans a join for each, in time that grows faster than their number. */
export const MOST_CONJUNCTS = 32;

/** What one condition of a chain keeps. */
export interface Conjunct {
  readonly text: string;
  /** Spans for which this condition and all before it hold. */
  readonly spanCount: number;
  readonly traceCount: number;
  /** Spans for which this condition holds, whatever the others say. */
  readonly aloneSpanCount: number;
  readonly aloneTraceCount: number;
}

/** The conditions that must all hold: those of a chain of `&&`, else the one. */
export function conjunctsOf(condition: FieldExpression): readonly FieldExpression[] {
  return condition.kind === 'logical' && condition.operator === '&&' ? condition.operands : [condition];
}

/**
 * A query of one row about the conditions of a filter: `a0`, `a1` … are how many spans of its input pass each alone, `s0`, `s1` … how
 * many pass it and all before it, and `at0` …, `st0` … the traces of these spans.
 */
export function conjunctCountsSql({ condition, input }: NonNullable<Step['filter']>): string {
  const scope = new Scope(
    input === undefined ? 'span s' : `${input} m JOIN span s ON s.span_no = m.span_no`,
    undefined,
  );
  const conditions = conjunctsOf(condition);
  const indexes = [...conditions.keys()];
  const tests = conditions.map((operand, index) => `${conditionSql(operand, scope)} AS b${index}`);
  const first = `CASE ${indexes.map(index => `WHEN NOT b${index} THEN ${index}`).join(' ')} ELSE ${indexes.length} END AS failed`;
  // By trace first: counting distinct traces for each condition would hash all spans as many times.
  const ofTrace = indexes.map(
    index => `count(*) FILTER (b${index}) AS n${index}, count(*) FILTER (failed > ${index}) AS c${index}`,
  );
  const ofAll = indexes.map(
    index =>
      `coalesce(sum(n${index}), 0)::BIGINT AS a${index}, count(*) FILTER (n${index} > 0) AS at${index}, coalesce(sum(c${index}), 0)::BIGINT AS s${index}, count(*) FILTER (c${index} > 0) AS st${index}`,
  );
  return `SELECT ${ofAll.join(', ')} FROM (SELECT ${ofTrace.join(', ')} FROM (SELECT *, ${first} FROM (SELECT s.trace_id, ${tests.join(', ')} FROM ${scope.from})) GROUP BY trace_id)`;
}

/** Reads the row of `conjunctCountsSql`. */
export function readConjuncts(condition: FieldExpression, row: Readonly<Record<string, unknown>>): Conjunct[] {
  return conjunctsOf(condition).map((operand, index) => ({
    text: printExpression(operand),
    spanCount: Number(row[`s${index}`]),
    traceCount: Number(row[`st${index}`]),
    aloneSpanCount: Number(row[`a${index}`]),
    aloneTraceCount: Number(row[`at${index}`]),
  }));
}
