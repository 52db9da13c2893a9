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
  const source = readFileSync(join(REPOSITORY, 'src/formats/lane/assembly/words.ts'), 'utf8');
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

test.each(LANES)('common spans take the lane: %s', async file => {
  let inLane = 0;
  const { appendRun } = BatchWriter.prototype;
  const spy = vi.spyOn(BatchWriter.prototype, 'appendRun').mockImplementation(function (this: BatchWriter, run) {
    inLane += run.spanCount;
    appendRun.call(this, run);
  });
  const { spans } = await decodeDump(fixture(file), { lane: true });
  spy.mockRestore();
  expect(inLane).toBeGreaterThan(spans.length * 0.5);
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
