import type { AttributeValue } from '../../model/attributes.ts';
import { addFields, attributeOf, integerOf, type JsonRecord, omit, recordOf, textOf } from '../drafts/record.ts';
import { type RecordContext, recordContext } from '../drafts/record-format.ts';
import type { EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import { readNanos } from '../drafts/times.ts';
import type { DecodeContext } from '../format.ts';
import type { Reason } from '../reasons.ts';

// The spans of one recording (a document of trace events).
//
// What runs on a thread nests by time: the events of a thread, in order of their time, are walked with a stack of what has begun and not
// ended, and the innermost of it is the parent of what begins. Events stand in a file in any order (many programs write an event when it
// ends, and so children first): they are held, sorted, and walked when the document ends, or, in recordings that are larger than
// `HELD_EVENTS`, the earlier half of what is held whenever that is full.
//
// A recording is one trace: its processes and threads worked together on one thing, with flows and asynchronous spans between them, and
// a person who opens it looks at one time line of all. Its id is the hash of its first events, so that the same recording has it again.

/** Events that are held to be put in order, and the bytes that they took in the source. */
const HELD_EVENTS = 1 << 17;
const HELD_BYTES = 64 << 20;
/** Spans that have begun and not ended; flows that wait for their next step; names of processes and threads. */
const MAX_OPEN = 1 << 16;
const MAX_FLOWS = 1 << 16;
const MAX_NAMES = 1 << 16;
/** Events that the trace id is made of. */
const IDENTIFYING_EVENTS = 128;
/** Times are rounded to microseconds: so much may a child end after its parent. */
const ROUNDING = 1000n;

export const DECIMALS = ['ts', 'dur', 'tdur'];

/** Fields of an event that are more than attributes. */
const EVENT_FIELDS = ['ph', 'name', 'pid', 'tid', 'ts', 'dur', 'cat', 'args'];

/** What is no span, by phase. */
const FOREIGN: Readonly<Record<string, readonly [Reason, string]>> = {
  C: ['metric-records', 'a counter'],
  P: ['profile-records', 'a sample'],
  N: ['other-records', 'an object that was created'],
  O: ['other-records', 'a snapshot of an object'],
  D: ['other-records', 'an object that was deleted'],
  v: ['other-records', 'a memory dump'],
  V: ['other-records', 'a memory dump'],
  c: ['other-records', 'a clock synchronisation'],
  '(': ['other-records', 'a context'],
  ')': ['other-records', 'a context'],
};

interface HeldEvent {
  readonly record: JsonRecord;
  readonly phase: string;
  readonly time: bigint;
  /** Of a complete event; 0 of others. */
  readonly duration: bigint;
  /** False of a complete event that does not say how long it lasted. */
  readonly hasEnd: boolean;
  /** Position among the events of the recording. */
  readonly order: number;
  readonly offset: number;
  readonly bytes: number;
}

/** What has begun. */
interface OpenSpan {
  readonly event: HeldEvent;
  readonly spanId: bigint;
  readonly parentSpanId: bigint | undefined;
  readonly track: Track;
  /** Known from the start of a complete event, else when its end is met. */
  end: bigint | undefined;
  endArgs: JsonRecord | undefined;
  readonly events: EventDraft[];
  readonly links: LinkDraft[];
}

/** A thread, or what asynchronous events have in common. */
interface Track {
  readonly key: string;
  readonly stack: OpenSpan[];
  /** Flows that end at what begins next. */
  readonly arriving: bigint[];
}

export class Recording {
  readonly #records: RecordContext;
  #hash = newHash();
  #traceId: Uint8Array | undefined;
  #count = 0;
  #held: HeldEvent[] = [];
  #heldBytes = 0;
  readonly #tracks = new Map<string, Track>();
  /** All that is open, in the order in which it began. */
  readonly #open = new Set<OpenSpan>();
  /** The span at which each flow was last, by flow. */
  readonly #flows = new Map<string, bigint>();
  readonly #processes = new Map<string, Map<string, AttributeValue>>();
  readonly #threads = new Map<string, string>();
  /** What the document says of itself. */
  readonly #about = new Map<string, AttributeValue>();
  /** Where the event in hand begins. */
  #offset = 0;

  constructor(context: DecodeContext) {
    this.#records = recordContext(context, () => this.#offset);
  }

  begin(): void {
    this.#hash = newHash();
    this.#traceId = undefined;
    this.#count = 0;
    this.#held = [];
    this.#heldBytes = 0;
    for (const state of [this.#tracks, this.#open, this.#flows, this.#processes, this.#threads, this.#about])
      state.clear();
  }

  /** Takes an event that stands as `bytes` at an offset of its source. */
  read(record: JsonRecord, bytes: Uint8Array, offset: number): void {
    this.#offset = offset;
    if (this.#count < IDENTIFYING_EVENTS) this.#hash.update(bytes);
    const order = this.#count++;
    const phase = textOf(record.ph);
    // An empty object closes many an array, so that a comma may stand before it.
    if (phase === undefined && Object.keys(record).length === 0) return;
    if (phase === 'M') return this.#name(record);
    const foreign = FOREIGN[phase ?? ''];
    if (foreign !== undefined) return this.#records.skip(...foreign);
    if (phase === undefined || !/^[XBEbenSTpFstfiIR]$/.test(phase)) {
      return this.#records.skip(
        'other-records',
        phase === undefined ? 'an event without a phase' : `an event of phase ${phase}`,
      );
    }
    const time = readNanos(record, 'ts', 6, this.#records.repair);
    if (record.ts === undefined) this.#records.repair('invalid-time', `an event of phase ${phase} without a time`);
    // Some programs know only what the clock of the thread says.
    const field = record.dur === undefined ? 'tdur' : 'dur';
    const duration = phase === 'X' ? readNanos(record, field, 6, this.#records.repair) : undefined;
    if (duration !== undefined && duration < 0n)
      this.#records.repair('end-before-start', `a duration of ${duration} ns`);
    const length = duration === undefined || duration < 0n ? 0n : duration;
    const hasEnd = phase !== 'X' || duration !== undefined;
    this.#held.push({ record, phase, time: time ?? 0n, duration: length, hasEnd, order, offset, bytes: bytes.length });
    this.#heldBytes += bytes.length;
    if (this.#held.length >= HELD_EVENTS || this.#heldBytes >= HELD_BYTES) {
      inOrder(this.#held);
      this.#walk(this.#held.splice(0, Math.ceil(this.#held.length / 2)));
      this.#heldBytes = this.#held.reduce((sum, event) => sum + event.bytes, 0);
    }
  }

  /** Takes what the document says of itself; what has parts stays out. */
  describe(field: string, values: JsonRecord): void {
    for (const [key, value] of Object.entries(values)) {
      if (typeof value !== 'object') this.#about.set(`${field}.${key}`, attributeOf(value));
    }
  }

  end(): void {
    inOrder(this.#held);
    this.#walk(this.#held.splice(0));
    // What ended is complete; what began and did not end is written without an end.
    for (const span of this.#open) this.#write(span);
    this.begin();
  }

  /** Metadata: names that hold for the whole recording, wherever they stand. */
  #name(record: JsonRecord): void {
    const args = recordOf(record.args);
    switch (record.name) {
      case 'process_name':
        return this.#describeProcess(record, 'service.name', textOf(args.name));
      case 'process_labels':
        return this.#describeProcess(record, 'process_labels', textOf(args.labels));
      case 'thread_name': {
        const name = textOf(args.name);
        if (name !== undefined && this.#threads.size < MAX_NAMES) this.#threads.set(threadKey(record), name);
        return;
      }
      default:
      // How to sort and colour is for viewers.
    }
  }

  #describeProcess(record: JsonRecord, key: string, value: string | undefined): void {
    const pid = textOf(record.pid) ?? '';
    let process = this.#processes.get(pid);
    if (process === undefined) {
      if (this.#processes.size >= MAX_NAMES) return;
      process = new Map();
      this.#processes.set(pid, process);
    }
    if (value !== undefined) process.set(key, value);
  }

  #walk(events: readonly HeldEvent[]): void {
    const offset = this.#offset;
    this.#traceId ??= this.#hash.digest().subarray(0, 16);
    for (const event of events) {
      this.#offset = event.offset;
      this.#take(event);
    }
    this.#offset = offset;
  }

  #take(event: HeldEvent): void {
    const { phase, record, time } = event;
    switch (phase) {
      case 'X':
        return this.#enter(threadKey(record), event, time + event.duration);
      case 'B':
        return this.#enter(threadKey(record), event, undefined);
      case 'E':
        return this.#leave(threadKey(record), event);
      case 'b':
        return this.#enter(nestableKey(record), event, undefined);
      case 'e':
        return this.#leave(nestableKey(record), event);
      case 'n':
        return this.#happen(nestableKey(record), event);
      case 'S':
        return this.#enter(legacyKey(record), event, undefined);
      case 'F':
        return this.#leave(legacyKey(record), event);
      case 'T':
      case 'p':
        return this.#happen(legacyKey(record), event);
      case 's':
      case 't':
      case 'f':
        return this.#flow(event);
      default:
        return this.#happen(threadKey(record), event);
    }
  }

  #trackOf(key: string): Track {
    let track = this.#tracks.get(key);
    if (track === undefined) {
      track = { key, stack: [], arriving: [] };
      this.#tracks.set(key, track);
    }
    return track;
  }

  /** Begins a span on a track. */
  #enter(key: string, event: HeldEvent, end: bigint | undefined): void {
    const { record, time } = event;
    this.#writeEnded(key, time);
    const track = this.#trackOf(key);
    const span = this.#begun(track, event, end);
    for (const from of track.arriving.splice(0)) this.#link(span, from);
    const bindId = textOf(record.bind_id);
    if (bindId !== undefined) {
      const flow = `bind ${bindId}`;
      if (record.flow_in === true) this.#arrive(span, flow);
      if (record.flow_out === true) this.#depart(flow, span);
    }
    track.stack.push(span);
    this.#open.add(span);
    if (this.#open.size > MAX_OPEN) {
      const [oldest] = this.#open;
      if (oldest !== undefined) this.#close(oldest);
    }
  }

  #begun(track: Track, event: HeldEvent, end: bigint | undefined): OpenSpan {
    const parent = track.stack.findLast(span => encloses(span, event.time, end));
    const ids = { spanId: this.#spanIdOf(event.order), parentSpanId: parent?.spanId };
    return { event, ...ids, track, end, endArgs: undefined, events: [], links: [] };
  }

  /** Ends the innermost span that bears the name of the end, if it has one; what began inside of it has no end. */
  #leave(key: string, { record, time, phase }: HeldEvent): void {
    const name = textOf(record.name) ?? '';
    const stack = this.#tracks.get(key)?.stack ?? [];
    const span = stack.findLast(
      open => open.end === undefined && (name === '' || name === (textOf(open.event.record.name) ?? '')),
    );
    if (span === undefined) return this.#records.skip('unmatched-end', `the end of ${name || 'a span'} (${phase})`);
    for (const inner of stack.slice(stack.indexOf(span) + 1)) this.#close(inner);
    span.end = time;
    span.endArgs = recordOf(record.args);
    this.#close(span);
  }

  /** An instant is an event of the span in which it happens; where there is none it stands for itself, as a span of no duration. */
  #happen(key: string, event: HeldEvent): void {
    const { record, time } = event;
    const span = this.#innermost(key, time);
    if (span === undefined) {
      this.#close(this.#begun({ key: '', stack: [], arriving: [] }, event, time));
      return;
    }
    const attributes = new Map<string, AttributeValue>();
    addFields(attributes, record.args, 'args.');
    addFields(attributes, omit(record, EVENT_FIELDS));
    if (record.cat !== undefined) addFields(attributes, { cat: record.cat });
    const step = record.ph === 'T' || record.ph === 'p' ? textOf(recordOf(record.args).step) : undefined;
    span.events.push({ timeUnixNano: time, name: step ?? textOf(record.name) ?? '', attributes });
  }

  /** A step of a flow: each one but the first makes a link to the span of the one before. */
  #flow({ record, phase, time }: HeldEvent): void {
    const flow = `${textOf(record.cat) ?? ''}\n${textOf(record.name) ?? ''}\n${idOf(record)}`;
    const key = threadKey(record);
    const span = this.#innermost(key, time);
    if (phase === 's') {
      if (span !== undefined) this.#depart(flow, span);
      return;
    }
    // By default a flow ends at what begins next; with `bp: "e"`, and as a step, at what encloses it.
    if (phase === 'f' && record.bp !== 'e') {
      const from = this.#flows.get(flow);
      if (from === undefined)
        return this.#records.skip('unmatched-end', `the end of flow ${textOf(record.name) ?? ''}`);
      this.#flows.delete(flow);
      const { arriving } = this.#trackOf(key);
      if (arriving.length < MAX_FLOWS) arriving.push(from);
      return;
    }
    if (span !== undefined) this.#arrive(span, flow);
    if (phase === 'f') this.#flows.delete(flow);
    else if (span !== undefined) this.#depart(flow, span);
  }

  #arrive(span: OpenSpan, flow: string): void {
    const from = this.#flows.get(flow);
    if (from === undefined) this.#records.skip('unmatched-end', 'a flow that was not seen to begin');
    else this.#link(span, from);
  }

  #depart(flow: string, { spanId }: OpenSpan): void {
    this.#flows.delete(flow);
    this.#flows.set(flow, spanId);
    if (this.#flows.size > MAX_FLOWS) {
      const [oldest] = this.#flows.keys();
      if (oldest !== undefined) this.#flows.delete(oldest);
    }
  }

  #link(span: OpenSpan, from: bigint): void {
    if (from !== span.spanId) span.links.push({ traceId: this.#traceId, spanId: from });
  }

  /** The innermost span of a track that is open at a time. */
  #innermost(key: string, time: bigint): OpenSpan | undefined {
    return this.#tracks
      .get(key)
      ?.stack.findLast(({ event, end }) => event.time <= time && (end === undefined || end >= time));
  }

  /** Writes the complete spans that ended before a time, from the innermost on. What happens at an end is still inside. */
  #writeEnded(key: string, time: bigint): void {
    const stack = this.#tracks.get(key)?.stack ?? [];
    for (let span = stack.at(-1); span?.end !== undefined && span.end < time; span = stack.at(-1)) this.#close(span);
  }

  #close(span: OpenSpan): void {
    const { stack, arriving, key } = span.track;
    const at = stack.lastIndexOf(span);
    if (at >= 0) stack.splice(at, 1);
    if (stack.length === 0 && arriving.length === 0) this.#tracks.delete(key);
    this.#open.delete(span);
    this.#write(span);
  }

  #write(span: OpenSpan): void {
    const offset = this.#offset;
    this.#offset = span.event.offset;
    this.#records.emit(() => this.#draftOf(span));
    this.#offset = offset;
  }

  #draftOf({ event, spanId, parentSpanId, end, endArgs, events, links }: OpenSpan): SpanDraft {
    const { record, time } = event;
    const attributes = new Map<string, AttributeValue>();
    addFields(attributes, { cat: record.cat ?? null, tid: record.tid ?? null }, '', { tid: 'thread.id' });
    const thread = this.#threads.get(threadKey(record));
    if (thread !== undefined) attributes.set('thread.name', thread);
    addFields(attributes, record.args, 'args.');
    addFields(attributes, endArgs, 'args.');
    addFields(attributes, omit(record, EVENT_FIELDS));
    if (end !== undefined && end < time) this.#records.repair('end-before-start', `start ${time} ns, end ${end} ns`);
    return {
      traceId: this.#traceId,
      spanId,
      parentSpanId,
      name: textOf(record.name),
      kind: 'internal',
      startTimeUnixNano: time,
      durationNano: end === undefined || !event.hasEnd ? undefined : end < time ? 0n : end - time,
      attributes,
      resource: this.#resourceOf(record),
      events,
      links,
    };
  }

  #resourceOf(record: JsonRecord): ReadonlyMap<string, AttributeValue> {
    const resource = new Map(this.#processes.get(textOf(record.pid) ?? ''));
    addFields(resource, { pid: integerOf(record.pid) ?? record.pid ?? null }, '', { pid: 'process.pid' });
    for (const [key, value] of this.#about) resource.set(key, value);
    return resource;
  }

  /** Ids are numbers of events, scattered so that ids of different recordings differ. */
  #spanIdOf(order: number): bigint {
    const { buffer, byteOffset } = this.#traceId ?? new Uint8Array(16);
    const base = new DataView(buffer, byteOffset).getBigUint64(8);
    return BigInt.asUintN(64, base + BigInt(order) * 0x9e37_79b9_7f4a_7c15n);
  }
}

