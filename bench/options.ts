// What the programs of this folder share in reading their command lines.

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
