import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseInspected } from '../../src/formats/js-console/inspected.ts';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';

const FILES = ['plain.txt', 'among-log-lines.txt', 'v1.txt'];

test.each(FILES)('%s: three spans', async file => {
  const { account, spans } = await decodeDump(fixture(`js-console/${file}`));
  const traceId = 'be29bfbafa2b1d9e9dd188afce7212ef';
  const sdk = {
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.name': 'opentelemetry',
    'telemetry.sdk.version': '3.1.0',
  };
  const scope = { name: '@opentelemetry/instrumentation-http', version: '0.301.0', attributes: {} };
  const isOld = file === 'v1.txt';
  const [charge, root, retry] = spans;
  expect(charge).toEqual({
    traceId,
    spanId: '45be207ff46eae73',
    parentSpanId: '626496ab4faf5365',
    name: 'POST /charges',
    kind: 'client',
    serviceName: 'pay',
    // A double holds a quarter of a microsecond here, and one digit of it is printed.
    startTimeUnixNano: 1_793_610_000_010_250_800n,
    durationNano: 80_000_456n,
    status: { code: 'error', message: 'bank: no answer' },
    attributes: {
      statement: `SELECT 'x'\n  FROM \`t\`\t-- ${'long '.repeat(20)}\nWHERE "y" = \\1 AND z = '\u0007'`,
      'w3c.tracestate': 'ot=th:8',
    },
    resource: { 'service.name': 'pay', ...sdk },
    scope,
    events: [
      {
        name: 'retry',
        timeUnixNano: 1_793_610_000_040_500_789n,
        attributes: { attempt: 2n, reasons: '[Array]', 'otel.dropped_attributes_count': 1n },
      },
      {
        name: 'exception',
        timeUnixNano: 1_793_610_000_060_125_789n,
        attributes: {
          'exception.type': 'Timeout',
          'exception.message': 'bank: no answer',
          'otel.dropped_attributes_count': 1n,
        },
      },
    ],
    links: [],
    flags: isOld ? 0 : 0x300,
    quirks: 0,
  });
  expect(root).toMatchObject({
    traceId,
    spanId: '626496ab4faf5365',
    parentSpanId: undefined,
    kind: 'server',
    serviceName: 'front',
    startTimeUnixNano: 1_793_610_000_000_000_800n,
    durationNano: 99_500_000n,
    status: { code: 'error', message: '' },
  });
  expect(root?.attributes).toEqual({
    'http.request.method': 'GET',
    'http.response.status_code': 500n,
    ratio: 12.5,
    whole: 3n,
    retried: false,
    tags: ['a', "it's", '"b"'],
    many: [...Array.from({ length: 100 }, (_, index) => BigInt(index)), '... 20 more items'],
    raw: Uint8Array.of(0, 255),
    'w3c.tracestate': 'ot=th:8',
  });
  expect(retry).toMatchObject({
    name: 'retry payments',
    kind: 'consumer',
    durationNano: 0n,
    status: { code: 'ok', message: '' },
    scope: { name: 'jobs', version: '0.1' },
    links: [{ traceId, spanId: '626496ab4faf5365', attributes: { reason: 'retry' } }],
  });
  expect(account).toMatchObject({ format: 'js-console', spans: 3, repaired: [], fault: undefined });
  expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual(
    file === 'among-log-lines.txt' ? [['log-lines', 11]] : [],
  );
});

