// Names and attributes come from programs that others wrote. Nothing of them may drive the terminal, break a line or
// reorder what stands beside it.

/** C0 and C1 controls, line and paragraph separators, bidirectional marks and overrides, and the byte order mark. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Returns text that is safe on a terminal and stays on one line: a tab becomes `→`, a line end `⏎` (`>` and `|` where the
 * terminal has no Unicode), every other control `\xNN` or `\uNNNN`.
 */
export function sanitize(text: string, unicode = true): string {
  return text.replace(/\r\n/g, '\n').replace(UNSAFE, character => {
    if (character === '\t') return unicode ? '→' : '>';
    if (character === '\n') return unicode ? '⏎' : '|';
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** Returns lines of a text that may have several (a stack trace), each one safe. */
export function sanitizeLines(text: string, unicode = true): string[] {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/\n+$/, '')
    .split('\n')
    .map(line => sanitize(line.replaceAll('\t', '    '), unicode));
}
