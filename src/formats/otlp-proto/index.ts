import { type ByteSource, byteSource, SLACK } from '../columns/bytes.ts';
import type { BinaryDecoder, BinaryFormat, DecodeContext } from '../format.ts';
import { Wire, WireError, WireReader } from '../protobuf/wire.ts';
import { OtlpProtoReader } from './reader.ts';
import { type Signal, signalOf } from './signal.ts';

// OTLP protobuf: ExportTraceServiceRequest or TracesData, which are the same on the wire, alone or one after the other
// (repeated fields merge, so `cat a.pb b.pb` is a message again). Frames around messages are ingest's.
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
// 0a a8 01  0a 3b <Resource>  12 69 <ScopeSpans>

const RESOURCE_SPANS = 0x0a;
/** Bytes that are looked at first to recognise a message. */
const SNIFFED = 4096;
const SKIPPED = { logs: 'otlp-logs', metrics: 'otlp-metrics' } as const;

export const otlpProto: BinaryFormat = {
  name: 'otlp-proto',
  title: 'OTLP protobuf',
  family: 'binary',
  recognised: 'a message of ResourceSpans, alone or behind its length as 32 bits',

  sniff(head, whole) {
    if (head[0] !== RESOURCE_SPANS) return false;
    // The first record mostly stands near the beginning: of a stream of messages each is asked, so hardly more is looked at.
    const length = Math.min(SNIFFED, head.length);
    if (signalIn(head, length, !whole || length < head.length) !== undefined) return true;
    if (length < head.length && signalIn(head, head.length, !whole) !== undefined) return true;
    // Not told: a resource larger than what is there of it, if it begins like one.
    return beginsWithResource(head);
  },

  open: context => new OtlpProtoDecoder(context),
};

/** The signal that the first bytes of a message tell. */
function signalIn(head: Uint8Array, length: number, partial: boolean): Signal | undefined {
  const { bytes, view } = sourceOf(head, length);
  return signalOf(bytes, view, 0, length, partial);
}

/** The first bytes, in a buffer that may be read beyond them. */
function sourceOf(head: Uint8Array, length: number): ByteSource {
  const source = byteSource(length);
  source.bytes.set(head.subarray(0, length));
  return source;
}

