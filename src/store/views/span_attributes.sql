-- One row a span attribute. Attributes of the resource are in the view resources.
CREATE OR REPLACE VIEW span_attributes AS
SELECT
  -- Trace id, 32 lowercase hex digits.
  lpad(lower(to_hex(s.trace_id)), 32, '0') AS trace_id,
  -- Span id, 16 lowercase hex digits.
  format('{:016x}', s.span_id) AS span_id,
  -- Attribute key.
  k.name AS key,
  -- string, bool, int, double, array, map, bytes or empty.
  ['empty', 'string', 'bool', 'int', 'double', 'array', 'map', 'bytes'][a.type + 1] AS type,
  -- The value as text: integers in full, doubles so that they read back the same, arrays and maps as JSON, bytes as base64.
  a.value AS value,
  -- Number of the span in this database; joins to spans.span_no.
  s.span_no AS span_no
FROM (SELECT span_no, trace_id, span_id, unnest(attribute_ids) AS attribute_id FROM span) s
JOIN attribute a USING (attribute_id)
JOIN key k USING (key_id);
