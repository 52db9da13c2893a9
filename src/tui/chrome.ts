import { fitLine } from '../terminal/columns.ts';
import { formatCount, formatDuration, formatRate, plural } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { cutStart, widthOf } from '../terminal/measure.ts';
import { spanName } from '../terminal/names.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { type Line, lineWidth, styled } from '../terminal/styled.ts';
import { wrapLine } from '../terminal/wrap.ts';
import type { FeedCounts, QueryFault } from './feed.ts';
import { type Binding, KEYMAP, keySign } from './keymap.ts';
import { isAwaited, isNewestFirst } from './list-state.ts';
import { type Field, focusOf, positionOf, type Setting, type State, waitingCount } from './state.ts';
import { textOf } from './text-field.ts';
import type { TraceState } from './trace-state.ts';

// The lines around what is looked at: the header above it, the status and the hints below.

/** Where one is: what is listed, or which trace is opened, with the counts that matter there. */
export function headerLine(state: State, setting: Setting): Line {
  const { trace } = state;
  return state.view === 'traces' || trace === undefined
    ? listHeader(state, setting)
    : traceHeader(trace, state, setting);
}

function listHeader({ feed: { counts, traces }, list, size }: State, { title, unicode }: Setting): Line {
  const { dot, ellipsis } = glyphs(unicode);
  const rate = counts.spansPerSecond === undefined ? '' : ` ${dot} ${formatRate(counts.spansPerSecond, [1, '/s'])}`;
  const isNewest = list.query === '' && isNewestFirst(list.order);
  const listed =
    isNewest && traces.length < counts.traces ? ` ${dot} the newest ${formatCount(traces.length)} listed` : '';
  const all = ` ${dot} ${plural(counts.traces, 'trace')} ${plural(counts.spans, 'span')}${rate}${listed}`;
  const right = countsAtRight(counts);
  // A path is told by its end.
  const room = Math.max(12, size.columns - lineWidth(right) - 2 - widthOf(all));
  return ends([styled(cutStart(title, room, ellipsis), 'bold'), styled(all)], right, size.columns, unicode);
}

function countsAtRight({ failed, dropped }: FeedCounts): Line {
  return [
    styled(`failed ${formatCount(failed)}`, ...(failed > 0 ? (['error'] as const) : [])),
    ...(dropped === undefined
      ? []
      : [styled(`  dropped ${formatCount(dropped)}`, ...(dropped > 0 ? (['warning'] as const) : []))]),
  ];
}

function traceHeader({ open: { trace } }: TraceState, { size }: State, { unicode }: Setting): Line {
  const { dot, arrow } = glyphs(unicode);
  const top = trace.root ?? trace.tops[0];
  const failed = trace.nodes.filter(({ span }) => span.status.code === 'error').length;
  const name = top === undefined ? [] : spanName(top.span, { unicode });
  const left: Line = [
    styled(`traces ${arrow} `, 'dim'),
    ...name,
    styled(`  ${formatDuration(trace.durationNano, unicode)}`, 'bold'),
  ];
  const counts: Line = [
    styled(plural(trace.nodes.length, 'span')),
    ...(failed > 0 ? [styled(` ${dot} ${plural(failed, 'error')}`, 'error')] : []),
    ...(trace.complete ? [] : [styled(` ${dot} incomplete`, 'warning')]),
  ];
  // The id as far as there is room for it.
  const ids = [trace.traceId, trace.traceId.slice(0, 12)].map(id => styled(` ${dot} trace ${id}`, 'dim'));
  const id = ids.find(segment => lineWidth([...left, ...counts, segment]) + 2 <= size.columns);
  return ends(left, id === undefined ? counts : [...counts, id], size.columns, unicode);
}

/** A line with something at either end; the left one gives way. */
function ends(left: Line, right: Line, width: number, unicode: boolean): Line {
  const { ellipsis } = glyphs(unicode);
  const room = Math.max(0, width - lineWidth(right) - 2);
  return fitLine([...fitLine(left, room, 'left', ellipsis), styled('  '), ...right], width, 'left', ellipsis);
}

const FIELD_SIGNS: Readonly<Record<Field['kind'], string>> = { filter: '/', find: '\\', help: '?' };

/** What is typed, said, or filtered by; and where one is. */
export function statusLine(state: State, setting: Setting): Line {
  const { dot } = glyphs(setting.unicode);
  const { columns } = state.size;
  if (state.field !== undefined) {
    const { text } = fieldText(state.field, columns, setting.unicode);
    return fitLine([styled(text)], columns, 'left', glyphs(setting.unicode).ellipsis);
  }
  const following = followingText(state, setting);
  const path =
    state.view !== 'traces' && state.trace?.view.folding.isPathOnly === true ? ` ${dot} critical path only` : '';
  const right = styled(`${positionOf(state)}${following === '' ? '' : ` ${dot} ${following}`}${path}`, 'dim');
  return ends(statusText(state, setting), [right], columns, setting.unicode);
}

function statusText(state: State, { unicode }: Setting): Line {
  if (state.note !== undefined) return [styled(sanitize(state.note, unicode))];
  if (state.loading !== undefined) return [styled(`reading trace ${state.loading}`)];
  const { query, fault } = state.list;
  if (state.find !== '') return [styled(`\\${sanitize(state.find, unicode)}`)];
  if (state.view !== 'traces') return [];
  const text = query === '' ? [] : [styled(`/${sanitize(query, unicode)}`)];
  if (fault !== undefined) return [...text, styled(`  ${sanitize(fault.message, unicode)}`, 'error')];
  const gap = text.length === 0 ? '' : '  ';
  return isAwaited(state.list) ? [...text, styled(`${gap}searching`, 'dim')] : text;
}

