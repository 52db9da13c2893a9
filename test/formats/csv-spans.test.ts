import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseColumnMap } from '../../src/formats/rows/columns.ts';
import { inventedId } from '../../src/model/ids.ts';
import { type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';

// Tables of spans as text.

const START = 1_793_606_400_000_000_000n;
/** 2026-11-02 00:00:00 UTC. */
const DAY = 1_793_577_600_000_000_000n;
const TRACE = '0af7651916cd43dd8448eb211c80319c';

/** Spans but for their trace id, and for what is empty in all of them. */
async function read(file: string): Promise<object[]> {
  const { account, spans } = await decodeDump(fixture(`csv-spans/${file}`));
  expect(account).toMatchObject({ format: 'csv-spans', documents: 1, skipped: [], repaired: [], fault: undefined });
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  return spans.map(({ traceId: _, quirks, flags, ...span }) => {
    expect([quirks & 7, flags]).toEqual([quirks & 1, 0]);
    return span;
  });
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
  ...rest,
});
const ONE = '0000000000000001';
const TWO = '0000000000000002';
const THREE = '0000000000000003';

test('nezha.csv: pods of a Deployment are its service, and "root" is no parent', async () => {
  const frontend = { 'k8s.pod.name': 'frontend-579b9bff58-t2dbm', 'service.name': 'frontend' };
  const auth = { 'k8s.pod.name': 'ts-auth-service-7f8d7d756d-k7b9j', 'service.name': 'ts-auth-service' };
  expect(await read('nezha.csv')).toEqual([
    span(ONE, {
      name: 'hipstershop.Frontend/Recv.',
      serviceName: 'frontend',
      resource: frontend,
      startTimeUnixNano: START + 1_007_814n,
      durationNano: 191_000_948n,
    }),
    span(TWO, {
      parentSpanId: ONE,
      name: 'hipstershop.CartService/GetCart',
      serviceName: 'frontend',
      resource: frontend,
      startTimeUnixNano: START + 2_015_628n,
      durationNano: 13_000_948n,
    }),
    span(THREE, {
      parentSpanId: TWO,
      name: '/api/v1/users/login',
      serviceName: 'ts-auth-service',
      resource: auth,
      startTimeUnixNano: START + 3_023_442n,
      durationNano: 3_000_948n,
    }),
  ]);
});

test('rcaeval.csv is in microseconds, and has status codes of OpenTelemetry', async () => {
  const common = {
    name: 'hipstershop.CartService/GetCart',
    serviceName: 'cartservice',
    resource: { 'service.name': 'cartservice' },
    attributes: { methodName: 'GetCart' },
  };
  expect(await read('rcaeval.csv')).toEqual([
    span(ONE, { ...common, startTimeUnixNano: START + 1_123_000n, durationNano: 5_302_000n }),
    span(TWO, {
      ...common,
      parentSpanId: ONE,
      startTimeUnixNano: START + 2_123_000n,
      durationNano: 5_301_000n,
      status: { code: 'error', message: '' },
    }),
    // A code that is none of OpenTelemetry's is kept.
    span(THREE, {
      ...common,
      parentSpanId: ONE,
      startTimeUnixNano: START + 3_123_000n,
      durationNano: 5_300_000n,
      attributes: { methodName: 'GetCart', statusCode: '404' },
    }),
  ]);
});

test.each(['clickhouse.csv', 'clickhouse-types.csv', 'clickhouse-no-header.tsv'])(
  '%s holds what clickhouse-json/each-row.jsonl does',
  async file => {
    const json = await decodeDump(fixture('clickhouse-json/each-row.jsonl'));
    const own = (spans: readonly object[]) =>
      JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? `${value}` : value)).replaceAll(
        /[0-9a-f]{32}/g,
        '',
      );
    const csv = await decodeDump(fixture(`csv-spans/${file}`));
    expect(own(csv.spans)).toBe(own(json.spans));
    expect(csv.account).toMatchObject({ format: 'csv-spans', skipped: [], repaired: [] });
  },
);

test('alibaba-2021.csv: a call that stands twice is a client and a server span', async () => {
  const { spans } = await readDump(fixture('csv-spans/alibaba-2021.csv'));
  const idOf = (path: string) => Buffer.from(inventedId(path, 8)).toString('hex');
  const server = spans.find(({ kind }) => kind === 'server')?.spanId;
  expect(
    spans.map(({ spanId, parentSpanId, kind, serviceName, name, startTimeUnixNano, durationNano }) => [
      spanId,
      parentSpanId,
      kind,
      serviceName,
      name,
      startTimeUnixNano / 1_000_000n,
      durationNano / 1_000_000n,
    ]),
  ).toEqual([
    [idOf('0'), undefined, 'client', '(?)', 'home', 16_397_576n, 21n],
    [idOf('0.1'), idOf('0'), 'client', 'gate', 'getCart', 16_397_577n, 13n],
    [server, idOf('0.1'), 'server', 'cart', 'getCart', 16_397_578n, 11n],
    // Its caller is the server half.
    [idOf('0.1.1'), server, 'client', 'cart', 'mc', 16_397_580n, 2n],
    [idOf('0.2'), idOf('0'), 'consumer', 'mailer', 'orders', 16_397_600n, 40n],
  ]);
  expect(spans[3]?.attributes).toEqual({
    rpcid: '0.1.1',
    um: 'cart',
    rpctype: 'mc',
    dm: 'cache',
    'peer.service': 'cache',
  });
});

