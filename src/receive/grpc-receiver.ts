import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Reason } from '../formats/reasons.ts';
import { SourceDamage } from '../ingest/damage.ts';
import type { BodyFormats } from './body-formats.ts';
import { type Hold, OverBudget, Pieces, RETRY_AFTER_MS } from './budget.ts';
import { ContentTooLarge, contentDecoder } from './content-encoding.ts';
import { type PartialSuccess, RpcCode, status } from './otlp-messages.ts';
import { endpointOf, type Receiver, type ReceiverOptions } from './receiver.ts';
import { isAuthorised } from './token.ts';

// What all protocols over gRPC have in common: unary calls of which each brings one message, who may call, and what they are
// answered; what they differ in is a `GrpcProtocol`.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
// Node's own HTTP/2, for a library that hands over whole messages holds as many of them, in any number of streams, as senders
// begin: here every byte that is held is counted in the `Budget` as it comes, as over HTTP.

export interface GrpcMethod {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** What its messages are. */
  readonly formats: BodyFormats;
  /** Messages are of another signal: acknowledged, dropped, and counted under this reason. */
  readonly drops?: Reason | undefined;
}

export interface GrpcProtocol {
  /** The receiver's name. */
  readonly name: string;
  readonly methods: readonly GrpcMethod[];
  /** Answers a call that was taken; `left` is what was left out of it. */
  accepted(left?: PartialSuccess): Buffer;
}

/** Calls at a time on one connection; further ones wait with their sender. */
const CONCURRENT_CALLS = 100;
/** How long the rest of a message that was refused is read and thrown away. */
const DISCARD_MS = 2000;
const TLS_HANDSHAKE_MS = 10_000;
/** Connections whose other end is gone without a word are found by the system. */
const KEEP_ALIVE_MS = 60_000;

