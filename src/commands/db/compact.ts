import { compact } from '../../store/compaction.ts';
import { formatBytes, formatCount } from '../../terminal/format.ts';
import { createProgress } from '../../terminal/progress.ts';
import { styled } from '../../terminal/styled.ts';
import type { CommandContext } from '../command.ts';
import { databasePath, openForWriting } from '../data.ts';
import { NO_PROGRESS, QUIET } from '../options.ts';
import type { DatabaseTask } from './task.ts';

/** Writes a database anew, so that it takes only what it needs. */
export const task: DatabaseTask = async context => {
  const path = await databasePath(context);
  const { bytesBefore, bytesAfter } = await compactWithProgress(context, path);
  return {
    data: { database: path, bytesBefore, bytesAfter, freedBytes: bytesBefore - bytesAfter },
    blocks: () => [
      {
        kind: 'pairs',
        pairs: [
          ['before', [styled(formatBytes(bytesBefore))]],
          ['after', [styled(formatBytes(bytesAfter), 'bold')]],
        ],
      },
    ],
  };
};

/** Compacts a database, with a line on stderr while it takes long. */
export async function compactWithProgress(
  context: CommandContext,
  path: string,
): Promise<Awaited<ReturnType<typeof compact>>> {
  const store = await openForWriting(context, path);
  const progress = createProgress(context.screen, context.get(NO_PROGRESS) !== true && context.get(QUIET) !== true);
  try {
    return await compact(store, {
      now: () => context.screen.now(),
      signal: context.signal,
      onProgress: ({ spans, spansWritten, bytes }) =>
        progress.update(
          `compacting ${path}`,
          (bytes * spansWritten) / Math.max(1, spans),
          bytes,
          `${formatCount(spansWritten)} of ${formatCount(spans)} spans`,
        ),
    });
  } finally {
    progress.stop();
  }
}
