-- One row a trace.
CREATE OR REPLACE VIEW traces AS
SELECT
  -- Trace id, 32 lowercase hex digits.
  lpad(lower(to_hex(t.trace_id)), 32, '0') AS trace_id,
  -- Service of the root span; NULL where the root is missing.
  CASE WHEN t.root_span_no IS NOT NULL THEN v.name END AS root_service_name,
  -- Name of the root span; NULL where the root is missing.
  CASE WHEN t.root_span_no IS NOT NULL THEN o.name END AS root_span_name,
  -- Earliest start of a span, UTC.
  make_timestamp_ns(least(t.start_ns, 9223372036854775806 /* beyond is infinity */)) AS start_time,
  -- Earliest start in nanoseconds since the Unix epoch.
  t.start_ns AS start_ns,
  -- From the earliest start to the latest end, in nanoseconds.
  t.duration_ns AS duration_ns,
  -- Number of spans.
  t.span_count AS span_count,
  -- Number of spans whose status is error.
  t.error_count AS error_count,
  -- The services in the trace, in order of appearance.
  (
    SELECT list(v.name ORDER BY i.place)
    FROM (SELECT unnest(t.service_ids) AS service_id, generate_subscripts(t.service_ids, 1) AS place) i
    JOIN service v USING (service_id)
  ) AS services,
  -- Number of roots; more than one where traces were given the same id.
  t.root_count AS root_count,
  -- Number of spans whose parent is not in the data.
  t.orphan_count AS orphan_count,
  -- Number of edges cut because parents formed a cycle.
  t.cut_count AS cut_count,
  -- True where the trace has one root, no orphans, and nothing that ends after the root but asynchronous work.
  t.complete AS complete
FROM trace t
JOIN operation o USING (operation_id)
JOIN service v USING (service_id);
