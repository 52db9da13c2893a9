import { errorTypeOf } from '../analysis/errors.ts';
import { type TracePath, tracePath } from '../analysis/trace-path.ts';
import { type SpanRow, type TraceRow, traceRows } from '../analysis/trace-rows.ts';
import { UserError } from '../errors.ts';
import { type Attributes, displayValue } from '../model/attributes.ts';
import { failureOf } from '../model/failure.ts';
import { endOf, type Span } from '../model/span.ts';
import { buildTrace, type Trace, type TraceNode } from '../model/trace.ts';
import type { Block, Report } from '../report/report.ts';
import type { Database } from '../store/database.ts';
import { readTrace } from '../store/read-trace.ts';
import { trustOf } from '../store/trust.ts';
import { flow } from '../terminal/flow.ts';
import { formatCount, formatDuration, formatShare, formatTime, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { sanitize, sanitizeLines } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import {
  drawWaterfall,
  MAX_GUIDES,
  type Stretch,
  type WaterfallHeading,
  type WaterfallRow,
} from '../terminal/waterfall.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { findOneTrace } from './find-trace.ts';
import { nameText, serviceName, spanName } from './names.ts';
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
    EXPLAIN,
    ...OUTPUT_OPTIONS,
  ],

  async run(context) {
    const args = readArguments(context.args, true);
    const query = await searchQueryOf(context, args.query, { withDurations: false });
    await using data = await openData(context, args.sources);
    await requireSpans(data, context);
    if (context.get(EXPLAIN) === true) {
      const { explainReport } = await import('./explain.ts');
      return await explainReport(context, data.database, query);
    }
    const traceId = await findOneTrace(data.database, args, query, context.screen);
    const trace = buildTrace(await readTrace(data.database, traceId));
    const spanId = context.get(SPAN);
    return spanId === undefined
      ? await showTrace(context, data.database, trace)
      : showSpan(trace, findSpan(trace, spanId));
  },
};

async function showTrace(context: CommandContext, database: Database, trace: Trace): Promise<Report> {
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
  const sectionsOf = Map.groupBy(path.sections, section => section.node);
  const drawn: (WaterfallRow | WaterfallHeading)[] = [];
  let heading: TraceNode['parentage'] | undefined;
  for (const row of rows) {
    const top = row.level === 0 && row.kind === 'span' ? row.node.parentage : undefined;
    if (top !== undefined && top !== 'root' && top !== heading) {
      heading = top;
      const count = trace.tops.filter(node => node.parentage === top).length;
      drawn.push({ heading: [styled(headingOf(top, count), 'warning')] });
    }
    drawn.push(drawRow(row, trace, path, sectionsOf, screen));
  }
  return drawWaterfall(drawn, {
    width: screen.width,
    durationNano: trace.durationNano,
    glyphs: glyphs(screen.unicode),
    unicode: screen.unicode,
  });
}

function headingOf(parentage: TraceNode['parentage'], count: number): string {
  return parentage === 'orphan'
    ? `orphans: ${plural(count, 'span')} whose parent is not in the data`
    : `cut: ${plural(count, 'cycle')} of parents`;
}

type Sections = ReadonlyMap<TraceNode, TracePath['sections']>;

