import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Quirk } from '../../src/model/span-batch.ts';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('batch-get-traces.json', async () => {
    const { account, spans } = await decodeDump(fixture('xray/batch-get-traces.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '6ae7dd00a5b1c2d3e4f5061728394a5b',
        spanId: '70de5b6f19ff9a0f',
        parentSpanId: '70de5b6f19ff9a0c',
        name: 'audit',
        kind: 'internal',
        serviceName: 'checkout',
        startTimeUnixNano: 1793606400330000000n,
        durationNano: 0n,
        attributes: { 'aws.xray.type': 'subsegment', 'aws.xray.in_progress': true },
        resource: {
          'service.name': 'checkout',
          'service.version': '1.4.2',
          'aws.xray.service.compiler': 'tsc',
          'aws.xray.origin': 'AWS::ECS::Container',
          'cloud.account.id': '123456789012',
          'container.id': '0a1b2c',
          'aws.ecs.task_family': 'checkout',
          'telemetry.sdk.name': 'X-Ray for Node.js',
          'telemetry.sdk.version': '3.5.0',
          'aws.xray.auto_instrumentation': false,
        },
        quirks: 4,
      },
      {
        traceId: '6ae7dd00a5b1c2d3e4f5061728394a5b',
        spanId: '70de5b6f19ff9a0a',
        parentSpanId: '0000000000000001',
        name: 'checkout',
        kind: 'server',
        serviceName: 'checkout',
        startTimeUnixNano: 1793606400123456700n,
        durationNano: 500000300n,
        attributes: {
          'http.request.method': 'POST',
          'url.full': 'https://shop.example/checkout',
          'client.address': '203.0.113.7',
          'user_agent.original': 'curl/8',
          'http.response.status_code': 502n,
          'http.response.body.size': 17n,
          'aws.request_id': 'r-1',
          'enduser.id': 'u-17',
          tenant: 'acme',
          items: 3n,
          total: 12.5,
          gift: true,
          'metadata.default.cart.id': 'c-1',
          'metadata.default.cart.lines': [1n, 2n],
          'metadata.debug.on': true,
          'aws.xray.fault': true,
          'aws.xray.cause.working_directory': '/srv',
        },
        resource: {
          'service.name': 'checkout',
          'service.version': '1.4.2',
          'aws.xray.service.compiler': 'tsc',
          'aws.xray.origin': 'AWS::ECS::Container',
          'cloud.account.id': '123456789012',
          'container.id': '0a1b2c',
          'aws.ecs.task_family': 'checkout',
          'telemetry.sdk.name': 'X-Ray for Node.js',
          'telemetry.sdk.version': '3.5.0',
          'aws.xray.auto_instrumentation': false,
        },
        status: { code: 'error', message: 'the card was declined' },
        events: [
          {
            timeUnixNano: 1793606400623457000n,
            name: 'exception',
            attributes: {
              'aws.xray.exception.id': '1ddf6d1a5f0e0001',
              'exception.type': 'PaymentError',
              'exception.message': 'the card was declined',
              'aws.xray.exception.remote': true,
              'exception.stacktrace': 'at charge (pay.js:17)\nat run (checkout.js:4)',
            },
          },
        ],
        links: [
          {
            traceId: '6ae7dd00000000000000000000000001',
            spanId: '00000000000000aa',
            attributes: { why: 'batch' },
          },
        ],
      },
      {
        traceId: '6ae7dd00a5b1c2d3e4f5061728394a5b',
        spanId: '70de5b6f19ff9a0b',
        parentSpanId: '70de5b6f19ff9a0a',
        name: 'DynamoDB',
        kind: 'client',
        serviceName: 'checkout',
        startTimeUnixNano: 1793606400200000000n,
        durationNano: 50000000n,
        attributes: {
          'peer.service': 'DynamoDB',
          'http.response.status_code': 200n,
          'aws.operation': 'GetItem',
          'aws.region': 'eu-central-1',
          'aws.table_name': 'carts',
          'aws.request_id': 'r-2',
          'aws.retries': 1n,
          'aws.xray.namespace': 'aws',
        },
        resource: {
          'service.name': 'checkout',
          'service.version': '1.4.2',
          'aws.xray.service.compiler': 'tsc',
          'aws.xray.origin': 'AWS::ECS::Container',
          'cloud.account.id': '123456789012',
          'container.id': '0a1b2c',
          'aws.ecs.task_family': 'checkout',
          'telemetry.sdk.name': 'X-Ray for Node.js',
          'telemetry.sdk.version': '3.5.0',
          'aws.xray.auto_instrumentation': false,
        },
      },
      {
        traceId: '6ae7dd00a5b1c2d3e4f5061728394a5b',
        spanId: '70de5b6f19ff9a0c',
        parentSpanId: '70de5b6f19ff9a0a',
        name: 'pay.example',
        kind: 'client',
        serviceName: 'checkout',
        startTimeUnixNano: 1793606400300000000n,
        durationNano: 300000000n,
        attributes: {
          'peer.service': 'pay.example',
          'http.request.method': 'GET',
          'url.full': 'https://pay.example/',
          'http.response.status_code': 429n,
          'aws.xray.namespace': 'remote',
          'aws.xray.throttle': true,
          'aws.xray.error': true,
          'aws.xray.precursor_ids': ['70de5b6f19ff9a0b'],
          'aws.xray.cause': '1ddf6d1a5f0e0001',
        },
        resource: {
          'service.name': 'checkout',
          'service.version': '1.4.2',
          'aws.xray.service.compiler': 'tsc',
          'aws.xray.origin': 'AWS::ECS::Container',
          'cloud.account.id': '123456789012',
          'container.id': '0a1b2c',
          'aws.ecs.task_family': 'checkout',
          'telemetry.sdk.name': 'X-Ray for Node.js',
          'telemetry.sdk.version': '3.5.0',
          'aws.xray.auto_instrumentation': false,
        },
        status: { code: 'error', message: '' },
      },
      {
        traceId: '6ae7dd00a5b1c2d3e4f5061728394a5b',
        spanId: '70de5b6f19ff9a0d',
        parentSpanId: '70de5b6f19ff9a0c',
        name: 'encode',
        kind: 'internal',
        serviceName: 'checkout',
        startTimeUnixNano: 1793606400310000000n,
        durationNano: 10000000n,
        resource: {
          'service.name': 'checkout',
          'service.version': '1.4.2',
          'aws.xray.service.compiler': 'tsc',
          'aws.xray.origin': 'AWS::ECS::Container',
          'cloud.account.id': '123456789012',
          'container.id': '0a1b2c',
          'aws.ecs.task_family': 'checkout',
          'telemetry.sdk.name': 'X-Ray for Node.js',
          'telemetry.sdk.version': '3.5.0',
          'aws.xray.auto_instrumentation': false,
        },
      },
      {
        traceId: '6ae7dd00a5b1c2d3e4f5061728394a5b',
        spanId: '70de5b6f19ff9a0e',
        parentSpanId: '70de5b6f19ff9a0a',
        name: 'orders@db.example',
        kind: 'client',
        serviceName: 'checkout',
        startTimeUnixNano: 1793606400610000000n,
        durationNano: 10000000n,
        attributes: {
          'peer.service': 'orders@db.example',
          'sql.url': 'jdbc:postgresql://db.example:5432/orders',
          'db.system.name': 'PostgreSQL',
          'db.query.text': 'INSERT INTO orders VALUES (?)',
          'sql.preparation': 'statement',
          'aws.xray.namespace': 'remote',
        },
        resource: {
          'service.name': 'checkout',
          'service.version': '1.4.2',
          'aws.xray.service.compiler': 'tsc',
          'aws.xray.origin': 'AWS::ECS::Container',
          'cloud.account.id': '123456789012',
          'container.id': '0a1b2c',
          'aws.ecs.task_family': 'checkout',
          'telemetry.sdk.name': 'X-Ray for Node.js',
          'telemetry.sdk.version': '3.5.0',
          'aws.xray.auto_instrumentation': false,
        },
      },
    ]);
  });
});

