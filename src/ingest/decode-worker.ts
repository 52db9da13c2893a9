import { parentPort, workerData } from 'node:worker_threads';
import type { SpanBatch } from '../model/span-batch.ts';
import type { SourceAccount } from './account.ts';
import { type DecodeOptions, SourceDecoder } from './decoding.ts';
import type { Source } from './source.ts';

// The decode thread: reads, decompresses and decodes one source after the other, and sends batches whose columns both threads share.

export type ToWorker =
  | { readonly type: 'decode'; readonly source: Source; readonly nextAttributeId: number }
  /** The first of the batches that are on their way has been taken over; its columns may be filled again. */
  | { readonly type: 'taken' }
  /** What was read of a file of an archive is committed. */
  | { readonly type: 'go-on'; readonly nextAttributeId: number };

export type FromWorker =
  | { readonly type: 'batch'; readonly batch: SpanBatch }
  | { readonly type: 'progress'; readonly bytes: number }
  /** A file of an archive is decoded; the next one waits. */
  | { readonly type: 'account'; readonly account: SourceAccount }
  | { readonly type: 'done'; readonly account: SourceAccount };

interface WorkerData {
  readonly producer: number;
  readonly options: DecodeOptions;
  readonly maxWaiting: number;
}

const port = parentPort;
if (port === null) throw new Error('decode-worker runs in a worker thread');
const { producer, options, maxWaiting }: WorkerData = workerData;

/** Batches on their way, in order. */
const waiting: SpanBatch[] = [];
let goOn: (() => void) | undefined;
let onCommitted: (() => void) | undefined;

const send = (message: FromWorker) => port.postMessage(message);
let decoder: SourceDecoder | undefined;

port.on('message', async (message: ToWorker) => {
  if (message.type === 'taken') {
    const taken = waiting.shift();
    if (taken !== undefined) decoder?.writer.recycle(taken);
    if (waiting.length < maxWaiting) goOn?.();
    return;
  }
  if (message.type === 'go-on') {
    decoder?.writer.skipValueIds(message.nextAttributeId);
    onCommitted?.();
    return;
  }
  decoder ??= new SourceDecoder(
    {
      producer,
      firstValueId: message.nextAttributeId,
      isShared: true,
      onBatch: batch => {
        waiting.push(batch);
        send({ type: 'batch', batch });
      },
    },
    { ...options, lane: true },
  );
  decoder.writer.skipValueIds(message.nextAttributeId);
  const account = await decoder.decode(
    message.source,
    async bytes => {
      send({ type: 'progress', bytes });
      if (waiting.length >= maxWaiting) {
        await new Promise<void>(resolve => {
          goOn = resolve;
        });
        goOn = undefined;
      }
    },
    undefined,
    ofFile =>
      new Promise<void>(resolve => {
        onCommitted = resolve;
        send({ type: 'account', account: ofFile });
      }),
  );
  decoder.writer.flush();
  send({ type: 'done', account });
});
