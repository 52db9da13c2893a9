import { formatDuration, formatRfc3339, formatTime } from '../terminal/format.ts';
import type { Screen } from '../terminal/screen.ts';

// Times beside each other, without what they have in common.

/** Returns `2026-11-02 09:00:04.200 to 09:09:55.310 UTC`; one time where both are shown alike. */
export function timeRange(start: bigint, end: bigint, screen: Screen, digits: 0 | 3 = 3): string {
  const time = (nanos: bigint, date: boolean) => formatTime(nanos, { utc: screen.utc, digits, date });
  const first = time(start, true);
  const isOneDay = first.slice(0, 10) === time(end, true).slice(0, 10);
  const range = first === time(end, true) ? first : `${first} to ${time(end, !isOneDay)}`;
  return screen.utc ? `${range} UTC` : range;
}

/** Returns the same with the time between. */
export function timeCovered(start: bigint, end: bigint, screen: Screen): string {
  return `${timeRange(start, end, screen)} (${formatDuration(end - start, screen.unicode)})`;
}

/** Returns TraceQL with times that people can read: it writes them in nanoseconds. */
export function withReadableTimes(traceql: string): string {
  return traceql.replace(
    /(span:startTime [<>]=?) (\d+)/g,
    (_, field, nanos) => `${field} ${formatRfc3339(BigInt(nanos)).replace(/\.?0+Z$/, 'Z')}`,
  );
}

/** The heading and the cells of a column of times: the date is in the heading where all have the same. */
export function timeColumn(times: readonly bigint[], screen: Screen): { title: string; cell(time: bigint): string } {
  const text = (time: bigint) => formatTime(time, { utc: screen.utc, digits: 3, date: true });
  const days = new Set(times.map(time => text(time).slice(0, 10)));
  const [day] = days;
  return days.size === 1 && day !== undefined
    ? { title: `START ${day}`, cell: time => text(time).slice(11) }
    : { title: 'START', cell: text };
}
