import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Reason } from '../../src/formats/reasons.ts';
import type { Span } from '../../src/model/span.ts';
import { decodeDump } from '../support/decode.ts';
import { readDump } from '../support/load.ts';
import { describeRealData, sharedData } from '../support/shared-data.ts';

// Dumps that real systems wrote, and the examples of other tools' own tests: what each gives, counted.

type Counts = Readonly<Partial<Record<Reason, number>>>;

/** What a file gives: its format and spans, and what was left out or mended; or the sentence that refuses it. */
type Outcome = readonly [format: string, spans: number, counts?: Counts] | string;

const UI_TEST_IDS: Counts = { 'invented-id': 22 };

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  'README.md': 'is text in no format that is read',
  'semconv-renames.json':
    'holds JSON but no trace format that is read: an object with .origin .licence .renames .renames[]',
  'broken/duckdb-otlp-malformed.jsonl': ['otlp-json', 1, { 'unrecognised-json': 1, 'not-json': 2 }],
  'broken/empty.jsonl': 'is empty',
  'chrome/chrome-116-trace.json': ['chrome-trace', 2713, { 'profile-records': 17, 'other-records': 3 }],
  'chrome/chrome-65-simple-timeline.json': ['chrome-trace', 2728, { 'other-records': 4, 'unmatched-end': 38 }],
  'chrome/edge/matching-x.json': ['chrome-trace', 5],
  'chrome/edge/multiprocess.json': ['chrome-trace', 8],
  'chrome/edge/only-begin-events.json': ['chrome-trace', 3],
  'chrome/edge/out-of-order.json': ['chrome-trace', 3],
  'chrome/edge/simple-object.json': ['chrome-trace', 3],
  'chrome/edge/simple-partial-trailing-comma.json': ['chrome-trace', 4],
  'chrome/edge/simple-partial.json': ['chrome-trace', 4],
  'chrome/edge/simple.json': ['chrome-trace', 4],
  'csv/nezha-onlineboutique-2022-08-22-04_20.csv': ['csv-spans', 23_337],
  'csv/nezha-trainticket-2023-01-29-08_43.csv': ['csv-spans', 4445],
  'jaeger-es/es_01.json': ['jaeger-es', 1],
  'jaeger-json/anonymizer-span-array.json': ['jaeger-json', 2],
  'jaeger-json/apiv3-FindTraceSummaries.json':
    "is in a format that is not read: a search answer of Jaeger's API v3: it holds summaries, not traces",
  'jaeger-json/apiv3-GetTrace.json': ['otlp-json', 1],
  'jaeger-json/crisp/1.json': ['jaeger-json', 1],
  'jaeger-json/crisp/2.json': ['jaeger-json', 2],
  'jaeger-json/crisp/3.json': ['jaeger-json', 2],
  'jaeger-json/crisp/4.json': ['jaeger-json', 3],
  'jaeger-json/crisp/5.json': ['jaeger-json', 4],
  'jaeger-json/crisp/6.json': ['jaeger-json', 4],
  'jaeger-json/crisp/7.json': ['jaeger-json', 3],
  'jaeger-json/crisp/8.json': ['jaeger-json', 3],
  'jaeger-json/crisp/9.json': ['jaeger-json', 4],
  'jaeger-json/crisp/10.json': ['jaeger-json', 4],
  'jaeger-json/crisp/11.json': ['jaeger-json', 2],
  'jaeger-json/crisp/12.json': ['jaeger-json', 4],
  'jaeger-json/deathstarbench-socialnetwork.part1.json': ['jaeger-json', 330],
  'jaeger-json/jaeger-ui-flamegraph-testTrace.json': ['jaeger-json', 4],
  'jaeger-json/jaeger-ui-otlp2jaeger-out.json': ['jaeger-json', 2],
  'jaeger-json/jaeger-ui-tracegraph-testTrace.json': ['jaeger-json', 11, UI_TEST_IDS],
  'jaeger-json/trace-statistics/spanLongerAsParent.json': ['jaeger-json', 8],
  'jaeger-json/trace-statistics/spansAmongEachOther.json': ['jaeger-json', 12],
  'jaeger-json/trace-statistics/testTrace.json': ['jaeger-json', 11, UI_TEST_IDS],
  'jaeger-json/trace-statistics/testTraceNormal.json': ['jaeger-json', 5],
  'jaeger-json/trace-statistics/traceWithMultipleSpansWithTheSameValueInDifferentTags.json': ['jaeger-json', 4],
  'jaeger-json/trace-statistics/traceWithSingleChildLongerThanParentAndStartsAfterParent.json': ['jaeger-json', 2],
  'jaeger-json/trace-statistics/traceWithThreeShortChildren.json': ['jaeger-json', 4],
  'jaeger-json/trace-statistics/traceWithTwoChildrenStartedAtTraceStart.json': ['jaeger-json', 3],
  'opensearch/http-5xx-root-span.json': ['data-prepper', 1, { 'invented-id': 2 }],
  'opensearch/otel-v1-apm-span-index-standard-template.json':
    'is in a format that is not read: an index template of OpenSearch',
  'opensearch/otel-v1-apm-span-index-template.json': 'is in a format that is not read: an index template of OpenSearch',
  'opensearch/raw-span-1.json': ['data-prepper', 1],
  'opensearch/raw-span-complete-1.json': ['data-prepper', 1],
  'opensearch/raw-span-error.json': ['data-prepper', 1],
  'opensearch/service-map-1.json': 'is in a format that is not read: a service map document of Data Prepper',
  'other/f5-flat-span-lines.jsonl': ['otlp-json', 35],
  'other/signoz-api-response.json': ['row-json', 7],
  'otlp-json/data-prepper-base64-ids.json': ['otlp-json', 3],
  // A request without spans is a good request.
  'otlp-json/data-prepper-no-spans.json': ['otlp-json', 0],
  'otlp-json/duckdb-otlp-single_trace.jsonl': ['otlp-json', 1],
  'otlp-json/duckdb-otlp-traces_deep_nesting.jsonl': ['otlp-json', 1],
  'otlp-json/duckdb-otlp-traces_nulls.jsonl': ['otlp-json', 3],
  'otlp-json/duckdb-otlp-traces_simple.jsonl': ['otlp-json', 3],
  'otlp-json/jaeger-cassandra-otel_traces_01.json': ['otlp-json', 1],
  'otlp-json/jaeger-ui-otlp2jaeger-in.json': ['otlp-json', 2],
  'otlp-json/java-agent-app.part1.jsonl': ['otlp-json', 730],
  'otlp-json/otel-demo-mixed-signals.part1.jsonl': ['otlp-json', 284, { 'otlp-logs': 12, 'otlp-metrics': 18 }],
  'otlp-json/snake-case-robot-1632-spans.jsonl': ['otlp-json', 1632],
  'otlp-json/spec-example-trace.json': ['otlp-json', 1],
  'otlp-proto/duckdb-otlp-traces.pb': ['otlp-proto', 1],
  'sdk-console/go-stdouttrace-mixed-with-log-lines.txt': ['go-stdouttrace', 2, { 'log-lines': 6 }],
  'sdk-console/otelcol-debug-exporter-two_spans.txt': ['otelcol-debug', 1, { 'missing-trace-id': 1 }],
  'sdk-console/python-console-exporter.txt': ['python-console', 2],
  'skywalking/segment.json': ['skywalking', 2],
  'xray/indepSubsegment.json': ['xray', 1],
  'xray/minInProgress.json': ['xray', 1],
  'zipkin/ascend.json': ['zipkin-json', 8],
  'zipkin/contrib-sample3-status-tags.json': ['zipkin-json', 1],
  'zipkin/envoy.json': ['zipkin-json', 1],
  'zipkin/jaeger-zipkin_proto_01.json': ['zipkin-proto-json', 1],
  'zipkin/jaeger-zipkin_v1_merged_spans.json': ['zipkin-json', 2],
  'zipkin/jaeger-zipkin_v2_01.json': ['zipkin-json', 1],
  'zipkin/jaeger-zipkin_v2_02.json': ['zipkin-json', 1],
  'zipkin/messaging.json': ['zipkin-json', 4],
  'zipkin/messaging2.json': ['zipkin-json', 11],
  'zipkin/simple-db-p6.json': ['zipkin-json', 5],
  'zipkin/skew.json': ['zipkin-json', 4],
  'zipkin/smartthings-oauth-authorization.json': ['zipkin-json', 175],
  'zipkin/v1-span-local.json': ['zipkin-v1-json', 1],
  'zipkin/v1-span-rpc.json': ['zipkin-v1-json', 2],
  'zipkin/yelp.json': ['zipkin-json', 16],
  'zipkin/zipkin2-client.json': ['zipkin-json', 1],
};

