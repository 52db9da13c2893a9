-- One row a service.
CREATE OR REPLACE VIEW services AS
SELECT
  -- service.name; unknown_service where resources have none.
  v.name AS service_name,
  -- Number of spans.
  count(*) AS span_count,
  -- Number of spans whose status is error.
  count(*) FILTER (t.code = 2) AS error_count,
  -- Number of distinct span names.
  count(DISTINCT o.name) AS span_name_count,
  -- Start of the earliest span, UTC.
  make_timestamp_ns(least(min(s.start_ns), 9223372036854775806 /* beyond is infinity */)) AS first_start_time,
  -- Start of the latest span, UTC.
  make_timestamp_ns(least(max(s.start_ns), 9223372036854775806 /* beyond is infinity */)) AS last_start_time
FROM span s
JOIN operation o USING (operation_id)
JOIN service v USING (service_id)
JOIN status t USING (status_id)
GROUP BY v.name;
