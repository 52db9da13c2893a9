import type { KeyPress } from './keys.ts';

// The keys and what they do, as data: the reducer, the line of hints, the help overlay and docs/keys.md are made from it.

/** What is looked at: the list of traces, one trace, one span of it. */
export type View = 'traces' | 'trace' | 'span';

export type Action =
  | 'down'
  | 'up'
  | 'first'
  | 'last'
  | 'half-page-down'
  | 'half-page-up'
  | 'page-down'
  | 'page-up'
  | 'open'
  | 'back'
  | 'fold'
  | 'switch-pane'
  | 'filter'
  | 'find'
  | 'find-next'
  | 'find-previous'
  | 'error-next'
  | 'error-previous'
  | 'path'
  | 'sort'
  | 'sort-reverse'
  | 'pause'
  | 'copy'
  | 'hand-off'
  | 'suspend'
  | 'help'
  | 'quit'
  | 'interrupt';

export interface Binding {
  readonly action: Action;
  readonly keys: readonly KeyPress[];
  readonly views: readonly View[];
  /** What it does, as a sentence without a full stop. */
  readonly does: string;
  /** The word for it in the line of hints, which shows the first key; without one it is not there. */
  readonly hint?: string;
  /** It means something only where traces arrive. */
  readonly isLive?: true;
}

const ALL: readonly View[] = ['traces', 'trace', 'span'];
const LISTS: readonly View[] = ['traces', 'trace'];

export const KEYMAP: readonly Binding[] = [
  { action: 'down', keys: ['down', 'j'], views: ALL, does: 'the next row; in a span, scroll down' },
  { action: 'up', keys: ['up', 'k'], views: ALL, does: 'the row before; in a span, scroll up' },
  { action: 'first', keys: ['g', 'home'], views: ALL, does: 'the first row' },
  { action: 'last', keys: ['G', 'end'], views: ALL, does: 'the last row; where traces arrive, follow them' },
  { action: 'half-page-down', keys: ['ctrl-d'], views: ALL, does: 'half a page down' },
  { action: 'half-page-up', keys: ['ctrl-u'], views: ALL, does: 'half a page up' },
  { action: 'page-down', keys: ['pagedown', 'ctrl-f'], views: ALL, does: 'a page down' },
  { action: 'page-up', keys: ['pageup', 'ctrl-b'], views: ALL, does: 'a page up' },
  {
    action: 'open',
    keys: ['enter', 'right', 'l'],
    views: LISTS,
    does: 'open what is selected: the trace, the span; what is folded unfolds',
    hint: 'open',
  },
  {
    action: 'back',
    keys: ['escape'],
    views: ALL,
    does: 'close help, drop the find or the filter, fold what Enter unfolded, go back; never quits',
    hint: 'back',
  },
  { action: 'back', keys: ['left', 'h'], views: ['traces', 'span'], does: 'the same as Esc' },
  {
    action: 'fold',
    keys: ['left', 'h'],
    views: ['trace'],
    does: 'fold what is below the span; on a span without any, go to its parent; on the first, back',
  },
  {
    action: 'switch-pane',
    keys: ['tab', 'shift-tab'],
    views: ['trace', 'span'],
    does: 'to the pane of the span, and back to the waterfall',
    hint: 'pane',
  },
  {
    action: 'filter',
    keys: ['/'],
    views: ['traces'],
    does: 'filter by a query in TraceQL, as search does: status = error && duration > 1s. Enter keeps it, Esc restores',
    hint: 'filter',
  },
  { action: 'find', keys: ['\\'], views: LISTS, does: 'find a text in the rows; nothing is hidden', hint: 'find' },
  { action: 'find-next', keys: ['n'], views: LISTS, does: 'the next row with the text' },
  { action: 'find-previous', keys: ['N'], views: LISTS, does: 'the row with the text before' },
  {
    action: 'error-next',
    keys: ['e'],
    views: LISTS,
    does: 'the next trace with errors; in a trace, the next failed span',
    hint: 'error',
  },
  { action: 'error-previous', keys: ['E'], views: LISTS, does: 'the one before' },
  {
    action: 'path',
    keys: ['c'],
    views: ['trace'],
    does: 'show only the critical path, or all with the path highlighted',
    hint: 'path',
  },
  { action: 'sort', keys: ['s'], views: ['traces'], does: 'sort by the next column', hint: 'sort' },
  { action: 'sort-reverse', keys: ['S'], views: ['traces'], does: 'reverse the order' },
  {
    action: 'pause',
    keys: [' '],
    views: ['traces'],
    does: 'pause, and count what waits; resume and follow',
    hint: 'pause',
    isLive: true,
  },
  { action: 'copy', keys: ['y'], views: ALL, does: 'copy the id of the trace, or of the span', hint: 'copy id' },
  {
    action: 'hand-off',
    keys: ['o'],
    views: ALL,
    does: 'the command lines and the SQL for what is shown; they are printed on leaving too',
    hint: 'commands',
  },
  { action: 'help', keys: ['?'], views: ALL, does: 'the keys; a text filters them', hint: 'help' },
  { action: 'suspend', keys: ['ctrl-z'], views: ALL, does: 'back to the shell; fg returns' },
  { action: 'quit', keys: ['q'], views: ALL, does: 'quit, from anywhere', hint: 'quit' },
  { action: 'interrupt', keys: ['ctrl-c'], views: ALL, does: 'quit at once, with exit code 130' },
];

/** What a key does in a view; undefined where it does nothing there. */
export function actionOf(key: KeyPress, view: View): Action | undefined {
  return KEYMAP.find(({ keys, views }) => keys.includes(key) && views.includes(view))?.action;
}

const SIGNS: Readonly<Record<KeyPress, readonly [unicode: string, ascii: string]>> = {
  up: ['↑', 'Up'],
  down: ['↓', 'Down'],
  left: ['←', 'Left'],
  right: ['→', 'Right'],
  enter: ['⏎', 'Enter'],
  escape: ['Esc', 'Esc'],
  tab: ['Tab', 'Tab'],
  'shift-tab': ['Shift-Tab', 'Shift-Tab'],
  home: ['Home', 'Home'],
  end: ['End', 'End'],
  pageup: ['PgUp', 'PgUp'],
  pagedown: ['PgDn', 'PgDn'],
  ' ': ['Space', 'Space'],
};

/** Returns how a key is written: `⏎`, `PgDn`, `Ctrl-d`, `j`. */
export function keySign(key: KeyPress, unicode: boolean): string {
  const sign = SIGNS[key];
  if (sign !== undefined) return unicode ? sign[0] : sign[1];
  return key.startsWith('ctrl-') ? `Ctrl-${key.slice('ctrl-'.length)}` : key;
}
