import { once } from 'node:events';
import { lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { UserError } from '../../errors.ts';
import type { Database } from '../database.ts';
import { chunkFrame } from './chunk-bytes.ts';
import { prepareFolder, socketPaths } from './place.ts';
import {
  BadFrame,
  drained,
  type Frame,
  FrameReader,
  type Hello,
  jsonFrame,
  jsonOf,
  Kind,
  PROTOCOL_VERSION,
  parameterOf,
  REQUEST_BYTES,
  type SentError,
  type Statement,
} from './protocol.ts';
import { runStatements, runUserSql } from './statements.ts';

// The process that has a database, and with it the lock of its file, answers those of others that only read. Each reader has a
// connection of its own, in one transaction that only reads: all its statements see one state, the one at its hello.
//
// Readers are of the same user (the socket's permissions), but they may hang, die or be something else: nothing that one of them does keeps
// the owner from its work, or outlives the reader's connection.

/** Bounds on what readers take. */
export interface ServedLimits {
  /** Readers at once. */
  readonly readers: number;
  /** Statements that run at once: each takes one of the four threads that Node.js has for all files and for DuckDB. */
  readonly statements: number;
  /** A reader that says nothing for so long after it has connected is sent away. */
  readonly helloMs: number;
  /** As is one that does not take its answer, … */
  readonly stallMs: number;
  /** … and one that asks nothing more: what it sees cannot be given back while it is there. */
  readonly idleMs: number;
}

const LIMITS: ServedLimits = {
  readers: 64,
  statements: 2,
  helloMs: 5000,
  stallMs: 60_000,
  idleMs: 600_000,
};

export interface ServedOptions {
  /** Of tailspan: others than of this version are refused. */
  readonly version: string;
  /** Is awaited before a reader's state is taken: commits what is to be seen. */
  beforeRead(): Promise<void>;
  readonly limits?: Partial<ServedLimits>;
}

export interface ServedReads {
  /** Where readers find it. */
  readonly socket: string;
  /**
   * Lets no more readers in, and sends away those that are not done in `graceMs` (1,000). To be awaited before the database is closed;
   * a second call returns what the first did.
   */
  close(graceMs?: number): Promise<void>;
}

/**
 * Answers readers of a database file that this process has open to write. Must run on the main thread. Throws `UserError` where no
 * socket can be made.
 */
export async function serveReads(owner: Database, options: ServedOptions): Promise<ServedReads> {
  const shared: Shared = {
    owner,
    limits: { ...LIMITS, ...options.limits },
    hello: { protocol: PROTOCOL_VERSION, version: options.version, pid: process.pid },
    refresh: sharing(() => options.beforeRead()),
    turns: new Turns(options.limits?.statements ?? LIMITS.statements),
  };
  const readers = new Set<Reader>();
  const server = createServer(socket => {
    const reader = new Reader(socket, shared, readers.size < shared.limits.readers);
    readers.add(reader);
    void reader.ended.then(() => readers.delete(reader));
  });
  const socket = await listenSomewhere(server, owner.path);
  // A connection that cannot be accepted is its reader's loss.
  server.on('error', () => {}).unref();
  let closing: Promise<void> | undefined;
  return { socket, close: graceMs => (closing ??= closeAll(server, readers, graceMs)) };
}

async function closeAll(server: Server, readers: ReadonlySet<Reader>, graceMs = 1000): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const sendAway = setTimeout(() => {
    for (const reader of readers) reader.end();
  }, graceMs);
  for (const reader of readers) reader.endUnlessReading();
  await Promise.all([...readers].map(({ ended }) => ended));
  await closed;
  clearTimeout(sendAway);
}

async function listenSomewhere(server: Server, database: string): Promise<string> {
  let cause: unknown;
  for (const path of socketPaths(database)) {
    try {
      await listen(server, path);
      return path;
    } catch (error) {
      cause = error;
    }
  }
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  throw new UserError(`other commands cannot read ${database} while it is written${reason}`, {
    hint: 'a socket is made beside the database or among the temporary files: put the database elsewhere with --db, or set TMPDIR',
    cause,
  });
}

