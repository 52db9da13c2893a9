import type { AttributeValue } from '../../model/attributes.ts';
import {
  addFields,
  decimalText,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  omit,
  parseJson,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import { type RecordContext, recordContext } from '../drafts/record-format.ts';
import type { SpanDraft } from '../drafts/span-draft.ts';
import { readNanos, readRfc3339 } from '../drafts/times.ts';
import type { DecodeContext, LineDecoder, TextFormat } from '../format.ts';
import type { Reason } from '../reasons.ts';

// Sentry's envelopes, as SDKs send them: a header, and items of a header and a payload. https://develop.sentry.dev/sdk/data-model/envelopes/
// {"event_id":"…","sent_at":"…","dsn":"…"}
// {"type":"transaction","length":5321}
// {"type":"transaction","transaction":"GET /","start_timestamp":1700000000.123,"timestamp":1700000000.456,
//  "contexts":{"trace":{"trace_id":"…","span_id":"…","parent_span_id":"…","op":"http.server","status":"ok"}},"spans":[{…}]}
// Spans also come by themselves: items of type `span`, whose payload is {"items":[{"trace_id":…,"name":…,"end_timestamp":…}]}.
// Envelopes may stand one after the other.

const DECIMALS = new Set(['start_timestamp', 'timestamp', 'end_timestamp', 'exclusive_time']);
const TRACE_FIELDS = ['trace_id', 'span_id', 'parent_span_id', 'op', 'status', 'data'];
const SPAN_FIELDS = [
  ...['trace_id', 'span_id', 'parent_span_id', 'description', 'name', 'op', 'status', 'start_timestamp', 'timestamp'],
  ...['end_timestamp', 'data', 'tags', 'attributes', 'links'],
];
const TRANSACTION_FIELDS = [
  ...['type', 'transaction', 'start_timestamp', 'timestamp', 'contexts', 'spans', 'tags', 'environment', 'release'],
  ...['server_name', 'sdk', 'breadcrumbs', 'debug_meta', 'modules', 'request', 'user'],
];
/** Items that hold no spans, by what they are. */
const FOREIGN: Readonly<Record<string, Reason>> = {
  event: 'log-records',
  log: 'log-records',
  statsd: 'metric-records',
  trace_metric: 'metric-records',
  profile: 'profile-records',
  profile_chunk: 'profile-records',
};
/** Statuses that are no failure; others are gRPC's words for one. */
const GOOD_STATUS = ['ok', 'unset', ''];

export const sentryEnvelope: TextFormat = {
  name: 'sentry-envelope',
  title: 'Sentry envelopes',
  recognised: 'a header line with `event_id`, `sent_at` or `dsn`, and behind it an item with a `type`',
  family: 'text',
  sniff(lines) {
    const [header = '', item = ''] = lines;
    const envelope = parsedLine(header.replace(/^\ufeff/, ''));
    const isEnvelope =
      isRecord(envelope) && ['event_id', 'sent_at', 'dsn', 'sdk', 'trace'].some(key => key in envelope);
    const first = parsedLine(item);
    return isEnvelope && !('type' in envelope) && isRecord(first) && typeof first.type === 'string';
  },
  open: context => new EnvelopeDecoder(context),
};

function parsedLine(line: string): JsonValue | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return parseJson(line, DECIMALS);
  } catch {
    return undefined;
  }
}

/** An item whose payload is being read. */
interface Item {
  readonly type: string;
  /** Bytes of the payload, where the header says it. */
  readonly length: number | undefined;
  readonly offset: number;
  readonly lines: string[];
  bytes: number;
}

class EnvelopeDecoder implements LineDecoder {
  readonly #context: DecodeContext;
  readonly #records: RecordContext;
  #item: Item | undefined;
  /** Where an envelope begins that has no item yet. */
  #bareEnvelope: number | undefined;
  #offset = 0;

  constructor(context: DecodeContext) {
    this.#context = context;
    this.#records = recordContext(context, () => this.#offset);
  }

  begin(): void {
    this.#item = undefined;
    this.#bareEnvelope = undefined;
    this.#offset = 0;
  }

