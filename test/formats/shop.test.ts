import { describe, expect, test } from 'vitest';
import { type Attributes, type AttributeValue, jsonOfValue } from '../../src/model/attributes.ts';
import type { Span } from '../../src/model/span.ts';
import { Quirk } from '../../src/model/span-batch.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';

// One scene, played through the OpenTelemetry SDK and written by the real exporters, is the same spans in every format but
// for what the format or its exporter cannot say. Each loss is a step from the OTLP span to what is left of it.

type Loss = (span: Span) => Span;

const cut = (nanos: bigint) => (nanos / 1000n) * 1000n;

/** Nanoseconds as JavaScript has them in microseconds: a double, with fractions of a quarter in our days. */
function throughDouble(nanos: bigint, toInteger: (micros: number) => number): bigint {
  const micros = Number(nanos / 1_000_000_000n) * 1e6 + Number(nanos % 1_000_000_000n) / 1e3;
  return BigInt(toInteger(micros)) * 1000n;
}

const LOSSES: Readonly<Record<string, Readonly<Record<string, Loss>>>> = {
  'otlp-json/shop.json': {},
  'otlp-proto/shop.pb': {},
  'otlp-proto/shop-concatenated.pb': {},
  'otlp-proto/shop-framed.pb': {},
  'otlp-proto/shop-framed-zstd.pb': {},
  'jaeger-json/shop.json': {
    'times below a microsecond': span => ({
      ...span,
      startTimeUnixNano: cut(span.startTimeUnixNano),
      durationNano: cut(span.durationNano),
      events: span.events.map(event => ({ ...event, timeUnixNano: cut(event.timeUnixNano) })),
    }),
    'arrays and maps are JSON text': span => ({
      ...span,
      attributes: mapped(span.attributes, jsonText),
      events: span.events.map(event => ({ ...event, attributes: mapped(event.attributes, jsonText) })),
    }),
    'attributes of links': span => ({
      ...span,
      links: span.links.map(link => ({ ...link, attributes: { 'opentracing.ref_type': 'follows_from' } })),
    }),
    'dropped counts': withoutCounts,
    flags: span => ({ ...span, flags: 0 }),
  },
  'zipkin-json/shop.json': {
    'times below a microsecond; durations and times of events are rounded': span => ({
      ...span,
      startTimeUnixNano: throughDouble(span.startTimeUnixNano, Math.trunc),
      durationNano: throughDouble(span.durationNano, Math.round),
      events: span.events.map(event => ({ ...event, timeUnixNano: throughDouble(event.timeUnixNano, Math.round) })),
    }),
    'attributes are text': span => ({
      ...span,
      attributes: mapped(span.attributes, scriptText),
      resource: mapped(span.resource, scriptText),
    }),
    'which attributes are those of the resource, but for service, telemetry and k8s': span => ({
      ...span,
      attributes: { ...span.attributes, ...withKeys(span.resource, key => !isResourceKey(key)) },
      resource: withKeys(span.resource, isResourceKey),
    }),
    'attributes of events': span => ({ ...span, events: span.events.map(event => ({ ...event, attributes: {} })) }),
    links: span => ({ ...span, links: [] }),
    'scope and tracestate': span => ({
      ...span,
      scope: { name: '', version: '', attributes: {} },
      traceState: undefined,
    }),
    flags: span => ({ ...span, flags: 0 }),
    'that an id is not shared': span => ({ ...span, quirks: Quirk.sharedParent }),
  },
};

describe.each(Object.entries(LOSSES))('%s', (file, losses) => {
  const names = Object.keys(losses);

  test(`has all spans of shop.jsonl${names.length === 0 ? ', whole' : ` and loses: ${names.join('; ')}`}`, async () => {
    const [whole, lossy] = await Promise.all([shopOf('otlp-json/shop.jsonl'), shopOf(file)]);
    expect(whole).toHaveLength(53);
    expect(lossy).toEqual(whole.map(span => Object.values(losses).reduce((left, lose) => lose(left), span)));
  });

  test.each(names)('really loses: %s', async name => {
    const [whole, lossy] = await Promise.all([shopOf('otlp-json/shop.jsonl'), shopOf(file)]);
    const others = Object.entries(losses).filter(([other]) => other !== name);
    expect(lossy).not.toEqual(whole.map(span => others.reduce((left, [, lose]) => lose(left), span)));
  });
});

/** The spans of a file in order of trace and span id. */
async function shopOf(file: string): Promise<Span[]> {
  const { account, spans } = await readDump(fixture(file));
  expect(account).toMatchObject({ skipped: [], repaired: [], fault: undefined });
  const keyOf = (span: Span) => span.traceId + span.spanId;
  return spans.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function mapped(attributes: Attributes, change: (value: AttributeValue) => AttributeValue): Attributes {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, change(value)]));
}

function withKeys(attributes: Attributes, isWanted: (key: string) => boolean): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => isWanted(key)));
}

function isResourceKey(key: string): boolean {
  return /^(service|telemetry|k8s)\./.test(key);
}

function withoutCounts(span: Span): Span {
  return { ...span, droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 };
}

/** Arrays and maps as Go writes them: keys in order. */
function jsonText(value: AttributeValue): AttributeValue {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const sorted = (item: unknown): unknown => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(
      Object.entries(item)
        .map(([key, inner]) => [key, sorted(inner)])
        .toSorted(),
    );
  };
  return JSON.stringify(sorted(jsonOfValue(value)));
}

/** What JavaScript's `String` makes of a value. */
function scriptText(value: AttributeValue): AttributeValue {
  if (value instanceof Uint8Array) return String(value);
  return Array.isArray(value) ? value.map(item => scriptText(item)).join(',') : String(value);
}
