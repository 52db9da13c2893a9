import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { AccountKeeper, accountOf, type SourceAccount } from './account.ts';
import type { FromWorker, ServiceOptions } from './decode-service.ts';
import { type DecodeThread, startDecodeThread } from './decode-thread.ts';
import type { DecodeOptions, ReadPart } from './decoding.ts';
import { faultOf, faultOfDamage, type Head } from './faults.ts';
import type { Pipe } from './pipe.ts';
import type { SharedFile } from './segments.ts';
import type { Source } from './source.ts';
import type { IngestHooks, IngestTarget, OnAccount } from './target.ts';

// Sources that are decoded in threads while this one appends: in one thread, or, if it is a large file of JSON, in two that read it in
// turns (segments.ts). What they send goes to the target in the order of the source, whoever is the faster one.

/** Batches of a thread that may wait for this one; it pauses when there are as many. */
const MAX_WAITING = 12;

export interface ThreadsOptions {
  /** From which size on a file is shared, and the stretches in which it is cut. */
  readonly sharedBytes: number;
  readonly segmentBytes: number;
  /** Only files are shared that take longer to decode than to store. */
  readonly onlySlow: boolean;
  readonly start: (options: ServiceOptions) => Promise<DecodeThread>;
}

const DEFAULTS: ThreadsOptions = {
  sharedBytes: 128 << 20,
  segmentBytes: 16 << 20,
  // One core stores while another decodes. Without a third one, a second decoder only makes the first one wait.
  onlySlow: availableParallelism() < 3,
  start: startDecodeThread,
};

export class DecodeThreads {
  readonly #target: IngestTarget<unknown>;
  readonly #options: DecodeOptions;
  readonly #threadsOptions: ThreadsOptions;
  readonly #threads = new Map<number, Promise<DecodeThread>>();

  constructor(target: IngestTarget<unknown>, options: DecodeOptions, threadsOptions = DEFAULTS) {
    this.#target = target;
    this.#options = options;
    this.#threadsOptions = threadsOptions;
  }

  /** Decodes one source, which may be a pipe that is open. Where that fails, all threads are ended. */
  async decode(source: Source, hooks: IngestHooks, onAccount: OnAccount, pipe?: Pipe): Promise<SourceAccount> {
    // It is on its way before anything is waited for: this thread is about to be busy with loading DuckDB. What it fails of is met below.
    this.thread(0).catch(() => {});
    const file = await this.#openShared(source);
    try {
      return await new SourceInThreads(this, this.#target, source, file?.shared, hooks, onAccount).decode(pipe);
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      await file?.close();
    }
  }

  /** Opens what several threads may read. What cannot be opened is for a decoder to complain of. */
  async #openShared({ path, bytes }: Source): Promise<{ shared: SharedFile; close(): Promise<void> } | undefined> {
    const { sharedBytes, segmentBytes, onlySlow } = this.#threadsOptions;
    if (path === undefined || bytes === undefined || bytes < sharedBytes || bytes <= segmentBytes) return undefined;
    const file = await open(path).catch(() => undefined);
    return file && { shared: { descriptor: file.fd, bytes, segmentBytes, onlySlow }, close: () => file.close() };
  }

  /** Returns a thread, which is started when it is first asked for. */
  thread(index: number): Promise<DecodeThread> {
    let thread = this.#threads.get(index);
    if (thread === undefined) {
      const producer = this.#target.newProducer();
      thread = this.#threadsOptions.start({ producer, options: this.#options, maxWaiting: MAX_WAITING });
      this.#threads.set(index, thread);
    }
    return thread;
  }

  /** Ends a thread, if it runs. The next one in its place is another producer. */
  async end(index: number): Promise<void> {
    const thread = await this.#threads.get(index);
    this.#threads.delete(index);
    await thread?.end();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#threads.keys()].map(index => this.end(index)));
  }
}

/** What the first thread says for the second one. */
type FromFirst = FromWorker & { type: 'division' };

/** A thread, as far as the source in hand goes. */
class Reader {
  /** What it has sent that is not yet dealt with: it is not its turn, or the target is not ready. */
  readonly messages: FromWorker[] = [];
  /** Resolves where it has nothing more to do with the source. */
  readonly idle = Promise.withResolvers<void>();
  thread: DecodeThread | undefined;
  isIdle = false;
}

/** The source in hand. */
class SourceInThreads {
  readonly #threads: DecodeThreads;
  readonly #target: IngestTarget<unknown>;
  readonly #source: Source;
  readonly #file: SharedFile | undefined;
  readonly #hooks: IngestHooks;
  readonly #onAccount: OnAccount;
  readonly #firstAttributeId: number;
  readonly #done = Promise.withResolvers<SourceAccount>();
  readonly #readers = [new Reader(), new Reader()] as const;
  #isReady = false;
  #hasFailed = false;
  /** Whose messages are next in the order of the source. */
  #turn: 0 | 1 = 0;
  /** One thread reads the rest. */
  #isAlone = false;
  #spans = 0;
  #bytes = 0;

  // What was said so far of a source that is shared.
  readonly #account = new AccountKeeper();
  #spansOfParts = 0;
  #head: Head | undefined;

