import { UserError } from '../errors.ts';

// Command lines as people type them: offered to be typed, and read from an option.

/** Returns an argument as a shell must be given it. */
export function shellWord(argument: string): string {
  return /^[\w./:@%+=,-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/**
 * Splits a command line at spaces as a shell does, without its expansions: '…' stands for itself, in "…" a backslash is for a quote or another
 * backslash, elsewhere for any character. `option` is where it was given, for the `UserError` about a quote without its end.
 */
export function splitWords(line: string, option: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [part, single, double, escaped, plain] of line.matchAll(PART)) {
    if (part.trim() === '') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (plain === "'" || plain === '"') {
      throw new UserError(`${option} ${shellWord(line)} has a quote that does not end`, {
        hint: `close it with ${plain}`,
      });
    } else word = (word ?? '') + (single ?? double?.replace(/\\(["\\])/g, '$1') ?? escaped ?? plain ?? '');
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Spaces, or a piece of a word: in single quotes, in double quotes, behind a backslash, or as it is. */
const PART = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+|['"\\])/gs;

/** Most characters of arguments that are worth to be repeated. */
const LONGEST = 80;

/**
 * Returns the arguments behind a command that make it read the same data: ` traces.jsonl`, ` --db x.duckdb`, or nothing for the
 * default database. Undefined where they cannot be repeated (`isGone`: stdin, or what was received into memory) or are too many.
 */
export function sameData(
  sources: readonly string[],
  database: string | undefined,
  isGone: boolean,
): string | undefined {
  if (isGone || sources.includes('-')) return undefined;
  // What was loaded into a database is there now.
  const words = database === undefined ? sources.map(shellWord) : ['--db', shellWord(database)];
  const text = words.map(word => ` ${word}`).join('');
  return text.length > LONGEST ? undefined : text;
}
