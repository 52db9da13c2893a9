import { ExitCode } from '../errors.ts';
import type { Trace } from '../model/trace.ts';
import { formatCount, plural } from '../terminal/format.ts';
import type { FeedSnapshot, Place, SearchOutcome, SearchRequest } from './feed.ts';
import { type Action, actionOf, type View } from './keymap.ts';
import type { KeyPress } from './keys.ts';
import { layoutOf, type Pane, type Size } from './layout.ts';
import {
  answered,
  isSame,
  type ListState,
  relisted,
  selectedAt,
  selectedIndex,
  sortFields,
  wantedSearch,
} from './list-state.ts';
import { OpenTrace } from './open-trace.ts';
import { helpBody } from './overlays.ts';
import { edit, insert, type TextField, textField, textOf } from './text-field.ts';
import {
  foldedRow,
  openedTrace,
  refolded,
  refoldedRun,
  regrown,
  revealed,
  selectedNode,
  selectedRow,
  type TraceState,
  unfoldedRow,
} from './trace-state.ts';
import { clampedTop, searchAround } from './viewport.ts';

// All that the screen shows, and how it changes: a pure function of what it was and what happened. What is to be done outside of it
// (a query, a trace to be read, the clipboard) comes out beside it, and its answer comes back as an event.

/** What does not change while the screen is there. */
export interface Setting {
  /** What stands first in the header. */
  readonly title: string;
  readonly unicode: boolean;
  readonly utc: boolean;
  /** The screen is read aloud: no bars, no colours for what is selected, but words. */
  readonly isReadAloud: boolean;
  readonly isLive: boolean;
  commandLines(place: Place): readonly string[];
}

export interface State {
  readonly size: Size;
  readonly feed: FeedSnapshot;
  readonly view: View;
  readonly list: ListState;
  /** The trace that is opened, or was last. */
  readonly trace: TraceState | undefined;
  /** How many spans it had, as it was listed, when it was last read again because it had grown. */
  readonly grownTo: number;
  /** The id of the trace that is being read. */
  readonly loading: string | undefined;
  /** The pane of the span: its first line that is seen, and whether keys go to it. */
  readonly span: { readonly top: number; readonly isFocused: boolean };
  readonly field: Field | undefined;
  /** The text that n and N look for; empty for none. */
  readonly find: string;
  /** The command lines that are shown; undefined where they are not. */
  readonly commandLines: readonly string[] | undefined;
  /** Command lines that were asked for, to be printed on leaving. */
  readonly handedOff: readonly string[];
  /** What is said in the status line until the next key. */
  readonly note: string | undefined;
}

/** A text that is being typed: a filter, a text to find, or what help is to be about. */
export interface Field {
  readonly kind: 'filter' | 'find' | 'help';
  readonly text: TextField;
  /** What Esc restores. */
  readonly before: string;
  /** The first line of help that is seen. */
  readonly top: number;
}

export type Event =
  | { readonly kind: 'key'; readonly key: KeyPress }
  | { readonly kind: 'paste'; readonly text: string }
  | { readonly kind: 'resize'; readonly size: Size }
  | { readonly kind: 'feed'; readonly snapshot: FeedSnapshot }
  | { readonly kind: 'answer'; readonly request: SearchRequest; readonly outcome: SearchOutcome }
  | { readonly kind: 'loaded'; readonly traceId: string; readonly trace: Trace | undefined }
  /** Something that was asked for could not be done. */
  | { readonly kind: 'refusal'; readonly message: string };

export type Effect =
  | { readonly kind: 'search'; readonly request: SearchRequest; readonly delayMs: number }
  | { readonly kind: 'load'; readonly traceId: string }
  | { readonly kind: 'copy'; readonly text: string }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'quit'; readonly exitCode: ExitCode };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** A query is asked when a person pauses to type. */
const TYPING_MS = 150;
/** While traces arrive, a filter is asked again this often. */
const REFRESH_MS = 500;

