// A folder for what a benchmark leaves behind. It is gone afterwards, also after a failure or Ctrl-C, and the commands that
// are measured keep their caches and default database in it, away from the user's own.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

/** Calls `use` with a new folder below `parent` and deletes the folder when it is done. */
export async function withWorkspace(parent: string, use: (folder: string) => Promise<void>): Promise<void> {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'tailspan-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const stop = (signal: 'SIGINT' | 'SIGTERM') => {
    remove();
    process.exit(128 + constants.signals[signal]);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await use(folder);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    remove();
  }
}

/** Returns the environment under which everything that a program keeps for its user is kept in `folder`. */
export function privateHome(folder: string): Record<string, string> {
  return {
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_STATE_HOME: join(folder, 'state'),
  };
}

/** Makes a folder empty, and makes it where there is none. */
export function emptyFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

/** Returns the bytes of all files in a folder and below. */
export function folderBytes(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
