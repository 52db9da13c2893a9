import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DecodedSpan, decodeDump, decodeDumps } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

// Streams of JSON documents: what a fault costs, and that it costs no more.

const id = (number: number) => number.toString(16).padStart(16, '0');
const trace = (number: number) => number.toString(16).padStart(32, '0');

/** One span, as a line of each kind of dump. */
const LINE_OF: Readonly<Record<string, (number: number) => object>> = {
  'OTLP requests': number => ({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop "a" \\ b' } }] },
        scopeSpans: [
          {
            scope: { name: 'lib', attributes: [{ key: 'a', value: { boolValue: true } }] },
            spans: [
              {
                traceId: trace(1),
                spanId: id(number),
                name: `${number}`,
                startTimeUnixNano: '1793606400000000000',
                endTimeUnixNano: 1793606400000001000,
                attributes: [{ key: 'list', value: { arrayValue: { values: [{ intValue: 1 }, {}] } } }],
                events: [{ timeUnixNano: '1793606400000000000', name: 'e', attributes: [] }],
                links: [{ traceId: trace(2), spanId: id(9) }],
                status: { code: 2, message: null },
              },
            ],
          },
        ],
      },
    ],
  }),
  'Jaeger answers': number => ({
    data: [
      {
        traceID: trace(1),
        spans: [
          {
            traceID: trace(1),
            spanID: id(number),
            operationName: `${number}`,
            references: [{ refType: 'CHILD_OF', traceID: trace(1), spanID: id(99) }],
            startTime: 1793606400000000,
            duration: 1,
            tags: [{ key: 'error', type: 'bool', value: true }],
            logs: [{ timestamp: 1793606400000000, fields: [{ key: 'event', type: 'string', value: 'e' }] }],
            processID: 'p1',
            warnings: null,
          },
        ],
        processes: { p1: { serviceName: 'shop', tags: [{ key: 'ip', type: 'string', value: '::1' }] } },
      },
    ],
    errors: null,
  }),
  'Zipkin spans': number => ({
    traceId: trace(1),
    parentId: id(99),
    id: id(number),
    kind: 'CLIENT',
    name: `${number}`,
    timestamp: 1793606400000000,
    duration: 1,
    localEndpoint: { serviceName: 'shop', port: 1 },
    annotations: [{ timestamp: 1793606400000000, value: 'e' }],
    tags: { 'http.path': '/a' },
    debug: true,
  }),
};
const METRICS = {
  resourceMetrics: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'a "b" \\' } }] },
      scopeMetrics: [{ metrics: [{ name: 'up', gauge: { dataPoints: [{ asInt: '1' }, { asDouble: 1.5 }] } }] }],
    },
  ],
};

const namesOf = (spans: readonly DecodedSpan[]) => spans.map(({ name }) => name);
const total = (counts: readonly { readonly count: number }[]) => counts.reduce((sum, { count }) => sum + count, 0);

