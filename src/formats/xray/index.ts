import type { AttributeValue } from '../../model/attributes.ts';
import {
  addFields,
  attributeOf,
  flatAttributesOf,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  omit,
  parseJson,
  pick,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { EventDraft, SpanDraft } from '../drafts/span-draft.ts';
import { readNanos } from '../drafts/times.ts';
import type { JsonFormat } from '../format.ts';
import type { Outline } from '../json/outline.ts';

// AWS X-Ray: segment documents, and the answers and requests of its API that hold them as text.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
// {"trace_id":"1-581cf771-a006649127e371903a2de979","id":"53995c3f42cd8ad8","name":"api","start_time":1478293361.271,
//  "end_time":1478293361.449,"http":{…},"annotations":{…},"subsegments":[{"id":…,"name":…,"namespace":"remote",…}]}
// {"Traces":[{"Id":"1-…","Segments":[{"Id":"…","Document":"{\"id\":…}"}]}]}
// What a daemon gets by UDP is a document behind a line {"format":"json","version":1}.

/** Fields of which more is made than an attribute. */
const STRUCTURE = [
  'annotations',
  'aws',
  'cause',
  'end_time',
  'http',
  'id',
  'links',
  'metadata',
  'name',
  'origin',
  'parent_id',
  'resource_arn',
  'service',
  'sql',
  'start_time',
  'subsegments',
  'trace_id',
  'user',
];
const DECIMALS = ['start_time', 'end_time'];

const HTTP_NAMES = {
  'request.method': 'http.request.method',
  'request.url': 'url.full',
  'request.user_agent': 'user_agent.original',
  'request.client_ip': 'client.address',
  'response.status': 'http.response.status_code',
  'response.content_length': 'http.response.body.size',
};
const SQL_NAMES = { sanitized_query: 'db.query.text', database_type: 'db.system.name', user: 'db.user' };
/** Of `aws`, what describes the resource that a segment ran on and not the call. */
const AWS_RESOURCE = ['account_id', 'cloudwatch_logs', 'ec2', 'ecs', 'eks', 'elastic_beanstalk', 'xray'];
const AWS_RESOURCE_NAMES = {
  account_id: 'cloud.account.id',
  'ec2.instance_id': 'host.id',
  'ec2.instance_size': 'host.type',
  'ec2.ami_id': 'host.image.id',
  'ec2.availability_zone': 'cloud.availability_zone',
  'ecs.container_id': 'container.id',
  'eks.cluster_name': 'k8s.cluster.name',
  'eks.pod': 'k8s.pod.name',
  'eks.container_id': 'container.id',
  'xray.sdk': 'telemetry.sdk.name',
  'xray.sdk_version': 'telemetry.sdk.version',
};

const documents = recordFormat({
  name: 'xray',
  title: 'AWS X-Ray segments',
  recognised: 'segments with `trace_id`, `id` and `start_time`, or `Segments` in `Traces`',
  places: ['', '[]', '.Traces[]'],
  decimals: DECIMALS,
  matches: has =>
    (has('.trace_id') && has('.id') && has('.start_time')) ||
    has('.Segments[].Document') ||
    (has('.Document') && has('.Id')) ||
    has('.TraceSegmentDocuments'),
  open: context => {
    const reader = new XrayReader(context);
    return { read: record => reader.read(recordOf(record)) };
  },
});

export const xray: JsonFormat = {
  ...documents,
  sniff: outline => (isUdpHeader(outline) ? { container: '' } : documents.sniff(outline)),
};

/** `{"format":"json","version":1}` and nothing else. */
function isUdpHeader({ paths, opening, complete, error }: Outline): boolean {
  if (!complete || error !== undefined || opening !== '{') return false;
  return paths.size === 2 && paths.has('.format') && paths.has('.version');
}

/** A segment or subsegment on its way to a span. */
interface Pending {
  readonly segment: JsonRecord;
  readonly traceId: string | undefined;
  /** Of the subsegment's encloser. */
  readonly parentId: string | undefined;
  readonly resource: ReadonlyMap<string, AttributeValue> | undefined;
  readonly isSubsegment: boolean;
}

class XrayReader {
  readonly #context: RecordContext;

  constructor(context: RecordContext) {
    this.#context = context;
  }

  read(record: JsonRecord): void {
    if (record.id !== undefined || record.trace_id !== undefined) this.#write([record], undefined);
    else if (record.Segments !== undefined) {
      this.#write(this.#parsed(listOf(record.Segments).map(item => recordOf(item).Document)), textOf(record.Id));
    } else if (record.Document !== undefined) this.#write(this.#parsed([record.Document]), undefined);
    else if (record.TraceSegmentDocuments !== undefined) {
      this.#write(this.#parsed(listOf(record.TraceSegmentDocuments)), undefined);
    }
  }

  /** Documents that are text inside JSON. */
  #parsed(texts: readonly (JsonValue | undefined)[]): JsonRecord[] {
    const decimals = new Set(DECIMALS);
    return texts.flatMap(text => {
      if (isRecord(text)) return [text];
      try {
        const document = parseJson(textOf(text) ?? '', decimals);
        if (isRecord(document)) return [document];
        this.#context.skip('malformed-json', 'a segment document that is no object');
      } catch (error) {
        this.#context.skip('malformed-json', error instanceof Error ? error.message : String(error));
      }
      return [];
    });
  }

  /** Writes segments that came together, and all subsegments in them. */
  #write(segments: readonly JsonRecord[], traceIdOfAll: string | undefined): void {
    // A subsegment that was sent by itself belongs to the service of the segment that it names.
    const resources = new Map<string, ReadonlyMap<string, AttributeValue>>();
    const own = new Map<JsonRecord, ReadonlyMap<string, AttributeValue>>();
    for (const segment of segments.filter(segment => !isIndependent(segment))) {
      const resource = resourceOf(segment);
      own.set(segment, resource);
      if (segments.length > 1) for (const inner of within(segment)) resources.set(textOf(inner.id) ?? '', resource);
    }
    const open: Pending[] = segments.map(segment => ({
      segment,
      traceId: textOf(segment.trace_id) ?? traceIdOfAll,
      parentId: undefined,
      resource: own.get(segment) ?? resources.get(textOf(segment.parent_id) ?? ''),
      isSubsegment: isIndependent(segment),
    }));
    open.reverse();
    for (;;) {
      const next = open.pop();
      if (next === undefined) return;
      const { segment, traceId, resource } = next;
      this.#context.emit(() => this.#draftOf(next));
      const parentId = textOf(segment.id);
      for (const inner of listOf(segment.subsegments).filter(isRecord).reverse()) {
        open.push({ segment: inner, traceId, parentId, resource, isSubsegment: true });
      }
    }
  }

  #draftOf({ segment, traceId, parentId, resource, isSubsegment }: Pending): SpanDraft {
    const { repair } = this.#context;
    const start = readNanos(segment, 'start_time', 0, repair);
    const end = readNanos(segment, 'end_time', 0, repair);
    const attributes = new Map<string, AttributeValue>();
    const namespace = textOf(segment.namespace);
    const isCall = namespace === 'remote' || namespace === 'aws';
    if (isCall) attributes.set('peer.service', attributeOf(segment.name ?? ''));
    addFields(attributes, segment.http, 'http.', HTTP_NAMES);
    addFields(attributes, segment.sql, 'sql.', SQL_NAMES);
    addFields(attributes, omit(recordOf(segment.aws), isSubsegment ? [] : AWS_RESOURCE), 'aws.');
    addFields(attributes, { user: segment.user ?? null }, '', { user: 'enduser.id' });
    for (const [key, value] of Object.entries(recordOf(segment.annotations))) attributes.set(key, attributeOf(value));
    for (const [space, values] of Object.entries(recordOf(segment.metadata))) {
      addFields(attributes, isRecord(values) ? values : { '': values }, `metadata.${space}.`);
    }
    addFields(attributes, omit(segment, STRUCTURE), 'aws.xray.');
    if (isSubsegment) addFields(attributes, pick(segment, ['origin', 'resource_arn', 'service']), 'aws.xray.');
    const exceptions = this.#exceptionsOf(segment, end ?? start, attributes);
    const failed = segment.fault === true || segment.error === true || segment.throttle === true;
    const message = textOf(recordOf(listOf(recordOf(segment.cause).exceptions)[0]).message);
    return {
      traceId: traceIdOf(traceId),
      spanId: textOf(segment.id),
      parentSpanId: parentId ?? textOf(segment.parent_id),
      name: textOf(segment.name),
      kind: isSubsegment ? (isCall ? 'client' : 'internal') : 'server',
      startTimeUnixNano: start,
      endTimeUnixNano: end,
      status: failed ? { code: 'error', message } : undefined,
      attributes,
      resource,
      events: exceptions,
      links: listOf(segment.links)
        .map(recordOf)
        .map(link => ({
          traceId: traceIdOf(textOf(link.trace_id)),
          spanId: textOf(link.id),
          attributes: flatAttributesOf(link.attributes),
        })),
    };
  }

  /** The exceptions of `cause`; what else it holds goes to the attributes. It may also be the id of an exception elsewhere. */
  #exceptionsOf(
    { cause }: JsonRecord,
    time: bigint | undefined,
    attributes: Map<string, AttributeValue>,
  ): EventDraft[] {
    if (!isRecord(cause)) {
      addFields(attributes, { cause: cause ?? null }, 'aws.xray.');
      return [];
    }
    addFields(attributes, omit(cause, ['exceptions']), 'aws.xray.cause.');
    return listOf(cause.exceptions).map(item => {
      const exception = recordOf(item);
      const fields = new Map<string, AttributeValue>();
      addFields(fields, omit(exception, ['stack']), 'aws.xray.exception.', {
        type: 'exception.type',
        message: 'exception.message',
      });
      const stack = listOf(exception.stack).map(recordOf);
      if (stack.length > 0) fields.set('exception.stacktrace', stack.map(frameText).join('\n'));
      return { timeUnixNano: time, name: 'exception', attributes: fields };
    });
  }
}

