import type { Trace, TraceNode } from '../model/trace.ts';

// Which rows a waterfall shows of a trace: runs of alike siblings as one, deep and short spans left out and counted, so
// that a trace of ten thousand spans stays readable. Failed spans are never hidden in a run or for being short.

/** Alike siblings one after the other that become one row. */
const LEAST_RUN = 4;

export interface RowOptions {
  /** Show every sibling of a run. */
  readonly unfold: boolean;
  /** Deepest level shown, 0 for the roots alone; undefined for all. */
  readonly maxDepth: number | undefined;
  /** Spans shorter than this are left out, unless something below them is not. */
  readonly minDurationNano: bigint;
  /** Rows that are shown at the most; the shortest spans go first. Undefined for all. */
  readonly limit: number | undefined;
  /** Spans that stand for all that is below them. */
  readonly folded?: ReadonlySet<TraceNode>;
  /** Runs of which every sibling is shown, each told by its first span. */
  readonly unfolded?: ReadonlySet<TraceNode>;
  /** The spans that are shown at all, with all that are above them; every one where it is undefined. */
  readonly only?: ReadonlySet<TraceNode>;
}

export type TraceRow = SpanRow | RunRow | HiddenRow;

interface Placed {
  /** The row above it in the tree. */
  readonly parent: SpanRow | undefined;
  readonly level: number;
  /** No sibling follows it. */
  readonly isLast: boolean;
}

export interface SpanRow extends Placed {
  readonly kind: 'span';
  readonly node: TraceNode;
  /** Spans below it that are left out: it is folded, or they are too deep. */
  readonly deeper: number;
}

/** Siblings that are alike, with all that is below them. */
export interface RunRow extends Placed {
  readonly kind: 'run';
  readonly nodes: readonly TraceNode[];
  /** Spans below the siblings. */
  readonly below: number;
}

/** Children of a span that are too short to be shown. */
export interface HiddenRow extends Placed {
  readonly kind: 'hidden';
  readonly spanCount: number;
  readonly durationNano: bigint;
}

export interface TraceRows {
  readonly rows: readonly TraceRow[];
  /** Spans that have a row of their own or stand in a run. */
  readonly shownSpanCount: number;
  /** The least duration that was shown, where the limit made it longer than what was asked for. */
  readonly raisedMinDurationNano: bigint | undefined;
  /** Rows that were cut off behind the limit. */
  readonly cutRowCount: number;
}

/** Returns the rows of a trace in display order. */
export function traceRows(trace: Trace, options: RowOptions): TraceRows {
  const facts = factsOf(trace);
  const rowsFor = (minimum: bigint) => layOut(trace, facts, { ...options, minDurationNano: minimum });
  let minimum = options.minDurationNano;
  let rows = rowsFor(minimum);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  if (rows.length > limit) {
    // The least duration that leaves few enough rows: a binary search over the durations there are.
    const durations = [...new Set(facts.longest)].filter(value => value > minimum).sort((a, b) => (a < b ? -1 : 1));
    let low = 0;
    let high = durations.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rowsFor(durations[middle]!).length > limit) low = middle + 1;
      else high = middle;
    }
    minimum = durations[low] ?? minimum;
    rows = rowsFor(minimum);
  }
  const cut = Math.max(0, rows.length - limit);
  const shown = cut > 0 ? rows.slice(0, limit) : rows;
  return {
    rows: shown,
    shownSpanCount: shown.reduce((sum, row) => sum + spansIn(row), 0),
    raisedMinDurationNano: minimum > options.minDurationNano ? minimum : undefined,
    cutRowCount: cut,
  };
}

function spansIn(row: TraceRow): number {
  if (row.kind === 'span') return 1;
  return row.kind === 'run' ? row.nodes.length + row.below : 0;
}

/** What is known of the subtree under each node, by index. */
interface SubtreeFacts {
  /** Equal for subtrees of the same services and names in the same shape. */
  readonly shape: readonly number[];
  readonly size: readonly number[];
  readonly hasError: readonly boolean[];
  readonly longest: readonly bigint[];
}

/** Rows are asked for again whenever a person folds something; what they are made from does not change. */
const KNOWN_FACTS = new WeakMap<Trace, SubtreeFacts>();

function factsOf(trace: Trace): SubtreeFacts {
  const known = KNOWN_FACTS.get(trace);
  if (known !== undefined) return known;
  const facts = subtreeFacts(trace);
  KNOWN_FACTS.set(trace, facts);
  return facts;
}

