import { readFileSync } from 'node:fs';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

// What the programs of this folder share in reading their command lines.

/**
 * Reads the command line of the program in `file`. `--help` prints the comment that the file begins with, and the options,
 * and ends the process; what cannot be read does so with a sentence and exit code 2.
 */
export function readOptions<Config extends ParseArgsOptionsConfig>(file: string, config: Config) {
  try {
    const { values } = parseArgs({ options: { ...config, help: { type: 'boolean' } } });
    if ('help' in values && values.help === true) {
      const source = readFileSync(file, 'utf8').split('\n');
      const about = source.slice(
        0,
        source.findIndex(line => !line.startsWith('//')),
      );
      console.log(about.map(line => line.replace(/^\/\/ ?/, '')).join('\n'));
      const optionLines = Object.entries(config).map(([name, { type, default: preset }]) => {
        const argument = type === 'string' ? ' VALUE' : '';
        return `  --${name}${argument}${preset === undefined ? '' : `  (default: ${preset})`}`;
      });
      console.log(`\nOptions:\n${optionLines.join('\n')}`);
      process.exit(0);
    }
    return parseArgs({ options: config }).values;
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(2);
  }
}

/** Returns the positive whole number that an option was given. */
export function positiveNumber(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${option} takes a positive whole number, not '${text}'`);
  return Number(text);
}

/** Returns the argv of a command line: words between blanks, quotes hold together, and `node` is the running one. */
export function parseCommand(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => {
    return double ?? single ?? bare ?? '';
  });
  return words.map((word, index) => (index === 0 && word === 'node' ? process.execPath : word));
}
