import { existsSync, readFileSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { exactCell } from '../report/cells.ts';
import type { Block, Field } from '../report/report.ts';
import { drawBox } from '../terminal/box.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { styled } from '../terminal/styled.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openData } from './data.ts';
import { INPUT_OPTIONS, limitOption, OUTPUT_OPTIONS } from './options.ts';

const FILE: Option<string> = {
  flags: '-f, --file <file>',
  description: 'read the SQL from this file',
  group: 'Input',
  parse: path => path,
};
const WRITE: Option<boolean> = {
  flags: '--write',
  description: 'allow statements that change the database',
  group: 'Input',
};
const LIMIT: Option<number> = {
  ...limitOption(100),
  description: 'rows that a table shows, 0 for all; other formats write all',
};

export const command: Command = {
  usage: '[query] [source...]',
  description:
    "Runs SQL (DuckDB's) over documented views: spans, traces, span_attributes, span_events, span_links, resources, services, ingests. The query is the first argument, or comes from -f or stdin. It only reads, unless --write is given. `tailspan help sql` describes the views.",
  examples: [
    ["tailspan sql 'SELECT service_name, count(*) FROM spans GROUP BY ALL' traces.jsonl", 'over a file'],
    ["tailspan sql 'FROM ingests' traces.jsonl", 'what came of every record'],
    ['tailspan sql -f report.sql --db incident.duckdb --format csv', 'a query from a file over a database'],
  ],
  options: [...INPUT_OPTIONS, FILE, WRITE, LIMIT, ...OUTPUT_OPTIONS],

  async run(context) {
    const { query, sources } = await readQuery(context);
    const mayWrite = context.get(WRITE) === true;
    await using data = await openData({ ...context, hasPipedInput: false }, sources, mayWrite && sources.length === 0);
    await data.store.ensureViews();
    const { runSql } = await import('../store/sql.ts');
    const { columns, rows } = await runSql(data.database, query, mayWrite);
    const records = rows.map(row => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])));
    const fields = columns.map(
      ({ name, type }): Field => ({
        name,
        type: /INT|DOUBLE|DECIMAL|FLOAT/.test(type) && !type.includes('[') ? 'integer' : 'text',
      }),
    );
    const limit = context.get(LIMIT) || undefined;
    const shown = limit === undefined ? rows : rows.slice(0, limit);
    const more = rows.length - shown.length;
    return {
      data: { columns, rows },
      records: { name: 'rows', fields, rows: records },
      isList: true,
      blocks: screen => {
        if (columns.length === 0) return [];
        const cells = shown.map(row =>
          row.map(cell => (cell === null ? '' : sanitize(exactCell(cell), screen.unicode))),
        );
        const box = drawBox(
          columns.map(({ name }) => sanitize(name)),
          cells,
          fields.map(({ type }) => type === 'integer'),
          screen,
        );
        const blocks: Block[] = [{ kind: 'lines', lines: box }];
        const count =
          more > 0
            ? `${plural(rows.length, 'row')}, ${formatCount(shown.length)} shown (--limit 0 shows all)`
            : plural(rows.length, 'row');
        return [...blocks, { kind: 'lines', lines: [[styled(count, 'dim')]] }];
      },
    };
  },
};

async function readQuery(context: CommandContext): Promise<{ query: string; sources: readonly string[] }> {
  const file = context.get(FILE);
  if (file !== undefined) {
    if (!existsSync(file)) throw new UserError(`${file} does not exist`, { hint: '-f takes a file with SQL' });
    return { query: readFileSync(file, 'utf8'), sources: context.args };
  }
  const [first, ...rest] = context.args;
  if (first !== undefined && !existsSync(first) && first !== '-') return { query: first, sources: rest };
  if (context.hasPipedInput && !context.args.includes('-'))
    return { query: await context.readInput(), sources: context.args };
  throw new UserError('sql needs a query', { hint: "tailspan sql 'SELECT count(*) FROM spans' traces.json" });
}