describe('containers', () => {
  test('hold the same segments', async () => {
    const { spans } = await decodeDump(fixture('xray/batch-get-traces.json'));
    const [, ...ofSegment] = spans;
    expect((await decodeDump(fixture('xray/segment.json'))).spans).toEqual(ofSegment);
    expect((await decodeDump(fixture('xray/put-trace-segments.json'))).spans).toEqual(ofSegment);
  });

  test('a subsegment that comes without its segment has no service', async () => {
    const { account, spans } = await decodeDump(fixture('xray/daemon.txt'));
    expect(countsOf(account)).toEqual({ documents: 4, skipped: [], repaired: [] });
    const { spans: together } = await decodeDump(fixture('xray/batch-get-traces.json'));
    expect(spans.slice(0, 5)).toEqual(together.slice(1));
    expect(spans[5]).toEqual({ ...together[0], serviceName: 'unknown_service', resource: {} });
  });

  test('a document that has other keys than a header of the daemon is none', async () => {
    const { account } = await decodeDump('{"format":"json","version":1,"more":true}');
    expect(account.fault?.message).toMatch(/^holds JSON but no trace format/);
  });
});

describe('deviations', () => {
  const segment = (fields: string) =>
    `{"trace_id":"1-581cf771-a006649127e371903a2de979","id":"00000000000000a1","name":"a","start_time":1,${fields}}`;

  test('times keep all their digits', async () => {
    const { spans } = await decodeDump(
      '{"trace_id":"1-581cf771-a006649127e371903a2de979","id":"00000000000000a1","start_time":1478293361.123456789,"end_time":1478293361.1234567891}',
    );
    expect(spans[0]).toMatchObject({ startTimeUnixNano: 1_478_293_361_123_456_789n, durationNano: 0n });
  });

  test.each([
    ['1-581cf771-a006649127e371903a2de979', '581cf771a006649127e371903a2de979'],
    ['581cf771a006649127e371903a2de979', '581cf771a006649127e371903a2de979'],
    ['1-581CF771-A006649127E371903A2DE979', '581cf771a006649127e371903a2de979'],
  ])('a trace id may be written as %s', async (written, traceId) => {
    const { spans } = await decodeDump(JSON.stringify({ trace_id: written, id: 'a1', start_time: 1 }));
    expect(spans.map(span => span.traceId)).toEqual([traceId]);
  });

  test('links, annotations and causes of other types are passed over', async () => {
    const { account, spans } = await decodeDump(
      segment(
        '"end_time":2,"links":7,"annotations":[1],"cause":{"exceptions":"x"},"subsegments":{"id":"b"},"error":"yes"',
      ),
    );
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans).toHaveLength(1);
    expect(spans[0]).toMatchObject({ links: [], events: [], status: { code: 'unset' }, durationNano: 1_000_000_000n });
  });

  test('what is no time is reported', async () => {
    const { account, spans } = await decodeDump(segment('"end_time":"soon"'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [['invalid-time', 1]] });
    expect(spans[0]).toMatchObject({ startTimeUnixNano: 1_000_000_000n, durationNano: 0n });
  });

  test('segments without ids are counted, and what is in them is read', async () => {
    const { account, spans } = await decodeDump(
      '{"trace_id":"1-581cf771-a006649127e371903a2de979","id":"","start_time":1,"subsegments":[{"id":"b","name":"inner","start_time":1}]}\n' +
        '{"trace_id":null,"id":"a","start_time":1}',
    );
    expect(countsOf(account)).toEqual({
      documents: 2,
      skipped: [
        ['missing-trace-id', 1],
        ['missing-span-id', 1],
      ],
      repaired: [],
    });
    expect(spans.map(({ name }) => name)).toEqual(['inner']);
  });

  test('a document that is broken inside of an answer costs that document', async () => {
    const text = segment('"end_time":2');
    const answer = {
      Traces: [{ Id: '1', Segments: [{ Document: text.slice(0, 40) }, { Document: '[]' }, { Document: text }] }],
    };
    const { account, spans } = await decodeDump(JSON.stringify(answer));
    expect(countsOf(account)).toEqual({
      documents: 1,
      skipped: [['malformed-json', 2]],
      repaired: [],
    });
    expect(spans).toHaveLength(1);
  });

  test('metadata that is nested too deeply costs its segment alone', async () => {
    const deep = `${'['.repeat(100)}${']'.repeat(100)}`;
    const { account, spans } = await decodeDump(
      segment(`"end_time":2,"metadata":{"a":{"b":${deep}}},"subsegments":[{"id":"b","name":"inner","start_time":1}]`),
    );
    expect(countsOf(account).valueOf()).toMatchObject({ skipped: [['too-deep', 1]] });
    expect(spans.map(({ name }) => name)).toEqual(['inner']);
  });

  test('nesting that no stack holds is refused and not thrown', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const { account, spans } = await decodeDump(`${segment(`"metadata":${deep}`)}\n${segment('"end_time":2')}`);
    expect(account.skipped).toHaveLength(1);
    expect(spans).toHaveLength(1);
  });

  test('subsegments may be nested a thousand deep', async () => {
    const nested = Array.from({ length: 1000 }).reduce<object>(
      (inner, _, index) => ({ id: (index + 16).toString(16), name: 'n', start_time: 1, subsegments: [inner] }),
      { id: 'f', name: 'leaf', start_time: 1 },
    );
    const { spans } = await decodeDump(JSON.stringify({ trace_id: '1-581cf771-a006649127e371903a2de979', ...nested }));
    expect(spans).toHaveLength(1001);
  });
});

