import { type Attributes, jsonOfValue } from '../model/attributes.ts';
import type { Span } from '../model/span.ts';
import { describeFilter, type Filter } from '../query/filter.ts';
import { spanPredicate, tracePredicate } from '../query/to-sql.ts';
import type { Block, Field, Report } from '../report/report.ts';
import type { Database } from '../store/database.ts';
import { findTraces, matchingSpans, TRACE_ORDERS, type TraceSummary, traceTotals } from '../store/find-traces.ts';
import { readSpans } from '../store/read-trace.ts';
import { trustOf } from '../store/trust.ts';
import { formatCount, formatDuration, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import type { Screen } from '../terminal/screen.ts';
import { styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { nameText, rootName, spanName } from './names.ts';
import { listNotes } from './notes.ts';
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
import { traceIdColumn } from './short-ids.ts';
import { spanFields, spanJson } from './span-json.ts';
import { timeColumn } from './time-range.ts';
import { trustBlocks } from './trust.ts';

const SPANS: Option<boolean> = {
  flags: '--spans',
  description: 'list the matching spans instead of their traces',
  group: 'Output',
};
const LIMIT = limitOption(20);
const ORDERS = Object.keys(TRACE_ORDERS) as (keyof typeof TRACE_ORDERS)[];
/** What single spans can be ordered by. */
const SPAN_ORDERS = ['start', 'duration'] as const;
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
    ["tailspan search traces.jsonl --attr 'http.route=~/cart.*' --sort duration", 'the slowest of some routes'],
    ['tailspan search traces.jsonl --status error --json | jq -r .traces[].traceId', 'ids for a script'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, SPANS, LIMIT, SORT, EXIT_STATUS, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources } = readArguments(context.args, false);
    const filter = filterOf(context);
    const isOfSpans = context.get(SPANS) === true;
    const order = sortOf(context.get(SORT), isOfSpans ? SPAN_ORDERS : ORDERS, 'start');
    await using data = await openData(context, sources, { filter });
    await requireSpans(data, context);
    return isOfSpans
      ? await searchSpans(context, data.database, filter, order)
      : await searchTraces(context, data.database, filter, order);
  },
};

type Order = ReturnType<typeof sortOf<(typeof ORDERS)[number]>>;

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
    notes: await listNotes(context, database, filter, { noun: 'trace', shown: rows.length, all: totals.traces }),
    ...exitOf(context, rows.length),
  };
}

function exitOf(context: CommandContext, found: number): { exitCode?: 1 } {
  return found === 0 && context.get(EXIT_STATUS) === true ? { exitCode: 1 } : {};
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
function traceTable(traces: readonly TraceSummary[], screen: Screen): Block[] {
  if (traces.length === 0) return [];
  const { error, dot } = glyphs(screen.unicode);
  const start = timeColumn(
    traces.map(trace => trace.startTimeUnixNano),
    screen,
  );
  return [
    {
      kind: 'table',
      columns: [
        traceIdColumn(traces.map(({ traceId }) => traceId)),
        { title: start.title, expendable: 2 },
        { title: 'ROOT', least: 20 },
        { title: 'DURATION', align: 'right' },
        { title: 'SPANS', align: 'right', expendable: 1 },
        { title: 'ERRORS', align: 'right' },
        { title: 'SERVICES', least: 16, expendable: 3 },
      ],
      rows: traces.map(trace => [
        [styled(trace.traceId)],
        [styled(start.cell(trace.startTimeUnixNano), 'dim')],
        rootName(trace, screen),
        [styled(formatDuration(trace.durationNano, screen.unicode))],
        [styled(formatCount(trace.spanCount))],
        trace.errorCount === 0 ? [styled(dot, 'dim')] : [styled(`${error} ${formatCount(trace.errorCount)}`, 'error')],
        [styled(trace.services.map(name => nameText(name, screen.unicode)).join(', '), 'dim')],
      ]),
    },
  ];
}

/** Spans as people read them in a list. */
function spanTable(spans: readonly Span[], screen: Screen): Block[] {
  if (spans.length === 0) return [];
  const { error } = glyphs(screen.unicode);
  const start = timeColumn(
    spans.map(span => span.startTimeUnixNano),
    screen,
  );
  return [
    {
      kind: 'table',
      columns: [
        traceIdColumn(spans.map(({ traceId }) => traceId)),
        { title: 'SPAN ID' },
        { title: start.title, expendable: 1 },
        { title: 'SPAN', least: 20 },
        { title: 'KIND', expendable: 2 },
        { title: 'DURATION', align: 'right' },
        { title: 'STATUS' },
      ],
      rows: spans.map(span => [
        [styled(span.traceId)],
        [styled(span.spanId)],
        [styled(start.cell(span.startTimeUnixNano), 'dim')],
        spanName(span, screen),
        [styled(span.kind, 'dim')],
        [styled(formatDuration(span.durationNano, screen.unicode))],
        span.status.code === 'error' ? [styled(`${error} error`, 'error')] : [styled(span.status.code, 'dim')],
      ]),
    },
  ];
}

function totalsBlock(all: number, shown: number, totals: { spans: number; errors: number }, screen: Screen): Block[] {
  if (all === 0) return [];
  const { dot } = glyphs(screen.unicode);
  const counts = [plural(all, 'trace'), plural(totals.spans, 'span'), plural(totals.errors, 'error')].join(` ${dot} `);
  return [{ kind: 'lines', lines: [[], [styled(shownOf(all, shown, counts, screen), 'dim')]] }];
}

function shownOf(all: number, shown: number, counts: string, screen: Screen): string {
  return shown < all ? `${counts} ${glyphs(screen.unicode).dot} ${formatCount(shown)} shown` : counts;
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
      ...spanTable(spans, screen),
      ...(all === 0
        ? []
        : [
            {
              kind: 'lines' as const,
              lines: [[], [styled(shownOf(all, spans.length, plural(all, 'span'), screen), 'dim')]],
            },
          ]),
      ...trustBlocks(trust),
    ],
    notes: await listNotes(context, database, filter, { noun: 'span', shown: spans.length, all }),
    ...exitOf(context, spans.length),
  };
}

function millis(nanos: bigint): number {
  return Number(nanos) / 1e6;
}
