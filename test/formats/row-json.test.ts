import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ColumnMap, parseColumnMap } from '../../src/formats/rows/columns.ts';
import { Quirk } from '../../src/model/span-batch.ts';
import { type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';

// Rows of tables of spans as JSON, and what columns mean.

const START = 1_793_606_400_000_000_000n;
/** 2026-11-02 00:00:00 UTC. */
const DAY = 1_793_577_600_000_000_000n;
const ONE = '0000000000000001';
const TWO = '0000000000000002';
const THREE = '0000000000000003';

async function read(file: string, documents = 1): Promise<object[]> {
  const { account, spans } = await decodeDump(fixture(`row-json/${file}`));
  expect(account).toMatchObject({ format: 'row-json', documents, skipped: [], fault: undefined });
  return spans.map(({ traceId: _, ...span }) => span);
}

function mapOf(text: string): ColumnMap {
  const parsed = parseColumnMap(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.map;
}

const span = (spanId: string, rest: Partial<DecodedSpan>) => ({
  spanId,
  parentSpanId: undefined,
  kind: 'unspecified',
  status: { code: 'unset', message: '' },
  attributes: {},
  scope: { name: '', version: '', attributes: {} },
  events: [],
  links: [],
  flags: 0,
  quirks: 0,
  ...rest,
});

test('object-each-row.json has rows of ClickHouse under names, and a broken one loses no other', async () => {
  expect(await read('object-each-row.json')).toMatchObject([
    { spanId: ONE, name: 'POST /checkout', startTimeUnixNano: DAY + 123_456_789n },
    { spanId: TWO, name: 'charge', status: { code: 'error', message: 'no answer' } },
  ]);
  const rows = JSON.parse(fixture('row-json/object-each-row.json').toString());
  const deep = JSON.parse('['.repeat(99) + ']'.repeat(99));
  const broken = { row_1: { ...rows.row_1, Odd: deep }, row_2: 7, row_3: rows.row_2 };
  const { account, spans } = await decodeDump(JSON.stringify(broken));
  expect(spans).toMatchObject([{ name: 'charge' }]);
  expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
    ['missing-trace-id', 1],
    ['too-deep', 1],
  ]);
});

describe('jaeger-flat.jsonl', () => {
  const expected = [
    {
      spanId: ONE,
      kind: 'server',
      serviceName: 'shop',
      startTimeUnixNano: START + 123_000n,
      durationNano: 100_001_000n,
    },
    {
      spanId: TWO,
      parentSpanId: ONE,
      serviceName: 'payment',
      durationNano: 5_303_000n,
      status: { code: 'error', message: '' },
      attributes: { amount: 4200n },
      scope: { name: 'http' },
      events: [{ timeUnixNano: START + 11_000_000n, name: 'retry', attributes: { attempt: 2n } }],
      links: [{ spanId: '0000000000000009', attributes: { 'opentracing.ref_type': 'follows_from' } }],
    },
  ];

  test('is a table, for it has a service where Jaeger has processes', async () => {
    expect(await read('jaeger-flat.jsonl', 2)).toMatchObject(expected);
  });

  test('has the columns that the user says', async () => {
    const text = fixture('row-json/jaeger-flat.jsonl').toString().replaceAll('"serviceName"', '"who"');
    const { spans } = await decodeDump(text, { columnMap: mapOf('trace_id=traceID,service=who') });
    expect(spans).toMatchObject(expected);
  });
});

