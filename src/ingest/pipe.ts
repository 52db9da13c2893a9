import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SourceDamage } from './damage.ts';
import { ChunkReader, damaged, damageOf, newChunk, type Source, STDIN } from './source.ts';

// Pipes: stdin, and files that are none. How much comes of them is only known when it has come, and it comes in pieces of 64 KiB.

/** A thread turns to its messages after so many bytes. */
const UNHEARD_BYTES = 256 << 10;

/** An open pipe, and what has come of it: whether that is all shows how large it is. Plain data, so that another thread can read on. */
export interface Pipe {
  readonly descriptor: number;
  readonly head: readonly Uint8Array[];
  /** The head is all there is, or all that can be read. */
  readonly isWhole: boolean;
  /** Why no more can be read. */
  readonly damage?: SourceDamage;
}

/**
 * Opens a source whose size is not known and that is not on the web, and reads so many bytes of it, if there are. Throws `SourceDamage` where it
 * cannot be opened.
 */
export async function openPipe(source: Source, size: number): Promise<Pipe & { close(): Promise<void> }> {
  const file = source.path === undefined ? undefined : await open(source.path).catch(damaged);
  const pipe = { descriptor: file?.fd ?? STDIN, head: [] as Uint8Array[], close: async () => file?.close() };
  const reader = new ChunkReader(pipe.descriptor, false);
  try {
    for (let length = 0; length < size; ) {
      const chunk = await reader.next();
      if (chunk.length === 0) return { ...pipe, isWhole: true };
      pipe.head.push(new Uint8Array(chunk));
      length += chunk.length;
    }
    return { ...pipe, isWhole: false };
  } catch (error) {
    return { ...pipe, isWhole: true, damage: damageOf(error) };
  }
}

/** Yields what is in a pipe, from its beginning, in chunks as `ChunkReader` has them. Throws `SourceDamage` where reading fails. */
export async function* chunksOfPipe({ descriptor, head, isWhole, damage }: Pipe): AsyncGenerator<Uint8Array> {
  yield* head;
  if (damage !== undefined) throw damage;
  // Who types may be asked again for what has ended.
  if (isWhole) return;
  const ready = openUnblocked(descriptor);
  if (ready === undefined) yield* new ChunkReader(descriptor, false).chunks();
  else {
    try {
      yield* chunksAsTheyCome(descriptor, ready);
    } catch (error) {
      damaged(error);
    } finally {
      closeSync(ready);
    }
  }
}

/**
 * Takes what has come from where reading does not block, and waits where it does. While a chunk is worked on, the writer mostly brings the
 * next one; to ask another thread for it would take as long again.
 */
async function* chunksAsTheyCome(descriptor: number, ready: number): AsyncGenerator<Uint8Array> {
  const waiting = new ChunkReader(descriptor, false);
  const buffers = [newChunk(), newChunk()] as const;
  let since = 0;
  for (let turn = 0; ; turn++) {
    const chunk = readReady(ready, buffers[turn % 2 === 0 ? 0 : 1]) ?? (await waiting.next());
    if (chunk.length === 0) return;
    yield chunk;
    // Else nobody is heard who has something to say to this thread.
    since += chunk.length;
    if (since < UNHEARD_BYTES) continue;
    since = 0;
    await nextTurn();
  }
}

/**
 * Opens a pipe once more, so that reading does not block, for us alone; undefined where the system does not let us. A file, as stdin may be
 * one, would be read from its beginning again.
 */
function openUnblocked(descriptor: number): number | undefined {
  try {
    if (!fstatSync(descriptor).isFIFO()) return undefined;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Reads what there is; nothing at the end, undefined where nothing has come yet. */
function readReady(descriptor: number, buffer: Buffer): Uint8Array | undefined {
  try {
    return buffer.subarray(0, readSync(descriptor, buffer));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return undefined;
    throw error;
  }
}
