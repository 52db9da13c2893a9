import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/formats/format.ts';
import { DEFAULT_COMPRESSION_LIMITS } from '../../src/ingest/compression.ts';
import { DecodeService } from '../../src/ingest/decode-service.ts';
import type { DecodeThread, ThreadListener } from '../../src/ingest/decode-thread.ts';
import { DecodeThreads } from '../../src/ingest/decode-threads.ts';
import type { IngestHooks, IngestTarget } from '../../src/ingest/target.ts';
import type { SpanBatch } from '../../src/model/span-batch.ts';
import { BatchReader, type DecodedDump, type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture, fixtureFolders, fixturesIn } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/load.ts';

// A file that two decoders read in turns is read as by one: the same spans in the same order, and the same account, whatever is in it and
// wherever it is cut. The threads are of the test's own here, so that it may ask often, and says which one is the faster.

const OPTIONS = { limits: DEFAULT_LIMITS, compression: DEFAULT_COMPRESSION_LIMITS };

/** Takes batches as the store does: ids of each producer for themselves, ids of attribute values once for all. */
class Batches implements IngestTarget<void> {
  readonly spans: DecodedSpan[] = [];
  readonly #readers: BatchReader[] = [];
  nextAttributeId = 1;
  /** By producer: batches taken. */
  readonly taken: number[] = [];
  readonly #blocks = new Map<number, number>();
  isIdGivenTwice = false;

  newProducer(): number {
    this.taken.push(0);
    return this.#readers.push(new BatchReader(this.spans)) - 1;
  }

  async begin(): Promise<void> {}

  async ready(): Promise<void> {}

  add(batch: SpanBatch): void {
    const { firstId, count } = batch.values;
    for (let id = firstId; id < firstId + count; id++) {
      this.isIdGivenTwice ||= this.#blocks.has(id);
      this.#blocks.set(id, batch.producer);
    }
    this.nextAttributeId = Math.max(this.nextAttributeId, firstId + count);
    this.taken[batch.producer]!++;
    this.#readers[batch.producer]!.read(batch);
  }

  async finish(): Promise<void> {}

  async abort(): Promise<void> {}
}

/** Turns of the event loop that a message of each thread takes. */
type Pace = readonly [number, number];

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
};

/** Starts threads that run on this one. */
function threadsOf(pace: Pace, segmentBytes: number, lane: boolean) {
  const ended: number[] = [];
  const start = async (options: { readonly producer: number }): Promise<DecodeThread> => {
    const { producer } = options;
    let listener: ThreadListener | undefined;
    let sent = Promise.resolve();
    let isEnded = false;
    const service = new DecodeService({ ...options, options: { ...OPTIONS, lane }, maxWaiting: 2 }, message => {
      sent = sent.then(async () => {
        await turns(pace[producer % 2]!);
        if (!isEnded) listener?.onMessage(message);
      });
    });
    return {
      send: message => {
        // As between threads, all but the columns is copied.
        const copy = structuredClone(message);
        setImmediate(() => {
          if (!isEnded) service.receive(copy).catch(error => listener?.onError(error));
        });
      },
      listen: next => {
        listener = next;
      },
      end: async () => {
        isEnded = true;
        ended.push(producer);
        await turns(1);
      },
    };
  };
  return { options: { sharedBytes: 0, segmentBytes, onlySlow: false, start }, ended };
}

const folder = () => temporaryFolder();

interface SharedDump extends DecodedDump {
  readonly taken: readonly number[];
  readonly ended: readonly number[];
}

/** Decodes files one after the other, each in segments. */
async function shared(
  paths: readonly string[],
  bytes: readonly number[],
  segmentBytes: number,
  pace: Pace = [1, 1],
  hooks: IngestHooks = {},
  lane = false,
): Promise<SharedDump[]> {
  const target = new Batches();
  const { options, ended } = threadsOf(pace, segmentBytes, lane);
  const threads = new DecodeThreads(target, OPTIONS, options);
  const dumps: SharedDump[] = [];
  for (const [index, path] of paths.entries()) {
    const before = target.taken.slice();
    const account = await threads.decode({ name: 'dump', path, bytes: bytes[index] }, hooks, async () => {});
    const taken = target.taken.map((count, producer) => count - (before[producer] ?? 0));
    dumps.push({ account, spans: target.spans.splice(0), taken, ended: ended.slice() });
  }
  expect(target.isIdGivenTwice).toBe(false);
  await threads.close();
  return dumps;
}

