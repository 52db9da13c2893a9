import type { BatchWriter } from './columns/batch-writer.ts';
import type { Outline } from './json/outline.ts';
import type { Shape } from './json/shape.ts';
import type { SpanLane } from './lane/lane.ts';
import type { Reason } from './reasons.ts';
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
