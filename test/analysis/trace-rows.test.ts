import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RowOptions, type TraceRow, traceRows } from '../../src/analysis/trace-rows.ts';
import type { Span } from '../../src/model/span.ts';
import { buildTrace, type TraceNode } from '../../src/model/trace.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { draw, drawnIdOf } from '../support/drawn-trace.ts';

const MS = 1_000_000n;
const EVERYTHING: RowOptions = { unfold: false, maxDepth: undefined, minDurationNano: 0n, limit: undefined };

/** Rows as lines, indented by level: `a`, `a +3` with three spans too deep below it, `a–d ×4 +8`, `hidden 3 of 12 ms`. */
function linesOf(spans: readonly Span[], options: Partial<RowOptions> = {}): string[] {
  return traceRows(buildTrace(spans), { ...EVERYTHING, ...options }).rows.map(
    row => `${'  '.repeat(row.level)}${lineOf(row)}`,
  );
}

function lineOf(row: TraceRow): string {
  switch (row.kind) {
    case 'span':
      return `${idOf(row.node)}${row.deeper > 0 ? ` +${row.deeper}` : ''}`;
    case 'run':
      return `${idOf(row.nodes[0])}–${idOf(row.nodes.at(-1))} ×${row.nodes.length}${row.below > 0 ? ` +${row.below}` : ''}`;
    case 'hidden':
      return `hidden ${row.spanCount} of ${row.durationNano / MS} ms`;
  }
}

function idOf(node: TraceNode | undefined): string {
  return node === undefined ? '' : drawnIdOf(node.span.spanId);
}

const FOUR_ALIKE = `
  r | 0-100 | web | get
    a | 10-20 | db | select
    b | 20-30 | db | select
    c | 30-40 | db | select
    d | 40-50 | db | select
`;

describe('alike siblings one after the other', () => {
  test.each([
    { name: 'from four on are one row', drawing: FOUR_ALIKE, rows: ['r', '  a–d ×4'] },
    {
      name: 'are a row each where there are three',
      drawing: FOUR_ALIKE.replace(/.*40-50.*\n/, ''),
      rows: ['r', '  a', '  b', '  c'],
    },
    {
      name: 'are alike only if what is below them is, too',
      drawing: `
        r | 0-100 | web | get
          a | 10-20 | db | select
            e | 11-12 | db | row
          b | 20-30 | db | select
            f | 21-22 | db | row
          c | 30-40 | db | select
            g | 31-32 | db | row
          d | 40-50 | db | select
            h | 41-42 | db | row
          i | 50-60 | db | select
      `,
      rows: ['r', '  a–d ×4 +4', '  i'],
    },
    {
      name: 'are no run where another one stands between them',
      drawing: FOUR_ALIKE.replace('20-30 | db | select', '20-30 | db | update'),
      rows: ['r', '  a', '  b', '  c', '  d'],
    },
    {
      name: 'are not alike in different services',
      drawing: FOUR_ALIKE.replace('20-30 | db', '20-30 | cache'),
      rows: ['r', '  a', '  b', '  c', '  d'],
    },
    {
      name: 'are not alike of different kinds',
      drawing: FOUR_ALIKE.replace('20-30 | db | select', '20-30 | db | select | client'),
      rows: ['r', '  a', '  b', '  c', '  d'],
    },
    {
      name: 'end where one failed, which has a row of its own',
      drawing: `${FOUR_ALIKE}    e | 50-60 | db | select | error: no\n    f | 60-70 | db | select\n`,
      rows: ['r', '  a–d ×4', '  e', '  f'],
    },
    {
      name: 'end where something below one failed',
      drawing: `${FOUR_ALIKE}    e | 50-60 | db | select\n      f | 51-52 | db | row | error: no\n`,
      rows: ['r', '  a–d ×4', '  e', '    f'],
    },
    {
      name: 'may be several runs',
      drawing: `${FOUR_ALIKE}${['e', 'f', 'g', 'h'].map((id, at) => `    ${id} | ${60 + at}-70 | db | update`).join('\n')}`,
      rows: ['r', '  a–d ×4', '  e–h ×4'],
    },
  ])('$name', ({ drawing, rows }) => {
    expect(linesOf(draw(drawing))).toEqual(rows);
  });

  test('are a row each when unfolded', () => {
    expect(linesOf(draw(FOUR_ALIKE), { unfold: true })).toEqual(['r', '  a', '  b', '  c', '  d']);
  });

  test('are no run at the top: roots and orphans are parts of a trace, each with its own gap above', () => {
    const orphans = ['a', 'b', 'c', 'd'].map(id => `${id} | 10-20 | db | select | parent: gone`).join('\n');
    expect(linesOf(draw(orphans))).toEqual(['a', 'b', 'c', 'd']);
  });
});

