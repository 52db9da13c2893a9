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
  let shortCount = 0;
  let longCount = 0;
  let from = 0;
  for (let row = 0; row < values.count; row++) {
    const to = values.textEnd[row]!;
    if (to - from <= LONGEST_SHORT) short[shortCount++] = row;
    else long[longCount++] = row;
    from = to;
  }
  append(appenders.shortAttribute, values, keyIds, short.subarray(0, shortCount));
  append(appenders.longAttribute, values, keyIds, long.subarray(0, longCount));
}

function append(table: TableAppender, values: ValueColumns, keyIds: Uint32Array, rows: Uint32Array): void {
  const id = table.words(0);
  const key = table.words(1);
  const type = table.bytes(2);
  for (let from = 0; from < rows.length; ) {
    const piece = rows.subarray(from, from + table.room);
    let at = table.row;
    for (const row of piece) {
      id[at] = values.firstId + row;
      key[at] = keyIds[values.key[row]!]!;
      type[at] = values.type[row]!;
      at++;
    }
    table.setTexts(3, values.text, values.textEnd, piece);
    table.advance(piece.length);
    from += piece.length;
  }
}
