import { describe, expect, test } from 'vitest';
import { otlpJsonLine } from '../../src/formats/otlp-json/encode.ts';
import type { Span } from '../../src/model/span.ts';
import { fixture } from '../support/fixtures.ts';
import { call, clientOf, EXPORT } from './grpc-calls.ts';
import { type Receiving, receiving, send } from './receiving.ts';

// What becomes of content that is sound as a message and not as a trace: docs/receivers.md, "What becomes of bad requests".

const SPAN: Span = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  parentSpanId: 'eee19b7ec3c1b173',
  name: 'GET /',
  kind: 'server',
  serviceName: 'shop',
  startTimeUnixNano: 1_793_606_400_000_000_456n,
  durationNano: 5n,
  status: { code: 'unset', message: '' },
  attributes: {},
  resource: { 'service.name': 'shop' },
  scope: { name: '', version: '', attributes: {} },
  events: [],
  links: [],
  flags: 0,
  traceState: undefined,
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
  quirks: 0,
};

function post(receiver: Receiving, contentType: string, body: string | Uint8Array) {
  return send(receiver.port, { path: '/v1/traces', headers: { 'Content-Type': contentType }, body });
}

describe('ids', () => {
  test.each([
    ['of nothing but zeros', { traceId: '0'.repeat(32) }, 'zero-id', { traceId: '0'.repeat(32) }],
    [
      'that are too long',
      { spanId: 'abcdef0123456789ab' },
      'invented-id',
      { attributes: { 'tailspan.span_id': 'abcdef0123456789ab' } },
    ],
    ['that are no hex', { traceId: 'the first' }, 'invented-id', { attributes: { 'tailspan.trace_id': 'the first' } }],
  ])('%s are kept, and counted', async (_, changes, reason, expected) => {
    const receiver = await receiving('otlp-http');
    const answer = await post(receiver, 'application/json', otlpJsonLine([{ ...SPAN, ...changes }]));
    expect(answer.status).toBe(200);
    const { spans, account } = await receiver.finish();
    expect(spans).toMatchObject([expected]);
    expect(account.repaired).toMatchObject([{ reason, count: 1 }]);
  });
});

test('an id that is too short has zeros before it', async () => {
  const receiver = await receiving('otlp-http');
  await post(receiver, 'application/json', otlpJsonLine([{ ...SPAN, spanId: 'abcdef0123' }]));
  expect((await receiver.finish()).spans).toMatchObject([{ spanId: '000000abcdef0123' }]);
});

describe('bytes that are no UTF-8', () => {
  test('in the name of a JSON span become U+FFFD', async () => {
    const receiver = await receiving('otlp-http');
    const body = Buffer.from(otlpJsonLine([{ ...SPAN, name: 'GET _/' }]));
    body[body.indexOf('_')] = 0xff;
    expect((await post(receiver, 'application/json', body)).status).toBe(200);
    const { spans, account } = await receiver.finish();
    expect(spans).toMatchObject([{ name: 'GET \ufffd/' }]);
    expect(account).toMatchObject({ skipped: [], repaired: [] });
  });

  test.each(['otlp-http', 'otlp-grpc'])('in a protobuf message to %s become U+FFFD', async name => {
    const receiver = await receiving(name);
    const good = fixture('otlp-proto/plain.pb');
    const at = good.indexOf('GET /pay');
    expect(at).toBeGreaterThan(0);
    const body = Buffer.from(good);
    body[at] = 0xff;
    if (name === 'otlp-grpc') {
      expect(await call(clientOf(receiver.port), { method: EXPORT, body })).toEqual({ response: Buffer.alloc(0) });
    } else expect((await post(receiver, 'application/x-protobuf', body)).status).toBe(200);
    const { spans, account } = await receiver.finish();
    expect(spans.map(({ name: text }) => text)).toContain('\ufffdET /pay');
    expect(account).toMatchObject({ skipped: [], repaired: [] });
  });
});

test('a span whose attribute is nested too deeply is left out, and the sender told', async () => {
  const receiver = await receiving('otlp-http');
  const deep = `${'{"arrayValue":{"values":['.repeat(70)}{}${']}}'.repeat(70)}`;
  const line = otlpJsonLine([
    { ...SPAN, attributes: { deep: 'DEEP' } },
    { ...SPAN, spanId: 'eee19b7ec3c1b175' },
  ]);
  const answer = await post(receiver, 'application/json', line.replace('{"stringValue":"DEEP"}', deep));
  expect(JSON.parse(answer.body.toString())).toMatchObject({ partialSuccess: { rejectedSpans: '1' } });
  const { spans, account } = await receiver.finish();
  expect(spans).toMatchObject([{ spanId: 'eee19b7ec3c1b175' }]);
  expect(account.skipped).toMatchObject([{ reason: 'too-deep', count: 1 }]);
});
