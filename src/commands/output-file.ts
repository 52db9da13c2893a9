import {
  closeSync,
  existsSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { UserError } from '../errors.ts';
import { reasonOf } from './reason.ts';

// The file that `--output` names.

/**
 * Writes the pieces beside the file and renames: the file holds the whole answer or what it held before. What is no
 * ordinary file, such as /dev/stdout, is written to as it is.
 */
export async function writeFile(path: string, pieces: AsyncIterable<string> | Iterable<string>): Promise<void> {
  let temporary: string | undefined;
  try {
    const before = statOf(path);
    const isOrdinary = before === undefined || before.isFile();
    const target = before === undefined ? path : realpathSync(path);
    temporary = isOrdinary ? `${target}.tailspan-${process.pid}` : undefined;
    const file = openSync(temporary ?? path, 'w', before?.mode);
    try {
      for await (const piece of pieces) writeWhole(file, piece);
    } finally {
      closeSync(file);
    }
    if (temporary !== undefined) renameSync(temporary, target);
  } catch (error) {
    if (temporary !== undefined && existsSync(temporary)) rmSync(temporary);
    if (error instanceof UserError) throw error;
    // /dev/stdout, and whoever read it has seen enough.
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return;
    throw new UserError(`${path} cannot be written: ${reasonOf(error)}`, {
      hint: 'name another file with --output',
      cause: error,
    });
  }
}

function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Says whether two paths lead to one file. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [statOf(one), statOf(other)];
  return a?.isFile() === true && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
