import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePipeline } from '../../src/query/compile/compile.ts';
import { conjunctCountsSql, conjunctsOf, readConjuncts } from '../../src/query/compile/explain.ts';
import { formatSql } from '../../src/query/compile/explain-sql.ts';
import type { FieldExpression, Pipeline, Query } from '../../src/query/traceql/ast.ts';
import type { Database } from '../../src/store/database.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { storeOf } from '../support/load.ts';
import { conditions, searchQueries } from './arbitrary-query.ts';

function pipelineOf({ root }: Query): Pipeline {
  if (root.kind !== 'pipeline') throw new TypeError('a metrics query');
  return root;
}

function filterOf(condition: FieldExpression): Pipeline {
  return { kind: 'pipeline', stages: [{ kind: 'filter', condition, from: 0, to: 0 }], from: 0, to: 0 };
}

async function someData(): Promise<Database> {
  const traces = fc.sample(traceSpans({ maxSpans: 12, hasAttributes: true }), { numRuns: 12, seed: 7 });
  const { database } = await storeOf(
    traces.flatMap((spans, index) => spans.map(span => ({ ...span, traceId: `${index + 1}`.padStart(32, '0') }))),
  );
  return database;
}

describe('SQL for people', () => {
  test('has a line for each clause, and what is in brackets further in', () => {
    expect(
      formatSql(
        `WITH step1 AS (SELECT s.trace_id FROM span s WHERE (s.operation_id IN (SELECT operation_id FROM operation WHERE name = 'FROM ( it''s') AND s.duration_ns BETWEEN 1 AND 2)),\nstep2 AS (SELECT 1)\nSELECT * FROM step1 LEFT JOIN step2 USING (x)`,
      ),
    ).toBe(`WITH step1 AS (
  SELECT s.trace_id
  FROM span s
  WHERE (
    s.operation_id IN (SELECT operation_id FROM operation WHERE name = 'FROM ( it''s')
    AND s.duration_ns BETWEEN 1 AND 2
  )
),
step2 AS (SELECT 1)
SELECT *
FROM step1
LEFT JOIN step2 USING (x)`);
  });

  test('that is short stays on its line', () => {
    expect(formatSql('SELECT trace_id, span_no FROM span')).toBe('SELECT trace_id, span_no FROM span');
  });

  test('is the same but for white space', () => {
    const tokens = (sql: string) => sql.replace(/('(?:[^']|'')*'|"(?:[^"]|"")*")|\s+/g, '$1');
    fc.assert(
      fc.property(searchQueries, query => {
        const { sql } = compilePipeline(pipelineOf(query));
        expect(tokens(formatSql(sql))).toBe(tokens(sql));
      }),
    );
  });

  test('gives what the statement gives', async () => {
    const database = await someData();
    await fc.assert(
      fc.asyncProperty(searchQueries, async query => {
        const { sql } = compilePipeline(pipelineOf(query));
        const ordered = async (statement: string) => database.rows(`SELECT * FROM (${statement}) ORDER BY ALL`);
        expect(await ordered(formatSql(sql))).toEqual(await ordered(sql));
      }),
      { numRuns: 40 },
    );
  });
});

test('each condition of a filter keeps what it keeps alone, and with those before it', async () => {
  const database = await someData();
  const countsOf = async (condition: FieldExpression) => {
    const { sql } = compilePipeline(filterOf(condition));
    const [row] = await database.rows(`SELECT count(*) AS spans, count(DISTINCT trace_id) AS traces FROM (${sql})`);
    return [Number(row?.spans), Number(row?.traces)];
  };
  const chains = fc.array(conditions, { minLength: 2, maxLength: 4 }).map(
    (operands): FieldExpression => ({
      kind: 'logical',
      operator: '&&',
      operands: operands.flatMap((operand, index) => (index === 0 ? conjunctsOf(operand) : [operand])),
      from: 0,
      to: 0,
    }),
  );
  await fc.assert(
    fc.asyncProperty(chains, async condition => {
      const [row] = await database.rows(conjunctCountsSql({ condition, input: undefined }));
      const conjuncts = readConjuncts(condition, row!);
      const operands = conjunctsOf(condition);
      for (const [index, operand] of operands.entries()) {
        const { spanCount, traceCount, aloneSpanCount, aloneTraceCount } = conjuncts[index]!;
        expect([aloneSpanCount, aloneTraceCount]).toEqual(await countsOf(operand));
        const upTo: FieldExpression =
          index === 0
            ? operand
            : { kind: 'logical', operator: '&&', operands: operands.slice(0, index + 1), from: 0, to: 0 };
        expect([spanCount, traceCount]).toEqual(await countsOf(upTo));
      }
    }),
    { numRuns: 25 },
  );
});