function newHash() {
  return process.getBuiltinModule('node:crypto').createHash('sha256');
}

/** Sorts by time and then by place, but a complete event comes before the shorter ones that begin with it. */
function inOrder(events: HeldEvent[]): void {
  events.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.order - b.order));
  for (let from = 0; from < events.length; ) {
    let to = from + 1;
    while (events[to]?.time === events[from]?.time && to < events.length) to++;
    if (to - from > 1) longestFirst(events, from, to);
    from = to;
  }
}

/** Puts the longer of the complete events between two positions before the shorter ones; others stay where they are. */
function longestFirst(events: HeldEvent[], from: number, to: number): void {
  const complete = events.slice(from, to).filter(({ phase }) => phase === 'X');
  complete.sort((a, b) => (a.duration > b.duration ? -1 : a.duration < b.duration ? 1 : a.order - b.order));
  for (let at = from, next = 0; at < to; at++) {
    if (events[at]?.phase === 'X') events[at] = complete[next++]!;
  }
}

/** Says whether a span that begins at a time is inside of an open one. */
function encloses(outer: OpenSpan, time: bigint, end: bigint | undefined): boolean {
  if (outer.event.time > time) return false;
  return outer.end === undefined || (outer.end > time && (end === undefined || end <= outer.end + ROUNDING));
}

function threadKey({ pid, tid }: JsonRecord): string {
  return `${textOf(pid) ?? ''}/${textOf(tid) ?? ''}`;
}

/** The id of an asynchronous event or flow. A local one is known in its process only. */
function idOf({ id, id2, pid }: JsonRecord): string {
  const { local, global } = recordOf(id2);
  return local === undefined ? (textOf(id) ?? textOf(global) ?? '') : `${textOf(pid)}:${textOf(local)}`;
}

function nestableKey(record: JsonRecord): string {
  return `async ${textOf(record.cat) ?? ''}\n${textOf(record.scope) ?? ''}\n${idOf(record)}`;
}

function legacyKey(record: JsonRecord): string {
  return `legacy ${textOf(record.name) ?? ''}\n${idOf(record)}`;
}
