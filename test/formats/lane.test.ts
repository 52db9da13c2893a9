import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { BatchWriter } from '../../src/formats/columns/batch-writer.ts';
import { SpanLane } from '../../src/formats/lane/lane.ts';
import { traceSpans } from '../support/arbitraries.ts';
import { decodeDump, decodeDumps } from '../support/decode.ts';
import { draw } from '../support/drawn-trace.ts';
import { fixture, fixturesIn } from '../support/fixtures.ts';
import { jaegerJson } from '../support/jaeger-json.ts';
import { otlpJson } from '../support/otlp-json.ts';
import { REPOSITORY } from '../support/run.ts';
import { zipkinJson } from '../support/zipkin-json.ts';

// The fast lane gives what the decoders in TypeScript give, whatever the input. It is built by `npm run build`.

async function expectSame(bytes: Uint8Array | string, chunk?: number): Promise<void> {
  const options = chunk === undefined ? {} : { chunk };
  const [plain, fast] = [await decodeDump(bytes, options), await decodeDump(bytes, { ...options, lane: true })];
  expect(fast).toEqual(plain);
}

test('the lane has been built', () => {
  const writer = new BatchWriter({ producer: 0, firstValueId: 1, onBatch: () => {} });
  expect(SpanLane.open(writer)).toBeInstanceOf(SpanLane);
});

test('the words that the lane knows fields by are their names', () => {
  const source = readFileSync(join(REPOSITORY, 'src/webassembly/lane/words.ts'), 'utf8');
  const words = new Map(
    [...source.matchAll(/const (\w+): u64 = (0x\w+);/g)].map(([, name, word]) => [name, BigInt(word ?? 0)]),
  );
  const wordOf = (text: string) => Buffer.from(text.padEnd(8, '\0'), 'latin1').readBigUInt64LE();
  const fields: Record<string, string> = {
    ID: 'id',
    NAME: 'name',
    KIND: 'kind',
    TAGS: 'tags',
    LOGS: 'logs',
    FLAGS: 'flags',
    LINKS: 'links',
    DEBUG: 'debug',
    VALUE: 'value',
    SPAN_ID: 'spanId',
    EVENTS: 'events',
    STATUS: 'status',
    FIELDS: 'fields',
    SHARED: 'shared',
    TRACE_ID: 'traceId',
    REFERENCE_TYPE: 'refType',
    PARENT_ID: 'parentId',
    DURATION: 'duration',
    PROCESS: 'process',
    WARNINGS: 'warnings',
    TIMESTAMP: 'timestamp',
    TRACE_STATE: 'traceState',
    ATTRIBUTES: 'attributes',
    REFERENCES: 'references',
    ANNOTATIONS: 'annotations',
    PARENT_SPAN_ID: 'parentSpanId',
    OPERATION_NAME: 'operationName',
    LOCAL_ENDPOINT: 'localEndpoint',
    REMOTE_ENDPOINT: 'remoteEndpoint',
    END_TIME: 'endTimeUnixNano',
    START_TIME: 'startTimeUnixNano',
    TIME: 'timeUnixNano',
    DROPPED_ATTRIBUTES: 'droppedAttributesCount',
    DROPPED_EVENTS: 'droppedEventsCount',
    DROPPED_LINKS: 'droppedLinksCount',
    JAEGER_SPAN_ID: 'spanID',
    JAEGER_TRACE_ID: 'traceID',
    JAEGER_PROCESS_ID: 'processID',
    JAEGER_START: 'startTime',
    JAEGER_PARENT_SPAN_ID: 'parentSpanID',
  };
  const expected = Object.entries(fields).flatMap(([name, field]) => {
    const end = field.endsWith('UnixNano') ? 'UNIX_NANO_END' : `${name}_END`;
    return field.length <= 8
      ? [[name, wordOf(field)] as const]
      : [[name, wordOf(field.slice(0, 8))] as const, [end, wordOf(field.slice(-8))] as const];
  });
  expect(words).toEqual(new Map(expected));
});

const LANES = [
  'otlp-json/shop.jsonl',
  'otlp-proto/shop-framed.pb',
  'jaeger-json/shop.json',
  'jaeger-json/ui-download.json',
  'zipkin-json/shop.json',
];

/** The same, of a dump of which the lane has something to read. */
async function expectSameOfLane(bytes: Uint8Array | string): Promise<void> {
  await expectSame(bytes);
  expect((await readInLane(bytes)).spans).toBeGreaterThan(10);
}

/** Those that machines wrote without white space: of their attributes the lane reads new values itself. */
const COMPACT = LANES.filter(file => file !== 'jaeger-json/ui-download.json');