/** A subsegment that was sent by itself. */
function isIndependent(segment: JsonRecord): boolean {
  return textOf(segment.type)?.toLowerCase() === 'subsegment';
}

/** A segment and all that is in it. */
function* within(segment: JsonRecord): Generator<JsonRecord> {
  const open = [segment];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    yield next;
    for (const inner of listOf(next.subsegments)) if (isRecord(inner)) open.push(inner);
  }
}

/** A segment is named after the service that it ran in. */
function resourceOf(segment: JsonRecord): ReadonlyMap<string, AttributeValue> {
  const resource = new Map<string, AttributeValue>();
  addFields(resource, { name: segment.name ?? null }, '', { name: 'service.name' });
  addFields(resource, segment.service, 'aws.xray.service.', { version: 'service.version' });
  addFields(resource, pick(segment, ['origin', 'resource_arn']), 'aws.xray.');
  addFields(resource, pick(recordOf(segment.aws), AWS_RESOURCE), 'aws.', AWS_RESOURCE_NAMES);
  return resource;
}

/** `1-5759e988-bd862e3fe1be46a994272793`: a version, seconds and 96 random bits. Without the version it is 128 bits of hex. */
function traceIdOf(text: string | undefined): string | undefined {
  const match = /^1-([0-9a-f]{8})-?([0-9a-f]{24})$/i.exec(text ?? '');
  if (match !== null) return `${match[1]}${match[2]}`;
  return text;
}

function frameText({ path, line, label }: JsonRecord): string {
  const place = [textOf(path), textOf(line)].filter(part => part !== undefined).join(':');
  return `at ${textOf(label) ?? ''} (${place})`;
}