test('quoted.csv: cells over many lines, quotes, the header again, and values that do not suit their column', async () => {
  const common = { serviceName: 'shop', resource: { 'service.name': 'shop' } };
  expect(await read('quoted.csv')).toEqual([
    span(ONE, {
      ...common,
      name: 'GET /a,b',
      startTimeUnixNano: DAY + 1n,
      durationNano: 100_500_000n,
      status: { code: 'ok', message: '' },
      attributes: { 'http.method': 'GET', n: 9_007_199_254_740_993n, comment: 'first line\nsecond "line"' },
    }),
    span(TWO, {
      ...common,
      parentSpanId: ONE,
      name: 'work',
      startTimeUnixNano: DAY + 10_000_000n,
      durationNano: 5_000_000n,
      status: { code: 'error', message: '' },
      attributes: { comment: 'a "quoted" word' },
    }),
    span(THREE, {
      ...common,
      parentSpanId: ONE,
      name: 'more',
      startTimeUnixNano: DAY + 20_000_000n,
      durationNano: 1n,
      attributes: { status: 'weird', attributes: 'not a map', comment: 'at the end of the file' },
    }),
  ]);
});

test('semicolon-crlf.csv has a byte order mark, and milliseconds that nobody says are such', async () => {
  const common = { serviceName: 'web', resource: { 'service.name': 'web' }, attributes: { region: 'eu-central-1' } };
  expect(await read('semicolon-crlf.csv')).toEqual([
    span(ONE, { ...common, name: 'a', kind: 'server', startTimeUnixNano: START, durationNano: 100_000_000n }),
    span(TWO, {
      ...common,
      parentSpanId: ONE,
      name: 'b',
      kind: 'client',
      startTimeUnixNano: START + 10_000_000n,
      durationNano: 10_000_000n,
      status: { code: 'error', message: '' },
    }),
  ]);
});

test('tabs.tsv has tabs between cells, and \\N where there is nothing', async () => {
  const common = { serviceName: 'web', resource: { 'service.name': 'web' } };
  expect(await read('tabs.tsv')).toEqual([
    span(ONE, {
      ...common,
      name: 'a',
      startTimeUnixNano: DAY,
      durationNano: 12_345_678n,
      attributes: { 'http.route': '/a/very/long/route' },
    }),
    span(TWO, {
      ...common,
      parentSpanId: ONE,
      name: 'b',
      startTimeUnixNano: DAY + 1_000_000n,
      durationNano: 1_000_000n,
      status: { code: 'error', message: '' },
      attributes: { 'http.route': '/b/very/long/route' },
    }),
  ]);
});

describe('columns that the user names by position', () => {
  const read = async (text: string, map = 'trace_id=2,span_id=3,parent_id=4,name=1,start=5,duration=6,unit=ms') => {
    const parsed = parseColumnMap(map);
    return decodeDump(text, { columnMap: 'map' in parsed ? parsed.map : undefined });
  };
  const first = `a,${TRACE},b1,,1793606400000,5,eu`;

  test('have no header', async () => {
    const { account, spans } = await read(`${first}\nb,${TRACE},b2,b1,1793606400001,2,us\n`);
    expect(account).toMatchObject({ format: 'csv-spans', spans: 2, skipped: [], repaired: [] });
    expect(spans).toMatchObject([
      { name: 'a', startTimeUnixNano: START, durationNano: 5_000_000n, attributes: { 7: 'eu' } },
      { name: 'b', parentSpanId: '00000000000000b1', durationNano: 2_000_000n, attributes: { 7: 'us' } },
    ]);
  });

  test('may have one all the same, which names the others', async () => {
    const { spans } = await read(`what,request,step,caller,at,took,region\n${first}\n`);
    expect(spans).toMatchObject([{ name: 'a', attributes: { region: 'eu' } }]);
  });

  test('stand between other signs, in rows of several lines', async () => {
    const { spans } = await read(`"a\n""b""";${TRACE};b1;;1793606400000;5;"eu"\n`);
    expect(spans).toMatchObject([{ name: 'a\n"b"', attributes: { 7: 'eu' } }]);
  });

  test('a first row without a start is a row', async () => {
    const { account, spans } = await read(`a,${TRACE},b1,,,5,eu\n${first}\n`);
    expect(spans.map(({ startTimeUnixNano }) => startTimeUnixNano)).toEqual([0n, START]);
    expect(account.skipped).toEqual([]);
  });

  test('the last row is cut off where the input is', async () => {
    const { account, spans } = await read(`${first}\nb,${TRACE},b2`);
    expect(spans).toHaveLength(1);
    expect(account.fault?.message).toMatch(/^is cut off: the input ends inside a row of 3 cells below 7 columns/);
  });

  test.each([
    ['a position behind the last', 'trace_id=2,span_id=3,start=9'],
    ['no span id', 'trace_id=2,start=5'],
    ['a name among positions', 'trace_id=2,span_id=3,start=at'],
  ])('%s makes no table of spans', async (_, map) => {
    expect((await read(`${first}\n`, map)).account).toMatchObject({ format: undefined, spans: 0 });
  });

  test('that are the names in the header are names', async () => {
    const { spans } = await read(`5,3,2\n1793606400000,b1,${TRACE}\n`, 'trace_id=2,span_id=3,start=5');
    expect(spans).toMatchObject([{ spanId: '00000000000000b1', startTimeUnixNano: START }]);
  });
});

