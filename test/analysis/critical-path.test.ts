import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CriticalPathFinder, DEFAULT_PATH_OPTIONS, type PathOptions } from '../../src/analysis/critical-path.ts';
import { tracePath } from '../../src/analysis/trace-path.ts';
import type { Span } from '../../src/model/span.ts';
import { Kind } from '../../src/model/status.ts';
import { buildTrace, type Trace } from '../../src/model/trace.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START, draw, drawnIdOf } from '../support/drawn-trace.ts';
import { readDump } from '../support/load.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { pathByDefinition } from './path-definition.ts';

const OVERLAP: PathOptions = { policy: 'overlap', async: 'exclude' };
const WITH_ASYNC: PathOptions = { policy: 'end', async: 'include' };
const EVERY_OPTION = (['end', 'overlap'] as const).flatMap(policy =>
  (['exclude', 'include'] as const).map((async): PathOptions => ({ policy, async })),
);

/** Sections as `id from-to`, in milliseconds. */
function sectionsOf(spans: readonly Span[], options: PathOptions = DEFAULT_PATH_OPTIONS): string {
  const at = (time: bigint) => Number(time - DRAWING_START) / 1e6;
  return tracePath(buildTrace(spans), options)
    .sections.map(
      ({ node, startTimeUnixNano, endTimeUnixNano }) =>
        `${drawnIdOf(node.span.spanId)} ${at(startTimeUnixNano)}-${at(endTimeUnixNano)}`,
    )
    .join(', ');
}

