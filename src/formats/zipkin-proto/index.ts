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
import type { BinaryFormat } from '../format.ts';
import { bytesOf, fieldHeaderAt, fieldsOf, integerOf, messageOf, type ProtoField, textOf } from '../protobuf/fields.ts';
import { RecordStream } from '../protobuf/record-stream.ts';
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

  open(context) {
    const records = new RecordStream(context, zipkinProto.name, { field: SPANS, noun: 'a span' }, bytes => {
      drafts.write(draftOfZipkin(spanOf(bytes)));
    });
    const drafts = new DraftWriter(context.writer, (reason, detail) => records.repair(reason, detail));
    return records;
  },
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
