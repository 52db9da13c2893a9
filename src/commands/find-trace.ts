import { UserError } from '../errors.ts';
import { findTraces, traceTotals } from '../store/find-traces.ts';
import type { Queryable } from '../store/queryable.ts';
import { findTrace, SHORTEST_PREFIX, type TraceCandidate } from '../store/read-trace.ts';
import { formatCount, formatTime } from '../terminal/format.ts';
import type { Screen } from '../terminal/screen.ts';
import type { Arguments } from './arguments.ts';
import { nameText } from './names.ts';
import { queryText } from './notes.ts';
import type { SearchQuery } from './query.ts';
import { select } from './selection.ts';
import { shortTraceIds } from './short-ids.ts';

/**
 * Returns the id of the one trace that is meant: by an id or its beginning, else the only one that matches the query. Throws
 * `UserError`, with the nearest ids, where there is none or more than one.
 */
export async function findOneTrace(
  database: Queryable,
  args: Arguments,
  query: SearchQuery,
  screen: Screen,
): Promise<string> {
  if (args.trace !== undefined) {
    const found = await findTrace(database, args.trace);
    if (found.found === 'one') return found.traceId;
    const text = args.traceText ?? args.trace.digits;
    if (found.found === 'several') {
      throw new UserError(`${text} is the beginning of ${formatCount(found.candidates.length)} traces or more`, {
        hint: `one of:\n${listOf(found.candidates, screen)}`,
      });
    }
    const tooShort = args.trace.digits.length < SHORTEST_PREFIX ? ` (${SHORTEST_PREFIX} digits are the least)` : '';
    throw new UserError(`there is no trace ${text}${tooShort}`, {
      hint:
        found.nearest.length > 0
          ? `the nearest are:\n${listOf(found.nearest, screen)}`
          : 'tailspan search lists the traces that there are',
    });
  }
  const selection = await select(database, query);
  const where = selection.traces('t');
  const { traces } = await traceTotals(database, where);
  const first = await findTraces(database, { where, order: 'duration', ascending: false, limit: 5 });
  const [only] = first;
  if (traces === 1 && only !== undefined) return only.traceId;
  if (traces === 0) {
    const { whyNothing } = await import('./clues.ts');
    const [hint = 'tailspan search lists the traces that there are'] = await whyNothing(database, selection, screen);
    throw new UserError(`no trace matches ${queryText(selection)}`, { hint });
  }
  const candidates = first.map(trace => ({
    traceId: trace.traceId,
    startTimeUnixNano: trace.startTimeUnixNano,
    serviceName: trace.firstServiceName,
    name: trace.firstSpanName,
  }));
  throw new UserError(`there are ${formatCount(traces)} traces: say which one by its id`, {
    hint: `the slowest are:\n${listOf(candidates, screen)}`,
  });
}

/** Candidates, a line each: the id as short as it can be typed, what it is, when it began. */
function listOf(candidates: readonly TraceCandidate[], { utc }: Screen): string {
  const ids = shortTraceIds(candidates.map(({ traceId }) => traceId));
  return candidates
    .map(({ startTimeUnixNano, serviceName, name }, index) => {
      const time = formatTime(startTimeUnixNano, { utc, digits: 0, date: true });
      return `  ${ids[index]}  ${time}  ${nameText(serviceName)} ${nameText(name)}`;
    })
    .join('\n');
}
