import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { NESTED, PLAIN } from './plain-spans.ts';

test('plain.jsonl: all that OTLP has, to the nanosecond', async () => {
  const { account, spans } = await decodeDump(fixture('go-stdouttrace/plain.jsonl'));
  expect(spans).toEqual(PLAIN);
  expect(account).toMatchObject({
    format: 'go-stdouttrace',
    documents: 4,
    skipped: [],
    repaired: [],
    fault: undefined,
  });
});

test('among-log-lines.txt: indented, and what else is printed is counted and is no loss', async () => {
  const { account, spans } = await decodeDump(fixture('go-stdouttrace/among-log-lines.txt'));
  expect(spans).toEqual(PLAIN);
  expect(account.skipped).toEqual([
    { reason: 'log-lines', count: 5, first: { offset: 0, detail: '2026/11/02 08:00:00 listening on :8080' } },
  ]);
});

test('odd.jsonl: every type of value, no times, the first versions', async () => {
  const { account, spans } = await decodeDump(fixture('go-stdouttrace/odd.jsonl'));
  const [first, untimed, early] = spans;
  // Go's JSON has no NaN and no Infinity: a program that records them prints nothing.
  const words = { nan: 'NaN', infinity: 'Infinity', 'minus.infinity': '-Infinity', 'double.as.text': '1.5e3' };
  expect(first?.attributes).toEqual({ ...NESTED, ...words });
  expect(untimed).toMatchObject({ startTimeUnixNano: 0n, durationNano: 0n, attributes: { ChildSpanCount: 2n } });
  expect(early).toMatchObject({
    startTimeUnixNano: 1_793_606_401_000_000_000n,
    durationNano: 1_000_000_000n,
    status: { code: 'error', message: 'boom' },
    scope: { name: 'old', version: '0.1', attributes: {} },
    serviceName: 'unknown_service',
    resource: {},
    flags: 257,
  });
  expect(account).toMatchObject({ skipped: [], repaired: [], fault: undefined });
});

const SPAN = {
  Name: 'a',
  SpanContext: { TraceID: 'a1fbefbeffb0c1d2e3f405162738495a', SpanID: 'fbefbe0000000001', TraceFlags: '01' },
  Parent: { TraceID: '00000000000000000000000000000000', SpanID: '0000000000000000' },
  SpanKind: 3,
  StartTime: '2026-11-02T08:00:00.000000001Z',
  EndTime: '2026-11-02T08:00:00.000000003Z',
};

async function decoded(changes: object) {
  return decodeDump(JSON.stringify({ ...SPAN, ...changes }));
}

test('counts, states and flags of events and links are kept', async () => {
  const context = { TraceID: 'b2fbefbeffb0c1d2e3f405162738495b', SpanID: 'fbefbe0000000002', TraceState: 'ot=th:c' };
  const { spans } = await decoded({
    Parent: { TraceID: SPAN.SpanContext.TraceID, SpanID: 'fbefbe0000000009', TraceFlags: '01', Remote: true },
    Events: [
      {
        Name: 'e',
        Attributes: [{ Key: 'k', Value: { Type: 'INT64', Value: 1 } }],
        DroppedAttributeCount: 2,
        Time: SPAN.EndTime,
      },
    ],
    Links: [{ SpanContext: context, Attributes: null, DroppedAttributeCount: 3 }],
    DroppedAttributes: 4,
    DroppedEvents: 5,
    DroppedLinks: 6,
    InstrumentationScope: { Name: 's', Version: '1', Attributes: [{ Key: 'x', Value: { Type: 'BOOL', Value: true } }] },
  });
  expect(spans).toEqual([
    expect.objectContaining({
      parentSpanId: 'fbefbe0000000009',
      flags: 0x301,
      attributes: {
        'otel.dropped_attributes_count': 4n,
        'otel.dropped_events_count': 5n,
        'otel.dropped_links_count': 6n,
      },
      events: [
        {
          name: 'e',
          timeUnixNano: 1_793_606_400_000_000_003n,
          attributes: { k: 1n, 'otel.dropped_attributes_count': 2n },
        },
      ],
      links: [
        {
          traceId: context.TraceID,
          spanId: context.SpanID,
          attributes: { 'w3c.tracestate': 'ot=th:c', 'otel.dropped_attributes_count': 3n },
        },
      ],
      scope: { name: 's', version: '1', attributes: { x: true } },
    }),
  ]);
});

