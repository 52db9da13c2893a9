import type { SpanKind } from '../../model/status.ts';
import { DraftWriter } from '../drafts/span-draft.ts';
import type { Tag } from '../drafts/tag-fields.ts';
import {
  addressOfBytes,
  draftOfZipkin,
  type ZipkinAnnotation,
  type ZipkinEndpoint,
  type ZipkinSpan,
} from '../drafts/zipkin.ts';
import type { BinaryDecoder, BinaryFormat, DecodeContext } from '../format.ts';
import { BadRecord } from '../json/cursor.ts';
import { type FieldHeader, fieldHeaderAt, fieldsOf, type ProtoField } from '../protobuf/fields.ts';
import { Wire, WireError } from '../protobuf/wire.ts';

// Zipkin v2 as protobuf: `ListOfSpans`, the body of POST /api/v2/spans and of Kafka messages, alone or one after the other
// (repeated fields merge). https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto
// 0a <length> { 0a 10 <trace id>  12 08 <parent id>  1a 08 <id>  20 01  2a 03 "get"  31 <timestamp, fixed64>  38 <duration> … }

/** The tag of `spans`, the one field of the message. */
const SPANS = 1;
/** Wire types of a span's fields, by number. */
const SPAN_WIRES: readonly (number | undefined)[] = [
  undefined,
  Wire.bytes, // trace_id
  Wire.bytes, // parent_id
  Wire.bytes, // id
  Wire.varint, // kind
  Wire.bytes, // name
  Wire.fixed64, // timestamp
  Wire.varint, // duration
  Wire.bytes, // local_endpoint
  Wire.bytes, // remote_endpoint
  Wire.bytes, // annotations
  Wire.bytes, // tags
  Wire.varint, // debug
  Wire.varint, // shared
];
/** By number: not OpenTelemetry's. */
const KINDS: readonly (SpanKind | undefined)[] = [undefined, 'client', 'server', 'producer', 'consumer'];

