import { UserError } from '../errors.ts';
import { type ColumnMap, parseColumnMap } from '../formats/rows/columns.ts';
import { SPAN_KINDS, STATUS_CODES } from '../model/status.ts';
import { parseDuration, parseTime } from '../model/time.ts';
import {
  attributeCondition,
  durationCondition,
  kindCondition,
  nameCondition,
  serviceCondition,
  startCondition,
  statusCondition,
} from '../query/flags.ts';
import type { FieldExpression } from '../query/traceql/ast.ts';
import { faultOfRegex } from '../query/traceql/re2.ts';
import { formatDuration } from '../terminal/format.ts';
import { MAXIMUM_WIDTH, MINIMUM_WIDTH } from '../terminal/screen.ts';
import type { AnyOption, CommandContext, Option } from './command.ts';
import { nearestOf } from './nearest.ts';

// Options that commands share. An option has one name, one meaning and one place.

export function wholeNumber(
  name: string,
  { least = 0, most = Number.MAX_SAFE_INTEGER }: { least?: number; most?: number } = {},
): (text: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  return text => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new UserError(`${name} takes a whole number ${range}, not '${text}'`, {
        hint: `for example ${name} ${Math.max(least, Math.min(most, 100))}`,
      });
    }
    return value;
  };
}

/** Reads one of a few words. */
export function oneOf(name: string, words: readonly string[]): (text: string) => string {
  return text => {
    if (words.includes(text)) return text;
    const nearest = nearestOf(text, words);
    const list = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
    throw new UserError(`${name} does not know '${text}'`, {
      hint: nearest === undefined ? `it takes ${list}` : `did you mean ${nearest}? It takes ${list}`,
    });
  };
}

export function duration(name: string): (text: string) => bigint {
  return text => {
    const value = parseDuration(text);
    if (value === undefined) {
      throw new UserError(`${name} takes a duration, not '${text}'`, { hint: 'for example 250ms, 1.5s or 2m' });
    }
    return value;
  };
}

/** A repeatable option that collects its arguments. */
const collect = (text: string, previous: readonly string[] | undefined): readonly string[] => [
  ...(previous ?? []),
  text,
];

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1 << 20,
  gib: 1 << 30,
};

export function byteSize(name: string): (text: string) => number {
  return text => {
    const match = /^(\d+(?:\.\d+)?)\s*([kmg]i?b)?$/i.exec(text.trim());
    const unit = SIZES[(match?.[2] ?? '').toLowerCase()];
    if (match?.[1] === undefined || unit === undefined) {
      throw new UserError(`${name} takes a size, not '${text}'`, { hint: 'for example 64MiB or 2GB' });
    }
    return Math.floor(Number(match[1]) * unit);
  };
}

// Input

export const DB: Option<string> = {
  flags: '--db <file>',
  description:
    'database to use; sources are loaded into it first (default: TAILSPAN_DB, else the one in your data folder)',
  group: 'Input',
  parse: text => text,
};
export const STRICT: Option<boolean> = {
  flags: '--strict',
  description: 'exit with 2 if any record could not be read',
  group: 'Input',
};
export const MEMORY: Option<number> = {
  flags: '--memory <size>',
  description: 'memory that the database may use, such as 2GB',
  group: 'Input',
  parse: byteSize('--memory'),
};
export const MAX_RECORD_SIZE: Option<number> = {
  flags: '--max-record-size <size>',
  description: 'largest span or message that is read (default: 256MiB)',
  group: 'Input',
  parse: byteSize('--max-record-size'),
};
export const MAX_COMPRESSION_RATIO: Option<number> = {
  flags: '--max-compression-ratio <n>',
  description: 'refuse input that grows more than this when decompressed (default: 500)',
  group: 'Input',
  parse: wholeNumber('--max-compression-ratio', { least: 1 }),
};
export const QUIET: Option<boolean> = {
  flags: '-q, --quiet',
  description: 'say nothing on stderr but errors',
  group: 'Other',
};
export const NO_PROGRESS: Option<boolean> = {
  flags: '--no-progress',
  description: 'show no progress while reading',
  group: 'Other',
};
export const DEBUG: Option<boolean> = {
  flags: '--debug',
  description: 'show the stack of an unexpected error',
  group: 'Other',
};
export const NO_CACHE: Option<boolean> = {
  flags: '--no-cache',
  description: 'read sources again even if they were read before',
  group: 'Input',
};

