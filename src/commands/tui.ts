import { TRACE_ORDERS } from '../store/find-traces.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { openData, requireSpans } from './data.ts';
import { ASCII, COLOR, FILTER_OPTIONS, INPUT_OPTIONS, limitOption, sortOf, sortOption, UTC } from './options.ts';
import { searchQueryOf } from './query.ts';
import { browse, LISTED, requireTerminal } from './tui/browse.ts';

const ORDERS = Object.keys(TRACE_ORDERS) as (keyof typeof TRACE_ORDERS)[];
const SORT = sortOption(ORDERS, 'start');
const LIMIT = limitOption(LISTED);

export const command: Command = {
  usage: '[query] [source...]',
  description:
    'Shows traces on an interactive screen: the list of them, one as a waterfall, one span in full. Enter goes in, Esc comes back, ? shows the keys, q quits. The list can be sorted, and filtered by a query in TraceQL while it is typed. On a large database the newest traces are listed; a filter and another order look at all of them.',
  examples: [
    ['tailspan tui traces.jsonl', 'look around in a file'],
    ["tailspan tui traces.jsonl '{ status = error }'", 'begin with the failed traces'],
    ['tailspan tui --sort duration', 'the default database, the slowest traces first'],
  ],
  options: [...INPUT_OPTIONS, ...FILTER_OPTIONS, LIMIT, SORT, COLOR, ASCII, UTC],

  async run(context) {
    const { sources, query: text } = readArguments(context.args, false);
    const query = await searchQueryOf(context, text);
    const order = sortOf(context.get(SORT), ORDERS, 'start');
    const terminal = await requireTerminal(context);
    await using data = await openData(context, sources);
    await requireSpans(data, context);
    const limit = context.get(LIMIT) || undefined;
    return await browse(context, data, { terminal, sources, query, order, limit, traceId: undefined });
  },
};
