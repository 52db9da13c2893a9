import { draftOfJaeger, type JaegerProcess, type JaegerReference, typedTagValue } from '../drafts/jaeger.ts';
import {
  attributeOf,
  integerOf,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { Tag } from '../drafts/tag-fields.ts';
import { nanosOf, nanosOfRfc3339 } from '../drafts/times.ts';
import type { JsonFormat } from '../format.ts';

// Jaeger's protobuf model in protobuf's JSON mapping: what its ingester and collector write to Kafka as JSON, and what gRPC
// tools print. https://github.com/jaegertracing/jaeger-idl/blob/main/proto/api_v2/model.proto
// {"traceId":"AAAAAAAAAAAAAAAAAAAAEQ==","spanId":"AAAAAAAAAAM=","operationName":"op","references":[{"traceId":"…","spanId":"…"}],
//  "startTime":"2017-01-26T16:46:31.639875Z","duration":"0.000005s","tags":[{"key":"n","vType":"INT64","vInt64":"7"}],
//  "logs":[{"timestamp":"…","fields":[…]}],"process":{"serviceName":"shop","tags":[…]}}
// A span a line, an array of spans, or `spans` of a trace, of a batch (with its `process` beside them) or of an answer of the
// API v2 (`{"result":{"spans":[…]}}`). A field that has its default value is absent.

/** A span, to be found by names as protobuf's mapping writes them, or as the definition has them. */
const SPAN_FIELDS = [
  ['.traceId', '.spanId', '.operationName'],
  ['.trace_id', '.span_id', '.operation_name'],
];
/** The fields of a span beside them; one must be there, for others have those three. */
const MORE_FIELDS = ['.startTime', '.start_time', '.duration', '.process', '.processId', '.process_id', '.references'];
const KNOWN_KEYS = new Set([
  'traceId',
  'spanId',
  'operationName',
  'references',
  'flags',
  'startTime',
  'duration',
  'tags',
  'logs',
  'process',
  'processId',
  'warnings',
]);

const spans = recordFormat({
  name: 'jaeger-model-json',
  title: 'Jaeger model as JSON',
  recognised: 'spans with `traceId`, `spanId`, `operationName` and `startTime`',
  places: ['.result.spans[]', '.spans[]', '', '[]'],
  matches: has => SPAN_FIELDS.some(fields => fields.every(has)) && MORE_FIELDS.some(has),
  open: context => ({
    read: record => {
      if (!isRecord(record)) context.skip('missing-trace-id', 'not an object');
      else if (Array.isArray(record.spans)) readSpans(camelCased(record), context);
      else readSpan(camelCased(record), {}, context);
    },
  }),
});

export const jaegerModelJson: JsonFormat = {
  ...spans,
  sniff(outline) {
    const sighting = spans.sniff(outline);
    if (sighting === undefined || !('container' in sighting) || sighting.container !== '.spans[]') return sighting;
    // Spans that bring their process are read one by one. Others need what stands beside them, in a trace or batch that
    // is read as one record.
    const { paths, complete } = outline;
    if (paths.has('.spans[].process')) return sighting;
    const isKnown = complete || paths.has('.process') || paths.has('.processMap') || paths.has('.process_map');
    return isKnown ? { container: '' } : undefined;
  },
};

/** A trace, with `processMap`, or a batch, with `process`. */
function readSpans(document: JsonRecord, context: RecordContext): void {
  const processes: Record<string, JaegerProcess> = {};
  for (const item of listOf(document.processMap)) {
    const { processId, process } = camelCased(recordOf(item));
    processes[textOf(processId) ?? ''] = processOf(recordOf(process));
  }
  if (isRecord(document.process)) processes[''] = processOf(document.process);
  for (const item of listOf(document.spans)) {
    if (isRecord(item)) readSpan(camelCased(item), processes, context);
    else context.skip('missing-trace-id', 'not an object');
  }
}

function readSpan(span: JsonRecord, processes: Readonly<Record<string, JaegerProcess>>, context: RecordContext): void {
  const time = (value: JsonValue | undefined, read: (text: string) => bigint | undefined, field: string) => {
    if (value === undefined || value === null) return undefined;
    const nanos = read(textOf(value) ?? '');
    if (nanos === undefined) context.repair('invalid-time', field);
    return nanos;
  };
  const processId = textOf(span.processId) ?? '';
  const process = isRecord(span.process) ? processOf(span.process) : processes[processId];
  if (process === undefined && processId !== '') context.repair('unknown-process', processId);
  const rest = Object.entries(span).filter(([key, value]) => !KNOWN_KEYS.has(key) && value !== null);
  context.emit(
    draftOfJaeger({
      traceId: textOf(span.traceId),
      spanId: textOf(span.spanId),
      references: listOf(span.references).map(item => referenceOf(camelCased(recordOf(item)))),
      operationName: textOf(span.operationName),
      flags: Number((integerOf(span.flags) ?? 0n) & 1n),
      startTimeUnixNano: time(span.startTime, nanosOfRfc3339, 'startTime'),
      durationNano: time(span.duration, nanosOfDuration, 'duration'),
      tags: [...tagsOf(span.tags), ...rest.map(([key, value]) => [key, attributeOf(value)] as const)],
      logs: listOf(span.logs).map(item => {
        const { timestamp, fields } = recordOf(item);
        return { timeUnixNano: time(timestamp, nanosOfRfc3339, 'timestamp of a log'), fields: tagsOf(fields) };
      }),
      process,
      warnings: listOf(span.warnings).map(attributeOf),
    }),
  );
}

/** `start_time` becomes `startTime`. */
function camelCased(record: JsonRecord): JsonRecord {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      /^[a-z0-9]+(_[a-z0-9]+)+$/.test(key)
        ? key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
        : key,
      value,
    ]),
  );
}

