import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FORMATS } from '../../src/formats/index.ts';
import { lostRecords } from '../../src/ingest/account.ts';
import { type DecodedDump, type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture, fixtureFolders, fixturesIn } from '../support/fixtures.ts';

// What every decoder owes the rest of the program (src/formats/format.ts), once over the registry and all fixtures.

/** Folders of fixtures that are no format of their own. */
const OTHER_FOLDERS = ['example', 'invalid', 'programs'];

/** What a file is read as, where it is not what its folder says. */
const FORMAT_OF_FILE: Readonly<Record<string, string>> = {
  // Jaeger's third API answers in OTLP.
  'jaeger-json/api-v3.json': 'otlp-json',
};

/**
 * Formats in which a span depends on what stands behind it: the id of a recording is made of its first 128 events, and the
 * parent of a span may be written after it.
 */
const DEPENDS_ON_THE_REST = ['chrome-trace/'];

const FORMAT_FOLDERS = fixtureFolders().filter(folder => !OTHER_FOLDERS.includes(folder));
const FORMAT_FILES = FORMAT_FOLDERS.flatMap(name => fixturesIn(name).map(file => [name, file] as const));
const ALL_FILES = [...FORMAT_FILES.map(([, file]) => file), ...fixturesIn('invalid')];

describe('the registry', () => {
  test('has a folder of fixtures for every format, and a format for every folder', () => {
    expect(FORMAT_FOLDERS).toEqual(FORMATS.map(({ name }) => name).sort());
  });

  test.each(FORMATS.map(format => [format.name, format] as const))('describes %s for people', (_, format) => {
    expect(format.title).toMatch(/^[A-Z]/);
    expect(format.recognised).not.toBe('');
  });

  test.each(FORMAT_FILES)('knows %s in %s', async (name, file) => {
    const { account } = await decodeDump(fixture(file));
    expect(account.format).toBe(FORMAT_OF_FILE[file] ?? name);
    expect(account.documents).toBeGreaterThan(0);
  });
});

describe.each(ALL_FILES)('%s', file => {
  const bytes = fixture(file);

  test.each([1, 7])('gives the same in chunks of %i', async chunk => {
    expect(await decodeDump(bytes, { chunk })).toEqual(await decodeDump(bytes));
  });

  test('gives the same under compression', async () => {
    const whole = contentOf(await decodeDump(bytes));
    for (const [how, compressed] of Object.entries(compressions(bytes))) {
      expect(contentOf(await decodeDump(compressed, { chunk: 509 })), how).toEqual(whole);
    }
  });

  if (!DEPENDS_ON_THE_REST.some(folder => file.startsWith(folder))) {
    test('gives no other spans where it is cut off, and says so', async () => {
      await expectSoundCuts(
        bytes,
        [0.25, 0.5, 0.75].map(part => Math.floor(bytes.length * part)).concat(bytes.length - 1),
      );
    });
  }
});

test.each([
  'otlp-json/nulls.json',
  'otlp-json/snake-case.jsonl',
  'otlp-proto/plain.pb',
  'otlp-proto/mixed-signals-framed.pb',
  'jaeger-json/opentracing.json',
  'zipkin-json/shared-spans.json',
])('%s may be cut off anywhere', async file => {
  const bytes = fixture(file);
  await expectSoundCuts(
    bytes,
    Array.from({ length: Math.floor(bytes.length / 5) }, (_, step) => step * 5),
  );
});

/**
 * The beginning of a file gives spans of the whole file only. It has a fault unless the cut falls between two documents,
 * where nothing is missing but what the rest of the file gives by itself.
 */
async function expectSoundCuts(bytes: Buffer, lengths: readonly number[]): Promise<void> {
  const whole = await decodeDump(bytes);
  const all = whole.spans.map(essenceOf);
  const known = new Set(all);
  for (const length of lengths) {
    const { account, spans } = await decodeDump(bytes.subarray(0, length));
    expect(account.spans).toBe(spans.length);
    expect(spans.map(essenceOf).filter(span => !known.has(span))).toEqual([]);
    if (account.fault !== undefined || lostRecords(whole.account) > 0) continue;
    const rest = await decodeDump(bytes.subarray(length));
    expect([...spans, ...rest.spans].map(essenceOf), `cut at byte ${length}`).toEqual(all);
  }
}

/** An account says how many bytes are stored; of a compressed copy those are others. */
function contentOf({ account, spans }: DecodedDump): object {
  return { account: { ...account, bytes: undefined }, spans };
}

function compressions(bytes: Buffer): Record<string, Buffer> {
  const third = Math.floor(bytes.length / 3);
  const parts = [bytes.subarray(0, third), bytes.subarray(third, third), bytes.subarray(third)];
  const skippable = Buffer.from('502a4d1804000000deadbeef', 'hex');
  return {
    gzip: gzipSync(bytes),
    'gzip of several members': Buffer.concat(parts.map(part => gzipSync(part))),
    zstd: zstdCompressSync(bytes),
    'zstd of several frames': Buffer.concat([skippable, ...parts.map(part => zstdCompressSync(part)), skippable]),
    'gzip in zstd': zstdCompressSync(gzipSync(bytes)),
  };
}

/**
 * What a span is whatever stands behind it. Service, resource and scope may stand behind the spans (Jaeger's always do).
 */
function essenceOf({ serviceName, resource, scope, ...rest }: DecodedSpan): string {
  return JSON.stringify(rest, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
}
