import type { BinaryDecoder, DecodeContext } from '../format.ts';
import { BadRecord } from '../json/cursor.ts';
import type { Reason } from '../reasons.ts';
import { type FieldHeader, fieldHeaderAt } from './fields.ts';
import { Wire, WireError } from './wire.ts';

// A message that is a list of records: each is a field of one number, and is read once it is whole. Repeated fields merge, so
// that messages one after the other are one. Other fields are passed over.

/** What the records are: the number of their field, and what they are called in a report (`a span`). */
export interface RecordField {
  readonly field: number;
  readonly noun: string;
}

export class RecordStream implements BinaryDecoder {
  readonly #context: DecodeContext;
  readonly #format: string;
  readonly #record: RecordField;
  readonly #read: (bytes: Uint8Array) => void;
  #held = Buffer.alloc(0);
  #length = 0;
  /** Offset in the source of the first byte held, and of the record in hand. */
  #offset = 0;
  #recordOffset = 0;
  /** Bytes still to come of a field that is passed over. */
  #toSkip = 0;
  #isBroken = false;

  /** `read` takes the bytes of a record, which are its own only until it returns; its `WireError` and `BadRecord` are reported. */
  constructor(context: DecodeContext, format: string, record: RecordField, read: (bytes: Uint8Array) => void) {
    this.#context = context;
    this.#format = format;
    this.#record = record;
    this.#read = read;
  }

  begin(offset: number): void {
    this.#held = Buffer.alloc(0);
    this.#length = this.#toSkip = 0;
    this.#offset = this.#recordOffset = offset;
    this.#isBroken = false;
  }

  /** Reports what had to be mended in the record in hand. */
  repair(reason: Reason, detail: string): void {
    this.#context.report.repair(reason, this.#recordOffset, detail);
  }

  /** Reports a part of the record in hand that gives no span. */
  skip(reason: Reason, detail: string): void {
    this.#context.report.skip(reason, this.#recordOffset, detail);
  }

  push(chunk: Uint8Array): void {
    const skipped = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= skipped;
    if (this.#toSkip > 0 || this.#isBroken) return;
    const rest = chunk.subarray(skipped);
    const length = this.#length + rest.length;
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#held.length * 2, 1 << 16));
      larger.set(this.#held.subarray(0, this.#length));
      this.#held = larger;
    }
    this.#held.set(rest, this.#length);
    this.#length = length;
    this.#take();
  }

  /** Reads the records that are whole. */
  #take(): void {
    let at = 0;
    while (at < this.#length) {
      this.#recordOffset = this.#offset + at;
      let header: FieldHeader | undefined;
      try {
        header = fieldHeaderAt(this.#held, at, this.#length);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        this.skip('malformed-protobuf', error.message);
        this.#isBroken = true;
        this.#length = 0;
        return;
      }
      if (header === undefined) break;
      const isRecord = header.number === this.#record.field && header.wire === Wire.bytes;
      const size = header.to - header.from;
      const isTooLarge = size > this.#context.limits.recordBytes;
      if (isTooLarge) this.skip('record-too-large', `a field of ${size} bytes`);
      if (header.to > this.#length) {
        if (!isTooLarge) break;
        this.#toSkip = header.to - this.#length;
        this.#offset += header.to;
        this.#length = 0;
        return;
      }
      if (isRecord && !isTooLarge) this.#readRecord(this.#held.subarray(header.from, header.to));
      at = header.to;
    }
    if (at === 0) return;
    this.#held.copyWithin(0, at, this.#length);
    this.#length -= at;
    this.#offset += at;
  }

  #readRecord(bytes: Uint8Array): void {
    try {
      this.#read(bytes);
    } catch (error) {
      if (error instanceof WireError) this.skip('malformed-protobuf', `${error.message} in ${this.#record.noun}`);
      else if (error instanceof BadRecord) this.skip(error.reason, error.message);
      else throw error;
    }
  }

  end(): void {
    if (this.#length > 0 || this.#toSkip > 0) this.skip('truncated', `the message ends inside ${this.#record.noun}`);
    this.#context.report.document(this.#format);
  }
}
