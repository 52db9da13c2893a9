import type { PathOptions } from '../../src/analysis/critical-path.ts';
import type { Trace, TraceNode } from '../../src/model/trace.ts';

// The critical path as docs/definitions.md words it, without regard to speed: what the product's sweep is held to by
// properties.

export interface DefinedSection {
  readonly node: TraceNode;
  readonly from: bigint;
  readonly to: bigint;
}

/** Returns the sections of the path of a trace, in order of time. */
export function pathByDefinition(trace: Trace, options: PathOptions): DefinedSection[] {
  const [root] = trace.tops.toSorted(
    (a, b) =>
      Number(b.parentage === 'root') - Number(a.parentage === 'root') ||
      compare(b.span.durationNano, a.span.durationNano) ||
      a.index - b.index,
  );
  if (root === undefined) return [];
  const start = root.span.startTimeUnixNano;
  return sweep(root, start, start + root.span.durationNano, options);
}

/** The sections of a span that is looked at from `low` to `high`. */
function sweep(node: TraceNode, low: bigint, high: bigint, options: PathOptions): DefinedSection[] {
  const sections: DefinedSection[] = [];
  let left = node.children
    .filter(child => options.async === 'include' || !child.isAsync)
    .map(child => {
      const start = child.span.startTimeUnixNano;
      return { child, from: latest(start, low), to: earliest(start + child.span.durationNano, high) };
    })
    .filter(({ from, to }) => from < to);
  let time = high;
  for (;;) {
    const eligible = left
      .filter(({ from, to }) => (options.policy === 'end' ? to <= time : from < time))
      .map(({ child, from, to }) => ({ child, from, to: earliest(to, time) }))
      .sort(
        (a, b) => compare(b.to, a.to) || compare(a.from, b.from) || compare(a.child.span.spanId, b.child.span.spanId),
      );
    const [taken] = eligible;
    if (taken === undefined) break;
    sections.unshift(...sweep(taken.child, taken.from, taken.to, options), { node, from: taken.to, to: time });
    time = taken.from;
    left = left.filter(({ child }) => child !== taken.child);
  }
  sections.unshift({ node, from: low, to: time });
  return sections.filter(({ from, to }) => from < to);
}

function compare<Value extends string | bigint>(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function earliest(...times: [bigint, bigint]): bigint {
  return times.sort(compare)[0];
}

function latest(...times: [bigint, bigint]): bigint {
  return times.sort(compare)[1];
}
