import { type Cell, idOfCell, isEmptyCell, jsonOfCell, kindOfCell, statusOfCell, timeOfCell } from './cells.ts';
import type { ColumnMap, Columns } from './columns.ts';
import { isSpanTable } from './row-reader.ts';

// What the columns of a table are called that comes as rows of cells: its first row says it, or the user does, by position, or it
// is told by what stands in them.

/** The names of a table's columns. */
export interface Heading {
  readonly columns: readonly string[];
  /** The first row holds the names; else it is a row like the others. */
  readonly isFirstRow: boolean;
  /** What the user says of the columns, by these names. */
  readonly map: ColumnMap | undefined;
}

/** Returns the heading of a table of spans that begins with this row; undefined where it is no such table. */
export function headingOf(first: readonly Cell[], map: ColumnMap | undefined): Heading | undefined {
  const names = namesIn(first);
  if (names !== undefined && isSpanTable(names, map)) return { columns: names, isFirstRow: true, map };
  if (map === undefined) return isOtelTracesRow(first) ? otelTraces(first.length) : undefined;
  return isByPosition(map) ? headingByPosition(first, names, map) : undefined;
}

/** The texts of a row that may hold names; those that come twice are told apart by numbers. */
function namesIn(row: readonly Cell[]): string[] | undefined {
  const seen = new Map<string, number>();
  const names: string[] = [];
  for (const cell of row) {
    if (typeof cell !== 'string') return undefined;
    const count = (seen.get(cell) ?? 0) + 1;
    seen.set(cell, count);
    names.push(count === 1 ? cell : `${cell}_${count}`);
  }
  return names;
}

/** Says whether all columns that the user names are numbers of columns, the first being 1. */
function isByPosition({ columns }: ColumnMap): boolean {
  return [...columns.keys()].every(column => /^[1-9]\d{0,3}$/.test(column));
}

function headingByPosition(
  first: readonly Cell[],
  names: readonly string[] | undefined,
  map: ColumnMap,
): Heading | undefined {
  const positions = first.map((_, index) => String(index + 1));
  const [time] =
    [...map.columns].find(([, { field }]) => field === 'start') ??
    [...map.columns].find(([, { field }]) => field === 'end') ??
    [];
  const cell = first[Number(time) - 1];
  // Where a time should stand and a word does, the row holds names; they then name the columns that the user did not.
  const isNamed = names !== undefined && !isEmptyCell(cell) && timeOfCell(cell) === undefined;
  if (!isNamed) return isSpanTable(positions, map) ? { columns: positions, isFirstRow: false, map } : undefined;
  const columns: Columns = new Map(
    [...map.columns].map(([position, meaning]) => [names[Number(position) - 1] ?? position, meaning]),
  );
  const byName = { ...map, columns };
  return isSpanTable(names, byName) ? { columns: names, isFirstRow: true, map: byName } : undefined;
}

/**
 * The columns of `otel_traces` as the Collector's exporter makes it, for ClickHouse's formats that name none: TabSeparated, CSV and
 * JSONCompactEachRow. Columns that somebody added stand behind them.
 */
const OTEL_TRACES = [
  ...['Timestamp', 'TraceId', 'SpanId', 'ParentSpanId', 'TraceState', 'SpanName', 'SpanKind', 'ServiceName'],
  ...['ResourceAttributes', 'ScopeName', 'ScopeVersion', 'SpanAttributes', 'Duration', 'StatusCode', 'StatusMessage'],
  ...['Events.Timestamp', 'Events.Name', 'Events.Attributes'],
  ...['Links.TraceId', 'Links.SpanId', 'Links.TraceState', 'Links.Attributes'],
];

function isOtelTracesRow(row: readonly Cell[]): boolean {
  const [start, traceId, spanId, parentId, , , kind] = row;
  const text = (cell: Cell | undefined) => String(jsonOfCell(cell) ?? '');
  return (
    row.length >= OTEL_TRACES.length &&
    timeOfCell(start) !== undefined &&
    /^[0-9a-f]{32}$/i.test(text(traceId)) &&
    /^[0-9a-f]{16}$/i.test(text(spanId)) &&
    (idOfCell(parentId, true) === undefined || /^[0-9a-f]{16}$/i.test(text(parentId))) &&
    kindOfCell(kind) !== undefined &&
    /^\d+$/.test(text(row[OTEL_TRACES.indexOf('Duration')])) &&
    statusOfCell(row[OTEL_TRACES.indexOf('StatusCode')]) !== undefined
  );
}

function otelTraces(length: number): Heading {
  const columns = Array.from({ length }, (_, index) => OTEL_TRACES[index] ?? String(index + 1));
  return { columns, isFirstRow: false, map: undefined };
}

/** Says whether a row holds the types of ClickHouse's columns, as `…WithNamesAndTypes` has it behind the names. */
export function isTypeRow(row: readonly Cell[]): boolean {
  return (
    row.every(cell => typeof cell === 'string' && /^[A-Z][A-Za-z0-9]*(?:\(.*\))?$/s.test(cell)) &&
    row.some(cell => typeof cell === 'string' && /String|DateTime/.test(cell))
  );
}
