import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/model/span.ts';
import { describeViews } from '../../src/store/describe-views.ts';
import { runSql } from '../../src/store/sql.ts';
import { viewFiles } from '../../src/store/store.ts';
import { draw, spanIdOf } from '../support/drawn-trace.ts';
import { loadDump, openStore, storeOf } from '../support/load.ts';
import { otlpJson } from '../support/otlp-json.ts';

const TRACE = 'abc'.padStart(32, '0');
const OTHER = 'f00'.padStart(32, '0');
const [A, B, C, O] = ['a', 'b', 'c', 'o'].map(spanIdOf) as [string, string, string, string];
const START = 1_795_165_200_000_000_000n;

const SHOP: readonly Span[] = draw(
  `
    a | 0-100 | shop | GET /cart | server, ok, http.route=/cart, http.response.status_code=200, resource host.name=h1
      b | 10-60 | bank | charge  | client, error: declined, exception: Declined: no money @ 50, event: retry @ 30
        c | 20-30 | bank | look up | consumer
    o | 90-95 | mail | send      | parent: gone
  `,
  { traceId: TRACE },
).map((span, index) =>
  index === 1
    ? {
        ...span,
        flags: 0x101,
        scope: { name: 'bank-client', version: '1.2', attributes: {} },
        links: [{ traceId: OTHER, spanId: C, attributes: { why: 'retry' } }],
      }
    : span,
);
const OTHERS = draw('a | 200-203 | shop | GET /cart | server', { traceId: OTHER });
const ODD: readonly Span[] = draw('a | 0-1', { traceId: TRACE }).map(span => ({
  ...span,
  attributes: {
    text: "it's",
    yes: true,
    whole: 2n ** 63n - 1n,
    least: -(2n ** 63n),
    real: 0.1,
    tiny: 5e-324,
    none: Number.NaN,
    bytes: new Uint8Array([0, 255]),
    list: ['a', 1n, 1.5],
    map: { k: [null] },
    nothing: null,
  },
}));

async function rowsOf(spans: readonly (readonly Span[])[], sql: string): Promise<readonly (readonly unknown[])[]> {
  const { database } = await storeOf(...spans);
  return (await runSql(database, sql, false)).rows;
}

