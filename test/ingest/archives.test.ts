import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import type { SourceAccount } from '../../src/ingest/account.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { SourceDecoder } from '../../src/ingest/decoding.ts';
import { ingest } from '../../src/ingest/ingest.ts';
import { findSources } from '../../src/ingest/source.ts';
import { file, padded, tar, tarHeader, zip } from '../support/archives.ts';
import { fixture } from '../support/fixtures.ts';
import { chunked, openStore, temporaryFolder } from '../support/load.ts';

// Archives: each file in them is a source of its own.

const PLAIN = fixture('otlp-json/plain.json');
const SHOP = fixture('otlp-proto/shop.pb');

/** The accounts of an input's files, as source, spans and fault; `bytes` in chunks. */
async function accountsOf(
  bytes: Uint8Array,
  { chunk = bytes.length, compression = {} } = {},
): Promise<SourceAccount[]> {
  const accounts: SourceAccount[] = [];
  const decoder = new SourceDecoder(
    { producer: 0, firstValueId: 1, onBatch: () => {} },
    { limits: DEFAULT_LIMITS, compression: { ...DEFAULT_COMPRESSION_LIMITS, ...compression } },
  );
  const source = { name: 'dump', path: undefined, bytes: undefined };
  const last = await decoder.decode(source, undefined, chunked(bytes, chunk), async account => {
    accounts.push(account);
  });
  return [...accounts, last];
}

const briefly = (accounts: readonly SourceAccount[]) =>
  accounts.map(({ source, spans, fault }) => [source, spans, fault?.message]);

const KINDS = [
  ['zip', zip],
  ['tar', tar],
] as const;

describe.each(KINDS)('a %s archive', (kind, archive) => {
  const bytes = archive(
    file('traces/', Buffer.alloc(0), { type: '5' }),
    file('traces/b.pb', SHOP),
    file('a.json.gz', gzipSync(PLAIN)),
    file('.hidden.json', PLAIN),
    file('.git/config', Buffer.from('x')),
    file('__MACOSX/a.json', Buffer.from('x')),
    file('ünï/a.json', PLAIN),
  );

  test.each([1, 509, 100_000])(
    'is read file by file, in order, hidden files left out, in chunks of %i',
    async chunk => {
      const accounts = await accountsOf(bytes, { chunk });
      expect(briefly(accounts)).toEqual([
        ['dump:traces/b.pb', 53, undefined],
        ['dump:a.json.gz', 4, undefined],
        ['dump:ünï/a.json', 4, undefined],
      ]);
      expect(accounts[0]).toMatchObject({ format: 'otlp-proto', contentBytes: SHOP.length });
      expect(accounts[1]).toMatchObject({ format: 'otlp-json', contentBytes: PLAIN.length });
    },
  );

  test('may be compressed', async () => {
    for (const compressed of [gzipSync(bytes), zstdCompressSync(bytes)]) {
      expect(briefly(await accountsOf(compressed, { chunk: 1000 }))).toHaveLength(3);
    }
  });

  test('may hold archives, three deep', async () => {
    const inner = archive(file('a.json', PLAIN));
    const three = archive(file('x', archive(file('y', inner))), file('b.json', PLAIN));
    expect(briefly(await accountsOf(three))).toEqual([
      ['dump:x:y:a.json', 4, undefined],
      ['dump:b.json', 4, undefined],
    ]);
    const four = archive(file('w', three), file('b.json', PLAIN));
    expect(briefly(await accountsOf(four))).toEqual([
      ['dump:w:x:y', 0, 'is an archive in more than 3 others'],
      ['dump:w:b.json', 4, undefined],
      ['dump:b.json', 4, undefined],
    ]);
  });

  test('with a file that is no dump gives the others', async () => {
    const mixed = archive(file('a.json', PLAIN), file('README.txt', Buffer.from('hello\n')), file('b.json', PLAIN));
    expect(briefly(await accountsOf(mixed))).toEqual([
      ['dump:a.json', 4, undefined],
      ['dump:README.txt', 0, 'is text in no format that is read'],
      ['dump:b.json', 4, undefined],
    ]);
  });

  test('without files says so', async () => {
    expect(briefly(await accountsOf(archive(file('folder/', Buffer.alloc(0), { type: '5' }))))).toEqual([
      ['dump', 0, 'is an archive without files'],
    ]);
  });

  test('that is cut off anywhere never throws, and says so', async () => {
    const small = archive(file('a.json', PLAIN), file('b.json', PLAIN));
    for (let length = 600; length < small.length - (kind === 'tar' ? 1024 : 0); length += 401) {
      const accounts = await accountsOf(small.subarray(0, length));
      expect(accounts.at(-1)?.source).toBe('dump');
      expect(accounts.at(-1)?.fault?.message).toMatch(/^is cut off: /);
    }
  });

  test('goes into the store a source a file, from a file too', async () => {
    const path = join(temporaryFolder(), `dumps.${kind}`);
    writeFileSync(path, bytes);
    const store = await openStore();
    const { sources } = await findSources([path]);
    const loaded = await ingest(sources, await store.loader(), {
      limits: DEFAULT_LIMITS,
      compression: DEFAULT_COMPRESSION_LIMITS,
    });
    expect(loaded.map(({ account, result }) => [account.source, result.spans, result.duplicates])).toEqual([
      [`${path}:traces/b.pb`, 53, 0],
      [`${path}:a.json.gz`, 4, 0],
      [`${path}:ünï/a.json`, 0, 4],
    ]);
    expect(await store.database.value('SELECT count(*) FROM span')).toBe(57n);
  });

  test('goes into the store through the worker, too', async () => {
    const path = join(temporaryFolder(), `dumps.${kind}`);
    const line = fixture('otlp-json/shop.jsonl');
    const large = Buffer.concat(Array.from({ length: Math.ceil((3 << 20) / line.length) }, () => line));
    writeFileSync(path, archive(file('a', large, { method: 0 }), file('b', large, { method: 0 }), file('c', PLAIN)));
    const store = await openStore();
    const { sources } = await findSources([path]);
    expect(sources[0]!.bytes).toBeGreaterThan(4 << 20);
    const loaded = await ingest(sources, await store.loader(), {
      limits: DEFAULT_LIMITS,
      compression: DEFAULT_COMPRESSION_LIMITS,
    });
    expect(loaded.map(({ account, result }) => [account.source, result.spans, account.fault])).toEqual([
      [`${path}:a`, 53, undefined],
      [`${path}:b`, 0, undefined],
      [`${path}:c`, 4, undefined],
    ]);
  });
});

