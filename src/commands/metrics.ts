import { UserError } from '../errors.ts';
import { parseDuration } from '../model/time.ts';
import { compileMetricsFor } from '../query/compile/metrics.ts';
import { combineSeries, metricsQueriesOf } from '../query/metrics/combine.ts';
import { comparedSides } from '../query/metrics/compare.ts';
import { type Exemplar, hasPoints, type Series } from '../query/metrics/series.ts';
import { startBounds } from '../query/metrics/start-bounds.ts';
import { roundStep, type TimeGrid, timeGrid, timeOfInterval } from '../query/metrics/time-grid.ts';
import type { MetricsExpression, MetricsQuery, Query } from '../query/traceql/ast.ts';
import { printQuery } from '../query/traceql/printer.ts';
import type { Field, Records } from '../report/report.ts';
import { type SpanReference, type StartTimes, spanReferences, startTimes } from '../store/metrics.ts';
import type { Queryable } from '../store/queryable.ts';
import { firstColumn } from '../store/spansets.ts';
import { type Trust, trustOf } from '../store/trust.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openData, requireSpans } from './data.ts';
import {
  chartWidth,
  compareBlocks,
  heatMapBlocks,
  type MetricsView,
  seriesBlocks,
  stepText,
  withoutBucket,
} from './metrics-blocks.ts';
import { queryText } from './notes.ts';
import {
  EXIT_STATUS,
  FILTER_OPTIONS,
  FORMAT,
  INPUT_OPTIONS,
  JSON_OUTPUT,
  limitOption,
  OUTPUT_OPTIONS,
} from './options.ts';
import { metricsQueryOf } from './query.ts';
import { trustBlocks } from './trust.ts';

const DEFAULT_QUERY = '{ } | rate() by (resource.service.name)';

/** As many as Prometheus gives. */
const MOST_INTERVALS = 11_000;
/** What machines get where no step is asked for. */
const INTERVALS = 60;
/** As many as Tempo gives of a series. */
const MOST_EXEMPLARS = 100;

const STEP: Option<bigint> = {
  flags: '--step <duration>',
  description: 'length of an interval, such as 10s (default: a round one, for as many as there is room for)',
  group: 'Output',
  parse: text => {
    const step = parseDuration(text);
    if (step === undefined || step === 0n) {
      throw new UserError(`--step takes a duration above 0, not '${text}'`, { hint: 'for example 500ms, 10s or 5m' });
    }
    return step;
  },
};
const LIMIT = limitOption(50);

export const command: Command = {
  usage: '[query] [source...]',
  description: `Runs a TraceQL metrics query: numbers about spans over time, by interval of their start. Without a query it is ${DEFAULT_QUERY}. Intervals begin at multiples of the step. Durations are in seconds. Quantiles are exact.`,
  examples: [
    ['tailspan metrics traces.jsonl', 'requests per second of each service'],
    ["tailspan metrics '{ } | quantile_over_time(duration, .5, .99)' traces.jsonl", 'how long spans take, over time'],
    ["tailspan metrics '{ } | histogram_over_time(duration)' traces.jsonl", 'the same as a heat map'],
    ["tailspan metrics '{ status = error } | rate() by (name)' traces.jsonl --json", 'for a program'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, STEP, LIMIT, EXIT_STATUS, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources, query: text = DEFAULT_QUERY } = readArguments(context.args, false);
    const query = await metricsQueryOf(context, text);
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    const { database } = data;
    const times = await startTimes(database);
    const grid = gridOf(context, query.root, times);
    const answer = await askMetrics(database, query, grid, context.get(LIMIT) || undefined);
    const view: MetricsView = { root: query.root, grid, series: answer.shown, exampleOf: answer.exampleOf };
    const result = answer.shown.map(series => seriesJson(series, grid, answer.exemplarsOf(series)));
    return {
      data: {
        query: printQuery(query),
        startTimeUnixNano: grid.startUnixNano,
        endTimeUnixNano: timeOfInterval(grid, grid.count),
        stepNano: grid.stepNano,
        resultType: 'matrix',
        result,
        trust: answer.trust,
      },
      records: isForPrograms(context)
        ? { name: 'result', fields: SERIES_FIELDS, rows: result }
        : isComparison(query.root)
          ? comparisonRecords(answer.shown)
          : pointRecords(answer.shown, grid),
      isList: true,
      blocks: screen => {
        const blocks = isComparison(query.root)
          ? compareBlocks(view, screen, context.get(LIMIT) || undefined)
          : isHistogram(query.root)
            ? heatMapBlocks(view, screen)
            : seriesBlocks(view, screen);
        return [...blocks, ...(blocks.length === 0 ? [] : trustBlocks(answer.trust))];
      },
      notes: notesOf(query, answer, times),
      ...(answer.isEmpty && context.get(EXIT_STATUS) === true ? { exitCode: 1 as const } : {}),
    };
  },
};

