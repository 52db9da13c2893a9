import { type Attributes, jsonOfValue } from '../model/attributes.ts';
import type { Span } from '../model/span.ts';
import { describeFilter, type Filter } from '../query/filter.ts';
import { spanPredicate, tracePredicate } from '../query/to-sql.ts';
import { table } from '../report/blocks.ts';
import type { Block, Field, Report } from '../report/report.ts';
import type { Database } from '../store/database.ts';
import { findTraces, matchingSpans, TRACE_ORDERS, type TraceSummary, traceTotals } from '../store/find-traces.ts';
import { readSpans } from '../store/read-trace.ts';
import { trustOf } from '../store/trust.ts';
import { formatCount, formatDuration, formatTime, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { sanitize } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openData, requireSpans } from './data.ts';
import {
  EXIT_STATUS,
  FILTER_OPTIONS,
  filterOf,
  INPUT_OPTIONS,
  limitOption,
  OUTPUT_OPTIONS,
  sortOf,
  sortOption,
} from './options.ts';
import { spanFields, spanJson } from './span-json.ts';
import { trustBlocks } from './trust.ts';

const SPANS: Option<boolean> = {
  flags: '--spans',
  description: 'list the matching spans instead of their traces',
  group: 'Output',
};
const LIMIT = limitOption(20);
const ORDERS = Object.keys(TRACE_ORDERS) as (keyof typeof TRACE_ORDERS)[];
const SORT = sortOption(ORDERS, 'start');

/** Matching spans that a trace is shown with, as many as Tempo gives. */
const SPANS_PER_TRACE = 3;

const TRACE_FIELDS: readonly Field[] = [
  { name: 'traceId', type: 'id' },
  { name: 'startTimeUnixNano', type: 'time', title: 'start' },
  { name: 'durationNano', type: 'duration', title: 'duration' },
  { name: 'rootServiceName', type: 'text', title: 'root service' },
  { name: 'rootSpanName', type: 'text', title: 'root span' },
  { name: 'spanCount', type: 'count', title: 'spans' },
  { name: 'errorCount', type: 'count', title: 'errors' },
  { name: 'services', type: 'list' },
  { name: 'complete', type: 'flag' },
  { name: 'durationMs', type: 'millis', isExtra: true },
  { name: 'spanSets', type: 'object', isExtra: true },
];

export const command: Command = {
  usage: '[source...]',
  description:
    'Lists traces that have a span matching all filters, newest first: root service and span, start, duration, spans, services, errors. All filters must hold for one and the same span.',
  examples: [
    ['tailspan search traces.jsonl', 'the newest traces of a file'],
    ['tailspan search traces.jsonl --service cart --status error', 'traces in which the cart failed'],
    ["tailspan search traces.jsonl --attr 'http.response.status_code>=500' --sort duration", 'the slowest with a 5xx'],
    ['tailspan search traces.jsonl --status error --json | jq -r .traces[].traceId', 'ids for a script'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, SPANS, LIMIT, SORT, EXIT_STATUS, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources } = readArguments(context.args, false);
    const filter = filterOf(context);
    const order = sortOf(context.get(SORT), ORDERS, 'start');
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    return context.get(SPANS) === true
      ? await searchSpans(context, data.database, filter, order)
      : await searchTraces(context, data.database, filter, order);
  },
};

type Order = ReturnType<typeof sortOf<keyof typeof TRACE_ORDERS>>;

