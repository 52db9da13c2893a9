import { brotliCompressSync, gzipSync } from 'node:zlib';
import { snappyCompress } from 'hysnappy';
import { compressFrameSync, compressSync } from 'lz4-napi';
import { describe, expect, test } from 'vitest';
import { type CompressionLimits, decompressed, isCompressed } from '../../src/ingest/compression.ts';
import { SourceDamage } from '../../src/ingest/damage.ts';
import { chunked } from '../support/load.ts';

// Framed snappy and lz4, whose frames are read here, and Brotli, which is told by its name alone.

async function peel(bytes: Uint8Array, { chunk = bytes.length, name = '', limits }: Options = {}) {
  const parts: Buffer[] = [];
  let damage: string | undefined;
  try {
    for await (const part of decompressed(chunked(bytes, chunk), limits, name)) parts.push(Buffer.from(part));
  } catch (error) {
    if (!(error instanceof SourceDamage)) throw error;
    damage = error.message;
  }
  return { content: Buffer.concat(parts), damage };
}

interface Options {
  readonly chunk?: number;
  readonly name?: string;
  readonly limits?: CompressionLimits;
}

const TEXT = Buffer.from(
  Array.from({ length: 9000 }, (_, line) => `{"line":${line},"value":${line ** 3 % 997}}\n`).join(''),
);
const NOISE = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 24));

const SNAPPY_START = Buffer.from('ff060000734e61507059', 'hex');

/** CRC-32C bit by bit, masked as the framing format wants it. */
function checksum(content: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of content) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function snappyChunk(type: number, data: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt8(type);
  header.writeUIntLE(data.length, 1, 3);
  return Buffer.concat([header, data]);
}

function snappy(content: Uint8Array): Buffer {
  const chunks: Buffer[] = [SNAPPY_START];
  for (let at = 0; at < content.length; at += 65_536) {
    const block = content.subarray(at, at + 65_536);
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(checksum(block));
    const isStored = at % 131_072 !== 0;
    chunks.push(snappyChunk(isStored ? 1 : 0, Buffer.concat([sum, isStored ? block : snappyCompress(block)])));
  }
  return Buffer.concat(chunks);
}

/** An lz4 frame whose blocks refer to the ones before them, as liblz4 writes them unless told otherwise. */
function linkedLz4(content: Buffer, { blockChecksums = false } = {}): Buffer {
  const parts: Buffer[] = [
    Buffer.from('04224d18', 'hex'),
    Buffer.of(blockChecksums ? 0x5c : 0x4c, 0x40),
    Buffer.alloc(9),
  ];
  for (let at = 0; at < content.length; at += 65_536) {
    const block = content.subarray(at, at + 65_536);
    const window = content.subarray(Math.max(0, at - 65_536), at);
    const compressed = at === 0 ? compressSync(block) : compressSync(block, Buffer.from(window));
    const size = Buffer.alloc(4);
    size.writeUInt32LE(compressed.length - 4);
    parts.push(size, compressed.subarray(4), Buffer.alloc(blockChecksums ? 4 : 0));
  }
  return Buffer.concat([...parts, Buffer.alloc(4), Buffer.alloc(4)]);
}

const FRAMES: readonly (readonly [string, (content: Buffer) => Buffer])[] = [
  ['snappy', snappy],
  ['lz4', content => compressFrameSync(content, { contentChecksum: true, blockChecksums: true })],
  ['lz4', linkedLz4],
  ['lz4', content => linkedLz4(content, { blockChecksums: true })],
];

