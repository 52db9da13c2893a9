import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';

const SPAN = { traceId: 'AAAAAAAAAAo=', id: 'AAAAAAAAAAE=', name: 'get', timestamp: '7', duration: '5', tags: {} };
const spansOf = (...spans: readonly unknown[]): string => JSON.stringify({ spans });

test.each([
  ['shared-spans.json', 'shared-spans.json'],
  ['snake-case.json', 'shared-spans.json'],
  ['links-and-resource-tags.json', 'links-and-resource-tags.json'],
])('%s holds the spans of Zipkin JSON', async (file, same) => {
  const { account, spans } = await decodeDump(fixture(`zipkin-proto-json/${file}`));
  expect(account).toMatchObject({ format: 'zipkin-proto-json', documents: 1, skipped: [], repaired: [] });
  expect(spans).toEqual((await decodeDump(fixture(`zipkin-json/${same}`))).spans);
});

test.each([
  ['CONSUMER', 'consumer'],
  ['SPAN_KIND_UNSPECIFIED', 'internal'],
  [2, 'server'],
  ['3', 'producer'],
  [null, 'internal'],
])('the kind %s is %s', async (kind, word) => {
  expect((await decodeDump(spansOf({ ...SPAN, kind }))).spans).toMatchObject([{ kind: word }]);
});

test('addresses are base64, or text already; foreign fields are attributes', async () => {
  const { spans } = await decodeDump(
    spansOf({
      ...SPAN,
      localEndpoint: { serviceName: 'a', ipv4: '10.0.0.1', port: 1 },
      remoteEndpoint: { ipv6: 'IAENuAAAAAAAAAAAAADAAQ==' },
      new_field: [1],
    }),
  );
  expect(spans[0]?.attributes).toEqual({
    'network.local.address': '10.0.0.1',
    'network.local.port': 1n,
    'network.peer.address': '2001:db8::c001',
    new_field: [1n],
  });
});

describe('bad content', () => {
  test.each([
    ['missing-trace-id', { traceId: '' }],
    ['missing-trace-id', { traceId: null }],
    ['missing-span-id', { id: '' }],
  ])('%s: the span is skipped', async (reason, changes) => {
    const { account, spans } = await decodeDump(spansOf(SPAN, { ...SPAN, ...changes }, SPAN, 7));
    expect(spans).toHaveLength(2);
    expect(account.skipped).toContainEqual(expect.objectContaining({ reason }));
  });

  test.each([
    ['invalid-time', { timestamp: 'now' }, { startTimeUnixNano: 0n, quirks: 10 }],
    ['invalid-time', { duration: [] }, { durationNano: 0n, quirks: 12 }],
    ['end-before-start', { duration: -1 }, { durationNano: 0n }],
    ['invented-id', { id: 'two words' }, { attributes: { 'tailspan.span_id': 'two words' } }],
  ])('%s: %o is mended', async (reason, changes, expected) => {
    const { account, spans } = await decodeDump(spansOf({ ...SPAN, ...changes }));
    expect(spans).toMatchObject([expected]);
    expect(account.repaired).toMatchObject([{ reason, count: 1 }]);
  });

  test('fields of the wrong types are left out', async () => {
    const wrong = { name: {}, localEndpoint: 'x', annotations: {}, tags: [], debug: 1, shared: 'yes', kind: {} };
    const { spans } = await decodeDump(spansOf({ ...SPAN, ...wrong }));
    expect(spans).toMatchObject([{ name: '', kind: 'internal', attributes: {}, events: [], flags: 0, quirks: 8 }]);
  });
});

describeRealData('real files', () => {
  test("the fixture of Jaeger's collector", async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('zipkin/jaeger-zipkin_proto_01.json')));
    expect(account).toMatchObject({ format: 'zipkin-proto-json', documents: 1, spans: 1, skipped: [], repaired: [] });
    expect(spans).toEqual([
      {
        traceId: '428568baaa09467e428e688aaa09467f',
        // The server half has an id of its own, though this one says that it is the client.
        spanId: '68616c6673657274',
        parentSpanId: '0000000000000001',
        name: 'foo',
        kind: 'client',
        serviceName: 'foo',
        startTimeUnixNano: 1000n,
        durationNano: 10_000n,
        status: { code: 'unset', message: '' },
        attributes: {
          'network.local.address': '10.43.17.42',
          'peer.service': 'bar',
          'network.peer.address': '10.43.17.43',
          foo: 'bar',
        },
        resource: { 'service.name': 'foo' },
        scope: { name: '', version: '', attributes: {} },
        events: [{ timeUnixNano: 1000n, name: 'foo', attributes: {} }],
        links: [],
        flags: 1,
        quirks: 9,
      },
    ]);
  });
});
