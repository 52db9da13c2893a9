import { existsSync } from 'node:fs';
import { type ErrorGroup, groupErrors, OriginFinder } from '../analysis/errors.ts';
import { UserError } from '../errors.ts';
import { type Attributes, displayValue } from '../model/attributes.ts';
import { traceIdOf } from '../model/ids.ts';
import { describeFilter, type Filter } from '../query/filter.ts';
import { tracePredicate } from '../query/to-sql.ts';
import type { Block, Field, Report } from '../report/report.ts';
import type { Database } from '../store/database.ts';
import { failureDetails } from '../store/error-details.ts';
import { operationRates } from '../store/rates.ts';
import { readSpans } from '../store/read-trace.ts';
import { readOperations, scanTraces } from '../store/scan-traces.ts';
import { type Trust, trustOf } from '../store/trust.ts';
import { formatCount, formatShare, formatTime, plural } from '../terminal/format.ts';
import { glyphs, sparkline } from '../terminal/glyphs.ts';
import { sanitize, sanitizeLines } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext } from './command.ts';
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
  usage: '[group] [source...]',
  description:
    'Groups errors by where they began: a failed span whose failure came from no child it waited for. Failures above it are its echo and are not counted again. With the id of a group: the way from the entry point, who failed because of it, and a stack trace.',
  examples: [
    ['tailspan errors traces.jsonl', 'what fails, and where it begins'],
    ['tailspan errors traces.jsonl --service payment', 'only traces in which the payment service takes part'],
    ['tailspan errors 1f2e3d4c traces.jsonl', 'one group in full'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, LIMIT, SORT, EXIT_STATUS, ...OUTPUT_OPTIONS],

  async run(context) {
    const [first = '', ...rest] = context.args;
    const group = /^[0-9a-f]{4,8}$/i.test(first) && !existsSync(first) ? first.toLowerCase() : undefined;
    const { sources } = readArguments(group === undefined ? context.args : rest, false);
    const filter = filterOf(context);
    const order = sortOf(context.get(SORT), ORDERS, 'traces', ['service']);
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    const groups = await findGroups(data.database, filter);
    const trust = await trustOf(data.database, tracePredicate(filter, 't.trace_id'));
    if (group !== undefined) return await showGroup(data.database, oneGroup(groups, group), trust);
    return listGroups(context, groups, filter, order, trust);
  },
};

