import { childrenOf, type Node } from '../query/traceql/ast.ts';
import { traceTotals } from '../store/find-traces.ts';
import type { Queryable } from '../store/queryable.ts';
import { formatCount } from '../terminal/format.ts';
import type { Screen } from '../terminal/screen.ts';
import type { CommandContext } from './command.ts';
import { SEMCONV } from './options.ts';
import type { Selection } from './selection.ts';
import { timeRange, withReadableTimes } from './time-range.ts';

// What is said on stderr beside an answer.

/** Returns what to say on stderr about a list that is empty or cut. */
export async function listNotes(
  context: CommandContext,
  database: Queryable,
  selection: Selection,
  { noun, shown, all }: { readonly noun: string; readonly shown: number; readonly all: number },
): Promise<string[]> {
  if (all === 0) return noMatchNotes(database, selection, noun, context.screen);
  const more = shown < all ? [`${formatCount(all - shown)} more (--limit 0 shows all)`] : [];
  return context.get(SEMCONV) === true ? [...more, ...(await oneSpellingNotes(selection))] : more;
}

/** What `--semconv` does not reach. */
async function oneSpellingNotes({ query }: Selection): Promise<string[]> {
  const { fieldsOfOneSpelling, spellingsOf } = await import('../query/semconv.ts');
  const { printExpression } = await import('../query/traceql/printer.ts');
  return fieldsOfOneSpelling(query.root).map(
    field =>
      `${printExpression(field)} is in no condition there, so it stands for this name only (--semconv: ${spellingsOf(field.name).slice(1).join(', ')})`,
  );
}

/**
 * Returns the sentences for an answer that is empty: what was asked for, of which time the data is where that matters, and why
 * nothing matches.
 */
export async function noMatchNotes(
  database: Queryable,
  selection: Selection,
  noun: string,
  screen: Screen,
): Promise<string[]> {
  const { whyNothing } = await import('./clues.ts');
  return [await noMatchNote(database, selection, noun, screen), ...(await whyNothing(database, selection, screen))];
}

async function noMatchNote(database: Queryable, selection: Selection, noun: string, screen: Screen): Promise<string> {
  const sentence = `no ${noun} matches ${queryText(selection)}`;
  if (!asksForTime(selection.query)) return sentence;
  const { startTimeUnixNano: start, endTimeUnixNano: end } = await traceTotals(database, 'true');
  if (start === undefined || end === undefined) return sentence;
  return `${sentence}; the data is of ${timeRange(start, end, screen, 0)}`;
}

function asksForTime(node: Node): boolean {
  return (node.kind === 'intrinsic' && node.name === 'span:startTime') || childrenOf(node).some(asksForTime);
}

/** Returns the query of a selection with times that people can read. */
export function queryText({ text }: Pick<Selection, 'text'>): string {
  return withReadableTimes(text);
}
