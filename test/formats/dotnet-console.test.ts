import { describe, expect, test } from 'vitest';
import { nanosOfDateTimeOffset, nanosOfTimeSpan } from '../../src/formats/dotnet-console/times.ts';
import { displayValue } from '../../src/model/attributes.ts';
import { CARRIED_FIELDS } from '../../src/model/carried-fields.ts';
import { type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { PLAIN } from './plain-spans.ts';

const cut = (nanos: bigint, unit: bigint) => (nanos / unit) * unit;

function asText(attributes: DecodedSpan['attributes']): DecodedSpan['attributes'] {
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([key]) => key !== CARRIED_FIELDS.droppedAttributesCount)
      .map(([key, value]) => [key, displayValue(value)]),
  );
}

/** The spans of `plain` as .NET prints them: 100 ns (events: seconds), all values as text, no counts. */
const DOTNET_PLAIN = PLAIN.map(
  (span): DecodedSpan => ({
    ...span,
    startTimeUnixNano: cut(span.startTimeUnixNano, 100n),
    durationNano: cut(span.durationNano, 100n),
    attributes: asText(span.attributes),
    resource: asText(span.resource),
    events: span.events.map(event => ({ ...event, timeUnixNano: cut(event.timeUnixNano, 1_000_000_000n) })),
    flags: 1,
  }),
);

test('plain.txt', async () => {
  const { account, spans } = await decodeDump(fixture('dotnet-console/plain.txt'));
  expect(spans).toEqual(DOTNET_PLAIN);
  expect(account).toMatchObject({
    format: 'dotnet-console',
    documents: 1,
    skipped: [],
    repaired: [],
    fault: undefined,
  });
});

test('among-log-lines.txt: Windows line ends, lines of the logger and of other signals', async () => {
  const { account, spans } = await decodeDump(fixture('dotnet-console/among-log-lines.txt'));
  expect(spans).toEqual(DOTNET_PLAIN);
  expect(account.skipped).toEqual([
    { reason: 'log-lines', count: 6, first: { offset: 0, detail: 'info: Microsoft.Hosting.Lifetime[14]' } },
  ]);
});

test('early-versions.txt: ids in one, tag objects, baggage, the status among the tags', async () => {
  const { account, spans } = await decodeDump(fixture('dotnet-console/early-versions.txt'));
  const traceId = 'e5fbefbeffb0c1d2e3f405162738495e';
  expect(spans).toEqual([
    expect.objectContaining({
      traceId,
      spanId: 'fbefbe0000000006',
      parentSpanId: undefined,
      kind: 'server',
      startTimeUnixNano: 1_793_606_400_168_836_700n,
      durationNano: 86_400_223_571_700n,
      status: { code: 'error', message: 'boom' },
      attributes: {
        'http.method': 'GET',
        'http.url': 'http://localhost:8070/?a=b: c',
        empty: '',
        'Activity.Baggage.tenant': '7',
      },
      flags: 1,
    }),
    expect.objectContaining({
      traceId,
      spanId: 'fbefbe0000000007',
      parentSpanId: 'fbefbe0000000006',
      kind: 'client',
      durationNano: 1_000_000_000n,
      status: { code: 'ok', message: '' },
      attributes: { 'http.method': 'GET' },
      scope: { name: 'OpenTelemetry.Instrumentation.Http', version: '', attributes: {} },
      events: [{ name: 'read', timeUnixNano: 1_793_606_401_000_000_000n, attributes: {} }],
    }),
  ]);
  expect(account).toMatchObject({ skipped: [], repaired: [], fault: undefined });
});

test('many-lines.txt: a stack trace with a blank line in it', async () => {
  const { account, spans } = await decodeDump(fixture('dotnet-console/many-lines.txt'));
  expect(spans[0]?.events[0]?.attributes).toEqual({
    'exception.type': 'System.TimeoutException',
    'exception.stacktrace':
      'System.TimeoutException: no answer\n\n ---> System.IO.IOException: closed\n   at Shop.Bank.Charge(Int32 cents) in /src/Bank.cs:line 12\n   at Shop.Program.Main()',
    'exception.message': 'no answer',
  });
  expect(spans[0]).toMatchObject({ serviceName: 'odd', scope: { name: 'Shop' } });
  expect(account).toMatchObject({ skipped: [], repaired: [], fault: undefined });
});

