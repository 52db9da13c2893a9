import { describe, expect, test } from 'vitest';
import { Quirk } from '../../src/model/span-batch.ts';
import { buildTrace } from '../../src/model/trace.ts';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { readDump } from '../support/load.ts';
import { NESTED, PLAIN } from './plain-spans.ts';

// OTLP JSON, file by file as fixtures/README.md tells it.

describe('the spans of plain.json', () => {
  test.each([
    'plain.json',
    'snake-case.jsonl',
    'base64-ids.json',
    'enum-names.json',
    'bare-number-times.json',
    'long-objects.json',
    'hrtime-pairs.json',
    'buffer-ids.json',
    'upper-case-ids.json',
    'instrumentation-library.json',
    'resource-last.json',
    'escaped-text.json',
    'nulls.json',
    'array-of-requests.json',
    'array-of-resource-spans.json',
    'resource-spans-lines.jsonl',
    'concatenated.json',
    'comma-separated.json',
    'envelope-result.json',
    'batches.json',
    'bom-crlf.jsonl',
    'nul-padded.jsonl',
    'framed-zstd.json',
  ])('are in %s, and nothing in it is mended or left out', async file => {
    const { account, spans } = await decodeDump(fixture(`otlp-json/${file}`));
    expect(spans).toEqual(PLAIN);
    expect(account).toMatchObject({ spans: 4, skipped: [], repaired: [], fault: undefined });
  });

  test('are in envelope-trace.json, which says itself that it is not all of the trace', async () => {
    const { account, spans } = await decodeDump(fixture('otlp-json/envelope-trace.json'));
    expect(spans).toEqual(PLAIN);
    expect(account.repaired).toEqual([
      { reason: 'partial-trace', count: 1, first: { offset: 2486, detail: 'trace exceeds max size' } },
    ]);
    expect(account).toMatchObject({ spans: 4, skipped: [], fault: undefined });
  });

  test('are in logger-prefix.txt, behind the prefixes of a logger', async () => {
    const { account, spans } = await decodeDump(fixture('otlp-json/logger-prefix.txt'));
    expect(spans).toEqual(PLAIN);
    expect(account.skipped).toEqual([
      { reason: 'log-lines', count: 1, first: { offset: 0, detail: 'INFO: exporter started' } },
    ]);
    expect(account).toMatchObject({ documents: 2, repaired: [], fault: undefined });
  });

  test('are in mixed-signals.jsonl, whose other signals are counted by name', async () => {
    const { account, spans } = await decodeDump(fixture('otlp-json/mixed-signals.jsonl'));
    expect(spans).toEqual(PLAIN);
    expect(account.documents).toBe(2);
    expect(account.skipped).toEqual([
      { reason: 'otlp-logs', count: 1, first: { offset: 0, detail: '' } },
      { reason: 'otlp-metrics', count: 1, first: { offset: 1478, detail: '' } },
      { reason: 'otlp-profiles', count: 1, first: { offset: 2860, detail: '' } },
      { reason: 'no-spans', count: 1, first: { offset: 1600, detail: 'an empty object' } },
    ]);
  });

  test.each(['plain-spans.jsonl', 'array-of-spans.json'])('are in %s without resource and scope', async file => {
    const { spans } = await decodeDump(fixture(`otlp-json/${file}`));
    const scope = { name: '', version: '', attributes: {} };
    expect(spans).toEqual(PLAIN.map(span => ({ ...span, serviceName: 'unknown_service', resource: {}, scope })));
  });

  test('are in attribute-maps.json with plain values: no double that is whole, no bytes, no integer beyond 2^53', async () => {
    const { spans } = await decodeDump(fixture('otlp-json/attribute-maps.json'));
    const [root, call, charge, retry] = PLAIN;
    expect(spans).toEqual([
      root,
      {
        ...call,
        attributes: { ...call!.attributes, big: '9007199254740993', negative: '-9223372036854775808', whole: 3n },
      },
      { ...charge, attributes: { ...charge!.attributes, raw: '+/8A' } },
      retry,
    ]);
  });

  test('are the same whether the shop comes in one request or in five', async () => {
    const [one, five] = await Promise.all(
      ['shop.json', 'shop.jsonl'].map(file => readDump(fixture(`otlp-json/${file}`))),
    );
    expect(five!.spans).toEqual(one!.spans);
    expect([one!.account.documents, five!.account.documents]).toEqual([1, 5]);
  });
});

