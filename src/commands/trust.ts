import type { Block } from '../report/report.ts';
import type { MissingParent, Trust } from '../store/trust.ts';
import { formatCount, plural } from '../terminal/format.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { styled } from '../terminal/styled.ts';

/** What people must know of the data behind an answer, as dim lines; none where nothing is amiss. */
export function trustBlocks(trust: Trust): Block[] {
  const lines: string[] = [];
  if (trust.incompleteTraceCount > 0) {
    const of = `${formatCount(trust.incompleteTraceCount)} of ${plural(trust.traceCount, 'trace')}`;
    const orphans = trust.orphanCount > 0 ? `: ${plural(trust.orphanCount, 'span')} without their parent` : '';
    const missing = trust.missingParents.map(describeMissing).slice(0, 3).join(', ');
    lines.push(`incomplete: ${of}${orphans}${missing === '' ? '' : `; missing: ${missing}`}`);
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

/** Who a missing parent presumably is. */
export function describeMissing({ serviceName, calledService }: MissingParent): string {
  return sanitize(serviceName ?? `a caller of ${calledService}`);
}
