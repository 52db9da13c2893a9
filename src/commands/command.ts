import type { Report } from '../report/report.ts';
import type { Terminal } from '../terminal/interactive.ts';
import type { Screen } from '../terminal/screen.ts';
import type { Data } from './data.ts';

// What a command is: data that help, completion and documentation are made from, and a function.

/** Where an option stands in help. */
export type OptionGroup = 'Input' | 'Filter' | 'Output' | 'Other';

/** An option; `Value` is what `parse` makes of its argument, `boolean` for one without. */
export interface Option<Value> {
  /** As in help: `-o, --output <file>`, `--json`, `--no-pager`. */
  readonly flags: string;
  readonly description: string;
  readonly group: OptionGroup;
  /** Reads the argument; throws `UserError`. `previous` is the value so far of an option that may be repeated. */
  readonly parse?: (text: string, previous: Value | undefined) => Value;
  readonly choices?: readonly string[];
  readonly default?: Value;
}

// biome-ignore lint/suspicious/noExplicitAny: a list of options of any value; each is read through its own type
export type AnyOption = Option<any>;

export interface CommandContext {
  readonly screen: Screen;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Positional arguments. */
  readonly args: readonly string[];
  /** What stands behind `--`, of a command that runs others; undefined where there is no `--`. */
  readonly commandLine: readonly string[] | undefined;
  /** Gives data that is open already: the command answers from it, and from no other. */
  readonly data?: () => Data;
  /** The value of an option; undefined where it was not given and has no default. */
  get<Value>(option: Option<Value>): Value | undefined;
  /** Says a sentence on stderr, unless `--quiet`. */
  say(sentence: string): Promise<void>;
  /** Says what went wrong, with a hint; the command goes on, and the exit code will be 2. */
  complain(message: string, hint?: string): Promise<void>;
  /** True once `complain` was called. */
  readonly hasComplained: boolean;
  /** stdin is a pipe or a file, so that it may be read where no source is named. */
  readonly hasPipedInput: boolean;
  /** Reads all of stdin as text. */
  readInput(): Promise<string>;
  /** Opens the terminal that a person sits at; undefined where there is none. Close it. */
  openTerminal(): Promise<Terminal | undefined>;
  readonly signal: AbortSignal;
  /** Names what may mend a failure of this command: where it returns true, the command is run once more, from its beginning. */
  onFailure(mend: (error: unknown) => boolean): void;
  /**
   * Reads the arguments of another command, such as `['errors', '--limit', '3']`, which is to answer once there is data. Throws
   * `UserError` for a command that does not answer from data alone, and for a mistake in its options, arguments or query.
   */
  prepare(words: readonly string[]): Promise<PreparedCommand>;
}

/** Another command, ready to answer. What this one was told about output holds for it where it was told nothing else. */
export interface PreparedCommand {
  /** Answers from data, writes the answer, and returns the exit code. Never rejects: what goes wrong is said. */
  answer(data: Data): Promise<number>;
}

/** What a command returns that has written its answer itself. */
export interface Verdict {
  readonly exitCode: number;
}

export interface Command {
  /** Positional arguments, as in the usage line. */
  readonly usage: string;
  /** One paragraph: what it answers and how to read it. */
  readonly description: string;
  /** Two to four command lines with what they do. */
  readonly examples: readonly (readonly [commandLine: string, what: string])[];
  readonly options: readonly AnyOption[];
  /** A sentence for help about exit codes that are this command's own. */
  readonly exitCodes?: string;
  /** It runs the command line behind `--`, whose options are not its own. */
  readonly takesCommandLine?: boolean;
  run(context: CommandContext): Promise<Report | Verdict>;
}

/** What the registry knows of a command without loading it. */
export interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly group: 'look' | 'explain' | 'live' | 'data' | 'help';
  /** One line for the list of commands. */
  readonly summary: string;
  /** A signal is how it is ended: it stops in order, answers, and the exit code is its own. A second signal ends it at once. */
  readonly endsOnSignal?: boolean;
  /** It sees to signals itself, from its start to its end. */
  readonly handlesSignals?: boolean;
  /** It answers from traces and changes nothing, so that it can be asked of data that another command has open. */
  readonly isQuestion?: boolean;
  load(): Promise<Command>;
}
