import { createTheme } from '../terminal/theme.ts';
import { renderBlocks, table } from './blocks.ts';
import type { Renderer } from './report.ts';

/** The view for people: the command's own blocks, or a table of the fields asked for. */
export const tableRenderer: Renderer = {
  name: 'table',
  async *render(report, { screen, fields }) {
    const theme = await createTheme(screen.colour);
    const blocks =
      fields === undefined || report.records === undefined
        ? report.blocks(screen)
        : [table(report.records, screen, fields)];
    yield* renderBlocks(blocks, screen, theme);
  },
};