  line(text: string, offset: number): void {
    const item = this.#item;
    if (item !== undefined) return this.#addTo(item, text);
    this.#offset = offset;
    if (text.trim() === '') return;
    const header = parsedLine(text);
    if (!isRecord(header)) return this.#records.skip('malformed-json', text.slice(0, 60));
    // A header without a type is that of an envelope.
    const type = textOf(header.type);
    if (type === undefined) {
      this.#bareEnvelope = offset;
      return;
    }
    this.#bareEnvelope = undefined;
    const length = typeof header.length === 'bigint' ? Number(header.length) : undefined;
    this.#item = { type, length, offset, lines: [], bytes: 0 };
    if (length === 0) this.#endItem(this.#item);
  }

  end(): void {
    const from = this.#item?.offset ?? this.#bareEnvelope;
    if (from === undefined) return;
    this.#offset = from;
    const what = this.#item === undefined ? 'an item of the envelope' : `the payload of ${this.#item.type}`;
    this.#records.skip('truncated', `the input ends before ${what} does`);
    this.#item = undefined;
  }

  #addTo(item: Item, text: string): void {
    item.bytes += Buffer.byteLength(text) + (item.lines.length > 0 ? 1 : 0);
    if (item.bytes <= this.#context.limits.recordBytes) item.lines.push(text);
    if (item.bytes >= (item.length ?? 0)) this.#endItem(item);
  }

  #endItem(item: Item): void {
    this.#item = undefined;
    this.#offset = item.offset;
    if (item.bytes > this.#context.limits.recordBytes) {
      return this.#records.skip('record-too-large', `a payload of ${item.bytes} bytes`);
    }
    if (item.type !== 'transaction' && item.type !== 'span') {
      return this.#records.skip(FOREIGN[item.type] ?? 'other-records', `an item of type ${item.type}`);
    }
    const payload = parsedLine(item.lines.join('\n').trim());
    if (!isRecord(payload)) return this.#records.skip('malformed-json', `the payload of ${item.type}`);
    if (item.type === 'transaction') this.#readTransaction(payload);
    else if (Array.isArray(payload.items)) {
      for (const span of listOf(payload.items).filter(isRecord)) this.#emitSpan(span, resourceOf({}), undefined);
    } else this.#emitSpan(payload, resourceOf({}), undefined);
  }

  #readTransaction(transaction: JsonRecord): void {
    const trace = recordOf(recordOf(transaction.contexts).trace);
    const resource = resourceOf(transaction);
    this.#records.emit(() => {
      const attributes = new Map<string, AttributeValue>();
      addFields(attributes, recordOf(transaction.contexts).otel, '');
      for (const [key, value] of Object.entries(recordOf(trace.data))) addFields(attributes, { [key]: value });
      addTags(attributes, transaction.tags);
      addFields(attributes, transaction.request, 'http.', { url: 'url.full', method: 'http.request.method' });
      addFields(attributes, transaction.user, 'enduser.');
      addFields(attributes, omit(recordOf(transaction.contexts), ['trace', 'otel']), 'contexts.');
      addFields(attributes, omit(trace, TRACE_FIELDS), 'sentry.');
      addFields(attributes, omit(transaction, TRANSACTION_FIELDS), 'sentry.');
      const crumbs = Array.isArray(transaction.breadcrumbs)
        ? listOf(transaction.breadcrumbs)
        : listOf(recordOf(transaction.breadcrumbs).values);
      return {
        ...this.#draftOf(trace, transaction, attributes),
        name: textOf(transaction.transaction),
        resource,
        events: crumbs.filter(isRecord).map(crumb => {
          const fields = new Map<string, AttributeValue>();
          addFields(fields, omit(crumb, ['timestamp', 'category']));
          return {
            timeUnixNano: this.#timeOf(crumb, 'timestamp'),
            name: textOf(crumb.category) ?? '',
            attributes: fields,
          };
        }),
      };
    });
    for (const span of listOf(transaction.spans).filter(isRecord))
      this.#emitSpan(span, resource, textOf(trace.trace_id));
  }

  #emitSpan(span: JsonRecord, resource: ReadonlyMap<string, AttributeValue>, traceId: string | undefined): void {
    this.#records.emit(() => {
      const attributes = new Map<string, AttributeValue>();
      for (const [key, value] of Object.entries(recordOf(span.data))) addFields(attributes, { [key]: value });
      addTags(attributes, span.tags);
      // Spans that come by themselves have typed attributes: {"type":"string","value":"…"}.
      for (const [key, value] of Object.entries(recordOf(span.attributes))) {
        addFields(attributes, { [key]: recordOf(value).value ?? value });
      }
      addFields(attributes, omit(span, SPAN_FIELDS), 'sentry.');
      const service = attributes.get('service.name');
      const isNamed = service === undefined || resource.has('service.name');
      return {
        ...this.#draftOf({ ...span, trace_id: span.trace_id ?? traceId ?? null }, span, attributes),
        name: textOf(span.name) ?? textOf(span.description) ?? textOf(span.op),
        resource: isNamed ? resource : new Map([...resource, ['service.name', service]]),
        links: listOf(span.links)
          .filter(isRecord)
          .map(link => ({ traceId: textOf(link.trace_id), spanId: textOf(link.span_id) })),
      };
    });
  }

  /** What transactions and spans have in common: `trace` says where the span stands, `timed` when it was. */
  #draftOf(trace: JsonRecord, timed: JsonRecord, attributes: Map<string, AttributeValue>): SpanDraft {
    const op = textOf(trace.op);
    if (op !== undefined) attributes.set('sentry.op', op);
    const status = textOf(trace.status) ?? '';
    if (status !== '' && status !== 'unset') attributes.set('sentry.status', status);
    return {
      traceId: textOf(trace.trace_id),
      spanId: textOf(trace.span_id),
      parentSpanId: textOf(trace.parent_span_id),
      kind: kindOf(op ?? String(attributes.get('sentry.op') ?? '')),
      startTimeUnixNano: this.#timeOf(timed, 'start_timestamp'),
      endTimeUnixNano: this.#timeOf(timed, timed.end_timestamp === undefined ? 'timestamp' : 'end_timestamp'),
      status: GOOD_STATUS.includes(status) ? undefined : { code: 'error', message: status },
      attributes,
    };
  }

  /** Seconds, or an RFC 3339 time. */
  #timeOf(record: JsonRecord, key: string): bigint | undefined {
    const value = decimalText(record, key);
    const isDate = typeof value === 'string' && /[T:]/.test(value);
    return isDate ? readRfc3339(value, this.#records.repair) : readNanos(record, key, 0, this.#records.repair);
  }
}

