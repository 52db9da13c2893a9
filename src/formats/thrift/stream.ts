import { DraftWriter, type SpanDraft } from '../drafts/span-draft.ts';
import type { BinaryDecoder, DecodeContext } from '../format.ts';
import { BadRecord } from '../json/cursor.ts';
import type { Reason } from '../reasons.ts';
import { BinaryProtocol, CompactProtocol, NEED_MORE, ThriftError, type ThriftReader } from './reader.ts';

// A stream of Thrift messages, one after the other. Thrift has no lengths: where a message ends is known when it has been
// read, so containers are walked with a state, and structs inside them are read whole as soon as they are there.

/** One way to go on from where the stream stands. */
export type Step = (reader: ThriftReader) => void;

export abstract class ThriftStream implements BinaryDecoder {
  readonly #context: DecodeContext;
  readonly #format: string;
  readonly #drafts: DraftWriter;
  #held = Buffer.alloc(0);
  #length = 0;
  /** Offset in the source of the first byte held. */
  #offset = 0;
  /** There must be so many bytes before the step in hand is tried again: what is tried twice is at least doubled. */
  #needed = 0;
  #recordOffset = 0;
  #messageOffset = 0;
  #isBroken = false;
  #hasRead = false;
  #isCompact = false;
  /** Undefined between messages. */
  #step: Step | undefined;

  constructor(format: string, context: DecodeContext) {
    this.#format = format;
    this.#context = context;
    this.#drafts = new DraftWriter(context.writer, (reason, detail) => this.repair(reason, detail));
  }

  /** Begins a message, and returns how to go on; `hasHeader` says that a header with the name of a method stands here. */
  protected abstract beginMessage(reader: ThriftReader, hasHeader: boolean): Step | undefined;
  /** The input ended inside a message: writes what has been kept for later. */
  protected abstract abandonMessage(): void;

  /** Goes on with another step; with none the message has ended. */
  protected next(step: Step | undefined): void {
    this.#step = step;
  }

  protected emit(draft: SpanDraft): void {
    try {
      this.#drafts.write(draft);
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      this.#context.report.skip(error.reason, this.#recordOffset, error.message);
    }
  }

  protected repair(reason: Reason, detail: string): void {
    this.#context.report.repair(reason, this.#recordOffset, detail);
  }

  begin(offset: number): void {
    this.#held = Buffer.alloc(0);
    this.#length = this.#needed = 0;
    this.#offset = offset;
    this.#isBroken = this.#hasRead = false;
    this.#step = undefined;
  }

  push(chunk: Uint8Array): void {
    if (this.#isBroken) return;
    const length = this.#length + chunk.length;
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#held.length * 2, 1 << 16));
      larger.set(this.#held.subarray(0, this.#length));
      this.#held = larger;
    }
    this.#held.set(chunk, this.#length);
    this.#length = length;
    if (length >= this.#needed) this.#run();
  }

  end(): void {
    if (!this.#isBroken) this.#run();
    if (!this.#isBroken && (this.#length > 0 || this.#step !== undefined)) {
      const start = this.#step === undefined ? this.#offset : this.#messageOffset;
      this.#fail('truncated', start, 'the input ends before the message that begins here does');
      this.#hasRead = true;
    }
    if (this.#hasRead) this.#context.report.document(this.#format);
  }

  #run(): void {
    let done = 0;
    const bytes = this.#held.subarray(0, this.#length);
    try {
      while (done < this.#length) {
        this.#recordOffset = this.#offset + done;
        if (this.#step === undefined) {
          this.#messageOffset = this.#recordOffset;
          this.#isCompact = isCompact(bytes, done);
        }
        const reader = new (this.#isCompact ? CompactProtocol : BinaryProtocol)(bytes, done);
        if (this.#step === undefined) this.#step = this.beginMessage(reader, beginsMessage(bytes, done));
        else this.#step(reader);
        done = reader.position;
        this.#hasRead = true;
      }
      this.#needed = 0;
    } catch (error) {
      if (error === NEED_MORE) {
        const left = this.#length - done;
        this.#needed = left * 2;
        if (left > this.#context.limits.recordBytes) {
          this.#fail('record-too-large', this.#recordOffset, `over ${this.#context.limits.recordBytes} bytes`);
        }
      } else if (error instanceof ThriftError) this.#fail('malformed-thrift', this.#recordOffset, error.message);
      else throw error;
    }
    if (done === 0 || this.#isBroken) return;
    this.#held.copyWithin(0, done, this.#length);
    this.#length -= done;
    this.#offset += done;
  }

  /** Gives the rest of the input up: without lengths nothing says where the next message begins. */
  #fail(reason: Reason, offset: number, detail: string): void {
    this.#context.report.skip(reason, offset, detail);
    if (this.#step !== undefined) this.abandonMessage();
    this.#step = undefined;
    this.#length = 0;
    this.#isBroken = true;
  }
}

/** Says whether what begins here is in the compact protocol. */
function isCompact(bytes: Uint8Array, at: number): boolean {
  // The header of a message; and that of field 1, a struct. Neither begins anything of the binary protocol.
  return bytes[at] === 0x82 || bytes[at] === 0x1c;
}

/** The reader for what begins at the head of a source. */
export function readerOf(head: Uint8Array): ThriftReader {
  return new (isCompact(head, 0) ? CompactProtocol : BinaryProtocol)(head, 0);
}

/** Says whether bytes begin with the header of a message. */
export function beginsMessage(bytes: Uint8Array, at: number): boolean {
  // The versions of the two protocols; without one it is the length of a name, as 32 bits.
  return bytes[at] === 0x80 || bytes[at] === 0x82 || bytes[at] === 0;
}
