import { existsSync, fstatSync } from 'node:fs';
import { CommanderError, Command as Program, Option as ProgramOption } from 'commander';
import type { AnyOption, Command, CommandContext, CommandEntry, Option } from './commands/command.ts';
import { formatHelp, formatTopHelp } from './commands/help.ts';
import { findTopic, TOPICS } from './commands/help-topics.ts';
import { COMMANDS } from './commands/index.ts';
import { isSameFile, writeFile } from './commands/output-file.ts';
import { reasonOf } from './commands/reason.ts';
import { programVersion } from './config/version.ts';
import { ExitCode, ToldError, UserError } from './errors.ts';
import type { Report } from './report/report.ts';
import { tell } from './terminal/message.ts';
import { createScreen, type Screen, type Surroundings, type TextSink } from './terminal/screen.ts';

// The program: the command is found and loaded, run, its report written, its verdict returned. The one place that
// catches errors, and with terminal/ the one that knows the process.

/** The world around one run; tests pass their own. */
export interface World extends Surroundings {
  /** stdin is a pipe or a file. */
  readonly hasPipedInput: boolean;
  readInput(): Promise<string>;
  readonly signal: AbortSignal;
}

/** Runs the program with arguments as a shell gives them (without node and script). Returns the exit code. */
export async function run(argv: readonly string[], world: World): Promise<ExitCode> {
  let screen = createScreen({}, world);
  try {
    const entry = findCommand(argv[0]);
    if (entry === undefined) return await runWithoutCommand(argv, screen, world);
    const command = await entry.load();
    const { get, args } = parse(entry, command, argv.slice(1));
    if (args === undefined) {
      await screen.stdout.write(formatHelp(entry, command));
      return ExitCode.ok;
    }
    screen = createScreen(
      { color: get('color'), width: get('width'), ascii: get('ascii'), utc: get('utc') } as Parameters<
        typeof createScreen
      >[0],
      world,
    );
    return await runCommand(entry, command, args, get, screen, world);
  } catch (error) {
    return await explain(error, screen, argv);
  }
}

function findCommand(word: string | undefined): CommandEntry | undefined {
  return word === undefined ? undefined : COMMANDS.find(({ name, alias }) => name === word || alias === word);
}

/** No command: help, the version, a help topic, or a mistake. */
async function runWithoutCommand(argv: readonly string[], screen: Screen, world: World): Promise<ExitCode> {
  const [first, second] = argv;
  if (first === undefined || first === '--help' || first === '-h') {
    await screen.stdout.write(formatTopHelp(COMMANDS));
    return ExitCode.ok;
  }
  if (first === '--version' || first === '-V') {
    await screen.stdout.write(argv.includes('--verbose') ? await longVersion(world) : `${programVersion()}\n`);
    return ExitCode.ok;
  }
  if (first === 'help') return help(second, screen);
  if (first.startsWith('-')) {
    const later = argv.find(argument => findCommand(argument) !== undefined);
    throw new UserError(`unknown option '${first}'`, {
      hint:
        later === undefined
          ? await suggestion(first, ['--help', '--version'], 'tailspan --help lists the commands')
          : `the command comes first: tailspan ${later} ${first}`,
    });
  }
  const names = [...COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias])), 'help'];
  throw new UserError(`unknown command '${first}'`, {
    hint: existsSync(first)
      ? `what is in it: tailspan summary ${first}`
      : await suggestion(first, names, 'tailspan --help lists the commands'),
  });
}

/** Help about a topic or a command; a topic first, for a command answers to --help as well. */
async function help(name: string | undefined, screen: Screen): Promise<ExitCode> {
  if (name === undefined) {
    await screen.stdout.write(formatTopHelp(COMMANDS));
    return ExitCode.ok;
  }
  const entry = findCommand(name);
  const topic = await findTopic(name);
  if (topic !== undefined) {
    await screen.stdout.write(topic);
    if (entry !== undefined) await screen.stdout.write(`\n  tailspan ${entry.name} --help explains the command.\n`);
    return ExitCode.ok;
  }
  if (entry !== undefined) {
    await screen.stdout.write(formatHelp(entry, await entry.load()));
    return ExitCode.ok;
  }
  const known = [...TOPICS, ...COMMANDS].map(topicOrCommand => topicOrCommand.name);
  throw new UserError(`there is no help about '${name}'`, {
    hint: await suggestion(name, known, 'tailspan --help lists commands and topics'),
  });
}

