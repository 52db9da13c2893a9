import { isRecord, type JsonRecord, type JsonValue, recordOf } from '../drafts/record.ts';
import { type RecordContext, recordFormat } from '../drafts/record-format.ts';
import type { DecodeContext, JsonFormat } from '../format.ts';
import type { Outline } from '../json/outline.ts';
import { isSpanTable, presetOf, type RowReader, readerFor } from '../rows/row-reader.ts';

// Rows of a table of spans as JSON: one a line, in an array, or in the answer of a query.
// {"trace_id":"9385…","span_id":"279b…","parent_span_id":null,"name":"GET /","service_name":"shop","start_time_ms":1626371667388,"duration_ms":12}
// {"result":[{"list":[{"timestamp":"1700000000000000000","data":{"traceID":"00aa…","spanID":"a1b2…","name":"GET /","durationNano":"5200"}}]}]}   (SigNoz)

const NAME = {
  name: 'row-json',
  title: 'JSON rows of a table of spans',
  recognised: 'rows with a trace id, a span id and a start, under any usual name',
} as const;

/** Where rows may stand: by themselves, in what ClickHouse and others answer, in the answers of SigNoz (versions 3 to 5). */
const PLACES = [
  '',
  '[]',
  '.data[]',
  '.row',
  '.rows[]',
  '.result[].list[]',
  '.data.result[].list[]',
  '.data.data.results[].rows[]',
];
/** Rows in an object, as `row_1`, `row_2`, …: ClickHouse's JSONObjectEachRow. Such a document is one record. */
const BY_NAME = 'by name';
/** The row itself may stand beside its time. */
const INNER = 'data';

/** Rows of any table of spans. */
export const rowJson: JsonFormat = {
  ...NAME,
  family: 'json',
  isLoose: true,
  sniff: (outline, columnMap) =>
    outline.complete ? sightingOf(outline, columns => isSpanTable(columns, columnMap)) : undefined,
  open(context, offsetOf) {
    const inPlaces = (places: readonly string[], rowsOf: (record: JsonRecord) => readonly JsonValue[]) =>
      recordFormat({
        ...NAME,
        places,
        matches: () => false,
        open: records => {
          const write = rowWriter(records, context);
          return { read: value => rowsOf(recordOf(value)).forEach(write) };
        },
      }).open(context, offsetOf);
    const alone = inPlaces(PLACES, row => [row]);
    const byName = inPlaces([''], Object.values);
    return container => (container === BY_NAME ? byName('') : alone(container));
  },
};

function rowWriter({ emit, repair }: RecordContext, { columnMap }: DecodeContext): (value: JsonValue) => void {
  const readers = new Map<string, RowReader>();
  return value => {
    const row = rowOf(recordOf(value));
    const columns = Object.keys(row);
    const known = columns.join('\0');
    const reader = readers.get(known) ?? readerFor(columns, columnMap, repair);
    if (!readers.has(known) && readers.size >= MAX_READERS) readers.clear();
    readers.set(known, reader);
    emit(() => reader(row));
  };
}

/**
 * The same rows where it is certain that they are: columns that a preset knows, or that the user named. Asked for first, for some
 * have fields under the names of OTLP or Jaeger beside columns that those do not have.
 */
export const knownRowJson: JsonFormat = {
  ...rowJson,
  sniff: (outline, columnMap) =>
    sightingOf(outline, columns => {
      if (columnMap !== undefined) return isSpanTable(columns, columnMap);
      const preset = presetOf(new Set(columns));
      return preset !== undefined && preset.hasOwnJson !== true;
    }),
};

/** How many sets of columns are remembered: rows may leave out what is empty. */
const MAX_READERS = 1024;

function sightingOf(
  outline: Outline,
  isTable: (columns: readonly string[]) => boolean,
): { container: string } | undefined {
  const container = PLACES.find(
    place =>
      place.startsWith('[') === (outline.opening === '[') &&
      (place === '' || outline.paths.has(place)) &&
      isTable(columnsAt(place, outline)),
  );
  if (container !== undefined) return { container };
  const [name] = outline.paths;
  return name === '.row_1' && isTable(columnsAt(name, outline)) ? { container: BY_NAME } : undefined;
}

/** The columns of the rows at a place: their keys, also those of the row inside, but not those of other objects. */
function columnsAt(place: string, { paths }: Outline): string[] {
  const columns: string[] = [];
  const start = `${place}.`;
  let object: string | undefined;
  for (const path of paths) {
    if (!path.startsWith(start)) continue;
    const column = path.slice(start.length);
    // The paths of what an object holds stand behind its own.
    if (object !== undefined && (column.startsWith(`${object}.`) || column.startsWith(`${object}[]`))) {
      if (object === INNER && !column.slice(INNER.length + 1).includes('.'))
        columns.push(column.slice(INNER.length + 1));
      continue;
    }
    columns.push(column);
    object = column;
  }
  return columns;
}

/** The row, with what stands beside it. */
function rowOf(record: JsonRecord): JsonRecord {
  const inner: JsonValue | undefined = record[INNER];
  if (!isRecord(inner)) return record;
  const { [INNER]: _, ...rest } = record;
  return { ...rest, ...inner };
}