/** Decodes a dump with the lane; returns how many spans and new values it gave to the writer, and how many spans there are. */
async function readInLane(bytes: Uint8Array | string): Promise<{ spans: number; values: number; of: number }> {
  let spans = 0;
  let values = 0;
  const { appendRun, appendValues } = BatchWriter.prototype;
  vi.spyOn(BatchWriter.prototype, 'appendRun').mockImplementation(function (this: BatchWriter, run) {
    spans += run.spanCount;
    appendRun.call(this, run);
  });
  vi.spyOn(BatchWriter.prototype, 'appendValues').mockImplementation(function (this: BatchWriter, added) {
    values += added.count;
    appendValues.call(this, added);
  });
  const dump = await decodeDump(bytes, { lane: true });
  vi.restoreAllMocks();
  return { spans, values, of: dump.spans.length };
}

test.each(LANES)('common spans take the lane: %s', async file => {
  const { spans, of } = await readInLane(fixture(file));
  expect(spans).toBeGreaterThan(of * 0.5);
});

test.each(COMPACT)('new values take the lane: %s', async file => {
  const { values } = await readInLane(fixture(file));
  expect(values).toBeGreaterThan(20);
});

test('doubles take the lane that have few digits', async () => {
  const attributes = Array.from({ length: 100 }, (_, index) => ({
    key: `k${index}`,
    value: { doubleValue: index / 8 },
  }));
  const times = { startTimeUnixNano: '1', endTimeUnixNano: '2' };
  const span = JSON.stringify({ traceId: '0'.repeat(31) + 1, spanId: '0'.repeat(15) + 1, ...times, attributes });
  const { values } = await readInLane(
    `{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[${span}]}]}]}`,
  );
  expect(values).toBe(100);
});

describe('every fixture', () => {
  const files = ['otlp-json', 'otlp-proto', 'jaeger-json', 'zipkin-json', 'invalid', 'example'].flatMap(folder =>
    fixturesIn(folder),
  );
  test.each(files)('%s', async file => {
    const bytes = fixture(file);
    await expectSame(bytes);
    await expectSame(bytes, 7);
  });
});

test.each([
  ['OTLP JSON', otlpJson],
  ['Jaeger JSON', jaegerJson],
  ['Zipkin JSON', zipkinJson],
])('any spans, as lines of %s', async (_format, write) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(traceSpans({ hasAttributes: true, maxSpans: 8 }), { maxLength: 3 }),
      fc.constantFrom(undefined, 100, 4096),
      async (traces, chunk) => expectSame(traces.map(write).join(''), chunk),
    ),
    { numRuns: 60 },
  );
});

test('a key is read from where it stands, also behind a text with escapes', async () => {
  const endpoint = { serviceName: 'web', ipv4: '10.0.0.1', port: 8080 };
  const common = { traceId: '1'.padStart(32, '0'), timestamp: 1795165200000000, localEndpoint: endpoint };
  const tags = { 'service.version': '1.2.0', 'telemetry.sdk.name': '', 'otel.scope.name': '' };
  const line = (id: string, name: string, more: object) =>
    `${JSON.stringify([{ ...common, id: id.padStart(16, '0'), name, annotations: [], tags: { ...more, ...tags } }])}\n`;
  await expectSame(line('1', '', { ' ': '[""]' }) + line('1', 'a', {}));
});

describe('more than is remembered', () => {
  const MANY = 70_000;
  const hex = (index: number) => (index + 1).toString(16);

  test('of resources that tags describe', async () => {
    const spans = Array.from({ length: MANY }, (_, index) => ({
      traceId: '1',
      id: hex(index),
      timestamp: 1,
      duration: 1,
      tags: { 'service.version': 'x', 'k8s.pod.name': `pod ${index % (MANY - 100)}` },
    }));
    await expectSame(JSON.stringify(spans), 1 << 20);
  });

  test('of attribute values, some of which never come again', async () => {
    const [span] = draw('a | 0-9');
    const spans = Array.from({ length: 9000 }, (_, index) => ({
      ...span!,
      spanId: hex(index).padStart(16, '0'),
      attributes: {
        'request.id': `request ${index}`,
        route: `/route/${index % 7}`,
        user: `user ${Math.floor(index / 2) % 4000}`,
      },
    }));
    await expectSame(otlpJson(spans), 1 << 20);
  });

  test('of operations whose service is not known yet', async () => {
    const processes = { p1: { serviceName: 'a' }, p2: { serviceName: 'b' } };
    const spans = Array.from({ length: MANY }, (_, index) => ({
      traceID: '1',
      spanID: hex(index),
      operationName: `operation ${index}`,
      startTime: 1,
      duration: 1,
      processID: index % 2 === 0 ? 'p1' : 'p2',
    }));
    const data = [spans, spans.slice(-10), spans.slice(0, 10)].map(each => ({ traceID: '1', spans: each, processes }));
    await expectSame(JSON.stringify({ data }), 1 << 20);
  });
});

