import { createHash } from 'node:crypto';
import { isAsyncEdge } from '../model/assembly.ts';
import type { FailureDetails } from '../model/failure.ts';
import { messageTemplate } from './message-template.ts';

// Errors by where they began (docs/definitions.md, "Errors"). A failed span whose failure did not come from a child is
// an origin; the failed spans above it are its propagation, and where one of them did not fail the error was swallowed.
//
//     a ✖ GET /checkout          propagation
//     └─ b ✖ POST /pay           propagation
//        ├─ c   SELECT           fine
//        └─ d ✖ charge           origin: one group by service, name, error type and message template

/** Spans of one trace in display order, as far as errors need them. Times are nanoseconds from `baseNano`. */
export interface ErrorInput {
  readonly count: number;
  readonly traceId: bigint;
  readonly baseNano: bigint;
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly depth: Uint32Array;
  readonly kind: Uint8Array;
  readonly failed: Uint8Array;
  readonly operation: Uint32Array;
  readonly spanNo: Float64Array;
}

/** One span at which an error began. */
export interface ErrorOrigin {
  readonly traceId: bigint;
  readonly spanNo: number;
  readonly operation: number;
  readonly startNano: bigint;
  /** Index in `OriginFinder.steps`: the origin, on the way that led to it. */
  readonly step: number;
}

/** A step of the way from an entry point down to an origin; the steps of all ways are one tree. */
export interface OriginStep {
  readonly operation: number;
  readonly failed: boolean;
  /** Index in `OriginFinder.steps` of the step above; -1 at an entry point. */
  readonly above: number;
  /** Operation of the span up to which a failure here goes; undefined where a caller that waits did not fail. */
  readonly reaches: number | undefined;
}

/** Collects origins from traces, one at a time. */
export class OriginFinder {
  readonly origins: ErrorOrigin[] = [];
  readonly steps: OriginStep[] = [];
  readonly #stepIds = new Map<string, number>();

  visit(trace: ErrorInput): void {
    const { count, failed, depth } = trace;
    const parent = new Int32Array(count);
    const above: number[] = [];
    /** 1 where a failed child, which the span waited for, explains the failure. */
    const isExplained = new Uint8Array(count);
    for (let span = 0; span < count; span++) {
      const level = depth[span]!;
      parent[span] = level === 0 ? -1 : above[level - 1]!;
      above[level] = span;
      if (failed[span] === 1 && level > 0 && isWaitedFor(trace, parent[span]!, span)) isExplained[parent[span]!] = 1;
    }
    const stepOf = new Int32Array(count).fill(-1);
    for (let span = 0; span < count; span++) {
      if (failed[span] !== 1 || isExplained[span] === 1) continue;
      this.origins.push({
        traceId: trace.traceId,
        spanNo: trace.spanNo[span]!,
        operation: trace.operation[span]!,
        startNano: trace.baseNano + BigInt(Math.round(trace.start[span]!)),
        step: this.#stepOf(trace, span, parent, stepOf),
      });
    }
  }

  /** Returns the step of a span, making it and those above it where they are new. */
  #stepOf(trace: ErrorInput, span: number, parent: Int32Array, stepOf: Int32Array): number {
    const way: number[] = [];
    let at = span;
    for (; at >= 0 && stepOf[at]! < 0; at = parent[at]!) way.push(at);
    let step = at < 0 ? -1 : stepOf[at]!;
    for (const next of way.reverse()) {
      step = this.#stepBelow(step, trace, next, parent[next]!);
      stepOf[next] = step;
    }
    return step;
  }

  #stepBelow(above: number, trace: ErrorInput, span: number, parent: number): number {
    const operation = trace.operation[span]!;
    const failed = trace.failed[span] === 1;
    const isTop = parent < 0 || !isWaitedFor(trace, parent, span);
    const key = `${above} ${operation} ${failed} ${isTop}`;
    let id = this.#stepIds.get(key);
    if (id === undefined) {
      id = this.steps.length;
      this.#stepIds.set(key, id);
      const caller = this.steps[above];
      const reaches = isTop ? operation : caller?.failed === true ? caller.reaches : undefined;
      this.steps.push({ operation, failed, above, reaches });
    }
    return id;
  }
}

function isWaitedFor({ start, duration, kind }: ErrorInput, parent: number, child: number): boolean {
  return !isAsyncEdge(kind[parent]!, kind[child]!) && start[child]! <= start[parent]! + duration[parent]!;
}

export interface NamedOperation {
  readonly serviceName: string;
  readonly name: string;
}

export interface ErrorGroup {
  /** Eight hex digits that stay the same for the same group in any data. */
  readonly id: string;
  readonly serviceName: string;
  readonly name: string;
  readonly errorType: string;
  /** The message template; empty where nothing was said. */
  readonly message: string;
  readonly spanCount: number;
  readonly traceCount: number;
  /** Of the operation's spans, the share at which this error began. */
  readonly share: number;
  readonly firstSeenUnixNano: bigint;
  readonly lastSeenUnixNano: bigint;
  /** The way from the entry point to the origin that is taken most often. */
  readonly path: readonly (NamedOperation & { readonly failed: boolean })[];
  /** How many ways there are. */
  readonly pathCount: number;
  /** What failed because of it, furthest up: entry points and work that nothing waits for; most traces first. */
  readonly entryPoints: readonly (NamedOperation & { readonly traceCount: number })[];
  /** Origins above which a span that waited did not fail. */
  readonly swallowedCount: number;
  /** At most five traces, latest first. */
  readonly exemplarTraceIds: readonly bigint[];
  /** Start times of the origins, ascending. */
  readonly times: readonly bigint[];
  /** An origin to look at in full: the latest. */
  readonly exemplarSpanNo: number;
}

