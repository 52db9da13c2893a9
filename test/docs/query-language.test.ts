import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ValueType, valueOfText } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';
import { buildTrace, type Trace } from '../../src/model/trace.ts';
import { compilePipeline } from '../../src/query/compile/compile.ts';
import { evaluateQuery } from '../../src/query/evaluate/evaluator.ts';
import { compileMetrics } from '../../src/query/evaluate/metrics.ts';
import { isArray } from '../../src/query/evaluate/values.ts';
import { timeGrid } from '../../src/query/metrics/time-grid.ts';
import { childrenOf, type MetricsExpression, type Node, type Query } from '../../src/query/traceql/ast.ts';
import { INTRINSICS } from '../../src/query/traceql/fields.ts';
import { STRUCTURE } from '../../src/query/traceql/operators.ts';
import { parseQuery } from '../../src/query/traceql/parse-query.ts';
import { printQuery } from '../../src/query/traceql/printer.ts';
import { TraceqlError } from '../../src/query/traceql/traceql-error.ts';
import { readSpans } from '../../src/store/read-trace.ts';
import { Store } from '../../src/store/store.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { draw } from '../support/drawn-trace.ts';
import { loadDump, storeOf } from '../support/load.ts';
import { answerJson, REPOSITORY, TEST_NOW } from '../support/run.ts';

// Every example of docs/query-language.md is asked in SQL and in memory, and has to find what the page says. What a table is
// about is told by its last column: `spans / traces` of shop.json, its metrics `by minute`, or the names of `spans` in the drawing or
// table above it.

const SHOP = join(REPOSITORY, 'fixtures/otlp-json/shop.json');
const EXTENSION = '✚';
const SHOP_COUNTS = 'spans / traces';
const MINUTE = 60_000_000_000n;

interface Row {
  readonly line: number;
  /** By the heading of its column. */
  readonly cells: Readonly<Record<string, string>>;
  /** The heading of the last column. */
  readonly kind: string;
  readonly isExtension: boolean;
  /** The spans that are drawn above it, where some are. */
  readonly drawn: readonly Span[];
}

interface Example {
  readonly line: number;
  readonly query: string;
  readonly finds: string;
  readonly kind: string;
  readonly isExtension: boolean;
  readonly drawn: readonly Span[];
}

const lines = readFileSync(join(REPOSITORY, 'docs/query-language.md'), 'utf8').split('\n');
const { rows, blocks } = readDocument();

const inTables = rows
  .filter(({ cells }) => codeOf(cells.example) !== '' && cells['is told'] === undefined)
  .map(({ line, cells, kind, isExtension, drawn }) => ({
    line,
    query: codeOf(cells.example),
    finds: cells[kind] ?? '',
    kind,
    isExtension,
    drawn: kind === 'spans' ? drawn : [],
  }));
const examples: readonly Example[] = [...inTables, ...blocks.flatMap(commented)];
const ofKind = (kind: string) => examples.filter(example => example.kind === kind);

