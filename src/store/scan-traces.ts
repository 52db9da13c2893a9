import { Parentage } from '../model/assembly.ts';
import type { Queryable } from './queryable.ts';

// Traces one after the other, as columns in display order: for answers that SQL cannot give (critical paths, the origin of
// errors). Spans are stored in this order, so a scan needs no memory but for the trace in hand.

/** One trace of a scan. Its arrays are used again for the next one; only the first `count` elements are of this trace. */
export interface ScannedTrace {
  count: number;
  /** The trace id as in DuckDB. */
  traceId: bigint;
  /** Start of the first span; the times below are nanoseconds from it, exact below 2^53. */
  baseNano: bigint;
  start: Float64Array;
  duration: Float64Array;
  self: Float64Array;
  depth: Uint32Array;
  kind: Uint8Array;
  /** 1 where the status is error. */
  failed: Uint8Array;
  isRoot: Uint8Array;
  operation: Uint32Array;
  /** Two words a span, low first. */
  spanId: Uint32Array;
  spanNo: Float64Array;
}

/** Operations by id, as far as scans and their answers need them. */
export interface OperationNames {
  readonly serviceName: string;
  readonly name: string;
  readonly kind: number;
}

/** Reads the operations of a database, by id. */
export async function readOperations(database: Queryable): Promise<OperationNames[]> {
  const operations: OperationNames[] = [];
  const sql = 'SELECT operation_id, v.name, o.name, kind FROM operation o JOIN service v USING (service_id)';
  for await (const chunk of database.scan(sql)) {
    const [ids, services, names, kinds] = [0, 1, 2, 3].map(index => chunk.column(index));
    for (let row = 0; row < chunk.rowCount; row++) {
      operations[Number(ids![row])] = {
        serviceName: String(services![row]),
        name: String(names![row]),
        kind: Number(kinds![row]),
      };
    }
  }
  return operations;
}

/** Calls `visit` with every trace that has a span for which `where` (a predicate over `trace_id`) holds. */
export async function scanTraces(
  database: Queryable,
  operations: readonly OperationNames[],
  where: string,
  visit: (trace: ScannedTrace) => void,
): Promise<void> {
  const kinds = Uint8Array.from(operations, operation => operation?.kind ?? 0);
  const failedStatuses = await database.rows('SELECT status_id FROM status WHERE code = 2');
  const failed = new Set(failedStatuses.map(row => Number(row.status_id)));
  const trace = new TraceBuffer();
  const sql = `
    SELECT trace_id, span_id, start_ns, duration_ns, self_ns, operation_id, status_id, depth, parentage::UINTEGER, span_no
    FROM span WHERE ${where} ORDER BY span_no`;
  let id0 = -1;
  let id1 = 0;
  let id2 = 0;
  let id3 = 0;
  for await (const chunk of database.scan(sql)) {
    const traceId = chunk.words(0, 16);
    const spanId = chunk.words(1, 8);
    const start = chunk.words(2, 8);
    const duration = chunk.words(3, 8);
    const self = chunk.words(4, 8);
    const operation = chunk.words(5, 4);
    const status = chunk.words(6, 4);
    const depth = chunk.words(7, 4);
    const parentage = chunk.words(8, 4);
    const spanNo = chunk.words(9, 8);
    for (let row = 0; row < chunk.rowCount; row++) {
      const at = row * 4;
      if (traceId[at] !== id0 || traceId[at + 1] !== id1 || traceId[at + 2] !== id2 || traceId[at + 3] !== id3) {
        if (trace.count > 0) visit(trace);
        id0 = traceId[at]!;
        id1 = traceId[at + 1]!;
        id2 = traceId[at + 2]!;
        id3 = traceId[at + 3]!;
        trace.begin(id0, id1, id2, id3, start[row * 2]!, start[row * 2 + 1]!);
      }
      const index = trace.next();
      trace.start[index] = trace.sinceBase(start[row * 2]!, start[row * 2 + 1]!);
      trace.duration[index] = duration[row * 2 + 1]! * 4294967296 + duration[row * 2]!;
      trace.self[index] = self[row * 2 + 1]! * 4294967296 + self[row * 2]!;
      trace.operation[index] = operation[row]!;
      trace.kind[index] = kinds[operation[row]!]!;
      trace.failed[index] = failed.has(status[row]!) ? 1 : 0;
      trace.depth[index] = depth[row]!;
      trace.isRoot[index] = parentage[row] === Parentage.root ? 1 : 0;
      trace.spanId[index * 2] = spanId[row * 2]!;
      trace.spanId[index * 2 + 1] = spanId[row * 2 + 1]!;
      trace.spanNo[index] = spanNo[row * 2 + 1]! * 4294967296 + spanNo[row * 2]!;
    }
  }
  if (trace.count > 0) visit(trace);
}

class TraceBuffer implements ScannedTrace {
  count = 0;
  traceId = 0n;
  baseNano = 0n;
  start = new Float64Array(256);
  duration = new Float64Array(256);
  self = new Float64Array(256);
  depth = new Uint32Array(256);
  kind = new Uint8Array(256);
  failed = new Uint8Array(256);
  isRoot = new Uint8Array(256);
  operation = new Uint32Array(256);
  spanId = new Uint32Array(512);
  spanNo = new Float64Array(256);
  #baseLow = 0;
  #baseHigh = 0;

  begin(id0: number, id1: number, id2: number, id3: number, low: number, high: number): void {
    this.count = 0;
    this.traceId = (BigInt(id3) << 96n) | (BigInt(id2) << 64n) | (BigInt(id1) << 32n) | BigInt(id0);
    this.baseNano = (BigInt(high) << 32n) | BigInt(low);
    this.#baseLow = low;
    this.#baseHigh = high;
  }

  sinceBase(low: number, high: number): number {
    return (high - this.#baseHigh) * 4294967296 + (low - this.#baseLow);
  }

  /** Returns the index of the next span, making room for it. */
  next(): number {
    const index = this.count++;
    if (index === this.depth.length) this.#grow();
    return index;
  }

  #grow(): void {
    const floats = (old: Float64Array) => {
      const larger = new Float64Array(old.length * 2);
      larger.set(old);
      return larger;
    };
    const words = (old: Uint32Array) => {
      const larger = new Uint32Array(old.length * 2);
      larger.set(old);
      return larger;
    };
    const bytes = (old: Uint8Array) => {
      const larger = new Uint8Array(old.length * 2);
      larger.set(old);
      return larger;
    };
    this.start = floats(this.start);
    this.duration = floats(this.duration);
    this.self = floats(this.self);
    this.spanNo = floats(this.spanNo);
    this.depth = words(this.depth);
    this.operation = words(this.operation);
    this.spanId = words(this.spanId);
    this.kind = bytes(this.kind);
    this.failed = bytes(this.failed);
    this.isRoot = bytes(this.isRoot);
  }
}
