import { UserError } from '../errors.ts';
import { table } from '../report/blocks.ts';
import type { Field } from '../report/report.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { openData } from './data.ts';
import { INPUT_OPTIONS, OUTPUT_OPTIONS } from './options.ts';

const FIELDS: readonly Field[] = [
  { name: 'source', type: 'text' },
  { name: 'format', type: 'text' },
  { name: 'documents', type: 'count' },
  { name: 'spans', type: 'count' },
  { name: 'traces', type: 'count' },
  { name: 'duplicates', type: 'count' },
  { name: 'skipped', type: 'object', isExtra: true },
  { name: 'repaired', type: 'object', isExtra: true },
  { name: 'fault', type: 'text' },
];

export const command: Command = {
  usage: '<source...>',
  description:
    'Loads trace dumps into a database, where other commands find them without reading them again. Each source is one transaction: it is in the database wholly or not at all, and loading it again adds nothing.',
  examples: [
    ['tailspan load traces.jsonl', 'load a file into the default database'],
    ['tailspan load dumps/ --db incident.duckdb', 'load a folder into a database of its own'],
    ['zcat traces.gz | tailspan load -', 'load what is piped in'],
  ],
  options: [...INPUT_OPTIONS, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources } = readArguments(context.args, false);
    if (sources.length === 0 && !context.hasPipedInput) {
      throw new UserError('load needs something to load', { hint: 'tailspan load traces.json' });
    }
    await using data = await openData(context, sources.length === 0 ? ['-'] : sources, true);
    const rows = data.loaded.map(({ account, result }) => ({
      source: account.source,
      format: account.format,
      documents: account.documents,
      spans: result.spans,
      traces: result.traces,
      duplicates: result.duplicates,
      skipped: account.skipped,
      repaired: account.repaired,
      fault: account.fault?.message,
    }));
    const spans = rows.reduce((sum, row) => sum + row.spans, 0);
    const records = { name: 'sources', fields: FIELDS, rows };
    return {
      data: {
        database: data.database.path,
        sources: rows,
        spans,
        traces: data.traceCount,
      },
      records,
      blocks: screen => [table(records, screen)],
      isList: true,
    };
  },
};