describe('attribute values that the lane reads itself, and their neighbours that it does not', () => {
  const TEXTS = [
    '',
    'a',
    'twelve bytes',
    'thirteen byte',
    'é',
    'seven b',
    'sixteen bytes, x',
    '16 bytes, then é',
    'x'.repeat(3000),
  ];
  const INTEGERS = [
    '0',
    '7',
    '-7',
    '-0',
    '007',
    '+7',
    '',
    '7.5',
    '7e1',
    '123456789012345678',
    '1234567890123456789',
    '9223372036854775808',
  ];
  const DOUBLES = [
    ...[
      '0',
      '-0',
      '0.0',
      '-0.0',
      '1',
      '-1',
      '1.0',
      '1.50',
      '-1.5',
      '100',
      '0.1',
      '0.10',
      '0.05',
      '123.456',
      '1e5',
      '1E5',
      '1.5e0',
      '01.5',
      '1.',
    ],
    ...[
      '.5',
      '-',
      '--1',
      '1.5.5',
      '1.a',
      '0.000001',
      '0.0000015',
      '0.000000',
      '0.0000009',
      '0.00000012345',
      '1e-7',
      '1e21',
      '1e400',
      '5e-324',
    ],
    ...[
      '999999999999999',
      '999999999999999.0',
      '1000000000000000',
      '9007199254740993',
      '99999999999999.9',
      '999999999999999.9',
    ],
    ...[
      '0.30000000000000004',
      '0.1234567890123',
      '0.12345678901234',
      '0.1234567890123456',
      '1.7976931348623157e308',
      '4.35',
      '2.675',
    ],
  ];
  const span = { traceId: '0'.repeat(31) + 1, startTimeUnixNano: '1', endTimeUnixNano: '2' };
  const spanId = (index: number) => (index + 1).toString(16).padStart(16, '0');

  test('OTLP JSON', async () => {
    const values = [
      ...TEXTS.map(text => `{"stringValue":${JSON.stringify(text)}}`),
      ...INTEGERS.map(digits => `{"intValue":"${digits}"}`),
      ...INTEGERS.filter(digits => digits !== '').map(digits => `{"intValue":${digits}}`),
      ...DOUBLES.map(number => `{"doubleValue":${number}}`),
      ...['"1.5"', '"NaN"', 'true'].map(value => `{"doubleValue":${value}}`),
      ...['true', 'false', '"true"', '1', 'null'].map(value => `{"boolValue":${value}}`),
      ...['{"stringValue":"a\\nb"}', '{"stringValue":"a","intValue":"1"}', '{"intValue":"1","stringValue":"a"}'],
      ...['{ "stringValue": "a" }', '{"string_value":"a"}', '{"doubleValue":1.5 }', '{}', 'null', '"a"'],
    ];
    // Each value on its own and among others, the same key with values of several types, and all of it twice.
    const spans = [...values, values.join('|'), ...values].map((value, index) => {
      const attributes = value.split('|').map((each, key) => `{"key":"k${key}","value":${each}}`);
      const { traceId, startTimeUnixNano, endTimeUnixNano } = span;
      return `{"traceId":"${traceId}","spanId":"${spanId(index)}","name":"n","startTimeUnixNano":"${startTimeUnixNano}","endTimeUnixNano":"${endTimeUnixNano}","attributes":[${attributes}]}`;
    });
    await expectSameOfLane(`{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[${spans}]}]}]}`);
  });

  test('OTLP protobuf', async () => {
    const texts = [...TEXTS, 'x'.repeat(20_000)].map(text => field(10, Buffer.from(text)));
    const integers = [0, 7, 127, 128, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, -1n, -(2n ** 63n)].map(value =>
      Buffer.concat([Buffer.from([24]), varint(value)]),
    );
    const doubles = [...DOUBLES.map(Number), Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(doubleValue);
    const others = [
      ...[
        [16, 0],
        [16, 1],
        [16, 2],
        [16, 129, 0],
        [24, 128, 0],
        [24, 128],
        [33, 0, 0, 0, 0, 0, 0, 248],
        [33, 0, 0, 0, 0, 0, 0, 248, 63, 0],
        [],
        [10, 5, 97],
      ],
      ...[
        [10, 1, 97, 24, 1],
        [24, 1, 10, 1, 97],
        [10, 1, 255],
        [10, 2, 195, 40],
        [42, 0],
        [50, 0],
        [58, 1, 0],
      ],
    ].map(bytes => Buffer.from(bytes));
    const values = [...texts, ...integers, ...doubles, ...others];
    const nano = (value: number) => Buffer.from([value, 0, 0, 0, 0, 0, 0, 0]);
    const spans = [...values, ...values].map((value, index) => {
      const attribute = (key: string) => field(74, Buffer.concat([field(10, Buffer.from(key)), field(18, value)]));
      return field(
        18,
        Buffer.concat([
          field(10, Buffer.from(span.traceId, 'hex')),
          field(18, Buffer.from(spanId(index), 'hex')),
          ...[Buffer.from([57]), nano(1), Buffer.from([65]), nano(2)],
          ...[
            attribute('k'),
            attribute('long key '.repeat(15)),
            attribute(`k${index}`),
            field(74, field(10, Buffer.from('no value'))),
          ],
        ]),
      );
    });
    await expectSameOfLane(field(10, field(18, Buffer.concat(spans))));
  });

  test('Jaeger JSON', async () => {
    const tags = [
      ...TEXTS.map(text => `"type":"string","value":${JSON.stringify(text)}`),
      ...INTEGERS.map(digits => `"type":"int64","value":"${digits}"`),
      ...INTEGERS.filter(digits => digits !== '').map(digits => `"type":"int64","value":${digits}`),
      ...[
        '"type":"bool","value":true',
        '"type":"bool","value":false',
        '"type":"bool","value":"true"',
        '"type":"float64","value":"1.5"',
      ],
      ...DOUBLES.flatMap(number => [`"type":"float64","value":${number}`, `"type":"int64","value":${number}`]),
      ...[
        '"type":"string","value":7',
        '"type":"int64","value":true',
        '"type":"binary","value":"AAE="',
        '"value":"a"',
        '"type":"string"',
      ],
    ];
    const keys = ['k', 'event', 'error', 'span.kind', 'otel.status_code'];
    const spans = [...tags, ...tags].flatMap((tag, index) =>
      keys.map((key, of) => {
        const id = spanId(index * keys.length + of);
        const one = `{"key":"${key}",${tag}}`;
        return `{"traceID":"1","spanID":"${id}","operationName":"n","startTime":1,"duration":1,"processID":"p1","tags":[${one}],"logs":[{"timestamp":1,"fields":[${one}]}]}`;
      }),
    );
    await expectSameOfLane(
      `{"data":[{"traceID":"1","spans":[${spans}],"processes":{"p1":{"serviceName":"s","tags":[]}}}]}`,
    );
  });

  test('Zipkin JSON', async () => {
    const keys = ['k', 'error', 'span.kind', 'otel.status_code', 'service.version', 'otel.link.0'];
    const values = [
      ...TEXTS.map(text => JSON.stringify(text)),
      '"a\\nb"',
      '"7"',
      '7',
      'true',
      'null',
      '"CLIENT"',
      '"ERROR"',
    ];
    const spans = [...values, ...values].flatMap((value, index) =>
      keys.map((key, of) => {
        const id = spanId(index * keys.length + of);
        return `{"traceId":"1","id":"${id}","name":"n","timestamp":1,"duration":1,"localEndpoint":{"serviceName":"s"},"tags":{"${key}":${value}}}`;
      }),
    );
    await expectSameOfLane(`[${spans}]`);
  });

  test('more of them, and longer ones, than the lane has room for between two runs', async () => {
    const spans = Array.from({ length: 600 }, (_, index) => ({
      ...draw('a | 0-9')[0]!,
      spanId: spanId(index),
      attributes: Object.fromEntries([
        ['text', `${index} ${'x'.repeat(3000)}`],
        ...Array.from({ length: 25 }, (_, key) => [`key ${key}`, `${index} ${key}`]),
      ]),
      events: Array.from({ length: 3 }, (_, event) => ({
        name: 'e',
        timeUnixNano: 1n,
        attributes: Object.fromEntries(
          Array.from({ length: 10 }, (_, key) => [`key ${key}`, `${index} ${event} ${key}`]),
        ),
      })),
    }));
    await expectSame(otlpJson(spans), 1 << 20);
  });
});

const field = (tag: number, content: Uint8Array) =>
  Buffer.concat([Buffer.from([tag]), varint(content.length), content]);

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

function doubleValue(value: number): Buffer {
  const bytes = Buffer.alloc(9, 33);
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

test('doubles, as protobuf and as JSON', async () => {
  const short = fc.tuple(fc.maxSafeInteger(), fc.nat(20)).map(([digits, decimals]) => Number(`${digits}e-${decimals}`));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.double(), short), { minLength: 200, maxLength: 200 }), async numbers => {
      const spans = numbers.map((_, index) => ({
        spanId: (index + 1).toString(16).padStart(16, '0'),
        traceId: '0'.repeat(31) + 1,
      }));
      const nano = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
      const ofProtobuf = spans.map(({ traceId, spanId }, index) =>
        Buffer.concat([
          ...[field(10, Buffer.from(traceId, 'hex')), field(18, Buffer.from(spanId, 'hex'))],
          ...[Buffer.from([57]), nano, Buffer.from([65]), nano],
          field(74, Buffer.concat([field(10, Buffer.from('k')), field(18, doubleValue(numbers[index]!))])),
        ]),
      );
      await expectSameOfLane(field(10, field(18, Buffer.concat(ofProtobuf.map(each => field(18, each))))));
      const ofJson = spans.map((each, index) =>
        JSON.stringify({
          ...{ ...each, startTimeUnixNano: '1', endTimeUnixNano: '1' },
          attributes: [{ key: 'k', value: { doubleValue: numbers[index] } }],
        }),
      );
      await expectSameOfLane(`{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[${ofJson}]}]}]}`);
    }),
    { numRuns: 30 },
  );
});

