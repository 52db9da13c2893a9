import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { SourceDecoder } from '../../src/ingest/decoding.ts';
import { decodeDump, decodeDumps } from '../support/decode.ts';
import { draw } from '../support/drawn-trace.ts';
import { fixture } from '../support/fixtures.ts';
import { otlpJson } from '../support/otlp-json.ts';

// From a source's bytes to its account: limits, sizes, and one source after the other.

const hex = (number: number) => number.toString(16).padStart(16, '0');

/** A span of an OTLP request, with an attribute of a length. */
function spanOf(number: number, length = 0): object {
  return {
    traceId: hex(Math.floor(number / 20) + 1).padStart(32, '0'),
    spanId: hex(number + 1),
    name: `span ${number % 7}`,
    startTimeUnixNano: String(1_793_606_400_000_000_000n + BigInt(number)),
    endTimeUnixNano: String(1_793_606_400_000_001_000n + BigInt(number)),
    attributes: [{ key: 'text', value: { stringValue: 'x'.repeat(length) } }],
  };
}

function requestOf(spans: readonly object[]): string {
  return JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

describe('a record over the limit', () => {
  const limits = { recordBytes: 100_000 };

  test('of a JSON document is passed over, and what stands around it is read', async () => {
    const text = requestOf([spanOf(0), spanOf(1, 1_000_000), spanOf(2), spanOf(3, 90_000), spanOf(4, 500_000)]);
    const { account, spans } = await decodeDump(text, { chunk: 10_000, limits });
    expect(spans.map(({ spanId }) => Number.parseInt(spanId, 16))).toEqual([1, 3, 4]);
    const offset = text.indexOf(JSON.stringify(spanOf(1, 1_000_000)));
    expect(account).toMatchObject({
      skipped: [{ reason: 'record-too-large', count: 2, first: { offset, detail: 'over 100000 bytes' } }],
      fault: undefined,
    });
  });

  test('may be an attribute of the resource, or a whole document of no known format', async () => {
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'x'.repeat(400_000) } }] };
    const text = [
      JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [spanOf(0)] }] }] }),
      JSON.stringify({ unknown: 'y'.repeat(400_000) }),
      requestOf([spanOf(1)]),
    ].join('\n');
    const { account, spans } = await decodeDump(text, { chunk: 7000, limits });
    expect(spans.map(({ serviceName }) => serviceName)).toEqual(['unknown_service', 'unknown_service']);
    // What is passed over anyway is of no size.
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['unrecognised-json', 1],
      ['record-too-large', 1],
    ]);
  });

  test('of a protobuf message is passed over, and so is a frame', async () => {
    const message = fixture('otlp-proto/plain.pb');
    const small = fixture('otlp-proto/bare.pb');
    const frame = (content: Uint8Array) => {
      const header = Buffer.alloc(4);
      header.writeUInt32BE(content.length);
      return Buffer.concat([header, content]);
    };
    for (const chunk of [1, 100, 100_000]) {
      const plain = await decodeDump(Buffer.concat([small, message, small]), { chunk, limits: { recordBytes: 300 } });
      expect(plain.spans).toHaveLength(2);
      expect(plain.account.skipped.map(({ reason, count, first }) => [reason, count, first.offset])).toEqual([
        ['record-too-large', 2, small.length],
      ]);
      const framed = await decodeDump(Buffer.concat([small, message, small].map(frame)), {
        chunk,
        limits: { recordBytes: 300 },
      });
      expect(framed.spans).toHaveLength(2);
      expect(framed.account.skipped).toEqual([
        {
          reason: 'record-too-large',
          count: 1,
          first: { offset: small.length + 4, detail: `a frame of ${message.length} bytes` },
        },
      ]);
    }
  });

  test('that is cut off is told as cut off, too', async () => {
    const text = requestOf([spanOf(0), spanOf(1, 1_000_000)]).slice(0, 600_000);
    const { account } = await decodeDump(text, { chunk: 10_000, limits });
    expect(account).toMatchObject({ spans: 1, fault: { hint: 'what stands before it was read' } });
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['truncated', 'record-too-large']);
  });
});

