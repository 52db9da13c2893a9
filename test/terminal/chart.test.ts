import { describe, expect, test } from 'vitest';
import { chartAxis, chartLine } from '../../src/terminal/chart.ts';
import { formatNumber } from '../../src/terminal/format.ts';
import { glyphs } from '../../src/terminal/glyphs.ts';
import { heatLine } from '../../src/terminal/heat-map.ts';

const NONE = Number.NaN;

describe('a chart', () => {
  test.each([
    [[], ''],
    [[0, 0], '  '],
    [[NONE, 1, NONE, 4], ' ▃ █'],
    [[1, 2, 4, 8], '▂▃▅█'],
    [[-8, -4, 0], '▁▅█'],
    [[-1, 0, 1], '▁▅█'],
    [[1, Infinity, -Infinity], '██▁'],
  ])('of %j is %j', (values, expected) => {
    expect(chartLine(values, glyphs(true))).toBe(expected);
  });

  test('has times at its ends where there is room', () => {
    expect(chartAxis('09:00', '09:10', 12, 'OVER TIME')).toBe('09:00  09:10');
    expect(chartAxis('09:00', '09:10', 10, 'OVER TIME')).toBe('OVER TIME');
  });
});

test.each([
  [[0, 1, 25, 26, 75, 76, 100], ' ░░▒▓██', ' ..:*##'],
  [[NONE, 0.001], ' ░', ' .'],
])('a heat map of %j up to 100 is %j, in ASCII %j', (values, unicode, ascii) => {
  expect(heatLine(values, 100, glyphs(true))).toBe(unicode);
  expect(heatLine(values, 100, glyphs(false))).toBe(ascii);
});

test.each([
  [0, '0'],
  [-3, '-3'],
  [0.125, '0.125'],
  [0.0234567, '0.0235'],
  [0.5, '0.5'],
  [4.5678, '4.57'],
  [99.94, '99.9'],
  [1204.4, '1,204'],
  [-123_456, '-123,456'],
  [0.00001, '0.0000100'],
  [1e21, '1.00e+21'],
  [Infinity, 'Infinity'],
])('the number %d is written %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});
