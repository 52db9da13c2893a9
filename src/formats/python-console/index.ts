import { SPAN_KINDS, type SpanKind, STATUS_CODES, type StatusCode } from '../../model/status.ts';
import { carried } from '../drafts/carried.ts';
import { attributesOf, isRecord, type JsonRecord, type JsonValue, listOf, recordOf, textOf } from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { SpanDraft } from '../drafts/span-draft.ts';
import { readRfc3339 } from '../drafts/times.ts';

// What the ConsoleSpanExporter of OpenTelemetry Python prints: `ReadableSpan.to_json()`, one object after the other among
// whatever else the program prints.
// https://github.com/open-telemetry/opentelemetry-python/blob/main/opentelemetry-sdk/src/opentelemetry/sdk/trace/__init__.py
// {"name": "GET /", "context": {"trace_id": "0x…", "span_id": "0x…", "trace_state": "['{key=a, value=b}']"}, "kind": "SpanKind.SERVER",
//  "parent_id": null, "start_time": "2026-11-02T08:00:00.123456Z", "end_time": "…", "status": {"status_code": "ERROR", "description": "…"},
//  "attributes": {…}, "events": [{"name", "timestamp", "attributes"}], "links": [{"context": {…}, "attributes": {…}}],
//  "resource": {"attributes": {…}, "schema_url": ""}}

export const pythonConsole = recordFormat({
  name: 'python-console',
  title: 'OpenTelemetry Python console output',
  recognised: 'spans with `context.trace_id`, `context.span_id` and `start_time`',
  places: ['', '[]'],
  isConsoleOutput: true,
  matches: has => has('.context.trace_id') && has('.context.span_id') && has('.start_time'),
  open: context => ({ read: record => context.emit(() => draftOf(recordOf(record), context)) }),
});

function draftOf(span: JsonRecord, { repair }: RecordContext): SpanDraft {
  const context = recordOf(span.context);
  const status = recordOf(span.status);
  return {
    traceId: textOf(context.trace_id),
    spanId: textOf(context.span_id),
    parentSpanId: textOf(span.parent_id),
    traceState: traceStateOf(context.trace_state),
    name: textOf(span.name),
    kind: kindOf(textOf(span.kind)),
    startTimeUnixNano: readRfc3339(span.start_time, repair),
    endTimeUnixNano: readRfc3339(span.end_time, repair),
    status: { code: statusOf(textOf(status.status_code)), message: textOf(status.description) },
    attributes: attributesOf(span.attributes),
    resource: attributesOf(resourceAttributes(span.resource)),
    events: listOf(span.events)
      .map(recordOf)
      .map(event => ({
        name: textOf(event.name) ?? '',
        timeUnixNano: readRfc3339(event.timestamp, repair),
        attributes: attributesOf(event.attributes),
      })),
    links: listOf(span.links)
      .map(recordOf)
      .map(link => {
        const linked = recordOf(link.context);
        return {
          traceId: textOf(linked.trace_id),
          spanId: textOf(linked.span_id),
          attributes: carried(attributesOf(link.attributes), { traceState: traceStateOf(linked.trace_state) }),
        };
      }),
  };
}

/** The attributes of a resource; in older versions they are the resource itself. */
function resourceAttributes(resource: JsonValue | undefined): JsonValue | undefined {
  const { attributes } = recordOf(resource);
  return isRecord(attributes) ? attributes : resource;
}

/** Python's `repr` of a trace state, as its header: `['{key=a, value=b}', '{key=ot, value=th:8}']` is `a=b,ot=th:8`. */
function traceStateOf(value: JsonValue | undefined): string {
  const text = textOf(value) ?? '';
  return Array.from(
    text.matchAll(/(['"])\{key=(.*?), value=(.*?)\}\1(?=, ['"]|\]$)/g),
    ([, , key, member]) => `${key}=${member}`,
  ).join(',');
}

function kindOf(text = ''): SpanKind | undefined {
  const word = text.toLowerCase().replace(/^spankind\./, '');
  return SPAN_KINDS.find(kind => kind === word);
}

function statusOf(text = ''): StatusCode {
  const word = text.toLowerCase().replace(/^statuscode\./, '');
  return STATUS_CODES.find(code => code === word) ?? 'unset';
}
