import { describe, expect, test } from 'vitest';
import { decodeDump } from '../support/decode.ts';
import { fixture } from '../support/fixtures.ts';
import { brief, countsOf } from './brief.ts';

describe('fixtures', () => {
  test('traces.json', async () => {
    const { account, spans } = await decodeDump(fixture('datadog-json/traces.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [['zero-id', 1]] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '6ae7dd0000000000e182d5edf67422da',
        spanId: '8010d93326c2c4bc',
        name: 'GET /users/?',
        kind: 'server',
        serviceName: 'web',
        startTimeUnixNano: 1793606400123456789n,
        durationNano: 120000001n,
        attributes: {
          'http.status_code': '500',
          'error.type': 'TypeError',
          'error.message': 'x is not a function',
          'error.stack': 'TypeError: x is not a function',
          _sampling_priority_v1: 1n,
          '_dd.agent_psr': 0.5,
          'operation.name': 'web.request',
          'span.type': 'web',
        },
        resource: { 'service.name': 'web', 'deployment.environment.name': 'prod', 'service.version': '1.4.2' },
        status: { code: 'error', message: 'x is not a function' },
        events: [{ timeUnixNano: 1793606400200000001n, name: 'retry', attributes: { attempt: 2n } }],
        links: [
          {
            traceId: '0eacdb57bebc935038bf5b4802ccabd5',
            spanId: '70666bf9dee4a3fe',
            attributes: { why: 'batch' },
          },
        ],
      },
      {
        traceId: '6ae7dd0000000000e182d5edf67422da',
        spanId: '0000000000000002',
        parentSpanId: '8010d93326c2c4bc',
        name: 'SELECT * FROM users WHERE id = ?',
        kind: 'client',
        serviceName: 'postgres',
        startTimeUnixNano: 1793606400124456789n,
        durationNano: 50000000n,
        attributes: {
          events: 'a tag of that name',
          'db.row_count': 3n,
          'operation.name': 'postgres.query',
          'span.type': 'sql',
        },
        resource: { 'service.name': 'postgres', 'deployment.environment.name': 'prod' },
        events: [
          {
            timeUnixNano: 1793606400125456789n,
            name: 'slow',
            attributes: { text: 'a', yes: true, count: 7n, ratio: 0.5, list: ['b', 1n] },
          },
        ],
        links: [
          {
            traceId: '00000000000000010000000000000005',
            spanId: '0000000000000006',
            attributes: { tracestate: 'dd=s:1', flags: 1n },
          },
        ],
      },
      {
        traceId: '00000000000000000000000000000000',
        spanId: '0000000000000001',
        name: 'outer',
        kind: 'unspecified',
        serviceName: 'test',
        startTimeUnixNano: 1793606400123456789n,
        durationNano: 10n,
        attributes: { 'operation.name': 'outer' },
        resource: { 'service.name': 'test' },
      },
    ]);
  });

  test('agent-payload.json', async () => {
    const { account, spans } = await decodeDump(fixture('datadog-json/agent-payload.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '6ae7dd0000000000e182d5edf67422da',
        spanId: '0000000000000001',
        name: 'GET /',
        kind: 'unspecified',
        serviceName: 'web',
        startTimeUnixNano: 1793606400123456789n,
        durationNano: 5n,
        attributes: { _sampling_priority_v1: 1n, 'operation.name': 'web.request' },
        resource: {
          'container.id': 'c-1',
          'telemetry.sdk.language': 'nodejs',
          'deployment.environment.name': 'prod',
          'service.name': 'web',
        },
      },
    ]);
  });

  test('spans.json', async () => {
    const { account, spans } = await decodeDump(fixture('datadog-json/spans.json'));
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [] });
    expect(spans.map(brief)).toEqual([
      {
        traceId: '00000000000000000000000000000011',
        spanId: '0000000000000001',
        name: 'outer',
        kind: 'unspecified',
        serviceName: 'test',
        startTimeUnixNano: 1793606400123456789n,
        durationNano: 10n,
        attributes: { 'operation.name': 'outer' },
        resource: { 'service.name': 'test' },
      },
    ]);
  });
});

