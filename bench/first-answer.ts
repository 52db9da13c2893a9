// How long one waits for the smallest answers, beside a Node.js process that does nothing: the ratio is the program's own
// share, and hardly depends on the machine.
//   node bench/first-answer.ts --runs 15

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateTraces, writeDump } from './generator/dump.ts';
import { type Command, measure } from './measure.ts';
import { parseCommand, positiveNumber, readOptions } from './options.ts';
import { describeMachine, wallTable } from './report.ts';
import { emptyFolder, privateHome, withWorkspace } from './workspace.ts';

const SEED = 1;
const SPANS = 1000;

const options = readOptions(import.meta.filename, {
  runs: { type: 'string', default: '15' },
  command: { type: 'string', default: 'node bin/tailspan.js' },
});
const runs = positiveNumber('--runs', options.runs);
const program = parseCommand(options.command);

await withWorkspace(tmpdir(), async folder => {
  const dump = writeDump(generateTraces(SPANS, SEED), SEED, { prefix: join(folder, 's1k'), formats: ['otlp-json'] });
  const file = dump.files[0]!.path;
  const newHome = join(folder, 'new');
  const usedHome = join(folder, 'used');
  const commands: Command[] = [
    { name: 'node -e 0', argv: [process.execPath, '-e', '0'] },
    { name: '--version', argv: [...program, '--version'], env: privateHome(usedHome) },
    { name: '--help', argv: [...program, '--help'], env: privateHome(usedHome) },
    {
      name: 'summary FILE',
      argv: [...program, 'summary', file],
      env: privateHome(newHome),
      // Nothing of a run before may help; the file is too small to be kept, but the home is new all the same.
      prepare: () => emptyFolder(newHome),
    },
    { name: 'summary FILE, again', argv: [...program, 'summary', file], env: privateHome(usedHome) },
  ];
  const measured = await measure(commands, { runs });
  console.log(`${describeMachine()}\n`);
  console.log(`${runs} runs in turns, whole processes; FILE is OTLP JSON of ${SPANS} spans.\n`);
  console.log(wallTable(measured, measured[0]));
});
