import { describeFilter, type Filter } from '../query/filter.ts';
import type { Database } from '../store/database.ts';
import { traceTotals } from '../store/find-traces.ts';
import { formatCount, formatDuration, formatRfc3339 } from '../terminal/format.ts';
import type { Screen } from '../terminal/screen.ts';
import type { CommandContext } from './command.ts';
import { timeRange } from './time-range.ts';

// What is said on stderr beside an answer.

/** Returns what to say on stderr about a list that is empty or cut. */
export async function listNotes(
  { screen }: CommandContext,
  database: Database,
  filter: Filter,
  { noun, shown, all }: { readonly noun: string; readonly shown: number; readonly all: number },
): Promise<string[]> {
  if (all === 0) return [await noMatchNote(database, filter, noun, screen)];
  return shown < all ? [`${formatCount(all - shown)} more (--limit 0 shows all)`] : [];
}

/** Returns the sentence for an answer that is empty: what was asked for, and of which time the data is where that matters. */
export async function noMatchNote(database: Database, filter: Filter, noun: string, screen: Screen): Promise<string> {
  const sentence = `no ${noun} matches ${filterText(filter)}`;
  if (!filter.conditions.some(({ on }) => on === 'start')) return sentence;
  const { startTimeUnixNano: start, endTimeUnixNano: end } = await traceTotals(database, 'true');
  if (start === undefined || end === undefined) return sentence;
  return `${sentence}; the data is of ${timeRange(start, end, screen, 0)}`;
}

/** Returns a filter as TraceQL with times and durations that people can read. */
export function filterText(filter: Filter): string {
  return describeFilter(filter)
    .replace(
      /(span:startTime [<>]=?) (\d+)/g,
      (_, field, nanos) => `${field} ${formatRfc3339(BigInt(nanos)).replace(/\.?0+Z$/, 'Z')}`,
    )
    .replace(/(duration [<>]=?) (\d+)ns/g, (_, field, nanos) => `${field} ${formatDuration(BigInt(nanos))}`);
}