export interface Start {
  readonly size: Size;
  readonly feed: FeedSnapshot;
  readonly query: string;
  readonly order: ListState['order'];
  /** The trace to open at once. */
  readonly traceId: string | undefined;
}

/** The state at the beginning, with what is to be asked for first. */
export function start({ size, feed, query, order, traceId }: Start, setting: Setting): Step {
  const list: ListState = {
    query,
    order,
    traces: [],
    total: 0,
    selected: undefined,
    top: 0,
    isFollowing: setting.isLive && order.field === 'arrival',
    paused: undefined,
    asked: undefined,
    found: undefined,
    fault: undefined,
  };
  const state: State = {
    size,
    feed,
    view: 'traces',
    list,
    trace: undefined,
    grownTo: 0,
    loading: undefined,
    span: { top: 0, isFocused: false },
    field: undefined,
    find: '',
    commandLines: undefined,
    handedOff: [],
    note: undefined,
  };
  const listed = withList(state, list, 0);
  if (traceId === undefined) return listed;
  const opening = load(listed.state, traceId);
  return { state: opening.state, effects: [...listed.effects, ...opening.effects] };
}

/** What follows from an event. */
export function reduce(state: State, event: Event, setting: Setting): Step {
  switch (event.kind) {
    case 'key':
      return pressed({ ...state, note: undefined }, event.key, setting);
    case 'paste':
      return state.field === undefined ? same(state) : typed(state, state.field, insert(state.field.text, event.text));
    case 'resize':
      return same(resized({ ...state, size: event.size }));
    case 'feed':
      return arrived({ ...state, feed: event.snapshot });
    case 'answer': {
      const list = answered(state.list, event.request, event.outcome, state.feed, listHeight(state));
      return list === state.list ? same(state) : withList(state, list, REFRESH_MS);
    }
    case 'loaded':
      return same(loaded(state, event.traceId, event.trace, setting));
    case 'refusal':
      return same({ ...state, loading: undefined, note: event.message });
  }
}

/** What keys act on: beside the pane of a span the waterfall has the keys of its own view. */
export function focusOf(state: State): View {
  return state.view === 'span' && !state.span.isFocused ? 'trace' : state.view;
}

/** The panes; undefined where the screen is too small. */
export function panesOf({ size, view }: State): ReturnType<typeof layoutOf> {
  return layoutOf(size, view === 'span');
}

const same = (state: State): Step => ({ state, effects: [] });

function withNote(state: State, note: string): Step {
  return same({ ...state, note });
}

/** Rows of a pane, below its title. */
function rowsOf(pane: Pane | undefined): number {
  return Math.max(1, (pane?.height ?? 2) - 1);
}

function listHeight({ size }: State): number {
  return rowsOf(layoutOf(size, false)?.main);
}

function traceHeight(state: State): number {
  const panes = panesOf(state);
  return rowsOf(panes?.main ?? panes?.detail);
}

/** The state with another list, and the search that it needs, unless it has been asked for. */
function withList(state: State, list: ListState, delayMs: number): Step {
  const next = relisted(list, state.feed, listHeight(state));
  const request = wantedSearch(next, state.feed);
  if (request === undefined) return same({ ...state, list: next });
  const { asked, found } = next;
  const { version } = state.feed;
  const isNews = asked === undefined || !isSame(asked.request, request);
  // What has arrived since is asked for when the answer is there, not before.
  const isOld = asked !== undefined && asked.version !== version && found?.request === asked.request;
  if (!isNews && !isOld) return same({ ...state, list: next });
  return {
    state: { ...state, list: { ...next, fault: undefined, asked: { request, version } } },
    effects: [{ kind: 'search', request, delayMs }],
  };
}

