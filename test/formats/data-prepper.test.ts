import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DecodedSpan } from '../support/decode.ts';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';

// Span documents of OpenSearch Data Prepper, generation by generation.

const START = 1_793_606_400_000_000_000n;

const NOTHING = {
  parentSpanId: undefined,
  status: { code: 'unset', message: '' },
  attributes: {},
  scope: { name: '', version: '', attributes: {} },
  events: [],
  links: [],
  flags: 0,
  quirks: 0,
} satisfies Partial<DecodedSpan>;

const FLAT = [
  {
    ...NOTHING,
    spanId: '0000000000000001',
    name: 'POST /checkout',
    kind: 'server',
    serviceName: 'shop',
    startTimeUnixNano: START + 123_456n,
    durationNano: 100_000_000n,
    attributes: {
      'http.method': 'POST',
      'http.status_code': 200n,
      'cache.hit': true,
      ratio: 0.25,
      'order.items': '["a","b"]',
      'otel.dropped_attributes_count': 2n,
      'w3c.tracestate': 'ot=th:8',
    },
    resource: { 'service.name': 'shop', 'telemetry.sdk.language': 'java' },
    scope: { name: 'io.opentelemetry.tomcat', version: '2.1.0', attributes: {} },
    links: [
      {
        traceId: expect.stringMatching(/^b2fbefbeffb0c1d2[0-9a-f]{16}$/),
        spanId: '0000000000000009',
        attributes: { 'link.kind': 'batch', traceState: 'vendor=x', droppedAttributesCount: 1n },
      },
    ],
  },
  {
    ...NOTHING,
    spanId: '0000000000000002',
    parentSpanId: '0000000000000001',
    name: 'charge',
    kind: 'client',
    serviceName: 'shop',
    startTimeUnixNano: START + 10_000_000n,
    durationNano: 50_000_000n,
    status: { code: 'error', message: 'no answer' },
    attributes: { 'peer.service': 'payment', tenant: 'blue' },
    resource: { 'service.name': 'shop' },
    events: [
      {
        timeUnixNano: START + 59_000_001n,
        name: 'exception',
        attributes: { 'exception.type': 'Timeout', 'exception.message': 'no answer' },
      },
    ],
  },
];

test.each([
  ['flat.jsonl', 2, []],
  ['source.jsonl', 2, []],
  ['hits.json', 1, [['no-spans', 1, 'a service map document of Data Prepper']]],
])('%s is the flat form, where @ stands for dots', async (file, documents, skipped) => {
  const { account, spans } = await decodeDump(fixture(`data-prepper/${file}`));
  expect(spans).toEqual(FLAT.map(span => ({ ...span, traceId: spans[0]?.traceId })));
  expect(account).toMatchObject({ format: 'data-prepper', documents, repaired: [], fault: undefined });
  expect(account.skipped.map(({ reason, count, first }) => [reason, count, first.detail])).toEqual(skipped);
});

test('oldest.json has base64 ids and an @ before the names of attributes', async () => {
  const { spans } = await decodeDump(fixture('data-prepper/oldest.json'));
  expect(spans).toEqual([
    {
      ...NOTHING,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: '0000000000000001',
      name: 'servlet',
      kind: 'client',
      serviceName: 'Customer service',
      startTimeUnixNano: START,
      durationNano: 48_545_200n,
      status: { code: 'unset', message: 'Success' },
      attributes: { 'http.url': 'http://0.0.0.0:8087/logs' },
      resource: {
        'telemetry.sdk.language': 'java',
        'telemetry.sdk.name': 'opentelemetry',
        'service.name': 'Customer service',
      },
    },
  ]);
});

test('nested.json has names with dots, and an @ is one', async () => {
  const { spans } = await decodeDump(fixture('data-prepper/nested.json'));
  expect(spans).toEqual([
    {
      ...NOTHING,
      traceId: spans[0]?.traceId,
      spanId: '0000000000000001',
      name: 'GET /',
      kind: 'server',
      serviceName: 'web',
      startTimeUnixNano: START,
      durationNano: 5_000_000n,
      status: { code: 'error', message: 'down' },
      attributes: {
        'http.request.method': 'GET',
        'mail@address': 'a@b.example',
        'http.response.header': ['a', 'b'],
        map: { 'x.y': 1n },
        'otel.dropped_events_count': 1n,
        'otel.dropped_links_count': 4n,
      },
      resource: { 'service.name': 'web', 'host.name': 'h1' },
      scope: { name: 'http', version: '1.2', attributes: { 'scope.key': 'v' } },
      events: [
        { timeUnixNano: START + 4_000_000n, name: 'mail@sent', attributes: { 'to@': 1n, droppedAttributesCount: 3n } },
      ],
      flags: 1,
    },
  ]);
});