const EXEMPLARS = 5;

/** Returns groups of origins, most traces first, then by what they are. */
export function groupErrors(
  finder: Pick<OriginFinder, 'origins' | 'steps'>,
  operations: readonly NamedOperation[],
  detailsOf: (spanNo: number) => FailureDetails,
  spanCountOf: (operation: NamedOperation) => number,
): ErrorGroup[] {
  const groups = new Map<string, { origins: ErrorOrigin[]; key: GroupKey }>();
  for (const origin of finder.origins) {
    const operation = operations[origin.operation];
    if (operation === undefined) continue;
    const details = detailsOf(origin.spanNo);
    const key: GroupKey = {
      serviceName: operation.serviceName,
      name: operation.name,
      errorType: errorTypeOf(details),
      message: messageTemplate(details.exceptionMessage || details.statusMessage),
    };
    const text = Object.values(key).join('\0');
    const group = groups.get(text);
    if (group === undefined) groups.set(text, { origins: [origin], key });
    else group.origins.push(origin);
  }
  return [...groups]
    .map(([text, { origins, key }]) => describeGroup(text, key, origins, finder.steps, operations, spanCountOf))
    .sort(
      (a, b) =>
        b.traceCount - a.traceCount ||
        b.spanCount - a.spanCount ||
        compare(a.serviceName, b.serviceName) ||
        compare(a.name, b.name) ||
        compare(a.errorType, b.errorType) ||
        compare(a.message, b.message),
    );
}

interface GroupKey {
  readonly serviceName: string;
  readonly name: string;
  readonly errorType: string;
  readonly message: string;
}

/** RPC statuses that say that nothing failed. */
const FINE_RPC: ReadonlySet<string> = new Set(['0', 'OK']);

/** The kind of an error: the exception's type, else error.type, else the RPC or HTTP status, else the span's status. */
export function errorTypeOf(details: FailureDetails): string {
  if (details.exceptionType) return details.exceptionType;
  if (details.errorType) return details.errorType;
  if (details.grpcStatus && !FINE_RPC.has(details.grpcStatus)) return `gRPC ${details.grpcStatus}`;
  if (details.httpStatus && Number(details.httpStatus) >= 400) return `HTTP ${details.httpStatus}`;
  return 'error';
}

function describeGroup(
  text: string,
  key: GroupKey,
  origins: readonly ErrorOrigin[],
  steps: readonly OriginStep[],
  operations: readonly NamedOperation[],
  spanCountOf: (operation: NamedOperation) => number,
): ErrorGroup {
  const byTime = origins.toSorted((a, b) => compare(a.startNano, b.startNano) || a.spanNo - b.spanNo);
  const latest = byTime.toReversed();
  const first = byTime[0]!;
  const last = latest[0]!;
  const byPath = countBy(origins, origin => origin.step);
  const [mainPath = -1] = [...byPath].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0] ?? [];
  const path: (NamedOperation & { failed: boolean })[] = [];
  for (let step = steps[mainPath]; step !== undefined; step = steps[step.above]) {
    path.push({ ...nameOf(operations[step.operation]), failed: step.failed });
  }
  const entries = new Map<string, { operation: NamedOperation; traces: Set<bigint> }>();
  let swallowed = 0;
  for (const origin of origins) {
    const reached = steps[origin.step]?.reaches;
    if (reached === undefined) {
      swallowed++;
      continue;
    }
    const operation = nameOf(operations[reached]);
    const name = `${operation.serviceName}\0${operation.name}`;
    const known = entries.get(name) ?? { operation, traces: new Set<bigint>() };
    known.traces.add(origin.traceId);
    entries.set(name, known);
  }
  const spanCount = spanCountOf(key);
  return {
    id: createHash('sha256').update(text).digest('hex').slice(0, 8),
    ...key,
    spanCount: origins.length,
    traceCount: new Set(origins.map(origin => origin.traceId)).size,
    share: spanCount === 0 ? 0 : origins.length / spanCount,
    firstSeenUnixNano: first.startNano,
    lastSeenUnixNano: last.startNano,
    path: path.reverse(),
    pathCount: byPath.size,
    entryPoints: [...entries.values()]
      .map(({ operation, traces }) => ({ ...operation, traceCount: traces.size }))
      .sort((a, b) => b.traceCount - a.traceCount || compare(a.serviceName, b.serviceName) || compare(a.name, b.name)),
    swallowedCount: swallowed,
    exemplarTraceIds: [...new Set(latest.map(origin => origin.traceId))].slice(0, EXEMPLARS),
    times: byTime.map(origin => origin.startNano),
    exemplarSpanNo: last.spanNo,
  };
}

function nameOf(operation: NamedOperation | undefined): NamedOperation {
  return { serviceName: operation?.serviceName ?? '', name: operation?.name ?? '' };
}

function countBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function compare<Value extends string | bigint>(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