function arrived(state: State): Step {
  if (state.list.paused !== undefined) return same(state);
  const step = withList(state, state.list, REFRESH_MS);
  const { trace, view } = step.state;
  if (trace === undefined || view === 'traces') return step;
  const { traceId, nodes } = trace.open.trace;
  const spanCount = state.feed.traces.find(listed => listed.traceId === traceId)?.spanCount ?? nodes.length;
  if (spanCount === nodes.length || spanCount === state.grownTo) return step;
  return { state: { ...step.state, grownTo: spanCount }, effects: [...step.effects, { kind: 'load', traceId }] };
}

function resized(state: State): State {
  const index = Math.max(0, selectedIndex(state.list));
  const list = selectedAt(state.list, index, listHeight(state), state.list.isFollowing);
  const trace =
    state.trace === undefined ? undefined : selectedRow(state.trace, state.trace.selected, traceHeight(state));
  return scrolledSpan({ ...state, list, trace }, state.span.top);
}

function load(state: State, traceId: string): Step {
  return { state: { ...state, loading: traceId }, effects: [{ kind: 'load', traceId }] };
}

function loaded(state: State, traceId: string, trace: Trace | undefined, setting: Setting): State {
  const isAwaited = state.loading === traceId;
  if (trace === undefined) {
    return isAwaited ? { ...state, loading: undefined, note: 'that trace is not there any more' } : state;
  }
  if (isAwaited) {
    const opened = openedTrace(new OpenTrace(trace, setting));
    // Who did not come from the list comes back to its row.
    const index = state.list.traces.findIndex(listed => listed.traceId === traceId);
    const list = index < 0 ? state.list : selectedAt(state.list, index, listHeight(state), state.list.isFollowing);
    const span = { top: 0, isFocused: false };
    return { ...state, loading: undefined, list, view: 'trace', trace: opened, grownTo: 0, span, find: '' };
  }
  if (state.trace?.open.trace.traceId !== traceId) return state;
  return { ...state, trace: regrown(state.trace, new OpenTrace(trace, setting), traceHeight(state)) };
}

function pressed(state: State, key: KeyPress, setting: Setting): Step {
  if (key === 'ctrl-c') return { state, effects: [{ kind: 'quit', exitCode: ExitCode.interrupted }] };
  if (key === 'ctrl-z') return { state, effects: [{ kind: 'suspend' }] };
  if (state.field !== undefined) return pressedInField(state, state.field, key, setting);
  const action = actionOf(key, focusOf(state));
  if (action === 'quit') return { state, effects: [{ kind: 'quit', exitCode: ExitCode.ok }] };
  if (panesOf(state) === undefined) return same(state);
  if (state.commandLines !== undefined) return pressedOverCommands(state, state.commandLines, action);
  switch (action) {
    case undefined:
      return same(state);
    case 'help':
      return same({ ...state, field: { kind: 'help', text: textField(''), before: '', top: 0 } });
    case 'filter':
      return same({ ...state, field: field('filter', state.list.query) });
    case 'find':
      return same({ ...state, field: field('find', state.find) });
    case 'copy':
      return copy(state);
    case 'hand-off': {
      const commandLines = setting.commandLines(placeOf(state));
      return same({ ...state, commandLines, handedOff: commandLines });
    }
  }
  switch (focusOf(state)) {
    case 'traces':
      return actedOnList(state, action, setting);
    case 'trace':
      return state.trace === undefined ? same(state) : actedOnTrace(state, state.trace, action);
    case 'span':
      return actedOnSpan(state, action);
  }
}

const field = (kind: Field['kind'], before: string): Field => ({ kind, text: textField(before), before, top: 0 });

