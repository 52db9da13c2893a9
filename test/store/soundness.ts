import type { Database } from '../../src/store/database.ts';

// What must hold of the tables of every database, whoever wrote them.

/** Rows of dictionaries that nothing refers to, by table; none in a database that was pruned or compacted. */
export async function unusedRows(database: Database): Promise<Record<string, number>> {
  const attributes = ['span', 'event', 'link', 'resource', 'scope'].map(
    table => `SELECT unnest(attribute_ids) FROM ${table}`,
  );
  return countsOf(database, {
    attribute: `attribute_id NOT IN (${attributes.join(' UNION ALL ')})`,
    key: 'key_id NOT IN (SELECT key_id FROM attribute)',
    status: 'status_id NOT IN (SELECT status_id FROM span)',
    resource: 'resource_id NOT IN (SELECT resource_id FROM span)',
    operation: 'operation_id NOT IN (SELECT operation_id FROM span)',
    scope: 'scope_id NOT IN (SELECT scope_id FROM operation)',
    event_name: 'name_id NOT IN (SELECT name_id FROM event)',
    service: `service_id NOT IN (
      SELECT service_id FROM operation UNION ALL SELECT service_id FROM resource UNION ALL SELECT unnest(service_ids) FROM trace)`,
  });
}

/** Rows that refer to something that is not there, by table; none in any database. */
export async function danglingRows(database: Database): Promise<Record<string, number>> {
  const unknown = (column: string, table: string, id: string) => `${column} NOT IN (SELECT ${id} FROM ${table})`;
  const ownAttributes = (table: string) =>
    `EXISTS (FROM (SELECT unnest(${table}.attribute_ids) AS id) WHERE id NOT IN (SELECT attribute_id FROM attribute))`;
  return countsOf(database, {
    span: [
      unknown('trace_id', 'trace', 'trace_id'),
      unknown('operation_id', 'operation', 'operation_id'),
      unknown('resource_id', 'resource', 'resource_id'),
      unknown('status_id', 'status', 'status_id'),
      ownAttributes('span'),
    ].join(' OR '),
    event: [
      unknown('span_no', 'span', 'span_no'),
      unknown('name_id', 'event_name', 'name_id'),
      ownAttributes('event'),
    ].join(' OR '),
    link: [unknown('span_no', 'span', 'span_no'), ownAttributes('link')].join(' OR '),
    operation: [unknown('service_id', 'service', 'service_id'), unknown('scope_id', 'scope', 'scope_id')].join(' OR '),
    resource: [unknown('service_id', 'service', 'service_id'), ownAttributes('resource')].join(' OR '),
    attribute: unknown('key_id', 'key', 'key_id'),
    // The spans of a trace are those that it says, and no others.
    trace: `span_count <> (
      SELECT count(*) FROM span s WHERE s.trace_id = trace.trace_id
        AND s.span_no BETWEEN trace.first_span_no AND trace.first_span_no + trace.span_count - 1)
      OR root_span_no IS NOT NULL AND root_span_no NOT IN (SELECT span_no FROM span WHERE parentage = 1)`,
  });
}

/** Counts the rows of each table for which its predicate holds; tables without any are left out. */
async function countsOf(
  database: Database,
  predicates: Readonly<Record<string, string>>,
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [table, predicate] of Object.entries(predicates)) {
    const count = Number(await database.value(`SELECT count(*) FROM "${table}" WHERE ${predicate}`));
    if (count > 0) found[table] = count;
  }
  return found;
}
