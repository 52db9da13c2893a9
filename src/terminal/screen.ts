// The outside world for output, decided once: streams, width, colour, Unicode, zone, clock. Nothing else asks the process.

/** Somewhere to write text; resolves when more may be written. */
export interface TextSink {
  write(text: string): Promise<void>;
}

export interface Screen {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** stdout is a terminal. */
  readonly isTerminal: boolean;
  /** stderr is a terminal, and not one of a CI job. */
  readonly isTalking: boolean;
  readonly width: number;
  readonly height: number;
  /** 0 is none; see theme.ts. */
  readonly colour: 0 | 1 | 2 | 3;
  readonly errorColour: 0 | 1 | 2 | 3;
  readonly unicode: boolean;
  /** Times are shown in UTC rather than in the local zone. */
  readonly utc: boolean;
  now(): Date;
}

/** What flags say about output. */
export interface ScreenFlags {
  readonly color?: 'always' | 'never' | 'auto' | undefined;
  readonly width?: number | undefined;
  readonly ascii?: boolean | undefined;
  readonly utc?: boolean | undefined;
}

/** What the process and its environment say. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly stdout: TextSink & { readonly isTTY: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: TextSink & { readonly isTTY: boolean };
  now(): Date;
}

export const MINIMUM_WIDTH = 40;
export const MAXIMUM_WIDTH = 1000;
const DEFAULT_WIDTH = 100;

/** Decides how output looks. */
export function createScreen(flags: ScreenFlags, surroundings: Surroundings): Screen {
  const { env, stdout, stderr } = surroundings;
  const isCi = env.CI !== undefined && env.CI !== '' && env.CI !== '0' && env.CI !== 'false';
  return {
    stdout,
    stderr,
    isTerminal: stdout.isTTY,
    isTalking: stderr.isTTY && !isCi,
    width: widthFrom(flags, surroundings),
    height: stdout.rows ?? 24,
    colour: colourLevel(flags, env, stdout.isTTY),
    errorColour: colourLevel(flags, env, stderr.isTTY),
    unicode: hasUnicode(flags, surroundings),
    utc: flags.utc === true || !stdout.isTTY,
    now: surroundings.now,
  };
}

/** `--width`, then COLUMNS, then the terminal's columns, then 100; within bounds that can be drawn. */
function widthFrom(flags: ScreenFlags, { env, stdout }: Surroundings): number {
  const columns = Number(env.COLUMNS);
  const width =
    flags.width ??
    (Number.isInteger(columns) && columns > 0 ? columns : undefined) ??
    ((stdout.isTTY && stdout.columns) || undefined) ??
    DEFAULT_WIDTH;
  return Math.min(MAXIMUM_WIDTH, Math.max(MINIMUM_WIDTH, width));
}

/** `--color`, then NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE, a dumb terminal, and whether it is one at all. */
function colourLevel(
  flags: ScreenFlags,
  env: Readonly<Record<string, string | undefined>>,
  isTty: boolean,
): 0 | 1 | 2 | 3 {
  const supported = supportedLevel(env);
  if (flags.color === 'never') return 0;
  if (flags.color === 'always') return supported;
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return 0;
  if (env.FORCE_COLOR !== undefined) {
    if (env.FORCE_COLOR === '0' || env.FORCE_COLOR === 'false') return 0;
    return env.FORCE_COLOR === '1' ? 1 : env.FORCE_COLOR === '2' ? 2 : env.FORCE_COLOR === '3' ? 3 : supported;
  }
  if (env.CLICOLOR_FORCE !== undefined && env.CLICOLOR_FORCE !== '0') return supported;
  if (env.TERM === 'dumb') return 0;
  return isTty ? supported : 0;
}

function supportedLevel(env: Readonly<Record<string, string | undefined>>): 1 | 2 | 3 {
  if (env.COLORTERM === 'truecolor' || env.COLORTERM === '24bit') return 3;
  return /256(color)?$/i.test(env.TERM ?? '') || env.WT_SESSION !== undefined ? 2 : 1;
}

/** `--ascii`, then whether the locale is UTF-8 and the terminal has the glyphs. */
function hasUnicode(flags: ScreenFlags, { env, platform }: Surroundings): boolean {
  if (flags.ascii === true) return false;
  if (env.TERM === 'linux' || env.TERM === 'dumb') return false;
  if (platform === 'win32') return env.WT_SESSION !== undefined || env.TERM_PROGRAM === 'vscode';
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  return locale === undefined || locale === '' ? platform === 'darwin' : /utf-?8/i.test(locale);
}
