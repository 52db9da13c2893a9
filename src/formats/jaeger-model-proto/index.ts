import type { AttributeValue } from '../../model/attributes.ts';
import { draftOfJaeger, type JaegerProcess, type JaegerReference, type JaegerSpan } from '../drafts/jaeger.ts';
import { DraftWriter } from '../drafts/span-draft.ts';
import type { Tag } from '../drafts/tag-fields.ts';
import type { BinaryFormat } from '../format.ts';
import { BadRecord } from '../json/cursor.ts';
import { bytesOf, fieldHeaderAt, fieldsOf, integerOf, messageOf, type ProtoField, textOf } from '../protobuf/fields.ts';
import { RecordStream } from '../protobuf/record-stream.ts';
import { Wire, WireError } from '../protobuf/wire.ts';

// Jaeger's protobuf model: `PostSpansRequest`, what agents and old collectors send to 14250, alone or one after the other.
// https://github.com/jaegertracing/jaeger-idl/blob/main/proto/api_v2/model.proto and collector.proto
// 0a <length> { 0a <length> { 0a 10 <trace id>  12 08 <span id>  1a 03 "get"  32 <Timestamp>  3a <Duration> … }  12 <Process> }

/** `batch` of PostSpansRequest, and the fields of a Batch. */
const BATCH = 1;
const SPANS = 1;
const PROCESS = 2;
/** Fields of a span: the one that is a number, and the last one. */
const WARNINGS = 12;
const FLAGS = 5;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

