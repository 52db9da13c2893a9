import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Assembler } from '../../src/model/assembly.ts';
import { endOf, type Span } from '../../src/model/span.ts';
import { Quirk, SHARED_SPAN_MASK } from '../../src/model/span-batch.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START, draw, drawnIdOf, spanIdOf } from '../support/drawn-trace.ts';
import { assembleSpans, assembleTrace, outlineOf } from './assembled.ts';
import { assembleByDefinition } from './definition.ts';

const MS = 1_000_000n;

describe('the place of each span', () => {
  // A line of what is expected: id, parentage, component, nested-set left-right, self time in ms; indented by depth.
  test.each([
    {
      name: 'a parent stands before its children, siblings in order of start',
      drawing: `
        c | 40-50 | | | parent: a
        d | 12-18 | | | parent: b
        a | 0-100
        b | 10-30 | | | parent: a
      `,
      expected: ['a root 0 1-8 70', '  b child 0 2-5 14', '    d child 0 3-4 6', '  c child 0 6-7 10'],
    },
    {
      name: 'siblings that start together stand in order of their ids',
      drawing: `
        a | 0-10
          z | 1-2
          y | 1-9
          x | 1-3
      `,
      expected: ['a root 0 1-8 2', '  x child 0 2-3 2', '  y child 0 4-5 8', '  z child 0 6-7 1'],
    },
    {
      name: 'a span whose parent is not there is the top of a component of its own, behind the roots',
      drawing: `
        o | 0-5 | | | parent: gone
          p | 1-2
        a | 3-9
          b | 4-5
      `,
      expected: ['a root 0 1-4 5', '  b child 0 2-3 1', 'o orphan 1 5-8 4', '  p child 1 6-7 1'],
    },
    {
      name: 'several roots stand in order of start, whatever they last',
      drawing: `
        b | 5-100
        a | 1-2
      `,
      expected: ['a root 0 1-2 1', 'b root 1 3-4 95'],
    },
    {
      name: 'a child may start before its parent and end after it',
      drawing: `
        a | 10-20
          b | 0-50
      `,
      expected: ['a root 0 1-4 0', '  b child 0 2-3 50'],
    },
    {
      name: 'a span that names itself as its parent is a top, cut',
      drawing: `
        a | 0-10 | | | parent: a
          b | 2-4
      `,
      expected: ['a cut 0 1-4 8', '  b child 0 2-3 2'],
    },
    {
      name: 'a cycle is cut at the span that starts first',
      drawing: `
        a | 5-10 | | | parent: c
        b | 2-20 | | | parent: a
        c | 3-15 | | | parent: b
      `,
      expected: ['b cut 0 1-6 6', '  c child 0 2-5 7', '    a child 0 3-4 5'],
    },
    {
      name: 'of spans in a cycle that start together the one with the smallest id is cut',
      drawing: `
        b | 1-3 | | | parent: a
        a | 1-3 | | | parent: b
      `,
      expected: ['a cut 0 1-4 0', '  b child 0 2-3 2'],
    },
    {
      name: 'what hangs on a cycle stays there, though it starts before the cycle',
      drawing: `
        x | 0-1 | | | parent: b
        a | 5-9 | | | parent: b
        b | 4-9 | | | parent: a
      `,
      expected: ['b cut 0 1-6 1', '  x child 0 2-3 1', '  a child 0 4-5 4'],
    },
    {
      name: 'two cycles are two components, behind roots, orphans and spans that are their own parents',
      drawing: `
        a | 0-9 | | | parent: b
        b | 1-9 | | | parent: a
        c | 2-9 | | | parent: d
        d | 3-9 | | | parent: c
        e | 4-9 | | | parent: e
        f | 5-9 | | | parent: gone
        g | 6-9
      `,
      expected: [
        'g root 0 1-2 3',
        'f orphan 1 3-4 4',
        'e cut 2 5-6 5',
        'a cut 3 7-10 1',
        '  b child 3 8-9 8',
        'c cut 4 11-14 1',
        '  d child 4 12-13 6',
      ],
    },
    {
      name: 'of several spans with one id the first one has the children',
      drawing: `
        a | 0-100
          b | 20-60
          b | 10-50
        c | 30-40 | | | parent: b
      `,
      expected: ['a root 0 1-8 50', '  b child 0 2-5 30', '    c child 0 3-4 10', '  b child 0 6-7 40'],
    },
    {
      name: 'of several spans with one id and one start the shortest one has the children',
      drawing: `
        a | 0-100
          b | 10-60
          b | 10-50
        c | 30-40 | | | parent: b
      `,
      expected: ['a root 0 1-8 50', '  b child 0 2-5 30', '    c child 0 3-4 10', '  b child 0 6-7 50'],
    },
    {
      name: 'of several spans with one id and the same times it is decided by their kinds',
      drawing: `
        a | 0-100
          b | 10-50 | | | producer
          b | 10-50 | | | internal
        c | 30-40 | | | consumer, parent: b
      `,
      expected: ['a root 0 1-8 60', '  b child 0 2-5 30', '    c child 0 3-4 10', '  b child 0 6-7 40'],
    },
    { name: 'a span without children', drawing: 'a | 0-3', expected: ['a root 0 1-2 3'] },
  ])('$name', ({ drawing, expected }) => {
    expect(outlineOf(assembleTrace(draw(drawing)))).toEqual(expected);
    expect(outlineOf(assembleTrace(draw(drawing).reverse()))).toEqual(expected);
  });
});