describe('JSON that is nested 100,000 deep', () => {
  const arrays = '['.repeat(100_000) + ']'.repeat(100_000);
  const objects = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
  const span = JSON.stringify(spanOf(1)).slice(0, -1);

  test.each([
    ['as a document', arrays, 0, { 'unrecognised-json': 1 }],
    ['as a document of objects', objects, 0, { 'unrecognised-json': 1 }],
    ['in a field that is not known', `{"resourceSpans":[],"other":${arrays}}`, 0, {}],
    [
      'in a field of a span that is not known',
      requestOf([]).replace('"spans":[', `"spans":[${span},"other":${objects}}`),
      1,
      {},
    ],
    [
      'as a value',
      requestOf([]).replace('"spans":[', `"spans":[${span},"attributes":[{"key":"a","value":${arrays}}]},${span}}`),
      1,
      { 'too-deep': 1 },
    ],
    ['as an id', requestOf([]).replace('"spans":[', `"spans":[${span},"spanId":${arrays}}`), 1, { 'invented-id': 1 }],
    [
      'as a time',
      requestOf([]).replace('"spans":[', `"spans":[${span},"endTimeUnixNano":${objects}}`),
      1,
      { 'invalid-time': 1 },
    ],
    ['as a list of lists of Zipkin spans', `[{"traceId":"1","id":"1","tags":{},"timestamp":1},${arrays}]`, 1, {}],
  ])('is read or passed over %s', async (_, text, count, reasons) => {
    for (const chunk of [text.length, 10_000]) {
      const { account, spans } = await decodeDump(text, { chunk });
      expect(spans).toHaveLength(count);
      const found = [...account.skipped, ...account.repaired].map(each => [each.reason, each.count]);
      expect(Object.fromEntries(found)).toEqual(reasons);
    }
  });
});

describe('a document of many chunks', () => {
  test('on a single line of some MB is read span by span', async () => {
    // More than a batch holds.
    const count = 40_000;
    const text = requestOf(Array.from({ length: count }, (_, number) => spanOf(number, number % 100)));
    expect(text.length).toBeGreaterThan(5 << 20);
    for (const chunk of [1 << 20, 70_000]) {
      const { account, spans } = await decodeDump(text, { chunk });
      expect(account).toMatchObject({
        documents: 1,
        spans: count,
        contentBytes: text.length,
        skipped: [],
        repaired: [],
      });
      expect(spans.map(({ spanId }) => Number.parseInt(spanId, 16) - 1)).toEqual(
        Array.from({ length: count }, (_, at) => at),
      );
      expect(spans.every(({ attributes }, number) => String(attributes.text).length === number % 100)).toBe(true);
    }
  });

  test('may be a single span', async () => {
    const attributes = Array.from({ length: 30_000 }, (_, key) => ({
      key: `key ${key}`,
      value: { intValue: String(key) },
    }));
    const text = requestOf([{ ...spanOf(1), attributes }]);
    expect(text.length).toBeGreaterThan(1 << 20);
    const { spans } = await decodeDump(text, { chunk: 10_000 });
    expect(Object.entries(spans[0]!.attributes)).toHaveLength(30_000);
    expect(spans[0]!.attributes['key 29999']).toBe(29_999n);
  });

  test('may be one Jaeger trace, whose processes stand behind its spans', async () => {
    const spans = Array.from({ length: 10_000 }, (_, number) => ({
      traceID: '1',
      spanID: hex(number + 1),
      operationName: 'a',
      startTime: number,
      duration: 1,
      processID: `p${number % 3}`,
      tags: [{ key: 'number', type: 'int64', value: number }],
    }));
    const processes = Object.fromEntries([0, 1, 2].map(number => [`p${number}`, { serviceName: `service ${number}` }]));
    const text = JSON.stringify({ data: [{ traceID: '1', spans, processes }] });
    const dump = await decodeDump(text, { chunk: 1 << 18 });
    expect(dump.spans.map(({ serviceName }) => serviceName)).toEqual(spans.map((_, number) => `service ${number % 3}`));
  });

  test('reports what was mended once, however often its records are read again', async () => {
    const odd = { ...spanOf(1, 3000), spanId: '0000000000000000', name: {}, startTimeUnixNano: 'never' };
    for (const chunk of [1, 100, 100_000]) {
      const { account } = await decodeDump(requestOf([odd, spanOf(2), odd]), { chunk });
      expect(account.repaired.map(({ reason, count }) => [reason, count])).toEqual([
        ['unexpected-type', 2],
        ['invalid-time', 2],
        ['missing-start', 2],
        ['zero-id', 2],
      ]);
    }
  });
});

