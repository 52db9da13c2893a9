import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('segments.json', async () => {
    const { account, spans } = await decodeDump(fixture('skywalking/segments.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '2bd0b072b8b2ed8ddcd220755fd8ce55',
        spanId: '38bdbf3d16f6add6',
        parentSpanId: '2f54bbd8d90501d3',
        name: 'GET:/stock',
        kind: 'client',
        serviceName: 'frontend',
        startTimeUnixNano: 1793606400010000000n,
        durationNano: 30000000n,
        attributes: {
          'http.status_code': '500',
          'sw8.layer': 'Http',
          'peer.address': 'stock:8080',
          'sw8.component_id': 2n,
          'sw8.trace_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000001',
          'sw8.segment_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000000',
          'sw8.span_id': 1n,
        },
        resource: { 'service.name': 'frontend', 'service.instance.id': 'frontend-1', 'sw8.isSizeLimited': false },
        status: { code: 'error', message: 'no answer' },
        events: [
          {
            timeUnixNano: 1793606400039000000n,
            name: 'exception',
            attributes: {
              'exception.type': 'java.io.IOException',
              'exception.message': 'no answer',
              'exception.stacktrace': 'java.io.IOException: no answer',
            },
          },
          { timeUnixNano: 1793606400020000000n, name: 'retry', attributes: { attempt: '2' } },
        ],
      },
      {
        traceId: '2bd0b072b8b2ed8ddcd220755fd8ce55',
        spanId: '2f54bbd8d90501d3',
        name: '/ingress',
        kind: 'server',
        serviceName: 'frontend',
        startTimeUnixNano: 1793606400000000000n,
        durationNano: 50000000n,
        attributes: {
          url: 'http://shop.example/ingress',
          'http.method': 'GET',
          'sw8.layer': 'Http',
          'sw8.component_id': 1n,
          'sw8.trace_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000001',
          'sw8.segment_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000000',
          'sw8.span_id': 0n,
        },
        resource: { 'service.name': 'frontend', 'service.instance.id': 'frontend-1', 'sw8.isSizeLimited': false },
      },
      {
        traceId: '2bd0b072b8b2ed8ddcd220755fd8ce55',
        spanId: '7ee381f0d9efbfe4',
        parentSpanId: '2f54bbd8d90501d3',
        name: 'render',
        kind: 'internal',
        serviceName: 'frontend',
        startTimeUnixNano: 1793606400041000000n,
        durationNano: 8000000n,
        attributes: {
          'sw8.trace_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000001',
          'sw8.segment_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000000',
          'sw8.span_id': 2n,
        },
        resource: { 'service.name': 'frontend', 'service.instance.id': 'frontend-1', 'sw8.isSizeLimited': false },
      },
      {
        traceId: '2bd0b072b8b2ed8ddcd220755fd8ce55',
        spanId: 'bff7cc972287f9dd',
        parentSpanId: '38bdbf3d16f6add6',
        name: 'Kafka/orders/Consumer',
        kind: 'consumer',
        serviceName: 'worker',
        startTimeUnixNano: 1793606400060000000n,
        durationNano: 10000000n,
        attributes: {
          'sw8.layer': 'MQ',
          'sw8.component_id': 41n,
          'sw8.trace_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000001',
          'sw8.segment_id': '6b3f1c2b4d5e6f708192a3b4c5d6e7f9.33.17936064000100000',
          'sw8.span_id': 0n,
        },
        resource: { 'service.name': 'worker', 'service.instance.id': 'worker-1' },
        links: [
          {
            traceId: '2d1b54ba6e82ceabcd7e90bc38642a54',
            spanId: 'a2ffe4f312c54894',
            attributes: {
              'sw8.ref_type': 'CrossProcess',
              'sw8.trace_id': 'other.1.2',
              'sw8.segment_id': 'other.1.1',
              'sw8.span_id': 3n,
            },
          },
          {
            traceId: '2bd0b072b8b2ed8ddcd220755fd8ce55',
            spanId: '7ee381f0d9efbfe4',
            attributes: {
              'sw8.ref_type': 'CrossThread',
              'sw8.trace_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000001',
              'sw8.segment_id': '5a3f1c2b4d5e6f708192a3b4c5d6e7f8.71.17936064000000000',
              'sw8.span_id': 2n,
            },
          },
        ],
      },
    ]);
  });

  test('protobuf.json', async () => {
    const { account, spans } = await decodeDump(fixture('skywalking/protobuf.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: 'c3fbefbeffb0c1d2e3f405162738495c',
        spanId: '1331a2bb217168c7',
        name: 'first',
        kind: 'server',
        serviceName: 'proto',
        startTimeUnixNano: 1793606400000000000n,
        durationNano: 5000000n,
        attributes: {
          'sw8.trace_id': 'c3fbefbe-ffb0-c1d2-e3f4-05162738495c',
          'sw8.segment_id': 'c3fbefbe-ffb0-c1d2-e3f4-05162738495d',
          'sw8.span_id': 0n,
        },
        resource: { 'service.name': 'proto' },
      },
      {
        traceId: 'c3fbefbeffb0c1d2e3f405162738495c',
        spanId: '36b38aa97bdb1093',
        parentSpanId: '1331a2bb217168c7',
        name: 'second',
        kind: 'internal',
        serviceName: 'proto',
        startTimeUnixNano: 1793606400001000000n,
        durationNano: 1000000n,
        attributes: {
          'sw8.trace_id': 'c3fbefbe-ffb0-c1d2-e3f4-05162738495c',
          'sw8.segment_id': 'c3fbefbe-ffb0-c1d2-e3f4-05162738495d',
          'sw8.span_id': 1n,
        },
        resource: { 'service.name': 'proto' },
      },
    ]);
  });
});

