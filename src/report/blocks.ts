import { fitLine, layoutTable } from '../terminal/columns.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { pad, widthOf } from '../terminal/measure.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import type { Theme } from '../terminal/theme.ts';
import { wrapLine } from '../terminal/wrap.ts';
import { isRightAligned, screenCell } from './cells.ts';
import { type Block, chosenFields, fieldValue, type Records } from './report.ts';

// Blocks: made from records, and written as lines.

/** A list of records as a table. */
export function table(records: Records, screen: Screen, names?: readonly string[]): Block {
  const fields = chosenFields(records, names);
  return {
    kind: 'table',
    columns: fields.map(field => ({
      title: field.title ?? field.name,
      align: isRightAligned(field) ? 'right' : 'left',
      ...(['text', 'list', 'object'].includes(field.type) ? { least: 8 } : {}),
    })),
    rows: records.rows.map(row =>
      fields.map(field => [styled(screenCell(field, fieldValue(row, field.name), screen))]),
    ),
  };
}

/** Yields blocks as lines, a blank line before each heading but the first. */
export function* renderBlocks(blocks: readonly Block[], screen: Screen, theme: Theme | undefined): Generator<string> {
  const { ellipsis } = glyphs(screen.unicode);
  const paint = (line: Line) => {
    const text = theme === undefined ? line.map(segment => segment.text).join('') : theme.paint(line);
    return `${text.trimEnd()}\n`;
  };
  const inWidth = (line: Line) => fitLine(line, screen.width, 'left', ellipsis, true);
  for (const [index, block] of blocks.entries()) {
    switch (block.kind) {
      case 'heading':
        if (index > 0) yield '\n';
        yield paint(inWidth(block.text));
        break;
      case 'lines':
        for (const line of block.lines) yield paint(inWidth(line));
        break;
      case 'prose':
        for (const line of wrapLine(block.text, screen.width, block.indent ?? 0)) yield paint(line);
        break;
      case 'table':
        for (const line of layoutTable(block.columns, block.rows, screen.width, ellipsis).lines) yield paint(line);
        break;
      case 'pairs': {
        const width = Math.max(0, ...block.pairs.map(([name]) => widthOf(name)));
        for (const [name, line] of block.pairs) yield paint(inWidth([styled(`${pad(name, width)}  `, 'dim'), ...line]));
        break;
      }
    }
  }
}
