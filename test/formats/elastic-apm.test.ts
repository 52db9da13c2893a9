import { describe, expect, test } from 'vitest';
import { decodeDump, decodeDumps } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('intake.ndjson', async () => {
    const { account, spans } = await decodeDump(fixture('elastic-apm/intake.ndjson'));
    expect(countsOf(account)).toEqual({ documents: 5, skipped: [['metric-records', 1]], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: 'e1a5b1c2d3e4f5061728394a5b6c7d8e',
        spanId: '8796a5b4c3d2e1f0',
        parentSpanId: '00000000000000b2',
        name: 'PaymentError',
        kind: 'internal',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400148456000n,
        durationNano: 0n,
        attributes: { 'error.transaction_id': '00000000000000a1', 'error.culprit': 'pay (pay.js)' },
        resource: {
          'service.name': 'shop',
          'service.version': '1.4.2',
          'deployment.environment.name': 'prod',
          'service.instance.id': 'shop-1',
          'agent.name': 'nodejs',
          'agent.version': '4.8.0',
          'telemetry.sdk.language': 'javascript',
          'process.runtime.name': 'node',
          'process.runtime.version': '24.0.0',
          'process.pid': 17n,
          'process.title': 'node',
          'host.name': 'host-1',
          'host.arch': 'x64',
          'container.id': 'c-1',
          'cloud.provider': 'aws',
          'cloud.region': 'eu-central-1',
          'labels.team': 'checkout',
        },
        status: { code: 'error', message: 'the card was declined' },
        events: [
          {
            timeUnixNano: 1793606400148456000n,
            name: 'exception',
            attributes: {
              'exception.message': 'the card was declined',
              'exception.type': 'PaymentError',
              'exception.stacktrace': 'at pay (pay.js:17)',
              'exception.handled': false,
            },
          },
        ],
      },
      {
        traceId: 'e1a5b1c2d3e4f5061728394a5b6c7d8e',
        spanId: '00000000000000b2',
        parentSpanId: '00000000000000a1',
        name: 'POST pay.example',
        kind: 'client',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400124456000n,
        durationNano: 30125000n,
        attributes: {
          'span.type': 'external',
          'labels.attempt': 2n,
          'http.request.method': 'POST',
          'url.full': 'https://pay.example/charge',
          'http.response.status_code': 402n,
          'server.address': 'pay.example',
          'server.port': 443n,
          'peer.service': 'pay.example:443',
          'span.transaction_id': '00000000000000a1',
          'span.subtype': 'http',
        },
        resource: {
          'service.name': 'shop',
          'service.version': '1.4.2',
          'deployment.environment.name': 'prod',
          'service.instance.id': 'shop-1',
          'agent.name': 'nodejs',
          'agent.version': '4.8.0',
          'telemetry.sdk.language': 'javascript',
          'process.runtime.name': 'node',
          'process.runtime.version': '24.0.0',
          'process.pid': 17n,
          'process.title': 'node',
          'host.name': 'host-1',
          'host.arch': 'x64',
          'container.id': 'c-1',
          'cloud.provider': 'aws',
          'cloud.region': 'eu-central-1',
          'labels.team': 'checkout',
        },
        status: { code: 'error', message: '' },
      },
      {
        traceId: 'e1a5b1c2d3e4f5061728394a5b6c7d8e',
        spanId: '00000000000000a1',
        name: 'POST /checkout',
        kind: 'server',
        serviceName: 'shop-checkout',
        startTimeUnixNano: 1793606400123456000n,
        durationNano: 45500000n,
        attributes: {
          'transaction.type': 'request',
          'http.request.method': 'POST',
          'url.full': 'https://shop.example/checkout',
          'url.path': '/checkout',
          'http.response.status_code': 500n,
          'enduser.id': 'u-17',
          'shop.cart': 'c-1',
          'transaction.result': 'HTTP 5xx',
          'transaction.sampled': true,
          'transaction.span_count.started': 1n,
          'transaction.span_count.dropped': 0n,
        },
        resource: {
          'service.name': 'shop-checkout',
          'service.version': '1.4.2',
          'deployment.environment.name': 'prod',
          'service.instance.id': 'shop-1',
          'agent.name': 'nodejs',
          'agent.version': '4.8.0',
          'telemetry.sdk.language': 'javascript',
          'process.runtime.name': 'node',
          'process.runtime.version': '24.0.0',
          'process.pid': 17n,
          'process.title': 'node',
          'host.name': 'host-1',
          'host.arch': 'x64',
          'container.id': 'c-1',
          'cloud.provider': 'aws',
          'cloud.region': 'eu-central-1',
          'labels.team': 'checkout',
        },
        status: { code: 'error', message: '' },
        links: [{ traceId: 'ffffffffffffffffffffffffffffffff', spanId: '00000000000000cc' }],
      },
    ]);
  });

  test('documents.jsonl', async () => {
    const { account, spans } = await decodeDump(fixture('elastic-apm/documents.jsonl'));
    expect(countsOf(account)).toEqual({ documents: 4, skipped: [['metric-records', 1]], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: 'e1a5b1c2d3e4f5061728394a5b6c7d8e',
        spanId: '00000000000000a1',
        name: 'GET /',
        kind: 'server',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400123456000n,
        durationNano: 45500000n,
        attributes: {
          'transaction.type': 'request',
          'transaction.sampled': true,
          'event.outcome': 'success',
          'labels.tenant': 'acme',
          'http.response.status_code': 200n,
        },
        resource: {
          'service.name': 'shop',
          'deployment.environment.name': 'prod',
          'service.instance.id': 'shop-1',
          'agent.name': 'nodejs',
          'host.name': 'host-1',
        },
      },
      {
        traceId: 'e1a5b1c2d3e4f5061728394a5b6c7d8e',
        spanId: '00000000000000b2',
        parentSpanId: '00000000000000a1',
        name: 'SELECT FROM orders',
        kind: 'client',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400124456000n,
        durationNano: 3781000n,
        attributes: { 'span.type': 'db', 'db.query.text': 'SELECT * FROM orders', 'event.outcome': 'failure' },
        resource: { 'service.name': 'shop' },
        status: { code: 'error', message: '' },
      },
      {
        traceId: 'e1a5b1c2d3e4f5061728394a5b6c7d8e',
        spanId: '00000000000000e3',
        parentSpanId: '00000000000000b2',
        name: 'DbError',
        kind: 'internal',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400125456000n,
        durationNano: 0n,
        attributes: { 'error.id': '00000000000000e3' },
        resource: { 'service.name': 'shop' },
        status: { code: 'error', message: 'no route' },
        events: [
          {
            timeUnixNano: 1793606400125456000n,
            name: 'exception',
            attributes: { 'exception.message': 'no route', 'exception.type': 'DbError' },
          },
        ],
      },
    ]);
  });
});

