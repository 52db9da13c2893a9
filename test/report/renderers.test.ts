import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { csvCell } from '../../src/report/csv.ts';
import { RENDERERS } from '../../src/report/index.ts';
import { jsonText } from '../../src/report/json-text.ts';
import { markdownCell } from '../../src/report/markdown.ts';
import { type Field, fieldValue, type Report } from '../../src/report/report.ts';
import type { Screen } from '../../src/terminal/screen.ts';
import { styled } from '../../src/terminal/styled.ts';

// Each renderer on one small report, to the byte.

const screen: Screen = {
  stdout: { write: async () => {} },
  stderr: { write: async () => {} },
  isTerminal: false,
  isTalking: false,
  width: 60,
  height: 24,
  colour: 0,
  errorColour: 0,
  unicode: true,
  utc: true,
  now: () => new Date(0),
};

const ESC = '\u001b';

const FIELDS: readonly Field[] = [
  { name: 'traceId', type: 'id', title: 'trace' },
  { name: 'name', type: 'text' },
  { name: 'start', type: 'time' },
  { name: 'durationNano', type: 'duration', title: 'duration' },
  { name: 'spanCount', type: 'count', title: 'spans' },
  { name: 'share', type: 'share' },
  { name: 'services', type: 'list' },
  { name: 'complete', type: 'flag' },
  { name: 'attributes', type: 'object', isExtra: true },
  { name: 'status.code', type: 'text', isExtra: true },
];

const ROWS = [
  {
    traceId: 'c0ffee',
    name: 'GET /a, "b"',
    start: 1_795_165_200_000_000_001n,
    durationNano: 1_234_567n,
    spanCount: 1204,
    share: 0.25,
    services: ['web', 'cart|x'],
    complete: true,
    attributes: { 'http.route': '/a', nested: { deep: 1 } },
    status: { code: 'error' },
    nothing: undefined,
  },
  {
    traceId: 'decade',
    name: '=1+1',
    start: 0n,
    durationNano: 0n,
    spanCount: 1,
    share: 0,
    services: [],
    complete: false,
    attributes: {},
    status: { code: 'unset' },
  },
];

const report = (more: Partial<Report> = {}): Report => ({
  data: { query: '{}', traces: ROWS, total: 2n ** 63n },
  records: { name: 'traces', fields: FIELDS, rows: ROWS },
  isList: true,
  blocks: () => [
    { kind: 'heading', text: [styled('traces', 'bold')] },
    { kind: 'lines', lines: [[styled('x'.repeat(70))]] },
    { kind: 'prose', text: [styled('a sentence that is longer than the sixty columns that there are')], indent: 2 },
    { kind: 'heading', text: [styled('more')] },
    {
      kind: 'pairs',
      pairs: [
        ['key', [styled('value')]],
        ['another key', [styled('a value of many words that goes on below its beginning')]],
      ],
    },
    {
      kind: 'table',
      columns: [{ title: 'NAME' }, { title: 'N', align: 'right' }],
      rows: [[[styled('a')], [styled('10')]]],
    },
  ],
  ...more,
});

interface Options {
  readonly fields?: readonly string[];
  readonly header?: boolean;
  readonly on?: Partial<Screen>;
}

async function render(format: string, of: Report = report(), { fields, header = false, on }: Options = {}) {
  const renderer = RENDERERS.find(({ name }) => name === format);
  if (renderer === undefined) throw new Error(`no renderer ${format}`);
  let text = '';
  for await (const piece of renderer.render(of, { screen: { ...screen, ...on }, fields, header })) text += piece;
  return text;
}

test('the formats are these, in this order', () => {
  expect(RENDERERS.map(({ name }) => name)).toEqual(['table', 'plain', 'json', 'ndjson', 'csv', 'markdown']);
});

describe('json', () => {
  test('has a version first, then the keys as they come, 64-bit integers as text, and nothing that is undefined', async () => {
    const small = report({
      data: { zebra: 1, apple: 2n ** 63n, none: undefined, list: [1n], object: { b: null, a: '' } },
    });
    expect(await render('json', small)).toBe(`{
  "schemaVersion": 1,
  "zebra": 1,
  "apple": "9223372036854775808",
  "list": [
    "1"
  ],
  "object": {
    "b": null,
    "a": ""
  }
}
`);
  });

  test('with fields keeps the rest of the answer and picks from the list', async () => {
    expect(
      JSON.parse(await render('json', report(), { fields: ['name', 'status.code', 'attributes.http.route'] })),
    ).toEqual({
      schemaVersion: 1,
      query: '{}',
      traces: [
        { name: 'GET /a, "b"', 'status.code': 'error', 'attributes.http.route': '/a' },
        { name: '=1+1', 'status.code': 'unset' },
      ],
      total: '9223372036854775808',
    });
  });

  test('text in it is what it was, and nothing that a terminal acts on', () => {
    const text = '\u001b[31m\u009b\u2028\u202e\u007f"\\é日👍';
    const written = jsonText({ text }, true);
    expect(written).toBe('{"text":"\\u001b[31m\\u009b\\u2028\\u202e\\u007f\\"\\\\é日👍"}');
    expect(JSON.parse(written)).toEqual({ text });
  });
});

