import { describe, expect, test } from 'vitest';
import { glyphs, sparkline } from '../../src/terminal/glyphs.ts';
import { widthOf } from '../../src/terminal/measure.ts';
import { tell } from '../../src/terminal/message.ts';
import { createProgress, progressText } from '../../src/terminal/progress.ts';
import { createScreen, type ScreenFlags, type Surroundings } from '../../src/terminal/screen.ts';
import { styled } from '../../src/terminal/styled.ts';
import { createTheme } from '../../src/terminal/theme.ts';

const ESC = String.fromCharCode(27);

interface Around {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTty?: boolean;
  readonly columns?: number;
  readonly platform?: string;
}

function screenOf(flags: ScreenFlags = {}, { env = {}, isTty = true, columns, platform = 'linux' }: Around = {}) {
  const said: string[] = [];
  const sink = {
    write: async (text: string) => {
      said.push(text);
    },
  };
  const surroundings: Surroundings = {
    env,
    platform,
    stdout: { ...sink, isTTY: isTty, ...(columns === undefined ? {} : { columns }) },
    stderr: { ...sink, isTTY: isTty },
    now: () => new Date(0),
  };
  return { ...createScreen(flags, surroundings), said };
}

describe('colour', () => {
  test.each([
    ['a terminal', {}, {}, 1],
    ['a pipe', {}, { isTty: false }, 0],
    ['256 colours', {}, { env: { TERM: 'xterm-256color' } }, 2],
    ['millions', {}, { env: { COLORTERM: 'truecolor' } }, 3],
    ['24 bit', {}, { env: { COLORTERM: '24bit' } }, 3],
    ['Windows Terminal', {}, { env: { WT_SESSION: 'x' } }, 2],
    ['a dumb terminal', {}, { env: { TERM: 'dumb' } }, 0],
    ['NO_COLOR', {}, { env: { NO_COLOR: '1' } }, 0],
    ['NO_COLOR that is empty', {}, { env: { NO_COLOR: '' } }, 1],
    ['NO_COLOR before FORCE_COLOR', {}, { env: { NO_COLOR: '1', FORCE_COLOR: '3' } }, 0],
    ['FORCE_COLOR in a pipe', {}, { env: { FORCE_COLOR: '' }, isTty: false }, 1],
    ['FORCE_COLOR=2', {}, { env: { FORCE_COLOR: '2' }, isTty: false }, 2],
    ['FORCE_COLOR=3', {}, { env: { FORCE_COLOR: '3' }, isTty: false }, 3],
    ['FORCE_COLOR=0', {}, { env: { FORCE_COLOR: '0' } }, 0],
    ['FORCE_COLOR=false', {}, { env: { FORCE_COLOR: 'false' } }, 0],
    ['FORCE_COLOR before a dumb terminal', {}, { env: { FORCE_COLOR: '1', TERM: 'dumb' } }, 1],
    ['CLICOLOR_FORCE', {}, { env: { CLICOLOR_FORCE: '1' }, isTty: false }, 1],
    ['CLICOLOR_FORCE=0', {}, { env: { CLICOLOR_FORCE: '0' }, isTty: false }, 0],
    ['--color always', { color: 'always' }, { env: { NO_COLOR: '1' }, isTty: false }, 1],
    ['--color never', { color: 'never' }, { env: { FORCE_COLOR: '3' } }, 0],
    ['--color auto', { color: 'auto' }, { isTty: false }, 0],
  ] as const)('%s: level %4$i', (_, flags, around, level) => {
    expect(screenOf(flags, around)).toMatchObject({ colour: level, errorColour: level });
  });
});

