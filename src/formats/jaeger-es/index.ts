import type { AttributeValue } from '../../model/attributes.ts';
import { draftOfJaeger, type JaegerProcess, type JaegerReference, typedTagValue } from '../drafts/jaeger.ts';
import {
  attributeOf,
  integerOf,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { Tag } from '../drafts/tag-fields.ts';
import { nanosOf } from '../drafts/times.ts';
import type { JsonFormat, Sighting } from '../format.ts';
import type { Outline } from '../json/outline.ts';

// Documents of the indices `jaeger-span-…` in which Jaeger keeps its spans in Elasticsearch and OpenSearch.
// https://github.com/jaegertracing/jaeger/blob/main/internal/storage/v2/elasticsearch/tracestore/core/dbmodel/model.go
// {"traceID":"0000000000000001","spanID":"0000000000000002","operationName":"op","references":[{"refType":"CHILD_OF",…}],
//  "startTime":1485467191639875,"startTimeMillis":1485467191639,"duration":5,"tags":[{"key":"blob","type":"binary","value":"00003039"}],
//  "tag":{"http@method":"GET"},"logs":[…],"process":{"serviceName":"shop","tags":[…],"tag":{…}}}
// A document a line, alone or with action lines between (bulk files), in `_source` (elasticdump), or in the hits of a search
// answer. Unlike in the query API's JSON, bytes are hex, values of any type may be text, and dots in the keys of `tag` are
// `@`. Documents of the other indices (services, dependencies) are no spans.

const KNOWN_KEYS = new Set([
  'traceID',
  'spanID',
  'parentSpanID',
  'flags',
  'operationName',
  'references',
  '@timestamp',
  'startTime',
  'startTimeMillis',
  'duration',
  'tags',
  'tag',
  'logs',
  'process',
  'warnings',
]);
/** Where a document stands that is not wrapped; Jaeger's query API has the same spans there, but for `startTimeMillis`. */
const BARE = ['', '[]'];
const WRAPPED = ['._source', '[]._source', '.hits.hits[]._source', '.responses[].hits.hits[]._source'];
const ACTIONS = ['.index', '.create', '.update', '.delete'];
const PARAMETER = /\.(_\w+|if_\w+|version\w*|routing|pipeline|require_alias|retry_on_conflict|dynamic_templates)$/;
/** OTLP's flags "parent is remote" and "that is known", which Jaeger 2 stores with the W3C ones; 2 is Jaeger's "debug". */
const FLAGS = 0x301n;

const spans = recordFormat({
  name: 'jaeger-es',
  title: 'Jaeger documents of Elasticsearch',
  recognised: '`traceID`, `spanID` and `startTimeMillis`, alone, in `_source` or in the hits of a search answer',
  places: [...BARE, ...WRAPPED],
  matches: has => has('.traceID') && has('.spanID') && has('.startTimeMillis'),
  open: context => ({
    read: record => {
      const document = recordOf(record);
      if ('traceID' in document || 'spanID' in document) readSpan(document, context);
      else context.skip('no-spans', 'a document of another index');
    },
  }),
});

export const jaegerEs: JsonFormat = {
  ...spans,
  sniff: outline => spans.sniff(outline) ?? sightingOfOther(outline),
};

/** Documents of Jaeger's other indices, and what stands between documents. */
function sightingOfOther({ paths, complete }: Outline): Sighting | undefined {
  if (!complete) return undefined;
  for (const place of [...BARE, ...WRAPPED]) {
    if (isService(paths, place)) return { skip: 'no-spans', detail: 'a service document of Jaeger' };
    if (paths.has(`${place}.dependencies[].callCount`)) {
      return { skip: 'no-spans', detail: 'a dependencies document of Jaeger' };
    }
  }
  if (isAction(paths)) return { skip: 'no-spans', detail: 'an action line of a bulk file' };
  if (paths.has('.hits.hits') && !paths.has('.hits.hits[]'))
    return { skip: 'no-spans', detail: 'a search without hits' };
  return undefined;
}

/** Says whether a document has the name of a service and of an operation, and nothing else. */
function isService(paths: ReadonlySet<string>, place: string): boolean {
  const names = [`${place}.serviceName`, `${place}.operationName`];
  if (!names.every(name => paths.has(name))) return false;
  return [...paths].every(path => names.includes(path) || !path.startsWith(`${place}.`));
}

/** Says whether a document is `{"index":{…}}` or the like, with the parameters of a bulk action. */
function isAction(paths: ReadonlySet<string>): boolean {
  const action = ACTIONS.find(name => paths.has(name));
  if (action === undefined) return false;
  return [...paths].every(path => path === action || (path.startsWith(action) && PARAMETER.test(path)));
}

function readSpan(document: JsonRecord, context: RecordContext): void {
  const time = (value: JsonValue | undefined, digits: 3 | 6, field: string) => {
    const nanos = nanosOf(value, digits);
    if (nanos === undefined && value !== undefined && value !== null) context.repair('invalid-time', field);
    return nanos;
  };
  const start = time(document.startTime, 6, 'startTime') ?? time(document.startTimeMillis, 3, 'startTimeMillis');
  const exact = exactStart(document['@timestamp'], start);
  context.emit(
    draftOfJaeger({
      traceId: textOf(document.traceID),
      spanId: textOf(document.spanID),
      parentSpanId: textOf(document.parentSpanID),
      references: listOf(document.references).map(item => referenceOf(recordOf(item))),
      operationName: textOf(document.operationName),
      flags: Number((integerOf(document.flags) ?? 0n) & FLAGS),
      startTimeUnixNano: exact ?? start,
      durationNano: time(document.duration, 6, 'duration'),
      tags: [...tagsOf(document), ...restOf(document, exact !== undefined)],
      logs: listOf(document.logs).map(item => {
        const { timestamp, fields } = recordOf(item);
        return { timeUnixNano: time(timestamp, 6, 'timestamp of a log'), fields: tagsOf({ tags: fields ?? null }) };
      }),
      process: isRecord(document.process) ? processOf(document.process) : undefined,
      warnings: listOf(document.warnings).map(attributeOf),
    }),
  );
}

/** In data streams `@timestamp` is the start in nanoseconds, as text, of which `startTime` is the microseconds. */
function exactStart(value: JsonValue | undefined, start: bigint | undefined): bigint | undefined {
  const nanos = integerOf(value);
  return nanos !== undefined && start !== undefined && nanos / 1000n === start / 1000n ? nanos : undefined;
}

function referenceOf({ refType, traceID, spanID }: JsonRecord): JaegerReference {
  return { isChildOf: textOf(refType) !== 'FOLLOWS_FROM', traceId: textOf(traceID), spanId: textOf(spanID) };
}

function processOf(described: JsonRecord): JaegerProcess {
  return { serviceName: textOf(described.serviceName) ?? '', tags: tagsOf(described) };
}

/** The tags of a span or process: `tags`, and those that stand in `tag` instead, for Kibana's sake. */
function tagsOf({ tags, tag }: JsonRecord): Tag[] {
  const listed = listOf(tags).flatMap(item => {
    const { key, type, value } = recordOf(item);
    const name = textOf(key);
    if (name === undefined || value === undefined) return [];
    return [[name, typedTagValue(textOf(type) ?? '', attributeOf(value), 'hex')] as const];
  });
  const mapped = Object.entries(recordOf(tag)).flatMap(([key, value]) =>
    value === null ? [] : [[key.replaceAll('@', '.'), attributeOf(value)] as const],
  );
  return [...listed, ...mapped];
}

/** Fields that Jaeger does not know, as pipelines in front of the index add them, are kept under their names. */
function restOf(document: JsonRecord, isTimestampUsed: boolean): [string, AttributeValue][] {
  return Object.entries(document).flatMap(([key, value]) => {
    const isUsed = KNOWN_KEYS.has(key) && (key !== '@timestamp' || isTimestampUsed);
    return isUsed || value === null ? [] : [[key, attributeOf(value)]];
  });
}
