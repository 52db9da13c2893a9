import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { BODY_FORMATS, type BodyFormats } from './body-formats.ts';

// The journal: bodies of requests on disk before they are acknowledged, and until their spans are in the database. It is a folder
// of segments beside the database. A process that ends in the middle leaves it behind, and whoever opens the database next stores
// what is in it: twice does no harm, for spans that are stored already are told by their content.
//
//   segment   "tailspan journal 1\n", then records
//   record    length of the body (32 bits, little endian), CRC-32 of all that follows it, code of the body's formats (16 bits,
//             little endian), body
//
// Records are written in groups: what comes while one group is on its way to the disk is the next group. So a disk that takes 10 ms
// costs every request 10 to 20 ms, and no more with a thousand senders than with one.

const MAGIC = Buffer.from('tailspan journal 1\n');
const HEADER_BYTES = 10;
/** A segment that is this long is followed by a new one. */
const SEGMENT_BYTES = 64 << 20;
/** So much goes to the disk at a time. */
const GROUP_BYTES = 16 << 20;

interface Waiting {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  readonly resolve: (segment: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes a journal. One at a time has a folder: whoever holds the database. */
export class Journal {
  readonly #folder: string;
  readonly #segmentBytes: number;
  #segment = 0;
  #file: FileHandle | undefined;
  /** Bytes of the segment in hand that hold whole records. */
  #length = 0;
  #queue: Waiting[] = [];
  #writing: Promise<void> | undefined;
  /** Segments that were not removed yet. */
  readonly #segments = new Set<number>();

  constructor(folder: string, segmentBytes = SEGMENT_BYTES) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Writes a body; resolves with the number of its segment once it is on the disk. */
  append(formats: BodyFormats, body: Uint8Array): Promise<number> {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(body.length, 0);
    header.writeUInt16LE(formats.code, 8);
    header.writeUInt32LE(crc32(body, crc32(header.subarray(8))), 4);
    return new Promise((resolve, reject) => {
      this.#queue.push({ header, body, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    // What is appended in this turn of the event loop goes along.
    await undefined;
    while (this.#queue.length > 0) {
      const group: Waiting[] = [];
      for (let bytes = 0; bytes < GROUP_BYTES && this.#queue.length > 0; bytes += group.at(-1)?.body.length ?? 0) {
        group.push(...this.#queue.splice(0, 1));
      }
      try {
        await this.#writeGroup(group);
        for (const { resolve } of group) resolve(this.#segment);
      } catch (error) {
        // A record that was cut short would hide those behind it.
        await this.#giveUp();
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    if (this.#length >= this.#segmentBytes) await this.#close();
    const parts = group.flatMap(({ header, body }) => [header, body]);
    if (this.#file === undefined) {
      this.#segment++;
      this.#segments.add(this.#segment);
      this.#file = await open(this.#path(this.#segment), 'w', 0o600);
      await syncFolder(this.#folder);
      parts.unshift(MAGIC);
      this.#length = 0;
    }
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    for (let at = 0; at < parts.length; at += MAX_PARTS) {
      const some = parts.slice(at, at + MAX_PARTS);
      const wanted = some.reduce((sum, part) => sum + part.length, 0);
      const { bytesWritten } = await this.#file.writev(some);
      if (bytesWritten < wanted) throw new Error('the disk took only a part');
    }
    await this.#file.datasync();
    this.#length += bytes;
  }

  /** Ends the segment in hand after a failure; one that has not a record is removed. */
  async #giveUp(): Promise<void> {
    const isEmpty = this.#length === 0;
    // What went wrong before is what is told.
    await this.#close().catch(() => {});
    if (!isEmpty) return;
    rmSync(this.#path(this.#segment), { force: true });
    this.#segments.delete(this.#segment);
  }

  /** Removes the segments up to this one: all that they hold is in the database. The one in hand is closed if it is among them. */
  async release(segment: number): Promise<void> {
    while (this.#writing !== undefined && segment >= this.#segment) await this.#writing;
    if (segment >= this.#segment) await this.#close();
    for (const number of this.#segments) {
      if (number > segment) continue;
      this.#segments.delete(number);
      rmSync(this.#path(number), { force: true });
    }
  }

  /** Waits for what is being written, and closes the segment in hand; all stay. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#close();
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#length = 0;
    await file?.close();
  }

  #path(segment: number): string {
    return join(this.#folder, `${String(segment).padStart(6, '0')}${EXTENSION}`);
  }
}

/** Has the names of new files outlast a loss of power, where the system can. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await using handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    // Windows has no such thing, and some network disks refuse it.
  }
}

const EXTENSION = '.log';
/** Systems take so many buffers in one call. */
const MAX_PARTS = 1024;

/** Returns the segments that are in a folder, oldest first; none where there is no such folder. */
export function journalSegments(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter(name => name.endsWith(EXTENSION))
      .sort()
      .map(name => join(folder, name));
  } catch {
    return [];
  }
}

/** Removes a journal whose records are all in the database. */
export function removeJournal(folder: string): void {
  for (const segment of journalSegments(folder)) rmSync(segment, { force: true });
  try {
    rmdirSync(folder);
  } catch {
    // Somebody has put something there, or it is gone.
  }
}

/** The records of a segment, in order. What was cut off at its end was not acknowledged, and is left out. */
export function* journalRecords(
  segment: string,
): Generator<{ readonly formats: BodyFormats; readonly body: Uint8Array }> {
  const bytes = readFileSync(segment);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return;
  let at = MAGIC.length;
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + HEADER_BYTES + bytes.readUInt32LE(at);
    if (end > bytes.length || crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4)) return;
    const code = bytes.readUInt16LE(at + 8);
    const formats = BODY_FORMATS.find(known => known.code === code);
    if (formats !== undefined) yield { formats, body: bytes.subarray(at + HEADER_BYTES, end) };
    at = end;
  }
}
