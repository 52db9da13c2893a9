import type { EventEmitter } from 'node:events';
import type zlib from 'node:zlib';
import { lz4Blocks, snappyBlocks } from './block-codecs.ts';
import { ByteReader } from './byte-reader.ts';
import { SourceDamage } from './damage.ts';
import { isPlainText } from './head.ts';

// Compression is peeled by magic bytes, in any order and nesting, never by file name (but for Brotli, which has none).
// Members and frames are taken one at a time, for concatenated ones are normal (`gzip -c >>`, rotated files) and what
// stands before a fault must be kept.
//   gzip  RFC 1952 · zlib  RFC 1950 · zstd  RFC 8878 · Brotli  RFC 7932
//   snappy  https://github.com/google/snappy/blob/main/framing_format.txt
//   lz4     https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md

export interface CompressionLimits {
  /** How many bytes one compressed byte may become, once `freeBytes` have come out. */
  readonly ratio: number;
  readonly freeBytes: number;
}

/** Telemetry compresses 10 to 60 times; a file of zeroes 1,000 times and more. */
export const DEFAULT_COMPRESSION_LIMITS: CompressionLimits = { ratio: 500, freeBytes: 256 << 20 };

const MAX_LAYERS = 4;
/** As many of the first bytes tell whether a stream is compressed. */
export const MAGIC_BYTES = 10;
/** Compressed bytes are fed in pieces of this size: for the next one the thread that decompresses waits until this one is heard. */
const PIECE = 1 << 18;
/** What the limit of growth counts as taken in, besides what was. */
const HEAD_START = 1 << 16;
/** Decompressed bytes are handed over in chunks of this size: a call each costs more than the bytes (docs/performance.md), and a fault destroys one. */
const OUTPUT = 1 << 20;

/** Chunks that are made ahead of who reads them. With fewer, reading waits where decompression waits for a core (docs/performance.md). */
const AHEAD = 4;
/** They are handed over in slices, between which the thread that makes them is heard and has the next one to do. */
const SLICE = 1 << 18;
/** Chunks back from which on memory is given back: who reads them holds one and the one before. */
const HELD_CHUNKS = AHEAD + 2;

interface Decompressor extends EventEmitter {
  write(chunk: Uint8Array, done: (error?: Error | null) => void): boolean;
  end(): void;
  destroy(): void;
  readonly bytesWritten: number;
}

interface StreamCodec {
  readonly name: string;
  matches(head: Uint8Array): boolean;
  create(library: typeof zlib): Decompressor;
  /** Bytes before and after the stream that `create` understands. */
  readonly header?: (reader: ByteReader) => Promise<void>;
  readonly trailer?: (reader: ByteReader, crc: number, length: number) => Promise<void>;
}

/** A codec of blocks, each decompressed at once by a library of its own. */
interface BlockCodec {
  readonly name: string;
  matches(head: Uint8Array): boolean;
  /** Takes one frame: yields what came of each block, and how many bytes of input there were of it. */
  readonly blocks: (reader: ByteReader) => AsyncGenerator<readonly [content: Uint8Array, stored: number]>;
}

type Codec = StreamCodec | BlockCodec;