describe('docs/query-language.md', () => {
  let store: Store;
  let traces: readonly Trace[];

  beforeAll(async () => {
    store = await Store.open({ path: ':memory:', now: () => TEST_NOW });
    await store.ensureViews();
    await loadDump(store, readFileSync(SHOP));
    const spans = await readSpans(store.database, 'TRUE', 's.trace_id, s.span_no');
    traces = [...Map.groupBy(spans, ({ traceId }) => traceId).values()].map(buildTrace);
  });
  afterAll(() => store.close());

  test('has examples of every kind', () => {
    expect(ofKind(SHOP_COUNTS).length).toBeGreaterThan(80);
    expect(ofKind('spans').length).toBeGreaterThan(30);
    expect(ofKind('by minute').length).toBeGreaterThan(10);
    expect(new Set(examples.map(({ kind }) => kind)).size).toBe(3);
  });

  test.each(ofKind(SHOP_COUNTS))('line $line: $query', async ({ query, finds }) => {
    const expected = /^(\d+) \/ (\d+)$/.exec(finds)?.slice(1).map(Number);
    const pipeline = searchOf(query).root;
    const [found] = await store.database.rows(
      `SELECT count(*) AS spans, count(DISTINCT trace_id) AS traces FROM (${compilePipeline(pipeline).sql})`,
    );
    expect([found?.spans, found?.traces].map(Number)).toEqual(expected);
    const matching = traces.map(trace => spansOf(query, trace)).filter(spans => spans.length > 0);
    expect([matching.flat().length, matching.length]).toEqual(expected);
  });

  test.each(ofKind('spans'))('line $line: $query', async ({ query, finds, drawn }) => {
    const drawing = await storeOf(drawn);
    const found = await drawing.database.rows(
      `SELECT s.name FROM (${compilePipeline(searchOf(query).root).sql}) JOIN spans s USING (span_no) ORDER BY span_no`,
    );
    const expected = finds === '(nothing)' ? '' : finds;
    expect(found.map(({ name }) => name).join(' ')).toBe(expected);
    expect(spansOf(query, buildTrace(drawn)).join(' ')).toBe(expected);
  });

  test.each(ofKind('by minute'))('line $line: $query', async ({ query, finds }) => {
    const starts = traces.flatMap(({ nodes }) => nodes.map(({ span }) => span.startTimeUnixNano));
    const sorted = starts.toSorted((a, b) => (a < b ? -1 : 1));
    const collector = compileMetrics(metricsOf(query), timeGrid(sorted[0]!, sorted.at(-1)!, MINUTE));
    for (const trace of traces) collector.add(trace);
    const inMemory = collector.series().map(({ labels, points }) =>
      renderSeries(
        labels.map(({ text }) => text),
        [...points],
      ),
    );
    const asked = await matrixOf(query);
    if (query.includes('compare(')) {
      const types = new Set(asked.map(text => text.split(':')[0]));
      expect([...types].sort()).toEqual(['baseline', 'baseline_total', 'selection', 'selection_total']);
      expect(new Set(asked)).toEqual(new Set(inMemory));
    } else {
      expect(asked.join(' · ')).toBe(finds);
      expect(inMemory.join(' · ')).toBe(finds);
    }
  });

  test.each(examples)('line $line is marked as an extension if it is one', ({ query, isExtension }) => {
    const fault = faultOf(() => parseQuery(query, { strict: true }));
    expect(fault === undefined ? [] : [fault.kind, fault.message]).toEqual(
      isExtension ? ['validation', expect.stringContaining('is an extension of tailspan')] : [],
    );
  });

  test.each(rows.filter(({ cells }) => cells['is told'] !== undefined))('line $line is refused', ({ cells }) => {
    const fault = faultOf(() => parseQuery(codeOf(cells.example)));
    expect([fault?.kind, fault?.message]).toEqual([cells.kind, cells['is told']]);
  });

  test.each(rows.filter(({ cells }) => cells['flags and query'] !== undefined))(
    'line $line: flags narrow a query',
    async ({ cells }) => {
      const args = [...codeOf(cells['flags and query']).matchAll(/'([^']*)'|(\S+)/g)].map(
        ([, quoted, plain]) => quoted ?? plain ?? '',
      );
      const asked = await found([...args, SHOP]);
      expect(`${asked.matched} / ${asked.traceIds.length}`).toBe(cells['spans / traces']);
      expect(await found([codeOf(cells['the same as']), SHOP])).toEqual(asked);
    },
  );

  test('lists every intrinsic in both spellings', () => {
    const listed = rows.filter(({ cells }) => cells.intrinsic !== undefined);
    const spellings = listed.flatMap(({ cells }) => [...codesOf(cells.intrinsic), ...codesOf(cells.also)]);
    const all = Object.entries(INTRINSICS).flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
    expect(all.filter(spelling => !spellings.includes(spelling))).toEqual([]);
    for (const { cells } of listed) {
      const [named, also] = [codeOf(cells.intrinsic), codeOf(cells.also)];
      if (also !== '') expect(canonical(`{ ${also} != nil }`)).toBe(canonical(`{ ${named} != nil }`));
    }
  });

  test('has an example of every operator and construct', () => {
    const nodes = examples.flatMap(({ query }) => all(parseQuery(query)));
    const operators = nodes.flatMap(node => ('operator' in node ? [node.operator] : []));
    const expected = [...Object.keys(STRUCTURE), '&&', '||', ...'= != < <= > >= =~ !~ + - * / % ^ !'.split(' ')];
    expect(expected.filter(operator => !operators.some(known => known === operator))).toEqual([]);
    const kinds = nodes.map(({ kind }) => kind);
    expect(Object.keys(CONSTRUCTS).filter(construct => !kinds.some(kind => kind === construct))).toEqual([]);
  });
});

