import { traceTotals } from '../store/find-traces.ts';
import { operationRates } from '../store/rates.ts';
import { trustOf } from '../store/trust.ts';
import { plural } from '../terminal/format.ts';
import { styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { nameText, serviceName } from './names.ts';
import { listNotes } from './notes.ts';
import {
  EXIT_STATUS,
  EXPLAIN,
  FILTER_OPTIONS,
  INPUT_OPTIONS,
  limitOption,
  OUTPUT_OPTIONS,
  sortOf,
  sortOption,
} from './options.ts';
import { searchQueryOf } from './query.ts';
import { RATE_ORDERS, rateColumns, rateFields, rateJson, sortRates } from './rates.ts';
import { select } from './selection.ts';
import { trustBlocks } from './trust.ts';

const LIMIT = limitOption(30);
const ORDERS = ['service', 'name', ...RATE_ORDERS] as const;
const SORT = sortOption(ORDERS, 'impact');

export const command: Command = {
  usage: '[query] [source...]',
  description:
    'Lists operations (service, span name and kind) with rate, errors and durations of all their spans. Impact is rate times mean duration, relative to the largest.',
  examples: [
    ['tailspan operations traces.jsonl', 'where the time goes'],
    [
      'tailspan operations traces.jsonl --service cart --kind client --sort p99',
      'the slowest calls that the cart makes',
    ],
    ['tailspan operations traces.jsonl --sort error-rate', 'what fails most often'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, LIMIT, SORT, EXIT_STATUS, EXPLAIN, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources, query: text } = readArguments(context.args, false);
    const query = await searchQueryOf(context, text);
    const order = sortOf(context.get(SORT), ORDERS, 'impact', ['service', 'name']);
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    if (context.get(EXPLAIN) === true) {
      const { explainReport } = await import('./explain.ts');
      return await explainReport(context, data.database, query);
    }
    const selection = await select(data.database, query);
    const where = selection.spans;
    const traces = selection.traces('t');
    const totals = await traceTotals(data.database, traces);
    const start = totals.startTimeUnixNano ?? 0n;
    const end = totals.endTimeUnixNano ?? start;
    const sorted = sortRates(rateJson(await operationRates(data.database, where), end - start), order);
    const rows = sorted.slice(0, context.get(LIMIT) || undefined);
    const trust = await trustOf(data.database, traces);
    return {
      data: { startTimeUnixNano: start, endTimeUnixNano: end, operations: rows, trust },
      records: {
        name: 'operations',
        fields: rateFields([
          { name: 'serviceName', type: 'text', title: 'service' },
          { name: 'name', type: 'text' },
          { name: 'kind', type: 'text' },
        ]),
        rows,
      },
      isList: true,
      blocks: screen => {
        const columns = rateColumns(rows, screen, order.field).filter(({ column }) => column.title !== 'SPANS');
        if (rows.length === 0) return [];
        return [
          {
            kind: 'table',
            columns: [
              { title: 'SERVICE', least: 12 },
              { title: 'OPERATION', least: 20 },
              { title: 'KIND', expendable: 7 },
              ...columns.map(({ column }) => column),
            ],
            rows: rows.map(row => [
              [serviceName(row.serviceName, screen)],
              [styled(nameText(row.name, screen.unicode))],
              [styled(row.kind, 'dim')],
              ...columns.map(({ cell }) => cell(row)),
            ]),
          },
          { kind: 'lines', lines: [[], [styled(plural(sorted.length, 'operation'), 'dim')]] },
          ...trustBlocks(trust),
        ];
      },
      notes: await listNotes(context, data.database, selection, {
        noun: 'span',
        shown: rows.length,
        all: sorted.length,
      }),
      ...(rows.length === 0 && context.get(EXIT_STATUS) === true ? { exitCode: 1 as const } : {}),
    };
  },
};