async function listen(server: Server, path: string): Promise<void> {
  if (path.startsWith('\\\\')) {
    server.listen(path);
    await once(server, 'listening');
    return;
  }
  prepareFolder(path);
  // The lock of the database is ours, so its socket is what a process left that was killed.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
  // The socket is made within listen(), so that nobody else's is ever there with more permissions, and nothing else gets fewer.
  const before = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
}

/** What readers have in common. */
interface Shared {
  readonly owner: Database;
  readonly limits: ServedLimits;
  readonly hello: Hello;
  readonly refresh: () => Promise<void>;
  readonly turns: Turns;
}

/** One process that reads. */
class Reader {
  /** Settles when nothing of it is left; never rejects. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #shared: Shared;
  readonly #frames: FrameReader;
  readonly #closed: Promise<void>;
  #database: Database | undefined;
  #answering: Promise<void> | undefined;
  #isCancelled = false;
  #isLate = false;
  /** Runs out when nothing comes from it. */
  #silence: NodeJS.Timeout | undefined;

  constructor(socket: Socket, shared: Shared, isAdmitted: boolean) {
    this.#socket = socket;
    this.#shared = shared;
    this.#frames = new FrameReader(received => this.#take(received, isAdmitted));
    this.#closed = new Promise(resolve => socket.once('close', () => resolve()));
    this.ended = this.#closed.then(() => this.#leave());
    // It closes by itself after an error.
    socket.on('error', () => {});
    socket.on('data', bytes => {
      try {
        this.#frames.push(bytes);
      } catch (error) {
        if (!(error instanceof BadFrame)) throw error;
        socket.destroy();
      }
    });
    // Of what is asked before the other side closes its end nobody takes the answer.
    socket.on('end', () => socket.destroy());
    this.#expect(shared.limits.helloMs);
  }

  end(): void {
    this.#socket.destroy();
  }

  /** It has asked nothing yet: it will find the file free. */
  endUnlessReading(): void {
    this.#isLate = true;
    if (this.#database === undefined) this.end();
  }

  #expect(silenceMs: number): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.end(), silenceMs).unref();
  }

