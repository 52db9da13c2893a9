import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type { SourceAccount } from '../ingest/account.ts';
import { buffersOf, type SpanBatch } from '../model/span-batch.ts';
import { Budget } from './budget.ts';
import { RECEIVERS } from './index.ts';
import { Intake, type Producer, type ReceiverCounts } from './intake.ts';
import { Journal } from './journal.ts';
import { listenError, type Receiver, type ReceiverOptions } from './receiver.ts';

// The receive thread: receivers, decoders and the journal. The thread that owns the database stores batches, and may be busy with it
// for longer than a sender likes to wait for an answer.

/** What a receive thread is to do. */
export interface ReceiveTask extends Omit<ReceiverOptions, 'port' | 'sink' | 'budget'> {
  readonly receivers: readonly { readonly name: string; readonly port: number }[];
  /** Memory for requests that are being read or wait. */
  readonly budgetBytes: number;
  /** Folder of the journal; undefined where requests are acknowledged without one. */
  readonly journal: string | undefined;
  readonly producer: Producer;
}

export type ToReceiveWorker =
  /** A batch has been taken over by the database's thread; its buffers come back. */
  | { readonly type: 'taken'; readonly batch: SpanBatch }
  /** Spans of batches before this number are in the database. */
  | { readonly type: 'stored'; readonly before: number }
  /** Asks for all that was received so far; `hold`: and for nothing more until `go-on`. */
  | { readonly type: 'flush'; readonly hold: boolean }
  | { readonly type: 'go-on'; readonly producer: Producer }
  | { readonly type: 'stop'; readonly graceMs: number };

/** What came so far. */
export interface Received {
  readonly requests: number;
  readonly account: SourceAccount;
  readonly counts: ReadonlyMap<string, ReceiverCounts>;
}

/** A receiver that listens. */
export interface Listening {
  readonly name: string;
  readonly endpoint: string;
  readonly port: number;
}

export type FromReceiveWorker =
  | { readonly type: 'listening'; readonly receivers: readonly Listening[] }
  /** A receiver cannot listen; `hint` where the user can do something about it. */
  | { readonly type: 'failed'; readonly message: string; readonly hint: string | undefined }
  | { readonly type: 'batch'; readonly batch: SpanBatch; readonly sequence: number }
  | { readonly type: 'received'; readonly received: Received }
  /** Behind all batches that were asked for by `flush`. */
  | { readonly type: 'flushed'; readonly received: Received }
  /** Behind all batches there will be. */
  | { readonly type: 'stopped'; readonly received: Received };

/** What came is told this often, if something came. */
const TOLD_EVERY_MS = 100;

const port = parentPort;
if (port === null) throw new Error('receive-worker runs in a worker thread');
const task: ReceiveTask = workerData;
const send = (message: FromReceiveWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

const journal = task.journal === undefined ? undefined : new Journal(task.journal);
const intake = new Intake({
  limits: { recordBytes: task.requestBytes },
  producer: task.producer,
  onBatch: (batch, sequence) => send({ type: 'batch', batch, sequence }, buffersOf(batch)),
  journal,
  hasLane: true,
});
const received = (): Received => ({ requests: intake.requests, account: intake.account, counts: intake.counts });

let told = 0;
const telling = setInterval(() => {
  if (intake.requests === told) return;
  told = intake.requests;
  send({ type: 'received', received: received() });
}, TOLD_EVERY_MS);

const receivers: Receiver[] = [];

async function listen(): Promise<void> {
  const { receivers: wanted, ...options } = task;
  const budget = new Budget(task.budgetBytes);
  const listening: Listening[] = [];
  for (const { name, port: wantedPort } of wanted) {
    const entry = RECEIVERS.find(known => known.name === name);
    if (entry === undefined) throw new Error(`there is no receiver ${name}`);
    try {
      const receiver = await entry.start({ ...options, sink: intake, budget, port: wantedPort });
      receivers.push(receiver);
      listening.push({ name, endpoint: receiver.endpoint, port: receiver.port });
    } catch (error) {
      throw listenError(error, entry, task.host, wantedPort);
    }
  }
  send({ type: 'listening', receivers: listening });
}

async function stop(graceMs: number): Promise<void> {
  await Promise.all(receivers.map(receiver => receiver.stop(graceMs)));
  intake.close();
  clearInterval(telling);
  await journal?.close();
  send({ type: 'stopped', received: received() });
}

port.on('message', async (message: ToReceiveWorker) => {
  switch (message.type) {
    case 'taken':
      intake.taken(message.batch);
      break;
    case 'stored':
      await intake.stored(message.before);
      break;
    case 'flush':
      if (message.hold) intake.hold();
      else intake.flush();
      send({ type: 'flushed', received: received() });
      break;
    case 'go-on':
      intake.goOn(message.producer);
      break;
    case 'stop':
      await stop(message.graceMs);
      break;
  }
});

try {
  await listen();
} catch (error) {
  await stop(0);
  const message = error instanceof Error ? error.message : String(error);
  send({ type: 'failed', message, hint: error instanceof UserError ? error.hint : undefined });
}