/** CHILD_OF is the default, and so absent. */
function referenceOf({ refType, traceId, spanId }: JsonRecord): JaegerReference {
  const type = textOf(refType);
  return { isChildOf: type !== 'FOLLOWS_FROM' && type !== '1', traceId: textOf(traceId), spanId: textOf(spanId) };
}

function processOf(record: JsonRecord): JaegerProcess {
  const { serviceName, tags } = camelCased(record);
  return { serviceName: textOf(serviceName) ?? '', tags: tagsOf(tags) };
}

/** The types by number. */
const TYPES = ['STRING', 'BOOL', 'INT64', 'FLOAT64', 'BINARY'];

function tagsOf(value: JsonValue | undefined): Tag[] {
  return listOf(value).flatMap(item => {
    const tag = camelCased(recordOf(item));
    const key = textOf(tag.key);
    return key === undefined ? [] : [[key, tagValueOf(tag)] as const];
  });
}

function tagValueOf(tag: JsonRecord): Tag[1] {
  const type = TYPES[Number(integerOf(tag.vType) ?? -1n)] ?? textOf(tag.vType) ?? 'STRING';
  switch (type.toUpperCase()) {
    case 'BOOL':
      return typedTagValue('bool', attributeOf(tag.vBool ?? false), 'base64');
    case 'INT64':
      return typedTagValue('int64', attributeOf(tag.vInt64 ?? 0n), 'base64');
    case 'FLOAT64':
      return typedTagValue('float64', attributeOf(tag.vFloat64 ?? 0), 'base64');
    case 'BINARY':
      return typedTagValue('binary', attributeOf(tag.vBinary ?? ''), 'base64');
    default:
      return attributeOf(tag.vStr ?? '');
  }
}

const DURATION_DIGITS = { s: 0, ms: 3, us: 6, µs: 6, ns: 9 } as const;

/** Protobuf's durations (`0.000005s`), and those of Go with one unit (`2000ns`). */
function nanosOfDuration(text: string): bigint | undefined {
  const [, number, unit] = /^(-?[\d.]+)(s|ms|us|µs|ns)$/.exec(text.trim()) ?? [];
  return unit !== undefined && isUnit(unit) ? nanosOf(number, DURATION_DIGITS[unit]) : undefined;
}

function isUnit(unit: string): unit is keyof typeof DURATION_DIGITS {
  return Object.hasOwn(DURATION_DIGITS, unit);
}
