-- The tables behind the views. Private: their shape may change with any version.
--
-- Spans repeat themselves, so nearly everything is a dictionary id: a load writes integers, and each text once.
-- Equal ids mean equal content; the same content may have several ids (dictionaries are bounded caches while loading),
-- so whatever groups by content groups by the text behind the id.

CREATE TABLE meta (key VARCHAR, value VARCHAR);

-- In display order within a trace, traces in order of their start within a load: one trace lies together, and a range
-- of times is a range of rows. span_no ascends with the rows.
--
-- How a column is compressed is said where DuckDB, left to itself, tries every way only to come to this one.
CREATE TABLE span (
  span_no BIGINT USING COMPRESSION bitpacking,
  trace_id UHUGEINT USING COMPRESSION rle,
  span_id UBIGINT USING COMPRESSION uncompressed,
  parent_id UBIGINT,
  start_ns BIGINT USING COMPRESSION bitpacking,
  duration_ns BIGINT USING COMPRESSION bitpacking,
  self_ns BIGINT USING COMPRESSION bitpacking,
  operation_id UINTEGER USING COMPRESSION bitpacking,
  resource_id UINTEGER USING COMPRESSION bitpacking,
  status_id UINTEGER USING COMPRESSION bitpacking,
  parentage UTINYINT USING COMPRESSION bitpacking,
  component UINTEGER USING COMPRESSION bitpacking,
  nested_set_left UINTEGER USING COMPRESSION bitpacking,
  nested_set_right UINTEGER USING COMPRESSION bitpacking,
  depth UINTEGER USING COMPRESSION bitpacking,
  attribute_ids UINTEGER[] USING COMPRESSION bitpacking
);

CREATE TABLE event (
  span_no BIGINT,
  time_ns BIGINT,
  name_id UINTEGER,
  attribute_ids UINTEGER[]
);

CREATE TABLE link (
  span_no BIGINT,
  trace_id UHUGEINT,
  span_id UBIGINT,
  attribute_ids UINTEGER[]
);

-- One row a trace: its spans are span_no first_span_no to first_span_no + span_count - 1.
CREATE TABLE trace (
  trace_id UHUGEINT,
  first_span_no BIGINT,
  span_count UINTEGER,
  start_ns BIGINT,
  duration_ns BIGINT,
  -- The root that lasts longest, or NULL; the operation is that of the first span where there is no root.
  root_span_no BIGINT,
  operation_id UINTEGER,
  root_count UINTEGER,
  orphan_count UINTEGER,
  cut_count UINTEGER,
  error_count UINTEGER,
  complete BOOLEAN,
  service_ids UINTEGER[]
);

-- One row a distinct attribute value, in one of two tables by the length of its text. Long ones (URLs, statements, stack traces) are
-- alike: zstd makes a quarter of them. Short ones are looked up most and are hardly alike (numbers, random ids), and what is not
-- compressed is read at any place.
CREATE TABLE short_attribute (
  attribute_id UINTEGER USING COMPRESSION bitpacking,
  key_id UINTEGER USING COMPRESSION bitpacking,
  type UTINYINT USING COMPRESSION bitpacking,
  value VARCHAR USING COMPRESSION uncompressed
);
CREATE TABLE long_attribute (
  attribute_id UINTEGER USING COMPRESSION bitpacking,
  key_id UINTEGER USING COMPRESSION bitpacking,
  type UTINYINT USING COMPRESSION bitpacking,
  value VARCHAR USING COMPRESSION zstd
);
-- What is asked of. Conditions on its columns reach both tables, so that each skips the rows that cannot meet them.
CREATE VIEW attribute AS FROM short_attribute UNION ALL FROM long_attribute;

CREATE TABLE key (key_id UINTEGER, name VARCHAR);
CREATE TABLE event_name (name_id UINTEGER, name VARCHAR);
CREATE TABLE service (service_id UINTEGER, name VARCHAR);
CREATE TABLE operation (
  operation_id UINTEGER,
  service_id UINTEGER,
  name VARCHAR,
  kind UTINYINT,
  scope_id UINTEGER,
  flags UINTEGER,
  quirks UTINYINT
);
CREATE TABLE resource (resource_id UINTEGER, service_id UINTEGER, attribute_ids UINTEGER[]);
CREATE TABLE scope (scope_id UINTEGER, name VARCHAR, version VARCHAR, attribute_ids UINTEGER[]);
CREATE TABLE status (status_id UINTEGER, code UTINYINT, message VARCHAR);

CREATE TABLE ingest (
  ingest_id UINTEGER,
  source VARCHAR,
  format VARCHAR,
  documents BIGINT,
  spans BIGINT,
  traces BIGINT,
  duplicates BIGINT,
  bytes BIGINT,
  content_bytes BIGINT,
  fault VARCHAR,
  loaded_at TIMESTAMP
);
CREATE TABLE ingest_issue (
  ingest_id UINTEGER,
  repaired BOOLEAN,
  reason VARCHAR,
  severity VARCHAR,
  count BIGINT,
  first_offset BIGINT,
  first_detail VARCHAR
);
