import { appInsights } from './app-insights/index.ts';
import { chromeTrace } from './chrome-trace/index.ts';
import { clickhouseJson } from './clickhouse-json/index.ts';
import { csvSpans } from './csv-spans/index.ts';
import { dataPrepper } from './data-prepper/index.ts';
import { datadogJson } from './datadog-json/index.ts';
import { datadogMsgpack } from './datadog-msgpack/index.ts';
import { dotnetConsole } from './dotnet-console/index.ts';
import { elasticApm } from './elastic-apm/index.ts';
import type { BinaryFormat, FileFormat, JsonFormat, TextFormat, TraceFormat } from './format.ts';
import { goStdouttrace } from './go-stdouttrace/index.ts';
import { googleCloudTrace } from './google-cloud-trace/index.ts';
import { honeycomb } from './honeycomb/index.ts';
import { jaegerEs } from './jaeger-es/index.ts';
import { jaegerJson } from './jaeger-json/index.ts';
import { jaegerModelJson } from './jaeger-model-json/index.ts';
import { jaegerModelProto } from './jaeger-model-proto/index.ts';
import { jaegerThrift } from './jaeger-thrift/index.ts';
import { jsConsole } from './js-console/index.ts';
import { otelcolDebug } from './otelcol-debug/index.ts';
import { otlpJson } from './otlp-json/index.ts';
import { otlpProto } from './otlp-proto/index.ts';
import { parquet } from './parquet/index.ts';
import { pythonConsole } from './python-console/index.ts';
import { rowArrayDocuments, rowArrays } from './row-arrays/index.ts';
import { knownRowJson, rowJson } from './row-json/index.ts';
import { sentryEnvelope } from './sentry-envelope/index.ts';
import { skywalking } from './skywalking/index.ts';
import { unread } from './unread.ts';
import { xray } from './xray/index.ts';
import { zipkinJson } from './zipkin-json/index.ts';
import { zipkinProto } from './zipkin-proto/index.ts';
import { zipkinProtoJson } from './zipkin-proto-json/index.ts';
import { zipkinThrift } from './zipkin-thrift/index.ts';
import { zipkinV1Json } from './zipkin-v1-json/index.ts';

/** The formats that are read, strictest first: the first one that recognises a document reads it. */
export const FORMATS: readonly TraceFormat[] = [
  zipkinProto,
  zipkinThrift,
  jaegerThrift,
  jaegerModelProto,
  otlpProto,
  otlpJson,
  jaegerEs,
  jaegerJson,
  jaegerModelJson,
  zipkinV1Json,
  zipkinJson,
  zipkinProtoJson,
  clickhouseJson,
  dataPrepper,
  xray,
  skywalking,
  pythonConsole,
  goStdouttrace,
  jsConsole,
  otelcolDebug,
  dotnetConsole,
  chromeTrace,
  datadogJson,
  datadogMsgpack,
  elasticApm,
  googleCloudTrace,
  honeycomb,
  appInsights,
  sentryEnvelope,
  csvSpans,
  rowArrays,
  parquet,
  // Anything with ids and a start: behind all others.
  rowJson,
];

/** The formats of JSON documents, with those that are only recognised behind them. */
export const JSON_FORMATS: readonly JsonFormat[] = [
  knownRowJson,
  rowArrayDocuments,
  ...FORMATS.filter((format): format is JsonFormat => format.family === 'json'),
  unread,
];

export const BINARY_FORMATS: readonly BinaryFormat[] = FORMATS.filter(
  (format): format is BinaryFormat => format.family === 'binary',
);

export const TEXT_FORMATS: readonly TextFormat[] = FORMATS.filter(
  (format): format is TextFormat => format.family === 'text',
);

export const FILE_FORMATS: readonly FileFormat[] = FORMATS.filter(
  (format): format is FileFormat => format.family === 'file',
);
