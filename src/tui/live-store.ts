import type { TraceSummary } from '../store/find-traces.ts';
import type { FeedCounts, FeedSnapshot } from './feed.ts';

// Traces as they arrive, outside React: the newest ones, and counts of all. Who listens is told at most ten times a second,
// however fast they come, and not at all while nothing does.

const CAPACITY = 10_000;
const PERIOD_MS = 100;

export class LiveStore {
  readonly #capacity: number;
  /** By id, in the order of their arrival: a map keeps it. */
  readonly #traces = new Map<string, TraceSummary>();
  readonly #listeners = new Set<() => void>();
  #counts: FeedCounts = { traces: 0, spans: 0, failed: 0 };
  #version = 0;
  #snapshot: FeedSnapshot | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  /** Takes traces, in the order in which they came, and the counts with them. One that is there already has grown, and keeps its place. */
  add(traces: readonly TraceSummary[], counts: FeedCounts): void {
    for (const trace of traces) this.#traces.set(trace.traceId, trace);
    for (const oldest of this.#traces.keys()) {
      if (this.#traces.size <= this.#capacity) break;
      this.#traces.delete(oldest);
    }
    this.#counts = counts;
    this.#version++;
    this.#snapshot = undefined;
    this.#tell();
  }

  snapshot(): FeedSnapshot {
    this.#snapshot ??= { version: this.#version, traces: [...this.#traces.values()], counts: this.#counts };
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells of the first change at once, of those that follow it at the end of the period. */
  #tell(): void {
    if (this.#timer !== undefined) return;
    const told = this.#version;
    for (const listener of this.#listeners) listener();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#version !== told) this.#tell();
    }, PERIOD_MS);
    this.#timer.unref();
  }
}