interface Parsed {
  get(name: string): unknown;
  /** Positional arguments; undefined where help was asked for. */
  readonly args: readonly string[] | undefined;
}

/** Reads the arguments of a command. Throws `UserError` where they are wrong. */
function parse(entry: CommandEntry, command: Command, argv: readonly string[]): Parsed {
  const program = new Program(entry.name)
    .usage(`${command.usage} [options]`)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .argument('[arguments...]')
    .helpOption('-h, --help', 'show this help');
  for (const option of command.options) program.addOption(programOption(option));
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help') {
      return { get: () => undefined, args: undefined };
    }
    throw new UserError(sentence(error.message), { hint: `tailspan ${entry.name} --help explains the options` });
  }
  const values: Record<string, unknown> = program.opts();
  return { get: name => values[name], args: program.args };
}

/** Commander's message as ours: `error: unknown option '--x'\n(Did you mean --y?)`. */
function sentence(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/, '; did you mean $1?')
    .replace(/\.$/, '');
}

function programOption(option: AnyOption): ProgramOption {
  const made = new ProgramOption(option.flags, option.description).helpGroup(`${option.group}:`);
  if (option.default !== undefined) made.default(option.default);
  const { parse: read } = option;
  if (read !== undefined) {
    made.argParser((value: string, previous: unknown) =>
      read(value, previous === option.default ? undefined : previous),
    );
  }
  return made;
}

async function runCommand(
  entry: CommandEntry,
  command: Command,
  args: readonly string[],
  optionValue: (name: string) => unknown,
  screen: Screen,
  world: World,
): Promise<ExitCode> {
  let complained = false;
  const saidHints = new Set<string>();
  const isQuiet = optionValue('quiet') === true;
  const names = new Map(command.options.map(option => [option, programOption(option).attributeName()]));
  const context: CommandContext = {
    screen,
    env: world.env,
    args,
    get<Value>(option: Option<Value>): Value | undefined {
      const name = names.get(option);
      // `--no-x` options hold true until they are given.
      if (option.flags.startsWith('--no-')) return (optionValue(name ?? '') === false) as Value;
      return name === undefined ? undefined : (optionValue(name) as Value | undefined);
    },
    async say(sentenceToSay) {
      if (!isQuiet) await tell(screen, undefined, sentenceToSay);
    },
    async complain(message, hint) {
      complained = true;
      await tell(screen, 'error', message);
      // Of many files of one kind, what to do is said once.
      if (hint !== undefined && !saidHints.has(hint)) await tell(screen, 'hint', hint);
      saidHints.add(hint ?? '');
    },
    get hasComplained() {
      return complained;
    },
    hasPipedInput: world.hasPipedInput,
    readInput: world.readInput,
    signal: world.signal,
  };
  const target = outputOf(optionValue, args);
  const report = await command.run(context);
  await write(entry, report, target, optionValue, screen, world);
  for (const note of report.notes ?? []) await context.say(note);
  return complained ? ExitCode.trouble : (report.exitCode ?? ExitCode.ok);
}

/** Where the answer goes and how it is written, as far as the flags say. */
interface Output {
  readonly format: string;
  /** Undefined for stdout. */
  readonly file: string | undefined;
}

/** Reads the flags about output. Throws `UserError` where they contradict each other, or the answer would destroy what is asked. */
function outputOf(optionValue: (name: string) => unknown, args: readonly string[]): Output {
  const format = String(optionValue('format') ?? 'auto');
  const file = optionValue('output');
  if (optionValue('json') === true && format !== 'auto' && format !== 'json') {
    throw new UserError(`--json and --format ${format} contradict each other`, { hint: 'give one of them' });
  }
  if (typeof file === 'string') {
    const victim = [...args, optionValue('db')].find(source => typeof source === 'string' && isSameFile(source, file));
    if (victim !== undefined) {
      throw new UserError(`--output ${file} would overwrite what is read`, { hint: 'name another file' });
    }
  }
  return {
    format: optionValue('json') === true ? 'json' : format,
    file: typeof file === 'string' ? file : undefined,
  };
}

