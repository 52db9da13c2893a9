import { BatchWriter, type BatchWriterOptions } from '../formats/columns/batch-writer.ts';
import type { BinaryDecoder, DecodeContext, DecodeLimits, DecodeReport, TraceFormat } from '../formats/format.ts';
import { BINARY_FORMATS, FILE_FORMATS, JSON_FORMATS, TEXT_FORMATS } from '../formats/index.ts';
import { EMBEDDED_JSON, JsonDocuments } from '../formats/json/documents.ts';
import { SpanLane } from '../formats/lane/lane.ts';
import type { Reason } from '../formats/reasons.ts';
import type { ColumnMap } from '../formats/rows/columns.ts';
import { TextLines } from '../formats/text-lines.ts';
import { AccountKeeper, accountOf, type PartialAccount, type SourceAccount } from './account.ts';
import { type ArchiveEntry, type ArchiveKind, archiveKind, tarEntries, zipEntries } from './archives.ts';
import { type CompressionLimits, decompressed, decompressedMessage, isCompressed, MAGIC_BYTES } from './compression.ts';
import { SourceDamage } from './damage.ts';
import { faultOf, faultOfDamage, type Head } from './faults.ts';
import { base64Lines, base64WidthOf, frames, framingOf, isBase64Lines, wrappedBase64 } from './frames.ts';
import { HeadedStream, isPlainText } from './head.ts';
import { unwrappingOf } from './log-wrappers.ts';
import { readShare, type Share, type ShareListener } from './segments.ts';
import { ChunkReader, chunksOf, type Source } from './source.ts';
import { Spool } from './spool.ts';

// From a source to batches: decompress, take off what a log put around each line, recognise, decode. Runs on the thread of
// the database for small sources and in a worker for large ones; it is the same code.
//
// A source is a stream of JSON documents, a binary message, frames of either, or an archive of sources.

/** Logs of logs are wrapped more than once. */
const MAX_WRAPPERS = 3;
/** Archives in archives. */
const MAX_ARCHIVES = 3;

export interface DecodeOptions {
  readonly limits: DecodeLimits;
  readonly compression: CompressionLimits;
  /** What the user says of the columns of tables. */
  readonly columnMap?: ColumnMap | undefined;
  /** Whether the fast lane is worth its start: for large sources. */
  readonly lane?: boolean;
  readonly observer?: DecodeObserver;
}

/** Is told what decoders report, as they report it, and where they are. Not for another thread. */
export interface DecodeObserver extends DecodeReport {
  /** A source begins, or a file of an archive. */
  source(name: string): void;
  /** Something around what is read was taken off: compression, what a log put around lines, frames. */
  layer(what: string): void;
  /** How the source begins, without what was taken off. */
  head(bytes: Uint8Array): void;
}

/** What was read of a file that others read, too, since it was last said. */
export interface ReadPart {
  readonly account: PartialAccount;
  readonly spans: number;
}

/** Is told how a decoder gets on with its share of a file. */
export interface PartListener extends Omit<ShareListener, 'onSegment'> {
  /** The file is such that it can be shared. Told by who reads its beginning, before all else. */
  onHead(head: Head): void;
  onSegment(part: ReadPart): void;
  /** The end of the file was read, or all of it that can be. */
  onEnd(part: ReadPart, bytes: number, damage: SourceDamage | undefined): void;
}

/** A place for bytes: what a decoder is to the stream before it. */
interface Sink {
  push(chunk: Uint8Array): void | Promise<void>;
  end(): void | Promise<void>;
}

/** What is decoded as one: a source, or a file of an archive. */
interface Input {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The source, where it is a file that can be read at any place. */
  readonly file?: Source | undefined;
  readonly onProgress?: ((bytes: number) => void | Promise<void>) | undefined;
  /** Takes the account of a file of an archive, once that of the one before can be told. */
  readonly tell: (account: SourceAccount | undefined) => Promise<void>;
  /** How many archives it is in. */
  readonly archives: number;
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
      skip: (reason: Reason, offset, detail) => {
        this.#account.skip(reason, offset, detail);
        options.observer?.skip(reason, offset, detail);
      },
      repair: (reason: Reason, offset, detail) => {
        this.#account.repair(reason, offset, detail);
        options.observer?.repair(reason, offset, detail);
      },
      document: format => {
        this.#account.document(format);
        options.observer?.document(format);
      },
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
   * `chunksOf` gives them. Of an archive each file has an account: the last one is returned, and `onAccount` is called with
   * the others, each before anything is read of the next file.
   */
  async decode(
    source: Source,
    onProgress?: (bytes: number) => void | Promise<void>,
    stored: AsyncIterable<Uint8Array> = chunksOf(source),
    onAccount?: (account: SourceAccount) => Promise<void>,
  ): Promise<SourceAccount> {
    let waiting: SourceAccount | undefined;
    const tell = async (next: SourceAccount | undefined) => {
      if (waiting !== undefined) {
        this.writer.flush();
        await onAccount?.(waiting);
      }
      waiting = next;
    };
    const isFile = source.path !== undefined && source.bytes !== undefined;
    const input: Input = {
      name: source.name,
      chunks: stored,
      file: isFile ? source : undefined,
      onProgress,
      tell,
      archives: 0,
    };
    const account = await this.#decode(input);
    // An archive that was read to its end has no account but those of its files.
    if (account === undefined && waiting !== undefined) return waiting;
    await tell(undefined);
    return account ?? accountOf(input.name, new AccountKeeper(), { spans: 0, bytes: 0, contentBytes: 0 });
  }

