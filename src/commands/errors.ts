import { existsSync } from 'node:fs';
import { type ErrorGroup, groupErrors, OriginFinder } from '../analysis/errors.ts';
import { UserError } from '../errors.ts';
import { type Attributes, displayValue } from '../model/attributes.ts';
import { traceIdOf } from '../model/ids.ts';
import type { Block, Field, Report } from '../report/report.ts';
import { failureDetails } from '../store/error-details.ts';
import type { Queryable } from '../store/queryable.ts';
import { operationRates } from '../store/rates.ts';
import { readSpans } from '../store/read-trace.ts';
import { readOperations, scanTraces } from '../store/scan-traces.ts';
import { type Trust, trustOf } from '../store/trust.ts';
import { formatCount, formatShare, formatTime, plural } from '../terminal/format.ts';
import { glyphs, sparkline } from '../terminal/glyphs.ts';
import { pad } from '../terminal/measure.ts';
import { sanitize, sanitizeLines } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { nameText, serviceName, spanName } from './names.ts';
import { queryText } from './notes.ts';
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
import { timeRange } from './time-range.ts';
import { trustBlocks } from './trust.ts';

const LIMIT = limitOption(20);
const ORDERS = ['traces', 'spans', 'share', 'last', 'first', 'service'] as const;
const SORT = sortOption(ORDERS, 'traces');

const FIELDS: readonly Field[] = [
  { name: 'id', type: 'id' },
  { name: 'serviceName', type: 'text', title: 'service' },
  { name: 'name', type: 'text' },
  { name: 'errorType', type: 'text', title: 'type' },
  { name: 'message', type: 'text' },
  { name: 'traceCount', type: 'count', title: 'traces' },
  { name: 'spanCount', type: 'count', title: 'spans' },
  { name: 'share', type: 'share' },
  { name: 'firstSeenUnixNano', type: 'time', title: 'first seen' },
  { name: 'lastSeenUnixNano', type: 'time', title: 'last seen' },
  { name: 'exemplarTraceIds', type: 'list', title: 'exemplars', isExtra: true },
  { name: 'path', type: 'object', isExtra: true },
  { name: 'pathCount', type: 'count', isExtra: true },
  { name: 'entryPoints', type: 'object', isExtra: true },
  { name: 'swallowedCount', type: 'count', isExtra: true },
  { name: 'exemplar', type: 'object', isExtra: true },
];

export const command: Command = {
  usage: '[group] [query] [source...]',
  description:
    'Groups errors by where they began: a failed span whose failure came from no child it waited for. Failures above it are its echo and are not counted again. With the id of a group: the way from the entry point, who failed because of it, and a stack trace.',
  examples: [
    ['tailspan errors traces.jsonl', 'what fails, and where it begins'],
    ['tailspan errors traces.jsonl --service payment', 'only traces in which the payment service takes part'],
    ['tailspan errors d993a8a5 traces.jsonl', 'one group in full'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, LIMIT, SORT, EXIT_STATUS, EXPLAIN, ...OUTPUT_OPTIONS],

  async run(context) {
    const group = context.args.find(argument => /^[0-9a-f]{4,8}$/i.test(argument) && !existsSync(argument));
    const { sources, query: text } = readArguments(
      context.args.filter(argument => argument !== group),
      false,
    );
    const query = await searchQueryOf(context, text);
    const order = sortOf(context.get(SORT), ORDERS, 'traces', ['service']);
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    if (context.get(EXPLAIN) === true) {
      const { explainReport } = await import('./explain.ts');
      return await explainReport(context, data.database, query);
    }
    const selection = await select(data.database, query);
    const groups = await findGroups(data.database, selection);
    const trust = await trustOf(data.database, selection.traces('t'));
    if (group !== undefined) return await showGroup(data.database, oneGroup(groups, group.toLowerCase()), trust);
    return await listGroups(context, data.database, groups, selection, order, trust);
  },
};

async function findGroups(database: Queryable, selection: Selection): Promise<ErrorGroup[]> {
  const operations = await readOperations(database);
  const finder = new OriginFinder();
  const failing = `trace_id IN (SELECT trace_id FROM trace WHERE error_count > 0)`;
  const where = `${failing} AND ${selection.traces('span')}`;
  await scanTraces(database, operations, where, trace => finder.visit(trace));
  const details = await failureDetails(
    database,
    finder.origins.map(origin => origin.spanNo),
  );
  const counts = new Map<string, number>();
  for (const { serviceName, name, spanCount } of await operationRates(database, selection.traces('s'))) {
    const key = `${serviceName}\0${name}`;
    counts.set(key, (counts.get(key) ?? 0) + spanCount);
  }
  const nothing = {
    statusMessage: '',
    exceptionType: undefined,
    exceptionMessage: undefined,
    errorType: undefined,
    grpcStatus: undefined,
    httpStatus: undefined,
  };
  return groupErrors(
    finder,
    operations,
    spanNo => details.get(spanNo) ?? nothing,
    ({ serviceName, name }) => counts.get(`${serviceName}\0${name}`) ?? 0,
  );
}

function groupJson({ times, exemplarSpanNo, exemplarTraceIds, ...group }: ErrorGroup) {
  return { ...group, exemplarTraceIds: exemplarTraceIds.map(traceIdOf) };
}

async function listGroups(
  context: CommandContext,
  database: Queryable,
  groups: readonly ErrorGroup[],
  selection: Selection,
  order: { field: (typeof ORDERS)[number]; ascending: boolean },
  trust: Trust,
): Promise<Report> {
  const keyOf = (group: ErrorGroup) =>
    ({
      traces: group.traceCount,
      spans: group.spanCount,
      share: group.share,
      last: group.lastSeenUnixNano,
      first: group.firstSeenUnixNano,
      service: group.serviceName,
    })[order.field];
  const sign = order.ascending ? 1 : -1;
  const sorted = groups.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -sign : keyOf(a) > keyOf(b) ? sign : 0));
  const shown = sorted.slice(0, context.get(LIMIT) || undefined);
  const rows = shown.map(groupJson);
  const more = groups.length - shown.length;
  const notes = more > 0 ? [`${formatCount(more)} more (--limit 0 shows all)`] : [];
  if (groups.length === 0) {
    const { whyNothing } = await import('./clues.ts');
    notes.push(selection.isEverything ? 'no errors' : `no errors in traces that match ${queryText(selection)}`);
    notes.push(...(await whyNothing(database, selection, context.screen)));
  }
  return {
    data: { groups: rows, trust },
    records: { name: 'groups', fields: FIELDS, rows },
    isList: true,
    notes,
    blocks: screen => [...shown.flatMap((group, index) => groupBlocks(group, index, screen)), ...trustBlocks(trust)],
    ...(rows.length === 0 && context.get(EXIT_STATUS) === true ? { exitCode: 1 as const } : {}),
  };
}

