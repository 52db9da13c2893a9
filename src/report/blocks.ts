import { fitLine, layoutTable } from '../terminal/columns.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { layoutPairs } from '../terminal/pairs.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, styled } from '../terminal/styled.ts';
import type { Theme } from '../terminal/theme.ts';
import { wrapLine } from '../terminal/wrap.ts';
import { isRightAligned, screenCell } from './cells.ts';
import { type Block, chosenFields, type Field, fieldValue, type Records } from './report.ts';

// Blocks: made from records, and written as lines.

/** A list of records as a table. */
export function table(records: Records, screen: Screen, names?: readonly string[]): Block {
  const fields = chosenFields(records, names);
  return {
    kind: 'table',
    columns: fields.map(field => ({
      title: headingOf(field),
      align: isRightAligned(field) ? 'right' : 'left',
      ...(['text', 'id', 'list', 'object'].includes(field.type) ? { least: 12 } : {}),
    })),
    rows: records.rows.map(row =>
      fields.map(field => [styled(screenCell(field, fieldValue(row, field.name), screen))]),
    ),
  };
}

/** The heading of a column: the field's title; a path into an object as it is, for its case means something. */
function headingOf({ name, title }: Field): string {
  return title === undefined && name.includes('.') ? name : (title ?? spaced(name)).toUpperCase();
}

/** `rootSpanName` as words. */
function spaced(name: string): string {
  return name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`);
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
      case 'table': {
        const { lines, missing } = layoutTable(block.columns, block.rows, screen.width, ellipsis);
        for (const line of lines) yield paint(line);
        if (missing.length > 0) for (const line of wrapLine(noteOfMissing(missing), screen.width, 2)) yield paint(line);
        break;
      }
      case 'pairs':
        for (const line of layoutPairs(block.pairs, screen.width)) yield paint(line);
        break;
    }
  }
}

function noteOfMissing(titles: readonly string[]): Line {
  const [what, are] = titles.length === 1 ? ['1 column', 'does'] : [`${titles.length} columns`, 'do'];
  return [styled(`${what} ${are} not fit: ${titles.join(', ')} (--format json, csv or plain shows all)`, 'dim')];
}
