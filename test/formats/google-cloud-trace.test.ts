import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('trace.json', async () => {
    const { account, spans } = await decodeDump(fixture('google-cloud-trace/trace.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '6a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: 'e182d5edf67422da',
        name: '/checkout',
        kind: 'server',
        serviceName: 'checkout',
        startTimeUnixNano: 1793606400123456789n,
        durationNano: 500000000n,
        attributes: {
          'http.request.method': 'POST',
          'g.co/gae/app/module': 'checkout',
          'http.response.status_code': 404n,
        },
        resource: { 'service.name': 'checkout', 'cloud.account.id': 'shop-prod' },
      },
      {
        traceId: '6a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '0000000000000011',
        parentSpanId: 'e182d5edf67422da',
        name: 'pay',
        kind: 'client',
        serviceName: 'checkout',
        startTimeUnixNano: 1793606400200000000n,
        durationNano: 100000000n,
        attributes: { 'url.full': 'https://pay.example/', '/component': 'checkout', 'http.response.status_code': 404n },
        resource: { 'service.name': 'checkout', 'cloud.account.id': 'shop-prod' },
        status: { code: 'error', message: '' },
      },
      {
        traceId: '6a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '0000000000000012',
        parentSpanId: '0000000000000011',
        name: 'encode',
        kind: 'unspecified',
        serviceName: 'codec',
        startTimeUnixNano: 1793606400210000000n,
        durationNano: 10000000n,
        attributes: { 'error.type': 'RangeError', '/error/message': 'too long', 'service.name': 'codec' },
        resource: { 'service.name': 'codec', 'cloud.account.id': 'shop-prod' },
        status: { code: 'error', message: 'too long' },
      },
    ]);
  });
});

test('an answer of `list` holds the same', async () => {
  const { account, spans } = await decodeDump(fixture('google-cloud-trace/traces.json'));
  expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
  expect(spans).toEqual((await decodeDump(fixture('google-cloud-trace/trace.json'))).spans);
});

test.each([
  ['RPC_SERVER', '404', 'unset'],
  ['RPC_SERVER', '500', 'error'],
  ['RPC_CLIENT', '404', 'error'],
  ['RPC_CLIENT', '302', 'unset'],
  ['RPC_CLIENT', 'none', 'unset'],
])('%s that answered %s is %s', async (kind, code, status) => {
  const spans = [{ spanId: '1', startTime: '2026-11-02T08:00:00Z', kind, labels: { '/http/status_code': code } }];
  const { spans: read } = await decodeDump(JSON.stringify({ projectId: 'p', traceId: '1', spans }));
  expect(read.map(span => span.status.code)).toEqual([status]);
});

test('bad spans are reported and others read', async () => {
  const spans = [
    { spanId: '1', startTime: 'soon', endTime: 7 },
    { spanId: '0', startTime: '2026-11-02T08:00:00Z' },
    null,
    { spanId: 'zz', startTime: '2026-11-02T08:00:00Z', labels: [] },
  ];
  const { account, spans: read } = await decodeDump(JSON.stringify({ projectId: 'p', traceId: '1', spans }));
  expect(countsOf(account)).toEqual({
    documents: 1,
    skipped: [
      ['missing-span-id', 1],
      ['unexpected-type', 1],
    ],
    repaired: [
      ['invalid-time', 2],
      ['invented-id', 1],
    ],
  });
  expect(read).toHaveLength(2);
});
