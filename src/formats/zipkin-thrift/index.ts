import type { AttributeValue } from '../../model/attributes.ts';
import { addressOfBytes, draftOfZipkin, type ZipkinEndpoint } from '../drafts/zipkin.ts';
import { splitV1 } from '../drafts/zipkin-v1.ts';
import type { BinaryFormat, DecodeContext } from '../format.ts';
import {
  integerOfThrift,
  NEED_MORE,
  structOfThrift,
  structsOfThrift,
  ThriftError,
  type ThriftReader,
  type ThriftStruct,
  type ThriftValue,
  Type,
  textOfThrift,
} from '../thrift/reader.ts';
import { beginsMessage, readerOf, type Step, ThriftStream } from '../thrift/stream.ts';

// Zipkin v1 spans as Thrift: lists of spans or single ones in the binary protocol (POST /api/v1/spans, Kafka, Cassandra), and
// calls of `emitZipkinBatch` of Jaeger's agent in both protocols. One or more, one after the other.
// https://github.com/jaegertracing/jaeger-idl/blob/main/thrift/zipkincore.thrift
// 0c 00 00 00 01  0a 00 01 <trace id>  0b 00 03 00 00 00 03 "get"  0a 00 04 <id>  0f 00 06 0c …
// A span holds what both sides of a call say of it, as in v1 JSON.

const METHODS = ['emitZipkinBatch', 'submitZipkinBatch'];
/** Types of a span's fields, by number. */
const SPAN_TYPES: Readonly<Record<number, number>> = {
  1: Type.i64,
  3: Type.text,
  4: Type.i64,
  5: Type.i64,
  6: Type.list,
  8: Type.list,
  9: Type.bool,
  10: Type.i64,
  11: Type.i64,
  12: Type.i64,
};

export const zipkinThrift: BinaryFormat = {
  name: 'zipkin-thrift',
  title: 'Zipkin v1 Thrift',
  family: 'binary',
  recognised: 'a list of spans with trace id, name and id, or such a span',

  sniff(head) {
    const reader = readerOf(head);
    try {
      if (beginsMessage(head, 0)) return METHODS.includes(reader.readMessage());
      if (head[0] === Type.struct && reader.readListHeader().size === 0) return false;
      return isSpan(reader);
    } catch (error) {
      if (error === NEED_MORE || error instanceof ThriftError) return false;
      throw error;
    }
  },

  open: context => new ZipkinThriftDecoder(context),
};

/** Says whether a span stands here: its fields are of the right types as far as both ids. */
function isSpan(reader: ThriftReader): boolean {
  const seen = new Set<number>();
  let last = 0;
  while (!seen.has(1) || !seen.has(4)) {
    const field = reader.readField(last);
    if (field === undefined || SPAN_TYPES[field.id] !== field.type) return false;
    reader.readFieldValue(field);
    seen.add(field.id);
    last = field.id;
  }
  return true;
}

class ZipkinThriftDecoder extends ThriftStream {
  #isCall = false;
  /** Spans of the list in hand that are still to come. */
  #remaining = 0;

  constructor(context: DecodeContext) {
    super(zipkinThrift.name, context);
  }

  protected beginMessage(reader: ThriftReader, hasHeader: boolean): Step | undefined {
    this.#isCall = hasHeader;
    if (hasHeader) {
      const method = reader.readMessage();
      if (!METHODS.includes(method)) throw new ThriftError(`a call of "${method}"`);
      const list = reader.readField(0);
      if (list?.id !== 1 || list.type !== Type.list) throw new ThriftError('a call without spans');
      return this.#beginList(reader);
    }
    // A span has no field that is a struct: what begins with that type is a list.
    if (reader.peek() === Type.struct) return this.#beginList(reader);
    this.#remaining = 1;
    return this.#readSpan;
  }