describe('self time', () => {
  test.each([
    ['of a span without children is its duration', 'a | 0-100', 100],
    ['leaves out what children cover', 'a | 0-100\n b | 10-30\n c | 50-60', 70],
    ['counts time that two children share once', 'a | 0-100\n b | 10-50\n c | 30-60', 50],
    ['counts a child that lies within its sibling once', 'a | 0-100\n b | 10-50\n c | 20-30\n d | 25-55', 55],
    ['counts what lies between touching children as nothing', 'a | 0-100\n b | 0-50\n c | 50-100', 0],
    ['counts only the piece of a child that is inside its parent', 'a | 10-100\n b | 0-20\n c | 90-200', 70],
    ['ignores a child that ended before its parent began', 'a | 50-100\n b | 0-40', 50],
    ['ignores a child that begins when its parent has ended', 'a | 0-100\n b | 100-200', 100],
    ['ignores grandchildren', 'a | 0-100\n b | 10-20\n  c | 30-90', 90],
    ['is nothing of a span that takes none', 'a | 5-5\n b | 5-5\n c | 0-9', 0],
    ['counts a consumer of a client', 'a | 0-100 | | | client\n b | 10-60 | | | consumer', 50],
    ['does not count a consumer of a producer', 'a | 0-100 | | | producer\n b | 10-60 | | | consumer', 100],
    ['does not count a child that starts behind it', 'a | 0-10\n b | 11-20', 10],
    ['counts siblings of a consumer', 'a | 0-100 | | | producer\n b | 10-60 | | | consumer\n c | 20-30', 90],
  ])('%s', (_, drawing, milliseconds) => {
    const [first] = assembleTrace(draw(drawing)).spans;
    expect(first!.self).toBe(BigInt(milliseconds) * MS);
  });

  test('is exact to the nanosecond where a span takes longer than a double can tell', () => {
    const unit = 1n;
    const spans = draw('a | 0-9\n b | 1-3\n c | 5-6', { unit });
    const year = 31_557_600_000_000_000n;
    const stretched = spans.map(span => ({
      ...span,
      durationNano: span.spanId === spanIdOf('a') ? 100n * year + 7n : span.durationNano,
    }));
    expect(assembleTrace(stretched).spans.map(({ self }) => self)).toEqual([100n * year + 7n - 3n, 2n, 1n]);
  });

  test('is exact where a child started years before its parent', () => {
    const spans = draw('a | 0-1000\n b | 1-5', { unit: 1n }).map(span =>
      span.spanId === spanIdOf('b')
        ? { ...span, startTimeUnixNano: 3n, durationNano: span.startTimeUnixNano + 411n - 3n }
        : span,
    );
    expect(assembleTrace(spans).spans[0]!.self).toBe(1000n - 412n);
  });

  test('sums to the duration of the root where children lie within their parents, one after the other', () => {
    fc.assert(
      fc.property(traceSpans({ isNested: true }), spans => {
        const sequential = withoutOverlaps(spans).map((span): Span => ({ ...span, kind: 'internal' }));
        const trace = assembleTrace(sequential);
        expect(trace.spans.reduce((sum, { self }) => sum + self, 0n)).toBe(
          sequential.find(span => span.parentSpanId === undefined)!.durationNano,
        );
      }),
    );
  });
});

