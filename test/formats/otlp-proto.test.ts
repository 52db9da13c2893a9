import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import type { AttributeValue } from '../../src/model/attributes.ts';
import { CARRIED_FIELDS } from '../../src/model/carried-fields.ts';
import { Quirk } from '../../src/model/span-batch.ts';
import { kindWord, statusWord } from '../../src/model/status.ts';
import { type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { NESTED, PLAIN } from './plain-spans.ts';

// OTLP protobuf, file by file as fixtures/README.md tells it, and against protobufjs.

describe('the spans of plain.pb', () => {
  test.each(['grpc-frames.pb', 'varint-delimited.pb', 'base64-lines.txt', 'base64-wrapped.txt'])(
    'are in %s',
    async file => {
      for (const chunk of [1, 3, 100, 10_000]) {
        const { account, spans } = await decodeDump(fixture(`otlp-proto/${file}`), { chunk });
        expect(spans).toEqual(PLAIN);
        expect(account).toMatchObject({ documents: 2, spans: 4, skipped: [], repaired: [], fault: undefined });
      }
    },
  );

  test.each(['plain.pb', 'unknown-fields.pb', 'resource-last.pb', 'instrumentation-library.pb'])(
    'are in %s, and nothing in it is mended or left out',
    async file => {
      const { account, spans } = await decodeDump(fixture(`otlp-proto/${file}`));
      expect(spans).toEqual(PLAIN);
      expect(account).toMatchObject({ documents: 1, spans: 4, skipped: [], repaired: [], fault: undefined });
    },
  );

  test('are in mixed-signals-framed.pb, whose other signals are counted by name', async () => {
    const { account, spans } = await decodeDump(fixture('otlp-proto/mixed-signals-framed.pb'));
    expect(spans).toEqual(PLAIN);
    expect(account.skipped).toEqual([
      { reason: 'otlp-logs', count: 1, first: { offset: 4, detail: '' } },
      { reason: 'otlp-metrics', count: 1, first: { offset: 575, detail: '' } },
    ]);
  });

  test.each([
    ['shop-concatenated.pb', 1],
    ['shop-framed.pb', 5],
    ['shop-framed-zstd.pb', 5],
  ])('are the same as those of shop.pb in %s, which has %i documents', async (file, documents) => {
    const [one, other] = await Promise.all(['shop.pb', file].map(name => readDump(fixture(`otlp-proto/${name}`))));
    expect(other!.spans).toEqual(one!.spans);
    expect(other!.account).toMatchObject({ documents, spans: 53, skipped: [], repaired: [] });
  });
});

describe('odd content', () => {
  test('attributes of every type, nested and empty, are those of the JSON file', async () => {
    const { spans } = await readDump(fixture('otlp-proto/nested-values.pb'));
    expect(spans[0]?.attributes).toEqual(NESTED);
  });

  test('trace ids of 8 bytes have zeros in front', async () => {
    const { spans } = await decodeDump(fixture('otlp-proto/short-trace-ids.pb'));
    expect(spans.map(({ traceId, spanId, parentSpanId }) => [traceId, spanId, parentSpanId])).toEqual([
      ['00000000000000005345abcbb9b3cc3d', '0000000000000001', undefined],
      ['00000000000000005345abcbb9b3cc3d', '0000000000000002', '0000000000000001'],
    ]);
  });

  test('a span without an id is left out, an id of another length is hashed, as a parent and in a link too', async () => {
    const { account, spans } = await decodeDump(fixture('otlp-proto/missing-ids.pb'));
    expect(spans.map(({ name, spanId, parentSpanId, attributes }) => [name, spanId, parentSpanId, attributes])).toEqual(
      [
        // Zeros of any length are no parent.
        ['span 1', '0000000000000001', undefined, {}],
        // The beginning of its SHA-256.
        ['span 4', 'a12871fee210fb86', '0000000000000001', { 'tailspan.span_id': '0102' }],
        ['span 5', '0000000000000005', 'a12871fee210fb86', {}],
      ],
    );
    expect(spans.flatMap(({ links }) => links)).toMatchObject([
      { traceId: 'a12871fee210fb8619291eaea194581c', spanId: 'a12871fee210fb86' },
    ]);
    expect(account).toMatchObject({
      skipped: [
        { reason: 'missing-trace-id', count: 1, first: { offset: 95, detail: 'a span without trace_id' } },
        { reason: 'missing-span-id', count: 1, first: { offset: 145, detail: 'a span without span_id' } },
      ],
      repaired: [{ reason: 'invented-id', count: 1, first: { offset: 223, detail: 'an id of 2 bytes' } }],
    });
  });

  test('Latin-1 in a name and a value becomes U+FFFD', async () => {
    const { spans } = await readDump(fixture('otlp-proto/invalid-utf8.pb'));
    expect(spans[0]).toMatchObject({ name: 'caf\ufffd', attributes: { city: 'Z\ufffdrich' } });
  });

  test('a span with nothing around it is of an unknown service, and without an end it lasts nothing', async () => {
    const { spans } = await decodeDump(fixture('otlp-proto/bare.pb'));
    expect(spans).toMatchObject([
      {
        serviceName: 'unknown_service',
        resource: {},
        scope: { name: '', version: '', attributes: {} },
        kind: 'unspecified',
        status: { code: 'unset', message: '' },
        durationNano: 0n,
        quirks: Quirk.endUnknown,
      },
    ]);
  });
});

// The definitions, after https://github.com/open-telemetry/opentelemetry-proto, written out once more so that a mistake
// of the decoder's is not repeated here.
const SCHEMA = `
  syntax = "proto3";
  message AnyValue { oneof value { string s = 1; bool b = 2; int64 i = 3; double d = 4; Values a = 5; Pairs m = 6; bytes y = 7; } }
  message Values { repeated AnyValue values = 1; }
  message Pairs { repeated Pair values = 1; }
  message Pair { string key = 1; AnyValue value = 2; }
  message Resource { repeated Pair attributes = 1; uint32 dropped = 2; }
  message Scope { string name = 1; string version = 2; repeated Pair attributes = 3; uint32 dropped = 4; }
  message Status { string message = 2; int32 code = 3; }
  message Event { fixed64 time = 1; string name = 2; repeated Pair attributes = 3; uint32 dropped = 4; }
  message Link { bytes trace = 1; bytes span = 2; string state = 3; repeated Pair attributes = 4; uint32 dropped = 5;
    fixed32 flags = 6; }
  message Span { bytes trace = 1; bytes id = 2; string state = 3; bytes parent = 4; string name = 5; int32 kind = 6;
    fixed64 start = 7; fixed64 end = 8; repeated Pair attributes = 9; uint32 dropped = 10; repeated Event events = 11;
    uint32 droppedEvents = 12; repeated Link links = 13; uint32 droppedLinks = 14; Status status = 15; fixed32 flags = 16; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema = 3; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopes = 2; string schema = 3;
    repeated ScopeSpans libraries = 1000; }
  message Request { repeated ResourceSpans resources = 1; }
  message Record { fixed64 time = 1; int32 severity = 2; string text = 3; AnyValue body = 5; repeated Pair attributes = 6;
    uint32 dropped = 7; fixed32 flags = 8; bytes trace = 9; bytes span = 10; fixed64 observed = 11; }
  message ScopeLogs { Scope scope = 1; repeated Record records = 2; }
  message ResourceLogs { Resource resource = 1; repeated ScopeLogs scopes = 2; }
  message Logs { repeated ResourceLogs resources = 1; }
  message Point { fixed64 time = 3; double value = 4; }
  message Points { repeated Point points = 1; int32 temporality = 2; bool monotonic = 3; }
  message Metric { string name = 1; string description = 2; string unit = 3; Points gauge = 5; Points sum = 7;
    Points histogram = 9; Points exponential = 10; Points summary = 11; repeated Pair metadata = 12; }
  message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; }
  message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scopes = 2; }
  message Metrics { repeated ResourceMetrics resources = 1; }
`;
/** The same with fields of the future in each message: one of each wire type, and packed numbers. */
const FUTURE = SCHEMA.replaceAll(
  /message \w+ \{/g,
  '$& uint64 n1 = 201; fixed64 n2 = 202; string n3 = 203; fixed32 n4 = 204; repeated int32 n5 = 70000;',
);
const types = protobuf.parse(SCHEMA).root;
const futureTypes = protobuf.parse(FUTURE).root;
const UNKNOWN = { n1: '18446744073709551615', n2: '1', n3: 'not known', n4: 7, n5: [1, -2, 300] };

type Plain = Record<string, unknown>;

/** Encodes a message; with `future` each message in it has fields that are not known. */
function encoded(type: string, message: unknown, future = false): Buffer {
  const found = (future ? futureTypes : types).lookupType(type);
  return Buffer.from(found.encode(found.fromObject(future ? withUnknown(message) : (message as Plain))).finish());
}

function withUnknown(message: unknown): Plain {
  const changed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(changed);
    return isMessage(value) ? withUnknown(value) : value;
  };
  return {
    ...Object.fromEntries(Object.entries(message as Plain).map(([key, value]) => [key, changed(value)])),
    ...UNKNOWN,
  };
}

function isMessage(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Puts the fields of a message in another order, and those of the messages in it; fields of one number keep theirs. */
function shuffled(bytes: Uint8Array, type: protobuf.Type, seed: number): Buffer {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 8;
  };
  const reader = protobuf.Reader.create(bytes);
  const fields: { number: number; bytes: Buffer; rank: number }[] = [];
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const tag = reader.uint32();
    const field = type.fieldsById[tag >>> 3]?.resolve();
    let whole: Buffer;
    if (field?.resolvedType instanceof protobuf.Type) {
      const inner = shuffled(reader.bytes(), field.resolvedType, next());
      whole = Buffer.from(protobuf.Writer.create().uint32(tag).bytes(inner).finish());
    } else {
      reader.skipType(tag & 7);
      whole = Buffer.from(bytes.subarray(from, reader.pos));
    }
    fields.push({ number: tag >>> 3, bytes: whole, rank: next() });
  }
  const order = fields.toSorted((a, b) => a.rank - b.rank).map(({ number }) => number);
  const byNumber = Map.groupBy(fields, ({ number }) => number);
  return Buffer.concat(order.map(number => byNumber.get(number)!.shift()!.bytes));
}

