import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Quirk } from '../../src/model/span-batch.ts';
import { type DecodedDump, type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';

const read = (file: string): Promise<DecodedDump> => decodeDump(fixture(`zipkin-v1-json/${file}`));

/** When the fixtures begin. */
const START = 1_793_606_400_000_000_000n;
/** Id of the server half of span n. */
const half = (number: number): string =>
  `68616c6673657276`.replace(/.$/, digit => (Number(`0x${digit}`) ^ number).toString(16));
const FRONTEND = { 'network.local.address': '10.0.0.1', 'network.local.port': 8080n };
const BACKEND = { 'network.local.address': '10.0.0.2', 'network.local.port': 40_000n };
const WORKER = { 'network.local.address': '2001:db8::c001' };
const TO_BACKEND = { 'peer.service': 'backend', 'network.peer.address': '10.0.0.2', 'network.peer.port': 40_000n };
const NO_START = { 'otel.zipkin.absentField.startTime': true };

/** The essence of a span on one line, and its attributes. */
function lineOf({
  spanId,
  parentSpanId,
  kind,
  serviceName,
  name,
  startTimeUnixNano,
  durationNano,
  quirks,
}: DecodedSpan) {
  const ms = (nanos: bigint) => Number(nanos) / 1e6;
  const id = /^0+(?=.)/;
  return [
    `${spanId.replace(id, '')} < ${parentSpanId?.replace(id, '') ?? '-'} ${kind} ${serviceName}: ${name}`,
    `${startTimeUnixNano === 0n ? '?' : ms(startTimeUnixNano - START)} + ${ms(durationNano)}`,
    quirks - Quirk.sharedParent,
  ] as const;
}

const shared = Quirk.shared;
const noStart = Quirk.startUnknown | Quirk.endUnknown;
const noEnd = Quirk.endUnknown;

describe('a span is split by service', () => {
  test('calls', async () => {
    const { account, spans } = await read('calls.json');
    expect(account).toMatchObject({ format: 'zipkin-v1-json', documents: 1, spans: 9, skipped: [], repaired: [] });
    expect(spans.map(lineOf)).toEqual([
      ['1 < - client frontend: get /', '0 + 100', 0],
      [`${half(1)} < - server backend: get /`, '20 + 60', shared],
      ['2 < 1 client backend: self', '10 + 20', 0],
      [`${half(2)} < 1 server backend: self`, '12 + 16', shared],
      ['3 < 1 client backend: query', '31 + 9', 0],
      ['4 < 1 client frontend: put', '41 + 9', 0],
      [`${half(4)} < 1 server backend: put /`, '43 + 5', shared],
      ['5 < - server backend: post /', '51 + 5', 0],
      ['6 < 5 internal worker: encode', '60 + 2', 0],
    ]);
    expect(spans.map(({ attributes }) => attributes)).toEqual([
      { ...FRONTEND, ...TO_BACKEND, 'http.path': '/api' },
      {
        ...BACKEND,
        'peer.service': 'frontend',
        'network.peer.address': '10.0.0.1',
        'network.peer.port': 40_001n,
        'http.path': '/v1/api',
      },
      BACKEND,
      BACKEND,
      { ...BACKEND, 'peer.service': 'mysql', 'network.peer.address': '10.0.0.9', 'network.peer.port': 3306n },
      FRONTEND,
      BACKEND,
      // Under the server's own name only the address of the client is true.
      { ...BACKEND, 'network.peer.address': '10.0.0.7', 'network.peer.port': 51_000n },
      WORKER,
    ]);
    expect(spans.map(({ status, flags }) => [status.code, status.message, flags])).toEqual([
      ['error', 'no answer', 0],
      ['unset', '', 0],
      ['unset', '', 0],
      ['unset', '', 0],
      ['unset', '', 1],
      ...Array.from({ length: 4 }, () => ['unset', '', 0]),
    ]);
    const event = (ms: bigint, name: string) => ({ timeUnixNano: START + ms * 1_000_000n, name, attributes: {} });
    expect(spans.map(({ events }) => events)).toEqual([
      [event(1n, 'ws'), event(99n, 'wr')],
      [event(30n, 'cache miss')],
      ...Array.from({ length: 7 }, () => []),
    ]);
  });

  test('calls, in a store: the client half is the parent of the server half', async () => {
    const { spans } = await readDump(fixture('zipkin-v1-json/calls.json'));
    expect(spans.find(({ spanId }) => spanId === half(1))?.parentSpanId).toBe('0000000000000001');
    expect(spans.find(({ spanId }) => spanId === half(4))?.parentSpanId).toBe('0000000000000004');
  });

  test('messages', async () => {
    const { spans } = await read('messages.json');
    expect(spans.map(lineOf)).toEqual([
      ['1 < - producer frontend: send', '0 + 5', 0],
      ['2 < 1 consumer worker: receive', '20 + 5', 0],
      ['3 < 1 producer frontend: relay', '30 + 1', 0],
      [`${half(3)} < 1 consumer worker: relay`, '40 + 2', shared],
      ['4 < 1 consumer worker: receive', '50 + 0', noEnd],
    ]);
    expect(spans.map(({ attributes }) => attributes)).toEqual([
      { ...FRONTEND, 'peer.service': 'kafka', 'network.peer.address': '10.0.0.8', 'network.peer.port': 9092n },
      WORKER,
      { ...FRONTEND, 'peer.service': 'kafka' },
      { ...WORKER, 'peer.service': 'kafka' },
      WORKER,
    ]);
  });

  test('what is incomplete', async () => {
    const { spans } = await read('incomplete.json');
    expect(spans.map(lineOf)).toEqual([
      ['1 < - client frontend: in flight', '0 + 0', noEnd],
      ['2 < 1 client frontend: one-way', '5 + 0', noEnd],
      [`${half(2)} < 1 server backend: one-way`, '7 + 0', shared | noEnd],
      ['3 < 1 server backend: end only', '10 + 5', 0],
      ['4 < 1 client frontend: answer only', '? + 0', noStart],
      ['5 < 1 internal unknown_service: no endpoint', '22 + 3', 0],
      ['6 < 1 internal frontend: both addresses', '30 + 1', 0],
      ['7 < 1 internal frontend: server address', '31 + 1', 0],
      ['8 < 1 server backend: client address', '32 + 1', 0],
      ['9 < 1 client frontend: marked twice', '40 + 10', 0],
      ['9 < 1 server backend: marked twice', '? + 0', noStart],
      ['a < 1 internal unknown_service: ', '? + 0', noStart],
    ]);
    expect(spans.map(({ attributes }) => attributes)).toEqual([
      FRONTEND,
      FRONTEND,
      BACKEND,
      BACKEND,
      { ...FRONTEND, ...NO_START },
      {},
      { ...FRONTEND, ...TO_BACKEND },
      { ...FRONTEND, ...TO_BACKEND, lc: 'jdbc' },
      { ...BACKEND, 'peer.service': 'frontend', 'network.peer.address': '10.0.0.1', 'network.peer.port': 8080n },
      FRONTEND,
      { ...BACKEND, ...NO_START },
      NO_START,
    ]);
    expect(spans.flatMap(({ name, events }) => events.map(event => `${name}: ${event.name}`))).toEqual([
      'answer only: cr',
      'no endpoint: cs',
      'no endpoint: cr',
      'marked twice: cs',
      'marked twice: ss',
    ]);
  });
});

test('values have the types that they name', async () => {
  const { spans } = await read('values.json');
  expect(spans[0]?.attributes).toEqual({
    ...FRONTEND,
    text: 'Zürich',
    bool: true,
    false: false,
    bytes: new Uint8Array([0, 1, 255]),
    i16: -2n,
    i32: 65_536n,
    i64: 9007199254740993n,
    double: 0.5,
    'no.endpoint': 'x',
  });
});

test.each([
  ['arrays-of-arrays.json', 1],
  ['lines.jsonl', 7],
])('%s holds the same calls', async (file, documents) => {
  const { account, spans } = await read(file);
  expect(account).toMatchObject({ format: 'zipkin-v1-json', documents, spans: 9, skipped: [], repaired: [] });
  const withoutTrace = ({ traceId, ...span }: DecodedSpan) => span;
  expect(spans.map(withoutTrace)).toEqual((await read('calls.json')).spans.map(withoutTrace));
  expect(spans.every(({ traceId }) => traceId.startsWith('0'.repeat(16)))).toBe(true);
});

test("what Zipkin's JavaScript writes", async () => {
  const { account, spans } = await read('zipkin-js.json');
  expect(account).toMatchObject({ format: 'zipkin-v1-json', spans: 3, skipped: [], repaired: [] });
  expect(spans.map(lineOf)).toEqual([
    ['1 < - client frontend: get', '0 + 50', 0],
    [`${half(1)} < - server backend: get /api`, '5 + 40', shared],
    // It writes no endpoint where there is nothing to hang it on.
    ['2 < 1 internal unknown_service: parse', '6 + 1', 0],
  ]);
  expect(spans[1]?.status).toEqual({ code: 'error', message: 'boom' });
});

const SPAN = { traceId: 'a', id: '1', name: 'x', timestamp: 7, duration: 5, binaryAnnotations: [] };

describe('bad content', () => {
  test.each([
    ['missing-trace-id', { traceId: null }],
    ['missing-span-id', { id: '' }],
  ])('%s: the span is skipped, and reading goes on', async (reason, changes) => {
    const { account, spans } = await decodeDump(JSON.stringify([SPAN, { ...SPAN, ...changes }, 7, SPAN]));
    expect(spans).toHaveLength(2);
    expect(account.skipped).toContainEqual(expect.objectContaining({ reason }));
  });

  test.each([
    ['invalid-time', { timestamp: 'now' }, { startTimeUnixNano: 0n }],
    ['invalid-time', { duration: {} }, { durationNano: 0n }],
    ['invalid-time', { timestamp: 1e30 }, { startTimeUnixNano: 0n }],
    ['end-before-start', { duration: -5 }, { durationNano: 0n }],
    ['invalid-time', { annotations: [{ timestamp: 'x', value: 'e' }] }, { events: [{ name: 'e', timeUnixNano: 0n }] }],
    ['invented-id', { traceId: 'x y' }, { attributes: { 'tailspan.trace_id': 'x y' } }],
  ])('%s: %o is mended', async (reason, changes, expected) => {
    const { account, spans } = await decodeDump(JSON.stringify({ ...SPAN, ...changes }));
    expect(spans).toMatchObject([expected]);
    expect(account.repaired).toMatchObject([{ reason, count: 1 }]);
  });

  test('fields of the wrong types are left out', async () => {
    const wrong = {
      name: {},
      annotations: 7,
      binaryAnnotations: [7, {}, { key: 'k' }, { key: 'e', value: 'v', endpoint: 1 }],
    };
    const { spans } = await decodeDump(JSON.stringify({ ...SPAN, ...wrong, debug: 'yes' }));
    expect(spans).toMatchObject([{ name: '', events: [], attributes: { e: 'v' }, flags: 0 }]);
  });

  test('a server that answers before it is asked has duration 0', async () => {
    const endpoint = { serviceName: 's' };
    const annotations = [
      { timestamp: 9, value: 'sr', endpoint },
      { timestamp: 8, value: 'ss', endpoint },
    ];
    const { account, spans } = await decodeDump(JSON.stringify({ ...SPAN, timestamp: undefined, annotations }));
    expect(spans).toMatchObject([{ kind: 'server', startTimeUnixNano: 9000n, durationNano: 0n }]);
    expect(account.repaired).toMatchObject([{ reason: 'end-before-start' }]);
  });

  test('fields that Zipkin does not know, and signed ids, are taken', async () => {
    const text = '{"traceId":-1,"id":-2,"name":"x","timestamp":7,"binaryAnnotations":[],"extra":{"a":1}}';
    const { spans } = await decodeDump(text);
    expect(spans).toMatchObject([
      { traceId: 'f'.repeat(32), spanId: 'fffffffffffffffe', attributes: { extra: { a: 1n } } },
    ]);
  });
});

describeRealData('real files', () => {
  test('a local span', async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('zipkin/v1-span-local.json')));
    expect(account).toMatchObject({ format: 'zipkin-v1-json', documents: 1, spans: 1, skipped: [], repaired: [] });
    expect(spans).toMatchObject([
      {
        traceId: '00000000000000005af7183fb1d4cf5f',
        spanId: '6b221d5bc9e6496c',
        parentSpanId: '5af7183fb1d4cf5f',
        name: 'get-traces',
        kind: 'internal',
        serviceName: 'zipkin-server',
        startTimeUnixNano: 1_461_750_040_358_000_000n,
        durationNano: 15_495_000n,
        events: [],
      },
    ]);
    expect(Object.keys(spans[0]?.attributes ?? {})).toEqual([
      'network.local.address',
      'network.local.port',
      'lc',
      'request',
    ]);
  });

  test('both sides of a call', async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('zipkin/v1-span-rpc.json')));
    expect(account).toMatchObject({ format: 'zipkin-v1-json', documents: 1, spans: 2, skipped: [], repaired: [] });
    expect(spans).toMatchObject([
      {
        spanId: 'd673d7abe80d2f3f',
        parentSpanId: '83c138a4ee0f3de9',
        kind: 'client',
        serviceName: 'zipkin-web',
        startTimeUnixNano: 1_461_750_491_274_000_000n,
        durationNano: 51_000_000n,
        attributes: {
          'network.local.address': '127.0.0.1',
          'peer.service': 'zipkin-query',
          'network.peer.address': '172.18.0.4',
          'network.peer.port': 9411n,
          'clnt/finagle.version': '6.34.0',
          'http.uri': '/api/v1/traces',
        },
        events: [{ name: 'ws' }, { name: 'wr' }],
        quirks: Quirk.sharedParent,
      },
      {
        spanId: 'be12bbcd9b685d49',
        parentSpanId: '83c138a4ee0f3de9',
        kind: 'server',
        serviceName: 'zipkin-query',
        startTimeUnixNano: 1_461_750_491_298_000_000n,
        durationNano: 4_000_000n,
        attributes: {
          'network.local.address': '172.18.0.4',
          'network.local.port': 9411n,
          'peer.service': 'zipkin-web',
          'network.peer.address': '172.18.0.3',
          'network.peer.port': 42_291n,
          'http.path': '/api/v1/traces',
          'srv/finagle.version': '6.34.0',
        },
        events: [],
        quirks: Quirk.sharedParent | Quirk.shared,
      },
    ]);
  });

  test('core annotations in v2 spans, which have no endpoint there, do not make them v1', async () => {
    const { account } = await decodeDump(readFileSync(sharedData('zipkin/jaeger-zipkin_v1_merged_spans.json')));
    expect(account).toMatchObject({ format: 'zipkin-json', spans: 2, skipped: [], repaired: [] });
  });
});
