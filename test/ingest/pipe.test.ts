import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chunksOfPipe, openPipe } from '../../src/ingest/pipe.ts';
import { temporaryFolder } from '../support/load.ts';

// What a decoder relies on: a chunk holds its bytes until the next but one is asked for, however slowly they come.

test.each([
  ['slowly', 'for i in $(seq 40); do printf "piece %03d " $i; sleep 0.005; done', 400],
  ['at once', 'seq 200000', 1_288_895],
  ['at once and then slowly', 'seq 20000; for i in $(seq 20); do sleep 0.005; seq 20000; done', 21 * 108_894],
])('bytes that come %s', async (_, writing, length) => {
  const path = join(temporaryFolder(), 'pipe');
  spawnSync('sh', ['-c', `mkfifo '${path}'`]);
  const writer = spawn('sh', ['-c', `(${writing}) > '${path}'`]);
  const pipe = await openPipe({ name: path, path, bytes: undefined }, 1);
  expect(pipe.isWhole).toBe(false);
  const parts: Buffer[] = [];
  let held: Uint8Array | undefined;
  for await (const chunk of chunksOfPipe(pipe)) {
    if (held !== undefined) expect(Buffer.compare(held, parts.at(-1)!)).toBe(0);
    held = chunk;
    parts.push(Buffer.from(chunk));
  }
  await pipe.close();
  const { stdout: expected } = spawnSync('sh', ['-c', writing.replaceAll(/sleep 0.005;?/g, ':; ')], {
    maxBuffer: 1 << 24,
  });
  expect(expected).toHaveLength(length);
  expect(Buffer.compare(Buffer.concat(parts), expected)).toBe(0);
  expect(writer.exitCode ?? 0).toBe(0);
});
