import { readFileSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { lostRecords, type SourceAccount } from '../ingest/account.ts';
import { describeAccount } from '../ingest/describe-account.ts';
import { parseDuration } from '../model/time.ts';
import { Budget, DEFAULT_BUDGET_BYTES } from '../receive/budget.ts';
import { RECEIVERS } from '../receive/index.ts';
import {
  DEFAULT_REQUEST_BYTES,
  DEFAULT_REQUEST_TIMEOUT_MS,
  listenError,
  type Receiver,
  type ReceiverEntry,
  type ReceiverOptions,
} from '../receive/receiver.ts';
import { type ReceiverCounts, Session, type SessionProgress } from '../receive/session.ts';
import type { Block, Field, Report } from '../report/report.ts';
import type { LoadResult } from '../store/loader.ts';
import type { TableColumn } from '../terminal/columns.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { createProgress } from '../terminal/progress.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, type Style, styled } from '../terminal/styled.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openForWriting } from './data.ts';
import { byteSize, DB, DEBUG, MEMORY, NO_PROGRESS, OUTPUT_OPTIONS, QUIET, STRICT, wholeNumber } from './options.ts';
import { reasonOf } from './reason.ts';

/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

function milliseconds(name: string): (text: string) => number {
  return text => {
    const value = parseDuration(text);
    if (value === undefined) {
      throw new UserError(`${name} takes a duration, not '${text}'`, { hint: `for example ${name} 30s` });
    }
    const ms = Number(value) / 1e6;
    if (ms > LONGEST_MS) {
      throw new UserError(`${name} ${text} is too long`, { hint: 'leave it out; Ctrl-C ends the command, too' });
    }
    return ms;
  };
}

const FOR: Option<number> = {
  flags: '--for <duration>',
  description: 'stop after this time, such as 30s',
  group: 'Input',
  parse: milliseconds('--for'),
};
const UNTIL_IDLE: Option<number> = {
  flags: '--until-idle <duration>',
  description: 'stop when nothing has come for this long; counts from the first request on',
  group: 'Input',
  parse: milliseconds('--until-idle'),
};
const MAX_SPANS: Option<number> = {
  flags: '--max-spans <n>',
  description: 'stop once so many spans have come; the request that brings them is kept whole',
  group: 'Input',
  parse: wholeNumber('--max-spans', { least: 1 }),
};
const MAX_TRACES: Option<number> = {
  flags: '--max-traces <n>',
  description: 'stop once spans of so many traces have come',
  group: 'Input',
  parse: wholeNumber('--max-traces', { least: 1 }),
};
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
  description: 'receive from Jaeger clients, too: Thrift over HTTP and UDP',
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

/** How long requests that are under way may take when the listener stops. */
const GRACE_MS = 2000;

const FIELDS: readonly Field[] = [
  { name: 'name', type: 'text', title: 'receiver' },
  { name: 'endpoint', type: 'text' },
  { name: 'requests', type: 'count' },
  { name: 'spans', type: 'count' },
  { name: 'lost', type: 'count' },
  { name: 'refused', type: 'count' },
  { name: 'dropped', type: 'count' },
  { name: 'putOff', type: 'count', title: 'put off' },
];

