import { distance } from 'fastest-levenshtein';
import { type ExitCode, UserError } from '../errors.ts';
import type { TableColumn } from '../terminal/columns.ts';
import type { Screen } from '../terminal/screen.ts';
import type { Line } from '../terminal/styled.ts';

// The result of a command, before it is decided how it is written: `data` is the promise to machines, `blocks` the view
// for people, `records` the main list for formats that are tables.

export interface Report {
  /** The documented JSON. A `bigint` is written as a string of decimal digits. Undefined fields are left out. */
  readonly data: object;
  /** The main list of `data`, with its fields in order. */
  readonly records?: Records;
  /** The view for people; made only if it is asked for. */
  readonly blocks: (screen: Screen) => Block[];
  /** True where a pipe gets the records as lines of fields rather than the view for people. */
  readonly isList?: boolean;
  /** Sentences for stderr: what was left out and how to see it. */
  readonly notes?: readonly string[];
  /** The verdict; 0 unless told otherwise. */
  readonly exitCode?: ExitCode;
}

export interface Records {
  /** The name of the list in `data`. */
  readonly name: string;
  readonly fields: readonly Field[];
  readonly rows: readonly object[];
}

/** What a field holds, and with that how it looks in a table. */
export type FieldType =
  | 'text'
  | 'id'
  | 'count'
  | 'integer'
  | 'time'
  | 'duration'
  | 'millis'
  | 'share'
  | 'rate'
  | 'flag'
  | 'list'
  | 'object';

export interface Field {
  /** The name, in JSON as in `--fields`. */
  readonly name: string;
  readonly type: FieldType;
  /** The heading in tables; the name where it is not given. */
  readonly title?: string;
  /** Shown by formats that are tables only when asked for with `--fields`. */
  readonly isExtra?: boolean;
}

export type Block =
  | { readonly kind: 'heading'; readonly text: Line }
  /** Lines that are cut where the screen ends. */
  | { readonly kind: 'lines'; readonly lines: readonly Line[] }
  /** A sentence or list that is broken at spaces where the screen ends; `indent` columns from the second line on. */
  | { readonly kind: 'prose'; readonly text: Line; readonly indent?: number }
  | { readonly kind: 'table'; readonly columns: readonly TableColumn[]; readonly rows: readonly (readonly Line[])[] }
  /** Names and values side by side; a value that is longer than its line goes on below its beginning. */
  | { readonly kind: 'pairs'; readonly pairs: readonly (readonly [string, Line])[] };

/** One way to write a report. */
export interface Renderer {
  readonly name: string;
  /** Yields the text in pieces. */
  render(report: Report, options: RenderOptions): AsyncGenerator<string> | Generator<string>;
}

export interface RenderOptions {
  readonly screen: Screen;
  /** Names of record fields to write, in order; all (but extras) where it is undefined. */
  readonly fields: readonly string[] | undefined;
  /** Whether `plain` begins with a line of field names. */
  readonly header: boolean;
}

/**
 * The fields that a table format writes. A name may lead into an object: `status.code`, `attributes.http.route`.
 * Throws `UserError` for a name that is not a field.
 */
export function chosenFields(records: Records, names: readonly string[] | undefined): readonly Field[] {
  if (names === undefined) return records.fields.filter(field => field.isExtra !== true);
  return names.map(name => {
    const known = records.fields.find(field => field.name === name);
    if (known !== undefined) return known;
    const head = name.split('.')[0];
    const isInside = records.fields.some(field => field.name === head && field.type === 'object');
    if (isInside && name !== head) return { name, type: 'text' };
    const [nearest] = records.fields
      .map(field => ({ name: field.name, distance: distance(field.name.toLowerCase(), name.toLowerCase()) }))
      .sort((a, b) => a.distance - b.distance);
    const isNear = nearest !== undefined && nearest.distance <= 3;
    throw new UserError(`there is no field '${name}'${isNear ? `; did you mean '${nearest.name}'?` : ''}`, {
      hint: `fields are ${records.fields.map(field => field.name).join(', ')}`,
    });
  });
}

/** The value of a field, whose name may lead into objects: the longest key that fits is taken at each step. */
export function fieldValue(row: object, name: string): unknown {
  const own = ownValue(row, name);
  if (own !== undefined) return own;
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const inner = ownValue(row, name.slice(0, dot));
    if (typeof inner === 'object' && inner !== null) return fieldValue(inner, name.slice(dot + 1));
  }
  return undefined;
}

function ownValue(row: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(row, name)?.value;
}
