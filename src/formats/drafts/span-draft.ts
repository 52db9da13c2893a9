import type { AttributeValue } from '../../model/attributes.ts';
import { CARRIED_FIELDS, serviceNameOf } from '../../model/carried-fields.ts';
import { Quirk, SHARED_SPAN_MASK } from '../../model/span-batch.ts';
import { Kind, type SpanKind, Status, type StatusCode } from '../../model/status.ts';
import type { BatchWriter } from '../columns/batch-writer.ts';
import { BadRecord } from '../json/cursor.ts';
import { IdForm, IdReader } from '../json/ids.ts';
import type { Reason } from '../reasons.ts';

// Spans as objects, for formats of which nobody has a million spans a second: a decoder says what a span is, and this
// writes it into the columns. OTLP, Jaeger and Zipkin write columns themselves (docs/performance.md).

/**
 * An id as a format writes it: hex of any length and case, `0x…`, a UUID, base64, an integer (signed ones are taken as
 * unsigned), its bytes; any other text, and bytes of another length, are hashed. Absent and empty ids are none; so is a parent of
 * zeros, but a trace or span id of zeros is kept.
 */
export type DraftId = string | bigint | Uint8Array | null | undefined;

export type DraftAttributes = ReadonlyMap<string, AttributeValue>;

/** A span as far as its source tells it. Times are nanoseconds since the epoch; 0 and undefined mean "not recorded". */
export interface SpanDraft {
  readonly traceId: DraftId;
  readonly spanId: DraftId;
  readonly parentSpanId?: DraftId;
  readonly name?: string | undefined;
  readonly kind?: SpanKind | undefined;
  readonly startTimeUnixNano?: bigint | undefined;
  /** Either this or `durationNano`. */
  readonly endTimeUnixNano?: bigint | undefined;
  readonly durationNano?: bigint | undefined;
  readonly status?: { readonly code: StatusCode; readonly message?: string | undefined } | undefined;
  readonly attributes?: DraftAttributes | undefined;
  /** With `service.name`; without it the service is unknown. */
  readonly resource?: DraftAttributes | undefined;
  readonly scope?:
    | {
        readonly name: string;
        readonly version?: string | undefined;
        readonly attributes?: DraftAttributes | undefined;
      }
    | undefined;
  readonly events?: readonly EventDraft[] | undefined;
  readonly links?: readonly LinkDraft[] | undefined;
  /** OTLP flags: bits 0-7 are the W3C trace flags. */
  readonly flags?: number | undefined;
  readonly traceState?: string | undefined;
  /** The server half of a Zipkin span that client and server share: it gets an id of its own, as `zipkin-json` gives it. */
  readonly shared?: boolean | undefined;
  /** The parent is named as Zipkin does: by an id that a client and a server half may share. */
  readonly sharedParent?: boolean | undefined;
  readonly droppedAttributesCount?: number | undefined;
  readonly droppedEventsCount?: number | undefined;
  readonly droppedLinksCount?: number | undefined;
}

export interface EventDraft {
  readonly timeUnixNano?: bigint | undefined;
  readonly name: string;
  readonly attributes?: DraftAttributes | undefined;
}

export interface LinkDraft {
  readonly traceId: DraftId;
  readonly spanId: DraftId;
  readonly attributes?: DraftAttributes | undefined;
}

/** Nanoseconds are stored as signed 64 bits. */
const TIME_LIMIT = 1n << 63n;
const NO_ATTRIBUTES: DraftAttributes = new Map();

/** Writes drafts into columns. */
export class DraftWriter {
  readonly #writer: BatchWriter;
  readonly #repair: (reason: Reason, detail: string) => void;
  readonly #ids = new IdReader();

  /** `repair` is told what had to be mended in the draft in hand. */
  constructor(writer: BatchWriter, repair: (reason: Reason, detail: string) => void) {
    this.#writer = writer;
    this.#repair = repair;
  }

