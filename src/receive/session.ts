import { Worker } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import { buffersOf, type SpanBatch } from '../model/span-batch.ts';
import { RECEIVERS_NOTE } from '../store/contents.ts';
import { type Commit, EVERYTHING_SETTLED, type Loader, type LoadResult } from '../store/loader.ts';
import { monotonicMs } from '../terminal/clock.ts';
import type { FromReceiveWorker, Listening, Received, ReceiveTask, ToReceiveWorker } from './receive-worker.ts';

// What is received, into the database: batches from the receive thread wait with the loader until their traces are settled, and are
// committed a few times a second. The journal is let go of behind the commit.

/** How often it is looked for settled traces. */
const TICK_MS = 200;
/** A trace without a root, or with orphans, waits this long for the rest before it is written as it is. */
const INCOMPLETE_MS = 10_000;
/** Bytes that DuckDB may hold: half of what a load has, for less is appended at a time. With all of it nothing is faster. */
const MEMORY_LIMIT = 128e6;
/** Nothing waits longer, or the journal of a trace without an end would grow without one. */
const LONGEST_MS = 60_000;

export interface SessionOptions {
  /** A complete trace is written when nothing more came to it for this long. */
  readonly settleMs: number;
  /** Is called behind every commit. */
  readonly onCommit?: ((commit: Commit) => void) | undefined;
  /** Is called a few times a second while something comes. */
  readonly onReceived?: ((received: Received) => void) | undefined;
  /** Is shown every batch before it is stored. */
  readonly onBatch?: ((batch: SpanBatch) => void) | undefined;
}

/** What a session was, at its end. */
export interface SessionEnd extends Received {
  readonly result: LoadResult;
  /** What it stored has span numbers from here on. */
  readonly firstSpanNo: number;
}

export class Session {
  /** Rejects with what first went wrong, after which nothing is taken any more; else it is pending. */
  readonly failed: Promise<never>;
  readonly receivers: readonly Listening[];
  readonly #worker: Worker;
  readonly #loader: Loader;
  readonly #options: SessionOptions;
  #received: Received = { requests: 0, account: NOTHING, counts: new Map() };
  /** Batches that came while the database was busy. */
  #queue: { readonly batch: SpanBatch; readonly sequence: number; readonly time: number }[] = [];
  /** What the database is busy with; tasks go one after the other. */
  #work: Promise<unknown> | undefined;
  #tasks: (() => Promise<unknown>)[] = [];
  #lastSequence = 0;
  #notedCounts = '';
  #tick: NodeJS.Timeout;
  #fail: (error: unknown) => void = () => {};
  #isFailed = false;
  #ending: Promise<SessionEnd> | undefined;
  readonly #flushed: (() => void)[] = [];
  #onStopped: (() => void) | undefined;

  private constructor(worker: Worker, receivers: readonly Listening[], loader: Loader, options: SessionOptions) {
    this.#worker = worker;
    this.receivers = receivers;
    this.#loader = loader;
    this.#options = options;
    this.failed = new Promise((_, reject) => {
      this.#fail = error => {
        this.#isFailed = true;
        reject(error);
      };
    });
    this.failed.catch(() => {});
    worker.on('message', (message: FromReceiveWorker) => this.#onMessage(message));
    worker.on('error', error => this.#fail(error));
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
  }

  /** Starts the receivers. Throws `UserError` where one cannot listen. */
  static async start(loader: Loader, task: Omit<ReceiveTask, 'producer'>, options: SessionOptions): Promise<Session> {
    await loader.begin(MEMORY_LIMIT);
    const workerData: ReceiveTask = { ...task, producer: producerOf(loader) };
    const file = import.meta.url.endsWith('.ts') ? './receive-worker.ts' : './receive-worker.js';
    const worker = new Worker(new URL(file, import.meta.url), { workerData });
    try {
      const receivers = await new Promise<readonly Listening[]>((resolve, reject) => {
        const onMessage = (message: FromReceiveWorker) => {
          if (message.type === 'listening') settle(() => resolve(message.receivers));
          else if (message.type === 'failed') {
            settle(() => reject(new UserError(message.message, { hint: message.hint })));
          }
        };
        const onError = (error: unknown) => settle(() => reject(error));
        const settle = (finish: () => void) => {
          worker.off('message', onMessage).off('error', onError);
          finish();
        };
        worker.on('message', onMessage).on('error', onError);
      });
      return new Session(worker, receivers, loader, options);
    } catch (error) {
      await worker.terminate();
      await loader.abort();
      throw error;
    }
  }

  #send(message: ToReceiveWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #onMessage(message: FromReceiveWorker): void {
    switch (message.type) {
      case 'batch':
        this.#queue.push({ batch: message.batch, sequence: message.sequence, time: monotonicMs() });
        if (this.#work === undefined) this.#takeOver();
        break;
      case 'received':
        this.#hear(message.received);
        break;
      case 'flushed':
        this.#hear(message.received);
        this.#flushed.shift()?.();
        break;
      case 'stopped':
        this.#hear(message.received);
        this.#onStopped?.();
        break;
      case 'listening':
      case 'failed':
        break;
    }
  }

  #hear(received: Received): void {
    this.#received = received;
    this.#options.onReceived?.(received);
  }

