import { recordOf } from '../drafts/record.ts';
import { recordFormat } from '../drafts/record-format.ts';
import { clickhouseDraft } from '../rows/clickhouse.ts';

// Rows of the table `otel_traces` that the Collector's ClickHouse exporter fills, as ClickHouse's JSON formats write them.
// https://clickhouse.com/docs/interfaces/formats/JSONEachRow
// {"Timestamp":"2024-05-01 12:00:00.123456789","TraceId":"…","SpanId":"…","ParentSpanId":"","SpanName":"GET /","SpanKind":"Server",
//  "ServiceName":"shop","ResourceAttributes":{…},"SpanAttributes":{…},"Duration":"1200","StatusCode":"Error","Events.Timestamp":[…],…}
// A row a line (JSONEachRow), in `row` (JSONEachRowWithProgress), an array of rows, or `{"data":[…]}` (JSON).

export const clickhouseJson = recordFormat({
  name: 'clickhouse-json',
  title: 'ClickHouse otel_traces rows as JSON',
  recognised: 'rows with `TraceId`, `SpanId` and `SpanName`',
  places: ['', '[]', '.data[]', '.row'],
  matches: has => has('.TraceId') && has('.SpanId') && has('.SpanName'),
  open: ({ emit, repair }) => ({ read: record => emit(clickhouseDraft(recordOf(record), repair)) }),
});