test.each([
  {
    name: 'spans, in display order',
    spans: [SHOP],
    sql: `SELECT trace_id, span_id, parent_span_id, name, kind, service_name, start_time, start_ns - ${START}, duration_ns,
      self_ns FROM spans ORDER BY span_no`,
    rows: [
      [TRACE, A, null, 'GET /cart', 'server', 'shop', '2026-11-20 09:00:00', 0, 100_000_000, 50_000_000],
      [TRACE, B, A, 'charge', 'client', 'bank', '2026-11-20 09:00:00.01', 10_000_000, 50_000_000, 40_000_000],
      [TRACE, C, B, 'look up', 'consumer', 'bank', '2026-11-20 09:00:00.02', 20_000_000, 10_000_000, 10_000_000],
      [
        TRACE,
        O,
        spanIdOf('gone'),
        'send',
        'internal',
        'mail',
        '2026-11-20 09:00:00.09',
        90_000_000,
        5_000_000,
        5_000_000,
      ],
    ],
  },
  {
    name: 'spans with their status and place in the trace',
    spans: [SHOP],
    sql: `SELECT status_code, status_message, orphan, depth, component, nested_set_left, nested_set_right, flags,
      scope_name, scope_version FROM spans ORDER BY span_no`,
    rows: [
      ['ok', null, false, 0, 0, 1, 6, 0, null, null],
      ['error', 'declined', false, 1, 0, 2, 5, 0x101, 'bank-client', '1.2'],
      ['unset', null, false, 2, 0, 3, 4, 0, null, null],
      ['unset', null, true, 0, 1, 7, 8, 0, null, null],
    ],
  },
  {
    name: 'spans with their attributes, by key',
    spans: [SHOP],
    sql: 'SELECT attributes FROM spans ORDER BY span_no LIMIT 2',
    rows: [[{ 'http.response.status_code': '200', 'http.route': '/cart' }], [{}]],
  },
  {
    name: 'the descendants of a span, by nested-set numbers',
    spans: [SHOP],
    sql: `SELECT d.name FROM spans a JOIN spans d USING (trace_id)
      WHERE a.name = 'GET /cart' AND d.nested_set_left > a.nested_set_left AND d.nested_set_left < a.nested_set_right
      ORDER BY d.span_no`,
    rows: [['charge'], ['look up']],
  },
  {
    name: 'an attribute in a map',
    spans: [SHOP],
    sql: `SELECT name, attributes['http.route'] FROM spans WHERE attributes['http.route'] IS NOT NULL`,
    rows: [['GET /cart', '/cart']],
  },
  {
    name: 'traces, in order of their start',
    spans: [SHOP, OTHERS],
    sql: `SELECT trace_id, root_service_name, root_span_name, start_time, start_ns - ${START}, duration_ns, span_count,
      error_count, services FROM traces ORDER BY start_ns`,
    rows: [
      [TRACE, 'shop', 'GET /cart', '2026-11-20 09:00:00', 0, 100_000_000, 4, 1, ['shop', 'bank', 'mail']],
      [OTHER, 'shop', 'GET /cart', '2026-11-20 09:00:00.2', 200_000_000, 3_000_000, 1, 0, ['shop']],
    ],
  },
  {
    name: 'traces with what is missing of them',
    spans: [SHOP, OTHERS],
    sql: 'SELECT root_count, orphan_count, cut_count, complete FROM traces ORDER BY start_ns',
    rows: [
      [1, 1, 0, false],
      [1, 0, 0, true],
    ],
  },
  {
    name: 'a trace without a root and one with a cycle',
    spans: [
      draw('o | 0-9 | mail | send | parent: gone', { traceId: '1' }),
      draw('a | 0-9 | | | parent: b\nb | 1-8 | | | parent: a', { traceId: '2' }),
    ],
    sql: 'SELECT root_service_name, root_span_name, root_count, orphan_count, cut_count FROM traces ORDER BY trace_id',
    rows: [
      [null, null, 0, 1, 0],
      [null, null, 0, 0, 1],
    ],
  },
  {
    name: 'span attributes, each with its type and its value in full',
    spans: [ODD],
    sql: 'SELECT key, type, value FROM span_attributes ORDER BY key',
    rows: [
      ['bytes', 'bytes', 'AP8='],
      ['least', 'int', '-9223372036854775808'],
      ['list', 'array', '["a",1,1.5]'],
      ['map', 'map', '{"k":[null]}'],
      ['none', 'double', 'NaN'],
      ['nothing', 'empty', ''],
      ['real', 'double', '0.1'],
      ['text', 'string', "it's"],
      ['tiny', 'double', '5e-324'],
      ['whole', 'int', '9223372036854775807'],
      ['yes', 'bool', 'true'],
    ],
  },
  {
    name: 'span attributes, joined to their spans',
    spans: [SHOP],
    sql: `SELECT s.name, a.trace_id = s.trace_id, a.span_id = s.span_id, a.key
      FROM spans s JOIN span_attributes a USING (span_no) ORDER BY a.key`,
    rows: [
      ['GET /cart', true, true, 'http.response.status_code'],
      ['GET /cart', true, true, 'http.route'],
    ],
  },
  {
    name: 'resources, with their attributes',
    spans: [SHOP],
    sql: 'SELECT service_name, attributes FROM resources ORDER BY service_name',
    rows: [
      ['bank', { 'service.name': 'bank' }],
      ['mail', { 'service.name': 'mail' }],
      ['shop', { 'host.name': 'h1', 'service.name': 'shop' }],
    ],
  },
  {
    name: 'resources, joined to their spans',
    spans: [SHOP],
    sql: `SELECT s.name FROM spans s JOIN resources r USING (resource_id) WHERE r.attributes['host.name'] = 'h1'`,
    rows: [['GET /cart']],
  },
  {
    name: 'span events, in order of time',
    spans: [SHOP],
    sql: `SELECT trace_id, span_id, time, time_ns - ${START}, name, attributes FROM span_events ORDER BY time_ns`,
    rows: [
      [TRACE, B, '2026-11-20 09:00:00.03', 30_000_000, 'retry', {}],
      [
        TRACE,
        B,
        '2026-11-20 09:00:00.05',
        50_000_000,
        'exception',
        { 'exception.message': 'no money', 'exception.type': 'Declined' },
      ],
    ],
  },
  {
    name: 'span links',
    spans: [SHOP],
    sql: 'SELECT trace_id, span_id, linked_trace_id, linked_span_id, attributes FROM span_links',
    rows: [[TRACE, B, OTHER, C, { why: 'retry' }]],
  },
  {
    name: 'services, each once',
    spans: [SHOP, OTHERS],
    sql: `SELECT service_name, span_count, error_count, span_name_count, first_start_time, last_start_time
      FROM services ORDER BY service_name`,
    rows: [
      ['bank', 2, 1, 2, '2026-11-20 09:00:00.01', '2026-11-20 09:00:00.02'],
      ['mail', 1, 0, 1, '2026-11-20 09:00:00.09', '2026-11-20 09:00:00.09'],
      ['shop', 2, 0, 1, '2026-11-20 09:00:00', '2026-11-20 09:00:00.2'],
    ],
  },
  {
    name: 'ingests, a row a source',
    spans: [SHOP, OTHERS, SHOP],
    sql: 'SELECT source, format, documents, spans, traces, duplicates, skipped, repaired, fault, loaded_at FROM ingests',
    rows: [
      ['dump', 'otlp-json', 1, 4, 1, 0, [], [], null, '2026-11-20 12:00:00'],
      ['dump', 'otlp-json', 1, 1, 1, 0, [], [], null, '2026-11-20 12:00:00'],
      ['dump', 'otlp-json', 1, 0, 1, 4, [], [], null, '2026-11-20 12:00:00'],
    ],
  },
])('$name', async ({ spans, sql, rows }) => {
  expect(await rowsOf(spans, sql)).toEqual(rows);
});

