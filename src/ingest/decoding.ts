import { BatchWriter, type BatchWriterOptions } from '../formats/columns/batch-writer.ts';
import type { BinaryDecoder, BinaryFormat, DecodeLimits, DecodeReport, Reason } from '../formats/format.ts';
import { BINARY_FORMATS, JSON_FORMATS } from '../formats/index.ts';
import { JsonDocuments } from '../formats/json/documents.ts';
import { AccountKeeper, type SourceAccount } from './account.ts';
import {
  type CompressionLimits,
  decompressed,
  decompressedMessage,
  isCompressed,
  SourceDamage,
} from './compression.ts';
import { chunksOf, type Source } from './source.ts';
import { refusalOf } from './unreadable.ts';

// From a source to batches: decompress, recognise, decode. Runs on the thread of the database for small sources and in a
// worker for large ones; it is the same code.
//
// A source is a stream of JSON documents, a binary message, or frames of either:
//   00 00 04 d2 <message> …   the length as 32 bits, big endian, as the Collector's file exporter writes it, where each
// message may be compressed by itself.

/** How much of a source is looked at before its family is decided. */
const HEAD = 1 << 16;
const FRAME_HEADER = 4;

export interface DecodeOptions {
  readonly limits: DecodeLimits;
  readonly compression: CompressionLimits;
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
  readonly #binary: ReadonlyMap<BinaryFormat, BinaryDecoder>;
  #account = new AccountKeeper();

  constructor(writer: BatchWriterOptions, options: DecodeOptions) {
    this.writer = new BatchWriter(writer);
    this.#options = options;
    const report: DecodeReport = {
      skip: (reason: Reason, offset, detail) => this.#account.skip(reason, offset, detail),
      repair: (reason: Reason, offset, detail) => this.#account.repair(reason, offset, detail),
      document: format => this.#account.document(format),
    };
    const context = { writer: this.writer, report, limits: options.limits };
    this.#json = new JsonDocuments(JSON_FORMATS, context);
    this.#binary = new Map(BINARY_FORMATS.map(format => [format, format.open(context)]));
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
    let fault: SourceAccount['fault'];
    const counted = async function* () {
      for await (const chunk of stored) {
        bytes += chunk.length;
        yield chunk;
        await onProgress?.(bytes);
      }
    };
    const head = new HeadKeeper();
    let sink: Sink | undefined;
    try {
      for await (const chunk of decompressed(counted(), this.#options.compression)) {
        contentBytes += chunk.length;
        if (sink !== undefined) await sink.push(chunk);
        else if (head.add(chunk)) {
          sink = this.#sinkFor(head.bytes, false, 0);
          await sink?.push(head.bytes);
          if (sink === undefined) break;
        }
      }
    } catch (error) {
      if (!(error instanceof SourceDamage)) throw error;
      fault = { message: error.message };
    }
    if (sink === undefined && !head.isFull) {
      sink = this.#sinkFor(head.bytes, true, 0);
      await sink?.push(head.bytes);
    }
    await sink?.end();
    const spans = this.writer.spanCount - spansBefore;
    const account = this.#account;
    fault ??= this.#faultOf(account, head, spans);
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
    const truncated = skipped.find(({ reason }) => reason === 'truncated');
    if (truncated !== undefined) {
      return {
        message: `is cut off: ${truncated.first.detail} (byte ${truncated.first.offset})`,
        hint: 'what stands before it was read',
      };
    }
    if (spans > 0) return undefined;
    const answer = skipped.find(({ reason }) => reason === 'api-error');
    if (answer !== undefined) {
      return {
        message: `is the error answer of an API: ${answer.first.detail}`,
        hint: 'ask the API for the trace again',
      };
    }
    if (account.documents > 0) return undefined;
    const named = skipped.find(({ reason }) => reason === 'unread-format');
    if (named !== undefined) {
      return {
        message: `is in a format that is not read: ${named.first.detail}`,
        hint: refusalOf(head.bytes, true).hint,
      };
    }
    const unknown = skipped.find(({ reason }) => reason === 'unrecognised-json');
    if (unknown !== undefined) {
      return { message: `holds JSON but no trace format that is read: ${unknown.first.detail}`, hint: HINT_JSON };
    }
    const broken = skipped.find(({ reason }) => reason === 'malformed-json' || reason === 'malformed-protobuf');
    if (broken !== undefined) {
      return {
        message: `is broken: ${broken.first.detail} (byte ${broken.first.offset})`,
        hint: 'check how the file was written; nothing in it could be read',
      };
    }
    if (skipped.length === 0 || skipped.every(({ reason }) => reason === 'not-json')) {
      return refusalOf(head.bytes, !head.isFull);
    }
    return undefined;
  }

  /** Decides what a stream is from its first bytes; undefined where it is nothing that is read. */
  #sinkFor(head: Uint8Array, whole: boolean, offset: number): Sink | undefined {
    const isText = isPlainText(head);
    if (!isText) {
      for (const [format, decoder] of this.#binary) {
        if (!format.sniff(head, whole)) continue;
        decoder.begin(offset);
        return decoder;
      }
      if (isFramed(head, this.#options.limits.recordBytes)) return this.#frames();
    }
    if (!looksLikeJson(head)) return undefined;
    this.#json.begin(offset);
    return this.#json;
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

const HINT_JSON = 'OTLP, Jaeger and Zipkin v2 JSON are read; look at the first document of the file';

/** Keeps the beginning of a stream until there is enough to decide on. */
class HeadKeeper {
  bytes: Uint8Array = new Uint8Array(0);
  isFull = false;

  /** Adds a chunk; returns true once there is enough. */
  add(chunk: Uint8Array): boolean {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    this.isFull = this.bytes.length >= HEAD;
    return this.isFull;
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