describe('the sections of the path', () => {
  test.each([
    {
      name: 'a span alone is all of it',
      // r |----------|
      drawing: 'r | 0-100',
      path: 'r 0-100',
    },
    {
      name: 'children one after the other are on it, and the gaps are their parent’s',
      // r |----------|
      // a  |--|
      // b      |--|
      drawing: `
        r | 0-100
          a | 10-40
          b | 60-90
      `,
      path: 'r 0-10, a 10-40, r 40-60, b 60-90, r 90-100',
    },
    {
      name: 'children back to back are both on it',
      // r |----------|
      // a |----|
      // b      |-----|
      drawing: `
        r | 0-100
          a | 0-50
          b | 50-100
      `,
      path: 'a 0-50, b 50-100',
    },
    {
      name: 'of children side by side the one that ends last is on it',
      // r |----------|
      // a  |--------|
      // b  |-----|
      drawing: `
        r | 0-100
          a | 10-90
          b | 10-60
      `,
      path: 'r 0-10, a 10-90, r 90-100',
    },
    {
      name: 'a child that still runs when the next one begins is passed over, for one that has ended',
      // r |----------|
      // a  |--|
      // b   |-----|
      // c       |---|
      drawing: `
        r | 0-100
          a | 10-40
          b | 20-70
          c | 60-90
      `,
      path: 'r 0-10, a 10-40, r 40-60, c 60-90, r 90-100',
    },
    {
      name: 'grandchildren split their parents',
      drawing: `
        r | 0-100
          a | 10-90
            b | 20-50
              c | 30-40
      `,
      path: 'r 0-10, a 10-20, b 20-30, c 30-40, b 40-50, a 50-90, r 90-100',
    },
    {
      name: 'a child that outlasts its parent ends with it',
      // r |-------|
      // a   |---------|
      drawing: `
        r | 0-70
          a | 20-100
      `,
      path: 'r 0-20, a 20-70',
    },
    {
      name: 'a child that began before its parent begins with it',
      //     r |------|
      // a |------|
      drawing: `
        r | 30-100
          a | 0-60
      `,
      path: 'a 30-60, r 60-100',
    },
    {
      name: 'what a child has beyond its parent is not on it, nor is what hangs there',
      drawing: `
        r | 0-50
          a | 10-100
            b | 20-90
            c | 60-80
      `,
      path: 'r 0-10, a 10-20, b 20-50',
    },
    {
      name: 'of two that outlast their parent the one that began first',
      drawing: `
        r | 0-50
          a | 20-60
          b | 10-90
      `,
      path: 'r 0-10, b 10-50',
    },
    {
      name: 'a child that ended before its parent began is not on it',
      drawing: `
        r | 50-100
          a | 0-40
      `,
      path: 'r 50-100',
    },
    {
      name: 'a span without length is never on it',
      drawing: `
        r | 0-100
          a | 100-100
          b | 50-50
            c | 50-50
      `,
      path: 'r 0-100',
    },
    { name: 'a root without length has none', drawing: 'r | 5-5\n a | 5-5', path: '' },
    {
      name: 'of children that end together the longer one',
      drawing: `
        r | 0-100
          a | 30-80
          b | 20-80
          c | 40-80
      `,
      path: 'r 0-20, b 20-80, r 80-100',
    },
    {
      name: 'of children as long as each other the one with the smaller id',
      drawing: `
        r | 0-100
          b | 20-80
          a | 20-80
      `,
      path: 'r 0-20, a 20-80, r 80-100',
    },
    {
      name: 'children are compared by what is inside their parent',
      drawing: `
        r | 20-100
          b | 0-100
          a | 10-120
      `,
      path: 'a 20-100',
    },
    {
      name: 'work that its parent does not wait for is not on it',
      drawing: `
        r | 0-100 |  |  | producer
          a | 10-90 |  |  | consumer
            b | 20-80
          c | 5-15
      `,
      path: 'r 0-5, c 5-15, r 15-100',
    },
    {
      name: 'a child that begins behind its parent’s end is not on it',
      drawing: `
        r | 0-100
          a | 10-20
            b | 30-90
      `,
      path: 'r 0-10, a 10-20, r 20-100',
    },
    {
      name: 'the root is the true root that lasts longest',
      drawing: `
        r | 0-30
        s | 10-90
        o | 0-200 | | | parent: gone
      `,
      path: 's 10-90',
    },
    {
      name: 'without a root it is the longest top',
      drawing: `
        o | 0-30 | | | parent: gone
        p | 10-90 | | | parent: gone
          a | 20-40
        c | 5-25 | | | parent: c
      `,
      path: 'p 10-20, a 20-40, p 40-90',
    },
  ])('$name', ({ drawing, path }) => {
    expect(sectionsOf(draw(drawing))).toBe(path);
  });

  test.each([
    {
      name: 'a child that still runs is cut where the next one begins',
      drawing: `
        r | 0-100
          a | 10-40
          b | 20-70
          c | 60-90
      `,
      path: 'r 0-10, a 10-20, b 20-60, c 60-90, r 90-100',
    },
    {
      name: 'of those that run, the one that began first',
      drawing: `
        r | 0-100
          a | 30-75
          b | 10-70
          c | 60-90
      `,
      path: 'r 0-10, b 10-60, c 60-90, r 90-100',
    },
    {
      name: 'of those that run and began together, the one with the smaller id',
      drawing: `
        r | 0-100
          b | 10-75
          a | 10-70
          c | 60-90
      `,
      path: 'r 0-10, a 10-60, c 60-90, r 90-100',
    },
    {
      name: 'what a child does behind its cut is not on the path',
      drawing: `
        r | 0-100
          b | 10-80
            d | 15-20
            e | 65-75
          c | 60-90
      `,
      path: 'r 0-10, b 10-15, d 15-20, b 20-60, c 60-90, r 90-100',
    },
    {
      name: 'a child that began before its parent takes all that is left',
      drawing: `
        r | 10-100
          a | 0-70
          b | 5-65
          c | 60-90
      `,
      path: 'a 10-60, c 60-90, r 90-100',
    },
  ])('with the policy `overlap`: $name', ({ drawing, path }) => {
    expect(sectionsOf(draw(drawing), OVERLAP)).toBe(path);
  });

  test.each([
    {
      name: 'a consumer of a producer',
      drawing: `
        r | 0-100 |  |  | producer
          a | 10-90 |  |  | consumer
            b | 20-80
      `,
      path: 'r 0-10, a 10-20, b 20-80, a 80-90, r 90-100',
    },
    {
      name: 'but not a child behind its parent’s end, of which nothing is inside the parent',
      drawing: `
        r | 0-100
          a | 10-20
            b | 30-90
      `,
      path: 'r 0-10, a 10-20, r 20-100',
    },
  ])('with async work included: $name', ({ drawing, path }) => {
    expect(sectionsOf(draw(drawing), WITH_ASYNC)).toBe(path);
  });
});

