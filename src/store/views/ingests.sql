-- One row a source that was loaded: what came of it.
CREATE OR REPLACE VIEW ingests AS
SELECT
  -- Path of the source, or - for stdin.
  i.source AS source,
  -- Formats found in it, joined by +; NULL where none was recognised.
  i.format AS format,
  -- Number of documents in those formats.
  i.documents AS documents,
  -- Number of spans stored.
  i.spans AS spans,
  -- Number of traces that its spans belong to, those included that were there already.
  i.traces AS traces,
  -- Number of spans that were not stored because they were there already.
  i.duplicates AS duplicates,
  -- Records that gave no span, by reason: how many, and where and what the first one was.
  coalesce((
    SELECT list({reason: s.reason, count: s.count, first_offset: s.first_offset, first_detail: s.first_detail} ORDER BY s.reason)
    FROM ingest_issue s WHERE s.ingest_id = i.ingest_id AND NOT s.repaired
  ), []) AS skipped,
  -- Records that were mended and kept, by reason.
  coalesce((
    SELECT list({reason: s.reason, count: s.count, first_offset: s.first_offset, first_detail: s.first_detail} ORDER BY s.reason)
    FROM ingest_issue s WHERE s.ingest_id = i.ingest_id AND s.repaired
  ), []) AS repaired,
  -- Why the source was not read to its end; NULL where it was.
  i.fault AS fault,
  -- Size in bytes as stored.
  i.bytes AS bytes,
  -- Size in bytes when decompressed.
  i.content_bytes AS content_bytes,
  -- When it was loaded, UTC.
  i.loaded_at AS loaded_at
FROM ingest i;
