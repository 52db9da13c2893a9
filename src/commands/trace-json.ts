import { type AttributeValue, jsonOfValue } from '../model/attributes.ts';
import { valueOfKey } from '../query/compile/keys.ts';
import type { Field } from '../report/report.ts';
import type { TraceSummary } from '../store/find-traces.ts';
import type { Queryable } from '../store/queryable.ts';
import { readSpans } from '../store/read-trace.ts';
import { type MatchedSpanset, matchedSpansets } from '../store/spansets.ts';
import type { Selection } from './selection.ts';
import { shownFields, valuesOfSpans } from './span-fields.ts';

// A trace of a list as JSON, the same in every command, with the spans of it that a query selected.

/** The fields of a trace in tables. */
export const TRACE_FIELDS: readonly Field[] = [
  { name: 'traceId', type: 'id' },
  { name: 'startTimeUnixNano', type: 'time', title: 'start' },
  { name: 'durationNano', type: 'duration', title: 'duration' },
  { name: 'rootServiceName', type: 'text', title: 'root service' },
  { name: 'rootSpanName', type: 'text', title: 'root span' },
  { name: 'spanCount', type: 'count', title: 'spans' },
  { name: 'errorCount', type: 'count', title: 'errors' },
  { name: 'services', type: 'list' },
  { name: 'complete', type: 'flag' },
  { name: 'durationMs', type: 'millis', isExtra: true },
  { name: 'spanSets', type: 'object', isExtra: true },
];

/** Matching spans that a trace is shown with, as many as Tempo gives. */
const SPANS_PER_TRACE = 3;

/** A trace as JSON. */
export type TraceJson = Readonly<Record<string, unknown>>;

/** Returns traces as JSON, with their spansets, which are returned, too. */
export async function tracesJson(
  database: Queryable,
  selection: Selection,
  traces: readonly TraceSummary[],
): Promise<{ readonly rows: readonly TraceJson[]; readonly spansets: readonly MatchedSpanset[] }> {
  const ids = traces.map(({ traceId }) => traceId);
  const spansets = await matchedSpansets(database, selection, ids, SPANS_PER_TRACE);
  const spanSets = await spanSetsOf(database, selection, spansets);
  const rows = traces.map(trace => ({
    traceId: trace.traceId,
    rootServiceName: trace.rootServiceName,
    rootSpanName: trace.rootSpanName,
    ...(trace.rootServiceName === undefined
      ? { firstServiceName: trace.firstServiceName, firstSpanName: trace.firstSpanName }
      : {}),
    startTimeUnixNano: trace.startTimeUnixNano,
    durationNano: trace.durationNano,
    durationMs: Number(trace.durationNano) / 1e6,
    spanCount: trace.spanCount,
    errorCount: trace.errorCount,
    services: trace.services,
    complete: trace.complete,
    spanSets: spanSets.get(trace.traceId) ?? [],
  }));
  return { rows, spansets };
}

/** The spansets of each trace, as JSON has them. */
async function spanSetsOf(
  database: Queryable,
  selection: Selection,
  spansets: readonly MatchedSpanset[],
): Promise<Map<string, readonly object[]>> {
  const numbers = [...new Set(spansets.flatMap(({ spanNumbers }) => spanNumbers))];
  const spans = numbers.length === 0 ? [] : await readSpans(database, `span_no IN (${numbers.join(',')})`);
  const values = await valuesOfSpans(database, shownFields(selection.query), numbers);
  // Spans are read in the order of their numbers.
  const sorted = numbers.toSorted((a, b) => (a < b ? -1 : 1));
  const spanOf = new Map(sorted.map((number, index) => [number, spans[index]] as const));
  const jsonOf = (number: bigint): object[] => {
    const span = spanOf.get(number);
    if (span === undefined) return [];
    const { spanId, name, serviceName, startTimeUnixNano, durationNano } = span;
    const attributes = jsonOfValues(values.get(number) ?? {});
    return [{ spanId, name, serviceName, startTimeUnixNano, durationNano, attributes }];
  };
  const ofTrace = new Map<string, object[]>();
  for (const { traceId, matched, spanNumbers, attributes } of spansets) {
    const described = Object.fromEntries(
      selection.attributes.map((name, index) => [name, valueOfKey(attributes[index] ?? '')] as const),
    );
    const known = ofTrace.get(traceId) ?? [];
    known.push({ matched, attributes: jsonOfValues(described), spans: spanNumbers.flatMap(jsonOf) });
    ofTrace.set(traceId, known);
  }
  return ofTrace;
}

/** Values as JSON, by name; what there is none of is left out. */
export function jsonOfValues(values: Readonly<Record<string, AttributeValue | undefined>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, jsonOfValue(value)]])),
  );
}