export const MAP: Option<ColumnMap> = {
  flags: '--map <columns>',
  description: 'columns of a table of spans, such as trace_id=TraceID,start=Start,unit=us',
  group: 'Input',
  parse: text => {
    const parsed = parseColumnMap(text);
    if ('problem' in parsed) throw new UserError(`--map: ${parsed.problem}`, { hint: parsed.hint });
    return parsed.map;
  },
};

export const INPUT_OPTIONS: readonly AnyOption[] = [
  DB,
  MAP,
  NO_CACHE,
  STRICT,
  MEMORY,
  MAX_RECORD_SIZE,
  MAX_COMPRESSION_RATIO,
  QUIET,
  NO_PROGRESS,
  DEBUG,
];

// Filter: what TraceQL says as { … && … }, all on one span; a query sees only spans that pass

export const SERVICE: Option<readonly string[]> = {
  flags: '--service <name>',
  description: 'spans of this service (~REGEX for a pattern)',
  group: 'Filter',
  parse: collect,
};
export const NAME: Option<readonly string[]> = {
  flags: '--name <name>',
  description: 'spans of this name (~REGEX for a pattern)',
  group: 'Filter',
  parse: collect,
};
export const KIND: Option<readonly string[]> = {
  flags: '--kind <kind>',
  description: 'spans of this kind',
  group: 'Filter',
  choices: SPAN_KINDS,
  parse: (text, previous) => collect(oneOf('--kind', SPAN_KINDS)(text), previous),
};
export const STATUS: Option<readonly string[]> = {
  flags: '--status <status>',
  description: 'spans of this status',
  group: 'Filter',
  choices: STATUS_CODES,
  parse: (text, previous) => collect(oneOf('--status', STATUS_CODES)(text), previous),
};
export const MIN_DURATION: Option<bigint> = {
  flags: '--min-duration <duration>',
  description: 'spans that take at least this long, such as 250ms',
  group: 'Filter',
  parse: duration('--min-duration'),
};
export const MAX_DURATION: Option<bigint> = {
  flags: '--max-duration <duration>',
  description: 'spans that take at most this long',
  group: 'Filter',
  parse: duration('--max-duration'),
};
export const ATTR: Option<readonly string[]> = {
  flags: '--attr <condition>',
  description: 'spans with this attribute: key=value, !=, =~, !~, >, >=, <, <=, key, !key; span.key and resource.key',
  group: 'Filter',
  parse: collect,
};
export const SINCE: Option<string> = {
  flags: '--since <time>',
  description: 'spans that start at or after: 15m (ago), yesterday, 2026-01-31T10:00Z',
  group: 'Filter',
  parse: text => text,
};
export const UNTIL: Option<string> = {
  flags: '--until <time>',
  description: 'spans that start before',
  group: 'Filter',
  parse: text => text,
};
export const STRICT_TRACEQL: Option<boolean> = {
  flags: '--strict-traceql',
  description: 'refuse what Grafana Tempo does not understand in a query',
  group: 'Filter',
};
export const SEMCONV: Option<boolean> = {
  flags: '--semconv',
  description: 'in conditions and select(), attributes stand for their old and new names (semantic conventions) too',
  group: 'Filter',
};
export const FILTER_OPTIONS: readonly AnyOption[] = [
  SERVICE,
  NAME,
  KIND,
  STATUS,
  MIN_DURATION,
  MAX_DURATION,
  ATTR,
  SINCE,
  UNTIL,
  STRICT_TRACEQL,
  SEMCONV,
];

export const EXPLAIN: Option<boolean> = {
  flags: '--explain',
  description: 'instead of the answer, say what each part of the query keeps, and its SQL',
  group: 'Output',
};

/**
 * The conditions that the flags say. Throws `UserError` where one cannot be read. `withDurations` is false where a command
 * means something else by `--min-duration`.
 */