describeRealData('real files', () => {
  test('an independent subsegment', async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('xray/indepSubsegment.json')));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '581cf771a006649127e371903a2de979',
        spanId: '53995c3f42cd8ad8',
        parentSpanId: 'defdfd9912dc5a56',
        name: 'api.example.com',
        kind: 'client',
        serviceName: 'unknown_service',
        startTimeUnixNano: 1_478_293_361_271_000_000n,
        durationNano: 178_000_000n,
        attributes: {
          'peer.service': 'api.example.com',
          'url.full': 'https://api.example.com/health',
          'http.request.method': 'POST',
          'http.response.status_code': 200n,
          'http.response.body.size': 861n,
          'aws.xray.type': 'subsegment',
          'aws.xray.namespace': 'remote',
          'aws.xray.traced': true,
        },
      },
    ]);
  });

  test('a segment in progress', async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('xray/minInProgress.json')));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '5f1872536a106696d56b1f4ef9eba2ed',
        spanId: '5cc4a447f5d4d696',
        name: 'LongOperation',
        kind: 'server',
        serviceName: 'LongOperation',
        startTimeUnixNano: 1_595_437_651_680_097_000n,
        durationNano: 0n,
        attributes: { 'aws.xray.in_progress': true, 'aws.xray.Dummy': false },
        resource: { 'service.name': 'LongOperation' },
        quirks: Quirk.endUnknown,
      },
    ]);
  });
});
