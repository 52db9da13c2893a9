// How help is laid out: for 80 columns, whatever the screen has.

export const WIDTH = 80;

/** Two columns: names, and what they mean, wrapped. */
export function columns(rows: readonly (readonly [string, string])[], indent: number, most = 32): string[] {
  const width = Math.min(most, Math.max(...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) => {
    const room = WIDTH - indent - width - 2;
    const [first = '', ...rest] = wrap(text, room);
    const lead = ' '.repeat(indent);
    const under = `${lead}${' '.repeat(width + 2)}`;
    const lines = rest.map(line => `${under}${line}`);
    return name.length > width
      ? [`${lead}${name}`, `${under}${first}`, ...lines]
      : [`${lead}${name.padEnd(width)}  ${first}`, ...lines];
  });
}

/** Breaks a text at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
