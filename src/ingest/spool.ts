import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileDecoder, RandomAccess } from '../formats/format.ts';
import { SourceDamage } from './damage.ts';
import type { Source } from './source.ts';

// Takes a stream for a decoder that needs the whole file: small ones in memory, others in a temporary file. A source that
// is such a file already is read where it lies.

/** Up to this size, in bytes, a stream is kept in memory. */
const MEMORY = 16 << 20;

export class Spool {
  readonly #decoder: FileDecoder;
  readonly #memory: Uint8Array[] = [];
  #size = 0;
  #file: FileHandle | undefined;
  #hasFailed = false;
  #onRead: ((bytes: number) => void | Promise<void>) | undefined;
  #abort: { readonly reason: unknown } | undefined;

  constructor(decoder: FileDecoder) {
    this.#decoder = decoder;
  }

  /** Reads a source where it lies, if it is a file: then nothing is pushed. `onRead` is told of the bytes read, and may throw. */
  async useFile(source: Source, onRead?: (bytes: number) => void | Promise<void>): Promise<boolean> {
    if (source.path === undefined || source.bytes === undefined) return false;
    try {
      this.#file = await open(source.path);
    } catch {
      return false;
    }
    this.#size = source.bytes;
    this.#onRead = onRead;
    return true;
  }

  async push(chunk: Uint8Array): Promise<void> {
    if (this.#hasFailed) return;
    if (this.#file === undefined && this.#size + chunk.length <= MEMORY) {
      // A chunk is only valid for a while, and the `slice` of a Buffer is no copy.
      this.#memory.push(new Uint8Array(chunk));
      this.#size += chunk.length;
      return;
    }
    try {
      this.#file ??= await this.#spill();
      await this.#file.write(chunk, 0, chunk.length, this.#size);
      this.#size += chunk.length;
    } catch (error) {
      this.#hasFailed = true;
      await this.close();
      const reason = error instanceof Error ? error.message : String(error);
      throw new SourceDamage(`cannot be kept in a temporary file: ${reason}`, { cause: error });
    }
  }

  async end(): Promise<void> {
    try {
      if (!this.#hasFailed) await this.#decoder.decode(this.#access());
      // A decoder takes what it cannot read for damage, and an abort is none.
      if (this.#abort !== undefined) throw this.#abort.reason;
    } finally {
      await this.close();
    }
  }

  /** Gives up what is held. */
  async close(): Promise<void> {
    this.#hasFailed = true;
    this.#memory.length = 0;
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #spill(): Promise<FileHandle> {
    const folder = await mkdtemp(join(tmpdir(), 'tailspan-'));
    try {
      const file = await open(join(folder, 'source'), 'wx+');
      for (const chunk of this.#memory.splice(0)) await file.appendFile(chunk);
      return file;
    } finally {
      // The file lives as long as it is open, and no longer, however the process ends.
      await rm(folder, { recursive: true, force: true });
    }
  }

  #access(): RandomAccess {
    const size = this.#size;
    const file = this.#file;
    if (file === undefined) {
      const whole = Buffer.concat(this.#memory.splice(0));
      return { size, read: async (from, to) => whole.subarray(from, to) };
    }
    let readBytes = 0;
    return {
      size,
      read: async (from, to) => {
        const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(to, size) - from));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
        readBytes += bytesRead;
        try {
          await this.#onRead?.(Math.min(readBytes, size));
        } catch (reason) {
          this.#abort ??= { reason };
          throw reason;
        }
        return buffer.subarray(0, bytesRead);
      },
    };
  }
}
