import { sanitize } from '../terminal/sanitize.ts';
import { exactCell } from './cells.ts';
import { chosenFields, fieldValue, type Renderer } from './report.ts';

/**
 * The main list as CSV (RFC 4180, but for LF): a header of field names, values as in JSON. A cell that a spreadsheet
 * would run as a formula is set behind an apostrophe. On a terminal control characters are written as elsewhere.
 */
export const csv: Renderer = {
  name: 'csv',
  *render({ data, records }, { fields, screen }) {
    const cell = (value: unknown) => csvCell(screen.isTerminal ? sanitize(exactCell(value)) : exactCell(value));
    if (records === undefined) {
      const scalars = Object.entries(data).filter(([, value]) => typeof value !== 'object');
      yield `${scalars.map(([name]) => csvCell(name)).join(',')}\n`;
      yield `${scalars.map(([, value]) => cell(value)).join(',')}\n`;
      return;
    }
    const chosen = chosenFields(records, fields);
    yield `${chosen.map(field => csvCell(field.name)).join(',')}\n`;
    for (const row of records.rows) yield `${chosen.map(field => cell(fieldValue(row, field.name))).join(',')}\n`;
  },
};

/** Returns a cell's text, quoted where it must be. */
export function csvCell(text: string): string {
  const isNumber = /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text);
  const safe = /^[=+\-@\t\r\n]/.test(text) && !isNumber ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