describe('times', () => {
  test.each([
    ['00:00:00', 0n],
    ['00:00:00.0000001', 100n],
    ['23:59:59.9999999', 86_399_999_999_900n],
    ['12.00:00:01', 1_036_801_000_000_000n],
    ['-00:00:01', -1_000_000_000n],
    ['1 s', undefined],
    ['', undefined],
  ])('a TimeSpan of %j', (text, expected) => {
    expect(nanosOfTimeSpan(text)).toBe(expected);
  });

  const NOVEMBER = 1_793_606_400_000_000_000n;
  test.each([
    ['11/2/2026 8:00:00 AM +00:00', NOVEMBER],
    ['11/2/2026 9:00:00\u202fAM +01:00', NOVEMBER],
    ['11/02/2026 08:00:00 +00:00', NOVEMBER],
    ['02/11/2026 08:00:00 +00:00', NOVEMBER],
    ['02.11.2026 08:00:00 +00:00', NOVEMBER],
    ['2026-11-02 08:00:00 +00:00', NOVEMBER],
    ['2026/11/02 8:00:00 +00:00', NOVEMBER],
    ['2. 11. 2026 8:00:00 +00:00', NOVEMBER],
    ['2-11-2026 08.00.00 +00:00', NOVEMBER],
    ['13/45/2026 08:00:00 +00:00', undefined],
    ['yesterday', undefined],
  ])('%j', (text, expected) => {
    expect(nanosOfDateTimeOffset(text, NOVEMBER, NOVEMBER + 5n)).toBe(expected);
  });

  test('without a span to go by, the month comes first unless it cannot', () => {
    expect(nanosOfDateTimeOffset('11/2/2026 8:00:00 PM +00:00')).toBe(NOVEMBER + 43_200_000_000_000n);
    expect(nanosOfDateTimeOffset('30/12/2026 00:00:00 +00:00')).toBe(1_798_588_800_000_000_000n);
    expect(nanosOfDateTimeOffset('31/02/2026 00:00:00 +00:00')).toBeUndefined();
  });
});

const TEXT = fixture('dotnet-console/plain.txt').toString();

describe('bad content', () => {
  test.each([
    ['a start that is none', '2026-11-02T08:00:00.1234567Z', 'soon', { 'invalid-time': 1 }],
    ['a duration that is none', '00:00:00.0999999', '99 ms', { 'invalid-time': 1 }],
    ['no duration', 'Activity.Duration:           00:00:00.0999999\n', '', { 'invalid-time': 1 }],
    ['an event at no time', '11/2/2026 8:00:00 AM +00:00', 'then', { 'invalid-time': 1 }],
    ['a kind that is none', 'Server', 'Waiter', {}],
    ['ids that are none', 'b2fbefbeffb0c1d2e3f405162738495b', 'not an id', { 'invented-id': 1 }],
  ])('%s', async (_, from, to, repaired) => {
    const { account, spans } = await decodeDump(TEXT.replace(from, to));
    expect(spans).toHaveLength(4);
    expect(Object.fromEntries(account.repaired.map(({ reason, count }) => [reason, count]))).toEqual(repaired);
    expect(account).toMatchObject({ skipped: [], fault: undefined });
  });

  test('a block without a span id is lost, and said so', async () => {
    const { account, spans } = await decodeDump(TEXT.replace('Activity.SpanId:             fbefbe0000000001\n', ''));
    expect(spans).toHaveLength(3);
    expect(account.skipped).toMatchObject([{ reason: 'missing-span-id', count: 1 }]);
  });

  test('fields that are not known become attributes', async () => {
    const { spans } = await decodeDump(
      TEXT.replace('Activity.Kind:', 'Activity.Mood:               good\nActivity.Kind:'),
    );
    expect(spans[0]?.attributes['Activity.Mood']).toBe('good');
  });

  test('blocks without blank lines between them are still blocks, but for the last', async () => {
    const { account, spans } = await decodeDump(TEXT.replaceAll('\n\n', '\n'));
    expect(spans).toEqual(DOTNET_PLAIN);
    expect(account.skipped).toEqual([]);
  });

  test('the input may end inside any line', async () => {
    const from = TEXT.indexOf('\n\n') + 30;
    for (let length = from; length < TEXT.length; length += 3) {
      if (TEXT[length - 1] === '\n') continue;
      const { account, spans } = await decodeDump(TEXT.slice(0, length));
      expect(account.fault?.message, `cut at ${length}`).toMatch(/^is cut off: /);
      expect(DOTNET_PLAIN.slice(0, spans.length), `cut at ${length}`).toEqual(spans);
    }
  });

  test('a large block is passed over', async () => {
    const large = TEXT.replace('http.request.method: GET', `http.request.method: ${'x'.repeat(5000)}`);
    const { account, spans } = await decodeDump(large, { limits: { recordBytes: 3000 } });
    expect(spans).toEqual(DOTNET_PLAIN.slice(1));
    expect(account.skipped.find(({ reason }) => reason === 'record-too-large')?.count).toBe(1);
  });
});

test("the output of Java's LoggingSpanExporter is refused by name", async () => {
  const { account } = await decodeDump(
    "[otel.javaagent 2026-11-02 08:00:00:463 +0000] [http-1] INFO io.opentelemetry.exporter.logging.LoggingSpanExporter - 'GET /' : a1fbefbeffb0c1d2e3f405162738495a fbefbe0000000001 SERVER [tracer: http:1.2.3] AttributesMap{data={a=b}, capacity=128, totalAddedValues=1}\n",
  );
  expect(account).toMatchObject({ format: undefined, spans: 0 });
  expect(account.fault).toEqual({
    message: "is the output of OpenTelemetry Java's LoggingSpanExporter, which prints neither times nor parents",
    hint: 'run the program with OTEL_TRACES_EXPORTER=logging-otlp (or otlp) instead of logging',
  });
});
