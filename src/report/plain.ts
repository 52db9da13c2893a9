import { createTheme } from '../terminal/theme.ts';
import { renderBlocks } from './blocks.ts';
import { plainCell } from './cells.ts';
import { chosenFields, fieldValue, type Renderer } from './report.ts';

/** For pipes: the main list as fields between tabs, nothing cut; an answer without a list as text, coloured only if told to. */
export const plain: Renderer = {
  name: 'plain',
  async *render(report, { screen, fields, header }) {
    const { records } = report;
    if (records === undefined || (report.isList !== true && fields === undefined)) {
      yield* renderBlocks(report.blocks(screen), screen, await createTheme(screen.colour));
      return;
    }
    const chosen = chosenFields(records, fields);
    if (header) yield `${chosen.map(field => field.name).join('\t')}\n`;
    for (const row of records.rows)
      yield `${chosen.map(field => plainCell(field, fieldValue(row, field.name))).join('\t')}\n`;
  },
};
