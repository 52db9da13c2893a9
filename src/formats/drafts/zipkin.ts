import { type AttributeValue, parseExactJson } from '../../model/attributes.ts';
import { CARRIED_FIELDS } from '../../model/carried-fields.ts';
import type { SpanKind } from '../../model/status.ts';
import type { DraftAttributes, DraftId, EventDraft, LinkDraft, SpanDraft } from './span-draft.ts';
import { fieldsOfTags, type Tag } from './tag-fields.ts';

// Spans of Zipkin's v2 model, in whatever encoding, as drafts: as `zipkin-json` maps them.
// https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto

export interface ZipkinEndpoint {
  readonly serviceName?: string | undefined;
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly port?: number | undefined;
}

export interface ZipkinSpan {
  readonly traceId: DraftId;
  readonly parentId: DraftId;
  readonly id: DraftId;
  readonly kind: SpanKind | undefined;
  readonly name: string | undefined;
  /** 0 is as good as none. */
  readonly timestampNano: bigint | undefined;
  readonly durationNano: bigint | undefined;
  readonly localEndpoint: ZipkinEndpoint | undefined;
  readonly remoteEndpoint: ZipkinEndpoint | undefined;
  readonly annotations: readonly ZipkinAnnotation[];
  readonly tags: readonly Tag[];
  readonly debug: boolean;
  readonly shared: boolean;
}

export interface ZipkinAnnotation {
  readonly timeUnixNano: bigint | undefined;
  readonly value: string;
}

/** Tags that OpenTelemetry's exporters made from resource attributes. */
export const RESOURCE_TAG = /^(service|telemetry|k8s)\./;
/** `otlp.link.0`: `traceId|spanId|traceState|{attributes}|dropped`, as the Collector writes links. */
export const LINK_TAG = /^otlp\.link\.\d+$/;

export interface ZipkinLink extends LinkDraft {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: DraftAttributes;
}

/** Returns the span as a draft. */
export function draftOfZipkin(span: ZipkinSpan): SpanDraft {
  const { localEndpoint, remoteEndpoint, timestampNano } = span;
  const attributes = new Map<string, AttributeValue>();
  const resource = new Map<string, AttributeValue>();
  const links: LinkDraft[] = [];
  const service = localEndpoint?.serviceName ?? '';
  if (service !== '') resource.set('service.name', service);
  addAddress(attributes, 'network.local', localEndpoint);
  const peer = remoteEndpoint?.serviceName ?? '';
  if (peer !== '') attributes.set('peer.service', peer);
  addAddress(attributes, 'network.peer', remoteEndpoint);
  const fields = fieldsOfTags(span.tags, errorOf);
  for (const [key, value] of fields.attributes) {
    if (typeof value === 'string' && LINK_TAG.test(key)) links.push(linkOf(value));
    else if (RESOURCE_TAG.test(key)) resource.set(key, value);
    else attributes.set(key, value);
  }
  const hasStart = timestampNano !== undefined && timestampNano !== 0n;
  if (!hasStart) attributes.set('otel.zipkin.absentField.startTime', true);
  return {
    ...fields,
    traceId: span.traceId,
    spanId: span.id,
    parentSpanId: span.parentId,
    shared: span.shared,
    sharedParent: true,
    name: span.name,
    kind: span.kind ?? fields.kind ?? 'internal',
    startTimeUnixNano: timestampNano,
    durationNano: span.durationNano,
    attributes,
    resource,
    events: span.annotations.map(eventOf),
    links,
    // "debug" means sampled at any cost.
    flags: span.debug ? 1 : 0,
  };
}

function addAddress(attributes: Map<string, AttributeValue>, prefix: string, endpoint: ZipkinEndpoint = {}): void {
  const { ipv4 = '', ipv6 = '', port = 0 } = endpoint;
  const address = ipv4 === '' ? ipv6 : ipv4;
  if (address !== '') attributes.set(`${prefix}.address`, address);
  if (port !== 0) attributes.set(`${prefix}.port`, BigInt(port));
}

/** The tag `error` marks a failed span whatever it says, but for "false"; what it says is the description. */
function errorOf(value: AttributeValue): string | undefined {
  if (value === true || value === 'true') return '';
  return typeof value === 'string' && value !== 'false' ? value : undefined;
}

/** Reads the value of a tag that is a link. */
export function linkOf(text: string): ZipkinLink {
  const [traceId = '', spanId = '', state = '', ...rest] = text.split('|');
  const attributes = new Map<string, AttributeValue>(state === '' ? [] : [[CARRIED_FIELDS.traceState, state]]);
  for (const [key, value] of Object.entries(objectOf(rest.slice(0, -1).join('|')) ?? {})) attributes.set(key, value);
  return { traceId, spanId, attributes };
}

/** An annotation is an event's name, or an event with attributes as an OpenTelemetry exporter encoded it. */
function eventOf({ timeUnixNano, value }: ZipkinAnnotation): EventDraft {
  const [name, attributes] = encodedEvent(value) ?? [value, {}];
  return { timeUnixNano, name, attributes: new Map(Object.entries(attributes)) };
}

/**
 * Reads `{"name":{…}}` and `"name":{…}` (OpenTelemetry SDKs) and `name|{…}|dropped` (the Collector); undefined where the
 * text is none of these.
 */
export function encodedEvent(text: string): [name: string, attributes: Record<string, AttributeValue>] | undefined {
  if (text.startsWith('{') || text.startsWith('"')) {
    const entries = Object.entries(objectOf(text.startsWith('{') ? text : `{${text}}`) ?? {});
    const [name, attributes] = entries[0] ?? [];
    return entries.length === 1 && name !== undefined && isObject(attributes) ? [name, attributes] : undefined;
  }
  const [, name = '', encoded = '', dropped] = /^(.*?)\|(\{.*\})\|(\d+)$/s.exec(text) ?? [];
  const attributes = dropped === undefined ? undefined : objectOf(encoded);
  if (attributes === undefined || dropped === undefined) return undefined;
  const count = BigInt(dropped);
  return [name, count === 0n ? attributes : { ...attributes, [CARRIED_FIELDS.droppedAttributesCount]: count }];
}

function objectOf(text: string): Record<string, AttributeValue> | undefined {
  try {
    const value = parseExactJson(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: AttributeValue | undefined): value is { [key: string]: AttributeValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Returns an IPv4 address of 4 bytes, or an IPv6 address of 16, as text; undefined for other lengths and for nothing but zeros. */
export function addressOfBytes(bytes: Uint8Array): string | undefined {
  if (bytes.every(byte => byte === 0)) return undefined;
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  const hex = Buffer.from(bytes).toString('hex');
  const groups = Array.from({ length: 8 }, (_, at) => hex.slice(at * 4, at * 4 + 4).replace(/^0{1,3}/, ''));
  // The longest run of zeros, the first of equals, is written `::` (RFC 5952).
  const text = groups.join(':');
  const [run] = [...text.matchAll(/\b0(:0)+\b/g)].toSorted((a, b) => b[0].length - a[0].length);
  if (run === undefined) return text;
  const before = text.slice(0, run.index).replace(/:$/, '');
  return `${before}::${text.slice(run.index + run[0].length).replace(/^:/, '')}`;
}
