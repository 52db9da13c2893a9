import { UserError } from '../../errors.ts';
import { shownName } from '../../ingest/source.ts';
import { isEverything } from '../../query/flags.ts';
import { glyphs } from '../../terminal/glyphs.ts';
import type { Terminal } from '../../terminal/interactive.ts';
import { sanitize } from '../../terminal/sanitize.ts';
import type { ListOrder } from '../../tui/feed.ts';
import type { CommandContext, Verdict } from '../command.ts';
import type { Data } from '../data.ts';
import { DB, SEMCONV, STRICT_TRACEQL } from '../options.ts';
import type { SearchQuery } from '../query.ts';
import { sameData } from '../shell.ts';
import { DatabaseFeed } from './database-feed.ts';

/** Traces that are listed unless told otherwise. */
export const LISTED = 10_000;

/** Returns the terminal that a person sits at. Throws `UserError` where there is none. */
export async function requireTerminal(context: CommandContext): Promise<Terminal> {
  const terminal = await context.openTerminal();
  if (terminal !== undefined) return terminal;
  throw new UserError('this needs a terminal, to show traces on and to take keys from', {
    hint: 'in a pipe or a script, tailspan search lists traces and tailspan show shows one',
  });
}

export interface BrowseOptions {
  readonly terminal: Terminal;
  readonly sources: readonly string[];
  readonly query: SearchQuery;
  readonly order: ListOrder;
  /** Traces that are listed; undefined for all. */
  readonly limit: number | undefined;
  /** The trace to open at once; undefined for the list. */
  readonly traceId: string | undefined;
}

/** Shows data on the screen until a person quits; then writes the command lines that they asked for. */
export async function browse(context: CommandContext, data: Data, options: BrowseOptions): Promise<Verdict> {
  const { terminal, sources, query, order, limit, traceId } = options;
  const { screen, env, signal } = context;
  const isStdin = sources.length === 0 && data.loaded.length > 0;
  const database = context.get(DB);
  const name = database ?? (isStdin ? 'stdin' : sources.map(shownName).join(' '));
  const feed = await DatabaseFeed.open(data.database, {
    title: `tui ${glyphs(screen.unicode).dot} ${name === '' ? 'the default database' : sanitize(name, screen.unicode)}`,
    limit,
    sameData: sameData(sources, database, isStdin),
    isStrict: context.get(STRICT_TRACEQL) === true,
    withSpellings: context.get(SEMCONV) === true,
  });
  const { loadForProduction } = await import('../../terminal/interactive.ts');
  const { openTui } = await loadForProduction(() => import('../../tui/app.tsx'));
  const { exitCode, handedOff } = await openTui({
    feed,
    terminal,
    screen,
    isReadAloud: env.INK_SCREEN_READER === 'true',
    query: await textOf(query),
    order,
    traceId,
    signal,
  });
  for (const line of handedOff) await screen.stdout.write(`${line}\n`);
  return { exitCode };
}

async function textOf(query: SearchQuery): Promise<string> {
  if (isEverything(query.root)) return '';
  const { printQuery } = await import('../../query/traceql/printer.ts');
  return printQuery(query);
}
