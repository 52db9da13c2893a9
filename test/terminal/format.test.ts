import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatRfc3339,
  formatShare,
  formatTime,
  plural,
  rateUnitOf,
} from '../../src/terminal/format.ts';

const MICRO = 1_000n;
const MILLI = 1_000_000n;
const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;

test.each([
  [0n, '0'],
  [1n, '1ns'],
  [999n, '999ns'],
  [MICRO, '1µs'],
  [1_001n, '1.00µs'],
  [1_500n, '1.50µs'],
  [9_994n, '9.99µs'],
  [9_995n, '10.0µs'],
  [12_345n, '12.3µs'],
  [99_949n, '99.9µs'],
  [99_950n, '100µs'],
  [999_499n, '999µs'],
  [999_500n, '1.00ms'],
  [MILLI, '1ms'],
  [812n * MILLI, '812ms'],
  [999_999_999n, '1.00s'],
  [SECOND, '1s'],
  [1_234_000_000n, '1.23s'],
  [59_949_000_000n, '59.9s'],
  [59_950_000_000n, '1m00s'],
  [59_999_999_999n, '1m00s'],
  [MINUTE, '1m00s'],
  [123n * SECOND, '2m03s'],
  [HOUR - 1n, '59m59s'],
  [HOUR, '1h00m'],
  [HOUR + 5n * MINUTE + 59n * SECOND, '1h05m'],
  [DAY, '1d00h'],
  [3n * DAY + 4n * HOUR, '3d04h'],
  [2n ** 63n - 1n, '106751d23h'],
  [10n ** 30n, '11574074074074074d01h'],
  [-1_500n, '-1.50µs'],
])('%s nanoseconds are %s', (nanos, text) => {
  expect(formatDuration(nanos)).toBe(text);
});

test('without Unicode µs is us', () => {
  expect(formatDuration(1_500n, false)).toBe('1.50us');
  expect(formatDuration(-1_500n, false)).toBe('-1.50us');
});

test.each([
  [0, '0'],
  [999, '999'],
  [1_000, '1,000'],
  [1_234_567, '1,234,567'],
  [-1_234, '-1,234'],
  [2n ** 64n, '18,446,744,073,709,551,616'],
])('the count %s is %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

test.each([
  [0, '0%'],
  [0.0001, '<0.1%'],
  [0.001, '0.1%'],
  [0.1234, '12.3%'],
  [0.9994, '99.9%'],
  [0.99999, '99.9%'],
  [1, '100%'],
  [1.5, '150%'],
  [Number.NaN, '0%'],
  [Number.POSITIVE_INFINITY, '0%'],
])('the share %s is %s', (share, text) => {
  expect(formatShare(share)).toBe(text);
});

describe('a rate', () => {
  test.each([
    [0, '0/s'],
    [1, '1/s'],
    [1234.5, '1,235/s'],
    [12.34, '12.3/s'],
    [0.95, '0.95/s'],
    [0.5, '30/min'],
    [1 / 60, '1/min'],
    [1 / 3600, '1/h'],
    [1 / 86_400, '1/d'],
    [1e-9, '<0.01/d'],
  ])('of %s per second is %s', (perSecond, text) => {
    expect(formatRate(perSecond)).toBe(text);
  });

  test('in a column has the unit of the one in the middle', () => {
    const rates = [0.0406, 0.0203, 0.0152, 0, 100];
    const unit = rateUnitOf(rates);
    expect(rates.map(rate => formatRate(rate, unit))).toEqual([
      '2.44/min',
      '1.22/min',
      '0.91/min',
      '0/min',
      '6,000/min',
    ]);
    expect(rateUnitOf([])[1]).toBe('/s');
    expect(rateUnitOf([0, 0])[1]).toBe('/s');
  });
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1 kB'],
  [1_234_567, '1.23 MB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [5e15, '5000 TB'],
])('%s bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

describe('a time', () => {
  const time = 1_793_606_401_204_005_006n;

  test.each([
    [{ utc: true, digits: 0, date: true }, '2026-11-02 08:00:01'],
    [{ utc: true, digits: 3, date: true }, '2026-11-02 08:00:01.204'],
    [{ utc: true, digits: 6, date: false }, '08:00:01.204005'],
    [{ utc: true, digits: 9, date: false }, '08:00:01.204005006'],
  ] as const)('%j', (format, text) => {
    expect(formatTime(time, format)).toBe(text);
  });

  test.each([
    [0n, '1970-01-01T00:00:00.000000000Z'],
    [1n, '1970-01-01T00:00:00.000000001Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
    [time, '2026-11-02T08:00:01.204005006Z'],
    [2n ** 63n - 1n, '2262-04-11T23:47:16.854775807Z'],
    [10n ** 30n, `${10n ** 30n}`],
  ])('of %s nanoseconds is %s to machines', (nanos, text) => {
    expect(formatRfc3339(nanos)).toBe(text);
  });

  test('is local where it is not UTC', () => {
    const zone = process.env.TZ;
    process.env.TZ = 'Asia/Kolkata';
    try {
      expect(formatTime(time, { utc: false, digits: 0, date: true })).toBe('2026-11-02 13:30:01');
    } finally {
      process.env.TZ = zone;
    }
  });
});

test('a noun follows its count', () => {
  expect([plural(0, 'span'), plural(1, 'span'), plural(1_204, 'span'), plural(2, 'row of one', 'rows')]).toEqual([
    '0 spans',
    '1 span',
    '1,204 spans',
    '2 rows',
  ]);
});
