import { sanitize } from '../terminal/sanitize.ts';
import { renderBlocks } from './blocks.ts';
import { isRightAligned, screenCell } from './cells.ts';
import { chosenFields, fieldValue, type Renderer } from './report.ts';

/** For a pull request or a wiki: the main list as a table, anything else as a block of text. */
export const markdown: Renderer = {
  name: 'markdown',
  *render(report, { screen, fields }) {
    const { records } = report;
    const wide = { ...screen, colour: 0 as const, utc: true };
    if (records === undefined || (report.isList !== true && fields === undefined)) {
      yield '```text\n';
      for (const line of renderBlocks(report.blocks(wide), wide, undefined)) yield line.replaceAll('```', "'''");
      yield '```\n';
      return;
    }
    const chosen = chosenFields(records, fields);
    yield `| ${chosen.map(field => markdownCell(field.title ?? field.name)).join(' | ')} |\n`;
    yield `| ${chosen.map(field => (isRightAligned(field) ? '--:' : '---')).join(' | ')} |\n`;
    for (const row of records.rows) {
      yield `| ${chosen.map(field => markdownCell(screenCell(field, fieldValue(row, field.name), wide))).join(' | ')} |\n`;
    }
  },
};

/** Returns text that stays text within a table's cell. */
export function markdownCell(text: string): string {
  return sanitize(text).replace(/[\\`*_[\]<>|~#&$]/g, character => `\\${character}`);
}
