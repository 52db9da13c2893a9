import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { glyphs } from '../../src/terminal/glyphs.ts';
import { widthOf } from '../../src/terminal/measure.ts';
import { lineWidth, styled } from '../../src/terminal/styled.ts';
import { drawWaterfall, type WaterfallHeading, type WaterfallRow } from '../../src/terminal/waterfall.ts';

const MILLI = 1_000_000;

/** A row without a place in the tree, bars in milliseconds. */
function row(
  label: string,
  bars: readonly (readonly [number, number])[],
  more: Partial<WaterfallRow> = {},
): WaterfallRow {
  const stretches = bars.map(([from, to]) => ({ from: from * MILLI, to: to * MILLI }));
  return {
    guides: [],
    skippedLevels: 0,
    label: [styled(label)],
    style: 'service:x',
    bars: stretches,
    path: [],
    isOnPath: false,
    ticks: [],
    durationNano: BigInt(Math.round(stretches.reduce((sum, { from, to }) => sum + to - from, 0))),
    selfNano: 0n,
    ...more,
  };
}

function draw(
  rows: readonly (WaterfallRow | WaterfallHeading)[],
  { width = 59, milliseconds = 25.6, unicode = true } = {},
) {
  return drawWaterfall(rows, {
    width,
    durationNano: BigInt(Math.round(milliseconds * MILLI)),
    glyphs: glyphs(unicode),
    unicode,
  }).map(line => line.map(({ text }) => text).join(''));
}

/** What is between the lines of a row: at a width of 59 and a label of 12 columns, 26 cells. */
const cellsOf = (line = '') => line.slice(line.indexOf('│') + 1, line.lastIndexOf('│'));

describe('a bar', () => {
  // 26 cells, 1 ms an eighth: a cell is 8 ms.
  const bar = (...bars: readonly (readonly [number, number])[]) =>
    cellsOf(draw([row('x', bars)], { milliseconds: 208 })[1]).trimEnd();

  test.each([
    ['whole cells', [[0, 16]], '░░'],
    ['one eighth', [[0, 1]], '▏'],
    ['seven eighths', [[0, 7]], '▉'],
    ['a cell and three eighths', [[0, 11]], '░▍'],
    ['one that begins within a cell', [[4, 16]], '▐░'],
    ['one that begins late in a cell', [[7, 16]], '▕░'],
    ['one that begins early in a cell', [[1, 16]], '░░'],
    ['one within a cell, to the left', [[1, 3]], '▎'],
    ['one within a cell, to the right', [[6, 7]], '▕'],
    ['nothing at all, which is still to be seen', [[8, 8]], ' ▏'],
    ['nothing at the very end', [[208, 208]], `${' '.repeat(25)}▕`],
    ['one that ends behind the axis', [[200, 400]], `${' '.repeat(25)}░`],
    ['one that begins before it', [[-50, 8]], '░'],
  ])('of %s', (_, bars, expected) => {
    expect(bar(...(bars as [number, number][]))).toBe(expected);
  });

  test.each([
    [
      'that follow each other are one',
      [
        [0, 5],
        [5, 11],
        [11, 16],
      ],
      '░░',
    ],
    [
      'with an eighth between them are told apart',
      [
        [0, 4],
        [5, 16],
      ],
      '▌░',
    ],
    [
      'with a cell between them',
      [
        [0, 8],
        [16, 24],
      ],
      '░ ░',
    ],
    [
      'that overlap are one',
      [
        [0, 12],
        [4, 16],
      ],
      '░░',
    ],
  ])('two %s', (_, bars, expected) => {
    expect(bar(...(bars as [number, number][]))).toBe(expected);
  });

  test('is solid where at least half of what it covers of a cell is on the path', () => {
    const path = (...parts: readonly (readonly [number, number])[]) =>
      cellsOf(
        draw([row('x', [[0, 32]], { path: parts.map(([from, to]) => ({ from: from * MILLI, to: to * MILLI })) })], {
          milliseconds: 208,
        })[1],
      ).trimEnd();
    expect(path()).toBe('░░░░');
    expect(path([0, 32])).toBe('████');
    expect(path([0, 12])).toBe('██░░');
    expect(path([0, 11])).toBe('█░░░');
    expect(path([1, 2], [9, 10], [17, 18])).toBe('░░░░');
    expect(path([0, 2], [4, 6])).toBe('█░░░');
  });

  test('has its events on it', () => {
    const ticks = [
      { at: 4 * MILLI, isError: false },
      { at: 500 * MILLI, isError: true },
      { at: -5 * MILLI, isError: true },
    ];
    expect(cellsOf(draw([row('x', [[0, 32]], { ticks })], { milliseconds: 208 })[1])).toBe(`◆░░░${' '.repeat(21)}◆`);
  });
});

