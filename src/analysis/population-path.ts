import { CriticalPathFinder, type PathInput, type PathOptions } from './critical-path.ts';

// Critical paths of many traces, added up by service and span name (docs/definitions.md, "Critical path of a population").
// The rows of all groups sum to the durations of the roots.

export interface PathTrace extends PathInput {
  readonly traceId: bigint;
  readonly operation: Uint32Array;
}

export interface PathRow {
  readonly serviceName: string;
  readonly name: string;
  /** Time on the path that is the operation's own, over all traces. */
  readonly selfNano: bigint;
  /** Of the time of all paths. */
  readonly share: number;
  /** Traces in whose path it is. */
  readonly traceCount: number;
  /** Of its time on the path in those traces. */
  readonly p50Nano: bigint;
  readonly p95Nano: bigint;
  readonly p99Nano: bigint;
  /** How much the traces would shorten if its work took no time, at most (see `CriticalPath.drag`), over all traces. */
  readonly dragNano: bigint;
  /** The trace to which it adds most. */
  readonly exemplarTraceId: bigint;
}

/** Adds traces up, one at a time. */
export class PathPopulation {
  traceCount = 0;
  /** Children off the path because they lie outside their parent, and because nothing waits for them. */
  outsideCount = 0;
  asyncCount = 0;
  readonly #total = new NanoSum();
  readonly #finder: CriticalPathFinder;
  readonly #groupOf: Int32Array;
  readonly #groups: Group[] = [];
  readonly #touched: Group[] = [];

  /** `operations` by id; operations of one service and name are one row. */
  constructor(operations: readonly ({ serviceName: string; name: string } | undefined)[], options: PathOptions) {
    this.#finder = new CriticalPathFinder(options);
    const groups = new Map<string, number>();
    this.#groupOf = Int32Array.from(operations, operation => {
      if (operation === undefined) return -1;
      const key = `${operation.serviceName}\0${operation.name}`;
      let index = groups.get(key);
      if (index === undefined) {
        index = this.#groups.length;
        groups.set(key, index);
        this.#groups.push(new Group(operation.serviceName, operation.name));
      }
      return index;
    });
  }

  /** Sum of the durations of the roots. */
  get totalNano(): bigint {
    return this.#total.value;
  }

  visit(trace: PathTrace): void {
    const path = this.#finder.find(trace);
    if (path.root < 0) return;
    this.traceCount++;
    this.#total.add(trace.duration[path.root]!);
    this.outsideCount += path.outsideCount;
    this.asyncCount += path.asyncCount;
    // A span on the path has one section or several: `own` holds their sum, and counts it once.
    for (let section = 0; section < path.sectionCount; section++) {
      const span = path.span[section]!;
      const own = path.own[span]!;
      if (own === 0) continue;
      const group = this.#groups[this.#groupOf[trace.operation[span]!]!]!;
      if (group.inTrace === 0) this.#touched.push(group);
      group.inTrace += own;
      group.dragInTrace += path.drag[span]!;
      path.own[span] = 0;
    }
    for (const group of this.#touched) group.endTrace(trace.traceId);
    this.#touched.length = 0;
  }

  /** The rows, largest share first. */
  rows(): PathRow[] {
    const total = this.totalNano;
    return this.#groups
      .filter(group => group.count > 0)
      .map(group => group.row(total))
      .sort(
        (a, b) =>
          (a.selfNano < b.selfNano ? 1 : a.selfNano > b.selfNano ? -1 : 0) ||
          (a.serviceName < b.serviceName ? -1 : a.serviceName > b.serviceName ? 1 : 0) ||
          (a.name < b.name ? -1 : 1),
      );
  }
}

/** A sum of numbers below 2^53, exact also where the sum is not below it: a hundred days are soon together. */
class NanoSum {
  #whole = 0n;
  #rest = 0;

  add(nanos: number): void {
    if (this.#rest + nanos > Number.MAX_SAFE_INTEGER) {
      this.#whole += BigInt(this.#rest);
      this.#rest = 0;
    }
    this.#rest += nanos;
  }

  get value(): bigint {
    return this.#whole + BigInt(this.#rest);
  }
}

class Group {
  readonly serviceName: string;
  readonly name: string;
  /** Of the trace in hand. */
  inTrace = 0;
  dragInTrace = 0;
  count = 0;
  readonly #total = new NanoSum();
  readonly #drag = new NanoSum();
  #values = new Float64Array(8);
  #most = -1;
  #exemplar = 0n;

  constructor(serviceName: string, name: string) {
    this.serviceName = serviceName;
    this.name = name;
  }

  endTrace(traceId: bigint): void {
    if (this.count === this.#values.length) {
      const larger = new Float64Array(this.count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.count++] = this.inTrace;
    this.#total.add(this.inTrace);
    this.#drag.add(this.dragInTrace);
    if (this.inTrace > this.#most || (this.inTrace === this.#most && traceId < this.#exemplar)) {
      this.#most = this.inTrace;
      this.#exemplar = traceId;
    }
    this.inTrace = 0;
    this.dragInTrace = 0;
  }

  row(totalNano: bigint): PathRow {
    const sorted = this.#values.subarray(0, this.count).sort();
    // The smallest value that is not exceeded by that share of the values.
    const quantile = (share: number) => BigInt(sorted[Math.max(0, Math.ceil(share * this.count) - 1)]!);
    return {
      serviceName: this.serviceName,
      name: this.name,
      selfNano: this.#total.value,
      share: totalNano === 0n ? 0 : Number(this.#total.value) / Number(totalNano),
      traceCount: this.count,
      p50Nano: quantile(0.5),
      p95Nano: quantile(0.95),
      p99Nano: quantile(0.99),
      dragNano: this.#drag.value,
      exemplarTraceId: this.#exemplar,
    };
  }
}