const CODECS: readonly Codec[] = [
  {
    name: 'gzip',
    matches: head => head[0] === 0x1f && head[1] === 0x8b && head[2] === 8,
    create: library => library.createInflateRaw({ chunkSize: OUTPUT }),
    header: readGzipHeader,
    trailer: checkGzipTrailer,
  },
  {
    name: 'zstd',
    matches: head =>
      (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) ||
      // A skippable frame.
      (((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18),
    create: library => library.createZstdDecompress({ chunkSize: OUTPUT }),
  },
  {
    name: 'zlib',
    matches: head => head[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(head[1] ?? 0),
    create: library => library.createInflate({ chunkSize: OUTPUT }),
  },
  {
    name: 'snappy',
    // The chunk that every stream begins with: "sNaPpY".
    matches: head => startsWith(head, [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]),
    blocks: snappyBlocks,
  },
  { name: 'lz4', matches: head => startsWith(head, [0x04, 0x22, 0x4d, 0x18]), blocks: lz4Blocks },
];

const BROTLI: StreamCodec = {
  name: 'brotli',
  matches: () => false,
  create: library => library.createBrotliDecompress({ chunkSize: OUTPUT }),
};
/** Deflate without anything around it, as in zip archives. */
const DEFLATE: StreamCodec = {
  name: 'deflate',
  matches: () => false,
  create: library => library.createInflateRaw({ chunkSize: OUTPUT }),
};

function startsWith(head: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => head[index] === byte);
}

/**
 * Yields the bytes under every layer of compression. Throws `SourceDamage` behind the last good byte where a layer is
 * cut off, broken, or grows beyond the limits. `name` is the file's, for Brotli cannot be told by its bytes. `onLayer` is told the name
 * of each codec, the outermost first. A chunk holds its bytes until the next but one is asked for, unless `isKept`.
 */
export async function* decompressed(
  chunks: AsyncIterable<Uint8Array>,
  limits: CompressionLimits = DEFAULT_COMPRESSION_LIMITS,
  name = '',
  onLayer: (codec: string) => void = () => {},
  isKept = false,
): AsyncGenerator<Uint8Array> {
  yield* peeled(chunks, limits, /\.br$/i.test(name) ? BROTLI : undefined, 0, onLayer, isKept);
}

async function* peeled(
  chunks: AsyncIterable<Uint8Array>,
  limits: CompressionLimits,
  named: StreamCodec | undefined,
  layers: number,
  onLayer: (codec: string) => void,
  isKept: boolean,
): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(chunks);
  const head = await reader.peek(MAGIC_BYTES);
  let codec = CODECS.find(({ matches }) => matches(head));
  // A name says nothing against text that stands there, as where an HTTP client has decompressed it already.
  if (codec === undefined && named !== undefined && !isPlainText(await reader.peek(1024))) codec = named;
  if (codec === undefined) yield* reader.rest();
  else if (layers === MAX_LAYERS) throw new SourceDamage(`is compressed more than ${MAX_LAYERS} times over`);
  else {
    onLayer(codec.name);
    const inner = peeled(members(reader, codec, limits, isKept), limits, undefined, layers + 1, onLayer, isKept);
    // Who keeps all of it does not work on it meanwhile.
    yield* isKept ? inner : ahead(inner);
  }
}

/**
 * Has the next chunks made while the last one is worked on: decompression runs on a thread of its own, and would wait there
 * otherwise. What fails is thrown behind all that came before it.
 */
async function* ahead(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const coming: Promise<IteratorResult<Uint8Array>>[] = [];
  const ask = () => {
    const next = chunks.next();
    // It is awaited when it is its turn; until then a failure is nobody's.
    next.catch(() => {});
    coming.push(next);
  };
  try {
    for (let asked = 0; asked < AHEAD; asked++) ask();
    for (let next = coming.shift(); next !== undefined; next = coming.shift()) {
      const { done, value } = await next;
      if (done === true) return;
      ask();
      for (let from = 0; from < value.length; from += SLICE) {
        // What is there already would be read without a pause otherwise.
        await new Promise(resolve => setImmediate(resolve));
        yield value.subarray(from, from + SLICE);
      }
    }
  } finally {
    await chunks.return(undefined);
  }
}

/** Decompresses one message held in memory, as collectors compress each message by itself. */
export async function decompressedMessage(
  message: Uint8Array,
  limits: CompressionLimits,
  onLayer?: (codec: string) => void,
): Promise<Uint8Array> {
  const whole = async function* () {
    yield message;
  };
  const parts: Uint8Array[] = [];
  for await (const part of decompressed(whole(), limits, '', onLayer, true)) parts.push(part);
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

/** Says whether bytes begin as compressed data does. */
export function isCompressed(head: Uint8Array): boolean {
  return CODECS.some(({ matches }) => matches(head));
}

/** Yields what came of a deflated stream, whose growth counts towards `volume`. */
export async function* inflated(
  chunks: AsyncIterable<Uint8Array>,
  limits: CompressionLimits,
  volume: Volume,
): AsyncGenerator<Uint8Array> {
  const { default: library } = await import('node:zlib');
  yield* member(new ByteReader(chunks), DEFLATE, library, limits, volume, true);
}

/** What went into decompression, and what came out of it. */
export interface Volume {
  in: number;
  out: number;
}

function isBeyond(limits: CompressionLimits, volume: Volume): boolean {
  return volume.out > limits.freeBytes && volume.out > (volume.in + HEAD_START) * limits.ratio;
}

function growsTooMuch({ ratio }: CompressionLimits): SourceDamage {
  return new SourceDamage(
    `grows more than ${ratio} times when decompressed (--max-compression-ratio raises the limit)`,
  );
}

async function* members(
  reader: ByteReader,
  codec: Codec,
  limits: CompressionLimits,
  isKept: boolean,
): AsyncGenerator<Uint8Array> {
  const volume: Volume = { in: 0, out: 0 };
  const { default: library } = await import('node:zlib');
  for (;;) {
    if ('create' in codec) yield* member(reader, codec, library, limits, volume, isKept);
    else {
      for await (const [content, stored] of codec.blocks(reader)) {
        volume.in += stored;
        volume.out += content.length;
        if (isBeyond(limits, volume)) throw growsTooMuch(limits);
        if (content.length > 0) yield content;
      }
    }
    const head = await reader.peek(MAGIC_BYTES);
    if (head.length === 0) return;
    if (codec.matches(head)) continue;
    // Zeroes behind the last member are padding (tapes, block devices).
    for await (const rest of reader.rest()) {
      if (rest.some(byte => byte !== 0)) throw new SourceDamage(`has bytes behind the end of its ${codec.name} data`);
    }
    return;
  }
}

async function* member(
  reader: ByteReader,
  codec: StreamCodec,
  library: typeof zlib,
  limits: CompressionLimits,
  volume: Volume,
  isKept: boolean,
): AsyncGenerator<Uint8Array> {
  await codec.header?.(reader);
  const stream = codec.create(library);
  const ready: Uint8Array[] = [];
  const held: Uint8Array[] = [];
  let failure: Error | undefined;
  let ended = false;
  let crc = 0;
  let length = 0;
  let isBomb = false;
  const before = volume.in;
  stream.on('data', (data: Uint8Array) => {
    volume.in = before + stream.bytesWritten;
    volume.out += data.length;
    length += data.length;
    isBomb ||= isBeyond(limits, volume);
    if (isBomb) stream.destroy();
    else ready.push(data);
  });
  const over = new Promise<void>(resolve => {
    stream.on('error', (error: Error) => {
      failure = error;
      resolve();
    });
    stream.on('end', () => {
      ended = true;
      resolve();
    });
    stream.on('close', resolve);
  });
  let fed = 0;
  try {
    while (!ended && failure === undefined && !isBomb) {
      const piece = await reader.take(PIECE);
      // Whether the stream is at its end is only said where more bytes follow, or when it is told that none do.
      if (piece === undefined) {
        stream.end();
        await over;
      } else {
        await Promise.race([new Promise(resolve => stream.write(piece, resolve)), over]);
        fed += piece.length;
      }
      for (const data of ready) if (codec.trailer !== undefined) crc = library.crc32(data, crc);
      for (const data of ready.splice(0)) {
        yield data;
        if (!isKept && held.push(data) > HELD_CHUNKS) giveBack(held.shift());
      }
      if (piece === undefined) break;
      if (!ended && failure === undefined && stream.bytesWritten < fed) await over;
      if (ended) reader.giveBack(piece.subarray(piece.length - (fed - stream.bytesWritten)));
    }
    if (isBomb) throw growsTooMuch(limits);
    const isCut = failure !== undefined && 'code' in failure && failure.code === 'Z_BUF_ERROR';
    if (failure !== undefined && !isCut) throw new SourceDamage(`holds broken ${codec.name} data: ${failure.message}`);
    if (!ended) {
      throw new SourceDamage(`is cut off: its ${codec.name} data has no end`);
    }
  } finally {
    stream.destroy();
  }
  await codec.trailer?.(reader, crc, length);
}

/**
 * Gives memory back to which a library has written the last byte. Left to be collected, every few dozen chunks would have the whole heap
 * marked (docs/performance.md).
 */
function giveBack(chunk: Uint8Array | undefined): void {
  if (chunk === undefined || !(chunk.buffer instanceof ArrayBuffer) || chunk.buffer.byteLength !== OUTPUT) return;
  if (chunk.byteOffset + chunk.byteLength === OUTPUT) chunk.buffer.transfer(0);
}

async function readGzipHeader(reader: ByteReader): Promise<void> {
  const fixed = await reader.takeExactly(10);
  const flags = fixed[3] ?? 0;
  if (flags & 4) {
    const [low = 0, high = 0] = await reader.takeExactly(2);
    await reader.takeExactly(low | (high << 8));
  }
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    let byte: number | undefined;
    do [byte] = await reader.takeExactly(1);
    while (byte !== 0);
  }
  if (flags & 2) await reader.takeExactly(2);
}

async function checkGzipTrailer(reader: ByteReader, crc: number, length: number): Promise<void> {
  const trailer = Buffer.from(await reader.takeExactly(8));
  if (trailer.readUInt32LE(0) !== crc || trailer.readUInt32LE(4) !== length % 4294967296) {
    throw new SourceDamage('holds broken gzip data: the checksum is not that of the content');
  }
}
