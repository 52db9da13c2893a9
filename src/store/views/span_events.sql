-- One row an event of a span.
CREATE OR REPLACE VIEW span_events AS
SELECT
  -- Trace id of the span, 32 lowercase hex digits.
  lpad(lower(to_hex(s.trace_id)), 32, '0') AS trace_id,
  -- Span id, 16 lowercase hex digits.
  format('{:016x}', s.span_id) AS span_id,
  -- Time of the event, UTC.
  make_timestamp_ns(least(e.time_ns, 9223372036854775806 /* beyond is infinity */)) AS time,
  -- Time in nanoseconds since the Unix epoch.
  e.time_ns AS time_ns,
  -- Event name; an exception is named exception.
  n.name AS name,
  -- Event attributes as text by key.
  (
    SELECT coalesce(map(list(name ORDER BY name), list(value ORDER BY name)), MAP {}::MAP(VARCHAR, VARCHAR))
    FROM (
      SELECT k.name, max(a.value) AS value
      FROM (SELECT unnest(e.attribute_ids) AS attribute_id) i
      JOIN attribute a USING (attribute_id)
      JOIN key k USING (key_id)
      GROUP BY k.name
    )
  ) AS attributes,
  -- Number of the span in this database; joins to spans.span_no.
  e.span_no AS span_no
FROM event e
JOIN span s USING (span_no)
JOIN event_name n USING (name_id);
