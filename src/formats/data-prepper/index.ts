import type { AttributeValue } from '../../model/attributes.ts';
import {
  attributeOf,
  attributesOf,
  integerOf,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import { recordFormat } from '../drafts/record-format.ts';
import type { EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import type { JsonFormat } from '../format.ts';
import { countOfCell, kindOfCell, statusOfCell, timeOfCell } from '../rows/cells.ts';

// Span documents that OpenSearch Data Prepper writes into the index `otel-v1-apm-span-*`, one span a document.
// https://github.com/opensearch-project/data-prepper (JacksonSpan, JacksonStandardSpan, OTelProtoOpensearchCodec)
// {"traceId":"6d0f…","spanId":"9daf…","parentSpanId":"","name":"HTTP PUT","kind":"SPAN_KIND_CLIENT","startTime":"2020-08-20T05:40:46.052809200Z",
//  "endTime":"…","durationInNanos":32013300,"serviceName":"shop","traceGroup":"/logs","span.attributes.http@method":"PUT",
//  "resource.attributes.service@name":"shop","status.code":1,"instrumentationScope.name":"…","events":[…],"links":[…]}
//
// Three generations: flat, where `@` stands for the dots of an attribute's name (the above); flat and older, with
// `resource.attributes@telemetry@sdk@name` or with plain dots, and ids in base64; and the nested one of today, with
// `attributes`, `resource.attributes`, `status` and `scope` (or `instrumentationScope`) as objects.

const format = recordFormat({
  name: 'data-prepper',
  title: 'OpenSearch Data Prepper span documents',
  recognised:
    '`traceId` and `spanId` beside `traceGroup`, `traceGroupFields`, `durationInNanos`, flat attributes, or `startTime` with a `kind`',
  places: ['', '[]', '._source', '[]._source', '.hits.hits[]._source', '[].hits.hits[]._source'],
  matches: has => hasIds(has) && (OWN_FIELDS.some(has) || REQUIRED_FIELDS.every(has)),
  open: ({ emit, skip }) => ({
    read(value) {
      const document = recordOf(value);
      // An answer of a search over several indices holds these beside spans.
      if (document.traceId === undefined && document.hashId !== undefined) {
        skip('no-spans', 'a service map document of Data Prepper');
      } else emit(draftOf(document));
    },
  }),
});

export const dataPrepper: JsonFormat = {
  ...format,
  sniff(outline) {
    const sighting = format.sniff(outline);
    if (sighting !== undefined) return sighting;
    const attribute = [...outline.paths].map(path => FLAT_ATTRIBUTE.exec(path)).find(match => match !== null);
    const container = attribute?.[1];
    return container !== undefined && hasIds(path => outline.paths.has(container + path)) ? { container } : undefined;
  },
};

/** An attribute of the flat forms, behind the place of its document. */
const FLAT_ATTRIBUTE = /^((?:\[\])?(?:\._source|\.hits\.hits\[\]\._source)?)\.(?:span|resource)\.attributes[.@]/;

function hasIds(has: (path: string) => boolean): boolean {
  return has('.traceId') && has('.spanId');
}

/** Fields that no other tool has. */
const OWN_FIELDS = [
  '.traceGroup',
  '.traceGroupFields',
  '.traceGroupFields.endTime',
  '.traceGroupFields.statusCode',
  '.durationInNanos',
];
/** What Data Prepper refuses to write a span without; other tools have not all of it, or not under these names. */
const REQUIRED_FIELDS = ['.name', '.kind', '.startTime', '.endTime'];

/** Fields that are read, or that repeat what others say. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  'traceId',
  'spanId',
  'parentSpanId',
  'traceState',
  'name',
  'kind',
  'startTime',
  'endTime',
  'durationInNanos',
  'serviceName',
  'flags',
  'status',
  'status.code',
  'status.message',
  'attributes',
  'span',
  'resource',
  'scope',
  'instrumentationScope',
  'instrumentationLibrary',
  'events',
  'links',
  'droppedAttributesCount',
  'droppedEventsCount',
  'droppedLinksCount',
  'schemaUrl',
  // The root span's name and times, which the root span has too.
  'traceGroup',
  'traceGroupFields',
  // The start once more, for data streams.
  '@timestamp',
  'time',
]);

/** What a flat field belongs to, by the beginning of its name. */
const FLAT_FIELD =
  /^(span\.attributes|resource\.attributes|instrumentation(?:Scope|Library)|traceGroupFields)[.@](.+)$/s;

/** The maps that a document's attributes go into. */
interface Attributes {
  readonly span: Map<string, AttributeValue>;
  readonly resource: Map<string, AttributeValue>;
  readonly scope: Map<string, AttributeValue>;
}

function draftOf(document: JsonRecord): SpanDraft {
  const resource = recordOf(document.resource);
  const scope = recordOf(document.scope ?? document.instrumentationScope ?? document.instrumentationLibrary);
  const attributes: Attributes = {
    span: attributesOf(recordOf(document.span).attributes),
    resource: attributesOf(resource.attributes),
    scope: attributesOf(scope.attributes),
  };
  // Before a document is written, its attributes stand in `attributes` under the flat names.
  for (const [key, value] of Object.entries(recordOf(document.attributes))) sortField(key, value, attributes);
  for (const [key, value] of Object.entries(document)) if (!KNOWN_FIELDS.has(key)) sortField(key, value, attributes);
  const service = textOf(document.serviceName) ?? '';
  // Where a resource is an object, names have their dots, and an `@` is one.
  const dot = isRecord(document.resource) ? undefined : '@';
  if (service !== '' && !attributes.resource.has('service.name')) attributes.resource.set('service.name', service);
  const start = timeOfCell(document.startTime);
  const end = timeOfCell(document.endTime);
  const status = recordOf(document.status);
  return {
    traceId: textOf(document.traceId),
    spanId: textOf(document.spanId),
    parentSpanId: textOf(document.parentSpanId),
    traceState: textOf(document.traceState),
    name: textOf(document.name),
    kind: kindOfCell(document.kind),
    startTimeUnixNano: start,
    ...(start === undefined || end === undefined
      ? { durationNano: integerOf(document.durationInNanos), endTimeUnixNano: end }
      : { endTimeUnixNano: end }),
    status: {
      code: statusOfCell(status.code ?? document['status.code']) ?? 'unset',
      message: textOf(status.message ?? document['status.message']),
    },
    attributes: attributes.span,
    resource: attributes.resource,
    scope: {
      name: textOf(scope.name) ?? flatScope(document, 'name') ?? '',
      version: textOf(scope.version) ?? flatScope(document, 'version'),
      attributes: attributes.scope,
    },
    events: listOf(document.events).map(event => eventOf(recordOf(event), dot)),
    links: listOf(document.links).map(link => linkOf(recordOf(link), dot)),
    flags: countOfCell(document.flags),
    droppedAttributesCount: countOfCell(document.droppedAttributesCount),
    droppedEventsCount: countOfCell(document.droppedEventsCount),
    droppedLinksCount: countOfCell(document.droppedLinksCount),
  };
}

/** Puts a field that is an attribute where it belongs. */
function sortField(key: string, value: JsonValue, { span, resource, scope }: Attributes): void {
  if (value === null) return;
  const [, place = '', rest = ''] = FLAT_FIELD.exec(key) ?? [];
  const name = rest.replaceAll('@', '.');
  if (place === 'span.attributes') span.set(name, attributeOf(value));
  else if (place === 'resource.attributes') resource.set(name, attributeOf(value));
  else if (place === '') span.set(key, attributeOf(value));
  else if (place.startsWith('instrumentation') && name.startsWith('attributes.')) {
    scope.set(name.slice('attributes.'.length), attributeOf(value));
  }
}

function flatScope(document: JsonRecord, field: 'name' | 'version'): string | undefined {
  for (const place of ['instrumentationScope', 'instrumentationLibrary']) {
    const text = textOf(document[`${place}.${field}`]) ?? textOf(recordOf(document.attributes)[`${place}.${field}`]);
    if (text !== undefined) return text;
  }
  return undefined;
}

function eventOf(event: JsonRecord, dot: string | undefined): EventDraft {
  return {
    timeUnixNano: timeOfCell(event.time),
    name: textOf(event.name) ?? '',
    attributes: attributesOfPart(event, ['droppedAttributesCount'], dot),
  };
}

function linkOf(link: JsonRecord, dot: string | undefined): LinkDraft {
  return {
    traceId: textOf(link.traceId),
    spanId: textOf(link.spanId),
    attributes: attributesOfPart(link, ['traceState', 'droppedAttributesCount'], dot),
  };
}

/** The attributes of an event or link, and fields that have no other place, unless they are empty; `dot` stands for dots. */
function attributesOfPart(
  part: JsonRecord,
  fields: readonly string[],
  dot: string | undefined,
): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  for (const [key, value] of attributesOf(part.attributes)) {
    attributes.set(dot === undefined ? key : key.replaceAll(dot, '.'), value);
  }
  for (const field of fields) {
    const value = part[field] ?? '';
    if (value !== '' && value !== 0n) attributes.set(field, attributeOf(value));
  }
  return attributes;
}
