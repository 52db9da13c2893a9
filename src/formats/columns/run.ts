import type { EventColumns, LinkColumns, SpanColumns, ValueColumns } from '../../model/span-batch.ts';
import { copyShifted } from '../../model/words.ts';
import { growEvents, growLinks, grown, growSpans, growValues } from './allocation.ts';

// Spans that the fast lane has read (formats/lane/), behind those of a batch.

/** The numbers of a run that the lane counts. */
export type Counted =
  | 'spanCount'
  | 'attributeCount'
  | 'eventCount'
  | 'eventAttributeCount'
  | 'linkCount'
  | 'linkAttributeCount'
  /** One more than the highest attribute key of the run. */
  | 'keyCount';

/** The run in hand, of which there is one: its columns are views of the lane's memory. */
export interface Run extends Record<Counted, number> {
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly parentId: Uint32Array;
  readonly start: Uint32Array;
  readonly duration: Uint32Array;
  readonly operation: Uint32Array;
  readonly resource: Uint32Array;
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

/** Attribute values that the lane has given ids: as in `ValueColumns`, ids go on from the last one. */
export interface NewValues {
  count: number;
  readonly key: Uint32Array;
  readonly type: Uint8Array;
  readonly textEnd: Uint32Array;
  readonly text: Uint8Array;
}

/** Stores the spans of a run with their attributes. */
export function appendSpans(run: Run, spans: SpanColumns): void {
  const { spanCount, attributeCount } = run;
  const row = spans.count;
  while (row + spanCount > spans.operation.length) growSpans(spans);
  copyWords(run.traceId, spanCount * 4, spans.traceId, row * 4);
  copyWords(run.spanId, spanCount * 2, spans.spanId, row * 2);
  copyWords(run.parentId, spanCount * 2, spans.parentId, row * 2);
  copyWords(run.start, spanCount * 2, spans.start, row * 2);
  copyWords(run.duration, spanCount * 2, spans.duration, row * 2);
  copyWords(run.operation, spanCount, spans.operation, row);
  copyWords(run.resource, spanCount, spans.resource, row);
  copyWords(run.status, spanCount, spans.status, row);
  const attributes = endOf(spans.attributeEnd, row);
  if (attributes + attributeCount > spans.attributes.length) {
    spans.attributes = grown(spans.attributes, attributes + attributeCount);
  }
  copyWords(run.attributes, attributeCount, spans.attributes, attributes);
  copyShifted(run.attributeEnd, 0, spanCount, spans.attributeEnd, row, attributes);
  spans.count = row + spanCount;
}

/** Stores the events of a run, whose first span is in row `firstSpan`. */
export function appendEvents(run: Run, events: EventColumns, firstSpan: number): void {
  const { eventCount, eventAttributeCount } = run;
  if (eventCount === 0) return;
  const row = events.count;
  while (row + eventCount > events.span.length) growEvents(events);
  const attributes = endOf(events.attributeEnd, row);
  if (attributes + eventAttributeCount > events.attributes.length) {
    events.attributes = grown(events.attributes, attributes + eventAttributeCount);
  }
  copyWords(run.eventTime, eventCount * 2, events.time, row * 2);
  copyWords(run.eventName, eventCount, events.name, row);
  copyWords(run.eventAttributes, eventAttributeCount, events.attributes, attributes);
  copyShifted(run.eventSpan, 0, eventCount, events.span, row, firstSpan);
  copyShifted(run.eventAttributeEnd, 0, eventCount, events.attributeEnd, row, attributes);
  events.count = row + eventCount;
}

/** Stores the links of a run, whose first span is in row `firstSpan`. */
export function appendLinks(run: Run, links: LinkColumns, firstSpan: number): void {
  const { linkCount, linkAttributeCount } = run;
  if (linkCount === 0) return;
  const row = links.count;
  while (row + linkCount > links.span.length) growLinks(links);
  const attributes = endOf(links.attributeEnd, row);
  if (attributes + linkAttributeCount > links.attributes.length) {
    links.attributes = grown(links.attributes, attributes + linkAttributeCount);
  }
  copyWords(run.linkTraceId, linkCount * 4, links.traceId, row * 4);
  copyWords(run.linkSpanId, linkCount * 2, links.spanId, row * 2);
  copyWords(run.linkAttributes, linkAttributeCount, links.attributes, attributes);
  copyShifted(run.linkSpan, 0, linkCount, links.span, row, firstSpan);
  copyShifted(run.linkAttributeEnd, 0, linkCount, links.attributeEnd, row, attributes);
  links.count = row + linkCount;
}

/** Stores values that have the ids behind the last one. */
export function appendValues({ count, key, type, textEnd, text }: NewValues, values: ValueColumns): void {
  const row = values.count;
  while (row + count > values.key.length) growValues(values);
  const start = endOf(values.textEnd, row);
  const length = textEnd[count - 1]!;
  if (start + length > values.text.length) values.text = grown(values.text, start + length);
  values.key.set(key.subarray(0, count), row);
  values.type.set(type.subarray(0, count), row);
  values.text.set(text.subarray(0, length), start);
  copyShifted(textEnd, 0, count, values.textEnd, row, start);
  values.count = row + count;
}

/** Where the first `rows` lists end. */
function endOf(ends: Uint32Array, rows: number): number {
  return rows === 0 ? 0 : ends[rows - 1]!;
}

/** Copies the first `count` words. Runs may be short: a view of a few words costs more than they do. */
function copyWords(source: Uint32Array, count: number, target: Uint32Array, at: number): void {
  if (count > 256) target.set(source.subarray(0, count), at);
  else for (let word = 0; word < count; word++) target[at + word] = source[word]!;
}