describe('odd documents', () => {
  const document = (changes: object) =>
    JSON.stringify({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      name: 'n',
      kind: 'SPAN_KIND_SERVER',
      startTime: '2020-08-20T05:40:46.041011600Z',
      endTime: '2020-08-20T05:40:46.041011601Z',
      durationInNanos: 1,
      ...changes,
    });
  const read = async (changes: object) => decodeDump(document(changes));

  test('keep what can be read', async () => {
    const { account, spans } = await read({
      kind: 'SPAN_KIND_OTHER',
      endTime: 'later',
      events: 'none',
      links: [null, { spanId: 7 }],
      attributes: { 'resource.attributes.service@name': 'raw', 'span.attributes.a@b': null, plain: 'x@y' },
      'status.code': 'ERROR',
      'span.attributes.__proto__': 1,
    });
    expect(spans).toMatchObject([
      {
        kind: 'unspecified',
        durationNano: 1n,
        serviceName: 'raw',
        status: { code: 'error' },
        attributes: { plain: 'x@y' },
        events: [],
      },
    ]);
    expect(Object.keys(spans[0]?.attributes ?? {})).toEqual(['plain', '__proto__']);
    expect(spans[0]?.links).toHaveLength(2);
    expect(account.skipped).toEqual([]);
  });

  test.each([
    [{ traceId: '' }, 'missing-trace-id'],
    [{ spanId: null }, 'missing-span-id'],
  ])('%j is skipped', async (changes, reason) => {
    const { account, spans } = await read(changes);
    expect(spans).toEqual([]);
    expect(account.skipped.map(skipped => skipped.reason)).toEqual([reason]);
  });

  test('that end before they start have no duration', async () => {
    const { account, spans } = await read({ endTime: '2019-01-01T00:00:00Z' });
    expect(spans[0]?.durationNano).toBe(0n);
    expect(account.repaired.map(({ reason }) => reason)).toEqual(['end-before-start']);
  });

  test('are known by their flat attributes alone', async () => {
    const { account, spans } = await decodeDump(
      '[{"_source":{"traceId":"a1","spanId":"b1","resource.attributes@service@name":"old","startTime":1598000000}}]',
    );
    expect(account.format).toBe('data-prepper');
    expect(spans).toMatchObject([{ serviceName: 'old', startTimeUnixNano: 1_598_000_000_000_000_000n }]);
  });

  test('that are cut off are said to be', async () => {
    const text = `${document({})}\n${document({ spanId: '1' })}`;
    const { account, spans } = await decodeDump(text.slice(0, -20));
    expect(spans).toHaveLength(1);
    expect(account.fault?.message).toMatch(/^is cut off/);
  });
});

describeRealData('real documents', () => {
  const read = async (file: string) => decodeDump(readFileSync(sharedData(`opensearch/${file}`)));

  test.each([
    [
      'raw-span-1.json',
      [
        '6d0ff634d126b6ec2c180391e67b4237',
        '9a73bfa944f9c9ee',
        undefined,
        'client',
        'Customer service',
        48_545_200n,
        11,
        4,
      ],
    ],
    [
      'raw-span-complete-1.json',
      [
        '6d0ff634d126b6ec2c180391e67b4237',
        '9daf5fc00a50b18b',
        '5ac57618587da71c',
        'client',
        'analytics-service',
        32_013_300n,
        3,
        4,
      ],
    ],
    [
      'raw-span-error.json',
      [
        '45f53636c11626d47cb393c99590e564',
        '7aea58acfa15ef03',
        'd5df2f2cff6d8ede',
        'client',
        'database',
        10_513_600n,
        8,
        6,
      ],
    ],
  ])('%s is a span', async (file, expected) => {
    const { account, spans } = await read(file);
    expect(
      spans.map(span => [
        span.traceId,
        span.spanId,
        span.parentSpanId,
        span.kind,
        span.serviceName,
        span.durationNano,
        Object.keys(span.attributes).length,
        Object.keys(span.resource).length,
      ]),
    ).toEqual([expected]);
    expect(account).toMatchObject({ format: 'data-prepper', spans: 1, skipped: [], repaired: [] });
  });

  test('a span with ids that are none is kept under a hash', async () => {
    const { account, spans } = await read('http-5xx-root-span.json');
    expect(spans).toMatchObject([
      {
        name: 'HTTP_5XX_ROOT_SPAN',
        durationNano: 49_160_000n,
        attributes: { 'tailspan.trace_id': 'HTTP_5XX_TRACE_ID', 'tailspan.span_id': 'HTTP_5XX_ROOT_SPAN_ID' },
      },
    ]);
    expect(account.repaired).toMatchObject([{ reason: 'invented-id', count: 2 }]);
  });

  test.each([
    ['service-map-1.json', 'a service map document of Data Prepper'],
    ['otel-v1-apm-span-index-template.json', 'an index template of OpenSearch'],
    ['otel-v1-apm-span-index-standard-template.json', 'an index template of OpenSearch'],
  ])('%s is refused by name', async (file, name) => {
    const { account } = await read(file);
    expect(account).toMatchObject({
      documents: 0,
      spans: 0,
      skipped: [{ reason: 'unread-format', first: { detail: name } }],
    });
  });
});
