import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawBox } from '../../src/terminal/box.ts';
import { fitLine, layoutTable, type TableColumn } from '../../src/terminal/columns.ts';
import { flow } from '../../src/terminal/flow.ts';
import { widthOf } from '../../src/terminal/measure.ts';
import type { Screen } from '../../src/terminal/screen.ts';
import { type Line, lineWidth, styled } from '../../src/terminal/styled.ts';
import { wrapLine } from '../../src/terminal/wrap.ts';

// Text set in columns, boxes and lines: never wider than it may be, and nothing lost that was not to be.

const textOf = (line: Line) => line.map(({ text }) => text).join('');
const words = fc
  .array(fc.constantFrom('GET', '/cart', '日本語', 'é', '👩‍👩‍👧', 'x'.repeat(30), '42', ''), { maxLength: 5 })
  .map(parts => parts.join(' '));
const lines = fc.array(words, { maxLength: 4 }).map((parts): Line => parts.map(part => styled(part, 'dim')));

describe('a table', () => {
  const table = (columns: readonly TableColumn[], rows: readonly (readonly string[])[], width: number) => {
    const { lines: drawn, missing } = layoutTable(
      columns,
      rows.map(row => row.map(cell => [styled(cell)])),
      width,
      '…',
    );
    return { text: drawn.map(line => textOf(line).trimEnd()), missing };
  };
  const columns: readonly TableColumn[] = [
    { title: 'ID', shorter: [[styled('c0ffee')], [styled('decade')]] },
    { title: 'NAME', least: 6 },
    { title: 'COUNT', align: 'right' },
    { title: 'NOTE', expendable: 1 },
    { title: 'MORE', expendable: 2 },
  ];
  const rows = [
    ['c0ffee0000000001', 'GET /products', '7', 'fine', 'more'],
    ['decade0000000002', 'POST', '1,204', 'so so', 'less'],
  ];

  test.each([
    [
      60,
      [
        'ID                NAME           COUNT  NOTE   MORE',
        'c0ffee0000000001  GET /products      7  fine   more',
        'decade0000000002  POST           1,204  so so  less',
      ],
    ],
    [
      50,
      [
        'ID      NAME           COUNT  NOTE   MORE',
        'c0ffee  GET /products      7  fine   more',
        'decade  POST           1,204  so so  less',
      ],
    ],
    [
      38,
      [
        'ID      NAME        COUNT  NOTE   MORE',
        'c0ffee  GET /prod…      7  fine   more',
        'decade  POST        1,204  so so  less',
      ],
    ],
    [
      33,
      ['ID      NAME          COUNT  NOTE', 'c0ffee  GET /produ…       7  fine', 'decade  POST          1,204  so so'],
    ],
    [22, ['ID      NAME    COUNT', 'c0ffee  GET /p…      7', 'decade  POST    1,204']],
  ])('of %i columns: ids give way first, then text, then what is least important', (width, expected) => {
    const { text, missing } = table(columns, rows, width);
    expect(text.map(line => line.replace(/ +/g, ' '))).toEqual(expected.map(line => line.replace(/ +/g, ' ')));
    expect(missing).toEqual([]);
  });

  test('says which columns had no room though they are not expendable', () => {
    const { text, missing } = table(
      [{ title: 'A' }, { title: 'B', least: 4 }, { title: 'C', align: 'right' }],
      [['1234567890', 'some long text', '1234567890']],
      20,
    );
    expect(text).toEqual(['A           B', '1234567890  some lo…']);
    expect(missing).toEqual(['C']);
  });

  test('never cuts a number; a single column that is too wide is cut', () => {
    expect(table([{ title: 'N', align: 'right' }], [['123456']], 4).text).toEqual(['   N', '123…']);
    expect(
      table(
        [
          { title: 'A', least: 2 },
          { title: 'N', align: 'right' },
        ],
        [['abcdef', '123456']],
        10,
      ).text,
    ).toEqual(['A        N', 'a…  123456']);
  });

  test('cuts a path at its start', () => {
    expect(
      table([{ title: 'PATH', least: 8, cutAt: 'start' }, { title: 'N' }], [['a/long/way/to.json', '1']], 14).text,
    ).toEqual(['PATH         N', '…ay/to.json  1']);
  });

  test('has no line wider than it may be', () => {
    const column = fc.record({
      title: fc.constantFrom('A', 'TITLE', '日本'),
      align: fc.constantFrom('left' as const, 'right' as const),
      least: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
      expendable: fc.integer({ min: 0, max: 3 }),
      cutAt: fc.constantFrom('start' as const, 'end' as const),
    });
    fc.assert(
      fc.property(
        fc.array(column, { minLength: 1, maxLength: 6 }),
        fc.array(fc.array(lines, { minLength: 6, maxLength: 6 }), { maxLength: 4 }),
        fc.integer({ min: 4, max: 90 }),
        (drafts, cells, width) => {
          const made = drafts.map(
            ({ least, ...rest }): TableColumn => (least === undefined ? rest : { ...rest, least }),
          );
          const { lines: drawn } = layoutTable(made, cells, width, '…');
          expect(drawn).toHaveLength(cells.length + 1);
          for (const line of drawn) expect(lineWidth(line)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});

describe('a line that is fitted', () => {
  test('takes exactly its width', () => {
    fc.assert(
      fc.property(
        lines,
        fc.integer({ min: 2, max: 40 }),
        fc.constantFrom('left' as const, 'right' as const),
        (line, width, align) => {
          expect(lineWidth(fitLine(line, width, align, '…'))).toBe(width);
          expect(lineWidth(fitLine(line, width, align, '…', true))).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  test('is cut in the segment in which the room ends', () => {
    const line = [styled('abc', 'bold'), styled('def', 'dim')];
    expect(fitLine(line, 5, 'left', '…')).toEqual([styled('abc', 'bold'), styled('d…', 'dim')]);
    expect(fitLine(line, 3, 'left', '…')).toEqual([styled('ab…', 'bold')]);
    expect(fitLine(line, 8, 'right', '…')).toEqual([styled('  '), ...line]);
  });
});

describe('a line that is wrapped', () => {
  const wrapped = (text: string, width: number, indent?: number) => wrapLine([styled(text)], width, indent).map(textOf);

  test.each([
    ['a bb ccc', 8, 0, ['a bb ccc']],
    ['a bb ccc', 7, 0, ['a bb', 'ccc']],
    ['a bb ccc', 5, 2, ['a bb', '  ccc']],
    ['abcdefghij', 4, 0, ['abcd', 'efgh', 'ij']],
    ['abcdefghij', 4, 1, ['abcd', ' efg', ' hij']],
    ['日本語です', 5, 0, ['日本', '語で', 'す']],
    ['日本語', 1, 0, ['日', '本', '語']],
    ['  at a', 20, 2, ['  at a']],
    ['', 5, 0, ['']],
  ])('%j to %i, indented by %i', (text, width, indent, expected) => {
    expect(wrapped(text, width, indent)).toEqual(expected);
  });

  test('is nowhere too wide and loses nothing but spaces', () => {
    fc.assert(
      fc.property(lines, fc.integer({ min: 4, max: 40 }), fc.integer({ min: 0, max: 30 }), (line, width, indent) => {
        const drawn = wrapLine(line, width, indent);
        for (const part of drawn) expect(lineWidth(part)).toBeLessThanOrEqual(width);
        expect(drawn.map(textOf).join('').replaceAll(' ', '')).toBe(textOf(line).replaceAll(' ', ''));
      }),
    );
  });
});

test('items flow onto as few lines as they take, none of them broken', () => {
  const items = ['● on the path', '█ own', '░ waiting'].map(text => [styled(text)]);
  expect(flow(items, 40).map(textOf)).toEqual(['● on the path  █ own  ░ waiting']);
  expect(flow(items, 20).map(textOf)).toEqual(['● on the path  █ own', '░ waiting']);
  expect(flow(items, 5).map(textOf)).toEqual(['● on the path', '█ own', '░ waiting']);
  expect(flow([], 5)).toEqual([]);
});

describe('a box', () => {
  const screen = (width: number, unicode = true) => ({ width, unicode }) as Screen;
  const text = (title: string) => ({ title, align: 'left', isWhole: false }) as const;
  const number = (title: string) => ({ title, align: 'right', isWhole: true }) as const;
  const box = (...args: Parameters<typeof drawBox>) => {
    const { lines: drawn, columnCount } = drawBox(...args);
    return { text: drawn.map(textOf), columnCount };
  };

  test('has a rule below the header and none between rows', () => {
    expect(
      box(
        [text('name'), number('n')],
        [
          ['a', '1'],
          ['---', '22'],
        ],
        screen(80),
      ).text,
    ).toEqual(['┌──────┬────┐', '│ name │ n  │', '├──────┼────┤', '│ a    │  1 │', '│ ---  │ 22 │', '└──────┴────┘']);
  });

  test('in ASCII keeps rows that look like rules', () => {
    expect(box([text('name')], [['---'], ['+--+'], ['a']], screen(80, false)).text).toEqual([
      '+------+',
      '| name |',
      '+------+',
      '| ---  |',
      '| +--+ |',
      '| a    |',
      '+------+',
    ]);
  });

  test('cuts text before it leaves columns out, from the right, and numbers never', () => {
    const row = ['x'.repeat(40), '1234567890', 'y'.repeat(40)];
    expect(box([text('a'), number('b'), text('c')], [row], screen(60))).toMatchObject({ columnCount: 3 });
    const narrow = box([text('a'), number('b'), text('c')], [row], screen(50));
    expect(narrow).toMatchObject({ columnCount: 2 });
    expect(narrow.text[3]).toBe(`│ ${'x'.repeat(32)}… │ 1234567890 │`);
    expect(box([number('a')], [['1'.repeat(60)]], screen(40)).text[3]).toBe(`│ ${'1'.repeat(35)}… │`);
  });

  test('is as wide as its screen at the most, and its sides are straight', () => {
    const cells = fc.constantFrom('', 'x', '日本語', '👩‍👩‍👧', 'e\u0301', 'y'.repeat(50), '-'.repeat(9), '🇫🇷 a');
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
        fc.array(fc.array(cells, { minLength: 7, maxLength: 7 }), { maxLength: 5 }),
        fc.integer({ min: 40, max: 120 }),
        fc.boolean(),
        (kinds, rows, width, unicode) => {
          const made = kinds.map((isNumber, index) => (isNumber ? number(`n${index}`) : text(`title ${index}`)));
          const drawn = box(made, rows, screen(width, unicode));
          expect(drawn.text).toHaveLength(rows.length === 0 ? 3 : rows.length + 4);
          const widths = new Set(drawn.text.map(widthOf));
          expect(widths.size).toBe(1);
          expect(Math.max(...widths)).toBeLessThanOrEqual(width);
        },
      ),
      { numRuns: 60 },
    );
  });
});
