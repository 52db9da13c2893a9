import { UserError } from '../../errors.ts';
import type { Block } from '../../report/report.ts';
import { countPrunable, pruneBeforeCompaction, type RetentionLimits, reclaimableBytes } from '../../store/retention.ts';
import { fileBytes } from '../../store/storage-size.ts';
import { formatBytes, formatCount, formatTime, plural } from '../../terminal/format.ts';
import { styled } from '../../terminal/styled.ts';
import type { CommandContext } from '../command.ts';
import { databasePath, openData, openForWriting } from '../data.ts';
import { retentionLimits } from '../options.ts';
import { compactWithProgress } from './compact.ts';
import { type DatabaseTask, DRY_RUN } from './task.ts';

/** The share of a file from which on it is written anew to give it back. */
const WORTH_COMPACTING = 1 / 32;

/** Drops the oldest traces of a database. */
export const task: DatabaseTask = async context => {
  const limits = retentionLimits(context);
  if (limits.endedBefore === undefined && limits.maxBytes === undefined) {
    throw new UserError('db prune needs to know what to keep', {
      hint: 'tailspan db prune --keep 7d, or --max-size 2GB, or both',
    });
  }
  const path = await databasePath(context);
  return context.get(DRY_RUN) === true ? rehearse(context, path, limits) : prune(context, path, limits);
};

async function rehearse(context: CommandContext, path: string, limits: RetentionLimits) {
  await using data = await openData(context, [], { isDatabase: true });
  const { traces, spans, endTimeUnixNano } = await countPrunable(data.database, limits);
  const bytes = fileBytes(path);
  return {
    data: {
      database: path,
      isDryRun: true,
      endedBeforeUnixNano: limits.endedBefore,
      maxBytes: limits.maxBytes,
      traceCount: traces,
      spanCount: spans,
      endTimeUnixNano,
      bytesBefore: bytes,
      bytesAfter: bytes,
      freedBytes: 0,
    },
    blocks: (screen: CommandContext['screen']): Block[] => [
      {
        kind: 'pairs',
        pairs: [
          ['would drop', [styled(`${plural(traces, 'trace')}, ${plural(spans, 'span')}`, 'bold')]],
          ...(endTimeUnixNano === undefined
            ? []
            : ([
                ['that ended by', [styled(formatTime(endTimeUnixNano, { utc: screen.utc, digits: 3, date: true }))]],
              ] as const)),
          ['of a file of', [styled(formatBytes(bytes))]],
        ],
      },
    ],
    notes:
      limits.maxBytes === undefined ? [] : ['of --max-size this is an estimate: what each trace takes is not known'],
  };
}

async function prune(context: CommandContext, path: string, limits: RetentionLimits) {
  const bytesBefore = fileBytes(path) + fileBytes(`${path}.wal`);
  let traces = 0;
  let spans = 0;
  let isCompacted = false;
  // Until the file is as small as it is to be: how much of it traces take is known only behind each round.
  for (;;) {
    const round = await pruneOnce(context, path, limits);
    traces += round.traces;
    spans += round.spans;
    const isTooLarge = limits.maxBytes !== undefined && fileBytes(path) > limits.maxBytes;
    if (isCompacted && round.traces === 0) break;
    if (!isTooLarge && round.reclaimableBytes < fileBytes(path) * WORTH_COMPACTING) break;
    try {
      await compactWithProgress(context, path);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      // The traces are gone all the same.
      await context.complain(`the file stays as large as it was: ${error.message}`, error.hint);
      break;
    }
    isCompacted = true;
    if (limits.maxBytes === undefined || fileBytes(path) <= limits.maxBytes) break;
  }
  const bytesAfter = fileBytes(path) + fileBytes(`${path}.wal`);
  return {
    data: {
      database: path,
      isDryRun: false,
      endedBeforeUnixNano: limits.endedBefore,
      maxBytes: limits.maxBytes,
      traceCount: traces,
      spanCount: spans,
      bytesBefore,
      bytesAfter,
      freedBytes: Math.max(0, bytesBefore - bytesAfter),
    },
    blocks: (): Block[] => [
      {
        kind: 'pairs',
        pairs: [
          ['dropped', [styled(`${plural(traces, 'trace')}, ${formatCount(spans)} spans`, 'bold')]],
          ['before', [styled(formatBytes(bytesBefore))]],
          ['after', [styled(formatBytes(bytesAfter))]],
        ],
      },
    ],
  };
}

async function pruneOnce(
  context: CommandContext,
  path: string,
  limits: RetentionLimits,
): Promise<{ readonly traces: number; readonly spans: number; readonly reclaimableBytes: number }> {
  const store = await openForWriting(context, path);
  try {
    const { traces, spans } = await pruneBeforeCompaction(store.database, limits);
    return { traces, spans, reclaimableBytes: await reclaimableBytes(store.database) };
  } finally {
    store.close();
  }
}
