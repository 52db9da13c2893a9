import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { page } from '../../src/terminal/pager.ts';
import { temporaryFolder } from '../support/load.ts';

const PATH = process.env.PATH ?? '';

test.each(['TAILSPAN_PAGER', 'PAGER'])('%s gets the text', async variable => {
  const file = join(temporaryFolder(), 'paged');
  expect(await page('a long answer\n', { PATH, [variable]: `cat > '${file}'` })).toBe(true);
  expect(readFileSync(file, 'utf8')).toBe('a long answer\n');
});

test('TAILSPAN_PAGER goes before PAGER, and less gets what it needs', async () => {
  const file = join(temporaryFolder(), 'paged');
  const env = { PATH, TAILSPAN_PAGER: `printf '%s %s' "$LESS" "$LV" > '${file}'; cat > /dev/null`, PAGER: 'false' };
  expect(await page('text', env)).toBe(true);
  expect(readFileSync(file, 'utf8')).toBe('FRX -c');
  expect(await page('text', { ...env, LESS: 'S' })).toBe(true);
  expect(readFileSync(file, 'utf8')).toBe('S -c');
});

test.each([
  ['none is wanted', { PATH, PAGER: '' }],
  ['it is cat', { PATH, PAGER: 'cat' }],
  ['there is none of that name', { PATH, PAGER: 'no-such-pager 2> /dev/null' }],
  ['there is no less', { PATH: '/nonexistent' }],
])('the text is left to be written where %s', async (_, env) => {
  expect(await page('text', env)).toBe(false);
});

test('a pager that ends before it has read all is no error', async () => {
  expect(await page('x'.repeat(5_000_000), { PATH, PAGER: 'true' })).toBe(true);
});

test('Ctrl-C is for the pager as long as it runs', async () => {
  let interrupted = 0;
  const listener = () => {
    interrupted++;
  };
  process.on('SIGINT', listener);
  try {
    await page('text', { PATH, PAGER: `kill -INT ${process.pid}; sleep 0.1` });
    expect(interrupted).toBe(0);
    expect(process.listeners('SIGINT')).toContain(listener);
  } finally {
    process.off('SIGINT', listener);
  }
});
