import type { ValueColumns } from '../model/span-batch.ts';
import type { TableAppender } from './appender.ts';
import { LONGEST_SHORT } from './attribute-tables.ts';

// New attribute values into the two tables that the view `attribute` is made of (schema/001-initial.sql). Which of them a value is in
// depends on its length alone.

export interface AttributeAppenders {
  readonly shortAttribute: TableAppender;
  readonly longAttribute: TableAppender;
}

/** Appends the values of a batch; `keyIds` are the ids of its producer's keys. */
export function writeAttributes(appenders: AttributeAppenders, values: ValueColumns, keyIds: Uint32Array): void {
  const short = new Uint32Array(values.count);
  const long = new Uint32Array(values.count);
  const shortCount = split(values.textEnd, short, long);
  append(appenders.shortAttribute, values, keyIds, short.subarray(0, shortCount));
  append(appenders.longAttribute, values, keyIds, long.subarray(0, values.count - shortCount));
}

function append(table: TableAppender, values: ValueColumns, keyIds: Uint32Array, rows: Uint32Array): void {
  for (let from = 0; from < rows.length; ) {
    const piece = rows.subarray(from, from + table.room);
    fill(table.words(0), table.words(1), table.bytes(2), table.row, values, keyIds, piece);
    table.setTexts(3, values.text, values.textEnd, piece);
    table.advance(piece.length);
    from += piece.length;
  }
}

// Loops over values are functions of their own, as in pending-spans.ts.

/** Tells the rows of short texts from those of long ones; returns how many are short. */
function split(ends: Uint32Array, short: Uint32Array, long: Uint32Array): number {
  let shortCount = 0;
  let from = 0;
  for (let row = 0; row < short.length; row++) {
    const to = ends[row]!;
    if (to - from <= LONGEST_SHORT) short[shortCount++] = row;
    else long[row - shortCount] = row;
    from = to;
  }
  return shortCount;
}

/** Sets what is no text, from row `at` of the columns on. */
function fill(
  id: Uint32Array,
  key: Uint32Array,
  type: Uint8Array,
  at: number,
  values: ValueColumns,
  keyIds: Uint32Array,
  rows: Uint32Array,
): void {
  const { firstId, key: keyOf, type: typeOf } = values;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    id[at + index] = firstId + row;
    key[at + index] = keyIds[keyOf[row]!]!;
    type[at + index] = typeOf[row]!;
  }
}
