// How long the questions themselves take inside one process, once the database is open and its pages are warm: what a server or an
// interactive screen waits for, without the start of a program. Beside each stands SQL written by hand in the fastest shape that is
// known, which is what the program's own should come near to.
//   node bench/lookups.ts --db bench/data/s1m.duckdb --runs 15

import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { SearchQuery } from '../src/commands/query.ts';
import { select } from '../src/commands/selection.ts';
import { sqlText } from '../src/query/compile/sql-value.ts';
import { parseQuery } from '../src/query/traceql/parse-query.ts';
import { Database } from '../src/store/database.ts';
import { findTraces } from '../src/store/find-traces.ts';
import { operationRates } from '../src/store/rates.ts';
import { readTrace } from '../src/store/read-trace.ts';
import { trustOf } from '../src/store/trust.ts';
import { positiveNumber, readOptions } from './options.ts';
import { QUESTION_COLUMNS, type Question, timed } from './questions.ts';
import { describeMachine, formatCount, markdownTable } from './report.ts';

/** As many as commands give to questions about 50,000 spans and more. */
const THREADS = 4;
/** From so many spans on, the limits are those for ten million. */
const MANY_SPANS = 5_000_000;
const NEWEST = 20;
/** What is looked for; the generator makes both, and order ids are nearly as many as orders. */
const SERVICE = 'frontend';
const STATUS = { key: 'http.response.status_code', value: '500' };
const LEAST_NANO = 10_000_000n;
const RARE_KEY = 'app.order.id';

const RATES_SQL = `
  SELECT v.name AS service, o.name, count(*) AS spans, count(*) FILTER (t.code = 2) AS errors,
    quantile_disc(s.duration_ns, [0.5, 0.95, 0.99]) AS quantiles
  FROM span s JOIN operation o USING (operation_id) JOIN service v USING (service_id) JOIN status t USING (status_id)
  GROUP BY v.name, o.name`;

/** Services stand beside spans before these are joined with their parents, and only spans with children can be parents. */
const EDGES_SQL = `
  WITH placed AS (
    SELECT s.trace_id, s.span_id, s.parent_id, s.parentage, s.status_id, o.service_id,
      s.nested_set_right - s.nested_set_left > 1 AS has_children
    FROM span s JOIN operation o USING (operation_id)
  ), edge AS (
    SELECT p.service_id AS caller, c.service_id AS callee, count(*) AS calls, count(*) FILTER (t.code = 2) AS errors
    FROM (FROM placed WHERE parentage = 0) c
    JOIN (FROM placed WHERE has_children) p ON p.span_id = c.parent_id AND p.trace_id = c.trace_id
    JOIN status t ON t.status_id = c.status_id
    WHERE p.service_id <> c.service_id GROUP BY ALL
  )
  SELECT caller.name, callee.name, sum(calls)::BIGINT AS calls, sum(errors)::BIGINT AS errors
  FROM edge JOIN service caller ON caller.service_id = edge.caller JOIN service callee ON callee.service_id = edge.callee
  GROUP BY ALL ORDER BY calls DESC`;

const options = readOptions(import.meta.filename, {
  db: { type: 'string', default: 'bench/data/s1m.duckdb' },
  runs: { type: 'string', default: '15' },
  threads: { type: 'string', default: String(THREADS) },
});
const runs = positiveNumber('--runs', options.runs);
// DuckDB would make an empty database of a mistyped name, and every answer would be quick.
if (!existsSync(options.db)) throw new Error(`there is no database ${options.db}`);

const database = await Database.open({ path: options.db, readOnly: true });
try {
  await database.setThreads(positiveNumber('--threads', options.threads));
  const spans = Number(await database.value('SELECT count(*) FROM span'));
  const rows: string[][] = [];
  for (const { limits, ...question } of await lookUps()) {
    const limit = spans >= MANY_SPANS ? limits[1] : limits[0];
    rows.push(...(await timed({ ...question, limitMs: limit }, runs)));
  }
  console.log(`${describeMachine()}\n`);
  console.log(
    `${basename(options.db)}, ${formatCount(spans)} spans, ${formatCount(statSync(options.db).size / 1e6)} MB; ` +
      `at most ${options.threads} threads, medians of ${runs} runs in turns, in one process, warm.\n`,
  );
  console.log(markdownTable(QUESTION_COLUMNS, rows));
} finally {
  database.close();
}

type LookUp = Omit<Question, 'limitMs'> & {
  /** Milliseconds, with one million spans and with ten. */
  readonly limits: readonly [million: number, tenMillion: number];
};

