import { Worker } from 'node:worker_threads';
import type { FromWorker, ServiceOptions, ToWorker } from './decode-service.ts';

/** A decode thread as the thread of the database sees it. */
export interface DecodeThread {
  send(message: ToWorker): void;
  /** Says who is told what it sends, and what it failed of; nobody is where nothing is decoded. */
  listen(listener: ThreadListener | undefined): void;
  end(): Promise<void>;
}

export interface ThreadListener {
  onMessage(message: FromWorker): void;
  onError(error: unknown): void;
}

export async function startDecodeThread(workerData: ServiceOptions): Promise<DecodeThread> {
  const file = import.meta.url.endsWith('.ts') ? './start-decode-worker.ts' : './start-decode-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData });
  let listener: ThreadListener | undefined;
  let failure: unknown;
  worker.on('message', (message: FromWorker) => listener?.onMessage(message));
  worker.on('error', error => {
    failure = error;
    listener?.onError(error);
  });
  return {
    send: message => worker.postMessage(message),
    listen: next => {
      listener = next;
      if (failure !== undefined) next?.onError(failure);
    },
    end: async () => {
      listener = undefined;
      await worker.terminate();
    },
  };
}
