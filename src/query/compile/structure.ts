import type { Relation } from '../traceql/operators.ts';
import { isAbove, isParentOf, NAMES_PARENT } from './scope.ts';

// How spans stand to each other in their trace. Assembly numbers the spans of a trace as nested sets, in display order, so that a span is
// below another one where its interval lies within; one pass in that order answers for all pairs at once.

/** A query of one side of a structural operator: the columns of its relation, and where each span stands in its trace. */
export type Side = string;

/** The columns that say where a span stands. */
export const PLACE = 'span_id, parent_id, parentage, depth, nested_set_left, nested_set_right';

/**
 * A query of the spans of `right` that are `how` to a span of `left`. Both sides have the same `columns`; spans are related only
 * where `keys`, which are among them, are equal. `hasHugeTraces` says that some trace is so large that its spans should not be compared
 * pair by pair.
 */
export function relatedSpans(
  left: Side,
  right: Side,
  how: Relation,
  { keys, columns, hasHugeTraces }: { keys: readonly string[]; columns: readonly string[]; hasHugeTraces: boolean },
): string {
  const all = columns.map(column => `r.${column}`).join(', ');
  const alike = keys.map(key => `l.${key} = r.${key}`).join(' AND ');
  const paired = (relation: string) =>
    `SELECT ${all} FROM (${right}) r SEMI JOIN (${left}) l ON ${alike} AND ${relation}`;
  switch (how) {
    case 'child':
      return paired(isParentOf('l', 'r'));
    case 'parent':
      return paired(isParentOf('r', 'l'));
    case 'descendant':
      return hasHugeTraces ? inOnePass(left, right, how, keys, columns) : paired(isAbove('l', 'r'));
    case 'ancestor':
      return hasHugeTraces ? inOnePass(left, right, how, keys, columns) : paired(isAbove('r', 'l'));
    case 'sibling': {
      const family = [...keys, 'parent_id', 'parentage'].map(key => `l.${key} = r.${key}`).join(' AND ');
      // Alone in its family on the left side, a span is no sibling of its own.
      const families = `SELECT ${[...keys, 'parent_id', 'parentage'].join(', ')}, min(span_no) AS first, max(span_no) AS last FROM (${left}) WHERE parentage ${NAMES_PARENT} GROUP BY ALL`;
      return `SELECT ${all} FROM (${right}) r JOIN (${families}) l ON ${family} AND (l.first <> r.span_no OR l.last <> r.span_no)`;
    }
  }
}

/**
 * The same for descendants and ancestors by one pass over each trace in display order: a span is below one of those before it if one of
 * them reaches further than it does, and above one of those behind it if the next of them begins within it.
 */
function inOnePass(
  left: Side,
  right: Side,
  how: 'descendant' | 'ancestor',
  keys: readonly string[],
  columns: readonly string[],
): string {
  const all = columns.join(', ');
  const sides = `SELECT *, true AS is_left FROM (${left}) UNION ALL SELECT *, false FROM (${right})`;
  const partition = `PARTITION BY ${keys.join(', ')} ORDER BY nested_set_left`;
  const [found, reached] =
    how === 'descendant'
      ? [
          'reached > nested_set_right',
          // A span that is on both sides is not below itself: what is equal does not reach further.
          `max(CASE WHEN is_left THEN nested_set_right END) OVER (${partition} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`,
        ]
      : [
          'reached < nested_set_right',
          `min(CASE WHEN is_left THEN nested_set_left END) OVER (${partition} RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)`,
        ];
  return `SELECT ${all} FROM (SELECT *, ${reached} AS reached FROM (${sides})) WHERE NOT is_left AND ${found}`;
}
