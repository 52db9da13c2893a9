import { type DecodeLimits, REASONS, type Reason } from '../formats/format.ts';
import { AccountKeeper, type SourceAccount } from '../ingest/account.ts';
import type { IngestTarget } from '../ingest/ingest.ts';
import type { SpanBatch } from '../model/span-batch.ts';
import { type DecodedBody, RequestDecoder } from './request-decoder.ts';
import type { ExportRequest, Outcome, Sink } from './sink.ts';

// All that receivers take from their start to their end, as one source of the database and one transaction of it. An
// acknowledgement says that spans were decoded and handed to the database; they are durable once the session is finished.

/** The name of a session among sources. */
const SOURCE = 'network';

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

export interface SessionProgress {
  /** Decompressed bytes of the requests handed over. */
  readonly bytes: number;
  readonly spans: number;
  /** Traces seen; 0 unless they are counted. */
  readonly traces: number;
}

export interface SessionOptions {
  readonly limits: DecodeLimits;
  /** Counts the traces that spans belong to, which takes the memory of their ids. */
  readonly countsTraces?: boolean;
  /** Is called behind every request that was handed over. */
  readonly onRequest?: (progress: SessionProgress) => void;
  /** Is called once, with the first error of the target; nothing is taken any more. */
  readonly onFailure?: (error: unknown) => void;
}

export class Session<Result> implements Sink {
  readonly #target: IngestTarget<Result>;
  readonly #options: SessionOptions;
  readonly #account = new AccountKeeper();
  readonly #decoder: RequestDecoder;
  readonly #counts = new Map<string, ReceiverCounts>();
  readonly #traces = new Set<string>();
  #bytes = 0;
  #state: 'open' | 'failed' | 'ended' = 'open';

  private constructor(target: IngestTarget<Result>, options: SessionOptions) {
    this.#target = target;
    this.#options = options;
    this.#decoder = new RequestDecoder(
      {
        producer: target.newProducer(),
        firstValueId: target.nextAttributeId,
        onBatch: batch => this.#add(batch),
      },
      options.limits,
      this.#account,
    );
  }

  /** Begins a session and the transaction that it is. */
  static async begin<Result>(target: IngestTarget<Result>, options: SessionOptions): Promise<Session<Result>> {
    await target.ready();
    await target.begin();
    return new Session(target, options);
  }

  #add(batch: SpanBatch): void {
    if (this.#options.countsTraces === true) {
      const { traceId, count } = batch.spans;
      for (let at = 0; at < count * 4; at += 4) this.#traces.add(traceId.subarray(at, at + 4).join(' '));
    }
    this.#target.add(batch);
    this.#decoder.writer.recycle(batch);
  }

  /** Decodes at once: a request is with the target, or refused, before the next one is looked at. */
  async accept({ receiver, formats, body }: ExportRequest): Promise<Outcome> {
    const counts = this.countsOf(receiver);
    counts.requests++;
    if (this.#state !== 'open') {
      counts.putOff++;
      return { kind: 'unavailable', message: 'the listener is stopping' };
    }
    let decoded: DecodedBody;
    try {
      decoded = this.#decoder.decode(formats, body);
      if (this.#options.countsTraces === true) this.#decoder.writer.flush();
    } catch (error) {
      this.#state = 'failed';
      this.#options.onFailure?.(error);
      counts.putOff++;
      return { kind: 'unavailable', message: 'the spans could not be stored' };
    }
    this.#bytes += body.length;
    counts.spans += decoded.spans;
    counts.lost += decoded.lost;
    if (decoded.isBroken) counts.refused++;
    this.#options.onRequest?.({ bytes: this.#bytes, spans: this.#decoder.writer.spanCount, traces: this.#traces.size });
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

  /** What came to a receiver so far. */
  countsOf(receiver: string): ReceiverCounts {
    let counts = this.#counts.get(receiver);
    if (counts === undefined) {
      counts = { requests: 0, spans: 0, lost: 0, refused: 0, dropped: 0, putOff: 0 };
      this.#counts.set(receiver, counts);
    }
    return counts;
  }

  /** Ends the session and commits it. Call it once receivers have stopped. */
  async finish(): Promise<{ readonly account: SourceAccount; readonly result: Result }> {
    this.#state = 'ended';
    this.#decoder.writer.flush();
    const account: SourceAccount = {
      source: SOURCE,
      format: this.#account.format,
      documents: this.#account.documents,
      spans: this.#decoder.writer.spanCount,
      bytes: this.#bytes,
      contentBytes: this.#bytes,
      skipped: this.#account.skipped,
      repaired: this.#account.repaired,
      fault: undefined,
    };
    return { account, result: await this.#target.finish(account) };
  }

  /** Ends the session and undoes it. */
  async abort(): Promise<void> {
    this.#state = 'ended';
    await this.#target.abort();
  }
}

function outcomeOf({ spans, lost, first, isBroken }: DecodedBody): Outcome {
  if (first === undefined) return { kind: 'accepted' };
  const { one } = REASONS[first.reason];
  const message = first.detail === '' ? one : `${one}: ${first.detail}`;
  if (isBroken) return { kind: 'refused', message };
  const isPart = lost > 0 && (spans > 0 || lost > 1);
  return { kind: 'partial', rejected: lost, message: isPart ? `${lost} left out; the first: ${message}` : message };
}
