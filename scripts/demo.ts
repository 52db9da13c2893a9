// Answers three questions about the bundled example, as a person would ask them: what is in it, why one checkout was slow,
// and what failed. It prints the command lines, so that they can be tried on another file.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const EXAMPLE = 'fixtures/example/checkout.jsonl';
/** The slowest checkout of the example. */
const SLOWEST = '096f9213';

const QUESTIONS: readonly (readonly [question: string, args: readonly string[]])[] = [
  ['What is in this file?', ['summary', EXAMPLE]],
  ['Why was the slowest checkout slow? (● is the critical path)', ['show', SLOWEST, EXAMPLE]],
  ['What failed, and where did it begin?', ['errors', EXAMPLE]],
];

const root = fileURLToPath(new URL('..', import.meta.url));
for (const [question, args] of QUESTIONS) {
  console.log(`\n# ${question}\n$ npx tailspan ${args.join(' ')}\n`);
  const { status } = spawnSync(
    process.execPath,
    ['bin/tailspan.js', ...args, '--format', 'table', '--no-pager', '--quiet'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}
