import type { Attributes, AttributeValue } from '../../src/model/attributes.ts';
import type { Span, SpanEvent } from '../../src/model/span.ts';
import { SPAN_KINDS, type SpanKind } from '../../src/model/status.ts';

// Traces drawn in a test. A line is a span, its indentation its parent:
//
//     a  | 0-100 | shop | GET /checkout  | server, error: bank does not answer
//       b | 10-60 | bank | charge         | client, error, http.response.status_code=503, event: retry @ 30
//     o  | 20-30 |      |                | parent: x
//
// id | start-end in milliseconds | service (else `service`) | name (else the id) | notes: a kind, `error` with or
// without its message, `ok`, `parent: id` in place of the indentation (no such span: an orphan), `event: name @ ms`,
// `exception: type: message @ ms`, `resource key=value`, `key=value` (a whole number is an int64).

const MILLISECOND = 1_000_000n;

/** The instant 0 of a drawing: 2026-11-20T09:00:00Z. */
export const DRAWING_START = 1_795_165_200_000_000_000n;

export interface DrawOptions {
  /** 32 hex digits, or fewer, which are padded on the left. */
  readonly traceId?: string;
  /** Nanoseconds that a drawn unit lasts. */
  readonly unit?: bigint;
  readonly start?: bigint;
}

/** Returns the spans of a drawing, in its order. */
export function draw(drawing: string, options: DrawOptions = {}): Span[] {
  const { traceId = '1', unit = MILLISECOND, start = DRAWING_START } = options;
  const above: { indent: number; spanId: string }[] = [];
  return drawing
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => {
      const indent = line.length - line.trimStart().length;
      const [id = '', times = '', service = '', name = '', notes = ''] = line.split('|').map(part => part.trim());
      const match = /^(-?[\d.]+)-(-?[\d.]+)$/.exec(times);
      if (match === null) throw new Error(`a drawn span needs its times: ${line}`);
      const at = (text: string) => start + BigInt(Math.round(Number(text) * Number(unit)));
      while (above.length > 0 && above[above.length - 1]!.indent >= indent) above.pop();
      const parentSpanId = above[above.length - 1]?.spanId;
      above.push({ indent, spanId: spanIdOf(id) });
      const span: Span = {
        traceId: traceId.padStart(32, '0'),
        spanId: spanIdOf(id),
        parentSpanId,
        name: name === '' ? id : name,
        kind: 'internal',
        serviceName: service === '' ? 'service' : service,
        startTimeUnixNano: at(match[1]!),
        durationNano: at(match[2]!) - at(match[1]!),
        status: { code: 'unset', message: '' },
        attributes: {},
        resource: { 'service.name': service === '' ? 'service' : service },
        scope: { name: '', version: '', attributes: {} },
        events: [],
        links: [],
        flags: 0,
        traceState: undefined,
        droppedAttributesCount: 0,
        droppedEventsCount: 0,
        droppedLinksCount: 0,
        quirks: 0,
      };
      return notes
        .split(/,\s+/)
        .filter(note => note !== '')
        .reduce((noted, note) => applyNote(noted, note, at), span);
    });
}

/** The span id of a drawn id: its characters as bytes. */
export function spanIdOf(id: string): string {
  return Buffer.from(id, 'latin1').toString('hex').padStart(16, '0');
}

/** The drawn id of a span id. */
export function drawnIdOf(spanId: string): string {
  return Buffer.from(spanId.replace(/^(00)+/, ''), 'hex').toString('latin1');
}

function applyNote(span: Span, note: string, at: (text: string) => bigint): Span {
  const kind: SpanKind | undefined = SPAN_KINDS.find(known => known === note);
  if (kind !== undefined) return { ...span, kind };
  if (note === 'ok') return { ...span, status: { code: 'ok', message: '' } };
  const [, word, rest = ''] = /^(error|parent|event|exception)(?::\s*(.*))?$/.exec(note) ?? [];
  switch (word) {
    case 'error':
      return { ...span, status: { code: 'error', message: rest } };
    case 'parent':
      return { ...span, parentSpanId: rest === '' ? undefined : spanIdOf(rest) };
    case 'event': {
      const [name = '', time = '0'] = rest.split(/\s+@\s+/);
      return withEvent(span, { timeUnixNano: at(time), name, attributes: {} });
    }
    case 'exception': {
      const [told = '', time = '0'] = rest.split(/\s+@\s+/);
      const [type = '', message = ''] = told.split(/:\s+/);
      const attributes = { 'exception.type': type, 'exception.message': message };
      return withEvent(span, { timeUnixNano: at(time), name: 'exception', attributes });
    }
  }
  const pair = /^(resource\s+)?([^=]+)=(.*)$/.exec(note);
  if (pair === null) throw new Error(`a drawn span has a note that means nothing: ${note}`);
  const attribute: Attributes = { [pair[2]!]: attributeValueOf(pair[3]!) };
  return pair[1] === undefined
    ? { ...span, attributes: { ...span.attributes, ...attribute } }
    : { ...span, resource: { ...span.resource, ...attribute } };
}

function withEvent(span: Span, event: SpanEvent): Span {
  return { ...span, events: [...span.events, event] };
}

function attributeValueOf(text: string): AttributeValue {
  return /^-?\d+$/.test(text) ? BigInt(text) : text;
}
