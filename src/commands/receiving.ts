import { readFileSync } from 'node:fs';
import { journalFolder } from '../config/paths.ts';
import { programVersion } from '../config/version.ts';
import { UserError } from '../errors.ts';
import type { SpanBatch } from '../model/span-batch.ts';
import { budgetBytesFor } from '../receive/budget.ts';
import { RECEIVERS } from '../receive/index.ts';
import type { Listening, Received, ReceiveTask } from '../receive/receive-worker.ts';
import {
  DEFAULT_REQUEST_BYTES,
  DEFAULT_REQUEST_TIMEOUT_MS,
  type ReceiverEntry,
  type ReceiverOptions,
} from '../receive/receiver.ts';
import type { SessionEnd } from '../receive/session.ts';
import type { Commit } from '../store/loader.ts';
import type { ServedReads } from '../store/served/server.ts';
import type { Store } from '../store/store.ts';
import type { AnyOption, CommandContext, Option } from './command.ts';
import { byteSize, KEEP, MAX_SIZE, retentionLimits, wholeNumber } from './options.ts';
import { reasonOf } from './reason.ts';
import { hasRetention, Retention } from './retention.ts';

// Receivers over a database, as the commands that receive have them: listen, tail and run.

/** The loopback, unless it is named otherwise: whoever reaches a receiver can send to it. */
const HOST: Option<string> = {
  flags: '--host <address>',
  description: 'address to listen on; 0.0.0.0 for all',
  group: 'Input',
  default: '127.0.0.1',
  parse: text => text,
};

function portOption(name: string, what: string, preset: number): Option<number> {
  return {
    flags: `${name} <port>`,
    description: `port for ${what}, 0 for any free one`,
    group: 'Input',
    default: preset,
    parse: wholeNumber(name, { most: 65_535 }),
  };
}

const PORTS: ReadonlyMap<string, Option<number>> = new Map(
  RECEIVERS.map(({ portOption: name, title, defaultPort }) => [name, portOption(name, title, defaultPort)]),
);
const ZIPKIN: Option<boolean> = { flags: '--zipkin', description: 'receive from Zipkin clients, too', group: 'Input' };
const JAEGER: Option<boolean> = {
  flags: '--jaeger',
  description: 'receive from Jaeger clients, too: gRPC, and Thrift over HTTP and UDP',
  group: 'Input',
};
const TLS_CERT: Option<string> = {
  flags: '--tls-cert <file>',
  description: 'certificate chain (PEM): receive over TLS only',
  group: 'Input',
  parse: text => text,
};
const TLS_KEY: Option<string> = {
  flags: '--tls-key <file>',
  description: 'private key (PEM) of the certificate',
  group: 'Input',
  parse: text => text,
};
const TOKEN_FILE: Option<string> = {
  flags: '--token-file <file>',
  description: 'file with the bearer token that senders must give',
  group: 'Input',
  parse: text => text,
};
const CORS: Option<readonly string[]> = {
  flags: '--cors <origin>',
  description: 'origin whose pages may send, * for any; may be repeated',
  group: 'Input',
  parse: (text, previous) => [...(previous ?? []), text],
};
const MAX_REQUEST_SIZE: Option<number> = {
  flags: '--max-request-size <size>',
  description: 'largest request, as sent and decompressed (default: 64MiB)',
  group: 'Input',
  parse: byteSize('--max-request-size'),
};

const FAST: Option<boolean> = {
  flags: '--fast',
  description: 'acknowledge requests before they are on the disk: what a crash finds in memory is lost',
  group: 'Input',
};

/** The options of all commands that receive. */
export const RECEIVING_OPTIONS: readonly AnyOption[] = [
  HOST,
  ...PORTS.values(),
  ZIPKIN,
  JAEGER,
  TLS_CERT,
  TLS_KEY,
  TOKEN_FILE,
  CORS,
  MAX_REQUEST_SIZE,
  FAST,
];

/** What a receiver's database is to keep, of commands that go on. */
export const RETENTION_OPTIONS: readonly AnyOption[] = [KEEP, MAX_SIZE];

/** How long requests that are under way may take when receivers stop. */
const GRACE_MS = 2000;
/** A complete trace is stored when nothing more came to it for this long. */
const SETTLE_MS = 1000;

export interface ReceivingHooks {
  /** Behind every commit: what it wrote has span numbers from `firstSpanNo` on; traces that grew are written anew. */
  readonly onCommit?: (commit: Commit) => void;
  /** A few times a second while something comes. */
  readonly onReceived?: (received: Received) => void;
  /** Every batch of spans as it comes, before it is stored. */
  readonly onBatch?: (batch: SpanBatch) => void;
}

export interface ReceivingSettings {
  /** Any free ports, whatever the options say. */
  readonly ports?: 'ephemeral';
  readonly settleMs?: number;
}

export interface Receiving {
  readonly receivers: readonly Listening[];
  /** Rejects with the first failure of storing; else it is pending. */
  readonly failed: Promise<never>;
  /** Writes and commits all that was acknowledged so far, settled or not. */
  commit(): Promise<void>;
  /** Stops the receivers, commits what they took, and answers what came. Other commands can go on reading. */
  stop(): Promise<SessionEnd>;
  /** The way out of an error. What was acknowledged is stored by the next command that opens the database. */
  abort(): Promise<void>;
  /** Lets no other command read any more. To be awaited before the store is closed, stopped or aborted. */
  close(): Promise<void>;
}

