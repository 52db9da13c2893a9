import { homedir } from 'node:os';
import { join } from 'node:path';

// Where tailspan keeps things: the XDG base directories, or what the platform has in their place.
// https://specifications.freedesktop.org/basedir-spec/latest/

type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the database that commands use when none is named: `TAILSPAN_DB`, else one in the user's data folder. */
export async function defaultDatabase(env: Environment): Promise<string> {
  if (env.TAILSPAN_DB !== undefined && env.TAILSPAN_DB !== '') return env.TAILSPAN_DB;
  return join(await dataFolder(env), 'traces.duckdb');
}

/** Returns the folder of databases that are only kept to save time. */
export async function cacheFolder(env: Environment): Promise<string> {
  if (env.XDG_CACHE_HOME !== undefined && env.XDG_CACHE_HOME !== '') return join(env.XDG_CACHE_HOME, 'tailspan');
  const { default: envPaths } = await import('env-paths');
  return envPaths('tailspan', { suffix: '' }).cache || join(homedir(), '.tailspan', 'cache');
}

/** Returns the folder in which a listener keeps what it acknowledged and did not store yet. */
export function journalFolder(database: string): string {
  return `${database}.journal`;
}

async function dataFolder(env: Environment): Promise<string> {
  // Said here as well as by env-paths, so that tests and wrappers may set it in the environment they pass.
  if (env.XDG_DATA_HOME !== undefined && env.XDG_DATA_HOME !== '') return join(env.XDG_DATA_HOME, 'tailspan');
  const { default: envPaths } = await import('env-paths');
  return envPaths('tailspan', { suffix: '' }).data || join(homedir(), '.tailspan');
}
