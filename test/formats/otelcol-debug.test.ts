import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { NESTED, PLAIN } from './plain-spans.ts';

/** The spans of `plain` without what is not printed: flags. */
const COLLECTOR_PLAIN = PLAIN.map((span): DecodedSpan => ({ ...span, flags: 0 }));

test.each([
  ['plain.txt', []],
  [
    'logger.txt',
    [
      ['otlp-logs', 1],
      ['otlp-metrics', 1],
      ['log-lines', 2],
    ],
  ],
  [
    'json-logger.jsonl',
    [
      ['otlp-logs', 1],
      ['otlp-metrics', 1],
      ['log-lines', 2],
    ],
  ],
  ['docker-compose.txt', [['log-lines', 3]]],
])('%s: the spans of plain, and other signals by name', async (file, skipped) => {
  const { account, spans } = await decodeDump(fixture(`otelcol-debug/${file}`));
  expect(spans).toEqual(COLLECTOR_PLAIN);
  expect(account).toMatchObject({ format: 'otelcol-debug', documents: 1, repaired: [], fault: undefined });
  expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual(skipped);
});

test('values.txt: types are kept, but those within arrays and maps are those of JSON', async () => {
  const { spans } = await decodeDump(fixture('otelcol-debug/values.txt'));
  expect(spans[0]?.attributes).toEqual({ ...NESTED, 'mixed.array': ['a', 1n, 1n, true, null, '/w=='] });
});

test('many-lines.txt: values, names and messages of many lines', async () => {
  const { account, spans } = await decodeDump(fixture('otelcol-debug/many-lines.txt'));
  expect(spans).toHaveLength(2);
  expect(spans[0]).toMatchObject({
    name: 'two\nlines',
    status: { code: 'error', message: 'boom\n  caused by: (disk full)\n' },
    attributes: { sql: 'SELECT 1\nFROM (\n  t\n)', 'a: b': ') -> x: Str(y' },
    events: [
      {
        name: 'exception',
        attributes: {
          'exception.stacktrace': 'java.lang.Error: boom\n\tat a.B.c(B.java:1)\n\tat d.E.f(E.java:2)\n',
          'exception.type': 'java.lang.Error',
          'otel.dropped_attributes_count': 2n,
        },
      },
    ],
  });
  expect(account).toMatchObject({ skipped: [], repaired: [], fault: undefined });
});

test('logging-exporter.txt: the spellings and zones of old versions', async () => {
  const { account, spans } = await decodeDump(fixture('otelcol-debug/logging-exporter.txt'));
  expect(spans).toEqual([
    {
      traceId: 'd4fbefbeffb0c1d2e3f405162738495d',
      spanId: 'fbefbe0000000005',
      parentSpanId: 'fbefbe0000000009',
      name: 'okey-dokey',
      kind: 'server',
      serviceName: 'tracegen',
      startTimeUnixNano: 1_793_606_400_253_498_140n,
      durationNano: 123_978n,
      status: { code: 'ok', message: '' },
      attributes: {
        peer: '1.2.3.4',
        count: 7n,
        ratio: 0.5,
        on: true,
        list: '[a, b]',
        map: '{\n     -> k: STRING(v)\n     -> n: INT(1)\n}',
        nothing: null,
      },
      resource: { 'service.name': 'tracegen' },
      scope: { name: 'tracegen', version: '', attributes: {} },
      events: [
        {
          name: 'half',
          timeUnixNano: 1_793_606_400_253_550_000n,
          attributes: { k: 'v', 'otel.dropped_attributes_count': 1n },
        },
      ],
      links: [],
      flags: 0,
      quirks: 0,
    },
  ]);
  expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['log-lines', 2]]);
});

const PLAIN_TEXT = fixture('otelcol-debug/plain.txt').toString();

test.each([
  ['Windows line ends', (text: string) => text.replaceAll('\n', '\r\n')],
  ['no spaces at line ends', (text: string) => text.replace(/ +\n/g, '\n')],
  [
    'entities of resources',
    (text: string) =>
      text.replace(
        /(Resource attributes:\n(?: {5}-> .*\n)+)/g,
        '$1Entities:\nEntity Ref #0\n     -> Entity Type: service\n     -> SchemaURL: \n     -> Identifying Attributes: service.name\n',
      ),
  ],
  [
    'terminal colours',
    (text: string) =>
      text
        .replaceAll('Span #', '\u001b[34mSpan #\u001b[0m')
        .replaceAll('\u001b[34mSpan #\u001b[0m', '\u001b[34mSpan #\u001b[0m'),
  ],
  [
    'Docker',
    (text: string) =>
      text.replace(
        /.*\n/g,
        line => `${JSON.stringify({ log: line, stream: 'stderr', time: '2026-11-02T08:00:00Z' })}\n`,
      ),
  ],
  [
    'Kubernetes',
    (text: string) => text.replace(/^/gm, '2026-11-02T08:00:00.123456789Z stderr F ').replace(/2026\S+ stderr F $/, ''),
  ],
])('the same spans under %s', async (_, change) => {
  const { account, spans } = await decodeDump(change(PLAIN_TEXT));
  expect(spans).toEqual(COLLECTOR_PLAIN);
  expect(account).toMatchObject({ skipped: [], repaired: [], fault: undefined });
});

test('scopes have attributes', async () => {
  const { spans } = await decodeDump(
    PLAIN_TEXT.replace('http 1.2.3\n', 'http 1.2.3\nInstrumentationScope attributes:\n     -> k: Str(v)\n'),
  );
  expect(spans[0]?.scope).toEqual({ name: 'http', version: '1.2.3', attributes: { k: 'v' } });
  expect(spans[2]?.scope.attributes).toEqual({});
});