function pressedInField(state: State, current: Field, key: KeyPress, setting: Setting): Step {
  const close = { ...state, field: undefined };
  const isHelp = current.kind === 'help';
  switch (key) {
    case 'escape':
      if (current.kind !== 'filter') return same(close);
      return withList(close, { ...state.list, query: current.before, fault: undefined }, 0);
    case 'enter':
      // What is wrong is put right first: its place is shown.
      if (current.kind === 'filter') return state.list.fault === undefined ? same(close) : same(state);
      if (isHelp) return same(close);
      // The row that is selected may be the first to have it.
      return found({ ...close, find: textOf(current.text) }, 1, rowIndexOf(state) - 1);
    case 'up':
    case 'down':
    case 'pageup':
    case 'pagedown': {
      if (!isHelp) return same(state);
      const height = listHeight(state);
      const by = key === 'up' ? -1 : key === 'down' ? 1 : key === 'pageup' ? -height : height;
      const count = helpBody(current, state.size.columns, setting).length;
      return same({ ...state, field: { ...current, top: clampedTop(current.top + by, height, count) } });
    }
    case '?':
      if (isHelp && textOf(current.text) === '') return same(close);
  }
  return typed(state, current, edit(current.text, key));
}

function typed(state: State, current: Field, text: TextField): Step {
  const next = { ...state, field: { ...current, text, top: 0 } };
  const query = textOf(text).trim();
  if (current.kind !== 'filter' || query === state.list.query) return same(next);
  return withList(next, { ...state.list, query }, TYPING_MS);
}

function pressedOverCommands(state: State, commandLines: readonly string[], action: Action | undefined): Step {
  const [first] = commandLines;
  if (action === 'copy' && first !== undefined) {
    const note = 'copied the first line';
    return { state: { ...state, note, commandLines: undefined }, effects: [{ kind: 'copy', text: first }] };
  }
  return same({ ...state, commandLines: undefined });
}

function copy(state: State): Step {
  const { traceId, spanId } = placeOf(state);
  const text = spanId ?? traceId;
  if (text === undefined) return withNote(state, 'there is nothing to copy here');
  const note = `copied the ${spanId === undefined ? 'trace' : 'span'} id ${text}`;
  return { state: { ...state, note }, effects: [{ kind: 'copy', text }] };
}

function placeOf({ view, list, trace }: State): Place {
  if (view === 'traces' || trace === undefined) {
    return { query: list.query, traceId: list.selected, spanId: undefined };
  }
  return { query: list.query, traceId: trace.open.trace.traceId, spanId: selectedNode(trace)?.span.spanId };
}

/** By how many rows an action moves; undefined where it is no movement. */
function distanceOf(action: Action, height: number): number | undefined {
  switch (action) {
    case 'down':
      return 1;
    case 'up':
      return -1;
    case 'half-page-down':
      return Math.max(1, height >> 1);
    case 'half-page-up':
      return -Math.max(1, height >> 1);
    case 'page-down':
      return height;
    case 'page-up':
      return -height;
    case 'first':
      return Number.NEGATIVE_INFINITY;
    case 'last':
      return Number.POSITIVE_INFINITY;
    default:
      return undefined;
  }
}

function actedOnList(state: State, action: Action, setting: Setting): Step {
  const { list } = state;
  const height = listHeight(state);
  const select = (index: number) => same({ ...state, list: selectedAt(list, index, height, setting.isLive) });
  const index = selectedIndex(list);
  const distance = distanceOf(action, height);
  if (distance !== undefined) {
    // The end is where traces arrive.
    if (action === 'last' && list.paused !== undefined) return resumed(state);
    return select(index + distance);
  }
  switch (action) {
    case 'open':
      return list.selected === undefined ? withNote(state, 'there is no trace to open') : load(state, list.selected);
    case 'back':
      if (state.loading !== undefined) return same({ ...state, loading: undefined });
      if (state.find !== '') return same({ ...state, find: '' });
      if (list.query === '') return withNote(state, 'this is the first screen; q quits');
      return withList(state, { ...list, query: '', fault: undefined }, 0);
    case 'find-next':
      return found(state, 1, index);
    case 'find-previous':
      return found(state, -1, index);
    case 'error-next':
    case 'error-previous': {
      const step = action === 'error-next' ? 1 : -1;
      const next = searchAround(list.traces.length, index, step, at => (list.traces[at]?.errorCount ?? 0) > 0);
      if (next < 0) return withNote(state, 'none of these traces has errors');
      return select(next);
    }
    case 'sort': {
      const fields = sortFields(setting.isLive);
      const next = fields[(fields.indexOf(list.order.field) + 1) % fields.length] ?? 'start';
      return sortedBy(state, { field: next, ascending: next === 'arrival' });
    }
    case 'sort-reverse':
      return sortedBy(state, { ...list.order, ascending: !list.order.ascending });
    case 'pause':
      if (!setting.isLive)
        return withNote(state, 'nothing arrives here: these traces were read from a file or a database');
      return list.paused === undefined
        ? same({ ...state, list: { ...list, paused: state.feed, isFollowing: false } })
        : resumed(state);
    default:
      return same(state);
  }
}