describe('width', () => {
  test.each([
    ['--width', { width: 90 }, { env: { COLUMNS: '110' }, columns: 130 }, 90],
    ['COLUMNS', {}, { env: { COLUMNS: '110' }, columns: 130 }, 110],
    ['COLUMNS in a pipe', {}, { env: { COLUMNS: '110' }, isTty: false }, 110],
    ['the terminal', {}, { columns: 130 }, 130],
    ['a pipe', {}, { isTty: false }, 100],
    ['a terminal that does not say', {}, {}, 100],
    ['a terminal that says 0', {}, { columns: 0 }, 100],
    ['COLUMNS that is no number', {}, { env: { COLUMNS: 'wide' }, columns: 130 }, 130],
    ['COLUMNS that is negative', {}, { env: { COLUMNS: '-5' }, columns: 130 }, 130],
    ['a very narrow terminal', {}, { columns: 12 }, 40],
    ['a very wide one', {}, { env: { COLUMNS: '100000' } }, 1000],
  ] as const)('%s', (_, flags, around, width) => {
    expect(screenOf(flags, around).width).toBe(width);
  });
});

describe('Unicode', () => {
  test.each([
    ['UTF-8', {}, { env: { LANG: 'de_DE.UTF-8' } }, true],
    ['utf8', {}, { env: { LANG: 'C.utf8' } }, true],
    ['LC_ALL before LANG', {}, { env: { LC_ALL: 'C', LANG: 'de_DE.UTF-8' } }, false],
    ['LC_CTYPE before LANG', {}, { env: { LC_CTYPE: 'de_DE.UTF-8', LANG: 'C' } }, true],
    ['an empty LC_ALL', {}, { env: { LC_ALL: '', LANG: 'de_DE.UTF-8' } }, true],
    ['another encoding', {}, { env: { LANG: 'de_DE.ISO-8859-1' } }, false],
    ['no locale', {}, {}, false],
    ['no locale on macOS', {}, { platform: 'darwin' }, true],
    ['the Linux console', {}, { env: { LANG: 'C.UTF-8', TERM: 'linux' } }, false],
    ['a dumb terminal', {}, { env: { LANG: 'C.UTF-8', TERM: 'dumb' } }, false],
    ['--ascii', { ascii: true }, { env: { LANG: 'C.UTF-8' } }, false],
    ['Windows', {}, { platform: 'win32', env: { LANG: 'C.UTF-8' } }, false],
    ['Windows Terminal', {}, { platform: 'win32', env: { WT_SESSION: 'x' } }, true],
    ['the terminal of an editor on Windows', {}, { platform: 'win32', env: { TERM_PROGRAM: 'vscode' } }, true],
  ] as const)('%s', (_, flags, around, unicode) => {
    expect(screenOf(flags, around).unicode).toBe(unicode);
  });
});

describe('what else is decided once', () => {
  test('UTC in a pipe and with --utc', () => {
    expect([screenOf().utc, screenOf({ utc: true }).utc, screenOf({}, { isTty: false }).utc]).toEqual([
      false,
      true,
      true,
    ]);
  });

  test.each([
    [{}, true],
    [{ CI: 'true' }, false],
    [{ CI: '1' }, false],
    [{ CI: '' }, true],
    [{ CI: '0' }, true],
    [{ CI: 'false' }, true],
  ])('with %j somebody watches: %s', (env, isTalking) => {
    expect(screenOf({}, { env }).isTalking).toBe(isTalking);
  });
});

describe('glyphs', () => {
  test('have one width each, in Unicode as in ASCII', () => {
    const [unicode, ascii] = [glyphs(true), glyphs(false)];
    const flat = (value: unknown): string[] =>
      typeof value === 'string' ? [value] : Object.values(value as object).flatMap(flat);
    expect(flat(unicode).map(widthOf)).toEqual(flat(ascii).map(widthOf));
    expect(flat(ascii).join('')).toMatch(/^[ -~]+$/);
  });

  test.each([
    [[], ''],
    [[0, 0], '  '],
    [[1], '█'],
    [[1, 2, 4, 8], '▂▃▅█'],
    [[0, 1, 100], ' ▁█'],
    [[-1, 5], ' █'],
  ])('a sparkline of %j is %j', (values, expected) => {
    expect(sparkline(values, glyphs(true))).toBe(expected);
  });
});