test('orphans and what was cut stand behind the roots, each with what is below it', () => {
  const drawing = `
    o | 0-5 | | | parent: gone
      p | 1-2
    c | 0-9 | | | parent: c
    r | 50-60
      a | 51-52
  `;
  expect(linesOf(draw(drawing))).toEqual(['r', '  a', 'o', '  p', 'c']);
});

describe('a depth', () => {
  const drawing = `
    r | 0-100
      a | 0-50
        b | 0-40
          c | 0-30
        d | 40-50
      e | 60-70
  `;

  test.each([
    [0, ['r +5']],
    [1, ['r', '  a +3', '  e']],
    [2, ['r', '  a', '    b +1', '    d', '  e']],
    [3, ['r', '  a', '    b', '      c', '    d', '  e']],
  ])('of %i shows so many levels below the root and counts what is deeper', (maxDepth, rows) => {
    expect(linesOf(draw(drawing), { maxDepth })).toEqual(rows);
  });
});

describe('a least duration', () => {
  const shortest = (milliseconds: number) => ({ minDurationNano: BigInt(milliseconds) * MS });

  test('leaves shorter spans out, and says under their parent how many and how long', () => {
    const drawing = `
      r | 0-100
        a | 0-4
          b | 0-3
        c | 10-50
        d | 60-63
    `;
    expect(linesOf(draw(drawing), shortest(5))).toEqual(['r', '  c', '  hidden 3 of 7 ms']);
  });

  test('keeps a shorter span above one that is not', () => {
    expect(linesOf(draw('r | 0-100\n a | 0-4\n  b | 0-50'), shortest(5))).toEqual(['r', '  a', '    b']);
  });

  test('keeps what failed, and what is above it', () => {
    const drawing = 'r | 0-100\n a | 0-1\n  b | 0-1 | | | error: no\n  c | 0-1';
    expect(linesOf(draw(drawing), shortest(5))).toEqual(['r', '  a', '    b', '    hidden 1 of 1 ms']);
  });

  test('keeps a span that lasts exactly as long', () => {
    expect(linesOf(draw('r | 0-100\n a | 0-5'), shortest(5))).toEqual(['r', '  a']);
  });

  test('keeps a run that lasts as long together', () => {
    expect(linesOf(draw(FOUR_ALIKE), shortest(40))).toEqual(['r', '  a–d ×4']);
    expect(linesOf(draw(FOUR_ALIKE), shortest(41))).toEqual(['r', '  hidden 4 of 40 ms']);
  });

  test('leaves out a root that is shorter', () => {
    expect(linesOf(draw('r | 0-1\ns | 0-9'), shortest(5))).toEqual(['s', 'hidden 1 of 1 ms']);
  });
});

