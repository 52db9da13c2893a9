import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('rows.json', async () => {
    const { account, spans } = await decodeDump(fixture('app-insights/rows.json'));
    expect(countsOf(account)).toEqual({
      documents: 1,
      skipped: [
        ['log-records', 1],
        ['metric-records', 1],
        ['other-records', 1],
      ],
      repaired: [],
    });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '9a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000a1',
        name: 'POST /checkout',
        kind: 'server',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400123456700n,
        durationNano: 500125000n,
        attributes: {
          operation_Name: 'POST /checkout',
          'url.full': 'https://shop.example/checkout',
          'http.response.status_code': 500n,
          tenant: 'acme',
          items: 3n,
        },
        resource: { 'service.name': 'shop', 'service.instance.id': 'shop-1', 'service.version': '1.4.2' },
        status: { code: 'error', message: '' },
      },
      {
        traceId: '9a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000b2',
        parentSpanId: '00000000000000a1',
        name: 'orders',
        kind: 'client',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400200000000n,
        durationNano: 3000000n,
        attributes: {
          type: 'SQL',
          'peer.service': 'db.example | orders',
          data: 'SELECT 1',
          resultCode: '0',
          customDimensions: 'cut off {',
        },
        resource: { 'service.name': 'shop' },
      },
      {
        traceId: '9a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '9b560c99dd103960',
        parentSpanId: '00000000000000a1',
        name: 'System.Exception',
        kind: 'internal',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400300000000n,
        durationNano: 0n,
        attributes: { type: 'System.Exception', outerMessage: 'declined' },
        resource: { 'service.name': 'shop' },
        status: { code: 'error', message: 'declined' },
        events: [
          {
            timeUnixNano: 1793606400300000000n,
            name: 'exception',
            attributes: {
              'exception.type': 'System.Exception',
              'exception.message': 'declined',
              'exception.stacktrace': 'at Pay (Pay.cs:17)',
            },
          },
        ],
      },
    ]);
  });

  test('workspace.jsonl', async () => {
    const { account, spans } = await decodeDump(fixture('app-insights/workspace.jsonl'));
    expect(countsOf(account)).toEqual({ documents: 2, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '9a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000a1',
        name: 'GET /',
        kind: 'server',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400123456700n,
        durationNano: 12500000n,
        attributes: { 'http.response.status_code': 200n, tenant: 'acme' },
        resource: { 'service.name': 'shop' },
      },
      {
        traceId: '9a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000b2',
        parentSpanId: '00000000000000a1',
        name: 'work',
        kind: 'internal',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400124000000n,
        durationNano: 3000000n,
        attributes: { type: 'InProc' },
        resource: { 'service.name': 'shop' },
        status: { code: 'error', message: '' },
      },
    ]);
  });
});

test('an answer of the query API holds the same', async () => {
  const { account, spans } = await decodeDump(fixture('app-insights/query-answer.json'));
  expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
  expect(spans).toEqual((await decodeDump(fixture('app-insights/rows.json'))).spans);
});

test('a table of something else is none', async () => {
  const { account } = await decodeDump(
    '{"tables":[{"name":"x","columns":[{"name":"a"},{"name":"b"}],"rows":[[1,2]]}]}',
  );
  expect(countsOf(account)).toMatchObject({ skipped: [['unrecognised-json', 1]] });
  expect(account.spans).toBe(0);
});

test('bad rows are reported and others read', async () => {
  const row = {
    itemType: 'request',
    operation_Id: '1',
    operation_ParentId: '',
    timestamp: '2026-11-02T08:00:00Z',
    id: '2',
  };
  const rows = [
    row,
    { ...row, id: '|abc.1234.', timestamp: 'soon', duration: 'long', customDimensions: 7 },
    { ...row, id: '' },
    { ...row, operation_Id: null },
    { ...row, itemType: 'else' },
    null,
  ];
  const { account, spans } = await decodeDump(JSON.stringify(rows));
  expect(countsOf(account)).toEqual({
    documents: 1,
    skipped: [
      ['other-records', 2],
      ['missing-trace-id', 1],
      ['missing-span-id', 1],
    ],
    repaired: [
      ['invalid-time', 2],
      ['invented-id', 1],
    ],
  });
  expect(spans).toHaveLength(2);
});