/** A group in a list: what, where, how often, and how it reaches the entry point. */
function groupBlocks(group: ErrorGroup, index: number, screen: Screen): Block[] {
  const marks = glyphs(screen.unicode);
  const clean = (text: string) => sanitize(text, screen.unicode);
  const exemplar = group.exemplarTraceIds[0];
  const prose = (text: Line): Block => ({ kind: 'prose', text, indent: 4 });
  const counts = [
    plural(group.traceCount, 'trace'),
    plural(group.spanCount, 'span'),
    `${formatShare(group.share)} of its calls`,
    timeRange(group.firstSeenUnixNano, group.lastSeenUnixNano, screen, 0),
  ];
  return [
    ...(index === 0 ? [] : [{ kind: 'lines', lines: [[]] } as const]),
    prose([
      styled(`${marks.error} `, 'error'),
      serviceName(group.serviceName, screen),
      styled(` ${nameText(group.name, screen.unicode)}  `, 'bold'),
      styled(clean(group.errorType), 'error'),
    ]),
    ...(group.message === '' ? [] : [prose([styled(`  ${clean(group.message)}`)])]),
    prose([styled(`  ${counts.join(` ${marks.dot} `)}`, 'dim')]),
    ...(group.path.length > 1 ? [prose(pathLine(group, screen))] : []),
    prose([
      styled(`  group ${group.id}${exemplar === undefined ? '' : ` ${marks.dot} trace ${traceIdOf(exemplar)}`}`, 'dim'),
    ]),
  ];
}

/** From the entry point down: `frontend POST /cart ✖ → checkout place order ✖ → payment charge ✖`. */
function pathLine(group: ErrorGroup, screen: Screen): Line {
  const marks = glyphs(screen.unicode);
  return [
    styled('  '),
    ...group.path.flatMap((step, index) => [
      ...(index === 0 ? [] : [styled(` ${marks.arrow} `, 'dim')]),
      serviceName(step.serviceName, screen),
      styled(` ${nameText(step.name, screen.unicode)}`, 'dim'),
      ...(step.failed ? [styled(` ${marks.error}`, 'error')] : []),
    ]),
  ];
}

function oneGroup(groups: readonly ErrorGroup[], prefix: string): ErrorGroup {
  const found = groups.filter(group => group.id.startsWith(prefix));
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  const list = groups.slice(0, 5).map(group => `  ${group.id}  ${nameText(group.serviceName)} ${nameText(group.name)}`);
  throw new UserError(
    found.length === 0 ? `there is no group ${prefix}` : `${prefix} is the beginning of several groups`,
    {
      hint: groups.length === 0 ? 'the data has no errors' : `tailspan errors lists them:\n${list.join('\n')}`,
    },
  );
}

