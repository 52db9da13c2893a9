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
