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
