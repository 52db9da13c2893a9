-- One row a link from a span to another.
CREATE OR REPLACE VIEW span_links AS
SELECT
  -- Trace id of the span that has the link, 32 lowercase hex digits.
  lpad(lower(to_hex(s.trace_id)), 32, '0') AS trace_id,
  -- Id of the span that has the link, 16 lowercase hex digits.
  format('{:016x}', s.span_id) AS span_id,
  -- Trace id of the span linked to.
  lpad(lower(to_hex(l.trace_id)), 32, '0') AS linked_trace_id,
  -- Id of the span linked to.
  format('{:016x}', l.span_id) AS linked_span_id,
  -- Link attributes as text by key.
  (
    SELECT coalesce(map(list(name ORDER BY name), list(value ORDER BY name)), MAP {}::MAP(VARCHAR, VARCHAR))
    FROM (
      SELECT k.name, max(a.value) AS value
      FROM (SELECT unnest(l.attribute_ids) AS attribute_id) i
      JOIN attribute a USING (attribute_id)
      JOIN key k USING (key_id)
      GROUP BY k.name
    )
  ) AS attributes,
  -- Number of the span in this database; joins to spans.span_no.
  l.span_no AS span_no
FROM link l
JOIN span s USING (span_no);
