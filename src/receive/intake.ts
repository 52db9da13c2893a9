import type { DecodeLimits } from '../formats/format.ts';
import { REASONS, type Reason } from '../formats/reasons.ts';
import { AccountKeeper, type SourceAccount } from '../ingest/account.ts';
import type { SpanBatch } from '../model/span-batch.ts';
import { monotonicMs } from '../terminal/clock.ts';
import type { Journal } from './journal.ts';
import { type DecodedBody, RequestDecoder } from './request-decoder.ts';
import type { ExportRequest, Outcome, Sink } from './sink.ts';

// All that receivers take, from their start to their end: decoded, written to the journal, and only then acknowledged. Batches of
// spans go on to whoever stores them, and the journal is let go of as far as they are stored.

/** The name of what comes from receivers among sources. */
const SOURCE = 'network';
/** Batches that may wait to be taken over; while there are as many, requests wait. */
const MAX_WAITING = 12;
/** How long a request waits for that before its sender is told to come again. */
const MAX_WAIT_MS = 5000;
/** Spans are handed on this long after they came, or earlier, with others. */
const FLUSH_MS = 50;

/** What came to one receiver. */
export interface ReceiverCounts {
  /** Requests, or datagrams, of any kind. */
  requests: number;
  spans: number;
  /** Records in requests that gave no span though they should have. */
  lost: number;
  /** Requests that were answered with an error. */
  refused: number;
  /** Requests that were acknowledged and dropped: metrics, logs and profiles. */
  dropped: number;
  /** Requests whose sender was told to try again. */
  putOff: number;
}

/** The ids that batches are to have, which the store gives. */
export interface Producer {
  readonly number: number;
  /** The first id that it may give to an attribute. */
  readonly firstValueId: number;
}

export interface IntakeOptions {
  readonly limits: DecodeLimits;
  readonly producer: Producer;
  /** Takes a batch. Their numbers ascend from 1. */
  readonly onBatch: (batch: SpanBatch, sequence: number) => void;
  /** Requests are acknowledged once they are in it; undefined: once they are decoded. */
  readonly journal?: Journal | undefined;
  /** Whether the fast lane is worth its start. */
  readonly hasLane?: boolean;
}

