import type { AttributeValue } from '../../model/attributes.ts';
import { draftOfJaeger, type JaegerProcess, type JaegerReference } from '../drafts/jaeger.ts';
import type { Tag } from '../drafts/tag-fields.ts';
import type { BinaryFormat, DecodeContext } from '../format.ts';
import {
  integerOfThrift,
  NEED_MORE,
  structsOfThrift,
  ThriftError,
  type ThriftReader,
  type ThriftStruct,
  type ThriftValue,
  Type,
  textOfThrift,
} from '../thrift/reader.ts';
import { beginsMessage, readerOf, type Step, ThriftStream } from '../thrift/stream.ts';

// Batches of Jaeger's clients as Thrift, in the binary and the compact protocol: bodies of POST /api/traces, and datagrams to
// the agent, which call `emitBatch`. One or more, one after the other.
// https://github.com/jaegertracing/jaeger-idl/blob/main/thrift/jaeger.thrift and agent.thrift
// 82 81 01 09 "emitBatch" 1c  1c 18 04 "shop" 00  19 1c 16 … (compact)      0c 00 01 0b 00 01 00 00 00 04 "shop" … (binary)

const METHOD = 'emitBatch';
/** Spans that may wait for a process that stands behind them; no known client writes it there. */
const MAX_WAITING = 65_536;

export const jaegerThrift: BinaryFormat = {
  name: 'jaeger-thrift',
  title: 'Jaeger Thrift',
  family: 'binary',
  recognised: 'calls of `emitBatch`, or a batch that begins with its process',

  sniff(head) {
    const reader = readerOf(head);
    try {
      return beginsMessage(head, 0) ? reader.readMessage() === METHOD : isBatch(reader);
    } catch (error) {
      if (error === NEED_MORE || error instanceof ThriftError) return false;
      throw error;
    }
  },

  open: context => new JaegerThriftDecoder(context),
};

/** Says whether a batch stands here: a process with a name, then its tags or the spans. */
function isBatch(reader: ThriftReader): boolean {
  const first = reader.readField(0);
  if (first?.id !== 1 || first.type !== Type.struct) return false;
  const name = reader.readField(0);
  if (name?.id !== 1 || name.type !== Type.text) return false;
  const text = textOfThrift(reader.readFieldValue(name)) ?? '';
  if (/[\p{Cc}\ufffd]/u.test(text)) return false;
  const next = reader.readField(1) ?? reader.readField(1);
  return next?.id === 2 && next.type === Type.list && reader.readListHeader().type === Type.struct;
}

class JaegerThriftDecoder extends ThriftStream {
  #process: JaegerProcess | undefined;
  /** The field of the batch that was read last. */
  #last = 0;
  #isCall = false;
  /** Spans of the list in hand that are still to come. */
  #remaining = 0;
  #waiting: ThriftStruct[] = [];

  constructor(context: DecodeContext) {
    super(jaegerThrift.name, context);
  }

  protected beginMessage(reader: ThriftReader, hasHeader: boolean): Step {
    if (hasHeader) {
      const method = reader.readMessage();
      if (method !== METHOD) throw new ThriftError(`a call of "${method}"`);
      const batch = reader.readField(0);
      if (batch?.id !== 1 || batch.type !== Type.struct) throw new ThriftError('a call without a batch');
    }
    this.#isCall = hasHeader;
    this.#last = 0;
    this.#process = undefined;
    return this.#readField;
  }

  readonly #readField: Step = reader => {
    const field = reader.readField(this.#last);
    if (field === undefined) {
      this.abandonMessage();
      this.next(this.#isCall ? this.#endCall : undefined);
      return;
    }
    if (field.id === 1 && field.type === Type.struct) this.#process = processOf(reader.readStruct());
    else if (field.id === 2 && field.type === Type.list) {
      const { type, size } = reader.readListHeader();
      if (type !== Type.struct && size > 0) throw new ThriftError('spans that are no structs');
      this.#remaining = size;
      if (size > 0) this.next(this.#readSpan);
    } else reader.readFieldValue(field);
    this.#last = field.id;
  };

  readonly #readSpan: Step = reader => {
    const span = reader.readStruct();
    this.#remaining--;
    if (this.#remaining === 0) this.next(this.#readField);
    if (this.#process !== undefined) this.emit(draftOf(span, this.#process));
    else if (this.#waiting.push(span) === MAX_WAITING) this.abandonMessage();
  };

  readonly #endCall: Step = reader => {
    const field = reader.readField(this.#last);
    if (field === undefined) this.next(undefined);
    else {
      reader.readFieldValue(field);
      this.#last = field.id;
    }
  };

  protected abandonMessage(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length > 0 && this.#process === undefined) this.repair('unknown-process', 'a batch without a process');
    for (const span of waiting) this.emit(draftOf(span, this.#process));
  }
}

function draftOf(span: ThriftStruct, process: JaegerProcess | undefined) {
  const incomplete = span.get(12);
  return draftOfJaeger({
    traceId: traceIdOf(span.get(2), span.get(1)),
    spanId: integerOfThrift(span.get(3)),
    parentSpanId: integerOfThrift(span.get(4)),
    operationName: textOfThrift(span.get(5)),
    references: structsOfThrift(span.get(6)).map(referenceOf),
    // Bit 1 is Jaeger's "debug", which W3C's flags do not have.
    flags: Number((integerOfThrift(span.get(7)) ?? 0n) & 1n),
    startTimeUnixNano: nanosOfMicros(span.get(8)),
    durationNano: nanosOfMicros(span.get(9)),
    tags: [...tagsOf(span.get(10)), ...(incomplete === true ? [['incomplete', true] as const] : [])],
    logs: structsOfThrift(span.get(11)).map(log => ({
      timeUnixNano: nanosOfMicros(log.get(1)),
      fields: tagsOf(log.get(2)),
    })),
    process,
  });
}

/** Two signed halves are one unsigned id. */
function traceIdOf(high: ThriftValue | undefined, low: ThriftValue | undefined): bigint | undefined {
  if (high === undefined && low === undefined) return undefined;
  const half = (value: ThriftValue | undefined) => BigInt.asUintN(64, integerOfThrift(value) ?? 0n);
  return (half(high) << 64n) | half(low);
}

function referenceOf(reference: ThriftStruct): JaegerReference {
  return {
    isChildOf: reference.get(1) !== 1n,
    traceId: traceIdOf(reference.get(3), reference.get(2)),
    spanId: integerOfThrift(reference.get(4)),
  };
}

function nanosOfMicros(value: ThriftValue | undefined): bigint | undefined {
  const micros = integerOfThrift(value);
  return micros === undefined ? undefined : micros * 1000n;
}

function processOf(described: ThriftStruct): JaegerProcess {
  return { serviceName: textOfThrift(described.get(1)) ?? '', tags: tagsOf(described.get(2)) };
}

function tagsOf(value: ThriftValue | undefined): Tag[] {
  return structsOfThrift(value).map(tag => [textOfThrift(tag.get(1)) ?? '', tagValueOf(tag)]);
}

/** The value of the type that is named; where there is none, whatever value there is. */
function tagValueOf(tag: ThriftStruct): AttributeValue {
  const values = [textOfThrift(tag.get(3)), tag.get(4), tag.get(5), tag.get(6), tag.get(7)].map(plainOf);
  const type = Number(integerOfThrift(tag.get(2)) ?? -1n);
  return values[type] ?? values.find(value => value !== undefined) ?? null;
}

function plainOf(value: ThriftValue | string | undefined): AttributeValue | undefined {
  return typeof value === 'object' && !(value instanceof Uint8Array) ? undefined : value;
}
