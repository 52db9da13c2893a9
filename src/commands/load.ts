import { UserError } from '../errors.ts';
import { lostRecords } from '../ingest/account.ts';
import { shownName } from '../ingest/source.ts';
import type { Block, Field } from '../report/report.ts';
import type { TableColumn } from '../terminal/columns.ts';
import { formatCount } from '../terminal/format.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { sanitize } from '../terminal/sanitize.ts';
import type { Screen } from '../terminal/screen.ts';
import { type Line, type Style, styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { type Data, openData } from './data.ts';
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
    await using data = await openData(context, sources.length === 0 ? ['-'] : sources, { isWriting: true });
    const rows = data.loaded.map(sourceJson);
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
      blocks: screen => [sourceTable(data.loaded, screen)],
      isList: true,
    };
  },
};

type Loaded = Data['loaded'][number];

function sourceJson({ account, result }: Loaded) {
  return {
    source: account.source,
    format: account.format,
    documents: account.documents,
    spans: result.spans,
    traces: result.traces,
    duplicates: result.duplicates,
    skipped: account.skipped,
    repaired: account.repaired,
    fault: account.fault?.message,
  };
}

/** A line a source; duplicates, lost records and faults only where there are some. */
function sourceTable(loaded: Data['loaded'], screen: Screen): Block {
  const { dot } = glyphs(screen.unicode);
  const count = (value: number, ...styles: Style[]): Line =>
    value === 0 ? [styled(dot, 'dim')] : [styled(formatCount(value), ...styles)];
  const columns: readonly {
    column: TableColumn;
    cell: (source: Loaded) => Line;
    isNeeded?: (source: Loaded) => boolean;
  }[] = [
    {
      column: { title: 'SOURCE', least: 20, cutAt: 'start' },
      cell: ({ account: { source } }) => [styled(sanitize(shownName(source), screen.unicode))],
    },
    { column: { title: 'FORMAT', expendable: 2 }, cell: ({ account }) => [styled(account.format ?? dot, 'dim')] },
    { column: { title: 'DOCUMENTS', align: 'right', expendable: 3 }, cell: ({ account }) => count(account.documents) },
    { column: { title: 'SPANS', align: 'right' }, cell: ({ result }) => count(result.spans) },
    { column: { title: 'TRACES', align: 'right', expendable: 1 }, cell: ({ result }) => count(result.traces) },
    {
      column: { title: 'DUPLICATES', align: 'right' },
      cell: ({ result }) => count(result.duplicates),
      isNeeded: ({ result }) => result.duplicates > 0,
    },
    {
      column: { title: 'LOST', align: 'right' },
      cell: ({ account }) => count(lostRecords(account), 'warning'),
      isNeeded: ({ account }) => lostRecords(account) > 0,
    },
    {
      column: { title: 'FAULT', least: 16 },
      cell: ({ account }) => [styled(sanitize(account.fault?.message ?? '', screen.unicode), 'error')],
      isNeeded: ({ account }) => account.fault !== undefined,
    },
  ];
  const shown = columns.filter(({ isNeeded }) => isNeeded === undefined || loaded.some(isNeeded));
  return {
    kind: 'table',
    columns: shown.map(({ column }) => column),
    rows: loaded.map(source => shown.map(({ cell }) => cell(source))),
  };
}