describe('a whole trace', () => {
  test.each([
    {
      name: 'one root',
      drawing: 'a | 0-10\n b | 2-10 | | | error: no',
      expected: { root: 0, roots: 1, orphans: 0, cuts: 0, components: 1, failed: 1, complete: true },
    },
    {
      name: 'work behind the root that nothing waits for',
      drawing: 'a | 0-10 | | | producer\n b | 5-60 | | | consumer\n  c | 6-99',
      expected: { root: 0, roots: 1, orphans: 0, cuts: 0, components: 1, failed: 0, complete: true },
    },
    {
      name: 'a child that starts when its parent has ended',
      drawing: 'a | 0-10\n b | 2-4\n  c | 5-60',
      expected: { root: 0, roots: 1, orphans: 0, cuts: 0, components: 1, failed: 0, complete: true },
    },
    {
      name: 'a span that ends after the root',
      drawing: 'a | 0-10\n b | 2-8\n  c | 3-11',
      expected: { root: 0, roots: 1, orphans: 0, cuts: 0, components: 1, failed: 0, complete: false },
    },
    {
      name: 'a span behind asynchronous work that ends after the root',
      drawing: 'a | 0-10 | | | producer\n b | 5-60 | | | consumer\n c | 6-11',
      expected: { root: 0, roots: 1, orphans: 0, cuts: 0, components: 1, failed: 0, complete: false },
    },
    {
      name: 'an orphan',
      drawing: 'a | 0-10\nb | 2-8 | | | parent: gone',
      expected: { root: 0, roots: 1, orphans: 1, cuts: 0, components: 2, failed: 0, complete: false },
    },
    {
      name: 'no root',
      drawing: 'b | 2-8 | | | parent: gone',
      expected: { root: undefined, roots: 0, orphans: 1, cuts: 0, components: 1, failed: 0, complete: false },
    },
    {
      name: 'two roots, of which the longer one is the root',
      drawing: 'a | 0-3\nb | 2-8',
      expected: { root: 1, roots: 2, orphans: 0, cuts: 0, components: 2, failed: 0, complete: false },
    },
    {
      name: 'two roots as long as each other, of which the first one is the root',
      drawing: 'a | 0-3\nb | 2-5',
      expected: { root: 0, roots: 2, orphans: 0, cuts: 0, components: 2, failed: 0, complete: false },
    },
    {
      name: 'a root beside a cycle',
      drawing: 'a | 0-10\nb | 2-8 | | | parent: c\nc | 2-8 | | | parent: b',
      expected: { root: 0, roots: 1, orphans: 0, cuts: 1, components: 2, failed: 0, complete: false },
    },
  ])('$name', ({ drawing, expected }) => {
    expect(assembleTrace(draw(drawing))).toMatchObject(expected);
  });

  test('begins with its first span and ends with its last, whatever these are', () => {
    const trace = assembleTrace(draw('a | 10-20\n b | 5-7\n c | 12-90 | | | consumer'));
    expect([trace.start, trace.duration]).toEqual([DRAWING_START + 5n * MS, 85n * MS]);
  });

  test('tells completeness to the nanosecond, in spans of centuries too', () => {
    const century = 3_155_760_000_000_000_000n;
    const [a, b] = draw('a | 0-9\n b | 1-3', { unit: 1n, start: 1n });
    const root = { ...a!, durationNano: century };
    const lasting = (durationNano: bigint) => assembleTrace([root, { ...b!, durationNano }]).complete;
    expect([lasting(century - 1n), lasting(century)]).toEqual([true, false]);
  });

  test('names its services in display order, each once', () => {
    const drawing = 'c | 5-6 | bank\na | 0-10 | web\n b | 1-2 | cart\n d | 3-4 | web';
    expect(assembleTrace(draw(drawing)).services).toEqual(['web', 'cart', 'bank']);
  });

  test('names each of hundreds of services once', () => {
    const services = Array.from({ length: 300 }, (_, index) => `service-${String(index).padStart(3, '0')}`);
    const lines = [...services, ...services].map((service, index) => ` s${index} | ${index}-${index + 1} | ${service}`);
    expect(assembleTrace(draw(`r | 0-900 | root\n${lines.join('\n')}`)).services).toEqual(['root', ...services]);
  });

  test.each([
    ['no id comes twice', 'a | 0-9\n b | 1-2\n c | 1-2', false],
    ['an id comes twice', 'a | 0-9\n b | 1-2\n b | 1-2', true],
    ['two spans have an id of zeros', 'a | 0-9\n 0 | 1-2\n 0 | 3-4', true],
    ['one span has an id of zeros', 'a | 0-9\n 0 | 1-2', false],
  ])('says whether spans share an id: %s', (_, drawing, hasSharedIds) => {
    const spans = draw(drawing).map(span =>
      drawnIdOf(span.spanId) === '0' ? { ...span, spanId: '0'.repeat(16) } : span,
    );
    expect(assembleTrace(spans).hasSharedIds).toBe(hasSharedIds);
  });

  test('a span with an id of zeros is nobody’s parent', () => {
    const zero = '0'.repeat(16);
    const spans = draw('a | 0-9\nb | 1-2').map((span, index) => ({
      ...span,
      spanId: index === 0 ? zero : span.spanId,
      parentSpanId: index === 1 ? zero : undefined,
    }));
    expect(assembleTrace(spans).roots).toBe(2);
  });
});

