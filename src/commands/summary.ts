import { spanPredicate, tracePredicate } from '../query/to-sql.ts';
import type { Block, Field } from '../report/report.ts';
import { findTraces, type TraceSummary, traceTotals } from '../store/find-traces.ts';
import { requestsOverTime, serviceRates } from '../store/rates.ts';
import { trustOf } from '../store/trust.ts';
import { formatCount, formatDuration, formatTime, plural } from '../terminal/format.ts';
import { glyphs, sparkline } from '../terminal/glyphs.ts';
import { sanitize } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { FILTER_OPTIONS, filterOf, INPUT_OPTIONS, limitOption, OUTPUT_OPTIONS } from './options.ts';
import { rateColumns, rateFields, rateJson, sortRates } from './rates.ts';
import { rootLine } from './search.ts';
import { trustBlocks } from './trust.ts';

const LIMIT = limitOption(5);
const BUCKETS = 24;
/** Services that are listed; the rest are counted. */
const SERVICES = 20;

const FIELDS: readonly Field[] = rateFields([{ name: 'serviceName', type: 'text', title: 'service' }]);

export const command: Command = {
  usage: '[source...]',
  description:
    'One page about what is in the data: the time it covers, traces, spans, services with their rates, errors and durations, the slowest and the failed traces with ids to copy, and what is incomplete.',
  examples: [
    ['tailspan summary traces.jsonl', 'what is in this file'],
    ['tailspan summary dumps/', 'what is in all files of a folder'],
    ['kubectl logs collector | tailspan summary', 'what is piped in'],
    ['tailspan summary --since 1h', 'the last hour of the default database'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, LIMIT, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources } = readArguments(context.args, false);
    const filter = filterOf(context);
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    const { database } = data;
    const traceWhere = tracePredicate(filter, 't.trace_id');
    const spanWhere = spanPredicate(filter);
    const totals = await traceTotals(database, traceWhere);
    const start = totals.startTimeUnixNano ?? 0n;
    const end = totals.endTimeUnixNano ?? start;
    const series = await requestsOverTime(database, spanWhere, start, end, BUCKETS);
    const services = sortRates(rateJson(await serviceRates(database, spanWhere), end - start), {
      field: 'impact',
      ascending: false,
    });
    const limit = context.get(LIMIT) || undefined;
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
      blocks: screen => {
        const { dot } = glyphs(screen.unicode);
        const counts = [
          plural(totals.spans, 'span'),
          plural(totals.traces, 'trace'),
          plural(services.length, 'service'),
          plural(totals.errors, 'error'),
        ];
        const blocks: Block[] = [
          {
            kind: 'lines',
            lines: [[styled(counts.join(` ${dot} `), 'bold')], [styled(covered(start, end, screen), 'dim')]],
          },
          heading('services', services.length > SERVICES ? `${SERVICES} of ${formatCount(services.length)}` : ''),
          serviceTable(services.slice(0, SERVICES), series, screen),
          heading('slowest traces', ''),
          traceList(slowest, 'duration', screen),
        ];
        if (totals.failed > 0) {
          blocks.push(
            heading('failed traces', `latest of ${formatCount(totals.failed)}`),
            traceList(failed, 'errors', screen),
          );
        }
        return [...blocks, ...trustBlocks(trust), ...nextSteps(slowest[0], totals.failed, sources, screen)];
      },
    };
  },
};

function traceJson(trace: TraceSummary): object {
  return { ...trace, durationMs: Number(trace.durationNano) / 1e6 };
}

function heading(text: string, detail: string): Block {
  return { kind: 'heading', text: [styled(text, 'bold'), styled(detail === '' ? '' : `  ${detail}`, 'dim')] };
}

function covered(start: bigint, end: bigint, screen: Screen): string {
  const time = (nanos: bigint, date: boolean) => formatTime(nanos, { utc: screen.utc, digits: 3, date });
  const isOneDay = time(start, true).slice(0, 10) === time(end, true).slice(0, 10);
  const zone = screen.utc ? ' UTC' : '';
  return `${time(start, true)} to ${time(end, !isOneDay)}${zone} (${formatDuration(end - start, screen.unicode)})`;
}

type ServiceRow = ReturnType<typeof rateJson>[number];

function serviceTable(rows: readonly ServiceRow[], series: ReadonlyMap<string, number[]>, screen: Screen): Block {
  const marks = glyphs(screen.unicode);
  const columns = rateColumns(screen).filter(({ column }) => !['P90', 'MAX', 'SELF', 'IMPACT'].includes(column.title));
  return {
    kind: 'table',
    columns: [
      { title: 'SERVICE', least: 12 },
      { title: 'REQUESTS OVER TIME', expendable: 9 },
      ...columns.map(({ column }) => column),
    ],
    rows: rows.map(row => [
      [styled(sanitize(row.serviceName, screen.unicode), `service:${row.serviceName}`)],
      [styled(sparkline(series.get(row.serviceName) ?? [], marks), 'dim')],
      ...columns.map(({ cell }) => cell(row)),
    ]),
  };
}

function traceList(traces: readonly TraceSummary[], what: 'duration' | 'errors', screen: Screen): Block {
  const { error } = glyphs(screen.unicode);
  return {
    kind: 'table',
    columns: [
      { title: 'TRACE' },
      { title: what === 'duration' ? 'DURATION' : 'ERRORS', align: 'right' },
      { title: 'ROOT', least: 16 },
      { title: what === 'duration' ? 'SPANS' : 'DURATION', align: 'right', expendable: 2 },
      { title: 'START', expendable: 1 },
    ],
    rows: traces.map(trace => {
      const duration: Line = [styled(formatDuration(trace.durationNano, screen.unicode))];
      const errors: Line = [styled(`${error} ${formatCount(trace.errorCount)}`, 'error')];
      return [
        [styled(trace.traceId)],
        what === 'duration' ? duration : errors,
        rootLine(trace, screen),
        what === 'duration' ? [styled(formatCount(trace.spanCount))] : duration,
        [styled(formatTime(trace.startTimeUnixNano, { utc: screen.utc, digits: 3, date: true }), 'dim')],
      ];
    }),
  };
}

/** What to type next, on a terminal. */
function nextSteps(
  slowest: TraceSummary | undefined,
  failedCount: number,
  sources: readonly string[],
  screen: Screen,
): Block[] {
  if (!screen.isTerminal || slowest === undefined) return [];
  const from = sources.length === 1 && /^[\w./-]+$/.test(sources[0] ?? '') ? ` ${sources[0]}` : '';
  const steps: [string, string][] = [
    [`tailspan show ${slowest.traceId.slice(0, 12)}${from}`, 'the slowest trace as a waterfall'],
    ...(failedCount > 0 ? [[`tailspan errors${from}`, 'where errors begin'] as [string, string]] : []),
    [`tailspan critical-path${from}`, 'what the time goes into'],
  ];
  return [
    {
      kind: 'lines',
      lines: [[], ...steps.map(([line, what]) => [styled(line), styled(`  ${what}`, 'dim')])],
    },
  ];
}
