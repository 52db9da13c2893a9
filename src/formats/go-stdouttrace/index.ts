import type { AttributeValue } from '../../model/attributes.ts';
import { kindWord, STATUS_CODES, type StatusCode } from '../../model/status.ts';
import { carried, flagsOf } from '../drafts/carried.ts';
import { attributeOf, integerOf, type JsonRecord, type JsonValue, listOf, recordOf, textOf } from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { SpanDraft } from '../drafts/span-draft.ts';
import { readRfc3339 } from '../drafts/times.ts';
import { BadRecord } from '../json/cursor.ts';

// What the stdouttrace exporter of OpenTelemetry Go writes: `tracetest.SpanStub`, an object a line, or over many lines with
// WithPrettyPrint, among whatever else the program prints.
// https://github.com/open-telemetry/opentelemetry-go/tree/main/exporters/stdout/stdouttrace
// {"Name":"GET /","SpanContext":{"TraceID":"…","SpanID":"…","TraceFlags":"01","TraceState":"","Remote":false},"Parent":{…},"SpanKind":2,
//  "StartTime":"2026-11-02T09:00:00.123456789+01:00","EndTime":"…","Attributes":[{"Key":"n","Value":{"Type":"INT64","Value":1}}],
//  "Events":[{"Name","Attributes","DroppedAttributeCount","Time"}],"Links":[{"SpanContext","Attributes","DroppedAttributeCount"}],
//  "Status":{"Code":"Error","Description":"…"},"DroppedAttributes":0,"DroppedEvents":0,"DroppedLinks":0,"ChildSpanCount":2,
//  "Resource":[…],"InstrumentationScope":{"Name","Version","SchemaURL","Attributes"},"InstrumentationLibrary":{…}}

export const goStdouttrace = recordFormat({
  name: 'go-stdouttrace',
  title: 'OpenTelemetry Go console output',
  recognised: 'spans with `SpanContext.TraceID`, `SpanContext.SpanID` and `StartTime`',
  places: ['', '[]'],
  isConsoleOutput: true,
  matches: has => has('.SpanContext.TraceID') && has('.SpanContext.SpanID') && has('.StartTime'),
  open: context => ({ read: record => context.emit(() => draftOf(recordOf(record), context)) }),
});

/** Nesting of values that is read. */
const MAX_DEPTH = 64;
/** Go's time before any: what `WithoutTimestamps` prints. */
const ZERO_TIME = '0001-01-01T00:00:00Z';

function draftOf(span: JsonRecord, { repair }: RecordContext): SpanDraft {
  const context = recordOf(span.SpanContext);
  const parent = recordOf(span.Parent);
  const status = recordOf(span.Status);
  // Older versions have no scope but a library; newer ones print it under both names.
  const scope = recordOf(span.InstrumentationScope ?? span.InstrumentationLibrary);
  const timeOf = (value: JsonValue | undefined) => (value === ZERO_TIME ? undefined : readRfc3339(value, repair));
  const attributes = keyValues(span.Attributes);
  const children = integerOf(span.ChildSpanCount) ?? 0n;
  if (children > 0n) attributes.set('ChildSpanCount', attributeOf(children));
  return {
    traceId: textOf(context.TraceID),
    spanId: textOf(context.SpanID),
    parentSpanId: textOf(parent.SpanID),
    traceState: textOf(context.TraceState),
    flags: flagsOf(
      Number.parseInt(textOf(context.TraceFlags) ?? '', 16) || 0,
      typeof parent.Remote === 'boolean' ? parent.Remote : undefined,
    ),
    name: textOf(span.Name),
    kind: kindWord(Number(integerOf(span.SpanKind) ?? 0n)),
    startTimeUnixNano: timeOf(span.StartTime),
    endTimeUnixNano: timeOf(span.EndTime),
    status: { code: statusOf(status.Code), message: textOf(status.Description) },
    attributes,
    resource: keyValues(span.Resource),
    scope: {
      name: textOf(scope.Name) ?? '',
      version: textOf(scope.Version),
      attributes: keyValues(scope.Attributes),
    },
    events: listOf(span.Events)
      .map(recordOf)
      .map(event => ({
        name: textOf(event.Name) ?? '',
        timeUnixNano: timeOf(event.Time),
        attributes: carried(keyValues(event.Attributes), {
          droppedAttributesCount: integerOf(event.DroppedAttributeCount),
        }),
      })),
    links: listOf(span.Links)
      .map(recordOf)
      .map(link => {
        const linked = recordOf(link.SpanContext);
        return {
          traceId: textOf(linked.TraceID),
          spanId: textOf(linked.SpanID),
          attributes: carried(keyValues(link.Attributes), {
            traceState: textOf(linked.TraceState),
            droppedAttributesCount: integerOf(link.DroppedAttributeCount),
          }),
        };
      }),
    droppedAttributesCount: countOf(span.DroppedAttributes),
    droppedEventsCount: countOf(span.DroppedEvents),
    droppedLinksCount: countOf(span.DroppedLinks),
  };
}

function countOf(value: JsonValue | undefined): number {
  return Number(integerOf(value) ?? 0n);
}

/** `[{"Key":"k","Value":{"Type":"INT64","Value":1}}]` as attributes. */
function keyValues(value: JsonValue | undefined, depth = 0): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  for (const item of listOf(value).map(recordOf)) {
    const key = textOf(item.Key);
    if (key !== undefined) attributes.set(key, typedValue(item.Value, depth));
  }
  return attributes;
}

function typedValue(value: JsonValue | undefined, depth = 0): AttributeValue {
  if (depth > MAX_DEPTH) throw new BadRecord('too-deep', `values nested more than ${MAX_DEPTH} deep`);
  const { Type: type, Value: inner = null } = recordOf(value);
  switch (type) {
    // Go writes a whole float without a point: only the type tells it from an integer.
    case 'FLOAT64':
      return doubleOf(inner);
    case 'FLOAT64SLICE':
      return listOf(inner).map(doubleOf);
    case 'BYTESLICE':
      return new Uint8Array(Buffer.from(textOf(inner) ?? '', 'base64'));
    case 'SLICE':
      return listOf(inner).map(item => typedValue(item, depth + 1));
    case 'MAP':
      return Object.fromEntries(keyValues(inner, depth + 1));
    default:
      return attributeOf(inner);
  }
}

function doubleOf(value: JsonValue): AttributeValue {
  return typeof value === 'bigint' ? Number(value) : attributeOf(value);
}

/** `Error`; the first versions wrote Go's own numbers, where 1 is an error and 2 is ok. */
function statusOf(value: JsonValue | undefined): StatusCode {
  const text = (textOf(value) ?? '').toLowerCase();
  if (text === '1') return 'error';
  if (text === '2') return 'ok';
  return STATUS_CODES.find(code => code === text) ?? 'unset';
}