describe('sources one after the other', () => {
  test('are told apart, whatever the one before was and wherever it was cut off', async () => {
    const good = [
      'otlp-json/plain.json',
      'jaeger-json/plain.json',
      'zipkin-json/shared-spans.json',
      'otlp-proto/shop-framed.pb',
    ];
    const bad = [
      fixture('otlp-json/plain.json').subarray(0, 3000),
      fixture('jaeger-json/plain.json').subarray(0, 2000),
      fixture('zipkin-json/shared-spans.json').subarray(0, 700),
      fixture('otlp-proto/shop-framed.pb').subarray(0, 7000),
      fixture('otlp-proto/plain.pb').subarray(0, 500),
      fixture('invalid/image.png'),
      Buffer.from('{"resourceSpans":[{"scopeSpans":[{"spans":["'),
      Buffer.alloc(0),
    ];
    const dumps = bad.flatMap((cut, index) => [cut, fixture(good[index % good.length]!)]);
    const together = await decodeDumps(dumps, { chunk: 512 });
    for (const [index, dump] of dumps.entries()) {
      expect(together[index], `source ${index}`).toEqual(await decodeDump(dump, { chunk: 512 }));
    }
  });

  test('have their bytes counted, as stored and as content', async () => {
    const [plain, zipped] = await decodeDumps([fixture('otlp-json/shop.jsonl'), fixture('invalid/truncated.json.gz')]);
    expect(plain!.account).toMatchObject({ bytes: 36_838, contentBytes: 36_838 });
    expect(zipped!.account.bytes).toBe(fixture('invalid/truncated.json.gz').length);
    expect(zipped!.account.contentBytes).toBeGreaterThan(zipped!.account.bytes);
  });

  test('tell how far they are, and wait where they are told to', async () => {
    const decoder = new SourceDecoder(
      { producer: 0, firstValueId: 1, onBatch: () => {} },
      { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS },
    );
    const content = Buffer.from(otlpJson(draw('a | 0-1')));
    const stored = async function* () {
      yield content.subarray(0, 10);
      yield content.subarray(10);
    };
    const seen: number[] = [];
    const account = await decoder.decode(
      { name: 'a', path: undefined, bytes: undefined },
      async bytes => {
        await new Promise(resolve => setTimeout(resolve, 5));
        seen.push(bytes);
      },
      stored(),
    );
    expect(seen).toEqual([10, content.length]);
    expect(account).toMatchObject({ source: 'a', spans: 1, bytes: content.length });
  });
});

describe('what a source is', () => {
  test('is told by its first 64 KiB, however they come', async () => {
    const lines = (length: number) => `${'log line\n'.repeat(length / 9)}${otlpJson(draw('a | 0-1'))}`;
    for (const chunk of [1000, 1 << 20]) {
      expect((await decodeDump(lines(60_003), { chunk })).spans).toHaveLength(1);
      expect((await decodeDump(lines(90_000), { chunk })).account.fault?.message).toBe(
        'is text in no format that is read',
      );
    }
  });

  test('is not decided by a document that is broken, cut off or foreign', async () => {
    const request = otlpJson(draw('a | 0-1'));
    for (const before of ['{"resourceSpans":[nope]}\n', '{"unknown":1}\n', '{"a"\n', '[1,2]\n', '{}']) {
      expect((await decodeDump(before + request)).spans).toHaveLength(1);
    }
  });

  test.each([
    ['{"resourceSpans":nope}', 'is broken: expected a value, found nope; the document begins at byte 0 (byte 17)'],
    ['{"resourceSpans":[', 'is cut off: the input ends before the document that begins here does (byte 0)'],
    ['{"mappings":{"a":[', 'is in a format that is not read: an index template of OpenSearch'],
    ['{"unheard":[1', 'holds JSON but no trace format that is read: an object with .unheard .unheard[]'],
    [
      '{"data":null,"errors":[{"msg":"gone"}]}{"data":[',
      'is cut off: the input ends before the document that begins here does (byte 39)',
    ],
    ['{"resourceMetrics":[]}', undefined],
    ['[]', undefined],
    ['\0\0\0\0', 'holds only white space'],
  ])('%s: %s', async (text, message) => {
    expect((await decodeDump(text)).account.fault?.message).toBe(message);
  });
});
