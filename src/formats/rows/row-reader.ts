import type { AttributeValue } from '../../model/attributes.ts';
import type { StatusCode } from '../../model/status.ts';
import { jaegerErrorOf, parentAndLinks } from '../drafts/jaeger.ts';
import { textOf } from '../drafts/record.ts';
import type { EventDraft, LinkDraft, SpanDraft } from '../drafts/span-draft.ts';
import { fieldsOfTags, type TagFields } from '../drafts/tag-fields.ts';
import {
  attributeOfCell,
  attributesOfCell,
  type Cell,
  countOfCell,
  durationOfCell,
  eventsOfCell,
  idOfCell,
  isEmptyCell,
  isErrorCell,
  jsonOfCell,
  kindOfCell,
  linksOfCell,
  type Mend,
  type Row,
  referencesOfCell,
  statusOfCell,
  timeOfCell,
  UNIT_DIGITS,
  type Unit,
  unitByMagnitude,
} from './cells.ts';
import {
  areSpans,
  type ColumnMap,
  type Columns,
  columnsByName,
  FIELDS,
  isTimeField,
  type Meaning,
  nameOfColumn,
} from './columns.ts';
import { PRESETS, type Preset } from './presets.ts';

// From rows of a table to spans.

/** Reads the rows of one table. */
export type RowReader = (row: Row) => SpanDraft;

const MEANINGS: Readonly<Record<string, Meaning>> = Object.fromEntries([
  ...FIELDS.map(field => [field, { field }] as const),
  ...FIELDS.filter(isTimeField).flatMap(field =>
    Object.keys(UNIT_DIGITS).map(unit => [`${field} ${unit}`, { field, unit }] as const),
  ),
]);

/** Returns the preset for a table with these columns. */
export function presetOf(columns: ReadonlySet<string>): Preset | undefined {
  return PRESETS.find(({ requires }) => requires.every(column => columns.has(column)));
}

/**
 * Returns how to read a table with these columns, whether or not it is one of spans. `mend` is told of what could not be read.
 */
export function readerFor(columns: readonly string[], map: ColumnMap | undefined, mend: Mend): RowReader {
  const preset = map === undefined ? presetOf(new Set(columns)) : undefined;
  const read = preset?.read;
  if (read !== undefined) return row => read(row, mend);
  const meanings = meaningsOf(columns, preset, map);
  return row => draftOf(row, meanings, map?.unit, mend);
}

/** Says whether a table with these columns is one of spans, by a preset, by the user's word, or by the columns' names. */
export function isSpanTable(columns: readonly string[], map: ColumnMap | undefined): boolean {
  if (map === undefined) return presetOf(new Set(columns)) !== undefined || areSpans(columnsByName(columns));
  const isMapped = columns.some(column => map.columns.has(column));
  return isMapped && areSpans(meaningsOf(columns, undefined, map));
}

function meaningsOf(columns: readonly string[], preset: Preset | undefined, map: ColumnMap | undefined): Columns {
  const known = new Map<string, Meaning>(map?.columns);
  for (const [column, meaning] of Object.entries(preset?.columns ?? {})) {
    known.set(column, MEANINGS[meaning] ?? { field: 'ignored' });
  }
  const meanings = new Map<string, Meaning>();
  for (const column of columns) {
    const meaning = known.get(column);
    if (meaning !== undefined) meanings.set(column, meaning);
  }
  // What is said of a field counts more than a name that suits it as well.
  const said = new Set(Array.from(meanings.values(), ({ field }) => field));
  const unsaid = columns.filter(column => !meanings.has(column));
  for (const [column, meaning] of columnsByName(unsaid)) {
    if (!said.has(meaning.field) || MANY.has(meaning.field)) meanings.set(column, meaning);
  }
  return meanings;
}

/** Names of columns whose attributes are OpenTracing's, with kind and status among them. */
const TAGS: ReadonlySet<string> = new Set(['tags', 'spantags']);
/** Fields that several columns may add to. */
const MANY: ReadonlySet<string> = new Set(['attributes', 'resource']);

