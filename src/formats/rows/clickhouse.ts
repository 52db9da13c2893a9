import type { AttributeValue } from '../../model/attributes.ts';
import { integerOf, isRecord, type JsonValue, listOf, recordOf, textOf } from '../drafts/record.ts';
import type { SpanDraft } from '../drafts/span-draft.ts';
import {
  attributeOfCell,
  attributesOfCell,
  type Cell,
  countOfCell,
  idOfCell,
  isEmptyCell,
  jsonOfCell,
  kindOfCell,
  type Mend,
  type Row,
  statusOfCell,
  timeOfCell,
  valueOfCell,
} from './cells.ts';

// Rows of the table `otel_traces` that the Collector's ClickHouse exporter fills, in JSON, CSV or Parquet.
// https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/clickhouseexporter
// Attribute values are strings in the table of old; where it was made with the type JSON, they keep their types and are nested.

/** Columns that are read. */
const KNOWN: ReadonlySet<string> = new Set([
  'Timestamp',
  'TimestampTime',
  'TraceId',
  'SpanId',
  'ParentSpanId',
  'TraceState',
  'TraceFlags',
  'SpanName',
  'SpanKind',
  'ServiceName',
  'ResourceAttributes',
  'ScopeName',
  'ScopeVersion',
  'ScopeAttributes',
  'SpanAttributes',
  'Duration',
  'StatusCode',
  'StatusMessage',
]);
/** Nested columns, and copies of attributes and keys of maps that only make queries fast. */
const NOT_ATTRIBUTES = /^(?:Events|Links)(?:\.|$)|^__hdx_materialized_|^(?:Resource|Span|Scope)AttributesKeys$/;

/** Returns the span of a row. `mend` is told of what could not be read. */
export function clickhouseDraft(row: Row, mend: Mend): SpanDraft {
  const text = (column: string) => textOf(jsonOfCell(row[column])) ?? '';
  const attributes = attributesOfCell(row.SpanAttributes) ?? new Map<string, AttributeValue>();
  const resource = attributesOfCell(row.ResourceAttributes) ?? new Map<string, AttributeValue>();
  const keep = (column: string) => {
    const cell = row[column];
    if (cell !== undefined && !isEmptyCell(cell)) attributes.set(column, attributeOfCell(cell));
  };
  for (const column of ['SpanAttributes', 'ResourceAttributes', 'ScopeAttributes']) {
    if (attributesOfCell(row[column]) === undefined) keep(column);
  }
  const service = text('ServiceName');
  if (service !== '' && !resource.has('service.name')) resource.set('service.name', service);
  for (const column of Object.keys(row)) if (!KNOWN.has(column) && !NOT_ATTRIBUTES.test(column)) keep(column);
  const kind = kindOfCell(row.SpanKind);
  const status = statusOfCell(row.StatusCode);
  const start = timeOfCell(row.Timestamp);
  const duration = integerOf(jsonOfCell(row.Duration));
  if (start === undefined && !isEmptyCell(row.Timestamp)) mend('invalid-time', `Timestamp ${text('Timestamp')}`);
  if (duration === undefined && !isEmptyCell(row.Duration)) mend('invalid-time', `Duration ${text('Duration')}`);
  // What is no value of its column says something all the same.
  if (kind === undefined) keep('SpanKind');
  if (status === undefined) keep('StatusCode');
  return {
    traceId: idOfCell(row.TraceId),
    spanId: idOfCell(row.SpanId),
    parentSpanId: idOfCell(row.ParentSpanId, true),
    traceState: text('TraceState'),
    flags: countOfCell(row.TraceFlags),
    name: text('SpanName'),
    kind,
    startTimeUnixNano: start,
    durationNano: duration,
    status: { code: status ?? 'unset', message: text('StatusMessage') },
    attributes,
    resource,
    scope: {
      // Before there were columns for it, the scope was an attribute.
      name: text('ScopeName') || takeText(attributes, 'otel.scope.name', 'otel.library.name'),
      version: text('ScopeVersion') || takeText(attributes, 'otel.scope.version', 'otel.library.version'),
      attributes: attributesOfCell(row.ScopeAttributes),
    },
    events: nested(row, 'Events', event => ({
      timeUnixNano: timeOfCell(event('Timestamp')),
      name: textOf(event('Name')) ?? '',
      attributes: attributesOfCell(event('Attributes')),
    })),
    links: nested(row, 'Links', link => {
      const linked = attributesOfCell(link('Attributes')) ?? new Map<string, AttributeValue>();
      const traceState = textOf(link('TraceState')) ?? '';
      if (traceState !== '') linked.set('traceState', traceState);
      return { traceId: textOf(link('TraceId')), spanId: textOf(link('SpanId')), attributes: linked };
    }),
  };
}

/** Takes the attribute that is a text under one of these names out of the others. */
function takeText(attributes: Map<string, AttributeValue>, ...names: readonly string[]): string {
  for (const name of names) {
    const value = attributes.get(name);
    if (typeof value !== 'string') continue;
    attributes.delete(name);
    return value;
  }
  return '';
}

/** The items of a nested column: parallel arrays `Events.Name`, …, or (with `flatten_nested=0`) an array of objects. */
function nested<Item>(
  row: Row,
  column: string,
  read: (field: (name: string) => JsonValue | undefined) => Item,
): Item[] {
  const objects = listOfCell(row[column]).filter(isRecord);
  if (objects.length > 0) return objects.map(item => read(name => item[name]));
  const arrays = new Map(
    Object.entries(row)
      .filter(([name]) => name.startsWith(`${column}.`))
      .map(([name, cell]) => [name.slice(column.length + 1), listOfCell(cell)]),
  );
  // Parquet and JSON have the nested column also as an object of arrays.
  for (const [name, value] of Object.entries(recordOf(valueOfCell(row[column])))) arrays.set(name, listOf(value));
  const length = Math.max(0, ...Array.from(arrays.values(), items => items.length));
  return Array.from({ length }, (_, index) => read(name => arrays.get(name)?.[index]));
}

function listOfCell(cell: Cell | undefined): readonly JsonValue[] {
  return listOf(valueOfCell(cell));
}