/** Sentry has projects, not services: the name of the server is the nearest to one. */
function resourceOf(transaction: JsonRecord): ReadonlyMap<string, AttributeValue> {
  const resource = new Map<string, AttributeValue>();
  const { environment, release, server_name, sdk } = transaction;
  const service = textOf(recordOf(transaction.tags)['service.name'] ?? recordOf(transaction.tags).service);
  addFields(
    resource,
    { service: service ?? null, environment: environment ?? null, release: release ?? null, host: server_name ?? null },
    '',
    {
      service: 'service.name',
      environment: 'deployment.environment.name',
      release: 'service.version',
      host: 'host.name',
    },
  );
  const { name, version } = recordOf(sdk);
  addFields(resource, { name: name ?? null, version: version ?? null }, 'telemetry.sdk.');
  const { resource: own } = recordOf(recordOf(transaction.contexts).otel);
  addFields(resource, own);
  return resource;
}

/** Tags are an object, or a list of pairs. */
function addTags(attributes: Map<string, AttributeValue>, tags: JsonValue | undefined): void {
  const pairs = Array.isArray(tags)
    ? listOf(tags).map(pair => [textOf(listOf(pair)[0]) ?? '', listOf(pair)[1] ?? null] as const)
    : Object.entries(recordOf(tags));
  for (const [key, value] of pairs) addFields(attributes, { [key]: value });
}

/** Operations are words with dots. https://develop.sentry.dev/sdk/performance/span-operations/ */
function kindOf(op: string): SpanDraft['kind'] {
  if (/\.server$/.test(op)) return 'server';
  if (/^(http|rpc|graphql|db|cache)\b/.test(op) || /\.client$/.test(op)) return 'client';
  if (/^queue\.(publish|submit)/.test(op)) return 'producer';
  if (/^queue\./.test(op)) return 'consumer';
  return 'internal';
}
