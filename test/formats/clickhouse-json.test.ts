import { expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

// Rows of ClickHouse's otel_traces in its JSON formats.

/** 2026-11-02 00:00:00 UTC. */
const DAY = 1_793_577_600_000_000_000n;

const ROWS = [
  {
    spanId: '0000000000000001',
    parentSpanId: undefined,
    name: 'POST /checkout',
    kind: 'server',
    serviceName: 'shop',
    startTimeUnixNano: DAY + 123_456_789n,
    durationNano: 100_000_001n,
    status: { code: 'unset', message: '' },
    attributes: { 'http.request.method': 'POST', note: 'it\'s "quoted", and\nlong', 'w3c.tracestate': 'ot=th:8' },
    resource: { 'service.name': 'shop', 'host.name': 'h1' },
    scope: { name: 'http', version: '1.2', attributes: {} },
    events: [],
    links: [
      {
        traceId: expect.stringMatching(/^b2fbefbeffb0c1d2/),
        spanId: '0000000000000009',
        attributes: { reason: 'batch', traceState: 'vendor=x' },
      },
    ],
    flags: 0,
    quirks: 0,
  },
  {
    spanId: '0000000000000002',
    parentSpanId: '0000000000000001',
    name: 'charge',
    kind: 'client',
    serviceName: 'shop',
    startTimeUnixNano: DAY + 130_000_000n,
    durationNano: 50_000_000n,
    status: { code: 'error', message: 'no answer' },
    attributes: { 'peer.service': 'payment' },
    resource: { 'service.name': 'shop', 'host.name': 'h1' },
    scope: { name: '', version: '', attributes: {} },
    events: [
      { timeUnixNano: DAY + 140_000_000n, name: 'retry', attributes: {} },
      {
        timeUnixNano: DAY + 179_000_001n,
        name: 'exception',
        attributes: { 'exception.type': 'Timeout', 'exception.message': 'no answer' },
      },
    ],
    links: [],
    flags: 0,
    quirks: 0,
  },
];

// As CSV and Parquet the rows are read by the same reader: csv-spans.test.ts and parquet.test.ts.
test.each([
  ['each-row.jsonl', 2],
  ['json.json', 1],
])('%s holds the rows', async (file, documents) => {
  const { account, spans } = await decodeDump(fixture(`clickhouse-json/${file}`));
  expect(spans).toEqual(ROWS.map(row => ({ ...row, traceId: spans[0]?.traceId })));
  expect(account).toMatchObject({ format: 'clickhouse-json', documents, skipped: [], repaired: [], fault: undefined });
});

test('nested-and-typed.jsonl has objects for nested columns, and attributes of the type JSON', async () => {
  const { spans } = await decodeDump(fixture('clickhouse-json/nested-and-typed.jsonl'));
  const typed = { 'http.request.method': 'POST', 'http.status_code': 200n, cached: true, tags: ['a'] };
  expect(spans).toEqual([
    { ...ROWS[0], traceId: spans[0]?.traceId, attributes: { ...typed, 'w3c.tracestate': 'ot=th:8' } },
    { ...ROWS[1], traceId: spans[0]?.traceId, attributes: typed },
  ]);
});

test('with-progress.jsonl has the same rows, and how far the query has come', async () => {
  const { account, spans } = await decodeDump(fixture('clickhouse-json/with-progress.jsonl'));
  const { traceId } = spans[0]!;
  expect(spans).toEqual(ROWS.map(expected => ({ ...expected, traceId })));
  expect(account.skipped).toMatchObject([{ reason: 'no-spans', count: 1 }]);
});

test('older.jsonl names enums as OTLP does, and has the scope among the attributes', async () => {
  const { spans } = await decodeDump(fixture('clickhouse-json/older.jsonl'));
  expect(spans).toMatchObject([
    {
      kind: 'server',
      serviceName: 'old',
      startTimeUnixNano: DAY + 123_456_789n,
      durationNano: 1200n,
      status: { code: 'ok', message: '' },
      scope: { name: 'lib', version: '0.1' },
    },
  ]);
  // A column that the exporter does not make is an attribute; a copy of an attribute is none.
  expect(spans[0]?.attributes).toEqual({ 'http.method': 'GET', Cluster: 'blue' });
});

const row = (changes: object) =>
  JSON.stringify({
    Timestamp: '2026-11-02 00:00:00',
    TraceId: 'a1',
    SpanId: 'b1',
    SpanName: 'n',
    Duration: '5',
    ...changes,
  });

test.each([
  [{ TraceId: '' }, 'missing-trace-id'],
  [{ SpanId: undefined, Other: 1 }, 'unrecognised-json'],
  [{ SpanId: {} }, 'missing-span-id'],
])('a row with %j is skipped', async (changes, reason) => {
  const { account, spans } = await decodeDump(row(changes));
  expect(spans).toEqual([]);
  expect(account.skipped.map(skipped => skipped.reason)).toEqual([reason]);
});

test('columns of the wrong type are kept as attributes, times reported', async () => {
  const { account, spans } = await decodeDump(
    row({
      Timestamp: 'noon',
      Duration: -5,
      SpanKind: 'Weird',
      StatusCode: 7,
      SpanAttributes: 'none',
      'Events.Name': ['a', 'b'],
      'Events.Timestamp': ['2026-11-02 00:00:01', 12],
      'Links.TraceId': 'x',
    }),
  );
  expect(spans).toMatchObject([
    {
      kind: 'unspecified',
      status: { code: 'unset' },
      startTimeUnixNano: 0n,
      durationNano: 0n,
      attributes: { SpanAttributes: 'none', SpanKind: 'Weird', StatusCode: 7n },
      events: [
        { name: 'a', timeUnixNano: DAY + 1_000_000_000n },
        { name: 'b', timeUnixNano: 12_000_000_000n },
      ],
      links: [],
    },
  ]);
  expect(account.repaired).toEqual([
    { reason: 'invalid-time', count: 1, first: { offset: 0, detail: 'Timestamp noon' } },
    { reason: 'end-before-start', count: 1, first: { offset: 0, detail: 'a duration of -5 ns' } },
  ]);
});

test('times are read as ClickHouse may write them', async () => {
  for (const [Timestamp, nanos] of [
    ['2026-11-02 00:00:00.000000001', DAY + 1n],
    ['2026-11-02T00:00:00.5Z', DAY + 500_000_000n],
    ['1793577600.123456789', DAY + 123_456_789n],
    [1_793_577_600, DAY],
  ] as const) {
    const { spans } = await decodeDump(row({ Timestamp }));
    expect(spans[0]?.startTimeUnixNano, String(Timestamp)).toBe(nanos);
  }
});
