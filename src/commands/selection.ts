import { EVERYTHING_TEXT, isEverything } from '../query/flags.ts';
import type { Queryable } from '../store/queryable.ts';
import { firstColumn, inSelection, keepSelection, type SpansetQuery } from '../store/spansets.ts';
import type { SearchQuery } from './query.ts';

// The spans that a query selects, as predicates for whatever is asked of them.

export interface Selection extends SpansetQuery {
  readonly query: SearchQuery;
  /** The query in its canonical form. */
  readonly text: string;
  /** A predicate over `span s`. */
  readonly spans: string;
  /** A predicate over the column `trace_id` of a table: the trace matches. */
  traces(table: string): string;
  /** What describes a spanset: `by(…)`, `count()` …, as printed. */
  readonly attributes: readonly string[];
}

/** Runs a query, once; from then on what it selects is known by number. */
export async function select(database: Queryable, query: SearchQuery): Promise<Selection> {
  if (isEverything(query.root)) {
    return {
      query,
      text: EVERYTHING_TEXT,
      isEverything: true,
      spans: 'true',
      traces: () => 'true',
      groupCount: 0,
      attributeCount: 0,
      attributes: [],
    };
  }
  const { compileFor } = await import('../query/compile/compile.ts');
  const { printQuery } = await import('../query/traceql/printer.ts');
  const { sql, groupCount, attributes } = await compileFor(query.root, sql => firstColumn(database, sql));
  await keepSelection(database, sql);
  return {
    query,
    text: printQuery(query),
    isEverything: false,
    spans: inSelection('s', 'span_no'),
    traces: table => inSelection(table, 'trace_id'),
    groupCount,
    attributeCount: attributes.length,
    attributes,
  };
}
