import type { Trace, TraceNode } from '../../model/trace.ts';
import type { Relation } from '../traceql/operators.ts';

// How spans of one trace stand to each other. Sets are lists of nodes in display order, so the subtree of a node is the
// run of nodes from it to its last descendant, and each relation takes one pass over both sets:
//
//   index             0 1 2 3 4 5
//   a ├───────────┤   a              last descendant 4
//     b ├────┤          b                            3
//       c ├┤              c                          2
//       d   ├┤              d                        3
//     e       ├─┤             e                      4
//   f ├──┤                      f    an orphan       5

/** Spans of one trace in display order, each once. */
export type Spans = readonly TraceNode[];

/** Returns the candidates that are a child (descendant, parent, …) of some span of `others`. */
export function relatedSpans(relation: Relation, candidates: Spans, others: Spans, trace: Trace): Spans {
  switch (relation) {
    case 'child': {
      const isParent = marksOf(others, trace);
      return candidates.filter(({ parent }) => parent !== undefined && isParent[parent.index] === 1);
    }
    case 'parent': {
      const isParent = marksOf(
        others.flatMap(({ parent }) => parent ?? []),
        trace,
      );
      return candidates.filter(({ index }) => isParent[index] === 1);
    }
    case 'descendant':
      return descendantsAmong(candidates, others, trace);
    case 'ancestor':
      return ancestorsAmong(candidates, others, trace);
    case 'sibling':
      return siblingsAmong(candidates, others);
  }
}

function descendantsAmong(candidates: Spans, others: Spans, trace: Trace): Spans {
  const last = lastDescendants(trace);
  let next = 0;
  // Subtrees are nested or apart, so one of those that began before reaches a span where the farthest one does.
  let reach = -1;
  return candidates.filter(({ index }) => {
    for (let other = others[next]; other !== undefined && other.index < index; other = others[++next]) {
      reach = Math.max(reach, last[other.index] ?? -1);
    }
    return reach >= index;
  });
}

function ancestorsAmong(candidates: Spans, others: Spans, trace: Trace): Spans {
  const last = lastDescendants(trace);
  let next = 0;
  return candidates.filter(({ index }) => {
    while ((others[next]?.index ?? Number.POSITIVE_INFINITY) <= index) next++;
    const other = others[next];
    return other !== undefined && other.index <= (last[index] ?? -1);
  });
}

function siblingsAmong(candidates: Spans, others: Spans): Spans {
  const counts = new Map<TraceNode | string, number>();
  for (const node of others) {
    const family = familyOf(node);
    if (family !== undefined) counts.set(family, (counts.get(family) ?? 0) + 1);
  }
  const isOther = new Set(others);
  return candidates.filter(node => {
    const family = familyOf(node);
    // No span is its own sibling.
    return family !== undefined && (counts.get(family) ?? 0) > (isOther.has(node) ? 1 : 0);
  });
}

/** What siblings share: their parent, or of orphans the id of the parent that is not in the data. */
function familyOf({ parent, parentage, span }: TraceNode): TraceNode | string | undefined {
  return parentage === 'orphan' ? span.parentSpanId : parent;
}

/** Returns the spans that are in some of the sets. */
export function unionOf(sets: readonly Spans[], trace: Trace): Spans {
  const [only, ...others] = sets.filter(set => set.length > 0);
  if (only === undefined || others.length === 0) return only ?? [];
  const isMember = marksOf(only, trace);
  for (const set of others) for (const { index } of set) isMember[index] = 1;
  return trace.nodes.filter(({ index }) => isMember[index] === 1);
}

/** Returns the spans of a set that are not in another one. */
export function differenceOf(spans: Spans, others: Spans, trace: Trace): Spans {
  const isOther = marksOf(others, trace);
  return spans.filter(({ index }) => isOther[index] === 0);
}

function marksOf(spans: Spans, trace: Trace): Uint8Array {
  const marks = new Uint8Array(trace.nodes.length);
  for (const { index } of spans) marks[index] = 1;
  return marks;
}

const LAST_DESCENDANTS = new WeakMap<Trace, Uint32Array>();

/** By index, the index of the last span of the subtree: the span's own where it has no children. */
export function lastDescendants(trace: Trace): Uint32Array {
  const known = LAST_DESCENDANTS.get(trace);
  if (known !== undefined) return known;
  const last = Uint32Array.from(trace.nodes, ({ index }) => index);
  for (const { index, parent } of trace.nodes.toReversed()) {
    if (parent !== undefined) last[parent.index] = Math.max(last[parent.index] ?? 0, last[index] ?? 0);
  }
  LAST_DESCENDANTS.set(trace, last);
  return last;
}

/** Returns the number under which assembly enters a span: 1 for the first, with one more for each span left. */
export function nestedSetLeft({ index, depth }: TraceNode): number {
  // Of the spans before it, all but its ancestors have been left again.
  return 2 * index - depth + 1;
}

/** Returns the number under which assembly leaves a span. */
export function nestedSetRight(node: TraceNode, trace: Trace): number {
  const descendants = (lastDescendants(trace)[node.index] ?? node.index) - node.index;
  return nestedSetLeft(node) + 2 * descendants + 1;
}
