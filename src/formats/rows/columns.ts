import { UNIT_DIGITS, type Unit } from './cells.ts';

// What columns of a table mean: by a preset, by their names, or as the user says (`--map`).

/** What a column may say of a span. */
export const FIELDS = [
  'trace_id',
  'span_id',
  'parent_id',
  'name',
  'kind',
  'service',
  'start',
  'end',
  'duration',
  'status',
  'status_message',
  'error',
  'attributes',
  'resource',
  'pod',
  'scope_name',
  'scope_version',
  'scope_attributes',
  'events',
  'links',
  'trace_state',
  'flags',
  'dropped_attributes',
  'dropped_events',
  'dropped_links',
  // Says nothing that another column does not say.
  'ignored',
] as const;
export type Field = (typeof FIELDS)[number];

/** The meaning of a column: its field, and the unit of a time or duration where it is known. */
export interface Meaning {
  readonly field: Field;
  readonly unit?: Unit | undefined;
}

/** The columns of a table that are read, by name; what is not here is an attribute. */
export type Columns = ReadonlyMap<string, Meaning>;

/** What the user says of the columns. */
export interface ColumnMap {
  readonly columns: Columns;
  /** Unit of times and durations of mapped columns, where a column's own name or value does not say it. */
  readonly unit: Unit | undefined;
}

export type ParsedColumnMap = { readonly map: ColumnMap } | { readonly problem: string; readonly hint: string };

const MAP_FIELDS: readonly string[] = FIELDS.filter(field => field !== 'ignored');
const MAP_HINT = `fields are ${MAP_FIELDS.join(', ')}; and unit, duration_unit: s, ms, us or ns`;

/**
 * Reads `trace_id=TraceID,start=Start,unit=us`: a field of a span and the column that holds it. `unit` holds for `start`, `end`
 * and `duration`, `duration_unit` for `duration` alone. A column whose name has a comma stands in double quotes.
 */
export function parseColumnMap(text: string): ParsedColumnMap {
  const columns = new Map<string, Meaning>();
  const units: { unit?: Unit; duration_unit?: Unit } = {};
  const parts = text.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
  for (const part of parts) {
    const at = part.indexOf('=');
    const field = part.slice(0, at).trim();
    const column = part
      .slice(at + 1)
      .trim()
      .replace(/^"(.*)"$/s, '$1');
    if (at < 0 || column === '') return { problem: `'${part.trim()}' is no FIELD=COLUMN`, hint: MAP_HINT };
    if (field === 'unit' || field === 'duration_unit') {
      const unit = unitOfWord(column);
      if (unit === undefined) return { problem: `'${column}' is no unit`, hint: 'units are s, ms, us and ns' };
      units[field] = unit;
    } else if (isMapField(field)) columns.set(column, { field });
    else return { problem: `'${field}' is no field of a span`, hint: MAP_HINT };
  }
  if (columns.size === 0)
    return { problem: 'it names no column', hint: 'for example trace_id=TraceID,start=Start,unit=us' };
  for (const [column, { field }] of columns) {
    const unit = field === 'duration' ? (units.duration_unit ?? units.unit) : units.unit;
    if (unit !== undefined && isTimeField(field)) columns.set(column, { field, unit });
  }
  return { map: { columns, unit: units.unit } };
}

function isMapField(word: string): word is Field {
  return MAP_FIELDS.includes(word);
}

export function isTimeField(field: Field): boolean {
  return field === 'start' || field === 'end' || field === 'duration';
}

const UNIT_WORDS: Readonly<Record<string, Unit>> = {
  s: 's',
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  ms: 'ms',
  milli: 'ms',
  millis: 'ms',
  millisecond: 'ms',
  milliseconds: 'ms',
  us: 'us',
  µs: 'us',
  μs: 'us',
  micro: 'us',
  micros: 'us',
  microsecond: 'us',
  microseconds: 'us',
  ns: 'ns',
  nano: 'ns',
  nanos: 'ns',
  nanosecond: 'ns',
  nanoseconds: 'ns',
};

