import type { AttributeValue } from '../../model/attributes.ts';
import { kindWord, statusWord } from '../../model/status.ts';
import { ConsoleSpans, withoutColours } from '../console-lines.ts';
import { carried, flagsOf } from '../drafts/carried.ts';
import type { EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import { nanosOf } from '../drafts/times.ts';
import type { DecodeContext, LineDecoder, TextFormat } from '../format.ts';
import { BadRecord } from '../json/cursor.ts';
import { parseInspected } from './inspected.ts';

// What the ConsoleSpanExporter of OpenTelemetry JS prints with `console.dir(…, {depth: 3})`: no JSON but JavaScript literals, one object
// after the other among whatever else the program prints. `kind` is OTLP's minus 1, times are microseconds.
// https://github.com/open-telemetry/opentelemetry-js/tree/main/packages/sdk-trace (ConsoleSpanExporter)
// {
//   resource: { attributes: { 'service.name': 'shop' } },
//   instrumentationScope: { name: 'http', version: '1.2.3', schemaUrl: undefined },
//   traceId: 'a1fbefbeffb0c1d2e3f405162738495a',
//   parentSpanContext: undefined,                      (before 2.0: parentId: undefined)
//   traceState: undefined,
//   name: 'GET /',
//   id: 'fbefbe0000000001',
//   kind: 1,
//   timestamp: 1793606400123456.8,
//   duration: 99999.991,
//   attributes: { 'http.request.method': 'GET' },
//   status: { code: 2, message: 'boom' },
//   events: [ { name: 'exception', attributes: [Object], time: [ 1793606400, 193456789 ], droppedAttributesCount: 0 } ],
//   links: []
// }

export const jsConsole: TextFormat = {
  name: 'js-console',
  title: 'OpenTelemetry JS console output',
  family: 'text',
  recognised: 'printed objects with `traceId`, `id`, `timestamp` and `duration`',
  sniff(lines) {
    const printed = lines.map(withoutColours);
    return SPAN_LINES.every(expression => printed.some(line => expression.test(line)));
  },
  open: context => new InspectedDecoder(context),
};

const TRACE_ID = /^ {2}traceId: ['"]/;
const SPAN_LINES = [TRACE_ID, /^ {2}id: ['"]/, /^ {2}timestamp: \d/, /^ {2}duration: \d/];

/** A printed object whose end is not there yet. */
interface Block {
  readonly offset: number;
  readonly lines: string[];
  size: number;
}

class InspectedDecoder implements LineDecoder {
  readonly #spans: ConsoleSpans;
  readonly #limit: number;
  #block: Block | undefined;

  constructor(context: DecodeContext) {
    this.#spans = new ConsoleSpans(context);
    this.#limit = context.limits.recordBytes;
  }

  begin(): void {
    this.#block = undefined;
  }

  line(printed: string, offset: number): void {
    const line = withoutColours(printed);
    const block = this.#block;
    const bare = line.trimEnd();
    if (bare === '{') {
      if (block !== undefined) this.#giveUp(block, 'another object begins before its end');
      this.#block = { offset, lines: [line], size: line.length };
    } else if (block === undefined) this.#spans.logLine(offset, line);
    else if (bare === '}') {
      this.#block = undefined;
      block.lines.push(bare);
      this.#read(block);
    } else if (/^\s/.test(line)) this.#add(block, line);
    // Everything in an object is indented: another process printed in between.
    else this.#spans.logLine(offset, line);
  }

  end(): void {
    if (this.#block !== undefined) this.#spans.truncated(this.#block.offset);
    this.#block = undefined;
  }

  #add(block: Block, line: string): void {
    block.size += line.length + 1;
    if (block.size <= this.#limit) {
      block.lines.push(line);
      return;
    }
    this.#spans.skip('record-too-large', block.offset, `over ${this.#limit} bytes`);
    this.#block = undefined;
  }

  #read(block: Block): void {
    const isSpan = block.lines.some(line => TRACE_ID.test(line));
    if (!isSpan) return this.#passOver(block);
    let value: AttributeValue | undefined;
    try {
      value = parseInspected(block.lines.join('\n'));
    } catch (error) {
      if (error instanceof BadRecord) this.#spans.skip(error.reason, block.offset, error.message);
      else if (error instanceof SyntaxError) this.#giveUp(block, error.message);
      else throw error;
      return;
    }
    const span = fieldsOf(value);
    if (span.id === undefined || span.timestamp === undefined) this.#passOver(block);
    else this.#spans.emit(block.offset, () => draftOf(span, this.#spans.repair));
  }

  #giveUp(block: Block, detail: string): void {
    if (block.lines.some(line => TRACE_ID.test(line))) this.#spans.skip('malformed-text', block.offset, detail);
    else this.#passOver(block);
  }

  /** An object that is no span is something that the program printed. */
  #passOver({ offset, lines }: Block): void {
    for (const line of lines) this.#spans.logLine(offset, line);
  }
}

type Fields = Readonly<Record<string, AttributeValue | undefined>>;

function draftOf(span: Fields, repair: ConsoleSpans['repair']): SpanDraft {
  const parent = fieldsOf(span.parentSpanContext);
  const scope = fieldsOf(span.instrumentationScope ?? span.instrumentationLibrary);
  const status = fieldsOf(span.status);
  return {
    traceId: textOf(span.traceId),
    spanId: textOf(span.id),
    parentSpanId: textOf(parent.spanId) ?? textOf(span.parentId) ?? textOf(span.parentSpanId),
    traceState: textOf(span.traceState),
    // The trace flags that are printed are those of the parent.
    flags: flagsOf(0, typeof parent.isRemote === 'boolean' ? parent.isRemote : undefined),
    name: textOf(span.name),
    kind: typeof span.kind === 'bigint' ? kindWord(Number(span.kind) + 1) : undefined,
    startTimeUnixNano: microsOf(span.timestamp, repair),
    durationNano: microsOf(span.duration, repair),
    status: { code: statusWord(Number(status.code ?? 0)), message: textOf(status.message) },
    attributes: attributesOf(span.attributes),
    resource: attributesOf(fieldsOf(span.resource).attributes),
    scope: {
      name: textOf(scope.name) ?? '',
      version: textOf(scope.version),
      attributes: attributesOf(scope.attributes),
    },
    events: listOf(span.events).map((value): EventDraft => {
      const event = fieldsOf(value);
      return {
        name: textOf(event.name) ?? '',
        timeUnixNano: hrTimeOf(event.time, repair),
        attributes: carried(attributesOf(event.attributes), { droppedAttributesCount: countOf(event) }),
      };
    }),
    links: listOf(span.links).map((value): LinkDraft => {
      const link = fieldsOf(value);
      const context = fieldsOf(link.context);
      return {
        traceId: textOf(context.traceId),
        spanId: textOf(context.spanId),
        attributes: carried(attributesOf(link.attributes), { droppedAttributesCount: countOf(link) }),
      };
    }),
  };
}

function fieldsOf(value: AttributeValue | undefined): Fields {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  return isMap ? Object.fromEntries(Object.entries(value)) : {};
}

function attributesOf(value: AttributeValue | undefined): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  for (const [key, attribute] of Object.entries(fieldsOf(value))) {
    if (attribute !== undefined) attributes.set(key, attribute);
  }
  return attributes;
}

function listOf(value: AttributeValue | undefined): readonly AttributeValue[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: AttributeValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function countOf({ droppedAttributesCount: count }: Fields): bigint | undefined {
  return typeof count === 'bigint' ? count : undefined;
}

function microsOf(value: AttributeValue | undefined, repair: ConsoleSpans['repair']): bigint | undefined {
  const isNumber = typeof value === 'bigint' || typeof value === 'number';
  const nanos = isNumber ? nanosOf(value, 6) : undefined;
  if (nanos === undefined && value !== undefined && value !== null) repair('invalid-time', 'a time that is no number');
  return nanos;
}

/** `[seconds, nanoseconds]`. */
function hrTimeOf(value: AttributeValue | undefined, repair: ConsoleSpans['repair']): bigint | undefined {
  const [seconds, nanos] = listOf(value);
  if (typeof seconds === 'bigint' && typeof nanos === 'bigint') return seconds * 1_000_000_000n + nanos;
  if (value !== undefined && value !== null)
    repair('invalid-time', 'a time that is no pair of seconds and nanoseconds');
  return undefined;
}