/** Writes a report as the flags say: to stdout, a pager or a file. */
async function write(
  entry: CommandEntry,
  report: Report,
  { format, file }: Output,
  optionValue: (name: string) => unknown,
  screen: Screen,
  world: World,
): Promise<void> {
  const { RENDERERS } = await import('./report/index.ts');
  const isToScreen = screen.isTerminal && file === undefined;
  const name = format === 'auto' ? (isToScreen ? 'table' : 'plain') : format;
  const renderer = RENDERERS.find(known => known.name === name);
  if (renderer === undefined) throw new UserError(`there is no format '${name}'`);
  const fields = optionValue('fields') as readonly string[] | undefined;
  const isColoured =
    (file === undefined || optionValue('color') === 'always') && (name === 'table' || format === 'auto');
  const outScreen: Screen = {
    ...screen,
    ...(isColoured ? {} : { colour: 0 }),
    ...(file === undefined ? {} : { isTerminal: false, utc: true }),
  };
  const pieces = renderer.render(report, { screen: outScreen, fields, header: optionValue('header') === true });
  if (file !== undefined) {
    await writeFile(file, pieces);
    return;
  }
  const mayPage =
    isToScreen && name === 'table' && optionValue('pager') !== false && PAGED.has(entry.name) && !world.env.CI;
  if (!mayPage) {
    for await (const piece of pieces) await screen.stdout.write(piece);
    return;
  }
  const whole: string[] = [];
  for await (const piece of pieces) whole.push(piece);
  const all = whole.join('');
  const { page } = await import('./terminal/pager.ts');
  const isLong = all.split('\n').length > screen.height;
  if (!isLong || !(await page(all, world.env))) await screen.stdout.write(all);
}

/** Commands whose answers may be longer than a screen. */
const PAGED: ReadonlySet<string> = new Set(['show', 'search', 'sql', 'errors', 'operations', 'critical-path']);

/** Says what went wrong, once, and returns the exit code. */
async function explain(error: unknown, screen: Screen, argv: readonly string[]): Promise<ExitCode> {
  if (error instanceof BrokenPipe) return ExitCode.ok;
  if (error instanceof Interruption) return error.exitCode;
  if (error instanceof ToldError) return ExitCode.trouble;
  if (error instanceof UserError) {
    if (error.details !== undefined && wantsJson(argv)) {
      const { message, hint, details } = error;
      await screen.stderr.write(`${JSON.stringify({ error: { message, hint, ...details } })}\n`);
      return ExitCode.trouble;
    }
    await tell(screen, 'error', error.message);
    for (const line of error.excerpt) await screen.stderr.write(`  ${line}\n`);
    if (error.hint !== undefined) await tell(screen, 'hint', error.hint);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    await tell(screen, 'error', message.split('\n')[0] ?? '');
    await tell(screen, 'hint', 'this is a bug in tailspan; run again with --debug and report what it prints');
  }
  if (argv.includes('--debug') && error instanceof Error) await screen.stderr.write(`${error.stack ?? ''}\n`);
  return ExitCode.trouble;
}

/** Says whether arguments ask for JSON; they may be wrong otherwise, so that they are not parsed. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (argument, index) =>
      argument === '--json' ||
      /^--format=(nd)?json$/.test(argument) ||
      (argument === '--format' && /^(nd)?json$/.test(argv[index + 1] ?? '')),
  );
}

/** The other end of stdout was closed: `… | head -1`. Quiet success. */
class BrokenPipe extends Error {}

/** A signal ended the run. */
class Interruption extends Error {
  readonly signal: NodeJS.Signals;
  readonly exitCode: ExitCode;

  constructor(signal: NodeJS.Signals, exitCode: ExitCode) {
    super(`ended by ${signal}`);
    this.signal = signal;
    this.exitCode = exitCode;
  }
}

/** The hint behind a word that is not known. */
async function suggestion(word: string, known: readonly string[], otherwise: string): Promise<string> {
  const { nearestOf } = await import('./commands/nearest.ts');
  const nearest = nearestOf(word, known);
  return nearest === undefined ? otherwise : `did you mean ${nearest}?`;
}