describe('rows that are not as they should be', () => {
  const HEADER = 'trace_id,span_id,parent_id,name,start,duration_ms';
  const decode = async (...rows: readonly string[]) => decodeDump([HEADER, ...rows, ''].join('\n'));
  const reasons = ({ account }: Awaited<ReturnType<typeof decode>>) => [
    account.skipped.map(({ reason, count, first }) => [reason, count, first.offset]),
    account.repaired.map(({ reason, count, first }) => [reason, count, first.detail]),
  ];
  const at = HEADER.length + 1;

  test.each([
    [`${TRACE},b1,,n`, 'malformed-row'],
    [`${TRACE},b1,,n,1793606400,5,7`, 'malformed-row'],
    [`,b1,,n,1793606400,5`, 'missing-trace-id'],
    [`NULL,b1,,n,1793606400,5`, 'missing-trace-id'],
    [`${TRACE},,,n,1793606400,5`, 'missing-span-id'],
  ])('%s is skipped, and reading goes on', async (row, reason) => {
    const dump = await decode(row, `${TRACE},b2,,next,1793606400,5`);
    expect(dump.spans.map(({ name }) => name)).toEqual(['next']);
    expect(reasons(dump)).toEqual([[[reason, 1, at]], []]);
    expect(dump.account.fault).toBeUndefined();
  });

  test('an empty cell behind the last column is nothing', async () => {
    const dump = await decode(`${TRACE},b1,,n,1793606400,5,`);
    expect(dump.spans).toHaveLength(1);
    expect(reasons(dump)).toEqual([[], []]);
  });

  test.each([
    ['soon,5', ['invalid-time', 1, 'start soon'], 0n, 5_000_000n],
    ['1793606400,long', ['invalid-time', 1, 'duration long'], START, 0n],
    ['1793606400,-5', ['end-before-start', 1, 'a duration of -5000000 ns'], START, 0n],
    ['-1,5', ['invalid-time', 1, 'a start of -1 ns'], 0n, 5_000_000n],
    ['99999999999999999999999,5', ['invalid-time', 1, 'a start of 99999999999999999999999 ns'], 0n, 5_000_000n],
  ])('times %s', async (cells, repaired, start, duration) => {
    const dump = await decode(`${TRACE},b1,,n,${cells}`);
    expect(dump.spans).toMatchObject([{ startTimeUnixNano: start, durationNano: duration }]);
    expect(reasons(dump)).toEqual([[], [repaired]]);
  });

  test.each(['root', '', '0', '-1', 'NULL', 'None', 'nan', '\\N', '0000000000000000'])(
    'the parent id %j is none',
    async parent => {
      const { spans } = await decode(`${TRACE},b1,${parent},n,1793606400,5`);
      expect(spans[0]?.parentSpanId).toBeUndefined();
    },
  );

  test.each([
    ['0xB1', '00000000000000b1'],
    ['AAAAAAAAALE=', '00000000000000b1'],
    ['00000000-0000-00b1', '00000000000000b1'],
  ])('the span id %j is %s', async (id, hex) => {
    const { spans } = await decode(`${TRACE},${id},b2,n,1793606400,5`);
    expect(spans).toMatchObject([{ spanId: hex, parentSpanId: '00000000000000b2' }]);
  });

  test('ids that are none are hashed, and children find their parents', async () => {
    const dump = await decode(`request 1,span one,,n,1793606400,5`, `request 1,span two,span one,n,1793606400,5`);
    expect(dump.spans[1]?.parentSpanId).toBe(dump.spans[0]?.spanId);
    expect(dump.spans[0]?.attributes).toEqual({ 'tailspan.trace_id': 'request 1', 'tailspan.span_id': 'span one' });
    expect(reasons(dump)[1]).toEqual([['invented-id', 4, 'request 1']]);
  });

  test('parents that are their own, or each other’s, end nothing', async () => {
    const rows = ['b1,b1', 'b2,b3', 'b3,b2'].map(ids => `${TRACE},${ids},n,1793606400,5`);
    const { spans } = await readDump([HEADER, ...rows, ''].join('\n'));
    expect(spans).toHaveLength(3);
  });

  test('hostile texts are texts', async () => {
    const name = `'; DROP TABLE span; --\u202e\u001b[31m<script>`;
    const { spans } = await decodeDump(`${HEADER},__proto__,constructor\n${TRACE},b1,,${name},1793606400,5,a,b\n`);
    expect(spans[0]?.name).toBe(name);
    expect(Object.entries(spans[0]?.attributes ?? {})).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });

  test('columns of the same name are both kept', async () => {
    const { spans } = await decodeDump(`${HEADER},note,note\n${TRACE},b1,,n,1793606400,5,a,b\n`);
    expect(spans[0]?.attributes).toEqual({ note: 'a', note_2: 'b' });
  });

  test('what is cut off is said to be, row, cell and header', async () => {
    const row = `${TRACE},b1,,n,1793606400,5`;
    for (const [text, spans] of [
      [`${HEADER}\n${row}\n${TRACE},b2,,n`, 1],
      [`${HEADER}\n${row}\n${TRACE},b2,,"n`, 1],
      [HEADER, 0],
    ] as const) {
      const dump = await decodeDump(text);
      expect(dump.spans).toHaveLength(spans);
      expect(dump.account.fault?.message).toMatch(/^is cut off: the input ends inside /);
    }
    expect((await decodeDump(`${HEADER}\n`)).account.skipped).toMatchObject([{ reason: 'no-spans' }]);
  });

  test('a cell that never ends costs no more than a record may', async () => {
    const rows = Array.from({ length: 50 }, (_, index) => `${TRACE},c${index},,n,1793606400,5`);
    const dump = await decodeDump([HEADER, `${TRACE},b1,,"open,1793606400,5`, ...rows, ''].join('\n'), {
      limits: { recordBytes: 500 },
    });
    expect(dump.account.skipped[0]).toMatchObject({ reason: 'record-too-large', count: 1, first: { offset: at } });
    expect(dump.spans.length).toBeGreaterThan(30);
  });
});