describe('a limit', () => {
  const drawing = `
    r | 0-100
      a | 0-10
      b | 10-30
      c | 30-60
      d | 60-64 | | | error: no
  `;
  const limited = (limit: number, options: Partial<RowOptions> = {}) => {
    const rows = traceRows(buildTrace(draw(drawing)), { ...EVERYTHING, ...options, limit });
    return {
      rows: linesOf(draw(drawing), { ...options, limit }),
      shown: rows.shownSpanCount,
      raised: rows.raisedMinDurationNano === undefined ? undefined : rows.raisedMinDurationNano / MS,
      cut: rows.cutRowCount,
    };
  };

  test.each([
    { limit: 5, rows: ['r', '  a', '  b', '  c', '  d'], shown: 5, raised: undefined, cut: 0 },
    { limit: 4, rows: ['r', '  c', '  d', '  hidden 2 of 30 ms'], shown: 3, raised: 30n, cut: 0 },
    { limit: 3, rows: ['r', '  d', '  hidden 3 of 60 ms'], shown: 2, raised: 100n, cut: 0 },
    { limit: 2, rows: ['r', '  d'], shown: 2, raised: 100n, cut: 1 },
  ])('of $limit rows leaves out the shortest spans, and rows only where that is not enough', expected => {
    const { limit, ...found } = expected;
    expect(limited(limit)).toEqual(found);
  });

  test('raises a least duration that was asked for', () => {
    expect(limited(4, { minDurationNano: 15n * MS })).toMatchObject({ raised: 30n, shown: 3 });
    expect(limited(5, { minDurationNano: 15n * MS })).toMatchObject({ raised: undefined, shown: 4 });
  });
});

describe('a trace of ten thousand spans', () => {
  const spans = (() => {
    const [root, call] = draw('r | 0-100000 | web | get\n a | 0-1 | db | select');
    return [
      root!,
      ...Array.from({ length: 9_999 }, (_, index) => ({
        ...call!,
        spanId: (index + 1).toString(16).padStart(16, '0'),
        startTimeUnixNano: call!.startTimeUnixNano + BigInt(index) * 10n * MS,
        durationNano: BigInt(1 + ((index * 7919) % 9_999)),
        name: index % 10 === 0 ? 'update' : 'select',
      })),
    ];
  })();

  test('has few rows where its siblings are alike', () => {
    const alike = spans.map((span, index) => (index === 0 ? span : { ...span, name: 'select' }));
    expect(traceRows(buildTrace(alike), EVERYTHING).rows.map(({ kind }) => kind)).toEqual(['span', 'run']);
  });

  test('has no more rows than the limit, of the longest spans', () => {
    const { rows, shownSpanCount, cutRowCount } = traceRows(buildTrace(spans), {
      ...EVERYTHING,
      unfold: true,
      limit: 300,
    });
    expect([rows.length, shownSpanCount, cutRowCount]).toEqual([300, 299, 0]);
    const shown = rows.flatMap(row => (row.kind === 'span' ? [row.node.span.durationNano] : []));
    expect(Math.min(...shown.map(Number))).toBe(9_999 - 297);
  });

  test('has a row each when unfolded', () => {
    expect(traceRows(buildTrace(spans), { ...EVERYTHING, unfold: true }).rows).toHaveLength(10_000);
  });

  test('may be a hundred thousand deep', () => {
    const [span] = spans;
    const idOf = (index: number) => (index + 1).toString(16).padStart(16, '0');
    const deep = Array.from({ length: 100_000 }, (_, index) => ({
      ...span!,
      spanId: idOf(index),
      parentSpanId: index === 0 ? undefined : idOf(index - 1),
    }));
    expect(traceRows(buildTrace(deep), { ...EVERYTHING, limit: 300 })).toMatchObject({ cutRowCount: 99_700 });
  });
});

