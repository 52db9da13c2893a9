import { readFileSync } from 'node:fs';
import type { BatchWriter } from '../columns/batch-writer.ts';
import type { ByteSource } from '../columns/bytes.ts';
import type { Counted, NewValues, Run } from '../columns/run.ts';

// The fast lane: spans of OTLP, Jaeger JSON and Zipkin JSON that look as spans nearly always do are read by WebAssembly (src/webassembly/lane),
// 1.5 to 2.5 times as fast as in TypeScript (docs/performance.md). It only speeds up: new attribute values of the common types it reads and
// numbers itself; whatever else it does not know by its bytes it asks the TypeScript decoder for, and a span that has anything odd about it
// ends its run and is read there. The lane may be left out at any time, and test/formats/lane.test.ts holds it to the decoders.
//
//     window (in the lane's memory)  →  run of columns and new values (in the lane's memory)  →  BatchWriter
//                                         ↑ new keys, names, statuses, operations, rarer values: asked for, then remembered

/** Thrown by a host where it has no answer: the span in hand is then read by the decoder. */
export const NOT_FOR_THE_LANE = new Error('not for the lane');

/** In which form bytes are written that a host is asked about; equal bytes mean different things in different forms. */
export const LaneForm = {
  otlpJson: 1,
  otlpProto: 2,
  /** A tag of a span, and a field of a log. */
  jaegerTag: 3,
  jaegerField: 4,
  /** The type of a reference. */
  jaegerReference: 5,
  /** A process of a trace; its value is the id of its resource. */
  jaegerProcess: 11,
  /** A key and its value: of the tags, and of the endpoints. */
  zipkinTag: 6,
  zipkinLocal: 7,
  zipkinRemote: 8,
  /** The word for a kind; its value is the kind. */
  zipkinKind: 9,
} as const;

/** An "attribute key" of this or more says that what was asked about is a field, with the number that it is more. */
export const LANE_FIELD = 0xffff_0000;

/** Fields beside those of `TagField` (formats/json/tags.ts), whose numbers are the same here. */
export const LaneField = {
  /** Zipkin: the id of the service's name. */
  service: 7,
  /** Zipkin: a number for a tag of the resource. */
  resourceTag: 8,
  /** Jaeger: the id of an event's name. */
  eventName: 9,
  /** It says nothing. */
  nothing: 10,
} as const;

/** What a decoder answers for the lane: the meaning of bytes of its window. May throw: the span is then read by the decoder. */
interface LaneHost {
  /** Makes the attribute (or field) written in the bytes in a `LaneForm`; returns its key and leaves its value in `value`. */
  attribute(from: number, to: number, form: number): number;
  value: number;
  /** Returns the id of the attribute key in the bytes; `LANE_FIELD` where a tag with it may say something else of its span. */
  key(from: number, to: number): number;
}

export interface OtlpHost extends LaneHost {
  /** Returns the id of the status written in the bytes. */
  status(from: number, to: number): number;
}

/** A decoder of a format whose tags say what has no field. */
interface TagHost extends LaneHost {
  /** Returns the id of the status that an error mark and the texts with these numbers say. */
  status(hasError: boolean, code: number, description: number, errorText: number): number;
  /** Sets the writer's scope, and its resource where the service is not that of the whole run. */
  place(service: number, resourceTags: number, scopeName: number, scopeVersion: number): void;
}

export interface JaegerHost extends TagHost {
  /**
   * Returns the number in its trace of the process that the bytes name, or of the resource that the span at `span` describes itself
   * beside that name.
   */
  process(from: number, to: number, span: number, embedded: number | undefined): number;
}

export interface ZipkinHost extends TagHost {
  /** Returns a number for the resource tags with a number (0: none) and one more. */
  withResourceTag(tags: number, tag: number): number;
  /** Returns the event written as the text of an annotation, in quotes. */
  event(from: number, to: number): LaneEvent;
}