  constructor(
    threads: DecodeThreads,
    target: IngestTarget<unknown>,
    source: Source,
    file: SharedFile | undefined,
    hooks: IngestHooks,
    onAccount: OnAccount,
  ) {
    this.#threads = threads;
    this.#target = target;
    this.#source = source;
    this.#file = file;
    this.#hooks = hooks;
    this.#onAccount = onAccount;
    this.#firstAttributeId = target.nextAttributeId;
    // A failure before the end is awaited is met there.
    this.#done.promise.catch(() => {});
  }

  async decode(pipe: Pipe | undefined): Promise<SourceAccount> {
    const { signal } = this.#hooks;
    const onAbort = () => this.#fail(signal?.reason);
    signal?.addEventListener('abort', onAbort);
    try {
      await this.#begin(0, { ...(pipe && { pipe }) });
      // A batch goes back to its thread as soon as it is taken over, so messages wait for a target that takes them.
      this.#target.ready().then(this.#goOn, this.#fail);
      return await this.#done.promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      for (const { thread } of this.#readers) thread?.listen(undefined);
    }
  }

  readonly #fail = (error: unknown): void => {
    this.#isReady = false;
    this.#hasFailed = true;
    this.#done.reject(error);
  };

  readonly #goOn = (): void => {
    this.#isReady = !this.#hasFailed;
    this.#takeMessages();
  };

  /** Has a thread read the source, or its share of it. */
  async #begin(index: 0 | 1, known: Partial<FromFirst> & { pipe?: Pipe }): Promise<void> {
    const thread = await this.#threads.thread(index);
    if (this.#isAlone) return;
    const reader = this.#readers[index];
    reader.thread = thread;
    thread.listen({ onMessage: message => this.#receive(reader, message), onError: this.#fail });
    const file = this.#file;
    const { division, lane, pipe } = known;
    const share = file && { file, turn: { index, of: this.#readers.length }, ...(division && { division }) };
    thread.send({
      type: 'decode',
      source: this.#source,
      nextAttributeId: this.#firstAttributeId,
      ...(share && { share }),
      ...(lane && { lane }),
      ...(pipe && { pipe }),
    });
  }

  #receive(reader: Reader, message: FromWorker): void {
    if (message.type === 'division') {
      this.#begin(1, message).catch(this.#fail);
      return;
    }
    if (message.type === 'idle') {
      reader.isIdle = true;
      reader.idle.resolve();
    } else reader.messages.push(message);
    this.#takeMessages();
  }

  /** Deals with what has come, in the order of the source. */
  #takeMessages(): void {
    while (this.#isReady) {
      const reader = this.#readers[this.#turn];
      const message = reader.messages.shift();
      try {
        if (message !== undefined) this.#take(message, reader);
        else if (!reader.isIdle) return;
        // Who reads the segment before has found that another one begins here, and who should read it has not.
        else this.#finish({ message: 'was changed while it was read', hint: undefined });
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  #take(message: FromWorker, { thread }: Reader): void {
    switch (message.type) {
      case 'batch':
        this.#spans += message.batch.spans.count;
        this.#target.add(message.batch);
        thread?.send({ type: 'taken' });
        // What a port has, it hands over without a pause: signals would not be heard before there is nothing left.
        this.#isReady = false;
        setImmediate(this.#goOn);
        break;
      case 'progress':
        this.#bytes = message.bytes;
        this.#hooks.onProgress?.({ source: this.#source, bytes: message.bytes, spans: this.#spans });
        break;
      case 'account':
        this.#onAccount(message.account).then(
          () => thread?.send({ type: 'go-on', nextAttributeId: this.#target.nextAttributeId }),
          this.#fail,
        );
        break;
      case 'done':
        this.#done.resolve(message.account);
        break;
      case 'head':
        this.#head = message.head;
        break;
      case 'segment':
        this.#addPart(message.part);
        this.#turn = this.#other;
        break;
      case 'read-on':
        this.#endOther();
        break;
      case 'end':
        this.#addPart(message.part);
        this.#bytes = message.bytes;
        this.#finish(message.damage);
        break;
    }
  }

  #addPart({ account, spans }: ReadPart): void {
    this.#account.add(account);
    this.#spansOfParts += spans;
  }

  get #other(): 0 | 1 {
    return this.#turn === 0 ? 1 : 0;
  }

  /** Ends the thread that has begun segments which another one reads: what it has defined in its batches nobody knows. */
  #endOther(): void {
    this.#isAlone = true;
    const other = this.#readers[this.#other];
    this.#threads.end(this.#other).then(other.idle.resolve, this.#fail);
  }

  /** Ends the source when the other thread is at rest, too: then its file may be closed. */
  #finish(damage: { readonly message: string; readonly hint: string | undefined } | undefined): void {
    this.#isReady = false;
    if (damage !== undefined) this.#endOther();
    const spans = this.#spansOfParts;
    const bytes = this.#bytes;
    const head = this.#head ?? { head: new Uint8Array(0), isWhole: true };
    const fault = damage ? faultOfDamage(damage, spans > 0) : faultOf(this.#account, head, spans);
    const account = accountOf(this.#source.name, this.#account, { spans, bytes, contentBytes: bytes }, fault);
    this.#readers[this.#other].idle.promise.then(() => this.#done.resolve(account));
  }
}
