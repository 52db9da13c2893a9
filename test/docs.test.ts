import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './support/load.ts';
import { REPOSITORY, runShell } from './support/run.ts';

// What the documents say is tried here; that generated ones are current is for `npm run docs:check`.

const DOCUMENTS = [
  ...readdirSync(REPOSITORY).filter(file => file.endsWith('.md')),
  ...readdirSync(join(REPOSITORY, 'docs')).map(file => `docs/${file}`),
  'bench/README.md',
  'fixtures/README.md',
];
const textOf = (document: string) => readFileSync(join(REPOSITORY, document), 'utf8');

/** The lines of the shell blocks of a document that run tailspan. */
function shellLines(document: string): string[] {
  return [...textOf(document).matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block = '']) => block.split('\n'))
    .filter(line => line.startsWith('tailspan '));
}

describe('documents', () => {
  const documents = ['README.md', 'docs/query-language.md'].map(name => ({ name, lines: shellLines(name) }));
  const examples = documents.flatMap(({ name, lines }) => lines.map(line => ({ name, line })));

  test.each(documents)('$name has examples for a shell', ({ lines }) => {
    expect(lines.length).toBeGreaterThan(2);
  });

  test.each(examples)('the example of $name runs: $line', async ({ line }) => {
    const folder = temporaryFolder();
    copyFileSync(join(REPOSITORY, 'fixtures/example/checkout.jsonl'), join(folder, 'traces.jsonl'));
    mkdirSync(join(folder, 'bin'));
    const { exitCode, stderr } = await runShell(`set -o pipefail; cd '${folder}'; ${line}`, {
      XDG_DATA_HOME: folder,
    });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).not.toContain('error:');
  });

  test.each(DOCUMENTS)('links of %s lead somewhere', document => {
    const targets = [...textOf(document).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
      .map(([, target = '']) => target)
      .filter(target => !/^[a-z]+:/.test(target))
      .map(target => normalize(join(dirname(document), target)));
    const missing = targets.filter(target => {
      try {
        return readdirSync(join(REPOSITORY, dirname(target))).includes(target.split('/').at(-1) ?? '') === false;
      } catch {
        return true;
      }
    });
    expect(missing).toEqual([]);
  });

  test('sections that comments in the code refer to are there', () => {
    const source = readdirSync(join(REPOSITORY, 'src'), { recursive: true, encoding: 'utf8' })
      .filter(file => /\.(ts|sql)$/.test(file))
      .map(file => textOf(`src/${file}`))
      .join('\n');
    const references = [...source.matchAll(/(docs\/[\w-]+\.md)(?:, "([^"]+)")?/g)];
    expect(references.length).toBeGreaterThan(3);
    for (const [, document = '', heading] of references) {
      expect(DOCUMENTS).toContain(document);
      if (heading !== undefined) expect(textOf(document)).toMatch(new RegExp(`^#+ ${heading}`, 'm'));
    }
  });
});