test('"A happened, B did not" is what it says, of any trace', () => {
  const traces = traceSpans({ maxSpans: 12 }).map(buildTrace);
  const isA = ({ kind }: Span) => kind === 'server';
  const isB = ({ status }: Span) => status.code === 'error';
  fc.assert(
    fc.property(traces, trace => {
      const spans = trace.nodes.map(({ span }) => span);
      const expected = spans.some(isB) ? [] : spans.filter(isA).map(({ name }) => name);
      expect(spansOf('({ status = error } | count()) = 0 | { kind = server }', trace)).toEqual(expected);
      expect(spansOf('{ kind = server } && ({ status = error } | count() = 0)', trace)).toEqual([]);
      const isAbove = (above: Span, below: (typeof trace.nodes)[number]): boolean =>
        below.parent !== undefined && (below.parent.span === above || isAbove(above, below.parent));
      const without = spans.filter(a => isA(a) && !trace.nodes.some(b => isB(b.span) && isAbove(a, b)));
      expect(spansOf('{ status = error } !<< { kind = server }', trace)).toEqual(without.map(({ name }) => name));
    }),
  );
});

/** What a query can be made of, but for the whole. */
const CONSTRUCTS: Record<Exclude<Node['kind'], 'query'>, true> = {
  hint: true,
  pipeline: true,
  by: true,
  coalesce: true,
  select: true,
  'scalar-filter': true,
  filter: true,
  'spanset-logical': true,
  structural: true,
  literal: true,
  aggregate: true,
  'scalar-binary': true,
  'scalar-pipeline': true,
  metrics: true,
  'metrics-binary': true,
  'span-metric': true,
  'field-metric': true,
  'quantile-metric': true,
  'compare-metric': true,
  rank: true,
  'series-filter': true,
  attribute: true,
  intrinsic: true,
  unary: true,
  exists: true,
  logical: true,
  binary: true,
};

function all(node: Node): Node[] {
  return [node, ...childrenOf(node).flatMap(all)];
}

const canonical = (query: string) => printQuery(parseQuery(query));

function faultOf(parse: () => Query): TraceqlError | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof TraceqlError) return error;
    throw error;
  }
}

function searchOf(text: string) {
  const { root } = parseQuery(text);
  if (root.kind !== 'pipeline') throw new TypeError(`a metrics query finds no spans: ${text}`);
  return { root };
}

function metricsOf(text: string): MetricsExpression {
  const { root } = parseQuery(text);
  if (root.kind === 'pipeline') throw new TypeError(`no metrics query: ${text}`);
  return root;
}

/** What `tailspan metrics` says of shop.json by minute, a text for each series. */
async function matrixOf(query: string): Promise<string[]> {
  interface Matrix {
    readonly startTimeUnixNano: string;
    readonly endTimeUnixNano: string;
    readonly result: readonly { readonly metric: object; readonly values: readonly (readonly [number, string])[] }[];
  }
  const args = ['metrics', query, SHOP, '--step', '1m', '--limit', '0'];
  const { startTimeUnixNano: start, endTimeUnixNano: end, result } = await answerJson<Matrix>(args);
  const count = Number((BigInt(end) - BigInt(start)) / MINUTE);
  return result.map(({ metric, values }) => {
    const at = new Map(
      values.map(([seconds, value]) => [seconds - Number(BigInt(start) / 1_000_000_000n), Number(value)]),
    );
    const points = Array.from({ length: count }, (_, index) => at.get(index * 60) ?? Number.NaN);
    return renderSeries(Object.values(metric).map(String), points);
  });
}

/** Labels and points, of which three digits count. */
function renderSeries(labels: readonly string[], points: readonly number[]): string {
  const values = points.map(value => (Number.isNaN(value) ? '–' : String(Number(value.toPrecision(3)))));
  return [...labels.map(label => `${label}:`), ...values].join(' ');
}

