import { existsSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { journalFolder } from '../config/paths.ts';
import { UserError } from '../errors.ts';
import type { CommandContext, Option } from './command.ts';
import { DB } from './options.ts';
import { shellWord } from './shell.ts';

// A dump in place of a database: what is received is kept in a database beside the file until its end, so that it is as safe there as in
// any, and then written out.

export const DUMP: Option<string> = {
  flags: '-o, --dump <file>',
  description: 'write the traces into this file at the end, as OTLP JSON lines; into a database only with --db',
  group: 'Output',
  parse: text => text,
};

export interface DumpPlace {
  readonly file: string;
  /** The database that is kept until the dump is written; undefined where one is named that stays. */
  readonly database: string | undefined;
}

/** Where `--dump` is to write; undefined where it was not given. Throws `UserError` where nothing can be written, or something is in the way. */
export function dumpPlace(context: CommandContext): DumpPlace | undefined {
  const file = context.get(DUMP);
  if (file === undefined) return undefined;
  const folder = dirname(file);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new UserError(`${file} cannot be written: there is no folder ${folder}`, {
      hint: 'name another file with --dump',
    });
  }
  if (context.get(DB) !== undefined) return { file, database: undefined };
  const database = `${file}.duckdb`;
  if (existsSync(database)) {
    throw new UserError(`${database} is there: a listener that was broken off has left its traces in it`, {
      hint: `tailspan summary --db ${shellWord(database)} says what they are; remove it, or name another file with --dump`,
    });
  }
  return { file, database };
}

/** Removes the database that was kept until the dump was written. */
export function removeKept({ database }: DumpPlace): void {
  if (database === undefined) return;
  for (const path of [database, `${database}.wal`, journalFolder(database)])
    rmSync(path, { recursive: true, force: true });
}