const CONTENT_TYPES = new Set(['application/grpc', 'application/grpc+proto']);
/** Encodings for `grpc-accept-encoding`. */
const ACCEPTED_ENCODINGS = 'identity,gzip,deflate,zstd,snappy';
/** Before each message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/** Begins to listen. Rejects with the error of the system where it cannot. */
export async function startGrpcReceiver(protocol: GrpcProtocol, options: ReceiverOptions): Promise<Receiver> {
  const http2 = await import('node:http2');
  const { tls, host } = options;
  const settings = { settings: { maxConcurrentStreams: CONCURRENT_CALLS, enablePush: false } };
  const server: Http2Server =
    tls === undefined
      ? http2.createServer(settings)
      : http2.createSecureServer({ ...settings, ...tls, handshakeTimeout: TLS_HANDSHAKE_MS });
  const sockets = collectionOf<Socket>(server, 'connection', socket => socket.setKeepAlive(true, KEEP_ALIVE_MS));
  const sessions = collectionOf<ServerHttp2Session>(server, 'session');
  server.on('stream', (stream, headers) => void new Call(protocol, options, stream, headers).answer());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: options.port, backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    endpoint: endpointOf(tls === undefined ? 'http' : 'https', host, port),
    async stop(graceMs) {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      // Senders are told to open no further calls; the connection ends with the last one under way.
      for (const session of sessions) session.close();
      const timer = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** Keeps what the server says it opened, until it is closed. Faults of one are nobody else's. */
function collectionOf<Opened extends Socket | ServerHttp2Session>(
  server: Http2Server,
  event: string,
  onOpen: (opened: Opened) => void = () => {},
): ReadonlySet<Opened> {
  const open = new Set<Opened>();
  server.on(event, (opened: Opened) => {
    open.add(opened);
    opened.on('error', () => {});
    opened.on('close', () => open.delete(opened));
    onOpen(opened);
  });
  return open;
}

/** A call that is not taken, with the code that says why. */
class Refusal extends Error {
  readonly code: RpcCode;
  /** The sender is to try again after this time. */
  readonly retryAfterMs: number | undefined;

  constructor(code: RpcCode, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The sender went away in the middle of a call: there is nobody to answer. */
class CutOff extends Error {}

/** One call and its answer. */
class Call {
  readonly #protocol: GrpcProtocol;
  readonly #options: ReceiverOptions;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;

  constructor(
    protocol: GrpcProtocol,
    options: ReceiverOptions,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ) {
    this.#protocol = protocol;
    this.#options = options;
    this.#stream = stream;
    this.#headers = headers;
  }

  async answer(): Promise<void> {
    const { name } = this.#protocol;
    const { sink, budget } = this.#options;
    // Behind every error follows the close.
    this.#stream.on('error', () => {});
    if (!this.#isGrpc()) {
      sink.refuse(name, 'a request that is no call of gRPC');
      this.#end({ ':status': 415, 'content-type': 'text/plain' });
      return;
    }
    try {
      const method = this.#method();
      using hold = budget.open();
      const message = await this.#readMessage(hold);
      if (method.drops === undefined) await this.#take(method, message);
      else {
        sink.drop(name, method.drops);
        this.#succeed(this.#protocol.accepted());
      }
    } catch (error) {
      if (error instanceof CutOff) sink.refuse(name, error.message);
      else if (error instanceof OverBudget) {
        sink.putOff(name);
        this.#fail(new Refusal(RpcCode.resourceExhausted, OVERLOADED, RETRY_AFTER_MS));
      } else if (error instanceof Refusal) {
        sink.refuse(name, error.message);
        this.#fail(error);
      } else throw error;
    }
  }

  #isGrpc(): boolean {
    const mediaType = this.#headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    return this.#headers[':method'] === 'POST' && CONTENT_TYPES.has(mediaType);
  }

  /** Finds what the call is for, by all that stands before the message. */
  #method(): GrpcMethod {
    const { ':path': path, authorization, 'grpc-encoding': encoding } = this.#headers;
    const { token } = this.#options;
    const method = this.#protocol.methods.find(known => known.path === path);
    if (method === undefined) throw new Refusal(RpcCode.unimplemented, `there is no method ${path}`);
    if (token !== undefined && !isAuthorised(authorization, token)) {
      throw new Refusal(RpcCode.unauthenticated, 'the bearer token is missing or wrong');
    }
    if (contentDecoder(encoding?.toString()) === undefined) {
      throw new Refusal(RpcCode.unimplemented, `the encoding '${encoding}' is not taken; try ${ACCEPTED_ENCODINGS}`);
    }
    return method;
  }

  /** Hands the message over and says what became of it. */
  async #take({ formats }: GrpcMethod, body: Uint8Array): Promise<void> {
    const outcome = await this.#options.sink.accept({ receiver: this.#protocol.name, formats, body });
    switch (outcome.kind) {
      case 'accepted':
        return this.#succeed(this.#protocol.accepted());
      case 'partial':
        return this.#succeed(this.#protocol.accepted(outcome));
      case 'refused':
        return this.#fail(new Refusal(RpcCode.invalidArgument, outcome.message));
      case 'overloaded':
        return this.#fail(new Refusal(RpcCode.resourceExhausted, OVERLOADED, outcome.retryAfterMs));
      case 'unavailable':
        return this.#fail(new Refusal(RpcCode.unavailable, outcome.message, RETRY_AFTER_MS));
    }
  }

  /** Reads the one message of the call, and decompresses it. */
  async #readMessage(hold: Hold): Promise<Uint8Array> {
    const framed = await this.#readToEnd(hold);
    const stored = framed.subarray(PREFIX_BYTES);
    if (framed[0] === 0) return stored;
    const encoding = this.#headers['grpc-encoding']?.toString();
    const decode = contentDecoder(encoding);
    if (encoding === undefined || decode === undefined) {
      throw new Refusal(RpcCode.invalidArgument, 'a compressed message of a call that names no encoding');
    }
    const { requestBytes } = this.#options;
    try {
      return await decode(stored, { limit: requestBytes, hold });
    } catch (error) {
      if (error instanceof ContentTooLarge) throw this.#tooLarge(' when it is decompressed');
      if (error instanceof SourceDamage) {
        throw new Refusal(RpcCode.invalidArgument, `the message is no ${encoding}: ${error.message}`);
      }
      throw error;
    }
  }

  #tooLarge(when: string): Refusal {
    return new Refusal(
      RpcCode.resourceExhausted,
      `the message is larger than ${this.#options.requestBytes} bytes${when}`,
    );
  }

  /** Reads what the sender sends: a message behind its prefix, and no more. */
  #readToEnd(hold: Hold): Promise<Uint8Array> {
    const stream = this.#stream;
    const { requestBytes, requestTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const message = new Pieces(hold);
      /** Bytes of the message and its prefix, once that has come. */
      let expected: number | undefined;
      const onData = (piece: Uint8Array) => {
        attempt(() => message.add(piece));
        if (message.length < PREFIX_BYTES) return;
        if (expected === undefined) {
          expected = PREFIX_BYTES + message.head(PREFIX_BYTES).readUInt32BE(1);
          if (expected > PREFIX_BYTES + requestBytes) return settle(() => reject(this.#tooLarge('')));
        }
        if (message.length > expected) settle(() => reject(malformed('more than one message')));
      };
      const onEnd = () => {
        if (stream.aborted) return;
        if (message.length === 0) settle(() => reject(malformed('no message')));
        else if (message.length !== expected) settle(() => reject(malformed('a message that ends before its length')));
        else attempt(() => settle(() => resolve(message.whole())));
      };
      const onClose = () => settle(() => reject(new CutOff(`a call that was cut off after ${message.length} bytes`)));
      /** There may be no room for it. */
      const attempt = (work: () => void) => {
        try {
          work();
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const timer = setTimeout(() => {
        const seconds = requestTimeoutMs / 1000;
        settle(() => reject(new Refusal(RpcCode.deadlineExceeded, `the message did not come within ${seconds} s`)));
      }, requestTimeoutMs);
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        stream.off('data', onData).off('end', onEnd).off('close', onClose);
        finish();
      };
      stream.on('data', onData).on('end', onEnd).on('close', onClose);
    });
  }

  #succeed(message: Buffer): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(message.length, 1);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
    stream.end(Buffer.concat([prefix, message]));
  }

  #fail({ code, message, retryAfterMs }: Refusal): void {
    this.#end({
      ...RESPONSE_HEADERS,
      'grpc-status': String(code),
      'grpc-message': percentEncoded(message),
      // Without a RetryInfo senders take RESOURCE_EXHAUSTED for final.
      ...(retryAfterMs === undefined ? {} : { 'grpc-status-details-bin': base64(status(code, message, retryAfterMs)) }),
    });
  }

  /**
   * Answers with nothing but headers. Of a message that is still coming the rest is thrown away, until its sender, who has the answer,
   * ends the call; one who does not loses it. To reset the stream at once would take back headers that are not sent yet.
   */
  #end(headers: Readonly<Record<string, string | number>>): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    stream.respond(headers, { endStream: true });
    if (stream.readableEnded) return;
    stream.resume();
    const timer = setTimeout(() => stream.close(), DISCARD_MS);
    stream.on('close', () => clearTimeout(timer));
  }
}

const OVERLOADED = 'more has come than is stored so far; send it again later';

const RESPONSE_HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': ACCEPTED_ENCODINGS,
} as const;

function malformed(what: string): Refusal {
  return new Refusal(RpcCode.invalidArgument, `the call holds ${what}`);
}

/** As `grpc-message` carries text: printable ASCII but for the percent sign as it is, everything else as its bytes of UTF-8. */
function percentEncoded(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\x20-\x24\x26-\x7e]+/gu, part => Buffer.from(part).toString('hex').toUpperCase().replace(/../g, '%$&'));
}

/** Binary headers are written without padding. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
