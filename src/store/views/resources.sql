-- One row a resource: what produced spans. One that was loaded in several goes may have several rows.
CREATE OR REPLACE VIEW resources AS
SELECT
  -- Number of the resource in this database; joins to spans.resource_id.
  r.resource_id AS resource_id,
  -- service.name; unknown_service where the resource has none.
  v.name AS service_name,
  -- Resource attributes as text by key.
  (
    SELECT coalesce(map(list(name ORDER BY name), list(value ORDER BY name)), MAP {}::MAP(VARCHAR, VARCHAR))
    FROM (
      SELECT k.name, max(a.value) AS value
      FROM (SELECT unnest(r.attribute_ids) AS attribute_id) i
      JOIN attribute a USING (attribute_id)
      JOIN key k USING (key_id)
      GROUP BY k.name
    )
  ) AS attributes
FROM resource r
JOIN service v USING (service_id)
WHERE r.resource_id IN (SELECT resource_id FROM span);