describe.each(FRAMES)('%s', (name, compress) => {
  test.each([1, 509, 65_536, 1 << 20])('comes out whole in chunks of %i', async chunk => {
    for (const content of chunk === 1 ? [TEXT.subarray(0, 20_000)] : [TEXT, NOISE, Buffer.alloc(0)]) {
      expect(await peel(compress(content), { chunk })).toEqual({ content, damage: undefined });
    }
  });

  test('is told from what is not, and may stand in and around other codecs', async () => {
    expect(isCompressed(compress(TEXT))).toBe(true);
    for (const bytes of [gzipSync(compress(TEXT)), compress(gzipSync(TEXT)), compress(compress(TEXT))]) {
      expect(await peel(bytes, { chunk: 1000 })).toEqual({ content: TEXT, damage: undefined });
    }
  });

  test('may come in several frames, with zeros behind them', async () => {
    const bytes = Buffer.concat([compress(TEXT), compress(Buffer.alloc(0)), compress(NOISE), Buffer.alloc(5000)]);
    expect(await peel(bytes, { chunk: 700 })).toEqual({ content: Buffer.concat([TEXT, NOISE]), damage: undefined });
  });

  test('that is cut off gives the blocks before, and says so', async () => {
    const bytes = compress(NOISE);
    for (let length = 11; length < bytes.length - 5; length += 40_001) {
      const { content, damage } = await peel(bytes.subarray(0, length), { chunk: 10_000 });
      expect(NOISE.subarray(0, content.length).equals(content)).toBe(true);
      expect(damage).toBe(`is cut off: its ${name} data has no end`);
    }
  });

  test('that is broken never throws anything else', async () => {
    const bytes = compress(TEXT);
    for (let at = 4; at < bytes.length; at += 97) {
      const broken = Buffer.from(bytes);
      broken[at]! ^= 0x5a;
      await peel(broken);
    }
  });
});

describe('a decompression bomb', () => {
  test.each(FRAMES)('of %s is given up', async (_, compress) => {
    const limits = { ratio: 1, freeBytes: 100_000 };
    const { content, damage } = await peel(compress(Buffer.alloc(4 << 20)), { limits });
    expect(damage).toMatch(/^grows more than 1 times/);
    expect(content.length).toBeLessThan(4 << 20);
  });
});

describe('snappy', () => {
  test('has a checksum that is looked at', async () => {
    const bytes = snappy(TEXT);
    bytes[SNAPPY_START.length + 5]! ^= 1;
    expect((await peel(bytes)).damage).toBe('holds broken snappy data: the checksum is not that of the content');
  });

  test('passes over padding and chunks that may be passed over, and no others', async () => {
    const more = [snappyChunk(0xfe, Buffer.alloc(10)), snappyChunk(0x90, Buffer.from('later'))];
    expect(await peel(Buffer.concat([snappy(TEXT), ...more, snappy(TEXT)]))).toEqual({
      content: Buffer.concat([TEXT, TEXT]),
      damage: undefined,
    });
    expect(await peel(Buffer.concat([snappy(TEXT), snappyChunk(0x40, Buffer.alloc(3))]))).toEqual({
      content: TEXT,
      damage: 'holds broken snappy data: a chunk of the unknown type 64',
    });
  });

  test('has blocks of at most 64 KiB', async () => {
    const bytes = Buffer.concat([
      SNAPPY_START,
      snappyChunk(0, Buffer.concat([Buffer.alloc(4), snappyCompress(NOISE)])),
    ]);
    expect((await peel(bytes)).damage).toBe('holds broken snappy data: a block of more than 64 KiB');
  });
});

describe('lz4', () => {
  test.each([
    ['04224d18 00 40 00', 'a header of an unknown version'],
    ['04224d18 61 40 00000000 00', 'a frame that needs a dictionary'],
    ['04224d18 60 40 00 ffffff7f', 'a block larger than its frame allows'],
  ])('of the header %s is refused', async (hex, message) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect((await peel(bytes)).damage).toBe(`holds broken lz4 data: ${message}`);
  });
});

describe('Brotli', () => {
  const bytes = brotliCompressSync(TEXT);

  test('is told by the name', async () => {
    expect(await peel(bytes, { name: 'traces.json.br', chunk: 500 })).toEqual({ content: TEXT, damage: undefined });
    expect(await peel(bytes, { name: 'https://host/TRACES.BR' })).toEqual({ content: TEXT, damage: undefined });
    expect(await peel(bytes, { name: 'traces.json' })).toEqual({ content: bytes, damage: undefined });
    expect(await peel(TEXT, { name: 'traces.json.br' })).toEqual({ content: TEXT, damage: undefined });
    expect(await peel(gzipSync(TEXT), { name: 'traces.json.br' })).toEqual({ content: TEXT, damage: undefined });
  });

  test('that is cut off says so', async () => {
    const { content, damage } = await peel(bytes.subarray(0, bytes.length >> 1), { name: 'a.br' });
    expect(TEXT.subarray(0, content.length).equals(content)).toBe(true);
    expect(damage).toBe('is cut off: its brotli data has no end');
  });
});
