import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('envelopes.txt', async () => {
    const { account, spans } = await decodeDump(fixture('sentry-envelope/envelopes.txt'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '7a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000a1',
        parentSpanId: '00000000000000a0',
        name: 'GET /checkout',
        kind: 'server',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400123456700n,
        durationNano: 499999300n,
        attributes: {
          'http.response.status_code': 500n,
          'service.name': 'shop',
          tenant: 'acme',
          'http.request.method': 'GET',
          'url.full': 'https://shop.example/checkout',
          'enduser.id': 'u-17',
          'contexts.runtime.name': 'node',
          'sentry.origin': 'auto.http',
          'sentry.event_id': '9ec79c33ec9942ab8353589fcb2e04dc',
          'sentry.platform': 'node',
          'sentry.op': 'http.server',
          'sentry.status': 'internal_error',
        },
        resource: {
          'service.name': 'shop',
          'deployment.environment.name': 'prod',
          'service.version': 'shop@1.4.2',
          'host.name': 'host-1',
          'telemetry.sdk.name': 'sentry.javascript.node',
          'telemetry.sdk.version': '9.0.0',
        },
        status: { code: 'error', message: 'internal_error' },
        events: [
          {
            timeUnixNano: 1793606400200000000n,
            name: 'console',
            attributes: { message: 'hello', level: 'info' },
          },
        ],
      },
      {
        traceId: '7a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000b2',
        parentSpanId: '00000000000000a1',
        name: 'SELECT 1',
        kind: 'client',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400300000000n,
        durationNano: 50000000n,
        attributes: { 'db.system': 'postgresql', n: '1', 'sentry.op': 'db', 'sentry.status': 'ok' },
        resource: {
          'service.name': 'shop',
          'deployment.environment.name': 'prod',
          'service.version': 'shop@1.4.2',
          'host.name': 'host-1',
          'telemetry.sdk.name': 'sentry.javascript.node',
          'telemetry.sdk.version': '9.0.0',
        },
      },
      {
        traceId: '7a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000b3',
        parentSpanId: '00000000000000a1',
        name: 'orders',
        kind: 'producer',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400400000000n,
        durationNano: 10000000n,
        attributes: { 'sentry.op': 'queue.publish', 'sentry.status': 'deadline_exceeded' },
        resource: {
          'service.name': 'shop',
          'deployment.environment.name': 'prod',
          'service.version': 'shop@1.4.2',
          'host.name': 'host-1',
          'telemetry.sdk.name': 'sentry.javascript.node',
          'telemetry.sdk.version': '9.0.0',
        },
        status: { code: 'error', message: 'deadline_exceeded' },
      },
      {
        traceId: '7a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000c4',
        parentSpanId: '00000000000000a1',
        name: 'fetch',
        kind: 'client',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400500000000n,
        durationNano: 50000000n,
        attributes: {
          'sentry.op': 'http.client',
          'service.name': 'shop',
          'http.response.status_code': 503n,
          'sentry.is_segment': false,
          'sentry.status': 'error',
        },
        resource: { 'service.name': 'shop' },
        status: { code: 'error', message: 'error' },
        links: [{ traceId: 'ffffffffffffffffffffffffffffffff', spanId: '00000000000000cc' }],
      },
    ]);
  });

  test('transaction.envelope', async () => {
    const { account, spans } = await decodeDump(fixture('sentry-envelope/transaction.envelope'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [['other-records', 2]], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '7a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000a1',
        parentSpanId: '00000000000000a0',
        name: 'GET /checkout',
        kind: 'server',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400123456700n,
        durationNano: 499999300n,
        attributes: {
          'http.response.status_code': 500n,
          'service.name': 'shop',
          tenant: 'acme',
          'http.request.method': 'GET',
          'url.full': 'https://shop.example/checkout',
          'enduser.id': 'u-17',
          'contexts.runtime.name': 'node',
          'sentry.origin': 'auto.http',
          'sentry.event_id': '9ec79c33ec9942ab8353589fcb2e04dc',
          'sentry.platform': 'node',
          'sentry.op': 'http.server',
          'sentry.status': 'internal_error',
        },
        resource: {
          'service.name': 'shop',
          'deployment.environment.name': 'prod',
          'service.version': 'shop@1.4.2',
          'host.name': 'host-1',
          'telemetry.sdk.name': 'sentry.javascript.node',
          'telemetry.sdk.version': '9.0.0',
        },
        status: { code: 'error', message: 'internal_error' },
        events: [
          {
            timeUnixNano: 1793606400200000000n,
            name: 'console',
            attributes: { message: 'hello', level: 'info' },
          },
        ],
      },
      {
        traceId: '7a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000b2',
        parentSpanId: '00000000000000a1',
        name: 'SELECT 1',
        kind: 'client',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400300000000n,
        durationNano: 50000000n,
        attributes: { 'db.system': 'postgresql', n: '1', 'sentry.op': 'db', 'sentry.status': 'ok' },
        resource: {
          'service.name': 'shop',
          'deployment.environment.name': 'prod',
          'service.version': 'shop@1.4.2',
          'host.name': 'host-1',
          'telemetry.sdk.name': 'sentry.javascript.node',
          'telemetry.sdk.version': '9.0.0',
        },
      },
      {
        traceId: '7a5b1c2d3e4f5061728394a5b6c7d8e9',
        spanId: '00000000000000b3',
        parentSpanId: '00000000000000a1',
        name: 'orders',
        kind: 'producer',
        serviceName: 'shop',
        startTimeUnixNano: 1793606400400000000n,
        durationNano: 10000000n,
        attributes: { 'sentry.op': 'queue.publish', 'sentry.status': 'deadline_exceeded' },
        resource: {
          'service.name': 'shop',
          'deployment.environment.name': 'prod',
          'service.version': 'shop@1.4.2',
          'host.name': 'host-1',
          'telemetry.sdk.name': 'sentry.javascript.node',
          'telemetry.sdk.version': '9.0.0',
        },
        status: { code: 'error', message: 'deadline_exceeded' },
      },
    ]);
  });
});

