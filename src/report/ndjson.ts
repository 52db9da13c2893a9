import { jsonText } from './json-text.ts';
import { chosenFields, fieldValue, type Renderer } from './report.ts';

/** The main list, one JSON object a line; the whole answer on one line where it has no list. */
export const ndjson: Renderer = {
  name: 'ndjson',
  *render({ data, records }, { fields }) {
    if (records === undefined) {
      yield `${jsonText({ schemaVersion: 1, ...data }, true)}\n`;
      return;
    }
    const chosen = fields === undefined ? undefined : chosenFields(records, fields);
    for (const row of records.rows) {
      const line =
        chosen === undefined ? row : Object.fromEntries(chosen.map(({ name }) => [name, fieldValue(row, name)]));
      yield `${jsonText(line, true)}\n`;
    }
  },
};
