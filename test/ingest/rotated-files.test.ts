import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSources } from '../../src/ingest/source.ts';
import { temporaryFolder } from '../support/load.ts';

// Sets of files as exporters rotate them: read whole by their folder or a pattern, oldest first where names tell.

function folderOf(...files: readonly string[]): string {
  const folder = temporaryFolder();
  for (const file of files) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), '{}');
  }
  return folder;
}

describe.each([
  [
    "the Collector's file exporter",
    '*',
    ['traces-2026-11-01T23-59-59.999.json', 'traces-2026-11-02T08-00-00.001.json.zst', 'traces.json'],
  ],
  [
    "the Collector's file exporter, grouped by an attribute",
    '**/*.jsonl',
    ['cart/traces-2026-11-02T08-00-00.001.jsonl', 'cart/traces.jsonl', 'shop/traces.jsonl'],
  ],
  [
    "the Collector's S3 exporter",
    'year=*/**',
    [
      'year=2026/month=11/day=01/hour=23/minute=59/traces_1.json.gz',
      'year=2026/month=11/day=02/hour=00/minute=00/traces_2.json.gz',
      'year=2026/month=11/day=02/hour=00/minute=01/traces_1.binpb',
    ],
  ],
  ['logrotate', 'traces.log*', ['traces.log', 'traces.log.1', 'traces.log.2.gz']],
])('files of %s', (_, pattern, files) => {
  test('are found in order, by folder and by pattern', async () => {
    const folder = folderOf(...files.toReversed());
    for (const name of [folder, `${folder}/${pattern}`]) {
      const { sources, problems } = await findSources([name]);
      expect(problems).toEqual([]);
      expect(sources.map(({ path }) => path?.slice(folder.length + 1))).toEqual(files);
    }
  });
});
