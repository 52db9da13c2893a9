import { constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../src/ingest/byte-reader.ts';
import {
  type CompressionLimits,
  DEFAULT_COMPRESSION_LIMITS,
  decompressed,
  decompressedMessage,
  isCompressed,
} from '../../src/ingest/compression.ts';
import { SourceDamage } from '../../src/ingest/damage.ts';
import { chunked } from '../support/load.ts';

// Layers of compression, peeled by what they begin with; members and frames one at a time.

interface Peeled {
  readonly content: Buffer;
  /** Why reading ended before its end. */
  readonly damage: string | undefined;
}

/** Peels bytes that come in chunks of a size (each overwritten when the next but one is asked for). */
async function peel(bytes: Uint8Array, chunk = bytes.length, limits?: CompressionLimits): Promise<Peeled> {
  const parts: Buffer[] = [];
  const all = (damage?: string) => ({ content: Buffer.concat(parts), damage });
  try {
    for await (const part of decompressed(chunked(bytes, chunk), limits)) parts.push(Buffer.from(part));
    return all();
  } catch (error) {
    if (!(error instanceof SourceDamage)) throw error;
    return all(error.message);
  }
}

const gzip = (content: Uint8Array) => gzipSync(content);
const zlib = (content: Uint8Array) => deflateSync(content);
/** With a checksum of the content, as the command line tool writes it. */
const zstd = (content: Uint8Array) => zstdCompressSync(content, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const CODECS = { gzip, zlib, zstd } as const;

const SKIPPABLE = Buffer.from('5a2a4d1803000000aabbcc', 'hex');

const TEXT = Buffer.from(
  Array.from({ length: 4000 }, (_, line) => `{"line":${line},"value":${line ** 3 % 997}}\n`).join(''),
);
/** As random as text is not: it does not shrink, so that a stream of it is long. */
const NOISE = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 24));

describe('what is not compressed', () => {
  test('comes as it is', async () => {
    for (const content of [Buffer.alloc(0), Buffer.from('{'), Buffer.from([0x1f]), Buffer.from('xyz'), TEXT]) {
      expect(await peel(content, 3)).toEqual({ content, damage: undefined });
    }
  });

  test('is told from what is', () => {
    for (const compress of Object.values(CODECS)) expect(isCompressed(compress(TEXT))).toBe(true);
    expect(isCompressed(SKIPPABLE)).toBe(true);
    for (const text of ['', '{}', '\x1f\x8b', '(µ/', 'xylophone'])
      expect(isCompressed(Buffer.from(text, 'latin1'))).toBe(false);
  });
});

describe.each(Object.entries(CODECS))('%s', (name, compress) => {
  test.each([1, 7, 509, 65_536, 65_537])('comes out whole in chunks of %i', async chunk => {
    for (const content of chunk < 100 ? [TEXT.subarray(0, 20_000)] : [TEXT, NOISE, Buffer.alloc(0)]) {
      expect(await peel(compress(content), chunk)).toEqual({ content, damage: undefined });
    }
  });

  test('may come in several members, also empty ones', async () => {
    const parts = [TEXT, Buffer.alloc(0), NOISE, Buffer.from('x'), Buffer.alloc(0)];
    const members = parts.map(compress);
    const bytes = Buffer.concat(members);
    const content = Buffer.concat(parts);
    // Also where each chunk ends with the first member, or a byte behind it.
    for (const chunk of [1000, members[0]!.length, members[0]!.length + 1, bytes.length]) {
      expect(await peel(bytes, chunk)).toEqual({ content, damage: undefined });
    }
  });

  test('may be padded with zeros', async () => {
    expect(await peel(Buffer.concat([compress(TEXT), Buffer.alloc(70_000)]), 4096)).toEqual({
      content: TEXT,
      damage: undefined,
    });
  });

  test('keeps its content where other bytes stand behind it', async () => {
    expect(await peel(Buffer.concat([compress(TEXT), Buffer.from('garbage')]), 100)).toEqual({
      content: TEXT,
      damage: `has bytes behind the end of its ${name} data`,
    });
  });

  test('that is cut off gives the beginning of its content, and says so', async () => {
    const whole = Buffer.concat([TEXT, NOISE]);
    const bytes = compress(whole);
    for (let length = 5; length < bytes.length; length += 9973) {
      const { content, damage } = await peel(bytes.subarray(0, length), 1000);
      expect(whole.subarray(0, content.length).equals(content)).toBe(true);
      expect(damage).toMatch(/^is cut off/);
    }
    const { content, damage } = await peel(bytes.subarray(0, -1));
    expect(content.length).toBeGreaterThan(TEXT.length);
    expect(damage).toMatch(/^is cut off/);
  });

  test('that is cut off in a later member keeps the members before it', async () => {
    const first = compress(TEXT);
    const second = compress(NOISE);
    const { content, damage } = await peel(Buffer.concat([first, second.subarray(0, second.length >> 1)]), 10_000);
    expect(content.subarray(0, TEXT.length).equals(TEXT)).toBe(true);
    expect(damage).toBe(`is cut off: its ${name} data has no end`);
  });

  test('that is broken keeps what stands before the fault', async () => {
    const bytes = Buffer.concat([compress(TEXT), compress(NOISE)]);
    bytes.fill(0xff, compress(TEXT).length + 1000, compress(TEXT).length + 1100);
    const { content, damage } = await peel(bytes, 5000);
    expect(content.subarray(0, TEXT.length).equals(TEXT)).toBe(true);
    expect(damage).toMatch(new RegExp(`^holds broken ${name} data: `));
  });

  test('of a message is peeled at once', async () => {
    expect(Buffer.from(await decompressedMessage(compress(TEXT), DEFAULT_COMPRESSION_LIMITS)).equals(TEXT)).toBe(true);
    await expect(decompressedMessage(compress(TEXT).subarray(0, 50), DEFAULT_COMPRESSION_LIMITS)).rejects.toThrow(
      SourceDamage,
    );
  });
});

