import type { BinaryFormat, JsonFormat } from '../formats/format.ts';
import { jaegerThrift } from '../formats/jaeger-thrift/index.ts';
import { otlpJson } from '../formats/otlp-json/index.ts';
import { otlpProto } from '../formats/otlp-proto/index.ts';
import { zipkinJson } from '../formats/zipkin-json/index.ts';
import { zipkinProto } from '../formats/zipkin-proto/index.ts';
import { zipkinThrift } from '../formats/zipkin-thrift/index.ts';
import { zipkinV1Json } from '../formats/zipkin-v1-json/index.ts';

// What a body may be, by what its protocol says of it. A file may be anything; a body is what its address and content type
// name, and nothing else is looked for in it.

export type BodyFormats =
  | {
      readonly family: 'json';
      readonly formats: readonly JsonFormat[];
      /** The body of a request that holds nothing. */
      readonly empty: string;
    }
  /** The first bytes tell between several. */
  | { readonly family: 'binary'; readonly formats: readonly BinaryFormat[] };

export const OTLP_PROTOBUF: BodyFormats = { family: 'binary', formats: [otlpProto] };
export const OTLP_JSON: BodyFormats = { family: 'json', formats: [otlpJson], empty: '{}' };
export const ZIPKIN_PROTOBUF: BodyFormats = { family: 'binary', formats: [zipkinProto] };
/** Both versions at either address, as Zipkin itself has it. */
export const ZIPKIN_JSON: BodyFormats = { family: 'json', formats: [zipkinV1Json, zipkinJson], empty: '[]' };
export const ZIPKIN_THRIFT: BodyFormats = { family: 'binary', formats: [zipkinThrift] };
export const JAEGER_THRIFT: BodyFormats = { family: 'binary', formats: [jaegerThrift] };
/** Calls of Jaeger's agent. */
export const AGENT_CALLS: BodyFormats = { family: 'binary', formats: [jaegerThrift, zipkinThrift] };
