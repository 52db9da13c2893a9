import { existsSync, fstatSync } from 'node:fs';
import { CommanderError, Command as Program, Option as ProgramOption } from 'commander';
import type { AnyOption, Command, CommandContext, CommandEntry, Option, PreparedCommand } from './commands/command.ts';
import { formatHelp, formatTopHelp } from './commands/help.ts';
import { findTopic, TOPICS } from './commands/help-topics.ts';
import { COMMANDS } from './commands/index.ts';
import { isSameFile, writeFile } from './commands/output-file.ts';
import { reasonOf } from './commands/reason.ts';
import { shellWord } from './commands/shell.ts';
import { programVersion } from './config/version.ts';
import { ExitCode, ToldError, UserError } from './errors.ts';
import type { Report } from './report/report.ts';
import { explainStorageFailure } from './store/storage-failure.ts';
import type { Terminal } from './terminal/interactive.ts';
import { tell } from './terminal/message.ts';
import { createScreen, type Screen, type Surroundings, type TextSink } from './terminal/screen.ts';

// The program: the command is found and loaded, run, its report written, its verdict returned. The one place that
// catches errors, and with terminal/ the one that knows the process.

/** The world around one run; tests pass their own. */
export interface World extends Surroundings {
  /** stdin is a pipe or a file. */
  readonly hasPipedInput: boolean;
  readInput(): Promise<string>;
  /** The terminal that a person sits at; there is none where this is not given. */
  openTerminal?(): Promise<Terminal | undefined>;
  readonly signal: AbortSignal;
}

/** Runs the program with arguments as a shell gives them (without node and script). Returns the exit code. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  let screen = createScreen({}, world);
  try {
    const entry = findCommand(argv[0]);
    if (entry === undefined) return await runWithoutCommand(argv, screen, world);
    const command = await entry.load();
    const parsed = parse(entry, command, argv.slice(1));
    if (parsed === undefined) {
      await screen.stdout.write(formatHelp(entry, command));
      return ExitCode.ok;
    }
    screen = screenOf(parsed.get, world);
    return await runCommand({ entry, command, ...parsed }, screen, world);
  } catch (error) {
    return await explain(error, screen, argv);
  }
}

function screenOf(get: (name: string) => unknown, world: World): Screen {
  return createScreen(
    { color: get('color'), width: get('width'), ascii: get('ascii'), utc: get('utc') } as Parameters<
      typeof createScreen
    >[0],
    world,
  );
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
  /** The value does not come from a default. */
  isGiven(name: string): boolean;
  /** Positional arguments. */
  readonly args: readonly string[];
  /** What stands behind `--`, of a command that runs others. */
  readonly commandLine: readonly string[] | undefined;
}

