import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import type { ColumnChunk } from '../column-chunk.ts';
import { firstValue, type Queryable, type Row, type SqlParameter } from '../queryable.ts';
import type { SqlResult } from '../sql.ts';
import type { SqlValue } from '../values.ts';
import { chunkOf } from './chunk-bytes.ts';
import { isTrusted, socketPaths } from './place.ts';
import {
  ANSWER_BYTES,
  BadFrame,
  type Frame,
  FrameReader,
  type Hello,
  jsonFrame,
  jsonOf,
  Kind,
  PROTOCOL_VERSION,
  REQUEST_BYTES,
  type SentError,
  sentParameter,
} from './protocol.ts';

// A database that another process has, read through that process (server.ts).

/** How long a process that listens may take to say hello: its main thread may be writing. */
const HELLO_MS = 5000;
/** And to store what it has received, which it does before a reader's first question. */
const READY_MS = 30_000;
/** What has come and is not asked for yet may be so much; more waits at the other side. */
const WAITING_BYTES = 4 << 20;

/**
 * Opens a database file through the process that has it. Returns undefined where none serves it, or it is just ending. Throws
 * `UserError` where the two do not understand each other.
 */
export async function openServed(path: string, version: string): Promise<Queryable | undefined> {
  for (const name of socketPaths(path)) {
    if (!isTrusted(name, path)) continue;
    const socket = await connected(name);
    if (socket !== undefined) return greet(new Line(socket), path, version);
  }
  return undefined;
}

/** Says whether a process serves a database file. */
export async function isServed(path: string): Promise<boolean> {
  for (const name of socketPaths(path)) {
    if (!isTrusted(name, path)) continue;
    const socket = await connected(name);
    socket?.destroy();
    if (socket !== undefined) return true;
  }
  return false;
}

async function connected(name: string): Promise<Socket | undefined> {
  const socket = connect(name);
  return new Promise(settle => {
    socket.once('connect', () => settle(socket));
    // Nobody is there any more, or nobody who lets more in.
    socket.once('error', () => settle(undefined));
  });
}

async function greet(line: Line, path: string, version: string): Promise<Queryable | undefined> {
  try {
    const own: Hello = { protocol: PROTOCOL_VERSION, version, pid: process.pid, folder: resolve('.') };
    line.send(jsonFrame(Kind.hello, own));
    const hello = await line.next(HELLO_MS);
    if (hello === undefined) return undefined;
    const said = helloOf(hello);
    if (said.protocol !== PROTOCOL_VERSION || said.version !== version) {
      throw new UserError(`${path} is in use by tailspan ${said.version} (${said.pid}), and this is ${version}`, {
        hint: 'use one version for both, or wait for that process to end',
      });
    }
    line.allow(ANSWER_BYTES);
    const ready = await line.next(READY_MS);
    if (ready === undefined) return undefined;
    if (ready.kind === Kind.error) throw errorOf(ready);
    if (ready.kind !== Kind.ready) throw new BadFrame(`a frame of kind ${ready.kind} came before the first question`);
    return new ServedDatabase(path, line, said.pid);
  } catch (error) {
    line.close();
    // It is the socket of something else.
    if (error instanceof BadFrame) return undefined;
    if (!(error instanceof Silence)) throw error;
    throw new UserError(`${path} is in use by another process, which does not answer`, {
      hint: 'wait for it to end, or name another database with --db',
      cause: error,
    });
  }
}

function helloOf({ kind, body }: Frame): Hello {
  const said = kind === Kind.hello ? jsonOf(body) : undefined;
  if (
    typeof said === 'object' &&
    said !== null &&
    'protocol' in said &&
    typeof said.protocol === 'number' &&
    'version' in said &&
    typeof said.version === 'string' &&
    'pid' in said &&
    typeof said.pid === 'number'
  ) {
    return { protocol: said.protocol, version: said.version, pid: said.pid };
  }
  throw new BadFrame('the first frame is no hello');
}

