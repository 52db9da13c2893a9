// Times as .NET prints them.

/** Returns nanoseconds for a TimeSpan: `[-][d.]hh:mm:ss[.fffffff]`. Undefined for what is none. */
export function nanosOfTimeSpan(text: string): bigint | undefined {
  const match = /^(-?)(?:(\d{1,8})\.)?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, sign, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = ''] = match;
  const total = ((BigInt(days) * 24n + BigInt(hours)) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  const nanos = total * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  return sign === '-' ? -nanos : nanos;
}

const SECOND = 1_000_000_000n;

/**
 * Returns nanoseconds since the epoch for a DateTimeOffset as the machine's culture prints it: `11/2/2026 8:00:00 AM +00:00`,
 * `02.11.2026 08:00:00 +00:00`, `2026-11-02 8:00:00 +00:00`. Seconds are all there is. Where day and month could be either, the reading
 * counts that lies within the span (`start` to `end`), else the month comes first. Undefined for what is no time.
 */
export function nanosOfDateTimeOffset(text: string, start?: bigint, end?: bigint): bigint | undefined {
  const match =
    /^(\d{1,4})[-/. ]+(\d{1,2})[-/. ]+(\d{1,4})[., ]*[T ]\s*(\d{1,2})[:.](\d\d)[:.](\d\d)(?:[.,](\d{1,9}))?\s*([AaPp]\.?\s?[Mm]\.?)?\s*([+-]\d\d):?(\d\d)$/.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [
    ,
    a = '',
    b = '',
    c = '',
    hour = '',
    minute = '',
    second = '',
    fraction = '',
    half = '',
    zoneHour,
    zoneMinute,
  ] = match;
  const orders =
    a.length === 4
      ? [[a, b, c]]
      : [
          [c, a, b],
          [c, b, a],
        ];
  const hours = half === '' ? Number(hour) : (Number(hour) % 12) + (/^p/i.test(half) ? 12 : 0);
  const readings = orders.flatMap(([year = '', month = '', day = '']) => {
    const date = `${year.padStart(4, '20')}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
    const millis = Date.parse(`${date}T${String(hours).padStart(2, '0')}:${minute}:${second}${zoneHour}:${zoneMinute}`);
    // JavaScript takes 31 February for 3 March.
    const isDate = !Number.isNaN(millis) && new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
    return isDate ? [BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))] : [];
  });
  const within = readings.find(
    time => start !== undefined && end !== undefined && time > start - SECOND && time < end + SECOND,
  );
  return within ?? readings[0];
}
