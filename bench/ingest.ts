// How fast dumps become a database: from the start of the process to the committed file, for every format and compression
// of a generated data set.
//   node bench/ingest.ts --data bench/data/s1m --runs 5
//   node bench/ingest.ts --against 'other-program {file} {db}'      a rival; the two take turns

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { spansOf } from './data-set.ts';
import { FILE_ENDINGS } from './generator/dump.ts';
import { type Command, type Measured, measure, pairedRatio, spreadOf } from './measure.ts';
import { parseCommand, positiveNumber, readOptions } from './options.ts';
import { describeMachine, formatCount, formatCpu, formatPeakRss, formatRatio, markdownTable } from './report.ts';
import { emptyFolder, folderBytes, privateHome, withWorkspace } from './workspace.ts';

const COMPRESSIONS = ['', '.gz', '.zst'];

const options = readOptions(import.meta.filename, {
  data: { type: 'string', default: 'bench/data/s1m' },
  runs: { type: 'string', default: '5' },
  command: { type: 'string', default: 'node bin/tailspan.js load {file} --db {db} --quiet' },
  against: { type: 'string' },
  /** How many spans each file holds; otherwise the data set's .about.json says it. */
  spans: { type: 'string' },
  /** Where the databases go; otherwise beside the data, which is on a real disk where /tmp may not be. */
  tmp: { type: 'string' },
});

const runs = positiveNumber('--runs', options.runs);
const files = Object.values(FILE_ENDINGS)
  .flatMap(ending => COMPRESSIONS.map(compression => options.data + ending + compression))
  .filter(existsSync);
if (files.length === 0) {
  throw new Error(`no data: make some with 'node bench/generate.ts --spans 1000000 --out ${options.data}'`);
}
const spans = options.spans === undefined ? spansOf(options.data) : positiveNumber('--spans', options.spans);

console.log(`${describeMachine()}\n`);
console.log(`${formatCount(spans)} spans a file, ${runs} runs, medians (min–max) of whole processes.\n`);
await withWorkspace(options.tmp ?? dirname(options.data), async folder => {
  const rows: string[][] = [];
  for (const file of files) {
    process.stderr.write(`${basename(file)} …\n`);
    rows.push(...(await rowsOf(file, folder)));
  }
  const head = ['file', 'program', 'spans/s', 'CPU s', 'peak RSS MB', 'database bytes/span'];
  if (options.against !== undefined) head.push('times as fast as rival');
  console.log(markdownTable(head, rows));
});

async function rowsOf(file: string, folder: string): Promise<string[][]> {
  const ours = loading('tailspan', options.command, file, folder);
  if (options.against === undefined) {
    const [measured] = await measure([ours.command], { runs });
    return [rowOf(file, measured!, ours.databaseBytes)];
  }
  const rivals = loading('rival', options.against, file, folder);
  const [measured, rival] = await measure([ours.command, rivals.command], { runs });
  return [
    [...rowOf(file, measured!, ours.databaseBytes), formatRatio(pairedRatio(rival!, measured!))],
    [...rowOf(file, rival!, rivals.databaseBytes), '1'],
  ];
}

/** Returns the command that loads a file, and the sizes of the databases it makes. */
function loading(
  name: string,
  template: string,
  file: string,
  folder: string,
): { readonly command: Command; readonly databaseBytes: readonly number[] } {
  if (!template.includes('{file}') || !template.includes('{db}')) {
    throw new Error(`a command names its places for {file} and {db}: ${template}`);
  }
  // A database may be more than one file, so it has a folder to itself.
  const databaseFolder = join(folder, name);
  const database = join(databaseFolder, 'bench.duckdb');
  const databaseBytes: number[] = [];
  const command: Command = {
    name,
    argv: parseCommand(template).map(word => word.replaceAll('{file}', () => file).replaceAll('{db}', () => database)),
    env: privateHome(join(folder, `${name}-home`)),
    prepare: () => emptyFolder(databaseFolder),
    finish: () => {
      const bytes = folderBytes(databaseFolder);
      if (bytes === 0) throw new Error(`${name} left no database for ${file}`);
      databaseBytes.push(bytes);
    },
  };
  return { command, databaseBytes };
}

function rowOf(file: string, measured: Measured, databaseBytes: readonly number[]): string[] {
  const rate = spreadOf(measured.samples.map(sample => (1000 * spans) / sample.wallMs));
  return [
    basename(file),
    measured.name,
    `${formatCount(rate.median)} (${formatCount(rate.min)}–${formatCount(rate.max)})`,
    formatCpu(measured),
    formatPeakRss(measured),
    (spreadOf(databaseBytes).median / spans).toFixed(1),
  ];
}
