import type { AssemblyInput } from '../../src/model/assembled-columns.ts';
import { Assembler } from '../../src/model/assembly.ts';
import { spanIdOf, traceIdOf } from '../../src/model/ids.ts';
import type { Span } from '../../src/model/span.ts';
import { Kind } from '../../src/model/status.ts';
import { drawnIdOf } from '../support/drawn-trace.ts';

// Spans through `assemble` and out of its columns again, for tests of assembly.

export interface AssembledSpan {
  readonly spanId: string;
  readonly start: bigint;
  readonly parentage: 'child' | 'root' | 'orphan' | 'cut';
  readonly component: number;
  readonly left: number;
  readonly right: number;
  readonly depth: number;
  readonly self: bigint;
}

export interface AssembledSpans {
  readonly traceId: string;
  readonly start: bigint;
  readonly duration: bigint;
  /** Place among `spans` of the root; undefined where there is none. */
  readonly root: number | undefined;
  readonly roots: number;
  readonly orphans: number;
  readonly cuts: number;
  readonly components: number;
  readonly failed: number;
  /** In display order. */
  readonly services: readonly string[];
  readonly complete: boolean;
  readonly hasSharedIds: boolean;
  readonly spans: readonly AssembledSpan[];
}

const PARENTAGES = ['child', 'root', 'orphan', 'cut'] as const;

/** Assembles spans of any number of traces; those whose last span is not before `settledBefore` stay out. */
export function assembleSpans(
  spans: readonly Span[],
  settledBefore = spans.length,
  assembler = new Assembler(),
): { readonly traces: readonly AssembledSpans[]; readonly unsettled: readonly number[] } {
  const services: string[] = [];
  const input = columnsOf(spans, services);
  const output = assembler.assemble(input, settledBefore);
  const { traces: columns } = output;
  const traces = Array.from({ length: columns.count }, (_, trace): AssembledSpans => {
    const first = columns.first[trace]!;
    const root = columns.root[trace]!;
    const [roots, orphans, cuts] = [columns.roots[trace]!, columns.orphans[trace]!, columns.cuts[trace]!];
    const places = Array.from({ length: columns.size[trace]! }, (_, place) => first + place);
    const traceId = output.traceId.subarray(first * 4, first * 4 + 4);
    return {
      traceId: traceIdOf(traceId.reduceRight((id, word) => (id << 32n) | BigInt(word), 0n)),
      start: wordsOf(columns.start, trace),
      duration: wordsOf(columns.duration, trace),
      root: root < 0 ? undefined : root - first,
      roots,
      orphans,
      cuts,
      components: roots + orphans + cuts,
      failed: columns.failed[trace]!,
      services: Array.from(
        columns.services.subarray(trace === 0 ? 0 : columns.serviceEnd[trace - 1], columns.serviceEnd[trace]),
        service => services[service]!,
      ),
      complete: columns.complete[trace] === 1,
      hasSharedIds: columns.hasSharedIds[trace] === 1,
      spans: places.map(at => ({
        spanId: spanIdOf(wordsOf(output.spanId, at)),
        start: wordsOf(output.start, at),
        parentage: PARENTAGES[output.parentage[at]!]!,
        component: output.component[at]!,
        left: output.left[at]!,
        right: output.right[at]!,
        depth: output.depth[at]!,
        self: wordsOf(output.self, at),
      })),
    };
  });
  return { traces, unsettled: [...output.unsettled] };
}

/** Assembles the spans of one trace. */
export function assembleTrace(spans: readonly Span[]): AssembledSpans {
  return assembleSpans(spans).traces[0]!;
}

/** The spans as lines, indented by depth: id, parentage, component, left-right, self time in milliseconds. */
export function outlineOf({ spans }: AssembledSpans): string[] {
  return spans.map(({ spanId, parentage, component, left, right, depth, self }) => {
    const id = drawnIdOf(spanId);
    return `${'  '.repeat(depth)}${id} ${parentage} ${component} ${left}-${right} ${Number(self) / 1e6}`;
  });
}

function columnsOf(spans: readonly Span[], services: string[]): AssemblyInput {
  const count = spans.length;
  const words = (perSpan: number, numberOf: (span: Span) => bigint) => {
    const column = new Uint32Array(count * perSpan);
    for (const [row, span] of spans.entries()) {
      let value = numberOf(span);
      for (let word = 0; word < perSpan; word++, value >>= 32n) {
        column[row * perSpan + word] = Number(value & 0xffff_ffffn);
      }
    }
    return column;
  };
  return {
    count,
    traceId: words(4, span => BigInt(`0x${span.traceId}`)),
    spanId: words(2, span => BigInt(`0x${span.spanId}`)),
    parentId: words(2, span => BigInt(`0x${span.parentSpanId ?? '0'}`)),
    start: words(2, span => span.startTimeUnixNano),
    duration: words(2, span => span.durationNano),
    kind: Uint8Array.from(spans, span => Kind[span.kind]),
    quirks: Uint8Array.from(spans, span => span.quirks),
    service: Uint32Array.from(spans, ({ serviceName }) => {
      if (!services.includes(serviceName)) services.push(serviceName);
      return services.indexOf(serviceName);
    }),
    failed: Uint8Array.from(spans, span => (span.status.code === 'error' ? 1 : 0)),
  };
}

function wordsOf(column: Uint32Array, row: number): bigint {
  return (BigInt(column[row * 2 + 1]!) << 32n) | BigInt(column[row * 2]!);
}
