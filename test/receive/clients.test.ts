import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpJsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as HttpProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { expect, onTestFinished, test } from 'vitest';
import { recordShop } from '../../fixtures/programs/shop.ts';
import type { Span } from '../../src/model/span.ts';
import type { Outcome, Sink } from '../../src/receive/sink.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { brief, call, clientOf, EXPORT } from './grpc-calls.ts';
import { receiving } from './receiving.ts';

// What OpenTelemetry's own exporters send, over a socket, arrives as it was recorded.

interface Exporter {
  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
}

const shop = recordShop();

/** As the exporters name it; the enumeration itself is of a package that is not ours. */
const GZIP = 'gzip' as NonNullable<ConstructorParameters<typeof HttpJsonExporter>[0]>['compression'] & string;

const EXPORTERS: Readonly<Record<string, readonly [receiver: string, make: (endpoint: string) => Exporter]>> = {
  'OTLP/HTTP, JSON': ['otlp-http', endpoint => new HttpJsonExporter({ url: `${endpoint}/v1/traces` })],
  'OTLP/HTTP, JSON, gzip': [
    'otlp-http',
    endpoint => new HttpJsonExporter({ url: `${endpoint}/v1/traces`, compression: GZIP }),
  ],
  'OTLP/HTTP, protobuf': ['otlp-http', endpoint => new HttpProtobufExporter({ url: `${endpoint}/v1/traces` })],
  'OTLP/HTTP, protobuf, gzip': [
    'otlp-http',
    endpoint => new HttpProtobufExporter({ url: `${endpoint}/v1/traces`, compression: GZIP }),
  ],
  'OTLP/gRPC': ['otlp-grpc', endpoint => new GrpcExporter({ url: endpoint })],
  'OTLP/gRPC, gzip': ['otlp-grpc', endpoint => new GrpcExporter({ url: endpoint, compression: GZIP })],
};

function exported(exporter: Exporter, spans: readonly ReadableSpan[]): Promise<ExportResult> {
  return new Promise(resolve => exporter.export([...spans], resolve));
}

/** What tells a span, as the SDK recorded it. */
function recorded(span: ReadableSpan) {
  const { traceId, spanId } = span.spanContext();
  const nanos = ([seconds, rest]: readonly [number, number]) => BigInt(seconds) * 1_000_000_000n + BigInt(rest);
  return {
    traceId,
    spanId,
    name: span.name,
    startTimeUnixNano: nanos(span.startTime),
    durationNano: nanos(span.endTime) - nanos(span.startTime),
    keys: Object.keys(span.attributes).sort(),
  };
}

function stored({ traceId, spanId, name, startTimeUnixNano, durationNano, attributes }: Span) {
  return { traceId, spanId, name, startTimeUnixNano, durationNano, keys: Object.keys(attributes).sort() };
}

const byId = (a: { traceId: string; spanId: string }, b: { traceId: string; spanId: string }) =>
  a.traceId.localeCompare(b.traceId) || a.spanId.localeCompare(b.spanId);

test.each(Object.entries(EXPORTERS))('%s: every span arrives exactly', async (_, [name, make]) => {
  const receiver = await receiving(name);
  const exporter = make(receiver.endpoint);
  onTestFinished(() => exporter.shutdown());
  for (let at = 0; at < shop.length; at += 20) {
    expect(await exported(exporter, shop.slice(at, at + 20))).toEqual({ code: ExportResultCode.SUCCESS });
  }
  await exporter.shutdown();
  const { spans, account, result, counts } = await receiver.finish();
  expect(spans.map(stored).sort(byId)).toEqual(shop.map(recorded).sort(byId));
  expect(spans).toEqual((await readDump(fixture('otlp-json/shop.jsonl'))).spans);
  expect(account).toMatchObject({ skipped: [], repaired: [], spans: shop.length });
  expect(result).toMatchObject({ spans: shop.length, traces: 6, duplicates: 0 });
  expect(counts).toMatchObject({ requests: Math.ceil(shop.length / 20), refused: 0, lost: 0 });
});

test("Zipkin's exporter: every span arrives", async () => {
  const receiver = await receiving('zipkin');
  const exporter = new ZipkinExporter({ url: `${receiver.endpoint}/api/v2/spans` });
  expect(await exported(exporter, shop)).toEqual({ code: ExportResultCode.SUCCESS });
  await exporter.shutdown();
  const { spans } = await receiver.finish();
  expect(spans).toEqual((await readDump(fixture('zipkin-json/shop.json'))).spans);
});

/** A sink that puts off the first request and takes the others. */
function reluctant(kind: 'overloaded' | 'unavailable'): { readonly sink: Sink; readonly calls: () => number } {
  const putOff: Outcome =
    kind === 'overloaded' ? { kind, retryAfterMs: 20 } : { kind, message: 'the database is being moved' };
  let calls = 0;
  const sink: Sink = {
    accept: async () => (++calls === 1 ? putOff : { kind: 'accepted' }),
    refuse: () => {},
    drop: () => {},
    putOff: () => {},
  };
  return { sink, calls: () => calls };
}

test.each(['overloaded', 'unavailable'] as const)('an exporter that is told %s sends again', async kind => {
  const { sink, calls } = reluctant(kind);
  const receiver = await receiving('otlp-http', { sink });
  const exporter = new HttpProtobufExporter({ url: `${receiver.endpoint}/v1/traces` });
  onTestFinished(() => exporter.shutdown());
  expect(await exported(exporter, shop.slice(0, 2))).toEqual({ code: ExportResultCode.SUCCESS });
  expect(calls()).toBe(2);
});

// OpenTelemetry's exporter for Node.js gives up at once; gRPC's own client retries as it is told to.
test.each([
  ['overloaded', 'RESOURCE_EXHAUSTED'],
  ['unavailable', 'UNAVAILABLE'],
] as const)('a client of gRPC that is told %s calls again', async (kind, code) => {
  const { sink, calls } = reluctant(kind);
  const receiver = await receiving('otlp-grpc', { sink });
  const retryPolicy = {
    maxAttempts: 3,
    initialBackoff: '0.02s',
    maxBackoff: '0.1s',
    backoffMultiplier: 2,
    retryableStatusCodes: [code],
  };
  const methodConfig = [{ name: [{}], retryPolicy }];
  const client = clientOf(receiver.port, { 'grpc.service_config': JSON.stringify({ methodConfig }) });
  const body = fixture('otlp-proto/plain.pb');
  expect(brief(await call(client, { method: EXPORT, body }))).toBe('OK');
  expect(calls()).toBe(2);
});
