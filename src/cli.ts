import { fstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CommanderError, Command as Program, Option as ProgramOption } from 'commander';
import type { AnyOption, Command, CommandContext, CommandEntry, Option } from './commands/command.ts';
import { formatHelp, formatTopHelp } from './commands/help.ts';
import { findTopic } from './commands/help-topics.ts';
import { COMMANDS } from './commands/index.ts';
import { ExitCode, ToldError, UserError } from './errors.ts';
import type { Report } from './report/report.ts';
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
    const entry = COMMANDS.find(({ name, alias }) => name === argv[0] || alias === argv[0]);
    if (entry === undefined) return await runWithoutCommand(argv, screen);
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
    return await explain(error, screen, argv.includes('--debug'));
  }
}

/** No command: help, the version, a help topic, or a mistake. */
async function runWithoutCommand(argv: readonly string[], screen: Screen): Promise<ExitCode> {
  const [first, second] = argv;
  if (first === undefined || first === '--help' || first === '-h') {
    await screen.stdout.write(formatTopHelp(COMMANDS));
    return ExitCode.ok;
  }
  if (first === '--version' || first === '-V') {
    await screen.stdout.write(argv.includes('--verbose') ? await longVersion() : `${version()}\n`);
    return ExitCode.ok;
  }
  if (first === 'help') return help(second, screen);
  const isFlag = first.startsWith('-');
  const nearest = await nearestOf(
    first,
    isFlag ? ['--help', '--version'] : [...COMMANDS.map(({ name }) => name), 'help'],
  );
  throw new UserError(`unknown ${isFlag ? 'option' : 'command'} '${first}'`, {
    hint: nearest === undefined ? 'tailspan --help lists the commands' : `did you mean ${nearest}?`,
  });
}

async function help(name: string | undefined, screen: Screen): Promise<ExitCode> {
  if (name === undefined) {
    await screen.stdout.write(formatTopHelp(COMMANDS));
    return ExitCode.ok;
  }
  const entry = COMMANDS.find(({ name: known, alias }) => known === name || alias === name);
  if (entry !== undefined) {
    await screen.stdout.write(formatHelp(entry, await entry.load()));
    return ExitCode.ok;
  }
  const topic = await findTopic(name);
  if (topic === undefined) {
    throw new UserError(`there is no help about '${name}'`, { hint: 'tailspan --help lists commands and topics' });
  }
  await screen.stdout.write(topic);
  return ExitCode.ok;
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
  const { parse: read, choices } = option;
  if (choices !== undefined) made.choices([...choices]);
  if (read !== undefined) {
    made.argParser((value: string, previous: unknown) => {
      if (choices !== undefined && !choices.includes(value)) {
        throw new UserError(
          `${made.long} takes ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}, not '${value}'`,
        );
      }
      return read(value, previous === option.default ? undefined : previous);
    });
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
      if (!isQuiet) await screen.stderr.write(`${sentenceToSay}\n`);
    },
    async complain(message, hint) {
      complained = true;
      await screen.stderr.write(`error: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`);
    },
    get hasComplained() {
      return complained;
    },
    hasPipedInput: world.hasPipedInput,
    readInput: world.readInput,
    signal: world.signal,
  };
  const report = await command.run(context);
  await write(entry, report, optionValue, screen, world);
  if (!isQuiet) for (const note of report.notes ?? []) await screen.stderr.write(`${note}\n`);
  return complained ? ExitCode.trouble : (report.exitCode ?? ExitCode.ok);
}