const text = fc.oneof(fc.constantFrom('', 'GET /', 'é', '日本語', '🙈'), fc.string({ unit: 'binary', maxLength: 10 }));
const key = fc.oneof(fc.constantFrom('a', 'b', 'http.route'), fc.string({ maxLength: 5 }));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const count = fc.oneof(fc.constant(0), fc.nat(), fc.constant(2 ** 32 - 1));
const nanos = fc.bigInt({ min: 1n, max: 2n ** 62n });

const { pairs } = fc.letrec<{ pairs: Plain[]; value: Plain }>(tie => ({
  pairs: fc.array(fc.record({ key, value: tie('value') }, { requiredKeys: ['key'] }), { maxLength: 4 }),
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ s: text }),
    fc.constant({}),
    fc.record({ b: fc.boolean() }),
    fc.record({ i: int64 }),
    fc.record({ d: fc.double() }),
    fc.record({ y: fc.uint8Array({ maxLength: 5 }) }),
    fc.record({ a: fc.record({ values: fc.array(tie('value'), { maxLength: 3 }) }) }),
    fc.record({ m: fc.record({ values: tie('pairs') }) }),
  ),
}));
const id = (size: number) =>
  fc
    .uint8Array({ minLength: size, maxLength: size })
    .map(bytes => (bytes.some(byte => byte > 0) ? bytes : bytes.fill(1)));
