import type { BatchWriter } from './columns/batch-writer.ts';
import type { Outline } from './json/outline.ts';
import type { Shape } from './json/shape.ts';
import type { SpanLane } from './lane/lane.ts';
import type { ColumnMap } from './rows/columns.ts';

// What a format is to the rest of the program. A format is a folder with a descriptor; `index.ts` is the registry.
//
// The contract of every decoder, held by the contract test:
// - chunk boundaries mean nothing: any cut of the input gives the same spans;
// - bad content never throws: it is reported under a reason and reading goes on behind it;
// - what was read before the fault stays read.

/** Where decoders say what they could not use (`skip`) and what they had to mend (`repair`). */
export interface DecodeReport {
  /**
   * A record or document that gave no spans. `reason` is one of `REASONS`; `offset` is its first byte in the
   * decompressed source; `detail` says what is wrong with this one.
   */
  skip(reason: Reason, offset: number, detail: string): void;
  /** A record that was kept though something in it was not as its format wants it. */
  repair(reason: Reason, offset: number, detail: string): void;
  /** A document of this format has been read. */
  document(format: string): void;
}

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

/** Limits on a single record, so that no input can make memory grow without bound. */
export interface DecodeLimits {
  /** Largest single record (a span with all that belongs to it, or a protobuf message), in bytes. */
  readonly recordBytes: number;
}

export const DEFAULT_LIMITS: DecodeLimits = { recordBytes: 256 << 20 };

export interface DecodeContext {
  readonly writer: BatchWriter;
  readonly report: DecodeReport;
  readonly limits: DecodeLimits;
  /** Reads runs of common spans faster; see formats/lane. */
  readonly lane?: SpanLane | undefined;
  /** What the user says of the columns of tables. */
  readonly columnMap?: ColumnMap | undefined;
}

/** What a format's `sniff` recognised: a container it reads, or a document to pass over under a reason. */
export type Sighting<Container extends string = string> =
  | { readonly container: Container }
  | { readonly skip: Reason; readonly detail?: string };

interface FormatDescription {
  /** The name under which the format stands in JSON and SQL. */
  readonly name: string;
  /** The name for people. */
  readonly title: string;
  /** What it is recognised by, in one phrase. */
  readonly recognised: string;
}

/** A format whose documents are JSON values. */
export interface JsonFormat extends FormatDescription {
  readonly family: 'json';
  /** Its documents are printed by a program among lines of its own, which are then no damage but `log-lines`. */
  readonly isConsoleOutput?: boolean;
  /** What it is recognised by is in ordinary records of logs, too: its documents begin on a line of their own. */
  readonly isLoose?: boolean;
  /** Nothing in a document says how others are to be read: they may be read apart, and at the same time. */
  readonly isStateless?: boolean;
  /** It takes longer to decode than what it holds takes to be stored. */
  readonly isSlow?: boolean;
  /** Recognises a document from its outline; undefined where it is not this format (or not yet clear). */
  sniff(outline: Outline, columnMap?: ColumnMap): Sighting | undefined;
  /** Begins decoding: returns the shape to read for each container. */
  open(context: DecodeContext, offsetOf: (position: number) => number): (container: string) => Shape;
}

/** A format that is a stream of bytes to the end of the source. */
export interface BinaryFormat extends FormatDescription {
  readonly family: 'binary';
  /** Recognises a source by its first bytes; `whole` says that there are no more. */
  sniff(head: Uint8Array, whole: boolean): boolean;
  open(context: DecodeContext): BinaryDecoder;
}

export interface BinaryDecoder {
  /** Begins a new input, whose first byte is at `offset` of its source. */
  begin(offset: number): void;
  push(chunk: Uint8Array): void;
  end(): void;
}

/** A format of lines of text, among which lines of other programs may stand. */
export interface TextFormat extends FormatDescription {
  readonly family: 'text';
  /** Recognises a source by its first lines; `whole` says that there are no more. */
  sniff(lines: readonly string[], whole: boolean, columnMap?: ColumnMap): boolean;
  open(context: DecodeContext): LineDecoder;
}

export interface LineDecoder {
  /** Begins a new input. */
  begin(): void;
  /** Takes a line, without its end, whose first byte is at `offset` of its source. */
  line(text: string, offset: number): void;
  /** Ends the input; `isLastLineOpen` says that no line end stands behind the last line, so that it may have been cut. */
  end(isLastLineOpen: boolean): void;
}

/** A format that says only at the end of the file where what stands in it. */
export interface FileFormat extends FormatDescription {
  readonly family: 'file';
  /** Recognises a file by its first bytes. */
  sniff(head: Uint8Array): boolean;
  open(context: DecodeContext): FileDecoder;
}

export interface FileDecoder {
  /** Decodes a whole file. */
  decode(file: RandomAccess): Promise<void>;
}

/** A file, or what has been put into one, of which any part can be had. */
export interface RandomAccess {
  readonly size: number;
  /** Returns the bytes from `from` up to `to`, fewer where the file ends before; they stay as they are. */
  read(from: number, to: number): Promise<Uint8Array>;
}

export type TraceFormat = JsonFormat | BinaryFormat | TextFormat | FileFormat;
