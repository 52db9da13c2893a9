// The protobuf wire format, read in place from a window that goes on behind the message: for formats of which there are millions of
// spans. Small messages are read field by field (fields.ts). https://protobuf.dev/programming-guides/encoding/

/** Wire types; 3 and 4 (groups) occur in no trace format and count as corruption. */
export const Wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** The bytes are not the protobuf message they should be; `position` is an index into the buffer. */
export class WireError extends Error {
  readonly position: number;

  constructor(message: string, position: number) {
    super(message);
    this.position = position;
  }
}

export class WireReader {
  bytes: Uint8Array;
  view: DataView;
  position = 0;

  constructor() {
    this.bytes = new Uint8Array(0);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Sets the buffer to read from; it needs the slack that columns/bytes.ts asks for. */
  reset(bytes: Uint8Array, view: DataView): void {
    this.bytes = bytes;
    this.view = view;
  }

  /** Reads a varint that must lie before `end`. Values over 2^53 lose their low digits: lengths and tags never are. */
  varint(end: number): number {
    const { bytes } = this;
    let at = this.position;
    let byte = bytes[at++]!;
    if (byte < 128 && at <= end) {
      this.position = at;
      return byte;
    }
    let value = byte & 127;
    let scale = 128;
    while (byte >= 128) {
      if (at >= end || at - this.position >= 10) throw new WireError('a varint without an end', this.position);
      byte = bytes[at++]!;
      value += (byte & 127) * scale;
      scale *= 128;
    }
    if (at > end) throw new WireError('a varint past the end of its message', this.position);
    this.position = at;
    return value;
  }

  /** Reads the length of a bytes field and returns where the field ends; it must not pass `end`. */
  lengthEnd(end: number): number {
    const start = this.position;
    const to = this.varint(end) + this.position;
    if (to > end) throw new WireError('a field longer than its message', start);
    return to;
  }

  /** Moves past the value of a field. */
  skip(wire: number, end: number): void {
    switch (wire) {
      case Wire.varint:
        this.varint(end);
        return;
      case Wire.fixed64:
        this.position += 8;
        break;
      case Wire.bytes:
        this.position = this.lengthEnd(end);
        return;
      case Wire.fixed32:
        this.position += 4;
        break;
      default:
        throw new WireError(`wire type ${wire}`, this.position);
    }
    if (this.position > end) throw new WireError('a field longer than its message', end);
  }

  /** Reads a varint as int64. */
  int64(end: number): bigint {
    let value = 0n;
    let shift = 0n;
    for (;;) {
      if (this.position >= end || shift > 63n) throw new WireError('a varint without an end', this.position);
      const byte = this.bytes[this.position++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
      shift += 7n;
    }
  }
}