describe('envelopes', () => {
  const header = '{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}';
  const payload =
    '{"type":"transaction","contexts":{"trace":{"trace_id":"a1","span_id":"b2"}},"start_timestamp":1,"timestamp":2}';

  test('payloads may hold lines', async () => {
    const indented = JSON.stringify(JSON.parse(payload), undefined, 1);
    const text = `${header}\n{"type":"transaction","length":${indented.length}}\n${indented}\n`;
    const { account, spans } = await decodeDump(text);
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(span => span.durationNano)).toEqual([1_000_000_000n]);
  });

  test('what holds no spans is counted by kind', async () => {
    const items = ['event', 'session', 'statsd', 'profile', 'log'].map(type => `{"type":"${type}"}\n{}\n`);
    const { account } = await decodeDump(`${header}\n${items.join('')}`);
    expect(countsOf(account)).toEqual({
      documents: 1,
      skipped: [
        ['log-records', 2],
        ['metric-records', 1],
        ['profile-records', 1],
        ['other-records', 1],
      ],
      repaired: [],
    });
  });

  test.each([`${header}\n{"type":"transaction"}\n`, `${header}\n{"type":"transaction","length":9999}\n${payload}\n`])(
    '%j is cut off',
    async text => {
      const { account, spans } = await decodeDump(text);
      expect(account.fault?.message).toMatch(/^is cut off/);
      expect(spans).toEqual([]);
    },
  );

  test('broken lines and payloads are counted and others read', async () => {
    const { account, spans } = await decodeDump(
      `${header}\n{"type":"transaction"}\n{broken\nno header\n{"type":"transaction"}\n${payload}\n{"type":"span"}\n[]\n`,
    );
    expect(countsOf(account)).toMatchObject({ skipped: [['malformed-json', 3]] });
    expect(spans).toHaveLength(1);
  });

  test('a payload over the limit is passed over', async () => {
    const large = `{"type":"transaction","x":"${'y'.repeat(2000)}"}`;
    const text = `${header}\n{"type":"transaction","length":${large.length}}\n${large}\n{"type":"transaction"}\n${payload}\n`;
    const { account, spans } = await decodeDump(text, { limits: { recordBytes: 1000 } });
    expect(account.skipped.map(({ reason }) => reason)).toContain('record-too-large');
    expect(spans.length).toBeLessThanOrEqual(1);
  });

  test('JSON lines of other tools are no envelope', async () => {
    const { account } = await decodeDump('{"event_id":"1"}\n{"level":"info"}\n');
    expect(account.format).toBeUndefined();
  });
});
