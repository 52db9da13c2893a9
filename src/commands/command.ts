import type { Report } from '../report/report.ts';
import type { Screen } from '../terminal/screen.ts';

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
  readonly signal: AbortSignal;
}

export interface Command {
  /** Positional arguments, as in the usage line. */
  readonly usage: string;
  /** One paragraph: what it answers and how to read it. */
  readonly description: string;
  /** Two to four command lines with what they do. */
  readonly examples: readonly (readonly [commandLine: string, what: string])[];
  readonly options: readonly AnyOption[];
  run(context: CommandContext): Promise<Report>;
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
  load(): Promise<Command>;
}