export const command: Command = {
  usage: '',
  description:
    'Receives traces on the ports that SDKs and collectors send to, stores them in a database, and stops: after a time, when nothing more comes, or on Ctrl-C. What is received is one transaction, committed when the command ends: until then a request that was acknowledged is not durable, and other commands do not see it.',
  examples: [
    ['tailspan listen --for 30s', 'receive for half a minute into the default database'],
    ['tailspan listen --until-idle 5s --db run.duckdb', 'receive what one run of a program sends'],
    ['tailspan listen --port-http 0 --port-grpc 0 --max-traces 10', 'on free ports, until there are ten traces'],
    ['tailspan listen --zipkin --jaeger', "for Zipkin's and Jaeger's clients, too"],
  ],
  options: [
    FOR,
    UNTIL_IDLE,
    MAX_SPANS,
    MAX_TRACES,
    DB,
    HOST,
    ...PORTS.values(),
    ZIPKIN,
    JAEGER,
    TLS_CERT,
    TLS_KEY,
    TOKEN_FILE,
    CORS,
    MAX_REQUEST_SIZE,
    STRICT,
    MEMORY,
    QUIET,
    NO_PROGRESS,
    DEBUG,
    ...OUTPUT_OPTIONS,
  ],

  async run(context) {
    const [surplus] = context.args;
    if (surplus !== undefined) {
      throw new UserError(`listen takes no arguments, not '${surplus}'`, {
        hint: 'a dump is loaded with tailspan load; the database is named with --db',
      });
    }
    const options = await receiverOptions(context);
    const store = await openForWriting(context);
    try {
      const loader = await store.loader();
      const progress = createProgress(context.screen, context.get(NO_PROGRESS) !== true && context.get(QUIET) !== true);
      using ending = new Ending(context);
      const session = await Session.begin(loader, {
        limits: { recordBytes: options.requestBytes },
        countsTraces: context.get(MAX_TRACES) !== undefined,
        onRequest: received => {
          progress.update('the network', received.bytes, undefined, plural(received.spans, 'span'));
          ending.onRequest(received);
        },
        onFailure: error => ending.fail(error),
      });
      const started: Started[] = [];
      let stoppedBy: StoppedBy;
      try {
        for (const entry of RECEIVERS.filter(({ group }) => isWanted(group, context))) {
          const portOption = PORTS.get(entry.portOption);
          const port = (portOption && context.get(portOption)) ?? entry.defaultPort;
          started.push({ entry, receiver: await startReceiver(entry, { ...options, sink: session, port }) });
        }
        await tellEndpoints(context, started, options);
        stoppedBy = await ending.reached;
        await stopAll(started);
      } catch (error) {
        await stopAll(started);
        // What went wrong first is what is told.
        await session.abort().catch(() => {});
        throw error;
      } finally {
        progress.stop();
      }
      const { account, result } = await session.finish();
      await loader.checkpoint();
      await context.say(describeAccount('received', [{ account, result }], result.traces));
      if (context.get(STRICT) === true && lostRecords(account) > 0) {
        await context.complain(
          `${plural(lostRecords(account), 'record')} could not be read (--strict)`,
          'tailspan listen --json says which',
        );
      }
      const rows = started.map(({ entry: { name }, receiver: { endpoint } }) => ({
        name,
        endpoint,
        ...session.countsOf(name),
      }));
      return reportOf(store.database.path, rows, account, result, stoppedBy);
    } finally {
      store.close();
    }
  },
};

interface Started {
  readonly entry: ReceiverEntry;
  readonly receiver: Receiver;
}

/** What ended the session. */
type StoppedBy = 'for' | 'until-idle' | 'max-spans' | 'max-traces' | 'signal';

/** Watches for what ends the session: a time, quiet, enough of it, a signal, or a database that takes no more. */
class Ending implements Disposable {
  readonly reached: Promise<StoppedBy>;
  /** Ends the session as failed. */
  readonly fail: (error: unknown) => void;
  readonly #end: (by: StoppedBy) => void;
  readonly #maxSpans: number;
  readonly #maxTraces: number;
  readonly #idleMs: number | undefined;
  readonly #time: NodeJS.Timeout | undefined;
  #quiet: NodeJS.Timeout | undefined;
  readonly #signal: AbortSignal;
  readonly #onSignal = () => this.#end('signal');

