import { compileFor, compilePipeline } from '../query/compile/compile.ts';
import {
  type Conjunct,
  conjunctCountsSql,
  conjunctsOf,
  MOST_CONJUNCTS,
  readConjuncts,
} from '../query/compile/explain.ts';
import { formatSql } from '../query/compile/explain-sql.ts';
import { printQuery } from '../query/traceql/printer.ts';
import type { Block, Field, Report } from '../report/report.ts';
import type { Queryable } from '../store/queryable.ts';
import { firstColumn } from '../store/spansets.ts';
import { formatCount, formatDuration } from '../terminal/format.ts';
import { pad, widthOf } from '../terminal/measure.ts';
import { sanitize } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { whyNothing } from './clues.ts';
import type { CommandContext } from './command.ts';
import type { SearchQuery } from './query.ts';

/** A step of the plan. */
interface ExplainedStep {
  /** The name that it has in the SQL. */
  readonly name: string;
  readonly text: string;
  readonly spanCount: number;
  readonly traceCount: number;
  /** The conditions of a filter that has several, though not too many. */
  readonly conjuncts: readonly Conjunct[];
}

const FIELDS: readonly Field[] = [
  { name: 'name', type: 'text' },
  { name: 'text', type: 'text' },
  { name: 'spanCount', type: 'count', title: 'spans' },
  { name: 'traceCount', type: 'count', title: 'traces' },
  { name: 'conjuncts', type: 'object', isExtra: true },
];

/**
 * How a query is answered, step by step. Each step is run by itself, so that its spans can be counted; the times are shown on a
 * terminal only, for all else is the same whenever it is asked.
 */
export async function explainReport(
  { screen }: CommandContext,
  database: Queryable,
  query: SearchQuery,
): Promise<Report> {
  const [all = {}] = await database.rows('SELECT count(*) AS traces, sum(span_count)::BIGINT AS spans FROM trace');
  const { steps } = await compileFor(query.root, sql => firstColumn(database, sql));
  const explained: ExplainedStep[] = [];
  const times: bigint[] = [];
  for (const { name, text, sql, filter } of steps) {
    const start = screen.now().getTime();
    await database.run(`CREATE OR REPLACE TEMP TABLE ${name} AS ${sql}`);
    times.push(BigInt(screen.now().getTime() - start) * 1_000_000n);
    const [kept = {}] = await database.rows(
      `SELECT count(DISTINCT span_no) AS spans, count(DISTINCT trace_id) AS traces FROM ${name}`,
    );
    const count = filter === undefined ? 1 : conjunctsOf(filter.condition).length;
    const hasSeveral = filter !== undefined && count > 1 && count <= MOST_CONJUNCTS;
    const [counts = {}] = hasSeveral ? await database.rows(conjunctCountsSql(filter)) : [];
    explained.push({
      name,
      text,
      spanCount: Number(kept.spans),
      traceCount: Number(kept.traces),
      conjuncts: hasSeveral ? readConjuncts(filter.condition, counts) : [],
    });
  }
  await database.run(steps.map(({ name }) => `DROP TABLE ${name}`).join(';'));
  // As it is for any database: what is run has the ids of attributes in the place of the queries for them.
  const sql = formatSql(compilePipeline(query.root).sql);
  const text = printQuery(query);
  const spanCount = Number(all.spans);
  const traceCount = Number(all.traces);
  return {
    data: { query: text, spanCount, traceCount, steps: explained, sql },
    records: { name: 'steps', fields: FIELDS, rows: explained },
    blocks: shown => [
      { kind: 'prose', text: [styled(sanitize(text, shown.unicode), 'bold')], indent: 2 },
      { kind: 'lines', lines: [[]] },
      ...planBlocks(explained, { spanCount, traceCount }, shown.isTerminal ? times : undefined, shown),
      { kind: 'heading', text: [styled('SQL', 'bold')] },
      ...sql
        .split('\n')
        .map(
          (line): Block => ({ kind: 'prose', text: [styled(sanitize(line, shown.unicode))], indent: indentOf(line) }),
        ),
    ],
    notes: explained.at(-1)?.spanCount === 0 ? await whyNothing(database, { query, spans: 'false' }, screen) : [],
  };
}

/** Where the next line of a line of SQL begins that is too long. */
function indentOf(line: string): number {
  return line.length - line.trimStart().length + 4;
}

interface Row {
  readonly counts: readonly string[];
  readonly indent: number;
  readonly text: Line;
}

/** The plan: counts, then what was asked, which may take several lines. */
function planBlocks(
  steps: readonly ExplainedStep[],
  all: { readonly spanCount: number; readonly traceCount: number },
  times: readonly bigint[] | undefined,
  screen: Screen,
): Block[] {
  const counts = (spans: number, traces: number, time = '') => [
    formatCount(spans),
    formatCount(traces),
    ...(times === undefined ? [] : [time]),
  ];
  const shown = (text: string) => sanitize(text, screen.unicode);
  const titles = ['SPANS', 'TRACES', ...(times === undefined ? [] : ['TIME'])];
  const rows: Row[] = [
    { counts: titles, indent: 0, text: [] },
    { counts: counts(all.spanCount, all.traceCount), indent: 0, text: [styled('all spans', 'dim')] },
    ...steps.flatMap(({ name, text, spanCount, traceCount, conjuncts }, index): Row[] => [
      {
        counts: counts(spanCount, traceCount, formatDuration(times?.[index] ?? 0n, screen.unicode)),
        indent: 0,
        text: [styled(`${name} `, 'dim'), styled(shown(text), ...(spanCount === 0 ? (['warning'] as const) : []))],
      },
      ...conjuncts.map((conjunct, place): Row => {
        const alone = `  alone: ${formatCount(conjunct.aloneSpanCount)} in ${formatCount(conjunct.aloneTraceCount)}`;
        return {
          counts: counts(conjunct.spanCount, conjunct.traceCount),
          indent: 4,
          text: [styled(`${place === 0 ? '' : '&& '}${shown(conjunct.text)}`), styled(place === 0 ? '' : alone, 'dim')],
        };
      }),
    ]),
  ];
  const widths = titles.map((_, column) => Math.max(...rows.map(row => widthOf(row.counts[column] ?? ''))));
  return rows.map((row): Block => {
    const numbers = widths.map((width, column) => `${pad(row.counts[column] ?? '', width, 'right')}  `).join('');
    const lead = styled(numbers + ' '.repeat(row.indent), 'dim');
    return { kind: 'prose', text: [lead, ...row.text], indent: widthOf(numbers) + row.indent + 2 };
  });
}
