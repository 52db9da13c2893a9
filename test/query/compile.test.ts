import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { buildTrace, type Trace } from '../../src/model/trace.ts';
import { type CompiledQuery, compileFor, compilePipeline } from '../../src/query/compile/compile.ts';
import { valueOfKey } from '../../src/query/compile/keys.ts';
import { evaluateQuery } from '../../src/query/evaluate/evaluator.ts';
import type { Value } from '../../src/query/evaluate/values.ts';
import type { Query } from '../../src/query/traceql/ast.ts';
import { printQuery } from '../../src/query/traceql/printer.ts';
import type { Database } from '../../src/store/database.ts';
import { readTrace } from '../../src/store/read-trace.ts';
import { firstColumn } from '../../src/store/spansets.ts';
import { Store } from '../../src/store/store.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { loadDump } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { TEST_NOW } from '../support/run.ts';
import { searchQueries } from './arbitrary-query.ts';
import { type AnsweredSpanset, testSemantics } from './semantics/cases.ts';

// The SQL of a query is held to the same cases as the evaluator, and to the evaluator itself.

/** Generated queries; `QUERIES=10000` tries longer. */
const QUERIES = Number(process.env.QUERIES ?? 400);

const opened: Store[] = [];
afterAll(() => {
  for (const store of opened) store.close();
});

async function databaseOf(...traces: readonly Trace[]): Promise<Database> {
  const store = await Store.open({ path: ':memory:', now: () => TEST_NOW });
  opened.push(store);
  for (const { nodes } of traces) await loadDump(store, otlpJson(nodes.map(({ span }) => span)));
  return store.database;
}

/** How a query is compiled: alone, or with the ids of attributes looked up before. */
const WAYS: readonly (readonly [string, (database: Database, query: Query) => Promise<CompiledQuery>])[] = [
  ['as it is', async (_, query) => compilePipeline(pipelineOf(query))],
  ['with ids looked up', (database, query) => compileFor(pipelineOf(query), async sql => firstColumn(database, sql))],
];

function pipelineOf({ root }: Query) {
  if (root.kind !== 'pipeline') throw new TypeError('a metrics query');
  return root;
}

interface FoundSpanset {
  readonly traceId: bigint;
  /** Places in the trace, in display order. */
  readonly places: readonly number[];
  readonly attributes: AnsweredSpanset['attributes'];
}

/** What the SQL of a query answers: spansets by trace, those of a trace in the order of their first spans. */
async function ask(database: Database, { sql, groupCount, attributes }: CompiledQuery): Promise<FoundSpanset[]> {
  const rows = await database.rows(`
    SELECT q.*, q.span_no - t.first_span_no AS place FROM (${sql}) q JOIN trace t USING (trace_id)
    ORDER BY t.first_span_no, place`);
  const keyOf = (row: (typeof rows)[number]) =>
    [row.trace_id, ...Array.from({ length: groupCount }, (_, index) => row[`g${index}`])].join('\0');
  return [...Map.groupBy(rows, keyOf).values()].map(spans => ({
    traceId: spans[0]?.trace_id as bigint,
    places: spans.map(({ place }) => Number(place)),
    attributes: attributes.map((name, index) => ({ name, value: valueBehind(String(spans[0]?.[`a${index}`])) })),
  }));
}

/** A key as the evaluator has its value. */
function valueBehind(key: string): Value {
  const value = valueOfKey(key);
  if (key.startsWith('t')) return { type: 'status', word: value } as Value;
  return (key.startsWith('k') ? { type: 'kind', word: value } : value) as Value;
}

describe.each(WAYS)('SQL, %s', (_, compile) => {
  const databases = new Map<string, Promise<Database>>();
  const ofTrace = (trace: Trace) => {
    const database = databases.get(trace.traceId) ?? databaseOf(trace);
    databases.set(trace.traceId, database);
    return database;
  };

  testSemantics(async (query, trace) => {
    const database = await ofTrace(trace);
    const found = await ask(database, await compile(database, query));
    return found.map(({ places, attributes }) => ({
      names: places.map(place => trace.nodes[place]?.span.name ?? '?'),
      attributes,
    }));
  });

  test('finds what the evaluator finds, in generated traces for generated queries', async () => {
    const samples = fc.sample(traceSpans({ maxSpans: 12 }), { numRuns: 30, seed: 7 }).map(buildTrace);
    const database = await databaseOf(...samples);
    const ids = await database.rows('SELECT trace_id FROM trace ORDER BY first_span_no');
    const traces: Trace[] = [];
    for (const { trace_id: id } of ids) {
      traces.push(buildTrace(await readTrace(database, (id as bigint).toString(16).padStart(32, '0'))));
    }
    await fc.assert(
      fc.asyncProperty(searchQueries, async query => {
        const found = await ask(database, await compile(database, query));
        const bySql = found.map(({ traceId, places, attributes }) => [traceId, places, attributes.map(shown)]);
        const inMemory = traces.flatMap(trace =>
          evaluateQuery(query, trace).map(({ spans, attributes }) => [
            BigInt(`0x${trace.traceId}`),
            spans.map(({ index }) => index),
            attributes.map(shown),
          ]),
        );
        expect(bySql, printQuery(query)).toEqual(inMemory);
      }),
      { numRuns: QUERIES },
    );
  }, 600_000);
});

/** An attribute of a spanset; numbers that are equal are alike, whatever their kind, and doubles to twelve digits. */
function shown({ name, value }: AnsweredSpanset['attributes'][number]): unknown {
  if (typeof value !== 'number' && typeof value !== 'bigint') return [name, value];
  return [name, Number(value).toPrecision(12)];
}
