import type { TraceNode } from '../model/trace.ts';
import { type Folding, nodeOf, type OpenTrace, type TraceLines } from './open-trace.ts';
import { clampedIndex, clampedTop, scrolledTo } from './viewport.ts';

// The waterfall: what is folded, which row is selected, which lines are seen.

export interface TraceState {
  readonly open: OpenTrace;
  readonly view: TraceLines;
  /** The index of a row. */
  readonly selected: number;
  /** The first line that is seen. */
  readonly top: number;
}

const UNFOLDED: Folding = { folded: new Set(), unfolded: new Map(), isPathOnly: false };

export function openedTrace(open: OpenTrace): TraceState {
  return { open, view: open.linesOf(UNFOLDED), selected: 0, top: 0 };
}

/** The span that is selected; of a run the first one. */
export function selectedNode({ view, selected }: TraceState): TraceNode | undefined {
  const row = view.rows[selected];
  return row === undefined ? undefined : nodeOf(row);
}

/** The waterfall with another row selected, scrolled so that it is seen with what stands below it. */
export function selectedRow(state: TraceState, index: number, height: number): TraceState {
  const { rows, lines, lineOfRow } = state.view;
  const selected = clampedIndex(index, rows.length);
  const line = lineOfRow[selected] ?? 0;
  // The heading above the first row comes into sight with it.
  const from = selected <= 0 ? 0 : line;
  const to = lines[line + 1]?.kind === 'message' ? line + 1 : line;
  return { ...state, selected, top: scrolledTo(state.top, from, to, height, lines.length) };
}

/** The waterfall folded in another way, a span selected: itself, or what it is folded into. */
export function refolded(state: TraceState, folding: Folding, node: TraceNode | undefined, height: number): TraceState {
  const view = state.open.linesOf(folding);
  const before = (state.view.lineOfRow[state.selected] ?? 0) - state.top;
  const selected = Math.max(0, rowOfNode(view, node));
  const top = clampedTop((view.lineOfRow[selected] ?? 0) - before, height, view.lines.length);
  return selectedRow({ ...state, view, selected, top }, selected, height);
}

/** The row of a span: its own, that of its run, or that of the nearest span above it. */
function rowOfNode({ rows }: TraceLines, node: TraceNode | undefined): number {
  const rowOf = new Map<TraceNode, number>();
  for (const [index, row] of rows.entries()) {
    if (row.kind === 'span') rowOf.set(row.node, index);
    if (row.kind === 'run') for (const member of row.nodes) rowOf.set(member, index);
  }
  for (let at = node; at !== undefined; at = at.parent) {
    const index = rowOf.get(at);
    if (index !== undefined) return index;
  }
  return -1;
}

/** The same waterfall of the trace after it has grown. */
export function regrown(state: TraceState, open: OpenTrace, height: number): TraceState {
  const { folding } = state.view;
  const again = (node: TraceNode) => open.findNode(state.open.keyOf(node)) ?? [];
  const folded = new Set([...folding.folded].flatMap(again));
  const unfolded = new Map(
    [...folding.unfolded].flatMap(([first, nodes]) => {
      const now = open.findNode(state.open.keyOf(first));
      return now === undefined ? [] : [[now, nodes.flatMap(again)] as const];
    }),
  );
  const node = selectedNode(state);
  const selected = node === undefined ? undefined : open.findNode(state.open.keyOf(node));
  return refolded({ ...state, open }, { ...folding, folded, unfolded }, selected, height);
}

/** What opening the selected row unfolds; undefined where it is unfolded. */
export function unfoldedRow(state: TraceState, height: number): TraceState | undefined {
  const { folding, rows } = state.view;
  const row = rows[state.selected];
  const node = selectedNode(state);
  if (row?.kind === 'run' && node !== undefined) {
    return refolded(state, { ...folding, unfolded: new Map([...folding.unfolded, [node, row.nodes]]) }, node, height);
  }
  if (node === undefined || !folding.folded.has(node)) return undefined;
  return refolded(state, { ...folding, folded: without(folding.folded, [node]) }, node, height);
}

/** The run folded again that the selected row was unfolded from; undefined where it is none. */
export function refoldedRun(state: TraceState, height: number): TraceState | undefined {
  const { folding } = state.view;
  const node = selectedNode(state);
  const run = [...folding.unfolded].find(([, nodes]) => node !== undefined && nodes.includes(node));
  if (run === undefined) return undefined;
  const unfolded = new Map([...folding.unfolded].filter(([first]) => first !== run[0]));
  return refolded(state, { ...folding, unfolded }, node, height);
}

/** The waterfall with what is below the selected span folded, or its run, or its parent selected; undefined at the top. */
export function foldedRow(state: TraceState, height: number): TraceState | undefined {
  const { folding, rows } = state.view;
  const row = rows[state.selected];
  const hasRowsBelow = row?.kind === 'span' && rows[state.selected + 1]?.parent === row;
  if (hasRowsBelow) {
    return refolded(state, { ...folding, folded: new Set([...folding.folded, row.node]) }, row.node, height);
  }
  const run = refoldedRun(state, height);
  if (run !== undefined) return run;
  const parent = row?.parent;
  return parent === undefined ? undefined : selectedRow(state, rows.indexOf(parent), height);
}

/** The waterfall with a span selected, unfolded as far as that takes. */
export function revealed(state: TraceState, node: TraceNode, height: number): TraceState {
  const { folding } = state.view;
  const above: TraceNode[] = [];
  for (let at = node.parent; at !== undefined; at = at.parent) above.push(at);
  const folded = without(folding.folded, above);
  const isPathOnly = folding.isPathOnly && state.open.isOnPath(node);
  return refolded(state, { ...folding, folded, isPathOnly }, node, height);
}

function without(nodes: ReadonlySet<TraceNode>, others: readonly TraceNode[]): Set<TraceNode> {
  const left = new Set(nodes);
  for (const node of others) left.delete(node);
  return left;
}