interface LaneEvent {
  readonly name: number;
  /** Keys and values in turn. */
  readonly attributes: readonly number[];
}

type LaneFunction = (...numbers: number[]) => number;
type Reader = 'protoSpans' | 'otlpJsonSpans' | 'jaegerJsonSpans' | 'zipkinJsonSpans';

/** Calls in a row that read nothing, behind which the lane rests: the producer writes spans of another kind. */
const PATIENCE = 8;
const REST = 256;

let compiled: WebAssembly.Module | undefined;

/** Has the lanes of this thread made of a module that another thread has compiled: what is hot in it is optimised once for both. */
export function useLaneModule(module: WebAssembly.Module): void {
  compiled ??= module;
}

/** The module, where `npm run build` has made it. */
export function laneModule(): WebAssembly.Module | undefined {
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
  readonly #functions: Readonly<
    Record<
      | Reader
      | Counted
      | 'beginRun'
      | 'endRun'
      | 'committedTo'
      | 'jaegerProcess'
      | 'lastFound'
      | 'continueIds'
      | 'newValueCount'
      | 'valuesTaken',
      LaneFunction
    >
  >;
  readonly #jsonBase: number;
  readonly #protoBase: number;
  readonly #run: Run;
  readonly #newValues: NewValues;
  /** Where the attributes of an event are put: keys and values in turn. */
  readonly #list: Uint32Array;
  #listCount = 0;
  /** Where the value of an attribute is put, and whether it is worth remembering. */
  readonly #answer: Uint32Array;
  #host: LaneHost | undefined;
  #otlp: OtlpHost | undefined;
  #tags: TagHost | undefined;
  #jaeger: JaegerHost | undefined;
  #zipkin: ZipkinHost | undefined;
  /** The host's bytes begin here in the lane's memory. */
  #base = 0;
  #idle = 0;
  #resting = 0;

  /** A lane into a writer; undefined where it has not been built, or has no room. */
  static open(writer: BatchWriter): SpanLane | undefined {
    const module = laneModule();
    if (module === undefined) return undefined;
    try {
      return new SpanLane(module, writer);
    } catch {
      // Its memory is 80 MiB at once, of which little is touched; a limit on the process may not allow it all the same.
      return undefined;
    }
  }

  private constructor(module: WebAssembly.Module, writer: BatchWriter) {
    this.#writer = writer;
    // Who is asked may give ids to values: those that the lane has given come before.
    const asking =
      (answer: LaneFunction): LaneFunction =>
      (...numbers) => {
        this.#takeValues();
        try {
          return answer(...numbers);
        } finally {
          this.#continueIds();
        }
      };
    const host: Readonly<Record<string, (...numbers: number[]) => number | undefined>> = {
      attributeKey: asking((form, from, to) => {
        const decoder = asked(this.#host);
        const key = decoder.attribute(from - this.#base, to - this.#base, form);
        this.#answer[0] = decoder.value;
        this.#answer[1] = key >= LANE_FIELD || writer.comesAgain(key) ? 1 : 0;
        return key;
      }),
      keyOf: (_form, from, to) => asked(this.#host).key(from - this.#base, to - this.#base),
      takeValues: () => {
        this.#takeValues();
        this.#continueIds();
        return undefined;
      },
      nameOf: (from, to) => {
        const source = this.#base === this.#jsonBase ? this.jsonWindow : this.protoWindow;
        return writer.nameOf(source, from - this.#base, to - this.#base);
      },
      statusOf: (from, to) => asked(this.#otlp).status(from - this.#base, to - this.#base),
      operationOf: (name, kind, flags, quirks) => writer.operationOf(name, kind, flags >>> 0, quirks),
      statusOfTags: (hasError, code, description, errorText) =>
        asked(this.#tags).status(hasError !== 0, code, description, errorText),
      placeOf: asking((service, resourceTags, scopeName, scopeVersion) => {
        asked(this.#tags).place(service, resourceTags, scopeName, scopeVersion);
        return writer.resource;
      }),
      placeContext: () => writer.operationContext(),
      processOf: asking((from, to, span, embedded) => {
        const resource = embedded === 0 ? undefined : embedded - 1;
        return asked(this.#jaeger).process(from - this.#base, to - this.#base, span - this.#base, resource);
      }),
      withResourceTag: (tags, tag) => asked(this.#zipkin).withResourceTag(tags, tag),
      eventName: asking((from, to) => {
        const { name, attributes } = asked(this.#zipkin).event(from - this.#base, to - this.#base);
        if (attributes.length > this.#list.length) throw NOT_FOR_THE_LANE;
        this.#list.set(attributes);
        this.#listCount = attributes.length / 2;
        return name;
      }),
      eventAttributeCount: () => this.#listCount,
    };
    const { exports } = new WebAssembly.Instance(module, { env: { abort: () => fail('the lane stopped') }, host });
    const { memory } = exports;
    if (!(memory instanceof WebAssembly.Memory)) throw new Error('the lane has no memory');
    const { buffer } = memory;
    const place = (name: string): number => {
      const found = exports[name];
      return found instanceof WebAssembly.Global ? Number(found.value) : fail(`the lane has no ${name}`);
    };
    if (place('END') > buffer.byteLength) fail('the lane has too little memory');
    const called = (name: string) => exports[name] as LaneFunction;
    this.#functions = {
      protoSpans: called('protoSpans'),
      otlpJsonSpans: called('otlpJsonSpans'),
      jaegerJsonSpans: called('jaegerJsonSpans'),
      zipkinJsonSpans: called('zipkinJsonSpans'),
      beginRun: called('beginRun'),
      endRun: called('endRun'),
      committedTo: called('committedTo'),
      jaegerProcess: called('jaegerProcess'),
      lastFound: called('lastFound'),
      spanCount: called('spanCount'),
      attributeCount: called('attributeCount'),
      eventCount: called('eventCount'),
      eventAttributeCount: called('eventAttributeCount'),
      linkCount: called('linkCount'),
      linkAttributeCount: called('linkAttributeCount'),
      keyCount: called('keyCount'),
      continueIds: called('continueIds'),
      newValueCount: called('newValueCount'),
      valuesTaken: called('valuesTaken'),
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
    this.#run = {
      spanCount: 0,
      attributeCount: 0,
      eventCount: 0,
      eventAttributeCount: 0,
      linkCount: 0,
      linkAttributeCount: 0,
      keyCount: 0,
      traceId: words('TRACE_ID', spans * 4),
      spanId: words('SPAN_ID', spans * 2),
      parentId: words('PARENT_ID', spans * 2),
      start: words('START', spans * 2),
      duration: words('DURATION', spans * 2),
      operation: words('OPERATION', spans),
      resource: words('RESOURCE', spans),
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
    this.#newValues = {
      count: 0,
      key: words('NEW_KEY', place('NEW_COUNT')),
      type: new Uint8Array(buffer, place('NEW_TYPE'), place('NEW_COUNT')),
      textEnd: words('NEW_TEXT_END', place('NEW_COUNT')),
      text: new Uint8Array(buffer, place('NEW_TEXT'), place('NEW_TEXT_BYTES')),
    };
    this.#list = words('LIST', place('LIST_PAIRS') * 2);
    this.#answer = words('ANSWER', 2);
    // Written before it is read, as in columns/value-dictionary.ts.
    words('SLOTS', (place('BUCKETS') * place('BUCKET_BYTES')) / 4).fill(0);
  }

  /**
   * Reads spans of an array of OTLP JSON from `from`: where `isFirst`, the array has just been opened. The writer's `resource` and
   * `scope` are theirs. Returns where the last span that was read ends; `from` where none was.
   */
  readOtlpJson(host: OtlpHost, from: number, to: number, isFirst: boolean): number {
    this.#otlp = host;
    return this.#read(host, this.#jsonBase, from, to, 'otlpJsonSpans', isFirst);
  }

  /** Reads fields of a ScopeSpans message from `from` on; returns where the last one that was read ends. */
  readProto(host: OtlpHost, from: number, to: number): number {
    this.#otlp = host;
    return this.#read(host, this.#protoBase, from, to, 'protoSpans', false);
  }

  /** Reads spans of Jaeger JSON likewise. The writer holds; `trace` is a number that no other trace has. */
  readJaegerJson(host: JaegerHost, from: number, to: number, isFirst: boolean, trace: number): number {
    this.#tags = this.#jaeger = host;
    return this.#read(host, this.#jsonBase, from, to, 'jaegerJsonSpans', isFirst, trace);
  }

  /**
   * Reads the process of a Jaeger trace that begins at `from`, and leaves the id of its resource in the host's `value`. Returns
   * where it ends; `from` where the decoder must read it.
   */
  readJaegerProcess(host: JaegerHost, from: number, to: number): number {
    const base = this.#jsonBase;
    this.#host = host;
    this.#base = base;
    try {
      const end = this.#functions.jaegerProcess(base + from, base + to);
      if (end === 0) return from;
      host.value = this.#functions.lastFound();
      return end - base;
    } catch {
      return from;
    }
  }

  /** Reads spans of Zipkin JSON likewise; each says its own resource and scope. */
  readZipkinJson(host: ZipkinHost, from: number, to: number, isFirst: boolean): number {
    this.#tags = this.#zipkin = host;
    return this.#read(host, this.#jsonBase, from, to, 'zipkinJsonSpans', isFirst);
  }

  #read(host: LaneHost, base: number, from: number, to: number, reader: Reader, isFirst: boolean, trace = 0): number {
    if (this.#resting > 0) {
      this.#resting--;
      return from;
    }
    const writer = this.#writer;
    const lane = this.#functions;
    this.#host = host;
    this.#base = base;
    const context = writer.operationContext();
    writer.reserveValueIds(this.#newValues.key.length);
    lane.beginRun(context, writer.resource, base + from, writer.nextValueId);
    try {
      lane[reader](base + from, base + to, writer.emptyName, isFirst ? 1 : 0, trace, context);
    } catch {
      // The host could not answer for the span in hand: it will read that one itself, and say why.
    }
    lane.endRun();
    this.#takeValues();
    const spanCount = lane.spanCount();
    if (spanCount > 0) {
      this.#idle = 0;
      const run = this.#run;
      run.spanCount = spanCount;
      run.attributeCount = lane.attributeCount();
      run.eventCount = lane.eventCount();
      run.eventAttributeCount = lane.eventAttributeCount();
      run.linkCount = lane.linkCount();
      run.linkAttributeCount = lane.linkAttributeCount();
      run.keyCount = lane.keyCount();
      writer.appendRun(run);
    } else if (++this.#idle >= PATIENCE) this.#resting = REST;
    return lane.committedTo() - base;
  }

  /** Has the lane number values from where the writer is, with room for as many as it keeps. */
  #continueIds(): void {
    this.#writer.reserveValueIds(this.#newValues.key.length);
    this.#functions.continueIds(this.#writer.nextValueId);
  }

  /** Has the writer take the values over that the lane has given ids. */
  #takeValues(): void {
    const lane = this.#functions;
    const values = this.#newValues;
    values.count = lane.newValueCount();
    if (values.count === 0) return;
    this.#writer.appendValues(values);
    lane.valuesTaken();
  }
}

/** The host that is asked; a lane reads only for one that answers what its format asks. */
function asked<Host extends LaneHost>(host: Host | undefined): Host {
  return host ?? fail('the lane asks nobody');
}

function fail(message: string): never {
  throw new Error(message);
}
