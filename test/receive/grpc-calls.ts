import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import {
  Client,
  type ClientOptions,
  type compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { partialSuccessOf, retryDelayOf, statusOf } from './answers.ts';

// Calls of gRPC by its own library, and as bytes over HTTP/2; and their answers as docs/receivers.md writes them.

export const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
export const POST_SPANS = '/jaeger.api_v2.CollectorService/PostSpans';

export interface Call {
  readonly method: string;
  readonly body: Uint8Array;
  readonly compression?: compressionAlgorithms;
  readonly token?: string;
}

export type CallAnswer = { readonly response: Buffer } | { readonly error: ServiceError };

const asIs = (bytes: Buffer) => bytes;

/** Opens a client of the test's own. */
export function clientOf(port: number, options: ClientOptions = {}): Client {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  onTestFinished(() => client.close());
  return client;
}

export function call(client: Client, { method, body, token }: Call): Promise<CallAnswer> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return new Promise(resolve => {
    client.makeUnaryRequest(method, asIs, asIs, Buffer.from(body), metadata, (error, response) => {
      resolve(error === null ? { response: response ?? Buffer.alloc(0) } : { error });
    });
  });
}

/** An answer in short: `OK`, `OK, partial success, 2 rejected`, `RESOURCE_EXHAUSTED, RetryInfo 1s`. */
export function brief(answer: CallAnswer): string {
  if ('response' in answer) {
    const partial = partialSuccessOf(answer.response);
    return partial === undefined ? 'OK' : `OK, partial success, ${partial.rejectedSpans} rejected`;
  }
  const { code, metadata } = answer.error;
  const [details] = metadata.get('grpc-status-details-bin');
  const delay = Buffer.isBuffer(details) ? `, RetryInfo ${retryDelayOf(statusOf(details))}` : '';
  return `${status[code]}${delay}`;
}

/** Opens a connection of the test's own. What waits to be sent counts as memory of the session, and may be much. */
export function sessionTo(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1000 });
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** A message behind its prefix; `length` where that lies. */
export function framed(message: Uint8Array, isCompressed = false, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

export interface RawCall {
  readonly bytes: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** The sender does not end the call. */
  readonly isOpen?: boolean;
}

/** Makes a call of `EXPORT` by bytes; returns the answer in short, or `broken off`. */
export function rawCall(session: ClientHttp2Session, { bytes, headers, isOpen = false }: RawCall): Promise<string> {
  const stream = session.request({
    ':method': 'POST',
    ':path': EXPORT,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const answer: IncomingHttpHeaders = {};
  stream.on('response', fields => Object.assign(answer, fields));
  stream.on('trailers', fields => Object.assign(answer, fields));
  stream.on('error', () => {});
  stream.resume();
  if (bytes.length > 0) stream.write(bytes);
  if (!isOpen) stream.end();
  return new Promise(resolve => {
    stream.on('close', () => {
      const { ':status': httpStatus, 'grpc-status': code } = answer;
      if (httpStatus === undefined) resolve('broken off');
      else if (code === undefined) resolve(`HTTP ${httpStatus}`);
      else resolve(code === '0' ? 'OK' : `${status[Number(code)]}`);
    });
  });
}
