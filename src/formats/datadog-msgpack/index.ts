import { emitChunk, emitPayload } from '../drafts/datadog.ts';
import { type JsonRecord, type JsonValue, listOf, recordOf, textOf } from '../drafts/record.ts';
import { type RecordContext, recordContext } from '../drafts/record-format.ts';
import type { BinaryDecoder, BinaryFormat, DecodeContext } from '../format.ts';
import type { Reason } from '../reasons.ts';
import { BadMessage, NEED_MORE, Unpacker } from './msgpack.ts';

// Datadog's traces as tracers post them: MessagePack. https://github.com/DataDog/datadog-agent/blob/main/pkg/trace/api/version.go
// v0.3, v0.4: [ [ {"service":…,"name":…,"trace_id":…,…}, … ], … ]      a trace is an array of spans
// v0.5:       [ ["", "web", …], [ [ [service, name, resource, trace_id, span_id, parent_id, start, duration, error, {meta}, {metrics},
//             type], … ], … ] ]                                        texts are numbers in the table in front
// v0.7:       {"container_id":…, …, "chunks":[{"priority":1,"spans":[…], …}], "env":…}     what holds for all stands around the chunks
// Bodies may stand one after the other. Traces are read one by one, so that memory holds the table and the trace in hand; a body of v0.7
// is read whole, for what describes its process stands behind the chunks.

const KNOWN_KEYS = new Set([
  ...['service', 'name', 'resource', 'type', 'trace_id', 'span_id', 'parent_id', 'start', 'duration', 'error'],
  ...['meta', 'metrics', 'meta_struct', 'span_links', 'span_events'],
]);

/** Fields of a body of v0.7. */
const PAYLOAD_KEYS = new Set([
  ...['container_id', 'language_name', 'language_version', 'tracer_version', 'runtime_id'],
  ...['chunks', 'tags', 'env', 'hostname', 'app_version'],
]);

export const datadogMsgpack: BinaryFormat = {
  name: 'datadog-msgpack',
  title: 'Datadog traces as MessagePack',
  recognised: 'an array of arrays of spans, a table of texts and such an array, or a map with `chunks`',
  family: 'binary',
  sniff: head => isBody(head),
  open: context => new Decoder(context),
};

function isBody(head: Uint8Array): boolean {
  const unpacker = new Unpacker(head);
  try {
    const fields = unpacker.mapLength();
    if (fields !== undefined) return hasChunks(unpacker, fields);
    const traces = unpacker.arrayLength();
    if (traces === undefined || traces === 0) return false;
    const first = unpacker.arrayLength();
    if (first === undefined || first === 0) return false;
    const pairs = unpacker.mapLength();
    if (pairs !== undefined) return pairs > 0 && KNOWN_KEYS.has(textOf(unpacker.read()) ?? '');
    if (traces !== 2) return false;
    for (let index = 0; index < Math.min(first, 8); index++) if (typeof unpacker.read() !== 'string') return false;
    return true;
  } catch (error) {
    if (error === NEED_MORE || error instanceof BadMessage) return false;
    throw error;
  }
}

/** Says whether a map holds chunks, and before them nothing but what a body of v0.7 does. */
function hasChunks(unpacker: Unpacker, fields: number): boolean {
  for (let field = 0; field < fields; field++) {
    const key = textOf(unpacker.read()) ?? '';
    if (key === 'chunks') return unpacker.arrayLength() !== undefined;
    if (!PAYLOAD_KEYS.has(key)) return false;
    unpacker.skip();
  }
  return false;
}