/** Reads the arguments of a command. Undefined where help is asked for. Throws `UserError` where they are wrong. */
function parse(entry: CommandEntry, command: Command, argv: readonly string[]): Parsed | undefined {
  const end = command.takesCommandLine === true ? argv.indexOf('--') : -1;
  const program = new Program(entry.name)
    .usage(`${command.usage} [options]`)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .argument('[arguments...]')
    .helpOption('-h, --help', 'show this help');
  for (const option of command.options) program.addOption(programOption(option));
  try {
    program.parse(end === -1 ? argv : argv.slice(0, end), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help') {
      return undefined;
    }
    throw new UserError(sentence(error.message), { hint: `tailspan ${entry.name} --help explains the options` });
  }
  const values: Record<string, unknown> = program.opts();
  return {
    get: name => values[name],
    isGiven: name => program.getOptionValueSource(name) === 'cli',
    args: program.args,
    commandLine: end === -1 ? undefined : argv.slice(end + 1),
  };
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

/** A command with what it was told. */
interface Invocation extends Parsed {
  readonly entry: CommandEntry;
  readonly command: Command;
}

/** Runs a command and writes its answer; `data` is given where it is open already. */
async function runCommand(
  invocation: Invocation,
  screen: Screen,
  world: World,
  data?: CommandContext['data'],
  isRetry = false,
): Promise<number> {
  const { entry, command, args, get } = invocation;
  const target = outputOf(get, args);
  let mend: ((error: unknown) => boolean) | undefined;
  const context = contextOf(invocation, screen, world, data, newMend => {
    mend = newMend;
  });
  let answer: Awaited<ReturnType<Command['run']>>;
  try {
    answer = await command.run(context);
  } catch (error) {
    if (isRetry || mend?.(error) !== true) throw error;
    return runCommand(invocation, screen, world, data, true);
  }
  if (!('blocks' in answer)) return answer.exitCode;
  await write(entry, answer, target, get, screen, world);
  for (const note of answer.notes ?? []) await context.say(note);
  return context.hasComplained ? ExitCode.trouble : (answer.exitCode ?? ExitCode.ok);
}

function contextOf(
  invocation: Invocation,
  screen: Screen,
  world: World,
  data: CommandContext['data'],
  onFailure: CommandContext['onFailure'] = () => {},
): CommandContext {
  const { command, args, commandLine, get: optionValue } = invocation;
  let complained = false;
  const saidHints = new Set<string>();
  const isQuiet = optionValue('quiet') === true;
  const names = new Map(command.options.map(option => [option, programOption(option).attributeName()]));
  return {
    screen,
    env: world.env,
    args,
    commandLine,
    ...(data === undefined ? {} : { data }),
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
    openTerminal: async () => world.openTerminal?.(),
    signal: world.signal,
    onFailure,
    prepare: words => prepare(words, invocation, world),
  };
}

/** Ends a rehearsal where data would be asked for. */
class Rehearsed extends Error {}

/** Options that hold for the commands that a command runs, too: where the data is, and how to speak and write. */
const INHERITED: ReadonlySet<string> = new Set([
  ...['db', 'quiet', 'debug', 'output', 'header', 'fields'],
  ...['color', 'width', 'ascii', 'utc', 'pager'],
]);

/** Reads a command line for a command that runs it, and tries it up to where it asks for data. Throws `UserError` where it is wrong. */
async function prepare(words: readonly string[], outer: Parsed, outerWorld: World): Promise<PreparedCommand> {
  // What is on stdin is not meant for it.
  const world: World = { ...outerWorld, hasPipedInput: false, readInput: async () => '' };
  const [name = ''] = words;
  const entry = findCommand(name);
  if (entry?.isQuestion !== true) {
    const questions = COMMANDS.filter(({ isQuestion }) => isQuestion).map(known => known.name);
    throw new UserError(`'${name}' is no command that answers from traces`, {
      hint: await suggestion(name, questions, `these do: ${questions.join(', ')}`),
    });
  }
  const line = words.map(shellWord).join(' ');
  const command = await entry.load();
  const own = parse(entry, command, words.slice(1));
  if (own === undefined) {
    throw new UserError(`'${line}' asks for help`, { hint: `tailspan ${name} --help shows it` });
  }
  if (own.isGiven('db')) {
    throw new UserError(`'${line}' names a database, but is asked of what is open`, { hint: 'leave out its --db' });
  }
  // One of them says how the answer is written.
  const hasFormat = own.isGiven('format') || own.isGiven('json');
  const isInherited = (option: string) =>
    option === 'format' || option === 'json' ? !hasFormat : INHERITED.has(option) && !own.isGiven(option);
  const invocation: Invocation = {
    ...own,
    entry,
    command,
    get: option => (isInherited(option) ? (outer.get(option) ?? own.get(option)) : own.get(option)),
  };
  const screen = screenOf(invocation.get, world);
  outputOf(invocation.get, own.args);
  const rehearsal = contextOf(invocation, screen, world, () => {
    throw new Rehearsed();
  });
  try {
    await command.run(rehearsal);
  } catch (error) {
    if (!(error instanceof Rehearsed)) throw error;
  }
  return {
    async answer(data) {
      try {
        return await runCommand(invocation, screen, world, () => data);
      } catch (error) {
        return await explain(error, screen, words);
      }
    },
  };
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
async function explain(error: unknown, screen: Screen, words: readonly string[]): Promise<ExitCode> {
  // Behind it stand no options of ours.
  const end = words.indexOf('--');
  const argv = end === -1 ? words : words.slice(0, end);
  if (error instanceof BrokenPipe) return ExitCode.ok;
  if (error instanceof Interruption) return error.exitCode;
  if (error instanceof ToldError) return ExitCode.trouble;
  const known = error instanceof UserError ? error : explainStorageFailure(error);
  if (known !== undefined) {
    if (known.details !== undefined && wantsJson(argv)) {
      const { message, hint, details } = known;
      await screen.stderr.write(`${JSON.stringify({ error: { message, hint, ...details } })}\n`);
      return ExitCode.trouble;
    }
    await tell(screen, 'error', known.message);
    for (const line of known.excerpt) await screen.stderr.write(`  ${line}\n`);
    if (known.hint !== undefined) await tell(screen, 'hint', known.hint);
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
  const { endsOnSignal = false, handlesSignals = false } = findCommand(process.argv[2]) ?? {};
  const interruptions = [
    new Interruption('SIGINT', ExitCode.interrupted),
    new Interruption('SIGTERM', ExitCode.terminated),
  ];
  for (const interruption of handlesSignals ? [] : interruptions) {
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
    openTerminal: async () => (await import('./terminal/interactive.ts')).openTerminal(),
    signal: abort.signal,
  });
  const exitCode = await running;
  // Trouble has been told, and the failure of a program that was run is its own; what only shows once all is handed over has not been told.
  const isAnswered = exitCode === ExitCode.ok || exitCode === ExitCode.no;
  process.exitCode = !isAnswered || (await stdout.isWritten()) ? exitCode : ExitCode.trouble;
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