describe('attributes', () => {
  test('of every type, nested and empty, keep their types; of two with one key the last counts', async () => {
    const { spans, account } = await readDump(fixture('otlp-json/nested-attributes.json'));
    expect(spans[0]?.attributes).toEqual(NESTED);
    expect(account).toMatchObject({ skipped: [], repaired: [] });
  });

  test('that OpenTelemetry JS cannot say are null, and its large numbers doubles', async () => {
    const { spans } = await readDump(fixture('otlp-json/js-sdk-numbers.json'));
    expect(spans[0]?.attributes).toEqual({
      nan: null,
      infinity: null,
      huge: 1e21,
      whole: 3n,
      'minus.zero': 0n,
      nothing: null,
    });
  });

  test('and names hold any character; half a surrogate pair becomes U+FFFD', async () => {
    const { spans } = await readDump(fixture('otlp-json/unicode-escapes.json'));
    expect(spans.map(({ name }) => name)).toEqual([
      '\u001b[2J\u001b[Hcleared',
      'tab\there',
      'line\nbreak',
      '\u202eevil',
      '🙈🙉🙊',
      '',
      'lone \ufffd and \ufffd',
    ]);
    expect(spans[0]?.attributes).toEqual({
      quotes: 'a "quoted" \\ back\\\\slash',
      controls: '\b\f\n\r\t\u0000\u001f\u007f\u0085',
      terminal: '\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u009b2J',
      'right.to.left': '\u202egnp.exe\u202c \u200fשלום\u200f \u2066x\u2069',
      'emoji 👩‍👩‍👧': '🇪🇺 👍🏽 e\u0301 \u{1F9D1}\u200d\u{1F680}',
      wide: '日本語 한국어 ｆｕｌｌ',
      'zero.width': 'a\u200bb\ufeffc',
      formula: '=HYPERLINK("http://example.invalid")',
      markup: '</script><img src=x onerror=alert(1)> | `code` | ::error::x',
    });
  });

  test('without a key are left out and counted; with an empty key they are kept', async () => {
    const attributes = [{ value: { stringValue: 'no key' } }, { key: '', value: { stringValue: 'an empty key' } }];
    const text = requestWith({ attributes });
    const { account, spans } = await decodeDump(text);
    const offset = text.indexOf('{"value"');
    expect(spans[0]?.attributes).toEqual({ '': 'an empty key' });
    expect(account.repaired).toEqual([
      { reason: 'unexpected-type', count: 1, first: { offset, detail: 'an attribute without a key' } },
    ]);
  });

  test.each([
    [{ intValue: '7' }, 7n],
    [{ intValue: 7.0 }, 7n],
    [{ intValue: '+7' }, 7n],
    [{ intValue: '007' }, 7n],
    [{ intValue: '-0' }, 0n],
    [{ intValue: '9223372036854775808' }, '9223372036854775808'],
    [{ intValue: '12abc' }, '12abc'],
    [{ intValue: '' }, ''],
    [{ intValue: 1.5 }, 1.5],
    [{ intValue: { low: -1, high: -1, unsigned: false } }, -1n],
    [{ doubleValue: 0 }, 0],
    [{ doubleValue: -0.5 }, -0.5],
    [{ doubleValue: 'NaN' }, Number.NaN],
    [{ doubleValue: '-Infinity' }, Number.NEGATIVE_INFINITY],
    [{ boolValue: true }, true],
    [{ boolValue: 'false' }, false],
    [{ bytesValue: 'AQID' }, Uint8Array.of(1, 2, 3)],
    [{ bytesValue: 'AQID_-8' }, Uint8Array.of(1, 2, 3, 255, 239)],
    [{ bytesValue: { type: 'Buffer', data: [1, 2] } }, Uint8Array.of(1, 2)],
    [{ bytesValue: [3, 4] }, Uint8Array.of(3, 4)],
    [{ arrayValue: {} }, []],
    [{ arrayValue: [{ intValue: 1 }] }, [1n]],
    [{ kvlistValue: { values: [{ key: 'a' }] } }, { a: null }],
    [{ array_value: { values: [{ string_value: 'a' }] } }, ['a']],
    [{ unknownValue: 1 }, 1n],
    [{}, null],
    [null, null],
    ['not an AnyValue', 'not an AnyValue'],
    [5, 5n],
    [
      ['a', 1],
      ['a', 1n],
    ],
  ])('%j is read as it is meant', async (value, expected) => {
    const forms = [
      requestWith({ attributes: [{ key: 'a', value }] }),
      requestWith({ attributes: [{ value, key: 'a' }] }),
      requestWith({ events: [{ attributes: [{ key: 'a', value }] }] }),
      requestWith({ links: [{ attributes: [{ key: 'a', value }] }] }),
      requestWith({}, [{ key: 'a', value }]),
    ];
    for (const form of forms) {
      const { spans } = await decodeDump(form);
      const span = spans[0]!;
      const maps = [span.attributes, span.resource, ...[...span.events, ...span.links].map(part => part.attributes)];
      expect(maps.find(map => 'a' in map)).toEqual({ a: expected });
    }
  });
});