/** Writes a report as the flags say: to stdout, a pager or a file. */
async function write(
  entry: CommandEntry,
  report: Report,
  optionValue: (name: string) => unknown,
  screen: Screen,
  world: World,
): Promise<void> {
  const { RENDERERS } = await import('./report/index.ts');
  const file = optionValue('output');
  const isToScreen = screen.isTerminal && file === undefined;
  const asked = optionValue('json') === true ? 'json' : String(optionValue('format') ?? 'auto');
  const name = asked === 'auto' ? (isToScreen ? 'table' : 'plain') : asked;
  const renderer = RENDERERS.find(known => known.name === name);
  if (renderer === undefined) throw new UserError(`there is no format '${name}'`);
  const fields = optionValue('fields') as readonly string[] | undefined;
  const outScreen: Screen = file === undefined ? screen : { ...screen, colour: 0 };
  const pieces = renderer.render(report, { screen: outScreen, fields, header: optionValue('header') === true });
  if (typeof file === 'string') {
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

/** Writes beside the file and renames: the file holds the whole answer or what it held before. */
async function writeFile(file: string, pieces: AsyncIterable<string> | Iterable<string>): Promise<void> {
  const temporary = `${file}.tailspan-${process.pid}`;
  try {
    const parts: string[] = [];
    for await (const piece of pieces) parts.push(piece);
    writeFileSync(temporary, parts.join(''));
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (error instanceof UserError) throw error;
    throw new UserError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`, {
      hint: 'check that its folder exists and may be written',
      cause: error,
    });
  }
}

/** Says what went wrong, once, and returns the exit code. */
async function explain(error: unknown, screen: Screen, isDebug: boolean): Promise<ExitCode> {
  if (error instanceof BrokenPipe) return ExitCode.ok;
  if (error instanceof Interruption) return error.exitCode;
  if (error instanceof ToldError) return ExitCode.trouble;
  const say = (line: string) => screen.stderr.write(`${line}\n`);
  if (error instanceof UserError) {
    await say(`error: ${error.message}`);
    if (error.hint !== undefined) await say(`hint: ${error.hint}`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    await say(`error: ${message.split('\n')[0]}`);
    await say('hint: this is a bug in tailspan; run again with --debug and report what it prints');
  }
  if (isDebug && error instanceof Error) await say(error.stack ?? '');
  return ExitCode.trouble;
}

/** The other end of stdout was closed: `… | head -1`. Quiet success. */
class BrokenPipe extends Error {}

/** A signal ended the run. */
class Interruption extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super('interrupted');
    this.exitCode = exitCode;
  }
}

async function nearestOf(word: string, known: readonly string[]): Promise<string | undefined> {
  const { distance } = await import('fastest-levenshtein');
  const [best] = known.map(name => ({ name, far: distance(name, word) })).sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= 2 ? best.name : undefined;
}

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return String(JSON.parse(readFileSync(file, 'utf8')).version);
}

async function longVersion(): Promise<string> {
  const { defaultDatabase } = await import('./config/paths.ts');
  const { duckdbVersion } = await import('./store/database.ts');
  return [
    `tailspan ${version()}`,
    `node     ${process.versions.node}`,
    `duckdb   ${duckdbVersion()}`,
    `platform ${process.platform} ${process.arch}`,
    `database ${await defaultDatabase(process.env)}`,
    '',
  ].join('\n');
}

/** The program in this process. */
export async function main(): Promise<void> {
  const abort = new AbortController();
  let signals = 0;
  const onSignal = (exitCode: ExitCode) => () => {
    // The first signal stops the work in order, the second at once.
    if (++signals > 1) process.exit(exitCode);
    abort.abort(new Interruption(exitCode));
  };
  process.on('SIGINT', onSignal(ExitCode.interrupted));
  process.on('SIGTERM', onSignal(ExitCode.terminated));
  process.exitCode = await run(process.argv.slice(2), {
    env: process.env,
    platform: process.platform,
    stdout: {
      ...sinkOf(process.stdout),
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
}

function isPiped(): boolean {
  try {
    const stdin = fstatSync(0);
    return stdin.isFIFO() || stdin.isFile();
  } catch {
    return false;
  }
}

/** A stream as a sink that waits until it is drained, and ends the run quietly where nobody reads any more. */
function sinkOf(stream: NodeJS.WriteStream): TextSink {
  let broken: Error | undefined;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    broken = error.code === 'EPIPE' ? new BrokenPipe() : error;
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
  };
}
