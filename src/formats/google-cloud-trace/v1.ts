import type { AttributeValue } from '../../model/attributes.ts';
import type { SpanKind } from '../../model/status.ts';
import { addFields, integerOf, type JsonRecord, omit, recordOf, textOf } from '../drafts/record.ts';
import type { RecordContext } from '../drafts/record-format.ts';
import type { SpanDraft } from '../drafts/span-draft.ts';
import { readRfc3339 } from '../drafts/times.ts';

// A span of the API v1: what `projects.traces.get` and `list` answer.
// https://cloud.google.com/trace/docs/reference/v1/rest/v1/projects.traces
// {"projectId":"shop","traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spans":[{"spanId":"15021731501236","kind":"RPC_SERVER",
//  "name":"/checkout","startTime":"2024-05-01T12:00:00.123456789Z","endTime":"…","parentSpanId":"…","labels":{"/http/method":"GET"}}]}
// Span ids are decimal.

/** Labels that OpenTelemetry has other names for. */
export const LABEL_NAMES = {
  '/http/method': 'http.request.method',
  '/http/url': 'url.full',
  '/http/path': 'url.path',
  '/http/host': 'server.address',
  '/http/route': 'http.route',
  '/http/user_agent': 'user_agent.original',
  '/http/client_protocol': 'network.protocol.name',
  '/http/request/size': 'http.request.body.size',
  '/http/response/size': 'http.response.body.size',
  '/error/name': 'error.type',
  '/stacktrace': 'exception.stacktrace',
};
/** Labels that name the service, the surest first. */
export const SERVICE_LABELS = [
  'service.name',
  'g.co/gae/app/module',
  'g.co/r/cloud_run_revision/service_name',
  '/component',
];
const KINDS: Readonly<Record<string, SpanKind>> = { RPC_SERVER: 'server', RPC_CLIENT: 'client' };

/** Returns the span of a trace. */
export function draftOfV1(trace: JsonRecord, span: JsonRecord, { repair }: RecordContext): SpanDraft {
  const labels = recordOf(span.labels);
  const kind = KINDS[textOf(span.kind) ?? ''] ?? 'unspecified';
  const attributes = new Map<string, AttributeValue>();
  addFields(attributes, omit(labels, ['/http/status_code']), '', LABEL_NAMES);
  const status = integerOf(labels['/http/status_code']);
  addFields(attributes, { status: status ?? labels['/http/status_code'] ?? null }, '', {
    status: 'http.response.status_code',
  });
  const fields = ['spanId', 'parentSpanId', 'kind', 'name', 'startTime', 'endTime', 'labels'];
  addFields(attributes, omit(span, fields), 'gcp.trace.');
  const resource = new Map<string, AttributeValue>();
  const service = SERVICE_LABELS.map(label => textOf(labels[label])).find(name => name !== undefined);
  addFields(resource, { service: service ?? null, project: trace.projectId ?? null }, '', {
    service: 'service.name',
    project: 'cloud.account.id',
  });
  const message = textOf(labels['/error/message']);
  // A client's 4xx is an error, a server's is not.
  const failed =
    message !== undefined || labels['/error/name'] !== undefined || (status ?? 0n) >= (kind === 'client' ? 400n : 500n);
  return {
    traceId: textOf(trace.traceId),
    spanId: integerOf(span.spanId) ?? textOf(span.spanId),
    parentSpanId: integerOf(span.parentSpanId) ?? textOf(span.parentSpanId),
    name: textOf(span.name),
    kind,
    startTimeUnixNano: readRfc3339(span.startTime, repair),
    endTimeUnixNano: readRfc3339(span.endTime, repair),
    status: failed ? { code: 'error', message } : undefined,
    attributes,
    resource,
  };
}
