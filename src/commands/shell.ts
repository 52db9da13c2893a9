// Command lines that are offered to be typed.

/** Returns an argument as a shell must be given it. */
export function shellWord(argument: string): string {
  return /^[\w./:@%+=,-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/** Most characters of arguments that are worth to be repeated. */
const LONGEST = 80;

/**
 * Returns the arguments behind a command that make it read the same data: ` traces.jsonl`, ` --db x.duckdb`, or nothing for the
 * default database. Undefined where they cannot be repeated (stdin) or are too many.
 */
export function sameData(
  sources: readonly string[],
  database: string | undefined,
  isStdin: boolean,
): string | undefined {
  if (isStdin || sources.includes('-')) return undefined;
  // What was loaded into a database is there now.
  const words = database === undefined ? sources.map(shellWord) : ['--db', shellWord(database)];
  const text = words.map(word => ` ${word}`).join('');
  return text.length > LONGEST ? undefined : text;
}