  constructor(context: CommandContext) {
    const { promise, resolve, reject } = Promise.withResolvers<StoppedBy>();
    this.reached = promise;
    // It is awaited once all receivers listen; should it fail before, that is no unhandled rejection.
    promise.catch(() => {});
    this.#end = resolve;
    this.fail = reject;
    this.#maxSpans = context.get(MAX_SPANS) ?? Number.POSITIVE_INFINITY;
    this.#maxTraces = context.get(MAX_TRACES) ?? Number.POSITIVE_INFINITY;
    this.#idleMs = context.get(UNTIL_IDLE);
    const longest = context.get(FOR);
    this.#time = longest === undefined ? undefined : setTimeout(resolve, longest, 'for');
    this.#signal = context.signal;
    if (this.#signal.aborted) resolve('signal');
    this.#signal.addEventListener('abort', this.#onSignal);
  }

  onRequest({ spans, traces }: SessionProgress): void {
    if (spans >= this.#maxSpans) this.#end('max-spans');
    if (traces >= this.#maxTraces) this.#end('max-traces');
    if (this.#quiet !== undefined) this.#quiet.refresh();
    else if (this.#idleMs !== undefined) this.#quiet = setTimeout(this.#end, this.#idleMs, 'until-idle');
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#time);
    clearTimeout(this.#quiet);
    this.#signal.removeEventListener('abort', this.#onSignal);
  }
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

/** What all receivers are given, as the flags say. Throws `UserError` where they contradict each other or name what cannot be read. */
async function receiverOptions(context: CommandContext): Promise<Omit<ReceiverOptions, 'sink' | 'port'>> {
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
    host: context.get(HOST) ?? '127.0.0.1',
    // The largest request fits in both its forms, or its sender would be told to try again for ever.
    budget: new Budget(Math.max(DEFAULT_BUDGET_BYTES, 2 * requestBytes)),
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

async function startReceiver(entry: ReceiverEntry, options: ReceiverOptions): Promise<Receiver> {
  try {
    return await entry.start(options);
  } catch (error) {
    throw listenError(error, entry, options.host, options.port);
  }
}

async function stopAll(started: readonly Started[]): Promise<void> {
  await Promise.all(started.map(({ receiver }) => receiver.stop(GRACE_MS)));
}

async function tellEndpoints(
  context: CommandContext,
  started: readonly Started[],
  { host, token }: Pick<ReceiverOptions, 'host' | 'token'>,
): Promise<void> {
  const endpoints = started.map(({ entry: { title }, receiver: { endpoint } }) => `${title} on ${endpoint}`);
  await context.say(`listening for ${endpoints.join(', ')}`);
  if (token === undefined && !/^(127\.|::1$|localhost$)/.test(host)) {
    await context.say('whoever reaches this machine can send; --token-file asks them for a token');
  }
}

type ReceiverRow = { readonly name: string; readonly endpoint: string } & Readonly<ReceiverCounts>;

function reportOf(
  database: string,
  rows: readonly ReceiverRow[],
  account: SourceAccount,
  result: LoadResult,
  stoppedBy: StoppedBy,
): Report {
  return {
    data: {
      database,
      receivers: rows,
      spans: result.spans,
      traces: result.traces,
      duplicates: result.duplicates,
      skipped: account.skipped,
      repaired: account.repaired,
      stoppedBy,
    },
    records: { name: 'receivers', fields: FIELDS, rows },
    blocks: screen => [receiverTable(rows, screen)],
    isList: true,
  };
}

/** A line a receiver; what went wrong only where something did. */
function receiverTable(rows: readonly ReceiverRow[], screen: Screen): Block {
  const { dot } = glyphs(screen.unicode);
  const columnOf = (title: string, key: keyof ReceiverCounts, ...styles: Style[]) => ({
    column: { title, align: 'right' } as const,
    cell: (row: ReceiverRow): Line =>
      row[key] === 0 ? [styled(dot, 'dim')] : [styled(formatCount(row[key]), ...styles)],
    isNeeded: rows.some(row => row[key] > 0),
  });
  const columns: readonly { column: TableColumn; cell: (row: ReceiverRow) => Line; isNeeded: boolean }[] = [
    { column: { title: 'RECEIVER' }, cell: ({ name }) => [styled(name)], isNeeded: true },
    { column: { title: 'ENDPOINT', least: 16 }, cell: ({ endpoint }) => [styled(endpoint, 'dim')], isNeeded: true },
    { ...columnOf('REQUESTS', 'requests'), isNeeded: true },
    { ...columnOf('SPANS', 'spans'), isNeeded: true },
    columnOf('LOST', 'lost', 'warning'),
    columnOf('REFUSED', 'refused', 'warning'),
    columnOf('DROPPED', 'dropped'),
    columnOf('PUT OFF', 'putOff'),
  ];
  const shown = columns.filter(({ isNeeded }) => isNeeded);
  return {
    kind: 'table',
    columns: shown.map(({ column }) => column),
    rows: rows.map(row => shown.map(({ cell }) => cell(row))),
  };
}