describe('starts that were not recorded', () => {
  const starts = (drawing: string, unknown: string) =>
    assembleTrace(withQuirk(draw(drawing), unknown, Quirk.startUnknown)).spans.map(
      ({ spanId, start }) => `${drawnIdOf(spanId)} ${start === 0n ? 'none' : Number(start - DRAWING_START) / 1e6}`,
    );

  test.each([
    ['a span takes its parent’s', 'a | 5-9\n b | 0-2', 'b', ['a 5', 'b 5']],
    ['or the nearest ancestor’s that has one', 'a | 5-9\n b | 0-2\n  c | 0-1', 'bc', ['a 5', 'b 5', 'c 5']],
    ['or the trace’s earliest', 'a | 0-9\n b | 7-8\nc | 6-7', 'a', ['a 6', 'b 7', 'c 6']],
    ['an orphan takes the trace’s earliest', 'a | 6-9\nb | 0-1 | | | parent: x', 'b', ['a 6', 'b 6']],
    [
      'a cycle without a start takes it too',
      'a | 6-9\nb | 0-1 | | | parent: c\nc | 0-2 | | | parent: b',
      'bc',
      ['a 6', 'b 6', 'c 6'],
    ],
    ['a span that is its own parent takes it too', 'a | 6-9\nb | 0-1 | | | parent: b', 'b', ['a 6', 'b 6']],
    ['where no start is known there is none', 'a | 7-9\n b | 8-9', 'ab', ['a none', 'b none']],
  ])('%s', (_, drawing, unknown, expected) => {
    expect(starts(drawing, unknown)).toEqual(expected);
  });

  test('the order of siblings follows the starts that they were given', () => {
    expect(starts('a | 5-9\n b | 6-7\n c | 0-1', 'c')).toEqual(['a 5', 'c 5', 'b 6']);
  });

  test('a trace whose first start is unknown stands where its earliest known start is', () => {
    const first = withQuirk(draw('a | 0-9\n b | 8-9', { traceId: 'f1' }), 'a', Quirk.startUnknown);
    const second = draw('a | 5-9', { traceId: 'f2' });
    expect(assembleSpans([...first, ...second]).traces.map(({ traceId }) => traceId.slice(-2))).toEqual(['f2', 'f1']);
  });

  test('a chain of a hundred thousand spans without a start is no matter', () => {
    const spans = chain(100_000).map((span, index) =>
      index === 0 ? span : { ...span, startTimeUnixNano: 0n, quirks: Quirk.startUnknown },
    );
    const trace = assembleTrace(spans.reverse());
    expect(new Set(trace.spans.map(({ start }) => start))).toEqual(new Set([DRAWING_START]));
  });
});

