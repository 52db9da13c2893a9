import fc from 'fast-check';
import type { Attributes, AttributeValue } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';
import { SPAN_KINDS, STATUS_CODES } from '../../src/model/status.ts';

// Spans and traces for properties: ordinary ones, and ones that no sound program would send.

const ORIGIN = 1_795_165_200_000_000_000n;

const text = fc.oneof(fc.constantFrom('a', 'b', 'GET /', 'SELECT'), fc.string({ unit: 'binary', maxLength: 8 }));
const key = fc.oneof(
  fc.constantFrom('http.route', 'db.system', 'peer', 'k'),
  fc.string({ minLength: 1, maxLength: 6 }),
);

/** Any attribute value that OTLP can say, nested up to two levels. */
export const attributeValues: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>(tie => ({
  value: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 6 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .dictionary(
        key.filter(name => !name.startsWith('$') && name !== '__proto__'),
        tie('value'),
        { maxKeys: 3 },
      )
      .map(map => ({ ...map })),
  ),
})).value;

export const attributeMaps: fc.Arbitrary<Attributes> = fc
  .uniqueArray(fc.tuple(key, attributeValues), { selector: ([name]) => name, maxLength: 4 })
  .map(entries => Object.fromEntries(entries.filter(([name]) => name !== '__proto__')));

export interface SpanShape {
  readonly maxSpans?: number;
  /** Children lie within their parents, and every parent is there: one tree. */
  readonly isNested?: boolean;
  readonly hasAttributes?: boolean;
}

/**
 * The spans of one trace in any order. Where they are not nested, parents may be absent, in a cycle or the span itself,
 * and times may lie anywhere, also all alike.
 */
export function traceSpans({
  maxSpans = 24,
  isNested = false,
  hasAttributes = false,
}: SpanShape = {}): fc.Arbitrary<readonly Span[]> {
  const one = fc.record({
    parent: fc.nat(),
    lineage: isNested
      ? fc.constant('child' as const)
      : fc.constantFrom('child', 'child', 'child', 'root', 'orphan', 'any'),
    start: fc.nat(isNested ? 1_000_000 : 40),
    duration: fc.nat(isNested ? 1_000_000 : 40),
    kind: fc.constantFrom(...SPAN_KINDS),
    status: fc.constantFrom(...STATUS_CODES),
    service: fc.constantFrom('web', 'cart', 'bank'),
    name: text,
    attributes: hasAttributes ? attributeMaps : fc.constant({}),
    rank: fc.nat(),
  });
  return fc
    .tuple(fc.array(one, { minLength: 1, maxLength: maxSpans }), fc.bigInt({ min: 1n, max: 2n ** 128n - 1n }))
    .map(([drafts, trace]) => {
      const traceId = trace.toString(16).padStart(32, '0');
      const idOf = (index: number) => (index + 1).toString(16).padStart(16, '0');
      const bounds: { start: bigint; duration: bigint }[] = [];
      const spans = drafts.map((draft, index): Span => {
        const parent = index === 0 ? undefined : draft.parent % index;
        let [start, duration] = [BigInt(draft.start), BigInt(draft.duration)];
        if (isNested) {
          const within = parent === undefined ? { start: 0n, duration: 1_000_000_000n } : bounds[parent]!;
          start = within.start + (within.duration * start) / 1_000_000n;
          duration = ((within.start + within.duration - start) * duration) / 1_000_000n;
        }
        bounds.push({ start, duration });
        const parentSpanId = {
          child: parent === undefined ? undefined : idOf(parent),
          root: undefined,
          orphan: 'feedfeedfeedfeed',
          any: idOf(draft.parent % drafts.length),
        }[draft.lineage as 'child'];
        return {
          traceId,
          spanId: idOf(index),
          parentSpanId,
          name: draft.name,
          kind: draft.kind,
          serviceName: draft.service,
          startTimeUnixNano: ORIGIN + start,
          durationNano: duration,
          status: { code: draft.status, message: '' },
          attributes: draft.attributes,
          resource: { 'service.name': draft.service },
          scope: { name: '', version: '', attributes: {} },
          events: [],
          links: [],
          flags: 0,
          traceState: undefined,
          droppedAttributesCount: 0,
          droppedEventsCount: 0,
          droppedLinksCount: 0,
          quirks: 0,
        };
      });
      const ranks = drafts.map(({ rank }) => rank);
      return spans
        .map((span, index) => ({ span, rank: ranks[index]! }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ span }) => span);
    });
}
