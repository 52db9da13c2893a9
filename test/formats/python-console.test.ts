import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CARRIED_FIELDS } from '../../src/model/carried-fields.ts';
import { type DecodedSpan, decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';
import { PLAIN } from './plain-spans.ts';

const cut = (nanos: bigint) => (nanos / 1000n) * 1000n;

/** The spans of `plain` as Python prints them: microseconds, neither scope nor flags nor counts, no bytes. */
const PYTHON_PLAIN = PLAIN.map((span): DecodedSpan => {
  const start = cut(span.startTimeUnixNano);
  const lost = [CARRIED_FIELDS.droppedAttributesCount, 'raw', 'big', 'negative'];
  return {
    ...span,
    startTimeUnixNano: start,
    durationNano: cut(span.startTimeUnixNano + span.durationNano) - start,
    // A whole double of JavaScript, which wrote the file, has no point.
    attributes: Object.fromEntries(
      Object.entries(span.attributes)
        .filter(([key]) => !lost.some(name => name === key))
        .map(([key, value]) => [key, key === 'whole' ? 3n : value]),
    ),
    scope: { name: '', version: '', attributes: {} },
    events: span.events.map(event => ({ ...event, timeUnixNano: cut(event.timeUnixNano) })),
    flags: 0,
  };
});

test('plain.txt: objects one after the other', async () => {
  const { account, spans } = await decodeDump(fixture('python-console/plain.txt'));
  expect(spans).toEqual(PYTHON_PLAIN);
  expect(account).toMatchObject({
    format: 'python-console',
    documents: 4,
    skipped: [],
    repaired: [],
    fault: undefined,
  });
});

test('among-log-lines.txt: what else is printed is counted and is no loss', async () => {
  const { account, spans } = await decodeDump(fixture('python-console/among-log-lines.txt'));
  expect(spans).toEqual(PYTHON_PLAIN);
  expect(account.skipped).toEqual([
    { reason: 'log-lines', count: 7, first: { offset: 1, detail: '* Serving Flask app "shop"' } },
  ]);
  expect(account).toMatchObject({ documents: 4, repaired: [], fault: undefined });
});

test('odd.txt: numbers that JSON has not, old resources, spans without an end or anything else', async () => {
  const { account, spans } = await decodeDump(fixture('python-console/odd.txt'));
  expect(spans.map(({ attributes }) => attributes)).toEqual([
    { nan: Number.NaN, infinity: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], text: 'NaN' },
    {},
    {},
  ]);
  expect(spans.map(({ serviceName }) => serviceName)).toEqual(['odd', 'odd', 'odd']);
  expect(spans.map(({ durationNano }) => durationNano)).toEqual([100_000_000n, 0n, 1_000_000n]);
  expect(spans.map(({ kind, status }) => [kind, status.code])).toEqual([
    ['internal', 'unset'],
    ['internal', 'unset'],
    ['unspecified', 'unset'],
  ]);
  expect(account).toMatchObject({ skipped: [], repaired: [], fault: undefined });
});

const SPAN = {
  name: 'a',
  context: { trace_id: '0xa1fbefbeffb0c1d2e3f405162738495a', span_id: '0xfbefbe0000000001', trace_state: '[]' },
  kind: 'SpanKind.CLIENT',
  parent_id: null,
  start_time: '2026-11-02T08:00:00.000001Z',
  end_time: '2026-11-02T08:00:00.000003Z',
  status: { status_code: 'ERROR', description: 'boom' },
  attributes: {},
  events: [],
  links: [],
  resource: { attributes: { 'service.name': 'shop' }, schema_url: '' },
};

async function decoded(changes: object) {
  return decodeDump(JSON.stringify({ ...SPAN, ...changes }));
}

test('trace states come back as headers, whatever quotes Python took', async () => {
  const stateOf = async (repr: string) => {
    const { spans } = await decoded({ context: { ...SPAN.context, trace_state: repr } });
    return spans[0]?.attributes[CARRIED_FIELDS.traceState];
  };
  expect(await stateOf("['{key=congo, value=t61}', '{key=ot, value=th:8;rv:1}']")).toBe('congo=t61,ot=th:8;rv:1');
  expect(await stateOf(`["{key=a, value=it's}"]`)).toBe("a=it's");
  for (const none of ['[]', '{}', '', 'nonsense']) expect(await stateOf(none)).toBeUndefined();
});

