import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DIVIDER, layoutOf } from '../../src/tui/layout.ts';
import { clampedTop, scrolledTo, searchAround } from '../../src/tui/viewport.ts';

describe('where things stand', () => {
  test.each([
    [60, 12, { arrangement: 'alone', main: undefined, detail: { width: 60, height: 9 } }],
    [80, 19, { arrangement: 'alone', main: undefined, detail: { width: 80, height: 16 } }],
    [80, 24, { arrangement: 'below', main: { width: 80, height: 13 }, detail: { width: 80, height: 8 } }],
    [139, 40, { arrangement: 'below', main: { width: 139, height: 23 }, detail: { width: 139, height: 14 } }],
    [140, 40, { arrangement: 'beside', main: { width: 68, height: 37 }, detail: { width: 69, height: 37 } }],
    [300, 80, { arrangement: 'beside', main: { width: 148, height: 77 }, detail: { width: 149, height: 77 } }],
  ])('%i by %i with a detail', (columns, rows, layout) => {
    expect(layoutOf({ columns, rows }, true)).toEqual(layout);
  });

  test.each([
    [59, 40],
    [300, 11],
  ])('%i by %i is too small', (columns, rows) => {
    expect(layoutOf({ columns, rows }, false)).toBeUndefined();
  });

  test('panes fill the screen and no more', () => {
    const size = fc.record({ columns: fc.integer({ min: 60, max: 400 }), rows: fc.integer({ min: 12, max: 120 }) });
    fc.assert(
      fc.property(size, fc.boolean(), ({ columns, rows }, hasDetail) => {
        const layout = layoutOf({ columns, rows }, hasDetail);
        const panes = [layout?.main, layout?.detail].filter(pane => pane !== undefined);
        const isBeside = layout?.arrangement === 'beside';
        const heights = panes.map(({ height }) => height);
        const widths = panes.map(({ width }) => width);
        const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
        expect(isBeside ? Math.max(...heights) : total(heights)).toBe(rows - 3);
        expect(isBeside ? total(widths) + DIVIDER : Math.max(...widths)).toBe(columns);
      }),
    );
  });
});

describe('a window of rows', () => {
  test.each([
    ['stays where the row is seen', 10, 12, 12, 10],
    ['goes down as little as possible', 10, 25, 25, 16],
    ['goes up as little as possible', 10, 4, 4, 4],
    ['shows two rows that belong together', 10, 19, 20, 11],
    ['ends with the last row', 95, 99, 99, 90],
  ])('%s', (_, top, from, to, seen) => {
    expect(scrolledTo(top, from, to, 10, 100)).toBe(seen);
  });

  test('shows what it should, and is full where there are rows enough', () => {
    const case_ = fc.record({
      count: fc.integer({ min: 1, max: 500 }),
      height: fc.integer({ min: 1, max: 60 }),
      top: fc.integer({ min: -100, max: 600 }),
      at: fc.nat(499),
    });
    fc.assert(
      fc.property(case_, ({ count, height, top, at }) => {
        const row = at % count;
        const seen = scrolledTo(top, row, row, height, count);
        expect(row).toBeGreaterThanOrEqual(seen);
        expect(row).toBeLessThan(seen + height);
        expect(seen).toBe(clampedTop(seen, height, count));
      }),
    );
  });

  test.each([
    [1, 2, 4],
    [1, 4, 1],
    [-1, 4, 1],
    [-1, 1, 4],
  ] as const)('a step of %i from %i goes on at the other end', (step, from, found) => {
    expect(searchAround(6, from, step, index => index === 1 || index === 4)).toBe(found);
  });

  test('finds nothing where there is nothing', () => {
    expect(searchAround(6, 2, 1, () => false)).toBe(-1);
    expect(searchAround(0, 0, 1, () => true)).toBe(-1);
  });
});