/** Says whether the message begins with ResourceX { Resource { KeyValue … } }, as far as it can be seen. */
function beginsWithResource(head: Uint8Array): boolean {
  const length = Math.min(SNIFFED, head.length);
  const { bytes, view } = sourceOf(head, length);
  const reader = new WireReader();
  reader.reset(bytes, view);
  try {
    for (let depth = 0; depth < 4; depth++) {
      if (reader.varint(length) !== 0x0a) return false;
      reader.varint(length);
    }
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

/** Takes a stream of bytes apart into top-level fields and decodes each as soon as it is whole. */
class OtlpProtoDecoder implements BinaryDecoder {
  readonly #context: DecodeContext;
  readonly #reader: OtlpProtoReader;
  readonly #wire = new WireReader();
  /** Where input is held; a field that does not fit gets a place of its own. */
  readonly #home: ByteSource;
  #held: ByteSource;
  #length = 0;
  /** Offset in the source of the first byte held. */
  #offset = 0;
  /** Bytes still to come of a field that is passed over, and where it began. */
  #toSkip = 0;
  #skippedFrom = 0;
  #broken = false;
  #signals = new Set<Signal>();

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#reader = new OtlpProtoReader(context);
    this.#home = context.lane?.protoWindow ?? byteSource(1 << 16);
    this.#held = this.#home;
  }

  begin(offset: number): void {
    this.#held = this.#home;
    this.#offset = offset;
    this.#length = this.#toSkip = 0;
    this.#broken = false;
    this.#signals.clear();
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#toSkip > 0) {
      const skipped = Math.min(this.#toSkip, rest.length);
      this.#toSkip -= skipped;
      this.#offset += skipped;
      rest = rest.subarray(skipped);
    }
    if (this.#broken) {
      this.#offset += rest.length;
      return;
    }
    if (this.#length + rest.length + SLACK > this.#held.bytes.length) {
      const larger = byteSource(Math.max(this.#held.bytes.length * 2, this.#length + rest.length));
      larger.bytes.set(this.#held.bytes.subarray(0, this.#length));
      this.#held = larger;
    }
    this.#held.bytes.set(rest, this.#length);
    this.#length += rest.length;
    this.#take();
  }

  /** Decodes the top-level fields that are whole, and passes over those that are nothing to be held. */
  #take(): void {
    const { bytes, view } = this.#held;
    const wire = this.#wire;
    wire.reset(bytes, view);
    let at = 0;
    while (at < this.#length) {
      const header = fieldHeader(bytes, at, this.#length);
      if (header === undefined) break;
      const { tag, size } = header;
      if (size === undefined) {
        this.#fail(at, 'not a field of an OTLP message');
        return;
      }
      const end = at + size;
      if (tag === RESOURCE_SPANS && size <= this.#context.limits.recordBytes) {
        if (end > this.#length) break;
        this.#decode(at, end);
      } else {
        if (tag === RESOURCE_SPANS) {
          this.#context.report.skip('record-too-large', this.#offset + at, `a ResourceSpans of ${size} bytes`);
        }
        if (end > this.#length) {
          this.#skippedFrom = this.#offset + at;
          this.#toSkip = end - this.#length;
          this.#offset += this.#length;
          this.#length = 0;
          return;
        }
      }
      at = end;
    }
    if (at === 0) return;
    bytes.copyWithin(0, at, this.#length);
    this.#length -= at;
    this.#offset += at;
  }

  #decode(from: number, to: number): void {
    const { bytes, view } = this.#held;
    const signal = signalOf(bytes, view, from, to, false);
    if (signal === 'logs' || signal === 'metrics') {
      if (!this.#signals.has(signal)) this.#context.report.skip(SKIPPED[signal], this.#offset + from, '');
      this.#signals.add(signal);
      return;
    }
    this.#signals.add('traces');
    this.#reader.readResourceSpans(bytes, view, from, to, this.#offset);
  }

  #fail(at: number, detail: string): void {
    this.#context.report.skip('malformed-protobuf', this.#offset + at, detail);
    this.#broken = true;
    this.#offset += this.#length;
    this.#length = 0;
  }

  end(): void {
    if (this.#length > 0 || this.#toSkip > 0) {
      const start = this.#toSkip > 0 ? this.#skippedFrom : this.#offset;
      this.#context.report.skip('truncated', start, 'the message ends inside a field');
      this.#signals.add('traces');
    }
    if (this.#signals.has('traces') || (this.#signals.size === 0 && !this.#broken)) {
      this.#context.report.document(otlpProto.name);
    }
  }
}

/**
 * Reads a field's tag and its whole size with the header, undefined where it is no field; returns undefined where more
 * input is needed.
 */
function fieldHeader(
  bytes: Uint8Array,
  from: number,
  to: number,
): { tag: number; size: number | undefined } | undefined {
  let at = from;
  const varint = (): number | undefined => {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      if (at >= to) return undefined;
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    return Number.NaN;
  };
  const tag = varint();
  if (tag === undefined) return undefined;
  const wire = tag % 8;
  // NaN is neither.
  if (!(tag >= 8 && tag < 2 ** 32)) return { tag, size: undefined };
  if (wire === Wire.fixed64) return { tag, size: at + 8 - from };
  if (wire === Wire.fixed32) return { tag, size: at + 4 - from };
  if (wire !== Wire.varint && wire !== Wire.bytes) return { tag, size: undefined };
  const value = varint();
  if (value === undefined) return undefined;
  if (Number.isNaN(value)) return { tag, size: undefined };
  return { tag, size: wire === Wire.varint ? at - from : at - from + value };
}
