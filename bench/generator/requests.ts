// Spans as exporters send them: every instance keeps its own batch, so the spans of a trace end up far apart, and a
// Collector puts the batches of a few instances into one export request.

import { Random } from './random.ts';
import type { Resource, Scope, Span } from './span.ts';

export interface ScopeSpans {
  readonly scope: Scope;
  readonly spans: readonly Span[];
}

export interface ResourceSpans {
  readonly resource: Resource;
  readonly scopeSpans: readonly ScopeSpans[];
}

/** The contents of one ExportTraceServiceRequest. */
export type ExportRequest = readonly ResourceSpans[];

/** The version of the semantic conventions that the attributes follow. */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.26.0';

const FEWEST_SPANS_IN_BATCH = 200;
const MOST_SPANS_IN_BATCH = 500;
const SINGLE_BATCH_REQUESTS = 0.7;
const MOST_BATCHES_IN_REQUEST = 4;

interface Batch {
  spans: Span[];
  readonly size: number;
}

/** Collects spans into requests and hands each on as soon as it is full. */
export class RequestBatcher {
  readonly #send: (request: ExportRequest) => void;
  // Its own stream: how spans are batched has no influence on what is in them.
  readonly #random: Random;
  readonly #batches = new Map<Resource, Batch>();
  #request: ResourceSpans[] = [];
  #requestSize = 1;

  constructor(seed: number, send: (request: ExportRequest) => void) {
    this.#random = new Random(~seed);
    this.#send = send;
  }

  add(spans: readonly Span[]): void {
    for (const span of spans) {
      let batch = this.#batches.get(span.resource);
      if (batch === undefined) {
        const size = FEWEST_SPANS_IN_BATCH + this.#random.below(MOST_SPANS_IN_BATCH - FEWEST_SPANS_IN_BATCH + 1);
        batch = { spans: [], size };
        this.#batches.set(span.resource, batch);
      }
      batch.spans.push(span);
      if (batch.spans.length === batch.size) this.#flushBatch(span.resource, batch);
    }
  }

  /** Sends what is left. */
  end(): void {
    for (const [resource, batch] of this.#batches) this.#flushBatch(resource, batch);
    if (this.#request.length > 0) this.#flushRequest();
  }

  #flushBatch(resource: Resource, batch: Batch): void {
    this.#batches.delete(resource);
    const scopeSpans = [...Map.groupBy(batch.spans, span => span.scope)].map(([scope, spans]) => ({ scope, spans }));
    this.#request.push({ resource, scopeSpans });
    if (this.#request.length >= this.#requestSize) this.#flushRequest();
  }

  #flushRequest(): void {
    this.#send(this.#request);
    this.#request = [];
    const isSingle = this.#random.chance(SINGLE_BATCH_REQUESTS);
    this.#requestSize = isSingle ? 1 : 2 + this.#random.below(MOST_BATCHES_IN_REQUEST - 1);
  }
}