describe('the axis', () => {
  const axis = (milliseconds: number, width = 59) =>
    cellsOf(draw([row('x', [[0, 1]])], { milliseconds, width })[0]).trimEnd();

  test.each([
    [208, '0          │100ms'],
    [100, '0           │50ms'],
    [0.000_2, '0           │100ns'],
    [1_000, '0           │500ms'],
    [3_000, '0      │1s      │2s'],
    [60_000, '0    │15s   │30s  │45s'],
    [90_000, '0      │30s     │1m'],
    [600_000, '0           │5m'],
    [7_200_000, '0           │1h'],
    [864_000_000, '0     │3d     │6d     │9d'],
    [0, '0'],
  ])('of %d ms', (milliseconds, expected) => {
    expect(axis(milliseconds)).toBe(expected);
  });

  test('has more times where there is more room', () => {
    expect(axis(208, 120)).toBe('0      │20ms   │40ms    │60ms   │80ms   │100ms   │120ms  │140ms  │160ms   │180ms');
  });

  test('always has a time besides 0, in which the labels keep their distance', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 20n, max: 10n ** 16n }), fc.integer({ min: 59, max: 200 }), (nanos, width) => {
        const text = axis(Number(nanos) / MILLI, width);
        expect(text).toMatch(/^0( {2,}│\S+)+$/);
      }),
    );
  });
});

describe('the tree', () => {
  /** A chain of levels, each the last child of the one above. */
  const chain = (depth: number) =>
    Array.from({ length: depth + 1 }, (_, level) =>
      row(`step ${level}`, [[0, 1]], {
        guides: Array.from({ length: Math.min(level, 24) }, () => false),
        skippedLevels: Math.max(0, level - 24),
      }),
    );
  const labels = (rows: readonly WaterfallRow[], width: number) =>
    draw(rows, { width })
      .slice(1)
      .map(line => line.slice(2, line.indexOf('│', line.search(/[a-z]/))).trimEnd());

  test('has a branch a level, narrower on a narrow screen', () => {
    const rows = [
      row('root', [[0, 1]]),
      row('first', [[0, 1]], { guides: [true] }),
      row('below', [[0, 1]], { guides: [true, false] }),
      row('last', [[0, 1]], { guides: [false] }),
    ];
    expect(labels(rows, 120)).toEqual(['root', '├─ first', '│  └─ below', '└─ last']);
    expect(labels(rows, 80)).toEqual(['root', '├ first', '│ └ below', '└ last']);
    expect(
      draw(rows, { width: 80, unicode: false })
        .slice(1)
        .map(line => line.slice(2, 14).trimEnd()),
    ).toEqual(['root', '|-first', '| `-below', '`-last']);
  });

  test('goes on at the left where it is deeper than there is room, and says how deep it is there', () => {
    const drawn = labels(chain(40), 80);
    expect(drawn[0]).toBe('step 0');
    const leads = drawn.map(label => Number(/^\+(\d+) /.exec(label)?.[1] ?? 0));
    for (const [level, lead] of leads.entries()) {
      const levels = level - lead;
      const indent = drawn[level]?.replace(/^\+\d+ /, '').indexOf('└') ?? 0;
      if (level > 0) expect(indent).toBe((levels - 1) * 2);
      expect(levels).toBeLessThanOrEqual(12);
    }
    expect(new Set(leads).size).toBeGreaterThan(3);
  });

  test('what is said of a failure stands below the branches of its row', () => {
    const rows = [
      row('root', [[0, 1]]),
      row('first', [[0, 1]], { guides: [true], message: [styled('Timeout: no answer', 'error')] }),
      row('last', [[0, 1]], { guides: [false], message: [styled('Refused', 'error')] }),
    ];
    const lines = draw(rows, { width: 120 });
    expect(lines[3]).toBe('  │  Timeout: no answer');
    expect(lines[5]).toBe('     Refused');
  });

  test('an aside stands where there is room, and is the first to go', () => {
    const aside = [styled(' (async)')];
    expect(labels([row('short', [[0, 1]], { aside })], 80)).toEqual(['short (async)']);
    expect(labels([row('x'.repeat(25), [[0, 1]], { aside })], 80)).toEqual(['x'.repeat(25)]);
    expect(labels([row('x'.repeat(60), [[0, 1]], { aside })], 80)[0]).toMatch(/^x+…$/);
  });
});

