import { AccountKeeper } from '../ingest/account.ts';
import type { Loader, LoadResult } from '../store/loader.ts';
import { journalRecords, journalSegments, removeJournal } from './journal.ts';
import { RequestDecoder } from './request-decoder.ts';

// What a listener acknowledged and could not store any more, because its process ended in the middle.

/** Stores what is in a journal, and removes it. Undefined where there is none, or nothing in it. Throws what the store throws; the journal stays then. */
export async function recoverJournal(loader: Loader, folder: string): Promise<LoadResult | undefined> {
  const segments = journalSegments(folder);
  if (segments.length === 0) {
    removeJournal(folder);
    return undefined;
  }
  const account = new AccountKeeper();
  let bytes = 0;
  await loader.begin();
  try {
    const decoder = new RequestDecoder(
      {
        producer: loader.newProducer(),
        firstValueId: loader.nextAttributeId,
        onBatch: batch => {
          loader.add(batch);
          decoder.writer.recycle(batch);
        },
      },
      { recordBytes: Number.MAX_SAFE_INTEGER },
      account,
    );
    for (const segment of segments) {
      for (const { formats, body } of journalRecords(segment)) {
        decoder.decode(formats, body);
        bytes += body.length;
      }
    }
    decoder.writer.flush();
    const result = await loader.finish({
      source: 'network (journal)',
      format: account.format,
      documents: account.documents,
      bytes,
      contentBytes: bytes,
      skipped: account.skipped,
      repaired: account.repaired,
      fault: undefined,
    });
    await loader.checkpoint();
    removeJournal(folder);
    return result.spans + result.duplicates === 0 ? undefined : result;
  } catch (error) {
    await loader.abort();
    throw error;
  }
}
