// Times as people write them. Inside, a time is integer nanoseconds since the Unix epoch and a duration integer
// nanoseconds, both `bigint`.

const NANOS_PER: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

/**
 * Reads a duration: `250ms`, `1.5s`, `1m30s`, `2h`, `0`. Exact to the nanosecond; digits below one are an error.
 * Returns undefined when the text is not a duration.
 */
export function parseDuration(text: string): bigint | undefined {
  const value = text.trim();
  if (/^0+$/.test(value)) return 0n;
  if (!/^(\d+(\.\d+)?(ns|us|µs|μs|ms|s|m|h|d|w))+$/.test(value)) return undefined;
  let total = 0n;
  for (const [, whole = '0', fraction = '', unit = 's'] of value.matchAll(
    /(\d+)(?:\.(\d+))?(ns|us|µs|μs|ms|[smhdw])/g,
  )) {
    const nanos = NANOS_PER[unit] ?? 1n;
    const scale = 10n ** BigInt(fraction.length);
    const scaled = BigInt(fraction === '' ? '0' : fraction) * nanos;
    if (scaled % scale !== 0n) return undefined;
    total += BigInt(whole) * nanos + scaled / scale;
  }
  return total;
}

/**
 * Reads a point in time: a duration before `now` (`15m`), `now`, `today`, `yesterday`, ISO 8601 (`2026-01-01`,
 * `2026-01-01T10:00:00.123456789Z`; without a zone it is local time), or a Unix time in s, ms, µs or ns, told apart by magnitude.
 * Returns nanoseconds since the epoch, or undefined when the text is none of these.
 */
export function parseTime(text: string, now: bigint): bigint | undefined {
  const value = text.trim();
  const ago = parseDuration(value);
  if (ago !== undefined && !/^0+$/.test(value)) return now - ago;
  if (value === 'now') return now;
  if (value === 'today' || value === 'yesterday') {
    const day = new Date(Number(now / 1_000_000n));
    day.setHours(0, 0, 0, 0);
    if (value === 'yesterday') day.setDate(day.getDate() - 1);
    return BigInt(day.getTime()) * 1_000_000n;
  }
  if (/^\d+$/.test(value)) return nanosOfUnixTime(BigInt(value));
  const iso =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i.exec(value);
  if (!iso) return undefined;
  const [, date = '', clock = '00:00', seconds = '00', fraction = '', zone = ''] = iso;
  if (!isDay(date)) return undefined;
  const offset = zone.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2').toUpperCase();
  const millis = Date.parse(`${date}T${clock}:${seconds}${offset}`);
  return Number.isNaN(millis) ? undefined : BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, '0') || '0');
}

/** Says whether there is such a day: `Date` takes the 30th of February for the 2nd of March. */
function isDay(date: string): boolean {
  const millis = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(date);
}

/** Returns nanoseconds for a Unix time whose unit (s, ms, µs, ns) is told by its magnitude. */
export function nanosOfUnixTime(value: bigint): bigint {
  if (value < 100_000_000_000n) return value * 1_000_000_000n;
  if (value < 100_000_000_000_000n) return value * 1_000_000n;
  if (value < 100_000_000_000_000_000n) return value * 1_000n;
  return value;
}
