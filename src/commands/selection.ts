import type { AttributeValue } from '../model/attributes.ts';
import { compileFor } from '../query/compile/attribute-ids.ts';
import { isEverything } from '../query/compile/compile.ts';
import { fieldsOfSpans } from '../query/compile/fields-of-spans.ts';
import { valueOfKey } from '../query/compile/keys.ts';
import { EVERYTHING } from '../query/flags.ts';
import { childrenOf, type Field, type Node } from '../query/traceql/ast.ts';
import { printExpression, printQuery } from '../query/traceql/printer.ts';
import type { Database } from '../store/database.ts';
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

/** Every span of every trace. */
export const EVERY_SPAN: Selection = {
  query: EVERYTHING,
  text: printQuery(EVERYTHING),
  isEverything: true,
  spans: 'true',
  traces: () => 'true',
  groupCount: 0,
  attributeCount: 0,
  attributes: [],
};

/** Runs a query, once; from then on what it selects is known by number. */
export async function select(database: Database, query: SearchQuery): Promise<Selection> {
  const text = printQuery(query);
  if (isEverything(query.root)) return { ...EVERY_SPAN, query, text };
  const { sql, groupCount, attributes } = await compileFor(query.root, sql => firstColumn(database, sql));
  await keepSelection(database, sql);
  return {
    query,
    text,
    isEverything: false,
    spans: inSelection('s', 'span_no'),
    traces: table => inSelection(table, 'trace_id'),
    groupCount,
    attributeCount: attributes.length,
    attributes,
  };
}

/** A field that is shown of spans, with the name that it has there. */
export interface ShownField {
  readonly name: string;
  readonly field: Field;
  /** It is named by select(). */
  readonly isSelected: boolean;
}

/** The fields that are shown of each span: the attributes that the query speaks of, and what it selects. */
export function shownFields({ root }: SearchQuery): ShownField[] {
  const fields = new Map<string, ShownField>();
  const visit = (node: Node, isSelected: boolean): void => {
    if (node.kind === 'attribute' || (isSelected && node.kind === 'intrinsic')) {
      const name = node.kind === 'attribute' && node.holder === 'self' ? node.name : printExpression(node);
      const isNamed = isSelected || fields.get(name)?.isSelected === true;
      if (isSelected || node.holder === 'self') fields.set(name, { name, field: node, isSelected: isNamed });
    }
    for (const child of childrenOf(node)) visit(child, node.kind === 'select');
  };
  for (const stage of root.stages) visit(stage, false);
  return [...fields.values()];
}

/** The values of fields, for each of some spans, by name; what a span does not have is left out. */
export async function valuesOfSpans(
  database: Database,
  fields: readonly ShownField[],
  spanNumbers: readonly bigint[],
): Promise<Map<bigint, Readonly<Record<string, AttributeValue>>>> {
  if (fields.length === 0 || spanNumbers.length === 0) return new Map();
  const rows = await database.rows(
    fieldsOfSpans(
      fields.map(({ field }) => field),
      `s.span_no IN (${spanNumbers.join(',')})`,
    ),
  );
  return new Map(
    rows.map(row => [
      row.span_no as bigint,
      Object.fromEntries(
        fields.flatMap(({ name }, index) => {
          const value = valueOfKey(String(row[`f${index}`]));
          return value === undefined ? [] : [[name, value]];
        }),
      ),
    ]),
  );
}
