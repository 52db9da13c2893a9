import { UserError } from '../errors.ts';
import type { AnyOption, Command } from './command.ts';
import { CLEAR, type DatabaseTask, DRY_RUN } from './db/task.ts';
import { nearestOf } from './nearest.ts';
import { DB, DEBUG, KEEP, MAX_SIZE, MEMORY, NO_PROGRESS, OUTPUT_OPTIONS, QUIET } from './options.ts';

/** What can be done with databases: the options that only some take, and where it is. */
const TASKS: Readonly<Record<string, { readonly options: readonly AnyOption[]; load(): Promise<DatabaseTask> }>> = {
  info: { options: [DB, MEMORY], load: async () => (await import('./db/info.ts')).task },
  prune: {
    options: [DB, MEMORY, KEEP, MAX_SIZE, DRY_RUN, NO_PROGRESS],
    load: async () => (await import('./db/prune.ts')).task,
  },
  compact: { options: [DB, MEMORY, NO_PROGRESS], load: async () => (await import('./db/compact.ts')).task },
  cache: { options: [CLEAR], load: async () => (await import('./db/cache.ts')).task },
};
const WORDS = Object.keys(TASKS);
const SPECIAL_OPTIONS = [...new Set(Object.values(TASKS).flatMap(({ options }) => options))];

export const command: Command = {
  usage: 'info|prune|compact|cache',
  description:
    'Looks after databases. info says what one holds and takes: sizes, counts, its largest attributes, what was loaded. prune drops whole traces, those that ended longest ago first, and gives the space back. compact writes a database anew in order of time, without free space. cache shows the databases of dumps that were read before: they are kept so that the next question about a dump is answered at once; what was used longest ago goes first when they take more than TAILSPAN_CACHE says (10GB, or off).',
  examples: [
    ['tailspan db info', 'what the default database holds, and how large it is'],
    ['tailspan db prune --keep 7d --max-size 2GB', 'keep the last seven days, and at most 2 GB'],
    ['tailspan db compact --db incident.duckdb', 'make a database as small as it can be'],
    ['tailspan db cache --clear', 'remove what is kept of dumps that were read'],
  ],
  options: [...SPECIAL_OPTIONS, QUIET, DEBUG, ...OUTPUT_OPTIONS],

  async run(context) {
    const [word, ...rest] = context.args;
    const hint = `tailspan db ${WORDS.slice(0, -1).join(', ')} or ${WORDS.at(-1)}`;
    if (word === undefined) throw new UserError('db needs to know what of it', { hint });
    const task = TASKS[word];
    if (task === undefined) {
      const nearest = nearestOf(word, WORDS);
      throw new UserError(`db knows nothing of '${word}'`, {
        hint: nearest === undefined ? hint : `did you mean tailspan db ${nearest}?`,
      });
    }
    const [extra] = rest;
    if (extra !== undefined) {
      throw new UserError(`db ${word} does not take '${extra}'`, { hint: 'a database is named with --db FILE' });
    }
    for (const option of SPECIAL_OPTIONS) {
      // An option that begins with --no- reads as false where it is not given.
      if (task.options.includes(option) || (context.get(option) ?? false) === false) continue;
      const name = /--[\w-]+/.exec(option.flags)?.[0] ?? option.flags;
      const owners = WORDS.filter(other => TASKS[other]?.options.includes(option));
      throw new UserError(`db ${word} does not take ${name}`, { hint: `it is for db ${owners.join(' and db ')}` });
    }
    const run = await task.load();
    return run(context);
  },
};