test('duckdb-otlp.jsonl has JSON as text in its columns', async () => {
  expect(await read('duckdb-otlp.jsonl')).toEqual([
    span(ONE, {
      name: 'POST /checkout',
      kind: 'server',
      serviceName: 'shop',
      startTimeUnixNano: DAY + 123_000_000n,
      durationNano: 100_000_000n,
      status: { code: 'error', message: 'down' },
      attributes: {
        'http.request.method': 'POST',
        n: 9_007_199_254_740_993n,
        'otel.dropped_attributes_count': 1n,
        'otel.dropped_links_count': 2n,
        'w3c.tracestate': 'ot=th:8',
      },
      resource: { 'service.name': 'shop', 'service.namespace': 'ns', 'service.instance.id': 'i1' },
      scope: { name: 'http', version: '1.2', attributes: { 'scope.key': 'v' } },
      events: [{ timeUnixNano: START + 150_000_001n, name: 'exception', attributes: { 'exception.type': 'Timeout' } }],
      links: [
        {
          traceId: expect.stringMatching(/^b2fbefbeffb0c1d2/),
          spanId: '0000000000000009',
          attributes: { trace_state: 'vendor=x' },
        },
      ],
      flags: 257,
    }),
  ]);
});

test('flat-otlp.jsonl has times named as in OTLP, and a service that OTLP would have in the resource', async () => {
  expect(await read('flat-otlp.jsonl')).toEqual([
    span(ONE, {
      name: 'GET /',
      kind: 'server',
      serviceName: 'web',
      startTimeUnixNano: START,
      durationNano: 1500n,
      status: { code: 'ok', message: '' },
      attributes: { n: 7n, list: [1, 'a'] },
      resource: { 'host.name': 'h1', 'service.name': 'web' },
    }),
  ]);
});

test('generic.json is read by the names of its columns; the others are attributes', async () => {
  const web = { serviceName: 'web', resource: { 'service.name': 'web' } };
  expect(await read('generic.json')).toEqual([
    span(ONE, {
      name: 'a',
      kind: 'server',
      serviceName: 'web',
      startTimeUnixNano: START,
      durationNano: 100_000_000n,
      attributes: { region: 'eu', retries: 0n, sampled: true, cost: 1.5, owner: { team: 'x' } },
      resource: { 'k8s.pod.name': 'web-579b9bff58-t2dbm', 'service.name': 'web' },
    }),
    span(TWO, {
      ...web,
      parentSpanId: ONE,
      name: 'b',
      kind: 'client',
      startTimeUnixNano: START + 10_250_000n,
      durationNano: 2_500_000n,
      status: { code: 'error', message: '' },
      attributes: { 'db.system': 'redis' },
      flags: 1,
    }),
    span(THREE, {
      ...web,
      parentSpanId: ONE,
      name: 'no times',
      startTimeUnixNano: 0n,
      durationNano: 0n,
      quirks: Quirk.startUnknown | Quirk.endUnknown,
    }),
  ]);
});

test('signoz-api.json has the row beside its time', async () => {
  const robot = { serviceName: 'robot', resource: { 'service.name': 'robot' } };
  expect(await read('signoz-api.json')).toEqual([
    span(ONE, {
      ...robot,
      name: 'suite',
      startTimeUnixNano: START,
      durationNano: 5_200_000_000n,
      status: { code: 'ok', message: '' },
      attributes: { n: '1' },
    }),
    span(TWO, {
      ...robot,
      parentSpanId: ONE,
      name: 'test',
      startTimeUnixNano: START + 1n,
      durationNano: 1000n,
      status: { code: 'error', message: '' },
    }),
  ]);
});

test('signoz-table.jsonl has attributes by type, and the parent among its links', async () => {
  expect(await read('signoz-table.jsonl')).toEqual([
    span(ONE, {
      parentSpanId: '0000000000000007',
      name: 'GET /',
      kind: 'server',
      serviceName: 'shop',
      startTimeUnixNano: DAY + 1n,
      durationNano: 1500n,
      status: { code: 'error', message: 'down' },
      attributes: { 'http.method': 'GET', 'http.status_code': 500n, cached: false },
      resource: { 'service.name': 'shop', 'host.name': 'h1' },
      events: [
        { timeUnixNano: START + 500n, name: 'exception', attributes: { 'exception.type': 'Timeout', isError: true } },
      ],
      links: [
        {
          traceId: expect.stringMatching(/^b2fbefbeffb0c1d2/),
          spanId: '0000000000000009',
          attributes: { 'opentracing.ref_type': 'follows_from' },
        },
      ],
      flags: 1,
    }),
  ]);
});