const BUCKETS = 40;

async function showGroup(database: Queryable, group: ErrorGroup, trust: Trust): Promise<Report> {
  const [span] = await readSpans(database, `span_no = ${group.exemplarSpanNo}`);
  const exception = span?.events.findLast(
    event => event.name === 'exception' || 'exception.stacktrace' in event.attributes,
  );
  const text = (attributes: Attributes | undefined, key: string) => {
    const value = attributes?.[key];
    return value === undefined ? undefined : displayValue(value);
  };
  const stack = text(exception?.attributes, 'exception.stacktrace') ?? text(exception?.attributes, 'stack');
  const message = text(exception?.attributes, 'exception.message') ?? span?.status.message;
  const row = {
    ...groupJson(group),
    exemplar: { traceId: span?.traceId, spanId: span?.spanId, message, stacktrace: stack },
  };
  return {
    data: { groups: [row], trust },
    records: { name: 'groups', fields: FIELDS, rows: [row] },
    blocks: screen => {
      const marks = glyphs(screen.unicode);
      const title = (part: string): Block => ({ kind: 'heading', text: [styled(part, 'bold')] });
      const blocks: Block[] = [
        ...groupBlocks({ ...group, path: [] }, 0, screen),
        ...(group.firstSeenUnixNano === group.lastSeenUnixNano
          ? []
          : [
              title('over time'),
              { kind: 'lines', lines: [[styled(timeline(group, screen))], timelineAxis(group, screen)] } as const,
            ]),
        title(
          `from the entry point${group.pathCount > 1 ? ` (the most frequent of ${formatCount(group.pathCount)} ways)` : ''}`,
        ),
        {
          kind: 'lines',
          lines: group.path.map((step, index) => [
            styled(index === 0 ? '' : `${'   '.repeat(index - 1)}${marks.lastBranch}`, 'dim'),
            ...spanName(step, screen),
            ...(step.failed ? [styled(` ${marks.error}`, 'error')] : [styled('  did not fail', 'dim')]),
          ]),
        },
      ];
      if (group.entryPoints.length > 0) {
        blocks.push(title('failed because of it'), {
          kind: 'lines',
          lines: group.entryPoints
            .slice(0, 10)
            .map(entry => [...spanName(entry, screen), styled(`  ${plural(entry.traceCount, 'trace')}`, 'dim')]),
        });
      }
      if (group.swallowedCount > 0) {
        blocks.push({
          kind: 'lines',
          lines: [
            [],
            [styled(`swallowed ${plural(group.swallowedCount, 'time')}: a caller that waited did not fail`, 'warning')],
          ],
        });
      }
      blocks.push(title('traces, latest first'), {
        kind: 'lines',
        lines: group.exemplarTraceIds.map(id => [styled(traceIdOf(id))]),
      });
      if (message !== undefined && message !== '') {
        blocks.push(title('message of the latest'), ...linesOf(message, screen));
      }
      if (stack !== undefined) blocks.push(title('stack trace of the latest'), ...linesOf(stack, screen));
      return [...blocks, ...trustBlocks(trust)];
    },
  };
}

/** Text of several lines, none of them cut. */
function linesOf(text: string, screen: Screen): Block[] {
  return sanitizeLines(text, screen.unicode).map(line => ({ kind: 'prose', text: [styled(line)], indent: 6 }));
}

function timeline(group: ErrorGroup, screen: Screen): string {
  const counts = new Array<number>(BUCKETS).fill(0);
  const width = (group.lastSeenUnixNano - group.firstSeenUnixNano) / BigInt(BUCKETS) + 1n;
  for (const time of group.times) {
    const bucket = Number((time - group.firstSeenUnixNano) / width);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return sparkline(counts, glyphs(screen.unicode));
}

/** The first and the last time, below the ends of the timeline. */
function timelineAxis({ firstSeenUnixNano, lastSeenUnixNano }: ErrorGroup, screen: Screen): Line {
  const time = (nanos: bigint, date: boolean) => formatTime(nanos, { utc: screen.utc, digits: 0, date });
  const isOneDay = time(firstSeenUnixNano, true).slice(0, 10) === time(lastSeenUnixNano, true).slice(0, 10);
  const first = time(firstSeenUnixNano, !isOneDay);
  return [styled(`${first}${pad(time(lastSeenUnixNano, !isOneDay), BUCKETS - first.length, 'right')}`, 'dim')];
}
