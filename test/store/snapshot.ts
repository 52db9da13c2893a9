import type { Span } from '../../src/model/span.ts';
import type { Queryable, Row } from '../../src/store/queryable.ts';
import { readSpans } from '../../src/store/read-trace.ts';

// All that a database says of its spans and traces, but for numbers that depend on how it was loaded: equal for equal
// answers.

export interface Snapshot {
  /** In order of trace id and place in the trace. */
  readonly spans: readonly Span[];
  /** Place in the trace and what assembly says, in the same order. */
  readonly places: readonly Row[];
  readonly traces: readonly Row[];
  /** Events and links that belong to no span, span numbers that come twice: none in a sound database. */
  readonly faults: number;
}

export async function snapshotOf(database: Queryable): Promise<Snapshot> {
  const spans = await readSpans(database, 'TRUE', 's.trace_id, s.span_no');
  const places = await database.rows(`
    SELECT s.trace_id, s.span_no - t.first_span_no AS place, s.span_id, s.parentage, s.component, s.nested_set_left,
      s.nested_set_right, s.depth, s.self_ns
    FROM span s JOIN trace t USING (trace_id) ORDER BY s.trace_id, s.span_no`);
  const traces = await database.rows(`
    SELECT t.trace_id, t.span_count, t.start_ns, t.duration_ns, t.root_span_no - t.first_span_no AS root_place,
      v.name AS service, o.name, o.kind, t.root_count, t.orphan_count, t.cut_count, t.error_count, t.complete,
      (SELECT list(n.name ORDER BY i.place) FROM
        (SELECT unnest(t.service_ids) AS service_id, generate_subscripts(t.service_ids, 1) AS place) i
        JOIN service n USING (service_id)) AS services
    FROM trace t JOIN operation o USING (operation_id) JOIN service v USING (service_id) ORDER BY t.trace_id`);
  const faults = await database.value(`
    SELECT (SELECT count(*) FROM event ANTI JOIN span USING (span_no))
      + (SELECT count(*) FROM link ANTI JOIN span USING (span_no))
      + (SELECT count(*) - count(DISTINCT span_no) FROM span)`);
  return { spans, places, traces, faults: Number(faults) };
}