describe('ndjson', () => {
  test('is the list, an element a line', async () => {
    const lines = (await render('ndjson')).split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toBe('');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ traceId: 'c0ffee', start: '1795165200000000001' });
    expect(await render('ndjson', report(), { fields: ['spanCount', 'name'] })).toBe(
      '{"spanCount":1204,"name":"GET /a, \\"b\\""}\n{"spanCount":1,"name":"=1+1"}\n',
    );
  });

  test('without a list is the answer on one line', async () => {
    const { records, ...none } = report({ data: { a: 1 } });
    expect(records).toBeDefined();
    expect(await render('ndjson', none)).toBe('{"schemaVersion":1,"a":1}\n');
  });
});

describe('csv', () => {
  test('has a header and values as in JSON, quoted where they must be', async () => {
    expect(await render('csv')).toBe(
      [
        'traceId,name,start,durationNano,spanCount,share,services,complete',
        'c0ffee,"GET /a, ""b""",1795165200000000001,1234567,1204,0.25,"[""web"",""cart|x""]",true',
        "decade,'=1+1,0,0,1,0,[],false",
        '',
      ].join('\n'),
    );
  });

  test.each([
    ['plain', 'plain'],
    ['', ''],
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['a\nb', '"a\nb"'],
    ['a\rb', '"a\rb"'],
    ['=SUM(A1)', "'=SUM(A1)"],
    ['+1+1', "'+1+1"],
    ['-1+1', "'-1+1"],
    ['@x', "'@x"],
    ['\tx', "'\tx"],
    ['\r=x', '"\'\r=x"'],
    ['\n=x', '"\'\n=x"'],
    ['=a,"b"', '"\'=a,""b"""'],
    ['-1', '-1'],
    ['-1.5', '-1.5'],
    ['-1e-7', '-1e-7'],
    ['-2.5E+21', '-2.5E+21'],
    ['-1e', "'-1e"],
    ['+1', "'+1"],
    ['-', "'-"],
  ])('the cell %j is %j', (text, cell) => {
    expect(csvCell(text)).toBe(cell);
  });

  test('without a list has the plain values of the answer', async () => {
    const { records, ...none } = report({ data: { a: 1, list: [1], b: '=x' } });
    expect(records).toBeDefined();
    expect(await render('csv', none)).toBe("a,b\n1,'=x\n");
  });

  test('on a terminal is harmless', async () => {
    const rows = [{ name: '\u001b[2J' }];
    const hostile = report({ records: { name: 'traces', fields: [{ name: 'name', type: 'text' }], rows } });
    expect(await render('csv', hostile)).toBe('name\n\u001b[2J\n');
    expect(await render('csv', hostile, { on: { isTerminal: true } })).toBe('name\n\\x1b[2J\n');
  });
});

describe('plain', () => {
  test('is fields between tabs: times absolute, numbers for people, nothing cut', async () => {
    expect(await render('plain')).toBe(
      [
        'c0ffee\tGET /a, "b"\t2026-11-20T09:00:00.000000001Z\t1.23ms\t1,204\t25.0%\tweb, cart|x\tyes',
        'decade\t=1+1\t1970-01-01T00:00:00.000000000Z\t0\t1\t0%\t\tno',
        '',
      ].join('\n'),
    );
    expect(await render('plain', report(), { fields: ['spanCount', 'attributes'], header: true })).toBe(
      'spanCount\tattributes\n1,204\t{"http.route":"/a","nested":{"deep":1}}\n1\t{}\n',
    );
  });

  test('of an answer that is no list is the view for people, coloured only where it is insisted on', async () => {
    const text = await render('plain', report({ isList: false }));
    expect(text).toMatch(/^traces\n/);
    expect(await render('plain', report({ isList: false }), { on: { colour: 1 } })).toContain('\u001b[1mtraces');
    expect(await render('plain', report(), { on: { colour: 1 } })).not.toContain('\u001b');
  });
});

