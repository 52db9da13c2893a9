import type { AttributeValue } from '../../model/attributes.ts';
import { SPAN_KINDS, type SpanKind, STATUS_CODES, type StatusCode } from '../../model/status.ts';
import { ConsoleSpans, withoutColours } from '../console-lines.ts';
import type { SpanDraft } from '../drafts/span-draft.ts';
import { readRfc3339 } from '../drafts/times.ts';
import type { DecodeContext, LineDecoder, TextFormat } from '../format.ts';
import { nanosOfDateTimeOffset, nanosOfTimeSpan } from './times.ts';

// What the console exporter of OpenTelemetry .NET prints: a block of lines for each Activity, with a blank line behind it, among whatever
// else the program prints. Values are text of unknown type, and may go on over many lines.
// https://github.com/open-telemetry/opentelemetry-dotnet/blob/main/src/OpenTelemetry.Exporter.Console/ConsoleActivityExporter.cs
// Activity.TraceId:            a1fbefbeffb0c1d2e3f405162738495a
// Activity.SpanId:             fbefbe0000000002
// Activity.TraceFlags:         Recorded
// Activity.ParentSpanId:       fbefbe0000000001
// Activity.DisplayName:        GET /
// Activity.Kind:               Server
// Activity.StartTime:          2026-11-02T08:00:00.1234567Z
// Activity.Duration:           00:00:00.0999999
// Activity.Tags:
//     http.request.method: GET
// StatusCode: Error
// Activity.StatusDescription:  boom
// Activity.Events:
//     exception [11/2/2026 8:00:00 AM +00:00]
//         exception.type: System.TimeoutException
// Activity.Links:
//     b2fbefbeffb0c1d2e3f405162738495b fbefbe0000000004
//         reason: retry
// Instrumentation scope (ActivitySource):
//     Name: Shop
//     Version: 1.0
// Resource associated with Activity:
//     service.name: shop

export const dotnetConsole: TextFormat = {
  name: 'dotnet-console',
  title: 'OpenTelemetry .NET console output',
  family: 'text',
  recognised: 'lines such as `Activity.TraceId: …` and `Activity.Duration: …`',
  sniff(lines) {
    const printed = lines.map(withoutColours);
    return printed.some(line => BLOCK_START.test(line)) && printed.some(line => line.startsWith('Activity.Duration:'));
  },
  open: context => new ActivityDecoder(context),
};

const BLOCK_START = /^Activity\.(?:TraceId|Id): +\S/;
const FIELD = /^Activity\.(\w+):(?: +(.*))?$/;
const STATUS = /^(?: {4})?(?:StatusCode|Activity\.(StatusDescription)): *(.*)$/;
const SECTIONS: Readonly<Record<string, Section>> = {
  'Activity.Tags:': 'tags',
  'Activity.TagObjects:': 'tags',
  'Activity.Events:': 'events',
  'Activity.Links:': 'links',
  'Activity.Baggage:': 'baggage',
  'Instrumentation scope (ActivitySource):': 'scope',
  'Resource associated with Activity:': 'resource',
};
const ENTRY = /^ {4}(\S.*?):(?: (.*))?$/;
const INNER_ENTRY = /^ {8}(\S.*?):(?: (.*))?$/;
const EVENT = /^ {4}(\S.*)? \[([^\]]*)\]$/;
const LINK = /^ {4}([0-9a-f]{32}) ([0-9a-f]{16})$/i;
/** A line of ASP.NET Core's logger; the message stands in the next line, indented. */
const LOGGER_LINE = /^(?:trce|dbug|info|warn|fail|crit): /;

/** Sections behind which others come. */
const MIDDLE_SECTIONS: readonly Section[] = ['tags', 'events', 'links', 'baggage'];

type Section = 'tags' | 'events' | 'links' | 'baggage' | 'scope' | 'resource';

interface ActivityEvent {
  readonly name: string;
  readonly time: string;
  readonly attributes: Map<string, AttributeValue>;
}

interface ActivityLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Map<string, AttributeValue>;
}

/** A block of lines as far as it was read. */
class Activity {
  readonly offset: number;
  readonly fields = new Map<string, AttributeValue>();
  readonly tags = new Map<string, AttributeValue>();
  readonly events: ActivityEvent[] = [];
  readonly links: ActivityLink[] = [];
  readonly scope = new Map<string, AttributeValue>();
  readonly scopeTags = new Map<string, AttributeValue>();
  readonly resource = new Map<string, AttributeValue>();
  status: string | undefined;
  section: Section | undefined;
  /** The value read last, which may go on in the next line. */
  last: { readonly map: Map<string, AttributeValue>; readonly key: string } | undefined;
  /** Characters that are held. */
  size = 0;
  /** Blank lines that were read: the end, unless the block goes on behind them. */
  blanks = 0;

