import type { BinaryFormat, JsonFormat } from '../formats/format.ts';
import { jaegerModelProto } from '../formats/jaeger-model-proto/index.ts';
import { jaegerThrift } from '../formats/jaeger-thrift/index.ts';
import { otlpJson } from '../formats/otlp-json/index.ts';
import { otlpProto } from '../formats/otlp-proto/index.ts';
import { zipkinJson } from '../formats/zipkin-json/index.ts';
import { zipkinProto } from '../formats/zipkin-proto/index.ts';
import { zipkinThrift } from '../formats/zipkin-thrift/index.ts';
import { zipkinV1Json } from '../formats/zipkin-v1-json/index.ts';

// What a body may be, by what its protocol says of it. A file may be anything; a body is what its address and content type
// name, and nothing else is looked for in it.

export type BodyFormats = {
  /** Stands for them in a journal: never given to others, and never changed. */
  readonly code: number;
} & (
  | {
      readonly family: 'json';
      readonly formats: readonly JsonFormat[];
      /** The body of a request that holds nothing. */
      readonly empty: string;
    }
  /** The first bytes tell between several. */
  | { readonly family: 'binary'; readonly formats: readonly BinaryFormat[] }
);

export const OTLP_PROTOBUF: BodyFormats = { code: 1, family: 'binary', formats: [otlpProto] };
export const OTLP_JSON: BodyFormats = { code: 2, family: 'json', formats: [otlpJson], empty: '{}' };
export const ZIPKIN_PROTOBUF: BodyFormats = { code: 3, family: 'binary', formats: [zipkinProto] };
/** Both versions at either address, as Zipkin itself has it. */
export const ZIPKIN_JSON: BodyFormats = { code: 4, family: 'json', formats: [zipkinV1Json, zipkinJson], empty: '[]' };
export const ZIPKIN_THRIFT: BodyFormats = { code: 5, family: 'binary', formats: [zipkinThrift] };
export const JAEGER_THRIFT: BodyFormats = { code: 6, family: 'binary', formats: [jaegerThrift] };
/** Calls of Jaeger's agent. */
export const AGENT_CALLS: BodyFormats = { code: 7, family: 'binary', formats: [jaegerThrift, zipkinThrift] };
export const JAEGER_PROTOBUF: BodyFormats = { code: 8, family: 'binary', formats: [jaegerModelProto] };

/** All of them. */
export const BODY_FORMATS: readonly BodyFormats[] = [
  OTLP_PROTOBUF,
  OTLP_JSON,
  ZIPKIN_PROTOBUF,
  ZIPKIN_JSON,
  ZIPKIN_THRIFT,
  JAEGER_THRIFT,
  AGENT_CALLS,
  JAEGER_PROTOBUF,
];