function draftOf(row: Row, meanings: Columns, mapUnit: Unit | undefined, mend: Mend): SpanDraft {
  const cells = new Map<string, Cell>();
  const units = new Map<string, Unit | undefined>();
  const attributes = new Map<string, AttributeValue>();
  const resource = new Map<string, AttributeValue>();
  const keep = (column: string, cell: Cell) => {
    if (!isEmptyCell(cell)) attributes.set(column, attributeOfCell(cell));
  };
  let status: StatusCode | undefined;
  let isFailed = false;
  let events: EventDraft[] | undefined;
  let links: LinkDraft[] | undefined;
  let references: ReturnType<typeof referencesOfCell>;
  let tags: TagFields | undefined;
  let scopeAttributes: Map<string, AttributeValue> | undefined;
  for (const [column, cell] of Object.entries(row)) {
    const meaning = meanings.get(column);
    if (meaning === undefined) {
      keep(column, cell);
      continue;
    }
    if (isEmptyCell(cell)) continue;
    const { field, unit } = meaning;
    switch (field) {
      case 'ignored':
        break;
      case 'attributes':
      case 'resource': {
        let found = attributesOfCell(cell);
        if (found !== undefined && TAGS.has(nameOfColumn(column).name)) {
          tags = fieldsOfTags(found, jaegerErrorOf);
          found = new Map(tags.attributes);
        }
        if (found === undefined) keep(column, cell);
        else for (const [key, value] of found) (field === 'resource' ? resource : attributes).set(key, value);
        break;
      }
      case 'scope_attributes':
        scopeAttributes = attributesOfCell(cell);
        if (scopeAttributes === undefined) keep(column, cell);
        break;
      case 'events':
        events = eventsOfCell(cell);
        if (events === undefined) keep(column, cell);
        break;
      case 'links':
        references = referencesOfCell(cell);
        links = references === undefined ? linksOfCell(cell) : [];
        if (links === undefined) keep(column, cell);
        break;
      case 'status':
        status = statusOfCell(cell);
        if (status === undefined) keep(column, cell);
        break;
      case 'error': {
        const isError = isErrorCell(cell);
        if (isError === undefined) keep(column, cell);
        isFailed ||= isError === true;
        break;
      }
      case 'kind':
        if (kindOfCell(cell) === undefined) keep(column, cell);
        cells.set(field, cell);
        break;
      default:
        cells.set(field, cell);
        units.set(field, unit);
    }
  }
  const text = (field: string) => textOf(jsonOfCell(cells.get(field)));
  nameService(resource, attributes, text('service'), text('pod'));
  const time = (field: 'start' | 'end') => {
    const cell = cells.get(field);
    const nanos = timeOfCell(cell, units.get(field));
    if (nanos === undefined && cell !== undefined) mend('invalid-time', `${field} ${text(field) ?? ''}`);
    return nanos;
  };
  const start = time('start');
  const end = time('end');
  const duration = durationOf(cells, units, mapUnit);
  if (duration === undefined && cells.has('duration')) mend('invalid-time', `duration ${text('duration') ?? ''}`);
  const startOrEarlier = start === undefined && end !== undefined && duration !== undefined ? end - duration : start;
  const traceId = idOfCell(cells.get('trace_id'));
  const parentSpanId = idOfCell(cells.get('parent_id'), true);
  const said = status ?? 'unset';
  return {
    traceId,
    spanId: idOfCell(cells.get('span_id')),
    ...(references === undefined ? { parentSpanId, links } : parentAndLinks({ traceId, parentSpanId, references })),
    name: text('name'),
    kind: kindOfCell(cells.get('kind')) ?? tags?.kind,
    startTimeUnixNano: startOrEarlier,
    // A duration may be rounded; an end is as exact as its start.
    ...(end === undefined ? { durationNano: duration } : { endTimeUnixNano: end }),
    status: {
      code: said === 'unset' ? (isFailed ? 'error' : (tags?.status?.code ?? 'unset')) : said,
      message: text('status_message') ?? tags?.status?.message,
    },
    attributes,
    resource,
    scope: {
      name: text('scope_name') ?? tags?.scope?.name ?? '',
      version: text('scope_version') ?? tags?.scope?.version,
      attributes: scopeAttributes,
    },
    events,
    traceState: text('trace_state'),
    flags: countOfCell(cells.get('flags')),
    droppedAttributesCount: countOfCell(cells.get('dropped_attributes')),
    droppedEventsCount: countOfCell(cells.get('dropped_events')),
    droppedLinksCount: countOfCell(cells.get('dropped_links')),
  };
}

/**
 * A duration whose column does not say the unit is in that of the start, where that is a number; beside a start in
 * words it is in milliseconds.
 */
function durationOf(
  cells: ReadonlyMap<string, Cell>,
  units: ReadonlyMap<string, Unit | undefined>,
  mapUnit: Unit | undefined,
): bigint | undefined {
  const given = units.get('duration') ?? mapUnit;
  if (given !== undefined) return durationOfCell(cells.get('duration'), given);
  const field = cells.has('start') ? 'start' : 'end';
  const time = jsonOfCell(cells.get(field));
  const isNumber = /^\s*[\d.]+\s*$/.test(textOf(time) ?? '');
  return durationOfCell(cells.get('duration'), isNumber ? (units.get(field) ?? unitByMagnitude(time)) : 'ms');
}

/** A pod of a Kubernetes Deployment: its name, the hash of the ReplicaSet, and five signs. */
const POD = /^(.+)-[a-z0-9]{5,10}-[a-z0-9]{5}$/;

/** Completes `service.name` from the columns for service and pod, or from an attribute of the span. */
function nameService(
  resource: Map<string, AttributeValue>,
  attributes: Map<string, AttributeValue>,
  service: string | undefined,
  pod: string | undefined,
): void {
  if (pod !== undefined && !resource.has('k8s.pod.name')) resource.set('k8s.pod.name', pod);
  if (resource.has('service.name')) return;
  const attribute = attributes.get('service.name');
  const name = service ?? (typeof attribute === 'string' ? attribute : undefined) ?? POD.exec(pod ?? '')?.[1] ?? pod;
  if (name === undefined) return;
  resource.set('service.name', name);
  if (attribute === name) attributes.delete('service.name');
}
