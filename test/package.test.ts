import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support/load.ts';
import { REPOSITORY } from './support/run.ts';

const run = promisify(execFile);

test('the package holds what it needs, installs globally and answers', { timeout: 180_000 }, async () => {
  const folder = temporaryFolder();
  // Without `prepare`, which would build into the folder that other tests run from.
  const pack = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: REPOSITORY,
  });
  const packed: unknown = JSON.parse(pack.stdout);
  // npm 11 gives a list, npm 12 an object by package name.
  const [about] = Object.values(packed as Record<string, { filename: string; files: { path: string }[] }>);
  const paths = (about?.files ?? []).map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'bin/tailspan.js', 'dist/cli.js']));
  expect(paths.filter(path => !/^(bin|dist)\/|^(LICENSE|README\.md|CHANGELOG\.md|package\.json)$/.test(path))).toEqual(
    [],
  );

  await run(
    'npm',
    [
      'install',
      '--global',
      '--prefix',
      folder,
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      join(folder, about?.filename ?? ''),
    ],
    { cwd: folder },
  );
  const program = join(folder, 'bin/tailspan');
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  const env = { ...process.env, LANG: 'C.UTF-8' };
  expect((await run(program, ['--version'], { env })).stdout).toBe(`${version}\n`);
  const example = join(REPOSITORY, 'fixtures/example/checkout.jsonl');
  const summary = await run(program, ['summary', example, '--json'], { env, cwd: folder });
  expect(JSON.parse(summary.stdout)).toMatchObject({ spanCount: 303, traceCount: 25 });
});