  /** Hands what waits to the loader. Only while nothing else is done to the database. */
  #takeOver(): void {
    if (this.#isFailed) return;
    try {
      for (const { batch, sequence, time } of this.#queue.splice(0)) {
        this.#options.onBatch?.(batch);
        this.#loader.add(batch, { time, sequence });
        this.#lastSequence = sequence;
        this.#send({ type: 'taken', batch }, buffersOf(batch));
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Does something to the database when what came before is done. */
  #do<T>(task: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#tasks.push(async () => {
        try {
          this.#takeOver();
          if (this.#isFailed) await this.failed;
          resolve(await task());
        } catch (error) {
          this.#fail(error);
          reject(error);
        }
      });
      this.#work ??= this.#runTasks();
    });
  }

  async #runTasks(): Promise<void> {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) await task();
    this.#work = undefined;
    this.#takeOver();
  }

  #onTick(): void {
    if (this.#work !== undefined || this.#loader.waiting === 0) return;
    const now = monotonicMs();
    const isLate = (this.#loader.waitingSince ?? now) < now - LONGEST_MS;
    const settled = isLate
      ? EVERYTHING_SETTLED
      : {
          completeBefore: now - this.#options.settleMs,
          anyBefore: now - Math.max(INCOMPLETE_MS, this.#options.settleMs),
        };
    // A failure is told by `failed`.
    this.#do(() => this.#commit(settled)).catch(() => {});
  }

  async #commit(settled: typeof EVERYTHING_SETTLED): Promise<void> {
    await this.#noteCounts();
    const commit = await this.#loader.commit(this.#received.account, settled);
    if (commit === undefined) return;
    this.#send({ type: 'stored', before: commit.oldestWaiting ?? this.#lastSequence + 1 });
    this.#options.onCommit?.(commit);
  }

  /** Leaves what came to each receiver in the database, for `db info`. */
  async #noteCounts(): Promise<void> {
    const counts = JSON.stringify(Object.fromEntries(this.#received.counts));
    if (counts === this.#notedCounts) return;
    this.#notedCounts = counts;
    await this.#loader.note(RECEIVERS_NOTE, counts);
  }

  /** Writes and commits all that was acknowledged so far, settled or not. */
  async commit(): Promise<void> {
    if (this.#ending !== undefined) {
      await this.#ending;
      return;
    }
    await this.#flush(false);
    await this.#do(() => this.#commit(EVERYTHING_SETTLED));
  }

  async #flush(hold: boolean): Promise<void> {
    const flushed = new Promise<void>(resolve => {
      this.#flushed.push(resolve);
      this.#send({ type: 'flush', hold });
    });
    await Promise.race([flushed, this.failed]);
  }

  /**
   * Does something to the database with all that came committed. Rows may be dropped, those of dictionaries, too. What comes meanwhile
   * waits with this thread, and is that of another producer, whose ids are behind all that there are.
   */
  async betweenTransactions<T>(work: () => Promise<T>): Promise<T> {
    await this.#flush(true);
    return this.#do(async () => {
      await this.#commit(EVERYTHING_SETTLED);
      this.#send({ type: 'go-on', producer: producerOf(this.#loader) });
      return this.#loader.betweenTransactions(work);
    });
  }

  /** Stops the receivers, commits what they took, and ends the session; requests under way have `graceMs` to come to an end. */
  stop(graceMs: number): Promise<SessionEnd> {
    this.#ending ??= this.#stop(graceMs);
    return this.#ending;
  }

  async #stop(graceMs: number): Promise<SessionEnd> {
    await this.#stopWorker(graceMs);
    const { firstSpanNo } = this.#loader;
    const result = await this.#do(async () => {
      await this.#noteCounts();
      return this.#loader.finish(this.#received.account);
    });
    await this.#worker.terminate();
    return { ...this.#received, result, firstSpanNo };
  }

  async #stopWorker(graceMs: number): Promise<void> {
    clearInterval(this.#tick);
    const stopped = new Promise<void>(resolve => {
      this.#onStopped = resolve;
    });
    this.#send({ type: 'stop', graceMs });
    // A thread that failed does not answer.
    await Promise.race([stopped, this.failed]);
  }

  /** Ends the session after an error. What was acknowledged stays in the journal, as far as it is not in the database. */
  async abort(): Promise<void> {
    clearInterval(this.#tick);
    this.#fail(new Error('the session was broken off'));
    await this.#worker.terminate();
    await this.#work;
    await this.#loader.abort();
  }
}

function producerOf(loader: Loader): ReceiveTask['producer'] {
  return { number: loader.newProducer(), firstValueId: loader.nextAttributeId };
}

const NOTHING: Received['account'] = {
  source: 'network',
  format: undefined,
  documents: 0,
  spans: 0,
  bytes: 0,
  contentBytes: 0,
  skipped: [],
  repaired: [],
  fault: undefined,
};