describe('ends that no int64 can say', () => {
  test('a span ends at 2^63 - 1 at the latest, when it takes its start from its parent', () => {
    const [a, b] = withQuirk(draw('a | 0-9\n b | 0-1'), 'b', Quirk.startUnknown);
    const trace = assembleTrace([a!, { ...b!, startTimeUnixNano: 0n, durationNano: 2n ** 63n - 1n }]);
    expect(trace.start + trace.duration).toBe(2n ** 63n - 1n);
    expect(trace.spans[1]!.self).toBe(2n ** 63n - 1n - DRAWING_START);
  });

  test.each([2n ** 63n - 1n, 2n ** 63n - 2n, 2n ** 63n - 2n ** 32n, 2n ** 62n + 7n])('a span may end at %d', end => {
    const [a] = draw('a | 0-9');
    const durationNano = end - DRAWING_START;
    const trace = assembleTrace([{ ...a!, durationNano }]);
    expect([trace.duration, trace.spans[0]!.self]).toEqual([durationNano, durationNano]);
  });
});

describe('Zipkin’s client and server halves of one id', () => {
  const half = halfOf('b');

  test.each([
    {
      name: 'the server half gets an id of its own and the client half as its parent',
      drawing: `
        a | 0-100 | web | get | server
          b | 10-60 | web | call | client
          b | 20-50 | bank | call | server
      `,
      expected: ['a root', '  b child', '    half child'],
    },
    {
      name: 'also where the clocks have the server begin first',
      drawing: `
        a | 0-100 | web | get | server
          b | 20-50 | bank | call | server
          b | 30-60 | web | call | client
      `,
      expected: ['a root', '  b child', '    half child'],
    },
    {
      name: 'a child goes to the half of its own service',
      drawing: `
        a | 0-100 | web | get | server
          b | 10-60 | web | call | client
          b | 20-50 | bank | call | server
        c | 30-40 | bank | query | client, parent: b
        d | 12-14 | web | log | internal, parent: b
      `,
      expected: ['a root', '  b child', '    d child', '    half child', '      c child'],
    },
    {
      name: 'two spans of one id and kind stay as they are',
      drawing: `
        a | 0-100 | web | get | server
          b | 10-60 | web | call | client
          b | 20-50 | bank | call | client
      `,
      expected: ['a root', '  b child', '  b child'],
    },
    {
      name: 'and stands among its siblings by the id that it got',
      drawing: `
        a | 0-100 | web | get | server
          b | 20-50 | web | call | client
          b | 20-30 | bank | call | server
        c | 20-40 | web | query | client, parent: b
        h | 20-25 | web | query | client, parent: b
      `,
      expected: ['a root', '  b child', '    c child', '    h child', '    half child'],
    },
    {
      name: 'halves without a parent',
      drawing: `
        b | 10-60 | web | call | client
        b | 20-50 | bank | call | server
      `,
      expected: ['b root', '  half child'],
    },
  ])('$name', ({ drawing, expected }) => {
    expect(places(zipkin(draw(drawing)))).toEqual(expected);
    expect(places(zipkin(draw(drawing)).reverse())).toEqual(expected);
  });

  test.each([
    {
      name: 'with its client half here it hangs there',
      drawing: `
        a | 0-100 | web | get | server
          b | 10-60 | web | call | client
          h | 20-50 | bank | call | server
        c | 30-40 | bank | query | client, parent: b
      `,
      expected: ['a root', '  b child', '    half child', '      c child'],
    },
    {
      name: 'without it, it hangs where the client half would, and has the children of the id',
      drawing: `
        a | 0-100 | web | get | server
          h | 20-50 | bank | call | server
        c | 30-40 | bank | query | client, parent: b
        d | 42-44 | cart | query | client, parent: b
      `,
      expected: ['a root', '  half child', '    c child', '    d child'],
    },
  ])('a server half that said `shared`: $name', ({ drawing, expected }) => {
    const spans = zipkin(draw(drawing)).map(span =>
      span.spanId === spanIdOf('h') ? { ...span, spanId: half, quirks: span.quirks | Quirk.shared } : span,
    );
    expect(places(spans)).toEqual(expected);
    expect(places(spans.reverse())).toEqual(expected);
  });

  test('a server half is known again when its trace is assembled again', () => {
    const stored = zipkin(
      draw('a | 0-100 | web\n b | 10-60 | web | call | client\n  h | 20-50 | bank | call | server'),
    );
    const spans = stored.map(span => (span.spanId === spanIdOf('h') ? { ...span, spanId: half } : span));
    const late = zipkin(draw('c | 30-40 | bank | query | client, parent: b'));
    expect(places([...spans, ...late])).toEqual(['a root', '  b child', '    half child', '      c child']);
  });

  test('spans of other formats keep the ids they share', () => {
    const spans = draw('a | 0-9\n b | 1-5 | web | call | client\n b | 2-4 | bank | call | server');
    expect(places(spans)).toEqual(['a root', '  b child', '  b child']);
  });

  function places(spans: readonly Span[]): string[] {
    return assembleTrace(spans).spans.map(
      ({ spanId, depth, parentage }) =>
        `${'  '.repeat(depth)}${spanId === half ? 'half' : drawnIdOf(spanId)} ${parentage}`,
    );
  }
});

