import { byteSource, SLACK } from '../columns/bytes.ts';
import type { BinaryDecoder, BinaryFormat, DecodeContext } from '../format.ts';
import { OtlpProtoReader } from './reader.ts';
import { type Signal, signalOf } from './signal.ts';
import { WireError, WireReader } from './wire.ts';

// OTLP protobuf: ExportTraceServiceRequest or TracesData, which are the same on the wire, alone or one after the other
// (repeated fields merge, so `cat a.pb b.pb` is a message again). Frames around messages are ingest's.
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
// 0a a8 01  0a 3b <Resource>  12 69 <ScopeSpans>

const RESOURCE_SPANS = 0x0a;
/** Bytes that are looked at to recognise a message. */
const SNIFFED = 4096;
const SKIPPED = { logs: 'otlp-logs', metrics: 'otlp-metrics' } as const;

export const otlpProto: BinaryFormat = {
  name: 'otlp-proto',
  title: 'OTLP protobuf',
  family: 'binary',
  recognised: 'a message of ResourceSpans, alone or behind its length as 32 bits',

  sniff(head, whole) {
    if (head[0] !== RESOURCE_SPANS) return false;
    const length = Math.min(head.length, SNIFFED);
    const isPartial = !whole || length < head.length;
    const { bytes, view } = byteSource(length);
    bytes.set(head.subarray(0, length));
    const signal = signalOf(bytes, view, 0, length, isPartial);
    if (signal !== undefined) return true;
    // Not told: a resource larger than what is there of it, if it begins like one.
    return beginsWithResource(bytes, view, length);
  },

  open: context => new OtlpProtoDecoder(context),
};

/** Says whether the message begins with ResourceX { Resource { KeyValue … } }, as far as it can be seen. */
function beginsWithResource(bytes: Uint8Array, view: DataView, length: number): boolean {
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
  #held = byteSource(1 << 16);
  #length = 0;
  /** Offset in the source of the first byte held. */
  #offset = 0;
  /** Bytes of a field over the limit that are still to come. */
  #toSkip = 0;
  #broken = false;
  #signals = new Set<Signal>();

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#reader = new OtlpProtoReader(context);
  }

  begin(offset: number): void {
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

  /** Decodes the top-level fields that are whole. */
  #take(): void {
    const { bytes, view } = this.#held;
    const wire = this.#wire;
    wire.reset(bytes, view);
    let at = 0;
    while (at < this.#length) {
      const header = fieldHeader(bytes, at, this.#length);
      if (header === undefined) break;
      if (header.tag !== RESOURCE_SPANS) {
        if (header.broken || header.size === undefined) {
          this.#fail(at, 'not a field of an OTLP message');
          return;
        }
        if (at + header.size > this.#length) break;
        at += header.size;
        continue;
      }
      const size = header.size ?? 0;
      if (size > this.#context.limits.recordBytes) {
        this.#context.report.skip('record-too-large', this.#offset + at, `a ResourceSpans of ${size} bytes`);
        this.#toSkip = at + size - this.#length;
        this.#offset += this.#length;
        this.#length = 0;
        return;
      }
      if (at + size > this.#length) break;
      this.#decode(at, at + size);
      at += size;
    }
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
      this.#context.report.skip('truncated', this.#offset, 'the message ends inside a field');
      this.#signals.add('traces');
    }
    if (this.#signals.has('traces') || (this.#signals.size === 0 && !this.#broken)) {
      this.#context.report.document(otlpProto.name);
    }
  }
}

/** Reads a field's tag and (for bytes fields) its whole size with the header; undefined where more input is needed. */
function fieldHeader(
  bytes: Uint8Array,
  from: number,
  to: number,
): { tag: number; size: number | undefined; broken: boolean } | undefined {
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
  if (Number.isNaN(tag) || tag < 8) return { tag, size: undefined, broken: true };
  const wire = tag & 7;
  if (wire === 1) return { tag, size: at + 8 - from, broken: false };
  if (wire === 5) return { tag, size: at + 4 - from, broken: false };
  if (wire !== 0 && wire !== 2) return { tag, size: undefined, broken: true };
  const value = varint();
  if (value === undefined) return undefined;
  if (Number.isNaN(value)) return { tag, size: undefined, broken: true };
  return { tag, size: wire === 0 ? at - from : at - from + value, broken: false };
}
