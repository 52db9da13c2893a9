import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { Quirk } from '../../src/model/span-batch.ts';
import { type DecodedDump, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

const read = (file: string): Promise<DecodedDump> => decodeDump(fixture(file));

const SPANS = protobuf
  .parse(`
    syntax = "proto3";
    message Endpoint { string service_name = 1; bytes ipv4 = 2; bytes ipv6 = 3; int32 port = 4; }
    message Annotation { fixed64 timestamp = 1; string value = 2; }
    message Span { bytes trace_id = 1; bytes parent_id = 2; bytes id = 3; int32 kind = 4; string name = 5;
      fixed64 timestamp = 6; uint64 duration = 7; Endpoint local_endpoint = 8; Endpoint remote_endpoint = 9;
      repeated Annotation annotations = 10; map<string, string> tags = 11; bool debug = 12; bool shared = 13; }
    message ListOfSpans { repeated Span spans = 1; }
  `)
  .root.lookupType('ListOfSpans');

function encoded(...spans: readonly object[]): Buffer {
  return Buffer.from(SPANS.encode(SPANS.fromObject({ spans })).finish());
}

const SPAN = {
  traceId: Buffer.from('000000000000000a', 'hex'),
  id: Buffer.from('0000000000000001', 'hex'),
  name: 'get',
  timestamp: '1793606400000001',
  duration: 5,
};

describe('the spans of Zipkin JSON', () => {
  test.each(['shared-spans', 'annotations', 'mixed-64-128', 'shop'])('%s', async name => {
    const { account, spans } = await read(`zipkin-proto/${name}.pb`);
    const { spans: expected } = await read(`zipkin-json/${name}.json`);
    expect(account).toMatchObject({ format: 'zipkin-proto', documents: 1, skipped: [], repaired: [] });
    // A duration of 0 is not written, and so is absent.
    expect(spans).toEqual(
      expected.map(span => ({ ...span, quirks: span.quirks | (span.durationNano === 0n ? Quirk.endUnknown : 0) })),
    );
  });

  test('absent times', async () => {
    const { spans } = await read('zipkin-proto/absent-timestamps.pb');
    const { spans: expected } = await read('zipkin-json/absent-timestamps.json');
    // A time of 0 is not written, and so is absent.
    expect(spans.map(({ quirks, ...span }) => span)).toEqual(expected.map(({ quirks, ...span }) => span));
  });

  test('messages one after the other, in frames, and of the future', async () => {
    const shared = (await read('zipkin-json/shared-spans.json')).spans;
    const all = [...shared, ...(await read('zipkin-json/links-and-resource-tags.json')).spans];
    const concatenated = await read('zipkin-proto/concatenated.pb');
    expect(concatenated.spans).toEqual(all);
    expect(concatenated.account.documents).toBe(1);
    const framed = await read('zipkin-proto/framed.pb');
    expect(framed.spans).toEqual(all);
    expect(framed.account).toMatchObject({ format: 'zipkin-proto', documents: 2 });
    expect((await read('zipkin-proto/unknown-fields.pb')).spans).toEqual(shared);
  });
});

describe('fields', () => {
  test.each([
    ['20010db800000000000000000000c001', '2001:db8::c001'],
    ['00000000000000000000000000000001', '::1'],
    ['fe800000000000000000000000000000', 'fe80::'],
    ['20010000000000010000000000000001', '2001:0:0:1::1'],
    ['20010db8000100020003000400050006', '2001:db8:1:2:3:4:5:6'],
  ])('the address %s is %s', async (hex, address) => {
    const { spans } = await decodeDump(encoded({ ...SPAN, localEndpoint: { ipv6: Buffer.from(hex, 'hex') } }));
    expect(spans[0]?.attributes).toEqual({ 'network.local.address': address });
  });

  test.each([
    [0, 'internal'],
    [1, 'client'],
    [2, 'server'],
    [3, 'producer'],
    [4, 'consumer'],
    [9, 'internal'],
  ])('the kind %i is %s', async (kind, word) => {
    expect((await decodeDump(encoded({ ...SPAN, kind }))).spans).toMatchObject([{ kind: word }]);
  });

  test('endpoints, tags and debug', async () => {
    const { spans } = await decodeDump(
      encoded({
        ...SPAN,
        localEndpoint: { serviceName: 'shop', ipv4: Buffer.from([10, 0, 0, 1]), port: 8080 },
        remoteEndpoint: { serviceName: 'db', ipv4: Buffer.from([0, 0, 0, 0]), port: 65_535 },
        tags: { error: 'no answer', 'service.version': '2', 'http.path': '/' },
        debug: true,
      }),
    );
    expect(spans).toEqual([
      {
        traceId: '0000000000000000000000000000000a',
        spanId: '0000000000000001',
        parentSpanId: undefined,
        name: 'get',
        kind: 'internal',
        serviceName: 'shop',
        startTimeUnixNano: 1_793_606_400_000_001_000n,
        durationNano: 5000n,
        status: { code: 'error', message: 'no answer' },
        attributes: {
          'network.local.address': '10.0.0.1',
          'network.local.port': 8080n,
          'peer.service': 'db',
          'network.peer.port': 65_535n,
          'http.path': '/',
        },
        resource: { 'service.name': 'shop', 'service.version': '2' },
        scope: { name: '', version: '', attributes: {} },
        events: [],
        links: [],
        flags: 1,
        quirks: 8,
      },
    ]);
  });
});

describe('what it is', () => {
  test('is told from OTLP by its ids', async () => {
    expect((await read('otlp-proto/shop.pb')).account.format).toBe('otlp-proto');
    // An OTLP message whose resource is as long as a trace id: 16 bytes that are no id, for scope_spans are not 8.
    const otlp = protobuf
      .parse(`
        syntax = "proto3";
        message KeyValue { string key = 1; AnyValue value = 2; }
        message AnyValue { string string_value = 1; }
        message Resource { repeated KeyValue attributes = 1; }
        message Span { bytes trace_id = 1; bytes span_id = 2; string name = 5; }
        message ScopeSpans { repeated Span spans = 2; }
        message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
        message TracesData { repeated ResourceSpans resource_spans = 1; }
      `)
      .root.lookupType('TracesData');
    const bytes = Buffer.from(
      otlp
        .encode(
          otlp.fromObject({
            resourceSpans: [
              {
                resource: { attributes: [{ key: 'abcd', value: { stringValue: 'efgh' } }] },
                scopeSpans: [{ spans: [{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name: 'x' }] }],
                schemaUrl: 'abcdefgh',
              },
            ],
          }),
        )
        .finish(),
    );
    expect(bytes.subarray(2, 4)).toEqual(Buffer.from([0x0a, 16]));
    expect((await decodeDump(bytes)).account).toMatchObject({ format: 'otlp-proto', spans: 1 });
  });

  test('of a span larger than what is looked at, the ids are enough', async () => {
    const { account, spans } = await decodeDump(encoded({ ...SPAN, tags: { big: 'x'.repeat(200_000) } }), {
      chunk: 1000,
    });
    expect(account.format).toBe('zipkin-proto');
    expect(spans).toHaveLength(1);
  });
});

describe('bad content', () => {
  test('a span without ids, or with odd ones, behind a good one', async () => {
    const { account, spans } = await decodeDump(
      encoded(
        SPAN,
        { ...SPAN, traceId: Buffer.alloc(0) },
        { ...SPAN, id: Buffer.alloc(0) },
        { ...SPAN, id: Buffer.from('0102030405060708090a', 'hex') },
        SPAN,
      ),
    );
    expect(spans).toHaveLength(3);
    expect(spans[1]?.attributes).toMatchObject({ 'tailspan.span_id': '0102030405060708090a' });
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['missing-trace-id', 1],
      ['missing-span-id', 1],
    ]);
    expect(account.repaired.map(({ reason, count }) => [reason, count])).toEqual([['invented-id', 1]]);
  });

  test('a span that is broken inside is passed over', async () => {
    const broken = Buffer.from('0a060a080102ffff', 'hex');
    const { account, spans } = await decodeDump(Buffer.concat([encoded(SPAN), broken, encoded(SPAN)]));
    expect(spans).toHaveLength(2);
    expect(account.skipped).toMatchObject([
      { reason: 'malformed-protobuf', count: 1, first: { offset: encoded(SPAN).length } },
    ]);
  });

  test('behind what is no field reading ends', async () => {
    const { account, spans } = await decodeDump(
      Buffer.concat([encoded(SPAN), Buffer.from('0000', 'hex'), encoded(SPAN)]),
    );
    expect(spans).toHaveLength(1);
    expect(account.skipped).toMatchObject([{ reason: 'malformed-protobuf', count: 1 }]);
  });

  test('a span over the limit is passed over', async () => {
    const large = encoded({ ...SPAN, tags: { big: 'x'.repeat(100_000) } });
    const bytes = Buffer.concat([encoded(SPAN), large, encoded(SPAN)]);
    for (const chunk of [1000, bytes.length]) {
      const { account, spans } = await decodeDump(bytes, { chunk, limits: { recordBytes: 10_000 } });
      expect(spans).toHaveLength(2);
      expect(account.skipped).toMatchObject([
        { reason: 'record-too-large', count: 1, first: { offset: encoded(SPAN).length } },
      ]);
    }
  });

  test.each([
    ['invalid-time', { timestamp: '18446744073709551615' }, { startTimeUnixNano: 0n }],
    ['invalid-time', { duration: '18446744073709551615' }, { durationNano: 0n }],
  ])('%s: %o is left out', async (reason, changes, expected) => {
    const { account, spans } = await decodeDump(encoded({ ...SPAN, ...changes }));
    expect(spans).toMatchObject([expected]);
    expect(account.repaired).toMatchObject([{ reason, count: 1 }]);
  });

  test('every cut gives spans of the whole and says so; no byte makes it throw', async () => {
    const bytes = fixture('zipkin-proto/shared-spans.pb');
    const whole = (await decodeDump(bytes)).spans;
    for (let length = 0; length < bytes.length; length++) {
      const { spans } = await decodeDump(bytes.subarray(0, length));
      expect(whole.slice(0, spans.length)).toEqual(spans);
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [0xff, 0x80, 0x01]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const { account, spans } = await decodeDump(changed);
        expect(account.spans).toBe(spans.length);
      }
    }
  });
});
