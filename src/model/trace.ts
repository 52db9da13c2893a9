import type { AssemblyInput } from './assembled-columns.ts';
import { assemble, isAsyncEdge } from './assembly.ts';
import { endOf, type Span } from './span.ts';
import { Kind, SPAN_KINDS } from './status.ts';
import { setWords } from './words.ts';

/** A span in its place in a trace. */
export interface TraceNode {
  readonly span: Span;
  readonly parent: TraceNode | undefined;
  /** In order of start, then span id. */
  readonly children: readonly TraceNode[];
  /** 0 at the top of a component. */
  readonly depth: number;
  /** Position in display order. */
  readonly index: number;
  readonly parentage: 'child' | 'root' | 'orphan' | 'cut';
  readonly component: number;
  readonly selfNano: bigint;
  /** True where the parent does not wait for this span: PRODUCER to CONSUMER, or a start after the parent's end. */
  readonly isAsync: boolean;
}

/** The spans of one trace, assembled; made by `buildTrace` alone. Immutable. */
export interface Trace {
  readonly traceId: string;
  /** Display order: depth first, siblings by start; true roots before orphans. */
  readonly nodes: readonly TraceNode[];
  /** The tops of the components: roots, orphans, and spans cut from a cycle. */
  readonly tops: readonly TraceNode[];
  /** The root that lasts longest, where there is one. */
  readonly root: TraceNode | undefined;
  /** From the earliest start to the latest end. */
  readonly startTimeUnixNano: bigint;
  readonly durationNano: bigint;
  readonly complete: boolean;
}

const PARENTAGE_WORDS = ['child', 'root', 'orphan', 'cut'] as const;

/** Assembles the spans of one trace (docs/definitions.md). Throws where there are none. */
export function buildTrace(spans: readonly Span[]): Trace {
  const assembly = assemble(columnsOf(spans));
  const { traces } = assembly;
  if (traces.count === 0) throw new Error('a trace without spans');
  type MutableNode = { -readonly [Key in keyof TraceNode]: TraceNode[Key] } & { children: TraceNode[] };
  const path: MutableNode[] = [];
  const nodes: MutableNode[] = [];
  const tops: TraceNode[] = [];
  for (let index = 0; index < traces.size[0]!; index++) {
    const span = spans[assembly.row[index]!]!;
    const depth = assembly.depth[index]!;
    const parent = depth === 0 ? undefined : path[depth - 1];
    const node: MutableNode = {
      span,
      parent,
      children: [],
      depth,
      index,
      parentage: PARENTAGE_WORDS[assembly.parentage[index]!] ?? 'child',
      component: assembly.component[index]!,
      selfNano: (BigInt(assembly.self[index * 2 + 1]!) << 32n) | BigInt(assembly.self[index * 2]!),
      isAsync:
        parent !== undefined &&
        (isAsyncEdge(kindNumber(parent.span), kindNumber(span)) || span.startTimeUnixNano > endOf(parent.span)),
    };
    path[depth] = node;
    nodes.push(node);
    if (parent === undefined) tops.push(node);
    else parent.children.push(node);
  }
  const first = nodes[0]!.span;
  const start = nodes.reduce((least, { span }) => minimum(least, span.startTimeUnixNano), first.startTimeUnixNano);
  const end = nodes.reduce((most, { span }) => maximum(most, endOf(span)), endOf(first));
  return {
    traceId: first.traceId,
    nodes,
    tops,
    root: nodes[traces.root[0]!],
    startTimeUnixNano: start,
    durationNano: end - start,
    complete: traces.complete[0] === 1,
  };
}

function kindNumber(span: Span): number {
  return Kind[span.kind];
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function maximum(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The columns that assembly needs of spans of one trace. */
function columnsOf(spans: readonly Span[]): AssemblyInput {
  const count = spans.length;
  const services = new Map<string, number>();
  const traceId = new Uint32Array(count * 4);
  const spanId = new Uint32Array(count * 2);
  const parentId = new Uint32Array(count * 2);
  const start = new Uint32Array(count * 2);
  const duration = new Uint32Array(count * 2);
  const kind = new Uint8Array(count);
  const quirks = new Uint8Array(count);
  const service = new Uint32Array(count);
  const failed = new Uint8Array(count);
  for (const [row, span] of spans.entries()) {
    setWords(spanId, row, BigInt(`0x${span.spanId}`));
    if (span.parentSpanId !== undefined) setWords(parentId, row, BigInt(`0x${span.parentSpanId}`));
    setWords(start, row, span.startTimeUnixNano);
    setWords(duration, row, span.durationNano);
    kind[row] = SPAN_KINDS.indexOf(span.kind);
    quirks[row] = span.quirks;
    let number = services.get(span.serviceName);
    if (number === undefined) {
      number = services.size;
      services.set(span.serviceName, number);
    }
    service[row] = number;
    failed[row] = span.status.code === 'error' ? 1 : 0;
  }
  return { count, traceId, spanId, parentId, start, duration, kind, quirks, service, failed };
}
