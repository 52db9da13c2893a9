import fc from 'fast-check';

// Zipkin v2 spans for tests of how their halves and their trace ids are put together.

export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: 'CLIENT' | 'SERVER';
  readonly service: string;
  /** Milliseconds; absent where it was not recorded. */
  readonly start?: number;
  readonly duration?: number;
  readonly shared?: boolean;
}

const START = 1_795_165_200_000_000;

/** Returns spans as a document of Zipkin's API. */
export function zipkinJson(spans: readonly ZipkinSpan[]): string {
  const documents = spans.map(({ traceId, id, parentId, kind, service, start, duration, shared }) => ({
    traceId: traceId.padStart(16, '0'),
    id: id.padStart(16, '0'),
    ...(parentId === undefined ? {} : { parentId: parentId.padStart(16, '0') }),
    ...(kind === undefined ? {} : { kind }),
    name: `${service} ${id}`,
    ...(start === undefined ? {} : { timestamp: START + start * 1000 }),
    ...(duration === undefined ? {} : { duration: duration * 1000 }),
    localEndpoint: { serviceName: service },
    ...(shared === undefined ? {} : { shared }),
  }));
  return JSON.stringify(documents);
}

/**
 * Spans of one trace of calls, in any order: calls with a client and a server half of one id, either of which may be
 * missing or come twice; server halves that say `shared` and that do not; trace ids in their long and short form.
 */
export const zipkinTraces: fc.Arbitrary<readonly ZipkinSpan[]> = fc
  .array(
    fc.record({
      parent: fc.nat(),
      halves: fc.constantFrom('client', 'server', 'both', 'both', 'local'),
      isShared: fc.boolean(),
      isShort: fc.boolean(),
      hasServerStart: fc.boolean(),
      isTwice: fc.nat(9),
      start: fc.nat(20),
      duration: fc.nat(20),
      rank: fc.nat(),
      otherRank: fc.nat(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map(drafts => {
    const ranked: { span: ZipkinSpan; rank: number }[] = [];
    for (const [index, draft] of drafts.entries()) {
      const parent = index === 0 ? undefined : draft.parent % index;
      const common = {
        traceId: draft.isShort ? '48485a3953bb6124' : '463ac35c9f6413ad48485a3953bb6124',
        id: (index + 1).toString(16),
        ...(parent === undefined ? {} : { parentId: (parent + 1).toString(16) }),
        start: draft.start,
        duration: draft.duration,
      };
      const caller = `service${parent ?? ''}`;
      const called = `service${index}`;
      const { start: _, ...unknown } = common;
      const client: ZipkinSpan = { ...common, kind: 'CLIENT', service: caller };
      const server: ZipkinSpan = {
        ...(draft.hasServerStart ? common : unknown),
        kind: 'SERVER',
        service: called,
        ...(draft.isShared && draft.halves === 'both' ? { shared: true } : {}),
      };
      const halves = {
        client: [client],
        server: [server],
        both: [client, server],
        local: [{ ...common, service: called }],
      }[draft.halves];
      for (const [half, span] of halves!.entries()) {
        ranked.push({ span, rank: half === 0 ? draft.rank : draft.otherRank });
        if (draft.isTwice === 0) ranked.push({ span, rank: draft.otherRank });
      }
    }
    return ranked.sort((a, b) => a.rank - b.rank).map(({ span }) => span);
  });
