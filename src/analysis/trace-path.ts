import { Kind } from '../model/status.ts';
import type { Trace, TraceNode } from '../model/trace.ts';
import { CriticalPathFinder, DEFAULT_PATH_OPTIONS, type PathOptions } from './critical-path.ts';

/** The critical path of one trace, on its nodes. */
export interface TracePath {
  /** The span whose end is explained; undefined for a trace without spans. */
  readonly root: TraceNode | undefined;
  /** In order of time, contiguous; they sum to the root's duration. */
  readonly sections: readonly PathSection[];
  /** Time on the path that is the node's own, by node index. */
  readonly ownNano: readonly bigint[];
  readonly outsideCount: number;
  readonly asyncCount: number;
}

export interface PathSection {
  readonly node: TraceNode;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
}

/** Returns the critical path of a trace. */
export function tracePath(trace: Trace, options: PathOptions = DEFAULT_PATH_OPTIONS): TracePath {
  const { nodes, startTimeUnixNano: base } = trace;
  const path = new CriticalPathFinder(options).find({
    count: nodes.length,
    start: Float64Array.from(nodes, ({ span }) => Number(span.startTimeUnixNano - base)),
    duration: Float64Array.from(nodes, ({ span }) => Number(span.durationNano)),
    depth: Uint32Array.from(nodes, node => node.depth),
    kind: Uint8Array.from(nodes, ({ span }) => Kind[span.kind]),
    spanId: Uint32Array.from(
      nodes.flatMap(({ span }) => [
        Number.parseInt(span.spanId.slice(8), 16),
        Number.parseInt(span.spanId.slice(0, 8), 16),
      ]),
    ),
    isRoot: Uint8Array.from(nodes, node => (node.parentage === 'root' ? 1 : 0)),
  });
  const sections: PathSection[] = [];
  for (let section = 0; section < path.sectionCount; section++) {
    sections.push({
      node: nodes[path.span[section]!]!,
      startTimeUnixNano: base + BigInt(path.from[section]!),
      endTimeUnixNano: base + BigInt(path.to[section]!),
    });
  }
  return {
    root: nodes[path.root],
    sections,
    ownNano: nodes.map((_, index) => BigInt(path.own[index]!)),
    outsideCount: path.outsideCount,
    asyncCount: path.asyncCount,
  };
}
