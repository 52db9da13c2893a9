// The skeleton of a trace: who calls whom, when, and what fails. The spans are made from it when it is complete, because
// what an outer span says (its status, its response code) depends on what happened inside it.

import type { Shop } from './model.ts';
import type { Operation } from './operations.ts';
import type { Random } from './random.ts';
import type { Resource, Service } from './span.ts';

/** A span before it has ids and attributes. Times are nanoseconds since the trace began. */
export interface PlannedSpan {
  readonly operation: Operation;
  readonly parent: PlannedSpan | undefined;
  readonly resource: Resource;
  readonly startNanos: number;
  readonly durationNanos: number;
  failed: boolean;
}

/** No span is shorter: clocks are not finer, and Jaeger and Zipkin count microseconds. */
export const SHORTEST_NANOS = 1000;

const FAILURE_REACHES_CALLER = 0.6;

/** Returns the instance that does the work: the caller's own where the service stays the same. */
export function instanceOf(service: Service, caller: PlannedSpan | undefined, shop: Shop, random: Random): Resource {
  if (caller?.resource.service === service) return caller.resource;
  return random.pick(shop.resources.get(service)!);
}

/** Hands failures up to the callers that do not handle them. Parents must come before their children in the list. */
export function propagateFailures(spans: readonly PlannedSpan[], random: Random): void {
  for (const span of spans.toReversed()) {
    // Whoever published a message does not hear what became of it.
    if (!span.failed || span.parent === undefined || span.operation.type === 'process') continue;
    if (random.chance(FAILURE_REACHES_CALLER)) span.parent.failed = true;
  }
}