function subtreeFacts({ nodes }: Trace): SubtreeFacts {
  const shapes = new Map<string, number>();
  const shape: number[] = new Array(nodes.length).fill(0);
  const size: number[] = new Array(nodes.length).fill(1);
  const hasError: boolean[] = nodes.map(({ span }) => span.status.code === 'error');
  const longest: bigint[] = nodes.map(({ span }) => span.durationNano);
  // Display order puts parents before children: backwards, children are known first.
  for (let index = nodes.length - 1; index >= 0; index--) {
    const { span, children } = nodes[index]!;
    const key = `${span.serviceName}\0${span.name}\0${span.kind}\0${children.map(child => shape[child.index]).join(',')}`;
    let id = shapes.get(key);
    if (id === undefined) {
      id = shapes.size;
      shapes.set(key, id);
    }
    shape[index] = id;
    for (const child of children) {
      size[index] = size[index]! + size[child.index]!;
      if (hasError[child.index]) hasError[index] = true;
      if (longest[child.index]! > longest[index]!) longest[index] = longest[child.index]!;
    }
  }
  return { shape, size, hasError, longest };
}

function layOut(trace: Trace, facts: SubtreeFacts, options: RowOptions): TraceRow[] {
  const rows: TraceRow[] = [];
  // A stack instead of recursion: a trace may be a hundred thousand spans deep.
  const stack: { items: Item[]; next: number; parent: SpanRow | undefined; level: number }[] = [
    { items: itemsOf(trace.tops, facts, options), next: 0, parent: undefined, level: 0 },
  ];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const item = frame.items[frame.next++];
    if (item === undefined) {
      stack.pop();
      continue;
    }
    const place = { parent: frame.parent, level: frame.level, isLast: frame.next === frame.items.length };
    if (item.kind !== 'span') {
      rows.push({ ...item, ...place });
      continue;
    }
    const { node } = item;
    const isDeepest =
      (options.maxDepth !== undefined && frame.level >= options.maxDepth) || options.folded?.has(node) === true;
    const row: SpanRow = { kind: 'span', node, deeper: isDeepest ? facts.size[node.index]! - 1 : 0, ...place };
    rows.push(row);
    if (!isDeepest && node.children.length > 0) {
      stack.push({ items: itemsOf(node.children, facts, options), next: 0, parent: row, level: frame.level + 1 });
    }
  }
  return rows;
}

type Item =
  | { readonly kind: 'span'; readonly node: TraceNode }
  | { readonly kind: 'run'; readonly nodes: readonly TraceNode[]; readonly below: number }
  | { readonly kind: 'hidden'; readonly spanCount: number; readonly durationNano: bigint };

/** What is shown of siblings: each, runs of alike ones, and what is left out in one item at the end. */
function itemsOf(all: readonly TraceNode[], facts: SubtreeFacts, options: RowOptions): Item[] {
  const { only } = options;
  const siblings = only === undefined ? all : all.filter(node => only.has(node));
  const items: Item[] = [];
  let hiddenSpans = 0;
  let hiddenNano = 0n;
  const isShown = (node: TraceNode) =>
    facts.hasError[node.index] === true || facts.longest[node.index]! >= options.minDurationNano;
  for (let at = 0; at < siblings.length; ) {
    const run = runLength(siblings, at, facts);
    const members = siblings.slice(at, at + run);
    at += run;
    const isFolded = run >= LEAST_RUN && !options.unfold && options.unfolded?.has(siblings[at - run]!) !== true;
    if (isFolded && (members.some(isShown) || sumOf(members) >= options.minDurationNano)) {
      const below = members.reduce((sum, member) => sum + facts.size[member.index]! - 1, 0);
      items.push({ kind: 'run', nodes: members, below });
      continue;
    }
    for (const member of members) {
      if (isShown(member)) items.push({ kind: 'span', node: member });
      else {
        hiddenSpans += facts.size[member.index]!;
        hiddenNano += member.span.durationNano;
      }
    }
  }
  if (hiddenSpans > 0) items.push({ kind: 'hidden', spanCount: hiddenSpans, durationNano: hiddenNano });
  return items;
}

function sumOf(nodes: readonly TraceNode[]): bigint {
  return nodes.reduce((sum, { span }) => sum + span.durationNano, 0n);
}

/** How many siblings from `from` on are alike; 1 where the next differs or something failed. */
function runLength(siblings: readonly TraceNode[], from: number, facts: SubtreeFacts): number {
  const first = siblings[from]!;
  if (facts.hasError[first.index] || first.parentage !== 'child') return 1;
  let to = from + 1;
  for (; to < siblings.length; to++) {
    const { index } = siblings[to]!;
    if (facts.shape[index] !== facts.shape[first.index] || facts.hasError[index]) break;
  }
  return to - from >= LEAST_RUN ? to - from : 1;
}