describe('what is off the path is counted', () => {
  test.each([
    ['children that ended before their parent began', 'r | 50-100\n a | 0-40\n b | 0-49', { outside: 2, async: 0 }],
    ['but not those that touch it', 'r | 50-100\n a | 0-50\n b | 100-110', { outside: 0, async: 0 }],
    ['consumers', 'r | 0-100 | | | producer\n a | 10-90 | | | consumer', { outside: 0, async: 1 }],
    ['children that began behind the end', 'r | 0-100\n a | 101-110', { outside: 0, async: 1 }],
    ['at every level', 'r | 0-100\n a | 50-90\n  b | 0-40\n  c | 95-99', { outside: 1, async: 1 }],
  ])('%s', (_, drawing, { outside, async }) => {
    const path = tracePath(buildTrace(draw(drawing)));
    expect([path.outsideCount, path.asyncCount]).toEqual([outside, async]);
  });

  test('what lies behind the cut of its parent is not outside the parent', () => {
    const drawing = 'r | 0-100\n b | 10-80\n  e | 65-75\n c | 60-90';
    expect(tracePath(buildTrace(draw(drawing)), OVERLAP).outsideCount).toBe(0);
  });

  test('children of a child that is passed over are not counted', () => {
    const drawing = 'r | 10-100\n a | 0-70\n b | 5-40\n  x | 80-90\n c | 60-90';
    const path = tracePath(buildTrace(draw(drawing)), OVERLAP);
    expect([path.outsideCount, path.asyncCount]).toEqual([0, 0]);
  });

  test('with async work included, what begins behind its parent’s end is outside', () => {
    const path = tracePath(buildTrace(draw('r | 0-100\n a | 101-110')), WITH_ASYNC);
    expect([path.outsideCount, path.asyncCount]).toEqual([1, 0]);
  });
});

describe('drag: how much earlier the root would end if a span’s own work took no time', () => {
  const dragsOf = (drawing: string, options = DEFAULT_PATH_OPTIONS) => {
    const trace = buildTrace(draw(drawing));
    const path = new CriticalPathFinder(options).find(inputOf(trace));
    return trace.nodes
      .filter(node => path.own[node.index]! > 0)
      .map(({ span, index }) => `${drawnIdOf(span.spanId)} ${path.drag[index]! / 1e6} of ${path.own[index]! / 1e6}`)
      .join(', ');
  };

  test.each([
    ['alone it is all of it', 'r | 0-100', 'r 100 of 100'],
    ['one after the other it is all of it', 'r | 0-100\n a | 0-60\n b | 60-90', 'r 10 of 10, a 60 of 60, b 30 of 30'],
    ['beside another it is what it lasts longer', 'r | 0-100\n a | 0-90\n b | 10-70', 'r 10 of 10, a 20 of 90'],
    ['beside one that ends with it it is nothing', 'r | 0-90\n a | 0-90\n b | 10-90', 'a 0 of 90'],
    [
      'a sibling that has ended when it begins does not bound it',
      'r | 0-90\n a | 50-90\n b | 0-40',
      'r 10 of 10, b 40 of 40, a 40 of 40',
    ],
    [
      'the siblings of its ancestors bound it too',
      'r | 0-90\n a | 0-90\n  c | 10-90\n b | 10-75',
      'a 10 of 10, c 15 of 80',
    ],
    ['it is not more than its own', 'r | 0-90\n a | 0-90\n  c | 0-85\n b | 10-15', 'a 5 of 5, c 75 of 85'],
    [
      'one that its parent’s end cuts is bounded by another that the end cuts',
      'r | 0-90\n a | 0-99\n b | 10-95',
      'a 0 of 90',
    ],
  ])('%s', (_, drawing, drags) => {
    expect(dragsOf(drawing)).toBe(drags);
  });

  test('with the policy `overlap` it is nothing where another one runs too', () => {
    const drawing = 'r | 0-100\n a | 30-75\n b | 10-70\n c | 60-90';
    expect(dragsOf(drawing, OVERLAP)).toBe('r 20 of 20, b 0 of 50, c 15 of 30');
  });
});