async function bothWays(content: Buffer, segmentBytes: number, path: string, pace?: Pace): Promise<SharedDump> {
  writeFileSync(path, content);
  const [two] = await shared([path], [content.length], segmentBytes, pace);
  const one = await decodeDump(content);
  expect({ account: two!.account, spans: two!.spans }).toEqual(one);
  return two!;
}

const hex = (number: number, digits = 16) => number.toString(16).padStart(digits, '0');

function otlpLine(number: number, text = 'x'): string {
  const span = {
    traceId: hex(number + 1, 32),
    spanId: hex(number + 1),
    name: `operation ${number % 3}`,
    startTimeUnixNano: '1793606400000000000',
    endTimeUnixNano: '1793606400000001000',
    attributes: [
      { key: 'number', value: { intValue: String(number) } },
      { key: 'text', value: { stringValue: text } },
    ],
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: `service ${number % 2}` } }] };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] });
}

function jaegerTrace(number: number, spans = 2): object {
  return {
    traceID: hex(number + 1, 32),
    spans: Array.from({ length: spans }, (_, index) => ({
      traceID: hex(number + 1, 32),
      spanID: hex(number * 10 + index + 1),
      operationName: 'op',
      references: [],
      startTime: 1793606400000000,
      duration: index,
      tags: [{ key: 'n', type: 'int64', value: number }],
      logs: [],
      processID: 'p1',
    })),
    processes: { p1: { serviceName: `service ${number % 3}`, tags: [] } },
    warnings: null,
  };
}

function zipkinSpan(number: number): object {
  return {
    traceId: hex(number + 1, 32),
    id: hex(number + 1),
    name: 'get',
    timestamp: 1793606400000000,
    duration: 5,
    localEndpoint: { serviceName: 'shop' },
    tags: { n: String(number) },
  };
}

const many = <T>(count: number, make: (number: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));

const LINES = Buffer.from(`${many(60, number => otlpLine(number)).join('\n')}\n`);

