import type { SpanBatch } from '../model/span-batch.ts';
import type { SourceAccount } from './account.ts';
import type { Source } from './source.ts';

// What stands between the reading of sources and those they are read for.

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

/** Takes the account of a file of an archive whose spans are all with the target, before any of the next one are. */
export type OnAccount = (account: SourceAccount) => Promise<void>;
