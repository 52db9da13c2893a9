import type { Block } from '../report/report.ts';
import type { MissingParent, Trust } from '../store/trust.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { styled } from '../terminal/styled.ts';
import { nameText } from './names.ts';

/** What people must know of the data behind an answer, as dim lines; none where nothing is amiss. */
export function trustBlocks(trust: Trust): Block[] {
  const lines: string[] = [];
  if (trust.incompleteTraceCount > 0) {
    const of = `${formatCount(trust.incompleteTraceCount)} of ${plural(trust.traceCount, 'trace')}`;
    const orphans = trust.orphanCount > 0 ? `: ${orphansText(trust.orphanCount)}` : '';
    lines.push(`incomplete: ${of}${orphans}${describeMissing(trust.missingParents)}`);
  }
  if (trust.sampledSpanCount > 0) {
    lines.push(
      `sampled: ${plural(trust.sampledSpanCount, 'span')} stand for more than themselves; counts here are raw`,
    );
  }
  if (trust.skippedRecordCount > 0) {
    lines.push(
      `lost while reading: ${plural(trust.skippedRecordCount, 'record')} (tailspan sql 'FROM ingests' says which)`,
    );
  }
  if (lines.length === 0) return [];
  return [
    { kind: 'lines', lines: [[]] },
    ...lines.map((text): Block => ({ kind: 'prose', text: [styled(text, 'dim')], indent: 2 })),
  ];
}

/** Returns `1 span without its parent`, `4 spans without their parents`. */
export function orphansText(count: number): string {
  return `${plural(count, 'span')} without ${count === 1 ? 'its parent' : 'their parents'}`;
}

/** Services that are named; the rest are counted. */
const NAMED = 4;

/** Who the missing parents presumably are: services, and callers of services about which nothing else is known. */
function describeMissing(missing: readonly MissingParent[]): string {
  const services = missing.flatMap(({ serviceName }) => (serviceName === undefined ? [] : [nameText(serviceName)]));
  const called = missing.flatMap(({ serviceName, calledService }) =>
    serviceName === undefined ? [nameText(calledService)] : [],
  );
  const parts = [
    ...(services.length === 0 ? [] : [listOf(services)]),
    ...(called.length === 0 ? [] : [`callers of ${listOf(called)}`]),
  ];
  return parts.length === 0 ? '' : `; missing: ${parts.join(', ')}`;
}

function listOf(names: readonly string[]): string {
  const rest = names.length - NAMED;
  const named = [...names.slice(0, NAMED), ...(rest > 0 ? [`${formatCount(rest)} more`] : [])];
  return named.length < 2 ? named.join('') : `${named.slice(0, -1).join(', ')} and ${named.at(-1)}`;
}
