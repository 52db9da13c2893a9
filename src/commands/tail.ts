import { ExitCode, UserError } from '../errors.ts';
import { parseTime } from '../model/time.ts';
import { DatabaseInUse } from '../store/database.ts';
import type { Queryable } from '../store/queryable.ts';
import type { Store } from '../store/store.ts';
import { monotonicMs } from '../terminal/clock.ts';
import { plural } from '../terminal/format.ts';
import { readArguments } from './arguments.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { openForWriting } from './data.ts';
import { Ending, FOR, type StoppedBy, UNTIL_IDLE } from './ending.ts';
import {
  ASCII,
  COLOR,
  DB,
  DEBUG,
  EXIT_STATUS,
  FIELDS,
  FILTER_OPTIONS,
  HEADER,
  MAP,
  MAX_RECORD_SIZE,
  MEMORY,
  oneOf,
  QUIET,
  SINCE,
  STRICT,
  UNTIL as UNTIL_TIME,
  UTC,
  WIDTH,
  wholeNumber,
} from './options.ts';
import { readSearchQuery, searchQueryOf } from './query.ts';
import { RECEIVING_OPTIONS, RETENTION_OPTIONS } from './receiving.ts';
import type { CommitFeed } from './tail/feed.ts';
import { FollowedFeed, FROM_START } from './tail/followed-feed.ts';
import { HeldContext, onScreen } from './tail/on-screen.ts';
import { OwnerFeed } from './tail/owner-feed.ts';
import { createPrinter, type Printer, type PrinterOptions } from './tail/printer.ts';
import { ReceivedFeed } from './tail/received-feed.ts';
import { type History, type Page, TraceWatch } from './tail/trace-watch.ts';
import { UNTIL } from './until.ts';

const SHOWN_SINCE: Option<string> = {
  flags: '--since <time>',
  description: 'first show traces of the database that ended at or after: 5m (ago), yesterday, 2026-01-31T10:00Z',
  group: 'Input',
  parse: text => text,
};
const LINES: Option<number> = {
  flags: '-n, --lines <n>',
  description: 'first show the newest n traces of the database',
  group: 'Input',
  parse: wholeNumber('--lines'),
};
const MAX_TRACES: Option<number> = {
  flags: '--max-traces <n>',
  description: 'stop once so many traces were shown',
  group: 'Input',
  parse: wholeNumber('--max-traces', { least: 1 }),
};
const SPANS: Option<boolean> = {
  flags: '--spans',
  description: 'show the matching spans, each as it comes, instead of their traces',
  group: 'Output',
};
const FORMATS = ['auto', 'table', 'plain', 'ndjson'];
const FORMAT: Option<string> = {
  flags: '--format <format>',
  description: 'auto is table on a terminal and plain in a pipe',
  group: 'Output',
  choices: FORMATS,
  default: 'auto',
  parse: oneOf('--format', FORMATS),
};
const NO_TUI: Option<boolean> = {
  flags: '--no-tui',
  description: 'lines, on a terminal, too',
  group: 'Output',
};

/** What waits is looked for at least so often. */
const LONGEST_WAIT_MS = 1000;

