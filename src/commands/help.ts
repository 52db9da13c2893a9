import type { AnyOption, Command, CommandEntry, OptionGroup } from './command.ts';
import { columns, WIDTH, wrap } from './help-text.ts';
import { TOPICS } from './help-topics.ts';

// Help, made from what commands declare: examples first, options in groups, at most 80 columns.

const GROUPS: readonly (readonly [CommandEntry['group'], string])[] = [
  ['look', 'Look'],
  ['explain', 'Explain'],
  ['live', 'Live'],
  ['data', 'Data'],
  ['help', 'Help'],
];

/** Returns the help of the program. */
export function formatTopHelp(commands: readonly CommandEntry[]): string {
  const list = (rows: readonly (readonly [string, string])[]) => columns(rows, 2);
  const groups = GROUPS.flatMap(([group, title]) => {
    const rows = commands
      .filter(command => command.group === group)
      .map(({ name, alias, summary }) => [alias === undefined ? name : `${name}, ${alias}`, summary] as const);
    return rows.length === 0 ? [] : [`${title}:`, ...list(rows), ''];
  });
  return [
    ...wrap(
      'tailspan answers questions about distributed traces from the terminal. It reads trace dumps (OTLP, Jaeger, Zipkin and more; files, folders, stdin; compressed or not) and says what is in there, what is slow and why, what failed and where it began.',
      WIDTH,
    ),
    '',
    'Usage: tailspan COMMAND [trace-id] [source...] [options]',
    '',
    'Examples:',
    '  tailspan summary traces.jsonl            what is in this file',
    '  tailspan search traces.jsonl --status error',
    '  tailspan show 4bf92f3577b3 traces.jsonl  one trace as a waterfall',
    '',
    ...groups,
    'Topics (tailspan help TOPIC):',
    ...list(TOPICS.map(({ name, summary }) => [name, summary] as const)),
    '',
    'Options:',
    ...list([
      ['-h, --help', 'show this help; tailspan COMMAND --help for a command'],
      ['-V, --version', 'show the version; with --verbose what a bug report needs'],
    ]),
    '',
  ].join('\n');
}

const OPTION_GROUPS: readonly OptionGroup[] = ['Input', 'Filter', 'Output', 'Other'];

/** Returns the help of a command. */
export function formatHelp(entry: CommandEntry, command: Command): string {
  const options = OPTION_GROUPS.flatMap(group => {
    const rows = command.options
      .filter(option => option.group === group)
      .map(option => [indentLong(option.flags), describe(option)] as const);
    const own = group === 'Other' ? [['-h, --help', 'show this help'] as const] : [];
    return rows.length + own.length === 0 ? [] : [`${group}:`, ...columns([...rows, ...own], 2), ''];
  });
  return [
    `Usage: tailspan ${usageOf(entry, command)}`,
    ...(entry.alias === undefined ? [] : [`       tailspan ${entry.alias} ...`]),
    '',
    ...wrap(command.description, WIDTH),
    '',
    'Examples:',
    ...command.examples.flatMap(([line, what]) => [`  # ${what}`, `  ${line}`]),
    '',
    ...options,
    ...wrap(
      `Exit codes: ${command.exitCodes ?? usualExitCodes(command)} tailspan help exit-codes has the rest.`,
      WIDTH,
    ),
    '',
  ].join('\n');
}

/** The words of a usage line; options stand in front of the `--` of a command that runs others. */
function usageOf({ name }: CommandEntry, { usage, takesCommandLine }: Command): string {
  const words = takesCommandLine === true ? [name, '[options]', usage] : [name, usage, '[options]'];
  return words.filter(word => word !== '').join(' ');
}

function usualExitCodes({ options }: Command): string {
  const hasNo = options.some(({ flags }) => flags.includes('--exit-status'));
  return `0 done${hasNo ? ', 1 nothing matched and --exit-status was given' : ''}, 2 it could not be done, or not wholly.`;
}

/** Options without a short form stand under the long forms of those that have one. */
function indentLong(flags: string): string {
  return flags.startsWith('--') ? `    ${flags}` : flags;
}

function describe({ description, choices, default: preset }: AnyOption): string {
  const parts = [description];
  if (choices !== undefined) parts.push(`(${choices.join(', ')})`);
  if (preset !== undefined && preset !== false) parts.push(`(default: ${preset})`);
  return parts.join(' ');
}