async function searchTraces(
  context: CommandContext,
  database: Database,
  filter: Filter,
  order: Order,
): Promise<Report> {
  const where = tracePredicate(filter, 't.trace_id');
  const limit = context.get(LIMIT) || undefined;
  const traces = await findTraces(database, { where, order: order.field, ascending: order.ascending, limit });
  const totals = await traceTotals(database, where);
  const spanSets = await spanSetsOf(database, filter, traces);
  const rows = traces.map(trace => ({
    traceId: trace.traceId,
    rootServiceName: trace.rootServiceName,
    rootSpanName: trace.rootSpanName,
    ...(trace.rootServiceName === undefined
      ? { firstServiceName: trace.firstServiceName, firstSpanName: trace.firstSpanName }
      : {}),
    startTimeUnixNano: trace.startTimeUnixNano,
    durationNano: trace.durationNano,
    durationMs: millis(trace.durationNano),
    spanCount: trace.spanCount,
    errorCount: trace.errorCount,
    services: trace.services,
    complete: trace.complete,
    spanSets: spanSets.get(trace.traceId) ?? [],
  }));
  const trust = await trustOf(database, where);
  return {
    data: { query: describeFilter(filter), traces: rows, trust },
    records: { name: 'traces', fields: TRACE_FIELDS, rows },
    isList: true,
    blocks: screen => [
      ...traceTable(traces, screen),
      ...totalsBlock(totals.traces, traces.length, totals, screen),
      ...trustBlocks(trust),
    ],
    notes: noteOf(rows.length, totals.traces, filter, 'trace'),
    ...exitOf(context, rows.length),
  };
}

function exitOf(context: CommandContext, found: number): { exitCode?: 1 } {
  return found === 0 && context.get(EXIT_STATUS) === true ? { exitCode: 1 } : {};
}

/** What to say on stderr about a list that is empty or cut. */
function noteOf(shown: number, all: number, filter: Filter, noun: string): string[] {
  if (all === 0) {
    const times = filter.conditions.some(condition => condition.on === 'start');
    return [`no ${noun} matches ${describeFilter(filter)}${times ? '; --since and --until count from now' : ''}`];
  }
  return shown < all ? [`${formatCount(all - shown)} more (--limit 0 shows all)`] : [];
}

async function spanSetsOf(
  database: Database,
  filter: Filter,
  traces: readonly TraceSummary[],
): Promise<Map<string, object[]>> {
  const matches = await matchingSpans(
    database,
    spanPredicate(filter),
    traces.map(trace => trace.traceId),
    SPANS_PER_TRACE,
  );
  const numbers = [...matches.values()].flatMap(({ spanNumbers }) => spanNumbers);
  const spans = numbers.length === 0 ? [] : await readSpans(database, `span_no IN (${numbers.join(',')})`);
  const byTrace = Map.groupBy(spans, span => span.traceId);
  const keys = filter.conditions.flatMap(condition => (condition.on === 'attribute' ? [condition.key] : []));
  return new Map(
    [...matches].map(([traceId, { matched }]) => [
      traceId,
      [
        {
          matched,
          attributes: [],
          spans: (byTrace.get(traceId) ?? []).map(span => ({
            spanId: span.spanId,
            name: span.name,
            serviceName: span.serviceName,
            startTimeUnixNano: span.startTimeUnixNano,
            durationNano: span.durationNano,
            attributes: chosenAttributes(span, keys),
          })),
        },
      ],
    ]),
  );
}

/** The attributes that the filter speaks of, of the span or else of its resource. */
function chosenAttributes(span: Span, keys: readonly string[]): Record<string, unknown> {
  const value = (key: string, attributes: Attributes) => (key in attributes ? attributes[key] : undefined);
  return Object.fromEntries(
    keys.flatMap(key => {
      const found = value(key, span.attributes) ?? value(key, span.resource);
      return found === undefined ? [] : [[key, jsonOfValue(found)]];
    }),
  );
}