export const command: Command = {
  usage: '[query] [file...]',
  description:
    'Shows traces as they complete: on a terminal on an interactive screen (--no-tui for lines), else a line each: start, id, root, spans, duration, errors. They are received on the ports that SDKs and collectors send to, and stored in the database as listen does; where another process does that already, what it stores is shown. With files, what is added to them is shown: they may be rotated, emptied or made later. A trace is shown when its root is there and no span lacks its parent, or, marked, when nothing came to it for 10 s. One that grows is shown again with the number of new spans. The bar is logarithmic, from 1 ms to 10 s: a quarter of it is ten times as long.',
  examples: [
    ['tailspan tail', 'what SDKs send to this machine, until Ctrl-C'],
    ["tailspan tail '{ status = error }' --since 5m", 'failed traces of the last minutes, and those to come'],
    ['tailspan tail traces.jsonl app.log', 'spans that programs write to files'],
    ['tailspan tail --format ndjson | jq -r .traceId', 'an object a trace, for a script'],
  ],
  options: [
    SHOWN_SINCE,
    LINES,
    FROM_START,
    FOR,
    UNTIL_IDLE,
    MAX_TRACES,
    UNTIL,
    DB,
    ...RECEIVING_OPTIONS,
    ...RETENTION_OPTIONS,
    MAP,
    STRICT,
    MEMORY,
    MAX_RECORD_SIZE,
    ...FILTER_OPTIONS.filter(option => option !== SINCE && option !== UNTIL_TIME),
    SPANS,
    EXIT_STATUS,
    NO_TUI,
    FORMAT,
    FIELDS,
    HEADER,
    COLOR,
    WIDTH,
    ASCII,
    UTC,
    QUIET,
    DEBUG,
  ],

  async run(context) {
    const { query: text, sources } = readArguments(context.args, false);
    const shows = context.get(SPANS) === true ? 'spans' : 'traces';
    const untilText = context.get(UNTIL);
    const watch = new TraceWatch({
      query: await searchQueryOf(context, text),
      until: untilText === undefined ? undefined : await readSearchQuery(context, untilText),
      shows,
      now: () => context.screen.now(),
      monotonicMs,
    });
    const history = historyOf(context, sources);
    const printer = await createPrinter(printerOptions(context, shows));
    const terminal = wantsScreen(context, shows) ? await context.openTerminal() : undefined;
    const held = new HeldContext(context);
    using ending = new Ending(context);
    const begin = (database: Queryable) => watch.begin(database, history);
    const feed = await startFeed(held.context, sources, ending, begin);
    try {
      const tail = new Tail(feed, watch, context.get(MAX_TRACES));
      if (terminal === undefined) await tail.run(ending, printer);
      else await onScreen(held, terminal, feed, ending, screenPrinter => tail.run(ending, screenPrinter));
      // Of files none of which can be followed everything has been said.
      if (tail.shown > 0 || !context.hasComplained) {
        await feed.tell();
        await context.say(tail.summary(shows));
      }
      if (context.hasComplained) return { exitCode: ExitCode.trouble };
      return { exitCode: tail.shown === 0 && context.get(EXIT_STATUS) === true ? ExitCode.no : ExitCode.ok };
    } finally {
      await feed.close();
    }
  },
};

/** Shows what a feed brings until something ends it. */
class Tail {
  /** Traces, or spans, that were shown. */
  shown = 0;
  #grown = 0;
  readonly #feed: CommitFeed;
  readonly #watch: TraceWatch;
  readonly #mostTraces: number | undefined;
  /** Ids of the traces that were shown, where they are counted. */
  readonly #traceIds = new Set<string>();

  constructor(feed: CommitFeed, watch: TraceWatch, mostTraces: number | undefined) {
    this.#feed = feed;
    this.#watch = watch;
    this.#mostTraces = mostTraces;
  }

  /** What was shown, as a sentence. */
  summary(shows: PrinterOptions['shows']): string {
    const updates = this.#grown === 0 ? '' : ` and ${plural(this.#grown, 'update')}`;
    return `showed ${plural(this.shown, shows === 'traces' ? 'trace' : 'span')}${updates}`;
  }

