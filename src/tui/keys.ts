import type { Key } from 'ink';

// What a person pressed, from what a terminal sent. Ink hands over what came in one read: `jjj` where `j` is held, `/foo\r`
// where a program types. Here it becomes one key after the other.

/**
 * A key: the character that it types, or a name in lower case with two letters at least, `ctrl-` before it where the control key was held:
 * `j`, `?`, `enter`, `pageup`, `shift-tab`, `ctrl-d`.
 */
export type KeyPress = string;

const NAMED: readonly (readonly [keyof Key, KeyPress])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
  ['delete', 'delete'],
];

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Returns the keys of one read, in order. */
export function keysOf(input: string, key: Key): KeyPress[] {
  if (key.eventType === 'release') return [];
  if (key.tab) return [key.shift ? 'shift-tab' : 'tab'];
  const named = NAMED.find(([flag]) => key[flag] === true);
  if (named !== undefined) return [named[1]];
  if (key.ctrl) return input.length === 1 ? [`ctrl-${input}`] : [];
  const typed = typedKeys(input);
  // There are no keys with Alt: it is Escape and the next key, read at once.
  return key.meta ? ['escape', ...typed] : typed;
}

/** Returns the keys that type a text; line ends and tabs are keys of their own. */
export function typedKeys(text: string): KeyPress[] {
  return [...graphemes.segment(text)].flatMap(({ segment }) => {
    const code = segment.codePointAt(0) ?? 0;
    if (segment === '\r' || segment === '\n' || segment === '\r\n') return ['enter'];
    if (segment === '\t') return ['tab'];
    if (segment === '\u001b') return ['escape'];
    if (segment === '\u007f' || segment === '\b') return ['backspace'];
    if (code < 0x20) return [`ctrl-${String.fromCharCode(code + 0x60)}`];
    return [segment];
  });
}

/** Says whether a key types a character. */
export function isText(key: KeyPress): boolean {
  const [first, second] = graphemes.segment(key);
  return first !== undefined && second === undefined;
}
