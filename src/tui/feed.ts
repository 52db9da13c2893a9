import type { Trace } from '../model/trace.ts';
import type { TraceOrder, TraceSummary } from '../store/find-traces.ts';

// Where the screen gets its traces from: a database, or what is being received.

export interface FeedCounts {
  /** All there are, listed or not. */
  readonly traces: number;
  readonly spans: number;
  /** Traces with errors. */
  readonly failed: number;
  /** Spans a second that arrive now; undefined where nothing arrives. */
  readonly spansPerSecond?: number;
  /** Requests that were refused or records that could not be read; undefined where nothing arrives. */
  readonly dropped?: number;
}

/** What there is at one moment. Immutable, and the same object for as long as nothing changes. */
export interface FeedSnapshot {
  /** Rises with every change. */
  readonly version: number;
  /** The newest ones, in the order in which they came; `counts.traces` says how many there are. */
  readonly traces: readonly TraceSummary[];
  readonly counts: FeedCounts;
}

/** The order of a list: `arrival` is that of the snapshot. */
export interface ListOrder {
  readonly field: TraceOrder | 'arrival';
  readonly ascending: boolean;
}

export interface SearchRequest {
  /** A query in TraceQL; empty for all. */
  readonly query: string;
  readonly order: ListOrder;
}

/** Where a query is wrong: UTF-16 offsets into it, `to` exclusive. */
export interface QueryFault {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

export type SearchOutcome =
  /** The first ones in the order asked for (by start, newest first, for `arrival`), and how many match. */
  | { readonly kind: 'found'; readonly traces: readonly TraceSummary[]; readonly total: number }
  | { readonly kind: 'fault'; readonly fault: QueryFault };

/** What a person looks at, for a command line that shows it. */
export interface Place {
  readonly query: string;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
}

export interface TraceFeed {
  /** What stands first in the header: `tail · otlp 127.0.0.1:4317`, `tui · traces.jsonl`. Harmless on a terminal. */
  readonly title: string;
  /** Traces arrive while it is looked at. */
  readonly isLive: boolean;
  snapshot(): FeedSnapshot;
  /** Calls the listener after each change, at most ten times a second. Returns what ends that. */
  subscribe(listener: () => void): () => void;
  /** Answers the trace; undefined where it is not there any more. Rejects with `UserError` where it cannot be read. */
  loadTrace(traceId: string): Promise<Trace | undefined>;
  /** Answers what matches. One at a time is asked for. Rejects with `UserError` where it cannot be answered. */
  search(request: SearchRequest): Promise<SearchOutcome>;
  /** Returns command lines that show a place outside of the screen, the best one first. */
  commandLines(place: Place): readonly string[];
}