describe('columns by their names', () => {
  const row = async (columns: object) => {
    const { account, spans } = await decodeDump(JSON.stringify({ trace_id: 'a1', span_id: 'b1', ...columns }));
    expect(account.format).toBe('row-json');
    return spans[0];
  };

  test.each([
    [{ start: 1_793_606_400 }],
    [{ start: 1_793_606_400_000 }],
    [{ start: '1793606400000000' }],
    [{ start: START.toString() }],
    [{ start: 1_793_606_400.0 }],
    [{ 'start(us)': 1_793_606_400_000_000 }],
    [{ startTimeMillis: '1793606400000' }],
    [{ start_time_unix_seconds: 1_793_606_400 }],
    [{ Timestamp: '2026-11-02T08:00:00Z' }],
    [{ ts: '2026-11-02 10:00:00+02:00' }],
    [{ timestamp: '2026-11-02 08:00:00.000' }],
    // Of two units the finer is taken.
    [{ startTimeMillis: 1_793_606_400_999, startTimeMicros: 1_793_606_400_000_000 }],
  ])('%j starts on time', async columns => {
    expect(await row(columns)).toMatchObject({ startTimeUnixNano: START });
  });

  test.each([
    [{ start: 1_793_606_400, duration: 0.25 }, 250_000_000n],
    [{ start: 1_793_606_400_000, duration: 250 }, 250_000_000n],
    [{ start: 1_793_606_400_000_000, duration: 250_000 }, 250_000_000n],
    [{ start: START.toString(), duration: 250_000_000 }, 250_000_000n],
    [{ start: '2026-11-02T08:00:00Z', duration: 250 }, 250_000_000n],
    [{ start: '2026-11-02T08:00:00Z', elapsed_seconds: '0.25' }, 250_000_000n],
    [{ start: 1_793_606_400, durationNano: 250_000_000 }, 250_000_000n],
    [{ start: 1_793_606_400, end: 1_793_606_400.25 }, 250_000_000n],
    [{ start: 1_793_606_400, end: 1_793_606_400.25, duration: 7 }, 250_000_000n],
    [{ end: 1_793_606_400.25, duration_ms: 250 }, 250_000_000n],
  ])('%j lasts 250 ms', async (columns, duration) => {
    expect(await row(columns)).toMatchObject({ startTimeUnixNano: START, durationNano: duration });
  });

  test.each([
    [{ kind: 'SPAN_KIND_CLIENT' }, { kind: 'client' }],
    [{ span_kind: 'SpanKind.SERVER' }, { kind: 'server' }],
    [{ kind: '3' }, { kind: 'client' }],
    [{ kind: 'web' }, { kind: 'unspecified', attributes: { kind: 'web' } }],
    [{ status: 'STATUS_CODE_ERROR', status_message: 'm' }, { status: { code: 'error', message: 'm' } }],
    [{ statusCode: 2.0 }, { status: { code: 'error' } }],
    [{ statusCode: 500 }, { status: { code: 'unset' }, attributes: { statusCode: 500n } }],
    [{ error: 1 }, { status: { code: 'error' }, attributes: {} }],
    [{ error: 'timeout' }, { status: { code: 'unset' }, attributes: { error: 'timeout' } }],
    [{ tags: "{'a': 'b', 'n': None, 'l': [1, 2]}" }, { attributes: { a: 'b', l: [1n, 2n] } }],
    [{ attributes: { 'service.name': 'inside' } }, { serviceName: 'inside', attributes: {} }],
    [{ pod: 'db-0' }, { serviceName: 'db-0', resource: { 'k8s.pod.name': 'db-0' } }],
    [{ parent: 'root' }, { parentSpanId: undefined }],
    [{ 'trace.parent_id': 'b0' }, { parentSpanId: '00000000000000b0' }],
    [{ id: 7, big: 18_446_744_073_709_551_615n.toString() }, { attributes: { id: 7n, big: '18446744073709551615' } }],
  ])('%j', async (columns, expected) => {
    expect(await row({ start: 1_793_606_400, ...columns })).toMatchObject(expected);
  });

  test('integers are exact, ids too', async () => {
    const { spans } = await decodeDump(
      `{"trace_id":9007199254740993,"span_id":-1,"start":1793606400123456789,"n":9007199254740993,"huge":99999999999999999999}`,
    );
    expect(spans).toMatchObject([
      {
        traceId: '00000000000000000020000000000001',
        spanId: 'ffffffffffffffff',
        startTimeUnixNano: START + 123_456_789n,
        attributes: { n: 9_007_199_254_740_993n, huge: '99999999999999999999' },
      },
    ]);
  });
});

