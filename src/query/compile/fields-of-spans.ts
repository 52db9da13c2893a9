import type { Field } from '../traceql/ast.ts';
import { firstKey } from './conditions.ts';
import { Scope } from './scope.ts';

/**
 * Returns a query of the values of fields: a row for each span for which `where` (over `span s`) holds, with its `span_no` and the keys
 * `f0`, `f1` … that `valueOfKey` reads.
 */
export function fieldsOfSpans(fields: readonly Field[], where: string): string {
  const scope = new Scope('span s', undefined);
  const columns = fields.map((field, index) => `, ${firstKey(field, scope)} AS f${index}`);
  return `SELECT s.span_no${columns.join('')} FROM ${scope.from} WHERE ${where}`;
}