function drawRow(row: TraceRow, trace: Trace, path: TracePath, sectionsOf: Sections, screen: Screen): WaterfallRow {
  const placed = { ...guidesOf(row), style: 'dim' as const, bars: [], path: [], isOnPath: false, ticks: [] };
  const { times, ellipsis } = glyphs(screen.unicode);
  const stretch = (from: bigint, to: bigint): Stretch => ({
    from: Number(from - trace.startTimeUnixNano),
    to: Number(to - trace.startTimeUnixNano),
  });
  switch (row.kind) {
    case 'hidden': {
      const text = `${ellipsis} ${plural(row.spanCount, 'shorter span')}`;
      return { ...placed, label: [styled(text, 'dim')], durationNano: row.durationNano, selfNano: undefined };
    }
    case 'run': {
      const [first] = row.nodes;
      const sections = row.nodes.flatMap(node => sectionsOf.get(node) ?? []);
      const below = row.below > 0 ? [styled(` +${formatCount(row.below)} below`, 'dim')] : [];
      return {
        ...placed,
        style: `service:${first?.span.serviceName ?? ''}`,
        label: [styled(`${times}${formatCount(row.nodes.length)} `, 'bold'), ...nameOf(first, row, screen), ...below],
        bars: row.nodes.map(({ span }) => stretch(span.startTimeUnixNano, endOf(span))),
        path: sections.map(section => stretch(section.startTimeUnixNano, section.endTimeUnixNano)),
        isOnPath: sections.length > 0,
        durationNano: row.nodes.reduce((sum, { span }) => sum + span.durationNano, 0n),
        selfNano: row.nodes.reduce((sum, node) => sum + node.selfNano, 0n),
      };
    }
    case 'span': {
      const { node } = row;
      const { span } = node;
      const sections = sectionsOf.get(node) ?? [];
      const isFailed = span.status.code === 'error';
      const message =
        isFailed && !node.children.some(child => child.span.status.code === 'error')
          ? errorLine(span, screen)
          : undefined;
      const mark = isFailed ? [styled(`${glyphs(screen.unicode).error} `, 'error')] : [];
      const deeper = row.deeper > 0 ? [styled(` +${formatCount(row.deeper)} below`, 'dim')] : [];
      const aside = node.isAsync ? { aside: [styled(' (async)', 'dim')] } : {};
      return {
        ...placed,
        style: `service:${span.serviceName}`,
        label: [...mark, ...nameOf(node, row, screen), ...deeper],
        ...aside,
        bars: [stretch(span.startTimeUnixNano, endOf(span))],
        path: sections.map(section => stretch(section.startTimeUnixNano, section.endTimeUnixNano)),
        isOnPath: (path.ownNano[node.index] ?? 0n) > 0n,
        ticks: span.events.map(event => ({
          at: Number(event.timeUnixNano - trace.startTimeUnixNano),
          isError: event.name === 'exception',
        })),
        durationNano: span.durationNano,
        selfNano: node.selfNano,
        ...(message === undefined ? {} : { message }),
      };
    }
  }
}

/** The service where it is not the parent's, and the name. */
function nameOf(node: TraceNode | undefined, row: TraceRow, screen: Screen): Line {
  if (node === undefined) return [];
  const { serviceName: service, name } = node.span;
  const isSame = row.parent?.node.span.serviceName === service;
  return isSame ? [styled(nameText(name, screen.unicode))] : spanName(node.span, screen);
}

function guidesOf(row: TraceRow): { guides: boolean[]; skippedLevels: number } {
  const guides: boolean[] = [];
  if (row.level > 0) guides.push(!row.isLast);
  let above: SpanRow | undefined = row.parent;
  while (above !== undefined && above.level > 0 && guides.length < MAX_GUIDES) {
    guides.unshift(!above.isLast);
    above = above.parent;
  }
  return { guides, skippedLevels: row.level - guides.length };
}

