import type { Queryable } from './queryable.ts';

// Traces that were just stored, among all that are: whatever is asked of them costs what they cost, however large the database is.

/**
 * Has the tables `trace` and `span`, for this connection, hold the traces alone that have spans from `firstSpanNo` on, and of these
 * those of `traceIds` if they are given. They are temporary tables of the names of the real ones, which `mainSchema` finds all the same.
 */
export async function narrowTo(database: Queryable, firstSpanNo: number, traceIds?: readonly bigint[]): Promise<void> {
  const main = await mainSchema(database);
  const isOne = traceIds === undefined ? '' : `AND trace_id IN (${traceIds.map(id => `${id}::UHUGEINT`).join(',')})`;
  for (const [table, number] of [
    ['trace', 'first_span_no'],
    ['span', 'span_no'],
  ]) {
    await database.run(
      `CREATE OR REPLACE TEMP TABLE ${table} AS SELECT * FROM ${main}.${table} WHERE ${number} >= ${firstSpanNo} ${isOne}`,
    );
  }
}

/** The schema with the real tables. */
export async function mainSchema(database: Queryable): Promise<string> {
  const name = String(await database.value('SELECT current_database()'));
  return `"${name.replaceAll('"', '""')}".main`;
}