/** How many changed inputs are tried, a third of each format. `MUTATIONS=1000000 npx vitest run test/formats/lane.test.ts` takes ten minutes. */
const MUTATIONS = Number(process.env.MUTATIONS ?? 5000);
/** So many are given to one decoder, as the sources of one ingest are. */
const DUMPS = 100;

test.each([
  ['OTLP', otlpInputs],
  ['Jaeger JSON', jaegerInputs],
  ['Zipkin JSON', zipkinInputs],
])('%s that was changed anywhere', { timeout: 30_000 + MUTATIONS * 20 }, async (_format, inputsOf) => {
  const inputs = inputsOf();
  const change = fc.record({ at: fc.nat(), kind: fc.constantFrom('set', 'cut', 'double'), byte: fc.nat(255) });
  const changedInput = fc
    .tuple(fc.constantFrom(...inputs), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([bytes, changes]) =>
      changes.reduce<Buffer>((before, { at, kind, byte }) => {
        const place = at % before.length;
        if (kind === 'set') {
          const copy = Buffer.from(before);
          copy[place] = byte;
          return copy;
        }
        const rest = before.subarray(kind === 'cut' ? place + 1 + (byte & 7) : Math.max(0, place - (byte & 31)));
        return Buffer.concat([before.subarray(0, place), rest]);
      }, bytes),
    );
  await fc.assert(
    fc.asyncProperty(fc.array(changedInput, { minLength: DUMPS, maxLength: DUMPS }), async dumps => {
      const plain = await decodeDumps(dumps);
      const fast = await decodeDumps(dumps, { lane: true });
      expect(fast).toEqual(plain);
    }),
    { numRuns: Math.ceil(MUTATIONS / DUMPS / 3), endOnFailure: true },
  );
});

