import { isRecord, type JsonRecord, type JsonValue, listOf, recordOf, textOf } from '../drafts/record.ts';
import { readRecord } from '../drafts/record-format.ts';
import type { DecodeContext, JsonFormat } from '../format.ts';
import type { JsonCursor } from '../json/cursor.ts';
import type { Outline } from '../json/outline.ts';
import type { Shape } from '../json/shape.ts';
import { type ColumnMap, columnsByName } from '../rows/columns.ts';
import { headingOf } from '../rows/heading.ts';
import { isSpanTable } from '../rows/row-reader.ts';
import { Rows } from './rows.ts';

// Tables of spans that are one document: the whole answer of a query, whose rows or columns are arrays.
// {"meta":[{"name":"Timestamp","type":"DateTime64(9)"},…],"data":[[…],[…]],"rows":2}                      (JSONCompact)
// {"meta":[…],"data":{"Timestamp":["2026-11-02 00:00:00.123456789",…],"TraceId":[…],…},"rows":2}          (JSONColumnsWithMetadata)
// {"Timestamp":["2026-11-02 00:00:00.123456789",…],"TraceId":[…],…}                                       (JSONColumns)
// [["2026-11-02 00:00:00.123456789",…],["a1fbefbeffb0c1d2e3f405162738495a",…],…]                          (JSONCompactColumns)
// A row is a record. Columns make no row before the last of them is there: they are one record.

type Container = 'rows' | 'data-columns' | 'columns' | 'unnamed-columns';

export function rowArraysDocument(name: Pick<JsonFormat, 'name' | 'title' | 'recognised'>): JsonFormat {
  return {
    ...name,
    family: 'json',
    sniff(outline, columnMap) {
      const container = containerOf(outline, columnMap);
      return container === undefined ? undefined : { container };
    },
    open(context, offsetOf) {
      const shapes = shapesFor(context, offsetOf);
      return container => shapes[container as Container];
    },
  };
}

function containerOf({ paths, opening, complete }: Outline, columnMap: ColumnMap | undefined): Container | undefined {
  // Of unnamed columns only the first four are looked at, none of which has parts.
  if (opening === '[') return complete && paths.size === 2 && paths.has('[][]') ? 'unnamed-columns' : undefined;
  if (paths.has('.meta[].name') && paths.has('.meta[].type')) {
    if (paths.has('.data[][]')) return 'rows';
    return isTableOf(keysUnder('.data', paths), columnMap) ? 'data-columns' : undefined;
  }
  const arrays = keysUnder('', paths).filter(column => paths.has(`.${column}[]`));
  return isTableOf(arrays, columnMap) ? 'columns' : undefined;
}

/** The keys of the object at a path. */
function keysUnder(path: string, paths: ReadonlySet<string>): string[] {
  const keys: string[] = [];
  let last: string | undefined;
  for (const key of paths) {
    // The paths of what a value holds stand behind its own.
    const isInside = last !== undefined && (key.startsWith(`${last}.`) || key.startsWith(`${last}[]`));
    if (isInside || !key.startsWith(`${path}.`)) continue;
    last = key;
    keys.push(key.slice(path.length + 1));
  }
  return keys;
}

function isTableOf(columns: readonly string[], columnMap: ColumnMap | undefined): boolean {
  // A span by itself may have arrays for its ids and times, but not for its name.
  const isNamed = columnMap !== undefined || [...columnsByName(columns).values()].some(({ field }) => field === 'name');
  return isNamed && isSpanTable(columns, columnMap);
}

function shapesFor(context: DecodeContext, offsetOf: (position: number) => number): Record<Container, Shape> {
  const rows = new Rows(context);
  let isTold = false;
  const tellForeign = (offset: number, detail: string) => {
    if (!isTold) rows.skip('unrecognised-json', offset, detail);
    isTold = true;
  };
  const readMeta = (cursor: JsonCursor) => {
    const columns = listOf(readRecord(cursor)).map(column => (isRecord(column) ? (textOf(column.name) ?? '') : ''));
    const heading = headingOf(columns, context.columnMap);
    if (heading === undefined) rows.end();
    else rows.begin(heading);
  };
  const readRow = (cursor: JsonCursor) => {
    const offset = offsetOf(cursor.position);
    const row = readRecord(cursor);
    if (rows.hasBegun) rows.write(listOf(row), offset);
    else tellForeign(offset, 'a table that is none of spans');
  };
  const readColumns = (cursor: JsonCursor) => {
    const offset = offsetOf(cursor.position);
    const record: JsonRecord = recordOf(readRecord(cursor));
    const columns = Object.entries(record).filter(([, cells]) => Array.isArray(cells));
    const others = Object.keys(record).filter(column => !Array.isArray(record[column]));
    for (const column of others) rows.repair('unexpected-type', offset, `${column} is no column`);
    rows.begin({ columns: columns.map(([column]) => column), isFirstRow: true, map: context.columnMap });
    rows.writeColumns(
      columns.map(([, cells]) => listOf(cells)),
      offset,
    );
  };
  const readUnnamed = (cursor: JsonCursor) => {
    const offset = offsetOf(cursor.position);
    const columns = listOf(readRecord(cursor)).map(listOf);
    const first: JsonValue[] = columns.map(([cell]) => cell ?? null);
    const heading = headingOf(first, context.columnMap);
    if (heading === undefined) return tellForeign(offset, 'an array of arrays');
    rows.begin(heading);
    rows.writeColumns(heading.isFirstRow ? columns.map(cells => cells.slice(1)) : columns, offset);
  };
  const open = () => {
    rows.end();
    isTold = false;
  };
  const whole = (read: (cursor: JsonCursor) => void): Shape => ({
    value: cursor => {
      open();
      read(cursor);
    },
  });
  return {
    rows: { open, fields: { meta: { value: readMeta }, data: { items: { value: readRow } } } },
    'data-columns': { open, fields: { data: { value: readColumns } } },
    columns: whole(readColumns),
    'unnamed-columns': whole(readUnnamed),
  };
}