  #take(received: Frame, isAdmitted: boolean): void {
    if (received.kind === Kind.cancel) {
      if (this.#answering === undefined) return;
      this.#isCancelled = true;
      return;
    }
    // One thing at a time.
    if (this.#answering !== undefined) throw new BadFrame('a frame came before the answer had gone');
    clearTimeout(this.#silence);
    const database = this.#database;
    const answer =
      database === undefined
        ? this.#greet(received, isAdmitted)
        : // As much as in a process of its own: the owner needs little, and would be the next who finds none.
          database
            .withFullMemory(() => this.#answer(database, received))
            .then(() => this.#send(jsonFrame(Kind.end, {})));
    this.#answering = answer
      .catch(error => this.#tell(error))
      .finally(() => {
        this.#answering = undefined;
        this.#isCancelled = false;
        this.#expect(this.#shared.limits.idleMs);
      });
  }

  /** Hears the hello, and takes the state that this reader sees. */
  async #greet({ kind, body }: Frame, isAdmitted: boolean): Promise<void> {
    const { hello, owner, refresh } = this.#shared;
    const heard = kind === Kind.hello ? jsonOf(body) : undefined;
    if (typeof heard !== 'object' || heard === null || !('protocol' in heard) || !('version' in heard)) {
      throw new BadFrame('the first frame is no hello');
    }
    this.#send(jsonFrame(Kind.hello, hello));
    if (heard.protocol !== hello.protocol || heard.version !== hello.version) {
      this.#socket.end();
      return;
    }
    if (!isAdmitted) {
      throw new UserError(`${owner.path} is being read by too many others`, { hint: 'try again in a moment' });
    }
    this.#frames.allow(REQUEST_BYTES);
    // Who has gone waits for nothing, and lets nobody wait.
    await Promise.race([refresh(), this.#closed]);
    if (this.#socket.destroyed) throw new Gone();
    const database = await owner.connect();
    if (this.#socket.destroyed || this.#isLate) {
      database.close();
      throw new Gone();
    }
    this.#database = database;
    await this.#turn(async () => {
      if ('folder' in heard && typeof heard.folder === 'string') {
        await database.run(`SET SESSION file_search_path = '${heard.folder.replaceAll("'", "''")}'`);
      }
      await database.run('BEGIN TRANSACTION READ ONLY');
      // Only with its first table does DuckDB take the state.
      await database.value('SELECT count(*) FROM meta');
    });
    this.#send(jsonFrame(Kind.ready, {}));
  }

  /** Answers a question, but for the end of the answer: behind it the next question may come. */
  async #answer(database: Database, { kind, body }: Frame): Promise<void> {
    switch (kind) {
      case Kind.ask:
      case Kind.run: {
        const { sql, parameters } = statementOf(body);
        const chunks = runStatements(database, sql, parameters.map(parameterOf), kind === Kind.ask);
        let isFirst = true;
        for await (const chunk of this.#taking(chunks)) {
          if (isFirst) this.#send(jsonFrame(Kind.columns, chunk.names));
          isFirst = false;
          this.#send(chunkFrame(chunk));
        }
        break;
      }
      case Kind.sql: {
        let isFirst = true;
        for await (const { columns, rows } of this.#taking(runUserSql(database, statementOf(body).sql))) {
          this.#send(isFirst ? jsonFrame(Kind.columns, columns) : jsonFrame(Kind.rows, rows));
          isFirst = false;
        }
        break;
      }
      default:
        throw new BadFrame(`a reader says nothing of kind ${kind}`);
    }
  }

  /** The pieces of an answer, each made when the one before has gone and it is this reader's turn; until it wants no more. */
  async *#taking<Piece>(pieces: AsyncGenerator<Piece>): AsyncGenerator<Piece> {
    try {
      for (;;) {
        const { value, done } = await this.#turn(() => pieces.next());
        if (done === true) return;
        yield value;
        if (!(await drained(this.#socket, this.#shared.limits.stallMs)) || this.#isCancelled) return;
      }
    } finally {
      await pieces.return(undefined);
    }
  }

  /** Has DuckDB do something in this reader's turn. Throws `Gone` where the reader is not there any more. */
  async #turn<T>(work: () => Promise<T>): Promise<T> {
    return this.#shared.turns.run(async () => {
      if (this.#socket.destroyed) throw new Gone();
      return work();
    });
  }

  #send(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  #tell(error: unknown): void {
    if (error instanceof BadFrame || error instanceof Gone) {
      this.#socket.destroy();
      return;
    }
    const isForUser = error instanceof UserError;
    const sent: SentError = {
      message: error instanceof Error ? error.message : String(error),
      isForUser,
      ...(isForUser && error.hint !== undefined ? { hint: error.hint } : {}),
    };
    this.#send(jsonFrame(Kind.error, sent));
    if (this.#database === undefined) this.#socket.end();
  }

  /** Stops what runs, and gives back what the reader had. */
  async #leave(): Promise<void> {
    while (this.#answering !== undefined) {
      // A statement that is only about to begin does not hear it.
      this.#database?.interrupt();
      await Promise.race([this.#answering, soon()]);
    }
    clearTimeout(this.#silence);
    this.#database?.close();
  }
}

/** The reader has gone. */
class Gone extends Error {}

/** A moment, after which an interrupted statement is interrupted again. */
function soon(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 20));
}

function statementOf(body: Uint8Array): Statement {
  const said = jsonOf(body);
  if (
    typeof said !== 'object' ||
    said === null ||
    !('sql' in said) ||
    typeof said.sql !== 'string' ||
    !('parameters' in said) ||
    !Array.isArray(said.parameters)
  ) {
    throw new BadFrame('a frame holds no statement');
  }
  return { sql: said.sql, parameters: said.parameters };
}

/** Lets so many work at once; the others wait in the order in which they came. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** Calls `work` so that each who asks waits for a run that began after they asked; those who wait share one. */
function sharing(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = () => {
    running = work().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (running === undefined) return start();
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