class Decoder implements BinaryDecoder {
  readonly #context: DecodeContext;
  readonly #records: RecordContext;
  #held: Uint8Array = new Uint8Array(0);
  /** Offset in the source of the first byte held. */
  #offset = 0;
  /** Offset of the record in hand. */
  #recordOffset = 0;
  /** Held bytes that are needed before it is tried again. */
  #needed = 0;
  /** Traces that are left of the body in hand; undefined between bodies. */
  #left: number | undefined;
  /** The table of a v0.5 body. */
  #texts: readonly string[] | undefined;
  #isBroken = false;

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#records = recordContext(context, () => this.#recordOffset);
  }

  begin(offset: number): void {
    this.#held = new Uint8Array(0);
    this.#offset = offset;
    this.#needed = 0;
    this.#left = undefined;
    this.#texts = undefined;
    this.#isBroken = false;
  }

  push(chunk: Uint8Array): void {
    if (this.#isBroken) return;
    this.#held = Buffer.concat([this.#held, chunk]);
    if (this.#held.length >= this.#needed) this.#run();
  }

  end(): void {
    if (!this.#isBroken) this.#run();
    if (!this.#isBroken && (this.#held.length > 0 || this.#left !== undefined)) {
      this.#context.report.skip('truncated', this.#offset, 'the input ends inside a MessagePack body');
    }
    if (!this.#isBroken && (this.#held.length > 0 || this.#left !== undefined)) {
      this.#context.report.document(datadogMsgpack.name);
    }
    this.#held = new Uint8Array(0);
  }

  #run(): void {
    const unpacker = new Unpacker(this.#held);
    let done = 0;
    try {
      while (done < this.#held.length) {
        this.#recordOffset = this.#offset + done;
        this.#step(unpacker);
        done = unpacker.position;
      }
      this.#needed = 0;
    } catch (error) {
      if (error instanceof BadMessage) this.#break('malformed-msgpack', error.message);
      else if (error === NEED_MORE) {
        const held = this.#held.length - done;
        this.#needed = held * 2;
        const { recordBytes } = this.#context.limits;
        if (held > 2 * recordBytes) this.#break('record-too-large', `over ${recordBytes} bytes`);
      } else throw error;
    }
    this.#held = this.#held.slice(done);
    this.#offset += done;
  }

  /** Nothing behind the fault can be told apart. */
  #break(reason: Reason, detail: string): void {
    this.#context.report.skip(reason, this.#recordOffset, detail);
    this.#isBroken = true;
  }

  /** Reads the beginning of a body, or one trace of it. */
  #step(unpacker: Unpacker): void {
    if (this.#left !== undefined) {
      this.#readRecord(unpacker, trace => this.#readTrace(trace));
      this.#left--;
    } else if (isMap(unpacker)) {
      this.#readRecord(unpacker, payload => emitPayload(recordOf(payload), this.#records));
      this.#left = 0;
    } else this.#left = this.#beginBody(unpacker);
    if (this.#left > 0) return;
    this.#left = undefined;
    this.#texts = undefined;
    this.#context.report.document(datadogMsgpack.name);
  }

  /** Returns the number of traces that follow. */
  #beginBody(unpacker: Unpacker): number {
    const count = unpacker.arrayLength();
    if (count === undefined) throw new BadMessage('expected an array of traces');
    if (count !== 2 || !hasTable(unpacker)) return count;
    const texts = listOf(unpacker.read()).map(text => textOf(text) ?? '');
    const traces = unpacker.arrayLength();
    if (traces === undefined) throw new BadMessage('expected an array of traces behind the table of texts');
    this.#texts = texts;
    return traces;
  }

  /** Reads a value whole, if it is not too large for that. */
  #readRecord(unpacker: Unpacker, read: (record: JsonValue) => void): void {
    const start = unpacker.position;
    unpacker.skip();
    const { recordBytes } = this.#context.limits;
    if (unpacker.position - start > recordBytes) {
      return this.#records.skip('record-too-large', `over ${recordBytes} bytes`);
    }
    let record: JsonValue;
    try {
      record = new Unpacker(unpacker.bytes.subarray(start, unpacker.position)).read();
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      // It was passed over by its length: what is wrong is inside of it.
      return this.#records.skip('too-deep', error.message);
    }
    read(record);
  }

  #readTrace(trace: JsonValue): void {
    if (!Array.isArray(trace)) return this.#records.skip('unexpected-type', 'a trace that is no array of spans');
    const texts = this.#texts;
    const spans = listOf(trace);
    emitChunk(texts === undefined ? spans : spans.map(span => spelledOut(listOf(span), texts)), this.#records);
  }
}

function isMap(unpacker: Unpacker): boolean {
  const start = unpacker.position;
  const fields = unpacker.mapLength();
  unpacker.position = start;
  return fields !== undefined;
}

/** Says whether a table of texts stands here, and not a trace. */
function hasTable(unpacker: Unpacker): boolean {
  const start = unpacker.position;
  const count = unpacker.arrayLength();
  const isTable = count !== undefined && count > 0 && isText(unpacker);
  unpacker.position = start;
  return isTable;
}

function isText(unpacker: Unpacker): boolean {
  return typeof unpacker.read() === 'string';
}

/** A span of v0.5 as one of v0.4. */
function spelledOut(fields: readonly JsonValue[], texts: readonly string[]): JsonRecord {
  const textAt = (index: JsonValue | undefined) => texts[Number(textOf(index) ?? -1)] ?? '';
  const [service, name, resource, trace_id, span_id, parent_id, start, duration, error, meta, metrics, type] = fields;
  const spelled = (map: JsonValue | undefined, read: (value: JsonValue) => JsonValue) =>
    Object.fromEntries(Object.entries(recordOf(map)).map(([key, value]) => [textAt(key), read(value)]));
  return {
    service: textAt(service),
    name: textAt(name),
    resource: textAt(resource),
    trace_id: trace_id ?? null,
    span_id: span_id ?? null,
    parent_id: parent_id ?? null,
    start: start ?? null,
    duration: duration ?? null,
    error: error ?? null,
    meta: spelled(meta, textAt),
    metrics: spelled(metrics, value => value),
    type: textAt(type),
  };
}