  /** Writes a span. Throws `BadRecord` where it has no trace id or no span id; then nothing was written. */
  write(draft: SpanDraft): void {
    const writer = this.#writer;
    const ids = this.#ids;
    writer.beginSpan();
    const traceForm = this.#readId(draft.traceId, 16);
    if (traceForm === IdForm.absent) throw new BadRecord('missing-trace-id', 'a span without a trace id');
    const mended = [this.#mendedId(traceForm, 'tailspan.trace_id', 'trace id')];
    writer.traceId0 = ids.word0;
    writer.traceId1 = ids.word1;
    writer.traceId2 = ids.word2;
    writer.traceId3 = ids.word3;
    const spanForm = this.#readId(draft.spanId, 8);
    if (spanForm === IdForm.absent) throw new BadRecord('missing-span-id', 'a span without a span id');
    mended.push(this.#mendedId(spanForm, 'tailspan.span_id', 'span id'));
    for (const mend of mended) if (mend !== undefined) this.#repair(...mend);
    writer.spanIdLow = ids.word0;
    writer.spanIdHigh = ids.word1;
    if (draft.sharedParent === true) writer.quirks |= Quirk.sharedParent;
    if (draft.shared === true) {
      writer.quirks |= Quirk.shared;
      writer.spanIdLow = (writer.spanIdLow ^ SHARED_SPAN_MASK.low) >>> 0;
      writer.spanIdHigh = (writer.spanIdHigh ^ SHARED_SPAN_MASK.high) >>> 0;
    }
    this.#readId(draft.parentSpanId, 8);
    writer.parentIdLow = ids.word0;
    writer.parentIdHigh = ids.word1;
    writer.name = writer.nameOfText(draft.name ?? '');
    writer.kind = Kind[draft.kind ?? 'unspecified'];
    writer.flags = draft.flags ?? 0;
    this.#setTimes(draft);
    const { status } = draft;
    writer.status = status === undefined ? 0 : writer.statusOfText(Status[status.code], status.message ?? '');
    const resource = draft.resource ?? NO_ATTRIBUTES;
    writer.resource = writer.resourceOf(serviceNameOf(resource), resource);
    writer.scope = writer.scopeOf(draft.scope?.name ?? '', draft.scope?.version ?? '', draft.scope?.attributes);
    for (const [key, value] of draft.attributes ?? NO_ATTRIBUTES) this.#addAttribute(key, value);
    this.#addCarried(draft);
    for (const event of draft.events ?? []) this.#writeEvent(event);
    for (const link of draft.links ?? []) this.#writeLink(link);
    writer.commitSpan();
  }

  #addAttribute(name: string, value: AttributeValue): void {
    const key = this.#writer.keyOfText(name);
    this.#writer.addAttribute(key, this.#writer.value(key, value));
  }

  #addCarried(draft: SpanDraft): void {
    for (const field of ['droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount'] as const) {
      const count = draft[field];
      if (count !== undefined && count > 0) this.#addAttribute(CARRIED_FIELDS[field], BigInt(count));
    }
    const { traceState } = draft;
    if (traceState !== undefined && traceState !== '') this.#addAttribute(CARRIED_FIELDS.traceState, traceState);
  }

  #setTimes({ startTimeUnixNano: start = 0n, endTimeUnixNano, durationNano }: SpanDraft): void {
    const writer = this.#writer;
    if (start < 0n || start >= TIME_LIMIT) this.#repair('invalid-time', `a start of ${start} ns`);
    else {
      writer.startLow = Number(start & 0xffff_ffffn);
      writer.startHigh = Number(start >> 32n);
    }
    const hasStart = writer.startLow !== 0 || writer.startHigh !== 0;
    if (durationNano !== undefined && (hasStart || endTimeUnixNano === undefined)) {
      if (durationNano < 0n) this.#repair('end-before-start', `a duration of ${durationNano} ns`);
      else if (durationNano < TIME_LIMIT) {
        writer.durationLow = Number(durationNano & 0xffff_ffffn);
        writer.durationHigh = Number(durationNano >> 32n);
      } else this.#repair('invalid-time', `a duration of ${durationNano} ns`);
      if (!hasStart) writer.quirks |= Quirk.startUnknown;
      return;
    }
    let end = endTimeUnixNano ?? 0n;
    if (end < 0n || end >= TIME_LIMIT) {
      this.#repair('invalid-time', `an end at ${end} ns`);
      end = 0n;
    }
    const mended = writer.setEnd(Number(end & 0xffff_ffffn), Number(end >> 32n));
    if (mended !== undefined) this.#repair(mended, `start ${start}, end ${end}`);
  }

  #writeEvent({ timeUnixNano = 0n, name, attributes = NO_ATTRIBUTES }: EventDraft): void {
    const writer = this.#writer;
    writer.beginEvent();
    const time = timeUnixNano < 0n || timeUnixNano >= TIME_LIMIT ? 0n : timeUnixNano;
    if (time !== timeUnixNano) this.#repair('invalid-time', `an event at ${timeUnixNano} ns`);
    writer.setEventTime(Number(time & 0xffff_ffffn), Number(time >> 32n));
    writer.setEventName(writer.nameOfText(name));
    for (const [key, value] of attributes) {
      const id = writer.keyOfText(key);
      writer.addEventAttribute(id, writer.value(id, value));
    }
  }

  #writeLink({ traceId, spanId, attributes = NO_ATTRIBUTES }: LinkDraft): void {
    const writer = this.#writer;
    const ids = this.#ids;
    writer.beginLink();
    this.#readId(traceId, 16);
    writer.setLinkTraceId(ids.word0, ids.word1, ids.word2, ids.word3);
    this.#readId(spanId, 8);
    writer.setLinkSpanId(ids.word0, ids.word1);
    for (const [key, value] of attributes) {
      const id = writer.keyOfText(key);
      writer.addLinkAttribute(id, writer.value(id, value));
    }
  }

  /** Reads an id into `#ids`; returns its form. */
  #readId(id: DraftId, size: 16 | 8): number {
    const ids = this.#ids;
    if (id instanceof Uint8Array) return ids.parseBytes(id, size);
    return ids.parseText(typeof id === 'bigint' ? BigInt.asUintN(size * 8, id).toString(16) : (id ?? ''), size);
  }

  /** What is to be told of the id read last. Of one that had to be invented, the attribute keeps what it stands for. */
  #mendedId(form: number, attribute: string, called: string): [Reason, string] | undefined {
    const { isZero, original } = this.#ids;
    if (form !== IdForm.invented) return isZero ? ['zero-id', called] : undefined;
    this.#addAttribute(attribute, original);
    return ['invented-id', original];
  }
}
