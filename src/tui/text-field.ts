import { isText, type KeyPress } from './keys.ts';

// One line of text that a person types.

export interface TextField {
  /** Graphemes. */
  readonly before: readonly string[];
  /** What stands behind the cursor. */
  readonly after: readonly string[];
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const split = (text: string) => [...graphemes.segment(text)].map(({ segment }) => segment);

/** Returns a field with the cursor at the end of its text. */
export function textField(text: string): TextField {
  return { before: split(text), after: [] };
}

export function textOf({ before, after }: TextField): string {
  return before.join('') + after.join('');
}

/** Returns the field after a key, the same one where the key means nothing to it. */
export function edit(field: TextField, key: KeyPress): TextField {
  const { before, after } = field;
  switch (key) {
    case 'left':
    case 'ctrl-b':
      return before.length === 0 ? field : { before: before.slice(0, -1), after: [...before.slice(-1), ...after] };
    case 'right':
    case 'ctrl-f':
      return after.length === 0 ? field : { before: [...before, ...after.slice(0, 1)], after: after.slice(1) };
    case 'home':
    case 'ctrl-a':
      return { before: [], after: [...before, ...after] };
    case 'end':
    case 'ctrl-e':
      return { before: [...before, ...after], after: [] };
    // Ink names the key that erases to the left either way, for terminals send either byte.
    case 'backspace':
      return { before: before.slice(0, -1), after };
    case 'delete':
    case 'ctrl-d':
      return { before, after: after.slice(1) };
    case 'ctrl-u':
      return { before: [], after };
    case 'ctrl-k':
      return { before, after: [] };
    case 'ctrl-w':
      return { before: split(before.join('').replace(/\S*\s*$/, '')), after };
    default:
      return isText(key) ? { before: [...before, key], after } : field;
  }
}

/** Returns the field with a text put in at the cursor; its line ends become blanks. */
export function insert({ before, after }: TextField, text: string): TextField {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be typed
  const typed = text.replace(/\r\n?|[\n\t]/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
  return { before: [...before, ...split(typed)], after };
}
