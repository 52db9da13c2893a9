import { UserError } from '../errors.ts';
import type { Budget } from './budget.ts';
import type { Sink } from './sink.ts';

// What a receiver is: something that listens from its start to its stop. The registry is index.ts.

export interface ReceiverOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly sink: Sink;
  readonly budget: Budget;
  /** Largest body, as sent and decompressed, in bytes. */
  readonly requestBytes: number;
  /** Certificate chain and key, as PEM. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** What senders must give as their bearer token. */
  readonly token?: string | undefined;
  /** Origins whose pages may send, or `*`. */
  readonly origins: readonly string[];
  /** How long a request may take to arrive. */
  readonly requestTimeoutMs: number;
}

export const DEFAULT_REQUEST_BYTES = 64 << 20;
export const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;

export interface Receiver {
  readonly port: number;
  /** Where senders reach it: `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  /** Takes no more connections; resolves when what is under way is answered, or after `graceMs` broken off. */
  stop(graceMs: number): Promise<void>;
}

export interface ReceiverEntry {
  readonly name: string;
  readonly title: string;
  readonly defaultPort: number;
  /** The option that names another port. */
  readonly portOption: string;
  /** Receivers that are started together. */
  readonly group: 'otlp' | 'zipkin' | 'jaeger';
  /** Begins to listen. Throws the error of the system where it cannot. */
  start(options: ReceiverOptions): Promise<Receiver>;
}

/** Returns an address as it stands in a URL. */
export function endpointOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The error of a system that does not let a receiver listen, as what to do about it. */
export function listenError(error: unknown, { title, portOption }: ReceiverEntry, host: string, port: number): unknown {
  const text = error instanceof Error ? `${'code' in error ? error.code : ''} ${error.message}` : '';
  const option = `${portOption} names another port, 0 takes any free one`;
  if (/\bEADDRINUSE\b/.test(text)) {
    return new UserError(`port ${port} for ${title} is in use`, { hint: option, cause: error });
  }
  if (/\bEACCES\b/.test(text)) {
    return new UserError(`port ${port} for ${title} may not be used: permission denied`, {
      hint: option,
      cause: error,
    });
  }
  if (/\b(EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN|EINVAL)\b/.test(text)) {
    return new UserError(`${host} is no address of this machine`, {
      hint: '--host takes an address of this machine, or 0.0.0.0 for all',
      cause: error,
    });
  }
  return error;
}
