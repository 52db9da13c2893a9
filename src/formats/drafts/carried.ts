import type { AttributeValue } from '../../model/attributes.ts';
import { CARRIED_FIELDS } from '../../model/carried-fields.ts';

/** Adds to the attributes of an event or a link what it has no field for, under the names that the OTLP decoders use. */
export function carried(
  attributes: Map<string, AttributeValue>,
  fields: { readonly traceState?: string | undefined; readonly droppedAttributesCount?: bigint | undefined },
): Map<string, AttributeValue> {
  const { traceState = '', droppedAttributesCount = 0n } = fields;
  if (traceState !== '') attributes.set(CARRIED_FIELDS.traceState, traceState);
  if (droppedAttributesCount > 0n) attributes.set(CARRIED_FIELDS.droppedAttributesCount, droppedAttributesCount);
  return attributes;
}

/** OTLP's flags of a span whose parent context is known: https://github.com/open-telemetry/opentelemetry-proto (SpanFlags). */
export function flagsOf(traceFlags: number, isParentRemote: boolean | undefined): number {
  if (isParentRemote === undefined) return traceFlags & 0xff;
  return (traceFlags & 0xff) | 0x100 | (isParentRemote ? 0x200 : 0);
}
