import type { AttributeValue } from '../../model/attributes.ts';
import { inventedId } from '../../model/ids.ts';
import type { SpanKind } from '../../model/status.ts';
import {
  addFields,
  isRecord,
  type JsonRecord,
  type JsonValue,
  listOf,
  omit,
  parseJson,
  recordOf,
  textOf,
} from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { DraftId, EventDraft, SpanDraft } from '../drafts/span-draft.ts';
import { readNanos, readRfc3339 } from '../drafts/times.ts';

// Rows of Azure Application Insights, under the names of the classic tables and of Log Analytics, one object each or as answers of the
// query API. https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
// {"itemType":"request","timestamp":"2024-05-01T12:00:00.1234567Z","id":"00f067aa0ba902b7","operation_Id":"4bf9…","operation_ParentId":"…",
//  "name":"GET /","duration":12.5,"success":"True","resultCode":"200","cloud_RoleName":"shop","customDimensions":{…}}
// {"Type":"AppDependencies","TimeGenerated":"…","Id":"…","OperationId":"…","ParentId":"…","Name":"…","DurationMs":3.5,"Success":true,…}
// {"tables":[{"name":"PrimaryResult","columns":[{"name":"timestamp","type":"datetime"},…],"rows":[[…]]}]}

/** Log Analytics' names for the columns of the classic tables. */
const CLASSIC_NAMES: Readonly<Record<string, string>> = {
  Type: 'itemType',
  TimeGenerated: 'timestamp',
  Id: 'id',
  OperationId: 'operation_Id',
  ParentId: 'operation_ParentId',
  OperationName: 'operation_Name',
  Name: 'name',
  DurationMs: 'duration',
  Success: 'success',
  ResultCode: 'resultCode',
  AppRoleName: 'cloud_RoleName',
  AppRoleInstance: 'cloud_RoleInstance',
  AppVersion: 'application_Version',
  Properties: 'customDimensions',
  Measurements: 'customMeasurements',
  Url: 'url',
  Target: 'target',
  Data: 'data',
  DependencyType: 'type',
  ExceptionType: 'type',
  OuterMessage: 'outerMessage',
  Details: 'details',
  SDKVersion: 'sdkVersion',
};
const ROW_FIELDS = [
  ...['itemType', 'timestamp', 'id', 'operation_Id', 'operation_ParentId', 'name', 'duration', 'success'],
  ...['customDimensions', 'customMeasurements', 'cloud_RoleName', 'cloud_RoleInstance', 'application_Version'],
  ...['sdkVersion', 'details'],
];
const COLUMN_NAMES = {
  url: 'url.full',
  target: 'peer.service',
  client_IP: 'client.address',
  user_AuthenticatedId: 'enduser.id',
};
const DECIMALS = ['duration', 'DurationMs'];

export const appInsights = recordFormat({
  name: 'app-insights',
  title: 'Azure Application Insights rows',
  recognised:
    'rows with `operation_Id` and `operation_ParentId` (or `OperationId` and `ParentId`), or `tables` of such',
  places: ['', '[]', '.tables[]', '.value[]'],
  decimals: DECIMALS,
  matches: has =>
    (has('.operation_Id') && has('.timestamp') && (has('.itemType') || has('.operation_ParentId'))) ||
    (has('.OperationId') && has('.TimeGenerated')) ||
    (has('.columns[].name') && has('.rows[]')),
  open: context => ({ read: record => readRecord(recordOf(record), context) }),
});

function readRecord(record: JsonRecord, context: RecordContext): void {
  if (!Array.isArray(record.columns)) return readRow(record, context);
  const columns = listOf(record.columns).map(column => textOf(recordOf(column).name) ?? '');
  const isOurs = columns.includes('operation_Id') || columns.includes('OperationId');
  if (!isOurs) return context.skip('unrecognised-json', `a table with ${columns.slice(0, 6).join(', ')}`);
  for (const row of listOf(record.rows)) {
    const cells = listOf(row);
    readRow(Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? null])), context);
  }
}

function readRow(source: JsonRecord, context: RecordContext): void {
  const row = withClassicNames(source);
  switch (typeOf(row)) {
    case 'request':
      return context.emit(() => draftOf(row, 'server', context));
    case 'dependency':
      return context.emit(() => draftOf(row, dependencyKind(row), context));
    case 'pageview':
    case 'availabilityresult':
      return context.emit(() => draftOf(row, 'internal', context));
    case 'exception':
      return context.emit(() => exceptionDraft(row, context));
    case 'trace':
      return context.skip('log-records', 'a row of traces: log records');
    case 'custommetric':
    case 'performancecounter':
    case 'metric':
      return context.skip('metric-records', `a row of type ${textOf(row.itemType)}`);
    default:
      return context.skip('other-records', `a row of type ${textOf(row.itemType) ?? 'unknown'}`);
  }
}

function withClassicNames(row: JsonRecord): JsonRecord {
  if (row.OperationId === undefined && row.TimeGenerated === undefined) return row;
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [CLASSIC_NAMES[key] ?? key, value]));
}

