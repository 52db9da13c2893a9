import { expect, test } from 'vitest';
import { explainStorageFailure } from '../../src/store/storage-failure.ts';

test.each([
  [
    'TransactionContext Error: Failed to commit: Could not write file "/x/f.duckdb.wal": No space left on device',
    'the disk is full',
  ],
  ['ENOSPC: no space left on device, write', 'the disk is full'],
  [
    'Failed to append: could not allocate block of size 256.0 KiB (877.0 KiB/976.5 KiB used)',
    'the database needs more memory than it may take',
  ],
  ['Out of Memory Error: failed to allocate data of size 1.0 GiB', 'the database needs more memory than it may take'],
  [
    'IO Error: Could not read from file "/x": Input/output error\nmore',
    'the database cannot be read or written: Could not read from file "/x": Input/output error',
  ],
  ['Binder Error: no such column', undefined],
])('%s', (message, sentence) => {
  expect(explainStorageFailure(new Error(message))?.message).toBe(sentence);
});