test.each([
  ['time,host,cpu\n1,a,2\n', 'is no trace dump that is read but a CSV table'],
  ['trace_id,name\na,b\n', 'is text in no format that is read'],
])('%j is no table of spans', async (text, message) => {
  const { account } = await decodeDump(text);
  expect(account).toMatchObject({ format: undefined, spans: 0, fault: { message } });
});

describeRealData('real tables', () => {
  test.each([
    ['nezha-onlineboutique-2022-08-22-04_20.csv', 23_337, 533, 533],
    ['nezha-trainticket-2023-01-29-08_43.csv', 4445, 53, 53],
  ])('every row of %s is a span', async (file, count, traces, roots) => {
    const bytes = readFileSync(sharedData(`csv/${file}`));
    const { account, spans } = await decodeDump(bytes);
    expect(account).toMatchObject({ format: 'csv-spans', documents: 1, spans: count, skipped: [], repaired: [] });
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(traces);
    expect(spans.filter(({ parentSpanId }) => parentSpanId === undefined)).toHaveLength(roots);
    const [header, ...lines] = bytes.toString().trim().split('\n');
    expect(header?.split(',')).toHaveLength(8);
    expect(
      spans.map(({ traceId, spanId, name, startTimeUnixNano, durationNano, resource }) =>
        [traceId, spanId, resource['k8s.pod.name'], name, startTimeUnixNano, startTimeUnixNano + durationNano].join(),
      ),
    ).toEqual(
      lines.map(line =>
        line
          .split(',')
          .filter((_, index) => index !== 2 && index !== 7)
          .join(),
      ),
    );
  });
});

test('a row longer than what is read at once is whole', async () => {
  const note = Array.from({ length: 60_000 }, (_, index) => index).join(' ');
  const text = `trace_id,span_id,start,note\n${TRACE},b1,1793606400,${note}\n${TRACE},b2,1793606400,"${note}\n${note}"\n`;
  const { spans } = await decodeDump(text, { chunk: 70_000 });
  expect(spans.map(({ attributes }) => attributes.note)).toEqual([note, `${note}\n${note}`]);
});
