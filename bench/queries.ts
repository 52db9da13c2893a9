// How long TraceQL takes from its text to the newest traces, inside one process over a warm database, beside SQL that someone who knows
// the tables would write for the same question.
//   node bench/queries.ts --db bench/data/s1m.duckdb --runs 15

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { select } from '../src/commands/selection.ts';
import { compilePipeline } from '../src/query/compile/compile.ts';
import { compileMetricsFor } from '../src/query/compile/metrics.ts';
import { timeGrid } from '../src/query/metrics/time-grid.ts';
import { parseQuery } from '../src/query/traceql/parse-query.ts';
import { Database } from '../src/store/database.ts';
import { findTraces } from '../src/store/find-traces.ts';
import { startTimes } from '../src/store/metrics.ts';
import { firstColumn } from '../src/store/spansets.ts';
import { spreadOf } from './measure.ts';
import { positiveNumber, readOptions } from './options.ts';
import { QUESTION_COLUMNS, type Question, timed } from './questions.ts';
import { describeMachine, formatCount, markdownTable } from './report.ts';

const THREADS = 4;
const NEWEST = 20;
const LIMIT_MS = 300;
const COMPILE_LIMIT_MS = 2;

const options = readOptions(import.meta.filename, {
  db: { type: 'string', default: 'bench/data/s1m.duckdb' },
  runs: { type: 'string', default: '15' },
});
const runs = positiveNumber('--runs', options.runs);
if (!existsSync(options.db)) throw new Error(`there is no database ${options.db}`);
const database = await Database.open({ path: options.db, readOnly: true });
await database.setThreads(THREADS);

const inService = (name: string, alias = 's') =>
  `${alias}.operation_id IN (SELECT operation_id FROM operation JOIN service v USING (service_id) WHERE v.name = '${name}')`;
/** A predicate over `span s`; the ids are asked for first, which is what is fastest. */
async function having(key: string, value: string): Promise<string> {
  const rows = await database.rows(
    `SELECT attribute_id FROM attribute JOIN key k USING (key_id) WHERE k.name = '${key}' AND value = '${value}'`,
  );
  return `(${rows.map(row => `list_contains(s.attribute_ids, ${row.attribute_id})`).join(' OR ')})`;
}
const newest = (traces: string) => `
  SELECT t.trace_id, t.start_ns, t.duration_ns, t.span_count, t.error_count, v.name AS service, o.name
  FROM trace t JOIN operation o USING (operation_id) JOIN service v USING (service_id)
  WHERE t.trace_id IN (${traces}) ORDER BY t.start_ns DESC, t.trace_id LIMIT ${NEWEST}`;

/** Queries, and the traces that they find in SQL. */
const QUERIES: readonly (readonly [query: string, sql: () => Promise<string>])[] = [
  [
    '{ span.http.response.status_code = 500 }',
    async () => `SELECT trace_id FROM span s WHERE ${await having('http.response.status_code', '500')}`,
  ],
  [
    '{ span.http.response.status_code = 500 && span.http.request.method = "POST" && duration > 10ms }',
    async () =>
      `SELECT trace_id FROM span s WHERE duration_ns > 10000000 AND ${await having('http.response.status_code', '500')} AND ${await having('http.request.method', 'POST')}`,
  ],
  [
    '{ resource.service.name = "frontend-proxy" } >> { resource.service.name = "quoteservice" }',
    async () => `SELECT b.trace_id FROM span b SEMI JOIN (SELECT * FROM span a WHERE ${inService('frontend-proxy', 'a')}) a
      ON b.trace_id = a.trace_id AND b.nested_set_left > a.nested_set_left AND b.nested_set_left < a.nested_set_right
      WHERE ${inService('quoteservice', 'b')}`,
  ],
  [
    '{ resource.service.name = "frontend" } | count() > 3',
    async () => `SELECT trace_id FROM span s WHERE ${inService('frontend')} GROUP BY trace_id HAVING count(*) > 3`,
  ],
];

try {
  const rows: string[][] = [];
  for (const [text, sql] of QUERIES) {
    const question: Question = {
      name: `\`${text.replaceAll('|', '\\|')}\``,
      limitMs: LIMIT_MS,
      program: async () => {
        const query = parseQuery(text);
        if (query.root.kind !== 'pipeline') throw new Error(`${text} asks for metrics`);
        const selection = await select(database, { ...query, root: query.root });
        const where = selection.traces('t');
        return (await findTraces(database, { where, order: 'start', ascending: false, limit: NEWEST })).length;
      },
      sql: async () => (await database.rows(newest(await sql()))).length,
    };
    rows.push(...(await timed(question, runs)));
  }
  rows.push(...(await timed(await quantiles(), runs)));
  console.log(`${describeMachine()}\n`);
  const spans = Number(await database.value('SELECT count(*) FROM span'));
  console.log(
    `${basename(options.db)}, ${formatCount(spans)} spans, ${formatCount(statSync(options.db).size / 1e6)} MB; at most ${THREADS} threads, medians of ${runs} runs in turns, in one process, warm.\n`,
  );
  console.log(markdownTable(QUESTION_COLUMNS, rows));
  console.log(`\n${compileTimes()}`);
} finally {
  database.close();
}

/** The 95th percentile over time by service. */
async function quantiles(): Promise<Question> {
  const text = '{ } | quantile_over_time(duration, .95) by (resource.service.name)';
  const { first = 0n, last = 0n } = await startTimes(database);
  const grid = timeGrid(first, last, (last - first) / 60n + 1n);
  return {
    name: `\`${text.replaceAll('|', '\\|')}\``,
    limitMs: LIMIT_MS,
    program: async () => {
      const { root } = parseQuery(text);
      if (root.kind !== 'metrics') throw new Error(`${text} is no metrics query`);
      const { sql, seriesOf } = await compileMetricsFor(root, grid, ids => firstColumn(database, ids));
      return seriesOf(await database.rows(sql)).length;
    },
    sql: async () =>
      (
        await database.rows(`
          SELECT v.name, s.start_ns // ${grid.stepNano} AS time, quantile_disc(s.duration_ns, 0.95) AS p95
          FROM span s JOIN operation o USING (operation_id) JOIN service v USING (service_id) GROUP BY ALL ORDER BY ALL`)
      ).length,
  };
}

/** How long it takes to read and compile each valid query of the tests, the slowest of them. */
function compileTimes(): string {
  const folder = new URL('../test/query/semantics/', import.meta.url);
  const queries = readdirSync(folder)
    .filter(file => file.endsWith('.txt'))
    .flatMap(file => readFileSync(new URL(file, folder), 'utf8').split('\n'))
    .filter(line => /^[{(]/.test(line));
  let slowest = { text: '', median: 0 };
  const medians: number[] = [];
  for (const text of queries) {
    const times: number[] = [];
    for (let run = 0; run < 5; run++) {
      const start = performance.now();
      const { root } = parseQuery(text);
      if (root.kind === 'pipeline') compilePipeline(root);
      times.push(performance.now() - start);
    }
    const { median } = spreadOf(times);
    medians.push(median);
    if (median > slowest.median) slowest = { text, median };
  }
  return `${formatCount(queries.length)} queries read and compiled: ${spreadOf(medians).median.toFixed(3)} ms in the median, ${slowest.median.toFixed(2)} ms the slowest (limit ${COMPILE_LIMIT_MS} ms): ${slowest.text}`;
}
