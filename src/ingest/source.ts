import { read } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { SourceDamage } from './damage.ts';
import { isUrl, shownUrl, webChunks, withoutCredentials } from './web.ts';

// What the user named, as things to read: files, folders (all files below), glob patterns, addresses on the web, `-` for
// stdin.

/** One input. Plain data, so that it can be handed to another thread. */
export interface Source {
  /** The name in messages, JSON and the database: the path as the user would write it, or `-`. */
  readonly name: string;
  /** File to open; undefined for stdin and the web. */
  readonly path: string | undefined;
  /** Address to fetch, with the credentials that the name leaves out. */
  readonly url?: string;
  /** Size in bytes as stored; undefined where it is not known. */
  readonly bytes: number | undefined;
}

/** The name of a source for people: what is called `-` on the command line and in JSON is stdin, and so of a file of an archive in it. */
export function shownName(name: string): string {
  return name === '-' || name.startsWith('-:') ? `stdin${name.slice(1)}` : name;
}

/** Something named that cannot be read. */
export interface SourceProblem {
  readonly name: string;
  readonly message: string;
  readonly hint?: string;
}

const CHUNK = 1 << 20;
export const STDIN = 0;
/** A pipe that does not block is looked at again at once, for its writer is mostly at work, and then after up to so long. */
const QUICK_TRIES = 100;
const LONGEST_WAIT_MS = 16;
export const newChunk = () => Buffer.allocUnsafeSlow(CHUNK);

/**
 * Finds the files behind arguments, in the order of the arguments and by name within a folder or pattern; hidden files
 * of a folder are left out, and a file that is met again, by another name or through a link, is too. What cannot be found
 * or read is returned as a problem, not thrown.
 */
export async function findSources(names: readonly string[]): Promise<{ sources: Source[]; problems: SourceProblem[] }> {
  const sources: Source[] = [];
  const problems: SourceProblem[] = [];
  const seen = new Set<string>();
  const add = async (path: string): Promise<void> => {
    try {
      const found = await stat(path);
      const identity = found.isFile() ? await realpath(path) : path;
      if (seen.has(identity)) return;
      seen.add(identity);
      sources.push({ name: path, path, bytes: found.isFile() ? found.size : undefined });
    } catch (error) {
      problems.push({ name: path, ...explain(error) });
    }
  };
  for (const name of names) {
    if (name === '-') {
      if (!seen.has('-')) sources.push({ name: '-', path: undefined, bytes: undefined });
      seen.add('-');
      continue;
    }
    if (isUrl(name)) {
      const shown = shownUrl(name);
      if (shown === undefined)
        problems.push({
          name: withoutCredentials(name),
          message: 'is not an address',
          hint: 'check how it is written',
        });
      else if (!seen.has(name)) sources.push({ name: shown, path: undefined, url: name, bytes: undefined });
      seen.add(name);
      continue;
    }
    try {
      const found = await stat(name).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' && isPattern(name)) return undefined;
        throw error;
      });
      if (found !== undefined && !found.isDirectory()) {
        await add(name);
        continue;
      }
      const { glob } = await import('tinyglobby');
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

/** Says whether a name that is no path may be a glob pattern. */
export function isPattern(name: string): boolean {
  return /[*?[\]{}!]/.test(name);
}

/**
 * Yields a source's bytes as they are stored, in chunks as `ChunkReader` has them. Throws `SourceDamage` where reading fails.
 */
export async function* chunksOf(source: Source): AsyncGenerator<Uint8Array> {
  if (source.url !== undefined) {
    yield* webChunks(source.url);
    return;
  }
  let file: FileHandle | undefined;
  try {
    file = source.path === undefined ? undefined : await open(source.path).catch(damaged);
    // Of a pipe a read that is under way may never end.
    yield* new ChunkReader(file?.fd ?? STDIN, source.bytes !== undefined).chunks();
  } finally {
    await file?.close();
  }
}

/**
 * Reads what an open file holds. A chunk holds its bytes until the next but one is asked for; then they are overwritten: memory
 * that is used again is in the processor's cache, and nothing need be collected. The next chunk is read while the one at hand is
 * worked on. Throws `SourceDamage` where reading fails.
 */
export class ChunkReader {
  readonly #descriptor: number;
  readonly #isFile: boolean;
  readonly #buffers = [newChunk(), newChunk(), newChunk()] as const;
  #turn = 0;

  constructor(descriptor: number, isFile: boolean) {
    this.#descriptor = descriptor;
    this.#isFile = isFile;
  }

  /** Reads what comes next, and nothing ahead of it; nothing at the end. */
  next(): Promise<Uint8Array> {
    return this.#readInto(this.#turn++, null, Number.POSITIVE_INFINITY);
  }

  /** Yields what stands in a file between two places; without them what comes next, to the end. */
  async *chunks(from: number | null = null, to = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
    let position = from;
    let coming: Promise<Uint8Array> | undefined;
    try {
      coming = this.#readInto(0, position, to);
      for (let turn = 1; ; turn++) {
        const chunk = await coming;
        if (chunk.length === 0) return;
        if (position !== null) position += chunk.length;
        coming = this.#readInto(turn, position, to);
        // It is awaited in the next round; should the caller stop before, its failure is nobody's.
        coming.catch(() => {});
        yield chunk;
      }
    } catch (error) {
      damaged(error);
    } finally {
      // A read that is under way must not outlive its descriptor, whose number the next file may be given.
      if (this.#isFile) await coming?.catch(() => {});
    }
  }

  #readInto(turn: number, position: number | null, to: number, tries = 0): Promise<Uint8Array> {
    const buffer = this.#buffers[turn % 3 === 0 ? 0 : turn % 3 === 1 ? 1 : 2];
    const length = Math.min(CHUNK, position === null ? CHUNK : Math.max(0, to - position));
    if (length === 0) return Promise.resolve(buffer.subarray(0, 0));
    return new Promise<Uint8Array>((resolve, reject) => {
      read(this.#descriptor, buffer, 0, length, position, (error, bytes) => {
        if (error === null) resolve(buffer.subarray(0, bytes));
        // A pipe that someone made non-blocking, as Node.js does where process.stdin is touched: nothing has come yet.
        else if (error.code === 'EAGAIN') {
          const again = () => this.#readInto(turn, position, to, tries + 1).then(resolve, reject);
          if (tries < QUICK_TRIES) setImmediate(again);
          else setTimeout(again, Math.min(tries - QUICK_TRIES, LONGEST_WAIT_MS));
        } else reject(error);
      });
    });
  }
}

export function damaged(error: unknown): never {
  throw damageOf(error);
}

export function damageOf(error: unknown): SourceDamage {
  return error instanceof SourceDamage ? error : new SourceDamage(explain(error).message, { cause: error });
}

/** The reason of a file system error in words. */
export function explain(error: unknown): { message: string; hint?: string } {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
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
