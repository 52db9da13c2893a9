import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { nanosOfUnixTime, parseDuration, parseTime } from '../../src/model/time.ts';

const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;
/** 2026-11-20T12:00:00Z */
const NOW = 1_795_176_000n * SECOND;

describe('a duration', () => {
  test.each([
    ['0', 0n],
    ['00', 0n],
    ['1ns', 1n],
    ['1us', 1_000n],
    ['1µs', 1_000n],
    ['1μs', 1_000n],
    ['250ms', 250_000_000n],
    ['1s', SECOND],
    ['1.5s', 1_500_000_000n],
    ['0.000000001s', 1n],
    ['1m', 60n * SECOND],
    ['2h', 7_200n * SECOND],
    ['1d', DAY],
    ['1w', 7n * DAY],
    ['1m30s', 90n * SECOND],
    ['1h0m0.5s', 3_600_500_000_000n],
    ['1.5h', 5_400n * SECOND],
    ['0.1m', 6n * SECOND],
    [' 5s ', 5n * SECOND],
    ['99999999999d', 99_999_999_999n * DAY],
  ])('%s', (text, nanos) => {
    expect(parseDuration(text)).toBe(nanos);
  });

  test.each([
    ['without a unit', '5'],
    ['of half a nanosecond', '0.5ns'],
    ['of digits below a nanosecond', '1.0000000001s'],
    ['below zero', '-5s'],
    ['with a unit that is none', '5y'],
    ['with white space within', '1m 30s'],
    ['with a point alone', '1.s'],
    ['of nothing', ''],
    ['of a unit alone', 's'],
    ['in upper case', '5S'],
  ])('cannot be %s', (_, text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test('is exact to the nanosecond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), nanos => {
        const text = `${nanos / SECOND}.${String(nanos % SECOND).padStart(9, '0')}s`;
        expect(parseDuration(text)).toBe(nanos);
        expect(parseDuration(`${nanos}ns`)).toBe(nanos);
      }),
    );
  });
});

describe('a point in time', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test.each([
    ['now', NOW],
    ['15m', NOW - 900n * SECOND],
    ['1h30m', NOW - 5_400n * SECOND],
    ['today', NOW - (NOW % DAY)],
    ['yesterday', NOW - (NOW % DAY) - DAY],
    ['2026-11-20', NOW - (NOW % DAY)],
    ['2026-11-20T12:00', NOW],
    ['2026-11-20 12:00', NOW],
    ['2026-11-20T12:00Z', NOW],
    ['2026-11-20t12:00:00z', NOW],
    ['2026-11-20T12:00:00.5Z', NOW + SECOND / 2n],
    ['2026-11-20T12:00:00,000000001Z', NOW + 1n],
    ['2026-11-20T14:00:00+02:00', NOW],
    ['2026-11-20T06:30:00-0530', NOW],
    ['2024-02-29', 1_709_164_800n * SECOND],
    ['1969-12-31T23:59:59.999999999Z', -1n],
    ['0', 0n],
    ['1795176000', NOW],
    ['1795176000000', NOW],
    ['1795176000000000', NOW],
    ['1795176000000000001', NOW + 1n],
  ])('%s', (text, nanos) => {
    expect(parseTime(text, NOW)).toBe(nanos);
  });

  test.each([
    ['2026-11-20T12:00', NOW - 9n * 3_600n * SECOND],
    ['2026-11-20T12:00Z', NOW],
    ['today', NOW - 21n * 3_600n * SECOND],
    ['yesterday', NOW - 45n * 3_600n * SECOND],
  ])('%s in Tokyo', (text, nanos) => {
    vi.stubEnv('TZ', 'Asia/Tokyo');
    expect(parseTime(text, NOW)).toBe(nanos);
  });

  test('yesterday is the day before also when a day has 23 hours', () => {
    vi.stubEnv('TZ', 'Europe/Berlin');
    const noon = BigInt(Date.parse('2026-03-30T10:00:00Z')) * 1_000_000n;
    expect(parseTime('yesterday', noon)).toBe(BigInt(Date.parse('2026-03-28T23:00:00Z')) * 1_000_000n);
    expect(parseTime('today', noon)).toBe(BigInt(Date.parse('2026-03-29T22:00:00Z')) * 1_000_000n);
  });

  test.each([
    ['a word', 'soon'],
    ['nothing', ''],
    ['a month that there is not', '2026-13-01'],
    ['a day that there is not', '2026-02-30'],
    ['a leap day in a year without one', '2026-02-29T00:00Z'],
    ['an hour that there is not', '2026-11-20T25:00Z'],
    ['a minute that there is not', '2026-11-20T12:60Z'],
    ['more digits than nanoseconds', '2026-11-20T12:00:00.1234567891Z'],
    ['a zone without digits', '2026-11-20T12:00+'],
    ['a number below zero', '-5'],
    ['a day alone', '11-20'],
  ])('cannot be %s', (_, text) => {
    expect(parseTime(text, NOW)).toBeUndefined();
  });
});

test.each([
  [99_999_999_999n, 99_999_999_999n * SECOND],
  [100_000_000_000n, 100_000_000_000n * 1_000_000n],
  [99_999_999_999_999n, 99_999_999_999_999n * 1_000_000n],
  [100_000_000_000_000n, 100_000_000_000_000n * 1_000n],
  [99_999_999_999_999_999n, 99_999_999_999_999_999n * 1_000n],
  [100_000_000_000_000_000n, 100_000_000_000_000_000n],
])('the Unix time %s is %s ns', (value, nanos) => {
  expect(nanosOfUnixTime(value)).toBe(nanos);
});
