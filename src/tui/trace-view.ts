import { fitLine } from '../terminal/columns.ts';
import { formatDuration } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { pad } from '../terminal/measure.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { drawAxis, drawHeading, drawMessage, drawRow, type WaterfallRow } from '../terminal/waterfall.ts';
import type { Pane } from './layout.ts';
import type { TraceLine } from './open-trace.ts';
import { MARK_WIDTH, markedRow } from './row-line.ts';
import type { Setting, State } from './state.ts';
import { selectedNode, type TraceState } from './trace-state.ts';

/** Draws the axis and the lines of the waterfall that are seen; only these. */
export function waterfallLines(state: State, trace: TraceState, pane: Pane, setting: Setting): Line[] {
  const { open, view, top, selected } = trace;
  const layout = open.layout(pane.width - MARK_WIDTH);
  const margin = styled(pad('', MARK_WIDTH));
  const isFocused = state.view === 'trace' || !state.span.isFocused;
  const drawn = (line: TraceLine): Line => {
    if (setting.isReadAloud) return spokenLine(line, trace, setting);
    if (line.kind === 'heading') return [margin, ...drawHeading(line.text, layout)];
    const row = open.picture.rowOf(line.row);
    if (line.kind === 'message') return [margin, ...drawMessage(row, row.message ?? [], layout)];
    return markedRow(
      drawRow(row, layout),
      { isSelected: line.row === view.rows[selected], isFocused },
      pane.width,
      setting,
    );
  };
  const axis: Line = setting.isReadAloud ? [styled('Spans in the order of the tree')] : [margin, ...drawAxis(layout)];
  return [axis, ...view.lines.slice(top, top + pane.height - 1).map(drawn)];
}

/** A line of the waterfall in words. */
function spokenLine(line: TraceLine, { open, view, selected }: TraceState, setting: Setting): Line {
  if (line.kind === 'heading') return line.text;
  const row = open.picture.rowOf(line.row);
  if (line.kind === 'message') return row.message ?? [];
  const isSelected = line.row === view.rows[selected];
  return markedRow(spokenRow(row, setting), { isSelected, isFocused: true }, 0, setting);
}

/** A row in words. */
function spokenRow(row: WaterfallRow, { unicode }: Setting): Line {
  const level = row.skippedLevels + row.guides.length;
  const parts = [
    ...(row.durationNano === undefined ? [] : [formatDuration(row.durationNano, unicode)]),
    ...(row.selfNano === undefined ? [] : [`self ${formatDuration(row.selfNano, unicode)}`]),
    ...(row.isOnPath ? ['on the critical path'] : []),
  ];
  return [styled(`level ${level}: `), ...row.label, ...(row.aside ?? []), styled(`, ${parts.join(', ')}`)];
}

/** Draws the pane of the selected span: its title, and the lines that are seen. */
export function spanLines({ span }: State, trace: TraceState, pane: Pane, setting: Setting): Line[] {
  const node = selectedNode(trace);
  if (node === undefined) return [];
  const { unicode } = setting;
  const all = trace.open.spanLines(node, pane.width);
  const height = pane.height - 1;
  const shown = all.slice(span.top, span.top + height);
  const below = all.length - span.top - shown.length;
  const rule = unicode ? '─' : '-';
  const more = below > 0 ? ` ${below} more ${below === 1 ? 'line' : 'lines'} below ` : '';
  const name = ` span ${node.span.spanId} `;
  const filled = Math.max(0, pane.width - 2 - name.length - more.length - 2);
  const title = `${rule.repeat(2)}${name}${rule.repeat(filled)}${more}${rule.repeat(2)}`;
  return [
    fitLine([styled(title, span.isFocused ? 'bold' : 'dim')], pane.width, 'left', glyphs(unicode).ellipsis),
    ...shown,
  ];
}
