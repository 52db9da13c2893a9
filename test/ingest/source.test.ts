import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SourceDamage } from '../../src/ingest/damage.ts';
import { chunksOf, findSources, isPattern, type Source, shownName } from '../../src/ingest/source.ts';
import { temporaryFolder } from '../support/load.ts';
import { REPOSITORY } from '../support/run.ts';

// What the user named, as things to read, and their bytes.

/** Makes files (name: content) in a folder of the test, folders as needed; returns the folder's path. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(`${folder}/${name.split('/').slice(0, -1).join('/')}`, { recursive: true });
    writeFileSync(`${folder}/${name}`, content);
  }
  return folder;
}

/** What is found behind names in a folder, as names relative to it. */
async function found(folder: string, ...names: readonly string[]): Promise<readonly (string | undefined)[]> {
  const { sources, problems } = await findSources(names.map(name => (name === '-' ? name : `${folder}/${name}`)));
  return [
    ...sources.map(source => source.path?.slice(folder.length + 1)),
    ...problems.map(({ name, message }) => `${name.slice(folder.length + 1)} ${message}`),
  ];
}

describe('the files behind names', () => {
  const TREE = {
    'b.json': '{}',
    'a.jsonl': '',
    'deep/er/c.pb.gz': 'x',
    'deep/d.json': '',
    '.hidden': 'x',
    '.git/e.json': 'x',
    'deep/.f': 'x',
    '[odd].json': 'x',
  };

  test.each([
    [
      ['b.json', 'a.jsonl'],
      ['b.json', 'a.jsonl'],
    ],
    [['.'], ['./[odd].json', './a.jsonl', './b.json', './deep/d.json', './deep/er/c.pb.gz']],
    [['deep'], ['deep/d.json', 'deep/er/c.pb.gz']],
    [['deep/'], ['deep/d.json', 'deep/er/c.pb.gz']],
    [['*.json'], ['[odd].json', 'b.json']],
    [['**/*.json'], ['[odd].json', 'b.json', 'deep/d.json']],
    [['*.{jsonl,json}'], ['[odd].json', 'a.jsonl', 'b.json']],
    [['deep/*'], ['deep/d.json']],
    // A name that is there is no pattern.
    [['[odd].json'], ['[odd].json']],
    // Hidden files are read where they are named.
    [
      ['.hidden', '.git'],
      ['.hidden', '.git/e.json'],
    ],
    [['nothing-*.json'], ['nothing-*.json matches no file']],
    [['nothing.json'], ['nothing.json does not exist']],
    [['b.json/c'], ['b.json/c does not exist']],
    [
      ['nothing', 'b.json'],
      ['b.json', 'nothing does not exist'],
    ],
  ])('%j are %j', async (names, expected) => {
    expect(await found(folderWith(TREE), ...names)).toEqual(expected);
  });

  test.each([
    [['a', 'a']],
    [['a', './a', 'x/../a']],
    [['a', '.']],
    [['a', '*']],
    [['a', 'link-to-a']],
    [['a', '-', '-']],
  ])('a file that %j name again is read once', async names => {
    const folder = folderWith({ a: '1', 'x/b': '2' });
    symlinkSync('a', `${folder}/link-to-a`);
    const files = await found(folder, ...names);
    expect(files.filter(file => file?.replace('./', '') === 'a')).toHaveLength(1);
    expect(files).not.toContain('link-to-a');
    expect(files.filter(file => file === undefined)).toHaveLength(names.includes('-') ? 1 : 0);
  });

  test('links lead to files and folders, and a loop of links to nothing new', async () => {
    const folder = folderWith({ 'a/1.json': '{}', 'a/b/2.json': '{}', 'other/3.json': '{}' });
    symlinkSync('..', `${folder}/a/b/up`);
    symlinkSync('../other', `${folder}/a/also`);
    symlinkSync('nowhere', `${folder}/a/broken`);
    symlinkSync('self', `${folder}/a/self`);
    expect(await found(folder, 'a')).toEqual(['a/1.json', 'a/also/3.json', 'a/b/2.json']);
    expect(await found(folder, 'a/self')).toEqual(['a/self is a link that leads to itself']);
    expect(await found(folder, 'a/broken')).toEqual(['a/broken does not exist']);
  });

  test('an empty folder is a problem, and so is one of hidden files only', async () => {
    const folder = folderWith({ 'hidden/.a': 'x' });
    mkdirSync(`${folder}/empty`);
    expect(await found(folder, 'empty', 'hidden')).toEqual(['empty is an empty folder', 'hidden is an empty folder']);
  });

  test('problems say what to do', async () => {
    expect((await findSources(['no-such-file.json'])).problems).toEqual([
      { name: 'no-such-file.json', message: 'does not exist', hint: 'check the path, or use - to read from stdin' },
    ]);
    expect((await findSources(['x'.repeat(5000)])).problems[0]?.message).toBe('is not a path: the name is too long');
  });

  test('are named as the user would write them, with their sizes', async () => {
    const folder = folderWith({ 'a.json': '{"a":1}' });
    const path = `${folder}/a.json`;
    expect((await findSources([path])).sources).toEqual([{ name: path, path, bytes: 7 }]);
    const asRelative = relative(process.cwd(), path);
    expect((await findSources([asRelative])).sources).toEqual([{ name: asRelative, path: asRelative, bytes: 7 }]);
    expect((await findSources(['-'])).sources).toEqual([{ name: '-', path: undefined, bytes: undefined }]);
  });

  test.each([
    ['traces.json', false],
    ['/var/log/traces-2026-11-20T09:00.json', false],
    ['*.json', true],
    ['trace?.json', true],
    ['{a,b}.json', true],
    ['[ab].json', true],
    ['!(a).json', true],
  ])('%s may be a pattern: %s', (name, expected) => {
    expect(isPattern(name)).toBe(expected);
  });
});