describe('times', () => {
  test('that cannot be are mended, and it is known which were not recorded', async () => {
    const { spans, account } = await readDump(fixture('otlp-json/odd-times.json'));
    const start = 1_793_606_400_000_000_000n;
    expect(
      spans.map(({ name, startTimeUnixNano, durationNano, quirks }) => [
        name,
        startTimeUnixNano - start,
        durationNano,
        quirks,
      ]),
    ).toEqual([
      ['span 1', 1_000_000n, 100_000_000n, 0],
      // No times at all: it stands where the trace begins.
      ['span 4', 1_000_000n, 0n, Quirk.startUnknown | Quirk.endUnknown],
      ['span 3', 3_000_000n, 0n, Quirk.endUnknown],
      // It ends before it starts.
      ['span 2', 5_000_000n, 0n, 0],
    ]);
    expect(account.repaired).toEqual([
      { reason: 'end-before-start', count: 1, first: { offset: 592, detail: 'the times of a span' } },
    ]);
  });

  test.each([
    ['1.793606400123456789e18', 1_793_606_400_123_456_789n],
    ['2026-11-02T08:00:00.123456789Z', 1_793_606_400_123_456_789n],
    [[1_793_606_400, 123_456_789], 1_793_606_400_123_456_789n],
  ])('may be %j', async (startTimeUnixNano, nanos) => {
    const { spans } = await decodeDump(requestWith({ startTimeUnixNano, endTimeUnixNano: null }));
    expect(spans[0]).toMatchObject({ startTimeUnixNano: nanos, durationNano: 0n, quirks: Quirk.endUnknown });
  });

  test('with an end only stand at their end', async () => {
    const { account, spans } = await decodeDump(requestWith({ startTimeUnixNano: 0 }));
    expect(spans[0]).toMatchObject({
      startTimeUnixNano: 1000n + 10n ** 18n,
      durationNano: 0n,
      quirks: Quirk.endUnknown,
    });
    expect(account.repaired.map(({ reason }) => reason)).toEqual(['missing-start']);
  });
});