/** The names of the spans that a query finds in memory, in display order. */
function spansOf(query: string, trace: Trace): string[] {
  const spans = evaluateQuery(parseQuery(query), trace).flatMap(spanset => spanset.spans);
  return spans.toSorted((a, b) => a.index - b.index).map(({ span }) => span.name);
}

interface Found {
  readonly matched: number;
  readonly traceIds: readonly string[];
}

async function found(args: readonly string[]): Promise<Found> {
  interface Answer {
    readonly traces: readonly { readonly traceId: string; readonly spanSets: readonly { matched: number }[] }[];
  }
  const { traces } = await answerJson<Answer>(['search', ...args, '--limit', '0']);
  return {
    matched: traces.flatMap(({ spanSets }) => spanSets).reduce((sum, { matched }) => sum + matched, 0),
    traceIds: traces.map(({ traceId }) => traceId),
  };
}

// The document as data

function readDocument(): { rows: Row[]; blocks: { line: number; text: string }[] } {
  const found: { rows: Row[]; blocks: { line: number; text: string }[] } = { rows: [], blocks: [] };
  let fence: { readonly language: string; readonly from: number } | undefined;
  let headings: string[] | undefined;
  let drawn: readonly Span[] = [];
  for (const [index, text] of lines.entries()) {
    const language = /^```(\w*)$/.exec(text)?.[1];
    if (language !== undefined) {
      if (fence?.language === '') drawn = drawnTree(lines.slice(fence.from, index));
      fence = fence === undefined ? { language, from: index + 1 } : undefined;
    } else if (fence?.language === 'traceql') found.blocks.push({ line: index + 1, text });
    else if (!text.startsWith('| ')) headings = undefined;
    else if (headings === undefined) {
      headings = cellsOf(text);
      if (headings[0] === 'span') drawn = [];
    } else if (!text.startsWith('| ---')) {
      const values = cellsOf(text);
      const cells = Object.fromEntries(headings.map((heading, column) => [heading, values[column] ?? '']));
      if (headings[0] === 'span') drawn = [...drawn, ...spanOfRow(cells, drawn.length)];
      const kind = headings.at(-1) ?? '';
      found.rows.push({ line: index + 1, cells, kind, isExtension: text.includes(EXTENSION), drawn });
    }
  }
  return found;
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split(/(?<!\\)\|/)
    .map(cell => cell.trim().replaceAll('\\|', '|'));
}

/** The first piece of code in a cell. */
function codeOf(cell: string | undefined): string {
  return codesOf(cell)[0] ?? '';
}

function codesOf(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/(`+)(.+?)\1(?!`)/g)].map(([, , code = '']) => code.trim());
}

/** A query and what it finds, behind `//`. */
function commented({ line, text }: { line: number; text: string }): Example[] {
  const [, query, finds] = /^(.*?)\s+\/\/ +(\d+ +\/ +\d+)/.exec(text) ?? [];
  if (query === undefined || finds === undefined) throw new Error(`line ${line} does not say what it finds`);
  return [{ line, query, finds: finds.replace(/ +/g, ' '), kind: SHOP_COUNTS, isExtension: false, drawn: [] }];
}

/** Spans drawn as a tree: A1 has the attribute `A = true`; what is called (missing) is not in the data. */
function drawnTree(tree: readonly string[]): Span[] {
  const drawing = tree.map((line, index) => {
    const name = line.replace(/[├└─│ ]/g, '');
    return `${' '.repeat(line.indexOf(name))}${name} | ${index}-50 | shop | ${name}`;
  });
  return draw(drawing.join('\n'))
    .filter(({ name }) => name !== '(missing)')
    .map(span => ({ ...span, attributes: { [span.name.slice(0, 1)]: true } }));
}

/** A span of a table of values. */
function spanOfRow({ span: name = '', '`x`': x }: Readonly<Record<string, string>>, index: number): Span[] {
  const values = valueOfText(ValueType.array, `[${codeOf(x)}]`);
  const [value] = isArray(values) ? values : [];
  return draw(`s${index} | ${index}-50 | shop | ${name}`).map(span => ({
    ...span,
    attributes: value === undefined ? {} : { x: value },
  }));
}
