import { fitLine } from '../terminal/columns.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { pad } from '../terminal/measure.ts';
import { type Line, styled } from '../terminal/styled.ts';
import type { Setting } from './state.ts';

/** Columns before a row, for the mark of the one that is selected. */
export const MARK_WIDTH = 2;

/** Returns a row with the mark of the selected one before it; where the keys go to its pane, it is inverse throughout. */
export function markedRow(
  line: Line,
  { isSelected, isFocused }: { readonly isSelected: boolean; readonly isFocused: boolean },
  width: number,
  { unicode, isReadAloud }: Setting,
): Line {
  const { selected, ellipsis } = glyphs(unicode);
  if (!isSelected) return fitLine([styled(pad('', MARK_WIDTH)), ...line], width, 'left', ellipsis);
  if (isReadAloud) return fitLine([styled('selected: '), ...line], width, 'left', ellipsis);
  const marked = fitLine([styled(pad(selected, MARK_WIDTH)), ...line], width, 'left', ellipsis);
  const text = marked.map(segment => segment.text).join('');
  return isFocused ? [styled(text, 'inverse')] : marked.map(segment => ({ ...segment, styles: ['bold'] }));
}

/** Returns exactly `height` lines of `width` columns, blank below the last one. */
export function filledPane(
  lines: readonly Line[],
  { width, height }: { width: number; height: number },
  unicode: boolean,
): Line[] {
  const { ellipsis } = glyphs(unicode);
  return Array.from({ length: height }, (_, row) => fitLine(lines[row] ?? [], width, 'left', ellipsis));
}
