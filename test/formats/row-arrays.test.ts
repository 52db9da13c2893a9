import { describe, expect, test } from 'vitest';
import { parseColumnMap } from '../../src/formats/rows/columns.ts';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { countsOf } from './brief.ts';

// Tables whose rows or columns are JSON arrays, as ClickHouse writes them.

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const START = 1_793_606_400_000_000_000n;

function mapOf(text: string) {
  const parsed = parseColumnMap(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.map;
}

describe('the rows of clickhouse-json/each-row.jsonl', () => {
  test.each([
    'compact.json',
    'with-names.jsonl',
    'with-names-and-types.jsonl',
    'columns.json',
    'columns-with-metadata.json',
    'compact-columns.json',
  ])('%s', async file => {
    const { account, spans } = await decodeDump(fixture(`row-arrays/${file}`));
    const json = await decodeDump(fixture('clickhouse-json/each-row.jsonl'));
    const { traceId } = spans[0]!;
    const links = (span: (typeof spans)[number]) => span.links.map(link => ({ ...link, traceId: '' }));
    expect(spans.map(span => ({ ...span, links: links(span) }))).toEqual(
      json.spans.map(span => ({ ...span, traceId, links: links(span) })),
    );
    expect(account).toMatchObject({ format: 'row-arrays', documents: 1, skipped: [], repaired: [], fault: undefined });
  });

  test('no-names.jsonl: the columns of the exporter are known by what is in them', async () => {
    const { account, spans } = await decodeDump(fixture('row-arrays/no-names.jsonl'));
    const named = await decodeDump(fixture('row-arrays/with-names.jsonl'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(({ name, durationNano, events }) => [name, durationNano, events])).toEqual(
      named.spans.map(({ name, durationNano, events }) => [name, durationNano, events]),
    );
    // A column behind them has no name but its number.
    expect(spans.map(({ attributes }) => attributes['23'])).toEqual(['blue', 'blue']);
  });
});

test('selected.jsonl: columns of any table in any order, and the names again where another answer begins', async () => {
  const { account, spans } = await decodeDump(fixture('row-arrays/selected.jsonl'));
  expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
  expect(
    spans.map(({ name, spanId, startTimeUnixNano, durationNano, attributes }) => [
      name,
      spanId,
      startTimeUnixNano,
      durationNano,
      attributes,
    ]),
  ).toEqual([
    ['step 1', '0000000000000001', START + 1_000_000n, 1_500_000n, { n: 1n }],
    ['step 2', '0000000000000002', START + 2_000_000n, 1_500_000n, { n: 2n }],
  ]);
});

describe('columns by their position', () => {
  const columnMap = mapOf('trace_id=2,span_id=3,name=1,start=4,duration=5,unit=ms');

  test('of rows without names', async () => {
    const rows = [`["a","${TRACE}","b1",1793606400000,2,"x"]`, `["b","${TRACE}","b2",1793606400001,3,null]`];
    const { account, spans } = await decodeDump(`${rows.join('\n')}\n`, { columnMap });
    expect(account).toMatchObject({ format: 'row-arrays', skipped: [], repaired: [] });
    expect(spans).toMatchObject([
      { name: 'a', spanId: '00000000000000b1', startTimeUnixNano: START, durationNano: 2_000_000n },
      { name: 'b', spanId: '00000000000000b2', durationNano: 3_000_000n },
    ]);
    expect(spans.map(({ attributes }) => attributes)).toEqual([{ 6: 'x' }, {}]);
  });

  test('of rows below names, which name the others', async () => {
    const rows = ['["what","request","step","at","took","region"]', `["a","${TRACE}","b1",1793606400000,2,"eu"]`];
    const { spans } = await decodeDump(`${rows.join('\n')}\n`, { columnMap });
    expect(spans).toMatchObject([{ name: 'a', startTimeUnixNano: START, durationNano: 2_000_000n }]);
    expect(spans[0]?.attributes).toEqual({ region: 'eu' });
  });
});

describe('rows that are not as they should be', () => {
  const NAMES = '["trace_id","span_id","name","start","duration_ms","note"]';
  const row = (...cells: readonly unknown[]) =>
    JSON.stringify([TRACE, 'b1', 'n', 1_793_606_400_000, 5, null, ...cells]);

  test.each([
    ['too few cells', `["${TRACE}","b1"]`, 'malformed-row'],
    ['too many cells', row('more'), 'malformed-row'],
    ['no array', '{"trace_id":"1"}', 'malformed-row'],
    ['no JSON', 'Code: 241. DB::Exception: (MEMORY_LIMIT_EXCEEDED)', 'malformed-row'],
    ['a broken line', `["${TRACE}","b1`, 'malformed-row'],
    ['no trace id', '[null,"b1","n",1793606400000,5,1]', 'missing-trace-id'],
    ['no span id', `["${TRACE}","","n",1793606400000,5,1]`, 'missing-span-id'],
    [
      'a value nested too deeply',
      `["${TRACE}","b1","n",1793606400000,5,${'['.repeat(99)}${']'.repeat(99)}]`,
      'too-deep',
    ],
    ['one nested beyond any stack', `["${TRACE}","b1","n",1,5,${'['.repeat(1e5)}${']'.repeat(1e5)}]`, 'malformed-row'],
  ])('%s', async (_, odd, reason) => {
    const { account, spans } = await decodeDump(`${NAMES}\n${odd}\n${row()}\n`);
    expect(spans.at(-1)).toMatchObject({ name: 'n', startTimeUnixNano: START, durationNano: 5_000_000n });
    expect(account.skipped.map(({ reason: told, count, first }) => [told, count, first.offset])).toEqual([
      [reason, 1, NAMES.length + 1],
    ]);
    expect(account.fault).toBeUndefined();
  });

  test('empty cells behind the last column are nothing', async () => {
    expect((await decodeDump(`${NAMES}\n${row(null, '')}\n`)).spans).toHaveLength(1);
  });

  test.each([
    ['"soon",5', 'start soon', 0n],
    ['-5,5', 'a start of -5 ns', 0n],
    ['1e300,5', /^a start of 10+$/, 0n],
    ['[],5', 'start ', 0n],
  ])('times %s', async (cells, detail, start) => {
    const { account, spans } = await decodeDump(`${NAMES}\n["${TRACE}","b1","n",${cells},null]\n`);
    expect(spans).toMatchObject([{ startTimeUnixNano: start }]);
    expect(account.repaired).toMatchObject([{ reason: 'invalid-time', count: 1 }]);
    expect(account.repaired[0]?.first.detail).toMatch(detail);
  });

  test('hostile texts are texts', async () => {
    const name = `'; DROP TABLE span; --\u202e\u001b[31m<script>`;
    const names = '["trace_id","span_id","start","name","__proto__","constructor"]';
    const { spans } = await decodeDump(
      `${names}\n${JSON.stringify([TRACE, 'b1', 1_793_606_400, name, 'a', { a: 'b' }])}\n`,
    );
    expect(spans[0]?.name).toBe(name);
    expect(Object.entries(spans[0]?.attributes ?? {})).toEqual([
      ['__proto__', 'a'],
      ['constructor', { a: 'b' }],
    ]);
  });

  test('a row that is cut off is said to be', async () => {
    const { account, spans } = await decodeDump(`${NAMES}\n${row()}\n${row().slice(0, -4)}`);
    expect(spans).toHaveLength(1);
    expect(account.fault?.message).toBe(`is cut off: the input ends inside a row (byte ${2 + (NAMES + row()).length})`);
  });

  test('a table without rows has no spans', async () => {
    expect((await decodeDump(`${NAMES}\n`)).account.skipped).toMatchObject([{ reason: 'no-spans', count: 1 }]);
  });
});

describe('whole answers', () => {
  const meta = (...names: readonly string[]) => names.map(name => ({ name, type: 'String' }));

  test('of tables that are none of spans are told once', async () => {
    const answer = {
      meta: meta('day', 'count'),
      data: [
        ['a', 1],
        ['b', 2],
      ],
      rows: 2,
    };
    const { account, spans } = await decodeDump(JSON.stringify(answer));
    expect(spans).toEqual([]);
    expect(account.skipped).toMatchObject([{ reason: 'unrecognised-json', count: 1 }]);
  });

  test('may be of other columns one after the other, and have odd rows', async () => {
    const first = { meta: meta('trace_id', 'span_id', 'start'), data: [[TRACE, 'b1', 1_793_606_400], 7, []] };
    const second = { meta: meta('start', 'trace_id', 'span_id'), data: [[1_793_606_401, TRACE, 'b2']] };
    const { account, spans } = await decodeDump(`${JSON.stringify(first)}\n${JSON.stringify(second)}`);
    expect(spans.map(({ spanId, startTimeUnixNano }) => [spanId, startTimeUnixNano])).toEqual([
      ['00000000000000b1', START],
      ['00000000000000b2', START + 1_000_000_000n],
    ]);
    expect(countsOf(account)).toEqual({ documents: 2, skipped: [['malformed-row', 2]], repaired: [] });
  });

  test('whose columns are not described are passed over', async () => {
    const answer = { data: [[TRACE, 'b1', 1_793_606_400]], meta: [{ name: 7, type: null }, 'x'] };
    const { account, spans } = await decodeDump(JSON.stringify(answer));
    expect(spans).toEqual([]);
    expect(account.skipped).toMatchObject([{ reason: 'unrecognised-json', count: 1 }]);
  });
});

describe('columns that are not as they should be', () => {
  const columns = { trace_id: [TRACE, TRACE], span_id: ['b1', 'b2'], name: ['a', 'b'], start: [1_793_606_400, 0] };

  test('a column too short loses the rows that it has no cell for', async () => {
    const { account, spans } = await decodeDump(JSON.stringify({ ...columns, start: [1_793_606_400] }));
    expect(spans).toMatchObject([{ name: 'a', startTimeUnixNano: START }]);
    expect(account.skipped).toMatchObject([
      { reason: 'malformed-row', count: 1, first: { detail: 'row 2 has no cell in the column start' } },
    ]);
  });

  test('what stands beside the columns is told', async () => {
    const { account, spans } = await decodeDump(JSON.stringify({ ...columns, region: 'eu' }));
    expect(spans).toHaveLength(2);
    expect(account.repaired).toMatchObject([{ reason: 'unexpected-type', first: { detail: 'region is no column' } }]);
  });

  test('without rows there are no spans', async () => {
    const meta = Object.keys(columns).map(name => ({ name, type: 'String' }));
    const data = Object.fromEntries(Object.keys(columns).map(name => [name, []]));
    const { account } = await decodeDump(JSON.stringify({ meta, data, rows: 0 }));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [['no-spans', 1]], repaired: [] });
  });

  test('a span whose ids and time are arrays is no table', async () => {
    const bytes = Array.from({ length: 16 }, (_, index) => index + 1);
    const span = { traceId: bytes, spanId: bytes.slice(8), name: 'a', startTimeUnixNano: [1_793_606_400, 0] };
    const { account, spans } = await decodeDump(JSON.stringify(span));
    expect([account.format, spans.length]).toEqual(['otlp-json', 1]);
  });

  test('positions may be given by the user', async () => {
    const { spans } = await decodeDump(
      JSON.stringify([
        ['a', 'b'],
        [TRACE, TRACE],
        ['b1', 'b2'],
        [1_793_606_400_000, 1_793_606_400_001],
      ]),
      { columnMap: mapOf('name=1,trace_id=2,span_id=3,start=4,unit=ms') },
    );
    expect(spans.map(({ name, startTimeUnixNano }) => [name, startTimeUnixNano])).toEqual([
      ['a', START],
      ['b', START + 1_000_000n],
    ]);
  });

  test.each([
    ['[[1,2],[3,4]]', 'an array of arrays'],
    ['{"meta":[{"name":"day","type":"Date"}],"data":[["a"]],"rows":1}', 'a table that is none of spans'],
    ['{"day":["a"],"trace_id":["b"]}', 'an object with .day .day[] .trace_id .trace_id[]'],
  ])('%s is refused by name', async (text, what) => {
    const { account } = await decodeDump(text);
    expect(account.fault?.message).toBe(`holds JSON but no trace format that is read: ${what}`);
    expect(account.documents).toBe(0);
  });
});

test.each([
  '["a","b"]\n["c","d"]\n',
  '["trace_id","name"]\n',
  '[1,2,3]\n',
  '[]\n',
  `["2026-11-02 00:00:00","${TRACE}","00000000000000b1"]\n`,
])('%j is no table of spans', async text => {
  expect((await decodeDump(text)).account).toMatchObject({ format: undefined, spans: 0 });
});