  constructor(offset: number) {
    this.offset = offset;
  }

  /** Says whether more lines must come: those of scope and resource always stand behind values that may hold blank lines. */
  get hasMore(): boolean {
    return this.last !== undefined && this.section !== undefined && MIDDLE_SECTIONS.includes(this.section);
  }

  /** Takes a line; returns false where it is no part of the block. */
  take(line: string): boolean {
    const status = STATUS.exec(line);
    // Older versions print the status behind the tags as if it were one of them.
    if (status !== null && (!line.startsWith(' ') || this.section === 'tags')) {
      if (status[1] === undefined) this.status = status[2] ?? '';
      else this.#set(this.fields, 'StatusDescription', status[2]);
      return true;
    }
    const section = SECTIONS[line];
    if (section !== undefined) {
      this.section = section;
      this.last = undefined;
      return true;
    }
    const field = FIELD.exec(line);
    if (field !== null) {
      this.section = undefined;
      this.#set(this.fields, field[1] ?? '', field[2]);
      return true;
    }
    return this.section !== undefined && this.#takeEntry(this.section, line);
  }

  /** Takes a line that goes on with the value before it; returns false where there is none. */
  goOn(line: string): boolean {
    if (this.last === undefined) return false;
    const { map, key } = this.last;
    map.set(key, `${map.get(key) ?? ''}\n${line}`);
    return true;
  }

  #set(map: Map<string, AttributeValue>, key: string, value = ''): void {
    map.set(key, value);
    this.last = { map, key };
  }

  #takeEntry(section: Section, line: string): boolean {
    const inner = INNER_ENTRY.exec(line);
    if (inner !== null) {
      const items = section === 'events' ? this.events : section === 'links' ? this.links : [];
      const attributes = section === 'scope' ? this.scopeTags : items.at(-1)?.attributes;
      if (attributes === undefined) return false;
      this.#set(attributes, inner[1] ?? '', inner[2]);
      return true;
    }
    if (section === 'events') {
      const event = EVENT.exec(line);
      if (event === null) return false;
      this.events.push({ name: event[1] ?? '', time: event[2] ?? '', attributes: new Map() });
      this.last = undefined;
      return true;
    }
    if (section === 'links') {
      const link = LINK.exec(line);
      if (link === null) return false;
      this.links.push({ traceId: link[1] ?? '', spanId: link[2] ?? '', attributes: new Map() });
      this.last = undefined;
      return true;
    }
    const entry = ENTRY.exec(line);
    if (entry === null) return false;
    const map = { resource: this.resource, scope: this.scope, tags: this.tags, baggage: this.tags }[section];
    this.#set(map, `${section === 'baggage' ? 'Activity.Baggage.' : ''}${entry[1]}`, entry[2]);
    return true;
  }
}

class ActivityDecoder implements LineDecoder {
  readonly #spans: ConsoleSpans;
  readonly #limit: number;
  #activity: Activity | undefined;
  /** The line before was one of ASP.NET Core's logger. */
  #isBehindLogger = false;

  constructor(context: DecodeContext) {
    this.#spans = new ConsoleSpans(context);
    this.#limit = context.limits.recordBytes;
  }

  begin(): void {
    this.#activity = undefined;
    this.#isBehindLogger = false;
  }

  end(isLastLineOpen: boolean): void {
    const activity = this.#activity;
    if (activity === undefined) {
      if (isLastLineOpen) this.#spans.truncatedLine('Activity.TraceId:');
      return;
    }
    // The resource comes last; the blank line behind it is easily lost when text is copied. A line of spaces may have been cut.
    const isEnded = activity.blanks > (isLastLineOpen ? 1 : 0) && !activity.hasMore;
    const isWhole = isEnded || (activity.resource.size > 0 && !isLastLineOpen);
    if (isWhole) this.#finish(activity);
    else this.#spans.truncated(activity.offset);
    this.#activity = undefined;
  }

