import { readFileSync } from 'node:fs';
import type { BatchWriter } from '../columns/batch-writer.ts';
import type { ByteSource } from '../columns/bytes.ts';

// The fast lane: OTLP spans that look as spans nearly always do are read by WebAssembly (assembly/), 1.5 to 2.5 times as
// fast as in TypeScript (docs/performance.md). It only speeds up: whatever it does not know by its bytes it asks the TypeScript
// decoder for, and a span that has anything odd about it ends its run and is read there. So there is one meaning of the input, and
// the lane may be left out at any time.
//
//     window (in the lane's memory)  →  run of columns (in the lane's memory)  →  BatchWriter
//                                         ↑ new names, attributes, statuses, operations: asked for, then remembered

/** What a decoder answers for the lane: the meaning of bytes of its window. May throw: the span is then read by the decoder. */
export interface LaneHost {
  /** Makes the attribute written in the bytes; returns its key and leaves its value in `value`. */
  attribute(from: number, to: number): number;
  value: number;
  /** Returns the id of the status written in the bytes. */
  status(from: number, to: number): number;
}

type LaneFunction = (...numbers: number[]) => number;

/** Calls in a row that read nothing, behind which the lane rests: the producer writes spans of another kind. */
const PATIENCE = 8;
const REST = 256;

/** The columns of the run in hand, as views of the lane's memory. */
export interface Run {
  readonly spanCount: number;
  readonly attributeCount: number;
  readonly eventCount: number;
  readonly eventAttributeCount: number;
  readonly linkCount: number;
  readonly linkAttributeCount: number;
  /** One more than the highest attribute key of the run. */
  readonly keyCount: number;
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly parentId: Uint32Array;
  readonly start: Uint32Array;
  readonly duration: Uint32Array;
  readonly operation: Uint32Array;
  readonly status: Uint32Array;
  readonly attributeEnd: Uint32Array;
  readonly attributes: Uint32Array;
  readonly eventSpan: Uint32Array;
  readonly eventTime: Uint32Array;
  readonly eventName: Uint32Array;
  readonly eventAttributeEnd: Uint32Array;
  readonly eventAttributes: Uint32Array;
  readonly linkSpan: Uint32Array;
  readonly linkTraceId: Uint32Array;
  readonly linkSpanId: Uint32Array;
  readonly linkAttributeEnd: Uint32Array;
  readonly linkAttributes: Uint32Array;
  /** By attribute key: uses by spans of the run. */
  readonly uses: Uint32Array;
}

let compiled: WebAssembly.Module | undefined;

/** The module, where `npm run build` has made it. */
function moduleOf(): WebAssembly.Module | undefined {
  if (compiled !== undefined) return compiled;
  const isSource = import.meta.url.endsWith('.ts');
  try {
    compiled = new WebAssembly.Module(
      readFileSync(new URL(isSource ? '../../../dist/lane.wasm' : './lane.wasm', import.meta.url)),
    );
  } catch {
    // Not built, or a processor without SIMD: everything is read all the same.
  }
  return compiled;
}

export class SpanLane {
  /** Where a window must lie for the lane to read it. */
  readonly jsonWindow: ByteSource;
  readonly protoWindow: ByteSource;
  readonly #writer: BatchWriter;
  readonly #call: (name: string) => LaneFunction;
  readonly #jsonBase: number;
  readonly #protoBase: number;
  readonly #columns: Omit<Run, `${string}Count`>;
  #host: LaneHost | undefined;
  /** The host's bytes begin here in the lane's memory. */
  #base = 0;
  #idle = 0;
  #resting = 0;

  /** A lane into a writer; undefined where it has not been built. */
  static open(writer: BatchWriter): SpanLane | undefined {
    const module = moduleOf();
    return module === undefined ? undefined : new SpanLane(module, writer);
  }