describe('styles', () => {
  test('are nothing without colour', async () => {
    expect((await createTheme(0)).paint([styled('a', 'error'), styled('b')])).toBe('ab');
  });

  test.each([1, 2, 3] as const)('with colour of level %i a text is as it was between its codes', async level => {
    const { paint } = await createTheme(level);
    for (const style of ['error', 'warning', 'good', 'dim', 'bold', 'service:cart'] as const) {
      const painted = paint([styled('text', style)]);
      expect(painted).toMatch(new RegExp(`^(${ESC}\\[[0-9;]+m)text(${ESC}\\[[0-9;]+m)$`));
    }
    expect(paint([styled('both', 'bold', 'error')]).match(new RegExp(`${ESC}\\[`, 'g'))).toHaveLength(4);
  });

  test('a service keeps its colour, and none is red', async () => {
    const { paint } = await createTheme(2);
    const colours = Array.from({ length: 200 }, (_, index) => paint([styled('x', `service:service-${index}`)]));
    expect(paint([styled('x', 'service:service-7')])).toBe(colours[7]);
    expect(new Set(colours).size).toBeGreaterThan(10);
    for (const colour of colours) expect(colour).not.toMatch(/38;5;(1|9|124|160|196)m/);
  });
});

describe('what is said on stderr', () => {
  const told = async (kind: 'error' | 'hint' | undefined, text: string, around: Around = {}) => {
    const screen = screenOf({}, { columns: 40, env: { NO_COLOR: '1', LANG: 'C.UTF-8' }, ...around });
    await tell(screen, kind, text);
    return screen.said.join('');
  };

  test('to a terminal is broken at spaces, below the beginning of its text', async () => {
    expect(await told('error', 'the database traces.duckdb cannot be opened')).toBe(
      'error: the database traces.duckdb cannot\n       be opened\n',
    );
    expect(await told(undefined, 'read 303 spans in 25 traces from checkout.jsonl')).toBe(
      'read 303 spans in 25 traces from\n  checkout.jsonl\n',
    );
  });

  test('to a pipe is a line', async () => {
    expect(await told('error', 'x '.repeat(60).trim(), { isTty: false })).toBe(`error: ${'x '.repeat(60).trim()}\n`);
  });

  test('of several lines has them below each other, so that a caret is where it belongs', async () => {
    expect(await told('hint', 'LINE 1: SELEC\n        ^')).toBe('hint: LINE 1: SELEC\n              ^\n');
  });

  test('is harmless', async () => {
    expect(await told('error', `${ESC}[2J does not exist`)).toBe('error: \\x1b[2J does not exist\n');
  });

  test('in colour is red where it is an error', async () => {
    expect(await told('error', 'x', { env: {} })).toContain(`${ESC}[31m`);
  });
});

describe('progress', () => {
  test.each<readonly [string, number, number | undefined, string, string]>([
    ['dump.json', 380, 1000, '1 span', 'reading dump.json  38%  1 span'],
    ['dump.json', 999, 1000, '1 span', 'reading dump.json  99%  1 span'],
    ['dump.json', 2000, 1000, '1 span', 'reading dump.json  100%  1 span'],
    ['stdin', 12_400_000, undefined, '81,204 spans', 'reading stdin  12.4 MB  81,204 spans'],
    ['empty', 0, 0, '0 spans', 'reading empty  0 B  0 spans'],
    [`${ESC}[2J`, 1, 2, '', 'reading \\x1b[2J  50%  '],
  ])('of %j at %s of %s bytes', (label, done, total, detail, text) => {
    expect(progressText(label, done, total, detail)).toBe(text);
  });

  test('is silent where nobody watches', () => {
    for (const progress of [
      createProgress(screenOf({}, { isTty: false }), true),
      createProgress(screenOf({}, { env: { CI: '1' } }), true),
      createProgress(screenOf(), false),
    ]) {
      progress.update('x', 1, 2, '');
      progress.stop();
    }
  });
});
