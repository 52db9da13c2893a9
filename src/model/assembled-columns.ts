// What goes into assembly (assembly.ts) and what comes out of it, as columns.

/** Spans as assembly needs them; 64-bit columns are words, low first, ids least significant word first. */
export interface AssemblyInput {
  readonly count: number;
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly parentId: Uint32Array;
  readonly start: Uint32Array;
  readonly duration: Uint32Array;
  readonly kind: Uint8Array;
  /** Bits of `Quirk`. */
  readonly quirks: Uint8Array;
  /** Any number that is equal for spans of one service. */
  readonly service: Uint32Array;
  /** 1 where the status is error. */
  readonly failed: Uint8Array;
}

/** Assembled traces as columns, with room behind the last; the spans of trace t are at positions `first[t]` to `first[t] + size[t]`. */
export interface AssembledTraces {
  count: number;
  readonly first: Uint32Array;
  readonly size: Uint32Array;
  /** Earliest start, and the time from it to the latest end; 2 words a trace, low first. */
  readonly start: Uint32Array;
  readonly duration: Uint32Array;
  /** Position of the root that lasts longest; -1 where the trace has none. */
  readonly root: Int32Array;
  readonly roots: Uint32Array;
  readonly orphans: Uint32Array;
  readonly cuts: Uint32Array;
  readonly failed: Uint32Array;
  /** 1 where it has one root, no orphan, no cut, and nothing that ends after the root except behind an async edge. */
  readonly complete: Uint8Array;
  /** 1 where some spans share an id: exact duplicates must be told from different spans, which needs their contents. */
  readonly hasSharedIds: Uint8Array;
  /** End of the trace's services in `services`. */
  readonly serviceEnd: Uint32Array;
  /** Distinct services in display order. */
  readonly services: Uint32Array;
}

/** Assembled spans as columns by position, with room behind the last: within a trace, spans stand in display order (depth first, siblings by start). */
export interface AssembledColumns {
  /** Input row of the span at each position. */
  readonly row: Uint32Array;
  /** The trace's id, which is not the span's own where that is a short form. */
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  /** The id of the parent that was found, which may be another than the one that is named; else the id that is named. */
  readonly parentId: Uint32Array;
  readonly start: Uint32Array;
  readonly duration: Uint32Array;
  readonly parentage: Uint8Array;
  readonly component: Uint32Array;
  readonly left: Uint32Array;
  readonly right: Uint32Array;
  readonly depth: Uint32Array;
  /** Self time in nanoseconds; 2 words a span, low first. */
  readonly self: Uint32Array;
  readonly traces: AssembledTraces;
}

/** What was assembled; `row` has as many items as there are positions. */
export interface Assembly extends AssembledColumns {
  /** Input rows of traces that were left out, for more of them may come; ascending. */
  readonly unsettled: Uint32Array;
}

/** Room for so many spans and traces. */
export function newColumns(spans: number, traces: number): AssembledColumns {
  return {
    row: new Uint32Array(spans),
    traceId: new Uint32Array(spans * 4),
    spanId: new Uint32Array(spans * 2),
    parentId: new Uint32Array(spans * 2),
    start: new Uint32Array(spans * 2),
    duration: new Uint32Array(spans * 2),
    parentage: new Uint8Array(spans),
    component: new Uint32Array(spans),
    left: new Uint32Array(spans),
    right: new Uint32Array(spans),
    depth: new Uint32Array(spans),
    self: new Uint32Array(spans * 2),
    traces: {
      count: 0,
      first: new Uint32Array(traces),
      size: new Uint32Array(traces),
      start: new Uint32Array(traces * 2),
      duration: new Uint32Array(traces * 2),
      root: new Int32Array(traces),
      roots: new Uint32Array(traces),
      orphans: new Uint32Array(traces),
      cuts: new Uint32Array(traces),
      failed: new Uint32Array(traces),
      complete: new Uint8Array(traces),
      hasSharedIds: new Uint8Array(traces),
      serviceEnd: new Uint32Array(traces),
      services: new Uint32Array(spans),
    },
  };
}