/** `request` of `request`, `AppRequests` and rows that do not say but have what a request has. */
function typeOf(row: JsonRecord): string {
  const type = textOf(row.itemType)?.toLowerCase().replace(/^app/, '').replace(/ies$/, 'y').replace(/s$/, '');
  if (type !== undefined) return type;
  if (row.duration === undefined) return 'unknown';
  return row.target !== undefined || row.data !== undefined ? 'dependency' : 'request';
}

function dependencyKind({ type }: JsonRecord): SpanKind {
  const word = textOf(type) ?? '';
  return /^inproc/i.test(word)
    ? 'internal'
    : /queue message|azure (service bus|event hubs)/i.test(word)
      ? 'producer'
      : 'client';
}

function draftOf(row: JsonRecord, kind: SpanKind, { repair }: RecordContext): SpanDraft {
  const failed = /^(false|0)$/i.test(textOf(row.success) ?? '');
  return {
    ...baseOf(row, repair),
    spanId: spanIdOf(row.id),
    name: textOf(row.name),
    kind,
    durationNano: readNanos(row, 'duration', 3, repair),
    status: failed ? { code: 'error' } : undefined,
  };
}

/** An exception is a row of its own: a span of no duration below the one in which it happened. */
function exceptionDraft(row: JsonRecord, { repair }: RecordContext): SpanDraft {
  const base = baseOf(row, repair);
  const detail = recordOf(listOf(parsed(row.details))[0]);
  const attributes = new Map<string, AttributeValue>();
  const message = textOf(row.outerMessage) ?? textOf(detail.message);
  const type = textOf(row.type) ?? textOf(detail.type);
  const stack = textOf(detail.rawStack) ?? stackText(detail.parsedStack);
  addFields(attributes, { type: type ?? null, message: message ?? null, stacktrace: stack ?? null }, 'exception.');
  const event: EventDraft = { timeUnixNano: base.startTimeUnixNano, name: 'exception', attributes };
  const text = [row.operation_Id, row.operation_ParentId, row.timestamp, row.itemId, message].map(part =>
    textOf(part ?? null),
  );
  return {
    ...base,
    spanId: inventedId(text.join('\n'), 8),
    name: type ?? 'exception',
    kind: 'internal',
    durationNano: 0n,
    status: { code: 'error', message },
    events: [event],
  };
}

function baseOf(row: JsonRecord, repair: RecordContext['repair']): SpanDraft {
  const attributes = new Map<string, AttributeValue>();
  const isHttp = /^\d{3}$/.test(textOf(row.resultCode) ?? '');
  addFields(attributes, omit(row, isHttp ? [...ROW_FIELDS, 'resultCode'] : ROW_FIELDS), '', COLUMN_NAMES);
  if (isHttp) attributes.set('http.response.status_code', BigInt(textOf(row.resultCode) ?? 0));
  for (const column of ['customDimensions', 'customMeasurements']) {
    for (const [key, value] of Object.entries(recordOf(parsed(row[column])))) addFields(attributes, { [key]: value });
  }
  // What cannot be read as properties is kept as it is.
  if (
    typeof row.customDimensions === 'string' &&
    !isRecord(parsed(row.customDimensions)) &&
    row.customDimensions !== ''
  ) {
    attributes.set('customDimensions', row.customDimensions);
  }
  const resource = new Map<string, AttributeValue>();
  addFields(
    resource,
    {
      role: row.cloud_RoleName || null,
      instance: row.cloud_RoleInstance || null,
      version: row.application_Version || null,
      sdk: row.sdkVersion || null,
    },
    '',
    { role: 'service.name', instance: 'service.instance.id', version: 'service.version', sdk: 'telemetry.sdk.version' },
  );
  return {
    traceId: textOf(row.operation_Id),
    spanId: undefined,
    parentSpanId: parentOf(row),
    startTimeUnixNano: readRfc3339(row.timestamp, repair),
    attributes,
    resource,
  };
}

/** The parent of a root is the operation itself. */
function parentOf(row: JsonRecord): DraftId {
  const parent = textOf(row.operation_ParentId);
  return parent === textOf(row.operation_Id) ? undefined : spanIdOf(row.operation_ParentId);
}

/** Ids were once paths: `|4bf92f3577b34da6a3ce929d0e0e4736.00f067aa0ba902b7.` holds a W3C span id. */
function spanIdOf(value: JsonValue | undefined): DraftId {
  const text = textOf(value);
  const path = /^\|[0-9a-f]{32}\.([0-9a-f]{16})\.$/i.exec(text ?? '');
  return path?.[1] ?? text;
}

/** A column that holds JSON, as a value or as text. */
function parsed(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value !== 'string') return value;
  try {
    return parseJson(value);
  } catch {
    return undefined;
  }
}

function stackText(frames: JsonValue | undefined): string | undefined {
  const lines = listOf(frames)
    .map(recordOf)
    .map(frame => {
      const place = [textOf(frame.fileName) ?? textOf(frame.assembly) ?? '', textOf(frame.line)].filter(
        part => part !== undefined,
      );
      return `at ${textOf(frame.method) ?? ''} (${place.join(':')})`;
    });
  return lines.length === 0 ? undefined : lines.join('\n');
}