/** Traces as people read them in a list. */
export function traceTable(traces: readonly TraceSummary[], screen: Screen): Block[] {
  if (traces.length === 0) return [];
  const { error, dot } = glyphs(screen.unicode);
  const day = (nanos: bigint) => formatTime(nanos, { utc: screen.utc, digits: 0, date: true }).slice(0, 10);
  const isOneDay = new Set(traces.map(trace => day(trace.startTimeUnixNano))).size === 1;
  return [
    {
      kind: 'table',
      columns: [
        { title: 'TRACE' },
        { title: isOneDay ? `START ${day(traces[0]?.startTimeUnixNano ?? 0n)}` : 'START', least: 12, expendable: 3 },
        { title: 'ROOT', least: 16 },
        { title: 'DURATION', align: 'right' },
        { title: 'SPANS', align: 'right', expendable: 1 },
        { title: 'ERRORS', align: 'right' },
        { title: 'SERVICES', least: 8, expendable: 2 },
      ],
      rows: traces.map(trace => [
        [styled(trace.traceId)],
        [styled(formatTime(trace.startTimeUnixNano, { utc: screen.utc, digits: 3, date: !isOneDay }), 'dim')],
        rootLine(trace, screen),
        [styled(formatDuration(trace.durationNano, screen.unicode))],
        [styled(formatCount(trace.spanCount))],
        trace.errorCount === 0 ? [styled(dot, 'dim')] : [styled(`${error} ${formatCount(trace.errorCount)}`, 'error')],
        [styled(trace.services.map(name => sanitize(name, screen.unicode)).join(', '), 'dim')],
      ]),
    },
  ];
}

/** The root's service and name, or those of what comes first where the root is missing. */
export function rootLine(trace: TraceSummary, screen: Screen): Line {
  const service = sanitize(trace.firstServiceName, screen.unicode);
  const name = sanitize(trace.firstSpanName, screen.unicode);
  const isMissing = trace.rootServiceName === undefined;
  return [
    styled(service, `service:${trace.firstServiceName}`),
    styled(' '),
    styled(name),
    ...(isMissing ? [styled(' (root missing)', 'warning')] : []),
  ];
}

function totalsBlock(all: number, shown: number, totals: { spans: number; errors: number }, screen: Screen): Block[] {
  if (all === 0) return [];
  const { dot } = glyphs(screen.unicode);
  const counts = [plural(all, 'trace'), plural(totals.spans, 'span'), plural(totals.errors, 'error')].join(` ${dot} `);
  const more = shown < all ? ` ${dot} ${formatCount(shown)} shown` : '';
  return [{ kind: 'lines', lines: [[], [styled(`${counts}${more}`, 'dim')]] }];
}

async function searchSpans(context: CommandContext, database: Database, filter: Filter, order: Order): Promise<Report> {
  const predicate = spanPredicate(filter);
  const limit = context.get(LIMIT) || undefined;
  const column = order.field === 'duration' ? 'duration_ns' : 'start_ns';
  const sql = `${column} ${order.ascending ? 'ASC' : 'DESC'}, start_ns DESC, span_no`;
  const all = Number(await database.value(`SELECT count(*) FROM span s WHERE ${predicate}`));
  const numbers = await database.rows(
    `SELECT span_no FROM span s WHERE ${predicate} ORDER BY ${sql} ${limit === undefined ? '' : `LIMIT ${limit}`}`,
  );
  const spans =
    numbers.length === 0
      ? []
      : await readSpans(
          database,
          limit === undefined ? predicate : `span_no IN (${numbers.map(row => String(row.span_no)).join(',')})`,
          sql.replaceAll(/\b(start_ns|duration_ns|span_no)\b/g, 's.$1'),
        );
  const rows = spans.map(span => spanJson(span));
  const trust = await trustOf(database, tracePredicate(filter, 't.trace_id'));
  const records = { name: 'spans', fields: spanFields(), rows };
  return {
    data: { query: describeFilter(filter), spans: rows, trust },
    records,
    isList: true,
    blocks: screen => [
      ...(spans.length === 0
        ? []
        : [
            table(records, screen, [
              'traceId',
              'spanId',
              'startTimeUnixNano',
              'serviceName',
              'name',
              'kind',
              'durationNano',
              'status.code',
            ]),
          ]),
      ...(all === 0 ? [] : [{ kind: 'lines' as const, lines: [[], [styled(plural(all, 'span'), 'dim')]] }]),
      ...trustBlocks(trust),
    ],
    notes: noteOf(spans.length, all, filter, 'span'),
    ...exitOf(context, spans.length),
  };
}

function millis(nanos: bigint): number {
  return Number(nanos) / 1e6;
}
