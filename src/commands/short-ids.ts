import type { TableColumn } from '../terminal/columns.ts';
import { styled } from '../terminal/styled.ts';

// Ids as short as they may be to be typed: `show` takes any beginning of a trace id that is the only one.

/** Digits that tell a trace from 70,000 million others. */
const DIGITS = 12;

/** Returns the beginnings of trace ids that tell them from each other and from others, in their order. */
export function shortTraceIds(traceIds: readonly string[], others: readonly string[] = []): string[] {
  const different = new Set([...traceIds, ...others]);
  for (let digits = DIGITS; digits < 32; digits += 4) {
    const short = new Set([...different].map(traceId => shortTraceId(traceId, digits)));
    if (short.size === different.size) return traceIds.map(traceId => shortTraceId(traceId, digits));
  }
  return [...traceIds];
}

/** Returns the beginning of a trace id; of a 64-bit id that of its lower half, which is what people know it by. */
export function shortTraceId(traceId: string, digits = DIGITS): string {
  const own = traceId.replace(/^0{16}/, '');
  // Beginnings of zeros would tell nothing: such an id is short as it is.
  return own.startsWith('0000') ? own.replace(/^0+(?=.)/, '') : own.slice(0, digits);
}

/** Returns the column of trace ids, which are shortened where the table is too wide. */
export function traceIdColumn(
  traceIds: readonly string[],
  title = 'TRACE',
  others: readonly string[] = [],
): TableColumn {
  return { title, shorter: shortTraceIds(traceIds, others).map(id => [styled(id)]) };
}