describe('tracer-payload.jsonl (v0.7)', () => {
  test('holds the spans of traces.json, and what it says of all of them', async () => {
    const { account, spans } = await decodeDump(fixture('datadog-json/tracer-payload.jsonl'));
    expect(countsOf(account)).toEqual({ documents: 2, skipped: [], repaired: [] });
    const { spans: plain } = await decodeDump(fixture('datadog-json/traces.json'));
    const process = {
      'container.id': 'c-1',
      'telemetry.sdk.language': 'go',
      'process.runtime.version': 'go1.25',
      'telemetry.sdk.version': 'v2.3.0',
      'service.instance.id': '4f1c2c5e-0000-4000-8000-000000000001',
      'host.name': 'host-1',
      'deployment.environment.name': 'prod',
      '_dd.tags.container': 'image:shop',
    };
    const chunk = { '_dd.p.dm': '-4', '_dd.origin': 'rum' };
    expect(spans).toEqual([
      ...plain.slice(0, 2).map((span, at) => ({
        ...span,
        // A span's own priority outweighs that of its chunk.
        attributes: { _sampling_priority_v1: at === 0 ? 1n : 2n, ...chunk, ...span.attributes },
        resource: { ...process, ...span.resource },
      })),
      {
        ...plain[2],
        traceId: '00000000000000000000000000000011',
        attributes: { 'datadog.dropped_trace': true, 'operation.name': 'outer' },
        resource: { ...process, 'service.name': 'test' },
      },
    ]);
  });

  test('chunks and payloads that are none are reported', async () => {
    const span = { trace_id: 1, span_id: 2, start: 1, duration: 1, service: 's' };
    const payload = (chunks: unknown) => ({ tracer_version: '1', tags: 7, chunks });
    const texts = [payload([{ spans: [span] }, 7, null, { spans: 'x', tags: [] }]), payload({}), payload(null)];
    const { account, spans } = await decodeDump(texts.map(text => JSON.stringify(text)).join('\n'));
    expect(spans.map(brief)).toEqual([
      {
        traceId: '00000000000000000000000000000001',
        spanId: '0000000000000002',
        name: '',
        kind: 'unspecified',
        serviceName: 's',
        startTimeUnixNano: 1n,
        durationNano: 1n,
        resource: { 'telemetry.sdk.version': '1', 'service.name': 's' },
      },
    ]);
    expect(countsOf(account)).toEqual({ documents: 3, skipped: [['unexpected-type', 3]], repaired: [] });
  });
});

describe('containers', () => {
  test("a logger's lines hold the same spans", async () => {
    const { account, spans } = await decodeDump(fixture('datadog-json/logged.jsonl'));
    expect(countsOf(account)).toEqual({ documents: 2, skipped: [], repaired: [['zero-id', 1]] });
    expect(spans).toEqual((await decodeDump(fixture('datadog-json/traces.json'))).spans);
  });
});

describe('deviations', () => {
  const span = (fields: object) =>
    JSON.stringify([[{ trace_id: 1, span_id: 2, start: 1, duration: 1, service: 's', ...fields }]]);

  test.each([
    ['"18446744073709551615"', 'ffffffffffffffff'],
    ['18446744073709551615', 'ffffffffffffffff'],
    ['-1', 'ffffffffffffffff'],
    ['"10"', '000000000000000a'],
    ['"a1b2c3d4e5f60718"', 'a1b2c3d4e5f60718'],
  ])('a span id may be written as %s', async (written, spanId) => {
    const text = `[[{"trace_id":1,"span_id":${written},"start":1,"duration":1,"meta":{}}]]`;
    expect((await decodeDump(text)).spans.map(one => one.spanId)).toEqual([spanId]);
  });

  test.each([
    [{ type: 'web' }, 'server'],
    [{ type: 'http' }, 'client'],
    [{ type: 'sql' }, 'client'],
    [{ type: 'web', meta: { 'span.kind': 'CONSUMER' } }, 'consumer'],
    [{ type: 'custom' }, 'unspecified'],
    [{ type: 'constructor' }, 'unspecified'],
  ])('%j is of its kind', async (fields, kind) => {
    expect((await decodeDump(span(fields))).spans.map(one => one.kind)).toEqual([kind]);
  });

  test('tags that hold links and events and are cut off stay tags', async () => {
    const meta = { '_dd.span_links': '[{"trace_id":"0ea', events: '7' };
    const { spans } = await decodeDump(span({ meta }));
    expect(spans[0]).toMatchObject({ attributes: meta, links: [], events: [] });
  });

  test('an upper half that is no hex is left out', async () => {
    const { spans } = await decodeDump(span({ meta: { '_dd.p.tid': 'rubbish' } }));
    expect(spans[0]?.traceId).toBe('00000000000000000000000000000001');
  });

  test('bad fields are reported', async () => {
    const { account, spans } = await decodeDump(
      span({ start: 'now', duration: [], error: 'x', meta: [], metrics: 7, span_links: [1], span_events: {} }),
    );
    expect(countsOf(account)).toEqual({ documents: 1, skipped: [], repaired: [['invalid-time', 2]] });
    expect(spans).toHaveLength(1);
  });

  test('spans without ids are counted', async () => {
    const { account, spans } = await decodeDump(
      '[[{"trace_id":1,"span_id":1,"start":1,"duration":1,"meta":{}},{"trace_id":1,"span_id":null},{"span_id":1},null,7]]',
    );
    expect(spans).toHaveLength(1);
    expect(account.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['missing-trace-id', 3],
      ['missing-span-id', 1],
    ]);
  });
});
