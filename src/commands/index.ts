import type { CommandEntry } from './command.ts';

/** The commands, in the order of the help. Each is loaded when it is run. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'summary',
    group: 'look',
    summary: 'one page: what is in here',
    load: async () => (await import('./summary.ts')).command,
  },
  {
    name: 'search',
    group: 'look',
    summary: 'traces, or spans, that match',
    load: async () => (await import('./search.ts')).command,
  },
  {
    name: 'show',
    group: 'look',
    summary: 'one trace as a waterfall; one span in full',
    load: async () => (await import('./show.ts')).command,
  },
  {
    name: 'services',
    group: 'look',
    summary: 'services with rate, errors, durations',
    load: async () => (await import('./services.ts')).command,
  },
  {
    name: 'operations',
    group: 'look',
    summary: 'operations with rate, errors, durations',
    load: async () => (await import('./operations.ts')).command,
  },
  {
    name: 'metrics',
    group: 'look',
    summary: 'TraceQL metrics: numbers over time',
    load: async () => (await import('./metrics.ts')).command,
  },
  {
    name: 'critical-path',
    alias: 'cp',
    group: 'explain',
    summary: 'what determined how long a trace, or all of them, took',
    load: async () => (await import('./critical-path.ts')).command,
  },
  {
    name: 'errors',
    group: 'explain',
    summary: 'errors by where they began',
    load: async () => (await import('./errors.ts')).command,
  },
  {
    name: 'listen',
    group: 'live',
    summary: 'receive from SDKs and collectors for a while',
    endsOnSignal: true,
    load: async () => (await import('./listen.ts')).command,
  },
  {
    name: 'load',
    group: 'data',
    summary: 'load dumps into the database',
    load: async () => (await import('./load.ts')).command,
  },
  {
    name: 'formats',
    group: 'data',
    summary: 'what can be read; what a file is, and why',
    load: async () => (await import('./formats.ts')).command,
  },
  {
    name: 'db',
    group: 'data',
    summary: 'what is kept of dumps that were read',
    load: async () => (await import('./db.ts')).command,
  },
  {
    name: 'sql',
    group: 'data',
    summary: 'SQL over documented views',
    load: async () => (await import('./sql.ts')).command,
  },
];