describe('a file that is read by two', () => {
  const jaeger = { data: many(40, number => jaegerTrace(number)), total: 0, limit: 0, offset: 0, errors: null };
  const zipkin = many(120, zipkinSpan);
  test.each([
    ['lines', LINES.toString()],
    ['lines that end in CRLF', LINES.toString().replaceAll('\n', '\r\n')],
    [
      'lines of several formats',
      many(99, n => (n % 2 ? otlpLine(n) : JSON.stringify({ data: [jaegerTrace(n)] }))).join('\n'),
    ],
    ['documents over many lines', many(60, n => JSON.stringify(JSON.parse(otlpLine(n)), null, 2)).join('\n')],
    ['a Jaeger answer', JSON.stringify(jaeger)],
    ['a Jaeger answer over many lines', JSON.stringify(jaeger, null, 2)],
    ['an array of Jaeger traces', JSON.stringify(jaeger.data)],
    ['an array of Zipkin spans', JSON.stringify(zipkin)],
    ['an array of Zipkin spans, one a line', `[${zipkin.map(span => `\n${JSON.stringify(span)}`).join(',')}\n]\n`],
    ['an array of Zipkin traces', JSON.stringify(many(30, n => many(4, m => zipkinSpan(n * 4 + m))))],
  ])('%s', async (_, text) => {
    const { account, taken, ended } = await bothWays(Buffer.from(text), 3000, `${folder()}/dump`);
    expect(account.spans).toBeGreaterThan(20);
    // Both have read it, and nothing was read again.
    expect(taken).toHaveLength(2);
    expect(Math.min(...taken)).toBeGreaterThan(3);
    expect(ended).toEqual([]);
  });

  test.each([
    ['a document over the cut that goes over lines', `${LINES}${'{"resourceSpans":\n[\n\n]}\n'.repeat(200)}`],
    ['text among lines', `${LINES}Server is listening\n${LINES}`],
    ['an odd document', `${LINES}{"level":"info"}\n${LINES}`],
    ['a document that is larger than a segment', `${LINES}${otlpLine(1, 'y'.repeat(5000))}\n${LINES}`],
    ['a second document behind an array', `${JSON.stringify(jaeger)}\n${JSON.stringify(jaeger)}`],
    ['what looks like a trace where none should be', JSON.stringify({ ...jaeger, other: jaeger.data })],
    ['a format that keeps something', `${LINES}${fixture('elastic-apm/intake.ndjson')}${LINES}`.repeat(2)],
  ])('but by one from where it has %s', async (_, text) => {
    const { ended } = await bothWays(Buffer.from(text), 1500, `${folder()}/dump`);
    expect(ended).toHaveLength(1);
  });

  test('where no core is left over only if it takes longer to decode than to store', async () => {
    const read = async (text: string) => {
      const path = `${folder()}/dump`;
      writeFileSync(path, text);
      const target = new Batches();
      const threads = new DecodeThreads(target, OPTIONS, { ...threadsOf([1, 1], 3000, false).options, onlySlow: true });
      await threads.decode({ name: 'dump', path, bytes: text.length }, {}, async () => {});
      await threads.close();
      return { readers: target.taken.length, spans: target.spans.length };
    };
    expect(await read(LINES.toString())).toEqual({ readers: 1, spans: 60 });
    expect(await read(JSON.stringify(zipkin))).toEqual({ readers: 1, spans: 120 });
    expect(await read(JSON.stringify(jaeger))).toEqual({ readers: 2, spans: 80 });
  });

  test('is cut off, or has nothing to read', async () => {
    const path = `${folder()}/dump`;
    for (const text of [
      LINES.subarray(0, -30),
      '[]'.repeat(4000),
      '\n'.repeat(4000),
      '{"a":1}\n'.repeat(900),
      'text\n'.repeat(900),
    ]) {
      await bothWays(Buffer.from(text), 1000, path);
    }
  });

  test('may be followed by others, also where one thread was ended', async () => {
    const path = folder();
    const broken = Buffer.from(`${LINES}not JSON\n${LINES}`);
    const contents = [LINES, broken, Buffer.from(JSON.stringify(jaeger)), broken, LINES, Buffer.from('text')];
    const paths = contents.map((content, index) => {
      writeFileSync(`${path}/${index}`, content);
      return `${path}/${index}`;
    });
    const sizes = contents.map(({ length }) => length);
    for (const pace of [
      [1, 1],
      [9, 1],
      [1, 9],
    ] as const) {
      const dumps = await shared(paths, sizes, 1500, pace);
      for (const [index, { account, spans }] of dumps.entries()) {
        expect({ account, spans }).toEqual(await decodeDump(contents[index]!));
      }
    }
  });

  test('tells how far it is in the order of the file', async () => {
    const path = `${folder()}/dump`;
    writeFileSync(path, LINES);
    const seen: number[] = [];
    const onProgress: IngestHooks['onProgress'] = ({ bytes }) => void seen.push(bytes);
    await shared([path], [LINES.length], 1500, [7, 1], { onProgress });
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(LINES.length);
  });

  test.each([false, true])('may have more attribute values than there are ids in a row, lane: %s', async lane => {
    // The spans of a trace wait for its end, so their batch cannot end before.
    const tag = (key: string, value: number) => ({ key, type: 'int64', value });
    const span = (trace: number, number: number) => ({
      traceID: hex(trace, 32),
      spanID: hex(number + 1),
      operationName: 'op',
      references: [],
      startTime: 1793606400000000,
      duration: 1,
      tags: many(10, index => tag(`k${index}`, (trace * 20_000 + number) * 10 + index)),
      logs: [],
      processID: 'p1',
    });
    const traces = many(2, index => ({
      traceID: hex(index + 1, 32),
      spans: many(15_000, number => span(index + 1, number)),
      processes: { p1: { serviceName: 'shop', tags: [] } },
      warnings: null,
    }));
    const content = Buffer.from(JSON.stringify({ data: [jaegerTrace(1), ...traces, jaegerTrace(9)] }));
    const path = `${folder()}/dump`;
    writeFileSync(path, content);
    const [two] = await shared([path], [content.length], content.length >> 1, [1, 1], {}, lane);
    expect(two!.account).toMatchObject({ spans: 30_004, skipped: [], repaired: [] });
    expect(Math.min(...two!.taken)).toBeGreaterThan(1);
    const one = await decodeDump(content);
    expect(two!.spans.length).toBe(one.spans.length);
    // Compared as text: of as many objects the comparison itself takes longest.
    const textOf = (spans: readonly DecodedSpan[]) =>
      spans.map(({ spanId, attributes }) => [spanId, String(Object.values(attributes))].join());
    expect(textOf(two!.spans)).toEqual(textOf(one.spans));
  });

  test('may have become another one than it was said to be', async () => {
    const path = `${folder()}/dump`;
    writeFileSync(path, LINES);
    for (const bytes of [LINES.length / 2, LINES.length * 3]) {
      const [dump] = await shared([path], [Math.floor(bytes)], 1500);
      expect({ account: dump!.account, spans: dump!.spans }).toEqual(await decodeDump(LINES));
    }
  });
});