class ServedDatabase implements Queryable {
  readonly path: string;
  readonly #line: Line;
  readonly #pid: number;
  /** The question before. */
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, line: Line, pid: number) {
    this.path = path;
    this.#line = line;
    this.#pid = pid;
  }

  async run(sql: string): Promise<void> {
    for await (const frame of this.#ask(Kind.run, sql)) this.#refuse(frame);
  }

  async rows(sql: string, parameters: readonly SqlParameter[] = []): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const chunk of this.#chunks(sql, parameters)) {
      for (const row of chunk.rows()) rows.push(row);
    }
    return rows;
  }

  async value(sql: string, parameters: readonly SqlParameter[] = []): Promise<SqlValue | undefined> {
    return firstValue(await this.rows(sql, parameters));
  }

  scan(sql: string): AsyncGenerator<ColumnChunk> {
    return this.#chunks(sql, []);
  }

  async *#chunks(sql: string, parameters: readonly SqlParameter[]): AsyncGenerator<ColumnChunk> {
    let names: readonly string[] = [];
    for await (const { kind, body } of this.#ask(Kind.ask, sql, parameters)) {
      if (kind === Kind.columns) names = this.#read(body, jsonOf) as string[];
      else if (kind === Kind.chunk) yield this.#read(body, bytes => chunkOf(bytes, names));
      else this.#refuse({ kind });
    }
  }

  async sql(text: string, mayWrite: boolean): Promise<SqlResult> {
    if (mayWrite) throw new Error('what another process has is not to be written');
    let columns: SqlResult['columns'] = [];
    const rows: SqlResult['rows'][number][] = [];
    for await (const { kind, body } of this.#ask(Kind.sql, text)) {
      if (kind === Kind.columns) columns = this.#read(body, jsonOf) as SqlResult['columns'];
      else if (kind !== Kind.rows) this.#refuse({ kind });
      else for (const row of this.#read(body, jsonOf) as SqlResult['rows']) rows.push(row);
    }
    return { columns, rows };
  }

  async setThreads(): Promise<void> {}

  close(): void {
    this.#line.close();
  }

  /** Asks for something when what was asked before is answered, and yields the frames that come for it. */
  async *#ask(kind: Kind, sql: string, parameters: readonly SqlParameter[] = []): AsyncGenerator<Frame> {
    const question = jsonFrame(kind, { sql, parameters: parameters.map(sentParameter) });
    if (question.length > REQUEST_BYTES) {
      throw new UserError('the question is too long for the process that has the database', {
        hint: 'ask for less at once (--limit), or wait for that process to end',
      });
    }
    const before = this.#last;
    const { promise, resolve: release } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    let isAnswered = false;
    try {
      this.#line.send(question);
      for (;;) {
        const frame = await this.#next();
        isAnswered = frame.kind === Kind.end || frame.kind === Kind.error;
        if (frame.kind === Kind.end) return;
        if (frame.kind === Kind.error) throw errorOf(frame);
        yield frame;
      }
    } finally {
      try {
        if (!isAnswered && this.#line.isOpen) await this.#cancel();
      } finally {
        release();
      }
    }
  }

  /** Reads a body. The end of an answer that cannot be read is not waited for. */
  #read<Content>(body: Frame['body'], read: (body: Frame['body']) => Content): Content {
    try {
      return read(body);
    } catch (error) {
      this.#line.close();
      throw error;
    }
  }

  #refuse({ kind }: Pick<Frame, 'kind'>): never {
    this.#line.close();
    throw new BadFrame(`a frame of kind ${kind} is no part of this answer`);
  }

  /** Gives up the rest of an answer. */
  async #cancel(): Promise<void> {
    this.#line.send(jsonFrame(Kind.cancel, {}));
    for (;;) {
      const { kind } = await this.#next();
      if (kind === Kind.end || kind === Kind.error) return;
    }
  }

  async #next(): Promise<Frame> {
    const frame = await this.#line.next();
    if (frame !== undefined) return frame;
    throw new UserError(`the process that has ${this.path} open (${this.#pid}) ended before it had answered`, {
      hint: 'ask again: what it stored is in the database',
    });
  }
}

function errorOf({ body }: Frame): Error {
  const { message, isForUser, hint } = jsonOf(body) as SentError;
  return isForUser ? new UserError(message, { hint }) : new Error(message);
}

/** The other side said nothing in time. */
class Silence extends Error {}

/** The frames that come from the other side, in order. */
class Line {
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  readonly #waiting: Frame[] = [];
  #waitingBytes = 0;
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#frames = new FrameReader(frame => {
      this.#waiting.push(frame);
      this.#waitingBytes += frame.body.length;
      if (this.#waitingBytes > WAITING_BYTES) socket.pause();
      this.#wake?.();
    });
    socket.on('data', bytes => {
      try {
        this.#frames.push(bytes);
      } catch (error) {
        this.#failure = error;
        socket.destroy();
      }
    });
    // It closes by itself after an error.
    socket.on('error', () => {});
    socket.on('close', () => this.#wake?.());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  allow(bodyBytes: number): void {
    this.#frames.allow(bodyBytes);
  }

  send(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** The next frame; undefined where the other side has gone. Throws `Silence` where none comes in time. */
  async next(timeoutMs?: number): Promise<Frame | undefined> {
    if (this.#waiting.length === 0 && !this.#socket.closed) {
      await new Promise<void>((wake, reject) => {
        const timeout = timeoutMs === undefined ? undefined : setTimeout(() => reject(new Silence()), timeoutMs);
        this.#wake = () => {
          clearTimeout(timeout);
          wake();
        };
      });
      this.#wake = undefined;
    }
    const frame = this.#waiting.shift();
    if (frame === undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      return undefined;
    }
    this.#waitingBytes -= frame.body.length;
    if (this.#waitingBytes <= WAITING_BYTES) this.#socket.resume();
    return frame;
  }

  close(): void {
    this.#socket.destroy();
  }
}