async function findGroups(database: Database, filter: Filter): Promise<ErrorGroup[]> {
  const operations = await readOperations(database);
  const finder = new OriginFinder();
  const failing = `trace_id IN (SELECT trace_id FROM trace WHERE error_count > 0)`;
  const where = `${failing} AND ${tracePredicate(filter, 'trace_id')}`;
  await scanTraces(database, operations, where, trace => finder.visit(trace));
  const details = await failureDetails(
    database,
    finder.origins.map(origin => origin.spanNo),
  );
  const counts = new Map<string, number>();
  for (const { serviceName, name, spanCount } of await operationRates(database, tracePredicate(filter, 's.trace_id'))) {
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

function listGroups(
  context: CommandContext,
  groups: readonly ErrorGroup[],
  filter: Filter,
  order: { field: (typeof ORDERS)[number]; ascending: boolean },
  trust: Trust,
): Report {
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
  if (groups.length === 0) notes.push(`no errors in traces that match ${describeFilter(filter)}`);
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
    whenSeen(group, screen),
  ];
  return [
    ...(index === 0 ? [] : [{ kind: 'lines', lines: [[]] } as const]),
    prose([
      styled(`${marks.error} `, 'error'),
      styled(clean(group.serviceName), `service:${group.serviceName}`),
      styled(` ${clean(group.name)}  `, 'bold'),
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

function whenSeen(group: ErrorGroup, screen: Screen): string {
  const time = (nanos: bigint, date: boolean) => formatTime(nanos, { utc: screen.utc, digits: 0, date });
  const first = time(group.firstSeenUnixNano, true);
  if (group.firstSeenUnixNano === group.lastSeenUnixNano) return first;
  const isOneDay = first.slice(0, 10) === time(group.lastSeenUnixNano, true).slice(0, 10);
  return `${first} to ${time(group.lastSeenUnixNano, !isOneDay)}`;
}

/** From the entry point down: `frontend POST /cart ✖ → checkout place order ✖ → payment charge ✖`. */
function pathLine(group: ErrorGroup, screen: Screen): Line {
  const marks = glyphs(screen.unicode);
  return [
    styled('  '),
    ...group.path.flatMap((step, index) => [
      ...(index === 0 ? [] : [styled(` ${marks.arrow} `, 'dim')]),
      styled(sanitize(step.serviceName, screen.unicode), `service:${step.serviceName}`),
      styled(` ${sanitize(step.name, screen.unicode)}`, 'dim'),
      ...(step.failed ? [styled(` ${marks.error}`, 'error')] : []),
    ]),
  ];
}

function oneGroup(groups: readonly ErrorGroup[], prefix: string): ErrorGroup {
  const found = groups.filter(group => group.id.startsWith(prefix));
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  const list = groups.slice(0, 5).map(group => `  ${group.id}  ${sanitize(group.serviceName)} ${sanitize(group.name)}`);
  throw new UserError(
    found.length === 0 ? `there is no group ${prefix}` : `${prefix} is the beginning of several groups`,
    {
      hint: groups.length === 0 ? 'the data has no errors' : `tailspan errors lists them:\n${list.join('\n')}`,
    },
  );
}

const BUCKETS = 40;

async function showGroup(database: Database, group: ErrorGroup, trust: Trust): Promise<Report> {
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
      const clean = (part: string) => sanitize(part, screen.unicode);
      const title = (part: string): Block => ({ kind: 'heading', text: [styled(part, 'bold')] });
      const blocks: Block[] = [
        ...groupBlocks({ ...group, path: [] }, 0, screen),
        title('over time'),
        { kind: 'lines', lines: [[styled(timeline(group, screen))], [styled(whenSeen(group, screen), 'dim')]] },
        title(
          `from the entry point${group.pathCount > 1 ? ` (the most frequent of ${formatCount(group.pathCount)} ways)` : ''}`,
        ),
        {
          kind: 'lines',
          lines: group.path.map((step, index) => [
            styled(index === 0 ? '' : `${'   '.repeat(index - 1)}${marks.lastBranch}`, 'dim'),
            styled(clean(step.serviceName), `service:${step.serviceName}`),
            styled(` ${clean(step.name)}`),
            ...(step.failed ? [styled(` ${marks.error}`, 'error')] : [styled('  did not fail', 'dim')]),
          ]),
        },
      ];
      if (group.entryPoints.length > 0) {
        blocks.push(title('failed because of it'), {
          kind: 'lines',
          lines: group.entryPoints
            .slice(0, 10)
            .map(entry => [
              styled(clean(entry.serviceName), `service:${entry.serviceName}`),
              styled(` ${clean(entry.name)}  `),
              styled(plural(entry.traceCount, 'trace'), 'dim'),
            ]),
        });
      }
      if (group.swallowedCount > 0) {
        blocks.push({
          kind: 'lines',
          lines: [
            [],
            [styled(`swallowed ${plural(group.swallowedCount, 'time')}: the entry point did not fail`, 'warning')],
          ],
        });
      }
      blocks.push(title('traces, latest first'), {
        kind: 'lines',
        lines: group.exemplarTraceIds.map(id => [styled(traceIdOf(id))]),
      });
      if (message !== undefined && message !== '') {
        blocks.push(title('message of the latest'), { kind: 'lines', lines: linesOf(message, screen) });
      }
      if (stack !== undefined)
        blocks.push(title('stack trace of the latest'), { kind: 'lines', lines: linesOf(stack, screen) });
      return [...blocks, ...trustBlocks(trust)];
    },
  };
}

function linesOf(text: string, screen: Screen): Line[] {
  return sanitizeLines(text, screen.unicode).map(line => [styled(line)]);
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
