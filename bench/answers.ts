// How long one waits for answers about a lot of data: a trace of ten thousand spans in a file, and the questions about all
// traces of a database, such as one loaded with `tailspan load bench/data/s1m.otlp.pb --db bench/data/s1m.duckdb`.
//   node bench/answers.ts --db bench/data/s1m.duckdb --runs 5

import { existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { generateOneTrace, writeDump } from './generator/dump.ts';
import { type Command, measure } from './measure.ts';
import { parseCommand, positiveNumber, readOptions } from './options.ts';
import { describeMachine, formatCount, wallTable } from './report.ts';
import { emptyFolder, privateHome, withWorkspace } from './workspace.ts';

const SEED = 1;

/** The questions about a database, as a user types them. */
const QUESTIONS = [
  ['summary'],
  ['services'],
  ['errors'],
  ['critical-path'],
  ['operations'],
  ['search', '--status', 'error'],
  ['search', '--attr', 'span.app.product.id=OLJCESPC7Z', '--min-duration', '50ms'],
];

const options = readOptions(import.meta.filename, {
  db: { type: 'string' },
  'trace-spans': { type: 'string', default: '10000' },
  runs: { type: 'string', default: '5' },
  command: { type: 'string', default: 'node bin/tailspan.js' },
});
const runs = positiveNumber('--runs', options.runs);
const traceSpans = positiveNumber('--trace-spans', options['trace-spans']);
const program = parseCommand(options.command);
// DuckDB would make an empty database of a mistyped name, and every answer would be quick.
if (options.db !== undefined && !existsSync(options.db)) throw new Error(`there is no database ${options.db}`);

await withWorkspace(tmpdir(), async folder => {
  console.log(`${describeMachine()}\n`);
  console.log(`${runs} runs in turns, whole processes.\n`);
  console.log(`One trace of ${formatCount(traceSpans)} spans in a file of OTLP JSON:\n`);
  console.log(wallTable(await measure(showCommands(folder), { runs })));
  if (options.db === undefined) return;
  console.log(`\n${basename(options.db)}, ${formatCount(statSync(options.db).size / 1e6)} MB:\n`);
  console.log(wallTable(await measure(questionsAbout(options.db, folder), { runs })));
});

function showCommands(folder: string): Command[] {
  const [trace] = [...generateOneTrace(traceSpans, SEED)];
  const dump = writeDump([trace!], SEED, { prefix: join(folder, 'trace'), formats: ['otlp-json'] });
  const show = [...program, 'show', trace![0]!.traceId, dump.files[0]!.path];
  const newHome = join(folder, 'new');
  const usedHome = privateHome(join(folder, 'used'));
  return [
    { name: 'show', argv: show, env: privateHome(newHome), prepare: () => emptyFolder(newHome) },
    { name: 'show, again', argv: show, env: usedHome },
    { name: 'show --json, again', argv: [...show, '--json'], env: usedHome },
  ];
}

function questionsAbout(database: string, folder: string): Command[] {
  const env = privateHome(join(folder, 'home'));
  return QUESTIONS.map(words => ({ name: words.join(' '), argv: [...program, ...words, '--db', database], env }));
}
