import type { BinaryFormat, JsonFormat, TraceFormat } from './format.ts';
import { jaegerJson } from './jaeger-json/index.ts';
import { otlpJson } from './otlp-json/index.ts';
import { otlpProto } from './otlp-proto/index.ts';
import { unread } from './unread.ts';
import { zipkinJson } from './zipkin-json/index.ts';

/** The formats that are read, strictest first: the first one that recognises a document reads it. */
export const FORMATS: readonly TraceFormat[] = [otlpProto, otlpJson, jaegerJson, zipkinJson];

/** The formats of JSON documents, with those that are only recognised behind them. */
export const JSON_FORMATS: readonly JsonFormat[] = [
  ...FORMATS.filter((format): format is JsonFormat => format.family === 'json'),
  unread,
];

export const BINARY_FORMATS: readonly BinaryFormat[] = FORMATS.filter(
  (format): format is BinaryFormat => format.family === 'binary',
);
