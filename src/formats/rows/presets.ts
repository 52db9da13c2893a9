import type { SpanDraft } from '../drafts/span-draft.ts';
import { alibabaDraft } from './alibaba.ts';
import type { Mend, Row, Unit } from './cells.ts';
import { clickhouseDraft } from './clickhouse.ts';
import type { Field } from './columns.ts';

// Tables of spans that are known by their columns. A column that a preset does not name is read by its name, and is an
// attribute where that says nothing either.

type TimeMeaning = `${'start' | 'end' | 'duration'} ${Unit}`;

export interface Preset {
  readonly title: string;
  /** Its rows in JSON are a format of their own. */
  readonly hasOwnJson?: true;
  /** Columns by which the table is known; all of them have to be there. */
  readonly requires: readonly string[];
  /** What columns mean, with the unit of a time where it has one. */
  readonly columns?: Readonly<Record<string, Field | TimeMeaning>>;
  /** Reads a row by itself, where columns alone do not say what it means. */
  readonly read?: (row: Row, mend: Mend) => SpanDraft;
}

export const PRESETS: readonly Preset[] = [
  {
    // https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/clickhouseexporter
    title: 'ClickHouse otel_traces',
    requires: ['Timestamp', 'TraceId', 'SpanId', 'SpanName'],
    hasOwnJson: true,
    read: clickhouseDraft,
  },
  {
    // https://github.com/IntelligentDDS/Nezha: the duration is in microseconds, and is end less start.
    title: 'Nezha',
    requires: ['TraceID', 'SpanID', 'ParentID', 'PodName', 'OperationName', 'StartTimeUnixNano'],
    columns: {
      TraceID: 'trace_id',
      SpanID: 'span_id',
      ParentID: 'parent_id',
      PodName: 'pod',
      OperationName: 'name',
      StartTimeUnixNano: 'start ns',
      EndTimeUnixNano: 'end ns',
      Duration: 'duration us',
    },
  },
  {
    // https://github.com/phamquiluan/RCAEval: Jaeger's spans; `time` is the clock for people.
    title: 'RCAEval',
    requires: ['traceID', 'spanID', 'serviceName', 'operationName', 'startTimeMillis', 'startTime', 'duration'],
    columns: {
      traceID: 'trace_id',
      spanID: 'span_id',
      parentSpanID: 'parent_id',
      serviceName: 'service',
      operationName: 'name',
      startTime: 'start us',
      duration: 'duration us',
      statusCode: 'status',
      startTimeMillis: 'ignored',
      time: 'ignored',
    },
  },
  {
    // https://github.com/alibaba/clusterdata/tree/master/cluster-trace-microservices-v2021
    title: 'Alibaba microservices 2021',
    requires: ['traceid', 'timestamp', 'rpcid', 'um', 'rpctype', 'dm', 'interface', 'rt'],
    read: alibabaDraft,
  },
  {
    title: 'Alibaba microservices 2022',
    requires: ['traceid', 'timestamp', 'rpc_id', 'um', 'rpctype', 'dm', 'interface', 'rt'],
    read: alibabaDraft,
  },
  {
    // https://github.com/smithclay/duckdb-otlp/blob/main/docs/reference/schemas.md
    title: 'DuckDB OTLP',
    requires: ['trace_id', 'span_id', 'timestamp', 'duration', 'span_name'],
    columns: {
      timestamp: 'start',
      end_timestamp: 'end ns',
      duration: 'duration ns',
      // Attributes of the resource once more.
      service_namespace: 'ignored',
      service_instance_id: 'ignored',
    },
  },
  {
    title: 'DuckDB OTLP',
    requires: ['trace_id', 'span_id', 'start_time_unix_nano', 'duration_time_unix_nano'],
    columns: { start_time_unix_nano: 'start ns', duration_time_unix_nano: 'duration ns' },
  },
  {
    // https://signoz.io/docs/userguide/writing-clickhouse-traces-query/, since 2024
    title: 'SigNoz',
    requires: ['trace_id', 'span_id', 'timestamp', 'duration_nano'],
    columns: {
      timestamp: 'start',
      duration_nano: 'duration ns',
      kind: 'kind',
      kind_string: 'ignored',
      status_code: 'status',
      status_code_string: 'ignored',
      attributes_string: 'attributes',
      attributes_number: 'attributes',
      attributes_bool: 'attributes',
      resources_string: 'resource',
      has_error: 'ignored',
      ts_bucket_start: 'ignored',
      resource_fingerprint: 'ignored',
    },
  },
  {
    // The table of before, and the answers of the query API.
    title: 'SigNoz',
    requires: ['traceID', 'spanID', 'timestamp', 'durationNano'],
    columns: {
      timestamp: 'start',
      durationNano: 'duration ns',
      tagMap: 'attributes',
      stringTagMap: 'attributes',
      numberTagMap: 'attributes',
      boolTagMap: 'attributes',
      resourceTagsMap: 'resource',
      references: 'links',
      hasError: 'error',
      // Attributes and fields once more, in columns of their own for speed.
      externalHttpMethod: 'ignored',
      externalHttpUrl: 'ignored',
      dbSystem: 'ignored',
      dbName: 'ignored',
      dbOperation: 'ignored',
      peerService: 'ignored',
      httpMethod: 'ignored',
      httpUrl: 'ignored',
      httpRoute: 'ignored',
      httpHost: 'ignored',
      msgSystem: 'ignored',
      msgOperation: 'ignored',
      rpcSystem: 'ignored',
      rpcService: 'ignored',
      rpcMethod: 'ignored',
      responseStatusCode: 'ignored',
      spanKind: 'ignored',
      statusCodeString: 'ignored',
    },
  },
];
