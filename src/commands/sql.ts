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
import { reasonOf } from './reason.ts';

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
    ["tailspan sql 'SELECT name, count(*) FROM spans GROUP BY ALL' traces.jsonl", 'over a file'],
    ["tailspan sql 'FROM ingests' traces.jsonl", 'what came of every record'],
    ['tailspan sql -f report.sql --db incident.duckdb --format csv', 'a query from a file over a database'],
  ],
  options: [...INPUT_OPTIONS, FILE, WRITE, LIMIT, ...OUTPUT_OPTIONS],

  async run(context) {
    const { query, sources, isFromInput } = await readQuery(context);
    const mayWrite = context.get(WRITE) === true;
    await using data = await openData({ ...context, hasPipedInput: context.hasPipedInput && !isFromInput }, sources, {
      isWriting: mayWrite && sources.length === 0,
      mayChange: mayWrite,
    });
    await data.ensureViews();
    const { columns, rows } = await data.database.sql(query, mayWrite);
    const records = rows.map(row => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])));
    const fields = columns.map(({ name, type }): Field => ({ name, type: isNumeric(type) ? 'integer' : 'text' }));
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
        const { lines, columnCount } = drawBox(
          columns.map(({ name, type }) => ({
            title: sanitize(name, screen.unicode),
            align: isNumeric(type) ? 'right' : 'left',
            isWhole: isNumeric(type) || /^(TIME|DATE|BOOLEAN|INTERVAL)/.test(type),
          })),
          cells,
          screen,
        );
        const count =
          more > 0
            ? `${plural(rows.length, 'row')}, ${formatCount(shown.length)} shown (--limit 0 shows all)`
            : plural(rows.length, 'row');
        const blocks: Block[] = [
          { kind: 'lines', lines },
          { kind: 'lines', lines: [[styled(count, 'dim')]] },
        ];
        if (columnCount === columns.length) return blocks;
        const missing = `${formatCount(columnCount)} of ${plural(columns.length, 'column')} shown, for the others there is no room: name the ones you want, or add --format json, csv or plain`;
        return [...blocks, { kind: 'prose', text: [styled(missing, 'dim')], indent: 2 }];
      },
    };
  },
};

function isNumeric(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL\(\d+,\d+\))$/.test(type);
}

interface Asked {
  readonly query: string;
  readonly sources: readonly string[];
  /** stdin held the query, so that it holds no dump. */
  readonly isFromInput: boolean;
}

/** Finds the query: in the file of -f, as the first argument, or on stdin. */
async function readQuery(context: CommandContext): Promise<Asked> {
  const asked = await findQuery(context);
  if (/^[\s;]*$/.test(asked.query)) {
    throw new UserError('sql needs a query', { hint: "tailspan sql 'SELECT count(*) FROM spans' traces.json" });
  }
  return asked;
}

async function findQuery(context: CommandContext): Promise<Asked> {
  const { args, hasPipedInput } = context;
  const file = context.get(FILE);
  if (file !== undefined) return { query: readSql(file), sources: args, isFromInput: false };
  const [first, ...rest] = args;
  if (first !== undefined && first !== '-' && !existsSync(first)) {
    return { query: first, sources: rest, isFromInput: false };
  }
  const isFromInput = hasPipedInput && !args.includes('-');
  return { query: isFromInput ? await context.readInput() : '', sources: args, isFromInput };
}

function readSql(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = existsSync(file) ? `cannot be read: ${reasonOf(error)}` : 'does not exist';
    throw new UserError(`${file} ${reason}`, { hint: '-f takes a file with SQL', cause: error });
  }
}
