import { type AttributeValue, isInt64 } from '../../model/attributes.ts';
import type { DraftAttributes, DraftId, LinkDraft, SpanDraft } from './span-draft.ts';
import { fieldsOfTags, type Tag } from './tag-fields.ts';

// Spans of Jaeger's model, in whatever encoding, as drafts: as `jaeger-json` maps them.
// https://github.com/jaegertracing/jaeger-idl/blob/main/proto/api_v2/model.proto

export interface JaegerProcess {
  readonly serviceName: string;
  readonly tags: readonly Tag[];
}

export interface JaegerReference {
  readonly isChildOf: boolean;
  /** None: the trace of the span itself. */
  readonly traceId: DraftId;
  readonly spanId: DraftId;
}

export interface JaegerSpan {
  readonly traceId: DraftId;
  readonly spanId: DraftId;
  /** Where it is set it outweighs the references: Jaeger 2.20 and later write links only as references. */
  readonly parentSpanId?: DraftId;
  readonly references: readonly JaegerReference[];
  readonly operationName: string | undefined;
  readonly flags: number;
  readonly startTimeUnixNano: bigint | undefined;
  /** Jaeger's durations have no "not recorded": absent is 0. */
  readonly durationNano: bigint | undefined;
  readonly tags: readonly Tag[];
  readonly logs: readonly { readonly timeUnixNano: bigint | undefined; readonly fields: readonly Tag[] }[];
  readonly process: JaegerProcess | undefined;
  readonly warnings?: readonly AttributeValue[];
}

/** What Jaeger 2 writes for a resource without any attributes. */
export const NO_SERVICE = 'OTLPResourceNoServiceName';

/** Returns the span as a draft. */
export function draftOfJaeger(span: JaegerSpan): SpanDraft {
  const { traceId, spanId, process, warnings = [] } = span;
  const fields = fieldsOfTags(span.tags, jaegerErrorOf);
  const attributes = new Map(fields.attributes);
  // The attribute under which Jaeger itself keeps its warnings when it writes OTLP.
  if (warnings.length > 0) attributes.set('@jaeger@warnings', warnings);
  return {
    ...fields,
    traceId,
    spanId,
    ...parentAndLinks(span),
    name: span.operationName,
    startTimeUnixNano: span.startTimeUnixNano,
    durationNano: span.durationNano ?? 0n,
    attributes,
    resource: process === undefined ? undefined : resourceOf(process),
    events: span.logs.map(eventOf),
    flags: span.flags,
  };
}

/**
 * The parent is `parentSpanId`, else the first CHILD_OF within the trace, else the first FOLLOWS_FROM within it; every other
 * reference is a link.
 */
export function parentAndLinks({
  traceId,
  parentSpanId,
  references,
}: Pick<JaegerSpan, 'traceId' | 'parentSpanId' | 'references'>): Pick<SpanDraft, 'parentSpanId' | 'links'> {
  const within = references.filter(
    reference => isNone(reference.traceId) || canonical(reference.traceId) === canonical(traceId),
  );
  const named = isNone(parentSpanId) ? undefined : canonical(parentSpanId);
  const parent =
    named === undefined
      ? (within.find(({ isChildOf }) => isChildOf) ?? within[0])
      : within.find(({ spanId }) => canonical(spanId) === named);
  const links = references
    .filter(reference => reference !== parent)
    .map((reference): LinkDraft => {
      const type = reference.isChildOf ? 'child_of' : 'follows_from';
      return {
        traceId: isNone(reference.traceId) ? traceId : reference.traceId,
        spanId: reference.spanId,
        attributes: new Map([['opentracing.ref_type', type]]),
      };
    });
  return { parentSpanId: named === undefined ? parent?.spanId : parentSpanId, links };
}

/** One text for each spelling of an id, so that ids can be compared: Jaeger leaves leading zeros out, or not. */
function canonical(id: DraftId): string {
  if (typeof id === 'bigint') return BigInt.asUintN(128, id).toString(16);
  const text = typeof id === 'string' ? id.trim() : Buffer.from(id ?? []).toString('hex');
  const hex = text.replace(/^0x/i, '').replaceAll('-', '');
  return /^[0-9a-f]*$/i.test(hex) ? hex.toLowerCase().replace(/^0+/, '') : text;
}

function isNone(id: DraftId): boolean {
  const text = canonical(id);
  return text === '' || text === '0' || /^A+=+$/.test(text);
}

function resourceOf({ serviceName, tags }: JaegerProcess): DraftAttributes {
  const isNamed = serviceName !== '' && serviceName !== NO_SERVICE;
  const attributes = new Map<string, AttributeValue>(isNamed ? [['service.name', serviceName]] : []);
  for (const [key, value] of tags) {
    const name = key === 'hostname' ? 'host.name' : key;
    if (name !== 'service.name' || !isNamed) attributes.set(name, value);
  }
  return attributes;
}

/** The text field `event` is the name of the event. */
function eventOf({ timeUnixNano, fields }: JaegerSpan['logs'][number]) {
  const named = fields.find(([key, value]) => key === 'event' && typeof value === 'string');
  return {
    timeUnixNano,
    name: typeof named?.[1] === 'string' ? named[1] : '',
    attributes: new Map(fields.filter(field => field !== named)),
  };
}

/** Clients write the mark as a bool, as "true" and as 1. */
export function jaegerErrorOf(value: AttributeValue): string | undefined {
  return value === true || value === 'true' || value === 1n ? '' : undefined;
}

/** The value of a tag whose JSON may be of another type than the tag names (`bool`, `int64`, `float64`, `binary`, `string`). */
export function typedTagValue(type: string, value: AttributeValue, binary: 'base64' | 'hex'): AttributeValue {
  switch (type.toLowerCase()) {
    case 'bool':
      return value === 'true' ? true : value === 'false' ? false : value;
    case 'int64':
      return typeof value === 'string' && /^-?\d{1,19}$/.test(value) && isInt64(BigInt(value)) ? BigInt(value) : value;
    case 'float64':
      return typeof value === 'bigint' ? Number(value) : typeof value === 'string' ? (doubleOf(value) ?? value) : value;
    case 'binary':
      return typeof value === 'string' && isEncoded(value, binary) ? new Uint8Array(Buffer.from(value, binary)) : value;
    default:
      return value;
  }
}

/** A double as Go, JavaScript or Java writes it. */
function doubleOf(text: string): number | undefined {
  const number = text.replace(/^([+-]?)Inf(inity)?$/i, '$1Infinity');
  return /^[+-]?(\d+\.?\d*(e[+-]?\d+)?|Infinity|NaN)$/i.test(number) ? Number(number) : undefined;
}

/** Text that is not what it should be stays text. */
function isEncoded(text: string, binary: 'base64' | 'hex'): boolean {
  return binary === 'hex' ? /^([0-9a-f]{2})*$/i.test(text) : /^[A-Za-z0-9+/_-]*={0,2}$/.test(text);
}