test('ingests tell what was skipped and what was mended, and where it first was', async () => {
  const good = otlpJson(draw('a | 0-1'));
  const text = `${otlpJson(draw('b | 0-1')).replace(/"spanId":"\w+",/, '')}not JSON\n${good}${good.replace(/"endTimeUnixNano":"\d+"/, '"endTimeUnixNano":"1"')}`;
  const store = await openStore();
  await loadDump(store, text, { name: 'broken.jsonl' });
  const { rows } = await runSql(
    store.database,
    'SELECT source, documents, spans, skipped, repaired, bytes = content_bytes FROM ingests',
    false,
  );
  const lost = otlpJson(draw('b | 0-1')).replace(/"spanId":"\w+",/, '').length;
  expect(rows).toEqual([
    [
      'broken.jsonl',
      3,
      2,
      [
        { reason: 'missing-span-id', count: 1, first_offset: expect.any(Number), first_detail: expect.any(String) },
        { reason: 'not-json', count: 1, first_offset: lost, first_detail: 'not JSON' },
      ],
      [{ reason: 'end-before-start', count: 1, first_offset: expect.any(Number), first_detail: expect.any(String) }],
      true,
    ],
  ]);
});

test('times up to the last nanosecond of int64 are shown, the last one as the one before it', async () => {
  const last = 2n ** 63n - 1n;
  const spans = draw('a | 0-0 | | | event: e @ 0', { start: last, unit: 1n });
  const { database } = await storeOf(spans);
  const time = '2262-04-11 23:47:16.854775806';
  const { rows } = await runSql(
    database,
    `SELECT start_time, start_ns, (SELECT time FROM span_events), (SELECT time_ns FROM span_events),
      (SELECT start_time FROM traces), (SELECT last_start_time FROM services) FROM spans`,
    false,
  );
  expect(rows).toEqual([[time, String(last), time, String(last), time, time]]);
});

describe('what is said of the views', () => {
  const views = describeViews();

  test('is said of each of the eight', () => {
    expect(views.map(({ name }) => name)).toEqual([
      'ingests',
      'resources',
      'services',
      'span_attributes',
      'span_events',
      'span_links',
      'spans',
      'traces',
    ]);
    expect(viewFiles().map(({ name }) => name)).toEqual(views.map(({ name }) => name));
  });

  test.each(views)('is said of $name and of each of its columns, in a sentence', ({ comment, columns }) => {
    expect(comment).toMatch(/^One row .*\.$/);
    expect(columns.filter(column => !/^\S.*\.$/.test(column.comment))).toEqual([]);
  });

  test.each(views)('names the columns that DuckDB finds in $name, in their order', async ({ name, columns }) => {
    const { database } = await openStore();
    const { rows } = await runSql(database, `DESCRIBE ${name}`, false);
    expect(columns.map(column => column.name)).toEqual(rows.map(([column]) => column));
  });
});