describe('containers', () => {
  test('lines and the array hold the same', async () => {
    const { account, spans } = await decodeDump(fixture('skywalking/lines.jsonl'));
    expect(countsOf(account)).toEqual({ documents: 2, skipped: [], repaired: [] });
    expect(spans).toEqual((await decodeDump(fixture('skywalking/segments.json'))).spans);
  });

  test('so does an answer of the API, but for what it does not have', async () => {
    const { spans } = await decodeDump(fixture('skywalking/graphql.json'));
    const { spans: ofSegments } = await decodeDump(fixture('skywalking/segments.json'));
    const withoutLimit = ofSegments.map(span => {
      const { 'sw8.isSizeLimited': _, ...resource } = span.resource;
      return { ...span, resource };
    });
    expect(spans).toEqual(withoutLimit);
  });
});

describe('deviations', () => {
  const segment = (span: object, fields: object = {}) =>
    JSON.stringify({ traceId: 'a.1.2', traceSegmentId: 's', service: 'x', spans: [span], ...fields });

  test.each([
    ['Entry', undefined, 'server'],
    ['Entry', 'MQ', 'consumer'],
    ['Exit', 'Http', 'client'],
    ['Exit', 'MQ', 'producer'],
    ['Local', undefined, 'internal'],
    [1, 4, 'producer'],
    ['else', undefined, 'unspecified'],
  ])('type %s of layer %s is of kind %s', async (spanType, spanLayer, kind) => {
    const { spans } = await decodeDump(segment({ spanId: 0, parentSpanId: -1, startTime: 1, spanType, spanLayer }));
    expect(spans.map(span => span.kind)).toEqual([kind]);
  });

  test('the same ids give the same hashes, and these no collision of segment and number', async () => {
    const { spans } = await decodeDump(
      segment({ spanId: 11, parentSpanId: 1, startTime: 1 }) + segment({ spanId: 1, parentSpanId: 0, startTime: 1 }),
    );
    expect(spans[0]?.parentSpanId).toBe(spans[1]?.spanId);
    expect(spans[0]?.spanId).not.toBe(spans[1]?.spanId);
    expect(spans[0]?.traceId).toBe(spans[1]?.traceId);
  });

  test('bad spans are counted and the others read', async () => {
    const spans = [
      null,
      7,
      { spanId: 'x', startTime: 1 },
      { spanId: 2, startTime: 'now', endTime: 5, tags: 3, logs: [1], refs: 'r' },
    ];
    const { account, spans: read } = await decodeDump(segment({}, { spans }));
    expect(countsOf(account)).toEqual({
      documents: 1,
      skipped: [
        ['missing-span-id', 1],
        ['unexpected-type', 2],
      ],
      repaired: [['invalid-time', 1]],
    });
    expect(read).toHaveLength(1);
  });

  test('segments without ids are counted', async () => {
    const { account } = await decodeDump(
      segment({ spanId: 0 }, { traceId: '' }) + segment({ spanId: 0 }, { traceSegmentId: null }),
    );
    expect(account.spans).toBe(0);
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['missing-trace-id', 'missing-span-id']);
  });
});

describeRealData('real files', () => {
  test('the example of the protocol', async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('skywalking/segment.json')));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans).toHaveLength(2);
    const [exit, entry] = spans;
    expect(exit).toMatchObject({
      traceId: 'a12ff60b5807463ba1f8fb1c8608219e',
      parentSpanId: entry?.spanId,
      name: '/ingress',
      kind: 'client',
      serviceName: 'User_Service_Name',
      startTimeUnixNano: 1_588_664_577_013_000_000n,
      durationNano: 15_000_000n,
      status: { code: 'unset' },
      attributes: {
        'peer.address': 'upstream service',
        'sw8.component_id': 6000n,
        'sw8.layer': 'Http',
        'sw8.span_id': 1n,
      },
      resource: { 'service.name': 'User_Service_Name', 'service.instance.id': 'User_Service_Instance_Name' },
    });
    expect(entry).toMatchObject({ parentSpanId: undefined, kind: 'server', attributes: { 'http.method': 'GET' } });
  });
});