const span = fc
  .record(
    {
      trace: fc.oneof(id(16), id(8)),
      id: id(8),
      state: text,
      parent: fc.oneof(id(8), fc.constant(new Uint8Array(8)), fc.constant(new Uint8Array(0))),
      name: text,
      kind: fc.integer({ min: -1, max: 7 }),
      start: nanos,
      duration: nanos,
      attributes: pairs,
      dropped: count,
      events: fc.array(fc.record({ time: nanos.map(String), name: text, attributes: pairs, dropped: count }), {
        maxLength: 3,
      }),
      droppedEvents: count,
      links: fc.array(
        fc.record({ trace: id(16), span: id(8), state: text, attributes: pairs, dropped: count, flags: count }),
        { maxLength: 3 },
      ),
      droppedLinks: count,
      status: fc.record({ message: text, code: fc.integer({ min: -1, max: 4 }) }, { requiredKeys: [] }),
      flags: count,
    },
    { requiredKeys: ['trace', 'id', 'start', 'duration'] },
  )
  .map(({ start, duration, ...rest }) => ({ ...rest, start: String(start), end: String(start + duration) }));
const scopes = fc.array(
  fc.record(
    {
      scope: fc.record({ name: text, version: text, attributes: pairs }),
      spans: fc.array(span, { maxLength: 3 }),
      schema: text,
    },
    { requiredKeys: ['spans'] },
  ),
  { maxLength: 2 },
);
const about = { resource: fc.record({ attributes: pairs, dropped: count }), schema: text };
const requests = fc.record({
  resources: fc.array(
    fc.oneof(
      fc.record({ ...about, scopes }, { requiredKeys: ['scopes'] }),
      fc.record({ ...about, libraries: scopes }, { requiredKeys: ['libraries'] }),
    ),
    { minLength: 1, maxLength: 3 },
  ),
});