/** The intervals of the time that the query asks for, else of the data. */
function gridOf(context: CommandContext, root: MetricsExpression, times: StartTimes): TimeGrid {
  const bounds = startBounds(metricsQueriesOf(root).map(({ stages }) => stages));
  const first = bounds.first ?? times.first ?? 0n;
  const last = bounds.last ?? times.last ?? first;
  const end = last < first ? first : last;
  const step = context.get(STEP);
  if (step === undefined) return timeGrid(first, end, roundStep(first, end, intervalsFor(context)));
  const grid = timeGrid(first, end, step);
  if (grid.count <= MOST_INTERVALS) return grid;
  const least = roundStep(first, end, MOST_INTERVALS);
  throw new UserError(
    `--step ${stepText(step)} makes ${formatCount(grid.count)} intervals, and ${formatCount(MOST_INTERVALS)} are the most`,
    { hint: `--step ${stepText(least)} is long enough; --since and --until take a part of the time` },
  );
}

/** How many intervals there is room for. */
function intervalsFor(context: CommandContext): number {
  const format = context.get(FORMAT);
  const isPicture = format === 'table' || (format === 'auto' && context.screen.isTerminal);
  return isPicture && context.get(JSON_OUTPUT) !== true ? chartWidth(context.screen) : INTERVALS;
}

interface Answer {
  readonly shown: readonly Series[];
  /** Series, or histograms, that are not shown. */
  readonly hiddenCount: number;
  /** The query has matched no span. */
  readonly isEmpty: boolean;
  readonly trust: Trust;
  exemplarsOf(series: Series): readonly object[];
  /** The id of the trace of the longest span of a series. */
  exampleOf(series: Series): string | undefined;
}

type MetricsQueryText = Query & { readonly root: MetricsExpression };

async function askMetrics(
  database: Queryable,
  { root, hints }: MetricsQueryText,
  grid: TimeGrid,
  limit: number | undefined,
): Promise<Answer> {
  const answers = new Map<MetricsQuery, readonly Series[]>();
  const traces = new Set<string>();
  for (const query of metricsQueriesOf(root)) {
    const compiled = await compileMetricsFor(query, grid, sql => firstColumn(database, sql));
    answers.set(query, compiled.seriesOf(await database.rows(compiled.sql)));
    traces.add(compiled.tracesSql === undefined ? 'true' : `t.trace_id IN (${compiled.tracesSql})`);
  }
  const all = combineSeries(root, query => answers.get(query) ?? []);
  const items = listed(all, root);
  const shown = items.slice(0, limit).flat();
  const wanted = new Map(shown.map(series => [series, chosenExemplars(series.exemplars, hints)]));
  const spans = await spanReferences(
    database,
    [...wanted.values()].flat().map(({ spanNumber }) => spanNumber),
  );
  const exemplarsOf = (series: Series) => wanted.get(series) ?? [];
  return {
    shown,
    hiddenCount: items.length - Math.min(items.length, limit ?? items.length),
    isEmpty: [...answers.values()].flat().every(isOfNothing),
    trust: await trustOf(database, [...traces].join(' OR ')),
    exemplarsOf: series => exemplarsOf(series).flatMap(exemplar => exemplarJson(exemplar, spans)),
    exampleOf: series => {
      const longest = exemplarsOf(series).reduce<Exemplar | undefined>(
        (most, exemplar) => (most === undefined || exemplar.durationNano > most.durationNano ? exemplar : most),
        undefined,
      );
      return longest === undefined ? undefined : spans.get(longest.spanNumber)?.traceId;
    },
  };
}

/** What is counted without labels is there even where there is nothing to count. */
function isOfNothing({ labels, exemplars }: Series): boolean {
  return labels.length === 0 && exemplars.length === 0;
}

/** What is listed: series, of a histogram all that it consists of, or all together for compare(). */
function listed(series: readonly Series[], root: MetricsExpression): readonly (readonly Series[])[] {
  if (isComparison(root)) return series.length === 0 ? [] : [series];
  if (!isHistogram(root)) return series.map(one => [one]);
  return [...Map.groupBy(series, withoutBucket).values()];
}