  /** Decodes one input; returns its account, undefined where it is an archive of which nothing is to be said. */
  async #decode(input: Input): Promise<SourceAccount | undefined> {
    const { name, file, onProgress } = input;
    const outer = this.#account;
    const account = new AccountKeeper();
    this.#account = account;
    const observer = this.#options.observer;
    observer?.source(name);
    const spansBefore = this.writer.spanCount;
    let bytes = 0;
    let contentBytes = 0;
    let damage: SourceDamage | undefined;
    let firstBytes: Uint8Array | undefined;
    const counted = async function* () {
      for await (const chunk of input.chunks) {
        firstBytes ??= new Uint8Array(chunk.subarray(0, MAGIC_BYTES));
        bytes += chunk.length;
        yield chunk;
        await onProgress?.(bytes);
      }
    };
    const content = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        contentBytes += chunk.length;
        yield chunk;
      }
    };
    const chunks = counted();
    let stream: HeadedStream | undefined;
    let sink: Sink | undefined;
    let archive: ArchiveKind | undefined;
    let isArchiveRead = false;
    const readArchive = async (entries: AsyncIterable<ArchiveEntry>) => {
      for await (const entry of entries) {
        isArchiveRead = true;
        await this.#decodeEntry(input, entry);
      }
    };
    try {
      stream = await HeadedStream.open(
        content(decompressed(chunks, this.#options.compression, name, codec => observer?.layer(codec))),
      );
      const isStored =
        firstBytes !== undefined && Buffer.compare(stream.head.subarray(0, MAGIC_BYTES), firstBytes) === 0;
      archive = archiveKind(stream.head);
      let wrappers = 0;
      if (archive === undefined) {
        for (; wrappers < MAX_WRAPPERS; wrappers++) {
          const unwrapping = unwrappingOf(
            stream.head,
            stream.isWhole,
            this.#options.limits.recordBytes,
            this.#context.report,
          );
          if (unwrapping === undefined) break;
          observer?.layer(unwrapping.title);
          stream = await HeadedStream.open(unwrapping.unwrap(stream.chunks()));
        }
        observer?.head(stream.head);
        sink = this.#sinkFor(stream.head, stream.isWhole, 0, wrappers > 0);
      } else if (input.archives === MAX_ARCHIVES) {
        throw new SourceDamage(`is an archive in more than ${MAX_ARCHIVES} others`, { hint: 'unpack the outer ones' });
      } else if (archive === 'tar') await readArchive(tarEntries(stream.chunks()));
      else sink = new Spool({ decode: zip => readArchive(zipEntries(zip, this.#options.compression)) });
      if (sink instanceof Spool && isStored && file !== undefined && (await sink.useFile(file, onProgress))) {
        bytes = contentBytes = file.bytes ?? bytes;
      } else if (sink !== undefined) for await (const chunk of stream.chunks()) await sink.push(chunk);
      else stream.throwIfDamaged();
    } catch (error) {
      if (sink instanceof Spool) await sink.close();
      if (!(error instanceof SourceDamage)) throw error;
      damage = error;
    } finally {
      // Where reading stops early, the file is closed by this alone.
      await stream?.close();
      await chunks.return(undefined);
    }
    try {
      await sink?.end();
    } catch (error) {
      if (!(error instanceof SourceDamage)) throw error;
      damage ??= error;
    }
    this.#account = outer;
    if (archive !== undefined) {
      if (damage === undefined && isArchiveRead) return undefined;
      damage ??= new SourceDamage('is an archive without files');
    }
    const spans = archive === undefined ? this.writer.spanCount - spansBefore : 0;
    const counts = { spans, bytes, contentBytes };
    if (damage !== undefined)
      return accountOf(name, account, counts, faultOfDamage(damage, spans > 0 || isArchiveRead));
    return accountOf(name, account, counts, stream && faultOf(account, stream, spans));
  }

  /**
   * Decodes a share of a file that others decode, too; whose account it is to put together what all of them say. Returns false, having
   * read nothing, where the file is not JSON as it is stored: then it is for one decoder alone.
   */
  async decodeShare(name: string, share: Share, listener: PartListener): Promise<boolean> {
    if (share.division === undefined) {
      const head = await this.#headOfJson(name, share);
      if (head === undefined) return false;
      listener.onHead(head);
      this.#json.begin(0);
    }
    let spansBefore = this.writer.spanCount;
    const partOf = (): ReadPart => {
      const part = { account: this.#account.partial, spans: this.writer.spanCount - spansBefore };
      this.writer.flush();
      this.#account = new AccountKeeper();
      spansBefore = this.writer.spanCount;
      return part;
    };
    this.#account = new AccountKeeper();
    let bytes = 0;
    let isShared = share.division !== undefined;
    let damage: SourceDamage | undefined;
    try {
      const isEnd = await readShare(this.#json, share, {
        onDivision: division => {
          isShared = true;
          listener.onDivision(division);
        },
        onProgress: read => {
          bytes = read;
          return listener.onProgress(read);
        },
        onSegment: () => listener.onSegment(partOf()),
        onReadOn: () => {
          if (!isShared) this.writer.takeAllTurns();
          listener.onReadOn();
        },
      });
      if (!isEnd) return true;
    } catch (error) {
      if (!(error instanceof SourceDamage)) throw error;
      damage = error;
    }
    this.#json.end();
    listener.onEnd(partOf(), bytes, damage);
    return true;
  }

  /** The beginning of a file that is JSON documents with nothing around them; undefined where it is anything else. */
  async #headOfJson(name: string, { file }: Share): Promise<Head | undefined> {
    const stored = new ChunkReader(file.descriptor, true).chunks(0);
    let hasLayers = false;
    const onLayer = () => {
      hasLayers = true;
    };
    const stream = await HeadedStream.open(decompressed(stored, this.#options.compression, name, onLayer));
    const { head, isWhole } = stream;
    await stream.close();
    await stored.return(undefined);
    const { recordBytes } = this.#options.limits;
    if (hasLayers || archiveKind(head) !== undefined) return undefined;
    if (unwrappingOf(head, isWhole, recordBytes, this.#context.report) !== undefined) return undefined;
    return this.#sinkFor(head, isWhole, 0, false) === this.#json ? { head, isWhole } : undefined;
  }

  /** Decodes a file of an archive as an input of its own. */
  async #decodeEntry({ name, tell, archives }: Input, { path, chunks }: ArchiveEntry): Promise<void> {
    await tell(undefined);
    const account = await this.#decode({ name: `${name}:${path}`, chunks, tell, archives: archives + 1 });
    if (account !== undefined) await tell(account);
  }

  /** Decides what a stream is from its first bytes; undefined where it is nothing that is read. */
  #sinkFor(head: Uint8Array, whole: boolean, offset: number, isLog: boolean): Sink | undefined {
    const file = FILE_FORMATS.find(known => known.sniff(head));
    if (file !== undefined) return new Spool(file.open(this.#context));
    const isText = isPlainText(head);
    if (!isText) {
      const format = BINARY_FORMATS.find(known => known.sniff(head, whole));
      if (format !== undefined) return this.#begin(format, offset, () => format.open(this.#context));
      const framing = framingOf(head, this.#options.limits.recordBytes);
      if (framing !== undefined) {
        this.#options.observer?.layer(framing.title);
        return frames(framing, this.#framingOptions);
      }
    } else {
      const lines = Buffer.from(head).toString('utf8').split(/\r?\n/);
      const format = TEXT_FORMATS.find(known => known.sniff(lines, whole, this.#context.columnMap));
      if (format !== undefined) return this.#begin(format, offset, () => new TextLines(format, this.#context));
      if (isBase64Lines(head, whole)) {
        this.#options.observer?.layer('lines of base64');
        return base64Lines(this.#framingOptions);
      }
      const width = base64WidthOf(head, whole);
      if (width !== undefined) {
        this.#options.observer?.layer('wrapped base64');
        return wrappedBase64(width, this.#framingOptions);
      }
    }
    if (!looksLikeJson(head)) return undefined;
    this.#json.begin(offset, isLog);
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

  /** Messages of frames are decoded each by what it is. */
  get #framingOptions() {
    return {
      report: this.#context.report,
      recordBytes: this.#options.limits.recordBytes,
      onMessage: (message: Uint8Array, offset: number) => this.#message(message, offset),
    };
  }

  async #message(message: Uint8Array, offset: number): Promise<void> {
    if (message.length === 0) return;
    let content = message;
    if (isCompressed(message)) {
      try {
        content = await decompressedMessage(message, this.#options.compression, codec =>
          this.#options.observer?.layer(codec),
        );
      } catch (error) {
        if (!(error instanceof SourceDamage)) throw error;
        this.#context.report.skip('malformed-protobuf', offset, `a compressed message that ${error.message}`);
        return;
      }
    }
    const sink = this.#sinkFor(content, true, offset, false);
    if (sink === undefined) {
      this.#context.report.skip('malformed-protobuf', offset, 'a frame that holds no OTLP message');
      return;
    }
    await sink.push(content);
    await sink.end();
  }
}

/** Says whether some line begins, behind white space, with a JSON object or array, or has a document behind other text. */
function looksLikeJson(head: Uint8Array): boolean {
  let isLineStart = true;
  for (const byte of head) {
    if (isLineStart && (byte === 123 || byte === 91)) return true;
    if (byte === 10) isLineStart = true;
    // White space, NUL padding, RS, the comma between documents, a byte order mark.
    else if (byte > 32 && byte !== 44 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf) isLineStart = false;
  }
  return EMBEDDED_JSON.test(Buffer.from(head).toString('latin1'));
}
