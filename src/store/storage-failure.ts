import { UserError } from '../errors.ts';

/**
 * Returns what a person can do about an error of the database that is no fault of tailspan: a full disk, too little memory, a disk
 * that fails. Undefined for any other. DuckDB says these as texts, so the texts are looked at; nothing else of it is needed.
 */
export function explainStorageFailure(error: unknown): UserError | undefined {
  const message = error instanceof Error ? error.message : String(error);
  if (/No space left on device|ENOSPC|not enough space on the disk/i.test(message)) {
    return new UserError('the disk is full', {
      hint: 'make room, or name a database on another disk with --db',
      cause: error,
    });
  }
  if (/Out of Memory Error|could not allocate block/i.test(message)) {
    return new UserError('the database needs more memory than it may take', {
      hint: 'allow it more with --memory, or ask for less at a time',
      cause: error,
    });
  }
  if (/^(TransactionContext Error: .*)?IO Error/i.test(message)) {
    return new UserError(
      `the database cannot be read or written: ${message.split('\n')[0]?.replace(/^.*?IO Error: /, '')}`,
      {
        hint: 'check the disk that it is on',
        cause: error,
      },
    );
  }
  return undefined;
}
