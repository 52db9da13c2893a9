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

test('a list, as gcloud prints it, holds the same, and traces without their spans', async () => {
  const { account, spans } = await decodeDump(fixture('google-cloud-trace/list.json'));
  expect(countsOf(account)).toEqual({ documents: 1, skipped: [['no-spans', 1]], repaired: [] });
  expect(spans).toEqual((await decodeDump(fixture('google-cloud-trace/trace.json'))).spans);
});

describe('API v2', () => {
  test('batch-write.json', async () => {
    const { account, spans } = await decodeDump(fixture('google-cloud-trace/batch-write.json'));
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
        status: { code: 'error', message: 'no backend' },
        attributes: {
          'http.request.method': 'POST',
          'http.response.status_code': 503n,
          'g.co/gae/app/module': 'checkout',
          cached: false,
          big: 9007199254740993n,
          'gcp.trace.childSpanCount': 1n,
          'gcp.trace.sameProcessAsParentSpan': true,
          'otel.dropped_attributes_count': 2n,
          'otel.dropped_events_count': 1n,
        },
        resource: { 'service.name': 'checkout', 'cloud.account.id': 'shop-prod' },
        events: [
          { timeUnixNano: 1793606400200000000n, name: 'retry', attributes: { attempt: 2n } },
          {
            timeUnixNano: 1793606400300000000n,
            name: 'message',
            attributes: {
              'message.type': 'SENT',
              'message.id': 1n,
              'message.uncompressed_size': 2048n,
              'message.compressed_size': 512n,
            },
          },
        ],
        links: [
          {
            traceId: 'ffffffffffffffffffffffffffffffff',
            spanId: '00000000000000cc',
            attributes: { 'gcp.trace.link_type': 'PARENT_LINKED_SPAN' },
          },
        ],
      },
      {
        traceId: '6a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '0000000000000011',
        parentSpanId: 'e182d5edf67422da',
        name: 'pay',
        kind: 'client',
        serviceName: 'pay',
        startTimeUnixNano: 1793606400200000000n,
        durationNano: 100000000n,
        attributes: { 'service.name': 'pay' },
        resource: { 'service.name': 'pay', 'cloud.account.id': 'shop-prod' },
      },
    ]);
  });

  test('snake-case.jsonl holds the same, with numbers for kinds', async () => {
    const { account, spans } = await decodeDump(fixture('google-cloud-trace/snake-case.jsonl'));
    expect(countsOf(account)).toEqual({ documents: 2, skipped: [], repaired: [] });
    expect(spans).toEqual((await decodeDump(fixture('google-cloud-trace/batch-write.json'))).spans);
  });

  const span = (fields: object) => ({
    name: 'projects/p/traces/0af7651916cd43dd8448eb211c80319c/spans/00000000000000b1',
    spanId: '00000000000000b1',
    displayName: { value: 'n' },
    startTime: '2026-11-02T08:00:00Z',
    ...fields,
  });
  const decode = (...spans: readonly unknown[]) => decodeDump(JSON.stringify({ spans }));

  test.each([
    [{ code: 0 }, { code: 'ok', message: '' }],
    [{ code: 5 }, { code: 'error', message: 'NOT_FOUND' }],
    [
      { code: '13', message: 'boom' },
      { code: 'error', message: 'boom' },
    ],
    [{ code: 999 }, { code: 'error', message: '' }],
    [{ message: 'no code' }, { code: 'unset', message: 'no code' }],
    ['OK', { code: 'unset', message: '' }],
  ])('the status %j is %j', async (status, expected) => {
    expect((await decode(span({ status }))).spans.map(read => read.status)).toEqual([expected]);
  });

  test('ids may stand in the name alone', async () => {
    const { spans } = await decode(span({}), span({ spanId: '', parentSpanId: '0000000000000000' }));
    expect(spans.map(({ spanId, parentSpanId }) => [spanId, parentSpanId])).toEqual([
      ['00000000000000b1', undefined],
      ['00000000000000b1', undefined],
    ]);
  });

  test('bad spans are reported and others read', async () => {
    const { account, spans } = await decode(
      span({ startTime: 'soon', endTime: 1793606400, attributes: 7, timeEvents: [], links: { link: 'x' } }),
      span({ name: 'projects/p', displayName: 7 }),
      span({ name: 'projects/p/traces/t', spanId: 'x' }),
      {},
      null,
      'x',
      span({
        spanKind: 'constructor',
        endTime: '2026-11-02T07:00:00Z',
        attributes: {
          attributeMap: { a: null, b: 'plain', c: { stringValue: 7 }, d: {}, __proto__: { intValue: 'x' } },
        },
        timeEvents: { timeEvent: [7, { time: 'x' }], droppedAnnotationsCount: -4, droppedMessageEventsCount: 1e300 },
        links: { link: [null, { traceId: 'zz' }] },
      }),
    );
    expect(countsOf(account)).toEqual({
      documents: 1,
      skipped: [
        ['missing-trace-id', 3],
        ['unexpected-type', 2],
      ],
      repaired: [
        ['invalid-time', 3],
        ['end-before-start', 1],
      ],
    });
    expect(spans).toHaveLength(2);
    expect(spans[1]).toMatchObject({
      kind: 'unspecified',
      durationNano: 0n,
      attributes: { b: 'plain', c: '7', d: {} },
      events: [{ name: '', timeUnixNano: 0n, attributes: {} }],
      links: [{ spanId: '0000000000000000' }],
    });
  });
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
    { spanId: '', startTime: '2026-11-02T08:00:00Z' },
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