test('output of other signals alone is named', async () => {
  const { account } = await decodeDump(
    '2026-11-02T08:00:01.000Z\tinfo\tResourceMetrics #0\nResource SchemaURL: \nMetric #0\n\t{"kind": "exporter"}\n',
  );
  expect(account).toMatchObject({ format: 'otelcol-debug', spans: 0, fault: undefined });
  expect(account.skipped.map(({ reason }) => reason)).toEqual(['otlp-metrics']);
});

describe('bad content', () => {
  test.each([
    ['no trace id', ['a1fbefbeffb0c1d2e3f405162738495a\n', '\n'], 'missing-trace-id'],
    ['no span id', ['fbefbe0000000001\n', '\n'], 'missing-span-id'],
  ])('%s', async (_, [from = '', to = ''], reason) => {
    const { account, spans } = await decodeDump(PLAIN_TEXT.replace(from, to));
    expect(spans).toHaveLength(3);
    expect(account.skipped.map(skipped => [skipped.reason, skipped.count])).toEqual([[reason, 1]]);
  });

  test.each([
    [
      'a time that is none',
      'Start time     : 2026-11-02 08:00:00.123456789 +0000 UTC',
      'Start time     : soon',
      { 'invalid-time': 1, 'missing-start': 1 },
    ],
    [
      'an end before its start',
      'End time       : 2026-11-02 08:00:00.22345678',
      'End time       : 2025-11-02 08:00:00.2',
      { 'end-before-start': 1 },
    ],
    ['a trace id that is none', 'b2fbefbeffb0c1d2e3f405162738495b', 'not an id', { 'invented-id': 1 }],
    ['values that are not as their type', 'Int(500)', 'Int(five)', {}],
    ['counts that are none', 'DroppedAttributesCount: 3', 'DroppedAttributesCount: many', {}],
    ['kinds and codes that are none', 'Server', 'Waiter', {}],
  ])('%s', async (_, from, to, repaired) => {
    const { account, spans } = await decodeDump(PLAIN_TEXT.replace(from, to));
    expect(spans).toHaveLength(4);
    expect(Object.fromEntries(account.repaired.map(({ reason, count }) => [reason, count]))).toEqual(repaired);
    expect(account).toMatchObject({ skipped: [], fault: undefined });
  });

  test('the input may end inside any line', async () => {
    for (let length = PLAIN_TEXT.indexOf('Span #0'); length < PLAIN_TEXT.length; length++) {
      if (PLAIN_TEXT[length - 1] === '\n') continue;
      const { account, spans } = await decodeDump(PLAIN_TEXT.slice(0, length));
      expect(account.fault?.message, `cut at ${length}`).toMatch(/^is cut off: /);
      expect(COLLECTOR_PLAIN.slice(0, spans.length), `cut at ${length}`).toEqual(spans);
    }
  });

  test('a JSON log line that is cut off or broken is said to be', async () => {
    const lines = fixture('otelcol-debug/json-logger.jsonl').toString().split('\n');
    const cut = await decodeDump(`${lines[2]}\n${lines[2]?.slice(0, 1500)}`);
    expect(cut.spans).toHaveLength(4);
    expect(cut.account.fault?.message).toMatch(/^is cut off: /);
    const broken = await decodeDump(`${lines[2]?.slice(0, 1500)}\n${lines[2]}\n`);
    expect(broken.spans).toHaveLength(4);
    expect(broken.account.skipped.map(({ reason }) => reason)).toEqual(['malformed-text']);
  });

  test('a large span is passed over, the next one is read', async () => {
    const large = PLAIN_TEXT.replace('Str(GET)', `Str(${'x'.repeat(3000)})`);
    const { account, spans } = await decodeDump(large, { limits: { recordBytes: 2000 } });
    expect(spans).toEqual(COLLECTOR_PLAIN.slice(1));
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['record-too-large', 1]]);
  });
});

test('less detailed output is refused by name', async () => {
  const { account } = await decodeDump(
    '2026-11-02T08:00:01.000Z\tinfo\tResourceTraces #0 service.name=front\nScopeTraces #0 http@1.2.3\nGET /pay a1fb fbef\n\t{"kind": "exporter"}\n',
  );
  expect(account.fault).toEqual({
    message:
      "is the output of the OpenTelemetry Collector's debug exporter without details, which has neither times nor parents",
    hint: 'set verbosity: detailed in the configuration of the debug exporter',
  });
});

describeRealData('the real file', () => {
  test('holds a span, and one without ids', async () => {
    const { account, spans } = await decodeDump(
      readFileSync(sharedData('sdk-console/otelcol-debug-exporter-two_spans.txt')),
    );
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['missing-trace-id', 1]]);
    expect(account).toMatchObject({ spans: 1, repaired: [], fault: undefined });
    expect(spans[0]).toMatchObject({
      traceId: '0102030405060708090a0b0c0d0e0f10',
      spanId: '1112131415161718',
      name: 'operationA',
      kind: 'unspecified',
      startTimeUnixNano: 1_581_452_772_000_000_321n,
      durationNano: 1_000_000_468n,
      status: { code: 'error', message: 'status-cancelled' },
      attributes: { 'w3c.tracestate': 'ot=th:0', 'otel.dropped_attributes_count': 1n, 'otel.dropped_events_count': 1n },
      resource: { 'resource-attr': 'resource-attr-val-1' },
      events: [
        {
          name: 'event-with-attr',
          timeUnixNano: 1_581_452_773_000_000_123n,
          attributes: { 'span-event-attr': 'span-event-attr-val', 'otel.dropped_attributes_count': 2n },
        },
        { name: 'event', attributes: { 'otel.dropped_attributes_count': 2n } },
      ],
    });
  });
});