describe('the bytes of a source', () => {
  const sourceOf = (path: string, bytes?: number): Source => ({ name: path, path, bytes });

  test('are those of the file, in chunks of which two are whole at any time', async () => {
    const content = Buffer.from(Uint8Array.from({ length: 3_300_000 }, (_, at) => Math.imul(at, 31) >>> 3));
    const path = `${temporaryFolder()}/large`;
    writeFileSync(path, content);
    let at = 0;
    let before: Uint8Array = new Uint8Array(0);
    for await (const chunk of chunksOf(sourceOf(path, content.length))) {
      // The chunk before this one still holds its bytes.
      expect(content.subarray(at - before.length, at).equals(before)).toBe(true);
      expect(content.subarray(at, at + chunk.length).equals(chunk)).toBe(true);
      at += chunk.length;
      before = chunk;
    }
    expect(at).toBe(content.length);
  });

  test.each([
    ['a folder', (folder: string) => folder, 'is a folder'],
    ['no file', (folder: string) => `${folder}/none`, 'does not exist'],
  ])('of %s cannot be had', async (_, pathIn, message) => {
    const read = async () => {
      for await (const chunk of chunksOf(sourceOf(pathIn(temporaryFolder())))) expect(chunk).toHaveLength(0);
    };
    await expect(read()).rejects.toThrow(new SourceDamage(message));
  });

  test('may be left before their end, file after file', async () => {
    const folder = temporaryFolder();
    const contents = ['a', 'b', 'c'].map(letter => Buffer.alloc(2_500_000, letter));
    for (const [index, content] of contents.entries()) writeFileSync(`${folder}/${index}`, content);
    for (let round = 0; round < 20; round++) {
      const index = round % 3;
      for await (const chunk of chunksOf(sourceOf(`${folder}/${index}`, 2_500_000))) {
        expect(chunk.every(byte => byte === contents[index]![0])).toBe(true);
        if (round < 17) break;
      }
    }
  });

  test('of stdin come as they are piped', async () => {
    const script = `
      import { chunksOf } from ${JSON.stringify(pathToFileURL(`${REPOSITORY}/src/ingest/source.ts`).href)};
      let length = 0;
      for await (const chunk of chunksOf({ name: '-', path: undefined, bytes: undefined })) length += chunk.length;
      console.log(length);`;
    const child = spawn(process.execPath, ['--input-type=module', '--no-warnings', '--eval', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      output += text;
    });
    const ended = new Promise(resolve => child.on('close', resolve));
    // Should the child fail, its output says so.
    child.stdin.on('error', () => {});
    child.stdin.write(Buffer.alloc(1_500_000));
    await new Promise(resolve => setTimeout(resolve, 50));
    child.stdin.end('the rest');
    await ended;
    expect(output).toBe('1500008\n');
  });
});

test.each([
  ['-', 'stdin'],
  ['-:traces/a.json', 'stdin:traces/a.json'],
  ['-a.json', '-a.json'],
  ['a.zip:a.json', 'a.zip:a.json'],
])('people are told of %s as %s', (name, shown) => {
  expect(shownName(name)).toBe(shown);
});