describe('intake', () => {
  test('metadata holds up to the end of its source', async () => {
    const [, error] = fixture('elastic-apm/intake.ndjson').toString().split('\n');
    const dumps = await decodeDumps([fixture('elastic-apm/intake.ndjson'), `${error}\n`]);
    expect(dumps.map(({ spans }) => spans[0]?.serviceName)).toEqual(['shop', 'unknown_service']);
  });

  test.each([
    [{ transaction: { type: 'messaging' } }, 'consumer'],
    [{ transaction: { type: 'scheduled' } }, 'internal'],
    [{ transaction: { type: 'request', otel: { span_kind: 'PRODUCER' } } }, 'producer'],
    [{ span: { type: 'db' } }, 'client'],
    [{ span: { type: 'messaging' } }, 'producer'],
    [{ span: { type: 'app' } }, 'internal'],
  ])('%j is of its kind', async (record, kind) => {
    const [[key, fields]] = Object.entries(record) as [[string, object]];
    const text = JSON.stringify({ [key]: { id: 'a1', trace_id: 'b2', timestamp: 1, ...fields } });
    expect((await decodeDump(text)).spans.map(span => span.kind)).toEqual([kind]);
  });

  test('bad records are reported and others read', async () => {
    const { account, spans } = await decodeDump(
      [
        '{"span":{"id":"a1","trace_id":"b2","timestamp":"now","duration":"long","context":7,"links":{}}}',
        '{"span":{"id":"","trace_id":"b2","timestamp":1}}',
        '{"transaction":{"id":"a1","trace_id":null,"timestamp":1}}',
        '{"error":{"id":"c3","trace_id":"b2","timestamp":1,"exception":[],"log":"x"}}',
        '{"metadata":{"service":{"agent":{}}}}',
        '{"span":{"id":"a2","trace_id":"b2","timestamp":1',
      ].join('\n'),
    );
    expect(countsOf(account)).toEqual({
      documents: 6,
      skipped: [
        ['truncated', 1],
        ['missing-trace-id', 1],
        ['missing-span-id', 1],
      ],
      repaired: [['invalid-time', 2]],
    });
    expect(spans.map(({ name, status }) => [name, status.code])).toEqual([
      ['', 'unset'],
      ['error', 'error'],
    ]);
  });
});

describe('documents', () => {
  test('of a search answer hold the same', async () => {
    const { account, spans } = await decodeDump(fixture('elastic-apm/search-answer.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [['metric-records', 1]], repaired: [] });
    expect(spans).toEqual((await decodeDump(fixture('elastic-apm/documents.jsonl'))).spans);
  });
});