describe('Zipkin’s short and long trace ids', () => {
  const LONG = '463ac35c9f6413ad48485a3953bb6124';
  const SHORT = LONG.slice(16);
  const long = draw('a | 0-9', { traceId: LONG });
  const short = draw('b | 1-2 | | | parent: a', { traceId: SHORT });
  const ids = (spans: readonly Span[]) =>
    assembleSpans(spans).traces.map(trace => `${trace.traceId} ${trace.spans.length}`);

  test('spans of either form are one trace, under the long id', () => {
    expect(ids(zipkin([...long, ...short]))).toEqual([`${LONG} 2`]);
    expect(ids(zipkin([...short, ...long]))).toEqual([`${LONG} 2`]);
  });

  test('of several long ids that end alike the smallest takes the spans of the short form', () => {
    const other = `1${LONG.slice(1)}`;
    const later = draw('c | 4-5', { traceId: other });
    for (const spans of [
      [...long, ...short, ...later],
      [...later, ...short, ...long],
      [...short, ...long, ...later],
    ]) {
      expect(ids(zipkin(spans))).toEqual([`${LONG} 1`, `${other} 2`]);
    }
  });

  test('a short id stays where no long one ends like it', () => {
    const other = draw('c | 4-5', { traceId: 'f'.repeat(32) });
    expect(ids(zipkin([...short, ...other]))).toEqual([`${SHORT.padStart(32, '0')} 1`, `${'f'.repeat(32)} 1`]);
  });

  test('ids of other formats are as long as they say', () => {
    expect(ids([...long, ...short])).toEqual([`${LONG} 1`, `${SHORT.padStart(32, '0')} 1`]);
    expect(ids([...long, ...zipkin(short)])).toEqual([`${LONG} 1`, `${SHORT.padStart(32, '0')} 1`]);
  });
});

describe('many traces', () => {
  const several = fc
    .array(messyTraces(10), { minLength: 1, maxLength: 6 })
    .map(traces => [...new Map(traces.map(spans => [spans[0]!.traceId, spans])).values()]);

  test('are assembled together as one by one, in order of their starts', () => {
    fc.assert(
      fc.property(several, fc.infiniteStream(fc.nat()), (traces, ranks) => {
        const mixed = traces
          .flat()
          .map(span => ({ span, rank: ranks.next().value! }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ span }) => span);
        const together = assembleSpans(mixed).traces;
        const alone = traces.map(assembleTrace);
        const byId = (a: { traceId: string }, b: { traceId: string }) => (a.traceId < b.traceId ? -1 : 1);
        expect(together.toSorted(byId).map(withoutServices)).toEqual(alone.toSorted(byId).map(withoutServices));
        const starts = together.map(({ start, traceId }) => `${start} ${traceId}`);
        expect(starts).toEqual(starts.toSorted());
      }),
    );
  });

  test('wait until their last span has come', () => {
    const spans = [
      ...draw('a | 0-9', { traceId: 'a1' }),
      ...draw('b | 5-9', { traceId: 'b2' }),
      ...draw('c | 1-2 | | | parent: a', { traceId: 'a1' }),
      ...draw('d | 7-8', { traceId: 'c3' }),
    ];
    const settled = (before: number) => {
      const { traces, unsettled } = assembleSpans(spans, before);
      return { traces: traces.map(({ traceId }) => traceId.slice(-2)), unsettled };
    };
    expect(settled(0)).toEqual({ traces: [], unsettled: [0, 1, 2, 3] });
    expect(settled(2)).toEqual({ traces: ['b2'], unsettled: [0, 2, 3] });
    expect(settled(3)).toEqual({ traces: ['a1', 'b2'], unsettled: [3] });
    expect(settled(4)).toEqual({ traces: ['a1', 'b2', 'c3'], unsettled: [] });
  });

  test('whose ids differ in their first half alone are told apart quickly', () => {
    const [span] = draw('a | 0-9');
    const spans = Array.from({ length: 60_000 }, (_, index) => ({
      ...span!,
      traceId: `${(index + 1).toString(16).padStart(16, '0')}${'0'.repeat(16)}`,
    }));
    expect(assembleSpans(spans).traces).toHaveLength(60_000);
  });

  test('are the same in memory in which others were assembled before', () => {
    const assembler = new Assembler();
    fc.assert(
      fc.property(fc.array(messyTraces(40), { maxLength: 5 }), fc.nat(20), (traces, early) => {
        const spans = traces.flatMap((trace, index) =>
          trace.map(span => ({ ...span, traceId: `${index + 1}`.repeat(32) })),
        );
        const settledBefore = Math.max(0, spans.length - early);
        expect(assembleSpans(spans, settledBefore, assembler)).toEqual(assembleSpans(spans, settledBefore));
      }),
    );
  });

  test('no spans are no traces', () => {
    expect(assembleSpans([])).toEqual({ traces: [], unsettled: [] });
  });
});