function otlpInputs(): Buffer[] {
  const lines = fixture('otlp-json/shop.jsonl').toString().split('\n');
  const framed = fixture('otlp-proto/shop-framed.pb');
  const firstFrame = framed.subarray(0, 4 + framed.readUInt32BE(0));
  return [fixture('otlp-proto/plain.pb'), firstFrame, Buffer.from(lines[0] ?? ''), Buffer.from(lines[1] ?? '')];
}

function jaegerInputs(): Buffer[] {
  const { data }: { data: object[] } = JSON.parse(fixture('jaeger-json/shop.json').toString());
  const names = [
    'ui-download',
    'follows-from',
    'tag-types',
    'array-of-traces',
    'error-tags',
    'short-ids',
    'unknown-process',
  ];
  return [
    Buffer.from(JSON.stringify({ data: data.slice(0, 2) })),
    ...names.map(name => fixture(`jaeger-json/${name}.json`)),
  ];
}

function zipkinInputs(): Buffer[] {
  const spans: object[] = JSON.parse(fixture('zipkin-json/shop.json').toString());
  const names = ['annotations', 'links-and-resource-tags', 'odd-endpoints', 'error-tags', 'shared-spans'];
  return [Buffer.from(JSON.stringify(spans.slice(0, 8))), ...names.map(name => fixture(`zipkin-json/${name}.json`))];
}
