import type { TracePath } from '../analysis/trace-path.ts';
import { type Attributes, displayValue } from '../model/attributes.ts';
import { endOf } from '../model/span.ts';
import type { Trace, TraceNode } from '../model/trace.ts';
import { formatCount, formatDuration, formatShare, formatTime } from '../terminal/format.ts';
import { nameText, serviceName } from '../terminal/names.ts';
import { sanitize, sanitizeLines } from '../terminal/sanitize.ts';
import { type Line, styled } from '../terminal/styled.ts';

// Everything about one span, in sections, for `show --span` and for the screen.

export interface SpanSection {
  readonly title: Line;
  readonly pairs: readonly (readonly [name: string, value: Line])[];
}

interface SpanScreen {
  readonly unicode: boolean;
  readonly utc: boolean;
}

/** Returns what is known of a span: first what it is, then its attributes, events, links, resource and scope. */
export function spanSections(trace: Trace, node: TraceNode, path: TracePath, screen: SpanScreen): SpanSection[] {
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
  const attributes = (title: string, of: Attributes): SpanSection[] =>
    Object.keys(of).length === 0 ? [] : [{ title: [styled(title, 'bold')], pairs: attributePairs(of, screen) }];
  return [
    {
      title: [serviceName(span.serviceName, screen), styled(` ${nameText(span.name, screen.unicode)}`, 'bold')],
      pairs: pairs.filter(([, line]) => line.some(segment => segment.text !== '')),
    },
    ...attributes('attributes', span.attributes),
    ...span.events.map(event => ({
      title: [styled(`event ${clean(event.name)}  +${duration(event.timeUnixNano - span.startTimeUnixNano)}`, 'bold')],
      pairs: attributePairs(event.attributes, screen),
    })),
    ...span.links.map(link => ({
      title: [styled(`link to span ${link.spanId} of trace ${link.traceId}`, 'bold')],
      pairs: attributePairs(link.attributes, screen),
    })),
    ...attributes('resource', span.resource),
    ...attributes('scope', span.scope.attributes),
  ];
}

/** Attributes by key; a value of several lines takes several. */
function attributePairs(attributes: Attributes, { unicode }: SpanScreen): [string, Line][] {
  return Object.entries(attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]) => {
      const [first = '', ...rest] = sanitizeLines(displayValue(value), unicode);
      const name = sanitize(key, unicode);
      return [[name, [styled(first)]], ...rest.map(line => ['', [styled(line)]])] as [string, Line][];
    });
}