describe('any trace', () => {
  test('is assembled as the definition says', () => {
    fc.assert(
      fc.property(messyTraces(), spans => {
        expect(assembleTrace(spans).spans).toEqual(assembleByDefinition(spans));
      }),
      { numRuns: 1000 },
    );
  });

  test('is the same whatever the order of its spans', () => {
    fc.assert(
      fc.property(messyTraces(), fc.infiniteStream(fc.nat()), (spans, ranks) => {
        const shuffled = spans
          .map(span => ({ span, rank: ranks.next().value! }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ span }) => span);
        expect(assembleTrace(shuffled)).toEqual(assembleTrace(spans));
      }),
      { numRuns: 500 },
    );
  });

  test('is the same however long it lasts, but for its times', () => {
    fc.assert(
      fc.property(messyTraces(), spans => {
        const first = spans.reduce((least, span) => (isBefore(span, least) ? span : least)).startTimeUnixNano;
        const [last = first] = spans.map(endOf).sort((a, b) => (a > b ? -1 : 1));
        const [longest = 0n] = spans.map(span => span.durationNano).sort((a, b) => (a > b ? -1 : 1));
        // Longer than a double can count in nanoseconds.
        const factor = (1n << 60n) / (last - first + longest + 1n);
        const moved = (start: bigint) => (start - first) * factor + 1n;
        const longer = assembleTrace(
          spans.map(span => ({
            ...span,
            startTimeUnixNano: isUnknown(span) ? 0n : moved(span.startTimeUnixNano),
            durationNano: span.durationNano * factor,
          })),
        );
        const trace = assembleTrace(spans);
        const startOf = (start: bigint) => (spans.every(isUnknown) ? 0n : moved(start));
        expect(longer).toEqual({
          ...trace,
          start: startOf(trace.start),
          duration: trace.duration * factor,
          spans: trace.spans.map(span => ({ ...span, start: startOf(span.start), self: span.self * factor })),
        });
      }),
      { numRuns: 300 },
    );
  });

  test('has every span once, numbers that nest, and no self time above a duration', () => {
    fc.assert(
      fc.property(messyTraces(), spans => {
        const trace = assembleTrace(spans);
        expect(trace.spans.map(({ spanId }) => spanId).sort()).toEqual(spans.map(({ spanId }) => spanId).sort());
        const numbers = trace.spans.flatMap(({ left, right }) => [left, right]).sort((a, b) => a - b);
        expect(numbers).toEqual(Array.from({ length: spans.length * 2 }, (_, index) => index + 1));
        for (const span of trace.spans) {
          const enclosing = trace.spans.filter(other => other.left < span.left && other.right > span.right);
          expect(enclosing).toHaveLength(span.depth);
          expect(enclosing.every(({ component }) => component === span.component)).toBe(true);
        }
        const sum = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n);
        expect(sum(trace.spans.map(({ self }) => self))).toBeLessThanOrEqual(sum(spans.map(s => s.durationNano)));
        expect(trace.components).toBe(trace.roots + trace.orphans + trace.cuts);
      }),
    );
  });

  test('may be a hundred thousand spans deep', () => {
    const trace = assembleTrace(chain(100_000).reverse());
    expect(trace.spans.at(-1)).toMatchObject({ depth: 99_999, left: 100_000, right: 100_001, self: 1n });
  });

  test('may consist of fifty thousand cycles', () => {
    const [span] = draw('a | 0-9');
    const idOf = (index: number) => (index + 1).toString(16).padStart(16, '0');
    const spans = Array.from({ length: 100_000 }, (_, index) => ({
      ...span!,
      spanId: idOf(index),
      parentSpanId: idOf(index ^ 1),
    }));
    expect(assembleTrace(spans)).toMatchObject({ cuts: 50_000, components: 50_000 });
  });
});