describe('bad content', () => {
  test.each([
    ['no trace id', { context: { span_id: '0x1' } }, 'missing-trace-id'],
    ['no span id', { context: { trace_id: '0x1', span_id: null } }, 'missing-span-id'],
  ])('%s', async (_, changes, reason) => {
    const text = `${JSON.stringify(SPAN)}\n${JSON.stringify({ ...SPAN, ...changes })}`;
    const { account, spans } = await decodeDump(text.replace('{"span_id":"0x1"}', '{"trace_id":null,"span_id":"0x1"}'));
    expect(spans).toHaveLength(1);
    expect(account.skipped.map(skipped => [skipped.reason, skipped.count])).toEqual([[reason, 1]]);
  });

  test.each([
    ['times that are none', { start_time: 'yesterday', end_time: 7 }, { 'invalid-time': 2 }],
    ['an end before the start', { end_time: '2026-11-02T07:00:00Z' }, { 'end-before-start': 1 }],
    ['times before the epoch', { start_time: '1969-12-31T23:59:59Z' }, { 'invalid-time': 1, 'missing-start': 1 }],
    ['ids that are none', { context: { trace_id: 'not hex', span_id: 'nor this' } }, { 'invented-id': 2 }],
    [
      'fields of other types',
      { name: [], kind: 7, status: 'x', attributes: [1], events: {}, links: 'x', resource: 1 },
      {},
    ],
    ['items of other types', { events: [1, null, 'x'], links: [[], 2] }, {}],
  ])('%s', async (_, changes, repaired) => {
    const { account, spans } = await decoded(changes);
    expect(spans).toHaveLength(1);
    expect(Object.fromEntries(account.repaired.map(({ reason, count }) => [reason, count]))).toEqual(repaired);
    expect(account).toMatchObject({ skipped: [], fault: undefined });
  });

  test('a span that is its own parent, and 64-bit integers', async () => {
    const { spans } = await decodeDump(
      JSON.stringify({ ...SPAN, parent_id: '0xfbefbe0000000001', attributes: { n: 1 } }).replace(
        '"n":1',
        '"n":9223372036854775807,"huge":92233720368547758070,"real":3.0',
      ),
    );
    expect(spans[0]).toMatchObject({ parentSpanId: 'fbefbe0000000001' });
    expect(spans[0]?.attributes).toEqual({ n: 9223372036854775807n, huge: '92233720368547758070', real: 3 });
  });

  test('a broken object in the middle costs itself', async () => {
    const good = JSON.stringify(SPAN, undefined, 4);
    const { account, spans } = await decodeDump(
      `${good}\n${good.slice(0, 300)}\nTraceback (most recent call last):\n${good}\n`,
    );
    expect(spans).toHaveLength(2);
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['malformed-json']);
  });

  test('values nested without end cost their span', async () => {
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    const text = JSON.stringify({ ...SPAN, attributes: { deep: 0 } }).replace('"deep":0', `"deep":${deep}`);
    const { account, spans } = await decodeDump(`${text}\n${JSON.stringify(SPAN)}`);
    expect(spans).toHaveLength(1);
    expect(account.skipped.map(({ reason }) => reason)).toEqual(['too-deep']);
  });
});

test('without console output, lines of text stay a loss', async () => {
  const { account } = await decodeDump('hello\n{"resourceSpans":[]}\n{"hello":"world"}\n[INFO] ready\n');
  expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
    ['unrecognised-json', 1],
    ['not-json', 2],
  ]);
});

describeRealData('the real file', () => {
  test('holds two spans of a trace', async () => {
    const { account, spans } = await decodeDump(readFileSync(sharedData('sdk-console/python-console-exporter.txt')));
    expect(account).toMatchObject({ documents: 2, spans: 2, skipped: [], repaired: [], fault: undefined });
    const [roll, server] = spans;
    expect(roll).toMatchObject({
      traceId: '48da59d77e13beadd1a961dc8fcaa74e',
      spanId: '40c38b50bc8da6b7',
      parentSpanId: '84f8c5d92970d94f',
      kind: 'internal',
      startTimeUnixNano: 1_651_104_475_892_307_000n,
      durationNano: 24_000n,
      attributes: { 'roll.value': 4n },
      serviceName: 'unknown_service',
    });
    expect(server).toMatchObject({ spanId: '84f8c5d92970d94f', parentSpanId: undefined, kind: 'server' });
    expect(Object.keys(server!.attributes)).toHaveLength(12);
  });
});
