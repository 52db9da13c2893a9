import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { otlpJsonLine } from '../../src/formats/otlp-json/encode.ts';
import type { Span } from '../../src/model/span.ts';
import { Quirk } from '../../src/model/span-batch.ts';
import { attributeMaps, traceSpans } from '../support/arbitraries.ts';
import { decodeDump } from '../support/decode.ts';
import { readDump } from '../support/load.ts';

const SPAN: Span = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  parentSpanId: undefined,
  name: 'GET /',
  kind: 'server',
  serviceName: 'shop',
  startTimeUnixNano: 1_793_606_400_000_000_456n,
  durationNano: 5n,
  status: { code: 'unset', message: '' },
  attributes: {},
  resource: { 'service.name': 'shop' },
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

describe('a line', () => {
  test('is a request, without what has its default value', () => {
    expect(JSON.parse(otlpJsonLine([SPAN]))).toEqual({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
          scopeSpans: [
            {
              scope: {},
              spans: [
                {
                  traceId: '5b8efff798038103d269b633813fc60c',
                  spanId: 'eee19b7ec3c1b174',
                  name: 'GET /',
                  kind: 2,
                  startTimeUnixNano: '1793606400000000456',
                  endTimeUnixNano: '1793606400000000461',
                },
              ],
            },
          ],
        },
      ],
    });
  });

  test('has every field of a span', () => {
    const [resourceSpans] = JSON.parse(
      otlpJsonLine([
        {
          ...SPAN,
          parentSpanId: 'eee19b7ec3c1b173',
          scope: { name: 'lib', version: '1', attributes: { a: true } },
          status: { code: 'error', message: 'no "answer"\n' },
          events: [
            { timeUnixNano: 7n, name: 'retry', attributes: { n: 2n, 'otel.dropped_attributes_count': 3n } },
            { timeUnixNano: 0n, name: '', attributes: { 'otel.dropped_attributes_count': 'none' } },
          ],
          links: [
            {
              traceId: '5b8efff798038103d269b633813fc60d',
              spanId: 'eee19b7ec3c1b175',
              attributes: { 'w3c.tracestate': 'k=v', 'otel.dropped_attributes_count': 1n },
            },
          ],
          flags: 0x301,
          traceState: 'vendor=1',
          droppedAttributesCount: 1,
          droppedEventsCount: 2,
          droppedLinksCount: 3,
        },
      ]),
    ).resourceSpans;
    expect(resourceSpans.scopeSpans[0].scope).toEqual({
      name: 'lib',
      version: '1',
      attributes: [{ key: 'a', value: { boolValue: true } }],
    });
    expect(resourceSpans.scopeSpans[0].spans[0]).toEqual({
      traceId: '5b8efff798038103d269b633813fc60c',
      spanId: 'eee19b7ec3c1b174',
      traceState: 'vendor=1',
      parentSpanId: 'eee19b7ec3c1b173',
      flags: 0x301,
      name: 'GET /',
      kind: 2,
      startTimeUnixNano: '1793606400000000456',
      endTimeUnixNano: '1793606400000000461',
      droppedAttributesCount: 1,
      events: [
        {
          timeUnixNano: '7',
          name: 'retry',
          attributes: [{ key: 'n', value: { intValue: '2' } }],
          droppedAttributesCount: 3,
        },
        { attributes: [{ key: 'otel.dropped_attributes_count', value: { stringValue: 'none' } }] },
      ],
      droppedEventsCount: 2,
      links: [
        {
          traceId: '5b8efff798038103d269b633813fc60d',
          spanId: 'eee19b7ec3c1b175',
          traceState: 'k=v',
          droppedAttributesCount: 1,
        },
      ],
      droppedLinksCount: 3,
      status: { message: 'no "answer"\n', code: 2 },
    });
  });

  test.each([
    ['text', { stringValue: 'text' }],
    ['', { stringValue: '' }],
    [false, { boolValue: false }],
    [9223372036854775807n, { intValue: '9223372036854775807' }],
    [2, { doubleValue: 2 }],
    [-0, { doubleValue: -0 }],
    [1e300, { doubleValue: 1e300 }],
    [Number.NaN, { doubleValue: 'NaN' }],
    [Number.NEGATIVE_INFINITY, { doubleValue: '-Infinity' }],
    [null, {}],
    [new Uint8Array([0, 1, 255]), { bytesValue: 'AAH/' }],
    [[], { arrayValue: {} }],
    [
      [1n, null, ['x']],
      { arrayValue: { values: [{ intValue: '1' }, {}, { arrayValue: { values: [{ stringValue: 'x' }] } }] } },
    ],
    [{}, { kvlistValue: {} }],
    [{ '': 1n }, { kvlistValue: { values: [{ key: '', value: { intValue: '1' } }] } }],
  ])('has %o as OTLP types it', (value, expected) => {
    const line = JSON.parse(otlpJsonLine([{ ...SPAN, attributes: { key: value } }]));
    expect(line.resourceSpans[0].scopeSpans[0].spans[0].attributes).toEqual([{ key: 'key', value: expected }]);
  });

  test('groups by resource and scope, in the order of the first spans', () => {
    const named = (name: string, service: string, scope: string): Span => ({
      ...SPAN,
      name,
      serviceName: service,
      resource: { 'service.name': service },
      scope: { name: scope, version: '', attributes: {} },
    });
    const line = JSON.parse(
      otlpJsonLine([
        named('1', 'b', 'y'),
        named('2', 'a', 'y'),
        named('3', 'b', 'x'),
        named('4', 'b', 'y'),
        named('5', 'a', 'y'),
      ]),
    );
    const names = line.resourceSpans.map(({ scopeSpans }: { scopeSpans: { spans: { name: string }[] }[] }) =>
      scopeSpans.map(({ spans }) => spans.map(({ name }) => name)),
    );
    expect(names).toEqual([[['1', '4'], ['3']], [['2', '5']]]);
  });

  test('of a service that no resource names, the name is kept', async () => {
    const { spans } = await decodeDump(otlpJsonLine([{ ...SPAN, resource: { 'host.name': 'h' } }]));
    expect(spans).toMatchObject([{ serviceName: 'shop', resource: { 'service.name': 'shop', 'host.name': 'h' } }]);
    const unknown = { ...SPAN, serviceName: 'unknown_service', resource: {} };
    expect((await decodeDump(otlpJsonLine([unknown]))).spans).toMatchObject([unknown].map(pick));
  });

  test.each([
    ['a span without an end', { quirks: Quirk.endUnknown, durationNano: 0n }],
    [
      'a span without times',
      { quirks: Quirk.startUnknown | Quirk.endUnknown, startTimeUnixNano: 0n, durationNano: 0n },
    ],
  ])('%s has none when it is read again', async (_, changes) => {
    const span = { ...SPAN, ...changes };
    const { spans, account } = await decodeDump(otlpJsonLine([span]));
    expect(spans).toMatchObject([pick(span)]);
    expect(account.repaired).toEqual([]);
  });
});