/** The spans of a request as protobufjs reads it. */
function spansOf(bytes: Uint8Array): DecodedSpan[] {
  const type = types.lookupType('Request');
  const request = type.toObject(type.decode(bytes), { longs: String, arrays: true }) as { resources: Message[] };
  return request.resources.flatMap(({ resource, scopes, libraries }) => {
    const attributes = attributesOf(resource?.attributes);
    const service = attributes['service.name'];
    return [...scopes, ...libraries].flatMap(({ scope, spans }) =>
      spans.map(
        (read): DecodedSpan => ({
          traceId: Buffer.from(read.trace).toString('hex').padStart(32, '0'),
          spanId: Buffer.from(read.id).toString('hex'),
          parentSpanId:
            Buffer.from(read.parent ?? [])
              .toString('hex')
              .replace(/^0*$/, '') || undefined,
          name: read.name ?? '',
          kind: kindWord(read.kind ?? 0),
          serviceName: typeof service === 'string' && service !== '' ? service : 'unknown_service',
          startTimeUnixNano: BigInt(read.start),
          durationNano: BigInt(read.end) - BigInt(read.start),
          status: { code: statusWord(read.status?.code ?? 0), message: read.status?.message ?? '' },
          attributes: {
            ...attributesOf(read.attributes),
            ...carried(CARRIED_FIELDS.traceState, read.state),
            ...carried(CARRIED_FIELDS.droppedAttributesCount, read.dropped),
            ...carried(CARRIED_FIELDS.droppedEventsCount, read.droppedEvents),
            ...carried(CARRIED_FIELDS.droppedLinksCount, read.droppedLinks),
          },
          resource: attributes,
          scope: {
            name: scope?.name ?? '',
            version: scope?.version ?? '',
            attributes: attributesOf(scope?.attributes),
          },
          events: read.events.map(event => ({
            timeUnixNano: BigInt(event.time),
            name: event.name ?? '',
            attributes: {
              ...attributesOf(event.attributes),
              ...carried(CARRIED_FIELDS.droppedAttributesCount, event.dropped),
            },
          })),
          links: read.links.map(link => ({
            traceId: Buffer.from(link.trace).toString('hex'),
            spanId: Buffer.from(link.span).toString('hex'),
            attributes: {
              ...attributesOf(link.attributes),
              ...carried(CARRIED_FIELDS.traceState, link.state),
              ...carried(CARRIED_FIELDS.droppedAttributesCount, link.dropped),
            },
          })),
          flags: read.flags ?? 0,
          quirks: 0,
        }),
      ),
    );
  });
}

