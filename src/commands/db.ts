import { UserError } from '../errors.ts';
import type { Field } from '../report/report.ts';
import { formatBytes, formatTime, plural } from '../terminal/format.ts';
import { styled } from '../terminal/styled.ts';
import { openCache } from './cached-data.ts';
import type { Command, Option } from './command.ts';
import { OUTPUT_OPTIONS, QUIET } from './options.ts';

const CLEAR: Option<boolean> = {
  flags: '--clear',
  description: 'remove all of them',
  group: 'Other',
};

const FIELDS: readonly Field[] = [
  { name: 'path', type: 'text' },
  { name: 'bytes', type: 'count' },
  { name: 'lastUsed', type: 'text' },
];

export const command: Command = {
  usage: 'cache',
  description:
    'Shows the databases of dumps that were read before. They are kept so that the next question about a dump is answered at once; a dump that changed is read again. What was used longest ago goes first when they take more than TAILSPAN_CACHE says (10GB, or off).',
  examples: [
    ['tailspan db cache', 'what is kept, and how large it is'],
    ['tailspan db cache --clear', 'remove it'],
  ],
  options: [CLEAR, QUIET, ...OUTPUT_OPTIONS],

  async run(context) {
    const [what, ...rest] = context.args;
    if (what !== 'cache' || rest.length > 0) {
      throw new UserError(
        what === undefined ? 'db needs to know what of it' : `db knows nothing of '${context.args.join(' ')}'`,
        {
          hint: 'tailspan db cache',
        },
      );
    }
    const cache = await openCache(context);
    if (cache === undefined)
      throw new UserError('the cache is switched off (TAILSPAN_CACHE=off)', { hint: 'unset it to see what is kept' });
    const isClearing = context.get(CLEAR) === true;
    const entries = cache.entries();
    const bytes = isClearing ? cache.clear() : entries.reduce((sum, entry) => sum + entry.bytes, 0);
    const rows = isClearing
      ? []
      : entries.map(entry => ({ path: entry.path, bytes: entry.bytes, lastUsed: entry.lastUsed.toISOString() }));
    return {
      data: {
        folder: cache.folder,
        bytes: isClearing ? 0 : bytes,
        freedBytes: isClearing ? bytes : 0,
        databases: rows,
      },
      records: { name: 'databases', fields: FIELDS, rows },
      blocks: screen => [
        {
          kind: 'table',
          columns: [
            { title: 'DATABASE', least: 20, cutAt: 'start' },
            { title: 'SIZE', align: 'right' },
            { title: 'LAST USED' },
          ],
          rows: rows.map(row => [
            [styled(row.path)],
            [styled(formatBytes(row.bytes))],
            [
              styled(
                formatTime(BigInt(Date.parse(row.lastUsed)) * 1_000_000n, { utc: screen.utc, digits: 0, date: true }),
                'dim',
              ),
            ],
          ]),
        },
      ],
      isList: true,
      notes: [
        isClearing
          ? `removed ${plural(entries.length, 'database')}, ${formatBytes(bytes)}`
          : `${plural(entries.length, 'database')}, ${formatBytes(bytes)} in ${cache.folder}`,
      ],
    };
  },
};
