import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../src/commands/index.ts';
import { FORMATS } from '../src/formats/index.ts';
import { RENDERERS } from '../src/report/index.ts';
import { REPOSITORY } from './support/run.ts';

// The structure of src/ as ARCHITECTURE.md states it. An edge that this test refuses is mended in the code, not here.

/** From the top to the bottom; imports go down only, and never between folders of one layer. */
const LAYERS: readonly (readonly string[])[] = [
  ['cli.ts'],
  ['commands'],
  ['tui', 'report', 'config', 'receive'],
  ['ingest', 'store', 'query', 'analysis', 'terminal'],
  ['formats'],
  ['model'],
];
/** What every layer may import. */
const EVERYWHERE = ['errors.ts'];

/** Packages that only one place knows. */
const OWNED_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@duckdb/node-api': ['store'],
  '@duckdb/node-bindings': ['store'],
  commander: ['cli.ts'],
  ink: ['tui'],
  react: ['tui'],
  chalk: ['terminal'],
  'cli-table3': ['terminal'],
  'cli-progress': ['terminal'],
  'string-width': ['terminal'],
  'env-paths': ['config'],
  'fastest-levenshtein': ['commands', 'query', 'report'],
  tinyglobby: ['ingest'],
  yauzl: ['ingest'],
  hysnappy: ['ingest', 'receive'],
  'lz4-napi': ['ingest'],
  'node:zlib': ['ingest', 'receive'],
  'node:http': ['receive'],
  'node:http2': ['receive'],
  'node:https': ['receive'],
  'node:net': ['ingest', 'receive', 'store'],
  'node:dgram': ['receive'],
  'node:worker_threads': ['ingest', 'receive'],
  'node:child_process': ['terminal'],
};

/** What only some places may ask the process for, so that output depends on nothing that a test cannot set. */
const OWNED_WORDS: readonly (readonly [pattern: RegExp, owners: readonly string[]])[] = [
  // Not in quotes: OpenTelemetry has attributes such as process.pid.
  [
    /(?<!['"`.\w])process\.(std(in|out|err)|env|argv|exit|exitCode|cwd|on|off|once|platform|arch|versions|kill|hrtime)\b/,
    ['cli.ts', 'terminal'],
  ],
  [/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, ['cli.ts', 'terminal']],
  [/\bconsole\./, []],
  [/\bMath\.random\(/, []],
];

const DRAWERS = ['util', 'utils', 'helpers', 'helper', 'common', 'core', 'misc', 'shared', 'lib'];

const files = readdirSync(join(REPOSITORY, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(file => /\.tsx?$/.test(file))
  // AssemblyScript is in no layer: it imports nothing, and is imported as a file that is built.
  .filter(file => !file.startsWith('webassembly/'))
  .sort();
const sourceOf = (file: string) => readFileSync(join(REPOSITORY, 'src', file), 'utf8');
const ownerOf = (path: string) => path.split('/')[0] ?? path;

/** What a file imports, as paths in src/ or names of packages: statically, lazily, or as a worker. */
function importsOf(file: string): string[] {
  const source = sourceOf(file);
  const patterns = [
    /^(?:import|export)\s(?:[^;']*?\sfrom\s+)?'([^']+)'/gm,
    /\bimport\('([^']+)'\)/g,
    /\bcreateRequire\(import\.meta\.url\)\('([^']+)'\)/g,
    /\bnew URL\('(\.[^']+\.ts)'/g,
  ];
  return patterns
    .flatMap(pattern => [...source.matchAll(pattern)].map(match => match[1] ?? ''))
    .map(target => (target.startsWith('.') ? normalize(join(dirname(file), target)) : target));
}

describe('the structure of src/', () => {
  test('the imports of a file are found, static, lazy and of types', () => {
    expect(importsOf('cli.ts')).toContain('terminal/screen.ts');
    expect(importsOf('cli.ts')).toContain('report/index.ts');
    expect(importsOf('commands/command.ts')).toContain('report/report.ts');
  });

  test('every file is in a layer', () => {
    const known = [...LAYERS.flat(), ...EVERYWHERE];
    expect(files.filter(file => !known.includes(ownerOf(file)))).toEqual([]);
  });

  test('imports go down the layers', () => {
    const layerOf = (owner: string) => LAYERS.findIndex(layer => layer.includes(owner));
    const wrong = files.flatMap(file =>
      importsOf(file)
        .filter(target => /\.tsx?$/.test(target))
        .filter(target => {
          const [from, to] = [ownerOf(file), ownerOf(target)];
          if (from === to || EVERYWHERE.includes(to)) return false;
          return layerOf(from) >= layerOf(to);
        })
        .map(target => `${file} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('the model imports nothing of ours and no package', () => {
    const wrong = files
      .filter(file => ownerOf(file) === 'model')
      .flatMap(file => importsOf(file).filter(target => ownerOf(target) !== 'model'));
    expect(wrong).toEqual([]);
  });

  test('formats know each other only through the registry', () => {
    const isFormat = (folder: string | undefined) => FORMATS.some(({ name }) => name === folder);
    const wrong = files
      .filter(file => ownerOf(file) === 'formats' && isFormat(file.split('/')[1]))
      .flatMap(file =>
        importsOf(file)
          .filter(target => isFormat(target.split('/')[1]) && target.split('/')[1] !== file.split('/')[1])
          .map(target => `${file} → ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  test.each(Object.entries(OWNED_PACKAGES))('only its owner imports %s', (name, owners) => {
    const importers = files.filter(file => importsOf(file).includes(name)).map(ownerOf);
    expect([...new Set(importers)]).toEqual(owners);
  });

  test.each(OWNED_WORDS.map(([pattern, owners]) => [pattern.source, owners, pattern] as const))(
    'only its owner says %s',
    (_, owners, pattern) => {
      const wrong = files.filter(
        file => !owners.includes(ownerOf(file)) && pattern.test(withoutComments(sourceOf(file))),
      );
      expect(wrong).toEqual([]);
    },
  );

  test('commands, formats and renderers are one line in a registry each', () => {
    const named = (folder: string) => files.filter(file => dirname(file) === folder).map(file => file.split('/')[1]);
    for (const { name } of COMMANDS) expect(named('commands')).toContain(`${name}.ts`);
    for (const { name } of RENDERERS) expect(named('report')).toContain(`${name}.ts`);
    for (const { name } of FORMATS) expect(files).toContain(`formats/${name}/index.ts`);
  });

  test('no folder is a drawer', () => {
    expect(files.filter(file => file.split('/').some(part => DRAWERS.includes(part.replace(/\.tsx?$/, ''))))).toEqual(
      [],
    );
  });
});

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
