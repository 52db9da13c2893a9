import { glyphs } from '../terminal/glyphs.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { wrapLine } from '../terminal/wrap.ts';
import { cursorOf, faultLines, headerLine, hintsLine, statusLine } from './chrome.ts';
import { type Layout, LEAST, type Pane } from './layout.ts';
import { commandsLines, helpLines } from './overlays.ts';
import { filledPane } from './row-line.ts';
import { panesOf, type Setting, type State } from './state.ts';
import { spanLines, waterfallLines } from './trace-view.ts';
import { traceListLines } from './traces-view.ts';

// The whole screen as lines, each as wide as it is: one text a line is all that React mounts.

export interface Frame {
  /** As many as the screen has rows, each as wide as it is; fewer, and longer ones, where they are read aloud. */
  readonly lines: readonly Line[];
  /** Where the cursor stands; hidden where it is undefined. */
  readonly cursor: { readonly x: number; readonly y: number } | undefined;
}

export function frameOf(state: State, setting: Setting): Frame {
  const panes = panesOf(state);
  if (panes === undefined) return { lines: tooSmall(state, setting), cursor: undefined };
  return {
    lines: [
      headerLine(state, setting),
      ...withFault(body(state, panes, setting), state, setting),
      statusLine(state, setting),
      hintsLine(state, setting),
    ],
    cursor: cursorOf(state, setting),
  };
}

/** What is wrong with a filter takes the place of the last rows, if it needs lines of its own. */
function withFault(lines: readonly Line[], state: State, setting: Setting): readonly Line[] {
  const fault = faultLines(state, setting);
  const pane = { width: state.size.columns, height: fault.length };
  return [...lines.slice(0, lines.length - fault.length), ...filledPane(fault, pane, setting)];
}

function tooSmall({ size: { columns, rows } }: State, setting: Setting): readonly Line[] {
  const text = `the screen is ${columns} by ${rows}; ${LEAST.columns} by ${LEAST.rows} is the least. q quits`;
  return filledPane(wrapLine([styled(text)], columns), { width: columns, height: rows }, setting);
}

function body(state: State, panes: Layout, setting: Setting): readonly Line[] {
  const { field, commandLines, trace, size, view } = state;
  const whole: Pane = { width: size.columns, height: size.rows - 3 };
  const fill = (lines: readonly Line[], pane: Pane) => filledPane(lines, pane, setting);
  if (field?.kind === 'help') return fill(helpLines(field, whole, setting), whole);
  if (commandLines !== undefined) return fill(commandsLines(commandLines, whole, setting), whole);
  if (view === 'traces' || trace === undefined) return fill(traceListLines(state, whole, setting), whole);
  const { arrangement, main, detail } = panes;
  const left = main === undefined ? [] : fill(waterfallLines(state, trace, main, setting), main);
  const right = detail === undefined ? [] : fill(spanLines(state, trace, detail, setting), detail);
  // One after the other they would be too much to hear.
  if (setting.isReadAloud && detail !== undefined) return state.span.isFocused ? right : left;
  if (arrangement !== 'beside') return [...left, ...right];
  const divider = styled(` ${glyphs(setting.unicode).axis} `, 'dim');
  return left.map((line, index) => [...line, divider, ...(right[index] ?? [])]);
}
