import type { AttributeValue } from '../../model/attributes.ts';
import type { SpanKind } from '../../model/status.ts';
import { SPAN_KINDS } from '../../model/status.ts';
import {
  addFields,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  omit,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import { nanosOf, nanosOfRfc3339, readNanos } from '../drafts/times.ts';

// Elastic APM: what agents send (intake v2, one object a line), and the documents that the server makes of it.
// https://www.elastic.co/guide/en/apm/server/current/events-api.html
// {"metadata":{"service":{"name":"shop","agent":{…}},"process":{…},"system":{…}}}
// {"transaction":{"trace_id":"…","id":"…","name":"GET /","type":"request","timestamp":1700000000000000,"duration":32.5,"outcome":…}}
// {"span":{"trace_id":"…","id":"…","parent_id":"…","name":"SELECT","type":"db","subtype":"postgresql","duration":3.78,"context":{…}}}
// Documents: {"processor":{"event":"span"},"trace":{"id":"…"},"span":{"id":"…","duration":{"us":3781}},"timestamp":{"us":…},…}
// An error is a record of its own. It becomes a span of no duration below the span in which it happened, with an exception event, for
// that one may stand anywhere in the file.

const RESOURCE_NAMES = {
  'service.environment': 'deployment.environment.name',
  'service.node.configured_name': 'service.instance.id',
  'service.node.name': 'service.instance.id',
  'service.language.name': 'telemetry.sdk.language',
  'service.runtime.name': 'process.runtime.name',
  'service.runtime.version': 'process.runtime.version',
  'service.agent.name': 'agent.name',
  'service.agent.version': 'agent.version',
  'process.ppid': 'process.parent_pid',
  'system.configured_hostname': 'host.name',
  'system.detected_hostname': 'host.name',
  'system.hostname': 'host.name',
  'host.hostname': 'host.name',
  'system.architecture': 'host.arch',
  'host.architecture': 'host.arch',
  'system.platform': 'os.type',
  'system.container.id': 'container.id',
  'system.kubernetes.namespace': 'k8s.namespace.name',
  'system.kubernetes.pod.name': 'k8s.pod.name',
  'system.kubernetes.pod.uid': 'k8s.pod.uid',
  'system.kubernetes.node.name': 'k8s.node.name',
  'kubernetes.namespace': 'k8s.namespace.name',
  'kubernetes.pod.name': 'k8s.pod.name',
  'kubernetes.pod.uid': 'k8s.pod.uid',
  'kubernetes.node.name': 'k8s.node.name',
  'cloud.account.id': 'cloud.account.id',
  'cloud.instance.id': 'host.id',
  'cloud.machine.type': 'host.type',
};
const CONTEXT_NAMES = {
  'request.method': 'http.request.method',
  'request.url.full': 'url.full',
  'request.url.pathname': 'url.path',
  'request.url.search': 'url.query',
  'request.http_version': 'network.protocol.version',
  'response.status_code': 'http.response.status_code',
  'http.method': 'http.request.method',
  'http.url': 'url.full',
  'http.status_code': 'http.response.status_code',
  'http.response.status_code': 'http.response.status_code',
  'db.statement': 'db.query.text',
  'db.instance': 'db.namespace',
  'db.type': 'db.system.name',
  'destination.address': 'server.address',
  'destination.port': 'server.port',
  'destination.service.resource': 'peer.service',
  'message.queue.name': 'messaging.destination.name',
  'user.id': 'enduser.id',
};
const RECORD_FIELDS = [
  ...['id', 'trace_id', 'parent_id', 'name', 'timestamp', 'duration', 'start', 'context', 'links', 'otel'],
  ...['exception', 'log', 'stacktrace'],
];
/** Parts of a document that say where something ran, and parts that say how it is stored. */
const DOCUMENT_RESOURCE = ['service', 'agent', 'host', 'container', 'kubernetes', 'cloud', 'process', 'observer'];
const DOCUMENT_STORAGE = ['@timestamp', 'timestamp', 'processor', 'data_stream', 'ecs', 'trace', 'parent'];

export const elasticApm = recordFormat({
  name: 'elastic-apm',
  title: 'Elastic APM events',
  recognised:
    'lines of `metadata`, `transaction`, `span`, `error` and `metricset`, or documents with `processor.event`',
  places: ['', '[]', '._source', '[]._source', '.hits.hits[]._source'],
  decimals: ['duration', 'timestamp', 'start'],
  matches: has =>
    (has('.metadata.service') && has('.metadata.service.agent')) ||
    ['transaction', 'span', 'error'].some(
      kind => has(`.${kind}.id`) && (has(`.${kind}.trace_id`) || has(`.${kind}.timestamp`)),
    ) ||
    (has('.metricset.samples') && !has('.processor.event')) ||
    (has('.processor.event') && (has('.timestamp.us') || has('.trace.id'))),
  open: context => {
    const reader = new ElasticReader(context);
    return { beginSource: () => reader.begin(), read: record => reader.read(recordOf(record)) };
  },
});

class ElasticReader {
  readonly #context: RecordContext;
  /** What the metadata in front of the records says. */
  #resource: ReadonlyMap<string, AttributeValue> = new Map();

  constructor(context: RecordContext) {
    this.#context = context;
  }

  begin(): void {
    this.#resource = new Map();
  }

  read(record: JsonRecord): void {
    const { emit, skip } = this.#context;
    if (at(record, 'processor.event') !== undefined) return this.#readDocument(record);
    if (isRecord(record.metadata)) {
      const resource = new Map<string, AttributeValue>();
      addFields(resource, omit(record.metadata, ['labels']), '', RESOURCE_NAMES);
      addFields(resource, record.metadata.labels, 'labels.');
      this.#resource = resource;
    } else if (isRecord(record.transaction)) {
      const { transaction } = record;
      emit(() => this.#draftOf(transaction, 'transaction'));
    } else if (isRecord(record.span)) {
      const { span } = record;
      emit(() => this.#draftOf(span, 'span'));
    } else if (isRecord(record.error)) {
      const { error } = record;
      emit(() => this.#errorOf(error));
    } else if (record.metricset !== undefined) skip('metric-records', 'a metricset');
    else if (record.log !== undefined) skip('log-records', 'a log');
    else skip('other-records', Object.keys(record).slice(0, 3).join(' '));
  }

  #draftOf(record: JsonRecord, kind: 'transaction' | 'span'): SpanDraft {
    const { repair } = this.#context;
    const attributes = new Map<string, AttributeValue>();
    addFields(attributes, { type: record.type ?? null }, `${kind}.`);
    addContext(attributes, record.context);
    addFields(attributes, recordOf(record.otel).attributes);
    addFields(attributes, omit(record, [...RECORD_FIELDS, 'type', 'outcome']), `${kind}.`);
    return {
      traceId: textOf(record.trace_id),
      spanId: textOf(record.id),
      parentSpanId: textOf(record.parent_id) ?? (kind === 'span' ? textOf(record.transaction_id) : undefined),
      name: textOf(record.name),
      kind: kindOf(textOf(recordOf(record.otel).span_kind), kind, textOf(record.type) ?? ''),
      startTimeUnixNano: readNanos(record, 'timestamp', 6, repair),
      durationNano: readNanos(record, 'duration', 3, repair),
      status: statusOf(textOf(record.outcome)),
      attributes,
      resource: this.#resourceOf(record),
      links: listOf(record.links).filter(isRecord).map(linkOf),
    };
  }

  #errorOf(error: JsonRecord): SpanDraft {
    const { repair } = this.#context;
    const time = readNanos(error, 'timestamp', 6, repair);
    const exception = exceptionOf(recordOf(error.exception), recordOf(error.log), time);
    const attributes = new Map<string, AttributeValue>();
    addContext(attributes, error.context);
    addFields(attributes, omit(error, RECORD_FIELDS), 'error.');
    return {
      traceId: textOf(error.trace_id),
      spanId: spanIdOfError(textOf(error.id)),
      parentSpanId: textOf(error.parent_id) ?? textOf(error.transaction_id),
      ...failureOf(exception),
      startTimeUnixNano: time,
      durationNano: 0n,
      attributes,
      resource: this.#resourceOf(error),
    };
  }

  /** A record may say that it is of another service than its metadata. */
  #resourceOf(record: JsonRecord): ReadonlyMap<string, AttributeValue> {
    const service = recordOf(recordOf(record.context).service);
    if (service.name === undefined) return this.#resource;
    const resource = new Map(this.#resource);
    addFields(resource, { service: omit(service, ['target']) }, '', RESOURCE_NAMES);
    return resource;
  }

  #readDocument(document: JsonRecord): void {
    const { emit, skip } = this.#context;
    switch (textOf(at(document, 'processor.event'))) {
      case 'transaction':
        return emit(() => documentDraft(document, 'transaction'));
      case 'span':
        return emit(() => documentDraft(document, 'span'));
      case 'error':
        return emit(() => documentError(document));
      case 'metric':
        return skip('metric-records', 'a metric');
      case 'log':
        return skip('log-records', 'a log');
      default:
        return skip('other-records', `an event of kind ${textOf(at(document, 'processor.event'))}`);
    }
  }
}

function documentDraft(document: JsonRecord, kind: 'transaction' | 'span'): SpanDraft {
  const field = (name: string) => at(document, `${kind}.${name}`);
  return {
    ...documentBase(document, [`${kind}.id`, `${kind}.name`, `${kind}.duration.us`, 'span.links']),
    spanId: textOf(field('id')),
    name: textOf(field('name')),
    kind: kindOf(textOf(at(document, 'span.kind')), kind, textOf(field('type')) ?? ''),
    durationNano: nanosOf(field('duration.us'), 6),
    status: statusOf(textOf(at(document, 'event.outcome'))),
    links: listOf(at(document, 'span.links')).filter(isRecord).map(documentLink),
  };
}

function documentError(document: JsonRecord): SpanDraft {
  const base = documentBase(document, ['error.exception', 'error.log.message', 'error.log.stacktrace']);
  const exceptions = at(document, 'error.exception');
  const exception = recordOf(Array.isArray(exceptions) ? listOf(exceptions)[0] : exceptions);
  return {
    ...base,
    spanId: spanIdOfError(textOf(at(document, 'error.id'))),
    ...failureOf(exceptionOf(exception, recordOf(at(document, 'error.log')), base.startTimeUnixNano)),
    durationNano: 0n,
  };
}

/** What a document of any kind says; `fields` are those of which more than attributes is made. */
function documentBase(document: JsonRecord, fields: readonly string[]): SpanDraft {
  const attributes = new Map<string, AttributeValue>();
  const resource = new Map<string, AttributeValue>();
  const isOf = (parts: readonly string[], key: string) =>
    parts.some(part => key === part || key.startsWith(`${part}.`));
  for (const [key, value] of Object.entries(document)) {
    if (isOf(DOCUMENT_STORAGE, key)) continue;
    if (isOf(DOCUMENT_RESOURCE, key)) addFields(resource, { [key]: value }, '', RESOURCE_NAMES);
    else
      addFields(attributes, { [key]: value }, '', { 'span.db.statement': 'db.query.text', 'url.original': 'url.full' });
  }
  for (const field of fields) attributes.delete(field);
  return {
    traceId: textOf(at(document, 'trace.id')),
    spanId: undefined,
    parentSpanId: textOf(at(document, 'parent.id')),
    startTimeUnixNano: nanosOf(at(document, 'timestamp.us'), 6) ?? nanosOfRfc3339(textOf(document['@timestamp']) ?? ''),
    attributes,
    resource,
  };
}

/** The value at a path, of which any part may be written with dots: `{"trace":{"id":…}}` or `{"trace.id":…}`. */
function at(record: JsonRecord, path: string): JsonValue | undefined {
  if (Object.hasOwn(record, path)) return record[path];
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const inner = record[path.slice(0, dot)];
    const value = isRecord(inner) ? at(inner, path.slice(dot + 1)) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}

function addContext(attributes: Map<string, AttributeValue>, context: JsonValue | undefined): void {
  const parts = recordOf(context);
  addFields(attributes, parts.tags, 'labels.');
  addFields(attributes, omit(parts, ['tags', 'service']), '', CONTEXT_NAMES);
  addFields(attributes, recordOf(parts.service).target, 'service.target.');
}

function kindOf(otel: string | undefined, kind: 'transaction' | 'span', type: string): SpanKind {
  const word = otel?.toLowerCase();
  const known = SPAN_KINDS.find(one => one === word);
  if (known !== undefined) return known;
  if (kind === 'transaction') return type === 'messaging' ? 'consumer' : type === 'request' ? 'server' : 'internal';
  if (type === 'messaging') return 'producer';
  return ['db', 'external', 'cache', 'storage'].includes(type) ? 'client' : 'internal';
}

function statusOf(outcome: string | undefined): SpanDraft['status'] {
  return outcome === 'failure' ? { code: 'error' } : undefined;
}

function linkOf(link: JsonRecord): LinkDraft {
  return { traceId: textOf(link.trace_id), spanId: textOf(link.span_id) };
}

function documentLink(link: JsonRecord): LinkDraft {
  return { traceId: textOf(at(link, 'trace.id')), spanId: textOf(at(link, 'span.id')) };
}

/** The ids of errors have 16 bytes. */
function spanIdOfError(id: string | undefined): string | undefined {
  return id !== undefined && /^[0-9a-f]{32}$/i.test(id) ? id.slice(16) : id;
}

function exceptionOf(exception: JsonRecord, log: JsonRecord, time: bigint | undefined): EventDraft {
  const attributes = new Map<string, AttributeValue>();
  addFields(
    attributes,
    { message: exception.message ?? log.message ?? null, type: exception.type ?? null },
    'exception.',
  );
  const frames = listOf(exception.stacktrace ?? log.stacktrace).filter(isRecord);
  if (frames.length > 0) attributes.set('exception.stacktrace', frames.map(frameText).join('\n'));
  addFields(attributes, omit(exception, ['message', 'type', 'stacktrace', 'cause']), 'exception.');
  addFields(attributes, omit(log, ['message', 'stacktrace']), 'log.');
  return { timeUnixNano: time, name: 'exception', attributes };
}

function frameText(frame: JsonRecord): string {
  const line = textOf(frame.lineno) ?? textOf(at(frame, 'line.number'));
  const place = [textOf(frame.filename) ?? textOf(frame.abs_path) ?? '', line].filter(part => part !== undefined);
  return `at ${textOf(frame.function) ?? textOf(frame.classname) ?? ''} (${place.join(':')})`;
}

/** A span that stands for an error. */
function failureOf(event: EventDraft): Pick<SpanDraft, 'name' | 'kind' | 'status' | 'events'> {
  const type = event.attributes?.get('exception.type');
  const message = event.attributes?.get('exception.message');
  return {
    name: typeof type === 'string' ? type : 'error',
    kind: 'internal',
    status: { code: 'error', message: typeof message === 'string' ? message : undefined },
    events: [event],
  };
}
