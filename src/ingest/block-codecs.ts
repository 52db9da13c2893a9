import type { ByteReader } from './byte-reader.ts';
import { SourceDamage } from './damage.ts';

// Codecs whose frames hold blocks. The blocks are decompressed by libraries; the frames around them are read here, block
// by block, so that memory does not grow with the stream.

type Blocks = AsyncGenerator<readonly [content: Uint8Array, stored: number]>;

const SNAPPY = { compressed: 0, uncompressed: 1, padding: 0xfe, identifier: 0xff } as const;
const MAX_SNAPPY_BLOCK = 1 << 16;

/** Takes a framed snappy stream to its end; concatenated ones are one stream. */
export async function* snappyBlocks(reader: ByteReader): Blocks {
  const { snappyUncompressor } = await import('hysnappy');
  const uncompress = snappyUncompressor();
  for (;;) {
    const head = await reader.peek(4);
    // Chunks of type 0 are never empty, so that zeros are padding.
    if (head.length === 0 || (head.length === 4 && head.every(byte => byte === 0))) return;
    const header = await exactly(reader, 4, 'snappy');
    const type = header.readUInt8(0);
    const data = await exactly(reader, header.readUIntLE(1, 3), 'snappy');
    if (type === SNAPPY.identifier || type >= 0x80) continue;
    if (type > SNAPPY.uncompressed) throw broken('snappy', `a chunk of the unknown type ${type}`);
    if (data.length < 4) throw broken('snappy', 'a chunk without a checksum');
    const block = data.subarray(4);
    const content = type === SNAPPY.uncompressed ? block : snappyBlock(uncompress, block);
    if (maskedCrc32c(content) !== data.readUInt32LE(0)) {
      throw broken('snappy', 'the checksum is not that of the content');
    }
    yield [content, data.length];
  }
}

function snappyBlock(uncompress: (block: Uint8Array, length: number) => Uint8Array, block: Uint8Array): Uint8Array {
  // The length of the content, as a varint of at most three bytes.
  const [low = 0, middle = 0, high = 0] = block;
  const length = (low & 127) | (low < 128 ? 0 : (middle & 127) << 7) | (low < 128 || middle < 128 ? 0 : high << 14);
  if (length > MAX_SNAPPY_BLOCK) throw broken('snappy', 'a block of more than 64 KiB');
  try {
    return uncompress(block, length);
  } catch (error) {
    throw broken('snappy', error instanceof Error ? error.message : String(error));
  }
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** The checksum of the framing format: CRC-32C, turned round and shifted. */
function maskedCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC32C[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Sizes of blocks by the number that stands for them. */
const LZ4_BLOCKS: readonly number[] = [0, 0, 0, 0, 1 << 16, 1 << 18, 1 << 20, 4 << 20];
/** How far back a block may refer to the ones before it. */
const LZ4_WINDOW = 1 << 16;

/** Takes one lz4 frame. Its checksums (xxHash) are passed over. */
export async function* lz4Blocks(reader: ByteReader): Blocks {
  const { uncompressSync } = await import('lz4-napi');
  const [flags = 0, sizes = 0] = (await exactly(reader, 6, 'lz4')).subarray(4);
  const blockSize = LZ4_BLOCKS[(sizes >> 4) & 7] ?? 0;
  if (flags >> 6 !== 1 || blockSize === 0) throw broken('lz4', 'a header of an unknown version');
  if (flags & 1) throw broken('lz4', 'a frame that needs a dictionary');
  const isLinked = (flags & 0x20) === 0;
  const blockChecksum = flags & 0x10 ? 4 : 0;
  // The size of the content, if it is there, and the checksum of the header.
  await exactly(reader, (flags & 8 ? 8 : 0) + 1, 'lz4');
  let window = Buffer.alloc(0);
  for (;;) {
    const word = (await exactly(reader, 4, 'lz4')).readUInt32LE(0);
    if (word === 0) break;
    const size = word % 2 ** 31;
    if (size > blockSize) throw broken('lz4', 'a block larger than its frame allows');
    const block = await exactly(reader, size + blockChecksum, 'lz4');
    let content: Buffer = block.subarray(0, size);
    if (word < 2 ** 31) {
      // The library wants the size of the content first; it takes less than that, too.
      const sized = Buffer.allocUnsafe(4 + size);
      sized.writeUInt32LE(blockSize, 0);
      content.copy(sized, 4);
      try {
        content = window.length === 0 ? uncompressSync(sized) : uncompressSync(sized, window);
      } catch (error) {
        throw broken('lz4', error instanceof Error ? error.message : String(error));
      }
    }
    if (isLinked) {
      window = Buffer.concat([window.subarray(Math.max(0, window.length - LZ4_WINDOW + content.length)), content]);
      window = window.subarray(Math.max(0, window.length - LZ4_WINDOW));
    }
    yield [content, size];
  }
  if (flags & 4) await exactly(reader, 4, 'lz4');
}

async function exactly(reader: ByteReader, size: number, codec: string): Promise<Buffer> {
  const bytes = await reader.peek(size);
  if (bytes.length < size) throw new SourceDamage(`is cut off: its ${codec} data has no end`);
  // What is taken must last longer than the chunk it stands in.
  return Buffer.from(await reader.takeExactly(size));
}

function broken(codec: string, detail: string): SourceDamage {
  return new SourceDamage(`holds broken ${codec} data: ${detail}`);
}
