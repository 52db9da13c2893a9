// The answers of OTLP, as protobuf and as JSON. They are three small messages, written by hand; the tests read them by their
// published schemas.
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/collector/trace/v1/trace_service.proto
// https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto and error_details.proto

/** Codes of google.rpc.Code that receivers answer with. */
export const RpcCode = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;
export type RpcCode = (typeof RpcCode)[keyof typeof RpcCode];

/** What was left out of a request that was taken; 0 rejected where the message is only a warning. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/** Returns an ExportTraceServiceResponse; without a partial success it is empty, and so is that of every other signal. */
export function exportResponse(partial?: PartialSuccess): Buffer {
  if (partial === undefined) return Buffer.alloc(0);
  return bytesField(1, Buffer.concat([integerField(1, partial.rejected), textField(2, partial.message)]));
}

export function exportResponseJson(partial?: PartialSuccess): string {
  if (partial === undefined) return '{}';
  const { rejected, message } = partial;
  // proto3's JSON leaves zeros out and writes 64-bit integers as strings.
  const rejectedSpans = rejected === 0 ? {} : { rejectedSpans: String(rejected) };
  return JSON.stringify({ partialSuccess: { ...rejectedSpans, errorMessage: message } });
}

/** Returns a google.rpc.Status; with `retryAfterMs` a RetryInfo tells the sender when to try again. */
export function status(code: RpcCode, message: string, retryAfterMs?: number): Buffer {
  const details = retryAfterMs === undefined ? [] : [bytesField(3, retryInfo(retryAfterMs))];
  return Buffer.concat([integerField(1, code), textField(2, message), ...details]);
}

export function statusJson(code: RpcCode, message: string): string {
  return JSON.stringify({ code, message });
}

/** A RetryInfo in an Any. */
function retryInfo(ms: number): Buffer {
  const delay = Buffer.concat([integerField(1, Math.floor(ms / 1000)), integerField(2, (ms % 1000) * 1e6)]);
  return Buffer.concat([textField(1, 'type.googleapis.com/google.rpc.RetryInfo'), bytesField(2, bytesField(1, delay))]);
}

function textField(number: number, text: string): Buffer {
  return bytesField(number, Buffer.from(text));
}

function bytesField(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** A zero is not written. */
function integerField(number: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.concat([varint(number * 8), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
