import { statSync } from 'node:fs';
import type { Queryable } from './queryable.ts';

// What a database takes on disk, and how much of that holds something.

/** Bytes in front of the first block of a database file: the main header and two database headers. */
const HEADER_BYTES = 12_288;

export interface StorageSize {
  /** Size of the database file in bytes; 0 in memory. */
  readonly fileBytes: number;
  /** Size of the write-ahead log beside it in bytes; 0 where there is none. */
  readonly walBytes: number;
  /** Bytes of the file in blocks that hold nothing: what comes next is written there. */
  readonly freeBytes: number;
}

/** Returns what a database takes on disk now. Blocks that a transaction gave up are free behind the next checkpoint. */
export async function storageSize(database: Queryable): Promise<StorageSize> {
  const [row = {}] = await database.rows('SELECT block_size, free_blocks FROM pragma_database_size()');
  if (database.path === ':memory:') return { fileBytes: 0, walBytes: 0, freeBytes: 0 };
  return {
    fileBytes: fileBytes(database.path),
    walBytes: fileBytes(`${database.path}.wal`),
    freeBytes: Number(row.block_size) * Number(row.free_blocks),
  };
}

/** Returns the bytes of the file that hold something, and its head. */
export function usedBytes({ fileBytes: bytes, freeBytes }: StorageSize): number {
  return Math.max(HEADER_BYTES, bytes - freeBytes);
}

/** Returns the size of a file in bytes; 0 where there is none. */
export function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