describe('bad content', () => {
  test.each([
    ['no trace id', { SpanContext: { TraceID: null, SpanID: '1' } }, 'missing-trace-id'],
    ['an empty span id', { SpanContext: { TraceID: '1', SpanID: '' } }, 'missing-span-id'],
  ])('%s', async (_, changes, reason) => {
    const { account, spans } = await decodeDump(
      `${JSON.stringify(SPAN)}\n${JSON.stringify({ ...SPAN, ...changes })}\n`,
    );
    expect(spans).toHaveLength(1);
    expect(account.skipped.map(skipped => [skipped.reason, skipped.count])).toEqual([[reason, 1]]);
  });

  test.each([
    ['times that are none', { StartTime: 'now', EndTime: [] }, { 'invalid-time': 2 }],
    ['an end before the start', { EndTime: '2026-11-02T07:00:00Z' }, { 'end-before-start': 1 }],
    [
      'fields of other types',
      { Name: 7, SpanKind: 'x', Attributes: 1, Events: 'x', Links: {}, Status: [], Resource: 3 },
      {},
    ],
    ['numbers out of range', { SpanKind: 99, DroppedAttributes: -1, ChildSpanCount: -5 }, {}],
    ['attributes without key or value', { Attributes: [{}, { Key: 'k' }, null, { Key: 'v', Value: 3 }] }, {}],
    [
      'values that are not as their type',
      { Attributes: [{ Key: 'k', Value: { Type: 'FLOAT64SLICE', Value: 'x' } }] },
      {},
    ],
  ])('%s', async (_, changes, repaired) => {
    const { account, spans } = await decoded(changes);
    expect(spans).toHaveLength(1);
    expect(Object.fromEntries(account.repaired.map(({ reason, count }) => [reason, count]))).toEqual(repaired);
    expect(account).toMatchObject({ skipped: [], fault: undefined });
  });

  test('values nested deeply cost their span', async () => {
    const deep = Array.from({ length: 100 }).reduce<object>(value => ({ Type: 'SLICE', Value: [value] }), {
      Type: 'STRING',
      Value: '',
    });
    const { account, spans } = await decoded({ Attributes: [{ Key: 'k', Value: deep }] });
    expect(spans).toEqual([]);
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['too-deep']);
  });

  test('a cut object is a fault, and what stands before it is kept', async () => {
    const text = JSON.stringify(SPAN, undefined, '\t');
    const { account, spans } = await decodeDump(`${text}\n${text.slice(0, -10)}`);
    expect(spans).toHaveLength(1);
    expect(account.fault?.message).toMatch(/^is cut off: /);
  });
});

describeRealData('the real file', () => {
  test('holds two spans behind six log lines', async () => {
    const { account, spans } = await decodeDump(
      readFileSync(sharedData('sdk-console/go-stdouttrace-mixed-with-log-lines.txt')),
    );
    expect(account).toMatchObject({ documents: 2, spans: 2, repaired: [], fault: undefined });
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['log-lines', 6]]);
    expect(spans).toEqual([
      expect.objectContaining({
        traceId: '3296fd65d8383262134e53eac727c3e5',
        spanId: '253a29450291d34b',
        parentSpanId: '5becf3c6908649e2',
        name: 'handle inner request',
        kind: 'internal',
        startTimeUnixNano: 1_657_831_204_217_495_000n,
        durationNano: 1_000_115_898n,
        scope: { name: 'example/passthrough/inner', version: '', attributes: {} },
        serviceName: 'unknown_service:passthrough',
        flags: 0x301,
      }),
      expect.objectContaining({ spanId: '5becf3c6908649e2', parentSpanId: undefined, flags: 0x101 }),
    ]);
  });
});
