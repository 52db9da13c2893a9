import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { SCHEMA_VERSION } from './store.ts';

// Databases of dumps that were read before, so that the second question about a dump is answered at once. Each is a database file
// named after the digest of what it was made from: every file's place, size, times, inode, and the bytes at both of its ends; the program's
// version; and the options that change what is read. A file that changed in any way has another name here, so a stale answer is impossible
// and nothing needs to be looked after but the size: what was used longest ago goes first.

/** One database in the cache. */
export interface CacheEntry {
  readonly path: string;
  readonly bytes: number;
  readonly lastUsed: Date;
}

/** Bytes at each end of a file that are part of its identity. */
const END_BYTES = 1 << 16;
const ENDING = '.duckdb';
const PARTIAL_ENDING = '.partial';
/** Partial files of runs that were killed are removed when they are this old. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

export class SourceCache {
  readonly folder: string;
  readonly #limitBytes: number;
  readonly #now: () => Date;

  /** A cache in a folder, which is made when something is kept in it. */
  constructor(folder: string, limitBytes: number, now: () => Date) {
    this.folder = folder;
    this.#limitBytes = limitBytes;
    this.#now = now;
  }

  /**
   * Returns the name under which the database of these files (absolute paths) is kept; undefined where one of them cannot be read. `settings` is
   * whatever else decides what the database holds.
   */
  keyOf(files: readonly string[], settings: readonly string[]): string | undefined {
    const digest = createHash('sha256').update(JSON.stringify([SCHEMA_VERSION, ...settings]));
    try {
      for (const path of files) digest.update(identityOf(path));
    } catch {
      return undefined;
    }
    return digest.digest('hex').slice(0, 32);
  }

  /** Returns the path of the database kept under a key, and counts it as used now; undefined where there is none. */
  find(key: string): string | undefined {
    const path = join(this.folder, key + ENDING);
    try {
      const now = this.#now();
      utimesSync(path, now, now);
      return path;
    } catch {
      return undefined;
    }
  }

  /**
   * Returns a path for a database of this process's own that may be kept later; undefined where there is no room for it. A database
   * is smaller than its dump, so that much free space is asked for.
   */
  begin(key: string, sourceBytes: number): string | undefined {
    if (sourceBytes > this.#limitBytes) return undefined;
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      const { bavail, bsize } = statfsSync(this.folder);
      if (bavail * bsize < sourceBytes) return undefined;
      return join(this.folder, `${key}.${randomUUID()}${PARTIAL_ENDING}`);
    } catch {
      return undefined;
    }
  }

  /** Keeps a closed database under a key, and removes what was used longest ago until the cache is within its limit. */
  keep(key: string, partial: string): void {
    try {
      renameSync(partial, join(this.folder, key + ENDING));
    } catch {
      // Where another process has it open (Windows), the one that is there is as good.
      this.drop(partial);
    }
    this.#evict(key);
  }

  /** Removes a database and what belongs to it. */
  drop(path: string): void {
    for (const file of [path, `${path}.wal`]) rmSync(file, { force: true });
  }

  /** The databases in the cache, the one used last first. */
  entries(): CacheEntry[] {
    return this.#files()
      .filter(({ path }) => path.endsWith(ENDING))
      .sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime() || (a.path < b.path ? -1 : 1));
  }

  /** Databases that are being made, or were when their process was killed: those go a day later. */
  unfinished(): CacheEntry[] {
    return this.#files().filter(({ path }) => path.endsWith(PARTIAL_ENDING));
  }

  /** Removes all of them, finished or not; returns how many bytes that freed. */
  clear(): number {
    const entries = this.#files();
    for (const { path } of entries) this.drop(path);
    return entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #evict(keptKey: string): void {
    let total = 0;
    const now = this.#now().getTime();
    for (const { path, lastUsed } of this.unfinished()) {
      if (now - lastUsed.getTime() > ABANDONED_MS) this.drop(path);
    }
    for (const { path, bytes } of this.entries()) {
      total += bytes;
      if (total > this.#limitBytes && !path.endsWith(keptKey + ENDING)) this.drop(path);
    }
  }

  #files(): CacheEntry[] {
    let names: string[];
    try {
      names = readdirSync(this.folder);
    } catch {
      return [];
    }
    return names.sort().flatMap(name => {
      const path = join(this.folder, name);
      try {
        const { size, mtime } = statSync(path);
        return [{ path, bytes: size, lastUsed: mtime }];
      } catch {
        // Another process has removed it.
        return [];
      }
    });
  }
}

/** What tells one state of a file from every other: ctime changes with any write, and cannot be set back. */
function identityOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size, mtimeNs, ctimeNs, ino, dev } = fstatSync(file, { bigint: true });
    const ends = createHash('sha256');
    const buffer = Buffer.alloc(END_BYTES);
    for (const from of [0n, size > END_BYTES ? size - BigInt(END_BYTES) : 0n]) {
      ends.update(buffer.subarray(0, readSync(file, buffer, 0, END_BYTES, from)));
    }
    return JSON.stringify([path, `${size}`, `${mtimeNs}`, `${ctimeNs}`, `${ino}`, `${dev}`, ends.digest('hex')]);
  } finally {
    closeSync(file);
  }
}