describe('the numbers', () => {
  test('are the duration and the self time, right-aligned, and nothing where there is none', () => {
    const lines = draw([
      row('a', [[0, 1]], { durationNano: 1_234_567n, selfNano: 890n }),
      row('b', [[0, 1]], { durationNano: undefined, selfNano: undefined }),
    ]);
    expect(lines.map(line => line.slice(-16))).toEqual(['    time    self', '  1.23ms   890ns', ' '.repeat(16)]);
  });

  test('on a very narrow screen are the duration alone', () => {
    const lines = draw([row('a', [[0, 1]], { durationNano: 1_234_567n })], { width: 48 });
    expect(lines[0]).toMatch(/│ {4}time$/);
    expect(lines[1]).toMatch(/│ {2}1\.23ms$/);
  });
});

test('every row ends in the column of the axis, none is too wide, and a bar stays within it', () => {
  const nanos = fc.integer({ min: -10 * MILLI, max: 120 * MILLI });
  const stretches = fc.array(
    fc.tuple(nanos, nanos).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) })),
    { maxLength: 4 },
  );
  const rows = fc.record({
    guides: fc.array(fc.boolean(), { maxLength: 24 }),
    skippedLevels: fc.nat(3),
    name: fc.constantFrom('GET', '日本語のスパン名', 'x'.repeat(200), ''),
    bars: stretches,
    path: stretches,
    ticks: fc.array(fc.record({ at: nanos, isError: fc.boolean() }), { maxLength: 3 }),
    hasMessage: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(rows, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 40, max: 220 }),
      fc.integer({ min: 0, max: 100 }),
      fc.boolean(),
      (drafts, width, milliseconds, unicode) => {
        const made = drafts.map(
          ({ name, hasMessage, ...draft }): WaterfallRow => ({
            ...row(name, []),
            ...draft,
            skippedLevels: draft.guides.length === 24 ? draft.skippedLevels : 0,
            ...(hasMessage ? { message: [styled(`${name} failed`, 'error')] } : {}),
          }),
        );
        const lines = drawWaterfall(made, {
          width,
          durationNano: BigInt(milliseconds * MILLI),
          glyphs: glyphs(unicode),
          unicode,
        });
        for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(width);
        const [axis = '', ...others] = lines.map(line => line.map(({ text }) => text).join(''));
        const isMessage = made.flatMap(({ message }) => (message === undefined ? [false] : [false, true]));
        expect(others).toHaveLength(isMessage.length);
        const mark = unicode ? '│' : '|';
        const end = (line: string) => widthOf(line.slice(0, line.lastIndexOf(mark)));
        for (const line of others.filter((_, index) => !isMessage[index])) expect(end(line)).toBe(end(axis));
      },
    ),
    { numRuns: 150 },
  );
});
