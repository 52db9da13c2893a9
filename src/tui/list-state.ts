import type { TraceSummary } from '../store/find-traces.ts';
import type { FeedSnapshot, ListOrder, QueryFault, SearchOutcome, SearchRequest } from './feed.ts';
import { clampedIndex, clampedTop, scrolledTo } from './viewport.ts';

// The list of traces: what is in it, which one is selected, which ones are seen. The selection is an id and the window hangs on it: what
// arrives or is filtered out never moves what is read.

export interface ListState {
  /** The filter that is wanted; the list may still be that of the one before. */
  readonly query: string;
  readonly order: ListOrder;
  readonly traces: readonly TraceSummary[];
  /** All that match, listed or not. */
  readonly total: number;
  /** The id of a trace; undefined where the list is empty. */
  readonly selected: string | undefined;
  /** The first row that is seen. */
  readonly top: number;
  /** The newest trace is selected, whatever arrives. */
  readonly isFollowing: boolean;
  /** What was there when a person paused. */
  readonly paused: FeedSnapshot | undefined;
  /** The last search that was asked for, and of which version of the feed. */
  readonly asked: { readonly request: SearchRequest; readonly version: number } | undefined;
  readonly found: FoundTraces | undefined;
  /** What is wrong with the filter that is wanted. */
  readonly fault: QueryFault | undefined;
}

interface FoundTraces {
  readonly request: SearchRequest;
  readonly traces: readonly TraceSummary[];
  readonly total: number;
}

/** The columns that the list can be sorted by, in the order in which a key walks through them. */
export function sortFields(isLive: boolean): readonly ListOrder['field'][] {
  return isLive ? ['arrival', 'duration', 'spans', 'errors'] : ['start', 'duration', 'spans', 'errors'];
}

export function selectedIndex({ traces, selected }: ListState): number {
  return traces.findIndex(({ traceId }) => traceId === selected);
}

/** The search that the list needs; undefined where the feed's own traces are all it takes. */
export function wantedSearch({ query, order, paused }: ListState, feed: FeedSnapshot): SearchRequest | undefined {
  const { traces, counts } = paused ?? feed;
  const isEnough = isNewestFirst(order) || traces.length >= counts.traces;
  return query === '' && isEnough ? undefined : { query, order };
}

/** The order in which the feed's own traces are the first ones, whatever else there is. */
export function isNewestFirst({ field, ascending }: ListOrder): boolean {
  return field === 'arrival' || (field === 'start' && !ascending);
}

/** The list after the feed, the order or the filter has changed, as far as it is known what is in it now. */
export function relisted(list: ListState, feed: FeedSnapshot, height: number): ListState {
  const snapshot = list.paused ?? feed;
  const wanted = wantedSearch(list, feed);
  if (wanted === undefined) {
    const traces = sorted(snapshot.traces, list.order);
    return replaced(
      { ...list, asked: undefined, found: undefined, fault: undefined },
      traces,
      snapshot.counts.traces,
      height,
    );
  }
  const { found } = list;
  if (found === undefined || !isSame(found.request, wanted)) return list;
  if (list.order.field !== 'arrival') return replaced(list, found.traces, found.total, height);
  const ids = new Set(found.traces.map(({ traceId }) => traceId));
  return replaced(
    list,
    snapshot.traces.filter(({ traceId }) => ids.has(traceId)),
    found.total,
    height,
  );
}

/** The list after an answer; an answer to anything but the last question is no news. */
export function answered(
  list: ListState,
  request: SearchRequest,
  outcome: SearchOutcome,
  feed: FeedSnapshot,
  height: number,
): ListState {
  if (list.asked?.request !== request) return list;
  if (outcome.kind === 'fault') return { ...list, fault: outcome.fault };
  const { traces, total } = outcome;
  return relisted({ ...list, found: { request, traces, total }, fault: undefined }, feed, height);
}

/** What is listed is not yet what is asked for. */
export function isAwaited({ asked, found, fault }: ListState): boolean {
  return asked !== undefined && fault === undefined && (found === undefined || !isSame(found.request, asked.request));
}

export function isSame(a: SearchRequest, b: SearchRequest): boolean {
  return a.query === b.query && a.order.field === b.order.field && a.order.ascending === b.order.ascending;
}

/** The list with other traces in it, the selected one where it was on the screen. */
function replaced(list: ListState, traces: readonly TraceSummary[], total: number, height: number): ListState {
  const before = selectedIndex(list);
  const next = { ...list, traces, total };
  const count = traces.length;
  const now = list.isFollowing ? newestIndex(next) : selectedIndex(next);
  const index = clampedIndex(now < 0 ? before : now, count);
  const top = clampedTop(index - Math.max(0, before - list.top), height, count);
  return { ...next, selected: traces[index]?.traceId, top: scrolledTo(top, index, index, height, count) };
}

function newestIndex({ traces, order }: ListState): number {
  return order.ascending ? traces.length - 1 : 0;
}

/** The list with another row selected. On the newest one of those that arrive it follows. */
export function selectedAt(list: ListState, index: number, height: number, mayFollow: boolean): ListState {
  const count = list.traces.length;
  const at = clampedIndex(index, count);
  const isNewest = list.order.field === 'arrival' && at === newestIndex(list);
  return {
    ...list,
    selected: list.traces[at]?.traceId,
    top: scrolledTo(list.top, at, at, height, count),
    isFollowing: mayFollow && list.paused === undefined && isNewest,
  };
}

/** The order of search: the field, then the newest, then the id. */
function sorted(traces: readonly TraceSummary[], { field, ascending }: ListOrder): readonly TraceSummary[] {
  if (field === 'arrival') return ascending ? traces : traces.toReversed();
  const sign = ascending ? 1 : -1;
  const sortKey = (trace: TraceSummary): bigint | number => {
    switch (field) {
      case 'start':
        return trace.startTimeUnixNano;
      case 'duration':
        return trace.durationNano;
      case 'spans':
        return trace.spanCount;
      case 'errors':
        return trace.errorCount;
    }
  };
  return traces.toSorted((a, b) => {
    const [x, y] = [sortKey(a), sortKey(b)];
    if (x !== y) return x < y ? -sign : sign;
    if (a.startTimeUnixNano !== b.startTimeUnixNano) return a.startTimeUnixNano < b.startTimeUnixNano ? 1 : -1;
    return a.traceId < b.traceId ? -1 : 1;
  });
}
