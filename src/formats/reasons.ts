// Why a record gave no spans, or had to be mended: the words of every account.

/** How bad a reason is: `foreign` is no trace data, `lost` is trace data that is missing from the answers, `mended` is none of it. */
export type Severity = 'foreign' | 'lost' | 'mended';

/** Everything that decoders report, by the name under which it is counted; the texts stand behind a number ("1 …", "12 …"). */
export const REASONS = {
  'otlp-logs': { severity: 'foreign', one: 'OTLP logs document', many: 'OTLP logs documents' },
  'otlp-metrics': { severity: 'foreign', one: 'OTLP metrics document', many: 'OTLP metrics documents' },
  'otlp-profiles': { severity: 'foreign', one: 'OTLP profiles document', many: 'OTLP profiles documents' },
  'no-spans': { severity: 'foreign', one: 'document without spans', many: 'documents without spans' },
  'api-error': { severity: 'foreign', one: 'error answer of an API', many: 'error answers of an API' },
  'log-lines': { severity: 'foreign', one: 'line of other text', many: 'lines of other text' },
  'log-records': { severity: 'foreign', one: 'log record', many: 'log records' },
  'metric-records': { severity: 'foreign', one: 'record of metrics', many: 'records of metrics' },
  'profile-records': { severity: 'foreign', one: 'record of profiles', many: 'records of profiles' },
  'other-records': { severity: 'foreign', one: 'record of another kind', many: 'records of other kinds' },
  'unread-format': {
    severity: 'lost',
    one: 'document in a format that is not read',
    many: 'documents in a format that is not read',
  },
  'unrecognised-json': {
    severity: 'lost',
    one: 'JSON document that holds no trace format',
    many: 'JSON documents that hold no trace format',
  },
  'not-json': {
    severity: 'lost',
    one: 'stretch of text that is not JSON',
    many: 'stretches of text that are not JSON',
  },
  'malformed-json': { severity: 'lost', one: 'broken JSON document', many: 'broken JSON documents' },
  'malformed-protobuf': { severity: 'lost', one: 'broken protobuf message', many: 'broken protobuf messages' },
  'malformed-msgpack': { severity: 'lost', one: 'broken MessagePack body', many: 'broken MessagePack bodies' },
  'malformed-thrift': { severity: 'lost', one: 'broken Thrift message', many: 'broken Thrift messages' },
  'malformed-parquet': {
    severity: 'lost',
    one: 'broken part of a Parquet file',
    many: 'broken parts of Parquet files',
  },
  'malformed-row': {
    severity: 'lost',
    one: 'row that does not fit its columns',
    many: 'rows that do not fit their columns',
  },
  'malformed-text': { severity: 'lost', one: 'broken record of text', many: 'broken records of text' },
  truncated: {
    severity: 'lost',
    one: 'document cut off by the end of the input',
    many: 'documents cut off by the end of the input',
  },
  'record-too-large': { severity: 'lost', one: 'record over the size limit', many: 'records over the size limit' },
  'refused-request': { severity: 'lost', one: 'request that was refused', many: 'requests that were refused' },
  'missing-trace-id': { severity: 'lost', one: 'span without a trace id', many: 'spans without a trace id' },
  'missing-span-id': { severity: 'lost', one: 'span without a span id', many: 'spans without a span id' },
  'unmatched-end': {
    severity: 'lost',
    one: 'end of a span or flow whose begin is not there',
    many: 'ends of spans and flows whose begin is not there',
  },
  'too-deep': {
    severity: 'lost',
    one: 'span with values nested too deeply',
    many: 'spans with values nested too deeply',
  },
  'unexpected-type': {
    severity: 'mended',
    one: 'field of an unexpected type, left out',
    many: 'fields of an unexpected type, left out',
  },
  'invalid-time': {
    severity: 'mended',
    one: 'time that could not be read, left out',
    many: 'times that could not be read, left out',
  },
  'missing-start': {
    severity: 'mended',
    one: "span without a start, set to its end or its parent's start",
    many: "spans without a start, set to their end or their parent's start",
  },
  'zero-id': { severity: 'mended', one: 'id of nothing but zeros', many: 'ids of nothing but zeros' },
  'partial-trace': {
    severity: 'mended',
    one: 'trace that its source calls partial',
    many: 'traces that their source calls partial',
  },
  'end-before-start': {
    severity: 'mended',
    one: 'span that ends before it starts, given duration 0',
    many: 'spans that end before they start, given duration 0',
  },
  'invented-id': {
    severity: 'mended',
    one: 'id of another kind or length, replaced by a hash',
    many: 'ids of another kind or length, replaced by a hash',
  },
  'unknown-process': {
    severity: 'mended',
    one: 'process that is not described',
    many: 'processes that are not described',
  },
} as const satisfies Record<string, { severity: Severity; one: string; many: string }>;
export type Reason = keyof typeof REASONS;

/** Returns the text that stands behind a number of records. */
export function textOfReason(reason: Reason, count: number): string {
  return count === 1 ? REASONS[reason].one : REASONS[reason].many;
}
