import protobuf from 'protobufjs';
import type { HttpAnswer } from './receiving.ts';

// Answers by their published schemas, as docs/receivers.md writes them.

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message ExportTracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
  message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }
`);

interface Status {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly typeUrl: string; readonly value: Uint8Array }[];
}

function decoded<Message>(type: string, bytes: Uint8Array): Message {
  const known = root.lookupType(type);
  return known.toObject(known.decode(bytes), { longs: String, defaults: true, arrays: true }) as Message;
}

export const statusOf = (bytes: Uint8Array) => decoded<Status>('Status', bytes);

/** What a partial success says; undefined where there is none. */
export function partialSuccessOf(bytes: Uint8Array): { rejectedSpans: string; errorMessage: string } | undefined {
  return (
    decoded<{ partialSuccess?: { rejectedSpans: string; errorMessage: string } | null }>(
      'ExportTraceServiceResponse',
      bytes,
    ).partialSuccess ?? undefined
  );
}

/** The delay of a status with a RetryInfo, as `1s`. */
export function retryDelayOf({ details }: Status): string | undefined {
  const info = details.find(({ typeUrl }) => typeUrl === 'type.googleapis.com/google.rpc.RetryInfo');
  if (info === undefined) return undefined;
  const { retryDelay } = decoded<{ retryDelay: { seconds: string; nanos: number } }>('RetryInfo', info.value);
  return `${Number(retryDelay.seconds) + retryDelay.nanos / 1e9}s`;
}

const HEADERS = ['allow', 'retry-after', 'www-authenticate'];
const NAMES: Readonly<Record<string, string>> = {
  allow: 'Allow',
  'retry-after': 'Retry-After',
  'www-authenticate': 'WWW-Authenticate',
};

/** An answer of OTLP/HTTP in short: `200`, `200 {}`, `400 Status 3`, `415 text, Allow: POST`. */
export function brief({ status, headers, body }: HttpAnswer): string {
  const extra = HEADERS.filter(name => headers[name] !== undefined).map(name => `${NAMES[name]}: ${headers[name]}`);
  return [`${status}${briefBody(String(headers['content-type'] ?? ''), status, body)}`, ...extra].join(', ');
}

function briefBody(contentType: string, status: number, body: Buffer): string {
  if (contentType.startsWith('text/plain')) return /^\S.+\n$/.test(body.toString()) ? ' text' : ` text ${body}`;
  if (contentType === 'application/json') {
    const json = JSON.parse(body.toString());
    if (status === 200) {
      const { partialSuccess } = json;
      if (partialSuccess === undefined) return ` ${body}`;
      return ` partial success, ${partialSuccess.rejectedSpans ?? 0} rejected`;
    }
    return ` Status ${json.code}${typeof json.message === 'string' && json.message !== '' ? '' : ' without a message'}`;
  }
  if (body.length === 0) return '';
  if (status === 200) return ` partial success, ${partialSuccessOf(body)?.rejectedSpans} rejected`;
  const { code, message } = statusOf(body);
  return ` Status ${code}${message === '' ? ' without a message' : ''}`;
}
