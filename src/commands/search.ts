import { type AttributeValue, displayValue } from '../model/attributes.ts';
import type { Span } from '../model/span.ts';
import { valueOfKey } from '../query/compile/keys.ts';
import { INTRINSICS } from '../query/traceql/fields.ts';
import type { Block, Report } from '../report/report.ts';
import { findTraces, TRACE_ORDERS, type TraceSummary, traceTotals } from '../store/find-traces.ts';
import type { Queryable } from '../store/queryable.ts';
import { readSpans } from '../store/read-trace.ts';
import type { MatchedSpanset } from '../store/spansets.ts';
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
  EXPLAIN,
  FILTER_OPTIONS,
  INPUT_OPTIONS,
  limitOption,
  OUTPUT_OPTIONS,
  sortOf,
  sortOption,
} from './options.ts';
import { searchQueryOf } from './query.ts';
import { type Selection, select } from './selection.ts';
import { traceIdColumn } from './short-ids.ts';
import { type ShownField, shownFields, valuesOfSpans } from './span-fields.ts';
import { spanFields, spanJson } from './span-json.ts';
import { timeColumn } from './time-range.ts';
import { jsonOfValues, TRACE_FIELDS, tracesJson } from './trace-json.ts';
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

export const command: Command = {
  usage: '[query] [source...]',
  description:
    'Lists traces that match a query in TraceQL, newest first: root service and span, start, duration, spans, services, errors. Flags narrow what the query sees; without a query they must all hold for one and the same span.',
  examples: [
    ["tailspan search '{ status = error } >> { kind = server }' traces.jsonl", 'servers called below a failure'],
    ['tailspan search traces.jsonl --service cart --status error', 'traces in which the cart failed'],
    ["tailspan search traces.jsonl --attr 'http.route=~/cart.*' --sort duration", 'the slowest of some routes'],
    ['tailspan search traces.jsonl --status error --json | jq -r .traces[].traceId', 'ids for a script'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, SPANS, LIMIT, SORT, EXIT_STATUS, EXPLAIN, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources, query: text } = readArguments(context.args, false);
    const query = await searchQueryOf(context, text);
    const isOfSpans = context.get(SPANS) === true;
    const order = sortOf(context.get(SORT), isOfSpans ? SPAN_ORDERS : ORDERS, 'start');
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    if (context.get(EXPLAIN) === true) {
      const { explainReport } = await import('./explain.ts');
      return await explainReport(context, data.database, query);
    }
    const selection = await select(data.database, query);
    return isOfSpans
      ? await searchSpans(context, data.database, selection, order)
      : await searchTraces(context, data.database, selection, order);
  },
};

type Order = ReturnType<typeof sortOf<(typeof ORDERS)[number]>>;

async function searchTraces(
  context: CommandContext,
  database: Queryable,
  selection: Selection,
  order: Order,
): Promise<Report> {
  const where = selection.traces('t');
  const limit = context.get(LIMIT) || undefined;
  const traces = await findTraces(database, { where, order: order.field, ascending: order.ascending, limit });
  const totals = await traceTotals(database, where);
  const { rows, spansets } = await tracesJson(database, selection, traces);
  const trust = await trustOf(database, where);
  return {
    data: { query: selection.text, traces: rows, trust },
    records: { name: 'traces', fields: TRACE_FIELDS, rows },
    isList: true,
    blocks: screen => [
      ...(selection.attributes.length === 0
        ? traceTable(traces, screen)
        : spansetTable(traces, spansets, selection, screen)),
      ...totalsBlock(totals.traces, traces.length, totals, screen),
      ...trustBlocks(trust),
    ],
    notes: await listNotes(context, database, selection, { noun: 'trace', shown: rows.length, all: totals.traces }),
    ...exitOf(context, rows.length),
  };
}

function exitOf(context: CommandContext, found: number): { exitCode?: 1 } {
  return found === 0 && context.get(EXIT_STATUS) === true ? { exitCode: 1 } : {};
}

