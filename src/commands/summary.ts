import type { Block, Field } from '../report/report.ts';
import { findTraces, type TraceSummary, traceTotals } from '../store/find-traces.ts';
import type { Queryable } from '../store/queryable.ts';
import { requestsOverTime, serviceRates } from '../store/rates.ts';
import { trustOf } from '../store/trust.ts';
import { formatCount, formatDuration, plural } from '../terminal/format.ts';
import { glyphs, sparkline } from '../terminal/glyphs.ts';
import { pad, widthOf } from '../terminal/measure.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command, Option } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { rootName, serviceName } from './names.ts';
import { noMatchNotes } from './notes.ts';
import { DB, EXPLAIN, FILTER_OPTIONS, INPUT_OPTIONS, limitOption, OUTPUT_OPTIONS } from './options.ts';
import { searchQueryOf } from './query.ts';
import { rateColumns, rateFields, rateJson, sortRates } from './rates.ts';
import { select } from './selection.ts';
import { sameData } from './shell.ts';
import { shortTraceId, traceIdColumn } from './short-ids.ts';
import { timeColumn, timeCovered } from './time-range.ts';
import { trustBlocks } from './trust.ts';

const LIMIT: Option<number> = { ...limitOption(5), description: 'traces in each list, 0 for all' };
const BUCKETS = 24;
/** Services that are listed; the rest are counted. */
const SERVICES = 20;

const FIELDS: readonly Field[] = rateFields([{ name: 'serviceName', type: 'text', title: 'service' }]);

export const command: Command = {
  usage: '[query] [source...]',
  description:
    'One page about what is in the data: the time it covers, traces, spans, services with their rates, errors and durations, the slowest and the failed traces with ids to copy, and what is incomplete.',
  examples: [
    ['tailspan summary traces.jsonl', 'what is in this file'],
    ['tailspan summary dumps/', 'what is in all files of a folder'],
    ['kubectl logs collector | tailspan summary', 'what is piped in'],
    ['tailspan summary --since 1h', 'the last hour of the default database'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, LIMIT, EXPLAIN, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources, query: text } = readArguments(context.args, false);
    const query = await searchQueryOf(context, text);
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    if (context.get(EXPLAIN) === true) {
      const { explainReport } = await import('./explain.ts');
      return await explainReport(context, data.database, query);
    }
    const selection = await select(data.database, query);
    const { database } = data;
    const page = await summarise(database, selection, context.get(LIMIT) || undefined);
    const { traceCount } = page.data;
    return {
      ...page,
      notes: traceCount === 0 ? await noMatchNotes(database, selection, 'trace', context.screen) : [],
      blocks: screen => {
        const from = sameData(sources, context.get(DB), sources.length === 0 && database.path === ':memory:');
        return [...page.blocks(screen), ...page.nextSteps(from, screen)];
      },
    };
  },
};

/** Traces and their spans, as predicates. */
export interface Summarised {
  /** Over `span s`. */
  readonly spans: string;
  /** Over the column `trace_id` of a table of traces. */
  traces(table: string): string;
}

/** One page about some traces; lists have `limit` of them. */
export async function summarise(
  database: Queryable,
  { spans: spanWhere, traces }: Summarised,
  limit: number | undefined,
) {
  const traceWhere = traces('t');
  const totals = await traceTotals(database, traceWhere);
  const start = totals.startTimeUnixNano ?? 0n;
  const end = totals.endTimeUnixNano ?? start;
  const series = await requestsOverTime(database, spanWhere, start, end, BUCKETS);
  const services = sortRates(rateJson(await serviceRates(database, spanWhere), end - start), {
    field: 'impact',
    ascending: false,
  });
  const slowest = await findTraces(database, { where: traceWhere, order: 'duration', ascending: false, limit });
  const failedWhere = `t.error_count > 0 AND ${traceWhere}`;
  const failed = await findTraces(database, { where: failedWhere, order: 'start', ascending: false, limit });
  const trust = await trustOf(database, traceWhere);
  return {
    data: {
      startTimeUnixNano: start,
      endTimeUnixNano: end,
      traceCount: totals.traces,
      spanCount: totals.spans,
      errorCount: totals.errors,
      failedTraceCount: totals.failed,
      services,
      slowestTraces: slowest.map(traceJson),
      failedTraces: failed.map(traceJson),
      trust,
    },
    records: { name: 'services', fields: FIELDS, rows: services },
    blocks(screen: Screen): Block[] {
      if (totals.traces === 0) return [];
      const { dot } = glyphs(screen.unicode);
      const errors = plural(totals.errors, 'error');
      const counts = [
        plural(totals.spans, 'span'),
        plural(totals.traces, 'trace'),
        plural(services.length, 'service'),
        totals.errors === 0 ? 'no errors' : `${errors} in ${plural(totals.failed, 'trace')}`,
      ];
      const blocks: Block[] = [
        { kind: 'prose', text: [styled(counts.join(` ${dot} `), 'bold')], indent: 2 },
        { kind: 'prose', text: [styled(timeCovered(start, end, screen), 'dim')], indent: 2 },
        heading('services', services.length > SERVICES ? `${SERVICES} of ${formatCount(services.length)}` : ''),
        serviceTable(services.slice(0, SERVICES), series, screen),
        heading('slowest traces', ''),
        traceList(slowest, 'duration', [...slowest, ...failed], screen),
      ];
      if (totals.failed > 0) {
        blocks.push(
          heading('failed traces', failed.length < totals.failed ? `latest of ${formatCount(totals.failed)}` : ''),
          traceList(failed, 'errors', [...slowest, ...failed], screen),
        );
      }
      return [...blocks, ...trustBlocks(trust)];
    },
    /** What to type next; `from` names the data in a command line. */
    nextSteps: (from: string | undefined, screen: Screen) => nextSteps(slowest[0], totals.failed, from, screen),
  };
}