function followingText(state: State, { isLive }: Setting): string {
  if (!isLive || state.view !== 'traces') return '';
  const { paused, isFollowing } = state.list;
  if (paused !== undefined) return `paused, +${formatCount(waitingCount(state))}`;
  return isFollowing ? 'following' : 'G follows';
}

/** A field as it is shown, with the column of its cursor; the beginning of a long text gives way. */
function fieldText(field: Field, width: number, unicode: boolean): { text: string; cursor: number; cutOff: number } {
  const sign = FIELD_SIGNS[field.kind];
  const clean = (parts: readonly string[]) => sanitize(parts.join(''), unicode);
  const whole = clean(field.text.before);
  const before = cutStart(whole, Math.max(1, width - 2), glyphs(unicode).ellipsis);
  const cursor = widthOf(sign) + widthOf(before);
  return { text: `${sign}${before}${clean(field.text.after)}`, cursor, cutOff: widthOf(whole) - widthOf(before) };
}

/** Where the cursor stands while a text is typed. */
export function cursorOf({ field, size }: State, { unicode }: Setting): { x: number; y: number } | undefined {
  if (field === undefined) return undefined;
  return { x: Math.min(size.columns - 1, fieldText(field, size.columns, unicode).cursor), y: size.rows - 2 };
}

/** The keys that matter here; below a filter that is wrong, the place where it is. */
export function hintsLine(state: State, setting: Setting): Line {
  const { columns } = state.size;
  const { ellipsis } = glyphs(setting.unicode);
  const { field, list, find } = state;
  const fault = faultOf(state);
  if (fault !== undefined) {
    const { carets, message } = faultTexts(fault.field, fault.fault, columns, setting);
    return fitLine(
      [styled(message.isBeside ? `${carets} ${message.text}` : carets, 'error')],
      columns,
      'left',
      ellipsis,
    );
  }
  if (field !== undefined) return fitLine(hintsOf(fieldHints(field, setting)), columns, 'left', ellipsis);
  const view = focusOf(state);
  const hasWayBack = view !== 'traces' || list.query !== '' || find !== '';
  const shown = KEYMAP.filter(
    ({ action, hint, views, isLive }) =>
      hint !== undefined &&
      views.includes(view) &&
      (isLive !== true || setting.isLive) &&
      (action !== 'back' || hasWayBack),
  );
  return fitLine(hintsOf(fitting(shown, columns, setting)), columns, 'left', ellipsis);
}

/** What is wrong with the filter that is typed, above it, where there is no room beside the carets. */
export function faultLines(state: State, setting: Setting): Line[] {
  const fault = faultOf(state);
  if (fault === undefined) return [];
  const { columns } = state.size;
  const { message } = faultTexts(fault.field, fault.fault, columns, setting);
  return message.isBeside ? [] : wrapLine([styled(message.text, 'error')], columns);
}

function faultOf({ field, list: { fault } }: State): { field: Field; fault: QueryFault } | undefined {
  return field?.kind === 'filter' && fault !== undefined ? { field, fault } : undefined;
}

type Hint = readonly [key: string, word: string];

function fieldHints({ kind }: Field, { unicode }: Setting): Hint[] {
  const enter = keySign('enter', unicode);
  const esc = keySign('escape', unicode);
  if (kind === 'help')
    return [
      ['type', 'to filter'],
      [esc, 'close'],
    ];
  const what: Hint = kind === 'filter' ? [enter, 'keep'] : [enter, 'find'];
  return [
    what,
    [esc, kind === 'filter' ? 'restore' : 'close'],
    ...(kind === 'filter' ? [['TraceQL', 'status = error && duration > 1s'] as const] : []),
  ];
}

/** As many hints as there is room for; how to get help and out are the last to go. */
function fitting(bindings: readonly Binding[], width: number, { unicode }: Setting): Hint[] {
  const hintOf = ({ keys, hint = '' }: Binding): Hint => [keySign(keys[0] ?? '', unicode), hint];
  const isLast = ({ action }: Binding) => action === 'help' || action === 'quit';
  const last = bindings.filter(isLast).map(hintOf);
  const first: Hint[] = [
    [['up', 'down'].map(key => keySign(key, unicode)).join(unicode ? '' : '/'), 'move'],
    ...bindings.filter(binding => !isLast(binding)).map(hintOf),
  ];
  while (first.length > 0 && lineWidth(hintsOf([...first, ...last])) > width) first.pop();
  return [...first, ...last];
}

function hintsOf(all: readonly Hint[]): Line {
  return all.flatMap(([key, word], index) => [
    styled(index === 0 ? '' : '  '),
    styled(key, 'bold'),
    styled(` ${word}`, 'dim'),
  ]);
}

/** Carets below the place of a fault, and what it is. */
function faultTexts(
  field: Field,
  fault: QueryFault,
  width: number,
  { unicode }: Setting,
): { carets: string; message: { text: string; isBeside: boolean } } {
  const { cutOff } = fieldText(field, width, unicode);
  const text = textOf(field.text);
  // The query is the text without the blanks around it.
  const blanks = text.length - text.trimStart().length;
  const column = (offset: number) => 1 + widthOf(sanitize(text.slice(0, offset + blanks), unicode)) - cutOff;
  const from = Math.max(1, Math.min(width - 2, column(fault.from)));
  const carets = ' '.repeat(from) + '^'.repeat(Math.max(1, Math.min(width - from, column(fault.to) - from)));
  const message = sanitize(fault.message, unicode);
  return { carets, message: { text: message, isBeside: widthOf(carets) + 1 + widthOf(message) <= width } };
}
