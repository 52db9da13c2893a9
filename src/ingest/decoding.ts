import { BatchWriter, type BatchWriterOptions } from '../formats/columns/batch-writer.ts';
import type {
  BinaryDecoder,
  DecodeContext,
  DecodeLimits,
  DecodeReport,
  Reason,
  TraceFormat,
} from '../formats/format.ts';
import { BINARY_FORMATS, FILE_FORMATS, JSON_FORMATS, TEXT_FORMATS } from '../formats/index.ts';
import { JsonDocuments } from '../formats/json/documents.ts';
import { SpanLane } from '../formats/lane/lane.ts';
import type { ColumnMap } from '../formats/rows/columns.ts';
import { TextLines } from '../formats/text-lines.ts';
import { AccountKeeper, type SourceAccount } from './account.ts';
import {
  type CompressionLimits,
  decompressed,
  decompressedMessage,
  isCompressed,
  SourceDamage,
} from './compression.ts';
import { chunksOf, type Source } from './source.ts';
import { Spool } from './spool.ts';
import { poorOutput, refusalOf } from './unreadable.ts';

// From a source to batches: decompress, recognise, decode. Runs on the thread of the database for small sources and in a
// worker for large ones; it is the same code.
//
// A source is a stream of JSON documents, a binary message, or frames of either:
//   00 00 04 d2 <message> …   the length as 32 bits, big endian, as the Collector's file exporter writes it, where each
// message may be compressed by itself.

/** How much of a source is looked at before its family is decided. */
const HEAD = 1 << 16;
const FRAME_HEADER = 4;
/** As many of the first bytes tell whether a source is compressed. */
const MAGIC = 8;

export interface DecodeOptions {
  readonly limits: DecodeLimits;
  readonly compression: CompressionLimits;
  /** What the user says of the columns of tables. */
  readonly columnMap?: ColumnMap | undefined;
  /** Whether the fast lane is worth its start: for large sources. */
  readonly lane?: boolean;
}

/** A place for bytes: what a decoder is to the stream before it. */
interface Sink {
  push(chunk: Uint8Array): void | Promise<void>;
  end(): void | Promise<void>;
}

/**
 * Decodes sources one after the other into one `BatchWriter`, whose dictionaries go on from source to source. The
 * report is switched from source to source, so that decoders may live as long as the writer.
 */
export class SourceDecoder {
  readonly writer: BatchWriter;
  readonly #options: DecodeOptions;
  readonly #json: JsonDocuments;
  readonly #context: DecodeContext;
  /** Decoders of the formats met so far. */
  readonly #decoders = new Map<TraceFormat, BinaryDecoder>();
  #account = new AccountKeeper();