/** Traces with cycles, orphans, ids that come twice, starts that are unknown. */
function messyTraces(maxSpans = 16): fc.Arbitrary<readonly Span[]> {
  return fc.tuple(traceSpans({ maxSpans }), fc.infiniteStream(fc.nat(99))).map(([spans, dice]) =>
    spans.map((span, index) => {
      const twin = dice.next().value! < 8 ? spans[(index * 7) % spans.length]! : span;
      const isUnknown = dice.next().value! < 12;
      return {
        ...span,
        spanId: twin.spanId,
        // Spans of one id and the same times are told apart by what they say, which assembly does not see.
        durationNano: twin === span ? span.durationNano : BigInt(100 + index),
        startTimeUnixNano: isUnknown ? 0n : span.startTimeUnixNano,
        quirks: isUnknown ? Quirk.startUnknown : 0,
      };
    }),
  );
}

function isUnknown({ quirks }: Span): boolean {
  return (quirks & Quirk.startUnknown) !== 0;
}

/** Says whether a span has the earlier start of two, as far as starts are known. */
function isBefore(span: Span, other: Span): boolean {
  return !isUnknown(span) && (isUnknown(other) || span.startTimeUnixNano < other.startTimeUnixNano);
}

/** Every span begins where the sibling before it has ended; parents still contain their children. */
function withoutOverlaps(spans: readonly Span[]): Span[] {
  const until = new Map<string, bigint>();
  return spans
    .toSorted((a, b) => (a.startTimeUnixNano < b.startTimeUnixNano ? -1 : 1))
    .filter(span => {
      const parent = span.parentSpanId ?? '';
      if (parent !== '' && !until.has(`of ${parent}`)) return false;
      if (span.startTimeUnixNano < (until.get(parent) ?? 0n)) return false;
      until.set(parent, span.startTimeUnixNano + span.durationNano);
      until.set(`of ${span.spanId}`, 0n);
      return true;
    });
}

function withoutServices(trace: ReturnType<typeof assembleTrace>): object {
  return { ...trace, services: trace.services.toSorted() };
}

/** A span in a span in a span, each a nanosecond shorter. */
function chain(length: number): Span[] {
  const [span] = draw('a | 0-1');
  const idOf = (index: number) => (index + 1).toString(16).padStart(16, '0');
  return Array.from({ length }, (_, index) => ({
    ...span!,
    spanId: idOf(index),
    parentSpanId: index === 0 ? undefined : idOf(index - 1),
    durationNano: BigInt(length - index),
  }));
}

function withQuirk(spans: readonly Span[], ids: string, quirk: number): Span[] {
  return spans.map(span => (ids.includes(drawnIdOf(span.spanId)) ? { ...span, quirks: span.quirks | quirk } : span));
}

function zipkin(spans: readonly Span[]): Span[] {
  return spans.map(span => ({ ...span, quirks: span.quirks | Quirk.sharedParent }));
}

/** The id that the server half of a shared span gets. */
function halfOf(id: string): string {
  const mask = (BigInt(SHARED_SPAN_MASK.high) << 32n) | BigInt(SHARED_SPAN_MASK.low);
  return (BigInt(`0x${spanIdOf(id)}`) ^ mask).toString(16).padStart(16, '0');
}