/** Starts receivers that store into a database, and says where they are. */
export async function startReceiving(
  context: CommandContext,
  store: Store,
  hooks: ReceivingHooks,
  { ports, settleMs = SETTLE_MS }: ReceivingSettings = {},
): Promise<Receiving> {
  const { path } = store.database;
  // What they say is asked again whenever something may go; a mistake is told at once.
  retentionLimits(context);
  // A database in memory goes with the process, and a journal would outlive it.
  const journal = path === ':memory:' || context.get(FAST) === true ? undefined : journalFolder(path);
  const task = await receiveTask(context, ports, journal);
  const loader = await store.loader();
  const { Session } = await import('../receive/session.ts');
  const session = await Session.start(loader, task, { settleMs, ...hooks });
  let served: ServedReads | undefined;
  if (path !== ':memory:') {
    const { serveReads } = await import('../store/served/server.ts');
    try {
      served = await serveReads(store.database, {
        version: programVersion(),
        beforeRead: () => session.commit(),
      });
    } catch (error) {
      await session.stop(0);
      throw error;
    }
  }
  const retention = hasRetention(context) ? await Retention.begin(context, store, session) : undefined;
  const titleOf = (name: string) => RECEIVERS.find(entry => entry.name === name)?.title ?? name;
  const endpoints = session.receivers.map(({ name, endpoint }) => `${titleOf(name)} on ${endpoint}`);
  await context.say(`listening for ${endpoints.join(', ')}`);
  if (task.token === undefined && !/^(127\.|::1$|localhost$)/.test(task.host)) {
    await context.say('whoever reaches this machine can send; --token-file asks them for a token');
  }
  return {
    receivers: session.receivers,
    failed: session.failed,
    commit: () => session.commit(),
    async stop() {
      await retention?.stop();
      const end = await session.stop(GRACE_MS);
      await loader.checkpoint();
      if (journal !== undefined) (await import('../receive/journal.ts')).removeJournal(journal);
      return end;
    },
    async abort() {
      await retention?.stop();
      await session.abort();
      if (journal === undefined) return;
      const { journalSegments } = await import('../receive/journal.ts');
      if (journalSegments(journal).length === 0) return;
      await context.say(`what was acknowledged and is not stored is kept in ${journal}: the next command stores it`);
    },
    close: async () => served?.close(),
  };
}

function isWanted(group: ReceiverEntry['group'], context: CommandContext): boolean {
  switch (group) {
    case 'otlp':
      return true;
    case 'zipkin':
      return context.get(ZIPKIN) === true;
    case 'jaeger':
      return context.get(JAEGER) === true;
  }
}

/** What the flags say of receivers. Throws `UserError` where they contradict each other or name what cannot be read. */
async function receiveTask(
  context: CommandContext,
  ports: ReceivingSettings['ports'],
  journal: string | undefined,
): Promise<Omit<ReceiveTask, 'producer'>> {
  const tokenFile = context.get(TOKEN_FILE);
  if (tokenFile !== undefined && context.get(JAEGER) === true) {
    throw new UserError('--jaeger takes datagrams, which carry no token', {
      hint: 'leave out --jaeger or --token-file',
    });
  }
  const token = tokenFile === undefined ? undefined : textOf('--token-file', tokenFile).trim();
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new UserError(`${tokenFile} holds no token`, {
      hint: 'a token is one word, for example of openssl rand -hex 32',
    });
  }
  const requestBytes = context.get(MAX_REQUEST_SIZE) ?? DEFAULT_REQUEST_BYTES;
  return {
    receivers: RECEIVERS.filter(({ group }) => isWanted(group, context)).map(entry => {
      const option = PORTS.get(entry.portOption);
      const port = ports === 'ephemeral' ? 0 : ((option && context.get(option)) ?? entry.defaultPort);
      return { name: entry.name, port };
    }),
    journal,
    host: context.get(HOST) ?? '127.0.0.1',
    // The largest request fits in both its forms, or its sender would be told to try again for ever.
    budgetBytes: budgetBytesFor(requestBytes),
    requestBytes,
    requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
    tls: await tlsOf(context),
    token,
    origins: context.get(CORS) ?? [],
  };
}

async function tlsOf(context: CommandContext): Promise<ReceiverOptions['tls']> {
  const certFile = context.get(TLS_CERT);
  const keyFile = context.get(TLS_KEY);
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw new UserError('--tls-cert and --tls-key belong together', { hint: 'give both' });
  }
  const tls = { cert: textOf('--tls-cert', certFile), key: textOf('--tls-key', keyFile) };
  const { createSecureContext } = await import('node:tls');
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new UserError(`${certFile} and ${keyFile} cannot be used for TLS: ${reasonOf(error)}`, {
      hint: 'both are PEM, and the key is that of the certificate',
      cause: error,
    });
  }
  return tls;
}

function textOf(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${reasonOf(error)}`, { hint: `check ${option}`, cause: error });
  }
}