function traceJson(trace: TraceSummary): object {
  return { ...trace, durationMs: Number(trace.durationNano) / 1e6 };
}

function heading(text: string, detail: string): Block {
  return { kind: 'heading', text: [styled(text, 'bold'), styled(detail === '' ? '' : `  ${detail}`, 'dim')] };
}

type ServiceRow = ReturnType<typeof rateJson>[number];

function serviceTable(rows: readonly ServiceRow[], series: ReadonlyMap<string, number[]>, screen: Screen): Block {
  const columns = rateColumns(rows, screen).filter(({ column }) => !['P90', 'MAX', 'IMPACT'].includes(column.title));
  return {
    kind: 'table',
    columns: [
      { title: 'SERVICE', least: 12 },
      { title: 'REQUESTS OVER TIME', expendable: 10 },
      ...columns.map(({ column }) => column),
    ],
    rows: rows.map(row => [
      [serviceName(row.serviceName, screen)],
      [styled(sparkline(series.get(row.serviceName) ?? [], glyphs(screen.unicode)), 'dim')],
      ...columns.map(({ cell }) => cell(row)),
    ]),
  };
}

/** Traces of one list; `all` are those of every list, from which the ids must tell them. */
function traceList(
  traces: readonly TraceSummary[],
  what: 'duration' | 'errors',
  all: readonly TraceSummary[],
  screen: Screen,
): Block {
  const { error, dot } = glyphs(screen.unicode);
  const start = timeColumn(
    traces.map(trace => trace.startTimeUnixNano),
    screen,
  );
  const duration = {
    column: { title: 'DURATION', align: 'right', expendable: what === 'duration' ? 0 : 2 } as const,
    cell: (trace: TraceSummary): Line => [styled(formatDuration(trace.durationNano, screen.unicode))],
  };
  const errors = {
    column: { title: 'ERRORS', align: 'right', expendable: what === 'errors' ? 0 : 2 } as const,
    cell: (trace: TraceSummary): Line =>
      trace.errorCount === 0 ? [styled(dot, 'dim')] : [styled(`${error} ${formatCount(trace.errorCount)}`, 'error')],
  };
  const [first, second] = what === 'duration' ? [duration, errors] : [errors, duration];
  return {
    kind: 'table',
    columns: [
      traceIdColumn(traces.map(idOf), 'TRACE', all.map(idOf)),
      first.column,
      { title: 'ROOT', least: 20 },
      { title: 'SPANS', align: 'right', expendable: 3 },
      second.column,
      { title: start.title, expendable: 1 },
    ],
    rows: traces.map(trace => [
      [styled(trace.traceId)],
      first.cell(trace),
      rootName(trace, screen),
      [styled(formatCount(trace.spanCount))],
      second.cell(trace),
      [styled(start.cell(trace.startTimeUnixNano), 'dim')],
    ]),
  };
}

function idOf({ traceId }: TraceSummary): string {
  return traceId;
}

/** What to type next, on a terminal. */
function nextSteps(
  slowest: TraceSummary | undefined,
  failedCount: number,
  from: string | undefined,
  screen: Screen,
): Block[] {
  if (!screen.isTerminal || slowest === undefined || from === undefined) return [];
  const steps: [command: string, what: string][] = [
    [`tailspan show ${shortTraceId(slowest.traceId)}${from}`, 'the slowest trace as a waterfall'],
    ...(failedCount > 0 ? ([[`tailspan errors${from}`, 'where errors begin']] as [string, string][]) : []),
    [`tailspan critical-path${from}`, 'what the time goes into'],
  ];
  // A command that is broken into lines cannot be copied.
  const whole = steps.filter(([command]) => widthOf(command) <= screen.width);
  const width = Math.max(0, ...whole.map(([command]) => widthOf(command)));
  const hasRoom = whole.every(([, what]) => width + 2 + what.length <= screen.width);
  const line = ([command, what]: [string, string]): Line =>
    hasRoom ? [styled(pad(command, width)), styled(`  ${what}`, 'dim')] : [styled(command)];
  return whole.length === 0 ? [] : [{ kind: 'lines', lines: [[], ...whole.map(line)] }];
}