function isComparison(expression: MetricsExpression): boolean {
  return expression.kind === 'metrics' && expression.function.kind === 'compare-metric';
}

function isHistogram(expression: MetricsExpression): boolean {
  return expression.kind === 'metrics' && expression.function.name === 'histogram_over_time';
}

/** The longest span of a series, unless the hint `exemplars` asks for another number: with `true` that of every interval. */
function chosenExemplars(longestFirst: readonly Exemplar[], hints: Query['hints']): readonly Exemplar[] {
  const value = hints.find(({ name }) => name === 'exemplars')?.value.value ?? 1n;
  const count = value === true ? MOST_EXEMPLARS : Math.min(MOST_EXEMPLARS, Math.max(0, Number(value)));
  return longestFirst.slice(0, count).toSorted((a, b) => a.interval - b.interval);
}

function exemplarJson({ spanNumber, durationNano }: Exemplar, spans: ReadonlyMap<bigint, SpanReference>): object[] {
  const span = spans.get(spanNumber);
  if (span === undefined) return [];
  const { traceId, spanId, startTimeUnixNano } = span;
  return [{ traceId, spanId, timestamp: unixSeconds(startTimeUnixNano), value: String(Number(durationNano) / 1e9) }];
}

/** A series as Prometheus writes one in a matrix. */
function seriesJson({ labels, points }: Series, grid: TimeGrid, exemplars: readonly object[]) {
  return {
    metric: Object.fromEntries(labels.map(({ name, text }) => [name, text])),
    values: [...points].flatMap((point, interval) =>
      Number.isNaN(point) ? [] : [[unixSeconds(timeOfInterval(grid, interval)), valueText(point)]],
    ),
    ...(exemplars.length === 0 ? {} : { exemplars }),
  };
}

function unixSeconds(nanos: bigint): number {
  return Number(nanos) / 1e9;
}

/** A number as Prometheus writes it. */
function valueText(value: number): string {
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

const SERIES_FIELDS: readonly Field[] = [
  { name: 'metric', type: 'object' },
  { name: 'values', type: 'list' },
  { name: 'exemplars', type: 'list' },
];

/** Whether a program reads the answer as JSON, in which a series is one thing; tables have a row a point. */
function isForPrograms(context: CommandContext): boolean {
  return context.get(JSON_OUTPUT) === true || ['json', 'ndjson'].includes(context.get(FORMAT) ?? '');
}

function pointRecords(series: readonly Series[], grid: TimeGrid): Records {
  const names = [...new Set(series.flatMap(({ labels }) => labels.map(({ name }) => name)))];
  const rows = series.flatMap(({ labels, points }) => {
    const own = Object.fromEntries(labels.map(({ name, text }) => [name, text]));
    return [...points].flatMap((point, interval) =>
      Number.isNaN(point) ? [] : [{ timeUnixNano: timeOfInterval(grid, interval), ...own, value: point }],
    );
  });
  return {
    name: 'points',
    fields: [
      { name: 'timeUnixNano', type: 'time', title: 'time' },
      ...names.map((name): Field => ({ name, type: 'text', title: name })),
      { name: 'value', type: 'integer' },
    ],
    rows,
  };
}

function comparisonRecords(series: readonly Series[]): Records {
  return {
    name: 'values',
    fields: [
      { name: 'name', type: 'text', title: 'attribute' },
      { name: 'value', type: 'text' },
      { name: 'selectedCount', type: 'count', title: 'selected' },
      { name: 'selectedShare', type: 'share', title: 'share' },
      { name: 'baselineCount', type: 'count', title: 'baseline' },
      { name: 'baselineShare', type: 'share', title: 'share' },
    ],
    rows: comparedSides(series).values,
  };
}

function notesOf(query: MetricsQueryText, answer: Answer, times: StartTimes): string[] {
  const notes: string[] = [];
  if (answer.isEmpty) notes.push(`no span matches ${queryText({ text: printQuery(query) })}`);
  else if (!answer.shown.some(hasPoints)) notes.push(`no series is left by ${queryText({ text: printQuery(query) })}`);
  if (answer.hiddenCount > 0) {
    notes.push(
      `${formatCount(answer.hiddenCount)} more (--limit 0 shows all; | topk(10) keeps the highest at each time)`,
    );
  }
  if (times.timelessSpanCount > 0) {
    const are = times.timelessSpanCount === 1 ? 'is' : 'are';
    notes.push(`${plural(times.timelessSpanCount, 'span')} without a start time ${are} in no interval`);
  }
  return notes;
}