test('any nesting of any members in any chunks comes out whole', async () => {
  const codec = fc.constantFrom(...Object.values(CODECS));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 }),
      fc.array(codec, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 200 }),
      async (parts, [inner, ...outer], chunk) => {
        const content = Buffer.concat(parts);
        fc.pre(!isCompressed(content));
        const members = Buffer.concat(parts.map(part => inner!(part)));
        const bytes = outer.reduce((layer, compress) => compress(layer), members);
        expect(await peel(bytes, chunk)).toEqual({ content, damage: undefined });
      },
    ),
    { numRuns: 60 },
  );
});

describe('many chunks', () => {
  const large = Buffer.concat(
    Array.from({ length: 40 }, (_, part) => Buffer.concat([Buffer.from([part]), NOISE, TEXT])),
  );

  test.each([
    ['gzip', gzip(large)],
    ['zstd', zstd(large)],
    ['gzip in zstd', zstd(gzip(large))],
    ['members', Buffer.concat([gzip(large), gzip(large)])],
  ])('hold their bytes until the next but one is asked for, and no memory for long: %s', async (name, bytes) => {
    const content = name === 'members' ? Buffer.concat([large, large]) : large;
    const given: Uint8Array[] = [];
    let at = 0;
    for await (const chunk of decompressed(chunked(bytes, 1 << 20))) {
      const before = given.at(-1) ?? new Uint8Array(0);
      const both = Buffer.concat([before, chunk]);
      at += chunk.length;
      expect(both.equals(content.subarray(at - both.length, at))).toBe(true);
      given.push(chunk);
    }
    expect(at).toBe(content.length);
    const held = given.filter(chunk => chunk.byteLength > 0).reduce((sum, chunk) => sum + chunk.length, 0);
    expect(held).toBeLessThan(content.length / 2);
  });

  test('of a message are its own', async () => {
    expect((await decompressedMessage(gzip(large), DEFAULT_COMPRESSION_LIMITS)).length).toBe(large.length);
    expect(Buffer.from(await decompressedMessage(zstd(gzip(large)), DEFAULT_COMPRESSION_LIMITS)).equals(large)).toBe(
      true,
    );
  });
});

test('more than four layers are refused', async () => {
  const layers = (count: number) => Array.from({ length: count }).reduce<Buffer>(bytes => gzipSync(bytes), TEXT);
  expect(await peel(layers(4))).toEqual({ content: TEXT, damage: undefined });
  expect(await peel(layers(5))).toEqual({ content: Buffer.alloc(0), damage: 'is compressed more than 4 times over' });
});

describe('gzip headers', () => {
  /** A member with the fields that `flags` announces: extra 4, name 8, comment 16, a checksum of the header 2. */
  const content = TEXT.subarray(0, 300);
  const member = (flags: number) => {
    const plain = gzipSync(content);
    plain[3] = flags;
    const fields = [
      ...(flags & 4 ? [Buffer.from([3, 0, 1, 2, 3])] : []),
      ...(flags & 8 ? [Buffer.from('trace-ä.json\0')] : []),
      ...(flags & 16 ? [Buffer.from('made by hand\0')] : []),
      ...(flags & 2 ? [Buffer.from([0xab, 0xcd])] : []),
    ];
    return Buffer.concat([plain.subarray(0, 10), ...fields, plain.subarray(10)]);
  };

  test.each([4, 8, 16, 2, 30])('with the fields %i are passed over', async flags => {
    for (const chunk of [1, 5, 1000]) {
      expect(await peel(Buffer.concat([member(flags), member(0)]), chunk)).toEqual({
        content: Buffer.concat([content, content]),
        damage: undefined,
      });
    }
  });

  test('that are cut off are told as such', async () => {
    for (const length of [3, 9, 11, 14, 20]) {
      expect(await peel(member(30).subarray(0, length))).toEqual({ content: Buffer.alloc(0), damage: 'is cut off' });
    }
  });
});

