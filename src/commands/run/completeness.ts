import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../store/database.ts';
import { type TraceTotals, traceTotals } from '../../store/find-traces.ts';

// When all that a program did has arrived. Neither its end says so, for what it called may send later, nor any time that is waited: traces
// say it themselves, by a root and a parent for every other span.

/** Nothing has come for so long: longer than SDKs in the program wait for more before they send. */
const QUIET_MS = 300;

/** What came, as far as it is stored. */
export interface Received extends TraceTotals {
  /** Traces without a root, or with a span whose parent is not there. */
  readonly open: number;
}

/** The number that the next span will have which is stored. */
export async function nextSpanNo(database: Database): Promise<number> {
  return Number(await database.value('SELECT coalesce(max(span_no), 0) + 1 FROM span'));
}

/** Says whether a trace has come, by its id in hex. */
export async function hasTrace(database: Database, traceId: string): Promise<boolean> {
  const { traces } = await traceTotals(database, `t.trace_id = ${BigInt(`0x${traceId}`)}::UHUGEINT`);
  return traces > 0;
}

/** A predicate over `trace t` for traces that were stored, or grew, from a span number on. */
export function storedFrom(firstSpanNo: number): string {
  return `t.first_span_no >= ${firstSpanNo}`;
}

/** Returns what was stored from a span number on. */
export async function receivedFrom(database: Database, firstSpanNo: number): Promise<Received> {
  const where = storedFrom(firstSpanNo);
  const open = await traceTotals(database, `${where} AND (t.root_span_no IS NULL OR t.orphan_count > 0)`);
  return { ...(await traceTotals(database, where)), open: open.traces };
}

/**
 * Waits until nothing has come for a while and `isComplete` says that nothing is missing, or `ending` is aborted; `arrivals` returns a
 * number that rises with all that comes. Returns false where the wait was ended.
 */
export async function untilComplete(
  arrivals: () => number,
  isComplete: () => Promise<boolean>,
  ending: AbortSignal,
): Promise<boolean> {
  for (;;) {
    let seen: number;
    do {
      seen = arrivals();
      if (!(await passed(ending))) return isComplete();
    } while (arrivals() !== seen);
    if (await isComplete()) return true;
    // Only something new can make it so.
    while (arrivals() === seen) if (!(await passed(ending))) return false;
  }
}

/** Waits for the time of quiet; false where it was cut short. */
async function passed(ending: AbortSignal): Promise<boolean> {
  try {
    await delay(QUIET_MS, undefined, { signal: ending });
    return true;
  } catch {
    return false;
  }
}