export const zipkinProto: BinaryFormat = {
  name: 'zipkin-proto',
  title: 'Zipkin v2 protobuf',
  family: 'binary',
  recognised: 'a message of spans with a trace id of 8 or 16 bytes and an id of 8',

  sniff(head) {
    try {
      const first = fieldHeaderAt(head, 0, head.length);
      return first?.number === SPANS && first.wire === Wire.bytes && isSpan(head, first.from, first.to);
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
  },

  open: context => new ZipkinProtoDecoder(context),
};

/**
 * Says whether the message, of which the head may hold a part, is a span. OTLP's ResourceSpans has the same field numbers for
 * its resource, its ScopeSpans and its schema URL, which may by chance be as long as ids; it has none of the others.
 */
function isSpan(head: Uint8Array, start: number, end: number): boolean {
  const seen = new Set<number>();
  for (let at = start; at < end; ) {
    const header = at < head.length ? fieldHeaderAt(head, at, Math.min(head.length, end)) : undefined;
    if (header === undefined) break;
    const { number, wire, from, to } = header;
    if (number < SPAN_WIRES.length && wire !== SPAN_WIRES[number]) return false;
    const length = to - from;
    if (number === 1 && length !== 8 && length !== 16) return false;
    if ((number === 2 || number === 3) && length !== 8 && length !== 0) return false;
    if (to > end) return false;
    if (to <= head.length) seen.add(number);
    at = to;
  }
  return seen.has(1) && seen.has(3) && [...seen].some(number => number > 3 && number < SPAN_WIRES.length);
}

class ZipkinProtoDecoder implements BinaryDecoder {
  readonly #context: DecodeContext;
  readonly #drafts: DraftWriter;
  #held = Buffer.alloc(0);
  #length = 0;
  /** Offset in the source of the first byte held, and of the span in hand. */
  #offset = 0;
  #spanOffset = 0;
  /** Bytes still to come of a field that is passed over. */
  #toSkip = 0;
  #isBroken = false;

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#drafts = new DraftWriter(context.writer, (reason, detail) =>
      context.report.repair(reason, this.#spanOffset, detail),
    );
  }

  begin(offset: number): void {
    this.#held = Buffer.alloc(0);
    this.#length = this.#toSkip = 0;
    this.#offset = this.#spanOffset = offset;
    this.#isBroken = false;
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

  /** Decodes the spans that are whole. */
  #take(): void {
    let at = 0;
    while (at < this.#length) {
      this.#spanOffset = this.#offset + at;
      let header: FieldHeader | undefined;
      try {
        header = fieldHeaderAt(this.#held, at, this.#length);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        this.#context.report.skip('malformed-protobuf', this.#spanOffset, error.message);
        this.#isBroken = true;
        this.#length = 0;
        return;
      }
      if (header === undefined) break;
      const isSpan = header.number === SPANS && header.wire === Wire.bytes;
      const size = header.to - header.from;
      const isTooLarge = size > this.#context.limits.recordBytes;
      if (isTooLarge) this.#context.report.skip('record-too-large', this.#spanOffset, `a field of ${size} bytes`);
      if (header.to > this.#length) {
        if (!isTooLarge) break;
        this.#toSkip = header.to - this.#length;
        this.#offset += header.to;
        this.#length = 0;
        return;
      }
      if (isSpan && !isTooLarge) this.#read(this.#held.subarray(header.from, header.to));
      at = header.to;
    }
    if (at === 0) return;
    this.#held.copyWithin(0, at, this.#length);
    this.#length -= at;
    this.#offset += at;
  }

  #read(bytes: Uint8Array): void {
    try {
      this.#drafts.write(draftOfZipkin(spanOf(bytes)));
    } catch (error) {
      const { report } = this.#context;
      if (error instanceof WireError) report.skip('malformed-protobuf', this.#spanOffset, `${error.message} in a span`);
      else if (error instanceof BadRecord) report.skip(error.reason, this.#spanOffset, error.message);
      else throw error;
    }
  }

  end(): void {
    if (this.#length > 0 || this.#toSkip > 0) {
      this.#context.report.skip('truncated', this.#spanOffset, 'the message ends inside a span');
    }
    this.#context.report.document(zipkinProto.name);
  }
}

function spanOf(bytes: Uint8Array): ZipkinSpan {
  const values = new Map<number, ProtoField['value']>();
  const annotations: ZipkinAnnotation[] = [];
  const tags: Tag[] = [];
  for (const { number, wire, value } of fieldsOf(bytes)) {
    // A field of another type is one of another message.
    if (wire !== SPAN_WIRES[number]) continue;
    if (number === 10) annotations.push(annotationOf(bytesOf(value)));
    else if (number === 11) tags.push(tagOf(bytesOf(value)));
    else values.set(number, value);
  }
  return {
    traceId: bytesOf(values.get(1)),
    parentId: bytesOf(values.get(2)),
    id: bytesOf(values.get(3)),
    kind: KINDS[Number(integerOf(values.get(4)))],
    name: textOf(values.get(5)),
    timestampNano: integerOf(values.get(6)) * 1000n,
    // 0 is not written, and so absent.
    durationNano: values.has(7) ? integerOf(values.get(7)) * 1000n : undefined,
    localEndpoint: endpointOf(bytesOf(values.get(8))),
    remoteEndpoint: endpointOf(bytesOf(values.get(9))),
    annotations,
    tags,
    debug: integerOf(values.get(12)) !== 0n,
    shared: integerOf(values.get(13)) !== 0n,
  };
}

/** The fields of a message inside a span, the last of each number. */
function messageOf(bytes: Uint8Array): ReadonlyMap<number, ProtoField['value']> {
  return new Map(Array.from(fieldsOf(bytes), ({ number, value }) => [number, value] as const));
}

function annotationOf(bytes: Uint8Array): ZipkinAnnotation {
  const fields = messageOf(bytes);
  return { timeUnixNano: integerOf(fields.get(1)) * 1000n, value: textOf(fields.get(2)) };
}

/** An entry of a map is a message of key and value. */
function tagOf(bytes: Uint8Array): Tag {
  const fields = messageOf(bytes);
  return [textOf(fields.get(1)), textOf(fields.get(2))];
}

function endpointOf(bytes: Uint8Array): ZipkinEndpoint {
  const fields = messageOf(bytes);
  return {
    serviceName: textOf(fields.get(1)),
    ipv4: addressOfBytes(bytesOf(fields.get(2))),
    ipv6: addressOfBytes(bytesOf(fields.get(3))),
    port: Number(BigInt.asIntN(32, integerOf(fields.get(4)))),
  };
}

function bytesOf(value: ProtoField['value'] | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

/** Bytes that are no UTF-8 become U+FFFD. */
function textOf(value: ProtoField['value'] | undefined): string {
  return Buffer.from(bytesOf(value)).toString('utf8');
}

function integerOf(value: ProtoField['value'] | undefined): bigint {
  return typeof value === 'bigint' ? value : 0n;
}