describe('inspected values', () => {
  const CYCLE: { self?: unknown; name: string } = { name: 'x' };
  CYCLE.self = CYCLE;
  class Shop {
    readonly name = 'shop';
  }
  test.each<[string, unknown, unknown]>([
    ['texts of every kind', ['', "it's", '"', `'"`, '`\'"', 'a\nb', '\u0000\u001b\\\t\u{1f408}', '\ud800'], undefined],
    ['numbers', [0, -1, 1.5, 1e21, 2 ** 60, 5n], [0n, -1n, 1.5, 1e21, 1152921504606846976n, 5n]],
    ['odd numbers', [Number.NaN, Infinity, -Infinity, -0], undefined],
    ['words', [true, false, null, undefined], [true, false, null, null]],
    ['keys', { a: 'x', 'b.c': 'y', "it's": 'z', 1: 'w', '': 'v' }, undefined],
    ['undefined fields', { a: undefined, b: 'x' }, { b: 'x' }],
    ['empty ones', { a: {}, b: [], c: new Map(), d: new Set() }, { a: {}, b: [], c: {}, d: {} }],
    ['bytes', [Uint8Array.of(1, 2), Buffer.from([255])], [Uint8Array.of(1, 2), Uint8Array.of(255)]],
    ['other arrays', Float64Array.of(0.5), [0.5]],
    ['maps and sets', [new Map([['k', 'v']]), new Set(['a'])], [{ k: 'v' }, ['a']]],
    ['classes', new Shop(), { name: 'shop' }],
    ['no prototype', Object.assign(Object.create(null), { a: 'x' }), { a: 'x' }],
    ['a cycle', CYCLE, { name: 'x', self: '[Circular *1]' }],
    ['functions and symbols', [Symbol('s'), function f() {}], ['Symbol(s)', '[Function: f]']],
    ['dates', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['holes', Object.assign(new Array(2), { 1: 'x' }), ['<1 empty item>', 'x']],
    [
      'what lies too deep',
      { a: { b: { c: { d: { e: 1 } } } }, l: [[[[['x']]]]] },
      { a: { b: { c: { d: '[Object]' } } }, l: [[['[Array]']]] },
    ],
  ])('%s', (_, value, expected) => {
    const text = inspect(value, { depth: 3, customInspect: false });
    expect(parseInspected(text)).toEqual(expected ?? value);
  });

  test('long texts go on over lines, and are cut at ten thousand characters', () => {
    const text = `${'word '.repeat(30)}\n${'more '.repeat(30)}\n`;
    expect(parseInspected(inspect({ text }))).toEqual({ text });
    const cut = parseInspected(inspect({ text: 'x'.repeat(10_005) }));
    expect(cut).toEqual({ text: `${'x'.repeat(10_000)}... 5 more characters` });
  });

  test.each(['{', '{ a: }', "{ a: 'x }", '[ 1', '{ a: 1 b: 2 }', '{ a: nonsense }', '1 2', '', '{ a: <', "'\\"])(
    '%j is none',
    text => {
      expect(() => parseInspected(text)).toThrow(SyntaxError);
    },
  );

  test('nesting without end is refused', () => {
    expect(() => parseInspected('['.repeat(100_000))).toThrow('values nested more than 64 deep');
  });
});

/** A span as the exporter prints it, with some fields changed. */
function printed(changes: object = {}): string {
  const span = {
    traceId: 'a1fbefbeffb0c1d2e3f405162738495a',
    parentId: undefined,
    name: 'GET /a/rather/long/name/so/that/it/is/printed/over/many/lines',
    id: 'fbefbe0000000001',
    kind: 0,
    timestamp: 1_793_606_400_000_000,
    duration: 3.5,
    attributes: {},
    status: { code: 0 },
    events: [],
    links: [],
    ...changes,
  };
  return `${inspect(span, { depth: 3 })}\n`;
}

describe('bad content', () => {
  test.each([
    ['ids that are none', { traceId: 'not hex', id: 'nor this' }, { 'invented-id': 2 }],
    ['times that are none', { timestamp: -5, events: [{ name: 'e', time: 7 }] }, { 'invalid-time': 2 }],
    ['a negative duration', { duration: -1 }, { 'end-before-start': 1 }],
    [
      'fields of other types',
      { name: 7, kind: 'x', status: 3, attributes: [], events: {}, links: 'x', resource: 1 },
      {},
    ],
  ])('%s', async (_, changes, repaired) => {
    const { account, spans } = await decodeDump(printed() + printed(changes));
    expect(spans).toHaveLength(2);
    expect(Object.fromEntries(account.repaired.map(({ reason, count }) => [reason, count]))).toEqual(repaired);
    expect(account).toMatchObject({ skipped: [], fault: undefined });
  });

  test('kinds are one less than OTLP has them', async () => {
    const kinds = [0, 1, 2, 3, 4, 5, 99];
    const { spans } = await decodeDump(kinds.map(kind => printed({ kind })).join(''));
    expect(spans.map(({ kind }) => kind)).toEqual([
      'internal',
      'server',
      'client',
      'producer',
      'consumer',
      'unspecified',
      'unspecified',
    ]);
  });

  test('a span without an id is lost, and said so', async () => {
    const { account, spans } = await decodeDump(printed() + printed({ id: '' }));
    expect(spans).toHaveLength(1);
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['missing-span-id']);
  });

  test('a broken object costs itself', async () => {
    const text = printed();
    const { account, spans } = await decodeDump(
      [text, text.replace('kind: 0', 'kind: oops'), text.slice(0, -3), '\n', text].join(''),
    );
    expect(spans).toHaveLength(2);
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([['malformed-text', 2]]);
  });

  test('the input may end anywhere', async () => {
    const text = printed() + printed();
    for (let length = printed().length + 1; length < text.length - 2; length += 7) {
      const { account, spans } = await decodeDump(text.slice(0, length));
      expect(spans, `cut at ${length}`).toHaveLength(1);
      expect(account.fault?.message, `cut at ${length}`).toMatch(/^is cut off: /);
    }
  });

  test('a large object is passed over', async () => {
    const large = printed({
      attributes: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key${index}`, 'x'.repeat(50)])),
    });
    const { account, spans } = await decodeDump(printed() + large + printed(), { limits: { recordBytes: 1000 } });
    expect(spans).toHaveLength(2);
    expect(account.skipped.find(({ reason }) => reason === 'record-too-large')?.count).toBe(1);
  });
});
