import {
  FAILURE_EVENT_FIELDS,
  FAILURE_EVENT_KEYS,
  FAILURE_EVENT_NAMES,
  FAILURE_SPAN_FIELDS,
  type FailureDetails,
  type FailureFields,
} from '../model/failure.ts';
import { numberList } from './number-list.ts';
import type { Queryable, Row } from './queryable.ts';

// What failed spans say of their failure (model/failure.ts), of many spans at once. Stack traces are left where they are until
// one is asked for.

/** Returns the details of failed spans by span number. Of several exceptions of a span the last one counts. */
export async function failureDetails(
  database: Queryable,
  spanNumbers: readonly number[],
): Promise<Map<number, FailureDetails>> {
  const details = new Map<number, { -readonly [Field in keyof FailureDetails]: FailureDetails[Field] }>();
  if (spanNumbers.length === 0) return details;
  await database.run('CREATE OR REPLACE TEMP TABLE failed_span (span_no BIGINT)');
  for (let from = 0; from < spanNumbers.length; from += 20_000) {
    const some = numberList(spanNumbers.slice(from, from + 20_000), 'BIGINT');
    await database.run(`INSERT INTO failed_span SELECT unnest(${some})`);
  }
  const spans = await database.rows(`
    SELECT span_no, message FROM span SEMI JOIN failed_span USING (span_no) JOIN status USING (status_id)`);
  for (const row of spans) {
    details.set(Number(row.span_no), {
      statusMessage: String(row.message),
      exceptionType: undefined,
      exceptionMessage: undefined,
      errorType: undefined,
      grpcStatus: undefined,
      httpStatus: undefined,
    });
  }
  // The best key seen for a field of a span.
  const ranks = new Map<string, number>();
  const take = (row: Row, fields: FailureFields): void => {
    const spanNo = Number(row.span_no);
    const [field, rank] = fields[String(row.key)]!;
    const value = String(row.value);
    const known = details.get(spanNo);
    const place = `${spanNo} ${field}`;
    if (known === undefined || value === '' || (ranks.get(place) ?? 9) < rank) return;
    ranks.set(place, rank);
    known[field] = value;
  };
  const onEvents = await database.rows(`
    SELECT span_no, key, value FROM (
      SELECT e.span_no, e.time_ns, e.event_no, e.is_failure, k.name AS key, a.value,
        bool_or(e.is_failure OR k.name IN (${textList(FAILURE_EVENT_KEYS)})) OVER (PARTITION BY e.event_no) AS tells
      FROM (
        SELECT span_no, time_ns, event.rowid AS event_no, n.name IN (${textList(FAILURE_EVENT_NAMES)}) AS is_failure,
          unnest(attribute_ids) AS attribute_id
        FROM event SEMI JOIN failed_span USING (span_no) JOIN event_name n USING (name_id)
      ) e
      JOIN attribute a USING (attribute_id) JOIN key k USING (key_id)
      WHERE k.name IN (${textList(Object.keys(FAILURE_EVENT_FIELDS))}) AND a.value <> ''
    )
    WHERE tells
    QUALIFY dense_rank() OVER (PARTITION BY span_no ORDER BY time_ns DESC, event_no DESC) = 1
    ORDER BY span_no, key`);
  for (const row of onEvents) take(row, FAILURE_EVENT_FIELDS);
  const onSpans = await database.rows(`
    SELECT s.span_no, k.name AS key, a.value
    FROM (SELECT span_no, unnest(attribute_ids) AS attribute_id FROM span SEMI JOIN failed_span USING (span_no)) s
    JOIN attribute a USING (attribute_id) JOIN key k USING (key_id)
    WHERE k.name IN (${textList(Object.keys(FAILURE_SPAN_FIELDS))}) ORDER BY s.span_no, k.name`);
  for (const row of onSpans) take(row, FAILURE_SPAN_FIELDS);
  await database.run('DROP TABLE failed_span');
  return details;
}

function textList(texts: readonly string[]): string {
  return texts.map(text => `'${text}'`).join(',');
}