describe('table', () => {
  test('writes blocks: lines are cut, prose and pairs are wrapped, a blank line stands before each further heading', async () => {
    expect(await render('table')).toBe(
      [
        'traces',
        `${'x'.repeat(59)}…`,
        'a sentence that is longer than the sixty columns that there',
        '  are',
        '',
        'more',
        'key          value',
        'another key  a value of many words that goes on below its',
        '             beginning',
        'NAME   N',
        'a     10',
        '',
      ].join('\n'),
    );
  });

  test('of chosen fields has their titles, and says what does not fit', async () => {
    expect(await render('table', report(), { fields: ['name', 'spanCount', 'attributes.http.route'] })).toBe(
      ['NAME         SPANS  attributes.http.route', 'GET /a, "b"  1,204  /a', '=1+1             1', ''].join('\n'),
    );
    expect(await render('table', report(), { fields: ['start', 'start', 'start', 'name'] })).toBe(
      [
        'START                    START',
        '2026-11-20 09:00:00.000  2026-11-20 09:00:00.000',
        '1970-01-01 00:00:00.000  1970-01-01 00:00:00.000',
        '2 columns do not fit: START, NAME (--format json, csv or',
        '  plain shows all)',
        '',
      ].join('\n'),
    );
  });

  test('with colour paints it', async () => {
    expect(await render('table', report(), { on: { colour: 1 } })).toMatch(
      new RegExp(`^${ESC}\\[1mtraces${ESC}\\[22m\n`),
    );
  });
});

describe('markdown', () => {
  test('is a table, numbers to the right, with text that stays text', async () => {
    expect(await render('markdown')).toBe(
      [
        '| trace | name | start | duration | spans | share | services | complete |',
        '| --- | --- | --- | --: | --: | --: | --- | --- |',
        '| c0ffee | GET /a, "b" | 2026-11-20 09:00:00.000 | 1.23ms | 1,204 | 25.0% | web, cart\\|x | yes |',
        '| decade | =1+1 | 1970-01-01 00:00:00.000 | 0 | 1 | 0% |  | no |',
        '',
      ].join('\n'),
    );
  });

  test.each([
    ['a|b', 'a\\|b'],
    ['**bold** _it_ `code`', '\\*\\*bold\\*\\* \\_it\\_ \\`code\\`'],
    ['<b>&amp;', '\\<b\\>\\&amp;'],
    ['[x](y)', '\\[x\\](y)'],
    ['a\\|b', 'a\\\\\\|b'],
    ['a\nb', 'a⏎b'],
    ['#1 ~x~ $y$', '\\#1 \\~x\\~ \\$y\\$'],
  ])('the cell %j is %j', (text, cell) => {
    expect(markdownCell(text)).toBe(cell);
  });

  test('of an answer that is no list is a block of text that nothing in it can end', async () => {
    const fenced = report({ isList: false, blocks: () => [{ kind: 'lines', lines: [[styled('```'), styled('x')]] }] });
    expect(await render('markdown', fenced)).toBe("```text\n'''x\n```\n");
  });
});

describe('fields', () => {
  test.each(['table', 'plain', 'json', 'ndjson', 'csv', 'markdown'])(
    'an unknown one is refused by %s, with the ones that there are',
    async format => {
      const error = await render(format, report(), { fields: ['name', 'durationNnao'] }).catch(thrown => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect(error).toMatchObject({
        message: "there is no field 'durationNnao'; did you mean 'durationNano'?",
        hint: 'fields are traceId, name, start, durationNano, spanCount, share, services, complete, attributes, status.code',
      });
    },
  );

  test('one that is like none is refused without a guess', async () => {
    await expect(render('csv', report(), { fields: ['zzzzzzzzzz'] })).rejects.toThrow(
      /^there is no field 'zzzzzzzzzz'$/,
    );
  });

  test.each([
    ['name', 'GET /a, "b"'],
    ['status.code', 'error'],
    ['attributes.http.route', '/a'],
    ['attributes.nested.deep', 1],
    ['attributes.nested', { deep: 1 }],
    ['attributes.none', undefined],
    ['attributes.http', undefined],
    ['name.length', undefined],
    ['constructor', undefined],
    ['__proto__', undefined],
    ['nothing', undefined],
  ])('%s leads to %j', (name, value) => {
    expect(fieldValue(ROWS[0] ?? {}, name)).toEqual(value);
  });
});
