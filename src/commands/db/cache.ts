import { UserError } from '../../errors.ts';
import type { Field } from '../../report/report.ts';
import type { CacheEntry } from '../../store/source-cache.ts';
import { formatBytes, formatTime, plural } from '../../terminal/format.ts';
import { styled } from '../../terminal/styled.ts';
import { openCache } from '../cached-data.ts';
import { CLEAR, type DatabaseTask } from './task.ts';

const FIELDS: readonly Field[] = [
  { name: 'path', type: 'text' },
  { name: 'bytes', type: 'count' },
  { name: 'lastUsed', type: 'text' },
];

/** The databases of dumps that were read before. */
export const task: DatabaseTask = async context => {
  const cache = await openCache(context);
  if (cache === undefined)
    throw new UserError('the cache is switched off (TAILSPAN_CACHE=off)', { hint: 'unset it to see what is kept' });
  const isClearing = context.get(CLEAR) === true;
  const entries = cache.entries();
  const unfinished = cache.unfinished();
  const bytes = isClearing ? cache.clear() : bytesOf(entries);
  const rows = isClearing
    ? []
    : entries.map(entry => ({ path: entry.path, bytes: entry.bytes, lastUsed: entry.lastUsed.toISOString() }));
  return {
    data: {
      folder: cache.folder,
      bytes: isClearing ? 0 : bytes,
      freedBytes: isClearing ? bytes : 0,
      unfinishedBytes: isClearing ? 0 : bytesOf(unfinished),
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
      ...(isClearing || unfinished.length === 0
        ? []
        : [
            `beside them ${plural(unfinished.length, 'unfinished file')}, ${formatBytes(bytesOf(unfinished))}: of runs under way, or killed; --clear removes them, too`,
          ]),
    ],
  };
};

function bytesOf(entries: readonly CacheEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
