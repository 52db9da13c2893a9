import type { AttributeValue } from '../model/attributes.ts';
import { fieldsOfSpans } from '../query/compile/fields-of-spans.ts';
import { valueOfKey } from '../query/compile/keys.ts';
import { childrenOf, type Field, type Node } from '../query/traceql/ast.ts';
import { findIntrinsic } from '../query/traceql/fields.ts';
import { printExpression } from '../query/traceql/printer.ts';
import type { Queryable } from '../store/queryable.ts';
import type { SearchQuery } from './query.ts';

// What a query has to say of each span beside that it matches.

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
      // An attribute that is called like an intrinsic keeps its scope.
      const isPlain = node.kind === 'attribute' && node.holder === 'self' && findIntrinsic(node.name) === undefined;
      const name = isPlain ? node.name : printExpression(node);
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
  database: Queryable,
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