test('every fixture is read by two as by one', async () => {
  const path = `${folder()}/dump`;
  for (const name of fixtureFolders().flatMap(fixturesIn)) {
    const content = fixture(name);
    if (content.length > 200_000) continue;
    for (const segmentBytes of [97, 1024])
      await bothWays(content, segmentBytes, path, segmentBytes === 97 ? [5, 1] : [1, 5]);
  }
});

/** Pieces that inputs are made of: lines and documents of all formats, and what stands between them in the wild. */
const PIECES = [
  ...many(8, number => `${otlpLine(number, 'é€😀 "\\'.repeat(number))}\n`),
  ...many(3, number => `${JSON.stringify({ data: many(number + 1, jaegerTrace) })}\n`),
  ...many(3, number => `${JSON.stringify(many(number + 1, zipkinSpan))}\n`),
  `${JSON.stringify(zipkinSpan(9))}\n`,
  JSON.stringify({ data: many(6, number => jaegerTrace(number, number)) }, null, 2),
  JSON.stringify(JSON.parse(otlpLine(5)), null, 1),
  `${otlpLine(3, 'z'.repeat(4000))}\n`,
  `INFO exported ${otlpLine(1)}\n`,
  '{"resourceLogs":[]}\n',
  '{"message":"started"}\n',
  'Server is listening on :8080\n',
  '\n',
  '\r\n',
  ', ',
  '\0\0\0\n',
  '{\n',
  '}\n',
  ']\n',
  '"\n',
  '[]\n',
  ...[
    'elastic-apm/intake.ndjson',
    'python-console/among-log-lines.txt',
    'invalid/wrong-types.json',
    'zipkin-json/arrays-of-arrays.json',
    'jaeger-json/lines.jsonl',
  ].map(name => `${fixture(name)}\n`),
];

const cutText = fc
  .tuple(fc.constantFrom(...PIECES), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([text, part]) => text.slice(0, text.length * part));
const pieces = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...PIECES.slice(0, 8)) },
  { weight: 3, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 1, arbitrary: cutText },
);
const streams = fc.array(pieces, { minLength: 1, maxLength: 40 }).map(texts => texts.join(''));

/** Items of an array in one document, most of which are traces or spans. */
const arrays = fc
  .record({
    items: fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.nat(5).map(number => jaegerTrace(number, number)) },
        {
          weight: 1,
          arbitrary: fc.constantFrom<unknown>(null, [], {}, 1, 'text', { traceID: '1', spans: null }, [jaegerTrace(3)]),
        },
      ),
      { maxLength: 20 },
    ),
    spans: fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.nat(50).map(zipkinSpan) },
        { weight: 1, arbitrary: fc.constantFrom<unknown>(null, [], {}, [zipkinSpan(1)]) },
      ),
      { maxLength: 40 },
    ),
    isZipkin: fc.boolean(),
    indent: fc.constantFrom(0, 0, 1),
    more: fc.constantFrom('', '\n', '\n[]', ' x', '\n{"errors":[{"msg":"no"}],"data":null}'),
    end: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  })
  .map(({ items, spans, isZipkin, indent, more, end }) => {
    const text =
      JSON.stringify(isZipkin ? spans : { total: 0, data: items, errors: [{ code: 1 }] }, null, indent) + more;
    return text.slice(0, Math.ceil(text.length * end));
  });

test.each([
  ['streams of documents and of what is none', streams],
  ['arrays of traces and spans', arrays],
])('%s are read by two as by one', async (_, texts) => {
  const path = `${folder()}/dump`;
  const paces = fc.constantFrom<Pace>([1, 1], [6, 1], [1, 6]);
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 20, max: 3000 }), paces, async (text, segmentBytes, pace) => {
      await bothWays(Buffer.from(text), segmentBytes, path, pace);
    }),
    { numRuns: Number(process.env.SEGMENT_RUNS ?? 300) },
  );
});