/** What a failed span says of its failure, on one line. */
function errorLine(span: Span, screen: Screen): Line | undefined {
  const failure = failureOf(span);
  const type = errorTypeOf(failure);
  const message = failure.exceptionMessage ?? failure.statusMessage;
  const said = [type === 'error' && message !== '' ? '' : type, message].filter(part => part !== '').join(': ');
  return [styled(sanitize(said, screen.unicode), 'error')];
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
  const { span } = node;
  const clean = (text: string) => sanitize(text, screen.unicode);
  const duration = (nanos: bigint) => formatDuration(nanos, screen.unicode);
  const time = (nanos: bigint) =>
    formatTime(nanos, { utc: screen.utc, digits: 9, date: true }) + (screen.utc ? ' UTC' : '');
  const own = path.ownNano[node.index] ?? 0n;
  const share = trace.durationNano === 0n ? 0 : Number(span.durationNano) / Number(trace.durationNano);
  const parent = node.parent?.span;
  const pairs: [string, Line][] = [
    ['trace', [styled(span.traceId)]],
    ['span', [styled(span.spanId)]],
    [
      'parent',
      [
        styled(
          parent !== undefined
            ? `${parent.spanId}  ${nameText(parent.serviceName, screen.unicode)} ${nameText(parent.name, screen.unicode)}`
            : (span.parentSpanId ?? 'none: it is a root'),
        ),
        ...(node.parentage === 'orphan' ? [styled('  not in the data', 'warning')] : []),
      ],
    ],
    ['service', [serviceName(span.serviceName, screen)]],
    ['kind', [styled(span.kind)]],
    [
      'start',
      [
        styled(
          `${time(span.startTimeUnixNano)}  +${duration(span.startTimeUnixNano - trace.startTimeUnixNano)} into the trace`,
        ),
      ],
    ],
    ['end', [styled(time(endOf(span)))]],
    ['duration', [styled(`${duration(span.durationNano)}  ${formatShare(share)} of the trace`)]],
    ['self', [styled(`${duration(node.selfNano)}  without child spans; ${duration(own)} of it on the critical path`)]],
    [
      'status',
      [
        styled(span.status.code, ...(span.status.code === 'error' ? (['error'] as const) : [])),
        styled(span.status.message === '' ? '' : `  ${clean(span.status.message)}`),
      ],
    ],
    ['scope', [styled(clean([span.scope.name, span.scope.version].filter(part => part !== '').join(' ')))]],
  ];
  if (span.traceState !== undefined) pairs.push(['tracestate', [styled(clean(span.traceState))]]);
  for (const [name, count] of [
    ['dropped attributes', span.droppedAttributesCount],
    ['dropped events', span.droppedEventsCount],
    ['dropped links', span.droppedLinksCount],
  ] as const) {
    if (count > 0) pairs.push([name, [styled(formatCount(count), 'warning')]]);
  }
  const title = (text: string): Block => ({ kind: 'heading', text: [styled(text, 'bold')] });
  const blocks: Block[] = [
    {
      kind: 'prose',
      text: [serviceName(span.serviceName, screen), styled(` ${nameText(span.name, screen.unicode)}`, 'bold')],
      indent: 2,
    },
    { kind: 'pairs', pairs: pairs.filter(([, line]) => line.some(segment => segment.text !== '')) },
  ];
  const attributes = (name: string, of: Attributes) => {
    if (Object.keys(of).length > 0) blocks.push(title(name), { kind: 'pairs', pairs: attributePairs(of, screen) });
  };
  attributes('attributes', span.attributes);
  for (const event of span.events) {
    const after = `+${duration(event.timeUnixNano - span.startTimeUnixNano)}`;
    blocks.push(title(`event ${clean(event.name)}  ${after}`));
    blocks.push({ kind: 'pairs', pairs: attributePairs(event.attributes, screen) });
  }
  for (const link of span.links) {
    blocks.push(title(`link to span ${link.spanId} of trace ${link.traceId}`));
    blocks.push({ kind: 'pairs', pairs: attributePairs(link.attributes, screen) });
  }
  attributes('resource', span.resource);
  attributes('scope', span.scope.attributes);
  return blocks;
}

/** Attributes by key; a value of several lines takes several. */
function attributePairs(attributes: Attributes, screen: Screen): [string, Line][] {
  return Object.entries(attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]) => {
      const [first = '', ...rest] = sanitizeLines(displayValue(value), screen.unicode);
      const name = sanitize(key, screen.unicode);
      return [[name, [styled(first)]], ...rest.map(line => ['', [styled(line)]])] as [string, Line][];
    });
}