interface Pair {
  readonly key?: string;
  readonly value?: AnyValue;
}
interface AnyValue {
  readonly s?: string;
  readonly b?: boolean;
  readonly i?: string;
  readonly d?: number;
  readonly a?: { readonly values: readonly AnyValue[] };
  readonly m?: { readonly values: readonly Pair[] };
  readonly y?: Uint8Array;
}
interface Part {
  readonly name?: string;
  readonly state?: string;
  readonly attributes: readonly Pair[];
  readonly dropped?: number;
}
interface Message {
  readonly resource?: { readonly attributes: readonly Pair[] };
  readonly scopes: readonly ScopeSpans[];
  readonly libraries: readonly ScopeSpans[];
}
interface ScopeSpans {
  readonly scope?: { readonly name?: string; readonly version?: string; readonly attributes: readonly Pair[] };
  readonly spans: readonly (Part & {
    readonly trace: Uint8Array;
    readonly id: Uint8Array;
    readonly parent?: Uint8Array;
    readonly kind?: number;
    readonly start: string;
    readonly end: string;
    readonly events: readonly (Part & { readonly time: string })[];
    readonly links: readonly (Part & { readonly trace: Uint8Array; readonly span: Uint8Array })[];
    readonly droppedEvents?: number;
    readonly droppedLinks?: number;
    readonly status?: { readonly code?: number; readonly message?: string };
    readonly flags?: number;
  })[];
}

function carried(name: string, value: string | number | undefined): Record<string, AttributeValue> {
  if (value === undefined || value === '' || value === 0) return {};
  return { [name]: typeof value === 'number' ? BigInt(value) : value };
}

function attributesOf(pairs: readonly Pair[] = []): Record<string, AttributeValue> {
  return Object.fromEntries(pairs.map(({ key: name = '', value }) => [name, anyValueOf(value)]));
}

function anyValueOf(value: AnyValue | undefined): AttributeValue {
  if (value?.i !== undefined) return BigInt(value.i);
  if (value?.a !== undefined) return value.a.values.map(anyValueOf);
  if (value?.m !== undefined) return attributesOf(value.m.values);
  if (value?.y !== undefined) return new Uint8Array(value.y);
  return value?.s ?? value?.b ?? value?.d ?? null;
}

describe('any request', () => {
  test('is read as protobufjs reads it: with unknown fields, with its fields in any order, in any chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        requests,
        fc.boolean(),
        fc.nat(),
        fc.integer({ min: 1, max: 400 }),
        async (request, future, seed, chunk) => {
          const plain = encoded('Request', request, future);
          const expected = spansOf(plain);
          fc.pre(expected.length > 0);
          const order = shuffled(plain, types.lookupType('Request'), seed);
          // A message is recognised by its first field.
          for (const bytes of [plain, order].filter(([first]) => first === 0x0a)) {
            const { account, spans } = await decodeDump(bytes, { chunk });
            expect(spans).toEqual(expected);
            expect(account).toMatchObject({ format: 'otlp-proto', documents: 1, skipped: [], repaired: [] });
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test('that is broken at any byte never throws, and keeps what stands before the fault', async () => {
    const bytes = fixture('otlp-proto/plain.pb');
    const starts = (await decodeDump(bytes)).spans;
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), async (at, byte) => {
        const broken = Buffer.from(bytes);
        broken[at] = byte;
        const { spans } = await decodeDump(broken);
        // The second ResourceSpans begins behind the middle; the first is whole before it.
        const second = bytes.lastIndexOf('pay');
        if (at > second) expect(spans.slice(0, 2)).toEqual(starts.slice(0, 2));
      }),
      { numRuns: 500 },
    );
  });
});