describe('the rows of any trace', () => {
  const options = fc.record({
    unfold: fc.boolean(),
    maxDepth: fc.option(fc.nat(4), { nil: undefined }),
    minDurationNano: fc.bigInt({ min: 0n, max: 45n }),
    limit: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
  });
  // One service, one name and kind, so that runs come by.
  const alikeSpans = traceSpans({ maxSpans: 30 }).map(spans =>
    spans.map((span): Span => ({ ...span, serviceName: 'web', name: 'get', kind: 'client' })),
  );
  const traces = fc.oneof(traceSpans(), alikeSpans).map(buildTrace);

  test('account for every span', () => {
    fc.assert(
      fc.property(traces, options, (trace, { limit: _, ...unlimited }) => {
        const { rows } = traceRows(trace, { ...unlimited, limit: undefined });
        expect(rows.reduce((sum, row) => sum + spansOf(row), 0)).toBe(trace.nodes.length);
      }),
    );
  });

  test('show every failed span that is not too deep in a row of its own', () => {
    fc.assert(
      fc.property(traces, options, (trace, { limit: _, ...unlimited }) => {
        const { rows } = traceRows(trace, { ...unlimited, limit: undefined });
        const shown = new Set(rows.map(row => (row.kind === 'span' ? row.node : undefined)));
        const failed = trace.nodes.filter(
          ({ span, depth }) => span.status.code === 'error' && depth <= (unlimited.maxDepth ?? Infinity),
        );
        expect(failed.filter(node => !shown.has(node))).toEqual([]);
      }),
    );
  });

  test('stand in display order, each below its parent’s, the last sibling marked', () => {
    fc.assert(
      fc.property(traces, options, (trace, wanted) => {
        const { rows } = traceRows(trace, wanted);
        const indices = rows.flatMap(row => (row.kind === 'hidden' ? [] : [firstOf(row)!.index]));
        expect(indices).toEqual(indices.toSorted((a, b) => a - b));
        for (const row of rows) {
          expect(row.level).toBe(row.parent === undefined ? 0 : row.parent.level + 1);
          expect(firstOf(row)?.parent).toBe(row.kind === 'hidden' ? undefined : row.parent?.node);
        }
        const { rows: all } = traceRows(trace, { ...wanted, limit: undefined });
        for (const siblings of Map.groupBy(all, row => row.parent).values()) {
          expect(siblings.map(({ isLast }) => isLast)).toEqual(siblings.map((_, at) => at === siblings.length - 1));
        }
      }),
    );
  });

  test('are not more than the limit', () => {
    fc.assert(
      fc.property(traces, options, (trace, wanted) => {
        const found = traceRows(trace, wanted);
        expect(found.rows.length).toBeLessThanOrEqual(wanted.limit ?? Infinity);
        expect(found.shownSpanCount).toBeLessThanOrEqual(trace.nodes.length);
      }),
    );
  });

  function firstOf(row: TraceRow): TraceNode | undefined {
    return row.kind === 'span' ? row.node : row.kind === 'run' ? row.nodes[0] : undefined;
  }

  function spansOf(row: TraceRow): number {
    switch (row.kind) {
      case 'span':
        return 1 + row.deeper;
      case 'run':
        return row.nodes.length + row.below;
      case 'hidden':
        return row.spanCount;
    }
  }
});

describe('what a person folds', () => {
  const TREE = `
    r | 0-100 | web | get
      a | 10-40 | cart | list
        b | 12-20 | db | select
        c | 22-30 | db | insert
      d | 50-90 | bank | charge
  `;

  /** Lines of a trace of which the drawn spans are folded, unfolded, or all that is shown. */
  function folded(drawing: string, sets: Partial<Record<'folded' | 'unfolded' | 'only', readonly string[]>>): string[] {
    const trace = buildTrace(draw(drawing));
    const nodes = (ids: readonly string[]) => new Set(trace.nodes.filter(node => ids.includes(idOf(node))));
    const options = Object.fromEntries(Object.entries(sets).map(([name, ids]) => [name, nodes(ids)]));
    const { rows } = traceRows(trace, { ...EVERYTHING, ...options });
    return rows.map(row => `${'  '.repeat(row.level)}${lineOf(row)}`);
  }

  test.each([
    ['stands for what is below it', { folded: ['a'] }, ['r', '  a +2', '  d']],
    ['hides what is folded within it', { folded: ['r', 'a'] }, ['r +4']],
    ['says nothing of a span without children', { folded: ['d'] }, ['r', '  a', '    b', '    c', '  d']],
    ['is left out with what is below it where only others are shown', { only: ['r', 'd'] }, ['r', '  d']],
  ])('%s', (_, sets, rows) => {
    expect(folded(TREE, sets)).toEqual(rows);
  });

  test('is a run no more once its first span is unfolded', () => {
    expect(folded(FOUR_ALIKE, { unfolded: ['a'] })).toEqual(['r', '  a', '  b', '  c', '  d']);
    expect(folded(FOUR_ALIKE, { unfolded: ['b'] })).toEqual(['r', '  a–d ×4']);
  });
});
