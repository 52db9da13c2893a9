import { viewFiles } from './store.ts';

// The public views as their SQL describes them: a comment on the view and one on every column. Help and docs/sql.md are
// made from it; a test asks DuckDB whether a column is missing.

export interface ViewDescription {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly { readonly name: string; readonly comment: string }[];
}

/** Returns the public views, by name. */
export function describeViews(): ViewDescription[] {
  return viewFiles().map(({ name, sql }) => {
    const lines = sql.split('\n');
    const comment = lines
      .slice(
        0,
        lines.findIndex(line => !line.startsWith('--')),
      )
      .map(line => line.replace(/^--\s?/, ''))
      .join(' ');
    const columns: { name: string; comment: string }[] = [];
    let about: string[] = [];
    for (const line of lines) {
      const said = /^ {2}-- (.*)$/.exec(line);
      if (said?.[1] !== undefined) {
        about.push(said[1]);
        continue;
      }
      const column = /^ {2}\S.* AS (\w+),?$/.exec(line);
      if (column?.[1] === undefined) continue;
      columns.push({ name: column[1], comment: about.join(' ') });
      about = [];
    }
    return { name, comment, columns };
  });
}
