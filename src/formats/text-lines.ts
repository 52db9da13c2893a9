import type { BinaryDecoder, DecodeContext, TextFormat } from './format.ts';

// Takes a stream of text apart into lines, for one `TextFormat` after the other.

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

export class TextLines implements BinaryDecoder {
  readonly #context: DecodeContext;
  readonly #decoder: ReturnType<TextFormat['open']>;
  readonly #format: TextFormat;
  /** The line that has begun, without its end. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Offset in the source of the line in hand. */
  #offset = 0;
  #isFirst = true;
  #isTooLong = false;

  constructor(format: TextFormat, context: DecodeContext) {
    this.#format = format;
    this.#context = context;
    this.#decoder = format.open(context);
  }

  begin(offset: number): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#offset = offset;
    this.#isFirst = true;
    this.#isTooLong = false;
    this.#decoder.begin();
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, at);
      if (end < 0) break;
      this.#take(chunk.subarray(at, end));
      at = end + 1;
    }
    if (at === chunk.length) return;
    this.#heldBytes += chunk.length - at;
    this.#isTooLong ||= this.#heldBytes > this.#context.limits.recordBytes;
    if (this.#isTooLong) this.#held = [];
    // A chunk is only valid for a while; what is held longer is a copy (the `slice` of a Buffer is none).
    else this.#held.push(new Uint8Array(chunk.subarray(at)));
  }

  end(): void {
    const isLastLineOpen = this.#heldBytes > 0;
    if (isLastLineOpen) this.#take(new Uint8Array(0));
    this.#decoder.end(isLastLineOpen);
    this.#context.report.document(this.#format.name);
  }

  #take(rest: Uint8Array): void {
    const length = this.#heldBytes + rest.length;
    if (this.#isTooLong) {
      this.#context.report.skip('record-too-large', this.#offset, `a line of ${length} bytes`);
    } else {
      let bytes = this.#held.length === 0 ? rest : Buffer.concat([...this.#held, rest]);
      if (bytes[bytes.length - 1] === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1);
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
      this.#decoder.line(this.#isFirst ? text.replace(/^\ufeff/, '') : text, this.#offset);
    }
    this.#offset += length + 1;
    this.#held = [];
    this.#heldBytes = 0;
    this.#isFirst = false;
    this.#isTooLong = false;
  }
}
