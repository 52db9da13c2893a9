import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { glob, isDynamicPattern } from 'tinyglobby';
import { SourceDamage } from './compression.ts';

// What the user named, as things to read: files, folders (all files below), glob patterns, `-` for stdin.

/** One input. Plain data, so that it can be handed to another thread. */
export interface Source {
  /** The name in messages, JSON and the database: the path as the user would write it, or `-`. */
  readonly name: string;
  /** File to open; undefined for stdin. */
  readonly path: string | undefined;
  /** Size in bytes as stored; undefined where it is not known. */
  readonly bytes: number | undefined;
}

/** Something named that cannot be read. */
export interface SourceProblem {
  readonly name: string;
  readonly message: string;
  readonly hint?: string;
}

const CHUNK = 1 << 20;

/**
 * Finds the files behind arguments, in the order of the arguments and by name within a folder or pattern; hidden files
 * of a folder are left out. What cannot be found or read is returned as a problem, not thrown.
 */
export async function findSources(names: readonly string[]): Promise<{ sources: Source[]; problems: SourceProblem[] }> {
  const sources: Source[] = [];
  const problems: SourceProblem[] = [];
  const seen = new Set<string>();
  const add = async (path: string): Promise<void> => {
    if (seen.has(path)) return;
    seen.add(path);
    const found = await stat(path);
    sources.push({ name: path, path, bytes: found.isFile() ? found.size : undefined });
  };
  for (const name of names) {
    if (name === '-') {
      if (!seen.has('-')) sources.push({ name: '-', path: undefined, bytes: undefined });
      seen.add('-');
      continue;
    }
    try {
      const found = await stat(name).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' && isDynamicPattern(name)) return undefined;
        throw error;
      });
      if (found !== undefined && !found.isDirectory()) {
        await add(name);
        continue;
      }
      const files = found
        ? (await glob('**/*', { cwd: name, expandDirectories: false })).map(
            file => `${name.replace(/\/+$/, '')}/${file}`,
          )
        : await glob(name, { expandDirectories: false, absolute: name.startsWith('/') });
      if (files.length === 0) {
        problems.push({ name, message: found ? 'is an empty folder' : 'matches no file' });
      }
      for (const file of files.sort()) await add(file);
    } catch (error) {
      problems.push({ name, ...explain(error) });
    }
  }
  return { sources, problems };
}

/** Yields a source's bytes as they are stored. Throws `SourceDamage` where reading fails. */
export async function* chunksOf(source: Source): AsyncGenerator<Uint8Array> {
  const stream =
    source.path === undefined
      ? createReadStream('', { fd: 0, autoClose: false, highWaterMark: CHUNK })
      : createReadStream(source.path, { highWaterMark: CHUNK });
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    throw new SourceDamage(explain(error).message, { cause: error });
  }
}

/** The reason of a file system error in words. */
function explain(error: unknown): { message: string; hint?: string } {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return { message: 'does not exist', hint: 'check the path, or use - to read from stdin' };
    case 'EACCES':
    case 'EPERM':
      return { message: 'may not be read: permission denied' };
    case 'EISDIR':
      return { message: 'is a folder' };
    case 'ELOOP':
      return { message: 'is a link that leads to itself' };
    case 'ENAMETOOLONG':
      return { message: 'is not a path: the name is too long' };
    default:
      return { message: `could not be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}
