import type { Reason } from '../formats/reasons.ts';
import type { BodyFormats } from './body-formats.ts';

// What stands between receivers and storage. Receivers know protocols and sinks know databases; neither knows the other.

/** A request that was read to its end, authorised and decompressed. Plain data and bytes, so that it may go to another thread. */
export interface ExportRequest {
  /** The name of the receiver that it came to. */
  readonly receiver: string;
  readonly formats: BodyFormats;
  /** Belongs to the sink from now on. */
  readonly body: Uint8Array;
}

/**
 * What became of a request. `accepted` and `partial` are acknowledgements; the sender sends again what is `overloaded` or
 * `unavailable`, and never what is `refused`.
 */
export type Outcome =
  | { readonly kind: 'accepted' }
  /** Some records were left out, or (`rejected` is 0) some fields. */
  | { readonly kind: 'partial'; readonly rejected: number; readonly message: string }
  /** Nothing in it could be read. */
  | { readonly kind: 'refused'; readonly message: string }
  /** More has come than is stored so far; the sender is to wait. */
  | { readonly kind: 'overloaded'; readonly retryAfterMs: number }
  /** Nothing is taken any more: storing failed, or the session is ending. */
  | { readonly kind: 'unavailable'; readonly message: string };

/** Where receivers hand requests over. */
export interface Sink {
  /** Takes a request. Never rejects: what goes wrong is an outcome. */
  accept(request: ExportRequest): Promise<Outcome>;
  /** Counts a request that was answered with an error before it could be handed over. */
  refuse(receiver: string, detail: string): void;
  /** Counts a request that was acknowledged and dropped, for it holds no traces. */
  drop(receiver: string, reason: Reason): void;
  /** Counts a request whose sender was told to try again. */
  putOff(receiver: string): void;
}
