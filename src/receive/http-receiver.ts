import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Reason } from '../formats/reasons.ts';
import { SourceDamage } from '../ingest/damage.ts';
import type { BodyFormats } from './body-formats.ts';
import { type Hold, OverBudget, Pieces, RETRY_AFTER_MS } from './budget.ts';
import { ACCEPTED_ENCODINGS, ContentTooLarge, contentDecoder } from './content-encoding.ts';
import { endpointOf, type Receiver, type ReceiverOptions } from './receiver.ts';
import { isAuthorised } from './token.ts';

// What all protocols over HTTP have in common: who may send, how much, in which encodings; what they differ in is an
// `HttpProtocol`. Node's own server, for a framework's parts (routes, schemas, parsed bodies) have no work here: errors are
// bodies of the protocol, limits hold behind decompression, and bytes go to the decoders as they are.

/** An answer, but for its length. */
export interface Answer {
  readonly status: number;
  readonly contentType?: string;
  readonly body?: string | Uint8Array;
}

export interface HttpRoute {
  /** What a body of a media type is (in lower case, without parameters; empty where the sender names none). Undefined for one not taken. */
  formatsOf(mediaType: string): BodyFormats | undefined;
  /** Bodies are of another signal: acknowledged, dropped, and counted under this reason. */
  readonly drops?: Reason;
}

export interface HttpProtocol {
  /** The receiver's name. */
  readonly name: string;
  readonly routes: ReadonlyMap<string, HttpRoute>;
  /** Answers a request that was taken; `left` is what was left out of it. */
  accepted(mediaType: string, left?: { readonly rejected: number; readonly message: string }): Answer;
  /** Answers a request that was not. */
  failed(mediaType: string, status: number, message: string): Answer;
}

/** What is read and thrown away of a body that was refused, so that a sender at work sees the answer before the end of the connection. */
const DISCARDED_BYTES = 16 << 20;
const DISCARD_MS = 2000;
const HEADERS_TIMEOUT_MS = 10_000;
/** Longer than clients keep idle connections, so that they and not this end close them: a request would meet a closed door. */
const KEEP_ALIVE_MS = 75_000;
const TIMEOUTS_CHECKED_EVERY_MS = 1000;
const PREFLIGHT_SECONDS = 7200;