async function longVersion(world: World): Promise<string> {
  const { defaultDatabase } = await import('./config/paths.ts');
  const { duckdbVersion } = await import('./store/database.ts');
  return [
    `tailspan ${programVersion()}`,
    `node     ${process.versions.node}`,
    `duckdb   ${duckdbVersion()}`,
    `platform ${process.platform} ${process.arch}`,
    `database ${await defaultDatabase(world.env)}`,
    '',
  ].join('\n');
}

/** How long a run may take to end in order after a signal. */
const GRACE_MS = 500;

/** The program in this process. */
export async function main(): Promise<void> {
  const abort = new AbortController();
  const endsOnSignal = findCommand(process.argv[2])?.endsOnSignal === true;
  for (const interruption of [
    new Interruption('SIGINT', ExitCode.interrupted),
    new Interruption('SIGTERM', ExitCode.terminated),
  ]) {
    process.on(interruption.signal, () => {
      // The first signal stops the work in order, the second at once.
      if (abort.signal.aborted) endBy(interruption);
      abort.abort(interruption);
      if (!endsOnSignal) setTimeout(endBy, GRACE_MS, interruption);
    });
  }
  const stdout = sinkOf(process.stdout);
  const running = run(process.argv.slice(2), {
    env: process.env,
    platform: process.platform,
    stdout: {
      ...stdout,
      isTTY: process.stdout.isTTY === true,
      columns: process.stdout.columns,
      rows: process.stdout.rows,
    },
    stderr: { ...sinkOf(process.stderr), isTTY: process.stderr.isTTY === true },
    now: () => (process.env.SOURCE_DATE_EPOCH ? new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000) : new Date()),
    hasPipedInput: isPiped(),
    readInput: async () => (await import('node:stream/consumers')).text(process.stdin),
    signal: abort.signal,
  });
  const exitCode = await running;
  // Trouble has been told; what only shows once all is handed over has not.
  process.exitCode = exitCode === ExitCode.trouble || (await stdout.isWritten()) ? exitCode : ExitCode.trouble;
  if (abort.signal.aborted && !endsOnSignal) endBy(abort.signal.reason);
}

/**
 * Ends the process as the signal would have without us; a shell tells 128 and its number. process.exit() would wait for a
 * read from a pipe in which nothing comes.
 */
function endBy({ signal, exitCode }: Interruption): void {
  // Who hid the cursor shows it.
  process.emit('exit', exitCode);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // The first process of a container is spared.
  process.exit(exitCode);
}

/** A socket is left alone: programs that start others often leave one open for good, and say `-` where they mean it. */
function isPiped(): boolean {
  try {
    const stdin = fstatSync(0);
    return stdin.isFIFO() || stdin.isFile();
  } catch {
    return false;
  }
}

/** A stream as a sink that waits until it is drained, and ends the run quietly where nobody reads any more. */
function sinkOf(stream: NodeJS.WriteStream): TextSink & { isWritten(): Promise<boolean> } {
  let broken: Error | undefined;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    broken =
      error.code === 'EPIPE'
        ? new BrokenPipe()
        : new UserError(`the answer cannot be written: ${reasonOf(error)}`, {
            hint: 'see where stdout leads',
            cause: error,
          });
  });
  return {
    async write(piece) {
      if (broken !== undefined) throw broken;
      if (stream.write(piece)) return;
      await new Promise<void>((resolve, reject) => {
        const settle = () => {
          stream.off('drain', settle);
          stream.off('close', settle);
          stream.off('error', settle);
          if (broken === undefined) resolve();
          else reject(broken);
        };
        stream.on('drain', settle);
        stream.on('close', settle);
        stream.on('error', settle);
      });
    },
    /** Waits for what is still on its way; says, and returns false, where it did not arrive. */
    async isWritten() {
      await new Promise(resolve => stream.write('', resolve));
      if (!(broken instanceof UserError)) return true;
      process.stderr.write(`error: ${broken.message}\nhint: ${broken.hint}\n`);
      return false;
    },
  };
}