export function conditionsOf(context: CommandContext, withDurations: boolean): FieldExpression[] {
  const conditions: FieldExpression[] = [];
  for (const value of context.get(SERVICE) ?? [])
    conditions.push(serviceCondition(...textOrPattern(value, '--service')));
  for (const value of context.get(NAME) ?? []) conditions.push(nameCondition(...textOrPattern(value, '--name')));
  for (const value of context.get(KIND) ?? []) {
    const kind = SPAN_KINDS.find(known => known === value);
    if (kind !== undefined) conditions.push(kindCondition(kind));
  }
  for (const value of context.get(STATUS) ?? []) {
    const status = STATUS_CODES.find(known => known === value);
    if (status !== undefined) conditions.push(statusCondition(status));
  }
  const shortest = withDurations ? context.get(MIN_DURATION) : undefined;
  if (shortest !== undefined) conditions.push(durationCondition('>=', shortest));
  const longest = context.get(MAX_DURATION);
  if (longest !== undefined) conditions.push(durationCondition('<=', longest));
  if (shortest !== undefined && longest !== undefined && shortest > longest) {
    throw new UserError(
      `--min-duration ${formatDuration(shortest)} is longer than --max-duration ${formatDuration(longest)}`,
      { hint: 'no span is both; swap them' },
    );
  }
  for (const value of context.get(ATTR) ?? []) conditions.push(attributeOf(value));
  const since = context.get(SINCE);
  const from = since === undefined ? undefined : timeOf('--since', since, context);
  if (from !== undefined) conditions.push(startCondition('>=', from));
  const until = context.get(UNTIL);
  const to = until === undefined ? undefined : timeOf('--until', until, context);
  if (to !== undefined) conditions.push(startCondition('<', to));
  if (from !== undefined && to !== undefined && from >= to) {
    throw new UserError(`--since ${since} is not before --until ${until}`, {
      hint: 'a duration counts back from now: --since 2h --until 1h is the hour before the last',
    });
  }
  return conditions;
}

function textOrPattern(value: string, option: string): ['=' | '=~', string] {
  if (!value.startsWith('~')) return ['=', value];
  checkPattern(value.slice(1), option);
  return ['=~', value.slice(1)];
}

/** Throws for a pattern that is no RE2, which knows less than JavaScript. */
function checkPattern(pattern: string, option: string): void {
  const fault = faultOfRegex(pattern);
  if (fault === undefined) return;
  throw new UserError(`${option} does not understand the pattern '${pattern}': it ${fault}`, {
    hint: 'patterns are RE2 regular expressions and match the whole text, for example ~GET .*',
  });
}

function attributeOf(text: string): FieldExpression {
  const condition = attributeCondition(text);
  if (condition === undefined) {
    throw new UserError(`--attr does not understand '${text}'`, {
      hint: "for example --attr http.route=/cart, --attr 'http.response.status_code>=500', --attr '!user.id'",
    });
  }
  const pattern = /^[^=<>~!]*[=!]~(.*)$/s.exec(text)?.[1]?.trim();
  if (pattern !== undefined) checkPattern(pattern, '--attr');
  return condition;
}

/** Reads a time as `--since` does. Throws `UserError` for what is none. */
export function timeOf(option: string, text: string, { screen }: CommandContext): bigint {
  const time = parseTime(text, BigInt(screen.now().getTime()) * 1_000_000n);
  if (time === undefined) {
    throw new UserError(`${option} takes a time, not '${text}'`, {
      hint: 'for example 15m (ago), yesterday, 2026-01-31, 2026-01-31T10:00:00Z or a Unix time',
    });
  }
  return time;
}

// Retention

/** The least size that a database can be kept to: a few megabytes of it are taken by the tables themselves. */
const LEAST_MAX_SIZE = 16e6;

export const KEEP: Option<string> = {
  flags: '--keep <time>',
  description: 'drop traces that ended before: 7d (ago), yesterday, 2026-01-31T10:00Z',
  group: 'Other',
  parse: text => text,
};
export const MAX_SIZE: Option<number> = {
  flags: '--max-size <size>',
  description: 'drop the oldest traces until the database file takes at most this, such as 2GB',
  group: 'Other',
  parse: text => {
    const bytes = byteSize('--max-size')(text);
    if (bytes >= LEAST_MAX_SIZE) return bytes;
    throw new UserError(`--max-size takes 16MB or more, not '${text}'`, { hint: 'for example --max-size 2GB' });
  },
};

/** What `--keep` and `--max-size` say. Throws `UserError` for a time that is none. */
export function retentionLimits(context: CommandContext): {
  readonly endedBefore: bigint | undefined;
  readonly maxBytes: number | undefined;
} {
  const keep = context.get(KEEP);
  return {
    endedBefore: keep === undefined ? undefined : timeOf('--keep', keep, context),
    maxBytes: context.get(MAX_SIZE),
  };
}

