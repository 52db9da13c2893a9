import type { Entry } from 'yauzl';
import type { RandomAccess } from '../formats/format.ts';
import { ByteReader } from './byte-reader.ts';
import { type CompressionLimits, inflated, type Volume } from './compression.ts';
import { SourceDamage } from './damage.ts';

// Archives: files one after the other, each read as a source of its own. Nothing is ever written to where a name says.
//   tar  https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, and GNU's long names
//   zip  https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, whose directory yauzl reads

/** A file in an archive. */
export interface ArchiveEntry {
  readonly path: string;
  /** Bytes in the archive. */
  readonly size: number;
  /** What is in it; `SourceDamage` where it cannot be read. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

const TAR_BLOCK = 512;
/** Names and other properties of a file; more is no archive that anyone wrote. */
const MAX_PROPERTIES = 1 << 20;
const CHUNK = 1 << 20;

export type ArchiveKind = 'tar' | 'zip';

/** Returns what archive a stream is, by its first bytes. */
export function archiveKind(head: Uint8Array): ArchiveKind | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  // "PK" and the header of a file, or the end of an archive without any.
  if (bytes.length >= 22 && [0x04034b50, 0x06054b50].includes(bytes.readUInt32LE(0))) return 'zip';
  const isTar = bytes.length >= TAR_BLOCK && bytes.toString('latin1', 257, 262) === 'ustar';
  return isTar && isTarHeader(bytes.subarray(0, TAR_BLOCK)) ? 'tar' : undefined;
}

/** Hidden files are left out, as they are of a folder. */
function isHidden(path: string): boolean {
  return (
    path.split('/').some(part => part.startsWith('.') && part !== '.' && part !== '..') || path.startsWith('__MACOSX/')
  );
}