describe('the path of any trace', () => {
  test.each(EVERY_OPTION)('is as defined, with the policy $policy and async: $async', options => {
    fc.assert(
      fc.property(fc.oneof(traceSpans(), traceSpans({ isNested: true })), spans => {
        const trace = buildTrace(spans);
        const expected = pathByDefinition(trace, options).map(({ node, from, to }) => ({ id: node.index, from, to }));
        const sections = tracePath(trace, options).sections.map(section => ({
          id: section.node.index,
          from: section.startTimeUnixNano,
          to: section.endTimeUnixNano,
        }));
        expect(sections).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test.each(EVERY_OPTION)(
    'is contiguous from the root’s start to its end, with the policy $policy and async: $async',
    options => {
      fc.assert(
        fc.property(traceSpans({ maxSpans: 60 }), spans => {
          const { root, sections, ownNano } = tracePath(buildTrace(spans), options);
          const { startTimeUnixNano: start, durationNano: duration } = root!.span;
          let time = start;
          for (const section of sections) {
            expect(section.startTimeUnixNano).toBe(time);
            expect(section.endTimeUnixNano).toBeGreaterThan(time);
            time = section.endTimeUnixNano;
          }
          expect(time).toBe(start + duration);
          expect(ownNano.reduce((sum, own) => sum + own, 0n)).toBe(duration);
        }),
        { numRuns: 500 },
      );
    },
  );

  test('has drags from nothing to the span’s own time on it', () => {
    const finders = EVERY_OPTION.map(options => new CriticalPathFinder(options));
    fc.assert(
      fc.property(fc.oneof(traceSpans(), traceSpans({ isNested: true })), spans => {
        const input = inputOf(buildTrace(spans));
        for (const finder of finders) {
          const { own, drag } = finder.find(input);
          for (let span = 0; span < input.count; span++) {
            expect(drag[span]).toBeGreaterThanOrEqual(0);
            expect(drag[span]).toBeLessThanOrEqual(own[span]!);
          }
        }
      }),
    );
  });

  test('is the same whatever the order of its spans', () => {
    fc.assert(
      fc.property(traceSpans(), fc.infiniteStream(fc.nat()), (spans, ranks) => {
        const shuffled = spans
          .map(span => ({ span, rank: ranks.next().value! }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ span }) => span);
        for (const options of EVERY_OPTION) {
          expect(sectionsOf(shuffled, options)).toBe(sectionsOf(spans, options));
        }
      }),
    );
  });

  test('does not depend on what was looked at before', () => {
    fc.assert(
      fc.property(fc.array(traceSpans({ maxSpans: 80 }), { minLength: 2, maxLength: 4 }), traces => {
        const reused = new CriticalPathFinder(OVERLAP);
        for (const spans of traces) {
          const input = inputOf(buildTrace(spans));
          expect(copyOf(reused.find(input), input.count)).toEqual(
            copyOf(new CriticalPathFinder(OVERLAP).find(input), input.count),
          );
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('large traces', () => {
  test.each(EVERY_OPTION)('a hundred thousand spans deep: policy $policy, async: $async', options => {
    const count = 100_000;
    const path = new CriticalPathFinder(options).find({
      count,
      start: new Float64Array(count),
      duration: Float64Array.from({ length: count }, (_, span) => count - span),
      depth: Uint32Array.from({ length: count }, (_, span) => span),
      kind: new Uint8Array(count),
      spanId: Uint32Array.from({ length: count * 2 }, (_, word) => word),
      isRoot: Uint8Array.of(1, ...new Uint8Array(count - 1)),
    });
    expect([path.sectionCount, path.span[0], path.from[0], path.to[0]]).toEqual([count, count - 1, 0, 1]);
  });

  test.each(EVERY_OPTION)('a hundred thousand children: policy $policy, async: $async', options => {
    const count = 100_001;
    const path = new CriticalPathFinder(options).find({
      count,
      start: Float64Array.from({ length: count }, (_, span) => (span === 0 ? 0 : span - 1)),
      duration: Float64Array.from({ length: count }, (_, span) => (span === 0 ? count : 2)),
      depth: Uint32Array.from({ length: count }, (_, span) => (span === 0 ? 0 : 1)),
      kind: new Uint8Array(count),
      spanId: Uint32Array.from({ length: count * 2 }, (_, word) => word),
      isRoot: Uint8Array.of(1, ...new Uint8Array(count - 1)),
    });
    const own = path.own.subarray(0, count).reduce((sum, value) => sum + value, 0);
    expect([own, path.sectionCount]).toEqual([count, 50_001]);
  });
});

test('a trace without spans has no path', () => {
  const nothing = { start: new Float64Array(), duration: new Float64Array(), depth: new Uint32Array() };
  const path = new CriticalPathFinder().find({
    ...nothing,
    count: 0,
    kind: new Uint8Array(),
    spanId: new Uint32Array(),
    isRoot: new Uint8Array(),
  });
  expect([path.root, path.sectionCount]).toEqual([-1, 0]);
});

// https://github.com/uber-research/CRISP, test_cases: the key `testing` says how many microseconds of the path are an
// operation's own.
describeRealData('CRISP’s cases', () => {
  const ownOf = async (number: number, options: PathOptions = DEFAULT_PATH_OPTIONS) => {
    const text = readFileSync(sharedData(`jaeger-json/crisp/${number}.json`), 'utf8');
    const { spans } = await readDump(text);
    const own: Record<string, number> = {};
    for (const { node, startTimeUnixNano, endTimeUnixNano } of tracePath(buildTrace(spans), options).sections) {
      const operation = `[${node.span.serviceName}] ${node.span.name}`;
      own[operation] = (own[operation] ?? 0) + Number(endTimeUnixNano - startTimeUnixNano) / 1000;
    }
    return { own, testing: JSON.parse(text).testing };
  };

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('case %i', async number => {
    const { own, testing } = await ownOf(number);
    const onPath = Object.entries(testing[0]).filter(([, time]) => time !== 0);
    expect(own).toEqual(Object.fromEntries(onPath));
  });

  test.each([11, 12])('case %i', async number => {
    const { own, testing } = await ownOf(number);
    expect(own).toEqual(testing.opTimeExclusive);
  });

  // B, C and D follow one another, but each begins 1 or 2 µs before the one before it has ended. CRISP takes such
  // overlaps for inexact clocks and all three for the path (O1 400, O2 200, O3 100, O4 300). By our definition C had
  // not ended when D began, so that it did not hold D up: what had ended by then is B. The policy `overlap` cuts B and C
  // where the next one begins and gives CRISP's answer but for the overlaps.
  test('case 10 is another answer, by definition', async () => {
    expect((await ownOf(10)).own).toEqual({ '[S1] O1': 500, '[S2] O2': 200, '[S4] O4': 300 });
    expect((await ownOf(10, OVERLAP)).own).toEqual({ '[S1] O1': 402, '[S2] O2': 199, '[S3] O3': 99, '[S4] O4': 300 });
  });
});

function inputOf({ nodes, startTimeUnixNano: base }: Trace) {
  return {
    count: nodes.length,
    start: Float64Array.from(nodes, ({ span }) => Number(span.startTimeUnixNano - base)),
    duration: Float64Array.from(nodes, ({ span }) => Number(span.durationNano)),
    depth: Uint32Array.from(nodes, node => node.depth),
    kind: Uint8Array.from(nodes, ({ span }) => Kind[span.kind]),
    spanId: Uint32Array.from(
      nodes.flatMap(({ span }) => [8, 0].map(at => Number.parseInt(span.spanId.slice(at, at + 8), 16))),
    ),
    isRoot: Uint8Array.from(nodes, node => (node.parentage === 'root' ? 1 : 0)),
  };
}

function copyOf(path: ReturnType<CriticalPathFinder['find']>, spanCount: number): object {
  const { root, sectionCount, outsideCount, asyncCount } = path;
  return {
    root,
    outsideCount,
    asyncCount,
    sections: [path.span, path.from, path.to].map(column => [...column.subarray(0, sectionCount)]),
    spans: [path.own, path.drag].map(column => [...column.subarray(0, spanCount)]),
  };
}