describe('checksums', () => {
  test.each([-1, -5])('of gzip are looked at: byte %i', async at => {
    const bytes = gzipSync(TEXT);
    bytes[bytes.length + at]! ^= 1;
    expect(await peel(bytes)).toEqual({
      content: TEXT,
      damage: 'holds broken gzip data: the checksum is not that of the content',
    });
  });

  test('of zstd are looked at', async () => {
    const bytes = zstd(TEXT);
    expect(await peel(bytes, 100)).toEqual({ content: TEXT, damage: undefined });
    bytes[bytes.length - 1]! ^= 1;
    expect((await peel(bytes)).damage).toMatch(/^holds broken zstd data: /);
  });
});

describe('zstd frames', () => {
  test('that are to be skipped are, wherever they stand', async () => {
    const [first, second] = [TEXT.subarray(0, 500), TEXT.subarray(500, 2000)];
    const bytes = Buffer.concat([SKIPPABLE, zstd(first), SKIPPABLE, SKIPPABLE, zstd(second), SKIPPABLE]);
    for (const chunk of [1, SKIPPABLE.length, bytes.length]) {
      expect(await peel(bytes, chunk)).toEqual({ content: Buffer.concat([first, second]), damage: undefined });
    }
  });

  test('end where they end, whatever the chunk that ends there', async () => {
    // A thousand frames, so that their ends fall anywhere in the pieces that are fed.
    const frames = Array.from({ length: 1000 }, (_, number) => zstd(Buffer.from(`${number}\n`.repeat(number % 7))));
    const content = Buffer.from(frames.map((_, number) => `${number}\n`.repeat(number % 7)).join(''));
    for (const chunk of [13, 1000])
      expect(await peel(Buffer.concat(frames), chunk)).toEqual({ content, damage: undefined });
  });
});

describe('a decompression bomb', () => {
  const zeros = Buffer.alloc(4 << 20);
  const limits = { ratio: 20, freeBytes: 100_000 };

  test.each(Object.entries(CODECS))('of %s is given up soon after the limit', async (_, compress) => {
    const { content, damage } = await peel(compress(zeros), 100, limits);
    expect(damage).toBe('grows more than 20 times when decompressed (--max-compression-ratio raises the limit)');
    expect(content.length).toBeLessThan(zeros.length);
  });

  test('in a bomb is given up, too', async () => {
    expect((await peel(gzip(zstd(zeros)), 100, limits)).damage).toMatch(/^grows more than 20 times/);
  });

  test('of many members is measured as a whole', async () => {
    const members = Array.from({ length: 40 }, () => gzip(zeros.subarray(0, 100_000)));
    expect((await peel(Buffer.concat(members), 100, limits)).damage).toMatch(/^grows more than 20 times/);
  });

  test('is none where the content is small, or grows no more than telemetry does', async () => {
    expect((await peel(gzip(zeros.subarray(0, 100_000)), 100, limits)).damage).toBeUndefined();
    expect((await peel(gzip(TEXT), 100, { ratio: 20, freeBytes: 0 })).damage).toBeUndefined();
    expect((await peel(gzip(zeros))).damage).toBeUndefined();
  });
});

describe('a reader of bytes', () => {
  const reader = (...parts: readonly string[]) =>
    new ByteReader(
      (async function* () {
        for (const part of parts) yield Buffer.from(part);
      })(),
    );
  const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

  test('looks ahead over chunks without taking', async () => {
    const bytes = reader('ab', '', 'c', 'def');
    expect(text(await bytes.peek(4))).toBe('abcd');
    expect(text(await bytes.take(1))).toBe('a');
    expect(text(await bytes.takeExactly(3))).toBe('bcd');
    expect(text(await bytes.peek(9))).toBe('ef');
  });

  test('takes back what was too much', async () => {
    const bytes = reader('ab', 'cd');
    const taken = await bytes.take(2);
    bytes.giveBack(taken!.subarray(1));
    bytes.giveBack(Buffer.alloc(0));
    const rest: string[] = [];
    for await (const part of bytes.rest()) rest.push(text(part)!);
    expect(rest.join('')).toBe('bcd');
    expect(await bytes.take(1)).toBeUndefined();
  });

  test('says where bytes are missing', async () => {
    await expect(reader('ab').takeExactly(3)).rejects.toThrow(new SourceDamage('is cut off'));
  });
});
