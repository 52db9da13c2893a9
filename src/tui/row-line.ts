import { fitLine } from '../terminal/columns.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { pad } from '../terminal/measure.ts';
import { type Line, styled } from '../terminal/styled.ts';
import type { Setting } from './state.ts';

/** Columns before a row, for the mark of the one that is selected. */
export const MARK_WIDTH = 2;

/**
 * Returns a row with the mark of the selected one before it; where the keys go to its pane, it is inverse throughout. A row
 * that is read aloud says so, and is as long as it is.
 */
export function markedRow(
  line: Line,
  { isSelected, isFocused }: { readonly isSelected: boolean; readonly isFocused: boolean },
  width: number,
  { unicode, isReadAloud }: Setting,
): Line {
  const { selected, ellipsis } = glyphs(unicode);
  if (isReadAloud) return isSelected ? [styled('selected: '), ...line] : line;
  if (!isSelected) return fitLine([styled(pad('', MARK_WIDTH)), ...line], width, 'left', ellipsis);
  const marked = fitLine([styled(pad(selected, MARK_WIDTH)), ...line], width, 'left', ellipsis);
  const text = marked.map(segment => segment.text).join('');
  return isFocused ? [styled(text, 'inverse')] : marked.map(segment => ({ ...segment, styles: ['bold'] }));
}

/** Returns exactly `height` lines of `width` columns, blank below the last one; no more than there are where they are read aloud. */
export function filledPane(
  lines: readonly Line[],
  { width, height }: { readonly width: number; readonly height: number },
  { unicode, isReadAloud }: Setting,
): readonly Line[] {
  if (isReadAloud) return lines.slice(0, height);
  const { ellipsis } = glyphs(unicode);
  return Array.from({ length: height }, (_, row) => fitLine(lines[row] ?? [], width, 'left', ellipsis));
}