describe('a zip archive', () => {
  test('says of a file why it cannot be read, and reads the others', async () => {
    const archive = zip(
      file('a.json', PLAIN, { flags: 0x801 }),
      file('b.json', PLAIN, { method: 14 }),
      file('c.json', PLAIN, { crc: 1 }),
      file('d.json', PLAIN, { stored: deflateRawSync(PLAIN).fill(0xff, 200, 300) }),
      file('e.json', zstdCompressSync(PLAIN), { method: 93 }),
      file('link', Buffer.from('a.json'), { attributes: 0o120777 * 65536 }),
      file('../../f.json', PLAIN),
    );
    const accounts = await accountsOf(archive);
    expect(briefly(accounts).map(([source, , message]) => [source, message])).toEqual([
      ['dump:a.json', 'is encrypted'],
      ['dump:b.json', 'is compressed in a way that is not read: LZMA'],
      ['dump:c.json', 'is broken in its archive: the checksum is not that of the content'],
      ['dump:d.json', expect.stringMatching(/^holds broken deflate data: /)],
      ['dump:e.json', undefined],
      ['dump:../../f.json', undefined],
    ]);
    expect(accounts.map(({ spans }) => spans)).toEqual([0, 0, 4, 0, 4, 4]);
  });

  test('that grows without end is given up', async () => {
    const same = Buffer.concat(Array.from({ length: 500 }, () => PLAIN));
    const archive = zip(file('a.json', same), file('b.json', same));
    const accounts = await accountsOf(archive, { compression: { ratio: 10, freeBytes: 100_000 } });
    expect(accounts[0]?.fault?.message).toMatch(/^grows more than 10 times/);
  });
});

describe('a tar archive', () => {
  test('has long names in both ways, and sizes that need them', async () => {
    const name = `${'long/'.repeat(40)}name.json`;
    const field = ` path=pax/${name}\n`;
    const pax = Buffer.from(`${field.length + 3}${field}`);
    const archive = Buffer.concat([
      tarHeader('././@LongLink', name.length + 1, 'L'),
      padded(Buffer.from(`${name}\0`)),
      tarHeader('short', PLAIN.length),
      padded(PLAIN),
      tarHeader('pax', pax.length, 'x'),
      padded(pax),
      tarHeader('short', PLAIN.length),
      padded(PLAIN),
      tarHeader('link', 0, '2'),
      Buffer.alloc(1024),
    ]);
    expect(briefly(await accountsOf(archive, { chunk: 700 }))).toEqual([
      [`dump:${name}`, 4, undefined],
      [`dump:pax/${name}`, 4, undefined],
    ]);
  });

  test('that is broken between two files gives the first', async () => {
    const archive = tar(file('a.json', PLAIN), file('b.json', PLAIN));
    const second = 512 + padded(PLAIN).length;
    archive.fill('x', second, second + 20);
    expect(briefly(await accountsOf(archive))).toEqual([
      ['dump:a.json', 4, undefined],
      ['dump', 0, `is a broken tar archive (byte ${second})`],
    ]);
  });
});