/** Begins to listen. Rejects with the error of the system where it cannot. */
export async function startHttpReceiver(protocol: HttpProtocol, options: ReceiverOptions): Promise<Receiver> {
  const settings = {
    requestTimeout: options.requestTimeoutMs,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, options.requestTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(TIMEOUTS_CHECKED_EVERY_MS, options.requestTimeoutMs),
  };
  const { tls } = options;
  const server: Server =
    tls === undefined
      ? (await import('node:http')).createServer(settings)
      : (await import('node:https')).createServer({ ...settings, ...tls });
  let isStopping = false;
  const serve = async (request: IncomingMessage, response: ServerResponse, waitsForContinue: boolean) => {
    // A connection whose answer was under way when the server was closed is idle only now.
    response.once('close', () => isStopping && server.closeIdleConnections());
    await new Exchange(protocol, options, request, response).answer(waitsForContinue);
  };
  server.on('request', (request, response) => serve(request, response, false));
  server.on('checkContinue', (request, response) => serve(request, response, true));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    endpoint: endpointOf(tls === undefined ? 'http' : 'https', options.host, port),
    async stop(graceMs) {
      isStopping = true;
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** A request that is not taken, with the status that says why. */
class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The sender went away in the middle of a request: there is nobody to answer. */
class CutOff extends Error {}

/** One request and its answer. */
class Exchange {
  readonly #protocol: HttpProtocol;
  readonly #options: ReceiverOptions;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #mediaType: string;

  constructor(protocol: HttpProtocol, options: ReceiverOptions, request: IncomingMessage, response: ServerResponse) {
    this.#protocol = protocol;
    this.#options = options;
    this.#request = request;
    this.#response = response;
    this.#mediaType = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  }

  /** Answers the request. `waitsForContinue`: the sender holds the body back until it is asked for. */
  async answer(waitsForContinue: boolean): Promise<void> {
    const { name } = this.#protocol;
    const { sink, budget } = this.#options;
    try {
      const route = this.#route();
      if (route === undefined) return;
      if (waitsForContinue) this.#response.writeContinue();
      using hold = budget.open();
      if (route.drops === undefined) await this.#take(route, hold);
      else {
        await this.#readBody(hold);
        sink.drop(name, route.drops);
        this.#send(this.#protocol.accepted(this.#mediaType));
      }
    } catch (error) {
      if (error instanceof CutOff) sink.refuse(name, error.message);
      else if (error instanceof OverBudget) {
        sink.putOff(name);
        this.#send(this.#protocol.failed(this.#mediaType, 429, OVERLOADED), retryAfter(RETRY_AFTER_MS));
      } else if (error instanceof Refusal) {
        sink.refuse(name, `${error.status} ${error.message}`);
        this.#send(this.#protocol.failed(this.#mediaType, error.status, error.message), error.headers);
      } else throw error;
    }
    this.#discardRest();
  }

  /** Finds what the request is for, by all that stands before the body. Undefined where it is answered already. */
  #route(): HttpRoute | undefined {
    const { method, headers, url = '' } = this.#request;
    const { token, requestBytes } = this.#options;
    const route = this.#protocol.routes.get(url.split('?', 1)[0] ?? '');
    if (route === undefined) throw new Refusal(404, `nothing is received at this path; try ${this.#paths()}`);
    if (method === 'OPTIONS' && this.#allowedOrigin() !== undefined) {
      this.#send({ status: 204 }, this.#preflightHeaders());
      return undefined;
    }
    if (method !== 'POST') throw new Refusal(405, 'traces are sent with POST', { Allow: 'POST' });
    if (token !== undefined && !isAuthorised(headers.authorization, token)) {
      throw new Refusal(401, 'the bearer token is missing or wrong', { 'WWW-Authenticate': 'Bearer' });
    }
    if (route.formatsOf(this.#mediaType) === undefined) {
      throw new Refusal(415, `the content type '${this.#mediaType}' is not taken`);
    }
    if (contentDecoder(headers['content-encoding']) === undefined) {
      throw new Refusal(415, `the content encoding '${headers['content-encoding']}' is not taken`, {
        'Accept-Encoding': ACCEPTED_ENCODINGS,
      });
    }
    if (Number(headers['content-length'] ?? 0) > requestBytes) throw this.#tooLarge('');
    return route;
  }

  #paths(): string {
    return [...this.#protocol.routes.keys()].find(path => path !== '/') ?? '/';
  }

  /** Hands the request over and says what became of it. */
  async #take(route: HttpRoute, hold: Hold): Promise<void> {
    const body = await this.#readContent(hold);
    const formats = route.formatsOf(this.#mediaType);
    if (formats === undefined) throw new Error('the content type was looked at before');
    const outcome = await this.#options.sink.accept({ receiver: this.#protocol.name, formats, body });
    switch (outcome.kind) {
      case 'accepted':
        return this.#send(this.#protocol.accepted(this.#mediaType));
      case 'partial':
        return this.#send(this.#protocol.accepted(this.#mediaType, outcome));
      case 'refused':
        return this.#send(this.#protocol.failed(this.#mediaType, 400, outcome.message));
      case 'overloaded':
        return this.#send(this.#protocol.failed(this.#mediaType, 429, OVERLOADED), retryAfter(outcome.retryAfterMs));
      case 'unavailable':
        return this.#send(this.#protocol.failed(this.#mediaType, 503, outcome.message), retryAfter(RETRY_AFTER_MS));
    }
  }

  /** Reads the body and decompresses it. */
  async #readContent(hold: Hold): Promise<Uint8Array> {
    const encoding = this.#request.headers['content-encoding'];
    const stored = await this.#readBody(hold);
    const decode = contentDecoder(encoding);
    if (decode === undefined) throw new Error('the content encoding was looked at before');
    try {
      return await decode(stored, { limit: this.#options.requestBytes, hold });
    } catch (error) {
      if (error instanceof ContentTooLarge) throw this.#tooLarge(' when it is decompressed');
      if (error instanceof SourceDamage) throw new Refusal(400, `the body is no ${encoding}: ${error.message}`);
      throw error;
    }
  }

  #tooLarge(when: string): Refusal {
    return new Refusal(413, `the body is larger than ${this.#options.requestBytes} bytes${when}`);
  }

  #readBody(hold: Hold): Promise<Uint8Array> {
    const request = this.#request;
    const { requestBytes } = this.#options;
    return new Promise((resolve, reject) => {
      const body = new Pieces(hold);
      const onData = (piece: Uint8Array) => {
        if (body.length + piece.length > requestBytes) settle(() => reject(this.#tooLarge('')));
        else attempt(() => body.add(piece));
      };
      const onEnd = () => attempt(() => settle(() => resolve(body.whole())));
      const onClose = () => settle(() => reject(new CutOff(`a body that was cut off after ${body.length} bytes`)));
      /** There may be no room for it. */
      const attempt = (work: () => void) => {
        try {
          work();
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const settle = (finish: () => void) => {
        request.off('data', onData).off('end', onEnd).off('close', onClose);
        finish();
      };
      // Behind every error follows the close.
      request.on('error', () => {});
      request.on('data', onData).on('end', onEnd).on('close', onClose);
    });
  }

  /** Reads on for a while where the body was not wanted, then hangs up. */
  #discardRest(): void {
    const request = this.#request;
    if (request.complete || request.destroyed) return;
    let left = DISCARDED_BYTES;
    const timer = setTimeout(() => request.destroy(), DISCARD_MS);
    request.on('error', () => {});
    request.on('close', () => clearTimeout(timer));
    request.on('data', (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left < 0) request.destroy();
    });
  }

  #send(answer: Answer, headers: Readonly<Record<string, string>> = {}): void {
    const response = this.#response;
    const body = answer.body ?? '';
    response.on('error', () => {});
    response.writeHead(answer.status, {
      ...headers,
      ...this.#originHeaders(),
      ...(answer.contentType === undefined ? {} : { 'Content-Type': answer.contentType }),
      ...(answer.status === 204 ? {} : { 'Content-Length': Buffer.byteLength(body) }),
    });
    response.end(body);
  }

  /** The origin of the page that sends, if it may. */
  #allowedOrigin(): string | undefined {
    const { origins } = this.#options;
    const { origin } = this.#request.headers;
    if (origin === undefined) return undefined;
    return origins.includes('*') || origins.includes(origin) ? origin : undefined;
  }

  #originHeaders(): Readonly<Record<string, string>> {
    const origin = this.#allowedOrigin();
    return origin === undefined ? {} : { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' };
  }

  #preflightHeaders(): Readonly<Record<string, string>> {
    return {
      'Access-Control-Allow-Methods': 'POST',
      'Access-Control-Allow-Headers': this.#request.headers['access-control-request-headers'] ?? 'content-type',
      'Access-Control-Max-Age': String(PREFLIGHT_SECONDS),
    };
  }
}

const OVERLOADED = 'more has come than is stored so far; send it again later';

function retryAfter(ms: number): Readonly<Record<string, string>> {
  return { 'Retry-After': String(Math.ceil(ms / 1000)) };
}