describe('the signal of a message', () => {
  const resource = { attributes: [{ key: 'service.name', value: { s: 'a' } }] };
  const trace = Buffer.from('a1fbefbeffb0c1d2e3f405162738495a', 'hex');
  const spanId = Buffer.from('fbefbe0000000003', 'hex');
  const logs = (record: Plain) => encoded('Logs', { resources: [{ resource, scopes: [{ records: [record] }] }] });
  const metrics = (metric: Plain) => encoded('Metrics', { resources: [{ resource, scopes: [{ metrics: [metric] }] }] });
  const traces = (read: Plain) => encoded('Request', { resources: [{ resource, scopes: [{ spans: [read] }] }] });
  const points = { points: [{ time: '1', value: 2 }], temporality: 2 };

  test.each([
    ['a log record with a time', logs({ time: '1', body: { s: 'x' } }), 'otlp-logs'],
    ['a log record with a severity', logs({ severity: 9 }), 'otlp-logs'],
    ['a log record with attributes', logs({ attributes: [{ key: 'a' }] }), 'otlp-logs'],
    ['a log record within a trace', logs({ text: 'INFO', body: { s: 'x' }, trace, span: spanId }), 'otlp-logs'],
    ['a log record that was observed', logs({ observed: '1' }), 'otlp-logs'],
    ['a gauge', metrics({ name: 'up', gauge: points }), 'otlp-metrics'],
    ['a sum', metrics({ name: 'up', unit: '1', sum: points }), 'otlp-metrics'],
    ['an exponential histogram', metrics({ name: 'up', exponential: points }), 'otlp-metrics'],
    // A name and a description as long as the two ids of a span.
    [
      'a gauge of 16 and 8 letters',
      metrics({ name: 'jvm.thread.count', description: 'Threads.', gauge: points }),
      'otlp-metrics',
    ],
    ['a span with times', traces({ trace, id: spanId, start: '1', end: '2' }), undefined],
    ['a span with nothing but ids', traces({ trace, id: spanId }), undefined],
    [
      'a span with ids of letters',
      traces({ trace: Buffer.from('0123456789abcdef'), id: Buffer.from('01234567'), kind: 1 }),
      undefined,
    ],
    [
      'a resource of 5000 bytes',
      encoded('Request', {
        resources: [
          {
            resource: { attributes: [{ key: 'a', value: { s: 'x'.repeat(5000) } }] },
            scopes: [{ spans: [{ trace, id: spanId }] }],
          },
        ],
      }),
      undefined,
    ],
  ])('%s is told', async (_, bytes, skipped) => {
    const { account, spans } = await decodeDump(bytes);
    expect(account.skipped.map(({ reason }) => reason)).toEqual(skipped === undefined ? [] : [skipped]);
    expect(spans.length).toBe(skipped === undefined ? 1 : 0);
    expect(account.fault).toBeUndefined();
  });
});

describe('a message that does not end', () => {
  const message = fixture('otlp-proto/plain.pb');

  test('for a foreign field is passed over without being held', async () => {
    // Field 2, of 2^40 bytes.
    const endless = Buffer.from([0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
    const { account, spans } = await decodeDump(Buffer.concat([message, endless, Buffer.alloc(1 << 20, 7)]), {
      chunk: 4096,
    });
    expect(spans).toEqual(PLAIN);
    expect(account.skipped).toEqual([
      { reason: 'truncated', count: 1, first: { offset: message.length, detail: 'the message ends inside a field' } },
    ]);
  });

  test('is told from one whose foreign field ends', async () => {
    const foreign = encoded('Request', {}, true);
    const { account, spans } = await decodeDump(Buffer.concat([message, foreign, message]), { chunk: 7 });
    expect(spans).toEqual([...PLAIN, ...PLAIN]);
    expect(account.skipped).toEqual([]);
  });
});

test('frames may be of any length, also none, and in any chunks', async () => {
  const message = fixture('otlp-proto/plain.pb');
  const frame = (content: Uint8Array) => {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(content.length);
    return Buffer.concat([header, content]);
  };
  const json = fixture('otlp-json/plain.json');
  const bytes = Buffer.concat([frame(message), frame(new Uint8Array(0)), frame(json), frame(message)]);
  for (const chunk of [1, 3, 5, message.length, message.length + 4, bytes.length]) {
    const { account, spans } = await decodeDump(bytes, { chunk });
    expect(spans).toEqual([...PLAIN, ...PLAIN, ...PLAIN]);
    expect(account).toMatchObject({ format: 'otlp-proto+otlp-json', documents: 3, skipped: [], fault: undefined });
  }
});
