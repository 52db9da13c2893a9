import type { PathOptions } from '../analysis/critical-path.ts';
import { PathPopulation } from '../analysis/population-path.ts';
import { tracePath } from '../analysis/trace-path.ts';
import { traceIdOf } from '../model/ids.ts';
import { buildTrace } from '../model/trace.ts';
import type { Block, Field, Report } from '../report/report.ts';
import type { Queryable } from '../store/queryable.ts';
import { readTrace } from '../store/read-trace.ts';
import { readOperations, scanTraces } from '../store/scan-traces.ts';
import { trustOf } from '../store/trust.ts';
import { formatCount, formatDuration, formatShare, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { findOneTrace } from './find-trace.ts';
import { nameText, serviceName } from './names.ts';
import { listNotes } from './notes.ts';
import {
  EXIT_STATUS,
  EXPLAIN,
  FILTER_OPTIONS,
  INPUT_OPTIONS,
  limitOption,
  OUTPUT_OPTIONS,
  oneOf,
  sortOf,
  sortOption,
} from './options.ts';
import { searchQueryOf } from './query.ts';
import { type Selection, select } from './selection.ts';
import { traceIdColumn } from './short-ids.ts';
import { traceHeading } from './trace-heading.ts';
import { trustBlocks } from './trust.ts';

const POLICY: Option<string> = {
  flags: '--policy <policy>',
  description: 'what may be on the path: a child that has ended (end), or also one that still runs (overlap)',
  group: 'Other',
  choices: ['end', 'overlap'],
  default: 'end',
  parse: oneOf('--policy', ['end', 'overlap']),
};
const ASYNC: Option<string> = {
  flags: '--async <how>',
  description: 'whether work that nothing waits for may be on the path',
  group: 'Other',
  choices: ['exclude', 'include'],
  default: 'exclude',
  parse: oneOf('--async', ['exclude', 'include']),
};
const LIMIT: Option<number> = {
  ...limitOption(30),
  description: 'rows to show, 0 for all; of one trace, the longest sections in a table',
};
const ORDERS = ['self', 'drag', 'traces', 'p95', 'service', 'name'] as const;
const SORT = sortOption(ORDERS, 'self');

const SECTION_FIELDS: readonly Field[] = [
  { name: 'startTimeUnixNano', type: 'time', title: 'start' },
  { name: 'durationNano', type: 'duration', title: 'time' },
  { name: 'share', type: 'share' },
  { name: 'serviceName', type: 'text', title: 'service' },
  { name: 'name', type: 'text' },
  { name: 'spanId', type: 'id', title: 'span' },
  { name: 'endTimeUnixNano', type: 'time', title: 'end', isExtra: true },
];
const ROW_FIELDS: readonly Field[] = [
  { name: 'serviceName', type: 'text', title: 'service' },
  { name: 'name', type: 'text' },
  { name: 'selfNano', type: 'duration', title: 'on path' },
  { name: 'share', type: 'share' },
  { name: 'traceCount', type: 'count', title: 'traces' },
  { name: 'p50Nano', type: 'duration', title: 'p50' },
  { name: 'p95Nano', type: 'duration', title: 'p95' },
  { name: 'p99Nano', type: 'duration', title: 'p99' },
  { name: 'dragNano', type: 'duration', title: 'drag' },
  { name: 'exemplarTraceId', type: 'id', title: 'exemplar' },
];

export const command: Command = {
  usage: '[trace-id | query] [source...]',
  description:
    'Shows the chain of work that determined how long a trace took. With a trace id: its sections in order. Without: for all matching traces, how much time each operation has on their critical paths, and by how much they would shorten if it took none (drag).',
  examples: [
    ['tailspan critical-path traces.jsonl', 'what all traces of a file spend their time on'],
    ['tailspan critical-path traces.jsonl --name "POST /checkout"', 'only traces with such a span'],
    ['tailspan critical-path 4bf92f3577b3 traces.jsonl', 'one trace, section by section'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, POLICY, ASYNC, LIMIT, SORT, EXIT_STATUS, EXPLAIN, ...OUTPUT_OPTIONS],

  async run(context) {
    const args = readArguments(context.args, true);
    const query = await searchQueryOf(context, args.query);
    const options: PathOptions = {
      policy: context.get(POLICY) === 'overlap' ? 'overlap' : 'end',
      async: context.get(ASYNC) === 'include' ? 'include' : 'exclude',
    };
    const order = sortOf(context.get(SORT), ORDERS, 'self', ['service', 'name']);
    await using data = await openData(context, args.sources);
    await requireSpans(data, context);
    if (context.get(EXPLAIN) === true) {
      const { explainReport } = await import('./explain.ts');
      return await explainReport(context, data.database, query);
    }
    if (args.trace === undefined) {
      return await pathOfMany(context, data.database, await select(data.database, query), options, order);
    }
    return await pathOfOne(
      context,
      data.database,
      await findOneTrace(data.database, args, query, context.screen),
      options,
    );
  },
};

async function pathOfOne(
  context: CommandContext,
  database: Queryable,
  traceId: string,
  options: PathOptions,
): Promise<Report> {
  const trace = buildTrace(await readTrace(database, traceId));
  const path = tracePath(trace, options);
  const total = path.root?.span.durationNano ?? 0n;
  const rows = path.sections.map(({ node, startTimeUnixNano, endTimeUnixNano }) => ({
    spanId: node.span.spanId,
    serviceName: node.span.serviceName,
    name: node.span.name,
    startTimeUnixNano,
    endTimeUnixNano,
    durationNano: endTimeUnixNano - startTimeUnixNano,
    share: total === 0n ? 0 : Number(endTimeUnixNano - startTimeUnixNano) / Number(total),
  }));
  const trust = await trustOf(database, `t.trace_id = ${BigInt(`0x${traceId}`)}::UHUGEINT`);
  const others = trace.tops.filter(top => top !== path.root).length;
  const limit = context.get(LIMIT) || undefined;
  const offPath = [
    ...(others > 0 ? [`${plural(others, 'part')} of the trace not connected to its root`] : []),
    ...(path.asyncCount > 0 ? [`${plural(path.asyncCount, 'span')} that nothing waits for (--async include)`] : []),
    ...(path.outsideCount > 0 ? [`${plural(path.outsideCount, 'span')} wholly outside their parent`] : []),
  ].map(text => `off the path: ${text}`);
  return {
    data: {
      traceId,
      rootSpanId: path.root?.span.spanId,
      durationNano: total,
      durationMs: Number(total) / 1e6,
      sections: rows,
      trust,
    },
    records: { name: 'sections', fields: SECTION_FIELDS, rows },
    blocks: screen => [
      ...traceHeading(trace, screen),
      { kind: 'lines', lines: [[]] },
      sectionTable(foldSections(rows, limit), path.root?.span.startTimeUnixNano ?? 0n, screen),
      { kind: 'lines', lines: [[]] },
      ...[`${plural(rows.length, 'section')}, ${formatDuration(total, screen.unicode)} in all`, ...offPath].map(
        (text): Block => ({ kind: 'prose', text: [styled(text, 'dim')], indent: 2 }),
      ),
      ...trustBlocks(trust),
    ],
    notes: context.get(EXIT_STATUS) === true && rows.length === 0 ? ['the trace takes no time'] : [],
  };
}

interface SectionRow {
  readonly serviceName: string;
  readonly name: string;
  readonly startTimeUnixNano: bigint;
  readonly durationNano: bigint;
  readonly share: number;
}

/** Sections one after the other that are too short to be listed. */
interface FoldedSections {
  readonly count: number;
  readonly startTimeUnixNano: bigint;
  readonly durationNano: bigint;
  readonly share: number;
}

/** Keeps the longest sections where they stand, and puts what is between them together, unless it is one alone. */
function foldSections(rows: readonly SectionRow[], limit: number | undefined): (SectionRow | FoldedSections)[] {
  if (limit === undefined || rows.length <= limit) return [...rows];
  const longest = [...rows.keys()].sort((a, b) => compare(rows[b]?.durationNano, rows[a]?.durationNano) || a - b);
  const kept = new Set(longest.slice(0, limit));
  const groups: SectionRow[][] = [];
  for (const [index, row] of rows.entries()) {
    const last = groups.at(-1);
    if (kept.has(index) || last === undefined || kept.has(index - 1)) groups.push([row]);
    else last.push(row);
  }
  return groups.flatMap((group): (SectionRow | FoldedSections)[] => {
    const [first] = group;
    if (first === undefined || group.length === 1) return group;
    return [
      {
        count: group.length,
        startTimeUnixNano: first.startTimeUnixNano,
        durationNano: group.reduce((sum, row) => sum + row.durationNano, 0n),
        share: group.reduce((sum, row) => sum + row.share, 0),
      },
    ];
  });
}

function compare(a = 0n, b = 0n): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sectionTable(rows: readonly (SectionRow | FoldedSections)[], start: bigint, screen: Screen): Block {
  const { solid, ellipsis } = glyphs(screen.unicode);
  const most = Math.max(...rows.map(row => row.share), 0);
  const bar = (share: number) => solid.repeat(most === 0 ? 0 : Math.round((share / most) * 16));
  return {
    kind: 'table',
    columns: [
      { title: 'AT', align: 'right' },
      { title: 'TIME', align: 'right' },
      { title: 'SHARE', align: 'right' },
      { title: '', expendable: 1 },
      { title: 'SERVICE', least: 12 },
      { title: 'SPAN', least: 16 },
    ],
    rows: rows.map(row => {
      const measures: Line[] = [
        [styled(`+${formatDuration(row.startTimeUnixNano - start, screen.unicode)}`, 'dim')],
        [styled(formatDuration(row.durationNano, screen.unicode))],
        [styled(formatShare(row.share))],
      ];
      if ('count' in row) {
        const text = `${ellipsis} ${plural(row.count, 'shorter section')}`;
        return [...measures, [styled(bar(row.share), 'dim')], [], [styled(text, 'dim')]];
      }
      return [
        ...measures,
        [styled(bar(row.share), `service:${row.serviceName}`)],
        [serviceName(row.serviceName, screen)],
        [styled(nameText(row.name, screen.unicode))],
      ];
    }),
  };
}

async function pathOfMany(
  context: CommandContext,
  database: Queryable,
  selection: Selection,
  options: PathOptions,
  order: { field: (typeof ORDERS)[number]; ascending: boolean },
): Promise<Report> {
  const operations = await readOperations(database);
  const population = new PathPopulation(operations, options);
  await scanTraces(database, operations, selection.traces('span'), trace => population.visit(trace));
  const keyOf = (row: (typeof all)[number]) =>
    ({
      self: row.selfNano,
      drag: row.dragNano,
      traces: row.traceCount,
      p95: row.p95Nano,
      service: row.serviceName,
      name: row.name,
    })[order.field];
  const all = population.rows().map(row => ({ ...row, exemplarTraceId: traceIdOf(row.exemplarTraceId) }));
  const sign = order.ascending ? 1 : -1;
  all.sort((a, b) => (keyOf(a) < keyOf(b) ? -sign : keyOf(a) > keyOf(b) ? sign : 0));
  const rows = all.slice(0, context.get(LIMIT) || undefined);
  const trust = await trustOf(database, selection.traces('t'));
  return {
    data: { traceCount: population.traceCount, totalNano: BigInt(population.totalNano), rows, trust },
    records: { name: 'rows', fields: ROW_FIELDS, rows },
    isList: true,
    blocks: screen => {
      if (rows.length === 0) return [];
      return [
        {
          kind: 'lines',
          lines: [
            [
              styled('critical path', 'bold'),
              styled(
                ` of ${plural(population.traceCount, 'trace')}, ${formatDuration(BigInt(population.totalNano), screen.unicode)} in all`,
              ),
            ],
            [],
          ],
        },
        pathTable(rows, screen),
        ...trustBlocks(trust),
      ];
    },
    notes: await listNotes(context, database, selection, { noun: 'trace', shown: rows.length, all: all.length }),
    ...(rows.length === 0 && context.get(EXIT_STATUS) === true ? { exitCode: 1 as const } : {}),
  };
}

interface PopulationRow {
  readonly serviceName: string;
  readonly name: string;
  readonly selfNano: bigint;
  readonly share: number;
  readonly traceCount: number;
  readonly p50Nano: bigint;
  readonly p95Nano: bigint;
  readonly p99Nano: bigint;
  readonly dragNano: bigint;
  readonly exemplarTraceId: string;
}

function pathTable(rows: readonly PopulationRow[], screen: Screen): Block {
  const duration = (nanos: bigint) => [styled(formatDuration(nanos, screen.unicode))];
  return {
    kind: 'table',
    columns: [
      { title: 'SERVICE', least: 12 },
      { title: 'OPERATION', least: 20 },
      { title: 'ON PATH', align: 'right' },
      { title: 'SHARE', align: 'right' },
      { title: 'TRACES', align: 'right', expendable: 1 },
      { title: 'P50', align: 'right', expendable: 3 },
      { title: 'P95', align: 'right', expendable: 2 },
      { title: 'P99', align: 'right', expendable: 5 },
      { title: 'DRAG', align: 'right' },
      {
        ...traceIdColumn(
          rows.map(row => row.exemplarTraceId),
          'SLOWEST',
        ),
        expendable: 4,
      },
    ],
    rows: rows.map(row => [
      [serviceName(row.serviceName, screen)],
      [styled(nameText(row.name, screen.unicode))],
      duration(row.selfNano),
      [styled(formatShare(row.share), 'bold')],
      [styled(formatCount(row.traceCount))],
      duration(row.p50Nano),
      duration(row.p95Nano),
      duration(row.p99Nano),
      duration(row.dragNano),
      [styled(row.exemplarTraceId, 'dim')],
    ]),
  };
}