describe('rows are found', () => {
  const one = { trace_id: 'a1', span_id: 'b1', start: 1_793_606_400 };

  test.each([
    [one],
    [[one]],
    [{ data: [one] }],
    [{ rows: [one] }],
    [
      {
        data: {
          result: [{ list: [{ timestamp: 1_793_606_400, data: { traceID: 'a1', spanID: 'b1', durationNano: 1 } }] }],
        },
      },
    ],
    [
      {
        data: {
          data: {
            results: [
              {
                rows: [
                  { timestamp: '2026-11-02T08:00:00Z', data: { trace_id: 'a1', span_id: 'b1', duration_nano: 1 } },
                ],
              },
            ],
          },
        },
      },
    ],
  ])('in %j', async document => {
    const { account, spans } = await decodeDump(JSON.stringify(document));
    expect(account.format).toBe('row-json');
    expect(spans).toMatchObject([{ spanId: '00000000000000b1', startTimeUnixNano: START }]);
  });

  test.each([
    [{ trace_id: 'a1', span_id: 'b1' }],
    [{ trace_id: 'a1', start: 1 }],
    [{ trace: { id: 'a1' }, span: { id: 'b1' }, start: 1 }],
  ])('but not in %j', async document => {
    const { account } = await decodeDump(JSON.stringify(document));
    expect(account).toMatchObject({ format: undefined, skipped: [{ reason: 'unrecognised-json' }] });
  });

  test.each([
    ['otlp-json', { trace_id: 'a1', span_id: 'b1', start_time_unix_nano: 1, end_time_unix_nano: 2 }],
    ['jaeger-json', { traceID: 'a1', spanID: 'b1', operationName: 'n', startTime: 1, duration: 2 }],
    ['clickhouse-json', { Timestamp: 1, TraceId: 'a1', SpanId: 'b1', SpanName: 'n' }],
  ])('and leave %s its own', async (format, document) => {
    const { account } = await decodeDump(JSON.stringify(document));
    expect(account).toMatchObject({ format, spans: 1 });
  });

  test('that have no ids are skipped among others', async () => {
    const { account, spans } = await decodeDump(
      JSON.stringify([one, { ...one, span_id: null }, 7, { ...one, trace_id: '' }, one]),
    );
    expect(spans).toHaveLength(2);
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['missing-trace-id', 2],
      ['missing-span-id', 1],
    ]);
  });

  test('and a list that is cut off keeps what was read', async () => {
    const text = JSON.stringify([one, one]);
    const { account, spans } = await decodeDump(text.slice(0, -8));
    expect(spans).toHaveLength(1);
    expect(account.fault?.message).toMatch(/^is cut off/);
  });
});