describe.each(Object.entries(LINE_OF))('a line of %s that was cut off', (_, lineOf) => {
  const lines = [1, 2, 3, 4].map(number => JSON.stringify(lineOf(number)));
  const [first = '', cut = '', ...rest] = lines;

  test('costs its own spans, and the line behind it only where that could be the rest of it', async () => {
    for (let length = 1; length < cut.length; length++) {
      const text = [first, cut.slice(0, length), ...rest].join('\n');
      const { account, spans } = await decodeDump(text);
      const names = namesOf(spans);
      // Behind `[`, `:` and `,` the next line is good JSON; what follows that one is not.
      const isOpen = /[[:,]$/.test(cut.slice(0, length));
      expect(names.at(0), `cut at ${length}`).toBe('1');
      expect(names.at(-1), `cut at ${length}`).toBe('4');
      if (!isOpen) expect(names, `cut at ${length}`).toEqual(expect.arrayContaining(['1', '3', '4']));
      expect(total(account.skipped), `cut at ${length}`).toBeGreaterThan(0);
      expect(account.fault).toBeUndefined();
    }
  });

  test('costs the same in chunks of 7 bytes', async () => {
    for (let length = 1; length < cut.length; length += 5) {
      const text = [first, cut.slice(0, length), ...rest].join('\r\n');
      expect(await decodeDump(text, { chunk: 7 })).toEqual(await decodeDump(text));
    }
  });
});

test('a line of another signal that was cut off costs no more than the line behind it', async () => {
  const metrics = JSON.stringify(METRICS);
  const lines = [1, 2, 3].map(number => JSON.stringify(LINE_OF['OTLP requests']!(number)));
  for (let length = 1; length < metrics.length; length++) {
    const text = [metrics.slice(0, length), ...lines, metrics].join('\n');
    for (const chunk of [text.length, 1]) {
      const { account, spans } = await decodeDump(text, { chunk });
      const isOpen = /[[:,]$/.test(metrics.slice(0, length));
      const names = namesOf(spans);
      expect(names.slice(-2), `cut at ${length}, chunks of ${chunk}`).toEqual(['2', '3']);
      if (!isOpen) expect(names, `cut at ${length}, chunks of ${chunk}`).toEqual(['1', '2', '3']);
      expect(account.skipped.find(({ reason }) => reason === 'malformed-json')?.count).toBe(1);
    }
  }
});

test('documents of several formats may stand in one file', async () => {
  const parts = ['otlp-json/plain.json', 'jaeger-json/opentracing.json', 'zipkin-json/shared-spans.json'].map(fixture);
  const { account, spans } = await decodeDump(Buffer.concat(parts));
  expect(account).toMatchObject({ format: 'otlp-json+jaeger-json+zipkin-json', documents: 3, spans: 11, skipped: [] });
  const alone = await decodeDumps(parts);
  expect(spans).toEqual(alone.flatMap(dump => dump.spans));
});

test('a fault in the middle of a document keeps what stands before it, and the next document', async () => {
  const { resourceSpans } = JSON.parse(fixture('otlp-json/plain.json').toString());
  const good = JSON.stringify({ resourceSpans });
  const broken = good.replace('"fbefbe0000000003"', 'fbefbe0000000003');
  const { account, spans } = await decodeDump(`${broken}\n${good}\n`);
  expect(spans.map(({ spanId }) => Number.parseInt(spanId.slice(-1), 16))).toEqual([1, 2, 1, 2, 3, 4]);
  const offset = broken.indexOf('fbefbe0000000003');
  expect(account.skipped).toEqual([
    {
      reason: 'malformed-json',
      count: 1,
      first: { offset, detail: 'expected a value, found fbefbe0000000003; the document begins at byte 0' },
    },
  ]);
});

test('lines between documents are counted, however long and however they are cut into chunks', async () => {
  const lines = [
    '{"resourceSpans":[]}',
    'x'.repeat(200_000),
    'y',
    '{"resourceSpans":[]}',
    'z'.repeat(70_000),
    '',
    'end',
  ];
  const whole = await decodeDump(lines.join('\n'));
  expect(whole.account.skipped).toEqual([
    { reason: 'not-json', count: 4, first: { offset: 21, detail: 'x'.repeat(60) } },
  ]);
  for (const chunk of [1, 4096, 65_536, 100_000]) expect(await decodeDump(lines.join('\n'), { chunk })).toEqual(whole);
});

test('keys that every object has are keys like any other', async () => {
  const { account, spans } = await decodeDump(
    '{"resourceSpans":[{"constructor":{},"__proto__":[],"toString":1,"scopeSpans":[]}],"hasOwnProperty":[1]}',
  );
  expect(spans).toEqual([]);
  expect(account).toMatchObject({ format: 'otlp-json', documents: 1, skipped: [], repaired: [], fault: undefined });
});

describe('a value of any other type', () => {
  const ODD = [
    'null',
    'true',
    '"text"',
    '""',
    '7',
    '-1',
    '1.5e300',
    '123456789012345678901234567890',
    'NaN',
    '[]',
    '{}',
    '[[],{},null,"",NaN]',
    '{"key":{"value":-Infinity}}',
    '{"low":NaN,"high":"1"}',
    '{"type":"Buffer","data":[1,"2"]}',
    `${'['.repeat(1000)}${']'.repeat(1000)}`,
    `${'{"values":[{"arrayValue":'.repeat(200)}1${'}]}'.repeat(200)}`,
  ];

  test.each(['otlp-json/plain.json', 'jaeger-json/opentracing.json', 'zipkin-json/links-and-resource-tags.json'])(
    'anywhere in %s is never taken for a fault of the JSON, and costs one span at most',
    async file => {
      const document = JSON.parse(fixture(file).toString());
      const paths = pathsOf(document);
      const before = (await decodeDump(fixture(file))).spans.length;
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...paths), fc.constantFrom(...ODD), async (path, odd) => {
          const { account, spans } = await decodeDump(withValueAt(document, path, odd));
          expect(account.skipped.filter(({ reason }) => reason === 'malformed-json')).toEqual([]);
          const isRecord = path.length > DEPTH_OF_SPANS[file]!;
          if (isRecord) expect(spans.length).toBeGreaterThanOrEqual(before - 1);
          if (isRecord)
            expect(spans.length + total(account.skipped) + total(account.repaired)).toBeGreaterThanOrEqual(before);
        }),
        { numRuns: 800 },
      );
    },
  );

  /** How many steps lead to a span: `resourceSpans` 0 `scopeSpans` 0 `spans` 0. */
  const DEPTH_OF_SPANS: Readonly<Record<string, number>> = {
    'otlp-json/plain.json': 6,
    'jaeger-json/opentracing.json': 4,
    'zipkin-json/links-and-resource-tags.json': 1,
  };
});

type Path = readonly (string | number)[];

/** The paths of all values of a document. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

/** Returns a document's text with the value at a path exchanged for another text. */
function withValueAt(document: unknown, path: Path, text: string): string {
  const MARK = '\u0001here\u0001';
  const replaced = (value: unknown, [step, ...rest]: Path): unknown => {
    if (step === undefined) return MARK;
    const copy = structuredClone(value) as Record<string | number, unknown>;
    copy[step] = replaced(copy[step], rest);
    return copy;
  };
  return JSON.stringify(replaced(document, path)).replace(JSON.stringify(MARK), () => text);
}

test('a line of text counts once, wherever the document behind it is cut', async () => {
  // What a source is is decided on its first 64 KiB, so only behind them it is read in chunks.
  const lines = `${JSON.stringify(LINE_OF['OTLP requests']!(1))}\n`.repeat(200);
  const text = `${lines}Server is listening\n${fixture('python-console/plain.txt')}`;
  const whole = await decodeDump(text);
  for (let chunk = lines.length + 1; chunk < text.length; chunk += 61) {
    expect((await decodeDump(text, { chunk })).account).toEqual(whole.account);
  }
});

test('what was mended in a resource is told each time that it comes', async () => {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }, { value: {} }] };
  const scopeSpans = [{ scope: { name: 'lib', attributes: 7 }, spans: [] }];
  const line = JSON.stringify({ resourceSpans: [{ resource, scopeSpans }] });
  const dumps = await decodeDumps([`${line}\n${line}`, line]);
  expect(dumps.map(({ account }) => account.repaired.map(({ reason, count }) => [reason, count]))).toEqual([
    [['unexpected-type', 4]],
    [['unexpected-type', 2]],
  ]);
});
