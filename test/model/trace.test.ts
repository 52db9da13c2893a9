import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildTrace, type Trace, type TraceNode } from '../../src/model/trace.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START, draw, drawnIdOf } from '../support/drawn-trace.ts';
import { assembleTrace } from './assembled.ts';

const idOf = (node: TraceNode | undefined) => (node === undefined ? undefined : drawnIdOf(node.span.spanId));
const idsOf = (nodes: readonly TraceNode[]) => nodes.map(idOf).join('');

describe('a trace', () => {
  const trace = buildTrace(
    draw(
      `
        o | 90-95  | cart |  | parent: gone
        c | 30-40  | bank |  | consumer, parent: b
        a | 10-80  | web
          b | 20-60  | web |  | producer
          d | 81-85  | web
          e | 80-99  | web
        r | 5-6    | web
      `,
      { traceId: 'abc' },
    ),
  );

  test('has its nodes in display order, each with its children and its parent', () => {
    expect(idsOf(trace.nodes)).toBe('rabcedo');
    expect(trace.nodes.map(node => `${idOf(node)}(${idsOf(node.children)})${idOf(node.parent) ?? ''}`)).toEqual([
      'r()',
      'a(bed)',
      'b(c)a',
      'c()b',
      'e()a',
      'd()a',
      'o()',
    ]);
  });

  test('says of each node how deep and in which component it is, and how it hangs there', () => {
    expect(trace.nodes.map(node => [node.index, node.depth, node.component, node.parentage])).toEqual([
      [0, 0, 0, 'root'],
      [1, 0, 1, 'root'],
      [2, 1, 1, 'child'],
      [3, 2, 1, 'child'],
      [4, 1, 1, 'child'],
      [5, 1, 1, 'child'],
      [6, 0, 2, 'orphan'],
    ]);
  });

  test('says which nodes their parents do not wait for: consumers of a producer, and what starts behind the end', () => {
    expect(idsOf(trace.nodes.filter(node => node.isAsync))).toBe('cd');
  });

  test('has the root that lasts longest, and a top for each component', () => {
    expect([idOf(trace.root), idsOf(trace.tops)]).toEqual(['a', 'rao']);
  });

  test('lasts from its first start to its last end', () => {
    expect([trace.traceId, trace.startTimeUnixNano, trace.durationNano, trace.complete]).toEqual([
      'abc'.padStart(32, '0'),
      DRAWING_START + 5_000_000n,
      94_000_000n,
      false,
    ]);
  });
});

test('a trace of one span is complete', () => {
  const trace = buildTrace(draw('a | 0-10'));
  expect([trace.complete, idOf(trace.root), trace.nodes[0]!.selfNano]).toEqual([true, 'a', 10_000_000n]);
});

test('a trace without a root has none', () => {
  expect(buildTrace(draw('a | 0-10 | | | parent: x')).root).toBeUndefined();
});

test('a trace of no spans cannot be built', () => {
  expect(() => buildTrace([])).toThrow('a trace without spans');
});

test('the trace of any spans is what assembly makes of them', () => {
  fc.assert(
    fc.property(traceSpans(), spans => {
      const trace = buildTrace(spans);
      const { spans: places, ...summary } = assembleTrace(spans);
      expect(trace.nodes.map(placeOf)).toEqual(
        places.map(({ spanId, start, parentage, component, depth, self }) => ({
          spanId,
          start,
          parentage,
          component,
          depth,
          self,
        })),
      );
      expect([trace.startTimeUnixNano, trace.durationNano, trace.complete, trace.root?.index]).toEqual([
        summary.start,
        summary.duration,
        summary.complete,
        summary.root,
      ]);
      expect(trace.tops).toEqual(trace.nodes.filter(node => node.parent === undefined));
      expect(childrenOf(trace)).toEqual(trace.nodes.filter(node => node.parent !== undefined).length);
    }),
  );
});

function placeOf({ span, parentage, component, depth, selfNano }: TraceNode): object {
  return { spanId: span.spanId, start: span.startTimeUnixNano, parentage, component, depth, self: selfNano };
}

/** Children in the lists of the parents that they name. */
function childrenOf(trace: Trace): number {
  return trace.nodes.flatMap(node => node.children.filter(child => child.parent === node)).length;
}
