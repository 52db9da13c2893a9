import type { AttributeValue } from '../../model/attributes.ts';
import { inventedId } from '../../model/ids.ts';
import type { SpanKind } from '../../model/status.ts';
import { SPAN_KINDS } from '../../model/status.ts';
import { addFields, isRecord, type JsonRecord, type JsonValue, omit, recordOf, textOf } from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { EventDraft, SpanDraft } from '../drafts/span-draft.ts';
import { nanosOf, nanosOfRfc3339, readNanos } from '../drafts/times.ts';

// Honeycomb's events: what libraries send (the batch API, or lines on stdout) and what a query's raw data is downloaded as.
// https://docs.honeycomb.io/manage-data-volume/adjust-granularity/  https://docs.honeycomb.io/send-data/ (tracing fields)
// {"time":"2024-05-01T12:00:00.123Z","samplerate":2,"data":{"trace.trace_id":"…","trace.span_id":"…","trace.parent_id":"…","name":"GET /",
//  "service.name":"shop","duration_ms":12.5}}
// {"Timestamp":"…","trace.trace_id":"…",…}
// Span events and links are rows of their own, without an id. They become spans of no duration below the span that they belong to.

const TIMES = ['time', 'timestamp', 'Timestamp', 'start_time'];
const FIELDS = [
  ...['trace.trace_id', 'trace.span_id', 'trace.parent_id', 'name', 'duration_ms', 'service.name', 'service_name'],
  ...['span.kind', 'kind', 'library.name', 'library.version', 'trace.link.trace_id', 'trace.link.span_id'],
  ...TIMES,
];

export const honeycomb = recordFormat({
  name: 'honeycomb',
  title: 'Honeycomb events',
  recognised: 'events with `trace.trace_id`, alone or in `data`',
  places: ['', '[]'],
  decimals: ['duration_ms'],
  matches: has => has('.trace.trace_id') || has('.data.trace.trace_id'),
  open: context => ({
    read: record => {
      const outer = recordOf(record);
      const isWrapped = isRecord(outer.data) && outer['trace.trace_id'] === undefined;
      const event = isWrapped ? recordOf(outer.data) : outer;
      if (event['trace.trace_id'] === undefined) return context.skip('other-records', 'an event without a trace');
      context.emit(() => draftOf(event, isWrapped ? omit(outer, ['data']) : {}, context));
    },
  }),
});

function draftOf(event: JsonRecord, outer: JsonRecord, { repair }: RecordContext): SpanDraft {
  const attributes = new Map<string, AttributeValue>();
  addFields(attributes, omit(event, FIELDS));
  addFields(attributes, omit(outer, TIMES), '', { samplerate: 'SampleRate' });
  const resource = new Map<string, AttributeValue>();
  const service = textOf(event['service.name']) ?? textOf(event.service_name);
  if (service !== undefined) resource.set('service.name', service);
  const time = timeOf(event) ?? timeOf(outer);
  if (time === undefined) repair('invalid-time', 'an event without a time');
  const name = textOf(event.name) ?? '';
  const link = textOf(event['trace.link.trace_id']);
  const isAnnotation = event['trace.span_id'] === undefined && event['meta.annotation_type'] !== undefined;
  const message = [event.status_message, event['exception.message'], event.error].find(
    text => typeof text === 'string',
  );
  return {
    traceId: textOf(event['trace.trace_id']),
    spanId: isAnnotation ? inventedId(textOfRow(event, time), 8) : textOf(event['trace.span_id']),
    parentSpanId: textOf(event['trace.parent_id']),
    name,
    kind: kindOf(event),
    startTimeUnixNano: time,
    durationNano: isAnnotation ? 0n : readNanos(event, 'duration_ms', 3, repair),
    status: hasFailed(event) ? { code: 'error', message: textOf(message) } : undefined,
    attributes,
    resource,
    scope: { name: textOf(event['library.name']) ?? '', version: textOf(event['library.version']) },
    events: exceptionsOf(event, time),
    links: link === undefined ? [] : [{ traceId: link, spanId: textOf(event['trace.link.span_id']) }],
  };
}

function timeOf(record: JsonRecord): bigint | undefined {
  for (const key of TIMES) {
    const value = record[key];
    const time = typeof value === 'string' ? nanosOfRfc3339(value) : epochOf(value);
    if (time !== undefined) return time;
  }
  return undefined;
}

/** Numbers are seconds, milliseconds, microseconds or nanoseconds since the epoch, by their size. */
function epochOf(value: JsonValue | undefined): bigint | undefined {
  const size = Number(nanosOf(value, 9) ?? 0n);
  return nanosOf(value, size < 1e11 ? 0 : size < 1e14 ? 3 : size < 1e17 ? 6 : 9);
}

function kindOf(event: JsonRecord): SpanKind {
  const word = textOf(event['span.kind'] ?? event.kind)?.toLowerCase();
  return SPAN_KINDS.find(kind => kind === word) ?? 'unspecified';
}

function hasFailed({ error, status_code }: JsonRecord): boolean {
  if (typeof error === 'string') return error !== '' && error !== 'false';
  return error === true || status_code === 2n || status_code === 'ERROR';
}

/** An exception that was recorded as a span event. */
function exceptionsOf(event: JsonRecord, time: bigint | undefined): EventDraft[] {
  if (event['exception.type'] === undefined && event['exception.message'] === undefined) return [];
  const attributes = new Map<string, AttributeValue>();
  for (const key of ['exception.type', 'exception.message', 'exception.stacktrace']) {
    addFields(attributes, { [key]: event[key] ?? null });
  }
  return [{ timeUnixNano: time, name: 'exception', attributes }];
}

/** What an id is made of where the row has none. */
function textOfRow(event: JsonRecord, time: bigint | undefined): string {
  return JSON.stringify({ ...omit(event, TIMES), time }, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}