/** The list in another order, from its first row. */
function sortedBy(state: State, order: ListState['order']): Step {
  const isFollowing = order.field === 'arrival' && state.list.paused === undefined;
  return withList(state, { ...state.list, order, selected: undefined, top: 0, isFollowing }, 0);
}

function resumed(state: State): Step {
  const isFollowing = state.list.order.field === 'arrival';
  return withList(state, { ...state.list, paused: undefined, isFollowing }, 0);
}

function rowIndexOf(state: State): number {
  return focusOf(state) === 'traces' ? selectedIndex(state.list) : (state.trace?.selected ?? 0);
}

/** Goes to the next row, or the one before, that has the text. */
function found(state: State, step: 1 | -1, from: number): Step {
  if (state.find === '') return withNote(state, 'nothing to find yet: \\ and a text');
  const text = state.find.toLowerCase();
  const has = (parts: readonly string[]) => parts.some(part => part.toLowerCase().includes(text));
  const isList = focusOf(state) === 'traces';
  const { list, trace } = state;
  const rows = trace?.view.rows ?? [];
  const texts = (index: number): readonly string[] => {
    if (isList) {
      const listed = list.traces[index];
      return listed === undefined
        ? []
        : [listed.firstServiceName, listed.firstSpanName, listed.traceId, ...listed.services];
    }
    const row = rows[index];
    const span = row?.kind === 'span' ? row.node.span : row?.kind === 'run' ? row.nodes[0]?.span : undefined;
    return span === undefined ? [] : [span.serviceName, span.name, span.spanId, span.status.message];
  };
  const count = isList ? list.traces.length : rows.length;
  const index = searchAround(count, from, step, at => has(texts(at)));
  if (index < 0) return withNote(state, `no row has '${state.find}'`);
  if (isList) return same({ ...state, list: selectedAt(list, index, listHeight(state), list.isFollowing) });
  return trace === undefined ? same(state) : withTrace(state, selectedRow(trace, index, traceHeight(state)));
}

function withTrace(state: State, trace: TraceState): Step {
  // The pane shows another span from its beginning.
  const isSame = state.trace !== undefined && selectedNode(state.trace) === selectedNode(trace);
  return same({ ...state, trace, span: isSame ? state.span : { ...state.span, top: 0 } });
}

function actedOnTrace(state: State, trace: TraceState, action: Action): Step {
  const height = traceHeight(state);
  const distance = distanceOf(action, height);
  if (distance !== undefined) return withTrace(state, selectedRow(trace, trace.selected + distance, height));
  switch (action) {
    case 'open': {
      const unfolded = unfoldedRow(trace, height);
      return unfolded === undefined ? openedSpan(state, trace) : withTrace(state, unfolded);
    }
    case 'switch-pane':
      return openedSpan(state, trace);
    case 'fold': {
      const folded = foldedRow(trace, height);
      return folded === undefined ? backFromTrace(state) : withTrace(state, folded);
    }
    case 'back': {
      if (state.find !== '') return same({ ...state, find: '' });
      if (state.view === 'span') return backFromTrace(state);
      const run = refoldedRun(trace, height);
      return run === undefined ? backFromTrace(state) : withTrace(state, run);
    }
    case 'find-next':
      return found(state, 1, trace.selected);
    case 'find-previous':
      return found(state, -1, trace.selected);
    case 'error-next':
    case 'error-previous':
      return nextError(state, trace, action === 'error-next' ? 1 : -1);
    case 'path': {
      const { folding } = trace.view;
      const isPathOnly = !folding.isPathOnly;
      return withTrace(state, refolded(trace, { ...folding, isPathOnly }, selectedNode(trace), height));
    }
    default:
      return same(state);
  }
}

