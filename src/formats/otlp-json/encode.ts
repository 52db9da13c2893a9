import { type Attributes, type AttributeValue, textOfDouble } from '../../model/attributes.ts';
import { CARRIED_FIELDS, serviceNameOf, UNKNOWN_SERVICE } from '../../model/carried-fields.ts';
import { endOf, type Span, type SpanEvent, type SpanLink } from '../../model/span.ts';
import { Quirk } from '../../model/span-batch.ts';
import { Kind, Status } from '../../model/status.ts';

// Spans as OTLP/JSON: an ExportTraceServiceRequest in a line. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
// Text is put together by hand, for JSON.stringify knows no 64-bit integers; what has its default value is left out, as
// protobuf's JSON mapping has it. Reading the line gives the same spans again, but for what docs/formats.md names under "Writing".

/**
 * Returns spans as one line, with its end. They are grouped by resource and scope, in the order in which these first
 * occur; within a group they keep their order. The same spans in the same order are the same text.
 */
export function otlpJsonLine(spans: readonly Span[]): string {
  const resources = new Map<string, Map<string, string[]>>();
  const resourceTexts = new Memo<Attributes, Span>(resourceText);
  const scopeTexts = new Memo<Span['scope'], Span>(({ scope }) => scopeText(scope));
  for (const span of spans) {
    const resource = resourceTexts.of(span.resource, span);
    const scope = scopeTexts.of(span.scope, span);
    let scopes = resources.get(resource);
    if (scopes === undefined) {
      scopes = new Map();
      resources.set(resource, scopes);
    }
    const texts = scopes.get(scope);
    if (texts === undefined) scopes.set(scope, [spanText(span)]);
    else texts.push(spanText(span));
  }
  const resourceSpans = Array.from(resources, ([resource, scopes]) => {
    const scopeSpans = Array.from(scopes, ([scope, texts]) => `{"scope":{${scope}},"spans":[${texts.join(',')}]}`);
    return `{"resource":{${resource}},"scopeSpans":[${scopeSpans.join(',')}]}`;
  });
  return `{"resourceSpans":[${resourceSpans.join(',')}]}\n`;
}

/** Texts of objects that spans share. */
class Memo<Key extends object, From> {
  readonly #texts = new WeakMap<Key, string>();
  readonly #make: (from: From) => string;

  constructor(make: (from: From) => string) {
    this.#make = make;
  }

  of(key: Key, from: From): string {
    let text = this.#texts.get(key);
    if (text === undefined) {
      text = this.#make(from);
      this.#texts.set(key, text);
    }
    return text;
  }
}

/** A resource. Where the service is known by other means than `service.name`, that is added. */
function resourceText({ resource, serviceName }: Span): string {
  const isNamed = serviceNameOf(new Map(Object.entries(resource))) === serviceName || serviceName === UNKNOWN_SERVICE;
  return attributesField(isNamed ? resource : { ...resource, 'service.name': serviceName });
}

function scopeText({ name, version, attributes }: Span['scope']): string {
  return joined(textField('name', name), textField('version', version), attributesField(attributes));
}

function spanText(span: Span): string {
  const { traceId, spanId, parentSpanId, startTimeUnixNano, status } = span;
  const isUnfinished = (span.quirks & Quirk.endUnknown) !== 0 && span.durationNano === 0n;
  const fields = joined(
    `"traceId":"${traceId}","spanId":"${spanId}"`,
    textField('traceState', span.traceState ?? ''),
    textField('parentSpanId', parentSpanId ?? ''),
    numberField('flags', span.flags),
    textField('name', span.name),
    numberField('kind', Kind[span.kind]),
    integerField('startTimeUnixNano', startTimeUnixNano),
    isUnfinished ? '' : integerField('endTimeUnixNano', endOf(span)),
    attributesField(span.attributes),
    numberField('droppedAttributesCount', span.droppedAttributesCount),
    listField('events', span.events.map(eventText)),
    numberField('droppedEventsCount', span.droppedEventsCount),
    listField('links', span.links.map(linkText)),
    numberField('droppedLinksCount', span.droppedLinksCount),
    objectField('status', joined(textField('message', status.message), numberField('code', Status[status.code]))),
  );
  return `{${fields}}`;
}

function eventText({ timeUnixNano, name, attributes }: SpanEvent): string {
  const { own, dropped } = carriedOf(attributes);
  return `{${joined(
    integerField('timeUnixNano', timeUnixNano),
    textField('name', name),
    attributesField(own),
    numberField('droppedAttributesCount', dropped),
  )}}`;
}

function linkText({ traceId, spanId, attributes }: SpanLink): string {
  const { [CARRIED_FIELDS.traceState]: state, ...rest } = attributes;
  const hasState = typeof state === 'string' && state !== '';
  const { own, dropped } = carriedOf(hasState ? rest : attributes);
  return `{${joined(
    `"traceId":"${traceId}","spanId":"${spanId}"`,
    hasState ? textField('traceState', state) : '',
    attributesField(own),
    numberField('droppedAttributesCount', dropped),
  )}}`;
}

const LARGEST_COUNT = 0xffff_ffffn;

/** Takes the count that travels as an attribute of events and links out of them; a value that is no count stays one. */
function carriedOf(attributes: Attributes): { readonly own: Attributes; readonly dropped: number } {
  const { [CARRIED_FIELDS.droppedAttributesCount]: count, ...own } = attributes;
  if (typeof count !== 'bigint' || count <= 0n || count > LARGEST_COUNT) return { own: attributes, dropped: 0 };
  return { own, dropped: Number(count) };
}

function attributesField(attributes: Attributes): string {
  return listField('attributes', keyValues(attributes));
}

function keyValues(attributes: Attributes): string[] {
  return Object.entries(attributes).map(([key, value]) => `{"key":${JSON.stringify(key)},"value":${anyValue(value)}}`);
}

/** An AnyValue. It is nested as deeply as the value, which decoders bound. */
function anyValue(value: AttributeValue): string {
  switch (typeof value) {
    case 'string':
      return `{"stringValue":${JSON.stringify(value)}}`;
    case 'boolean':
      return `{"boolValue":${value}}`;
    case 'bigint':
      return `{"intValue":"${value}"}`;
    case 'number':
      // `NaN` and `Infinity` are texts in protobuf's JSON mapping; JSON.stringify would lose the sign of -0.
      return `{"doubleValue":${Number.isFinite(value) ? textOfDouble(value) : `"${value}"`}}`;
    default:
      if (value === null) return '{}';
      if (value instanceof Uint8Array) return `{"bytesValue":"${Buffer.from(value).toString('base64')}"}`;
      if (isList(value)) return `{"arrayValue":{${listField('values', value.map(anyValue))}}}`;
      return `{"kvlistValue":{${listField('values', keyValues(value))}}}`;
  }
}

function isList(value: readonly AttributeValue[] | Attributes): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

function joined(...fields: readonly string[]): string {
  return fields.filter(field => field !== '').join(',');
}

function textField(name: string, text: string): string {
  return text === '' ? '' : `"${name}":${JSON.stringify(text)}`;
}

function numberField(name: string, value: number): string {
  return value === 0 ? '' : `"${name}":${value}`;
}

/** A 64-bit integer. */
function integerField(name: string, value: bigint): string {
  return value === 0n ? '' : `"${name}":"${value}"`;
}

function listField(name: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `"${name}":[${items.join(',')}]`;
}

function objectField(name: string, fields: string): string {
  return fields === '' ? '' : `"${name}":{${fields}}`;
}
