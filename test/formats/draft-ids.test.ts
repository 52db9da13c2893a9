import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { inventedId } from '../../src/model/ids.ts';
import { decodeDump } from '../support/decode.ts';
import { countsOf } from './brief.ts';

// One rule for ids in all formats that are read by way of drafts (src/formats/drafts/span-draft.ts): those of zeros are kept and counted,
// those of another length or of no digits are hashed, and a parent is read as the span is to which it leads.

interface Ids {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
}

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = '00000000000000b1';
const TIME = '2026-11-02T08:00:00Z';
const MICROS = 1_793_606_400_000_000;

/** A span with these ids, in formats that write them as text. */
const SPANS: Readonly<Record<string, (ids: Ids) => unknown>> = {
  'clickhouse-json': ids => ({
    Timestamp: TIME,
    TraceId: ids.traceId,
    SpanId: ids.spanId,
    ParentSpanId: ids.parentSpanId,
    SpanName: 'n',
  }),
  'row-json': ids => ({ trace_id: ids.traceId, span_id: ids.spanId, parent_span_id: ids.parentSpanId, start: TIME }),
  'data-prepper': ids => ({ ...ids, traceGroup: 'g', durationInNanos: 1, startTime: TIME, name: 'n' }),
  'jaeger-es': ids => ({
    traceID: ids.traceId,
    spanID: ids.spanId,
    parentSpanID: ids.parentSpanId,
    startTimeMillis: MICROS / 1000,
    startTime: MICROS,
  }),
  'jaeger-model-json': ids => ({
    traceId: ids.traceId,
    spanId: ids.spanId,
    references: [{ traceId: ids.traceId, spanId: ids.parentSpanId }],
    operationName: 'n',
    startTime: TIME,
  }),
  'zipkin-v1-json': ids => ({
    traceId: ids.traceId,
    id: ids.spanId,
    parentId: ids.parentSpanId,
    timestamp: MICROS,
    binaryAnnotations: [],
  }),
  'zipkin-proto-json': ids => ({
    spans: [{ trace_id: ids.traceId, id: ids.spanId, parent_id: ids.parentSpanId, timestamp: MICROS }],
  }),
  'python-console': ids => ({
    name: 'n',
    context: { trace_id: ids.traceId, span_id: ids.spanId },
    parent_id: ids.parentSpanId,
    start_time: TIME,
    end_time: TIME,
  }),
  'go-stdouttrace': ids => ({
    Name: 'n',
    SpanContext: { TraceID: ids.traceId, SpanID: ids.spanId },
    Parent: { TraceID: ids.traceId, SpanID: ids.parentSpanId },
    StartTime: TIME,
    EndTime: TIME,
  }),
  honeycomb: ids => ({
    Timestamp: TIME,
    'trace.trace_id': ids.traceId,
    'trace.span_id': ids.spanId,
    'trace.parent_id': ids.parentSpanId,
    name: 'n',
  }),
  'datadog-json': ids => [
    [{ trace_id: ids.traceId, span_id: ids.spanId, parent_id: ids.parentSpanId, start: 1, duration: 1, service: 's' }],
  ],
  'google-cloud-trace': ids => ({
    projectId: 'p',
    traceId: ids.traceId,
    spans: [{ spanId: ids.spanId, parentSpanId: ids.parentSpanId, startTime: TIME }],
  }),
};

describe.each(Object.entries(SPANS))('%s', (format, spanWith) => {
  const decode = (...changes: readonly Partial<Ids>[]) => {
    const spans = changes.map(change => ({ traceId: TRACE, spanId: SPAN, parentSpanId: '', ...change }));
    return decodeDump(spans.map(ids => `${JSON.stringify(spanWith(ids))}\n`).join(''));
  };
  const zeros = '0000000000000000';

  test('a trace or span id of zeros is kept and counted', async () => {
    const { account, spans } = await decode({ traceId: zeros + zeros, spanId: zeros }, { spanId: zeros }, {});
    expect(spans.map(({ traceId, spanId }) => [traceId, spanId])).toEqual([
      [zeros + zeros, zeros],
      [TRACE, zeros],
      [TRACE, expect.stringMatching(/b1$/)],
    ]);
    expect(account.format).toBe(format);
    expect(countsOf(account)).toMatchObject({ skipped: [], repaired: [['zero-id', 3]] });
  });

  test('a parent id of zeros is none', async () => {
    const { account, spans } = await decode({ parentSpanId: zeros });
    expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined]);
    expect(account.repaired).toEqual([]);
  });

  test('an id that is none is hashed, and leads from child to parent all the same', async () => {
    const { account, spans } = await decode(
      { spanId: 'step one!' },
      { parentSpanId: 'step one!' },
      { spanId: '00112233445566778899' },
      { parentSpanId: '00112233445566778899' },
    );
    expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual([
      undefined,
      spans[0]?.spanId,
      undefined,
      spans[2]?.spanId,
    ]);
    expect(spans[0]?.attributes['tailspan.span_id']).toBe('step one!');
    expect(spans[0]?.spanId).toBe(Buffer.from(inventedId('step one!', 8)).toString('hex'));
    // Google's and Datadog's are decimal, however many digits they have.
    const isDecimal = format === 'google-cloud-trace' || format === 'datadog-json';
    expect(account.repaired.map(({ reason, count }) => [reason, count])).toEqual([['invented-id', isDecimal ? 1 : 2]]);
  });
});

describe('zipkin-proto, which has bytes', () => {
  const SPANS_MESSAGE = protobuf
    .parse(`
      syntax = "proto3";
      message Span { bytes trace_id = 1; bytes parent_id = 2; bytes id = 3; fixed64 timestamp = 6; }
      message ListOfSpans { repeated Span spans = 1; }
    `)
    .root.lookupType('ListOfSpans');
  const bytes = (hex: string) => Buffer.from(hex, 'hex');
  const first = { traceId: bytes(TRACE), id: bytes(SPAN), timestamp: MICROS };
  const decode = (...spans: readonly object[]) =>
    decodeDump(Buffer.from(SPANS_MESSAGE.encode(SPANS_MESSAGE.fromObject({ spans: [first, ...spans] })).finish()));

  test('ids of zeros are kept and counted', async () => {
    const { account, spans } = await decode(
      { ...first, traceId: Buffer.alloc(16) },
      { ...first, id: Buffer.alloc(8), parentId: Buffer.alloc(8) },
    );
    expect(spans.map(({ spanId, parentSpanId }) => [spanId, parentSpanId])).toEqual([
      [SPAN, undefined],
      [SPAN, undefined],
      ['0000000000000000', undefined],
    ]);
    expect(countsOf(account)).toMatchObject({ skipped: [], repaired: [['zero-id', 2]] });
  });

  test.each(['0a', '0a0b0c0d', '000102030405060708090a', '0102030405060708090a0b0c0d0e0f10'])(
    'an id of the bytes %s is hashed, and leads from child to parent all the same',
    async hex => {
      const { account, spans } = await decode({ ...first, id: bytes(hex) }, { ...first, parentId: bytes(hex) });
      expect(spans[1]).toMatchObject({
        spanId: Buffer.from(inventedId(bytes(hex), 8)).toString('hex'),
        attributes: { 'tailspan.span_id': hex },
      });
      expect(spans[2]?.parentSpanId).toBe(spans[1]?.spanId);
      expect(countsOf(account)).toMatchObject({ skipped: [], repaired: [['invented-id', 1]] });
    },
  );
});
