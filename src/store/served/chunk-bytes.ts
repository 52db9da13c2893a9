import duckdb from '@duckdb/node-bindings';
import { ColumnChunk, type ColumnVector } from '../column-chunk.ts';
import { WIDTHS } from '../values.ts';
import { ANSWER_BYTES, BadFrame, HEADER_BYTES, Kind, writeHeader } from './protocol.ts';

// A chunk as bytes and back: rows and columns, then a vector a column. Fixed-width values are DuckDB's own bytes, little-endian, and
// everything begins at a multiple of 8, so that the other side reads them where they are.
//
//   vector = type, form, [validity], values      form: bit 0 = there is a validity
//   values = fixed   width × rows
//            text    a 32-bit length a row, then the texts
//            list    64-bit offset and length a row, number of items, vector of the items

const { Type } = duckdb;

const HAS_VALIDITY = 1;

/** A chunk as a frame. A column of a type that nobody here reads goes without values: who asks for them is told. */
export function chunkFrame(chunk: ColumnChunk): Uint8Array {
  const writer = new Writer();
  writer.words(chunk.rowCount, chunk.names.length);
  for (let index = 0; index < chunk.names.length; index++) writeVector(writer, chunk.vector(index), chunk.rowCount);
  return writer.frame();
}

function writeVector(writer: Writer, vector: ColumnVector, rowCount: number): void {
  const validity = vector.validity(rowCount);
  writer.words(vector.type, validity === null ? 0 : HAS_VALIDITY);
  if (validity !== null) writer.bytes(validity);
  const width = WIDTHS.get(vector.type);
  if (width !== undefined) writer.bytes(vector.data(rowCount * width));
  else if (vector.type === Type.VARCHAR) writeTexts(writer, vector, validity, rowCount);
  else if (vector.type === Type.LIST) {
    writer.bytes(vector.data(rowCount * 16));
    const { vector: items, count } = vector.items();
    writer.words(count, 0);
    writeVector(writer, items, count);
  }
}

function writeTexts(writer: Writer, vector: ColumnVector, validity: Uint8Array | null, rowCount: number): void {
  const lengths = new Uint32Array(rowCount);
  const texts: Uint8Array[] = [];
  let total = 0;
  for (let row = 0; row < rowCount; row++) {
    // Where there is no value, the bytes are anything.
    if (validity !== null && ((validity[row >> 3]! >> (row & 7)) & 1) === 0) continue;
    const text = vector.text(row);
    lengths[row] = text.length;
    total += text.length;
    texts.push(text);
  }
  writer.bytes(new Uint8Array(lengths.buffer));
  writer.parts(texts, total);
}

class Writer {
  /** As a rule a chunk has room in it. */
  #buffer = new Uint8Array(1 << 18);
  #length = HEADER_BYTES;

  words(first: number, second: number): void {
    const at = this.#take(8);
    new Uint32Array(this.#buffer.buffer, at, 2).set([first, second]);
  }

  bytes(bytes: Uint8Array): void {
    this.parts([bytes], bytes.length);
  }

  parts(parts: readonly Uint8Array[], total: number): void {
    let at = this.#take(total);
    for (const part of parts) {
      this.#buffer.set(part, at);
      at += part.length;
    }
  }

  frame(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#length);
    writeHeader(bytes, Kind.chunk);
    return bytes;
  }

  /** Makes room for some bytes; the next ones begin at a multiple of 8. */
  #take(bytes: number): number {
    const at = this.#length;
    this.#length += padded(bytes);
    if (this.#length > ANSWER_BYTES) throw new Error(`some rows take more than ${ANSWER_BYTES} bytes`);
    if (this.#length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#length));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
    }
    return at;
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** A chunk from its bytes, which begin at a multiple of 8 of their buffer. Throws `BadFrame` where they are none. */
export function chunkOf(bytes: Uint8Array<ArrayBuffer>, names: readonly string[]): ColumnChunk {
  const reader = new Reader(bytes);
  const [rowCount, columnCount] = reader.words();
  if (columnCount !== names.length) throw new BadFrame(`${columnCount} columns came, not ${names.length}`);
  const vectors = names.map(() => readVector(reader, rowCount));
  return new ColumnChunk(rowCount, names, index => vectors[index]!);
}

function readVector(reader: Reader, rowCount: number): ColumnVector {
  const [type, form] = reader.words();
  const validity = (form & HAS_VALIDITY) === 0 ? null : reader.bytes(Math.ceil(rowCount / 64) * 8);
  const width = WIDTHS.get(type);
  if (width !== undefined) return new SentVector(type, validity, reader.bytes(rowCount * width));
  if (type === Type.VARCHAR) {
    const lengths = reader.bytes(rowCount * 4);
    const ends = new Uint32Array(lengths.buffer, lengths.byteOffset, rowCount).slice();
    for (let row = 1; row < rowCount; row++) ends[row] = ends[row]! + ends[row - 1]!;
    return new SentTexts(type, validity, reader.bytes(ends.at(-1) ?? 0), ends);
  }
  if (type === Type.LIST) {
    const entries = reader.bytes(rowCount * 16);
    const [count] = reader.words();
    return new SentLists(type, validity, entries, { vector: readVector(reader, count), count });
  }
  return new SentVector(type, validity, new Uint8Array());
}

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  words(): [number, number] {
    const { buffer, byteOffset } = this.bytes(8);
    const [first = 0, second = 0] = new Uint32Array(buffer, byteOffset, 2);
    return [first, second];
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    const from = this.#at;
    this.#at += padded(count);
    if (this.#at > this.#bytes.length) throw new BadFrame('a chunk ends before its columns do');
    return this.#bytes.subarray(from, from + count);
  }
}

/** A vector whose values were sent. */
class SentVector implements ColumnVector {
  readonly type: duckdb.Type;
  readonly bytes: Uint8Array;
  readonly #validity: Uint8Array | null;

  constructor(type: duckdb.Type, validity: Uint8Array | null, bytes: Uint8Array) {
    this.type = type;
    this.#validity = validity;
    this.bytes = bytes;
  }

  data(byteCount: number): Uint8Array {
    return this.bytes.subarray(0, byteCount);
  }

  validity(): Uint8Array | null {
    return this.#validity;
  }

  text(_row: number): Uint8Array {
    throw new Error(`a column of the DuckDB type ${Type[this.type]} holds no texts`);
  }

  items(): { readonly vector: ColumnVector; readonly count: number } {
    throw new Error(`a column of the DuckDB type ${Type[this.type]} holds no lists`);
  }
}

class SentTexts extends SentVector {
  readonly #ends: Uint32Array;

  constructor(type: duckdb.Type, validity: Uint8Array | null, bytes: Uint8Array, ends: Uint32Array) {
    super(type, validity, bytes);
    this.#ends = ends;
  }

  override text(row: number): Uint8Array {
    return this.bytes.subarray(row === 0 ? 0 : this.#ends[row - 1], this.#ends[row]);
  }
}

class SentLists extends SentVector {
  readonly #items: { readonly vector: ColumnVector; readonly count: number };

  constructor(
    type: duckdb.Type,
    validity: Uint8Array | null,
    bytes: Uint8Array,
    items: { readonly vector: ColumnVector; readonly count: number },
  ) {
    super(type, validity, bytes);
    this.#items = items;
  }

  override items(): { readonly vector: ColumnVector; readonly count: number } {
    return this.#items;
  }
}