  private constructor(module: WebAssembly.Module, writer: BatchWriter) {
    this.#writer = writer;
    const { exports } = new WebAssembly.Instance(module, {
      env: { abort: () => fail('the lane stopped') },
      host: {
        attributeKey: (from: number, to: number) => this.#asked().attribute(from - this.#base, to - this.#base),
        attributeValue: () => this.#asked().value,
        nameOf: (from: number, to: number) => {
          const source = this.#base === this.#jsonBase ? this.jsonWindow : this.protoWindow;
          return writer.nameOf(source, from - this.#base, to - this.#base);
        },
        statusOf: (from: number, to: number) => this.#asked().status(from - this.#base, to - this.#base),
        operationOf: (name: number, kind: number, flags: number) => writer.operationOf(name, kind, flags >>> 0),
      },
    });
    const { memory } = exports;
    if (!(memory instanceof WebAssembly.Memory)) throw new Error('the lane has no memory');
    const { buffer } = memory;
    const place = (name: string): number => {
      const found = exports[name];
      return found instanceof WebAssembly.Global ? Number(found.value) : fail(`the lane has no ${name}`);
    };
    const called = new Map<string, LaneFunction>();
    this.#call = name => {
      const known = called.get(name) ?? (exports[name] as LaneFunction);
      called.set(name, known);
      return known;
    };
    const size = place('WINDOW') + place('SLACK');
    this.#jsonBase = place('JSON_WINDOW');
    this.#protoBase = place('PROTO_WINDOW');
    const window = (base: number) => ({
      bytes: new Uint8Array(buffer, base, size),
      view: new DataView(buffer, base, size),
    });
    this.jsonWindow = window(this.#jsonBase);
    this.protoWindow = window(this.#protoBase);
    const spans = place('RUN_SPANS');
    const events = place('RUN_EVENTS');
    const links = place('RUN_LINKS');
    const words = (name: string, count: number) => new Uint32Array(buffer, place(name), count);
    this.#columns = {
      traceId: words('TRACE_ID', spans * 4),
      spanId: words('SPAN_ID', spans * 2),
      parentId: words('PARENT_ID', spans * 2),
      start: words('START', spans * 2),
      duration: words('DURATION', spans * 2),
      operation: words('OPERATION', spans),
      status: words('STATUS', spans),
      attributeEnd: words('ATTRIBUTE_END', spans),
      attributes: words('ATTRIBUTES', place('RUN_ATTRIBUTES')),
      eventSpan: words('EVENT_SPAN', events),
      eventTime: words('EVENT_TIME', events * 2),
      eventName: words('EVENT_NAME', events),
      eventAttributeEnd: words('EVENT_ATTRIBUTE_END', events),
      eventAttributes: words('EVENT_ATTRIBUTES', place('RUN_EVENT_ATTRIBUTES')),
      linkSpan: words('LINK_SPAN', links),
      linkTraceId: words('LINK_TRACE_ID', links * 4),
      linkSpanId: words('LINK_SPAN_ID', links * 2),
      linkAttributeEnd: words('LINK_ATTRIBUTE_END', links),
      linkAttributes: words('LINK_ATTRIBUTES', place('RUN_LINK_ATTRIBUTES')),
      uses: words('USES', place('KEYS')),
    };
  }

  /**
   * Reads spans of a JSON array from `from`: where `isFirst`, the array has just been opened. The writer's `resource` and `scope`
   * are theirs. Returns where the last span that was read ends; `from` where none was.
   */
  readJson(host: LaneHost, from: number, to: number, isFirst: boolean): number {
    return this.#run(host, this.#jsonBase, from, to, 'jsonSpans', isFirst ? 1 : 0);
  }

  /** Reads fields of a ScopeSpans message from `from` on; returns where the last one that was read ends. */
  readProto(host: LaneHost, from: number, to: number): number {
    return this.#run(host, this.#protoBase, from, to, 'protoSpans', 0);
  }

  #run(host: LaneHost, base: number, from: number, to: number, reader: string, isFirst: number): number {
    if (this.#resting > 0) {
      this.#resting--;
      return from;
    }
    const writer = this.#writer;
    this.#host = host;
    this.#base = base;
    this.#call('beginRun')(writer.operationContext(), base + from);
    try {
      this.#call(reader)(base + from, base + to, writer.emptyName, isFirst);
    } catch {
      // The host could not answer for the span in hand: it will read that one itself, and say why.
    }
    const end = this.#call('committedTo')() - base;
    const count = (name: string) => this.#call(name)();
    const spanCount = count('spanCount');
    if (spanCount > 0) {
      this.#idle = 0;
      writer.appendRun({
        ...this.#columns,
        spanCount,
        attributeCount: count('attributeCount'),
        eventCount: count('eventCount'),
        eventAttributeCount: count('eventAttributeCount'),
        linkCount: count('linkCount'),
        linkAttributeCount: count('linkAttributeCount'),
        keyCount: count('keyCount'),
      });
    } else if (++this.#idle >= PATIENCE) this.#resting = REST;
    return end;
  }

  #asked(): LaneHost {
    return this.#host ?? fail('the lane asks nobody');
  }
}

function fail(message: string): never {
  throw new Error(message);
}