  constructor(writer: BatchWriterOptions, options: DecodeOptions) {
    this.writer = new BatchWriter(writer);
    this.#options = options;
    const report: DecodeReport = {
      skip: (reason: Reason, offset, detail) => this.#account.skip(reason, offset, detail),
      repair: (reason: Reason, offset, detail) => this.#account.repair(reason, offset, detail),
      document: format => this.#account.document(format),
    };
    this.#context = {
      writer: this.writer,
      report,
      limits: options.limits,
      columnMap: options.columnMap,
      lane: options.lane === true ? SpanLane.open(this.writer) : undefined,
    };
    this.#json = new JsonDocuments(JSON_FORMATS, this.#context);
  }

  /**
   * Decodes one source to its end. Never throws for what the source holds: faults are in the account. `onProgress` is
   * called with the bytes read so far, as stored, and may make the decoder wait. `stored` is the source's bytes as
   * `chunksOf` gives them.
   */
  async decode(
    source: Source,
    onProgress?: (bytes: number) => void | Promise<void>,
    stored: AsyncIterable<Uint8Array> = chunksOf(source),
  ): Promise<SourceAccount> {
    this.#account = new AccountKeeper();
    const spansBefore = this.writer.spanCount;
    let bytes = 0;
    let contentBytes = 0;
    let damage: SourceDamage | undefined;
    let firstBytes: Uint8Array | undefined;
    const counted = async function* () {
      for await (const chunk of stored) {
        firstBytes ??= new Uint8Array(chunk.subarray(0, MAGIC));
        bytes += chunk.length;
        yield chunk;
        await onProgress?.(bytes);
      }
    };
    const chunks = counted();
    const head = new HeadKeeper();
    let sink: Sink | undefined;
    try {
      for await (const chunk of decompressed(chunks, this.#options.compression)) {
        contentBytes += chunk.length;
        if (sink !== undefined) await sink.push(chunk);
        else {
          const rest = head.add(chunk);
          if (!head.isFull) continue;
          sink = this.#sinkFor(head.bytes, false, 0);
          if (sink === undefined) break;
          const isStored = firstBytes !== undefined && Buffer.compare(firstBytes, head.bytes.subarray(0, MAGIC)) === 0;
          if (sink instanceof Spool && isStored && (await sink.useFile(source, onProgress))) {
            bytes = contentBytes = source.bytes ?? bytes;
            break;
          }
          await sink.push(head.bytes);
          if (rest.length > 0) await sink.push(rest);
        }
      }
    } catch (error) {
      if (sink instanceof Spool) await sink.close();
      if (!(error instanceof SourceDamage)) throw error;
      damage = error;
    } finally {
      // Where reading stops early, the file is closed by this alone.
      await chunks.return(undefined);
    }
    if (sink === undefined && !head.isFull) {
      sink = this.#sinkFor(head.bytes, true, 0);
      await sink?.push(head.bytes);
    }
    await sink?.end();
    const spans = this.writer.spanCount - spansBefore;
    const account = this.#account;
    const fault =
      damage === undefined
        ? this.#faultOf(account, head, spans)
        : { message: damage.message, ...(spans > 0 ? { hint: HINT_KEPT } : {}) };
    return {
      source: source.name,
      format: account.format,
      documents: account.documents,
      spans,
      bytes,
      contentBytes,
      skipped: account.skipped,
      repaired: account.repaired,
      fault,
    };
  }

  /** Why a source that was read to its end is nevertheless not whole, or no trace dump at all. */
  #faultOf(account: AccountKeeper, head: HeadKeeper, spans: number): SourceAccount['fault'] {
    const skipped = account.skipped;
    const find = (...reasons: readonly Reason[]) => skipped.find(({ reason }) => reasons.includes(reason));
    // Of what is not read it is no matter that it is cut off.
    const named = spans === 0 && account.documents === 0 ? find('unread-format', 'unrecognised-json') : undefined;
    const truncated = find('truncated');
    if (truncated !== undefined && named === undefined) {
      return {
        message: `is cut off: ${truncated.first.detail} (byte ${truncated.first.offset})`,
        hint: spans > 0 ? HINT_KEPT : 'not one span is whole',
      };
    }
    if (spans > 0) return undefined;
    const poor = account.documents === 0 ? poorOutput(head.bytes) : undefined;
    if (poor !== undefined) return poor;
    const answer = find('api-error');
    if (answer !== undefined) {
      return {
        message: `is the error answer of an API: ${answer.first.detail}`,
        hint: 'ask the API for the trace again',
      };
    }
    if (named?.reason === 'unread-format') {
      return {
        message: `is in a format that is not read: ${named.first.detail}`,
        hint: refusalOf(head.bytes, true).hint,
      };
    }
    if (named !== undefined) {
      return { message: `holds JSON but no trace format that is read: ${named.first.detail}`, hint: HINT_JSON };
    }
    const broken = skipped.find(({ reason }) => reason.startsWith('malformed-'));
    if (broken !== undefined) {
      return {
        message: `is broken: ${broken.first.detail} (byte ${broken.first.offset})`,
        hint: 'check how the file was written; nothing in it could be read',
      };
    }
    if (account.documents > 0) return undefined;
    if (skipped.length === 0 || skipped.every(({ reason }) => reason === 'not-json')) {
      return refusalOf(head.bytes, !head.isFull);
    }
    return undefined;
  }

  /** Decides what a stream is from its first bytes; undefined where it is nothing that is read. */
  #sinkFor(head: Uint8Array, whole: boolean, offset: number): Sink | undefined {
    const file = FILE_FORMATS.find(known => known.sniff(head));
    if (file !== undefined) return new Spool(file.open(this.#context));
    const isText = isPlainText(head);
    if (!isText) {
      const format = BINARY_FORMATS.find(known => known.sniff(head, whole));
      if (format !== undefined) return this.#begin(format, offset, () => format.open(this.#context));
      if (isFramed(head, this.#options.limits.recordBytes)) return this.#frames();
    } else if (TEXT_FORMATS.length > 0) {
      const lines = Buffer.from(head).toString('utf8').split(/\r?\n/);
      const format = TEXT_FORMATS.find(known => known.sniff(lines, whole, this.#context.columnMap));
      if (format !== undefined) return this.#begin(format, offset, () => new TextLines(format, this.#context));
    }
    if (!looksLikeJson(head)) return undefined;
    this.#json.begin(offset);
    return this.#json;
  }

  #begin(format: TraceFormat, offset: number, open: () => BinaryDecoder): Sink {
    let decoder = this.#decoders.get(format);
    if (decoder === undefined) {
      decoder = open();
      this.#decoders.set(format, decoder);
    }
    decoder.begin(offset);
    return decoder;
  }

  /** Takes frames apart and decodes each message by what it is. */
  #frames(): Sink {
    const { recordBytes } = this.#options.limits;
    // A frame that began in an earlier chunk, header and all.
    let begun = Buffer.allocUnsafeSlow(0);
    let length = 0;
    let toSkip = 0;
    let offset = 0;
    const keep = (bytes: Uint8Array) => {
      if (length + bytes.length > begun.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(begun.length * 2, length + bytes.length));
        larger.set(begun.subarray(0, length));
        begun = larger;
      }
      begun.set(bytes, length);
      length += bytes.length;
    };
    /** Decides on a frame by its length; returns the length of its message, or undefined where it is passed over. */
    const sizeAt = (bytes: Uint8Array, at: number) => {
      const size = Buffer.from(bytes.buffer, bytes.byteOffset + at, FRAME_HEADER).readUInt32BE();
      if (size <= recordBytes) return size;
      this.#account.skip('record-too-large', offset, `a frame of ${size} bytes`);
      toSkip = FRAME_HEADER + size;
      return undefined;
    };
    return {
      push: async chunk => {
        let at = 0;
        while (at < chunk.length) {
          if (toSkip > 0) {
            const skipped = Math.min(toSkip, chunk.length - at);
            toSkip -= skipped;
            offset += skipped;
            at += skipped;
          } else if (length > 0 || chunk.length - at < FRAME_HEADER) {
            const headerPart = chunk.subarray(at, at + Math.max(0, FRAME_HEADER - length));
            keep(headerPart);
            at += headerPart.length;
            if (length < FRAME_HEADER) return;
            const size = sizeAt(begun, 0);
            if (size === undefined) {
              toSkip -= length;
              offset += length;
              length = 0;
              continue;
            }
            const part = chunk.subarray(at, at + FRAME_HEADER + size - length);
            keep(part);
            at += part.length;
            if (length < FRAME_HEADER + size) return;
            await this.#message(begun.subarray(FRAME_HEADER, length), offset + FRAME_HEADER);
            offset += length;
            length = 0;
          } else {
            const size = sizeAt(chunk, at);
            if (size === undefined) continue;
            const end = at + FRAME_HEADER + size;
            if (end > chunk.length) {
              keep(chunk.subarray(at));
              return;
            }
            await this.#message(chunk.subarray(at + FRAME_HEADER, end), offset + FRAME_HEADER);
            offset += end - at;
            at = end;
          }
        }
      },
      end: () => {
        if (length > 0 || toSkip > 0) {
          this.#account.skip('truncated', offset, 'the input ends inside a frame');
        }
      },
    };
  }

  async #message(message: Uint8Array, offset: number): Promise<void> {
    if (message.length === 0) return;
    let content = message;
    if (isCompressed(message)) {
      try {
        content = await decompressedMessage(message, this.#options.compression);
      } catch (error) {
        if (!(error instanceof SourceDamage)) throw error;
        this.#account.skip('malformed-protobuf', offset, `a compressed message that ${error.message}`);
        return;
      }
    }
    const sink = this.#sinkFor(content, true, offset);
    if (sink === undefined) {
      this.#account.skip('malformed-protobuf', offset, 'a frame that holds no OTLP message');
      return;
    }
    await sink.push(content);
    await sink.end();
  }
}

const HINT_KEPT = 'what stands before it was read';
const HINT_JSON = 'OTLP, Jaeger and Zipkin v2 JSON are read; look at the first document of the file';

/** Keeps the first `HEAD` bytes of a stream, so that what it is does not depend on how it comes in chunks. */
class HeadKeeper {
  #buffer = Buffer.alloc(0);
  #length = 0;

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  get isFull(): boolean {
    return this.#length === HEAD;
  }

  /** Adds what is missing of a chunk, and returns the rest of it. */
  add(chunk: Uint8Array): Uint8Array {
    if (this.#buffer.length === 0) this.#buffer = Buffer.allocUnsafeSlow(HEAD);
    const added = chunk.subarray(0, HEAD - this.#length);
    this.#buffer.set(added, this.#length);
    this.#length += added.length;
    return chunk.subarray(added.length);
  }
}

/** Says whether the beginning of a stream is text. NUL is not held against it: files are padded with it after a crash. */
function isPlainText(head: Uint8Array): boolean {
  for (const byte of head.subarray(0, 1024)) {
    if (byte > 0 && byte < 32 && (byte < 9 || byte > 13) && byte !== 27 && byte !== 30) return false;
  }
  return true;
}

/** Says whether some line begins, behind white space, with a JSON object or array. */
function looksLikeJson(head: Uint8Array): boolean {
  let isLineStart = true;
  for (const byte of head) {
    if (isLineStart && (byte === 123 || byte === 91)) return true;
    if (byte === 10) isLineStart = true;
    // White space, NUL padding, RS, the comma between documents, a byte order mark.
    else if (byte > 32 && byte !== 44 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf) isLineStart = false;
  }
  return false;
}

/** A plausible length and, behind it, what begins a message: OTLP's first field, JSON, or compressed data. */
function isFramed(head: Uint8Array, limit: number): boolean {
  if (head.length < FRAME_HEADER + 1) return false;
  const size = Buffer.from(head.buffer, head.byteOffset, FRAME_HEADER).readUInt32BE();
  if (size === 0 || size > limit) return false;
  const message = head.subarray(FRAME_HEADER, FRAME_HEADER + size);
  return message[0] === 0x0a || message[0] === 123 || message[0] === 91 || isCompressed(message);
}