  async run(ending: Ending, printer: Printer): Promise<void> {
    const stopping = new AbortController();
    let stoppedBy: StoppedBy | undefined;
    ending.reached.then(by => {
      stoppedBy = by;
      stopping.abort();
    });
    const { signal } = stopping;
    let isEnough = false;
    try {
      await printer.begin();
      while (!isEnough) {
        await printer.check();
        await this.#feed.poll();
        isEnough = await this.#show(printer, this.#feed.isForgetting, signal);
        if (this.#feed.isForgetting) this.#watch.beginAnew();
        if (signal.aborted || this.#feed.isEnded) break;
        if (!isEnough) await this.#feed.wait(Math.min(this.#watch.dueInMs ?? Infinity, LONGEST_WAIT_MS), signal);
      }
    } catch (error) {
      // Nobody reads any more, perhaps: what has come is stored all the same. What went wrong first is what is told.
      await this.#feed.finish().catch(() => {});
      throw error;
    }
    // Who breaks off a long list does not want the rest of it.
    const isBrokenOff = stoppedBy === 'signal' && this.#watch.isBehind;
    await this.#feed.finish();
    if (!isEnough && !isBrokenOff) await this.#show(printer, true, NEVER);
  }

  /** Shows what there is to show; says whether it was enough. */
  async #show(printer: Printer, isLast: boolean, signal: AbortSignal): Promise<boolean> {
    const { hasWaited } = this.#feed;
    while (!signal.aborted) {
      const page = await this.#feed.read(database => this.#watch.next(database, { isLast, hasWaited }));
      if (page === undefined) return false;
      if (await this.#print(printer, page)) return true;
    }
    return false;
  }

  async #print(printer: Printer, page: Page): Promise<boolean> {
    const { traces, spans, isEnough } = this.#upToMost(page);
    this.#grown += traces.filter(({ grownBy }) => grownBy !== undefined).length;
    this.shown += traces.filter(({ grownBy }) => grownBy === undefined).length + spans.length;
    await printer.print({ ...page, traces, spans });
    return isEnough || page.isReached;
  }

  /** Leaves out what comes behind the last trace that is wanted. */
  #upToMost({ traces, spans }: Page): Pick<Page, 'traces' | 'spans'> & { readonly isEnough: boolean } {
    const most = this.#mostTraces;
    if (most === undefined) return { traces, spans, isEnough: false };
    const isWanted = (traceId: string) => {
      if (this.#traceIds.size < most) this.#traceIds.add(traceId);
      return this.#traceIds.has(traceId);
    };
    return {
      traces: traces.filter(({ trace }) => isWanted(trace.traceId)),
      spans: spans.filter(({ span }) => isWanted(span.traceId)),
      isEnough: this.#traceIds.size >= most,
    };
  }
}

const NEVER = new AbortController().signal;

/** Opens what traces come from; `begin` is called before anything comes. */
async function startFeed(
  context: CommandContext,
  names: readonly string[],
  ending: Ending,
  begin: (database: Queryable) => Promise<void>,
): Promise<CommitFeed> {
  if (names.length > 0) return FollowedFeed.start(context, names, ending, begin);
  let store: Store;
  try {
    store = await openForWriting(context);
  } catch (error) {
    const isInUse = [error, error instanceof Error ? error.cause : undefined].some(one => one instanceof DatabaseInUse);
    const feed = isInUse ? await OwnerFeed.start(context, ending, begin) : undefined;
    if (feed === undefined) throw error;
    return feed;
  }
  try {
    return await ReceivedFeed.start(context, store, ending, begin);
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Whether a person looks on: nothing was said about how lines are to look, and no program takes them. */
function wantsScreen(context: CommandContext, shows: PrinterOptions['shows']): boolean {
  return (
    context.screen.isTerminal &&
    !context.env.CI &&
    shows === 'traces' &&
    context.get(NO_TUI) !== true &&
    context.get(FORMAT) === 'auto' &&
    context.get(FIELDS) === undefined &&
    context.get(HEADER) !== true
  );
}

function printerOptions(context: CommandContext, shows: PrinterOptions['shows']): PrinterOptions {
  const { screen } = context;
  const asked = context.get(FORMAT) ?? 'auto';
  const format = asked === 'auto' ? (screen.isTerminal ? 'table' : 'plain') : asked;
  return {
    screen: format === 'table' ? screen : { ...screen, colour: 0 },
    shows,
    format: format === 'table' || format === 'ndjson' ? format : 'plain',
    fields: context.get(FIELDS),
    header: context.get(HEADER) === true,
  };
}

/** What is shown before what comes. Throws `UserError` where that cannot be told. */
function historyOf(context: CommandContext, names: readonly string[]): History | undefined {
  const text = context.get(SHOWN_SINCE);
  const most = context.get(LINES);
  if (names.length > 0 && context.get(DB) === undefined && (text !== undefined || most !== undefined)) {
    throw new UserError(`${text === undefined ? '--lines' : '--since'} is about a database, and files are followed`, {
      hint: '--from-start begins with what the files hold',
    });
  }
  if (names.length === 0 && context.get(FROM_START) === true) {
    throw new UserError('--from-start is about files, and none is named', {
      hint: '--since 5m begins with what the database holds',
    });
  }
  if (text === undefined && most === undefined) return undefined;
  if (text === undefined) return { most };
  const since = parseTime(text, BigInt(context.screen.now().getTime()) * 1_000_000n);
  if (since === undefined) {
    throw new UserError(`--since takes a time, not '${text}'`, {
      hint: 'for example 5m (ago), yesterday or 2026-01-31T10:00:00Z',
    });
  }
  return { since, most };
}