  #beginList(reader: ThriftReader): Step | undefined {
    const { type, size } = reader.readListHeader();
    if (type !== Type.struct && size > 0) throw new ThriftError('spans that are no structs');
    this.#remaining = size;
    return size > 0 ? this.#readSpan : this.#isCall ? this.#endCall : undefined;
  }

  readonly #readSpan: Step = reader => {
    const span = reader.readStruct();
    this.#remaining--;
    if (this.#remaining === 0) this.next(this.#isCall ? this.#endCall : undefined);
    for (const part of splitV1(spanOf(span))) this.emit(draftOfZipkin(part));
  };

  /** Nothing stands behind the spans of a call but the end of its arguments. */
  readonly #endCall: Step = reader => {
    const field = reader.readField(1);
    if (field !== undefined) throw new ThriftError('an argument behind the spans');
    this.next(undefined);
  };

  protected abandonMessage(): void {
    this.#remaining = 0;
  }
}

function spanOf(span: ThriftStruct): Parameters<typeof splitV1>[0] {
  const high = integerOfThrift(span.get(12)) ?? 0n;
  const low = integerOfThrift(span.get(1));
  return {
    traceId: low === undefined ? undefined : (BigInt.asUintN(64, high) << 64n) | BigInt.asUintN(64, low),
    name: textOfThrift(span.get(3)),
    id: integerOfThrift(span.get(4)),
    parentId: integerOfThrift(span.get(5)),
    annotations: structsOfThrift(span.get(6)).map(annotation => ({
      timeUnixNano: nanosOfMicros(annotation.get(1)),
      value: textOfThrift(annotation.get(2)) ?? '',
      endpoint: endpointOf(structOfThrift(annotation.get(3))),
    })),
    binaryAnnotations: structsOfThrift(span.get(8)).map(annotation => ({
      key: textOfThrift(annotation.get(1)) ?? '',
      value: explainedValue(annotation.get(2), integerOfThrift(annotation.get(3))),
      endpoint: endpointOf(structOfThrift(annotation.get(4))),
    })),
    debug: span.get(9) === true,
    timestampNano: nanosOfMicros(span.get(10)),
    durationNano: nanosOfMicros(span.get(11)),
  };
}

function nanosOfMicros(value: ThriftValue | undefined): bigint | undefined {
  const micros = integerOfThrift(value);
  return micros === undefined ? undefined : micros * 1000n;
}

function endpointOf(endpoint: ThriftStruct | undefined): ZipkinEndpoint | undefined {
  if (endpoint === undefined) return undefined;
  const ipv4 = Buffer.alloc(4);
  ipv4.writeInt32BE(Number(BigInt.asIntN(32, integerOfThrift(endpoint.get(1)) ?? 0n)));
  const ipv6 = endpoint.get(4);
  const result = {
    ipv4: addressOfBytes(ipv4),
    // A signed number stands for an unsigned one.
    port: Number(BigInt.asUintN(16, integerOfThrift(endpoint.get(2)) ?? 0n)),
    serviceName: textOfThrift(endpoint.get(3)),
    ipv6: ipv6 instanceof Uint8Array ? addressOfBytes(ipv6) : undefined,
  };
  const isEmpty = result.port === 0 && !result.ipv4 && !result.ipv6 && !result.serviceName;
  return isEmpty ? undefined : result;
}

/** The value of a binary annotation: bytes that its type explains. */
function explainedValue(value: ThriftValue | undefined, type: bigint | undefined): AttributeValue {
  if (!(value instanceof Uint8Array)) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const is = (number: bigint, length: number) => type === number && value.length === length;
  if (is(0n, 1)) return value[0] !== 0;
  if (is(2n, 2)) return BigInt(view.getInt16(0));
  if (is(3n, 4)) return BigInt(view.getInt32(0));
  if (is(4n, 8)) return view.getBigInt64(0);
  if (is(5n, 8)) return view.getFloat64(0);
  return type === undefined || type === 6n ? Buffer.from(value).toString('utf8') : value;
}
