import { FORMATS } from '../formats/index.ts';
import { REASONS, type Reason, textOfReason } from '../formats/reasons.ts';
import type { ReasonCount, SourceAccount } from './account.ts';
import { shownName } from './source.ts';

/** What became of a source's spans in the database; the store's result has these fields. */
interface StoredCounts {
  readonly spans: number;
  readonly traces: number;
  readonly duplicates: number;
  readonly sharedIds: number;
  readonly cuts: number;
}

/**
 * Returns the account of an ingest as one sentence: `284 spans in 70 traces from demo.jsonl (OTLP JSON); skipped 12 OTLP
 * logs documents`. `verb` begins it. What was refused of many is told by its fault, and not again here.
 */
export function describeAccount(
  verb: string,
  all: readonly { readonly account: SourceAccount; readonly result: StoredCounts }[],
  traces: number,
): string {
  const read = all.filter(({ account: { fault, documents, spans } }) => fault === undefined || documents + spans > 0);
  const sources = read.length === 0 ? all : read;
  const sum = (of: (source: (typeof sources)[number]) => number) =>
    sources.reduce((total, source) => total + of(source), 0);
  const spans = sum(({ result }) => result.spans);
  const [only] = sources;
  const many = sources.length === all.length ? '' : `${number(sources.length)} of `;
  const from =
    all.length === 1 && only !== undefined ? nameOf(only.account) : `${many}${count(all.length, 'source', 'sources')}`;
  const parts = [`${verb} ${count(spans, 'span', 'spans')} in ${count(traces, 'trace', 'traces')} from ${from}`];
  const duplicates = sum(({ result }) => result.duplicates);
  if (duplicates > 0) parts.push(`left out ${count(duplicates, 'duplicate', 'duplicates')}`);
  const skipped = total(sources.flatMap(({ account }) => account.skipped));
  if (skipped.length > 0) parts.push(`skipped ${skipped.map(describe).join(', ')}`);
  const mended = sources.flatMap(({ account }) => account.repaired);
  const repaired = total(mended.filter(({ reason }) => reason !== 'partial-trace')).map(describe);
  const sharedIds = sum(({ result }) => result.sharedIds);
  if (sharedIds > 0) {
    repaired.push(count(sharedIds, 'span that shares its id with another', 'spans that share their id with another'));
  }
  const cuts = sum(({ result }) => result.cuts);
  if (cuts > 0) repaired.push(count(cuts, 'cycle of parents, cut', 'cycles of parents, cut'));
  if (repaired.length > 0) parts.push(`mended ${repaired.join(', ')}`);
  const partial = mended.filter(({ reason }) => reason === 'partial-trace');
  const [first] = partial;
  if (first !== undefined) {
    const partialTraces = count(
      partial.reduce((sum, { count: times }) => sum + times, 0),
      'trace is',
      'traces are',
    );
    parts.push(`the source says that ${partialTraces} partial: ${first.first.detail}`);
  }
  return parts.join('; ');
}

function nameOf(account: SourceAccount): string {
  const name = shownName(account.source);
  if (account.format === undefined) return name;
  const titles = account.format
    .split('+')
    .map(format => FORMATS.find(({ name: known }) => known === format)?.title ?? format);
  return `${name} (${titles.join(', ')})`;
}

function total(reasons: readonly ReasonCount[]): { reason: Reason; count: number }[] {
  const counts = new Map<Reason, number>();
  for (const { reason, count: more } of reasons) counts.set(reason, (counts.get(reason) ?? 0) + more);
  const order = Object.keys(REASONS);
  return [...counts]
    .map(([reason, sum]) => ({ reason, count: sum }))
    .sort((a, b) => order.indexOf(a.reason) - order.indexOf(b.reason));
}

function describe({ reason, count: times }: { reason: Reason; count: number }): string {
  return `${number(times)} ${textOfReason(reason, times)}`;
}

function count(value: number, one: string, many: string): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
