import type { SourceAccount } from './account.ts';
import { DecodeThreads, type ThreadsOptions } from './decode-threads.ts';
import { type DecodeOptions, SourceDecoder } from './decoding.ts';
import { chunksOfPipe, openPipe } from './pipe.ts';
import type { Source } from './source.ts';
import type { IngestHooks, IngestTarget, OnAccount } from './target.ts';

// Sources, one after the other, into a target that owns the database. Small sources are decoded on this thread; a
// worker costs more to start than they take. Large ones are decoded in workers while this thread appends.

/** From this size on, in bytes, decoding is worth a thread of its own. */
const WORKER_BYTES = 4 << 20;

export interface IngestedSource<Result> {
  readonly account: SourceAccount;
  readonly result: Result;
}

/** Reads sources in order; of an archive, each file is one. Faults of a source are in its account; errors of the target, and an abort, are thrown. */
export async function ingest<Result>(
  sources: readonly Source[],
  target: IngestTarget<Result>,
  options: DecodeOptions,
  hooks: IngestHooks = {},
  threads?: ThreadsOptions,
): Promise<IngestedSource<Result>[]> {
  const done: IngestedSource<Result>[] = [];
  const decoders = new Decoders(target, options, threads);
  try {
    for (const [index, source] of sources.entries()) {
      hooks.signal?.throwIfAborted();
      await target.begin();
      try {
        const account = await decoders.decode(source, hooks, async ofFile => {
          done.push({ account: ofFile, result: await target.finish(ofFile) });
          await target.begin();
        });
        // Threads take a while to end. No other source is waiting for them, and the target has work left.
        const closing = index === sources.length - 1 ? decoders.close() : undefined;
        done.push({ account, result: await target.finish(account) });
        await closing;
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

/** The decoders of this ingest, on this thread and in others, each made when it is first needed. */
class Decoders {
  readonly #target: IngestTarget<unknown>;
  readonly #options: DecodeOptions;
  #local: SourceDecoder | undefined;
  readonly #threads: DecodeThreads;
  #spans = 0;

  constructor(target: IngestTarget<unknown>, options: DecodeOptions, threads: ThreadsOptions | undefined) {
    this.#target = target;
    this.#options = options;
    this.#threads = new DecodeThreads(target, options, threads);
  }

  async decode(source: Source, hooks: IngestHooks, onAccount: OnAccount): Promise<SourceAccount> {
    // To ask the web takes longer than a thread to start.
    const isLarge = source.url !== undefined || (source.bytes !== undefined && source.bytes >= WORKER_BYTES);
    if (isLarge) return this.#threads.decode(source, hooks, onAccount);
    const pipe = source.bytes === undefined ? await openPipe(source, WORKER_BYTES).catch(() => undefined) : undefined;
    // One that cannot be read is for the decoder to complain of.
    if (pipe === undefined) return this.#decodeHere(source, hooks, onAccount);
    try {
      const { descriptor, head, isWhole } = pipe;
      return isWhole
        ? await this.#decodeHere(source, hooks, onAccount, chunksOfPipe(pipe))
        : await this.#threads.decode(source, hooks, onAccount, { descriptor, head, isWhole });
    } finally {
      await pipe.close();
    }
  }

  async #decodeHere(
    source: Source,
    hooks: IngestHooks,
    onAccount: OnAccount,
    stored?: AsyncIterable<Uint8Array>,
  ): Promise<SourceAccount> {
    this.#spans = 0;
    const local =
      this.#local ??
      new SourceDecoder(
        {
          producer: this.#target.newProducer(),
          firstValueId: this.#target.nextAttributeId,
          onBatch: batch => {
            this.#spans += batch.spans.count;
            this.#target.add(batch);
          },
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
      stored,
      async ofFile => {
        await onAccount(ofFile);
        local.writer.skipValueIds(this.#target.nextAttributeId);
      },
    );
    local.writer.flush();
    return account;
  }

  async close(): Promise<void> {
    await this.#threads.close();
  }
}