describe('ids', () => {
  test('of nothing but zeros are no parent, and are told where they are a span or a trace', async () => {
    const { spans, account, result } = await readDump(fixture('otlp-json/zero-ids.json'));
    const zero = '0000000000000000';
    expect(spans.map(({ spanId, parentSpanId, traceId }) => [traceId === zero + zero, spanId, parentSpanId])).toEqual([
      [true, '0000000000000003', undefined],
      [false, '0000000000000001', undefined],
      [false, zero, '0000000000000001'],
    ]);
    expect(spans[1]?.links).toEqual([{ traceId: zero + zero, spanId: zero, attributes: {} }]);
    expect(account.repaired).toEqual([{ reason: 'zero-id', count: 2, first: { offset: 832, detail: 'spanId' } }]);
    expect(result.traces).toBe(2);
  });

  test('that come twice are duplicates where the spans are alike', async () => {
    const { spans, account, result } = await readDump(fixture('otlp-json/duplicate-spans.jsonl'));
    expect(spans.map(({ name }) => name)).toEqual(['span 1', 'span 2', 'span 3']);
    expect(account.spans).toBe(5);
    expect(result).toMatchObject({ spans: 3, duplicates: 2, sharedIds: 0 });
  });

  test('that two different spans have are kept by both', async () => {
    const { spans, result } = await readDump(fixture('otlp-json/conflicting-ids.jsonl'));
    expect(spans.map(({ name, spanId, kind }) => [name, spanId, kind])).toEqual([
      ['span 1', '0000000000000001', 'internal'],
      ['first', '0000000000000002', 'internal'],
      ['second', '0000000000000002', 'client'],
    ]);
    expect(result).toMatchObject({ spans: 3, duplicates: 0, sharedIds: 2 });
  });
});

describe('parents', () => {
  test('in a cycle are cut once, and a span that is its own parent is, too', async () => {
    const { spans, result } = await readDump(fixture('otlp-json/cycle.jsonl'));
    expect(result).toMatchObject({ spans: 5, traces: 1, cuts: 2 });
    const { nodes, complete } = buildTrace(spans);
    expect(nodes.map(({ span, parentage, depth }) => [span.name, parentage, depth]).sort()).toEqual([
      ['span 1', 'root', 0],
      ['span 2', 'cut', 0],
      ['span 3', 'child', 1],
      ['span 4', 'cut', 0],
      ['span 5', 'child', 2],
    ]);
    expect(complete).toBe(false);
  });

  test('may be 299 deep, children first', async () => {
    const { spans, result } = await readDump(fixture('otlp-json/deep-trace.jsonl'));
    expect(result).toMatchObject({ spans: 300, traces: 1 });
    expect(buildTrace(spans).nodes.map(({ depth }) => depth)).toEqual(Array.from({ length: 300 }, (_, depth) => depth));
  });
});

describe('containers', () => {
  test('resource and scope stand wherever they like, also behind other scopes', async () => {
    const span = (number: number) => ({ traceId: '1', spanId: `${number}`, name: `${number}` });
    const scope = (name: string) => ({ scope: { name } });
    const text = JSON.stringify({
      resourceSpans: [
        {
          scopeSpans: [
            { spans: [span(1)], ...scope('late') },
            { ...scope('early'), spans: [span(2)] },
            { spans: [span(3)] },
          ],
          instrumentationLibrarySpans: [{ spans: [span(4)], instrumentationLibrary: { name: 'old' } }],
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'a' } }] },
        },
        { scopeSpans: [{ ...scope('early'), spans: [span(5)] }] },
      ],
    });
    for (const chunk of [text.length, 1]) {
      const { spans } = await decodeDump(text, { chunk });
      expect(spans.map(({ name, serviceName, scope }) => [name, serviceName, scope.name])).toEqual([
        ['1', 'a', 'late'],
        ['2', 'a', 'early'],
        ['3', 'a', ''],
        ['4', 'a', 'old'],
        ['5', 'unknown_service', 'early'],
      ]);
    }
  });

  test.each([
    ['{"resourceSpans":[]}', { format: 'otlp-json', documents: 1 }],
    ['{"resourceSpans":null}', { format: 'otlp-json', documents: 1 }],
    ['{"resourceSpans":[null,{}]}', { format: 'otlp-json', documents: 1 }],
    ['{"result":{}}{"result":{"resourceSpans":[]}}', { format: 'otlp-json', documents: 1 }],
  ])('%s has no spans, and that is no fault', async (text, account) => {
    expect((await decodeDump(text)).account).toMatchObject({ ...account, spans: 0, repaired: [], fault: undefined });
  });
});

/** A request of one span with changes. */
function requestWith(changes: object, resource: readonly object[] = []): string {
  const span = {
    traceId: '1',
    spanId: '1',
    startTimeUnixNano: '1000000000000000000',
    endTimeUnixNano: '1000000000000001000',
    ...changes,
  };
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ spans: [span] }] }] });
}
