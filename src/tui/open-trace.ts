import { type TracePath, tracePath } from '../analysis/trace-path.ts';
import { type TraceRow, traceRows } from '../analysis/trace-rows.ts';
import type { Trace, TraceNode } from '../model/trace.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { layoutPairs } from '../terminal/pairs.ts';
import type { Line } from '../terminal/styled.ts';
import { layOutWaterfall, type WaterfallLayout } from '../terminal/waterfall.ts';
import { wrapLine } from '../terminal/wrap.ts';
import { spanSections } from './span-picture.ts';
import { hasMessage, headingAbove, TracePicture } from './trace-picture.ts';

/** What is folded in a trace, and what is left out. Spans are known by their nodes. */
export interface Folding {
  readonly folded: ReadonlySet<TraceNode>;
  /** Runs of alike siblings that were unfolded: their first spans, with all of them. */
  readonly unfolded: ReadonlyMap<TraceNode, readonly TraceNode[]>;
  readonly isPathOnly: boolean;
}

/** A line of the waterfall: a row, the message below one, or the heading above one. */
export type TraceLine =
  | { readonly kind: 'row' | 'message'; readonly row: TraceRow }
  | { readonly kind: 'heading'; readonly row: TraceRow; readonly text: Line };

/** The rows of a trace, and the lines that they take. */
export interface TraceLines {
  readonly rows: readonly TraceRow[];
  readonly lines: readonly TraceLine[];
  /** By row: the line it stands on. */
  readonly lineOfRow: readonly number[];
  readonly folding: Folding;
}

/** A trace that is looked at, with what is made of it once. Its picture does not change; only what is folded does. */
export class OpenTrace {
  readonly trace: Trace;
  readonly path: TracePath;
  readonly picture: TracePicture;
  readonly #screen: { readonly unicode: boolean; readonly utc: boolean };
  readonly #keys: ReadonlyMap<TraceNode, string>;
  readonly #nodes: ReadonlyMap<string, TraceNode>;
  readonly #onPath: ReadonlySet<TraceNode>;
  #layout: WaterfallLayout | undefined;
  #span: { readonly node: TraceNode; readonly width: number; readonly lines: readonly Line[] } | undefined;

  constructor(trace: Trace, screen: { readonly unicode: boolean; readonly utc: boolean }) {
    this.trace = trace;
    this.path = tracePath(trace);
    this.picture = new TracePicture(trace, this.path, screen);
    this.#screen = screen;
    this.#keys = keysOfNodes(trace);
    this.#nodes = new Map([...this.#keys].map(([node, key]) => [key, node] as const));
    this.#onPath = withAncestors(trace.nodes.filter(node => (this.path.ownNano[node.index] ?? 0n) > 0n));
  }

  /** A span's name, by which it is found again after folding and in a trace that has grown: its id. */
  keyOf(node: TraceNode): string {
    return this.#keys.get(node) ?? '';
  }

  findNode(key: string): TraceNode | undefined {
    return this.#nodes.get(key);
  }

  isOnPath(node: TraceNode): boolean {
    return this.#onPath.has(node);
  }

  linesOf(folding: Folding): TraceLines {
    const { rows } = traceRows(this.trace, {
      unfold: false,
      maxDepth: undefined,
      minDurationNano: 0n,
      limit: undefined,
      folded: folding.folded,
      unfolded: new Set(folding.unfolded.keys()),
      ...(folding.isPathOnly ? { only: this.#onPath } : {}),
    });
    const lines: TraceLine[] = [];
    const lineOfRow: number[] = [];
    for (const [index, row] of rows.entries()) {
      const heading = headingAbove(row, rows[index - 1], this.trace);
      if (heading !== undefined) lines.push({ kind: 'heading', row, text: heading });
      lineOfRow.push(lines.length);
      lines.push({ kind: 'row', row });
      if (row.kind === 'span' && hasMessage(row.node)) lines.push({ kind: 'message', row });
    }
    return { rows, lines, lineOfRow, folding };
  }

  /** The columns of the waterfall, which stay where they are whatever is folded. */
  layout(width: number): WaterfallLayout {
    if (this.#layout?.width === width) return this.#layout;
    const { unicode } = this.#screen;
    const { picture } = this;
    const { rows } = this.linesOf({ folded: new Set(), unfolded: new Map(), isPathOnly: false });
    function* pictures() {
      for (const row of rows) yield picture.rowOf(row);
    }
    const { durationNano } = this.trace;
    this.#layout = layOutWaterfall(pictures(), { width, durationNano, glyphs: glyphs(unicode), unicode });
    return this.#layout;
  }

  /** All that is known of a span, as lines of a width. */
  spanLines(node: TraceNode, width: number): readonly Line[] {
    if (this.#span?.node === node && this.#span.width === width) return this.#span.lines;
    const lines = spanSections(this.trace, node, this.path, this.#screen).flatMap(({ title, pairs }, index): Line[] => [
      ...(index === 0 ? [] : [[]]),
      ...wrapLine(title, width, 2),
      ...layoutPairs(pairs, width),
    ]);
    this.#span = { node, width, lines };
    return lines;
  }
}

/** The span of a row; of a run the first one. */
export function nodeOf(row: TraceRow): TraceNode | undefined {
  if (row.kind === 'span') return row.node;
  return row.kind === 'run' ? row.nodes[0] : undefined;
}

/** Span ids; where a trace has several spans of one id, the later ones are numbered. */
function keysOfNodes({ nodes }: Trace): Map<TraceNode, string> {
  const counts = new Map<string, number>();
  return new Map(
    nodes.map(node => {
      const { spanId } = node.span;
      const count = (counts.get(spanId) ?? 0) + 1;
      counts.set(spanId, count);
      return [node, count === 1 ? spanId : `${spanId}/${count}`];
    }),
  );
}

function withAncestors(nodes: readonly TraceNode[]): Set<TraceNode> {
  const all = new Set<TraceNode>();
  for (const node of nodes) {
    for (let at: TraceNode | undefined = node; at !== undefined && !all.has(at); at = at.parent) all.add(at);
  }
  return all;
}
