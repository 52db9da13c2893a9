import type { Worker } from 'node:worker_threads';
import type { SpanBatch } from '../model/span-batch.ts';
import type { SourceAccount } from './account.ts';
import type { FromWorker, ToWorker } from './decode-worker.ts';
import { type DecodeOptions, SourceDecoder } from './decoding.ts';
import type { Source } from './source.ts';

// Sources, one after the other, into a target that owns the database. Small sources are decoded on this thread; a
// worker costs more to start than they take. Large ones are decoded in a worker while this thread appends.

/** From this size on, in bytes, decoding is worth a thread of its own. */
const WORKER_BYTES = 4 << 20;
/** Batches that may wait for this thread; the worker pauses when there are as many. */
const MAX_WAITING = 12;

/** Where batches go: the store's loader. */
export interface IngestTarget<Result> {
  /** The first id that a new producer may give to an attribute. */
  readonly nextAttributeId: number;
  /** Returns a number for a new producer of batches. */
  newProducer(): number;
  begin(): Promise<void>;
  /** Resolves once `add` takes batches over at once; before, it may keep them. */
  ready(): Promise<void>;
  add(batch: SpanBatch): void;
  /** Ends the source and commits it. */
  finish(account: SourceAccount): Promise<Result>;
  /** Undoes the source. */
  abort(): Promise<void>;
}

export interface IngestProgress {
  readonly source: Source;
  /** Bytes read of the source, as stored. */
  readonly bytes: number;
  readonly spans: number;
}

export interface IngestHooks {
  readonly onProgress?: (progress: IngestProgress) => void;
  readonly signal?: AbortSignal;
}

export interface IngestedSource<Result> {
  readonly account: SourceAccount;
  readonly result: Result;
}

/** Takes the account of a file of an archive whose spans are all with the target, before any of the next one are. */
type OnAccount = (account: SourceAccount) => Promise<void>;

/** Reads sources in order; of an archive, each file is one. Faults of a source are in its account; errors of the target, and an abort, are thrown. */
export async function ingest<Result>(
  sources: readonly Source[],
  target: IngestTarget<Result>,
  options: DecodeOptions,
  hooks: IngestHooks = {},
): Promise<IngestedSource<Result>[]> {
  const done: IngestedSource<Result>[] = [];
  const decoders = new Decoders(target, options);
  try {
    for (const source of sources) {
      hooks.signal?.throwIfAborted();
      await target.begin();
      try {
        const account = await decoders.decode(source, hooks, async ofFile => {
          done.push({ account: ofFile, result: await target.finish(ofFile) });
          await target.begin();
        });
        done.push({ account, result: await target.finish(account) });
      } catch (error) {
        await target.abort();
        throw error;
      }
    }
  } finally {
    await decoders.close();
  }
  return done;
}

/** The decoders of this ingest: one on this thread, one in a worker, each made when it is first needed. */
class Decoders {
  readonly #target: IngestTarget<unknown>;
  readonly #options: DecodeOptions;
  #local: SourceDecoder | undefined;
  #worker: Worker | undefined;
  #spans = 0;

  constructor(target: IngestTarget<unknown>, options: DecodeOptions) {
    this.#target = target;
    this.#options = options;
  }

  async decode(source: Source, hooks: IngestHooks, onAccount: OnAccount): Promise<SourceAccount> {
    this.#spans = 0;
    const isLarge = source.bytes !== undefined && source.bytes >= WORKER_BYTES;
    return isLarge ? this.#decodeInWorker(source, hooks, onAccount) : this.#decodeHere(source, hooks, onAccount);
  }

  #add(batch: SpanBatch): void {
    this.#spans += batch.spans.count;
    this.#target.add(batch);
  }

  async #decodeHere(source: Source, hooks: IngestHooks, onAccount: OnAccount): Promise<SourceAccount> {
    const local =
      this.#local ??
      new SourceDecoder(
        {
          producer: this.#target.newProducer(),
          firstValueId: this.#target.nextAttributeId,
          onBatch: batch => this.#add(batch),
        },
        this.#options,
      );
    this.#local = local;
    // Another producer may have given ids since.
    local.writer.skipValueIds(this.#target.nextAttributeId);
    const account = await local.decode(
      source,
      bytes => {
        hooks.signal?.throwIfAborted();
        hooks.onProgress?.({ source, bytes, spans: this.#spans });
      },
      undefined,
      async ofFile => {
        await onAccount(ofFile);
        local.writer.skipValueIds(this.#target.nextAttributeId);
      },
    );
    local.writer.flush();
    return account;
  }

  async #decodeInWorker(source: Source, hooks: IngestHooks, onAccount: OnAccount): Promise<SourceAccount> {
    const worker = await this.#startWorker();
    const send = (message: ToWorker) => worker.postMessage(message);
    return new Promise<SourceAccount>((resolve, reject) => {
      const onAbort = () => settle(() => reject(hooks.signal?.reason));
      const settle = (finish: () => void) => {
        worker.off('message', onMessage);
        worker.off('error', onError);
        hooks.signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const onError = (error: unknown) => settle(() => reject(error));
      const onMessage = (message: FromWorker) => {
        switch (message.type) {
          case 'batch':
            try {
              this.#add(message.batch);
            } catch (error) {
              onError(error);
              return;
            }
            send({ type: 'taken' });
            break;
          case 'progress':
            hooks.onProgress?.({ source, bytes: message.bytes, spans: this.#spans });
            break;
          case 'account':
            onAccount(message.account).then(
              () => send({ type: 'go-on', nextAttributeId: this.#target.nextAttributeId }),
              onError,
            );
            break;
          case 'done':
            settle(() => resolve(message.account));
            break;
        }
      };
      // A batch goes back to the worker as soon as it is taken over, so messages wait for a target that takes them.
      const early: FromWorker[] = [];
      const onEarly = (message: FromWorker) => early.push(message);
      worker.on('message', onEarly);
      this.#target.ready().then(() => {
        worker.off('message', onEarly);
        worker.on('message', onMessage);
        for (const message of early) onMessage(message);
      }, onError);
      worker.on('error', onError);
      hooks.signal?.addEventListener('abort', onAbort);
      send({ type: 'decode', source, nextAttributeId: this.#target.nextAttributeId });
    });
  }

  async #startWorker(): Promise<Worker> {
    if (this.#worker !== undefined) return this.#worker;
    const { Worker } = await import('node:worker_threads');
    const file = import.meta.url.endsWith('.ts') ? './start-decode-worker.ts' : './start-decode-worker.js';
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: { producer: this.#target.newProducer(), options: this.#options, maxWaiting: MAX_WAITING },
    });
    this.#worker.setMaxListeners(0);
    return this.#worker;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}