/** The spansets of traces as people read them: a row each, with what tells them apart. */
function spansetTable(
  traces: readonly TraceSummary[],
  spansets: readonly MatchedSpanset[],
  selection: Selection,
  screen: Screen,
): Block[] {
  if (traces.length === 0) return [];
  const start = timeColumn(
    traces.map(trace => trace.startTimeUnixNano),
    screen,
  );
  const ofTrace = Map.groupBy(spansets, ({ traceId }) => traceId);
  const shown = traces.flatMap(trace => (ofTrace.get(trace.traceId) ?? []).map(spanset => ({ trace, spanset })));
  return [
    {
      kind: 'table',
      columns: [
        traceIdColumn(shown.map(({ trace }) => trace.traceId)),
        { title: start.title, expendable: 2 },
        { title: 'ROOT', least: 12, expendable: 1 },
        { title: 'MATCHED', align: 'right' },
        ...selection.attributes.map(text => ({ title: text.replace(/^by\((.*)\)$/s, '$1'), least: 14 })),
      ],
      rows: shown.map(({ trace, spanset: { matched, attributes } }) => [
        [styled(trace.traceId)],
        [styled(start.cell(trace.startTimeUnixNano), 'dim')],
        rootName(trace, screen),
        [styled(formatCount(matched))],
        ...selection.attributes.map((name, index) => [
          styled(valueText(valueOfKey(attributes[index] ?? ''), OF_DURATIONS.test(name), screen)),
        ]),
      ]),
    },
  ];
}

/** What describes a spanset in nanoseconds: attributes of such names have units of their own. */
const OF_DURATIONS = /^(?:by|avg|min|max|sum)\((?:duration|trace:duration|parent:duration|event:timeSinceStart)\)$/;

function isDurationField({ field }: ShownField): boolean {
  return field.kind === 'intrinsic' && INTRINSICS[field.name].type === 'duration';
}

/** A value in a table. */
function valueText(value: AttributeValue | undefined, isDuration: boolean, screen: Screen): string {
  if (value === undefined) return glyphs(screen.unicode).dot;
  if (isDuration && typeof value === 'bigint') return formatDuration(value, screen.unicode);
  if (isDuration && typeof value === 'number' && Number.isFinite(value)) {
    return formatDuration(BigInt(Math.round(value)), screen.unicode);
  }
  return value === '' ? '""' : nameText(displayValue(value), screen.unicode);
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

/** Spans as people read them in a list, with what select() names. */
function spanTable(
  spans: readonly Span[],
  fields: readonly ShownField[],
  valuesOf: (index: number) => Readonly<Record<string, AttributeValue>>,
  screen: Screen,
): Block[] {
  if (spans.length === 0) return [];
  const { error } = glyphs(screen.unicode);
  // What is asked for stays.
  const asked = fields.length > 0;
  const start = timeColumn(
    spans.map(span => span.startTimeUnixNano),
    screen,
  );
  return [
    {
      kind: 'table',
      columns: [
        traceIdColumn(spans.map(({ traceId }) => traceId)),
        { title: 'SPAN ID', expendable: asked ? 3 : 0 },
        { title: start.title, expendable: asked ? 5 : 1 },
        { title: 'SPAN', least: 20 },
        { title: 'KIND', expendable: asked ? 4 : 2 },
        { title: 'DURATION', align: 'right', expendable: asked ? 1 : 0 },
        { title: 'STATUS', expendable: asked ? 2 : 0 },
        ...fields.map(({ name }) => ({ title: name, least: 8 })),
      ],
      rows: spans.map((span, index) => [
        [styled(span.traceId)],
        [styled(span.spanId)],
        [styled(start.cell(span.startTimeUnixNano), 'dim')],
        spanName(span, screen),
        [styled(span.kind, 'dim')],
        [styled(formatDuration(span.durationNano, screen.unicode))],
        span.status.code === 'error' ? [styled(`${error} error`, 'error')] : [styled(span.status.code, 'dim')],
        ...fields.map(field => [styled(valueText(valuesOf(index)[field.name], isDurationField(field), screen))]),
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

async function searchSpans(
  context: CommandContext,
  database: Queryable,
  selection: Selection,
  order: Order,
): Promise<Report> {
  const predicate = selection.spans;
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
  const fields = shownFields(selection.query).filter(({ isSelected }) => isSelected);
  const values = await valuesOfSpans(
    database,
    fields,
    numbers.map(row => row.span_no as bigint),
  );
  const valuesOf = (index: number) => values.get(numbers[index]?.span_no as bigint) ?? {};
  const rows = spans.map((span, index) => ({
    ...spanJson(span),
    ...(fields.length === 0 ? {} : { selected: jsonOfValues(valuesOf(index)) }),
  }));
  const trust = await trustOf(database, selection.traces('t'));
  const records = { name: 'spans', fields: spanFields(), rows };
  return {
    data: { query: selection.text, spans: rows, trust },
    records,
    isList: true,
    blocks: screen => [
      ...spanTable(spans, fields, valuesOf, screen),
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
    notes: await listNotes(context, database, selection, { noun: 'span', shown: spans.length, all }),
    ...exitOf(context, spans.length),
  };
}
