// Numbers as people read them. Integers of nanoseconds stay integers up to here.

const UNITS: readonly (readonly [bigint, string])[] = [
  [1_000_000_000n, 's'],
  [1_000_000n, 'ms'],
  [1_000n, 'µs'],
  [1n, 'ns'],
];

/** Returns a duration with three significant digits: `812ms`, `1.23s`, `45.6µs`, `2m03s`, `1h05m`, `3d04h`. */
export function formatDuration(nanos: bigint, unicode = true): string {
  if (nanos < 0n) return `-${formatDuration(-nanos, unicode)}`;
  if (nanos === 0n) return '0';
  const seconds = nanos / 1_000_000_000n;
  const two = (value: bigint) => String(value).padStart(2, '0');
  if (seconds >= 86_400n) return `${seconds / 86_400n}d${two((seconds % 86_400n) / 3600n)}h`;
  if (seconds >= 3600n) return `${seconds / 3600n}h${two((seconds % 3600n) / 60n)}m`;
  if (seconds >= 60n) return `${seconds / 60n}m${two(seconds % 60n)}s`;
  for (const [index, [size, unit]] of UNITS.entries()) {
    if (nanos < size) continue;
    const text = significant(Number(nanos) / Number(size));
    // 999.9 µs rounds to a thousand of its unit: one of the next.
    const larger = UNITS[index - 1];
    if (text === '1000' && larger !== undefined) return `1.00${label(larger[1], unicode)}`;
    if (text === '60.0' && unit === 's') return '1m00s';
    return `${text}${label(unit, unicode)}`;
  }
  return `${nanos}ns`;
}

function label(unit: string, unicode: boolean): string {
  return unit === 'µs' && !unicode ? 'us' : unit;
}

/** Three significant digits, integers whole. */
function significant(value: number): string {
  if (Number.isInteger(value)) return String(value);
  if (value >= 99.95) return String(Math.round(value));
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** Returns an integer with thousands separated: `1,204`. */
export function formatCount(count: number | bigint): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Returns a number of any kind with three significant digits, from a hundred on whole: `0.00123`, `4.56`, `1,204`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e15)) return value.toPrecision(3);
  if (size >= 99.95) return formatCount(Math.round(value));
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
}

/** Returns a share as a percentage: `12.3%`, `<0.1%`, `100%`. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share) || share === 0) return '0%';
  const percent = share * 100;
  if (percent < 0.1) return '<0.1%';
  if (percent >= 99.95) return percent >= 100 ? `${Math.round(percent)}%` : '99.9%';
  return `${percent.toFixed(1)}%`;
}

const RATE_UNITS = [
  [1, '/s'],
  [60, '/min'],
  [3_600, '/h'],
  [86_400, '/d'],
] as const;
export type RateUnit = (typeof RATE_UNITS)[number];

/** Returns the unit that suits most of a column of rates per second, so that they can be compared at a glance. */
export function rateUnitOf(ratesPerSecond: readonly number[]): RateUnit {
  const rates = ratesPerSecond.filter(rate => rate > 0).sort((a, b) => a - b);
  const middle = rates[rates.length >> 1] ?? 1;
  return RATE_UNITS.find(([seconds]) => middle * seconds >= 0.95) ?? RATE_UNITS[3];
}

/** Returns a rate per second, in its own unit or a given one: `12.3/s`, `4.00/min`, `2.50/h`, `<0.01/d`. */
export function formatRate(perSecond: number, [seconds, unit] = rateUnitOf([perSecond])): string {
  const value = perSecond * seconds;
  if (value === 0) return `0${unit}`;
  if (value < 0.005) return `<0.01${unit}`;
  return `${value >= 999.5 ? formatCount(Math.round(value)) : significant(value)}${unit}`;
}

/** Returns a number of bytes: `1.2 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  for (const unit of ['kB', 'MB', 'GB', 'TB']) {
    value /= 1000;
    if (value < 999.5 || unit === 'TB') return `${significant(value)} ${unit}`;
  }
  return `${bytes} B`;
}

export interface TimeFormat {
  readonly utc: boolean;
  /** Digits of the fraction of a second. */
  readonly digits: 0 | 3 | 6 | 9;
  readonly date: boolean;
}

/** Returns a time in the given zone: `2026-11-02 09:00:01.204`, or without the date. */
export function formatTime(nanos: bigint, { utc, digits, date }: TimeFormat): string {
  const fractionNanos = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const millis = Number((nanos - fractionNanos) / 1_000_000n);
  const moment = new Date(millis);
  const offset = utc ? 0 : moment.getTimezoneOffset() * 60_000;
  const shifted = new Date(millis - offset);
  if (Number.isNaN(shifted.getTime())) return `${nanos}ns`;
  const [day = '', clock = ''] = shifted.toISOString().split('T');
  const fraction = String(fractionNanos).padStart(9, '0').slice(0, digits);
  const text = clock.slice(0, 8) + (digits === 0 ? '' : `.${fraction}`);
  return date ? `${day} ${text}` : text;
}

/** Returns a time as RFC 3339 in UTC with nanoseconds, for machines: `2026-11-02T09:00:01.204000000Z`. */
export function formatRfc3339(nanos: bigint): string {
  const [day, clock] = formatTime(nanos, { utc: true, digits: 9, date: true }).split(' ');
  return clock === undefined ? `${nanos}` : `${day}T${clock}Z`;
}

/** Returns a count with its noun: `1 span`, `1,204 spans`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}