export class Intake implements Sink {
  readonly #options: IntakeOptions;
  readonly #account = new AccountKeeper();
  readonly #counts = new Map<string, ReceiverCounts>();
  #decoder: RequestDecoder;
  #bytes = 0;
  #spans = 0;
  #requests = 0;
  #isOpen = true;
  /** The number that the next batch gets. */
  #sequence = 1;
  #flushTimer: NodeJS.Timeout | undefined;
  /** Batches that were not taken over yet. */
  #waiting = 0;
  /** Resolves when there is room for another request. */
  #room: PromiseWithResolvers<void> | undefined;
  /** Holds requests back while whoever stores them is busy with more than storing. */
  #isHeld = false;
  /** Bodies on their way into the journal. */
  #writing = 0;
  /** By segment of the journal: the last batch that holds spans of it. */
  readonly #lastOfSegment = new Map<number, number>();

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#decoder = this.#newDecoder(options.producer);
  }

  #newDecoder({ number, firstValueId }: Producer): RequestDecoder {
    const { limits, hasLane } = this.#options;
    const onBatch = (batch: SpanBatch) => {
      this.#waiting++;
      this.#options.onBatch(batch, this.#sequence++);
    };
    return new RequestDecoder({ producer: number, firstValueId, onBatch }, limits, this.#account, hasLane);
  }

  async accept({ receiver, formats, body }: ExportRequest): Promise<Outcome> {
    const counts = this.countsOf(receiver);
    counts.requests++;
    this.#requests++;
    if (!(await this.#hasRoom())) {
      counts.putOff++;
      return { kind: 'overloaded', retryAfterMs: RETRY_AFTER_MS };
    }
    if (!this.#isOpen) {
      counts.putOff++;
      return { kind: 'unavailable', message: 'the listener is stopping' };
    }
    const decoded = this.#decoder.decode(formats, body);
    // The last of its spans are in the batch that is being filled, or in the one that just was.
    const sequence = this.#sequence;
    this.#flushTimer ??= setTimeout(() => this.flush(), FLUSH_MS);
    if (decoded.spans > 0 && this.#options.journal !== undefined) {
      this.#writing++;
      try {
        const segment = await this.#options.journal.append(formats, body);
        this.#lastOfSegment.set(segment, Math.max(sequence, this.#lastOfSegment.get(segment) ?? 0));
      } catch (error) {
        counts.putOff++;
        const reason = error instanceof Error ? error.message : String(error);
        return { kind: 'unavailable', message: `the journal cannot be written: ${reason}` };
      } finally {
        this.#writing--;
      }
    }
    this.#bytes += body.length;
    this.#spans += decoded.spans;
    counts.spans += decoded.spans;
    counts.lost += decoded.lost;
    if (decoded.isBroken) counts.refused++;
    return outcomeOf(decoded);
  }

  refuse(receiver: string, detail: string): void {
    const counts = this.countsOf(receiver);
    counts.requests++;
    counts.refused++;
    this.#account.skip('refused-request', 0, `${receiver}: ${detail}`);
  }

  drop(receiver: string, reason: Reason): void {
    const counts = this.countsOf(receiver);
    counts.requests++;
    counts.dropped++;
    this.#account.skip(reason, 0, receiver);
  }

  putOff(receiver: string): void {
    const counts = this.countsOf(receiver);
    counts.requests++;
    counts.putOff++;
  }

  async #hasRoom(): Promise<boolean> {
    const deadline = monotonicMs() + MAX_WAIT_MS;
    while (this.#isHeld || this.#waiting >= MAX_WAITING) {
      this.#room ??= Promise.withResolvers();
      const left = deadline - monotonicMs();
      if (left <= 0) return false;
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>(resolve => {
        timer = setTimeout(resolve, left);
      });
      await Promise.race([this.#room.promise, timeout]);
      clearTimeout(timer);
    }
    return true;
  }

  #makeRoom(): void {
    if (this.#isHeld || this.#waiting >= MAX_WAITING) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** What came to a receiver so far. */
  countsOf(receiver: string): ReceiverCounts {
    let counts = this.#counts.get(receiver);
    if (counts === undefined) {
      counts = { requests: 0, spans: 0, lost: 0, refused: 0, dropped: 0, putOff: 0 };
      this.#counts.set(receiver, counts);
    }
    return counts;
  }

  get counts(): ReadonlyMap<string, ReceiverCounts> {
    return this.#counts;
  }

  /** Requests that were handed over. */
  get requests(): number {
    return this.#requests;
  }

  /** What came so far, as a source that goes on. */
  get account(): SourceAccount {
    return {
      source: SOURCE,
      format: this.#account.format,
      documents: this.#account.documents,
      spans: this.#spans,
      bytes: this.#bytes,
      contentBytes: this.#bytes,
      skipped: this.#account.skipped,
      repaired: this.#account.repaired,
      fault: undefined,
    };
  }

  /** Hands on what was decoded. */
  flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#decoder.writer.flush();
  }

  /** A batch was taken over; its columns serve for another. */
  taken(batch: SpanBatch): void {
    this.#waiting--;
    this.#decoder.writer.recycle(batch);
    this.#makeRoom();
  }

  /** All spans of batches before this number are in the database: the journal need not keep them. */
  async stored(before: number): Promise<void> {
    const { journal } = this.#options;
    if (journal === undefined) return;
    // What is on its way goes into the segment in hand.
    const last = this.#writing > 0 ? Math.max(...this.#lastOfSegment.keys()) : Infinity;
    let done = 0;
    for (const [segment, sequence] of this.#lastOfSegment) {
      if (sequence >= before || segment >= last) break;
      done = segment;
      this.#lastOfSegment.delete(segment);
    }
    if (done > 0) await journal.release(done);
  }

  /** Hands on all, and takes nothing until `goOn`. */
  hold(): void {
    this.#isHeld = true;
    this.flush();
  }

  /** Goes on as a new producer: what was defined before is not known any more. */
  goOn(producer: Producer): void {
    this.#decoder = this.#newDecoder(producer);
    this.#isHeld = false;
    this.#makeRoom();
  }

  /** Takes nothing any more, and hands on what it has. Call it once receivers have stopped. */
  close(): void {
    this.#isOpen = false;
    this.#isHeld = false;
    this.flush();
    this.#room?.resolve();
  }
}

/** How long a sender is asked to wait when more has come than is stored. */
const RETRY_AFTER_MS = 1000;

function outcomeOf({ spans, lost, first, isBroken }: DecodedBody): Outcome {
  if (first === undefined) return { kind: 'accepted' };
  const { one } = REASONS[first.reason];
  const message = first.detail === '' ? one : `${one}: ${first.detail}`;
  if (isBroken) return { kind: 'refused', message };
  const isPart = lost > 0 && (spans > 0 || lost > 1);
  return { kind: 'partial', rejected: lost, message: isPart ? `${lost} left out; the first: ${message}` : message };
}
