import { DEFAULT_COMPRESSION_LIMITS, decompressed, isCompressed } from '../ingest/compression.ts';
import { SourceDamage } from '../ingest/damage.ts';
import { type Hold, Pieces } from './budget.ts';

// Content-Encoding of HTTP and grpc-encoding: what the header names, and never more than so many bytes out of it. What comes out is
// counted as it comes, so a thousand bombs at once cost no more than there is memory for.

/** The body is over the limit once it is decompressed. */
export class ContentTooLarge extends Error {}

/** Where content goes. */
export interface Room {
  /** The most bytes that content may have. */
  readonly limit: number;
  readonly hold: Hold;
}

/** Content comes out in pieces of this size. */
const OUTPUT = 1 << 16;

type Decode = (bytes: Uint8Array, room: Room) => Promise<Uint8Array>;

/** Names as clients write them. `snappy` is a block to the Collector and a stream to others; the first bytes tell. */
const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['identity', async bytes => bytes],
  ['gzip', (bytes, room) => inflate('createGunzip', bytes, room)],
  ['x-gzip', (bytes, room) => inflate('createGunzip', bytes, room)],
  ['zstd', (bytes, room) => inflate('createZstdDecompress', bytes, room)],
  ['deflate', (bytes, room) => inflate(hasZlibHeader(bytes) ? 'createInflate' : 'createInflateRaw', bytes, room)],
  ['zlib', (bytes, room) => inflate('createInflate', bytes, room)],
  ['snappy', (bytes, room) => (beginsSnappyStream(bytes) ? framed(bytes, room) : snappyBlock(bytes, room))],
  ['x-snappy-framed', framed],
  ['lz4', framed],
]);

/** Encodings for `Accept-Encoding`. */
export const ACCEPTED_ENCODINGS = 'gzip, zstd, deflate, snappy, lz4';

/** Returns how content of an encoding, as a header names it, is decoded; undefined for one that is not known. */
export function contentDecoder(encoding: string | undefined): Decode | undefined {
  return DECODERS.get(encoding === undefined || encoding.trim() === '' ? 'identity' : encoding.trim().toLowerCase());
}

/** Takes a piece of content. Throws `ContentTooLarge` where it is one too many, `OverBudget` where there is no room for it. */
function addContent(content: Pieces, piece: Uint8Array, { limit }: Room): void {
  if (content.length + piece.length > limit) throw new ContentTooLarge();
  content.add(piece);
}

/** Decodes; throws what `addContent` throws, or `SourceDamage` where the bytes are not in the encoding. */
async function inflate(
  method: 'createGunzip' | 'createInflate' | 'createInflateRaw' | 'createZstdDecompress',
  bytes: Uint8Array,
  room: Room,
): Promise<Uint8Array> {
  const { default: zlib } = await import('node:zlib');
  const decoder = zlib[method]({ chunkSize: OUTPUT });
  const content = new Pieces(room.hold);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      decoder.destroy();
      reject(error);
    };
    decoder.on('error', error => fail(new SourceDamage(error.message, { cause: error })));
    decoder.on('end', () => {
      try {
        resolve(content.whole());
      } catch (error) {
        fail(error);
      }
    });
    decoder.on('data', (piece: Uint8Array) => {
      try {
        addContent(content, piece, room);
      } catch (error) {
        fail(error);
      }
    });
    decoder.end(bytes);
  });
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

async function snappyBlock(bytes: Uint8Array, { limit, hold }: Room): Promise<Uint8Array> {
  const { snappyUncompress } = await import('hysnappy');
  let length = 0;
  let scale = 1;
  for (const byte of bytes.subarray(0, 5)) {
    length += (byte & 127) * scale;
    if (byte < 128) break;
    scale *= 128;
  }
  if (length > limit) throw new ContentTooLarge();
  hold.take(length);
  try {
    return snappyUncompress(bytes, length);
  } catch (error) {
    throw new SourceDamage(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Streams that say what they are, as files of them do. */
async function framed(bytes: Uint8Array, room: Room): Promise<Uint8Array> {
  if (!isCompressed(bytes)) throw new SourceDamage('it does not begin as one');
  const stored = async function* () {
    yield bytes;
  };
  const content = new Pieces(room.hold);
  for await (const piece of decompressed(stored(), DEFAULT_COMPRESSION_LIMITS)) addContent(content, piece, room);
  return content.whole();
}
