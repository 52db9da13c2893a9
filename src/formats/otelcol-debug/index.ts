import type { AttributeValue } from '../../model/attributes.ts';
import { SPAN_KINDS, type SpanKind, STATUS_CODES, type StatusCode } from '../../model/status.ts';
import { ConsoleSpans, fieldOf, withoutColours } from '../console-lines.ts';
import { carried } from '../drafts/carried.ts';
import { attributeOf, parseJson } from '../drafts/record.ts';
import type { EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import { readRfc3339 } from '../drafts/times.ts';
import type { DecodeContext, LineDecoder, TextFormat } from '../format.ts';
import type { Reason } from '../reasons.ts';

// What the OpenTelemetry Collector's debug exporter (formerly: logging exporter) prints with `verbosity: detailed`, behind the prefix of
// its logger or in the message of a JSON log line. Values may go on over many lines.
// https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/internal/otlptext
// 2026-11-02T08:00:00.000Z  info  ResourceSpans #0
// Resource SchemaURL:
// Resource attributes:
//      -> service.name: Str(shop)
// ScopeSpans #0
// ScopeSpans SchemaURL:
// InstrumentationScope http 1.2.3
// Span #0
//     Trace ID       : a1fbefbeffb0c1d2e3f405162738495a
//     Parent ID      :
//     ID             : fbefbe0000000001
//     Name           : GET /
//     Kind           : Server
//     Start time     : 2026-11-02 08:00:00.123456789 +0000 UTC
//     End time       : 2026-11-02 08:00:00.22345678 +0000 UTC
//     Status code    : Error
//     Status message : boom
// Attributes:
//      -> http.response.status_code: Int(500)
// Events:
// SpanEvent #0
//      -> Name: exception
//      -> Timestamp: 2026-11-02 08:00:00.193456789 +0000 UTC
//      -> DroppedAttributesCount: 0
//      -> Attributes::
//           -> exception.type: Str(Timeout)
//         {"otelcol.component.id": "debug", …}

export const otelcolDebug: TextFormat = {
  name: 'otelcol-debug',
  title: 'OpenTelemetry Collector debug output',
  family: 'text',
  recognised: 'lines such as `ResourceSpans #0`',
  sniff: lines => lines.some((line, index) => isBlock(line, lines[index + 1] ?? '')),
  open: context => new DebugDecoder(context),
};

/** The prefix of the Collector's logger: time, level, and perhaps the place in its source. */
const LOGGER_PREFIX = /^\d{4}-\d\d-\d\d[T ]\S+[\t ]+[A-Za-z]+[\t ]+/;
/** What the logger puts behind a message: a line of its own. */
const LOGGER_FIELDS = /^\s+\{"(?:kind|resource|otelcol\.|component|data_type|name)[^"]*": .*\}$/;
const HEADER = /^(?:.*[\t ])?Resource(Spans|Logs?|Metrics|Profiles) #\d+$/;
const MESSAGE_FIELDS = ['msg', 'message', 'M', 'body'];
const SPAN_FIELD =
  /^ {4}(Trace ID|Parent ID|ID|Name|Kind|TraceState|Start time|End time|Status code|Status message|Dropped(?:Attributes|Events|Links)Count) *:(?: (.*))?$/;
const ITEM_FIELD = /^ {5}-> (Name|Timestamp|Trace ID|ID|TraceState|DroppedAttributesCount):(?: (.*))?$/;
const ITEM_ATTRIBUTES = /^ {5}-> Attributes::?$/;
const ATTRIBUTE = /^ {5,10}-> (.*?): ([A-Za-z]+)\((.*)$/;

const SIGNALS: Readonly<Record<string, Reason>> = {
  Log: 'otlp-logs',
  Logs: 'otlp-logs',
  Metrics: 'otlp-metrics',
  Profiles: 'otlp-profiles',
};

/** Returns the signal whose block begins with this line; undefined where none does. */
function headerOf(line: string): string | undefined {
  const signal = HEADER.exec(line)?.[1];
  // Behind other text the words mean nothing.
  return signal !== undefined && (line.startsWith('Resource') || LOGGER_PREFIX.test(line)) ? signal : undefined;
}

/** Says whether a line is a JSON log line whose message is a block; looks at no other line closely. */
function isJsonBlock(line: string): boolean {
  return line.startsWith('{') && /Resource(?:Spans|Logs?|Metrics|Profiles) #0\\n/.test(line);
}

/** Says whether a block begins with a line. Of signals without spans the next line must say that the output is detailed. */
function isBlock(line: string, next: string): boolean {
  const printed = withoutColours(line);
  const signal = headerOf(printed);
  if (signal !== undefined)
    return signal === 'Spans' || /^Resource (?:SchemaURL|attributes|labels):/.test(withoutColours(next));
  return isJsonBlock(printed) && /#0\\nResource |ResourceSpans/.test(printed);
}

/** An attribute whose value may go on in the next line. */
interface OpenValue {
  readonly attributes: Map<string, AttributeValue>;
  readonly key: string;
  readonly type: string;
  text: string;
}

/** An event or a link. */
interface Item {
  readonly fields: Map<string, string>;
  readonly attributes: Map<string, AttributeValue>;
}

interface Scope {
  name: string;
  version: string;
  readonly attributes: Map<string, AttributeValue>;
}

interface DebugSpan {
  readonly offset: number;
  readonly fields: Map<string, string>;
  readonly attributes: Map<string, AttributeValue>;
  readonly events: Item[];
  readonly links: Item[];
  readonly resource: Map<string, AttributeValue>;
  readonly scope: Scope;
}

class DebugDecoder implements LineDecoder {
  readonly #spans: ConsoleSpans;
  readonly #limit: number;
  /** What the lines in hand are of; undefined between blocks. */
  #block: 'spans' | 'other' | undefined;
  #resource = new Map<string, AttributeValue>();
  #scope: Scope = { name: '', version: '', attributes: new Map() };
  #span: DebugSpan | undefined;
  #item: Item | undefined;
  /** Where attributes belong that come now; undefined where they are not read. */
  #attributes: Map<string, AttributeValue> | undefined;
  #value: OpenValue | undefined;
  /** The field read last, which may go on in the next line. */
  #field: { readonly fields: Map<string, string>; readonly name: string } | undefined;
  /** Characters that are held: of the block's resource, then of its span in hand. */
  #size = 0;
  /** A span was given up: its lines are passed over. */
  #isGivenUp = false;
  #blockOffset = 0;
  /** Where a JSON log line with a block begins that could not be read. */
  #brokenOffset: number | undefined;

  constructor(context: DecodeContext) {
    this.#spans = new ConsoleSpans(context);
    this.#limit = context.limits.recordBytes;
  }

  begin(): void {
    this.#block = undefined;
    this.#span = undefined;
    this.#brokenOffset = undefined;
    this.#forgetBlock();
  }

  end(isLastLineOpen: boolean): void {
    const span = this.#span;
    // Nothing stands behind the last span; that it is whole shows in the line that every span has last of all.
    const isCut = isLastLineOpen || (span !== undefined && !span.fields.has('Status message'));
    if (isCut && this.#brokenOffset !== undefined) {
      this.#spans.truncated(this.#brokenOffset);
      this.#brokenOffset = undefined;
    } else if (isCut && this.#block === 'spans') {
      this.#spans.truncated(span?.offset ?? this.#blockOffset);
      this.#span = undefined;
    } else if (isLastLineOpen && this.#block === undefined) this.#spans.truncatedLine('ResourceSpans #');
    this.#reportBroken();
    this.#endBlock();
  }

  line(printed: string, offset: number): void {
    this.#reportBroken();
    const text = withoutColours(printed);
    const isBlock = isJsonBlock(text);
    const message = isBlock ? fieldOf(text, ...MESSAGE_FIELDS) : undefined;
    if (message === undefined) {
      if (isBlock) this.#brokenOffset = offset;
      else this.#take(text, offset);
    } else {
      this.#endBlock();
      for (const line of message.replace(/\n$/, '').split('\n')) this.#take(line, offset);
      this.#endBlock();
    }
  }

  #reportBroken(): void {
    const offset = this.#brokenOffset;
    if (offset !== undefined) this.#spans.skip('malformed-text', offset, 'a JSON log line that holds no message');
    this.#brokenOffset = undefined;
  }

  #take(line: string, offset: number): void {
    const signal = headerOf(line);
    if (signal !== undefined) {
      this.#endBlock();
      this.#block = signal === 'Spans' ? 'spans' : 'other';
      this.#blockOffset = offset;
      const reason = SIGNALS[signal];
      if (reason !== undefined) this.#spans.skip(reason, offset, line.trim().slice(0, 60));
    } else if (LOGGER_PREFIX.test(line) || LOGGER_FIELDS.test(line)) {
      if (this.#block === undefined || LOGGER_PREFIX.test(line)) this.#spans.logLine(offset, line);
      this.#endBlock();
    } else if (this.#block === undefined) this.#spans.logLine(offset, line);
    else if (this.#block === 'spans' && !this.#takeStructure(line, offset)) this.#goOn(line, offset);
  }

  /** Takes a line that begins or fills a part of a block; returns false where it is none. */
  #takeStructure(line: string, offset: number): boolean {
    // The first exporters wrote maps over many lines that look like attributes.
    const { type = '', text = '' } = this.#value ?? {};
    if (type === 'MAP' && text.startsWith('{') && !text.endsWith('})')) return false;
    if (/^Span #\d+$/.test(line)) this.#beginSpan(offset);
    else if (/^(?:ScopeSpans|InstrumentationLibrarySpans) #\d+$/.test(line)) {
      this.#endSpan();
      this.#isGivenUp = false;
      this.#scope = { name: '', version: '', attributes: new Map() };
      this.#attributes = undefined;
    } else if (this.#isGivenUp) return true;
    else if (/^(?:Resource|ScopeSpans) SchemaURL:/.test(line)) this.#attributes = undefined;
    else if (/^Resource (?:attributes|labels):$/.test(line)) this.#attributes = this.#resource;
    else if (/^InstrumentationScope attributes:$/.test(line)) this.#attributes = this.#scope.attributes;
    else if (this.#span === undefined && /^Instrumentation(?:Scope|Library)(?: |$)/.test(line)) this.#readScope(line);
    else if (this.#span === undefined && /^(?:Entities:|Entity Ref #\d+)$/.test(line)) this.#attributes = undefined;
    else if (this.#span !== undefined && this.#takeSpanPart(this.#span, line)) return true;
    else return this.#takeAttribute(line);
    this.#closeValue();
    return true;
  }

  #takeSpanPart(span: DebugSpan, line: string): boolean {
    const field = this.#item === undefined && this.#attributes === undefined ? SPAN_FIELD.exec(line) : null;
    if (field !== null) {
      this.#setField(span.fields, field[1] ?? '', field[2] ?? '', line);
      return true;
    }
    const item = this.#item === undefined ? null : ITEM_FIELD.exec(line);
    if (item !== null && this.#item !== undefined) {
      this.#setField(this.#item.fields, item[1] ?? '', item[2] ?? '', line);
      return true;
    }
    if (/^Attributes:$/.test(line)) {
      this.#item = undefined;
      this.#attributes = span.attributes;
    } else if (/^(?:Events|Links):$/.test(line)) this.#attributes = undefined;
    else if (/^Span(?:Event|Link) #\d+$/.test(line)) {
      if (!this.#isRoomFor(line)) return true;
      this.#item = { fields: new Map(), attributes: new Map() };
      this.#attributes = undefined;
      (line.startsWith('SpanEvent') ? span.events : span.links).push(this.#item);
    } else if (this.#item !== undefined && ITEM_ATTRIBUTES.test(line)) this.#attributes = this.#item.attributes;
    else return false;
    this.#closeValue();
    return true;
  }

  #setField(fields: Map<string, string>, name: string, text: string, line: string): void {
    this.#closeValue();
    if (!this.#isRoomFor(line)) return;
    fields.set(name, text);
    this.#field = { fields, name };
  }

  #takeAttribute(line: string): boolean {
    const match = ATTRIBUTE.exec(line);
    if (match === null) return this.#attributes === undefined && /^ {5,10}-> /.test(line);
    this.#closeValue();
    const [, key = '', type = '', text = ''] = match;
    if (this.#attributes !== undefined && this.#isRoomFor(line)) {
      this.#value = { attributes: this.#attributes, key, type, text };
    }
    return true;
  }

  /** Takes a line that goes on with the value or the field before it. */
  #goOn(line: string, offset: number): void {
    if (this.#value !== undefined) {
      if (this.#isRoomFor(line)) this.#value.text += `\n${line}`;
    } else if (this.#field !== undefined) {
      const { fields, name } = this.#field;
      if (this.#isRoomFor(line)) fields.set(name, `${fields.get(name) ?? ''}\n${line}`);
    } else this.#spans.logLine(offset, line);
  }

  /** Counts the characters that are held; past the limit the span or the resource in hand is given up. */
  #isRoomFor(line: string): boolean {
    this.#size += line.length + 1;
    if (this.#size <= this.#limit) return true;
    this.#spans.skip('record-too-large', this.#span?.offset ?? this.#blockOffset, `over ${this.#limit} bytes`);
    this.#span = undefined;
    this.#item = undefined;
    this.#attributes = undefined;
    this.#value = undefined;
    this.#field = undefined;
    this.#isGivenUp = true;
    return false;
  }

  #readScope(line: string): void {
    const [, name = '', version = ''] = /^\w+ (.*?)(?: (\S*))?$/.exec(line) ?? [];
    Object.assign(this.#scope, { name, version });
    this.#attributes = undefined;
  }

  #beginSpan(offset: number): void {
    this.#endSpan();
    this.#size = 0;
    this.#isGivenUp = false;
    this.#item = undefined;
    this.#attributes = undefined;
    this.#span = {
      offset,
      fields: new Map(),
      attributes: new Map(),
      events: [],
      links: [],
      resource: this.#resource,
      scope: this.#scope,
    };
  }

  #closeValue(): void {
    const value = this.#value;
    this.#value = undefined;
    this.#field = undefined;
    if (value === undefined) return;
    // The bracket that closes it is the last one; what may follow are blank lines.
    const text = value.text.replace(/\)\s*$/, '');
    value.attributes.set(value.key, typedValue(value.type, text));
  }

  #endSpan(): void {
    this.#closeValue();
    const span = this.#span;
    this.#span = undefined;
    if (span !== undefined) this.#spans.emit(span.offset, () => draftOf(span, this.#spans.repair));
  }

  #endBlock(): void {
    this.#endSpan();
    this.#block = undefined;
    this.#forgetBlock();
  }

  #forgetBlock(): void {
    this.#resource = new Map();
    this.#scope = { name: '', version: '', attributes: new Map() };
    this.#item = undefined;
    this.#attributes = undefined;
    this.#value = undefined;
    this.#field = undefined;
    this.#size = 0;
    this.#isGivenUp = false;
  }
}

function draftOf(span: DebugSpan, repair: ConsoleSpans['repair']): SpanDraft {
  const { fields, scope } = span;
  return {
    traceId: fields.get('Trace ID'),
    spanId: fields.get('ID'),
    parentSpanId: fields.get('Parent ID'),
    traceState: fields.get('TraceState'),
    name: fields.get('Name'),
    kind: kindOf(fields.get('Kind')),
    startTimeUnixNano: readRfc3339(fields.get('Start time'), repair),
    endTimeUnixNano: readRfc3339(fields.get('End time'), repair),
    status: { code: statusOf(fields.get('Status code')), message: fields.get('Status message') },
    attributes: span.attributes,
    resource: span.resource,
    scope: { name: scope.name, version: scope.version, attributes: scope.attributes },
    events: span.events.map(
      (event): EventDraft => ({
        name: event.fields.get('Name') ?? '',
        timeUnixNano: readRfc3339(event.fields.get('Timestamp'), repair),
        attributes: carried(event.attributes, { droppedAttributesCount: countOf(event.fields) }),
      }),
    ),
    links: span.links.map(
      (link): LinkDraft => ({
        traceId: link.fields.get('Trace ID'),
        spanId: link.fields.get('ID'),
        attributes: carried(link.attributes, {
          traceState: link.fields.get('TraceState'),
          droppedAttributesCount: countOf(link.fields),
        }),
      }),
    ),
    droppedAttributesCount: Number(countOf(fields)),
    droppedEventsCount: Number(countOf(fields, 'DroppedEventsCount')),
    droppedLinksCount: Number(countOf(fields, 'DroppedLinksCount')),
  };
}

function countOf(fields: ReadonlyMap<string, string>, name = 'DroppedAttributesCount'): bigint {
  const text = fields.get(name) ?? '';
  return /^\d{1,10}$/.test(text) ? BigInt(text) : 0n;
}

/** `Server`; `SPAN_KIND_SERVER` in older versions. */
function kindOf(text = ''): SpanKind | undefined {
  const word = text.toLowerCase().replace(/^span_kind_/, '');
  return SPAN_KINDS.find(kind => kind === word);
}

/** `Error`; `STATUS_CODE_ERROR` in older versions. */
function statusOf(text = ''): StatusCode {
  const word = text.toLowerCase().replace(/^status_code_/, '');
  return STATUS_CODES.find(code => code === word) ?? 'unset';
}

/** Returns the value written as `Int(1)`, in older versions `INT(1)`; what is not as its type says stays text. */
function typedValue(type: string, text: string): AttributeValue {
  switch (type.toLowerCase()) {
    case 'int':
      return /^-?\d{1,20}$/.test(text) ? attributeOf(BigInt(text)) : text;
    case 'double': {
      const number = text === '' ? Number.NaN : Number(text.replace(/^\+?(-?)Inf$/, '$1Infinity'));
      return Number.isNaN(number) && text !== 'NaN' ? text : number;
    }
    case 'bool':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'bytes':
      return new Uint8Array(Buffer.from(text, 'base64'));
    case 'empty':
    case 'null':
      return null;
    case 'map':
    case 'slice':
      return nestedValue(text);
    default:
      return text;
  }
}

/** Maps and slices are JSON; the first versions wrote a text of their own, which stays text. */
function nestedValue(text: string): AttributeValue {
  try {
    return attributeOf(parseJson(text));
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
