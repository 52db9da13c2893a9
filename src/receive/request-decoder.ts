import { BatchWriter, type BatchWriterOptions } from '../formats/columns/batch-writer.ts';
import type { BinaryDecoder, BinaryFormat, DecodeContext, DecodeLimits, DecodeReport } from '../formats/format.ts';
import { JsonDocuments } from '../formats/json/documents.ts';
import { SpanLane } from '../formats/lane/lane.ts';
import { REASONS, type Reason } from '../formats/reasons.ts';
import type { BodyFormats } from './body-formats.ts';

// Bodies to columns: the decoders of files, on bodies that are whole in memory. One `BatchWriter` for all of them, so that
// names, resources and values that come with every request are defined once.

/** What decoding saw of one body. */
export interface DecodedBody {
  readonly spans: number;
  /** Records that gave no span though they should have. */
  readonly lost: number;
  /** Why the first of them was lost, or, where none was, why the first field was left out. */
  readonly first: { readonly reason: Reason; readonly detail: string } | undefined;
  /** The body is not what it was sent as, rather than one in which some records cannot be used. */
  readonly isBroken: boolean;
}

/** Reasons that speak of a record in a body that is sound otherwise. */
const OF_A_RECORD: ReadonlySet<Reason> = new Set(['missing-trace-id', 'missing-span-id', 'too-deep', 'malformed-row']);
/** Reasons under which a record is kept but not all that it says. */
const LEFT_OUT: ReadonlySet<Reason> = new Set(['unexpected-type', 'invalid-time']);

export class RequestDecoder {
  readonly writer: BatchWriter;
  readonly #context: DecodeContext;
  readonly #binary = new Map<BinaryFormat, BinaryDecoder>();
  readonly #json = new Map<BodyFormats, JsonDocuments>();
  #lost = 0;
  #first: DecodedBody['first'];
  #isBroken = false;

  /** `report` is told all that decoders say, of every body. `hasLane`: the fast lane is worth its start. */
  constructor(options: BatchWriterOptions, limits: DecodeLimits, report: DecodeReport, hasLane = false) {
    this.writer = new BatchWriter(options);
    this.#context = {
      writer: this.writer,
      limits,
      lane: hasLane ? SpanLane.open(this.writer) : undefined,
      report: {
        skip: (reason, offset, detail) => {
          report.skip(reason, offset, detail);
          if (REASONS[reason].severity !== 'lost') return;
          if (this.#lost === 0) this.#first = { reason, detail };
          this.#lost++;
          this.#isBroken ||= !OF_A_RECORD.has(reason);
        },
        repair: (reason, offset, detail) => {
          report.repair(reason, offset, detail);
          if (LEFT_OUT.has(reason)) this.#first ??= { reason, detail };
        },
        document: format => report.document(format),
      },
    };
  }

  /** Decodes one body. Never throws for what it holds. */
  decode(formats: BodyFormats, body: Uint8Array): DecodedBody {
    this.#lost = 0;
    this.#first = undefined;
    this.#isBroken = false;
    const spansBefore = this.writer.spanCount;
    const decoder = formats.family === 'json' ? this.#jsonDecoder(formats, body) : this.#binaryDecoder(formats, body);
    if (decoder !== undefined) {
      decoder.begin(0);
      if (body.length > 0) decoder.push(body);
      decoder.end();
    }
    const spans = this.writer.spanCount - spansBefore;
    return { spans, lost: this.#lost, first: this.#first, isBroken: this.#isBroken && spans === 0 };
  }

  /** The decoder of a JSON body; undefined where there is nothing to decode. */
  #jsonDecoder(formats: BodyFormats & { readonly family: 'json' }, body: Uint8Array): BinaryDecoder | undefined {
    const start = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, 64)).toString('utf8').trim();
    if (start === '') {
      this.#context.report.skip('malformed-json', 0, 'a body without content');
      return undefined;
    }
    if (start === formats.empty && body.length <= 64) return undefined;
    let documents = this.#json.get(formats);
    if (documents === undefined) {
      documents = new JsonDocuments(formats.formats, this.#context);
      this.#json.set(formats, documents);
    }
    return documents;
  }

  #binaryDecoder(formats: BodyFormats & { readonly family: 'binary' }, body: Uint8Array): BinaryDecoder | undefined {
    const [only] = formats.formats;
    const format = formats.formats.length === 1 ? only : formats.formats.find(known => known.sniff(body, true));
    if (format === undefined) {
      const known = formats.formats.map(({ title }) => title).join(' nor ');
      this.#context.report.skip('unread-format', 0, `neither ${known}`);
      return undefined;
    }
    let decoder = this.#binary.get(format);
    if (decoder === undefined) {
      decoder = format.open(this.#context);
      this.#binary.set(format, decoder);
    }
    return decoder;
  }
}
