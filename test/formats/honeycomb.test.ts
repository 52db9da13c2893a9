import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('batch.json', async () => {
    const { account, spans } = await decodeDump(fixture('honeycomb/batch.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '8a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000a1',
        name: 'GET /checkout',
        kind: 'server',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400123456789n,
        durationNano: 500000123n,
        attributes: { error: true, status_message: 'declined', 'http.status_code': 500n, SampleRate: 2n },
        resource: { 'service.name': 'shop' },
        status: { code: 'error', message: 'declined' },
        scope: { name: 'http', version: '1.0', attributes: {} },
      },
      {
        traceId: '8a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000b2',
        parentSpanId: '00000000000000a1',
        name: 'SELECT',
        kind: 'client',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400200000000n,
        durationNano: 3000000n,
        attributes: { error: false, SampleRate: 2n },
        resource: { 'service.name': 'shop' },
      },
      {
        traceId: '8a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '72cbfd64e7ff1167',
        parentSpanId: '00000000000000a1',
        name: 'exception',
        kind: 'unspecified',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400300000000n,
        durationNano: 0n,
        attributes: {
          'meta.annotation_type': 'span_event',
          'exception.type': 'PaymentError',
          'exception.message': 'declined',
          SampleRate: 2n,
        },
        resource: { 'service.name': 'shop' },
        events: [
          {
            timeUnixNano: 1793606400300000000n,
            name: 'exception',
            attributes: { 'exception.type': 'PaymentError', 'exception.message': 'declined' },
          },
        ],
      },
      {
        traceId: '8a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '504f6dbf9daf8732',
        parentSpanId: '00000000000000a1',
        name: '',
        kind: 'unspecified',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400300000000n,
        durationNano: 0n,
        attributes: { 'meta.annotation_type': 'link', SampleRate: 2n },
        resource: { 'service.name': 'shop' },
        links: [{ traceId: 'ffffffffffffffffffffffffffffffff', spanId: '00000000000000cc' }],
      },
    ]);
  });
});

test('rows hold the same as a batch, but for the sample rate', async () => {
  const { account, spans } = await decodeDump(fixture('honeycomb/rows.jsonl'));
  expect(countsOf(account)).toEqual({ documents: 4, skipped: [], repaired: [] });
  const batch = (await decodeDump(fixture('honeycomb/batch.json'))).spans;
  expect(spans).toEqual(
    batch.map(span => {
      const { SampleRate: _, ...attributes } = span.attributes;
      return { ...span, attributes };
    }),
  );
});

test.each([
  [1_793_606_400, 1_793_606_400_000_000_000n],
  [1_793_606_400_123, 1_793_606_400_123_000_000n],
  [1_793_606_400_123_456, 1_793_606_400_123_456_000n],
  ['2026-11-02T08:00:00.123456789Z', 1_793_606_400_123_456_789n],
])('a time may be written as %s', async (time, nanos) => {
  const { spans } = await decodeDump(JSON.stringify({ time, 'trace.trace_id': '1', 'trace.span_id': '2' }));
  expect(spans.map(span => span.startTimeUnixNano)).toEqual([nanos]);
});

test('bad rows are reported and others read', async () => {
  const rows = [
    { 'trace.trace_id': '1', 'trace.span_id': '2', duration_ms: 'long', 'exception.message': {}, error: '' },
    { 'trace.trace_id': '1' },
    { 'trace.trace_id': '', 'trace.span_id': '3' },
    { data: { message: 'no trace' } },
    7,
  ];
  const { account, spans } = await decodeDump(JSON.stringify(rows));
  expect(countsOf(account)).toMatchObject({
    skipped: [
      ['other-records', 2],
      ['missing-trace-id', 1],
      ['missing-span-id', 1],
    ],
  });
  expect(spans.map(({ status }) => status.code)).toEqual(['unset']);
});
