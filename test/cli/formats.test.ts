import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FORMATS } from '../../src/formats/index.ts';
import { file, tar } from '../support/archives.ts';
import { temporaryFolder } from '../support/load.ts';
import { answer, answerJson, tailspan } from '../support/run.ts';

interface Found {
  readonly found: readonly {
    readonly source: string;
    readonly format?: string;
    readonly reason?: string;
    readonly documents: number;
    readonly spans: number;
    readonly offset?: number;
    readonly because: string;
    readonly inside: string;
  }[];
}

describe('tailspan formats', () => {
  test('lists every format with what it is recognised by', async () => {
    const { formats } = await answerJson<{ formats: unknown[] }>(['formats']);
    expect(formats).toEqual(FORMATS.map(({ name, title, recognised }) => ({ name, title, recognised })));
    for (const { name } of FORMATS) expect(await answer(['formats'], { isTty: true })).toContain(name);
  });

  test('says what a file is, stretch by stretch', async () => {
    const { found } = await answerJson<Found>(['formats', 'fixtures/otlp-json/mixed-signals.jsonl']);
    expect(new Set(found.map(({ format, reason }) => format ?? reason))).toEqual(
      new Set(['otlp-json', 'otlp-logs', 'otlp-metrics', 'otlp-profiles', 'no-spans']),
    );
    expect(found.reduce((sum, { spans }) => sum + spans, 0)).toBe(4);
  });

  test('says where the first record is that gave nothing, and why', async () => {
    const { found } = await answerJson<Found>(['formats', 'fixtures/invalid/broken-line.jsonl']);
    expect(found).toContainEqual(expect.objectContaining({ reason: expect.any(String), offset: expect.any(Number) }));
    expect(found.reduce((sum, { spans }) => sum + spans, 0)).toBe(4);
  });

  test('takes spans for those of the document, not of what was left out in it', async () => {
    const { found } = await answerJson<Found>(['formats', 'fixtures/invalid/missing-ids.json']);
    expect(found.map(({ format, reason, documents, spans }) => [format ?? reason, documents, spans])).toEqual([
      ['missing-trace-id', 1, 0],
      ['missing-span-id', 2, 0],
      ['otlp-json', 1, 2],
    ]);
  });

  test('says what was taken off: compression, frames, what a log put around lines', async () => {
    const lines = readFileSync('fixtures/otlp-json/shop.jsonl', 'utf8').trimEnd().split('\n');
    const docker = lines.map(line => JSON.stringify({ log: `${line}\n`, stream: 'stdout', time: 'now' })).join('\n');
    const wrapped = join(temporaryFolder(), 'docker.log.gz');
    writeFileSync(wrapped, gzipSync(docker));
    const insides = async (file: string) =>
      (await answerJson<Found>(['formats', file])).found.map(({ inside, spans }) => [inside, spans]);
    expect(await insides(wrapped)).toEqual([["gzip, Docker's json-file log", 53]]);
    expect(await insides('fixtures/otlp-proto/shop-framed-zstd.pb')).toEqual([
      ['frames behind 32-bit lengths, zstd', 53],
    ]);
    expect(await insides('fixtures/otlp-json/plain.json')).toEqual([['', 4]]);
  });

  test('tells the files of an archive apart', async () => {
    const archive = join(temporaryFolder(), 'dumps.tar');
    const [plain, text] = ['fixtures/otlp-json/plain.json', 'fixtures/invalid/not-json.txt'].map(path =>
      readFileSync(path),
    );
    writeFileSync(archive, tar(file('a.json', plain!), file('b.txt', text!), file('c.json', plain!)));
    const { stdout } = await tailspan(['formats', archive, '--json']);
    const { found }: Found = JSON.parse(stdout);
    expect(found.map(({ source, format, spans }) => [source, format, spans])).toEqual([
      [`${archive}:a.json`, 'otlp-json', 4],
      [`${archive}:b.txt`, undefined, 0],
      [`${archive}:c.json`, 'otlp-json', 4],
    ]);
  });

  test('shows how a file begins that is nothing that is read', async () => {
    const text = await tailspan(['formats', 'fixtures/invalid/not-json.txt'], { isTty: true });
    expect(text.stdout).toContain('begins with "Dear colleagues,"');
    // Its hint would be to ask what is asked here.
    expect(text.stderr).toBe('error: fixtures/invalid/not-json.txt is text in no format that is read\n');
    const image = await tailspan(['formats', 'fixtures/invalid/image.png', '--json']);
    expect(JSON.parse(image.stdout).found).toMatchObject([
      { documents: 0, because: expect.stringMatching(/^begins with 89 50 4e 47/) },
    ]);
    expect((await tailspan(['formats', 'fixtures/invalid/empty.json'], { isTty: true })).stdout).toBe('');
  });

  test('refuses what is none with a sentence and exit code 2, and tells the rest', async () => {
    const { exitCode, stdout, stderr } = await tailspan([
      'formats',
      'fixtures/invalid/image.png',
      'fixtures/zipkin-json/shop.json',
      '--json',
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('error: fixtures/invalid/image.png is no trace dump but a PNG image');
    expect(JSON.parse(stdout).found).toMatchObject([
      { source: 'fixtures/invalid/image.png', documents: 0 },
      { source: 'fixtures/zipkin-json/shop.json', format: 'zipkin-json' },
    ]);
  });
});
