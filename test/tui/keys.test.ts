import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Key } from 'ink';
import { describe, expect, test } from 'vitest';
import { describeKeys } from '../../src/tui/describe-keys.ts';
import { actionOf, KEYMAP, keySign, type View } from '../../src/tui/keymap.ts';
import { keysOf } from '../../src/tui/keys.ts';
import { edit, insert, type TextField, textField, textOf } from '../../src/tui/text-field.ts';
import { REPOSITORY } from '../support/run.ts';

const NO_KEY: Key = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageDown: false,
  pageUp: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
  super: false,
  hyper: false,
  capsLock: false,
  numLock: false,
};

describe('what was pressed', () => {
  test.each<[string, string, Partial<Key>, string[]]>([
    ['a letter', 'j', {}, ['j']],
    ['a letter that is held', 'jjj', {}, ['j', 'j', 'j']],
    ['a line that a program types', '/ok\r', {}, ['/', 'o', 'k', 'enter']],
    ['an arrow', '', { upArrow: true }, ['up']],
    ['Enter', '\r', { return: true }, ['enter']],
    ['a line feed', '\n', {}, ['enter']],
    ['Tab', '', { tab: true }, ['tab']],
    ['Tab backwards', '', { tab: true, shift: true }, ['shift-tab']],
    ['Ctrl and a letter', 'd', { ctrl: true }, ['ctrl-d']],
    ['Ctrl and a letter within a read', 'j\u0004j', {}, ['j', 'ctrl-d', 'j']],
    ['Escape and a letter in one read', 'j', { meta: true }, ['escape', 'j']],
    ['a character of several code points', '👩‍🚀x', {}, ['👩‍🚀', 'x']],
    ['a key that goes up', 'j', { eventType: 'release' }, []],
  ])('%s', (_, input, key, pressed) => {
    expect(keysOf(input, { ...NO_KEY, ...key })).toEqual(pressed);
  });
});

describe('the keymap', () => {
  test('no key means two things in a view', () => {
    for (const view of ['traces', 'trace', 'span'] as const satisfies readonly View[]) {
      const keys = KEYMAP.filter(({ views }) => views.includes(view)).flatMap(binding => binding.keys);
      expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    }
  });

  test('a key does what its view says', () => {
    expect(actionOf('h', 'trace')).toBe('fold');
    expect(actionOf('h', 'span')).toBe('back');
    expect(actionOf('c', 'traces')).toBeUndefined();
  });

  test('Escape never quits, and q does everywhere', () => {
    for (const view of ['traces', 'trace', 'span'] as const) {
      expect(actionOf('escape', view)).toBe('back');
      expect(actionOf('q', view)).toBe('quit');
    }
  });

  test('a key is written as people know it', () => {
    expect(['enter', 'ctrl-d', ' ', 'j'].map(key => keySign(key, true))).toEqual(['⏎', 'Ctrl-d', 'Space', 'j']);
    expect(keySign('enter', false)).toBe('Enter');
  });

  test('docs/keys.md is what it says (npm run docs)', () => {
    expect(readFileSync(join(REPOSITORY, 'docs/keys.md'), 'utf8')).toBe(describeKeys());
  });
});

describe('a line of text', () => {
  const after = (text: string, ...keys: readonly string[]): TextField => keys.reduce(edit, textField(text));

  test.each<[string, string[], string, string]>([
    ['status', ['!'], 'status!', ''],
    ['status', ['left', 'left', 'x'], 'statx', 'us'],
    ['status', ['home', 'x', 'right'], 'xs', 'tatus'],
    ['status', ['left', 'delete'], 'statu', ''],
    ['status', ['backspace', 'backspace'], 'stat', ''],
    ['a = 1 && b', ['ctrl-w'], 'a = 1 && ', ''],
    ['status', ['left', 'ctrl-u'], '', 's'],
    ['status', ['home', 'ctrl-k'], '', ''],
    ['e\u0301x', ['left', 'left', 'delete'], '', 'x'],
    ['x', ['left', 'left', 'up', 'f1'], '', 'x'],
  ])('%s, %j', (text, keys, before, behind) => {
    const { before: left, after: right } = after(text, ...keys);
    expect([left.join(''), right.join('')]).toEqual([before, behind]);
  });

  test('what is pasted stays on one line and drives nothing', () => {
    expect(textOf(insert(textField('a'), 'b\r\nc\u001b[31md\te'))).toBe('ab c[31md e');
  });
});