describe('a map of columns', () => {
  test('says what columns mean, with units', () => {
    expect(mapOf('trace_id=T, span_id=id,parent_id="a,b",start=at,duration=d,unit=us,duration_unit=ms')).toEqual({
      columns: new Map([
        ['T', { field: 'trace_id' }],
        ['id', { field: 'span_id' }],
        ['a,b', { field: 'parent_id' }],
        ['at', { field: 'start', unit: 'us' }],
        ['d', { field: 'duration', unit: 'ms' }],
      ]),
      unit: 'us',
    });
  });

  test.each([
    ['', 'it names no column'],
    ['unit=ms', 'it names no column'],
    ['trace_id', "'trace_id' is no FIELD=COLUMN"],
    ['trace_id=', "'trace_id=' is no FIELD=COLUMN"],
    ['id=x', "'id' is no field of a span"],
    ['ignored=x', "'ignored' is no field of a span"],
    ['start=x,unit=min', "'min' is no unit"],
    ['start=x,unit=constructor', "'constructor' is no unit"],
  ])('%j is none', (text, problem) => {
    expect(parseColumnMap(text)).toMatchObject({ problem, hint: expect.any(String) });
  });

  const MAP = 'trace_id=request,span_id=step,parent_id=above,name=what,start=at,duration=took,unit=us';
  const EXPECTED = {
    traceId: '000000000000000000000000000000a1',
    spanId: '00000000000000b2',
    parentSpanId: '00000000000000b1',
    name: 'work',
    serviceName: 'web',
    startTimeUnixNano: START,
    durationNano: 5_000n,
    attributes: { other: 'x' },
  };

  test('reads JSON rows', async () => {
    const rows = [
      {
        request: 'a1',
        step: 'b2',
        above: 'b1',
        what: 'work',
        at: 1_793_606_400_000_000,
        took: 5,
        service: 'web',
        other: 'x',
      },
    ];
    expect((await decodeDump(JSON.stringify(rows))).account.format).toBeUndefined();
    const { account, spans } = await decodeDump(JSON.stringify(rows), { columnMap: mapOf(MAP) });
    expect(account.format).toBe('row-json');
    expect(spans).toMatchObject([EXPECTED]);
  });

  test('reads CSV', async () => {
    const text = 'request;step;above;what;at;took;service;other\na1;b2;b1;work;1793606400000000;5;web;x\n';
    expect((await decodeDump(text)).account.format).toBeUndefined();
    const { account, spans } = await decodeDump(text, { columnMap: mapOf(MAP) });
    expect(account.format).toBe('csv-spans');
    expect(spans).toMatchObject([EXPECTED]);
  });

  test('outweighs what a preset or a name says, and leaves other documents alone', async () => {
    const columnMap = mapOf('name=methodName,unit=ms,start=startTimeMillis');
    const { spans } = await decodeDump(fixture('csv-spans/rcaeval.csv'), { columnMap });
    expect(spans[0]).toMatchObject({ name: 'GetCart', startTimeUnixNano: START + 1_000_000n });
    const otlp = await decodeDump(fixture('otlp-json/plain.json'), { columnMap });
    expect(otlp.account.format).toBe('otlp-json');
  });
});

describeRealData('real rows', () => {
  test('the answer of SigNoz holds seven spans', async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('other/signoz-api-response.json')));
    expect(account).toMatchObject({ format: 'row-json', documents: 1, spans: 7, skipped: [], repaired: [] });
    expect(spans.map(({ name, status, serviceName }) => [name, status.code, serviceName])).toEqual([
      ['rf.suite', 'ok', 'robot-framework'],
      ['rf.test', 'ok', 'unknown_service'],
      ['rf.keyword', 'ok', 'unknown_service'],
      ['rf.keyword', 'ok', 'unknown_service'],
      ['rf.test', 'error', 'unknown_service'],
      ['rf.keyword', 'error', 'unknown_service'],
      ['POST /api/auth/login', 'unset', 'auth-service'],
    ]);
    expect(spans[0]).toMatchObject({
      startTimeUnixNano: 1_700_000_000_000_000_000n,
      durationNano: 5_200_000_000n,
      attributes: { 'rf.status': 'PASS', 'rf.suite.doc': 'Tests for login functionality' },
    });
  });

  test('flat spans with the names of OTLP are OTLP', async () => {
    const { account } = await decodeDump(readFileSync(sharedData('other/f5-flat-span-lines.jsonl')));
    expect(account).toMatchObject({ format: 'otlp-json', documents: 35, spans: 35, skipped: [], repaired: [] });
  });
});