/** What a decoder says of a span: fields without a column are still attributes. */
function pick({ traceState, droppedAttributesCount, droppedEventsCount, droppedLinksCount, ...rest }: Span): object {
  return rest;
}

test('whatever a span holds is there when the line is read again', async () => {
  const parts = fc.array(fc.tuple(fc.string({ unit: 'binary', maxLength: 6 }), attributeMaps, fc.nat()), {
    maxLength: 2,
  });
  const drawn = fc.tuple(
    traceSpans({ maxSpans: 6, hasAttributes: true }),
    attributeMaps,
    attributeMaps,
    parts,
    fc.nat(),
  );
  await fc.assert(
    fc.asyncProperty(drawn, async ([drafts, resource, scope, events, flags]) => {
      const text = (value: string) => value.toWellFormed();
      const sent = drafts.map(
        (span): Span => ({
          ...span,
          resource: { ...resource, 'service.name': span.serviceName },
          scope: { name: 'lib', version: text(span.name), attributes: scope },
          status: { code: span.status.code, message: text(span.name) },
          events: events.map(([name, attributes, time]) => ({
            name: text(name),
            attributes,
            timeUnixNano: BigInt(time),
          })),
          links: events.map(([, attributes], index) => ({
            traceId: span.traceId,
            spanId: `000000000000000${index + 1}`,
            attributes,
          })),
          flags,
        }),
      );
      const line = otlpJsonLine(sent);
      expect(line.indexOf('\n')).toBe(line.length - 1);
      const { spans, account } = await decodeDump(line);
      expect(account).toMatchObject({ format: 'otlp-json', documents: 1, skipped: [], repaired: [] });
      expect(ordered(spans)).toEqual(ordered(sent.map(pick)));
    }),
    { numRuns: 150 },
  );
});

/** By resource and scope a line is in another order than its spans. */
function ordered(spans: readonly object[]): unknown {
  return spans.toSorted((a, b) =>
    'spanId' in a && 'spanId' in b ? String(a.spanId).localeCompare(String(b.spanId)) : 0,
  );
}

test('is what readDump reads, too', async () => {
  const { spans } = await readDump(otlpJsonLine([{ ...SPAN, traceState: 'a=b', droppedLinksCount: 4 }]));
  expect(spans).toEqual([{ ...SPAN, traceState: 'a=b', droppedLinksCount: 4 }]);
});
