import type { Division } from '../formats/json/division.ts';
import { laneModule, useLaneModule } from '../formats/lane/lane.ts';
import type { SpanBatch } from '../model/span-batch.ts';
import type { SourceAccount } from './account.ts';
import { type DecodeOptions, type ReadPart, SourceDecoder } from './decoding.ts';
import type { Head } from './faults.ts';
import { chunksOfPipe, type Pipe } from './pipe.ts';
import type { Share } from './segments.ts';
import type { Source } from './source.ts';

// What a decode thread does, and what is said between it and the thread of the database: it decodes one source after the other, or
// its share of one, and sends batches whose columns both threads share.

export type ToWorker =
  | {
      readonly type: 'decode';
      readonly source: Source;
      readonly nextAttributeId: number;
      /** The source is decoded as this share of it says, if it can be. */
      readonly share?: Share;
      /** The fast lane, as the other thread has compiled it. */
      readonly lane?: WebAssembly.Module;
      /** The source, where it is a pipe, which the other thread has open. */
      readonly pipe?: Pipe;
    }
  /** The first of the batches that are on their way has been taken over; its columns may be filled again. */
  | { readonly type: 'taken' }
  /** What was read of a file of an archive is committed. */
  | { readonly type: 'go-on'; readonly nextAttributeId: number };

export type FromWorker =
  | { readonly type: 'batch'; readonly batch: SpanBatch }
  | { readonly type: 'progress'; readonly bytes: number }
  /** A file of an archive is decoded; the next one waits. */
  | { readonly type: 'account'; readonly account: SourceAccount }
  | { readonly type: 'done'; readonly account: SourceAccount }
  | FromShare;

/** What is said of a share; segments.ts has the meaning. */
type FromShare =
  | { readonly type: 'head'; readonly head: Head }
  | { readonly type: 'division'; readonly division: Division; readonly lane: WebAssembly.Module | undefined }
  | { readonly type: 'segment'; readonly part: ReadPart }
  | { readonly type: 'read-on' }
  | {
      readonly type: 'end';
      readonly part: ReadPart;
      readonly bytes: number;
      readonly damage: { readonly message: string; readonly hint: string | undefined } | undefined;
    }
  /** There is no segment left that is this decoder's. */
  | { readonly type: 'idle' };

export interface ServiceOptions {
  readonly producer: number;
  readonly options: DecodeOptions;
  /** Batches that may wait to be taken over; the decoder pauses when there are as many. */
  readonly maxWaiting: number;
}

export class DecodeService {
  readonly #options: ServiceOptions;
  readonly #send: (message: FromWorker) => void;
  /** Batches on their way, in order. */
  readonly #waiting: SpanBatch[] = [];
  #decoder: SourceDecoder | undefined;
  #goOn: (() => void) | undefined;
  #onCommitted: (() => void) | undefined;

  constructor(options: ServiceOptions, send: (message: FromWorker) => void) {
    this.#options = options;
    this.#send = send;
  }

  async receive(message: ToWorker): Promise<void> {
    switch (message.type) {
      case 'taken': {
        const taken = this.#waiting.shift();
        if (taken !== undefined) this.#decoder?.writer.recycle(taken);
        if (this.#waiting.length < this.#options.maxWaiting) this.#goOn?.();
        return;
      }
      case 'go-on':
        this.#decoder?.writer.skipValueIds(message.nextAttributeId);
        this.#onCommitted?.();
        return;
      case 'decode':
        return this.#decode(message);
    }
  }

  async #decode({ source, nextAttributeId, share, lane, pipe }: ToWorker & { type: 'decode' }): Promise<void> {
    if (lane !== undefined) useLaneModule(lane);
    const decoder = this.#decoder ?? this.#newDecoder(nextAttributeId);
    this.#decoder = decoder;
    if (share !== undefined) {
      decoder.writer.takeTurns(nextAttributeId, share.turn);
      if (await this.#decodeShare(decoder, source.name, share)) return;
    }
    decoder.writer.skipValueIds(nextAttributeId);
    const account = await decoder.decode(
      source,
      bytes => this.#progress(bytes),
      pipe && chunksOfPipe(pipe),
      ofFile =>
        new Promise<void>(resolve => {
          this.#onCommitted = resolve;
          this.#send({ type: 'account', account: ofFile });
        }),
    );
    decoder.writer.flush();
    this.#send({ type: 'done', account });
  }

  async #decodeShare(decoder: SourceDecoder, name: string, share: Share): Promise<boolean> {
    let isEnded = false;
    const isShared = await decoder.decodeShare(name, share, {
      onHead: head => this.#send({ type: 'head', head }),
      onDivision: division => this.#send({ type: 'division', division, lane: laneModule() }),
      onProgress: bytes => this.#progress(bytes),
      onSegment: part => this.#send({ type: 'segment', part }),
      onReadOn: () => this.#send({ type: 'read-on' }),
      onEnd: (part, bytes, damage) => {
        isEnded = true;
        const said = damage && { message: damage.message, hint: damage.hint };
        this.#send({ type: 'end', part, bytes, damage: said });
      },
    });
    if (isShared && !isEnded) this.#send({ type: 'idle' });
    return isShared;
  }

  #newDecoder(firstValueId: number): SourceDecoder {
    const { producer, options } = this.#options;
    const onBatch = (batch: SpanBatch) => {
      this.#waiting.push(batch);
      this.#send({ type: 'batch', batch });
    };
    return new SourceDecoder({ producer, firstValueId, isShared: true, onBatch }, { lane: true, ...options });
  }

  /** Tells how many bytes are read, and waits until few enough batches wait. */
  async #progress(bytes: number): Promise<void> {
    this.#send({ type: 'progress', bytes });
    if (this.#waiting.length < this.#options.maxWaiting) return;
    await new Promise<void>(resolve => {
      this.#goOn = resolve;
    });
    this.#goOn = undefined;
  }
}