/** Yields the files of a tar archive. Take what is in one before you ask for the next. */
export async function* tarEntries(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const reader = new ByteReader(chunks);
  let offset = 0;
  let long: { path?: string; size?: number } = {};
  for (;;) {
    const header = Buffer.from(await reader.peek(TAR_BLOCK));
    if (header.length < TAR_BLOCK) throw new SourceDamage('is cut off: its archive has no end');
    await reader.takeExactly(TAR_BLOCK);
    if (header.every(byte => byte === 0)) return;
    if (!isTarHeader(header)) throw new SourceDamage(`is a broken tar archive (byte ${offset})`);
    const type = header.toString('latin1', 156, 157);
    const size = long.size ?? tarNumber(header, 124, 12);
    const padding = (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
    offset += TAR_BLOCK + size + padding;
    if (type === 'x' || type === 'L') {
      if (size > MAX_PROPERTIES) throw new SourceDamage('is a broken tar archive: a name of more than 1 MiB');
      const text = Buffer.from(await exactly(reader, size + padding)).toString('utf8', 0, size);
      long = type === 'L' ? { ...long, path: text.replace(/\0.*$/s, '') } : { ...long, ...paxFields(text) };
      continue;
    }
    const path = long.path ?? tarPath(header);
    long = {};
    const file = { left: size };
    const isFile = type === '0' || type === '\0' || type === '7';
    if (isFile && !path.endsWith('/') && !isHidden(path)) {
      yield { path: path.replace(/^(?:\.\/)+/, ''), size, chunks: upTo(reader, file) };
    }
    while (file.left > 0) file.left -= (await exactly(reader, Math.min(file.left, CHUNK))).length;
    await exactly(reader, padding);
  }
}

/** Yields the next `left` bytes, counting down. */
async function* upTo(reader: ByteReader, file: { left: number }): AsyncGenerator<Uint8Array> {
  while (file.left > 0) {
    const piece = await reader.take(Math.min(file.left, CHUNK));
    if (piece === undefined) throw new SourceDamage('is cut off: its archive ends inside it');
    file.left -= piece.length;
    yield piece;
  }
}

async function exactly(reader: ByteReader, size: number): Promise<Uint8Array> {
  if ((await reader.peek(size)).length < size) throw new SourceDamage('is cut off: its archive has no end');
  return reader.takeExactly(size);
}

/** The sum of all bytes, where those of the sum itself count as spaces. */
function isTarHeader(header: Buffer): boolean {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  return sum === tarNumber(header, 148, 8);
}

function tarNumber(header: Buffer, from: number, length: number): number {
  // Large ones are binary, which the first bit says.
  if ((header[from] ?? 0) & 0x80) return Number(header.readBigUInt64BE(from + length - 8));
  const text = header
    .toString('latin1', from, from + length)
    .replace(/[\0 ]+$/, '')
    .trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : 0;
}

function tarPath(header: Buffer): string {
  const text = (from: number, to: number) => header.toString('utf8', from, to).replace(/\0.*$/s, '');
  // GNU keeps times where POSIX keeps the beginning of long names.
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? text(345, 500) : '';
  return prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

/** `27 path=a/long/name.json\n`: the length of the record, and a field. */
function paxFields(text: string): { path?: string; size?: number } {
  const fields = new Map<string, string>();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    const length = Number.parseInt(bytes.toString('latin1', at, at + 20), 10);
    if (!(length > 0)) break;
    const record = bytes.toString('utf8', at, at + length - 1);
    const [, key = '', value = ''] = /^\d+ ([^=]*)=(.*)$/s.exec(record) ?? [];
    fields.set(key, value);
    at += length;
  }
  const path = fields.get('path');
  const size = fields.get('size');
  return { ...(path === undefined ? {} : { path }), ...(size === undefined ? {} : { size: Number(size) }) };
}

const ENCRYPTED = 1;
const METHODS: Readonly<Record<number, string>> = { 9: 'Deflate64', 12: 'bzip2', 14: 'LZMA', 93: 'zstd', 95: 'xz' };

/** Yields the files of a zip archive, in the order of its directory. */
export async function* zipEntries(file: RandomAccess, limits: CompressionLimits): AsyncGenerator<ArchiveEntry> {
  const { fromRandomAccessReaderPromise, getFileNameLowLevel, RandomAccessReader } = await import('yauzl');
  class Reader extends RandomAccessReader {
    override read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null) => void,
    ): void {
      file.read(position, position + length).then(bytes => {
        buffer.set(bytes, offset);
        callback(bytes.length < length ? new Error('unexpected EOF') : null);
      }, callback);
    }
  }
  // What comes out of all files counts: the entries of an archive may share their bytes.
  const volume: Volume = { in: file.size, out: 0 };
  try {
    const archive = await fromRandomAccessReaderPromise(new Reader(), file.size, {
      decodeStrings: false,
      validateEntrySizes: false,
    });
    for await (const entry of archive.eachEntry()) {
      const path = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, false);
      const isLink = entry.externalFileAttributes >>> 28 === 0o12;
      if (path.endsWith('/') || isLink || isHidden(path)) continue;
      const start = async () => (await archive.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
      yield { path, size: entry.compressedSize, chunks: zipContent(file, entry, start, limits, volume) };
    }
  } catch (error) {
    if (error instanceof SourceDamage || !(error instanceof Error)) throw error;
    if (/not found|EOF/i.test(error.message)) {
      throw new SourceDamage('is cut off: its zip archive has no directory, which stands at the end', { cause: error });
    }
    throw new SourceDamage(`is a broken zip archive: ${error.message}`, { cause: error });
  }
}

async function* zipContent(
  file: RandomAccess,
  entry: Entry,
  start: () => Promise<number>,
  limits: CompressionLimits,
  volume: Volume,
): AsyncGenerator<Uint8Array> {
  const { compressionMethod: method, generalPurposeBitFlag: flags, compressedSize: size } = entry;
  if (flags & ENCRYPTED) throw new SourceDamage('is encrypted', { hint: 'unpack the archive with its password' });
  if (method !== 0 && method !== 8 && method !== 93) {
    throw new SourceDamage(`is compressed in a way that is not read: ${METHODS[method] ?? `method ${method}`}`, {
      hint: 'unpack the archive',
    });
  }
  const from = await start().catch((error: Error) => {
    throw new SourceDamage(`is broken in its archive: ${error.message}`, { cause: error });
  });
  const stored = async function* () {
    for (let at = from; at < from + size; at += CHUNK) {
      const chunk = await file.read(at, Math.min(at + CHUNK, from + size));
      if (chunk.length === 0) throw new SourceDamage('is cut off: its archive ends inside it');
      yield chunk;
    }
  };
  const { crc32 } = await import('node:zlib');
  let crc = 0;
  // Method 93 is zstd, which is found by its magic bytes further on; its checksum is that of the content.
  for await (const chunk of method === 8 ? inflated(stored(), limits, volume) : stored()) {
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (method !== 93 && crc !== entry.crc32) {
    throw new SourceDamage('is broken in its archive: the checksum is not that of the content');
  }
}