/** Opens the pane of the selected span; the waterfall may need to scroll, for it has less room. */
function openedSpan(state: State, trace: TraceState): Step {
  const next: State = {
    ...state,
    view: 'span',
    span: { top: state.view === 'span' ? state.span.top : 0, isFocused: true },
  };
  return same({ ...next, trace: selectedRow(trace, trace.selected, traceHeight(next)) });
}

function backFromTrace(state: State): Step {
  const next: State = {
    ...state,
    view: state.view === 'span' ? 'trace' : 'traces',
    span: { top: 0, isFocused: false },
  };
  if (next.trace === undefined) return same(next);
  return same({ ...next, trace: selectedRow(next.trace, next.trace.selected, traceHeight(next)) });
}

function nextError(state: State, trace: TraceState, step: 1 | -1): Step {
  const { nodes } = trace.open.trace;
  const failed = nodes.filter(({ span }) => span.status.code === 'error');
  const from = selectedNode(trace)?.index ?? 0;
  const index = searchAround(nodes.length, from, step, at => nodes[at]?.span.status.code === 'error');
  const node = nodes[index];
  if (node === undefined) return withNote(state, 'no span of this trace failed');
  const next = withTrace(state, revealed(trace, node, traceHeight(state)));
  const note = `error ${formatCount(failed.indexOf(node) + 1)} of ${formatCount(failed.length)}`;
  const hadPathOnly = trace.view.folding.isPathOnly && !trace.open.isOnPath(node);
  return withNote(next.state, hadPathOnly ? `${note}, off the critical path` : note);
}

function actedOnSpan(state: State, action: Action): Step {
  const height = rowsOf(panesOf(state)?.detail);
  const distance = distanceOf(action, height);
  if (distance !== undefined) return same(scrolledSpan(state, state.span.top + distance));
  switch (action) {
    case 'switch-pane':
      if (panesOf(state)?.main === undefined) return withNote(state, 'the screen is too low for both; Esc goes back');
      return same({ ...state, span: { ...state.span, isFocused: false } });
    case 'back':
      return backFromTrace(state);
    default:
      return same(state);
  }
}

/** The pane scrolled, as far as there is something to see. */
function scrolledSpan(state: State, top: number): State {
  const pane = panesOf(state)?.detail;
  const node = state.trace === undefined ? undefined : selectedNode(state.trace);
  if (pane === undefined || node === undefined) return state;
  const count = state.trace?.open.spanLines(node, pane.width).length ?? 0;
  return { ...state, span: { ...state.span, top: clampedTop(top, rowsOf(pane), count) } };
}

/** How many traces wait until a person resumes. */
export function waitingCount({ list, feed }: State): number {
  return list.paused === undefined ? 0 : Math.max(0, feed.counts.traces - list.paused.counts.traces);
}

/** Where the selection is, for the status line. */
export function positionOf(state: State): string {
  if (state.view !== 'traces' && state.trace !== undefined) {
    const { view, selected } = state.trace;
    return `row ${formatCount(selected + 1)} of ${formatCount(view.rows.length)}`;
  }
  const { traces, total } = state.list;
  const index = selectedIndex(state.list);
  if (index < 0) return plural(total, 'trace');
  const of = `${formatCount(index + 1)} of ${formatCount(traces.length)}`;
  return total > traces.length ? `${of} listed, ${formatCount(total)} in all` : of;
}