function unitOfWord(word: string): Unit | undefined {
  return Object.hasOwn(UNIT_WORDS, word.toLowerCase()) ? UNIT_WORDS[word.toLowerCase()] : undefined;
}

/** Names that columns of tables have, without case, separators and units; the first name that a table has is taken. */
const NAMES: readonly (readonly [Field, readonly string[]])[] = [
  ['trace_id', ['traceid', 'tracetraceid']],
  ['span_id', ['spanid', 'tracespanid']],
  ['parent_id', ['parentspanid', 'parentid', 'traceparentid', 'parentspan', 'parent']],
  ['name', ['spanname', 'operationname', 'name', 'operation', 'endpointname']],
  ['kind', ['spankind', 'kind', 'kindstring']],
  ['service', ['servicename', 'service', 'localservice', 'app', 'application']],
  ['start', ['starttime', 'start', 'starttimestamp', 'startedat', 'startts', 'begin', 'timestamp', 'time', 'ts']],
  ['end', ['endtime', 'end', 'endtimestamp', 'endedat', 'endts', 'finishtime', 'finish']],
  ['duration', ['duration', 'durationtime', 'elapsed', 'elapsedtime', 'latency', 'responsetime', 'dur']],
  ['status', ['statuscode', 'status', 'statuscodestring']],
  ['status_message', ['statusmessage', 'statusdescription', 'errormessage']],
  ['error', ['error', 'iserror', 'haserror']],
  ['attributes', ['attributes', 'spanattributes', 'tags', 'spantags']],
  ['resource', ['resourceattributes', 'resource', 'resourcetags']],
  ['pod', ['podname', 'pod']],
  ['scope_name', ['scopename', 'otelscopename', 'instrumentationscopename']],
  ['scope_version', ['scopeversion', 'otelscopeversion', 'instrumentationscopeversion']],
  ['scope_attributes', ['scopeattributes']],
  ['events', ['events', 'eventsjson', 'spanevents', 'logs']],
  ['links', ['links', 'linksjson', 'spanlinks', 'references']],
  ['trace_state', ['tracestate']],
  ['flags', ['traceflags', 'flags']],
  ['dropped_attributes', ['droppedattributescount']],
  ['dropped_events', ['droppedeventscount']],
  ['dropped_links', ['droppedlinkscount']],
];

interface NamedColumn {
  readonly column: string;
  readonly name: string;
  readonly unit: Unit | undefined;
}

/** Takes `startTimeUnixNano`, `start_time_ms` and `Duration(us)` apart into a name and a unit. */
export function nameOfColumn(column: string): NamedColumn {
  const words = column.match(/[A-Z]+(?![a-z])|[A-Z]?[a-zµμ]+|\d+/g)?.map(word => word.toLowerCase()) ?? [];
  const unit = words.length > 1 ? unitOfWord(words.at(-1) ?? '') : undefined;
  if (unit !== undefined) words.pop();
  if (unit !== undefined && words.length > 1 && /^(?:unix|epoch|in)$/.test(words.at(-1) ?? '')) words.pop();
  return { column, name: words.join(''), unit };
}

/** What columns mean by their names alone. */
export function columnsByName(columns: readonly string[]): Columns {
  const named = columns.map(nameOfColumn);
  const found = new Map<string, Meaning>();
  for (const [field, names] of NAMES) {
    for (const name of names) {
      const same = named.filter(column => column.name === name && !found.has(column.column));
      // Of a time in two units the finer one is exact.
      const [best] = same.sort((a, b) => digitsOf(b.unit) - digitsOf(a.unit));
      if (best === undefined) continue;
      found.set(best.column, { field, unit: isTimeField(field) ? best.unit : undefined });
      break;
    }
  }
  return found;
}

function digitsOf(unit: Unit | undefined): number {
  return unit === undefined ? -1 : UNIT_DIGITS[unit];
}

/** Says whether columns with these meanings are a table of spans. */
export function areSpans(columns: Columns): boolean {
  const fields = new Set(Array.from(columns.values(), ({ field }) => field));
  return fields.has('trace_id') && fields.has('span_id') && (fields.has('start') || fields.has('end'));
}
