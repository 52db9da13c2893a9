import { pad } from '../terminal/measure.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { type Line, styled } from '../terminal/styled.ts';
import { wrapLine } from '../terminal/wrap.ts';
import { type Binding, KEYMAP, keySign, type View } from './keymap.ts';
import type { Pane } from './layout.ts';
import type { Field, Setting } from './state.ts';
import { textOf } from './text-field.ts';
import { clampedTop } from './viewport.ts';

// What is laid over a view: the keys, and the command lines for what is shown.

const KEYS_WIDTH = 16;
const VIEW_NAMES: Readonly<Record<View, string>> = { traces: 'list', trace: 'waterfall', span: 'span' };

/** The keys with what they do, those that have the text in them: the lines that are seen. */
export function helpLines(field: Field, { width, height }: Pane, setting: Setting): Line[] {
  const body = helpBody(field, width, setting);
  const top = clampedTop(field.top, height - 1, body.length);
  return [[styled('Keys', 'bold')], ...body.slice(top, top + height - 1)];
}

/** All lines of help below its title. */
export function helpBody(field: Field, width: number, { unicode }: Setting): readonly Line[] {
  const wanted = textOf(field.text).trim().toLowerCase();
  const lines = KEYMAP.map(binding => ({ binding, keys: keysOf(binding, unicode) }))
    .filter(({ binding, keys }) => `${keys} ${binding.does}`.toLowerCase().includes(wanted))
    .flatMap(({ binding, keys }) => {
      const text = [styled(`  ${binding.does}`), styled(whereOf(binding), 'dim')];
      return wrapLine([styled(`  ${pad(keys, KEYS_WIDTH)}`, 'bold'), ...text], width, KEYS_WIDTH + 4);
    });
  return lines.length === 0 ? [[styled('  no key does that', 'dim')]] : lines;
}

/** The keys of a binding as they are written: `↓ j`. */
function keysOf({ keys }: Binding, unicode: boolean): string {
  return keys.map(key => keySign(key, unicode)).join(' ');
}

function whereOf({ views, isLive }: Binding): string {
  const names = views.length === 3 ? [] : views.map(view => VIEW_NAMES[view]);
  const all = [...names, ...(isLive === true ? ['while traces arrive'] : [])];
  return all.length === 0 ? '' : `  (${all.join(', ')})`;
}

/** The command lines that show the same without this screen. */
export function commandsLines(commandLines: readonly string[], { width, height }: Pane, { unicode }: Setting): Line[] {
  const title: Line[] = [[styled('The same outside of this screen', 'bold')], []];
  if (commandLines.length === 0) {
    return [...title, [styled('  what is shown came from a pipe: there is no command line for it', 'dim')]];
  }
  const lines = commandLines.flatMap(text => [...wrapLine([styled(`  ${sanitize(text, unicode)}`)], width, 4), []]);
  const end = 'y copies the first one; any other key closes. They are printed on leaving, too.';
  return [...title, ...lines.slice(0, height - title.length - 1), [styled(end, 'dim')]];
}
