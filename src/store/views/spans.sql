-- One row a span.
CREATE OR REPLACE VIEW spans AS
SELECT
  -- Trace id, 32 lowercase hex digits.
  lpad(lower(to_hex(s.trace_id)), 32, '0') AS trace_id,
  -- Span id, 16 lowercase hex digits.
  format('{:016x}', s.span_id) AS span_id,
  -- Span id of the parent, whether it is in the data or not; NULL for a root.
  CASE WHEN s.parent_id <> 0 THEN format('{:016x}', s.parent_id) END AS parent_span_id,
  -- Span name.
  o.name AS name,
  -- unspecified, internal, server, client, producer or consumer.
  ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][o.kind + 1] AS kind,
  -- The resource's service.name; unknown_service where it has none.
  v.name AS service_name,
  -- Start of the span, UTC.
  make_timestamp_ns(least(s.start_ns, 9223372036854775806 /* beyond is infinity */)) AS start_time,
  -- Start in nanoseconds since the Unix epoch.
  s.start_ns AS start_ns,
  -- Duration in nanoseconds.
  s.duration_ns AS duration_ns,
  -- Duration less the time covered by child spans that the span waits for, in nanoseconds.
  s.self_ns AS self_ns,
  -- unset, ok or error.
  ['unset', 'ok', 'error'][t.code + 1] AS status_code,
  -- What the status says beside its code; NULL where it says nothing.
  nullif(t.message, '') AS status_message,
  -- True where the span names a parent that is not in the data.
  s.parentage = 2 AS orphan,
  -- Number of ancestors in the data.
  s.depth AS depth,
  -- Which of the trace's unconnected parts the span is in, counted from 0.
  s.component AS component,
  -- Nested-set number: a span's descendants are those whose left is between its left and its right.
  s.nested_set_left AS nested_set_left,
  -- Nested-set number: see nested_set_left.
  s.nested_set_right AS nested_set_right,
  -- Name of the instrumentation scope; NULL where there is none.
  nullif(c.name, '') AS scope_name,
  -- Version of the instrumentation scope; NULL where there is none.
  nullif(c.version, '') AS scope_version,
  -- OTLP span flags; the low 8 bits are the W3C trace flags.
  o.flags AS flags,
  -- Attributes as text by key. Costly over many spans: filter with span_attributes.
  (
    SELECT coalesce(map(list(name ORDER BY name), list(value ORDER BY name)), MAP {}::MAP(VARCHAR, VARCHAR))
    FROM (
      SELECT k.name, max(a.value) AS value
      FROM (SELECT unnest(s.attribute_ids) AS attribute_id) i
      JOIN attribute a USING (attribute_id)
      JOIN key k USING (key_id)
      GROUP BY k.name
    )
  ) AS attributes,
  -- Which resource: see the view resources.
  s.resource_id AS resource_id,
  -- Number of the span in this database; ascends in display order within a trace.
  s.span_no AS span_no
FROM span s
JOIN operation o USING (operation_id)
JOIN service v USING (service_id)
JOIN status t USING (status_id)
JOIN scope c USING (scope_id);
