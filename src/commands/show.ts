import { type TracePath, tracePath } from '../analysis/trace-path.ts';
import { type TraceRow, traceRows } from '../analysis/trace-rows.ts';
import { UserError } from '../errors.ts';
import { buildTrace, type Trace, type TraceNode } from '../model/trace.ts';
import { EVERYTHING } from '../query/flags.ts';
import type { Block, Report } from '../report/report.ts';
import type { Queryable } from '../store/queryable.ts';
import { readTrace } from '../store/read-trace.ts';
import { trustOf } from '../store/trust.ts';
import { flow } from '../terminal/flow.ts';
import { formatCount, formatDuration, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { drawWaterfall, type WaterfallHeading, type WaterfallRow } from '../terminal/waterfall.ts';
import { spanSections } from '../tui/span-picture.ts';
import { headingAbove, TracePicture } from '../tui/trace-picture.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { findOneTrace } from './find-trace.ts';
import { nameText } from './names.ts';
import {
  EXPLAIN,
  FILTER_OPTIONS,
  INPUT_OPTIONS,
  limitOption,
  MIN_DURATION,
  OUTPUT_OPTIONS,
  wholeNumber,
} from './options.ts';
import { searchQueryOf } from './query.ts';
import { spanFields, spanJson } from './span-json.ts';
import { traceHeading } from './trace-heading.ts';
import { trustBlocks } from './trust.ts';
import { browse, LISTED, requireTerminal } from './tui/browse.ts';

const SPAN: Option<string> = {
  flags: '--span <id>',
  description: 'show everything about one span: its id, or the beginning of it',
  group: 'Output',
  parse: text => text.toLowerCase(),
};
const DEPTH: Option<number> = {
  flags: '--depth <n>',
  description: 'levels to show below the root',
  group: 'Output',
  parse: wholeNumber('--depth'),
};
const UNFOLD: Option<boolean> = {
  flags: '--unfold',
  description: 'show every span of a run of alike siblings',
  group: 'Output',
};
const SHORTEST: Option<bigint> = {
  ...MIN_DURATION,
  description: 'leave out spans that take less, unless something below them does not or failed',
  group: 'Output',
};
const LIMIT = limitOption(300);
const INTERACTIVE: Option<boolean> = {
  flags: '-i, --interactive',
  description: 'show it on an interactive screen; ? shows the keys',
  group: 'Output',
};

export const command: Command = {
  usage: '[trace-id | query] [source...]',
  description:
    "Shows one trace as a waterfall: the tree of spans on the left, bars on one time axis on the right. Solid bars are time on the critical path that is the span's own. Runs of alike siblings are folded. The trace is named by its id or the beginning of it, or found by filters that only one trace passes.",
  examples: [
    ['tailspan show 4bf92f3577b3 traces.jsonl', 'one trace of a file'],
    ['tailspan show trace.json', 'the only trace of a file'],
    ['tailspan show 4bf92f3577b3 traces.jsonl --span 00f067aa', 'everything about one of its spans'],
    ['tailspan show 4bf92f3577b3 --json | jq .spans[].name', 'the tree for a script, from the default database'],
  ],
  options: [
    ...INPUT_OPTIONS,
    ...FILTER_OPTIONS.filter(option => option !== MIN_DURATION),
    SPAN,
    DEPTH,
    SHORTEST,
    UNFOLD,
    LIMIT,
    INTERACTIVE,
    EXPLAIN,
    ...OUTPUT_OPTIONS,
  ],

  async run(context) {
    const args = readArguments(context.args, true);
    const query = await searchQueryOf(context, args.query, { withDurations: false });
    const terminal = context.get(INTERACTIVE) === true ? await requireTerminal(context) : undefined;
    await using data = await openData(context, args.sources);
    await requireSpans(data, context);
    if (context.get(EXPLAIN) === true) {
      const { explainReport } = await import('./explain.ts');
      return await explainReport(context, data.database, query);
    }
    const traceId = await findOneTrace(data.database, args, query, context.screen);
    if (terminal !== undefined) {
      const order = { field: 'start', ascending: false } as const;
      const { sources } = args;
      return await browse(context, data, { terminal, sources, query: EVERYTHING, order, limit: LISTED, traceId });
    }
    const trace = buildTrace(await readTrace(data.database, traceId));
    const spanId = context.get(SPAN);
    return spanId === undefined
      ? await showTrace(context, data.database, trace)
      : showSpan(trace, findSpan(trace, spanId));
  },
};

async function showTrace(context: CommandContext, database: Queryable, trace: Trace): Promise<Report> {
  const path = tracePath(trace);
  const trust = await trustOf(database, `t.trace_id = ${BigInt(`0x${trace.traceId}`)}::UHUGEINT`);
  const spans = trace.nodes.map(node => nodeJson(node, path));
  const shown = traceRows(trace, {
    unfold: context.get(UNFOLD) === true,
    maxDepth: context.get(DEPTH),
    minDurationNano: context.get(SHORTEST) ?? 0n,
    limit: context.get(LIMIT) || undefined,
  });
  const notes: string[] = [];
  if (shown.raisedMinDurationNano !== undefined) {
    notes.push(
      `showing ${formatCount(shown.shownSpanCount)} of ${plural(trace.nodes.length, 'span')}: those of ${formatDuration(shown.raisedMinDurationNano)} and more, and errors (--limit 0 shows all)`,
    );
  }
  if (shown.cutRowCount > 0) notes.push(`${formatCount(shown.cutRowCount)} more rows (--limit 0 shows all)`);
  return {
    data: {
      traceId: trace.traceId,
      startTimeUnixNano: trace.startTimeUnixNano,
      durationNano: trace.durationNano,
      durationMs: Number(trace.durationNano) / 1e6,
      complete: trace.complete,
      spans,
      trust,
    },
    records: { name: 'spans', fields: spanFields(true), rows: spans },
    notes,
    blocks: screen => [
      ...traceHeading(trace, screen),
      {
        kind: 'lines',
        lines: [[], ...waterfall(trace, path, shown.rows, screen), []],
      },
      { kind: 'lines', lines: legend(shown.rows, screen) },
      ...trustBlocks(trust),
    ],
  };
}

function nodeJson(node: TraceNode, path: TracePath): object {
  return spanJson(node.span, {
    selfNano: node.selfNano,
    criticalPathNano: path.ownNano[node.index] ?? 0n,
    depth: node.depth,
    orphan: node.parentage === 'orphan',
  });
}

/** What the signs of the picture mean, as far as it has them. */
function legend(rows: readonly TraceRow[], screen: Screen): Line[] {
  const { onPath, solid, light, event, times } = glyphs(screen.unicode);
  const has = (is: (row: TraceRow) => boolean) => rows.some(is);
  const items = [
    `${onPath} on the critical path`,
    `${solid} own time on it`,
    `${light} waiting, or off it`,
    ...(has(row => row.kind === 'span' && row.node.span.events.length > 0) ? [`${event} event`] : []),
    ...(has(row => row.kind === 'run') ? [`${times}4 alike, in a row (--unfold)`] : []),
    'self: without child spans',
  ];
  return flow(
    items.map(text => [styled(text, 'dim')]),
    screen.width,
  );
}

/** The rows as a picture; parts that hang on a missing parent under a heading of their own. */
function waterfall(trace: Trace, path: TracePath, rows: readonly TraceRow[], screen: Screen): Line[] {
  const picture = new TracePicture(trace, path, screen);
  const drawn = rows.flatMap((row, index): (WaterfallRow | WaterfallHeading)[] => {
    const heading = headingAbove(row, rows[index - 1], trace);
    return heading === undefined ? [picture.rowOf(row)] : [{ heading }, picture.rowOf(row)];
  });
  return drawWaterfall(drawn, {
    width: screen.width,
    durationNano: trace.durationNano,
    glyphs: glyphs(screen.unicode),
    unicode: screen.unicode,
  });
}

function findSpan(trace: Trace, prefix: string): TraceNode {
  const found = trace.nodes.filter(
    ({ span }) => span.spanId.startsWith(prefix) || span.spanId.replace(/^0+/, '') === prefix,
  );
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  const nearest =
    found.length > 0 ? found : trace.nodes.filter(({ span }) => span.spanId.startsWith(prefix.slice(0, 2)));
  const list = nearest
    .slice(0, 5)
    .map(({ span }) => `  ${span.spanId}  ${nameText(span.serviceName)} ${nameText(span.name)}`)
    .join('\n');
  throw new UserError(
    found.length > 1
      ? `${prefix} is the beginning of ${formatCount(found.length)} span ids`
      : `the trace has no span ${prefix}`,
    {
      hint:
        list === ''
          ? `tailspan show ${trace.traceId} --json lists its spans`
          : `${found.length > 1 ? 'one of' : 'the nearest are'}:\n${list}`,
    },
  );
}

/** Everything about one span. */
function showSpan(trace: Trace, node: TraceNode): Report {
  const path = tracePath(trace);
  const row = nodeJson(node, path);
  return {
    data: { span: row },
    records: { name: 'spans', fields: spanFields(true), rows: [row] },
    blocks: screen => spanBlocks(trace, node, path, screen),
  };
}

function spanBlocks(trace: Trace, node: TraceNode, path: TracePath, screen: Screen): Block[] {
  return spanSections(trace, node, path, screen).flatMap(({ title, pairs }, index): Block[] => [
    index === 0 ? { kind: 'prose', text: title, indent: 2 } : { kind: 'heading', text: title },
    { kind: 'pairs', pairs },
  ]);
}
