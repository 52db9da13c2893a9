import { promisify } from 'node:util';
import { DEFAULT_COMPRESSION_LIMITS, decompressed, isCompressed } from '../ingest/compression.ts';
import { SourceDamage } from '../ingest/damage.ts';

// Content-Encoding of HTTP: what the header names, and never more than so many bytes out of it. Decompression stops there, so a
// bomb costs no more than a request of the largest size.

/** The body is over the limit once it is decompressed. */
export class ContentTooLarge extends Error {}

type Decode = (bytes: Uint8Array, limit: number) => Promise<Uint8Array>;

/** Names as clients write them. `snappy` is a block to the Collector and a stream to others; the first bytes tell. */
const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['identity', async bytes => bytes],
  ['gzip', (bytes, limit) => inflate('gunzip', bytes, limit)],
  ['x-gzip', (bytes, limit) => inflate('gunzip', bytes, limit)],
  ['zstd', (bytes, limit) => inflate('zstdDecompress', bytes, limit)],
  ['deflate', (bytes, limit) => inflate(hasZlibHeader(bytes) ? 'inflate' : 'inflateRaw', bytes, limit)],
  ['zlib', (bytes, limit) => inflate('inflate', bytes, limit)],
  ['snappy', (bytes, limit) => (beginsSnappyStream(bytes) ? framed(bytes, limit) : snappyBlock(bytes, limit))],
  ['x-snappy-framed', framed],
  ['lz4', framed],
]);

/** Encodings for `Accept-Encoding`. */
export const ACCEPTED_ENCODINGS = 'gzip, zstd, deflate, snappy, lz4';

/** Returns how content of an encoding, as a header names it, is decoded; undefined for one that is not known. */
export function contentDecoder(encoding: string | undefined): Decode | undefined {
  return DECODERS.get(encoding === undefined || encoding.trim() === '' ? 'identity' : encoding.trim().toLowerCase());
}

/** Decodes; throws `ContentTooLarge`, or `SourceDamage` where the content is not in its encoding. */
async function inflate(
  method: 'gunzip' | 'inflate' | 'inflateRaw' | 'zstdDecompress',
  bytes: Uint8Array,
  limit: number,
): Promise<Uint8Array> {
  const { default: zlib } = await import('node:zlib');
  try {
    return await promisify<Uint8Array, object, Buffer>(zlib[method])(bytes, { maxOutputLength: limit });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw new ContentTooLarge();
    throw new SourceDamage(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** RFC 9110 means zlib's format by `deflate`; some clients leave its header out. */
function hasZlibHeader([first = 0, second = 0]: Uint8Array): boolean {
  return (first & 15) === 8 && ((first << 8) | second) % 31 === 0;
}

/** The chunk that every stream begins with; as a block it would be one of 895 bytes that begins with two zeros. */
const SNAPPY_STREAM = Buffer.from('ff060000734e61507059', 'hex');

function beginsSnappyStream(bytes: Uint8Array): boolean {
  return SNAPPY_STREAM.equals(bytes.subarray(0, SNAPPY_STREAM.length));
}

async function snappyBlock(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  const { snappyUncompress } = await import('hysnappy');
  let length = 0;
  let scale = 1;
  for (const byte of bytes.subarray(0, 5)) {
    length += (byte & 127) * scale;
    if (byte < 128) break;
    scale *= 128;
  }
  if (length > limit) throw new ContentTooLarge();
  try {
    return snappyUncompress(bytes, length);
  } catch (error) {
    throw new SourceDamage(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Streams that say what they are, as files of them do. */
async function framed(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  if (!isCompressed(bytes)) throw new SourceDamage('it does not begin as one');
  const whole = async function* () {
    yield bytes;
  };
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of decompressed(whole(), DEFAULT_COMPRESSION_LIMITS)) {
    length += part.length;
    if (length > limit) throw new ContentTooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts);
}