// Output

const FORMATS = ['auto', 'table', 'plain', 'json', 'ndjson', 'csv', 'markdown'];
const COLOURS = ['auto', 'always', 'never'];

export const FORMAT: Option<string> = {
  flags: '--format <format>',
  description: 'auto is table on a terminal and plain in a pipe',
  group: 'Output',
  choices: FORMATS,
  default: 'auto',
  parse: oneOf('--format', FORMATS),
};
export const JSON_OUTPUT: Option<boolean> = {
  flags: '--json',
  description: 'the same as --format json',
  group: 'Output',
};
export const FIELDS: Option<readonly string[]> = {
  flags: '--fields <names>',
  description: 'fields of the main list to write, in order, separated by commas',
  group: 'Output',
  parse: text => {
    const names = text.split(',').map(name => name.trim());
    if (names.includes('')) {
      throw new UserError(`--fields takes names between commas, not '${text}'`, {
        hint: 'for example --fields traceId,durationMs',
      });
    }
    return names;
  },
};
export const HEADER: Option<boolean> = {
  flags: '--header',
  description: 'begin plain output with a line of field names',
  group: 'Output',
};
export const OUTPUT: Option<string> = {
  flags: '-o, --output <file>',
  description: 'write to this file instead of stdout',
  group: 'Output',
  parse: text => text,
};
export const COLOR: Option<string> = {
  flags: '--color <when>',
  description: 'when to use colour',
  group: 'Output',
  choices: COLOURS,
  default: 'auto',
  parse: oneOf('--color', COLOURS),
};
export const WIDTH: Option<number> = {
  flags: '--width <columns>',
  description: "columns to fill (default: the terminal's, else 100)",
  group: 'Output',
  parse: wholeNumber('--width', { least: MINIMUM_WIDTH, most: MAXIMUM_WIDTH }),
};
export const ASCII: Option<boolean> = {
  flags: '--ascii',
  description: 'draw with ASCII characters only',
  group: 'Output',
};
export const UTC: Option<boolean> = { flags: '--utc', description: 'show times in UTC', group: 'Output' };
export const NO_PAGER: Option<boolean> = {
  flags: '--no-pager',
  description: 'do not send long output through a pager',
  group: 'Output',
};
export const EXIT_STATUS: Option<boolean> = {
  flags: '-e, --exit-status',
  description: 'exit with 1 if nothing matched',
  group: 'Output',
};
export const OUTPUT_OPTIONS: readonly AnyOption[] = [
  FORMAT,
  JSON_OUTPUT,
  FIELDS,
  HEADER,
  OUTPUT,
  COLOR,
  WIDTH,
  ASCII,
  UTC,
  NO_PAGER,
];

// Lists

/** How many rows of the main list are shown; 0 for all. */
export function limitOption(shown: number): Option<number> {
  return {
    flags: '-n, --limit <n>',
    description: 'rows to show, 0 for all',
    group: 'Output',
    default: shown,
    parse: wholeNumber('--limit'),
  };
}

/** The order of the main list: a field, with `:asc` or `:desc` behind it where the other direction is wanted. */
export function sortOption(fields: readonly string[], first: string): Option<string> {
  return {
    flags: '--sort <field>',
    description: `order: ${fields.join(', ')}; add :asc or :desc (default: ${first})`,
    group: 'Output',
    parse: text => text,
  };
}

/** Reads what `--sort` says. Throws `UserError` for a field that cannot be ordered by. */
export function sortOf<Field extends string>(
  text: string | undefined,
  fields: readonly Field[],
  first: Field,
  ascendingFields: readonly Field[] = [],
): { field: Field; ascending: boolean } {
  const [name = first, direction] = (text ?? first).split(':');
  const field = fields.find(known => known === name);
  if (field === undefined || (direction !== undefined && direction !== 'asc' && direction !== 'desc')) {
    const nearest = field === undefined ? nearestOf(name, fields) : undefined;
    throw new UserError(`--sort does not know '${text}'`, {
      hint: `${nearest === undefined ? 'it' : `did you mean ${nearest}? It`} takes ${fields.join(', ')}, with :asc or :desc behind them`,
    });
  }
  return { field, ascending: direction === undefined ? ascendingFields.includes(field) : direction === 'asc' };
}
