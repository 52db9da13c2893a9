import fc from 'fast-check';
import type { Span } from '../../src/model/span.ts';
import { attributeMaps, traceSpans } from '../support/arbitraries.ts';
import { DRAWING_START } from '../support/drawn-trace.ts';

/** Loads that share spans of several traces, some of them twice, some different ones with one id, some without a start. */
export const overlappingLoads: fc.Arbitrary<(readonly Span[])[]> = fc
  .tuple(
    fc.array(traceSpans({ maxSpans: 10, hasAttributes: true }), { minLength: 1, maxLength: 3 }),
    fc.infiniteStream(fc.nat(99)),
    attributeMaps,
  )
  .map(([traces, dice, attributes]): (readonly Span[])[] => {
    const spans = [...new Map(traces.map(trace => [trace[0]!.traceId, trace])).values()].flat().map(span => ({
      ...span,
      ...(dice.next().value! < 12 ? { startTimeUnixNano: 0n, durationNano: 0n, quirks: 6 } : {}),
      events: dice.next().value! < 30 ? [{ timeUnixNano: 5n, name: 'e', attributes }] : [],
      links: dice.next().value! < 20 ? [{ traceId: span.traceId, spanId: span.spanId, attributes }] : [],
    }));
    const again = spans.flatMap((span, index): Span[] => {
      const roll = dice.next().value!;
      if (roll < 20) return [span];
      return roll < 30
        ? [{ ...span, durationNano: BigInt(1000 + index), startTimeUnixNano: DRAWING_START, quirks: 0 }]
        : [];
    });
    const loads: Span[][] = [[], [], []];
    for (const span of [...spans, ...again]) loads[dice.next().value! % loads.length]!.push(span);
    return loads.filter(load => load.length > 0);
  });