/** Spans stored, traces, spans whose parent is not there. */
const TRACES: Readonly<Record<string, readonly [spans: number, traces: number, orphans: number]>> = {
  'otlp-json/otel-demo-mixed-signals.part1.jsonl': [284, 70, 12],
  'otlp-json/java-agent-app.part1.jsonl': [730, 82, 8],
  'otlp-json/snake-case-robot-1632-spans.jsonl': [1632, 1, 20],
  'jaeger-json/deathstarbench-socialnetwork.part1.json': [330, 10, 0],
  'zipkin/smartthings-oauth-authorization.json': [175, 1, 0],
};

describeRealData('real dumps', () => {
  test('all have an outcome', () => {
    expect(Object.keys(OUTCOMES).sort()).toEqual(filesOf(sharedData('')));
  });

  test.each(Object.entries(TRACES))('%s holds as many spans, traces and orphans as it should', async (file, counts) => {
    const { result, spans } = await readDump(readFileSync(sharedData(file)));
    expect([result.spans, result.traces, orphansOf(spans)]).toEqual(counts);
    expect(result.duplicates).toBe(0);
  });

  test.each(Object.entries(OUTCOMES))('%s gives what it holds, or is refused by name', async (file, outcome) => {
    const bytes = readFileSync(sharedData(file));
    const { account, spans } = await decodeDump(bytes, { name: file });
    if (typeof outcome === 'string') {
      expect(account.fault?.message).toBe(outcome);
      expect(spans).toEqual([]);
      return;
    }
    const [format, count, counts = {}] = outcome;
    const found = Object.fromEntries([...account.skipped, ...account.repaired].map(each => [each.reason, each.count]));
    expect([account.fault?.message, account.format, spans.length, found]).toEqual([undefined, format, count, counts]);
    expect((await decodeDump(bytes, { name: file, chunk: 1021 })).spans).toEqual(spans);
  });

  test('of the mixed signals 22 documents are traces', async () => {
    const { account } = await decodeDump(readFileSync(sharedData('otlp-json/otel-demo-mixed-signals.part1.jsonl')));
    expect(account.documents).toBe(22);
  });
});

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => `${entry.parentPath}/${entry.name}`.replaceAll(/\/+/g, '/').slice(folder.length))
    .sort();
}

function orphansOf(spans: readonly Span[]): number {
  const ids = new Set(spans.map(({ traceId, spanId }) => traceId + spanId));
  return spans.filter(({ traceId, parentSpanId }) => parentSpanId !== undefined && !ids.has(traceId + parentSpanId))
    .length;
}