  line(printed: string, offset: number): void {
    const line = withoutColours(printed).trimEnd();
    const isLogged = LOGGER_LINE.test(line) || (this.#isBehindLogger && line.startsWith('      '));
    this.#isBehindLogger = isLogged;
    if (isLogged) {
      this.#spans.logLine(offset, line);
      return;
    }
    const before = this.#activity;
    if (BLOCK_START.test(line)) {
      if (before !== undefined) this.#finish(before);
      this.#activity = new Activity(offset);
    }
    const activity = this.#activity;
    if (activity === undefined) this.#spans.logLine(offset, line);
    else this.#takeInto(activity, line, offset);
  }

  #takeInto(activity: Activity, line: string, offset: number): void {
    activity.size += line.length + 1;
    if (activity.size > this.#limit) {
      this.#spans.skip('record-too-large', activity.offset, `over ${this.#limit} bytes`);
      this.#activity = undefined;
    } else if (line === '') activity.blanks++;
    else if (activity.blanks === 0) {
      if (!activity.take(line) && !activity.goOn(line)) this.#spans.logLine(offset, line);
    } else if (activity.hasMore && (activity.take(line) || activity.goOn(`${'\n'.repeat(activity.blanks)}${line}`))) {
      // The blank lines were those of a value.
      activity.blanks = 0;
    } else {
      this.#finish(activity);
      this.#activity = undefined;
      this.#spans.logLine(offset, line);
    }
  }

  #finish(activity: Activity): void {
    this.#spans.emit(activity.offset, () => draftOf(activity, this.#spans.repair));
  }
}

/** Fields that are read; others become attributes under their own name. */
const KNOWN_FIELDS = [
  'TraceId',
  'SpanId',
  'Id',
  'ParentSpanId',
  'ParentId',
  'TraceFlags',
  'TraceState',
  'TraceStateString',
  'ActivitySourceName',
  'ActivitySourceVersion',
  'DisplayName',
  'Kind',
  'StartTime',
  'Duration',
  'StatusDescription',
];

function draftOf(activity: Activity, repair: ConsoleSpans['repair']): SpanDraft {
  const field = (name: string) => textOf(activity.fields.get(name));
  const own = contextOf(field('Id'));
  const parent = contextOf(field('ParentId'));
  const attributes = new Map(activity.tags);
  for (const [name, value] of activity.fields) {
    if (!KNOWN_FIELDS.includes(name)) attributes.set(`Activity.${name}`, value);
  }
  // The first versions of .NET had a status only in these tags.
  const tagged = textOf(attributes.get('otel.status_code'));
  const described = textOf(attributes.get('otel.status_description'));
  attributes.delete('otel.status_code');
  attributes.delete('otel.status_description');
  const start = readRfc3339(field('StartTime'), repair);
  const duration = nanosOfTimeSpan(field('Duration') ?? '');
  if (duration === undefined) repair('invalid-time', `${field('Duration') ?? 'nothing'} for a duration`);
  const end = start === undefined || duration === undefined ? undefined : start + duration;
  return {
    traceId: field('TraceId') ?? own?.traceId,
    spanId: field('SpanId') ?? own?.spanId,
    parentSpanId: field('ParentSpanId') ?? parent?.spanId ?? field('ParentId'),
    traceState: field('TraceState') ?? field('TraceStateString'),
    flags: /\bRecorded\b/.test(field('TraceFlags') ?? '') || own?.isRecorded === true ? 1 : 0,
    name: field('DisplayName'),
    kind: kindOf(field('Kind')),
    startTimeUnixNano: start,
    durationNano: duration,
    status: { code: statusOf(activity.status ?? tagged), message: field('StatusDescription') ?? described },
    attributes,
    resource: activity.resource,
    scope: {
      name: textOf(activity.scope.get('Name')) ?? field('ActivitySourceName') ?? '',
      version: textOf(activity.scope.get('Version')) ?? field('ActivitySourceVersion'),
      attributes: activity.scopeTags,
    },
    events: activity.events.map(event => {
      const time = nanosOfDateTimeOffset(event.time, start, end);
      if (time === undefined) repair('invalid-time', `${event.time} for a time`);
      return { name: event.name, timeUnixNano: time, attributes: event.attributes };
    }),
    links: activity.links,
  };
}

function textOf(value: AttributeValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The parts of an id in the form of a traceparent header, which the first versions print. */
function contextOf(id = ''): { traceId: string; spanId: string; isRecorded: boolean } | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/i.exec(id);
  if (match === null) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = match;
  return { traceId, spanId, isRecorded: (Number.parseInt(flags, 16) & 1) === 1 };
}

function kindOf(text = ''): SpanKind | undefined {
  return SPAN_KINDS.find(kind => kind === text.toLowerCase());
}

function statusOf(text = ''): StatusCode {
  return STATUS_CODES.find(code => code === text.toLowerCase()) ?? 'unset';
}
