import { traceTotals } from '../store/find-traces.ts';
import { requestsOverTime, serviceRates } from '../store/rates.ts';
import { trustOf } from '../store/trust.ts';
import { glyphs, sparkline } from '../terminal/glyphs.ts';
import { styled } from '../terminal/styled.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { serviceName } from './names.ts';
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

const LIMIT = limitOption(0);
const SORT = sortOption(['service', ...RATE_ORDERS], 'impact');
const BUCKETS = 24;

export const command: Command = {
  usage: '[query] [source...]',
  description:
    'Lists services with rate, errors and durations of their requests: spans of kind server and consumer, and roots. Self time is that of all spans of the service. Impact is rate times mean duration, relative to the largest.',
  examples: [
    ['tailspan services traces.jsonl', 'all services, largest impact first'],
    ['tailspan services traces.jsonl --sort p95', 'slowest first'],
    ['tailspan services traces.jsonl --format csv', 'for a spreadsheet'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, LIMIT, SORT, EXIT_STATUS, EXPLAIN, ...OUTPUT_OPTIONS],

  async run(context) {
    const { sources, query: text } = readArguments(context.args, false);
    const query = await searchQueryOf(context, text);
    const order = sortOf(context.get(SORT), ['service', ...RATE_ORDERS], 'impact', ['service']);
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
    const series = await requestsOverTime(data.database, where, start, end, BUCKETS);
    const rates = rateJson(await serviceRates(data.database, where), end - start);
    const sorted = sortRates(rates, order);
    const rows = sorted.slice(0, context.get(LIMIT) || undefined);
    const trust = await trustOf(data.database, traces);
    return {
      data: { startTimeUnixNano: start, endTimeUnixNano: end, services: rows, trust },
      records: {
        name: 'services',
        fields: rateFields([{ name: 'serviceName', type: 'text', title: 'service' }]),
        rows,
      },
      isList: true,
      blocks: screen => {
        const marks = glyphs(screen.unicode);
        const columns = rateColumns(rows, screen, order.field);
        if (rows.length === 0) return [];
        return [
          {
            kind: 'table',
            columns: [
              { title: 'SERVICE', least: 12 },
              { title: 'REQUESTS OVER TIME', expendable: 10 },
              ...columns.map(({ column }) => column),
            ],
            rows: rows.map(row => [
              [serviceName(row.serviceName, screen)],
              [styled(sparkline(series.get(row.serviceName) ?? [], marks), 'dim')],
              ...columns.map(({ cell }) => cell(row)),
            ]),
          },
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
