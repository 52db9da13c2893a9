import type { JsonFormat } from './format.ts';
import type { Outline } from './json/outline.ts';

// JSON that is trace data, or comes from a trace tool, in a format that is not read: recognised so that the refusal can
// name it. An entry goes when its format comes.

const hasAll =
  (...keys: readonly string[]) =>
  ({ paths }: Outline) =>
    ['', '[]', '[][]'].some(start => keys.every(key => paths.has(`${start}${key}`)));

const RECOGNISED: readonly (readonly [string, (outline: Outline) => boolean])[] = [
  ['Zipkin v1 JSON', hasAll('.traceId', '.id', '.binaryAnnotations')],
  ['Zipkin v1 JSON', hasAll('.traceId', '.id', '.annotations[].endpoint')],
  ['Zipkin protobuf as JSON', hasAll('.spans[].trace_id', '.spans[].id')],
  ['a Jaeger span document of Elasticsearch', hasAll('.traceID', '.spanID', '.startTimeMillis')],
  ['a search answer of Elasticsearch', hasAll('.hits.hits')],
  ['a span document of Data Prepper (OpenSearch)', hasAll('.traceId', '.spanId', '.traceGroup')],
  ['a span document of Data Prepper (OpenSearch)', hasAll('.traceId', '.spanId', '.traceGroupFields')],
  ['a span document of Data Prepper (OpenSearch)', hasAll('.traceId', '.spanId', '.durationInNanos')],
  ['a service map document of Data Prepper', hasAll('.hashId', '.traceGroupName')],
  ['an index template of OpenSearch', hasAll('.mappings')],
  ['an index template of OpenSearch', hasAll('.template.mappings')],
  ['a search answer of Grafana Tempo: it holds summaries, not traces', hasAll('.traces[].rootTraceName')],
  ['an answer of the SigNoz query API', hasAll('.result[].list[].data')],
  ['an answer of the SigNoz query API', hasAll('.data.result[].list[].data')],
  ['Datadog spans', hasAll('.trace_id', '.span_id', '.resource')],
  ['AWS X-Ray segments', hasAll('.trace_id', '.id', '.start_time')],
  ['AWS X-Ray traces', hasAll('.Traces[].Segments')],
  ['SkyWalking segments', hasAll('.traceSegmentId')],
  ['Chrome trace events', hasAll('.traceEvents')],
  ['Chrome trace events', hasAll('.ph', '.ts')],
  ['console output of the OpenTelemetry Go SDK', hasAll('.SpanContext', '.StartTime')],
  ['console output of the OpenTelemetry Python SDK', hasAll('.context.trace_id', '.start_time')],
  ['a ClickHouse otel_traces row', hasAll('.TraceId', '.SpanId', '.SpanName')],
];

export const unread: JsonFormat = {
  name: 'unread',
  title: 'not read',
  family: 'json',
  recognised: 'its keys',

  sniff(outline) {
    if (!outline.complete) return undefined;
    if (outline.paths.size === 0 && outline.error === undefined) {
      return { skip: 'no-spans', detail: outline.opening === '[' ? 'an empty array' : 'an empty object' };
    }
    const found = RECOGNISED.find(([, test]) => test(outline));
    return found && { skip: 'unread-format', detail: found[0] };
  },

  open: () => () => ({}),
};
