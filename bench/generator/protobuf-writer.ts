// Writes protobuf from back to front: the length of a message is known when its contents are already there, so nothing is
// measured or moved. Hence fields are written last to first.
// https://protobuf.dev/programming-guides/encoding/

const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A message under construction; see the head of the file for the order of calls. */
export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(1 << 20);
  #start = this.#buffer.length;

  /** Forgets what was written. */
  reset(): void {
    this.#start = this.#buffer.length;
  }

  /** Returns what was written; valid until the next call of any method. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start);
  }

  /** Returns the place where a nested message ends; to be taken before its fields are written. */
  mark(): number {
    return this.#length();
  }

  /** Makes a nested message of everything written since the mark. */
  message(field: number, mark: number): void {
    this.#varint(this.#length() - mark);
    this.#tag(field, WireType.bytes);
  }

  string(field: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.#reserve(length);
    this.#buffer.write(text, this.#start);
    this.#varint(length);
    this.#tag(field, WireType.bytes);
  }

  /** Writes bytes that are given as hex. */
  hex(field: number, hex: string): void {
    const length = hex.length / 2;
    this.#reserve(length);
    this.#buffer.write(hex, this.#start, 'hex');
    this.#varint(length);
    this.#tag(field, WireType.bytes);
  }

  /** Writes an integer between 0 and 2^53. */
  unsigned(field: number, value: number): void {
    this.#varint(value);
    this.#tag(field, WireType.varint);
  }

  bool(field: number, value: boolean): void {
    this.unsigned(field, value ? 1 : 0);
  }

  double(field: number, value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#start);
    this.#tag(field, WireType.fixed64);
  }

  fixed64(field: number, value: bigint): void {
    this.#reserve(8);
    this.#buffer.writeBigUInt64LE(value, this.#start);
    this.#tag(field, WireType.fixed64);
  }

  fixed32(field: number, value: number): void {
    this.#reserve(4);
    this.#buffer.writeUInt32LE(value, this.#start);
    this.#tag(field, WireType.fixed32);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    let length = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
    this.#reserve(length);
    let at = this.#start;
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[at] = rest;
  }

  #length(): number {
    return this.#buffer.length - this.#start;
  }

  /** Moves the start forward by so many bytes. */
  #reserve(bytes: number): void {
    if (bytes > this.#start) this.#grow(bytes);
    this.#start -= bytes;
  }

  #grow(bytes: number): void {
    const written = this.bytes();
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, written.length + bytes));
    larger.set(written, larger.length - written.length);
    this.#start = larger.length - written.length;
    this.#buffer = larger;
  }
}