async function lookUps(): Promise<LookUp[]> {
  const traces = await tracesAcross(runs);
  const traceOf = (run: number) => traces[run % traces.length]!;
  const orders = await valuesAcross(RARE_KEY, runs);
  const orderOf = (run: number) => orders[run % orders.length]!;
  const failedRequests = searchQuery(
    `{ resource.service.name = "${SERVICE}" && duration >= ${LEAST_NANO}ns && span.${STATUS.key} = ${STATUS.value} }`,
  );
  const ofOrder = (value: string) => searchQuery(`{ span.${RARE_KEY} = ${JSON.stringify(value)} }`);
  return [
    {
      name: 'a trace by its id, with everything',
      limits: [5, 10],
      program: async run => (await readTrace(database, traceOf(run).toString(16))).length,
      sql: run => count(traceSql(traceOf(run))),
    },
    {
      // Every command asks it, and of a look-up no more is waited for than of the trace itself.
      name: 'what an answer about a trace rests on',
      limits: [5, 10],
      program: async run => (await trustOf(database, `t.trace_id = ${traceOf(run)}::UHUGEINT`)).traceCount,
      sql: run =>
        count(`
          SELECT span_count, orphan_count, complete, (SELECT sum(count) FROM ingest_issue WHERE NOT repaired AND severity = 'lost')
          FROM trace WHERE trace_id = ${traceOf(run)}::UHUGEINT`),
    },
    {
      name: `service, duration and attribute, newest ${NEWEST} traces`,
      limits: [30, 150],
      program: () => newestTraces(failedRequests),
      sql: async () => {
        const own = `s.operation_id IN (SELECT operation_id FROM operation JOIN service v USING (service_id) WHERE v.name = '${SERVICE}')`;
        const ids = await attributeIds(STATUS.key, STATUS.value);
        return count(newestSql(`${own} AND s.duration_ns >= ${LEAST_NANO} AND ${hasAny(ids)}`));
      },
    },
    {
      name: 'percentiles and errors by service and operation',
      limits: [40, 300],
      program: async () => (await operationRates(database, 'true')).length,
      sql: () => count(RATES_SQL),
    },
    { name: 'which service calls which', limits: [100, 1200], program: undefined, sql: () => count(EDGES_SQL) },
    {
      name: `a rare attribute value, newest ${NEWEST} traces`,
      limits: [40, 250],
      program: run => newestTraces(ofOrder(orderOf(run))),
      sql: async run => count(newestSql(hasAny(await attributeIds(RARE_KEY, orderOf(run))))),
    },
  ];
}

function searchQuery(text: string): SearchQuery {
  const query = parseQuery(text);
  if (query.root.kind !== 'pipeline') throw new Error(`${text} asks for metrics`);
  return { ...query, root: query.root };
}

async function newestTraces(query: SearchQuery): Promise<number> {
  const selection = await select(database, query);
  return (await findTraces(database, { where: selection.traces('t'), order: 'start', ascending: false, limit: NEWEST }))
    .length;
}

async function count(sql: string): Promise<number> {
  return (await database.rows(sql)).length;
}

/** Ids of traces of the usual size, at even distances, so that no run asks for what the last one has read. */
async function tracesAcross(wanted: number): Promise<bigint[]> {
  const rows = await database.rows(
    'SELECT trace_id FROM trace WHERE span_count BETWEEN 18 AND 22 ORDER BY first_span_no',
  );
  return spread(rows, wanted).map(row => row.trace_id as bigint);
}

async function valuesAcross(key: string, wanted: number): Promise<string[]> {
  const rows = await database.rows(`
    SELECT value FROM attribute WHERE key_id IN (SELECT key_id FROM key WHERE name = ${sqlText(key)}) ORDER BY attribute_id`);
  return spread(rows, wanted).map(row => String(row.value));
}

function spread<T>(items: readonly T[], wanted: number): T[] {
  if (items.length === 0) throw new Error(`${options.db} holds no data of bench/generate.ts`);
  return Array.from({ length: wanted }, (_, index) => items[Math.floor(((index + 0.5) * items.length) / wanted)]!);
}

/** The ids of a value, asked for first: with literal ids a scan of spans needs no join. */
async function attributeIds(key: string, value: string): Promise<number[]> {
  const rows = await database.rows(`
    SELECT attribute_id FROM attribute
    WHERE key_id IN (SELECT key_id FROM key WHERE name = ${sqlText(key)}) AND value = ${sqlText(value)}`);
  return rows.map(row => Number(row.attribute_id));
}

function hasAny(ids: readonly number[]): string {
  return `(${ids.map(id => `list_contains(s.attribute_ids, ${id})`).join(' OR ')})`;
}

function newestSql(where: string): string {
  return `
    SELECT t.trace_id, t.start_ns, t.duration_ns, t.span_count, t.error_count, v.name AS service, o.name
    FROM trace t JOIN operation o USING (operation_id) JOIN service v USING (service_id)
    WHERE t.trace_id IN (SELECT s.trace_id FROM span s WHERE ${where}) ORDER BY t.start_ns DESC, t.trace_id LIMIT ${NEWEST}`;
}

/** Spans and their attributes in one statement; without events and links. */
function traceSql(traceId: bigint): string {
  return `
    SELECT s.span_id, s.parent_id, s.start_ns, s.duration_ns, o.kind, o.name, v.name AS service, t.code, list(k.name) AS keys, list(a.value) AS texts
    FROM (SELECT *, unnest(attribute_ids) AS attribute_id FROM span WHERE trace_id = ${traceId}::UHUGEINT) s
    JOIN operation o USING (operation_id) JOIN service v USING (service_id) JOIN status t USING (status_id)
    JOIN attribute a USING (attribute_id) JOIN key k USING (key_id)
    GROUP BY ALL ORDER BY s.start_ns`;
}
