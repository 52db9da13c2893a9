import type { AttributeValue } from '../../model/attributes.ts';
import { inventedId } from '../../model/ids.ts';
import type { SpanKind } from '../../model/status.ts';
import { addFields, integerOf, isRecord, type JsonRecord, listOf, omit, recordOf, textOf } from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { DraftId, EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import { readNanos } from '../drafts/times.ts';

// SkyWalking: segments as agents post them, and traces as its GraphQL API answers.
// https://skywalking.apache.org/docs/main/latest/en/api/trace-data-protocol-v3/
// {"traceId":"a12ff60b-…","traceSegmentId":"…","service":"shop","serviceInstance":"shop-1","spans":[{"spanId":0,"parentSpanId":-1,
//  "operationName":"/ingress","startTime":1588664577013,"endTime":1588664577028,"spanType":"Entry","spanLayer":"Http","isError":false,
//  "tags":[{"key":…,"value":…}],"logs":[{"time":…,"data":[…]}],"refs":[{"refType":"CrossProcess","parentTraceSegmentId":…}]}]}
// {"data":{"trace":{"spans":[{"traceId":…,"segmentId":…,"spanId":0,"parentSpanId":-1,"serviceCode":…,"endpointName":…,…}]}}}
// A span is known by its segment and a small number; neither is an id of 8 bytes.

/** The names of one thing in segments and in answers of the API. */
const SPAN_FIELDS = [
  ...['traceId', 'segmentId', 'spanId', 'parentSpanId', 'refs', 'serviceCode', 'serviceInstanceName'],
  ...['operationName', 'endpointName', 'startTime', 'endTime', 'spanType', 'type', 'isError', 'tags', 'logs'],
];
const SPAN_NAMES = {
  componentId: 'sw8.component_id',
  component: 'sw8.component',
  peer: 'peer.address',
  spanLayer: 'sw8.layer',
  layer: 'sw8.layer',
};
const SEGMENT_FIELDS = ['traceId', 'traceSegmentId', 'service', 'serviceInstance', 'spans'];
const REF_NAMES = {
  refType: 'sw8.ref_type',
  type: 'sw8.ref_type',
  traceId: 'sw8.trace_id',
  parentTraceSegmentId: 'sw8.segment_id',
  parentSegmentId: 'sw8.segment_id',
  parentSpanId: 'sw8.span_id',
};

export const skywalking = recordFormat({
  name: 'skywalking',
  title: 'SkyWalking segments',
  recognised: 'segments with `traceSegmentId`, or spans with `segmentId` in `data.trace`',
  places: ['', '[]', '.segments[]', '.data.trace', '.data.queryTrace'],
  matches: has => has('.traceSegmentId') || (has('.spans[].segmentId') && has('.spans[].endpointName')),
  open: context => ({ read: record => readSegment(context, recordOf(record)) }),
});

/** Reads a segment, or the answer of the API, in which each span says what its segment is. */
function readSegment(context: RecordContext, segment: JsonRecord): void {
  const rest = segment.traceSegmentId === undefined ? {} : omit(segment, SEGMENT_FIELDS);
  const resources = new Map<string, ReadonlyMap<string, AttributeValue>>();
  for (const item of listOf(segment.spans)) {
    if (!isRecord(item)) {
      context.skip('unexpected-type', 'a span that is no object');
      continue;
    }
    const service = textOf(segment.service) ?? textOf(item.serviceCode);
    const instance = textOf(segment.serviceInstance) ?? textOf(item.serviceInstanceName);
    const key = `${service}\n${instance}`;
    const known = resources.get(key) ?? resourceOf(service, instance, rest);
    resources.set(key, known);
    context.emit(() => draftOf(segment, item, known, context));
  }
}

function resourceOf(
  service: string | undefined,
  instance: string | undefined,
  rest: JsonRecord,
): ReadonlyMap<string, AttributeValue> {
  const resource = new Map<string, AttributeValue>();
  if (service !== undefined) resource.set('service.name', service);
  if (instance !== undefined) resource.set('service.instance.id', instance);
  addFields(resource, rest, 'sw8.');
  return resource;
}

function draftOf(
  segment: JsonRecord,
  span: JsonRecord,
  resource: ReadonlyMap<string, AttributeValue>,
  { repair }: RecordContext,
): SpanDraft {
  const traceId = textOf(span.traceId) ?? textOf(segment.traceId);
  const segmentId = textOf(segment.traceSegmentId) ?? textOf(span.segmentId);
  // Protobuf's JSON leaves out zeros; the parent of a first span is -1.
  const spanId = span.spanId === undefined ? 0n : integerOf(span.spanId);
  const attributes = new Map<string, AttributeValue>();
  for (const tag of listOf(span.tags).map(recordOf)) {
    addFields(attributes, { value: tag.value ?? null }, '', { value: textOf(tag.key) ?? '' });
  }
  addFields(attributes, omit(span, SPAN_FIELDS), 'sw8.', SPAN_NAMES);
  if (traceId !== undefined) attributes.set('sw8.trace_id', traceId);
  if (segmentId !== undefined) attributes.set('sw8.segment_id', segmentId);
  if (spanId !== undefined) attributes.set('sw8.span_id', spanId);
  const refs = listOf(span.refs).map(recordOf);
  const parent = integerOf(span.parentSpanId) ?? (span.parentSpanId !== undefined || spanId === 0n ? -1n : 0n);
  // The first span of a segment hangs below what the segment was called from. A segment with several callers (a batch of messages) has
  // one parent; the others, and callers in other traces, are links.
  const caller = parent < 0n ? refs.find(ref => (textOf(ref.traceId) ?? traceId) === traceId) : undefined;
  const events = listOf(span.logs).map(log => eventOf(recordOf(log), repair));
  return {
    traceId: traceIdOf(traceId),
    spanId: spanIdOf(segmentId, spanId),
    parentSpanId: caller === undefined ? (parent < 0n ? undefined : spanIdOf(segmentId, parent)) : idOfRef(caller),
    name: textOf(span.operationName) ?? textOf(span.endpointName),
    kind: kindOf(span),
    startTimeUnixNano: readNanos(span, 'startTime', 3, repair),
    endTimeUnixNano: readNanos(span, 'endTime', 3, repair),
    status: span.isError === true ? { code: 'error', message: messageOf(events) } : undefined,
    attributes,
    resource,
    events,
    links: refs.filter(ref => ref !== caller).map(ref => linkOf(ref, traceId)),
  };
}

/** A UUID is an id as it stands; the ids of Java agents (`<32 hex>.<thread>.<time and number>`) are not. */
function traceIdOf(text: string | undefined): DraftId {
  if (text === undefined || text === '') return undefined;
  return /^[0-9a-f]{32}$/i.test(text.replaceAll('-', '')) ? text : inventedId(text, 16);
}

function spanIdOf(segmentId: string | undefined, number: bigint | undefined): DraftId {
  return segmentId === undefined || segmentId === '' || number === undefined
    ? undefined
    : inventedId(`${segmentId}.${number}`, 8);
}

function idOfRef(ref: JsonRecord): DraftId {
  return spanIdOf(textOf(ref.parentTraceSegmentId) ?? textOf(ref.parentSegmentId), integerOf(ref.parentSpanId ?? 0n));
}

function linkOf(ref: JsonRecord, traceId: string | undefined): LinkDraft {
  const attributes = new Map<string, AttributeValue>();
  addFields(attributes, ref, 'sw8.', REF_NAMES);
  return { traceId: traceIdOf(textOf(ref.traceId) ?? traceId), spanId: idOfRef(ref), attributes };
}

/** Layers and types are words, in any case; protobuf's numbers where a segment was printed as such. */
function kindOf(span: JsonRecord): SpanKind {
  const isQueue = /^(mq|4)$/i.test(textOf(span.spanLayer) ?? textOf(span.layer) ?? '');
  switch ((textOf(span.spanType) ?? textOf(span.type) ?? 'entry').toLowerCase()) {
    case 'entry':
    case '0':
      return isQueue ? 'consumer' : 'server';
    case 'exit':
    case '1':
      return isQueue ? 'producer' : 'client';
    case 'local':
    case '2':
      return 'internal';
    default:
      return 'unspecified';
  }
}

/** Logs are as in OpenTracing: one `event` says what it is, and an error brings `error.kind`, `message` and `stack`. */
const ERROR_NAMES: Readonly<Record<string, string>> = {
  'error.kind': 'exception.type',
  message: 'exception.message',
  stack: 'exception.stacktrace',
};

function eventOf(log: JsonRecord, repair: RecordContext['repair']): EventDraft {
  const data = new Map(listOf(log.data).map(item => [textOf(recordOf(item).key) ?? '', recordOf(item).value ?? null]));
  const name = textOf(data.get('event'));
  const isException = data.has('error.kind');
  if (name !== undefined) data.delete('event');
  const attributes = new Map<string, AttributeValue>();
  addFields(attributes, Object.fromEntries(data), '', isException ? ERROR_NAMES : {});
  return {
    timeUnixNano: readNanos(log, 'time', 3, repair),
    name: isException ? 'exception' : (name ?? ''),
    attributes,
  };
}

function messageOf(events: readonly EventDraft[]): string | undefined {
  const message = events.find(({ name }) => name === 'exception')?.attributes?.get('exception.message');
  return typeof message === 'string' ? message : undefined;
}