export const jaegerModelProto: BinaryFormat = {
  name: 'jaeger-model-proto',
  title: 'Jaeger model as protobuf',
  family: 'binary',
  recognised: 'a batch of spans with a trace id of 16 bytes and a span id of 8',

  sniff(head) {
    try {
      const batch = fieldHeaderAt(head, 0, head.length);
      if (batch?.number !== BATCH || batch.wire !== Wire.bytes) return false;
      const span = fieldHeaderAt(head, batch.from, head.length);
      if (span?.number !== SPANS || span.wire !== Wire.bytes || span.to > batch.to) return false;
      return isSpan(head, span.from, span.to);
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
  },

  open(context) {
    const records = new RecordStream(context, jaegerModelProto.name, { field: BATCH, noun: 'a batch' }, bytes =>
      readBatch(bytes, drafts, records),
    );
    const drafts = new DraftWriter(context.writer, (reason, detail) => records.repair(reason, detail));
    return records;
  },
};

/**
 * Says whether the message, of which the head may hold a part, is a span. In its place OTLP has a Resource, whose second field is
 * a number and no id.
 */
function isSpan(head: Uint8Array, start: number, end: number): boolean {
  const seen = new Set<number>();
  for (let at = start; at < end; ) {
    const header = at < head.length ? fieldHeaderAt(head, at, Math.min(head.length, end)) : undefined;
    if (header === undefined) break;
    const { number, wire, from, to } = header;
    if (to > end) return false;
    if (number <= WARNINGS && wire !== (number === FLAGS ? Wire.varint : Wire.bytes)) return false;
    if (number === 1 && to - from !== TRACE_ID_BYTES) return false;
    if (number === 2 && to - from !== SPAN_ID_BYTES) return false;
    seen.add(number);
    at = to;
  }
  return seen.has(1) && seen.has(2);
}

/** Writes the spans of a batch. The process stands behind them; a span may have one of its own. */
function readBatch(bytes: Uint8Array, drafts: DraftWriter, records: RecordStream): void {
  const spans: Uint8Array[] = [];
  let process: JaegerProcess | undefined;
  let damage: WireError | undefined;
  try {
    for (const { number, value } of fieldsOf(bytes)) {
      if (number === SPANS && value instanceof Uint8Array) spans.push(value);
      else if (number === PROCESS) process = processOf(bytesOf(value));
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    damage = error;
  }
  let isProcessMissing = false;
  for (const span of spans) {
    try {
      const read = spanOf(span, process);
      isProcessMissing ||= read.process === undefined;
      drafts.write(draftOfJaeger(read));
    } catch (error) {
      if (error instanceof WireError) records.skip('malformed-protobuf', `${error.message} in a span`);
      else if (error instanceof BadRecord) records.skip(error.reason, error.message);
      else throw error;
    }
  }
  if (isProcessMissing) records.repair('unknown-process', 'a batch without a process');
  if (damage !== undefined) throw damage;
}

function spanOf(bytes: Uint8Array, batchProcess: JaegerProcess | undefined): JaegerSpan {
  const values = new Map<number, ProtoField['value']>();
  const references: JaegerReference[] = [];
  const tags: Tag[] = [];
  const logs: JaegerSpan['logs'][number][] = [];
  const warnings: AttributeValue[] = [];
  for (const { number, value } of fieldsOf(bytes)) {
    if (number === 4) references.push(referenceOf(bytesOf(value)));
    else if (number === 8) tags.push(tagOf(bytesOf(value)));
    else if (number === 9) logs.push(logOf(bytesOf(value)));
    else if (number === WARNINGS) warnings.push(textOf(value));
    else values.set(number, value);
  }
  const ownProcess = values.get(10);
  return {
    traceId: bytesOf(values.get(1)),
    spanId: bytesOf(values.get(2)),
    operationName: textOf(values.get(3)),
    references,
    // Bit 1 is Jaeger's "debug", which W3C's flags do not have.
    flags: Number(integerOf(values.get(FLAGS)) & 1n),
    startTimeUnixNano: nanosOf(values.get(6)),
    durationNano: nanosOf(values.get(7)),
    tags,
    logs,
    process: ownProcess === undefined ? batchProcess : processOf(bytesOf(ownProcess)),
    warnings,
  };
}

/** A Timestamp or a Duration: seconds and nanoseconds. */
function nanosOf(value: ProtoField['value'] | undefined): bigint | undefined {
  if (value === undefined) return undefined;
  const fields = messageOf(bytesOf(value));
  return BigInt.asIntN(64, integerOf(fields.get(1))) * 1_000_000_000n + BigInt.asIntN(32, integerOf(fields.get(2)));
}

/** CHILD_OF is 0. */
function referenceOf(bytes: Uint8Array): JaegerReference {
  const fields = messageOf(bytes);
  return {
    isChildOf: integerOf(fields.get(3)) !== 1n,
    traceId: bytesOf(fields.get(1)),
    spanId: bytesOf(fields.get(2)),
  };
}

function logOf(bytes: Uint8Array): JaegerSpan['logs'][number] {
  let timeUnixNano: bigint | undefined;
  const fields: Tag[] = [];
  for (const { number, value } of fieldsOf(bytes)) {
    if (number === 1) timeUnixNano = nanosOf(value);
    else if (number === 2) fields.push(tagOf(bytesOf(value)));
  }
  return { timeUnixNano, fields };
}

function processOf(bytes: Uint8Array): JaegerProcess {
  let serviceName = '';
  const tags: Tag[] = [];
  for (const { number, value } of fieldsOf(bytes)) {
    if (number === 1) serviceName = textOf(value);
    else if (number === 2) tags.push(tagOf(bytesOf(value)));
  }
  return { serviceName, tags };
}

function tagOf(bytes: Uint8Array): Tag {
  const fields = messageOf(bytes);
  return [textOf(fields.get(1)), tagValueOf(fields)];
}

/** The value of the type that is named, by other numbers than Thrift's; what is not written is the type's zero. */
function tagValueOf(fields: ReadonlyMap<number, ProtoField['value']>): AttributeValue {
  switch (Number(integerOf(fields.get(2)))) {
    case 1:
      return integerOf(fields.get(4)) !== 0n;
    case 2:
      return BigInt.asIntN(64, integerOf(fields.get(5)));
    case 3:
      return doubleOf(integerOf(fields.get(6)));
    case 4:
      return bytesOf(fields.get(7)).slice();
    default:
      return textOf(fields.get(3));
  }
}

function doubleOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}
